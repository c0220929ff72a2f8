//! `safelight open`.

use super::{Context, Failure, Outcome};

/// Arguments of `open`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `open`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`open` is not built yet", "use a later version"))
}

//! `safelight inspect`.

use super::{Context, Failure, Outcome};

/// Arguments of `inspect`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `inspect`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`inspect` is not built yet", "use a later version"))
}

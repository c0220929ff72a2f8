//! `safelight export`.

use super::{Context, Failure, Outcome};

/// Arguments of `export`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `export`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`export` is not built yet", "use a later version"))
}

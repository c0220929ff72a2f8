//! `safelight breach`.

use super::{Context, Failure, Outcome};

/// Arguments of `breach`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `breach`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`breach` is not built yet", "use a later version"))
}

//! `safelight check`.

use super::{Context, Failure, Outcome};

/// Arguments of `check`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `check`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`check` is not built yet", "use a later version"))
}

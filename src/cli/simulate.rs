//! `safelight simulate`.

use super::{Context, Failure, Outcome};

/// Arguments of `simulate`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `simulate`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`simulate` is not built yet", "use a later version"))
}

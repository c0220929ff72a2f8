//! `safelight custody`.

use super::{Context, Failure, Outcome};

/// Arguments of `custody`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `custody`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`custody` is not built yet", "use a later version"))
}

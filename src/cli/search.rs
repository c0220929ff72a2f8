//! `safelight search`.

use super::{Context, Failure, Outcome};

/// Arguments of `search`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `search`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`search` is not built yet", "use a later version"))
}

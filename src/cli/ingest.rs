//! `safelight ingest`.

use super::{Context, Failure, Outcome};

/// Arguments of `ingest`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `ingest`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`ingest` is not built yet", "use a later version"))
}

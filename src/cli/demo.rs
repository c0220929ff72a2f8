//! `safelight demo`.

use super::{Context, Failure, Outcome};

/// Arguments of `demo`.
#[derive(clap::Args)]
pub struct Args {}

/// Runs `demo`.
pub fn run(_args: Args, _context: &Context) -> Result<Outcome, Failure> {
    Err(Failure::usage("`demo` is not built yet", "use a later version"))
}

//! `safelight generate`: shell completions and man pages, from the same definitions as `--help`.

use std::path::PathBuf;

use clap::CommandFactory;
use clap_complete::Shell;

use super::terminal::to_stdout;
use super::{Cli, Context, Failure, Outcome};

/// Arguments of `generate`.
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Print a completion script for a shell
    Completions {
        /// The shell to complete for
        shell: Shell,
    },
    /// Write a man page for every verb
    Man {
        /// Existing folder that gets safelight.1, safelight-ingest.1 and so on
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

/// Runs `generate`.
pub fn run(args: Args, _context: &Context) -> Result<Outcome, Failure> {
    match args.what {
        What::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "safelight", &mut script);
            to_stdout(&script).map_err(|error| {
                Failure::usage(format!("the script could not be written: {error}"), "redirect stdout to a file")
            })?;
        }
        What::Man { out } => clap_mangen::generate_to(Cli::command(), &out).map_err(|error| {
            Failure::usage(
                format!("no man page could be written to {}: {error}", out.display()),
                "name an existing folder that you may write to",
            )
        })?,
    }
    Ok(Outcome::Done)
}

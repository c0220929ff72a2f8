//! `safelight generate`: shell completions and man pages, from the same definitions as `--help`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::target::{must_lie_outside, unwritable};
use super::terminal::{shown, to_stdout};
use super::{Cli, Context, Failure, Outcome};
use crate::files;

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
        What::Man { out } => write_pages(&out)?,
    }
    Ok(Outcome::Done)
}

/// Writes the pages that are not there as they would be; another file under one's name is not overwritten, and none is
/// written then.
fn write_pages(out: &Path) -> Result<(), Failure> {
    let unusable = |error: io::Error| {
        Failure::usage(
            format!("no man page could be written to {}: {error}", shown(out)),
            "name an existing folder that you may write to",
        )
    };
    fs::read_dir(out).map_err(unusable)?;
    must_lie_outside(out)?;
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    render(command, &mut pages).map_err(unusable)?;
    let mut new = Vec::new();
    for (name, page) in pages {
        let path = out.join(name);
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => new.push((path, page)),
            Err(error) => return Err(unusable(error)),
            Ok(there) if there.is_file() && files::read(&path, files::MAX_NOTE).is_ok_and(|found| found == page) => {}
            Ok(_) => return Err(unwritable(&path, &io::ErrorKind::AlreadyExists.into())),
        }
    }
    for (path, page) in new {
        File::create_new(&path)
            .and_then(|mut file| file.write_all(&page))
            .map_err(|error| unwritable(&path, &error))?;
    }
    Ok(())
}

/// The page of a command and those of its own.
fn render(command: Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
    for inner in command.get_subcommands().filter(|inner| !inner.is_hide_set()) {
        render(inner.clone(), pages)?;
    }
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render(&mut page)?;
    pages.push((man.get_filename(), page));
    Ok(())
}

//! `safelight generate`: shell completions and man pages, from the same definitions as `--help`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::target::{must_lie_outside, unwritable};
use super::terminal::{shown, to_stdout};
use super::{Cli, Context, Failure, Outcome, examples};
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
        #[arg(long, short, value_name = "DIR")]
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
    let verb = command.get_bin_name().unwrap_or_default().trim_start_matches("safelight").trim().to_owned();
    let details = command.get_after_help().map(ToString::to_string);
    let has_verbs = command.has_subcommands();
    let man = Man::new(command);
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    section("EXAMPLES", examples::of(&verb), &mut page)?;
    man.render_options_section(&mut page)?;
    if has_verbs {
        man.render_subcommands_section(&mut page)?;
    }
    section("DETAILS", details, &mut page)?;
    man.render_version_section(&mut page)?;
    // The oldest readers know no other letters.
    let page = String::from_utf8_lossy(&page).replace('…', "...").into_bytes();
    pages.push((man.get_filename(), page));
    Ok(())
}

/// A section of paragraphs, of which indented lines stay as they are.
fn section(name: &str, text: Option<String>, page: &mut Vec<u8>) -> io::Result<()> {
    let Some(text) = text else { return Ok(()) };
    let mut roff = Roff::new();
    roff.control("SH", [name]);
    for paragraph in text.split("\n\n") {
        let is_kept = paragraph.starts_with(' ');
        roff.control(if is_kept { "nf" } else { "PP" }, []);
        for line in paragraph.lines() {
            roff.text([roman(line.trim_end())]);
        }
        if is_kept {
            roff.control("fi", []);
        }
    }
    roff.to_writer(page)
}

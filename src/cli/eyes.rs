//! Which nets look at images: those in the binary, or the operator's own.

use std::fs;
use std::path::PathBuf;

use super::Failure;
use super::terminal::{chain, shown};
use crate::vision::Nets;

/// Arguments of every verb that looks at images.
#[derive(clap::Args)]
pub struct EyesArgs {
    /// Folder with nets of your own, `detector.slnn` and `reader.slnn`, instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

impl EyesArgs {
    /// Reads the nets.
    pub fn nets(&self) -> Result<Nets, Failure> {
        let Some(folder) = &self.models else {
            return Ok(Nets::builtin());
        };
        let read = |name| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| {
                Failure::usage(
                    format!("{} cannot be read: {error}", shown(&path)),
                    "give a folder with detector.slnn and reader.slnn",
                )
            })
        };
        Nets::parse(&read("detector.slnn")?, &read("reader.slnn")?)
            .map_err(|error| Failure::usage(chain(&error), "give nets that training/export.py wrote"))
    }
}

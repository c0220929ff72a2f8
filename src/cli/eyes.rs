//! Which nets look at images: those in the binary, or the operator's own.

use std::fs;
use std::path::PathBuf;

use super::Failure;
use super::terminal::{chain, shown};
use crate::vision::{NetFiles, Nets};

/// Arguments of every verb that looks at images.
#[derive(clap::Args)]
pub struct EyesArgs {
    /// Folder with nets of your own (detector, refine-plate, refine-face and reader, each .slnn), instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
}

impl EyesArgs {
    /// Reads the nets.
    pub fn nets(&self) -> Result<Nets, Failure> {
        let Some(folder) = &self.models else {
            return Ok(Nets::builtin());
        };
        let files = NetFiles::NAMES.try_map(|name| {
            let path = folder.join(name);
            fs::read(&path).map_err(|error| {
                Failure::usage(
                    format!("{} cannot be read: {error}", shown(&path)),
                    "give a folder with detector.slnn, refine-plate.slnn, refine-face.slnn and reader.slnn",
                )
            })
        })?;
        Nets::parse(&files).map_err(|error| Failure::usage(chain(&error), "give nets that training/export.py wrote"))
    }
}

//! Which nets look at images: those in the binary, or the operator's own.

use std::fs;
use std::path::PathBuf;

use super::Failure;
use super::terminal::{chain, shown};
use crate::vision::{NetFiles, Nets, PlateRegion};

/// Arguments of every verb that looks at images.
#[derive(clap::Args)]
pub struct EyesArgs {
    /// Folder with nets of your own (detector, refine-plate, refine-face and reader, each .slnn), instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Whose plates are expected, parted by commas (eu: its members and uk): where the reader is unsure, spellings in
    /// their patterns weigh more; all others are read all the same
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', value_enum)]
    plates: Vec<Expected>,
    #[cfg(feature = "onnx")]
    #[command(flatten)]
    own: super::detector::DetectorArgs,
}

// The names say it all; documented one by one they would take more room in the help than everything else.
#[derive(Clone, Copy, clap::ValueEnum)]
enum Expected {
    Us,
    Ca,
    Mx,
    Br,
    Ar,
    Uk,
    Eu,
}

impl From<Expected> for PlateRegion {
    fn from(expected: Expected) -> Self {
        match expected {
            Expected::Us => Self::Us,
            Expected::Ca => Self::Ca,
            Expected::Mx => Self::Mx,
            Expected::Br => Self::Br,
            Expected::Ar => Self::Ar,
            Expected::Uk => Self::Uk,
            Expected::Eu => Self::Eu,
        }
    }
}

impl EyesArgs {
    /// Reads the nets.
    pub fn nets(&self) -> Result<Nets, Failure> {
        let expected: Vec<PlateRegion> = self.plates.iter().map(|region| (*region).into()).collect();
        let nets = self.trained()?.expecting(&expected);
        #[cfg(feature = "onnx")]
        let nets = self.own.beside(nets)?;
        Ok(nets)
    }

    fn trained(&self) -> Result<Nets, Failure> {
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

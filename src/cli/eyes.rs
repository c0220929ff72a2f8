//! Which nets look at images: those in the binary, or the operator's own.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::PossibleValue;

use super::Failure;
use super::terminal::{chain, say, shown};
use crate::capture::Effort;
use crate::files;
use crate::vision::{NetFiles, Nets, PlateRegion};

/// How many threads look. All of them are there from the start, each with memory of its own.
pub(super) fn threads(text: &str) -> Result<NonZeroUsize, String> {
    /// More than any machine has processors for.
    const MOST: usize = 1024;
    let number: Option<NonZeroUsize> = text.parse().ok();
    number.filter(|number| number.get() <= MOST).ok_or_else(|| format!("a whole number from 1 to {MOST} is wanted"))
}

/// Arguments of every verb that looks at images.
#[derive(clap::Args)]
pub struct EyesArgs {
    /// Folder with nets of your own (detector, refine-plate, refine-face, reader and, for heads, refine-head, each .slnn), instead of the built-in ones
    #[arg(long, value_name = "DIR")]
    models: Option<PathBuf>,
    /// Whose plates are expected, parted by commas (eu: its members and uk): where the reader is unsure, spellings in
    /// their patterns weigh more; all others are read all the same
    #[arg(long, value_name = "REGIONS", value_delimiter = ',', value_enum)]
    plates: Vec<PlateRegion>,
    /// How hard to look: more finds more, takes longer, and blanks more in vain (fast: two scales; normal: three; thorough:
    /// also enlarged, mirrored and turned) [default: normal, or what the policy asks for]
    #[arg(long, value_name = "EFFORT", value_enum)]
    effort: Option<Effort>,
    /// Find heads of which no face is seen, too: from behind, under helmets [default: on with --effort thorough]
    #[arg(long, value_name = "on|off", value_enum, num_args = 0..=1, default_missing_value = "on", require_equals = true)]
    heads: Option<Switch>,
    #[cfg(feature = "onnx")]
    #[command(flatten)]
    own: super::detector::DetectorArgs,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Switch {
    On,
    Off,
}

// By hand: what a variant's documentation says would take more room in the help than everything else, and the library
// knows nothing of command lines.
impl clap::ValueEnum for PlateRegion {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.code()))
    }
}

impl clap::ValueEnum for Effort {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

impl EyesArgs {
    /// Reads the nets, which look at least so hard.
    pub fn nets(&self, least: Effort) -> Result<Nets, Failure> {
        let effort = self.effort.unwrap_or(least.max(Effort::default()));
        if effort < least {
            let (asked, least) = (effort.name(), least.name());
            return Err(Failure::usage(
                format!("--effort {asked} is less than the custodian's policy asks for: {least}"),
                format!("give --effort {least}, or none"),
            ));
        }
        if least == Effort::Thorough && self.heads == Some(Switch::Off) {
            return Err(Failure::usage(
                "--heads=off is less than the custodian's policy asks for: thorough, which looks for heads",
                "leave it out",
            ));
        }
        let mut nets = self.trained()?.expecting(&self.plates).with_effort(effort);
        if !nets.can_find_heads() {
            if self.heads == Some(Switch::On) {
                return Err(Failure::usage(
                    "--heads wants a net for heads, and --models has none",
                    "give a folder that holds refine-head.slnn, too, or leave --heads out",
                ));
            }
            if self.heads.is_none() && effort == Effort::Thorough {
                say("note: no heads are looked for: --models has no refine-head.slnn");
            }
        }
        if let Some(heads) = self.heads {
            nets = nets.with_heads(heads == Switch::On);
        }
        #[cfg(feature = "onnx")]
        let nets = self.own.beside(nets)?;
        Ok(nets)
    }

    fn trained(&self) -> Result<Nets, Failure> {
        let Some(folder) = &self.models else {
            return Ok(Nets::builtin());
        };
        let mut names = NetFiles::NAMES;
        names.refine_head = names.refine_head.filter(|name| folder.join(name).exists());
        let files = names.try_map(|name| {
            let path = folder.join(name);
            files::read(&path, files::MAX_LIST).map_err(|error| {
                Failure::usage(
                    format!("{} cannot be read: {error}", shown(&path)),
                    "give a folder with detector.slnn, refine-plate.slnn, refine-face.slnn and reader.slnn",
                )
            })
        })?;
        Nets::parse(&files).map_err(|error| Failure::usage(chain(&error), "give nets that training/export.py wrote"))
    }
}

//! A detector of the operator's own, beside the built-in one.

use std::path::PathBuf;
use std::sync::Arc;

use super::Failure;
use super::terminal::{chain, shown};
use crate::capture::RegionKind;
use crate::files;
use crate::vision::{Nets, OnnxFormat, OnnxModel, OnnxOptions, Second};

/// Arguments that describe it.
#[derive(clap::Args)]
#[command(next_help_heading = "A detector of your own")]
pub struct DetectorArgs {
    /// ONNX file of a detector of your own; what the built-in one finds is blanked as well
    #[arg(long, value_name = "FILE", requires = "detector_format")]
    detector: Option<PathBuf>,
    /// What the file's outputs mean
    #[arg(long, value_enum, requires = "detector")]
    detector_format: Option<Format>,
    /// What a yolo's classes are, in order, parted by commas
    #[arg(
        long,
        value_name = "CLASSES",
        value_enum,
        value_delimiter = ',',
        requires = "detector",
        required_if_eq("detector_format", "yolo")
    )]
    detector_classes: Vec<Class>,
    /// Confidence from which its regions are blanked [default: 0.3 for yunet, 0.25 for yolo, 0.2 for centerface]
    #[arg(long, value_name = "SHARE", requires = "detector")]
    detector_threshold: Option<f32>,
    /// Overlap from which two of its boxes are one [default: 0.45]
    #[arg(long, value_name = "SHARE", requires = "detector")]
    detector_overlap: Option<f32>,
    /// Longer side of what it gets to see, in pixels, where the file leaves that open [default: 640]
    #[arg(long, value_name = "PIXELS", requires = "detector")]
    detector_size: Option<u32>,
    /// Let it alone find what it can find: the built-in detector looks for the rest only
    #[arg(long, requires = "detector")]
    detector_alone: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// YuNet, faces
    Yunet,
    /// YOLO, version 5 or later, without suppression in the file
    Yolo,
    /// CenterFace, faces
    Centerface,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Class {
    /// Licence plates
    Plate,
    /// Faces
    Face,
    /// Something that is not to be blanked
    Other,
}

impl DetectorArgs {
    /// `nets` with the operator's detector beside theirs, if one was given.
    pub fn beside(&self, nets: Nets) -> Result<Nets, Failure> {
        let (Some(path), Some(format)) = (&self.detector, self.detector_format) else { return Ok(nets) };
        if format != Format::Yolo && !self.detector_classes.is_empty() {
            return Err(Failure::usage(
                "--detector-classes is for yolo: the other formats find faces and nothing else",
                "leave it out",
            ));
        }
        let usual = OnnxOptions::new(match format {
            Format::Yunet => OnnxFormat::YuNet,
            Format::Yolo => OnnxFormat::Yolo(self.detector_classes.iter().map(|class| class.kind()).collect()),
            Format::Centerface => OnnxFormat::CenterFace,
        });
        let options = OnnxOptions {
            threshold: self.detector_threshold,
            nms_iou: self.detector_overlap.unwrap_or(usual.nms_iou),
            long_side: self.detector_size.unwrap_or(usual.long_side),
            ..usual
        };
        let file = files::read(path, files::MAX_TABLE).map_err(|error| {
            Failure::usage(format!("{} cannot be read: {error}", shown(path)), "give an ONNX file with --detector")
        })?;
        let model = OnnxModel::parse(file, options).map_err(|error| {
            Failure::usage(
                format!("{} cannot be used: {}", shown(path), chain(&error)),
                "give a file that fits --detector-format, and a yolo's classes, all of them, with --detector-classes",
            )
        })?;
        let model = Arc::new(model);
        let alone_on = if self.detector_alone { model.finds() } else { Vec::new() };
        let read_from = model.threshold();
        Ok(nets.beside(Second::new(move || Box::new(model.detector()), read_from).alone_on(&alone_on)))
    }
}

impl Class {
    fn kind(self) -> Option<RegionKind> {
        match self {
            Self::Plate => Some(RegionKind::Plate),
            Self::Face => Some(RegionKind::Face),
            Self::Other => None,
        }
    }
}

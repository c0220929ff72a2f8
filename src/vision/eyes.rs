//! Detector and reader together: from an image to regions.

use std::sync::Arc;

use thiserror::Error;

use super::detector::NetDetector;
use super::margins::Margins;
use super::meta::{DetectorMeta, ReaderMeta};
use super::reader::NetReader;
use super::{Detection, Detector, Reader};
use crate::capture::{Region, RegionKind};
use crate::frame::LumaSource;
use crate::nn::{Model, ModelError, RunError, Session};

/// Why two weight files do not make a pair of eyes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetsError {
    /// A weight file is damaged.
    #[error("the {net}'s weights are not usable")]
    Model {
        /// `detector` or `reader`.
        net: &'static str,
        /// What is wrong with the file.
        #[source]
        source: ModelError,
    },
    /// A weight file's `meta` lacks a field or has one of the wrong type.
    #[error("the {net}'s weights do not say how they are used")]
    Meta {
        /// `detector` or `reader`.
        net: &'static str,
        /// What is wrong with `meta`.
        #[source]
        source: serde_json::Error,
    },
    /// A field of `meta` has a value that makes no sense.
    #[error("the {net}'s weights have an impossible `{field}`")]
    Field {
        /// `detector` or `reader`.
        net: &'static str,
        /// The field, as FORMAT.md names it.
        field: &'static str,
    },
    /// The net does not run on the inputs that it says it is for.
    #[error("the {net} does not run on its own input")]
    Run {
        /// `detector` or `reader`.
        net: &'static str,
        /// Why.
        #[source]
        source: RunError,
    },
    /// The net's output has another shape than its `meta` says.
    #[error("the {net}'s output has {found:?} rows, columns and channels where {expected:?} are due")]
    Output {
        /// `detector` or `reader`.
        net: &'static str,
        /// Rows, columns, channels.
        expected: [usize; 3],
        /// Rows, columns, channels.
        found: [usize; 3],
    },
}

/// Both nets, parsed and packed once, from which any number of [`Eyes`] are made.
pub struct Nets {
    detector: Arc<Model>,
    detector_meta: Arc<DetectorMeta>,
    reader: Arc<Model>,
    reader_meta: Arc<ReaderMeta>,
}

impl Nets {
    /// The nets that come with the program; `models/` says what they were trained on and what they are worth.
    ///
    /// # Panics
    ///
    /// When the program was built with weights of another format, which every test would have seen.
    pub fn builtin() -> Self {
        Self::parse(include_bytes!("../../models/detector.slnn"), include_bytes!("../../models/reader.slnn"))
            .expect("the program's own weights")
    }

    /// Reads two weight files and tries each net on an input, so that looking cannot fail later.
    pub fn parse(detector: &[u8], reader: &[u8]) -> Result<Self, NetsError> {
        let (detector, reader) = (model("detector", detector)?, model("reader", reader)?);
        let detector_meta: DetectorMeta = meta("detector", &detector)?;
        let reader_meta: ReaderMeta = meta("reader", &reader)?;
        for (net, fault) in [("detector", detector_meta.fault()), ("reader", reader_meta.fault())] {
            if let Some(field) = fault {
                return Err(NetsError::Field { net, field });
            }
        }

        // Two sides that differ, so that a net which mixes them up is seen.
        let multiple = detector_meta.grid.multiple as usize;
        let (width, height) = (3 * multiple, 2 * multiple);
        let cells = |side: usize| side / detector_meta.stride;
        let heads = [cells(height), cells(width), detector_meta.classes.len() + 4];
        try_out("detector", &detector, width, height, |_| heads)?;
        let [rows, columns] = reader_meta.size;
        let symbols = reader_meta.alphabet.len() + 1;
        try_out("reader", &reader, columns, rows, |[_, steps, _]| [reader_meta.rows, steps, symbols])?;
        Ok(Self { detector, detector_meta: Arc::new(detector_meta), reader, reader_meta: Arc::new(reader_meta) })
    }

    /// Eyes for one thread. Cheap: the weights are shared, the scratch memory comes with the first image.
    pub fn eyes(&self) -> Eyes {
        Eyes::new(
            Box::new(NetDetector::new(Session::new(Arc::clone(&self.detector)), Arc::clone(&self.detector_meta))),
            Box::new(NetReader::new(Session::new(Arc::clone(&self.reader)), Arc::clone(&self.reader_meta))),
            self.detector_meta.threshold.read,
        )
    }

    /// What redaction adds to the boxes that these eyes find.
    pub fn margins(&self) -> Margins {
        Margins::of(&self.detector_meta)
    }
}

/// One plate or face finder, one plate reader, and the confidence from which reading pays. Serves one thread.
pub struct Eyes {
    detector: Box<dyn Detector>,
    reader: Box<dyn Reader>,
    read_from: f32,
}

impl Eyes {
    /// Eyes from any detector and reader; plates are read from the confidence `read_from` on.
    pub fn new(detector: Box<dyn Detector>, reader: Box<dyn Reader>, read_from: f32) -> Self {
        Self { detector, reader, read_from }
    }

    /// All plates and faces on `image`, best first, boxes in its pixels; plates with what they say, where it can be read.
    pub fn look(&mut self, image: &dyn LumaSource) -> Vec<Region> {
        let found = self.find(image);
        found.into_iter().map(|detection| self.read(image, detection)).collect()
    }

    /// The first half of [`Eyes::look`]: everything that must be blanked, best first.
    pub fn find(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.detector.detect(image)
    }

    /// The second half of [`Eyes::look`]: what was found, with what it says where that can be read.
    pub fn read(&mut self, image: &dyn LumaSource, found: Detection) -> Region {
        let Detection { kind, bounds, score } = found;
        let legible = kind == RegionKind::Plate && score >= self.read_from;
        let reading = if legible { self.reader.read(image, bounds) } else { None };
        Region { kind, bounds, score, reading }
    }
}

fn model(net: &'static str, file: &[u8]) -> Result<Arc<Model>, NetsError> {
    Model::parse(file).map(Arc::new).map_err(|source| NetsError::Model { net, source })
}

fn meta<T: serde::de::DeserializeOwned>(net: &'static str, model: &Model) -> Result<T, NetsError> {
    serde_json::from_value(model.meta().clone()).map_err(|source| NetsError::Meta { net, source })
}

/// Runs a net once on nothing and compares its output's rows, columns and channels with what is due for those found.
fn try_out(
    net: &'static str,
    model: &Arc<Model>,
    width: usize,
    height: usize,
    due: impl FnOnce([usize; 3]) -> [usize; 3],
) -> Result<(), NetsError> {
    let mut session = Session::new(Arc::clone(model));
    session.run(&vec![0; width * height], width, height).map_err(|source| NetsError::Run { net, source })?;
    let output = session.output(0);
    let found = [output.height(), output.width(), output.channels()];
    let expected = due(found);
    if found == expected { Ok(()) } else { Err(NetsError::Output { net, expected, found }) }
}

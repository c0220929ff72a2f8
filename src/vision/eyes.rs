//! Detector and reader together: from an image to regions.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use thiserror::Error;

use super::beside::Second;
use super::detector::NetDetector;
use super::margins::Margins;
use super::meta::{ClassName, DetectorMeta, PerClass, ReaderMeta, RefinerMeta};
use super::reader::NetReader;
use super::refiner::Refiner;
use super::serial::PlateRegion;
use super::{Detection, Detector, Reader};
use crate::capture::{Effort, Reading, Region, RegionKind};
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::nn::{Model, ModelError, RunError, Session};

/// Why weight files do not make a pair of eyes.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum NetsError {
    /// A weight file is damaged.
    #[error("the {net}'s weights are not usable")]
    Model {
        /// The file, as in [`NetFiles`].
        net: &'static str,
        /// What is wrong with the file.
        #[source]
        source: ModelError,
    },
    /// A weight file's `meta` lacks a field or has one of the wrong type.
    #[error("the {net}'s weights do not say how they are used")]
    Meta {
        /// The file, as in [`NetFiles`].
        net: &'static str,
        /// What is wrong with `meta`.
        #[source]
        source: serde_json::Error,
    },
    /// A field of `meta` has a value that makes no sense.
    #[error("the {net}'s weights have an impossible `{field}`")]
    Field {
        /// The file, as in [`NetFiles`].
        net: &'static str,
        /// The field, as FORMAT.md names it.
        field: &'static str,
    },
    /// The net does not run on the inputs that it says it is for.
    #[error("the {net} does not run on its own input")]
    Run {
        /// The file, as in [`NetFiles`].
        net: &'static str,
        /// Why.
        #[source]
        source: RunError,
    },
    /// The net's output has another shape than its `meta` says.
    #[error("the {net}'s output has {found:?} rows, columns and channels where {expected:?} are due")]
    Output {
        /// The file, as in [`NetFiles`].
        net: &'static str,
        /// Rows, columns, channels.
        expected: [usize; 3],
        /// Rows, columns, channels.
        found: [usize; 3],
    },
}

/// The weight files of a pair of eyes.
#[derive(Clone, Debug)]
pub struct NetFiles<F> {
    /// Proposes plates and faces.
    pub detector: F,
    /// Verifies plates and finds their edges.
    pub refine_plate: F,
    /// Verifies faces and finds their edges.
    pub refine_face: F,
    /// Reads plates.
    pub reader: F,
    /// Tells heads of which no face is seen from all else; without it, none are found.
    pub refine_head: Option<F>,
}

impl NetFiles<&'static str> {
    /// What the files are called in a folder.
    pub const NAMES: Self = Self {
        detector: "detector.slnn",
        refine_plate: "refine-plate.slnn",
        refine_face: "refine-face.slnn",
        reader: "reader.slnn",
        refine_head: Some("refine-head.slnn"),
    };
}

impl<F> NetFiles<F> {
    /// Opens each, or stops at the first that fails.
    ///
    /// # Errors
    ///
    /// What `open` fails with.
    pub fn try_map<G, E>(self, mut open: impl FnMut(F) -> Result<G, E>) -> Result<NetFiles<G>, E> {
        Ok(NetFiles {
            detector: open(self.detector)?,
            refine_plate: open(self.refine_plate)?,
            refine_face: open(self.refine_face)?,
            reader: open(self.reader)?,
            refine_head: self.refine_head.map(open).transpose()?,
        })
    }
}

/// A net with what its file says of its use.
struct Net<M> {
    model: Arc<Model>,
    meta: Arc<M>,
}

/// All nets, parsed and packed once, from which any number of [`Eyes`] are made.
pub struct Nets {
    detector: Net<DetectorMeta>,
    refiners: PerClass<Net<RefinerMeta>>,
    reader: Net<ReaderMeta>,
    expected: Arc<[PlateRegion]>,
    refine_head: Option<Net<RefinerMeta>>,
    second: Option<Second>,
    effort: Effort,
    heads: Option<bool>,
}

impl Nets {
    /// The nets that come with the program; `models/` says what they were trained on and what they are worth.
    ///
    /// # Panics
    ///
    /// When the program was built with weights of another format, which every test would have seen.
    pub fn builtin() -> Self {
        let files = NetFiles::<&[u8]> {
            detector: include_bytes!("../../models/detector.slnn"),
            refine_plate: include_bytes!("../../models/refine-plate.slnn"),
            refine_face: include_bytes!("../../models/refine-face.slnn"),
            reader: include_bytes!("../../models/reader.slnn"),
            refine_head: Some(include_bytes!("../../models/refine-head.slnn")),
        };
        Self::parse(&files).expect("the program's own weights")
    }

    /// Reads the weight files and tries each net on an input, so that looking cannot fail later.
    ///
    /// # Errors
    ///
    /// When a file is damaged, contradicts itself or is not a net for its place.
    pub fn parse<F: AsRef<[u8]>>(files: &NetFiles<F>) -> Result<Self, NetsError> {
        let detector = Net::<DetectorMeta>::parse("detector", files.detector.as_ref(), DetectorMeta::fault)?;
        // Two sides that differ, so that a net which mixes them up is seen.
        let multiple = detector.meta.grid.multiple as usize;
        let (width, height) = (3 * multiple, 2 * multiple);
        let cells = |side: usize| side / detector.meta.stride;
        let heads = [cells(height), cells(width), detector.meta.classes.len() + 4];
        try_out("detector", &detector.model, width, height, |_| heads)?;

        let refiner = |net, file: &F, kind| {
            let refiner = Net::<RefinerMeta>::parse(net, file.as_ref(), |meta| meta.fault(kind))?;
            let [rows, columns] = refiner.meta.size;
            try_out(net, &refiner.model, columns, rows, |_| [1, 1, 5])?;
            Ok(refiner)
        };
        let refiners = PerClass {
            plate: refiner("refine-plate", &files.refine_plate, ClassName::Plate)?,
            face: refiner("refine-face", &files.refine_face, ClassName::Face)?,
        };

        let reader = Net::<ReaderMeta>::parse("reader", files.reader.as_ref(), ReaderMeta::fault)?;
        let [rows, columns] = reader.meta.size;
        let symbols = reader.meta.alphabet.len() + 1;
        try_out("reader", &reader.model, columns, rows, |[_, steps, _]| [reader.meta.rows, steps, symbols])?;
        let refine_head = files.refine_head.as_ref();
        let refine_head = refine_head.map(|file| refiner("refine-head", file, ClassName::Head)).transpose()?;
        let (expected, effort) = (Arc::default(), Effort::default());
        Ok(Self { detector, refiners, reader, refine_head, expected, second: None, effort, heads: None })
    }

    /// The same nets where plates of these regions are expected: among spellings that the reader holds possible, theirs
    /// weigh more. No plate is left unread for it, and a sure reading stays what it is.
    #[must_use]
    pub fn expecting(self, regions: &[PlateRegion]) -> Self {
        Self { expected: regions.into(), ..self }
    }

    /// The same nets, looking so hard.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The same nets, looking for heads of which no face is seen, or not. Otherwise they do so with the most effort.
    #[must_use]
    pub fn with_heads(self, heads: bool) -> Self {
        Self { heads: Some(heads), ..self }
    }

    /// Whether they can find heads.
    pub fn can_find_heads(&self) -> bool {
        self.refine_head.is_some()
    }

    /// How hard they look.
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The same nets with another detector beside theirs.
    #[must_use]
    pub fn beside(self, second: Second) -> Self {
        Self { second: Some(second), ..self }
    }

    /// Eyes for one thread. Cheap: the weights are shared, the scratch memory comes with the first image.
    pub fn eyes(&self) -> Eyes {
        let refiners = PerClass {
            plate: Refiner::new(self.refiners.plate.session(), Arc::clone(&self.refiners.plate.meta)),
            face: Refiner::new(self.refiners.face.session(), Arc::clone(&self.refiners.face.meta)),
        };
        let heads = self.refine_head.as_ref().filter(|_| self.heads.unwrap_or(self.effort == Effort::Thorough));
        let heads = heads.map(|net| Refiner::new(net.session(), Arc::clone(&net.meta)));
        let detector =
            NetDetector::new(self.detector.session(), Arc::clone(&self.detector.meta), refiners, self.effort)
                .with_heads(heads);
        let (meta, expected) = (Arc::clone(&self.reader.meta), Arc::clone(&self.expected));
        let edges = Refiner::new(self.refiners.plate.session(), Arc::clone(&self.refiners.plate.meta));
        let reader = NetReader::new(self.reader.session(), meta, expected, edges);
        let read_from = self.detector.meta.threshold.read;
        match &self.second {
            // The lower of both: the reader itself says what it cannot read.
            Some(second) => {
                Eyes::new(second.join(Box::new(detector)), Box::new(reader), read_from.min(second.read_from()))
            }
            None => Eyes::new(Box::new(detector), Box::new(reader), read_from),
        }
    }

    /// What redaction adds to the boxes that these eyes find.
    pub fn margins(&self) -> Margins {
        Margins::of(&self.detector.meta)
    }
}

impl<M: DeserializeOwned> Net<M> {
    fn parse(
        net: &'static str,
        file: &[u8],
        fault: impl FnOnce(&M) -> Option<&'static str>,
    ) -> Result<Self, NetsError> {
        let model = Model::parse(file).map_err(|source| NetsError::Model { net, source })?;
        let meta: M = serde_json::from_value(model.meta().clone()).map_err(|source| NetsError::Meta { net, source })?;
        match fault(&meta) {
            Some(field) => Err(NetsError::Field { net, field }),
            None => Ok(Self { model: Arc::new(model), meta: Arc::new(meta) }),
        }
    }
}

impl<M> Net<M> {
    fn session(&self) -> Session {
        Session::new(Arc::clone(&self.model))
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

    /// [`Eyes::find`] on another side: see [`Detector::detect_aside`].
    pub fn find_aside(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.detector.detect_aside(image)
    }

    /// [`Eyes::find`] at half the scale: see [`Detector::glance`].
    pub fn glance(&mut self, image: &dyn LumaSource) -> Vec<Detection> {
        self.detector.glance(image)
    }

    /// Whether the last [`Eyes::find`] had candidates: see [`Detector::had_candidates`].
    pub fn had_candidates(&self) -> bool {
        self.detector.had_candidates()
    }

    /// The second half of [`Eyes::look`]: what was found, with what it says where that can be read.
    pub fn read(&mut self, image: &dyn LumaSource, found: Detection) -> Region {
        let Detection { kind, bounds, score } = found;
        let legible = kind == RegionKind::Plate && score >= self.read_from;
        let reading = if legible { self.reader.read(image, bounds) } else { None };
        Region { kind, bounds, score, reading }
    }

    /// What letters that stand upright say: see [`Reader::read_level`].
    pub fn read_level(&mut self, image: &dyn LumaSource, letters: Rect) -> Option<Reading> {
        self.reader.read_level(image, letters)
    }
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

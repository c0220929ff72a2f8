//! What a service asks of whoever knows pictures.

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::oneshot;

/// Something that finds plates and faces and blanks them. It is shared by all threads; each has a [`Worker`] of its own.
pub trait Redactor: Sync {
    /// What one thread works with. Made once a thread, and again after it broke down.
    fn worker(&self) -> Box<dyn Worker + '_>;
}

/// One thread's means.
pub trait Worker {
    /// Does what `order` says.
    ///
    /// # Errors
    ///
    /// When nothing of the picture may be shown. What is said of it names no file, and no text that was read on it.
    fn work(&mut self, order: &Order) -> Result<Done, Refusal>;
}

/// A picture and what is wanted of it.
#[derive(Clone, Debug, Default)]
pub struct Order {
    /// The picture's file.
    pub file: Bytes,
    /// The blanked picture, if it is wanted.
    pub scene: Option<Scene>,
    /// What is blanked on it.
    pub choice: Choice,
    /// Whether plates are to be read.
    pub plates: bool,
    /// Whether the original is to be sealed.
    pub seal: bool,
}

/// As what a blanked picture is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scene {
    /// In the original's format, as it was stored, without metadata.
    Copy,
    /// A JPEG that somebody publishes: pixels upright, with the original's EXIF but thumbnails and maker notes, and what it says of
    /// itself as a panorama. The original must be a JPEG.
    Published,
}

/// What is blanked, and in which colour. By default everything, in the redactor's own colour.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// This kind only.
    pub only: Option<Kind>,
    /// Plates that stay legible where they are read as one of these.
    pub legible: Vec<String>,
    /// Red, green, blue.
    pub fill: Option<[u8; 3]>,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    /// The blanked picture, if it was wanted, and its media type.
    pub scene: Option<(Vec<u8>, &'static str)>,
    /// Width and height of the picture as it is seen upright.
    pub size: [u32; 2],
    /// What was found and, on a scene, blanked.
    pub regions: Vec<Region>,
    /// Plates that stayed legible, as was asked for.
    pub legible: u64,
    /// The word that the original is sealed, if that was wanted. It may come later than all else: then workers go on.
    pub sealed: Option<Receipt>,
}

/// Where the name of a sealed original is going to come from.
#[derive(Debug)]
pub struct Receipt(pub(crate) oneshot::Receiver<Result<String, Refusal>>);

/// What its sealing is told to.
#[derive(Debug)]
pub struct Sealing(oneshot::Sender<Result<String, Refusal>>);

impl Sealing {
    /// A sealing that was begun, and its receipt.
    pub fn begun() -> (Self, Receipt) {
        let (sealing, receipt) = oneshot::channel();
        (Self(sealing), Receipt(receipt))
    }

    /// Says under which name the original is sealed for good, or why it is not. Dropped without a word, it is not.
    pub fn ended(self, with: Result<String, Refusal>) {
        // A client that went away needs no word.
        let _ = self.0.send(with);
    }
}

/// A plate or a face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A licence plate.
    Plate,
    /// A face.
    Face,
    /// A head of which no face is seen.
    Head,
}

impl Kind {
    /// In words and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plate => "plate",
            Self::Face => "face",
            Self::Head => "head",
        }
    }
}

/// Something that was found.
#[derive(Clone, Debug)]
pub struct Region {
    /// What it is.
    pub kind: Kind,
    /// Left, top, width and height in pixels of the upright picture.
    pub seen: [u32; 4],
    /// The same in pixels of the picture as it was stored.
    pub stored: [u32; 4],
    /// How sure it is, 0 to 1.
    pub score: f32,
    /// How a plate reads, best first, where that was asked for and possible.
    pub readings: Vec<Candidate>,
}

/// One way to read a plate.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What stands for the plate: a pseudonym or, where the operator wants it so, its text.
    pub plate: String,
    /// The pseudonym under which a vault knows it, where there is a pack.
    pub pseudonym: Option<String>,
    /// Probability, 0 to 1.
    pub score: f32,
}

/// Why nothing of a picture may be shown.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be examined.
    #[error("the picture cannot be examined: {0}")]
    Unreadable(String),
    /// What was asked for is not possible.
    #[error("{0}")]
    Asked(String),
    /// It cannot be done now: a key has ended, say, or a disk is full.
    #[error("{0}")]
    Unavailable(String),
    /// The program broke down on it.
    #[error("examining the picture hit a fault of this program")]
    Fault,
}

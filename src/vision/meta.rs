//! What a weight file says about the use of its net (training/FORMAT.md).
//!
//! Owns the names and the sanity of those fields: a file whose thresholds or sizes make no sense is refused here.

use serde::Deserialize;

use crate::capture::{Effort, RegionKind};

/// The detector's grid, decoding and thresholds.
#[derive(Clone, Debug, Deserialize)]
pub struct DetectorMeta {
    pub classes: Vec<ClassName>,
    /// Grid pixels from one cell to the next.
    pub stride: usize,
    /// Bounds of the raw distances, which are logarithms.
    pub raw_min: f32,
    pub raw_max: f32,
    pub grid: GridMeta,
    /// Other looks at the whole, for what is too large for the first.
    #[serde(default)]
    pub coarse: Option<CoarseMeta>,
    /// Probability from which a cell's box is a candidate.
    pub propose: PerClass<f32>,
    pub threshold: Thresholds,
    /// Overlap from which two candidates are one.
    pub nms_iou: f32,
    /// The same once they are refined.
    pub refined_iou: f32,
    pub margin: PerClass<[f32; 4]>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ClassName {
    Plate,
    Face,
    Head,
}

impl From<ClassName> for RegionKind {
    fn from(name: ClassName) -> Self {
        match name {
            ClassName::Plate => Self::Plate,
            ClassName::Face => Self::Face,
            ClassName::Head => Self::Head,
        }
    }
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct GridMeta {
    /// The long side is at most this: the image is halved until it is.
    pub most: u32,
    /// A smaller image is enlarged to this, at most twofold.
    pub least: u32,
    /// Sides are padded to multiples of this.
    pub multiple: u32,
    /// Luma of the padding.
    pub pad_value: u8,
}

/// Looks at the whole at fractions of the scale of the coarsest one of [`GridMeta`].
#[derive(Clone, Debug, Deserialize)]
pub struct CoarseMeta {
    /// So many grid pixels, across and down, become one: for the look that every effort takes, and for those that others take, too.
    pub factors: Vec<u32>,
    /// Shorter side, in pixels of this grid, from which its candidates count: what is smaller the other looks see better.
    pub least: PerClass<f32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Thresholds {
    /// Probability, refiners heard, from which a region is blanked.
    pub redact: PerClass<f32>,
    /// The same with more effort than the least, and with the most, whose looks show more of everything.
    pub normal: Option<PerClass<f32>>,
    pub thorough: Option<PerClass<f32>>,
    /// Probability from which a plate is read.
    pub read: f32,
}

#[derive(Clone, Copy, Debug, Deserialize)]
pub struct PerClass<T> {
    pub plate: T,
    pub face: T,
}

impl CoarseMeta {
    /// The factors of the looks that `effort` takes.
    pub fn factors(&self, effort: Effort) -> &[u32] {
        let count = if effort == Effort::Fast { 1 } else { self.factors.len() };
        &self.factors[..count.min(self.factors.len())]
    }
}

impl Thresholds {
    /// The probability from which a region is blanked.
    pub fn redact(&self, effort: Effort) -> PerClass<f32> {
        let normal = self.normal.unwrap_or(self.redact);
        match effort {
            Effort::Fast => self.redact,
            Effort::Normal => normal,
            Effort::Thorough => self.thorough.unwrap_or(normal),
        }
    }
}

impl<T: Copy> PerClass<T> {
    pub fn of(&self, kind: RegionKind) -> T {
        match kind {
            RegionKind::Plate => self.plate,
            RegionKind::Face | RegionKind::Head => self.face,
        }
    }
}

impl<T> PerClass<T> {
    pub const fn of_mut(&mut self, kind: RegionKind) -> &mut T {
        match kind {
            RegionKind::Plate => &mut self.plate,
            RegionKind::Face | RegionKind::Head => &mut self.face,
        }
    }
}

impl DetectorMeta {
    /// The first field that makes no sense.
    pub fn fault(&self) -> Option<&'static str> {
        let probability = |p: f32| p > 0.0 && p < 1.0;
        let both = |each: PerClass<f32>| probability(each.plate) && probability(each.face);
        let sides = 32..=8192;
        [
            (
                !self.classes.is_empty() && self.classes.len() <= 2 && !self.classes.contains(&ClassName::Head),
                "classes",
            ),
            ((1..=64).contains(&self.stride), "stride"),
            (self.raw_min.is_finite() && self.raw_max.is_finite() && self.raw_min < self.raw_max, "raw_min"),
            // Distances are exponentials; e¹² cells are more than any picture has.
            (self.raw_max <= 12.0, "raw_max"),
            (sides.contains(&self.grid.most), "grid.most"),
            (sides.contains(&self.grid.least) && self.grid.least <= self.grid.most, "grid.least"),
            ((1..=256).contains(&self.grid.multiple), "grid.multiple"),
            (
                self.coarse.iter().flat_map(|coarse| &coarse.factors).all(|factor| (2..=16).contains(factor)),
                "coarse.factors",
            ),
            (both(self.threshold.redact), "threshold.redact"),
            (self.threshold.normal.is_none_or(both), "threshold.normal"),
            (self.threshold.thorough.is_none_or(both), "threshold.thorough"),
            (probability(self.threshold.read), "threshold.read"),
            (both(self.propose), "propose"),
            (probability(self.nms_iou), "nms_iou"),
            (probability(self.refined_iou), "refined_iou"),
            ([self.margin.plate, self.margin.face].iter().flatten().all(|m| (0.0..=2.0).contains(m)), "margin"),
        ]
        .into_iter()
        .find_map(|(holds, field)| (!holds).then_some(field))
    }
}

/// A refiner's window and what its opinion weighs.
#[derive(Clone, Debug, Deserialize)]
pub struct RefinerMeta {
    /// The class whose candidates it refines.
    pub kind: ClassName,
    /// Rows, columns of the window.
    pub size: [usize; 2],
    /// How far the window reaches beyond the candidate's box: shares of its width and height, on each side.
    pub grow: [f32; 2],
    /// Weights of the detector's logit, of the refiner's, and of 1, in the logit of both together.
    pub fuse: [f32; 3],
    /// Weight of the natural logarithm of the refined box's shorter side, in pixels of the image: much that is small
    /// looks like a face, and little that is large.
    #[serde(default)]
    pub by_size: f32,
    /// A closer look at what one window leaves in doubt.
    #[serde(default)]
    pub doubt: Option<DoubtMeta>,
    /// Of a refiner of heads: what it is asked of, and what of that it takes for one.
    #[serde(default)]
    pub head: Option<HeadMeta>,
}

/// Which candidates that are no faces are looked at as heads.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct HeadMeta {
    /// Probability that a candidate is a face from which it may be a head.
    pub from: f32,
    /// Probability from which it is one.
    pub threshold: f32,
}

/// Which candidates get a closer look, at a window around the refined box and at its mirror image, and what that weighs.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct DoubtMeta {
    /// Probability after the first window from which a candidate is in doubt.
    pub from: f32,
    /// From here on it is sure.
    pub until: f32,
    /// As [`RefinerMeta::fuse`], of the mean of both logits.
    pub fuse: [f32; 3],
    /// As [`RefinerMeta::by_size`].
    #[serde(default)]
    pub by_size: f32,
}

impl RefinerMeta {
    /// The first field that makes no sense.
    pub fn fault(&self, kind: ClassName) -> Option<&'static str> {
        [
            (self.kind == kind, "kind"),
            (self.size.iter().all(|side| (8..=1024).contains(side)), "size"),
            (self.grow.iter().all(|share| (0.0..=2.0).contains(share)), "grow"),
            (self.fuse.iter().all(|weight| weight.is_finite()), "fuse"),
            (self.by_size.is_finite(), "by_size"),
            (self.doubt.is_none_or(|doubt| doubt.is_possible()), "doubt"),
            (self.head.is_some() == (kind == ClassName::Head), "head"),
            (
                self.head
                    .is_none_or(|head| (0.0..1.0).contains(&head.from) && head.threshold > 0.0 && head.threshold < 1.0),
                "head",
            ),
        ]
        .into_iter()
        .find_map(|(holds, field)| (!holds).then_some(field))
    }
}

impl DoubtMeta {
    fn is_possible(&self) -> bool {
        let weights = self.fuse.iter().chain([&self.by_size]);
        (0.0..=1.0).contains(&self.from)
            && (0.0..=1.0).contains(&self.until)
            && weights.into_iter().all(|w| w.is_finite())
    }
}

/// The reader's crop and alphabet.
#[derive(Clone, Debug, Deserialize)]
pub struct ReaderMeta {
    /// Rows, columns of the crop.
    pub size: [usize; 2],
    /// How far the crop reaches beyond the tight box: shares of its width and height, on each side.
    pub grow: [f32; 2],
    /// Rows of the output, which are read one after the other.
    pub rows: usize,
    /// The channel that stands for nothing.
    pub blank: usize,
    /// What the other channels stand for.
    pub alphabet: String,
    /// The best candidate's probability from which there is a reading at all.
    pub min_probability: f32,
    /// Pixels of the image across a plate below which it is not tried: there is nothing to be told from so few.
    #[serde(default)]
    pub min_width: f32,
}

impl ReaderMeta {
    /// The first field that makes no sense.
    pub fn fault(&self) -> Option<&'static str> {
        let letters = self.alphabet.bytes().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        [
            (self.size.iter().all(|side| (8..=1024).contains(side)), "size"),
            (self.grow.iter().all(|share| (0.0..=2.0).contains(share)), "grow"),
            ((1..=4).contains(&self.rows), "rows"),
            (self.blank == 0, "blank"),
            (letters && !self.alphabet.is_empty(), "alphabet"),
            ((0.0..=1.0).contains(&self.min_probability), "min_probability"),
            ((0.0..=1024.0).contains(&self.min_width), "min_width"),
        ]
        .into_iter()
        .find_map(|(holds, field)| (!holds).then_some(field))
    }
}

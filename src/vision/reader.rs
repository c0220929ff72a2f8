//! The reader: a crop around the plate through the net, symbols to texts; of a plate that leans, stood upright.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Reader;
use super::ctc::{Text, best_texts, softmax};
use super::meta::ReaderMeta;
use super::refiner::Refiner;
use super::serial::{PlateRegion, weigh};
use super::tilt;
use super::window::Window;
use crate::capture::{Candidate, PlateText, Reading};
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::nn::Session;

/// Spellings that a reading holds: what search is likely to need, and few enough to show.
const CANDIDATES: usize = 5;

/// A reading from this probability on needs no second opinion: on held-out crops of real plates it would change none for the
/// better.
const SURE: f64 = 0.75;

/// Below this, neither do others help: the plate is too small or too blurred.
const HOPELESS: f64 = 0.1;

/// Below this a plate may be upside down. Few are, and letters upside down spell others.
const DOUBTED: f64 = 0.25;

/// How else an unsure plate is framed, in shares of its box's width and height on each side: where the box ends a little
/// early or late, the net hesitates at other characters.
const FRAMINGS: [[f32; 2]; 2] = [[0.04, 0.06], [-0.03, -0.05]];

/// [`Reader`] by a net of ours.
pub struct NetReader {
    session: Session,
    meta: Arc<ReaderMeta>,
    expected: Arc<[PlateRegion]>,
    /// Where a plate ends once it was turned upright.
    edges: Refiner,
    window: Window,
    probabilities: Vec<f64>,
}

impl NetReader {
    /// `session` must run a net whose outputs were checked against `meta`. Plates of the regions `expected` weigh more.
    pub fn new(session: Session, meta: Arc<ReaderMeta>, expected: Arc<[PlateRegion]>, edges: Refiner) -> Self {
        Self { session, meta, expected, edges, window: Window::default(), probabilities: Vec::new() }
    }
}

impl NetReader {
    /// What one crop around `plate` says, best first; the empty text may be among it. `None` when it lies outside.
    fn texts(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Vec<Text>> {
        let [grow_x, grow_y] = self.meta.grow;
        let [rows, columns] = self.meta.size;
        let shown = plate.grown(plate.w * grow_x, plate.h * grow_y);
        self.session
            .run(self.window.cut(image, shown, columns, rows)?, columns, rows)
            .expect("the crop's size was tried at parsing");

        let symbols = self.session.output(0);
        self.probabilities.clear();
        for y in 0..symbols.height() {
            self.probabilities.extend(symbols.row(y).flatten().map(|logit| f64::from(*logit)));
        }
        self.probabilities.chunks_exact_mut(symbols.channels()).for_each(softmax);
        // One more than wanted, for the empty text.
        Some(best_texts(&self.probabilities, symbols.channels(), CANDIDATES + 1))
    }

    /// What the plate says, best first, after a second and a third look at one that is unsure. `None` where it is too small.
    fn agreed(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Vec<Text>> {
        if plate.w < self.meta.min_width {
            return None;
        }
        let first = self.texts(image, plate)?;
        if first.first().is_none_or(|best| !(HOPELESS..SURE).contains(&best.probability)) {
            return Some(first);
        }
        let mut looks = vec![first];
        for [across, down] in FRAMINGS {
            looks.extend(self.texts(image, plate.grown(plate.w * across, plate.h * down)));
        }
        let share = 1.0 / looks.len() as f64;
        let mut together: Vec<Text> = Vec::new();
        for mut text in looks.into_iter().flatten() {
            text.probability *= share;
            match together.iter_mut().find(|known| known.symbols() == text.symbols()) {
                Some(known) => known.probability += text.probability,
                None => together.push(text),
            }
        }
        together.sort_by(|a, b| b.probability.total_cmp(&a.probability));
        Some(together)
    }

    /// The spellings among `texts`, those in patterns of expected regions weighing more. `None` where none is likely.
    fn reading(&self, texts: &[Text]) -> Option<Reading> {
        let mut candidates: Vec<Candidate> = texts
            .iter()
            .filter_map(|text| {
                let letters = text.symbols().iter().map(|s| char::from(self.meta.alphabet.as_bytes()[*s as usize - 1]));
                let spelt: Zeroizing<String> = Zeroizing::new(letters.collect());
                let text_probability = text.probability as f32;
                Some(Candidate { text: PlateText::canonical(&spelt)?, probability: text_probability })
            })
            .take(CANDIDATES)
            .collect();
        let sure = candidates.first().is_some_and(|best| best.probability >= self.meta.min_probability);
        weigh(&mut candidates, &self.expected);
        candidates.truncate(CANDIDATES);
        sure.then_some(Reading { candidates })
    }
}

impl Reader for NetReader {
    fn read(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Reading> {
        let mut texts = self.agreed(image, plate)?;
        let leaning = (sure(&texts) < SURE).then(|| tilt::turned(image, plate));
        for upright in leaning.into_iter().flatten() {
            if sure(&texts) >= if upright.overhead { DOUBTED } else { SURE } {
                break;
            }
            let least = if upright.overhead { SURE } else { sure(&texts) };
            let plate = self.edges.edges(&upright, upright.plate).unwrap_or(upright.plate);
            texts = self.agreed(&upright, plate).filter(|other| sure(other) > least).unwrap_or(texts);
        }
        self.reading(&texts)
    }

    fn read_level(&mut self, image: &dyn LumaSource, letters: Rect) -> Option<Reading> {
        let texts = self.agreed(image, letters)?;
        self.reading(&texts)
    }
}

/// How likely the likeliest text is: that nothing is written is no reading.
fn sure(texts: &[Text]) -> f64 {
    texts.iter().find(|text| !text.symbols().is_empty()).map_or(0.0, |best| best.probability)
}

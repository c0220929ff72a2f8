//! The reader: a crop around the plate through the net, symbols to texts.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::Reader;
use super::ctc::{best_texts, softmax};
use super::meta::ReaderMeta;
use super::serial::weigh;
use super::window::cut;
use crate::capture::{Candidate, PlateText, Reading};
use crate::frame::LumaSource;
use crate::geometry::Rect;
use crate::nn::Session;

/// Spellings that a reading holds: what search is likely to need, and few enough to show.
const CANDIDATES: usize = 5;

/// [`Reader`] by a net of ours.
pub struct NetReader {
    session: Session,
    meta: Arc<ReaderMeta>,
    crop: Vec<u8>,
    probabilities: Vec<f64>,
}

impl NetReader {
    /// `session` must run a net whose outputs were checked against `meta`.
    pub fn new(session: Session, meta: Arc<ReaderMeta>) -> Self {
        Self { session, meta, crop: Vec::new(), probabilities: Vec::new() }
    }
}

impl Reader for NetReader {
    fn read(&mut self, image: &dyn LumaSource, plate: Rect) -> Option<Reading> {
        let [grow_x, grow_y] = self.meta.grow;
        let [rows, columns] = self.meta.size;
        cut(image, plate.grown(plate.w * grow_x, plate.h * grow_y), columns, rows, &mut self.crop)?;
        self.session.run(&self.crop, columns, rows).expect("the crop's size was tried at parsing");

        let symbols = self.session.output(0);
        self.probabilities.clear();
        for y in 0..symbols.height() {
            self.probabilities.extend(symbols.row(y).flatten().map(|logit| f64::from(*logit)));
        }
        self.probabilities.chunks_exact_mut(symbols.channels()).for_each(softmax);
        // One more than wanted: the empty text may be among them and is none.
        let texts = best_texts(&self.probabilities, symbols.channels(), CANDIDATES + 1);
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
        weigh(&mut candidates);
        candidates.truncate(CANDIDATES);
        sure.then_some(Reading { candidates })
    }
}

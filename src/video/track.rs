//! Where things are in the frames between those in which they were seen: a frame in which the detector misses a plate is a leak as
//! much as a photograph.
//!
//! Owns which sightings are of one thing, and what is added to frames that lack it. Knows nothing of pixels. It only ever adds:
//! what a frame shows by itself is blanked as it was found.
//!
//! - Sightings are *linked* from frame to frame by where a thing would be if it went on as it did.
//! - A thing that was seen before and after is blanked *in between*, on the way from one place to the other.
//! - A thing that was seen is blanked for some frames *before it was first seen and after it was last seen*, on the way that it
//!   went, in a box that grows with the doubt.
//!
//! Nothing is added for longer than [`Tracker::window`] beyond a sighting, nor across a gap longer than [`Tracker::gap`]. So a
//! cut needs no detector: whoever takes a cut for none, or none for a cut, would blank too little; this way there are blanks
//! for some tenths of a second where the scene before had something.

use crate::capture::RegionKind;
use crate::geometry::Rect;

/// Something that was seen on a frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sighting {
    /// Plate or face.
    pub kind: RegionKind,
    /// Tight, in pixels of the stored frame.
    pub bounds: Rect,
    /// What must be blanked so that nothing of it is left.
    pub wide: Rect,
    /// Whether the oval that touches the sides of `wide` is enough.
    pub oval: bool,
    /// The detector's confidence, 0 to 1.
    pub score: f32,
}

/// How far sightings reach, in frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracker {
    /// Most frames without a sighting between two of one thing.
    pub gap: u32,
    /// Frames that are blanked before a thing's first sighting and after its last one.
    pub window: u32,
}

/// Seconds without a sighting across which two are linked. Whoever walks behind a pillar comes out again; of what is gone for
/// longer, nobody knows the way.
const GAP_SECONDS: f64 = 1.0;

/// Seconds that are blanked before the first sighting and after the last one. Measured by `examples/video_leaks.rs` on drawn films:
/// without anything of this module 0.44 plates and faces leak a frame, with bridges alone 0.14, with so many seconds 0.02, where 8 %
/// of a frame are blank instead of 3 %; twice as many leave 0.004 and blank 13 %.
const WINDOW_SECONDS: f64 = 0.4;

/// Frames, whatever the rate: of a film of two frames a second the neighbours count still, and a rate that a file invents costs
/// no more than this.
const GAP_FRAMES: (f64, f64) = (3.0, 60.0);
const WINDOW_FRAMES: (f64, f64) = (2.0, 24.0);

/// Sightings of a frame that are linked, the surest first. The others count each for itself: a picture of a crowd has fewer, and
/// no picture can take hours.
const MOST_LINKED: usize = 256;

/// Sightings from which a thing's speed is taken.
const PACE: usize = 5;

/// How far from where it was expected a thing may be, in diagonals of its box; and how much more for each frame without a
/// sighting.
const REACH: f32 = 0.8;
const REACH_A_FRAME: f32 = 0.08;

/// A thing whose speed nobody knows yet may have moved so far.
const FIRST_REACH: f32 = 1.6;

/// How much larger or smaller a thing may be than expected.
const LIKE_SIZE: f32 = 2.0;

/// How much each side of a box grows for each frame away from a sighting, in shares of the box; and most of it.
const DOUBT_A_FRAME: f32 = 0.06;
const MOST_DOUBT: f32 = 0.5;

/// Sightings of one thing, by frame.
struct Track {
    seen: Vec<(u32, Sighting)>,
}

impl Tracker {
    /// For a film of so many frames a second.
    pub fn of_rate(frames_a_second: f64) -> Self {
        let frames = |seconds: f64, (least, most): (f64, f64)| {
            let frames = (seconds * frames_a_second).round();
            // What is no number is the least.
            if frames > least { frames.min(most) as u32 } else { least as u32 }
        };
        Self { gap: frames(GAP_SECONDS, GAP_FRAMES), window: frames(WINDOW_SECONDS, WINDOW_FRAMES) }
    }

    /// What must be blanked on each frame beside the `sightings` on it.
    pub fn added(&self, sightings: &[Vec<Sighting>]) -> Vec<Vec<Sighting>> {
        let mut added = vec![Vec::new(); sightings.len()];
        for track in self.tracks(sightings) {
            self.bridge(&track, &mut added);
            self.extend(&track, &mut added, false);
            self.extend(&track, &mut added, true);
        }
        added
    }

    /// Links sightings, the nearest first.
    fn tracks(&self, sightings: &[Vec<Sighting>]) -> Vec<Track> {
        let mut tracks: Vec<Track> = Vec::new();
        let mut live: Vec<usize> = Vec::new();
        for (frame, seen) in (0u32..).zip(sightings) {
            live.retain(|&at| frame - tracks[at].last().0 <= self.gap + 1);
            let mut order: Vec<usize> = (0..seen.len()).collect();
            order.sort_by(|&a, &b| seen[b].score.total_cmp(&seen[a].score));
            let mut near = Vec::new();
            for &which in order.iter().take(MOST_LINKED) {
                for &at in &live {
                    near.extend(tracks[at].nearness(frame, &seen[which]).map(|far| (far, at, which)));
                }
            }
            // Ties are broken by what was there first, so that the outcome is the same each time.
            near.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            let mut taken = vec![false; seen.len()];
            let mut grown = std::collections::HashSet::new();
            for (_, at, which) in near {
                if !taken[which] && grown.insert(at) {
                    taken[which] = true;
                    tracks[at].seen.push((frame, seen[which]));
                }
            }
            for &which in order.iter().filter(|&&which| !taken[which]) {
                // What is not linked with anything before may be linked with what follows, up to as many.
                if live.len() < MOST_LINKED * 16 {
                    live.push(tracks.len());
                }
                tracks.push(Track { seen: vec![(frame, seen[which])] });
            }
        }
        tracks
    }

    /// Adds what lies between sightings.
    fn bridge(&self, track: &Track, added: &mut [Vec<Sighting>]) {
        for pair in track.seen.windows(2) {
            let [(from, a), (to, b)] = [pair[0], pair[1]];
            for frame in from + 1..to {
                let part = (frame - from) as f32 / (to - from) as f32;
                let doubt = doubt((frame - from).min(to - frame));
                added[frame as usize].push(Sighting {
                    kind: a.kind,
                    bounds: between(a.bounds, b.bounds, part),
                    wide: grown(between(a.wide, b.wide, part), doubt),
                    oval: a.oval && b.oval,
                    score: a.score.min(b.score),
                });
            }
        }
    }

    /// Adds what precedes the first sighting (`back`) or follows the last.
    fn extend(&self, track: &Track, added: &mut [Vec<Sighting>], back: bool) {
        let (frame, seen) = if back { track.seen[0] } else { *track.last() };
        let pace = track.pace(back);
        for away in 1..=self.window {
            let at = if back { frame.checked_sub(away) } else { frame.checked_add(away) };
            let Some(frame) = at.map(|at| at as usize).filter(|&at| at < added.len()) else { break };
            // It goes on, or it stays where it is.
            let moved = |bounds: Rect| pace.after(bounds, away as f32);
            let wide = around(grown(moved(seen.wide), doubt(away)), seen.wide);
            added[frame].push(Sighting { bounds: moved(seen.bounds), wide, oval: false, ..seen });
        }
    }
}

/// How a thing moves: pixels a frame across and down, and by what factor it grows.
#[derive(Clone, Copy)]
struct Pace {
    across: f32,
    down: f32,
    growth: f32,
}

impl Pace {
    const NONE: Self = Self { across: 0.0, down: 0.0, growth: 1.0 };

    /// From one sighting to another, so many frames later.
    fn between(from: Rect, to: Rect, frames: f32) -> Self {
        let ((ax, ay), (bx, by)) = (from.center(), to.center());
        let growth = (to.area() / from.area()).sqrt();
        let growth = if growth.is_finite() && growth > 0.0 { growth.powf(1.0 / frames) } else { 1.0 };
        Self { across: (bx - ax) / frames, down: (by - ay) / frames, growth: growth.clamp(0.8, 1.25) }
    }

    fn after(self, bounds: Rect, frames: f32) -> Rect {
        let (x, y) = bounds.center();
        // What grows, grows for a while: a box that doubles each second is a wall after ten.
        let growth = self.growth.powf(frames).clamp(0.5, 2.0);
        let (w, h) = (bounds.w * growth, bounds.h * growth);
        Rect::new(x + self.across * frames - w / 2.0, y + self.down * frames - h / 2.0, w, h)
    }
}

impl Track {
    fn last(&self) -> &(u32, Sighting) {
        self.seen.last().expect("a track has a sighting")
    }

    /// How it moves at its end, or backwards at its beginning.
    fn pace(&self, back: bool) -> Pace {
        let count = self.seen.len();
        let (from, to) = match back {
            false => (self.seen[count.saturating_sub(PACE)], self.seen[count - 1]),
            true => (self.seen[PACE.min(count) - 1], self.seen[0]),
        };
        if from.0 == to.0 {
            return Pace::NONE;
        }
        Pace::between(from.1.bounds, to.1.bounds, from.0.abs_diff(to.0) as f32)
    }

    /// How far a sighting is from where this thing is expected; `None` when it is another one.
    fn nearness(&self, frame: u32, sighting: &Sighting) -> Option<f32> {
        let &(last, seen) = self.last();
        if seen.kind != sighting.kind || frame <= last {
            return None;
        }
        let frames = (frame - last) as f32;
        let reach = if self.seen.len() == 1 { FIRST_REACH } else { REACH } + REACH_A_FRAME * (frames - 1.0);
        let expected = self.pace(false).after(seen.bounds, frames);
        let ((ax, ay), (bx, by)) = (expected.center(), sighting.bounds.center());
        let diagonal = |bounds: Rect| bounds.w.hypot(bounds.h).max(1.0);
        let (a, b) = (diagonal(expected), diagonal(sighting.bounds));
        let alike = a / b < LIKE_SIZE && b / a < LIKE_SIZE;
        let far = (ax - bx).hypot(ay - by) / a.midpoint(b);
        (alike && far < reach).then_some(far)
    }
}

fn doubt(frames: u32) -> f32 {
    (DOUBT_A_FRAME * frames as f32).min(MOST_DOUBT)
}

fn grown(bounds: Rect, share: f32) -> Rect {
    bounds.grown(share * bounds.w, share * bounds.h)
}

fn between(a: Rect, b: Rect, part: f32) -> Rect {
    let mix = |a: f32, b: f32| a + (b - a) * part;
    Rect::new(mix(a.x, b.x), mix(a.y, b.y), mix(a.w, b.w), mix(a.h, b.h))
}

fn around(a: Rect, b: Rect) -> Rect {
    Rect::around([(a.x, a.y), (b.x, b.y), (a.right(), a.bottom()), (b.right(), b.bottom())])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TRACKER: Tracker = Tracker { gap: 10, window: 4 };

    fn plate(x: f32, y: f32) -> Sighting {
        let bounds = Rect::new(x, y, 60.0, 20.0);
        Sighting { kind: RegionKind::Plate, bounds, wide: bounds.grown(6.0, 4.0), oval: false, score: 0.9 }
    }

    /// A plate that goes five pixels a frame to the right, seen on these frames of `count`.
    fn driving(count: usize, seen: impl Fn(usize) -> bool) -> Vec<Vec<Sighting>> {
        (0..count).map(|at| if seen(at) { vec![plate(5.0 * at as f32, 100.0)] } else { Vec::new() }).collect()
    }

    fn covers(added: &[Sighting], bounds: Rect) -> bool {
        added.iter().any(|sighting| sighting.wide.overlap(bounds) >= 0.999 * bounds.area())
    }

    #[test]
    fn a_missed_frame_is_blanked_where_the_thing_was() {
        let frames = driving(40, |at| !matches!(at, 7 | 12..=19));
        let added = TRACKER.added(&frames);
        for at in [7, 12, 15, 19] {
            assert!(covers(&added[at], plate(5.0 * at as f32, 100.0).bounds), "{at}: {:?}", added[at]);
        }
        for (at, added) in added.iter().enumerate().filter(|(at, _)| !frames[*at].is_empty()) {
            assert!(added.is_empty(), "{at} shows it itself");
        }
    }

    #[test]
    fn before_and_after_it_goes_on_for_the_window_and_no_longer() {
        let added = TRACKER.added(&driving(60, |at| (20..30).contains(&at)));
        for (at, added) in added.iter().enumerate() {
            let near = (16..20).contains(&at) || (30..34).contains(&at);
            assert_eq!(!added.is_empty(), near, "{at}");
            assert!(!near || covers(added, plate(5.0 * at as f32, 100.0).bounds), "{at}");
        }
    }

    /// What was seen once only may go anywhere: it is blanked where it was.
    #[test]
    fn a_single_sighting_counts() {
        let added = TRACKER.added(&driving(20, |at| at == 10));
        assert_eq!(added.iter().map(Vec::len).collect::<Vec<_>>()[5..16], [0, 1, 1, 1, 1, 0, 1, 1, 1, 1, 0]);
        assert!(covers(&added[12], plate(50.0, 100.0).bounds));
    }

    #[test]
    fn beyond_the_gap_and_of_another_kind_nothing_is_linked() {
        let added = TRACKER.added(&driving(40, |at| matches!(at, 5 | 20)));
        assert!(added[13].is_empty());
        let mut frames = driving(20, |at| at == 5);
        frames[9] = vec![Sighting { kind: RegionKind::Face, ..plate(45.0, 100.0) }];
        assert!(TRACKER.added(&frames)[7].iter().all(|added| added.bounds.w == 60.0 && added.bounds.y == 100.0));
        assert_eq!(TRACKER.added(&frames)[7].len(), 2, "each for itself");
    }

    /// A cut: everything is elsewhere from one frame to the next.
    #[test]
    fn after_a_cut_the_blanks_of_the_scene_before_end() {
        let mut frames = driving(20, |_| true);
        frames.extend((0..20).map(|_| vec![plate(900.0, 500.0)]));
        let added = TRACKER.added(&frames);
        for (at, added) in added.iter().enumerate() {
            assert_eq!(added.len(), usize::from((16..24).contains(&at)), "{at}");
        }
    }

    #[test]
    fn two_that_pass_each_other_keep_their_ways() {
        let frames: Vec<_> = (0..30)
            .map(|at| {
                let x = 10.0 * at as f32;
                // In the middle neither is seen.
                if (13..17).contains(&at) { vec![] } else { vec![plate(x, 100.0), plate(300.0 - x, 130.0)] }
            })
            .collect();
        let added = TRACKER.added(&frames);
        for (at, added) in added.iter().enumerate().take(17).skip(13) {
            let x = 10.0 * at as f32;
            assert!(covers(added, plate(x, 100.0).bounds) && covers(added, plate(300.0 - x, 130.0).bounds));
        }
    }

    #[test]
    fn rates_that_no_camera_has_are_bounded() {
        assert_eq!(Tracker::of_rate(25.0), Tracker { gap: 25, window: 10 });
        let slowest = Tracker { gap: 3, window: 2 };
        assert!([0.0, -1.0, f64::NAN, 0.01].map(Tracker::of_rate).iter().all(|tracker| *tracker == slowest));
        assert_eq!(Tracker::of_rate(f64::INFINITY), Tracker { gap: 60, window: 24 });
    }

    fn sightings() -> impl Strategy<Value = Vec<Vec<Sighting>>> {
        let one = (prop::bool::ANY, -50.0f32..700.0, -50.0f32..500.0, 0.0f32..90.0, 0.0f32..90.0, 0.0f32..1.0);
        let one = one.prop_map(|(face, x, y, w, h, score)| {
            let bounds = Rect::new(x, y, w, h);
            let kind = if face { RegionKind::Face } else { RegionKind::Plate };
            Sighting { kind, bounds, wide: bounds.grown(3.0, 3.0), oval: face, score }
        });
        prop::collection::vec(prop::collection::vec(one, 0..6), 0..40)
    }

    proptest! {
        /// Whatever is seen, what is added is near a sighting in time, and is a box.
        #[test]
        fn additions_are_boxes_near_sightings(frames in sightings()) {
            let added = TRACKER.added(&frames);
            prop_assert_eq!(added.len(), frames.len());
            for (at, added) in added.iter().enumerate() {
                let near = |reach: usize| (at.saturating_sub(reach)..(at + reach + 1).min(frames.len())).any(|at| !frames[at].is_empty());
                prop_assert!(added.is_empty() || near(10));
                for Sighting { wide, .. } in added {
                    prop_assert!([wide.x, wide.y, wide.w, wide.h].iter().all(|side| side.is_finite()) && wide.w > 0.0 && wide.h > 0.0);
                }
            }
            prop_assert_eq!(TRACKER.added(&frames), added);
        }
    }
}

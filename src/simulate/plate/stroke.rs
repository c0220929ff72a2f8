//! Die-stamped lettering: a skeleton font whose width, weight, roundness and details are parameters.
//!
//! No two issuers cut their dies alike, and no free font looks like them. Each glyph is a few polylines in a unit box;
//! the corners marked `r` are rounded as far as the style says, from nearly square to a full bowl.

use tiny_skia::{LineCap, LineJoin, Path, PathBuilder, Stroke, Transform};

use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;

/// How a set of dies is cut.
#[derive(Clone, Debug)]
pub struct Dies {
    /// Width of a common letter over its height.
    pub width: f32,
    /// Stroke width over the height.
    pub weight: f32,
    /// 0 square bowls, 1 full ones.
    pub roundness: f32,
    /// Round stroke ends, as a router leaves them; cut ones otherwise.
    pub round_ends: bool,
    /// Lean to the right, as a tangent.
    pub slant: f32,
    /// Bits that choose among the forms of a glyph: serifs on I, foot of 1, flat 3, open 4, straight 6, …
    pub forms: u32,
}

impl Dies {
    /// Some dies.
    pub fn random(rng: &mut Rng) -> Self {
        Self {
            width: rng.between(0.40, 0.68),
            weight: rng.between(0.105, 0.19),
            roundness: rng.between(0.25, 1.0),
            round_ends: rng.odds(0.55),
            slant: if rng.odds(0.06) { rng.between(-0.05, 0.15) } else { 0.0 },
            forms: (rng.unit() * 65536.0) as u32,
        }
    }

    /// The outline of `c`, 1 high with its top at 0, and its advance without spacing; `None` for what has no die.
    pub fn outline(&self, c: char) -> Option<(Path, f32)> {
        let (factor, text) = self.skeleton(c)?;
        let width = self.width * factor;
        let inset = self.weight / 2.0;
        let (span_x, span_y) = ((width - self.weight).max(0.02), 1.0 - self.weight);
        let mut builder = PathBuilder::new();
        for piece in text.split('|') {
            let nodes: Vec<Node> = piece.split_whitespace().filter_map(Node::parse).collect();
            let closed = piece.trim_end().ends_with('z');
            let points: Vec<(f32, f32, bool)> =
                nodes.iter().map(|n| (inset + n.x * span_x, inset + n.y * span_y, n.round)).collect();
            self.trace(&mut builder, &points, closed);
        }
        let stroke = Stroke {
            width: self.weight,
            line_cap: if self.round_ends { LineCap::Round } else { LineCap::Butt },
            line_join: if self.round_ends { LineJoin::Round } else { LineJoin::Miter },
            miter_limit: 3.0,
            ..Stroke::default()
        };
        // Curves are flattened for a drawing about 150 px high.
        let outline = builder.finish()?.stroke(&stroke, 150.0)?;
        let lean = Transform::from_row(1.0, 0.0, -self.slant, 1.0, self.slant * 0.5, 0.0);
        Some((outline.transform(lean)?, width))
    }

    fn trace(&self, builder: &mut PathBuilder, points: &[(f32, f32, bool)], closed: bool) {
        let n = points.len();
        if n < 2 {
            return;
        }
        // A butt end stops half a stroke early: pull it out to the box.
        let along = |a: (f32, f32, bool), b: (f32, f32, bool), d: f32| {
            let length = (b.0 - a.0).hypot(b.1 - a.1).max(1e-6);
            (a.0 + (b.0 - a.0) * d / length, a.1 + (b.1 - a.1) * d / length)
        };
        for i in 0..n {
            let here = points[i];
            let end = !closed && (i == 0 || i == n - 1);
            if end {
                let other = if i == 0 { points[1] } else { points[n - 2] };
                let p = if self.round_ends { (here.0, here.1) } else { along(here, other, -self.weight * 0.5) };
                if i == 0 {
                    builder.move_to(p.0, p.1)
                } else {
                    builder.line_to(p.0, p.1)
                }
                continue;
            }
            let (before, after) = (points[(i + n - 1) % n], points[(i + 1) % n]);
            let room = |o: (f32, f32, bool), o_end: bool| {
                let d = (o.0 - here.0).hypot(o.1 - here.1);
                if o_end || !o.2 { d } else { d / 2.0 }
            };
            let (first, last) = (!closed && i == 1, !closed && i + 2 == n);
            let reach = if here.2 {
                let widest = room(before, first).min(room(after, last)).min(self.width * 0.5);
                (widest * (0.15 + 0.85 * self.roundness)).max(0.0)
            } else {
                0.0
            };
            let (enter, leave) = (along(here, before, reach), along(here, after, reach));
            if i == 0 {
                builder.move_to(enter.0, enter.1)
            } else {
                builder.line_to(enter.0, enter.1)
            }
            if reach > 0.0 {
                // A circle's control distance.
                let k = 0.448;
                let c1 = (here.0 + (enter.0 - here.0) * k, here.1 + (enter.1 - here.1) * k);
                let c2 = (here.0 + (leave.0 - here.0) * k, here.1 + (leave.1 - here.1) * k);
                builder.cubic_to(c1.0, c1.1, c2.0, c2.1, leave.0, leave.1);
            }
        }
        if closed {
            builder.close();
        }
    }

    /// Relative width and polylines: `x,y` in the unit box, `r` for a rounded corner, `z` closes, `|` separates.
    fn skeleton(&self, c: char) -> Option<(f32, &'static str)> {
        let form = |bit: u32, plain: &'static str, other: &'static str| {
            if self.forms >> bit & 1 == 0 { plain } else { other }
        };
        Some(match c {
            'A' => (1.05, form(0, "0,1 .5,0 1,1 | .18,.66 .82,.66", "0,1 .4,0 .6,0 1,1 | .17,.64 .83,.64")),
            'B' => (1.0, "0,.48 0,0 .93,0r .93,.48r 0,.48 0,1 1,1r 1,.48r 0,.48"),
            'C' => (1.0, form(1, "1,.26 1,0r 0,0r 0,1r 1,1r 1,.74", "1,.2 1,0r 0,0r 0,1r 1,1r 1,.8")),
            'D' => (1.0, "0,0 1,0r 1,1r 0,1 z"),
            'E' => (0.92, form(2, "1,0 0,0 0,1 1,1 | 0,.49 .82,.49", "1,0 0,0 0,1 1,1 | 0,.49 1,.49")),
            'F' => (0.9, "1,0 0,0 0,1 | 0,.49 .82,.49"),
            'G' => (
                1.0,
                form(
                    3,
                    "1,.25 1,0r 0,0r 0,1r 1,1r 1,.55 .55,.55",
                    "1,.22 1,0r 0,0r 0,1r .92,1r .92,.6 | .55,.58 1,.58",
                ),
            ),
            'H' => (1.0, "0,0 0,1 | 1,0 1,1 | 0,.48 1,.48"),
            'I' => {
                if self.forms >> 4 & 3 == 1 {
                    (0.6, ".5,0 .5,1 | 0,0 1,0 | 0,1 1,1")
                } else {
                    (0.3, ".5,0 .5,1")
                }
            }
            'J' => (0.9, form(6, "1,0 1,1r 0,1r 0,.7", ".3,0 1,0 1,1r 0,1r 0,.72")),
            'K' => (1.02, form(7, "0,0 0,1 | 1,0 0,.6 | .3,.43 1,1", "0,0 0,1 | 1,0 .12,.5 1,1 | 0,.5 .12,.5")),
            'L' => (0.9, "0,0 0,1 1,1"),
            'M' => (1.2, form(8, "0,1 0,0 .5,.62 1,0 1,1", "0,1 0,0 .5,.95 1,0 1,1")),
            'N' => (1.03, "0,1 0,0 1,1 1,0"),
            'O' => (1.06, "0,0r 1,0r 1,1r 0,1r z"),
            'P' => (0.98, "0,1 0,0 1,0r 1,.54r 0,.54"),
            'Q' => (
                1.02,
                form(9, "0,0r 1,0r 1,1r 0,1r z | .58,.7 1.05,1.04", "0,0r 1,0r 1,.96r 0,.96r z | .5,.78 .5,1.06"),
            ),
            'R' => (
                1.0,
                form(10, "0,1 0,0 1,0r 1,.53r 0,.53 | .48,.53 1,1", "0,1 0,0 1,0r 1,.53r 0,.53 | .55,.53 1,.6r 1,1"),
            ),
            'S' => (
                1.0,
                form(
                    11,
                    "1,.22 1,0r 0,0r 0,.47r 1,.47r 1,1r 0,1r 0,.78",
                    ".96,.27 1,0r 0,0r 0,.44r 1,.53r 1,1r 0,1r 0,.74",
                ),
            ),
            'T' => (0.98, ".5,0 .5,1 | 0,0 1,0"),
            'U' => (1.0, "0,0 0,1r 1,1r 1,0"),
            'V' => (1.03, "0,0 .5,1 1,0"),
            'W' => (1.25, form(12, "0,0 .22,1 .5,.35 .78,1 1,0", "0,0 .25,1 .5,0 .75,1 1,0")),
            'X' => (1.02, "0,0 1,1 | 1,0 0,1"),
            'Y' => (1.02, "0,0 .5,.5 1,0 | .5,.5 .5,1"),
            'Z' => (0.95, "0,0 1,0 0,1 1,1"),
            '0' => {
                // Most issuers tell it from O: narrower, or with a slash; some do not.
                match (self.forms >> 13) & 7 {
                    0 => (0.95, "0,0r 1,0r 1,1r 0,1r z | .2,.78 .8,.22"),
                    1 => (1.0, "0,0r 1,0r 1,1r 0,1r z"),
                    2 | 3 => (0.9, "0,0r 1,0r 1,1r 0,1r z"),
                    _ => (0.82, "0,0r 1,0r 1,1r 0,1r z"),
                }
            }
            '1' => match (self.forms >> 5) & 7 {
                // A bare stroke is a 1 only to those whose I has serifs.
                0 if (self.forms >> 4) & 3 == 1 => (0.3, ".5,0 .5,1"),
                1 | 2 => (0.4, ".05,.14 .8,0 .8,1"),
                3 => (0.62, ".05,.2 .5,0 .5,1 | 0,1 1,1"),
                _ => (0.55, ".1,.22 .72,0 .72,1"),
            },
            '2' => (0.97, form(14, "0,.26 0,0r 1,0r 1,.4r 0,.88 0,1 1,1", "0,.24 0,0r 1,0r 1,.46r 0,.62r 0,1 1,1")),
            '3' => (
                0.95,
                form(
                    15,
                    "0,.22 0,0r 1,0r 1,.48r .35,.48 | .35,.48 1,.48r 1,1r 0,1r 0,.78",
                    "0,0 1,0 .42,.4 1,.42r 1,1r 0,1r 0,.78",
                ),
            ),
            '4' => (1.0, form(3, ".74,1 .74,0 0,.7 1,.7", ".74,1 .74,.3 | .5,0 0,.7 1,.7")),
            '5' => (0.97, "0.95,0 .04,0 .04,.42 1,.42r 1,1r 0,1r 0,.78"),
            '6' => (
                0.97,
                form(2, ".96,.2 .96,0r 0,0r 0,1r 1,1r 1,.45r 0,.45r", ".75,0 0,.45r 0,1r 1,1r 1,.46r 0,.46r 0,.6"),
            ),
            '7' => (0.92, form(7, "0,0 1,0 .32,1", "0,.12 0,0 1,0 .9,.25 .42,.6r .4,1")),
            '8' => (0.98, "0.04,0r .96,0r .96,.47r .04,.47r z | 0,.47r 1,.47r 1,1r 0,1r z"),
            '9' => (
                0.97,
                form(2, ".04,.8 .04,1r 1,1r 1,0r 0,0r 0,.55r 1,.55r", ".25,1 1,.55r 1,0r 0,0r 0,.54r 1,.54r 1,.4"),
            ),
            '-' => (0.5, "0,.5 1,.5"),
            _ => return None,
        })
    }
}

struct Node {
    x: f32,
    y: f32,
    round: bool,
}

impl Node {
    fn parse(word: &str) -> Option<Self> {
        let round = word.ends_with('r');
        let (x, y) = word.trim_end_matches('r').split_once(',')?;
        Some(Self { x: x.parse().ok()?, y: y.parse().ok()?, round })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::chance::dice;

    #[test]
    fn every_letter_and_digit_has_a_die_in_every_cut() {
        let mut rng = dice(1, "dies", 0);
        for _ in 0..40 {
            let dies = Dies::random(&mut rng);
            for c in ('A'..='Z').chain('0'..='9') {
                let (path, advance) = dies.outline(c).unwrap_or_else(|| panic!("no die for {c}"));
                let b = path.bounds();
                assert!(b.top() > -0.2 && b.bottom() < 1.25 && b.width() < 1.2 && advance > 0.05, "{c} {b:?}");
            }
        }
    }
}

//! Faces that plates, signs and trucks are lettered with.

use std::sync::OnceLock;

use ab_glyph::{Font as _, FontRef, OutlineCurve};
use tiny_skia::{Path, PathBuilder, Transform};

use super::stroke::Dies;
use crate::simulate::chance::Chance;
use crate::simulate::scene::Rng;

/// A face to letter with.
#[derive(Clone, Debug)]
pub enum Typeface {
    /// Stamped dies; capitals, digits and the dash only.
    Dies(Dies),
    /// One of the fonts at hand.
    Font(Font),
}

/// The fonts at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are the fonts' own names")]
pub enum Font {
    DejaVuBold,
    DejaVuCondensedBold,
    DejaVuMonoBold,
    DejaVuSerifBold,
    DejaVuOblique,
    NotoBold,
    NotoRegular,
    NotoItalic,
    Hack,
    Ubuntu,
}

impl Font {
    /// All of them, in no order that matters.
    pub const ALL: [Self; 10] = [
        Self::DejaVuBold,
        Self::DejaVuCondensedBold,
        Self::DejaVuMonoBold,
        Self::DejaVuSerifBold,
        Self::DejaVuOblique,
        Self::NotoBold,
        Self::NotoRegular,
        Self::NotoItalic,
        Self::Hack,
        Self::Ubuntu,
    ];

    fn parsed(self) -> Option<&'static FontRef<'static>> {
        static PARSED: OnceLock<Vec<Option<FontRef<'static>>>> = OnceLock::new();
        let all = PARSED.get_or_init(|| Self::ALL.iter().map(|f| FontRef::try_from_slice(f.bytes()).ok()).collect());
        all[self as usize].as_ref()
    }

    fn bytes(self) -> &'static [u8] {
        match self {
            Self::DejaVuBold => dejavu::sans::bold(),
            Self::DejaVuCondensedBold => dejavu::sans_condensed::bold(),
            Self::DejaVuMonoBold => dejavu::sans_mono::bold(),
            Self::DejaVuSerifBold => dejavu::serif::bold(),
            Self::DejaVuOblique => dejavu::sans::bold_oblique(),
            Self::NotoBold => notosans::BOLD_TTF,
            Self::NotoRegular => notosans::REGULAR_TTF,
            Self::NotoItalic => notosans::BOLD_ITALIC_TTF,
            Self::Hack => epaint_default_fonts::HACK_REGULAR,
            Self::Ubuntu => epaint_default_fonts::UBUNTU_LIGHT,
        }
    }

    /// The outline of `c` with capitals 1 high, their top at 0 and the baseline at 1, and its advance.
    fn outline(self, c: char) -> Option<(Path, f32)> {
        let font = self.parsed()?;
        let id = font.glyph_id(c);
        // Digits and capitals are about as high in all of these; H tells the scale.
        let cap = font.outline(font.glyph_id('H')).map_or(1400.0, |o| o.bounds.max.y.max(o.bounds.min.y));
        let advance = font.h_advance_unscaled(id) / cap;
        let mut builder = PathBuilder::new();
        let mut last: Option<ab_glyph::Point> = None;
        for curve in font.outline(id)?.curves {
            let start = match curve {
                OutlineCurve::Line(a, _) | OutlineCurve::Quad(a, ..) | OutlineCurve::Cubic(a, ..) => a,
            };
            if last != Some(start) {
                if last.is_some() {
                    builder.close();
                }
                builder.move_to(start.x, start.y);
            }
            last = Some(match curve {
                OutlineCurve::Line(_, b) => {
                    builder.line_to(b.x, b.y);
                    b
                }
                OutlineCurve::Quad(_, c, b) => {
                    builder.quad_to(c.x, c.y, b.x, b.y);
                    b
                }
                OutlineCurve::Cubic(_, c, d, b) => {
                    builder.cubic_to(c.x, c.y, d.x, d.y, b.x, b.y);
                    b
                }
            });
        }
        builder.close();
        let path = builder.finish()?.transform(Transform::from_row(1.0 / cap, 0.0, 0.0, -1.0 / cap, 0.0, 1.0))?;
        Some((path, advance))
    }
}

/// Laid-out text: one path, its top left at (0, 0), capitals `height` high, `width` wide.
pub struct Lettering {
    /// All glyphs; `None` when nothing shows.
    pub path: Option<Path>,
    /// Advance of the whole.
    pub width: f32,
}

impl Typeface {
    /// One of the fonts, for small print and signs.
    pub fn any_font(rng: &mut Rng) -> Self {
        Self::Font(*rng.pick(&Font::ALL))
    }

    /// Lays `text` out on one line with capitals `height` high, glyphs stretched by `stretch` and `spacing`×height
    /// between them. A space is as wide as `gap`×height.
    pub fn lay_out(&self, text: &str, height: f32, stretch: f32, spacing: f32, gap: f32) -> Lettering {
        let mut builder = PathBuilder::new();
        let mut x = 0.0;
        for c in text.chars() {
            if c == ' ' {
                x += gap * height;
                continue;
            }
            if c == '·' || c == '*' {
                // A dot, or the stamped outline of a state or an animal: a blob at this size.
                let r = if c == '*' { 0.15 } else { 0.065 } * height;
                if let Some(oval) = tiny_skia::Rect::from_xywh(x + 0.04 * height, 0.5 * height - r, 2.0 * r, 2.0 * r) {
                    builder.push_oval(oval);
                }
                x += 2.0 * r + 0.12 * height;
                continue;
            }
            let glyph = match self {
                Self::Dies(dies) => dies.outline(c).or_else(|| Font::DejaVuCondensedBold.outline(c)),
                Self::Font(font) => font.outline(c),
            };
            let Some((path, advance)) = glyph else { continue };
            let place = Transform::from_row(height * stretch, 0.0, 0.0, height, x, 0.0);
            if let Some(path) = path.transform(place) {
                builder.push_path(&path);
            }
            x += advance * height * stretch + spacing * height;
        }
        Lettering { path: builder.finish(), width: (x - spacing * height).max(0.0) }
    }

    /// Lays `text` out so that it is at most `width` wide: squeezed, never stretched.
    pub fn fit(&self, text: &str, height: f32, width: f32, spacing: f32, gap: f32) -> Lettering {
        let natural = self.lay_out(text, height, 1.0, spacing, gap);
        if natural.width <= width {
            return natural;
        }
        let squeeze = width / natural.width;
        self.lay_out(text, height, squeeze, spacing * squeeze, gap * squeeze)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_font_draws_letters_and_digits() {
        for font in Font::ALL {
            for c in ('A'..='Z').chain('0'..='9') {
                let (path, advance) = font.outline(c).unwrap_or_else(|| panic!("{font:?} has no {c}"));
                let b = path.bounds();
                assert!(b.top() > -0.3 && b.bottom() < 1.4 && (0.1..2.0).contains(&advance), "{font:?} {c} {b:?}");
            }
        }
    }

    #[test]
    fn fitted_text_fits() {
        let text = Typeface::Font(Font::DejaVuBold).fit("WWWWWWWW", 50.0, 120.0, 0.1, 0.3);
        assert!(text.width <= 121.0);
    }
}

//! A contact sheet: every blanked picture small, on one page, the least sure first, for somebody who looks through them before they
//! are handed on.
//!
//! Owns the order and how many there are. What it shows is made from the copies: nothing is on it that they do not show.

use std::cmp::Ordering;
use std::fmt::{self, Write};

use super::html::{Escaped, data_uri};
use super::page::{Illustration, close, open};
use super::pictures;
use crate::capture::RegionKind;
use crate::geometry::{Rect, Size};
use crate::words::{count, grouped};

/// Pictures on a page: browsers scroll so many, and a page of them has some forty megabytes.
pub const MOST: usize = 2_000;

/// From this score on, a region is sure.
const SURE: f32 = 0.9;

/// One copy.
pub struct Print {
    /// Its name, as it is shown.
    pub name: String,
    /// The copy, made small.
    pub small: Illustration,
    /// The copy's size as it is seen.
    pub size: Size,
    /// What is blanked on it: its box as it is seen, and how sure that is.
    pub blanked: Vec<(RegionKind, Rect, f32)>,
}

impl Print {
    /// The print of a `copy`, which is turned as `way` says when it is shown. `None` when it does not decode.
    pub fn small(copy: &[u8], way: image::metadata::Orientation) -> Option<Illustration> {
        pictures::small(copy, way)
    }

    /// The least sure of its regions; above 1 where there is none.
    fn least(&self) -> f32 {
        self.blanked.iter().map(|(.., score)| *score).fold(2.0, f32::min)
    }

    fn cmp(&self, other: &Self) -> Ordering {
        self.least().total_cmp(&other.least()).then_with(|| self.name.cmp(&other.name))
    }
}

/// Prints as they come in.
#[derive(Default)]
pub struct ContactSheet {
    prints: Vec<Print>,
    all: u64,
    without: u64,
}

impl ContactSheet {
    /// Adds one. Of more than [`MOST`], the surest are left out.
    pub fn add(&mut self, print: Print) {
        self.all += 1;
        self.without += u64::from(print.blanked.is_empty());
        self.prints.push(print);
        if self.prints.len() >= 2 * MOST {
            self.order();
        }
    }

    fn order(&mut self) {
        self.prints.sort_by(Print::cmp);
        self.prints.truncate(MOST);
    }

    /// The page as one HTML file.
    pub fn html(mut self) -> String {
        self.order();
        let mut page = String::with_capacity(1 << 20);
        // Writing into a String cannot fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> fmt::Result {
        open(page, "Contact sheet", "Safelight contact sheet")?;
        let without = match self.without {
            0 => String::new(),
            1 => " 1 has nothing blanked, and comes last.".to_owned(),
            many => format!(" {} have nothing blanked, and come last.", grouped(many)),
        };
        writeln!(
            page,
            "<h1>{}</h1>\n<p class=\"lead\">The least sure first: there a blank may be where nothing is to hide, and something beside \
             it may have been missed.{without}</p>",
            Escaped(&count(self.all, "copy")),
        )?;
        if self.all > self.prints.len() as u64 {
            writeln!(page, "<p class=\"note\">the {} least sure are shown</p>", grouped(self.prints.len() as u64))?;
        }
        page.write_str("<div class=\"prints\">\n")?;
        self.prints.iter().try_for_each(|print| print.write(page))?;
        page.write_str("</div>\n")?;
        close(page)
    }
}

impl Print {
    fn write(&self, page: &mut String) -> fmt::Result {
        let Illustration { media_type, file, width, height } = &self.small;
        write!(
            page,
            "<figure class=\"print\"><div><div><img loading=\"lazy\" src=\"{}\" width=\"{width}\" height=\"{height}\" alt=\"{}\">\
             <svg viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\" aria-hidden=\"true\">",
            data_uri(media_type, file),
            Escaped(&self.name),
            self.size.width,
            self.size.height,
        )?;
        for (_, Rect { x, y, w, h }, score) in &self.blanked {
            let class = if *score < SURE { "unsure" } else { "sure" };
            write!(
                page,
                "<rect class=\"{class}\" x=\"{x:.0}\" y=\"{y:.0}\" width=\"{w:.0}\" height=\"{h:.0}\" \
                 vector-effect=\"non-scaling-stroke\"/>"
            )?;
        }
        writeln!(
            page,
            "</svg></div></div><figcaption><b>{}</b><span>{}</span></figcaption></figure>",
            Escaped(&self.name),
            self.words()
        )
    }

    fn words(&self) -> String {
        let of = |wanted| self.blanked.iter().filter(|(kind, ..)| *kind == wanted).count() as u64;
        let found = RegionKind::ALL.map(|kind| (of(kind), kind.name()));
        let found: Vec<_> =
            found.iter().filter(|(number, _)| *number > 0).map(|(number, what)| count(*number, what)).collect();
        if found.is_empty() {
            return "nothing blanked".to_owned();
        }
        format!("{}; least sure {:.0} %", found.join(", "), 100.0 * self.least())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(name: &str, scores: &[f32]) -> Print {
        let small = Illustration { media_type: "image/jpeg", file: b"pixels".to_vec(), width: 4, height: 3 };
        let blanked = scores.iter().map(|score| (RegionKind::Face, Rect::new(1.0, 2.0, 3.0, 4.0), *score)).collect();
        Print { name: name.to_owned(), small, size: Size::new(40, 30), blanked }
    }

    #[test]
    fn the_least_sure_comes_first_and_what_shows_nothing_last() {
        let mut sheet = ContactSheet::default();
        for (name, scores) in
            [("sure", &[0.99, 0.95][..]), ("empty", &[]), ("unsure<b>", &[0.99, 0.2]), ("between", &[0.5])]
        {
            sheet.add(print(name, scores));
        }
        let page = sheet.html();
        let at = |what: &str| page.find(what).unwrap_or_else(|| panic!("{what} is missing"));
        assert!(at("unsure&lt;b&gt;</b>") < at("between</b>") && at("between</b>") < at("sure</b>"));
        assert!(at("sure</b>") < at("empty</b>"));
        assert!(page.contains("4 copies") && page.contains("1 has nothing blanked, and comes last"));
        assert!(page.contains("least sure 20 %"));
    }

    #[test]
    fn of_many_the_surest_are_left_out() {
        let mut sheet = ContactSheet::default();
        for number in 0..3 * MOST {
            sheet.add(print(&format!("n{number:05}"), &[number as f32 / (4 * MOST) as f32]));
        }
        let page = sheet.html();
        assert_eq!(page.matches("<figure").count(), MOST);
        assert!(page.contains("6,000 copies") && page.contains("the 2,000 least sure"));
        assert!(page.contains("n01999") && !page.contains("n02000"));
    }
}

//! A share as its holder keeps it: text with a drawn QR code, or a page to print.

use std::fmt::Write as _;

use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::custody::Share;
use crate::seal::{CustodyId, SlotId};
use crate::words::count;

/// White modules that readers want around a QR code.
const MARGIN: usize = 4;

/// Black on white whatever the terminal's colours are, and back.
const INK: &str = "\x1b[30;107m";
const PLAIN: &str = "\x1b[0m";

/// What stands beside a share's lines.
pub(super) struct SharePage<'a> {
    pub share: &'a Share,
    pub custody: CustodyId,
    pub slot: SlotId,
    pub label: Option<&'a str>,
    pub second: bool,
    pub made: Timestamp,
}

impl SharePage<'_> {
    /// Text for a file: black blocks on paper's white.
    pub(super) fn text(&self) -> Zeroizing<String> {
        self.lines_around(&self.drawn("", ""))
    }

    /// The same for a terminal.
    pub(super) fn terminal(&self) -> Zeroizing<String> {
        self.lines_around(&self.drawn(INK, PLAIN))
    }

    fn lines_around(&self, drawn: &str) -> Zeroizing<String> {
        let mut page = Zeroizing::new(String::with_capacity(16 << 10));
        let _ = writeln!(page, "{}\n", self.title());
        for (name, value) in self.facts() {
            let _ = writeln!(page, "{name:<10} {value}");
        }
        let _ = writeln!(page, "\n{}", &*self.share.lines());
        let _ = writeln!(page, "{drawn}");
        for line in ADVICE {
            let _ = writeln!(page, "{line}");
        }
        page
    }

    fn title(&self) -> String {
        let Self { share, .. } = self;
        format!("Safelight: share {} of {} of a key", share.index(), share.count())
    }

    fn facts(&self) -> Vec<(&'static str, String)> {
        let what = if self.second { "the second slot" } else { "the keyring" };
        let mut facts = vec![
            ("opens", format!("{what}, together with any {}", count(u64::from(self.share.threshold() - 1), "other"))),
            ("custodian", self.custody.to_string()),
            ("slot", self.slot.to_string()),
            ("made", self.made.strftime("%Y-%m-%d").to_string()),
        ];
        if self.share.threshold() == 2 {
            facts[0].1 = format!("{what}, together with any other one");
        }
        if let Some(label) = self.label {
            facts.insert(1, ("label", label.to_owned()));
        }
        facts
    }

    /// Two modules a character.
    fn drawn(&self, before: &str, after: &str) -> Zeroizing<String> {
        let (modules, width) = self.share.qr_code();
        let side = width + 2 * MARGIN;
        let dark = |x: usize, y: usize| {
            let inside = |at: usize| (MARGIN..MARGIN + width).contains(&at);
            inside(x) && inside(y) && modules[(y - MARGIN) * width + x - MARGIN]
        };
        let mut drawn = Zeroizing::new(String::with_capacity(8 << 10));
        for y in (0..side).step_by(2) {
            drawn.push_str(before);
            for x in 0..side {
                drawn.push(match (dark(x, y), dark(x, y + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => ' ',
                });
            }
            drawn.push_str(after);
            drawn.push('\n');
        }
        drawn
    }

    /// A page of A5, as SVG.
    pub(super) fn svg(&self) -> Zeroizing<String> {
        /// Millimetres.
        const QR_SIDE: usize = 68;
        let (modules, width) = self.share.qr_code();
        let mut page = Zeroizing::new(String::with_capacity(64 << 10));
        page.push_str(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"148mm\" height=\"210mm\" viewBox=\"0 0 148 210\">\n\
             <rect width=\"148\" height=\"210\" fill=\"#fff\"/>\n\
             <g fill=\"#000\" font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"3.6\">\n",
        );
        let _ = writeln!(page, "<text x=\"14\" y=\"20\" font-size=\"6\" font-weight=\"bold\">{}</text>", self.title());
        let mut y = 30.0;
        for (name, value) in self.facts() {
            let _ = writeln!(page, "<text x=\"14\" y=\"{y:.1}\" fill=\"#555\">{name}</text>");
            let _ = writeln!(
                page,
                "<text x=\"38\" y=\"{y:.1}\">{}</text>",
                value.replace('&', "&amp;").replace('<', "&lt;")
            );
            y += 5.6;
        }
        y += 6.0;
        let _ = writeln!(
            page,
            "<g font-family=\"DejaVu Sans Mono, Consolas, monospace\" font-size=\"5.4\" xml:space=\"preserve\">"
        );
        for line in self.share.lines().lines() {
            let (number, symbols) = line.split_at(1);
            let _ = writeln!(page, "<text x=\"14\" y=\"{y:.1}\" fill=\"#555\">{number}</text>");
            let _ = writeln!(page, "<text x=\"24\" y=\"{y:.1}\">{}</text>", symbols.trim_start());
            y += 8.0;
        }
        let scale = QR_SIDE as f64 / width as f64;
        let _ = write!(page, "</g>\n<path transform=\"translate(40 {:.1}) scale({scale:.4})\" d=\"", y - 2.0);
        for (at, _) in modules.iter().enumerate().filter(|(_, dark)| **dark) {
            let _ = write!(page, "M{} {}h1v1h-1z", at % width, at / width);
        }
        page.push_str("\" shape-rendering=\"crispEdges\"/>\n");
        let mut y = y + QR_SIDE as f64 + 8.0;
        for line in ADVICE {
            let _ = writeln!(
                page,
                "<text x=\"14\" y=\"{y:.1}\" fill=\"#333\" font-size=\"3.2\" xml:space=\"preserve\">{line}</text>"
            );
            y += 4.6;
        }
        page.push_str("</g>\n</svg>\n");
        page
    }
}

/// For whoever finds the page in forty years.
const ADVICE: [&str; 5] = [
    "Keep this on paper, apart from all other shares and all cameras.",
    "The QR code says the six lines. Read O as 0, and I and L as 1.",
    "Once a year prove that it is still good; nothing is opened by it:",
    "  safelight custody rehearse --custody DIR --share FILE",
    "Enough of these and the keyring's file are every key there is.",
];

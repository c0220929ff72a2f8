//! The page itself, section by section.

use std::fmt::{self, Write};

use super::cells;
use super::html::{Escaped, data_uri};
use crate::breach::{Assessment, AttackResult, approx, grouped};

/// A picture that goes into the page whole.
pub struct Illustration {
    /// `image/jpeg` or `image/png`.
    pub media_type: &'static str,
    /// The file.
    pub file: Vec<u8>,
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
}

/// A picture with what it shows, in words, and a caption.
pub struct Figure {
    /// The picture.
    pub picture: Illustration,
    /// For those who do not see it.
    pub alt: String,
    /// For everybody.
    pub caption: String,
    /// Each pixel is a byte and must stay a sharp square.
    pub is_bytes: bool,
}

/// One stolen store: what it was, what the thief sees, what was obtained.
pub struct Store {
    /// A few words.
    pub name: String,
    /// One word, for the table.
    pub short: String,
    /// One or two sentences.
    pub what: String,
    /// What the thief sees.
    pub figure: Option<Figure>,
    /// Two details to compare, or none.
    pub pair: Vec<Figure>,
    /// What the folder's contents look like, or what was obtained, line by line.
    pub listing: Vec<String>,
    /// What was tried and found.
    pub assessment: Assessment,
    /// Success beside chance, attack by attack; empty when there was no truth to measure it by.
    pub results: Vec<AttackResult>,
}

/// How long a step took.
pub struct Measure {
    /// The step.
    pub step: String,
    /// Images that went through it; 0 when that is not what it works on.
    pub images: u64,
    /// Wall time.
    pub seconds: f64,
}

/// Something that the product does not protect.
pub struct Limit {
    /// A few words.
    pub title: &'static str,
    /// A sentence or two.
    pub text: &'static str,
}

/// All that a report tells.
pub struct Story {
    /// The page's one sentence.
    pub headline: String,
    /// A paragraph below it.
    pub lead: String,
    /// A short remark in a frame, such as that the data are simulated.
    pub note: String,
    /// The stores, side by side.
    pub stores: Vec<Store>,
    /// What came of stores beside the keys to them, which no sealing can help: the store and what it yields. The section
    /// is left out when there are none.
    pub keyed: Vec<(String, String)>,
    /// Measured steps; the section is left out when there are none.
    pub measures: Vec<Measure>,
    /// What is not protected; the section is left out when there is nothing to say.
    pub limits: Vec<Limit>,
    /// How it was made: names and values.
    pub made: Vec<(String, String)>,
}

/// What no sealing can protect, said as plainly as the rest.
pub fn limits() -> Vec<Limit> {
    let limit = |title, text| Limit { title, text };
    vec![
        limit("The keyring with its passphrase", "Whoever has both reads everything that has not expired."),
        limit(
            "A machine taken over while it runs",
            "Pixels and plate text are in memory while an image passes. A thief inside a live site sees what passes from \
             then on, though nothing that was sealed before.",
        ),
        limit(
            "The camera's own folder",
            "Originals lie in the source folder until they are consumed. A disk may keep deleted blocks; encrypt it too.",
        ),
        limit(
            "How much there is, and in which order",
            "The number and padded size of segments tell a thief roughly how busy a site was, and the journal in which \
             order it committed them. A capture that is alone in its segment can be one of a few hundred in a thousand.",
        ),
        limit(
            "Plates and faces that were not found",
            "A missed region stays visible in the scene. Scenes are sealed, so a thief does not see it, but whoever may \
             view scenes does.",
        ),
        limit(
            "People who may look",
            "A custodian or a partner with the right key can photograph the screen. Only purpose, budget and audit stand \
             against that.",
        ),
        limit(
            "A stolen site pack",
            "It opens no record. With an opened catalogue it lets a thief turn plates into the pseudonyms of its own \
             epoch, with the journal it tells whether a given photograph was sealed, and with the vault's disk it can add \
             false captures.",
        ),
        limit(
            "An older copy of the whole vault",
            "Put in the place of the vault, it is sound in itself: a reader cannot tell. Compare it with a backup, or \
             with what was audited.",
        ),
        limit(
            "Hour and place in a partner's copy",
            "Two partners who were granted the same hours can narrow captures down to an hour and a site, and scenes of \
             the same capture look alike.",
        ),
        limit(
            "What these attacks cannot show",
            "Passing them is no proof. They find careless mistakes; the case for the rest is in the published building \
             blocks: X-Wing, HPKE and AES-256-GCM.",
        ),
    ]
}

impl Story {
    /// The page as one HTML file.
    pub fn html(&self) -> String {
        let mut page = String::with_capacity(1 << 20);
        // Writing into a String cannot fail.
        let _ = self.write(&mut page);
        page
    }

    fn write(&self, page: &mut String) -> fmt::Result {
        open(page, &self.headline, "Safelight breach report")?;
        writeln!(page, "<h1>{}</h1>\n<p class=\"lead\">{}</p>", Escaped(&self.headline), Escaped(&self.lead))?;
        if !self.note.is_empty() {
            writeln!(page, "<p class=\"note\">{}</p>", Escaped(&self.note))?;
        }
        self.write_stores(page)?;
        self.write_attacks(page)?;
        self.write_keyed(page)?;
        self.write_limits(page)?;
        self.write_measures(page)?;
        self.write_made(page)?;
        close(page)
    }

    fn write_stores(&self, page: &mut String) -> fmt::Result {
        let alone = if self.stores.len() == 1 { " alone" } else { "" };
        write!(page, "<section>\n<h2>What the thief sees</h2>\n<div class=\"stores{alone}\">\n")?;
        for store in &self.stores {
            store.write(page)?;
        }
        page.write_str("</div>\n</section>\n")
    }

    fn write_attacks(&self, page: &mut String) -> fmt::Result {
        page.write_str(
            "<section>\n<h2>What was tried</h2>\n<p class=\"soft\">Every attack runs on every store. <em>Taken</em> means \
             that something identifying was obtained beyond what chance gives; <em>structure only</em>, that the bytes \
             can be told from noise and nothing more came of it. Percentages are the attacker's success and what chance \
             would give; <em>p</em> is the probability of so much by chance, after Holm's correction for all attacks on a \
             store.</p>\n<table class=\"attacks\">\n<thead><tr>\
             <th scope=\"col\">Attack</th>",
        )?;
        for store in &self.stores {
            write!(page, "<th scope=\"col\">{}</th>", Escaped(&store.short))?;
        }
        page.write_str("</tr></thead>\n<tbody>\n")?;
        let longest = self.stores.iter().max_by_key(|s| s.assessment.findings.len());
        let attacks = longest.map_or(&[][..], |s| &s.assessment.findings);
        for attack in attacks.iter().map(|f| f.attack) {
            write!(
                page,
                "<tr><th scope=\"row\">{}<small>{}</small></th>",
                Escaped(attack.name()),
                Escaped(attack.meaning())
            )?;
            for store in &self.stores {
                write!(page, "<td data-store=\"{}\">", Escaped(&store.short))?;
                if let Some(finding) = store.assessment.finding(attack) {
                    let cell = cells::cell(finding);
                    write!(page, "<span class=\"tag {}\">{}</span>", cell.class, cell.word)?;
                    let result = store.results.iter().find(|result| result.attack == attack);
                    if let Some(rate) = result.and_then(|result| result.rate) {
                        let p = result.and_then(|result| result.corrected).unwrap_or(rate.p);
                        write!(
                            page,
                            "<b class=\"rate\">{}<i>chance {}, p {}</i></b>",
                            Escaped(&percent(rate.success)),
                            Escaped(&percent(rate.chance)),
                            if p < 1e-4 { "&lt; 10⁻⁴".to_owned() } else { format!("= {}", approx(p)) }
                        )?;
                    }
                    write!(page, "<small>{}</small>", Escaped(&cell.detail))?;
                }
                page.write_str("</td>")?;
            }
            page.write_str("</tr>\n")?;
        }
        page.write_str("</tbody>\n</table>\n</section>\n")
    }

    fn write_keyed(&self, page: &mut String) -> fmt::Result {
        if self.keyed.is_empty() {
            return Ok(());
        }
        page.write_str(
            "<section>\n<h2>And beside their keys?</h2>\n<p class=\"soft\">Sealing is worth what the care for keys is \
             worth. The same thief, with keys lying beside what they open:</p>\n<table class=\"plain-table keyed\">\n<thead><tr>\
             <th scope=\"col\">Stolen together</th><th scope=\"col\">Yields</th></tr></thead>\n<tbody>\n",
        )?;
        for (what, yields) in &self.keyed {
            writeln!(page, "<tr><td>{}</td><td>{}</td></tr>", Escaped(what), Escaped(yields))?;
        }
        page.write_str("</tbody>\n</table>\n</section>\n")
    }

    fn write_limits(&self, page: &mut String) -> fmt::Result {
        if self.limits.is_empty() {
            return Ok(());
        }
        page.write_str("<section>\n<h2>What is not protected</h2>\n<ul class=\"limits\">\n")?;
        for limit in &self.limits {
            writeln!(page, "<li><strong>{}</strong> {}</li>", Escaped(limit.title), Escaped(limit.text))?;
        }
        page.write_str("</ul>\n</section>\n")
    }

    fn write_measures(&self, page: &mut String) -> fmt::Result {
        if self.measures.is_empty() {
            return Ok(());
        }
        page.write_str(
            "<section>\n<h2>How fast it was</h2>\n<table class=\"plain-table\">\n<thead><tr><th scope=\"col\">Step</th>\
             <th scope=\"col\">Seconds</th><th scope=\"col\">Images a second</th><th scope=\"col\">A day</th></tr></thead>\n<tbody>\n",
        )?;
        for measure in &self.measures {
            write!(page, "<tr><td>{}</td><td>{:.2}</td>", Escaped(&measure.step), measure.seconds)?;
            if measure.images > 0 && measure.seconds > 0.0 {
                let rate = measure.images as f64 / measure.seconds;
                write!(page, "<td>{rate:.0}</td><td>{:.1} million</td>", rate * 86_400.0 / 1e6)?;
            } else {
                page.write_str("<td></td><td></td>")?;
            }
            page.write_str("</tr>\n")?;
        }
        page.write_str("</tbody>\n</table>\n</section>\n")
    }

    fn write_made(&self, page: &mut String) -> fmt::Result {
        page.write_str("<footer>\n")?;
        for (name, value) in &self.made {
            writeln!(page, "<p>{}: <code>{}</code></p>", Escaped(name), Escaped(value))?;
        }
        page.write_str("</footer>\n")
    }
}

/// A share as a percentage, with a decimal where it is small; never nothing when it is something.
fn percent(share: f64) -> String {
    let share = share * 100.0;
    if share > 0.0 && share < 0.05 {
        return "<0.1\u{a0}%".to_owned();
    }
    if share == 0.0 || share >= 9.95 { format!("{share:.0}\u{a0}%") } else { format!("{share:.1}\u{a0}%") }
}

/// Everything before the first heading.
pub(super) fn open(page: &mut String, title: &str, brand: &str) -> fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
         <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n\
         <div class=\"brand\"><i></i>{}</div>\n",
        Escaped(title),
        include_str!("style.css"),
        Escaped(brand)
    )
}

/// Everything behind the last section.
pub(super) fn close(page: &mut String) -> fmt::Result {
    page.write_str("</main>\n</body>\n</html>\n")
}

impl Store {
    fn write(&self, page: &mut String) -> fmt::Result {
        let breached = self.assessment.is_breached();
        let (class, tag, word) =
            if breached { ("broken", "taken", "broken open") } else { ("held", "nothing", "nothing usable") };
        write!(
            page,
            "<article class=\"store {class}\">\n<header><h3>{}</h3><span class=\"tag {tag}\">{word}</span></header>\n",
            Escaped(&self.name)
        )?;
        if let Some(figure) = &self.figure {
            figure.write(page)?;
        }
        if !self.pair.is_empty() {
            page.write_str("<div class=\"pair\">\n")?;
            for figure in &self.pair {
                figure.write(page)?;
            }
            page.write_str("</div>\n")?;
        }
        write!(page, "<p class=\"what\">{}</p>\n<dl class=\"loot\">", Escaped(&self.what))?;
        let got = [
            ("pictures", self.assessment.pictures()),
            ("thumbnails", self.assessment.thumbnails()),
            ("plates", self.assessment.plates()),
        ];
        for (what, count) in got {
            write!(page, "<div><dt>{what}</dt><dd>{}</dd></div>", grouped(count))?;
        }
        page.write_str("</dl>\n")?;
        if !self.listing.is_empty() {
            page.write_str("<pre>")?;
            for (i, line) in self.listing.iter().enumerate() {
                let end = if i + 1 < self.listing.len() { "\n" } else { "" };
                write!(page, "{}{end}", Escaped(line))?;
            }
            page.write_str("</pre>\n")?;
        }
        page.write_str("</article>\n")
    }
}

impl Figure {
    fn write(&self, page: &mut String) -> fmt::Result {
        writeln!(
            page,
            "<figure><img{} src=\"{}\" width=\"{}\" height=\"{}\" alt=\"{}\"><figcaption>{}</figcaption></figure>",
            if self.is_bytes { " class=\"bytes\"" } else { "" },
            data_uri(self.picture.media_type, &self.picture.file),
            self.picture.width,
            self.picture.height,
            Escaped(&self.alt),
            Escaped(&self.caption)
        )
    }
}

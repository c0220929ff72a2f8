//! The page itself, section by section.

use std::fmt::{self, Write};

use super::cells;
use super::html::{Escaped, data_uri};
use crate::breach::{Assessment, grouped};

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
        limit(
            "The keyring with its passphrase",
            "Whoever has both reads everything that has not expired. The demo never writes the passphrase down; an \
             institution must keep it somewhere.",
        ),
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
            "How much there is",
            "The number and padded size of segments tell a thief roughly how busy a site was, and when it last wrote.",
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
            "It opens no record. It does hold the pseudonym key of the current epoch: together with an opened catalogue \
             it would let a thief enumerate plates for that epoch.",
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
        write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"referrer\" content=\"no-referrer\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n\
             <title>{}</title>\n<style>\n{}</style>\n</head>\n<body>\n<main>\n",
            Escaped(&self.headline),
            include_str!("style.css")
        )?;
        write!(
            page,
            "<div class=\"brand\"><i></i>Safelight breach report</div>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
            Escaped(&self.headline),
            Escaped(&self.lead)
        )?;
        if !self.note.is_empty() {
            writeln!(page, "<p class=\"note\">{}</p>", Escaped(&self.note))?;
        }
        self.write_stores(page)?;
        self.write_attacks(page)?;
        self.write_limits(page)?;
        self.write_measures(page)?;
        self.write_made(page)?;
        page.write_str("</main>\n</body>\n</html>\n")
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
             can be told from noise and nothing more came of it.</p>\n<table class=\"attacks\">\n<thead><tr>\
             <th scope=\"col\">Attack</th>",
        )?;
        for store in &self.stores {
            write!(page, "<th scope=\"col\">{}</th>", Escaped(&store.short))?;
        }
        page.write_str("</tr></thead>\n<tbody>\n")?;
        let attacks = self.stores.first().map_or(&[][..], |s| &s.assessment.findings);
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
                    write!(
                        page,
                        "<span class=\"tag {}\">{}</span><small>{}</small>",
                        cell.class,
                        cell.word,
                        Escaped(&cell.detail)
                    )?;
                }
                page.write_str("</td>")?;
            }
            page.write_str("</tr>\n")?;
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

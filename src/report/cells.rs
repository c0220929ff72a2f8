//! How figures and verdicts read in the table: a word, a number, and beside it what chance would give.

use crate::breach::{Evidence, Finding, SecretKind, Verdict, approx, counted, grouped};

/// A table cell.
pub struct Cell {
    /// Class of the tag.
    pub class: &'static str,
    /// Word in the tag.
    pub word: &'static str,
    /// Figures below it.
    pub detail: String,
}

/// What `finding` reads like.
pub fn cell(finding: &Finding) -> Cell {
    let (class, word) = match finding.verdict {
        Verdict::Success => ("taken", "taken"),
        Verdict::Nothing => ("nothing", "nothing"),
        Verdict::Structure => ("structure", "structure only"),
        Verdict::Residual => ("structure", "residual"),
        Verdict::NotTried => ("untried", "not tried"),
    };
    Cell { class, word, detail: detail(finding) }
}

fn detail(finding: &Finding) -> String {
    let taken = finding.verdict == Verdict::Success;
    match &finding.evidence {
        Evidence::Pictures(p) if taken => listed([(p.decoded, "picture"), (p.embedded, "thumbnail")]),
        Evidence::Pictures(p) => {
            format!("{}, {} by chance; none decodes", counted(p.signatures, "signature"), approx(p.by_chance))
        }
        Evidence::Metadata(m) if taken => {
            listed([(m.times, "time"), (m.positions, "GPS position"), (m.thumbnails, "thumbnail")])
        }
        Evidence::Metadata(_) => "no block found".to_owned(),
        Evidence::Text(t) if taken => listed([(t.rows, "table row"), (t.json, "JSON value")]),
        Evidence::Text(t) => format!("{}, {} by chance", counted(t.runs, "readable run"), approx(t.by_chance)),
        Evidence::Known(k) if finding.verdict == Verdict::NotTried => {
            if k.kind == SecretKind::Pseudonym { "there is none" } else { "the truth names none" }.to_owned()
        }
        Evidence::Known(k) => {
            let sample =
                if k.searched < k.total { format!(", sampled from {}", grouped(k.total)) } else { String::new() };
            format!(
                "{} of {} found{sample}; decoys {} of {}",
                grouped(k.found),
                grouped(k.searched),
                grouped(k.decoys_found),
                grouped(k.decoys)
            )
        }
        Evidence::Dictionary(d) if d.hash_likes == 0 => "nothing looks like a hash".to_owned(),
        Evidence::Dictionary(d) if taken => format!(
            "{} of {} cracked{} in {:.1} s; {} million tries a second, all patterns in {} s; {}",
            grouped(d.recovered),
            grouped(d.hash_likes),
            d.algorithm.map_or(String::new(), |a| format!(" ({})", a.name())),
            d.seconds,
            grouped((d.per_second / 1e6).round() as u64),
            grouped((d.space as f64 / d.per_second.max(1.0)).ceil() as u64),
            d.extent()
        ),
        Evidence::Dictionary(d) => format!("{}: {}", counted(d.hash_likes, "value"), d.extent()),
        // What there was and what came of it, in words of their own.
        Evidence::Keys(_) | Evidence::Seen(_) => finding.evidence.to_string(),
        // Success and chance stand above it.
        Evidence::Game(g) => g.about.clone(),
        Evidence::Randomness(r) if r.tests == 0 => "too little to test".to_owned(),
        Evidence::Randomness(r) => {
            let p = if r.p == 0.0 { "p < 10⁻³⁰⁰".to_owned() } else { format!("p = {}", approx(r.p)) };
            let places = if r.structured_files.is_empty() {
                String::new()
            } else {
                format!("; in {}{}", r.structured_files.join(", "), if r.more_files { " and others" } else { "" })
            };
            let repeated = if r.repeated_blocks > 0 {
                format!(", {}", counted(r.repeated_blocks, "repeated block"))
            } else {
                String::new()
            };
            format!(
                "{:.4} bits a byte; {} of {} tests failed, {p}{repeated}{places}",
                r.entropy,
                grouped(r.structured),
                grouped(r.tests)
            )
        }
    }
}

/// The counts that are not zero, in words.
fn listed<const N: usize>(counts: [(u64, &str); N]) -> String {
    let said: Vec<String> = counts.into_iter().filter(|c| c.0 > 0).map(|(n, what)| counted(n, what)).collect();
    said.join(", ")
}

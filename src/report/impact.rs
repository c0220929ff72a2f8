//! One page for whoever must answer after a theft: what was taken, from whom, when, and what it is worth.

use std::fmt::{self, Write};

use super::html::Escaped;
use crate::breach::{counted, grouped};
use crate::impact::{Held, Impact, MIN_CELL, Vehicles};

/// The assessment as one HTML file. It holds no plate, no pseudonym and no picture.
pub fn of_impact(impact: &Impact) -> String {
    let mut page = String::with_capacity(1 << 16);
    // Writing into a String cannot fail.
    let _ = write_page(impact, &mut page);
    page
}

fn write_page(impact: &Impact, page: &mut String) -> fmt::Result {
    let headline = headline(impact);
    super::page::open(page, &headline, "Safelight impact report")?;
    writeln!(page, "<h1>{}</h1>\n<p class=\"lead\">{}</p>", Escaped(&headline), Escaped(&lead(impact)))?;
    write_figures(impact, page)?;
    write_days(impact, page)?;
    write_lanes(impact, page)?;
    write_keys(impact, page)?;
    write_uncertainty(impact, page)?;
    write_uncounted(impact, page)?;
    writeln!(
        page,
        "<footer>\n<p>Assessed in {:.1} seconds by <code>safelight {} impact</code> from {} in {}.</p>\n</footer>",
        impact.seconds,
        env!("CARGO_PKG_VERSION"),
        counted(impact.taken.bytes, "byte"),
        counted(impact.taken.files, "file")
    )?;
    super::page::close(page)
}

fn headline(impact: &Impact) -> String {
    match impact.openable.iter().max() {
        Some(&open) if open > 0 => {
            format!("{} were taken; keys in the same hands open {}", counted(impact.captures, "capture"), grouped(open))
        }
        _ if impact.captures == 0 => "Nothing that was taken could be counted".to_owned(),
        _ => format!("{} were taken; the thief holds no key to any of them", counted(impact.captures, "capture")),
    }
}

fn lead(impact: &Impact) -> String {
    match impact.captures {
        0 if !impact.uncounted.is_nothing() => {
            return "Nothing could be counted, which is not to say that nobody is concerned: see below.".to_owned();
        }
        0 => return "No capture is in what was taken.".to_owned(),
        1..MIN_CELL => {
            return format!(
                "Of fewer than {MIN_CELL} captures nothing is told here but their number. Which they are, where and when, is \
                 listed for whoever has a reason, which is put on record."
            );
        }
        _ => {}
    }
    let days = impact.days().keys().flatten().count() as u64;
    let mut lead = match (&impact.first, &impact.last) {
        (Some(first), Some(last)) => format!("They cover {}, {first} to {last}", counted(days, "day")),
        _ if impact.cells.is_empty() => format!("In no lane are there {MIN_CELL} of them on one day"),
        _ => "Too few of them have a time for a day to be told".to_owned(),
    };
    match &impact.vehicles {
        Some(vehicles) => {
            lead += &format!(
                ", and show an estimated {} ({} to {}).",
                counted(vehicles.estimate, "vehicle"),
                grouped(vehicles.low),
                grouped(vehicles.high)
            );
        }
        None => lead.push('.'),
    }
    lead
}

fn day(time: &str) -> &str {
    time.get(..10).unwrap_or(time)
}

fn write_figures(impact: &Impact, page: &mut String) -> fmt::Result {
    let open = impact.openable.iter().max().copied().unwrap_or(0);
    let untold = || ("–".to_owned(), format!("not told of fewer than {MIN_CELL} captures"));
    let (vehicles, interval) = impact.vehicles.as_ref().map_or_else(untold, |vehicles| {
        let interval = format!("{} to {}, 95 % interval", grouped(vehicles.low), grouped(vehicles.high));
        (grouped(vehicles.estimate), interval)
    });
    let (people, faces) = impact.faces.as_ref().map_or_else(untold, |faces| {
        let appearances = counted(faces.appearances, "appearance");
        (grouped(faces.tokens), format!("{appearances} of faces; {} at once", grouped(faces.most_at_once)))
    });
    let unexamined = impact.unexamined.map(|unexamined| format!("{} unexamined", grouped(unexamined)));
    let figures = [
        (grouped(impact.captures), "captures", unexamined.unwrap_or_default()),
        (vehicles, "vehicles", interval),
        (people, "people at most", faces),
        (
            grouped(open),
            "captures the thief can open",
            format!("{} in the loot", counted(impact.held.len() as u64, "key")),
        ),
    ];
    page.write_str("<dl class=\"figures\">\n")?;
    for (i, (value, name, note)) in figures.iter().enumerate() {
        let class = match (i, open) {
            (3, 0) => " class=\"good\"",
            (3, _) => " class=\"bad\"",
            _ => "",
        };
        writeln!(
            page,
            "<div{class}><dt>{name}</dt><dd>{value}</dd><dd class=\"note-line\">{}</dd></div>",
            Escaped(note)
        )?;
    }
    page.write_str("</dl>\n")
}

/// A bar for each day, drawn as an SVG: sharp on paper, readable without colour.
fn write_days(impact: &Impact, page: &mut String) -> fmt::Result {
    let days = impact.days();
    let known: Vec<(&str, u64)> = days.iter().filter_map(|(day, count)| Some(((*day)?, *count))).collect();
    let (Some(most), Some(first), Some(last)) = (known.iter().map(|d| d.1).max(), known.first(), known.last()) else {
        return Ok(());
    };
    const WIDTH: f64 = 1000.0;
    const HEIGHT: f64 = 162.0;
    let step = WIDTH / known.len() as f64;
    write!(
        page,
        "<section>\n<h2>Which days</h2>\n<p class=\"soft\">{} on the busiest of {}.</p>\n\
         <svg class=\"days\" viewBox=\"0 0 1000 206\" role=\"img\" aria-label=\"Captures taken on each day\">\n",
        counted(most, "capture"),
        counted(known.len() as u64, "day")
    )?;
    for (i, (day, count)) in known.iter().enumerate() {
        let height = (*count as f64 / most as f64 * HEIGHT).max(1.0);
        writeln!(
            page,
            "<rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{height:.2}\" rx=\"1.5\"><title>{}: {}</title></rect>",
            i as f64 * step + step * 0.1,
            HEIGHT - height,
            (step * 0.8).min(80.0),
            Escaped(day),
            grouped(*count)
        )?;
    }
    write!(
        page,
        "<text x=\"0\" y=\"202\">{}</text><text x=\"1000\" y=\"202\" text-anchor=\"end\">{}</text>\n</svg>\n",
        Escaped(first.0),
        Escaped(last.0)
    )?;
    write_untold(impact, page)?;
    if let Some(undated) = days.get(&None) {
        writeln!(page, "<p class=\"soft\">{} without a time.</p>", counted(*undated, "capture"))?;
    }
    page.write_str("</section>\n")
}

/// What the bars lack.
fn write_untold(impact: &Impact, page: &mut String) -> fmt::Result {
    if impact.untold == 0 {
        return Ok(());
    }
    writeln!(
        page,
        "<p class=\"soft\">{} more where too few fall on one day at one site and lane: no figure is told of fewer than {MIN_CELL}, \
         nor one that gives such away.</p>",
        grouped(impact.untold)
    )
}

fn write_lanes(impact: &Impact, page: &mut String) -> fmt::Result {
    let lanes = impact.lanes();
    if lanes.is_empty() {
        return Ok(());
    }
    let most = lanes.values().copied().max().unwrap_or(1).max(1);
    page.write_str(
        "<section>\n<h2>Which sites and lanes</h2>\n<table class=\"plain-table lanes\">\n<thead><tr><th scope=\"col\">Site</th>\
         <th scope=\"col\">Lane</th><th scope=\"col\">Captures</th><th scope=\"col\"></th></tr></thead>\n<tbody>\n",
    )?;
    for ((site, lane), captures) in lanes {
        writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td>{}</td><td><span class=\"bar\" style=\"width:{:.1}%\"></span></td></tr>",
            Escaped(site.unwrap_or("–")),
            Escaped(lane.unwrap_or("–")),
            grouped(captures),
            captures as f64 / most as f64 * 100.0
        )?;
    }
    if impact.untold > 0 {
        writeln!(
            page,
            "<tr><td colspan=\"2\">Too few to be told</td><td>{}</td><td></td></tr>",
            grouped(impact.untold)
        )?;
    }
    page.write_str("</tbody>\n</table>\n</section>\n")
}

fn write_keys(impact: &Impact, page: &mut String) -> fmt::Result {
    page.write_str("<section>\n<h2>What the thief holds</h2>\n")?;
    if impact.held.is_empty() {
        page.write_str("<p>No key of any kind is in the loot. What was taken stays sealed to whoever has it.</p>\n")?;
    } else {
        page.write_str("<ul class=\"limits\">\n")?;
        for held in &impact.held {
            let (title, text) = worth(held);
            writeln!(page, "<li><strong>{}</strong> {}</li>", Escaped(&title), Escaped(&text))?;
        }
        page.write_str("</ul>\n")?;
    }
    for trace in &impact.traces {
        writeln!(
            page,
            "<p><span class=\"tag taken\">canary</span> {} of export <code>{}</code>, made for the recipient whose key id \
             begins with <code>{}</code>; {} of these captures are in the loot or in the vault.</p>",
            counted(trace.ids, "id"),
            Escaped(&trace.export),
            Escaped(&trace.recipient),
            grouped(trace.confirmed)
        )?;
    }
    page.write_str("</section>\n")
}

fn worth(held: &Held) -> (String, String) {
    match held {
        Held::SitePack { site, ours, epoch, until, with_journal } => (
            format!("Site pack of {site}{}", if *ours { "" } else { ", of another custodian" }),
            format!(
                "Opens nothing. Its pseudonym key is that of epoch {epoch}, of use only to who opens a catalogue of that \
                 epoch. False captures can be sealed with it until {}: issue a new pack{}.",
                day(until),
                if *with_journal {
                    ". With the journal that was taken too, it tells whether a given original was sealed"
                } else {
                    ""
                }
            ),
        ),
        Held::Recipient { id, captures } => (
            "A recipient's private key".to_owned(),
            format!("{id} opens {} of the copies here, in the view that was granted.", counted(*captures, "capture")),
        ),
        Held::SealedRecipient { id } => (
            "A recipient's private key, sealed by a passphrase".to_owned(),
            format!("{id} opens the copies made for it once its passphrase is guessed."),
        ),
        Held::Keyring { ours, generation } => (
            format!("A keyring{}", if *ours { "" } else { " of another custodian" }),
            format!(
                "Generation {generation}. Whoever opens one of its slots opens everything that had not expired: treat all \
                 captures as exposed if its passphrase may be known."
            ),
        ),
        Held::Damaged { what } => (format!("A {what}, damaged"), "It cannot be used as it is.".to_owned()),
    }
}

fn write_uncertainty(impact: &Impact, page: &mut String) -> fmt::Result {
    if impact.captures < MIN_CELL {
        return Ok(());
    }
    page.write_str("<section>\n<h2>How sure the counts are</h2>\n<p>Captures, days and lanes are exact.</p>\n")?;
    if let Some(vehicles) = &impact.vehicles {
        write_estimate(vehicles, page)?;
    }
    page.write_str(
        "<p>A face token links exact copies of a picture and nothing else, so that the number of people is at most the \
         number of tokens. Vehicles and people that were not found on any photograph are in no figure.</p>\n</section>\n",
    )
}

fn write_estimate(vehicles: &Vehicles, page: &mut String) -> fmt::Result {
    writeln!(
        page,
        "<p>Vehicles are estimated from {} \
         of {}: about {:.0} of them are misreadings of vehicles that other captures show, and about {} were \
         met only where their plate could not be read ({} of {}). The interval is 95 % of the sampling error and half of \
         both corrections.</p>",
        counted(vehicles.pseudonyms, "distinct reading"),
        counted(vehicles.plates, "plate"),
        vehicles.misread,
        counted(vehicles.never_read.round() as u64, "vehicle"),
        grouped(vehicles.unread),
        counted(vehicles.plates, "plate")
    )?;
    if vehicles.counted_separately > 1 {
        writeln!(
            page,
            "<p>Pseudonyms change with each epoch and each copy, and {} with {MIN_CELL} captures or more are in the loot: a vehicle seen in two of them is \
             in the estimate twice. The lower end is that of the largest alone.</p>",
            grouped(vehicles.counted_separately)
        )?;
    }
    Ok(())
}

fn write_uncounted(impact: &Impact, page: &mut String) -> fmt::Result {
    let uncounted = &impact.uncounted;
    let rows = [
        (uncounted.closed, "Segments sealed to keys that are expired or somebody else's"),
        (uncounted.copies, "Segments of copies, sealed to their recipients' keys, which are not in the loot"),
        (uncounted.cut, "Segments cut before their catalogue's end, and in no vault that was named"),
        (uncounted.damaged, "Segments that do not open: altered or damaged"),
        (uncounted.irregular, "Links, FIFOs and devices, which were not opened"),
        (uncounted.unknown, "Names, hashes or ids that are unknown here"),
        (uncounted.hashes, "Hashes of another kind than BLAKE3 and SHA-256, by which segments are known"),
        (uncounted.pictures, "Pictures that are, byte for byte, no original and no scene of the vault"),
        (uncounted.undigested, "Captures sealed before files could be recognised, to which those pictures may belong"),
        (uncounted.lacking, "Parts of the vault that are missing or damaged"),
        (impact.taken.others, "Files that are none of Safelight's"),
    ];
    if rows.iter().all(|row| row.0 == 0) {
        return Ok(());
    }
    page.write_str("<section>\n<h2>What could not be counted</h2>\n<ul class=\"plain-list\">\n")?;
    for (count, what) in rows.iter().filter(|row| row.0 > 0) {
        writeln!(page, "<li>{}: {}</li>", Escaped(what), grouped(*count))?;
    }
    page.write_str("</ul>\n</section>\n")
}

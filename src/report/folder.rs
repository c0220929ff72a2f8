//! The story of stolen folders of a user's own: figures, and samples only as far as they may be shown.

use crate::breach::{Assessment, Sample, Truth, Verdict, counted, results};

use super::page::{Store, Story, limits};

/// Lines of samples in a report.
const MAX_LINES: usize = 24;

/// A report on stolen folders, with their names. Samples are masked unless `show` is set, and it never holds a picture:
/// the report may outlive the theft that it describes.
pub fn of_folders(folders: Vec<(String, Assessment)>, truth: Option<&Truth>, show: bool, command: String) -> Story {
    let total = |count: fn(&Assessment) -> u64| folders.iter().map(|(_, a)| count(a)).sum::<u64>();
    let broken = folders.iter().filter(|(_, a)| a.is_breached()).count();
    let headline = match (folders.len(), broken) {
        (1, 0) => "Nothing usable came out of this folder".to_owned(),
        (_, 0) => "Nothing usable came out of these folders".to_owned(),
        (1, _) => match folders[0].1.took() {
            took if took.is_empty() => "Something came out of this folder".to_owned(),
            took => format!("{took} came out of this folder"),
        },
        (all, broken) if broken == all => format!("All {} were broken open", counted(all as u64, "store")),
        (all, broken) => {
            format!("{broken} of {} were broken open, {} held", counted(all as u64, "store"), all - broken)
        }
    };
    let unseen =
        folders.iter().filter_map(|(name, assessment)| Some(format!(" In {name}, {}.", assessment.unseen_in_words()?)));
    let unseen: String = unseen.collect();
    let lead = format!(
        "{} of {} were attacked for {:.1} seconds, with no key but those that lay in them.{unseen}",
        counted(total(|a| a.files), "file"),
        counted(total(|a| a.bytes), "byte"),
        folders.iter().map(|(_, a)| a.seconds).sum::<f64>()
    );
    let note = if show {
        "Findings are shown in full. Keep this file like the folder itself."
    } else {
        "Findings are masked."
    };
    let store = |(name, assessment): (String, Assessment)| Store {
        listing: lines(&assessment, show),
        results: results(&assessment, truth),
        short: name.clone(),
        name,
        what: "What was obtained, beyond what chance would give.".to_owned(),
        figure: None,
        pair: Vec::new(),
        assessment,
    };
    Story {
        headline,
        lead,
        note: note.to_owned(),
        stores: folders.into_iter().map(store).collect(),
        keyed: Vec::new(),
        measures: Vec::new(),
        limits: limits(),
        made: vec![("Made with".to_owned(), command), ("Version".to_owned(), env!("CARGO_PKG_VERSION").to_owned())],
    }
}

/// What successful attacks obtained, by attack.
fn lines(assessment: &Assessment, show: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for finding in assessment.findings.iter().filter(|f| f.verdict == Verdict::Success) {
        let texts = finding.samples.iter().filter_map(|s| if let Sample::Text(text) = s { Some(text) } else { None });
        for text in texts.flat_map(|t| t.lines().take(3)) {
            let text = if show { text.to_owned() } else { Sample::masked(text) };
            lines.push(format!("{:<30}{text}", finding.attack.name()));
        }
    }
    lines.truncate(MAX_LINES);
    lines
}

//! The story of one stolen folder of a user's own: figures, and samples only as far as they may be shown.

use crate::breach::{Assessment, Sample, Verdict, counted};

use super::page::{Store, Story, limits};

/// Lines of samples in a report.
const MAX_LINES: usize = 24;

/// A report on `assessment`. Samples are masked unless `show` is set, and it never holds a picture: the report may
/// outlive the theft that it describes.
pub fn of_folder(assessment: Assessment, show: bool, command: String) -> Story {
    let headline = if assessment.is_breached() {
        format!(
            "{}, {} and {} came out of this folder",
            counted(assessment.pictures(), "picture"),
            counted(assessment.thumbnails(), "thumbnail"),
            counted(assessment.plates(), "plate")
        )
    } else {
        "Nothing usable came out of this folder".to_owned()
    };
    let lead = format!(
        "{} of {} were attacked for {:.1} seconds without any key.",
        counted(assessment.files, "file"),
        counted(assessment.bytes, "byte"),
        assessment.seconds
    );
    let note = if show {
        "Findings are shown in full. Keep this file like the folder itself."
    } else {
        "Findings are masked."
    };
    let listing = lines(&assessment, show);
    Story {
        headline,
        lead,
        note: note.to_owned(),
        stores: vec![Store {
            name: "The folder".to_owned(),
            short: "Folder".to_owned(),
            what: "What was obtained, beyond what chance would give.".to_owned(),
            figure: None,
            pair: Vec::new(),
            listing,
            assessment,
        }],
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

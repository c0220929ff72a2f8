//! Counts for Prometheus, in its text format. Labels are words of our own: nothing that came in is one.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use http::StatusCode;

use crate::redactor::{Done, Kind, Refusal};

/// Upper ends of the histogram's buckets, in seconds: from a small photograph to the largest panorama.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How pictures end.
const OUTCOMES: [&str; 5] = ["blanked", "unreadable", "refused", "unavailable", "fault"];

/// What is found.
const KINDS: [Kind; 3] = [Kind::Plate, Kind::Face, Kind::Head];

#[derive(Default)]
pub(crate) struct Metrics {
    requests: Mutex<BTreeMap<(&'static str, u16), u64>>,
    pictures: [AtomicU64; OUTCOMES.len()],
    regions: [AtomicU64; KINDS.len()],
    sealed: AtomicU64,
    buckets: [AtomicU64; BUCKETS.len()],
    seconds: Mutex<f64>,
}

/// What is asked of others at the moment of a look.
pub(crate) struct Now {
    pub(crate) waiting: usize,
    pub(crate) under_way: usize,
    pub(crate) connections: usize,
}

impl Metrics {
    pub(crate) fn request(&self, route: &'static str, status: StatusCode) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((route, status.as_u16())).or_default() += 1;
    }

    pub(crate) fn picture(&self, result: &Result<Done, Refusal>, took: Duration) {
        let outcome = match result {
            Ok(_) => 0,
            Err(Refusal::Unreadable(_)) => 1,
            Err(Refusal::Asked(_)) => 2,
            Err(Refusal::Unavailable(_)) => 3,
            Err(Refusal::Fault) => 4,
        };
        add(&self.pictures[outcome], 1);
        if let Ok(done) = result {
            for (kind, count) in KINDS.iter().zip(&self.regions) {
                add(count, done.regions.iter().filter(|region| region.kind == *kind).count() as u64);
            }
        }
        let seconds = took.as_secs_f64();
        if let Some(bucket) = BUCKETS.iter().position(|end| seconds <= *end) {
            add(&self.buckets[bucket], 1);
        }
        *self.seconds.lock().unwrap_or_else(PoisonError::into_inner) += seconds;
    }

    /// One original more is sealed for good.
    pub(crate) fn sealed(&self) {
        add(&self.sealed, 1);
    }

    /// Requests that were answered, in all.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Pictures that were worked on, and how many of them could not be blanked.
    pub(crate) fn pictures(&self) -> (u64, u64) {
        let counts = self.pictures.each_ref().map(|count| count.load(Ordering::Relaxed));
        (counts.iter().sum(), counts[1..].iter().sum())
    }

    pub(crate) fn text(&self, now: &Now) -> String {
        let mut out = String::new();
        let mut family = |name: &str, kind: &str, help: &str, lines: &[(String, f64)]| {
            // Writing to a string does not fail.
            let _ = writeln!(out, "# HELP safelight_{name} {help}\n# TYPE safelight_{name} {kind}");
            for (labels, value) in lines {
                let _ = writeln!(out, "safelight_{name}{labels} {value}");
            }
        };
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<_> = requests
            .iter()
            .map(|((route, status), count)| (format!("{{route=\"{route}\",status=\"{status}\"}}"), *count as f64))
            .collect();
        drop(requests);
        family("requests_total", "counter", "Requests that were answered.", &lines);
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed) as f64;
        let lines: Vec<_> = OUTCOMES
            .iter()
            .zip(&self.pictures)
            .map(|(outcome, count)| (format!("{{outcome=\"{outcome}\"}}"), load(count)))
            .collect();
        family("pictures_total", "counter", "Pictures by how they ended.", &lines);
        let lines = KINDS
            .iter()
            .zip(&self.regions)
            .map(|(kind, count)| (format!("{{kind=\"{}\"}}", kind.name()), load(count)))
            .collect::<Vec<_>>();
        family("regions_total", "counter", "Plates, faces and heads that were found.", &lines);
        family("sealed_total", "counter", "Originals that were sealed.", &[(String::new(), load(&self.sealed))]);
        family("queue_length", "gauge", "Pictures that wait.", &[(String::new(), now.waiting as f64)]);
        family("requests_under_way", "gauge", "Requests that are worked on.", &[(String::new(), now.under_way as f64)]);
        family("connections", "gauge", "Open connections.", &[(String::new(), now.connections as f64)]);
        let mut sum = 0.0;
        let mut lines = Vec::new();
        for (end, count) in BUCKETS.iter().zip(&self.buckets) {
            sum += load(count);
            lines.push((format!("_bucket{{le=\"{end}\"}}"), sum));
        }
        let all: f64 = self.pictures.iter().map(load).sum();
        lines.push(("_bucket{le=\"+Inf\"}".to_owned(), all));
        lines.push(("_sum".to_owned(), *self.seconds.lock().unwrap_or_else(PoisonError::into_inner)));
        lines.push(("_count".to_owned(), all));
        family("picture_seconds", "histogram", "Time that a picture took, waiting not counted.", &lines);
        out
    }
}

fn add(count: &AtomicU64, more: u64) {
    count.fetch_add(more, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_up_to_all() {
        let metrics = Metrics::default();
        for millis in [1, 30, 30, 60_000] {
            metrics.picture(&Ok(Done::default()), Duration::from_millis(millis));
        }
        metrics.picture(&Err(Refusal::Fault), Duration::from_millis(7));
        let text = metrics.text(&Now { waiting: 3, under_way: 2, connections: 1 });
        for line in [
            "safelight_picture_seconds_bucket{le=\"0.005\"} 1",
            "safelight_picture_seconds_bucket{le=\"0.01\"} 2",
            "safelight_picture_seconds_bucket{le=\"10\"} 4",
            "safelight_picture_seconds_bucket{le=\"+Inf\"} 5",
            "safelight_picture_seconds_count 5",
            "safelight_pictures_total{outcome=\"blanked\"} 4",
            "safelight_pictures_total{outcome=\"fault\"} 1",
            "safelight_queue_length 3",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}

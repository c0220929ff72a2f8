//! The whole pipeline, from a folder to a durable vault: images a second and a day, megapixels a second, and where the time
//! goes, beside decoding and encoding alone.
//!
//! `cargo bench --bench pipeline`: drawn pictures of four sizes, or of those that are named, as in `-- 720p 4K`.
//! `SAFELIGHT_BENCH_DIR=folder` takes pictures from a folder instead. Prints Markdown. `benches/peers` has the same beside
//! other programs.

mod common;

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use common::{Site, drawn, own_pictures};
use rayon::prelude::*;
use safelight::frame::{Header, Limits};
use safelight::geometry::Size;
use safelight::pipeline::{Summary, peak_rss_bytes};
use safelight::vision::Nets;

/// Runs of each kind, of which the middle one counts.
const RUNS: usize = 3;

/// Pixels of a run: a second or two of work.
const PIXELS_A_RUN: u64 = 400_000_000;

/// Sizes, and how many different pictures of each are drawn: a minute's work in all would be too much.
const SIZES: [(&str, Size, usize); 4] = [
    ("720p", Size::new(1280, 720), 48),
    ("1080p", Size::new(1920, 1080), 24),
    ("4K", Size::new(3840, 2160), 8),
    ("12 MP", Size::new(4000, 3000), 6),
];

/// Pictures of one kind in a folder.
struct Album {
    name: String,
    files: Vec<Vec<u8>>,
    folder: tempfile::TempDir,
    images: usize,
    pixels: u64,
}

impl Album {
    /// Each file is linked so often that a run takes long enough to be measured.
    fn new(name: &str, files: Vec<(String, Vec<u8>)>, site: &Site) -> Self {
        let folder = tempfile::tempdir_in(site.folder()).expect("a folder");
        let files: Vec<_> = files.into_iter().map(|(_, file)| file).collect();
        let size = |file: &Vec<u8>| Header::read(file, &Limits::default()).expect("a picture").size();
        let once: u64 = files.iter().map(|file| size(file).pixels()).sum();
        let times = PIXELS_A_RUN.div_ceil(once.max(1));
        for (number, file) in files.iter().enumerate() {
            let first = folder.path().join(format!("{number:03}-0.jpg"));
            std::fs::write(&first, file).expect("written");
            for time in 1..times {
                std::fs::hard_link(&first, folder.path().join(format!("{number:03}-{time}.jpg"))).expect("linked");
            }
        }
        Self { name: name.to_owned(), images: files.len() * times as usize, pixels: once * times, files, folder }
    }

    /// One run of the whole pipeline into a new vault.
    fn ingest(&self, site: &Site, nets: &Nets, workers: NonZeroUsize) -> Summary {
        let summary = common::ingest(self.folder.path(), site, nets, workers);
        assert_eq!(summary.sealed as usize, self.images, "what is timed must be right");
        summary
    }

    /// What any tool must do that changes pixels and writes a JPEG: with the crates' own decoder and encoder.
    fn decode_and_encode(&self, workers: NonZeroUsize) -> Duration {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(workers.get()).build().expect("threads");
        let recode = |file: &Vec<u8>| common::encode(&image::load_from_memory(file).expect("decoded").to_rgb8()).len();
        let start = Instant::now();
        pool.install(|| black_box(self.files.par_iter().map(recode).sum::<usize>()));
        start.elapsed()
    }
}

/// The middle of several runs.
fn middle<T>(mut run: impl FnMut() -> T, time: impl Fn(&T) -> Duration) -> T {
    let mut runs: Vec<T> = (0..RUNS).map(|_| run()).collect();
    runs.sort_by_key(|run| time(run));
    runs.swap_remove(RUNS / 2)
}

fn main() {
    // Cargo runs benches without this argument when it tests all targets.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let (site, nets) = (Site::new(), Nets::builtin());
    let albums: Vec<_> = match std::env::var_os("SAFELIGHT_BENCH_DIR") {
        Some(folder) => vec![Album::new("own", own_pictures(Path::new(&folder)), &site)],
        None => {
            let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
            let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|wanted| wanted == name);
            // To see whether the bench runs, a few of the smallest are enough.
            let once = std::env::args().any(|argument| argument == "--test");
            let (sizes, most) = if once { (1, 8) } else { (SIZES.len(), usize::MAX) };
            let sizes = SIZES.into_iter().take(sizes).filter(|(name, ..)| is_wanted(name));
            sizes.map(|(name, size, count)| Album::new(name, drawn(size, count.min(most)), &site)).collect()
        }
    };

    println!("| pictures | workers | images/s | million images a day | MP/s | floor: decode and encode, images/s |");
    println!("|---|--:|--:|--:|--:|--:|");
    let mut stages = Vec::new();
    for album in &albums {
        for workers in [1, 2].map(|workers| NonZeroUsize::new(workers).expect("not zero")) {
            let summary = middle(|| album.ingest(&site, &nets, workers), |summary| summary.elapsed);
            let floor = middle(|| album.decode_and_encode(workers), |&time| time);
            let (rate, seconds) = (summary.images_per_second(), summary.elapsed.as_secs_f64());
            println!(
                "| {} | {workers} | {rate:.1} | {:.1} | {:.0} | {:.1} |",
                album.name,
                summary.images_per_day() / 1e6,
                album.pixels as f64 / seconds / 1e6,
                album.files.len() as f64 / floor.as_secs_f64(),
            );
            if workers.get() == 1 {
                stages.push((album, summary));
            }
        }
    }
    print_stages(&stages);
    let peak = peak_rss_bytes().map_or("unknown".to_owned(), |bytes| format!("{:.0} MB", bytes as f64 / 1e6));
    println!("\nPeak memory, the drawn pictures and the floor's included: {peak}.");
}

/// Where one worker's time goes. Sealing has a thread of its own, and is not in the sum.
fn print_stages(runs: &[(&Album, Summary)]) {
    let names: Vec<_> = runs.iter().map(|(album, _)| album.name.as_str()).collect();
    println!("\n| one worker, milliseconds an image | {} |\n|---|{}", names.join(" | "), "--:|".repeat(names.len()));
    let row = |name: &str, value: &dyn Fn(&Summary) -> f64| {
        let cells: Vec<_> = runs.iter().map(|(_, summary)| format!("{:.3}", value(summary))).collect();
        println!("| {name} | {} |", cells.join(" | "));
    };
    let each = |time: Duration, summary: &Summary| time.as_secs_f64() * 1e3 / summary.images as f64;
    let own = |summary: &Summary| summary.stages.all().into_iter().filter(|(name, _)| *name != "seal");
    let Some((_, first)) = runs.first() else { return };
    for (index, (name, _)) in own(first).enumerate() {
        row(name, &|summary| each(own(summary).nth(index).map_or(Duration::ZERO, |(_, time)| time), summary));
    }
    row("sum", &|summary| each(own(summary).map(|(_, time)| time).sum(), summary));
    row("whole, by the clock", &|summary| each(summary.elapsed, summary));
    row("seal, beside it", &|summary| each(summary.stages.seal, summary));
}

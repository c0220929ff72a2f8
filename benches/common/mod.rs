//! Pictures, a site and a record for the benches.

#![allow(dead_code, reason = "each bench uses its own part")]

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use rayon::prelude::*;
use safelight::custody::{Keyring, PackRequest, Passphrase, PassphraseCost, Policy, SitePack};
use safelight::geometry::Size;
use safelight::pipeline::{Ingest, Look, Note, Options, Progress, Source, Summary, TrainedEyes};
use safelight::simulate::picture;
use safelight::simulate::world::{Scenario, World};
use safelight::vault::record::{CaptureRecord, CatalogueRecord, IdentityRecord, SceneRecord, Status};
use safelight::vault::{SealingOptions, SealingVault};
use safelight::vision::Nets;
use tempfile::TempDir;

/// Enough that one odd picture does not decide, few enough to stay in the caches as a pipeline's would not.
const COUNT: usize = 24;

/// Named JPEG files: the simulator's at 1280×720, or those of `SAFELIGHT_BENCH_DIR`.
pub fn pictures() -> Vec<(String, Vec<u8>)> {
    match std::env::var_os("SAFELIGHT_BENCH_DIR") {
        Some(folder) => own_pictures(Path::new(&folder)),
        None => drawn(Size::new(1280, 720), COUNT),
    }
}

/// Up to 200 JPEG files below a folder.
pub fn own_pictures(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let is_jpeg = |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("jpg") || e == "jpeg");
    let mut paths: Vec<_> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(|entry| entry.ok().map(walkdir::DirEntry::into_path))
        .filter(|path| is_jpeg(path))
        .collect();
    paths.sort();
    let named = |path: &PathBuf| (path.to_string_lossy().into_owned(), std::fs::read(path).expect("readable"));
    paths.iter().take(200).map(named).collect()
}

/// The first `count` JPEG files of a simulation, drawn in parallel.
pub fn drawn(size: Size, count: usize) -> Vec<(String, Vec<u8>)> {
    let world = World::new(7, 1000, Scenario::Mixed, jiff::civil::date(2019, 4, 1));
    let draw = |index| picture::draw(&world, Scenario::Mixed, size, index, 7).expect("drawn");
    // One in sixty is no JPEG.
    let drawn: Vec<_> = (0..count as u64 + 8).into_par_iter().map(draw).collect();
    let jpegs = drawn.into_iter().filter(|picture| picture.truth.path.ends_with(".jpg"));
    jpegs.take(count).map(|picture| (picture.truth.path, picture.file)).collect()
}

/// A site with a pack of its own custodian.
pub struct Site {
    folder: TempDir,
    pub pack: SitePack,
}

impl Site {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let now = jiff::Timestamp::now();
        let cost = PassphraseCost { memory_kib: 64, passes: 1, lanes: 1 };
        let passphrase = Passphrase::new("correct horse battery staple".to_owned());
        let mut keyring = Keyring::create(&folder.path().join("custody"), &passphrase, cost, Policy::default(), now)
            .expect("a keyring is made");
        let request = PackRequest { site: "bench", valid_days: 30, now };
        let pack = keyring.issue_pack(&request, &folder.path().join("site.pack")).expect("a pack is issued");
        Self { folder, pack }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn vault(&self) -> PathBuf {
        self.folder.path().join("vault")
    }
}

/// Says only what went wrong.
struct Silent;

impl Progress for Silent {
    fn note(&self, path: &Path, note: &Note) {
        eprintln!("{}: {note}", path.display());
    }
}

/// Takes all pictures of `folder`, however often they come, into a new vault of `site`.
pub fn ingest(folder: &Path, site: &Site, nets: &Nets, workers: NonZeroUsize) -> Summary {
    let vault = tempfile::tempdir_in(site.folder()).expect("a folder");
    let options = Options { workers, allow_duplicates: true, ..Options::default() };
    let sealing = SealingOptions {
        segment_bytes: u64::MAX,
        flush_after: Duration::MAX,
        allow_duplicates: true,
        ..SealingOptions::default()
    };
    let mut sink = SealingVault::open(&vault.path().join("vault"), &site.pack, sealing).expect("a vault");
    let eyes = || -> Box<dyn Look> { Box::new(TrainedEyes::new(nets)) };
    let run = Ingest {
        keys: site.pack.epoch_keys(),
        site: site.pack.site(),
        eyes: &eyes,
        options: &options,
        progress: &Silent,
        stop: &AtomicBool::new(false),
    };
    let summary = run.run(&mut Source::open(folder, None).expect("a folder"), &mut sink).expect("sealed");
    sink.finish().expect("closed");
    summary
}

/// A record whose scene and removed bytes are `file`.
pub fn capture_record(number: u64, file: &[u8]) -> CaptureRecord {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    CaptureRecord {
        catalogue: CatalogueRecord {
            id,
            status: Status::Examined,
            captured_at: None,
            site: None,
            lane: None,
            direction: None,
            class: None,
            width: 1280,
            height: 720,
            epoch: 1,
            regions: Vec::new(),
            sealed_by: None,
            original: None,
            scene: None,
            effort: None,
        },
        scene: Some(SceneRecord { id, media_type: "image/jpeg".to_owned(), file: file.to_vec() }),
        identity: IdentityRecord {
            id,
            source_name: b"bench.jpg".to_vec(),
            blake3: *blake3::hash(&number.to_le_bytes()).as_bytes(),
            method: 0,
            removed: file.to_vec(),
            plates: Vec::new(),
        },
    }
}

/// A JPEG of pixels, by the crate that the product uses.
pub fn encode(pixels: &image::RgbImage) -> Vec<u8> {
    let mut file = Vec::with_capacity(1 << 18);
    let encoder = jpeg_encoder::Encoder::new(&mut file, 85);
    let (width, height) = (pixels.width() as u16, pixels.height() as u16);
    encoder.encode(pixels, width, height, jpeg_encoder::ColorType::Rgb).expect("encoded");
    file
}

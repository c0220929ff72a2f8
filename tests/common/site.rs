//! A site that runs the built command, and the custodian who opens what it sealed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use image::RgbImage;
use jpeg_encoder::{ColorType, Encoder};
use safelight::audit::PermittedKeys;
use safelight::capture::CaptureId;
use safelight::redact::restore;
use safelight::vault::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use safelight::vault::{OpeningVault, Trust, check_deep};
use serde_json::Value;
use tempfile::TempDir;

use super::Custodian;

/// Nets that take bright spots for plates: quick, and with known answers.
pub fn tiny_nets() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/tiny-nets")
}

/// What makes `ingest` delete photographs that were written a moment ago, into a vault that it makes.
pub const AT_ONCE: [&str; 4] = ["--consume", "--new", "--min-age", "0"];

/// A custodian, a vault to be, a folder of photographs, and a temporary folder in which nothing may remain.
pub struct Site {
    pub custodian: Custodian,
    pub photos: TempDir,
    pub temporary: TempDir,
}

/// One opened capture.
pub struct Opened {
    pub name: Vec<u8>,
    pub catalogue: CatalogueRecord,
    pub scene: Option<SceneRecord>,
    pub identity: IdentityRecord,
    pub original: Vec<u8>,
}

impl Site {
    pub fn new() -> Self {
        let folder = || tempfile::tempdir().expect("a folder");
        Self { custodian: Custodian::new(), photos: folder(), temporary: folder() }
    }

    /// Writes a file among the photographs.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.photos.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(&path, bytes).expect("a photograph is written");
        path
    }

    /// `safelight ingest` of the photographs, to be completed.
    pub fn command(&self) -> Command {
        self.command_with(&self.custodian.folder.path().join("site.pack"), &self.custodian.vault())
    }

    pub fn command_with(&self, pack: &Path, vault: &Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_safelight"));
        command.arg("ingest").arg(self.photos.path()).arg("--json");
        command.arg("--vault").arg(vault).arg("--pack").arg(pack).arg("--models").arg(tiny_nets());
        command.env("TMPDIR", self.temporary.path()).stdin(Stdio::null());
        command
    }

    /// Runs the ingest to its end.
    pub fn ingest(&self, args: &[&str]) -> Ended {
        Ended::of(self.command().args(args).output().expect("the command runs"))
    }

    /// The vault, and what opens it.
    pub fn open(&self) -> (OpeningVault, PermittedKeys) {
        let keys = self.custodian.openly();
        (OpeningVault::open(&self.custodian.vault(), Trust::Nobody).expect("the vault opens"), keys)
    }

    /// Everything in the vault, by name; every record has been opened and every original restored.
    pub fn opened(&self) -> Vec<Opened> {
        let keys = self.custodian.openly();
        let report = check_deep(&self.custodian.vault(), Trust::Nobody, &keys).expect("checked");
        assert!(report.is_sound(), "{:?}", report.faults);
        let vault = OpeningVault::open(&self.custodian.vault(), Trust::Nobody).expect("the vault opens");
        let mut opened = Vec::new();
        for segment in vault.segments().expect("segments are listed") {
            for catalogue in vault.catalogue(segment, &keys).expect("the catalogue opens") {
                let id = CaptureId(catalogue.id);
                let identity = vault.identity_in(segment, id, &keys).expect("the identity opens");
                let scene = vault.scene_in(segment, id, &keys).ok();
                let shown = scene.as_ref().map(|scene| scene.file.as_slice());
                let original = restore(identity.method, shown, &identity.removed, &identity.blake3).expect("restored");
                let original = original.into_owned();
                opened.push(Opened { name: identity.source_name.clone(), catalogue, scene, identity, original });
            }
        }
        opened.sort_by(|a, b| a.name.cmp(&b.name));
        opened
    }

    /// Names in the vault, sorted.
    pub fn names(&self) -> Vec<String> {
        self.opened().iter().map(|opened| String::from_utf8_lossy(&opened.name).into_owned()).collect()
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ended {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// A number of the summary that `--json` prints.
    pub fn number(&self, field: &str) -> u64 {
        let object: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no summary: {self:?}"));
        object[field].as_u64().unwrap_or_else(|| panic!("no {field}: {self:?}"))
    }

    /// The same of the videos' part.
    pub fn in_videos(&self, field: &str) -> u64 {
        let object: Value = serde_json::from_str(&self.stdout).unwrap_or_else(|_| panic!("no summary: {self:?}"));
        object["videos"][field].as_u64().unwrap_or_else(|| panic!("no {field}: {self:?}"))
    }

    /// Asserts the exit code, and that problem and remedy are said.
    pub fn failed(&self, code: i32, problem: &str, remedy: &str) {
        assert_eq!(self.code, Some(code), "{self:?}");
        let said =
            |head: &str, what: &str| self.stderr.lines().any(|line| line.starts_with(head) && line.contains(what));
        assert!(said("error: ", problem) && said("remedy: ", remedy), "{self:?}");
    }
}

/// A dark picture with bright spots, which [`tiny_nets`] take for plates; `number` makes it differ from others.
pub fn picture(width: u32, height: u32, number: u32) -> RgbImage {
    let mut picture = RgbImage::from_pixel(width, height, image::Rgb([20, 24, 28]));
    for spot in 0..2 {
        let (left, top) = ((64 + 160 * spot + 16 * (number % 4)) % width, 64 % height);
        for y in top..(top + 16).min(height) {
            for x in left..(left + 16).min(width) {
                picture.put_pixel(x, y, image::Rgb([250, 250, 250]));
            }
        }
    }
    // A corner that counts, so that no two are alike.
    picture.put_pixel(0, 0, image::Rgb([number as u8, (number >> 8) as u8, 0]));
    picture
}

pub fn jpeg(picture: &RgbImage) -> Vec<u8> {
    let mut file = Vec::new();
    Encoder::new(&mut file, 90)
        .encode(picture.as_raw(), picture.width() as u16, picture.height() as u16, ColorType::Rgb)
        .expect("encoded");
    file
}

/// A photograph of its own for each `number`: same picture size, other bytes.
pub fn photo(number: u32) -> Vec<u8> {
    let mut file = jpeg(&picture(320, 192, number));
    file.extend(number.to_le_bytes());
    file
}

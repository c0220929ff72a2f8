//! `safelight open --all`: a recipient's copy becomes a folder of pictures with names.

use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;

use super::holder::{HolderArgs, open_vault};
use super::ledger::EgressArgs;
use super::remedies::stdout_failed;
use super::target::{self, unwritable};
use super::terminal::{chain, count, json, say, shown};
use super::{Context, Failure, Outcome, gaps};
use crate::audit::{Details, Look, Records, Verb};
use crate::capture::CaptureId;
use crate::redact::{needs_scene, restore};
use crate::seal::Capability;
use crate::vault::record::{CatalogueRecord, IdentityRecord, SceneRecord};
use crate::vault::{OpenError, RecordsOf};

/// A folder to make of a copy.
pub(super) struct Unpack<'a> {
    pub vault: &'a Path,
    pub holder: &'a HolderArgs,
    pub egress: &'a EgressArgs,
    /// Originals, and not blanked pictures.
    pub identity: bool,
    pub out: &'a Path,
}

impl Unpack<'_> {
    pub(super) fn run(&self, context: &Context) -> Result<Outcome, Failure> {
        if self.holder.has_keyring() {
            return Err(Failure::usage(
                "--all opens a recipient's copy: every record of a vault at once is an export",
                "export to a key of your own, and open that",
            ));
        }
        target::must_lie_outside(self.out)?;
        target::must_be_empty(self.out, false)?;
        let capabilities: &[_] =
            if self.identity { &Capability::ALL } else { &[Capability::Catalogue, Capability::Scene] };
        let mut holder = self.holder.unlock(self.vault, capabilities, self.egress)?;
        let (vault, manifest) = open_vault(self.vault, &mut holder, context)?;
        if manifest.is_none() {
            return Err(Failure::usage("this is no export", "open one that the custodian made for your key"));
        }
        let lacking = vault.gaps(holder.keys())?;
        let verb = if self.identity { Verb::Identity } else { Verb::Open };
        let details = Details { vault: Some(vault.card().vault.0), ..Details::default() };
        let look = Look { verb, records: Records::from(0), purpose: None, details, over_budget: false };
        let keys = holder.permitted(look, self.egress)?;
        let (mut written, mut without) = (0u64, 0u64);
        let mut taken = HashSet::new();
        for segment in vault.segments()? {
            // What is damaged is among the gaps.
            let Ok(records) = vault.catalogue(segment, &keys) else { continue };
            let mut parts = Parts {
                scenes: vault.scenes_in(segment, &keys),
                identities: self.identity.then(|| vault.identities_in(segment, &keys)),
            };
            for record in records {
                let picture = match parts.picture(&record) {
                    Ok(picture) => picture,
                    Err(Refused::NoPicture) => {
                        without += 1;
                        continue;
                    }
                    Err(Refused::Broken(why)) => {
                        without += 1;
                        say(&format!("{}: {why}", CaptureId(record.id)));
                        continue;
                    }
                };
                let path = self.out.join(free_name(picture.name, &mut taken));
                write(&path, &picture.file).map_err(|error| unwritable(&path, &error))?;
                written += 1;
            }
        }
        if context.json {
            json(&json!({ "written": written, "without_picture": without })).map_err(stdout_failed)?;
        } else if !context.quiet {
            say(&format!("{} in {}", count(written, "picture"), shown(self.out)));
            if without > 0 {
                say(&format!("{} of which the copy has no such picture", count(without, "record")));
            }
        }
        if written == 0 && without > 0 {
            say(if self.identity {
                "originals are in copies with the view full only"
            } else {
                "pictures are in copies with the views scene and full only"
            });
        }
        match gaps::end([&lacking])? {
            Outcome::Done if without > 0 => Ok(Outcome::SomeFailed),
            outcome => Ok(outcome),
        }
    }
}

/// What a segment has of its captures.
struct Parts<'k> {
    scenes: Result<RecordsOf<'k, SceneRecord>, OpenError>,
    /// Where originals are asked for.
    identities: Option<Result<RecordsOf<'k, IdentityRecord>, OpenError>>,
}

impl Parts<'_> {
    fn picture(&mut self, record: &CatalogueRecord) -> Result<Picture, Refused> {
        let id = CaptureId(record.id);
        let scene = |scenes: &mut Result<RecordsOf<'_, SceneRecord>, OpenError>| match scenes {
            Ok(scenes) => scenes.record(id).map_err(|error| Refused::of(&error)),
            Err(error) => Err(Refused::of(error)),
        };
        let identity = match &mut self.identities {
            None => {
                let scene = scene(&mut self.scenes)?;
                let extension = if scene.media_type == "image/jpeg" { "jpg" } else { "bin" };
                return Ok(Picture { name: named(record, extension), file: scene.file });
            }
            Some(Ok(identities)) => identities.record(id).map_err(|error| Refused::of(&error))?,
            Some(Err(error)) => return Err(Refused::of(error)),
        };
        let scene = if needs_scene(identity.method) { Some(scene(&mut self.scenes)?) } else { None };
        let scene = scene.as_ref().map(|scene| scene.file.as_slice());
        let file = restore(identity.method, scene, &identity.removed, &identity.blake3)
            .map_err(|error| Refused::Broken(chain(&error)))?;
        let name = own_name(&identity.source_name).unwrap_or_else(|| named(record, "jpg"));
        Ok(Picture { name, file: file.into_owned() })
    }
}

struct Picture {
    name: PathBuf,
    file: Vec<u8>,
}

/// Why a record gives no picture.
enum Refused {
    /// It has none, or it is not for this holder.
    NoPicture,
    Broken(String),
}

impl Refused {
    fn of(error: &OpenError) -> Self {
        match error {
            OpenError::NoRecord { .. } | OpenError::NoSection { .. } | OpenError::NoKey { .. } => Self::NoPicture,
            error => Self::Broken(chain(error)),
        }
    }
}

/// A name by time and place, and by the id, which is the copy's own.
pub(super) fn named(record: &CatalogueRecord, extension: &str) -> PathBuf {
    let time = record.captured_at.and_then(|time| Timestamp::from_millisecond(time).ok());
    let time = time.map(|time| time.strftime("%Y-%m-%dT%H-%M-%SZ").to_string());
    let id = CaptureId(record.id).to_string();
    let parts = [time, record.site.clone(), record.lane.clone(), Some(id)];
    let safe = |part: String| -> String {
        part.chars().map(|c| if c.is_alphanumeric() || "-_".contains(c) { c } else { '-' }).collect()
    };
    let parts: Vec<String> = parts.into_iter().flatten().map(safe).filter(|part| !part.is_empty()).collect();
    PathBuf::from(format!("{}.{extension}", parts.join("_")))
}

/// The name that the photograph had, as far as it leads nowhere else.
pub(super) fn own_name(name: &[u8]) -> Option<PathBuf> {
    let name = String::from_utf8_lossy(name);
    let inside: PathBuf = Path::new(&*name).components().filter(|part| matches!(part, Component::Normal(_))).collect();
    (!inside.as_os_str().is_empty() && !name.contains('\0')).then_some(inside)
}

/// The name, or one with a number where it is taken. Some systems do not tell names apart by case.
pub(super) fn free_name(name: PathBuf, taken: &mut HashSet<String>) -> PathBuf {
    let numbered = |number: u32| {
        let stem = name.file_stem().unwrap_or_default().to_string_lossy();
        let end = name.extension().map(|extension| format!(".{}", extension.to_string_lossy())).unwrap_or_default();
        name.with_file_name(format!("{stem}-{number}{end}"))
    };
    let mut names = std::iter::once(name.clone()).chain((2..).map(numbered));
    names.find(|name| taken.insert(name.to_string_lossy().to_lowercase())).unwrap_or_default()
}

/// A file for its owner alone, which has its name only when it is whole.
pub(super) fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new().prefix(".safelight-").suffix(".part").tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist_noclobber(path).map(drop).map_err(|error| error.error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_nowhere_else_and_is_nobody_elses() {
        assert_eq!(own_name(b"../../etc/x.jpg"), Some(PathBuf::from("etc/x.jpg")));
        assert_eq!(own_name(b"/a/b.jpg"), Some(PathBuf::from("a/b.jpg")));
        assert_eq!((own_name(b".."), own_name(b"")), (None, None));
        let mut taken = HashSet::new();
        let names = ["a/b.jpg", "A/B.jpg", "a/b.jpg"].map(|name| free_name(name.into(), &mut taken));
        assert_eq!(names, ["a/b.jpg", "A/B-2.jpg", "a/b-3.jpg"].map(PathBuf::from));
    }
}

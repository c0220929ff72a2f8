//! What the attacker is allowed to know in order to check the loot: the truth of simulated or labelled pictures.
//!
//! Owns reading `truth.jsonl` and the `captures.csv` beside it, and the way to the pictures that it names, none of which leads
//! out of its folder. It is loaded into memory only and written nowhere.

use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader};
use std::path::{Component, Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use serde::Deserialize;

use super::BreachError;
use super::score::Scorer;
use crate::capture::{PlateText, RegionKind};
use crate::files;
use crate::geometry::Rect;

/// Everything known about the pictures behind a stolen folder.
#[derive(Default)]
pub struct Truth {
    /// One for each picture, in the file's order.
    pub captures: Vec<KnownCapture>,
}

/// One picture of the truth.
pub struct KnownCapture {
    /// Path inside the folder of pictures, `/` between its parts.
    pub path: String,
    /// When it was taken.
    pub captured_at: Option<Timestamp>,
    /// What it shows.
    pub regions: Vec<KnownRegion>,
}

/// One labelled region.
pub struct KnownRegion {
    /// Plate or face.
    pub kind: RegionKind,
    /// Tight box in pixels of the stored image.
    pub bounds: Rect,
    /// What a plate says.
    pub text: Option<PlateText>,
}

#[derive(Deserialize)]
struct TruthLine {
    path: String,
    #[serde(default)]
    regions: Vec<TruthRegion>,
}

#[derive(Deserialize)]
struct TruthRegion {
    kind: String,
    #[serde(rename = "box")]
    bounds: [f32; 4],
    text: Option<String>,
}

#[derive(Deserialize)]
struct CaptureRow {
    file: String,
    timestamp: Option<String>,
}

impl Truth {
    /// Reads `truth.jsonl` at `path`, and `captures.csv` beside it when there is one.
    ///
    /// # Errors
    ///
    /// See [`BreachError`]. A truth that names nothing is refused, as is one that names a file outside of its folder.
    pub fn read(path: &Path) -> Result<Self, BreachError> {
        let folder = folder_of(path);
        let io = |source| BreachError::Truth { path: path.to_owned(), source };
        let times = capture_times(&path.with_file_name("captures.csv"))?;
        let mut captures = Vec::new();
        for (i, line) in BufReader::new(files::stream(path, files::MAX_TABLE).map_err(io)?).lines().enumerate() {
            let line = line.map_err(io)?;
            if line.trim().is_empty() {
                continue;
            }
            let line: TruthLine = serde_json::from_str(&line).map_err(|source| BreachError::TruthLine {
                path: path.to_owned(),
                line: i as u64 + 1,
                source,
            })?;
            if below(folder, &line.path).is_err() {
                return Err(BreachError::TruthOutside { path: path.to_owned(), line: i as u64 + 1 });
            }
            let region = |r: TruthRegion| {
                // Of a head without a face nothing can be recognised.
                let kind = RegionKind::named(&r.kind).filter(|kind| *kind != RegionKind::Head)?;
                let [x, y, w, h] = r.bounds;
                let text = r.text.as_deref().and_then(PlateText::canonical);
                Some(KnownRegion { kind, bounds: Rect::new(x, y, w, h), text })
            };
            captures.push(KnownCapture {
                captured_at: times.get(&line.path).copied(),
                regions: line.regions.into_iter().filter_map(region).collect(),
                path: line.path,
            });
        }
        if captures.is_empty() {
            return Err(BreachError::EmptyTruth { path: path.to_owned() });
        }
        Ok(Self { captures })
    }

    /// Refuses a truth that is about something else: none of its pictures lies in its folder, and `home`, when the
    /// custodian keeps score, knows none of its moments.
    ///
    /// # Errors
    ///
    /// [`BreachError::StrangeTruth`].
    pub fn must_be_about(&self, path: &Path, home: Option<&Scorer<'_>>) -> Result<(), BreachError> {
        let folder = folder_of(path);
        let known = || {
            let times: HashSet<i64> = self.moments().into_iter().map(Timestamp::as_millisecond).collect();
            home.is_some_and(|home| home.home().values().any(|r| r.captured_at.is_some_and(|at| times.contains(&at))))
        };
        if self.captures.iter().any(|capture| capture.picture(folder).is_some()) || known() {
            return Ok(());
        }
        Err(BreachError::StrangeTruth { path: path.to_owned(), named: self.captures.len() as u64 })
    }

    /// Distinct plates, sorted.
    pub fn plates(&self) -> Vec<PlateText> {
        let regions = self.captures.iter().flat_map(|c| &c.regions);
        let mut plates: Vec<PlateText> = regions.filter_map(|r| r.text.clone()).collect();
        plates.sort_by(|a, b| a.expose().cmp(b.expose()));
        plates.dedup();
        plates
    }

    /// Distinct moments, sorted.
    pub fn moments(&self) -> Vec<Timestamp> {
        let mut moments: Vec<Timestamp> = self.captures.iter().filter_map(|c| c.captured_at).collect();
        moments.sort();
        moments.dedup();
        moments
    }
}

impl KnownCapture {
    /// The picture's file below `folder`; `None` when there is no regular file of that name, reached without links.
    pub fn picture(&self, folder: &Path) -> Option<PathBuf> {
        let path = below(folder, &self.path).ok()?;
        std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_file()).then_some(path)
    }
}

/// The folder in which a truth and its pictures lie.
fn folder_of(truth: &Path) -> &Path {
    truth.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// A path that leads out of its folder.
struct Outside;

/// `inside` below `folder`: plain names only, and no link on the way. It need not exist.
fn below(folder: &Path, inside: &str) -> Result<PathBuf, Outside> {
    let mut path = folder.to_owned();
    let mut parts = 0;
    for part in Path::new(inside).components() {
        let Component::Normal(name) = part else { return Err(Outside) };
        path.push(name);
        parts += 1;
        if std::fs::symlink_metadata(&path).is_ok_and(|found| found.is_symlink()) {
            return Err(Outside);
        }
    }
    if parts == 0 { Err(Outside) } else { Ok(path) }
}

fn capture_times(path: &Path) -> Result<HashMap<String, Timestamp>, BreachError> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(HashMap::new()),
        Ok(found) if found.is_file() => {}
        _ => return Err(BreachError::TruthTable { path: path.to_owned() }),
    }
    let bad = |source| BreachError::Captures { path: path.to_owned(), source };
    let table = files::stream(path, files::MAX_TABLE).map_err(|error| bad(error.into()))?;
    let mut times = HashMap::new();
    for row in csv::Reader::from_reader(table).deserialize() {
        let row: CaptureRow = row.map_err(bad)?;
        if let Some(time) = row.timestamp.as_deref().and_then(moment) {
            times.insert(row.file, time);
        }
    }
    Ok(times)
}

/// RFC 3339, or a time without zone, taken as UTC.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = |t: &str| t.parse::<DateTime>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok().map(|z| z.timestamp());
    text.trim().parse().ok().or_else(|| civil(text.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truth_and_captures_are_joined() {
        let folder = tempfile::tempdir().expect("tempdir");
        let truth = folder.path().join("truth.jsonl");
        let line = r#"{"path":"a/1.jpg","width":9,"height":9,"regions":[
            {"kind":"plate","box":[1,2,3,4],"text":"ABC 1234","vehicle_id":7},{"kind":"face","box":[0,0,1,1]}]}"#;
        std::fs::write(&truth, line.replace('\n', "") + "\n\n").expect("write");
        let csv = "file,site,lane,direction,timestamp,class\na/1.jpg,P,3,in,2019-05-03T14:22:05Z,visitor\n";
        std::fs::write(folder.path().join("captures.csv"), csv).expect("write");
        let truth = Truth::read(&truth).expect("reads");
        assert_eq!(truth.captures[0].regions.len(), 2);
        assert_eq!(truth.plates()[0].expose(), "ABC1234");
        assert_eq!(truth.moments()[0].to_string(), "2019-05-03T14:22:05Z");
        assert_eq!(moment("2019-05-03 14:22:05"), Some(truth.moments()[0]));
    }

    #[test]
    fn a_truth_that_names_nothing_or_leads_elsewhere_is_refused() {
        let folder = tempfile::tempdir().expect("tempdir");
        let (inside, outside) = (folder.path().join("photos"), folder.path().join("outside.jpg"));
        std::fs::create_dir(&inside).expect("mkdir");
        std::fs::write(&outside, b"not to be read").expect("write");
        let truth = inside.join("truth.jsonl");
        let read = |lines: &str| {
            std::fs::write(&truth, lines).expect("write");
            Truth::read(&truth)
        };
        for empty in ["", "\n\n"] {
            assert!(matches!(read(empty), Err(BreachError::EmptyTruth { .. })));
        }
        let absolute = format!("{{\"path\":{:?}}}", outside.display().to_string());
        for line in
            ["{\"path\":\"../outside.jpg\"}", "{\"path\":\"a/../../outside.jpg\"}", "{\"path\":\"\"}", &absolute]
        {
            let good = "{\"path\":\"good.jpg\"}\n";
            assert!(matches!(read(&format!("{good}{line}")), Err(BreachError::TruthOutside { line: 2, .. })), "{line}");
        }
        let strange = read("{\"path\":\"good.jpg\"}").expect("reads");
        assert!(matches!(strange.must_be_about(&truth, None), Err(BreachError::StrangeTruth { named: 1, .. })));
        std::fs::write(inside.join("good.jpg"), b"x").expect("write");
        assert!(strange.must_be_about(&truth, None).is_ok());

        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&outside, inside.join("link.jpg")).expect("links");
            std::os::unix::fs::symlink(folder.path(), inside.join("way")).expect("links");
            for path in ["link.jpg", "way/outside.jpg"] {
                let line = format!("{{\"path\":{path:?}}}");
                assert!(matches!(read(&line), Err(BreachError::TruthOutside { line: 1, .. })), "{path}");
            }
            // Made after the truth was read: not followed either.
            std::fs::remove_file(inside.join("good.jpg")).expect("removed");
            std::os::unix::fs::symlink(&outside, inside.join("good.jpg")).expect("links");
            assert_eq!(strange.captures[0].picture(&inside), None);
            std::os::unix::fs::symlink(&outside, inside.join("captures.csv")).expect("links");
            assert!(matches!(
                Truth::read(&truth),
                Err(BreachError::TruthTable { .. } | BreachError::TruthOutside { .. })
            ));
        }
    }

    #[test]
    fn a_damaged_line_is_named_by_number() {
        let folder = tempfile::tempdir().expect("tempdir");
        let path = folder.path().join("truth.jsonl");
        std::fs::write(&path, "{\"path\":\"x\"}\n{\"pa").expect("write");
        assert!(matches!(Truth::read(&path), Err(BreachError::TruthLine { line: 2, .. })));
    }
}

//! Where what was blanked lies, as tools that train and check detectors read it.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::json;

use crate::capture::RegionKind;
use crate::geometry::{Rect, Size};

/// How labels are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum LabelFormat {
    /// One file for all copies, labels.json, as COCO has it
    Coco,
    /// A text file beside each copy, as YOLO has it, and classes.txt; of a.jpg and a.png, the latter's is a.png.txt
    Yolo,
    /// One file for all copies, labels.jsonl: a line for each, as inspect has it
    Jsonl,
}

impl LabelFormat {
    /// The one file that holds all labels.
    pub(super) fn name(self) -> Option<&'static str> {
        match self {
            Self::Coco => Some("labels.json"),
            Self::Jsonl => Some("labels.jsonl"),
            Self::Yolo => None,
        }
    }
}

/// The names of the classes, in the order of their numbers.
const CLASSES: [RegionKind; 3] = RegionKind::ALL;

/// What is blanked on one copy. Never what a plate says.
pub(super) struct Label {
    /// The copy's name, below the folder of all copies.
    pub name: PathBuf,
    /// Its size as it is stored.
    pub size: Size,
    /// Kind, tight box in pixels of the copy as it is stored, and how sure that is.
    pub regions: Vec<(RegionKind, Rect, f32)>,
}

/// Labels as they come in.
pub(super) struct Labels {
    format: LabelFormat,
    labels: Vec<Label>,
}

impl Labels {
    pub(super) fn new(format: LabelFormat) -> Self {
        Self { format, labels: Vec::new() }
    }

    pub(super) fn add(&mut self, label: Label) {
        self.labels.push(label);
    }

    /// The files to write: their names below the folder of all copies, and what is in them.
    pub(super) fn files(&mut self) -> io::Result<Vec<(PathBuf, Vec<u8>)>> {
        // Workers overtake each other.
        self.labels.sort_by(|a, b| a.name.cmp(&b.name));
        match self.format {
            LabelFormat::Coco => Ok(vec![(PathBuf::from("labels.json"), self.coco()?)]),
            LabelFormat::Jsonl => Ok(vec![(PathBuf::from("labels.jsonl"), self.jsonl()?)]),
            LabelFormat::Yolo => {
                let classes = CLASSES.map(RegionKind::name).join("\n") + "\n";
                let mut taken = HashSet::from([PathBuf::from("classes.txt")]);
                let beside = self.labels.iter().map(|label| {
                    let mut name = label.name.with_extension("txt");
                    if !taken.insert(name.clone()) {
                        // Of a.jpg and a.png, one has the name that tools look for.
                        name = label.name.clone();
                        name.as_mut_os_string().push(".txt");
                    }
                    (name, yolo(label).into_bytes())
                });
                let beside: Vec<_> = beside.collect();
                Ok(beside.into_iter().chain([(PathBuf::from("classes.txt"), classes.into_bytes())]).collect())
            }
        }
    }

    fn coco(&self) -> io::Result<Vec<u8>> {
        let images = (1..).zip(&self.labels).map(|(id, label)| {
            let Size { width, height } = label.size;
            json!({ "id": id, "file_name": slashed(&label.name), "width": width, "height": height })
        });
        let found =
            (1u64..).zip(&self.labels).flat_map(|(image, label)| label.regions.iter().map(move |of| (image, of)));
        let annotations = (1..).zip(found).map(|(id, (image, (kind, bounds, score)))| {
            let [x, y, w, h] = rounded(*bounds);
            json!({
                "id": id, "image_id": image, "category_id": number(*kind) + 1, "bbox": [x, y, w, h],
                "area": (w * h * 100.0).round() / 100.0, "iscrowd": 0, "score": share(*score),
            })
        });
        let categories = CLASSES.map(|kind| json!({ "id": number(kind) + 1, "name": kind.name() }));
        let all = json!({
            "info": { "description": "What safelight redact found and blanked" },
            "images": images.collect::<Vec<_>>(),
            "annotations": annotations.collect::<Vec<_>>(),
            "categories": categories,
        });
        let mut file = serde_json::to_vec(&all)?;
        file.push(b'\n');
        Ok(file)
    }

    fn jsonl(&self) -> io::Result<Vec<u8>> {
        #[derive(Serialize)]
        struct Line {
            path: String,
            width: u32,
            height: u32,
            regions: Vec<Found>,
        }
        #[derive(Serialize)]
        struct Found {
            kind: &'static str,
            #[serde(rename = "box")]
            bounds: [f64; 4],
            score: f64,
        }
        let mut file = Vec::new();
        for Label { name, size, regions } in &self.labels {
            let found = |&(kind, bounds, score): &(RegionKind, Rect, f32)| Found {
                kind: kind.name(),
                bounds: rounded(bounds),
                score: share(score),
            };
            let line = Line {
                path: slashed(name),
                width: size.width,
                height: size.height,
                regions: regions.iter().map(found).collect(),
            };
            serde_json::to_writer(&mut file, &line)?;
            file.push(b'\n');
        }
        Ok(file)
    }
}

/// Class, middle and sides in shares of the picture's, a line for each region.
fn yolo(label: &Label) -> String {
    let (width, height) = (label.size.width as f32, label.size.height as f32);
    let line = |(kind, bounds, _): &(RegionKind, Rect, f32)| {
        let (x, y) = bounds.center();
        let shares = [x / width, y / height, bounds.w / width, bounds.h / height];
        let shares = shares.map(|share| format!("{share:.6}"));
        format!("{} {}\n", number(*kind), shares.join(" "))
    };
    label.regions.iter().map(line).collect()
}

fn number(kind: RegionKind) -> usize {
    kind.code().into()
}

/// A name as it is written on every system.
fn slashed(name: &Path) -> String {
    name.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// Two decimals of a pixel and four of a share are all that there is in them.
fn rounded(Rect { x, y, w, h }: Rect) -> [f64; 4] {
    [x, y, w, h].map(|value| (f64::from(value) * 100.0).round() / 100.0)
}

fn share(score: f32) -> f64 {
    (f64::from(score) * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn labels(format: LabelFormat) -> Vec<(PathBuf, String)> {
        let mut labels = Labels::new(format);
        let plate = (RegionKind::Plate, Rect::new(10.0, 20.0, 40.0, 10.0), 0.987_654);
        let face = (RegionKind::Face, Rect::new(0.0, 0.0, 20.004, 25.0), 0.5);
        labels.add(Label { name: "a.jpg".into(), size: Size::new(100, 50), regions: vec![plate, face] });
        labels.add(Label { name: Path::new("lane").join("b.png"), size: Size::new(10, 10), regions: Vec::new() });
        let text = |(name, bytes)| (name, String::from_utf8(bytes).expect("text"));
        labels.files().expect("written").into_iter().map(text).collect()
    }

    #[test]
    fn coco_names_images_and_boxes_by_number() {
        let [(name, text)] = labels(LabelFormat::Coco).try_into().expect("one file");
        assert_eq!(name, Path::new("labels.json"));
        let all: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!(all["images"][1], json!({ "id": 2, "file_name": "lane/b.png", "width": 10, "height": 10 }));
        assert_eq!(
            all["annotations"][1],
            json!({ "id": 2, "image_id": 1, "category_id": 2, "bbox": [0.0, 0.0, 20.0, 25.0], "area": 500.0, "iscrowd": 0, "score": 0.5 })
        );
        assert_eq!(all["annotations"].as_array().map(Vec::len), Some(2));
        assert_eq!(all["categories"][0], json!({ "id": 1, "name": "plate" }));
    }

    #[test]
    fn yolo_has_shares_of_the_picture_beside_each_copy() {
        let files = labels(LabelFormat::Yolo);
        assert_eq!(
            files[0],
            (
                "a.txt".into(),
                "0 0.300000 0.500000 0.400000 0.200000\n1 0.100020 0.250000 0.200040 0.500000\n".to_owned()
            )
        );
        assert_eq!(files[1], (Path::new("lane").join("b.txt"), String::new()));
        assert_eq!(files[2], ("classes.txt".into(), "plate\nface\nhead\n".to_owned()));
    }

    #[test]
    fn jsonl_has_a_line_for_each_copy() {
        let [(_, text)] = labels(LabelFormat::Jsonl).try_into().expect("one file");
        let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(
            lines[0]["regions"][0],
            json!({ "kind": "plate", "box": [10.0, 20.0, 40.0, 10.0], "score": 0.9877 })
        );
        assert_eq!(lines[1], json!({ "path": "lane/b.png", "width": 10, "height": 10, "regions": [] }));
    }
}

//! Boxes that somebody gives by hand: areas of a fixed camera, what the eyes missed, and what they took for something else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::de::{Error, IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::Failure;
use super::terminal::{count, grouped, say, shown};
use crate::files;
use crate::geometry::Rect;
use crate::pipeline::{Boxes, Lettered, Lettering};

/// What a file of boxes holds.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Everywhere(Vec<[f32; 4]>),
    ByName(Named),
}

/// Boxes by photograph, each named once: of a second list under one name, nobody knows whether it was to replace the first.
struct Named(HashMap<PathBuf, Vec<[f32; 4]>>);

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Once;

        impl<'de> Visitor<'de> for Once {
            type Value = Named;

            fn expecting(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                to.write_str("boxes by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                let mut named = HashMap::new();
                while let Some((name, boxes)) = map.next_entry::<PathBuf, _>()? {
                    if named.insert(name, boxes).is_some() {
                        return Err(A::Error::custom("a name that is given twice"));
                    }
                }
                Ok(Named(named))
            }
        }

        from.deserialize_map(Once)
    }
}

/// Boxes as they are given with `option`: one, as X,Y,WIDTH,HEIGHT, or a file of them. The same of several.
pub(super) fn read(given: &[String], option: &str) -> Result<Boxes, Failure> {
    let (mut everywhere, mut by_name) = (Vec::new(), HashMap::<PathBuf, Vec<Rect>>::new());
    for text in given {
        match one(text) {
            Some(sides) => everywhere.push(checked(sides).map_err(|why| {
                Failure::usage(
                    format!("{option} {text}: {why}"),
                    "give it as X,Y,WIDTH,HEIGHT in pixels of the stored picture",
                )
            })?),
            None => match file(Path::new(text), option)? {
                Boxes::Everywhere(boxes) => everywhere.extend(boxes),
                Boxes::ByName(boxes) => {
                    boxes.into_iter().for_each(|(name, boxes)| by_name.entry(name).or_default().extend(boxes));
                }
            },
        }
    }
    match (everywhere.is_empty(), by_name.is_empty()) {
        (_, true) => Ok(Boxes::Everywhere(everywhere)),
        (true, false) => Ok(Boxes::ByName(by_name)),
        (false, false) => Err(Failure::usage(
            format!("{option} was given boxes of every photograph, and boxes of some by name"),
            "write the former to each name in the file, or run twice",
        )),
    }
}

/// Where pictures share letters that `mask` does not hide.
pub(super) fn unmasked(lettering: &Lettering, mask: &Boxes) -> Vec<Lettered> {
    /// Hidden as far as anybody can read it.
    const HIDDEN: f32 = 0.8;
    let everywhere = mask.of(Path::new(""));
    let is_open = |area: Rect| everywhere.iter().all(|hidden| hidden.overlap(area) < HIDDEN * area.area());
    lettering.shared().into_iter().filter(|lettered| is_open(lettered.area.rect())).collect()
}

/// Says where pictures share letters, and how they are hidden.
pub(super) fn say_unmasked(lettered: &[Lettered]) {
    /// So many places are named.
    const MOST: usize = 3;
    for Lettered { size, area, pictures, of } in lettered.iter().take(MOST) {
        let at = format!("{},{},{},{}", area.x, area.y, area.w, area.h);
        say(&format!(
            "note: {} of {} of {}x{} with plates have letters in one place: if the camera writes there what it saw, hide it with \
             --mask {at}",
            grouped(*pictures),
            count(*of, "picture"),
            size.width,
            size.height
        ));
    }
    if lettered.len() > MOST {
        say(&format!("note: and in {} more", count((lettered.len() - MOST) as u64, "place")));
    }
}

/// The same for machines.
pub(super) fn unmasked_json(lettered: &[Lettered]) -> serde_json::Value {
    let place = |Lettered { size, area, pictures, of }: &Lettered| json!({ "size": [size.width, size.height], "area": [area.x, area.y, area.w, area.h], "pictures": pictures, "of": of });
    lettered.iter().map(place).collect()
}

/// Four numbers.
fn one(text: &str) -> Option<[f32; 4]> {
    let sides: Vec<f32> = text.split(',').map(|side| side.trim().parse().ok()).collect::<Option<_>>()?;
    sides.try_into().ok()
}

fn file(path: &Path, option: &str) -> Result<Boxes, Failure> {
    if path.to_str().is_some_and(|text| !text.is_empty() && text.chars().all(|one| "0123456789,.+- ".contains(one)))
        && !path.exists()
    {
        return Err(Failure::usage(
            format!("{option} {}: four numbers make a box", shown(path)),
            "give it as X,Y,WIDTH,HEIGHT in pixels of the stored picture, or a file of boxes",
        ));
    }
    let text = files::read_text(path, files::MAX_SETTINGS).map_err(|error| {
        Failure::usage(
            format!("{} cannot be read: {error}", shown(path)),
            format!("give a file that you may read with {option}, or a box as X,Y,WIDTH,HEIGHT"),
        )
    })?;
    let wrong = |why: String| {
        let form = "write it as [[x, y, width, height], …], or as {\"folder/name.jpg\": [[x, y, width, height], …], …}";
        Failure::usage(format!("{}: {why}", shown(path)), form)
    };
    // As editors of Windows begin a file.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    serde_json::from_str::<IgnoredAny>(text).map_err(|error| wrong(error.to_string()))?;
    let written = serde_json::from_str(text);
    let written = written
        .map_err(|_| wrong("it is neither of the two forms of boxes, or names a photograph twice".to_owned()))?;
    let rects = |boxes: Vec<[f32; 4]>| {
        let rect = |sides: [f32; 4]| {
            let [x, y, w, h] = sides;
            checked(sides).map_err(|why| wrong(format!("[{x}, {y}, {w}, {h}] {why}")))
        };
        boxes.into_iter().map(rect).collect::<Result<Vec<_>, _>>()
    };
    match written {
        Written::Everywhere(boxes) if boxes.is_empty() => Err(wrong("it names no area".to_owned())),
        Written::ByName(Named(boxes)) if boxes.is_empty() => Err(wrong("it names no photograph".to_owned())),
        Written::Everywhere(boxes) => Ok(Boxes::Everywhere(rects(boxes)?)),
        Written::ByName(Named(boxes)) => {
            let named = boxes.into_iter().map(|(name, boxes)| Ok::<_, Failure>((name, rects(boxes)?)));
            Ok(Boxes::ByName(named.collect::<Result<_, _>>()?))
        }
    }
}

/// A box that may lie on a picture.
fn checked([x, y, w, h]: [f32; 4]) -> Result<Rect, &'static str> {
    let sides = [x, y, w, h];
    if sides.iter().any(|side| !side.is_finite()) || w <= 0.0 || h <= 0.0 {
        Err("is an area without width or height")
    } else if sides.iter().all(|side| (0.0..=1.0).contains(side)) {
        Err("looks like fractions of a picture, and is taken in pixels")
    } else if w < 1.0 || h < 1.0 {
        Err("is less than a pixel")
    } else if x + w <= 0.0 || y + h <= 0.0 {
        Err("lies outside of every picture: x and y begin at the top left corner")
    } else {
        Ok(Rect::new(x, y, w, h))
    }
}

//! What may be said of a photograph that no row of a table names, and was not understood.
//!
//! Owns which signs there are of that: rows that name nothing, tables that are not read or still empty, and other texts that name
//! the photograph. Somebody may have written there when and where it was taken, and how long it is kept; so it is not deleted.

use std::collections::HashSet;
use std::path::Path;

use zeroize::Zeroizing;

use super::source::{is_named_like_an_image, is_of_simulation};
use crate::files;

/// Of a text, how much is looked at.
const MOST: u64 = 1 << 20;

/// The signs that were found.
#[derive(Default)]
pub(super) struct Doubts {
    /// Something there may be about any photograph.
    pub any: bool,
    /// The last words of images' names that stand in texts, in lower case.
    mentioned: HashSet<String>,
}

impl Doubts {
    /// Takes what `text` names. What a simulation says in the folder `root` of its own pictures is no list.
    pub fn read(&mut self, text: &Path, root: &Path) {
        let Ok(bytes) = files::begin(text, MOST).map(Zeroizing::new) else { return };
        if text.parent() == Some(root) && is_of_simulation(text, &bytes) {
            return;
        }
        for word in words(&bytes).filter(|word| word.contains(&b'.')) {
            let word = Zeroizing::new(String::from_utf8_lossy(word).to_lowercase());
            if is_named_like_an_image(Path::new(&*word)) {
                self.mentioned.insert(String::clone(&word));
            }
        }
    }

    /// Whether there is one about the image `name`.
    pub fn are_about(&self, name: &Path) -> bool {
        let mentioned = || {
            let own = name.file_name()?.to_str()?.to_lowercase();
            let word = words(own.as_bytes()).last()?;
            Some(self.mentioned.contains(&*String::from_utf8_lossy(word)))
        };
        self.any || (!self.mentioned.is_empty() && mentioned() == Some(true))
    }
}

/// Whether a file is a table of captures by its name, in a workbook, or packed.
pub(super) fn is_closed_table(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().to_lowercase().starts_with("captures."))
}

/// What stands between blanks and the signs that part fields, paths and what is quoted, without brackets around it.
fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    let parts = |byte: &u8| byte.is_ascii_whitespace() || b",;:|/\\\"'<>=".contains(byte);
    let bracket = |byte: &u8| b"()[]{}".contains(byte);
    text.split(parts).filter_map(move |word| {
        let first = word.iter().position(|byte| !bracket(byte))?;
        let last = word.iter().rposition(|byte| !bracket(byte))?;
        Some(&word[first..=last])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_known_however_it_is_named_in_a_text() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("notes");
        let names = ["a.jpg", "A B.JPEG", "photo (2).png", "x(1).jpg", "é.jpg"];
        for name in names {
            for said in [
                format!("{name};citizen\n"),
                format!("nr;pfad\n1;D:\\export\\{name}\n"),
                format!("[{{\"file\":\"day/{name}\"}}]"),
                format!("({name})"),
                format!("see {}", name.to_uppercase()),
            ] {
                std::fs::write(&text, &said).unwrap();
                let mut doubts = Doubts::default();
                doubts.read(&text, Path::new("elsewhere"));
                assert!(doubts.are_about(&Path::new("day").join(name)), "{name} in {said:?}");
                assert!(!doubts.are_about(Path::new("day/other.jpg")), "{said:?}");
            }
        }
    }
}

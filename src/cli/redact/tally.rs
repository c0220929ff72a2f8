//! What became of each photograph, counted, said and written down beside the copies.

use std::collections::{BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::json;
use walkdir::WalkDir;

use super::{Args, Kept, write_new};
use crate::capture::RegionKind;
use crate::cli::boxes;
use crate::cli::labels::{Label, Labels};
use crate::cli::remedies::stdout_failed;
use crate::cli::target::{self, unwritable};
use crate::cli::terminal::{Voice, chain, count, grouped, json, say, shown};
use crate::cli::video::{self, Films};
use crate::cli::{Context, Failure};
use crate::files;
use crate::frame::{Format, Orientation};
use crate::geometry::{Rect, Size};
use crate::pipeline::{Choice, Copied, Inspected, Lettering, Note, Progress};
use crate::redact::RedactError;
use crate::report::{ContactSheet, Print};

#[derive(Clone, Copy, Default)]
pub(super) struct Counts {
    pub images: u64,
    plates: u64,
    faces: u64,
    heads: u64,
    /// What was left legible.
    legible: u64,
    /// Pixels of all copies, and how many of them are blank.
    pixels: u64,
    blank: u64,
    /// Copies without the words of their originals that were asked for.
    mute: u64,
}

impl Counts {
    fn of(copy: &Copied, format: Option<Format>, wanted: Wanted) -> Self {
        let of = |kind| copy.blanked.iter().filter(|region| region.kind == kind).count() as u64;
        Self {
            images: 1,
            plates: of(RegionKind::Plate),
            faces: of(RegionKind::Face),
            heads: of(RegionKind::Head),
            legible: copy.legible,
            pixels: copy.pixels,
            blank: copy.blank,
            mute: u64::from(match format {
                Some(Format::Jpeg) => false,
                Some(Format::Png | Format::WebP) => wanted.panorama,
                _ => wanted.words || wanted.panorama,
            }),
        }
    }

    fn add(&mut self, other: Self) {
        self.images += other.images;
        self.plates += other.plates;
        self.faces += other.faces;
        self.heads += other.heads;
        self.legible += other.legible;
        self.pixels += other.pixels;
        self.blank += other.blank;
        self.mute += other.mute;
    }
}

/// A copy that is there, and what is said of it elsewhere.
pub(super) struct Done {
    /// What the photograph is called in files of boxes.
    source: PathBuf,
    /// Where the copy is.
    copy: PathBuf,
    counts: Counts,
    lettering: Option<(Size, Vec<Rect>)>,
    label: Option<Label>,
    print: Option<Print>,
}

/// What is wanted beside copies.
#[derive(Clone, Copy, Default)]
pub(super) struct Wanted {
    labels: bool,
    prints: bool,
    /// Whether something is to be kept that JPEG, PNG and WebP have room for, and something that JPEG alone has.
    words: bool,
    panorama: bool,
}

impl Wanted {
    pub(super) fn of(args: &Args) -> Self {
        Self {
            labels: args.labels.is_some(),
            prints: args.contact_sheet.is_some(),
            words: args.keep.iter().any(|kept| *kept != Kept::Panorama),
            panorama: args.keep.contains(&Kept::Panorama),
        }
    }

    /// What there is to say of the `copy` of the photograph `source`, which has the name `name` below the folder of all copies.
    pub(super) fn done(self, copy: &Copied, format: Format, source: &Path, path: &Path, name: &Path) -> Done {
        let label = self.labels.then(|| Label {
            name: name.to_owned(),
            size: copy.copy_size(),
            regions: copy.blanked.iter().map(|of| (of.kind, copy.on_copy(of.bounds), of.score)).collect(),
        });
        let way = if copy.turned { Orientation::Upright } else { copy.orientation };
        let print = self.prints.then(|| {
            let seen = |bounds| copy.orientation.box_to_seen(bounds, copy.size);
            Some(Print {
                name: shown(name),
                small: Print::small(&copy.bytes, way.into())?,
                size: copy.orientation.seen_size(copy.size),
                blanked: copy.blanked.iter().map(|of| (of.kind, seen(of.bounds), of.score)).collect(),
            })
        });
        Done {
            source: source.to_owned(),
            copy: path.to_owned(),
            counts: Counts::of(copy, Some(format), self),
            lettering: copy.lettering.clone().map(|rows| (copy.size, rows)),
            label,
            print: print.flatten(),
        }
    }
}

/// What became of one image.
pub(super) enum Made {
    Copy(Box<Done>),
    /// It was there.
    There(Box<Done>),
    /// There is the photograph itself in its place, and stays.
    Original(PathBuf),
    /// There is something else in its place, and stays.
    Another(PathBuf),
    Refused(RedactError),
    Unwritten(PathBuf, io::Error),
}

/// The receiving end: counts and says.
pub(super) struct Tally {
    since: Instant,
    pub counts: Counts,
    lettering: Lettering,
    pub failures: u64,
    /// What was wrong beside photographs: boxes of none, labels that are there already.
    pub complaints: u64,
    pub ignored: u64,
    existing: u64,
    pub films: Films,
    /// Captures that the vault took.
    pub sealed: Option<u64>,
    /// Where copies are, or what stands in their places.
    pub known: HashSet<PathBuf>,
    /// Photographs for which boxes were given and which were not met.
    unmet: BTreeSet<PathBuf>,
    labels: Option<Labels>,
    sheet: Option<ContactSheet>,
    /// Copies of which the contact sheet has no print.
    unprinted: u64,
}

impl Tally {
    pub(super) fn new(args: &Args, choice: &Choice) -> Self {
        Self {
            since: Instant::now(),
            counts: Counts::default(),
            lettering: Lettering::default(),
            failures: 0,
            complaints: 0,
            ignored: 0,
            existing: 0,
            films: Films::default(),
            sealed: None,
            known: HashSet::new(),
            unmet: choice.mask.names().chain(choice.except.names()).map(Path::to_owned).collect(),
            labels: args.labels.map(Labels::new),
            sheet: args.contact_sheet.is_some().then(ContactSheet::default),
            unprinted: 0,
        }
    }

    pub(super) fn receive(&mut self, inspected: Inspected<Made>, voice: &Voice<'_>) -> Result<(), Failure> {
        let Inspected { path, result } = inspected;
        if let Some(kind) = video::kind(&result) {
            self.films.meet(path, kind);
            return Ok(());
        }
        match result {
            Ok(Made::Copy(done)) => {
                self.counts.add(done.counts);
                self.keep(*done);
            }
            Ok(Made::There(done)) => {
                self.existing += 1;
                self.keep(*done);
            }
            Ok(Made::Original(copy)) => {
                self.failures += 1;
                voice.say(&path, &format!("no copy: {} is the photograph itself, not blanked", shown(&copy)));
                self.known.insert(copy);
            }
            Ok(Made::Another(copy)) => {
                self.failures += 1;
                voice.say(&path, &format!("no copy: {} is not what this run makes of it, and stays", shown(&copy)));
                self.known.insert(copy);
            }
            Ok(Made::Refused(error)) => {
                self.failures += 1;
                voice.say(&path, &format!("no copy: {}", chain(&error)));
            }
            Ok(Made::Unwritten(path, error)) => return Err(unwritable(&path, &error)),
            Err(Note::NotLoaded(error)) => {
                self.failures += 1;
                voice.say(&path, &format!("no copy: {}", chain(&error)));
            }
            Err(note) => {
                self.failures += u64::from(!matches!(&note, Note::Skipped(fault) if !fault.is_loss()));
                voice.note(&path, &note);
            }
        }
        Ok(())
    }

    /// A copy by itself.
    pub(super) fn made(&mut self, copy: &Copied, format: Option<Format>, wanted: Wanted) {
        self.counts.add(Counts::of(copy, format, wanted));
    }

    fn keep(&mut self, done: Done) {
        let Done { source, copy, lettering, label, print, .. } = done;
        if let Some((size, rows)) = lettering {
            self.lettering.add(size, &rows);
        }
        self.unmet.remove(&source);
        self.known.insert(copy);
        if let (Some(labels), Some(label)) = (&mut self.labels, label) {
            labels.add(label);
        }
        if let Some(sheet) = &mut self.sheet {
            match print {
                Some(print) => sheet.add(print),
                None => self.unprinted += 1,
            }
        }
    }

    /// Writes labels and contact sheet, and says what was not met. Labels go below `folder`.
    pub(super) fn write(&mut self, args: &Args, folder: &Path) -> Result<(), Failure> {
        for name in self.unmet.iter().filter(|name| !self.films.met.contains(name)) {
            self.complaints += 1;
            say(&format!("{}: no such photograph was copied, and boxes were given for it", shown(name)));
        }
        if self.films.copies > 0 && (self.labels.is_some() || self.sheet.is_some()) {
            say("labels and contact sheets are of photographs: videos are not in them");
        }
        if let Some(mut labels) = self.labels.take() {
            let files = labels.files().map_err(|error| unwritable(folder, &error))?;
            for (name, bytes) in files {
                let path = folder.join(name);
                self.known.insert(path.clone());
                match write_new(&path, &bytes) {
                    Ok(()) => {}
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        if files::read_own(&path, bytes.len() as u64).ok() != Some(bytes) {
                            self.complaints += 1;
                            say(&format!("{} is there already with other labels, and stays", shown(&path)));
                        }
                    }
                    Err(error) => return Err(unwritable(&path, &error)),
                }
            }
        }
        if self.unprinted > 0 {
            self.complaints += 1;
            say(&format!(
                "{} could not be made small for the contact sheet, and are not on it",
                count(self.unprinted, "copy")
            ));
        }
        if let (Some(sheet), Some(path)) = (self.sheet.take(), &args.contact_sheet) {
            self.known.insert(path.clone());
            write_new(path, sheet.html().as_bytes()).map_err(|error| unwritable(path, &error))?;
        }
        Ok(())
    }

    /// Names what lies among the copies and is none of this run's: whoever hands the folder on would hand it on, too.
    pub(super) fn name_strangers(&mut self, folder: &Path) {
        /// So many are named.
        const MOST: u64 = 20;
        let mut strangers = 0;
        let below = WalkDir::new(folder).sort_by_file_name().into_iter().filter_map(Result::ok);
        for entry in below.filter(|entry| !entry.file_type().is_dir() && !self.known.contains(entry.path())) {
            strangers += 1;
            if strangers <= MOST {
                let name = entry.file_name().as_encoded_bytes();
                let is_half = name.starts_with(target::HALF.0.as_bytes()) && name.ends_with(target::HALF.1.as_bytes());
                let what = if is_half {
                    "looks like half a copy of a run that was killed: delete it"
                } else {
                    "is no copy that this run makes, and stays"
                };
                say(&format!("{} {what}", shown(entry.path())));
            }
        }
        if strangers > MOST {
            say(&format!("and {} more", grouped(strangers - MOST)));
        }
        self.complaints += strangers;
    }

    pub(super) fn report(&self, args: &Args, choice: &Choice, context: &Context) -> Result<(), Failure> {
        let lettered = boxes::unmasked(&self.lettering, &choice.mask);
        let Self {
            counts: Counts { images, plates, faces, heads, legible, pixels, blank, mute },
            ignored,
            ref films,
            ..
        } = *self;
        let (copies, failures, existing) =
            (images + films.copies, self.failures + films.failures, self.existing + films.existing);
        if context.json {
            let object = json!({
                "copies": copies, "plates": plates, "faces": faces, "heads": heads, "legible": legible,
                "failed": failures + films.flawed, "existing": existing, "ignored": ignored, "sealed": self.sealed,
                "pixels": pixels, "blank_pixels": blank, "videos": films.json(),
                "lettering": boxes::unmasked_json(&lettered),
            });
            return json(&object).map_err(stdout_failed);
        }
        if context.quiet {
            return Ok(());
        }
        let number = grouped;
        let mut rows = vec![("copies", number(copies), format!("in {}", shown(&args.out)))];
        if !args.except_plate.is_empty() && legible + films.legible() == 0 {
            say("note: no plate was read as one of --except-plate: none is legible by that");
        }
        boxes::say_unmasked(&lettered);
        if let (Some(sealed), Some(vault)) = (self.sealed, &args.vault) {
            rows.push(("originals sealed", number(sealed), format!("in {}", shown(vault))));
        }
        if images > 0 || films.copies == 0 {
            rows.push(("plates blanked", number(plates), String::new()));
            rows.push(("faces blanked", number(faces), String::new()));
            if heads > 0 {
                rows.push(("heads blanked", number(heads), "without a face".to_owned()));
            }
        }
        rows.extend(films.rows());
        let more = [
            ("left legible", legible),
            ("there already", existing),
            ("without a copy", failures),
            ("copies not whole", films.flawed),
            ("not all kept", mute + if args.keep.is_empty() { 0 } else { films.copies }),
            ("other files", ignored),
        ];
        rows.extend(more.into_iter().filter(|(_, many)| *many > 0).map(|(what, many)| {
            let note = match what {
                "other files" => "not copied",
                "not all kept" => "--keep is for JPEG, PNG and WebP, and for panoramas JPEG",
                _ => "",
            };
            (what, number(many), note.to_owned())
        }));
        if pixels > 0 {
            rows.push(("pixels blanked", format!("{:.1} %", 100.0 * blank as f64 / pixels as f64), String::new()));
        }
        let seconds = self.since.elapsed().as_secs_f64();
        let looked = images + films.frames() + existing + failures;
        let rate = if seconds > 0.0 { looked as f64 / seconds } else { 0.0 };
        rows.push(("time", format!("{seconds:.1} s"), format!("{rate:.0} images/s")));
        let wide = rows.iter().map(|(_, many, _)| many.chars().count()).max().unwrap_or(0);
        for (what, many, note) in rows {
            say(format!("{what:<16}  {many:>wide$}  {note}").trim_end());
        }
        Ok(())
    }

    /// Copies that were made, in words.
    pub(super) fn copies(&self) -> String {
        count(self.counts.images + self.films.copies, "copy")
    }
}

//! A log about to grow: locked, proven, and held against what was known of it.

use std::path::Path;

use jiff::Timestamp;

use super::egress::Budget;
use super::entry::{Details, Entry, Finding, Opened, Verb, hour_of, month_of, open_details};
use super::head::{self, Found, Head, Leap};
use super::keys::{self, DetailKey, DetailKeys, PurposeTag};
use super::log::{AuditError, AuditLog, CHECKPOINT, LOG_KEY};
use super::note::{Checkpoint, LogKey};
use super::pending::{self, Pending};
use super::spent::{Spent, is_dated};
use super::tiles::{TileError, Tiles, bundle_bytes};
use super::tree::{self, Edge, Hash, TileId, WIDTH, leaf_hash, merkle};
use super::who::Who;
use crate::custody::{Keyring, LogMark, Month};
use crate::seal::CustodyId;
use crate::vault::Uptime;

/// The log, locked and proven, about to grow.
pub(super) struct Writer<'l> {
    log: &'l AuditLog,
    keyring: &'l Keyring,
    pub custody: CustodyId,
    now: Timestamp,
    pub keys: DetailKeys,
    pub month: Month,
    pub key: DetailKey,
    tree: Tiles<'l>,
    checkpoint: Checkpoint,
    /// The last entry of the log, the new ones included.
    pub last: Option<Entry>,
    pub new: Vec<Vec<u8>>,
    /// Whether months' keys are to be destroyed, which is done when that is on record.
    pub keys_changed: bool,
    /// Files beside the tree that are made anew: written before the first entry, and not without one, which says that they were gone.
    beside: Vec<(&'static str, Vec<u8>)>,
    /// What was known of the log and the time before.
    head: Option<Head>,
    /// What counts at the end of the log when it had so many entries.
    pub spent: Option<(u64, Spent)>,
    /// The last time that nothing contradicted.
    known: Timestamp,
    uptime: Option<Uptime>,
    leap: Option<Leap>,
    /// Whether the clock leapt, and nobody says that it is right.
    disbelieved: bool,
}

impl<'l> Writer<'l> {
    /// `believed`: two holders say that the clock is right, whatever is known.
    pub fn open(log: &'l AuditLog, keyring: &'l Keyring, clock: Timestamp, believed: bool) -> Result<Self, AuditError> {
        let (wrap, custody) = (keyring.audit_key(), keyring.custody());
        let pending = match Pending::read(&log.folder) {
            Err(TileError::Missing { .. }) => Err(Finding::PendingMissing),
            read => read?.ok_or(Finding::PendingAltered),
        };
        let begun = match log.note() {
            Ok(note) => Some(Checkpoint::verify(&note, &LogKey::of(keyring.verifying_key()))?),
            Err(AuditError::NoLog { .. }) if pending.as_ref().is_ok_and(|pending| pending.size > 0) => {
                return Err(AuditError::NoCheckpoint);
            }
            Err(AuditError::NoLog { .. }) => None,
            Err(error) => return Err(error),
        };
        let head = Head::read(&log.folder, &wrap, custody);
        let head = head.map_err(|source| log.failed(head::path_beside(&log.folder), source))?;
        // A keyring that knows of a log was written by a version that left this file.
        let (head, spent, lost) = match head {
            Found::Head(head, spent) => (Some(head), spent.map(|spent| (head.size, spent)), None),
            Found::Missing => (None, None, keyring.known_log().map(|_| Finding::HeadMissing)),
            Found::Altered => (None, None, Some(Finding::HeadAltered)),
        };
        // Where another command has changed the keyring since it was opened, its file is newer than what was opened.
        let known_keyring = head.and_then(|head| head.keyring).unwrap_or(0);
        let on_disk = || keyring.generation_on_disk().map_err(|error| AuditError::Keyring(Box::new(error)));
        if known_keyring > keyring.generation() && known_keyring > on_disk()? {
            return Err(AuditError::OlderKeyring { generation: keyring.generation(), once: known_keyring });
        }
        // A log that the keyring knew of and that is on record as gone is not looked for any more.
        let mark = keyring.known_log().filter(|mark| head.and_then(|head| head.lost) != Some(mark.root));
        let checkpoint = begun.unwrap_or(Checkpoint { size: 0, root: merkle(&[]) });
        let tree = Tiles::open(&log.folder, checkpoint)?;
        let mut last = None;
        if begun.is_some() {
            let known = head.map(|head| (head.size, head.root)).into_iter();
            continue_from(&tree, checkpoint, known.chain(mark.map(|mark| (mark.size, mark.root))))?;
            last = Some(entry_of(&tree, checkpoint.size - 1)?);
        }

        // The last time that nothing contradicted. A log that has no head was written by an earlier version, or is gone.
        let of_files = head.map(|head| head.time).or(mark.map(|mark| mark.time));
        let of_files = of_files.and_then(|time| Timestamp::from_millisecond(time).ok());
        let known = of_files.unwrap_or_else(|| last.as_ref().map_or(keyring.created(), Entry::time));
        let uptime = log.store.uptime();
        let of_log = || (mark.is_some() || last.is_some()).then(|| Head::of(checkpoint, known, None, None));
        let today = hour_of(clock) / 24;
        let confirmed = log.confirms(today) && (!keyring.has_dual_control() || keyring.has_second());
        let leap = head.or_else(of_log).and_then(|head| head.leap(clock, uptime)).filter(|_| !confirmed);
        // What a clock says that nobody confirmed dates nothing, where it is ahead. One that was put back may have been ahead
        // before: it dates entries, and is not what the next one is held against.
        let disbelieved = leap.filter(|_| !believed);
        let ahead = disbelieved.filter(|leap| leap.now > leap.last);
        let now = ahead.map_or(clock, |leap| leap.expected.unwrap_or(leap.last));

        let month = month_of(now);
        let found = DetailKeys::read(&log.folder, &wrap)?;
        let keys_lost = found.is_none();
        let mut keys = found.unwrap_or_default();
        let kept = keys.of(month);
        let keys_grown = kept.is_none();
        let key = kept.unwrap_or_else(|| keys.add(month));
        let mut writer = Self {
            log,
            keyring,
            custody,
            now,
            keys,
            month,
            key,
            tree,
            checkpoint,
            last,
            new: Vec::new(),
            keys_changed: false,
            beside: Vec::new(),
            head,
            // Of a log that is gone it says nothing.
            spent: spent.filter(|_| begun.is_some()),
            known,
            uptime,
            leap,
            disbelieved: disbelieved.is_some(),
        };
        if keys_grown {
            writer.beside.push((keys::FILE_NAME, writer.keys.to_bytes(&wrap)));
        }
        let key_lost = AuditLog::key_beside(&log.folder, custody).is_none();
        if key_lost {
            let key = LogKey::of(keyring.verifying_key());
            writer.beside.push((LOG_KEY, format!("{key}\n").into_bytes()));
        }
        // Nobody knows what left today when the log, or what was known of it, is gone.
        let once = mark.is_some() || head.is_some_and(|head| head.size > 0 || head.anew.is_some());
        let gone = begun.is_none() && once;
        let finding = if gone { Some(Finding::LogGone) } else { lost };
        if finding.is_some() {
            let empty = Checkpoint { size: 0, root: merkle(&[]) };
            let lost = keyring.known_log().map(|mark| mark.root).filter(|_| gone);
            writer.head = Some(Head { lost, ..Head::of(empty, known, None, Some(hour_of(now) / 24)) });
        }
        if gone {
            // Before the first checkpoint: else a death between the two would leave a log shorter than what is known.
            writer.leave_head(checkpoint)?;
        }
        if begun.is_none() {
            writer.begin();
        } else {
            writer.fold(pending, keys_lost)?;
            if key_lost {
                writer.find(Finding::LogKeyLost, 0);
            }
        }
        if let Some(finding) = finding {
            writer.find(finding, 0);
        }
        Ok(writer)
    }

    /// The time by which entries are made: the clock's, or where that leapt, the one that is known.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// By how much the clock is ahead of what is known, or behind it, when nobody confirmed its date.
    pub fn leap(&self) -> Option<Leap> {
        self.leap
    }

    /// The first month whose details the policy keeps, by the time that the log had reached before this writer came.
    pub fn kept_from(&self) -> Month {
        let reached = self.last.as_ref().map_or(Timestamp::MIN, Entry::time).min(self.known);
        self.keyring.policy().details_kept().kept_from(reached)
    }

    fn begin(&mut self) {
        let made = hour_of(self.keyring.created()) / 24;
        let begin = Entry { keyring_made: Some(made), ..Entry::new(Verb::Begin, hour_of(self.now)) };
        self.add(begin, Some(Details::default()));
    }

    fn find(&mut self, finding: Finding, records: u64) {
        let entry = Entry { finding: Some(finding), records, ..Entry::new(Verb::Finding, hour_of(self.now)) };
        self.add(entry, None);
    }

    /// Takes in the failed unlocks that wait, and what is wrong with the files beside the tree.
    fn fold(&mut self, pending: Result<Pending, Finding>, keys_lost: bool) -> Result<(), AuditError> {
        let mut findings = Vec::new();
        findings.extend(keys_lost.then_some((Finding::KeysLost, 0)));
        match pending {
            Err(finding) => findings.push((finding, 0)),
            Ok(pending) => {
                let frames = pending.entries.len();
                let failed: Vec<(Entry, &[u8])> = pending
                    .entries
                    .iter()
                    .filter_map(|bytes| Some((Entry::from_bytes(bytes)?, bytes.as_slice())))
                    .filter(|(entry, _)| entry.verb == Verb::UnlockFailed)
                    .collect();
                match self.signed_of(&pending, &failed, keys_lost)? {
                    Err(finding) => findings.push((finding, 0)),
                    Ok(signed) => {
                        let others = failed.len() < frames;
                        let impossible = self.take_in(&failed[signed..], self.keys.of(pending.month))?;
                        findings.extend((others || !pending.whole).then_some((Finding::PendingAltered, 0)));
                        findings.extend((impossible > 0).then_some((Finding::PendingDated, impossible)));
                    }
                }
            }
        }
        for (finding, records) in findings {
            self.find(finding, records);
        }
        Ok(())
    }

    /// Signs failed unlocks. Says how many are of times that cannot be: these are on record with the time of now, what their clock
    /// said, and who it was.
    fn take_in(&mut self, failed: &[(Entry, &[u8])], key: Option<DetailKey>) -> Result<u64, AuditError> {
        let earliest = self.earliest_waiting()?;
        let mut impossible = 0;
        for (entry, bytes) in failed {
            if self.could_have_waited(entry, earliest) {
                self.push(entry.clone(), bytes.to_vec());
                continue;
            }
            impossible += 1;
            let details = match key.as_ref().map(|key| open_details(bytes, key, self.custody)) {
                Some(Opened::Details(details)) => *details,
                _ => Details { time: entry.time().as_millisecond(), ..Details::default() },
            };
            let details = Details { clock: Some(details.time), time: self.now.as_millisecond(), ..details };
            let claimed = Some(entry.hour);
            let entry = Entry { month: Some(self.month), claimed, ..Entry::new(Verb::UnlockFailed, hour_of(self.now)) };
            let bytes = entry.sealed(&details, &self.key, self.custody);
            self.push(entry, bytes);
        }
        Ok(impossible)
    }

    /// How many of the file's entries are in the tree already, or why the file is not to be taken.
    ///
    /// Some are when the last writer died after it signed, before it left a new file.
    fn signed_of(
        &self,
        pending: &Pending,
        failed: &[(Entry, &[u8])],
        keys_lost: bool,
    ) -> Result<Result<usize, Finding>, AuditError> {
        let size = self.checkpoint.size;
        let root = if pending.size <= size { self.tree.root_at(pending.size)? } else { merkle(&[]) };
        let key = self.keys.of(pending.month);
        let ours = key.is_some_and(|key| pending.is_ours(&key, &root) || pending.size > size);
        if pending.custody != self.custody || !(ours || keys_lost) {
            return Ok(Err(Finding::PendingAltered));
        }
        if pending.size > size {
            return Err(AuditError::RolledBack { size, once: pending.size });
        }
        let mut signed = 0;
        let mut looks = 0;
        for index in pending.size..size {
            let leaf = self.leaf(index)?;
            let entry = Entry::from_bytes(&leaf);
            // As it was written, or with the hour that it claimed.
            let is = |(waiting, bytes): &(Entry, &[u8])| {
                *bytes == leaf.as_slice() || entry.as_ref().is_some_and(|entry| entry.claimed == Some(waiting.hour))
            };
            match entry.as_ref().map(|entry| entry.verb) {
                Some(Verb::UnlockFailed) if looks == 0 && failed.get(signed).is_some_and(is) => signed += 1,
                Some(Verb::Begin | Verb::Quiet | Verb::Clock | Verb::Finding) if looks == 0 => {}
                _ => looks += 1,
            }
            // One writer signs one look. Several have left files of their own since.
            if looks > 1 {
                return Ok(Err(Finding::PendingReplayed));
            }
        }
        Ok(Ok(signed))
    }

    /// Anybody can write into that file, and clocks are wrong at times: a failed unlock is from between the last entry that
    /// is not of the future and now, or, by a clock that was ahead then, from no more than a month after that.
    fn could_have_waited(&self, entry: &Entry, earliest: u32) -> bool {
        const MONTH: u32 = 31 * 24;
        let latest = self.last.as_ref().map_or(0, |last| last.hour).max(hour_of(self.now)).saturating_add(MONTH);
        (earliest..=latest).contains(&entry.hour)
    }

    /// The hour of the last entry that is not of the future.
    fn earliest_waiting(&self) -> Result<u32, AuditError> {
        let now = hour_of(self.now);
        for index in (0..self.checkpoint.size).rev() {
            let hour = self.entry(index)?.hour;
            if hour <= now {
                return Ok(hour);
            }
        }
        Ok(now)
    }

    /// Makes an entry of now, with details under this month's key.
    pub fn add(&mut self, entry: Entry, details: Option<Details>) {
        let Some(mut details) = details else { return self.push(entry.clone(), entry.bare()) };
        details.time = self.now.as_millisecond();
        details.generation = self.keyring.generation();
        Who { user: details.user, login: details.login } = Who::now();
        details.confirmed = Some(hour_of(self.now) / 24).filter(|&today| !self.disbelieved && self.log.confirms(today));
        details.clock = self.leap.filter(|_| self.disbelieved).map(|leap| leap.now.as_millisecond());
        // In plain as well: whoever confirms a date alone has the budget of another day, which anybody should see.
        let entry = Entry { month: Some(self.month), date_confirmed: details.confirmed.is_some(), ..entry };
        let bytes = entry.sealed(&details, &self.key, self.custody);
        self.push(entry, bytes);
    }

    /// Adds an entry, and before it what makes the sequence speak for every day, and of a clock that went back.
    fn push(&mut self, entry: Entry, bytes: Vec<u8>) {
        if let Some(last) = &self.last {
            if entry.hour < last.hour && entry.verb != Verb::Clock {
                self.new.push(Entry::new(Verb::Clock, entry.hour).bare());
            } else if entry.day() > last.day().saturating_add(1) {
                let quiet = Some((last.day() + 1, entry.day() - 1));
                self.new.push(Entry { quiet, ..Entry::new(Verb::Quiet, entry.hour) }.bare());
            }
        }
        self.new.push(bytes);
        self.last = Some(entry);
    }

    /// Records that went out today with one of this purpose's tags, and with any. Entries that claim a later day count too, so
    /// that a clock set forward and back again gives nobody a second budget.
    pub fn spent(&mut self, of: Budget, tags: &[Option<PurposeTag>]) -> Result<(u64, u64), AuditError> {
        let today = hour_of(self.now) / 24;
        let mut spent = Spent::on(today);
        // Where the log is known to have come to this day, older entries at its end are of a clock that was put back: what is of
        // this day lies before them.
        let known = self.head.and_then(|head| Timestamp::from_millisecond(head.time).ok());
        let mut met = known.is_none_or(|known| hour_of(known) / 24 < today);
        let mut passed_over = false;
        'all: for index in (0..self.checkpoint.size.div_ceil(WIDTH as u64)).rev() {
            let mut bundle = None;
            let first = index * WIDTH as u64;
            for index in (first..self.checkpoint.size.min(first + WIDTH as u64)).rev() {
                // What was added up before ends with an entry of its day.
                if let Some((size, before)) = &self.spent
                    && (*size, before.day) == (index + 1, today)
                {
                    spent.extend(before);
                    break 'all;
                }
                let bundle = match &mut bundle {
                    Some(bundle) => bundle,
                    none => none.insert(self.tree.bundle(index / WIDTH as u64)?),
                };
                let leaf = &bundle[(index - first) as usize];
                let entry = Entry::from_bytes(leaf).ok_or(AuditError::Entry { index })?;
                if is_dated(&entry) && entry.day() < today {
                    if met {
                        break 'all;
                    }
                    passed_over = true;
                    continue;
                }
                met |= is_dated(&entry);
                spent.add(&entry);
            }
        }
        let sums = spent.of(of, tags);
        if !passed_over {
            self.spent = Some((self.checkpoint.size, spent));
        }
        Ok(sums)
    }

    /// What counts when the new entries are in the log; `None` where that is not known without reading more.
    fn spent_then(&self) -> Option<Spent> {
        let last = match self.new.last() {
            Some(entry) => Entry::from_bytes(entry)?,
            None => self.last.clone()?,
        };
        let mut then = is_dated(&last).then(|| Spent::on(last.day()))?;
        for entry in self.new.iter().rev() {
            let entry = Entry::from_bytes(entry)?;
            if is_dated(&entry) && entry.day() < then.day {
                return Some(then);
            }
            then.add(&entry);
        }
        if self.checkpoint.size > 0 {
            let (size, before) = self.spent.as_ref()?;
            if *size != self.checkpoint.size || before.day > then.day {
                return None;
            }
            // Of an earlier day, its last entry is where this day begins.
            if before.day == then.day {
                then.extend(before);
            }
        }
        Some(then).filter(Spent::is_short)
    }

    /// Whether the log began today, or later, for a keyring that is older: who removes a log gets no second budget.
    pub fn began_anew(&self) -> Result<bool, AuditError> {
        let made = hour_of(self.keyring.created()) / 24;
        let today = hour_of(self.now) / 24;
        let begun = if self.checkpoint.size == 0 { today } else { self.entry(0)?.day() };
        let known = self.head.and_then(|head| head.anew).is_some_and(|day| day >= today);
        Ok(known || (begun >= today && begun > made.saturating_add(1)))
    }

    fn leaf(&self, index: u64) -> Result<Vec<u8>, AuditError> {
        leaf_of(&self.tree, index)
    }

    fn entry(&self, index: u64) -> Result<Entry, AuditError> {
        entry_of(&self.tree, index)
    }

    /// Leaves what is known of the log and the keyring where there is nothing to be put on record.
    pub fn keep_up(self) -> Result<(), AuditError> {
        if self.new.is_empty() { self.leave_head(self.checkpoint) } else { self.finish().map(drop) }
    }

    /// Writes the tree, then its checkpoint; what is only on its way to the tree when the power is cut is not in it.
    pub fn finish(self) -> Result<Checkpoint, AuditError> {
        let old = self.checkpoint;
        if self.new.is_empty() {
            // The writer of the first entry may have died before it left this.
            if self.head.is_none() {
                self.leave_head(old)?;
            }
            return Ok(old);
        }
        for (name, bytes) in &self.beside {
            self.log.put(Path::new(name), bytes)?;
        }
        if old.size == 0 {
            // Before the first checkpoint: else a death behind it would leave a log whose record of failed unlocks is gone.
            self.leave_pending(old)?;
        }
        let mut edge = self.tree.edge().clone();
        let mut bundle = self.tree.bundle(old.size / WIDTH as u64)?;
        let mut filled = Vec::new();
        for entry in &self.new {
            bundle.push(entry.clone());
            let tiles = edge.push(leaf_hash(entry));
            if let Some((tile, _)) = tiles.first() {
                self.log.put(&tile.bundle_path(), &bundle_bytes(&std::mem::take(&mut bundle)))?;
            }
            for (tile, hashes) in tiles {
                self.log.put(&tile.path(), hashes.as_flattened())?;
                filled.push(tile);
            }
        }
        self.write_partials(old.size, &edge, &bundle)?;

        let new = Checkpoint { size: edge.size, root: edge.root() };
        // Nothing is signed that contradicts what was signed before. Read back from the disk, by another implementation.
        if !Tiles::open(&self.log.folder, new)?.extends(old)? {
            return Err(TileError::Altered { path: CHECKPOINT.into() }.into());
        }
        self.log.put(Path::new(CHECKPOINT), new.sign(self.keyring).as_bytes())?;

        // From here on the entries are in the log, whatever happens.
        if self.keys_changed {
            self.log.put(Path::new(keys::FILE_NAME), &self.keys.to_bytes(&self.keyring.audit_key()))?;
        }
        self.leave_pending(new)?;
        self.leave_head(new)?;
        for tile in filled {
            self.log.remove_partials(tile);
        }
        Ok(new)
    }

    fn write_partials(&self, old_size: u64, edge: &Edge, bundle: &[Vec<u8>]) -> Result<(), AuditError> {
        for (level, hashes) in (0..).zip(&edge.levels) {
            let count = tree::complete(edge.size, level);
            let tile = TileId::of(edge.size, level, count / WIDTH as u64);
            if hashes.is_empty() || count == tree::complete(old_size, level) {
                continue;
            }
            if level == 0 {
                self.log.put(&tile.bundle_path(), &bundle_bytes(bundle))?;
            }
            self.log.put(&tile.path(), hashes.as_flattened())?;
        }
        Ok(())
    }

    /// Leaves what is known of the log beside it, and with the keyring, for when that is next written.
    fn leave_head(&self, checkpoint: Checkpoint) -> Result<(), AuditError> {
        let Checkpoint { size, root } = checkpoint;
        let (anew, lost) = self.head.map_or((None, None), |head| (head.anew, head.lost));
        let known = match self.head {
            // What a clock says that nobody confirmed is not what the next one is held against.
            Some(head) if self.disbelieved => Head { size, root, ..head },
            None if self.disbelieved => Head::of(checkpoint, self.known, None, anew),
            _ => Head { lost, ..Head::of(checkpoint, self.now, self.uptime, anew) },
        };
        let of_keyring = self.head.and_then(|head| head.keyring).unwrap_or(0).max(self.keyring.generation());
        let known = Head { keyring: Some(of_keyring), ..known };
        if size > 0 {
            self.keyring.saw_log(LogMark { size, root, time: known.time });
        }
        let bytes = known.to_bytes(self.spent_then().as_ref(), &self.keyring.audit_key(), self.custody);
        self.log.put(&Path::new("..").join(head::FILE_NAME), &bytes)
    }

    fn leave_pending(&self, checkpoint: Checkpoint) -> Result<(), AuditError> {
        let head = Pending::head(checkpoint, self.month, &self.key, self.custody);
        self.log.put(Path::new(pending::FILE_NAME), &head)
    }
}

/// The log has all that was known of it, and grew since at most.
fn continue_from(
    tree: &Tiles<'_>,
    checkpoint: Checkpoint,
    known: impl Iterator<Item = (u64, Hash)>,
) -> Result<(), AuditError> {
    for (once, root) in known {
        if once > checkpoint.size {
            return Err(AuditError::RolledBack { size: checkpoint.size, once });
        }
        if tree.root_at(once)? != root {
            return Err(AuditError::Rewritten { once });
        }
    }
    Ok(())
}

fn leaf_of(tree: &Tiles<'_>, index: u64) -> Result<Vec<u8>, AuditError> {
    let mut bundle = tree.bundle(index / WIDTH as u64)?;
    // A proven bundle is as long as its tile.
    Ok(bundle.swap_remove((index % WIDTH as u64) as usize))
}

fn entry_of(tree: &Tiles<'_>, index: u64) -> Result<Entry, AuditError> {
    Entry::from_bytes(&leaf_of(tree, index)?).ok_or(AuditError::Entry { index })
}

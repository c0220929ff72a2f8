//! Every verb among hostile trees: what somebody has put where outputs and stores go stays as it is, and a command that is
//! refused has changed nothing.
//!
//! A case is a verb, a place and what stands there: files, folders, links of every kind, FIFOs. Whatever the verb answers,
//! nothing that was there before is changed but what the verb says that it changes; after exit codes 2 and 3 nothing is new.

#![cfg(unix)]

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use common::site::{Ended, photo, tiny_nets};
use common::{Custodian, PASSPHRASE, files_below, snapshot};
use proptest::prelude::*;
use rayon::prelude::*;
use safelight::custody::RecipientKeys;
use safelight::geometry::Size;
use safelight::simulate::produce::{self, Content, Order};
use safelight::simulate::world::Scenario;
use safelight::vault::{SealingOptions, SealingVault};
use tempfile::TempDir;

/// A verb: its arguments, with `{T}` for the place at which something stands, and what it says that it changes.
struct Verb {
    args: &'static str,
    /// Where something may stand, below the scene.
    places: &'static [&'static str],
    /// What may change or come into being when it is done, beside what is new at the place itself.
    changes: &'static [&'static str],
}

const OUT: &[&str] = &["out", "new/out"];
const IN_VAULT: &[&str] = &[
    "vault/incoming",
    "vault/incoming/0123456789ABCDEFGHJKMNPQR0",
    "vault/segments/0123456789ABCDEFGHJKMNPQR0",
    "vault/journals/0123456789ABCDEFGHJKMNPQR0",
    "vault/segments",
    "vault/journals",
    "vault/tombstones",
    "vault/tombstones/0123456789ABCDEFGHJKMNPQR0",
    "vault/lock",
    "vault/vault",
    "vault/mine",
];
const IN_CUSTODY: &[&str] = &[
    "custody/audit",
    "custody/audit/incoming",
    "custody/audit/lock",
    "custody/audit/checkpoint",
    "custody/audit/tile",
    "custody/mine",
];
const LOG: &[&str] = &["custody/audit", "custody/log-head", "safelight-custodians"];
const SEALED: &[&str] =
    &["vault/journals", "vault/segments", "vault/incoming", "vault/lock", "safelight-custodians", "site.pack.state"];
const KEYS: &[&str] = &["custody"];

const VERBS: [Verb; 30] = [
    Verb {
        args: "ingest photos --vault {T} --pack site.pack",
        places: OUT,
        changes: &["safelight-custodians", "site.pack.state"],
    },
    Verb { args: "ingest photos --vault vault --pack site.pack", places: IN_VAULT, changes: SEALED },
    Verb {
        args: "ingest photos --vault vault --pack site.pack --consume --min-age 0",
        places: &["photos/0.jpg", "photos/lane", "photos/lane/a.jpg", "photos/captures.csv"],
        changes: &[
            "photos",
            "vault/journals",
            "vault/segments",
            "vault/incoming",
            "vault/lock",
            "safelight-custodians",
            "site.pack.state",
        ],
    },
    Verb {
        args: "ingest out --vault vault --pack site.pack --consume --min-age 0",
        places: &["out/a.jpg", "out/lane"],
        changes: SEALED,
    },
    Verb { args: "simulate --out {T} -n 1 --size 64x64", places: OUT, changes: &[] },
    Verb {
        args: "simulate --out drawn -n 1 --size 64x64",
        places: &["drawn/mine", "drawn/lane-01/mine.jpg", "drawn/lane-99", "drawn/truth.jsonl.part", "drawn/a.part"],
        changes: &[],
    },
    Verb { args: "inspect photos --models nets --format overlay --out {T}", places: OUT, changes: &[] },
    Verb { args: "redact photos --models nets -o {T}", places: OUT, changes: &[] },
    Verb { args: "inspect photos --models nets", places: &["photos/lane", "photos/x.jpg"], changes: &[] },
    Verb { args: "custody init --custody {T} --passphrase-file pass", places: OUT, changes: &[] },
    Verb { args: "custody pack --custody custody --passphrase-file pass --site B -o {T}", places: OUT, changes: KEYS },
    Verb {
        args: "custody pack --custody custody --passphrase-file pass --site B -o fresh.pack",
        places: IN_CUSTODY,
        changes: &["custody", "fresh.pack"],
    },
    Verb { args: "generate man --out {T}", places: OUT, changes: &[] },
    Verb {
        args: "generate man --out pages",
        places: &["pages/safelight.1", "pages/safelight-ingest.1", "pages/mine"],
        changes: &["pages"],
    },
    Verb {
        args: "custody recipient --unencrypted -o {T}",
        places: OUT,
        changes: &["out.pub", "out.key", "new/out.pub", "new/out.key"],
    },
    Verb {
        args: "custody recipient --unencrypted -o out.key",
        places: &["out.pub", "out.key"],
        changes: &["out.pub", "out.key"],
    },
    Verb {
        args: "custody slot add --custody custody --passphrase-file pass --shares 2/2 -o {T} -o other.share",
        places: OUT,
        changes: &["custody", "other.share"],
    },
    Verb { args: "custody rotate --custody custody --passphrase-file pass", places: IN_CUSTODY, changes: KEYS },
    Verb { args: "search --vault vault --custody custody --passphrase-file pass", places: IN_VAULT, changes: LOG },
    Verb { args: "open {R} --vault vault --custody custody --passphrase-file pass -o {T}", places: OUT, changes: LOG },
    Verb {
        args: "export --vault vault --custody custody --passphrase-file pass --to partner.pub --view scene --purpose p -o {T}",
        places: OUT,
        changes: LOG,
    },
    Verb { args: "check --vault vault", places: IN_VAULT, changes: &[] },
    Verb {
        args: "expire --vault vault --custody custody --passphrase-file pass",
        places: IN_VAULT,
        changes: &["custody", "vault"],
    },
    Verb {
        args: "expire --vault vault --custody custody --passphrase-file pass --dry-run",
        places: IN_VAULT,
        changes: LOG,
    },
    Verb { args: "expire --vault vault --buried --pack site.pack", places: IN_VAULT, changes: &[] },
    Verb { args: "audit checkpoint --custody custody -o {T}", places: OUT, changes: &[] },
    Verb { args: "audit verify --custody custody", places: IN_CUSTODY, changes: &[] },
    Verb { args: "breach stolen --seconds 0 --report {T}", places: OUT, changes: &[] },
    Verb {
        args: "impact stolen --custody custody --passphrase-file pass --vault vault --report {T}",
        places: OUT,
        changes: LOG,
    },
    Verb {
        args: "impact stolen --custody custody --passphrase-file pass --vault vault --captures {T}",
        places: OUT,
        changes: LOG,
    },
];

/// What stands at the place. `aside` is a folder with a file `theirs` in it.
const STANDING: [&str; 12] = [
    "nothing",
    "a file",
    "a file that is read-only",
    "another name of somebody's file",
    "an empty folder",
    "a folder with a file",
    "a folder with a link",
    "a link to a file",
    "a link to a folder",
    "a link to nothing",
    "a link to itself",
    "a FIFO",
];

fn stand(what: &str, place: &Path, aside: &Path) {
    let theirs = aside.join("theirs");
    match what {
        "nothing" => {}
        "a file" => fs::write(place, "mine").expect("written"),
        "a file that is read-only" => {
            fs::write(place, "mine").expect("written");
            let mut permissions = fs::metadata(place).expect("metadata").permissions();
            permissions.set_readonly(true);
            fs::set_permissions(place, permissions).expect("set");
        }
        "another name of somebody's file" => fs::hard_link(theirs, place).expect("linked"),
        "an empty folder" => fs::create_dir(place).expect("made"),
        "a folder with a file" => {
            fs::create_dir(place).expect("made");
            fs::write(place.join("a.jpg"), "mine").expect("written");
        }
        "a folder with a link" => {
            fs::create_dir(place).expect("made");
            symlink(theirs, place.join("a.jpg")).expect("linked");
        }
        "a link to a file" => symlink(theirs, place).expect("linked"),
        "a link to a folder" => symlink(aside, place).expect("linked"),
        "a link to nothing" => symlink(aside.join("nothing"), place).expect("linked"),
        "a link to itself" => symlink(place, place).expect("linked"),
        "a FIFO" => assert!(Command::new("mkfifo").arg(place).status().expect("mkfifo runs").success()),
        what => panic!("{what}"),
    }
}

/// Everything that the verbs work on, made once and copied for each case.
struct Template {
    folder: TempDir,
    record: String,
}

fn template() -> &'static Template {
    static TEMPLATE: OnceLock<Template> = OnceLock::new();
    TEMPLATE.get_or_init(|| {
        let custodian = Custodian::new();
        let mut vault =
            SealingVault::open(&custodian.vault(), &custodian.pack, SealingOptions::default()).expect("made");
        vault.append(common::capture(1, None)).expect("taken");
        vault.finish().expect("closed");
        let record = safelight::capture::CaptureId(common::capture(1, None).catalogue.id).to_string();
        let folder = custodian.folder;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("pass"), PASSPHRASE).expect("written");
        for made in ["photos/lane", "aside", "new"] {
            fs::create_dir_all(at(made)).expect("made");
        }
        fs::write(at("aside/theirs"), photo(9)).expect("written");
        fs::write(at("photos/a.jpg"), photo(1)).expect("written");
        fs::write(at("photos/lane/b.jpg"), photo(2)).expect("written");
        let partner = RecipientKeys::generate();
        partner.public().write(&at("partner.pub")).expect("written");
        let content = Content::Pictures(Scenario::Mixed);
        let start = jiff::civil::date(2019, 4, 1);
        let order = Order { count: 1, seed: 1, content, size: Size::new(64, 64), start };
        produce::produce(&order, &at("drawn"), &|| ()).expect("drawn");
        copy(&at("vault"), &at("stolen"));
        copy(&tiny_nets(), &at("nets"));
        Template { folder, record }
    })
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs").success());
}

/// A copy of the template in which something stands at a place.
fn scene(place: &str, what: &str) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let root = folder.path().join("scene");
    copy(template().folder.path(), &root);
    let at = root.join(place);
    fs::create_dir_all(at.parent().expect("a folder")).expect("made");
    if what != "nothing" && fs::symlink_metadata(&at).is_ok() {
        // What the program had there is kept beside it.
        fs::rename(&at, root.join("aside/moved")).expect("moved");
    }
    stand(what, &at, &root.join("aside"));
    (folder, root)
}

fn run(verb: &Verb, place: &str, root: &Path) -> Ended {
    let args = verb.args.replace("{T}", place).replace("{R}", &template().record);
    let mut command = Command::new("timeout");
    command.arg("120").arg(env!("CARGO_BIN_EXE_safelight")).args(args.split_whitespace());
    if verb.args.starts_with("ingest") {
        command.args(["--models", "nets"]);
    }
    command.current_dir(root).stdin(Stdio::null()).env_remove("SAFELIGHT_PASSPHRASE");
    Ended::of(command.output().expect("the command runs"))
}

/// What differs between two snapshots, but for what is below `allowed`.
fn differences(
    before: &BTreeMap<PathBuf, String>,
    after: &BTreeMap<PathBuf, String>,
    allowed: &[&str],
) -> Vec<(PathBuf, Option<String>, Option<String>)> {
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let is_allowed = |path: &Path| allowed.iter().any(|allowed| path.to_string_lossy().starts_with(allowed));
    let differs = names.into_iter().filter(|path| before.get(*path) != after.get(*path) && !is_allowed(path));
    differs.map(|path| (path.clone(), before.get(path).cloned(), after.get(path).cloned())).collect()
}

fn check(verb: &Verb, place: &str, what: &str) {
    let context = format!("{} with {what} at {place}", verb.args);
    let (_folder, root) = scene(place, what);
    let before = snapshot(&root);
    let ended = run(verb, place, &root);
    let after = snapshot(&root);
    assert!(matches!(ended.code, Some(0..=3)), "{context}: {ended:?}");
    let done = matches!(ended.code, Some(0 | 1));
    // The user named the folder that the link leads to, which need not be new.
    let takes_used = verb.args.starts_with("custody init") || verb.args == "generate man --out {T}";
    let named = takes_used && what == "a link to a folder";
    // A search that names what is missing has found the rest, and has put that on record; so with an expiry, which says what it
    // has removed.
    let did = |verb_is: &str, says: &str| verb.args.starts_with(verb_is) && ended.stdout.contains(says);
    let in_part = ended.code == Some(3) && (did("search", "RECORD") || did("expire", "segments removed"));
    let allowed = match (done, named) {
        (true, true) => &["aside/"],
        (true, false) => verb.changes,
        (false, _) if in_part => verb.changes,
        (false, _) => &[],
    };
    let differences = differences(&before, &after, allowed);
    // What is new at the place itself, or below it, is what was asked for; a simulation replaces its own.
    let own = |path: &Path| path.starts_with(place) || (verb.args.starts_with("simulate") && path.starts_with("drawn"));
    let asked = |(path, was, _): &(PathBuf, Option<String>, Option<String>)| {
        let replaced = verb.args.contains("--out drawn") && !path.starts_with(place);
        done && own(path) && (was.is_none() || replaced)
    };
    let wrong: Vec<_> = differences.iter().filter(|difference| !asked(difference)).collect();
    assert!(wrong.is_empty(), "{context}: {wrong:#?}\n{ended:?}");
    // What stood there is as it was, also where the verb may change what is around it.
    let mine =
        |(path, _): &(&PathBuf, &String)| path.starts_with("aside") || (what != "nothing" && path.starts_with(place));
    for (path, was) in before.iter().filter(mine) {
        let left = verb.args.starts_with("ingest") || verb.args.starts_with("expire");
        let run_left = left && path.starts_with("vault/incoming") && was.contains(" of ") && place.len() > 20;
        assert!(run_left || after.get(path) == Some(was), "{context}: {} {ended:?}", path.display());
    }
    assert!(!files_below(&root).is_empty());
}

/// Of each verb and each thing that can stand there, a drawn place.
fn cases() -> impl Strategy<Value = (usize, usize, usize)> {
    (0..VERBS.len(), 0..STANDING.len(), any::<usize>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 0, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_was_there_is_changed_and_a_refused_command_has_changed_nothing((verb, what, place) in cases()) {
        let verb = &VERBS[verb];
        check(verb, verb.places[place % verb.places.len()], STANDING[what]);
    }
}

/// What is being written beside the audit log has a name that nothing else has.
#[test]
fn what_somebody_put_beside_the_audit_log_stays() {
    let writing = VERBS.iter().find(|verb| verb.args.starts_with("custody rotate")).expect("a verb that writes");
    for what in STANDING {
        check(writing, "custody/audit/incoming", what);
    }
}

/// All of them, which takes minutes: `SAFELIGHT_HOSTILE=all cargo test --test hostile`.
#[test]
fn every_verb_meets_everything_everywhere_when_asked_to() {
    if std::env::var_os("SAFELIGHT_HOSTILE").is_none() {
        return;
    }
    let places = VERBS.iter().flat_map(|verb| verb.places.iter().map(move |place| (verb, *place)));
    let all: Vec<_> = places.flat_map(|(verb, place)| STANDING.map(|what| (verb, place, what))).collect();
    template();
    let failed: Vec<String> = all
        .par_iter()
        .filter_map(|(verb, place, what)| std::panic::catch_unwind(|| check(verb, place, what)).err())
        .map(|panic| panic.downcast_ref::<String>().cloned().unwrap_or_default())
        .collect();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), all.len(), failed.join("\n---\n"));
}

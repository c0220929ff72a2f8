//! `safelight open`.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::holder::{Holder, HolderArgs, open_vault};
use super::ledger::{EgressArgs, purpose};
use super::remedies::stdout_failed;
use super::terminal::{self, count, json, stdout_is_terminal, tell};
use super::unpack::Unpack;
use super::{Context, Failure, Outcome, Stop, gaps, target, unpack};
use crate::audit::{Details, Look, PermittedKeys, Records, Verb};
use crate::capture::CaptureId;
use crate::redact::{RestoreError, needs_scene, restore};
use crate::seal::Capability;
use crate::vault::{Gaps, OpenError, OpeningVault, ProbeError};

/// Arguments of `open`.
#[derive(clap::Args)]
#[command(after_help = "\
Without --identity the redacted picture is written; it needs the scene key only. With --identity the original file is \
restored byte for byte, which is verified by its BLAKE3; of a JPEG that takes the scene, too.

The look is put on record in the custodian's audit log first, and counts towards the policy's egress budget of its purpose \
and of the day; beyond the budget nothing is opened (exit code 3).")]
pub struct Args {
    /// The records, as `search` shows them; several go into a folder, as with --all
    #[arg(value_name = "RECORD", required_unless_present = "all", conflicts_with = "all")]
    records: Vec<String>,
    /// Every record of an export, into a folder: blanked pictures by time and place, originals by their names
    #[arg(long, conflicts_with = "purpose")]
    all: bool,
    /// The vault, or an export
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    #[command(flatten)]
    holder: HolderArgs,
    /// Restore the original, with plates and faces
    #[arg(long)]
    identity: bool,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT", value_parser = purpose)]
    purpose: Option<String>,
    #[command(flatten)]
    egress: EgressArgs,
    /// Write the picture to FILE, which must not exist, - for stdout; with --all or several records, to a new folder
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

/// What `--json` prints. With `--json` the picture cannot go to stdout.
#[derive(Default, Serialize)]
struct Opened {
    record: String,
    /// Its name in the folder, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<String>,
    /// By the table, or of the pack.
    #[serde(skip_serializing_if = "Option::is_none")]
    site: Option<String>,
    /// By the pack that sealed it.
    #[serde(skip_serializing_if = "Option::is_none")]
    sealed_by: Option<String>,
    bytes: usize,
    blake3: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    plates: Option<Vec<String>>,
}

/// Runs `open`.
pub fn run(args: Args, context: &Context) -> Result<Outcome, Failure> {
    if args.all {
        let Args { vault, holder, egress, identity, output, .. } = &args;
        return Unpack { vault, holder, egress, identity: *identity, out: output }.run(context);
    }
    let ids = parsed(&args.records)?;
    let several = ids.len() > 1;
    if args.purpose.is_some() && !args.holder.has_keyring() {
        return Err(Failure::usage(
            "--purpose is for the custodian's audit log, and a recipient opens its own copy without an entry",
            "leave it out",
        ));
    }
    let to_stdout = args.output == Path::new("-");
    if to_stdout && (several || context.json || stdout_is_terminal()) {
        return Err(Failure::usage("a picture cannot be written here", "name a file after -o, or redirect stdout"));
    }
    if several {
        target::must_lie_outside(&args.output)?;
        target::must_be_empty(&args.output, false)?;
    } else if !to_stdout {
        target::must_be_new(&args.output)?;
    }
    let capabilities: &[_] = if args.identity { &Capability::ALL } else { &[Capability::Catalogue, Capability::Scene] };
    let mut holder = args.holder.unlock(&args.vault, capabilities, &args.egress)?;
    let (vault, _) = open_vault(&args.vault, &mut holder, context)?;
    let (verb, part) =
        if args.identity { (Verb::Identity, Capability::Identity) } else { (Verb::Open, Capability::Scene) };
    if several {
        vault.locate(&ids, part, holder.keys())?;
    }
    for &id in &ids {
        vault.probe(id, part, holder.keys()).map_err(|error| traced(error, &vault, &holder))?;
    }

    // What else is missing, or somebody else's, takes nothing from these records.
    let lacking = Gaps { damaged: vault.gaps(holder.keys())?.damaged, ..Gaps::default() };

    let details = Details { vault: Some(vault.card().vault.0), ..Details::default() };
    let purpose = args.purpose.as_deref().map(str::trim).filter(|purpose| !purpose.is_empty());
    let look = Look { verb, records: Records::of(ids.iter().copied()), purpose, details, over_budget: false };
    let keys = holder.permitted(look, &args.egress)?;
    let mut all = Vec::with_capacity(ids.len());
    let mut taken = HashSet::new();
    for id in ids {
        let (mut opened, name, file) = original_or_scene(&vault, id, args.identity, &keys)?;
        if to_stdout {
            terminal::to_stdout(&file).map_err(stdout_failed)?;
        } else if several {
            let name = unpack::free_name(name, &mut taken);
            let path = args.output.join(&name);
            opened.file = Some(name.to_string_lossy().into_owned());
            unpack::write(&path, &file).map_err(|error| target::unwritable(&path, &error))?;
        } else {
            target::write_private(&args.output, &file)?;
        }
        if !context.json && !context.quiet && !to_stdout {
            let path = opened.file.as_ref().map_or(args.output.clone(), |name| args.output.join(name));
            opened.tell(&path);
        }
        all.push(opened);
    }
    match &all[..] {
        _ if !context.json => {}
        [one] => json(one).map_err(stdout_failed)?,
        all => json(&all).map_err(stdout_failed)?,
    }
    gaps::end([&lacking])
}

/// The ids, each once.
fn parsed(records: &[String]) -> Result<Vec<CaptureId>, Failure> {
    let mut ids = Vec::with_capacity(records.len());
    for record in records {
        let id = CaptureId::parse(record)
            .ok_or_else(|| Failure::usage("this is no record's id", "copy all 26 characters that `search` shows"))?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

/// A picture, what is told of it, and a name for it.
fn original_or_scene(
    vault: &OpeningVault,
    id: CaptureId,
    identity: bool,
    keys: &PermittedKeys,
) -> Result<(Opened, PathBuf, Vec<u8>), Failure> {
    let mut opened = Opened { record: id.to_string(), ..Opened::default() };
    // It may have expired, or be another's.
    let record = vault.record(id, keys).ok();
    let named = |extension| match &record {
        Some(record) => unpack::named(record, extension),
        None => PathBuf::from(format!("{id}.{extension}")),
    };
    if let Some(record) = &record {
        (opened.site, opened.sealed_by) = (record.site.clone(), record.sealed_by.clone());
    }
    let (name, file) = if identity {
        let identity = vault.identity(id, keys)?;
        opened.source_name = Some(String::from_utf8_lossy(&identity.source_name).into_owned());
        opened.plates = Some(identity.plates.iter().filter_map(|plate| plate.texts.first().cloned()).collect());
        let scene = if needs_scene(identity.method) { Some(vault.scene(id, keys)?) } else { None };
        let scene = scene.as_ref().map(|scene| scene.file.as_slice());
        let name = unpack::own_name(&identity.source_name).unwrap_or_else(|| named("jpg"));
        (name, restore(identity.method, scene, &identity.removed, &identity.blake3)?.into_owned())
    } else {
        let scene = vault.scene(id, keys)?;
        (named(if scene.media_type == "image/jpeg" { "jpg" } else { "bin" }), scene.file)
    };
    opened.bytes = file.len();
    opened.blake3 = blake3::hash(&file).to_string();
    Ok((opened, name, file))
}

impl Opened {
    fn tell(&self, path: &Path) {
        tell!("{} written to {}", count(self.bytes as u64, "byte"), path.display());
        if let (Some(site), Some(sealer)) = (&self.site, &self.sealed_by)
            && site != sealer
        {
            tell!("of site {site:?} by the table, sealed with the pack of {sealer:?}");
        }
        if let (Some(name), Some(plates)) = (&self.source_name, &self.plates) {
            tell!(
                "original {name}; plates read: {}",
                if plates.is_empty() { "none".to_owned() } else { plates.join(", ") }
            );
        }
    }
}

/// Whether a record that was not found has expired: the catalogue outlives what it speaks of, and the custodian may ask it. If it
/// did not, what was not looked into is named: it may be in there.
fn traced(error: ProbeError, vault: &OpeningVault, holder: &Holder) -> Failure {
    let error = match error {
        ProbeError::Open(error) => error,
        ProbeError::Restore(error) => return error.into(),
    };
    let OpenError::NoRecord { id, capability } = error else { return error.into() };
    if let Some(keyring) = holder.keyring()
        && let Ok(Some(destroyed)) = vault.expiry(id, capability, &keyring.opening_keys(&[Capability::Catalogue]))
    {
        return OpenError::Expired { id, capability, destroyed }.into();
    }
    match vault.gaps(holder.keys()).map(|gaps| gaps::end([&gaps])) {
        // "Not there" is no answer from a vault that is damaged.
        Ok(Err(mut damaged)) => {
            damaged.problem = format!("{error}; {}", damaged.problem);
            damaged
        }
        _ => error.into(),
    }
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        Self::new(Stop::Integrity, error.to_string(), "check the vault: safelight check --deep")
    }
}

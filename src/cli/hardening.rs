//! What the system is told of a process that holds keys or people's pictures: leave no copy of its memory.

use super::Verb;

/// No core dump and no debugger for any verb; for those that open keys, no page of memory goes to a swap disk, where the
/// system allows that. What it refuses it refuses: SECURITY.md says what then holds.
#[cfg(target_os = "linux")]
pub(super) fn harden(verb: &Verb) {
    use rustix::mm::{MlockAllFlags, mlockall};
    use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
    if matches!(verb, Verb::Generate(_) | Verb::Simulate(_)) {
        return;
    }
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let _ = setrlimit(Resource::Core, none);
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let opens_keys = matches!(
        verb,
        Verb::Custody(_)
            | Verb::Init(_)
            | Verb::Search(_)
            | Verb::Open(_)
            | Verb::Export(_)
            | Verb::Check(_)
            | Verb::Expire(_)
            | Verb::Audit(_)
            | Verb::Impact(_)
    );
    // Where a limit stands, memory beyond it could not be had at all: stretching a passphrase takes 256 MiB.
    let limit = getrlimit(Resource::Memlock);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if opens_keys && limit.maximum.is_none() && setrlimit(Resource::Memlock, raised).is_ok() {
        let _ = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT);
    }
}

/// Other systems are told nothing.
#[cfg(not(target_os = "linux"))]
pub(super) fn harden(_verb: &Verb) {}

//! How a verb ends whose answer is not the whole one.

use super::terminal::{count, say};
use super::{Failure, Outcome};
use crate::vault::Gaps;

/// What is missing or damaged, each by name, as `--json` has it.
pub(super) fn named(faults: &[crate::vault::Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// Names on stderr what the answer lacks.
pub(super) fn tell(gaps: &Gaps) {
    let kinds = [
        ("missing", &gaps.missing),
        ("unknown here", &gaps.unknown),
        ("foreign", &gaps.foreign),
        ("damaged", &gaps.damaged),
    ];
    for (kind, faults) in kinds {
        faults.iter().for_each(|fault| say(&format!("{kind}: {fault}")));
    }
    if !gaps.closed.is_empty() {
        say(&format!("{} not opened: their keys are elsewhere", count(gaps.closed.len() as u64, "segment")));
    }
}

/// Names what the answer lacks of each vault, and ends the verb accordingly: whoever takes the answer for the whole one is told by
/// the exit code too.
pub(super) fn end<'g>(vaults: impl IntoIterator<Item = &'g Gaps>) -> Result<Outcome, Failure> {
    let (mut whole, mut damaged) = (true, 0);
    for gaps in vaults {
        tell(gaps);
        whole &= gaps.is_empty();
        damaged += gaps.damaged.len() as u64;
    }
    if damaged > 0 {
        return Err(Failure::integrity(
            format!("{} of the vault damaged: the answer lacks what is in there", count(damaged, "part")),
            "restore what is named from a backup of this vault; `safelight check` names all that is damaged",
        ));
    }
    Ok(if whole { Outcome::Done } else { Outcome::SomeFailed })
}

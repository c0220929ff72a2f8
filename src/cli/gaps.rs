//! How a verb ends whose answer is not the whole one.

use super::terminal::{count, say};
use super::{Failure, Outcome};
use crate::vault::Gaps;

/// What is missing or damaged, each by name, as `--json` has it.
pub(super) fn named(faults: &[crate::vault::Fault]) -> Vec<String> {
    faults.iter().map(ToString::to_string).collect()
}

/// Names on stderr what the answer lacks, and ends the verb accordingly: whoever takes the answer for the whole one is told by
/// the exit code too. `closed` segments are sealed to keys that are not at hand.
pub(super) fn end(gaps: &Gaps, closed: usize) -> Result<Outcome, Failure> {
    let kinds = [
        ("missing", &gaps.missing),
        ("unknown here", &gaps.unknown),
        ("foreign", &gaps.foreign),
        ("damaged", &gaps.damaged),
    ];
    for (kind, faults) in kinds {
        faults.iter().for_each(|fault| say(&format!("{kind}: {fault}")));
    }
    if !gaps.damaged.is_empty() {
        return Err(Failure::integrity(
            format!(
                "{} of the vault damaged: the answer lacks what is in there",
                count(gaps.damaged.len() as u64, "part")
            ),
            "restore what is named from a backup of this vault; `safelight check` names all that is damaged",
        ));
    }
    Ok(if gaps.is_empty() && closed == 0 { Outcome::Done } else { Outcome::SomeFailed })
}

//! A service's vault: one thread seals what the others hand over, many at a time.

use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use safelight_serve::{Health, Refusal, Sealing};

use super::terminal::{chain, say};
use crate::capture::CaptureId;
use crate::vault::record::CaptureRecord;
use crate::vault::{SealError, SealTotals, SealingVault};

/// A capture, and who waits for the word that it is sealed.
pub(super) type Kept = (CaptureRecord, Sealing);

/// How long the first of several waits for others: each commit makes a segment of its own, so that two a second are a few
/// thousand an hour, and a client does not wait long.
const GATHER: Duration = Duration::from_millis(500);

/// Seals what arrives until nobody can send any more. An answer is given when its capture is durable, and not before.
pub(super) fn keep(
    mut vault: SealingVault,
    arriving: &Receiver<Kept>,
    health: &Health,
) -> Result<SealTotals, SealError> {
    // The first is what is wrong; those behind it say that there was one.
    let mut first = true;
    let mut unsealed = |error: &SealError| {
        if std::mem::take(&mut first) {
            say(&format!("originals cannot be sealed any more, and requests for it are refused: {}", chain(error)));
            health.fail();
        }
        Refusal::Unavailable(
            "the original could not be sealed; what is wrong, the service has said where it runs".to_owned(),
        )
    };
    while let Ok(first) = arriving.recv() {
        let since = Instant::now();
        let mut waiting = Vec::new();
        let mut next = Some(first);
        while let Some((record, sealing)) = next {
            let id = CaptureId(record.catalogue.id);
            match vault.append(record) {
                Ok(()) => waiting.push((id, sealing)),
                Err(error) => sealing.ended(Err(unsealed(&error))),
            }
            // Nobody for a while, or nobody any more: what there is, is sealed.
            next = arriving.recv_timeout(GATHER.saturating_sub(since.elapsed())).ok();
        }
        match vault.commit() {
            Ok(()) => waiting.into_iter().for_each(|(id, sealing)| sealing.ended(Ok(id.to_string()))),
            Err(error) => {
                for (_, sealing) in waiting {
                    sealing.ended(Err(unsealed(&error)));
                }
            }
        }
    }
    vault.finish()
}

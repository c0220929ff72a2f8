//! Where records go.

use std::error::Error;

use crate::vault::record::CaptureRecord;
use crate::vault::{Holding, Origin, SealError, SealingVault, Sieve};

/// Takes records in order and makes them durable.
pub trait RecordSink {
    /// Why it could not.
    type Error: Error + Send + Sync + 'static;
    /// Tells, from any thread, whether an image is in already.
    type Known: Known;

    /// A live view of the images that are in.
    fn known(&self) -> Self::Known;

    /// Takes one record of `origin`. It is durable only after [`RecordSink::commit`].
    fn append(&mut self, record: CaptureRecord, origin: &Origin) -> Result<(), Self::Error>;

    /// Makes all records taken so far durable: when it returns, a power cut loses none of them.
    fn commit(&mut self) -> Result<(), Self::Error>;

    /// How many records of this run are durable, also when a commit failed halfway.
    fn committed(&self) -> u64;
}

/// Tells whether an image is in already.
pub trait Known: Sync {
    /// Whether the capture is in, or was appended and is about to be.
    fn knows(&self, origin: &Origin) -> bool;

    /// The same, after what holds it was read back: for who is about to delete its source.
    fn proves(&self, origin: &Origin) -> bool;

    /// Whether its bytes are in under another name, and nothing tells whether that was this capture.
    fn is_copy(&self, origin: &Origin) -> bool;

    /// Whether the capture is in and would outlast a power cut, as far as is known.
    fn is_durable(&self, origin: &Origin) -> bool;

    /// Whether the capture is in as one that could not be examined.
    fn is_unreadable(&self, origin: &Origin) -> bool;

    /// Whether it was in, and what held it is gone: missing, damaged or expired.
    fn lost(&self, origin: &Origin) -> bool;

    /// Whether its bytes are in under other circumstances, and this capture is not, as far as the index tells.
    fn is_in_otherwise(&self, origin: &Origin) -> bool;

    /// What is in of this file, durably, after what holds it was read back.
    fn holding(&self, origin: &Origin) -> Holding;
}

impl RecordSink for SealingVault {
    type Error = SealError;
    type Known = Sieve;

    fn known(&self) -> Sieve {
        self.sieve()
    }

    fn append(&mut self, record: CaptureRecord, origin: &Origin) -> Result<(), SealError> {
        self.append_as(record, origin)
    }

    fn commit(&mut self) -> Result<(), SealError> {
        Self::commit(self)
    }

    fn committed(&self) -> u64 {
        self.totals().captures
    }
}

impl Known for Sieve {
    fn knows(&self, origin: &Origin) -> bool {
        Self::knows(self, origin)
    }

    fn proves(&self, origin: &Origin) -> bool {
        Self::proves(self, origin)
    }

    fn is_copy(&self, origin: &Origin) -> bool {
        Self::is_copy(self, origin)
    }

    fn is_durable(&self, origin: &Origin) -> bool {
        Self::is_durable(self, origin)
    }

    fn is_unreadable(&self, origin: &Origin) -> bool {
        Self::is_unreadable(self, origin)
    }

    fn lost(&self, origin: &Origin) -> bool {
        Self::lost(self, origin)
    }

    fn is_in_otherwise(&self, origin: &Origin) -> bool {
        Self::is_in_otherwise(self, origin)
    }

    fn holding(&self, origin: &Origin) -> Holding {
        Self::holding(self, origin)
    }
}

//! Where records go.

use std::error::Error;

use crate::vault::record::CaptureRecord;
use crate::vault::{SealError, SealingVault, Sieve};

/// Takes records in order and makes them durable.
pub trait RecordSink {
    /// Why it could not.
    type Error: Error + Send + Sync + 'static;
    /// Tells, from any thread, whether an image is in already.
    type Known: Known;

    /// A live view of the images that are in.
    fn known(&self) -> Self::Known;

    /// Takes one record. It is durable only after [`RecordSink::commit`].
    fn append(&mut self, record: CaptureRecord) -> Result<(), Self::Error>;

    /// Makes all records taken so far durable: when it returns, a power cut loses none of them.
    fn commit(&mut self) -> Result<(), Self::Error>;
}

/// Tells whether an image is in already.
pub trait Known: Sync {
    /// Whether an original of this BLAKE3 is in, or was appended and is about to be.
    fn knows(&self, blake3: &[u8; 32]) -> bool;
}

impl RecordSink for SealingVault {
    type Error = SealError;
    type Known = Sieve;

    fn known(&self) -> Sieve {
        self.sieve()
    }

    fn append(&mut self, record: CaptureRecord) -> Result<(), SealError> {
        Self::append(self, record)
    }

    fn commit(&mut self) -> Result<(), SealError> {
        Self::commit(self)
    }
}

impl Known for Sieve {
    fn knows(&self, blake3: &[u8; 32]) -> bool {
        Self::knows(self, blake3)
    }
}

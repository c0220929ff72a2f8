//! What the keyring holds, as CBOR. Sealed before it touches a disk.

use minicbor::{Decode, Encode};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::policy::{Month, Policy};

/// All secrets of a custodian.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub(super) struct Body {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub signing_key: [u8; 32],
    /// Of the first format, which derived the keys of all epochs from it; taken apart as soon as it is read.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub pseudonym_root: Option<[u8; 32]>,
    /// Seconds since 1970 UTC, as all times here.
    #[n(2)]
    pub created: i64,
    #[n(3)]
    #[zeroize(skip)]
    pub policy: Policy,
    /// Oldest first; the last is the current one.
    #[n(4)]
    #[cbor(decode_with = "in_place")]
    pub epochs: Vec<EpochBody>,
    #[n(5)]
    #[cbor(decode_with = "in_place")]
    pub buckets: Vec<BucketBody>,
    #[n(6)]
    #[cbor(decode_with = "in_place")]
    pub sites: Vec<SiteBody>,
    /// What was destroyed, so that "expired" can be told from "never there".
    #[n(7)]
    #[cbor(default)]
    #[zeroize(skip)]
    pub expired: Vec<ExpiredBody>,
    /// That of all sites. A site has the later one of this and its own.
    #[n(8)]
    #[cbor(default)]
    pub rotation: u32,
    /// Present when identities need a second slot.
    #[n(16)]
    #[zeroize(skip)]
    pub identity_lock: Option<LockBody>,
    /// Marks the ids of exports.
    #[cbor(n(17), with = "minicbor::bytes")]
    pub canary_key: Option<[u8; 32]>,
    /// Absent where no log had begun, and in keyrings of earlier versions.
    #[n(18)]
    #[zeroize(skip)]
    pub log: Option<LogMark>,
}

/// What was known of the custodian's audit log when the keyring was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct LogMark {
    /// The tree's size and hash.
    #[n(0)]
    pub size: u64,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub root: [u8; 32],
    /// The last time that nothing contradicted, in milliseconds since 1970 UTC.
    #[n(2)]
    pub time: i64,
}

/// A list whose place is taken once: one that grows leaves a copy of its keys behind each time.
fn in_place<'b, C, T: Decode<'b, C>>(
    decoder: &mut minicbor::Decoder<'b>,
    context: &mut C,
) -> Result<Vec<T>, minicbor::decode::Error> {
    let len = decoder.array()?.ok_or_else(|| minicbor::decode::Error::message("a list without its length"))?;
    // A longer list than there are bytes ends in an error, not in memory.
    let left = decoder.input().len().saturating_sub(decoder.position());
    let mut list = Vec::with_capacity(usize::try_from(len).unwrap_or(usize::MAX).min(left));
    for _ in 0..len {
        list.push(decoder.decode_with(context)?);
    }
    Ok(list)
}

/// What a second slot unlocks: a key pair to whose public half the private keys of identity buckets are sealed.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct LockBody {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub public: Vec<u8>,
    /// The private half's seed, sealed under the second key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

/// A pseudonym epoch. Its keys are random, drawn when it begins; of the first format they were derived.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub(super) struct EpochBody {
    #[n(0)]
    pub number: u32,
    #[n(1)]
    pub since: i64,
    /// Absent: until a rotation.
    #[n(2)]
    pub until: Option<i64>,
    /// Of the sites that it is for.
    #[n(3)]
    #[cbor(default)]
    pub rotation: u32,
    /// The keys for plates and for faces. Absent when they are locked or were destroyed.
    #[cbor(n(4), with = "minicbor::bytes")]
    pub keys: Option<[u8; 64]>,
    /// The keyring's generation that was the first to hold them, and when that was written.
    #[n(5)]
    #[cbor(default)]
    pub generation: u64,
    #[n(6)]
    #[cbor(default)]
    pub made: i64,
    /// The last month in which a catalogue is due that a pack of this epoch can seal. Absent when no pack was issued, or
    /// none since that is noted.
    #[n(7)]
    #[zeroize(skip)]
    pub last: Option<Month>,
    /// When the keys were destroyed.
    #[n(8)]
    pub destroyed: Option<i64>,
    /// The keys, sealed to the lock: HPKE's encapsulated key, a wrapped key, and the keys sealed under that.
    #[cbor(n(16), with = "minicbor::bytes")]
    #[zeroize(skip)]
    pub locked: Option<Vec<u8>>,
}

/// A bucket whose private key was destroyed.
#[derive(Clone, Encode, Decode)]
#[cbor(map)]
pub(super) struct ExpiredBody {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bucket: [u8; 16],
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; 16],
    #[n(2)]
    pub class: String,
    #[n(3)]
    pub expiry: Month,
    #[n(4)]
    pub capability: u8,
    #[n(5)]
    pub destroyed: i64,
}

/// One bucket of one capability. Several may have the same class and expiry, after a rotation.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub(super) struct BucketBody {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub bucket: [u8; 16],
    #[cbor(n(1), with = "minicbor::bytes")]
    pub key: [u8; 16],
    #[n(2)]
    pub class: String,
    #[n(3)]
    #[zeroize(skip)]
    pub expiry: Month,
    #[n(4)]
    pub capability: u8,
    /// Absent when it is locked.
    #[cbor(n(5), with = "minicbor::bytes")]
    pub private: Option<[u8; 32]>,
    #[n(6)]
    pub created: i64,
    /// The keyring's generation that was the first to hold it.
    #[n(7)]
    #[cbor(default)]
    pub generation: u64,
    /// Of the sites that it is for.
    #[n(8)]
    #[cbor(default)]
    pub rotation: u32,
    #[n(16)]
    #[zeroize(skip)]
    pub locked: Option<LockedKey>,
}

/// A bucket's private key, sealed to the identity lock.
#[derive(Encode, Decode)]
#[cbor(map)]
pub(super) struct LockedKey {
    /// The bucket's public half, which packs need.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub public: Vec<u8>,
    /// HPKE's encapsulated key, then the wrapped private key.
    #[cbor(n(1), with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

/// A site that has been given a pack.
#[derive(Encode, Decode, Zeroize, ZeroizeOnDrop)]
#[cbor(map)]
pub(super) struct SiteBody {
    #[n(0)]
    pub name: String,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub journal: [u8; 16],
    #[cbor(n(2), with = "minicbor::bytes")]
    pub journal_key: [u8; 32],
    /// Of the latest pack.
    #[n(3)]
    pub issued: i64,
    #[n(4)]
    pub until: i64,
    #[n(5)]
    pub packs: u32,
    /// The site's own rotation.
    #[n(6)]
    #[cbor(default)]
    pub rotation: u32,
    /// Epoch and rotation of the latest pack.
    #[n(7)]
    #[cbor(default)]
    pub pack_epoch: u32,
    #[n(8)]
    #[cbor(default)]
    pub pack_rotation: u32,
}

impl Body {
    /// The encoding's length is below this, so that encoding never has to move secrets to a larger buffer.
    pub fn capacity(&self) -> usize {
        let classes = self.buckets.iter().map(|b| &b.class).chain(self.expired.iter().map(|e| &e.class));
        let names: usize = classes.chain(self.sites.iter().map(|site| &site.name)).map(String::len).sum();
        let locked =
            self.buckets.iter().filter_map(|b| b.locked.as_ref()).map(|l| l.public.len() + l.sealed.len() + 64);
        let purposes = self.policy.egress.iter().flat_map(|egress| &egress.purposes).map(|p| p.name.len() + 16);
        8192 + names
            + locked.sum::<usize>()
            + 192 * (self.buckets.len() + self.sites.len())
            + 96 * self.expired.len()
            + 160 * self.epochs.len()
            + self.epochs.iter().filter_map(|epoch| epoch.locked.as_ref()).map(Vec::len).sum::<usize>()
            + 256 * self.policy.classes.len()
            + purposes.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Encode, Decode)]
    #[cbor(map)]
    struct List {
        #[n(0)]
        #[cbor(decode_with = "in_place")]
        list: Vec<u64>,
    }

    #[test]
    fn a_list_of_keys_never_moves_while_it_is_read() {
        for len in [0, 1, 5, 1000] {
            let bytes = minicbor::to_vec(List { list: (0..len).collect() }).expect("encoded");
            let List { list } = minicbor::decode(&bytes).expect("decoded");
            assert_eq!((list.len(), list.capacity()), (len as usize, len as usize));
        }
        // Cut, and claiming more than any memory holds.
        assert!(minicbor::decode::<List>(b"\xa1\x00\x9b\xff\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
    }
}

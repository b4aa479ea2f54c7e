//! A room's creation record and the entries of its log (PROTOCOL.md, "Rooms").
//!
//! A room is known by the hash of its creation record, so a name that is used again is another room. An entry is known
//! by its hash too; it names the entries that its author had seen, and its author signs it, so that order is causal
//! for everyone, gaps are visible, and any member can hand on what another missed.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::codec::{List, Malformed, Reader, Text, Wire, hexadecimal, wire_enum, wire_struct};
use crate::{
    identity::{Context, Identity, Key},
    names::Name,
    time::Wall,
};

/// The longest text that can be said at once, in bytes of UTF-8: with all around it, it fits a bulk frame of 16 KiB.
pub const TEXT_BYTES_MAX: usize = 12 * 1024;
/// The most parents of an entry.
pub const PARENTS_MAX: usize = 16;

/// What can be said at once.
pub type Said = Text<TEXT_BYTES_MAX>;

hexadecimal! {
    /// SHA-256 of a room's creation record.
    RoomId([u8; 32])
}
hexadecimal! {
    /// SHA-256 of an entry.
    EntryId([u8; 32])
}

wire_struct! {
    /// What makes a room this room and no other.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct CreationRecord {
        /// Drawn by the creator.
        #[serde(with = "crate::hex::array")]
        pub nonce: [u8; 16],
        /// The room's name.
        pub name: Name,
        /// Its creator's identity.
        pub owner: Key,
        /// The tracker that keeps its roster.
        pub tracker: Key,
        /// [`PLAINTEXT`] or nothing.
        pub flags: u8,
    }
}

/// The flag of a room in which plaintext clients may take part.
pub const PLAINTEXT: u8 = 1;

impl CreationRecord {
    /// Whether plaintext clients may take part.
    #[must_use]
    pub const fn is_plaintext(&self) -> bool {
        self.flags & PLAINTEXT != 0
    }

    /// The room's id.
    #[must_use]
    pub fn id(&self) -> RoomId {
        RoomId(Sha256::digest(self.to_bytes()).into())
    }
}

/// The entries that an author had seen and no other entry names: sorted, distinct, at most [`PARENTS_MAX`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct Parents(Vec<EntryId>);

impl Parents {
    /// Sorts what is given and drops doubles; of more than [`PARENTS_MAX`] the first are kept.
    #[must_use]
    pub fn new(mut ids: Vec<EntryId>) -> Self {
        ids.truncate(PARENTS_MAX);
        ids.sort_unstable();
        ids.dedup();
        Self(ids)
    }
}

impl std::ops::Deref for Parents {
    type Target = [EntryId];
    fn deref(&self) -> &[EntryId] {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Parents {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::new)
    }
}

impl Wire for Parents {
    fn encode(&self, out: &mut Vec<u8>) {
        List::<EntryId, PARENTS_MAX>::truncated(self.0.clone()).encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let ids = List::<EntryId, PARENTS_MAX>::decode(reader)?.into_vec();
        if ids.windows(2).all(|pair| pair[0] < pair[1]) { Ok(Self(ids)) } else { Err(Malformed::Order) }
    }
}

wire_enum! {
    /// What an entry says.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    #[serde(rename_all = "snake_case")]
    pub enum Body {
        /// A text; it may have several lines.
        1 = Text {
            /// The text.
            text: Said,
        },
    }
}

wire_struct! {
    /// One entry of a room's log.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Entry {
        /// The room.
        pub room: RoomId,
        /// Who says it.
        pub author: Key,
        /// Which log of the author's: new whenever its store was made anew.
        pub log: u64,
        /// Counts the author's entries in this room and log from 1.
        pub seq: u64,
        /// What the author had seen.
        pub parents: Parents,
        /// The author's wall clock; shown, never relied on.
        pub at: Wall,
        /// What is said.
        pub body: Body,
    }
}

impl Entry {
    /// How many bytes its text and parents take; the rest is small.
    #[must_use]
    pub fn weight(&self) -> usize {
        let Body::Text { text } = &self.body;
        text.as_str().len() + self.parents.len() * 32
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> EntryId {
        EntryId(Sha256::digest(self.to_bytes()).into())
    }

    /// Signs it: the author's signature over its id.
    #[must_use]
    pub fn sign(self, identity: &Identity) -> SignedEntry {
        debug_assert_eq!(self.author, identity.key(), "only the author signs");
        let signature = identity.sign(Context::Entry, &self.id().0);
        SignedEntry { entry: self, signature }
    }
}

wire_struct! {
    /// An entry and its author's signature over its id.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct SignedEntry {
        /// The entry.
        pub entry: Entry,
        /// Ed25519, context `papo/1 room entry`.
        #[serde(with = "crate::hex::array")]
        pub signature: [u8; 64],
    }
}

impl SignedEntry {
    /// Whether its author signed it.
    #[must_use]
    pub fn verify(&self) -> bool {
        self.entry.author.verify(Context::Entry, &self.entry.id().0, &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry {
            room: RoomId([1; 32]),
            author: Identity::from_secret(&[2; 32]).key(),
            log: 3,
            seq: 4,
            parents: Parents::new(vec![EntryId([6; 32]), EntryId([5; 32]), EntryId([6; 32])]),
            at: Wall(7),
            body: Body::Text { text: Said::new("olá").expect("short") },
        }
    }

    #[test]
    fn an_entry_has_the_bytes_of_the_protocol_and_verifies_only_unchanged() {
        let author = Identity::from_secret(&[2; 32]);
        let expected = [
            "01".repeat(32),
            author.key().to_string(),
            "0000000000000003".to_owned(),
            "0000000000000004".to_owned(),
            "0002".to_owned() + &"05".repeat(32) + &"06".repeat(32),
            "0000000000000007".to_owned(),
            "0100046f6cc3a1".to_owned(),
        ]
        .concat();
        assert_eq!(crate::hex::encode(&entry().to_bytes()), expected);
        let signed = entry().sign(&author);
        assert!(signed.verify());
        assert_eq!(SignedEntry::from_bytes(&signed.to_bytes()), Ok(signed.clone()));
        let mut forged = signed;
        forged.entry.seq += 1;
        assert!(!forged.verify());
    }

    #[test]
    fn parents_out_of_order_double_or_too_many_are_malformed() {
        let (low, high) = ([5u8; 32], [6u8; 32]);
        for wrong in [[high, low], [low, low]] {
            let bytes = [&[0, 2][..], &wrong.concat()].concat();
            assert_eq!(Parents::from_bytes(&bytes), Err(Malformed::Order));
        }
        let ids = |count: u8| (0..count).map(|id| EntryId([id; 32])).collect::<Vec<_>>();
        assert_eq!(Parents::new(ids(16)).len(), 16);
        assert_eq!(Parents::new(ids(17)).len(), 16);
        let seventeen = [vec![0, 17], ids(17).iter().flat_map(|id| id.0).collect()].concat();
        assert_eq!(Parents::from_bytes(&seventeen), Err(Malformed::TooLarge));
    }

    #[test]
    fn a_name_used_again_is_another_room() {
        let record = CreationRecord {
            nonce: [1; 16],
            name: Name::new("sala").expect("valid"),
            owner: Key([2; 32]),
            tracker: Key([3; 32]),
            flags: 0,
        };
        let again = CreationRecord { nonce: [9; 16], ..record.clone() };
        assert_ne!(record.id(), again.id());
        let expected = "01".repeat(16) + "000473616c61" + &"02".repeat(32) + &"03".repeat(32) + "00";
        assert_eq!(crate::hex::encode(&record.to_bytes()), expected);
    }
}

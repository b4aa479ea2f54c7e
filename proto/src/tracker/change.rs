//! What a tracker keeps: an ordered log of changes. The stored state is itself a list of changes that lead to it.

use serde::{Deserialize, Serialize};

use crate::{
    identity::Key,
    names::Name,
    time::Wall,
    wire::{
        room::{CreationRecord, RoomId},
        tracker::{Profile, Status, StatusText},
    },
};

/// One change of the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// An account was made.
    AccountAdded {
        /// Its name.
        name: Name,
        /// Argon2id PHC string of the SHA-256 of its password.
        verifier: Verifier,
        /// Its identity key.
        key: Option<Key>,
        /// When.
        at: Wall,
    },
    /// The account has another identity key.
    AccountKey {
        /// Whose.
        name: Name,
        /// The key.
        key: Option<Key>,
    },
    /// What the account shows of itself.
    AccountStatus {
        /// Whose.
        name: Name,
        /// What it is when it is connected.
        status: Status,
        /// In its own words.
        text: StatusText,
    },
    /// What the account says about itself.
    AccountProfile {
        /// Whose.
        name: Name,
        /// The profile.
        text: Profile,
    },
    /// Whether plaintext clients may use the account.
    AccountPlaintext {
        /// Whose.
        name: Name,
        /// Whether they may.
        open: bool,
    },
    /// The account was last connected then.
    LastSeen {
        /// Whose.
        name: Name,
        /// When.
        at: Wall,
    },
    /// A room was made; its members follow as changes of their own.
    RoomAdded {
        /// What makes it this room.
        record: CreationRecord,
        /// Who owns it.
        owner: Name,
        /// How many it takes.
        capacity: u16,
        /// Where its count of changes stands.
        #[serde(deserialize_with = "crate::limits::count")]
        epoch: u64,
    },
    /// Someone came into a room, behind all who are there.
    MemberAdded {
        /// The room.
        room: RoomId,
        /// Who.
        name: Name,
        /// The room's count of changes after this one.
        #[serde(deserialize_with = "crate::limits::count")]
        epoch: u64,
    },
    /// Someone left a room.
    MemberRemoved {
        /// The room.
        room: RoomId,
        /// Who.
        name: Name,
        /// The room's count of changes after this one.
        #[serde(deserialize_with = "crate::limits::count")]
        epoch: u64,
    },
    /// The room has another owner.
    OwnerChanged {
        /// The room.
        room: RoomId,
        /// Who owns it now.
        owner: Name,
        /// The room's count of changes after this one.
        #[serde(deserialize_with = "crate::limits::count")]
        epoch: u64,
    },
    /// The room is no more, and with it its memberships.
    RoomRemoved {
        /// The room.
        room: RoomId,
    },
}

/// An Argon2id PHC string. It never shows in `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Verifier(pub String);

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(secret)")
    }
}

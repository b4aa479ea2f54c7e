//! What two peers say to each other over their link (PROTOCOL.md, "Links").
//!
//! Both ends send `Hello` first. In each room that both are in, each tells the other by `RoomHello` what it has of
//! the other's log; only then does the other send its entries there, from that point on. Private messages resume in
//! the same way from `Hello`. Whoever receives acknowledges after its own commit.

use super::{
    codec::{List, Malformed, Reader, Wire, wire_enum, wire_struct},
    room::{EntryId, PARENTS_MAX, RoomId, Said, SignedEntry},
    tracker::Goodbye,
};
use crate::{identity::Key, names::Name, time::Wall};
use serde::{Deserialize, Serialize};

wire_struct! {
    /// How far someone has followed a log: everything up to and with `seq` is committed there.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
    pub struct Have {
        /// Which log; 0 when nothing is there yet.
        pub log: u64,
        /// The highest number; 0 when nothing is there yet.
        pub seq: u64,
    }
}

/// Whom a message outside of rooms was said to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// To this receiver only.
    Private,
    /// To everyone whom the author is linked to.
    All,
}

impl Wire for Scope {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self {
            Self::Private => 0,
            Self::All => 1,
        });
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        match u8::decode(reader)? {
            0 => Ok(Self::Private),
            1 => Ok(Self::All),
            other => Err(Malformed::Kind(other)),
        }
    }
}

wire_struct! {
    /// A message outside of rooms: numbered, acknowledged, not signed.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct PrivateMessage {
        /// Which log of the author's.
        pub log: u64,
        /// Counts the author's messages outside of rooms from 1, whoever receives them: a receiver sees gaps.
        pub seq: u64,
        /// To whom it was said.
        pub scope: Scope,
        /// The author's wall clock.
        pub at: Wall,
        /// What is said.
        pub text: Said,
    }
}

wire_enum! {
    /// A message of a link.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum ToPeer {
        /// Answer this.
        1 = Ping { /** Comes back. */ nonce: u64, },
        /// The answer.
        2 = Pong { /** As sent. */ nonce: u64, },
        /// The first message of each end.
        3 = Hello {
            /** What the sender calls itself; its account where it has one. */ name: Name,
            /** The tracker whose account that is. */ tracker: Option<Key>,
            /** What the sender has of the receiver's messages outside of rooms. */ have: Have,
        },
        /// The sender counts the receiver among the room's members, and is ready for its entries.
        4 = RoomHello {
            /** The room. */ room: RoomId,
            /** What the sender has of the receiver's log there. */ have: Have,
            /** What the sender would name as parents now: what a newcomer need not wait for. */
            heads: List<EntryId, PARENTS_MAX>,
        },
        /// An entry of a room's log.
        5 = Entry { /** With its signature. */ entry: SignedEntry, },
        /// Everything of the receiver's log in the room is committed, up to this.
        6 = EntryAck { /** The room. */ room: RoomId, /** Up to here. */ have: Have, },
        /// A message outside of rooms.
        7 = Private { /** The message. */ message: PrivateMessage, },
        /// Everything of the receiver's messages outside of rooms is committed, up to this.
        8 = PrivateAck { /** Up to here. */ have: Have, },
        /// The sender ends the link in order.
        9 = Bye { /** Why. */ reason: Goodbye, },
    }
}

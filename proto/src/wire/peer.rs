//! What two peers say to each other over their link (PROTOCOL.md, "Links").
//!
//! Both ends send `Hello` first. In each room that both are in, each tells the other by `RoomHello` what it has of
//! the other's log; only then does the other send its entries there, from that point on. Private messages resume in
//! the same way from `Hello`. Whoever receives acknowledges after its own commit.

use super::{
    codec::{List, Malformed, Reader, Wire, wire_enum, wire_struct},
    room::{EntryId, PARENTS_MAX, RoomId, Said, SignedEntry},
    tracker::{Goodbye, Profile, Status, StatusText},
    transfer::{Chunk, Hash, Offer, Reason, TransferId},
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

wire_struct! {
    /// What somebody says of itself to those whom no tracker tells it.
    #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
    pub struct About {
        /// All but offline.
        pub status: Status,
        /// In its own words.
        pub status_text: StatusText,
        /// What it says about itself.
        pub profile: Profile,
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
            /** The number of the sender's beacons on the network of this link; 0 where it sends none there. */
            instance: u64,
            /** Where the sender listens for links; 0 while it does not. */ port: u16,
        },
        /// The sender counts the receiver among the room's members, and is ready for its entries.
        4 = RoomHello {
            /** The room. */ room: RoomId,
            /** What the sender has of the receiver's log there. */ have: Have,
            /** The sender's heads when it first saw the receiver there: what a newcomer need not wait for. */
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
        /// The sender would send this; repeated on each link until the transfer ends.
        10 = Offer { /** Names it from now on. */ transfer: TransferId, /** What. */ offer: Offer, },
        /// The sender takes what is offered, from there on: as a new stream of this link, in place of any former one.
        11 = Accept {
            /** Which. */ transfer: TransferId,
            /** Names the stream: 1, 2 and so on, of the sender of this on this link. */ stream: u32,
            /** What the sender has of it. */ offset: u64,
            /** The SHA-256 of that. */ prefix: Hash,
        },
        /// Bytes of a stream, in order.
        12 = Chunk {
            /** Which. */ stream: u32,
            /** Where they begin. */ offset: u64,
            /** The bytes. */ bytes: Chunk,
        },
        /// The stream may be sent up to there.
        13 = Credit { /** Which. */ stream: u32, /** Up to there. */ up_to: u64, },
        /// All of the stream was sent.
        14 = End { /** Which. */ stream: u32, /** Its SHA-256, from its first byte. */ sha256: Hash, },
        /// All of it arrived whole and has its name.
        15 = Whole { /** Which. */ transfer: TransferId, },
        /// The sender of this holds a transfer, or lets it go on.
        16 = Pause { /** Which. */ transfer: TransferId, /** Whether it is held. */ paused: bool, },
        /// The sender of this does not receive it, or not any longer.
        17 = Refuse { /** Which. */ transfer: TransferId, /** Why. */ reason: Reason, },
        /// The sender of this does not send it any longer; answered by a `Refuse`.
        18 = Withdraw { /** Which. */ transfer: TransferId, /** Why. */ reason: Reason, },
        /// What the sender says of itself.
        19 = About { /** All of it, in place of what it said before. */ about: About, },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        identity::Identity,
        wire::{
            room::{Body, Entry, Parents},
            vectors::check,
        },
    };

    /// PROTOCOL.md's vectors have the fullest messages; these are the emptiest.
    #[test]
    fn the_emptiest_message_of_each_kind_has_these_bytes() {
        let (room, zeros) = (RoomId([0; 32]), "00".repeat(32));
        let nothing = "0000000000000000 0000000000000000";
        check(&ToPeer::Ping { nonce: 1 }, "01 0000000000000001");
        check(&ToPeer::Pong { nonce: 1 }, "02 0000000000000001");
        let name = Name::new("a").expect("a valid name");
        let hello = ToPeer::Hello { name, tracker: None, have: Have::default(), instance: 9, port: 6061 };
        check(&hello, &format!("03 0001 61 00 {nothing} 0000000000000009 17ad"));
        check(
            &ToPeer::RoomHello { room, have: Have { log: 1, seq: 2 }, heads: List::truncated(vec![]) },
            &format!("04 {zeros} 0000000000000001 0000000000000002 0000"),
        );
        let entry = Entry {
            room,
            author: Identity::from_secret(&[1; 32]).key(),
            log: 1,
            seq: 1,
            parents: Parents::default(),
            at: Wall(0),
            body: Body::Text { text: Said::default() },
        };
        let signed = SignedEntry { signature: [9; 64], entry };
        check(
            &ToPeer::Entry { entry: signed.clone() },
            &format!(
                "05 {zeros} {} 0000000000000001 0000000000000001 0000 0000000000000000 01 0000 {}",
                signed.entry.author,
                "09".repeat(64)
            ),
        );
        check(&ToPeer::EntryAck { room, have: Have::default() }, &format!("06 {zeros} {nothing}"));
        let message = PrivateMessage { log: 1, seq: 2, scope: Scope::All, at: Wall(3), text: Said::default() };
        check(&ToPeer::Private { message }, "07 0000000000000001 0000000000000002 01 0000000000000003 0000");
        check(&ToPeer::PrivateAck { have: Have::default() }, &format!("08 {nothing}"));
        check(&ToPeer::Bye { reason: Goodbye::Quit }, "09 00");
        check(&ToPeer::About { about: About::default() }, "13 00 0000 0000");
    }

    #[test]
    fn other_kinds_scopes_and_bodies_are_malformed() {
        for kind in [0, 20, 255] {
            assert_eq!(ToPeer::from_bytes(&[kind]), Err(Malformed::Kind(kind)));
        }
        assert_eq!(Scope::from_bytes(&[2]), Err(Malformed::Kind(2)));
        assert_eq!(Body::from_bytes(&[2, 0, 0]), Err(Malformed::Kind(2)));
        let heads = |count: u16| [&[4][..], &[0; 48], &count.to_be_bytes(), &vec![1; usize::from(count) * 32]].concat();
        assert!(ToPeer::from_bytes(&heads(16)).is_ok());
        assert_eq!(ToPeer::from_bytes(&heads(17)), Err(Malformed::TooLarge));
    }

    #[test]
    fn the_longest_text_fits_a_frame_with_all_around_it() {
        let entry = Entry {
            room: RoomId([0; 32]),
            author: Identity::from_secret(&[1; 32]).key(),
            log: 1,
            seq: 1,
            parents: Parents::new((0..16).map(|id| EntryId([id; 32])).collect()),
            at: Wall(0),
            body: Body::Text { text: Said::new("x".repeat(super::super::room::TEXT_BYTES_MAX)).expect("the bound") },
        };
        let message = ToPeer::Entry { entry: SignedEntry { entry, signature: [0; 64] } };
        assert!(message.to_bytes().len() <= crate::limits::MESSAGE_BYTES_MAX);
    }
}

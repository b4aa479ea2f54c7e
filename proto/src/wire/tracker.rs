//! What a peer and its tracker say to each other (PROTOCOL.md, "Tracker").
//!
//! Each message is one frame of an established channel. The peer asks and each question is answered once, by a
//! message with its `request` number; the tracker pushes what changes around the peer without being asked.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{
    codec::{List, Malformed, Reader, Text, Wire, wire_choice, wire_enum, wire_struct},
    room::{CreationRecord, RoomId},
};
use crate::{
    identity::Key,
    names::{NAME_BYTES_MAX, Name},
    time::Wall,
};

/// The most interface addresses that a session claims.
pub const CLAIMED_MAX: usize = 8;
/// The most endpoints that are told of a session: the claimed ones and the one that the tracker sees.
pub const ENDPOINTS_MAX: usize = CLAIMED_MAX + 1;
/// The largest capacity of a room.
pub const ROOM_CAPACITY_MAX: usize = 256;
/// The most rooms of one user.
pub const ROOMS_PER_USER_MAX: usize = 256;
/// The most rows of a page.
pub const PAGE_ROWS_MAX: usize = 128;
/// The longest status text, in bytes.
pub const STATUS_BYTES_MAX: usize = 256;
/// The longest profile, in bytes.
pub const PROFILE_BYTES_MAX: usize = 1024;
/// The longest registration token, in bytes.
pub const TOKEN_BYTES_MAX: usize = 128;

/// SHA-256 of a password, as the client sends it.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub [u8; 32]);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(secret)")
    }
}

/// Serialized in recordings only.
impl Serialize for PasswordHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        crate::hex::array::serialize(&self.0, serializer)
    }
}

impl<'de> Deserialize<'de> for PasswordHash {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::hex::array::deserialize(deserializer).map(Self)
    }
}

impl PasswordHash {
    /// The hash of a password's UTF-8.
    #[must_use]
    pub fn of(password: &str) -> Self {
        use sha2::Digest as _;
        Self(sha2::Sha256::digest(password.as_bytes()).into())
    }
}

impl Wire for PasswordHash {
    fn encode(&self, out: &mut Vec<u8>) {
        self.0.encode(out);
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        Wire::decode(reader).map(Self)
    }
}

wire_choice! {
    /// What someone is to others.
    #[derive(Default)]
    pub enum Status {
        /// There.
        #[default]
        0 = Online,
        /// There, but away from the keyboard.
        1 = Away,
        /// There, and not to be disturbed.
        2 = Busy,
        /// Not connected. Nobody can set it.
        3 = Offline,
    }
}

wire_choice! {
    /// Through what a person is there.
    #[derive(Default)]
    pub enum Dialect {
        /// papo's own protocol, or nothing at present.
        #[default]
        0 = Papo,
        /// The older systems' JSON objects, in plain text.
        1 = Json,
        /// The older systems' lines, in plain text: there is no account behind the name.
        2 = Line,
    }
}

wire_choice! {
    /// What happened in a room.
    pub enum RoomEvent {
        /// It was made.
        0 = Created,
        /// Someone came in.
        1 = Joined,
        /// Someone left.
        2 = Left,
        /// Someone was taken out.
        3 = Evicted,
        /// It is no more.
        4 = Deleted,
        /// It has another owner.
        5 = Owner,
    }
}

wire_choice! {
    /// Why a request failed.
    pub enum Failure {
        /// Name, password or key are not right; which, is not said.
        1 = BadCredentials,
        /// The name, or one that looks like it, is taken.
        2 = NameTaken,
        /// Registration is closed.
        3 = RegistrationClosed,
        /// Registration needs a token, and this is not it.
        4 = BadToken,
        /// Only after login.
        5 = NotLoggedIn,
        /// This connection is logged in already.
        6 = AlreadyLoggedIn,
        /// No such user.
        7 = UnknownUser,
        /// No such room.
        8 = UnknownRoom,
        /// The room has reached its capacity.
        9 = RoomFull,
        /// A room has this name, or one that looks like it.
        10 = RoomExists,
        /// The user is not in that room.
        11 = NotMember,
        /// Only its owner may do that.
        12 = NotOwner,
        /// A number is out of its range.
        13 = OutOfRange,
        /// The user is in as many rooms as one can be in.
        14 = TooManyRooms,
        /// The tracker has as many users or rooms as it takes.
        15 = Full,
        /// Too many attempts wait already: try again later.
        16 = Busy,
        /// What is said in that room is plain text for some, and the user does not allow that.
        17 = PlaintextRoom,
    }
}

wire_choice! {
    /// Why an end says goodbye.
    pub enum Goodbye {
        /// It ends.
        0 = Quit,
        /// The account logged in elsewhere.
        1 = Replaced,
        /// Another link to the same peer stays.
        2 = Duplicate,
        /// The person asked for it.
        3 = Disconnected,
        /// This peer is not talked to.
        4 = Blocked,
        /// A limit was reached.
        5 = Busy,
    }
}

/// Where a session says it listens. Private, link-local and loopback addresses, and the one that the tracker sees,
/// are passed on; others are dropped, so that nobody can aim peers at a third party.
pub type Claimed = List<SocketAddr, CLAIMED_MAX>;
/// The start of a name, folded; empty for all.
pub type Prefix = Text<NAME_BYTES_MAX>;
/// A status text.
pub type StatusText = Text<STATUS_BYTES_MAX>;
/// A profile.
pub type Profile = Text<PROFILE_BYTES_MAX>;
/// A registration token.
pub type Token = Text<TOKEN_BYTES_MAX>;

wire_struct! {
    /// Someone whom a peer may link to.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct Contact {
        /// The account.
        pub name: Name,
        /// Its identity key; accounts of plaintext clients have none.
        pub key: Option<Key>,
        /// Through what it is there.
        pub dialect: Dialect,
        /// What it is to others.
        pub status: Status,
        /// In its own words.
        pub status_text: StatusText,
        /// Where it listens; empty while it is offline. The address that the tracker sees comes first.
        pub endpoints: List<SocketAddr, ENDPOINTS_MAX>,
        /// When it was last connected.
        pub last_seen: Wall,
    }

    /// A row of the list of peers.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct PeerRow {
        /// Who.
        pub contact: Contact,
        /// The room that it joined last.
        pub room: Option<Name>,
    }

    /// A row of the list of rooms.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct RoomRow {
        /// Its name.
        pub name: Name,
        /// Who owns it.
        pub owner: Name,
        /// How many it takes.
        pub capacity: u16,
        /// [`PLAINTEXT`](super::room::PLAINTEXT) or nothing.
        pub flags: u8,
        /// In the order of standing.
        pub members: List<Name, ROOM_CAPACITY_MAX>,
    }

    /// A room with its roster, for its members.
    #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
    pub struct RoomState {
        /// What makes it this room.
        pub record: CreationRecord,
        /// Who owns it now.
        pub owner: Name,
        /// How many it takes.
        pub capacity: u16,
        /// Counts the changes of its roster.
        pub epoch: u64,
        /// In the order of standing.
        pub members: List<Name, ROOM_CAPACITY_MAX>,
    }
}

wire_enum! {
    /// What a peer says to its tracker. `Register`, `LoginPassword` and `LoginKey` come first; before them nothing
    /// but pings is heard.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum ToTracker {
        /// Answer this.
        1 = Ping { /** Comes back. */ nonce: u64, },
        /// The answer.
        2 = Pong { /** As sent. */ nonce: u64, },
        /// Make an account for the channel's identity key, and log in.
        3 = Register {
            /** Names the question. */ request: u32,
            /** The account. */ name: Name,
            /** Its password. */ password: PasswordHash,
            /** Where registration asks for one. */ token: Option<Token>,
            /** Where this peer listens. */ claimed: Claimed,
        },
        /// Log in, and tie the channel's identity key to the account.
        4 = LoginPassword {
            /** Names the question. */ request: u32,
            /** The account. */ name: Name,
            /** Its password. */ password: PasswordHash,
            /** Where this peer listens. */ claimed: Claimed,
        },
        /// Log in by the channel's identity key alone.
        5 = LoginKey {
            /** Names the question. */ request: u32,
            /** The account. */ name: Name,
            /** Where this peer listens. */ claimed: Claimed,
        },
        /// End the session. The connection stays and may log in again.
        6 = Logout { /** Names the question. */ request: u32, },
        /// This peer listens elsewhere now. Not answered.
        7 = Moved { /** Where. */ claimed: Claimed, },
        /// Be this to others.
        8 = SetStatus {
            /** Names the question. */ request: u32,
            /** All but offline. */ status: Status,
            /** In one's own words. */ text: StatusText,
        },
        /// Say this about oneself.
        9 = SetProfile { /** Names the question. */ request: u32, /** The profile. */ text: Profile, },
        /// Open or close the account to plaintext clients.
        10 = SetPlaintext { /** Names the question. */ request: u32, /** Whether it is open. */ open: bool, },
        /// List who is connected, in the order of names.
        11 = ListPeers {
            /** Names the question. */ request: u32,
            /** Only names that begin so. */ prefix: Prefix,
            /** Only names after this one. */ after: Option<Name>,
        },
        /// List the rooms, in the order of names.
        12 = ListRooms {
            /** Names the question. */ request: u32,
            /** Only names that begin so. */ prefix: Prefix,
            /** Only names after this one. */ after: Option<Name>,
        },
        /// Who has this name?
        13 = WhoisName { /** Names the question. */ request: u32, /** The name. */ name: Name, },
        /// Who has this key?
        14 = WhoisKey { /** Names the question. */ request: u32, /** The key. */ key: Key, },
        /// Make a room and be in it.
        15 = Create {
            /** Names the question. */ request: u32,
            /** Its name. */ name: Name,
            /** How many it takes. */ capacity: u16,
            /** For its record. */ nonce: [u8; 16],
            /** For its record. */ flags: u8,
        },
        /// Come into a room; when one is in it already, that is fine.
        16 = Join {
            /** Names the question. */ request: u32,
            /** Its name. */ name: Name,
            /** Whether it may be a plaintext room. */ plaintext: bool,
        },
        /// Leave a room for good.
        17 = Leave { /** Names the question. */ request: u32, /** Its name. */ name: Name, },
        /// Delete a room that one owns.
        18 = Delete { /** Names the question. */ request: u32, /** Its name. */ name: Name, },
        /// The peer ends the connection in order.
        19 = Bye { /** Why. */ reason: Goodbye, },
    }
}

impl ToTracker {
    /// The number of the request that this is, if it is one.
    #[must_use]
    pub const fn request(&self) -> Option<u32> {
        match self {
            Self::Ping { .. } | Self::Pong { .. } | Self::Moved { .. } | Self::Bye { .. } => None,
            Self::Register { request, .. }
            | Self::LoginPassword { request, .. }
            | Self::LoginKey { request, .. }
            | Self::Logout { request }
            | Self::SetStatus { request, .. }
            | Self::SetProfile { request, .. }
            | Self::SetPlaintext { request, .. }
            | Self::ListPeers { request, .. }
            | Self::ListRooms { request, .. }
            | Self::WhoisName { request, .. }
            | Self::WhoisKey { request, .. }
            | Self::Create { request, .. }
            | Self::Join { request, .. }
            | Self::Leave { request, .. }
            | Self::Delete { request, .. } => Some(*request),
        }
    }
}

wire_enum! {
    /// What a tracker says to a peer.
    ///
    /// After login it sends `Welcome`, then a `Contact` for everyone who shares a room with the user, a `Room` for
    /// each of the user's rooms, and `Synced`. From then on it pushes changes, in the order in which they happened.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub enum FromTracker {
        /// Answer this.
        1 = Ping { /** Comes back. */ nonce: u64, },
        /// The answer.
        2 = Pong { /** As sent. */ nonce: u64, },
        /// Logged in.
        3 = Welcome {
            /** As asked. */ request: u32,
            /** The account, as it was registered. */ name: Name,
            /** The peer's address, as the tracker sees it. */ seen: SocketAddr,
            /** The tracker's wall clock. */ wall: Wall,
        },
        /// What was asked for is done.
        4 = Done { /** As asked. */ request: u32, },
        /// It is not.
        5 = Failed { /** As asked. */ request: u32, /** Why. */ failure: Failure, },
        /// A page of peers.
        6 = Peers {
            /** As asked. */ request: u32,
            /** In the order of names. */ rows: List<PeerRow, PAGE_ROWS_MAX>,
            /** Whether names follow. */ more: bool,
        },
        /// A page of rooms.
        7 = Rooms {
            /** As asked. */ request: u32,
            /** In the order of names. */ rows: List<RoomRow, PAGE_ROWS_MAX>,
            /** Whether names follow. */ more: bool,
        },
        /// About one user.
        8 = Whois {
            /** As asked. */ request: u32,
            /** Who. */ contact: Contact,
            /** What it says about itself. */ profile: Profile,
            /** Whether its account is open to plaintext clients. */ plaintext: bool,
        },
        /// Pushed: someone who shares a room with the user, as it is now.
        9 = Contact { /** Who. */ contact: Contact, },
        /// Pushed: a room that the user is in now.
        10 = Room { /** With its roster. */ room: RoomState, },
        /// Pushed: a change of a room that the user is in, or was until now.
        11 = RoomChanged {
            /** The room. */ room: RoomId,
            /** One more than the former. */ epoch: u64,
            /** What happened. */ what: RoomEvent,
            /** To whom, or by whom. */ user: Name,
        },
        /// The state after login is complete.
        12 = Synced,
        /// The tracker ends the connection in order.
        13 = Bye { /** Why. */ reason: Goodbye, },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::vectors::check;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    /// PROTOCOL.md's vectors have the fullest messages; these are the emptiest.
    #[test]
    fn the_emptiest_message_of_each_kind_to_a_tracker_has_these_bytes() {
        let (a, claimed, request) = (|| name("a"), || Claimed::truncated(vec![]), u32::MAX);
        let password = || PasswordHash([9; 32]);
        let hash = "09".repeat(32);
        check(&ToTracker::Ping { nonce: u64::MAX }, "01 ffffffffffffffff");
        check(&ToTracker::Pong { nonce: 0 }, "02 0000000000000000");
        check(
            &ToTracker::Register { request, name: a(), password: password(), token: None, claimed: claimed() },
            &format!("03 ffffffff 0001 61 {hash} 00 0000"),
        );
        check(
            &ToTracker::LoginPassword { request, name: a(), password: password(), claimed: claimed() },
            &format!("04 ffffffff 0001 61 {hash} 0000"),
        );
        check(&ToTracker::LoginKey { request, name: a(), claimed: claimed() }, "05 ffffffff 0001 61 0000");
        check(&ToTracker::Logout { request }, "06 ffffffff");
        check(&ToTracker::Moved { claimed: claimed() }, "07 0000");
        check(
            &ToTracker::SetStatus { request, status: Status::Online, text: StatusText::default() },
            "08 ffffffff 00 0000",
        );
        check(&ToTracker::SetProfile { request, text: Profile::default() }, "09 ffffffff 0000");
        check(&ToTracker::SetPlaintext { request, open: false }, "0a ffffffff 00");
        check(&ToTracker::ListPeers { request, prefix: Prefix::default(), after: None }, "0b ffffffff 0000 00");
        check(
            &ToTracker::ListRooms { request, prefix: Prefix::default(), after: Some(a()) },
            "0c ffffffff 0000 01 0001 61",
        );
        check(&ToTracker::WhoisName { request, name: a() }, "0d ffffffff 0001 61");
        check(&ToTracker::WhoisKey { request, key: Key([9; 32]) }, &format!("0e ffffffff {hash}"));
        check(
            &ToTracker::Create { request, name: a(), capacity: u16::MAX, nonce: [9; 16], flags: 1 },
            &format!("0f ffffffff 0001 61 ffff {} 01", &hash[..32]),
        );
        check(&ToTracker::Join { request, name: a(), plaintext: false }, "10 ffffffff 0001 61 00");
        check(&ToTracker::Leave { request, name: a() }, "11 ffffffff 0001 61");
        check(&ToTracker::Delete { request, name: a() }, "12 ffffffff 0001 61");
        check(&ToTracker::Bye { reason: Goodbye::Quit }, "13 00");
    }

    #[test]
    fn the_emptiest_message_of_each_kind_from_a_tracker_has_these_bytes() {
        let (a, request, epoch) = (|| name("a"), 1, 2);
        let contact = || Contact {
            name: a(),
            key: None,
            dialect: Dialect::Papo,
            status: Status::Offline,
            status_text: StatusText::default(),
            endpoints: List::truncated(vec![]),
            last_seen: Wall(0),
        };
        let nobody = "0001 61 00 00 03 0000 0000 0000000000000000";
        check(&FromTracker::Ping { nonce: 1 }, "01 0000000000000001");
        check(&FromTracker::Pong { nonce: 1 }, "02 0000000000000001");
        check(
            &FromTracker::Welcome { request, name: a(), seen: "1.2.3.4:5".parse().expect("valid"), wall: Wall(6) },
            "03 00000001 0001 61 04 01020304 0005 0000000000000006",
        );
        check(&FromTracker::Done { request }, "04 00000001");
        check(&FromTracker::Failed { request, failure: Failure::Busy }, "05 00000001 10");
        check(&FromTracker::Peers { request, rows: List::truncated(vec![]), more: false }, "06 00000001 0000 00");
        check(&FromTracker::Rooms { request, rows: List::truncated(vec![]), more: false }, "07 00000001 0000 00");
        check(
            &FromTracker::Whois { request, contact: contact(), profile: Profile::default(), plaintext: true },
            &format!("08 00000001 {nobody} 0000 01"),
        );
        check(&FromTracker::Contact { contact: contact() }, &format!("09 {nobody}"));
        let record = CreationRecord { nonce: [0; 16], name: a(), owner: Key([0; 32]), tracker: Key([0; 32]), flags: 0 };
        let zeros = "00".repeat(32);
        check(
            &FromTracker::Room {
                room: RoomState { record, owner: a(), capacity: 1, epoch, members: List::truncated(vec![]) },
            },
            &format!("0a {} 0001 61 {zeros} {zeros} 00 0001 61 0001 0000000000000002 0000", &zeros[..32]),
        );
        check(
            &FromTracker::RoomChanged { room: RoomId([0; 32]), epoch, what: RoomEvent::Deleted, user: a() },
            &format!("0b {zeros} 0000000000000002 04 0001 61"),
        );
        check(&FromTracker::Synced, "0c");
        check(&FromTracker::Bye { reason: Goodbye::Busy }, "0d 05");
    }

    #[test]
    fn numbered_choices_keep_their_numbers_and_there_are_no_others() {
        #[track_caller]
        fn check<T: Wire + Copy + PartialEq + std::fmt::Debug>(all: &[T], numbers: std::ops::RangeInclusive<u8>) {
            assert_eq!(
                all.iter().map(|choice| choice.to_bytes()[0]).collect::<Vec<_>>(),
                numbers.clone().collect::<Vec<_>>()
            );
            for number in 0..=u8::MAX {
                let expected = numbers.contains(&number).then(|| all[usize::from(number - numbers.start())]);
                assert_eq!(T::from_bytes(&[number]), expected.ok_or(Malformed::Kind(number)));
            }
        }
        check(Status::ALL, 0..=3);
        check(RoomEvent::ALL, 0..=5);
        check(Dialect::ALL, 0..=2);
        check(Failure::ALL, 1..=17);
        check(Goodbye::ALL, 0..=5);
        assert_eq!((Failure::BadCredentials.to_bytes(), Failure::Busy.to_bytes()), (vec![1], vec![16]));
    }

    #[test]
    fn lists_and_texts_are_refused_one_past_their_bounds() {
        let moved =
            |count: u16| [vec![7], count.to_be_bytes().to_vec(), [4, 1, 2, 3, 4, 0, 5].repeat(count.into())].concat();
        assert!(ToTracker::from_bytes(&moved(8)).is_ok());
        assert_eq!(ToTracker::from_bytes(&moved(9)), Err(Malformed::TooLarge));
        let profile = |length: u16| [&[9, 0, 0, 0, 1][..], &length.to_be_bytes(), &vec![b'x'; length.into()]].concat();
        assert!(ToTracker::from_bytes(&profile(1024)).is_ok());
        assert_eq!(ToTracker::from_bytes(&profile(1025)), Err(Malformed::TooLarge));
        for kind in [0, 20, 255] {
            assert_eq!(ToTracker::from_bytes(&[kind]), Err(Malformed::Kind(kind)));
        }
        assert_eq!(FromTracker::from_bytes(&[14]), Err(Malformed::Kind(14)));
        assert_eq!(FromTracker::from_bytes(&[]), Err(Malformed::Short));
    }

    #[test]
    fn the_hash_of_a_password_is_of_its_utf_8_and_never_shown() {
        let hash = PasswordHash::of("olá");
        assert_eq!(crate::hex::encode(&hash.0), "9b186e077c7c6d044f5789d76e6d8070a5b0aaa902ebc608bc34170722dba903");
        assert_eq!(format!("{hash:?}"), "PasswordHash(secret)");
    }
}

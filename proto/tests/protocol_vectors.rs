//! PROTOCOL.md's test vectors, read out of the document and checked both ways, so that it can't go stale.

use std::{collections::BTreeMap, fmt, net::SocketAddr};

use papo_proto::{
    channel::{
        Channel, FIRST_BYTES, Preface, SECOND_BYTES, StaticKey, Step, THIRD_BYTES, binding, transport::REKEY_AFTER,
    },
    hex,
    identity::{Context, Identity, Key, verification_digits},
    limits::{FRAME_BYTES_MAX, Limits},
    names::{NAME_BYTES_MAX, NAME_CHARS_MAX, Name},
    peer::outbox::private_id,
    plaintext::{READ_BYTES, paced::PAUSE},
    rng::{Seed, Stream},
    time::Wall,
    wire::{
        beacon::{BEACON_BYTES, Beacon},
        codec::{List, Malformed, Text, Wire},
        peer::{About, Have, PrivateMessage, Scope, ToPeer},
        room::{Body, CreationRecord, Entry, EntryId, PARENTS_MAX, Parents, Said, SignedEntry, TEXT_BYTES_MAX},
        tracker::{
            CLAIMED_MAX, Contact, Dialect, ENDPOINTS_MAX, Failure, FromTracker, Goodbye, PAGE_ROWS_MAX,
            PROFILE_BYTES_MAX, PasswordHash, PeerRow, Profile, ROOM_CAPACITY_MAX, ROOMS_PER_USER_MAX, RoomEvent,
            RoomRow, RoomState, STATUS_BYTES_MAX, Status, StatusText, TOKEN_BYTES_MAX, ToTracker, Token,
        },
        transfer::{
            AHEAD_BYTES_MAX, Audience, CHUNK_BYTES_MAX, Chunk, FILE_NAME_BYTES_MAX, Hash, Offer, PATH_BYTES_MAX,
            Reason, SIZE_MAX, TransferId,
        },
    },
};
use proptest::prelude::*;
use snow::{
    params::CipherChoice,
    resolvers::{CryptoResolver as _, DefaultResolver},
};

const DOCUMENT: &str = include_str!("../PROTOCOL.md");

/// One block of vectors: `name = hexadecimal`, continued on lines that begin with a space.
struct Block {
    name: &'static str,
    vectors: BTreeMap<String, String>,
}

impl Block {
    #[track_caller]
    fn new(name: &'static str) -> Self {
        let start = format!("\n```vectors {name}\n");
        let body = DOCUMENT.split_once(&start).unwrap_or_else(|| panic!("PROTOCOL.md has no vectors {name:?}")).1;
        let body = body.split_once("\n```").expect("a block that ends").0;
        let mut vectors = BTreeMap::new();
        let mut last = String::new();
        for line in body.lines() {
            if let Some(more) = line.strip_prefix(' ') {
                let value: &mut String = vectors.get_mut(&last).expect("a line to continue");
                value.push(' ');
                value.push_str(more.trim());
            } else {
                let (key, value) = line.split_once(" =").unwrap_or_else(|| panic!("no vector: {line:?}"));
                last = key.to_owned();
                let former = vectors.insert(last.clone(), value.trim().to_owned());
                assert_eq!(former, None, "{name}: {key} twice");
            }
        }
        Self { name, vectors }
    }

    #[track_caller]
    fn text(&self, vector: &str) -> &str {
        self.vectors.get(vector).unwrap_or_else(|| panic!("PROTOCOL.md has no vector {}: {vector}", self.name))
    }

    #[track_caller]
    fn bytes(&self, vector: &str) -> Vec<u8> {
        let digits = self.text(vector).replace(' ', "");
        hex::decode(&digits).unwrap_or_else(|| panic!("{}: {vector} is not hexadecimal", self.name))
    }

    #[track_caller]
    fn array<const N: usize>(&self, vector: &str) -> [u8; N] {
        self.bytes(vector).try_into().unwrap_or_else(|_| panic!("{}: {vector} is not {N} bytes", self.name))
    }

    #[track_caller]
    fn check_bytes(&self, vector: &str, actual: &[u8]) {
        assert_eq!(hex::encode(actual), self.text(vector).replace(' ', ""), "{}: {vector}", self.name);
    }

    /// Encodes to the vector, decodes from it, and from nothing shorter or longer.
    #[track_caller]
    fn check<T: Wire + PartialEq + fmt::Debug>(&self, vector: &str, value: &T) {
        self.check_bytes(vector, &value.to_bytes());
        let bytes = self.bytes(vector);
        assert_eq!(T::from_bytes(&bytes).as_ref(), Ok(value), "{}: {vector}", self.name);
        for cut in 0..bytes.len() {
            assert!(T::from_bytes(&bytes[..cut]).is_err(), "{}: {vector} cut at {cut}", self.name);
        }
        assert_eq!(T::from_bytes(&[&bytes[..], &[0]].concat()), Err(Malformed::Trailing), "{}: {vector}", self.name);
    }

    /// Checks every message of a protocol: each vector is one of `messages`, and each kind has a vector.
    #[track_caller]
    fn check_messages<T: Wire + PartialEq + fmt::Debug>(&self, messages: &[T]) {
        let mut kinds = BTreeMap::new();
        for message in messages {
            let shown = format!("{message:?}");
            let name = shown.split([' ', '{']).next().unwrap_or(&shown).to_owned();
            self.check(&name, message);
            let kind = message.to_bytes()[0];
            assert!(DOCUMENT.contains(&format!("\n| {kind} | {name} |")), "{}: no row for {kind} {name}", self.name);
            kinds.insert(kind, name);
        }
        assert_eq!(kinds.len(), self.vectors.len(), "{}: a vector without a message", self.name);
        for kind in 0..=u8::MAX {
            let exists = T::from_bytes(&[kind]) != Err(Malformed::Kind(kind));
            assert_eq!(kinds.contains_key(&kind), exists, "{}: kind {kind} and its vector", self.name);
        }
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn address(text: &str) -> SocketAddr {
    text.parse().expect("an address")
}

fn text<const MAX: usize>(text: &str) -> Text<MAX> {
    Text::new(text).expect("short enough")
}

fn ana() -> Identity {
    Identity::from_secret(&[1; 32])
}

fn bia() -> Identity {
    Identity::from_secret(&[2; 32])
}

fn tracker() -> Identity {
    Identity::from_secret(&[3; 32])
}

/// The wall clock of the vectors.
const AT: Wall = Wall(1_700_000_000_000);

fn record() -> CreationRecord {
    CreationRecord { nonce: [0x11; 16], name: name("sala"), owner: ana().key(), tracker: tracker().key(), flags: 0 }
}

fn entry(seq: u64, parents: Vec<EntryId>, said: &str) -> Entry {
    Entry {
        room: record().id(),
        author: ana().key(),
        log: 0xa1,
        seq,
        parents: Parents::new(parents),
        at: Wall(AT.0 + seq),
        body: Body::Text { text: Said::new(said).expect("short enough") },
    }
}

fn contact(of: &Identity, named: &str) -> Contact {
    Contact {
        name: name(named),
        key: Some(of.key()),
        dialect: Dialect::Papo,
        status: Status::Online,
        status_text: StatusText::default(),
        endpoints: List::truncated(vec![address("203.0.113.7:6061"), address("192.168.1.2:6061")]),
        last_seen: AT,
    }
}

#[test]
fn every_field_is_written_as_the_notation_says() {
    let block = Block::new("codec");
    block.check("u8 7", &7u8);
    block.check("u16 6060", &6060u16);
    block.check("u32 16909060", &16_909_060u32);
    block.check("u64 1", &1u64);
    block.check("bool true", &true);
    block.check("none", &None::<u8>);
    block.check("some u8 7", &Some(7u8));
    block.check("text \"olá\"", &text::<8>("olá"));
    block.check("text empty", &text::<8>(""));
    block.check("list of u8 1 2", &List::<u8, 8>::truncated(vec![1, 2]));
    block.check("name João", &name("João"));
    block.check("address 127.0.0.1:6060", &address("127.0.0.1:6060"));
    block.check("address [::1]:6061", &address("[::1]:6061"));
    assert_eq!(block.vectors.len(), 13, "a vector that nobody checks");
}

#[test]
fn names_fold_and_look_as_the_document_says() {
    let block = Block::new("names");
    assert!(block.vectors.len() >= 5);
    for (written, forms) in &block.vectors {
        let name = name(written);
        let actual = [name.as_str(), name.folded(), &name.skeleton()].map(|form| hex::encode(form.as_bytes()));
        assert_eq!(forms.split(' ').collect::<Vec<_>>(), actual, "{written}");
    }
}

/// The streams that the secrets of the handshake vectors are the first bytes of.
fn stream(who: u8, label: &str) -> Stream {
    Seed([who; 32]).stream(label, 0)
}

/// Feeds bytes and takes one step.
fn step(channel: &mut Channel, bytes: &[u8], out: &mut Vec<u8>) -> Option<Step> {
    channel.handle_bytes(bytes);
    channel.next_step(FRAME_BYTES_MAX, out).expect("a sound handshake")
}

#[test]
fn a_handshake_with_the_document_s_secrets_says_the_document_s_bytes() {
    const DIALLER: u8 = 0xd1;
    const ACCEPTOR: u8 = 0xac;
    let block = Block::new("handshake");
    for (who, name) in [(DIALLER, "dialler"), (ACCEPTOR, "acceptor")] {
        block.check_bytes(&format!("{name} static secret"), &stream(who, "static").bytes::<32>());
        block.check_bytes(&format!("{name} ephemeral secret"), &stream(who, "ephemeral").bytes::<32>());
        let statics = StaticKey::draw(&mut stream(who, "static"));
        block.check_bytes(&format!("{name} static key"), &statics.public());
        let identity = Identity::from_secret(&block.array(&format!("{name} identity secret")));
        block.check_bytes(&format!("{name} identity key"), &identity.key().0);
    }
    block.check_bytes("preface", Preface::Peer.line());

    let statics = |who| StaticKey::draw(&mut stream(who, "static"));
    let (mut first, mut second, mut third) = (Vec::new(), Vec::new(), Vec::new());
    let mut dialler = Channel::dial(Preface::Peer, ana(), &statics(DIALLER), stream(DIALLER, "ephemeral"), &mut first);
    let mut acceptor = Channel::accept(Preface::Peer, bia(), &statics(ACCEPTOR), stream(ACCEPTOR, "ephemeral"));
    let sent = [block.bytes("preface"), block.bytes("message 1 in its frame")].concat();
    assert_eq!(hex::encode(&first), hex::encode(&sent));
    assert_eq!(step(&mut acceptor, &first, &mut second), None);
    block.check_bytes("message 2 in its frame", &second);
    assert_eq!(step(&mut dialler, &second, &mut third), Some(Step::Identified(bia().key())));
    dialler.confirm(&mut third);
    block.check_bytes("message 3 in its frame", &third);
    assert_eq!(step(&mut acceptor, &third, &mut Vec::new()), Some(Step::Established(ana().key())));
    assert_eq!(step(&mut dialler, &[], &mut Vec::new()), Some(Step::Established(bia().key())));
    assert_eq!(block.bytes("message 1 in its frame").len(), 2 + FIRST_BYTES);
    assert_eq!((second.len(), third.len()), (2 + SECOND_BYTES, 2 + THIRD_BYTES));

    for (number, role, identity, who) in
        [(2, binding::Role::Acceptor, bia(), ACCEPTOR), (3, binding::Role::Dialler, ana(), DIALLER)]
    {
        let hash = block.array::<32>(&format!("hash before message {number}"));
        let signed = [Context::Channel.bytes(), role.bytes(), &hash, &statics(who).public()].concat();
        block.check_bytes(&format!("signed for message {number}"), &signed);
        let payload = block.array(&format!("payload of message {number}"));
        assert_eq!(binding::encode(&identity, role, &hash, &statics(who).public()), payload);
        assert_eq!(binding::decode(&payload, role, &hash, &statics(who).public()), Some(identity.key()));
    }

    check_first_message(&block, "dialler", &mut dialler, &mut acceptor);
    check_first_message(&block, "acceptor", &mut acceptor, &mut dialler);
    let message = block.bytes("dialler's message 0");
    for _ in 1..REKEY_AFTER {
        dialler.seal(&message, &mut Vec::new());
    }
    let mut frame = Vec::new();
    dialler.seal(&message, &mut frame);
    block.check_bytes("dialler's message 65536 in its frame", &frame);
}

#[track_caller]
fn check_first_message(block: &Block, name: &str, from: &mut Channel, to: &mut Channel) {
    let message = block.bytes(&format!("{name}'s message 0"));
    let mut frame = Vec::new();
    from.seal(&message, &mut frame);
    block.check_bytes(&format!("{name}'s message 0 in its frame"), &frame);
    assert_eq!(step(to, &frame, &mut Vec::new()), Some(Step::Message(message)));
}

/// The keys themselves never leave a channel, so the document's are tried on the document's frames.
#[test]
fn the_document_s_keys_seal_the_document_s_frames() {
    let block = Block::new("handshake");
    for (key, nonce, message, frame) in [
        ("dialler's key", 0, "dialler's message 0", "dialler's message 0 in its frame"),
        ("acceptor's key", 0, "acceptor's message 0", "acceptor's message 0 in its frame"),
        ("dialler's key after rekeying", REKEY_AFTER, "dialler's message 0", "dialler's message 65536 in its frame"),
    ] {
        let mut cipher = DefaultResolver.resolve_cipher(&CipherChoice::ChaChaPoly).expect("snow is built with it");
        cipher.set(&block.array(key));
        let message = block.bytes(message);
        let mut sealed = vec![0; message.len() + 16];
        cipher.encrypt(nonce, &[], &message, &mut sealed);
        let length = u16::try_from(sealed.len()).expect("a short message");
        block.check_bytes(frame, &[&length.to_be_bytes()[..], &sealed].concat());
    }
    let mut cipher = DefaultResolver.resolve_cipher(&CipherChoice::ChaChaPoly).expect("snow is built with it");
    cipher.set(&block.array("dialler's key"));
    let mut rekeyed = [0; 48];
    cipher.encrypt(u64::MAX, &[], &[0; 32], &mut rekeyed);
    block.check_bytes("dialler's key after rekeying", &rekeyed[..32]);
}

#[test]
fn verification_digits_are_the_document_s() {
    let block = Block::new("digits");
    let (lower, higher) = (Key(block.array("lower key")), Key(block.array("higher key")));
    assert!(lower < higher);
    assert_eq!(verification_digits(&higher, &lower), block.text("digits"));
}

#[test]
fn rooms_and_entries_have_the_document_s_bytes_ids_and_signatures() {
    let block = Block::new("rooms");
    block.check("creation record", &record());
    block.check_bytes("room id", &record().id().0);
    let private = block.bytes("private message id");
    assert_eq!(private_id(&ana().key(), 0xa1, 5), hex::encode(&private));
    let first = entry(1, vec![], "oi");
    let second = entry(2, vec![first.id(), EntryId([5; 32])], "olá, 日本");
    for (number, entry) in [(1, first), (2, second)] {
        block.check(&format!("entry {number}"), &entry);
        block.check_bytes(&format!("entry {number} id"), &entry.id().0);
        let signed = entry.clone().sign(&ana());
        block.check_bytes(&format!("entry {number} signature"), &signed.signature);
        let signature = block.array(&format!("entry {number} signature"));
        assert!(SignedEntry { entry, signature }.verify());
    }
}

#[test]
fn every_message_to_a_tracker_has_the_document_s_bytes() {
    let claimed = || List::truncated(vec![address("192.168.1.2:6061"), address("[fe80::1]:6061")]);
    let password = || PasswordHash::of("correct horse");
    Block::new("ToTracker").check_messages(&[
        ToTracker::Ping { nonce: 7 },
        ToTracker::Pong { nonce: 7 },
        ToTracker::Register {
            request: 1,
            name: name("Ana"),
            password: password(),
            token: Some(Token::new("abrete").expect("short enough")),
            claimed: claimed(),
        },
        ToTracker::LoginPassword { request: 1, name: name("Ana"), password: password(), claimed: claimed() },
        ToTracker::LoginKey { request: 1, name: name("Ana"), claimed: claimed() },
        ToTracker::Logout { request: 2 },
        ToTracker::Moved { claimed: claimed() },
        ToTracker::SetStatus { request: 3, status: Status::Away, text: text("almoço") },
        ToTracker::SetProfile { request: 4, text: text("São Paulo") },
        ToTracker::SetPlaintext { request: 5, open: true },
        ToTracker::ListPeers { request: 6, prefix: text("a"), after: Some(name("Ana")) },
        ToTracker::ListRooms { request: 7, prefix: text(""), after: None },
        ToTracker::WhoisName { request: 8, name: name("Bia") },
        ToTracker::WhoisKey { request: 9, key: bia().key() },
        ToTracker::Create { request: 10, name: name("sala"), capacity: 32, nonce: [0x11; 16], flags: 0 },
        ToTracker::Join { request: 11, name: name("sala"), plaintext: true },
        ToTracker::Leave { request: 12, name: name("sala") },
        ToTracker::Delete { request: 13, name: name("sala") },
        ToTracker::Bye { reason: Goodbye::Quit },
    ]);
}

#[test]
fn every_message_from_a_tracker_has_the_document_s_bytes() {
    let caio = Contact {
        name: name("Caio"),
        key: None,
        dialect: Dialect::Papo,
        status: Status::Offline,
        status_text: StatusText::default(),
        endpoints: List::truncated(vec![]),
        last_seen: Wall(1_600_000_000_000),
    };
    let members = || List::truncated(vec![name("Ana"), name("Bia")]);
    Block::new("FromTracker").check_messages(&[
        FromTracker::Ping { nonce: 7 },
        FromTracker::Pong { nonce: 7 },
        FromTracker::Welcome { request: 1, name: name("Ana"), seen: address("203.0.113.7:50000"), wall: AT },
        FromTracker::Done { request: 2 },
        FromTracker::Failed { request: 3, failure: Failure::RoomFull },
        FromTracker::Peers {
            request: 6,
            rows: List::truncated(vec![
                PeerRow { contact: contact(&ana(), "Ana"), room: Some(name("sala")) },
                PeerRow { contact: caio, room: None },
            ]),
            more: true,
        },
        FromTracker::Rooms {
            request: 7,
            rows: List::truncated(vec![RoomRow {
                name: name("sala"),
                owner: name("Ana"),
                capacity: 32,
                flags: 0,
                members: members(),
            }]),
            more: false,
        },
        FromTracker::Whois {
            request: 8,
            contact: contact(&bia(), "Bia"),
            profile: Profile::new("São Paulo").expect("short enough"),
            plaintext: false,
        },
        FromTracker::Contact { contact: contact(&bia(), "Bia") },
        FromTracker::Room {
            room: RoomState { record: record(), owner: name("Ana"), capacity: 32, epoch: 2, members: members() },
        },
        FromTracker::RoomChanged { room: record().id(), epoch: 3, what: RoomEvent::Joined, user: name("Caio") },
        FromTracker::Synced,
        FromTracker::Bye { reason: Goodbye::Replaced },
    ]);
}

#[test]
fn every_message_of_a_link_has_the_document_s_bytes() {
    let first = entry(1, vec![], "oi");
    let transfer = TransferId([0x22; 16]);
    Block::new("ToPeer").check_messages(&[
        ToPeer::Ping { nonce: 7 },
        ToPeer::Pong { nonce: 7 },
        ToPeer::Hello {
            name: name("Ana"),
            tracker: Some(tracker().key()),
            have: Have { log: 0xb1, seq: 4 },
            instance: 0xc1,
            port: 6061,
        },
        ToPeer::RoomHello { room: record().id(), have: Have::default(), heads: List::truncated(vec![first.id()]) },
        ToPeer::Entry { entry: first.sign(&ana()) },
        ToPeer::EntryAck { room: record().id(), have: Have { log: 0xa1, seq: 1 } },
        ToPeer::Private {
            message: PrivateMessage { log: 0xa1, seq: 5, scope: Scope::Private, at: AT, text: text("só para ti") },
        },
        ToPeer::PrivateAck { have: Have { log: 0xa1, seq: 5 } },
        ToPeer::Bye { reason: Goodbye::Duplicate },
        ToPeer::Offer {
            transfer,
            offer: Offer {
                name: text("fotos"),
                tree: true,
                executable: false,
                size: 5,
                files: 2,
                manifest: 21,
                audience: Audience::All,
            },
        },
        ToPeer::Accept { transfer, stream: 1, offset: 3, prefix: Hash([7; 32]) },
        ToPeer::Chunk { stream: 1, offset: 3, bytes: Chunk::new(*b"oi").expect("short") },
        ToPeer::Credit { stream: 1, up_to: 0x0010_0003 },
        ToPeer::End { stream: 1, sha256: Hash([7; 32]) },
        ToPeer::Whole { transfer },
        ToPeer::Pause { transfer, paused: true },
        ToPeer::Refuse { transfer, reason: Reason::Full },
        ToPeer::Withdraw { transfer, reason: Reason::Changed },
        ToPeer::About {
            about: About { status: Status::Away, status_text: text("almoço"), profile: text("pinto casas") },
        },
    ]);
}

#[test]
fn a_beacon_has_the_document_s_bytes() {
    let block = Block::new("Beacon");
    let beacon = |tracker| Beacon { port: 6061, instance: 0xc1, tracker };
    for (name, beacon) in [("with a tracker", beacon(Some(6060))), ("without", beacon(None))] {
        assert_eq!(hex::encode(&beacon.to_bytes()), hex::encode(&block.bytes(name)), "{name}");
    }
}

#[test]
fn what_the_document_refuses_is_malformed() {
    let block = Block::new("refused");
    for vector in block.vectors.keys() {
        let bytes = block.bytes(vector);
        let refused = match vector.split(' ').next().unwrap_or_default() {
            "bool" => bool::from_bytes(&bytes).is_err(),
            "option" => Option::<u8>::from_bytes(&bytes).is_err(),
            "text" => Text::<128>::from_bytes(&bytes).is_err(),
            "name" => Name::from_bytes(&bytes).is_err(),
            "address" => SocketAddr::from_bytes(&bytes).is_err(),
            "parents" => Parents::from_bytes(&bytes).is_err(),
            "ToTracker" => ToTracker::from_bytes(&bytes).is_err(),
            "FromTracker" => FromTracker::from_bytes(&bytes).is_err(),
            "ToPeer" => ToPeer::from_bytes(&bytes).is_err(),
            "Beacon" => Beacon::from_bytes(&bytes).is_err(),
            other => panic!("no type {other}"),
        };
        assert!(refused, "{vector}");
    }
}

/// Whether `bytes` are a message, and another encoding of it than the one.
fn has_two_encodings<T: Wire>(bytes: &[u8]) -> bool {
    T::from_bytes(bytes).is_ok_and(|message| message.to_bytes() != bytes)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn whatever_a_changed_message_decodes_to_encodes_to_the_same_bytes(
        which in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        cut in 0usize..4,
    ) {
        for name in ["ToTracker", "FromTracker", "ToPeer", "Beacon"] {
            let block = Block::new(name);
            let names = block.vectors.keys().collect::<Vec<_>>();
            let mut bytes = block.bytes(names[which.index(names.len())]);
            bytes.truncate(bytes.len().saturating_sub(cut.saturating_sub(2)).max(1));
            for (place, byte) in &changes {
                let place = place.index(bytes.len());
                bytes[place] = *byte;
            }
            // Whatever the kind, it is tried as a message of each protocol.
            prop_assert!(!has_two_encodings::<ToTracker>(&bytes));
            prop_assert!(!has_two_encodings::<FromTracker>(&bytes));
            prop_assert!(!has_two_encodings::<ToPeer>(&bytes));
            prop_assert!(!has_two_encodings::<Beacon>(&bytes));
        }
    }
}

#[test]
fn the_tables_of_the_document_have_the_code_s_numbers() {
    let limits = Limits::DEFAULT;
    let millions = |number: u64| format!("{},{:03},{:03}", number / 1_000_000, number / 1000 % 1000, number % 1000);
    let number = |limit: u64| usize::try_from(limit).expect("limits are small");
    let thousands = |number: usize| {
        if number < 1000 { number.to_string() } else { format!("{},{:03}", number / 1000, number % 1000) }
    };
    for row in [
        format!("| handshake frames | exactly {FIRST_BYTES}, {SECOND_BYTES} and {THIRD_BYTES} bytes |"),
        format!(
            "of a link before `Hello`, after its length | {} bytes |",
            thousands(limits.frame_before_login_bytes_max)
        ),
        format!("| any other frame after its length | {} bytes |", thousands(FRAME_BYTES_MAX)),
        format!("| name | {NAME_CHARS_MAX} characters, {NAME_BYTES_MAX} bytes |"),
        format!("| text of a message | {} bytes |", thousands(TEXT_BYTES_MAX)),
        format!(
            "| status text, profile, token | {STATUS_BYTES_MAX}, {}, {TOKEN_BYTES_MAX} bytes |",
            thousands(PROFILE_BYTES_MAX)
        ),
        format!("| claimed addresses, told endpoints | {CLAIMED_MAX}, {ENDPOINTS_MAX} |"),
        format!("| members of a room | {ROOM_CAPACITY_MAX} |"),
        format!("| rooms of a user | {ROOMS_PER_USER_MAX} |"),
        format!("| rows of a page | {PAGE_ROWS_MAX} |"),
        format!("| parents, heads | {PARENTS_MAX} |"),
        format!("| beacon | {BEACON_BYTES} bytes |"),
        format!("in at most {} bytes; a longer text", thousands(READ_BYTES)),
        format!("within one pause of {} ms", PAUSE.as_millis()),
        format!("says more than {} bytes a second", thousands(number(limits.relay_bytes_per_s_max))),
        format!("more than {} bytes wait for anyone's", thousands(limits.relay_waiting_bytes_max)),
        format!("has not taken {} bytes", millions(limits.relay_untaken_bytes_max as u64)),
        format!("take them for {} s is closed", limits.relay_slow_ms_max / 1000),
        format!("be sent more than {} bytes a second", thousands(number(limits.relay_outflow_per_s_max))),
        format!("has {} clients, {} of", limits.relay_clients_max, limits.relay_clients_per_source_max),
        format!("their ends ping after {} to {} s", limits.link_ping_after_ms / 2000, limits.link_ping_after_ms / 1000),
        format!("and give up after {} s", limits.link_silence_ms_max / 1000),
        format!("to an address, and {} altogether", limits.lan_dials_max),
        format!("({} neighbours, {} of an address)", thousands(limits.lan_heard_max), limits.lan_heard_per_address_max),
        format!("not heard for {} s", limits.lan_heard_ms_max / 1000),
        format!("Every 2.5 to {} s", limits.lan_beacon_ms / 1000),
        format!("| {} |", Failure::ALL.len()),
        format!("| name of a file, path in a manifest | {FILE_NAME_BYTES_MAX}, {} bytes |", thousands(PATH_BYTES_MAX)),
        format!("| bytes of a chunk | {} bytes |", thousands(CHUNK_BYTES_MAX)),
        format!("| size of a transfer | 2^{} bytes |", SIZE_MAX.ilog2()),
        format!("1 MiB ({} bytes) beyond `offset`", millions(AHEAD_BYTES_MAX)),
        format!("A peer holds {} offers of one person", limits.offers_per_person_max),
        format!("When nothing at all was heard for {} s", limits.silence_ms_max / 1000),
        format!("within {} seconds of the connection's opening", limits.handshake_ms_max / 1000),
        format!("within {} s of the handshake", limits.login_ms_max / 1000),
        format!("when {} wait (default)", limits.requests_waiting_max),
        format!("asks for the default ({})", limits.room_capacity_default),
    ] {
        assert!(DOCUMENT.replace('\n', " ").contains(&row), "PROTOCOL.md does not say: {row}");
    }
    assert_eq!(limits.frame_bytes_max, FRAME_BYTES_MAX, "the default is what the document says");
}

#[test]
fn the_code_refers_to_sections_that_the_document_has() {
    for section in [
        "Notation",
        "Channel",
        "Tracker",
        "Rooms",
        "Entries",
        "Links",
        "Transfers",
        "Beacons",
        "Relays",
        "Names",
        "Limits",
        "Test vectors",
    ] {
        assert!(DOCUMENT.contains(&format!("\n## {section}\n")), "no section {section}");
    }
}

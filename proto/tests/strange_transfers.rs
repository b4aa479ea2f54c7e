//! Offers and streams of strangers that are not what they may be: nothing of them is created, and nothing is replaced.

mod host;

use host::{Host, Stranger, name};
use papo_proto::{
    disk::{BLOCK_BYTES_MAX, memory::Node},
    limits::Limits,
    peer::{Note, Notice, Peer, Request, interface::Target},
    wire::{
        codec::{Text, Wire as _},
        peer::ToPeer,
        transfer::{AHEAD_BYTES_MAX, Audience, CHUNK_BYTES_MAX, Chunk, Hash, Offer, Reason, SIZE_MAX, TransferId},
    },
};
use sha2::{Digest as _, Sha256};

fn id(number: u64) -> TransferId {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    TransferId(id)
}

fn single(called: &str, size: u64) -> Offer {
    Offer {
        name: Text::new(called).expect("short"),
        tree: false,
        executable: false,
        size,
        files: 1,
        manifest: 0,
        audience: Audience::Private,
    }
}

/// An entry of a manifest as it is written.
fn entry(kind: u8, path: &str, size: u64) -> Vec<u8> {
    let mut bytes = vec![kind];
    Text::<4095>::new(path).expect("short").encode(&mut bytes);
    if kind > 0 {
        size.encode(&mut bytes);
    }
    bytes
}

fn tree(manifest: &[u8], size: u64, files: u32) -> Offer {
    let manifest = u32::try_from(manifest.len()).expect("short");
    Offer { tree: true, size, files, manifest, ..single("fotos", 0) }
}

fn sum(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn chunk(stream: u32, offset: u64, bytes: &[u8]) -> ToPeer {
    ToPeer::Chunk { stream, offset, bytes: Chunk::new(bytes).expect("short") }
}

/// A peer, and a stranger who is linked to it.
fn linked() -> (Host<Peer>, Stranger) {
    let mut host = Host::peer(|_| {});
    let stranger = host.link(2);
    (host, stranger)
}

fn offers(host: &Host<Peer>) -> usize {
    host.notices.iter().filter(|notice| matches!(notice, Notice::Offer { .. })).count()
}

/// What the peer says about transfers.
fn answers(host: &mut Host<Peer>, stranger: &mut Stranger) -> Vec<ToPeer> {
    stranger.exchange(host);
    stranger.heard::<ToPeer>().into_iter().filter(|said| said.to_bytes()[0] >= 10).collect()
}

fn say(host: &mut Host<Peer>, stranger: &mut Stranger, message: &ToPeer) -> Vec<ToPeer> {
    stranger.say(host, message);
    answers(host, stranger)
}

/// Its offer is accepted: it may send.
fn accepted(offer: &Offer) -> (Host<Peer>, Stranger) {
    let (mut host, mut stranger) = linked();
    assert_eq!(say(&mut host, &mut stranger, &ToPeer::Offer { transfer: id(1), offer: offer.clone() }), []);
    host.ask(Request::Accept { transfer: 1 });
    let accept = ToPeer::Accept { transfer: id(1), stream: 1, offset: 0, prefix: sum(b"") };
    assert_eq!(answers(&mut host, &mut stranger), [accept]);
    (host, stranger)
}

fn refused(reason: Reason) -> ToPeer {
    ToPeer::Refuse { transfer: id(1), reason }
}

#[track_caller]
fn assert_clean(host: &Host<Peer>) {
    assert!(host.files.received().is_empty() && host.files.kept().count() == 0 && host.files.open() == 0);
}

#[test]
fn offers_that_break_a_rule_are_refused_and_nobody_is_asked() {
    let fair = single("x", 1);
    for offer in [
        single("../x", 1),
        single("/etc/passwd", 1),
        single("..", 1),
        single("", 1),
        single("a/b", 1),
        single("a\0", 1),
        single("x", SIZE_MAX + 1),
        single("x", 1 << 63),
        single("x", u64::MAX),
        Offer { files: 2, ..fair.clone() },
        Offer { manifest: 1, ..fair.clone() },
        Offer { tree: true, manifest: u32::MAX, ..fair.clone() },
        Offer { tree: true, manifest: 8, files: u32::MAX, ..fair.clone() },
    ] {
        let (mut host, mut stranger) = linked();
        let shown = format!("{offer:?}");
        let offer = ToPeer::Offer { transfer: id(1), offer };
        assert_eq!(say(&mut host, &mut stranger, &offer), [refused(Reason::Invalid)], "{shown}");
        assert_eq!(say(&mut host, &mut stranger, &offer), [refused(Reason::Invalid)], "{shown}");
        assert_eq!(offers(&host), 0, "{shown}");
        let told =
            |notice: &&Notice| matches!(notice, Notice::Note(Note::OffersRefused { reason: Reason::Invalid, .. }));
        assert_eq!(host.notices.iter().filter(told).count(), 1, "told once a link: {shown}");
        assert_clean(&host);
    }
}

#[test]
fn ten_thousand_offers_leave_as_many_as_the_limit() {
    let (mut host, mut stranger) = linked();
    let max = Limits::DEFAULT.offers_per_person_max;
    let mut busy = 0;
    for number in 0..10_000 {
        let offer = ToPeer::Offer { transfer: id(number), offer: single("x", 1) };
        let said = say(&mut host, &mut stranger, &offer);
        let refusal = ToPeer::Refuse { transfer: id(number), reason: Reason::Busy };
        assert!(said.is_empty() || said == [refusal]);
        busy += said.len();
    }
    assert_eq!((offers(&host), busy), (max, 10_000 - max));
    // Who decides makes room for another one.
    host.ask(Request::Reject { transfer: 1 });
    let said = say(&mut host, &mut stranger, &ToPeer::Offer { transfer: id(20_000), offer: single("x", 1) });
    assert_eq!((said, offers(&host)), (vec![ToPeer::Refuse { transfer: id(0), reason: Reason::Rejected }], max + 1));
}

#[test]
fn all_people_together_leave_as_many_offers_as_the_limit() {
    let mut host = Host::peer(|start| start.limits.offers_max = 3);
    for number in 2..7 {
        let mut stranger = host.link(number);
        let said = say(&mut host, &mut stranger, &ToPeer::Offer { transfer: id(1), offer: single("x", 1) });
        let refused = if number <= 4 { vec![] } else { vec![refused(Reason::Busy)] };
        assert_eq!(said, refused, "{number}");
    }
    assert_eq!(offers(&host), 3);
}

#[test]
fn all_transfers_together_leave_as_many_offers_as_the_limit() {
    let (mut host, mut stranger) = {
        let mut host = Host::peer(|start| start.limits.transfers_max = 2);
        let stranger = host.link(2);
        (host, stranger)
    };
    let offer = |number| ToPeer::Offer { transfer: id(number), offer: single("x", 1) };
    assert_eq!(say(&mut host, &mut stranger, &offer(1)), []);
    host.ask(Request::Accept { transfer: 1 });
    assert_eq!(answers(&mut host, &mut stranger).len(), 1);
    assert_eq!(say(&mut host, &mut stranger, &offer(2)), []);
    let busy = ToPeer::Refuse { transfer: id(3), reason: Reason::Busy };
    assert_eq!(say(&mut host, &mut stranger, &offer(3)), [busy]);
    host.ask(Request::Reject { transfer: 2 });
    answers(&mut host, &mut stranger);
    assert_eq!(say(&mut host, &mut stranger, &offer(3)), []);
}

#[test]
fn an_offer_that_is_repeated_is_one_and_another_under_its_id_ends_it() {
    let (mut host, mut stranger) = linked();
    let offer = ToPeer::Offer { transfer: id(1), offer: single("x", 1) };
    for _ in 0..3 {
        assert_eq!(say(&mut host, &mut stranger, &offer), []);
    }
    assert_eq!(offers(&host), 1);
    let other = ToPeer::Offer { transfer: id(1), offer: single("y", 1) };
    assert_eq!(say(&mut host, &mut stranger, &other), [refused(Reason::Invalid)]);
    assert_eq!(say(&mut host, &mut stranger, &offer), [refused(Reason::Invalid)], "for good");
    assert_eq!(offers(&host), 1);
}

#[test]
fn what_runs_goes_on_where_it_was_after_its_offer_and_ends_by_another_under_its_id() {
    let (mut host, mut stranger) = accepted(&single("x", 4));
    assert_eq!(say(&mut host, &mut stranger, &chunk(1, 0, b"ab")), []);
    for stream in 2..5 {
        let again = ToPeer::Offer { transfer: id(1), offer: single("x", 4) };
        let accept = ToPeer::Accept { transfer: id(1), stream, offset: 2, prefix: sum(b"ab") };
        assert_eq!(say(&mut host, &mut stranger, &again), [accept]);
    }
    assert_eq!(say(&mut host, &mut stranger, &chunk(1, 2, b"cd")), [], "of a stream that was given up");
    let other = ToPeer::Offer { transfer: id(1), offer: single("x", 5) };
    assert_eq!(say(&mut host, &mut stranger, &other), [refused(Reason::Invalid)]);
    assert_clean(&host);
}

#[test]
fn streams_that_are_not_what_was_promised_end_and_leave_nothing() {
    type Steps = Vec<ToPeer>;
    let long = vec![7; CHUNK_BYTES_MAX];
    let cases: Vec<(&str, Steps, Reason)> = vec![
        ("out of order", vec![chunk(1, 1, b"b")], Reason::Invalid),
        ("twice", vec![chunk(1, 0, b"ab"), chunk(1, 0, b"ab")], Reason::Invalid),
        ("a gap", vec![chunk(1, 0, b"a"), chunk(1, 2, b"c")], Reason::Invalid),
        ("nothing", vec![chunk(1, 0, b"")], Reason::Invalid),
        ("too much at once", vec![chunk(1, 0, b"abcde")], Reason::Invalid),
        ("too much at last", vec![chunk(1, 0, b"abcd"), chunk(1, 4, b"e")], Reason::Invalid),
        (
            "an end too early",
            vec![chunk(1, 0, b"abc"), ToPeer::End { stream: 1, sha256: sum(b"abc") }],
            Reason::Invalid,
        ),
        ("another hash", vec![chunk(1, 0, b"abcd"), ToPeer::End { stream: 1, sha256: sum(b"abc") }], Reason::Mismatch),
        ("the offset's end", vec![chunk(1, u64::MAX, b"a")], Reason::Invalid),
    ];
    for (what, steps, reason) in cases {
        let (mut host, mut stranger) = accepted(&single("x", 4));
        let mut said = Vec::new();
        for step in &steps {
            said.extend(say(&mut host, &mut stranger, step));
        }
        assert_eq!(said, [refused(reason)], "{what}");
        assert_clean(&host);
        // What still comes of it is dropped, and the link stands.
        assert_eq!(say(&mut host, &mut stranger, &chunk(1, 0, b"a")), []);
        assert!(!host.closed.contains(&stranger.conn), "{what}");
    }
    // A disk that fills up while more comes.
    let (mut host, mut stranger) = accepted(&single("x", 8 << 20));
    host.files.fail_next(papo_proto::disk::DiskError::Full);
    let mut offset = 0;
    let said = loop {
        let said = say(&mut host, &mut stranger, &chunk(1, offset, &long));
        offset += long.len() as u64;
        if !said.is_empty() {
            break said;
        }
        assert!(offset <= AHEAD_BYTES_MAX);
    };
    assert_eq!(said, [refused(Reason::Full)]);
    assert_clean(&host);
}

#[test]
fn a_stream_that_nobody_opened_is_a_fault_of_the_link() {
    for message in [chunk(1, 0, b"a"), chunk(0, 0, b"a"), ToPeer::End { stream: 1, sha256: sum(b"") }] {
        let (mut host, mut stranger) = linked();
        stranger.say(&mut host, &ToPeer::Offer { transfer: id(1), offer: single("x", 4) });
        stranger.say(&mut host, &message);
        assert!(host.closed.contains(&stranger.conn), "{message:?}");
        assert_clean(&host);
    }
    let (mut host, mut stranger) = accepted(&single("x", 4));
    stranger.say(&mut host, &chunk(2, 0, b"a"));
    assert!(host.closed.contains(&stranger.conn), "only the first is open");
}

#[test]
fn manifests_that_break_a_rule_end_the_transfer_before_anything_is_created() {
    let row = |parts: &[Vec<u8>]| parts.concat();
    for (what, manifest, size, files) in [
        ("leads out", row(&[entry(1, "../x", 1)]), 1, 1),
        ("absolute", row(&[entry(1, "/etc/passwd", 1)]), 1, 1),
        ("leads out below", row(&[entry(0, "a", 0), entry(1, "a/../../x", 1)]), 1, 1),
        ("twice", row(&[entry(1, "x", 1), entry(1, "x", 1)]), 2, 2),
        ("in a file", row(&[entry(1, "x", 1), entry(1, "x/y", 1)]), 2, 2),
        ("in nothing", row(&[entry(1, "a/x", 1)]), 1, 1),
        ("empty", row(&[entry(1, "", 1)]), 1, 1),
        ("more bytes", row(&[entry(1, "x", 2)]), 1, 1),
        ("fewer bytes", row(&[entry(1, "x", 1)]), 2, 1),
        ("more files", row(&[entry(1, "x", 1), entry(1, "y", 0)]), 1, 1),
        ("fewer files", row(&[entry(1, "x", 1)]), 1, 2),
        ("beyond all numbers", row(&[entry(1, "x", u64::MAX), entry(1, "y", 2)]), 1, 2),
        ("another kind", row(&[entry(7, "x", 1)]), 1, 1),
        ("cut short", entry(1, "x", 1)[..6].to_vec(), 1, 1),
    ] {
        let (mut host, mut stranger) = accepted(&tree(&manifest, size, files));
        let said = say(&mut host, &mut stranger, &chunk(1, 0, &manifest));
        assert_eq!(said.last(), Some(&refused(Reason::Invalid)), "{what}");
        assert_clean(&host);
    }
}

#[test]
fn names_that_are_no_names_elsewhere_are_received_under_others() {
    let named =
        ["C:evil", "CON", "nul.txt", "-rf", ".bashrc", "a\\b", "end.", "A", "a", "ａ", "x\u{202e}gpj", "\u{1b}[2J"];
    let manifest = named.iter().flat_map(|path| entry(2, path, 1)).collect::<Vec<_>>();
    let count = u32::try_from(named.len()).expect("few");
    let (mut host, mut stranger) =
        accepted(&Offer { name: Text::new("..fotos ").expect("short"), ..tree(&manifest, u64::from(count), count) });
    let stream = [manifest.clone(), vec![7; named.len()]].concat();
    stranger.say(&mut host, &chunk(1, 0, &stream));
    let said = say(&mut host, &mut stranger, &ToPeer::End { stream: 1, sha256: sum(&stream) });
    assert_eq!(said.last(), Some(&ToPeer::Whole { transfer: id(1) }));
    let mut paths = host.files.received_as("_..fotos_").into_iter().map(|(path, _)| path).collect::<Vec<_>>();
    paths.sort();
    let mut expected = vec![
        "", "A", "C_evil", "_-rf", "_.bashrc", "_CON", "_[2J", "_nul.txt", "a (1)", "a_b", "end_", "x_gpj", "ａ (2)",
    ];
    expected.retain(|path| paths.iter().any(|of| of.is_empty()) || !path.is_empty());
    assert_eq!(paths, expected);
    let renamed = host.notices.iter().find_map(|notice| match notice {
        Notice::Received { renamed, .. } => Some(*renamed),
        _ => None,
    });
    assert_eq!(renamed, Some(named.len() as u64 - 1 + 1));
}

#[test]
fn directories_that_look_alike_are_told_apart_with_all_that_is_in_them() {
    let rows = [
        entry(0, "Dir", 0),
        entry(1, "Dir/x", 1),
        entry(1, "Dir/X", 1),
        entry(0, "dir", 0),
        entry(1, "dir/x", 1),
        entry(1, "DIR", 1),
        entry(0, "e\u{301}", 0),
        entry(1, "\u{e9}", 1),
        entry(0, "e\u{301}/com1", 0),
    ];
    let manifest = rows.concat();
    let (mut host, mut stranger) = accepted(&tree(&manifest, 5, 5));
    let stream = [manifest, b"12345".to_vec()].concat();
    stranger.say(&mut host, &chunk(1, 0, &stream));
    let said = say(&mut host, &mut stranger, &ToPeer::End { stream: 1, sha256: sum(&stream) });
    assert_eq!(said.last(), Some(&ToPeer::Whole { transfer: id(1) }));
    let received = host.files.received_as("fotos").into_iter().map(|(path, node)| match node {
        Node::File { bytes, .. } => (path, String::from_utf8(bytes).expect("digits")),
        Node::Directory | Node::Other => (path, "/".to_owned()),
    });
    let mut received = received.filter(|(path, _)| !path.is_empty()).collect::<Vec<_>>();
    received.sort();
    let expected = [
        ("DIR (2)", "4"),
        ("Dir", "/"),
        ("Dir/X (1)", "2"),
        ("Dir/x", "1"),
        ("dir (1)", "/"),
        ("dir (1)/x", "3"),
        ("e\u{301}", "/"),
        ("e\u{301}/_com1", "/"),
        ("\u{e9} (1)", "5"),
    ];
    assert_eq!(received, expected.map(|(path, bytes)| (path.to_owned(), bytes.to_owned())));
}

#[test]
fn a_manifest_that_is_as_long_as_may_be_is_taken_in_parts() {
    let size = 20_000;
    let manifest = (0..size).flat_map(|number| entry(1, &format!("file-{number:020}"), 0)).collect::<Vec<_>>();
    assert!(manifest.len() > 2 * BLOCK_BYTES_MAX);
    let (mut host, mut stranger) = accepted(&tree(&manifest, 0, size));
    for (number, part) in manifest.chunks(CHUNK_BYTES_MAX).enumerate() {
        stranger.say(&mut host, &chunk(1, (number * CHUNK_BYTES_MAX) as u64, part));
    }
    let said = say(&mut host, &mut stranger, &ToPeer::End { stream: 1, sha256: sum(&manifest) });
    assert_eq!(said.last(), Some(&ToPeer::Whole { transfer: id(1) }));
    assert!(said.contains(&ToPeer::Credit { stream: 1, up_to: manifest.len() as u64 + AHEAD_BYTES_MAX }));
}

#[test]
fn a_withdrawal_is_answered_and_a_refusal_is_not() {
    let (mut host, mut stranger) = linked();
    let withdraw = ToPeer::Withdraw { transfer: id(1), reason: Reason::Cancelled };
    assert_eq!(say(&mut host, &mut stranger, &withdraw), [refused(Reason::Cancelled)], "of what is not known");
    assert_eq!(say(&mut host, &mut stranger, &refused(Reason::Rejected)), []);
    assert_eq!(say(&mut host, &mut stranger, &ToPeer::Whole { transfer: id(1) }), []);
    assert_eq!(say(&mut host, &mut stranger, &ToPeer::Pause { transfer: id(1), paused: true }), []);
    assert_eq!(say(&mut host, &mut stranger, &ToPeer::Credit { stream: 1, up_to: 1 }), []);
    stranger.say(&mut host, &ToPeer::Offer { transfer: id(1), offer: single("x", 1) });
    assert_eq!(say(&mut host, &mut stranger, &withdraw), [refused(Reason::Cancelled)]);
    host.ask(Request::Transfers);
    assert!(host.notices.iter().any(|notice| matches!(notice, Notice::Transfers { rows } if rows.is_empty())));
}

/// The peer sends the stranger a file: its id.
fn sending(bytes: &[u8]) -> (Host<Peer>, Stranger, TransferId) {
    let (mut host, mut stranger) = linked();
    host.files.put_file("/home/x", bytes, false);
    let known = host.notices.iter().find_map(|notice| match notice {
        Notice::Peer { user, .. } => Some(user.clone()),
        _ => None,
    });
    let to = Target::User(known.unwrap_or_else(|| name("n2")));
    host.ask(Request::Send { to, path: "/home/x".to_owned() });
    let said = answers(&mut host, &mut stranger);
    let [ToPeer::Offer { transfer, .. }] = said[..] else { panic!("an offer: {said:?}") };
    (host, stranger, transfer)
}

#[test]
fn a_receiver_that_wants_what_can_not_be_gets_nothing() {
    let bytes = vec![7; 100];
    let accept = |transfer, offset, prefix| ToPeer::Accept { transfer, stream: 1, offset, prefix };
    let (mut host, mut stranger, transfer) = sending(&bytes);
    let invalid = [ToPeer::Withdraw { transfer, reason: Reason::Invalid }];
    assert_eq!(say(&mut host, &mut stranger, &accept(transfer, 101, sum(&bytes))), invalid, "beyond the end");
    let (mut host, mut stranger, transfer) = sending(&bytes);
    let changed = [ToPeer::Withdraw { transfer, reason: Reason::Changed }];
    assert_eq!(say(&mut host, &mut stranger, &accept(transfer, 50, sum(&bytes))), changed, "another beginning");
    let (mut host, mut stranger, transfer) = sending(&bytes);
    let said = say(&mut host, &mut stranger, &accept(transfer, 0, sum(b"")));
    assert!(matches!(said[..], [ToPeer::Chunk { stream: 1, .. }, ToPeer::End { .. }]), "{said:?}");
    let credit = ToPeer::Credit { stream: 1, up_to: 101 + AHEAD_BYTES_MAX };
    let invalid = [ToPeer::Withdraw { transfer, reason: Reason::Invalid }];
    assert_eq!(say(&mut host, &mut stranger, &credit), invalid, "it cannot have what was not sent");
    // Its id goes the other way: it can't be an offer of the stranger's.
    let (mut host, mut stranger, transfer) = sending(&bytes);
    let said = say(&mut host, &mut stranger, &ToPeer::Offer { transfer, offer: single("x", 1) });
    assert_eq!(said, [ToPeer::Refuse { transfer, reason: Reason::Invalid }]);
    assert_eq!(offers(&host), 0);
}

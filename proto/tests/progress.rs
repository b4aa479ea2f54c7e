//! How far a transfer has come, as its person is told: at the start, now and then, and at the end.

mod host;

use host::{Host, Stranger, name};
use papo_proto::{
    disk::BLOCK_BYTES_MAX,
    limits::Limits,
    machine::Closed,
    peer::{Notice, Peer, Request, interface::Target},
    wire::{
        codec::{Text, Wire as _},
        peer::ToPeer,
        transfer::{AHEAD_BYTES_MAX, Audience, CHUNK_BYTES_MAX, Chunk, Hash, Offer, TransferId},
    },
};
use sha2::{Digest as _, Sha256};

const ID: TransferId = TransferId([7; 16]);
const TOLD_MS: u64 = Limits::DEFAULT.progress_told_ms;
const BLOCK: u64 = BLOCK_BYTES_MAX as u64;
const BLOCKS: u64 = 40;

fn sum(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

fn bytes(length: u64) -> Vec<u8> {
    vec![7; usize::try_from(length).expect("small")]
}

/// All that was told of progress so far: how much has arrived.
fn told(host: &Host<Peer>) -> Vec<u64> {
    let told = host.notices.iter().filter_map(|notice| match notice {
        Notice::Progress { transfer: 1, done, total } => {
            assert_eq!(*total, BLOCKS * BLOCK);
            Some(*done)
        }
        _ => None,
    });
    told.collect()
}

fn said(host: &mut Host<Peer>, stranger: &mut Stranger) -> Vec<ToPeer> {
    stranger.exchange(host);
    stranger.heard::<ToPeer>().into_iter().filter(|said| said.to_bytes()[0] >= 10).collect()
}

fn offer(host: &mut Host<Peer>) -> Stranger {
    let mut stranger = host.link(2);
    let offer = Offer {
        name: Text::new("x").expect("short"),
        tree: false,
        executable: false,
        size: BLOCKS * BLOCK,
        files: 1,
        manifest: 0,
        audience: Audience::Private,
    };
    stranger.say(host, &ToPeer::Offer { transfer: ID, offer });
    stranger
}

/// Sends so many blocks, one after the other, and waits between them.
fn send(host: &mut Host<Peer>, stranger: &mut Stranger, blocks: std::ops::Range<u64>, wait_ms: u64) {
    for block in blocks {
        host.pass(wait_ms);
        for (number, part) in bytes(BLOCK).chunks(CHUNK_BYTES_MAX).enumerate() {
            let offset = block * BLOCK + (number * CHUNK_BYTES_MAX) as u64;
            let bytes = Chunk::new(part.to_vec()).expect("short");
            stranger.say(host, &ToPeer::Chunk { stream: 1, offset, bytes });
        }
    }
}

#[test]
fn the_receiver_is_told_at_the_start_ten_times_a_second_and_at_the_end() {
    let mut host = Host::peer(|_| {});
    let mut stranger = offer(&mut host);
    host.ask(Request::Accept { transfer: 1 });
    assert_eq!(told(&host), [0]);
    // A block each 30 ms: a word each 120.
    send(&mut host, &mut stranger, 0..20, 30);
    assert_eq!(told(&host), [0, 4, 8, 12, 16, 20].map(|blocks| blocks * BLOCK));
    // At the limit, and just before it.
    send(&mut host, &mut stranger, 20..23, TOLD_MS);
    assert_eq!(told(&host).len(), 6 + 3);
    send(&mut host, &mut stranger, 23..27, TOLD_MS - 1);
    assert_eq!(told(&host).len(), 6 + 3 + 2);
    // All at once, and the end.
    send(&mut host, &mut stranger, 27..BLOCKS, 0);
    let before = told(&host).len();
    stranger.say(&mut host, &ToPeer::End { stream: 1, sha256: sum(&bytes(BLOCKS * BLOCK)) });
    assert_eq!((told(&host).len(), told(&host).last()), (before + 1, Some(&(BLOCKS * BLOCK))));
    assert!(matches!(host.notices[host.notices.len() - 2..], [Notice::Progress { .. }, Notice::Received { .. }]));
    assert!(told(&host).is_sorted());
}

#[test]
fn after_a_cut_the_receiver_is_told_what_was_there_before() {
    let mut host = Host::peer(|_| {});
    let mut stranger = offer(&mut host);
    host.ask(Request::Accept { transfer: 1 });
    send(&mut host, &mut stranger, 0..5, 0);
    // A part of a block, which is kept when the link ends.
    let part = Chunk::new(vec![7; 100]).expect("short");
    stranger.say(&mut host, &ToPeer::Chunk { stream: 1, offset: 5 * BLOCK, bytes: part });
    assert_eq!(told(&host), [0]);
    host.close(stranger.conn, Closed::Reset);
    let mut stranger = offer(&mut host);
    let prefix = sum(&bytes(5 * BLOCK + 100));
    let accept = ToPeer::Accept { transfer: ID, stream: 1, offset: 5 * BLOCK + 100, prefix };
    assert_eq!(said(&mut host, &mut stranger), [accept]);
    assert_eq!(told(&host), [0, 5 * BLOCK + 100]);
}

#[test]
fn the_sender_is_told_what_the_receiver_has_on_its_disk() {
    let mut host = Host::peer(|_| {});
    host.files.put_file("/home/x", &bytes(BLOCKS * BLOCK), false);
    let mut stranger = host.link(2);
    host.ask(Request::Send { to: Target::User(name("n2")), path: "/home/x".to_owned() });
    let [ToPeer::Offer { transfer, .. }] = said(&mut host, &mut stranger)[..] else { panic!("an offer") };
    let there = 3 * BLOCK + 1;
    let accept = ToPeer::Accept { transfer, stream: 1, offset: there, prefix: sum(&bytes(there)) };
    stranger.say(&mut host, &accept);
    assert_eq!(told(&host), [there], "what was there before");
    for block in 1..=3 {
        host.pass(TOLD_MS - 1);
        let up_to = there + block * BLOCK + AHEAD_BYTES_MAX;
        stranger.say(&mut host, &ToPeer::Credit { stream: 1, up_to });
    }
    assert_eq!(told(&host), [there, there + 2 * BLOCK], "each limit at most");
    stranger.say(&mut host, &ToPeer::Whole { transfer });
    assert_eq!(told(&host), [there, there + 2 * BLOCK, BLOCKS * BLOCK]);
    assert!(matches!(host.notices[host.notices.len() - 2..], [Notice::Progress { .. }, Notice::Sent { .. }]));
}

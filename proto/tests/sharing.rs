//! Transfers that share the places of those that run: between people, and with what stands still.

mod host;
mod world;

use std::time::Duration;

use host::{Host, Stranger};
use papo_proto::{
    limits::Limits,
    peer::{Notice, Peer, Request, interface::Target},
    wire::{
        codec::{Text, Wire as _},
        peer::ToPeer,
        transfer::{AHEAD_BYTES_MAX, Audience, CHUNK_BYTES_MAX, Chunk, Hash, Offer, Reason, TransferId},
    },
};
use sha2::{Digest as _, Sha256};
use world::{
    World,
    files::{content, linked},
    host::user,
};

const PLACES: u64 = Limits::DEFAULT.transfers_running_max as u64;
const STALLED_MS: u64 = Limits::DEFAULT.transfer_stalled_ms;

fn id(person: u8, number: u64) -> TransferId {
    let mut id = [person; 16];
    id[..8].copy_from_slice(&number.to_be_bytes());
    TransferId(id)
}

fn nothing() -> Hash {
    Hash(Sha256::digest(b"").into())
}

/// Someone who offers files, as many as may be, and whose offers are taken.
fn offering(host: &mut Host<Peer>, person: u8, count: u64) -> Stranger {
    let mut stranger = host.link(person);
    for number in 1..=count {
        let offer = Offer {
            name: Text::new("x").expect("short"),
            tree: false,
            executable: false,
            size: 1 << 30,
            files: 1,
            manifest: 0,
            audience: Audience::Private,
        };
        stranger.say(host, &ToPeer::Offer { transfer: id(person, number), offer });
        let offered = host.notices.iter().rev().find_map(|notice| match notice {
            Notice::Offer { transfer, .. } => Some(*transfer),
            _ => None,
        });
        host.ask(Request::Accept { transfer: offered.expect("an offer") });
    }
    stranger
}

/// Which of its transfers someone is to send now, by the numbers that it gave them, with their streams.
fn begun(host: &mut Host<Peer>, stranger: &mut Stranger) -> Vec<(u64, u32)> {
    stranger.exchange(host);
    let said = stranger.heard::<ToPeer>().into_iter().filter_map(|said| match said {
        ToPeer::Accept { transfer, stream, .. } => {
            Some((u64::from_be_bytes(transfer.0[..8].try_into().expect("eight")), stream))
        }
        _ => None,
    });
    said.collect()
}

fn numbers(begun: &[(u64, u32)]) -> Vec<u64> {
    begun.iter().map(|(number, _)| *number).collect()
}

/// Time passes, and the stranger's link stays.
fn pass(host: &mut Host<Peer>, strangers: &mut [&mut Stranger], ms: u64) {
    for _ in 0..ms / 1_000 {
        host.pass(1_000);
        for stranger in &mut *strangers {
            stranger.say(host, &ToPeer::Pong { nonce: 0 });
        }
    }
}

#[test]
fn who_holds_every_place_gives_some_to_who_comes_later() {
    let mut host = Host::peer(|_| {});
    let mut bia = offering(&mut host, 2, PLACES + 4);
    assert_eq!(numbers(&begun(&mut host, &mut bia)), (1..=PLACES).collect::<Vec<_>>());
    let mut caio = offering(&mut host, 3, 6);
    // Half of the places, at once; the rest waits.
    assert_eq!(numbers(&begun(&mut host, &mut caio)), [1, 2, 3, 4]);
    assert_eq!(begun(&mut host, &mut bia), []);
    let mut dora = offering(&mut host, 4, 1);
    assert_eq!(numbers(&begun(&mut host, &mut dora)), [1]);
    // What is given back goes to who has fewest.
    caio.say(&mut host, &ToPeer::Withdraw { transfer: id(3, 1), reason: Reason::Cancelled });
    assert_eq!(numbers(&begun(&mut host, &mut caio)), [5]);
    assert_eq!((begun(&mut host, &mut bia), begun(&mut host, &mut dora)), (vec![], vec![]));
}

#[test]
fn what_stands_still_gives_its_place_to_what_waits_and_goes_on_behind_it() {
    let mut host = Host::peer(|_| {});
    let mut bia = offering(&mut host, 2, PLACES);
    begun(&mut host, &mut bia);
    pass(&mut host, &mut [&mut bia], 3 * STALLED_MS);
    assert_eq!(begun(&mut host, &mut bia), [], "nobody waits for a place");
    let mut more = |host: &mut Host<Peer>| {
        bia.say(
            host,
            &ToPeer::Offer {
                transfer: id(2, PLACES + 1),
                offer: Offer {
                    name: Text::new("y").expect("short"),
                    tree: false,
                    executable: false,
                    size: 0,
                    files: 1,
                    manifest: 0,
                    audience: Audience::Private,
                },
            },
        );
        host.ask(Request::Accept { transfer: PLACES + 1 });
        begun(host, &mut bia)
    };
    // They have stood still for long: the one begun last leaves at once.
    assert_eq!(numbers(&more(&mut host)), [PLACES + 1]);
    pass(&mut host, &mut [&mut bia], STALLED_MS - 1_000);
    assert_eq!(begun(&mut host, &mut bia), [], "what left does not push the next one out");
    // What is whole makes room for it.
    let stream = u32::try_from(PLACES + 1).expect("few");
    bia.say(&mut host, &ToPeer::End { stream, sha256: nothing() });
    assert_eq!(begun(&mut host, &mut bia), [(PLACES, stream + 1)]);
}

#[test]
fn a_place_is_kept_by_what_moves_and_lost_at_the_limit_by_what_does_not() {
    let mut host = Host::peer(|start| start.limits.transfers_running_max = 1);
    let mut bia = offering(&mut host, 2, 2);
    assert_eq!(begun(&mut host, &mut bia), [(1, 1)]);
    let chunk = |offset| ToPeer::Chunk { stream: 1, offset, bytes: Chunk::new(b"x".to_vec()).expect("short") };
    for offset in 0..5 {
        host.pass(STALLED_MS - 1);
        bia.say(&mut host, &chunk(offset));
        assert_eq!(begun(&mut host, &mut bia), []);
    }
    host.pass(STALLED_MS - 1);
    assert_eq!(begun(&mut host, &mut bia), []);
    host.pass(1);
    assert_eq!(begun(&mut host, &mut bia), [(2, 2)]);
    // What still comes of it is dropped; it goes on where it was.
    bia.say(&mut host, &chunk(5));
    host.pass(STALLED_MS);
    let said = {
        bia.exchange(&mut host);
        bia.heard::<ToPeer>()
    };
    let prefix = Hash(Sha256::digest(b"xxxxx").into());
    assert!(said.contains(&ToPeer::Accept { transfer: id(2, 1), stream: 3, offset: 5, prefix }), "{said:?}");
    assert!(!host.closed.contains(&bia.conn));
}

/// What the peer says about transfers.
fn said(host: &mut Host<Peer>, stranger: &mut Stranger) -> Vec<ToPeer> {
    stranger.exchange(host);
    stranger.heard::<ToPeer>().into_iter().filter(|said| said.to_bytes()[0] >= 10).collect()
}

fn chunks(said: &[ToPeer]) -> usize {
    said.iter().filter(|said| matches!(said, ToPeer::Chunk { .. })).count()
}

#[test]
fn who_takes_nothing_of_what_is_sent_does_not_hold_up_the_others() {
    let mut host = Host::peer(|_| {});
    host.files.put_file("/home/x", &content(2 << 20), false);
    let mut bia = host.link(2);
    let send = |host: &mut Host<Peer>, stranger: &mut Stranger, to: &str| {
        host.ask(Request::Send { to: Target::User(host::name(to)), path: "/home/x".to_owned() });
        match said(host, stranger)[..] {
            [ToPeer::Offer { transfer, .. }] => transfer,
            ref other => panic!("an offer: {other:?}"),
        }
    };
    let accept = |transfer, stream| ToPeer::Accept { transfer, stream, offset: 0, prefix: nothing() };
    let mut offered = Vec::new();
    for stream in 1..=9 {
        let transfer = send(&mut host, &mut bia, "n2");
        offered.push(transfer);
        bia.say(&mut host, &accept(transfer, stream));
        let sent = chunks(&said(&mut host, &mut bia));
        // As much as may be ahead of the receiver's disk.
        let ahead = usize::try_from(AHEAD_BYTES_MAX).expect("small").div_ceil(CHUNK_BYTES_MAX);
        assert_eq!(sent, if stream <= 8 { ahead } else { 0 }, "of {stream}");
    }
    // Someone else gets a place at once: the one begun last is offered anew.
    let mut caio = host.link(3);
    let other = send(&mut host, &mut caio, "n3");
    caio.say(&mut host, &accept(other, 1));
    assert!(chunks(&said(&mut host, &mut caio)) > 0);
    let again = said(&mut host, &mut bia);
    assert!(matches!(&again[..], [ToPeer::Offer { transfer, .. }] if *transfer == offered[7]), "{again:?}");
    // And the ninth, when the others have stood still for long enough.
    pass(&mut host, &mut [&mut bia, &mut caio], STALLED_MS);
    let later = said(&mut host, &mut bia);
    assert!(chunks(&later) > 0 && later.iter().any(|said| matches!(said, ToPeer::Offer { .. })), "{later:?}");
    // What was offered again goes on in its turn, as a new stream.
    bia.say(&mut host, &accept(offered[7], 10));
    pass(&mut host, &mut [&mut bia, &mut caio], STALLED_MS);
    let at_last = said(&mut host, &mut bia);
    assert!(at_last.iter().any(|said| matches!(said, ToPeer::Chunk { stream: 10, .. })), "it has its turn");
}

#[test]
fn several_people_share_the_places_of_one_receiver_and_all_arrives() {
    let mut world = World::default();
    let limits = Limits { transfers_running_max: 2, ..Limits::DEFAULT };
    let ana = world.peer(1, "ana");
    let bia = world.peer_with(2, "bia", |start| start.limits = limits);
    let caio = world.peer(3, "caio");
    world.link(ana, bia);
    world.link(caio, bia);
    let bytes = content(3 << 20);
    world.files(caio).put_file("/home/c", &bytes, false);
    world.send(caio, user("bia"), "/home/c");
    let of_caio = world.offer(bia);
    world.send_several(ana, bia, 3, &bytes);
    world.pass_steps(|world| world.sent(ana) > 1 << 20);
    world.ask_unsettled(bia, Request::Accept { transfer: of_caio });
    let before = (world.sent(ana), world.sent(caio));
    world.pass_steps(|world| world.sent(caio) > before.1 + (3 << 20));
    let meanwhile = world.sent(ana) - before.0;
    assert!(((2 << 20)..=(5 << 20)).contains(&meanwhile), "ana sent {meanwhile} bytes while caio sent 3 MiB");
    world.pass(Duration::from_secs(60));
    assert_eq!(world.received(bia).len(), 4);
    let twice = world.sent(ana) - 3 * (3 << 20);
    assert!(twice <= AHEAD_BYTES_MAX + 64 * 1024, "giving way cost {twice} bytes");
    world.assert_tidy(bia);
    world.assert_tidy(ana);
}

#[test]
fn the_sender_gives_way_to_another_receiver_and_goes_on_where_that_one_was() {
    let (mut world, ana, bia) = linked();
    let caio = world.peer(3, "caio");
    world.link(ana, caio);
    let bytes = content(3 << 20);
    let count = PLACES + 2;
    world.files(ana).put_file("/home/c", &bytes, false);
    world.send(ana, user("caio"), "/home/c");
    let transfer = world.offer(caio);
    world.send_several(ana, bia, count, &bytes);
    world.pass_steps(|world| world.sent(ana) > 4 << 20);
    world.ask_unsettled(caio, Request::Accept { transfer });
    world.pass_steps(|world| !world.received(caio).is_empty());
    assert!(world.received(bia).len() < usize::try_from(PLACES).expect("few"), "{:?}", world.received(bia));
    world.pass(Duration::from_secs(60));
    assert_eq!(world.received(bia).len() as u64, count);
    let twice = world.sent(ana) - (count + 1) * (3 << 20);
    assert!(twice <= AHEAD_BYTES_MAX + 256 * 1024, "giving way cost {twice} bytes");
    world.assert_tidy(bia);
    world.assert_tidy(ana);
}

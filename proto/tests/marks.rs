//! Every typed fault is reached: each machine that can tell of it is driven into it, and counts it and nothing else.
//!
//! [`scenarios`] matches over [`Fault`], so a new one does not compile before somebody has said how it comes about.

mod host;

use host::{Host, Stranger, identity, name};
use papo_proto::{
    channel::Preface,
    error::{Counters, Fault},
    identity::Context,
    limits::Limits,
    machine::{Closed, Event, Machine},
    peer::{Command, Notice, Peer, Request},
    time::Wall,
    tracker,
    tracker::Tracker,
    wire::{
        codec::List,
        peer::ToPeer,
        room::{Body, Entry, Parents, RoomId, Said},
        tracker::{Claimed, FromTracker, Goodbye, ToTracker},
    },
};

use snow::{
    HandshakeState,
    params::{CipherChoice, DHChoice, HashChoice},
    resolvers::{CryptoResolver, DefaultResolver},
    types::{Cipher, Dh, Hash, Random},
};

const DEFAULT: Limits = Limits::DEFAULT;

/// How a fault comes about, and what was counted.
type Scenario = (&'static str, fn() -> Counters);

/// At least one for each machine, and for each of its kinds of connection, that can have the fault.
#[rustfmt::skip]
fn scenarios(fault: Fault) -> Vec<Scenario> {
    match fault {
        Fault::NotPapo => vec![
            ("tracker: HTTP", || tracker_after(|host| say_raw(host, b"GET / HTTP/1.1\r\n"))),
            ("peer: HTTP", || peer_after(|host| say_raw(host, b"GET / HTTP/1.1\r\n"))),
        ],
        Fault::WrongPreface => vec![
            ("tracker: a peer", || tracker_after(|host| say_raw(host, Preface::Peer.line()))),
            ("peer: a client of a tracker", || peer_after(|host| say_raw(host, Preface::Tracker.line()))),
        ],
        Fault::Plaintext => vec![
            ("tracker: objects", || tracker_after(|host| say_raw(host, b"{"))),
            ("tracker: a line", || tracker_after(|host| say_raw(host, b"LIST\n"))),
        ],
        Fault::FrameTooLong => vec![
            ("tracker: in a handshake", || tracker_after(|host| say_frame(host, Preface::Tracker, &[0; 33]))),
            ("tracker: before login", || tracker_after(|host| frame_after_handshake(host, Preface::Tracker, &[0x04, 0x01]))),
            ("peer: in a handshake", || peer_after(|host| say_frame(host, Preface::Peer, &[0; 33]))),
            ("peer: on a link", || peer_after(|host| frame_on_link(host, &[0xa0, 0x01]))),
            ("peer: by its tracker", || session_after(|host, tracker| host.receive(tracker.conn, &[0xa0, 0x01]))),
        ],
        Fault::Handshake => vec![
            ("tracker: an all-zero point", || tracker_after(|host| say_frame(host, Preface::Tracker, &[0; 32]))),
            ("peer: an all-zero point", || peer_after(|host| say_frame(host, Preface::Peer, &[0; 32]))),
            ("peer: by whom it dialled", || peer_after(|host| answer_raw(host, &[&[0, 192][..], &[0; 192]].concat()))),
        ],
        Fault::BadIdentity => vec![
            ("tracker: a false signature", || tracker_after(|host| identify(host, Preface::Tracker, 2, true))),
            ("peer: a false signature", || peer_after(|host| identify(host, Preface::Peer, 2, true))),
        ],
        Fault::Decrypt => vec![
            ("tracker: noise", || tracker_after(|host| frame_after_handshake(host, Preface::Tracker, &[&[0, 32][..], &[7; 32]].concat()))),
            ("peer: noise on a link", || peer_after(|host| frame_on_link(host, &[&[0, 32][..], &[7; 32]].concat()))),
            ("peer: noise of its tracker", || session_after(|host, tracker| host.receive(tracker.conn, &[&[0, 32][..], &[7; 32]].concat()))),
        ],
        Fault::Malformed => vec![
            ("tracker: an unknown kind", || tracker_after(|host| {
                let mut stranger = Stranger::dial(host, Preface::Tracker, 2);
                let sealed = stranger.seal(&[0xee]);
                host.receive(stranger.conn, &sealed);
            })),
            ("peer: an unknown kind on a link", || peer_after(|host| {
                let mut link = host.link(2);
                let sealed = link.seal(&[0xee]);
                host.receive(link.conn, &sealed);
            })),
            ("peer: an unknown kind of its tracker", || session_after(|host, tracker| {
                let sealed = tracker.seal(&[0xee]);
                host.receive(tracker.conn, &sealed);
            })),
        ],
        Fault::Unexpected => vec![
            ("tracker: a request before login", || tracker_after(|host| {
                Stranger::dial(host, Preface::Tracker, 2).say(host, &ToTracker::Logout { request: 1 });
            })),
            ("peer: a second Hello", || peer_after(|host| host.link(2).hello(host, 2))),
            ("peer: a message before Hello", || peer_after(|host| {
                Stranger::dial(host, Preface::Peer, 2).say(host, &ToPeer::Ping { nonce: 1 });
            })),
            ("peer: Synced twice", || session_after(|host, tracker| tracker.say(host, &FromTracker::Synced))),
            ("peer: an answer of another kind", || session_after(|host, tracker| {
                host.ask(Request::Rooms { prefix: String::new() });
                let Some(ToTracker::ListRooms { request, .. }) = tracker_was_asked(host, tracker) else { panic!("asked") };
                tracker.say(host, &FromTracker::Peers { request, rows: List::truncated(vec![]), more: false });
            })),
        ],
        Fault::Forged => vec![
            ("peer: an entry of another author", || peer_after(|host| {
                host.link(2).say(host, &ToPeer::Entry { entry: entry(3).sign(&identity(3)) });
            })),
            ("peer: an entry that was changed", || peer_after(|host| {
                let mut entry = entry(2).sign(&identity(2));
                entry.entry.seq += 1;
                host.link(2).say(host, &ToPeer::Entry { entry });
            })),
        ],
        Fault::Unlisted => vec![
            ("peer: a name in plain text, without a tracker", || {
                let mut host = Host::peer(|start| start.allow_plaintext = true);
                say_raw(&mut host, br#"{"cmd":"HELLO","username":"bia"}"#);
                host.counted()
            }),
        ],
        Fault::UnexpectedKey => vec![
            ("peer: the tracker has another key", || {
                let mut host = Host::peer_of_tracker(101, |_| {});
                Stranger::answer(&mut host, Preface::Tracker, 100);
                host.counted()
            }),
        ],
        Fault::HandshakeTimeout => vec![
            ("tracker: silence", || tracker_after(|host| { host.accept(); host.pass(DEFAULT.handshake_ms_max); })),
            ("peer: silence", || peer_after(|host| { host.accept(); host.pass(DEFAULT.handshake_ms_max); })),
            ("peer: silence of whom it dialled", || peer_after(|host| {
                answer_raw(host, &[]);
                host.pass(DEFAULT.handshake_ms_max);
            })),
            ("peer: silence after the handshake", || peer_after(|host| {
                Stranger::dial(host, Preface::Peer, 2);
                host.pass(DEFAULT.handshake_ms_max);
            })),
            ("peer: silence of its tracker", || {
                let mut host = Host::peer_of_tracker(100, |_| {});
                host.open_dialled();
                host.pass(DEFAULT.handshake_ms_max);
                host.counted()
            }),
        ],
        Fault::FrameTimeout => vec![
            ("tracker: half a frame", || tracker_after(|host| {
                let member = host.member(2);
                host.receive(member.conn, &[0]);
                host.pass(DEFAULT.frame_ms_max);
            })),
            ("peer: half a frame on a link", || peer_after(|host| {
                frame_on_link(host, &[0]);
                host.pass(DEFAULT.frame_ms_max);
            })),
            ("peer: half a frame of its tracker", || session_after(|host, tracker| {
                host.receive(tracker.conn, &[0]);
                host.pass(DEFAULT.frame_ms_max);
            })),
        ],
        Fault::LoginTimeout => vec![("tracker: nobody logs in", || tracker_after(|host| {
            Stranger::dial(host, Preface::Tracker, 2);
            host.pass(DEFAULT.login_ms_max);
        }))],
        Fault::TooManyFailures => vec![("tracker: wrong passwords", || tracker_after(|host| {
            let mut stranger = Stranger::dial(host, Preface::Tracker, 2);
            for request in 0..9 {
                if !host.closed.contains(&stranger.conn) {
                    let claimed = Claimed::truncated(vec![]);
                    stranger.say(host, &ToTracker::LoginKey { request, name: name("nobody"), claimed });
                }
            }
        }))],
        Fault::SlowReader => vec![
            ("tracker: a full queue", || tracker_after(|host| {
                let member = host.member(2);
                host.close(member.conn, Closed::SlowReader);
            })),
            ("peer: a full queue to a link", || peer_after(|host| {
                let link = host.link(2);
                host.close(link.conn, Closed::SlowReader);
            })),
        ],
        Fault::Silent => vec![
            ("tracker: a silent session", || tracker_after(|host| { host.member(2); host.pass(DEFAULT.silence_ms_max); })),
            ("peer: a silent link", || peer_after(|host| { host.link(2); host.pass(DEFAULT.silence_ms_max); })),
            ("peer: a silent tracker", || session_after(|host, _| host.pass(DEFAULT.silence_ms_max))),
        ],
        Fault::Cut => vec![
            ("tracker: a session that ends", || tracker_after(|host| {
                let member = host.member(2);
                host.close(member.conn, Closed::End);
            })),
            ("peer: a link that ends", || peer_after(|host| {
                let link = host.link(2);
                host.close(link.conn, Closed::Reset);
            })),
            ("peer: a stranger who ends", || peer_after(|host| {
                let conn = host.accept();
                host.close(conn, Closed::End);
            })),
            ("peer: a tracker that ends", || session_after(|host, tracker| host.close(tracker.conn, Closed::Lost))),
        ],
        Fault::TooManyFromAddress => vec![
            ("tracker: one too many of an address", || {
                let mut host = Host::tracker(Limits { anonymous_per_address_max: 1, ..DEFAULT });
                host.accept();
                host.accept();
                host.counted()
            }),
            ("peer: the address with the most gives way", || {
                let mut host = Host::peer(|start| start.limits.links_unknown_max = 2);
                host.accept();
                host.accept();
                host.accept_from(2);
                host.counted()
            }),
        ],
        Fault::TooManyConnections => vec![
            ("tracker: one too many", || {
                let mut host = Host::tracker(Limits { connections_max: 1, ..DEFAULT });
                host.accept();
                host.accept();
                host.counted()
            }),
            ("peer: one unknown too many", || {
                let mut host = Host::peer(|start| start.limits.links_unknown_max = 1);
                host.accept();
                host.accept();
                host.counted()
            }),
            ("peer: one stranger too many to remember", || {
                let mut host = Host::peer(|start| start.limits.contacts_max = 0);
                Stranger::dial(&mut host, Preface::Peer, 2).hello(&mut host, 2);
                host.counted()
            }),
        ],
        Fault::UnfinishedBytes => vec![("tracker: too much of unfinished frames", || {
            let mut host = Host::tracker(Limits { unfinished_bytes_max: 100, ..DEFAULT });
            let stranger = Stranger::dial(&mut host, Preface::Tracker, 2);
            host.receive(stranger.conn, &[&[1, 0][..], &[0; 99]].concat());
            host.counted()
        })],
        Fault::Blocked => vec![("peer: someone blocked comes back", || peer_after(|host| {
            host.link(2);
            host.ask(Request::Block { user: name("n2") });
            Stranger::dial(host, Preface::Peer, 2);
        }))],
        Fault::Oneself => vec![
            ("tracker: its own key", || tracker_after(|host| identify(host, Preface::Tracker, 100, false))),
            ("peer: its own key", || peer_after(|host| identify(host, Preface::Peer, 1, false))),
            ("peer: its own key where it dialled", || peer_after(|host| {
                connect(host);
                Stranger::answer(host, Preface::Peer, 1);
            })),
        ],
        Fault::Refused => vec![("peer: whom it dialled says goodbye", || peer_after(|host| {
            connect(host);
            Stranger::answer(host, Preface::Peer, 2).say(host, &ToPeer::Bye { reason: Goodbye::Blocked });
        }))],
    }
}

#[test]
fn every_fault_is_reached_by_each_machine_that_tells_of_it_and_counted_alone() {
    for &fault in Fault::ALL {
        let scenarios = scenarios(fault);
        assert!(!scenarios.is_empty(), "{fault:?} does not happen");
        for (what, run) in scenarios {
            let counted = run().iter().collect::<Vec<_>>();
            assert_eq!(counted, [(fault, 1)], "{what}");
        }
    }
}

#[test]
fn a_sound_signature_of_a_stranger_is_no_fault() {
    let mut host = Host::peer(|_| {});
    identify(&mut host, Preface::Peer, 2, false);
    assert_eq!(host.counted(), Counters::default());
}

#[test]
fn a_person_can_ask_a_peer_for_its_counters() {
    let mut host = Host::peer(|_| {});
    say_raw(&mut host, b"GET /");
    host.link(2);
    host.event(Event::Command(Command::Count));
    let counted = host.counted();
    assert_eq!(host.notices.last(), Some(&Notice::Counters { counters: counted, links: 1, unacknowledged: 0 }));
}

// How it comes about.

/// What a machine has counted.
trait Counted {
    fn counted(&self) -> Counters;
}

impl Counted for Host<Peer> {
    fn counted(&self) -> Counters {
        self.machine.counters().clone()
    }
}

impl Counted for Host<Tracker> {
    /// The tracker tells its host of each, too.
    fn counted(&self) -> Counters {
        let mut told = Counters::default();
        for notice in &self.notices {
            if let tracker::Notice::Fault { fault, .. } = notice {
                told.count(*fault);
            }
        }
        assert_eq!(&told, self.machine.counters());
        told
    }
}

fn tracker_after(run: fn(&mut Host<Tracker>)) -> Counters {
    let mut host = Host::tracker(DEFAULT);
    run(&mut host);
    host.counted()
}

fn peer_after(run: fn(&mut Host<Peer>)) -> Counters {
    let mut host = Host::peer(|_| {});
    run(&mut host);
    host.counted()
}

/// A peer that is logged in, and its tracker.
fn session_after(run: fn(&mut Host<Peer>, &mut Stranger)) -> Counters {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let mut tracker = host.log_in();
    run(&mut host, &mut tracker);
    host.counted()
}

fn say_raw<M: Machine>(host: &mut Host<M>, bytes: &[u8]) {
    let conn = host.accept();
    host.receive(conn, bytes);
}

/// A first frame behind the preface.
fn say_frame<M: Machine>(host: &mut Host<M>, preface: Preface, body: &[u8]) {
    let length = u16::try_from(body.len()).expect("short").to_be_bytes();
    say_raw(host, &[preface.line(), &length, body].concat());
}

fn frame_after_handshake<M: Machine>(host: &mut Host<M>, preface: Preface, bytes: &[u8]) {
    let stranger = Stranger::dial(host, preface, 2);
    host.receive(stranger.conn, bytes);
}

fn frame_on_link(host: &mut Host<Peer>, bytes: &[u8]) {
    let link = host.link(2);
    host.receive(link.conn, bytes);
}

fn connect(host: &mut Host<Peer>) {
    host.ask(Request::Connect { address: ([127, 0, 0, 1], 6060).into() });
}

/// Whoever the peer dials answers with these bytes.
fn answer_raw(host: &mut Host<Peer>, bytes: &[u8]) {
    connect(host);
    let conn = host.open_dialled();
    if !bytes.is_empty() {
        host.receive(conn, bytes);
    }
}

/// The usual primitives, and randomness that is none.
struct Primitives;

impl CryptoResolver for Primitives {
    fn resolve_rng(&self) -> Option<Box<dyn Random>> {
        Some(Box::new(Nines))
    }
    fn resolve_dh(&self, choice: &DHChoice) -> Option<Box<dyn Dh>> {
        DefaultResolver.resolve_dh(choice)
    }
    fn resolve_hash(&self, choice: &HashChoice) -> Option<Box<dyn Hash>> {
        DefaultResolver.resolve_hash(choice)
    }
    fn resolve_cipher(&self, choice: &CipherChoice) -> Option<Box<dyn Cipher>> {
        DefaultResolver.resolve_cipher(choice)
    }
}

struct Nines;

impl Random for Nines {
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), snow::Error> {
        bytes.fill(9);
        Ok(())
    }
}

/// A handshake that is sound but for the identity of `number` and its signature, which are what the test makes them.
fn identify<M: Machine>(host: &mut Host<M>, preface: Preface, number: u8, is_false: bool) {
    let secret = [7; 32];
    let mut dh = DefaultResolver.resolve_dh(&DHChoice::Curve25519).expect("it is known");
    dh.set(&secret);
    let pattern = "Noise_XX_25519_ChaChaPoly_SHA256".parse().expect("a pattern");
    let builder = snow::Builder::with_resolver(pattern, Box::new(Primitives)).prologue(preface.line()).expect("once");
    let mut noise = builder.local_private_key(&secret).expect("once").build_initiator().expect("complete");
    let (conn, mut message) = (host.accept(), [0; 1024]);
    let mut say = |host: &mut Host<M>, noise: &mut HandshakeState, before: &[u8], payload: &[u8]| {
        let length = noise.write_message(payload, &mut message).expect("in its turn");
        let prefix = u16::try_from(length).expect("short").to_be_bytes();
        host.receive(conn, &[before, &prefix, &message[..length]].concat());
    };
    say(host, &mut noise, preface.line(), &[]);
    let second = host.take_sent(conn);
    noise.read_message(&second[2..], &mut [0; 1024]).expect("a sound answer");
    let signed = [&b"dialler\n"[..], noise.get_handshake_hash(), dh.pubkey()].concat();
    let mut signature = identity(number).sign(Context::Channel, &signed);
    signature[0] ^= u8::from(is_false);
    say(host, &mut noise, &[], &[&identity(number).key().0[..], &signature].concat());
}

/// What someone might say in a room.
fn entry(author: u8) -> Entry {
    let text = Said::new("forged".to_owned()).expect("short");
    let (room, author, parents) = (RoomId([0; 32]), identity(author).key(), Parents::new(vec![]));
    Entry { room, author, log: 1, seq: 1, parents, at: Wall(0), body: Body::Text { text } }
}

/// What the peer has asked its tracker last.
fn tracker_was_asked(host: &mut Host<Peer>, tracker: &mut Stranger) -> Option<ToTracker> {
    // Whatever is said makes it take what came.
    tracker.say(host, &FromTracker::Pong { nonce: 0 });
    tracker.heard::<ToTracker>().into_iter().next_back()
}

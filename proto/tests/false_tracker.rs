//! A peer whose tracker says what no tracker says: it ends the session, and every request still has its outcome.

use std::net::SocketAddr;

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    contract::Contract,
    identity::Identity,
    limits::FRAME_BYTES_MAX,
    machine::{Action, ConnId, Event, ListenerId, Machine as _, Outbox, RequestId},
    names::Name,
    peer::{
        Change, Command, Notice, Peer, Problem, Request, Start, State,
        interface::{Credentials, TrackerAddress},
    },
    rng::Seed,
    time::{Time, Wall},
    wire::{
        codec::Wire as _,
        tracker::{FromTracker, ToTracker},
    },
};

const SEED: Seed = Seed([1; 32]);

fn ana() -> Name {
    Name::new("ana").expect("a valid name")
}

fn address(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

/// A peer, and the false tracker at the end of its connection.
struct Pair {
    peer: Peer,
    out: Outbox<Notice, Change>,
    contract: Contract,
    conn: Option<ConnId>,
    tracker: Channel,
    /// What the peer has asked, and what it has told its host.
    asked: Vec<ToTracker>,
    told: Vec<Notice>,
}

impl Pair {
    /// A session stands.
    fn logged_in() -> Self {
        let identity = Identity::from_secret(&[100; 32]);
        let state = State { log: 1, ..State::default() };
        let start = Start {
            tracker: Some(TrackerAddress { host: "127.0.0.1".to_owned(), port: 6060, key: Some(identity.key()) }),
            credentials: Some(Credentials { name: ana(), password: None, register: false, token: None }),
            ..Start::new(SEED, Identity::from_secret(&[1; 32]), ana(), address(6061), state)
        };
        let statics = StaticKey::draw(&mut SEED.stream("tracker's", 0));
        let mut pair = Self {
            peer: Peer::start(start),
            out: Outbox::default(),
            contract: Contract::default(),
            conn: None,
            tracker: Channel::accept(Preface::Tracker, identity, &statics, SEED.stream("tracker's", 1)),
            asked: Vec::new(),
            told: Vec::new(),
        };
        pair.tell(Event::Wall(Wall(1)));
        pair.tell(Event::Listening { listener: ListenerId(1), address: address(6061) });
        pair.tell(Event::Resolved { request: RequestId(3), addresses: vec![address(6060)] });
        let conn = pair.conn.expect("it dials its tracker");
        pair.tell(Event::Opened { conn, listener: None, local: address(5000), remote: address(6060) });
        let Some(&ToTracker::LoginKey { request, .. }) = pair.asked.last() else { panic!("{:?}", pair.asked) };
        pair.say(&FromTracker::Welcome { request, name: ana(), seen: address(5000), wall: Wall(1) });
        pair.say(&FromTracker::Synced);
        pair
    }

    /// The peer is told something; the tracker hears what it says.
    fn tell(&mut self, event: Event<'_, Command>) {
        assert_eq!(self.contract.check_event(Time::ZERO, &event), Ok(()));
        self.peer.handle(Time::ZERO, event, &mut self.out);
        let mut durable = None;
        self.out.drain_with(|action, bytes| {
            assert_eq!(self.contract.check_action(&action), Ok(()), "{action:?}");
            match action {
                Action::Connect { conn, .. } => self.conn = Some(conn),
                Action::Send { .. } => self.tracker.handle_bytes(bytes),
                Action::Close { .. } => self.conn = None,
                Action::Commit { seq, .. } => durable = Some(seq),
                Action::Notify(notice) => self.told.push(notice),
                _ => {}
            }
        });
        let mut answer = Vec::new();
        while let Some(step) = self.tracker.next_step(FRAME_BYTES_MAX, &mut answer).expect("a peer speaks the protocol")
        {
            if let Step::Message(message) = step {
                self.asked.push(ToTracker::from_bytes(&message).expect("a peer sends valid messages"));
            }
        }
        self.hear(&answer);
        if let Some(seq) = durable {
            self.tell(Event::Committed(seq));
        }
    }

    fn hear(&mut self, bytes: &[u8]) {
        if let (Some(conn), false) = (self.conn, bytes.is_empty()) {
            self.tell(Event::Received { conn, bytes: bytes.into() });
        }
    }

    fn say(&mut self, message: &FromTracker) {
        let mut sealed = Vec::new();
        self.tracker.seal(&message.to_bytes(), &mut sealed);
        self.hear(&sealed);
    }

    fn outcomes(&self) -> Vec<(u64, Option<Problem>)> {
        let outcome = |notice: &Notice| match notice {
            Notice::Outcome { token, problem } => Some((*token, problem.clone())),
            _ => None,
        };
        self.told.iter().filter_map(outcome).collect()
    }
}

#[test]
fn a_welcome_to_another_request_than_the_login_leaves_none_without_an_outcome() {
    let mut pair = Pair::logged_in();
    pair.tell(Event::Command(Command::Ask { token: 7, request: Request::Rooms { prefix: String::new() } }));
    let Some(&ToTracker::ListRooms { request, .. }) = pair.asked.last() else { panic!("{:?}", pair.asked) };
    assert_eq!(pair.outcomes(), []);
    pair.say(&FromTracker::Welcome { request, name: ana(), seen: address(5000), wall: Wall(1) });
    assert_eq!(pair.conn, None, "no tracker says that");
    assert_eq!(pair.outcomes(), [(7, Some(Problem::TrackerSilent))]);
}

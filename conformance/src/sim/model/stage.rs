//! Hand-made facts for the tests of the model: three people with accounts in one room, all well, to which each test
//! adds what is wrong.

use std::{collections::BTreeMap, net::IpAddr, time::Duration};

use papo_proto::{
    identity::{Identity, Key},
    limits::Limits,
    machine::Seq,
    names::Name,
    peer::{
        self, Notice, Problem, Request,
        change::{Incoming, Realm},
        interface::Target,
        outbox::private_id,
    },
    rng::Seed,
    time::{Time, Wall},
    tracker::{self, change::Verifier},
    wire::{
        peer::{Have, PrivateMessage, Scope},
        room::{Body, CreationRecord, Entry, EntryId, Parents, RoomId, Said, SignedEntry},
    },
};

use super::{Invariant, Model, Rest};
use crate::{
    sim::cast::{Cast, PersonId, Role, name},
    world::{
        NodeId,
        fact::{Fact, What},
        resident::{Kept, Told, Wish},
    },
};

/// The process of the tracker; people's are numbered as they are.
const TRACKER_NODE: NodeId = 100;

/// See the [module](self).
pub(super) struct Stage {
    pub(super) model: Model,
    pub(super) cast: Cast,
    now: Time,
    tokens: u64,
    seqs: BTreeMap<PersonId, u64>,
    received: u64,
}

impl Stage {
    /// Three people, known to nobody.
    pub(super) fn empty() -> Self {
        Self::of_cast(|_| {})
    }

    /// The same, of a cast that is changed first.
    pub(super) fn of_cast(change: impl FnOnce(&mut Cast)) -> Self {
        let limits = || Limits { unacknowledged_max: 2, ..Limits::DEFAULT };
        let mut cast = Cast::draw(&Seed([7; 32]), 3, &mut { limits });
        change(&mut cast);
        let (seqs, now) = (BTreeMap::new(), Time::ZERO);
        Self { model: Model::new(&cast), cast, now, tokens: 0, seqs, received: 0 }
    }

    /// Three people with accounts, who know each other and are in one room, logged in.
    pub(super) fn in_a_room() -> Self {
        let mut stage = Self::empty();
        let accounts = (0..3).map(|person| stage.account(person)).collect();
        stage.tracker_keeps(accounts);
        let record = stage.record();
        let id = record.id();
        stage.tracker_keeps(vec![
            tracker::Change::RoomAdded { record, owner: stage.name(0), capacity: 3, epoch: 0 },
            tracker::Change::MemberAdded { room: id, name: stage.name(0), epoch: 1 },
        ]);
        for person in 1..3 {
            let epoch = 1 + person as u64;
            stage.tracker_keeps(vec![tracker::Change::MemberAdded { room: id, name: stage.name(person), epoch }]);
        }
        for person in 0..3 {
            stage.person(person, What::Started(stage.cast.people[person].ip));
            let others = (0..3).filter(|other| *other != person).map(|other| stage.pinned(other, stage.key(other)));
            let others = others.chain([peer::Change::RoomEntered { record: stage.record() }]).collect();
            stage.keeps(person, others);
            stage.logs_in(person);
            let members = (0..3).map(|member| stage.name(member)).collect();
            let what = papo_proto::wire::tracker::RoomEvent::Joined;
            stage.told(person, Notice::Room { room: stage.room(), what, user: stage.name(person), members });
        }
        stage.broken_nothing();
        stage
    }

    // Who and what there is.

    pub(super) fn key(&self, person: PersonId) -> Key {
        self.cast.people[person].identity.key()
    }

    pub(super) fn name(&self, person: PersonId) -> Name {
        self.cast.people[person].name.clone()
    }

    pub(super) fn room(&self) -> Name {
        name("papagaio-sala")
    }

    pub(super) fn record(&self) -> CreationRecord {
        let tracker = self.cast.trackers[0].identity.key();
        CreationRecord { nonce: [1; 16], name: self.room(), owner: self.key(0), tracker, flags: 0 }
    }

    pub(super) fn room_id(&self) -> RoomId {
        self.record().id()
    }

    pub(super) fn account(&self, person: PersonId) -> tracker::Change {
        let verifier = Verifier("phc".to_owned());
        tracker::Change::AccountAdded { name: self.name(person), verifier, key: Some(self.key(person)), at: Wall(1) }
    }

    pub(super) fn pinned(&self, person: PersonId, key: Key) -> peer::Change {
        let realm = Realm::Tracker(self.cast.trackers[0].identity.key());
        peer::Change::Pinned { realm, name: self.name(person), key }
    }

    pub(super) fn stranger() -> Identity {
        Identity::from_secret(&[99; 32])
    }

    /// What somebody says next in the room.
    pub(super) fn entry(&mut self, person: PersonId, text: &str, parents: &[EntryId]) -> SignedEntry {
        let seq = self.seqs.entry(person).or_default();
        *seq += 1;
        let part = &self.cast.people[person];
        let body = Body::Text { text: Said::new(text).expect("short") };
        let parents = Parents::new(parents.to_vec());
        let (author, log, seq) = (part.identity.key(), part.log, *seq);
        Entry { room: self.room_id(), author, log, seq, parents, at: Wall(1), body }.sign(&part.identity)
    }

    /// How an entry is shown.
    pub(super) fn incoming(&mut self, entry: &SignedEntry, from: PersonId, gap: bool) -> Incoming {
        self.received += 1;
        let Body::Text { text } = &entry.entry.body;
        Incoming {
            number: self.received,
            id: entry.entry.id().to_string(),
            from: self.name(from),
            room: Some(self.room()),
            scope: None,
            at: Wall(1),
            text: text.as_str().to_owned(),
            gap,
            plaintext: false,
        }
    }

    // What happens.

    pub(super) fn pass(&mut self, time: Duration) {
        self.now = self.now + time;
    }

    pub(super) fn happens(&mut self, role: Role, node: NodeId, what: What) {
        self.pass(Duration::from_millis(1));
        self.model.note(role, &Fact { at: self.now, node, what });
    }

    pub(super) fn person(&mut self, person: PersonId, what: What) {
        self.happens(Role::Person(person), person, what);
    }

    pub(super) fn tracker_keeps(&mut self, changes: Vec<tracker::Change>) {
        let changes = changes.into_iter().map(Kept::Tracker).collect();
        self.happens(Role::Tracker(0), TRACKER_NODE, What::Durable(Seq(1), changes));
    }

    pub(super) fn tracker_tells(&mut self, notice: tracker::Notice) {
        self.happens(Role::Tracker(0), TRACKER_NODE, What::Told(Told::Tracker(notice)));
    }

    pub(super) fn keeps(&mut self, person: PersonId, changes: Vec<peer::Change>) {
        self.person(person, What::Durable(Seq(1), changes.into_iter().map(Kept::Peer).collect()));
    }

    pub(super) fn told(&mut self, person: PersonId, notice: Notice) {
        self.person(person, What::Told(Told::Peer(notice)));
    }

    pub(super) fn asks(&mut self, person: PersonId, request: Request) -> u64 {
        self.tokens += 1;
        let token = self.tokens;
        self.person(person, What::Asked(Wish::Peer(peer::Command::Ask { token, request })));
        token
    }

    pub(super) fn outcome(&mut self, person: PersonId, token: u64, problem: Option<Problem>) {
        self.told(person, Notice::Outcome { token, problem });
    }

    pub(super) fn done(&mut self, person: PersonId, request: Request) {
        let token = self.asks(person, request);
        self.outcome(person, token, None);
    }

    pub(super) fn logs_in(&mut self, person: PersonId) {
        let user = self.name(person);
        self.told(person, Notice::LoggedIn { user, tracker: "tracker".to_owned() });
    }

    /// Somebody says something in the room, to all who are in it, and it is kept.
    pub(super) fn says(&mut self, person: PersonId, text: &str, parents: &[EntryId]) -> SignedEntry {
        let receivers = (0..3).filter(|other| *other != person).map(|other| self.key(other)).collect();
        self.says_to(person, text, parents, receivers)
    }

    pub(super) fn says_to(
        &mut self,
        person: PersonId,
        text: &str,
        parents: &[EntryId],
        receivers: Vec<Key>,
    ) -> SignedEntry {
        self.asks(person, Request::Say { to: Target::Room(self.room()), text: text.to_owned() });
        let entry = self.entry(person, text, parents);
        self.keeps(person, vec![peer::Change::EntrySaid { entry: entry.clone(), receivers }]);
        entry
    }

    /// Somebody keeps an entry and is shown it.
    pub(super) fn hears(&mut self, person: PersonId, entry: &SignedEntry, from: PersonId, gap: bool) {
        let incoming = self.incoming(entry, from, gap);
        self.keeps(person, vec![peer::Change::EntrySeen { entry: entry.clone(), incoming: incoming.clone() }]);
        self.told(person, Notice::Message(incoming));
    }

    /// Somebody says something to one person, and it is kept: how it is shown, and its id.
    pub(super) fn says_privately(&mut self, person: PersonId, to: PersonId, seq: u64, text: &str) -> Incoming {
        self.asks(person, Request::Say { to: Target::User(self.name(to)), text: text.to_owned() });
        let log = self.cast.people[person].log;
        let said = Said::new(text).expect("short");
        let message = PrivateMessage { log, seq, scope: Scope::Private, at: Wall(1), text: said };
        self.keeps(person, vec![peer::Change::PrivateSaid { message, receivers: vec![self.key(to)] }]);
        Incoming {
            number: seq,
            id: private_id(&self.key(person), log, seq),
            from: self.name(person),
            room: None,
            scope: Some(Scope::Private),
            at: Wall(1),
            text: text.to_owned(),
            gap: false,
            plaintext: false,
        }
    }

    /// Somebody keeps what somebody said to it, and is shown it.
    pub(super) fn hears_privately(&mut self, person: PersonId, from: PersonId, incoming: &Incoming) {
        let have = Have { log: self.cast.people[from].log, seq: incoming.number };
        let (author, incoming) = (self.key(from), incoming.clone());
        self.keeps(person, vec![peer::Change::PrivateSeen { author, have, incoming: incoming.clone() }]);
        self.told(person, Notice::Message(incoming));
    }

    /// Everything is at rest, with so many connections between the first two.
    pub(super) fn rests(&mut self, links: usize) {
        let links = vec![(0, 1, links), (0, 2, 1), (1, 2, 1)];
        self.model.check_rest(&Rest { core: vec![0, 1, 2], links });
    }

    // What the model says to it.

    /// Exactly this was found, once or more often.
    #[track_caller]
    pub(super) fn broken(&mut self, (invariant, _): Invariant) {
        let found = self.model.take_violations();
        assert!(!found.is_empty(), "nothing was found, not even {invariant}");
        assert!(found.iter().all(|violation| violation.invariant == invariant), "{found:?}");
    }

    #[track_caller]
    pub(super) fn broken_nothing(&mut self) {
        assert_eq!(self.model.take_violations(), []);
    }

    pub(super) fn ip(&self, person: PersonId) -> IpAddr {
        self.cast.people[person].ip
    }
}

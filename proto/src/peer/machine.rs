//! The root machine of a peer: its parts, and how an event reaches them.
//!
//! The parts with state of their own are [`Session`], [`Links`], [`Discovery`], [`People`], [`Outbox`] and a [`Log`]
//! for each room.
//! What ties them together is written by subject: `tracking` (the tracker), `naming` (who is who),
//! `linking` (other peers), `finding` (those on the same network), `roster` (rooms), `talking` (messages), `asking` (the person's requests).
//!
//! Data flows one way within an event: parts change, changes and outputs are collected, and at its end one commit is
//! emitted and every output is queued behind it (`Peer::finish`).
//!
//! Invariants: nothing is said before what it depends on is committed. A peer never dials an address that neither its
//! person nor a tracker that it is logged in to named, and that no beacon came from. Links do not depend on the tracker's being there.

use std::{
    collections::{BTreeMap, VecDeque},
    net::SocketAddr,
    sync::Arc,
};

use super::{
    change::{Change, LeftRoom, Realm, State, Unacknowledged},
    discovery::Discovery,
    interface::{Command, Note, Notice, Problem, Start},
    link::Links,
    outbox::{Message, Outbox, Place},
    people::{People, PersonId},
    plaintext::Partners,
    redial::Redial,
    session::Session,
    transfer::Transfers,
};
use crate::{
    channel::{Channel, StaticKey},
    durable::Durable,
    error::{Counters, Fault},
    identity::{Identity, Key},
    limits::{Limits, ms},
    machine::{Action, CloseHow, Closed, ConnId, Event, Interface, ListenerId, Machine, OddIds, Refusal},
    names::Name,
    rng::{Seed, Stream},
    room::Log,
    time::{Time, Wall},
    timers::Timers,
    wire::{
        codec::Wire as _,
        peer::{About, Have, ToPeer},
        room::{CreationRecord, EntryId, RoomId},
        tracker::{Goodbye, ToTracker},
    },
};

/// The outbox that actions are put into.
pub(super) type Out = crate::machine::Outbox<Notice, Change>;

/// What a timer is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Timer {
    /// Dial the tracker again.
    Tracker,
    /// A connection has to have come further by then.
    Progress(ConnId),
    /// Ping a connection, or give it up.
    Alive(ConnId),
    /// A frame of a connection has to be whole by then.
    Frame(ConnId),
    /// Dial the person with this key.
    Dial(Key),
    /// A request has to be answered by then.
    Ask(u64),
    /// Entries of the room have waited long enough.
    Room(RoomId),
    /// Strangers may be told of again.
    Strangers,
    /// Call out on the own networks.
    Call,
    /// Dial neighbours.
    Neighbours,
    /// A transfer may have stalled while others wait for its place.
    Places,
    /// Something is due on a connection in plain text.
    Partner(ConnId),
}

/// Something that waits for a commit.
#[derive(Debug)]
pub(super) enum Output {
    Notice(Notice),
    ToTracker(ConnId, ToTracker),
    ToPeer(ConnId, ToPeer),
    /// Words or objects, in plain text.
    ToPartner(ConnId, Vec<String>),
    Close(ConnId, CloseHow),
    /// What was last changed of a transfer is kept.
    Kept(u64),
}

/// A room that this peer is in.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) record: CreationRecord,
    pub(super) owner: Name,
    pub(super) capacity: u16,
    pub(super) epoch: u64,
    pub(super) members: Vec<Name>,
    /// For each member, the heads that there were when it was first seen here, so before anything was said to it.
    pub(super) arrivals: BTreeMap<Name, Arc<[EntryId]>>,
    /// Whether the tracker told of the roster in this life of the program.
    pub(super) roster_known: bool,
    /// Whether this session of the tracker told of it.
    pub(super) fresh: bool,
    pub(super) log: Log,
}

impl Room {
    /// Whether someone is in it, by the tracker that keeps it.
    pub(super) fn has(&self, id: &PersonId) -> bool {
        id.0 == Realm::Tracker(self.record.tracker) && self.members.contains(&id.1)
    }

    /// The roster is another one now: keeps the present heads for each new member.
    pub(super) fn note_arrivals(&mut self) {
        let heads = Arc::<[EntryId]>::from(self.log.newest_heads());
        self.arrivals.retain(|member, _| self.members.contains(member));
        for member in &self.members {
            self.arrivals.entry(member.clone()).or_insert_with(|| Arc::clone(&heads));
        }
    }
}

/// A request that waits for messages to be acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Draining {
    /// By everyone who can be reached.
    All,
    /// By those in a room, before it is left.
    Leave(RoomId),
    /// By those in a room, before it is deleted.
    Delete(RoomId),
}

/// A person's end of papo. See the [module](self).
#[derive(Debug)]
pub struct Peer {
    pub(super) limits: Limits,
    pub(super) identity: Identity,
    pub(super) seed: Seed,
    pub(super) jitter: Stream,
    pub(super) nonces: Stream,
    pub(super) statics: StaticKey,
    pub(super) ids: OddIds,
    pub(super) timers: Timers<Timer>,
    pub(super) durable: Durable<Output>,
    pub(super) changes: Vec<Change>,
    pub(super) said: Vec<Output>,
    /// Acknowledgements that are due at the end of this event.
    pub(super) acks: BTreeMap<(ConnId, Place), Have>,

    /// What this peer calls itself: its account, or a label.
    pub(super) me: Name,
    /// What it says of itself where it has no tracker.
    pub(super) own_about: About,
    /// The number of this peer's logs.
    pub(super) log_number: u64,
    pub(super) wall: Wall,
    pub(super) wall_at: Time,
    pub(super) interfaces: Vec<Interface>,
    /// Whether it asked to listen; and the listener, unless that was refused.
    pub(super) started: bool,
    pub(super) listener: Option<ListenerId>,
    pub(super) wanted_listen: SocketAddr,
    pub(super) any_port: bool,
    pub(super) listen: Option<SocketAddr>,
    pub(super) trust_new: bool,
    /// Whether the person allows plain text.
    pub(super) allow_plaintext: bool,
    pub(super) output_open: bool,
    /// Too much waits for the disk: links are not read.
    pub(super) overloaded: bool,
    /// How often each fault happened.
    pub(super) counters: Counters,
    /// Strangers who were refused or cut short and not told of: how many, and the last one.
    pub(super) strangers: Option<(u64, Fault, SocketAddr)>,
    pub(super) stopping: bool,
    pub(super) stopped: bool,
    /// What was kept and perhaps not shown; told once it listens.
    pub(super) unshown: Vec<super::change::Incoming>,

    pub(super) trackers: BTreeMap<String, Key>,
    pub(super) session: Session,
    pub(super) people: People,
    pub(super) links: Links,
    /// The neighbours, unless the person wants none found.
    pub(super) discovery: Option<Discovery>,
    /// Channels of connections that are being closed, for what is still queued to them.
    pub(super) closing: BTreeMap<ConnId, Channel>,
    pub(super) rooms: BTreeMap<RoomId, Room>,
    /// Rooms that it left: if it comes back, it goes on where it was.
    pub(super) left: BTreeMap<RoomId, LeftRoom>,
    pub(super) outbox: Outbox,
    pub(super) private_said: u64,
    pub(super) private_seen: BTreeMap<Key, Have>,
    pub(super) received: u64,

    /// Requests that wait for acknowledgements.
    pub(super) draining: BTreeMap<u64, Draining>,
    /// Requests to dial that are under way, or to measure.
    pub(super) connecting: BTreeMap<u64, ConnId>,
    /// Requests to say something that are done when less waits.
    pub(super) crowded: VecDeque<u64>,

    pub(super) transfers: Transfers,
    pub(super) partners: Partners,
}

impl Machine for Peer {
    const KIND: &'static str = "peer";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = Change;

    fn start(start: Start) -> Self {
        let Start {
            seed,
            limits,
            identity,
            name,
            listen,
            any_port,
            lan,
            tracker,
            trust_new,
            credentials,
            auto_accept,
            allow_plaintext,
            state,
        } = start;
        let mut session = Session::new(tracker, Redial::new(&limits));
        session.credentials = credentials;
        let State {
            log,
            trackers,
            pins,
            verified,
            blocked,
            welcomed,
            about,
            rooms,
            left,
            private_said,
            private_seen,
            unacknowledged,
            received,
            unshown,
            transfers,
            transfers_numbered,
        } = state;
        let mut outbox = Outbox::default();
        for kept in unacknowledged {
            let (place, message, receivers) = match kept {
                Unacknowledged::Entry { entry, receivers } => {
                    (Some(entry.entry.room), Message::Entry(entry), receivers)
                }
                Unacknowledged::Private { message, receivers } => (None, Message::Private(message), receivers),
            };
            let message = std::sync::Arc::new(message);
            for receiver in receivers {
                outbox.add(receiver, place, message.clone());
            }
        }
        let rooms = rooms
            .into_iter()
            .map(|kept| {
                let log = Log::restored(&limits, kept.said, &kept.seen, &kept.known);
                let room = Room {
                    owner: kept.record.name.clone(),
                    record: kept.record,
                    capacity: 0,
                    epoch: 0,
                    members: Vec::new(),
                    arrivals: BTreeMap::new(),
                    roster_known: false,
                    fresh: false,
                    log,
                };
                (room.record.id(), room)
            })
            .collect();
        let mut people = People::restored(&limits, &pins, &verified, &blocked);
        for id in welcomed {
            let person = people.entry(&id);
            (person.wanted, person.welcomed) = (true, true);
        }
        Self {
            discovery: lan.map(|lan| Discovery::new(lan, &seed, &limits)),
            people,
            jitter: seed.stream("jitter", 0),
            nonces: seed.stream("nonces", 0),
            statics: StaticKey::draw(&mut seed.stream("static", 0)),
            limits,
            identity,
            seed,
            ids: OddIds::default(),
            timers: Timers::default(),
            durable: Durable::default(),
            changes: Vec::new(),
            said: Vec::new(),
            acks: BTreeMap::new(),
            me: name,
            own_about: about,
            log_number: log,
            wall: Wall::default(),
            wall_at: Time::ZERO,
            interfaces: Vec::new(),
            started: false,
            listener: None,
            wanted_listen: listen,
            any_port,
            listen: None,
            trust_new,
            allow_plaintext,
            output_open: true,
            overloaded: false,
            counters: Counters::default(),
            strangers: None,
            stopping: false,
            stopped: false,
            unshown,
            trackers: trackers.into_iter().collect(),
            session,
            links: Links::default(),
            closing: BTreeMap::new(),
            rooms,
            left: left.into_iter().map(|left| (left.room, left)).collect(),
            outbox,
            private_said,
            private_seen: private_seen.into_iter().collect(),
            received,
            draining: BTreeMap::new(),
            connecting: BTreeMap::new(),
            crowded: VecDeque::new(),
            transfers: Transfers::restored(transfers, transfers_numbered, auto_accept),
            partners: Partners::default(),
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        if !std::mem::replace(&mut self.started, true) {
            self.listen(self.wanted_listen, out);
        }
        match event {
            Event::Listening { address, .. } => self.on_listening(now, address, out),
            Event::Opened { conn, listener, remote, .. } => self.handle_opened(now, conn, listener, remote, out),
            Event::Refused { id, reason } => self.handle_refused(now, id, reason, out),
            Event::Received { conn, bytes } => self.handle_received(now, conn, &bytes, out),
            Event::Writable { conn, bytes } => self.handle_writable(now, conn, bytes, out),
            Event::Closed { conn, reason } => self.handle_closed(now, conn, reason, out),
            Event::Due => self.handle_due(now, out),
            Event::Command(command) => self.handle_command(now, command, out),
            Event::Wall(wall) => self.handle_wall(now, wall),
            Event::Interfaces(interfaces) => self.handle_interfaces(now, interfaces, out),
            Event::Committed(seq) => self.durable.handle_committed(seq),
            Event::Bound { socket, .. } => self.on_bound(now, socket, out),
            Event::Datagram { socket, from, bytes } => self.handle_datagram(now, socket, from, &bytes),
            Event::Disk { request, result } => self.handle_disk(now, request, result),
            Event::PasswordChecked { .. } | Event::Undeliverable { .. } => {}
            Event::Resolved { request, addresses } => self.handle_resolved(now, request, addresses, out),
        }
        self.finish(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl Peer {
    fn listen(&mut self, address: SocketAddr, out: &mut Out) {
        let listener = self.ids.next_listener();
        self.listener = Some(listener);
        out.push(Action::Listen { listener, address });
    }

    fn on_listening(&mut self, now: Time, address: SocketAddr, out: &mut Out) {
        self.listen = Some(address);
        if address.port() != self.wanted_listen.port() && self.wanted_listen.port() != 0 {
            self.note(Note::OtherPort { wanted: self.wanted_listen.port() });
        }
        self.tell(Notice::Ready { user: self.me.clone(), listen: address, key: self.identity.key() });
        for incoming in std::mem::take(&mut self.unshown) {
            self.tell(Notice::Message(incoming));
        }
        self.start_transfers();
        if self.session.address.is_some() && self.session.credentials.is_some() {
            self.start_session(now, out);
        }
    }

    fn handle_opened(&mut self, now: Time, conn: ConnId, by: Option<ListenerId>, remote: SocketAddr, out: &mut Out) {
        if self.session.conn() == Some(conn) {
            self.on_tracker_opened(now, conn, out);
        } else if by.is_some() {
            self.on_link_accepted(now, conn, remote, out);
        } else if self.partners.has(conn) {
            self.on_partner_opened(now, conn, out);
        } else {
            self.on_link_opened(now, conn, out);
        }
    }

    fn handle_refused(&mut self, now: Time, id: u64, reason: Refusal, out: &mut Out) {
        if self.listener == Some(ListenerId(id)) {
            if self.any_port && reason == Refusal::AddressInUse && self.wanted_listen.port() != 0 {
                self.any_port = false;
                self.listen(SocketAddr::new(self.wanted_listen.ip(), 0), out);
            } else {
                self.listener = None;
                self.tell(Notice::ListenRefused { listen: self.wanted_listen, reason });
            }
        } else if self.session.conn() == Some(ConnId(id)) {
            self.on_tracker_refused(now, ConnId(id), reason, out);
        } else if self.partners.has(ConnId(id)) {
            self.on_partner_refused(ConnId(id), reason);
        } else if !self.on_bind_refused(id, reason) {
            self.on_dial_failed(now, ConnId(id), Err(reason), out);
        }
    }

    fn handle_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        if self.session.conn() == Some(conn) {
            self.on_tracker_bytes(now, conn, bytes, out);
        } else if self.partners.has(conn) {
            self.on_partner_bytes(now, conn, bytes, out);
        } else {
            self.on_link_bytes(now, conn, bytes, out);
        }
    }

    fn handle_closed(&mut self, now: Time, conn: ConnId, reason: Closed, out: &mut Out) {
        self.closing.remove(&conn);
        let fault = if reason == Closed::SlowReader { Fault::SlowReader } else { Fault::Cut };
        if self.session.conn() == Some(conn) {
            self.on_tracker_lost(now, Some(fault), out);
        } else if self.partners.has(conn) {
            self.on_partner_closed(now, conn, out);
        } else {
            self.on_link_lost(now, conn, Some(fault), out);
        }
    }

    fn handle_due(&mut self, now: Time, out: &mut Out) {
        for _ in 0..crate::machine::DUE_TIMERS_MAX {
            let Some(timer) = self.timers.pop_due(now) else { break };
            match timer {
                Timer::Tracker => self.start_session(now, out),
                Timer::Progress(conn) => self.on_no_progress(now, conn, out),
                Timer::Alive(conn) => self.on_alive_due(now, conn, out),
                Timer::Frame(conn) => self.on_frame_due(now, conn, out),
                Timer::Dial(key) => self.on_dial_due(now, key, out),
                Timer::Ask(token) => self.on_ask_expired(now, token, out),
                Timer::Room(room) => self.release_entries(now, room),
                Timer::Strangers => self.tell_strangers(now),
                Timer::Call => self.call(now, out),
                Timer::Neighbours => self.dial_neighbours(now, out),
                Timer::Places => self.on_places_due(),
                Timer::Partner(conn) => self.on_partner_due(now, conn, out),
            }
        }
    }

    fn handle_command(&mut self, now: Time, command: Command, out: &mut Out) {
        match command {
            Command::Ask { token, .. } if self.stopping => self.outcome(token, Some(Problem::Stopping)),
            Command::Ask { token, request } => self.handle_ask(now, token, request, out),
            Command::TrustTracker { key, accept } => self.on_tracker_judged(now, key, accept, out),
            Command::Output { open } => {
                self.output_open = open;
                let conns = self.links.iter().map(|(conn, _)| conn).collect::<Vec<_>>();
                for conn in conns {
                    self.on_link_bytes(now, conn, &[], out);
                    self.set_reading(conn, out);
                }
                self.set_partners_reading(now, out);
            }
            Command::Count => self.tell(Notice::Counters {
                counters: self.counters.clone(),
                links: self.links.all_up().count(),
                unacknowledged: self.outbox.len(),
            }),
            Command::Quit => self.on_quit(now, out),
        }
    }

    /// A jump of the wall clock may be a suspend: everything is doubted, and tried again soon.
    fn handle_wall(&mut self, now: Time, wall: Wall) {
        let first = self.wall == Wall::default();
        (self.wall, self.wall_at) = (wall, now);
        if !first {
            self.on_network_doubted(now);
        }
    }

    fn handle_interfaces(&mut self, now: Time, interfaces: Vec<Interface>, out: &mut Out) {
        let first = self.interfaces.is_empty();
        self.interfaces = interfaces;
        if let Some(conn) = self.session.up() {
            let claimed = self.claimed();
            self.say_to_tracker(conn, ToTracker::Moved { claimed });
        }
        self.on_networks_changed(now, out);
        if !first {
            self.on_network_doubted(now);
        }
    }

    fn on_quit(&mut self, now: Time, out: &mut Out) {
        if self.stopping {
            return;
        }
        self.stopping = true;
        let conns = self.links.iter().map(|(conn, _)| conn).collect::<Vec<_>>();
        for conn in conns {
            self.end_link(conn, Goodbye::Quit, out);
        }
        self.end_session(Some(Goodbye::Quit), out);
        if let Some(listener) = self.listener {
            out.push(Action::Close { id: listener.0, how: CloseHow::Abort });
        }
        self.stop_calling(out);
        self.stop_partners(out);
        let waiting = std::mem::take(&mut self.draining);
        for token in waiting.into_keys() {
            self.outcome(token, Some(Problem::Stopping));
        }
        self.release_crowded(now);
        // Nothing is waited for any more but the disk.
        self.timers = Timers::default();
    }

    /// The end of an event: what is due because of it, one commit, and every output behind it.
    fn finish(&mut self, now: Time, out: &mut Out) {
        self.release_crowded(now);
        self.check_draining(now, out);
        self.run_transfers(now);
        self.start_calling(out);
        for ((conn, place), have) in std::mem::take(&mut self.acks) {
            let message = match place {
                Some(room) => ToPeer::EntryAck { room, have },
                None => ToPeer::PrivateAck { have },
            };
            self.said.push(Output::ToPeer(conn, message));
        }
        if !self.changes.is_empty() {
            let seq = self.durable.commit();
            out.push(Action::Commit { seq, changes: std::mem::take(&mut self.changes) });
        }
        self.release_said(out);
        self.run_partners(now, out);
        // Whoever was hung up on is told of, too.
        self.release_said(out);
        self.ask_disk(out);
        self.ask_bulk_turns(out);
        let overloaded = self.durable.held() > self.limits.outputs_waiting_max;
        if overloaded != self.overloaded {
            self.overloaded = overloaded;
            let conns = self.links.iter().map(|(conn, _)| conn).collect::<Vec<_>>();
            for conn in conns {
                self.set_reading(conn, out);
            }
            self.read_tracker(out);
            self.set_partners_reading(now, out);
        }
        if self.stopping && !self.stopped && self.durable.is_quiet() && self.transfers.is_quiet() {
            self.stopped = true;
            out.notify(Notice::Stopped { unacknowledged: self.outbox.len() });
        }
    }

    /// Everything that was said waits behind the commits so far, and what waits for none goes out.
    fn release_said(&mut self, out: &mut Out) {
        for output in std::mem::take(&mut self.said) {
            self.durable.say(output);
        }
        while let Some(output) = self.durable.next_said() {
            self.release(output, out);
        }
    }

    fn release(&mut self, output: Output, out: &mut Out) {
        match output {
            Output::Notice(notice) => out.notify(notice),
            Output::ToTracker(conn, message) => {
                let own = self.session.conn() == Some(conn);
                let channel = if own { self.session.channel.as_mut() } else { self.closing.get_mut(&conn) };
                if let Some(channel) = channel {
                    out.send_with(conn, |bytes| channel.seal(&message.to_bytes(), bytes));
                }
            }
            Output::ToPeer(conn, message) => {
                let channel = match self.links.find_mut(conn) {
                    Some(link) => link.channel.as_mut(),
                    None => self.closing.get_mut(&conn),
                };
                if let Some(channel) = channel {
                    out.send_with(conn, |bytes| channel.seal(&message.to_bytes(), bytes));
                }
            }
            Output::ToPartner(conn, pieces) => self.release_to_partner(conn, pieces),
            Output::Kept(number) => self.on_transfer_kept(number),
            Output::Close(conn, how) => {
                if self.closing.remove(&conn).is_some() {
                    out.close(conn, how);
                }
            }
        }
    }

    /// Tells the host, after the commits so far.
    pub(super) fn tell(&mut self, notice: Notice) {
        self.said.push(Output::Notice(notice));
    }

    /// Tells the person something.
    pub(super) fn note(&mut self, note: Note) {
        self.tell(Notice::Note(note));
    }

    /// Says something to a peer, after the commits so far.
    pub(super) fn say_to_peer(&mut self, conn: ConnId, message: ToPeer) {
        self.said.push(Output::ToPeer(conn, message));
    }

    /// Says something to the tracker, after the commits so far.
    pub(super) fn say_to_tracker(&mut self, conn: ConnId, message: ToTracker) {
        self.said.push(Output::ToTracker(conn, message));
    }

    /// Answers a request.
    pub(super) fn outcome(&mut self, token: u64, problem: Option<Problem>) {
        self.timers.clear(Timer::Ask(token));
        self.tell(Notice::Outcome { token, problem });
    }

    /// A connection that was nobody's yet was refused or cut short. It is counted, and told of now and then.
    pub(super) fn on_stranger(&mut self, now: Time, fault: Fault, address: SocketAddr) {
        self.counters.count(fault);
        let count = self.strangers.map_or(0, |(count, ..)| count) + 1;
        self.strangers = Some((count, fault, address));
        if self.timers.at(Timer::Strangers).is_none() {
            self.tell_strangers(now);
        }
    }

    fn tell_strangers(&mut self, now: Time) {
        if let Some((count, fault, address)) = self.strangers.take() {
            self.note(Note::Strangers { count, fault, address });
            self.timers.set(Timer::Strangers, now + ms(self.limits.strangers_told_ms));
        }
    }

    /// How often each fault happened since the start.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The wall clock now.
    pub(super) fn wall_now(&self, now: Time) -> Wall {
        self.wall.plus(now - self.wall_at)
    }

    /// Makes a request expire.
    pub(super) fn expire(&mut self, now: Time, token: u64, after_ms: u64) {
        self.timers.set(Timer::Ask(token), now + ms(after_ms));
    }
}

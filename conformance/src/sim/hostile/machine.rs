//! The node itself: its connections, its timers, and what drives its habits.

use std::{
    collections::{BTreeMap, VecDeque},
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::{Identity, Key},
    limits::{FRAME_BYTES_MAX, ms},
    machine::{Action, CloseHow, ConnId, DUE_TIMERS_MAX, Event, Machine, OddIds, Outbox},
    names::Name,
    rng::Seed,
    time::Time,
    timers::Timers,
    wire::{codec::Wire as _, peer::ToPeer, tracker::ToTracker},
};

use super::{
    Change, Command, Habit, Notice, Start,
    beacons::Calls,
    files::Files,
    habits::Needs,
    line::{Beat, Line, Opening, Part, Tamper},
    member::Member,
};
use crate::{
    luck::Luck,
    sim::cast::{PEER_PORT, TRACKER_PORT},
};

pub(super) type Out = Outbox<Notice, Change>;

/// More connections at once are too many; the oldest gives way.
const LINES_MAX: usize = 512;
/// Pieces of what was heard that are remembered, and how much of each.
const OVERHEARD_MAX: usize = 32;
const OVERHEARD_BYTES_MAX: usize = 2_048;
/// How often it looks whether its session and its links stand.
const LOOK_MS: u64 = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A habit's turn.
    Habit(Habit),
    /// A script goes on.
    Beat(ConnId),
    /// The session and the links are looked after.
    Look,
}

/// A hostile node.
pub(crate) struct Hostile {
    pub(super) start: Start,
    pub(super) luck: Luck,
    pub(super) now: Time,
    pub(super) member: Member,
    pub(super) files: Files,
    pub(super) calls: Calls,
    pub(super) lines: BTreeMap<ConnId, Line>,
    statics: StaticKey,
    pub(super) ids: OddIds,
    timers: Timers<Timer>,
    overheard: VecDeque<Vec<u8>>,
    has_begun: bool,
}

impl Machine for Hostile {
    const KIND: &'static str = "hostile";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = Change;

    fn start(start: Start) -> Self {
        Self {
            luck: Luck::of(&start.seed, "habits", 0),
            now: Time::ZERO,
            member: Member::default(),
            files: Files::default(),
            calls: Calls::default(),
            lines: BTreeMap::new(),
            statics: StaticKey::draw(&mut start.seed.stream("static", 0)),
            ids: OddIds::default(),
            timers: Timers::default(),
            overheard: VecDeque::new(),
            has_begun: false,
            start,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        self.now = now;
        if !self.has_begun {
            self.begin(out);
        }
        match event {
            Event::Opened { conn, listener: Some(_), local, .. } => self.on_accepted(conn, local.port(), out),
            Event::Opened { conn, listener: None, .. } => self.on_opened(conn, out),
            Event::Received { conn, bytes } => self.on_received(conn, &bytes, out),
            Event::Closed { conn: ConnId(id), .. } | Event::Refused { id, .. } => self.on_over(ConnId(id), out),
            Event::Due => self.on_due(out),
            Event::Datagram { from, bytes, .. } => self.calls.on_call(from, &bytes),
            Event::Command(command) => match command {},
            Event::Listening { .. }
            | Event::Writable { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Resolved { .. }
            | Event::Bound { .. }
            | Event::Undeliverable { .. }
            | Event::Disk { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl Hostile {
    fn begin(&mut self, out: &mut Out) {
        self.has_begun = true;
        self.listen_to_calls(out);
        let ports = [(PEER_PORT, self.needs() == Needs::Links), (TRACKER_PORT, self.has(Habit::Lies))];
        for (port, _) in ports.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            let address = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
            out.push(Action::Listen { listener: self.ids.next_listener(), address });
        }
        if self.needs() >= Needs::Session {
            self.timers.set(Timer::Look, self.now);
        }
        for habit in self.start.habits.clone() {
            self.plan(habit);
        }
    }

    /// What its habits need, all together.
    fn needs(&self) -> Needs {
        self.start.habits.iter().map(|habit| habit.needs()).max().unwrap_or(Needs::Nothing)
    }

    fn plan(&mut self, habit: Habit) {
        let wait = self.luck.duration(ms(self.start.pace_ms), ms(self.start.pace_ms * 4));
        self.timers.set(Timer::Habit(habit), self.now + wait);
    }

    pub(super) fn has(&self, habit: Habit) -> bool {
        self.start.habits.contains(&habit)
    }

    fn on_due(&mut self, out: &mut Out) {
        for _ in 0..DUE_TIMERS_MAX {
            match self.timers.pop_due(self.now) {
                Some(Timer::Habit(habit)) => {
                    self.plan(habit);
                    let ready = match habit.needs() {
                        Needs::Nothing => true,
                        Needs::Session => self.session().is_some(),
                        Needs::Links => !self.links().is_empty(),
                    };
                    if ready {
                        out.notify(Notice::Acted(habit));
                        habit.act(self, out);
                    }
                }
                Some(Timer::Beat(conn)) => self.advance(conn, out),
                Some(Timer::Look) => {
                    self.timers.set(Timer::Look, self.now + ms(LOOK_MS));
                    self.look_after_session(out);
                    if self.needs() == Needs::Links {
                        self.look_after_links(out);
                    }
                }
                None => return,
            }
        }
    }

    // What habits ask for.

    /// A tracker or a person, and what is spoken there.
    pub(super) fn pick_anyone(&mut self) -> (SocketAddr, Preface) {
        if self.start.people.is_empty() || self.luck.chance(0.4) {
            (self.luck.pick(&self.start.trackers).address, Preface::Tracker)
        } else {
            (self.luck.pick(&self.start.people).address, Preface::Peer)
        }
    }

    /// Up to so many bytes at random, at least half of them.
    pub(super) fn next_bytes(&mut self, most: usize) -> Vec<u8> {
        let count = most / 2 + self.luck.below(most / 2 + 1);
        let mut seed = self.luck.next_seed().0;
        let mut bytes = Vec::with_capacity(count);
        while bytes.len() < count {
            bytes.extend_from_slice(&seed);
            seed = self.luck.next_seed().0;
        }
        bytes.truncate(count);
        bytes
    }

    /// A piece of what was heard on some connection; garbage while nothing was heard.
    pub(super) fn next_overheard(&mut self) -> Vec<u8> {
        if self.overheard.is_empty() {
            return self.next_bytes(200);
        }
        let which = self.luck.below(self.overheard.len());
        self.overheard[which].clone()
    }

    /// Nobody: an identity that is used once.
    pub(super) fn next_identity(&mut self) -> Identity {
        Identity::from_secret(&self.luck.next_seed().0)
    }

    /// Dials somebody and says a script without any channel.
    pub(super) fn dial_raw(&mut self, to: SocketAddr, script: Vec<Beat>, out: &mut Out) -> ConnId {
        self.dial(to, Line::new(Part::Stranger, Tamper::None, None, script), out)
    }

    /// Dials somebody under a new identity; the script begins when the channel stands.
    pub(super) fn dial_as_nobody(
        &mut self,
        to: SocketAddr,
        preface: Preface,
        part: Part,
        tamper: Tamper,
        script: Vec<Beat>,
        out: &mut Out,
    ) {
        let identity = self.next_identity();
        self.dial(to, Line::new(part, tamper, Some(Opening { preface, identity }), script), out);
    }

    /// Dials somebody under its own identity.
    pub(super) fn dial_as_itself(
        &mut self,
        to: SocketAddr,
        preface: Preface,
        part: Part,
        script: Vec<Beat>,
        out: &mut Out,
    ) -> ConnId {
        let identity = self.start.identity.clone();
        self.dial(to, Line::new(part, Tamper::None, Some(Opening { preface, identity }), script), out)
    }

    fn dial(&mut self, to: SocketAddr, line: Line, out: &mut Out) -> ConnId {
        if self.lines.len() >= LINES_MAX
            && let Some(oldest) = self.lines.iter().find(|(_, line)| line.part == Part::Stranger).map(|(conn, _)| *conn)
        {
            self.close(oldest, CloseHow::Abort, out);
        }
        let conn = self.ids.next_conn();
        self.lines.insert(conn, line);
        out.push(Action::Connect { conn, address: to });
        conn
    }

    /// The session at the tracker, while it stands.
    pub(super) fn session(&self) -> Option<ConnId> {
        let stands = |line: &Line| line.part == Part::Session && line.greeted && !line.hushed;
        self.lines.iter().find(|(_, line)| stands(line)).map(|(conn, _)| *conn)
    }

    /// The links that stand.
    pub(super) fn links(&self) -> Vec<ConnId> {
        let stands = |line: &Line| line.part == Part::Link && line.greeted && !line.hushed;
        self.lines.iter().filter(|(_, line)| stands(line)).map(|(conn, _)| *conn).collect()
    }

    /// One of the links.
    pub(super) fn pick_link(&mut self) -> Option<ConnId> {
        let links = self.links();
        if links.is_empty() { None } else { Some(*self.luck.pick(&links)) }
    }

    /// Says something to the tracker, while the session stands.
    pub(super) fn say_to_tracker(&mut self, message: &ToTracker, out: &mut Out) {
        if let Some(conn) = self.session() {
            self.say(conn, &message.to_bytes(), out);
        }
    }

    /// Says something over a link.
    pub(super) fn say_to_peer(&mut self, conn: ConnId, message: &ToPeer, out: &mut Out) {
        self.say(conn, &message.to_bytes(), out);
    }

    /// A message in bytes, for a script.
    pub(super) fn encode_peer(&self, message: &ToPeer) -> Vec<u8> {
        message.to_bytes()
    }

    /// Seals and says something, once the channel stands.
    pub(super) fn say(&mut self, conn: ConnId, message: &[u8], out: &mut Out) {
        let Some(line) = self.lines.get_mut(&conn).filter(|line| !line.hushed) else { return };
        if let Some(channel) = line.channel.as_mut().filter(|channel| channel.is_established()) {
            out.send_with(conn, |bytes| channel.seal(message, bytes));
        }
    }

    /// Ends a connection.
    pub(super) fn close(&mut self, conn: ConnId, how: CloseHow, out: &mut Out) {
        if self.lines.contains_key(&conn) {
            out.close(conn, how);
            self.forget(conn);
        }
    }

    /// Reads a connection, or not, and goes on with its script.
    pub(super) fn add_beats(&mut self, conn: ConnId, beats: impl IntoIterator<Item = Beat>, out: &mut Out) {
        if let Some(line) = self.lines.get_mut(&conn) {
            line.script.extend(beats);
            self.advance(conn, out);
        }
    }

    // Connections.

    fn forget(&mut self, conn: ConnId) {
        self.lines.remove(&conn);
        self.timers.clear(Timer::Beat(conn));
    }

    fn on_over(&mut self, conn: ConnId, out: &mut Out) {
        let other = self.lines.get(&conn).and_then(|line| line.relay);
        self.forget(conn);
        if let Some(other) = other {
            self.close(other, CloseHow::Flush, out);
        }
    }

    fn rng(&self, conn: ConnId) -> papo_proto::rng::Stream {
        self.start.seed.stream("channel", conn.0)
    }

    fn on_accepted(&mut self, conn: ConnId, port: u16, out: &mut Out) {
        if self.lines.len() >= LINES_MAX {
            return out.close(conn, CloseHow::Abort);
        }
        if port == PEER_PORT && self.hand_on(conn, out) {
            return;
        }
        let identity = self.start.identity.clone();
        let (part, preface) = match port {
            TRACKER_PORT => (Part::Client, Preface::Tracker),
            _ => (Part::Link, Preface::Peer),
        };
        let opening = Opening { preface, identity: identity.clone() };
        let mut line = Line::new(part, Tamper::None, Some(opening), Vec::new());
        line.stands = true;
        line.channel = Some(Channel::accept(preface, identity, &self.statics, self.rng(conn)));
        self.lines.insert(conn, line);
    }

    fn on_opened(&mut self, conn: ConnId, out: &mut Out) {
        let rng = self.rng(conn);
        let Some(line) = self.lines.get_mut(&conn) else { return };
        line.stands = true;
        let Some(opening) = &line.opening else { return self.advance(conn, out) };
        let mut first = Vec::new();
        line.channel = Some(Channel::dial(opening.preface, opening.identity.clone(), &self.statics, rng, &mut first));
        self.say_of_handshake(conn, first, out);
    }

    /// Says a handshake message, after whatever is done to it.
    fn say_of_handshake(&mut self, conn: ConnId, bytes: Vec<u8>, out: &mut Out) {
        let bit = self.luck.below(8 * 1_024);
        let Some(line) = self.lines.get_mut(&conn) else { return };
        if bytes.is_empty() {
            return;
        }
        let said = line.tamper.apply(line.spoken, bytes, bit);
        line.spoken += 1;
        out.send(conn, &said);
    }

    fn on_received(&mut self, conn: ConnId, bytes: &[u8], out: &mut Out) {
        if self.overheard.len() == OVERHEARD_MAX {
            self.overheard.pop_front();
        }
        self.overheard.push_back(bytes[..bytes.len().min(OVERHEARD_BYTES_MAX)].to_vec());
        if let Some(other) = self.lines.get(&conn).and_then(|line| line.relay) {
            return self.pass_on(other, bytes, out);
        }
        let Some(channel) = self.lines.get_mut(&conn).and_then(|line| line.channel.as_mut()) else { return };
        channel.handle_bytes(bytes);
        loop {
            let Some(channel) = self.lines.get_mut(&conn).and_then(|line| line.channel.as_mut()) else { return };
            let mut reply = Vec::new();
            let step = channel.next_step(FRAME_BYTES_MAX, &mut reply);
            if let Ok(Some(Step::Identified(_))) = &step {
                channel.confirm(&mut reply);
            }
            self.say_of_handshake(conn, reply, out);
            match step {
                Ok(Some(Step::Identified(_))) => {}
                Ok(Some(Step::Established(key))) => self.on_established(conn, key, out),
                Ok(Some(Step::Message(message))) => self.on_message(conn, &message, out),
                Ok(None) => return,
                Err(_) => return self.close(conn, CloseHow::Abort, out),
            }
        }
    }

    fn on_established(&mut self, conn: ConnId, key: Key, out: &mut Out) {
        let Some(line) = self.lines.get_mut(&conn) else { return };
        line.key = Some(key);
        match line.part {
            Part::Stranger | Part::Client => {}
            Part::Session => self.log_in(conn, out),
            Part::Link => self.greet(conn, out),
        }
        self.advance(conn, out);
    }

    fn on_message(&mut self, conn: ConnId, message: &[u8], out: &mut Out) {
        let Some(line) = self.lines.get(&conn) else { return };
        if line.part == Part::Client {
            return self.on_client_message(conn, message, out);
        }
        match (line.opening.as_ref().map(|opening| opening.preface), line.key) {
            (Some(Preface::Tracker), Some(_)) => self.on_tracker_message(conn, message, out),
            (Some(Preface::Peer), Some(key)) => self.on_peer_message(conn, key, message, out),
            _ => {}
        }
    }

    /// Goes on with a script.
    fn advance(&mut self, conn: ConnId, out: &mut Out) {
        if self.timers.at(Timer::Beat(conn)).is_some() {
            return;
        }
        while let Some(line) = self.lines.get_mut(&conn) {
            if !line.stands || (line.opening.is_some() && !line.is_established()) {
                return;
            }
            match line.script.pop_front() {
                Some(Beat::Raw(bytes)) => out.send(conn, &bytes),
                Some(Beat::Sealed(message)) => self.say(conn, &message, out),
                Some(Beat::Wait(wait)) => return self.timers.set(Timer::Beat(conn), self.now + wait),
                Some(Beat::Deaf) => out.push(Action::Reading(conn, false)),
                Some(Beat::Hush) => line.hushed = true,
                Some(Beat::Close(how)) => return self.close(conn, how, out),
                None => return,
            }
        }
    }

    /// Waits between `shortest` and `longest`.
    pub(super) fn next_wait(&mut self, shortest: Duration, longest: Duration) -> Beat {
        Beat::Wait(self.luck.duration(shortest, longest))
    }

    /// The name of somebody whom it knows.
    pub(super) fn pick_name(&mut self) -> Option<Name> {
        if self.start.people.is_empty() { None } else { Some(self.luck.pick(&self.start.people).name.clone()) }
    }

    /// A key that is nobody's.
    pub(super) fn next_key(&mut self) -> Key {
        Key(self.luck.next_seed().0)
    }

    /// 32 bytes that are the id of nothing.
    pub(super) fn next_id(&mut self) -> Seed {
        self.luck.next_seed()
    }
}

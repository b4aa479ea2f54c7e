//! The client itself: its connection to the tracker, its listener, and what its person does.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use papo_proto::{
    limits::ms,
    machine::{Action, CloseHow, ConnId, DUE_TIMERS_MAX, Event, Machine, OddIds, Outbox},
    time::Time,
    timers::Timers,
};
use serde_json::{Value, json};

use super::{Change, Command, Notice, Start};
use crate::luck::Luck;

type Out = Outbox<Notice, Change>;

/// An answer that takes longer is none: five seconds, and what the network takes in the worst climate.
const ANSWER_MAX: Duration = Duration::from_secs(8);
/// Until it connects again.
const AGAIN_MS: (u64, u64) = (500, 8_000);
/// Strangers who connect to it, at most.
const VISITORS_MAX: usize = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// It connects.
    Connect,
    /// Its person does something.
    Act,
    /// An answer is too late.
    Answer,
}

/// How far it is with its tracker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// It dials.
    Dialling,
    /// It is connected and says nothing.
    Silent,
    /// It has asked to be let in.
    Entering,
    /// It is logged in.
    In,
}

#[derive(Debug)]
struct Session {
    conn: ConnId,
    /// This end, once it stands.
    local: SocketAddr,
    phase: Phase,
    bytes: Vec<u8>,
    /// What it asked for, and what of that was not answered.
    asked: u64,
    open: u64,
    read: u64,
}

/// See the [module](super).
pub(crate) struct Older {
    start: Start,
    luck: Luck,
    now: Time,
    has_begun: bool,
    has_account: bool,
    session: Option<Session>,
    visitors: BTreeMap<ConnId, Vec<u8>>,
    ids: OddIds,
    timers: Timers<Timer>,
}

impl Machine for Older {
    const KIND: &'static str = "older client";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = Change;

    fn start(start: Start) -> Self {
        Self {
            luck: Luck::of(&start.seed, "deeds", 0),
            now: Time::ZERO,
            has_begun: false,
            has_account: false,
            session: None,
            visitors: BTreeMap::new(),
            ids: OddIds::default(),
            timers: Timers::default(),
            start,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        self.now = now;
        if !self.has_begun {
            self.has_begun = true;
            out.push(Action::Listen { listener: self.ids.next_listener(), address: self.start.listen });
            self.timers.set(Timer::Connect, now);
        }
        match event {
            Event::Opened { conn, listener: Some(_), .. } => {
                if self.visitors.len() >= VISITORS_MAX {
                    return out.close(conn, CloseHow::Abort);
                }
                self.visitors.insert(conn, Vec::new());
            }
            Event::Opened { conn, listener: None, local, .. } => self.on_connected(conn, local),
            Event::Received { conn, bytes } if self.visitors.contains_key(&conn) => self.on_visitor(conn, &bytes, out),
            Event::Received { conn, bytes } => self.on_received(conn, &bytes, out),
            Event::Closed { conn: ConnId(id), .. } | Event::Refused { id, .. } => self.on_over(ConnId(id)),
            Event::Due => self.on_due(out),
            Event::Command(command) => match command {},
            Event::Listening { .. }
            | Event::Writable { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Resolved { .. }
            | Event::Bound { .. }
            | Event::Datagram { .. }
            | Event::Undeliverable { .. }
            | Event::Disk { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl Older {
    fn on_due(&mut self, out: &mut Out) {
        for _ in 0..DUE_TIMERS_MAX {
            match self.timers.pop_due(self.now) {
                Some(Timer::Connect) => {
                    let conn = self.ids.next_conn();
                    self.session = Some(Session {
                        conn,
                        local: self.start.listen,
                        phase: Phase::Dialling,
                        bytes: Vec::new(),
                        asked: 0,
                        open: 0,
                        read: 0,
                    });
                    out.push(Action::Connect { conn, address: self.start.tracker });
                }
                Some(Timer::Act) => self.act(out),
                Some(Timer::Answer) => out.notify(Notice::Unanswered),
                None => return,
            }
        }
    }

    // Its tracker.

    fn on_connected(&mut self, conn: ConnId, local: SocketAddr) {
        let Some(session) = self.session.as_mut().filter(|session| session.conn == conn) else { return };
        (session.phase, session.local) = (Phase::Silent, local);
        let silence = self.luck.duration(Duration::from_millis(10), ms(self.start.silence_ms));
        self.timers.set(Timer::Act, self.now + silence);
    }

    fn on_over(&mut self, conn: ConnId) {
        self.visitors.remove(&conn);
        if self.session.as_ref().is_some_and(|session| session.conn == conn) {
            self.leave();
        }
    }

    /// The connection is no more; another follows.
    fn leave(&mut self) {
        self.session = None;
        self.timers.clear(Timer::Act);
        self.timers.clear(Timer::Answer);
        let again = self.luck.duration(ms(AGAIN_MS.0), ms(AGAIN_MS.1));
        self.timers.set(Timer::Connect, self.now + again);
    }

    fn on_received(&mut self, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(session) = self.session.as_mut().filter(|session| session.conn == conn) else { return };
        session.bytes.extend_from_slice(bytes);
        for object in take_objects(&mut session.bytes) {
            session.read += 1;
            if object["status"] == "ROOM_UPDATE" {
                continue;
            }
            session.open = session.open.saturating_sub(1);
            if session.phase == Phase::Entering {
                let is_there = object["msg"] == "Usuário já existe.";
                self.has_account |= is_there || object["status"] == "OK";
                session.phase = if object["status"] == "OK" { Phase::In } else { Phase::Silent };
            }
        }
        out.notify(Notice::Read { local: session.local, read: session.read });
        if session.open == 0 {
            self.timers.clear(Timer::Answer);
        }
    }

    /// Its person does something, unless it waits for an answer.
    fn act(&mut self, out: &mut Out) {
        let wait = self.luck.duration(ms(self.start.pace_ms / 4), ms(self.start.pace_ms));
        self.timers.set(Timer::Act, self.now + wait);
        let Some(Session { conn, phase, open, .. }) = self.session.as_ref() else { return };
        let (conn, phase) = (*conn, *phase);
        if *open > 0 {
            return;
        }
        match phase {
            Phase::Dialling | Phase::Entering => {}
            Phase::Silent => {
                let entering = self.entering();
                self.ask(&[entering], out);
                if let Some(session) = &mut self.session {
                    session.phase = Phase::Entering;
                }
            }
            Phase::In if self.luck.chance(0.03) => {
                // Its person ends the program, or the machine stops.
                let how = if self.luck.chance(0.5) { CloseHow::Flush } else { CloseHow::Abort };
                out.close(conn, how);
                self.leave();
            }
            Phase::In => {
                let count = if self.luck.chance(0.1) { 2 } else { 1 };
                let requests = (0..count).map(|_| self.next_request()).collect::<Vec<_>>();
                self.ask(&requests, out);
            }
        }
    }

    fn entering(&self) -> Value {
        let cmd = if self.has_account { "LOGIN" } else { "REGISTER" };
        let Start { name, password, claims, listen, token, .. } = &self.start;
        let mut object = json!({
            "cmd": cmd, "username": name, "password": password, "address": claims.to_string(), "port": listen.port(),
        });
        if let Some(token) = token {
            object["token"] = json!(token);
        }
        object
    }

    fn next_request(&mut self) -> Value {
        let room = self.luck.pick(&self.start.rooms).clone();
        let name = self.start.name.as_str();
        let of_room = |cmd: &str| json!({ "cmd": cmd, "room": room, "username": name });
        let requests = [
            json!({ "cmd": "LIST_PEERS" }),
            json!({ "cmd": "LIST_ROOMS" }),
            of_room("CREATE_ROOM"),
            of_room("CREATE_ROOM"),
            of_room("JOIN_ROOM"),
            of_room("JOIN_ROOM"),
            of_room("JOIN_ROOM"),
            of_room("LEAVE_ROOM"),
            of_room("DELETE_ROOM"),
            json!({ "cmd": "JOIN_ROOM", "username": name }),
            json!({ "cmd": "LEAVE_ROOM", "room": room, "username": "outro" }),
            json!({ "cmd": "NADA" }),
        ];
        self.luck.pick(&requests).clone()
    }

    /// Asks for all of this in one write.
    fn ask(&mut self, requests: &[Value], out: &mut Out) {
        let Some(session) = &mut self.session else { return };
        session.asked += requests.len() as u64;
        session.open += requests.len() as u64;
        out.notify(Notice::Asked { local: session.local, asked: session.asked, glued: requests.len() > 1 });
        out.send(session.conn, requests.iter().map(Value::to_string).collect::<String>().as_bytes());
        self.timers.set(Timer::Answer, self.now + ANSWER_MAX);
    }

    // Whoever connects to it.

    fn on_visitor(&mut self, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(heard) = self.visitors.get_mut(&conn) else { return };
        heard.extend_from_slice(bytes);
        for object in take_objects(heard) {
            if object["cmd"] == "PING" {
                let deaf = self.start.deaf_after_ms.is_some_and(|after| self.now.since_start() >= ms(after));
                out.notify(Notice::Pinged { answered: !deaf });
                if !deaf {
                    out.send(conn, br#"{"cmd":"PONG"}"#);
                }
            }
        }
    }
}

/// Takes every object that is whole. What the network cuts and glues is none of the tracker's making, so it is mended
/// here; how things were written, the model looks at.
fn take_objects(bytes: &mut Vec<u8>) -> Vec<Value> {
    let mut objects = serde_json::Deserializer::from_slice(bytes).into_iter::<Value>();
    let whole = std::iter::from_fn(|| objects.next().and_then(Result::ok)).collect::<Vec<_>>();
    let taken = objects.byte_offset();
    bytes.drain(..taken);
    whole
}

//! A client of a relay: it joins, says and hears.
//!
//! ```text
//!           ╭────────────── waits, longer each time ◀──────────────╮
//!           ▼                                                      │
//! start ─▶ resolve ─▶ TCP: dial ───────────────────▶ joined ─lost──┤
//!           │    ╰──▶ UDP: bind, `ping` ─`ping`──────▶             │
//!           ╰─nothing──────────────refused, silent─────────────────╯
//! ```
//!
//! A relay for UDP confirms nothing but `ping`, so that is asked before joining, and again now and then: one that does
//! not answer any more is joined anew when it does. What was said to a relay that is lost may be lost; what waits to be
//! said is said to the next.
//!
//! - What is said is cut into pieces that every relay relays whole, with a pause between, so that no two become one.
//! - What would end this client is told from what is said by a space: see `harmless`.
//! - [`hearing`]: what is heard, as who said what.
//!
//! Invariant: at the end, what waits is said first, for a bounded time; and nothing is said after that.

pub mod hearing;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    net::{Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use self::hearing::{Heard, Hearing};
use super::{LEAVE, udp::PING};
use crate::{
    limits::{Limits, ms},
    machine::{Action, CloseHow, Closed, ConnId, Event, Machine, OddIds, Outbox, Refusal, RequestId, SocketId},
    peer::redial::Redial,
    plaintext::{READ_BYTES, paced::PAUSE, text::pieces},
    rng::{Seed, Stream},
    time::{Time, Wall},
    timers::Timers,
};

/// With this, clients of the relay for UDP tell that they are there.
pub const JOIN: &str = "Novo participante no chat.";
/// The longest text that any relay tells whole, whatever the address that it puts before.
const SAY_BYTES_MAX: usize =
    READ_BYTES - "('0000:0000:0000:0000:0000:ffff:255.255.255.255', 65535) disse: ".len() - " ".len();
/// A relay holds back for 100 ms what could become [`LEAVE`]; what came meanwhile would count as its rest.
const LONG_PAUSE: Duration = Duration::from_millis(150);
/// As long as no answer comes, a relay for UDP is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// What a relay speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// A stream.
    Tcp,
    /// Datagrams.
    Udp,
}

/// What a client starts from.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Start {
    /// Its bounds.
    pub limits: Limits,
    /// Of the waits.
    pub seed: Seed,
    /// What the relay speaks.
    pub protocol: Protocol,
    /// A host name or an address.
    pub host: String,
    /// The port there.
    pub port: u16,
}

/// What a client's host may ask.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// Say this.
    Say(String),
    /// Whether what is heard can be shown; while it can't, nothing is read.
    Output {
        /// It can.
        open: bool,
    },
    /// Say what waits, leave, and report [`Notice::Stopped`].
    Leave,
}

/// What a client tells its host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Notice {
    /// It has joined, perhaps again.
    Joined {
        /// The relay.
        address: SocketAddr,
    },
    /// It has not joined, or has lost the relay. It tries again until it is told to leave.
    Lost(Trouble),
    /// Someone said something.
    Heard {
        /// When it was heard.
        at: Wall,
        /// Who, as the relay tells; nobody where it does not.
        from: Option<SocketAddr>,
        /// What.
        text: String,
    },
    /// What was to be said is said.
    Said {
        /// When.
        at: Wall,
        /// The text as it was given.
        text: String,
    },
    /// It is not said: too much waits already.
    TooMuch,
    /// So many datagrams were not heard while nothing could be shown.
    Missed(u64),
    /// It has ended.
    Stopped {
        /// Texts that were not said, or not whole.
        unsaid: usize,
    },
}

/// Why there is no relay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Its name has no address.
    UnknownHost,
    /// It can't be dialled, or no socket is to be had.
    Refused(Refusal),
    /// It does not answer.
    Silent,
    /// It ended the connection, or the network did.
    Closed(Closed),
}

type Out = Outbox<Notice, ()>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Look for the relay.
    Begin,
    /// It took too long.
    TooLate,
    /// Ask a relay for UDP whether it is there.
    Ask,
    /// The next piece may be said.
    Say,
    /// What was heard is whole.
    Heard,
    /// What waits at the end takes too long.
    GiveUp,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    Resolving(RequestId),
    /// And what else may be dialled.
    Dialling(ConnId, Vec<SocketAddr>),
    Connected(ConnId),
    Binding(SocketId, Vec<SocketAddr>),
    /// It was asked whether it is there.
    Asking(SocketId, Vec<SocketAddr>),
    /// It was asked so often since it answered last.
    Member(SocketId, SocketAddr, u32),
}

impl Phase {
    /// Where else the relay may be.
    fn take_rest(&mut self) -> Vec<SocketAddr> {
        match self {
            Self::Dialling(_, rest) => std::mem::take(rest),
            Self::Binding(_, addresses) | Self::Asking(_, addresses) => addresses.split_off(1),
            Self::Waiting | Self::Resolving(_) | Self::Connected(_) | Self::Member(..) => Vec::new(),
        }
    }

    /// By which socket a relay for UDP is spoken with, and where it is.
    fn spoken_with(&self) -> Option<(SocketId, SocketAddr)> {
        match self {
            Self::Asking(socket, addresses) => Some((*socket, addresses[0])),
            Self::Member(socket, relay, _) => Some((*socket, *relay)),
            Self::Waiting | Self::Resolving(_) | Self::Dialling(..) | Self::Connected(_) | Self::Binding(..) => None,
        }
    }

    const fn is_joined(&self) -> bool {
        matches!(self, Self::Connected(_) | Self::Member(..))
    }
}

/// A piece that waits to be said.
#[derive(Debug)]
struct Piece {
    bytes: String,
    /// With it, this text is said whole.
    ends: Option<String>,
}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct Chat {
    start: Start,
    ids: OddIds,
    rng: Stream,
    redial: Redial,
    phase: Phase,
    hearing: Hearing,
    waiting: VecDeque<Piece>,
    waiting_bytes: usize,
    /// Whether there was a relay at all.
    has_joined: bool,
    open: bool,
    missed: u64,
    /// The time on the wall, and when that was.
    wall: (Wall, Time),
    timers: Timers<Timer>,
    leaving: bool,
    stopped: bool,
}

impl Machine for Chat {
    const KIND: &'static str = "relay_chat";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = ();

    fn start(start: Start) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Begin, Time::ZERO);
        Self {
            ids: OddIds::default(),
            rng: start.seed.stream("redial", 0),
            redial: Redial::new(&start.limits),
            start,
            phase: Phase::Waiting,
            hearing: Hearing::default(),
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            has_joined: false,
            open: true,
            missed: 0,
            wall: (Wall::default(), Time::ZERO),
            timers,
            leaving: false,
            stopped: false,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        if self.stopped {
            return;
        }
        match event {
            Event::Due => self.on_due(now, out),
            Event::Resolved { request, addresses } => self.on_resolved(now, request, addresses, out),
            Event::Opened { conn, remote, .. } => self.on_opened(now, conn, remote, out),
            Event::Bound { socket, .. } => self.on_bound(now, socket, out),
            Event::Refused { reason, .. } => self.on_refused(now, reason, out),
            Event::Received { conn, bytes } => self.on_received(now, conn, &bytes, out),
            Event::Datagram { socket, from, bytes } => self.on_datagram(now, socket, from, &bytes, out),
            Event::Undeliverable { socket, to } => self.on_undeliverable(now, socket, to, out),
            Event::Closed { reason, .. } => self.on_lost(now, Trouble::Closed(reason), out),
            Event::Wall(wall) => self.wall = (wall, now),
            Event::Command(Command::Say(text)) => self.on_say(now, text, out),
            Event::Command(Command::Output { open }) => self.on_output(open, out),
            Event::Command(Command::Leave) => self.on_leave(now, out),
            Event::Listening { .. }
            | Event::Writable { .. }
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Disk { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        if self.stopped { None } else { self.timers.deadline() }
    }
}

impl Chat {
    fn on_due(&mut self, now: Time, out: &mut Out) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Begin => {
                    let request = self.ids.next_request();
                    self.phase = Phase::Resolving(request);
                    let (host, port) = (self.start.host.clone(), self.start.port);
                    out.push(Action::Resolve { request, host, port });
                }
                Timer::TooLate => self.on_too_late(now, out),
                Timer::Ask => self.on_ask(now, out),
                Timer::Say => self.say(now, out),
                Timer::Heard => {
                    let heard = self.hearing.finish();
                    self.hear(now, heard, out);
                }
                Timer::GiveUp => return self.stop(now, out),
            }
        }
    }

    // Joining.

    fn on_resolved(&mut self, now: Time, request: RequestId, addresses: Vec<SocketAddr>, out: &mut Out) {
        if !matches!(self.phase, Phase::Resolving(wanted) if wanted == request) {
            return;
        }
        self.try_next(now, addresses, Trouble::UnknownHost, out);
    }

    /// Goes on with the first of these addresses; where there is none, it is for this that it failed.
    fn try_next(&mut self, now: Time, mut addresses: Vec<SocketAddr>, trouble: Trouble, out: &mut Out) {
        let Some(&address) = addresses.first() else { return self.on_lost(now, trouble, out) };
        let limits = &self.start.limits;
        let (phase, time) = match self.start.protocol {
            Protocol::Tcp => {
                let conn = self.ids.next_conn();
                out.push(Action::Connect { conn, address });
                (Phase::Dialling(conn, addresses.split_off(1)), limits.dial_ms_max)
            }
            Protocol::Udp => {
                let socket = self.ids.next_socket();
                let any = match address {
                    SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
                    SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
                };
                out.push(Action::Bind { socket, address: any, broadcast: false });
                (Phase::Binding(socket, addresses), limits.chat_answer_ms_max)
            }
        };
        self.phase = phase;
        self.timers.set(Timer::TooLate, now + ms(time));
    }

    fn on_bound(&mut self, now: Time, socket: SocketId, out: &mut Out) {
        if let Phase::Binding(_, addresses) = &mut self.phase {
            self.phase = Phase::Asking(socket, std::mem::take(addresses));
            self.on_ask(now, out);
        }
    }

    /// Asks a relay for UDP whether it is there, as long as it does not answer and now and then afterwards.
    fn on_ask(&mut self, now: Time, out: &mut Out) {
        let often = ms(self.start.limits.chat_ping_ms);
        match &mut self.phase {
            Phase::Asking(socket, addresses) => {
                out.send_to(*socket, addresses[0], PING);
                self.timers.set(Timer::Ask, now + ASK_AGAIN);
            }
            Phase::Member(_, _, asked) if *asked >= 3 => self.on_lost(now, Trouble::Silent, out),
            Phase::Member(socket, relay, asked) => {
                *asked += 1;
                out.send_to(*socket, *relay, PING);
                self.timers.set(Timer::Ask, now + often);
            }
            Phase::Waiting | Phase::Resolving(_) | Phase::Dialling(..) | Phase::Connected(_) | Phase::Binding(..) => {}
        }
    }

    fn on_opened(&mut self, now: Time, conn: ConnId, remote: SocketAddr, out: &mut Out) {
        self.phase = Phase::Connected(conn);
        if !self.open {
            out.push(Action::Reading(conn, false));
        }
        self.on_joined(now, remote, out);
    }

    fn on_joined(&mut self, now: Time, address: SocketAddr, out: &mut Out) {
        self.has_joined = true;
        self.redial.reset();
        self.timers.clear(Timer::TooLate);
        out.notify(Notice::Joined { address });
        self.timers.set_earlier(Timer::Say, now);
        self.say(now, out);
    }

    fn on_refused(&mut self, now: Time, reason: Refusal, out: &mut Out) {
        let rest = self.phase.take_rest();
        // There is nothing to close any more.
        self.phase = Phase::Waiting;
        self.try_next(now, rest, Trouble::Refused(reason), out);
    }

    fn on_too_late(&mut self, now: Time, out: &mut Out) {
        let rest = self.phase.take_rest();
        self.put_away(CloseHow::Abort, out);
        let trouble = match self.start.protocol {
            Protocol::Tcp => Trouble::Refused(Refusal::TimedOut),
            Protocol::Udp => Trouble::Silent,
        };
        self.try_next(now, rest, trouble, out);
    }

    fn on_undeliverable(&mut self, now: Time, socket: SocketId, to: SocketAddr, out: &mut Out) {
        if self.phase.spoken_with() == Some((socket, to)) {
            let rest = self.phase.take_rest();
            self.put_away(CloseHow::Abort, out);
            self.try_next(now, rest, Trouble::Refused(Refusal::Refused), out);
        }
    }

    /// There is no relay: another attempt follows.
    fn on_lost(&mut self, now: Time, trouble: Trouble, out: &mut Out) {
        let heard = std::mem::take(&mut self.hearing).finish();
        self.hear(now, heard, out);
        if matches!(trouble, Trouble::Closed(_)) {
            self.phase = Phase::Waiting;
        }
        self.put_away(CloseHow::Abort, out);
        [Timer::TooLate, Timer::Ask, Timer::Say].into_iter().for_each(|timer| self.timers.clear(timer));
        self.timers.set(Timer::Begin, now + self.redial.next_wait(&mut self.rng));
        out.notify(Notice::Lost(trouble));
    }

    fn put_away(&mut self, how: CloseHow, out: &mut Out) {
        self.timers.clear(Timer::Ask);
        match std::mem::replace(&mut self.phase, Phase::Waiting) {
            Phase::Dialling(conn, _) | Phase::Connected(conn) => out.close(conn, how),
            Phase::Binding(socket, _) | Phase::Asking(socket, _) | Phase::Member(socket, ..) => {
                out.push(Action::Close { id: socket.0, how: CloseHow::Abort });
            }
            Phase::Waiting | Phase::Resolving(_) => {}
        }
    }

    // Hearing.

    fn on_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        if matches!(self.phase, Phase::Connected(own) if own == conn) {
            let heard = self.hearing.push(now, bytes);
            self.hear(now, heard, out);
        }
    }

    fn hear(&mut self, now: Time, heard: Vec<Heard>, out: &mut Out) {
        let at = self.wall_now(now);
        heard.into_iter().for_each(|Heard { from, text }| out.notify(Notice::Heard { at, from, text }));
        match self.hearing.deadline() {
            Some(at) => self.timers.set(Timer::Heard, at),
            None => self.timers.clear(Timer::Heard),
        }
    }

    fn on_datagram(&mut self, now: Time, socket: SocketId, from: SocketAddr, bytes: &[u8], out: &mut Out) {
        if self.phase.spoken_with() != Some((socket, from)) {
            return;
        }
        if let Phase::Member(_, _, asked) = &mut self.phase {
            *asked = 0;
        } else if bytes == PING {
            self.phase = Phase::Member(socket, from, 0);
            self.timers.set(Timer::Ask, now + ms(self.start.limits.chat_ping_ms));
            out.send_to(socket, from, JOIN.as_bytes());
            return self.on_joined(now, from, out);
        } else {
            // An older relay counts whoever asks as a member, so others may be heard before it answers.
            return;
        }
        match std::str::from_utf8(bytes) {
            Ok("" | "ping") | Err(_) => {}
            Ok(_) if !self.open => self.missed += 1,
            Ok(text) => self.hear(now, vec![hearing::of_datagram(text)], out),
        }
    }

    fn on_output(&mut self, open: bool, out: &mut Out) {
        if std::mem::replace(&mut self.open, open) == open {
            return;
        }
        if let Phase::Connected(conn) = self.phase {
            out.push(Action::Reading(conn, open));
        }
        if self.missed > 0 {
            out.notify(Notice::Missed(std::mem::take(&mut self.missed)));
        }
    }

    // Saying.

    fn on_say(&mut self, now: Time, text: String, out: &mut Out) {
        if self.leaving || text.is_empty() {
            return;
        }
        if self.waiting_bytes + text.len() > self.start.limits.chat_waiting_bytes_max {
            return out.notify(Notice::TooMuch);
        }
        self.waiting_bytes += text.len();
        let protocol = self.start.protocol;
        let cut = pieces(&text, SAY_BYTES_MAX).map(|piece| Piece { bytes: harmless(protocol, piece), ends: None });
        self.waiting.extend(cut);
        self.waiting.back_mut().expect("the text is not empty").ends = Some(text);
        self.say(now, out);
    }

    /// Says what may be said now.
    fn say(&mut self, now: Time, out: &mut Out) {
        if self.timers.at(Timer::Say).is_some_and(|at| at > now) {
            return;
        }
        self.timers.clear(Timer::Say);
        let is_joined = self.phase.is_joined();
        let Some(piece) = self.waiting.pop_front_if(|_| is_joined) else { return self.leave_if_done(now, out) };
        if let Phase::Connected(conn) = self.phase {
            out.send(conn, piece.bytes.as_bytes());
        } else if let Some((socket, relay)) = self.phase.spoken_with() {
            out.send_to(socket, relay, piece.bytes.as_bytes());
        }
        let pause = if LEAVE.starts_with(&piece.bytes) { LONG_PAUSE } else { PAUSE };
        self.timers.set(Timer::Say, now + pause);
        if let Some(text) = piece.ends {
            self.waiting_bytes -= text.len();
            out.notify(Notice::Said { at: self.wall_now(now), text });
        }
        self.leave_if_done(now, out);
    }

    fn on_leave(&mut self, now: Time, out: &mut Out) {
        if !std::mem::replace(&mut self.leaving, true) {
            self.timers.set(Timer::GiveUp, now + ms(self.start.limits.drain_ms_max));
            self.leave_if_done(now, out);
        }
    }

    fn leave_if_done(&mut self, now: Time, out: &mut Out) {
        // Where no relay has ever been, none is waited for.
        if self.leaving && (self.waiting.is_empty() || !self.has_joined) {
            self.stop(now, out);
        }
    }

    fn stop(&mut self, now: Time, out: &mut Out) {
        let heard = self.hearing.finish();
        self.hear(now, heard, out);
        if let Phase::Member(socket, relay, _) = self.phase {
            out.send_to(socket, relay, LEAVE.as_bytes());
        }
        self.put_away(CloseHow::Flush, out);
        self.stopped = true;
        let unsaid = self.waiting.iter().filter(|piece| piece.ends.is_some()).count();
        out.notify(Notice::Stopped { unsaid });
    }

    fn wall_now(&self, now: Time) -> Wall {
        let (wall, at) = self.wall;
        wall.plus(now.since(at))
    }
}

/// A text that a relay takes for nothing else. It takes [`LEAVE`] at the end of what it is sent for the wish to leave
/// but behind a space, and a datagram that is [`PING`] for a question; a space is what tells them apart.
fn harmless(protocol: Protocol, text: &str) -> String {
    let line = text.trim_end_matches(['\r', '\n']);
    match line.strip_suffix(LEAVE) {
        Some(before) if !before.ends_with(' ') => format!("{before} {}", &text[before.len()..]),
        _ if protocol == Protocol::Udp && text.as_bytes() == PING => format!("{text} "),
        _ => text.to_owned(),
    }
}

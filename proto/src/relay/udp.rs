//! The relay for UDP. The first datagram from an address joins it.
//!
//! A source address can be forged, so joining may be somebody else's doing: whoever has joined is sent a bounded number
//! of bytes a second, and is forgotten when a datagram to it comes back or when it is silent for long. `ping` is
//! answered and joins nobody; the answer is as long as the question.

use std::{collections::BTreeMap, net::SocketAddr};

use super::{Command, Counters, LEAVE, Notice, Out, Start, inflow, told};
use crate::{
    allowance::{Allowance, Rate},
    limits::{Limits, ms},
    machine::{Action, CloseHow, DUE_TIMERS_MAX, Event, Machine, OddIds, SocketId},
    source::PerSource,
    time::Time,
    timers::Timers,
};

/// Asks whether the relay is there, and is the answer too.
pub const PING: &[u8] = b"ping";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Listen, if nothing else happens first.
    Start,
    /// Nothing was heard of it for too long.
    Idle(SocketAddr),
}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct UdpRelay {
    listen: SocketAddr,
    limits: Limits,
    ids: OddIds,
    socket: Option<SocketId>,
    members: BTreeMap<SocketAddr, Member>,
    /// How many of them share a source.
    sources: PerSource,
    timers: Timers<Timer>,
    counters: Counters,
    stopping: bool,
}

#[derive(Debug, Default)]
struct Member {
    said: Allowance,
    sent: Allowance,
}

impl Machine for UdpRelay {
    const KIND: &'static str = "udp_relay";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = ();

    fn start(start: Start) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Start, Time::ZERO);
        Self {
            listen: start.listen,
            limits: start.limits,
            ids: OddIds::default(),
            socket: None,
            members: BTreeMap::new(),
            sources: PerSource::default(),
            timers,
            counters: Counters::default(),
            stopping: false,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        if self.timers.at(Timer::Start).is_some() {
            self.timers.clear(Timer::Start);
            let socket = self.ids.next_socket();
            self.socket = Some(socket);
            out.push(Action::Bind { socket, address: self.listen, broadcast: false });
        }
        match event {
            Event::Bound { address, .. } => out.notify(Notice::Listening { address }),
            Event::Refused { reason, .. } => {
                self.socket = None;
                out.notify(Notice::ListenRefused { address: self.listen, reason });
            }
            Event::Datagram { from, bytes, .. } => self.on_datagram(now, from, &bytes, out),
            Event::Undeliverable { to, .. } => {
                if self.forget(to) {
                    self.counters.unreachable += 1;
                }
            }
            Event::Due => self.on_due(now),
            Event::Command(Command::Count) => {
                out.notify(Notice::Counters { clients: self.members.len(), counters: self.counters });
            }
            Event::Command(Command::Shutdown) => self.shut_down(out),
            Event::Listening { .. }
            | Event::Opened { .. }
            | Event::Received { .. }
            | Event::Writable { .. }
            | Event::Closed { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Resolved { .. }
            | Event::Disk { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl UdpRelay {
    fn on_datagram(&mut self, now: Time, from: SocketAddr, bytes: &[u8], out: &mut Out) {
        let Some(socket) = self.socket else { return };
        if bytes == PING {
            return out.send_to(socket, from, PING);
        }
        let Ok(text) = std::str::from_utf8(bytes) else {
            self.counters.not_text += 1;
            return;
        };
        if text.is_empty() {
            return;
        }
        if text.trim_end_matches(['\r', '\n']) == LEAVE {
            if self.forget(from) {
                self.counters.left += 1;
            }
            return;
        }
        if !self.members.contains_key(&from) && !self.join(from) {
            self.counters.full += 1;
            return;
        }
        self.timers.set(Timer::Idle(from), now + ms(self.limits.relay_udp_idle_ms_max));
        let (rate, bytes) = (inflow(&self.limits), bytes.len() as u64);
        let member = self.members.get_mut(&from).expect("it has joined");
        if !member.said.affords(now, bytes, rate) {
            self.counters.too_fast += 1;
            return;
        }
        member.said.charge(now, bytes, rate);
        self.tell_others(now, socket, from, text, out);
    }

    fn tell_others(&mut self, now: Time, socket: SocketId, from: SocketAddr, text: &str, out: &mut Out) {
        let rate =
            Rate { per_s: self.limits.relay_outflow_per_s_max, burst: self.limits.relay_outflow_burst_bytes_max };
        for piece in told(from, text) {
            self.counters.messages += 1;
            for (&to, member) in self.members.iter_mut().filter(|(to, _)| **to != from) {
                if !member.sent.affords(now, piece.len() as u64, rate) {
                    self.counters.too_much += 1;
                    continue;
                }
                member.sent.charge(now, piece.len() as u64, rate);
                self.counters.deliveries += 1;
                out.send_to(socket, to, piece.as_bytes());
            }
        }
    }

    /// Whether there was room for it.
    fn join(&mut self, from: SocketAddr) -> bool {
        let limits = &self.limits;
        if self.members.len() >= limits.relay_clients_max
            || self.sources.of(from.ip()) >= limits.relay_clients_per_source_max
        {
            return false;
        }
        self.members.insert(from, Member::default());
        self.sources.add(from.ip());
        self.counters.joined += 1;
        true
    }

    /// Whether it was a member.
    fn forget(&mut self, from: SocketAddr) -> bool {
        self.timers.clear(Timer::Idle(from));
        if self.members.remove(&from).is_none() {
            return false;
        }
        self.sources.remove(from.ip());
        true
    }

    fn on_due(&mut self, now: Time) {
        for _ in 0..DUE_TIMERS_MAX {
            match self.timers.pop_due(now) {
                Some(Timer::Idle(from)) => {
                    self.forget(from);
                    self.counters.idle += 1;
                }
                Some(Timer::Start) => {}
                None => return,
            }
        }
    }

    fn shut_down(&mut self, out: &mut Out) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        if let Some(socket) = self.socket.take() {
            out.push(Action::Close { id: socket.0, how: CloseHow::Abort });
        }
        out.notify(Notice::Stopped);
    }
}

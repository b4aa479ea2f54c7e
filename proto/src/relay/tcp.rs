//! The relay for TCP. A stream has no messages in it: what arrives at once counts as said at once.
//!
//! Nothing that a client sends is lost: one that says too much is not read for a while, and nobody is while text waits
//! for any client's pauses (see [`Paced`]), or has not been taken by the network. Many who talk at once fill the queue of
//! one who reads well; so only whoever takes nothing for a while is given up.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use super::{Command, Counters, LEAVE, Notice, Out, Start, inflow, told};
use crate::{
    allowance::Allowance,
    limits::{Limits, ms},
    machine::{Action, CloseHow, Closed, ConnId, DUE_TIMERS_MAX, Event, ListenerId, Machine, OddIds},
    plaintext::{paced::Paced, text::TextStream},
    source::PerSource,
    time::Time,
    timers::Timers,
};

/// What could become [`LEAVE`] is held back for so long.
const HOLD: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// Listen, if nothing else happens first.
    Start,
    /// More may be written to it.
    Write(ConnId),
    /// It may be read again.
    Read(ConnId),
    /// What it began to say becomes no [`LEAVE`] any more.
    Hold(ConnId),
    /// It has not taken what it was sent for too long.
    Slow(ConnId),
    /// Nothing was heard of it for too long.
    Idle(ConnId),
}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct TcpRelay {
    listen: SocketAddr,
    limits: Limits,
    ids: OddIds,
    listener: Option<ListenerId>,
    clients: BTreeMap<ConnId, Client>,
    sources: PerSource,
    /// So much waits for someone that nobody is read.
    someone_is_behind: bool,
    timers: Timers<Timer>,
    counters: Counters,
    stopping: bool,
}

#[derive(Debug)]
struct Client {
    remote: SocketAddr,
    text: TextStream,
    /// The beginning of a [`LEAVE`], perhaps.
    held: String,
    said: Allowance,
    to_write: Paced,
    /// What was written to it and not taken, in bytes, as far as is known.
    untaken: usize,
    wants_write: bool,
    is_read: bool,
}

impl Machine for TcpRelay {
    const KIND: &'static str = "tcp_relay";
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
            listener: None,
            clients: BTreeMap::new(),
            sources: PerSource::default(),
            someone_is_behind: false,
            timers,
            counters: Counters::default(),
            stopping: false,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        if self.timers.at(Timer::Start).is_some() {
            self.timers.clear(Timer::Start);
            let listener = self.ids.next_listener();
            self.listener = Some(listener);
            out.push(Action::Listen { listener, address: self.listen });
        }
        match event {
            Event::Listening { address, .. } => out.notify(Notice::Listening { address }),
            Event::Refused { reason, .. } => {
                self.listener = None;
                out.notify(Notice::ListenRefused { address: self.listen, reason });
            }
            Event::Opened { conn, remote, .. } => self.on_opened(now, conn, remote, out),
            Event::Received { conn, bytes } => self.on_received(now, conn, &bytes, out),
            Event::Writable { conn, .. } => {
                if let Some(client) = self.clients.get_mut(&conn) {
                    (client.untaken, client.wants_write) = (0, false);
                    self.timers.clear(Timer::Slow(conn));
                    self.count_behind(now, out);
                }
            }
            Event::Closed { conn, reason } => {
                self.tell_held(now, conn, out);
                self.on_closed(now, conn, reason, out);
            }
            Event::Due => self.on_due(now, out),
            Event::Command(Command::Count) => {
                out.notify(Notice::Counters { clients: self.clients.len(), counters: self.counters });
            }
            Event::Command(Command::Shutdown) => self.shut_down(out),
            Event::Bound { .. }
            | Event::Datagram { .. }
            | Event::Undeliverable { .. }
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

impl TcpRelay {
    fn on_opened(&mut self, now: Time, conn: ConnId, remote: SocketAddr, out: &mut Out) {
        let limits = &self.limits;
        if self.clients.len() >= limits.relay_clients_max
            || self.sources.of(remote.ip()) >= limits.relay_clients_per_source_max
        {
            self.counters.full += 1;
            return out.close(conn, CloseHow::Abort);
        }
        self.counters.joined += 1;
        self.sources.add(remote.ip());
        self.timers.set(Timer::Idle(conn), now + ms(limits.relay_tcp_idle_ms_max));
        let client = Client {
            remote,
            text: TextStream::default(),
            held: String::new(),
            said: Allowance::default(),
            to_write: Paced::default(),
            untaken: 0,
            wants_write: false,
            is_read: true,
        };
        self.clients.insert(conn, client);
        self.choose_reading(now, conn, out);
    }

    fn on_received(&mut self, now: Time, conn: ConnId, bytes: &[u8], out: &mut Out) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        client.said.charge(now, bytes.len() as u64, inflow(&self.limits));
        let text = std::mem::take(&mut client.held) + &client.text.push(bytes);
        self.timers.clear(Timer::Hold(conn));
        self.timers.set(Timer::Idle(conn), now + ms(self.limits.relay_tcp_idle_ms_max));
        match Said::of(&text) {
            Said::Text => self.tell_others(now, conn, &text, out),
            Said::Begun => {
                client.held = text;
                self.timers.set(Timer::Hold(conn), now + HOLD);
            }
            Said::Leave(before) => {
                self.tell_others(now, conn, before, out);
                out.close(conn, CloseHow::Flush);
                self.forget(now, conn, |counters| &mut counters.left, out);
            }
        }
        self.choose_reading(now, conn, out);
    }

    /// What was held back has become no [`LEAVE`].
    fn tell_held(&mut self, now: Time, from: ConnId, out: &mut Out) {
        let held = self.clients.get_mut(&from).map(|client| std::mem::take(&mut client.held));
        self.tell_others(now, from, &held.unwrap_or_default(), out);
    }

    fn on_closed(&mut self, now: Time, conn: ConnId, reason: Closed, out: &mut Out) {
        match reason {
            Closed::End | Closed::Reset => self.forget(now, conn, |counters| &mut counters.left, out),
            Closed::SlowReader => self.forget(now, conn, |counters| &mut counters.slow, out),
            Closed::Lost => self.forget(now, conn, |counters| &mut counters.unreachable, out),
        }
    }

    fn tell_others(&mut self, now: Time, from: ConnId, text: &str, out: &mut Out) {
        let Some(remote) = self.clients.get(&from).map(|client| client.remote) else { return };
        let others = || self.clients.keys().copied().filter(|&other| other != from).collect::<Vec<_>>();
        let others = if text.is_empty() { Vec::new() } else { others() };
        for piece in told(remote, text) {
            self.counters.messages += 1;
            self.counters.deliveries += others.len() as u64;
            for other in &others {
                self.clients.get_mut(other).expect("it was there just now").to_write.push(piece.clone());
            }
        }
        for other in others {
            self.write(now, other, out);
        }
        self.count_behind(now, out);
    }

    /// While anyone is behind, nobody is read.
    fn count_behind(&mut self, now: Time, out: &mut Out) {
        let is_behind = self.clients.values().any(|client| self.is_behind(client));
        if std::mem::replace(&mut self.someone_is_behind, is_behind) != is_behind {
            for conn in self.clients.keys().copied().collect::<Vec<_>>() {
                self.choose_reading(now, conn, out);
            }
        }
    }

    const fn is_behind(&self, client: &Client) -> bool {
        client.to_write.waiting_bytes() > self.limits.relay_waiting_bytes_max || self.is_slow(client)
    }

    const fn is_slow(&self, client: &Client) -> bool {
        client.untaken > self.limits.relay_untaken_bytes_max
    }

    /// Writes what may be written to a client now.
    fn write(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let Some(client) = self.clients.get_mut(&conn) else { return };
        while let Some(text) = client.to_write.next_write(now) {
            client.untaken += text.len();
            out.send(conn, text.as_bytes());
        }
        if client.untaken > self.limits.relay_untaken_bytes_max {
            self.timers.set_earlier(Timer::Slow(conn), now + ms(self.limits.relay_slow_ms_max));
        }
        if client.untaken > 0 && !std::mem::replace(&mut client.wants_write, true) {
            out.push(Action::WantWrite(conn));
        }
        match client.to_write.deadline() {
            Some(at) => self.timers.set(Timer::Write(conn), at),
            None => self.timers.clear(Timer::Write(conn)),
        }
    }

    /// Reads from a client, or not, as it has deserved and as the others keep up.
    fn choose_reading(&mut self, now: Time, conn: ConnId, out: &mut Out) {
        let rate = inflow(&self.limits);
        let Some(client) = self.clients.get_mut(&conn) else { return };
        let free_at = client.said.free_at(rate);
        let reads = !self.someone_is_behind && free_at <= now;
        if reads != client.is_read {
            client.is_read = reads;
            out.push(Action::Reading(conn, reads));
        }
        if free_at > now {
            self.timers.set(Timer::Read(conn), free_at);
        }
    }

    fn forget(&mut self, now: Time, conn: ConnId, count: impl FnOnce(&mut Counters) -> &mut u64, out: &mut Out) {
        let Some(client) = self.clients.remove(&conn) else { return };
        *count(&mut self.counters) += 1;
        self.sources.remove(client.remote.ip());
        let of_client = [Timer::Write, Timer::Read, Timer::Hold, Timer::Slow, Timer::Idle];
        of_client.into_iter().for_each(|timer| self.timers.clear(timer(conn)));
        if self.is_behind(&client) {
            self.count_behind(now, out);
        }
    }

    fn on_due(&mut self, now: Time, out: &mut Out) {
        for _ in 0..DUE_TIMERS_MAX {
            match self.timers.pop_due(now) {
                Some(Timer::Write(conn)) => {
                    self.write(now, conn, out);
                    self.count_behind(now, out);
                }
                Some(Timer::Read(conn)) => self.choose_reading(now, conn, out),
                Some(Timer::Hold(conn)) => self.tell_held(now, conn, out),
                Some(Timer::Slow(conn)) => {
                    out.close(conn, CloseHow::Abort);
                    self.forget(now, conn, |counters| &mut counters.slow, out);
                }
                Some(Timer::Idle(conn)) => {
                    out.close(conn, CloseHow::Flush);
                    self.forget(now, conn, |counters| &mut counters.idle, out);
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
        self.timers = Timers::default();
        if let Some(listener) = self.listener.take() {
            out.push(Action::Close { id: listener.0, how: CloseHow::Abort });
        }
        for conn in std::mem::take(&mut self.clients).into_keys() {
            out.close(conn, CloseHow::Flush);
        }
        out.notify(Notice::Stopped);
    }
}

/// What something is that a client said.
#[derive(Debug, PartialEq, Eq)]
enum Said<'a> {
    /// To be relayed.
    Text,
    /// It could become [`LEAVE`].
    Begun,
    /// It leaves, and this stands before.
    Leave(&'a str),
}

impl<'a> Said<'a> {
    /// A client that says something and leaves at once sends both as one. Only behind a space the word is part of what
    /// is said.
    fn of(text: &'a str) -> Self {
        let line = text.trim_end_matches(['\r', '\n']);
        match line.strip_suffix(LEAVE) {
            Some(before) if !before.ends_with(' ') => Self::Leave(before),
            _ if !text.is_empty() && LEAVE.starts_with(text) => Self::Begun,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_to_leave_is_known_alone_and_behind_what_was_said_just_before() {
        for (text, said) in [
            ("/sair", Said::Leave("")),
            ("/sair\r\n", Said::Leave("")),
            ("Olá!/sair", Said::Leave("Olá!")),
            ("Olá!\n/sair\n", Said::Leave("Olá!\n")),
            ("quem quer sair diz /sair", Said::Text),
            ("/sair!", Said::Text),
            ("/s", Said::Begun),
            ("/sai", Said::Begun),
            ("/ajuda", Said::Text),
            ("", Said::Text),
        ] {
            assert_eq!(Said::of(text), said, "{text:?}");
        }
    }
}

//! The client itself: it joins, says one text after another, leaves in one way or another, and comes back.

use std::{net::SocketAddr, time::Duration};

use papo_proto::{
    limits::ms,
    machine::{Action, CloseHow, ConnId, DUE_TIMERS_MAX, Event, Machine, OddIds, Outbox, SocketId},
    relay::{
        chat::{JOIN, Protocol},
        udp::PING,
    },
    time::Time,
    timers::Timers,
};

use super::{Change, Command, LEAVE, Notice, Start};
use crate::luck::Luck;

type Out = Outbox<Notice, Change>;

/// Until it comes back.
const AGAIN: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(8));
/// So often it leaves instead of saying something.
const LEAVES: f64 = 0.04;
/// How texts begin: some with more than ASCII, and one nearly with the word to leave.
const WORDS: [&str; 5] = ["ola", "até já", "日本", "/sai daqui", "🦜"];

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// It joins.
    Join,
    /// It says something.
    Say,
}

/// What it talks by.
#[derive(Debug, Clone, Copy)]
enum Line {
    Stream(ConnId),
    Socket(SocketId),
}

/// See the [module](super).
pub(crate) struct Talker {
    start: Start,
    luck: Luck,
    now: Time,
    has_begun: bool,
    line: Option<Line>,
    /// Its own address there, once it stands.
    local: Option<SocketAddr>,
    said: u64,
    ids: OddIds,
    timers: Timers<Timer>,
}

impl Machine for Talker {
    const KIND: &'static str = "old client of a relay";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = Change;

    fn start(start: Start) -> Self {
        Self {
            luck: Luck::of(&start.seed, "talk", start.life),
            now: Time::ZERO,
            has_begun: false,
            line: None,
            local: None,
            said: 0,
            ids: OddIds::default(),
            timers: Timers::default(),
            start,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        self.now = now;
        if !self.has_begun {
            self.has_begun = true;
            self.timers.set(Timer::Join, now);
        }
        match event {
            Event::Opened { local, .. } => self.on_joined(local, out),
            Event::Bound { socket, address } => {
                out.send_to(socket, self.start.relay, PING);
                self.on_joined(address, out);
                self.say(JOIN.to_owned(), out);
            }
            Event::Received { bytes, .. } | Event::Datagram { bytes, .. } => {
                if let Some(local) = self.local {
                    out.notify(Notice::Hears(local, bytes.into_owned()));
                }
            }
            Event::Closed { .. } => self.leave(out),
            Event::Refused { .. } => {
                out.notify(Notice::Refused);
                self.leave(out);
            }
            Event::Due => self.on_due(out),
            Event::Command(command) => match command {},
            Event::Listening { .. }
            | Event::Writable { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Resolved { .. }
            | Event::Undeliverable { .. }
            | Event::Disk { .. } => {}
        }
    }

    fn deadline(&self) -> Option<Time> {
        self.timers.deadline()
    }
}

impl Talker {
    fn on_due(&mut self, out: &mut Out) {
        for _ in 0..DUE_TIMERS_MAX {
            match self.timers.pop_due(self.now) {
                Some(Timer::Join) => self.join(out),
                Some(Timer::Say) => self.act(out),
                None => return,
            }
        }
    }

    fn join(&mut self, out: &mut Out) {
        match self.start.protocol {
            Protocol::Tcp => {
                let conn = self.ids.next_conn();
                self.line = Some(Line::Stream(conn));
                out.push(Action::Connect { conn, address: self.start.relay });
            }
            Protocol::Udp => {
                let socket = self.ids.next_socket();
                self.line = Some(Line::Socket(socket));
                out.push(Action::Bind { socket, address: SocketAddr::new(self.start.ip, 0), broadcast: false });
            }
        }
    }

    fn on_joined(&mut self, local: SocketAddr, out: &mut Out) {
        self.local = Some(local);
        out.notify(Notice::Joined(local));
        self.wait();
    }

    fn wait(&mut self) {
        let wait = self.luck.duration(ms(self.start.pace_ms / 30), ms(self.start.pace_ms));
        self.timers.set(Timer::Say, self.now + wait);
    }

    fn act(&mut self, out: &mut Out) {
        self.wait();
        if !self.luck.chance(LEAVES) {
            self.said += 1;
            let Start { number, life, .. } = self.start;
            let text = format!("{} {number}.{life}.{};", self.luck.pick(&WORDS), self.said);
            return self.say(text, out);
        }
        // It says so, or its person ends the program, or its machine stops.
        if let Some(local) = self.local.filter(|_| self.luck.chance(0.4)) {
            out.notify(Notice::Leaves(local));
            self.send(LEAVE, out);
        }
        let how = if self.luck.chance(0.6) { CloseHow::Flush } else { CloseHow::Abort };
        match self.line {
            Some(Line::Stream(conn)) => out.close(conn, how),
            Some(Line::Socket(socket)) => out.push(Action::Close { id: socket.0, how: CloseHow::Abort }),
            None => {}
        }
        self.leave(out);
    }

    fn say(&mut self, text: String, out: &mut Out) {
        self.send(&text, out);
        if let Some(local) = self.local {
            out.notify(Notice::Says(local, text));
        }
    }

    fn send(&self, text: &str, out: &mut Out) {
        match self.line {
            Some(Line::Stream(conn)) => out.send(conn, text.as_bytes()),
            Some(Line::Socket(socket)) => out.send_to(socket, self.start.relay, text.as_bytes()),
            None => {}
        }
    }

    /// What it talked by is no more; another follows.
    fn leave(&mut self, out: &mut Out) {
        self.line = None;
        if let Some(local) = self.local.take() {
            out.notify(Notice::Over(local));
        }
        self.timers.clear(Timer::Say);
        let again = self.luck.duration(AGAIN.0, AGAIN.1);
        self.timers.set(Timer::Join, self.now + again);
    }
}

//! One measurement after another, each with a socket of its own.
//!
//! ```text
//! resolve ──▶ bind ──▶ ask ──▶ answered ─╮
//!    │          │       ╰────▶ too late ─┼──▶ measured ──(interval since the beginning)──▶ resolve
//!    ╰──nothing─┴──refused──────────────▶╯
//! ```

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Command, Measurement, Notice, Start, mails::Mails};
use crate::{
    limits::ms,
    machine::{Action, CloseHow, Event, Machine, OddIds, Outbox, RequestId, SocketId},
    relay::udp::PING,
    time::Time,
    timers::Timers,
};

type Out = Outbox<Notice, ()>;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// The next measurement begins.
    Begin,
    /// The answer comes too late.
    TooLate,
    /// Mails at the end take too long.
    GiveUp,
}

/// How far a measurement has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// None is under way.
    Resting,
    Resolving(RequestId),
    Binding(SocketId, SocketAddr),
    Asked(SocketId, SocketAddr, Time),
    /// There is no socket to be had.
    Refused,
}

/// The machine. See the [module](self).
#[derive(Debug)]
pub struct Monitor {
    start: Start,
    ids: OddIds,
    phase: Phase,
    /// When the present measurement began.
    began: Time,
    measured: u64,
    mails: Mails,
    timers: Timers<Timer>,
    stopping: bool,
    stopped: bool,
}

impl Machine for Monitor {
    const KIND: &'static str = "monitor";
    type Start = Start;
    type Command = Command;
    type Notice = Notice;
    type Change = ();

    fn start(start: Start) -> Self {
        let mut timers = Timers::default();
        timers.set(Timer::Begin, Time::ZERO);
        let mails = Mails::new(start.mails, start.limits.mails_waiting_max);
        Self {
            start,
            ids: OddIds::default(),
            phase: Phase::Resting,
            began: Time::ZERO,
            measured: 0,
            mails,
            timers,
            stopping: false,
            stopped: false,
        }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Command>, out: &mut Out) {
        match event {
            Event::Due => self.on_due(now, out),
            Event::Resolved { request, addresses } if self.phase == Phase::Resolving(request) => {
                self.on_resolved(now, &addresses, out);
            }
            Event::Bound { socket, .. } => self.on_bound(now, socket, out),
            Event::Refused { .. } => {
                // There is nothing to close.
                self.phase = Phase::Refused;
                self.on_measured(now, None, out);
            }
            Event::Datagram { socket, from, bytes } => self.on_datagram(now, socket, from, &bytes, out),
            Event::Command(Command::MailSent) => {
                if let Some(measurement) = self.mails.sent() {
                    out.notify(Notice::MailSent(measurement));
                }
            }
            Event::Command(Command::MailFailed(why)) => {
                self.mails.failed(now);
                out.notify(Notice::MailFailed(why));
            }
            Event::Command(Command::Stop) => self.on_stop(now, out),
            // That nobody hears there is known when no answer comes in time: an answer may follow it.
            Event::Undeliverable { .. }
            | Event::Resolved { .. }
            | Event::Listening { .. }
            | Event::Opened { .. }
            | Event::Received { .. }
            | Event::Writable { .. }
            | Event::Closed { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Disk { .. } => {}
        }
        self.send_mail(now, out);
    }

    fn deadline(&self) -> Option<Time> {
        if self.stopped {
            return None;
        }
        self.timers.deadline().into_iter().chain(self.mails.deadline()).min()
    }
}

impl Monitor {
    fn on_due(&mut self, now: Time, out: &mut Out) {
        while let Some(timer) = self.timers.pop_due(now) {
            match timer {
                Timer::Begin => {
                    self.began = now;
                    let request = self.ids.next_request();
                    self.phase = Phase::Resolving(request);
                    out.push(Action::Resolve { request, host: self.start.host.clone(), port: self.start.port });
                    self.timers.set(Timer::TooLate, now + ms(self.start.timeout_ms));
                }
                Timer::TooLate => self.on_measured(now, None, out),
                Timer::GiveUp => self.stop(out),
            }
        }
    }

    fn on_resolved(&mut self, now: Time, addresses: &[SocketAddr], out: &mut Out) {
        let Some(&target) = addresses.first() else { return self.on_measured(now, None, out) };
        let socket = self.ids.next_socket();
        self.phase = Phase::Binding(socket, target);
        let any = match target {
            SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
            SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
        };
        out.push(Action::Bind { socket, address: any, broadcast: false });
    }

    fn on_bound(&mut self, now: Time, socket: SocketId, out: &mut Out) {
        let Phase::Binding(wanted, target) = self.phase else { return };
        if socket == wanted {
            self.phase = Phase::Asked(socket, target, now);
            // To find a name takes its time, too, and is no part of the latency.
            self.timers.set(Timer::TooLate, now + ms(self.start.timeout_ms));
            out.send_to(socket, target, PING);
        }
    }

    fn on_datagram(&mut self, now: Time, socket: SocketId, from: SocketAddr, bytes: &[u8], out: &mut Out) {
        let Phase::Asked(asking, target, asked) = self.phase else { return };
        if (socket, from) == (asking, target) && bytes == PING {
            let latency = u64::try_from(now.since(asked).as_micros()).unwrap_or(u64::MAX);
            self.on_measured(now, Some(latency), out);
        }
    }

    /// A measurement has come to its end.
    fn on_measured(&mut self, now: Time, latency_us: Option<u64>, out: &mut Out) {
        if self.phase == Phase::Resting {
            return;
        }
        self.put_away(out);
        self.measured += 1;
        let status = self.start.thresholds.status_of(latency_us);
        let measurement = Measurement { number: self.measured, status, latency_us };
        out.notify(Notice::Measured(measurement));
        let dropped = self.mails.measured(measurement);
        if dropped > 0 {
            out.notify(Notice::MailsDropped(dropped));
        }
        if self.start.count == Some(self.measured) {
            self.on_stop(now, out);
        } else {
            self.timers.set(Timer::Begin, (self.began + ms(self.start.interval_ms)).max(now));
        }
    }

    /// Whatever of a measurement is open is closed.
    fn put_away(&mut self, out: &mut Out) {
        self.timers.clear(Timer::TooLate);
        match std::mem::replace(&mut self.phase, Phase::Resting) {
            Phase::Asked(socket, ..) | Phase::Binding(socket, _) => {
                out.push(Action::Close { id: socket.0, how: CloseHow::Abort });
            }
            Phase::Resting | Phase::Resolving(_) | Phase::Refused => {}
        }
    }

    fn on_stop(&mut self, now: Time, out: &mut Out) {
        if std::mem::replace(&mut self.stopping, true) {
            return;
        }
        self.put_away(out);
        self.timers.clear(Timer::Begin);
        self.mails.hurry();
        self.timers.set(Timer::GiveUp, now + ms(self.start.limits.drain_ms_max));
    }

    fn send_mail(&mut self, now: Time, out: &mut Out) {
        if self.stopped {
            return;
        }
        if let Some(measurement) = self.mails.next_due(now) {
            out.notify(Notice::Mail(measurement));
        }
        if self.stopping && self.mails.is_empty() {
            self.stop(out);
        }
    }

    fn stop(&mut self, out: &mut Out) {
        if !std::mem::replace(&mut self.stopped, true) {
            out.notify(Notice::Stopped { mails_unsent: self.mails.len() });
        }
    }
}

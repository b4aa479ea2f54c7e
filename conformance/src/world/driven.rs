//! A machine with its outbox, its recording, and what it has told and kept.

use std::{any::Any, net::SocketAddr};

use papo_proto::{
    machine::{Action, CloseHow, ConnId, Event, ListenerId, Machine, Outbox, PasswordCheck, RequestId, Seq},
    record,
    time::Time,
};
use serde_json::Value;

use super::Wish;

/// An action, as far as the world has to do with it.
pub(crate) enum Effect {
    /// See [`Action::Listen`].
    Listen { listener: ListenerId, address: SocketAddr },
    /// See [`Action::Connect`].
    Connect { conn: ConnId, address: SocketAddr },
    /// See [`Action::Send`].
    Send { conn: ConnId, bytes: Vec<u8> },
    /// See [`Action::Close`].
    Close { id: u64, how: CloseHow },
    /// See [`Action::WantWrite`].
    WantWrite(ConnId),
    /// See [`Action::Reading`].
    Reading(ConnId, bool),
    /// See [`Action::Commit`]; the changes are kept already.
    Committed(Seq),
    /// See [`Action::CheckPassword`].
    CheckPassword { request: RequestId, check: PasswordCheck },
    /// See [`Action::Resolve`].
    Resolve { request: RequestId, host: String, port: u16 },
}

/// Any machine, whatever its types.
pub(crate) trait Node {
    /// Tells it something; what the world has to do.
    fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect>;
    /// See [`Machine::deadline`].
    fn deadline(&self) -> Option<Time>;
    /// Everything that it told its host, as a recording shows it.
    fn notices(&self) -> &[Value];
    /// How many of them a script has seen.
    fn taken(&self) -> usize;
    /// A script has seen so many of them.
    fn take(&mut self, count: usize);
    /// Its recording.
    fn recording(&self) -> &[u8];
    /// What it knows to be durable, in order: a `Vec<M::Change>`.
    fn kept(&self) -> Box<dyn Any>;
}

/// One machine, driven and recorded.
pub(crate) struct Driven<M: Machine> {
    machine: M,
    out: Outbox<M::Notice, M::Change>,
    recording: Vec<u8>,
    notices: Vec<Value>,
    taken: usize,
    commits: Vec<(Seq, Vec<M::Change>)>,
    durable: Seq,
}

impl<M: Machine> Driven<M> {
    /// Starts it, and its recording.
    pub(crate) fn start(start: M::Start) -> Self {
        let mut recording = Vec::new();
        record::encode_header(&record::header::<M>(&start), &mut recording).expect("a start can be written as JSON");
        Self {
            machine: M::start(start),
            out: Outbox::default(),
            recording,
            notices: Vec::new(),
            taken: 0,
            commits: Vec::new(),
            durable: Seq::NONE,
        }
    }
}

impl<M: Machine> Node for Driven<M>
where
    M::Command: 'static,
    M::Change: Clone + 'static,
{
    fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect> {
        let event = event
            .map_command(|wish| *wish.downcast::<M::Command>().expect("a script speaks to the machine that it means"));
        if let Event::Committed(seq) = event {
            self.durable = seq;
        }
        record::encode_event(now, &event, &mut self.recording).expect("an event can be written as JSON");
        self.machine.handle(now, event, &mut self.out);
        record::encode_outbox(&self.out, &mut self.recording).expect("actions can be written as JSON");
        let (mut effects, notices, commits) = (Vec::new(), &mut self.notices, &mut self.commits);
        self.out.drain_with(|action, bytes| match action {
            Action::Listen { listener, address } => effects.push(Effect::Listen { listener, address }),
            Action::Connect { conn, address } => effects.push(Effect::Connect { conn, address }),
            Action::Send { conn, .. } => effects.push(Effect::Send { conn, bytes: bytes.to_vec() }),
            Action::Close { id, how } => effects.push(Effect::Close { id, how }),
            Action::WantWrite(conn) => effects.push(Effect::WantWrite(conn)),
            Action::Reading(conn, on) => effects.push(Effect::Reading(conn, on)),
            Action::Commit { seq, changes } => {
                commits.push((seq, changes));
                effects.push(Effect::Committed(seq));
            }
            Action::CheckPassword { request, check } => effects.push(Effect::CheckPassword { request, check }),
            Action::Resolve { request, host, port } => effects.push(Effect::Resolve { request, host, port }),
            Action::Notify(notice) => {
                notices.push(serde_json::to_value(&notice).expect("a notice can be written as JSON"));
            }
        });
        effects
    }

    fn deadline(&self) -> Option<Time> {
        self.machine.deadline()
    }

    fn notices(&self) -> &[Value] {
        &self.notices
    }

    fn taken(&self) -> usize {
        self.taken
    }

    fn take(&mut self, count: usize) {
        self.taken = count;
    }

    fn recording(&self) -> &[u8] {
        &self.recording
    }

    fn kept(&self) -> Box<dyn Any> {
        let durable = self.commits.iter().filter(|(seq, _)| *seq <= self.durable);
        Box::new(durable.flat_map(|(_, changes)| changes).cloned().collect::<Vec<_>>())
    }
}

/// The name of a notice: its only key, or itself.
pub(crate) fn name_of(notice: &Value) -> &str {
    match notice {
        Value::Object(fields) => fields.keys().next().map_or("", String::as_str),
        other => other.as_str().unwrap_or_default(),
    }
}

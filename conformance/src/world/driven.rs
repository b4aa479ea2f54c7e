//! A machine with its outbox, its recording, and the rules of the contract that it has to keep.

use std::net::SocketAddr;

use papo_proto::{
    contract::Contract,
    disk::Ask,
    error::Counters,
    machine::{Action, CloseHow, ConnId, Event, FileId, ListenerId, Outbox, PasswordCheck, RequestId, Seq, SocketId},
    record,
    time::Time,
};

use super::resident::{Kept, Resident, Told, Wish};

/// An action, as far as the world has to do with it.
#[derive(Debug)]
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
    /// See [`Action::Commit`].
    Commit { seq: Seq, changes: Vec<Kept> },
    /// See [`Action::CheckPassword`].
    CheckPassword { request: RequestId, check: PasswordCheck },
    /// See [`Action::Resolve`].
    Resolve { request: RequestId, host: String, port: u16 },
    /// See [`Action::Bind`].
    Bind { socket: SocketId, address: SocketAddr },
    /// See [`Action::SendTo`].
    SendTo { socket: SocketId, to: SocketAddr, bytes: Vec<u8> },
    /// See [`Action::Disk`].
    Disk { request: RequestId, ask: Ask },
    /// See [`Action::CloseFile`].
    CloseFile(FileId),
    /// See [`Action::Notify`].
    Notify(Told),
    /// A rule of the contract is broken.
    Broke(String),
}

/// Any machine, whatever its types.
pub(crate) trait Node {
    /// Tells it something; what the world has to do.
    fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect>;
    /// See [`papo_proto::machine::Machine::deadline`].
    fn deadline(&self) -> Option<Time>;
    /// See [`papo_proto::machine::Machine::KIND`].
    fn kind(&self) -> &'static str;
    /// How often it met each fault.
    fn counters(&self) -> Counters;
    /// Its recording; empty where none is made.
    fn recording(&self) -> &[u8];
}

/// One machine, driven and, if wanted, recorded.
pub(crate) struct Driven<M: Resident> {
    machine: M,
    out: Outbox<M::Notice, M::Change>,
    recording: Option<Vec<u8>>,
    /// What it and the world have promised each other.
    contract: Contract,
}

impl<M: Resident> Driven<M> {
    /// Starts it, and its recording.
    pub(crate) fn start(start: M::Start, recorded: bool) -> Self {
        let recording = recorded.then(|| {
            let mut recording = Vec::new();
            record::encode_header(&record::header::<M>(&start), &mut recording)
                .expect("a start can be written as JSON");
            recording
        });
        Self { machine: M::start(start), out: Outbox::default(), recording, contract: Contract::default() }
    }
}

impl<M: Resident> Node for Driven<M> {
    fn handle(&mut self, now: Time, event: Event<'static, Wish>) -> Vec<Effect> {
        let event = event.map_command(M::command);
        let broken = self.contract.check_event(now, &event);
        if let Some(recording) = &mut self.recording {
            record::encode_event(now, &event, recording).expect("an event can be written as JSON");
        }
        let mut out = std::mem::take(&mut self.out);
        self.machine.handle(now, event, &mut out);
        if let Some(recording) = &mut self.recording {
            record::encode_outbox(&out, recording).expect("actions can be written as JSON");
        }
        let mut effects = Vec::with_capacity(out.actions().len());
        effects.extend(broken.err().map(|breach| Effect::Broke(format!("the world's side: {breach}"))));
        out.drain_with(|action, bytes| {
            let broken = self.contract.check_action(&action);
            effects.extend(broken.err().map(|breach| Effect::Broke(format!("the machine's side: {breach}"))));
            effects.push(match action {
                Action::Bind { socket, address, .. } => Effect::Bind { socket, address },
                Action::Disk { request, ask } => Effect::Disk { request, ask },
                Action::CloseFile(file) => Effect::CloseFile(file),
                Action::SendTo { socket, to, .. } => Effect::SendTo { socket, to, bytes: bytes.to_vec() },
                Action::Listen { listener, address } => Effect::Listen { listener, address },
                Action::Connect { conn, address } => Effect::Connect { conn, address },
                Action::Send { conn, .. } => Effect::Send { conn, bytes: bytes.to_vec() },
                Action::Close { id, how } => Effect::Close { id, how },
                Action::WantWrite(conn) => Effect::WantWrite(conn),
                Action::Reading(conn, on) => Effect::Reading(conn, on),
                Action::Commit { seq, changes } => {
                    Effect::Commit { seq, changes: changes.into_iter().map(M::kept).collect() }
                }
                Action::CheckPassword { request, check } => Effect::CheckPassword { request, check },
                Action::Resolve { request, host, port } => Effect::Resolve { request, host, port },
                Action::Notify(notice) => Effect::Notify(M::told(notice)),
            });
        });
        self.out = out;
        effects
    }

    fn deadline(&self) -> Option<Time> {
        self.machine.deadline()
    }

    fn kind(&self) -> &'static str {
        M::KIND
    }

    fn counters(&self) -> Counters {
        M::counters(&self.machine)
    }

    fn recording(&self) -> &[u8] {
        self.recording.as_deref().unwrap_or_default()
    }
}

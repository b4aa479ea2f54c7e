//! A driver that keeps its side of the contract, whatever a fuzzer chooses, and holds a machine to its own.
//!
//! It holds what a reactor would hold: connections with their queues, what waits for an answer, commits. A target
//! chooses what happens; it cannot choose what a driver would not do.
//!
//! What is checked after each event: every action is one that the [`Contract`] allows; there are not more of them than a
//! reactor could do in one turn; after a `Due`, the machine is due again only for so long as it makes progress.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    net::SocketAddr,
    sync::LazyLock,
    time::Duration,
};

use papo_proto::{
    channel::Preface,
    contract::Contract,
    disk::{Ask, DiskError, memory::MemoryDisk},
    machine::{
        Action, CloseHow, Closed, ConnId, Event, FileId, ListenerId, Machine, Outbox, PasswordCheck,
        RECEIVED_BYTES_MAX, Refusal, RequestId, Seq, SocketId, WRITABLE_BYTES_MAX,
    },
    time::Time,
};

use super::cursor::Cursor;

/// So many actions at once are too many, in the small worlds of the targets.
const ACTIONS_MAX: usize = 16_384;
/// Deadlines on the way through a span of time.
pub(super) const STOPS_MAX: usize = 64;
/// A machine that is due so often at one time makes no progress.
const DUES_MAX: usize = 64;

/// Where a system lets somebody listen who does not mind.
const CHOSEN_PORT: u16 = 40_000;

/// Whether each event and action is shown, for whoever looks into a finding.
static TRACE: LazyLock<bool> = LazyLock::new(|| std::env::var_os("PAPO_FUZZ_TRACE").is_some());

/// What waits for an answer.
#[derive(Debug, Clone)]
pub(super) enum Question {
    /// A listener at this address.
    Listen(SocketAddr),
    /// A dial to this address.
    Connect(SocketAddr),
    /// A password.
    Password(PasswordCheck),
    /// A host, and the port behind it.
    Resolve(u16),
    /// A socket for datagrams at this address.
    Bind(SocketAddr),
    /// The disk, which answers in order.
    Disk,
}

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Wire {
    /// What the machine has said, and the target has not looked at.
    said: Vec<u8>,
    /// What is on its way to the machine.
    to_come: VecDeque<Vec<u8>>,
    /// How much of what the machine said the network has not taken.
    queued: usize,
    reading: bool,
    wants_write: bool,
}

/// A machine and its driver.
pub(super) struct Driver<M: Machine> {
    pub(super) machine: M,
    pub(super) now: Time,
    pub(super) wires: BTreeMap<ConnId, Wire>,
    listeners: BTreeMap<u64, SocketAddr>,
    /// Those that hear datagrams.
    sockets: BTreeSet<SocketId>,
    pub(super) questions: BTreeMap<u64, Question>,
    /// In the order in which they become durable.
    pub(super) commits: VecDeque<(Seq, Vec<M::Change>)>,
    /// Datagrams that nobody looked at.
    pub(super) calls: Vec<(SocketAddr, Vec<u8>)>,
    /// What was told and not looked at.
    pub(super) notices: Vec<M::Notice>,
    /// What was said on connections that the machine has closed since.
    flushed: Vec<(ConnId, Vec<u8>)>,
    out: Outbox<M::Notice, M::Change>,
    contract: Contract,
    out_bytes_max: usize,
    accepted: u64,
    pub(super) files: MemoryDisk,
    /// What the disk was asked for and has not done, in order.
    filed: VecDeque<Filed>,
}

/// Something for the disk.
enum Filed {
    Ask(u64, Ask),
    Close(FileId),
}

impl<M: Machine> Driver<M> {
    pub(super) fn start(start: M::Start, out_bytes_max: usize) -> Self {
        Self {
            machine: M::start(start),
            now: Time::ZERO,
            wires: BTreeMap::new(),
            listeners: BTreeMap::new(),
            sockets: BTreeSet::new(),
            questions: BTreeMap::new(),
            commits: VecDeque::new(),
            calls: Vec::new(),
            notices: Vec::new(),
            flushed: Vec::new(),
            out: Outbox::default(),
            contract: Contract::default(),
            out_bytes_max,
            accepted: 0,
            files: MemoryDisk::default(),
            filed: VecDeque::new(),
        }
    }

    /// The machine is told, and does what it does.
    pub(super) fn tell(&mut self, event: Event<'_, M::Command>) {
        if *TRACE {
            eprintln!("{:?} {event:?}", self.now);
        }
        self.contract.check_event(self.now, &event).expect("the driver keeps its promises");
        self.machine.handle(self.now, event, &mut self.out);
        assert!(self.out.actions().len() <= ACTIONS_MAX, "{} actions at once", self.out.actions().len());
        let mut out = std::mem::take(&mut self.out);
        out.drain_with(|action, bytes| {
            if *TRACE {
                eprintln!("    {action:?}");
            }
            self.contract.check_action(&action).expect("the machine keeps its promises");
            self.apply(action, bytes);
        });
        self.out = out;
        self.close_slow_readers();
    }

    fn apply(&mut self, action: Action<M::Notice, M::Change>, bytes: &[u8]) {
        match action {
            Action::Listen { listener, address } => {
                self.questions.insert(listener.0, Question::Listen(address));
            }
            Action::Connect { conn, address } => {
                self.questions.insert(conn.0, Question::Connect(address));
            }
            Action::Send { conn, .. } => {
                assert!(!bytes.is_empty(), "nothing was sent");
                if let Some(wire) = self.wires.get_mut(&conn) {
                    wire.said.extend_from_slice(bytes);
                    wire.queued += bytes.len();
                } else {
                    // In answer to its end, which the contract allows.
                    self.flushed.push((conn, bytes.to_vec()));
                }
            }
            Action::Close { id, how } => {
                self.questions.remove(&id);
                self.listeners.remove(&id);
                self.sockets.remove(&SocketId(id));
                let wire = self.wires.remove(&ConnId(id));
                if let (Some(wire), CloseHow::Flush) = (wire, how) {
                    self.flushed.push((ConnId(id), wire.said));
                }
            }
            Action::WantWrite(conn) => self.wire(conn).wants_write = true,
            Action::Reading(conn, reading) => {
                let former = std::mem::replace(&mut self.wire(conn).reading, reading);
                assert_ne!(former, reading, "Reading is set to what it is");
            }
            Action::Commit { seq, changes } => self.commits.push_back((seq, changes)),
            Action::CheckPassword { request, check } => {
                self.questions.insert(request.0, Question::Password(check));
            }
            Action::Resolve { request, port, .. } => {
                self.questions.insert(request.0, Question::Resolve(port));
            }
            Action::Bind { socket, address, .. } => {
                self.questions.insert(socket.0, Question::Bind(address));
            }
            Action::Disk { request, ask } => {
                self.questions.insert(request.0, Question::Disk);
                self.filed.push_back(Filed::Ask(request.0, ask));
            }
            Action::CloseFile(file) => self.filed.push_back(Filed::Close(file)),
            Action::SendTo { to, .. } => self.calls.push((to, bytes.to_vec())),
            Action::Notify(notice) => self.notices.push(notice),
        }
    }

    fn wire(&mut self, conn: ConnId) -> &mut Wire {
        self.wires.get_mut(&conn).expect("the contract knows this connection")
    }

    fn close_slow_readers(&mut self) {
        while let Some((&conn, _)) = self.wires.iter().find(|(_, wire)| wire.queued > self.out_bytes_max) {
            self.close(conn, Closed::SlowReader);
        }
    }

    // Connections.

    /// The listeners that were asked for stand, or are refused.
    pub(super) fn answer_listeners(&mut self, stand: bool) {
        for id in self.ids_of(|question| matches!(question, Question::Listen(_))) {
            let Some(Question::Listen(mut address)) = self.questions.remove(&id) else { continue };
            if stand {
                if address.port() == 0 {
                    address.set_port(CHOSEN_PORT);
                }
                self.listeners.insert(id, address);
                self.tell(Event::Listening { listener: ListenerId(id), address });
            } else {
                self.tell(Event::Refused { id, reason: Refusal::AddressInUse });
            }
        }
    }

    /// Someone dials; the new connection, if anything listens.
    pub(super) fn accept(&mut self, remote: SocketAddr) -> Option<ConnId> {
        let (&listener, &local) = self.listeners.first_key_value()?;
        self.accepted += 2;
        let conn = ConnId(self.accepted);
        self.stand(conn);
        self.tell(Event::Opened { conn, listener: Some(ListenerId(listener)), local, remote });
        Some(conn)
    }

    /// A dial of the machine's succeeded.
    pub(super) fn open(&mut self, conn: ConnId, local: SocketAddr, remote: SocketAddr) {
        self.questions.remove(&conn.0);
        self.stand(conn);
        self.tell(Event::Opened { conn, listener: None, local, remote });
    }

    fn stand(&mut self, conn: ConnId) {
        let (said, to_come) = (Vec::new(), VecDeque::new());
        self.wires.insert(conn, Wire { said, to_come, queued: 0, reading: true, wants_write: false });
    }

    /// Bytes are on their way to the machine; they arrive when they may.
    pub(super) fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        wire.to_come.extend(bytes.chunks(RECEIVED_BYTES_MAX).map(<[u8]>::to_vec));
        self.deliver(conn);
    }

    /// What is on its way arrives, as long as the connection is read.
    pub(super) fn deliver(&mut self, conn: ConnId) {
        while let Some(bytes) = self.next_bytes(conn) {
            self.tell(Event::Received { conn, bytes: bytes.into() });
        }
    }

    fn next_bytes(&mut self, conn: ConnId) -> Option<Vec<u8>> {
        let wire = self.wires.get_mut(&conn)?;
        if wire.reading { wire.to_come.pop_front() } else { None }
    }

    /// The network has taken everything.
    pub(super) fn drain(&mut self, conn: ConnId, bytes: usize) {
        let Some(wire) = self.wires.get_mut(&conn) else { return };
        wire.queued = 0;
        if std::mem::take(&mut wire.wants_write) {
            self.tell(Event::Writable { conn, bytes: bytes.min(WRITABLE_BYTES_MAX) });
        }
    }

    /// The connection ends, and not by the machine.
    pub(super) fn close(&mut self, conn: ConnId, reason: Closed) {
        if self.wires.remove(&conn).is_some() {
            self.tell(Event::Closed { conn, reason });
        }
    }

    /// What the machine has said since this was last asked, by connection.
    pub(super) fn next_said(&mut self) -> Vec<(ConnId, Vec<u8>)> {
        let mut said = std::mem::take(&mut self.flushed);
        let standing = self.wires.iter_mut().filter(|(_, wire)| !wire.said.is_empty());
        said.extend(standing.map(|(conn, wire)| (*conn, std::mem::take(&mut wire.said))));
        said
    }

    // What may happen to any connection, and to time.

    /// A connection that stands, if any.
    pub(super) fn any_wire(&self, choices: &mut Cursor<'_>) -> Option<ConnId> {
        choices.any(self.wires.keys().copied())
    }

    /// Bytes of anything come on any connection, perhaps after a preface.
    pub(super) fn send_noise(&mut self, preface: Preface, choices: &mut Cursor<'_>) {
        let Some(conn) = self.any_wire(choices) else { return };
        if choices.flag() {
            self.send(conn, preface.line());
        }
        self.send(conn, choices.bytes(511));
    }

    /// A connection ends.
    pub(super) fn close_any(&mut self, choices: &mut Cursor<'_>) {
        let reason = choices.pick(&[Closed::End, Closed::Reset, Closed::Lost]);
        if let Some(conn) = self.any_wire(choices) {
            self.close(conn, reason);
        }
    }

    /// The network takes what was said on a connection, and some more.
    pub(super) fn drain_any(&mut self, choices: &mut Cursor<'_>) {
        if let Some(conn) = self.any_wire(choices) {
            self.drain(conn, usize::from(choices.short()) + 1);
        }
    }

    /// Whatever is on its way arrives, where it may; the network takes everything, if it `drains`.
    pub(super) fn settle_wires(&mut self, drains: bool) {
        for conn in self.wires.keys().copied().collect::<Vec<_>>() {
            if drains {
                self.drain(conn, WRITABLE_BYTES_MAX);
            }
            self.deliver(conn);
        }
    }

    /// It is the time of the deadline, if there is one.
    pub(super) fn meet_deadline(&mut self) {
        if let Some(deadline) = self.machine.deadline() {
            self.now = self.now.max(deadline);
            self.due();
        }
    }

    /// Some time passes.
    pub(super) fn pass_a_while(&mut self, choices: &mut Cursor<'_>) {
        let passed = Duration::from_millis(u64::from(choices.short()));
        self.pass(self.now + passed, STOPS_MAX);
    }

    // Datagrams.

    /// A socket that was asked for stands.
    pub(super) fn bind(&mut self, socket: SocketId, address: SocketAddr) {
        self.questions.remove(&socket.0);
        self.sockets.insert(socket);
        self.tell(Event::Bound { socket, address });
    }

    /// A datagram comes to a socket.
    pub(super) fn hear(&mut self, socket: SocketId, from: SocketAddr, bytes: &[u8]) {
        self.tell(Event::Datagram { socket, from, bytes: bytes.into() });
    }

    /// The same to every socket.
    pub(super) fn hear_all(&mut self, from: SocketAddr, bytes: &[u8]) {
        for socket in self.sockets.clone() {
            if self.sockets.contains(&socket) {
                self.hear(socket, from, bytes);
            }
        }
    }

    /// A dial or a socket does not come to be.
    pub(super) fn refuse(&mut self, id: u64, reason: Refusal) {
        self.questions.remove(&id);
        self.tell(Event::Refused { id, reason });
    }

    /// Nothing stands, and no time is waited for, nor anything but the answer of a worker.
    pub(super) fn machine_is_done(&self) -> bool {
        let stands = |question: &Question| !matches!(question, Question::Resolve(_));
        !self.questions.values().any(stands) && self.sockets.is_empty() && self.machine.deadline().is_none()
    }

    /// A datagram comes to every socket of a machine that answers none by another.
    pub(super) fn datagram(&mut self, from: SocketAddr, bytes: &[u8]) {
        let calls = self.calls.len();
        self.hear_all(from, bytes);
        assert_eq!(self.calls.len(), calls, "no datagram is answered by one");
    }

    // Time.

    /// Time passes until then, with a stop at each deadline on the way, `stops` at most.
    pub(super) fn pass(&mut self, until: Time, stops: usize) {
        for _ in 0..stops {
            let Some(deadline) = self.machine.deadline().filter(|&at| at <= until) else { break };
            self.now = self.now.max(deadline);
            self.due();
        }
        self.now = self.now.max(until);
        if self.machine.deadline().is_some_and(|at| at <= self.now) {
            self.due();
        }
    }

    /// The deadline has passed: the machine is told until it is due no more.
    pub(super) fn due(&mut self) {
        for _ in 0..DUES_MAX {
            if self.machine.deadline().is_none_or(|at| at > self.now) {
                return;
            }
            self.tell(Event::Due);
        }
        panic!("due {DUES_MAX} times at one instant");
    }

    /// The first of what waits to be durable is; the changes.
    pub(super) fn commit(&mut self) -> Option<(Seq, Vec<M::Change>)> {
        self.commits.pop_front()
    }

    /// Asked for and not answered: an id of one that `fits`.
    pub(super) fn ids_of(&self, fits: impl Fn(&Question) -> bool) -> Vec<u64> {
        self.questions.iter().filter(|(_, question)| fits(question)).map(|(id, _)| *id).collect()
    }

    /// The disk does what it was asked for first, or fails to: whether there was anything.
    pub(super) fn answer_disk(&mut self, error: Option<DiskError>) -> bool {
        while let Some(filed) = self.filed.pop_front() {
            match filed {
                Filed::Close(file) => self.files.close(file),
                Filed::Ask(id, ask) => {
                    if let Some(error) = error {
                        self.files.fail_next(error);
                    }
                    let result = self.files.answer(ask);
                    self.answer(id, |request| Event::Disk { request, result });
                    return true;
                }
            }
        }
        false
    }

    /// Answers a question to a worker.
    pub(super) fn answer(&mut self, id: u64, event: impl FnOnce(RequestId) -> Event<'static, M::Command>) {
        self.questions.remove(&id);
        self.tell(event(RequestId(id)));
    }
}

//! A machine that does what a test says and says what it heard, and the reactor around it.
//!
//! A test gives it [`Order`]s, which become actions, and waits for events with [`Puppet::wait_for`].

#![allow(dead_code, reason = "each test file uses its own part of it")]

use std::{
    io::Read as _,
    net::{Ipv4Addr, SocketAddr, TcpStream},
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver},
    },
    thread::JoinHandle,
    time::Duration,
};

use papo_proto::{
    disk::{Answer, Ask, DiskError},
    machine::{
        Action, CloseHow, Closed, ConnId, Event, FileId, ListenerId, Machine, OddIds, Outbox, PasswordCheck, Refusal,
        Seq, SocketId,
    },
    time::Time,
};
use papo_runtime_mio::{Fatal, Handle, Node, Options, Reactor, Stats, Store, StoreError};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Socket, Type};

/// No wait of a test is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// What tests run with unless they say otherwise.
pub(crate) const OPTIONS: Options =
    Options { connections_max: 1000, out_bytes_max: 4 * 1024 * 1024, queued_bytes_max: Options::QUEUED_BYTES_MAX };

/// An address of this host with a port that the system chooses.
pub(crate) fn any_port() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// What the machine does by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Habits {
    /// Says back what it received.
    pub(crate) echo: bool,
    /// Answers each `Writable` with as much as it allows and asks again, until so many bytes are sent.
    pub(crate) bulk_bytes: usize,
    /// Takes so long for each thing that it received.
    pub(crate) thinks_ms: u64,
    /// Does not tell of bytes that it received, only counts them.
    pub(crate) counts: bool,
    /// A timer that goes off again and again after so many milliseconds.
    pub(crate) tick_ms: Option<u64>,
    /// Says these bytes on each connection that opens, after a commit.
    pub(crate) greeting: Option<String>,
    /// Says these bytes to each connection that ends.
    pub(crate) farewell: Option<String>,
}

/// What a test asks of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Order {
    Listen(SocketAddr),
    Connect(SocketAddr),
    /// Where, and whether it broadcasts.
    Bind(SocketAddr, bool),
    SendTo(SocketId, SocketAddr, Vec<u8>),
    Send(ConnId, Vec<u8>),
    Close(u64, CloseHow),
    WantWrite(ConnId),
    Reading(ConnId, bool),
    Commit(Vec<u32>),
    Check(PasswordCheck),
    Resolve(String, u16),
    /// The id that it opens, if any, is put in by the machine, which tells it.
    Disk(Ask),
    CloseFile(FileId),
    WakeAfterMs(u64),
    /// Answered by [`Told::Pong`]: what was ordered before is under way.
    Ping,
    Stop,
    /// Several at once, as the actions of one event.
    All(Vec<Self>),
}

/// What it tells.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) enum Told {
    /// It heard this.
    Heard(Time, Event<'static, ()>),
    /// It asked for this id.
    Minted(u64),
    /// It set its timer to go off then.
    Armed(Time),
    /// Answers [`Order::Ping`].
    Pong,
    /// So many bytes came in, or went out as bulk, altogether.
    Counted(ConnId, usize),
    /// It is done.
    Stopped,
}

/// The machine.
pub(crate) struct Marionette {
    habits: Habits,
    ids: OddIds,
    seq: Seq,
    deadline: Option<Time>,
    bulk_sent: usize,
    counted: usize,
    greeted: Vec<(Seq, ConnId)>,
}

impl Machine for Marionette {
    const KIND: &'static str = "marionette";
    type Start = Habits;
    type Command = Order;
    type Notice = Told;
    type Change = u32;

    fn start(habits: Habits) -> Self {
        let deadline = habits.tick_ms.map(|_| Time::ZERO);
        let (ids, seq) = (OddIds::default(), Seq::NONE);
        Self { habits, ids, seq, deadline, bulk_sent: 0, counted: 0, greeted: Vec::new() }
    }

    fn handle(&mut self, now: Time, event: Event<'_, Order>, out: &mut Outbox<Told, u32>) {
        if matches!(event, Event::Received { .. }) && self.habits.thinks_ms > 0 {
            std::thread::sleep(Duration::from_millis(self.habits.thinks_ms));
        }
        match &event {
            Event::Command(order) => return self.obey(now, order.clone(), out),
            Event::Due => self.deadline = self.habits.tick_ms.map(|ms| now + Duration::from_millis(ms)),
            Event::Received { conn, bytes } if self.habits.echo => out.send(*conn, bytes),
            Event::Received { conn, bytes } if self.habits.counts => {
                self.counted += bytes.len();
                return out.notify(Told::Counted(*conn, self.counted));
            }
            Event::Opened { conn, .. } if self.habits.greeting.is_some() => {
                self.seq = self.seq.next();
                out.push(Action::Commit { seq: self.seq, changes: vec![7] });
                self.greeted.push((self.seq, *conn));
            }
            Event::Committed(seq) => {
                for &(_, conn) in self.greeted.iter().filter(|(held, _)| held <= seq) {
                    out.send(conn, self.habits.greeting.as_deref().unwrap_or_default().as_bytes());
                }
                self.greeted.retain(|(held, _)| held > seq);
            }
            Event::Closed { conn, reason: Closed::End } if self.habits.farewell.is_some() => {
                out.send(*conn, self.habits.farewell.as_deref().unwrap_or_default().as_bytes());
            }
            Event::Writable { conn, bytes } if self.habits.bulk_bytes > self.bulk_sent => {
                let size = (*bytes).min(self.habits.bulk_bytes - self.bulk_sent);
                self.bulk_sent += size;
                out.send(*conn, &vec![b'b'; size]);
                out.push(Action::WantWrite(*conn));
                return out.notify(Told::Counted(*conn, self.bulk_sent));
            }
            _ => {}
        }
        out.notify(Told::Heard(now, owned(event)));
    }

    fn deadline(&self) -> Option<Time> {
        self.deadline
    }
}

impl Marionette {
    fn obey(&mut self, now: Time, order: Order, out: &mut Outbox<Told, u32>) {
        match order {
            Order::Listen(address) => {
                let listener = self.ids.next_listener();
                out.push(Action::Listen { listener, address });
                out.notify(Told::Minted(listener.0));
            }
            Order::Connect(address) => {
                let conn = self.ids.next_conn();
                out.push(Action::Connect { conn, address });
                out.notify(Told::Minted(conn.0));
            }
            Order::Bind(address, broadcast) => {
                let socket = self.ids.next_socket();
                out.push(Action::Bind { socket, address, broadcast });
                out.notify(Told::Minted(socket.0));
            }
            Order::SendTo(socket, to, bytes) => out.send_to(socket, to, &bytes),
            Order::Send(conn, bytes) => out.send(conn, &bytes),
            Order::Close(id, how) => out.push(Action::Close { id, how }),
            Order::WantWrite(conn) => out.push(Action::WantWrite(conn)),
            Order::Reading(conn, reading) => out.push(Action::Reading(conn, reading)),
            Order::Commit(changes) => {
                self.seq = self.seq.next();
                out.push(Action::Commit { seq: self.seq, changes });
            }
            Order::Check(check) => {
                let request = self.ids.next_request();
                out.push(Action::CheckPassword { request, check });
            }
            Order::Resolve(host, port) => {
                let request = self.ids.next_request();
                out.push(Action::Resolve { request, host, port });
            }
            Order::Disk(mut ask) => {
                if let Ask::OpenSource { file, .. } | Ask::OpenStage { file, .. } = &mut ask {
                    *file = self.ids.next_file();
                    out.notify(Told::Minted(file.0));
                }
                let request = self.ids.next_request();
                out.push(Action::Disk { request, ask });
            }
            Order::CloseFile(file) => out.push(Action::CloseFile(file)),
            Order::WakeAfterMs(ms) => {
                let deadline = now + Duration::from_millis(ms);
                self.deadline = Some(deadline);
                out.notify(Told::Armed(deadline));
            }
            Order::Ping => out.notify(Told::Pong),
            Order::Stop => out.notify(Told::Stopped),
            Order::All(orders) => orders.into_iter().for_each(|order| self.obey(now, order, out)),
        }
    }
}

fn owned(event: Event<'_, Order>) -> Event<'static, ()> {
    match event {
        Event::Listening { listener, address } => Event::Listening { listener, address },
        Event::Opened { conn, listener, local, remote } => Event::Opened { conn, listener, local, remote },
        Event::Refused { id, reason } => Event::Refused { id, reason },
        Event::Received { conn, bytes } => Event::Received { conn, bytes: bytes.into_owned().into() },
        Event::Writable { conn, bytes } => Event::Writable { conn, bytes },
        Event::Closed { conn, reason } => Event::Closed { conn, reason },
        Event::Bound { socket, address } => Event::Bound { socket, address },
        Event::Undeliverable { socket, to } => Event::Undeliverable { socket, to },
        Event::Datagram { socket, from, bytes } => Event::Datagram { socket, from, bytes: bytes.into_owned().into() },
        Event::Disk { request, result } => Event::Disk { request, result },
        Event::Due => Event::Due,
        Event::Command(_) => Event::Command(()),
        Event::Wall(wall) => Event::Wall(wall),
        Event::Interfaces(addresses) => Event::Interfaces(addresses),
        Event::Committed(seq) => Event::Committed(seq),
        Event::PasswordChecked { request, outcome } => Event::PasswordChecked { request, outcome },
        Event::Resolved { request, addresses } => Event::Resolved { request, addresses },
    }
}

/// Keeps what it was told, in transactions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Kept(pub(crate) Arc<Mutex<Vec<Vec<u32>>>>);

impl Kept {
    /// The transactions so far.
    pub(crate) fn transactions(&self) -> Vec<Vec<u32>> {
        self.0.lock().expect("no panic").clone()
    }
}

impl Store<u32> for Kept {
    fn apply(&mut self, changes: &[u32]) -> Result<(), StoreError> {
        self.0.lock().expect("no panic").push(changes.to_vec());
        Ok(())
    }
}

/// The test's end of a machine that runs.
pub(crate) struct Puppet {
    pub(crate) handle: Handle<Order>,
    told: Receiver<Told>,
}

/// A node with these habits, and what it will tell.
pub(crate) fn node(habits: Habits, store: impl Store<u32>) -> (Node<Marionette>, Receiver<Told>) {
    let (sender, told) = mpsc::channel();
    let node = Node {
        machine: Marionette::start(habits),
        store: Some(Box::new(store)),
        passwords: None,
        disk: None,
        on_notice: Box::new(move |notice, control| {
            if notice == Told::Stopped {
                control.stop();
            }
            let _ = sender.send(notice);
        }),
        recorder: None,
    };
    (node, told)
}

/// A reactor on a thread of its own.
pub(crate) type Running = JoinHandle<(Result<(), Fatal>, Stats)>;

/// A client with patience.
#[track_caller]
pub(crate) fn client(address: SocketAddr) -> TcpStream {
    let client = TcpStream::connect(address).expect("it listens");
    client.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    client.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    client
}

/// A client whose kernel keeps little for it.
#[track_caller]
pub(crate) fn small_client(address: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_recv_buffer_size(16 * 1024).expect("a small buffer");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    socket.set_write_timeout(Some(PATIENCE)).expect("a timeout");
    socket.connect(&address.into()).expect("it listens");
    socket.into()
}

/// So many bytes of what a client hears.
#[track_caller]
pub(crate) fn heard(client: &mut TcpStream, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).expect("it says so much in time");
    bytes
}

/// Runs one machine for each element of `habits`.
pub(crate) fn run<const N: usize>(options: Options, habits: [Habits; N]) -> (Running, [Puppet; N]) {
    run_nodes(options, habits.map(|habits| move || node(habits, Kept::default())))
}

/// Runs nodes that are made on the reactor's own thread, since they need not be `Send`.
pub(crate) fn run_nodes<const N: usize>(
    options: Options,
    nodes: [impl FnOnce() -> (Node<Marionette>, Receiver<Told>) + Send + 'static; N],
) -> (Running, [Puppet; N]) {
    let (sender, puppets) = mpsc::channel();
    let running = std::thread::spawn(move || {
        let mut reactor = Reactor::new(options).expect("a reactor");
        let puppets = nodes.map(|node| {
            let (node, told) = node();
            Puppet { handle: reactor.add(node), told }
        });
        sender.send(puppets).map_err(|_| ()).expect("the test waits");
        let result = reactor.run();
        (result, *reactor.stats())
    });
    (running, puppets.recv_timeout(PATIENCE).expect("the reactor is made"))
}

/// Waits for a reactor that is expected to end well.
#[track_caller]
pub(crate) fn finish(running: Running) -> Stats {
    let (result, stats) = running.join().expect("the reactor does not panic");
    result.expect("it ends well");
    stats
}

impl Puppet {
    #[track_caller]
    pub(crate) fn order(&self, order: Order) {
        self.handle.send(order).expect("it runs");
    }

    /// What it tells next.
    #[track_caller]
    pub(crate) fn next(&self) -> Told {
        self.told.recv_timeout(PATIENCE).expect("it tells something in time")
    }

    /// What it has told and nobody has looked at.
    pub(crate) fn rest(&self) -> Vec<Told> {
        self.told.try_iter().collect()
    }

    /// The first thing that it tells that `pick` is content with. What comes before is dropped.
    #[track_caller]
    pub(crate) fn wait_for<T>(&self, mut pick: impl FnMut(Time, &Event<'static, ()>) -> Option<T>) -> T {
        loop {
            if let Told::Heard(now, event) = self.next()
                && let Some(picked) = pick(now, &event)
            {
                return picked;
            }
        }
    }

    /// Returns when what was ordered before is under way; what was told before is returned.
    #[track_caller]
    pub(crate) fn ping(&self) -> Vec<Told> {
        self.order(Order::Ping);
        let mut before = Vec::new();
        loop {
            match self.next() {
                Told::Pong => return before,
                other => before.push(other),
            }
        }
    }

    /// How many bytes were counted last, once nothing was counted for a while.
    pub(crate) fn counted_until_quiet(&self) -> usize {
        let mut last = 0;
        while let Ok(told) = self.told.recv_timeout(Duration::from_millis(400)) {
            if let Told::Counted(_, count) = told {
                last = count;
            }
        }
        last
    }

    /// Waits until at least so many bytes were counted.
    #[track_caller]
    pub(crate) fn counted(&self, at_least: usize) {
        loop {
            if let Told::Counted(_, count) = self.next()
                && count >= at_least
            {
                return;
            }
        }
    }

    /// When the timer was set to go off.
    #[track_caller]
    pub(crate) fn armed(&self) -> Time {
        loop {
            if let Told::Armed(deadline) = self.next() {
                return deadline;
            }
        }
    }

    /// Listens somewhere.
    #[track_caller]
    pub(crate) fn listen(&self) -> (ListenerId, SocketAddr) {
        self.order(Order::Listen(any_port()));
        self.wait_for(|_, event| match event {
            Event::Listening { listener, address } => Some((*listener, *address)),
            _ => None,
        })
    }

    /// The next id that it minted.
    #[track_caller]
    pub(crate) fn minted(&self) -> u64 {
        loop {
            if let Told::Minted(id) = self.next() {
                return id;
            }
        }
    }

    /// The next connection that opens.
    #[track_caller]
    pub(crate) fn opened(&self) -> ConnId {
        self.wait_for(|_, event| match event {
            Event::Opened { conn, .. } => Some(*conn),
            _ => None,
        })
    }

    /// How the connection ends.
    #[track_caller]
    pub(crate) fn closed(&self, of: ConnId) -> Closed {
        self.wait_for(|_, event| match event {
            Event::Closed { conn, reason } if *conn == of => Some(*reason),
            _ => None,
        })
    }

    /// Why the id did not come to be.
    #[track_caller]
    pub(crate) fn refused(&self, of: u64) -> Refusal {
        self.wait_for(|_, event| match event {
            Event::Refused { id, reason } if *id == of => Some(*reason),
            _ => None,
        })
    }

    /// What the disk answers next.
    #[track_caller]
    pub(crate) fn answer(&self) -> Result<Answer, DiskError> {
        self.wait_for(|_, event| match event {
            Event::Disk { result, .. } => Some(result.clone()),
            _ => None,
        })
    }

    /// What the disk answers to that, when nothing else is asked.
    #[track_caller]
    pub(crate) fn ask(&self, ask: Ask) -> Result<Answer, DiskError> {
        self.order(Order::Disk(ask));
        self.answer()
    }

    /// So many bytes of the connection.
    #[track_caller]
    pub(crate) fn received(&self, of: ConnId, length: usize) -> Vec<u8> {
        let mut all = Vec::new();
        while all.len() < length {
            self.wait_for(|_, event| match event {
                Event::Received { conn, bytes } if *conn == of => {
                    all.extend_from_slice(bytes);
                    Some(())
                }
                _ => None,
            });
        }
        all
    }

    /// Ends the machine.
    #[track_caller]
    pub(crate) fn stop(&self) {
        self.order(Order::Stop);
    }
}

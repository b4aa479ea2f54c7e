//! How fast a tracker is for clients that speak JSON objects, with 100, 1,000 and 10,000 of them logged in.
//!
//! `cargo bench -p papo-conformance --bench dialect`. Their passwords are kept by Argon2id at its cheapest, so that
//! logging in is measured without it: a usual one takes about 15 ms of a core beside that. Nothing is asserted.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[expect(dead_code, reason = "the harness of the scenarios, of which this needs a part")]
#[path = "../tests/programs/support/mod.rs"]
mod support;

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use papo_proto::{
    names::Name,
    time::Wall,
    tracker::{Change, change::Verifier},
};
use papo_runtime_mio::{Store as _, data_dir::DataDir};
use papo_tracker::store::Database;
use socket2::{Domain, Socket, Type};
use support::tracker::Tracker;
use tempfile::TempDir;

/// SHA-256 of `segredo`, and what is kept of it: Argon2id with 8 KiB and one pass.
const PASSWORD: &str = "a36cac71d1a44a1593a22d98403455bd2d6f737e465c4cf3fcead29381a08335";
const VERIFIER: &str = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$71LVKML3tQLziZ52LeJNgn4ozkog2+cm5zWKxL51icI";
/// Clients that ask at the same time.
const ASKERS: usize = 16;
/// How long each thing is asked.
const TIME: Duration = Duration::from_secs(3);
/// Clients of one source address.
const PER_ADDRESS: usize = 1_000;

fn main() {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("it is known");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("it may be raised");
    println!("a bare TCP echo of 64 bytes: {:.0} each second, {ASKERS} at once", bare_echo());
    for clients in [100, 1_000, 10_000] {
        let tracker = Tracker::start_on_with(data(clients), &["--allow-plaintext", "--ping-interval", "86400"]);
        println!("{clients} clients");
        let (mut logged_in, each) = log_in(tracker.address, clients);
        println!("  {each:>9.0}  connections with LOGIN each second, {ASKERS} at once, Argon2 aside");
        let askers = &mut logged_in[..2 * ASKERS];
        let each = rate(&mut askers[..ASKERS], |client| {
            client.ask(r#"{"cmd":"LIST_PEERS"}"#);
            1
        });
        println!("  {each:>9.0}  LIST_PEERS each second, {ASKERS} at once");
        let (owners, guests) = askers.split_at_mut(ASKERS);
        for owner in &mut *owners {
            owner.ask(&owner.place("CREATE_ROOM", owner.number));
        }
        // Whoever joins is answered at once; the owner is told at its pace, and does not hold it back.
        let each = rate(guests, |client| {
            let room = client.number - ASKERS;
            client.ask(&client.place("JOIN_ROOM", room));
            client.ask(&client.place("LEAVE_ROOM", room));
            1
        });
        println!("  {each:>9.0}  JOIN_ROOM (and LEAVE_ROOM) each second, {ASKERS} at once, each kept on disk");
    }
}

/// A database of so many accounts of old clients.
fn data(accounts: usize) -> TempDir {
    let temp = tempfile::tempdir().expect("a temporary directory");
    let dir = DataDir::open(temp.path()).expect("it is new");
    let (mut database, _) = Database::open(&temp.path().join("tracker.sqlite"), dir).expect("it is new");
    let changes = (0..accounts).map(|number| {
        let name = Name::new(&format!("user-{number}")).expect("a valid name");
        Change::AccountAdded { name, verifier: Verifier(VERIFIER.to_owned()), key: None, at: Wall(1) }
    });
    database.apply(&changes.collect::<Vec<_>>()).expect("there is room on the disk");
    temp
}

struct Client {
    number: usize,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    fn connect(tracker: SocketAddr, number: usize) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        let host = u8::try_from(1 + number / PER_ADDRESS).expect("a few addresses");
        let source: SocketAddr = (Ipv4Addr::new(127, 0, 1, host), 0).into();
        socket.bind(&source.into()).expect("all of 127 is this host");
        socket.connect(&tracker.into()).expect("it listens");
        let stream = TcpStream::from(socket);
        stream.set_nodelay(true).expect("a socket option");
        Self { number, stream, buffer: vec![0; 4096] }
    }

    /// Asks, and reads once.
    fn ask(&mut self, request: &str) {
        self.stream.write_all(request.as_bytes()).expect("it is taken");
        let count = self.stream.read(&mut self.buffer).expect("it answers");
        let answer = &self.buffer[..count];
        assert!(answer.starts_with(br#"{"status":"OK""#), "{}", String::from_utf8_lossy(answer));
    }

    fn place(&self, cmd: &str, room: usize) -> String {
        format!(r#"{{"cmd":"{cmd}","room":"sala-{room}","username":"user-{}"}}"#, self.number)
    }
}

/// Connects so many and logs them in, several at a time; they, in order, and how many each second. Of those that are
/// connected and say nothing, a tracker keeps a thousand.
fn log_in(tracker: SocketAddr, count: usize) -> (Vec<Client>, f64) {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(count)));
    let since = Instant::now();
    thread::scope(|scope| {
        for _ in 0..ASKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        break;
                    }
                    let mut client = Client::connect(tracker, number);
                    client.ask(&format!(
                        r#"{{"cmd":"LOGIN","username":"user-{number}","password":"{PASSWORD}","address":"","port":5000}}"#
                    ));
                    done.lock().expect("nobody panics").push(client);
                }
            });
        }
    });
    let each = count as f64 / since.elapsed().as_secs_f64();
    let mut clients = done.into_inner().expect("nobody panics");
    clients.sort_by_key(|client| client.number);
    (clients, each)
}

/// How often each second all of these do something, each as soon as it has done it before.
fn rate<T: Send>(doers: &mut [T], act: impl Fn(&mut T) -> u32 + Sync) -> f64 {
    let since = Instant::now();
    let counts = thread::scope(|scope| {
        let doers = doers.iter_mut().map(|doer| {
            scope.spawn(|| {
                let mut count = 0;
                while since.elapsed() < TIME {
                    count += act(doer);
                }
                count
            })
        });
        let doers = doers.collect::<Vec<_>>();
        doers.into_iter().map(|doer| doer.join().expect("it did it")).sum::<u32>()
    });
    f64::from(counts) / since.elapsed().as_secs_f64()
}

/// The same with a program that does nothing but answer, one thread for each.
fn bare_echo() -> f64 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("someone comes");
            stream.set_nodelay(true).expect("a socket option");
            thread::spawn(move || {
                let mut bytes = [0; 64];
                while stream.read_exact(&mut bytes).is_ok() && stream.write_all(&bytes).is_ok() {}
            });
        }
    });
    let mut streams = [(); ASKERS].map(|()| {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_nodelay(true).expect("a socket option");
        stream
    });
    rate(&mut streams, |stream| {
        let mut bytes = [7; 64];
        stream.write_all(&bytes).and_then(|()| stream.read_exact(&mut bytes)).expect("it answers");
        1
    })
}

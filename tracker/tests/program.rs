//! The real program on loopback: starting, refusing to start, being killed, and stopping.
#![cfg(unix)]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Child, ChildStderr, ChildStdout, Command, Stdio},
    time::{Duration, Instant},
};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::{Identity, Key},
    names::Name,
    rng::Seed,
    wire::{
        codec::{List, Wire as _},
        tracker::{Claimed, FromTracker, PasswordHash, ToTracker},
    },
};

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running tracker. It is killed when it is dropped.
struct Program {
    child: Child,
    stdout: BufReader<ChildStdout>,
    stderr: Option<ChildStderr>,
}

impl Program {
    fn start(data: &Path, arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_papo-tracker"))
            .arg("--data")
            .arg(data)
            .args(arguments)
            .env_remove("RUST_LOG")
            .env_remove("PAPO_REGISTRATION_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        let stderr = child.stderr.take();
        Self { child, stdout, stderr }
    }

    /// Starts on a port of the system's choice; where it listens, and its key.
    fn listening(data: &Path) -> (Self, SocketAddr, Key) {
        let mut program = Self::start(data, &["--listen", "127.0.0.1:0"]);
        let (address, key) = program.next_address();
        (program, address, key)
    }

    fn next_address(&mut self) -> (SocketAddr, Key) {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("it says where it listens");
        let parts =
            line.strip_prefix("papo-tracker listens on ").and_then(|rest| rest.trim_end().split_once(", fingerprint "));
        let Some((address, fingerprint)) = parts else { panic!("{line:?}: {}", self.wait().1) };
        (address.parse().expect("an address"), Key::from_fingerprint(fingerprint).expect("a fingerprint"))
    }

    fn signal(&self, signal: &str) {
        let kill = format!("kill -{signal} {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().expect("sh runs").success());
    }

    /// Its exit code (none when a signal ended it), and what it said on stderr.
    fn wait(&mut self) -> (Option<i32>, String) {
        let started = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                break status;
            }
            assert!(started.elapsed() < PATIENCE, "it does not end");
            std::thread::yield_now();
        };
        let mut said = String::new();
        self.stderr.take().expect("it ends once").read_to_string(&mut said).expect("text");
        (status.code(), said)
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts it where it cannot run; the one sentence that it says.
#[track_caller]
fn refused(data: &Path, arguments: &[&str], code: i32) -> String {
    let mut program = Program::start(data, arguments);
    let (exit, said) = program.wait();
    assert_eq!((exit, said.lines().count()), (Some(code), 1), "{said}");
    said
}

/// A client of the native protocol on a real socket.
struct Client {
    stream: TcpStream,
    channel: Channel,
}

impl Client {
    /// Connects with the identity of `secret` to the tracker that has `key`.
    fn connect(address: SocketAddr, key: Key, secret: u8) -> Self {
        let stream = TcpStream::connect(address).expect("it listens");
        stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
        let seed = Seed([secret; 32]);
        let statics = StaticKey::draw(&mut seed.stream("static", 0));
        let mut hello = Vec::new();
        let identity = Identity::from_secret(&[secret; 32]);
        let channel = Channel::dial(Preface::Tracker, identity, &statics, seed.stream("channel", 0), &mut hello);
        let mut client = Self { stream, channel };
        client.stream.write_all(&hello).expect("written");
        assert_eq!(client.next_step(), Step::Identified(key));
        let mut third = Vec::new();
        client.channel.confirm(&mut third);
        client.stream.write_all(&third).expect("written");
        assert!(matches!(client.next_step(), Step::Established(_)));
        client
    }

    fn next_step(&mut self) -> Step {
        let mut bytes = [0; 4096];
        loop {
            if let Some(step) = self.channel.next_step(usize::MAX, &mut Vec::new()).expect("valid frames") {
                return step;
            }
            let count = self.stream.read(&mut bytes).expect("it answers");
            assert_ne!(count, 0, "it hung up");
            self.channel.handle_bytes(&bytes[..count]);
        }
    }

    fn next(&mut self) -> FromTracker {
        let step = self.next_step();
        let Step::Message(message) = step else { panic!("{step:?}") };
        FromTracker::from_bytes(&message).expect("a valid message")
    }

    /// Sends a message; what is said until `last` is.
    fn ask(&mut self, message: &ToTracker, last: fn(&FromTracker) -> bool) -> Vec<FromTracker> {
        let mut frame = Vec::new();
        self.channel.seal(&message.to_bytes(), &mut frame);
        self.stream.write_all(&frame).expect("written");
        let mut said = vec![self.next()];
        while !said.last().is_some_and(last) {
            said.push(self.next());
        }
        said
    }

    fn register(&mut self, who: &str) -> Vec<FromTracker> {
        let register = ToTracker::Register {
            request: 1,
            name: name(who),
            password: PasswordHash::of("pw"),
            token: None,
            claimed: nowhere(),
        };
        self.ask(&register, is_synced)
    }
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a valid name")
}

fn nowhere() -> Claimed {
    List::truncated(Vec::new())
}

fn is_synced(message: &FromTracker) -> bool {
    matches!(message, FromTracker::Synced | FromTracker::Failed { .. })
}

fn is_answer(message: &FromTracker) -> bool {
    matches!(message, FromTracker::Done { .. } | FromTracker::Failed { .. })
}

#[test]
fn it_says_where_it_listens_and_a_restart_keeps_its_key() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let listen = ["--listen", "127.0.0.1:0", "--listen", "127.0.0.1:0"];
    let mut program = Program::start(data.path(), &listen);
    let ((one, key), (other, same)) = (program.next_address(), program.next_address());
    assert!(one.port() != 0 && one != other && key == same);
    program.signal("TERM");
    let (code, said) = program.wait();
    assert_eq!(code, Some(0));
    assert!(said.ends_with("info: stopped; nothing refused or cut\n"), "{said}");
    let (_again, _, kept) = Program::listening(data.path());
    assert_eq!(kept, key);
}

#[test]
fn what_was_confirmed_is_there_after_it_was_killed() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut program, address, key) = Program::listening(data.path());
    let mut ana = Client::connect(address, key, 1);
    assert!(matches!(&ana.register("Ana")[..], [FromTracker::Welcome { .. }, FromTracker::Synced]));
    let create = ToTracker::Create { request: 2, name: name("sala"), capacity: 0, nonce: [1; 16], flags: 0 };
    assert!(matches!(&ana.ask(&create, is_answer)[..], [FromTracker::Room { .. }, FromTracker::Done { request: 2 }]));
    program.signal("KILL");
    assert_eq!(program.wait().0, None);

    let (_program, address, key) = Program::listening(data.path());
    let mut ana = Client::connect(address, key, 1);
    let login = ToTracker::LoginKey { request: 1, name: name("ana"), claimed: nowhere() };
    let said = ana.ask(&login, is_synced);
    let [FromTracker::Welcome { .. }, FromTracker::Room { room }, FromTracker::Synced] = &said[..] else {
        panic!("{said:?}")
    };
    assert_eq!((room.record.name.as_str(), room.owner.as_str()), ("sala", "Ana"));
    let mut bia = Client::connect(address, key, 2);
    let wrong = ToTracker::LoginPassword {
        request: 1,
        name: name("ana"),
        password: PasswordHash::of("guess"),
        claimed: nowhere(),
    };
    assert!(matches!(&bia.ask(&wrong, is_synced)[..], [FromTracker::Failed { .. }]));
}

#[test]
fn sigterm_and_sigint_say_goodbye_and_end_it_well() {
    for signal in ["TERM", "INT"] {
        let data = tempfile::tempdir().expect("a temporary directory");
        let (mut program, address, key) = Program::listening(data.path());
        let mut ana = Client::connect(address, key, 1);
        ana.register("ana");
        program.signal(signal);
        assert!(matches!(ana.next(), FromTracker::Bye { .. }));
        assert_eq!(ana.stream.read(&mut [0; 16]).expect("it closes in order"), 0);
        drop(ana);
        assert_eq!(program.wait().0, Some(0), "{signal}");
    }
}

#[test]
fn sigusr1_logs_what_was_refused_or_cut() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut program, address, _) = Program::listening(data.path());
    let mut http = TcpStream::connect(address).expect("it listens");
    http.set_read_timeout(Some(PATIENCE)).expect("a socket");
    http.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("written");
    // Closed or reset: either way nothing was said.
    assert!(matches!(http.read(&mut [0; 16]), Ok(0) | Err(_)));
    program.signal("USR1");
    let expected =
        "info: connections 0, sessions 0, users 0, rooms 0; refused or cut: 1 the first bytes are not papo's";
    let mut lines = BufReader::new(program.stderr.take().expect("it is piped")).lines();
    assert!(lines.any(|line| line.expect("it logs") == expected));
}

#[test]
fn a_port_in_use_is_one_clear_sentence() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("it is bound").to_string();
    let mut program = Program::start(data.path(), &["--listen", &address]);
    let (code, said) = program.wait();
    assert_eq!(code, Some(1));
    let expected = format!(
        "error: papo-tracker cannot listen on {address}: another program listens there: stop it, or choose another \
         address with --listen"
    );
    assert!(said.lines().any(|line| line == expected), "{said}");
}

#[test]
fn a_data_directory_that_is_in_use_or_cannot_be_made_is_one_clear_sentence() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (_program, ..) = Program::listening(data.path());
    let listen = ["--listen", "127.0.0.1:0"];
    let said = refused(data.path(), &listen, 1);
    assert!(said.contains("another papo uses") && said.contains("--data"), "{said}");
    let file = data.path().join("file");
    fs::write(&file, b"in the way").expect("written");
    let said = refused(&file.join("data"), &listen, 1);
    assert!(said.contains("cannot be used"), "{said}");
}

#[test]
fn a_database_that_is_newer_or_damaged_is_one_clear_sentence_and_not_touched() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (mut program, ..) = Program::listening(data.path());
    program.signal("TERM");
    assert_eq!(program.wait().0, Some(0));
    let path = data.path().join("tracker.sqlite");
    let whole = fs::read(&path).expect("it is there");
    // The header's user_version: bytes 60 to 63, big-endian.
    let mut newer = whole.clone();
    newer[60..64].copy_from_slice(&9u32.to_be_bytes());
    for (bytes, part) in
        [(newer, "is of version 9"), (whole[..5000].to_vec(), "is damaged"), (b"noise".repeat(99), "is damaged")]
    {
        fs::write(&path, &bytes).expect("written");
        let said = refused(data.path(), &["--listen", "127.0.0.1:0"], 1);
        assert!(said.contains(part), "{said}");
        assert!(fs::read(&path).expect("it is there") == bytes, "it was overwritten");
    }
}

#[test]
fn an_identity_in_use_is_recorded_only_when_that_is_meant() {
    use std::os::unix::fs::MetadataExt as _;
    let data = tempfile::tempdir().expect("a temporary directory");
    let (first, second) = (data.path().join("first.rec"), data.path().join("second.rec"));
    let record = |file: &Path| ["--listen", "127.0.0.1:0", "--record", file.to_str().expect("text")].map(str::to_owned);
    let start =
        |arguments: &[String]| Program::start(data.path(), &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let mut program = start(&record(&first));
    program.next_address();
    program.signal("TERM");
    let (code, said) = program.wait();
    assert_eq!(code, Some(0));
    assert!(said.contains("first.rec will hold keys and texts"), "{said}");
    assert_eq!(fs::metadata(&first).expect("it is there").mode() & 0o777, 0o600);

    let (code, said) = start(&record(&second)).wait();
    assert_eq!(code, Some(2));
    assert!(said.contains("say --record-secrets if that is meant") && !second.exists(), "{said}");
    let meant = [record(&first).to_vec(), vec!["--record-secrets".to_owned()]].concat();
    let (code, said) = start(&meant).wait();
    assert_eq!(code, Some(1), "a recording never replaces another: {said}");
}

#[test]
fn what_it_does_not_know_is_a_usage_error() {
    let data = tempfile::tempdir().expect("a temporary directory");
    let (code, said) = Program::start(data.path(), &["--relays", "127.0.0.1:1"]).wait();
    assert_eq!(code, Some(2), "{said}");
    let said = refused(data.path(), &["--registration", "token"], 2);
    assert!(said.contains("--registration-token-file"), "{said}");
}

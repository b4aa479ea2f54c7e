//! How fast files are sent, beside what the same host does otherwise: a bare copy over TCP, `iperf3`, `scp` and
//! `magic-wormhole`, all on the loopback interface and in one run.
//!
//! `cargo bench -p papo-conformance --bench transfers` prints a line each; whoever of the others is not installed is
//! left out (of Debian: iperf3, openssh-server; of PyPI: magic-wormhole, magic-wormhole-mailbox-server). `PAPO_BENCH_MIB`
//! is the size of the one file (1,024), `PAPO_BENCH_FILES` the number of the small ones (10,000), `TMPDIR` where they
//! are. Nothing is asserted: time is no test.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[expect(dead_code, reason = "the harness of the scenarios, of which this needs a part")]
#[path = "../tests/programs/support/mod.rs"]
mod support;

use std::{
    env,
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use support::papo::{Options, Papo, text};

/// Reads and writes of the bare copy.
const BLOCK_BYTES: usize = 256 * 1024;
/// No server takes longer to listen.
const LISTENS_MAX: Duration = Duration::from_secs(20);

fn main() {
    let mib = number("PAPO_BENCH_MIB", 1024);
    let count = number("PAPO_BENCH_FILES", 10_000);
    let place = tempfile::tempdir().expect("a temporary directory");
    let place = place.path();
    let file = place.join("file.bin");
    make_file(&file, mib);

    println!("one file of {mib} MiB, MiB each second ({})", place.display());
    let rate = |time: Duration| mib as f64 / time.as_secs_f64();
    let bare = rate(bare_copy(&file, &place.join("bare.bin")));
    println!("  {bare:>7.0}  a bare copy over TCP, file to file");
    let ssh = Ssh::start(place);
    let mut ours = 0.0;
    for _ in 0..3 {
        let sent = send(&file, mib);
        ours = f64::max(ours, rate(sent.time));
        println!(
            "  {:>7.0}  papo ({:.2} of the bare copy; at most {} KiB at the sender, {} KiB at the receiver)",
            rate(sent.time),
            rate(sent.time) / bare,
            sent.sender_kib,
            sent.receiver_kib,
        );
    }
    let others = [
        ("iperf3, which touches no file", iperf(mib)),
        ("scp", ssh.as_ref().and_then(|ssh| ssh.copy(&file, &place.join("scp.bin"), &[]))),
        ("magic-wormhole", wormhole(&file, place)),
    ];
    for (name, time) in others {
        match time.map(rate) {
            Some(other) => println!("  {other:>7.0}  {name} (papo is {:.2} times as fast)", ours / other),
            None => println!("        –  {name}: not installed here"),
        }
    }

    println!("{count} files of 1 KiB, files each second");
    let tree = place.join("tree");
    make_tree(&tree, count);
    let rate = |time: Duration| count as f64 / time.as_secs_f64();
    let ours = rate(send(&tree, 0).time);
    println!("  {ours:>7.0}  papo");
    match ssh.as_ref().and_then(|ssh| ssh.copy(&tree, &place.join("scp-tree"), &["-r"])).map(rate) {
        Some(other) => println!("  {other:>7.0}  scp -r (papo is {:.2} times as fast)", ours / other),
        None => println!("        –  scp -r: not installed here"),
    }
}

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Bytes that no file system makes smaller, without a generator's time.
fn make_file(path: &Path, mib: u64) {
    let mut random = vec![0; 1 << 20];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut random)).expect("random bytes");
    let mut file = File::create(path).expect("a file");
    for number in 0..mib {
        random[..8].copy_from_slice(&number.to_be_bytes());
        file.write_all(&random).expect("there is room");
    }
    file.sync_all().expect("a disk");
}

fn make_tree(top: &Path, count: u64) {
    for number in 0..count {
        let directory = top.join(format!("{:03}", number / 100));
        fs::create_dir_all(&directory).expect("a directory");
        fs::write(directory.join(format!("{number}.txt")), format!("{number:1024}")).expect("a file");
    }
}

// papo.

/// How a transfer went.
struct Sent {
    time: Duration,
    sender_kib: u64,
    receiver_kib: u64,
}

/// From the acceptance until it has its name.
fn send(path: &Path, mib: u64) -> Sent {
    let received = path.parent().expect("it is in a directory").join("received");
    let mut bia = Options::new("bia").receiving(&received).start();
    let ready = bia.wait_for("ready", |_| true);
    let mut ana = Options::new("ana").start();
    ana.line(&format!("/connect {}", text(&ready, "listen")));
    ana.wait_linked("bia");
    ana.line(&format!("/send bia {}", path.display()));
    let offer = bia.wait_for("offer", |_| true);
    let since = Instant::now();
    bia.line(&format!("/accept {}", offer["transfer"]));
    let arrived = bia.wait_for("received", |_| true);
    let time = since.elapsed();
    if mib > 0 {
        let arrived = fs::metadata(text(&arrived, "path")).expect("it is there");
        assert_eq!(arrived.len(), mib << 20, "it is whole");
    }
    let peak = |papo: &Papo| papo.process.memory_peak().unwrap_or_default() / 1024;
    let sent = Sent { time, sender_kib: peak(&ana), receiver_kib: peak(&bia) };
    ana.quit();
    bia.quit();
    fs::remove_dir_all(&received).expect("it was made");
    sent
}

// The others.

fn bare_copy(from: &Path, to: &Path) -> Duration {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let mut target = File::create(to).expect("a file");
    let since = Instant::now();
    let receiver = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("someone comes");
        let mut block = vec![0; BLOCK_BYTES];
        while let Ok(length @ 1..) = stream.read(&mut block) {
            target.write_all(&block[..length]).expect("there is room");
        }
        target.sync_all().expect("a disk");
    });
    let mut source = File::open(from).expect("it was made");
    let mut stream = TcpStream::connect(address).expect("it listens");
    let mut block = vec![0; BLOCK_BYTES];
    while let Ok(length @ 1..) = source.read(&mut block) {
        stream.write_all(&block[..length]).expect("it is read");
    }
    drop(stream);
    receiver.join().expect("it ends with the connection");
    let time = since.elapsed();
    fs::remove_file(to).expect("it was made");
    time
}

fn iperf(mib: u64) -> Option<Duration> {
    let port = free_port().to_string();
    let server = Server::start(Command::new("iperf3").args(["-s", "-1", "-B", "127.0.0.1", "-p", &port]))?;
    thread::sleep(Duration::from_millis(300));
    let since = Instant::now();
    let bytes = format!("{mib}M");
    let done = quietly(Command::new("iperf3").args(["-c", "127.0.0.1", "-p", &port, "-n", &bytes]));
    drop(server);
    done.then(|| since.elapsed())
}

/// An SSH server of our own, with keys of our own.
struct Ssh {
    _server: Server,
    place: PathBuf,
    port: u16,
}

impl Ssh {
    fn start(place: &Path) -> Option<Self> {
        let place = place.join("ssh");
        fs::create_dir_all(&place).ok()?;
        for key in ["host", "user"] {
            let made =
                quietly(Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-f"]).arg(place.join(key)));
            if !made {
                return None;
            }
        }
        fs::copy(place.join("user.pub"), place.join("authorized")).ok()?;
        // Where the server runs as root, it wants this directory.
        drop(fs::create_dir_all("/run/sshd"));
        let port = free_port();
        let option = |name: &str, value: &Path| format!("{name}={}", value.display());
        let mut command = Command::new("/usr/sbin/sshd");
        command.args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string()]);
        command.args(["-o", "ListenAddress=127.0.0.1", "-o", "StrictModes=no", "-o", "PidFile=none"]);
        command.args(["-o", "Subsystem=sftp internal-sftp"]);
        command.args(["-o", &option("HostKey", &place.join("host"))]);
        command.args(["-o", &option("AuthorizedKeysFile", &place.join("authorized"))]);
        let server = Server::start(&mut command)?;
        listens(port).then_some(Self { _server: server, place, port })
    }

    fn copy(&self, from: &Path, to: &Path, more: &[&str]) -> Option<Duration> {
        let mut command = Command::new("scp");
        command.arg("-q").args(more).args(["-P", &self.port.to_string(), "-i"]).arg(self.place.join("user"));
        command.args(["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes"]);
        command.arg(from).arg(format!("127.0.0.1:{}", to.display()));
        let since = Instant::now();
        let done = quietly(&mut command);
        let time = since.elapsed();
        drop(fs::remove_file(to).or_else(|_| fs::remove_dir_all(to)));
        done.then_some(time)
    }
}

fn wormhole(file: &Path, place: &Path) -> Option<Duration> {
    let port = free_port();
    let endpoint = format!("--port=tcp:{port}:interface=127.0.0.1");
    let mut command = Command::new("twist");
    let _server = Server::start(command.arg("wormhole-mailbox").arg(endpoint).current_dir(place))?;
    if !listens(port) {
        return None;
    }
    let relay = format!("--relay-url=ws://127.0.0.1:{port}/v1");
    let ours = |words: &[&str]| {
        let mut command = Command::new("wormhole");
        command.args([&relay, "--transit-helper="]).args(words);
        command
    };
    let sender = Server::start(ours(&["send", "--hide-progress", "--code=1-loop-back"]).arg(file))?;
    let to = place.join("wormhole.bin");
    let since = Instant::now();
    let received = ["receive", "--accept-file", "--hide-progress", "-o", to.to_str()?, "1-loop-back"];
    let done = quietly(&mut ours(&received));
    let time = since.elapsed();
    drop(sender);
    drop(fs::remove_file(to));
    done.then_some(time)
}

/// A process that is ended with this.
struct Server(Child);

impl Server {
    fn start(command: &mut Command) -> Option<Self> {
        silent(command).spawn().ok().map(Self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn quietly(command: &mut Command) -> bool {
    silent(command).status().is_ok_and(|status| status.success())
}

fn silent(command: &mut Command) -> &mut Command {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null())
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port()
}

/// Waits until something listens there.
fn listens(port: u16) -> bool {
    let until = Instant::now() + LISTENS_MAX;
    while Instant::now() < until {
        if TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(50));
    }
    false
}

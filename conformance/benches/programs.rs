//! How fast the real programs are, beside what the same host does without them.
//!
//! `cargo bench -p papo-conformance` prints one line each. Figures of one host mean little elsewhere, so latencies stand
//! beside a bare TCP echo that is measured in the same run, and rates beside sealing alone. Nothing is asserted here:
//! time is no test.

#![expect(clippy::print_stdout, reason = "figures are what it is for")]

#[expect(dead_code, reason = "the harness of the scenarios, of which this needs a part")]
#[path = "../tests/programs/support/mod.rs"]
mod support;

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::Identity,
    rng::Seed,
    wire::tracker::{FromTracker, ToTracker},
};
use support::{
    cpu, crowd,
    papo::{Options, Papo},
    raw::Raw,
    tracker::Tracker,
};

/// Round trips of each latency.
const ROUNDS: u32 = 3_000;
/// Messages of each rate.
const MESSAGES: u32 = 3_000;
/// Logins by key, and a tenth of it by password.
const LOGINS: u32 = 1_000;
/// Accounts of a tracker that has many, and how often it is killed.
const MANY: u32 = 100_000;
const RESTARTS: u32 = 5;
/// Sessions that do nothing.
const IDLE: u32 = 200;
/// How long nothing is watched.
const IDLE_TIME: Duration = Duration::from_secs(5);

fn main() {
    println!("latency, there and back");
    let bare = bare_echo();
    tell("a bare TCP echo of 64 bytes", &bare, &bare);
    let tracker = Tracker::start();
    tell("a ping that a tracker answers", &tracker_ping(&tracker), &bare);
    let [mut ana, mut bia, mut caio] = ["ana", "bia", "caio"].map(|name| Papo::registered(name, &tracker));
    ana.create("sala");
    bia.join("sala");
    ana.wait_linked("bia");
    for talker in [&mut ana, &mut bia] {
        talker.line("/chat #sala");
    }
    tell("a line on bia's stdin to ana's stdout, kept by both", &line_latency(&mut bia, &mut ana), &bare);

    println!("rates, each second");
    let sealing = sealing_alone();
    println!("  {sealing:>9.0}  seal and open 64 bytes, one core");
    let two = line_rate("two", &mut bia, &mut [&mut ana]);
    println!("  {two:>9.0}  lines in a room of two (sealing alone: {:.0} times that)", sealing / two);
    caio.join("sala");
    bia.wait_linked("caio");
    let three = line_rate("three", &mut bia, &mut [&mut ana, &mut caio]);
    println!("  {three:>9.0}  lines in a room of three, each to both (sealing alone: {:.0} times)", sealing / three);
    let by_key = logins(&tracker, LOGINS, |client| client.log_in_by_key("bench"));
    println!("  {by_key:>9.0}  logins by key, handshake included, one after the other");
    let by_password = logins(&tracker, LOGINS / 10, |client| client.log_in("bench", "pw"));
    println!("  {by_password:>9.0}  logins by password, the same");

    println!("after kill -9");
    for accounts in [1_000, MANY] {
        let mut tracker = Tracker::start_on(crowd::data(accounts, accounts / 20));
        let times = (0..RESTARTS).map(|_| {
            tracker.process.kill();
            let since = Instant::now();
            tracker.restart();
            since.elapsed()
        });
        let slowest = times.max().unwrap_or_default().as_secs_f64() * 1e3;
        println!("  {slowest:>9.0}  ms at most until a tracker with {accounts} accounts listens again");
    }

    println!("at rest");
    let mut host = Options::new("dora").register("pw").with(&["--host", "127.0.0.1:0"]).log_in();
    let before = resident_kib(tracker.process.id());
    let idle = (0..IDLE).map(|number| registered(&tracker, &format!("idle{number}"), 1_000 + number));
    let idle = idle.collect::<Vec<_>>();
    if let Some((before, after)) = before.zip(resident_kib(tracker.process.id())) {
        let each = after.saturating_sub(before) as f64 / f64::from(IDLE);
        println!("  {each:>9.1}  KiB of a tracker for a session and its account ({after} KiB in all)");
    }
    for (what, id) in [
        ("papo-tracker", tracker.process.id()),
        ("papo --json", ana.process.id()),
        ("papo --json --host", host.process.id()),
    ] {
        if let Some(share) = cpu::share(id, IDLE_TIME) {
            println!("  {share:>9.2}  % of a core for {what}, which does nothing");
        }
    }
    for papo in [&mut ana, &mut bia, &mut caio, &mut host] {
        papo.quit();
    }
    drop(idle);
}

/// Prints the median and the 99th percentile, and how many bare echoes the median is.
fn tell(what: &str, times: &[Duration], bare: &[Duration]) {
    let at = |times: &[Duration], percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
    let (half, most, times_bare) = (at(times, 50), at(times, 99), at(times, 50) / at(bare, 50));
    println!("  {half:>9.0}  µs (99 %: {most:.0} µs; {times_bare:.1} bare echoes)  {what}");
}

/// Times of one thing after the other, sorted.
fn time(mut round: impl FnMut(u32)) -> Vec<Duration> {
    let times = (0..ROUNDS).map(|number| {
        let since = Instant::now();
        round(number);
        since.elapsed()
    });
    let mut times = times.collect::<Vec<_>>();
    times.sort_unstable();
    times
}

fn bare_echo() -> Vec<Duration> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("it is bound");
    let echo = thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("someone comes");
        stream.set_nodelay(true).expect("a socket option");
        let mut bytes = [0; 64];
        while stream.read_exact(&mut bytes).is_ok() {
            stream.write_all(&bytes).expect("it is read");
        }
    });
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_nodelay(true).expect("a socket option");
    let mut bytes = [7; 64];
    let times = time(|_| {
        stream.write_all(&bytes).expect("it is read");
        stream.read_exact(&mut bytes).expect("it comes back");
    });
    drop(stream);
    echo.join().expect("it ends with the connection");
    times
}

fn registered(tracker: &Tracker, name: &str, identity: u32) -> Raw {
    let mut client = Raw::connect(tracker.address, identity).expect("it listens");
    let welcome = client.register(name, "pw").expect("it answers");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    client
}

fn tracker_ping(tracker: &Tracker) -> Vec<Duration> {
    let mut client = registered(tracker, "bench", 70);
    time(|number| {
        let sent = u64::from(number);
        client.send(&ToTracker::Ping { nonce: sent }).expect("it reads");
        loop {
            match client.receive().expect("it answers") {
                FromTracker::Pong { nonce } if nonce == sent => break,
                _ => {}
            }
        }
    })
}

fn line_latency(from: &mut Papo, to: &mut Papo) -> Vec<Duration> {
    time(|number| {
        to.mark();
        let line = format!("line {number}");
        from.line(&line);
        to.wait_message(&line);
    })
}

/// Seals and opens messages between two channels in memory.
fn sealing_alone() -> f64 {
    let channel = |secret: u8| {
        let seed = Seed([secret; 32]);
        (
            Identity::from_secret(&[secret; 32]),
            StaticKey::draw(&mut seed.stream("static", 0)),
            seed.stream("channel", 0),
        )
    };
    let ((ana, statics, rng), (bia, bias, bia_rng)) = (channel(1), channel(2));
    let mut wire = Vec::new();
    let mut dialler = Channel::dial(Preface::Peer, ana, &statics, rng, &mut wire);
    let mut acceptor = Channel::accept(Preface::Peer, bia, &bias, bia_rng);
    while !(dialler.is_established() && acceptor.is_established()) {
        for channel in [&mut acceptor, &mut dialler] {
            channel.handle_bytes(&std::mem::take(&mut wire));
            while let Some(step) = channel.next_step(1_024, &mut wire).expect("both speak the protocol") {
                if let Step::Identified(_) = step {
                    channel.confirm(&mut wire);
                }
            }
        }
    }
    let count = 100 * MESSAGES;
    let since = Instant::now();
    for _ in 0..count {
        wire.clear();
        dialler.seal(&[7; 64], &mut wire);
        acceptor.handle_bytes(&wire);
        while acceptor.next_step(1_024, &mut wire).expect("it is sealed well").is_some() {}
    }
    f64::from(count) / since.elapsed().as_secs_f64()
}

/// Lines a second from one stdin until all of them stand on every other stdout.
fn line_rate(mark: &str, from: &mut Papo, to: &mut [&mut Papo]) -> f64 {
    let since = Instant::now();
    for number in 0..MESSAGES {
        from.line(&format!("{mark} {number}"));
    }
    let last = format!("\"{mark} {}\"", MESSAGES - 1);
    for papo in to {
        let is_last = |lines: &[String]| lines.iter().rev().take(64).any(|line| line.contains(&last)).then_some(());
        papo.process.stdout.wait(support::BOUND, is_last).expect("every line arrives");
    }
    f64::from(MESSAGES) / since.elapsed().as_secs_f64()
}

fn logins(tracker: &Tracker, count: u32, log_in: impl Fn(&mut Raw) -> std::io::Result<FromTracker>) -> f64 {
    let since = Instant::now();
    for _ in 0..count {
        let mut client = Raw::connect(tracker.address, 70).expect("it listens");
        let welcome = log_in(&mut client).expect("it answers");
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    }
    f64::from(count) / since.elapsed().as_secs_f64()
}

/// Memory of a process that is not swapped out, where the system tells.
fn resident_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    status.lines().find(|line| line.starts_with("VmRSS:"))?.split_whitespace().nth(1)?.parse().ok()
}

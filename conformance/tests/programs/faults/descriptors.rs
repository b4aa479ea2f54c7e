//! Fewer descriptors than clients.

use std::{
    io::ErrorKind,
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use nix::sys::signal::Signal;
use papo_proto::wire::tracker::FromTracker;

use super::{by_form, is_long, tell};
use crate::support::{
    BOUND, cpu, crowd,
    papo::{Options, text, texts},
    raw::{self, Raw},
    tracker::Tracker,
};

/// What the program may have.
const DESCRIPTORS: u32 = 256;
/// Who wants to be there.
const CLIENTS: u32 = 320;
/// Those who leave in the end.
const LEAVE: usize = 50;
/// The promises, with optimised programs on a host that does nothing else.
const SHARE_MAX: f64 = 5.0;
const BACK_WITHIN: Duration = Duration::from_secs(1);
/// What holds everywhere: far from a core that does nothing but accept in vain.
const SHARE_MAX_ANYWHERE: f64 = 50.0;

/// For good: the program cannot raise it.
fn limit() -> String {
    format!("ulimit -n {DESCRIPTORS}")
}

/// Logs in by key.
fn log_in(tracker: SocketAddr, number: u32) -> Option<Raw> {
    let mut client = Raw::connect(tracker, number).ok()?;
    let welcome = client.log_in_by_key(crowd::name(number).as_str()).ok()?;
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    Some(client)
}

#[test]
fn a_tracker_out_of_descriptors_hardly_works_and_lets_in_whoever_comes_when_others_leave() {
    let data = crowd::data(CLIENTS + 1, 0);
    let tracker = Tracker::start_limited(data, &limit());
    // As many as it takes are in; the others are turned away, and come again each second, as peers do.
    let mut inside = (0..CLIENTS).map_while(|number| log_in(tracker.address, number)).collect::<Vec<_>>();
    let first_out = u32::try_from(inside.len()).expect("few");
    assert!((100..DESCRIPTORS).contains(&first_out), "{first_out} of {CLIENTS} are in");
    let (over, tried) = (AtomicBool::new(false), AtomicUsize::new(0));
    let (share, back) = thread::scope(|scope| {
        for _ in first_out..CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    drop(raw::connect(tracker.address, None));
                    tried.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(Duration::from_secs(1));
                }
            });
        }
        let share = cpu::share(tracker.process.id(), by_form(Duration::from_secs(2), Duration::from_secs(15)));
        over.store(true, Ordering::Relaxed);
        let since = Instant::now();
        inside.truncate(inside.len() - LEAVE);
        let late = loop {
            if let Some(late) = log_in(tracker.address, CLIENTS) {
                break late;
            }
            assert!(since.elapsed() < BOUND, "nobody is let in\n{}", tracker.process.story());
        };
        inside.push(late);
        (share, since.elapsed())
    });
    // Who was in stays in.
    for client in &mut inside {
        let answer = client.whois(crowd::name(0).as_str()).expect("it was in all the time");
        assert!(matches!(answer, FromTracker::Whois { .. }), "{answer:?}");
    }
    report("a tracker", inside.len() - 1 + LEAVE, tried.into_inner(), share, back);
}

fn report(what: &str, inside: usize, tried: usize, share: Option<f64>, back: Duration) {
    let share = share.unwrap_or_default();
    tell(format_args!(
        "{what} with {DESCRIPTORS} descriptors: {inside} clients in, {tried} turned away meanwhile at {share:.2} % of a \
         core; {} ms after others left, the next is in",
        back.as_millis()
    ));
    let share_max = if is_long() { SHARE_MAX } else { SHARE_MAX_ANYWHERE };
    assert!(share < share_max, "{share} % of a core while it is full");
    assert!(!is_long() || back <= BACK_WITHIN, "{back:?} until the next is in");
}

/// A peer has a bound of its own that is higher, so here it is the system that refuses: the reactor's spare descriptor
/// and its retries are what is seen.
#[test]
fn a_peer_out_of_descriptors_hardly_works_and_lets_in_whoever_comes_when_others_leave() {
    let options = Options::new("ana").register("pw").with(&["--host", "127.0.0.1:0"]);
    let mut host = options.start_limited(&limit());
    host.wait_for("logged_in", |_| true);
    let hosting = host.wait_for("notice", |event| text(event, "code") == "hosting");
    let address = texts(&hosting, "addresses")[0].parse().expect("an address");
    let mut turned_away = 0;
    for round in 0..by_form(1, 4) {
        // None of them says anything, so each has eight seconds.
        let strangers = (0..CLIENTS).map(|_| raw::connect(address, None).expect("the system takes it"));
        let strangers = strangers.collect::<Vec<_>>();
        let share = cpu::share(host.process.id(), by_form(Duration::from_secs(2), Duration::from_secs(6)));
        let inside = strangers.iter().filter(|stranger| is_open(stranger)).count();
        assert!((100..DESCRIPTORS as usize).contains(&inside), "{inside} of {CLIENTS} are in");
        let since = Instant::now();
        drop(strangers);
        let name = format!("bia{round}");
        while Raw::connect(address, 7).and_then(|mut bia| bia.register(&name, "pw")).is_err() {
            assert!(since.elapsed() < BOUND, "nobody is let in\n{}", host.process.story());
        }
        turned_away += CLIENTS as usize - inside;
        report("a peer that hosts", inside, CLIENTS as usize - inside, share, since.elapsed());
    }
    host.process.signal(Signal::SIGUSR1);
    let counters = host.wait_for("counters", |_| true);
    assert!(counters["turned_away"].as_u64().is_some_and(|count| count >= turned_away as u64), "{counters}");
    assert_eq!(host.quit(), 0);
}

/// Whether nothing was heard of the other end's end.
fn is_open(stream: &TcpStream) -> bool {
    stream.set_nonblocking(true).expect("a socket option");
    matches!(stream.peek(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
}

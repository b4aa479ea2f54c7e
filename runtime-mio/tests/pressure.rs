//! Too much of something: bytes, backlog, connections, descriptors. Nobody else waits for it.

mod puppet;

use std::{
    io::{Read as _, Write as _},
    net::SocketAddr,
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use papo_proto::machine::{Closed, Event, WRITABLE_BYTES_MAX};
use papo_runtime_mio::Options;
use puppet::{Habits, Kept, OPTIONS, Order, PATIENCE, Told, client, finish, heard, node, run, run_nodes, small_client};

const KIB: usize = 1024;

#[test]
fn floods_do_not_starve_a_conversation_or_a_command() {
    const FLOODS: usize = 3;
    let talk = Habits { echo: true, ..Habits::default() };
    // It is slower than those who flood it, so there is always more to read.
    let busy = Habits { counts: true, thinks_ms: 1, ..Habits::default() };
    let (running, [sink, talk]) = run(OPTIONS, [busy, talk]);
    let (_, flooded) = sink.listen();
    let (_, address) = talk.listen();
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..FLOODS {
            scope.spawn(|| {
                let mut flood = client(flooded);
                let block = vec![b'f'; 256 * KIB];
                while !over.load(Ordering::Relaxed) {
                    flood.write_all(&block).expect("it is read");
                }
            });
        }
        sink.counted(WRITABLE_BYTES_MAX);
        let mut quiet = client(address);
        for number in 0..30_u8 {
            quiet.write_all(&[number]).expect("it reads");
            assert_eq!(heard(&mut quiet, 1), [number]);
        }
        drop(quiet);
        talk.ping();
        sink.counted(WRITABLE_BYTES_MAX);
        over.store(true, Ordering::Relaxed);
        talk.stop();
        sink.stop();
        finish(running);
    });
}

#[test]
fn a_reader_that_is_too_slow_is_closed_and_told() {
    let options = Options { out_bytes_max: 256 * KIB, ..OPTIONS };
    let (running, [puppet]) = run(options, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut slow = client(address);
    let conn = puppet.opened();
    puppet.order(Order::All(vec![Order::Send(conn, vec![b's'; 64 * KIB]); 400]));
    assert_eq!(puppet.closed(conn), Closed::SlowReader);
    puppet.order(Order::Send(conn, b"to nobody".to_vec()));
    let mut rest = Vec::new();
    assert!(slow.read_to_end(&mut rest).is_err(), "it is reset");
    puppet.stop();
    finish(running);
}

#[test]
fn a_queue_of_exactly_the_bound_is_no_slow_reader() {
    let options = Options { out_bytes_max: 256 * KIB, ..OPTIONS };
    let (running, [puppet]) = run(options, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut reader = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Send(conn, vec![b's'; 256 * KIB]));
    assert_eq!(heard(&mut reader, 256 * KIB).len(), 256 * KIB);
    puppet.stop();
    drop(reader);
    finish(running);
}

/// Two readers that take nothing are told so much, and a third one takes everything: the orders, and who they are.
fn two_queues(options: Options, each: [usize; 2]) -> (Vec<Closed>, u64) {
    let (running, [puppet]) = run(options, [Habits::default()]);
    let (_, address) = puppet.listen();
    let deaf = [(); 2].map(|()| (client(address), puppet.opened()));
    let mut hears = client(address);
    let conn = puppet.opened();
    // More than the kernel takes, so that what is counted is what waits here.
    let orders = deaf.iter().zip(each).map(|((_, deaf), bytes)| Order::Send(*deaf, vec![b'q'; bytes]));
    // All in one turn: nothing is written between them.
    puppet.order(Order::All(orders.collect()));
    puppet.order(Order::Send(conn, b"still here".to_vec()));
    assert_eq!(heard(&mut hears, 10), b"still here");
    let ended = puppet.ping();
    let ended = ended.iter().filter_map(|told| match told {
        Told::Heard(_, Event::Closed { conn, reason }) => {
            assert_eq!(*conn, deaf[0].1, "the longest");
            Some(*reason)
        }
        _ => None,
    });
    let ended = ended.collect();
    puppet.stop();
    drop((deaf, hears));
    (ended, finish(running).crowded_out)
}

#[test]
fn all_queues_together_are_bounded_and_the_longest_is_the_one_that_ends() {
    const DEAF: [usize; 2] = [20 * KIB * KIB, 16 * KIB * KIB];
    let bounded = |queued_bytes_max| Options { out_bytes_max: 64 * KIB * KIB, queued_bytes_max, ..OPTIONS };
    assert_eq!(two_queues(bounded(DEAF[0] + DEAF[1]), DEAF), (vec![], 0), "at the bound");
    // The kernel takes some megabytes of the first before the second is over the bound.
    assert_eq!(two_queues(bounded(DEAF[0] + KIB), DEAF), (vec![Closed::SlowReader], 1), "past it");
}

#[test]
fn bulk_does_not_stand_in_front_of_chat() {
    const BULK: usize = 32 * KIB * KIB;
    let (running, [puppet]) = run(OPTIONS, [Habits { bulk_bytes: BULK, ..Habits::default() }]);
    let (_, address) = puppet.listen();
    let mut reader = small_client(address);
    let conn = puppet.opened();
    puppet.order(Order::WantWrite(conn));
    let ahead = puppet.counted_until_quiet();
    assert!((WRITABLE_BYTES_MAX..KIB * KIB).contains(&ahead), "{ahead} bytes stand ahead of the next chat line");
    puppet.order(Order::Send(conn, b"chat".to_vec()));
    puppet.ping();
    let mut before = heard(&mut reader, ahead);
    before.extend(heard(&mut reader, 4));
    assert!(before.ends_with(b"chat"), "a chat line comes behind what was said already, and before any more bulk");
    assert_eq!(heard(&mut reader, BULK - ahead).len(), BULK - ahead, "bulk goes on to its end");
    let invited = puppet.wait_for(|_, event| match event {
        Event::Writable { bytes, .. } => Some(*bytes),
        _ => None,
    });
    assert_eq!(invited, WRITABLE_BYTES_MAX, "the last invitation finds nothing to send");
    puppet.stop();
    drop(reader);
    finish(running);
}

#[test]
fn an_invitation_comes_once_for_each_wish() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let reader = client(address);
    let conn = puppet.opened();
    puppet.order(Order::WantWrite(conn));
    let is_invitation = |event: &Event<'_, ()>| matches!(event, Event::Writable { .. });
    puppet.wait_for(|_, event| is_invitation(event).then_some(()));
    puppet.order(Order::Send(conn, b"x".to_vec()));
    // Its queue is empty again in the turn after this one.
    let mut more = puppet.ping();
    more.extend(puppet.ping());
    puppet.stop();
    drop(reader);
    finish(running);
    assert!(!more.iter().any(|told| matches!(told, Told::Heard(_, event) if is_invitation(event))), "{more:?}");
}

#[test]
fn reading_is_a_level_and_what_waited_comes_when_it_is_set() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut writer = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Reading(conn, false));
    puppet.ping();
    writer.write_all(b"held").expect("the kernel takes it");
    drop(writer);
    for _ in 0..3 {
        let told = puppet.ping();
        assert_eq!(told, [], "it is not read");
    }
    puppet.order(Order::Reading(conn, true));
    assert_eq!(puppet.received(conn, 4), b"held");
    assert_eq!(puppet.closed(conn), Closed::End);
    puppet.stop();
    finish(running);
}

#[test]
fn a_writer_that_is_not_read_holds_nothing_but_the_kernels_buffers() {
    let (running, [puppet]) = run(OPTIONS, [Habits { counts: true, ..Habits::default() }]);
    let (_, address) = puppet.listen();
    let mut writer = client(address);
    let conn = puppet.opened();
    puppet.order(Order::Reading(conn, false));
    puppet.ping();
    writer.set_nonblocking(true).expect("it can be");
    let block = vec![b'w'; 64 * KIB];
    let mut written = 0;
    while let Ok(length) = writer.write(&block) {
        written += length;
    }
    puppet.order(Order::Reading(conn, true));
    puppet.counted(written);
    puppet.stop();
    drop(writer);
    finish(running);
}

#[test]
fn connections_past_the_bound_are_turned_away_and_the_others_served() {
    let options = Options { connections_max: 10, ..OPTIONS };
    let (running, [puppet]) = run(options, [Habits { echo: true, ..Habits::default() }]);
    let (_, address) = puppet.listen();
    let mut served = (0..10).map(|_| client(address)).collect::<Vec<_>>();
    let opened = [(); 10].map(|()| puppet.opened());
    let mut refused = (0..50).map(|_| client(address)).collect::<Vec<_>>();
    for one in &mut refused {
        assert!(matches!(one.read(&mut [0]), Ok(0) | Err(_)), "it sees a close");
    }
    for one in &mut served {
        one.write_all(b"x").expect("it reads");
        assert_eq!(heard(one, 1), b"x");
    }
    puppet.order(Order::Connect(address));
    let dial = puppet.minted();
    assert_eq!(puppet.refused(dial), papo_proto::machine::Refusal::Exhausted);
    drop(served.pop());
    puppet.closed(opened[9]);
    let mut next = client(address);
    next.write_all(b"y").expect("it reads");
    assert_eq!(heard(&mut next, 1), b"y");
    puppet.stop();
    drop((served, next));
    let stats = finish(running);
    assert_eq!((stats.accepted, stats.turned_away, stats.crowded_out), (11, 50, 0));
}

#[test]
fn a_crowd_past_the_bound_is_turned_away_to_the_last() {
    const CROWD: usize = 700;
    let options = Options { connections_max: 0, ..OPTIONS };
    let (release, held) = mpsc::channel::<()>();
    let (running, [puppet]) = run_nodes(
        options,
        [move || {
            let (mut node, told) = node(Habits::default(), Kept::default());
            let mut on_notice = node.on_notice;
            node.on_notice = Box::new(move |notice, control| {
                let holds = notice == Told::Pong;
                on_notice(notice, control);
                if holds {
                    held.recv_timeout(PATIENCE).expect("the test releases it");
                }
            });
            (node, told)
        }],
    );
    let (_, address) = puppet.listen();
    // All are there when the listener is looked at.
    puppet.ping();
    let mut crowd = (0..CROWD).map(|_| client(address)).collect::<Vec<_>>();
    release.send(()).expect("it waits");
    for one in &mut crowd {
        assert!(matches!(one.read(&mut [0]), Ok(0) | Err(_)), "it sees a close");
    }
    puppet.stop();
    assert_eq!(finish(running).turned_away, CROWD as u64);
}

/// Set in the process that is to run out of descriptors.
#[cfg(unix)]
const FEW_DESCRIPTORS: &str = "PAPO_TEST_FEW_DESCRIPTORS";

/// The other half of the test below: an echo in a process of few descriptors, until its standard input ends.
#[cfg(unix)]
#[test]
fn echo_of_few_descriptors() {
    if std::env::var_os(FEW_DESCRIPTORS).is_none() {
        return;
    }
    let (running, [puppet]) = run(OPTIONS, [Habits { echo: true, ..Habits::default() }]);
    let (_, address) = puppet.listen();
    eprintln!("listens at {address}");
    std::io::stdin().read_to_end(&mut Vec::new()).expect("the other half ends it");
    puppet.stop();
    let stats = finish(running);
    eprintln!("turns {} turned_away {}", stats.turns, stats.turned_away);
}

#[cfg(unix)]
#[test]
fn when_descriptors_run_out_clients_see_a_close_and_the_others_are_served() {
    use std::{
        io::{BufRead as _, BufReader},
        process::{Command, Stdio},
    };
    let program = std::env::current_exe().expect("a test is a program");
    let mut child = Command::new("sh")
        .args(["-c", "ulimit -n 40; exec \"$0\" --exact echo_of_few_descriptors --nocapture"])
        .arg(program)
        .env(FEW_DESCRIPTORS, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let mut next_word = |before: &str| -> String {
        let line = lines.find(|line| line.as_ref().is_ok_and(|line| line.starts_with(before)));
        line.expect("it says so").expect("a line").strip_prefix(before).expect("it starts so").to_owned()
    };
    let address = next_word("listens at ").parse::<SocketAddr>().expect("an address");

    let mut clients = (0..120).map(|_| client(address)).collect::<Vec<_>>();
    let mut served = clients
        .iter_mut()
        .filter_map(|one| {
            let mut answer = [0];
            (one.write_all(b"x").is_ok() && matches!(one.read(&mut answer), Ok(1))).then_some(one)
        })
        .collect::<Vec<_>>();
    assert!((5..40).contains(&served.len()), "{} of 120 are served with 40 descriptors", served.len());
    for one in &mut served {
        one.write_all(b"y").expect("it reads");
        assert_eq!(heard(one, 1), b"y", "who is in stays in");
    }
    // All wait now, so a reactor that keeps trying would turn and turn.
    thread::sleep(Duration::from_millis(500));
    drop(clients);
    let mut again = client(address);
    while again.write_all(b"z").is_err() || again.read_exact(&mut [0]).is_err() {
        again = client(address);
    }
    drop((again, child.stdin.take()));
    let numbers = next_word("turns ");
    assert!(child.wait().expect("it ends").success());
    let (turns, turned_away) = numbers.split_once(" turned_away ").expect("two numbers");
    assert!(turned_away.parse::<u32>().expect("a number") >= 80, "{numbers}");
    assert!(turns.parse::<u32>().expect("a number") < 1000, "{numbers}");
}

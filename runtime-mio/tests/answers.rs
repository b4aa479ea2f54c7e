//! What workers answer: commits, passwords, names. Nothing is said before it is durable.

mod puppet;

use std::{
    io::Read as _,
    sync::{
        Arc, Barrier,
        mpsc::{self, Receiver, Sender},
    },
    thread,
};

use papo_proto::machine::{Event, PasswordCheck, PasswordOutcome, Seq};
use papo_runtime_mio::{Fatal, NotTaken, Store, StoreError};
use puppet::{Habits, Kept, OPTIONS, Order, PATIENCE, Told, client, finish, heard, node, run, run_nodes};

/// A store that applies one transaction for each permit.
struct Gated {
    kept: Kept,
    permits: Receiver<()>,
    /// Told when a transaction waits for its permit.
    waits: Sender<()>,
}

impl Store<u32> for Gated {
    fn apply(&mut self, changes: &[u32]) -> Result<(), StoreError> {
        self.waits.send(())?;
        self.permits.recv_timeout(PATIENCE)?;
        self.kept.apply(changes)
    }
}

struct Gate {
    kept: Kept,
    permits: Sender<()>,
    waits: Receiver<()>,
}

fn gated() -> (Gated, Gate) {
    let (permits, receiver) = mpsc::channel();
    let (sender, waits) = mpsc::channel();
    let kept = Kept::default();
    (Gated { kept: kept.clone(), permits: receiver, waits: sender }, Gate { kept, permits, waits })
}

impl Gate {
    /// Lets the transaction that comes next, or waits already, be applied.
    fn pass(&self) {
        self.waits.recv_timeout(PATIENCE).expect("a transaction comes");
        self.permits.send(()).expect("it waits");
    }
}

fn committed(event: &Event<'_, ()>) -> Option<Seq> {
    if let Event::Committed(seq) = event { Some(*seq) } else { None }
}

#[test]
fn commits_that_wait_for_one_another_become_one_transaction() {
    let (store, gate) = gated();
    let (running, [puppet]) = run_nodes(OPTIONS, [move || node(Habits::default(), store)]);
    puppet.order(Order::Commit(vec![1]));
    gate.waits.recv_timeout(PATIENCE).expect("the first is under way");
    puppet.order(Order::All((2..=100).map(|change| Order::Commit(vec![change, change])).collect()));
    puppet.ping();
    gate.permits.send(()).expect("it waits");
    assert_eq!(puppet.wait_for(|_, event| committed(event)), Seq(1));
    gate.pass();
    assert_eq!(puppet.wait_for(|_, event| committed(event)), Seq(100), "the last is told, and it alone");
    let all = (2..=100).flat_map(|change| [change, change]).collect::<Vec<_>>();
    assert_eq!(gate.kept.transactions(), [vec![1], all]);
    puppet.stop();
    finish(running);
}

#[test]
fn nothing_that_depends_on_a_commit_is_said_before_it() {
    let (store, gate) = gated();
    let habits = Habits { greeting: Some("welcome".to_owned()), ..Habits::default() };
    let (running, [puppet]) = run_nodes(OPTIONS, [move || node(habits, store)]);
    let (_, address) = puppet.listen();
    let mut client = client(address);
    gate.waits.recv_timeout(PATIENCE).expect("the commit is under way");
    puppet.ping();
    client.set_nonblocking(true).expect("it can be");
    assert_eq!(client.read(&mut [0]).expect_err("nothing is said").kind(), std::io::ErrorKind::WouldBlock);
    client.set_nonblocking(false).expect("it can be");
    gate.permits.send(()).expect("it waits");
    assert_eq!(heard(&mut client, 7), b"welcome");
    drop(client);
    puppet.stop();
    finish(running);
}

/// Fails after so many transactions.
struct Failing {
    left: usize,
    panics: bool,
}

impl Store<u32> for Failing {
    fn apply(&mut self, _: &[u32]) -> Result<(), StoreError> {
        assert!(self.left > 0 || !self.panics, "no disk");
        self.left = self.left.checked_sub(1).ok_or("the disk is full")?;
        Ok(())
    }
}

#[test]
fn a_commit_that_fails_ends_the_reactor_and_nothing_more_is_said() {
    for (panics, reason) in [(false, "the disk is full"), (true, "the store panicked: no disk")] {
        let habits = Habits { greeting: Some("welcome".to_owned()), ..Habits::default() };
        let store = Failing { left: 1, panics };
        let (running, [puppet]) = run_nodes(OPTIONS, [move || node(habits, store)]);
        let (_, address) = puppet.listen();
        let mut first = client(address);
        assert_eq!(heard(&mut first, 7), b"welcome");
        let mut second = client(address);
        let mut said = Vec::new();
        let _ = second.read_to_end(&mut said);
        assert_eq!(said, b"", "what depends on a failed commit is not said");
        let (result, _) = running.join().expect("the reactor does not panic");
        let error = result.expect_err("it failed");
        assert!(matches!(&error, Fatal::Commit(error) if error.to_string() == reason), "{error}");
        assert!(puppet.handle.send(Order::Ping).is_err(), "the machine has ended");
    }
}

#[test]
fn the_reactor_ends_only_when_everything_is_kept() {
    let (store, gate) = gated();
    let (running, [puppet]) = run_nodes(OPTIONS, [move || node(Habits::default(), store)]);
    puppet.order(Order::All(vec![Order::Commit(vec![1]), Order::Stop]));
    gate.waits.recv_timeout(PATIENCE).expect("the commit is under way");
    while puppet.next() != Told::Stopped {}
    while puppet.handle.send(Order::Ping).is_ok() {}
    assert!(!running.is_finished());
    gate.permits.send(()).expect("it waits");
    finish(running);
    assert_eq!(gate.kept.transactions(), [[1]]);
}

#[test]
fn a_commit_that_fails_after_the_machine_stopped_is_still_told() {
    let store = Failing { left: 0, panics: false };
    let (running, [puppet]) = run_nodes(OPTIONS, [move || node(Habits::default(), store)]);
    puppet.order(Order::All(vec![Order::Commit(vec![1]), Order::Stop]));
    let (result, _) = running.join().expect("the reactor does not panic");
    assert!(matches!(result, Err(Fatal::Commit(_))));
}

#[test]
fn commands_past_the_bound_are_handed_back() {
    let (mut node, told) = node(Habits::default(), Kept::default());
    node.on_notice = Box::new(|notice, control| {
        if notice == Told::Stopped {
            control.stop();
        }
    });
    drop(told);
    let mut reactor = papo_runtime_mio::Reactor::new(OPTIONS).expect("a reactor");
    let handle = reactor.add(node);
    handle.try_send(Order::Stop).expect("the first fits");
    for _ in 1..1024 {
        handle.try_send(Order::Ping).expect("1024 fit");
    }
    assert!(matches!(handle.try_send(Order::Ping), Err(NotTaken::Full(Order::Ping))));
    let waiting = handle.clone();
    let waiter = thread::spawn(move || waiting.send(Order::Ping));
    reactor.run().expect("it ends well");
    // It waited for room; whether it got in before the end or not, it does not wait for ever.
    let _ = waiter.join().expect("it does not panic");
    assert!(matches!(handle.try_send(Order::Ping), Err(NotTaken::Ended(_))));
}

const CHECK: PasswordCheck = PasswordCheck::Create { password: [1; 32], salt: [2; 16] };

#[test]
fn passwords_are_checked_on_two_workers_and_never_on_the_reactors_thread() {
    let barrier = Arc::new(Barrier::new(2));
    let (running, [puppet]) = run_nodes(
        OPTIONS,
        [move || {
            let reactor = thread::current().id();
            let (mut node, told) = node(Habits::default(), Kept::default());
            node.passwords = Some(Arc::new(move |_| {
                assert_ne!(thread::current().id(), reactor);
                // Passed only when both workers are at it.
                barrier.wait();
                PasswordOutcome::Created("phc".to_owned())
            }));
            (node, told)
        }],
    );
    puppet.order(Order::All(vec![Order::Check(CHECK), Order::Check(CHECK)]));
    let mut requests = [(); 2].map(|()| {
        puppet.wait_for(|_, event| match event {
            Event::PasswordChecked { request, outcome } => {
                assert_eq!(*outcome, PasswordOutcome::Created("phc".to_owned()));
                Some(request.0)
            }
            _ => None,
        })
    });
    requests.sort_unstable();
    assert_eq!(requests, [1, 3]);
    puppet.stop();
    finish(running);
}

#[test]
fn a_check_that_panics_matches_no_password_and_the_next_is_done() {
    let (running, [puppet]) = run_nodes(
        OPTIONS,
        [|| {
            let (mut node, told) = node(Habits::default(), Kept::default());
            node.passwords = Some(Arc::new(|check| match check {
                PasswordCheck::Create { .. } => panic!("as a test"),
                PasswordCheck::Verify { .. } => PasswordOutcome::Matched,
            }));
            (node, told)
        }],
    );
    let verify = PasswordCheck::Verify { verifier: String::new(), password: [0; 32] };
    for (check, expected) in [
        (CHECK, PasswordOutcome::Mismatched),
        (CHECK, PasswordOutcome::Mismatched),
        (CHECK, PasswordOutcome::Mismatched),
        (verify, PasswordOutcome::Matched),
    ] {
        puppet.order(Order::Check(check));
        let outcome = puppet.wait_for(|_, event| match event {
            Event::PasswordChecked { outcome, .. } => Some(outcome.clone()),
            _ => None,
        });
        assert_eq!(outcome, expected);
    }
    puppet.stop();
    finish(running);
}

#[test]
fn a_name_is_looked_up_and_an_impossible_one_has_no_address() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    for (host, found) in [("127.0.0.1", true), ("localhost", true), ("\0", false)] {
        puppet.order(Order::Resolve(host.to_owned(), 6060));
        let addresses = puppet.wait_for(|_, event| match event {
            Event::Resolved { addresses, .. } => Some(addresses.clone()),
            _ => None,
        });
        assert_eq!(!addresses.is_empty(), found, "{host:?}");
        assert!(addresses.iter().all(|address| address.port() == 6060 && address.ip().is_loopback()));
    }
    puppet.stop();
    finish(running);
}

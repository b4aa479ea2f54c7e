//! Time: what is due comes when it is due, and a reactor that has nothing to do does nothing.

mod puppet;

use std::{
    io::Write as _,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use papo_proto::{machine::Event, time::Time};
use puppet::{Habits, Kept, OPTIONS, Order, Puppet, Told, client, finish, node, run, run_nodes};

/// Late by more than this on a busy host would be a fault of the reactor's.
const LATE_MAX: Duration = Duration::from_secs(2);

#[track_caller]
fn due(puppet: &Puppet) -> Time {
    puppet.wait_for(|now, event| matches!(event, Event::Due).then_some(now))
}

#[test]
fn a_timer_goes_off_after_its_deadline_and_soon() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    for ms in [0, 1, 30, 100] {
        puppet.order(Order::WakeAfterMs(ms));
        let deadline = puppet.armed();
        // Woken again and again, it looks at its timers again and again.
        let now = loop {
            let due = |told: &Told| if let Told::Heard(now, Event::Due) = told { Some(*now) } else { None };
            if let Some(now) = puppet.ping().iter().find_map(due) {
                break now;
            }
        };
        assert!((deadline..deadline + LATE_MAX).contains(&now), "after {ms} ms: {deadline:?} {now:?}");
    }
    puppet.stop();
    finish(running);
}

#[test]
fn each_due_takes_one_turn() {
    let (running, [puppet]) = run(OPTIONS, [Habits { tick_ms: Some(5), ..Habits::default() }]);
    let mut former = due(&puppet);
    for _ in 0..40 {
        let now = due(&puppet);
        assert!(now >= former + Duration::from_millis(5), "too early");
        former = now;
    }
    puppet.stop();
    let turns = finish(running).turns;
    // Since the last tick that was looked at, others may have come.
    let ticks = 41 + puppet.rest().len() as u64;
    assert!(turns <= ticks + 10, "{turns} turns for {ticks} ticks");
}

#[test]
fn a_reactor_without_work_waits() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    let (_, address) = puppet.listen();
    let mut clients = [client(address), client(address), client(address)];
    let conns = [(); 3].map(|()| puppet.opened());
    // Bytes that are not to be read, a client that does not read, and a client that says nothing.
    puppet.order(Order::Reading(conns[0], false));
    puppet.ping();
    clients[0].write_all(b"unread").expect("the kernel takes it");
    puppet.order(Order::Send(conns[1], vec![b'x'; 4 * 1024 * 1024]));
    puppet.order(Order::WantWrite(conns[1]));
    puppet.order(Order::WakeAfterMs(1_500));
    due(&puppet);
    puppet.stop();
    drop(clients);
    let turns = finish(running).turns;
    assert!(turns < 100, "{turns} turns");
}

#[test]
fn wall_time_and_interfaces_are_told_at_the_start_and_not_again() {
    let before = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let (running, [first, second]) =
        run(OPTIONS, [Habits { tick_ms: Some(10), ..Habits::default() }, Habits::default()]);
    for puppet in [&first, &second] {
        let Told::Heard(_, Event::Wall(wall)) = puppet.next() else { panic!("the wall time comes first") };
        assert!(u128::from(wall.0) >= before, "{wall}");
        let Told::Heard(_, Event::Interfaces(addresses)) = puppet.next() else { panic!("then the interfaces") };
        assert!(addresses.iter().any(|one| one.address.is_loopback()), "{addresses:?}");
        assert!(addresses.is_sorted(), "their order says nothing");
    }
    for _ in 0..20 {
        due(&first);
    }
    first.stop();
    second.stop();
    finish(running);
    assert!(!second.rest().iter().any(|told| matches!(told, Told::Heard(_, Event::Wall(_)))));
}

#[test]
fn a_command_from_within_a_notice_is_handled_at_once() {
    let (running, [puppet]) = run_nodes(
        OPTIONS,
        [|| {
            let (mut node, told) = node(Habits::default(), Kept::default());
            let mut on_notice = node.on_notice;
            node.on_notice = Box::new(move |notice, control| {
                // The last thing that happens in a turn.
                if matches!(notice, Told::Heard(_, Event::Writable { .. })) {
                    control.command(Order::Ping);
                }
                on_notice(notice, control);
            });
            (node, told)
        }],
    );
    let (_, address) = puppet.listen();
    let client = client(address);
    let conn = puppet.opened();
    let start = Instant::now();
    for _ in 0..20 {
        puppet.order(Order::WantWrite(conn));
        while puppet.next() != Told::Pong {}
    }
    assert!(start.elapsed() < Duration::from_secs(2), "it waited for its next look at the interfaces");
    drop(client);
    puppet.stop();
    finish(running);
}

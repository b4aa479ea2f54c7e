//! How soon a tracker with many accounts is back.

use std::time::{Duration, Instant};

use papo_proto::wire::tracker::FromTracker;

use super::{by_form, is_long, tell};
use crate::support::{crowd, raw::Raw, tracker::Tracker};

/// The promise, with a hundred thousand accounts, an optimised tracker and nothing else to do.
const BACK_WITHIN: Duration = Duration::from_secs(1);

#[test]
fn a_killed_tracker_with_many_accounts_is_soon_back_for_all_of_them() {
    let (accounts, rooms) = by_form((10_000, 100), (100_000, 5_000));
    let mut tracker = Tracker::start_on(crowd::data(accounts, rooms));
    let mut times = Vec::new();
    for round in 0..by_form(2, 10) {
        // Something that was confirmed in the journal alone, and work that the kill interrupts.
        let who = round * 37 % accounts;
        let mut client = Raw::connect(tracker.address, who).expect("it listens");
        let welcome = client.log_in_by_key(crowd::name(who).as_str()).expect("it answers");
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
        let room = format!("of-round-{round}");
        let made = client.create(&room).expect("it answers");
        assert!(matches!(made, FromTracker::Done { .. }), "{made:?}");
        tracker.process.kill();
        let since = Instant::now();
        tracker.restart();
        let listens = since.elapsed();
        let mut client = Raw::connect(tracker.address, who).expect("it listens");
        let welcome = client.log_in_by_key(crowd::name(who).as_str()).expect("it answers");
        let serves = since.elapsed();
        assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
        assert!(client.rooms().expect("it answers").contains_key(&room), "{room} is lost");
        times.push((serves, listens));
    }
    assert!(tracker.counters().contains(&format!("users {accounts}, ")), "{}", tracker.counters());
    times.sort_unstable();
    let (serves, listens) = times[times.len() / 2];
    let (slowest, _) = times[times.len() - 1];
    tell(format_args!(
        "a tracker with {accounts} accounts and {rooms} rooms, killed: listens {} ms after its start, and the first is \
         logged in after {} ms (medians; {} ms at most)",
        listens.as_millis(),
        serves.as_millis(),
        slowest.as_millis()
    ));
    assert!(!is_long() || serves <= BACK_WITHIN, "it took {serves:?}; are the programs optimised (--release)?");
}

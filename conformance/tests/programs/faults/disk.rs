//! A disk that fills up, and a limit of file sizes: a program that can keep no more says so and ends.

use std::{ffi::OsStr, process::Command, sync::Arc};

use papo_proto::wire::tracker::FromTracker;

use super::{by_form, tell};
use crate::{
    conversation::{heard, ids_once},
    support::{
        disk::SmallDisk,
        papo::{Options, Papo, in_a_room, is, text},
        process::Process,
        programs,
        raw::Raw,
        tracker::{self, Tracker},
    },
};

/// A small disk.
const DISK: usize = 4 * 1024 * 1024;
/// What is on it beside a program's data, and taken away in the end: so it is full soon.
const BALLAST: usize = DISK - 600 * 1024;
/// The account of these tests.
const WHO: (&str, u32) = ("ana", 1);

/// Makes rooms until the tracker is gone; how many were confirmed.
fn make_rooms(tracker: &Tracker) -> usize {
    let mut client = Raw::connect(tracker.address, WHO.1).expect("it listens");
    let welcome = client.register(WHO.0, "pw").expect("there is room for one account");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "{welcome:?}");
    let made = |number: &usize| matches!(client.create(&format!("room-{number}")), Ok(FromTracker::Done { .. }));
    let rooms = (0..).take_while(made).count();
    assert!(rooms > 0, "some were made before the disk was full");
    rooms
}

/// It has ended by itself, as a failure, with one sentence, which has `parts` in it.
#[track_caller]
fn assert_ended_saying(process: &mut Process, parts: &[&dyn AsRef<OsStr>]) {
    assert_eq!(process.wait_code(), 1, "{}", process.story());
    let said = process.stderr.with(|lines| lines.last().cloned().unwrap_or_default());
    for part in parts {
        assert!(said.contains(&*part.as_ref().to_string_lossy()), "{said}");
    }
}

/// The account and every room that was confirmed are there; one that was asked for last may be, too.
#[track_caller]
fn assert_kept(tracker: &Tracker, rooms: usize) {
    let mut client = Raw::connect(tracker.address, WHO.1).expect("it listens");
    let welcome = client.log_in_by_key(WHO.0).expect("it answers");
    assert!(matches!(welcome, FromTracker::Welcome { .. }), "the account is lost: {welcome:?}");
    let kept = client.rooms().expect("it lists them");
    (0..rooms).for_each(|number| assert!(kept.contains_key(&format!("room-{number}")), "{number} of {rooms} is lost"));
    assert!(kept.len() <= rooms + 1, "{} of {rooms}", kept.len());
    let made = client.create("afterwards").expect("it answers");
    assert!(matches!(made, FromTracker::Done { .. }), "{made:?}");
}

#[test]
fn a_tracker_whose_disk_is_full_ends_with_a_sentence_and_loses_nothing() {
    for _ in 0..by_form(1, 10) {
        SmallDisk::with(DISK, |disk| {
            disk.load(BALLAST);
            let mut tracker = Tracker::start_on(Arc::clone(&disk.dir));
            let rooms = make_rooms(&tracker);
            let database = tracker.data().join("tracker.sqlite");
            assert_ended_saying(&mut tracker.process, &[&"the disk of ", &database, &" is full: make room there"]);

            // While there is no room it cannot serve, and says so, or serves those who change nothing; also when it has
            // to begin without what SQLite keeps beside its database.
            disk.fill();
            for file in ["tracker.sqlite-shm", "none"] {
                let _ = std::fs::remove_file(disk.dir.path().join(file));
                disk.fill();
                let mut full = Process::start(&mut tracker::command(disk.dir.path(), "127.0.0.1:0"));
                let listens = full.stdout.wait(crate::support::BOUND, |lines| (!lines.is_empty()).then_some(()));
                if listens.is_none() {
                    // Whatever it could not do first: the file is named, and nobody is told that it is damaged.
                    assert_ended_saying(&mut full, &[&database]);
                    assert!(!full.story().contains("damaged"), "{}", full.story());
                }
            }
            disk.make_room();
            tracker.restart();
            assert_kept(&tracker, rooms);
            tell(format_args!("a tracker filled its disk: {rooms} rooms confirmed, all kept"));
        });
    }
}

#[test]
fn a_tracker_whose_recording_fills_its_disk_ends_with_a_sentence_and_loses_nothing() {
    SmallDisk::with(DISK, |disk| {
        // What it records is less than what it keeps.
        disk.load(DISK - 200 * 1024);
        let recording = disk.dir.path().join("recording");
        let mut tracker = Tracker::start_with(&[&"--record", &recording]);
        let rooms = make_rooms(&tracker);
        assert_ended_saying(&mut tracker.process, &[&"the recording ", &recording, &" has filled its disk: make room"]);
        // It is good as far as it goes.
        let replayed = Command::new(programs::conformance()).arg("replay").arg(&recording).output().expect("it starts");
        assert!(replayed.status.success(), "{}", String::from_utf8_lossy(&replayed.stderr));
        let mut again = Tracker::start_on(tracker.shared_data());
        assert_kept(&again, rooms);
        assert_eq!(again.terminate(), 0);
    });
}

/// Someone on a small disk and someone elsewhere, in a room.
#[track_caller]
fn two_in_a_room(tracker: &Tracker, disk: &SmallDisk) -> [Papo; 2] {
    in_a_room([Options::registering("ana", tracker).on(&disk.dir).log_in(), Papo::registered("bia", tracker)])
}

/// A line of some kilobytes.
fn long_line(number: usize) -> String {
    format!("{number} {}", "x".repeat(4_000))
}

#[test]
fn a_peer_that_talks_its_disk_full_ends_with_a_sentence_and_loses_nothing() {
    SmallDisk::with(DISK, |disk| {
        disk.load(BALLAST);
        let tracker = Tracker::start();
        let [mut ana, bia] = two_in_a_room(&tracker, disk);
        // What it says, one line after the other, so that its input is never written to after its end.
        let said = |papo: &mut Papo, number: usize| {
            papo.line(&long_line(number));
            let one_more = |lines: &[String]| {
                (lines.iter().filter(|line| line.contains("\"event\":\"said\"")).count() > number).then_some(())
            };
            papo.process.stdout.wait(crate::support::BOUND, one_more).is_some()
        };
        let count = (0..).take_while(|&number| said(&mut ana, number)).count();
        let database = ana.data().join("peer.sqlite");
        assert_ended_saying(&mut ana.process, &[&"the disk of ", &database, &" is full: make room there"]);
        disk.make_room();
        let mut again = ana.options().by_key().log_in();
        again.wait_linked("bia");
        again.line("/chat #sala");
        again.line("at last");
        bia.wait_message("at last");
        let lines = (0..count).map(long_line).collect::<Vec<_>>();
        let heard_by_bia = heard(&bia.events(), "ana");
        ids_once(&bia.events());
        // What was not confirmed may have been kept all the same: one line at most.
        let (confirmed, rest) = heard_by_bia.split_at_checked(count).expect("what was confirmed arrives");
        assert_eq!(confirmed, lines);
        assert!(rest == ["at last"] || rest == [long_line(count), "at last".to_owned()], "{rest:?}");
        tell(format_args!("a peer talked its disk full: {count} lines confirmed, none lost"));
    });
}

#[test]
fn a_peer_that_hears_more_than_its_disk_takes_acknowledges_nothing_that_it_could_not_keep() {
    SmallDisk::with(DISK, |disk| {
        disk.load(BALLAST);
        let tracker = Tracker::start();
        let [mut ana, mut bia] = two_in_a_room(&tracker, disk);
        let lines = (0..150).map(long_line).collect::<Vec<_>>();
        lines.iter().for_each(|line| bia.line(line));
        bia.wait_for_all("said", lines.len(), |_| true);
        let database = ana.data().join("peer.sqlite");
        assert_ended_saying(&mut ana.process, &[&"the disk of ", &database, &" is full: make room there"]);
        let delivered = bia.events().iter().filter(|event| is(event, "delivered")).count();
        assert!(delivered < lines.len(), "the disk was full before the end");
        disk.make_room();
        let again = ana.options().by_key().log_in();
        assert_heard_over_both_lives(&ana, &again, &lines);
        bia.wait_for_all("delivered", lines.len(), |event| text(event, "to") == "ana");
        tell(format_args!(
            "a peer whose disk was full had acknowledged {delivered} of {} lines, all kept",
            lines.len()
        ));
    });
}

/// In its two lives together, ana has seen these lines of bia's, once each and in order.
#[track_caller]
fn assert_heard_over_both_lives(before: &Papo, after: &Papo, lines: &[String]) {
    after.wait_message(lines.last().expect("some"));
    let [mut all, mut later] = [before, after].map(|life| heard(&life.events(), "bia"));
    ids_once(&after.events());
    // What was shown in the very moment of its end may be shown once more.
    if all.last() == later.first() {
        later.remove(0);
    }
    all.append(&mut later);
    assert_eq!(all, lines);
}

#[test]
fn a_peer_whose_recording_fills_its_disk_ends_with_a_sentence_and_loses_nothing() {
    SmallDisk::with(DISK, |disk| {
        disk.load(BALLAST);
        let tracker = Tracker::start();
        let recording = disk.dir.path().join("recording");
        let mut ana = Options::registering("ana", &tracker).with(&["--record", &recording.to_string_lossy()]).log_in();
        let mut bia = Papo::registered("bia", &tracker);
        ana.create("sala");
        bia.join("sala");
        bia.line("/chat #sala");
        let lines = (0..150).map(long_line).collect::<Vec<_>>();
        lines.iter().for_each(|line| bia.line(line));
        assert_ended_saying(&mut ana.process, &[&"the recording ", &recording, &" has filled its disk: make room"]);
        let again = Options::new("ana").tracker(&tracker.spec()).on(&ana.shared_data()).log_in();
        assert_heard_over_both_lives(&ana, &again, &lines);
    });
}

#[test]
fn a_tracker_that_may_write_no_more_ends_with_a_sentence_and_loses_nothing() {
    // In blocks of 512 bytes; the signal that comes with it is ignored, and the write fails instead.
    let data = tempfile::tempdir().expect("a temporary directory");
    let mut tracker = Tracker::start_limited(data, "trap '' XFSZ && ulimit -f 1000");
    let rooms = make_rooms(&tracker);
    let database = tracker.data().join("tracker.sqlite");
    assert_ended_saying(&mut tracker.process, &[&"the database ", &database, &" cannot be used: disk I/O error"]);
    tracker.restart();
    assert_kept(&tracker, rooms);
}

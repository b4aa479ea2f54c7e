//! What a stage does with what it is given, and with what somebody else does to it meanwhile.

use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink},
    path::{Path, PathBuf},
};

use papo_proto::{
    disk::{Answer, Ask, BLOCK_BYTES_MAX, DiskError, NOTE_BYTES_MAX},
    machine::FileId,
};

use super::{
    Failed, answered,
    beneath::Means,
    fixture::{Fixture, directory, executable, file, places, with_all_means},
    lanes::Files,
};

const STAGE: &str = "received/.papo-in1";

#[test]
fn a_tree_comes_to_be_with_its_empty_parts_and_the_permissions_of_ordinary_files() {
    with_all_means(|mut disk| {
        let entries = vec![
            directory("bin"),
            executable("bin/run", 3),
            file("bin/none", 0),
            directory("empty"),
            directory("empty/too"),
            file("last", 4),
            executable("z", 0),
        ];
        let (stage, note) = disk.open_stage(entries).expect("it is made");
        assert_eq!(note, b"");
        assert_eq!(fs::metadata(disk.path(STAGE)).expect("it is there").mode() & 0o777, 0o700);
        disk.write(stage, 0, b"run").expect("there is room");
        disk.write(stage, 3, b"last").expect("there is room");
        disk.sync(stage).expect("it can be");
        assert_eq!(disk.publish(stage, "tree"), Ok("tree".to_owned()));
        assert_eq!(disk.received("tree/bin/run"), b"run");
        assert_eq!(disk.received("tree/last"), b"last");
        assert_eq!((disk.received("tree/bin/none"), disk.received("tree/z")), (vec![], vec![]));
        assert_eq!(disk.names("received/tree/empty/too"), [""; 0]);
        // As this user makes files.
        File::create(disk.path("ordinary")).expect("it is made");
        fs::create_dir(disk.path("directory")).expect("it is made");
        let mode = |name: &str| fs::metadata(disk.path(name)).expect("it is there").mode() & 0o777;
        let (ordinary, open) = (mode("ordinary"), mode("directory"));
        assert_eq!((mode("received/tree/last"), mode("received/tree/bin/none")), (ordinary, ordinary));
        assert_eq!((mode("received/tree/bin/run"), mode("received/tree/z")), (open, open));
        assert_eq!((mode("received/tree/bin"), mode("received/tree"), mode("received")), (open, open, open & 0o755));
        assert_eq!(disk.discard(), Ok(Answer::Done));
        assert_eq!(disk.names("received"), ["tree"]);
    });
}

#[test]
fn nothing_at_all_can_be_published_as_a_file_and_as_a_tree() {
    with_all_means(|mut disk| {
        for (entries, name) in [(vec![file("", 0)], "file"), (vec![], "tree"), (vec![directory("a")], "trees")] {
            let (stage, _) = disk.open_stage(entries).expect("it is made");
            assert_eq!(disk.publish(stage, name), Ok(name.to_owned()));
            disk.discard().expect("it can be");
        }
        assert_eq!(disk.received("file"), b"");
        assert_eq!((disk.names("received/tree"), disk.names("received/trees")), (vec![], vec!["a".to_owned()]));
    });
}

#[test]
fn a_stage_whose_process_ended_is_found_as_it_was_and_goes_on() {
    with_all_means(|mut disk| {
        let entries = || vec![directory("d"), file("d/a", 5), file("d/b", 0), file("d/c", 5), file("d/d", 5)];
        let (stage, _) = disk.open_stage(entries()).expect("it is made");
        disk.write(stage, 0, b"aaaaacc").expect("there is room");
        disk.restart();
        let (stage, note) = disk.open_stage(entries()).expect("it is there");
        assert_eq!(note, b"7");
        // From before what was noted, and on.
        disk.write(stage, 4, b"accccc").expect("there is room");
        disk.write(stage, 10, b"ddddd").expect("there is room");
        disk.restart();
        let (stage, note) = disk.open_stage(entries()).expect("it is there");
        assert_eq!(note, b"15");
        disk.sync(stage).expect("it can be");
        assert_eq!(disk.publish(stage, "t"), Ok("t".to_owned()));
        let received = ["a", "b", "c", "d"].map(|name| disk.received(&format!("t/d/{name}")));
        assert_eq!(received, [&b"aaaaa"[..], b"", b"ccccc", b"ddddd"]);
    });
}

#[test]
fn after_a_loss_of_power_the_note_of_the_last_sync_counts() {
    with_all_means(|mut disk| {
        let open = |disk: &mut Fixture| disk.open_stage(vec![file("", 100)]).expect("it is there");
        let (stage, _) = open(&mut disk);
        disk.write(stage, 0, &[0; 10]).expect("there is room");
        disk.lose_power();
        let (stage, note) = open(&mut disk);
        assert_eq!(note, b"", "nothing was synced");
        disk.write(stage, 0, &[1; 20]).expect("there is room");
        disk.sync(stage).expect("it can be");
        disk.write(stage, 20, &[2; 20]).expect("there is room");
        disk.restart();
        let (_, note) = open(&mut disk);
        assert_eq!(note, b"40", "the system is still the same");
        disk.lose_power();
        let (_, note) = open(&mut disk);
        assert_eq!(note, b"20");
        disk.restart();
        let (stage, note) = open(&mut disk);
        assert_eq!(note, b"20", "still");
        disk.write(stage, 20, &[3; 10]).expect("there is room");
        disk.restart();
        let (stage, note) = open(&mut disk);
        assert_eq!(note, b"30");
        // What another process has written is synced, too.
        disk.sync(stage).expect("it can be");
        disk.lose_power();
        let (stage, note) = open(&mut disk);
        assert_eq!(note, b"30");
        disk.write(stage, 30, &[4; 70]).expect("there is room");
        disk.publish(stage, "x").expect("it is whole");
        let expected = [vec![1; 20], vec![3; 10], vec![4; 70]].concat();
        assert_eq!(disk.received("x"), expected);
    });
}

#[test]
fn what_was_published_before_anybody_heard_of_it_is_not_published_twice() {
    with_all_means(|mut disk| {
        for entries in [vec![file("", 3)], vec![file("a", 3)]] {
            let tree = !entries[0].path.is_empty();
            let (stage, _) = disk.open_stage(entries.clone()).expect("it is made");
            disk.write(stage, 0, b"abc").expect("there is room");
            fs::write(disk.path("received/x"), "taken").expect("it is ours");
            assert_eq!(disk.publish(stage, "x"), Ok("x (1)".to_owned()));
            // It has another name and another time by now; what it is has not changed.
            for power in [false, true] {
                if power {
                    disk.lose_power()
                } else {
                    disk.restart()
                }
                let (stage, note) = disk.open_stage(entries.clone()).expect("it is there");
                assert_eq!(note, b"3", "power lost: {power}");
                assert_eq!(disk.write(stage, 0, b"a"), Err(DiskError::Tampered), "it is not here any more");
                disk.sync(stage).expect("there is nothing to do");
                assert_eq!(disk.publish(stage, "x"), Ok("x (1)".to_owned()));
            }
            if !tree {
                // The other way to give it a name was only half done.
                fs::hard_link(disk.path("received/x (1)"), disk.path(STAGE).join("content")).expect("it is made");
                let (stage, _) = disk.open_stage(entries.clone()).expect("it is there");
                assert_eq!(disk.publish(stage, "x"), Ok("x (1)".to_owned()));
                assert_eq!(fs::metadata(disk.path("received/x (1)")).expect("it is there").nlink(), 1);
            }
            disk.discard().expect("it can be");
            assert_eq!(disk.names("received"), ["x", "x (1)"]);
            fs::rename(disk.path("received/x (1)"), disk.path(if tree { "tree" } else { "file" })).expect("it is ours");
        }
        assert_eq!(fs::read(disk.path("file")).expect("it is there"), b"abc");
        assert_eq!(fs::read(disk.path("tree/a")).expect("it is there"), b"abc");
    });
}

#[test]
fn a_stage_that_could_not_be_published_stays_and_can_be_later() {
    with_all_means(|mut disk| {
        let (stage, _) = disk.open_stage(vec![file("", 3)]).expect("it is made");
        disk.write(stage, 0, b"ab").expect("there is room");
        assert_eq!(disk.publish(stage, "x"), Err(DiskError::Tampered), "it is not whole");
        assert_eq!(disk.sync(stage), Err(DiskError::Tampered), "it is closed");
        for name in ["", ".", "..", "a/b", "/a", "a\0b", ".papo-in1"] {
            let (stage, note) = disk.open_stage(vec![file("", 3)]).expect("it is there");
            disk.write(stage, 2, b"c").expect("there is room");
            assert_eq!(note.len(), 1);
            assert_eq!(disk.publish(stage, name), Err(DiskError::Tampered), "{name:?}");
        }
        assert_eq!(disk.names("received"), [".papo-in1"]);
        let (stage, _) = disk.open_stage(vec![file("", 3)]).expect("it is there");
        assert_eq!(disk.publish(stage, "x"), Ok("x".to_owned()));
        assert_eq!(disk.received("x"), b"abc");
    });
}

#[test]
fn what_is_asked_against_the_rules_is_refused_and_touches_nothing() {
    with_all_means(|mut disk| {
        for entries in [vec![file("../x", 1)], vec![file("/x", 1)], vec![file("a/b", 1)], vec![directory("")]] {
            assert_eq!(disk.open_stage(entries), Err(DiskError::Tampered));
        }
        let ids = [1001, 1002, 1003].map(FileId);
        for key in ["", "A", "a-b", "../x", "a/b", "é", &"a".repeat(129)] {
            for ask in [
                Ask::OpenStage { file: ids[0], key: key.to_owned(), entries: vec![] },
                Ask::OpenSource { file: ids[1], path: "/".to_owned(), entries: vec![], key: key.to_owned() },
                Ask::Discard { key: key.to_owned() },
            ] {
                assert_eq!(disk.ask(ask), Err(DiskError::Tampered), "{key:?}");
            }
        }
        for ask in [Ask::Sync { file: ids[0] }, Ask::Read { file: ids[1], offset: 0, bytes: 0 }] {
            assert_eq!(disk.ask(ask), Err(DiskError::Tampered));
        }
        assert_eq!(disk.names(""), [""; 0], "nothing came to be");
        let key = "a".repeat(128);
        disk.ask(Ask::OpenStage { file: ids[2], key, entries: vec![] }).expect("it is as long as can be");
    });
}

#[test]
fn a_write_that_is_too_long_or_leaves_a_gap_is_refused() {
    with_all_means(|mut disk| {
        let size = 3 * BLOCK_BYTES_MAX as u64;
        let (stage, _) = disk.open_stage(vec![file("", size)]).expect("it is made");
        let write = |offset: u64, bytes: usize, note: usize| Ask::Write {
            file: stage,
            offset,
            bytes: vec![0; bytes],
            note: vec![0; note],
        };
        assert_eq!(disk.ask(write(0, BLOCK_BYTES_MAX + 1, 0)), Err(DiskError::TooMany));
        assert_eq!(disk.ask(write(0, 1, NOTE_BYTES_MAX + 1)), Err(DiskError::TooMany));
        assert_eq!(disk.ask(write(1, 1, 0)), Err(DiskError::Tampered), "there is nothing before it");
        assert_eq!(disk.ask(write(0, BLOCK_BYTES_MAX, NOTE_BYTES_MAX)), Ok(Answer::Written { block: Vec::new() }));
        assert_eq!(disk.ask(write(size - 1, 1, 0)), Err(DiskError::Tampered));
        assert_eq!(disk.ask(write(size - 1, 2, 0)), Err(DiskError::TooMany));
        assert_eq!(disk.ask(write(u64::MAX, 1, 0)), Err(DiskError::TooMany));
        assert_eq!(fs::metadata(disk.path(STAGE).join("content")).expect("it is there").len(), BLOCK_BYTES_MAX as u64);
    });
}

#[test]
fn what_is_discarded_is_gone_open_or_not() {
    with_all_means(|mut disk| {
        assert_eq!(disk.discard(), Ok(Answer::Done), "there is not even a directory");
        let entries = || vec![directory("a"), directory("a/b"), file("a/b/c", 1)];
        let (stage, _) = disk.open_stage(entries()).expect("it is made");
        disk.write(stage, 0, b"c").expect("there is room");
        symlink(disk.path("received"), disk.path(STAGE).join("content/a/up")).expect("it is made");
        fs::write(disk.path("received/mine"), "mine").expect("it is ours");
        assert_eq!(disk.discard(), Ok(Answer::Done));
        assert_eq!(disk.names("received"), ["mine"], "what a link leads to stays");
        assert_eq!(disk.write(stage, 0, b"c"), Err(DiskError::Tampered));
        let (stage, note) = disk.open_stage(entries()).expect("it is made anew");
        assert_eq!(note, b"");
        disk.write(stage, 0, b"c").expect("there is room");
        disk.restart();
        assert_eq!((disk.discard(), disk.discard()), (Ok(Answer::Done), Ok(Answer::Done)));
        assert_eq!(disk.names("received"), ["mine"]);
    });
}

/// What stands in the place of something of a stage.
type Plant = fn(outside: &Path, place: &Path);

const PLANTS: [(&str, Plant); 5] = [
    ("a link to a file", |outside, place| symlink(outside.join("file"), place).expect("it is made")),
    ("a link to nothing", |outside, place| symlink(outside.join("new"), place).expect("it is made")),
    ("a link to a directory", |outside, place| symlink(outside, place).expect("it is made")),
    ("a second name", |outside, place| fs::hard_link(outside.join("file"), place).expect("it is made")),
    ("a pipe", |_, place| {
        rustix::fs::mknodat(rustix::fs::CWD, place, rustix::fs::FileType::Fifo, 0o600.into(), 0).expect("it is made");
    }),
];

/// Plants each thing in a place of a stage, whose process ended or did not, and asks for the rest to be received.
#[track_caller]
fn check_planted(place: &str, reopened: bool) {
    for (what, plant) in PLANTS {
        with_all_means(|mut disk| {
            let outside = disk.path("outside");
            fs::create_dir(&outside).expect("it is made");
            fs::write(outside.join("file"), "out").expect("it is written");
            let entries = || vec![directory("d"), file("d/a", 3), file("d/b", 3), directory("e"), file("e/c", 3)];
            let (mut stage, _) = disk.open_stage(entries()).expect("it is made");
            disk.write(stage, 0, b"aa").expect("there is room");
            let path = disk.path(STAGE).join("content").join(place);
            if reopened {
                disk.restart();
            }
            if path.is_dir() {
                fs::rename(&path, disk.path("moved away")).expect("it is ours");
            } else if path.exists() {
                fs::remove_file(&path).expect("it is ours");
            }
            plant(&outside, &path);
            let result = (|| {
                if reopened {
                    stage = disk.open_stage(entries())?.0;
                }
                disk.write(stage, 2, b"abbbccc")?;
                disk.publish(stage, "x")
            })();
            assert_eq!(result, Err(DiskError::Tampered), "{what} at {place}");
            assert_eq!(disk.names("outside"), ["file"], "{what} at {place}");
            assert_eq!(fs::read(outside.join("file")).expect("it is there"), b"out", "{what} at {place}");
            assert_eq!(disk.names("received"), [".papo-in1"]);
            disk.discard().expect("it can be");
            assert_eq!((disk.names("received").len(), disk.names("outside").len()), (0, 1));
        });
    }
}

#[test]
fn what_is_planted_where_something_will_be_leads_nowhere() {
    for reopened in [false, true] {
        check_planted("d/b", reopened);
        check_planted("e", reopened);
    }
}

#[test]
fn what_is_swapped_in_for_something_that_was_made_leads_nowhere() {
    for reopened in [false, true] {
        check_planted("d", reopened);
        check_planted("d/a", reopened);
    }
}

#[test]
fn what_stands_for_the_content_or_for_the_stage_or_its_notes_is_not_used() {
    for place in ["content", "", "note", "synced", "published"] {
        for (what, plant) in PLANTS {
            with_all_means(|mut disk| {
                let outside = disk.path("outside");
                fs::create_dir_all(disk.path(STAGE)).expect("it is made");
                fs::create_dir(&outside).expect("it is made");
                fs::write(outside.join("file"), "out").expect("it is written");
                let path = disk.path(STAGE).join(place);
                if place.is_empty() {
                    fs::remove_dir(&path).expect("it is empty");
                }
                plant(&outside, path.components().as_path());
                let opened = disk.open_stage(vec![file("a", 1)]);
                assert_eq!(opened, Err(DiskError::Tampered), "{what} as {place:?}");
                assert_eq!(disk.names("outside"), ["file"]);
                assert_eq!(fs::read(outside.join("file")).expect("it is there"), b"out");
            });
        }
    }
}

#[test]
fn a_single_file_that_was_swapped_is_not_written() {
    for (what, plant) in PLANTS {
        with_all_means(|mut disk| {
            let outside = disk.path("outside");
            fs::create_dir(&outside).expect("it is made");
            fs::write(outside.join("file"), "out").expect("it is written");
            let (stage, _) = disk.open_stage(vec![file("", 6)]).expect("it is made");
            disk.write(stage, 0, b"abc").expect("there is room");
            disk.restart();
            let content = disk.path(STAGE).join("content");
            fs::remove_file(&content).expect("it is ours");
            plant(&outside, &content);
            let (stage, _) = disk.open_stage(vec![file("", 6)]).expect("its notes are there");
            assert_eq!(disk.write(stage, 3, b"def"), Err(DiskError::Tampered), "{what}");
            assert_eq!(disk.publish(stage, "x"), Err(DiskError::Tampered), "{what}");
            assert_eq!(disk.names("outside"), ["file"]);
            assert_eq!(fs::read(outside.join("file")).expect("it is there"), b"out");
        });
    }
}

#[test]
fn a_part_that_is_missing_or_cut_or_too_long_is_noticed_when_a_stage_is_opened_again() {
    let spoils: [fn(&Path); 3] = [
        |path| fs::remove_file(path).expect("it is ours"),
        |path| fs::write(path, "aa").expect("it is ours"),
        |path| fs::write(path, "aaaa").expect("it is ours"),
    ];
    for spoil in spoils {
        with_all_means(|mut disk| {
            let entries = || vec![file("a", 3), file("b", 3)];
            let (stage, _) = disk.open_stage(entries()).expect("it is made");
            disk.write(stage, 0, b"aaab").expect("there is room");
            disk.restart();
            spoil(&disk.path(STAGE).join("content/a"));
            let (stage, note) = disk.open_stage(entries()).expect("its notes are there");
            assert_eq!(note, b"4");
            assert_eq!(disk.write(stage, 4, b"bb"), Err(DiskError::Tampered));
            assert_eq!(disk.publish(stage, "x"), Err(DiskError::Tampered));
        });
    }
}

#[test]
fn a_link_on_the_way_to_the_received_files_is_followed_at_the_start_and_not_later() {
    let targets: [fn(&Fixture) -> PathBuf; 2] = [|disk| disk.path("outside"), |_| "outside".into()];
    for target in targets {
        with_all_means(|disk| check_swapped_way(disk, target));
    }
}

fn check_swapped_way(disk: Fixture, target: fn(&Fixture) -> PathBuf) {
    let (means, outside) = (disk.places.means, disk.path("outside"));
    fs::create_dir(&outside).expect("it is made");
    // The person's own link.
    fs::create_dir(disk.path("elsewhere")).expect("it is made");
    symlink(disk.path("elsewhere"), disk.path("received")).expect("it is made");
    let mut disk = Fixture::over(disk.temp, means);
    let (stage, _) = disk.open_stage(vec![file("", 1)]).expect("it is followed");
    disk.write(stage, 0, b"a").expect("there is room");
    assert_eq!(disk.publish(stage, "x"), Ok("x".to_owned()));
    disk.discard().expect("it can be");
    // Whoever swaps a directory for a link while a stage is open, and then another is opened.
    let (stage, _) = disk.open_stage(vec![file("", 1)]).expect("it is made");
    fs::rename(disk.path("elsewhere"), disk.path("moved")).expect("it is ours");
    symlink(target(&disk), disk.path("elsewhere")).expect("it is made");
    disk.write(stage, 0, b"b").expect("the stage is where it was");
    disk.publish(stage, "y").expect("and so are the received files");
    assert_eq!(disk.names("moved"), [".papo-in1", "x", "y"]);
    assert_eq!(disk.open_stage(vec![file("", 1)]), Err(DiskError::Denied));
    assert!(disk.discard().is_err());
    assert_eq!(disk.names("outside"), [""; 0]);
}

#[test]
fn the_received_files_need_a_directory() {
    with_all_means(|mut disk| {
        fs::write(disk.path("received"), "a file").expect("it is written");
        assert_eq!(disk.open_stage(vec![file("", 1)]), Err(DiskError::Denied));
        assert_eq!(fs::read(disk.path("received")).expect("it is there"), b"a file");
    });
}

#[test]
fn a_stage_is_of_one_program_at_a_time_and_open_to_nobody_else() {
    with_all_means(|mut disk| {
        let (_, note) = disk.open_stage(vec![file("", 1)]).expect("it is made");
        assert_eq!(note, b"");
        let other = places(disk.temp.path(), disk.places.means);
        let ask = || Ask::OpenStage { file: FileId(1), key: "in1".to_owned(), entries: vec![file("", 1)] };
        let mut files = Files::new();
        let mut open = || answered(&mut files, ask(), |files, ask| other.answer(files, ask));
        assert_eq!(open(), Err(DiskError::Denied));
        disk.restart();
        fs::set_permissions(disk.path(STAGE), fs::Permissions::from_mode(0o777)).expect("it is ours");
        open().expect("it is free");
        assert_eq!(fs::metadata(disk.path(STAGE)).expect("it is there").mode() & 0o777, 0o700);
    });
}

#[test]
fn the_room_is_told_and_nothing_is_made_for_it() {
    with_all_means(|mut disk| {
        let means = disk.places.means;
        disk.places = places(&disk.path("not/there/yet"), means);
        assert!(matches!(disk.ask(Ask::Space), Ok(Answer::Space { free: 1.. })));
        assert_eq!(disk.names(""), [""; 0]);
        let (stage, _) = disk.open_stage(vec![file("", 0)]).expect("everything on the way is made");
        disk.places.shown = disk.path("received");
        assert_eq!(disk.publish(stage, "x"), Ok("x".to_owned()));
        assert_eq!(disk.names("not/there/yet/received"), [".papo-in1", "x"]);
        assert!(matches!(disk.ask(Ask::Space), Ok(Answer::Space { free: 1.. })));
    });
}

#[test]
fn work_that_panics_is_answered_and_closes_what_it_was_about() {
    let mut disk = Fixture::new(Means::Best);
    let (stage, _) = disk.open_stage(vec![file("", 1)]).expect("it is made");
    assert_eq!(disk.ask_with(Ask::Sync { file: stage }, |_, _| panic!("as a test")), Err(DiskError::Other));
    assert_eq!(disk.sync(stage), Err(DiskError::Tampered));
    let ask = |disk: &mut Fixture, errno| disk.ask_with(Ask::Space, move |_, _| Err(Failed::System(errno)));
    assert_eq!(ask(&mut disk, rustix::io::Errno::NOSPC), Err(DiskError::Full));
    assert_eq!(ask(&mut disk, rustix::io::Errno::DQUOT), Err(DiskError::Full));
    assert_eq!(ask(&mut disk, rustix::io::Errno::ROFS), Err(DiskError::Denied));
    assert_eq!(ask(&mut disk, rustix::io::Errno::IO), Err(DiskError::Other));
}

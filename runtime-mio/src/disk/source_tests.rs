//! What a scan finds, and what a source reads or refuses to.

use std::{
    ffi::OsStr,
    fs::{self, File},
    os::unix::{
        ffi::OsStrExt as _,
        fs::{PermissionsExt as _, symlink},
    },
    path::Path,
    thread,
};

use papo_proto::{
    disk::{Answer, Ask, BLOCK_BYTES_MAX, DiskError, NOTE_BYTES_MAX, SKIPPED_NAMED_MAX, Scan, Skipped},
    wire::transfer::EntryKind,
};
use rustix::fs::{CWD, FileType};

use super::fixture::{Fixture, directory, executable, file, with_all_means};

fn pipe(path: &Path) {
    rustix::fs::mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).expect("it is made");
}

fn paths(scan: &Scan) -> Vec<&str> {
    scan.entries.iter().map(|(entry, _)| entry.path.as_str()).collect()
}

#[test]
fn a_file_is_one_entry_and_a_directory_all_that_is_in_it_in_one_order() {
    with_all_means(|mut disk| {
        fs::write(disk.path("file.txt"), "abc").expect("it is written");
        let scan = disk.scan("file.txt").expect("it is there");
        assert_eq!((scan.name.as_str(), scan.tree), ("file.txt", false));
        assert_eq!(scan.entries[0].0, file("", 3));
        for path in ["t/b/d", "t/b.c", "t/a", "t/é"] {
            fs::create_dir_all(disk.path(path)).expect("it is made");
        }
        for path in ["t/b/z", "t/b/d/e", "t/.hidden", "t/a b\n"] {
            fs::write(disk.path(path), path).expect("it is written");
        }
        fs::set_permissions(disk.path("t/b/z"), fs::Permissions::from_mode(0o744)).expect("it is ours");
        fs::set_permissions(disk.path("t/b/d/e"), fs::Permissions::from_mode(0o655)).expect("it is ours");
        let scan = disk.scan("t").expect("it is there");
        assert_eq!((scan.name.as_str(), scan.tree, &scan.skipped), ("t", true, &Skipped::default()));
        let entries = scan.entries.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>();
        let expected = [
            file(".hidden", 9),
            directory("a"),
            file("a b\n", 6),
            directory("b"),
            directory("b/d"),
            file("b/d/e", 7),
            executable("b/z", 5),
            directory("b.c"),
            directory("é"),
        ];
        assert_eq!(entries, expected);
        assert_eq!(disk.scan("t"), Ok(scan), "the same again");
        // What is not received yet is not sent.
        disk.open_stage(vec![file("", 1)]).expect("it is made");
        let scan = disk.scan("received").expect("it is there");
        assert_eq!((paths(&scan), &*scan.skipped.named), (vec![], &[".papo-in1".to_owned()][..]));
    });
}

#[test]
fn links_special_files_and_names_that_are_no_text_are_named_and_not_followed() {
    with_all_means(|mut disk| {
        fs::create_dir_all(disk.path("t/d")).expect("it is made");
        fs::write(disk.path("outside"), "outside").expect("it is written");
        symlink("../../outside", disk.path("t/d/link")).expect("it is made");
        symlink("..", disk.path("t/loop")).expect("it is made");
        symlink("nowhere", disk.path("t/nowhere")).expect("it is made");
        pipe(&disk.path("t/pipe"));
        File::create(disk.path("t").join(OsStr::from_bytes(b"no\xfftext"))).expect("it is made");
        let scan = disk.scan("t").expect("it is there");
        assert_eq!(paths(&scan), ["d"]);
        let mut skipped = scan.skipped;
        skipped.named.sort();
        assert_eq!(skipped.named, ["d/link", "loop", "nowhere", "no\u{fffd}text", "pipe"]);
        assert_eq!(skipped.count, 5);
        for number in 0..SKIPPED_NAMED_MAX {
            symlink("x", disk.path(&format!("t/d/{number}"))).expect("it is made");
        }
        let skipped = disk.scan("t").expect("it is there").skipped;
        assert_eq!((skipped.count, skipped.named.len()), (5 + SKIPPED_NAMED_MAX as u64, SKIPPED_NAMED_MAX));
        // What the person names itself.
        assert_eq!(disk.scan("t/loop"), Err(DiskError::NotAFile));
        assert_eq!(disk.scan("t/pipe"), Err(DiskError::NotAFile));
        assert_eq!(disk.scan("t/none"), Err(DiskError::NotFound));
        assert_eq!(disk.scan("outside/x"), Err(DiskError::NotAFile));
        assert_eq!(disk.scan("t/.."), Err(DiskError::NotAFile));
        for path in ["/", "", "relative"] {
            let ask = Ask::Scan { path: path.to_owned(), entries_max: 10, paths_bytes_max: 100 };
            assert_eq!(disk.ask(ask), Err(DiskError::NotAFile), "{path:?}");
        }
        // On the way to it links are the person's own.
        symlink("t", disk.path("way")).expect("it is made");
        assert_eq!(disk.scan("way/d").map(|scan| scan.name), Ok("d".to_owned()));
    });
}

#[test]
fn what_may_not_be_read_is_told_before_it_is_sent() {
    with_all_means(|mut disk| {
        for path in ["t/closed", "t/open"] {
            fs::create_dir_all(disk.path(path)).expect("it is made");
        }
        for path in ["t/closed/in it", "t/mine", "t/read"] {
            fs::write(disk.path(path), "x").expect("it is written");
        }
        for (path, mode) in [("", 0o755), ("t/closed", 0o000), ("t/mine", 0o000)] {
            fs::set_permissions(disk.path(path), fs::Permissions::from_mode(mode)).expect("it is ours");
        }
        let scans = thread::scope(|scope| {
            let scans = scope.spawn(|| {
                if rustix::process::geteuid().is_root() {
                    // To whom nothing is closed. Of this thread alone.
                    let nobody = rustix::thread::Uid::from_raw(65534);
                    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).expect("root may");
                }
                ["t", "t/mine", "t/closed", "t/closed/in it"].map(|path| disk.scan(path))
            });
            scans.join().expect("it does not panic")
        });
        let [tree, file, directory, inside] = scans;
        let tree = tree.expect("the rest can be read");
        assert_eq!(paths(&tree), ["open", "read"]);
        assert_eq!((tree.skipped.count, tree.skipped.named), (2, vec!["mine".to_owned(), "closed".to_owned()]));
        assert_eq!([file, directory, inside], [const { Err(DiskError::Denied) }; 3]);
        fs::set_permissions(disk.path("t/closed"), fs::Permissions::from_mode(0o700)).expect("it is ours");
    });
}

#[test]
fn a_scan_ends_at_its_bounds() {
    with_all_means(|mut disk| {
        fs::create_dir_all(disk.path("t/aa")).expect("it is made");
        for path in ["t/aa/b", "t/c"] {
            fs::write(disk.path(path), "x").expect("it is written");
        }
        assert_eq!(disk.scan_bounded("t", 3, 7).map(|scan| scan.entries.len()), Ok(3));
        assert_eq!(disk.scan_bounded("t", 2, 7), Err(DiskError::TooMany));
        assert_eq!(disk.scan_bounded("t", 3, 6), Err(DiskError::TooMany));
        assert_eq!(disk.scan_bounded("t/c", 1, 0).map(|scan| scan.entries.len()), Ok(1));
        assert_eq!(disk.scan_bounded("t/c", 0, 0), Err(DiskError::TooMany));
        disk.places.stopped = true.into();
        assert_eq!(disk.scan("t"), Err(DiskError::Other), "nobody waits for it any more");
    });
}

#[test]
fn a_deep_tree_is_scanned_and_read() {
    with_all_means(|mut disk| {
        let deep = vec!["d"; 300].join("/");
        fs::create_dir_all(disk.path("t").join(&deep)).expect("it is made");
        fs::write(disk.path("t").join(&deep).join("f"), "deep").expect("it is written");
        let scan = disk.scan_bounded("t", 2000, 2_000_000).expect("it is there");
        assert_eq!(scan.entries.len(), 301);
        let (source, _) = disk.open_source("t", scan.entries).expect("it is as it was");
        assert_eq!(disk.read(source, 0, 4), Ok(b"deep".to_vec()));
    });
}

#[test]
fn a_source_is_read_in_any_order_and_no_further_than_it_goes() {
    with_all_means(|mut disk| {
        let long = (0..2 * BLOCK_BYTES_MAX).map(|at| (at % 253) as u8).collect::<Vec<_>>();
        fs::create_dir_all(disk.path("t/d")).expect("it is made");
        fs::write(disk.path("t/a"), "abc").expect("it is written");
        fs::write(disk.path("t/d/none"), "").expect("it is written");
        fs::write(disk.path("t/d/long"), &long).expect("it is written");
        fs::write(disk.path("t/z"), "xyz").expect("it is written");
        let all = [b"abc", &*long, b"xyz"].concat();
        let source = disk.scanned_source("t");
        for (offset, bytes) in [(5, 10), (0, BLOCK_BYTES_MAX), (2, 2), (0, 0), (all.len() - 4, 4), (all.len(), 0)] {
            let read = disk.read(source, offset as u64, bytes).expect("it can be");
            assert!(read == all[offset..offset + bytes], "{bytes} at {offset}");
        }
        assert_eq!(disk.read(source, 0, BLOCK_BYTES_MAX + 1), Err(DiskError::TooMany));
        assert_eq!(disk.read(source, all.len() as u64, 1), Err(DiskError::TooMany));
        assert_eq!(disk.read(source, u64::MAX, 1), Err(DiskError::TooMany));
    });
}

/// Does something to `t/a`, which has "abc" in it.
type Change = fn(&Path);

const CHANGES: [(&str, Change); 8] = [
    ("longer", |path| fs::write(path, "abcd").expect("it is ours")),
    ("shorter", |path| fs::write(path, "ab").expect("it is ours")),
    ("rewritten", |path| {
        let later = fs::metadata(path).and_then(|metadata| metadata.modified()).expect("it is there");
        fs::write(path, "xyz").expect("it is ours");
        let file = File::options().write(true).open(path).expect("it is ours");
        file.set_modified(later + std::time::Duration::from_nanos(1)).expect("it is ours");
    }),
    ("replaced", |path| {
        let modified = fs::metadata(path).and_then(|metadata| metadata.modified()).expect("it is there");
        let new = path.with_extension("new");
        fs::write(&new, "xyz").expect("it is ours");
        File::options().write(true).open(&new).and_then(|file| file.set_modified(modified)).expect("it is ours");
        fs::rename(new, path).expect("it is ours");
    }),
    ("gone", |path| fs::remove_file(path).expect("it is ours")),
    ("a link", |path| {
        fs::rename(path, path.with_extension("away")).expect("it is ours");
        symlink("a.away", path).expect("it is made");
    }),
    ("a pipe", |path| {
        fs::remove_file(path).expect("it is ours");
        pipe(path);
    }),
    ("a directory", |path| {
        fs::remove_file(path).expect("it is ours");
        fs::create_dir(path).expect("it is made");
    }),
];

#[test]
fn a_file_that_changed_since_the_scan_is_noticed_when_it_is_opened() {
    for (what, change) in CHANGES {
        with_all_means(|mut disk| {
            fs::create_dir(disk.path("t")).expect("it is made");
            fs::write(disk.path("t/a"), "abc").expect("it is written");
            fs::write(disk.path("t/b"), "b").expect("it is written");
            let [tree, single] = ["t", "t/a"].map(|name| disk.scan(name).expect("it is there").entries);
            change(&disk.path("t/a"));
            let (source, _) = disk.open_source("t", tree).expect("it is still a directory");
            assert_eq!(disk.read(source, 0, 1), Err(DiskError::Changed), "{what}");
            assert_eq!(disk.read(source, 3, 1), Ok(b"b".to_vec()), "another file is as it was");
            assert_eq!(disk.open_source("t/a", single).map(drop), Err(DiskError::Changed), "{what}");
        });
    }
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed_at_its_end() {
    for (what, change) in &CHANGES[..3] {
        with_all_means(|mut disk| {
            fs::create_dir(disk.path("t")).expect("it is made");
            for name in ["t", "t/a"] {
                fs::write(disk.path("t/a"), "abc").expect("it is written");
                let source = disk.scanned_source(name);
                assert_eq!(disk.read(source, 0, 1), Ok(b"a".to_vec()));
                change(&disk.path("t/a"));
                assert_eq!(disk.read(source, 1, 2), Err(DiskError::Changed), "{what}");
            }
        });
    }
}

#[test]
fn an_empty_file_that_is_not_empty_any_more_is_noticed_in_passing() {
    with_all_means(|mut disk| {
        fs::create_dir(disk.path("t")).expect("it is made");
        fs::write(disk.path("t/a"), "a").expect("it is written");
        fs::write(disk.path("t/b"), "").expect("it is written");
        fs::write(disk.path("t/c"), "c").expect("it is written");
        let source = disk.scanned_source("t");
        fs::write(disk.path("t/b"), "b").expect("it is ours");
        assert_eq!(disk.read(source, 0, 1), Ok(b"a".to_vec()));
        assert_eq!(disk.read(source, 1, 1), Err(DiskError::Changed));
    });
}

#[test]
fn a_directory_swapped_for_a_link_is_not_read_through() {
    with_all_means(|mut disk| {
        fs::create_dir_all(disk.path("t/d")).expect("it is made");
        fs::write(disk.path("t/d/a"), "abc").expect("it is written");
        let scan = disk.scan("t").expect("it is there");
        // The very same files, by another way.
        for (moved, target) in [("moved", "../moved"), ("t/moved", "moved")] {
            fs::rename(disk.path("t/d"), disk.path(moved)).expect("it is ours");
            symlink(target, disk.path("t/d")).expect("it is made");
            let (source, _) = disk.open_source("t", scan.entries.clone()).expect("it is still a directory");
            assert_eq!(disk.read(source, 0, 3), Err(DiskError::Changed), "{target}");
            fs::remove_file(disk.path("t/d")).expect("it is ours");
            fs::rename(disk.path(moved), disk.path("t/d")).expect("it is ours");
            assert_eq!(disk.read(source, 0, 3), Ok(b"abc".to_vec()), "it is as it was");
        }
        fs::rename(disk.path("t"), disk.path("tree")).expect("it is ours");
        symlink("tree", disk.path("t")).expect("it is made");
        assert_eq!(disk.open_source("t", scan.entries).map(drop), Err(DiskError::Changed));
    });
}

#[test]
fn the_note_of_a_source_outlives_the_process_and_is_dropped_with_its_key() {
    with_all_means(|mut disk| {
        fs::write(disk.path("f"), "abc").expect("it is written");
        let entries = disk.scan("f").expect("it is there").entries;
        let open = |disk: &mut Fixture| disk.open_source("f", entries.clone()).expect("it is as it was");
        let (source, note) = open(&mut disk);
        assert_eq!((note.len(), disk.path("notes").exists()), (0, false), "nothing is kept before there is a need");
        for note in [vec![1; NOTE_BYTES_MAX], vec![2], vec![]] {
            assert_eq!(disk.ask(Ask::Note { file: source, note }), Ok(Answer::Done));
        }
        let note = vec![3; NOTE_BYTES_MAX + 1];
        assert_eq!(disk.ask(Ask::Note { file: source, note }), Err(DiskError::TooMany));
        assert_eq!(disk.ask(Ask::Note { file: source, note: vec![4] }), Ok(Answer::Done));
        disk.restart();
        assert_eq!(open(&mut disk).1, [4]);
        disk.lose_power();
        let (source, note) = open(&mut disk);
        assert_eq!(note, [4], "it speaks of a file that is as it was");
        assert_eq!(disk.ask(Ask::Discard { key: "out1".to_owned() }), Ok(Answer::Done));
        assert_eq!(disk.read(source, 0, 1), Err(DiskError::Tampered));
        assert_eq!((open(&mut disk).1, disk.names("notes")), (vec![], vec![]));
    });
}

#[test]
fn entries_that_were_never_scanned_are_refused() {
    with_all_means(|mut disk| {
        fs::write(disk.path("secret"), "secret").expect("it is written");
        fs::create_dir(disk.path("t")).expect("it is made");
        let stamp = disk.scan("secret").expect("it is there").entries[0].1;
        for path in ["../secret", "/etc/passwd", "a/../../secret"] {
            assert_eq!(disk.open_source("t", vec![(file(path, 6), stamp)]).map(drop), Err(DiskError::Tampered));
        }
        let sized = |size| vec![(file("", size), stamp)];
        let (source, _) = disk.open_source("secret", sized(7)).expect("its stamp is right");
        assert_eq!(disk.read(source, 0, 7), Err(DiskError::Changed), "it is not that long");
        assert!(matches!(sized(1)[0].0.kind, EntryKind::File { size: 1, .. }));
    });
}

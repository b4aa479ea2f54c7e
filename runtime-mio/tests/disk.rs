//! Real files behind a machine: what it asks of its disk is answered once, in order, and never on the reactor's thread.

mod puppet;

use std::{
    fs,
    path::{Path, PathBuf},
    thread,
};

use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};
use papo_proto::{
    disk::{Answer, Ask, BLOCK_BYTES_MAX, DiskError, Scan, Stamp},
    machine::FileId,
    wire::transfer::{Entry, EntryKind},
};
use papo_runtime_mio::Disk;
use puppet::{Habits, Kept, OPTIONS, Order, Puppet, Running, finish, node, run, run_nodes};
use tempfile::TempDir;

/// Put in by the puppet.
const ANY: FileId = FileId(0);
const WRITTEN: Result<Answer, DiskError> = Ok(Answer::Written { block: Vec::new() });

/// A machine with a disk in a directory of its own.
struct Fixture {
    temp: TempDir,
    puppet: Puppet,
    running: Running,
}

impl Fixture {
    fn new() -> Self {
        Self::over(tempfile::tempdir().expect("a temporary directory"))
    }

    fn over(temp: TempDir) -> Self {
        let disk = Disk { received: temp.path().join("received"), notes: temp.path().join("notes") };
        let (running, [puppet]) = run_nodes(
            OPTIONS,
            [move || {
                let (mut node, told) = node(Habits::default(), Kept::default());
                node.disk = Some(disk);
                (node, told)
            }],
        );
        Self { temp, puppet, running }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    #[track_caller]
    fn scan(&self, path: &Path) -> Scan {
        let path = path.to_str().expect("it is text").to_owned();
        match self.puppet.ask(Ask::Scan { path, entries_max: 1000, paths_bytes_max: 100_000 }) {
            Ok(Answer::Scanned(scan)) => scan,
            other => panic!("{other:?}"),
        }
    }

    /// Opens something and returns its id and its note.
    #[track_caller]
    fn open(&self, ask: Ask) -> (FileId, Vec<u8>) {
        self.puppet.order(Order::Disk(ask));
        let file = FileId(self.puppet.minted());
        match self.puppet.answer() {
            Ok(Answer::Opened { note }) => (file, note),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    fn open_source(&self, path: &Path, entries: Vec<(Entry, Stamp)>) -> (FileId, Vec<u8>) {
        let path = path.to_str().expect("it is text").to_owned();
        self.open(Ask::OpenSource { file: ANY, path, entries, key: "out1".to_owned() })
    }

    #[track_caller]
    fn open_stage(&self, entries: Vec<Entry>) -> (FileId, Vec<u8>) {
        self.open(Ask::OpenStage { file: ANY, key: "in1".to_owned(), entries })
    }

    fn stop(self) {
        self.puppet.stop();
        finish(self.running);
    }
}

fn file(path: &str, size: u64) -> Entry {
    Entry { path: path.to_owned(), kind: EntryKind::File { size, executable: false } }
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8).collect()
}

#[test]
fn a_directory_is_scanned_read_staged_and_published_as_it_was() {
    let fixture = Fixture::new();
    let source = fixture.path("source");
    fs::create_dir_all(source.join("deep/er")).expect("it is made");
    fs::create_dir(source.join("empty")).expect("it is made");
    fs::write(source.join("deep/er/big"), pattern(3 * BLOCK_BYTES_MAX + 1)).expect("it is written");
    fs::write(source.join("deep/none"), "").expect("it is written");
    fs::write(source.join("small"), "small").expect("it is written");
    let scan = fixture.scan(&source);
    assert_eq!((scan.name.as_str(), scan.tree, scan.entries.len()), ("source", true, 6));
    let entries = scan.entries.iter().map(|(entry, _)| entry.clone()).collect::<Vec<_>>();
    let (from, note) = fixture.open_source(&source, scan.entries);
    assert_eq!(note, b"");
    let (to, note) = fixture.open_stage(entries);
    assert_eq!(note, b"");
    let total = 3 * BLOCK_BYTES_MAX + 1 + 5;
    for offset in (0..total).step_by(BLOCK_BYTES_MAX) {
        let bytes = BLOCK_BYTES_MAX.min(total - offset);
        let offset = offset as u64;
        let Ok(Answer::Read(bytes)) = fixture.puppet.ask(Ask::Read { file: from, offset, bytes }) else {
            panic!("it can be read");
        };
        let note = offset.to_be_bytes().to_vec();
        assert_eq!(fixture.puppet.ask(Ask::Write { file: to, offset, bytes, note }), WRITTEN);
    }
    assert_eq!(fixture.puppet.ask(Ask::Sync { file: to }), Ok(Answer::Done));
    assert!(!fixture.path("received/source").exists(), "it has no name yet");
    let path = fixture.path("received/source").to_str().expect("it is text").to_owned();
    let published = fixture.puppet.ask(Ask::Publish { file: to, name: "source".to_owned() });
    assert_eq!(published, Ok(Answer::Published { path }));
    let received = fixture.path("received/source");
    assert_eq!(fs::read(received.join("deep/er/big")).expect("it is there"), pattern(3 * BLOCK_BYTES_MAX + 1));
    assert_eq!(fs::read(received.join("deep/none")).expect("it is there"), b"");
    assert_eq!(fs::read(received.join("small")).expect("it is there"), b"small");
    assert!(received.join("empty").is_dir());
    assert_eq!(fixture.puppet.ask(Ask::Discard { key: "in1".to_owned() }), Ok(Answer::Done));
    let left = fs::read_dir(fixture.path("received")).expect("it is there").count();
    assert_eq!(left, 1, "the stage is gone");
    fixture.puppet.order(Order::CloseFile(from));
    fixture.stop();
}

#[test]
fn what_is_asked_of_one_thing_is_answered_in_order() {
    let fixture = Fixture::new();
    let (file, _) = fixture.open_stage(vec![file("", 1000)]);
    let write = |offset: u8| Ask::Write { file, offset: offset.into(), bytes: vec![offset], note: vec![offset] };
    let mut orders = (0..100).map(|offset| Order::Disk(write(offset))).collect::<Vec<_>>();
    orders.push(Order::Disk(Ask::Publish { file, name: "x".to_owned() }));
    orders.push(Order::Disk(Ask::Space));
    fixture.puppet.order(Order::All(orders));
    let mut answers = (0..102).map(|_| fixture.puppet.answer()).collect::<Vec<_>>();
    // How much room there is depends on nothing else.
    let space = answers.iter().position(|answer| matches!(answer, Ok(Answer::Space { .. }))).expect("it is answered");
    let _ = answers.remove(space);
    assert_eq!(answers.pop(), Some(Err(DiskError::Tampered)), "the stream is not whole");
    assert!(answers.iter().all(|answer| *answer == WRITTEN));
    // Closed by publishing, whatever the answer; the stage stays.
    let (again, note) = fixture.open_stage(vec![self::file("", 1000)]);
    assert_eq!((note, again != file), (vec![99], true));
    fixture.stop();
}

#[test]
fn what_was_asked_is_done_before_the_reactor_ends() {
    let fixture = Fixture::new();
    let (file, _) = fixture.open_stage(vec![self::file("", 100)]);
    let write = |offset: u8| Ask::Write { file, offset: offset.into(), bytes: vec![offset], note: vec![offset] };
    let mut orders = (0..100).map(|offset| Order::Disk(write(offset))).collect::<Vec<_>>();
    orders.push(Order::Disk(Ask::Publish { file, name: "x".to_owned() }));
    orders.push(Order::Stop);
    fixture.puppet.order(Order::All(orders));
    let Fixture { temp, running, .. } = fixture;
    finish(running);
    let expected = (0..100).collect::<Vec<u8>>();
    assert_eq!(fs::read(temp.path().join("received/x")).expect("it is published"), expected);
}

#[test]
fn a_machine_without_a_disk_is_denied_everything() {
    let (running, [puppet]) = run(OPTIONS, [Habits::default()]);
    assert_eq!(puppet.ask(Ask::Space), Err(DiskError::Denied));
    puppet.stop();
    finish(running);
}

#[test]
fn an_id_that_is_not_open_is_nothing() {
    let fixture = Fixture::new();
    for ask in [
        Ask::Read { file: FileId(77), offset: 0, bytes: 0 },
        Ask::Sync { file: FileId(77) },
        Ask::Publish { file: FileId(77), name: "x".to_owned() },
    ] {
        assert_eq!(fixture.puppet.ask(ask), Err(DiskError::Tampered));
    }
    let (file, _) = fixture.open_stage(vec![self::file("", 1)]);
    fixture.puppet.order(Order::CloseFile(file));
    assert_eq!(fixture.puppet.ask(Ask::Sync { file }), Err(DiskError::Tampered));
    fixture.stop();
}

/// Runs a test in a file system of 4 MiB of its own: a mount namespace is a thread's, and that of those that it starts.
fn with_small_disk(test: impl FnOnce(Fixture) + Send) {
    const NONE: Option<&str> = None;
    let temp = tempfile::tempdir().expect("a temporary directory");
    let mounted = || {
        unshare(CloneFlags::CLONE_NEWNS)?;
        // Nothing that is mounted here is seen outside.
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
        mount(Some("tmpfs"), temp.path(), Some("tmpfs"), MsFlags::empty(), Some("size=4m"))
    };
    thread::scope(|scope| {
        let inside = scope.spawn(|| match mounted() {
            Ok(()) => test(Fixture::over(tempfile::tempdir_in(temp.path()).expect("there is room"))),
            Err(error) => eprintln!("SKIPPED: no small disk can be mounted here ({error}): it takes root"),
        });
        inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
}

fn room(fixture: &Fixture) -> u64 {
    match fixture.puppet.ask(Ask::Space) {
        Ok(Answer::Space { free }) => free,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_file_that_does_not_fit_is_noticed_before_it_has_come() {
    with_small_disk(|fixture| {
        let before = room(&fixture);
        assert!((3 << 20..=4 << 20).contains(&before), "{before}");
        let write = |file| Ask::Write { file, offset: 0, bytes: vec![1; BLOCK_BYTES_MAX], note: vec![] };
        let (stage, _) = fixture.open_stage(vec![file("", 5 << 20)]);
        assert_eq!(fixture.puppet.ask(write(stage)), Err(DiskError::Full));
        assert_eq!(fixture.puppet.ask(Ask::Discard { key: "in1".to_owned() }), Ok(Answer::Done));
        assert!(room(&fixture) > before - (64 << 10), "its room is free again");
        let (stage, _) = fixture.open_stage(vec![file("", BLOCK_BYTES_MAX as u64)]);
        assert_eq!(fixture.puppet.ask(write(stage)), WRITTEN);
        assert!(fixture.puppet.ask(Ask::Publish { file: stage, name: "x".to_owned() }).is_ok());
        fixture.stop();
    });
}

#[test]
fn a_disk_that_fills_up_ends_one_stage_and_no_other() {
    with_small_disk(|fixture| {
        let open = |key: &str, entries| fixture.open(Ask::OpenStage { file: ANY, key: key.to_owned(), entries }).0;
        let (whole, many) = (
            open("whole", vec![file("", 1000)]),
            open("many", (0..1000).map(|number| file(&format!("{number}"), 8000)).collect()),
        );
        let write = |file, offset, bytes| Ask::Write { file, offset, bytes: vec![1; bytes], note: vec![1] };
        assert_eq!(fixture.puppet.ask(write(whole, 0, 1000)), WRITTEN);
        let mut written = 0;
        let error = loop {
            match fixture.puppet.ask(write(many, written, BLOCK_BYTES_MAX)) {
                Ok(_) => written += BLOCK_BYTES_MAX as u64,
                Err(error) => break error,
            }
        };
        assert_eq!((error, (1 << 20..4 << 20).contains(&written)), (DiskError::Full, true), "{written}");
        assert!(fixture.puppet.ask(Ask::Publish { file: many, name: "many".to_owned() }).is_err());
        assert!(!fixture.path("received/many").exists());
        assert_eq!(fixture.puppet.ask(Ask::Discard { key: "many".to_owned() }), Ok(Answer::Done));
        assert!(fixture.puppet.ask(Ask::Publish { file: whole, name: "whole".to_owned() }).is_ok());
        assert_eq!(fs::read(fixture.path("received/whole")).expect("it is there"), [1; 1000]);
        fixture.stop();
    });
}

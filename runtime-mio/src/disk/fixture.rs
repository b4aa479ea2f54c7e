//! A disk without its threads, for tests: it is asked and answers.

use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
};

use papo_proto::{
    disk::{Answer, Ask, DiskError, Scan, Stamp},
    machine::FileId,
    wire::transfer::{Entry, EntryKind},
};
use tempfile::TempDir;

use super::{Disk, Failed, Open, Places, answered, beneath::Means, lanes::Files};

/// What a program has open, over what is in a directory.
pub(super) struct Fixture {
    pub(super) temp: TempDir,
    pub(super) places: Places,
    files: Files<Open>,
    opened: u64,
}

/// Runs a test with both means.
pub(super) fn with_all_means(test: impl Fn(Fixture)) {
    for means in [Means::Best, Means::Portable] {
        let passed = catch_unwind(AssertUnwindSafe(|| test(Fixture::new(means))));
        assert!(passed.is_ok(), "it fails with {means:?}");
    }
}

impl Fixture {
    pub(super) fn new(means: Means) -> Self {
        let temp = tempfile::tempdir().expect("a temporary directory");
        Self::over(temp, means)
    }

    pub(super) fn over(temp: TempDir, means: Means) -> Self {
        let places = places(temp.path(), means);
        Self { temp, places, files: Files::new(), opened: 0 }
    }

    /// The process ends at once, and another begins.
    pub(super) fn restart(&mut self) {
        self.files.clear();
    }

    /// The power is lost: what was not synced may be as it was, which is the harder case.
    pub(super) fn lose_power(&mut self) {
        self.restart();
        self.places.boot.push(b'+');
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    pub(super) fn ask(&mut self, ask: Ask) -> Result<Answer, DiskError> {
        answered(&mut self.files, ask, |files, ask| self.places.answer(files, ask))
    }

    /// Asks of work that is not the disk's.
    pub(super) fn ask_with(
        &mut self,
        ask: Ask,
        work: impl FnOnce(&mut Files<Open>, Ask) -> Result<Answer, Failed>,
    ) -> Result<Answer, DiskError> {
        answered(&mut self.files, ask, work)
    }

    pub(super) fn scan(&mut self, name: &str) -> Result<Scan, DiskError> {
        self.scan_bounded(name, 1000, 100_000)
    }

    pub(super) fn scan_bounded(
        &mut self,
        name: &str,
        entries_max: usize,
        paths_bytes_max: usize,
    ) -> Result<Scan, DiskError> {
        let path = text(&self.path(name));
        match self.ask(Ask::Scan { path, entries_max, paths_bytes_max })? {
            Answer::Scanned(scan) => Ok(scan),
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn open_source(
        &mut self,
        name: &str,
        entries: Vec<(Entry, Stamp)>,
    ) -> Result<(FileId, Vec<u8>), DiskError> {
        let file = self.next_id();
        let path = text(&self.path(name));
        self.open(file, Ask::OpenSource { file, path, entries, key: "out1".to_owned() })
    }

    pub(super) fn open_stage(&mut self, entries: Vec<Entry>) -> Result<(FileId, Vec<u8>), DiskError> {
        let file = self.next_id();
        self.open(file, Ask::OpenStage { file, key: "in1".to_owned(), entries })
    }

    pub(super) fn next_id(&mut self) -> FileId {
        self.opened += 1;
        FileId(self.opened)
    }

    fn open(&mut self, file: FileId, ask: Ask) -> Result<(FileId, Vec<u8>), DiskError> {
        match self.ask(ask)? {
            Answer::Opened { note } => Ok((file, note)),
            other => panic!("{other:?}"),
        }
    }

    /// The source of a scan just made.
    #[track_caller]
    pub(super) fn scanned_source(&mut self, name: &str) -> FileId {
        let scan = self.scan(name).expect("it is there");
        self.open_source(name, scan.entries).expect("it is as it was").0
    }

    pub(super) fn read(&mut self, file: FileId, offset: u64, bytes: usize) -> Result<Vec<u8>, DiskError> {
        match self.ask(Ask::Read { file, offset, bytes })? {
            Answer::Read(bytes) => Ok(bytes),
            other => panic!("{other:?}"),
        }
    }

    /// Writes, and notes how far.
    pub(super) fn write(&mut self, file: FileId, offset: u64, bytes: &[u8]) -> Result<Answer, DiskError> {
        let note = (offset + bytes.len() as u64).to_string().into_bytes();
        self.ask(Ask::Write { file, offset, bytes: bytes.to_vec(), note })
    }

    pub(super) fn sync(&mut self, file: FileId) -> Result<Answer, DiskError> {
        self.ask(Ask::Sync { file })
    }

    /// The name that it got.
    pub(super) fn publish(&mut self, file: FileId, name: &str) -> Result<String, DiskError> {
        match self.ask(Ask::Publish { file, name: name.to_owned() })? {
            Answer::Published { path } => {
                let received = format!("{}/", text(&self.path("received")));
                Ok(path.strip_prefix(&received).expect("it is among the received files").to_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn discard(&mut self) -> Result<Answer, DiskError> {
        self.ask(Ask::Discard { key: "in1".to_owned() })
    }

    /// The names in a directory, sorted; none where there is no such directory.
    pub(super) fn names(&self, name: &str) -> Vec<String> {
        let Ok(listing) = fs::read_dir(self.path(name)) else { return vec![] };
        let mut names = listing
            .map(|entry| entry.expect("it is listed").file_name().into_string().expect("it is text"))
            .collect::<Vec<_>>();
        names.sort();
        names
    }

    /// What a received file has in it.
    #[track_caller]
    pub(super) fn received(&self, name: &str) -> Vec<u8> {
        fs::read(self.path("received").join(name)).expect("it is there")
    }
}

/// The places of a program that keeps everything in one directory.
pub(super) fn places(dir: &Path, means: Means) -> Places {
    let disk = Disk { received: dir.join("received"), notes: dir.join("notes") };
    Places::of(disk, b"a boot".to_vec(), means).expect("there is a current directory")
}

pub(super) fn text(path: &Path) -> String {
    path.to_str().expect("it is text").to_owned()
}

pub(super) fn file(path: &str, size: u64) -> Entry {
    Entry { path: path.to_owned(), kind: EntryKind::File { size, executable: false } }
}

pub(super) fn executable(path: &str, size: u64) -> Entry {
    Entry { path: path.to_owned(), kind: EntryKind::File { size, executable: true } }
}

pub(super) fn directory(path: &str) -> Entry {
    Entry { path: path.to_owned(), kind: EntryKind::Directory }
}

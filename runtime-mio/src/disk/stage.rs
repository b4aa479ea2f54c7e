//! A stage: where a stream of entries comes to be, until it is given its name.
//!
//! ```text
//!   received files/.papo-KEY/      for its owner alone
//!       note                       the note of the last write
//!       synced                     the note of the last sync
//!       content                    the file, or the directory with what is in it
//!       published                  the number of the content, before it is moved away
//! ```
//!
//! Files are made where they will be within the content, with the permissions that they will have, and only as their
//! part of the stream is written. What is found when a stage is opened again has to be what was left there: files of
//! this owner and device, without a second name.
//!
//! Invariant: every path is resolved from a descriptor and through no link, so nothing is made outside of the stage.
//! Invariant: a note is written after what it speaks of, and the synced one after that is on the disk.

use std::{collections::BTreeSet, ops::Range};

use papo_proto::{
    disk::{BLOCK_BYTES_MAX, DiskError, NOTE_BYTES_MAX},
    wire::transfer::EntryKind,
};
use rustix::{
    fd::OwnedFd,
    fs::{FallocateFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    Failed,
    beneath::{Dir, Means, kind},
    notes::{Era, NoteFile},
    publish::{Unnamed, find, publish},
    pwrite_all,
    stream::{self, Part, Stream},
};

/// With what the names of stages begin.
const PREFIX: &str = ".papo-";
const CONTENT: &str = "content";
/// A file of this size is given its room at once, so that a full disk shows before the transfer has run for long.
const PREALLOCATED_BYTES_MIN: u64 = 1024 * 1024;
/// More entries than these are not synced one by one.
const SYNCED_SINGLY_MAX: usize = 16;

const PRIVATE: Mode = Mode::RWXU;
/// As the user's mask leaves them.
const ORDINARY: Mode = Mode::from_bits_retain(0o666);
const EXECUTABLE: Mode = Mode::from_bits_retain(0o777);

/// The name of the stage that is kept under a key.
pub(super) fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// An open stage.
#[derive(Debug)]
pub(super) struct Stage {
    received: Dir,
    dir: Dir,
    /// What paths are relative to.
    top: Dir,
    stream: Stream,
    made_by: Maker,
    era: Era,
    note: Vec<u8>,
    notes: NoteFile,
    synced: NoteFile,
    /// Something may be there already.
    reopened: bool,
    /// It was published, and the process ended before anybody heard of it.
    moved: bool,
    /// The directory that was used last.
    parent: Option<(String, Dir)>,
    /// The file that is being written.
    open: Option<(usize, OwnedFd)>,
    /// How far the stream is known to be there.
    written: u64,
    /// Entries before this one are known to be there.
    known: usize,
    /// Entries that may not be on the disk yet.
    dirty: Range<usize>,
    /// A sync failed: what is on the disk is not known any more.
    broken: bool,
}

/// Whose files are where.
#[derive(Debug, PartialEq, Eq)]
struct Maker {
    owner: u32,
    device: String,
}

impl Maker {
    fn of(stat: &Stat) -> Self {
        // The type of a device's number is not the same everywhere.
        Self { owner: stat.st_uid, device: stat.st_dev.to_string() }
    }
}

impl Stage {
    /// Opens or makes the stage of that key.
    pub(super) fn open(received: Dir, key: &str, stream: Stream, boot: &[u8]) -> Result<Self, Failed> {
        let stage = name(key);
        let reopened = !made(rustix::fs::mkdirat(&received, &stage, PRIVATE))?;
        let dir = received.open_dir(&stage)?;
        let stat = rustix::fs::fstat(&dir)?;
        if stat.st_uid != rustix::process::geteuid().as_raw() || !PRIVATE.contains(Mode::from_raw_mode(stat.st_mode)) {
            return Err(DiskError::Tampered.into());
        }
        let era = Era::of(boot, &dir)?;
        let notes = NoteFile::open(&dir, "note", true)?;
        notes.lock()?;
        let synced = NoteFile::open(&dir, "synced", true)?;
        let note = notes.note_of(era).or_else(|| synced.note()).unwrap_or_default().to_vec();
        let moved = is_published(&dir)?.is_some() && matches!(dir.stat(CONTENT), Err(Errno::NOENT));
        let top = if stream.is_one_file() || moved {
            dir.open_dir("")?
        } else {
            made(rustix::fs::mkdirat(&dir, CONTENT, EXECUTABLE))?;
            dir.open_dir(CONTENT)?
        };
        let dirty = 0..if reopened { stream.len() } else { 0 };
        let made_by = Maker::of(&stat);
        let (parent, open, written, known, broken) = (None, None, 0, 0, false);
        Ok(Self {
            received,
            dir,
            top,
            stream,
            made_by,
            era,
            note,
            notes,
            synced,
            reopened,
            moved,
            parent,
            open,
            written,
            known,
            dirty,
            broken,
        })
    }

    /// The note that counts.
    pub(super) fn note(&self) -> &[u8] {
        &self.note
    }

    /// Writes a part of the stream, and then its note.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], note: Vec<u8>) -> Result<(), Failed> {
        if bytes.len() > BLOCK_BYTES_MAX || note.len() > NOTE_BYTES_MAX {
            return Err(DiskError::TooMany.into());
        }
        self.check_usable()?;
        let parts = self.stream.parts(offset, bytes.len())?;
        if offset > self.written {
            self.verify(self.known, offset)?;
            self.written = offset;
        }
        for part in parts {
            self.write_part(&part, &bytes[part.range.clone()])?;
        }
        self.written = self.written.max(offset + bytes.len() as u64);
        self.notes.put(self.era, &note)?;
        self.note = note;
        Ok(())
    }

    /// Puts everything on the disk, and then the note that speaks of it.
    pub(super) fn sync(&mut self) -> Result<(), Failed> {
        if self.moved {
            return Ok(());
        }
        self.check_usable()?;
        if self.dirty.is_empty() && self.synced.note_of(self.era) == Some(&*self.note) {
            return Ok(());
        }
        self.flush().inspect_err(|_| {
            // What the system has dropped it may say no more of: only what was synced before counts from now on.
            self.broken = true;
            let _ = self.notes.clear();
        })
    }

    /// Moves what is whole among the received files, and returns the name that it got there.
    pub(super) fn publish(&mut self, name: &str) -> Result<String, Failed> {
        if !stream::is_name(name) || name.starts_with(PREFIX) {
            return Err(DiskError::Tampered.into());
        }
        let tree = !self.stream.is_one_file();
        let earlier = is_published(&self.dir)?.and_then(|inode| find(&self.received, name, tree, inode));
        let published = if let Some(name) = earlier {
            // It may have two names now, where it was moved by a link.
            self.dir.remove_all(CONTENT.as_ref())?;
            name
        } else {
            self.seal()?;
            publish(Unnamed { dir: &self.dir, as_name: CONTENT, tree }, &self.received, name)?
        };
        rustix::fs::fsync(&self.received)?;
        Ok(published)
    }

    fn check_usable(&self) -> Result<(), DiskError> {
        match (self.broken, self.moved) {
            (true, _) => Err(DiskError::Other),
            (false, true) => Err(DiskError::Tampered),
            (false, false) => Ok(()),
        }
    }

    fn write_part(&mut self, part: &Part, bytes: &[u8]) -> Result<(), Failed> {
        if self.stream.entry(part.index).kind == EntryKind::Directory {
            self.make_directory(part.index)?;
        } else {
            pwrite_all(self.open_file(part.index)?, bytes, part.at)?;
        }
        self.known = self.known.max(part.index + 1);
        Ok(())
    }

    fn make_directory(&mut self, index: usize) -> Result<(), Failed> {
        if index < self.known {
            return Ok(());
        }
        let (dir, name) = self.place(index)?;
        if !made(rustix::fs::mkdirat(dir, name, EXECUTABLE))? {
            let stat = dir.stat(name)?;
            self.check_found(index, &stat)?;
        }
        self.mark_dirty(index);
        Ok(())
    }

    fn open_file(&mut self, index: usize) -> Result<&OwnedFd, Failed> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
            let file = self.make_file(index)?;
            let size = self.stream.size(index);
            if size >= PREALLOCATED_BYTES_MIN {
                preallocate(&file, size)?;
            }
            self.mark_dirty(index);
            self.open = Some((index, file));
        }
        Ok(&self.open.as_ref().expect("it was opened").1)
    }

    fn make_file(&mut self, index: usize) -> Result<OwnedFd, Failed> {
        let executable = matches!(self.stream.entry(index).kind, EntryKind::File { executable: true, .. });
        let mode = if executable { EXECUTABLE } else { ORDINARY };
        let known = index < self.known;
        let (dir, name) = self.place(index)?;
        if !known {
            match dir.open(name, OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL, mode) {
                Err(Errno::EXIST) => {}
                other => return Ok(other?),
            }
        }
        let file = dir.open(name, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty())?;
        self.check_found(index, &rustix::fs::fstat(&file)?)?;
        Ok(file)
    }

    /// What is there already has to be what this made.
    fn check_found(&self, index: usize, stat: &Stat) -> Result<(), DiskError> {
        let as_made = (self.reopened || index < self.known) && Maker::of(stat) == self.made_by;
        let as_meant = match self.stream.entry(index).kind {
            EntryKind::Directory => kind(stat) == FileType::Directory,
            EntryKind::File { size, .. } => {
                let fits = u64::try_from(stat.st_size).is_ok_and(|found| found <= size);
                kind(stat) == FileType::RegularFile && stat.st_nlink == 1 && fits
            }
        };
        if as_made && as_meant { Ok(()) } else { Err(DiskError::Tampered) }
    }

    /// Whether the entries from `first` on are there, and as much of them as is before `offset`.
    fn verify(&mut self, first: usize, offset: u64) -> Result<(), Failed> {
        let last = self.stream.first_at(offset);
        for index in first..last {
            let (dir, name) = self.place(index)?;
            let stat = dir.stat(name)?;
            self.check_found(index, &stat)?;
            let needed = self.stream.size(index).min(offset - self.stream.start(index));
            if self.stream.entry(index).kind != EntryKind::Directory
                && !u64::try_from(stat.st_size).is_ok_and(|found| found >= needed)
            {
                return Err(DiskError::Tampered.into());
            }
        }
        self.known = self.known.max(last);
        Ok(())
    }

    /// The directory that an entry is in, and its name there.
    fn place(&mut self, index: usize) -> Result<(&Dir, &str), Errno> {
        if self.stream.is_one_file() {
            return Ok((&self.dir, CONTENT));
        }
        let (parent, name) = stream::split(&self.stream.entry(index).path);
        if self.parent.as_ref().is_none_or(|(path, _)| path != parent) {
            self.parent = Some((parent.to_owned(), self.top.open_dir(parent)?));
        }
        Ok((&self.parent.as_ref().expect("it was opened").1, name))
    }

    fn mark_dirty(&mut self, index: usize) {
        self.dirty = if self.dirty.is_empty() {
            index..index + 1
        } else {
            self.dirty.start.min(index)..self.dirty.end.max(index + 1)
        };
    }

    fn flush(&mut self) -> Result<(), Failed> {
        if self.dirty.len() > SYNCED_SINGLY_MAX && self.dir.means() == Means::Best {
            self.sync_file_system()?;
        } else {
            self.sync_singly()?;
        }
        if self.synced.note().is_none() {
            // The names of the stage and of what is in it.
            rustix::fs::fsync(&self.dir)?;
            rustix::fs::fsync(&self.received)?;
        }
        self.synced.put(self.era, &self.note)?;
        self.synced.sync()?;
        self.dirty = self.known..self.known;
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn sync_file_system(&mut self) -> Result<(), Errno> {
        rustix::fs::syncfs(&self.dir)
    }

    #[cfg(not(target_os = "linux"))]
    fn sync_file_system(&mut self) -> Result<(), Errno> {
        self.sync_singly()
    }

    fn sync_singly(&mut self) -> Result<(), Errno> {
        let (mut parents, known) = (BTreeSet::new(), self.known);
        for index in self.dirty.clone() {
            if !self.stream.is_one_file() {
                parents.insert(stream::split(&self.stream.entry(index).path).0.to_owned());
            }
            let (dir, name) = match self.place(index) {
                Err(Errno::NOENT) if index >= known => continue,
                other => other?,
            };
            match dir.open(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty()) {
                Err(Errno::NOENT) if index >= known => {}
                file => rustix::fs::fsync(file?)?,
            }
        }
        for parent in parents {
            match self.top.open_dir(&parent) {
                // A directory that has not come to be.
                Err(Errno::NOENT) => {}
                dir => rustix::fs::fsync(dir?)?,
            }
        }
        Ok(())
    }

    /// Makes what has no bytes and is still missing, looks at everything once more, and puts it on the disk.
    fn seal(&mut self) -> Result<(), Failed> {
        self.check_usable()?;
        let total = self.stream.total();
        (self.open, self.parent) = (None, None);
        self.verify(self.known, total)?;
        for part in self.stream.parts(total, 0)? {
            self.write_part(&part, &[])?;
        }
        (self.open, self.parent) = (None, None);
        self.verify(0, total)?;
        let mut published = NoteFile::open(&self.dir, "published", true)?;
        let inode = self.dir.stat(CONTENT)?.st_ino;
        published.put(self.era, &inode.to_be_bytes())?;
        published.sync()?;
        self.sync()
    }
}

/// The number of the content, where it was about to be moved away.
fn is_published(dir: &Dir) -> Result<Option<u64>, Errno> {
    match NoteFile::open(dir, "published", false) {
        Ok(file) => Ok(file.note().and_then(|note| note.try_into().ok()).map(u64::from_be_bytes)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether it was made, or was there already.
fn made(result: Result<(), Errno>) -> Result<bool, Errno> {
    match result {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Takes the room of a file without making it longer, so that its length still says how much of it was written.
fn preallocate(file: &OwnedFd, size: u64) -> Result<(), Errno> {
    loop {
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, size) {
            Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error),
            // Not every file system can.
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}

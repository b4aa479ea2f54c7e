//! What a stage has in it: the file, or the directory with all that is in it, as it comes to be.
//!
//! Entries are made where they will be, with the permissions that they will have, and only as their part of the stream
//! is written. What is found there when a stage is opened again has to be what was left: of the same owner and device,
//! no longer than it should be, and a file without a second name.
//!
//! Invariant: every path is resolved from a descriptor and through no link, so nothing is made outside.

use std::{collections::BTreeSet, ops::Range};

use papo_proto::{disk::DiskError, wire::transfer::EntryKind};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::{
    Failed,
    beneath::{Dir, Means, kind},
    pwrite_all,
    stream::{self, Part, Stream},
    system,
};

/// Its name in the stage.
pub(super) const CONTENT: &str = "content";
/// A file of this size is given its room at once, so that a full disk shows before the transfer has run for long.
const PREALLOCATED_BYTES_MIN: u64 = 1024 * 1024;
/// The disk begins with a long file whenever so much of it was written. Otherwise it would begin with the next sync, and
/// nothing can be written while that waits.
const WRITTEN_OUT_BYTES: u64 = 8 * 1024 * 1024;
/// More entries than these are not synced one by one.
const SYNCED_SINGLY_MAX: usize = 16;

/// As the user's mask leaves them.
const ORDINARY: Mode = Mode::from_bits_retain(0o666);
const EXECUTABLE: Mode = Mode::from_bits_retain(0o777);

/// See the [module](self).
#[derive(Debug)]
pub(super) struct Content {
    /// What paths are relative to: the content where that is a directory, and else what it is in.
    top: Dir,
    stream: Stream,
    left: Left,
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
}

/// What may be there already.
#[derive(Debug)]
pub(super) struct Left {
    /// Whether anything may be.
    pub(super) anything: bool,
    /// A directory and a file with the owner and the device that others have to have. Where file systems lie on one
    /// another, directories and files may seem to be on two.
    pub(super) like: [Stat; 2],
}

impl Content {
    /// Of the stage in `dir`.
    pub(super) fn open(dir: &Dir, stream: Stream, left: Left) -> Result<Self, Errno> {
        let top = if stream.is_one_file() {
            dir.open_dir("")?
        } else {
            make_dir(dir, CONTENT)?;
            dir.open_dir(CONTENT)?
        };
        let dirty = 0..if left.anything { stream.len() } else { 0 };
        Ok(Self { top, stream, left, parent: None, open: None, written: 0, known: 0, dirty })
    }

    /// Writes a part of the stream.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Failed> {
        let parts = self.stream.parts(offset, bytes.len())?;
        if offset > self.written {
            // From the entry on that was written last.
            self.verify(self.stream.first_at(self.written).saturating_sub(1), offset)?;
            self.written = offset;
        }
        for part in parts {
            self.write_part(&part, &bytes[part.range.clone()])?;
        }
        self.written = self.written.max(offset + bytes.len() as u64);
        Ok(())
    }

    /// Makes what has no bytes and is still missing, and looks at everything once more.
    pub(super) fn complete(&mut self) -> Result<(), Failed> {
        let total = self.stream.total();
        (self.open, self.parent) = (None, None);
        self.write(total, &[])?;
        (self.open, self.parent) = (None, None);
        self.verify(0, total)
    }

    /// Puts everything that was written on the disk.
    pub(super) fn sync(&mut self) -> Result<(), Errno> {
        let at_once = self.dirty.len() > SYNCED_SINGLY_MAX && self.top.means() == Means::Best;
        match if at_once { system::sync_file_system(&self.top) } else { Err(Errno::NOSYS) } {
            Err(Errno::NOSYS) => self.sync_singly()?,
            other => other?,
        }
        self.dirty = self.known..self.known;
        Ok(())
    }

    /// Whether everything that was written is on the disk.
    pub(super) fn is_synced(&self) -> bool {
        self.dirty.is_empty()
    }

    fn write_part(&mut self, part: &Part, bytes: &[u8]) -> Result<(), Failed> {
        if self.stream.entry(part.index).kind == EntryKind::Directory {
            self.make_directory(part.index)?;
        } else {
            let file = self.open_file(part.index)?;
            pwrite_all(file, bytes, part.at)?;
            let [first, last] = [part.at, part.at + bytes.len() as u64].map(|at| at / WRITTEN_OUT_BYTES);
            if first < last {
                system::begin_writing_out(file, first * WRITTEN_OUT_BYTES, (last - first) * WRITTEN_OUT_BYTES);
            }
        }
        self.mark_dirty(part.index);
        self.known = self.known.max(part.index + 1);
        Ok(())
    }

    fn make_directory(&mut self, index: usize) -> Result<(), Failed> {
        if index < self.known {
            return Ok(());
        }
        let (dir, name) = self.place(index)?;
        if !make_dir(dir, name)? {
            let stat = dir.stat(name)?;
            self.check_found(index, &stat)?;
        }
        Ok(())
    }

    fn open_file(&mut self, index: usize) -> Result<&OwnedFd, Failed> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
            let file = self.make_file(index)?;
            let size = self.stream.size(index);
            if size >= PREALLOCATED_BYTES_MIN {
                system::preallocate(&file, size)?;
            }
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

    /// What is there already has to be what was made here.
    fn check_found(&self, index: usize, stat: &Stat) -> Result<(), DiskError> {
        let [directory, file] = &self.left.like;
        let (as_meant, like) = match self.stream.entry(index).kind {
            EntryKind::Directory => (kind(stat) == FileType::Directory, directory),
            EntryKind::File { size, .. } => {
                let fits = u64::try_from(stat.st_size).is_ok_and(|found| found <= size);
                (kind(stat) == FileType::RegularFile && stat.st_nlink == 1 && fits, file)
            }
        };
        let as_made = (stat.st_uid, stat.st_dev) == (like.st_uid, like.st_dev);
        let may_be = self.left.anything || index < self.known;
        if as_meant && as_made && may_be { Ok(()) } else { Err(DiskError::Tampered) }
    }

    /// Whether the entries from `first` on are there, and as much of them as is before `offset`.
    fn verify(&mut self, first: usize, offset: u64) -> Result<(), Failed> {
        let last = self.stream.first_at(offset);
        for index in first..last {
            let (dir, name) = self.place(index)?;
            let stat = dir.stat(name)?;
            self.check_found(index, &stat)?;
            let needed = self.stream.size(index).min(offset - self.stream.start(index));
            if needed > 0 && !u64::try_from(stat.st_size).is_ok_and(|found| found >= needed) {
                return Err(DiskError::Tampered.into());
            }
        }
        self.known = self.known.max(last);
        Ok(())
    }

    /// The directory that an entry is in, and its name there.
    fn place(&mut self, index: usize) -> Result<(&Dir, &str), Errno> {
        if self.stream.is_one_file() {
            return Ok((&self.top, CONTENT));
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

    fn sync_singly(&mut self) -> Result<(), Errno> {
        let (mut parents, known) = (BTreeSet::new(), self.known);
        for index in self.dirty.clone() {
            let entry = self.stream.entry(index);
            parents.insert(stream::split(&entry.path).0.to_owned());
            if entry.kind == EntryKind::Directory {
                continue;
            }
            let opened = self.place(index);
            match opened.and_then(|(dir, name)| dir.open(name, OFlags::RDONLY | OFlags::NONBLOCK, Mode::empty())) {
                // What an earlier process may have left, and has not.
                Err(Errno::NOENT) if index >= known => {}
                file => rustix::fs::fsync(file?)?,
            }
        }
        for parent in parents {
            match self.top.open_dir(&parent) {
                Err(Errno::NOENT) => {}
                dir => dir?.sync()?,
            }
        }
        Ok(())
    }
}

/// Makes a directory; false where something has that name.
fn make_dir(dir: &Dir, name: &str) -> Result<bool, Errno> {
    match rustix::fs::mkdirat(dir, name, EXECUTABLE) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::fixture::file;

    #[test]
    fn what_is_written_after_a_sync_is_not_on_the_disk_before_the_next() {
        for means in [Means::Best, Means::Portable] {
            for entries in [vec![file("", 100)], (0..50).map(|number| file(&number.to_string(), 2)).collect()] {
                let temp = tempfile::tempdir().expect("a temporary directory");
                let dir = Dir::named(temp.path(), means).expect("it is there");
                let stat = rustix::fs::fstat(&dir).expect("it is there");
                let open = |anything| {
                    let stream = Stream::new(entries.clone()).expect("it is one");
                    Content::open(&dir, stream, Left { anything, like: [stat, stat] }).expect("it is made")
                };
                let mut content = open(false);
                assert!(content.is_synced(), "there is nothing");
                for offset in 0..100 {
                    content.write(offset, &[1]).expect("there is room");
                    assert!(!content.is_synced(), "at {offset}");
                    if offset % 3 > 0 {
                        content.sync().expect("it can be");
                        assert!(content.is_synced(), "at {offset}");
                    }
                }
                assert!(!open(true).is_synced(), "what another process has written may not be there");
            }
        }
    }
}

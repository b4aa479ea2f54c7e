//! A source: a file, or the files of a directory, read as one stream.
//!
//! Files are opened as the stream comes to them, one at a time. Each is compared with what was scanned when it is
//! opened, and once more after its last byte.

use std::{fs::DirBuilder, os::unix::fs::DirBuilderExt as _, path::Path};

use papo_proto::{
    disk::{BLOCK_BYTES_MAX, DiskError, NOTE_BYTES_MAX, Stamp},
    wire::transfer::{Entry, EntryKind},
};
use rustix::{
    fd::OwnedFd,
    fs::{FileType, Mode},
    io::Errno,
};

use super::{
    Failed,
    beneath::{Dir, Means, kind},
    notes::{Era, NoteFile},
    pread_into,
    scan::{READ, stamp, top},
    stream::Stream,
    system,
};

/// Where the notes of sources are, and under which key this one's is.
#[derive(Debug)]
pub(super) struct NotePlace<'a> {
    pub(super) dir: &'a Path,
    pub(super) key: &'a str,
    pub(super) means: Means,
}

/// An open source.
#[derive(Debug)]
pub(super) struct Source {
    /// What its paths are relative to.
    dir: Dir,
    /// The name of a single file there.
    name: Option<String>,
    stream: Stream,
    stamps: Vec<Stamp>,
    key: String,
    /// The entry that is being read.
    open: Option<(usize, OwnedFd)>,
    notes: Option<NoteFile>,
}

impl Source {
    pub(super) fn open(
        path: &str,
        key: String,
        entries: Vec<(Entry, Stamp)>,
        notes: Option<NoteFile>,
        means: Means,
    ) -> Result<Self, Failed> {
        let (entries, stamps) = entries.into_iter().unzip();
        let stream = Stream::new(entries)?;
        let (dir, name) = top(path, means)?;
        let single = stream.is_one_file();
        let (dir, name) = if single { (dir, Some(name.to_owned())) } else { (dir.open_dir(name)?, None) };
        let mut source = Self { dir, name, stream, stamps, key, open: None, notes };
        if single {
            source.open_file(0)?;
        }
        Ok(source)
    }

    /// What its note is kept under.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The note that was kept last.
    pub(super) fn note(&self) -> Vec<u8> {
        self.notes.as_ref().and_then(NoteFile::note).unwrap_or_default().to_vec()
    }

    /// Keeps another.
    pub(super) fn put_note(&mut self, place: &NotePlace<'_>, note: &[u8]) -> Result<(), Failed> {
        if note.len() > NOTE_BYTES_MAX {
            return Err(DiskError::TooMany.into());
        }
        let notes = match &mut self.notes {
            Some(notes) => notes,
            notes @ None => notes.insert(place.make()?),
        };
        // It speaks of a file that was not changed since, so one of another era is as good.
        Ok(notes.put(Era::ANY, note)?)
    }

    /// A part of the stream.
    pub(super) fn read(&mut self, offset: u64, bytes: usize) -> Result<Vec<u8>, Failed> {
        if bytes > BLOCK_BYTES_MAX {
            return Err(DiskError::TooMany.into());
        }
        let mut block = Vec::with_capacity(bytes);
        for part in self.stream.parts(offset, bytes)? {
            if self.stream.entry(part.index).kind == EntryKind::Directory {
                continue;
            }
            let end = part.range.end;
            let length = part.range.len();
            let file = self.open_file(part.index)?;
            if pread_into(file, &mut block, part.at, length)? < length {
                return Err(DiskError::Changed.into());
            }
            debug_assert_eq!(block.len(), end, "parts come in order and leave nothing out");
            if part.at + length as u64 == self.stream.size(part.index) {
                self.close_file()?;
            }
        }
        Ok(block)
    }

    /// The file of an entry, which is as it was scanned.
    fn open_file(&mut self, index: usize) -> Result<&OwnedFd, Failed> {
        if self.open.as_ref().is_none_or(|(open, _)| *open != index) {
            let path = self.name.as_deref().unwrap_or(&self.stream.entry(index).path);
            let file = self.dir.open(path, READ, Mode::empty())?;
            self.compare(index, &file)?;
            if self.stream.size(index) > BLOCK_BYTES_MAX as u64 {
                system::expect_reads(&file);
            }
            self.open = Some((index, file));
        }
        Ok(&self.open.as_ref().expect("it was opened").1)
    }

    fn close_file(&mut self) -> Result<(), Failed> {
        if let Some((index, file)) = self.open.take() {
            self.compare(index, &file)?;
        }
        Ok(())
    }

    fn compare(&self, index: usize, file: &OwnedFd) -> Result<(), Failed> {
        let stat = rustix::fs::fstat(file)?;
        let same = kind(&stat) == FileType::RegularFile && stamp(&stat) == self.stamps[index];
        if same { Ok(()) } else { Err(DiskError::Changed.into()) }
    }
}

impl NotePlace<'_> {
    /// What is kept there.
    pub(super) fn find(&self) -> Result<Option<NoteFile>, Errno> {
        match Dir::named(self.dir, self.means).and_then(|dir| NoteFile::open(&dir, self.key, false)) {
            Ok(notes) => Ok(Some(notes)),
            Err(Errno::NOENT) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn make(&self) -> Result<NoteFile, Failed> {
        DirBuilder::new().recursive(true).mode(0o700).create(self.dir).map_err(Failed::of)?;
        Ok(NoteFile::open(&Dir::named(self.dir, self.means)?, self.key, true)?)
    }

    /// Drops it.
    pub(super) fn discard(&self) -> Result<(), Errno> {
        match Dir::named(self.dir, self.means) {
            Ok(dir) => dir.remove_all(self.key.as_ref()),
            Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

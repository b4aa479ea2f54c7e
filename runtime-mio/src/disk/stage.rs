//! A stage: where a stream of entries comes to be, until it is given its name.
//!
//! ```text
//!   received files/.papo-KEY/      for its owner alone
//!       content                    the file, or the directory with what is in it
//!       note                       the note of the last write
//!       synced                     the note of the last sync
//!       published                  the number of the content, written before it is moved away
//! ```
//!
//! Invariant: a note is written after what it speaks of, and the synced one after that is on the disk.

use papo_proto::disk::{BLOCK_BYTES_MAX, DiskError, NOTE_BYTES_MAX};
use rustix::{
    fs::{Mode, Stat},
    io::Errno,
};

use super::{
    Failed,
    beneath::Dir,
    content::{CONTENT, Content, Left},
    notes::{Era, NoteFile},
    publish::{Unnamed, find, publish},
    stream::{self, Stream},
};

/// With what the names of stages begin.
const PREFIX: &str = ".papo-";

const PRIVATE: Mode = Mode::RWXU;

/// The name of the stage that is kept under a key.
pub(super) fn name(key: &str) -> String {
    format!("{PREFIX}{key}")
}

/// Whether something of that name is a stage.
pub(super) fn is_name(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// An open stage.
#[derive(Debug)]
pub(super) struct Stage {
    received: Dir,
    dir: Dir,
    state: State,
    tree: bool,
    era: Era,
    /// The one that counts.
    note: Vec<u8>,
    notes: NoteFile,
    synced: NoteFile,
}

#[derive(Debug)]
enum State {
    Open(Box<Content>),
    /// It was published, and the process ended before anybody heard of it.
    Moved,
    /// A sync failed: what is on the disk is not known any more.
    Broken,
}

impl Stage {
    /// Opens or makes the stage of that key.
    pub(super) fn open(received: Dir, key: &str, stream: Stream, boot: &[u8]) -> Result<Self, Failed> {
        let name = name(key);
        let reopened = match rustix::fs::mkdirat(&received, &name, PRIVATE) {
            Ok(()) => false,
            Err(Errno::EXIST) => true,
            Err(error) => return Err(error.into()),
        };
        let dir = received.open_dir(&name)?;
        let stat = own(&received, &dir)?;
        let era = Era::of(boot, &dir)?;
        let notes = NoteFile::open(&dir, "note", true)?;
        notes.lock()?;
        let synced = NoteFile::open(&dir, "synced", true)?;
        let note = notes.note_of(era).or_else(|| synced.note()).unwrap_or_default().to_vec();
        let tree = !stream.is_one_file();
        let state = if published(&dir)?.is_some() && matches!(dir.stat(CONTENT), Err(Errno::NOENT)) {
            State::Moved
        } else {
            let left = Left { anything: reopened, like: [stat, notes.stat()?] };
            State::Open(Box::new(Content::open(&dir, stream, left)?))
        };
        Ok(Self { received, dir, state, tree, era, note, notes, synced })
    }

    pub(super) fn note(&self) -> &[u8] {
        &self.note
    }

    /// Writes a part of the stream, and then its note.
    pub(super) fn write(&mut self, offset: u64, bytes: &[u8], note: Vec<u8>) -> Result<(), Failed> {
        if bytes.len() > BLOCK_BYTES_MAX || note.len() > NOTE_BYTES_MAX {
            return Err(DiskError::TooMany.into());
        }
        self.content()?.write(offset, bytes)?;
        self.notes.put(self.era, &note)?;
        self.note = note;
        Ok(())
    }

    /// Puts everything on the disk, and then the note that speaks of it.
    pub(super) fn sync(&mut self) -> Result<(), Failed> {
        if matches!(self.state, State::Moved) {
            return Ok(());
        }
        let synced = self.content()?.is_synced() && self.synced.note_of(self.era) == Some(&*self.note);
        if synced {
            return Ok(());
        }
        self.flush().inspect_err(|_| {
            // What the system has dropped it may say no more of: only what was synced before counts from now on.
            self.state = State::Broken;
            let _ = self.notes.clear();
        })
    }

    /// Moves what is whole among the received files, and returns the name that it got there.
    pub(super) fn publish(&mut self, name: &str) -> Result<String, Failed> {
        if !stream::is_name(name) || is_name(name) {
            return Err(DiskError::Tampered.into());
        }
        let earlier = published(&self.dir)?.and_then(|inode| find(&self.received, name, self.tree, inode));
        let published = if let Some(name) = earlier {
            // It may have two names now, where it was moved by a link.
            self.dir.remove_all(CONTENT.as_ref())?;
            name
        } else {
            self.seal()?;
            publish(Unnamed { dir: &self.dir, as_name: CONTENT, tree: self.tree }, &self.received, name)?
        };
        self.received.sync()?;
        Ok(published)
    }

    fn content(&mut self) -> Result<&mut Content, DiskError> {
        match &mut self.state {
            State::Open(content) => Ok(content),
            State::Moved => Err(DiskError::Tampered),
            State::Broken => Err(DiskError::Other),
        }
    }

    fn flush(&mut self) -> Result<(), Failed> {
        self.content()?.sync()?;
        if self.synced.note().is_none() {
            // The names of the stage and of what is in it.
            self.dir.sync()?;
            self.received.sync()?;
        }
        self.synced.put(self.era, &self.note)?;
        Ok(self.synced.sync()?)
    }

    /// Looks whether everything is there, puts it on the disk, and notes what is about to be moved.
    fn seal(&mut self) -> Result<(), Failed> {
        self.content()?.complete()?;
        let mut published = NoteFile::open(&self.dir, "published", true)?;
        let inode = self.dir.stat(CONTENT)?.st_ino;
        published.put(self.era, &inode.to_be_bytes())?;
        published.sync()?;
        self.dir.sync()?;
        self.sync()
    }
}

/// Whether a stage is of this user, or of whom the received files are of where the file system knows no users. It is
/// made private again where it is not.
fn own(received: &Dir, dir: &Dir) -> Result<Stat, Failed> {
    let (stat, outer) = (rustix::fs::fstat(dir)?, rustix::fs::fstat(received)?);
    if ![rustix::process::geteuid().as_raw(), outer.st_uid].contains(&stat.st_uid) {
        return Err(DiskError::Tampered.into());
    }
    if !PRIVATE.contains(Mode::from_raw_mode(stat.st_mode)) {
        // Some file systems have one mode for everything.
        let _ = rustix::fs::fchmod(dir, PRIVATE);
    }
    Ok(stat)
}

/// The number of the content, where it was about to be moved away.
fn published(dir: &Dir) -> Result<Option<u64>, Errno> {
    match NoteFile::open(dir, "published", false) {
        Ok(file) => Ok(file.note().and_then(|note| note.try_into().ok()).map(u64::from_be_bytes)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

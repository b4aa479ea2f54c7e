//! What a machine may ask of its host's disk, and what it is answered.
//!
//! A machine never sees a file system. It names what it asks for by a [`FileId`] of its own and by paths relative to
//! what that id stands for; the host resolves them relative to descriptors, following no link. Two kinds of thing have
//! an id:
//!
//! - a **source**, which is read: a file, or a directory with all that is in it, as one stream of bytes in the order of
//!   the entries that a scan gave;
//! - a **stage**, which is written: the place beside the received files where a stream of entries comes to be before it
//!   is published under a name, never in place of anything.
//!
//! Each [`Ask`] is answered once, by [`Answer`] or [`DiskError`]; those of one id are worked off in order. A **note** is
//! a few bytes that stand beside a stage or a source and are written after what they speak of: they survive the end of
//! the process at once, and a loss of power as they were at the last [`Ask::Sync`]. That of a source speaks of what
//! somebody else keeps, and is never synced: after a loss of power it may be an older one, or none.
//!
//! [`memory`] is a disk without a disk, which keeps all of this: for tests and simulators.
//!
//! Invariant: nothing outside of the received files is created, and nothing there is ever replaced.

pub mod memory;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{machine::FileId, wire::transfer::Entry};

/// No [`Ask::Read`] or [`Ask::Write`] is longer.
pub const BLOCK_BYTES_MAX: usize = 256 * 1024;
/// No note is longer.
pub const NOTE_BYTES_MAX: usize = 4 * 1024;

/// What tells whether a file is still as it was scanned: made by the host of its time of change, size and number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub u64);

/// What a scan found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scan {
    /// The last component of the path.
    pub name: String,
    /// Whether it is a directory.
    pub tree: bool,
    /// For a file itself with an empty path; for a directory all that is in it, parents before what is in them.
    pub entries: Vec<(Entry, Stamp)>,
    /// Links and special files, names that are no text, stages, and in a directory what may not be read: as many as were
    /// passed over, and the first of them.
    pub skipped: Skipped,
}

/// What a scan passed over.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Skipped {
    /// How many.
    pub count: u64,
    /// The first of them, at most [`SKIPPED_NAMED_MAX`].
    pub named: Vec<String>,
}

/// More that a scan passed over are only counted.
pub const SKIPPED_NAMED_MAX: usize = 16;

/// A question to the disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// What is at a path that the person named: [`Answer::Scanned`].
    Scan {
        /// Absolute.
        path: String,
        /// More entries are [`DiskError::TooMany`].
        entries_max: usize,
        /// More bytes of paths, altogether, are [`DiskError::TooMany`].
        paths_bytes_max: usize,
    },
    /// Make ready to read what was scanned: [`Answer::Opened`] with its note, or [`DiskError::Changed`]. The id is open
    /// until it is closed, whatever the answer.
    OpenSource {
        /// Names it from now on.
        file: FileId,
        /// As scanned.
        path: String,
        /// As scanned.
        entries: Vec<(Entry, Stamp)>,
        /// What its note is kept under: text of digits and small letters.
        key: String,
    },
    /// Read a part of a source's stream: [`Answer::Read`], as long as asked. [`DiskError::Changed`] where it is not
    /// what was scanned any more.
    Read {
        /// The source.
        file: FileId,
        /// From where.
        offset: u64,
        /// How much; at most [`BLOCK_BYTES_MAX`].
        bytes: usize,
    },
    /// Put this in place of a source's note: [`Answer::Done`].
    Note {
        /// The source.
        file: FileId,
        /// At most [`NOTE_BYTES_MAX`].
        #[serde(with = "crate::hex::bytes")]
        note: Vec<u8>,
    },
    /// How much room there is for received files: [`Answer::Space`]. Creates nothing.
    Space,
    /// Open a stage, or make it: [`Answer::Opened`] with its note. Files and directories come to be as their part of
    /// the stream is written. The id is open until it is closed or published, whatever the answer.
    OpenStage {
        /// Names it from now on.
        file: FileId,
        /// What it is kept under: text of digits and small letters.
        key: String,
        /// Of what its stream consists. For a single file one entry with an empty path. Paths are checked by the
        /// machine; the host checks again that they stay inside.
        entries: Vec<Entry>,
    },
    /// Write a part of a stage's stream, and then its note: [`Answer::Written`]. What is before it has to be there: the
    /// first write begins where the note says, or earlier, and each other at most where the one before ended.
    /// [`DiskError::Tampered`] where something is missing.
    Write {
        /// The stage.
        file: FileId,
        /// Where.
        offset: u64,
        /// What; at most [`BLOCK_BYTES_MAX`].
        #[serde(with = "crate::hex::bytes")]
        bytes: Vec<u8>,
        /// At most [`NOTE_BYTES_MAX`].
        #[serde(with = "crate::hex::bytes")]
        note: Vec<u8>,
    },
    /// Make what was written durable, with the present note: [`Answer::Done`].
    Sync {
        /// The stage.
        file: FileId,
    },
    /// Give a stage whose stream is whole its name among the received files, durably; where something has that name,
    /// `name (1)` and so on: [`Answer::Published`]. Its id is closed, whatever the answer; on an error the stage stays.
    /// What is kept under its key stays until it is discarded, too: so whoever ended before noting the answer opens the
    /// stage once more, finds its last note, and gets the same answer to the same question.
    Publish {
        /// The stage.
        file: FileId,
        /// One component, checked by the machine.
        name: String,
    },
    /// Drop what is kept under a key, a stage or a source's note, open or not: [`Answer::Done`], also where there is
    /// nothing.
    Discard {
        /// Which.
        key: String,
    },
}

/// Blocks are not shown: they are long, and no one's business.
impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scan { path, .. } => write!(f, "Scan({path:?})"),
            Self::OpenSource { file, path, entries, .. } => {
                write!(f, "OpenSource({file}, {path:?}, {} entries)", entries.len())
            }
            Self::Read { file, offset, bytes } => write!(f, "Read({file}, {bytes} at {offset})"),
            Self::Note { file, .. } => write!(f, "Note({file})"),
            Self::Space => f.write_str("Space"),
            Self::OpenStage { file, key, entries } => write!(f, "OpenStage({file}, {key}, {} entries)", entries.len()),
            Self::Write { file, offset, bytes, .. } => write!(f, "Write({file}, {} at {offset})", bytes.len()),
            Self::Sync { file } => write!(f, "Sync({file})"),
            Self::Publish { file, name } => write!(f, "Publish({file}, {name:?})"),
            Self::Discard { key } => write!(f, "Discard({key})"),
        }
    }
}

impl Ask {
    /// The id that this opens.
    #[must_use]
    pub const fn opens(&self) -> Option<FileId> {
        match self {
            Self::OpenSource { file, .. } | Self::OpenStage { file, .. } => Some(*file),
            Self::Scan { .. }
            | Self::Read { .. }
            | Self::Note { .. }
            | Self::Space
            | Self::Write { .. }
            | Self::Sync { .. }
            | Self::Publish { .. }
            | Self::Discard { .. } => None,
        }
    }

    /// The open id that this is about.
    #[must_use]
    pub const fn uses(&self) -> Option<FileId> {
        match self {
            Self::Read { file, .. }
            | Self::Note { file, .. }
            | Self::Write { file, .. }
            | Self::Sync { file }
            | Self::Publish { file, .. } => Some(*file),
            Self::Scan { .. }
            | Self::OpenSource { .. }
            | Self::OpenStage { .. }
            | Self::Space
            | Self::Discard { .. } => None,
        }
    }
}

/// An answer of the disk.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Scan`].
    Scanned(Scan),
    /// To [`Ask::OpenSource`] and [`Ask::OpenStage`].
    Opened {
        /// The last note that was kept under the key, empty where there is none; after a loss of power, the one of the
        /// last sync.
        #[serde(with = "crate::hex::bytes")]
        note: Vec<u8>,
    },
    /// To [`Ask::Read`].
    Read(#[serde(with = "crate::hex::bytes")] Vec<u8>),
    /// To [`Ask::Write`].
    Written {
        /// The block, empty, for its memory: nothing follows from it, and a recording has none.
        #[serde(skip)]
        block: Vec<u8>,
    },
    /// To [`Ask::Space`].
    Space {
        /// Bytes.
        free: u64,
    },
    /// To [`Ask::Publish`].
    Published {
        /// Where it is, as the person would name it.
        path: String,
    },
    /// To everything else.
    Done,
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scanned(scan) => write!(f, "Scanned({:?}, {} entries)", scan.name, scan.entries.len()),
            Self::Opened { note } => write!(f, "Opened(a note of {})", note.len()),
            Self::Read(bytes) => write!(f, "Read({})", bytes.len()),
            Self::Written { .. } => f.write_str("Written"),
            Self::Space { free } => write!(f, "Space({free})"),
            Self::Published { path } => write!(f, "Published({path:?})"),
            Self::Done => f.write_str("Done"),
        }
    }
}

/// Why the disk did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DiskError {
    /// Nothing is there.
    NotFound,
    /// This process may not.
    Denied,
    /// There is no room left.
    Full,
    /// A source is not what was scanned any more.
    Changed,
    /// It is neither a file nor a directory: a link, a device, a socket.
    NotAFile,
    /// More, or longer, than was asked for or can be.
    TooMany,
    /// A stage is not as it was left: something of it is missing, or something else stands in its place.
    Tampered,
    /// Something else.
    Other,
}

//! The disk behind [`Action::Disk`](papo_proto::machine::Action::Disk): real files, on threads of their own.
//!
//! # Where what is
//! Received files get their names in one directory. What is not whole yet is in [stages](mod@stage) beside them, hidden and
//! for their owner alone; the notes of [sources](mod@source) are in a directory of their own. The way to the received files
//! is resolved once, at the start; whatever is swapped in on that way later is not followed.
//!
//! # Who does what
//! [Scans](mod@scan) have a thread of their own, since they may take minutes. Everything else is done by a few threads that
//! work off [lanes], one for each key: what is asked of one thing is done in order, and several transfers share
//! the threads fairly. What is queued is bounded by what machines ask for.
//!
//! Invariant: every question is answered, also when its work panics.
//! Invariant: nothing that is asked names a path outside of what it is about, be it the machine's fault or somebody
//! else's: it is [`DiskError::Tampered`], and nothing is touched.

mod beneath;
mod content;
#[cfg(test)]
mod fixture;
mod lanes;
mod notes;
mod publish;
#[cfg(test)]
mod reference_tests;
mod scan;
mod source;
#[cfg(test)]
mod source_tests;
mod stage;
#[cfg(test)]
mod stage_tests;
mod stream;
mod system;

use std::{
    collections::HashMap,
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use papo_proto::{
    disk::{Answer, Ask, DiskError},
    machine::{FileId, RequestId},
};
use rustix::{fd::AsFd, fs::Mode, io::Errno};

use self::{
    beneath::{Dir, Means},
    lanes::{Files, Lanes},
    scan::Bounds,
    source::{NotePlace, Source},
    stage::Stage,
    stream::Stream,
};
use crate::workers::{self, Replies, panic_text};

/// Threads for reads and writes.
const THREADS: usize = 4;
/// No key is longer.
const KEY_BYTES_MAX: usize = 128;

/// Where a machine's disk is.
#[derive(Debug, Clone)]
pub struct Disk {
    /// The directory of received files, as the person would name it. It is made when it is first needed.
    pub received: PathBuf,
    /// The directory for the notes of what is sent. It is made when it is first needed.
    pub notes: PathBuf,
}

/// The disk of one node while it runs.
pub(crate) struct Running {
    node: usize,
    places: Arc<Places>,
    replies: Replies,
    scans: Lanes<Open>,
    files: Lanes<Open>,
    /// The key of what is open.
    keys: HashMap<FileId, Arc<str>>,
}

/// What is open under an id.
#[derive(Debug)]
enum Open {
    Source(Box<Source>),
    Stage(Box<Stage>),
}

/// What all threads know.
#[derive(Debug)]
struct Places {
    /// As the person would name it.
    shown: PathBuf,
    /// Without a link in it.
    received: PathBuf,
    notes: PathBuf,
    boot: Vec<u8>,
    means: Means,
    stopped: AtomicBool,
}

/// Why something was not done.
#[derive(Debug)]
enum Failed {
    As(DiskError),
    System(Errno),
}

impl From<DiskError> for Failed {
    fn from(error: DiskError) -> Self {
        Self::As(error)
    }
}

impl From<Errno> for Failed {
    fn from(error: Errno) -> Self {
        Self::System(error)
    }
}

impl Failed {
    /// Of an error of the standard library.
    fn of(error: io::Error) -> Self {
        Errno::from_io_error(&error).map_or(Self::As(DiskError::Other), Self::System)
    }
}

impl Running {
    /// Starts the threads.
    pub(crate) fn start(node: usize, disk: Disk, replies: Replies) -> io::Result<Self> {
        let places = Places::of(disk, notes::boot(), Means::Best)?;
        let (scans, files) = (Lanes::start("scans", 1)?, Lanes::start("disk", THREADS)?);
        Ok(Self { node, places: Arc::new(places), replies, scans, files, keys: HashMap::new() })
    }

    /// Queues a question.
    pub(crate) fn ask(&mut self, request: RequestId, ask: Ask) {
        let lane = self.lane(request, &ask);
        let lanes = if matches!(ask, Ask::Scan { .. }) { &self.scans } else { &self.files };
        let (node, places, replies) = (self.node, Arc::clone(&self.places), self.replies.clone());
        lanes.push(
            &lane,
            Box::new(move |files| {
                let result = answered(files, ask, |files, ask| places.answer(files, ask));
                replies.send(node, workers::Answer::Disk { request, result });
            }),
        );
    }

    /// Closes what is open, after what was asked of it.
    pub(crate) fn close(&mut self, file: FileId) {
        if let Some(key) = self.keys.remove(&file) {
            self.files.push(&key, Box::new(move |files| drop(files.remove(&file))));
        }
    }

    /// Waits until what was asked is done.
    pub(crate) fn finish(&mut self) {
        self.places.stopped.store(true, Ordering::Relaxed);
        self.scans.finish();
        self.files.finish();
    }

    fn lane(&mut self, request: RequestId, ask: &Ask) -> Arc<str> {
        match ask {
            Ask::OpenSource { file, key, .. } | Ask::OpenStage { file, key, .. } => {
                let key = Arc::from(key.as_str());
                self.keys.insert(*file, Arc::clone(&key));
                return key;
            }
            Ask::Discard { key } => return Arc::from(key.as_str()),
            Ask::Publish { file, .. } => self.keys.remove(file),
            Ask::Read { file, .. } | Ask::Note { file, .. } | Ask::Write { file, .. } | Ask::Sync { file } => {
                self.keys.get(file).cloned()
            }
            Ask::Scan { .. } | Ask::Space => None,
        }
        // No key has a space.
        .unwrap_or_else(|| format!("question {request}").into())
    }
}

/// What work answers, also when it panics. Then what its lane has open is in no known state, and closed.
fn answered(
    files: &mut Files<Open>,
    ask: Ask,
    work: impl FnOnce(&mut Files<Open>, Ask) -> Result<Answer, Failed>,
) -> Result<Answer, DiskError> {
    let (what, amiss) = (format!("{ask:?}"), amiss(&ask));
    let result = catch_unwind(AssertUnwindSafe(|| work(files, ask))).unwrap_or_else(|panic| {
        log::error!("{what} panicked: {}", panic_text(&*panic));
        files.clear();
        Err(DiskError::Other.into())
    });
    result.map_err(|failed| {
        let (error, reason) = match failed {
            Failed::As(error) => (error, String::new()),
            Failed::System(errno) => (disk_error(errno, amiss), format!(" ({errno})")),
        };
        if error == DiskError::Other {
            log::warn!("the disk did not do {what}{reason}");
        } else {
            log::debug!("the disk did not do {what}: {error:?}{reason}");
        }
        error
    })
}

/// What it means to a question that something is missing, or is not what it should be.
const fn amiss(ask: &Ask) -> [DiskError; 2] {
    match ask {
        Ask::Scan { .. } => [DiskError::NotFound, DiskError::NotAFile],
        Ask::OpenSource { .. } | Ask::Read { .. } => [DiskError::Changed; 2],
        Ask::Note { .. }
        | Ask::Space
        | Ask::OpenStage { .. }
        | Ask::Write { .. }
        | Ask::Sync { .. }
        | Ask::Publish { .. }
        | Ask::Discard { .. } => [DiskError::Tampered; 2],
    }
}

fn disk_error(errno: Errno, [missing, amiss]: [DiskError; 2]) -> DiskError {
    match errno {
        Errno::NOSPC | Errno::DQUOT => DiskError::Full,
        Errno::ACCESS | Errno::PERM | Errno::ROFS => DiskError::Denied,
        Errno::FBIG | Errno::NAMETOOLONG | Errno::OVERFLOW => DiskError::TooMany,
        Errno::NOENT => missing,
        Errno::LOOP
        | Errno::NOTDIR
        | Errno::ISDIR
        | Errno::NXIO
        | Errno::NODEV
        | Errno::EXIST
        | Errno::NOTEMPTY
        | Errno::INVAL
        | Errno::XDEV
        | Errno::STALE => amiss,
        _ => DiskError::Other,
    }
}

impl Places {
    fn of(disk: Disk, boot: Vec<u8>, means: Means) -> io::Result<Self> {
        Ok(Self {
            received: without_links(&std::path::absolute(&disk.received)?),
            notes: std::path::absolute(disk.notes)?,
            shown: disk.received,
            boot,
            means,
            stopped: AtomicBool::new(false),
        })
    }

    fn answer(&self, files: &mut Files<Open>, ask: Ask) -> Result<Answer, Failed> {
        match ask {
            Ask::Scan { path, entries_max, paths_bytes_max } => {
                let bounds = Bounds { entries_max, paths_bytes_max };
                Ok(Answer::Scanned(scan::scan(&path, bounds, self.means, &self.stopped)?))
            }
            Ask::OpenSource { file, path, entries, key } => {
                let notes = self.note_place(&key)?.find()?;
                let source = Source::open(&path, key, entries, notes, self.means)?;
                let note = source.note();
                files.insert(file, Open::Source(Box::new(source)));
                Ok(Answer::Opened { note })
            }
            Ask::Read { file, offset, bytes } => Ok(Answer::Read(source(files, file)?.read(offset, bytes)?)),
            Ask::Note { file, note } => {
                let source = source(files, file)?;
                let key = source.key().to_owned();
                source.put_note(&self.note_place(&key)?, &note)?;
                Ok(Answer::Done)
            }
            Ask::Space => Ok(Answer::Space { free: self.space()? }),
            Ask::OpenStage { file, key, entries } => {
                check_key(&key)?;
                let stream = Stream::new(entries)?;
                let stage = Stage::open(self.open_received()?, &key, stream, &self.boot)?;
                let note = stage.note().to_vec();
                files.insert(file, Open::Stage(Box::new(stage)));
                Ok(Answer::Opened { note })
            }
            Ask::Write { file, offset, mut bytes, note } => {
                stage(files, file)?.write(offset, &bytes, note)?;
                bytes.clear();
                Ok(Answer::Written { block: bytes })
            }
            Ask::Sync { file } => {
                stage(files, file)?.sync()?;
                Ok(Answer::Done)
            }
            Ask::Publish { file, name } => {
                let result = stage(files, file).map_err(Failed::from).and_then(|stage| stage.publish(&name));
                files.remove(&file);
                let path = self.shown.join(result?);
                Ok(Answer::Published { path: path.to_string_lossy().into_owned() })
            }
            Ask::Discard { key } => {
                let notes = self.note_place(&key)?;
                files.clear();
                notes.discard()?;
                match Dir::resolved(&self.received, self.means) {
                    Ok(received) => received.remove_all(stage::name(&key).as_ref())?,
                    Err(Errno::NOENT) => {}
                    Err(error) => return Err(error.into()),
                }
                Ok(Answer::Done)
            }
        }
    }

    fn note_place<'a>(&'a self, key: &'a str) -> Result<NotePlace<'a>, DiskError> {
        check_key(key)?;
        Ok(NotePlace { dir: &self.notes, key, means: self.means })
    }

    /// The directory of received files; made, with what it is in, where it is missing.
    fn open_received(&self) -> Result<Dir, Failed> {
        let opened = match Dir::resolved(&self.received, self.means) {
            Err(Errno::NOENT) => self.make_received(),
            other => other,
        };
        // A link or a file in its place is not what a machine can do anything about.
        opened.map_err(|error| match error {
            Errno::LOOP | Errno::NOTDIR => DiskError::Denied.into(),
            other => other.into(),
        })
    }

    fn make_received(&self) -> Result<Dir, Errno> {
        let existing = existing(&self.received);
        let mut dir = Dir::resolved(existing, self.means)?;
        for step in self.received.strip_prefix(existing).map_err(|_| Errno::INVAL)? {
            match rustix::fs::mkdirat(&dir, step, Mode::from_bits_retain(0o755)) {
                Ok(()) => dir.sync()?,
                Err(Errno::EXIST) => {}
                Err(error) => return Err(error),
            }
            dir = dir.open_dir(step)?;
        }
        Ok(dir)
    }

    fn space(&self) -> Result<u64, Errno> {
        let stat = rustix::fs::statvfs(existing(&self.received))?;
        Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
    }
}

fn source(files: &mut Files<Open>, file: FileId) -> Result<&mut Source, DiskError> {
    match files.get_mut(&file) {
        Some(Open::Source(source)) => Ok(source),
        Some(Open::Stage(_)) | None => Err(DiskError::Tampered),
    }
}

fn stage(files: &mut Files<Open>, file: FileId) -> Result<&mut Stage, DiskError> {
    match files.get_mut(&file) {
        Some(Open::Stage(stage)) => Ok(stage),
        Some(Open::Source(_)) | None => Err(DiskError::Tampered),
    }
}

fn check_key(key: &str) -> Result<(), DiskError> {
    let fits = (1..=KEY_BYTES_MAX).contains(&key.len());
    let plain = key.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
    if fits && plain { Ok(()) } else { Err(DiskError::Tampered) }
}

/// The part of a path that is there.
fn existing(path: &Path) -> &Path {
    path.ancestors().find(|ancestor| ancestor.exists()).unwrap_or(path)
}

/// An absolute path with the links in it resolved, as far as it is there.
fn without_links(path: &Path) -> PathBuf {
    let existing = existing(path);
    match (existing.canonicalize(), path.strip_prefix(existing)) {
        (Ok(resolved), Ok(rest)) => resolved.join(rest),
        (Ok(_) | Err(_), _) => path.to_owned(),
    }
}

/// Reads so many bytes behind what is in `block`, or fewer where the file ends; returns how many.
fn pread_into(file: &impl AsFd, block: &mut Vec<u8>, at: u64, length: usize) -> Result<usize, Errno> {
    let first = block.len();
    block.reserve(length);
    while block.len() < first + length {
        let read = block.len() - first;
        match rustix::io::pread(file, rustix::buffer::spare_capacity(block), at + read as u64) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    // There may have been room for more than was asked for.
    block.truncate(first + length);
    Ok(block.len() - first)
}

fn pwrite_all(file: &impl AsFd, mut bytes: &[u8], mut at: u64) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::pwrite(file, bytes, at) {
            Ok(0) => return Err(Errno::IO),
            Ok(written) => {
                bytes = &bytes[written..];
                at += written as u64;
            }
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

//! What is at a path: a file, or a directory with all that is in it.
//!
//! Links are not followed but named, like special files, names that are no UTF-8, stages, and what may not be read.
//! Entries come in one order whatever the directory's own is: names sorted by their bytes, each directory before what is
//! in it.
//!
//! One directory is open at a time besides the top, however deep they are.

use std::{
    path::{MAIN_SEPARATOR, Path},
    sync::atomic::{AtomicBool, Ordering},
};

use papo_proto::{
    disk::{DiskError, SKIPPED_NAMED_MAX, Scan, Skipped, Stamp},
    wire::transfer::{Entry, EntryKind},
};
use rustix::{
    fs::{Access, AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use super::{
    Failed,
    beneath::{Dir, Means, kind},
    stage,
};

/// How much a scan may find.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) entries_max: usize,
    pub(super) paths_bytes_max: usize,
}

/// The directory that a path's last component is in, and that component.
pub(super) fn top(path: &str, means: Means) -> Result<(Dir, &str), Failed> {
    let path = Path::new(path);
    let parent = path.parent().filter(|_| path.is_absolute()).ok_or(DiskError::NotAFile)?;
    let name = path.file_name().and_then(|name| name.to_str()).ok_or(DiskError::NotAFile)?;
    debug_assert!(!name.contains(MAIN_SEPARATOR), "it is one component");
    Ok((Dir::named(parent, means)?, name))
}

/// Looks at all that is there, until it is told to stop.
pub(super) fn scan(path: &str, bounds: Bounds, means: Means, stop: &AtomicBool) -> Result<Scan, Failed> {
    let (parent, name) = top(path, means)?;
    let stat = parent.stat(name)?;
    let mut found = Found { bounds, entries: Vec::new(), waiting: Vec::new(), bytes: 0, skipped: Skipped::default() };
    let tree = match kind(&stat) {
        FileType::RegularFile => {
            may_read(&parent, name)?;
            found.wait(String::new(), &stat)?;
            found.entries.append(&mut found.waiting);
            false
        }
        FileType::Directory => {
            found.look_into(&parent.open_dir(name)?, stop)?;
            true
        }
        _ => return Err(DiskError::NotAFile.into()),
    };
    Ok(Scan { name: name.to_owned(), tree, entries: found.entries, skipped: found.skipped })
}

/// What tells whether a file is as it was: its time of change, its size and its number.
pub(super) fn stamp(stat: &Stat) -> Stamp {
    // The types of these numbers are not the same everywhere.
    let text = format!("{} {} {} {}", stat.st_mtime, stat.st_mtime_nsec, stat.st_size, stat.st_ino);
    Stamp(u64::from_be_bytes(*Sha256::digest(text).first_chunk().expect("a digest is longer")))
}

fn may_read(dir: &Dir, name: &str) -> Result<(), Errno> {
    rustix::fs::accessat(dir, name, Access::READ_OK, AtFlags::EACCESS)
}

struct Found {
    bounds: Bounds,
    entries: Vec<(Entry, Stamp)>,
    /// The next one is the last.
    waiting: Vec<(Entry, Stamp)>,
    bytes: usize,
    skipped: Skipped,
}

impl Found {
    fn look_into(&mut self, top: &Dir, stop: &AtomicBool) -> Result<(), Failed> {
        self.list(top, "")?;
        while let Some((entry, stamp)) = self.waiting.pop() {
            if stop.load(Ordering::Relaxed) {
                return Err(DiskError::Other.into());
            }
            if entry.kind == EntryKind::Directory {
                match top.open_dir(&entry.path) {
                    Ok(dir) => {
                        let path = entry.path.clone();
                        self.entries.push((entry, stamp));
                        self.list(&dir, &path)?;
                    }
                    Err(error) => self.pass_over(entry.path, error)?,
                }
            } else {
                self.entries.push((entry, stamp));
            }
        }
        Ok(())
    }

    /// Lets what is in a directory wait, the first in order as the last.
    fn list(&mut self, dir: &Dir, path: &str) -> Result<(), Failed> {
        let first = self.waiting.len();
        for entry in rustix::fs::Dir::read_from(dir)? {
            let entry = entry?;
            let name = entry.file_name();
            if name == c"." || name == c".." {
                continue;
            }
            let path = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}/{name}") };
            let Ok(name) = name.to_str() else {
                self.skip(path(&name.to_string_lossy()));
                continue;
            };
            match look_at(dir, name) {
                Ok(Some(stat)) => self.wait(path(name), &stat)?,
                Ok(None) => self.skip(path(name)),
                Err(error) => self.pass_over(path(name), error)?,
            }
        }
        self.waiting[first..].sort_unstable_by(|(one, _), (other, _)| other.path.cmp(&one.path));
        Ok(())
    }

    fn wait(&mut self, path: String, stat: &Stat) -> Result<(), DiskError> {
        self.bytes += path.len();
        if self.entries.len() + self.waiting.len() >= self.bounds.entries_max
            || self.bytes > self.bounds.paths_bytes_max
        {
            return Err(DiskError::TooMany);
        }
        let entry = if kind(stat) == FileType::Directory {
            (Entry { path, kind: EntryKind::Directory }, Stamp::default())
        } else {
            let size = u64::try_from(stat.st_size).map_err(|_| DiskError::Other)?;
            let executable = Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR);
            (Entry { path, kind: EntryKind::File { size, executable } }, stamp(stat))
        };
        self.waiting.push(entry);
        Ok(())
    }

    /// What cannot be read is skipped, what is gone by now was never there, and anything else is told.
    fn pass_over(&mut self, path: String, error: Errno) -> Result<(), Errno> {
        match error {
            Errno::NOENT => {}
            Errno::ACCESS | Errno::PERM | Errno::LOOP | Errno::NOTDIR => self.skip(path),
            other => return Err(other),
        }
        Ok(())
    }

    fn skip(&mut self, path: String) {
        self.skipped.count += 1;
        if self.skipped.named.len() < SKIPPED_NAMED_MAX {
            self.skipped.named.push(path);
        }
    }
}

/// What can be sent: a file that may be read, or a directory.
fn look_at(dir: &Dir, name: &str) -> Result<Option<Stat>, Errno> {
    let stat = dir.stat(name)?;
    match kind(&stat) {
        FileType::RegularFile => may_read(dir, name).map(|()| Some(stat)),
        // What is being received changes all the time, and is nobody's yet.
        FileType::Directory if !stage::is_name(name) => Ok(Some(stat)),
        _ => Ok(None),
    }
}

/// How a source is opened: never waiting for the other end of a pipe that took a file's place.
pub(super) const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

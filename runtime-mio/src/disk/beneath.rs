//! Directories by descriptor, and what is in them by a path that follows no link and leads nowhere else.
//!
//! Linux resolves a whole path that way in one call (`openat2`). Where there is none, or a sandbox forbids it, the path
//! is walked component by component with `O_NOFOLLOW`: slower, and as strict.
//!
//! Invariant: nothing here resolves `..`, an absolute path or a symbolic link, so nothing that somebody plants or swaps
//! in while a path is walked leads outside of the directory that it started from.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt as _,
    },
    path::{Component, Path},
};

use rustix::{
    fs::{AtFlags, FileType, Mode, OFlags, Stat},
    io::Errno,
};

use super::system::{self, WAY};

/// For whoever opens a directory to look into it.
const DIRECTORY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);
/// With what the names of directories begin that are about to be removed: one component that nothing received has.
const UP: &str = ".papo-up-";

/// Which calls of the system are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Means {
    /// The best that there are; where one is missing, what does the same in more steps.
    Best,
    /// Those that every system has.
    #[cfg_attr(not(test), expect(dead_code, reason = "the best fall back on them one by one; tests want them alone"))]
    Portable,
}

/// An open directory.
#[derive(Debug)]
pub(super) struct Dir {
    fd: OwnedFd,
    means: Means,
}

impl AsFd for Dir {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

impl Dir {
    /// The directory at a path that the person named, links and all. It may be one that cannot be read, and is only on
    /// the way to what is in it.
    pub(super) fn named(path: &Path, means: Means) -> Result<Self, Errno> {
        let fd = rustix::fs::open(path, WAY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, means })
    }

    /// The directory at an absolute path that has no link in it.
    pub(super) fn resolved(path: &Path, means: Means) -> Result<Self, Errno> {
        let root = Self { fd: rustix::fs::open("/", WAY | OFlags::CLOEXEC, Mode::empty())?, means };
        root.open_dir(path.strip_prefix("/").map_err(|_| Errno::INVAL)?)
    }

    /// Which calls are used on it.
    pub(super) const fn means(&self) -> Means {
        self.means
    }

    /// A directory in this one; itself by an empty path.
    pub(super) fn open_dir(&self, path: impl AsRef<Path>) -> Result<Self, Errno> {
        Ok(Self { fd: self.open(path, DIRECTORY, Mode::empty())?, means: self.means })
    }

    /// What a path in this directory names.
    pub(super) fn open(&self, path: impl AsRef<Path>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let path = path.as_ref();
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        if path.as_os_str().is_empty() {
            return rustix::fs::openat(&self.fd, ".", flags, mode);
        }
        if self.means == Means::Best {
            steps(path)?;
            match system::open_beneath(&self.fd, path, flags, mode) {
                // An old kernel; a sandbox that knows the call not; directories that were moved meanwhile.
                Err(Errno::NOSYS | Errno::PERM | Errno::AGAIN) => {}
                other => return other,
            }
        }
        self.open_in_steps(path, flags, mode)
    }

    /// What a path in this directory names, without opening it.
    pub(super) fn stat(&self, name: &str) -> Result<Stat, Errno> {
        debug_assert!(!name.contains('/'), "a link on the way would be followed");
        rustix::fs::statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    /// Makes the names in it durable, where its file system has a call for that.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        match rustix::fs::fsync(&self.fd) {
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
            other => other,
        }
    }

    fn open_in_steps(&self, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
        let steps = steps(path)?;
        let (last, way) = steps.split_last().ok_or(Errno::INVAL)?;
        let mut at = None;
        for step in way {
            let from = at.as_ref().unwrap_or(&self.fd);
            at = Some(rustix::fs::openat(from, *step, WAY | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty())?);
        }
        rustix::fs::openat(at.as_ref().unwrap_or(&self.fd), *last, flags, mode)
    }

    /// Removes what has that name, with all that is in it; nothing where there is nothing.
    ///
    /// However deep it is, few directories are open at a time: those within are brought up before they are emptied.
    pub(super) fn remove_all(&self, name: &OsStr) -> Result<(), Errno> {
        if self.remove_file(name)? {
            return Ok(());
        }
        let top = self.open_dir(name)?;
        let mut brought_up = 0_u64;
        while let Some(first) = top.any_dir()? {
            let inside = top.open_dir(&first)?;
            while let Some(within) = inside.any_dir()? {
                brought_up += 1;
                match rustix::fs::renameat(&inside.fd, &within, &top.fd, format!("{UP}{brought_up}")) {
                    // It was left by an earlier attempt.
                    Err(Errno::EXIST | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                    other => other?,
                }
            }
            remove_dir(&top, &first)?;
        }
        remove_dir(self, name)
    }

    /// Removes the files of this directory until there is none: a directory that is in it, if there is one.
    fn any_dir(&self) -> Result<Option<OsString>, Errno> {
        for entry in rustix::fs::Dir::read_from(&self.fd)? {
            let entry = entry?;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            if name != "." && name != ".." && !self.remove_file(name)? {
                return Ok(Some(name.to_owned()));
            }
        }
        Ok(None)
    }

    /// Removes what has that name, unless it is a directory: whether that is so.
    fn remove_file(&self, name: &OsStr) -> Result<bool, Errno> {
        match rustix::fs::unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(true),
            // Linux says the one, POSIX the other, of a directory.
            Err(Errno::ISDIR | Errno::PERM) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// Removes an empty directory.
fn remove_dir(parent: &Dir, name: &OsStr) -> Result<(), Errno> {
    match rustix::fs::unlinkat(&parent.fd, name, AtFlags::REMOVEDIR) {
        Err(Errno::NOENT) => Ok(()),
        other => other,
    }
}

/// The components of a path that stays beneath.
fn steps(path: &Path) -> Result<Vec<&OsStr>, Errno> {
    let step = |component| if let Component::Normal(name) = component { Ok(name) } else { Err(Errno::INVAL) };
    path.components().map(step).collect()
}

/// What something is.
pub(super) fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

//! What not every system can do: one function each, which does it on Linux, and elsewhere what comes nearest.

use std::{ffi::OsStr, path::Path};

use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{Mode, OFlags},
    io::Errno,
};

use super::beneath::Dir;

/// To open a directory only as a way to what is in it, which takes no right to read it.
#[cfg(target_os = "linux")]
pub(super) const WAY: OFlags = OFlags::PATH.union(OFlags::DIRECTORY);
#[cfg(not(target_os = "linux"))]
pub(super) const WAY: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY);

/// Opens a path in one call that follows no link and stays beneath a directory.
#[cfg(target_os = "linux")]
pub(super) fn open_beneath(dir: impl AsFd, path: &Path, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    use rustix::fs::ResolveFlags;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(dir, path, flags, mode, resolve)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn open_beneath(_: impl AsFd, _: &Path, _: OFlags, _: Mode) -> Result<OwnedFd, Errno> {
    Err(Errno::NOSYS)
}

/// Gives something another name that nothing has yet.
#[cfg(any(target_os = "linux", target_vendor = "apple"))]
pub(super) fn rename_exclusively(from: &Dir, old: &OsStr, to: &Dir, new: &OsStr) -> Result<(), Errno> {
    rustix::fs::renameat_with(from, old, to, new, rustix::fs::RenameFlags::NOREPLACE)
}

#[cfg(not(any(target_os = "linux", target_vendor = "apple")))]
pub(super) fn rename_exclusively(_: &Dir, _: &OsStr, _: &Dir, _: &OsStr) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// Puts everything on the disk that a file system was told.
#[cfg(target_os = "linux")]
pub(super) fn sync_file_system(dir: &Dir) -> Result<(), Errno> {
    rustix::fs::syncfs(dir)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_file_system(_: &Dir) -> Result<(), Errno> {
    Err(Errno::NOSYS)
}

/// Puts on the disk what is in a file, and no more of what is known about it than that takes.
#[cfg(target_os = "linux")]
pub(super) fn sync_data(file: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::fdatasync(file)
}

#[cfg(not(target_os = "linux"))]
pub(super) fn sync_data(file: &OwnedFd) -> Result<(), Errno> {
    rustix::fs::fsync(file)
}

/// Takes the room of a file without making it longer, so that its length still says how much of it was written.
#[cfg(target_os = "linux")]
pub(super) fn preallocate(file: &OwnedFd, size: u64) -> Result<(), Errno> {
    let system = rustix::fs::fstatfs(file)?;
    if is_in_memory(&system) {
        // To take its room would be to clear it, for as long as writing it takes: it is only looked whether it is there.
        let free = system.f_bavail.saturating_mul(u64::try_from(system.f_bsize).unwrap_or_default());
        let taken = u64::try_from(rustix::fs::fstat(file)?.st_blocks).unwrap_or_default() * 512;
        let unlimited = system.f_blocks == 0;
        return if unlimited || size <= free.saturating_add(taken) { Ok(()) } else { Err(Errno::NOSPC) };
    }
    loop {
        match rustix::fs::fallocate(file, rustix::fs::FallocateFlags::KEEP_SIZE, 0, size) {
            Err(Errno::INTR) => {}
            Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::FBIG)) => return Err(error),
            // Not every file system can.
            Ok(()) | Err(_) => return Ok(()),
        }
    }
}

/// Whether the room of a file system is memory.
#[cfg(target_os = "linux")]
fn is_in_memory(system: &rustix::fs::StatFs) -> bool {
    const TMPFS_MAGIC: u64 = 0x0102_1994;
    u64::try_from(system.f_type).is_ok_and(|magic| magic == TMPFS_MAGIC)
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn preallocate(_: &OwnedFd, _: u64) -> Result<(), Errno> {
    Ok(())
}

/// Says that a file will be read from one end to the other.
pub(super) fn expect_reads(file: &OwnedFd) {
    advise(file, 0, 0, Use::Sequential);
}

/// Lets the disk begin with a part of a file that was just written, without waiting for it.
pub(super) fn begin_writing_out(file: &OwnedFd, at: u64, length: u64) {
    advise(file, at, length, Use::Over);
}

#[derive(Clone, Copy)]
enum Use {
    Sequential,
    Over,
}

#[cfg(target_os = "linux")]
fn advise(file: &OwnedFd, at: u64, length: u64, will: Use) {
    use rustix::fs::Advice;
    let advice = match will {
        Use::Sequential => Advice::Sequential,
        // Linux takes this as a reason to write out what is dirty, and then drops nothing of it.
        Use::Over => Advice::DontNeed,
    };
    // A hint, which some file systems do not take.
    let _ = rustix::fs::fadvise(file, at, length.try_into().ok(), advice);
}

#[cfg(not(target_os = "linux"))]
const fn advise(_: &OwnedFd, _: u64, _: u64, _: Use) {}

/// A number of the mount that a directory is in: a disk that was pulled out and put back has lost what was not synced.
#[cfg(target_os = "linux")]
pub(super) fn mount(dir: &Dir) -> u64 {
    use rustix::fs::{AtFlags, StatxFlags};
    // STATX_MNT_ID_UNIQUE, which is of no use to a kernel that does not know it; STATX_MNT_ID may come again.
    let unique = StatxFlags::from_bits_retain(0x4000);
    let stat = rustix::fs::statx(dir, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID | unique);
    stat.map_or(0, |stat| stat.stx_mnt_id)
}

#[cfg(not(target_os = "linux"))]
pub(super) const fn mount(_: &Dir) -> u64 {
    0
}

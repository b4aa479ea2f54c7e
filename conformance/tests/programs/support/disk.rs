//! A small disk: a tmpfs of its own, which only the test and the programs that it starts can see.

use std::{fs, io, path::PathBuf, sync::Arc, thread};

use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};
use tempfile::TempDir;

/// What is left of a page where nothing else fits.
const CRUMB: usize = 512;

/// A directory with a small disk of its own.
#[derive(Debug, Clone)]
pub(crate) struct SmallDisk {
    /// Where it is.
    pub(crate) dir: Arc<TempDir>,
}

impl SmallDisk {
    /// Mounts a disk of `bytes` for as long as `test` runs, which does so on a thread of its own: a mount namespace is
    /// a thread's, and that of the processes that it starts. `None` where this is not allowed (it takes root, on Linux);
    /// then the test says so, and nothing was run.
    pub(crate) fn with<T: Send>(bytes: usize, test: impl FnOnce(&Self) -> T + Send) -> Option<T> {
        let disk = Self { dir: Arc::new(tempfile::tempdir().expect("a temporary directory")) };
        let ran = thread::scope(|scope| {
            let inside = scope.spawn(|| {
                disk.mount(bytes).map(|()| {
                    let done = test(&disk);
                    // Programs that have been ended may hold it for a moment.
                    umount2(disk.dir.path(), MntFlags::MNT_DETACH).expect("it is mounted");
                    done
                })
            });
            inside.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        });
        ran.inspect_err(|error| eprintln!("SKIPPED: no small disk can be mounted here ({error}): it takes root")).ok()
    }

    fn mount(&self, bytes: usize) -> nix::Result<()> {
        const NONE: Option<&str> = None;
        unshare(CloneFlags::CLONE_NEWNS)?;
        // Nothing that is mounted here is seen outside.
        mount(NONE, "/", NONE, MsFlags::MS_REC | MsFlags::MS_PRIVATE, NONE)?;
        let options = format!("size={bytes},mode=700");
        mount(Some("tmpfs"), self.dir.path(), Some("tmpfs"), MsFlags::empty(), Some(options.as_str()))
    }

    fn ballast(&self) -> PathBuf {
        self.dir.path().join("ballast")
    }

    /// Takes `bytes` of the room.
    pub(crate) fn load(&self, bytes: usize) {
        fs::write(self.ballast(), vec![0xba; bytes]).expect("there is room");
    }

    /// Takes all the room that is left.
    pub(crate) fn fill(&self) {
        let mut ballast = fs::OpenOptions::new().append(true).create(true).open(self.ballast()).expect("a file");
        let filled = io::copy(&mut io::Read::take(io::repeat(0xba), u64::MAX), &mut ballast);
        assert_eq!(filled.expect_err("it is small").kind(), io::ErrorKind::StorageFull);
        while io::Write::write_all(&mut ballast, &[0xba; CRUMB]).is_ok() {}
    }

    /// Gives the room back.
    pub(crate) fn make_room(&self) {
        fs::remove_file(self.ballast()).expect("it was loaded");
    }
}

//! Notes in files: a few bytes that are replaced often, and are whole whenever the process or the power ends.
//!
//! A file has two slots. A note goes into the one that does not hold the present note, with a number that rises and a
//! checksum; whoever reads takes the higher of those that are whole. Nothing is synced unless it is asked for: the end
//! of the process loses nothing of what was written, a loss of power may.
//!
//! So a note says in which [`Era`] it was written. What was written in the present one is as the process left it; of an
//! earlier one nothing is known that was not synced.

use std::{
    ffi::OsStr,
    os::fd::{AsFd as _, OwnedFd},
};

use papo_proto::disk::NOTE_BYTES_MAX;
use rustix::{
    fs::{FileType, Mode, OFlags, Stat},
    io::Errno,
};
use sha2::{Digest as _, Sha256};

use super::{
    beneath::{Dir, kind},
    pread_into, pwrite_all, system,
};

/// Where the second slot begins.
const SLOT_BYTES: usize = 8 * 1024;
const SUM_BYTES: usize = 16;
/// Checksum, number, era, length.
const HEAD_BYTES: usize = SUM_BYTES + 8 + 32 + 4;
const _: () = assert!(HEAD_BYTES + NOTE_BYTES_MAX <= SLOT_BYTES);

/// A time in which a file system kept in memory what it was told: from one boot, or one mount, to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Era([u8; 32]);

impl Era {
    /// For notes that are as good whenever they were written.
    pub(super) const ANY: Self = Self([0; 32]);

    /// The one in which this boot of the system has had a directory mounted.
    pub(super) fn of(boot: &[u8], dir: &Dir) -> Result<Self, Errno> {
        let mut hash = Sha256::new().chain_update(boot);
        hash.update(system::mount(dir).to_be_bytes());
        // The type of a device's number is not the same everywhere.
        hash.update(rustix::fs::fstat(dir)?.st_dev.to_string());
        Ok(Self(hash.finalize().into()))
    }
}

/// What tells this boot from every other. Where the system does not say, this process counts as one: everything before
/// it may have been followed by a loss of power.
pub(super) fn boot() -> Vec<u8> {
    match std::fs::read("/proc/sys/kernel/random/boot_id") {
        Ok(id) if !id.is_empty() => id,
        Ok(_) | Err(_) => crate::random_seed().0.to_vec(),
    }
}

/// A file with a note in it.
#[derive(Debug)]
pub(super) struct NoteFile {
    file: OwnedFd,
    present: Option<Record>,
}

#[derive(Debug)]
struct Record {
    number: u64,
    era: [u8; 32],
    note: Vec<u8>,
}

impl NoteFile {
    /// The file of that name; made with `create` where there is none.
    pub(super) fn open(dir: &Dir, name: impl AsRef<OsStr>, create: bool) -> Result<Self, Errno> {
        let create = if create { OFlags::CREATE } else { OFlags::empty() };
        let mode = if create.is_empty() { Mode::empty() } else { Mode::RUSR | Mode::WUSR };
        let file = dir.open(name.as_ref(), OFlags::RDWR | OFlags::NONBLOCK | create, mode)?;
        let stat = rustix::fs::fstat(&file)?;
        if kind(&stat) != FileType::RegularFile || stat.st_nlink != 1 {
            return Err(Errno::NXIO);
        }
        let slots = [0, SLOT_BYTES].map(|slot| -> Result<_, Errno> {
            let mut bytes = Vec::with_capacity(SLOT_BYTES);
            pread_into(&file, &mut bytes, slot as u64, SLOT_BYTES)?;
            Ok(Record::decode(&bytes))
        });
        let [first, second] = slots;
        let present = [first?, second?].into_iter().flatten().max_by_key(|record| record.number);
        Ok(Self { file, present })
    }

    /// The note, whenever it was written.
    pub(super) fn note(&self) -> Option<&[u8]> {
        self.present.as_ref().map(|record| &*record.note)
    }

    /// The note, if it was written in that era.
    pub(super) fn note_of(&self, era: Era) -> Option<&[u8]> {
        self.present.as_ref().filter(|record| record.era == era.0).map(|record| &*record.note)
    }

    /// Puts another in its place.
    pub(super) fn put(&mut self, era: Era, note: &[u8]) -> Result<(), Errno> {
        let number = self.present.as_ref().map_or(0, |record| record.number) + 1;
        let record = Record { number, era: era.0, note: note.to_vec() };
        pwrite_all(&self.file, &record.encode(), (number % 2) * SLOT_BYTES as u64)?;
        self.present = Some(record);
        Ok(())
    }

    /// Makes the present one durable.
    pub(super) fn sync(&self) -> Result<(), Errno> {
        system::sync_data(&self.file)
    }

    /// Forgets it.
    pub(super) fn clear(&mut self) -> Result<(), Errno> {
        self.present = None;
        rustix::fs::ftruncate(&self.file, 0)
    }

    /// What the system says of the file.
    pub(super) fn stat(&self) -> Result<Stat, Errno> {
        rustix::fs::fstat(&self.file)
    }

    /// Keeps other programs from opening it the same way. Where the file system knows no locks, nothing does.
    pub(super) fn lock(&self) -> Result<(), Errno> {
        match rustix::fs::flock(self.file.as_fd(), rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(Errno::ACCESS),
            Ok(()) | Err(_) => Ok(()),
        }
    }
}

impl Record {
    fn encode(&self) -> Vec<u8> {
        let length = u32::try_from(self.note.len()).expect("a note is bounded");
        let mut bytes = vec![0; SUM_BYTES];
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.extend_from_slice(&self.era);
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&self.note);
        let sum = sum(&bytes[SUM_BYTES..]);
        bytes[..SUM_BYTES].copy_from_slice(&sum);
        bytes
    }

    /// Of a slot that holds a whole one.
    fn decode(slot: &[u8]) -> Option<Self> {
        let (said, rest) = slot.split_first_chunk::<SUM_BYTES>()?;
        let (number, after) = rest.split_first_chunk()?;
        let (era, after) = after.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let note = after.get(..length)?;
        let summed = HEAD_BYTES - SUM_BYTES + length;
        (sum(&rest[..summed]) == *said).then(|| Self {
            number: u64::from_be_bytes(*number),
            era: *era,
            note: note.to_vec(),
        })
    }
}

fn sum(bytes: &[u8]) -> [u8; SUM_BYTES] {
    *Sha256::digest(bytes).first_chunk().expect("a digest is longer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::beneath::Means;

    fn era(of: u8) -> Era {
        Era([of; 32])
    }

    fn fixture() -> (tempfile::TempDir, Dir) {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = Dir::named(temp.path(), Means::Best).expect("it is there");
        (temp, dir)
    }

    #[test]
    fn the_last_note_is_found_again_and_only_in_its_era_counts_as_present() {
        let (_temp, dir) = fixture();
        assert!(matches!(NoteFile::open(&dir, "n", false), Err(Errno::NOENT)));
        let mut notes = NoteFile::open(&dir, "n", true).expect("it is made");
        assert_eq!(notes.note(), None);
        for number in 0..5_u8 {
            notes.put(era(1), &vec![number; NOTE_BYTES_MAX]).expect("it is written");
            let again = NoteFile::open(&dir, "n", false).expect("it is there");
            assert_eq!(again.note_of(era(1)), Some(&*vec![number; NOTE_BYTES_MAX]));
            assert_eq!((again.note_of(era(2)), again.note().map(<[u8]>::len)), (None, Some(NOTE_BYTES_MAX)));
        }
        notes.put(era(2), b"").expect("it is written");
        let mut again = NoteFile::open(&dir, "n", false).expect("it is there");
        assert_eq!(again.note_of(era(2)), Some(&b""[..]));
        again.clear().expect("it is cut");
        assert_eq!(NoteFile::open(&dir, "n", false).expect("it is there").note(), None);
    }

    #[test]
    fn of_a_note_that_was_half_written_the_one_before_is_left() {
        let (temp, dir) = fixture();
        let mut notes = NoteFile::open(&dir, "n", true).expect("it is made");
        notes.put(era(1), b"the first").expect("it is written");
        notes.put(era(1), b"the second").expect("it is written");
        let path = temp.path().join("n");
        let whole = std::fs::read(&path).expect("it is there");
        let note = || NoteFile::open(&dir, "n", false).expect("it is there").note().map(<[u8]>::to_vec);
        assert_eq!(note(), Some(b"the second".to_vec()));
        // The second is in the first slot.
        for at in [0, SUM_BYTES, SUM_BYTES + 8, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 9] {
            let mut torn = whole.clone();
            torn[at] ^= 0x80;
            std::fs::write(&path, torn).expect("it is ours");
            assert_eq!(note(), Some(b"the first".to_vec()), "{at}");
        }
        std::fs::write(&path, &whole[..SLOT_BYTES]).expect("it is ours");
        assert_eq!(note(), Some(b"the second".to_vec()));
        std::fs::write(&path, &whole[..HEAD_BYTES + 9]).expect("it is ours");
        assert_eq!(note(), None);
    }

    #[test]
    fn another_boot_or_another_directory_of_mounts_is_another_era() {
        let (_temp, dir) = fixture();
        let here = Era::of(b"boot", &dir).expect("it is there");
        assert_eq!(here, Era::of(b"boot", &dir).expect("it is there"));
        assert_ne!(here, Era::of(b"other", &dir).expect("it is there"));
        #[cfg(target_os = "linux")]
        {
            let proc = Dir::named("/proc".as_ref(), Means::Best).expect("Linux has it");
            assert_ne!(here, Era::of(b"boot", &proc).expect("it is there"));
            assert_eq!(boot(), boot());
        }
    }

    #[test]
    fn a_note_that_is_locked_is_not_locked_again() {
        let (_temp, dir) = fixture();
        let first = NoteFile::open(&dir, "n", true).expect("it is made");
        first.lock().expect("it is free");
        let second = NoteFile::open(&dir, "n", false).expect("it is there");
        assert_eq!(second.lock(), Err(Errno::ACCESS));
        drop(first);
        second.lock().expect("it is free again");
    }
}

//! How far what was received has been shown.
//!
//! A message is committed before it is shown, so a program that is killed in between has messages that nobody saw.
//! This file has the number of the last one that was shown: 8 bytes, big-endian, overwritten in place right after the
//! line was written. It is not synced: what a killed process wrote stays; after a loss of power the last messages may
//! be shown once more.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::{FileExt as _, OpenOptionsExt as _},
    path::Path,
};

use super::StoreError;

/// The open file.
#[derive(Debug)]
pub(crate) struct Shown {
    file: File,
    number: u64,
}

impl Shown {
    /// Opens `shown` in a data directory. Where it is missing or cut short, everything up to `received` counts as
    /// shown: better than to show a whole past again.
    ///
    /// # Errors
    /// When it can't be read or made.
    pub(crate) fn open(directory: &Path, received: u64) -> Result<Self, StoreError> {
        let path = directory.join("shown");
        let unusable = |error: io::Error| StoreError::Unusable { path: path.clone(), reason: error.to_string() };
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(unusable)?;
        let mut bytes = [0; 8];
        let found = match file.read_exact(&mut bytes) {
            Ok(()) => u64::from_be_bytes(bytes),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => received,
            Err(error) => return Err(unusable(error)),
        };
        // A number from the future belongs to a store that is gone.
        let mut shown = Self { file, number: 0 };
        shown.write(found.min(received)).map_err(unusable)?;
        Ok(shown)
    }

    /// How far.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Everything up to `number` is shown.
    ///
    /// # Errors
    /// Those of the file.
    pub(crate) fn note(&mut self, number: u64) -> io::Result<()> {
        if number > self.number { self.write(number) } else { Ok(()) }
    }

    fn write(&mut self, number: u64) -> io::Result<()> {
        self.file.write_all_at(&number.to_be_bytes(), 0)?;
        self.number = number;
        Ok(())
    }
}

//! The directory in which a program keeps its state, for one process at a time.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

/// The file whose lock says that the directory is used.
const LOCK: &str = "lock";

/// Why a directory cannot be used: one sentence each, for the person who named it.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// It cannot be made, read or written.
    #[error("the data directory {} cannot be used: {error}", path.display())]
    Unusable {
        /// What could not be made, read or written.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// Another process uses it.
    #[error("another papo uses {}: give this one its own with --data", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// A secret is not of the right length.
    #[error(
        "{} does not hold a secret of 32 bytes: restore it from a copy, or remove it to begin with a new one",
        path.display()
    )]
    BadSecret {
        /// The file.
        path: PathBuf,
    },
    /// A secret can be read by others.
    #[error("{} can be read by others: make it private (chmod 600) before it is used", path.display())]
    OpenSecret {
        /// The file.
        path: PathBuf,
    },
}

/// A data directory that this process has to itself for as long as this value lives.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    /// Its lock ends when it is dropped.
    _lock: File,
}

impl DataDir {
    /// Opens the directory and locks it. One that is missing is made, for its owner alone.
    ///
    /// # Errors
    /// When it cannot be used, or another process uses it.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, DataDirError> {
        let path = path.as_ref().to_owned();
        let unusable = |error| DataDirError::Unusable { path: path.clone(), error };
        create(&path).map_err(unusable)?;
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        private(&mut options);
        let lock = options.open(path.join(LOCK)).map_err(unusable)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock }),
            Err(TryLockError::WouldBlock) => Err(DataDirError::Locked { path }),
            Err(TryLockError::Error(error)) => Err(unusable(error)),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The secret of 32 bytes in the file `name`, and whether it was made just now because it was missing. A new one
    /// is readable by its owner alone and appears whole or not at all.
    ///
    /// # Errors
    /// When it cannot be read or made, can be read by others, or is not 32 bytes long. A bad one is left as it is.
    pub fn secret(&self, name: &str) -> Result<([u8; 32], bool), DataDirError> {
        let path = self.path.join(name);
        match self.read_secret(&path)? {
            Some(secret) => Ok((secret, false)),
            None => self
                .create_secret(&path, name)
                .map(|secret| (secret, true))
                .map_err(|error| DataDirError::Unusable { path, error }),
        }
    }

    #[expect(clippy::unused_self, reason = "only the holder of the lock reads it")]
    fn read_secret(&self, path: &Path) -> Result<Option<[u8; 32]>, DataDirError> {
        let unusable = |error| DataDirError::Unusable { path: path.to_owned(), error };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unusable(error)),
        };
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            if file.metadata().map_err(unusable)?.mode() & 0o077 != 0 {
                return Err(DataDirError::OpenSecret { path: path.to_owned() });
            }
        }
        let mut bytes = Vec::new();
        file.take(33).read_to_end(&mut bytes).map_err(unusable)?;
        let secret = bytes.try_into().map_err(|_| DataDirError::BadSecret { path: path.to_owned() })?;
        Ok(Some(secret))
    }

    fn create_secret(&self, path: &Path, name: &str) -> io::Result<[u8; 32]> {
        let secret = crate::random_bytes()?;
        let unfinished = self.path.join(format!("{name}.new"));
        // One that a killed process left behind may have any content and mode.
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        private(&mut options);
        let mut file = options.open(&unfinished)?;
        file.write_all(&secret)?;
        file.sync_all()?;
        fs::rename(&unfinished, path)?;
        // The name is on the disk only when the directory is; elsewhere directories cannot be opened.
        #[cfg(unix)]
        File::open(&self.path)?.sync_all()?;
        Ok(secret)
    }
}

fn create(path: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

#[cfg_attr(not(unix), expect(unused_variables, reason = "only Unix has modes"))]
fn private(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_made_once_and_kept_for_its_owner_alone() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let path = temp.path().join("deep/inside");
        let dir = DataDir::open(&path).expect("it is made");
        let (secret, created) = dir.secret("identity.key").expect("it is made");
        assert!(created);
        assert_ne!(secret, [0; 32]);
        drop(dir);
        let again = DataDir::open(&path).expect("the lock ended").secret("identity.key").expect("it is there");
        assert_eq!(again, (secret, false));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt as _;
            let mode = |path: &Path| fs::metadata(path).expect("it is there").mode() & 0o777;
            assert_eq!((mode(&path), mode(&path.join("identity.key"))), (0o700, 0o600));
        }
    }

    #[test]
    fn a_directory_has_one_user_at_a_time_and_the_second_is_told_what_to_do() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let first = DataDir::open(temp.path()).expect("it is free");
        let error = DataDir::open(temp.path()).expect_err("it is used");
        let path = temp.path().display();
        assert_eq!(error.to_string(), format!("another papo uses {path}: give this one its own with --data"));
        drop(first);
        DataDir::open(temp.path()).expect("it is free again");
    }

    #[test]
    fn a_bad_secret_is_refused_and_left_as_it_is() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = DataDir::open(temp.path()).expect("it is free");
        let path = temp.path().join("identity.key");
        for bytes in [&[1_u8; 31][..], &[1; 33], &[]] {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true);
            private(&mut options);
            options.open(&path).and_then(|mut file| file.write_all(bytes)).expect("it is written");
            assert!(matches!(dir.secret("identity.key"), Err(DataDirError::BadSecret { .. })));
            assert_eq!(fs::read(&path).expect("it is there"), bytes);
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let temp = tempfile::tempdir().expect("a temporary directory");
        let dir = DataDir::open(temp.path()).expect("it is free");
        dir.secret("identity.key").expect("it is made");
        let path = temp.path().join("identity.key");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("it is ours");
        assert!(matches!(dir.secret("identity.key"), Err(DataDirError::OpenSecret { .. })));
    }

    #[test]
    fn a_file_in_its_place_is_no_directory() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        assert!(matches!(DataDir::open(file.path()), Err(DataDirError::Unusable { .. })));
    }
}

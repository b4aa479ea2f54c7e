//! Files that settings stand in, for this program and for whoever hosts a tracker in the same process: a TOML
//! configuration, a secret on a line of its own, and where data goes when nobody says so.

use std::{
    fs::File,
    io::{self, Read as _},
    path::{Path, PathBuf},
};

use etcetera::base_strategy::{BaseStrategy as _, Xdg};
use serde::de::DeserializeOwned;

/// A file with a password or token is not longer, in bytes.
pub const SECRET_BYTES_MAX: u64 = 4096;

/// What is wrong with such a file: one sentence each.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A configuration that is missing, or is not understood.
    #[error("the configuration {} can't be read: {why}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, on one line.
        why: String,
    },
    /// Nowhere to keep data.
    #[error("there is no home directory to keep data in: name a directory with --data")]
    NoHome,
    /// A secret that is missing or no text.
    #[error("{} can't be read: {error}", path.display())]
    Secret {
        /// The file.
        path: PathBuf,
        /// Why.
        error: io::Error,
    },
    /// A secret of several lines.
    #[error("{} holds more than one line: a password or token stands alone in its file", path.display())]
    SecretLines {
        /// The file.
        path: PathBuf,
    },
    /// A secret of more than [`SECRET_BYTES_MAX`].
    #[error("{} holds more than {SECRET_BYTES_MAX} bytes: that is no password or token", path.display())]
    SecretTooLong {
        /// The file.
        path: PathBuf,
    },
}

/// Reads a configuration in TOML.
///
/// # Errors
/// When the file cannot be read, or does not hold what `T` takes; the sentence names the line.
pub fn read_config<T: DeserializeOwned>(path: &Path) -> Result<T, SettingsError> {
    let wrong = |why: String| SettingsError::Config { path: path.to_owned(), why };
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    toml::from_str(&text).map_err(|error| {
        let line = error.span().map_or(0, |span| text[..span.start].lines().count().max(1));
        wrong(format!("line {line}: {}", error.message().replace('\n', " ")))
    })
}

/// The data directory of a program: `program` in the XDG data directory.
///
/// # Errors
/// When there is no home directory.
pub fn default_data(program: &str) -> Result<PathBuf, SettingsError> {
    Xdg::new().map(|xdg| xdg.data_dir().join(program)).map_err(|_| SettingsError::NoHome)
}

/// The line of text that stands alone in a file, without the line break at its end.
///
/// # Errors
/// When the file cannot be read, holds several lines or more than [`SECRET_BYTES_MAX`].
pub fn read_secret(path: &Path) -> Result<String, SettingsError> {
    let failed = |error| SettingsError::Secret { path: path.to_owned(), error };
    let mut text = String::new();
    File::open(path).and_then(|file| file.take(SECRET_BYTES_MAX + 1).read_to_string(&mut text)).map_err(failed)?;
    if text.len() as u64 > SECRET_BYTES_MAX {
        return Err(SettingsError::SecretTooLong { path: path.to_owned() });
    }
    // A newline that an editor leaves, or an echo too many, is no part of it.
    let line = text.trim_end_matches(['\n', '\r']);
    if line.contains(['\n', '\r']) {
        return Err(SettingsError::SecretLines { path: path.to_owned() });
    }
    Ok(line.to_owned())
}

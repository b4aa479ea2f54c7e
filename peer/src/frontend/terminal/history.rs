//! What was typed before: all of it while the program runs, and in a file the commands that say nothing to anyone.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::PathBuf,
};

use crate::frontend::commands::Verb;

/// Lines that are kept.
pub(crate) const LINES_MAX: usize = 1000;

/// The file.
#[derive(Debug)]
pub(crate) struct HistoryFile {
    path: PathBuf,
}

impl HistoryFile {
    /// Names it.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Its last lines; a file that has grown too long is cut.
    pub(crate) fn load(&self) -> Vec<String> {
        let Ok(bytes) = fs::read(&self.path) else { return Vec::new() };
        let text = String::from_utf8_lossy(&bytes);
        let lines = text.lines().filter(|line| is_kept(line)).collect::<Vec<_>>();
        let last =
            lines[lines.len().saturating_sub(LINES_MAX)..].iter().map(|&line| line.to_owned()).collect::<Vec<_>>();
        if lines.len() > 2 * LINES_MAX {
            self.log(self.replace(&last));
        }
        last
    }

    /// Appends a line, if it is one to be kept.
    pub(crate) fn add(&self, line: &str) {
        if is_kept(line) {
            self.log(self.append(line));
        }
    }

    fn append(&self, line: &str) -> io::Result<()> {
        let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(&self.path)?;
        file.write_all(format!("{line}\n").as_bytes())
    }

    fn replace(&self, lines: &[String]) -> io::Result<()> {
        let new = self.path.with_extension("new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        file.write_all((lines.join("\n") + "\n").as_bytes())?;
        fs::rename(new, &self.path)
    }

    fn log(&self, result: io::Result<()>) {
        if let Err(error) = result {
            log::warn!("{} can't be written: {error}", self.path.display());
        }
    }
}

/// A command of one line that carries no text to others.
fn is_kept(line: &str) -> bool {
    let Some(command) = line.strip_prefix('/') else { return false };
    let verb = command.split_whitespace().next().and_then(Verb::named);
    let speaks = |verb| matches!(verb, Verb::Msg | Verb::All | Verb::Profile | Verb::Status);
    !line.contains(['\n', '\r']) && verb.is_some_and(|verb| !speaks(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_keeps_commands_and_never_what_was_said() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = HistoryFile::new(directory.path().join("history"));
        for line in
            ["/join sala", "hello", "//slash", "/msg bia secret", "/all secret", "/jion secret", "/rooms", "/a\n/b"]
        {
            file.add(line);
        }
        assert_eq!(file.load(), ["/join sala", "/rooms"]);
    }

    #[test]
    fn a_long_file_is_cut_to_its_last_lines() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("history");
        let lines = (0..=2 * LINES_MAX).map(|number| format!("/join r{number}\n")).collect::<String>();
        fs::write(&path, lines).expect("writes");
        let file = HistoryFile::new(path.clone());
        let loaded = file.load();
        assert_eq!((loaded.len(), loaded.last().map(String::as_str)), (LINES_MAX, Some("/join r2000")));
        assert_eq!(fs::read_to_string(path).expect("reads").lines().count(), LINES_MAX);
        assert_eq!(file.load(), loaded);
    }
}

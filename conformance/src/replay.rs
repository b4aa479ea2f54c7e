//! Replays a recording that stands in a file.
//!
//! The header names the machine; [`MACHINES`] says which there are. A recording may be long, so it is read line by
//! line, and no line may be longer than [`LINE_BYTES_MAX`].

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, Read as _},
    path::Path,
};

use papo_proto::{
    machine::Machine,
    monitor::Monitor,
    peer::Peer,
    record::{self, ReplayError, Summary},
    relay::{TcpRelay, UdpRelay, chat::Chat},
    tracker::Tracker,
};

/// A stored state of a million accounts still fits into a header.
pub const LINE_BYTES_MAX: u64 = 1 << 30;

/// The machines of papo.
pub const MACHINES: &[Known] = &[
    Known::of::<Tracker>(),
    Known::of::<Peer>(),
    Known::of::<TcpRelay>(),
    Known::of::<UdpRelay>(),
    Known::of::<Chat>(),
    Known::of::<Monitor>(),
];

/// A machine that can be replayed.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    kind: &'static str,
    replay: fn(&mut Lines) -> Result<Summary, ReplayError>,
}

impl Known {
    /// The machine `M`.
    #[must_use]
    pub const fn of<M: Machine>() -> Self {
        Self { kind: M::KIND, replay: |lines| record::replay::<M>(lines) }
    }
}

/// Why a file could not be replayed to its end.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(#[from] io::Error),
    /// It is no recording, or the machine does something else.
    #[error(transparent)]
    Replay(#[from] ReplayError),
}

/// Replays the recording in a file, of one of `machines`.
///
/// # Errors
/// When it cannot be read, is no recording of these machines, or the machine does something else than it did.
pub fn replay_file(path: &Path, machines: &[Known]) -> Result<Summary, Problem> {
    let mut reader = BufReader::new(File::open(path)?);
    let first = next_line(&mut reader)?.ok_or(ReplayError::NoRecording)?;
    let machine = record::machine_of(&first)?;
    let Some(known) = machines.iter().find(|known| known.kind == machine) else {
        return Err(ReplayError::OtherMachine(machine).into());
    };
    let mut lines = Lines { first: Some(first), reader, failed: None };
    let result = (known.replay)(&mut lines);
    // An end that was none would look like a recording that was cut.
    lines.failed.map_or_else(|| Ok(result?), |error| Err(error.into()))
}

/// The lines of a file. After an error there are no more; the error is kept.
#[derive(Debug)]
pub struct Lines {
    first: Option<String>,
    reader: BufReader<File>,
    failed: Option<io::Error>,
}

impl Iterator for Lines {
    type Item = String;

    fn next(&mut self) -> Option<String> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        next_line(&mut self.reader).unwrap_or_else(|error| {
            self.failed = Some(error);
            None
        })
    }
}

/// The next line without its end. What is not UTF-8 (a killed process may have ended within a character) is replaced.
fn next_line(reader: &mut BufReader<File>) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    reader.take(LINE_BYTES_MAX).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
    } else if line.is_empty() {
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use papo_proto::{
        machine::{Event, Outbox},
        time::Time,
    };

    /// Notes what it is commanded.
    struct Scribe;

    impl Machine for Scribe {
        const KIND: &'static str = "scribe";
        type Start = ();
        type Command = String;
        type Notice = String;
        type Change = ();

        fn start((): ()) -> Self {
            Self
        }

        fn handle(&mut self, _: Time, event: Event<'_, String>, out: &mut Outbox<String, ()>) {
            if let Event::Command(text) = event {
                out.notify(text);
            }
        }

        fn deadline(&self) -> Option<Time> {
            None
        }
    }

    const KNOWN: &[Known] = &[Known::of::<Scribe>()];
    const HEADER: &str = r#"{"papo":"0","format":1,"machine":"scribe","start":null}"#;

    fn replay(content: &[u8]) -> Result<Summary, Problem> {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let path = temp.path().join("recording");
        std::fs::write(&path, content).expect("it is written");
        replay_file(&path, KNOWN)
    }

    #[test]
    fn a_file_is_replayed_by_the_machine_that_its_header_names() {
        let text = format!("{HEADER}\n{{\"at\":1,\"event\":{{\"command\":\"é\"}}}}\n{{\"do\":{{\"notify\":\"é\"}}}}\n");
        assert_eq!(replay(text.as_bytes()).expect("it is the same"), Summary { events: 1, actions: 1, cut: false });
        // Within the last é.
        let end = text.rfind('é').expect("it is there") + 1;
        let cut = replay(&text.as_bytes()[..end]).expect("it is the same as far as it goes");
        assert_eq!(cut, Summary { events: 1, actions: 0, cut: true });
        let other = text.replace("\"notify\":\"é\"", "\"notify\":\"e\"");
        assert!(matches!(replay(other.as_bytes()), Err(Problem::Replay(ReplayError::Difference(_)))));
    }

    #[test]
    fn what_is_no_recording_is_told_in_a_sentence() {
        for (content, sentence) in [
            (&b""[..], "this is no recording of papo: its first line is no header"),
            (b"\x7fELF\x00\xff\n\n", "this is no recording of papo: its first line is no header"),
            (
                br#"{"papo":"9","format":7,"machine":"scribe","new":[]}"#,
                "the recording has format 7; this papo reads format 1",
            ),
            (
                br#"{"papo":"0","format":1,"machine":"\u001b[2J","start":null}"#,
                "the recording is of another machine (\\u{1b}[2J)",
            ),
        ] {
            assert_eq!(replay(content).expect_err("it is none").to_string(), sentence);
        }
        assert!(matches!(replay_file(Path::new("/nonexistent/file"), KNOWN), Err(Problem::Unreadable(_))));
    }

    #[test]
    fn a_directory_is_no_recording() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        assert!(matches!(replay_file(temp.path(), KNOWN), Err(Problem::Unreadable(_))));
    }
}

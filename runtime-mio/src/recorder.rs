//! Writes a machine's recording while it runs. See [`papo_proto::record`] for what stands in it.
//!
//! Invariant: an event is in the file before it is handled, and its actions before they are applied; so whatever left
//! the process is in the recording, however the process ended.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use papo_proto::{
    machine::{Event, Outbox},
    record::{self, Header},
    time::Time,
};
use serde::Serialize;

use crate::reactor::Fatal;

/// A recording that is being written.
#[derive(Debug)]
pub struct Recorder {
    file: File,
    path: PathBuf,
    machine: String,
    lines: Vec<u8>,
}

impl Recorder {
    /// Begins a recording in a new file that only its owner can read: it will hold keys and texts.
    ///
    /// # Errors
    /// When the file exists or cannot be made or written.
    pub fn create<S: Serialize>(path: &Path, header: &Header<S>) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        let (path, machine) = (path.to_owned(), header.machine.clone());
        let mut recorder = Self { file, path, machine, lines: Vec::new() };
        record::encode_header(header, &mut recorder.lines)?;
        recorder.write()?;
        Ok(recorder)
    }

    /// The kind of machine that the header names.
    pub(crate) fn machine(&self) -> &str {
        &self.machine
    }

    /// An event is about to be handled.
    pub(crate) fn write_event<C: Serialize>(&mut self, now: Time, event: &Event<'_, C>) -> Result<(), Fatal> {
        let encoded = record::encode_event(now, event, &mut self.lines);
        self.keep(encoded)
    }

    /// Its actions are about to be applied.
    pub(crate) fn write_actions<N: Serialize, C: Serialize>(&mut self, out: &Outbox<N, C>) -> Result<(), Fatal> {
        let encoded = record::encode_outbox(out, &mut self.lines);
        self.keep(encoded)
    }

    fn keep(&mut self, encoded: Result<(), impl Into<io::Error>>) -> Result<(), Fatal> {
        let written = encoded.map_err(Into::into).and_then(|()| self.write());
        written.map_err(|error| Fatal::Record { path: self.path.clone(), error })
    }

    fn write(&mut self) -> io::Result<()> {
        let result = self.file.write_all(&self.lines);
        self.lines.clear();
        result
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::{Node, Options, Reactor};
    use papo_proto::machine::Machine;

    struct Idle;

    impl Machine for Idle {
        const KIND: &'static str = "idle";
        type Start = ();
        type Command = ();
        type Notice = ();
        type Change = ();

        fn start((): ()) -> Self {
            Self
        }

        fn handle(&mut self, _: Time, _: Event<'_, ()>, _: &mut Outbox<(), ()>) {
            panic!("an event that is not recorded must not be handled");
        }

        fn deadline(&self) -> Option<Time> {
            None
        }
    }

    #[test]
    fn a_recording_that_cannot_be_written_ends_the_reactor() {
        let full = OpenOptions::new().write(true).open("/dev/full").expect("Linux has it");
        let path = PathBuf::from("/dev/full");
        let recorder = Recorder { file: full, path, machine: "idle".to_owned(), lines: Vec::new() };
        let mut reactor =
            Reactor::new(Options { connections_max: 1, out_bytes_max: 1, queued_bytes_max: 1 }).expect("a reactor");
        reactor.add(Node {
            machine: Idle,
            store: None,
            passwords: None,
            disk: None,
            on_notice: Box::new(|(), _| {}),
            recorder: Some(recorder),
        });
        let error = reactor.run().expect_err("nothing can be recorded");
        assert!(matches!(error, Fatal::Record { .. }));
        assert!(error.to_string().starts_with("the recording /dev/full has filled its disk: "), "{error}");
    }
}

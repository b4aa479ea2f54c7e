//! One child process: a line feed for each of its outputs, its input, its end.

use std::{
    io::{BufRead as _, BufReader, Read, Write as _},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

use nix::{
    sys::signal::{self, Signal},
    unistd::Pid,
};

use super::{BOUND, feed::Feed};

/// A child process. It is killed when this is dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    /// Lines of its standard output.
    pub(crate) stdout: Arc<Feed<String>>,
    /// Lines of its diagnostics.
    pub(crate) stderr: Arc<Feed<String>>,
}

impl Process {
    /// Starts `command` with three pipes and without anything of the caller's that would change what it does.
    pub(crate) fn start(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
        let stdin = child.stdin.take();
        let (stdout, stderr) = (Arc::default(), Arc::default());
        follow(child.stdout.take().expect("it is piped"), Arc::clone(&stdout));
        follow(child.stderr.take().expect("it is piped"), Arc::clone(&stderr));
        Self { child, stdin, stdout, stderr }
    }

    /// Its number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// The largest memory that it had so far, in bytes, where the system tells.
    pub(crate) fn memory_peak(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
    }

    /// Writes one line to its input.
    pub(crate) fn write_line(&mut self, line: &str) {
        let stdin = self.stdin.as_mut().expect("its input is still open");
        let written =
            stdin.write_all(line.as_bytes()).and_then(|()| stdin.write_all(b"\n")).and_then(|()| stdin.flush());
        if let Err(error) = written {
            panic!("{line:?} cannot be written: {error}\n{}", self.story());
        }
    }

    /// Ends its input.
    pub(crate) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Sends a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).expect("process numbers are small");
        signal::kill(Pid::from_raw(id), signal).expect("it has not been waited for, so its number is its own");
    }

    /// Kills it and waits for its end: what it had not written to its disk or its sockets is gone.
    pub(crate) fn kill(&mut self) {
        self.stdin = None;
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end by itself, and until all that it printed is read.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let until = Instant::now() + BOUND;
        // Both outputs end with the process, and then its status is there at once: no polling.
        for feed in [&self.stdout, &self.stderr] {
            let left = until.saturating_duration_since(Instant::now());
            assert!(feed.wait_ended(left), "it does not end\n{}", self.story());
        }
        self.child.wait().expect("it is a child")
    }

    /// Its exit code, once it ended by itself.
    #[track_caller]
    pub(crate) fn wait_code(&mut self) -> i32 {
        let status = self.wait();
        status.code().unwrap_or_else(|| panic!("it ended by a signal: {status}\n{}", self.story()))
    }

    /// Waits for a line of standard output.
    #[track_caller]
    pub(crate) fn wait_stdout(&self, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        self.wait_line(&self.stdout, what, wanted, BOUND)
    }

    #[track_caller]
    fn wait_line(&self, feed: &Feed<String>, what: &str, wanted: impl Fn(&str) -> bool, bound: Duration) -> String {
        feed.wait(bound, |lines| lines.iter().find(|line| wanted(line)).cloned())
            .unwrap_or_else(|| panic!("it never printed {what}\n{}", self.story()))
    }

    /// Everything that it printed, for whoever has to find out why a test failed.
    pub(crate) fn story(&self) -> String {
        let tail = |feed: &Feed<String>| feed.with(|lines| lines[lines.len().saturating_sub(400)..].join("\n    "));
        format!("process {}\n  stdout:\n    {}\n  stderr:\n    {}", self.id(), tail(&self.stdout), tail(&self.stderr))
    }
}

/// A command that a shell sets a limit for first, for good.
pub(crate) fn limited(command: &Command, limit: &str) -> Command {
    wrapped(command, "sh", &["-c", &format!("{limit} && exec \"$0\" \"$@\"")])
}

/// A command that another program becomes, once it has done its own.
pub(crate) fn wrapped(command: &Command, program: &str, arguments: &[&str]) -> Command {
    let mut wrapped = Command::new(program);
    wrapped.args(arguments).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => wrapped.env(name, value),
            None => wrapped.env_remove(name),
        };
    }
    wrapped
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Reads lines until the end, on a thread of its own. What is no UTF-8 is shown by replacement characters.
fn follow(output: impl Read + Send + 'static, feed: Arc<Feed<String>>) {
    thread::spawn(move || {
        let mut reader = BufReader::new(output);
        let mut line = Vec::new();
        while let Ok(1..) = reader.read_until(b'\n', &mut line) {
            let text = String::from_utf8_lossy(&line);
            feed.push(text.strip_suffix('\n').unwrap_or(&text).to_owned());
            line.clear();
        }
        feed.end();
    });
}

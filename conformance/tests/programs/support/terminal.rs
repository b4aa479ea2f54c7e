//! A peer at a terminal: keys go in, what is on the screen comes out.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::Command,
    sync::Arc,
    thread,
    time::Instant,
};

use nix::sys::{
    signal::Signal,
    termios::{LocalFlags, SetArg, tcgetattr, tcsetattr},
};
use rexpect::process::{PtyProcess, WaitStatus};

use super::{BOUND, feed::Feed, grid::Grid, papo::Options};

/// The size of the pseudo-terminal.
const ROWS: usize = 24;
const COLUMNS: usize = 80;

/// A program at a pseudo-terminal of 80 columns. It is killed when this is dropped.
pub(crate) struct Terminal {
    process: PtyProcess,
    keys: File,
    output: Arc<Feed<u8>>,
    /// Its data directory lives as long as it does.
    _options: Option<Options>,
}

impl Terminal {
    /// Starts a peer.
    pub(crate) fn start(options: Options) -> Self {
        Self { _options: Some(options.clone()), ..Self::start_command(&options.command()) }
    }

    /// Starts any program.
    pub(crate) fn start_command(command: &Command) -> Self {
        let mut command = as_from_a_shell(command);
        command.env("TERM", "xterm-256color");
        let mut process = PtyProcess::new(command).expect("a pseudo-terminal");
        process.set_kill_timeout(Some(2_000));
        let keys = process.get_file_handle().expect("its keyboard");
        let mut screen = process.get_file_handle().expect("its screen");
        let output = Arc::<Feed<u8>>::default();
        let feed = Arc::clone(&output);
        thread::spawn(move || {
            let mut chunk = [0; 8192];
            // The end of a pseudo-terminal is an error (EIO), not an end of file.
            while let Ok(count @ 1..) = screen.read(&mut chunk) {
                feed.extend(&chunk[..count]);
            }
            feed.end();
        });
        Self { process, keys, output, _options: None }
    }

    /// Presses keys: text or control sequences, as they are.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).and_then(|()| self.keys.flush()).expect("the terminal takes keys");
    }

    /// Waits until what the terminal does by itself with what is typed is as wanted; that.
    #[track_caller]
    pub(crate) fn wait_modes(&self, what: &str, wanted: impl Fn(LocalFlags) -> bool) -> LocalFlags {
        let until = Instant::now() + BOUND;
        loop {
            let modes = tcgetattr(&self.keys).expect("it is a terminal").local_flags;
            if wanted(modes) {
                return modes;
            }
            assert!(Instant::now() < until, "the terminal is never {what}\n{}", self.shown());
            thread::yield_now();
        }
    }

    /// Sets the terminal as a shell does while a program of its is stopped, and lets the program go on.
    pub(crate) fn resume_from_shell(&mut self) {
        let mut modes = tcgetattr(&self.keys).expect("it is a terminal");
        modes.local_flags |= LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ISIG;
        tcsetattr(&self.keys, SetArg::TCSANOW, &modes).expect("it takes modes");
        self.process.signal(Signal::SIGCONT).expect("it runs");
    }

    /// How much was printed so far: waits may begin there.
    pub(crate) fn printed(&self) -> usize {
        self.output.len()
    }

    /// Waits until the text appears, escapes aside; everything that was printed since `from`, escapes aside.
    #[track_caller]
    pub(crate) fn wait_shown(&self, from: usize, wanted: &str) -> String {
        self.wait_until(from, wanted, |shown| shown.contains(wanted))
    }

    /// Waits until what was printed since `from`, escapes aside, is as wanted.
    #[track_caller]
    pub(crate) fn wait_until(&self, from: usize, what: &str, wanted: impl Fn(&str) -> bool) -> String {
        let found = self.output.wait(BOUND, |bytes| {
            let shown = without_escapes(bytes.get(from..)?);
            wanted(&shown).then_some(shown)
        });
        found.unwrap_or_else(|| panic!("the terminal never showed {what:?}\n{}", self.shown()))
    }

    /// Waits until the screen, as a terminal shows it, is as wanted; that.
    #[track_caller]
    pub(crate) fn wait_grid(&self, what: &str, wanted: impl Fn(&Grid) -> bool) -> Grid {
        let (mut grid, mut fed) = (Grid::new(ROWS, COLUMNS), 0);
        let found = self.output.wait(BOUND, |bytes| {
            // As it was after each piece, so that nothing that stood there for a moment is missed.
            grid.feed(&bytes[fed..]);
            fed = bytes.len();
            wanted(&grid).then(|| grid.clone())
        });
        found.unwrap_or_else(|| panic!("the terminal never showed {what}\n{grid}"))
    }

    /// Everything so far, escapes aside.
    pub(crate) fn shown(&self) -> String {
        self.output.with(without_escapes)
    }

    /// Its exit code, once it ended by itself.
    #[track_caller]
    pub(crate) fn wait_code(&mut self) -> i32 {
        let started = Instant::now();
        assert!(self.output.wait_ended(BOUND), "it does not end\n{}", self.shown());
        // The screen ends with the process, or a moment before.
        match self.process.wait() {
            Ok(WaitStatus::Exited(_, code)) => code,
            other => panic!("it ended so: {other:?} after {:?}\n{}", started.elapsed(), self.shown()),
        }
    }
}

/// The same command at a terminal that echoes, as a shell gives it: rexpect turns that off.
fn as_from_a_shell(command: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell.args(["-c", "stty echo icanon isig; exec \"$0\" \"$@\""]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell
}

/// What is left of a terminal's output without its control sequences (ECMA-48 CSI, OSC and two-byte escapes).
fn without_escapes(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        if character != '\u{1b}' {
            plain.push(character);
            continue;
        }
        match characters.next() {
            Some('[') => {
                let _ = characters.find(|&end| ('@'..='~').contains(&end));
            }
            Some(']') => {
                let _ = characters.find(|&end| end == '\u{7}');
            }
            _ => {}
        }
    }
    plain
}

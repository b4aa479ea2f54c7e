//! What a program says beside its output: its log, its last words, its panics. All of it goes to standard error, or the
//! log into a file, and passes the one door, [`escape`]: a path, a host name, an error of the system or a panic's
//! message may hold what a stranger wrote.

use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, Write},
    panic::{self, PanicHookInfo},
};

use env_logger::{Builder, Env, Target};
use papo_proto::escape::{self, Line};

/// Logs from now on what `RUST_LOG` says, or else from this `level` on; into `file` where one is given. Panics are told
/// on standard error.
///
/// # Panics
/// When the program logs already.
pub fn start(level: &str, file: Option<Box<dyn Write + Send>>) {
    let mut builder = Builder::from_env(Env::default().default_filter_or(level));
    if let Some(file) = file {
        builder.target(Target::Pipe(file));
    }
    builder
        .format(|out, record| {
            let level = record.level().as_str().to_lowercase();
            writeln!(out, "{level}: {}", Line::from(record.args().to_string()))
        })
        .init();
    panic::set_hook(Box::new(tell_panic));
}

/// Says something on standard error, each line of it escaped. If even that can't be written, the exit code has to say it.
pub fn say(text: &str) {
    drop(write(&mut io::stderr().lock(), text));
}

/// Says what is wrong with how this program was started. Whatever it was given may stand in `text`, and has no lines.
pub fn say_of_arguments(text: &str) {
    let arguments = std::env::args_os().skip(1).map(|argument| argument.to_string_lossy().into_owned());
    say(&without_breaks(text, arguments));
}

fn without_breaks(text: &str, arguments: impl Iterator<Item = String>) -> String {
    arguments.fold(text.to_owned(), |text, argument| {
        let value = argument.split_once('=').map_or(argument.as_str(), |(_, value)| value);
        let text = if argument.contains('\n') { text.replace(&argument, &escape::line(&argument)) } else { text };
        if value.contains('\n') { text.replace(value, &escape::line(value)) } else { text }
    })
}

fn write(to: &mut impl Write, text: &str) -> io::Result<()> {
    let lines = escape::lines(text).map(|line| format!("{line}\n")).collect::<String>();
    to.write_all(lines.as_bytes())
}

fn tell_panic(panic: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    say(&format!("the thread {} {panic}", thread.name().unwrap_or("without a name")));
    let trace = Backtrace::capture();
    if trace.status() == BacktraceStatus::Captured {
        say(&trace.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_has_no_lines() {
        let said = |argument: &str| without_breaks("error: 'a\nb' is none\n\nUsage", [argument.to_owned()].into_iter());
        for argument in ["a\nb", "--user=a\nb"] {
            assert_eq!(said(argument), "error: 'a\\nb' is none\n\nUsage");
        }
    }

    #[test]
    fn each_line_is_escaped_and_lines_stay_lines() {
        let mut written = Vec::new();
        write(&mut written, "error: \u{1b}[31m\u{202e}\n  one\r\ntwo\u{9b}").expect("memory is written");
        assert_eq!(written, b"error: \\u{1b}[31m\\u{202e}\n  one\ntwo\\u{9b}\n");
    }
}

//! Not a terminal: one line in is one command or text, one line out is one event; no prompt, no colours.
//!
//! A thread reads standard input, a line whenever the session says that it is the next one's turn; this one writes.
//! While the pipe is full, the write waits, the inbox fills, and the links are no longer read.

use std::{
    io::{self, BufRead, Write},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    Conversation, Ended, Turns, Wiring,
    event::Trouble,
    inbox::{Inbox, Waiting},
    is_closed, json, number_of, plain,
    progress::Transfers,
    session::{Effect, Input},
};

/// The longest line of input, in bytes. A message is shorter, even with every character escaped in JSON.
pub(crate) const LINE_BYTES_MAX: usize = 64 * 1024;
/// How much is collected before it is written, while more waits.
const WRITE_BYTES: usize = 32 * 1024;
/// How often it is tried again to have the links read, where that could not be told.
const RETRY: Duration = Duration::from_millis(50);

/// Runs until the machine has ended, or the second signal. `note` is told the number of each message that was shown.
pub(crate) fn run<S: Conversation>(
    mut wiring: Wiring<S>,
    mut note: impl FnMut(u64),
    as_json: bool,
    mut output: impl Write,
) -> Ended {
    let (turn, turns) = mpsc::channel();
    let lines = Arc::clone(&wiring.inbox);
    // It ends with the process: nothing can be done about a read that waits.
    thread::spawn(move || read_lines(io::stdin().lock(), &turns, &lines));
    let mut transfers = Transfers::default();
    let mut open = true;
    let mut page = Page::default();
    loop {
        let timeout = wiring.inbox.is_closed().then_some(RETRY);
        let effects = match wiring.next_effects(timeout) {
            Ok(Some(effects)) => effects,
            Ok(None) => continue,
            Err(ended) => return ended,
        };
        let mut leave = None;
        for effect in effects {
            match effect {
                Effect::Show(event) => {
                    let lines = if as_json {
                        json::lines(&event, wiring.language)
                    } else {
                        let told = transfers.told(Instant::now(), event.clone());
                        told.map_or_else(String::new, |told| plain::lines(&told, wiring.session.me(), wiring.language))
                    };
                    page.push(&lines, number_of(&event));
                }
                Effect::Tell(command) => wiring.tell(command),
                // The reader is gone when the input has ended.
                Effect::Next => drop(turn.send(())),
                // Nothing is completed here, and nobody asked.
                Effect::Prompt(_) | Effect::Learn(_) => {}
                Effect::Leave(code) => leave = Some(Ended { code, abandoned: false }),
                Effect::Abandon(code) => leave = Some(Ended { code, abandoned: true }),
            }
        }
        if open && (leave.is_some() || page.text.len() >= WRITE_BYTES || wiring.inbox.is_empty()) {
            if let Err(error) = page.write(&mut output, &mut note) {
                open = false;
                if !is_closed(&error) {
                    log::error!("the output can't be written: {error}");
                }
                wiring.inbox.push(Input::OutputClosed);
            }
            page.clear();
        }
        if !open {
            page.clear();
        }
        wiring.reopen();
        if let Some(ended) = leave {
            return ended;
        }
    }
}

/// Lines that are to be written, and where the messages among them end.
#[derive(Debug, Default)]
struct Page {
    text: String,
    ends: Vec<(usize, u64)>,
}

impl Page {
    fn push(&mut self, lines: &str, number: Option<u64>) {
        self.text += lines;
        self.ends.extend(number.map(|number| (self.text.len(), number)));
    }

    /// Writes it up to the end of each message, and notes that one before going on: a pipe can be full for long, and
    /// whoever is killed meanwhile must not show again at the next start what was read already.
    fn write(&self, output: &mut impl Write, mut note: impl FnMut(u64)) -> io::Result<()> {
        let mut written = 0;
        for &(end, number) in &self.ends {
            output.write_all(&self.text.as_bytes()[written..end])?;
            output.flush()?;
            note(number);
            written = end;
        }
        output.write_all(&self.text.as_bytes()[written..])?;
        output.flush()
    }

    fn clear(&mut self) {
        self.text.clear();
        self.ends.clear();
    }
}

/// Reads a line for each turn, until the input or the program ends.
fn read_lines<N: Waiting>(mut input: impl BufRead, turns: &Turns, inbox: &Inbox<N>) {
    let mut first = true;
    while turns.recv().is_ok() {
        let read = match next_line(&mut input) {
            Ok(Some(Ok(text))) => {
                let text = if first { without_mark(text) } else { text };
                Input::Line { text, prompt: None }
            }
            Ok(Some(Err(trouble))) => Input::BadLine(trouble),
            Ok(None) => Input::End,
            Err(error) => {
                log::error!("the input can't be read: {error}");
                Input::End
            }
        };
        first = false;
        let end = matches!(read, Input::End);
        inbox.push(read);
        if end {
            return;
        }
    }
}

/// Files that were written elsewhere begin with a byte order mark; behind it the first command would be said aloud.
fn without_mark(text: String) -> String {
    text.strip_prefix('\u{feff}').map_or_else(|| text.clone(), str::to_owned)
}

/// The next line without its line break, or why it can't be taken; `None` at the end.
fn next_line(input: &mut impl BufRead) -> io::Result<Option<Result<String, Trouble>>> {
    let mut line = Vec::new();
    let mut too_long = false;
    loop {
        let bytes = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            filled => filled?,
        };
        let end = bytes.iter().position(|&byte| byte == b'\n');
        let taken = end.unwrap_or(bytes.len());
        if bytes.is_empty() && line.is_empty() && !too_long {
            return Ok(None);
        }
        if !too_long {
            let room = LINE_BYTES_MAX + 1 - line.len();
            line.extend_from_slice(&bytes[..taken.min(room)]);
            too_long = line.len() > LINE_BYTES_MAX;
        }
        let last = end.is_some() || bytes.is_empty();
        let used = taken + usize::from(end.is_some());
        input.consume(used);
        if last {
            break;
        }
    }
    if too_long {
        return Ok(Some(Err(Trouble::LineTooLong { max: LINE_BYTES_MAX })));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(Some(String::from_utf8(line).map_err(|_| Trouble::NotUtf8)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::inbox::Next;

    fn lines(input: &[u8]) -> Vec<Result<String, Trouble>> {
        // A small buffer: lines are longer than what one read gives.
        let mut input = io::BufReader::with_capacity(7, input);
        std::iter::from_fn(|| next_line(&mut input).expect("memory can be read")).collect()
    }

    fn ok(text: &str) -> Result<String, Trouble> {
        Ok(text.to_owned())
    }

    #[test]
    fn lines_are_read_with_either_ending_and_the_last_one_without() {
        assert_eq!(lines("one\n\ntwo lines\r\ntrês".as_bytes()), [ok("one"), ok(""), ok("two lines"), ok("três")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_at_the_limit_is_taken_and_one_past_it_is_refused_whole() {
        let limit = "x".repeat(LINE_BYTES_MAX);
        let input = format!("{limit}\n{limit}x\n{limit}{limit}\nnext");
        let long = || Err(Trouble::LineTooLong { max: LINE_BYTES_MAX });
        assert_eq!(lines(input.as_bytes()), [ok(&limit), long(), long(), ok("next")]);
    }

    /// An output that takes so many bytes, and then no more.
    struct Full(usize);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken > 0 { Ok(taken) } else { Err(io::ErrorKind::WouldBlock.into()) }
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_was_written_whole_is_noted_although_the_rest_does_not_go_out() {
        let mut page = Page::default();
        for (lines, number) in [("one\n", Some(7)), ("notice\n", None), ("two\n", Some(8)), ("three\n", Some(9))] {
            page.push(lines, number);
        }
        for (room, wanted) in [(3, &[][..]), (4, &[7]), (14, &[7]), (15, &[7, 8]), (20, &[7, 8]), (21, &[7, 8, 9])] {
            let mut noted = Vec::new();
            let written = page.write(&mut Full(room), |number| noted.push(number));
            assert_eq!((noted.as_slice(), written.is_ok()), (wanted, room == 21), "{room}");
        }
    }

    #[test]
    fn a_byte_order_mark_before_the_first_line_is_no_part_of_it() {
        let (turn, turns) = mpsc::channel();
        let inbox = Inbox::<papo_proto::peer::Notice>::default();
        for _ in 0..3 {
            turn.send(()).expect("the reader is there");
        }
        read_lines("\u{feff}/join sala\n\u{feff}said\n".as_bytes(), &turns, &inbox);
        let next = || match inbox.next(Some(Duration::ZERO)) {
            Next::Input(input) => *input,
            other => panic!("{other:?}"),
        };
        assert!(matches!(next(), Input::Line { text, .. } if text == "/join sala"));
        assert!(matches!(next(), Input::Line { text, .. } if text == "\u{feff}said"));
    }

    #[test]
    fn what_is_not_utf8_is_refused_and_the_next_line_read() {
        assert_eq!(lines(b"a\xffb\nnext"), [Err(Trouble::NotUtf8), ok("next")]);
    }
}

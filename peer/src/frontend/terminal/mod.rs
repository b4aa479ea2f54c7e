//! The terminal: a line editor below, what happens above it.
//!
//! - [`repl`]: the thread that reads lines; [`screen`]: what it shares with this one.
//! - [`printer`]: the thread that prints above the line.
//! - [`completion`], [`history`]: what helps while typing.
//! - [`echo`]: nothing but the editor shows what is typed.
//! - [`render`], [`colour`]: how things look.
//!
//! What one says oneself is shown once, as the line that was typed; only that it waits for someone is told. Receipts
//! are told when they are late.
//!
//! Invariant: while the line editor runs, nothing writes to the terminal but it.

pub(crate) mod colour;
mod completion;
mod echo;
mod history;
mod printer;
pub(crate) mod render;
mod repl;
pub(crate) mod screen;

use std::{
    path::PathBuf,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use jiff::tz::TimeZone;
use papo_proto::{escape::Line, peer::Notice, relay::chat, time::Wall};

use self::{
    colour::Theme,
    completion::LineHelper,
    echo::EchoOff,
    history::HistoryFile,
    printer::{Page, Printer},
    render::Renderer,
    screen::Screen,
};
use super::{
    Conversation, Ended, Wiring, columns,
    commands::Verb,
    event::Event,
    lines::{self, Shown},
    number_of,
    paths::Paths,
    progress::Transfers,
    sentences::{Language, files},
    session::Effect,
};

/// How much is collected into a page, while more waits.
const PAGE_BYTES: usize = 16 * 1024;
/// How often it is tried again to wake the reading thread, or to have the links read.
const RETRY: Duration = Duration::from_millis(50);
/// How often the row of progress changes.
const PROGRESS_EVERY: Duration = Duration::from_millis(250);
/// How long the last pages and the reading thread are waited for at the end.
const FINISH_MAX: Duration = Duration::from_secs(2);
/// How long the last pages take where nothing holds them.
const PRINT_MAX: Duration = Duration::from_millis(300);
/// How often the end of a thread is looked for.
const LOOK: Duration = Duration::from_millis(5);
/// A page that was printed so shortly before a line was entered may still be inside the line editor.
const IN_EDITOR_MAX: Duration = Duration::from_millis(500);

/// Runs until the machine has ended, or the second signal. There are these commands; `note` is told the number of each
/// message that was shown.
///
/// # Errors
/// When the terminal refuses from the start.
pub(crate) fn run<S: Conversation>(
    mut wiring: Wiring<S>,
    note: impl FnMut(u64) + Send + 'static,
    verbs: &'static [Verb],
    screen: &Arc<Screen>,
    theme: Theme,
    history: PathBuf,
    paths: Paths,
) -> rustyline::Result<Ended> {
    let _echo_off = EchoOff::begin();
    let history = HistoryFile::new(history);
    let language = wiring.language;
    let mut editor = repl::editor(LineHelper { screen: Arc::clone(screen), theme, paths, language, verbs }, &history)?;
    let printer = Printer::start(editor.create_external_printer()?, note, Arc::clone(screen));
    let reader = {
        let (screen, inbox) = (Arc::clone(screen), Arc::clone(&wiring.inbox));
        thread::spawn(move || repl::read(editor, &history, &screen, &inbox))
    };
    let renderer = Renderer { theme, zone: TimeZone::system(), language };
    let mut page = Page { text: String::new(), number: None };
    let (mut transfers, mut progress_shown) = (Transfers::default(), None::<Instant>);
    let ended = loop {
        let moves = show_progress(language, &transfers, &mut progress_shown, screen, &printer);
        let retry = (screen.remind() || wiring.inbox.is_closed()).then_some(RETRY);
        let timeout = retry.or_else(|| moves.then_some(PROGRESS_EVERY));
        let effects = match wiring.next_effects(timeout) {
            Ok(Some(effects)) => effects,
            Ok(None) => continue,
            Err(ended) => break ended,
        };
        let mut leave = None;
        for effect in effects {
            match effect {
                Effect::Show(event) => {
                    screen.words(|words| words.learn(&event));
                    // What moves has a row of its own.
                    let Some(event) = transfers.told(Instant::now(), event) else { continue };
                    if matches!(event, Event::Progress(_)) {
                        continue;
                    }
                    page.text += &renderer.text(&seen(&event, wiring.session.me(), language), now(), columns());
                    page.number = number_of(&event).or(page.number);
                }
                Effect::Learn(event) => {
                    screen.words(|words| words.learn(&event));
                    transfers.told(Instant::now(), event);
                }
                Effect::Tell(command) => wiring.tell(command),
                Effect::Next => {
                    // What the line led to stands above the next prompt.
                    flush(&mut page, &printer);
                    screen.give_turn();
                }
                Effect::Prompt(prompt) => screen.show_prompt(prompt),
                Effect::Leave(code) => leave = Some(Ended { code, abandoned: false }),
                Effect::Abandon(code) => leave = Some(Ended { code, abandoned: true }),
            }
        }
        if leave.is_some() || page.text.len() >= PAGE_BYTES || wiring.inbox.is_empty() {
            flush(&mut page, &printer);
        }
        wiring.reopen();
        if let Some(ended) = leave {
            break ended;
        }
    };
    finish(printer, screen, &reader);
    Ok(ended)
}

/// Keeps the row of progress true, as often as it can be read. Whether there is one.
fn show_progress(
    language: Language,
    transfers: &Transfers,
    shown: &mut Option<Instant>,
    screen: &Screen,
    printer: &Printer,
) -> bool {
    let now = Instant::now();
    let line = files::progress_of_all(language, &transfers.moving(now)).map(Line::from);
    let moves = line.is_some();
    if moves && shown.is_some_and(|shown| now.duration_since(shown) < PROGRESS_EVERY) {
        return moves;
    }
    *shown = moves.then_some(now);
    let row = line.map_or_else(String::new, |line| render::cut(&line, columns()).to_owned());
    if screen.show_progress(&row) {
        printer.refresh();
    }
    moves
}

/// What is seen of an event here: what one says oneself stands there already, as it was typed.
fn seen(event: &Event, me: &papo_proto::names::Name, language: Language) -> Vec<Shown> {
    let mut shown = lines::of(event, me, language);
    if matches!(event, Event::Notice(Notice::Said { .. }) | Event::Relay(chat::Notice::Said { .. })) {
        shown.retain(|one| !matches!(one, Shown::Message(_)));
    }
    shown
}

fn flush(page: &mut Page, printer: &Printer) {
    if !page.text.is_empty() {
        printer.print(Page { text: std::mem::take(&mut page.text), number: page.number.take() });
    }
}

fn now() -> Wall {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Wall(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Lets the last pages be printed, then the reading thread end: the terminal is as it was before.
fn finish(mut printer: Printer, screen: &Screen, reader: &JoinHandle<()>) {
    let end = Instant::now() + FINISH_MAX;
    let inside = printer.last_printed().is_some_and(|printed| screen.returned_within(printed, IN_EDITOR_MAX));
    if inside {
        // The editor may have taken a page without printing it: it listens once more, and the empty page that follows
        // is taken only after the one before it.
        screen.give_turn();
        wait_until(end, || screen.is_reading() || reader.is_finished());
        printer.print(Page { text: String::new(), number: None });
    }
    printer.close();
    let quickly = Instant::now() + PRINT_MAX;
    if !wait_until(quickly, || printer.is_done()) {
        // A page waits for an editor that does not listen.
        screen.give_turn();
        wait_until(end, || printer.is_done());
    }
    screen.stop();
    wait_until(end, || {
        screen.remind();
        reader.is_finished()
    });
}

/// Looks every few milliseconds, since neither thread can be waited for with a limit. Whether it came true.
fn wait_until(end: Instant, mut is_so: impl FnMut() -> bool) -> bool {
    loop {
        if is_so() {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        thread::sleep(LOOK);
    }
}

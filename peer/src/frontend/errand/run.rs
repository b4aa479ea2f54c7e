//! Waits, reads and writes for an errand: what was done goes to standard output, how it goes to standard error. With
//! `--json` every event goes to standard output.
//!
//! What others say meanwhile is kept and not shown here: it is shown when papo is started to talk.

use std::{
    io::Write,
    time::{Duration, Instant},
};

use papo_proto::peer::{Command, Note, Notice};
use papo_runtime_mio::diagnostics;

use super::{Doing, Effect, Errand, bars::Bars};
use crate::frontend::{
    Conversation as _, Ended, Wiring,
    event::{Event, Info},
    inbox::Next,
    is_closed, json, plain,
    progress::Transfers,
    sentences::Language,
    session::{self, EXIT_FAILURE, Input},
};

/// How often it is looked whether bars still move, or the links are to be read again.
const LOOK: Duration = Duration::from_millis(500);

/// How an errand is told of.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Telling {
    /// As objects.
    pub(crate) json: bool,
    /// With bars.
    pub(crate) bars: bool,
}

/// Runs until it is done, or the second signal.
pub(crate) fn run(mut wiring: Wiring, errand: Errand, telling: Telling, output: impl Write) -> Ended {
    let mut doing = Doing::new(errand);
    let bars = (telling.bars && !telling.json).then(|| Bars::new(wiring.language));
    let mut teller = Teller {
        json: telling.json,
        language: wiring.language,
        bars,
        transfers: Transfers::default(),
        output,
        open: true,
        told_closed: false,
    };
    loop {
        let now = Instant::now();
        let until = doing.deadline().map(|deadline| deadline.saturating_duration_since(now));
        let timeout = until.into_iter().chain([LOOK]).min();
        let input = match wiring.inbox.next(timeout) {
            Next::Input(input) => Some(*input),
            Next::Nothing => None,
            Next::Ended => return Ended { code: EXIT_FAILURE, abandoned: false },
        };
        let now = Instant::now();
        let mut todo = Vec::new();
        if doing.deadline().is_some_and(|deadline| now >= deadline) {
            todo.extend(doing.due(now));
        }
        let mut ended = None;
        if let Some(input) = input {
            if matches!(input, Input::Signal { .. }) && doing.is_under_way() {
                teller.show(now, Event::Info(Info::GoesOn), &wiring.session);
            }
            let heard = match &input {
                Input::Notice(notice) => Some(notice.clone()),
                _ => None,
            };
            for effect in wiring.session.handle(input) {
                match effect {
                    session::Effect::Show(event) if telling.json => teller.show(now, event, &wiring.session),
                    session::Effect::Show(event) => {
                        if let Some(event) = doing.as_told(event) {
                            teller.show(now, event, &wiring.session);
                        }
                    }
                    session::Effect::Tell(command) => wiring.tell(command),
                    session::Effect::Next => todo.extend(doing.begin(now)),
                    session::Effect::Prompt(_) | session::Effect::Learn(_) => {}
                    session::Effect::Leave(code) => ended = Some(Ended { code, abandoned: false }),
                    session::Effect::Abandon(code) => ended = Some(Ended { code, abandoned: true }),
                }
            }
            todo.extend(heard.into_iter().flat_map(|notice| doing.handle(now, &notice)));
        }
        for effect in todo {
            match effect {
                Effect::Ask(token, request) => wiring.tell(Command::Ask { token, request }),
                Effect::Show(event) => teller.show(now, event, &wiring.session),
                Effect::Leave(code) => {
                    for effect in wiring.session.handle(Input::Leave(code)) {
                        if let session::Effect::Tell(command) = effect {
                            wiring.tell(command);
                        }
                    }
                }
            }
        }
        teller.show_bars(now);
        if teller.was_closed() {
            wiring.inbox.push(Input::OutputClosed);
        }
        wiring.reopen();
        if let Some(ended) = ended {
            return ended;
        }
    }
}

/// What tells of an errand.
struct Teller<W> {
    json: bool,
    language: Language,
    bars: Option<Bars>,
    transfers: Transfers,
    output: W,
    open: bool,
    told_closed: bool,
}

impl<W: Write> Teller<W> {
    fn show(&mut self, now: Instant, event: Event, session: &session::Session) {
        // Whoever talks next sees them: until then they count as not shown.
        if matches!(event, Event::Notice(Notice::Message(_))) {
            return;
        }
        if self.json {
            self.transfers.told(now, event.clone());
            return self.write(&json::lines(&event, self.language));
        }
        let Some(event) = self.transfers.told(now, event) else { return };
        let drawn = self.bars.is_some() && matches!(event, Event::Progress(_));
        if drawn || !concerns(&event) {
            return;
        }
        let lines = plain::lines(&event, session.me(), self.language);
        if matches!(event, Event::Arrived { .. }) {
            self.write(&lines);
        } else {
            self.above(|_| lines.lines().for_each(diagnostics::say));
        }
    }

    fn show_bars(&mut self, now: Instant) {
        if let Some(bars) = &mut self.bars {
            bars.show(&self.transfers.moving(now));
        }
    }

    fn write(&mut self, lines: &str) {
        if !self.open {
            return;
        }
        let mut written = Ok(());
        self.above(|output| written = output.write_all(lines.as_bytes()).and_then(|()| output.flush()));
        if let Err(error) = written {
            if !is_closed(&error) {
                log::error!("the output can't be written: {error}");
            }
            self.open = false;
        }
    }

    /// Bars may be on the same terminal.
    fn above(&mut self, say: impl FnOnce(&mut W)) {
        match &self.bars {
            Some(bars) => bars.above(|| say(&mut self.output)),
            None => say(&mut self.output),
        }
    }

    /// Whether nobody reads what was done; told once.
    fn was_closed(&mut self) -> bool {
        let closed = !self.open && !self.told_closed;
        self.told_closed |= closed;
        closed
    }
}

/// What a person who has one thing done wants to know.
const fn concerns(event: &Event) -> bool {
    match event {
        // There is none here.
        Event::Relay(_) => false,
        Event::Notice(notice) => matches!(
            notice,
            Notice::ListenRefused { .. }
                | Notice::Offer { .. }
                | Notice::Offered { .. }
                | Notice::TransferEnded { .. }
                | Notice::Failed(_)
                | Notice::Note(
                    Note::Skipped { .. }
                        | Note::TransferPaused { .. }
                        | Note::KeyChanged { .. }
                        | Note::TrackerLost { .. }
                        | Note::Replaced
                        | Note::LinkFault { .. }
                        | Note::Refused { .. }
                )
        ),
        Event::Info(info) => matches!(
            info,
            Info::Sending { .. } | Info::Receiving { .. } | Info::NotForThis { .. } | Info::GoesOn | Info::Recording(_)
        ),
        Event::Arrived { .. } | Event::Progress(_) | Event::Problem(_) | Event::Mistake(_) | Event::Trouble(_) => true,
        Event::Inactive(_) | Event::Counters { .. } => false,
    }
}

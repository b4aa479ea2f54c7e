//! One thing to do, from a shell: `papo send` and `papo receive`. Nobody types; it ends when it is done.
//!
//! - here: what is decided. It is pure: the time comes with each call, what is to be done goes out as [`Effect`]s. The
//!   [`Session`](super::session::Session) beside it brings the peer to where it can begin, as it does for a script.
//! - [`run`]: what waits, reads and writes.
//! - [`bars`]: how far things are, at a terminal.
//!
//! **Sending**: what was begun in a former run and is still the same is gone on with, and not sent once more. Whoever is
//! not linked is waited for, so long and not longer, each time that the link is gone. What had not begun by then is
//! taken back; everything else stays, and goes on with the next run.
//!
//! **Receiving**: every offer is accepted, or those of one person; others stay undecided.
//!
//! Invariant: once it has said [`Effect::Leave`], nothing else follows.

mod bars;
pub(crate) mod run;

use std::time::{Duration, Instant};

use papo_proto::{
    names::Name,
    peer::{
        Notice, Problem, Request,
        interface::{PeerEvent, Phase, Target, TransferSeen},
    },
    wire::{tracker::Failure, transfer::Reason},
};

use super::{
    event::{Event, Info, Trouble},
    session::{EXIT_FAILURE, EXIT_FINE, EXIT_REFUSED, EXIT_UNREACHABLE},
};

/// How often whoever is not known yet is asked for.
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// Tokens from here on are an errand's, those below a session's.
const TOKENS: u64 = 1 << 32;

/// What is to be done.
#[derive(Debug, Clone)]
pub(crate) enum Errand {
    /// Send something to someone.
    Send {
        /// What.
        items: Vec<Item>,
        /// To whom.
        to: Name,
        /// How long it is waited for.
        wait: Duration,
        /// There is a tracker, which knows who there is.
        tracker: bool,
    },
    /// Receive what is sent.
    Receive {
        /// Only the first that comes.
        once: bool,
        /// Only from this one.
        from: Option<Name>,
    },
}

/// Something to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    /// Absolute.
    pub(crate) path: String,
    /// Its last component.
    pub(crate) name: String,
    /// Whether it is a directory.
    pub(crate) tree: bool,
    /// The length of a file.
    pub(crate) size: u64,
}

/// What is to be done about something.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Ask the peer.
    Ask(u64, Request),
    /// Show this.
    Show(Event),
    /// End with this code.
    Leave(u8),
}

/// How far an item is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    /// Not asked for yet.
    New,
    /// The peer is asked to send it.
    Asked,
    /// It has a number.
    Offered {
        transfer: u64,
        /// It was begun here, and nothing of it has moved yet.
        untouched: bool,
        /// It was begun in a former run, so it may have changed since.
        former: bool,
    },
    Sent,
    Failed,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Doing {
    errand: Errand,
    stages: Vec<Stage>,
    /// The number that was given to the item that is asked for.
    offered: Option<u64>,
    /// Transfers that are received, from their acceptance on.
    accepting: Vec<(u64, u64)>,
    begun: bool,
    linked: bool,
    /// Since when whoever is to receive is not linked.
    alone_since: Option<Instant>,
    ask_again: Option<Instant>,
    tokens: u64,
    left: bool,
    effects: Vec<Effect>,
}

impl Doing {
    /// Nothing has happened yet.
    pub(crate) fn new(errand: Errand) -> Self {
        let stages = match &errand {
            Errand::Send { items, .. } => vec![Stage::New; items.len()],
            Errand::Receive { .. } => Vec::new(),
        };
        Self {
            errand,
            stages,
            offered: None,
            accepting: Vec::new(),
            begun: false,
            linked: false,
            alone_since: None,
            ask_again: None,
            tokens: TOKENS,
            left: false,
            effects: Vec::new(),
        }
    }

    /// The peer is ready.
    pub(crate) fn begin(&mut self, now: Instant) -> Vec<Effect> {
        self.begun = true;
        let info = match &self.errand {
            Errand::Send { to, wait, .. } => Info::Sending { to: to.clone(), seconds: wait.as_secs() },
            Errand::Receive { from, .. } => Info::Receiving { from: from.clone() },
        };
        self.show(Event::Info(info));
        if !self.linked {
            self.alone_since = Some(now);
        }
        // What is on its way already is gone on with.
        self.ask(Request::Transfers);
        self.take()
    }

    /// The peer says something.
    pub(crate) fn handle(&mut self, now: Instant, notice: &Notice) -> Vec<Effect> {
        if !self.left {
            match self.errand.clone() {
                Errand::Send { to, tracker, items, .. } => self.send_on(now, notice, &to, tracker, &items),
                Errand::Receive { once, from } => self.receive_on(notice, once, from.as_ref()),
            }
        }
        self.take()
    }

    /// When [`Self::due`] is to be called.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let Errand::Send { wait, .. } = &self.errand else { return None };
        let end = self.alone_since.map(|since| since + *wait);
        if self.left { None } else { end.into_iter().chain(self.ask_again).min() }
    }

    /// It is that late.
    pub(crate) fn due(&mut self, now: Instant) -> Vec<Effect> {
        let Errand::Send { to, wait, .. } = self.errand.clone() else { return Vec::new() };
        if self.left {
            return Vec::new();
        }
        if self.alone_since.is_some_and(|since| now >= since + wait) {
            self.give_up(Event::Trouble(Trouble::NotReached { user: to, seconds: wait.as_secs() }));
        } else if self.ask_again.is_some_and(|at| now >= at) {
            self.ask_again = None;
            self.send_next();
        }
        self.take()
    }

    /// An event as a person is told of it: an offer that is wanted is as good as accepted, and of no other is told here.
    pub(crate) fn as_told(&self, mut event: Event) -> Option<Event> {
        if let Event::Notice(Notice::Offer { from, accepted, .. }) = &mut event {
            match &self.errand {
                Errand::Receive { from: only, .. } if only.as_ref().is_none_or(|only| only == from) => *accepted = true,
                Errand::Send { .. } | Errand::Receive { .. } => return None,
            }
        }
        Some(event)
    }

    /// Whether something would go on with another run.
    pub(crate) fn is_under_way(&self) -> bool {
        !self.accepting.is_empty() || self.stages.iter().any(|stage| matches!(stage, Stage::Offered { .. }))
    }

    // Sending.

    fn send_on(&mut self, now: Instant, notice: &Notice, to: &Name, tracker: bool, items: &[Item]) {
        match notice {
            Notice::Peer { what, user, .. } if user == to => {
                self.linked = *what == PeerEvent::Linked || (self.linked && *what == PeerEvent::Found);
                let alone = self.begun && !self.linked;
                self.alone_since = alone.then(|| self.alone_since.unwrap_or(now));
                if self.ask_again.take().is_some() {
                    self.send_next();
                }
            }
            Notice::Transfers { rows } => self.go_on_with(rows, to, items),
            Notice::Offered { transfer, .. } if self.stages.contains(&Stage::Asked) => self.offered = Some(*transfer),
            Notice::Progress { transfer, done, .. } if *done > 0 => {
                if let Some(Stage::Offered { untouched, .. }) = self.stage(*transfer) {
                    *untouched = false;
                }
            }
            Notice::Sent { transfer, .. } => {
                if let Some(stage) = self.stage(*transfer) {
                    *stage = Stage::Sent;
                }
                self.finish();
            }
            Notice::TransferEnded { transfer, reason, .. } => {
                if let Some(stage) = self.stage(*transfer) {
                    let again = *reason == Reason::Changed && matches!(stage, Stage::Offered { former: true, .. });
                    *stage = if again { Stage::New } else { Stage::Failed };
                    if again {
                        self.send_next();
                    }
                }
                self.finish();
            }
            Notice::Outcome { token, problem } if *token > TOKENS && *token == self.tokens => {
                self.on_send_outcome(now, problem.as_ref(), tracker);
            }
            _ => {}
        }
    }

    fn stage(&mut self, number: u64) -> Option<&mut Stage> {
        self.stages.iter_mut().find(|stage| matches!(stage, Stage::Offered { transfer, .. } if *transfer == number))
    }

    /// Finds the items again that a former run has begun to send.
    fn go_on_with(&mut self, rows: &[TransferSeen], to: &Name, items: &[Item]) {
        let mut resumed = Vec::new();
        for (stage, item) in self.stages.iter_mut().zip(items).filter(|(stage, _)| **stage == Stage::New) {
            let same = |row: &&TransferSeen| {
                let what = (row.name == item.name, row.tree == item.tree, row.tree || row.total == item.size);
                !row.incoming && row.user == *to && what == (true, true, true) && !resumed.contains(&row.transfer)
            };
            if let Some(row) = rows.iter().find(same) {
                *stage = Stage::Offered { transfer: row.transfer, untouched: false, former: true };
                resumed.push(row.transfer);
                if matches!(row.phase, Phase::Paused { here: true, .. }) {
                    self.effects.push(Effect::Ask(0, Request::Resume { transfer: row.transfer }));
                }
            }
        }
    }

    fn send_next(&mut self) {
        let Errand::Send { items, to, .. } = &self.errand else { return };
        if self.stages.contains(&Stage::Asked) {
            return;
        }
        let next = self.stages.iter_mut().zip(items).find(|(stage, _)| **stage == Stage::New);
        if let Some((stage, item)) = next {
            *stage = Stage::Asked;
            let request = Request::Send { to: Target::User(to.clone()), path: item.path.clone() };
            self.ask(request);
        }
        self.finish();
    }

    fn on_send_outcome(&mut self, now: Instant, problem: Option<&Problem>, tracker: bool) {
        let asked = self.stages.iter().position(|stage| *stage == Stage::Asked);
        let Some(asked) = asked else {
            // That was the list of what is on its way.
            return self.send_next();
        };
        let offered = self.offered.take();
        self.stages[asked] = match (problem, offered) {
            (None, Some(transfer)) => Stage::Offered { transfer, untouched: true, former: false },
            (Some(problem), _) if may_pass(problem, tracker) && self.alone_since.is_some() => {
                self.stages[asked] = Stage::New;
                self.ask_again = Some(now + ASK_AGAIN);
                return;
            }
            (Some(problem), _) => {
                self.show(Event::Problem(problem.clone()));
                if let Some(code) = hopeless(problem) {
                    return self.leave(code);
                }
                Stage::Failed
            }
            (None, None) => Stage::Failed,
        };
        self.send_next();
    }

    /// Ends when nothing is left to be waited for.
    fn finish(&mut self) {
        if self.stages.iter().all(|stage| matches!(stage, Stage::Sent | Stage::Failed)) {
            let all = self.stages.iter().all(|stage| *stage == Stage::Sent);
            self.leave(if all { EXIT_FINE } else { EXIT_FAILURE });
        }
    }

    /// Takes back what has not begun.
    fn give_up(&mut self, why: Event) {
        self.show(why);
        for stage in std::mem::take(&mut self.stages) {
            if let Stage::Offered { transfer, untouched: true, .. } = stage {
                self.effects.push(Effect::Ask(0, Request::Cancel { transfer }));
            }
        }
        self.leave(EXIT_UNREACHABLE);
    }

    // Receiving.

    fn receive_on(&mut self, notice: &Notice, once: bool, from: Option<&Name>) {
        let wanted = |user: &Name| from.is_none_or(|from| from == user);
        match notice {
            Notice::Offer { transfer, from, accepted: false, .. } if wanted(from) => {
                let token = self.ask(Request::Accept { transfer: *transfer });
                self.accepting.push((*transfer, token));
            }
            Notice::Offer { transfer, from, .. } if wanted(from) => self.accepting.push((*transfer, 0)),
            Notice::Offer { from, name, .. } => {
                self.show(Event::Info(Info::NotForThis { from: from.clone(), name: name.clone() }));
            }
            Notice::Transfers { rows } => {
                let under_way = rows.iter().filter(|row| row.incoming && row.phase != Phase::Offered);
                let wanted = under_way.filter(|row| wanted(&row.user)).map(|row| (row.transfer, 0));
                self.accepting.extend(wanted);
            }
            Notice::Received { transfer, .. } => self.on_received(*transfer, once, EXIT_FINE),
            Notice::TransferEnded { transfer, .. } => self.on_received(*transfer, once, EXIT_FAILURE),
            Notice::Outcome { token, problem: Some(problem) } if *token > TOKENS => {
                self.show(Event::Problem(problem.clone()));
                if let Some(&(transfer, _)) = self.accepting.iter().find(|&&(_, asked)| asked == *token) {
                    self.on_received(transfer, once, EXIT_FAILURE);
                }
            }
            _ => {}
        }
    }

    fn on_received(&mut self, transfer: u64, once: bool, code: u8) {
        let before = self.accepting.len();
        self.accepting.retain(|&(accepted, _)| accepted != transfer);
        if once && self.accepting.len() < before {
            self.leave(code);
        }
    }

    // Both.

    fn ask(&mut self, request: Request) -> u64 {
        self.tokens += 1;
        self.effects.push(Effect::Ask(self.tokens, request));
        self.tokens
    }

    fn show(&mut self, event: Event) {
        self.effects.push(Effect::Show(event));
    }

    fn leave(&mut self, code: u8) {
        if !self.left {
            self.left = true;
            self.effects.push(Effect::Leave(code));
        }
    }

    fn take(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.effects)
    }
}

/// Whether it may be otherwise in a moment: without a tracker, whoever is not known may be found.
const fn may_pass(problem: &Problem, tracker: bool) -> bool {
    match problem {
        Problem::UnknownUser { .. } => !tracker,
        Problem::TrackerAway | Problem::TrackerSilent | Problem::TimedOut | Problem::TooManyRequests => true,
        _ => false,
    }
}

/// The exit code where nothing else of an errand can succeed either.
const fn hopeless(problem: &Problem) -> Option<u8> {
    match problem {
        Problem::UnknownUser { .. } | Problem::Tracker { failure: Failure::UnknownUser } => Some(EXIT_UNREACHABLE),
        Problem::KeyChanged { .. } | Problem::NotLoggedIn => Some(EXIT_REFUSED),
        Problem::Oneself | Problem::Blocked { .. } | Problem::Stopping => Some(EXIT_FAILURE),
        _ => None,
    }
}

#[cfg(test)]
mod tests;

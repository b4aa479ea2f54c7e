//! Processes of people, what each was asked, and what it answered.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    names::Name,
    peer::{
        Change, Command, Note, Notice, Problem, Request,
        interface::{PeerEvent, Target},
    },
    time::Time,
    tracker,
    wire::room::RoomId,
};

use super::{Found, Invariant, known::Known};
use crate::{
    sim::cast::PersonId,
    world::{NodeId, fact::Fact},
};

/// Every request has one outcome.
pub(super) const ANSWERED_ONCE: Invariant =
    ("answered once", "a request has exactly one outcome, and there is none without a request");
/// A machine that has stopped is silent.
pub(super) const NOTHING_AFTER_THE_END: Invariant =
    ("nothing after the end", "whoever told that it stopped tells nothing more");
/// Sessions begin and end in turn.
pub(super) const SESSIONS_ALTERNATE: Invariant =
    ("sessions alternate", "a session that was ended begins again only when somebody asks for it, and ends once");

/// How it is with the session of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Session {
    /// It did not stand yet.
    None,
    /// It stands.
    Up,
    /// It was lost and is to come back.
    Away,
    /// It is over, and is to come back when somebody asks for it.
    Over,
}

/// A process of a person.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) person: PersonId,
    pub(super) session: Session,
    /// The account of its last session.
    pub(super) account: Option<Name>,
    open: BTreeMap<u64, Asked>,
    answered: BTreeSet<u64>,
    /// How often it was asked to log in, beyond what was needed so far.
    logins: usize,
    stopped: bool,
    /// Tokens that it was asked for after it had stopped.
    late: BTreeSet<u64>,
    /// Who turned it away: it does not dial them again before its person asks for it.
    turned_away: BTreeSet<Name>,
    /// Whom it calls, since they are welcome again.
    calls: BTreeSet<Name>,
}

/// Something that a process was asked.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) at: Time,
    pub(super) request: Request,
    /// The rooms that were meant, where it is to leave or delete one: those of the name that were on its disk.
    pub(super) rooms: Vec<RoomId>,
}

/// A request that has its outcome.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) asked: Asked,
    pub(super) problem: Option<Problem>,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Requests {
    processes: BTreeMap<NodeId, Process>,
    running: BTreeMap<PersonId, NodeId>,
    stopped_trackers: BTreeSet<NodeId>,
    /// Whose links people ended on purpose: they are not dialled again by themselves.
    held: BTreeSet<(PersonId, Name)>,
}

impl Requests {
    /// Whether someone ended the link to a user, and none came up since.
    pub(super) fn is_held(&self, person: PersonId, user: &Name) -> bool {
        self.held.contains(&(person, user.clone()))
    }

    /// Whether someone was turned away by a user, and has not asked for it again.
    pub(super) fn is_turned_away(&self, person: PersonId, user: &Name) -> bool {
        self.running(person).is_some_and(|(_, process)| process.turned_away.contains(user))
    }

    /// Whether someone thought better of a user, and calls it. Started again, it does not know that any more.
    pub(super) fn calls(&self, person: PersonId, user: &Name) -> bool {
        self.running(person).is_some_and(|(_, process)| process.calls.contains(user))
    }

    /// The process that a person runs now.
    pub(super) fn running(&self, person: PersonId) -> Option<(NodeId, &Process)> {
        let node = *self.running.get(&person)?;
        Some((node, self.processes.get(&node)?))
    }

    pub(super) fn process(&self, node: NodeId) -> Option<&Process> {
        self.processes.get(&node)
    }

    pub(super) fn on_started(&mut self, person: PersonId, fact: &Fact) {
        self.running.insert(person, fact.node);
        self.processes.insert(
            fact.node,
            Process {
                person,
                session: Session::None,
                account: None,
                open: BTreeMap::new(),
                answered: BTreeSet::new(),
                logins: 0,
                stopped: false,
                late: BTreeSet::new(),
                turned_away: BTreeSet::new(),
                calls: BTreeSet::new(),
            },
        );
    }

    pub(super) fn on_ended(&mut self, fact: &Fact) {
        self.running.retain(|_, node| *node != fact.node);
        self.processes.remove(&fact.node);
    }

    pub(super) fn on_asked(&mut self, known: &Known, fact: &Fact, command: &Command, found: &mut Found) {
        let Some(process) = self.processes.get_mut(&fact.node) else { return };
        let Command::Ask { token, request } = command else { return };
        let rooms = match request {
            Request::Leave { room } | Request::Delete { room } => {
                let of_name = known.disks[process.person].rooms.iter().filter(|(_, name)| *name == room);
                of_name.map(|(id, _)| *id).collect()
            }
            _ => Vec::new(),
        };
        let asked = Asked { at: fact.at, request: request.clone(), rooms };
        let new = process.open.insert(*token, asked).is_none();
        found.check(new && !process.answered.contains(token), ANSWERED_ONCE, || {
            format!("token {token} is asked twice; that is a fault of whoever asks")
        });
        if process.stopped {
            process.late.insert(*token);
        }
        if matches!(request, Request::Login(_) | Request::Register(_)) {
            process.logins += 1;
        }
    }

    /// A change is about to be on a person's disk: whoever is welcome again is called.
    pub(super) fn on_kept(&mut self, known: &Known, fact: &Fact, change: &Change) {
        let Some(process) = self.processes.get_mut(&fact.node) else { return };
        let pins = &known.disks[process.person].pins;
        match change {
            Change::Pinned { realm, name, key } if pins.get(&(*realm, name.clone())).is_none_or(|pin| pin == key) => {}
            Change::Pinned { name, .. } | Change::Blocked { name, blocked: false, .. } => {
                process.turned_away.remove(name);
                process.calls.insert(name.clone());
            }
            Change::Blocked { name, blocked: true, .. } => {
                process.calls.remove(name);
            }
            _ => {}
        }
    }

    /// A person was told something: the request that has its outcome by it.
    pub(super) fn on_told(&mut self, fact: &Fact, notice: &Notice, found: &mut Found) -> Option<Done> {
        let node = fact.node;
        let process = self.processes.get_mut(&node)?;
        // Whoever asks a process that has stopped hears that it has.
        let late = matches!(notice, Notice::Outcome { token, .. } if process.late.contains(token));
        found.check(!process.stopped || late, NOTHING_AFTER_THE_END, || {
            format!("person {} is told {notice:?} after its process stopped", process.person)
        });
        match notice {
            Notice::Outcome { token, problem } => {
                let open = process.open.remove(token);
                let known = open.is_some() && process.answered.insert(*token);
                found.check(known, ANSWERED_ONCE, || {
                    format!("person {}: token {token} has an outcome again, or was never asked", process.person)
                });
                let asked = open?;
                match (&asked.request, problem) {
                    (Request::Disconnect { user }, None) => {
                        self.held.insert((process.person, user.clone()));
                    }
                    (Request::Say { to: Target::User(user), .. }, None) => {
                        process.turned_away.remove(user);
                    }
                    _ => {}
                }
                let begun = matches!(asked.request, Request::Login(_) | Request::Register(_));
                if begun && process.session == Session::Away && problem.is_some() {
                    // An attempt that somebody asked for takes the place of those by itself, and is not repeated.
                    process.session = Session::None;
                }
                return Some(Done { asked, problem: problem.clone() });
            }
            Notice::Stopped { .. } => process.stopped = true,
            Notice::Peer { what: PeerEvent::Linked, user, .. } => {
                self.held.remove(&(process.person, user.clone()));
                process.turned_away.remove(user);
            }
            Notice::Note(Note::Refused { user }) => {
                process.turned_away.insert(user.clone());
            }
            Notice::LoggedIn { user, .. } => {
                found.check(process.may_begin_anew(), SESSIONS_ALTERNATE, || {
                    format!("person {} is logged in again, and nobody asked for it", process.person)
                });
                process.session = Session::Up;
                process.account = Some(user.clone());
            }
            Notice::LoggedOut => {
                found.check(process.may_begin_anew(), SESSIONS_ALTERNATE, || {
                    format!("person {} is logged out twice", process.person)
                });
                process.session = Session::Over;
            }
            Notice::Note(Note::TrackerLost { .. }) if process.session == Session::Up => process.session = Session::Away,
            // Refused for good: that is not tried again.
            Notice::Failed(Problem::Tracker { .. } | Problem::TrackerKeyChanged { .. })
            | Notice::PasswordNeeded { .. } => {
                process.session = Session::None;
            }
            _ => {}
        }
        None
    }

    pub(super) fn on_tracker_told(&mut self, fact: &Fact, notice: &tracker::Notice, found: &mut Found) {
        // Its keeper may still look at its counters.
        let silent = !self.stopped_trackers.contains(&fact.node) || matches!(notice, tracker::Notice::Counters { .. });
        found.check(silent, NOTHING_AFTER_THE_END, || format!("a tracker tells {notice:?} after it stopped"));
        if matches!(notice, tracker::Notice::Stopped) {
            self.stopped_trackers.insert(fact.node);
        }
    }
}

impl Process {
    /// The oldest request without an outcome.
    pub(super) fn oldest_open(&self) -> Option<&Asked> {
        self.open.values().min_by_key(|asked| asked.at)
    }

    /// Whether a session is not over, or a login that was asked for explains that it is not any more. What is told may
    /// wait for the disk, so the login may have been asked for before the end of the session was told.
    fn may_begin_anew(&mut self) -> bool {
        if self.session != Session::Over {
            return true;
        }
        self.logins = match self.logins.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        true
    }

    /// Whether it has told that it stopped.
    pub(super) const fn is_stopped(&self) -> bool {
        self.stopped
    }
}

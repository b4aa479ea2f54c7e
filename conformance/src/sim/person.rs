//! A person at its program, and what it does about what that tells: it answers what it is asked, tries again what was
//! refused, and takes most of what it is offered.

use papo_proto::{
    peer::{self, Note, Notice, Problem, Request},
    wire::tracker::Failure,
};

use super::{
    cast::{PersonId, Role},
    run::{PATIENCE, Run, Turn},
    workload::credentials,
};
use crate::world::NodeId;

/// A person over all processes of its program.
pub(super) struct Person {
    pub(super) node: Option<NodeId>,
    pub(super) state: peer::State,
    /// Wants to be logged in.
    pub(super) wants_in: bool,
    /// Is logged in, as far as it was told.
    pub(super) is_in: bool,
    /// Its account is there.
    pub(super) has_account: bool,
    /// It was logged in from its device, so the key is enough.
    pub(super) is_known: bool,
    /// How many devices it has lost.
    pub(super) lost: u64,
    /// A login that it asked for and that is not decided, by its token.
    pub(super) logging_in: Option<u64>,
    /// It will try again.
    pub(super) tries_again: bool,
}

impl Run {
    /// What a person, or its frontend, does about what it is told.
    pub(super) fn on_notice(&mut self, who: PersonId, notice: &Notice) {
        let person = &mut self.people[who];
        match notice {
            // It is shown, and that is noted, at once.
            Notice::Message(incoming) => person.state.shown(incoming.number),
            Notice::LoggedIn { .. } => {
                person.is_in = true;
                person.has_account = true;
                person.is_known = true;
            }
            // Most offers are taken, some are refused, and some are never decided.
            Notice::Offer { transfer, accepted: false, .. } => {
                let transfer = *transfer;
                match (transfer + who as u64) % 8 {
                    0 => {}
                    1 => drop(self.ask(who, Request::Reject { transfer })),
                    _ => drop(self.ask(who, Request::Accept { transfer })),
                }
            }
            Notice::LoggedOut => person.is_in = false,
            Notice::Note(Note::TrackerLost { .. }) => person.is_in = false,
            Notice::UnknownTracker { key, .. } => {
                let key = *key;
                self.command(who, peer::Command::TrustTracker { key, accept: true });
            }
            Notice::PasswordNeeded { .. } => self.try_again(who),
            Notice::Failed(Problem::Tracker { failure }) => {
                self.on_login_refused(who, *failure);
                self.try_again(who);
            }
            Notice::Outcome { token, problem } if person.logging_in == Some(*token) => {
                person.logging_in = None;
                match problem {
                    None | Some(Problem::Tracker { failure: Failure::AlreadyLoggedIn }) => {}
                    Some(problem) => {
                        if let Problem::Tracker { failure } = problem {
                            self.on_login_refused(who, *failure);
                        }
                        self.try_again(who);
                    }
                }
            }
            Notice::Stopped { .. } | Notice::ListenRefused { .. } => {
                if let Some(node) = person.node {
                    self.world.kill(node, usize::MAX);
                }
                self.plan(self.world.now() + PATIENCE, Turn::Revive(Role::Person(who)));
            }
            _ => {}
        }
    }

    /// It has an account already, or asks somebody what one has to know.
    fn on_login_refused(&mut self, who: PersonId, failure: Failure) {
        self.people[who].has_account |= failure == Failure::NameTaken;
        self.cast.people[who].knows_token |= failure == Failure::BadToken;
    }

    fn try_again(&mut self, who: PersonId) {
        let person = &mut self.people[who];
        if person.wants_in && !person.tries_again {
            person.tries_again = true;
            self.plan(self.world.now() + PATIENCE, Turn::LogIn(who));
        }
    }

    /// A person who wants to be logged in and is not tries it with its password.
    pub(super) fn log_in_again(&mut self, who: PersonId) {
        let person = &mut self.people[who];
        person.tries_again = false;
        let decided = person.is_in || person.logging_in.is_some();
        if decided || self.cast.people[who].tracker.is_none() || !(person.wants_in || self.at_peace) {
            return;
        }
        let register = !person.has_account;
        let credentials = credentials(&self.cast, who, register);
        self.ask(who, if register { Request::Register(credentials) } else { Request::Login(credentials) });
    }
}

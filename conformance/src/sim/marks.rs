//! Marks: which branches of the machines were reached.
//!
//! Every typed fault of a connection and every failure that a tracker can answer with has one. A branch that no run
//! reaches is not tested, whatever else passes; so those are listed. So has each way in which a transfer can end, and each
//! habit of somebody hostile.

use std::collections::BTreeMap;

use papo_proto::{
    error::{Counters, Fault},
    peer::{Notice, Problem},
    wire::{tracker::Failure, transfer::Reason},
};

use super::{
    hostile::{self, Habit},
    older, relayed,
};
use crate::world::resident::Told;

/// How often each was reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    faults: BTreeMap<(Fault, &'static str), u64>,
    problems: BTreeMap<&'static str, u64>,
    /// How transfers ended; with no reason they arrived.
    transfers: BTreeMap<Option<Reason>, u64>,
    /// What somebody hostile did.
    habits: BTreeMap<Habit, u64>,
    /// What became of clients of the older system.
    older: BTreeMap<&'static str, u64>,
    /// What became of clients of relays.
    talkers: BTreeMap<&'static str, u64>,
}

impl Marks {
    /// What a machine of this kind counted.
    pub(crate) fn add_counters(&mut self, machine: &'static str, counters: &Counters) {
        for (fault, count) in counters.iter() {
            *self.faults.entry((fault, machine)).or_default() += count;
        }
    }

    /// What a machine told.
    pub(crate) fn note(&mut self, told: &Told) {
        if let Told::Hostile(hostile::Notice::Acted(habit)) = told {
            *self.habits.entry(*habit).or_default() += 1;
        }
        if let Told::Older(notice) = told {
            *self.older.entry(notice.mark()).or_default() += 1;
        }
        if let Told::Talker(notice) = told {
            *self.talkers.entry(notice.mark()).or_default() += 1;
        }
        match told.peer() {
            Some(Notice::Outcome { problem: Some(problem), .. } | Notice::Failed(problem)) => {
                *self.problems.entry(problem.code()).or_default() += 1;
            }
            Some(Notice::Received { .. }) => *self.transfers.entry(None).or_default() += 1,
            Some(Notice::TransferEnded { reason, .. }) => *self.transfers.entry(Some(*reason)).or_default() += 1,
            _ => {}
        }
    }

    /// Adds what another run reached.
    pub(crate) fn add(&mut self, other: &Self) {
        for (mark, count) in &other.faults {
            *self.faults.entry(*mark).or_default() += count;
        }
        for (mark, count) in &other.problems {
            *self.problems.entry(mark).or_default() += count;
        }
        for (mark, count) in &other.transfers {
            *self.transfers.entry(*mark).or_default() += count;
        }
        for (mark, count) in &other.habits {
            *self.habits.entry(*mark).or_default() += count;
        }
        for (mark, count) in &other.older {
            *self.older.entry(mark).or_default() += count;
        }
        for (mark, count) in &other.talkers {
            *self.talkers.entry(mark).or_default() += count;
        }
    }

    /// Those that were reached, with how often.
    pub(crate) fn reached(&self) -> Vec<(String, u64)> {
        let faults = self.faults.iter().map(|((fault, machine), count)| (format!("{machine}: {fault}"), *count));
        let problems = self.problems.iter().map(|(code, count)| (format!("problem: {code}"), *count));
        let transfers = self.transfers.iter().map(|(reason, count)| (transfer(*reason), *count));
        let habits = self.habits.iter().map(|(habit, count)| (by_hostile(*habit), *count));
        let older = self.older.iter().map(|(mark, count)| (format!("older client: {mark}"), *count));
        let talkers = self.talkers.iter().map(|(mark, count)| (by_talker(mark), *count));
        faults.chain(problems).chain(transfers).chain(habits).chain(older).chain(talkers).collect()
    }

    /// Those that never were.
    pub(crate) fn unreached(&self) -> Vec<String> {
        let is_reached = |fault: &&Fault| self.faults.keys().any(|(of, _)| of == *fault);
        let faults = Fault::ALL.iter().filter(|fault| !is_reached(fault)).map(ToString::to_string);
        let failures = Failure::ALL.iter().map(|failure| Problem::Tracker { failure: *failure }.code());
        let failures = failures.filter(|code| !self.problems.contains_key(code)).map(|code| format!("problem: {code}"));
        let endings = Reason::ALL.iter().map(|reason| Some(*reason)).chain([None]);
        let endings = endings.filter(|ending| !self.transfers.contains_key(ending)).map(transfer);
        let habits = Habit::ALL.iter().filter(|habit| !self.habits.contains_key(habit)).map(|habit| by_hostile(*habit));
        let older = older::Notice::MARKS.iter().filter(|mark| !self.older.contains_key(*mark));
        let older = older.map(|mark| format!("older client: {mark}"));
        let talkers = relayed::Notice::MARKS.iter().filter(|mark| !self.talkers.contains_key(*mark));
        let talkers = talkers.map(|mark| by_talker(mark));
        faults.chain(failures).chain(endings).chain(habits).chain(older).chain(talkers).collect()
    }
}

fn transfer(ending: Option<Reason>) -> String {
    ending.map_or_else(|| "transfer: arrived".to_owned(), |reason| format!("transfer: {reason:?}").to_lowercase())
}

fn by_talker(mark: &str) -> String {
    format!("client of a relay: {mark}")
}

fn by_hostile(habit: Habit) -> String {
    format!("hostile: {habit:?}")
}

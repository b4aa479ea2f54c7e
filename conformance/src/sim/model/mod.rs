//! What must hold, whatever happens: a small model of what has been promised to whom, and the invariants.
//!
//! The model sees every [`Fact`] as it happens, and nothing else: neither the machines' insides nor the faults. What it
//! finds wrong is a [`Violation`], with the name of the invariant and a sentence.

use super::cast::{Cast, PersonId, Role};
use crate::world::fact::{Fact, What};

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The invariant's name, from [`INVARIANTS`].
    pub(crate) invariant: &'static str,
    /// What was seen, in a sentence.
    pub(crate) told: String,
}

/// Every invariant: its name, and what it says.
pub(crate) const INVARIANTS: &[(&str, &str)] = &[];

/// How things stand when everything has come to rest.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    /// Those who are healthy and can reach each other and their tracker.
    pub(crate) core: Vec<PersonId>,
    /// How many connections stand between two of them, smaller number first.
    pub(crate) links: Vec<(PersonId, PersonId, usize)>,
}

/// The model.
pub(crate) struct Model {
    cast: Cast,
    violations: Vec<Violation>,
}

impl Model {
    pub(crate) fn new(cast: &Cast) -> Self {
        Self { cast: cast.clone(), violations: Vec::new() }
    }

    /// Something happened at someone.
    pub(crate) fn note(&mut self, role: Role, fact: &Fact) {
        if let What::Broke(rule) = &fact.what {
            self.violations.push(Violation { invariant: "contract", told: format!("{role:?}: {rule}") });
        }
        let _ = &self.cast;
    }

    /// Everything has come to rest; the core has just been asked for `/peers`, `/rooms` and `/users` of each room.
    pub(crate) fn check_rest(&mut self, rest: &Rest) {
        let _ = rest;
    }

    /// What was found wrong since this was last asked.
    pub(crate) fn take_violations(&mut self) -> Vec<Violation> {
        std::mem::take(&mut self.violations)
    }
}

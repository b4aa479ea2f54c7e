//! Files: what gets a name is whole and what somebody sent, and nobody is told that it arrived before it did.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    disk::memory::Node,
    peer::{Change, Notice, change::Way},
    wire::transfer::TransferId,
};
use sha2::{Digest as _, Sha256};

use super::{Found, Invariant, Rest, known::Known};
use crate::sim::cast::PersonId;

/// See the [module](self).
pub(super) const WHOLE_FILES: Invariant = (
    "whole files",
    "what gets a name among received files is, byte for byte, something that somebody had and that was accepted",
);
/// See the [module](self).
pub(super) const TOLD_WHEN_WHOLE: Invariant =
    ("told when whole", "nobody is told that a file was received, or sent, before it has its name and that is kept");
/// See the [module](self).
pub(super) const FILES_ARRIVE: Invariant =
    ("files arrive", "at rest nothing that was accepted and that nobody holds is on its way");

/// A transfer, as one end has kept it.
#[derive(Debug)]
struct Kept {
    id: TransferId,
    with: Option<PersonId>,
    name: String,
    incoming: bool,
    accepted: bool,
    paused: bool,
    ended: bool,
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(super) struct Files {
    /// Everything that somebody ever had under a name.
    had: BTreeMap<String, BTreeSet<[u8; 32]>>,
    /// What each person has kept of its transfers, by their numbers.
    kept: BTreeMap<(PersonId, u64), Kept>,
    /// Transfers that have arrived: that is on their receivers' disks.
    arrived: BTreeSet<TransferId>,
}

impl Files {
    /// Somebody has something.
    pub(super) fn on_had(&mut self, name: &str, content: &[(String, Node)]) {
        self.had.entry(name.to_owned()).or_default().insert(digest(content, false));
        self.had.entry(name.to_owned()).or_default().insert(digest(content, true));
    }

    /// Someone lost its device, with all that was on its way.
    pub(super) fn on_new_device(&mut self, person: PersonId) {
        self.kept.retain(|(of, _), _| *of != person);
    }

    /// Something got its name.
    pub(super) fn on_published(&self, person: PersonId, name: &str, content: &[(String, Node)], found: &mut Found) {
        let plain = without_number(name);
        let digest = digest(content, false);
        let bare = self::digest(content, true);
        let known = |name: &str| self.had.get(name).is_some_and(|had| had.contains(&digest) || had.contains(&bare));
        found.check(known(name) || known(&plain), WHOLE_FILES, || {
            format!("person {person} has {name:?} with {} entries, and nobody ever had that", content.len())
        });
        let accepted = self.kept.iter().any(|((of, _), kept)| {
            *of == person && kept.incoming && kept.accepted && [name, &plain].contains(&kept.name.as_str())
        });
        found.check(accepted, WHOLE_FILES, || format!("person {person} has {name:?}, and never accepted it"));
    }

    /// A change is on someone's disk.
    pub(super) fn on_kept(&mut self, known: &Known, person: PersonId, change: &Change) {
        match change {
            Change::TransferOffered { transfer } => {
                let kept = Kept {
                    id: transfer.id,
                    with: known.who.person(&transfer.with),
                    name: transfer.offer.name.as_str().to_owned(),
                    incoming: matches!(transfer.way, Way::Incoming(_)),
                    accepted: false,
                    paused: transfer.paused,
                    ended: false,
                };
                self.kept.insert((person, transfer.number), kept);
            }
            Change::TransferAccepted { transfer, .. } => self.change(person, *transfer, |kept| kept.accepted = true),
            Change::TransferPaused { transfer, paused } => {
                self.change(person, *transfer, |kept| kept.paused = *paused);
            }
            Change::TransferEnded { transfer, reason } => {
                self.change(person, *transfer, |kept| kept.ended = true);
                if let (Some(kept), None) = (self.kept.get(&(person, *transfer)), reason)
                    && kept.incoming
                {
                    self.arrived.insert(kept.id);
                }
            }
            Change::TransferForgotten { transfer } => self.change(person, *transfer, |kept| kept.ended = true),
            _ => {}
        }
    }

    fn change(&mut self, person: PersonId, transfer: u64, change: impl FnOnce(&mut Kept)) {
        if let Some(kept) = self.kept.get_mut(&(person, transfer)) {
            change(kept);
        }
    }

    /// Someone was told something.
    pub(super) fn on_told(&self, person: PersonId, notice: &Notice, found: &mut Found) {
        let (Notice::Received { transfer, .. } | Notice::Sent { transfer, .. }) = notice else { return };
        let kept = self.kept.get(&(person, *transfer));
        // Whoever receives may be somebody hostile, who says what it likes.
        let true_word = kept.is_some_and(|kept| kept.with.is_none() || self.arrived.contains(&kept.id));
        found.check(true_word, TOLD_WHEN_WHOLE, || format!("person {person} was told {notice:?}"));
    }

    /// Everything has come to rest.
    pub(super) fn check_rest(&self, rest: &Rest, linked: impl Fn(PersonId, PersonId) -> bool, found: &mut Found) {
        for ((person, number), kept) in self.kept.iter().filter(|(_, kept)| kept.incoming && kept.accepted) {
            let Some(with) = kept.with else { continue };
            let together = rest.core.contains(person) && rest.core.contains(&with) && linked(*person, with);
            let other = self.kept.iter().find(|((of, _), there)| *of == with && there.id == kept.id && !there.incoming);
            let runs = other.is_some_and(|(_, other)| !other.ended && !other.paused);
            found.check(!together || kept.ended || kept.paused || !runs, FILES_ARRIVE, || {
                format!(
                    "transfer {number} of person {person}, {:?} from person {with}, has not come to an end",
                    kept.name
                )
            });
        }
    }
}

/// What is in something; without what may be executed, since not everyone lets what arrives be so.
fn digest(content: &[(String, Node)], bare: bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, node) in content {
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        match node {
            Node::Directory => hash.update([0]),
            Node::File { bytes, executable } => {
                hash.update([1, u8::from(*executable && !bare)]);
                hash.update((bytes.len() as u64).to_be_bytes());
                hash.update(bytes);
            }
            Node::Other => hash.update([2]),
        }
    }
    hash.finalize().into()
}

/// `a (1).txt` is an `a.txt`.
fn without_number(name: &str) -> String {
    let Some((start, rest)) = name.split_once(" (") else { return name.to_owned() };
    rest.split_once(')').map_or_else(|| name.to_owned(), |(_, end)| format!("{start}{end}"))
}

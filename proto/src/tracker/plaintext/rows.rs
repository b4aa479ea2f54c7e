//! Those who registered by a line: where they say they listen, and what they say they are called. There is no account
//! behind a row, and nothing of it is kept.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
};

use super::recency::Recency;
use crate::{
    limits::Limits,
    names::Name,
    source::{PerSource, Source},
    time::Time,
};

/// So many times in a row it does not let itself be dialled, and a row goes.
const FAILURES_MAX: u8 = 2;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    /// As it says.
    pub(super) username: String,
    /// The same as a name, where it is one.
    pub(super) name: Option<Name>,
    /// Where it came from.
    pub(super) source: IpAddr,
    /// Where it may be dialled.
    pub(super) endpoint: Option<SocketAddr>,
    /// When it was last known to be there.
    pub(super) heard: Time,
    failures: u8,
}

impl Row {
    pub(super) fn new(now: Time, username: String, source: IpAddr, endpoint: Option<SocketAddr>) -> Self {
        let name = Name::new(&username).ok();
        Self { username, name, source, endpoint, heard: now, failures: 0 }
    }
}

/// All of them, by where they say they listen.
///
/// Invariant: names, order and counts are those of the rows.
#[derive(Debug, Default)]
pub(super) struct Rows {
    rows: BTreeMap<SocketAddr, Row>,
    names: BTreeSet<(String, SocketAddr)>,
    latest: Recency<SocketAddr>,
    sources: PerSource,
}

impl Rows {
    /// Adds a row, in place of any that says it listens at the same place; where there are too many, another one goes,
    /// and is returned.
    pub(super) fn add(&mut self, at: SocketAddr, row: Row, limits: &Limits) -> Option<SocketAddr> {
        self.remove(at);
        let is_crowded = self.sources.of(row.source) >= limits.plaintext_rows_per_source_max;
        let source = Source::of(row.source);
        let is_fellow = |at: &SocketAddr| self.rows.get(at).is_some_and(|row| Source::of(row.source) == source);
        let mut oldest = self.latest.latest().collect::<Vec<_>>().into_iter().rev();
        let gives_way = if is_crowded {
            oldest.find(is_fellow)
        } else {
            oldest.next().filter(|_| self.rows.len() >= limits.plaintext_rows_max)
        };
        if let Some(other) = gives_way {
            self.remove(other);
        }
        if let Some(name) = &row.name {
            self.names.insert((name.folded().to_owned(), at));
        }
        self.sources.add(row.source);
        self.latest.touch(at);
        self.rows.insert(at, row);
        gives_way
    }

    /// Takes a row out.
    pub(super) fn remove(&mut self, at: SocketAddr) {
        let Some(row) = self.rows.remove(&at) else { return };
        if let Some(name) = row.name {
            self.names.remove(&(name.folded().to_owned(), at));
        }
        self.sources.remove(row.source);
        self.latest.remove(at);
    }

    /// Whoever says he listens there let himself be dialled, or not; whether the row stays.
    pub(super) fn note_probed(&mut self, now: Time, at: SocketAddr, answers: bool) -> bool {
        let Some(row) = self.rows.get_mut(&at) else { return false };
        if answers {
            row.heard = now;
            row.failures = 0;
            self.latest.touch(at);
            return true;
        }
        row.failures += 1;
        let stays = row.failures < FAILURES_MAX;
        if !stays {
            self.remove(at);
        }
        stays
    }

    /// Where a row may be dialled.
    pub(super) fn endpoint(&self, at: SocketAddr) -> Option<SocketAddr> {
        self.rows.get(&at).and_then(|row| row.endpoint)
    }

    /// Everyone, who was seen last first.
    pub(super) fn latest(&self) -> impl Iterator<Item = (SocketAddr, &Row)> {
        self.latest.latest().filter_map(|at| Some((at, self.rows.get(&at)?)))
    }

    /// Those whose names, folded, begin with `prefix` and stand after `after`; of two of one name, one.
    pub(super) fn named(&self, prefix: &str, after: Option<&str>) -> impl Iterator<Item = (&str, &Row)> {
        let from = after.filter(|&after| after >= prefix).unwrap_or(prefix);
        let begin = (from.to_owned(), SocketAddr::from(([0, 0, 0, 0], 0)));
        let (prefix, after) = (prefix.to_owned(), after.map(str::to_owned));
        let mut last = None;
        self.names
            .range(begin..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .filter(move |(name, _)| after.as_ref().is_none_or(|after| name > after))
            .filter(move |(name, _)| last.replace(name.as_str()) != Some(name.as_str()))
            .filter_map(|(name, at)| Some((name.as_str(), self.rows.get(at)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(port: u16) -> SocketAddr {
        ([127, 0, 0, 1], port).into()
    }

    fn row(username: &str, host: u8) -> Row {
        Row::new(Time::ZERO, username.to_owned(), [10, 0, 0, host].into(), None)
    }

    fn names(rows: &Rows) -> String {
        rows.latest().map(|(_, row)| row.username.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn rows_are_bounded_altogether_and_by_source_and_the_oldest_gives_way() {
        let limits = Limits { plaintext_rows_max: 3, plaintext_rows_per_source_max: 2, ..Limits::DEFAULT };
        let mut rows = Rows::default();
        assert_eq!(rows.add(at(1), row("a", 1), &limits), None);
        assert_eq!(rows.add(at(2), row("b", 2), &limits), None);
        assert_eq!(rows.add(at(3), row("c", 2), &limits), None);
        assert_eq!(rows.add(at(3), row("C", 2), &limits), None, "in its own place");
        assert_eq!(names(&rows), "C b a");
        assert_eq!(rows.add(at(4), row("d", 2), &limits), Some(at(2)), "one too many of its address");
        assert_eq!(rows.add(at(5), row("e", 3), &limits), Some(at(1)), "one too many");
        assert_eq!(names(&rows), "e d C");
        for port in 1..6 {
            rows.remove(at(port));
        }
        assert!(rows.rows.is_empty() && rows.names.is_empty() && rows.latest.latest().next().is_none());
        assert_eq!(rows.sources.of([10, 0, 0, 2].into()), 0);
    }

    #[test]
    fn two_failures_in_a_row_end_it_and_an_answer_between_them_does_not() {
        let mut rows = Rows::default();
        rows.add(at(1), row("a", 1), &Limits::DEFAULT);
        assert!(rows.note_probed(Time::ZERO, at(1), false));
        assert!(rows.note_probed(Time::ZERO, at(1), true));
        assert!(rows.note_probed(Time::ZERO, at(1), false));
        assert!(!rows.note_probed(Time::ZERO, at(1), false));
        assert_eq!(names(&rows), "");
    }

    #[test]
    fn names_are_found_in_their_order_and_once() {
        let mut rows = Rows::default();
        for (port, name) in [(1, "bia"), (2, "Ana"), (3, "ana"), (4, "not@name"), (5, "anabel"), (6, "caio")] {
            rows.add(at(port), row(name, 1), &Limits::DEFAULT);
        }
        let found = |prefix, after| rows.named(prefix, after).map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        assert_eq!(found("", None), ["ana", "anabel", "bia", "caio"]);
        assert_eq!(found("ana", None), ["ana", "anabel"]);
        assert_eq!(found("ana", Some("ana")), ["anabel"]);
        assert_eq!(found("", Some("anabel")), ["bia", "caio"]);
        assert_eq!(found("x", None), [""; 0]);
    }
}

//! One connection in plain text: what it speaks, how its bytes are cut into what was said, and when what is said to it
//! may be written.

use std::{net::SocketAddr, time::Duration};

use crate::{
    channel::Preface,
    limits::{Limits, ms},
    names::Name,
    peer::people::PersonId,
    plaintext::{json::stream::ObjectStream, paced::Paced, spaced::Spaced, text::TextStream},
    time::Time,
};

/// Whoever begins as papo does and does not go on is none; and whoever says nothing for so long at first is no papo.
pub const DECIDING: Duration = Duration::from_secs(1);
/// Words that no line end follows end with such a silence.
pub const LINE_SILENCE: Duration = Duration::from_millis(100);

/// What the first bytes of a connection decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Nothing yet.
    More,
    /// papo's preface for a peer stands there.
    Papo,
    /// papo's preface for a tracker does.
    WrongPreface,
    /// An object begins.
    Objects,
    /// It is text.
    Words,
}

/// What the first bytes decide.
#[must_use]
pub fn kind_of(seen: &[u8]) -> Kind {
    if seen.starts_with(Preface::Peer.line()) {
        return Kind::Papo;
    }
    if seen.starts_with(Preface::Tracker.line()) {
        return Kind::WrongPreface;
    }
    if Preface::ALL.iter().any(|preface| preface.line().starts_with(seen)) {
        return Kind::More;
    }
    if seen.trim_ascii_start().starts_with(b"{") { Kind::Objects } else { Kind::Words }
}

/// What is spoken.
#[derive(Debug)]
pub enum Speech {
    /// What was said does not decide that.
    Undecided(Vec<u8>),
    /// JSON objects.
    Objects(Objects),
    /// Text as it is.
    Words(Words),
}

/// A connection in JSON objects.
#[derive(Debug, Default)]
pub struct Objects {
    /// What comes.
    pub incoming: ObjectStream,
    /// What goes out.
    pub outgoing: Spaced<()>,
    /// Whose it is, once the tracker agrees.
    pub who: Option<PersonId>,
    /// What it calls itself, until then.
    pub claims: Option<Name>,
}

/// A connection in words.
#[derive(Debug, Default)]
pub struct Words {
    incoming: TextStream,
    begun: String,
    /// Whether something was said.
    pub spoke: bool,
    /// What it calls itself in front of its words.
    pub name: Option<Name>,
    /// It is for what waits to be written, and ends then.
    pub once: bool,
}

impl Words {
    /// A connection to whoever is called so; `once`, for what waits to be written.
    #[must_use]
    pub fn new(name: Option<Name>, once: bool) -> Self {
        Self { name, once, ..Self::default() }
    }

    /// Takes bytes, however they are cut.
    pub fn push(&mut self, bytes: &[u8]) {
        self.begun.push_str(&self.incoming.push(bytes));
    }

    /// The next line that is whole, or as long as one may be.
    pub fn next_line(&mut self, bytes_max: usize) -> Option<String> {
        let end = self.begun.find('\n');
        if end.unwrap_or(self.begun.len()) > bytes_max {
            let cut = self.begun.floor_char_boundary(bytes_max);
            return Some(self.begun.drain(..cut).collect());
        }
        let mut line = self.begun.drain(..=end?).collect::<String>();
        line.truncate(line.trim_end_matches(['\n', '\r']).len());
        Some(line)
    }

    /// What was begun is all.
    pub fn take_rest(&mut self) -> String {
        std::mem::take(&mut self.begun)
    }

    /// What was begun.
    #[must_use]
    pub fn begun(&self) -> &str {
        &self.begun
    }
}

/// One connection.
#[derive(Debug)]
pub struct Partner {
    /// The other end.
    pub remote: SocketAddr,
    /// What is spoken.
    pub speech: Speech,
    /// Words that go out.
    pub words: Paced,
    /// Whether it stands.
    pub open: bool,
    /// What was said to it and waits for the disk, in bytes.
    pub held_bytes: usize,
    /// When it was made.
    pub since: Time,
    /// When something came last.
    pub heard: Time,
    /// Whether it is read.
    pub reading: bool,
    /// The request that asked for it.
    pub asked_by: Option<u64>,
    /// As whom the person was told of it.
    pub told: Option<Name>,
    /// It ends when all is written.
    pub ending: bool,
}

impl Partner {
    /// A connection that was accepted.
    #[must_use]
    pub fn accepted(now: Time, remote: SocketAddr) -> Self {
        Self { open: true, ..Self::dialled(now, remote, Speech::Undecided(Vec::new())) }
    }

    /// A connection that is being made.
    #[must_use]
    pub fn dialled(now: Time, remote: SocketAddr, speech: Speech) -> Self {
        Self {
            remote,
            speech,
            words: Paced::default(),
            open: false,
            held_bytes: 0,
            since: now,
            heard: now,
            reading: true,
            asked_by: None,
            told: None,
            ending: false,
        }
    }

    /// Whose it is, by the tracker's word.
    #[must_use]
    pub const fn person(&self) -> Option<&PersonId> {
        match &self.speech {
            Speech::Objects(objects) => objects.who.as_ref(),
            Speech::Undecided(_) | Speech::Words(_) => None,
        }
    }

    /// Whether words can be said over it to whoever it is.
    #[must_use]
    pub const fn speaks_words(&self) -> bool {
        matches!(&self.speech, Speech::Words(words) if !words.once)
    }

    /// Whether nothing was said over it.
    #[must_use]
    pub const fn is_silent(&self) -> bool {
        matches!(&self.speech, Speech::Undecided(seen) if seen.is_empty())
    }

    /// Whether it hears what is said to everyone: whoever speaks words, and whoever says nothing.
    #[must_use]
    pub fn hears_all(&self, now: Time) -> bool {
        let silent = self.is_silent() && now >= self.since + DECIDING;
        self.open && !self.ending && (self.speaks_words() || silent)
    }

    /// How much waits to be written, in bytes.
    #[must_use]
    pub const fn waiting_bytes(&self) -> usize {
        let queued = match &self.speech {
            Speech::Objects(objects) => objects.outgoing.waiting_bytes(),
            Speech::Undecided(_) | Speech::Words(_) => self.words.waiting_bytes(),
        };
        self.held_bytes + queued
    }

    /// What is to be written now.
    pub fn next_write(&mut self, now: Time) -> Option<String> {
        match &mut self.speech {
            _ if !self.open => None,
            Speech::Objects(objects) => objects.outgoing.next_write(now).map(|write| write.object),
            Speech::Undecided(_) | Speech::Words(_) => self.words.next_write(now),
        }
    }

    /// When something of it is due.
    #[must_use]
    pub fn deadline(&self, limits: &Limits) -> Option<Time> {
        if !self.open {
            return Some(self.since + ms(limits.dial_ms_max));
        }
        let (outgoing, incoming) = match &self.speech {
            Speech::Undecided(seen) => (self.words.deadline(), (!seen.is_empty()).then(|| self.heard + DECIDING)),
            Speech::Objects(objects) => {
                let named = objects.who.is_some();
                let deadline = (!named).then(|| self.since + ms(limits.handshake_ms_max));
                (objects.outgoing.deadline(), deadline)
            }
            Speech::Words(words) => {
                (self.words.deadline(), (!words.begun().is_empty()).then(|| self.heard + LINE_SILENCE))
            }
        };
        [outgoing, incoming].into_iter().flatten().min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_decide_and_papo_is_known_at_its_last() {
        for (seen, kind) in [
            (&b""[..], Kind::More),
            (b"p", Kind::More),
            (b"papo/1 peer", Kind::More),
            (b"papo/1 peer\n\x01\x02", Kind::Papo),
            (b"papo/1 tracker\n", Kind::WrongPreface),
            (b"paulo: oi", Kind::Words),
            (b"papo/2", Kind::Words),
            (b"{", Kind::Objects),
            (b" \r\n{\"cmd\"", Kind::Objects),
            (b"ana: oi\n", Kind::Words),
            (b"\n", Kind::Words),
        ] {
            assert_eq!(kind_of(seen), kind, "{seen:?}");
        }
    }

    #[test]
    fn lines_are_the_same_however_they_are_cut_and_no_longer_than_they_may_be() {
        let whole = "ana: Olá\r\nbia: 日本\n\nresto".as_bytes();
        for cut in 0..=whole.len() {
            let (first, second) = whole.split_at(cut);
            let (mut words, mut lines) = (Words::default(), Vec::new());
            for bytes in [first, second] {
                words.push(bytes);
                lines.extend(std::iter::from_fn(|| words.next_line(64)));
            }
            assert_eq!(lines, ["ana: Olá", "bia: 日本", ""], "cut at {cut}");
            assert_eq!(words.take_rest(), "resto");
        }
        let mut words = Words::default();
        words.push("é".repeat(40).as_bytes());
        assert_eq!(words.next_line(80), None, "just as long");
        words.push(b"x");
        assert_eq!(words.next_line(80).map(|line| line.len()), Some(80));
        assert_eq!(words.take_rest(), "x");
        words.push("é".repeat(3).as_bytes());
        assert_eq!(words.next_line(3).as_deref(), Some("é"), "not within a character");
    }
}

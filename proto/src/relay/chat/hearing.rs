//! What a relay says, as who said what.
//!
//! A relay for TCP writes each text with who said it before it, and nothing behind; texts that are written shortly one
//! after another arrive as one. So a text ends where the next one begins, or where nothing more comes for a moment. Who
//! writes what looks like a beginning into a text of theirs is not found out: nothing in these bytes could tell it.
//!
//! Invariant: what is kept is shorter than `KEPT_BYTES_MAX`, and whatever is text is heard once, in order.

use std::{net::SocketAddr, time::Duration};

use crate::{
    plaintext::{
        READ_BYTES,
        paced::PAUSE,
        text::{TextStream, pieces},
    },
    time::Time,
};

/// What stands between who speaks and what is said.
const SAYS: &str = ") disse: ";
/// The longest beginning of a text: with an IPv6 address.
const PREFIX_BYTES_MAX: usize = "('', 65535".len() + 45 + SAYS.len();
/// So much is not kept.
const KEPT_BYTES_MAX: usize = READ_BYTES + PREFIX_BYTES_MAX;
/// What may be the beginning of a text is waited for so long.
const BEGUN_MAX: Duration = Duration::from_millis(500);

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Who, as the relay tells; nobody where it does not.
    pub from: Option<SocketAddr>,
    /// What.
    pub text: String,
}

/// Of a datagram, which holds one text.
pub(super) fn of_datagram(text: &str) -> Heard {
    match prefix(text) {
        Some((from, length)) => Heard { from: Some(from), text: text[length..].to_owned() },
        None => Heard { from: None, text: text.to_owned() },
    }
}

/// Of a stream.
#[derive(Debug, Default)]
pub(super) struct Hearing {
    stream: TextStream,
    from: Option<SocketAddr>,
    /// What may go on.
    begun: String,
    whole_at: Option<Time>,
}

impl Hearing {
    /// What is whole with these bytes.
    pub(super) fn push(&mut self, now: Time, bytes: &[u8]) -> Vec<Heard> {
        let mut heard = Vec::new();
        self.begun += &self.stream.push(bytes);
        let text = std::mem::take(&mut self.begun);
        let mut rest = text.as_str();
        while let Some((at, from, length)) = next_prefix(rest) {
            self.hear(&rest[..at], &mut heard);
            self.from = Some(from);
            rest = &rest[at + length..];
        }
        // No relay says more at once, and what it says next has begun behind that at most.
        while rest.len() >= KEPT_BYTES_MAX {
            let (whole, left) = rest.split_at(rest.floor_char_boundary(READ_BYTES));
            self.hear(whole, &mut heard);
            rest = left;
        }
        self.begun = rest.to_owned();
        let wait = if may_begin(rest) { BEGUN_MAX } else { PAUSE };
        self.whole_at = (!rest.is_empty()).then(|| now + wait);
        heard
    }

    /// What is whole because nothing more has come, or will.
    pub(super) fn finish(&mut self) -> Vec<Heard> {
        let mut heard = Vec::new();
        self.whole_at = None;
        let begun = std::mem::take(&mut self.begun);
        self.hear(&begun, &mut heard);
        heard
    }

    /// When nothing more will have come.
    pub(super) const fn deadline(&self) -> Option<Time> {
        self.whole_at
    }

    fn hear(&self, text: &str, heard: &mut Vec<Heard>) {
        heard.extend(pieces(text, READ_BYTES).map(|piece| Heard { from: self.from, text: piece.to_owned() }));
    }
}

/// The first beginning of a text in another: where it stands, who speaks, and how long it is.
fn next_prefix(text: &str) -> Option<(usize, SocketAddr, usize)> {
    text.match_indices("('").find_map(|(at, _)| prefix(&text[at..]).map(|(from, length)| (at, from, length)))
}

/// Who speaks, where a text begins with that, and how long that is.
fn prefix(text: &str) -> Option<(SocketAddr, usize)> {
    let head = &text[..text.floor_char_boundary(PREFIX_BYTES_MAX)];
    let (address, rest) = head.strip_prefix("('")?.split_once("', ")?;
    let (port, _) = rest.split_once(SAYS)?;
    let from = SocketAddr::new(address.parse().ok()?, port.parse().ok()?);
    Some((from, "('".len() + address.len() + "', ".len() + port.len() + SAYS.len()))
}

/// Whether the end of a text could become the beginning of another.
fn may_begin(text: &str) -> bool {
    let end = &text[text.ceil_char_boundary(text.len().saturating_sub(PREFIX_BYTES_MAX))..];
    end.contains("('") || end.ends_with('(')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::ms;

    fn heard(from: &str, text: &str) -> Heard {
        Heard { from: from.parse().ok(), text: text.to_owned() }
    }

    /// Everything that is heard of these reads, each long after the one before it, or as soon as possible.
    fn all(reads: &[&[u8]], apart: Duration) -> Vec<Heard> {
        let (mut hearing, mut now, mut all) = (Hearing::default(), Time::ZERO, Vec::new());
        for read in reads {
            now = now + apart;
            if hearing.deadline().is_some_and(|at| at <= now) {
                all.extend(hearing.finish());
            }
            all.extend(hearing.push(now, read));
            assert!(hearing.begun.len() < KEPT_BYTES_MAX);
        }
        all.extend(hearing.finish());
        all
    }

    #[test]
    fn texts_are_told_apart_however_their_bytes_come() {
        let said = "('10.0.0.7', 61536) disse: Olá ('tudo bem')!('::1', 9) disse: tudo (bem\n('10.0.0.7', 1) disse: x";
        let wanted =
            [heard("10.0.0.7:61536", "Olá ('tudo bem')!"), heard("[::1]:9", "tudo (bem\n"), heard("10.0.0.7:1", "x")];
        let bytes = said.as_bytes();
        for cut in 0..=bytes.len() {
            assert_eq!(all(&[&bytes[..cut], &bytes[cut..]], ms(1)), wanted, "cut at {cut}");
        }
        let single = bytes.chunks(1).collect::<Vec<_>>();
        assert_eq!(all(&single, ms(1)), wanted);
    }

    #[test]
    fn what_comes_long_after_is_a_text_of_its_own_by_the_same_one() {
        let wanted = [heard("10.0.0.7:1", "a"), heard("10.0.0.7:1", "b")];
        assert_eq!(all(&[b"('10.0.0.7', 1) disse: a", b"b"], ms(50)), wanted);
        assert_eq!(all(&[b"('10.0.0.7', 1) disse: a", b"b"], ms(49)), [heard("10.0.0.7:1", "ab")]);
        // Half a beginning is waited for.
        let wanted = [heard("10.0.0.7:1", "a"), heard("10.0.0.8:2", "b")];
        assert_eq!(all(&[b"('10.0.0.7', 1) disse: a('10.0", b".0.8', 2) disse: b"], ms(499)), wanted);
    }

    #[test]
    fn what_nobody_said_is_told_as_that_and_what_only_looks_like_a_beginning_is_text() {
        for text in ["bem-vindo", "('10.0.0.7', 65536) disse: x", "('a', 1) disse: x", "('1.1.1.1', 1) diz: x", "('"] {
            assert_eq!(all(&[text.as_bytes()], ms(1)), [heard("", text)], "{text}");
            assert_eq!(of_datagram(text), heard("", text));
        }
        let longest = "('0000:0000:0000:0000:0000:ffff:255.255.255.255', 65535) disse: x";
        assert_eq!(of_datagram(longest), heard("[::ffff:255.255.255.255]:65535", "x"));
        assert_eq!(of_datagram("a('::1', 9) disse: x").from, None, "a datagram is one text");
    }

    #[test]
    fn a_text_without_end_is_told_in_pieces_and_not_kept() {
        let long = "é日".repeat(3_000);
        for reads in [1, 7, 1_000, 64 * 1024] {
            let heard = all(&long.as_bytes().chunks(reads).collect::<Vec<_>>(), ms(1));
            assert!(heard.iter().all(|one| one.text.len() <= READ_BYTES));
            assert_eq!(heard.into_iter().map(|one| one.text).collect::<String>(), long);
        }
    }
}

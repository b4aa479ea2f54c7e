//! The line that a dialler sends first, so that whoever answers knows at once what is spoken.

use crate::error::Fault;

/// What is spoken on a connection. Its line is verbatim the Noise prologue, so nobody on the way can change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preface {
    /// A peer to its tracker.
    Tracker,
    /// A peer to a peer.
    Peer,
}

impl Preface {
    /// Every preface.
    pub const ALL: [Self; 2] = [Self::Tracker, Self::Peer];

    /// The line.
    #[must_use]
    pub const fn line(self) -> &'static [u8] {
        match self {
            Self::Tracker => b"papo/1 tracker\n",
            Self::Peer => b"papo/1 peer\n",
        }
    }
}

/// A preface that arrives, byte by byte.
#[derive(Debug)]
pub(super) struct Arriving {
    wanted: Preface,
    /// A prefix of some preface's line.
    seen: Vec<u8>,
}

/// What has arrived so far.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen<'a> {
    /// The start of a preface.
    Part,
    /// The wanted preface, and what follows it.
    Whole { rest: &'a [u8] },
    /// Another preface, or none.
    Wrong(Fault),
}

impl Arriving {
    pub(super) const fn new(wanted: Preface) -> Self {
        Self { wanted, seen: Vec::new() }
    }

    /// Takes bytes up to the first that decides.
    pub(super) fn push<'a>(&mut self, bytes: &'a [u8]) -> Seen<'a> {
        for (index, byte) in bytes.iter().enumerate() {
            self.seen.push(*byte);
            if let Some(whole) = Preface::ALL.into_iter().find(|preface| preface.line() == self.seen) {
                return if whole == self.wanted {
                    Seen::Whole { rest: &bytes[index + 1..] }
                } else {
                    Seen::Wrong(Fault::WrongPreface)
                };
            }
            if !Preface::ALL.into_iter().any(|preface| preface.line().starts_with(&self.seen)) {
                return Seen::Wrong(Fault::NotPapo);
            }
        }
        Seen::Part
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preface_is_known_at_its_last_byte_and_a_wrong_one_at_its_first_wrong_byte() {
        let mut arriving = Arriving::new(Preface::Peer);
        assert_eq!(arriving.push(b"papo/1 pee"), Seen::Part);
        assert_eq!(arriving.push(b"r\nrest"), Seen::Whole { rest: b"rest" });
        assert_eq!(Arriving::new(Preface::Peer).push(b"papo/1 tracker"), Seen::Part);
        assert_eq!(Arriving::new(Preface::Peer).push(b"papo/1 tracker\n"), Seen::Wrong(Fault::WrongPreface));
        for wrong in [&b"G"[..], b"\x16\x03\x01", b"papo/2", b"papo/1 peer\r", b"papo/1 t\n", b"\0", b"papo/1 peerx"] {
            assert_eq!(Arriving::new(Preface::Peer).push(wrong), Seen::Wrong(Fault::NotPapo), "{wrong:?}");
        }
    }
}

//! Faults of remotes, sorted by blame, and the counters that make them visible.
//!
//! Every way in which a connection can be refused or cut short is one [`Fault`]. A machine counts each and tells its
//! host; nothing else is told to the remote than a close, so a fault teaches an attacker nothing.

use serde::{Deserialize, Serialize, Serializer};

/// Who is to blame for a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Bytes that nobody's software should send.
    InvalidMessage,
    /// Valid messages at the wrong time, or too many.
    Misbehaved,
    /// Another version, or another program.
    Incompatible,
    /// The network, or a limit of this host.
    Circumstance,
}

macro_rules! faults {
    ($($(#[$doc:meta])* $variant:ident, $blame:ident, $sentence:literal;)*) => {
        /// Why a connection was refused or cut short.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
        #[serde(rename_all = "snake_case")]
        pub enum Fault { $($(#[$doc])* #[error($sentence)] $variant,)* }

        impl Fault {
            /// Every fault.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// Who is to blame.
            #[must_use]
            pub const fn blame(self) -> Blame {
                match self { $(Self::$variant => Blame::$blame,)* }
            }
        }
    };
}

faults! {
    /// The first bytes are of no protocol that is spoken here.
    NotPapo, Incompatible, "the first bytes are not papo's";
    /// A peer's preface at a tracker, or the reverse.
    WrongPreface, Incompatible, "the connection is meant for another kind of program";
    /// A frame is longer than it may be at this point.
    FrameTooLong, InvalidMessage, "a frame is too long";
    /// A handshake message is invalid: garbage, an all-zero point, a replay.
    Handshake, InvalidMessage, "the handshake is not valid";
    /// The signature of an identity key is wrong.
    BadIdentity, InvalidMessage, "the identity key did not sign this channel";
    /// A frame cannot be opened.
    Decrypt, InvalidMessage, "a frame cannot be opened";
    /// A frame was opened, and there is no such message.
    Malformed, InvalidMessage, "a message is malformed";
    /// A message that cannot come at this point.
    Unexpected, Misbehaved, "a message came at the wrong time";
    /// An entry that its author did not sign.
    Forged, Misbehaved, "an entry is not signed by its author";
    /// The identity key is not the one that was expected.
    UnexpectedKey, Misbehaved, "the identity key is another than expected";
    /// The handshake took too long.
    HandshakeTimeout, Misbehaved, "the handshake took too long";
    /// A frame was begun and not finished in time.
    FrameTimeout, Misbehaved, "a frame took too long";
    /// Nobody logged in.
    LoginTimeout, Misbehaved, "nobody logged in";
    /// Too many messages at the wrong time, or too many wrong passwords.
    TooManyFailures, Misbehaved, "too many attempts failed";
    /// It reads too slowly.
    SlowReader, Misbehaved, "it reads too slowly";
    /// It sent nothing for too long.
    Silent, Circumstance, "nothing was heard for too long";
    /// It ended without a goodbye.
    Cut, Circumstance, "the connection was cut";
    /// There are too many connections from one address.
    TooManyFromAddress, Misbehaved, "too many connections from one address";
    /// There are too many connections.
    TooManyConnections, Circumstance, "too many connections";
    /// Unfinished frames take too much memory.
    UnfinishedBytes, Circumstance, "unfinished frames take too much memory";
    /// Plain text of an older system, which this host has not allowed.
    Plaintext, Incompatible, "plain text is not allowed here";
    /// It is blocked here.
    Blocked, Misbehaved, "a blocked peer";
    /// It is oneself.
    Oneself, Misbehaved, "a connection to oneself";
    /// The name that it gives itself is not what the tracker lists for its address.
    Unlisted, Misbehaved, "the tracker does not list that name for its address";
    /// The other end takes no link from here.
    Refused, Circumstance, "the other end refused";
}

/// How often each fault happened since the start. In a recording, a list of those that did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counters {
    counts: Vec<u64>,
}

impl Serialize for Counters {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self { counts: vec![0; Fault::ALL.len()] }
    }
}

impl Counters {
    /// Counts one.
    pub fn count(&mut self, fault: Fault) {
        self.counts[fault as usize] += 1;
    }

    /// How often it happened.
    #[must_use]
    pub fn of(&self, fault: Fault) -> u64 {
        self.counts[fault as usize]
    }

    /// Every fault that happened, with how often.
    pub fn iter(&self) -> impl Iterator<Item = (Fault, u64)> + '_ {
        Fault::ALL.iter().map(|&fault| (fault, self.of(fault))).filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_is_counted_apart() {
        let mut counters = Counters::default();
        counters.count(Fault::Silent);
        counters.count(Fault::Silent);
        counters.count(Fault::NotPapo);
        assert_eq!(counters.iter().collect::<Vec<_>>(), [(Fault::NotPapo, 1), (Fault::Silent, 2)]);
    }
}

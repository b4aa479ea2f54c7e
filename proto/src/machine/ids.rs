//! Numbers that name things between a machine and its driver. None is ever used twice.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub u64);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0)
            }
        }
    };
}

id! {
    /// A stream connection: even when accepted, odd when dialled.
    ConnId
}
id! {
    /// A listening socket; odd.
    ListenerId
}
id! {
    /// A socket for datagrams; odd.
    SocketId
}
id! {
    /// What a machine has open on the disk; odd.
    FileId
}
id! {
    /// A question to a worker; odd.
    RequestId
}
id! {
    /// The number of a commit, counted from 1. Zero is "nothing yet".
    Seq
}

impl Default for Seq {
    fn default() -> Self {
        Self::NONE
    }
}

impl Seq {
    /// Before the first commit.
    pub const NONE: Self = Self(0);

    /// The next one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

/// Mints the machine's ids: odd, rising, never reused.
#[derive(Debug, Default)]
pub struct OddIds {
    minted: u64,
}

impl OddIds {
    fn next(&mut self) -> u64 {
        self.minted += 1;
        self.minted * 2 - 1
    }

    /// The id of a dial.
    pub fn next_conn(&mut self) -> ConnId {
        ConnId(self.next())
    }

    /// The id of a listener.
    pub fn next_listener(&mut self) -> ListenerId {
        ListenerId(self.next())
    }

    /// The id of a socket for datagrams.
    pub fn next_socket(&mut self) -> SocketId {
        SocketId(self.next())
    }

    /// The id of something on the disk.
    pub fn next_file(&mut self) -> FileId {
        FileId(self.next())
    }

    /// The id of a question.
    pub fn next_request(&mut self) -> RequestId {
        RequestId(self.next())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_a_machine_are_odd_and_never_repeat() {
        let mut ids = OddIds::default();
        assert_eq!(
            (ids.next_conn(), ids.next_listener(), ids.next_request()),
            (ConnId(1), ListenerId(3), RequestId(5))
        );
    }
}

//! What leaves a machine: [`Action`]s, collected in an [`Outbox`].

use std::{net::SocketAddr, ops::Range};

use serde::{Deserialize, Serialize};

use super::{ConnId, DATAGRAM_BYTES_MAX, FileId, ListenerId, PasswordCheck, RequestId, Seq, SocketId};
use crate::disk::Ask;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action<Notice, Change> {
    /// Listen for connections.
    Listen {
        /// Names the listener.
        listener: ListenerId,
        /// Where; port 0 lets the system choose.
        address: SocketAddr,
    },
    /// Dial.
    Connect {
        /// Names the connection.
        conn: ConnId,
        /// Whom.
        address: SocketAddr,
    },
    /// Write bytes: a range of the outbox's buffer.
    Send {
        /// To whom.
        conn: ConnId,
        /// Which bytes; resolved by [`Outbox::drain_with`].
        #[serde(skip)]
        range: Range<usize>,
    },
    /// Hear datagrams, and be able to send them.
    Bind {
        /// Names the socket.
        socket: SocketId,
        /// Where; port 0 lets the system choose.
        address: SocketAddr,
        /// Whether it may send to all of a network, and shares its port with other programs that do.
        broadcast: bool,
    },
    /// Send a datagram: a range of the outbox's buffer.
    SendTo {
        /// From where.
        socket: SocketId,
        /// To whom.
        to: SocketAddr,
        /// Which bytes; resolved by [`Outbox::drain_with`].
        #[serde(skip)]
        range: Range<usize>,
    },
    /// End a connection, a dial, a listener or a socket.
    Close {
        /// Its bare number.
        id: u64,
        /// What becomes of the bytes that are queued.
        how: CloseHow,
    },
    /// Ask for one [`Event::Writable`](super::Event::Writable).
    WantWrite(ConnId),
    /// Whether to read from a connection. At first it is read.
    Reading(ConnId, bool),
    /// Make changes durable, all or none.
    Commit {
        /// Counted from 1 without a gap.
        seq: Seq,
        /// In order.
        changes: Vec<Change>,
    },
    /// Do Argon2 on a worker.
    CheckPassword {
        /// Names the question.
        request: RequestId,
        /// The question.
        check: PasswordCheck,
    },
    /// Look a host name up on a worker.
    Resolve {
        /// Names the question.
        request: RequestId,
        /// A host name or an address.
        host: String,
        /// Goes into the answer.
        port: u16,
    },
    /// Let the disk do something, on a worker.
    Disk {
        /// Names the question.
        request: RequestId,
        /// The question.
        ask: Ask,
    },
    /// What was open on the disk is not needed any more. What was asked of it before is still answered.
    CloseFile(FileId),
    /// Tell the host.
    Notify(Notice),
}

impl<Notice, Change> Action<Notice, Change> {
    /// Which bytes of its outbox it sends; `None` for what sends nothing.
    #[must_use]
    pub const fn range(&self) -> Option<&Range<usize>> {
        match self {
            Self::Send { range, .. } | Self::SendTo { range, .. } => Some(range),
            Self::Listen { .. }
            | Self::Connect { .. }
            | Self::Bind { .. }
            | Self::Close { .. }
            | Self::WantWrite(_)
            | Self::Reading(..)
            | Self::Commit { .. }
            | Self::CheckPassword { .. }
            | Self::Resolve { .. }
            | Self::Disk { .. }
            | Self::CloseFile(_)
            | Self::Notify(_) => None,
        }
    }
}

/// What becomes of bytes that are queued when a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseHow {
    /// They are written first, for 5 s at most.
    Flush,
    /// They are dropped and the connection is reset.
    Abort,
}

/// Collects the actions of one event. It is reused: its buffers keep their capacity.
#[derive(Debug)]
pub struct Outbox<Notice, Change> {
    actions: Vec<Action<Notice, Change>>,
    buffer: Vec<u8>,
}

impl<Notice, Change> Default for Outbox<Notice, Change> {
    fn default() -> Self {
        Self { actions: Vec::new(), buffer: Vec::new() }
    }
}

impl<Notice, Change> Outbox<Notice, Change> {
    /// Appends an action other than a send.
    pub fn push(&mut self, action: Action<Notice, Change>) {
        debug_assert!(
            !matches!(action, Action::Send { .. } | Action::SendTo { .. }),
            "sends are made by send, send_with and send_to"
        );
        self.actions.push(action);
    }

    /// Sends bytes.
    pub fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        self.send_with(conn, |buffer| buffer.extend_from_slice(bytes));
    }

    /// Sends what `write` appends to the buffer; nothing if that is nothing.
    pub fn send_with<R>(&mut self, conn: ConnId, write: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let start = self.buffer.len();
        let result = write(&mut self.buffer);
        debug_assert!(self.buffer.len() >= start, "a writer only appends");
        if self.buffer.len() > start {
            self.actions.push(Action::Send { conn, range: start..self.buffer.len() });
        }
        result
    }

    /// Sends a datagram.
    ///
    /// # Panics
    /// When it is longer than [`DATAGRAM_BYTES_MAX`].
    pub fn send_to(&mut self, socket: SocketId, to: SocketAddr, bytes: &[u8]) {
        assert!(bytes.len() <= DATAGRAM_BYTES_MAX, "a datagram is bounded");
        let start = self.buffer.len();
        self.buffer.extend_from_slice(bytes);
        self.actions.push(Action::SendTo { socket, to, range: start..self.buffer.len() });
    }

    /// Tells the host.
    pub fn notify(&mut self, notice: Notice) {
        self.push(Action::Notify(notice));
    }

    /// Ends a connection.
    pub fn close(&mut self, conn: ConnId, how: CloseHow) {
        self.push(Action::Close { id: conn.0, how });
    }

    /// The actions so far, to look at.
    #[must_use]
    pub fn actions(&self) -> &[Action<Notice, Change>] {
        &self.actions
    }

    /// The bytes of a send.
    ///
    /// # Panics
    /// When the range is not of this outbox.
    #[must_use]
    pub fn bytes(&self, range: &Range<usize>) -> &[u8] {
        &self.buffer[range.clone()]
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.actions.is_empty()
    }

    /// Takes every action in order, each with the bytes that it sends (empty for all but sends).
    pub fn drain_with(&mut self, mut apply: impl FnMut(Action<Notice, Change>, &[u8])) {
        for action in self.actions.drain(..) {
            let range = action.range().cloned().unwrap_or_default();
            apply(action, &self.buffer[range]);
        }
        self.buffer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_come_out_in_order_with_their_bytes_and_leave_the_box_empty() {
        let mut out = Outbox::<&str, ()>::default();
        out.send(ConnId(2), b"one");
        out.notify("between");
        out.send(ConnId(2), b"");
        out.send(ConnId(4), b"two");
        let mut seen = Vec::new();
        out.drain_with(|action, bytes| {
            seen.push(match action {
                Action::Send { conn, .. } => format!("{conn} {}", String::from_utf8_lossy(bytes)),
                other => format!("{other:?}"),
            });
        });
        assert_eq!(seen, ["2 one", "Notify(\"between\")", "4 two"]);
        assert!(out.is_empty());
    }
}

//! Both sides of the [contract](crate::machine), checked from outside.
//!
//! A [`Contract`] is told every event before it is handled and every action after, and says which of them breaks a
//! promise. A replay asks it before it believes a recording; simulators and fuzz targets hold both sides to it.
//!
//! It remembers what stands between the two: what was asked for and not answered, listeners, connections, commits.
//!
//! Invariant: what broke a promise changes nothing here, so one breach is told once and leads to no others.

use std::collections::BTreeMap;

use crate::{
    disk::{Answer, Ask, BLOCK_BYTES_MAX, NOTE_BYTES_MAX},
    machine::{
        Action, Closed, DATAGRAM_BYTES_MAX, Event, PasswordCheck, PasswordOutcome, RECEIVED_BYTES_MAX, RequestId, Seq,
        WRITABLE_BYTES_MAX,
    },
    time::Time,
};

/// How a promise was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Breach {
    /// An event is earlier than the one before it.
    #[error("time goes backwards")]
    TimeBackwards,
    /// An answer to something that was not asked for, was answered already, or was taken back.
    #[error("an answer to {0}, which does not wait for it")]
    NotAsked(u64),
    /// The answer is to another kind of question.
    #[error("an answer that does not fit what {0} asked")]
    OtherAnswer(u64),
    /// An id of the wrong parity, or one that was used before.
    #[error("the id {0} cannot be new")]
    BadId(u64),
    /// There is no such listener.
    #[error("there is no listener {0}")]
    NoListener(u64),
    /// There is no such connection.
    #[error("there is no connection {0}")]
    NoConnection(u64),
    /// There is no such socket for datagrams.
    #[error("there is no socket {0}")]
    NoSocket(u64),
    /// Nothing on the disk is open under that id.
    #[error("nothing on the disk is open as {0}")]
    NoFile(u64),
    /// There is nothing of that id to close.
    #[error("there is nothing {0} to close")]
    NothingToClose(u64),
    /// No bytes, or more than may come or go at once.
    #[error("{0} bytes at once")]
    Bytes(usize),
    /// Commits are numbered, and become durable, in order.
    #[error("the commit {0} is not the next")]
    OutOfTurn(Seq),
}

/// What the machine asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    Listener,
    Dial,
    Verification,
    Verifier,
    Addresses,
    Socket,
    /// With what a disk answers to that.
    Disk(Fits),
}

/// Which answer of a disk is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fits {
    Scanned,
    Opened,
    /// So many bytes.
    Read(usize),
    Space,
    Written,
    Published,
    Done,
}

impl Fits {
    const fn to(ask: &Ask) -> Self {
        match ask {
            Ask::Scan { .. } => Self::Scanned,
            Ask::OpenSource { .. } | Ask::OpenStage { .. } => Self::Opened,
            Ask::Read { bytes, .. } => Self::Read(*bytes),
            Ask::Space => Self::Space,
            Ask::Publish { .. } => Self::Published,
            Ask::Write { .. } => Self::Written,
            Ask::Note { .. } | Ask::Sync { .. } | Ask::Discard { .. } => Self::Done,
        }
    }

    const fn of(answer: &Answer) -> Self {
        match answer {
            Answer::Scanned(_) => Self::Scanned,
            Answer::Opened { .. } => Self::Opened,
            Answer::Read(bytes) => Self::Read(bytes.len()),
            Answer::Written { .. } => Self::Written,
            Answer::Space { .. } => Self::Space,
            Answer::Published { .. } => Self::Published,
            Answer::Done => Self::Done,
        }
    }
}

/// What stands by an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Listener,
    /// With whether it is to be told when it is writable.
    Connection(bool),
    Socket,
    File,
}

/// What both sides have promised so far. See the [module](self).
#[derive(Debug, Default)]
pub struct Contract {
    now: Time,
    asked: BTreeMap<u64, Asked>,
    standing: BTreeMap<u64, Standing>,
    /// The connection whose other end has ended just now, in order: it may still be answered.
    ended: Option<u64>,
    /// The last id of the driver's, and the highest of the machine's.
    accepted: u64,
    minted: u64,
    /// Odd ids below that which were not used yet, in ranges from first to last: what a machine asks for may wait while
    /// it asks for something else.
    unused: BTreeMap<u64, u64>,
    durable: Seq,
    committed: Seq,
}

impl Contract {
    /// The driver's side: an event is about to be handled.
    ///
    /// # Errors
    /// When the event cannot come now.
    pub fn check_event<C>(&mut self, now: Time, event: &Event<'_, C>) -> Result<(), Breach> {
        if now < self.now {
            return Err(Breach::TimeBackwards);
        }
        self.ended = None;
        match event {
            Event::Listening { listener, .. } => {
                self.take_answer(listener.0, &[Asked::Listener])?;
                self.standing.insert(listener.0, Standing::Listener);
            }
            Event::Opened { conn, listener: None, .. } => {
                self.take_answer(conn.0, &[Asked::Dial])?;
                self.standing.insert(conn.0, Standing::Connection(false));
            }
            Event::Opened { conn, listener: Some(listener), .. } => {
                if self.standing.get(&listener.0) != Some(&Standing::Listener) {
                    return Err(Breach::NoListener(listener.0));
                }
                if !conn.0.is_multiple_of(2) || conn.0 <= self.accepted {
                    return Err(Breach::BadId(conn.0));
                }
                self.accepted = conn.0;
                self.standing.insert(conn.0, Standing::Connection(false));
            }
            Event::Refused { id, .. } => self.take_answer(*id, &[Asked::Listener, Asked::Dial, Asked::Socket])?,
            Event::Bound { socket, .. } => {
                self.take_answer(socket.0, &[Asked::Socket])?;
                self.standing.insert(socket.0, Standing::Socket);
            }
            Event::Datagram { socket, bytes, .. } => {
                self.socket(socket.0)?;
                if bytes.len() > DATAGRAM_BYTES_MAX {
                    return Err(Breach::Bytes(bytes.len()));
                }
            }
            Event::Undeliverable { socket, .. } => self.socket(socket.0)?,
            Event::Received { conn, bytes } => {
                self.connection(conn.0)?;
                if bytes.is_empty() || bytes.len() > RECEIVED_BYTES_MAX {
                    return Err(Breach::Bytes(bytes.len()));
                }
            }
            Event::Writable { conn, bytes } => {
                if *bytes > WRITABLE_BYTES_MAX {
                    return Err(Breach::Bytes(*bytes));
                }
                let wanted = self.connection(conn.0)?;
                if !std::mem::take(wanted) {
                    return Err(Breach::NotAsked(conn.0));
                }
            }
            Event::Closed { conn, reason } => {
                self.connection(conn.0)?;
                self.standing.remove(&conn.0);
                self.ended = (*reason == Closed::End).then_some(conn.0);
            }
            Event::Committed(seq) => {
                if *seq <= self.durable || *seq > self.committed {
                    return Err(Breach::OutOfTurn(*seq));
                }
                self.durable = *seq;
            }
            Event::PasswordChecked { request, outcome } => {
                let fits = match outcome {
                    PasswordOutcome::Matched | PasswordOutcome::Mismatched => Asked::Verification,
                    PasswordOutcome::Created(_) => Asked::Verifier,
                };
                self.take_answer(request.0, &[fits])?;
            }
            Event::Resolved { request, .. } => self.take_answer(request.0, &[Asked::Addresses])?,
            Event::Disk { request, result: Ok(answer) } => {
                self.take_answer(request.0, &[Asked::Disk(Fits::of(answer))])?;
            }
            Event::Disk { request, result: Err(_) } => self.take_disk_error(request.0)?,
            Event::Due | Event::Command(_) | Event::Wall(_) | Event::Interfaces(_) => {}
        }
        self.now = now;
        Ok(())
    }

    /// The machine's side: an action of the event that was checked last.
    ///
    /// # Errors
    /// When the machine cannot ask for that.
    pub fn check_action<N, C>(&mut self, action: &Action<N, C>) -> Result<(), Breach> {
        match action {
            Action::Listen { listener, .. } => self.ask(listener.0, Asked::Listener),
            Action::Connect { conn, .. } => self.ask(conn.0, Asked::Dial),
            Action::Send { conn, .. } if self.ended == Some(conn.0) => Ok(()),
            Action::Send { conn, .. } | Action::Reading(conn, _) => self.connection(conn.0).map(|_| ()),
            Action::Close { id, .. } => self.close(*id),
            Action::WantWrite(conn) => {
                *self.connection(conn.0)? = true;
                Ok(())
            }
            Action::Commit { seq, .. } => {
                if *seq != self.committed.next() {
                    return Err(Breach::OutOfTurn(*seq));
                }
                self.committed = *seq;
                Ok(())
            }
            Action::CheckPassword { request, check } => {
                let asked = match check {
                    PasswordCheck::Verify { .. } => Asked::Verification,
                    PasswordCheck::Create { .. } => Asked::Verifier,
                };
                self.ask(request.0, asked)
            }
            Action::Resolve { request: RequestId(request), .. } => self.ask(*request, Asked::Addresses),
            Action::Bind { socket, .. } => self.ask(socket.0, Asked::Socket),
            Action::SendTo { socket, .. } => self.socket(socket.0),
            Action::Disk { request, ask } => self.ask_disk(request.0, ask),
            Action::CloseFile(file) => {
                self.file(file.0)?;
                self.standing.remove(&file.0);
                Ok(())
            }
            Action::Notify(_) => Ok(()),
        }
    }

    fn ask(&mut self, id: u64, asked: Asked) -> Result<(), Breach> {
        self.mint(id)?;
        self.asked.insert(id, asked);
        Ok(())
    }

    /// Whether an id can be the machine's, and was not used.
    fn is_unused(&self, id: u64) -> bool {
        let skipped = || self.unused.range(..=id).next_back().is_some_and(|(_, last)| id <= *last);
        !id.is_multiple_of(2) && (id > self.minted || skipped())
    }

    /// An id of the machine's is used for the first time.
    fn mint(&mut self, id: u64) -> Result<(), Breach> {
        if !self.is_unused(id) {
            return Err(Breach::BadId(id));
        }
        if id > self.minted {
            let first = if self.minted == 0 { 1 } else { self.minted + 2 };
            if first < id {
                self.unused.insert(first, id - 2);
            }
            self.minted = id;
        } else if let Some((first, last)) = self.unused.range(..=id).next_back().map(|(first, last)| (*first, *last)) {
            self.unused.remove(&first);
            if first < id {
                self.unused.insert(first, id - 2);
            }
            if id < last {
                self.unused.insert(id + 2, last);
            }
        }
        Ok(())
    }

    fn take_answer(&mut self, id: u64, fits: &[Asked]) -> Result<(), Breach> {
        let asked = self.asked.get(&id).ok_or(Breach::NotAsked(id))?;
        if !fits.contains(asked) {
            return Err(Breach::OtherAnswer(id));
        }
        self.asked.remove(&id);
        Ok(())
    }

    /// Whether the connection waits to be writable.
    fn connection(&mut self, id: u64) -> Result<&mut bool, Breach> {
        match self.standing.get_mut(&id) {
            Some(Standing::Connection(wants_write)) => Ok(wants_write),
            Some(Standing::Listener | Standing::Socket | Standing::File) | None => Err(Breach::NoConnection(id)),
        }
    }

    fn socket(&self, id: u64) -> Result<(), Breach> {
        if self.standing.get(&id) == Some(&Standing::Socket) { Ok(()) } else { Err(Breach::NoSocket(id)) }
    }

    fn file(&self, id: u64) -> Result<(), Breach> {
        if self.standing.get(&id) == Some(&Standing::File) { Ok(()) } else { Err(Breach::NoFile(id)) }
    }

    fn ask_disk(&mut self, request: u64, ask: &Ask) -> Result<(), Breach> {
        if let Some(file) = ask.uses() {
            self.file(file.0)?;
        }
        let (block, note) = match ask {
            Ask::Read { bytes, .. } => (*bytes, 0),
            Ask::Write { bytes, note, .. } => (bytes.len(), note.len()),
            Ask::Note { note, .. } => (0, note.len()),
            Ask::Scan { .. }
            | Ask::OpenSource { .. }
            | Ask::Space
            | Ask::OpenStage { .. }
            | Ask::Sync { .. }
            | Ask::Publish { .. }
            | Ask::Discard { .. } => (0, 0),
        };
        if block > BLOCK_BYTES_MAX || note > NOTE_BYTES_MAX {
            return Err(Breach::Bytes(block.max(note)));
        }
        if let Some(file) = ask.opens() {
            if file.0 == request || !self.is_unused(file.0) {
                return Err(Breach::BadId(file.0));
            }
            self.ask(request, Asked::Disk(Fits::to(ask)))?;
            self.mint(file.0)?;
            self.standing.insert(file.0, Standing::File);
            return Ok(());
        }
        self.ask(request, Asked::Disk(Fits::to(ask)))?;
        if let Ask::Publish { file, .. } = ask {
            self.standing.remove(&file.0);
        }
        Ok(())
    }

    fn take_disk_error(&mut self, id: u64) -> Result<(), Breach> {
        match self.asked.get(&id) {
            Some(Asked::Disk(_)) => {
                self.asked.remove(&id);
                Ok(())
            }
            Some(_) => Err(Breach::OtherAnswer(id)),
            None => Err(Breach::NotAsked(id)),
        }
    }

    fn close(&mut self, id: u64) -> Result<(), Breach> {
        if self.standing.get(&id) == Some(&Standing::File) {
            return Err(Breach::NothingToClose(id));
        }
        let dropped = matches!(self.asked.get(&id), Some(Asked::Listener | Asked::Dial | Asked::Socket));
        if dropped {
            self.asked.remove(&id);
        }
        if self.standing.remove(&id).is_some() || dropped { Ok(()) } else { Err(Breach::NothingToClose(id)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::DiskError,
        machine::{CloseHow, Closed, ConnId, FileId, ListenerId, Refusal, SocketId},
    };
    use std::time::Duration;

    type Heard = Event<'static, ()>;
    type Done = Action<(), ()>;

    fn at() -> std::net::SocketAddr {
        "127.0.0.1:1".parse().expect("an address")
    }

    fn listen(listener: u64) -> Done {
        Action::Listen { listener: ListenerId(listener), address: at() }
    }

    fn listening(listener: u64) -> Heard {
        Event::Listening { listener: ListenerId(listener), address: at() }
    }

    fn opened(conn: u64, listener: Option<u64>) -> Heard {
        Event::Opened { conn: ConnId(conn), listener: listener.map(ListenerId), local: at(), remote: at() }
    }

    fn received(conn: u64, count: usize) -> Heard {
        Event::Received { conn: ConnId(conn), bytes: vec![0; count].into() }
    }

    fn created(request: u64) -> Heard {
        Event::PasswordChecked { request: RequestId(request), outcome: PasswordOutcome::Created(String::new()) }
    }

    /// A listener 1, a connection 2 that it accepted, and a dial 3 that waits.
    fn contract() -> Contract {
        let mut contract = Contract::default();
        assert_eq!(contract.check_action(&listen(1)), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &listening(1)), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &opened(2, Some(1))), Ok(()));
        let dial = Done::Connect { conn: ConnId(3), address: at() };
        assert_eq!(contract.check_action(&dial), Ok(()));
        contract
    }

    #[test]
    fn an_event_that_cannot_come_is_a_breach_and_changes_nothing() {
        let mut contract = contract();
        for (event, breach) in [
            (listening(1), Breach::NotAsked(1)),
            (listening(3), Breach::OtherAnswer(3)),
            (opened(4, Some(3)), Breach::NoListener(3)),
            (opened(2, Some(1)), Breach::BadId(2)),
            (opened(5, Some(1)), Breach::BadId(5)),
            (opened(1, None), Breach::NotAsked(1)),
            (Heard::Refused { id: 2, reason: Refusal::Other }, Breach::NotAsked(2)),
            (received(1, 1), Breach::NoConnection(1)),
            (received(3, 1), Breach::NoConnection(3)),
            (received(2, 0), Breach::Bytes(0)),
            (received(2, RECEIVED_BYTES_MAX + 1), Breach::Bytes(RECEIVED_BYTES_MAX + 1)),
            (Heard::Writable { conn: ConnId(2), bytes: 1 }, Breach::NotAsked(2)),
            (Heard::Writable { conn: ConnId(2), bytes: WRITABLE_BYTES_MAX + 1 }, Breach::Bytes(WRITABLE_BYTES_MAX + 1)),
            (Heard::Closed { conn: ConnId(4), reason: Closed::End }, Breach::NoConnection(4)),
            (Heard::Committed(Seq(1)), Breach::OutOfTurn(Seq(1))),
            (created(3), Breach::OtherAnswer(3)),
            (Heard::Resolved { request: RequestId(7), addresses: Vec::new() }, Breach::NotAsked(7)),
        ] {
            assert_eq!(contract.check_event(Time::ZERO, &event), Err(breach), "{event:?}");
        }
        // What may come still may.
        assert_eq!(contract.check_event(Time::ZERO, &received(2, RECEIVED_BYTES_MAX)), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &opened(3, None)), Ok(()));
    }

    #[test]
    fn ids_may_be_used_in_another_order_and_each_once() {
        let mut contract = Contract::default();
        for id in [5, 11, 3, 7, 1, 9] {
            assert_eq!(contract.check_action(&listen(id)), Ok(()), "{id}");
            assert_eq!(contract.check_action(&listen(id)), Err(Breach::BadId(id)));
        }
        assert!((0..=12).all(|id| contract.check_action(&listen(id)) == Err(Breach::BadId(id))));
        assert!(contract.unused.is_empty());
    }

    #[test]
    fn time_goes_forwards() {
        let mut contract = Contract::default();
        let later = Time::after_start(Duration::from_secs(1));
        assert_eq!(contract.check_event(later, &Heard::Due), Ok(()));
        assert_eq!(contract.check_event(later, &Heard::Due), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &Heard::Due), Err(Breach::TimeBackwards));
    }

    #[test]
    fn each_question_has_one_answer_of_its_kind() {
        let mut contract = Contract::default();
        let check = PasswordCheck::Create { password: [0; 32], salt: [0; 16] };
        assert_eq!(contract.check_action(&Done::CheckPassword { request: RequestId(1), check }), Ok(()));
        let matched = Heard::PasswordChecked { request: RequestId(1), outcome: PasswordOutcome::Matched };
        assert_eq!(contract.check_event(Time::ZERO, &matched), Err(Breach::OtherAnswer(1)));
        assert_eq!(contract.check_event(Time::ZERO, &created(1)), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &created(1)), Err(Breach::NotAsked(1)));
    }

    #[test]
    fn commits_become_durable_in_order_and_several_at_once() {
        let mut contract = Contract::default();
        let commit = |seq| Done::Commit { seq: Seq(seq), changes: Vec::new() };
        assert_eq!(contract.check_action(&commit(2)), Err(Breach::OutOfTurn(Seq(2))));
        for seq in 1..=3 {
            assert_eq!(contract.check_action(&commit(seq)), Ok(()));
        }
        assert_eq!(contract.check_event(Time::ZERO, &Heard::Committed(Seq(2))), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &Heard::Committed(Seq(2))), Err(Breach::OutOfTurn(Seq(2))));
        assert_eq!(contract.check_event(Time::ZERO, &Heard::Committed(Seq(4))), Err(Breach::OutOfTurn(Seq(4))));
        assert_eq!(contract.check_event(Time::ZERO, &Heard::Committed(Seq(3))), Ok(()));
    }

    #[test]
    fn an_action_for_what_does_not_stand_is_a_breach() {
        let mut contract = contract();
        let send = |conn| Done::Send { conn: ConnId(conn), range: 0..0 };
        let close = |id| Done::Close { id, how: CloseHow::Flush };
        assert_eq!(contract.check_action(&send(3)), Err(Breach::NoConnection(3)), "it is not open yet");
        assert_eq!(contract.check_action(&listen(3)), Err(Breach::BadId(3)));
        assert_eq!(contract.check_action(&listen(4)), Err(Breach::BadId(4)));
        assert_eq!(contract.check_action(&close(4)), Err(Breach::NothingToClose(4)));
        for id in 1..=3 {
            assert_eq!(contract.check_action(&close(id)), Ok(()));
            assert_eq!(contract.check_action(&close(id)), Err(Breach::NothingToClose(id)));
        }
        assert_eq!(contract.check_action(&send(2)), Err(Breach::NoConnection(2)), "it was closed");
        assert_eq!(contract.check_event(Time::ZERO, &received(2, 1)), Err(Breach::NoConnection(2)));
        assert_eq!(contract.check_event(Time::ZERO, &opened(3, None)), Err(Breach::NotAsked(3)));
    }

    #[test]
    fn whoever_ends_in_order_may_be_answered_by_the_same_event_and_no_later() {
        let closed = |reason| Heard::Closed { conn: ConnId(2), reason };
        let send = Done::Send { conn: ConnId(2), range: 0..0 };
        for (reason, allowed) in [(Closed::End, true), (Closed::Reset, false), (Closed::Lost, false)] {
            let mut contract = contract();
            assert_eq!(contract.check_event(Time::ZERO, &closed(reason)), Ok(()));
            assert_eq!(contract.check_action(&send).is_ok(), allowed, "{reason:?}");
            assert_eq!(contract.check_event(Time::ZERO, &Heard::Due), Ok(()));
            assert_eq!(contract.check_action(&send), Err(Breach::NoConnection(2)));
        }
    }

    #[test]
    fn writable_is_told_once_for_each_time_that_it_is_asked_for() {
        let mut contract = contract();
        let writable = Heard::Writable { conn: ConnId(2), bytes: WRITABLE_BYTES_MAX };
        assert_eq!(contract.check_action(&Done::WantWrite(ConnId(2))), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &writable), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &writable), Err(Breach::NotAsked(2)));
    }

    #[test]
    fn datagrams_go_by_a_socket_that_stands() {
        let mut contract = Contract::default();
        let bind = Done::Bind { socket: SocketId(1), address: at(), broadcast: true };
        let send = Done::SendTo { socket: SocketId(1), to: at(), range: 0..0 };
        let came = |count| Heard::Datagram { socket: SocketId(1), from: at(), bytes: vec![0; count].into() };
        assert_eq!(contract.check_action(&send), Err(Breach::NoSocket(1)));
        assert_eq!(contract.check_action(&bind), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &came(0)), Err(Breach::NoSocket(1)), "it does not stand yet");
        let bound = Heard::Bound { socket: SocketId(1), address: at() };
        assert_eq!(contract.check_event(Time::ZERO, &bound), Ok(()));
        assert_eq!(contract.check_action(&send), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &came(DATAGRAM_BYTES_MAX)), Ok(()));
        let long = DATAGRAM_BYTES_MAX + 1;
        assert_eq!(contract.check_event(Time::ZERO, &came(long)), Err(Breach::Bytes(long)));
        assert_eq!(contract.check_action(&Done::Close { id: 1, how: CloseHow::Abort }), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &came(1)), Err(Breach::NoSocket(1)));
    }

    #[test]
    fn the_disk_answers_each_question_once_and_as_it_was_asked() {
        let mut contract = Contract::default();
        let file = FileId(1);
        let ask = |request, ask| Done::Disk { request: RequestId(request), ask };
        let answer = |request, answer| Heard::Disk { request: RequestId(request), result: Ok(answer) };
        let read = |bytes| Ask::Read { file, offset: 0, bytes };
        let open = Ask::OpenStage { file, key: String::new(), entries: Vec::new() };
        assert_eq!(contract.check_action(&ask(3, read(1))), Err(Breach::NoFile(1)));
        assert_eq!(contract.check_action(&ask(1, open.clone())), Err(Breach::BadId(1)), "two things have one id");
        assert_eq!(contract.check_action(&ask(3, open.clone())), Ok(()));
        assert_eq!(contract.check_action(&ask(5, open)), Err(Breach::BadId(1)));
        assert_eq!(contract.check_event(Time::ZERO, &answer(3, Answer::Done)), Err(Breach::OtherAnswer(3)));
        assert_eq!(contract.check_event(Time::ZERO, &answer(3, Answer::Opened { note: Vec::new() })), Ok(()));
        assert_eq!(contract.check_action(&ask(5, read(BLOCK_BYTES_MAX + 1))), Err(Breach::Bytes(BLOCK_BYTES_MAX + 1)));
        assert_eq!(contract.check_action(&ask(5, read(BLOCK_BYTES_MAX))), Ok(()));
        let short = Answer::Read(vec![0; BLOCK_BYTES_MAX - 1]);
        assert_eq!(contract.check_event(Time::ZERO, &answer(5, short)), Err(Breach::OtherAnswer(5)));
        let failed = Heard::Disk { request: RequestId(5), result: Err(DiskError::Full) };
        assert_eq!(contract.check_event(Time::ZERO, &failed), Ok(()));
        assert_eq!(contract.check_event(Time::ZERO, &failed), Err(Breach::NotAsked(5)));
        let note = vec![0; NOTE_BYTES_MAX + 1];
        assert_eq!(contract.check_action(&ask(7, Ask::Note { file, note })), Err(Breach::Bytes(NOTE_BYTES_MAX + 1)));
        assert_eq!(contract.check_action(&ask(7, Ask::Publish { file, name: String::new() })), Ok(()));
        assert_eq!(contract.check_action(&ask(9, Ask::Sync { file })), Err(Breach::NoFile(1)), "it is published");
        assert_eq!(contract.check_action(&Done::CloseFile(file)), Err(Breach::NoFile(1)));
    }
}

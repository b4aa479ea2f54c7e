//! What waits to be handled by the frontend: notices of its machine, lines, signals, in the order in which they came.
//!
//! The machine's notices come from the reactor's thread, which must never wait for a slow output. Instead, when too much
//! waits here, a peer is told to stop reading from its links (`Command::Output`), and told to go on once it has
//! drained: so nothing that anyone says is lost, and memory stays bounded. What still comes meanwhile (the peer's own
//! rooms and contacts change) is dropped and counted past a second, far higher bound.

use std::{
    collections::VecDeque,
    sync::{Condvar, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use papo_proto::peer::{Notice, change::Incoming};

use super::session::Input;

/// Past this many bytes, links are not read.
const CLOSE_BYTES: usize = 1024 * 1024;
/// Below this many, they are read again.
const OPEN_BYTES: usize = CLOSE_BYTES / 4;
/// Past this many, what nobody said is dropped.
const DROP_BYTES: usize = 16 * CLOSE_BYTES;
/// While it is closed, the command to close is given again after so many notices: one that was given before may have
/// been overtaken by an older one to open.
const REMIND_NOTICES: usize = 256;
const _: () = assert!(OPEN_BYTES < CLOSE_BYTES && CLOSE_BYTES < DROP_BYTES);

/// What a machine says, as it waits here.
pub(crate) trait Waiting {
    /// About how much memory it takes.
    fn weight(&self) -> usize;

    /// What is lost without harm: whoever wants to know how things stand can ask.
    fn is_passing(&self) -> bool;
}

#[derive(Debug)]
struct State<N> {
    queue: VecDeque<(Input<N>, usize)>,
    bytes: usize,
    closed: bool,
    since_closed: usize,
    dropped: u64,
    ended: bool,
}

/// The queue. One thread takes from it.
#[derive(Debug)]
pub(crate) struct Inbox<N = Notice> {
    state: Mutex<State<N>>,
    changed: Condvar,
}

impl<N> Default for Inbox<N> {
    fn default() -> Self {
        let queue = VecDeque::new();
        let state = State { queue, bytes: 0, closed: false, since_closed: 0, dropped: 0, ended: false };
        Self { state: Mutex::new(state), changed: Condvar::new() }
    }
}

/// What [`Inbox::next`] found.
#[derive(Debug)]
pub(crate) enum Next<N = Notice> {
    /// This happened.
    Input(Box<Input<N>>),
    /// Nothing happened in time.
    Nothing,
    /// Nothing will happen any more.
    Ended,
}

impl<N: Waiting> Inbox<N> {
    fn lock(&self) -> MutexGuard<'_, State<N>> {
        // A thread that panicked left a queue that is still whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Queues a notice. Whether the machine is to be told that the output is closed.
    #[must_use]
    pub(crate) fn push_notice(&self, notice: N) -> bool {
        let mut state = self.lock();
        let bytes = notice.weight();
        if state.bytes > DROP_BYTES && notice.is_passing() {
            state.dropped += 1;
            return false;
        }
        state.bytes += bytes;
        state.queue.push_back((Input::Notice(notice), bytes));
        self.changed.notify_one();
        if state.bytes <= CLOSE_BYTES {
            return false;
        }
        let remind = state.closed && state.since_closed >= REMIND_NOTICES;
        let close = !state.closed || remind;
        state.since_closed = if close { 0 } else { state.since_closed + 1 };
        state.closed = true;
        close
    }

    /// Queues anything else; whoever does so waits for its turn in another way.
    pub(crate) fn push(&self, input: Input<N>) {
        self.lock().queue.push_back((input, 0));
        self.changed.notify_one();
    }

    /// The machine has ended: what is queued is all that there will be.
    pub(crate) fn end(&self) {
        self.lock().ended = true;
        self.changed.notify_one();
    }

    /// The next that happened, waited for until `timeout`, or without end.
    pub(crate) fn next(&self, timeout: Option<Duration>) -> Next<N> {
        let mut state = self.lock();
        let idle = |state: &mut State<N>| state.queue.is_empty() && !state.ended;
        state = match timeout {
            None => self.changed.wait_while(state, idle).unwrap_or_else(PoisonError::into_inner),
            Some(timeout) => {
                self.changed.wait_timeout_while(state, timeout, idle).unwrap_or_else(PoisonError::into_inner).0
            }
        };
        match state.queue.pop_front() {
            Some((input, bytes)) => {
                state.bytes -= bytes;
                Next::Input(Box::new(input))
            }
            None if state.ended => Next::Ended,
            None => Next::Nothing,
        }
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().queue.is_empty()
    }

    /// When enough has drained, `open` tells the machine to go on; where it can't be told now, it is tried again later.
    pub(crate) fn open_if_drained(&self, open: impl FnOnce() -> bool) {
        let mut state = self.lock();
        if state.closed && state.bytes <= OPEN_BYTES && open() {
            state.closed = false;
        }
    }

    /// Whether the machine waits to be told to go on.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// How many notices were dropped since the last time that it was asked.
    pub(crate) fn take_dropped(&self) -> u64 {
        let mut state = self.lock();
        if state.queue.is_empty() { std::mem::take(&mut state.dropped) } else { 0 }
    }
}

impl Waiting for Notice {
    fn weight(&self) -> usize {
        let rows = match self {
            Self::Message(Incoming { text, .. }) | Self::Said { text, .. } => text.len() / 256,
            Self::Peers { peers } | Self::Users { users: peers, .. } => peers.len(),
            Self::Rooms { rooms } => rooms.iter().map(|room| 1 + room.members.len()).sum(),
            Self::Room { members, .. } => members.len(),
            Self::Transfers { rows } => rows.len(),
            _ => 0,
        };
        512 + rows * 256
    }

    fn is_passing(&self) -> bool {
        matches!(self, Self::Room { .. } | Self::Peer { .. } | Self::Progress { .. } | Self::Note(_) | Self::Failed(_))
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::{names::Name, peer::interface::PeerEvent, time::Wall};

    use super::*;

    fn message(number: u64) -> Notice {
        let from = Name::new("bia").expect("valid");
        let (id, text) = (number.to_string(), "x".repeat(10_000));
        Notice::Message(Incoming {
            number,
            id,
            from,
            room: None,
            scope: None,
            at: Wall(0),
            text,
            gap: false,
            plaintext: false,
        })
    }

    fn lost() -> Notice {
        Notice::Peer { what: PeerEvent::Lost, user: Name::new("bia").expect("valid"), address: None, plaintext: false }
    }

    fn drain(inbox: &Inbox) -> Vec<Input> {
        let next = || match inbox.next(Some(Duration::ZERO)) {
            Next::Input(input) => Some(*input),
            Next::Nothing | Next::Ended => None,
        };
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn a_full_inbox_closes_the_links_and_a_drained_one_opens_them_without_losing_a_message() {
        let inbox = Inbox::<Notice>::default();
        let closed_at = (1..).find(|&number| inbox.push_notice(message(number))).expect("it fills");
        assert!((90..120).contains(&closed_at), "{closed_at}");
        inbox.open_if_drained(|| panic!("it is full"));
        assert_eq!(drain(&inbox).len() as u64, closed_at);
        inbox.open_if_drained(|| false);
        assert!(inbox.is_closed(), "it could not be told");
        inbox.open_if_drained(|| true);
        inbox.open_if_drained(|| panic!("it is open"));
    }

    #[test]
    fn while_it_is_closed_the_command_is_given_again_now_and_then() {
        let inbox = Inbox::<Notice>::default();
        let given = (0..2000).filter(|&number| inbox.push_notice(message(number))).count();
        assert!((5..10).contains(&given), "{given}");
    }

    #[test]
    fn past_the_last_bound_only_what_nobody_said_is_dropped_and_counted() {
        let inbox = Inbox::<Notice>::default();
        let messages = (DROP_BYTES / 10_000 + 10) as u64;
        for number in 0..messages {
            let _ = inbox.push_notice(message(number));
        }
        for _ in 0..5 {
            let _ = inbox.push_notice(lost());
        }
        let _ = inbox.push_notice(message(messages));
        assert_eq!(inbox.take_dropped(), 0, "told once all before it is shown");
        assert_eq!(drain(&inbox).len() as u64, messages + 1);
        assert_eq!((inbox.take_dropped(), inbox.take_dropped()), (5, 0));
    }

    #[test]
    fn an_ended_inbox_still_gives_what_it_has() {
        let inbox = Inbox::<Notice>::default();
        inbox.push(Input::End);
        inbox.end();
        assert!(matches!(inbox.next(None), Next::Input(input) if matches!(*input, Input::End)));
        assert!(matches!(inbox.next(None), Next::Ended));
    }
}

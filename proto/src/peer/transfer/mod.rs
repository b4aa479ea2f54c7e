//! Files and directories that go from one peer to another (PROTOCOL.md, "Transfers").
//!
//! A transfer goes to one receiver; to a room goes one for each member. What is kept of it is a
//! [`change::Transfer`](super::change::Transfer). While it runs, it has a *run*: one stream of one link, between one
//! `Accept` and whatever ends it, with the source or the stage open. A cut, a pause and the end of the program end the
//! run; the next Accept begins another one, where the receiver's disk is. That is all of resuming.
//!
//! ```text
//!   outgoing   Idle ──Accept──▶ Scanning ──as it was──▶ Opening ──▶ Sending ──▶ Closing ──▶ Idle
//!   incoming   Idle ──accepted, offered here──▶ Receiving (stage opened, whole, synced, published) ──▶ Closing ──▶ Idle
//! ```
//!
//! - [`paths`]: names that a stranger chose, made harmless; [`manifest`]: what a directory consists of.
//! - [`position`]: how far a stream was hashed; [`outgoing`], [`incoming`]: one stream, without anything around it.
//! - `asking`: what the person asks for; `meeting`: what the other end says; `places`: which runs begin, and which give
//!   way; `running`: how they go on and end; `answers`: what the disk answers.
//!
//! Invariants: nothing is created before the person takes it, and a transfer is given its name once. A new run begins
//! only when everything that the one before it asked of the disk is answered. What a stranger offers, or sends, takes no
//! more memory than the limits say.

mod answers;
mod asking;
pub mod incoming;
pub mod manifest;
mod meeting;
pub mod outgoing;
pub mod paths;
mod places;
pub mod position;
mod running;

use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest as _, Sha256};

use super::{
    change::{Arrival, Transfer, Way},
    interface::{Notice, Phase, Target, TransferSeen},
};
use crate::{
    disk::{Ask, Scan},
    identity::Key,
    machine::{ConnId, FileId, RequestId},
    time::Time,
    wire::transfer::TransferId,
};
use incoming::{Finish, Receiving};
use outgoing::{Sending, Wanted};

/// What a transfer does at present.
#[derive(Debug)]
pub(super) enum Run {
    /// Nothing.
    Idle,
    /// What is to be sent is looked at again.
    Scanning(Wanted),
    /// It is opened; with its manifest.
    Opening(Wanted, FileId, Vec<u8>),
    /// It is sent.
    Sending(Box<Sending>),
    /// It is received.
    Receiving(Box<Receiving>),
    /// What was asked of the disk is still to be answered.
    Closing,
}

/// What becomes of a transfer that has ended, once nothing of it is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum After {
    /// It stays to be told of; what is on the disk goes.
    Drop,
    /// What is on the disk goes, and then it is forgotten.
    Forget,
}

/// One transfer.
#[derive(Debug)]
pub(super) struct Live {
    kept: Transfer,
    run: Run,
    /// How much of what the run asked of the disk is not answered.
    asks: usize,
    /// The link on which it was offered.
    conn: Option<ConnId>,
    /// Whether the other end holds it, as it said on this link.
    paused_there: bool,
    /// Outgoing: from where the receiver wants it, while its turn has not come.
    wanted: Option<Wanted>,
    /// Incoming: whether it is being looked whether there is room for it.
    deciding: bool,
    /// Where it stands in line, or among those that run; and when something of it last moved.
    turn: Option<u64>,
    moved: Time,
    /// How much has arrived, and when that was told.
    done: u64,
    told: Option<Time>,
    after: Option<After>,
    /// Whether the store has to know of that first.
    keeping: bool,
    /// What the person is told once it is forgotten.
    last_words: Vec<Notice>,
}

impl Live {
    const fn new(kept: Transfer) -> Self {
        Self {
            kept,
            run: Run::Idle,
            asks: 0,
            conn: None,
            paused_there: false,
            wanted: None,
            deciding: false,
            turn: None,
            moved: Time::ZERO,
            done: 0,
            told: None,
            after: None,
            keeping: false,
            last_words: Vec::new(),
        }
    }

    const fn is_incoming(&self) -> bool {
        matches!(self.kept.way, Way::Incoming(_))
    }

    /// Whether it has neither arrived nor been given up.
    const fn is_live(&self) -> bool {
        self.after.is_none()
            && matches!(
                self.kept.way,
                Way::Outgoing { ended: None, .. } | Way::Incoming(Arrival::Offered | Arrival::Accepted { .. })
            )
    }

    const fn is_offer(&self) -> bool {
        matches!(self.kept.way, Way::Incoming(Arrival::Offered))
    }

    /// Whether it is all there, or about to be: nothing ends it any more but its disk.
    fn is_finishing(&self) -> bool {
        matches!(&self.run, Run::Receiving(receiving) if receiving.finish != Finish::Not)
            || matches!(self.kept.way, Way::Incoming(Arrival::Accepted { whole: Some(_), .. }))
    }

    /// Under what its stage, or its source's note, is kept: nobody else can choose the same.
    fn key(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(if self.is_incoming() { b"papo/1 stage\n" } else { b"papo/1 notes\n" });
        hash.update(self.kept.with.0);
        hash.update(self.kept.id.0);
        crate::hex::encode(&hash.finalize()[..16])
    }

    fn phase(&self) -> Phase {
        match &self.run {
            _ if self.is_offer() => Phase::Offered,
            _ if self.is_finishing() => Phase::Checking,
            _ if self.kept.paused || self.paused_there => {
                Phase::Paused { here: self.kept.paused, there: self.paused_there }
            }
            Run::Sending(_) => Phase::Running,
            Run::Receiving(receiving) if receiving.stream.is_some() => Phase::Running,
            Run::Idle if !self.is_incoming() && self.wanted.is_none() && self.done == 0 => Phase::Offered,
            Run::Idle | Run::Scanning(_) | Run::Opening(..) | Run::Receiving(_) | Run::Closing => Phase::Waiting,
        }
    }

    fn seen(&self) -> TransferSeen {
        TransferSeen {
            transfer: self.kept.number,
            incoming: self.is_incoming(),
            user: self.kept.user.clone(),
            name: self.kept.offer.name.as_str().to_owned(),
            tree: self.kept.offer.tree,
            total: self.kept.offer.size,
            done: self.done,
            phase: self.phase(),
        }
    }
}

/// What was asked of the disk.
#[derive(Debug)]
enum Asked {
    /// What the person would send.
    Scan { token: u64, to: Target, path: String },
    /// Whether there is room for what is offered; for whom, where the person waits for it.
    Space { number: u64, token: Option<u64> },
    /// Something for a run.
    Run(u64, What),
    /// To drop what is kept; the transfer is forgotten then.
    Forget(u64),
    /// Something of which nothing follows.
    Nothing,
}

/// What a run asked of the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    Scan,
    Open,
    Read,
    Note,
    Write,
    Sync,
    /// Before it is given its name.
    LastSync,
    Publish,
}

/// What is known of one link.
#[derive(Debug, Default)]
struct Streams {
    /// How many were opened on it.
    opened: u32,
    /// Those that are open, and whose they are.
    open: BTreeMap<u32, u64>,
    /// Which transfer sent a chunk last.
    served: u64,
    /// Whether the person was told that offers on it are refused.
    refused_told: bool,
}

/// All transfers of a peer.
#[derive(Debug, Default)]
pub struct Transfers {
    all: BTreeMap<u64, Live>,
    by_id: BTreeMap<(Key, TransferId), u64>,
    numbered: u64,
    auto_accept: bool,
    asked: BTreeMap<RequestId, Asked>,
    /// What is to be asked of the disk at the end of this event, and closed behind it.
    questions: Vec<Question>,
    streams: BTreeMap<ConnId, Streams>,
    /// Those that are sent, by link.
    sending: BTreeMap<ConnId, BTreeSet<u64>>,
    /// Whether a run may begin that could not before.
    stirred: bool,
    /// How many turns were given, in line and with a place.
    turns: u64,
    /// For what comes and for what goes: when something last gave its place up because it had stalled.
    stalled_at: BTreeMap<bool, Time>,
    /// A chunk's message, for its memory.
    message: Vec<u8>,
}

/// Something for the disk.
#[derive(Debug)]
enum Question {
    Ask(Asked, Ask),
    Close(FileId),
}

impl Transfers {
    /// As they were kept.
    #[must_use]
    pub fn restored(kept: Vec<Transfer>, numbered: u64, auto_accept: bool) -> Self {
        let by_id = kept.iter().map(|transfer| ((transfer.with, transfer.id), transfer.number)).collect();
        let all = kept.into_iter().map(|transfer| (transfer.number, Live::new(transfer))).collect();
        Self { all, by_id, numbered, auto_accept, stirred: true, ..Self::default() }
    }

    /// Whether something goes to someone, or is to come: a link is wanted for it.
    #[must_use]
    pub fn want_link(&self, key: &Key) -> bool {
        self.of(key).any(|number| {
            self.all.get(&number).is_some_and(|live| match live.kept.way {
                Way::Outgoing { ended: None, .. } | Way::Incoming(Arrival::Accepted { whole: None, .. }) => {
                    !live.kept.paused
                }
                Way::Outgoing { .. } | Way::Incoming(_) => false,
            })
        })
    }

    /// Whether the disk has answered everything.
    #[must_use]
    pub fn is_quiet(&self) -> bool {
        self.asked.is_empty() && self.questions.is_empty()
    }

    /// Those with someone.
    fn of(&self, key: &Key) -> impl Iterator<Item = u64> + use<'_> {
        let first = (*key, TransferId([0; 16]));
        let last = (*key, TransferId([0xff; 16]));
        self.by_id.range(first..=last).map(|(_, number)| *number)
    }

    /// One that has not ended.
    fn live_mut(&mut self, number: u64) -> Option<&mut Live> {
        self.all.get_mut(&number).filter(|live| live.is_live())
    }

    fn sending_mut(&mut self, number: u64) -> Option<&mut Sending> {
        match &mut self.all.get_mut(&number)?.run {
            Run::Sending(sending) => Some(sending),
            Run::Idle | Run::Scanning(_) | Run::Opening(..) | Run::Receiving(_) | Run::Closing => None,
        }
    }

    fn receiving_mut(&mut self, number: u64) -> Option<&mut Receiving> {
        match &mut self.all.get_mut(&number)?.run {
            Run::Receiving(receiving) => Some(receiving),
            Run::Idle | Run::Scanning(_) | Run::Opening(..) | Run::Sending(_) | Run::Closing => None,
        }
    }

    /// Something of it has moved.
    fn touch(&mut self, now: Time, number: u64) {
        if let Some(live) = self.all.get_mut(&number) {
            live.moved = now;
        }
    }

    fn ask(&mut self, asked: Asked, ask: Ask) {
        self.questions.push(Question::Ask(asked, ask));
    }

    fn ask_for_run(&mut self, number: u64, what: What, ask: Ask) {
        if let Some(live) = self.all.get_mut(&number) {
            live.asks += 1;
            self.ask(Asked::Run(number, what), ask);
        }
    }

    fn remove(&mut self, number: u64) {
        if let Some(live) = self.all.remove(&number) {
            self.by_id.remove(&(live.kept.with, live.kept.id));
        }
    }

    fn count(&self, of: impl Fn(&Live) -> bool) -> usize {
        self.all.values().filter(|live| of(live)).count()
    }
}

/// Everything that a scan gave is dropped but this.
#[derive(Debug)]
struct Scanned {
    scan: Scan,
    manifest: manifest::Manifest,
}

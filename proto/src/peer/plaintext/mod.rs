//! Partners: the programs of older systems, which are spoken to in plain text where the person allows it.
//!
//! ```text
//!   accepted ──▶ Undecided ──"papo/1 peer\n"──▶ a link (`linking`)
//!                    ├──"{"──▶ Objects ──HELLO, the tracker agrees──▶ somebody with an account
//!                    └──else──▶ Words: somebody at an address
//!   dialled ─────────────────▶ Objects or Words, by what is known of who listens there
//! ```
//!
//! - [`partner`]: one connection, and how its bytes are cut and paced.
//! - [`nearby`]: who calls out on this host's networks as the older systems do.
//! - `connecting`: accepting, telling apart, dialling, writing, ending.
//! - `objects`: JSON objects, between the members of a room and in private.
//! - `words`: text as it is, to and from everyone.
//!
//! Invariants: nothing of it happens unless the person allows it. A pinned name never gets plain text. Only this
//! peer's own words go out, and only in rooms that were made for it, to whom the tracker lists there. A known partner
//! never gets papo's preface. What comes from one is marked, and where no tracker vouches for a name, the name has its
//! address behind it.

mod connecting;
pub mod nearby;
mod objects;
pub mod partner;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use self::{nearby::Nearby, partner::Partner};
use super::people::PersonId;
use crate::{machine::ConnId, names::Name, source::Source};

/// All connections in plain text, and what is known of those who speak it.
#[derive(Debug, Default)]
pub(super) struct Partners {
    pub(super) all: BTreeMap<ConnId, Partner>,
    /// Dials that are made at the end of the event.
    pub(super) dials: Vec<(ConnId, SocketAddr)>,
    /// Connections that may have something to write or to end at the end of the event.
    pub(super) touched: BTreeSet<ConnId>,
    pub(super) nearby: Nearby,
    /// Who speaks lines, as the tracker lists them.
    pub(super) listed: BTreeMap<SocketAddr, Name>,
}

impl Partners {
    /// Whether that is one of its connections.
    pub(super) fn has(&self, conn: ConnId) -> bool {
        self.all.contains_key(&conn)
    }

    /// A connection to look at, at the end of the event.
    pub(super) fn touch(&mut self, conn: ConnId) -> Option<&mut Partner> {
        let partner = self.all.get_mut(&conn)?;
        self.touched.insert(conn);
        Some(partner)
    }

    /// The connection with someone who has an account.
    pub(super) fn with(&self, id: &PersonId) -> Option<ConnId> {
        let is_with = |partner: &Partner| partner.person() == Some(id) && !partner.ending;
        self.all.iter().find(|(_, partner)| is_with(partner)).map(|(conn, _)| *conn)
    }

    /// The lasting connection in words with that address.
    pub(super) fn at(&self, address: SocketAddr) -> Option<ConnId> {
        let is_there = |partner: &Partner| partner.remote == address && partner.speaks_words() && !partner.ending;
        self.all.iter().find(|(_, partner)| is_there(partner)).map(|(conn, _)| *conn)
    }

    /// Which silent connection gives way to one from `newcomer`: the oldest of the address that has the most, unless
    /// the newcomer's would have as many.
    pub(super) fn most_crowding(&self, newcomer: Source) -> Option<ConnId> {
        let mut counts = BTreeMap::<Source, (usize, ConnId)>::new();
        for (conn, partner) in self.all.iter().filter(|(_, partner)| partner.is_silent()) {
            counts.entry(Source::of(partner.remote.ip())).or_insert((0, *conn)).0 += 1;
        }
        let own = counts.get(&newcomer).map_or(0, |(count, _)| *count);
        let (count, oldest) = counts.into_values().max()?;
        (count > own + 1).then_some(oldest)
    }
}

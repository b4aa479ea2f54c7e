//! Who comes in: how many connections a tracker has, from one address, and of those that have not logged in.
//!
//! Invariant: the counts are those of the connections that were admitted and have not left; an address without any is
//! forgotten.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::IpAddr,
};

use crate::{error::Fault, limits::Limits, machine::ConnId, source::Source};

#[derive(Debug, Default)]
struct Count {
    all: usize,
    /// Ids grow, so the oldest comes first.
    anonymous: BTreeSet<ConnId>,
}

/// Counts connections and refuses those past the bounds.
#[derive(Debug, Default)]
pub struct Gate {
    connections: usize,
    sources: BTreeMap<Source, Count>,
}

impl Gate {
    /// Those of an address that have not logged in, the oldest first, where there are as many as may be; none where
    /// there are fewer. When another comes from there, one of these can make room for it: else a few hundred silent
    /// connections would keep everyone else of that address from logging in.
    pub fn crowd(&self, ip: IpAddr, limits: &Limits) -> impl Iterator<Item = ConnId> {
        let anonymous = self.sources.get(&Source::of(ip)).map(|count| &count.anonymous);
        let crowd = anonymous.filter(|anonymous| anonymous.len() >= limits.anonymous_per_address_max);
        crowd.into_iter().flatten().copied()
    }

    /// A connection came. It counts as anonymous until [`Self::handle_login`].
    ///
    /// # Errors
    /// When it is one too many; then it is not counted.
    pub fn admit(&mut self, conn: ConnId, ip: IpAddr, limits: &Limits) -> Result<(), Fault> {
        if self.connections >= limits.connections_max {
            return Err(Fault::TooManyConnections);
        }
        let source = Source::of(ip);
        let (all, anonymous) = self.sources.get(&source).map_or((0, 0), |count| (count.all, count.anonymous.len()));
        if all >= limits.connections_per_address_max || anonymous >= limits.anonymous_per_address_max {
            return Err(Fault::TooManyFromAddress);
        }
        self.connections += 1;
        let count = self.sources.entry(source).or_default();
        count.all += 1;
        count.anonymous.insert(conn);
        Ok(())
    }

    /// An admitted connection logged in.
    pub fn handle_login(&mut self, conn: ConnId, ip: IpAddr) {
        self.counted(ip).anonymous.remove(&conn);
    }

    /// It logged out and stays.
    pub fn handle_logout(&mut self, conn: ConnId, ip: IpAddr) {
        self.counted(ip).anonymous.insert(conn);
    }

    /// An admitted connection is gone.
    pub fn handle_gone(&mut self, conn: ConnId, ip: IpAddr) {
        self.connections -= 1;
        let count = self.counted(ip);
        count.all -= 1;
        count.anonymous.remove(&conn);
        if count.all == 0 {
            self.sources.remove(&Source::of(ip));
        }
    }

    fn counted(&mut self, ip: IpAddr) -> &mut Count {
        self.sources.get_mut(&Source::of(ip)).expect("an admitted connection is counted")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn each_bound_holds_at_the_limit_and_one_past_it() {
        let limits = Limits {
            connections_max: 5,
            connections_per_address_max: 3,
            anonymous_per_address_max: 2,
            ..Limits::default()
        };
        let (one, other) = (ip("10.0.0.1"), ip("10.0.0.2"));
        let [a, b, c, d, e, f] = [2, 4, 6, 8, 10, 12].map(ConnId);
        let mut gate = Gate::default();
        let crowd = |gate: &Gate| gate.crowd(one, &limits).collect::<Vec<_>>();
        assert_eq!(gate.admit(a, one, &limits), Ok(()));
        assert_eq!(crowd(&gate), [], "there is room for another");
        assert_eq!(gate.admit(b, one, &limits), Ok(()));
        assert_eq!(gate.admit(c, one, &limits), Err(Fault::TooManyFromAddress), "two are anonymous");
        assert_eq!(crowd(&gate), [a, b], "the oldest first");
        gate.handle_login(a, one);
        assert_eq!(crowd(&gate), []);
        assert_eq!(gate.admit(c, one, &limits), Ok(()));
        gate.handle_login(c, one);
        assert_eq!(gate.admit(d, one, &limits), Err(Fault::TooManyFromAddress), "three from one address");
        assert_eq!(gate.admit(d, other, &limits), Ok(()));
        assert_eq!(gate.admit(e, other, &limits), Ok(()));
        assert_eq!(gate.admit(f, ip("10.0.0.3"), &limits), Err(Fault::TooManyConnections));
        gate.handle_gone(a, one);
        gate.handle_logout(c, one);
        assert_eq!(gate.admit(f, one, &limits), Err(Fault::TooManyFromAddress), "it is anonymous again");
        gate.handle_gone(b, one);
        gate.handle_gone(c, one);
        assert_eq!(gate.sources.len(), 1, "an address without connections is forgotten");
    }
}

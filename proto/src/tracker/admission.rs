//! Who comes in: how many connections a tracker has, from one address, and of those that have not logged in.
//!
//! Invariant: the counts are those of the connections that were admitted and have not left; an address without any is
//! forgotten.

use std::{collections::BTreeMap, net::IpAddr};

use crate::{error::Fault, limits::Limits, source::Source};

#[derive(Debug, Default)]
struct Count {
    all: usize,
    anonymous: usize,
}

/// Counts connections and refuses those past the bounds.
#[derive(Debug, Default)]
pub struct Gate {
    connections: usize,
    sources: BTreeMap<Source, Count>,
}

impl Gate {
    /// A connection came. It counts as anonymous until [`Self::handle_login`].
    ///
    /// # Errors
    /// When it is one too many; then it is not counted.
    pub fn admit(&mut self, ip: IpAddr, limits: &Limits) -> Result<(), Fault> {
        if self.connections >= limits.connections_max {
            return Err(Fault::TooManyConnections);
        }
        let source = Source::of(ip);
        let (all, anonymous) = self.sources.get(&source).map_or((0, 0), |count| (count.all, count.anonymous));
        if all >= limits.connections_per_address_max || anonymous >= limits.anonymous_per_address_max {
            return Err(Fault::TooManyFromAddress);
        }
        self.connections += 1;
        let count = self.sources.entry(source).or_default();
        count.all += 1;
        count.anonymous += 1;
        Ok(())
    }

    /// An admitted connection logged in.
    pub fn handle_login(&mut self, ip: IpAddr) {
        self.counted(ip).anonymous -= 1;
    }

    /// It logged out and stays.
    pub fn handle_logout(&mut self, ip: IpAddr) {
        self.counted(ip).anonymous += 1;
    }

    /// An admitted connection is gone.
    pub fn handle_gone(&mut self, ip: IpAddr, anonymous: bool) {
        self.connections -= 1;
        let count = self.counted(ip);
        count.all -= 1;
        count.anonymous -= usize::from(anonymous);
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
        let mut gate = Gate::default();
        assert_eq!(gate.admit(one, &limits), Ok(()));
        assert_eq!(gate.admit(one, &limits), Ok(()));
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "two are anonymous");
        gate.handle_login(one);
        assert_eq!(gate.admit(one, &limits), Ok(()));
        gate.handle_login(one);
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "three from one address");
        assert_eq!(gate.admit(other, &limits), Ok(()));
        assert_eq!(gate.admit(other, &limits), Ok(()));
        assert_eq!(gate.admit(ip("10.0.0.3"), &limits), Err(Fault::TooManyConnections));
        gate.handle_gone(one, false);
        gate.handle_logout(one);
        assert_eq!(gate.admit(one, &limits), Err(Fault::TooManyFromAddress), "it is anonymous again");
        gate.handle_gone(one, true);
        gate.handle_gone(one, true);
        assert_eq!(gate.sources.len(), 1, "an address without connections is forgotten");
    }
}

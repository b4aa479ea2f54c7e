//! Which machines can live in a world.
//!
//! A new kind of machine joins by one variant of [`Wish`], [`Told`] and [`Kept`] each, where it has such a thing, and
//! one `impl Resident`.

use papo_proto::{
    error::Counters,
    machine::Machine,
    monitor::{self, Monitor},
    peer::{self, Peer},
    relay::{
        self, TcpRelay, UdpRelay,
        chat::{self, Chat},
    },
    tracker::{self, Tracker},
};

use crate::sim::{hostile, older, relayed};

/// What a machine's host asks of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Of a tracker.
    Tracker(tracker::Command),
    /// Of a peer.
    Peer(peer::Command),
    /// Of a relay.
    Relay(relay::Command),
    /// Of a client of a relay.
    Chat(chat::Command),
    /// Of a monitor.
    Monitor(monitor::Command),
}

/// What a machine tells its host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Told {
    /// By a tracker.
    Tracker(tracker::Notice),
    /// By a peer.
    Peer(peer::Notice),
    /// By a hostile node.
    Hostile(hostile::Notice),
    /// By an older client.
    Older(older::Notice),
    /// By an old client of a relay.
    Talker(relayed::Notice),
    /// By a relay.
    Relay(relay::Notice),
    /// By a client of a relay.
    Chat(chat::Notice),
    /// By a monitor.
    Monitor(monitor::Notice),
}

/// What a machine wants kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kept {
    /// By a tracker.
    Tracker(tracker::Change),
    /// By a peer.
    Peer(peer::Change),
}

/// A machine that can live in a world.
pub(crate) trait Resident: Machine + 'static {
    /// The machine's own command.
    ///
    /// # Panics
    /// When it is meant for another kind of machine.
    fn command(wish: Wish) -> Self::Command;
    /// What it told, for anyone.
    fn told(notice: Self::Notice) -> Told;
    /// What it wants kept, for anyone.
    fn kept(change: Self::Change) -> Kept;
    /// How often it met each fault.
    fn counters(machine: &Self) -> Counters;
}

impl Resident for Tracker {
    fn command(wish: Wish) -> Self::Command {
        let Wish::Tracker(command) = wish else { panic!("{wish:?} is no command of a tracker") };
        command
    }

    fn told(notice: Self::Notice) -> Told {
        Told::Tracker(notice)
    }

    fn kept(change: Self::Change) -> Kept {
        Kept::Tracker(change)
    }

    fn counters(machine: &Self) -> Counters {
        machine.counters().clone()
    }
}

impl Resident for Peer {
    fn command(wish: Wish) -> Self::Command {
        let Wish::Peer(command) = wish else { panic!("{wish:?} is no command of a peer") };
        command
    }

    fn told(notice: Self::Notice) -> Told {
        Told::Peer(notice)
    }

    fn kept(change: Self::Change) -> Kept {
        Kept::Peer(change)
    }

    fn counters(machine: &Self) -> Counters {
        machine.counters().clone()
    }
}

/// A machine that keeps nothing, and counts no faults.
macro_rules! transient {
    ($machine:ty, $kind:ident) => {
        impl Resident for $machine {
            fn command(wish: Wish) -> Self::Command {
                let Wish::$kind(command) = wish else { panic!("{wish:?} is no command of its") };
                command
            }

            fn told(notice: Self::Notice) -> Told {
                Told::$kind(notice)
            }

            fn kept((): ()) -> Kept {
                unreachable!("it keeps nothing")
            }

            fn counters(_: &Self) -> Counters {
                Counters::default()
            }
        }
    };
}

transient!(TcpRelay, Relay);
transient!(UdpRelay, Relay);
transient!(Chat, Chat);
transient!(Monitor, Monitor);

impl Told {
    /// A notice of a peer.
    pub(crate) const fn peer(&self) -> Option<&peer::Notice> {
        match self {
            Self::Peer(notice) => Some(notice),
            _ => None,
        }
    }

    /// A notice of a tracker.
    pub(crate) const fn tracker(&self) -> Option<&tracker::Notice> {
        match self {
            Self::Tracker(notice) => Some(notice),
            _ => None,
        }
    }
}

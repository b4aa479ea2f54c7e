//! One connection of a hostile node: what it says of itself, and what is done to it before it is said.

use std::{collections::VecDeque, time::Duration};

use papo_proto::{
    channel::Channel,
    identity::Key,
    machine::{CloseHow, ConnId},
};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// It says its script and nothing else.
    Stranger,
    /// The session at the tracker.
    Session,
    /// A link as a member has them.
    Link,
    /// Somebody who takes this node for a tracker.
    Client,
}

/// Something that a connection does by itself, one after the other.
#[derive(Debug)]
pub(super) enum Beat {
    /// Says these bytes as they are.
    Raw(Vec<u8>),
    /// Seals a message and says it; dropped where there is no channel.
    Sealed(Vec<u8>),
    /// Waits.
    Wait(Duration),
    /// Reads no more.
    Deaf,
    /// Says nothing more, whatever it is asked.
    Hush,
    /// Ends it.
    Close(CloseHow),
}

/// What is done to the handshake messages of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tamper {
    /// Nothing.
    None,
    /// One bit of the message with this number, counted from the first that this end says, is flipped.
    Flip(usize),
    /// That message is said twice.
    Twice(usize),
    /// That message is cut short, and nothing follows.
    Cut(usize),
    /// That message is followed by bytes that come too early.
    Hasty(usize),
}

impl Tamper {
    /// What is said instead of `bytes`, the message with this number. `bit` picks what is flipped.
    pub(super) fn apply(self, number: usize, mut bytes: Vec<u8>, bit: usize) -> Vec<u8> {
        match self {
            Self::Flip(which) if which == number && !bytes.is_empty() => {
                let at = bit / 8 % bytes.len();
                bytes[at] ^= 1 << (bit % 8);
            }
            Self::Twice(which) if which == number => bytes.extend_from_within(..),
            Self::Cut(which) if which == number => bytes.truncate(bytes.len() / 2),
            Self::Hasty(which) if which == number => bytes.extend_from_slice(&[0, 17, 1, 2, 3, 4]),
            Self::None | Self::Flip(_) | Self::Twice(_) | Self::Cut(_) | Self::Hasty(_) => {}
        }
        bytes
    }
}

/// One connection.
pub(super) struct Line {
    pub(super) part: Part,
    /// The channel, where it speaks one; a dialled one from when the connection stands.
    pub(super) channel: Option<Channel>,
    pub(super) tamper: Tamper,
    /// How many handshake messages it said.
    pub(super) spoken: usize,
    /// Who is at the other end, once that is known.
    pub(super) key: Option<Key>,
    /// The other end said its `Hello`, or the tracker its `Welcome`.
    pub(super) greeted: bool,
    /// The connection stands.
    pub(super) stands: bool,
    /// Where all that comes is passed on.
    pub(super) relay: Option<ConnId>,
    /// It says nothing more.
    pub(super) hushed: bool,
    /// What is left to be done.
    pub(super) script: VecDeque<Beat>,
    /// How the connection is to speak once it stands; raw bytes where that is `None`.
    pub(super) opening: Option<Opening>,
}

/// How a dialled connection begins.
pub(super) struct Opening {
    pub(super) preface: papo_proto::channel::Preface,
    pub(super) identity: papo_proto::identity::Identity,
}

impl Line {
    pub(super) fn new(part: Part, tamper: Tamper, opening: Option<Opening>, script: Vec<Beat>) -> Self {
        Self {
            part,
            channel: None,
            tamper,
            spoken: 0,
            key: None,
            greeted: false,
            stands: false,
            relay: None,
            hushed: false,
            script: script.into(),
            opening,
        }
    }

    /// Whether messages can be sealed.
    pub(super) fn is_established(&self) -> bool {
        self.channel.as_ref().is_some_and(Channel::is_established)
    }
}

//! Everything bad that can be done: one table.

use serde::{Deserialize, Serialize};

use super::{
    beacons, client, files, forge, liar,
    machine::{Hostile, Out},
    noise, relay, replay,
};

/// What has to stand before a habit can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Needs {
    /// Nothing: any stranger can do it.
    Nothing,
    /// A session at the tracker.
    Session,
    /// A session, rooms, and links to their members.
    Links,
}

macro_rules! habits {
    ($($(#[$doc:meta])* $habit:ident: $needs:ident, $act:path;)*) => {
        /// Something bad that is done again and again.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub(crate) enum Habit { $($(#[$doc])* $habit,)* }

        impl Habit {
            /// Every habit.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$habit,)*];

            /// What has to stand before.
            pub(super) const fn needs(self) -> Needs {
                match self { $(Self::$habit => Needs::$needs,)* }
            }

            /// Does it once.
            pub(super) fn act(self, node: &mut Hostile, out: &mut Out) {
                match self { $(Self::$habit => $act(node, out),)* }
            }
        }
    };
}

habits! {
    /// Bytes of no protocol.
    Garbage: Nothing, noise::garbage;
    /// What other protocols say first.
    OtherProtocols: Nothing, noise::other_protocols;
    /// A preface of another version, for another kind of program, or half of one.
    Prefaces: Nothing, noise::prefaces;
    /// Frames that are too long, too short, or end in the middle.
    Frames: Nothing, noise::frames;
    /// A Diffie-Hellman point that makes every secret zero.
    ZeroPoints: Nothing, noise::zero_points;
    /// One byte now and then.
    Dribble: Nothing, noise::dribble;
    /// Connections that say nothing.
    Silence: Nothing, noise::silence;
    /// Many connections at once.
    Flood: Nothing, noise::flood;
    /// Connections that are closed in the middle of a handshake.
    FickleHandshakes: Nothing, noise::fickle_handshakes;

    /// Calls on the network that are no beacons.
    BrokenBeacons: Nothing, beacons::broken;
    /// Calls of many who are not there.
    Crowds: Nothing, beacons::crowds;
    /// Others' calls again, and calls in others' names.
    Echoes: Nothing, beacons::echoes;
    /// Calls in the name of who is on no network of the others.
    Strays: Nothing, beacons::third_parties;

    /// What was heard on one connection, said on another.
    Replay: Nothing, replay::replay;
    /// Handshake messages that are altered, repeated, or followed by what comes too early.
    BrokenHandshakes: Nothing, replay::broken_handshakes;
    /// Frames after the handshake that cannot be opened.
    BrokenFrames: Nothing, replay::broken_frames;

    /// Requests before login, more than are answered.
    BeforeLogin: Nothing, client::before_login;
    /// Sealed messages that are none.
    NoMessages: Nothing, client::no_messages;
    /// Accounts under names that look like others'.
    LookAlikes: Session, client::look_alikes;
    /// Other people's passwords, guessed.
    Guesses: Nothing, client::guesses;
    /// The account from two connections at once.
    LogInTwice: Session, client::log_in_twice;
    /// A crowd of requests at once.
    Requests: Session, client::requests;
    /// Requests about rooms and people that are nobody's business or do not exist.
    Meddling: Session, client::meddling;
    /// Endpoints that are somebody else's.
    ThirdParties: Session, client::third_parties;
    /// The longest and ugliest status and profile.
    Graffiti: Session, client::graffiti;
    /// A frame that is begun and never finished, after login.
    HalfFrame: Session, client::half_frame;
    /// Answers that are asked for and not read.
    SlowReader: Session, client::slow_reader;
    /// Pings that are not answered.
    Mute: Links, client::mute;

    /// What any member may do: it talks.
    Talk: Links, forge::talk;
    /// A second `Hello`.
    HelloTwice: Links, forge::hello_twice;
    /// A `Hello` with somebody else's name, or of another tracker.
    FalseHello: Nothing, forge::false_hello;
    /// Messages before `Hello`.
    BeforeHello: Nothing, forge::before_hello;
    /// Entries under another's key, with a signature that is wrong.
    Forgeries: Links, forge::forgeries;
    /// Others' entries, handed on as they are or altered.
    Hearsay: Links, forge::hearsay;
    /// Entries of rooms in which it is not.
    ForeignRooms: Links, forge::foreign_rooms;
    /// Entries with numbers that skip, repeat, and end all counting.
    Numbers: Links, forge::numbers;
    /// Entries that follow what nobody said.
    Orphans: Links, forge::orphans;
    /// Entries and messages from the beginning and the end of time.
    Times: Links, forge::times;
    /// Acknowledgements of what was never said.
    FalseAcks: Links, forge::false_acks;
    /// Private messages with numbers that skip, repeat, and end all counting.
    PrivateNumbers: Links, forge::private_numbers;
    /// `RoomHello` for rooms that do not exist, and again and again for those that do.
    RoomHellos: Links, forge::room_hellos;
    /// So many messages that the keys are replaced.
    Rekeys: Links, forge::rekeys;
    /// No acknowledgement, ever.
    NeverAcks: Links, forge::talk;
    /// A goodbye, and on.
    ByeAndOn: Links, forge::bye_and_on;
    /// Two links at once, and again.
    LinkTwice: Links, forge::link_twice;
    /// Links that are not read.
    DeafLinks: Links, forge::deaf_links;

    /// Offers of what cannot be, and more of them than anybody takes.
    Offers: Links, files::offers;
    /// Files whose bytes are not what was offered.
    Streams: Links, files::streams;
    /// Acceptances, credit and goodbyes for files of which it knows nothing.
    Demands: Links, files::demands;

    /// Those who dial it are handed on to somebody else.
    Relays: Links, relay::relay;
    /// A tracker of its own, which lies to whoever comes.
    Lies: Nothing, liar::lie;
}

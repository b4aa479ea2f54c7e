//! What people do: every command that a person has, in one table.
//!
//! A new command joins by a row of [`deeds!`] and an arm in [`Kind::draw`]. As with faults, each seed leaves some out
//! and weighs the others anew.

use std::{collections::BTreeSet, net::SocketAddr, time::Duration};

use papo_proto::{
    names::Name,
    peer::{
        Request,
        interface::{Credentials, Target},
    },
    rng::Seed,
    wire::{
        codec::Text,
        room::TEXT_BYTES_MAX,
        tracker::{PasswordHash, Status},
    },
};

use super::belongings::draw_path;
use super::cast::{BYSTANDER, Cast, MARK, PEER_PORT, PersonId, TrackerId, TrackerPart, name};
use crate::luck::Luck;

macro_rules! deeds {
    ($($(#[$doc:meta])* $kind:ident, $weight:literal;)*) => {
        /// What people do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Every kind.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$kind,)*];

            /// How often it is done, beside the others, before a seed weighs it anew.
            const fn weight(self) -> f64 {
                match self { $(Self::$kind => $weight,)* }
            }
        }
    };
}

deeds! {
    /// Something for a room.
    SayInRoom, 30.0;
    /// Something for one person.
    SayToOne, 10.0;
    /// Something for everyone.
    SayToAll, 3.0;
    /// Several lines at once.
    Burst, 2.0;
    /// The longest text, or one too long, or none.
    SayAtTheEdge, 0.5;
    /// `/create`
    Create, 4.0;
    /// `/join`
    Join, 8.0;
    /// `/leave`
    Leave, 2.0;
    /// `/delete`
    Delete, 0.5;
    /// `/chat`
    Talk, 1.0;
    /// `/peers`
    Peers, 1.0;
    /// `/users`
    Users, 1.0;
    /// `/rooms`
    Rooms, 1.0;
    /// `/whois`
    Whois, 1.0;
    /// `/connect`
    Connect, 2.0;
    /// `/connect` to where no peer is
    ConnectAmiss, 0.5;
    /// `/disconnect`
    Disconnect, 1.0;
    /// `/block`
    Block, 0.5;
    /// `/unblock`
    Unblock, 1.5;
    /// `/verify`
    Verify, 0.5;
    /// `/trust`
    Trust, 0.5;
    /// `/ping`
    Ping, 1.0;
    /// `/status`
    Status, 1.0;
    /// `/profile`
    Profile, 0.5;
    /// `/plaintext`
    Plaintext, 0.3;
    /// `/register` of an account that is there
    RegisterAgain, 0.3;
    /// `/login` as oneself
    Login, 0.5;
    /// `/login` with a wrong password
    LoginAmiss, 0.3;
    /// `/logout`
    Logout, 0.5;
    /// `/send` to a room
    SendToRoom, 1.0;
    /// `/send` to one person
    SendToOne, 4.0;
    /// `/send` to everyone
    SendToAll, 0.3;
    /// `/accept`
    Accept, 0.5;
    /// `/reject`
    Reject, 0.5;
    /// `/pause`
    Pause, 0.7;
    /// `/resume`
    Resume, 2.0;
    /// `/cancel`
    Cancel, 0.5;
    /// `/transfers`
    Transfers, 0.5;
    /// The end of input: wait for acknowledgements.
    Drain, 0.5;
    /// `/quit`, and back after a while
    Quit, 0.5;
    /// A device is lost; its owner logs in from a new one.
    NewDevice, 0.2;
    /// Whoever runs the tracker looks at its counters.
    Count, 0.3;
    /// Whoever runs the tracker ends it in order, and starts it again.
    Shutdown, 0.3;
}

/// One thing that somebody does.
#[derive(Debug, Clone)]
pub(crate) enum Deed {
    /// A person types something, or several things at once.
    Ask(PersonId, Vec<Request>),
    /// A person quits, and starts the program again after a while.
    Quit(PersonId, Duration),
    /// A person's device is lost with all that was on it; after a while it has a new one.
    NewDevice(PersonId, Duration),
    /// The tracker's keeper looks at its counters.
    Count(TrackerId),
    /// The tracker's keeper ends it, and starts it again after a while.
    Shutdown(TrackerId, Duration),
}

/// What a seed's people like to do.
pub(crate) struct Habits {
    weights: Vec<(Kind, f64)>,
    /// Where each person is at home.
    homes: Vec<Vec<Name>>,
    said: u64,
    /// Most of what is said is short.
    long: f64,
}

impl Habits {
    /// Draws them: some things nobody does, others everybody.
    pub(crate) fn draw(seed: &Seed, cast: &Cast) -> Self {
        let mut luck = Luck::of(seed, "habits", 0);
        let homes =
            cast.people.iter().map(|_| (0..1 + luck.below(2)).map(|_| luck.pick(&cast.rooms).clone()).collect());
        let homes = homes.collect();
        let mut weights = Vec::new();
        for &kind in Kind::ALL {
            let factor = luck.duration(Duration::from_millis(250), Duration::from_secs(4)).as_secs_f64();
            // Without rooms and words there is little to see.
            let off = match kind {
                Kind::SayInRoom | Kind::Join | Kind::Create => 0.0,
                // After it little is left to compare: what was on the device is gone.
                Kind::NewDevice => 0.7,
                _ => 0.2,
            };
            if !luck.chance(off) {
                weights.push((kind, kind.weight() * factor));
            }
        }
        Self { weights, homes, said: 0, long: if luck.chance(0.1) { 0.2 } else { 0.01 } }
    }

    /// What people do before anything goes wrong: they make their rooms and meet there.
    pub(crate) fn settle_in(&self, cast: &Cast) -> Vec<Vec<Deed>> {
        let mut made = BTreeSet::new();
        let (mut creating, mut joining) = (Vec::new(), Vec::new());
        for (who, homes) in self.homes.iter().enumerate() {
            for room in homes {
                let is_first = made.insert((cast.people[who].tracker, room.clone()));
                let request = match is_first {
                    true => Request::Create { room: room.clone(), capacity: None, plaintext: false },
                    false => Request::Join { room: room.clone() },
                };
                if is_first { &mut creating } else { &mut joining }.push(Deed::Ask(who, vec![request]));
            }
        }
        vec![creating, joining]
    }

    /// What somebody does next.
    pub(crate) fn next(&mut self, cast: &Cast, luck: &mut Luck) -> Deed {
        let mut at = self.weights.iter().map(|(_, weight)| weight).sum::<f64>() * luck.unit();
        let found = self.weights.iter().find(|(_, weight)| {
            at -= weight;
            at <= 0.0
        });
        let kind = found.map_or(Kind::SayInRoom, |(kind, _)| *kind);
        let who = luck.below(cast.people.len());
        self.of(kind, who, cast, luck)
    }

    fn of(&mut self, kind: Kind, who: PersonId, cast: &Cast, luck: &mut Luck) -> Deed {
        // Mostly people are where they are at home, and with those they can know.
        let rooms = if luck.chance(0.85) { &self.homes[who] } else { &cast.rooms };
        let room = luck.pick(rooms).clone();
        let other = other_than(who, cast, luck);
        let user = cast.people[other].name.clone();
        let request = match kind {
            Kind::SayInRoom => self.say(Target::Room(room), luck),
            Kind::SayToOne => self.say(Target::User(user), luck),
            Kind::SayToAll => self.say(Target::All, luck),
            Kind::Burst => {
                let to = if luck.chance(0.7) { Target::Room(room) } else { Target::User(user) };
                let count = 2 + luck.below(20);
                return Deed::Ask(who, (0..count).map(|_| self.say(to.clone(), luck)).collect());
            }
            Kind::SayAtTheEdge => {
                let text = match luck.below(3) {
                    0 => String::new(),
                    1 => self.text(TEXT_BYTES_MAX),
                    _ => self.text(TEXT_BYTES_MAX + 1),
                };
                Request::Say { to: Target::Room(room), text }
            }
            Kind::Create => {
                let capacity = [None, None, Some(2), Some(1), Some(256), Some(0), Some(257)];
                Request::Create { room, capacity: *luck.pick(&capacity), plaintext: false }
            }
            Kind::Join => Request::Join { room },
            Kind::Leave => Request::Leave { room },
            Kind::Delete => Request::Delete { room },
            Kind::Talk => Request::Talk { to: if luck.chance(0.5) { Target::Room(room) } else { Target::User(user) } },
            Kind::Peers => Request::Peers { prefix: prefix(luck) },
            Kind::Users => Request::Users { room: luck.chance(0.7).then_some(room) },
            Kind::Rooms => Request::Rooms { prefix: prefix(luck) },
            Kind::Whois => Request::Whois { user: if luck.chance(0.8) { user } else { nobody(luck) } },
            Kind::Connect => Request::Connect { address: SocketAddr::new(cast.people[other].ip, PEER_PORT) },
            Kind::ConnectAmiss => {
                let tracker = luck.pick(&cast.trackers).address();
                let oneself = SocketAddr::new(cast.people[who].ip, PEER_PORT);
                Request::Connect { address: *luck.pick(&[tracker, oneself, SocketAddr::new(BYSTANDER, PEER_PORT)]) }
            }
            Kind::Disconnect => Request::Disconnect { user },
            Kind::Block => Request::Block { user },
            Kind::Unblock => Request::Unblock { user },
            Kind::Verify => Request::Verify { user },
            Kind::Trust => Request::Trust { user },
            Kind::Ping => Request::Ping { user },
            Kind::Status => {
                let status = *luck.pick(Status::ALL);
                Request::Status { status, text: Text::new(format!("{MARK} {}", luck.below(100))).expect("short") }
            }
            Kind::Profile => {
                Request::Profile { text: Text::new(format!("{MARK} {}", luck.below(100))).expect("short") }
            }
            Kind::Plaintext => Request::Plaintext { open: luck.chance(0.5) },
            Kind::RegisterAgain => Request::Register(credentials(cast, who, true)),
            Kind::Login => {
                let mut credentials = credentials(cast, who, false);
                if luck.chance(0.5) {
                    credentials.password = None;
                }
                Request::Login(credentials)
            }
            Kind::LoginAmiss => {
                let mut credentials = credentials(cast, if luck.chance(0.5) { who } else { other }, false);
                credentials.password = Some(wrong_password());
                Request::Login(credentials)
            }
            Kind::SendToRoom => Request::Send { to: Target::Room(room), path: draw_path(luck) },
            Kind::SendToOne => Request::Send { to: Target::User(user), path: draw_path(luck) },
            Kind::SendToAll => Request::Send { to: Target::All, path: draw_path(luck) },
            Kind::Accept => Request::Accept { transfer: number(luck) },
            Kind::Reject => Request::Reject { transfer: number(luck) },
            Kind::Pause => Request::Pause { transfer: number(luck) },
            Kind::Resume => Request::Resume { transfer: number(luck) },
            Kind::Cancel => Request::Cancel { transfer: number(luck) },
            Kind::Transfers => Request::Transfers,
            Kind::Logout => Request::Logout,
            Kind::Drain => Request::Drain,
            Kind::Quit => return Deed::Quit(who, away(luck)),
            Kind::NewDevice => return Deed::NewDevice(who, away(luck)),
            Kind::Count => return Deed::Count(luck.below(cast.trackers.len())),
            Kind::Shutdown => return Deed::Shutdown(luck.below(cast.trackers.len()), away(luck)),
        };
        Deed::Ask(who, vec![request])
    }

    fn say(&mut self, to: Target, luck: &mut Luck) -> Request {
        let longest = if luck.chance(self.long) { 8_000 } else { 80 };
        Request::Say { to, text: self.text(MARK.len() + 12 + luck.below(longest)) }
    }

    /// A text that nobody said before, of about so many bytes.
    fn text(&mut self, bytes: usize) -> String {
        self.said += 1;
        let mut text = format!("{MARK} #{};", self.said);
        while text.len() < bytes {
            text.push('.');
        }
        text
    }
}

/// Someone's own account.
pub(crate) fn credentials(cast: &Cast, who: PersonId, register: bool) -> Credentials {
    let part = &cast.people[who];
    let tracker = part.tracker.map(|tracker| &cast.trackers[tracker]);
    let token = tracker.and_then(TrackerPart::token).filter(|_| part.knows_token);
    Credentials { name: part.name.clone(), password: Some(part.password.clone()), register, token }
}

fn wrong_password() -> PasswordHash {
    let mut hash = [0x5a; 32];
    hash[..MARK.len()].copy_from_slice(MARK.as_bytes());
    PasswordHash(hash)
}

/// Of a transfer: people have few at a time.
fn number(luck: &mut Luck) -> u64 {
    luck.between(1, 20)
}

fn nobody(luck: &mut Luck) -> Name {
    name(&format!("{MARK}-ninguém{}", luck.below(3)))
}

fn prefix(luck: &mut Luck) -> String {
    luck.pick(&["", MARK, "papagaio-a", "ninguém"]).to_string()
}

/// Somebody else, mostly of the same tracker.
fn other_than(who: PersonId, cast: &Cast, luck: &mut Luck) -> PersonId {
    let other = (who + 1 + luck.below(cast.people.len() - 1)) % cast.people.len();
    if cast.people[other].tracker == cast.people[who].tracker || luck.chance(0.15) {
        return other;
    }
    let near =
        (0..cast.people.len()).filter(|near| *near != who && cast.people[*near].tracker == cast.people[who].tracker);
    let near = near.collect::<Vec<_>>();
    if near.is_empty() { other } else { *luck.pick(&near) }
}

fn away(luck: &mut Luck) -> Duration {
    luck.duration(Duration::from_millis(50), Duration::from_secs(30))
}

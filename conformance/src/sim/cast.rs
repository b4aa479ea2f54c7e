//! Who takes part in a run: trackers, and people with their names, keys, passwords and hosts.
//!
//! Everything secret has the [`MARK`] in it, so one search finds whatever reaches a wire in the clear.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use papo_proto::{
    identity::Identity,
    limits::Limits,
    names::Name,
    peer::interface::TrackerAddress,
    rng::Seed,
    tracker::Registration,
    wire::tracker::{PasswordHash, Token},
};

use crate::luck::Luck;

/// Stands in every name, room, text, status, profile and password, and must never be seen on a wire.
pub(crate) const MARK: &str = "papagaio";
/// Where peers listen.
pub(crate) const PEER_PORT: u16 = 6061;
/// Where beacons go.
pub(crate) const LAN_PORT: u16 = 9091;
/// Where trackers listen.
pub(crate) const TRACKER_PORT: u16 = 6060;
/// The host that has nothing to do with any of this, and must never be dialled.
pub(crate) const BYSTANDER: IpAddr = IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9));

/// Which tracker, in the order of [`Cast::trackers`].
pub(crate) type TrackerId = usize;
/// Which person, in the order of [`Cast::people`].
pub(crate) type PersonId = usize;

/// Who someone is in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// A tracker.
    Tracker(TrackerId),
    /// A person's peer, whichever of its processes.
    Person(PersonId),
    /// Somebody hostile.
    Hostile,
    /// A client of the older system.
    Older(usize),
    /// The relay for TCP.
    TcpRelay,
    /// The relay for UDP.
    UdpRelay,
    /// An old client of one of the relays.
    Talker(usize),
}

/// A tracker.
#[derive(Debug, Clone)]
pub(crate) struct TrackerPart {
    pub(crate) ip: IpAddr,
    pub(crate) identity: Identity,
    pub(crate) limits: Limits,
    /// Who may have an account; where nobody may, those have one who are its people.
    pub(crate) registration: Registration,
    /// Another name for it that can be looked up.
    pub(crate) host_name: String,
}

impl TrackerPart {
    /// What one has to know to register, if that is something.
    pub(crate) fn token(&self) -> Option<Token> {
        match &self.registration {
            Registration::Token(token) => Some(Token::new(token.as_str()).expect("short")),
            Registration::Open | Registration::Closed => None,
        }
    }

    /// Where it listens.
    pub(crate) const fn address(&self) -> SocketAddr {
        SocketAddr::new(self.ip, TRACKER_PORT)
    }
}

/// A person with one device.
#[derive(Debug, Clone)]
pub(crate) struct PersonPart {
    pub(crate) name: Name,
    pub(crate) ip: IpAddr,
    pub(crate) identity: Identity,
    pub(crate) password: PasswordHash,
    /// It knows what one has to know to register, or will only find out when it tries.
    pub(crate) knows_token: bool,
    pub(crate) limits: Limits,
    /// Its tracker, if it has one; without, names are labels.
    pub(crate) tracker: Option<TrackerId>,
    /// How the person writes the tracker's address.
    pub(crate) tracker_address: Option<TrackerAddress>,
    /// The number of its log, drawn when its store was made.
    pub(crate) log: u64,
    /// Whether it takes at once what people send whose digits it has compared.
    pub(crate) accepts: bool,
}

/// Everyone.
#[derive(Debug, Clone)]
pub(crate) struct Cast {
    pub(crate) trackers: Vec<TrackerPart>,
    pub(crate) people: Vec<PersonPart>,
    /// Names of rooms that people make; each may be made at each tracker.
    pub(crate) rooms: Vec<Name>,
}

impl Cast {
    /// Draws everyone: so many people, and the bounds that each keeps.
    pub(crate) fn draw(seed: &Seed, people: usize, limits: &mut impl FnMut() -> Limits) -> Self {
        let mut luck = Luck::of(seed, "cast", 0);
        let mut identities = Luck::of(seed, "identities", 0);
        let mut registrations = Luck::of(seed, "registration", 0);
        let mut identity = || Identity::from_secret(&identities.next_seed().0);
        let count = if people >= 6 && luck.chance(0.2) { 2 } else { 1 };
        let trackers = (0..count).map(|number| TrackerPart {
            ip: IpAddr::V4(Ipv4Addr::new(10, 0, 1, 1 + number)),
            identity: identity(),
            limits: limits(),
            registration: draw_registration(&mut registrations),
            host_name: format!("tracker-{number}.example"),
        });
        let trackers = trackers.collect::<Vec<_>>();
        let mut knowledge = Luck::of(seed, "registration", 1);
        let lonely = luck.chance(0.2);
        let people = (0..people).map(|number| {
            let tracker = if lonely && number >= 2 && luck.chance(0.3) {
                None
            } else if number < 4 {
                // The first four always meet at the first tracker.
                Some(0)
            } else {
                Some(luck.below(trackers.len()))
            };
            let byte = u8::try_from(number + 1).expect("there are at most 32");
            PersonPart {
                name: name(&person_name(number)),
                ip: IpAddr::V4(Ipv4Addr::new(10, 0, 0, byte)),
                identity: identity(),
                password: password(&luck.next_seed()),
                knows_token: knowledge.chance(0.7),
                limits: limits(),
                tracker,
                tracker_address: tracker.map(|tracker: usize| TrackerAddress {
                    host: match luck.chance(0.5) {
                        true => trackers[tracker].host_name.clone(),
                        false => trackers[tracker].ip.to_string(),
                    },
                    port: TRACKER_PORT,
                    key: Some(trackers[tracker].identity.key()),
                }),
                log: 1 + u64::from(byte),
                accepts: number % 3 == 0,
            }
        });
        let people = people.collect();
        let rooms = (0..1 + luck.below(4)).map(|number| name(&format!("{MARK}-sala{number}"))).collect();
        Self { trackers, people, rooms }
    }
}

fn draw_registration(luck: &mut Luck) -> Registration {
    let token = Registration::Token(format!("{MARK}-{:08x}", luck.below(1 << 32)));
    luck.pick(&[Registration::Open, Registration::Open, token, Registration::Closed]).clone()
}

/// Names that sort in another order than they are drawn, in upper and lower case.
fn person_name(number: usize) -> String {
    const FIRST: [&str; 8] = ["ana", "Bia", "caio", "Davi", "eva", "Fábio", "gil", "Hugo"];
    format!("{MARK}-{}{}", FIRST[number % FIRST.len()], number / FIRST.len())
}

/// A valid name.
pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("names of a cast are valid")
}

/// What is sent instead of a password: the [`MARK`], and the rest at random.
fn password(seed: &Seed) -> PasswordHash {
    let mut hash = seed.0;
    hash[..MARK.len()].copy_from_slice(MARK.as_bytes());
    PasswordHash(hash)
}

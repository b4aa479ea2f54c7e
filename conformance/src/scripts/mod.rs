//! The scripts from which the committed recordings are made. Each is a story in virtual time with a fixed seed, so it
//! gives the same bytes each time; they change only when the machines or their wire do.
//!
//! - `whole_life`: from registering to goodbye.
//! - `reconnect`: a tracker that dies and comes back, a device that is replaced.
//! - `hostile`: what strangers send.
//! - `neighbours`: two without a tracker, and files.
//! - `relays`: who talks by the relays, and who measures them.

mod hostile;
mod neighbours;
mod reconnect;
mod relays;
mod stage;
mod whole_life;

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    time::Duration,
};

use papo_proto::{
    identity::{Identity, Key},
    names::Name,
    peer::{
        self, Notice, Peer, Problem, Request,
        interface::{Credentials, Target, TrackerAddress},
    },
    rng::Seed,
    tracker::{self, Tracker},
    wire::tracker::PasswordHash,
};

use crate::world::{NodeId, resident::Kept};
use stage::Stage;

/// Long enough for anything that only the world's delays hold up.
const SOON: Duration = Duration::from_secs(5);
/// Long enough for the longest wait before dialling again, too.
const LATER: Duration = Duration::from_secs(45);

/// One machine's recording of a script.
pub struct Recording {
    /// Its file's name.
    pub name: &'static str,
    /// The file.
    pub bytes: Vec<u8>,
}

/// Every recording of every script.
pub fn all() -> Vec<Recording> {
    let scripts =
        [whole_life::record(), reconnect::record(), hostile::record(), neighbours::record(), relays::record()];
    scripts.into_iter().flatten().collect()
}

/// The host with this number.
pub(crate) const fn host(number: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, number))
}

/// Where the tracker of every script listens.
pub(crate) const TRACKER: SocketAddr = SocketAddr::new(host(1), 6060);

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).expect("scripts use valid names")
}

fn tracker_identity() -> Identity {
    Identity::from_secret(&[0x77; 32])
}

/// A tracker as `papo-tracker` starts one, with what it had kept.
pub(crate) fn tracker(seed: u8, kept: Vec<tracker::Change>) -> tracker::Start {
    let listen = vec![SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), TRACKER.port())];
    tracker::Start {
        state: tracker::Directory::from_changes(&kept).expect("a tracker keeps what is consistent"),
        ..tracker::Start::new(Seed([seed; 32]), tracker_identity(), listen, "$stand-in$nobody".to_owned())
    }
}

/// Someone with a new data directory who makes an account.
pub(crate) fn newcomer(seed: u8, user: &str) -> peer::Start {
    let listen = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 6061);
    let state = peer::State { log: u64::from(seed), ..peer::State::default() };
    peer::Start {
        any_port: true,
        tracker: Some(tracker_address("10.0.0.1", Some(tracker_identity().key()))),
        credentials: Some(credentials(user, true)),
        ..peer::Start::new(Seed([seed; 32]), Identity::from_secret(&[seed; 32]), name(user), listen, state)
    }
}

/// Someone who was killed and starts again, with a seed of its own.
fn with_what_was_kept(world: &Stage, killed: NodeId, seed: u8, mut start: peer::Start) -> peer::Start {
    for kept in world.kept(killed) {
        if let Kept::Peer(change) = kept {
            start.state.apply(change, start.limits.entries_known_max);
        }
    }
    start.state.unshown.clear();
    peer::Start { seed: Seed([seed; 32]), ..start }
}

fn tracker_address(host: &str, key: Option<Key>) -> TrackerAddress {
    TrackerAddress { host: host.to_owned(), port: TRACKER.port(), key }
}

/// Everyone's password is their name, twice.
pub(crate) fn credentials(user: &str, register: bool) -> Credentials {
    let password = Some(PasswordHash::of(&[user, user].concat()));
    Credentials { name: name(user), password, register, token: None }
}

/// Starts someone and waits for the login.
#[track_caller]
fn log_in(world: &mut Stage, host: IpAddr, start: peer::Start) -> NodeId {
    let node = world.start::<Peer>(host, start);
    logged_in(world, node, SOON);
    node
}

/// Waits for someone's login.
#[track_caller]
fn logged_in(world: &mut Stage, node: NodeId, within: Duration) {
    world.wait_peer(node, within, |notice| matches!(notice, Notice::LoggedIn { .. }).then_some(()));
}

/// Starts a tracker and waits until it listens.
#[track_caller]
fn open(world: &mut Stage, start: tracker::Start) -> NodeId {
    let node = world.start::<Tracker>(TRACKER.ip(), start);
    told(world, node, |notice| matches!(notice, tracker::Notice::Listening { .. }));
    node
}

/// Waits for a notice of a tracker.
#[track_caller]
fn told(world: &mut Stage, node: NodeId, what: impl Fn(&tracker::Notice) -> bool) {
    world.wait(node, SOON, |told| told.tracker().is_some_and(&what).then_some(()));
}

/// Asks for something and waits for its outcome.
#[track_caller]
fn outcome(world: &mut Stage, node: NodeId, request: Request) -> Option<Problem> {
    let token = world.next_token();
    world.ask(node, peer::Command::Ask { token, request });
    world.wait_peer(node, LATER, |notice| match notice {
        Notice::Outcome { token: of, problem } if *of == token => Some(problem.clone()),
        _ => None,
    })
}

/// Asks for something that must be done.
#[track_caller]
fn done(world: &mut Stage, node: NodeId, request: Request) {
    let problem = outcome(world, node, request.clone());
    assert_eq!(problem, None, "{request:?}");
}

/// Says something that must be kept.
#[track_caller]
fn say(world: &mut Stage, node: NodeId, to: Target, text: &str) {
    done(world, node, Request::Say { to, text: text.to_owned() });
}

/// Waits until someone is shown this text.
#[track_caller]
fn heard(world: &mut Stage, node: NodeId, text: &str) {
    world.wait_peer(node, LATER, |notice| match notice {
        Notice::Message(incoming) if incoming.text == text => Some(()),
        _ => None,
    });
}

/// Ends a peer in order.
#[track_caller]
fn quit(world: &mut Stage, node: NodeId) {
    world.ask(node, peer::Command::Quit);
    world.wait_peer(node, SOON, |notice| matches!(notice, Notice::Stopped { .. }).then_some(()));
}

/// Ends a tracker in order.
#[track_caller]
fn shut_down(world: &mut Stage, node: NodeId) {
    world.ask_tracker(node, tracker::Command::Shutdown);
    told(world, node, |notice| matches!(notice, tracker::Notice::Stopped));
}

fn recording(world: &Stage, node: NodeId, name: &'static str) -> Recording {
    Recording { name, bytes: world.recording(node).to_vec() }
}

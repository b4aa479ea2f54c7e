//! What a person is told where nothing else tells of it: each of these is reached, by the machine itself.

mod host;

use host::{Host, Stranger, identity, name};
use papo_proto::{
    channel::Preface,
    error::Fault,
    machine::{Event, Refusal},
    peer::{
        Command, Note, Notice, Peer, Problem, Request,
        change::{Realm, Unacknowledged},
        interface::Credentials,
    },
    time::Wall,
    wire::{
        peer::{PrivateMessage, Scope},
        room::Said,
        tracker::{Contact, Dialect, FromTracker, Goodbye, PasswordHash, Status, StatusText},
    },
};

fn credentials(password: Option<&str>) -> Credentials {
    Credentials { name: name("ana"), password: password.map(PasswordHash::of), register: false, token: None }
}

/// A peer that asks for something, and whether it is told that this can't be.
fn refuses(mut host: Host<Peer>, request: Request, problem: Problem) -> bool {
    let token = host.ask(request);
    host.notices.contains(&Notice::Outcome { token, problem: Some(problem) })
}

fn alone() -> Host<Peer> {
    Host::peer(|_| {})
}

#[test]
fn what_can_not_be_asked_is_refused_at_once() {
    let ana = || credentials(Some("pw"));
    assert!(refuses(alone(), Request::Login(ana()), Problem::NoTracker));
    let register = Request::Register(credentials(None));
    let mut apart = Host::peer_of_tracker(100, |start| start.credentials = None);
    assert!(refuses(Host::peer_of_tracker(100, |start| start.credentials = None), register, Problem::PasswordMissing));
    let offline = Request::Status { status: Status::Offline, text: StatusText::default() };
    assert!(refuses(alone(), offline, Problem::OutOfRange));
    let room = || Request::Create { room: name("sala"), capacity: Some(0), plaintext: false };
    assert!(refuses(alone(), room(), Problem::OutOfRange));
    let whois = Request::Whois { user: name("eva") };
    assert!(refuses(alone(), whois, Problem::UnknownUser { user: name("eva") }));
    let full = Host::peer(|start| start.limits.dials_max = 0);
    let connect = Request::Connect { address: ([127, 0, 0, 1], 6060).into() };
    assert!(refuses(full, connect, Problem::TooManyRequests));
    apart.event(Event::Command(Command::Quit));
    assert!(refuses(apart, Request::Login(ana()), Problem::Stopping));
}

#[test]
fn a_ping_that_is_not_answered_times_out() {
    let mut host = alone();
    host.link(2);
    let token = host.ask(Request::Ping { user: name("n2") });
    host.pass(papo_proto::limits::Limits::DEFAULT.request_ms_max);
    assert!(host.notices.contains(&Notice::Outcome { token, problem: Some(Problem::TimedOut) }));
}

#[test]
fn whoever_has_shown_no_key_has_none_to_be_trusted() {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let mut tracker = host.log_in();
    tracker.say(&mut host, &FromTracker::Contact { contact: keyless("eva") });
    host.close(tracker.conn, papo_proto::machine::Closed::End);
    assert!(refuses(host, Request::Trust { user: name("eva") }, Problem::NothingToTrust { user: name("eva") }));
}

/// An account that has logged in with an old client only.
fn keyless(user: &str) -> Contact {
    Contact {
        name: name(user),
        key: None,
        dialect: Dialect::Papo,
        status: Status::Offline,
        status_text: StatusText::default(),
        endpoints: papo_proto::wire::codec::List::truncated(vec![]),
        last_seen: Wall(0),
    }
}

#[test]
fn a_key_that_is_accepted_is_told() {
    let mut host = alone();
    host.link(2);
    host.ask(Request::Trust { user: name("n2") });
    assert!(host.notices.contains(&Notice::Note(Note::Trusted { user: name("n2"), key: identity(2).key() })));
}

#[test]
fn a_port_that_is_taken_is_told_with_the_one_that_was_wanted() {
    let host = Host::peer(|start| {
        start.listen.set_port(host::TAKEN);
        start.any_port = true;
    });
    assert!(host.notices.contains(&Notice::Note(Note::OtherPort { wanted: host::TAKEN })), "{:?}", host.notices);
}

const TRACKER: &str = "127.0.0.1:6060";

fn failed(host: &Host<Peer>, problem: Problem) -> bool {
    host.notices.contains(&Notice::Failed(problem))
}

#[test]
fn why_there_is_no_session_is_told() {
    let tracker = || TRACKER.to_owned();
    let mut host = Host::peer_of_tracker(100, |_| {});
    let conn = host.dialled();
    host.event(Event::Refused { id: conn.0, reason: Refusal::Refused });
    assert!(failed(&host, Problem::TrackerUnreachable { tracker: tracker(), reason: Refusal::Refused }));

    let mut host = Host::peer_of_tracker(100, |_| {});
    let conn = host.open_dialled();
    host.receive(conn, &[0xff, 0xff]);
    assert!(failed(&host, Problem::TrackerFault { tracker: tracker(), fault: Fault::FrameTooLong }));

    let mut host = Host::peer_of_tracker(100, |start| start.credentials = None);
    host.resolved.clear();
    let token = host.ask(Request::Login(credentials(Some("pw"))));
    let problem = Some(Problem::TrackerUnknownHost { host: "127.0.0.1".to_owned() });
    assert!(host.notices.contains(&Notice::Outcome { token, problem }));

    let nameless = |start: &mut papo_proto::peer::Start| start.tracker.as_mut().expect("it has one").key = None;
    let mut host = Host::peer_of_tracker(100, nameless);
    Stranger::answer(&mut host, Preface::Tracker, 100);
    let key = identity(100).key();
    assert!(host.notices.contains(&Notice::UnknownTracker { tracker: tracker(), key }));
    host.event(Event::Command(Command::TrustTracker { key, accept: false }));
    assert!(failed(&host, Problem::TrackerNotTrusted { tracker: tracker(), key }));

    let mut host = Host::peer_of_tracker(100, |start| {
        nameless(start);
        start.trust_new = true;
    });
    let mut session = host.log_in();
    assert!(host.notices.contains(&Notice::Note(Note::TrackerPinned { tracker: tracker(), key })));
    session.say(&mut host, &FromTracker::Bye { reason: Goodbye::Quit });
    assert!(host.notices.contains(&Notice::Note(Note::TrackerQuit)));
}

#[test]
fn what_still_waits_for_someone_is_told_after_login() {
    let text = Said::new("wait".to_owned()).expect("short");
    let message = PrivateMessage { log: 1, seq: 1, scope: Scope::Private, at: Wall(0), text };
    let mut host = Host::peer_of_tracker(100, |start| {
        start.state.pins = vec![(Realm::Tracker(identity(100).key()), name("bia"), identity(2).key())];
        start.state.unacknowledged = vec![Unacknowledged::Private { message, receivers: vec![identity(2).key()] }];
    });
    host.log_in();
    assert!(host.notices.contains(&Notice::Note(Note::Waiting { user: name("bia"), count: 1 })));
}

//! A peer and a stranger who says what he likes: how long he may take, how much he may leave behind.

mod host;

use host::{Host, Stranger, identity, name};
use papo_proto::{
    channel::Preface,
    error::Fault,
    limits::Limits,
    machine::Event,
    peer::{
        Command, Note, Notice, Peer, Problem, Request,
        interface::{PeerEvent, PeerSeen, Target},
    },
    time::Wall,
    wire::{
        codec::{List, Wire as _},
        peer::{Have, ToPeer},
        room::CreationRecord,
        tracker::{Contact, Dialect, FromTracker, Goodbye, RoomRow, RoomState, Status, StatusText, ToTracker},
    },
};

const FRAME_MS: u64 = Limits::DEFAULT.frame_ms_max;

#[test]
fn a_frame_has_its_time_and_each_whole_one_gives_the_next_one_as_much() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    for _ in 0..3 {
        let sealed = link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes());
        host.receive(link.conn, &sealed[..1]);
        host.pass(FRAME_MS - 1);
        host.receive(link.conn, &sealed[1..]);
    }
    // The rest of one and the beginning of the next in one piece.
    let (one, other) =
        (link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes()), link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes()));
    host.receive(link.conn, &one[..9]);
    host.pass(FRAME_MS - 1);
    host.receive(link.conn, &[&one[9..], &other[..9]].concat());
    host.pass(FRAME_MS - 1);
    assert!(host.closed.is_empty());
    host.receive(link.conn, &other[9..10]);
    host.pass(1);
    assert!(host.closed.contains(&link.conn), "another byte is no whole frame");
    assert_eq!(host.machine.counters().of(Fault::FrameTimeout), 1);
}

#[test]
fn what_is_not_read_is_not_late() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    let sealed = link.seal(&ToPeer::Pong { nonce: 0 }.to_bytes());
    host.receive(link.conn, &sealed[..1]);
    host.event(Event::Command(Command::Output { open: false }));
    assert!(!host.reading[&link.conn]);
    host.pass(2 * FRAME_MS);
    host.event(Event::Command(Command::Output { open: true }));
    host.receive(link.conn, &sealed[1..2]);
    host.pass(FRAME_MS - 1);
    assert!(host.closed.is_empty());
    host.pass(1);
    assert!(host.closed.contains(&link.conn));
}

#[test]
fn who_is_blocked_is_told_so_before_it_takes_the_link_for_one() {
    let mut host = Host::peer(|_| {});
    host.link(2);
    host.ask(Request::Block { user: name("n2") });
    let mut back = Stranger::dial(&mut host, Preface::Peer, 2);
    assert_eq!(back.heard::<ToPeer>(), [ToPeer::Bye { reason: Goodbye::Blocked }]);
}

#[test]
fn who_is_refused_a_link_is_told_and_does_not_dial_again_and_again() {
    let mut host = Host::peer(|_| {});
    let mut link = host.link(2);
    link.say(&mut host, &ToPeer::Bye { reason: Goodbye::Blocked });
    let refused = Notice::Note(Note::Refused { user: name("n2") });
    assert!(host.notices.contains(&refused), "{:?}", host.notices);
    host.notices.clear();
    // By hand it is tried, and the answer is told.
    let token = host.ask(Request::Connect { address: ([127, 0, 0, 1], 6060).into() });
    Stranger::answer(&mut host, Preface::Peer, 2).say(&mut host, &ToPeer::Bye { reason: Goodbye::Blocked });
    let problem = Some(Problem::LinkFault { address: ([127, 0, 0, 1], 6060).into(), fault: Fault::Refused });
    assert!(host.notices.contains(&Notice::Outcome { token, problem }), "{:?}", host.notices);
}

// What its tracker tells of others.

/// An account, online with this number's key.
fn contact(user: &str, number: u8) -> Contact {
    Contact {
        name: name(user),
        key: Some(identity(number).key()),
        dialect: Dialect::Papo,
        status: Status::Away,
        status_text: StatusText::new("lunch").expect("short"),
        endpoints: List::truncated(vec![([127, 0, 0, 1], 7000).into()]),
        last_seen: Wall(1),
    }
}

/// A peer that is logged in, and its tracker.
fn logged_in() -> (Host<Peer>, Stranger) {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let tracker = host.log_in();
    (host, tracker)
}

fn tell(host: &mut Host<Peer>, tracker: &mut Stranger, contact: Contact) {
    tracker.say(host, &FromTracker::Contact { contact });
}

fn say(host: &mut Host<Peer>, user: &str, text: &str) {
    host.ask(Request::Say { to: Target::User(name(user)), text: text.to_owned() });
}

/// The texts that the stranger was sent; it acknowledges them.
fn hears(host: &mut Host<Peer>, link: &mut Stranger) -> Vec<String> {
    link.exchange(host);
    let heard = link.heard::<ToPeer>().into_iter().filter_map(|message| match message {
        ToPeer::Private { message } => Some(message),
        _ => None,
    });
    let heard = heard.collect::<Vec<_>>();
    if let Some(last) = heard.last() {
        link.say(host, &ToPeer::PrivateAck { have: Have { log: last.log, seq: last.seq } });
    }
    heard.into_iter().map(|message| message.text.into_string()).collect()
}

/// The texts of what was told as delivered.
fn delivered(host: &Host<Peer>) -> Vec<String> {
    let said = |id: &String| {
        host.notices.iter().find_map(|notice| match notice {
            Notice::Said { id: of, text, .. } if of == id => Some(text.clone()),
            _ => None,
        })
    };
    let ids = host.notices.iter().filter_map(|notice| match notice {
        Notice::Delivered { id, .. } => Some(id),
        _ => None,
    });
    ids.filter_map(said).collect()
}

/// The name under which the last link came up.
fn linked(host: &Host<Peer>) -> (String, Option<std::net::SocketAddr>) {
    let links = host.notices.iter().rev().find_map(|notice| match notice {
        Notice::Peer { what: PeerEvent::Linked, user, address, plaintext: false } => Some((user.to_string(), *address)),
        _ => None,
    });
    links.expect("a link came up")
}

#[test]
fn what_a_new_key_can_not_hear_any_more_is_told_as_lost_and_never_as_delivered() {
    let (mut host, mut tracker) = logged_in();
    tell(&mut host, &mut tracker, contact("bia", 2));
    say(&mut host, "bia", "before");
    // The new device is known as a stranger first, and takes a message with a higher number.
    let mut device = host.link(3);
    let (label, _) = linked(&host);
    say(&mut host, &label, "to a stranger");
    assert_eq!(hears(&mut host, &mut device), ["to a stranger"]);
    tell(&mut host, &mut tracker, contact("bia", 3));
    host.ask(Request::Trust { user: name("bia") });
    assert!(host.notices.contains(&Notice::Note(Note::Dropped { user: name("bia"), count: 1 })), "{:?}", host.notices);
    say(&mut host, "bia", "after");
    assert_eq!(hears(&mut host, &mut device), ["after"]);
    assert_eq!(delivered(&host), ["to a stranger", "after"]);
}

#[test]
fn what_waits_moves_to_a_new_key_that_nobody_has_seen() {
    let (mut host, mut tracker) = logged_in();
    tell(&mut host, &mut tracker, contact("bia", 2));
    say(&mut host, "bia", "before");
    tell(&mut host, &mut tracker, contact("bia", 3));
    host.ask(Request::Trust { user: name("bia") });
    let mut device = host.link(3);
    assert_eq!(hears(&mut host, &mut device), ["before"]);
    assert_eq!(delivered(&host), ["before"]);
}

#[test]
fn what_waits_for_another_account_with_the_former_key_stays_with_that() {
    let (mut host, mut tracker) = logged_in();
    for user in ["bia", "caio"] {
        tell(&mut host, &mut tracker, contact(user, 2));
    }
    say(&mut host, "caio", "for caio");
    tell(&mut host, &mut tracker, contact("bia", 3));
    host.ask(Request::Trust { user: name("bia") });
    let mut new = host.link(3);
    assert_eq!(hears(&mut host, &mut new), [""; 0]);
    let mut caio = host.link(2);
    assert_eq!(hears(&mut host, &mut caio), ["for caio"]);
}

#[test]
fn a_link_that_was_accepted_is_told_with_the_address_at_which_its_end_listens() {
    let (mut host, mut tracker) = logged_in();
    host.link(3);
    assert_eq!(linked(&host).1, Some(([127, 0, 0, 1], 9).into()), "of a stranger there is no other");
    tell(&mut host, &mut tracker, contact("bia", 2));
    host.link(2);
    assert_eq!(linked(&host), ("bia".to_owned(), Some(([127, 0, 0, 1], 7000).into())));
}

/// The room of these tests, with these members.
fn enter_room(host: &mut Host<Peer>, tracker: &mut Stranger, members: &[&str]) {
    let (owner, of) = (identity(1).key(), identity(100).key());
    let record = CreationRecord { nonce: [7; 16], name: name("sala"), owner, tracker: of, flags: 0 };
    let members = List::truncated(members.iter().map(|member| name(member)).collect());
    let room = RoomState { record, owner: name("ana"), capacity: 9, epoch: 1, members };
    tracker.say(host, &FromTracker::Room { room });
}

/// Those in it, as a person is shown them.
fn users(host: &mut Host<Peer>) -> Vec<PeerSeen> {
    host.ask(Request::Users { room: Some(name("sala")) });
    let users = host.notices.iter().rev().find_map(|notice| match notice {
        Notice::Users { users, .. } => Some(users.clone()),
        _ => None,
    });
    users.expect("they are told")
}

#[test]
fn one_s_own_status_is_what_others_see_and_a_link_without_a_session_has_none_of_its_old_words() {
    let (mut host, mut tracker) = logged_in();
    let shown = |user: &PeerSeen| (user.status, user.status_text.as_str().to_owned());
    let away = (Status::Away, "lunch".to_owned());
    tracker.exchange(&mut host);
    let asked = tracker.heard::<ToTracker>().into_iter().find_map(|asked| match asked {
        ToTracker::WhoisName { request, name } if name.as_str() == "ana" => Some(request),
        _ => None,
    });
    let whois = |request| FromTracker::Whois {
        request,
        contact: contact("ana", 1),
        profile: papo_proto::wire::tracker::Profile::default(),
        plaintext: false,
    };
    tracker.say(&mut host, &whois(asked.expect("it asks what it is to others")));
    enter_room(&mut host, &mut tracker, &["ana", "bia"]);
    assert_eq!(shown(&users(&mut host)[0]), away, "as it was set in an earlier session");
    let status = Request::Status { status: Status::Busy, text: StatusText::default() };
    host.ask(status);
    tracker.exchange(&mut host);
    let Some(ToTracker::SetStatus { request, .. }) = tracker.heard::<ToTracker>().pop() else { panic!("it is set") };
    assert_eq!(users(&mut host)[0].status, Status::Away, "not before the tracker has it");
    tracker.say(&mut host, &FromTracker::Done { request });
    assert_eq!(shown(&users(&mut host)[0]), (Status::Busy, String::new()));

    tell(&mut host, &mut tracker, contact("bia", 2));
    host.link(2);
    assert_eq!(shown(&users(&mut host)[1]), away);
    tell(&mut host, &mut tracker, Contact { status: Status::Offline, ..contact("bia", 2) });
    assert_eq!(shown(&users(&mut host)[1]), (Status::Online, String::new()));
}

#[test]
fn a_list_of_rooms_is_asked_for_up_to_a_bound_of_names() {
    for (bound, asks_on) in [(4, false), (5, true)] {
        let mut host = Host::peer_of_tracker(100, |start| start.limits.listed_names_max = bound);
        let mut tracker = host.log_in();
        tracker.exchange(&mut host);
        tracker.heard::<ToTracker>();
        host.ask(Request::Rooms { prefix: String::new() });
        tracker.exchange(&mut host);
        let Some(ToTracker::ListRooms { request, .. }) = tracker.heard().pop() else { panic!("it asks") };
        let row = |room: &str| {
            let members = List::truncated(vec![name("eva")]);
            RoomRow { name: name(room), owner: name("eva"), capacity: 9, flags: 0, members }
        };
        let rows = List::truncated(vec![row("a"), row("b")]);
        tracker.say(&mut host, &FromTracker::Rooms { request, rows, more: true });
        let told = host.notices.iter().any(|notice| matches!(notice, Notice::Rooms { rooms } if rooms.len() == 2));
        let asked = tracker.heard::<ToTracker>().iter().any(|asked| matches!(asked, ToTracker::ListRooms { .. }));
        assert_eq!((told, asked), (!asks_on, asks_on), "{bound}");
    }
}

//! The programs of older systems as a peer meets them: JSON objects, lines, LAN peers; each against the real machine,
//! byte for byte.

mod host;

use host::{Host, Stranger, identity, name};
use papo_proto::{
    channel::Preface,
    error::Fault,
    identity::Key,
    limits::Limits,
    machine::{Closed, ConnId, Event, Interface, Refusal},
    names::Name,
    peer::{
        Command, Note, Notice, Peer, Problem, Request,
        change::Incoming,
        interface::{Lan, PeerEvent, PeerSeen, Target},
    },
    time::Wall,
    wire::{
        codec::List,
        peer::Scope,
        room::{CreationRecord, PLAINTEXT},
        tracker::{
            Contact, Dialect, FromTracker, PeerRow, Profile, RoomEvent, RoomState, Status, StatusText, ToTracker,
        },
    },
};

/// As the host's connections come from.
const HERE: &str = "127.0.0.1:9";

fn open(start: &mut papo_proto::peer::Start) {
    start.allow_plaintext = true;
}

fn contact(user: &str, dialect: Dialect, endpoint: &str) -> Contact {
    Contact {
        name: name(user),
        key: None,
        dialect,
        status: Status::Online,
        status_text: StatusText::default(),
        endpoints: List::truncated(vec![endpoint.parse().expect("an address")]),
        last_seen: Wall(1),
    }
}

/// `bia` at an older program on this host.
fn bia() -> Contact {
    contact("bia", Dialect::Json, "127.0.0.1:7000")
}

fn room(members: &[&str]) -> RoomState {
    RoomState {
        record: CreationRecord {
            nonce: [7; 16],
            name: name("praça"),
            owner: Key([0; 32]),
            tracker: identity(100).key(),
            flags: PLAINTEXT,
        },
        owner: name("bia"),
        capacity: 3,
        epoch: 1,
        members: List::truncated(members.iter().map(|member| name(member)).collect()),
    }
}

/// A peer that is logged in and allows plain text.
fn logged_in() -> (Host<Peer>, Stranger) {
    let mut host = Host::peer_of_tracker(100, open);
    let tracker = host.log_in();
    (host, tracker)
}

/// Beside `bia` in a plaintext room, which `ana` was in before this login; and nobody was dialled.
fn in_a_room() -> (Host<Peer>, Stranger) {
    let (mut host, mut tracker) = logged_in();
    tracker.say(&mut host, &FromTracker::Room { room: room(&["ana"]) });
    tracker.say(&mut host, &FromTracker::Contact { contact: bia() });
    let (id, user) = (room(&[]).record.id(), name("bia"));
    tracker.say(&mut host, &FromTracker::RoomChanged { room: id, epoch: 2, what: RoomEvent::Joined, user });
    host.notices.clear();
    (host, tracker)
}

/// What was heard since the last look.
fn heard(host: &mut Host<Peer>) -> Vec<String> {
    let told = std::mem::take(&mut host.notices).into_iter().filter_map(|notice| match notice {
        Notice::Message(Incoming { from, room, scope, text, plaintext, .. }) => {
            assert!(plaintext, "it is marked");
            let place = match (room, scope) {
                (Some(room), None) => format!("#{room}"),
                (None, Some(Scope::All)) => "all".to_owned(),
                (None, Some(Scope::Private)) => "private".to_owned(),
                (_, _) => panic!("it is said in one place"),
            };
            Some(format!("{from} {place} {text}"))
        }
        _ => None,
    });
    told.collect()
}

fn sent(host: &mut Host<Peer>, conn: ConnId) -> String {
    String::from_utf8(host.take_sent(conn)).expect("text")
}

fn say(host: &mut Host<Peer>, to: Target, text: &str) -> Option<Problem> {
    let token = host.ask(Request::Say { to, text: text.to_owned() });
    outcome(host, token)
}

fn outcome(host: &Host<Peer>, token: u64) -> Option<Problem> {
    let is_it = |notice: &Notice| match notice {
        Notice::Outcome { token: of, problem } if *of == token => Some(problem.clone()),
        _ => None,
    };
    host.notices.iter().find_map(is_it).expect("it is answered")
}

fn praca() -> Target {
    Target::Room(name("praça"))
}

fn hello(user: &str) -> String {
    format!(r#"{{"cmd":"HELLO","username":"{user}"}}"#)
}

/// `bia` has connected and said who she is.
fn greeted(host: &mut Host<Peer>) -> ConnId {
    let conn = host.accept();
    host.receive(conn, hello("bia").as_bytes());
    conn
}

// JSON objects.

#[test]
fn someone_whom_the_tracker_lists_there_talks_in_a_room_and_in_private() {
    let (mut host, _tracker) = in_a_room();
    let conn = greeted(&mut host);
    host.receive(conn, r#"{"cmd":"MESSAGE","room":"praça","username":"bia","content":"Olá"}"#.as_bytes());
    host.receive(conn, br#"{"cmd":"MESSAGE","room":null,"username":"bia","content":"psst"}"#);
    let linked =
        Notice::Peer { what: PeerEvent::Linked, user: name("bia"), address: HERE.parse().ok(), plaintext: true };
    assert!(host.notices.contains(&linked), "{:?}", host.notices);
    assert_eq!(heard(&mut host), ["bia #praça Olá", "bia private psst"]);
    assert_eq!(say(&mut host, praca(), "oi"), None);
    assert_eq!(sent(&mut host, conn), r#"{"cmd":"MESSAGE","room":"praça","username":"ana","content":"oi"}"#);
    assert_eq!(say(&mut host, Target::User(name("bia")), "sim?"), None);
    assert_eq!(sent(&mut host, conn), "", "two objects stand 50 ms apart");
    host.pass(49);
    assert_eq!(sent(&mut host, conn), "");
    host.pass(1);
    assert_eq!(sent(&mut host, conn), r#"{"cmd":"MESSAGE","room":null,"username":"ana","content":"sim?"}"#);
    host.receive(conn, br#"{"cmd":"LEAVE"}"#);
    assert!(host.closed.contains(&conn));
}

#[test]
fn objects_are_understood_split_at_every_byte_and_glued() {
    let glued = format!(
        "{}{}\n{}",
        hello("bia"),
        r#"{"cmd":"MESSAGE","room":"praça","username":"bia","content":"um"}"#,
        r#" {"cmd":"MESSAGE","room":"praça","username":"bia","content":"dois"}"#
    );
    for cut in 0..=glued.len() {
        let (mut host, _tracker) = in_a_room();
        let conn = host.accept();
        let (first, second) = glued.as_bytes().split_at(cut);
        host.receive(conn, first);
        host.receive(conn, second);
        assert_eq!(heard(&mut host), ["bia #praça um", "bia #praça dois"], "cut at {cut}");
    }
}

#[test]
fn a_name_that_is_not_listed_for_that_address_is_refused() {
    for (listed, user) in [
        (bia(), "caio"),
        (contact("bia", Dialect::Json, "127.0.0.9:7000"), "bia"),
        (contact("bia", Dialect::Papo, "127.0.0.1:7000"), "bia"),
        (Contact { status: Status::Offline, ..bia() }, "bia"),
    ] {
        let (mut host, mut tracker) = logged_in();
        tracker.say(&mut host, &FromTracker::Contact { contact: listed.clone() });
        let conn = host.accept();
        host.receive(conn, hello(user).as_bytes());
        assert!(!host.reading[&conn], "it waits for the tracker's word");
        tracker.exchange(&mut host);
        let asked = tracker.heard::<ToTracker>().into_iter().find_map(|asked| match asked {
            ToTracker::WhoisName { request, name } if name.as_str() == user => Some(request),
            _ => None,
        });
        let request = asked.expect("the tracker is asked");
        let profile = Profile::default();
        tracker.say(&mut host, &FromTracker::Whois { request, contact: listed, profile, plaintext: true });
        assert!(host.closed.contains(&conn), "{user}");
        assert_eq!(host.machine.counters().of(Fault::Unlisted), 1);
    }
}

#[test]
fn someone_of_whom_nothing_was_told_is_asked_for_and_then_heard() {
    let (mut host, mut tracker) = logged_in();
    let conn = host.accept();
    let private = r#"{"cmd":"MESSAGE","room":null,"username":"bia","content":"oi"}"#;
    host.receive(conn, (hello("bia") + private).as_bytes());
    assert_eq!(heard(&mut host), [""; 0]);
    tracker.exchange(&mut host);
    let Some(ToTracker::WhoisName { request, .. }) = tracker.heard().pop() else { panic!("it asks") };
    let profile = Profile::default();
    tracker.say(&mut host, &FromTracker::Whois { request, contact: bia(), profile, plaintext: false });
    assert_eq!(heard(&mut host), ["bia private oi"]);
    assert!(host.reading[&conn]);
}

#[test]
fn without_a_tracker_nobody_is_who_it_says() {
    let mut host = Host::peer(open);
    let conn = greeted(&mut host);
    assert!(host.closed.contains(&conn));
    assert_eq!(host.machine.counters().of(Fault::Unlisted), 1);
}

#[test]
fn what_is_said_in_another_s_name_or_where_one_is_not_is_not_shown() {
    let (mut host, mut tracker) = in_a_room();
    let conn = greeted(&mut host);
    for (room, user) in [(r#""praça""#, "caio"), (r#""sala""#, "bia"), ("null", "ana")] {
        let said = format!(r#"{{"cmd":"MESSAGE","room":{room},"username":"{user}","content":"x"}}"#);
        host.receive(conn, said.as_bytes());
    }
    host.receive(conn, br#"{"cmd":"NEW"} {"no":1}"#);
    assert_eq!(heard(&mut host), [""; 0]);
    let counters = host.machine.counters();
    let counted = [Fault::Forged, Fault::Unexpected, Fault::Malformed].map(|fault| counters.of(fault));
    assert_eq!((counted, host.closed.contains(&conn)), ([2, 1, 2], false));
    // Nor in a room that is not for plain text, nor once it has left.
    let (id, user) = (room(&[]).record.id(), name("bia"));
    tracker.say(&mut host, &FromTracker::RoomChanged { room: id, epoch: 3, what: RoomEvent::Left, user });
    host.receive(conn, r#"{"cmd":"MESSAGE","room":"praça","username":"bia","content":"x"}"#.as_bytes());
    assert_eq!(heard(&mut host), [""; 0]);
    host.receive(conn, b"nonsense");
    assert!(host.closed.contains(&conn), "what is no object ends it");
}

#[test]
fn whoever_joins_dials_all_and_says_who_it_is_50_ms_before_anything_else() {
    let (mut host, mut tracker) = logged_in();
    tracker.say(&mut host, &FromTracker::Contact { contact: bia() });
    tracker.say(&mut host, &FromTracker::Room { room: room(&["bia", "ana"]) });
    assert_eq!(say(&mut host, praca(), "oi"), None);
    let conn = host.open_dialled();
    assert_eq!(sent(&mut host, conn), hello("ana"));
    host.pass(50);
    assert_eq!(sent(&mut host, conn), r#"{"cmd":"MESSAGE","room":"praça","username":"ana","content":"oi"}"#);
    // A long text is split.
    host.pass(50);
    let long = "é".repeat(1_200);
    assert_eq!(say(&mut host, praca(), &long), None);
    let mut texts = String::new();
    for _ in 0..3 {
        let object = sent(&mut host, conn);
        assert!(object.len() <= 1_024, "it is read at once");
        let object: serde_json::Value = serde_json::from_str(&object).expect("one object");
        texts += object["content"].as_str().expect("a text");
        host.pass(50);
    }
    assert_eq!(texts, long);
    // Whoever leaves says so, and hangs up.
    host.ask(Request::Leave { room: name("praça") });
    tracker.exchange(&mut host);
    let (id, user) = (room(&[]).record.id(), name("ana"));
    tracker.say(&mut host, &FromTracker::RoomChanged { room: id, epoch: 2, what: RoomEvent::Left, user });
    assert_eq!((sent(&mut host, conn).as_str(), host.closed.contains(&conn)), (r#"{"cmd":"LEAVE"}"#, true));
}

#[test]
fn a_known_older_program_is_dialled_by_hand_without_papo_s_preface() {
    let (mut host, _tracker) = in_a_room();
    let address = "127.0.0.1:7000".parse().expect("an address");
    let token = host.ask(Request::Connect { address });
    let conn = host.open_dialled();
    assert_eq!((outcome(&host, token), sent(&mut host, conn)), (None, hello("ana")));
    let token = host.ask(Request::Connect { address });
    assert_eq!(outcome(&host, token), Some(Problem::AlreadyLinked { user: name("bia") }));
    for request in [Request::Verify { user: name("bia") }, Request::Ping { user: name("bia") }] {
        let token = host.ask(request);
        assert_eq!(outcome(&host, token), Some(Problem::PlaintextOnly { user: name("bia") }));
    }
    let token = host.ask(Request::Block { user: name("bia") });
    assert_eq!((outcome(&host, token), host.closed.contains(&conn)), (None, true));
}

#[test]
fn a_newcomer_is_left_to_dial_and_dialled_when_there_is_something_to_say() {
    let (mut host, _tracker) = in_a_room();
    host.pass(10_000);
    assert_eq!(say(&mut host, praca(), "oi"), None);
    let conn = host.dialled();
    host.event(Event::Refused { id: conn.0, reason: Refusal::Refused });
    assert!(host.notices.contains(&Notice::Note(Note::PlaintextLost { user: name("bia") })));
}

#[test]
fn a_pinned_name_never_gets_plain_text() {
    let (mut host, mut tracker) = logged_in();
    let native = Contact { key: Some(identity(2).key()), ..contact("bia", Dialect::Papo, "127.0.0.1:7000") };
    tracker.say(&mut host, &FromTracker::Contact { contact: native.clone() });
    tracker.say(&mut host, &FromTracker::Contact { contact: Contact { dialect: Dialect::Json, ..native } });
    tracker.say(&mut host, &FromTracker::Room { room: room(&["bia", "ana"]) });
    assert_eq!(say(&mut host, praca(), "segredo"), None);
    assert_eq!(say(&mut host, Target::User(name("bia")), "segredo"), None, "it waits for her own program");
    let conn = greeted(&mut host);
    assert!(host.closed.contains(&conn));
    host.pass(10_000);
    assert!(host.try_dialled().is_none(), "neither in plain text, nor with papo's preface, which she would not know");
}

#[test]
fn an_account_that_is_open_to_older_programs_is_not_pinned_by_them() {
    let (mut host, mut tracker) = logged_in();
    let contact = Contact { key: Some(identity(2).key()), ..bia() };
    tracker.say(&mut host, &FromTracker::Contact { contact });
    tracker.say(&mut host, &FromTracker::Room { room: room(&["bia", "ana"]) });
    let conn = host.open_dialled();
    assert_eq!(sent(&mut host, conn), hello("ana"));
}

#[test]
fn whoever_does_not_allow_plain_text_is_told_how_and_speaks_none() {
    let mut host = Host::peer_of_tracker(100, |_| {});
    let mut tracker = host.log_in();
    tracker.say(&mut host, &FromTracker::Contact { contact: bia() });
    tracker.say(&mut host, &FromTracker::Room { room: room(&["bia", "ana"]) });
    assert!(host.notices.contains(&Notice::Note(Note::PlaintextRoom { room: name("praça") })));
    assert_eq!(say(&mut host, Target::User(name("bia")), "oi"), Some(Problem::Plaintext { user: name("bia") }));
    assert_eq!(say(&mut host, praca(), "oi"), None);
    let conn = host.accept();
    host.receive(conn, b"{");
    assert!(host.closed.contains(&conn) && host.try_dialled().is_none());
}

#[test]
fn a_tracker_s_question_whether_it_is_there_is_answered() {
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.receive(conn, br#"{"cmd":"PING"}"#);
    assert_eq!(sent(&mut host, conn), r#"{"cmd":"PONG"}"#);
}

// Lines.

#[test]
fn who_connects_and_says_nothing_stays_and_hears_what_is_said_to_everyone() {
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.pass(999);
    assert_eq!(
        say(&mut host, Target::All, "cedo"),
        Some(Problem::NobodyLinked),
        "it may be about to speak as papo does"
    );
    host.pass(24 * 3_600_000);
    assert_eq!(say(&mut host, Target::All, "oi\nbia"), None);
    assert_eq!(sent(&mut host, conn), "ana: oi\nana: bia\n");
    assert!(!host.closed.contains(&conn));
    // What it says then decides.
    host.receive(conn, "bia: Olá\n".as_bytes());
    assert_eq!(heard(&mut host), [format!("bia@{HERE} all Olá")]);
}

#[test]
fn the_name_that_is_shown_is_the_connection_s() {
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.receive(conn, b"bia: um\nana: dois\nbia: tres\nsem nome\n");
    let told = heard(&mut host);
    let from = format!("bia@{HERE}");
    assert_eq!(told, ["um", "ana: dois", "tres", "sem nome"].map(|text| format!("{from} all {text}")));
    assert_eq!(say(&mut host, Target::User(Name::restored(&from).expect("a place")), "psst"), None);
    assert_eq!(sent(&mut host, conn), "ana: psst\n");
    let rows = host.ask(Request::Peers { prefix: String::new() });
    assert_eq!(outcome(&host, rows), None);
    let seen = host.notices.iter().find_map(|notice| match notice {
        Notice::Peers { peers } => Some(peers.clone()),
        _ => None,
    });
    let seen = seen.expect("it was asked for");
    let [PeerSeen { user, linked: true, plaintext: true, .. }] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(user.as_str(), from);
    let token = host.ask(Request::Disconnect { user: user.clone() });
    assert_eq!((outcome(&host, token), host.closed.contains(&conn)), (None, true));
    let lost =
        |notice: &Notice| matches!(notice, Notice::Peer { what: PeerEvent::Lost, user, .. } if user.as_str() == from);
    assert!(host.notices.iter().any(lost));
}

#[test]
fn a_line_ends_at_its_end_after_a_silence_or_with_the_connection() {
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.receive(conn, "bia: Ol\u{e1}".as_bytes().split_last().expect("bytes").1);
    host.receive(conn, &"\u{e1}".as_bytes()[1..]);
    host.pass(99);
    assert_eq!(heard(&mut host), [""; 0]);
    host.pass(1);
    assert_eq!(heard(&mut host), [format!("bia@{HERE} all Olá")]);
    host.receive(conn, b"bia: tchau");
    host.close(conn, Closed::End);
    assert_eq!(heard(&mut host), [format!("bia@{HERE} all tchau")]);
    // Also where the beginning could have been papo's.
    let conn = host.accept();
    host.receive(conn, b"pap");
    host.close(conn, Closed::End);
    assert_eq!(heard(&mut host), [format!("?@{HERE} all pap")]);
    let conn = host.accept();
    host.receive(conn, b"papo");
    host.pass(1_100);
    assert_eq!(heard(&mut host), [format!("?@{HERE} all papo")]);
    host.receive(conn, b"/1 peer\n");
    assert_eq!(heard(&mut host), [format!("?@{HERE} all /1 peer")], "it was decided");
}

#[test]
fn an_older_peer_that_the_tracker_lists_is_dialled_without_papo_s_preface() {
    let (mut host, mut tracker) = logged_in();
    let asked = host.ask(Request::Peers { prefix: String::new() });
    tracker.exchange(&mut host);
    let Some(ToTracker::ListPeers { request, .. }) = tracker.heard().pop() else { panic!("it asks") };
    let rows = List::truncated(vec![PeerRow { contact: contact("caio", Dialect::Line, "127.0.0.5:5000"), room: None }]);
    tracker.say(&mut host, &FromTracker::Peers { request, rows, more: false });
    assert_eq!(outcome(&host, asked), None);
    let listed =
        |notice: &Notice| matches!(notice, Notice::Peers { peers } if peers[0].user.as_str() == "caio@127.0.0.5:5000");
    assert!(host.notices.iter().any(listed), "nobody has that account: {:?}", host.notices);
    let address = "127.0.0.5:5000".parse().expect("an address");
    let token = host.ask(Request::Connect { address });
    let conn = host.open_dialled();
    assert_eq!((outcome(&host, token), sent(&mut host, conn).as_str()), (None, ""));
    assert_eq!(say(&mut host, Target::All, "oi"), None);
    assert_eq!(sent(&mut host, conn), "ana: oi\n");
    let token = host.ask(Request::Connect { address });
    let user = Name::restored("caio@127.0.0.5:5000").expect("a place");
    assert_eq!(outcome(&host, token), Some(Problem::AlreadyLinked { user }));
}

#[test]
fn papo_s_own_preface_is_known_however_it_is_cut() {
    for cut in 0..Preface::Peer.line().len() {
        let mut host = Host::peer(open);
        let mut link = Stranger::dial_cut(&mut host, Preface::Peer, 2, cut);
        link.hello(&mut host, 2);
        assert!(!host.closed.contains(&link.conn), "cut at {cut}");
        let linked = |notice: &Notice| matches!(notice, Notice::Peer { what: PeerEvent::Linked, .. });
        assert!(host.notices.iter().any(linked), "cut at {cut}");
    }
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.receive(conn, Preface::Tracker.line());
    assert!(host.closed.contains(&conn));
    assert_eq!(host.machine.counters().of(Fault::WrongPreface), 1);
}

#[test]
fn while_output_is_stopped_nothing_is_read_and_nothing_is_lost() {
    let mut host = Host::peer(open);
    let conn = host.accept();
    host.receive(conn, b"bia: um\n");
    host.event(Event::Command(Command::Output { open: false }));
    assert!(!host.reading[&conn]);
    assert_eq!(heard(&mut host), [format!("bia@{HERE} all um")]);
    host.event(Event::Command(Command::Output { open: true }));
    host.receive(conn, b"bia: dois\n");
    assert_eq!(heard(&mut host), [format!("bia@{HERE} all dois")]);
}

#[test]
fn silent_ones_are_bounded_and_the_oldest_of_the_address_with_the_most_gives_way() {
    let limits = Limits { plaintext_links_max: 3, ..Limits::DEFAULT };
    let mut host = Host::peer(|start| {
        open(start);
        start.limits = limits.clone();
    });
    let first = [host.accept_from(2), host.accept_from(2), host.accept_from(3)];
    assert!(host.closed.is_empty(), "as many as there may be");
    let other = host.accept_from(4);
    assert_eq!(host.closed.iter().copied().collect::<Vec<_>>(), [first[0]]);
    host.accept_from(5);
    let conn = host.accept_from(4);
    assert!(host.closed.contains(&conn) && !host.closed.contains(&other), "nobody has more than it");
}

#[test]
fn too_much_for_one_who_does_not_read_is_told_as_lost() {
    let limits = Limits { plaintext_waiting_bytes_max: 2_000, ..Limits::DEFAULT };
    let mut host = Host::peer(|start| {
        open(start);
        start.limits = limits.clone();
    });
    let conn = host.accept();
    host.receive(conn, b"bia: oi\n");
    // Of more than a read, what is beyond ASCII waits for a pause.
    let text = "é".repeat(900);
    assert_eq!(say(&mut host, Target::All, &text), None);
    let lost = Notice::Note(Note::PlaintextLost { user: Name::restored(&format!("bia@{HERE}")).expect("a place") });
    assert!(!host.notices.contains(&lost), "just as much as there may be");
    assert_eq!(say(&mut host, Target::All, &text), None);
    assert!(host.notices.contains(&lost));
}

// LAN peers.

fn on_a_lan() -> Host<Peer> {
    let mut host = Host::peer(|start| {
        open(start);
        start.listen = "0.0.0.0:6061".parse().expect("an address");
        start.lan = Some(Lan { port: 9091, hosts_tracker: None });
    });
    let interface = Interface {
        address: "127.0.0.1".parse().expect("an address"),
        prefix: 8,
        broadcast: "127.255.255.255".parse().ok(),
    };
    host.event(Event::Interfaces(vec![interface]));
    host
}

/// Somebody calls out twice from that host.
fn call(host: &mut Host<Peer>, number: u8, beacon: &str) {
    host.datagram(number, beacon.as_bytes());
    host.pass(5_000);
    host.datagram(number, beacon.as_bytes());
}

#[test]
fn who_calls_out_its_address_is_found_written_to_and_forgotten() {
    let mut host = on_a_lan();
    call(&mut host, 5, "127.0.0.5:7000");
    let (user, address) = (Name::restored("?@127.0.0.5:7000").expect("a place"), "127.0.0.5:7000".parse().ok());
    let event = |what| Notice::Peer { what, user: user.clone(), address, plaintext: true };
    assert!(host.notices.contains(&event(PeerEvent::Found)), "{:?}", host.notices);
    for to in [Target::All, Target::User(user.clone())] {
        assert_eq!(say(&mut host, to, "Olá, mundo"), None);
        let conn = host.open_dialled();
        assert_eq!((sent(&mut host, conn).as_str(), host.closed.contains(&conn)), ("Olá, mundo", true));
    }
    // What it says comes from another port, and says no name.
    let conn = host.accept_from(5);
    host.receive(conn, "Nota: Olá".as_bytes());
    host.close(conn, Closed::End);
    assert_eq!(heard(&mut host), ["?@127.0.0.5:7000 all Nota: Olá"]);
    host.pass(30_000);
    assert!(host.notices.contains(&event(PeerEvent::Lost)));
    assert_eq!(say(&mut host, Target::All, "oi"), Some(Problem::NobodyLinked));
}

#[test]
fn this_peer_calls_out_its_own_interface_s_address_and_not_one_byte_more() {
    let mut host = on_a_lan();
    host.pass(5_000);
    let called = host.datagrams.iter().filter(|(to, _)| to.port() == 9090).collect::<Vec<_>>();
    assert!(called.len() >= 2, "{:?}", host.datagrams);
    assert!(called.iter().all(|(to, bytes)| to.ip().to_string() == "127.255.255.255" && bytes == b"127.0.0.1:6061"));
    // Its own beacons, malformed ones and those of a third party find nobody.
    host.notices.clear();
    for (number, beacon) in
        [(1, "127.0.0.1:6061"), (5, "127.0.0.6:7000"), (5, "127.0.0.5:80"), (5, "x"), (5, "127.0.0.5:7000\n")]
    {
        call(&mut host, number, beacon);
    }
    assert!(!host.notices.iter().any(|notice| matches!(notice, Notice::Peer { .. })), "{:?}", host.notices);
}

#[test]
fn what_an_older_lan_peer_tells_of_itself_is_a_notice_and_its_files_are_refused() {
    let mut host = on_a_lan();
    let address = "127.0.0.5:9".parse().expect("an address");
    let conn = host.accept_from(5);
    host.receive(conn, b"New peer discovered: ('127.0.0.5', 7000)");
    host.close(conn, Closed::End);
    let text = "New peer discovered: ('127.0.0.5', 7000)".to_owned();
    assert!(host.notices.contains(&Notice::Note(Note::PlaintextNotice { address, text })), "{:?}", host.notices);
    for stream in ["FILE foto.png ", "DIRECTORY fotos"] {
        host.notices.clear();
        let conn = host.accept_from(5);
        host.receive(conn, stream.as_bytes());
        assert!(host.closed.contains(&conn));
        assert_eq!(host.notices, [Notice::Note(Note::PlaintextFile { address })]);
    }
}

#[test]
fn whoever_is_told_of_and_gone_while_something_is_said_is_told_as_such() {
    let mut host = on_a_lan();
    call(&mut host, 5, "127.0.0.5:7000");
    assert_eq!(say(&mut host, Target::All, "oi"), None);
    let conn = host.dialled();
    host.event(Event::Refused { id: conn.0, reason: Refusal::Unreachable });
    let user = Name::restored("?@127.0.0.5:7000").expect("a place");
    assert!(host.notices.contains(&Notice::Note(Note::PlaintextLost { user: user.clone() })));
    let token = host.ask(Request::Verify { user: user.clone() });
    assert_eq!(outcome(&host, token), Some(Problem::PlaintextOnly { user }));
}

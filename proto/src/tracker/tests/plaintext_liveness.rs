//! Dialling old clients back: when, whom, and what comes of it.

use super::{
    plaintext::{account, place, plain_world_of},
    *,
};

const INTERVAL_MS: u64 = 120_000;

fn world() -> (World, [ConnId; 2]) {
    let mut world = plain_world_of(|_| {});
    let conns = [("ana", 1), ("bia", 2)].map(|(who, host)| world.register_plain(who, host));
    world.ask_plain(conns[0], &place("CREATE_ROOM", "sala", "ana"));
    world.ask_plain(conns[1], &place("JOIN_ROOM", "sala", "bia"));
    world.heard(conns[0]);
    (world, conns)
}

impl World {
    /// Whom the tracker dials now, the one of that host.
    fn dialled_at(&self, host: u8) -> Option<ConnId> {
        let address: SocketAddr = format!("10.0.0.{host}:5000").parse().expect("an address");
        self.dialled.iter().find(|(_, dialled)| **dialled == address).map(|(&conn, _)| conn)
    }

    /// The listener of an old client takes the tracker's call; what it is asked.
    fn take_call(&mut self, conn: ConnId) -> Vec<String> {
        let remote = self.dialled[&conn];
        let client = Client {
            channel: Channel::accept(
                Preface::Tracker,
                Identity::from_secret(&[1; 32]),
                &StaticKey::draw(&mut Seed([2; 32]).stream("static", 0)),
                Seed([2; 32]).stream("unused", 0),
            ),
            inbox: VecDeque::new(),
            bytes: 0,
            reading: true,
            wants_write: false,
            closed: None,
            plain: Some(Vec::new()),
        };
        self.clients.insert(conn, client);
        let local = "10.0.0.100:40000".parse().expect("an address");
        self.event(Event::Opened { conn, listener: None, local, remote });
        self.heard(conn)
    }

    fn refuse_call(&mut self, conn: ConnId) {
        self.dialled.remove(&conn);
        self.event(Event::Refused { id: conn.0, reason: crate::machine::Refusal::Refused });
    }
}

fn is_listed(world: &mut World, asker: ConnId, who: &str) -> bool {
    let told = world.ask_plain(asker, r#"{"cmd":"LIST_PEERS"}"#);
    told.last().expect("an answer").contains(&format!("\"{who}\":"))
}

#[test]
fn a_client_is_dialled_at_its_listener_each_interval_and_one_that_answers_stays() {
    let (mut world, [ana, bia]) = world();
    let registered = world.now - Time::ZERO;
    world.pass(INTERVAL_MS - 1 - u64::try_from(registered.as_millis()).expect("a moment"));
    assert!(world.dialled.is_empty(), "not yet");
    world.pass(1_000);
    for _ in 0..3 {
        for host in [1, 2] {
            let call = world.dialled_at(host).expect("it is dialled");
            assert_eq!(world.take_call(call), [r#"{"cmd":"PING"}"#]);
            world.bytes(call, b"{\"cmd\":");
            world.bytes(call, b" \"PONG\"}");
            assert_eq!(world.closed(call), Some(CloseHow::Flush));
        }
        world.pass(INTERVAL_MS);
    }
    assert!(is_listed(&mut world, ana, "bia") && is_listed(&mut world, bia, "ana"));
    assert_eq!(world.heard(ana), [""; 0], "nobody was told anything");
}

#[test]
fn one_that_does_not_answer_is_out_of_its_rooms_and_comes_back_when_it_does() {
    let (mut world, [ana, bia]) = world();
    // Just when the second one is dialled, half a second behind the first.
    world.pass(INTERVAL_MS - 1_500);
    let [call_a, call_b] = [1, 2].map(|host| world.dialled_at(host).expect("it is dialled"));
    world.take_call(call_a);
    world.bytes(call_a, br#"{"cmd":"PONG"}"#);
    world.take_call(call_b);
    world.pass(2_999);
    assert_eq!((world.closed(call_b), world.heard(ana)), (None, vec![]));
    world.pass(1);
    assert_eq!(world.closed(call_b), Some(CloseHow::Abort));
    let told = world.heard(ana);
    assert!(told.iter().any(|told| told.contains("ROOM_UPDATE") && told.contains(r#""peer_one":null"#)), "{told:?}");
    assert!(!is_listed(&mut world, ana, "bia"));
    assert_eq!(world.closed(bia), None, "its connection stays");
    assert_eq!(world.tracker.directory().account(&name("bia")).map(|account| account.rooms().len()), Some(0), "kept");
    world.check_log();
    // A refusal is no answer either.
    world.pass(INTERVAL_MS - 3_500);
    let call_a = world.dialled_at(1).expect("it is dialled");
    world.refuse_call(call_a);
    assert!(!is_listed(&mut world, bia, "ana"));
    assert_eq!(world.tracker.directory().rooms_len(), 0, "the last one out ends the room");
    let call_b = world.dialled_at(2).expect("it is dialled again");
    world.take_call(call_b);
    world.bytes(call_b, br#"{"cmd":"PONG"}"#);
    assert!(is_listed(&mut world, ana, "bia"), "it answers again");
    world.check_log();
}

#[test]
fn what_is_no_pong_or_a_close_is_no_answer() {
    for answer in [&b"{}"[..], b"x", br#"{"cmd":"PING"}"#, &[b'{'; 2_000], b""] {
        let (mut world, [ana, _]) = world();
        world.pass(INTERVAL_MS);
        let call = world.dialled_at(2).expect("it is dialled");
        world.take_call(call);
        if answer.is_empty() {
            world.dialled.remove(&call);
            world.hang_up(call);
        } else {
            world.bytes(call, answer);
            assert!(world.closed(call).is_some());
        }
        assert!(!is_listed(&mut world, ana, "bia"), "{answer:?}");
    }
}

#[test]
fn a_native_is_told_that_one_is_lost_and_found() {
    let mut world = plain_world_of(|_| {});
    let (ana, bia) = (world.register("ana", 1), world.register_plain("bia", 2));
    world.ask(ana, &ToTracker::Create { request: 2, name: name("sala"), capacity: 5, nonce: [7; 16], flags: 1 });
    world.ask_plain(bia, &place("JOIN_ROOM", "sala", "bia"));
    world.show(ana);
    for _ in 0..13 {
        world.pass(INTERVAL_MS / 12);
        let ping = ToTracker::Ping { nonce: 1 };
        world.send(ana, &ping);
    }
    world.show(ana);
    let call = world.dialled_at(2);
    if let Some(call) = call {
        world.refuse_call(call);
    }
    let listed = world.ask(ana, &ToTracker::ListPeers { request: 3, prefix: text(""), after: None });
    assert!(listed.last().is_some_and(|told| !told.contains("bia")), "{listed:?}");
    let room = world.tracker.directory().room_named(&name("sala")).map(|(_, room)| names(room.members()));
    assert_eq!(room.as_deref(), Some("ana"));
}

#[test]
fn nobody_can_aim_the_tracker_at_a_third_party_or_at_itself() {
    let listening = "127.0.0.1:6060";
    for (remote, address, port, dialled) in [
        ("10.0.0.1:4000", "10.0.0.2", 5000, Some("10.0.0.1:5000")),
        ("10.0.0.1:4000", "8.8.8.8", 5000, Some("10.0.0.1:5000")),
        ("10.0.0.1:4000", "127.0.0.1", 5000, Some("10.0.0.1:5000")),
        ("10.0.0.1:4000", "nonsense", 1024, Some("10.0.0.1:1024")),
        ("10.0.0.1:4000", "10.0.0.1", 1023, None),
        ("10.0.0.1:4000", "10.0.0.1", 22, None),
        ("127.0.0.1:4000", "127.0.0.1", 5000, Some("127.0.0.1:5000")),
        ("127.0.0.1:4000", "localhost", 5000, Some("127.0.0.1:5000")),
        ("127.0.0.1:4000", "192.168.1.7", 5000, Some("192.168.1.7:5000")),
        ("127.0.0.1:4000", "192.168.1.8", 5000, Some("127.0.0.1:5000")),
        ("127.0.0.1:4000", "127.0.0.1", 6060, None),
        ("192.168.1.7:4000", "192.168.1.7", 6060, None),
        ("10.0.0.1:4000", "10.0.0.1", 6060, Some("10.0.0.1:6060")),
        ("[::ffff:10.0.0.1]:4000", "10.0.0.1", 5000, Some("10.0.0.1:5000")),
    ] {
        let mut world = plain_world_of(|start| start.listen = vec![listening.parse().expect("an address")]);
        let here = crate::machine::Interface::alone("192.168.1.7".parse().expect("an address"));
        world.event(Event::Interfaces(vec![here]));
        let conn = world.open_plain(remote);
        let register = account("REGISTER", "ana", "pw", port).replace("10.0.0.9", address);
        world.ask_plain(conn, &register);
        world.pass(INTERVAL_MS);
        let called = world.dialled.values().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(called.first().map(String::as_str), dialled, "{remote} claims {address}:{port}");
        assert!(called.len() <= 1);
        if dialled.is_none() {
            assert!(!is_listed(&mut world, conn, "ana"), "who cannot be dialled does not answer");
        }
    }
}

#[test]
fn only_so_many_are_dialled_at_once_and_all_in_their_turn() {
    let mut world = plain_world_of(|start| start.limits.plaintext_dials_max = 3);
    let conns = (1..=7).map(|host| world.register_plain(&format!("user{host}"), host)).collect::<Vec<_>>();
    world.pass(INTERVAL_MS - 3_500);
    let mut called = Vec::new();
    for _ in 0..20 {
        assert!(world.dialled.len() <= 3);
        let Some((&call, &address)) = world.dialled.iter().next() else {
            world.pass(500);
            continue;
        };
        called.push(address.to_string());
        world.take_call(call);
        world.bytes(call, br#"{"cmd":"PONG"}"#);
    }
    called.sort();
    assert_eq!(called, (1..=7).map(|host| format!("10.0.0.{host}:5000")).collect::<Vec<_>>());
    // One that is gone is not dialled any more, and leaves nothing behind.
    for conn in conns {
        world.hang_up(conn);
    }
    world.pass(2 * INTERVAL_MS);
    assert!(world.dialled.is_empty());
    assert_eq!(world.tracker.deadline(), None);
}

#[test]
fn those_who_do_not_answer_count_as_idle_and_the_oldest_gives_way() {
    let mut world = plain_world_of(|start| start.limits.plaintext_idle_max = 2);
    let conns = [1, 2, 3].map(|host| world.register_plain(&format!("user{host}"), host));
    world.pass(INTERVAL_MS);
    for host in [1, 2, 3] {
        if let Some(call) = world.dialled_at(host) {
            world.refuse_call(call);
        }
    }
    world.pass(3_000);
    assert_eq!(conns.map(|conn| world.closed(conn)), [Some(CloseHow::Abort), None, None]);
    assert_eq!(world.faults(), [Fault::TooManyConnections]);
}

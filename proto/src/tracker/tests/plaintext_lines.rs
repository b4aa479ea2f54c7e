//! Clients that say one line: registering, listing, and being dialled.

use super::{
    plaintext::{account, plain_world, plain_world_of},
    *,
};
use crate::plaintext::READ_BYTES;

impl World {
    /// One request on a connection of its own, with a line break behind it: the answer.
    fn line(&mut self, remote: &str, request: &str) -> String {
        let conn = self.open_plain(remote);
        self.bytes(conn, format!("{request}\n").as_bytes());
        assert_eq!(self.closed(conn), Some(CloseHow::Flush), "it is closed behind the answer");
        let writes = self.heard(conn);
        assert!(writes.len() <= 1, "one write");
        writes.concat()
    }

    fn list(&mut self) -> String {
        self.line("10.0.0.99:4000", "PING")
    }

    /// Whom the tracker dials; each takes the call, or not.
    fn answer_calls(&mut self, takes: bool) -> Vec<String> {
        let calls = self.dialled.clone();
        for (&conn, &remote) in &calls {
            if !takes {
                self.dialled.remove(&conn);
                self.event(Event::Refused { id: conn.0, reason: crate::machine::Refusal::Refused });
                continue;
            }
            let local = "10.0.0.100:40000".parse().expect("an address");
            self.event(Event::Opened { conn, listener: None, local, remote });
            assert!(!self.dialled.contains_key(&conn), "it is closed at once, and asked nothing");
        }
        calls.values().map(ToString::to_string).collect()
    }
}

#[test]
fn a_request_ends_with_a_line_break_with_the_stream_or_in_silence() {
    let mut world = plain_world();
    let register = |port: u16| format!("REGISTER 10.0.0.1 {port} ana{port}");
    assert_eq!(world.line("10.0.0.1:4000", &register(5001)), "REGISTERED");
    let silent = world.open_plain("10.0.0.1:4000");
    for byte in register(5002).as_bytes() {
        world.bytes(silent, &[*byte]);
        world.pass(99);
    }
    assert_eq!((world.heard(silent), world.closed(silent)), (vec![], None));
    world.pass(1);
    assert_eq!((world.heard(silent).concat(), world.closed(silent)), ("REGISTERED".to_owned(), Some(CloseHow::Flush)));
    let ended = world.open_plain("10.0.0.1:4000");
    world.bytes(ended, register(5003).as_bytes());
    world.event(Event::Closed { conn: ended, reason: Closed::End });
    assert_eq!(world.heard(ended), ["REGISTERED"], "it may have ended its own direction alone");
    let gone = world.open_plain("10.0.0.1:4000");
    world.bytes(gone, register(5004).as_bytes());
    world.event(Event::Closed { conn: gone, reason: Closed::Reset });
    assert_eq!(world.heard(gone), [""; 0]);
    // These are whole by themselves.
    for request in ["PING", "LIST"] {
        let conn = world.open_plain("10.0.0.2:4000");
        world.bytes(conn, request.as_bytes());
        assert_eq!(world.heard(conn), ["10.0.0.1 5003 ana5003\n10.0.0.1 5002 ana5002\n10.0.0.1 5001 ana5001"]);
        assert_eq!(world.closed(conn), Some(CloseHow::Flush));
    }
    // Connecting and closing says nothing, and is no fault.
    let probe = world.open_plain("10.0.0.2:4000");
    world.event(Event::Closed { conn: probe, reason: Closed::End });
    assert_eq!(world.faults(), []);
}

#[test]
fn a_list_shows_what_was_claimed_and_nobody_is_zero_bytes() {
    let mut world = plain_world();
    assert_eq!(world.list(), "");
    assert_eq!(world.line("10.0.0.1:4000", "REGISTER 192.168.0.9 5001 ana"), "REGISTERED");
    assert_eq!(world.list(), "192.168.0.9 5001 ana");
    // The same place is overwritten; the requester is in it.
    world.line("10.0.0.1:4000", "REGISTER 192.168.0.9 5001 bia");
    world.line("10.0.0.2:4000", "REGISTER 10.0.0.2 5002 @joão");
    assert_eq!(world.line("10.0.0.2:4000", "LIST"), "10.0.0.2 5002 @joão\n192.168.0.9 5001 bia");
    for malformed in ["REGISTER 10.0.0.1 5003 ana maria", "REGISTER x 5003 ana", "PINGU", "LIST all"] {
        let conn = world.open_plain("10.0.0.1:4000");
        world.bytes(conn, format!("{malformed}\n").as_bytes());
        assert_eq!((world.heard(conn), world.closed(conn)), (vec![], Some(CloseHow::Flush)), "{malformed}");
        assert_eq!(world.faults(), [Fault::Malformed], "{malformed}");
    }
    let conn = world.open_plain("10.0.0.1:4000");
    world.bytes(conn, &[b'R'; 1_000]);
    assert_eq!(world.faults(), [Fault::FrameTooLong]);
    assert_eq!(world.list().lines().count(), 2);
}

#[test]
fn a_long_list_is_whole_rows_in_one_write() {
    let mut world = plain_world_of(|start| start.limits.plaintext_rows_max = 50);
    for port in 0..60 {
        let who = format!("REGISTER 10.0.0.{port} {} user{port:02}", 5000 + port);
        world.line(&format!("10.0.0.{port}:4000"), &who);
    }
    let list = world.line("10.0.0.20:4000", "PING");
    assert!(list.len() <= READ_BYTES && list.len() > READ_BYTES - 30, "{}", list.len());
    assert!(!list.ends_with('\n') && list.lines().all(|row| row.split(' ').count() == 3));
    assert!(list.starts_with("10.0.0.20 5020 user20\n10.0.0.59 5059 user59\n"), "one's own, then the latest");
}

#[test]
fn who_registers_is_dialled_after_five_seconds_and_dropped_after_two_failures() {
    let mut world = plain_world();
    world.line("10.0.0.1:4000", "REGISTER 10.0.0.1 5001 ana");
    world.pass(4_999);
    assert!(world.dialled.is_empty());
    world.pass(1);
    assert_eq!(world.answer_calls(true), ["10.0.0.1:5001"]);
    // Again and again.
    world.pass(29_999);
    assert!(world.dialled.is_empty());
    world.pass(1);
    assert_eq!(world.answer_calls(false), ["10.0.0.1:5001"]);
    assert_eq!(world.list(), "10.0.0.1 5001 ana", "one failure is forgiven");
    world.pass(5_000);
    // One that does not answer at all is given up after a while.
    assert_eq!(world.dialled.len(), 1);
    world.pass(2_999);
    assert_eq!(world.list(), "10.0.0.1 5001 ana");
    world.pass(1);
    assert_eq!(world.list(), "");
    // It may come back.
    world.line("10.0.0.1:4000", "REGISTER 10.0.0.1 5001 ana");
    assert_eq!(world.list(), "10.0.0.1 5001 ana");
    world.pass(5_000);
    world.answer_calls(true);
    assert_eq!(world.list(), "10.0.0.1 5001 ana");
}

#[test]
fn only_the_address_is_dialled_that_a_registration_came_from() {
    for (remote, claimed, dialled) in [
        ("10.0.0.1:4000", "8.8.8.8 5001", Some("10.0.0.1:5001")),
        ("10.0.0.1:4000", "10.0.0.1 80", None),
        ("127.0.0.1:4000", "127.0.0.1 5001", Some("127.0.0.1:5001")),
    ] {
        let mut world = plain_world();
        world.line(remote, &format!("REGISTER {claimed} ana"));
        world.pass(5_000);
        assert_eq!(world.answer_calls(true).first().map(String::as_str), dialled);
        world.pass(5_000);
        assert_eq!(world.list().is_empty(), dialled.is_none(), "who cannot be dialled is dropped");
    }
}

#[test]
fn everyone_sees_everyone_in_the_lists_of_each_dialect() {
    let mut world = plain_world();
    let ana = world.connect("10.0.0.1:4000", 1);
    world.send(
        ana,
        &ToTracker::Register {
            request: 1,
            name: name("ana"),
            password: PasswordHash::of("pw"),
            token: None,
            claimed: claimed(&["10.0.0.1:6061"]),
        },
    );
    world.show(ana);
    let bia = world.register_plain("bia", 2);
    world.line("10.0.0.3:4000", "REGISTER 10.0.0.3 5003 caio");
    world.line("10.0.0.4:4000", "REGISTER 10.0.0.4 5004 bia");
    world.line("10.0.0.5:4000", "REGISTER 10.0.0.5 5005 not@name");
    world.line("10.0.0.6:4000", "REGISTER 10.0.0.6 5006 аnа");
    let rows = [
        "10.0.0.6 5006 аnа",
        "10.0.0.5 5005 not@name",
        "10.0.0.4 5004 bia",
        "10.0.0.3 5003 caio",
        "10.0.0.2 5000 bia",
        "10.0.0.1 6061 ana",
    ];
    assert_eq!(world.list(), rows.join("\n"));
    let list = ToTracker::ListPeers { request: 2, prefix: text(""), after: None };
    let told =
        ["Peers 2 [ana Online 10.0.0.1:6061 #-, bia Online 10.0.0.2:5000 #-, caio Online 10.0.0.3:5003 #-] false"];
    assert_eq!(world.ask(ana, &list), told, "a name that an account has, or that looks like one, is nobody else's");
    let who = |who: &str| ToTracker::WhoisName { request: 3, name: name(who) };
    assert_eq!(world.ask(ana, &who("Caio")), ["Whois 3 caio Online 10.0.0.3:5003 \"\" true"]);
    assert_eq!(world.ask(ana, &who("bia")), ["Whois 3 bia Online 10.0.0.2:5000 \"\" false"]);
    let [listed] = &world.ask_plain(bia, r#"{"cmd":"LIST_PEERS"}"#)[..] else { panic!("one object") };
    let listed: serde_json::Value = serde_json::from_str(listed).expect("an object");
    let names = listed["peers"].as_object().expect("a list").keys().cloned().collect::<Vec<_>>();
    assert_eq!(names, ["ana", "bia", "caio"]);
    assert_eq!((&listed["peers"]["caio"]["port"], &listed["peers"]["bia"]["port"]), (&5003.into(), &5000.into()));
    // Whoever makes an account has the name for himself.
    let caio = world.open_plain("10.0.0.7:4000");
    world.ask_plain(caio, &account("REGISTER", "caio", "pw", 5007));
    assert_eq!(world.ask(ana, &who("caio")), ["Whois 3 caio Online 10.0.0.7:5007 \"\" false"]);
}

#[test]
fn a_list_waits_for_what_it_depends_on_though_the_asker_has_ended() {
    let mut world = plain_world();
    world.register_plain("ana", 1);
    world.commits_at_once = false;
    // An account is on its way to the disk.
    let bia = world.connect("10.0.0.2:4000", 2);
    world.send(bia, &register(1, "bia", "pw"));
    let asker = world.open_plain("10.0.0.3:4000");
    world.bytes(asker, b"PING");
    assert_eq!(world.heard(asker), [""; 0]);
    assert!(!world.client(asker).reading, "so its end is not heard before");
    world.commit();
    assert_eq!(world.heard(asker), ["10.0.0.1 5000 ana"]);
    assert_eq!(world.closed(asker), Some(CloseHow::Flush));
}

//! Registering, logging in and out, and who is told.

use super::*;
use crate::wire::tracker::{Status, Token};

#[test]
fn whoever_registers_is_logged_in_and_kept_before_it_is_told() {
    let mut world = World::new();
    world.commits_at_once = false;
    let ana = world.connect("10.0.0.1:4000", 1);
    world.send(ana, &register(1, "Ana", "pw"));
    assert_eq!(world.show(ana), [""; 0], "nothing is said before it is committed");
    world.commit();
    assert_eq!(world.show(ana), ["Welcome 1 Ana", "Synced"]);
    let [Change::AccountAdded { name: who, key: tied, at, .. }] = &world.log[..] else { panic!("{:?}", world.log) };
    assert_eq!((who.as_str(), *tied, *at), ("Ana", Some(key(1)), WALL));
    assert!(world.notices.iter().any(|notice| matches!(notice, Notice::LoggedIn { .. })));
    world.check_log();
}

#[test]
fn a_name_is_taken_by_case_and_by_look_alikes() {
    let mut world = World::new();
    world.register("ana", 1);
    let other = world.connect("10.0.0.2:4000", 2);
    for (request, taken) in [(1, "ana"), (2, "ANA"), (3, "аnа")] {
        assert_eq!(world.ask(other, &register(request, taken, "pw")), [format!("Failed {request} NameTaken")]);
    }
    assert_eq!(world.ask(other, &register(4, "bia", "pw")), ["Welcome 4 bia", "Synced"]);
}

#[test]
fn whoever_did_not_hear_that_it_was_registered_registers_again_by_key_and_password() {
    let mut world = World::new();
    let lost = world.register("ana", 1);
    let changes = world.log.len();
    let again = world.connect("10.0.0.1:4001", 1);
    assert_eq!(world.ask(again, &register(1, "Ana", "pw ana")), ["Welcome 1 ana", "Synced"]);
    assert_eq!(world.show(lost), ["Bye Replaced"], "one session an account");
    assert_eq!(world.log.len(), changes, "nothing is made twice");
    // Neither the key alone nor the password alone makes it one's own, and a look-alike is another name.
    let wrong = world.connect("10.0.0.1:4002", 1);
    assert_eq!(world.ask(wrong, &register(1, "ana", "another")), ["Failed 1 NameTaken"]);
    assert_eq!(world.ask(wrong, &register(2, "аnа", "pw ana")), ["Failed 2 NameTaken"]);
    let stranger = world.connect("10.0.0.2:4000", 2);
    assert_eq!(world.ask(stranger, &register(1, "ana", "pw ana")), ["Failed 1 NameTaken"]);
    world.check_log();
}

#[test]
fn two_who_register_one_name_at_once_do_not_both_get_it() {
    let mut world = World::new();
    world.checks_at_once = false;
    let (one, other) = (world.connect("10.0.0.1:4000", 1), world.connect("10.0.1.2:4000", 2));
    world.send(one, &register(1, "ana", "one"));
    world.send(other, &register(1, "Ana", "other"));
    assert_eq!(world.checks.len(), 2);
    world.check();
    world.check();
    assert_eq!(world.show(one), ["Welcome 1 ana", "Synced"]);
    assert_eq!(world.show(other), ["Failed 1 NameTaken"]);
    world.check_log();
}

#[test]
fn a_wrong_password_and_an_unknown_user_are_told_apart_by_nothing() {
    let mut world = World::new();
    world.register("ana", 1);
    // Each on its own network, so that neither waits for the other's delay.
    let mut tried = Vec::new();
    for (network, message) in [(1, login(1, "ana", "wrong")), (2, login(1, "bia", "wrong"))] {
        world.checks_at_once = false;
        let conn = world.connect(&format!("10.0.{network}.1:4000"), 9);
        let before = world.client(conn).bytes;
        world.send(conn, &message);
        let (_, check) = world.checks.front().expect("an unknown user is checked too");
        let PasswordCheck::Verify { .. } = check else { panic!("{check:?}") };
        world.check();
        let answer = world.take(conn);
        tried.push((answer, world.client(conn).bytes - before));
        // The second attempt of each waits as long.
        let again = world.now;
        world.send(conn, &message);
        assert!(world.checks.is_empty(), "it is delayed");
        tried.last_mut().expect("pushed").1 +=
            usize::try_from((world.tracker.deadline().expect("a delay") - again).as_millis()).expect("short");
        world.pass(1_000);
        world.check();
    }
    assert_eq!(tried[0], tried[1]);
    assert_eq!(tried[0].0.iter().map(show).collect::<Vec<_>>(), ["Failed 1 BadCredentials"]);
}

#[test]
fn a_key_that_is_tied_to_the_account_logs_in_and_no_other_does() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    world.hang_up(ana);
    let again = world.connect("10.0.0.1:5000", 1);
    assert_eq!(world.ask(again, &login_key(1, "bia")), ["Failed 1 BadCredentials"]);
    assert_eq!(world.ask(again, &login_key(2, "ANA")), ["Welcome 2 ana", "Synced"]);
    let other = world.connect("10.0.0.2:4000", 2);
    assert_eq!(world.ask(other, &login_key(1, "ana")), ["Failed 1 BadCredentials"]);
    assert_eq!(world.ask(again, &login_key(3, "ana")), ["Failed 3 AlreadyLoggedIn"]);
    assert_eq!(world.faults(), [Fault::Cut]);
}

#[test]
fn a_second_device_replaces_the_first_and_contacts_see_its_key() {
    let mut world = World::new();
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.show(ana);
    let second = world.connect("10.0.9.1:4000", 3);
    world.send(second, &login(1, "ana", "pw ana"));
    assert_eq!(
        world.show(second),
        ["Welcome 1 ana", "Contact bia Online", "Room sala of ana [ana bia]/32 @2", "Synced"]
    );
    assert_eq!(world.show(ana), ["Bye Replaced"]);
    assert_eq!(world.closed(ana), Some(CloseHow::Flush));
    let told = world.take(bia);
    let [FromTracker::Contact { contact }] = &told[..] else { panic!("{told:?}") };
    assert_eq!((contact.name.as_str(), contact.key, contact.status), ("ana", Some(key(3)), Status::Online));
    assert_eq!(world.tracker.online.len(), 2);
    let first = world.connect("10.0.0.1:4000", 1);
    assert_eq!(world.ask(first, &login_key(1, "ana")), ["Failed 1 BadCredentials"], "its key is tied no longer");
    world.check_log();
}

#[test]
fn a_login_by_key_replaces_an_older_session_too() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    let again = world.connect("10.0.0.1:5000", 1);
    assert_eq!(world.ask(again, &login_key(1, "ana")), ["Welcome 1 ana", "Synced"]);
    assert_eq!((world.show(ana), world.closed(ana)), (vec!["Bye Replaced".to_owned()], Some(CloseHow::Flush)));
    world.hang_up(again);
    assert!(world.tracker.online.is_empty());
}

#[test]
fn presence_ends_with_the_session_and_membership_does_not() {
    let mut world = World::new();
    let (ana, bia) = (world.register("ana", 1), world.register("bia", 2));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.show(ana);
    world.pass(5_000);
    world.hang_up(bia);
    assert_eq!(world.show(ana), ["Contact bia Offline"]);
    let Some(Change::LastSeen { name: who, at }) = world.log.last() else { panic!("{:?}", world.log) };
    assert_eq!((who.as_str(), *at), ("bia", Wall(WALL.0 + 5_000)));
    let again = world.connect("10.0.0.2:5000", 2);
    assert_eq!(
        world.ask(again, &login_key(1, "bia")),
        ["Welcome 1 bia", "Contact ana Online", "Room sala of ana [ana bia]/32 @2", "Synced"]
    );
    assert_eq!(world.show(ana), ["Contact bia Online"]);
    assert_eq!(world.ask(again, &ToTracker::Logout { request: 2 }), ["Done 2"]);
    assert_eq!(world.show(ana), ["Contact bia Offline"]);
    assert_eq!(world.ask(again, &join(3, "sala")), ["Failed 3 NotLoggedIn"]);
    assert_eq!(world.ask(again, &login_key(4, "bia"))[0], "Welcome 4 bia");
    world.check_log();
}

#[test]
fn registration_asks_for_its_token_and_can_be_closed() {
    let token = |request, token: Option<&str>| ToTracker::Register {
        request,
        name: name("ana"),
        password: PasswordHash::of("pw"),
        token: token.map(|token| Token::new(token).expect("short")),
        claimed: claimed(&[]),
    };
    let mut world = World::with(Limits::default(), Registration::Token("segredo".to_owned()), Vec::new());
    let ana = world.connect("10.0.0.1:4000", 1);
    assert_eq!(world.ask(ana, &token(1, None)), ["Failed 1 BadToken"]);
    assert_eq!(world.ask(ana, &token(2, Some("segredo"))), [""; 0], "a wrong token delays as a wrong password does");
    world.pass(250);
    assert_eq!(world.show(ana), ["Welcome 2 ana", "Synced"]);

    let mut world = World::with(Limits::default(), Registration::Closed, world.log);
    let ana = world.connect("10.0.0.1:4000", 1);
    assert_eq!(world.ask(ana, &token(1, None)), ["Failed 1 RegistrationClosed"]);
    assert_eq!(world.ask(ana, &login(2, "ana", "pw")), ["Welcome 2 ana", "Synced"]);
}

#[test]
fn who_is_who_by_name_and_by_key_the_connected_account_first() {
    let mut world = World::new();
    let (ana, _) = (world.register("ana", 1), world.register("bia", 2));
    let caio = world.connect("10.0.0.2:5000", 2);
    world.ask(caio, &register(1, "caio", "pw"));
    world.ask(caio, &ToTracker::SetProfile { request: 2, text: text("olá") });
    world.ask(caio, &ToTracker::SetPlaintext { request: 3, open: true });
    assert_eq!(
        world.ask(ana, &ToTracker::WhoisName { request: 5, name: name("CAIO") }),
        ["Whois 5 caio Online \"olá\" true"]
    );
    assert_eq!(world.ask(ana, &ToTracker::WhoisName { request: 6, name: name("zé") }), ["Failed 6 UnknownUser"]);
    let whois = ToTracker::WhoisKey { request: 7, key: key(2) };
    assert_eq!(world.ask(ana, &whois), ["Whois 7 bia Online \"\" false"], "both are connected: by name");
    let bia = world.tracker.online["bia"];
    world.hang_up(bia);
    assert_eq!(world.ask(ana, &whois), ["Whois 7 caio Online \"olá\" true"]);
    world.hang_up(caio);
    assert_eq!(world.ask(ana, &whois), ["Whois 7 bia Offline \"\" false"]);
    assert_eq!(world.ask(ana, &ToTracker::WhoisKey { request: 8, key: key(9) }), ["Failed 8 UnknownUser"]);
}

#[test]
fn status_and_address_are_pushed_to_those_who_share_a_room() {
    let mut world = World::new();
    let (ana, bia, caio) = (world.register("ana", 1), world.register("bia", 2), world.register("caio", 3));
    world.ask(ana, &create(2, "sala", 0));
    world.ask(bia, &join(2, "sala"));
    world.show(ana);
    let away = ToTracker::SetStatus { request: 3, status: Status::Away, text: text("almoço") };
    assert_eq!(world.ask(bia, &away), ["Done 3"]);
    assert_eq!(world.show(ana), ["Contact bia Away"]);
    let offline = ToTracker::SetStatus { request: 4, status: Status::Offline, text: text("") };
    assert_eq!(world.ask(bia, &offline), ["Failed 4 OutOfRange"]);
    let moved = ToTracker::Moved { claimed: claimed(&["192.168.0.7:6061", "203.0.113.1:6061", "127.0.0.1:6061"]) };
    assert_eq!(world.ask(bia, &moved), [""; 0]);
    assert_eq!(world.ask(bia, &moved), [""; 0]);
    assert_eq!(world.show(ana), ["Contact bia Away 10.0.0.2:6061 192.168.0.7:6061"], "once, and no loopback");
    assert_eq!(world.show(caio), [""; 0]);
    world.hang_up(bia);
    assert_eq!(world.show(ana), ["Contact bia Offline"], "and no address of who is gone");
}

#[test]
fn loopback_endpoints_are_told_on_the_trackers_own_host_only() {
    let mut world = World::new();
    let ana = world.connect("127.0.0.1:4000", 1);
    let listens = ToTracker::Register {
        request: 1,
        name: name("ana"),
        password: PasswordHash::of("pw"),
        token: None,
        claimed: claimed(&["127.0.0.1:6061", "192.168.0.7:6061"]),
    };
    world.ask(ana, &listens);
    let far = world.register("bia", 2);
    let near = world.connect("127.0.0.1:5000", 3);
    world.ask(near, &register(1, "caio", "pw"));
    let whois = ToTracker::WhoisName { request: 9, name: name("ana") };
    assert_eq!(world.ask(far, &whois), ["Whois 9 ana Online 192.168.0.7:6061 \"\" false"]);
    assert_eq!(world.ask(near, &whois), ["Whois 9 ana Online 127.0.0.1:6061 192.168.0.7:6061 \"\" false"]);
}

#[test]
fn peers_are_listed_by_page_and_prefix() {
    let mut world = World::new();
    let ana = world.register("ana", 1);
    for (index, who) in ["bela", "Bia", "caio"].iter().enumerate() {
        world.register(who, 2 + u8::try_from(index).expect("few"));
    }
    world.ask(ana, &create(2, "sala", 0));
    let mut list = |prefix: &str, after: Option<&str>| {
        world.ask(ana, &ToTracker::ListPeers { request: 3, prefix: text(prefix), after: after.map(name) }).remove(0)
    };
    assert_eq!(list("", None), "Peers 3 [ana Online #sala, bela Online #-, Bia Online #-, caio Online #-] false");
    assert_eq!(list("b", None), "Peers 3 [bela Online #-, Bia Online #-] false");
    assert_eq!(list("B", Some("bela")), "Peers 3 [Bia Online #-] false");
    assert_eq!(list("x", None), "Peers 3 [] false");
}

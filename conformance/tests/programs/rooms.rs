//! A room's life, and the people around it.

use serde_json::Value;

use crate::support::{
    papo::{Papo, is, row, text, texts},
    tracker::Tracker,
};

/// A row of `/rooms`, asked for just now.
#[track_caller]
fn room(papo: &mut Papo, name: &str) -> Option<Value> {
    row(&papo.ask("/rooms", "rooms"), "rooms", "room", name).cloned()
}

/// Waits until something happened to a room.
#[track_caller]
fn wait_room(papo: &Papo, room: &str, what: &str, user: &str) -> Value {
    papo.wait_for("room", |event| {
        text(event, "room") == room && text(event, "what") == what && text(event, "user") == user
    })
}

#[test]
fn a_room_takes_as_many_as_it_was_made_for() {
    let tracker = Tracker::start();
    let [mut ana, mut bia, mut caio] = ["ana", "bia", "caio"].map(|name| Papo::registered(name, &tracker));
    ana.line("/create sala 2");
    assert_eq!(texts(&wait_room(&ana, "sala", "created", "ana"), "members"), ["ana"]);
    bia.join("sala");
    assert_eq!(texts(&wait_room(&ana, "sala", "joined", "bia"), "members"), ["ana", "bia"]);
    caio.line("/join sala");
    caio.wait_error("room_full");
    // Joining twice is fine, and counts once.
    bia.line("/join sala");
    let sala = room(&mut bia, "sala").expect("it stands");
    assert_eq!((texts(&sala, "members"), &sala["capacity"]), (vec!["ana".into(), "bia".into()], &Value::from(2)));
    // A place that becomes free is free.
    bia.line("/leave");
    wait_room(&ana, "sala", "left", "bia");
    caio.join("sala");
    caio.line("/create sala");
    caio.wait_error("room_exists");
    caio.line("/create SALA");
    caio.line("/join nenhures");
    caio.wait_error("unknown_room");
    for bad in ["/create x 0", "/create x 100000"] {
        caio.mark();
        caio.line(bad);
        caio.wait_for("error", |_| true);
    }
    assert_eq!(room(&mut caio, "x"), None);
}

#[test]
fn a_room_passes_to_the_longest_standing_member_and_only_its_owner_deletes_it() {
    let tracker = Tracker::start();
    let [mut ana, mut bia, mut caio] = ["ana", "bia", "caio"].map(|name| Papo::registered(name, &tracker));
    ana.create("sala");
    bia.join("sala");
    caio.join("sala");
    bia.line("/delete sala");
    bia.wait_error("not_owner");
    ana.line("/chat #sala");
    ana.line("/leave");
    wait_room(&bia, "sala", "left", "ana");
    wait_room(&caio, "sala", "left", "ana");
    let sala = room(&mut caio, "sala").expect("it outlives its maker");
    assert_eq!((text(&sala, "owner"), texts(&sala, "members")), ("bia", vec!["bia".into(), "caio".into()]));
    bia.line("/delete sala");
    for one in [&bia, &caio] {
        one.wait_for("room", |event| text(event, "what") == "deleted" && text(event, "room") == "sala");
    }
    assert_eq!(room(&mut ana, "sala"), None);
    // The same name again is another room, with nothing of the former in it.
    caio.create("sala");
    assert_eq!(texts(&room(&mut ana, "sala").expect("a new one"), "members"), ["caio"]);
}

#[test]
fn peers_users_and_whois_show_who_is_there() {
    let tracker = Tracker::start();
    let [mut ana, mut bia, caio] = ["ana", "bia", "caio"].map(|name| Papo::registered(name, &tracker));
    ana.create("sala");
    bia.join("sala");
    bia.line("/status away a almoçar");
    bia.line("/profile pinto casas");
    // One line at a time: once this is answered, the others are done.
    bia.ask("/peers", "peers");
    let peers = ana.ask("/peers", "peers");
    let row_of =
        |user: &str| row(&peers, "peers", "user", user).unwrap_or_else(|| panic!("{user} is missing: {peers}"));
    for user in ["ana", "bia", "caio"] {
        assert!(text(row_of(user), "address").starts_with("127.0.0.1:"), "{peers}");
        assert!(text(row_of(user), "last_seen").ends_with('Z'), "{peers}");
    }
    assert_eq!(text(row_of("bia"), "room"), "sala");
    assert!(row_of("bia").to_string().contains("away"), "{peers}");
    let users = ana.ask("/users", "users").to_string();
    assert!(users.contains("ana") && users.contains("bia"), "{users}");
    let whois = ana.ask("/whois bia", "whois");
    assert_eq!((text(&whois, "user"), text(&whois, "status")), ("bia", "away"));
    assert_eq!((text(&whois, "status_text"), text(&whois, "profile")), ("a almoçar", "pinto casas"));
    let fingerprint = bia.wait_for("ready", |_| true);
    assert_eq!(text(&whois, "fingerprint"), text(&fingerprint, "fingerprint"));
    ana.line("/whois ninguem");
    ana.wait_error("unknown_user");
    let mut caio = caio;
    assert_eq!(caio.quit(), 0);
    let peers = ana.ask("/peers", "peers");
    assert!(row(&peers, "peers", "user", "caio").is_none(), "whoever is gone is gone from the list: {peers}");
}

#[test]
fn a_blocked_peer_is_not_heard_until_it_is_unblocked() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = ["ana", "bia"].map(|name| Papo::registered(name, &tracker));
    ana.line("/msg bia olá");
    bia.wait_message("olá");
    bia.line("/block ana");
    bia.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == "ana");
    ana.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == "bia");
    bia.line("/msg ana não");
    bia.wait_error("blocked");
    ana.line("/msg bia ouves-me");
    ana.wait_for("said", |event| text(event, "text") == "ouves-me");
    let users = bia.ask("/peers", "peers");
    assert!(row(&users, "peers", "user", "ana").is_some(), "{users}");
    assert!(!bia.events().iter().any(|event| text(event, "text") == "ouves-me"));
    bia.line("/unblock ana");
    bia.line("/msg ana agora sim");
    ana.wait_message("agora sim");
    bia.wait_message("ouves-me");
}

#[test]
fn connecting_to_oneself_or_twice_is_refused_with_a_clear_sentence() {
    let tracker = Tracker::start();
    let [mut ana, bia] = ["ana", "bia"].map(|name| Papo::registered(name, &tracker));
    let address = |papo: &Papo| text(&papo.wait_for("ready", |_| true), "listen").to_owned();
    let (at_ana, at_bia) = (address(&ana), address(&bia));
    ana.line(&format!("/connect {at_ana}"));
    let sentence = ana.wait_error("oneself");
    assert!(sentence.contains("you"), "{sentence}");
    ana.line(&format!("/connect {at_bia}"));
    ana.wait_linked("bia");
    bia.wait_linked("ana");
    ana.line(&format!("/connect {at_bia}"));
    let sentence = ana.wait_error("already_linked");
    assert!(sentence.contains("bia") && sentence.contains("already"), "{sentence}");

    let latency = ana.ask("/ping bia", "latency");
    assert_eq!((text(&latency, "target"), text(&latency, "status")), ("bia", "normal"));
    assert!(latency["ms"].is_number(), "{latency}");

    ana.line("/disconnect bia");
    for (one, other) in [(&ana, "bia"), (&bia, "ana")] {
        one.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == other);
    }
    ana.line("/disconnect bia");
    ana.wait_error("not_linked");
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    ana.line(&format!("/connect {}", nobody.expect("a port that nobody has now")));
    ana.wait_error("unreachable");
    assert!(!ana.events().iter().any(|event| is(event, "message")));
}

#[test]
fn both_dialling_at_once_end_with_one_link() {
    let tracker = Tracker::start();
    let [mut ana, mut bia] = ["ana", "bia"].map(|name| Papo::registered(name, &tracker));
    ana.create("sala");
    bia.join("sala");
    for number in 0..20 {
        ana.line(&format!("/msg bia a{number}"));
        bia.line(&format!("/msg ana b{number}"));
    }
    ana.wait_message("b19");
    bia.wait_message("a19");
    ana.wait_for_all("delivered", 20, |_| true);
    bia.wait_for_all("delivered", 20, |_| true);
    for one in [&ana, &bia] {
        let count = |what: &str| one.events().iter().filter(|e| is(e, "peer") && text(e, "what") == what).count();
        assert_eq!(count("linked") - count("lost"), 1, "{}", one.process.story());
        let shown = one.events().iter().filter(|event| is(event, "message")).count();
        assert_eq!(shown, 20, "each once");
    }
}

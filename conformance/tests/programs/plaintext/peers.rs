//! A papo among the older systems' peers.

use std::{
    io::{Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{
    BOUND,
    namespaces::Networks,
    older::{Objects, Older, message},
    papo::{Options, Papo, row, text},
    recording::replay,
    tracker::Tracker,
};

/// Nothing comes: what would come has had time to.
const SILENCE: Duration = Duration::from_millis(300);

#[track_caller]
fn tracker() -> Tracker {
    Tracker::start_with(&[&"--allow-plaintext"])
}

fn open(user: &str, tracker: &Tracker) -> Papo {
    Options::registering(user, tracker).with(&["--allow-plaintext"]).log_in()
}

/// Waits for a message; it is marked as plain text.
#[track_caller]
fn hears(papo: &Papo, from: &str, wanted: &str) -> Value {
    let heard = papo.wait_message(wanted);
    assert_eq!((text(&heard, "from"), &heard["plaintext"]), (from, &json!(true)), "{heard}");
    heard
}

#[test]
fn whoever_joins_dials_all_and_three_talk_in_one_room_in_every_direction() {
    let tracker = tracker();
    let mut bia = Older::registered("bia", tracker.address);
    assert_eq!(bia.ask_room("CREATE_ROOM", "praça")["msg"], "Sala 'praça' criada com sucesso.");
    let (mut ana, mut caio) = (open("ana", &tracker), open("caio", &tracker));

    ana.join("praça");
    assert_eq!(bia.tracker.hear()["status"], "ROOM_UPDATE");
    let mut to_ana = bia.accept();
    assert_eq!(to_ana.hear(), json!({ "cmd": "HELLO", "username": "ana" }));
    ana.line("/chat #praça");
    ana.line("Olá, bia!");
    assert_eq!(to_ana.hear(), message(Some("praça"), "ana", "Olá, bia!"));
    to_ana.say(&message(Some("praça"), "bia", "Olá, ana!"));
    assert_eq!(text(&hears(&ana, "bia", "Olá, ana!"), "room"), "praça");

    caio.join("praça");
    assert_eq!(bia.tracker.hear()["status"], "ROOM_UPDATE");
    let mut to_caio = bia.accept();
    assert_eq!(to_caio.hear(), json!({ "cmd": "HELLO", "username": "caio" }));
    ana.wait_linked("caio");
    ana.line("somos três");
    // Between papos it goes over their own link; to the older one each brings its own words.
    assert_eq!(caio.wait_message("somos três").get("plaintext"), None);
    assert_eq!(to_ana.hear(), message(Some("praça"), "ana", "somos três"));
    caio.line("/chat #praça");
    caio.line("eu também");
    assert_eq!(to_caio.hear(), message(Some("praça"), "caio", "eu também"));
    ana.wait_message("eu também");
    assert!(to_ana.hears_nothing_for(SILENCE), "nobody else's words");

    // A long text comes in pieces that are read at once, with every character whole.
    let long = "ação ".repeat(500);
    ana.line(long.trim());
    let mut pieces = String::new();
    while pieces.len() < long.trim().len() {
        pieces += to_ana.hear()["content"].as_str().expect("a text");
    }
    assert_eq!(pieces, long.trim());

    // Who leaves says so, and the owner's room passes on.
    ana.line("/leave praça");
    assert_eq!(to_ana.hear(), json!({ "cmd": "LEAVE" }));
    assert_eq!((to_ana.read(), bia.tracker.hear()["status"].as_str()), (None, Some("ROOM_UPDATE")));
    drop(bia);
    caio.wait_for("room", |event| text(event, "what") == "left" && text(event, "user") == "bia");
    let rooms = caio.ask("/rooms", "rooms");
    let room = row(&rooms, "rooms", "room", "praça").expect("it stands");
    assert_eq!((text(room, "owner"), &room["plaintext"]), ("caio", &json!(true)));
}

#[test]
fn a_room_made_by_a_papo_takes_an_older_client_that_dials_it() {
    let tracker = tracker();
    let mut ana = open("ana", &tracker);
    ana.line("/create praça --plaintext");
    ana.wait_for("room", |event| text(event, "what") == "created");
    let mut bia = Older::registered("bia", tracker.address);
    let joined = bia.ask_room("JOIN_ROOM", "praça");
    assert_eq!((&joined["status"], &joined["msg"]), (&json!("OK"), &json!("Usuário 'bia' entrou na sala 'praça'.")));
    let owner = &joined["room"]["peer_owner"];
    let port = u16::try_from(owner["port"].as_u64().expect("a port")).expect("a port");
    let mut to_ana = Objects::dial(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), "bia");
    to_ana.say(&message(Some("praça"), "bia", "cheguei"));
    hears(&ana, "bia", "cheguei");
    ana.line("bem-vinda");
    // The room is the target of whoever made it.
    assert_eq!(to_ana.hear(), message(Some("praça"), "ana", "bem-vinda"));
    assert!(bia.is_left_alone_for(SILENCE), "members never dial a newcomer");
    // In private, both ways.
    to_ana.say(&message(None, "bia", "psst"));
    assert_eq!(text(&hears(&ana, "bia", "psst"), "scope"), "private");
    ana.line("/msg bia sim?");
    assert_eq!(to_ana.hear(), message(None, "ana", "sim?"));
    let peers = ana.ask("/peers", "peers");
    let seen = row(&peers, "peers", "user", "bia").expect("she is listed");
    assert_eq!((&seen["plaintext"], &seen["linked"]), (&json!(true), &json!(true)));
}

#[test]
fn a_hello_in_a_name_that_is_not_listed_for_that_address_is_refused() {
    let tracker = tracker();
    let ana = open("ana", &tracker);
    let listen = ana.wait_for("ready", |_| true);
    let address = text(&listen, "listen").parse().expect("an address");
    for user in ["ninguém", "ana", "caio"] {
        let mut stranger = Objects::dial(address, user);
        assert_eq!(stranger.read(), None, "{user}");
    }
    // The same name at another address than it is listed for is refused, too: `caio` is there, with papo.
    let _caio = open("caio", &tracker);
    assert_eq!(Objects::dial(address, "caio").read(), None);
    let mut asked = Objects::dial(address, "bia");
    assert_eq!(asked.read(), None);
    ana.wait_for("notice", |event| text(event, "text").contains("does not list that name"));
}

#[test]
fn plain_text_is_refused_by_default_with_a_sentence_that_says_how_to_open_it() {
    let tracker = tracker();
    let mut bia = Older::registered("bia", tracker.address);
    bia.ask_room("CREATE_ROOM", "praça");
    let mut ana = Papo::registered("ana", &tracker);
    for command in ["/join praça", "/create beco --plaintext"] {
        ana.mark();
        ana.line(command);
        assert!(ana.wait_error("plaintext_room").contains("--allow-plaintext"));
    }
    ana.line("/msg bia oi");
    assert!(ana.wait_error("plaintext").contains("--allow-plaintext"));
    ana.unmark();
    let address = text(&ana.wait_for("ready", |_| true), "listen").parse().expect("an address");
    assert_eq!(Objects::dial(address, "bia").read(), None);
}

/// An older peer of lines.
struct Lines(TcpStream);

impl Lines {
    #[track_caller]
    fn dial(papo: &Papo) -> Self {
        let stream = TcpStream::connect(text(&papo.wait_for("ready", |_| true), "listen")).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        Self(stream)
    }

    fn label(&self, name: &str) -> String {
        format!("{name}@{}", self.0.local_addr().expect("an address"))
    }

    #[track_caller]
    fn hear(&mut self) -> String {
        let mut buffer = [0; 1024];
        let count = self.0.read(&mut buffer).expect("something comes in time");
        String::from_utf8(buffer[..count].to_vec()).expect("an old peer dies of half a character")
    }
}

#[test]
fn a_persistent_connection_with_raw_lines_each_way_and_one_text_goes_to_all() {
    let mut ana = Options::new("ana").with(&["--allow-plaintext"]).start();
    let (mut bia, mut silent) = (Lines::dial(&ana), Lines::dial(&ana));
    bia.0.write_all("bia: Olá, ".as_bytes()).expect("it is taken");
    bia.0.write_all("ação\n".as_bytes()).expect("it is taken");
    assert_eq!(text(&hears(&ana, &bia.label("bia"), "Olá, ação"), "scope"), "all");
    // Whoever says nothing hears it too, as soon as it is certain that it is no papo.
    let mut heard = String::new();
    for round in 0.. {
        ana.mark();
        ana.line(&format!("/all oi {round}"));
        ana.wait_for("said", |_| true);
        assert_eq!(bia.hear(), format!("ana: oi {round}\n"));
        silent.0.set_read_timeout(Some(SILENCE)).expect("a timeout");
        let mut buffer = [0; 1024];
        if let Ok(count) = silent.0.read(&mut buffer) {
            heard = String::from_utf8_lossy(&buffer[..count]).into_owned();
            break;
        }
        assert!(round < 100, "it never hears");
    }
    assert!(heard.starts_with("ana: oi "), "{heard}");
    ana.unmark();
    // The name is the connection's, whatever stands in front of a line; and one can talk to it alone.
    bia.0.write_all(b"ana: sou eu\n").expect("it is taken");
    hears(&ana, &bia.label("bia"), "ana: sou eu");
    ana.line(&format!("/msg {} psst", bia.label("bia")));
    assert_eq!(bia.hear(), "ana: psst\n");
    ana.line(&format!("/disconnect {}", bia.label("bia")));
    assert_eq!(bia.hear(), "");
    ana.wait_lost(&bia.label("bia"));
}

#[test]
fn long_texts_reach_a_raw_peer_in_writes_that_keep_characters_whole() {
    let mut ana = Options::new("ana").with(&["--allow-plaintext"]).start();
    let mut bia = Lines::dial(&ana);
    bia.0.write_all(b"bia: oi\n").expect("it is taken");
    hears(&ana, &bia.label("bia"), "oi");
    let long = "日本é".repeat(400);
    ana.line(&format!("/all {long}"));
    let wanted = format!("ana: {long}\n");
    let mut heard = String::new();
    while heard.len() < wanted.len() {
        heard += &bia.hear();
    }
    assert_eq!(heard, wanted);
}

#[test]
fn a_life_with_older_peers_is_recorded_and_replayed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (file, of_tracker) = (directory.path().join("ana"), directory.path().join("tracker"));
    let tracker = Tracker::start_with(&[&"--allow-plaintext", &"--record", &of_tracker]);
    let mut bia = Older::registered("bia", tracker.address);
    bia.ask_room("CREATE_ROOM", "praça");
    let record = file.display().to_string();
    let options = Options::registering("ana", &tracker).with(&["--allow-plaintext", "--record", &record]);
    let mut ana = options.log_in();
    ana.join("praça");
    let mut to_ana = bia.accept();
    to_ana.hear();
    ana.line("/chat #praça");
    ana.line("oi");
    to_ana.hear();
    to_ana.say(&message(Some("praça"), "bia", "olá"));
    hears(&ana, "bia", "olá");
    let mut lines = Lines::dial(&ana);
    lines.0.write_all("caio: Olá\n".as_bytes()).expect("it is taken");
    hears(&ana, &lines.label("caio"), "Olá");
    assert_eq!(ana.quit(), 0);
    assert_eq!(to_ana.read(), None);
    drop(bia);
    drop(tracker);
    replay(&file);
    replay(&of_tracker);
}

#[test]
fn lan_peers_that_call_out_ip_and_port_are_found_and_messages_are_one_connection_each() {
    let Some(networks) = Networks::new(&["left", "right"]) else { return };
    networks.wire(("left", "10.77.1.1/24"), ("right", "10.77.1.2/24"));
    let (listener, beacons) = networks.on("right", || {
        let listener = TcpListener::bind("10.77.1.2:7000").expect("a port");
        let beacons = UdpSocket::bind("0.0.0.0:9090").expect("the port of the beacons");
        beacons.set_broadcast(true).expect("it broadcasts");
        beacons.set_read_timeout(Some(BOUND)).expect("a timeout");
        (listener, beacons)
    });
    let options = Options::new("ana").listen("0.0.0.0:6061").lan(9091).with(&["--allow-plaintext"]);
    let mut ana = options.start_on(&networks, "left");
    // What it calls out is its own interface's address, and not one byte more.
    let mut buffer = [0; 64];
    let (count, from) = beacons.recv_from(&mut buffer).expect("it calls out");
    assert_eq!((&buffer[..count], from.ip().to_string().as_str()), (&b"10.77.1.1:6061"[..], "10.77.1.1"));
    for _ in 0..3 {
        beacons.send_to(b"10.77.1.2:7000", "10.77.1.255:9090").expect("it goes");
        // As often as the other side calls; its own call comes back to it, too.
        while beacons.recv_from(&mut [0; 64]).expect("it calls out again").1.ip() != from.ip() {}
    }
    ana.wait_for("peer", |event| text(event, "what") == "found" && text(event, "user") == "?@10.77.1.2:7000");
    // To all who are there, or to one: connect, raw UTF-8, close.
    for (line, wanted) in [("/all Olá, mundo", "Olá, mundo"), ("/msg 10.77.1.2:7000 só você", "só você")] {
        ana.line(line);
        let (mut stream, _) = listener.accept().expect("it connects");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        let mut heard = String::new();
        stream.read_to_string(&mut heard).expect("text");
        assert_eq!(heard, wanted);
    }
    let say = |bytes: &'static [u8]| {
        let mut stream = networks.on("right", || TcpStream::connect("10.77.1.1:6061").expect("it listens"));
        stream.write_all(bytes).expect("it is taken");
    };
    say("Olá!".as_bytes());
    hears(&ana, "?@10.77.1.2:7000", "Olá!");
    say(b"New peer discovered: ('10.77.1.2', 7000)");
    ana.wait_for("notice", |event| text(event, "code") == "plaintext_notice");
    say(b"FILE foto.png 12");
    ana.wait_for("notice", |event| text(event, "code") == "plaintext_file");
    assert_eq!(ana.quit(), 0);
}

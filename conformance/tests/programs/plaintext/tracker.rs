//! The tracker as the older JSON system's clients know it: section B of the old systems' formats.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use crate::support::{
    older::Older,
    papo::{Options, Papo, row, text},
    tracker::Tracker,
};

/// What is read at once.
const REPLY_BYTES: usize = 4096;

fn start(extra: &[&str]) -> Tracker {
    let options = [&["--allow-plaintext"], extra].concat();
    Tracker::start_with(&options.iter().map(|option| option as &dyn AsRef<std::ffi::OsStr>).collect::<Vec<_>>())
}

fn ok(msg: &str) -> Value {
    json!({ "status": "OK", "msg": msg })
}

fn error(msg: &str) -> Value {
    json!({ "status": "ERROR", "msg": msg })
}

/// A push about a room, which is not to be there any more, or has these people.
#[track_caller]
fn check_update(update: &Value, room: &str, people: Option<[Option<&str>; 3]>) {
    assert_eq!(update["status"], "ROOM_UPDATE", "{update}");
    assert_eq!(update["msg"], format!("A configuração da sala '{room}' foi atualizada."));
    check_room(&update["room"], room, people);
}

#[track_caller]
fn check_room(object: &Value, room: &str, people: Option<[Option<&str>; 3]>) {
    let Some(people) = people else { return assert_eq!(object, &Value::Null) };
    let fields = object.as_object().expect("a room").keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(fields, BTreeSet::from(["name", "peer_one", "peer_owner", "peer_two"]), "no field more");
    let names = ["peer_owner", "peer_one", "peer_two"].map(|place| object[place]["username"].as_str());
    assert_eq!((object["name"].as_str(), names), (Some(room), people), "{object}");
}

#[test]
fn a_name_registered_twice_a_first_registration_valid_and_invalid_login_and_the_record_on_disk() {
    let mut tracker = start(&[]);
    let mut bia = Older::connect("bia", tracker.address);
    assert_eq!(bia.enter("REGISTER"), ok("Usuário registrado com sucesso."));
    let mut again = Older::connect("bia", tracker.address);
    assert_eq!(again.enter("REGISTER"), error("Usuário já existe."));
    assert_eq!(again.enter("LOGIN"), ok("Login realizado com sucesso."), "it stays open after an error");
    assert_eq!(bia.tracker.read(), None, "an account has one session");
    let wrong =
        json!({ "cmd": "LOGIN", "username": "bia", "password": "0".repeat(64), "address": "127.0.0.1", "port": 5000 });
    assert_eq!(Older::connect("bia", tracker.address).ask(&wrong), error("Credenciais inválidas."));
    assert_eq!(Older::connect("caio", tracker.address).enter("LOGIN"), error("Credenciais inválidas."));
    tracker.terminate();
    tracker.restart();
    assert_eq!(Older::connect("bia", tracker.address).enter("LOGIN"), ok("Login realizado com sucesso."));
}

#[test]
fn each_command_is_answered_with_its_sentence() {
    let tracker = start(&[]);
    let mut bia = Older::connect("bia", tracker.address);
    let closed = error("Comando inválido. Faça login ou registre-se primeiro.");
    for cmd in ["LIST_PEERS", "LIST_ROOMS", "CREATE_ROOM", "JOIN_ROOM", "LEAVE_ROOM", "DELETE_ROOM"] {
        assert_eq!(bia.ask(&json!({ "cmd": cmd, "room": "sala", "username": "bia" })), closed, "{cmd}");
    }
    bia.enter("REGISTER");
    let mut ana = Older::registered("ana", tracker.address);
    assert_eq!(bia.ask(&json!({ "cmd": "VOAR" })), error("Comando não suportado."));
    assert_eq!(bia.ask(&json!({})), error("Comando não suportado."));
    for cmd in ["CREATE_ROOM", "JOIN_ROOM", "LEAVE_ROOM"] {
        for object in [json!({ "cmd": cmd, "room": "sala" }), json!({ "cmd": cmd, "username": "bia" })] {
            assert_eq!(bia.ask(&object), error("Parâmetros ausentes."), "{object}");
        }
    }
    assert_eq!(bia.ask(&json!({ "cmd": "DELETE_ROOM", "username": "bia" })), error("Parâmetro 'room' ausente."));
    // The username of a request must be the connection's own.
    let other = |cmd: &str| json!({ "cmd": cmd, "room": "sala", "username": "ana" });
    assert_eq!(bia.ask(&other("CREATE_ROOM")), error("Peer 'ana' não encontrado."));
    assert_eq!(bia.ask(&other("JOIN_ROOM")), error("Peer não encontrado."));
    assert_eq!(bia.ask(&other("LEAVE_ROOM")), error("Peer não encontrado."));

    assert_eq!(bia.ask_room("JOIN_ROOM", "sala"), error("A sala 'sala' não existe."));
    assert_eq!(bia.ask_room("LEAVE_ROOM", "sala"), error("Usuário 'bia' não está na sala 'sala'."));
    assert_eq!(bia.ask_room("DELETE_ROOM", "sala"), error("A sala 'sala' não existe ou não pode ser deletada."));
    assert_eq!(bia.ask_room("CREATE_ROOM", "sala"), ok("Sala 'sala' criada com sucesso."));
    assert_eq!(bia.ask_room("CREATE_ROOM", "sala"), error("A sala 'sala' já existe."));
    let joined = bia.ask_room("JOIN_ROOM", "sala");
    assert_eq!((&joined["status"], &joined["msg"]), (&json!("OK"), &json!("Usuário 'bia' entrou na sala 'sala'.")));
    check_room(&joined["room"], "sala", Some([Some("bia"), None, None]));
    assert_eq!(ana.ask_room("DELETE_ROOM", "sala"), error("A sala 'sala' não existe ou não pode ser deletada."));
    assert_eq!(bia.ask_room("DELETE_ROOM", "sala"), ok("Sala 'sala' deletada com sucesso."));
    assert_eq!(bia.ask(&json!({ "cmd": "LOGOUT", "username": "bia" })), json!({ "status": "OK" }));
    assert_eq!(bia.tracker.read(), None, "and it closes");
}

#[test]
fn lists_have_the_fields_of_that_system_and_show_who_is_connected() {
    let tracker = start(&[]);
    let mut bia = Older::registered("bia", tracker.address);
    let mut caio = Older::registered("caio", tracker.address);
    bia.ask_room("CREATE_ROOM", "sala");
    let peers = caio.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!((&peers["status"], peers.get("msg")), (&json!("OK"), None));
    let seen = &peers["peers"]["bia"];
    let last_ping = text(seen, "last_ping");
    assert!(last_ping.starts_with("20") && last_ping.contains('T') && last_ping.ends_with("+00:00"), "{last_ping}");
    let expected = json!({
        "username": "bia", "address": "127.0.0.1", "port": bia.listen.port(), "connected": true,
        "last_ping": last_ping, "room": "sala",
    });
    assert_eq!(seen, &expected);
    assert_eq!(peers["peers"]["caio"]["room"], Value::Null);
    let rooms = caio.ask(&json!({ "cmd": "LIST_ROOMS" }));
    assert_eq!((&rooms["status"], rooms.get("msg")), (&json!("OK"), None));
    check_room(&rooms["rooms"]["sala"], "sala", Some([Some("bia"), None, None]));
    let owner = rooms["rooms"]["sala"]["peer_owner"].as_object().expect("a peer");
    let fields = owner.keys().map(String::as_str).collect::<BTreeSet<_>>();
    assert_eq!(fields, BTreeSet::from(["address", "connected", "last_ping", "port", "username"]));
    drop(bia);
    assert_eq!(
        caio.ask_until(&json!({ "cmd": "LIST_PEERS" }), |peers| peers["peers"].get("bia").is_none())["status"],
        "OK"
    );
    assert_eq!(caio.ask(&json!({ "cmd": "LIST_ROOMS" }))["rooms"], json!({}), "its last one is out");
}

#[test]
fn every_other_participant_is_told_of_joins_leaves_closes_and_deletions() {
    let tracker = start(&[]);
    let [mut bia, mut caio, mut dora, mut eva] =
        ["bia", "caio", "dora", "eva"].map(|user| Older::registered(user, tracker.address));
    bia.ask_room("CREATE_ROOM", "sala");
    caio.ask_room("JOIN_ROOM", "sala");
    check_update(&bia.tracker.hear(), "sala", Some([Some("bia"), Some("caio"), None]));
    dora.ask_room("JOIN_ROOM", "sala");
    for other in [&mut bia, &mut caio] {
        check_update(&other.tracker.hear(), "sala", Some([Some("bia"), Some("caio"), Some("dora")]));
    }
    assert_eq!(eva.ask_room("JOIN_ROOM", "sala"), error("A sala 'sala' não existe ou está cheia."), "three at most");
    assert_eq!(caio.ask_room("LEAVE_ROOM", "sala"), ok("Usuário 'caio' saiu da sala 'sala'."));
    for other in [&mut bia, &mut dora] {
        check_update(&other.tracker.hear(), "sala", Some([Some("bia"), Some("dora"), None]));
    }
    caio.ask_room("JOIN_ROOM", "sala");
    bia.tracker.hear();
    dora.tracker.hear();
    // A connection that closes counts as gone at once, and the room passes on.
    drop(bia);
    for other in [&mut caio, &mut dora] {
        check_update(&other.tracker.hear(), "sala", Some([Some("dora"), Some("caio"), None]));
    }
    assert_eq!(dora.ask_room("DELETE_ROOM", "sala"), ok("Sala 'sala' deletada com sucesso."));
    check_update(&caio.tracker.hear(), "sala", None);
    assert!(eva.tracker.hears_nothing_for(Duration::from_millis(200)), "nothing is pushed to whoever is in no room");
}

/// What is said in one connection, however its bytes are cut.
fn conversation() -> (Vec<String>, Vec<&'static str>) {
    let object = |cmd: &str| json!({ "cmd": cmd, "room": "praça", "username": "bia" }).to_string();
    let said = vec![object("CREATE_ROOM"), object("LEAVE_ROOM"), object("CREATE_ROOM"), object("DELETE_ROOM")];
    let heard = vec![
        "Sala 'praça' criada com sucesso.",
        "Usuário 'bia' saiu da sala 'praça'.",
        "Sala 'praça' criada com sucesso.",
        "Sala 'praça' deletada com sucesso.",
    ];
    (said, heard)
}

#[test]
fn requests_are_understood_split_at_every_byte_and_glued_in_every_way() {
    let tracker = start(&[]);
    let mut bia = Older::registered("bia", tracker.address);
    let (said, heard) = conversation();
    // Glued in every way: each subset of the places between two objects.
    for glue in 0..1_u8 << (said.len() - 1) {
        let mut writes = vec![said[0].clone()];
        for (place, object) in said[1..].iter().enumerate() {
            if glue & 1 << place == 0 {
                writes.push(object.clone());
            } else {
                let last = writes.last_mut().expect("there is one");
                *last += ["", "\n", " \r\n\t"][usize::from(glue) % 3];
                *last += object;
            }
        }
        let mut answers = heard.iter();
        for write in writes {
            bia.tracker.say_bytes(write.as_bytes());
            for _ in 0..write.matches("cmd").count() {
                let answer = bia.tracker.hear();
                assert_eq!(Some(&text(&answer, "msg")), answers.next(), "{glue:b}");
            }
        }
    }
    // Split at every byte: two writes, whatever the network makes of them.
    let object = said[0].replace("CREATE_ROOM", "VOAR");
    for cut in 1..object.len() {
        bia.tracker.say_bytes(&object.as_bytes()[..cut]);
        bia.tracker.say_bytes(&object.as_bytes()[cut..]);
        assert_eq!(bia.tracker.hear(), error("Comando não suportado."), "cut at {cut}");
    }
    // Byte by byte.
    for byte in object.bytes() {
        bia.tracker.say_bytes(&[byte]);
    }
    assert_eq!(bia.tracker.hear(), error("Comando não suportado."));
    // What is no JSON is told so, and ends it.
    bia.tracker.say_bytes(b"{]");
    assert_eq!(bia.tracker.hear()["status"], "ERROR");
    assert_eq!(bia.tracker.read(), None);
}

#[test]
fn eight_old_clients_at_once_each_hear_everything_that_is_theirs_one_object_a_read() {
    let tracker = start(&[]);
    let address = tracker.address;
    let clients = (0..8).map(|number| {
        std::thread::spawn(move || {
            let mut client = Older::registered(&format!("user{number}"), address);
            let (room, user) = (format!("sala{number}"), format!("user{number}"));
            for _ in 0..5 {
                assert_eq!(client.ask_room("CREATE_ROOM", &room), ok(&format!("Sala '{room}' criada com sucesso.")));
                let peers = client.ask(&json!({ "cmd": "LIST_PEERS" }));
                assert_eq!(peers["peers"][&user]["room"], json!(room));
                let left = format!("Usuário '{user}' saiu da sala '{room}'.");
                assert_eq!(client.ask_room("LEAVE_ROOM", &room), ok(&left));
            }
            client
        })
    });
    let clients = clients.collect::<Vec<_>>();
    let mut clients = clients.into_iter().map(|client| client.join().expect("it lives")).collect::<Vec<_>>();
    // All of them in three rooms, in turn: each of the others hears of it, as soon as it happens.
    for number in 0..clients.len() {
        let cmd = if number < 3 { "CREATE_ROOM" } else { "JOIN_ROOM" };
        let reply = clients[number].ask_room(cmd, &format!("sala{}", number % 3));
        assert_eq!(reply["status"], "OK", "{reply}");
        for there in (number % 3..number).step_by(3) {
            assert_eq!(clients[there].tracker.hear()["status"], "ROOM_UPDATE");
        }
    }
}

#[test]
fn a_list_that_would_pass_4096_bytes_is_cut_at_whole_entries_with_one_s_own_first() {
    let tracker = start(&[]);
    let mut bia = Older::registered("bia", tracker.address);
    let mut caio = Older::registered("caio", tracker.address);
    caio.ask_room("CREATE_ROOM", "minha");
    for number in 0..60 {
        bia.ask_room("CREATE_ROOM", &format!("sala{number:02}"));
    }
    for (client, own) in [(&mut caio, "minha"), (&mut bia, "sala59")] {
        let rooms = client.ask(&json!({ "cmd": "LIST_ROOMS" }));
        let listed = rooms["rooms"].as_object().expect("rooms");
        assert!(rooms.to_string().len() <= REPLY_BYTES && listed.len() > 5 && listed.len() < 61, "{}", listed.len());
        assert!(listed.contains_key(own), "{listed:?}");
        for (name, room) in listed {
            assert_eq!(room["name"].as_str(), Some(name.as_str()), "a whole one");
        }
    }
}

#[test]
fn the_tracker_dials_back_and_whoever_does_not_answer_is_out_until_it_does() {
    let tracker = start(&["--ping-interval", "1"]);
    let mut bia = Older::registered("bia", tracker.address);
    let mut caio = Older::registered("caio", tracker.address);
    bia.ask_room("CREATE_ROOM", "sala");
    caio.ask_room("JOIN_ROOM", "sala");
    check_update(&bia.tracker.hear(), "sala", Some([Some("bia"), Some("caio"), None]));
    let pong = |client: &Older| {
        let mut probe = client.accept();
        assert_eq!(probe.hear(), json!({ "cmd": "PING" }));
        probe.say(&json!({ "cmd": "PONG" }));
    };
    pong(&bia);
    pong(&caio);
    // One that is asked and says nothing for 3 s is out.
    let silent = caio.accept();
    while bia.tracker.hears_nothing_for(Duration::from_millis(1)) {
        if let Some(mut probe) = bia.try_accept(Duration::from_millis(100)) {
            assert_eq!(probe.hear(), json!({ "cmd": "PING" }));
            probe.say(&json!({ "cmd": "PONG" }));
        }
    }
    check_update(&bia.tracker.hear(), "sala", Some([Some("bia"), None, None]));
    drop(silent);
    let peers = bia.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!((peers["peers"].get("caio"), peers["peers"]["bia"]["connected"].as_bool()), (None, Some(true)));
    // It answers again, and is connected again; its connection stood all the while.
    pong(&caio);
    let is_back = |peers: &Value| peers["peers"]["caio"]["connected"] == true;
    let own = caio.ask_until(&json!({ "cmd": "LIST_PEERS" }), is_back);
    assert_eq!(own["peers"]["caio"]["room"], Value::Null, "out of its rooms");
}

#[test]
fn old_clients_and_papos_see_each_other_in_lists_and_an_account_with_a_key_is_closed_until_it_is_opened() {
    let tracker = start(&[]);
    let mut ana = Papo::registered("ana", &tracker);
    ana.create("segredo");
    let mut bia = Older::registered("bia", tracker.address);
    let peers = bia.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!((&peers["peers"]["ana"]["connected"], &peers["peers"]["ana"]["room"]), (&json!(true), &Value::Null));
    assert!(row(&ana.ask("/peers", "peers"), "peers", "user", "bia").is_some_and(|bia| bia["plaintext"] == true));
    // A room that was not made as a plaintext one is not there for old clients.
    assert_eq!(bia.ask(&json!({ "cmd": "LIST_ROOMS" }))["rooms"], json!({}));
    assert_eq!(bia.ask_room("JOIN_ROOM", "segredo"), error("A sala 'segredo' não existe."));
    assert_eq!(bia.ask_room("CREATE_ROOM", "segredo"), error("A sala 'segredo' já existe."));

    // The same password in both forms, one verifier.
    let mut open = Options::new("dora").tracker(&tracker.spec()).register("segredo").log_in();
    let mut dora = Older::connect("dora", tracker.address);
    assert_eq!(dora.enter("LOGIN"), error("Credenciais inválidas."), "she has a key");
    open.line("/plaintext on");
    // It is done before the next request of hers is answered.
    open.ask("/whois dora", "whois");
    assert_eq!(dora.enter("LOGIN"), ok("Login realizado com sucesso."));
    open.wait_for("notice", |event| text(event, "code") == "replaced");
}

#[test]
fn without_allow_plaintext_an_old_client_is_told_how_it_would_be_opened() {
    let tracker = Tracker::start();
    let mut bia = Older::connect("bia", tracker.address);
    let refused = bia.enter("REGISTER");
    assert_eq!(refused["status"], "ERROR");
    assert!(text(&refused, "msg").contains("--allow-plaintext"), "{refused}");
    assert_eq!(bia.tracker.read(), None);
}

//! Clients that speak JSON objects: what they ask, what they are answered, and when.

use super::*;
use crate::plaintext::{json::REPLY_BYTES_MAX, paced::PAUSE};

/// A tracker at which old clients may come.
pub(super) fn plain_world() -> World {
    plain_world_of(|_| {})
}

pub(super) fn plain_world_of(change: impl FnOnce(&mut Start)) -> World {
    let mut start = Start { allow_plaintext: true, ..start(vec!["127.0.0.1:0".parse().expect("an address")]) };
    change(&mut start);
    World::of(start, Vec::new())
}

/// SHA-256 of a password, as an old client sends it.
pub(super) fn hash(password: &str) -> String {
    crate::hex::encode(&PasswordHash::of(password).0)
}

/// A request with name, password and address.
pub(super) fn account(cmd: &str, who: &str, password: &str, port: u16) -> String {
    let password = hash(password);
    format!(r#"{{"cmd":"{cmd}","username":"{who}","password":"{password}","address":"10.0.0.9","port":{port}}}"#)
}

/// A request about a room.
pub(super) fn place(cmd: &str, room: &str, who: &str) -> String {
    format!(r#"{{"cmd":"{cmd}","room":"{room}","username":"{who}"}}"#)
}

pub(super) fn msg(status: &str, sentence: &str) -> String {
    format!(r#"{{"status":"{status}","msg":"{sentence}"}}"#)
}

impl World {
    /// Opens a connection of an old client.
    pub(super) fn open_plain(&mut self, remote: &str) -> ConnId {
        let conn = self.open(remote);
        self.client(conn).plain = Some(Vec::new());
        conn
    }

    /// An old client of `who`, registered from a host of its own.
    pub(super) fn register_plain(&mut self, who: &str, host: u8) -> ConnId {
        let conn = self.open_plain(&format!("10.0.0.{host}:4000"));
        let told = self.ask_plain(conn, &account("REGISTER", who, "pw", 5000));
        assert_eq!(told, [msg("OK", "Usuário registrado com sucesso.")]);
        conn
    }

    /// What was written to an old client since the last look, write for write.
    pub(super) fn heard(&mut self, conn: ConnId) -> Vec<String> {
        let writes = self.client(conn).plain.as_mut().expect("it speaks plain text");
        writes.drain(..).map(|(_, text)| text).collect()
    }

    /// Says something in plain text, and waits for the pauses.
    pub(super) fn ask_plain(&mut self, conn: ConnId, request: &str) -> Vec<String> {
        self.bytes(conn, request.as_bytes());
        self.pass(500);
        self.heard(conn)
    }
}

fn error(sentence: &str) -> [String; 1] {
    [msg("ERROR", sentence)]
}

fn ok(sentence: &str) -> [String; 1] {
    [msg("OK", sentence)]
}

const FIRST: &str = "Comando inválido. Faça login ou registre-se primeiro.";

#[test]
fn plain_text_is_refused_with_a_sentence_unless_it_is_allowed() {
    let mut world = World::new();
    let ana = world.open_plain("10.0.0.1:4000");
    world.bytes(ana, b"{");
    let [told] = &world.heard(ana)[..] else { panic!("one object") };
    assert!(told.starts_with(r#"{"status":"ERROR","msg":""#) && told.contains("--allow-plaintext"), "{told}");
    assert_eq!((world.closed(ana), world.faults()), (Some(CloseHow::Flush), vec![Fault::Plaintext]));
    for line in ["REGISTER 10.0.0.1 5000 ana", "PING", "LIST"] {
        let bia = world.open_plain("10.0.0.1:4000");
        world.bytes(bia, line.as_bytes());
        assert_eq!((world.heard(bia), world.closed(bia)), (vec![], Some(CloseHow::Abort)));
        assert_eq!(world.faults(), [Fault::Plaintext]);
    }
    let space = world.open_plain("10.0.0.1:4000");
    world.bytes(space, b" ");
    assert_eq!(world.faults(), [Fault::NotPapo]);
    assert_eq!(world.tracker.counters().of(Fault::Plaintext), 4);
}

#[test]
fn an_account_is_made_once_and_logs_in() {
    let mut world = plain_world();
    let ana = world.open_plain("10.0.0.1:4000");
    assert_eq!(world.ask_plain(ana, &account("REGISTER", "ana", "pw", 5000)), ok("Usuário registrado com sucesso."));
    assert_eq!(world.ask_plain(ana, &account("REGISTER", "ana", "pw", 5000)), error("Usuário já existe."));
    // It is logged in by that, and still is.
    assert_eq!(world.ask_plain(ana, &place("CREATE_ROOM", "sala", "ana")), ok("Sala 'sala' criada com sucesso."));
    let bia = world.open_plain("10.0.0.2:4000");
    for (request, told) in [
        (account("REGISTER", "Ana", "pw", 5000), error("Usuário já existe.")),
        (account("LOGIN", "ana", "wrong", 5000), error("Credenciais inválidas.")),
        (account("LOGIN", "nobody", "pw", 5000), error("Credenciais inválidas.")),
        (r#"{"cmd":"LOGIN"}"#.to_owned(), error("Credenciais inválidas.")),
        (r#"{"cmd":"REGISTER","username":"bia"}"#.to_owned(), error("Parâmetros ausentes.")),
        (account("REGISTER", "b b", "pw", 5000), error("Nome inválido.")),
        (
            r#"{"cmd":"REGISTER","username":"bia","password":"pw"}"#.to_owned(),
            error("Senha inválida: espera-se o SHA-256 em hexadecimal."),
        ),
    ] {
        world.pass(20_000);
        assert_eq!(world.ask_plain(bia, &request), told, "{request}");
    }
    world.pass(20_000);
    assert_eq!(world.ask_plain(bia, &account("LOGIN", "ana", "pw", 5000)), ok("Login realizado com sucesso."));
    assert_eq!(world.closed(ana), Some(CloseHow::Flush), "the later login replaces the earlier one");
    assert_eq!((world.closed(bia), world.tracker.directory().accounts_len()), (None, 1));
    world.check_log();
}

#[test]
fn only_who_is_logged_in_may_ask_and_only_for_itself() {
    let mut world = plain_world();
    let ana = world.open_plain("10.0.0.1:4000");
    for request in ["LIST_PEERS", "LIST_ROOMS", "CREATE_ROOM", "JOIN_ROOM", "LEAVE_ROOM", "DELETE_ROOM", "LOGOUT", "X"]
    {
        assert_eq!(world.ask_plain(ana, &place(request, "sala", "ana")), error(FIRST), "{request}");
    }
    assert_eq!(world.ask_plain(ana, "{}"), error(FIRST));
    assert_eq!(world.ask_plain(ana, &account("REGISTER", "ana", "pw", 5000)), ok("Usuário registrado com sucesso."));
    world.register_plain("bia", 2);
    for (request, told) in [
        (place("DANCE", "sala", "ana"), "Comando não suportado."),
        (place("CREATE_ROOM", "sala", "bia"), "Peer 'bia' não encontrado."),
        (r#"{"cmd":"CREATE_ROOM","room":"sala"}"#.to_owned(), "Parâmetros ausentes."),
        (r#"{"cmd":"CREATE_ROOM","username":"ana"}"#.to_owned(), "Parâmetros ausentes."),
        (place("CREATE_ROOM", "a b", "ana"), "Nome inválido."),
        (place("JOIN_ROOM", "sala", "bia"), "Peer não encontrado."),
        (r#"{"cmd":"JOIN_ROOM","room":"sala"}"#.to_owned(), "Parâmetros ausentes."),
        (place("JOIN_ROOM", "sala", "ana"), "A sala 'sala' não existe."),
        (place("LEAVE_ROOM", "sala", "bia"), "Peer não encontrado."),
        (r#"{"cmd":"LEAVE_ROOM","username":"ana"}"#.to_owned(), "Parâmetros ausentes."),
        (place("LEAVE_ROOM", "sala", "ana"), "Usuário 'ana' não está na sala 'sala'."),
        (r#"{"cmd":"DELETE_ROOM","username":"ana"}"#.to_owned(), "Parâmetro 'room' ausente."),
        (place("DELETE_ROOM", "sala", "ana"), "A sala 'sala' não existe ou não pode ser deletada."),
        (r#"{"cmd":"LOGOUT","username":"bia"}"#.to_owned(), "Peer não encontrado."),
    ] {
        assert_eq!(world.ask_plain(ana, &request), error(told), "{request}");
    }
    assert_eq!(world.closed(ana), None, "an error ends nothing");
    assert_eq!(world.ask_plain(ana, r#"{"cmd":"LOGOUT","username":"ana"}"#), [r#"{"status":"OK"}"#]);
    assert_eq!(world.closed(ana), Some(CloseHow::Flush));
}

#[test]
fn requests_are_the_same_however_they_are_split_and_glued() {
    let glued = [account("REGISTER", "ana", "pw", 5000), place("CREATE_ROOM", "sala", "ana"), "{}".to_owned()];
    let told = [
        msg("OK", "Usuário registrado com sucesso."),
        msg("OK", "Sala 'sala' criada com sucesso."),
        msg("ERROR", "Comando não suportado."),
    ];
    let bytes = glued.join("\n");
    for cut in 1..bytes.len() {
        let mut world = plain_world();
        let ana = world.open_plain("10.0.0.1:4000");
        let (first, second) = bytes.as_bytes().split_at(cut);
        world.bytes(ana, first);
        world.bytes(ana, second);
        world.pass(1_000);
        assert_eq!(world.heard(ana), told, "split at {cut}");
    }
    let mut world = plain_world();
    let ana = world.open_plain("10.0.0.1:4000");
    for byte in bytes.as_bytes().chunks(1) {
        world.bytes(ana, byte);
        world.pass(5);
    }
    world.pass(1_000);
    assert_eq!(world.heard(ana), told);
}

#[test]
fn nothing_reaches_a_client_glued_together() {
    let mut world = plain_world();
    let [ana, bia] = [("ana", 1), ("bia", 2)].map(|(who, host)| world.register_plain(who, host));
    world.ask_plain(ana, &place("CREATE_ROOM", "sala", "ana"));
    // Three questions at once, and pushes between them.
    world.bytes(ana, r#"{"cmd":"LIST_ROOMS"}{"cmd":"LIST_PEERS"}{"cmd":"LIST_ROOMS"}"#.as_bytes());
    for _ in 0..3 {
        world.bytes(bia, place("JOIN_ROOM", "sala", "bia").as_bytes());
        world.bytes(bia, place("LEAVE_ROOM", "sala", "bia").as_bytes());
    }
    world.pass(5_000);
    for (conn, count) in [(ana, 9), (bia, 6)] {
        let writes = std::mem::take(world.client(conn).plain.as_mut().expect("it speaks plain text"));
        assert_eq!(writes.len(), count);
        for (_, text) in &writes {
            serde_json::from_str::<serde_json::Value>(text).expect("one object");
        }
        // She asked each time after what she was told; to him nothing comes near anything else.
        assert!(conn == bia || writes.windows(2).all(|two| two[1].0 - two[0].0 >= PAUSE));
    }
    // Who asks after each answer does not wait.
    for _ in 0..3 {
        world.bytes(bia, br#"{"cmd":"LIST_PEERS"}"#);
        assert_eq!(world.heard(bia).len(), 1);
    }
}

#[test]
fn a_client_that_asks_too_much_at_once_is_read_more_slowly() {
    let mut world = plain_world();
    let ana = world.register_plain("ana", 1);
    let max = Limits::DEFAULT.requests_waiting_max;
    world.bytes(ana, br#"{"cmd":"LIST_PEERS"}"#.repeat(2 * max).as_slice());
    assert!(!world.client(ana).reading, "so much waits already");
    world.pass(60_000);
    assert!(world.client(ana).reading);
    assert_eq!(world.heard(ana).len(), 2 * max);
}

#[test]
fn nonsense_is_answered_and_ends_the_connection() {
    for (bytes, fault) in [
        (&b"{nonsense}"[..], Fault::Malformed),
        (b"  [1]", Fault::NotPapo),
        (&[b' '].repeat(9), Fault::Malformed),
        (&[&b"{\"cmd\":\""[..], &[b'x'; 5_000]].concat(), Fault::FrameTooLong),
    ] {
        let mut world = plain_world();
        let ana = world.open_plain("10.0.0.1:4000");
        world.bytes(ana, bytes);
        if fault == Fault::Malformed && bytes[0] == b' ' {
            world.bytes(ana, b"x");
        }
        assert_eq!(world.faults(), [fault], "{bytes:?}");
        let told = if fault == Fault::NotPapo { vec![] } else { error("Comando não suportado.").to_vec() };
        assert_eq!(world.heard(ana), told);
        assert!(world.closed(ana).is_some());
    }
    let mut world = plain_world();
    let (ana, bia) = (world.register_plain("ana", 1), world.register("bia", 2));
    world.ask(bia, &ToTracker::Create { request: 1, name: name("sala"), capacity: 9, nonce: [0; 16], flags: 1 });
    world.ask_plain(ana, &place("JOIN_ROOM", "sala", "ana"));
    world.show(bia);
    world.bytes(ana, b"}");
    assert_eq!(
        (world.heard(ana), world.closed(ana)),
        (error("Comando não suportado.").to_vec(), Some(CloseHow::Flush))
    );
    assert_eq!(world.show(bia), ["Left ana @3"], "whoever is let go is out of its rooms");
}

#[test]
fn silent_connections_stay_and_the_oldest_gives_way() {
    let mut world = plain_world_of(|start| start.limits.plaintext_idle_max = 3);
    let silent = [1, 2, 3].map(|host| world.open_plain(&format!("10.0.0.{host}:4000")));
    world.pass(3_600_000);
    assert_eq!((silent.map(|conn| world.closed(conn)), world.faults()), ([None; 3], vec![]));
    // One that logs in counts no more, and comes back to count when it is not logged in.
    world.ask_plain(silent[0], &account("REGISTER", "ana", "pw", 5000));
    world.open_plain("10.0.0.4:4000");
    assert_eq!(world.faults(), []);
    world.open_plain("10.0.0.5:4000");
    assert_eq!((world.faults(), world.closed(silent[1])), (vec![Fault::TooManyConnections], Some(CloseHow::Abort)));
    // A first byte of papo's own protocol wants the rest as soon as ever.
    let native = world.open("10.0.0.6:4000");
    world.bytes(native, b"p");
    world.faults();
    world.pass(Limits::DEFAULT.handshake_ms_max);
    assert_eq!((world.faults(), world.closed(native)), (vec![Fault::HandshakeTimeout], Some(CloseHow::Abort)));
    // And so does the first byte of an object.
    let dawdler = world.open_plain("10.0.0.7:4000");
    world.bytes(dawdler, b"{");
    world.faults();
    world.pass(Limits::DEFAULT.frame_ms_max);
    assert_eq!(world.faults(), [Fault::FrameTimeout]);
}

#[test]
fn an_account_with_a_key_is_closed_to_plain_text_unless_it_is_opened() {
    let mut world = plain_world();
    let ana = world.register("ana", 1);
    let old = world.open_plain("10.0.0.2:4000");
    let login = account("LOGIN", "ana", "pw ana", 5000);
    assert_eq!(world.ask_plain(old, &login), error("Credenciais inválidas."));
    assert_eq!(world.ask(ana, &ToTracker::SetPlaintext { request: 2, open: true }), ["Done 2"]);
    world.pass(20_000);
    assert_eq!(world.ask_plain(old, &login), ok("Login realizado com sucesso."));
    assert_eq!(world.show(ana).last().map(String::as_str), Some("Bye Replaced"));
    let account = world.tracker.directory().account(&name("ana")).expect("it is there");
    assert_eq!(account.key, Some(key(1)), "its key stays");
    // A native login by password ties a key to an account that had none.
    let bia = world.register_plain("bia", 3);
    let native = world.connect("10.0.0.4:4000", 4);
    world.send(native, &login_pw("bia"));
    assert!(world.show(native).first().is_some_and(|told| told.starts_with("Welcome")));
    assert_eq!(world.closed(bia), Some(CloseHow::Flush));
    let again = world.open_plain("10.0.0.3:4000");
    assert_eq!(
        world.ask_plain(again, &super::plaintext::account("LOGIN", "bia", "pw", 5000)),
        error("Credenciais inválidas.")
    );
}

fn login_pw(who: &str) -> ToTracker {
    login(1, who, "pw")
}

#[test]
fn nothing_is_said_of_what_is_not_kept() {
    let mut world = plain_world();
    world.commits_at_once = false;
    let ana = world.open_plain("10.0.0.1:4000");
    assert_eq!(world.ask_plain(ana, &account("REGISTER", "ana", "pw", 5000)), [""; 0]);
    world.bytes(ana, place("CREATE_ROOM", "sala", "ana").as_bytes());
    world.bytes(ana, br#"{"cmd":"LIST_ROOMS"}"#);
    assert_eq!(world.heard(ana), [""; 0]);
    world.commit();
    world.pass(1_000);
    assert_eq!(world.heard(ana).len(), 3);
    world.check_log();
}

#[test]
fn registration_may_be_closed_or_want_a_token() {
    let mut world = plain_world_of(|start| start.registration = Registration::Closed);
    let ana = world.open_plain("10.0.0.1:4000");
    let told = world.ask_plain(ana, &account("REGISTER", "ana", "pw", 5000));
    assert_eq!(told, error("O registro de usuários está fechado neste tracker."));
    let mut world = plain_world_of(|start| start.registration = Registration::Token("abre".to_owned()));
    let ana = world.open_plain("10.0.0.1:4000");
    let request = account("REGISTER", "ana", "pw", 5000);
    let told = world.ask_plain(ana, &request);
    assert_eq!(told, error("O registro de usuários pede um token válido neste tracker."));
    world.pass(20_000);
    let with_token = request.replace("\"cmd\"", "\"token\":\"abre\",\"cmd\"");
    assert_eq!(world.ask_plain(ana, &with_token), ok("Usuário registrado com sucesso."));
}

#[test]
fn eight_old_clients_register_at_once() {
    let mut world = plain_world();
    world.checks_at_once = false;
    let conns = [1, 2, 3, 4, 5, 6, 7, 8].map(|host| world.open_plain(&format!("10.0.0.{host}:4000")));
    for (number, &conn) in conns.iter().enumerate() {
        world.bytes(conn, account("REGISTER", &format!("user{number}"), "pw", 5000).as_bytes());
    }
    while !world.checks.is_empty() {
        world.check();
    }
    for conn in conns {
        assert_eq!(world.heard(conn), ok("Usuário registrado com sucesso."));
    }
    let [told] = &world.ask_plain(conns[7], r#"{"cmd":"LIST_PEERS"}"#)[..] else { panic!("one object") };
    let listed: serde_json::Value = serde_json::from_str(told).expect("an object");
    assert_eq!(listed["peers"].as_object().map(serde_json::Map::len), Some(8));
}

#[test]
fn lists_are_cut_at_whole_entries_and_begin_with_one_s_own_room() {
    let mut world = plain_world();
    let conns = (1..=60).map(|host| world.register_plain(&format!("user{host:02}"), host)).collect::<Vec<_>>();
    for (number, &conn) in conns.iter().enumerate().take(30) {
        let who = format!("user{:02}", number + 1);
        world.ask_plain(conn, &place("CREATE_ROOM", &format!("sala{number:02}"), &who));
    }
    world.ask_plain(conns[1], &place("JOIN_ROOM", "sala00", "user02"));
    world.heard(conns[0]);
    let listed = |world: &mut World, kind: &str| {
        let told = world.ask_plain(conns[0], &format!(r#"{{"cmd":"LIST_{}"}}"#, kind.to_uppercase()));
        let [told] = &told[..] else { panic!("one object") };
        assert!(told.len() <= REPLY_BYTES_MAX && told.len() > REPLY_BYTES_MAX - 400, "{}", told.len());
        let value: serde_json::Value = serde_json::from_str(told).expect("an object");
        assert_eq!((&value["status"], value.get("msg")), (&"OK".into(), None));
        value[kind].as_object().expect("a list").keys().cloned().collect::<Vec<_>>()
    };
    let peers = listed(&mut world, "peers");
    // Those who made rooms were seen last.
    assert!(["user01", "user02", "user30", "user29"].iter().all(|who| peers.contains(&(*who).to_owned())), "{peers:?}");
    assert!(!peers.contains(&"user03".to_owned()));
    let rooms = listed(&mut world, "rooms");
    assert!(["sala00", "sala29", "sala28"].iter().all(|room| rooms.contains(&(*room).to_owned())), "{rooms:?}");
    assert!(!rooms.contains(&"sala02".to_owned()));
}

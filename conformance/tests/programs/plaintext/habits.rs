//! What old clients do that nobody planned for: asking while others come and go, saying nothing, talking nonsense,
//! closing too soon, and coming back after the tracker did.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    thread,
    time::{Duration, Instant},
};

use papo_proto::error::Fault;
use serde_json::{Value, json};

use crate::support::{BOUND, older::Older, recording::replay, tracker::Tracker};

#[track_caller]
fn open(extra: &[&str]) -> Tracker {
    let options = [&["--allow-plaintext"], extra].concat();
    let options = options.iter().map(|option| option as &dyn AsRef<std::ffi::OsStr>).collect::<Vec<_>>();
    Tracker::start_with(&options)
}

fn error(msg: &str) -> Value {
    json!({ "status": "ERROR", "msg": msg })
}

/// Who is in a room, owner first; `-` for null.
fn people(room: &Value) -> String {
    let slots = ["peer_owner", "peer_one", "peer_two"];
    let fields = room.as_object().expect("a room").keys().map(String::as_str).collect::<Vec<_>>();
    let mut known = [&["name"][..], &slots].concat();
    known.sort_unstable();
    assert_eq!(fields, known, "no further field");
    slots.map(|slot| room[slot]["username"].as_str().unwrap_or("-")).join(" ")
}

#[track_caller]
fn is_updated(older: &mut Older, room: &str, wanted: &str) {
    let push = older.tracker.hear();
    let msg = format!("A configuração da sala '{room}' foi atualizada.");
    assert_eq!((&push["status"], &push["msg"]), (&json!("ROOM_UPDATE"), &json!(msg)));
    assert_eq!(people(&push["room"]), wanted);
}

#[test]
fn no_push_stands_near_an_answer() {
    let tracker = open(&[]);
    let [mut ana, bia] = ["ana", "bia"].map(|user| Older::registered(user, tracker.address));
    ana.ask_room("CREATE_ROOM", "sala");
    // Someone comes and goes as quickly as may be, while she asks.
    let coming = thread::spawn(move || {
        let mut bia = bia;
        for _ in 0..10 {
            bia.ask_room("JOIN_ROOM", "sala");
            bia.ask_room("LEAVE_ROOM", "sala");
        }
    });
    let (mut pushes, mut answers) = (0, 0);
    while pushes < 20 {
        if answers < 20 {
            ana.tracker.say(&json!({ "cmd": "LIST_ROOMS" }));
        }
        // Each read is one object, or the client would have died.
        match ana.tracker.hear()["status"].as_str().expect("a status") {
            "ROOM_UPDATE" => pushes += 1,
            _ => answers += 1,
        }
    }
    coming.join().expect("he came and went");
}

#[test]
fn after_a_restart_whoever_is_not_there_is_null_and_gives_way() {
    let mut tracker = open(&[]);
    let mut three = ["ana", "bia", "caio"].map(|user| Older::registered(user, tracker.address));
    three[0].ask_room("CREATE_ROOM", "sala");
    three[1].ask_room("JOIN_ROOM", "sala");
    assert_eq!(people(&three[2].ask_room("JOIN_ROOM", "sala")["room"]), "ana bia caio");
    tracker.process.kill();
    tracker.restart();
    let mut ana = Older::connect("ana", tracker.address);
    assert_eq!(ana.enter("LOGIN")["msg"], "Login realizado com sucesso.");
    let rooms = ana.ask(&json!({ "cmd": "LIST_ROOMS" }));
    assert_eq!(people(&rooms["rooms"]["sala"]), "ana - -");
    let mut duda = Older::registered("duda", tracker.address);
    assert_eq!(people(&duda.ask_room("JOIN_ROOM", "sala")["room"]), "ana - duda");
    is_updated(&mut ana, "sala", "ana - duda");
}

#[test]
fn nonsense_is_answered_and_ends_that_connection_alone() {
    let tracker = open(&[]);
    let mut ana = Older::registered("ana", tracker.address);
    for (nonsense, fault) in
        [("{nonsense}", Fault::Malformed), ("  [1, 2]", Fault::NotPapo), ("GET / HTTP/1.1\r\n", Fault::NotPapo)]
    {
        let mut stream = TcpStream::connect(tracker.address).expect("it listens");
        stream.set_read_timeout(Some(BOUND)).expect("a timeout");
        stream.write_all(nonsense.as_bytes()).expect("it is taken");
        let mut all = Vec::new();
        let ended = stream.read_to_end(&mut all);
        assert!(ended.is_ok() || all.is_empty(), "{nonsense}: {ended:?}");
        if fault == Fault::Malformed {
            assert_eq!(serde_json::from_slice::<Value>(&all).expect("an object"), error("Comando não suportado."));
        }
        tracker.wait_counter(fault, 1);
    }
    let peers = ana.ask(&json!({ "cmd": "LIST_PEERS" }));
    assert_eq!(peers["peers"]["ana"]["connected"], true, "{peers}");
}

#[test]
fn silent_connections_stay() {
    let tracker = open(&[]);
    let silent = [(); 20].map(|()| TcpStream::connect(tracker.address).expect("it listens"));
    let mut ana = Older::connect("ana", tracker.address);
    // Longer than anybody may take who has begun to speak papo's own protocol.
    assert!(ana.tracker.hears_nothing_for(Duration::from_secs(9)));
    assert_eq!(ana.enter("REGISTER")["msg"], "Usuário registrado com sucesso.");
    let counters = tracker.counters();
    assert!(counters.contains("connections 21, "), "{counters}");
    drop(silent);
}

#[test]
fn a_recording_of_old_clients_replays() {
    let place = tempfile::tempdir().expect("a directory");
    let recording = place.path().join("tracker.jsonl");
    let mut tracker = open(&["--ping-interval", "1", "--record", &recording.to_string_lossy()]);
    let [mut ana, mut bia] = ["ana", "bia"].map(|user| Older::registered(user, tracker.address));
    ana.answer_pings();
    ana.ask_room("CREATE_ROOM", "sala");
    bia.ask_room("JOIN_ROOM", "sala");
    is_updated(&mut ana, "sala", "ana bia -");
    let mut line = TcpStream::connect(tracker.address).expect("it listens");
    line.write_all(b"REGISTER 127.0.0.1 5001 caio\n").expect("it is taken");
    line.read_to_end(&mut Vec::new()).expect("an answer");
    is_updated(&mut ana, "sala", "ana - -");
    drop(ana);
    assert_eq!(tracker.terminate(), 0);
    let (code, printed) = replay(&recording);
    assert_eq!(code, 0, "{printed}");
}

fn list(tracker: &Tracker) -> String {
    let mut stream = TcpStream::connect(tracker.address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout");
    stream.write_all(b"PING").expect("it is taken");
    let mut list = String::new();
    stream.read_to_string(&mut list).expect("a list, and the end");
    list
}

#[test]
fn closing_without_reading_and_connecting_without_asking_are_normal() {
    let tracker = open(&[]);
    for port in 5001..5011 {
        let mut stream = TcpStream::connect(tracker.address).expect("it listens");
        stream.write_all(format!("REGISTER 127.0.0.1 {port} ana").as_bytes()).expect("it is taken");
        drop(stream);
        drop(TcpStream::connect(tracker.address).expect("it listens"));
    }
    let until = Instant::now() + BOUND;
    while list(&tracker).lines().count() < 10 {
        assert!(Instant::now() < until, "not all are listed");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(tracker.counters().contains("nothing refused or cut"), "{}", tracker.counters());
}

#[test]
fn lines_are_refused_by_default() {
    let tracker = Tracker::start();
    let mut stream = TcpStream::connect(tracker.address).expect("it listens");
    stream.set_read_timeout(Some(BOUND)).expect("a timeout");
    stream.write_all(b"PING").expect("it is taken");
    let read = stream.read(&mut [0; 16]);
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    tracker.wait_counter(Fault::Plaintext, 1);
}

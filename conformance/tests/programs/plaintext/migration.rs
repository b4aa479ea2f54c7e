//! `papo-tracker import` and `export`, with the files of the old tracker. Section B of the old systems' formats.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use papo_proto::wire::tracker::PasswordHash;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::{older::Older, programs, tracker::Tracker};

/// Runs it: exit code, stdout, stderr.
fn run(errand: &str, data: &Path, directory: &Path) -> (i32, String, String) {
    let mut command = Command::new(programs::tracker());
    command.arg(errand).arg(directory).arg("--data").arg(data).env_remove("RUST_LOG");
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

fn place() -> TempDir {
    tempfile::tempdir().expect("a directory")
}

fn hash(password: &str) -> String {
    papo_proto::hex::encode(&PasswordHash::of(password).0)
}

fn write(directory: &Path, name: &str, content: &Value) {
    let text = serde_json::to_string_pretty(content).expect("JSON");
    fs::write(directory.join(name), text).expect("written");
}

fn read(directory: &Path, name: &str) -> Value {
    let text = fs::read_to_string(directory.join(name)).expect("it is there");
    assert!(text.is_ascii() && (text == "{}" || text.starts_with("{\n  \"")), "{text}");
    serde_json::from_str(&text).expect("JSON")
}

/// Files as the old tracker leaves them.
fn old_files() -> TempDir {
    let old = place();
    let peer = |user: &str| json!({ "username": user, "last_ping": {}, "address": "127.0.0.1", "port": null, "connected": false });
    let users = json!({
        "ana": hash("segredo"), "bia": hash("segredo"), "joão": hash("segredo"),
        "exported": "!", "upper": hash("segredo").to_uppercase(), "short": "abc", "two words": hash("segredo"),
    });
    write(old.path(), "users_db.json", &users);
    let room = json!({ "name": "sala", "peer_owner": peer("ana"), "peer_one": peer("bia"), "peer_two": null });
    let empty = json!({ "name": "vazia", "peer_owner": null, "peer_one": null, "peer_two": null });
    write(old.path(), "rooms_db.json", &json!({ "sala": room, "vazia": empty }));
    let mut ana = peer("ana");
    ana["last_ping"] = json!("2024-05-01T12:34:56.789012");
    write(old.path(), "peers_db.json", &json!({ "ana": ana, "bia": peer("bia") }));
    old
}

#[test]
fn import_brings_accounts_and_rooms_and_old_clients_log_in_as_before() {
    let (data, old) = (place(), old_files());
    let (code, told, left_out) = run("import", data.path(), old.path());
    assert_eq!((code, told.trim_end()), (0, "imported: 3 accounts, 1 rooms; left out: 5"), "{left_out}");
    for name in ["exported", "upper", "short", "two words", "vazia"] {
        assert!(left_out.contains(name), "{name}: {left_out}");
    }
    // Again, and nothing comes twice.
    let before = fs::read(old.path().join("users_db.json")).expect("it is there");
    let (code, told, _) = run("import", data.path(), old.path());
    assert_eq!((code, told.trim_end()), (0, "imported: 0 accounts, 0 rooms; left out: 9"));
    assert_eq!(fs::read(old.path().join("users_db.json")).expect("it is there"), before);

    let tracker = Tracker::start_on_with(data, &["--allow-plaintext"]);
    let mut ana = Older::connect("ana", tracker.address);
    assert_eq!(ana.enter("LOGIN")["msg"], "Login realizado com sucesso.");
    let rooms = ana.ask(&json!({ "cmd": "LIST_ROOMS" }))["rooms"].clone();
    let room = &rooms["sala"];
    assert_eq!((&room["peer_owner"]["username"], &room["peer_one"]), (&json!("ana"), &Value::Null));
    assert_eq!(ana.ask_room("DELETE_ROOM", "sala")["status"], "OK", "it is hers");
    // Nobody moves anything while the tracker runs.
    for errand in ["import", "export"] {
        let (code, told, why) = run(errand, &tracker.data(), old.path());
        assert!(code == 1 && told.is_empty() && why.contains("another papo uses"), "{why}");
    }
}

#[test]
fn import_alters_no_account_that_is_here() {
    let old = old_files();
    let mut tracker = Tracker::start_with(&[&"--allow-plaintext"]);
    let mut ana = Older::registered("Ana", tracker.address);
    drop(ana.ask(&json!({ "cmd": "LIST_PEERS" })));
    assert_eq!(tracker.terminate(), 0);
    write(old.path(), "users_db.json", &json!({ "ana": hash("another"), "bia": hash("segredo") }));
    let (code, told, _) = run("import", &tracker.data(), old.path());
    assert_eq!((code, told.trim_end()), (0, "imported: 1 accounts, 1 rooms; left out: 2"));
    tracker.restart();
    let mut ana = Older::connect("ana", tracker.address);
    assert_eq!(ana.enter("LOGIN")["msg"], "Login realizado com sucesso.", "by the password that she had");
}

#[test]
fn a_corrupt_file_is_refused_and_left_as_it_is_and_nothing_is_imported() {
    let (data, old) = (place(), old_files());
    for corrupt in ["{\"ana\": ", "[]", "{\"sala\": {\"peer_owner\": 7}}"] {
        fs::write(old.path().join("rooms_db.json"), corrupt).expect("written");
        let (code, told, why) = run("import", data.path(), old.path());
        assert!(code == 1 && told.is_empty() && why.contains("rooms_db.json is damaged"), "{why}");
        assert_eq!(fs::read_to_string(old.path().join("rooms_db.json")).expect("it is there"), corrupt);
    }
    fs::write(old.path().join("rooms_db.json"), "").expect("written");
    let (code, told, _) = run("import", data.path(), old.path());
    assert_eq!((code, told.trim_end()), (0, "imported: 3 accounts, 0 rooms; left out: 4"), "empty is no rooms");
    let (code, _, why) = run("import", data.path(), place().path());
    assert!(code == 1 && why.contains("users_db.json"), "{why}");
}

#[test]
fn export_writes_the_three_files_without_passwords_and_what_it_wrote_is_imported_as_nothing() {
    let (data, old, new) = (place(), old_files(), place());
    run("import", data.path(), old.path());
    fs::write(new.path().join("users_db.json"), "an older one").expect("written");
    let (code, told, _) = run("export", data.path(), new.path());
    assert!(
        code == 0 && told.starts_with("exported: 3 accounts, 1 plaintext rooms; ") && told.contains("`!`"),
        "{told}"
    );
    assert_eq!(read(new.path(), "users_db.json"), json!({ "ana": "!", "bia": "!", "joão": "!" }));
    let rooms = read(new.path(), "rooms_db.json");
    let room = rooms["sala"].as_object().expect("a room");
    assert_eq!(room.keys().collect::<Vec<_>>(), ["name", "peer_one", "peer_owner", "peer_two"]);
    assert_eq!((&room["peer_owner"]["username"], &room["peer_one"]["username"]), (&json!("ana"), &json!("bia")));
    let peers = read(new.path(), "peers_db.json");
    assert_eq!(peers["ana"]["last_ping"], "2024-05-01T12:34:56.789+00:00");
    assert_eq!((&peers["ana"]["port"], &peers["ana"]["connected"]), (&Value::Null, &json!(false)));
    let (code, told, _) = run("import", data.path(), new.path());
    assert_eq!((code, told.trim_end()), (0, "imported: 0 accounts, 0 rooms; left out: 4"));
    let (code, _, why) = run("export", &data.path().join("nothing"), new.path());
    assert!(code == 1 && why.contains("holds no data of papo-tracker"), "{why}");
    assert!(!data.path().join("nothing").exists(), "nothing is made");
}

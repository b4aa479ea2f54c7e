//! The committed recordings: what the machines did once, they still do.

use std::{collections::BTreeMap, fs, panic::AssertUnwindSafe, path::Path, process::Command};

use papo_proto::{
    machine::Machine as _,
    monitor::Monitor,
    peer::Peer,
    record,
    relay::{TcpRelay, UdpRelay, chat::Chat},
    tracker::Tracker,
};
use serde_json::Value;

/// The files of a directory, by name.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    entries
        .map(|entry| {
            let path = entry.expect("a directory entry").path();
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, fs::read(&path).expect("a committed file can be read"))
        })
        .collect()
}

fn committed() -> BTreeMap<String, Vec<u8>> {
    files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts"))
}

fn conformance() -> Command {
    Command::new(env!("CARGO_BIN_EXE_papo-conformance"))
}

#[test]
fn every_committed_recording_replays_action_for_action() {
    let transcripts = Path::new(env!("CARGO_MANIFEST_DIR")).join("transcripts");
    let committed = committed();
    assert!(committed.len() >= 6, "three lives, of trackers and of peers: {:?}", committed.keys());
    for name in committed.keys() {
        let output = conformance().arg("replay").arg(transcripts.join(name)).output().expect("it starts");
        assert!(output.status.success(), "{name}:\n{}", String::from_utf8_lossy(&output.stderr));
    }
}

#[test]
fn the_scripts_give_the_committed_recordings_byte_for_byte() {
    let into = tempfile::tempdir().expect("a directory");
    let output = conformance().args(["rerecord", "--into"]).arg(into.path()).output().expect("it starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let (made, committed) = (files(into.path()), committed());
    assert_eq!(made.keys().collect::<Vec<_>>(), committed.keys().collect::<Vec<_>>());
    for (name, bytes) in &made {
        let [new, old] = [bytes, &committed[name]].map(|bytes| String::from_utf8_lossy(bytes));
        let differs = new.lines().zip(old.lines()).position(|(new, old)| new != old);
        assert!(
            new == old,
            "{name} differs from line {:?} on. If the machines were changed on purpose, run\n  \
             cargo run -p papo-conformance -- rerecord",
            differs.map(|line| line + 1)
        );
    }
}

/// Every whole number of a JSON value, by its path.
fn numbers(value: &Value, path: &str, found: &mut Vec<String>) {
    match value {
        Value::Number(_) => found.push(path.to_owned()),
        Value::Array(elements) => {
            elements.iter().enumerate().for_each(|(index, one)| numbers(one, &format!("{path}/{index}"), found));
        }
        Value::Object(fields) => fields.iter().for_each(|(name, one)| numbers(one, &format!("{path}/{name}"), found)),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

#[test]
fn no_number_of_a_header_makes_a_replay_panic() {
    for (name, recording) in committed() {
        let text = String::from_utf8(recording).expect("a recording is text");
        let (first, rest) = text.split_once('\n').expect("a recording has a header");
        let header = serde_json::from_str::<Value>(first).expect("a header is JSON");
        let mut paths = Vec::new();
        numbers(&header, "", &mut paths);
        assert!(paths.len() > 40, "{name}: limits at least");
        for path in paths {
            for number in [0, u64::MAX] {
                let mut changed = header.clone();
                *changed.pointer_mut(&path).expect("it was found there") = number.into();
                let changed = changed.to_string();
                let lines = std::iter::once(changed.as_str()).chain(rest.lines());
                let replay = || match header["machine"].as_str() {
                    Some(Tracker::KIND) => record::replay::<Tracker>(lines),
                    Some(Peer::KIND) => record::replay::<Peer>(lines),
                    Some(TcpRelay::KIND) => record::replay::<TcpRelay>(lines),
                    Some(UdpRelay::KIND) => record::replay::<UdpRelay>(lines),
                    Some(Chat::KIND) => record::replay::<Chat>(lines),
                    Some(Monitor::KIND) => record::replay::<Monitor>(lines),
                    other => panic!("{other:?}"),
                };
                let result = std::panic::catch_unwind(AssertUnwindSafe(replay));
                assert!(result.is_ok(), "{name}: {path} = {number}");
            }
        }
    }
}

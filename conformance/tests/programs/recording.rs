//! `--record` on both programs, and the replay of what they wrote.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::support::{
    papo::{Options, text, texts},
    recording::replay,
    tracker::Tracker,
};

#[test]
fn what_both_programs_recorded_replays_action_for_action_and_a_changed_byte_is_found() {
    let place = tempfile::tempdir().expect("a directory");
    let [of_tracker, of_ana] = ["tracker.jsonl", "ana.jsonl"].map(|name| place.path().join(name));
    let mut tracker = Tracker::start_with(&[&"--record", &of_tracker]);
    let mut ana = Options::registering("ana", &tracker).with(&["--record", &of_ana.to_string_lossy()]).log_in();
    let mut bia = Options::registering("bia", &tracker).log_in();
    ana.create("sala");
    bia.join("sala");
    bia.line("/chat #sala");
    ana.wait_for("room", |event| texts(event, "members").len() == 2);
    for number in 0..20 {
        bia.line(&format!("line {number}"));
        ana.wait_message(&format!("line {number}"));
        ana.line(&format!("/msg bia heard {number}"));
        bia.wait_message(&format!("heard {number}"));
    }
    ana.wait_for_all("delivered", 20, |event| text(event, "to") == "bia");
    assert_eq!(ana.quit(), 0);
    assert_eq!(bia.quit(), 0);
    assert_eq!(tracker.terminate(), 0);

    for recording in [&of_tracker, &of_ana] {
        let mode = fs::metadata(recording).expect("it was written").permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds keys and texts");
        let (code, printed) = replay(recording);
        assert_eq!(code, 0, "{printed}");

        // Change one byte of what was sent somewhere in the middle.
        let whole = fs::read_to_string(recording).expect("it is text");
        let sends = whole.match_indices("{\"do\":{\"send\"").map(|(at, _)| at).collect::<Vec<_>>();
        let line = sends[sends.len() / 2];
        let end = line + whole[line..].find("\"}}").expect("the end of the bytes");
        let other = if &whole[end - 1..end] == "0" { "1" } else { "0" };
        let changed = place.path().join("changed.jsonl");
        fs::write(&changed, [&whole[..end - 1], other, &whole[end..]].concat()).expect("it can be written");
        let (code, printed) = replay(&changed);
        assert_eq!(code, 1, "{printed}");
        let number = whole[..line].lines().count() + 1;
        assert!(printed.contains(&format!("line {number}")) && printed.contains("event"), "{number}: {printed}");
        fs::remove_file(&changed).expect("it was there");
    }
}

#[test]
fn a_recording_of_an_identity_that_is_in_use_is_made_only_on_request() {
    let tracker = Tracker::start();
    let mut ana = Options::registering("ana", &tracker).log_in();
    assert_eq!(ana.quit(), 0);
    let file = ana.data().join("again.jsonl");
    let path = file.to_string_lossy().into_owned();
    let mut refused = ana.options().by_key().with(&["--record", &path]).start();
    assert_ne!(refused.process.wait_code(), 0);
    assert!(refused.process.story().contains("--record-secrets"), "{}", refused.process.story());
    assert!(!file.exists());
    let mut ana = ana.options().by_key().with(&["--record", &path, "--record-secrets"]).log_in();
    assert_eq!(ana.quit(), 0);
    let (code, printed) = replay(&file);
    assert_eq!(code, 0, "{printed}");
    // Never over an existing file.
    let before = fs::read(&file).expect("it was written");
    let mut refused = ana.options().start();
    assert_ne!(refused.process.wait_code(), 0);
    assert!(fs::read(&file).expect("it is still there") == before);
}

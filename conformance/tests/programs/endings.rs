//! How the programs end when they cannot go on: one clear sentence, an exit code, nothing overwritten.

use std::{fs, net::TcpListener, path::Path, process::Command};

use crate::support::{
    papo::{Options, Papo, is, text},
    process::Process,
    tracker::{self, Tracker},
};

/// Runs something that ends by itself: its exit code, and everything that it printed.
#[track_caller]
fn run(command: &mut Command) -> (i32, String) {
    let mut process = Process::start(command);
    process.close_input();
    let code = process.wait_code();
    let all = |feed: &crate::support::feed::Feed<String>| feed.with(|lines| lines.join("\n"));
    (code, format!("{}\n{}", all(&process.stdout), all(&process.stderr)))
}

/// An address of this host's where nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("it has an address").to_string()
}

#[test]
fn where_nothing_answers_papo_says_so_and_exits_with_4() {
    let address = nobody();
    let spec = format!("{address}#{}", "ab".repeat(32));
    let sentence = format!("nothing answers at {address}: is papo-tracker running there?");
    let mut ana = Options::new("ana").tracker(&spec).password("secret").start();
    assert_eq!(ana.process.wait_code(), 4, "{}", ana.process.story());
    let events = ana.events();
    let error = events.iter().find(|event| is(event, "error")).expect("an error event");
    assert_eq!((text(error, "code"), text(error, "text")), ("tracker_unreachable", sentence.as_str()));

    let (code, printed) = run(&mut Options::new("ana").tracker(&spec).password("secret").plain().command());
    assert_eq!(code, 4);
    assert!(printed.contains(&sentence), "{printed}");
}

#[test]
fn a_wrong_command_line_exits_with_2() {
    let data = tempfile::tempdir().expect("a directory");
    for wrong in [&["--nonsense"][..], &["--listen", "nowhere"], &["--registration", "perhaps"]] {
        let (code, printed) = run(tracker::command(data.path(), "127.0.0.1:0").args(wrong));
        assert_eq!(code, 2, "{wrong:?}: {printed}");
    }
    for wrong in [&["--nonsense"][..], &["--tracker", "a b"], &["--user", "a b"], &["--password", "secret"]] {
        let mut command = crate::support::programs::papo();
        let (code, printed) =
            run(command.args(wrong).args(["--no-lan", "--data"]).arg(data.path()).env("HOME", data.path()));
        assert_eq!(code, 2, "{wrong:?}: {printed}");
    }
}

#[test]
fn a_data_directory_that_another_uses_is_left_alone() {
    let tracker = Tracker::start();
    let mut ana = Papo::registered("ana", &tracker);
    let (code, printed) = run(&mut ana.options().by_key().command());
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("--data"), "{printed}");
    let (code, printed) = run(&mut tracker::command(&tracker.data(), "127.0.0.1:0"));
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains("--data"), "{printed}");
    assert_eq!(ana.quit(), 0, "the first is untouched");
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("it has an address").to_string();
    let data = tempfile::tempdir().expect("a directory");
    let (code, printed) = run(&mut tracker::command(data.path(), &address));
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains(&address) && printed.contains("another program"), "{printed}");
}

/// The database of a program, wherever it keeps it.
fn database(data: &Path) -> std::path::PathBuf {
    let files = fs::read_dir(data).expect("a directory").filter_map(Result::ok).map(|entry| entry.path());
    let mut found = files.filter(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"SQLite format 3\0")));
    found.next().unwrap_or_else(|| panic!("no database in {}", data.display()))
}

/// Starts both programs on a database that `spoil` made unusable: each ends with 1 and says `said`, and the file is
/// byte for byte what it was.
#[track_caller]
fn unusable(spoil: impl Fn(&Path), said: &[&str]) {
    let mut tracker = Tracker::start();
    let mut ana = Papo::registered("ana", &tracker);
    assert_eq!(ana.quit(), 0);
    assert_eq!(tracker.terminate(), 0);
    let commands = [tracker::command(&tracker.data(), "127.0.0.1:0"), ana.options().by_key().command()];
    for (data, mut command) in [tracker.data(), ana.data()].into_iter().zip(commands) {
        let database = database(&data);
        spoil(&database);
        let before = fs::read(&database).expect("it is there");
        let (code, printed) = run(&mut command);
        assert_eq!(code, 1, "{printed}");
        assert!(said.iter().any(|word| printed.to_lowercase().contains(word)), "{said:?} in {printed}");
        assert!(printed.contains(&*database.file_name().expect("a name").to_string_lossy()), "{printed}");
        assert!(!printed.contains("panicked"), "{printed}");
        assert!(fs::read(&database).expect("it is still there") == before, "it was overwritten");
    }
}

#[test]
fn a_corrupt_database_is_named_and_not_overwritten() {
    let corrupt = |path: &Path| {
        let mut bytes = fs::read(path).expect("it is there");
        let middle = bytes.len().min(4096);
        bytes[..middle].fill(0x5a);
        fs::write(path, bytes).expect("it can be written");
    };
    unusable(corrupt, &["corrupt", "not a database", "damaged"]);
}

#[test]
fn a_database_of_a_newer_version_is_named_and_not_overwritten() {
    // The user version stands at offset 60 of the header, big-endian (SQLite file format, 1.3).
    let newer = |path: &Path| {
        let mut bytes = fs::read(path).expect("it is there");
        bytes[60..64].copy_from_slice(&9_999u32.to_be_bytes());
        fs::write(path, bytes).expect("it can be written");
    };
    unusable(newer, &["newer"]);
}

#[test]
fn a_data_directory_that_cannot_be_one_is_named() {
    let place = tempfile::tempdir().expect("a directory");
    let file = place.path().join("file");
    fs::write(&file, "not a directory").expect("it can be written");
    let (code, printed) = run(&mut tracker::command(&file, "127.0.0.1:0"));
    assert_eq!(code, 1, "{printed}");
    assert!(printed.contains(&*file.to_string_lossy()), "{printed}");
    assert_eq!(fs::read_to_string(&file).expect("it is still there"), "not a directory");
}

#[test]
fn an_interrupted_tracker_ends_well() {
    let mut tracker = Tracker::start();
    tracker.process.signal(nix::sys::signal::Signal::SIGINT);
    assert_eq!(tracker.process.wait_code(), 0);
}

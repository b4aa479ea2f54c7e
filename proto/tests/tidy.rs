//! Style as a test: what keeps the house in order and no lint says.
//!
//! Each check names the file, the line, and what to do instead.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The workspace's crates.
const CRATES: [&str; 5] = ["proto", "runtime-mio", "tracker", "peer", "conformance"];
/// A file past it has a second room in it.
const LINES_MAX: usize = 700;

/// Everything that proto depends on. A new line here is a decision: none may open a socket, a file, a thread or a
/// clock.
const PROTO_DEPENDENCIES: [&str; 13] = [
    "ed25519-dalek",
    "rand_chacha",
    "rand_core",
    "ring",
    "serde",
    "serde_json",
    "sha2",
    "snow",
    "thiserror",
    "unicode-normalization",
    "unicode-security",
    "unicode-width",
    "zeroize",
];

/// What stands at the top of the repository.
const TOP_LEVEL: [&str; 16] = [
    ".ci",
    ".git",
    ".gitattributes",
    ".gitignore",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "clippy.toml",
    "conformance",
    "peer",
    "proto",
    "runtime-mio",
    "rustfmt.toml",
    "tracker",
];

/// What a pure machine cannot know, each with what it has instead.
const IMPURE: [(&str, &str); 13] = [
    ("TcpStream", "connections are the driver's"),
    ("TcpListener", "listeners are the driver's"),
    ("UdpSocket", "sockets are the driver's"),
    ("std::fs", "files are the driver's"),
    ("std::io", "bytes come with events"),
    ("std::thread", "a machine has one thread of thought"),
    ("std::env", "a machine starts from its Start alone"),
    ("std::process", "a machine ends by being dropped"),
    ("Instant", "time comes with each event"),
    ("SystemTime", "wall time comes as an event"),
    ("HashMap", "its order differs in each process: use BTreeMap"),
    ("HashSet", "its order differs in each process: use BTreeSet"),
    ("thread_rng", "randomness is derived from the seed"),
];

/// The ways to a terminal, a pipe or a log, each with the files that may go it. Everything else gets there through
/// these, and they write only what has passed `papo_proto::escape`.
const OUTPUTS: [(&str, &[&str]); 12] = [
    ("println!", &[]),
    ("print!", &[]),
    ("eprintln!", &[]),
    ("eprint!", &[]),
    // Whether it is a terminal and how wide; the pipe; the wiping of a prompt; and where a tracker listens.
    (
        "stdout",
        &[
            "peer/src/frontend/mod.rs",
            "peer/src/frontend/terminal/repl.rs",
            "peer/src/main.rs",
            "peer/src/monitor/mod.rs",
            "peer/src/node.rs",
            "peer/src/relay/mod.rs",
            "tracker/src/host.rs",
        ],
    ),
    // Whether it is a terminal; bars; last words and panics.
    ("stderr", &["peer/src/frontend/errand/bars.rs", "peer/src/main.rs", "runtime-mio/src/diagnostics.rs"]),
    ("indicatif", &["peer/src/frontend/errand/bars.rs"]),
    ("env_logger", &["runtime-mio/src/diagnostics.rs"]),
    ("set_hook", &["runtime-mio/src/diagnostics.rs"]),
    ("ExternalPrinter", &["peer/src/frontend/terminal/printer.rs"]),
    // Help and version, which are this program's own words.
    ("exit()", &["peer/src/main.rs", "tracker/src/main.rs"]),
    ("/dev/tty", &[]),
];
/// Where everything stands that papo says to a person, in each of its languages.
const SENTENCES: &str = "peer/src/frontend/sentences/";
/// Where else in papo words may stand, for whom they are not a person's sentences.
const OTHER_WORDS: [(&str, &str); 4] = [
    ("peer/src/args.rs", "clap says them, in English"),
    ("peer/src/monitor/args.rs", "clap says them, in English"),
    ("peer/src/store/", "SQL, and what is damaged in a database, for whoever repairs it"),
    ("peer/src/frontend/json.rs", "the words of scripts, which stay"),
];
/// What is told to a log, to a developer or to the compiler: from here to the bracket that closes it.
const NOT_SAID: [&str; 10] = [
    "log::error!(",
    "log::warn!(",
    "log::info!(",
    "log::debug!(",
    "expect(",
    "assert!(",
    "panic!(",
    "unreachable!(",
    "#[",
    "#![",
];

/// What stands for something unfinished.
const UNFINISHED: [&str; 4] = ["todo!(", "unimplemented!(", "#[ignore", "FIXME"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("proto lies in the workspace").to_owned()
}

/// Every Rust file below `directory`, with its text.
fn rust_files(directory: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(directory) else { return files };
    for entry in entries {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a readable file");
            files.push((path, text));
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<(PathBuf, String)> {
    let files = CRATES.iter().flat_map(|name| rust_files(&root().join(name).join("src"))).collect::<Vec<_>>();
    assert!(files.len() > 20, "the sources are not where this test looks for them");
    files
}

fn tests() -> Vec<(PathBuf, String)> {
    CRATES.iter().flat_map(|name| rust_files(&root().join(name).join("tests"))).collect()
}

/// The lines of code that have `word` in them, standing alone: comments may talk about anything.
fn lines_with<'a>(text: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let part = |character: char| character.is_alphanumeric() || character == '_';
    text.lines().enumerate().filter_map(move |(index, line)| {
        let code = line.split("//").next().unwrap_or(line);
        let alone = code
            .match_indices(word)
            .any(|(start, _)| !code[..start].ends_with(part) && !code[start + word.len()..].starts_with(part));
        alone.then_some(index + 1)
    })
}

#[track_caller]
fn check(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}

#[test]
fn proto_does_no_io_and_iterates_no_hash_map() {
    let mut faults = Vec::new();
    for (path, text) in rust_files(&root().join("proto/src")) {
        for (word, instead) in IMPURE {
            faults.extend(lines_with(&text, word).map(|line| format!("{}:{line}: {word}: {instead}", path.display())));
        }
    }
    check(&faults);
}

#[test]
fn nothing_is_written_around_the_one_door() {
    let mut faults = Vec::new();
    for (word, allowed) in OUTPUTS {
        let mut used = BTreeSet::new();
        for name in ["proto", "runtime-mio", "tracker", "peer"] {
            for (path, text) in rust_files(&root().join(name).join("src")) {
                let file = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
                for line in lines_with(&text, word) {
                    if !allowed.contains(&file.as_str()) {
                        faults.push(format!("{file}:{line}: {word}: say it by a notice, an event or the log instead"));
                    }
                    used.insert(file.clone());
                }
            }
        }
        let unused = allowed.iter().filter(|file| !used.contains(**file));
        faults.extend(unused.map(|file| format!("{file}: {word} is allowed there and not used: take it off the list")));
    }
    check(&faults);
}

#[test]
fn proto_depends_on_nothing_but_the_allowed() {
    let manifest = fs::read_to_string(root().join("proto/Cargo.toml")).expect("a manifest");
    let section = manifest.split("\n[dependencies]\n").nth(1).expect("a section of dependencies");
    let section = section.split("\n[").next().unwrap_or(section);
    let names = section
        .lines()
        .filter(|line| !line.trim().is_empty() && !line.starts_with('#'))
        .map(|line| line.split(['.', ' ', '=']).next().unwrap_or(line))
        .collect::<Vec<_>>();
    assert_eq!(names, PROTO_DEPENDENCIES, "proto's dependencies are its fence: is the new one pure?");
    assert!(!manifest.contains("build-dependencies"), "proto is built from its sources alone");
}

#[test]
fn no_source_file_is_too_long() {
    let faults = sources()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|&(_, lines)| lines > LINES_MAX)
        .map(|(path, lines)| format!("{}: {lines} lines, {LINES_MAX} at most: find the second room", path.display()))
        .collect::<Vec<_>>();
    check(&faults);
}

#[test]
fn every_file_begins_with_what_it_is_for() {
    let faults = [sources(), tests()]
        .concat()
        .iter()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| format!("{}: begin with //! and say what it is for", path.display()))
        .collect::<Vec<_>>();
    check(&faults);
}

#[test]
fn nothing_is_left_unfinished() {
    let mut faults = Vec::new();
    for (path, text) in [sources(), tests()].concat() {
        // This file names what it looks for.
        if path.ends_with("proto/tests/tidy.rs") {
            continue;
        }
        for word in UNFINISHED {
            for (index, _) in text.lines().enumerate().filter(|(_, line)| line.contains(word)) {
                faults.push(format!("{}:{}: {word}: finish it or leave it out", path.display(), index + 1));
            }
        }
    }
    check(&faults);
}

#[test]
fn every_sentence_of_papo_stands_in_one_place_with_its_translation() {
    let mut faults = Vec::new();
    for (path, text) in rust_files(&root().join("peer/src")) {
        let file = path.strip_prefix(root()).expect("below the root").to_string_lossy().into_owned();
        let elsewhere = OTHER_WORDS.iter().any(|(other, _)| file.starts_with(other));
        if file.starts_with(SENTENCES) || file.ends_with("tests.rs") || elsewhere {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(&text);
        for literal in literals(&without_what_is_not_said(code)).filter(|literal| is_prose(literal)) {
            faults.push(format!("{file}: {literal:?}: say it in {SENTENCES}, in each language"));
        }
    }
    let sentences = rust_files(&root().join(SENTENCES))
        .iter()
        .map(|(_, text)| literals(text).filter(|one| is_prose(one)).count())
        .sum::<usize>();
    assert!(sentences > 500, "the sentences are not where this test looks for them: {sentences}");
    for (other, why) in OTHER_WORDS {
        assert!(root().join(other).exists(), "{other} is gone ({why}): take it off the list");
    }
    check(&faults);
}

/// The code without comments and without what no person is told.
fn without_what_is_not_said(code: &str) -> String {
    let lines = code.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line });
    let mut rest = lines.collect::<Vec<_>>().join("\n");
    for sign in ["'\"'", "'('", "')'", "'['", "']'"] {
        rest = rest.replace(sign, "");
    }
    for start in NOT_SAID {
        while let Some(at) = rest.find(start) {
            rest.replace_range(at..closing(&rest, at + start.len()), "");
        }
    }
    rest
}

/// Where the bracket closes that was opened before `from`; brackets in strings are none.
fn closing(code: &str, from: usize) -> usize {
    let (mut depth, mut quoted, mut escaped) = (1, false, false);
    for (at, character) in code[from..].char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '(' | '[' if !quoted => depth += 1,
            ')' | ']' if !quoted => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return from + at + 1;
        }
    }
    code.len()
}

/// What stands between quotes.
fn literals(code: &str) -> impl Iterator<Item = String> {
    code.replace("\\\"", "").split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>().into_iter()
}

/// Whether there are two words of small letters in it, one after the other.
fn is_prose(literal: &str) -> bool {
    let is_word = |word: &str| word.len() > 1 && word.chars().all(|one| one.is_alphabetic() && one.is_lowercase());
    let words = literal
        .split_whitespace()
        .map(|word| is_word(word.trim_matches([',', ':', ';', '.', '?', '\''])))
        .collect::<Vec<_>>();
    words.windows(2).any(|pair| pair == [true, true])
}

#[test]
fn what_is_not_said_is_left_out_and_what_is_said_is_found() {
    let code = "// said to nobody\nlog::warn!(\"(said to\\\" a log) {}\", f(x));\nx.expect(\"said to nobody\");\nsay(\"said to somebody\");\nw(\"a b\")";
    let found = literals(&without_what_is_not_said(code)).filter(|one| is_prose(one)).collect::<Vec<_>>();
    assert_eq!(found, ["said to somebody"]);
}

#[test]
fn every_crate_says_what_it_is_and_uses_the_workspace_s_lints() {
    let mut faults = Vec::new();
    for name in CRATES {
        let manifest = fs::read_to_string(root().join(name).join("Cargo.toml")).expect("a manifest");
        if !manifest.contains("[lints]\nworkspace = true") && !manifest.contains("[lints.") {
            faults.push(format!("{name}/Cargo.toml: no [lints] workspace = true"));
        }
        if !manifest.contains("\ndescription = ") {
            faults.push(format!("{name}/Cargo.toml: no description"));
        }
    }
    check(&faults);
}

#[test]
fn the_top_of_the_repository_holds_only_what_the_design_names() {
    let faults = top_level()
        .iter()
        .filter(|name| !TOP_LEVEL.contains(&name.as_str()))
        .map(|name| format!("{name}: stands at the top of the repository; put it into the crate that it is for"))
        .collect::<Vec<_>>();
    check(&faults);
}

/// What git keeps there; where there is no git, what lies there, the build's directory aside.
fn top_level() -> Vec<String> {
    let listed = Command::new("git").args(["ls-files", "--cached"]).current_dir(root()).output();
    if let Some(listed) = listed.ok().filter(|listed| listed.status.success() && !listed.stdout.is_empty()) {
        let first = |path: &str| path.split('/').next().unwrap_or(path).to_owned();
        let names = String::from_utf8_lossy(&listed.stdout).lines().map(first).collect::<BTreeSet<_>>();
        return names.into_iter().collect();
    }
    fs::read_dir(root())
        .expect("a readable directory")
        .map(|entry| entry.expect("a readable directory").file_name().to_string_lossy().into_owned())
        .filter(|name| name != "target")
        .collect()
}

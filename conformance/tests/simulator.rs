//! The simulator's command: what it says, that it repeats itself, and that it finds a rule that is broken on purpose.

#[path = "programs/support/cargo.rs"]
mod cargo;

use std::{
    path::Path,
    process::{Command, Output},
};

/// Enough to see every part of the report, few enough for an unoptimised build.
const SEEDS: &str = "12";

fn sim(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_papo-conformance"))
        .arg("sim")
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("the simulator starts")
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

#[test]
fn seeds_pass_and_the_report_ends_with_how_many() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let output = sim(directory.path(), &["--seeds", SEEDS]);
    let lines = lines(&output);
    assert!(output.status.success(), "{}", lines.join("\n"));
    assert_eq!(lines.last().map(String::as_str), Some("12 passed, 0 failed"));
    for wanted in ["faults:", "marks:", "never reached:"] {
        assert!(lines.iter().any(|line| line == wanted), "{wanted} is not told");
    }
    for wanted in [" simulated hours", " seeds/minute"] {
        assert!(lines.iter().any(|line| line.ends_with(wanted)), "{wanted} is not told");
    }
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(progress.contains("seeds, 0 failed,"), "{progress}");
    assert_eq!(directory.path().read_dir().expect("it is there").count(), 0, "nothing failed, nothing is written");
}

#[test]
fn the_same_options_give_the_same_trace_and_others_another() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let hash = |arguments: &[&str]| {
        let lines = lines(&sim(directory.path(), arguments));
        lines.into_iter().find(|line| line.starts_with("trace hash ")).expect("a trace hash")
    };
    let options = ["--seed", "7", "--nodes", "2", "--hours", "0.01"];
    let first = hash(&options);
    assert_eq!(first, hash(&options));
    assert_ne!(first, hash(&["--seed", "8", "--nodes", "2", "--hours", "0.01"]));
    assert_ne!(first, hash(&["--seed", "7", "--nodes", "3", "--hours", "0.01"]));
    assert_ne!(first, hash(&["--seed", "7", "--nodes", "2", "--hours", "0.02"]));
}

#[test]
fn options_that_cannot_be_are_refused_with_a_sentence() {
    for (arguments, sentence) in [
        (["--nodes", "1"], "1 is not in 2..=32"),
        (["--nodes", "33"], "33 is not in 2..=32"),
        (["--hours", "0"], "a number of hours is wanted"),
        (["--hours", "NaN"], "a number of hours is wanted"),
        (["--hours", "9000"], "at most a year"),
        (["--seeds", "x"], "invalid digit"),
    ] {
        let output = sim(Path::new("."), &arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(sentence), "{told}");
    }
}

#[test]
fn a_rule_that_is_broken_on_purpose_is_found_and_made_small() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let canary = cargo::build(&["--package", "papo-conformance", "--features", "canary", "--example", "canary"]);
    let output = Command::new(canary.join("examples/canary")).arg(directory.path()).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(!output.status.success(), "nothing was found:\n{told}");
    assert!(told.contains("see it again: "), "{told}");
    assert!(told.contains(" is broken again: "), "the file replays:\n{told}");
    // The same seeds pass without it: that is what the first test shows.
    let wrote = directory.path().read_dir().expect("it is there").count();
    assert!(wrote > 0, "the failure stands in a file");
}

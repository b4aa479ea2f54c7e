//! The simulator over machines that break one rule on purpose (`papo_proto::durable` says which). A test runs this to
//! see that the rule's breach is found, made small, and found again from its file.
//!
//! `canary DIRECTORY` writes what it finds into the directory and ends with failure; with nothing found it succeeds.

use std::{
    io::{self, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use papo_conformance::sim::{self, Options, Simulation};

/// Seeds after which a breach has been found, or is not going to be.
const SEEDS: u64 = 20;

const _: () = assert!(papo_proto::CANARY, "without the feature there is nothing to find");

fn main() -> ExitCode {
    let failures = std::env::args_os().nth(1).map_or_else(|| PathBuf::from("."), PathBuf::from);
    let first = Options { seed: 0, nodes: Some(3), hours: None };
    let report = sim::simulate(&Simulation { first, seeds: SEEDS, failures: failures.clone() }, &|_| {});
    let mut lines = report.lines;
    let found = std::fs::read_dir(&failures).into_iter().flatten().flatten().find_map(|entry| {
        let failure = sim::read_failure(&entry.path()).ok()??;
        Some(failure.replay())
    });
    if let Some(replayed) = found {
        lines.push(match replayed {
            Ok(again) => again.first().cloned().unwrap_or_default(),
            Err(problem) => problem.to_string(),
        });
    }
    let _ = writeln!(io::stdout(), "{}", lines.join("\n"));
    if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

//! `papo-conformance`: replays recordings of papo's machines.

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use papo_conformance::replay::{MACHINES, replay_file};
use papo_proto::{escape, record::Summary};

/// Replays recordings of papo's machines.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Give a machine the events of a recording, and compare what it does with what it did.
    Replay {
        /// A file that `--record` made.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Replay { file } => replay(&file),
    }
}

fn replay(file: &Path) -> ExitCode {
    match replay_file(file, MACHINES) {
        Ok(summary) => say(&mut io::stdout(), &sentence(summary), ExitCode::SUCCESS),
        Err(problem) => {
            let shown = format!("{}: {problem}", escape::line(&file.to_string_lossy()));
            say(&mut io::stderr(), &shown, ExitCode::FAILURE)
        }
    }
}

fn sentence(Summary { events, actions, cut }: Summary) -> String {
    let end = if cut { "; it ends in the middle of an event" } else { "" };
    format!("{events} events, {actions} actions, all the same{end}")
}

/// Nobody may be listening any more; the exit code tells what the text would.
fn say(to: &mut impl io::Write, text: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(to, "{text}");
    code
}

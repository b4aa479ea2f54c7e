//! `papo-conformance`: replays recordings of papo's machines, and makes the committed ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use papo_conformance::{
    replay::{MACHINES, replay_file},
    scripts::{self, Recording},
};
use papo_proto::{escape, record::Summary};

/// Replays recordings of papo's machines, and makes the committed ones.
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
    /// Make the committed recordings anew from their scripts. What stood there before is replaced.
    Rerecord {
        /// A directory.
        #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/transcripts"))]
        into: PathBuf,
    },
}

fn main() -> ExitCode {
    match Arguments::parse().command {
        Command::Replay { file } => replay(&file),
        Command::Rerecord { into } => rerecord(&into),
    }
}

fn replay(file: &Path) -> ExitCode {
    match replay_file(file, MACHINES) {
        Ok(summary) => say(&mut io::stdout(), &sentence(summary), ExitCode::SUCCESS),
        Err(problem) => say(&mut io::stderr(), &format!("{}: {problem}", file.display()), ExitCode::FAILURE),
    }
}

fn rerecord(into: &Path) -> ExitCode {
    for Recording { name, bytes } in scripts::all() {
        let file = into.join(name);
        let shown = file.display().to_string();
        if let Err(error) = fs::create_dir_all(into).and_then(|()| fs::write(&file, bytes)) {
            return say(&mut io::stderr(), &format!("{shown} cannot be written: {error}"), ExitCode::FAILURE);
        }
        say(&mut io::stdout(), &shown, ExitCode::SUCCESS);
    }
    ExitCode::SUCCESS
}

fn sentence(Summary { events, actions, cut }: Summary) -> String {
    let end = if cut { "; it ends in the middle of an event" } else { "" };
    format!("{events} events, {actions} actions, all the same{end}")
}

/// Says something, each line of it escaped: a recording holds what strangers wrote. Nobody may be listening any more; the
/// exit code tells what the text would.
fn say(to: &mut impl io::Write, text: &str, code: ExitCode) -> ExitCode {
    for line in escape::lines(text) {
        let _ = writeln!(to, "{line}");
    }
    code
}

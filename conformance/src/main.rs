//! `papo-conformance`: replays recordings of papo's machines, and makes the committed ones.

use std::{
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Parser, Subcommand};
use papo_conformance::{
    fuzz::{Budget, TARGETS, seeds},
    replay::{MACHINES, replay_file},
    scripts::{self, Recording},
    sim::{self, NODES_MAX, NODES_MIN, Options, Simulation},
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
        /// A file that `--record` made, or a failure that `sim` wrote.
        file: PathBuf,
    },
    /// Live whole lives in virtual time under every fault, and check every promise.
    Sim {
        /// The first seed.
        #[arg(long, default_value_t = 0)]
        seed: u64,
        /// How many seeds, from the first on.
        #[arg(long, default_value_t = 1)]
        seeds: u64,
        /// How many people; drawn by each seed where it is not said.
        #[arg(long, value_parser = clap::value_parser!(u64).range(NODES_MIN as u64..=NODES_MAX as u64))]
        nodes: Option<u64>,
        /// Simulated hours under faults for each seed, fractions allowed; drawn by each seed where it is not said.
        #[arg(long, value_parser = hours)]
        hours: Option<f64>,
        /// Where failures are written.
        #[arg(long, value_name = "DIR", default_value = ".")]
        failures: PathBuf,
    },
    /// Write what the fuzz targets begin with, taken from the recordings of the scripts: DIR/TARGET/NUMBER.
    Seeds {
        /// A directory.
        #[arg(long, value_name = "DIR", default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/seeds"))]
        into: PathBuf,
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
        Command::Seeds { into } => write_seeds(&into),
        Command::Rerecord { into } => rerecord(&into),
        Command::Sim { seed, seeds, nodes, hours, failures } => {
            let nodes = nodes.map(|nodes| usize::try_from(nodes).expect("it is at most NODES_MAX"));
            simulate(&Simulation { first: Options { seed, nodes, hours }, seeds, failures })
        }
    }
}

/// Hours of simulated time: more than nothing, at most a year.
fn hours(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(hours) if hours > 0.0 && hours <= 24.0 * 366.0 => Ok(hours),
        _ => Err("a number of hours is wanted, more than 0 and at most a year".to_owned()),
    }
}

fn simulate(simulation: &Simulation) -> ExitCode {
    let progress = |line: &str| {
        say(&mut io::stderr(), line, ExitCode::SUCCESS);
    };
    let report = sim::simulate(simulation, &progress);
    let code = if report.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    let lines = report.lines.iter().map(|line| escape::line(line)).collect::<Vec<_>>();
    say(&mut io::stdout(), &lines.join("\n"), code)
}

fn replay(file: &Path) -> ExitCode {
    if let Ok(Some(failure)) = sim::read_failure(file) {
        return match failure.replay() {
            Ok(lines) => {
                let lines = lines.iter().map(|line| escape::line(line)).collect::<Vec<_>>();
                say(&mut io::stdout(), &lines.join("\n"), ExitCode::SUCCESS)
            }
            Err(problem) => say(&mut io::stderr(), &escape::line(&problem.to_string()), ExitCode::FAILURE),
        };
    }
    match replay_file(file, MACHINES) {
        Ok(summary) => say(&mut io::stdout(), &sentence(summary), ExitCode::SUCCESS),
        Err(problem) => say(&mut io::stderr(), &format!("{}: {problem}", file.display()), ExitCode::FAILURE),
    }
}

fn write_seeds(into: &Path) -> ExitCode {
    let all = seeds::all();
    for target in TARGETS {
        let Some(seeds) = all.get(target.name) else { continue };
        let directory = into.join(target.name);
        let mut written = fs::create_dir_all(&directory);
        for (number, seed) in seeds.iter().enumerate() {
            written = written.and_then(|()| fs::write(directory.join(format!("{number:03}")), seed));
        }
        let shown = escape::line(&directory.to_string_lossy()).into_owned();
        if let Err(error) = written {
            return say(&mut io::stderr(), &format!("{shown} cannot be written: {error}"), ExitCode::FAILURE);
        }
        let budget = match target.budget {
            Budget::Decoder => "decoder",
            Budget::Machine => "machine",
        };
        say(&mut io::stdout(), &format!("{} {budget} {} seeds", target.name, seeds.len()), ExitCode::SUCCESS);
    }
    ExitCode::SUCCESS
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

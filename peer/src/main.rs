//! papo: peer-to-peer chat for a LAN or a self-hosted group.
//!
//! - [`args`]: arguments, configuration, environment.
//! - [`node`]: the wiring of everything else.
//! - [`store`]: what is kept, in SQLite.
//! - [`frontend`]: how a person or a script talks with the peer.
//! - [`relay`]: talking by a relay; [`monitor`]: how quickly a relay answers; another program in the same binary.
//!
//! What a peer does is in `papo_proto::peer`; nothing here decides about the network.

mod args;
mod frontend;
mod monitor;
mod node;
mod relay;
mod store;

use std::{
    fs::OpenOptions,
    io::{self, IsTerminal as _, Write},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
    process::ExitCode,
};

use clap::Parser as _;
use papo_runtime_mio::diagnostics;

use args::{Settings, Task, Transfer};
use frontend::{is_dumb, sentences, session::EXIT_USAGE};
use node::{Face, Failed};

const _: () = assert!(!papo_proto::CANARY, "the canary breaks a rule on purpose; it is for the simulator alone");

fn main() -> ExitCode {
    let arguments = match args::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            diagnostics::say_of_arguments(&error.to_string());
            return ExitCode::from(EXIT_USAGE);
        }
        Err(help) => help.exit(),
    };
    let ended = match arguments.into_settings(|name| std::env::var(name).ok()) {
        Ok(mut settings) => match settings.task.take() {
            Some(Task::Monitor(monitor)) => {
                diagnostics::start("warn", None);
                monitor::run(&monitor, settings.json, settings.record.as_deref(), settings.language)
            }
            Some(Task::RelayChat(arguments)) => {
                let face = face(settings.json, false);
                log_to(face, &settings.data);
                relay::run(&arguments, settings, face)
            }
            Some(Task::Transfer(transfer)) => run_node(settings, Some(transfer)),
            None => run_node(settings, None),
        },
        Err((language, error)) => Err(Failed { sentence: sentences::usage_error(language, &error), code: EXIT_USAGE }),
    };
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Failed { sentence, code }) => {
            diagnostics::say(&format!("papo: {sentence}"));
            ExitCode::from(code)
        }
    }
}

fn run_node(settings: Settings, transfer: Option<Transfer>) -> Result<u8, Failed> {
    let face = face(settings.json, transfer.is_some());
    log_to(face, &settings.data);
    node::run(settings, transfer, face)
}

/// A person is there when both ends are terminals that can be edited on, and there is more than one thing to do.
fn face(json: bool, task: bool) -> Face {
    let dumb = is_dumb();
    match (json, dumb) {
        (json, _) if task => Face::Task { json, bars: !json && !dumb && io::stderr().is_terminal() },
        (true, _) => Face::Json,
        (false, false) if io::stdin().is_terminal() && io::stdout().is_terminal() => Face::Terminal,
        (false, _) => Face::Plain,
    }
}

/// Diagnostics go to standard error, or where that is the terminal on which lines are edited or bars drawn, into a file.
fn log_to(face: Face, data: &Path) {
    let drawn = matches!(face, Face::Terminal | Face::Task { bars: true, .. });
    let file = (drawn && io::stderr().is_terminal()).then(|| -> Box<dyn Write + Send> {
        match OpenOptions::new().append(true).create(true).mode(0o600).open(data.join("log")) {
            Ok(file) => Box::new(file),
            // The directory is made later, at the very first start: nothing is logged then.
            Err(_) => Box::new(io::sink()),
        }
    });
    diagnostics::start("warn", file);
}

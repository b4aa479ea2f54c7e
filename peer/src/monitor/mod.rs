//! `papo monitor`: how quickly a relay answers, again and again.
//!
//! - [`args`]: what it is told on its command line.
//! - [`mail`]: what sends the mails.
//! - [`display`]: how measurements are shown; [`statistics`]: what they come to.
//!
//! The machine is [`papo_proto::monitor`], in a reactor of its own. What it tells is written by another thread, so that
//! a pipe that nobody reads never stops the measuring; so much may wait there, and what is beyond is counted.

pub(crate) mod args;
mod display;
mod mail;
pub(crate) mod statistics;

use std::{
    io::{self, IsTerminal as _},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
        mpsc::{Receiver, SyncSender, TrySendError, channel, sync_channel},
    },
    thread::{self, JoinHandle},
};

use jiff::Zoned;
use papo_proto::{
    limits::Limits,
    machine::Machine as _,
    monitor::{Command, Measurement, Monitor, Notice, Start},
    record,
};
use papo_runtime_mio::{Handle, Node, Options, Reactor, Recorder};
use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    iterator::Signals,
};

use self::{
    args::MonitorArguments,
    display::{Aside, Display, Face},
};
use crate::{
    frontend::{
        columns, is_closed, is_dumb,
        sentences::{self, Language, latency},
        session::{EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_UNREACHABLE, EXIT_USAGE},
    },
    node::Failed,
};

/// Measurements that wait to be written.
const WAITING_MAX: usize = 1024;

/// Measures until it is told to end, or has measured as often as it was told. The exit code: 4 where no answer came.
///
/// # Errors
/// When it can't start, or can't go on.
pub(crate) fn run(
    arguments: &MonitorArguments,
    json: bool,
    record: Option<&Path>,
    language: Language,
) -> Result<u8, Failed> {
    let signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(Failed::of(language))?;
    let thresholds = arguments.thresholds(language).map_err(|sentence| Failed { sentence, code: EXIT_USAGE })?;
    let start = Start {
        limits: Limits::DEFAULT,
        host: arguments.target.host.clone(),
        port: arguments.target.port,
        interval_ms: arguments.interval_ms(),
        timeout_ms: arguments.timeout_ms(),
        thresholds,
        count: arguments.count,
        mails: arguments.mail.wanted(),
    };
    let target = arguments.target.to_string();
    let mailer = arguments.mail.mailer(&target, language).map_err(|sentence| Failed { sentence, code: EXIT_USAGE })?;
    let recorder = record.map(|path| {
        Recorder::create(path, &record::header::<Monitor>(&start))
            .map_err(|error| Failed { sentence: sentences::record_refused(language, path, &error), code: EXIT_FAILURE })
    });
    let live = !json && io::stdout().is_terminal() && !is_dumb();
    let face = if json {
        Face::Json
    } else if live {
        Face::Live
    } else {
        Face::Plain
    };
    let display = Display::new(io::stdout(), face, &target, thresholds, language);

    let mut reactor = Reactor::new(Options { connections_max: 1, out_bytes_max: 1, queued_bytes_max: 1 })
        .map_err(Failed::of(language))?;
    let (told, shown) = sync_channel(WAITING_MAX);
    let (mails, wanted) = channel();
    let monitor = reactor.add(Node {
        machine: Monitor::start(start),
        store: None,
        passwords: None,
        disk: None,
        on_notice: Box::new(move |notice, control| match notice {
            Notice::Measured(measurement) => tell(&told, Told::Measured(measurement)),
            // Whoever sends mails hears of this one; nobody else asked for any.
            Notice::Mail(measurement) => drop(mails.send(measurement)),
            Notice::MailSent(measurement) => tell(&told, Told::Aside(Aside::MailSent(measurement.status))),
            Notice::MailFailed(why) => tell(&told, Told::Aside(Aside::MailFailed(why))),
            Notice::MailsDropped(count) => tell(&told, Told::Aside(Aside::MailsDropped(count))),
            Notice::Stopped { mails_unsent } => {
                if mails_unsent > 0 {
                    tell(&told, Told::Aside(Aside::MailsUnsent(mails_unsent)));
                }
                control.stop();
            }
        }),
        recorder: recorder.transpose()?,
    });
    let signal = listen_to_signals(signals, monitor.clone());
    if let Some(mailer) = mailer {
        mailer.start(wanted, monitor.clone());
    }
    let writer = write(display, shown, monitor);
    reactor.run().map_err(Failed::of(language))?;
    drop(reactor);
    let answered = writer
        .join()
        .map_err(|_| Failed { sentence: latency::not_written(language).to_owned(), code: EXIT_FAILURE })?;
    Ok(match signal.load(Ordering::Relaxed) {
        SIGINT => EXIT_INTERRUPTED,
        _ if answered => 0,
        _ => EXIT_UNREACHABLE,
    })
}

/// What is to be written.
#[derive(Debug)]
enum Told {
    Measured(Measurement),
    Aside(Aside),
}

/// Never waits: the reactor measures.
fn tell(to: &SyncSender<Told>, told: Told) {
    match to.try_send(told) {
        Ok(()) => {}
        Err(TrySendError::Full(told)) => log::warn!("nobody reads, so this is not shown: {told:?}"),
        Err(TrySendError::Disconnected(told)) => log::debug!("the output is closed, so this is not shown: {told:?}"),
    }
}

/// Writes what is measured until nothing more is; whether any answer came.
fn write(mut display: Display<io::Stdout>, told: Receiver<Told>, monitor: Handle<Command>) -> JoinHandle<bool> {
    thread::spawn(move || {
        for told in told {
            let time = Zoned::now().strftime("%H:%M:%S").to_string();
            let shown = match &told {
                Told::Measured(measurement) => display.show(measurement, &time, columns()),
                Told::Aside(aside) => display.tell(aside, &time),
            };
            if let Err(error) = shown {
                if !is_closed(&error) {
                    log::error!("the output can't be written: {error}");
                }
                // Nobody wants to know any more.
                drop(monitor.try_send(Command::Stop));
                return display.was_answered();
            }
        }
        if let Err(error) = display.finish() {
            log::debug!("the summary can't be written: {error}");
        }
        display.was_answered()
    })
}

/// The first signal lets it end in order, the second at once; the one that came.
fn listen_to_signals(mut signals: Signals, monitor: Handle<Command>) -> Arc<AtomicI32> {
    let came = Arc::<AtomicI32>::default();
    let noted = Arc::clone(&came);
    thread::spawn(move || {
        for signal in signals.forever() {
            if noted.swap(signal, Ordering::Relaxed) != 0 || monitor.try_send(Command::Stop).is_err() {
                std::process::exit(if signal == SIGINT { EXIT_INTERRUPTED.into() } else { EXIT_FAILURE.into() });
            }
        }
    });
    came
}

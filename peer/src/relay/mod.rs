//! `papo relay-chat`: talking by a relay, as the clients of older systems do, at the same terminal or in the same pipe
//! as everything else.
//!
//! - [`args`]: what it is told on its command line.
//! - [`session`]: what is decided.
//!
//! The machine is [`papo_proto::relay::chat`], in a reactor of its own. Nothing is encrypted, and nothing is kept but the
//! commands that were typed.

pub(crate) mod args;
pub(crate) mod session;

use std::{io, sync::Arc};

use papo_proto::{
    limits::Limits,
    machine::Machine as _,
    record,
    relay::chat::{Chat, Notice, Start},
};
use papo_runtime_mio::{Node, Options, Reactor, Recorder, random_seed};

use self::{
    args::RelayArguments,
    session::{RelaySession, VERBS},
};
use crate::{
    args::Settings,
    frontend::{
        Conversation as _, Wiring,
        event::{Event, Info},
        inbox::Inbox,
        paths::Paths,
        piped, running, sentences,
        session::{EXIT_FAILURE, Input},
        terminal::{self, screen::Screen},
    },
    node::{Face, Failed},
};

/// In the data directory, where there is one: commands that were typed.
const HISTORY: &str = "relay-history";

/// Talks until it is told to end. The exit code: 4 where there is no relay.
///
/// # Errors
/// When it can't start, or can't go on.
pub(crate) fn run(arguments: &RelayArguments, settings: Settings, face: Face) -> Result<u8, Failed> {
    let language = settings.language;
    let signals = running::signals(language)?;
    let start = Start {
        limits: Limits::DEFAULT,
        seed: random_seed(),
        protocol: arguments.protocol(),
        host: arguments.relay.host.clone(),
        port: arguments.relay.port,
    };
    let recorder = settings.record.as_deref().map(|path| {
        Recorder::create(path, &record::header::<Chat>(&start))
            .map_err(|error| Failed { sentence: sentences::record_refused(language, path, &error), code: EXIT_FAILURE })
    });
    let session = RelaySession::new(settings.user.clone(), face == Face::Terminal, face == Face::Json);
    let inbox = Arc::new(Inbox::default());
    if let Some(path) = &settings.record {
        inbox.push(Input::Show(Event::Info(Info::Recording(path.clone()))));
    }
    let mut reactor = Reactor::new(Options {
        connections_max: 1,
        out_bytes_max: start.limits.out_bytes_max,
        queued_bytes_max: Options::QUEUED_BYTES_MAX,
    })
    .map_err(Failed::of(language))?;
    let notices = Arc::clone(&inbox);
    let machine = reactor.add(Node {
        machine: Chat::start(start),
        store: None,
        passwords: None,
        disk: None,
        on_notice: Box::new(move |notice, control| {
            if matches!(notice, Notice::Stopped { .. }) {
                control.stop();
            }
            if notices.push_notice(notice) {
                control.command(RelaySession::output(false));
            }
        }),
        recorder: recorder.transpose()?,
    });
    let screen = (face == Face::Terminal).then(|| Arc::new(Screen::new(RelaySession::PROMPT)));
    let signalled =
        running::listen_to_signals::<RelaySession>(signals, screen.clone(), Arc::clone(&inbox), machine.clone());
    let wiring = Wiring { session, inbox: Arc::clone(&inbox), machine, language };
    // What was shown is noted nowhere: nothing that is heard is kept.
    let note = |_| {};
    let code = match screen {
        Some(screen) => {
            let (history, paths) = (settings.data.join(HISTORY), Paths::of_process().map_err(Failed::of(language))?);
            running::start(language, move || {
                terminal::run(wiring, note, VERBS, &screen, settings.theme, history, paths)
            })
        }
        None => running::start(language, move || Ok(piped::run(wiring, note, face == Face::Json, io::stdout()))),
    };
    let ran = reactor.run();
    inbox.end();
    let code = running::await_code(&code, &signalled, language);
    ran.map_err(Failed::of(language))?;
    code
}

//! The relays beside the tracker: in its reactor, and ended with it.

use std::{
    cell::{Cell, RefCell},
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    rc::Rc,
};

use log::info;
use papo_proto::{
    limits::Limits,
    machine::Machine,
    record,
    relay::{Command, Counters, Notice, Start, TcpRelay, UdpRelay},
};
use papo_runtime_mio::{Control, Node, Reactor, Recorder};

use crate::{
    args::Settings,
    host::{Host, refused, say},
};

/// Adds the relays that are wanted. What happens to each is recorded beside the tracker, in a file of its own.
///
/// # Errors
/// When a recording cannot be made: which.
pub(crate) fn add(
    reactor: &mut Reactor,
    host: &Rc<RefCell<Host>>,
    settings: &Settings,
    limits: &Limits,
) -> Result<(), (PathBuf, io::Error)> {
    if let Some(listen) = settings.relay_tcp {
        add_one::<TcpRelay>(reactor, host, settings.record.as_deref(), listen, limits, "tcp")?;
    }
    if let Some(listen) = settings.relay_udp {
        add_one::<UdpRelay>(reactor, host, settings.record.as_deref(), listen, limits, "udp")?;
    }
    Ok(())
}

fn add_one<M>(
    reactor: &mut Reactor,
    host: &Rc<RefCell<Host>>,
    record: Option<&Path>,
    listen: SocketAddr,
    limits: &Limits,
    protocol: &'static str,
) -> Result<(), (PathBuf, io::Error)>
where
    M: Machine<Start = Start, Command = Command, Notice = Notice, Change = ()> + 'static,
{
    let start = Start { listen, limits: limits.clone() };
    let recorder = record.map(|path| {
        let path = beside(path, protocol);
        Recorder::create(&path, &record::header::<M>(&start)).map_err(|error| (path, error))
    });
    let asked = Rc::<Cell<bool>>::default();
    let mut teller = Teller { host: Rc::clone(host), asked: Rc::clone(&asked), protocol, logged: String::new() };
    let relay = reactor.add(Node {
        machine: M::start(start),
        store: None,
        passwords: None,
        disk: None,
        on_notice: Box::new(move |notice, control| teller.on_notice(notice, control)),
        recorder: recorder.transpose()?,
    });
    host.borrow_mut().join(relay, asked);
    Ok(())
}

/// `FILE.relay-tcp` beside the tracker's `FILE`.
fn beside(path: &Path, protocol: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".relay-{protocol}"));
    name.into()
}

/// Tells of one relay.
struct Teller {
    host: Rc<RefCell<Host>>,
    asked: Rc<Cell<bool>>,
    protocol: &'static str,
    /// The sentence that was logged last.
    logged: String,
}

impl Teller {
    fn on_notice(&mut self, notice: Notice, control: &mut Control<Command>) {
        let protocol = self.protocol;
        match notice {
            Notice::Listening { address } => {
                say(&format!("papo-tracker relays {protocol} on {address}, in plain text"))
            }
            Notice::ListenRefused { address, reason } => {
                let (what, option) =
                    (format!("papo-tracker cannot relay {protocol} on"), format!("--relay-{protocol}"));
                self.host.borrow_mut().fail(refused(&what, address, reason, &option));
            }
            Notice::Counters { clients, counters } => {
                let sentence = format!("relay for {protocol}: clients {clients}; {}", counted(&counters));
                if self.asked.take() || sentence != self.logged {
                    info!("{sentence}");
                    self.logged = sentence;
                }
            }
            Notice::Stopped => control.stop(),
        }
    }
}

fn counted(counters: &Counters) -> String {
    let Counters { joined, left, messages, deliveries, full, idle, slow, unreachable, not_text, too_fast, too_much } =
        counters;
    let all = [
        (joined, "joined"),
        (left, "left"),
        (messages, "messages"),
        (deliveries, "deliveries"),
        (full, "refused because it was full"),
        (idle, "silent for too long"),
        (slow, "read too slowly"),
        (unreachable, "could not be reached"),
        (not_text, "were no text"),
        (too_fast, "came too fast"),
        (too_much, "would have been too much"),
    ];
    let counts = all.iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!("{count} {what}"));
    let counts = counts.collect::<Vec<_>>();
    if counts.is_empty() { "nobody came".to_owned() } else { counts.join(", ") }
}

//! Recordings of a machine, and their replay.
//!
//! A recording is lines of JSON:
//!
//! ```text
//! {"papo":"0.1.0","format":1,"machine":"tracker","start":…}     the header: what the machine started from
//! {"at":1500000,"event":{"received":{"conn":2,"bytes":"…"}}}    an event, written before it was handled
//! {"do":{"send":{"conn":2,"bytes":"…"}}}                        an action that it led to, in order
//! ```
//!
//! [`replay`] starts the same machine from the header, gives it the same events, and compares every action. A recording
//! that ends in the middle of an event, because its process was killed, is good as far as it goes. One with an event that
//! no driver would tell ([`crate::contract`]) is damaged: a machine is never given what it may rely on not to come.
//!
//! Invariant: nothing here reads or writes a file. A recording holds keys and texts: whoever writes one guards it.

use std::{borrow::Cow, fmt};

use serde::{Deserialize, Serialize, de::IgnoredAny};

use crate::{
    contract::Contract,
    escape,
    machine::{Action, Event, Machine, Outbox},
    time::Time,
};

/// The format that this version writes and reads.
pub const FORMAT: u32 = 1;
/// The version of papo that this is.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
/// How an action's line begins.
const ACTION_START: &str = "{\"do\":";

/// The first line of a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header<S> {
    /// The version that wrote it.
    pub papo: String,
    /// [`FORMAT`].
    pub format: u32,
    /// [`Machine::KIND`].
    pub machine: String,
    /// What the machine started from.
    pub start: S,
}

/// The header for a machine that starts from `start`.
pub fn header<M: Machine>(start: &M::Start) -> Header<&M::Start> {
    Header { papo: VERSION.to_owned(), format: FORMAT, machine: M::KIND.to_owned(), start }
}

/// A header of which only the part that all formats share is of interest.
#[derive(Deserialize)]
struct Preamble {
    #[expect(dead_code, reason = "its presence tells a recording from other JSON")]
    papo: String,
    format: u32,
    machine: String,
}

#[derive(Serialize)]
struct EventLine<'a, E> {
    at: Time,
    event: &'a E,
}

#[derive(Deserialize)]
#[serde(bound = "E: Deserialize<'de>")]
struct OwnedEventLine<E> {
    at: Time,
    event: E,
}

#[derive(Serialize)]
struct ActionLine<A> {
    r#do: A,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum SendLine<'a> {
    Send {
        conn: crate::machine::ConnId,
        #[serde(with = "crate::hex::bytes")]
        bytes: &'a [u8],
    },
    SendTo {
        socket: crate::machine::SocketId,
        to: std::net::SocketAddr,
        #[serde(with = "crate::hex::bytes")]
        bytes: &'a [u8],
    },
}

/// Appends the header's line.
///
/// # Errors
/// When the start cannot be written as JSON.
pub fn encode_header<S: Serialize>(header: &Header<S>, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    encode_line(header, out)
}

/// Appends an event's line.
///
/// # Errors
/// When a command cannot be written as JSON.
pub fn encode_event<C: Serialize>(now: Time, event: &Event<'_, C>, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    encode_line(&EventLine { at: now, event }, out)
}

/// Appends an action's line; `bytes` are what it sends.
///
/// # Errors
/// When a notice or a change cannot be written as JSON.
pub fn encode_action<N: Serialize, C: Serialize>(
    action: &Action<N, C>,
    bytes: &[u8],
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    if let Action::Send { conn, .. } = action {
        encode_line(&ActionLine { r#do: SendLine::Send { conn: *conn, bytes } }, out)
    } else if let Action::SendTo { socket, to, .. } = action {
        encode_line(&ActionLine { r#do: SendLine::SendTo { socket: *socket, to: *to, bytes } }, out)
    } else {
        encode_line(&ActionLine { r#do: action }, out)
    }
}

/// Appends the lines of everything in an outbox, in order.
///
/// # Errors
/// Those of [`encode_action`].
pub fn encode_outbox<N: Serialize, C: Serialize>(
    outbox: &Outbox<N, C>,
    out: &mut Vec<u8>,
) -> Result<(), serde_json::Error> {
    for action in outbox.actions() {
        let bytes = action.range().map_or(&[][..], |range| outbox.bytes(range));
        encode_action(action, bytes, out)?;
    }
    Ok(())
}

fn encode_line<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut *out, value)?;
    out.push(b'\n');
    Ok(())
}

/// What a replay that agreed in everything saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Events that were handled.
    pub events: usize,
    /// Actions that were compared.
    pub actions: usize,
    /// Whether the recording ends in the middle of a line or of an event's actions.
    pub cut: bool,
}

/// The first action in which a machine and its recording do not agree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The line of the recording where it shows, counted from 1.
    pub line: usize,
    /// The line of the event.
    pub event_line: usize,
    /// The event, as it was recorded.
    pub event: String,
    /// The action of the recording; `None` where it has no more for this event.
    pub recorded: Option<String>,
    /// What the machine does; `None` where it does no more.
    pub replayed: Option<String>,
}

/// Several lines, escaped: a recording is a stranger's text.
impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "line {}: the machine does something else than was recorded", self.line)?;
        writeln!(f, "event (line {}): {}", self.event_line, escape::line(&self.event))?;
        writeln!(f, "recorded: {}", shown(self.recorded.as_deref()))?;
        write!(f, "replayed: {}", shown(self.replayed.as_deref()))
    }
}

fn shown(action: Option<&str>) -> Cow<'_, str> {
    action.map_or(Cow::Borrowed("nothing"), escape::line)
}

/// Why a replay ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReplayError {
    /// The first line is no header.
    #[error("this is no recording of papo: its first line is no header")]
    NoRecording,
    /// Another version's.
    #[error("the recording has format {0}; this papo reads format {FORMAT}")]
    OtherFormat(u32),
    /// The header names another machine.
    #[error("the recording is of another machine ({})", escape::line(.0))]
    OtherMachine(String),
    /// A line that is neither an event nor an action, or what it says cannot be.
    #[error("line {line} of the recording is damaged: {}", escape::line(.problem))]
    Damaged {
        /// Counted from 1.
        line: usize,
        /// What is wrong with it.
        problem: String,
    },
    /// An action differs.
    #[error("{0}")]
    Difference(Box<Difference>),
}

/// Which machine the recording with this first line is of.
///
/// # Errors
/// When it is no header, or of another format.
pub fn machine_of(first_line: &str) -> Result<String, ReplayError> {
    let preamble: Preamble = serde_json::from_str(first_line).map_err(|_| ReplayError::NoRecording)?;
    if preamble.format == FORMAT { Ok(preamble.machine) } else { Err(ReplayError::OtherFormat(preamble.format)) }
}

/// Replays a whole recording, given as its lines without their ends.
///
/// # Errors
/// At the first action that differs, and when the recording is not one of `M` that this version can read.
pub fn replay<M: Machine>(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<Summary, ReplayError> {
    let mut lines = lines.into_iter().peekable();
    let first = lines.next().ok_or(ReplayError::NoRecording)?;
    let machine = machine_of(first.as_ref())?;
    if machine != M::KIND {
        return Err(ReplayError::OtherMachine(machine));
    }
    let header: Header<M::Start> = serde_json::from_str(first.as_ref())
        .map_err(|error| ReplayError::Damaged { line: 1, problem: error.to_string() })?;
    let mut replay = Replay::<M>::new(header.start);
    let mut number = 1;
    while let Some(line) = lines.next() {
        number += 1;
        let line = line.as_ref();
        if lines.peek().is_none() && serde_json::from_str::<IgnoredAny>(line).is_err() {
            replay.summary.cut = true;
            break;
        }
        if line.starts_with(ACTION_START) {
            replay.handle_action(number, line)?;
        } else {
            replay.handle_event(number, line)?;
        }
    }
    Ok(replay.finish())
}

/// A machine between two lines of its recording.
struct Replay<M: Machine> {
    machine: M,
    out: Outbox<M::Notice, M::Change>,
    /// The last event's line, and where it stands.
    event: String,
    event_line: usize,
    /// The lines of the last event's actions, and how far they have been compared.
    encoded: Vec<u8>,
    compared: usize,
    contract: Contract,
    summary: Summary,
}

impl<M: Machine> Replay<M> {
    fn new(start: M::Start) -> Self {
        Self {
            machine: M::start(start),
            out: Outbox::default(),
            event: String::new(),
            event_line: 1,
            encoded: Vec::new(),
            compared: 0,
            contract: Contract::default(),
            summary: Summary::default(),
        }
    }

    fn handle_event(&mut self, number: usize, line: &str) -> Result<(), ReplayError> {
        if let Some(more) = self.next_replayed() {
            return Err(self.difference(number, None, Some(more)));
        }
        let damaged = |problem: String| ReplayError::Damaged { line: number, problem };
        let OwnedEventLine { at, event } = serde_json::from_str::<OwnedEventLine<Event<'static, M::Command>>>(line)
            .map_err(|error| damaged(error.to_string()))?;
        // A machine relies on its driver's promises; a file has made none.
        self.contract.check_event(at, &event).map_err(|breach| damaged(breach.to_string()))?;
        line.clone_into(&mut self.event);
        self.event_line = number;
        self.encoded.clear();
        self.compared = 0;
        self.machine.handle(at, event, &mut self.out);
        encode_outbox(&self.out, &mut self.encoded).map_err(|error| damaged(error.to_string()))?;
        let contract = &mut self.contract;
        self.out.drain_with(|action, _| {
            // What the machine itself breaks is compared like all that it does.
            let _ = contract.check_action(&action);
        });
        self.summary.events += 1;
        Ok(())
    }

    fn handle_action(&mut self, number: usize, line: &str) -> Result<(), ReplayError> {
        if self.summary.events == 0 {
            return Err(ReplayError::Damaged { line: number, problem: "an action before the first event".to_owned() });
        }
        let replayed = self.next_replayed();
        if replayed.as_deref() != Some(line) {
            return Err(self.difference(number, Some(line.to_owned()), replayed));
        }
        self.summary.actions += 1;
        Ok(())
    }

    /// The next line that the machine's actions make, without its end.
    fn next_replayed(&mut self) -> Option<String> {
        let rest = &self.encoded[self.compared..];
        let length = rest.iter().position(|&byte| byte == b'\n')?;
        let line = String::from_utf8_lossy(&rest[..length]).into_owned();
        self.compared += length + 1;
        Some(line)
    }

    fn difference(&self, line: usize, recorded: Option<String>, replayed: Option<String>) -> ReplayError {
        let (event, event_line) = (self.event.clone(), self.event_line);
        ReplayError::Difference(Box::new(Difference { line, event_line, event, recorded, replayed }))
    }

    fn finish(mut self) -> Summary {
        self.summary.cut |= self.compared < self.encoded.len();
        self.summary
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{ConnId, Seq};
    use std::{
        net::{IpAddr, Ipv4Addr, SocketAddr},
        time::Duration,
    };

    /// Says back what it hears, with a number in front, and keeps the number.
    struct Parrot {
        said: u64,
    }

    impl Machine for Parrot {
        const KIND: &'static str = "parrot";
        type Start = u64;
        type Command = String;
        type Notice = String;
        type Change = u64;

        fn start(said: u64) -> Self {
            Self { said }
        }

        fn handle(&mut self, _: Time, event: Event<'_, String>, out: &mut Outbox<String, u64>) {
            match event {
                Event::Received { conn, bytes } => {
                    self.said += 1;
                    out.push(Action::Commit { seq: Seq(self.said), changes: vec![self.said] });
                    out.send(conn, &bytes);
                }
                Event::Command(text) => out.notify(text),
                Event::Due => out.push(Action::Connect { conn: CONN, address: REMOTE }),
                _ => {}
            }
        }

        fn deadline(&self) -> Option<Time> {
            None
        }
    }

    const CONN: ConnId = ConnId(1);
    const REMOTE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 6060);

    fn events() -> [(u64, Event<'static, String>); 5] {
        let local = SocketAddr::new(REMOTE.ip(), 40_000);
        [
            (0, Event::Due),
            (0, Event::Opened { conn: CONN, listener: None, local, remote: REMOTE }),
            (5, Event::Received { conn: CONN, bytes: b"\x00\xff".into() }),
            (5, Event::Command("olá\u{202e}\n".to_owned())),
            (9, Event::Closed { conn: CONN, reason: crate::machine::Closed::End }),
        ]
    }

    /// A whole recording, as a driver writes it.
    fn recording() -> String {
        let mut text = Vec::new();
        encode_header(&header::<Parrot>(&0), &mut text).expect("a number is JSON");
        let (mut parrot, mut out) = (Parrot::start(0), Outbox::default());
        for (ms, event) in events() {
            let now = Time::after_start(Duration::from_millis(ms));
            encode_event(now, &event, &mut text).expect("a text is JSON");
            parrot.handle(now, event, &mut out);
            encode_outbox(&out, &mut text).expect("they are JSON");
            out.drain_with(|_, _| {});
        }
        String::from_utf8(text).expect("JSON is text")
    }

    fn replay_text(text: &str) -> Result<Summary, ReplayError> {
        replay::<Parrot>(text.lines())
    }

    #[track_caller]
    fn difference(text: &str) -> Difference {
        match replay_text(text) {
            Err(ReplayError::Difference(difference)) => *difference,
            other => panic!("no difference: {other:?}"),
        }
    }

    #[test]
    fn a_recording_has_one_line_for_each_event_and_action() {
        let expected = format!(
            "{}{VERSION}{}",
            r#"{"papo":""#,
            r#"","format":1,"machine":"parrot","start":0}
{"at":0,"event":"due"}
{"do":{"connect":{"conn":1,"address":"127.0.0.1:6060"}}}
{"at":0,"event":{"opened":{"conn":1,"listener":null,"local":"127.0.0.1:40000","remote":"127.0.0.1:6060"}}}
{"at":5000000,"event":{"received":{"conn":1,"bytes":"00ff"}}}
{"do":{"commit":{"seq":1,"changes":[1]}}}
{"do":{"send":{"conn":1,"bytes":"00ff"}}}
{"at":5000000,"event":{"command":"oláRIGHT_TO_LEFT\n"}}
{"do":{"notify":"oláRIGHT_TO_LEFT\n"}}
{"at":9000000,"event":{"closed":{"conn":1,"reason":"end"}}}
"#
        );
        assert_eq!(recording(), expected.replace("RIGHT_TO_LEFT", "\u{202e}"));
    }

    #[test]
    fn a_recording_replays_to_the_same_actions() {
        assert_eq!(replay_text(&recording()), Ok(Summary { events: 5, actions: 4, cut: false }));
    }

    #[test]
    fn a_recording_that_ends_anywhere_is_good_as_far_as_it_goes() {
        let whole = recording().into_bytes();
        let header = whole.iter().position(|&byte| byte == b'\n').expect("a header");
        let mut former = Summary::default();
        for end in header + 1..whole.len() {
            let summary = replay_text(&String::from_utf8_lossy(&whole[..end])).expect("what is there is the same");
            assert!(summary.events >= former.events && summary.actions >= former.actions, "cut at {end}");
            former = summary;
        }
        assert_eq!((former.events, former.actions), (5, 4));
        let in_an_event = String::from_utf8_lossy(&whole).replace(r#"{"do":{"send":{"conn":1,"bytes":"00ff"}}}"#, "");
        let end = in_an_event.find("\n\n").expect("the action is gone");
        assert_eq!(replay_text(&in_an_event[..end]), Ok(Summary { events: 3, actions: 2, cut: true }));
        for end in 0..header {
            assert_eq!(replay_text(&String::from_utf8_lossy(&whole[..end])), Err(ReplayError::NoRecording), "{end}");
        }
    }

    #[test]
    fn the_first_action_that_differs_is_shown_with_its_event() {
        let text = recording().replace(r#""send":{"conn":1,"bytes":"00ff"#, r#""send":{"conn":1,"bytes":"00fe"#);
        let difference = difference(&text);
        assert_eq!((difference.line, difference.event_line), (7, 5));
        assert!(difference.event.contains("received"));
        assert_eq!(difference.recorded.as_deref(), Some(r#"{"do":{"send":{"conn":1,"bytes":"00fe"}}}"#));
        assert_eq!(difference.replayed.as_deref(), Some(r#"{"do":{"send":{"conn":1,"bytes":"00ff"}}}"#));
    }

    #[test]
    fn an_action_too_few_or_too_many_differs() {
        let send = "{\"do\":{\"send\":{\"conn\":1,\"bytes\":\"00ff\"}}}\n";
        let fewer = difference(&recording().replace(send, ""));
        assert_eq!((fewer.line, fewer.recorded, fewer.replayed), (7, None, Some(send.trim().to_owned())));
        let more = difference(&recording().replace(send, &send.repeat(2)));
        assert_eq!((more.line, more.recorded, more.replayed), (8, Some(send.trim().to_owned()), None));
    }

    #[test]
    fn what_is_shown_of_a_difference_steers_no_terminal() {
        let text = recording().replacen(r#"{"do":{"notify":"olá"#, r#"{"do":{"notify":"ola"#, 1);
        let shown = difference(&text).to_string();
        assert!(shown.contains("\\u{202e}") && !shown.contains('\u{202e}'), "{shown}");
    }

    #[test]
    fn what_is_no_recording_of_this_machine_is_refused() {
        let text = recording();
        for (other, error) in [
            ("", ReplayError::NoRecording),
            ("hello", ReplayError::NoRecording),
            ("{\"a\":1}", ReplayError::NoRecording),
            (&text.replace("\"format\":1", "\"format\":2"), ReplayError::OtherFormat(2)),
            (&text.replace("\"parrot\"", "\"owl\""), ReplayError::OtherMachine("owl".to_owned())),
        ] {
            assert_eq!(replay_text(other), Err(error), "{other}");
        }
    }

    #[test]
    fn an_event_that_no_driver_would_tell_is_damage() {
        let text = recording();
        for (wrong, line, problem) in [
            (text.replace("\"due\"", "{\"committed\":1}"), 2, "the commit 1 is not the next"),
            (
                text.replace("\"opened\":{\"conn\":1", "\"opened\":{\"conn\":3"),
                4,
                "an answer to 3, which does not wait for it",
            ),
            (text.replace("\"received\":{\"conn\":1", "\"received\":{\"conn\":2"), 5, "there is no connection 2"),
            (text.replace("\"at\":9000000", "\"at\":1"), 10, "time goes backwards"),
        ] {
            let damaged = ReplayError::Damaged { line, problem: problem.to_owned() };
            assert_eq!(replay_text(&wrong), Err(damaged), "{wrong}");
        }
    }

    #[test]
    fn a_damaged_line_is_named() {
        let text = recording();
        let lines = text.lines().collect::<Vec<_>>();
        for (damaged, line) in [
            (text.replace("\"start\":0", "\"start\":\"x\""), 1),
            (text.replace("\"at\":0,", "\"at\":0;"), 2),
            (text.replace("\"event\":{\"closed\"", "\"event\":{\"eaten\""), 10),
            (text.replace("\"at\":9000000", "\"at\":1"), 10),
            ([lines[0], lines[2], lines[1]].join("\n"), 2),
        ] {
            match replay_text(&damaged) {
                Err(ReplayError::Damaged { line: named, .. }) => assert_eq!(named, line, "{damaged}"),
                other => panic!("{other:?} of {damaged}"),
            }
        }
    }
}

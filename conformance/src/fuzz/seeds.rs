//! Where fuzzing begins: real traffic, taken from the recordings of the scripts.
//!
//! A recording has the seed and the identity of its machine in its header, so every channel of that machine can be made
//! again, and what it heard can be opened. The messages are seeds for the decoders as they are; for the machines they
//! become operations: who connected, who said what, what passed in between.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    channel::{Channel, Preface, StaticKey, Step},
    identity::Identity,
    limits::FRAME_BYTES_MAX,
    machine::{ConnId, Event, Machine as _},
    peer::Peer,
    record,
    rng::Seed,
    tracker::Tracker,
    wire::{
        beacon::Beacon,
        codec::Wire as _,
        peer::ToPeer,
        room::SignedEntry,
        tracker::{FromTracker, ToTracker},
    },
};
use serde::Deserialize;
use serde_json::Value;

use super::{peer::tell, relay_seeds, stories};
use crate::scripts::{self, Recording};

/// No seed is longer; a fuzzer makes more of short ones.
const BYTES_MAX: usize = 4096;
/// A recording begins with a header of some 2 KiB.
const RECORDING_BYTES_MAX: usize = 8192;
/// Seeds of one target.
const SEEDS_MAX: usize = 200;

/// What every target begins with, by its name; each seed once.
#[must_use]
pub fn all() -> BTreeMap<&'static str, BTreeSet<Vec<u8>>> {
    let mut seeds = Seeds::default();
    seeds.add_stories();
    for recording in scripts::all() {
        for (target, seed) in relay_seeds::of(&recording) {
            seeds.add(target, seed);
        }
        // Of the relays' machines, none has a channel to open.
        if let Some(life) = Life::of(&recording) {
            seeds.take(&life, &recording.bytes);
        }
    }
    seeds.0
}

#[derive(Deserialize)]
struct Header {
    machine: String,
    start: HeaderStart,
}

#[derive(Deserialize)]
struct HeaderStart {
    seed: Seed,
    identity: Identity,
}

/// A line of a recording. An action is of interest as far as it closes something.
#[derive(Deserialize)]
struct Line {
    event: Option<Event<'static, Value>>,
    r#do: Option<Value>,
}

/// What happened to a machine, as far as a story can tell it again.
enum Happened {
    /// A connection stands; whether it was accepted.
    Opened(ConnId, bool),
    Bytes(ConnId, Vec<u8>),
    /// What those bytes said.
    Message(ConnId, Preface, Vec<u8>),
    /// It ended, by either side.
    Gone(ConnId, bool),
    Due,
    Asked(Value),
}

struct Life {
    machine: String,
    happened: Vec<Happened>,
}

impl Life {
    fn of(recording: &Recording) -> Option<Self> {
        let text = String::from_utf8_lossy(&recording.bytes);
        let mut lines = text.lines();
        let first = lines.next().unwrap_or_default();
        let machine = record::machine_of(first).expect("a recording has a header");
        if ![Tracker::KIND, Peer::KIND].contains(&machine.as_str()) {
            return None;
        }
        let header: Header = serde_json::from_str(first).expect("it tells what its machine began with");
        let mut life = Self { machine: header.machine, happened: Vec::new() };
        let mut channels = BTreeMap::new();
        for line in lines {
            let line: Line = serde_json::from_str(line).expect("a recording is lines of JSON");
            match line.event {
                Some(event) => life.take(event, &header.start, &mut channels),
                None => life.happened.extend(closed(line.r#do.as_ref())),
            }
        }
        Some(life)
    }

    fn take(
        &mut self,
        event: Event<'static, Value>,
        start: &HeaderStart,
        channels: &mut BTreeMap<ConnId, (Preface, Channel)>,
    ) {
        match event {
            Event::Opened { conn, listener, remote, .. } => {
                let is_tracker_s = self.machine == "tracker" || (listener.is_none() && remote.port() == 6060);
                let preface = if is_tracker_s { Preface::Tracker } else { Preface::Peer };
                let statics = StaticKey::draw(&mut start.seed.stream("static", 0));
                let (identity, rng) = (start.identity.clone(), start.seed.stream("channel", conn.0));
                let channel = match listener {
                    Some(_) => Channel::accept(preface, identity, &statics, rng),
                    None => Channel::dial(preface, identity, &statics, rng, &mut Vec::new()),
                };
                channels.insert(conn, (preface, channel));
                self.happened.push(Happened::Opened(conn, listener.is_some()));
            }
            Event::Received { conn, bytes } => {
                self.happened.push(Happened::Bytes(conn, bytes.to_vec()));
                let Some((preface, channel)) = channels.get_mut(&conn) else { return };
                channel.handle_bytes(&bytes);
                // A stranger's channel fails, as it did then.
                while let Ok(Some(step)) = channel.next_step(FRAME_BYTES_MAX, &mut Vec::new()) {
                    match step {
                        Step::Identified(_) => channel.confirm(&mut Vec::new()),
                        Step::Established(_) => {}
                        Step::Message(message) => self.happened.push(Happened::Message(conn, *preface, message)),
                    }
                }
            }
            Event::Closed { conn, .. } => self.happened.push(Happened::Gone(conn, false)),
            Event::Due => self.happened.push(Happened::Due),
            Event::Command(command) => self.happened.push(Happened::Asked(command)),
            Event::Listening { .. }
            | Event::Refused { .. }
            | Event::Writable { .. }
            | Event::Wall(_)
            | Event::Interfaces(_)
            | Event::Committed(_)
            | Event::PasswordChecked { .. }
            | Event::Resolved { .. }
            | Event::Bound { .. }
            | Event::Datagram { .. }
            | Event::Undeliverable { .. }
            | Event::Disk { .. } => {}
        }
    }

    /// The machine's life as operations of a target: `opened` and `said` write them for the connection at that place.
    fn operations(
        &self,
        begin: &[u8],
        opened: impl Fn(u8, bool) -> Vec<u8>,
        said: impl Fn(u8, &[u8]) -> Vec<u8>,
        others: impl Fn(&Happened, u8) -> Vec<u8>,
    ) -> Vec<Vec<u8>> {
        let (mut stories, mut story, mut standing) = (Vec::new(), begin.to_vec(), BTreeSet::new());
        for happened in &self.happened {
            let place =
                |conn: &ConnId| standing.iter().position(|one| one == conn).and_then(|at| u8::try_from(at).ok());
            let operation = match happened {
                Happened::Opened(conn, accepted) => {
                    standing.insert(*conn);
                    opened(standing.len() as u8, *accepted)
                }
                Happened::Message(conn, _, message) if message.len() < 256 => {
                    place(conn).map(|place| said(place, message)).unwrap_or_default()
                }
                Happened::Gone(conn, by_machine) => {
                    let place = place(conn);
                    standing.remove(conn);
                    place.filter(|_| !by_machine).map(|place| others(happened, place)).unwrap_or_default()
                }
                Happened::Due | Happened::Asked(_) => others(happened, 0),
                Happened::Bytes(..) | Happened::Message(..) => Vec::new(),
            };
            story.extend(operation);
            // The beginning of a life, and more of it.
            if story.len() > 200 << (2 * stories.len()) {
                stories.push(story.clone());
            }
            if story.len() > BYTES_MAX {
                break;
            }
        }
        stories.push(story);
        stories
    }
}

/// The connection that an action closes.
fn closed(action: Option<&Value>) -> Option<Happened> {
    let id = action?.get("close")?.get("id")?.as_u64()?;
    Some(Happened::Gone(ConnId(id), true))
}

#[derive(Default)]
struct Seeds(BTreeMap<&'static str, BTreeSet<Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &'static str, seed: Vec<u8>) {
        let seeds = self.0.entry(target).or_default();
        if seeds.len() < SEEDS_MAX {
            seeds.insert(seed);
        }
    }

    fn take(&mut self, life: &Life, recording: &[u8]) {
        self.take_bytes(life);
        self.take_messages(life);
        self.take_texts(recording);
        let is_tracker = life.machine == "tracker";
        self.add(if is_tracker { "tracker_recording" } else { "peer_recording" }, beginning(recording));
        let stories = if is_tracker { tracker_stories(life) } else { peer_stories(life) };
        for story in stories {
            self.add(if is_tracker { "tracker" } else { "peer" }, story);
        }
        self.add("room_log", log_story(life));
    }

    /// What came over each connection, whole.
    fn take_bytes(&mut self, life: &Life) {
        let mut streams = BTreeMap::<ConnId, Vec<&[u8]>>::new();
        for happened in &life.happened {
            if let Happened::Bytes(conn, bytes) = happened {
                streams.entry(*conn).or_default().push(bytes);
            }
        }
        for chunks in streams.into_values() {
            let stream = chunks.concat();
            let preface = Preface::ALL.into_iter().position(|preface| stream.starts_with(preface.line()));
            let framed = preface.map_or(&stream[..], |preface| &stream[Preface::ALL[preface].line().len()..]);
            self.add("frames", [&[4, 7], &framed[..framed.len().min(BYTES_MAX)]].concat());
            let first = &stream[..stream.len().min(128)];
            self.add("preface", [&[preface.unwrap_or(1) as u8, 31], first].concat());
            // One end hears it, the dialler what acceptors say and the reverse.
            let mut heard = vec![preface.unwrap_or(0) as u8, u8::from(preface.is_some()), 0];
            for chunk in chunks.iter().filter(|chunk| chunk.len() < 1024).take(8) {
                heard.extend(u16::try_from(chunk.len()).unwrap_or_default().to_be_bytes());
                heard.extend_from_slice(chunk);
            }
            self.add("channel", heard);
        }
        // Two ends talk; each in turn says something, and somebody does one thing to it.
        for meddling in 0..9 {
            self.add(
                "channel",
                vec![0, 2, 1, 2, 0, 3, 65, 2, 1, 3, 66, meddling, 0, 20, 4, 1, 1, 0, 2, 1, 0, 67, 1, 0],
            );
        }
    }

    /// What is in no script: files and beacons, and what is said of them.
    fn add_stories(&mut self) {
        for (_, story) in stories::all() {
            let told = tell(&story);
            told.beacons.into_iter().for_each(|beacon| self.add("beacon", beacon));
            for message in told.to_peers {
                if let ToPeer::Offer { offer, .. } = &message {
                    self.add("fields", offer.to_bytes());
                }
                let bytes = message.to_bytes();
                if bytes.len() < BYTES_MAX {
                    self.add("to_peer", bytes);
                }
            }
            self.add("peer", story);
        }
        stories::manifests().into_iter().for_each(|manifest| self.add("manifest", manifest));
        for (port, instance, tracker) in [(6061, 1, None), (1, u64::MAX, Some(6060)), (u16::MAX, 1 << 32, Some(1))] {
            self.add("beacon", Beacon { port, instance, tracker }.to_bytes());
        }
    }

    fn take_messages(&mut self, life: &Life) {
        for happened in &life.happened {
            let Happened::Message(_, preface, message) = happened else { continue };
            match (preface, life.machine.as_str()) {
                (Preface::Tracker, "tracker") => self.add("to_tracker", message.clone()),
                (Preface::Tracker, _) => self.add("from_tracker", message.clone()),
                (Preface::Peer, _) => self.add("to_peer", message.clone()),
            }
            match FromTracker::from_bytes(message) {
                Ok(FromTracker::Room { room }) => {
                    self.add("entries", room.record.to_bytes());
                    self.add("fields", room.to_bytes());
                }
                Ok(FromTracker::Contact { contact } | FromTracker::Whois { contact, .. }) => {
                    self.add("fields", contact.to_bytes());
                    self.add("fields", contact.endpoints.to_bytes());
                }
                Ok(FromTracker::Peers { rows, .. }) => rows.iter().for_each(|row| self.add("fields", row.to_bytes())),
                Ok(FromTracker::Rooms { rows, .. }) => rows.iter().for_each(|row| self.add("fields", row.to_bytes())),
                Ok(_) | Err(_) => {}
            }
            match ToPeer::from_bytes(message) {
                Ok(ToPeer::Entry { entry: signed }) => {
                    let SignedEntry { entry, .. } = &signed;
                    let parts = [signed.to_bytes(), entry.to_bytes(), entry.parents.to_bytes(), entry.body.to_bytes()];
                    parts.into_iter().for_each(|part| self.add("entries", part));
                }
                Ok(ToPeer::Private { message }) => self.add("fields", message.to_bytes()),
                Ok(_) | Err(_) => {}
            }
            if let Ok(ToTracker::Register { password, claimed, .. }) = ToTracker::from_bytes(message) {
                self.add("fields", password.to_bytes());
                self.add("fields", claimed.to_bytes());
            }
        }
    }

    /// Every text of a recording.
    fn take_texts(&mut self, recording: &[u8]) {
        for line in String::from_utf8_lossy(recording).lines() {
            let mut values = serde_json::from_str::<Value>(line).into_iter().collect::<Vec<_>>();
            while let Some(value) = values.pop() {
                match value {
                    Value::String(text) if text.len() > 128 => {}
                    Value::String(text) if papo_proto::hex::decode(&text).is_some() => {
                        self.add("hexadecimal", text.into_bytes());
                    }
                    Value::String(text) => {
                        self.add("names", text.clone().into_bytes());
                        self.add("escaping", text.into_bytes());
                    }
                    Value::Array(elements) => values.extend(elements),
                    Value::Object(fields) => values.extend(fields.into_iter().map(|(_, field)| field)),
                    Value::Null | Value::Bool(_) | Value::Number(_) => {}
                }
            }
        }
    }
}

/// The first lines of a recording.
fn beginning(recording: &[u8]) -> Vec<u8> {
    let whole = &recording[..recording.len().min(RECORDING_BYTES_MAX)];
    let end = whole.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
    whole[..end].to_vec()
}

/// See the operations of `fuzz::tracker`.
fn tracker_stories(life: &Life) -> Vec<Vec<u8>> {
    let opened = |standing: u8, _| vec![0, standing, 0];
    let said = |place: u8, message: &[u8]| [&[9, place, message.len() as u8], message, &[0]].concat();
    let others = |happened: &Happened, place: u8| match happened {
        Happened::Gone(..) => vec![11, 0, place],
        Happened::Due => vec![12],
        Happened::Asked(_) => vec![14, 0],
        Happened::Opened(..) | Happened::Bytes(..) | Happened::Message(..) => Vec::new(),
    };
    life.operations(&[0, 0, 0, 0], opened, said, others)
}

/// See the operations of `fuzz::peer`. The tracker is not kind: what it says is what it said then.
fn peer_stories(life: &Life) -> Vec<Vec<u8>> {
    let opened = |standing: u8, accepted| if accepted { vec![10, standing, 0, 0, 0, 0] } else { Vec::new() };
    let said = |place: u8, message: &[u8]| [&[5, place, 0xff, message.len() as u8], message].concat();
    let others = |happened: &Happened, place: u8| match happened {
        Happened::Gone(..) => vec![16, 0, place],
        Happened::Due => vec![17],
        Happened::Asked(command) => asked(command).to_vec(),
        Happened::Opened(..) | Happened::Bytes(..) | Happened::Message(..) => Vec::new(),
    };
    life.operations(&[0, 4, 0, 1, 0, 4], opened, said, others)
}

/// The operation for a person's wish: what is asked for, of the first room or person that there is.
fn asked(command: &Value) -> &'static [u8] {
    let request = command.get("ask").and_then(|ask| ask.get("request"));
    let name = match request {
        Some(Value::Object(fields)) => fields.keys().next().map_or("", String::as_str),
        Some(other) => other.as_str().unwrap_or_default(),
        None => "",
    };
    match name {
        "register" | "login" => &[0, 1, 0, 1, 0],
        "logout" => &[0, 3],
        "peers" => &[0, 5, 0],
        "users" => &[0, 6, 1, 0],
        "rooms" => &[0, 7, 0],
        "whois" => &[0, 8, 1],
        "create" => &[0, 9, 0, 0],
        "join" => &[0, 10, 0],
        "leave" => &[0, 12, 0],
        "delete" => &[0, 13, 0],
        "say" => &[0, 15, 0, 0, 3],
        "connect" => &[0, 20, 0],
        "verify" => &[0, 24, 1],
        "trust" => &[0, 25, 1],
        "ping" => &[0, 26, 1],
        "drain" => &[0, 29],
        _ => &[],
    }
}

/// See the operations of `fuzz::room_log`: each entry is written, following the one before it, and arrives.
fn log_story(life: &Life) -> Vec<u8> {
    let (mut story, mut authors, mut count) = (vec![0], Vec::new(), 0_u8);
    for happened in &life.happened {
        let Happened::Message(_, Preface::Peer, message) = happened else { continue };
        let Ok(ToPeer::Entry { entry }) = ToPeer::from_bytes(message) else { continue };
        let author = entry.entry.author;
        let number = authors.iter().position(|known| *known == author).unwrap_or_else(|| {
            authors.push(author);
            authors.len() - 1
        });
        story.extend([0, number as u8, u8::from(count > 0)]);
        story.extend((count > 0).then(|| count - 1));
        story.extend([0, 2, count, 1, 1]);
        count += 1;
    }
    story
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzz::TARGETS;

    #[test]
    fn every_target_has_seeds_of_real_traffic_and_holds_for_them() {
        let seeds = all();
        for target in TARGETS {
            let of_target = seeds.get(target.name).unwrap_or_else(|| panic!("{} has no seeds", target.name));
            of_target.iter().for_each(|seed| (target.run)(seed));
        }
        assert_eq!(seeds.len(), TARGETS.len(), "seeds of what is no target");
    }

    #[test]
    fn recordings_are_opened_with_the_keys_in_their_headers() {
        let seeds = all();
        let tried = |target, is_valid: fn(&[u8]) -> bool| {
            let of_target = &seeds[target];
            assert!(of_target.len() > 10, "{target}: {} messages", of_target.len());
            assert!(of_target.iter().all(|message| is_valid(message)), "{target}: opened, and no message");
        };
        tried("to_tracker", |message| ToTracker::from_bytes(message).is_ok());
        tried("from_tracker", |message| FromTracker::from_bytes(message).is_ok());
        tried("to_peer", |message| ToPeer::from_bytes(message).is_ok());
    }
}

//! An event → one line of JSON, for scripts. Names of events and fields hold for good; more may be added.
//!
//! Hostile characters are written as `\uXXXX` escapes: a script reads exactly what was said, and a terminal that shows
//! the line is safe.

use std::io;

use papo_proto::{
    escape::{self, Piece},
    monitor::status::{Status, Thresholds},
    peer::{
        Note, Notice,
        change::Incoming,
        interface::{PeerEvent, PeerSeen, Phase, RoomSeen, Target, TransferSeen},
    },
    relay::chat,
    time::Wall,
    wire::{
        peer::Scope,
        tracker::{self, RoomEvent},
    },
};
use serde::{Serializer as _, ser::SerializeMap as _};
use serde_json::{Value, json, ser::Formatter};

use super::{
    event::{Event, Info},
    sentences::{self, Language, files},
};

/// The lines of an event, each with its line break, and the texts in it in a language; none for what scripts are not
/// told.
pub(crate) fn lines(event: &Event, language: Language) -> String {
    value(event, language).map_or_else(String::new, |value| line(&value))
}

fn value(event: &Event, language: Language) -> Option<Value> {
    Some(match event {
        // Scripts are told all progress, and make their own summaries.
        Event::Notice(notice) | Event::Arrived { notice, .. } => return self::notice(notice, language),
        Event::Counters { counters, links, unacknowledged, stats } => json!({
            "event": "counters", "links": links, "unacknowledged": unacknowledged, "faults": counters,
            "turned_away": stats.turned_away, "crowded_out": stats.crowded_out,
        }),
        Event::Progress(moving) => progress(moving.transfer, moving.done, moving.total),
        Event::Problem(problem) => error(problem.code(), &sentences::problem(language, problem)),
        Event::Mistake(mistake) => error(mistake.code(), &sentences::mistake(language, mistake)),
        Event::Relay(notice) => return relay(notice, language),
        Event::Trouble(trouble) => error(trouble.code(), &sentences::trouble(language, trouble)),
        Event::Inactive(user) => self::latency_of(user.as_str(), Status::Inactive, None),
        // Every delivery is told already.
        Event::Info(Info::LateDelivery { .. }) => return None,
        Event::Info(info @ Info::Hosting { addresses, key }) => json!({
            "event": "notice", "code": "hosting", "text": sentences::info(language, info).join("\n"),
            "addresses": addresses, "fingerprint": key,
        }),
        Event::Info(info) => json!({ "event": "notice", "text": sentences::info(language, info).join("\n") }),
    })
}

fn relay(notice: &chat::Notice, language: Language) -> Option<Value> {
    let failed = |code| sentences::relay::of_notice(language, notice).map(|text| error(code, &text));
    match notice {
        chat::Notice::Joined { address } => Some(json!({ "event": "joined", "relay": address.to_string() })),
        chat::Notice::Heard { at, from, text } => Some(json!({
            "event": "message", "id": null, "from": from.map(|from| from.to_string()), "room": null, "scope": "all",
            "at": time(*at), "text": text, "plaintext": true,
        })),
        chat::Notice::Said { at, text } => {
            Some(json!({ "event": "said", "id": null, "text": text, "scope": "all", "at": time(*at) }))
        }
        chat::Notice::Lost(_) => failed("relay_lost"),
        chat::Notice::TooMuch => failed("too_much"),
        chat::Notice::Missed(_) => failed("not_shown"),
        chat::Notice::Stopped { .. } => failed("not_said"),
    }
}

/// The line of a measurement.
pub(crate) fn latency(target: &str, status: Status, us: Option<u64>) -> String {
    line(&latency_of(target, status, us))
}

/// The line of something that is told beside the measurements.
pub(crate) fn aside(is_error: bool, code: &str, text: &str) -> String {
    line(&if is_error { error(code, text) } else { json!({ "event": "notice", "code": code, "text": text }) })
}

fn latency_of(target: &str, status: Status, us: Option<u64>) -> Value {
    json!({ "event": "latency", "target": target, "status": status.word(), "ms": us.map(milliseconds) })
}

fn progress(transfer: u64, done: u64, total: u64) -> Value {
    json!({ "event": "progress", "transfer": transfer, "done": done, "total": total })
}

fn error(code: &str, text: &str) -> Value {
    json!({ "event": "error", "code": code, "text": text })
}

fn notice(notice: &Notice, language: Language) -> Option<Value> {
    Some(match notice {
        Notice::Ready { user, listen, key } => {
            json!({ "event": "ready", "user": user, "listen": listen.to_string(), "fingerprint": key })
        }
        Notice::ListenRefused { listen, reason } => {
            error("listen_refused", &sentences::listen_refused(language, &listen.to_string(), *reason, "--listen"))
        }
        Notice::LoggedIn { user, tracker } => json!({ "event": "logged_in", "user": user, "tracker": tracker }),
        Notice::LoggedOut => json!({ "event": "logged_out" }),
        Notice::Peers { peers } => json!({ "event": "peers", "peers": peers.iter().map(peer).collect::<Vec<_>>() }),
        Notice::Users { room, users } => {
            json!({ "event": "users", "room": room, "users": users.iter().map(peer).collect::<Vec<_>>() })
        }
        Notice::Rooms { rooms } => json!({ "event": "rooms", "rooms": rooms.iter().map(room).collect::<Vec<_>>() }),
        Notice::Whois { peer: seen, key, pinned, verified, profile, plaintext } => {
            let mut value = peer(seen);
            if let Some(fields) = value.as_object_mut() {
                fields.insert("event".to_owned(), json!("whois"));
                fields.insert("fingerprint".to_owned(), json!(key));
                fields.insert("pinned".to_owned(), json!(pinned));
                fields.insert("verified".to_owned(), json!(verified));
                fields.insert("profile".to_owned(), json!(profile.as_str()));
                fields.insert("plaintext".to_owned(), json!(plaintext));
            }
            value
        }
        Notice::Trackers { taken, offered } => {
            json!({ "event": "trackers", "tracker": taken, "offered": offered.iter().map(ToString::to_string).collect::<Vec<_>>() })
        }
        Notice::Room { room, what, user, members } => json!({
            "event": "room", "room": room, "what": room_event(*what), "user": user, "members": members,
        }),
        Notice::Peer { what, user, address, plaintext } => json!({
            "event": "peer", "what": peer_event(*what), "user": user,
            "address": address.map(|address| address.to_string()), "plaintext": plaintext,
        }),
        Notice::Said { id, to, at, text, waiting } => {
            let (scope, room, user) = match to {
                Target::All => ("all", None, None),
                Target::Room(room) => ("room", Some(room), None),
                Target::User(user) => ("private", None, Some(user)),
            };
            json!({
                "event": "said", "id": id, "text": text, "scope": scope, "room": room, "to": user,
                "at": time(*at), "waiting": waiting,
            })
        }
        Notice::Message(incoming) => message(incoming),
        Notice::Delivered { id, to } => json!({ "event": "delivered", "id": id, "to": to }),
        Notice::Digits { user, digits } => json!({ "event": "verify", "user": user, "digits": digits }),
        Notice::Pinged { user, us } => latency_of(user.as_str(), Thresholds::DEFAULT.status_of(Some(*us)), Some(*us)),
        Notice::Note(note @ Note::TrackerOffered { address }) => json!({
            "event": "tracker_offered", "address": address.to_string(), "text": sentences::note(language, note),
        }),
        Notice::Note(note) => {
            json!({ "event": "notice", "code": note_code(note), "text": sentences::note(language, note) })
        }
        Notice::Failed(problem) => error(problem.code(), &sentences::problem(language, problem)),
        Notice::Offer { transfer, from, room, scope, name, tree, size, files, accepted } => json!({
            "event": "offer", "transfer": transfer, "from": from, "room": room,
            "scope": scope_word(room.is_some(), *scope), "name": name, "directory": tree, "size": size,
            "files": files, "accepted": accepted,
        }),
        Notice::Offered { transfer, to, name, tree, size, files, waiting } => json!({
            "event": "offered", "transfer": transfer, "to": to, "name": name, "directory": tree, "size": size,
            "files": files, "waiting": waiting,
        }),
        Notice::Progress { transfer, done, total } => progress(*transfer, *done, *total),
        Notice::Received { transfer, from, path, sha256, renamed } => json!({
            "event": "received", "transfer": transfer, "path": path, "sha256": sha256, "from": from,
            "renamed": renamed,
        }),
        Notice::Sent { transfer, to, name, skipped } => {
            json!({ "event": "sent", "transfer": transfer, "to": to, "name": name, "skipped": skipped })
        }
        Notice::TransferEnded { transfer, incoming, user, name, reason, by_us } => json!({
            "event": "transfer_ended", "transfer": transfer, "incoming": incoming, "user": user, "name": name,
            "reason": reason, "by_us": by_us,
            "text": files::ended(language, *transfer, *incoming, user, name, *reason, *by_us),
        }),
        Notice::Transfers { rows } => {
            json!({ "event": "transfers", "transfers": rows.iter().map(transfer).collect::<Vec<_>>() })
        }
        Notice::Stopped { unacknowledged } => {
            let text = sentences::stopped(language, *unacknowledged)?;
            json!({ "event": "notice", "code": "undelivered", "text": text, "messages": unacknowledged })
        }
        // Answered by the frontend, not shown.
        // The counters are told with what the reactor adds to them.
        Notice::UnknownTracker { .. }
        | Notice::PasswordNeeded { .. }
        | Notice::Counters { .. }
        | Notice::Outcome { .. } => return None,
    })
}

fn message(incoming: &Incoming) -> Value {
    let scope = scope_word(incoming.room.is_some(), incoming.scope);
    let mut value = json!({
        "event": "message", "id": incoming.id, "from": incoming.from, "room": incoming.room, "scope": scope,
        "text": incoming.text, "at": time(incoming.at), "gap": incoming.gap,
    });
    if incoming.plaintext {
        value["plaintext"] = Value::Bool(true);
    }
    value
}

const fn scope_word(in_room: bool, scope: Option<Scope>) -> &'static str {
    match (in_room, scope) {
        (true, _) => "room",
        (false, Some(Scope::All)) => "all",
        (false, Some(Scope::Private) | None) => "private",
    }
}

fn peer(peer: &PeerSeen) -> Value {
    json!({
        "user": peer.user,
        "address": peer.address.map(|address| address.to_string()),
        "status": status(peer.status),
        "status_text": peer.status_text.as_str(),
        "room": peer.room,
        "last_seen": time(peer.last_seen),
        "linked": peer.linked,
        "blocked": peer.blocked,
        "plaintext": peer.plaintext,
    })
}

fn room(room: &RoomSeen) -> Value {
    json!({
        "room": room.room,
        "owner": room.owner,
        "members": room.members,
        "capacity": room.capacity,
        "plaintext": room.plaintext,
        "joined": room.joined,
    })
}

fn transfer(seen: &TransferSeen) -> Value {
    json!({
        "transfer": seen.transfer, "incoming": seen.incoming, "user": seen.user, "name": seen.name,
        "directory": seen.tree, "done": seen.done, "total": seen.total, "state": phase(seen.phase),
    })
}

const fn room_event(what: RoomEvent) -> &'static str {
    match what {
        RoomEvent::Created => "created",
        RoomEvent::Joined => "joined",
        RoomEvent::Left => "left",
        RoomEvent::Evicted => "evicted",
        RoomEvent::Deleted => "deleted",
        RoomEvent::Owner => "owner",
    }
}

const fn peer_event(what: PeerEvent) -> &'static str {
    match what {
        PeerEvent::Found => "found",
        PeerEvent::Linked => "linked",
        PeerEvent::Lost => "lost",
    }
}

const fn status(status: tracker::Status) -> &'static str {
    match status {
        tracker::Status::Online => "online",
        tracker::Status::Away => "away",
        tracker::Status::Busy => "busy",
        tracker::Status::Offline => "offline",
    }
}

const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Offered => "offered",
        Phase::Waiting => "waiting",
        Phase::Running => "running",
        Phase::Paused { here: true, .. } => "paused",
        Phase::Paused { here: false, .. } => "paused there",
        Phase::Checking => "checking",
    }
}

const fn note_code(note: &Note) -> &'static str {
    match note {
        Note::TrackerLost { .. } => "tracker_lost",
        Note::Replaced => "replaced",
        Note::TrackerQuit => "tracker_quit",
        Note::TrackerPinned { .. } => "tracker_pinned",
        Note::KeyChanged { .. } => "key_changed",
        Note::Waiting { .. } => "waiting",
        Note::Dropped { .. } => "dropped",
        Note::LinkFault { .. } => "link_fault",
        Note::Refused { .. } => "refused",
        Note::Strangers { .. } => "strangers",
        Note::LanRefused { .. } => "lan_refused",
        Note::TrackerOffered { .. } => "tracker_offered",
        Note::OtherPort { .. } => "other_port",
        Note::Trusted { .. } => "trusted",
        Note::Blocked { blocked: true, .. } => "blocked",
        Note::Blocked { blocked: false, .. } => "unblocked",
        Note::Skipped { .. } => "skipped",
        Note::TransferPaused { paused: true, .. } => "paused",
        Note::TransferPaused { paused: false, .. } => "resumed",
        Note::PlaintextRoom { .. } => "plaintext_room",
        Note::PlaintextLost { .. } => "plaintext_lost",
        Note::PlaintextNotice { .. } => "plaintext_notice",
        Note::PlaintextFile { .. } => "plaintext_file",
        Note::OffersRefused { .. } => "offers_refused",
    }
}

/// ISO 8601; nothing for a time that was never known.
fn time(at: Wall) -> Option<String> {
    (at != Wall(0)).then(|| at.to_string())
}

/// Milliseconds with the microseconds as decimals.
#[expect(clippy::cast_precision_loss, reason = "a time there and back is far below 2^53 microseconds")]
fn milliseconds(us: u64) -> f64 {
    us as f64 / 1000.0
}

/// One line, with the name of the event first.
fn line(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Escaping);
    let written = serializer.serialize_map(None).and_then(|mut map| {
        let fields = value.as_object().into_iter().flatten();
        let (event, others) = fields.partition::<Vec<_>, _>(|(name, _)| *name == "event");
        event.iter().chain(&others).try_for_each(|(name, field)| map.serialize_entry(name, field))?;
        map.end()
    });
    written.expect("an object is written into memory");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}

/// Compact, with every hostile character escaped.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        for piece in escape::pieces(fragment) {
            match piece {
                Piece::Plain(plain) => writer.write_all(plain.as_bytes())?,
                Piece::Hostile(hostile) => {
                    for unit in hostile.encode_utf16(&mut [0; 2]) {
                        write!(writer, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;

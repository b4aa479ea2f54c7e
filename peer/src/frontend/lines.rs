//! An event → what a person sees of it, before layout and colour.
//!
//! Whatever is seen is a [`Line`], so it has passed the one door; what somebody said keeps its lines and is
//! [`Untrusted`], which can be shown through that door only.

use papo_proto::{
    escape::{Line, Untrusted},
    names::Name,
    peer::{
        Note, Notice,
        change::Incoming,
        interface::{PeerSeen, RoomSeen, Target, TransferSeen},
    },
    relay::chat,
    time::Wall,
    wire::peer::Scope,
};

use super::{
    event::{Event, Info},
    progress::Summary,
    sentences::{self, Language, files, latency, relay},
};

/// Something to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Somebody said something.
    Message(Message),
    /// Something happened.
    Notice(Vec<Line>),
    /// Something is of little importance.
    Faint(Vec<Line>),
    /// Something failed.
    Error(Vec<Line>),
    /// A list.
    Table {
        /// The heads of its columns.
        columns: [&'static str; 5],
        /// Its rows.
        rows: Vec<[Line; 5]>,
        /// Said where it has no row.
        empty: &'static str,
    },
}

/// What somebody said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    /// When.
    pub(crate) at: Wall,
    /// In which room.
    pub(crate) room: Option<Name>,
    /// Who: a name, or where there are none an address.
    pub(crate) from: Line,
    /// Whether it came in plain text.
    pub(crate) plaintext: bool,
    /// To whom alone.
    pub(crate) to: Option<Name>,
    /// This peer said it.
    pub(crate) own: bool,
    /// What.
    pub(crate) text: Untrusted,
}

/// What is seen of an event in a language; `me` is this peer's name.
pub(crate) fn of(event: &Event, me: &Name, language: Language) -> Vec<Shown> {
    match event {
        Event::Notice(notice) => of_notice(notice, me, language),
        Event::Arrived { notice, summary } => of_arrived(notice, summary, language),
        Event::Counters { counters, links, unacknowledged, stats } => {
            vec![Shown::Notice(all(sentences::counters(language, counters, *links, *unacknowledged, *stats)))]
        }
        Event::Progress(moving) => vec![Shown::Faint(one(files::progress(language, moving)))],
        Event::Problem(problem) => vec![Shown::Error(one(sentences::problem(language, problem)))],
        Event::Mistake(mistake) => vec![Shown::Error(one(sentences::mistake(language, mistake)))],
        Event::Relay(notice) => of_relay(notice, me, language),
        Event::Trouble(trouble) => vec![Shown::Error(one(sentences::trouble(language, trouble)))],
        Event::Inactive(user) => vec![Shown::Error(one(latency::inactive(language, user)))],
        Event::Info(info @ Info::LateDelivery { .. }) => vec![Shown::Faint(all(sentences::info(language, info)))],
        Event::Info(info) => vec![Shown::Notice(all(sentences::info(language, info)))],
    }
}

fn one(sentence: impl Into<Line>) -> Vec<Line> {
    vec![sentence.into()]
}

fn all(sentences: Vec<String>) -> Vec<Line> {
    sentences.into_iter().map(Line::from).collect()
}

fn of_notice(notice: &Notice, me: &Name, language: Language) -> Vec<Shown> {
    let plain = |sentence: String| vec![Shown::Notice(one(sentence))];
    match notice {
        Notice::Ready { user, listen, key } => plain(sentences::ready(language, user, &listen.to_string(), key)),
        Notice::ListenRefused { listen, reason } => {
            vec![Shown::Error(one(sentences::listen_refused(language, &listen.to_string(), *reason, "--listen")))]
        }
        Notice::LoggedIn { user, tracker } => plain(sentences::logged_in(language, user, tracker)),
        Notice::LoggedOut => vec![Shown::Notice(one(sentences::logged_out(language)))],
        Notice::Peers { peers } | Notice::Users { users: peers, .. } => vec![peer_table(peers, language)],
        Notice::Rooms { rooms } => vec![room_table(rooms, language)],
        Notice::Trackers { taken, offered } => {
            vec![Shown::Notice(all(sentences::trackers(language, taken.as_deref(), offered)))]
        }
        Notice::Whois { peer, key, pinned, verified, profile, plaintext } => {
            let key = (key.as_ref(), pinned.as_ref(), *verified);
            let lines = sentences::whois(language, peer, me, key, profile.as_str(), *plaintext);
            vec![Shown::Notice(all(lines))]
        }
        Notice::Room { room, what, user, members } => {
            plain(sentences::room_event(language, room, *what, user, members, me))
        }
        Notice::Peer { what, user, address, plaintext } => {
            let address = address.map(|address| address.to_string());
            let told = sentences::peer_event(language, *what, user, address.as_deref());
            vec![Shown::Faint(one(if *plaintext { format!("{} {told}", sentences::PLAINTEXT) } else { told }))]
        }
        Notice::Said { to, at, text, waiting, .. } => {
            let (room, user) = match to {
                Target::All => (None, None),
                Target::Room(room) => (Some(room.clone()), None),
                Target::User(user) => (None, Some(user.clone())),
            };
            let said = Message {
                at: *at,
                room,
                from: me.as_str().into(),
                plaintext: false,
                to: user,
                own: true,
                text: text.clone().into(),
            };
            let mut shown = vec![Shown::Message(said)];
            if !waiting.is_empty() {
                shown.push(Shown::Faint(one(sentences::waiting(language, waiting))));
            }
            shown
        }
        Notice::Message(incoming) => vec![Shown::Message(message(incoming, me))],
        Notice::Digits { user, digits } => vec![Shown::Notice(all(sentences::digits(language, user, digits)))],
        Notice::Pinged { user, us } => plain(latency::answered(language, user, *us)),
        Notice::Note(note @ Note::KeyChanged { .. }) => vec![Shown::Error(one(sentences::note(language, note)))],
        Notice::Note(note) => plain(sentences::note(language, note)),
        Notice::Failed(problem) => vec![Shown::Error(one(sentences::problem(language, problem)))],
        Notice::Stopped { unacknowledged } => {
            sentences::stopped(language, *unacknowledged).map(|text| Shown::Notice(one(text))).into_iter().collect()
        }
        Notice::Offer { transfer, from, name, tree, size, files: count, accepted, .. } => {
            plain(files::offer(language, *transfer, from, (name, *tree, *size, *count), *accepted))
        }
        Notice::Offered { transfer, to, name, tree, size, files: count, waiting } => {
            plain(files::offered(language, *transfer, to, (name, *tree, *size, *count), *waiting))
        }
        Notice::Received { .. } | Notice::Sent { .. } => of_arrived(notice, &Summary::default(), language),
        Notice::TransferEnded { transfer, incoming, user, name, reason, by_us } => {
            plain(files::ended(language, *transfer, *incoming, user, name, *reason, *by_us))
        }
        Notice::Transfers { rows } => vec![transfer_table(rows, language)],
        // That all went as it should is the usual thing; what is late is told when it is no longer.
        Notice::Delivered { .. }
        | Notice::Progress { .. }
        | Notice::UnknownTracker { .. }
        | Notice::PasswordNeeded { .. }
        | Notice::Counters { .. }
        | Notice::Outcome { .. } => Vec::new(),
    }
}

fn of_relay(notice: &chat::Notice, me: &Name, language: Language) -> Vec<Shown> {
    // Whoever says a line sends its end, too, more often than not. All of it is plain text, which is told at the start.
    let said = |at: Wall, from: Line, own, text: &str| {
        let text = text.trim_end_matches(['\r', '\n']).to_owned().into();
        vec![Shown::Message(Message { at, room: None, from, plaintext: false, to: None, own, text })]
    };
    match notice {
        chat::Notice::Heard { at, from, text } => {
            let from = from.map_or_else(|| relay::NOBODY.to_owned(), |from| from.to_string());
            said(*at, from.into(), false, text)
        }
        chat::Notice::Said { at, text } => said(*at, me.as_str().into(), true, text),
        chat::Notice::Lost(_) | chat::Notice::TooMuch | chat::Notice::Missed(_) | chat::Notice::Stopped { .. } => {
            relay::of_notice(language, notice).map(|text| Shown::Error(one(text))).into_iter().collect()
        }
        chat::Notice::Joined { .. } => {
            relay::of_notice(language, notice).map(|text| Shown::Notice(one(text))).into_iter().collect()
        }
    }
}

fn of_arrived(notice: &Notice, summary: &Summary, language: Language) -> Vec<Shown> {
    let sentence = match notice {
        Notice::Received { from, path, renamed, .. } => files::received(language, from, path, *renamed, summary),
        Notice::Sent { to, name, skipped, .. } => files::sent(language, to, name, *skipped, summary),
        _ => return Vec::new(),
    };
    vec![Shown::Notice(one(sentence))]
}

fn message(incoming: &Incoming, me: &Name) -> Message {
    let private = incoming.room.is_none() && incoming.scope != Some(Scope::All);
    Message {
        at: incoming.at,
        room: incoming.room.clone(),
        from: incoming.from.as_str().into(),
        plaintext: incoming.plaintext,
        to: private.then(|| me.clone()),
        own: false,
        text: incoming.text.clone().into(),
    }
}

fn peer_table(peers: &[PeerSeen], language: Language) -> Shown {
    let rows = peers.iter().map(|peer| sentences::peer_row(language, peer).map(Line::from)).collect();
    Shown::Table { columns: sentences::peer_columns(language), rows, empty: sentences::no_peers(language) }
}

fn transfer_table(transfers: &[TransferSeen], language: Language) -> Shown {
    let rows = transfers.iter().map(|seen| files::row(language, seen).map(Line::from)).collect();
    Shown::Table { columns: files::columns(language), rows, empty: files::none(language) }
}

fn room_table(rooms: &[RoomSeen], language: Language) -> Shown {
    let rows = rooms.iter().map(|room| sentences::room_row(language, room).map(Line::from)).collect();
    Shown::Table { columns: sentences::room_columns(language), rows, empty: sentences::no_rooms(language) }
}

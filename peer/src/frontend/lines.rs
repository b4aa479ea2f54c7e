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
    time::Wall,
    wire::peer::Scope,
};

use super::{
    event::{Event, Info},
    files, latency,
    progress::Summary,
    sentences,
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
    /// Who.
    pub(crate) from: Name,
    /// To whom alone.
    pub(crate) to: Option<Name>,
    /// What.
    pub(crate) text: Untrusted,
}

/// What is seen of an event; `me` is this peer's name.
pub(crate) fn of(event: &Event, me: &Name) -> Vec<Shown> {
    match event {
        Event::Notice(notice) => of_notice(notice, me),
        Event::Arrived { notice, summary } => of_arrived(notice, summary),
        Event::Counters { counters, links, unacknowledged, stats } => {
            vec![Shown::Notice(all(sentences::counters(counters, *links, *unacknowledged, *stats)))]
        }
        Event::Progress(moving) => vec![Shown::Faint(one(files::progress(moving)))],
        Event::Problem(problem) => vec![Shown::Error(one(sentences::problem(problem)))],
        Event::Mistake(mistake) => vec![Shown::Error(one(sentences::mistake(mistake)))],
        Event::Trouble(trouble) => vec![Shown::Error(one(sentences::trouble(trouble)))],
        Event::Inactive(user) => vec![Shown::Error(one(latency::inactive(user)))],
        Event::Info(info @ Info::LateDelivery { .. }) => vec![Shown::Faint(all(sentences::info(info)))],
        Event::Info(info) => vec![Shown::Notice(all(sentences::info(info)))],
    }
}

fn one(sentence: impl Into<Line>) -> Vec<Line> {
    vec![sentence.into()]
}

fn all(sentences: Vec<String>) -> Vec<Line> {
    sentences.into_iter().map(Line::from).collect()
}

fn of_notice(notice: &Notice, me: &Name) -> Vec<Shown> {
    let plain = |sentence: String| vec![Shown::Notice(one(sentence))];
    match notice {
        Notice::Ready { user, listen, key } => plain(sentences::ready(user, &listen.to_string(), key)),
        Notice::ListenRefused { listen, reason } => {
            vec![Shown::Error(one(sentences::listen_refused(&listen.to_string(), *reason, "--listen")))]
        }
        Notice::LoggedIn { user, tracker } => plain(sentences::logged_in(user, tracker)),
        Notice::LoggedOut => vec![Shown::Notice(one(sentences::LOGGED_OUT))],
        Notice::Peers { peers } | Notice::Users { users: peers, .. } => vec![peer_table(peers)],
        Notice::Rooms { rooms } => vec![room_table(rooms)],
        Notice::Trackers { taken, offered } => {
            vec![Shown::Notice(all(sentences::trackers(taken.as_deref(), offered)))]
        }
        Notice::Whois { peer, key, pinned, verified, profile, plaintext } => {
            let lines =
                sentences::whois(peer, me, key.as_ref(), pinned.as_ref(), *verified, profile.as_str(), *plaintext);
            vec![Shown::Notice(all(lines))]
        }
        Notice::Room { room, what, user, members } => plain(sentences::room_event(room, *what, user, members, me)),
        Notice::Peer { what, user, address } => {
            let address = address.map(|address| address.to_string());
            vec![Shown::Faint(one(sentences::peer_event(*what, user, address.as_deref())))]
        }
        Notice::Said { to, at, text, waiting, .. } => {
            let (room, user) = match to {
                Target::All => (None, None),
                Target::Room(room) => (Some(room.clone()), None),
                Target::User(user) => (None, Some(user.clone())),
            };
            let said = Message { at: *at, room, from: me.clone(), to: user, text: text.clone().into() };
            let mut shown = vec![Shown::Message(said)];
            if !waiting.is_empty() {
                shown.push(Shown::Faint(one(sentences::waiting(waiting))));
            }
            shown
        }
        Notice::Message(incoming) => vec![Shown::Message(message(incoming, me))],
        Notice::Digits { user, digits } => vec![Shown::Notice(all(sentences::digits(user, digits)))],
        Notice::Pinged { user, us } => plain(latency::answered(user, *us)),
        Notice::Note(note @ Note::KeyChanged { .. }) => vec![Shown::Error(one(sentences::note(note)))],
        Notice::Note(note) => plain(sentences::note(note)),
        Notice::Failed(problem) => vec![Shown::Error(one(sentences::problem(problem)))],
        Notice::Stopped { unacknowledged } => {
            sentences::stopped(*unacknowledged).map(|text| Shown::Notice(one(text))).into_iter().collect()
        }
        Notice::Offer { transfer, from, name, tree, size, files: count, accepted, .. } => {
            plain(files::offer(*transfer, from, (name, *tree, *size, *count), *accepted))
        }
        Notice::Offered { transfer, to, name, tree, size, files: count, waiting } => {
            plain(files::offered(*transfer, to, (name, *tree, *size, *count), *waiting))
        }
        Notice::Received { .. } | Notice::Sent { .. } => of_arrived(notice, &Summary::default()),
        Notice::TransferEnded { transfer, incoming, user, name, reason, by_us } => {
            plain(files::ended(*transfer, *incoming, user, name, *reason, *by_us))
        }
        Notice::Transfers { rows } => vec![transfer_table(rows)],
        // That all went as it should is the usual thing; what is late is told when it is no longer.
        Notice::Delivered { .. }
        | Notice::Progress { .. }
        | Notice::UnknownTracker { .. }
        | Notice::PasswordNeeded { .. }
        | Notice::Counters { .. }
        | Notice::Outcome { .. } => Vec::new(),
    }
}

fn of_arrived(notice: &Notice, summary: &Summary) -> Vec<Shown> {
    let sentence = match notice {
        Notice::Received { from, path, renamed, .. } => files::received(from, path, *renamed, summary),
        Notice::Sent { to, name, skipped, .. } => files::sent(to, name, *skipped, summary),
        _ => return Vec::new(),
    };
    vec![Shown::Notice(one(sentence))]
}

fn message(incoming: &Incoming, me: &Name) -> Message {
    let private = incoming.room.is_none() && incoming.scope != Some(Scope::All);
    Message {
        at: incoming.at,
        room: incoming.room.clone(),
        from: incoming.from.clone(),
        to: private.then(|| me.clone()),
        text: incoming.text.clone().into(),
    }
}

fn peer_table(peers: &[PeerSeen]) -> Shown {
    let rows = peers.iter().map(|peer| sentences::peer_row(peer).map(Line::from)).collect();
    Shown::Table { columns: sentences::PEER_COLUMNS, rows, empty: sentences::NO_PEERS }
}

fn transfer_table(transfers: &[TransferSeen]) -> Shown {
    let rows = transfers.iter().map(|seen| files::row(seen).map(Line::from)).collect();
    Shown::Table { columns: files::COLUMNS, rows, empty: files::NONE }
}

fn room_table(rooms: &[RoomSeen]) -> Shown {
    let rows = rooms.iter().map(|room| sentences::room_row(room).map(Line::from)).collect();
    Shown::Table { columns: sentences::ROOM_COLUMNS, rows, empty: sentences::NO_ROOMS }
}

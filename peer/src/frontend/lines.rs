//! An event → what a person sees of it, before layout and colour.

use papo_proto::{
    names::Name,
    peer::{
        Note, Notice,
        change::Incoming,
        interface::{PeerSeen, RoomSeen, Target},
    },
    time::Wall,
    wire::peer::Scope,
};

use super::{
    event::{Event, Info},
    sentences,
};

/// Something to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Somebody said something.
    Message(Message),
    /// Something happened.
    Notice(Vec<String>),
    /// Something is of little importance.
    Faint(Vec<String>),
    /// Something failed.
    Error(Vec<String>),
    /// A list.
    Table {
        /// The heads of its columns.
        columns: [&'static str; 5],
        /// Its rows.
        rows: Vec<[String; 5]>,
        /// Said where it has no row.
        empty: &'static str,
    },
}

/// What somebody said. The text is as it came, and not escaped yet.
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
    pub(crate) text: String,
}

/// What is seen of an event; `me` is this peer's name.
pub(crate) fn of(event: &Event, me: &Name) -> Vec<Shown> {
    let error = |text: String| vec![Shown::Error(vec![text])];
    match event {
        Event::Notice(notice) => of_notice(notice, me),
        Event::Problem(problem) => error(sentences::problem(problem)),
        Event::Mistake(mistake) => error(sentences::mistake(mistake)),
        Event::Trouble(trouble) => error(sentences::trouble(trouble)),
        Event::Inactive(user) => error(sentences::inactive(user)),
        Event::Info(info @ Info::LateDelivery { .. }) => vec![Shown::Faint(sentences::info(info))],
        Event::Info(info) => vec![Shown::Notice(sentences::info(info))],
    }
}

fn of_notice(notice: &Notice, me: &Name) -> Vec<Shown> {
    let one = |text: String| vec![Shown::Notice(vec![text])];
    match notice {
        Notice::Ready { user, listen, key } => one(sentences::ready(user, &listen.to_string(), key)),
        Notice::ListenRefused { listen, reason } => {
            vec![Shown::Error(vec![sentences::listen_refused(&listen.to_string(), *reason, "--listen")])]
        }
        Notice::LoggedIn { user, tracker } => one(sentences::logged_in(user, tracker)),
        Notice::LoggedOut => one(sentences::LOGGED_OUT.to_owned()),
        Notice::Peers { peers } | Notice::Users { users: peers, .. } => vec![peer_table(peers)],
        Notice::Rooms { rooms } => vec![room_table(rooms)],
        Notice::Whois { peer, key, pinned, verified, profile, plaintext } => {
            let lines =
                sentences::whois(peer, me, key.as_ref(), pinned.as_ref(), *verified, profile.as_str(), *plaintext);
            vec![Shown::Notice(lines)]
        }
        Notice::Room { room, what, user, members } => one(sentences::room_event(room, *what, user, members, me)),
        Notice::Peer { what, user, address } => {
            let address = address.map(|address| address.to_string());
            vec![Shown::Faint(vec![sentences::peer_event(*what, user, address.as_deref())])]
        }
        Notice::Said { to, at, text, waiting, .. } => {
            let (room, user) = match to {
                Target::All => (None, None),
                Target::Room(room) => (Some(room.clone()), None),
                Target::User(user) => (None, Some(user.clone())),
            };
            let said = Message { at: *at, room, from: me.clone(), to: user, text: text.clone() };
            let mut shown = vec![Shown::Message(said)];
            if !waiting.is_empty() {
                shown.push(Shown::Faint(vec![sentences::waiting(waiting)]));
            }
            shown
        }
        Notice::Message(incoming) => vec![Shown::Message(message(incoming, me))],
        Notice::Digits { user, digits } => vec![Shown::Notice(sentences::digits(user, digits))],
        Notice::Pinged { user, us } => one(sentences::answered(user, *us)),
        Notice::Note(note @ Note::KeyChanged { .. }) => vec![Shown::Error(vec![sentences::note(note)])],
        Notice::Note(note) => one(sentences::note(note)),
        Notice::Failed(problem) => vec![Shown::Error(vec![sentences::problem(problem)])],
        Notice::Stopped { unacknowledged } => {
            sentences::stopped(*unacknowledged).map(|text| Shown::Notice(vec![text])).into_iter().collect()
        }
        // That all went as it should is the usual thing; what is late is told when it is no longer.
        Notice::Delivered { .. }
        | Notice::UnknownTracker { .. }
        | Notice::PasswordNeeded { .. }
        | Notice::Outcome { .. } => Vec::new(),
    }
}

fn message(incoming: &Incoming, me: &Name) -> Message {
    let private = incoming.room.is_none() && incoming.scope != Some(Scope::All);
    Message {
        at: incoming.at,
        room: incoming.room.clone(),
        from: incoming.from.clone(),
        to: private.then(|| me.clone()),
        text: incoming.text.clone(),
    }
}

fn peer_table(peers: &[PeerSeen]) -> Shown {
    let rows = peers.iter().map(sentences::peer_row).collect();
    Shown::Table { columns: sentences::PEER_COLUMNS, rows, empty: sentences::NO_PEERS }
}

fn room_table(rooms: &[RoomSeen]) -> Shown {
    let rows = rooms.iter().map(sentences::room_row).collect();
    Shown::Table { columns: sentences::ROOM_COLUMNS, rows, empty: sentences::NO_ROOMS }
}

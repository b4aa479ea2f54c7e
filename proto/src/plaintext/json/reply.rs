//! What a tracker answers, and what it pushes: one object each, no longer than a client reads at once.

use serde::{Serialize, Serializer, ser::SerializeMap as _};

use super::{
    REPLY_BYTES_MAX, encode,
    sentence::{Problem, Success},
};
use crate::{names::Name, time::Wall};

/// Someone in a room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Peer {
    /// Who.
    pub username: Name,
    /// When it was last heard.
    #[serde(serialize_with = "iso")]
    pub last_ping: Wall,
    /// Where it listens.
    pub address: String,
    /// The port there.
    pub port: u16,
    /// Whether it is connected.
    pub connected: bool,
}

/// A room, with the three people at most that such a client knows of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Room {
    /// Its name.
    pub name: Name,
    /// Who owns it; null where it cannot be reached.
    pub peer_owner: Option<Peer>,
    /// Another.
    pub peer_one: Option<Peer>,
    /// And another.
    pub peer_two: Option<Peer>,
}

/// Someone who is connected.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerRow {
    /// Who.
    pub username: Name,
    /// Where it listens; null where nobody can reach it.
    pub address: Option<String>,
    /// The port there.
    pub port: Option<u16>,
    /// Whether it is connected.
    pub connected: bool,
    /// When it was last heard.
    #[serde(serialize_with = "iso")]
    pub last_ping: Wall,
    /// The room that it joined last.
    pub room: Option<Name>,
}

/// What a tracker says.
#[derive(Debug, Clone)]
pub enum Reply<'a> {
    /// Done, and nothing to say of it.
    Ok,
    /// Done.
    Done(Success<'a>),
    /// One is in the room.
    Joined {
        /// Who.
        user: &'a str,
        /// The room as it is now.
        room: &'a Room,
    },
    /// Not done.
    Error(Problem<'a>),
    /// Pushed: a room that one is in, or was until now, has changed.
    Updated {
        /// Its name.
        name: &'a Name,
        /// As it is now; `None` when it is no more.
        room: Option<&'a Room>,
    },
}

#[derive(Serialize)]
struct Said<'a> {
    status: &'static str,
    msg: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<Option<&'a Room>>,
}

impl Reply<'_> {
    /// The object.
    #[must_use]
    pub fn encode(&self) -> String {
        let said = |status, msg: String, room| encode(&Said { status, msg, room });
        match *self {
            Self::Ok => r#"{"status":"OK"}"#.to_owned(),
            Self::Done(success) => said("OK", success.to_string(), None),
            Self::Joined { user, room } => {
                let success = Success::Joined { user, room: room.name.as_str() };
                said("OK", success.to_string(), Some(Some(room)))
            }
            Self::Error(problem) => said("ERROR", problem.to_string(), None),
            Self::Updated { name, room } => {
                said("ROOM_UPDATE", Success::Updated { room: name.as_str() }.to_string(), Some(room))
            }
        }
    }
}

/// The answer to `LIST_PEERS`: as many of the first rows as fit.
#[must_use]
pub fn encode_peers(rows: impl Iterator<Item = PeerRow>) -> String {
    encode_list("peers", rows.map(|row| (row.username.clone(), row)))
}

/// The answer to `LIST_ROOMS`: as many of the first rooms as fit.
#[must_use]
pub fn encode_rooms(rooms: impl Iterator<Item = Room>) -> String {
    encode_list("rooms", rooms.map(|room| (room.name.clone(), room)))
}

fn encode_list<T: Serialize>(name: &str, entries: impl Iterator<Item = (Name, T)>) -> String {
    let mut list = format!(r#"{{"status":"OK","{name}":{{"#);
    let empty = list.len();
    for (key, entry) in entries {
        let entry = encode(&Entry { key, entry });
        // Without its braces: it stands in an object with others.
        let entry = &entry[1..entry.len() - 1];
        let comma = usize::from(list.len() > empty);
        if list.len() + comma + entry.len() + 2 > REPLY_BYTES_MAX {
            break;
        }
        list.push_str(&","[..comma]);
        list.push_str(entry);
    }
    list + "}}"
}

struct Entry<T> {
    key: Name,
    entry: T,
}

impl<T: Serialize> Serialize for Entry<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(&self.key, &self.entry)?;
        map.end()
    }
}

/// ISO 8601 with the offset written out, which older versions of Python can read, too.
fn iso<S: Serializer>(at: &Wall, serializer: S) -> Result<S::Ok, S::Error> {
    let mut text = at.to_string();
    text.truncate(text.len() - 1);
    serializer.collect_str(&(text + "+00:00"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::NAME_CHARS_MAX;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    fn peer(text: &str) -> Peer {
        let address = "127.0.0.1".to_owned();
        Peer { username: name(text), last_ping: Wall(1_798_761_599_001), address, port: 5000, connected: true }
    }

    fn row(text: &str) -> PeerRow {
        let Peer { username, last_ping, address, port, connected } = peer(text);
        PeerRow { username, address: Some(address), port: Some(port), connected, last_ping, room: None }
    }

    fn room(text: &str) -> Room {
        Room { name: name(text), peer_owner: Some(peer("ana")), peer_one: None, peer_two: None }
    }

    const ANA: &str = concat!(
        r#"{"username":"ana","last_ping":"2026-12-31T23:59:59.001+00:00","address":"127.0.0.1","port":5000,"#,
        r#""connected":true}"#
    );

    #[test]
    fn each_reply_has_these_bytes() {
        let sala = room("sala");
        let told = format!(r#"{{"name":"sala","peer_owner":{ANA},"peer_one":null,"peer_two":null}}"#);
        let updated = "A configuração da sala 'sala' foi atualizada.";
        for (reply, bytes) in [
            (Reply::Ok, r#"{"status":"OK"}"#.to_owned()),
            (Reply::Done(Success::LoggedIn), r#"{"status":"OK","msg":"Login realizado com sucesso."}"#.to_owned()),
            (
                Reply::Joined { user: "ana", room: &sala },
                format!(r#"{{"status":"OK","msg":"Usuário 'ana' entrou na sala 'sala'.","room":{told}}}"#),
            ),
            (Reply::Error(Problem::UserExists), r#"{"status":"ERROR","msg":"Usuário já existe."}"#.to_owned()),
            (
                Reply::Updated { name: &sala.name, room: Some(&sala) },
                format!(r#"{{"status":"ROOM_UPDATE","msg":"{updated}","room":{told}}}"#),
            ),
            (
                Reply::Updated { name: &sala.name, room: None },
                format!(r#"{{"status":"ROOM_UPDATE","msg":"{updated}","room":null}}"#),
            ),
        ] {
            assert_eq!(reply.encode(), bytes);
        }
    }

    #[test]
    fn lists_are_objects_by_name_and_have_no_msg() {
        let ana = concat!(
            r#"{"username":"ana","address":"127.0.0.1","port":5000,"connected":true,"#,
            r#""last_ping":"2026-12-31T23:59:59.001+00:00","room":null}"#
        );
        assert_eq!(encode_peers([row("ana")].into_iter()), format!(r#"{{"status":"OK","peers":{{"ana":{ana}}}}}"#));
        assert_eq!(encode_peers([].into_iter()), r#"{"status":"OK","peers":{}}"#);
        let sala = |text| format!(r#""{text}":{{"name":"{text}","peer_owner":{ANA},"peer_one":null,"peer_two":null}}"#);
        assert_eq!(
            encode_rooms(["a", "b"].map(room).into_iter()),
            format!(r#"{{"status":"OK","rooms":{{{},{}}}}}"#, sala("a"), sala("b"))
        );
    }

    #[test]
    fn a_list_is_cut_at_whole_entries_and_is_as_long_as_it_may_be() {
        let long = |number: usize, length: usize| name(&format!("{number:0length$}"));
        for length in 3..NAME_CHARS_MAX {
            let rooms = (0..).map(|number| Room { name: long(number, length), ..room("a") });
            let list = encode_rooms(rooms.take(1_000));
            let entry = encode_rooms([Room { name: long(0, length), ..room("a") }].into_iter()).len() - 26;
            assert!(list.len() <= REPLY_BYTES_MAX && list.len() + entry + 1 > REPLY_BYTES_MAX, "{}", list.len());
            let value: serde_json::Value = serde_json::from_str(&list).expect("whole");
            let names = value["rooms"].as_object().expect("an object").keys().collect::<Vec<_>>();
            assert!(names.iter().enumerate().all(|(number, name)| **name == long(number, length).as_str()));
        }
    }

    #[test]
    fn the_longest_reply_fits_what_is_read_at_once() {
        let longest = &"\u{10400}".repeat(NAME_CHARS_MAX);
        let peer = || {
            let address = "2001:db8:1111:2222:3333:4444:5555:6666".to_owned();
            Some(Peer { address, port: u16::MAX, ..peer(longest) })
        };
        let room = Room { name: name(longest), peer_owner: peer(), peer_one: peer(), peer_two: peer() };
        assert!(Reply::Joined { user: longest, room: &room }.encode().len() <= REPLY_BYTES_MAX);
        assert!(encode_rooms([room].into_iter()).contains("peer_two"), "and so does one entry of a list");
        let quoted = &"\u{1}".repeat(5_000);
        assert!(Reply::Error(Problem::NotInRoom { user: quoted, room: quoted }).encode().len() <= REPLY_BYTES_MAX);
    }
}

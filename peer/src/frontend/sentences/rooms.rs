//! What is said about rooms.

use papo_proto::{names::Name, peer::interface::RoomSeen, wire::tracker::RoomEvent};

use super::{Language, PLAINTEXT, names, say};

/// What happened in a room. `me` is this peer's own name.
pub(crate) fn room_event(
    language: Language,
    room: &Name,
    what: RoomEvent,
    user: &Name,
    members: &[Name],
    me: &Name,
) -> String {
    let mine = user == me;
    match what {
        RoomEvent::Created if mine => say!(
            language,
            "you made #{room}; others come in with /join {room}",
            "Sala '{room}' criada com sucesso. Outros entram com /join {room}"
        ),
        RoomEvent::Created => say!(language, "{user} made #{room}", "{user} criou a sala '{room}'."),
        RoomEvent::Joined if mine => say!(
            language,
            "you are in #{room} with {}",
            "Usuário '{user}' entrou na sala '{room}'. Com você: {}.",
            others(language, members, me)
        ),
        RoomEvent::Joined => say!(language, "{user} came into #{room}", "#{room} *** {user} entrou na sala."),
        RoomEvent::Left if mine => say!(language, "you left #{room}", "Usuário '{user}' saiu da sala '{room}'."),
        RoomEvent::Left => say!(language, "{user} left #{room}", "#{room} *** {user} saiu da sala."),
        RoomEvent::Evicted if mine => {
            say!(language, "you were taken out of #{room}", "Você foi retirado da sala '{room}'.")
        }
        RoomEvent::Evicted => {
            say!(language, "{user} was taken out of #{room}", "{user} foi retirado da sala '{room}'.")
        }
        RoomEvent::Deleted if mine => say!(language, "you deleted #{room}", "Sala '{room}' deletada com sucesso."),
        RoomEvent::Deleted => say!(language, "{user} deleted #{room}", "{user} deletou a sala '{room}'."),
        RoomEvent::Owner if mine => say!(language, "#{room} is yours now", "Agora a sala '{room}' é sua."),
        RoomEvent::Owner => say!(language, "{user} owns #{room} now", "Agora a sala '{room}' é de {user}."),
    }
}

fn others(language: Language, members: &[Name], me: &Name) -> String {
    let others = members.iter().filter(|member| *member != me).cloned().collect::<Vec<_>>();
    if others.is_empty() {
        language.either("nobody else yet", "mais ninguém por enquanto").to_owned()
    } else {
        names(language, &others)
    }
}

/// The heads of the list of rooms.
pub(crate) const fn room_columns(language: Language) -> [&'static str; 5] {
    language.either(["room", "owner", "people", "", ""], ["sala", "dono", "pessoas", "", ""])
}

/// A row of the list of rooms.
pub(crate) fn room_row(language: Language, room: &RoomSeen) -> [String; 5] {
    [
        format!("#{}", room.room),
        room.owner.to_string(),
        format!("{}/{}", room.members.len(), room.capacity),
        [(room.joined, language.either("you are in", "você está nela")), (room.plaintext, PLAINTEXT)]
            .into_iter()
            .filter_map(|(holds, remark)| holds.then_some(remark))
            .collect::<Vec<_>>()
            .join(", "),
        names(language, &room.members),
    ]
}

/// No room is in the list.
pub(crate) const fn no_rooms(language: Language) -> &'static str {
    language.either("no rooms yet: /create ROOM makes one", "ainda não há salas: /create SALA cria uma")
}

//! What is said about people: who is there, linked, called what, and what waits for them.

use papo_proto::{
    escape::{self, quoted},
    identity::Key,
    names::Name,
    peer::interface::{PeerEvent, PeerSeen},
    wire::tracker::Status,
};

use super::{Language, names, say};

/// The prompt that asks for a password.
pub(crate) fn password_prompt(language: Language, user: &Name, register: bool, again: bool) -> String {
    match (register, again) {
        (_, true) => language.either("the same again: ", "a mesma outra vez: ").to_owned(),
        (true, false) => say!(language, "new password for {user}: ", "nova senha para {user}: "),
        (false, false) => say!(language, "password of {user}: ", "senha de {user}: "),
    }
}

/// Who says something, and to whom alone, as it stands before what is said. It is one's `own`; `paint` writes a name.
pub(crate) fn author(
    language: Language,
    (from, to): (&str, Option<&Name>),
    own: bool,
    paint: impl Fn(&str) -> String,
) -> String {
    match (language, to) {
        (_, None) => format!("{}: ", paint(from)),
        (Language::En, Some(to)) => format!("{} → {}: ", paint(from), paint(to.as_str())),
        (Language::Pt, Some(to)) if own => format!("[PRIVADO para {}] ", paint(to.as_str())),
        (Language::Pt, Some(_)) => format!("[PRIVADO de {}] ", paint(from)),
    }
}

/// What happened to a link.
pub(crate) fn peer_event(language: Language, what: PeerEvent, user: &Name, address: Option<&str>) -> String {
    match (what, address) {
        (PeerEvent::Found, Some(address)) => {
            say!(language, "{user} is there at {address}", "{user} está disponível em {address}")
        }
        (PeerEvent::Found, None) => say!(language, "{user} is there", "{user} está disponível."),
        (PeerEvent::Linked, Some(address)) => {
            say!(language, "linked to {user} at {address}", "Conectado com sucesso no endereço: {address} ({user})")
        }
        (PeerEvent::Linked, None) => say!(language, "linked to {user}", "Conectado com sucesso: {user}"),
        (PeerEvent::Lost, _) => say!(language, "the link to {user} ended", "A conexão com {user} terminou."),
    }
}

/// What was said waits for someone.
pub(crate) fn waiting(language: Language, users: &[Name]) -> String {
    say!(
        language,
        "kept for {}: goes out when there is a link",
        "Guardado para {}: será enviado quando houver uma conexão.",
        names(language, users)
    )
}

/// A receiver has it.
pub(crate) fn delivered(language: Language, id: &str, to: &Name) -> String {
    say!(language, "delivered to {to}: {id}", "Entregue a {to}: {id}")
}

/// The digits to compare.
pub(crate) fn digits(language: Language, user: &Name, digits: &str) -> Vec<String> {
    let how = say!(
        language,
        "compare these digits with {user} by voice or in person; on both sides they must be the same:",
        "Compare estes dígitos com {user} por voz ou pessoalmente; dos dois lados eles têm de ser os mesmos:"
    );
    vec![how, digits.to_owned()]
}

/// What someone is to others.
pub(crate) const fn status(language: Language, status: Status) -> &'static str {
    match status {
        Status::Online => language.either("online", "on-line"),
        Status::Away => language.either("away", "ausente"),
        Status::Busy => language.either("busy", "ocupado"),
        Status::Offline => language.either("offline", "desconectado"),
    }
}

/// The heads of the list of peers.
pub(crate) const fn peer_columns(language: Language) -> [&'static str; 5] {
    language.either(["user", "status", "room", "address", ""], ["usuário", "estado", "sala", "endereço", ""])
}

/// The mark of whoever speaks plain text, of what came as such and of where it is spoken: in every language the word of
/// the option.
pub(crate) const PLAINTEXT: &str = "[plaintext]";

/// A row of the list of peers.
pub(crate) fn peer_row(language: Language, peer: &PeerSeen) -> [String; 5] {
    let mut remarks = Vec::new();
    if peer.linked {
        remarks.push(language.either("linked", "conectado").to_owned());
    }
    if peer.blocked {
        remarks.push(language.either("blocked", "bloqueado").to_owned());
    }
    if peer.plaintext {
        remarks.push(PLAINTEXT.to_owned());
    }
    if !peer.status_text.as_str().is_empty() {
        remarks.push(quoted(peer.status_text.as_str()));
    }
    [
        peer.user.to_string(),
        status(language, peer.status).to_owned(),
        peer.room.as_ref().map_or_else(|| "-".to_owned(), |room| format!("#{room}")),
        peer.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        remarks.join(", "),
    ]
}

/// Nobody is in the list.
pub(crate) const fn no_peers(language: Language) -> &'static str {
    language.either("nobody", "ninguém")
}

/// Before each line of a profile, which could look like what the tracker says of someone.
const PROFILE: &str = "│ ";

/// About someone: the key that it has, another one that was accepted before, and whether the digits were compared.
pub(crate) fn whois(
    language: Language,
    peer: &PeerSeen,
    me: &Name,
    (key, pinned, verified): (Option<&Key>, Option<&Key>, bool),
    profile: &str,
    plaintext: bool,
) -> Vec<String> {
    let [user, status, room, address, remarks] = peer_row(language, peer);
    let mut lines = vec![say!(
        language,
        "{user}: {status}, room {room}, address {address}",
        "{user}: {status}, sala {room}, endereço {address}"
    )];
    if !remarks.is_empty() {
        lines.push(remarks);
    }
    lines.push(match key {
        Some(key) if peer.user == *me => {
            say!(language, "fingerprint {key} (this is you)", "impressão digital {key} (é você)")
        }
        Some(key) if verified => say!(language, "fingerprint {key} (verified)", "impressão digital {key} (verificada)"),
        Some(key) => say!(
            language,
            "fingerprint {key} (not verified: /verify {user})",
            "impressão digital {key} (não verificada: /verify {user})"
        ),
        None => language
            .either("no key: an old client, in plaintext", "sem chave: um cliente antigo, sem criptografia")
            .to_owned(),
    });
    if let Some(pinned) = pinned {
        lines.push(say!(
            language,
            "THE KEY CHANGED: {pinned} was accepted before; /trust {user} accepts the new one",
            "A CHAVE MUDOU: antes foi aceita {pinned}; /trust {user} aceita a nova"
        ));
    }
    if plaintext {
        lines.push(
            language
                .either("the account is open to plaintext clients", "a conta está aberta a clientes sem criptografia")
                .to_owned(),
        );
    }
    if !profile.is_empty() {
        lines.extend(escape::lines(profile).map(|line| format!("{PROFILE}{line}")));
    }
    lines
}

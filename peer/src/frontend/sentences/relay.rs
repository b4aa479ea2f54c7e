//! What is said about a relay, while one talks by it.

use std::net::SocketAddr;

use papo_proto::{
    machine::Closed,
    relay::chat::{Notice, Trouble},
};

use super::{Language, help, reasons::refusal, say};
use crate::relay::session::VERBS;

/// Who said what the relay tells without a name.
pub(crate) const NOBODY: &str = "relay";

/// What happened to the client of a relay; nothing, where that is shown in another way.
pub(crate) fn of_notice(language: Language, notice: &Notice) -> Option<String> {
    Some(match notice {
        Notice::Joined { address } => joined(language, *address),
        Notice::Lost(trouble) => say!(
            language,
            "the relay is lost: {}; it is tried again",
            "A conexão com o relay caiu: {}. Uma nova tentativa será feita.",
            why(language, *trouble)
        ),
        Notice::TooMuch => language
            .either(
                "that text is not said: too much waits to be said already",
                "Esse texto não será enviado: já há texto demais à espera.",
            )
            .to_owned(),
        Notice::Missed(count) => say!(
            language,
            "texts that were not shown, because nobody read: {count}",
            "Textos que não foram mostrados, porque ninguém lia: {count}."
        ),
        Notice::Stopped { unsaid: 0 } | Notice::Heard { .. } | Notice::Said { .. } => return None,
        Notice::Stopped { unsaid } => {
            say!(language, "texts that were not said: {unsaid}", "Textos que não foram enviados: {unsaid}.")
        }
    })
}

fn joined(language: Language, address: SocketAddr) -> String {
    say!(
        language,
        "joined the relay at {address}; whoever is on the way can read all that is said",
        "Conectado com sucesso no endereço: {address}. Quem está no caminho pode ler tudo o que é dito."
    )
}

/// There is no relay.
pub(crate) fn unreachable(language: Language, trouble: Trouble) -> String {
    say!(language, "there is no relay to talk by: {}", "Falha pra conectar no relay: {}.", why(language, trouble))
}

fn why(language: Language, trouble: Trouble) -> &'static str {
    match trouble {
        Trouble::UnknownHost => language.either("its name has no address", "o nome não tem endereço"),
        Trouble::Refused(reason) => refusal(language, reason),
        Trouble::Silent => language.either("it does not answer", "não responde"),
        Trouble::Closed(Closed::End) => language.either("it ended the connection", "ele encerrou a conexão"),
        Trouble::Closed(Closed::Reset) => language.either("it reset the connection", "ele cortou a conexão"),
        Trouble::Closed(Closed::SlowReader) => language.either("it takes nothing", "não recebe nada"),
        Trouble::Closed(Closed::Lost) => language.either("the network gave up on it", "a rede desistiu dele"),
    }
}

/// A command that means nothing here.
pub(crate) fn not_by_relay(language: Language) -> &'static str {
    language.either(
        "a relay only carries what is said: /help lists what there is",
        "Um relay só leva o que é dito: /help lista o que há.",
    )
}

/// What can be done.
pub(crate) fn help(language: Language) -> Vec<String> {
    let said = language.either(
        "Everything else is said to everyone there; //text says a text that begins with a slash.",
        "Tudo o mais é dito a todos que estão lá; //texto diz um texto que começa com uma barra.",
    );
    help::rows(language, VERBS).chain([said.to_owned()]).collect()
}

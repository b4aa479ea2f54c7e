//! What `/help` says: how each command is typed, and what it does.

use super::{Language, say};
use crate::frontend::commands::Verb;

/// The width of the column of commands. A longer one stands out, so that the others leave room for what they do.
const USAGE_CHARS: usize = 23;

/// All about a command, or a line about each.
pub(crate) fn lines(language: Language, topic: Option<Verb>) -> Vec<String> {
    match topic {
        Some(verb) => {
            let mut lines = vec![usage(language, verb).to_owned(), summary(language, verb).to_owned()];
            if !verb.aliases().is_empty() {
                lines.push(say!(language, "also: /{}", "também: /{}", verb.aliases().join(", /")));
            }
            lines
        }
        None => {
            let rest = language.either(
                "Everything else is said to whom the prompt names; //text says a text that begins with a slash.",
                "Tudo o mais é dito a quem o prompt nomeia; //texto diz um texto que começa com uma barra.",
            );
            rows(language, Verb::ALL).chain([rest.to_owned()]).collect()
        }
    }
}

/// A line about each of some commands.
pub(super) fn rows(language: Language, verbs: &[Verb]) -> impl Iterator<Item = String> {
    verbs.iter().map(move |&verb| format!("{:USAGE_CHARS$}  {}", usage(language, verb), summary(language, verb)))
}

/// How a command is typed.
pub(crate) const fn usage(language: Language, verb: Verb) -> &'static str {
    match verb {
        Verb::Register => language.either("/register [NAME]", "/register [NOME]"),
        Verb::Login => language.either("/login [NAME]", "/login [NOME]"),
        Verb::Logout => "/logout",
        Verb::Plaintext => "/plaintext on|off",
        Verb::Peers => language.either("/peers [START]", "/peers [INÍCIO]"),
        Verb::Users => language.either("/users [ROOM]", "/users [SALA]"),
        Verb::Rooms => language.either("/rooms [START]", "/rooms [INÍCIO]"),
        Verb::Whois => language.either("/whois USER", "/whois USUÁRIO"),
        Verb::Help => language.either("/help [COMMAND]", "/help [COMANDO]"),
        Verb::Create => {
            language.either("/create ROOM [CAPACITY] [--plaintext]", "/create SALA [CAPACIDADE] [--plaintext]")
        }
        Verb::Join => language.either("/join ROOM", "/join SALA"),
        Verb::Leave => language.either("/leave [ROOM]", "/leave [SALA]"),
        Verb::Delete => language.either("/delete [ROOM]", "/delete [SALA]"),
        Verb::Msg => language.either("/msg USER TEXT", "/msg USUÁRIO TEXTO"),
        Verb::All => language.either("/all [TEXT]", "/all [TEXTO]"),
        Verb::Chat => language.either("/chat [USER|#ROOM]", "/chat [USUÁRIO|#SALA]"),
        Verb::Tracker => language.either("/tracker [HOST:PORT[#FINGERPRINT]]", "/tracker [HOST:PORTA[#IMPRESSÃO]]"),
        Verb::Connect => language.either("/connect IP:PORT", "/connect IP:PORTA"),
        Verb::Disconnect => language.either("/disconnect USER", "/disconnect USUÁRIO"),
        Verb::Block => language.either("/block USER", "/block USUÁRIO"),
        Verb::Unblock => language.either("/unblock USER", "/unblock USUÁRIO"),
        Verb::Verify => language.either("/verify USER", "/verify USUÁRIO"),
        Verb::Trust => language.either("/trust USER", "/trust USUÁRIO"),
        Verb::Ping => language.either("/ping USER", "/ping USUÁRIO"),
        Verb::Status => language.either("/status [online|away|busy [TEXT]]", "/status [online|away|busy [TEXTO]]"),
        Verb::Profile => language.either("/profile [TEXT]", "/profile [TEXTO]"),
        Verb::Send => language.either("/send USER|#ROOM|all PATH", "/send USUÁRIO|#SALA|all CAMINHO"),
        Verb::Accept => language.either("/accept NUMBER", "/accept NÚMERO"),
        Verb::Reject => language.either("/reject NUMBER", "/reject NÚMERO"),
        Verb::Pause => language.either("/pause NUMBER", "/pause NÚMERO"),
        Verb::Resume => language.either("/resume NUMBER", "/resume NÚMERO"),
        Verb::Cancel => language.either("/cancel NUMBER", "/cancel NÚMERO"),
        Verb::Transfers => "/transfers",
        Verb::Quit => "/quit",
        Verb::Sair => "/sair",
    }
}

/// What a command does.
pub(crate) const fn summary(language: Language, verb: Verb) -> &'static str {
    match verb {
        Verb::Register => {
            language.either("make an account on the tracker, and log in", "cria uma conta no tracker e faz login")
        }
        Verb::Login => language.either("log in to the tracker", "faz login no tracker"),
        Verb::Logout => language.either("end the session with the tracker", "encerra a sessão com o tracker"),
        Verb::Plaintext => language.either(
            "let old clients log in to your account, or not",
            "deixa clientes antigos entrarem na sua conta, ou não",
        ),
        Verb::Peers => language.either("who is connected", "quem está conectado"),
        Verb::Users => language.either(
            "who is in the room; outside of rooms, who is online",
            "quem está na sala; fora de salas, quem está on-line",
        ),
        Verb::Rooms => language.either("which rooms there are", "que salas existem"),
        Verb::Whois => language
            .either("about someone: status, address, key, profile", "sobre alguém: estado, endereço, chave, perfil"),
        Verb::Help => language.either("this list, or about one command", "esta lista, ou sobre um comando"),
        Verb::Create => language.either("make a room and go in", "cria uma sala e entra nela"),
        Verb::Join => language.either("go into a room and talk to it", "entra em uma sala e fala com ela"),
        Verb::Leave => language.either("leave the room for good, or the chat", "sai da sala de vez, ou da conversa"),
        Verb::Delete => language.either("delete a room of yours", "deleta uma sala sua"),
        Verb::Msg => language.either("say something to one person", "diz algo a uma só pessoa"),
        Verb::All => language.either(
            "say it to all who are linked; alone: talk to them",
            "diz a todos os conectados; sozinho: fala com eles",
        ),
        Verb::Chat => language.either(
            "talk to them from now on; alone: to everyone",
            "fala com eles de agora em diante; sozinho: com todos",
        ),
        Verb::Tracker => {
            language.either("use this one; alone: which are offered", "usa este; sozinho: quais são oferecidos")
        }
        Verb::Connect => language.either("link to a papo at an address", "conecta a um papo em um endereço"),
        Verb::Disconnect => language.either("end the link to someone", "encerra a conexão com alguém"),
        Verb::Block => language.either("hear and say nothing more to someone", "não ouve nem diz mais nada a alguém"),
        Verb::Unblock => language.either("take that back", "desfaz isso"),
        Verb::Verify => language.either(
            "digits to compare with someone, against impostors",
            "dígitos a comparar com alguém, contra impostores",
        ),
        Verb::Trust => language.either("accept someone's changed key", "aceita a chave mudada de alguém"),
        Verb::Ping => language.either("how quickly someone answers", "com que rapidez alguém responde"),
        Verb::Status => {
            language.either("what you are to others; alone: tells it", "o que você é para os outros; sozinho: diz")
        }
        Verb::Profile => {
            language.either("what /whois tells about you; alone: nothing", "o que /whois diz sobre você; sozinho: nada")
        }
        Verb::Send => language
            .either("offer a file or a directory; spaces are fine", "oferece um arquivo ou diretório; vale espaço"),
        Verb::Accept => {
            language.either("take what is offered under that number", "aceita o que é oferecido com esse número")
        }
        Verb::Reject => {
            language.either("refuse what is offered under that number", "recusa o que é oferecido com esse número")
        }
        Verb::Pause => language.either("hold a transfer, at either end", "pausa uma transferência, de qualquer lado"),
        Verb::Resume => language.either("let it go on", "deixa-a continuar"),
        Verb::Cancel => language.either("end a transfer, at either end", "encerra uma transferência, de qualquer lado"),
        Verb::Transfers => {
            language.either("what is offered, waits, or is on its way", "o que é oferecido, espera ou está a caminho")
        }
        Verb::Quit => language.either("say goodbye and end papo", "despede-se e encerra o papo"),
        Verb::Sair => language.either(
            "leave the room or the chat, or else end papo",
            "sai da sala ou da conversa, ou então encerra o papo",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_one_row_of_a_usual_terminal() {
        for language in Language::ALL {
            for (row, &verb) in lines(language, None).iter().zip(Verb::ALL) {
                // Two columns are for the sign before it.
                assert!(row.chars().count() <= 78, "{row}");
                let word = format!("/{}", verb.word());
                assert!(row.starts_with(&word) && usage(language, verb).starts_with(&word));
            }
        }
    }
}

//! What is said when something could not be done, and what to do about it.

use papo_proto::{error::Fault, escape::quoted, machine::Refusal, peer::Problem};

use super::{
    Language, files,
    reasons::{capacities, failure, fault, refusal},
    say,
};

/// Why something could not be done, and what to do about it.
pub(crate) fn problem(language: Language, problem: &Problem) -> String {
    let either = |en: &str, pt: &str| language.either(en, pt).to_owned();
    match problem {
        Problem::Tracker { failure: why } => failure(language, *why),
        Problem::TrackerUnreachable { tracker, reason } => unreachable_tracker(language, tracker, *reason),
        Problem::TrackerUnknownHost { host } => say!(
            language,
            "there is no host called {host}: is the name right, and is there a network?",
            "Falha ao conectar no Super Peer: não há nenhum host chamado {host}. O nome está certo, e há uma rede?"
        ),
        Problem::TrackerFault { tracker, fault: why } => say!(
            language,
            "what answers at {tracker} is no tracker that papo can talk to ({}): are address and port right?",
            "O que responde em {tracker} não é um tracker com que o papo possa falar ({}): o endereço e a porta estão \
             certos?",
            fault(language, *why)
        ),
        Problem::TrackerKeyChanged { tracker, expected, shown } => say!(
            language,
            "THE KEY OF THE TRACKER AT {tracker} CHANGED: {expected} was expected, {shown} is shown. Nothing was sent \
             to it. If its owner confirms the new one, start papo with --tracker {tracker}#{shown}",
            "A CHAVE DO TRACKER EM {tracker} MUDOU: esperava-se {expected}, ele mostra {shown}. Nada foi enviado a \
             ele. Se o dono dele confirmar a nova, inicie o papo com --tracker {tracker}#{shown}"
        ),
        Problem::TrackerNotTrusted { tracker, key } => say!(
            language,
            "the tracker at {tracker} with the fingerprint {key} was not accepted",
            "O tracker em {tracker} com a impressão digital {key} não foi aceito."
        ),
        Problem::NoTracker => either(
            "that needs a tracker: /tracker HOST:PORT takes one, and papo --host runs one",
            "Isso precisa de um tracker: /tracker HOST:PORTA escolhe um, e papo --host roda um",
        ),
        Problem::TrackerInUse { tracker } => say!(
            language,
            "papo uses the tracker at {tracker}: /logout first",
            "O papo usa o tracker em {tracker}: antes, /logout"
        ),
        Problem::NotLoggedIn => either(
            "log in first: /login, or /register for a new account",
            "Comando inválido. Faça login ou registre-se primeiro. Use /login, ou /register para uma conta nova",
        ),
        Problem::TrackerAway => either(
            "there is no connection to the tracker just now; papo keeps trying, so try again in a while",
            "Não há conexão com o tracker agora; o papo continua tentando, então tente de novo daqui a pouco.",
        ),
        Problem::TrackerSilent => either(
            "the tracker was lost before it answered: try again when it is back",
            "O tracker se perdeu antes de responder: tente de novo quando ele voltar.",
        ),
        Problem::PasswordMissing => either("an account needs a password", "Uma conta precisa de uma senha."),
        Problem::NotInRoom { room } => {
            say!(language, "you are not in #{room}: /join {room}", "Você não está na sala '{room}': /join {room}")
        }
        Problem::UnknownUser { user } => {
            say!(language, "nobody by the name of {user} is known here", "Peer '{user}' não encontrado.")
        }
        Problem::Oneself => either("that is you", "Esse é você. Não é possível conectar a si mesmo."),
        Problem::AlreadyLinked { user } => {
            say!(language, "you are linked to {user} already", "Já está conectado a esse peer. É {user}")
        }
        Problem::NotLinked { user } => {
            say!(language, "there is no link to {user}", "Não há conexão com {user}.")
        }
        Problem::Unreachable { address, reason } => say!(
            language,
            "nobody can be reached at {address}: {}",
            "Falha pra conectar em {address}: {}.",
            refusal(language, *reason)
        ),
        Problem::LinkFault { address, fault: Fault::Refused } => say!(
            language,
            "whoever answers at {address} takes no link from you at present",
            "Quem responde em {address} não aceita conexão sua no momento."
        ),
        Problem::LinkFault { address, fault: why } => say!(
            language,
            "what answers at {address} is no papo that can be talked to: {}",
            "O que responde em {address} não é um papo com que se possa falar: {}.",
            fault(language, *why)
        ),
        Problem::Blocked { user } => {
            say!(language, "you have blocked {user}: /unblock {user}", "Você bloqueou {user}: /unblock {user}")
        }
        Problem::KeyChanged { user } => say!(
            language,
            "the key of {user} changed: ask {user} by another way, then /trust {user}",
            "A chave de {user} mudou: pergunte a {user} por outro meio, depois /trust {user}"
        ),
        Problem::Plaintext { user } => say!(
            language,
            "{user} is there with a program of an older system: start papo with --allow-plaintext to talk in plain \
             text",
            "{user} usa um programa de um sistema antigo: inicie o papo com --allow-plaintext para conversar sem \
             criptografia"
        ),
        Problem::PlaintextOnly { user } => say!(
            language,
            "with {user} only plain text can be exchanged",
            "Com {user} só se pode trocar texto sem criptografia."
        ),
        Problem::NothingToTrust { user } => say!(
            language,
            "{user} has shown no other key than the accepted one",
            "{user} não mostrou nenhuma chave além da aceita."
        ),
        Problem::TextEmpty => either("there is nothing to say", "Não há nada a dizer."),
        Problem::TextTooLong { bytes, max } => say!(
            language,
            "that is too long for one message ({bytes} bytes; {max} fit): say it in parts",
            "Isso é longo demais para uma mensagem ({bytes} bytes; cabem {max}): diga em partes."
        ),
        Problem::TooMuchWaiting { user } => say!(
            language,
            "too much waits for {user} already; nothing more is kept until some of it is delivered",
            "Já há coisas demais esperando por {user}; nada mais é guardado até que parte seja entregue."
        ),
        Problem::NobodyLinked => either(
            "nobody is linked to you, so nobody would hear it: /join a room, /msg USER TEXT, or /connect IP:PORT",
            "Ninguém está conectado a você, então ninguém ouviria: /join em uma sala, /msg USUÁRIO TEXTO, ou /connect \
             IP:PORTA",
        ),
        Problem::TimedOut => either("it took too long", "Demorou demais."),
        Problem::TooManyRequests => either(
            "too much is under way: wait for an answer first",
            "Há coisas demais em andamento: espere antes por uma resposta.",
        ),
        Problem::OutOfRange => say!(language, "{}", "{}.", capacities(language)),
        Problem::UnknownTransfer { transfer } => say!(
            language,
            "there is no transfer {transfer}: /transfers lists them",
            "Não há transferência {transfer}: /transfers lista todas"
        ),
        Problem::NotAnOffer { transfer } => say!(
            language,
            "transfer {transfer} is no offer to you that waits for an answer",
            "A transferência {transfer} não é uma oferta a você que espere resposta."
        ),
        Problem::NotAccepted { transfer } => say!(
            language,
            "transfer {transfer} is not accepted yet: /accept {transfer}",
            "A transferência {transfer} ainda não foi aceita: /accept {transfer}"
        ),
        Problem::TooManyTransfers { max } => say!(
            language,
            "there would be more than {max} transfers: wait until some have ended, or /cancel them",
            "Seriam mais de {max} transferências: espere que algumas terminem, ou use /cancel"
        ),
        Problem::File { path, error } => say!(
            language,
            "{} can't be sent: {}",
            "{} não pode ser enviado: {}.",
            quoted(path),
            files::not_read(language, *error)
        ),
        Problem::ReceivedFiles { transfer, error } => say!(
            language,
            "transfer {transfer} can't be received: {}",
            "A transferência {transfer} não pode ser recebida: {}.",
            files::not_written(language, *error)
        ),
        Problem::NoSpace { transfer, needed, free } => say!(
            language,
            "transfer {transfer} needs {needed}, and {free} are free: make room, then /accept {transfer}",
            "A transferência {transfer} precisa de {needed}, e há {free} livres: abra espaço, depois /accept {transfer}",
            needed = files::bytes(language, *needed),
            free = files::bytes(language, *free)
        ),
        Problem::Stopping => either("papo is about to end", "O papo está prestes a terminar."),
    }
}

fn unreachable_tracker(language: Language, tracker: &str, reason: Refusal) -> String {
    match reason {
        Refusal::Refused => say!(
            language,
            "nothing answers at {tracker}: is papo-tracker running there?",
            "Falha ao conectar no Super Peer: nada responde em {tracker}. O papo-tracker está rodando lá?"
        ),
        Refusal::TimedOut => say!(
            language,
            "nothing answers at {tracker}: is papo-tracker running there, and does a firewall let it through?",
            "Falha ao conectar no Super Peer: nada responde em {tracker}. O papo-tracker está rodando lá, e o firewall \
             o deixa passar?"
        ),
        Refusal::Unreachable => say!(
            language,
            "no way leads to {tracker}: is this machine on the network?",
            "Falha ao conectar no Super Peer: nenhum caminho leva a {tracker}. Esta máquina está na rede?"
        ),
        Refusal::AddressInUse
        | Refusal::AddressNotAvailable
        | Refusal::Denied
        | Refusal::Exhausted
        | Refusal::Other => say!(
            language,
            "{tracker} can't be reached: {}",
            "Falha ao conectar no Super Peer: {tracker} não pode ser alcançado: {}.",
            refusal(language, reason)
        ),
    }
}

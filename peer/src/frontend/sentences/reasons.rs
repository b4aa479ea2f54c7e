//! Why something failed, in a few words that stand for one fact each and may be parts of other sentences.

use papo_proto::{
    error::Fault,
    machine::Refusal,
    wire::tracker::{Failure, ROOM_CAPACITY_MAX},
};

use super::Language;

/// How many people a room takes.
pub(super) const fn capacities(language: Language) -> &'static str {
    language.either("a room takes 1 to 256 people", "Uma sala comporta de 1 a 256 pessoas")
}
const _: () = assert!(ROOM_CAPACITY_MAX == 256, "as the sentence says");

/// Why a dial or a listener did not come to be.
pub(super) const fn refusal(language: Language, reason: Refusal) -> &'static str {
    match reason {
        Refusal::Refused => language.either("nothing listens there", "nada escuta lá"),
        Refusal::Unreachable => language.either("no way leads there", "nenhum caminho leva lá"),
        Refusal::TimedOut => language.either("it took too long", "demorou demais"),
        Refusal::AddressInUse => {
            language.either("another program uses that address", "outro programa usa esse endereço")
        }
        Refusal::AddressNotAvailable => {
            language.either("this machine has no such address", "esta máquina não tem esse endereço")
        }
        Refusal::Denied => language.either("this program may not", "este programa não tem permissão"),
        Refusal::Exhausted => language.either("the system has no connections left", "o sistema não tem mais conexões"),
        Refusal::Other => language.either("the system refuses", "o sistema recusa"),
    }
}

/// Why a tracker refused something.
pub(super) fn failure(language: Language, failure: Failure) -> String {
    let why = match failure {
        Failure::BadCredentials => {
            language.either("the tracker refused: name or password are not right", "Credenciais inválidas.")
        }
        Failure::NameTaken => language.either(
            "that name, or one that looks like it, is taken: choose another",
            "Usuário já existe. Esse nome, ou um parecido, já tem dono: escolha outro.",
        ),
        Failure::RegistrationClosed => language.either(
            "this tracker takes no new accounts: ask whoever runs it",
            "Este tracker não aceita contas novas: pergunte a quem cuida dele.",
        ),
        Failure::BadToken => language.either(
            "this tracker asks newcomers for a token: give it with --token-file or PAPO_REGISTRATION_TOKEN",
            "Este tracker pede um token a quem é novo: dê-o com --token-file ou PAPO_REGISTRATION_TOKEN",
        ),
        Failure::NotLoggedIn => language.either(
            "log in first: /login, or /register for a new account",
            "Comando inválido. Faça login ou registre-se primeiro. Use /login, ou /register para uma conta nova",
        ),
        Failure::AlreadyLoggedIn => {
            language.either("you are logged in already: /logout first", "Você já fez login: antes, /logout")
        }
        Failure::UnknownUser => language.either("the tracker knows nobody by that name", "Peer não encontrado."),
        Failure::UnknownRoom => language.either(
            "there is no such room: /rooms lists them, /create makes one",
            "A sala não existe: /rooms lista as salas, /create cria uma",
        ),
        Failure::RoomFull => language.either("the room is full", "A sala está cheia."),
        Failure::RoomExists => language.either(
            "a room has that name, or one that looks like it: choose another",
            "A sala já existe, ou uma de nome parecido: escolha outro nome.",
        ),
        Failure::NotMember => language.either("you are not in that room", "Você não está nessa sala."),
        Failure::NotOwner => language.either("only the room's owner may do that", "Só o dono da sala pode fazer isso."),
        Failure::OutOfRange => capacities(language),
        Failure::TooManyRooms => language.either(
            "you are in as many rooms as one can be in: leave one first",
            "Você está em tantas salas quantas se pode: saia antes de uma.",
        ),
        Failure::Full => language.either("the tracker is full", "O tracker está cheio."),
        Failure::Busy => language.either(
            "too many try to log in just now: try again in a moment",
            "Muita gente tenta entrar agora mesmo: tente de novo daqui a pouco.",
        ),
        Failure::PlaintextRoom => language.either(
            "in that room some speak in plain text: start papo with --allow-plaintext if that is what you want",
            "Nessa sala alguns falam sem criptografia: inicie o papo com --allow-plaintext se é isso que você quer",
        ),
    };
    why.to_owned()
}

/// Why a connection was cut short.
pub(super) const fn fault(language: Language, fault: Fault) -> &'static str {
    match fault {
        Fault::NotPapo => language.either("it does not speak papo", "não fala papo"),
        Fault::Plaintext => language
            .either("it speaks plain text, which is not allowed here", "fala texto aberto, o que não é permitido aqui"),
        Fault::WrongPreface => language.either("it is another kind of program", "é outro tipo de programa"),
        Fault::FrameTooLong => language.either("a message was too long", "uma mensagem era longa demais"),
        Fault::Handshake => language.either("the handshake failed", "a negociação falhou"),
        Fault::BadIdentity => language.either("its identity is false", "a identidade é falsa"),
        Fault::Decrypt => language.either("a message could not be decrypted", "uma mensagem não pôde ser decifrada"),
        Fault::Malformed => language.either("a message made no sense", "uma mensagem não fazia sentido"),
        Fault::Unexpected => language.either("a message came at the wrong time", "uma mensagem veio na hora errada"),
        Fault::Forged => language.either("a message was forged", "uma mensagem era forjada"),
        Fault::Unlisted => language.either(
            "the tracker does not list that name for its address",
            "o tracker não lista esse nome para o endereço dele",
        ),
        Fault::UnexpectedKey => language.either("its key is another than expected", "a chave não é a esperada"),
        Fault::HandshakeTimeout => language.either("the handshake took too long", "a negociação demorou demais"),
        Fault::FrameTimeout => language.either("a message took too long", "uma mensagem demorou demais"),
        Fault::LoginTimeout => language.either("nobody logged in in time", "ninguém fez login a tempo"),
        Fault::TooManyFailures => language.either("too much went wrong", "deu errado vezes demais"),
        Fault::SlowReader => language.either("it reads too slowly", "lê devagar demais"),
        Fault::Silent => language.either("nothing was heard for too long", "nada foi ouvido por tempo demais"),
        Fault::Cut => language.either("it broke off", "foi interrompida"),
        Fault::TooManyFromAddress => {
            language.either("too many connections from one address", "conexões demais de um só endereço")
        }
        Fault::TooManyConnections => language.either("too many connections", "conexões demais"),
        Fault::UnfinishedBytes => language.either("it takes too much memory", "ocupa memória demais"),
        Fault::Blocked => language.either("you have blocked it", "você bloqueou quem está lá"),
        Fault::Oneself => language.either("it is you", "é você"),
        Fault::Refused => language.either("it takes no link from you", "não aceita conexão sua"),
    }
}

//! What is said about what was typed: questions, and what was not understood.

use papo_proto::{
    escape::quoted,
    names::{BadName, NAME_CHARS_MAX},
};

use super::{Language, help::usage, reasons::capacities, relay, say, starting::listen_refused};
use crate::{
    args::BadAddress,
    frontend::{
        commands::Mistake,
        event::{BadObject, Trouble},
    },
};

/// The prompt that asks yes or no.
pub(crate) const fn yes_or_no_prompt(language: Language) -> &'static str {
    language.either("yes or no? ", "sim ou não? ")
}

/// What an answer to that means, in whichever language.
pub(crate) fn yes_or_no(answer: &str) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "yes" | "y" | "sim" | "s" => Some(true),
        "no" | "n" | "não" | "nao" => Some(false),
        _ => None,
    }
}

/// Why a line was not understood.
pub(crate) fn mistake(language: Language, mistake: &Mistake) -> String {
    match mistake {
        Mistake::UnknownCommand { typed, nearest } => {
            let hint = match nearest {
                Some(verb) => say!(language, "did you mean /{}?", "você quis dizer /{}?", verb.word()),
                None => language.either("/help lists the commands", "/help lista os comandos").to_owned(),
            };
            say!(
                language,
                "there is no command /{typed}: {hint} (// says a literal slash)",
                "Comando não suportado. Não há /{typed}: {hint} (// diz uma barra literal)"
            )
        }
        Mistake::Usage(verb) => say!(language, "it goes {}", "O uso é {}", usage(language, *verb)),
        Mistake::Name { typed, why } => say!(
            language,
            "{} can't be a name: {}",
            "{} não pode ser um nome: {}.",
            quoted(typed),
            bad_name(language, *why)
        ),
        Mistake::Capacity(typed) => {
            say!(language, "{}, not {}", "{}, não {}", capacities(language), quoted(typed))
        }
        Mistake::Address(typed) => say!(
            language,
            "{} is not an address with a port, such as 10.0.0.2:6061",
            "{} não é um endereço com porta, como 10.0.0.2:6061",
            quoted(typed)
        ),
        Mistake::Tracker(why) => say!(
            language,
            "that is not the address of a tracker: {}",
            "Isso não é o endereço de um tracker: {}",
            bad_address(language, *why)
        ),
        Mistake::Transfer(typed) => say!(
            language,
            "{} is not the number of a transfer: /transfers lists them",
            "{} não é o número de uma transferência: /transfers lista todas",
            quoted(typed)
        ),
        Mistake::NoRoom(verb) => say!(
            language,
            "you talk to no room at present: /{} ROOM",
            "Você não fala com nenhuma sala no momento: /{} SALA",
            verb.word()
        ),
        Mistake::TooLong { max } => {
            say!(language, "that is too long: {max} bytes fit", "Isso é longo demais: cabem {max} bytes.")
        }
    }
}

fn bad_name(language: Language, why: BadName) -> String {
    match why {
        BadName::Empty => language.either("it has no letters", "não tem letras").to_owned(),
        BadName::TooLong => {
            say!(language, "it has more than {NAME_CHARS_MAX} characters", "tem mais de {NAME_CHARS_MAX} caracteres")
        }
        BadName::Character(' ') => language.either("it has a space in it", "tem um espaço").to_owned(),
        BadName::Character(character) if character.is_ascii_graphic() => {
            say!(language, "it has {character} in it", "contém {character}")
        }
        BadName::Character(character) => {
            say!(language, "it has the character U+{:04X} in it", "contém o caractere U+{:04X}", u32::from(character))
        }
    }
}

/// Why something is no address. Where it was an argument of the program, clap says it, in English.
pub(crate) const fn bad_address(language: Language, why: BadAddress) -> &'static str {
    match why {
        BadAddress::Fingerprint => language
            .either("a fingerprint has 64 hexadecimal digits", "uma impressão digital tem 64 dígitos hexadecimais"),
        BadAddress::OpenBracket => language.either("a bracket is not closed", "um colchete não foi fechado"),
        BadAddress::NoColon => language.either("a port follows a colon", "uma porta vem depois de dois-pontos"),
        BadAddress::NoBrackets => language.either(
            "an IPv6 address stands in brackets, such as [::1]:6060",
            "um endereço IPv6 fica entre colchetes, como [::1]:6060",
        ),
        BadAddress::Port => language.either("a port is a number from 1 to 65535", "uma porta é um número de 1 a 65535"),
        BadAddress::Host => language.either("a host is a name or an address", "um host é um nome ou um endereço"),
    }
}

/// What went wrong outside of the peer.
pub(crate) fn trouble(language: Language, trouble: &Trouble) -> String {
    match trouble {
        Trouble::BadJson(why) => say!(
            language,
            "an object must be {{\"say\":TEXT}} or {{\"do\":\"/command\"}}: {}",
            "Um objeto deve ser {{\"say\":TEXTO}} ou {{\"do\":\"/comando\"}}: {}",
            bad_object(language, why)
        ),
        Trouble::LineTooLong { max } => say!(
            language,
            "a line of input is longer than {max} bytes; it is not sent",
            "Uma linha da entrada tem mais de {max} bytes; ela não é enviada."
        ),
        Trouble::NotUtf8 => language
            .either(
                "a line of input is not UTF-8; it is not sent",
                "Uma linha da entrada não é UTF-8; ela não é enviada.",
            )
            .to_owned(),
        Trouble::PasswordMissing { user, tracker } => say!(
            language,
            "the tracker at {tracker} asks for the password of {user}: give it with --password-file or PAPO_PASSWORD; \
             for a new account add --register",
            "O tracker em {tracker} pede a senha de {user}: dê-a com --password-file ou PAPO_PASSWORD; para uma conta \
             nova acrescente --register"
        ),
        Trouble::NoPassword => language
            .either(
                "that needs a password: give it with --password-file or PAPO_PASSWORD",
                "Isso precisa de uma senha: dê-a com --password-file ou PAPO_PASSWORD",
            )
            .to_owned(),
        Trouble::UnknownTracker { tracker, key } => say!(
            language,
            "the tracker at {tracker} is not known here. If its fingerprint is {key}, give it with --tracker \
             {tracker}#{key}; to accept whatever key it has, add --trust-new",
            "O tracker em {tracker} não é conhecido aqui. Se a impressão digital dele é {key}, dê-a com --tracker \
             {tracker}#{key}; para aceitar qualquer chave que ele tenha, acrescente --trust-new"
        ),
        Trouble::PasswordsDiffer => language
            .either(
                "the two are not the same: once more from the start",
                "As duas não são iguais: mais uma vez, desde o começo.",
            )
            .to_owned(),
        Trouble::YesOrNo => language.either("please answer yes or no", "Responda sim ou não, por favor.").to_owned(),
        Trouble::NotReached { user, seconds } => say!(
            language,
            "{user} was not there for {seconds} s: is papo running there, and does a firewall let it through?",
            "{user} não apareceu em {seconds} s: o papo está rodando lá, e o firewall o deixa passar?"
        ),
        Trouble::HostRefused { address, reason } => listen_refused(language, address, *reason, "--host"),
        Trouble::RelayUnreachable(trouble) => relay::unreachable(language, *trouble),
        Trouble::NotByRelay => relay::not_by_relay(language).to_owned(),
        Trouble::NotShown(count) => say!(
            language,
            "{count} notices are not shown, because the output was full; no message is among them",
            "{count} avisos não são mostrados, porque a saída estava cheia; não há mensagem entre eles."
        ),
    }
}

fn bad_object(language: Language, why: &BadObject) -> String {
    let why = match why {
        BadObject::NoCommand => language.either("there is no command", "não há um comando"),
        BadObject::NoSlash => language.either("a command begins with one slash", "um comando começa com uma barra"),
        BadObject::ManyFields => language.either("it has more than one field", "ele tem mais de um campo"),
        BadObject::Empty => language.either("it is empty", "ele está vazio"),
        BadObject::Other(why) => why,
    };
    why.to_owned()
}

//! What is said when the program starts, and when it can't.

use std::path::Path;

use papo_proto::{identity::Key, machine::Refusal, names::Name};

use super::{Language, reasons::refusal, say};

/// This program is there.
pub(crate) fn ready(language: Language, user: &Name, listen: &str, key: &Key) -> String {
    say!(
        language,
        "you are {user}, listening on {listen}; your fingerprint begins with {}",
        "Você é {user}, escutando em {listen}. Sua impressão digital começa com {}",
        key.short()
    )
}

/// It can't listen; another address is given by `option`.
pub(crate) fn listen_refused(language: Language, listen: &str, reason: Refusal, option: &str) -> String {
    match reason {
        Refusal::AddressInUse => say!(
            language,
            "{listen} is taken by another program: give another address with {option}",
            "{listen} já está em uso por outro programa: dê outro endereço com {option}"
        ),
        Refusal::AddressNotAvailable => say!(
            language,
            "this machine has no such address as {listen}: give another one with {option}",
            "Esta máquina não tem o endereço {listen}: dê outro com {option}"
        ),
        Refusal::Denied => say!(
            language,
            "papo may not listen on {listen}: give a port above 1023 with {option}",
            "O papo não tem permissão para escutar em {listen}: dê uma porta acima de 1023 com {option}"
        ),
        Refusal::Refused | Refusal::Unreachable | Refusal::TimedOut | Refusal::Exhausted | Refusal::Other => say!(
            language,
            "papo can't listen on {listen}: {}",
            "O papo não consegue escutar em {listen}: {}.",
            refusal(language, reason)
        ),
    }
}

/// An account is to be made, and there is nobody to ask for its password.
pub(crate) const fn register_needs_password(language: Language) -> &'static str {
    language.either(
        "a new account needs a password: give it with --password-file or PAPO_PASSWORD",
        "Uma conta nova precisa de uma senha: dê-a com --password-file ou PAPO_PASSWORD",
    )
}

/// Something broke in the program itself.
pub(crate) const fn frontend_failed(language: Language) -> &'static str {
    language
        .either("papo broke off because of a fault of its own", "O papo foi interrompido por um defeito dele mesmo.")
}

/// The terminal can't be used.
pub(crate) fn terminal_refused(language: Language, why: &str) -> String {
    say!(language, "the terminal can't be used: {why}", "O terminal não pode ser usado: {why}")
}

/// A recording would hold an identity that is in use.
pub(crate) fn record_secrets(language: Language, data: &Path) -> String {
    say!(
        language,
        "{} has an identity already, and a recording holds its secret key: add --record-secrets if that is what you \
         want, or give another --data",
        "{} já tem uma identidade, e uma gravação contém a chave secreta dela: acrescente --record-secrets se é isso \
         que você quer, ou dê outro --data",
        data.display()
    )
}

/// A recording can't be begun.
pub(crate) fn record_refused(language: Language, path: &Path, error: &std::io::Error) -> String {
    say!(
        language,
        "the recording {} can't be made: {error}",
        "A gravação {} não pode ser feita: {error}",
        path.display()
    )
}

/// A tracker can't be hosted.
pub(crate) fn host_refused(language: Language, why: &str) -> String {
    say!(language, "the tracker can't start: {why}", "O tracker não consegue iniciar: {why}")
}

/// A session stands.
pub(crate) fn logged_in(language: Language, user: &Name, tracker: &str) -> String {
    say!(language, "logged in at {tracker} as {user}", "Login realizado com sucesso. Você é {user} em {tracker}")
}

/// A session ended.
pub(crate) const fn logged_out(language: Language) -> &'static str {
    language.either("logged out", "Sessão encerrada.")
}

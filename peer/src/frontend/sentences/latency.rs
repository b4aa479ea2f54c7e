//! What is said about how quickly someone answers.

use std::path::Path;

use papo_proto::{
    monitor::{
        Measurement,
        status::{Status, Thresholds},
    },
    names::Name,
};

use super::{Language, say};
use crate::monitor::statistics::Summary;

/// How quickly a person answered.
pub(crate) fn answered(language: Language, user: &Name, us: u64) -> String {
    let status = status(language, Thresholds::DEFAULT.status_of(Some(us)));
    match language {
        Language::En => format!("{user} answers in {} ms ({status})", milliseconds(us)),
        Language::Pt => format!("Conexão {status}. Latência: {} ms ({user})", hundredths(us)),
    }
}

/// A person did not answer.
pub(crate) fn inactive(language: Language, user: &Name) -> String {
    say!(language, "{user} does not answer", "Conexão Inativa. ({user})")
}

/// One measurement of a relay.
pub(crate) fn measured(language: Language, measurement: &Measurement) -> String {
    let status = status(language, measurement.status);
    match (language, measurement.latency_us) {
        (Language::En, Some(us)) => format!("connection {status}, latency {} ms", milliseconds(us)),
        (Language::En, None) => format!("connection {status}"),
        (Language::Pt, Some(us)) => format!("Conexão {status}. Latência: {} ms", hundredths(us)),
        (Language::Pt, None) => format!("Conexão {status}."),
    }
}

/// How long the last one took, and what all of them come to.
pub(crate) fn live(language: Language, measurement: &Measurement, all: &Summary) -> String {
    let last = match measurement.latency_us {
        Some(us) => format!("{} ms", milliseconds(us)),
        None => language.either("no answer", "sem resposta").to_owned(),
    };
    format!("{last}  {}", summary(language, all))
}

/// What all of them come to, in milliseconds.
pub(crate) fn summary(language: Language, summary: &Summary) -> String {
    let lost = say!(language, "lost {}/{}", "perdidas {}/{}", summary.lost, summary.measured);
    match summary.latencies.map(|latencies| latencies.map(milliseconds)) {
        Some([min, median, p99]) => say!(
            language,
            "min {min}, median {median}, p99 {p99}, {lost}",
            "mín. {min}, mediana {median}, p99 {p99}, {lost}"
        ),
        None => lost,
    }
}

/// Subject and body of a mail about a measurement of `target`; in Portuguese they are the older system's.
pub(crate) fn mail(language: Language, target: &str, measurement: &Measurement) -> (String, String) {
    let status = status(language, measurement.status);
    let ms = measurement.latency_us.map(hundredths);
    let latency = match (language, ms) {
        (Language::En, Some(ms)) => format!("{ms} ms"),
        (Language::En, None) => "no answer".to_owned(),
        (Language::Pt, ms) => format!("{} ms", ms.as_deref().unwrap_or("Sem Resposta")),
    };
    let subject = say!(language, "Latency alert: {status}", "Alerta de latência: {status}");
    let body = say!(
        language,
        "The connection to {target} is {status}.\nLatency: {latency}",
        "A conexão ao {target} está {status}.\nLatência: {latency}"
    );
    (subject, body)
}

/// A mail has left.
pub(crate) fn mail_sent(language: Language, of: Status) -> String {
    say!(language, "mail sent: {}", "E-mail de conexão enviado: {}", status(language, of))
}

/// A mail has not left; it is tried again.
pub(crate) fn mail_failed(language: Language, why: &str) -> String {
    say!(language, "the mail can't be sent: {why}", "Não foi possível enviar o e-mail: {why}")
}

/// Mails that waited were dropped.
pub(crate) fn mails_dropped(language: Language, count: u64) -> String {
    say!(language, "too many mails wait; dropped: {count}", "Há e-mails demais esperando; descartados: {count}")
}

/// At the end, mails that could not be sent.
pub(crate) fn mails_unsent(language: Language, count: usize) -> String {
    say!(language, "mails that were not sent: {count}", "E-mails que não foram enviados: {count}")
}

/// Why no mails can be sent at all.
#[derive(Debug)]
pub(crate) enum NoMails<'a> {
    /// A certificate can't be read.
    Certificate(&'a Path, String),
    /// A certificate is no text.
    NotPem(&'a Path),
    /// There is nothing to encrypt them with.
    NoTls(String),
    /// A user has no password.
    NoPassword {
        /// The variable in which it may stand.
        variable: &'static str,
    },
}

/// Why no mails can be sent at all.
pub(crate) fn no_mails(language: Language, why: &NoMails<'_>) -> String {
    match why {
        NoMails::Certificate(path, why) => say!(
            language,
            "the certificate {} can't be read: {why}",
            "O certificado {} não pode ser lido: {why}",
            path.display()
        ),
        NoMails::NotPem(path) => say!(
            language,
            "the certificate {} can't be read: it is not in PEM",
            "O certificado {} não pode ser lido: não está em PEM.",
            path.display()
        ),
        NoMails::NoTls(why) => {
            say!(language, "there is no TLS to be had: {why}", "Não há TLS disponível: {why}")
        }
        NoMails::NoPassword { variable } => say!(
            language,
            "--smtp-user needs a password: name its file with --smtp-password-file, or set {variable}",
            "--smtp-user precisa de uma senha: nomeie o arquivo dela com --smtp-password-file, ou defina {variable}"
        ),
    }
}

/// What is normal would be slow at the same time.
pub(crate) fn bad_thresholds(language: Language, normal: u64, slow: u64) -> String {
    say!(
        language,
        "--normal {normal} is above --slow {slow}: what is normal is not slow",
        "--normal {normal} está acima de --slow {slow}: o que é normal não é lento"
    )
}

/// What was measured could not be written.
pub(crate) const fn not_written(language: Language) -> &'static str {
    language.either("what was measured could not be written", "O que foi medido não pôde ser escrito.")
}

/// What a status is called.
const fn status(language: Language, status: Status) -> &'static str {
    match status {
        Status::Normal => language.either("normal", "Normal"),
        Status::Slow => language.either("slow", "Lenta"),
        Status::VerySlow => language.either("very slow", "Muito Lenta"),
        Status::Inactive => language.either("inactive", "Inativa"),
    }
}

/// Milliseconds as the older systems write them, in a sentence of theirs.
fn hundredths(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

/// Milliseconds with as many decimals as tell something.
fn milliseconds(us: u64) -> String {
    if us < 10_000 { hundredths(us) } else { (us / 1000).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_in_portuguese_has_the_older_systems_words() {
        let mail = |latency_us| {
            let status = Thresholds::DEFAULT.status_of(latency_us);
            mail(Language::Pt, "127.0.0.1:12345", &Measurement { number: 1, status, latency_us })
        };
        let told = |status: &str, ms: &str| {
            let body = format!("A conexão ao 127.0.0.1:12345 está {status}.\nLatência: {ms} ms");
            (format!("Alerta de latência: {status}"), body)
        };
        assert_eq!(mail(Some(8_000)), told("Normal", "8.00"));
        assert_eq!(mail(Some(150_000)), told("Lenta", "150.00"));
        assert_eq!(mail(Some(350_000)), told("Muito Lenta", "350.00"));
        assert_eq!(mail(None), told("Inativa", "Sem Resposta"));
    }

    #[test]
    fn a_mail_in_english_says_the_same() {
        let measurement = Measurement { number: 1, status: Status::Inactive, latency_us: None };
        let (subject, body) = mail(Language::En, "[::1]:9", &measurement);
        assert_eq!(subject, "Latency alert: inactive");
        assert_eq!(body, "The connection to [::1]:9 is inactive.\nLatency: no answer");
    }
}

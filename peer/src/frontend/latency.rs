//! Every word about how quickly someone answers.

use papo_proto::{
    monitor::{
        Measurement,
        status::{Status, Thresholds},
    },
    names::Name,
};

use crate::monitor::statistics::Summary;

/// How quickly a person answered.
pub(crate) fn answered(user: &Name, us: u64) -> String {
    format!("{user} answers in {} ms ({})", milliseconds(us), status(Thresholds::DEFAULT.status_of(Some(us))))
}

/// A person did not answer.
pub(crate) fn inactive(user: &Name) -> String {
    format!("{user} does not answer")
}

/// One measurement of a relay.
pub(crate) fn measured(measurement: &Measurement) -> String {
    match measurement.latency_us {
        Some(us) => format!("connection {}, latency {} ms", status(measurement.status), milliseconds(us)),
        None => format!("connection {}", status(measurement.status)),
    }
}

/// How long the last one took, and what all of them come to.
pub(crate) fn live(measurement: &Measurement, all: &Summary) -> String {
    let last = measurement.latency_us.map_or_else(|| "no answer".to_owned(), |us| format!("{} ms", milliseconds(us)));
    format!("{last}  {}", summary(all))
}

/// What all of them come to, in milliseconds.
pub(crate) fn summary(summary: &Summary) -> String {
    let lost = format!("lost {}/{}", summary.lost, summary.measured);
    match summary.latencies.map(|latencies| latencies.map(milliseconds)) {
        Some([min, median, p99]) => format!("min {min}, median {median}, p99 {p99}, {lost}"),
        None => lost,
    }
}

/// The language of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Language {
    /// Portuguese, in the older system's words
    Pt,
    /// English
    En,
}

/// Subject and body of a mail about a measurement of `target`.
pub(crate) fn mail(language: Language, target: &str, measurement: &Measurement) -> (String, String) {
    let ms = measurement.latency_us.map(|us| format!("{}.{:02}", us / 1000, us % 1000 / 10));
    match language {
        Language::Pt => {
            let status = status_pt(measurement.status);
            let ms = ms.as_deref().unwrap_or("Sem Resposta");
            let body = format!("A conexão ao {target} está {status}.\nLatência: {ms} ms");
            (format!("Alerta de latência: {status}"), body)
        }
        Language::En => {
            let status = status(measurement.status);
            let latency = ms.map_or_else(|| "no answer".to_owned(), |ms| format!("{ms} ms"));
            let body = format!("The connection to {target} is {status}.\nLatency: {latency}");
            (format!("Latency alert: {status}"), body)
        }
    }
}

/// A mail has left.
pub(crate) fn mail_sent(of: Status) -> String {
    format!("mail sent: {}", status(of))
}

/// A mail has not left; it is tried again.
pub(crate) fn mail_failed(why: &str) -> String {
    format!("the mail can't be sent: {why}")
}

/// Mails that waited were dropped.
pub(crate) fn mails_dropped(count: u64) -> String {
    format!("too many mails wait; dropped: {count}")
}

/// At the end, mails that could not be sent.
pub(crate) fn mails_unsent(count: usize) -> String {
    format!("mails that were not sent: {count}")
}

/// What a status is called in the older system's words.
const fn status_pt(status: Status) -> &'static str {
    match status {
        Status::Normal => "Normal",
        Status::Slow => "Lenta",
        Status::VerySlow => "Muito Lenta",
        Status::Inactive => "Inativa",
    }
}

/// What a status is called.
const fn status(status: Status) -> &'static str {
    match status {
        Status::Normal => "normal",
        Status::Slow => "slow",
        Status::VerySlow => "very slow",
        Status::Inactive => "inactive",
    }
}

/// Milliseconds with as many decimals as tell something.
pub(crate) fn milliseconds(us: u64) -> String {
    if us < 10_000 { format!("{}.{:02}", us / 1000, us % 1000 / 10) } else { (us / 1000).to_string() }
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

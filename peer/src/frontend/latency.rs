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

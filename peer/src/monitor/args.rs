//! What `papo monitor` is told on its command line.

use std::time::Duration;

use papo_proto::monitor::status::Thresholds;

use super::mail::MailArguments;
use crate::{
    args::{self, BadAddress},
    frontend::sentences::{Language, latency::bad_thresholds},
};

/// Where a relay is when nobody says.
pub(crate) const TARGET: &str = "127.0.0.1:12345";
/// The port of a relay whose address has none.
const PORT: u16 = 12345;
/// The shortest time between two measurements, and the shortest wait for an answer, in seconds.
const SECONDS_MIN: f64 = 0.01;
/// The longest: a day.
const SECONDS_MAX: f64 = 86_400.0;

/// What is measured, and how.
#[derive(Debug, Clone, PartialEq, clap::Args)]
#[command(next_help_heading = "Measuring")]
pub(crate) struct MonitorArguments {
    /// The relay that is asked
    #[arg(value_name = "HOST[:PORT]", default_value = TARGET, value_parser = target)]
    pub(crate) target: Target,
    /// From one measurement to the next, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    interval: Duration,
    /// An answer that takes longer is none, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "2", value_parser = seconds)]
    timeout: Duration,
    /// Below so many milliseconds the connection is normal
    #[arg(long, value_name = "MS", default_value_t = Thresholds::DEFAULT.normal_ms, value_parser = milliseconds())]
    normal: u64,
    /// Below so many it is slow, and very slow above
    #[arg(long, value_name = "MS", default_value_t = Thresholds::DEFAULT.slow_ms, value_parser = milliseconds())]
    slow: u64,
    /// End after so many measurements
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    #[command(flatten)]
    pub(crate) mail: MailArguments,
}

/// Who is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Target {
    /// A host name or an address.
    pub(crate) host: String,
    /// The port.
    pub(crate) port: u16,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl MonitorArguments {
    /// What is slow.
    ///
    /// # Errors
    /// When nothing could be slow without being very slow.
    pub(crate) fn thresholds(&self, language: Language) -> Result<Thresholds, String> {
        if self.normal > self.slow {
            return Err(bad_thresholds(language, self.normal, self.slow));
        }
        Ok(Thresholds { normal_ms: self.normal, slow_ms: self.slow })
    }

    /// From one measurement to the next, in milliseconds.
    pub(crate) fn interval_ms(&self) -> u64 {
        as_ms(self.interval)
    }

    /// How long an answer may take, in milliseconds.
    pub(crate) fn timeout_ms(&self) -> u64 {
        as_ms(self.timeout)
    }
}

fn as_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).expect("a day has not so many")
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (SECONDS_MIN..=SECONDS_MAX).contains(seconds));
    let seconds = seconds.ok_or_else(|| format!("a time in seconds, from {SECONDS_MIN} to {SECONDS_MAX}"))?;
    Ok(Duration::from_secs_f64(seconds))
}

fn milliseconds() -> clap::builder::RangedU64ValueParser {
    clap::value_parser!(u64).range(..=3_600_000)
}

pub(crate) fn target(text: &str) -> Result<Target, BadAddress> {
    host_and_port(text, PORT)
}

/// `HOST[:PORT]`, with the port that counts where there is none.
pub(super) fn host_and_port(text: &str, usual: u16) -> Result<Target, BadAddress> {
    args::host_and_port(text, usual).map(|(host, port)| Target { host, port })
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        monitor: MonitorArguments,
    }

    fn parsed(arguments: &[&str]) -> Option<MonitorArguments> {
        Alone::try_parse_from(["monitor"].iter().chain(arguments)).ok().map(|alone| alone.monitor)
    }

    #[test]
    fn without_arguments_it_measures_as_the_older_one_did() {
        let usual = parsed(&[]).expect("valid");
        assert_eq!((usual.target.to_string().as_str(), usual.count), (TARGET, None));
        assert_eq!((usual.interval_ms(), usual.timeout_ms()), (10_000, 2_000));
        assert_eq!(usual.thresholds(Language::En), Ok(Thresholds::DEFAULT));
    }

    #[test]
    fn times_may_be_fractions_and_are_bounded() {
        let some = parsed(&["relay.example", "--interval", "0.5", "--timeout", "0.01", "--count", "3"]).expect("valid");
        assert_eq!((some.target.to_string().as_str(), some.count), ("relay.example:12345", Some(3)));
        assert_eq!((some.interval_ms(), some.timeout_ms()), (500, 10));
        assert!(parsed(&["--interval", "86400"]).is_some());
        for wrong in ["0", "0.009", "86400.1", "-1", "NaN", "inf", "soon", ""] {
            assert!(parsed(&["--interval", wrong]).is_none() && parsed(&["--timeout", wrong]).is_none(), "{wrong}");
        }
        assert!(parsed(&["--count", "0"]).is_none());
        assert_eq!(parsed(&["[::1]:9"]).map(|it| it.target.to_string()).as_deref(), Some("[::1]:9"));
        for wrong in ["", ":1", "a:0", "a:b", "::1:9"] {
            assert!(parsed(&[wrong]).is_none(), "{wrong}");
        }
    }

    #[test]
    fn normal_is_not_above_slow() {
        assert!(parsed(&["--normal", "300"]).expect("valid").thresholds(Language::En).is_ok());
        assert!(parsed(&["--normal", "301"]).expect("valid").thresholds(Language::En).is_err());
    }
}

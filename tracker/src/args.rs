//! Arguments, the configuration file and the environment, brought together into [`Settings`].
//!
//! An argument counts more than the file. Whatever is wrong is one sentence for the person who started the program.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf};

use clap::{Parser, Subcommand, ValueEnum};
use papo_proto::{
    tracker::{Registration, interface::PING_INTERVAL_MS},
    wire::tracker::TOKEN_BYTES_MAX,
};
use papo_tracker::settings::{SettingsError, default_data, read_config, read_secret};
use serde::{Deserialize, Deserializer, de::Error as _};

/// Where a tracker listens when it is not told.
const LISTEN: &str = "0.0.0.0:6060";
/// The port of a relay whose address has none.
const RELAY_PORT: u16 = 12345;
/// What `--ping-interval` may be, in seconds: up to a day.
const PING_INTERVAL_S: RangeInclusive<u64> = 1..=86_400;
/// The registration token, where no file is named.
const TOKEN_VARIABLE: &str = "PAPO_REGISTRATION_TOKEN";

/// The tracker of papo: accounts, rooms and presence. It never sees a message.
#[derive(Debug, Parser)]
#[command(name = "papo-tracker", version)]
pub(crate) struct Arguments {
    /// Listen here; may be repeated [default: 0.0.0.0:6060]
    #[arg(long, value_name = "ADDR")]
    listen: Vec<SocketAddr>,
    /// Keep identity and database here [default: papo-tracker in the XDG data directory]
    #[arg(long, value_name = "DIR", global = true)]
    data: Option<PathBuf>,
    /// Who may make an account [default: open]
    #[arg(long, value_enum)]
    registration: Option<Policy>,
    /// The token of --registration token stands here [otherwise: in PAPO_REGISTRATION_TOKEN]
    #[arg(long, value_name = "FILE")]
    registration_token_file: Option<PathBuf>,
    /// Let clients of the older systems come, which speak in plain text: everyone on the way can read it
    #[arg(long)]
    allow_plaintext: bool,
    /// How often such clients are dialled, to see whether they are there [default: 120]
    #[arg(long, value_name = "SECS", value_parser = clap::value_parser!(u64).range(PING_INTERVAL_S))]
    ping_interval: Option<u64>,
    /// Relay plain text between TCP clients here [port: 12345 unless told]
    #[arg(long, value_name = "ADDR", value_parser = relay_address)]
    relay_tcp: Option<SocketAddr>,
    /// Relay plain text between UDP clients here, and answer `ping` [port: 12345 unless told]
    #[arg(long, value_name = "ADDR", value_parser = relay_address)]
    relay_udp: Option<SocketAddr>,
    /// Record everything that happens into a new file; it will hold this tracker's keys
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Record although the data directory has an identity in use
    #[arg(long)]
    record_secrets: bool,
    /// Read these settings from a TOML file, by the same names
    #[arg(long, value_name = "FILE", global = true)]
    config: Option<PathBuf>,
    #[command(subcommand)]
    errand: Option<Errand>,
}

/// What there is to do instead of hosting a tracker.
#[derive(Debug, Clone, PartialEq, Eq, Subcommand)]
pub(crate) enum Errand {
    /// Import accounts and rooms of the older system: users_db.json, rooms_db.json and peers_db.json in DIR
    Import {
        /// Where the files are
        #[arg(value_name = "DIR")]
        from: PathBuf,
    },
    /// Export accounts (without passwords) and plaintext rooms as such files into DIR, in place of any that are there
    Export {
        /// Where the files go
        #[arg(value_name = "DIR")]
        to: PathBuf,
    },
}

/// Who may make an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Policy {
    /// Everyone
    Open,
    /// Whoever knows the token
    Token,
    /// Nobody
    Closed,
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    #[serde(default)]
    listen: Vec<SocketAddr>,
    data: Option<PathBuf>,
    registration: Option<Policy>,
    registration_token_file: Option<PathBuf>,
    #[serde(default)]
    allow_plaintext: bool,
    #[serde(default, deserialize_with = "ping_interval")]
    ping_interval: Option<u64>,
    #[serde(default, deserialize_with = "relay")]
    relay_tcp: Option<SocketAddr>,
    #[serde(default, deserialize_with = "relay")]
    relay_udp: Option<SocketAddr>,
    record: Option<PathBuf>,
    #[serde(default)]
    record_secrets: bool,
}

/// How this tracker is to be.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Where it listens.
    pub(crate) listen: Vec<SocketAddr>,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// Who may make an account.
    pub(crate) registration: Registration,
    /// Whether plaintext clients may come.
    pub(crate) allow_plaintext: bool,
    /// How often they are asked whether they are there.
    pub(crate) ping_interval_ms: u64,
    /// Where it relays TCP.
    pub(crate) relay_tcp: Option<SocketAddr>,
    /// Where it relays UDP.
    pub(crate) relay_udp: Option<SocketAddr>,
    /// Where its recording goes.
    pub(crate) record: Option<PathBuf>,
    /// Whether an identity that is in use may be recorded.
    pub(crate) record_secrets: bool,
    /// What there is to do instead.
    pub(crate) errand: Option<Errand>,
}

/// What is wrong with how the program was started.
#[derive(Debug, thiserror::Error)]
pub(crate) enum UsageError {
    #[error(transparent)]
    Settings(#[from] SettingsError),
    #[error(
        "--registration token needs a token: name its file with --registration-token-file, or set {TOKEN_VARIABLE}"
    )]
    NoToken,
    #[error("--registration-token-file is of use with --registration token only")]
    UselessToken,
    #[error("the registration token must have 1 to {TOKEN_BYTES_MAX} bytes of text on one line")]
    BadToken,
}

impl Arguments {
    /// The settings that follow from these arguments, the file that they name, and the environment.
    pub(crate) fn into_settings(self) -> Result<Settings, UsageError> {
        let config: Config = self.config.as_deref().map(read_config).transpose()?.unwrap_or_default();
        let default = || vec![LISTEN.parse().expect("the default is an address")];
        let listen = [self.listen, config.listen].into_iter().find(|listen| !listen.is_empty()).unwrap_or_else(default);
        let data = self.data.or(config.data).map_or_else(|| default_data("papo-tracker"), Ok)?;
        let token_file = self.registration_token_file.or(config.registration_token_file);
        let registration = match self.registration.or(config.registration).unwrap_or(Policy::Open) {
            Policy::Token => Registration::Token(read_token(token_file)?),
            Policy::Open | Policy::Closed if token_file.is_some() => return Err(UsageError::UselessToken),
            Policy::Open => Registration::Open,
            Policy::Closed => Registration::Closed,
        };
        let record = self.record.or(config.record);
        Ok(Settings {
            listen,
            data,
            registration,
            allow_plaintext: self.allow_plaintext || config.allow_plaintext,
            ping_interval_ms: self.ping_interval.or(config.ping_interval).map_or(PING_INTERVAL_MS, |secs| secs * 1000),
            relay_tcp: self.relay_tcp.or(config.relay_tcp),
            relay_udp: self.relay_udp.or(config.relay_udp),
            record,
            record_secrets: self.record_secrets || config.record_secrets,
            errand: self.errand,
        })
    }
}

/// An address with or without a port.
fn relay_address(text: &str) -> Result<SocketAddr, String> {
    let alone = || text.parse().map(|ip| SocketAddr::new(ip, RELAY_PORT));
    text.parse().or_else(|_| alone()).map_err(|_| "an address is such as 0.0.0.0:12345, or 0.0.0.0 alone".to_owned())
}

fn ping_interval<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let secs = Option::<u64>::deserialize(deserializer)?;
    match secs.filter(|secs| !PING_INTERVAL_S.contains(secs)) {
        None => Ok(secs),
        Some(secs) => Err(D::Error::custom(format!("ping-interval is {secs}, and may be 1 to a day's seconds"))),
    }
}

fn relay<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| relay_address(&text)).transpose().map_err(D::Error::custom)
}

fn read_token(file: Option<PathBuf>) -> Result<String, UsageError> {
    let token = match file {
        Some(path) => read_secret(&path)?,
        None => std::env::var(TOKEN_VARIABLE).map_err(|_| UsageError::NoToken)?,
    };
    let fits = !token.is_empty() && token.len() <= TOKEN_BYTES_MAX && !token.contains(['\r', '\n']);
    if fits { Ok(token) } else { Err(UsageError::BadToken) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(arguments: &[&str]) -> Result<Settings, UsageError> {
        let arguments = ["papo-tracker", "--data", "d"].iter().chain(arguments);
        Arguments::try_parse_from(arguments).expect("valid arguments").into_settings()
    }

    #[test]
    fn without_arguments_everyone_may_register_and_it_listens_everywhere() {
        let settings = settings(&[]).expect("valid");
        assert_eq!(settings.listen, [LISTEN.parse().expect("an address")]);
        assert_eq!((settings.registration, settings.data), (Registration::Open, PathBuf::from("d")));
        assert_eq!((settings.record, settings.record_secrets), (None, false));
    }

    #[test]
    fn an_argument_counts_more_than_the_file() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let config = temp.path().join("tracker.toml");
        std::fs::write(&config, "listen = ['127.0.0.1:1', '[::1]:2']\nregistration = 'closed'\n").expect("written");
        let config = config.to_str().expect("text");
        let from_file = settings(&["--config", config]).expect("valid");
        assert_eq!((from_file.listen.len(), from_file.registration), (2, Registration::Closed));
        let both = settings(&["--config", config, "--listen", "127.0.0.1:9", "--registration", "open"]);
        let both = both.expect("valid");
        assert_eq!((both.listen.len(), both.registration), (1, Registration::Open));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_an_error_and_not_silence() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let config = temp.path().join("tracker.toml");
        for text in ["relays = '127.0.0.1:1'", "relay-tcp = 'here'", "listen = 'everywhere'", "="] {
            std::fs::write(&config, text).expect("written");
            let error = settings(&["--config", config.to_str().expect("text")]).expect_err("not valid");
            assert!(error.to_string().contains("tracker.toml can't be read: "), "{error}");
        }
        assert!(Arguments::try_parse_from(["papo-tracker", "--relays", "127.0.0.1:1"]).is_err());
    }

    #[test]
    fn plain_text_is_closed_unless_it_is_opened_here_or_in_the_file() {
        let plain = |arguments: &[&str]| {
            let settings = settings(arguments).expect("valid");
            (settings.allow_plaintext, settings.ping_interval_ms)
        };
        assert_eq!(plain(&[]), (false, 120_000));
        assert_eq!(plain(&["--allow-plaintext", "--ping-interval", "1"]), (true, 1_000));
        let temp = tempfile::tempdir().expect("a temporary directory");
        let config = temp.path().join("tracker.toml");
        let config = config.to_str().expect("text");
        std::fs::write(config, "allow-plaintext = true\nping-interval = 86400\n").expect("written");
        assert_eq!(plain(&["--config", config]), (true, 86_400_000));
        assert_eq!(plain(&["--config", config, "--ping-interval", "5"]), (true, 5_000));
        for wrong in ["0", "86401", "x"] {
            assert!(Arguments::try_parse_from(["papo-tracker", "--ping-interval", wrong]).is_err(), "{wrong}");
            std::fs::write(config, format!("ping-interval = {wrong}\n")).expect("written");
            assert!(settings(&["--config", config]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_relay_has_its_port_unless_another_is_told() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let config = temp.path().join("tracker.toml");
        std::fs::write(&config, "relay-tcp = '10.0.0.1'\nrelay-udp = '[::1]:9'\n").expect("written");
        let both = settings(&["--config", config.to_str().expect("text"), "--relay-udp", "::1"]).expect("valid");
        let address = |text: &str| text.parse().ok();
        assert_eq!((both.relay_tcp, both.relay_udp), (address("10.0.0.1:12345"), address("[::1]:12345")));
        let none = settings(&[]).expect("valid");
        assert_eq!((none.relay_tcp, none.relay_udp), (None, None));
        assert!(Arguments::try_parse_from(["papo-tracker", "--relay-tcp", "here"]).is_err());
    }

    #[test]
    fn a_token_stands_in_a_file_and_is_not_empty() {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let file = temp.path().join("token");
        let path = file.to_str().expect("text");
        let token = |text: &str| {
            std::fs::write(&file, text).expect("written");
            settings(&["--registration", "token", "--registration-token-file", path]).map(|it| it.registration)
        };
        assert_eq!(token("segredo\n").expect("valid"), Registration::Token("segredo".to_owned()));
        assert!(matches!(token("a\nb"), Err(UsageError::Settings(SettingsError::SecretLines { .. }))));
        for bad in ["", "\n", &"x".repeat(TOKEN_BYTES_MAX + 1)] {
            assert!(matches!(token(bad), Err(UsageError::BadToken)), "{bad:?}");
        }
        assert!(token(&"x".repeat(TOKEN_BYTES_MAX)).is_ok());
        let useless = settings(&["--registration-token-file", path]);
        assert!(matches!(useless, Err(UsageError::UselessToken)));
    }
}

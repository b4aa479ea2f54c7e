//! Arguments, the configuration file and the environment, brought together into [`Settings`].
//!
//! An argument counts more than the file. Whatever is wrong is one sentence for the person who started the program.
//! A password is never an argument: every user of a machine sees those.

use std::{net::SocketAddr, num::NonZeroU16, path::PathBuf};

use clap::Parser;
use papo_proto::{
    identity::Key,
    names::Name,
    peer::interface::TrackerAddress,
    wire::tracker::{PasswordHash, TOKEN_BYTES_MAX, Token},
};
use papo_tracker::settings::{SettingsError, default_data, read_config, read_secret};
use serde::Deserialize;

use crate::{
    frontend::{sentences::Language, terminal::colour::Theme},
    monitor::args::MonitorArguments,
    relay::args::RelayArguments,
};

/// Where a peer listens when it is not told, and nobody else does.
const LISTEN: &str = "0.0.0.0:6061";
/// Where a hosted tracker listens when it is not told.
const HOST: &str = "0.0.0.0:6060";
/// Where received files go when it is not told, from where the program is started.
const RECEIVED: &str = "received_files";
/// The port of a tracker whose address has none.
const TRACKER_PORT: u16 = 6060;
/// The UDP port on which papos of one network find each other, when no other is given.
const LAN_PORT: u16 = 9091;
/// The password, where no file is named.
const PASSWORD_VARIABLE: &str = "PAPO_PASSWORD";
/// The registration token, where no file is named.
const TOKEN_VARIABLE: &str = "PAPO_REGISTRATION_TOKEN";
/// Nobody is waited for longer, in seconds: a year.
const WAIT_MAX: u64 = 366 * 86_400;

/// Chat with the people of a LAN or of your own group, from peer to peer and encrypted end to end.
#[derive(Debug, Parser)]
#[command(
    name = "papo",
    version,
    after_help = "Those who run papo on the same network find each other by themselves. Rooms need --tracker or --host."
)]
pub(crate) struct Arguments {
    /// Be called this [default: the login name]
    #[arg(long, global = true, value_name = "NAME")]
    user: Option<Name>,
    /// Use this tracker; its FINGERPRINT has 64 digits
    #[arg(long, global = true, value_name = "HOST:PORT[#FINGERPRINT]", value_parser = tracker_address)]
    tracker: Option<TrackerAddress>,
    /// Trust a tracker that is not known yet, whatever its key
    #[arg(long, global = true)]
    trust_new: bool,
    /// Make an account at the start
    #[arg(long, global = true)]
    register: bool,
    /// The token that the tracker asks newcomers for stands here [otherwise: in PAPO_REGISTRATION_TOKEN]
    #[arg(long, global = true, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// The password stands here [otherwise: in PAPO_PASSWORD; else it is asked for]
    #[arg(long, global = true, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Run a tracker in this program and use it [default: 0.0.0.0:6060]
    #[arg(long, global = true, value_name = "ADDR", num_args = 0..=1, default_missing_value = HOST, conflicts_with = "tracker")]
    host: Option<SocketAddr>,
    /// Listen here for other peers [default: 0.0.0.0:6061, or another port where that is taken]
    #[arg(long, global = true, value_name = "ADDR")]
    listen: Option<SocketAddr>,
    /// Neither find others on the same network nor be found there
    #[arg(long, global = true)]
    no_lan: bool,
    /// Find others on the same network by this UDP port [default: 9091]
    #[arg(long, global = true, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "no_lan")]
    lan_port: Option<u16>,
    /// Keep identity and messages here [default: papo in the XDG data directory]
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Put received files here [default: received_files where papo is started]
    #[arg(long, global = true, value_name = "DIR")]
    received_dir: Option<PathBuf>,
    /// Accept at once what those send whose digits you compared, and execute nothing of it [default: none]
    #[arg(long, global = true, value_enum, value_name = "FROM")]
    auto_accept: Option<AutoAccept>,
    /// Speak in plain text with the programs of older systems, where a room or an account is open to them
    #[arg(long, global = true)]
    allow_plaintext: bool,
    /// Colours for this background [default: dark]
    #[arg(long, global = true, value_enum)]
    theme: Option<Theme>,
    /// Speak this language [default: Portuguese where LC_ALL, LC_MESSAGES or LANG asks for it, else English]
    #[arg(long, global = true, value_enum)]
    lang: Option<Language>,
    /// Write each event as an object of JSON, and take objects as input
    #[arg(long, global = true)]
    json: bool,
    /// Record everything that happens into a new file; it will hold keys, texts and files
    #[arg(long, global = true, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Record although the data directory has an identity in use
    #[arg(long, global = true)]
    record_secrets: bool,
    /// Read these settings from a TOML file, by the same names
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// One thing to do instead of talking.
    #[command(subcommand)]
    task: Option<Task>,
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq, clap::Subcommand)]
pub(crate) enum Task {
    #[command(flatten)]
    Transfer(Transfer),
    /// Talk by a relay for plain text, as clients of older systems do
    RelayChat(RelayArguments),
    /// Measure again and again how quickly a relay answers
    Monitor(Box<MonitorArguments>),
}

/// Something to send or to receive.
#[derive(Debug, Clone, PartialEq, Eq, clap::Subcommand)]
pub(crate) enum Transfer {
    /// Send files or directories to someone, and end when they have arrived
    Send {
        /// What to send
        #[arg(required = true, value_name = "PATH")]
        paths: Vec<PathBuf>,
        /// To whom
        #[arg(long, value_name = "USER", value_parser = user_name)]
        to: Name,
        /// Wait so long for whoever is not there
        #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(..=WAIT_MAX))]
        wait: u64,
    },
    /// Receive what others send
    Receive {
        /// End after the first that has arrived or failed
        #[arg(long)]
        once: bool,
        /// Take only what this one sends, and leave the rest undecided
        #[arg(long, value_name = "USER", value_parser = user_name)]
        from: Option<Name>,
    },
}

fn user_name(text: &str) -> Result<Name, papo_proto::names::BadName> {
    Name::new(text.strip_prefix('@').unwrap_or(text))
}

/// The configuration file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
struct Config {
    user: Option<Name>,
    tracker: Option<String>,
    trust_new: bool,
    register: bool,
    token_file: Option<PathBuf>,
    password_file: Option<PathBuf>,
    host: Option<SocketAddr>,
    listen: Option<SocketAddr>,
    no_lan: bool,
    lan_port: Option<NonZeroU16>,
    data: Option<PathBuf>,
    received_dir: Option<PathBuf>,
    auto_accept: Option<AutoAccept>,
    allow_plaintext: bool,
    theme: Option<Theme>,
    lang: Option<Language>,
    json: bool,
    record: Option<PathBuf>,
    record_secrets: bool,
}

/// From whom files are accepted without a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AutoAccept {
    /// From nobody.
    #[default]
    None,
    /// From those whose digits were compared.
    Verified,
}

/// How this peer is to be.
#[derive(Debug)]
pub(crate) struct Settings {
    /// What it is called.
    pub(crate) user: Name,
    /// Its tracker.
    pub(crate) tracker: Option<TrackerAddress>,
    /// Whether an unknown tracker is trusted.
    pub(crate) trust_new: bool,
    /// Whether an account is made.
    pub(crate) register: bool,
    /// For a tracker that asks for one.
    pub(crate) token: Option<Token>,
    /// The password, where it was given.
    pub(crate) password: Option<PasswordHash>,
    /// Where a hosted tracker listens.
    pub(crate) host: Option<SocketAddr>,
    /// Where it listens.
    pub(crate) listen: SocketAddr,
    /// Whether any other port will do.
    pub(crate) any_port: bool,
    /// The UDP port by which others on the same network are found, if they are to be.
    pub(crate) lan_port: Option<u16>,
    /// Its data directory.
    pub(crate) data: PathBuf,
    /// Where received files go.
    pub(crate) received_dir: PathBuf,
    /// From whom they are accepted without a question.
    pub(crate) auto_accept: AutoAccept,
    /// Whether it speaks plain text with the programs of older systems.
    pub(crate) allow_plaintext: bool,
    /// Its colours.
    pub(crate) theme: Theme,
    /// Its language.
    pub(crate) language: Language,
    /// Whether it speaks JSON.
    pub(crate) json: bool,
    /// Where its recording goes.
    pub(crate) record: Option<PathBuf>,
    /// Whether an identity that is in use may be recorded.
    pub(crate) record_secrets: bool,
    /// One thing to do instead of talking.
    pub(crate) task: Option<Task>,
}

/// What is wrong with how the program was started.
#[derive(Debug)]
pub(crate) enum UsageError {
    /// A file, or where data are kept.
    Settings(SettingsError),
    /// The tracker in the configuration.
    Tracker {
        /// The configuration.
        path: PathBuf,
        /// What is wrong with the address.
        why: BadAddress,
    },
    /// A password of no letters.
    EmptyPassword,
    /// A registration token that can't be one.
    BadToken {
        /// The longest, in bytes.
        max: usize,
    },
    /// One to use and one to run.
    TwoTrackers,
    /// An account without a tracker.
    NothingToRegisterAt,
}

impl From<SettingsError> for UsageError {
    fn from(error: SettingsError) -> Self {
        Self::Settings(error)
    }
}

impl Arguments {
    /// The settings that follow from these arguments, the file that they name, and the environment, whose variables
    /// `variable` gives.
    ///
    /// # Errors
    /// When something is wrong with them; and in which language it is told.
    pub(crate) fn into_settings(
        mut self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, (Language, UsageError)> {
        let language = |chosen: Option<Language>| chosen.unwrap_or_else(|| Language::of_environment(&variable));
        let config: Config = match self.config.as_deref().map(read_config).transpose() {
            Ok(config) => config.unwrap_or_default(),
            Err(error) => return Err((language(self.lang), error.into())),
        };
        let language = language(self.lang.take().or(config.lang));
        self.with(config, language, variable).map_err(|error| (language, error))
    }

    fn with(
        self,
        config: Config,
        language: Language,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, UsageError> {
        let wrong = |why| UsageError::Tracker { path: self.config.clone().unwrap_or_default(), why };
        // Whichever of the two the command line names, it does not meet the other one in the file.
        let (tracker, host) = if self.tracker.is_some() || self.host.is_some() {
            (self.tracker, self.host)
        } else {
            (config.tracker.as_deref().map(tracker_address).transpose().map_err(wrong)?, config.host)
        };
        if tracker.is_some() && host.is_some() {
            return Err(UsageError::TwoTrackers);
        }
        let register = self.register || config.register;
        if register && tracker.is_none() && host.is_none() {
            return Err(UsageError::NothingToRegisterAt);
        }
        let given = |file: Option<PathBuf>, name: &str| match file {
            Some(path) => read_secret(&path).map(Some),
            None => Ok(variable(name)),
        };
        let password = given(self.password_file.or(config.password_file), PASSWORD_VARIABLE)?;
        if password.as_deref() == Some("") {
            return Err(UsageError::EmptyPassword);
        }
        let token = given(self.token_file.or(config.token_file), TOKEN_VARIABLE)?.map(|token| {
            let fits = !token.is_empty() && !token.contains(char::is_control);
            fits.then(|| Token::new(token).ok()).flatten().ok_or(UsageError::BadToken { max: TOKEN_BYTES_MAX })
        });
        let listen = self.listen.or(config.listen);
        // A port on the command line counts more than none in the file.
        let lan = !self.no_lan && (!config.no_lan || self.lan_port.is_some());
        let lan_port = self.lan_port.or(config.lan_port.map(NonZeroU16::get)).unwrap_or(LAN_PORT);
        let login = || login_name(variable("USER").or_else(|| variable("LOGNAME")).or_else(owner).as_deref());
        Ok(Settings {
            user: self.user.or(config.user).unwrap_or_else(login),
            tracker,
            trust_new: self.trust_new || config.trust_new,
            register,
            token: token.transpose()?,
            password: password.as_deref().map(PasswordHash::of),
            host,
            any_port: listen.is_none(),
            lan_port: lan.then_some(lan_port),
            listen: listen.unwrap_or_else(|| LISTEN.parse().expect("the default is an address")),
            data: self.data.or(config.data).map_or_else(|| default_data("papo"), Ok)?,
            received_dir: self.received_dir.or(config.received_dir).unwrap_or_else(|| RECEIVED.into()),
            auto_accept: self.auto_accept.or(config.auto_accept).unwrap_or_default(),
            allow_plaintext: self.allow_plaintext || config.allow_plaintext,
            theme: self.theme.or(config.theme).unwrap_or_default().allowed(variable("NO_COLOR").as_deref()),
            language,
            json: self.json || config.json,
            record: self.record.or(config.record),
            record_secrets: self.record_secrets || config.record_secrets,
            task: self.task,
        })
    }
}

/// Why something is not the address of a tracker. The terminal says it in its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAddress {
    /// Its fingerprint is none.
    #[error("a fingerprint has 64 hexadecimal digits")]
    Fingerprint,
    /// A bracket has no other one.
    #[error("a bracket is not closed")]
    OpenBracket,
    /// Something else follows the bracket.
    #[error("a port follows a colon")]
    NoColon,
    /// An IPv6 address without its brackets.
    #[error("an IPv6 address stands in brackets, such as [::1]:6060")]
    NoBrackets,
    /// Its port is none.
    #[error("a port is a number from 1 to 65535")]
    Port,
    /// Its host is none.
    #[error("a host is a name or an address")]
    Host,
}

/// `HOST[:PORT][#FINGERPRINT]`; an IPv6 address stands in brackets.
pub(crate) fn tracker_address(text: &str) -> Result<TrackerAddress, BadAddress> {
    let (address, key) = match text.split_once('#') {
        Some((address, key)) => (address, Some(Key::from_fingerprint(key).ok_or(BadAddress::Fingerprint)?)),
        None => (text, None),
    };
    let (host, port) = host_and_port(address, TRACKER_PORT)?;
    Ok(TrackerAddress { host, port, key })
}

/// `HOST[:PORT]`, with the port that counts where there is none; an IPv6 address stands in brackets.
pub(crate) fn host_and_port(address: &str, usual: u16) -> Result<(String, u16), BadAddress> {
    let (host, port) = match address.strip_prefix('[') {
        Some(rest) => {
            let (host, port) = rest.split_once(']').ok_or(BadAddress::OpenBracket)?;
            (host, port.strip_prefix(':').or_else(|| port.is_empty().then_some("")).ok_or(BadAddress::NoColon)?)
        }
        None => match address.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => return Err(BadAddress::NoBrackets),
            Some((host, port)) => (host, port),
            None => (address, ""),
        },
    };
    let port = match port {
        "" => usual,
        port => port.parse().ok().filter(|&port| port > 0).ok_or(BadAddress::Port)?,
    };
    if host.is_empty()
        || host.len() > 253
        || host.contains(|character: char| character.is_control() || character == ' ')
    {
        return Err(BadAddress::Host);
    }
    Ok((host.to_owned(), port))
}

/// The login name of whoever runs this program, where the environment does not tell it.
fn owner() -> Option<String> {
    nix::unistd::User::from_uid(nix::unistd::getuid()).ok().flatten().map(|user| user.name)
}

/// The login name made valid: what can't stand in a name is left out.
fn login_name(login: Option<&str>) -> Name {
    let fits = |character: &char| Name::new(&character.to_string()).is_ok();
    let kept =
        login.unwrap_or_default().chars().filter(fits).take(papo_proto::names::NAME_CHARS_MAX).collect::<String>();
    Name::new(&kept).unwrap_or_else(|_| Name::new("papo").expect("a valid name"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::sentences::usage_error;

    fn settings(arguments: &[&str], variables: &[(&str, &str)]) -> Result<Settings, UsageError> {
        let arguments = std::iter::once("papo").chain(arguments.iter().copied());
        let arguments = Arguments::try_parse_from(arguments).expect("valid arguments");
        let value = |name: &str| variables.iter().find(|(variable, _)| *variable == name);
        let settings = arguments.into_settings(|name| value(name).map(|(_, value)| (*value).to_owned()));
        settings.map_err(|(_, error)| error)
    }

    fn refused(arguments: &[&str]) -> bool {
        let arguments = std::iter::once("papo").chain(arguments.iter().copied());
        Arguments::try_parse_from(arguments).is_err_and(|error| error.exit_code() == 2)
    }

    #[test]
    fn plain_papo_has_sensible_settings() {
        let plain = settings(&["--data", "d"], &[("USER", "ana")]).expect("valid");
        assert_eq!((plain.user.as_str(), plain.listen.to_string().as_str()), ("ana", "0.0.0.0:6061"));
        assert!(plain.any_port && plain.tracker.is_none() && plain.host.is_none() && !plain.json);
        let told = settings(&["--data", "d", "--listen", "127.0.0.1:7000"], &[]).expect("valid");
        assert!(!told.any_port);
        assert_eq!(told.lan_port, Some(9091));
    }

    #[test]
    fn a_task_stands_before_or_after_the_settings_that_it_shares_with_talking() {
        let task = |arguments: &[&str]| settings(arguments, &[]).expect("valid").task;
        assert_eq!(task(&["--data", "d"]), None);
        let bia = Name::new("bia").expect("valid");
        let send = Task::Transfer(Transfer::Send { paths: vec!["a b".into(), "c".into()], to: bia.clone(), wait: 60 });
        assert_eq!(task(&["--data", "d", "--no-lan", "send", "a b", "c", "--to", "bia"]), Some(send.clone()));
        assert_eq!(task(&["send", "--to", "@bia", "a b", "c", "--data", "d", "--no-lan"]), Some(send));
        let receive = Task::Transfer(Transfer::Receive { once: true, from: Some(bia) });
        let after =
            settings(&["receive", "--once", "--from", "bia", "--received-dir", "r", "--json", "--data", "d"], &[]);
        let after = after.expect("valid");
        assert_eq!((after.task, after.json, after.received_dir), (Some(receive), true, "r".into()));
        for wrong in [&["send", "a"][..], &["send", "--to", "bia"], &["send", "a", "--to", "b c"], &["receive", "x"]] {
            assert!(refused(wrong), "{wrong:?}");
        }
        let wait = |seconds: u64| refused(&["send", "a", "--to", "bia", "--wait", &seconds.to_string()]);
        assert!(!wait(WAIT_MAX) && wait(WAIT_MAX + 1));
    }

    #[test]
    fn a_login_name_is_made_valid() {
        for (login, name) in [("DOMAIN/ana b", "DOMAINanab"), ("", "papo"), ("@#/", "papo"), ("joão", "joão")] {
            assert_eq!(login_name(Some(login)).as_str(), name);
        }
        assert_eq!(login_name(Some(&"a".repeat(99))).as_str().len(), 32);
    }

    #[test]
    fn trackers_are_named_by_host_port_and_fingerprint() {
        let key = Key([0xab; 32]);
        let named = |text: &str| tracker_address(text).map(|address| (address.host, address.port, address.key));
        assert_eq!(named("t.example:7000"), Ok(("t.example".to_owned(), 7000, None)));
        assert_eq!(named("10.0.0.9"), Ok(("10.0.0.9".to_owned(), 6060, None)));
        assert_eq!(named(&format!("[::1]:7000#{key}")), Ok(("::1".to_owned(), 7000, Some(key))));
        for wrong in ["", ":6060", "t:0", "t:x", "t:70000", "::1:6060", "[::1", "[::1]x", "t:1#ab", "a b:1"] {
            assert!(tracker_address(wrong).is_err(), "{wrong}");
        }
        assert!(refused(&["--tracker", "t:1#ab"]));
    }

    #[test]
    fn the_command_line_counts_more_than_the_file_and_unknown_settings_are_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("papo.toml");
        let config = path.to_str().expect("a path");
        std::fs::write(&path, "user = 'bia'\ntracker = 't:1'\njson = true\ntheme = 'light'\n").expect("writes");
        let both = settings(&["--config", config, "--user", "ana", "--data", "d"], &[]).expect("valid");
        assert_eq!((both.user.as_str(), both.tracker.map(|t| t.port), both.json), ("ana", Some(1), true));
        assert_eq!(both.theme, Theme::Light);
        let host = settings(&["--config", config, "--data", "d", "--host"], &[]).expect("valid");
        assert_eq!((host.tracker, host.host.map(|host| host.port())), (None, Some(6060)));
        for wrong in ["passwort = 'x'", "user = 'a b'", "tracker = 't:0'", "user ="] {
            std::fs::write(&path, format!("json = true\n{wrong}\n")).expect("writes");
            let error = settings(&["--config", config, "--data", "d"], &[]).expect_err("refused");
            let error = usage_error(Language::En, &error);
            assert!(error.contains("papo.toml") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn the_language_is_that_of_the_command_line_the_file_or_the_locale_in_this_order() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("papo.toml");
        let config = path.to_str().expect("a path");
        let spoken = |text: &str, arguments: &[&str], locale: &str| {
            std::fs::write(&path, text).expect("writes");
            let given = [&["papo", "--config", config, "--data", "d"], arguments].concat();
            let arguments = Arguments::try_parse_from(given).expect("valid arguments");
            let settings = arguments.into_settings(|name| (name == "LANG").then(|| locale.to_owned()));
            settings.map_or_else(|(language, _)| language, |settings| settings.language)
        };
        assert_eq!(spoken("", &[], "C"), Language::En);
        assert_eq!(spoken("", &[], "pt_BR.UTF-8"), Language::Pt);
        assert_eq!(spoken("lang = 'en'", &[], "pt_BR.UTF-8"), Language::En);
        assert_eq!(spoken("lang = 'en'", &["--lang", "pt"], "C"), Language::Pt);
        // What is wrong is told in it, too; what can't be read has no say.
        assert_eq!(spoken("lang = 'pt'\ntracker = 't:0'", &[], "C"), Language::Pt);
        assert_eq!(spoken("lang = 'pt'\nnonsense", &[], "C"), Language::En);
        assert_eq!(spoken("nonsense", &["--lang", "pt"], "C"), Language::Pt);
        assert!(refused(&["--lang", "de"]));
    }

    #[test]
    fn others_are_found_unless_told_otherwise() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("papo.toml");
        let config = path.to_str().expect("a path");
        let port = |text: &str, arguments: &[&str]| {
            std::fs::write(&path, text).expect("writes");
            let arguments = [&["--config", config, "--data", "d"], arguments].concat();
            settings(&arguments, &[])
                .map(|settings| settings.lan_port)
                .map_err(|error| usage_error(Language::En, &error))
        };
        assert_eq!(port("", &["--lan-port", "7"]), Ok(Some(7)));
        assert_eq!(port("lan-port = 8", &[]), Ok(Some(8)));
        assert_eq!(port("lan-port = 8", &["--lan-port", "7"]), Ok(Some(7)));
        assert_eq!(port("lan-port = 8", &["--no-lan"]), Ok(None));
        assert_eq!(port("no-lan = true", &[]), Ok(None));
        assert_eq!(port("no-lan = true", &["--lan-port", "7"]), Ok(Some(7)));
        assert!(port("lan-port = 0", &[]).is_err());
    }

    #[test]
    fn passwords_and_tokens_come_from_files_or_the_environment_and_never_from_arguments() {
        let directory = tempfile::tempdir().expect("a directory");
        let file = |text: &str| {
            let path = directory.path().join("secret");
            std::fs::write(&path, text).expect("writes");
            path.to_str().expect("a path").to_owned()
        };
        let variables = [("PAPO_PASSWORD", "from variable"), ("PAPO_REGISTRATION_TOKEN", "token")];
        let from_variable = settings(&["--data", "d"], &variables).expect("valid");
        assert_eq!(from_variable.password, Some(PasswordHash::of("from variable")));
        assert_eq!(from_variable.token.map(Token::into_string).as_deref(), Some("token"));
        let path = file("from file\r\n");
        let from_file = settings(&["--data", "d", "--password-file", &path], &variables).expect("valid");
        assert_eq!(from_file.password, Some(PasswordHash::of("from file")));
        let empty = settings(&["--data", "d", "--password-file", &file("\n")], &[]);
        assert!(matches!(empty, Err(UsageError::EmptyPassword)));
        for (text, wanted) in [("a\nb\n".to_owned(), false), ("x".repeat(4097), false), ("x".repeat(4096), true)] {
            let read = settings(&["--data", "d", "--password-file", &file(&text)], &[]);
            assert_eq!(read.is_ok(), wanted, "{}", text.len());
        }
        let blank_lines = settings(&["--data", "d", "--password-file", &file("pw\n\n")], &[]).expect("valid");
        assert_eq!(blank_lines.password, Some(PasswordHash::of("pw")));
        let token = settings(&["--data", "d", "--token-file", &file("a\tb")], &[]);
        assert!(matches!(token, Err(UsageError::BadToken { .. })));
        let missing = settings(&["--data", "d", "--password-file", "/nonexistent/x"], &[]);
        assert!(matches!(missing, Err(UsageError::Settings(SettingsError::Secret { .. }))));
        assert!(refused(&["--password", "x"]));
    }

    #[test]
    fn contradictions_are_usage_errors() {
        assert!(refused(&["--tracker", "t:1", "--host"]));
        assert!(refused(&["--no-lan", "--lan-port", "9"]) && refused(&["--lan-port", "0"]));
        let alone = settings(&["--data", "d", "--register"], &[]);
        assert!(matches!(alone, Err(UsageError::NothingToRegisterAt)));
    }
}

//! A real peer that is spoken to by lines and answers by JSON events (or, in plain mode, by lines).

use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use serde_json::Value;
use tempfile::TempDir;

use super::{
    BOUND,
    namespaces::Networks,
    process::{self, Process},
    programs,
    tracker::Tracker,
};

/// The password that everyone in these tests has who has no other.
pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// How a peer is to be started.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    user: String,
    tracker: Option<String>,
    register: bool,
    password: Option<String>,
    listen: String,
    lan_port: Option<u16>,
    received: PathBuf,
    json: bool,
    extra: Vec<String>,
    data: Arc<TempDir>,
}

impl Options {
    /// Someone with a new data directory and without a tracker.
    pub(crate) fn new(user: &str) -> Self {
        Self {
            user: user.to_owned(),
            tracker: None,
            register: false,
            password: None,
            listen: "127.0.0.1:0".to_owned(),
            lan_port: None,
            received: PathBuf::from("received"),
            json: true,
            extra: Vec::new(),
            data: Arc::new(tempfile::tempdir().expect("a temporary directory")),
        }
    }

    /// The same on a data directory that is there already.
    pub(crate) fn on(self, data: &Arc<TempDir>) -> Self {
        Self { data: Arc::clone(data), ..self }
    }

    /// Someone who makes an account there.
    pub(crate) fn registering(user: &str, tracker: &Tracker) -> Self {
        Self::new(user).tracker(&tracker.spec()).register(PASSWORD)
    }

    /// `--listen`.
    pub(crate) fn listen(self, listen: &str) -> Self {
        Self { listen: listen.to_owned(), ..self }
    }

    /// `--lan-port`. Whoever has none neither calls nor hears who calls: no test is to leave this host.
    pub(crate) fn lan(self, port: u16) -> Self {
        Self { lan_port: Some(port), ..self }
    }

    /// `--register`, with a password.
    pub(crate) fn register(self, password: &str) -> Self {
        Self { register: true, ..self.password(password) }
    }

    /// `--tracker`.
    pub(crate) fn tracker(mut self, tracker: &str) -> Self {
        self.tracker = Some(tracker.to_owned());
        self
    }

    /// The password that stands in the environment.
    pub(crate) fn password(mut self, password: &str) -> Self {
        self.password = Some(password.to_owned());
        self
    }

    /// Neither an account to make nor a password: what is left is the key.
    pub(crate) fn by_key(mut self) -> Self {
        self.register = false;
        self.password = None;
        self
    }

    /// Lines instead of JSON.
    pub(crate) fn plain(mut self) -> Self {
        self.json = false;
        self
    }

    /// Further options.
    pub(crate) fn with(mut self, extra: &[&str]) -> Self {
        self.extra.extend(extra.iter().map(|&option| option.to_owned()));
        self
    }

    /// `--received-dir`.
    pub(crate) fn receiving(mut self, received: &Path) -> Self {
        self.received = received.to_owned();
        self
    }

    /// The data directory.
    pub(crate) fn data(&self) -> &Path {
        self.data.path()
    }

    /// Where received files go: absolute, beside what is kept unless it is told otherwise.
    pub(crate) fn received(&self) -> PathBuf {
        self.data.path().join(&self.received)
    }

    /// The command line.
    pub(crate) fn command(&self) -> Command {
        let mut command = programs::papo();
        if self.json {
            command.arg("--json");
        }
        command.args(["--user", &self.user, "--listen", &self.listen, "--data"]).arg(self.data.path());
        command.arg("--received-dir").arg(self.received());
        match self.lan_port {
            Some(port) => command.arg(format!("--lan-port={port}")),
            None => command.arg("--no-lan"),
        };
        if let Some(tracker) = &self.tracker {
            command.args(["--tracker", tracker]);
        }
        if self.register {
            command.arg("--register");
        }
        command.args(&self.extra);
        if let Some(password) = &self.password {
            command.env("PAPO_PASSWORD", password);
        }
        let home = self.data.path();
        command.env("HOME", home).env("XDG_CONFIG_HOME", home).env("XDG_DATA_HOME", home).env("XDG_STATE_HOME", home);
        command
    }

    /// Starts it.
    #[track_caller]
    pub(crate) fn start(self) -> Papo {
        let process = Process::start(&mut self.command());
        Papo { process, options: self, mark: 0, parsed: Mutex::default() }
    }

    /// Starts it with a limit that a shell sets first.
    #[track_caller]
    pub(crate) fn start_limited(self, limit: &str) -> Papo {
        let process = Process::start(&mut process::limited(&self.command(), limit));
        Papo { process, options: self, mark: 0, parsed: Mutex::default() }
    }

    /// Starts it on a host of its own.
    #[track_caller]
    pub(crate) fn start_on(self, networks: &Networks, host: &str) -> Papo {
        let process = Process::start(&mut networks.inside(host, &self.command()));
        Papo { process, options: self, mark: 0, parsed: Mutex::default() }
    }

    /// Starts it and waits until it is logged in.
    #[track_caller]
    pub(crate) fn log_in(self) -> Papo {
        let papo = self.start();
        papo.wait_for("logged_in", |_| true);
        papo
    }
}

/// A running peer.
#[derive(Debug)]
pub(crate) struct Papo {
    /// The process.
    pub(crate) process: Process,
    options: Options,
    mark: usize,
    parsed: Mutex<Vec<Value>>,
}

impl Papo {
    /// Someone who has just made an account there, and is logged in.
    #[track_caller]
    pub(crate) fn registered(user: &str, tracker: &Tracker) -> Self {
        Options::registering(user, tracker).log_in()
    }

    /// How it was started.
    pub(crate) fn options(&self) -> Options {
        self.options.clone()
    }

    /// Its name.
    pub(crate) fn user(&self) -> &str {
        &self.options.user
    }

    /// Its data directory.
    pub(crate) fn data(&self) -> PathBuf {
        self.options.data().to_owned()
    }

    /// Where its received files go.
    pub(crate) fn received(&self) -> PathBuf {
        self.options.received()
    }

    /// The same, for another peer to be started on when this one has ended.
    pub(crate) fn shared_data(&self) -> Arc<TempDir> {
        Arc::clone(&self.options.data)
    }

    /// Types one line: a command or a text.
    #[track_caller]
    pub(crate) fn line(&mut self, line: &str) {
        self.process.write_line(line);
    }

    /// Every event so far.
    pub(crate) fn events(&self) -> Vec<Value> {
        self.parse();
        self.parsed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Parses what has come since the last time. A line that is no object fails the test that sees it.
    fn parse(&self) {
        let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
        let done = parsed.len();
        self.process.stdout.with(|lines| {
            for line in &lines[done..] {
                parsed.push(serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.clone())));
            }
        });
    }

    /// Waits count only what comes from here on.
    pub(crate) fn mark(&mut self) {
        self.mark = self.process.stdout.len();
    }

    /// Waits count everything again.
    pub(crate) const fn unmark(&mut self) {
        self.mark = 0;
    }

    /// Waits until `look` has seen what it wants among the events since the mark.
    #[track_caller]
    pub(crate) fn wait<R>(&self, what: &str, mut look: impl FnMut(&[Value]) -> Option<R>) -> R {
        let found = self.process.stdout.wait(BOUND, |lines| {
            let mut parsed = self.parsed.lock().unwrap_or_else(PoisonError::into_inner);
            for line in &lines[parsed.len()..] {
                parsed.push(serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.clone())));
            }
            look(&parsed[self.mark.min(parsed.len())..])
        });
        found.unwrap_or_else(|| panic!("{}: {what} never came\n{}", self.user(), self.process.story()))
    }

    /// Waits for one event of this name.
    #[track_caller]
    pub(crate) fn wait_for(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let found = self.wait(&format!("the event {name}"), |events| {
            events.iter().find(|event| is(event, name) && wanted(event)).cloned()
        });
        assert!(found.is_object());
        found
    }

    /// Waits for `count` events of this name, and says all that came.
    #[track_caller]
    pub(crate) fn wait_for_all(&self, name: &str, count: usize, wanted: impl Fn(&Value) -> bool) -> Vec<Value> {
        self.wait(&format!("{count} events {name}"), |events| {
            let found = events.iter().filter(|event| is(event, name) && wanted(event)).cloned().collect::<Vec<_>>();
            (found.len() >= count).then_some(found)
        })
    }

    /// Waits for an error with this code; its text.
    #[track_caller]
    pub(crate) fn wait_error(&self, code: &str) -> String {
        let error = self.wait(&format!("the error {code}"), |events| {
            events.iter().find(|event| is(event, "error") && text(event, "code") == code).cloned()
        });
        text(&error, "text").to_owned()
    }

    /// Waits for a message with this text.
    #[track_caller]
    pub(crate) fn wait_message(&self, wanted: &str) -> Value {
        self.wait_for("message", |event| text(event, "text") == wanted)
    }

    /// Waits until it is linked to someone.
    #[track_caller]
    pub(crate) fn wait_linked(&self, user: &str) {
        self.wait_for("peer", |event| text(event, "what") == "linked" && text(event, "user") == user);
    }

    /// Waits until the link to someone is lost.
    #[track_caller]
    pub(crate) fn wait_lost(&self, user: &str) {
        self.wait_for("peer", |event| text(event, "what") == "lost" && text(event, "user") == user);
    }

    /// Makes a room and waits until it is made.
    #[track_caller]
    pub(crate) fn create(&mut self, room: &str) {
        self.line(&format!("/create {room}"));
        self.wait_for("room", |event| text(event, "room") == room && text(event, "what") == "created");
    }

    /// Joins a room and waits until it is in.
    #[track_caller]
    pub(crate) fn join(&mut self, room: &str) {
        self.line(&format!("/join {room}"));
        let user = self.user().to_owned();
        self.wait_for("room", |event| {
            text(event, "room") == room && text(event, "what") == "joined" && text(event, "user") == user
        });
    }

    /// Asks for something that is answered by one event of this name; that event.
    #[track_caller]
    pub(crate) fn ask(&mut self, command: &str, answer: &str) -> Value {
        let before = std::mem::replace(&mut self.mark, self.process.stdout.len());
        self.line(command);
        let found = self.wait_for(answer, |_| true);
        self.mark = before;
        found
    }

    /// Asks again and again until the answer is as wanted: for what changes without an event.
    #[track_caller]
    pub(crate) fn ask_until(&mut self, command: &str, answer: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + BOUND;
        loop {
            let found = self.ask(command, answer);
            if wanted(&found) {
                return found;
            }
            assert!(Instant::now() < end, "{}: {command} was never as wanted\n{}", self.user(), self.process.story());
        }
    }

    /// Says goodbye and waits for its end; its exit code.
    #[track_caller]
    pub(crate) fn quit(&mut self) -> i32 {
        self.line("/quit");
        self.process.wait_code()
    }
}

/// Whether an event has this name.
pub(crate) fn is(event: &Value, name: &str) -> bool {
    event.get("event").and_then(Value::as_str) == Some(name)
}

/// A field that is text; empty where there is none.
pub(crate) fn text<'a>(event: &'a Value, field: &str) -> &'a str {
    event.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// A field that is a list of texts.
pub(crate) fn texts(event: &Value, field: &str) -> Vec<String> {
    let list = event.get(field).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A row of a list in an event whose `field` is `value`.
pub(crate) fn row<'a>(event: &'a Value, list: &str, field: &str, value: &str) -> Option<&'a Value> {
    event.get(list)?.as_array()?.iter().find(|row| text(row, field) == value)
}

/// Two people in a room, linked, who talk to it.
#[track_caller]
pub(crate) fn in_a_room([mut ana, mut bia]: [Papo; 2]) -> [Papo; 2] {
    ana.create("sala");
    bia.join("sala");
    for one in [&mut ana, &mut bia] {
        one.wait_for("room", |event| texts(event, "members").len() == 2);
        one.line("/chat #sala");
    }
    ana.wait_linked(bia.user());
    bia.wait_linked(ana.user());
    [ana, bia]
}

//! What a frontend decides: to whom a line goes, which request it becomes, when the next line is read, when to end.
//!
//! It is pure, as any [`Conversation`]: [`Session::handle`] takes one [`Input`] and gives [`Effect`]s in order; whoever
//! owns it does the reading and writing. Both the terminal and the pipe have one.
//!
//! - A line belongs to the [`Prompt`] under which it was typed, so that what is said always goes to whom the prompt
//!   named.
//! - The target changes by the person's own commands, and when the room that is the target is no more.
//! - In a pipe, input begins when the peer is ready (and logged in, where it has a tracker); one line at a time.
//!
//! Invariant: every `Ask` is matched by one outcome, and every line that is taken by one [`Effect::Next`], unless the
//! program ends.

use std::collections::{BTreeMap, VecDeque};

use papo_proto::{
    disk::DiskError,
    identity::Key,
    names::Name,
    peer::{
        Command, Notice, Problem, Request,
        interface::{Credentials, Target},
    },
    wire::tracker::{Failure, PasswordHash, RoomEvent, Token},
};

use super::{
    Conversation,
    commands::{self, Order},
    event::{BadObject, Event, Info, Trouble},
    paths::Paths,
    sentences,
};

/// Ended as it should.
pub(crate) const EXIT_FINE: u8 = 0;
/// Something failed.
pub(crate) const EXIT_FAILURE: u8 = 1;
/// The arguments make no sense.
pub(crate) const EXIT_USAGE: u8 = 2;
/// Login or key were refused.
pub(crate) const EXIT_REFUSED: u8 = 3;
/// The tracker can't be reached.
pub(crate) const EXIT_UNREACHABLE: u8 = 4;
/// Ctrl-C.
pub(crate) const EXIT_INTERRUPTED: u8 = 130;

/// Messages whose late delivery is told; of more, the oldest are forgotten.
const LATE_MAX: usize = 1000;
/// Characters of a message that are shown when it was delivered late.
const LATE_CHARS_MAX: usize = 60;

/// How this frontend is used.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// A person is there to be asked.
    pub(crate) terminal: bool,
    /// Lines that begin with `{` are objects.
    pub(crate) json: bool,
    /// What this peer calls itself.
    pub(crate) me: Name,
    /// There is a tracker to log in to.
    pub(crate) tracker: bool,
    /// The password that was given at the start.
    pub(crate) password: Option<PasswordHash>,
    /// The registration token that was given at the start.
    pub(crate) token: Option<Token>,
    /// Begin by asking for the password of a new account.
    pub(crate) register: bool,
    /// The peer makes the account by itself, with the password that was given.
    pub(crate) registering: bool,
    /// Where typed paths begin.
    pub(crate) paths: Paths,
}

/// What the next line is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Prompt {
    /// It is said to the target, or it is a command.
    Chat(Target),
    /// It is a password; nothing is shown while it is typed.
    Password {
        /// Whose.
        user: Name,
        /// For a new account.
        register: bool,
        /// The second time.
        again: bool,
    },
    /// It says whether a tracker's key is accepted.
    Confirm {
        /// The key.
        key: Key,
    },
}

/// What happens to a frontend, whose machine gives such notices.
#[derive(Debug)]
pub(crate) enum Input<N = Notice> {
    /// The machine says something.
    Notice(N),
    /// A line was typed.
    Line {
        /// It.
        text: String,
        /// Under which prompt; none for the present one.
        prompt: Option<Prompt>,
    },
    /// A line came that can't be taken.
    BadLine(Trouble),
    /// No line will come any more.
    End,
    /// Ctrl-C on an empty line.
    Interrupt,
    /// A signal asks the program to end; whether it is the keyboard's.
    Signal {
        /// It is.
        interrupt: bool,
    },
    /// The program was stopped and goes on; meanwhile the terminal was somebody else's.
    Resumed,
    /// Nothing can be shown any more.
    OutputClosed,
    /// The frontend itself has something to show.
    Show(Event),
    /// What was asked for at the start is not possible.
    Fail(Event),
    /// What was to be done is done; the program ends with this code.
    Leave(u8),
}

/// What a frontend does about it, whose machine takes such commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect<C = Command> {
    /// Show this.
    Show(Event),
    /// Remember the names in this, and show nothing.
    Learn(Event),
    /// Tell the machine this.
    Tell(C),
    /// Another line may be read.
    Next,
    /// The next line is for this.
    Prompt(Prompt),
    /// Everything is said and kept: end with this code.
    Leave(u8),
    /// End at once.
    Abandon(u8),
}

/// What to do once a request is done.
#[derive(Debug)]
enum Then {
    Nothing,
    Talk(Name),
    Pinged(Name),
    /// Say that it is done, where nothing else does.
    Tell(Info),
    Leave,
    /// The person knows nothing of it.
    Quiet,
}

/// A list that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum List {
    Peers,
    Rooms,
    Transfers,
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Session {
    setup: Setup,
    target: Target,
    ready: bool,
    logged_in: bool,
    started: bool,
    tokens: u64,
    pending: BTreeMap<u64, Then>,
    /// The lists that were asked for and have not come: they come in this order.
    lists: VecDeque<(u64, List)>,
    /// Questions to the person, the present one first.
    questions: VecDeque<Prompt>,
    /// The first of the two times that a new password is typed.
    new_password: Option<PasswordHash>,
    /// What waits for someone who was not linked: id, text, and for how many.
    late: VecDeque<(String, String, usize)>,
    interrupts: u8,
    /// The peer asked for a password; that the tracker refused to go without one need not be told as well.
    password_needed: bool,
    leaving: Option<u8>,
    effects: Vec<Effect>,
}

impl Conversation for Session {
    type Notice = Notice;
    type Command = Command;

    fn handle(&mut self, input: Input) -> Vec<Effect> {
        self.decide(input)
    }

    fn me(&self) -> &Name {
        &self.setup.me
    }

    fn output(open: bool) -> Command {
        Command::Output { open }
    }

    fn quit() -> Command {
        Command::Quit
    }

    fn count() -> Option<Command> {
        Some(Command::Count)
    }
}

impl Session {
    /// Nothing has happened yet.
    pub(crate) fn new(setup: Setup) -> Self {
        Self {
            setup,
            target: Target::All,
            ready: false,
            logged_in: false,
            started: false,
            tokens: 0,
            pending: BTreeMap::new(),
            lists: VecDeque::new(),
            questions: VecDeque::new(),
            new_password: None,
            late: VecDeque::new(),
            interrupts: 0,
            password_needed: false,
            leaving: None,
            effects: Vec::new(),
        }
    }

    /// What the next line is for.
    pub(crate) fn prompt(&self) -> Prompt {
        self.questions.front().cloned().unwrap_or_else(|| Prompt::Chat(self.target.clone()))
    }

    fn decide(&mut self, input: Input) -> Vec<Effect> {
        let before = self.prompt();
        match input {
            Input::Notice(notice) => self.handle_notice(notice),
            Input::Line { text, prompt } if self.leaving.is_none() => {
                self.handle_line(&text, prompt.unwrap_or_else(|| self.prompt()))
            }
            Input::BadLine(trouble) if self.leaving.is_none() => {
                self.show(Event::Trouble(trouble));
                self.effects.push(Effect::Next);
            }
            Input::Line { .. } | Input::BadLine(_) => {}
            Input::End if self.setup.terminal => self.leave(EXIT_FINE),
            Input::End if self.leaving.is_none() => self.ask(Request::Drain, Then::Leave),
            Input::End => {}
            Input::Interrupt => {
                self.interrupts += 1;
                if self.interrupts > 1 { self.leave(EXIT_INTERRUPTED) } else { self.show(Event::Info(Info::HowToQuit)) }
            }
            Input::Signal { interrupt } => {
                let code = if interrupt { EXIT_INTERRUPTED } else { EXIT_FINE };
                if self.leaving.is_some() { self.effects.push(Effect::Abandon(code)) } else { self.leave(code) }
            }
            Input::Resumed => self.effects.push(Effect::Prompt(before.clone())),
            Input::OutputClosed => self.leave(EXIT_FAILURE),
            Input::Show(event) => self.show(event),
            Input::Leave(code) => self.leave(code),
            Input::Fail(event) => {
                self.show(event);
                self.leave(EXIT_FAILURE);
            }
        }
        let mut effects = std::mem::take(&mut self.effects);
        if self.prompt() != before {
            // Ahead of the turn, so that the next line is read under the new prompt.
            let at = effects.iter().position(|effect| *effect == Effect::Next).unwrap_or(effects.len());
            effects.insert(at, Effect::Prompt(self.prompt()));
        }
        effects
    }

    fn handle_notice(&mut self, notice: Notice) {
        match &notice {
            // It is about to end: the hosted tracker can't listen.
            Notice::Ready { .. } if self.leaving.is_some() => return,
            Notice::Ready { user, .. } => {
                self.setup.me = user.clone();
                self.ready = true;
                if self.setup.terminal {
                    self.ask_quietly(Request::Transfers);
                }
            }
            Notice::LoggedIn { user, .. } => {
                self.setup.me = user.clone();
                if std::mem::take(&mut self.setup.registering) {
                    self.show(Event::Info(Info::Registered));
                }
                if self.setup.terminal && !self.logged_in {
                    self.ask_quietly(Request::Rooms { prefix: String::new() });
                    self.ask_quietly(Request::Peers { prefix: String::new() });
                }
                self.logged_in = true;
            }
            Notice::UnknownTracker { tracker, key } => return self.on_unknown_tracker(tracker.clone(), *key),
            Notice::PasswordNeeded { user, tracker } => return self.on_password_needed(user.clone(), tracker.clone()),
            Notice::Outcome { token, problem } => return self.on_outcome(*token, problem.as_ref()),
            // What hindered the start is told already.
            Notice::Failed(_) if self.leaving.is_some() && !self.started => return,
            Notice::Failed(problem) if self.is_told(problem) => return,
            Notice::Peers { .. } if self.was_quiet(List::Peers) => return self.learn(notice),
            Notice::Rooms { .. } if self.was_quiet(List::Rooms) => return self.learn(notice),
            Notice::Transfers { .. } if self.was_quiet(List::Transfers) => return self.learn(notice),
            _ => {}
        }
        self.show(Event::Notice(notice.clone()));
        match notice {
            Notice::Ready { .. } => {
                if self.setup.terminal {
                    self.show(Event::Info(Info::FirstSteps { tracker: self.setup.tracker }));
                }
                if self.setup.register && self.setup.terminal {
                    self.account(true, None);
                }
                self.start_if_possible();
            }
            Notice::LoggedIn { .. } => self.start_if_possible(),
            Notice::ListenRefused { .. } => self.leave(EXIT_FAILURE),
            Notice::Failed(problem) => {
                let code = exit_code(&problem);
                if self.setup.terminal && !self.logged_in && code == EXIT_UNREACHABLE {
                    self.show(Event::Info(Info::KeepsTrying));
                }
                self.fail_start(code);
            }
            Notice::Room { room, what, user, .. } => self.on_room(&room, what, &user),
            Notice::Said { id, text, waiting, .. } if !waiting.is_empty() => {
                if self.late.len() == LATE_MAX {
                    self.late.pop_front();
                }
                self.late.push_back((id, beginning(&text), waiting.len()));
            }
            Notice::Delivered { id, to } => self.on_delivered(&id, to),
            Notice::Stopped { .. } => {
                let code = self.leaving.unwrap_or(EXIT_FAILURE);
                self.effects.push(Effect::Leave(code));
            }
            _ => {}
        }
    }

    /// Whether the list that has just come is one that the person did not ask for.
    fn was_quiet(&mut self, list: List) -> bool {
        let Some(at) = self.lists.iter().position(|&(_, asked)| asked == list) else { return false };
        let token = self.lists.remove(at).map(|(token, _)| token);
        token.is_some_and(|token| matches!(self.pending.get(&token), Some(Then::Quiet)))
    }

    fn learn(&mut self, notice: Notice) {
        self.effects.push(Effect::Learn(Event::Notice(notice)));
    }

    /// Asks for names, so that they can be completed or shown.
    fn ask_quietly(&mut self, request: Request) {
        self.ask(request, Then::Quiet);
    }

    fn start_if_possible(&mut self) {
        if !self.started && self.ready && (self.setup.terminal || self.logged_in || !self.setup.tracker) {
            self.started = true;
            self.effects.push(Effect::Next);
        }
    }

    /// In a pipe, what hinders the start ends the program: nobody is there to try something else.
    fn fail_start(&mut self, code: u8) {
        if !self.started && !self.setup.terminal {
            self.leave(code);
        }
    }

    fn on_unknown_tracker(&mut self, tracker: String, key: Key) {
        if self.setup.terminal {
            // Asked anew, the former question is void.
            self.questions.retain(|question| !matches!(question, Prompt::Confirm { .. }));
            self.questions.push_front(Prompt::Confirm { key });
            return self.show(Event::Info(Info::ConfirmTracker { tracker, key }));
        }
        self.show(Event::Trouble(Trouble::UnknownTracker { tracker, key }));
        self.effects.push(Effect::Tell(Command::TrustTracker { key, accept: false }));
        self.fail_start(EXIT_REFUSED);
    }

    fn on_password_needed(&mut self, user: Name, tracker: String) {
        self.password_needed = true;
        if self.setup.terminal {
            self.ask_password(user, false);
        } else {
            self.show(Event::Trouble(Trouble::PasswordMissing { user, tracker }));
            self.fail_start(EXIT_REFUSED);
        }
    }

    /// Whether this problem is the reason for which a password was asked for just now.
    fn is_told(&mut self, problem: &Problem) -> bool {
        let refused = matches!(problem, Problem::Tracker { failure: Failure::BadCredentials });
        refused && std::mem::take(&mut self.password_needed)
    }

    fn ask_password(&mut self, user: Name, register: bool) {
        self.new_password = None;
        self.questions.retain(|question| !matches!(question, Prompt::Password { .. }));
        self.show(Event::Info(Info::PasswordWanted { user: user.clone(), register }));
        self.questions.push_back(Prompt::Password { user, register, again: false });
    }

    fn on_room(&mut self, room: &Name, what: RoomEvent, user: &Name) {
        let mine = *user == self.setup.me;
        let gone = what == RoomEvent::Deleted || (mine && matches!(what, RoomEvent::Left | RoomEvent::Evicted));
        if gone && matches!(&self.target, Target::Room(target) if target == room) {
            self.target = Target::All;
            if !mine || what == RoomEvent::Evicted {
                self.show(Event::Info(Info::RoomGone(room.clone())));
            }
        }
    }

    fn on_delivered(&mut self, id: &str, to: Name) {
        let Some(at) = self.late.iter().position(|(late, ..)| late == id) else { return };
        let (_, text, receivers) = &mut self.late[at];
        let text = text.clone();
        *receivers -= 1;
        if *receivers == 0 {
            self.late.remove(at);
        }
        self.show(Event::Info(Info::LateDelivery { to, text }));
    }

    fn on_outcome(&mut self, token: u64, problem: Option<&Problem>) {
        let Some(then) = self.pending.remove(&token) else { return };
        self.lists.retain(|&(asked, _)| asked != token);
        match (then, problem) {
            (Then::Quiet, _) => return,
            (Then::Leave, _) => return self.leave(EXIT_FINE),
            (Then::Pinged(user), Some(Problem::TimedOut)) => self.show(Event::Inactive(user)),
            (_, Some(problem)) if self.is_told(problem) => {}
            (_, Some(problem)) => self.show(Event::Problem(problem.clone())),
            (Then::Talk(room), None) => self.target = Target::Room(room),
            (Then::Tell(info), None) => self.show(Event::Info(info)),
            (Then::Pinged(_) | Then::Nothing, None) => {}
        }
        self.effects.push(Effect::Next);
    }

    fn handle_line(&mut self, text: &str, prompt: Prompt) {
        self.interrupts = 0;
        match prompt {
            Prompt::Chat(target) if self.setup.json && text.trim_start().starts_with('{') => {
                match object(text, &target) {
                    Ok(order) => self.obey(order),
                    Err(event) => self.refuse(*event),
                }
            }
            Prompt::Chat(target) => match commands::parse(text, &target) {
                Ok(Some(order)) => self.obey(order),
                Ok(None) => self.effects.push(Effect::Next),
                Err(mistake) => self.refuse(Event::Mistake(mistake)),
            },
            Prompt::Confirm { key } => match sentences::yes_or_no(text) {
                Some(accept) => {
                    self.questions.retain(|question| !matches!(question, Prompt::Confirm { .. }));
                    self.effects.extend([Effect::Tell(Command::TrustTracker { key, accept }), Effect::Next]);
                }
                None => self.refuse(Event::Trouble(Trouble::YesOrNo)),
            },
            Prompt::Password { user, register, again } => {
                self.questions.retain(|question| !matches!(question, Prompt::Password { .. }));
                self.handle_password(text, user, register, again);
            }
        }
    }

    fn handle_password(&mut self, text: &str, user: Name, register: bool, again: bool) {
        if text.is_empty() {
            self.new_password = None;
            self.show(Event::Info(Info::PasswordSkipped));
            return self.effects.push(Effect::Next);
        }
        let hash = PasswordHash::of(text);
        match (register, again) {
            (false, _) => self.enter(user, hash, false),
            (true, false) => {
                self.new_password = Some(hash);
                self.questions.push_front(Prompt::Password { user, register, again: true });
                self.effects.push(Effect::Next);
            }
            (true, true) if self.new_password.take() == Some(hash.clone()) => self.enter(user, hash, true),
            (true, true) => {
                self.questions.push_front(Prompt::Password { user, register, again: false });
                self.refuse(Event::Trouble(Trouble::PasswordsDiffer));
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Ask(request) => {
                let then = match &request {
                    Request::Create { room, .. } | Request::Join { room } => Then::Talk(room.clone()),
                    Request::Ping { user } => Then::Pinged(user.clone()),
                    Request::Status { status, text } => {
                        Then::Tell(Info::StatusSet { status: *status, text: text.as_str().to_owned() })
                    }
                    Request::Profile { text } => Then::Tell(Info::ProfileSet { empty: text.as_str().is_empty() }),
                    Request::Accept { transfer } => Then::Tell(Info::Accepted(*transfer)),
                    Request::Pause { transfer } => Then::Tell(Info::Held { transfer: *transfer, held: true }),
                    Request::Resume { transfer } => Then::Tell(Info::Held { transfer: *transfer, held: false }),
                    Request::Plaintext { open } => Then::Tell(Info::PlaintextSet { open: *open }),
                    _ => Then::Nothing,
                };
                self.ask(request, then);
            }
            Order::Account { register, name } => {
                if !self.account(register, name) {
                    self.effects.push(Effect::Next);
                }
            }
            Order::Talk(target) => {
                // It is the target in any case: what was meant for someone must not go to whom one talked to before.
                self.target = target.clone();
                self.show(Event::Info(Info::Talking(target.clone())));
                match target {
                    Target::All => self.effects.push(Effect::Next),
                    to => self.ask(Request::Talk { to }, Then::Nothing),
                }
            }
            Order::Send { to, path } => match self.setup.paths.typed(&path).into_os_string().into_string() {
                Ok(path) => self.ask(Request::Send { to, path }, Then::Nothing),
                // The way from here to there has a name that is no text.
                Err(_) => self.refuse(Event::Problem(Problem::File { path, error: DiskError::Other })),
            },
            Order::Whoami => self.ask(Request::Whois { user: self.setup.me.clone() }, Then::Nothing),
            Order::Help(topic) => self.refuse(Event::Info(Info::Help(topic))),
            Order::Quit => self.leave(EXIT_FINE),
        }
    }

    /// Logs in or registers: with the password of the start where it is meant for that account, else with the one
    /// that the person is asked for. Whether a request is under way.
    fn account(&mut self, register: bool, name: Option<Name>) -> bool {
        let own = name.as_ref().is_none_or(|name| *name == self.setup.me);
        let user = name.unwrap_or_else(|| self.setup.me.clone());
        match &self.setup.password {
            Some(password) if own || !self.setup.terminal => {
                let password = password.clone();
                self.enter(user, password, register);
                return true;
            }
            _ if self.setup.terminal => self.ask_password(user, register),
            _ => self.show(Event::Trouble(Trouble::NoPassword)),
        }
        false
    }

    fn enter(&mut self, name: Name, password: PasswordHash, register: bool) {
        let token = self.setup.token.clone();
        let credentials = Credentials { name, password: Some(password), register, token };
        self.setup.registering = register;
        let request = if register { Request::Register(credentials) } else { Request::Login(credentials) };
        self.ask(request, Then::Nothing);
    }

    fn ask(&mut self, request: Request, then: Then) {
        self.tokens += 1;
        self.pending.insert(self.tokens, then);
        match &request {
            Request::Peers { .. } => self.lists.push_back((self.tokens, List::Peers)),
            Request::Rooms { .. } => self.lists.push_back((self.tokens, List::Rooms)),
            Request::Transfers => self.lists.push_back((self.tokens, List::Transfers)),
            _ => {}
        }
        self.effects.push(Effect::Tell(Command::Ask { token: self.tokens, request }));
    }

    /// Shows the answer to a line that asks nothing of the peer.
    fn refuse(&mut self, event: Event) {
        self.show(event);
        self.effects.push(Effect::Next);
    }

    fn show(&mut self, event: Event) {
        self.effects.push(Effect::Show(event));
    }

    fn leave(&mut self, code: u8) {
        if self.leaving.is_none() {
            self.leaving = Some(code);
            self.questions.clear();
            self.effects.push(Effect::Tell(Command::Quit));
        }
    }
}

/// `{"say":TEXT}` or `{"do":"/command"}`.
///
/// # Errors
/// When it is neither, or a command that makes no sense.
pub(crate) fn object(text: &str, target: &Target) -> Result<Order, Box<Event>> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "snake_case", deny_unknown_fields)]
    enum Object {
        Say(String),
        Do(String),
    }
    let bad = |why| Box::new(Event::Trouble(Trouble::BadJson(why)));
    match serde_json::from_str(text) {
        Ok(Object::Say(text)) => Ok(commands::say(target, &text)),
        Ok(Object::Do(command)) if command.starts_with('/') && !command.starts_with("//") => {
            match commands::parse(&command, target) {
                Ok(Some(order)) => Ok(order),
                Ok(None) => Err(bad(BadObject::NoCommand)),
                Err(mistake) => Err(Box::new(Event::Mistake(mistake))),
            }
        }
        Ok(Object::Do(_)) => Err(bad(BadObject::NoSlash)),
        Err(error) => match serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text) {
            Ok(fields) if fields.len() > 1 => Err(bad(BadObject::ManyFields)),
            Ok(fields) if fields.is_empty() => Err(bad(BadObject::Empty)),
            Ok(_) | Err(_) => Err(bad(BadObject::Other(error.to_string()))),
        },
    }
}

/// The exit code of a program that could not start because of this.
const fn exit_code(problem: &Problem) -> u8 {
    match problem {
        Problem::TrackerUnreachable { .. }
        | Problem::TrackerUnknownHost { .. }
        | Problem::TrackerFault { .. }
        | Problem::TrackerSilent
        | Problem::TrackerAway
        | Problem::TimedOut => EXIT_UNREACHABLE,
        Problem::Tracker { .. }
        | Problem::TrackerKeyChanged { .. }
        | Problem::TrackerNotTrusted { .. }
        | Problem::NotLoggedIn
        | Problem::PasswordMissing => EXIT_REFUSED,
        _ => EXIT_FAILURE,
    }
}

/// The first line of a text, cut to what serves to remember it.
fn beginning(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    let cut = line.chars().take(LATE_CHARS_MAX).collect::<String>();
    if cut.len() < text.trim_end().len() { cut + "…" } else { cut }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;

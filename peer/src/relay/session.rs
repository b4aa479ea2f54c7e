//! What is decided while one talks by a relay: which line is said, when the next one is read, when to end.
//!
//! It is the pure counterpart of the peer's session: there are no rooms, no people and no questions, so a line is said to
//! everyone, or is one of the [`VERBS`].
//!
//! - Lines are read once the relay is joined, one at a time: each when the one before it was said.
//! - A relay that was never there ends the program; one that is lost is waited for.
//!
//! Invariant: every line that is taken is matched by one [`Effect::Next`], unless the program ends.

use papo_proto::{
    names::Name,
    peer::{Request, interface::Target},
    relay::chat::{Command, Notice},
};

use crate::frontend::{
    Conversation,
    commands::{self, Order, Verb},
    event::{Event, Info, Trouble},
    inbox::Waiting,
    session::{EXIT_FAILURE, EXIT_FINE, EXIT_INTERRUPTED, EXIT_UNREACHABLE, Effect, Input, Prompt, object},
};

/// The commands that there are.
pub(crate) const VERBS: &[Verb] = &[Verb::Help, Verb::Quit, Verb::Sair];

impl Waiting for Notice {
    fn weight(&self) -> usize {
        match self {
            Self::Heard { text, .. } | Self::Said { text, .. } => 256 + text.len(),
            Self::Joined { .. } | Self::Lost(_) | Self::TooMuch | Self::Missed(_) | Self::Stopped { .. } => 256,
        }
    }

    /// What is heard comes no more once the machine reads nothing.
    fn is_passing(&self) -> bool {
        false
    }
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct RelaySession {
    me: Name,
    /// A person is there.
    terminal: bool,
    /// Lines that begin with `{` are objects.
    json: bool,
    joined: bool,
    interrupts: u8,
    leaving: Option<u8>,
    effects: Vec<Effect<Command>>,
}

impl Conversation for RelaySession {
    type Notice = Notice;
    type Command = Command;

    fn handle(&mut self, input: Input<Notice>) -> Vec<Effect<Command>> {
        match input {
            Input::Notice(notice) => self.handle_notice(notice),
            Input::Line { text, .. } if self.leaving.is_none() => self.handle_line(&text),
            Input::BadLine(trouble) if self.leaving.is_none() => self.refuse(Event::Trouble(trouble)),
            Input::Line { .. } | Input::BadLine(_) => {}
            Input::End => self.leave(EXIT_FINE),
            Input::Interrupt => {
                self.interrupts += 1;
                if self.interrupts > 1 { self.leave(EXIT_INTERRUPTED) } else { self.show(Event::Info(Info::HowToQuit)) }
            }
            Input::Signal { interrupt } => {
                let code = if interrupt { EXIT_INTERRUPTED } else { EXIT_FINE };
                if self.leaving.is_some() { self.effects.push(Effect::Abandon(code)) } else { self.leave(code) }
            }
            Input::Resumed => self.effects.push(Effect::Prompt(Self::PROMPT)),
            Input::OutputClosed => self.leave(EXIT_FAILURE),
            Input::Show(event) => self.show(event),
            Input::Leave(code) => self.leave(code),
            Input::Fail(event) => {
                self.show(event);
                self.leave(EXIT_FAILURE);
            }
        }
        std::mem::take(&mut self.effects)
    }

    fn me(&self) -> &Name {
        &self.me
    }

    fn output(open: bool) -> Command {
        Command::Output { open }
    }

    fn quit() -> Command {
        Command::Leave
    }

    fn count() -> Option<Command> {
        None
    }
}

impl RelaySession {
    /// Whatever is typed is said to everyone.
    pub(crate) const PROMPT: Prompt = Prompt::Chat(Target::All);

    /// Nothing has happened yet.
    pub(crate) const fn new(me: Name, terminal: bool, json: bool) -> Self {
        Self { me, terminal, json, joined: false, interrupts: 0, leaving: None, effects: Vec::new() }
    }

    fn handle_notice(&mut self, notice: Notice) {
        match notice {
            Notice::Lost(trouble) if !self.joined => {
                if self.leaving.is_none() {
                    self.show(Event::Trouble(Trouble::RelayUnreachable(trouble)));
                }
                return self.leave(EXIT_UNREACHABLE);
            }
            // Whoever leaves is not told that the relay is gone, but for what was not said.
            Notice::Lost(_) if self.leaving.is_some() => return,
            _ => {}
        }
        self.show(Event::Relay(notice.clone()));
        match notice {
            Notice::Joined { .. } if !std::mem::replace(&mut self.joined, true) => {
                if self.terminal {
                    self.show(Event::Info(Info::RelayHelp));
                }
                self.effects.push(Effect::Next);
            }
            Notice::Said { .. } | Notice::TooMuch => self.effects.push(Effect::Next),
            Notice::Stopped { unsaid } => {
                let code = self.leaving.unwrap_or(EXIT_FAILURE);
                let code = if code == EXIT_FINE && unsaid > 0 { EXIT_UNREACHABLE } else { code };
                self.effects.push(Effect::Leave(code));
            }
            Notice::Joined { .. } | Notice::Lost(_) | Notice::Heard { .. } | Notice::Missed(_) => {}
        }
    }

    fn handle_line(&mut self, text: &str) {
        self.interrupts = 0;
        let order = if self.json && text.trim_start().starts_with('{') {
            object(text, &Target::All).map(Some).map_err(|event| *event)
        } else {
            commands::parse(text, &Target::All).map_err(Event::Mistake)
        };
        match order {
            Ok(None) => self.effects.push(Effect::Next),
            Ok(Some(Order::Ask(Request::Say { to: Target::All, text }))) if text.is_empty() => {
                self.effects.push(Effect::Next);
            }
            Ok(Some(Order::Ask(Request::Say { to: Target::All, text }))) => {
                self.effects.push(Effect::Tell(Command::Say(text)));
            }
            Ok(Some(Order::Help(_))) => self.refuse(Event::Info(Info::RelayHelp)),
            Ok(Some(Order::Quit)) => self.leave(EXIT_FINE),
            Ok(Some(_)) => self.refuse(Event::Trouble(Trouble::NotByRelay)),
            Err(event) => self.refuse(event),
        }
    }

    /// Shows the answer to a line that says nothing to anyone.
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
            self.effects.push(Effect::Tell(Command::Leave));
        }
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::{relay::chat, time::Wall};

    use super::*;

    fn session(json: bool) -> RelaySession {
        let mut session = RelaySession::new(Name::new("ana").expect("valid"), false, json);
        let address = ([10, 0, 0, 1], 12345).into();
        let effects = session.handle(Input::Notice(Notice::Joined { address }));
        assert_eq!(words(&effects), ["show relay", "next"]);
        session
    }

    fn words(effects: &[Effect<Command>]) -> Vec<String> {
        let word = |effect: &Effect<Command>| match effect {
            Effect::Show(Event::Relay(_)) => "show relay".to_owned(),
            Effect::Show(Event::Trouble(trouble)) => format!("error {}", trouble.code()),
            Effect::Show(Event::Mistake(mistake)) => format!("error {}", mistake.code()),
            Effect::Show(_) => "show".to_owned(),
            Effect::Tell(Command::Say(text)) => format!("say {text}"),
            Effect::Tell(Command::Leave) => "leave".to_owned(),
            Effect::Next => "next".to_owned(),
            Effect::Leave(code) => format!("exit {code}"),
            Effect::Abandon(code) => format!("abandon {code}"),
            other => format!("{other:?}"),
        };
        effects.iter().map(word).collect()
    }

    #[track_caller]
    fn check(session: &mut RelaySession, line: &str, expected: &[&str]) {
        assert_eq!(words(&session.handle(Input::Line { text: line.to_owned(), prompt: None })), expected, "{line}");
    }

    fn said() -> Input<Notice> {
        Input::Notice(Notice::Said { at: Wall(0), text: "x".to_owned() })
    }

    #[test]
    fn a_line_is_said_to_everyone_and_the_next_one_read_when_it_was() {
        let mut session = session(false);
        check(&mut session, "Olá!", &["say Olá!"]);
        assert_eq!(words(&session.handle(said())), ["show relay", "next"]);
        check(&mut session, "//etc", &["say /etc"]);
        check(&mut session, "{\"say\":\"x\"}", &["say {\"say\":\"x\"}"]);
        assert_eq!(words(&session.handle(Input::Notice(Notice::TooMuch))), ["show relay", "next"]);
        check(&mut session, "  ", &["next"]);
        check(&mut session, "/help", &["show", "next"]);
        check(&mut session, "/join sala", &["error not_by_relay", "next"]);
        check(&mut session, "/msg bia oi", &["error not_by_relay", "next"]);
        check(&mut session, "/nada", &["error unknown_command", "next"]);
        check(&mut session, "/sair", &["leave"]);
        check(&mut session, "x", &[]);
        assert_eq!(words(&session.handle(Input::Notice(Notice::Stopped { unsaid: 0 }))), ["show relay", "exit 0"]);
    }

    #[test]
    fn a_script_says_by_objects() {
        let mut session = session(true);
        check(&mut session, "{\"say\":\"/sair\"}", &["say /sair"]);
        check(&mut session, "{\"say\":\"\"}", &["next"]);
        check(&mut session, "{\"do\":\"/quit\"}", &["leave"]);
    }

    #[test]
    fn a_relay_that_never_was_ends_it_and_one_that_is_lost_does_not() {
        let lost = || Input::Notice(Notice::Lost(chat::Trouble::Silent));
        let mut never = RelaySession::new(Name::new("ana").expect("valid"), true, false);
        assert_eq!(words(&never.handle(lost())), ["error relay_unreachable", "leave"]);
        assert_eq!(words(&never.handle(lost())), Vec::<String>::new());
        assert_eq!(words(&never.handle(Input::Notice(Notice::Stopped { unsaid: 0 }))), ["show relay", "exit 4"]);
        let mut session = session(false);
        assert_eq!(words(&session.handle(lost())), ["show relay"]);
        check(&mut session, "x", &["say x"]);
        assert_eq!(words(&session.handle(Input::End)), ["leave"]);
        assert_eq!(words(&session.handle(Input::Notice(Notice::Stopped { unsaid: 1 }))), ["show relay", "exit 4"]);
    }

    #[test]
    fn signals_and_interrupts_end_it_as_they_end_a_peer() {
        let mut one = session(false);
        assert_eq!(words(&one.handle(Input::Interrupt)), ["show"]);
        assert_eq!(words(&one.handle(Input::Interrupt)), ["leave"]);
        assert_eq!(words(&one.handle(Input::Signal { interrupt: true })), ["abandon 130"]);
        let mut other = session(false);
        assert_eq!(words(&other.handle(Input::Signal { interrupt: false })), ["leave"]);
        assert_eq!(words(&other.handle(Input::Notice(Notice::Stopped { unsaid: 0 }))), ["show relay", "exit 0"]);
        let mut closed = session(false);
        assert_eq!(words(&closed.handle(Input::OutputClosed)), ["leave"]);
        assert_eq!(words(&closed.handle(Input::Notice(Notice::Stopped { unsaid: 0 }))), ["show relay", "exit 1"]);
    }
}

//! What a person types → what is to be done.
//!
//! A line that begins with one slash is a command; `//` says a literal slash; everything else is said to the target.
//! White space before a known command is forgiven: what is meant for one person must not be said to all.
//! What is not understood is a [`Mistake`], and never said aloud.

use std::net::SocketAddr;

use papo_proto::{
    names::{BadName, Name},
    peer::{Request, interface::Target},
    wire::tracker::{PROFILE_BYTES_MAX, Profile, STATUS_BYTES_MAX, Status, StatusText},
};

use crate::args::{BadAddress, tracker_address};

/// What `/create` takes for a room in which the programs of older systems may take part.
const PLAINTEXT_FLAG: &str = "--plaintext";

/// What an argument of a command is, for completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// Nothing that could be completed.
    Free,
    /// A user.
    User,
    /// A room.
    Room,
    /// A user, or a room with `#`.
    UserOrRoom,
    /// A command.
    Command,
    /// A user, a room with `#`, or `all`; a path follows.
    Receiver,
    /// The number of something that is offered.
    Offer,
    /// The number of a transfer.
    Transfer,
    /// One of these words.
    Word(&'static [&'static str]),
}

macro_rules! verbs {
    ($($variant:ident $word:literal [$($alias:literal)*] $takes:expr;)*) => {
        /// A command.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Verb { $(#[doc = $word] $variant,)* }

        impl Verb {
            /// Every command, in the order of `/help`.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// What is typed, without the slash.
            pub(crate) const fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// What may be typed instead.
            pub(crate) const fn aliases(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($alias,)*],)* }
            }

            /// What its first argument is.
            pub(crate) const fn takes(self) -> Takes {
                match self { $(Self::$variant => $takes,)* }
            }
        }
    };
}

verbs! {
    Register "register" [] Takes::Free;
    Login "login" [] Takes::Free;
    Logout "logout" [] Takes::Free;
    Plaintext "plaintext" [] Takes::Word(&["on", "off"]);
    Peers "peers" [] Takes::User;
    Users "users" [] Takes::Room;
    Rooms "rooms" [] Takes::Room;
    Whois "whois" [] Takes::User;
    Help "help" [] Takes::Command;
    Create "create" [] Takes::Free;
    Join "join" [] Takes::Room;
    Leave "leave" [] Takes::Room;
    Delete "delete" ["deletar_sala"] Takes::Room;
    Msg "msg" [] Takes::User;
    All "all" [] Takes::Free;
    Chat "chat" [] Takes::UserOrRoom;
    Tracker "tracker" [] Takes::Free;
    Connect "connect" [] Takes::Free;
    Disconnect "disconnect" [] Takes::User;
    Block "block" [] Takes::User;
    Unblock "unblock" [] Takes::User;
    Verify "verify" [] Takes::User;
    Trust "trust" [] Takes::User;
    Ping "ping" [] Takes::User;
    Status "status" [] Takes::Word(&["online", "away", "busy"]);
    Profile "profile" [] Takes::Free;
    Send "send" [] Takes::Receiver;
    Accept "accept" [] Takes::Offer;
    Reject "reject" [] Takes::Offer;
    Pause "pause" [] Takes::Transfer;
    Resume "resume" [] Takes::Transfer;
    Cancel "cancel" [] Takes::Transfer;
    Transfers "transfers" [] Takes::Free;
    Quit "quit" [] Takes::Free;
    Sair "sair" [] Takes::Free;
}

impl Verb {
    /// The command that a word names, without its slash.
    pub(crate) fn named(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        Self::ALL.iter().copied().find(|verb| verb.word() == word || verb.aliases().contains(&word.as_str()))
    }

    /// The command that was probably meant.
    fn nearest(word: &str) -> Option<Self> {
        let word = word.to_lowercase();
        let names = |verb: Self| std::iter::once(verb.word()).chain(verb.aliases().iter().copied());
        let starts = |verb: &Self| word.len() >= 2 && names(*verb).any(|name| name.starts_with(&word));
        let close = || {
            let distances = Self::ALL
                .iter()
                .filter_map(|&verb| names(verb).map(|name| distance(&word, name)).min().map(|far| (far, verb)));
            distances.min_by_key(|&(far, _)| far).filter(|&(far, verb)| far <= 2 && far < verb.word().len())
        };
        Self::ALL.iter().copied().find(starts).or_else(|| close().map(|(_, verb)| verb))
    }
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Order {
    /// Ask the peer.
    Ask(Request),
    /// Make an account or log in; the password comes from elsewhere.
    Account {
        /// Make it.
        register: bool,
        /// Which; none for this peer's name.
        name: Option<Name>,
    },
    /// Talk to someone else from now on.
    Talk(Target),
    /// Offer a file or a directory.
    Send {
        /// To whom.
        to: Target,
        /// Where it is, as it was typed.
        path: String,
    },
    /// Tell about oneself.
    Whoami,
    /// Explain a command, or all.
    Help(Option<Verb>),
    /// End.
    Quit,
}

/// What stands for everyone where something is sent; a person of that name is `@all`.
pub(crate) const EVERYONE: &str = "all";

/// Why a line was not understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// There is no such command.
    UnknownCommand {
        /// What was typed.
        typed: String,
        /// What was probably meant.
        nearest: Option<Verb>,
    },
    /// An argument is missing, or there is one too many, or it is none of the possible ones.
    Usage(Verb),
    /// That can't be a name.
    Name {
        /// What was typed.
        typed: String,
        /// Why not.
        why: BadName,
    },
    /// That is not a number of people.
    Capacity(String),
    /// That is not an address with a port.
    Address(String),
    /// That is no tracker's address, and why.
    Tracker(BadAddress),
    /// That is not the number of a transfer.
    Transfer(String),
    /// The command is about the present room, and there is none.
    NoRoom(Verb),
    /// The text is too long.
    TooLong {
        /// The longest, in bytes.
        max: usize,
    },
}

impl Mistake {
    /// The word for it in scripts.
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::UnknownCommand { .. } => "unknown_command",
            Self::Usage(_) => "usage",
            Self::Name { .. } => "bad_name",
            Self::Capacity(_) | Self::Transfer(_) => "bad_number",
            Self::Address(_) | Self::Tracker(_) => "bad_address",
            Self::NoRoom(_) => "no_room",
            Self::TooLong { .. } => "text_too_long",
        }
    }
}

/// Understands a line that was typed while talking to `target`; `None` for a blank one.
///
/// # Errors
/// When it is a command that makes no sense.
pub(crate) fn parse(line: &str, target: &Target) -> Result<Option<Order>, Mistake> {
    // Pasted blocks end with a line break more often than not.
    let line = line.trim_end_matches(['\n', '\r']);
    if line.trim().is_empty() {
        return Ok(None);
    }
    let known = |command: &&str| Verb::named(split(command).0).is_some();
    let command = line.strip_prefix('/').or_else(|| line.trim_start().strip_prefix('/').filter(known));
    match command {
        Some(said) if said.starts_with('/') => Ok(Some(say(target, said))),
        Some(command) => order(command, target).map(Some),
        None => Ok(Some(say(target, line))),
    }
}

/// Says a text to a target.
pub(crate) fn say(target: &Target, text: &str) -> Order {
    Order::Ask(Request::Say { to: target.clone(), text: text.to_owned() })
}

fn order(command: &str, target: &Target) -> Result<Order, Mistake> {
    let (word, rest) = split(command);
    let Some(verb) = Verb::named(word) else {
        let typed = word.chars().take(32).collect();
        return Err(Mistake::UnknownCommand { nearest: Verb::nearest(word), typed });
    };
    let args = Args { verb, rest };
    let room_here = || match target {
        Target::Room(room) => Some(room.clone()),
        Target::All | Target::User(_) => None,
    };
    let request = match verb {
        Verb::Register | Verb::Login => {
            return Ok(Order::Account { register: verb == Verb::Register, name: args.optional(user)? });
        }
        Verb::Logout => args.none(Request::Logout)?,
        Verb::Plaintext => match rest.trim().to_lowercase().as_str() {
            "on" => Request::Plaintext { open: true },
            "off" => Request::Plaintext { open: false },
            _ => return Err(Mistake::Usage(verb)),
        },
        Verb::Peers => Request::Peers { prefix: args.optional(user)?.as_ref().map_or_else(String::new, folded) },
        Verb::Rooms => Request::Rooms { prefix: args.optional(room)?.as_ref().map_or_else(String::new, folded) },
        Verb::Users => Request::Users { room: args.optional(room)?.or_else(room_here) },
        Verb::Whois => Request::Whois { user: args.one(user)? },
        Verb::Help => return args.optional(topic).map(Order::Help),
        Verb::Create => {
            let (name, options) = split(rest);
            let (flags, numbers) = options.split_whitespace().partition::<Vec<_>, _>(|word| word.starts_with("--"));
            if name.is_empty() || numbers.len() > 1 || flags.iter().any(|&flag| flag != PLAINTEXT_FLAG) {
                return Err(Mistake::Usage(verb));
            }
            let number = |word: &&str| word.parse().map_err(|_| Mistake::Capacity((*word).to_owned()));
            let capacity = numbers.first().map(number).transpose()?;
            Request::Create { room: room(name)?, capacity, plaintext: !flags.is_empty() }
        }
        Verb::Join => Request::Join { room: args.one(room)? },
        Verb::Leave | Verb::Sair => match (args.optional(room)?, target) {
            (Some(room), _) => Request::Leave { room },
            (None, Target::Room(room)) => Request::Leave { room: room.clone() },
            (None, Target::User(_)) => return Ok(Order::Talk(Target::All)),
            (None, Target::All) if verb == Verb::Sair => return Ok(Order::Quit),
            (None, Target::All) => return Err(Mistake::NoRoom(verb)),
        },
        Verb::Delete => Request::Delete { room: args.optional(room)?.or_else(room_here).ok_or(Mistake::NoRoom(verb))? },
        Verb::Msg => {
            let (name, text) = split(rest);
            if name.is_empty() || text.trim().is_empty() {
                return Err(Mistake::Usage(verb));
            }
            Request::Say { to: Target::User(user(name)?), text: text.to_owned() }
        }
        Verb::All if rest.trim().is_empty() => return Ok(Order::Talk(Target::All)),
        Verb::All => Request::Say { to: Target::All, text: rest.to_owned() },
        Verb::Chat => return Ok(Order::Talk(args.optional(user_or_room)?.unwrap_or(Target::All))),
        Verb::Tracker => match args.optional(|word| tracker_address(word).map_err(Mistake::Tracker))? {
            Some(address) => Request::TakeTracker { address },
            None => Request::Trackers,
        },
        Verb::Connect => Request::Connect { address: args.one(address)? },
        Verb::Disconnect => Request::Disconnect { user: args.one(user)? },
        Verb::Block => Request::Block { user: args.one(user)? },
        Verb::Unblock => Request::Unblock { user: args.one(user)? },
        Verb::Verify => Request::Verify { user: args.one(user)? },
        Verb::Trust => Request::Trust { user: args.one(user)? },
        Verb::Ping => Request::Ping { user: args.one(user)? },
        Verb::Status if rest.trim().is_empty() => return Ok(Order::Whoami),
        Verb::Status => {
            let (word, text) = split(rest);
            let status = match word.to_lowercase().as_str() {
                "online" => Status::Online,
                "away" => Status::Away,
                "busy" => Status::Busy,
                _ => return Err(Mistake::Usage(verb)),
            };
            let text = StatusText::new(text.trim()).map_err(|_| Mistake::TooLong { max: STATUS_BYTES_MAX })?;
            Request::Status { status, text }
        }
        Verb::Profile => {
            let text = Profile::new(rest.trim()).map_err(|_| Mistake::TooLong { max: PROFILE_BYTES_MAX })?;
            Request::Profile { text }
        }
        Verb::Send => {
            let (to, path) = split(rest);
            if path.trim().is_empty() {
                return Err(Mistake::Usage(verb));
            }
            let to = if to == EVERYONE { Target::All } else { user_or_room(to)? };
            return Ok(Order::Send { to, path: path.trim_end().to_owned() });
        }
        Verb::Accept => Request::Accept { transfer: args.one(transfer)? },
        Verb::Reject => Request::Reject { transfer: args.one(transfer)? },
        Verb::Pause => Request::Pause { transfer: args.one(transfer)? },
        Verb::Resume => Request::Resume { transfer: args.one(transfer)? },
        Verb::Cancel => Request::Cancel { transfer: args.one(transfer)? },
        Verb::Transfers => args.none(Request::Transfers)?,
        Verb::Quit => return args.none(Order::Quit),
    };
    Ok(Order::Ask(request))
}

/// The first word, and what follows the white space after it.
fn split(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim_start_matches([' ', '\t'])))
}

/// A name; or a place, with or without the name of who is there: whoever speaks plain text is known by that.
fn user(word: &str) -> Result<Name, Mistake> {
    let placed = |text: &str| Name::restored(text).ok().filter(|name| name.place().is_some());
    let place = || word.strip_prefix('@').unwrap_or(word).parse().ok().map(|place| Name::at(None, place));
    if let Some(placed) = placed(word).or_else(place) {
        return Ok(placed);
    }
    name(word, '@')
}

fn room(word: &str) -> Result<Name, Mistake> {
    name(word, '#')
}

fn user_or_room(word: &str) -> Result<Target, Mistake> {
    match word.strip_prefix('#') {
        Some(name) => room(name).map(Target::Room),
        None => user(word).map(Target::User),
    }
}

fn transfer(word: &str) -> Result<u64, Mistake> {
    word.parse().map_err(|_| Mistake::Transfer(word.chars().take(64).collect()))
}

fn name(word: &str, sign: char) -> Result<Name, Mistake> {
    let word = word.strip_prefix(sign).unwrap_or(word);
    Name::new(word).map_err(|why| Mistake::Name { typed: word.chars().take(64).collect(), why })
}

fn folded(name: &Name) -> String {
    name.folded().to_owned()
}

fn address(word: &str) -> Result<SocketAddr, Mistake> {
    word.parse().map_err(|_| Mistake::Address(word.chars().take(64).collect()))
}

fn topic(word: &str) -> Result<Verb, Mistake> {
    let word = word.trim_start_matches('/');
    let unknown = || Mistake::UnknownCommand { nearest: Verb::nearest(word), typed: word.chars().take(32).collect() };
    Verb::named(word).ok_or_else(unknown)
}

/// The arguments of a command that takes words.
struct Args<'a> {
    verb: Verb,
    rest: &'a str,
}

impl Args<'_> {
    /// The one word, which may be missing.
    fn optional<T>(&self, read: impl FnOnce(&str) -> Result<T, Mistake>) -> Result<Option<T>, Mistake> {
        let mut words = self.rest.split_whitespace();
        match (words.next(), words.next()) {
            (None, _) => Ok(None),
            (Some(word), None) => read(word).map(Some),
            (Some(_), Some(_)) => Err(Mistake::Usage(self.verb)),
        }
    }

    fn one<T>(&self, read: impl FnOnce(&str) -> Result<T, Mistake>) -> Result<T, Mistake> {
        self.optional(read)?.ok_or(Mistake::Usage(self.verb))
    }

    fn none<T>(&self, value: T) -> Result<T, Mistake> {
        if self.rest.trim().is_empty() { Ok(value) } else { Err(Mistake::Usage(self.verb)) }
    }
}

/// How many letters must be changed, added or taken away (Levenshtein), of the first 32 letters.
fn distance(one: &str, other: &str) -> usize {
    let other = other.chars().take(32).collect::<Vec<_>>();
    let mut row = (0..=other.len()).collect::<Vec<_>>();
    for (line, letter) in one.chars().take(32).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, &against) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != against);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(row[column] + 1).min(diagonal + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("valid")
    }

    fn in_room() -> Target {
        Target::Room(name("sala"))
    }

    fn with_bia() -> Target {
        Target::User(name("bia"))
    }

    #[track_caller]
    fn check(line: &str, target: &Target, order: Order) {
        assert_eq!(parse(line, target), Ok(Some(order)), "{line}");
    }

    #[track_caller]
    fn ask(line: &str, request: Request) {
        check(line, &in_room(), Order::Ask(request));
    }

    #[track_caller]
    fn said(line: &str, to: Target, text: &str) {
        ask(line, Request::Say { to, text: text.to_owned() });
    }

    #[test]
    fn text_goes_to_the_target_and_slashes_decide_what_is_text() {
        said("hello there", in_room(), "hello there");
        said("  indented", in_room(), "  indented");
        said(" /etc/passwd", in_room(), " /etc/passwd");
        said(" //msg bia", in_room(), " //msg bia");
        said(" \t/msg bia psst", with_bia(), "psst");
        said("//join us", in_room(), "/join us");
        said("a /join b", in_room(), "a /join b");
        said("one\ntwo\n\n", in_room(), "one\ntwo");
        for blank in ["", "   ", "\n", "\t \r\n"] {
            assert_eq!(parse(blank, &in_room()), Ok(None));
        }
    }

    #[test]
    fn each_command_of_the_table_is_understood() {
        ask("/logout", Request::Logout);
        ask("/plaintext on", Request::Plaintext { open: true });
        ask("/plaintext off", Request::Plaintext { open: false });
        ask("/peers", Request::Peers { prefix: String::new() });
        ask("/PEERS An", Request::Peers { prefix: "an".to_owned() });
        ask("/rooms", Request::Rooms { prefix: String::new() });
        ask("/users", Request::Users { room: Some(name("sala")) });
        check("/users", &Target::All, Order::Ask(Request::Users { room: None }));
        ask("/whois @bia", Request::Whois { user: name("bia") });
        ask("/create #nova", Request::Create { room: name("nova"), capacity: None, plaintext: false });
        ask("/create nova 12", Request::Create { room: name("nova"), capacity: Some(12), plaintext: false });
        ask("/whois bia@10.0.0.5:7000", Request::Whois { user: Name::restored("bia@10.0.0.5:7000").expect("a place") });
        for word in ["10.0.0.5:7000", "@10.0.0.5:7000", "?@10.0.0.5:7000"] {
            let user = Name::at(None, "10.0.0.5:7000".parse().expect("an address"));
            ask(&format!("/whois {word}"), Request::Whois { user });
        }
        ask("/create nova --plaintext", Request::Create { room: name("nova"), capacity: None, plaintext: true });
        ask("/create nova 3 --plaintext", Request::Create { room: name("nova"), capacity: Some(3), plaintext: true });
        ask("/join #nova", Request::Join { room: name("nova") });
        ask("/leave", Request::Leave { room: name("sala") });
        ask("/delete", Request::Delete { room: name("sala") });
        ask("/deletar_sala nova", Request::Delete { room: name("nova") });
        said("/msg bia  two  words ", with_bia(), "two  words ");
        said("/msg bia one\ntwo", with_bia(), "one\ntwo");
        said("/all hi", Target::All, "hi");
        ask("/connect 10.0.0.2:6061", Request::Connect { address: ([10, 0, 0, 2], 6061).into() });
        ask("/tracker", Request::Trackers);
        let address = tracker_address("10.0.0.2:7000").expect("valid");
        ask("/tracker 10.0.0.2:7000", Request::TakeTracker { address });
        ask("/disconnect bia", Request::Disconnect { user: name("bia") });
        ask("/block bia", Request::Block { user: name("bia") });
        ask("/unblock bia", Request::Unblock { user: name("bia") });
        ask("/verify bia", Request::Verify { user: name("bia") });
        ask("/trust bia", Request::Trust { user: name("bia") });
        ask("/ping bia", Request::Ping { user: name("bia") });
        let text = |text: &str| StatusText::new(text).expect("short");
        ask("/status away at lunch", Request::Status { status: Status::Away, text: text("at lunch") });
        check("/status", &in_room(), Order::Whoami);
        ask("/Status BUSY", Request::Status { status: Status::Busy, text: text("") });
        ask("/status online", Request::Status { status: Status::Online, text: text("") });
        ask("/profile plays the cello", Request::Profile { text: Profile::new("plays the cello").expect("short") });
        for (line, target) in [
            ("/chat bia", with_bia()),
            ("/chat @bia", with_bia()),
            ("/chat #sala", in_room()),
            ("/chat", Target::All),
            ("/all", Target::All),
        ] {
            check(line, &in_room(), Order::Talk(target));
        }
        let send = |to: Target, path: &str| Order::Send { to, path: path.to_owned() };
        check("/send bia ~/two  words.txt ", &in_room(), send(with_bia(), "~/two  words.txt"));
        check("/send  @bia  \"a b\"", &in_room(), send(with_bia(), "\"a b\""));
        check("/send #sala .", &with_bia(), send(in_room(), "."));
        check("/send all a", &in_room(), send(Target::All, "a"));
        check("/send @all a", &in_room(), send(Target::User(name("all")), "a"));
        ask("/accept 7", Request::Accept { transfer: 7 });
        ask("/reject 7", Request::Reject { transfer: 7 });
        ask("/pause 7", Request::Pause { transfer: 7 });
        ask("/resume 7", Request::Resume { transfer: 7 });
        ask("/cancel 18446744073709551615", Request::Cancel { transfer: u64::MAX });
        ask("/transfers", Request::Transfers);
        check("/register", &Target::All, Order::Account { register: true, name: None });
        check("/login ana", &Target::All, Order::Account { register: false, name: Some(name("ana")) });
        check("/help", &Target::All, Order::Help(None));
        check("/help /join", &Target::All, Order::Help(Some(Verb::Join)));
        check("/quit", &in_room(), Order::Quit);
    }

    #[test]
    fn leaving_goes_from_room_or_chat_to_everyone_and_sair_ends_where_there_is_neither() {
        check("/sair", &in_room(), Order::Ask(Request::Leave { room: name("sala") }));
        check("/sair", &with_bia(), Order::Talk(Target::All));
        check("/leave", &with_bia(), Order::Talk(Target::All));
        check("/sair", &Target::All, Order::Quit);
        assert_eq!(parse("/leave", &Target::All), Err(Mistake::NoRoom(Verb::Leave)));
        assert_eq!(parse("/delete", &with_bia()), Err(Mistake::NoRoom(Verb::Delete)));
    }

    #[test]
    fn an_unknown_command_is_a_mistake_with_the_nearest_one_and_never_text() {
        for (typed, nearest) in [
            ("jion", Some(Verb::Join)),
            ("romos", Some(Verb::Rooms)),
            ("disc", Some(Verb::Disconnect)),
            ("deletar", Some(Verb::Delete)),
            ("xylophone", None),
            ("", None),
        ] {
            let expected = Mistake::UnknownCommand { typed: typed.to_owned(), nearest };
            assert_eq!(parse(&format!("/{typed} secret"), &in_room()), Err(expected));
        }
    }

    #[test]
    fn wrong_arguments_are_mistakes() {
        for (line, verb) in [
            ("/join", Verb::Join),
            ("/join a b", Verb::Join),
            ("/create", Verb::Create),
            ("/msg bia", Verb::Msg),
            ("/msg", Verb::Msg),
            ("/quit now", Verb::Quit),
            ("/plaintext maybe", Verb::Plaintext),
            ("/status offline", Verb::Status),
            ("/whois", Verb::Whois),
            ("/send bia", Verb::Send),
            ("/send bia  ", Verb::Send),
            ("/accept", Verb::Accept),
            ("/accept 1 2", Verb::Accept),
            ("/transfers 1", Verb::Transfers),
        ] {
            assert_eq!(parse(line, &in_room()), Err(Mistake::Usage(verb)), "{line}");
        }
        assert!(matches!(parse("/join a/b", &in_room()), Err(Mistake::Name { .. })));
        assert!(matches!(parse(&format!("/whois {}", "a".repeat(33)), &in_room()), Err(Mistake::Name { .. })));
        assert!(matches!(parse("/create nova -1", &in_room()), Err(Mistake::Capacity(_))));
        assert!(matches!(parse("/create nova 70000", &in_room()), Err(Mistake::Capacity(_))));
        for wrong in ["-1", "film.mkv", "18446744073709551616"] {
            assert_eq!(parse(&format!("/cancel {wrong}"), &in_room()), Err(Mistake::Transfer(wrong.to_owned())));
        }
        assert!(matches!(parse("/send a/b c", &in_room()), Err(Mistake::Name { .. })));
        assert!(matches!(parse("/connect localhost", &in_room()), Err(Mistake::Address(_))));
        assert!(matches!(parse("/tracker t:0", &in_room()), Err(Mistake::Tracker(_))));
        let long = "é".repeat(STATUS_BYTES_MAX);
        assert!(matches!(parse(&format!("/status away {long}"), &in_room()), Err(Mistake::TooLong { .. })));
    }

    #[test]
    fn words_of_commands_are_named_once() {
        let mut seen = std::collections::BTreeSet::new();
        for verb in Verb::ALL {
            for word in [verb.word()].iter().chain(verb.aliases()) {
                assert!(seen.insert(*word) && Verb::named(word) == Some(*verb), "{word}");
            }
        }
    }
}

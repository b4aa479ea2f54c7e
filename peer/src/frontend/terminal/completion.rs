//! What the line editor is helped with: completion, hints, colour of the prompt, and hiding of passwords.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use papo_proto::peer::{Notice, interface::Phase};
use rustyline::{
    Context, Helper, completion::Completer, highlight::CmdKind, highlight::Highlighter, hint::Hint, hint::Hinter,
    validate::Validator,
};
use unicode_width::UnicodeWidthStr as _;

use super::{colour::Theme, screen::Screen};
use crate::frontend::{
    commands::{EVERYONE, Takes, Verb},
    event::{Event, Info},
    paths::Paths,
    sentences::{Language, help},
};

/// Names of each kind that are remembered for completion; further ones are not.
const WORDS_MAX: usize = 5000;

/// Names that were seen, and the numbers of transfers that have not ended.
#[derive(Debug, Default)]
pub(crate) struct Words {
    users: BTreeSet<String>,
    rooms: BTreeSet<String>,
    /// Of each transfer, whether it is an offer that waits for an answer.
    transfers: BTreeMap<u64, bool>,
}

impl Words {
    /// Remembers the names in what is shown.
    pub(crate) fn learn(&mut self, event: &Event) {
        let notice = match event {
            Event::Notice(notice) | Event::Arrived { notice, .. } => notice,
            Event::Info(Info::Accepted(transfer)) => return self.transfer(*transfer, false),
            _ => return,
        };
        match notice {
            Notice::Offer { transfer, accepted, .. } => self.transfer(*transfer, !accepted),
            Notice::Offered { transfer, .. } => self.transfer(*transfer, false),
            Notice::Transfers { rows } => {
                for row in rows {
                    self.transfer(row.transfer, row.incoming && row.phase == Phase::Offered);
                }
            }
            Notice::Received { transfer, .. }
            | Notice::Sent { transfer, .. }
            | Notice::TransferEnded { transfer, .. } => drop(self.transfers.remove(transfer)),
            Notice::Peers { peers } | Notice::Users { users: peers, .. } => {
                for peer in peers {
                    self.user(peer.user.as_str());
                }
            }
            Notice::Rooms { rooms } => {
                for room in rooms {
                    self.room(room.room.as_str());
                    for member in &room.members {
                        self.user(member.as_str());
                    }
                }
            }
            Notice::Room { room, members, .. } => {
                self.room(room.as_str());
                for member in members {
                    self.user(member.as_str());
                }
            }
            Notice::Peer { user, .. } => self.user(user.as_str()),
            Notice::Message(incoming) => self.user(incoming.from.as_str()),
            _ => {}
        }
    }

    fn user(&mut self, name: &str) {
        add(&mut self.users, name);
    }

    fn room(&mut self, name: &str) {
        add(&mut self.rooms, name);
    }

    fn transfer(&mut self, number: u64, offer: bool) {
        if self.transfers.len() < WORDS_MAX || self.transfers.contains_key(&number) {
            self.transfers.insert(number, offer);
        }
    }

    fn numbers(&self, start: &str, offers_only: bool) -> Vec<String> {
        let fitting = self.transfers.iter().filter(|&(_, &offer)| offer || !offers_only);
        fitting.map(|(number, _)| format!("{number} ")).filter(|number| number.starts_with(start)).collect()
    }

    /// Where the word before `at` begins, and what it may become where there are these commands.
    pub(crate) fn candidates(&self, known: &[Verb], line: &str, at: usize) -> (usize, Vec<String>) {
        let Some(typed) = line.get(..at) else { return (0, Vec::new()) };
        let start = typed.rfind(char::is_whitespace).map_or(0, |space| space + char_length(typed, space));
        let word = &typed[start..];
        let Some(command) = typed.strip_prefix('/').filter(|command| !command.starts_with('/')) else {
            return match word.strip_prefix('@') {
                Some(name) => (start, begin_with(&self.users, name, "@", " ")),
                None => (start, Vec::new()),
            };
        };
        if start == 0 {
            return (0, verbs(known, command, "/"));
        }
        let mut words = typed.split_whitespace();
        let verb = words.next().and_then(|first| named(known, &first[1..]));
        let first = words.clone().count() <= usize::from(!word.is_empty());
        let Some(verb) = verb.filter(|_| first) else { return (start, Vec::new()) };
        let sign = |sign: char| word.strip_prefix(sign).map_or((word, String::new()), |rest| (rest, sign.to_string()));
        let candidates = match verb.takes() {
            Takes::Free => Vec::new(),
            Takes::User => begin_with(&self.users, sign('@').0, &sign('@').1, " "),
            Takes::Room => begin_with(&self.rooms, sign('#').0, &sign('#').1, " "),
            Takes::UserOrRoom => match word.strip_prefix('#') {
                Some(name) => begin_with(&self.rooms, name, "#", " "),
                None => {
                    let mut both = begin_with(&self.users, sign('@').0, &sign('@').1, " ");
                    if word.is_empty() {
                        both.extend(begin_with(&self.rooms, "", "#", " "));
                    }
                    both
                }
            },
            Takes::Receiver => {
                let mut all = begin_with(&self.users, sign('@').0, &sign('@').1, " ");
                all.extend(
                    word.strip_prefix('#').map_or_else(Vec::new, |name| begin_with(&self.rooms, name, "#", " ")),
                );
                all.extend(Some(format!("{EVERYONE} ")).filter(|everyone| everyone.starts_with(word)));
                all
            }
            Takes::Offer => self.numbers(word, true),
            Takes::Transfer => self.numbers(word, false),
            Takes::Command => verbs(known, word.trim_start_matches('/'), ""),
            Takes::Word(words) => {
                words.iter().filter(|one| one.starts_with(word)).map(|one| format!("{one} ")).collect()
            }
        };
        (start, candidates)
    }
}

/// Whether the tabulator would do something here.
fn may_complete(line: &str, at: usize) -> bool {
    let word = || line.get(..at).and_then(|typed| typed.split(char::is_whitespace).next_back());
    line.starts_with('/') || word().is_some_and(|word| word.starts_with('@'))
}

/// Where a path begins that is being typed, and what there is of it.
fn path_before<'l>(known: &[Verb], line: &'l str, at: usize) -> Option<(usize, &'l str)> {
    let typed = line.get(..at)?;
    let rest = |text: &'_ str| text.find(char::is_whitespace).map(|end| text.len() - text[end..].trim_start().len());
    let command = typed.strip_prefix('/')?;
    let to = rest(command)?;
    let path = to + rest(&command[to..])?;
    let takes = named(known, command[..to].trim_end()).map(Verb::takes);
    (takes == Some(Takes::Receiver)).then(|| (1 + path, &command[path..]))
}

fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

fn add(to: &mut BTreeSet<String>, name: &str) {
    if to.len() < WORDS_MAX && !to.contains(name) {
        to.insert(name.to_owned());
    }
}

fn begin_with(words: &BTreeSet<String>, start: &str, before: &str, after: &str) -> Vec<String> {
    let start = start.to_lowercase();
    let fitting = words.iter().filter(|word| word.to_lowercase().starts_with(&start));
    fitting.map(|word| format!("{before}{word}{after}")).collect()
}

fn named(known: &[Verb], word: &str) -> Option<Verb> {
    Verb::named(word).filter(|verb| known.contains(verb))
}

fn verbs(known: &[Verb], start: &str, before: &str) -> Vec<String> {
    let words = known.iter().flat_map(|verb| std::iter::once(verb.word()).chain(verb.aliases().iter().copied()));
    words.filter(|word| word.starts_with(&start.to_lowercase())).map(|word| format!("{before}{word} ")).collect()
}

/// What could follow, shown faintly behind the cursor, and the row of progress below, where there is one.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Suggestion {
    shown: String,
    /// How much of it is taken over by the right arrow.
    taken: usize,
}

impl Suggestion {
    fn above(self, progress: &str) -> Self {
        Self { shown: format!("{}\n{progress}", self.shown), taken: self.taken }
    }
}

impl Hint for Suggestion {
    fn display(&self) -> &str {
        &self.shown
    }

    fn completion(&self) -> Option<&str> {
        (self.taken > 0).then(|| &self.shown[..self.taken])
    }
}

/// What a command that is being typed could become, and what it takes.
pub(crate) fn suggestion(language: Language, known: &[Verb], line: &str, at: usize) -> Option<Suggestion> {
    let command = line.strip_prefix('/').filter(|command| at == line.len() && !command.is_empty())?;
    let (word, rest) = command.split_once(' ').map_or((command, None), |(word, rest)| (word, Some(rest)));
    let arguments = |verb: Verb| help::usage(language, verb).split_once(' ').map_or("", |(_, arguments)| arguments);
    if let Some(rest) = rest {
        let verb = named(known, word)?;
        let shown = arguments(verb).to_owned();
        return (rest.is_empty() && !shown.is_empty()).then_some(Suggestion { shown, taken: 0 });
    }
    let verb = named(known, word).or_else(|| known.iter().copied().find(|verb| verb.word().starts_with(word)))?;
    let missing = verb.word().strip_prefix(word)?;
    let arguments = arguments(verb);
    let gap = if arguments.is_empty() { "" } else { " " };
    let shown = format!("{missing}{gap}{arguments}");
    (!shown.is_empty()).then_some(Suggestion { shown, taken: missing.len() })
}

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct LineHelper {
    pub(crate) screen: Arc<Screen>,
    pub(crate) theme: Theme,
    pub(crate) paths: Paths,
    pub(crate) language: Language,
    /// The commands that there are.
    pub(crate) verbs: &'static [Verb],
}

impl Helper for LineHelper {}
impl Validator for LineHelper {}

impl Completer for LineHelper {
    type Candidate = String;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<String>)> {
        if self.screen.is_secret() {
            return Ok((0, Vec::new()));
        }
        Ok(match path_before(self.verbs, line, at) {
            Some((start, path)) => {
                let (last, names) = self.paths.candidates(path);
                (start + last, names)
            }
            None => self.screen.words(|words| words.candidates(self.verbs, line, at)),
        })
    }
}

impl Hinter for LineHelper {
    type Hint = Suggestion;

    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<Suggestion> {
        // It is called with every change of the line, which is kept in case that the prompt must change meanwhile.
        self.screen.note_draft(line, at);
        if self.screen.is_secret() {
            return None;
        }
        let suggested = suggestion(self.language, self.verbs, line, at);
        // The editor lists completions without knowing of rows below, so there is none where some may be asked for.
        match self.screen.lay_out_progress(!may_complete(line, at)) {
            Some(progress) => Some(suggested.unwrap_or_default().above(&progress)),
            None => suggested,
        }
    }
}

impl Highlighter for LineHelper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if self.screen.is_secret() { Cow::Owned(" ".repeat(line.width())) } else { Cow::Borrowed(line) }
    }

    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _: bool) -> Cow<'b, str> {
        Cow::Owned(self.theme.prompt(prompt))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        // The editor writes the row of progress as it was when the line changed last; here it becomes what it is now.
        match hint.split_once('\n') {
            Some(("", _)) => Cow::Owned(format!("\n{}", self.theme.faint(&self.screen.progress()))),
            Some((hint, _)) => {
                Cow::Owned(format!("{}\n{}", self.theme.faint(hint), self.theme.faint(&self.screen.progress())))
            }
            None => Cow::Owned(self.theme.faint(hint)),
        }
    }

    fn highlight_char(&self, line: &str, at: usize, kind: CmdKind) -> bool {
        if kind == CmdKind::MoveCursor {
            self.screen.note_draft(line, at);
            return false;
        }
        self.screen.is_secret()
    }
}

#[cfg(test)]
mod tests {
    use papo_proto::names::Name;

    use super::*;
    use crate::frontend::progress::Summary;

    fn name(text: &str) -> Name {
        Name::new(text).expect("valid")
    }

    fn words() -> Words {
        let mut words = Words::default();
        for user in ["ana", "Bia", "bruno", "日本"] {
            words.user(user);
        }
        words.room("sala");
        words.room("sabor");
        words.transfer(7, true);
        words.transfer(71, false);
        words
    }

    #[track_caller]
    fn check(line: &str, start: usize, expected: &[&str]) {
        assert_eq!(
            words().candidates(Verb::ALL, line, line.len()),
            (start, expected.iter().map(|one| (*one).to_owned()).collect())
        );
    }

    #[test]
    fn commands_users_and_rooms_are_completed_where_they_belong() {
        check("/jo", 0, &["/join "]);
        check("/de", 0, &["/delete ", "/deletar_sala "]);
        check("/join s", 6, &["sabor ", "sala "]);
        check("/join #sal", 6, &["#sala "]);
        check("/msg b", 5, &["Bia ", "bruno "]);
        check("/msg @b", 5, &["@Bia ", "@bruno "]);
        check("/msg 日", 5, &["日本 "]);
        check("/chat #", 6, &["#sabor ", "#sala "]);
        check("/status a", 8, &["away "]);
        check("/help jo", 6, &["join "]);
        check("hello @an", 6, &["@ana "]);
        check("/send b", 6, &["Bia ", "bruno "]);
        check("/send a", 6, &["ana ", "all "]);
        check("/send #sal", 6, &["#sala "]);
        check("/accept ", 8, &["7 "]);
        check("/cancel ", 8, &["7 ", "71 "]);
        check("/cancel 71", 8, &["71 "]);
    }

    #[test]
    fn a_path_is_what_follows_the_receiver_with_all_its_spaces() {
        for (line, path) in [
            ("/send bia ", Some((10, ""))),
            ("/send  #sala  two wo", Some((14, "two wo"))),
            ("/SEND all ~/x", Some((10, "~/x"))),
            ("/send bia", None),
            ("/send", None),
            ("/msg bia /etc", None),
            ("//send bia x", None),
            ("send bia x", None),
        ] {
            assert_eq!(path_before(Verb::ALL, line, line.len()), path, "{line}");
        }
        assert_eq!(path_before(Verb::ALL, "/send bia abc", 11), Some((10, "a")), "up to the cursor");
    }

    #[test]
    fn nothing_is_completed_where_the_row_of_progress_may_stand() {
        for (line, may) in
            [("", false), ("an", false), ("hello @a", true), ("@", true), ("/", true), ("a/b @ c", false)]
        {
            assert_eq!(may_complete(line, line.len()), may, "{line}");
            assert!(may || words().candidates(Verb::ALL, line, line.len()).1.is_empty());
        }
    }

    #[test]
    fn the_number_of_a_transfer_is_offered_until_it_has_ended() {
        let mut words = words();
        let ended = |transfer| Notice::Sent { transfer, to: name("bia"), name: String::new(), skipped: 0 };
        words.learn(&Event::Info(Info::Accepted(7)));
        assert_eq!(words.numbers("", true), Vec::<String>::new());
        words.learn(&Event::Notice(ended(7)));
        words.learn(&Event::Arrived { notice: ended(71), summary: Summary::default() });
        assert_eq!(words.numbers("", false), Vec::<String>::new());
        for number in 0..=WORDS_MAX as u64 {
            words.transfer(number, false);
        }
        assert_eq!(words.transfers.len(), WORDS_MAX);
    }

    #[test]
    fn text_and_further_arguments_are_left_alone() {
        check("an", 0, &[]);
        check("//jo", 0, &[]);
        check("/msg bia an", 9, &[]);
        check("/nonsense b", 10, &[]);
        assert_eq!(words().candidates(Verb::ALL, "é", 1), (0, Vec::new()), "a cursor inside a letter");
    }

    #[test]
    fn a_hint_completes_the_command_and_shows_what_it_takes() {
        let hint = |line: &str| suggestion(Language::En, Verb::ALL, line, line.len());
        let join = hint("/jo").expect("a hint");
        assert_eq!((join.display(), join.completion()), ("in ROOM", Some("in")));
        let arguments = hint("/join ").expect("a hint");
        assert_eq!((arguments.display(), arguments.completion()), ("ROOM", None));
        for none in ["", "/", "jo", "/join sala", "/xyz", "//jo", "/quit"] {
            assert_eq!(hint(none), None, "{none}");
        }
        assert_eq!(suggestion(Language::En, Verb::ALL, "/jo", 1), None, "the cursor is not at the end");
    }

    #[test]
    fn names_are_learned_up_to_a_bound() {
        let mut words = Words::default();
        for number in 0..=WORDS_MAX {
            words.user(&format!("n{number}"));
        }
        assert_eq!(words.users.len(), WORDS_MAX);
    }
}

//! Everything that papo says to a person, in every language that it speaks. No sentence is anywhere else.
//!
//! Functions from what happened to a sentence, and nothing else: no layout, no colour, no decision. A sentence is
//! escaped as a whole when it becomes a line of an output. Here is seen to it only that a stranger's words in it can't
//! look like its own: a [`Name`] has no spaces, names of files and statuses are quoted, and each line of a profile
//! begins with a rule.
//!
//! **Languages.** Each function is told the [`Language`], and has each sentence in both, side by side ([`say!`],
//! [`Language::either`]): whoever adds one writes it twice, or it does not compile, and whoever changes one sees the
//! other. So there is no table of keys in which one could be missing at run time, and no language of the whole process
//! that one test could change under another. A language more is a variant more, and the compiler then names every
//! place. The tests go over all sentences and hold them to the same facts: names, numbers, commands.
//!
//! The Portuguese sentences are those of the older systems, word for word, where they had one for it. The others are in
//! their manner: each begins with a capital letter and ends with a period, unless it ends in something to be copied.
//!
//! English in any language, because programs and those who run them read it: what `--help` and wrong arguments are
//! answered with, the log, panics, the system's own errors, the names of commands and of JSON's fields, events and
//! codes. The `text` of a notice or an error in JSON is a sentence.
//!
//! - [`starting`], [`mod@broken`]: before anything else works, and where it can't; [`notices`], [`problems`], [`input`]: what happened, what could not be
//!   done, what was not understood; [`reasons`]: why, in a few words.
//! - [`people`], [`rooms`], [`files`], [`latency`], [`relay`]: what these are about.
//! - [`help`] is about commands.

mod broken;
#[cfg(test)]
pub(crate) mod every;
pub(crate) mod files;
pub(crate) mod help;
mod input;
mod language;
pub(crate) mod latency;
mod notices;
mod people;
mod problems;
mod reasons;
pub(crate) mod relay;
mod rooms;
mod starting;
#[cfg(test)]
mod tests;

use papo_proto::{names::Name, peer::interface::Target};

pub(crate) use broken::{Broken, broken, usage_error};
pub(crate) use input::{mistake, trouble, yes_or_no, yes_or_no_prompt};
pub(crate) use language::{Language, say};
pub(crate) use notices::{counters, info, note, stopped, trackers};
pub(crate) use people::{
    PLAINTEXT, author, delivered, digits, no_peers, password_prompt, peer_columns, peer_event, peer_row, waiting, whois,
};
pub(crate) use problems::problem;
pub(crate) use rooms::{no_rooms, room_columns, room_event, room_row};
pub(crate) use starting::{
    frontend_failed, host_refused, listen_refused, logged_in, logged_out, ready, record_refused, record_secrets,
    register_needs_password, terminal_refused,
};

/// More names than these are counted instead.
const NAMES_SHOWN_MAX: usize = 8;

/// The target, as it stands in a prompt.
pub(crate) fn target(language: Language, target: &Target) -> String {
    match target {
        Target::All => language.either("everyone", "todos").to_owned(),
        Target::Room(room) => format!("#{room}"),
        Target::User(user) => format!("@{user}"),
    }
}

/// Names in a row; of many, the first and how many more.
pub(crate) fn names(language: Language, names: &[Name]) -> String {
    let shown = names.iter().take(NAMES_SHOWN_MAX).map(Name::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown,
        more => say!(language, "{shown} and {more} more", "{shown} e mais {more}"),
    }
}

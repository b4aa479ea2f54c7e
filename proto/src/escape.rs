//! The one door through which a stranger's text reaches a terminal, a log or a pipe.
//!
//! What could move a cursor, colour a screen, reverse a line, hide or pose as another line becomes a visible escape,
//! `\u{1b}`. Hostile are, by their Unicode properties:
//!
//! - controls, line and paragraph separators, and what is no character: unassigned here (nobody knows how wide a
//!   terminal makes it), for private use (its font decides what it looks like), noncharacters;
//! - what is ignorable by default: bidirectional overrides, zero-width and other invisible formatting, tags, fillers;
//! - formatting that is not ignorable, the few visible signs before Arabic, Syriac and Kaithi numbers aside.
//!
//! Three invisible kinds make up emoji and the words of several scripts, so they pass where they do so and are escaped
//! elsewhere: joiners between two visible characters that are not ASCII, a variation selector directly behind a visible
//! character, and marks on a visible character, [`MARKS_MAX`] of them in a row.
//!
//! Text without any of these is shown exactly as it was written, a backslash too: code and paths that are copied from a
//! terminal are what was said. So an escape can't be told from the same signs when somebody types them, and neither does
//! anything. Who must tell them apart reads JSON, where each text is exact.

use std::{borrow::Cow, fmt, fmt::Write as _, ops::Deref};

use unicode_normalization::char::{is_combining_mark, is_public_assigned};
use unicode_width::UnicodeWidthChar as _;

/// More marks in a row are no writing: real ones stack up to seven (Tibetan).
pub const MARKS_MAX: usize = 8;

/// Whether a character must never reach a terminal as it is, whatever stands around it.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_control();
    }
    character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}')
        || (is_ignorable(character) && !is_joiner(character) && !is_selector(character))
        // Annotations between the lines, and the layout of hieroglyphs.
        || matches!(character, '\u{fff9}'..='\u{fffb}' | '\u{13430}'..='\u{1343f}')
        || !is_public_assigned(character)
}

/// The property Default_Ignorable_Code_Point, which is assigned in advance.
const fn is_ignorable(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

const fn is_joiner(character: char) -> bool {
    matches!(character, '\u{200c}' | '\u{200d}')
}

/// Those of emoji, symbols and Mongolian. The 240 further ones choose between ideographs that this program can't tell
/// from others, and can carry any hidden text.
const fn is_selector(character: char) -> bool {
    matches!(character, '\u{fe00}'..='\u{fe0f}' | '\u{180b}'..='\u{180d}' | '\u{180f}')
}

/// Whether it stands on the character before it: marks, and the vowels of decomposed Hangul.
fn is_mark(character: char) -> bool {
    is_combining_mark(character) || (!is_ignorable(character) && character.width() == Some(0))
}

/// Whether a character belongs to the one before it: nothing is broken between the two.
#[must_use]
pub fn is_attached(character: char) -> bool {
    is_mark(character) || is_joiner(character) || is_selector(character)
}

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// It can be shown as it is.
    Plain(&'a str),
    /// It can't.
    Hostile(char),
}

/// What stands before a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Before {
    /// Nothing on which something can stand: a beginning, a space, something that was escaped.
    Nothing,
    /// A visible character with so many marks.
    Visible { ascii: bool, marks: usize },
    /// A visible character with a variation selector.
    Selected { marks: usize },
    /// A joiner behind a visible character with so many marks.
    Joiner { marks: usize },
}

/// What stands behind a character, or nothing where it can't stand.
fn after(before: Before, character: char, next: Option<char>) -> Option<Before> {
    if character.is_ascii() {
        let visible = Before::Visible { ascii: true, marks: 0 };
        return (!is_hostile(character)).then_some(if character == ' ' { Before::Nothing } else { visible });
    }
    if is_joiner(character) {
        let (Before::Visible { ascii: false, marks } | Before::Selected { marks }) = before else { return None };
        let joins = next.is_some_and(|next| !next.is_ascii() && !is_hostile(next) && !is_ignorable(next));
        return joins.then_some(Before::Joiner { marks });
    }
    if is_selector(character) {
        let Before::Visible { marks, .. } = before else { return None };
        return Some(Before::Selected { marks });
    }
    if is_hostile(character) {
        return None;
    }
    if is_mark(character) {
        let (Before::Visible { marks, .. } | Before::Selected { marks } | Before::Joiner { marks }) = before else {
            return None;
        };
        return (marks < MARKS_MAX).then_some(Before::Visible { ascii: false, marks: marks + 1 });
    }
    let visible = Before::Visible { ascii: false, marks: 0 };
    Some(if character.is_whitespace() { Before::Nothing } else { visible })
}

/// The parts of a text, in order: what can be shown, and single characters that can't.
pub fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let (mut at, mut before) = (0, Before::Nothing);
    std::iter::from_fn(move || {
        let start = at;
        while let Some(character) = text[at..].chars().next() {
            let end = at + character.len_utf8();
            match after(before, character, text[end..].chars().next()) {
                Some(next) => (at, before) = (end, next),
                None if start < at => break,
                None => {
                    (at, before) = (end, Before::Nothing);
                    return Some(Piece::Hostile(character));
                }
            }
        }
        (start < at).then(|| Piece::Plain(&text[start..at]))
    })
}

/// `text` on one line, with everything hostile written as an escape; a line break becomes `\n`, a tab a space. What has
/// passed here once passes as it is.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    let mut pieces = pieces(text).peekable();
    match pieces.next_if(|piece| *piece == Piece::Plain(text)) {
        Some(_) => return Cow::Borrowed(text),
        None if text.is_empty() => return Cow::Borrowed(text),
        None => {}
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for piece in pieces {
        match piece {
            Piece::Plain(plain) => escaped.push_str(plain),
            Piece::Hostile('\t') => escaped.push(' '),
            Piece::Hostile('\n') => escaped.push_str("\\n"),
            Piece::Hostile(hostile) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(hostile));
            }
        }
    }
    Cow::Owned(escaped)
}

/// The lines of a text of several, each escaped on its own; at least one. A final line break adds no empty line.
pub fn lines(text: &str) -> impl Iterator<Item = Line> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').map(|one| Line::from(one.strip_suffix('\r').unwrap_or(one)))
}

/// A stranger's words inside a sentence: between quotation marks, of which the closing one stands nowhere within.
#[must_use]
pub fn quoted(text: &str) -> String {
    format!("“{}”", line(text).replace('”', "\\u{201d}"))
}

/// One line that can be shown: whatever it was made from has passed [`line()`].
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Line(String);

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self(line(text).into_owned())
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        let escaped = match line(&text) {
            Cow::Borrowed(_) => None,
            Cow::Owned(escaped) => Some(escaped),
        };
        Self(escaped.unwrap_or(text))
    }
}

impl Deref for Line {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// What a stranger said, exactly. It can't be shown but through this door.
#[derive(Clone, PartialEq, Eq)]
pub struct Untrusted(String);

impl From<String> for Untrusted {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl Untrusted {
    /// On one line.
    #[must_use]
    pub fn line(&self) -> Line {
        Line::from(self.0.as_str())
    }

    /// On as many lines as it has.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        lines(&self.0)
    }
}

impl fmt::Debug for Untrusted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.line())
    }
}

#[cfg(test)]
#[path = "escape_tests.rs"]
mod tests;

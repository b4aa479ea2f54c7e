//! The one door through which a stranger's text reaches a terminal, a log or a pipe.
//!
//! Controls, escapes, line and paragraph separators, bidirectional overrides and invisible formatting become visible
//! escapes (`\u{1b}`), so that nothing that a peer sends can move a cursor, colour a screen, reverse a line or pose as
//! another line.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether a character must never reach a terminal as it is.
#[must_use]
pub fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
        // Joiners make up emoji and the words of several scripts; they stand between visible characters.
            && !matches!(character, '\u{200c}' | '\u{200d}')
}

/// `text` on one line, with every hostile character written as an escape; a line break becomes `\n`, a tab a space.
#[must_use]
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hostile) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\t' => escaped.push(' '),
            '\n' => escaped.push_str("\\n"),
            hostile if is_hostile(hostile) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(hostile));
            }
            plain => escaped.push(plain),
        }
    }
    Cow::Owned(escaped)
}

/// The lines of a text of several, each escaped on its own; at least one. A final line break adds no empty line.
pub fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.split('\n').map(|one| line(one.strip_suffix('\r').unwrap_or(one)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn plain_text_of_any_script_passes_as_it_is() {
        for plain in ["olá", "日本語 ok", "👩\u{200d}💻", "שלום"] {
            assert!(matches!(line(plain), Cow::Borrowed(same) if same == plain));
        }
    }

    #[test]
    fn what_could_steer_a_terminal_becomes_visible() {
        assert_eq!(line("\u{1b}[31mred"), "\\u{1b}[31mred");
        assert_eq!(line("a\rb\u{202e}c\u{2028}d\u{9b}e"), "a\\u{d}b\\u{202e}c\\u{2028}d\\u{9b}e");
        assert_eq!(line("a\tb\nc"), "a b\\nc");
        assert_eq!(lines("a\r\nb\n").collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(lines("").collect::<Vec<_>>(), [""]);
    }

    proptest! {
        #[test]
        fn nothing_hostile_ever_comes_out(text in any::<String>()) {
            prop_assert!(!line(&text).chars().any(is_hostile));
            prop_assert!(lines(&text).all(|one| !one.chars().any(is_hostile)));
        }
    }
}

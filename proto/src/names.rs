//! Names of users and rooms: what may be one, and when two are the same or look the same.
//!
//! - **The same**: compared by [`Name::folded`], the NFKC form in lower case. `Ana` and `ana` are one name.
//! - **Places**: whoever is spoken to in plain text, and has no account, is called `NAME@IP:PORT` ([`Name::at`]). `@`
//!   can't stand in a name, so nobody who has an account is ever called so, and no wire carries it.
//! - **Look-alikes**: compared by [`Name::skeleton`], the confusable skeleton of UTS #39. Two names with one skeleton
//!   can't both be taken, so that nobody can pose as `ana` with a Cyrillic letter.

use std::{cmp::Ordering, fmt, net::SocketAddr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};
use unicode_normalization::UnicodeNormalization as _;
use unicode_security::{GeneralSecurityProfile as _, confusable_detection::skeleton};

use crate::escape::{self, Piece};

/// The longest name, in characters.
pub const NAME_CHARS_MAX: usize = 32;
/// The longest name, in bytes of UTF-8.
pub const NAME_BYTES_MAX: usize = NAME_CHARS_MAX * 4;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// It has no character.
    #[error("a name needs at least one character")]
    Empty,
    /// It is too long.
    #[error("a name has at most {NAME_CHARS_MAX} characters")]
    TooLong,
    /// It has a character that names can't have.
    #[error("{} can't stand in a name", described(*.0))]
    Character(char),
}

fn described(character: char) -> String {
    if character == ' ' {
        "a space".to_owned()
    } else if character.is_ascii_graphic() {
        format!("'{character}'")
    } else {
        format!("the character U+{:04X}", u32::from(character))
    }
}

/// A valid name as its owner writes it (in NFC). Equal, ordered and hashed by its folded form.
#[derive(Clone)]
pub struct Name {
    text: String,
    folded: String,
}

impl Name {
    /// Checks a text.
    ///
    /// # Errors
    /// When it is empty, longer than [`NAME_CHARS_MAX`], or has a space, a control or invisible character, `@`, `#`
    /// or `/` in it.
    pub fn new(text: &str) -> Result<Self, BadName> {
        if text.len() > NAME_BYTES_MAX {
            return Err(BadName::TooLong);
        }
        let (text, folded) = if text.is_ascii() {
            // Every normal form of ASCII is itself.
            (text.to_owned(), text.to_ascii_lowercase())
        } else {
            let text = text.nfc().collect::<String>();
            let folded = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
            (text, folded)
        };
        if text.is_empty() || folded.is_empty() {
            return Err(BadName::Empty);
        }
        if text.chars().count() > NAME_CHARS_MAX || folded.chars().count() > NAME_CHARS_MAX * 2 {
            return Err(BadName::TooLong);
        }
        if let Some(bad) = text.chars().chain(folded.chars()).find(|&character| !allowed(character)) {
            return Err(BadName::Character(bad));
        }
        // A mark, a joiner or a selector can stand where it belongs, and not elsewhere.
        let misplaced = |text: &str| {
            escape::pieces(text).find_map(|piece| match piece {
                Piece::Hostile(character) => Some(character),
                Piece::Plain(_) => None,
            })
        };
        if let Some(bad) = misplaced(&text).or_else(|| misplaced(&folded)) {
            return Err(BadName::Character(bad));
        }
        Ok(Self { text, folded })
    }

    /// Someone who calls itself so, or `?`, and of whom nothing else is known than where it is.
    #[must_use]
    pub fn at(claimed: Option<&Self>, place: SocketAddr) -> Self {
        let (text, folded) = claimed.map_or(("?", "?"), |name| (&name.text, &name.folded));
        Self { text: format!("{text}@{place}"), folded: format!("{folded}@{place}") }
    }

    /// Where it is, of someone of whom nothing else is known.
    #[must_use]
    pub fn place(&self) -> Option<SocketAddr> {
        self.folded.rsplit_once('@').and_then(|(_, place)| place.parse().ok())
    }

    /// A name as this program itself writes it: also one with a place.
    ///
    /// # Errors
    /// When it is neither.
    pub fn restored(text: &str) -> Result<Self, BadName> {
        let placed = || {
            let (claimed, place) = text.rsplit_once('@')?;
            let claimed = if claimed == "?" { None } else { Some(Self::new(claimed).ok()?) };
            place.parse().ok().map(|place| Self::at(claimed.as_ref(), place))
        };
        placed().map_or_else(|| Self::new(text), Ok)
    }

    /// As its owner writes it. It passes [`crate::escape::line()`] unchanged and has no spaces, so it can be shown as it is.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What makes it the same as another name.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }

    /// Whether it looks like a label that ends with a key, or is one: nobody else may be called so.
    #[must_use]
    pub fn looks_like_label(&self) -> bool {
        // In a skeleton, some digits have become letters.
        let is_digit = |character: char| character.is_ascii_hexdigit() || matches!(character, 'o' | 'l' | 's');
        let skeleton = self.skeleton();
        let (digits, least) = skeleton.rsplit_once('~').map_or((skeleton.as_str(), 32), |(_, digits)| (digits, 8));
        digits.len() == least && digits.chars().all(is_digit)
    }

    /// What makes it look the same as another name.
    #[must_use]
    pub fn skeleton(&self) -> String {
        if self.folded.bytes().all(is_plain) {
            return self.folded.replace('m', "rn").replace('0', "o").replace('1', "l");
        }
        self.table_skeleton()
    }

    /// The skeleton by the tables of Unicode.
    fn table_skeleton(&self) -> String {
        // The skeleton of lower case: `I` and `l` are confusable, `I` and `i` are the same.
        skeleton(&self.folded).collect::<String>().nfkc().flat_map(char::to_lowercase).collect()
    }
}

/// Letters of which most names consist, and which the tables leave as they are but for three. A tracker looks at every
/// name when it starts, and the tables take their time.
const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.' | b'_')
}

fn allowed(character: char) -> bool {
    let ascii = character.is_ascii_graphic() && !matches!(character, '@' | '#' | '/');
    ascii || (!character.is_ascii() && !escape::is_hostile(character) && visible(character))
}

/// Signs without ink that are no spaces by their properties: the blank of Braille, a note without a head, and the
/// blanks of hieroglyphs.
const BLANKS: [char; 4] = ['\u{2800}', '\u{1d159}', '\u{13441}', '\u{13442}'];

/// Letters, digits, marks and symbols, emoji among them; nothing blank, no ignorable or private characters.
fn visible(character: char) -> bool {
    !character.is_whitespace()
        && !BLANKS.contains(&character)
        && (character.identifier_allowed()
            || unicode_width::UnicodeWidthChar::width(character).is_some_and(|width| width > 0))
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl std::str::FromStr for Name {
    type Err = BadName;
    fn from_str(text: &str) -> Result<Self, BadName> {
        Self::new(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::restored(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("a valid name")
    }

    #[test]
    fn names_of_many_scripts_are_valid_up_to_32_characters() {
        for good in ["a", "ana", "João", "日本語", "Ω", "o'neil", "x_y-z.1", "नमस्ते", &"é".repeat(32), &"日".repeat(32)]
        {
            assert!(Name::new(good).is_ok(), "{good}");
        }
        assert_eq!(Name::new(&"é".repeat(33)).unwrap_err(), BadName::TooLong);
        assert_eq!(Name::new(&"a".repeat(5000)).unwrap_err(), BadName::TooLong);
        assert_eq!(Name::new("").unwrap_err(), BadName::Empty);
    }

    #[test]
    fn controls_spaces_bidi_and_the_signs_of_commands_are_refused() {
        for bad in [
            "a b",
            "a\u{a0}b",
            "@a",
            "#a",
            "a/b",
            "a\n",
            "\u{1b}[1m",
            "a\u{202e}b",
            "\u{200b}",
            "a\u{200d}",
            "\u{3000}",
            "a\u{2028}",
            "\u{feff}a",
            "\u{ad}",
            "a\u{2800}b",
            "\u{3164}",
            "\u{e000}",
            "\u{378}",
            "\u{301}a",
            "z\u{335}\u{335}\u{335}\u{335}\u{335}\u{335}\u{335}\u{335}\u{335}",
        ] {
            assert!(matches!(Name::new(bad), Err(BadName::Character(_))), "{bad:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_a_name_can_be_shown_as_it_is(text in r"[\PC\u{300}-\u{34f}\u{200c}\u{200d}\u{fe0f}\u{2800}]{1,9}") {
            if let Ok(name) = Name::new(&text) {
                proptest::prop_assert_eq!(crate::escape::line(name.as_str()), name.as_str());
                proptest::prop_assert!(!name.as_str().contains(char::is_whitespace));
            }
        }
    }

    #[test]
    fn case_and_compatibility_forms_are_the_same_name() {
        assert_eq!(name("Ana"), name("ana"));
        assert_eq!(name("ａｎａ"), name("ana"));
        assert_eq!(name("jo\u{e3}o"), name("joa\u{303}o"));
        assert_ne!(name("joao"), name("joão"));
        assert_eq!(name("Ana").as_str(), "Ana");
    }

    #[test]
    fn look_alikes_have_one_skeleton_without_being_the_same() {
        assert_ne!(name("ana"), name("аnа"));
        assert_eq!(name("ana").skeleton(), name("аnа").skeleton());
        assert_ne!(name("ana").skeleton(), name("bia").skeleton());
    }

    #[test]
    fn the_short_ways_of_ascii_lead_where_the_tables_lead() {
        let mut plain = 0;
        for character in (0..128).map(char::from).filter(|&character| allowed(character)) {
            // Among others, so that what only a neighbour changes is seen too.
            for text in [character.to_string(), format!("r{character}n1m0Il-{character}{character}")] {
                let name = name(&text);
                assert_eq!((name.as_str(), name.skeleton()), (text.as_str(), name.table_skeleton()), "{text}");
                assert_eq!(name.folded(), text.nfkc().flat_map(char::to_lowercase).nfkc().collect::<String>());
                plain += usize::from(name.folded().bytes().all(is_plain));
            }
        }
        assert_eq!(plain, 2 * (26 + 26 + 10 + 3));
    }
}

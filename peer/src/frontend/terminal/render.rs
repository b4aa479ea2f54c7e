//! What is seen → lines of a terminal.
//!
//! A message begins with its time; everything else with a sign of its own, and every further line of the same thing is
//! indented, be it a line of its own or a row that was full. So nothing that is inside a message can look like another
//! one. For that, no row may be longer than the terminal makes it without breaking it itself: see [`columns_of`].

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use papo_proto::{
    escape::{self, Line},
    time::Wall,
};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use super::colour::Theme;
use crate::frontend::{
    lines::{Message, Shown},
    sentences::{self, Language},
};

/// Before each further line of a message.
const FURTHER: &str = "      │ ";
/// Before each further row of a row of a table.
const FURTHER_CELLS: &str = "      ";
/// What a command for a shell begins with: it is to be copied as one line, so the terminal alone may wrap it. Only this
/// program's own lines are looked at for it.
const COMMAND: &str = "papo ";
/// A message that is older than this is shown with its date.
const DATED_AFTER_MS: u64 = 18 * 3_600_000;

/// How things are written.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    /// In which colours.
    pub(crate) theme: Theme,
    /// In which time.
    pub(crate) zone: TimeZone,
    /// In which language.
    pub(crate) language: Language,
}

impl Renderer {
    /// The lines, each with its line break, for a terminal of so many columns.
    pub(crate) fn text(&self, shown: &[Shown], now: Wall, columns: usize) -> String {
        let mut text = String::new();
        for one in shown {
            match one {
                Shown::Message(message) => self.message(message, now, columns, &mut text),
                Shown::Notice(lines) => block("* ", lines, columns, str::to_owned, &mut text),
                Shown::Faint(lines) => block("· ", lines, columns, |line| self.theme.faint(line), &mut text),
                Shown::Error(lines) => block("! ", lines, columns, |line| self.theme.error(line), &mut text),
                Shown::Table { rows, empty, .. } if rows.is_empty() => {
                    block("* ", &[Line::from(*empty)], columns, str::to_owned, &mut text);
                }
                Shown::Table { columns: heads, rows, .. } => self.table(heads, rows, columns, &mut text),
            }
        }
        text
    }

    fn message(&self, message: &Message, now: Wall, columns: usize, text: &mut String) {
        let time = self.time(message.at, now);
        let mark = if message.plaintext { format!("{} ", sentences::PLAINTEXT) } else { String::new() };
        let room = message.room.as_ref().map_or(mark.clone(), |room| format!("{mark}#{room} "));
        let who = (&*message.from, message.to.as_ref());
        let author = |paint: &dyn Fn(&str) -> String| sentences::author(self.language, who, message.own, paint);
        let painted = author(&|name| self.theme.name(name));
        let _ = write!(text, "{} {}{painted}", self.theme.faint(&time), self.theme.faint(&room));
        let mut used = time.width() + 1 + room.width() + author(&str::to_owned).width();
        for (number, line) in message.text.lines().enumerate() {
            for (row, part) in wrapped(&line, used, FURTHER.width(), columns).into_iter().enumerate() {
                if number + row > 0 {
                    text.push_str(FURTHER);
                }
                text.push_str(part);
                text.push('\n');
            }
            used = FURTHER.width();
        }
    }

    /// `HH:MM`, with the date where it is not of today or yesterday.
    fn time(&self, at: Wall, now: Wall) -> String {
        let time = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(time) = time else { return "--:--".to_owned() };
        let old = at.0.abs_diff(now.0) > DATED_AFTER_MS;
        time.to_zoned(self.zone.clone()).strftime(if old { "%Y-%m-%d %H:%M" } else { "%H:%M" }).to_string()
    }

    fn table(&self, heads: &[&str; 5], rows: &[[Line; 5]], columns: usize, text: &mut String) {
        let mut widths = heads.map(str::width);
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.width());
            }
        }
        let line = |cells: [&str; 5]| {
            let mut line = "  ".to_owned();
            for (cell, width) in cells.iter().zip(widths).filter(|&(_, width)| width > 0) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.width() + 2));
            }
            line.trim_end().to_owned()
        };
        let mut write = |line: &str, paint: &dyn Fn(&str) -> String| {
            for (number, part) in wrapped(line, 0, FURTHER_CELLS.width(), columns).into_iter().enumerate() {
                let indent = if number == 0 { "" } else { FURTHER_CELLS };
                let _ = writeln!(text, "{}", paint(&format!("{indent}{part}")));
            }
        };
        write(&line(*heads), &|row| self.theme.faint(row));
        for row in rows {
            write(&line(std::array::from_fn(|at| &*row[at])), &str::to_owned);
        }
    }
}

/// Lines under one sign.
fn block(sign: &str, lines: &[Line], columns: usize, paint: impl Fn(&str) -> String, text: &mut String) {
    let indent = sign.width();
    let parts = lines.iter().flat_map(|line| {
        if line.starts_with(COMMAND) { vec![&**line] } else { wrapped(line, indent, indent, columns) }
    });
    for (number, part) in parts.enumerate() {
        let sign = if number == 0 { sign } else { "  " };
        let _ = writeln!(text, "{}", paint(&format!("{sign}{part}")));
    }
}

/// Breaks a line at white space, so that no row of the terminal begins with something that is not indented. The first
/// part stands behind `used` columns, the others behind `indent`.
fn wrapped(line: &str, used: usize, indent: usize, columns: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let full = columns.saturating_sub(indent);
    let (mut start, mut room) = (0, columns.saturating_sub(used));
    // The end of what fits so far, and the columns up to there.
    let (mut end, mut width) = (0, 0);
    let words = words(line).enumerate().flat_map(|(number, (at, word))| {
        // What is broken anyway begins where it stands.
        let before = if number == 0 { used + columns_of(&line[..at]) } else { indent };
        unbroken(at, word, columns.saturating_sub(before))
    });
    for (at, word) in words {
        let gap = columns_of(&line[end..at]);
        // A word that no row is long enough for stays where a row begins.
        let begins = end == start && gap == 0 && room >= full;
        if width + gap + columns_of(word) <= room || begins {
            width += gap + columns_of(word);
        } else {
            if end > start || room < full {
                parts.push(&line[start..end]);
            }
            (start, room, width) = (at, full, columns_of(word));
        }
        end = at + word.len();
    }
    // White space at the end is kept where it fits.
    let rest = if width + columns_of(&line[end..]) <= room { line.len() } else { end };
    parts.push(&line[start..rest]);
    parts
}

/// The most columns that a terminal can make of a text: each terminal has its own view of marks, of joined emoji, and
/// of characters that are newer than itself. (Where letters of ambiguous width are made wide, as in some East Asian
/// settings, it can make more.)
fn columns_of(text: &str) -> usize {
    text.chars().map(|character| character.width().unwrap_or(0).max(1)).sum()
}

/// As much of a line as stands in one row of a terminal and leaves its last column free.
pub(crate) fn cut(line: &str, columns: usize) -> &str {
    let mut used = 0;
    let end = line.char_indices().find(|&(_, character)| {
        used += character.width().unwrap_or(0).max(1);
        used >= columns
    });
    &line[..end.map_or(line.len(), |(at, _)| at)]
}

/// The words of a line, and where each begins.
fn words(line: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    line.split(char::is_whitespace).filter_map(move |word| {
        let begin = at;
        let after = begin + word.len();
        at = after + line[after..].chars().next().map_or(0, char::len_utf8);
        (!word.is_empty()).then_some((begin, word))
    })
}

/// The parts of a word that are not broken. A word of ASCII is left whole however long it is: it may be an address to
/// be copied, and without a space in it, it looks like no line of this program. Any other that is longer than a row is
/// broken between its characters, since there are blanks that are no white space.
fn unbroken(at: usize, word: &str, columns: usize) -> Vec<(usize, &str)> {
    if word.is_ascii() || columns_of(word) <= columns {
        return vec![(at, word)];
    }
    let starts = word.char_indices().filter(|&(_, character)| !escape::is_attached(character)).map(|(start, _)| start);
    let ends = starts.clone().skip(1).chain([word.len()]);
    starts.zip(ends).map(|(start, end)| (at + start, &word[start..end])).collect()
}

#[cfg(test)]
mod tests {
    use papo_proto::names::Name;

    use super::*;

    /// 2026-12-31T12:34:00Z.
    const NOON: Wall = Wall(1_798_720_440_000);

    fn name(text: &str) -> Name {
        Name::new(text).expect("valid")
    }

    fn plain() -> Renderer {
        Renderer { theme: Theme::None, zone: TimeZone::UTC, language: Language::En }
    }

    fn message(room: Option<&str>, to: Option<&str>, text: &str) -> Shown {
        let (room, to) = (room.map(name), to.map(name));
        Shown::Message(Message {
            at: NOON,
            room,
            from: "bia".into(),
            plaintext: false,
            to,
            own: false,
            text: text.to_owned().into(),
        })
    }

    #[test]
    fn a_message_has_time_place_author_and_receiver() {
        let text = |shown| plain().text(&[shown], NOON, 80);
        assert_eq!(text(message(Some("sala"), None, "olá")), "12:34 #sala bia: olá\n");
        assert_eq!(text(message(None, Some("ana"), "psst")), "12:34 bia → ana: psst\n");
        assert_eq!(text(message(None, None, "")), "12:34 bia: \n");
    }

    #[test]
    fn what_came_in_plain_text_is_marked() {
        let Shown::Message(said) = message(Some("praça"), None, "um dois") else { unreachable!() };
        let shown = Shown::Message(Message { plaintext: true, ..said });
        assert_eq!(plain().text(&[shown], NOON, 34), "12:34 [plaintext] #praça bia: um\n      │ dois\n");
    }

    #[test]
    fn a_line_break_inside_a_message_can_not_look_like_another_message() {
        let shown = plain().text(&[message(None, None, "one\n12:34 ana: forged\r\n\u{1b}[1A\u{202e}x\n")], NOON, 80);
        let expected = "12:34 bia: one\n      │ 12:34 ana: forged\n      │ \\u{1b}[1A\\u{202e}x\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_long_message_is_broken_at_spaces_and_stays_indented() {
        let shown = plain().text(&[message(None, None, "x              12:34 ana: forged")], NOON, 25);
        assert_eq!(shown, "12:34 bia: x\n      │ 12:34 ana: forged\n");
        let wide = plain().text(&[message(None, None, "日本 日本 日本")], NOON, 20);
        assert_eq!(wide, "12:34 bia: 日本 日本\n      │ 日本\n");
        let address = "https://example.org/a/long/way";
        let long = plain().text(&[message(None, None, &format!("see {address} now"))], NOON, 20);
        assert_eq!(long, format!("12:34 bia: see\n      │ {address}\n      │ now\n"));
        let narrow = plain().text(&[message(None, None, "a b")], NOON, 1);
        assert_eq!(narrow, "12:34 bia: a\n      │ b\n");
    }

    #[test]
    fn a_long_sentence_is_broken_at_spaces() {
        let notice = Shown::Notice(vec!["one two three".into()]);
        assert_eq!(plain().text(&[notice], NOON, 10), "* one two\n  three\n");
    }

    #[test]
    fn another_day_is_dated_and_an_impossible_time_is_none() {
        let at = |at| {
            let text = "x".to_owned().into();
            let message = Message { at, room: None, from: "bia".into(), plaintext: false, to: None, own: false, text };
            plain().text(&[Shown::Message(message)], NOON, 80)
        };
        assert_eq!(at(Wall(NOON.0 - 2 * DATED_AFTER_MS)), "2026-12-30 00:34 bia: x\n");
        assert_eq!(at(Wall(u64::MAX)), "--:-- bia: x\n");
    }

    #[test]
    fn local_time_is_what_is_shown() {
        let zone = TimeZone::fixed(jiff::tz::offset(-3));
        let shown = Renderer { zone, ..plain() }.text(&[message(None, None, "x")], NOON, 80);
        assert_eq!(shown, "09:34 bia: x\n");
    }

    #[test]
    fn tables_stand_in_columns_whatever_the_width_of_the_letters() {
        let row = |user: &str, status: &str| [user, status, "-", "-", ""].map(Line::from);
        let rows = vec![row("日本", "online"), row("ana", "away")];
        let table = Shown::Table { columns: ["user", "status", "room", "address", ""], rows, empty: "nobody" };
        let expected = "  user  status  room  address\n  日本  online  -     -\n  ana   away    -     -\n";
        assert_eq!(plain().text(&[table], NOON, 80), expected);
        let empty = Shown::Table { columns: ["user", "", "", "", ""], rows: vec![], empty: "nobody" };
        assert_eq!(plain().text(&[empty], NOON, 80), "* nobody\n");
    }

    #[test]
    fn a_row_is_cut_so_that_it_is_one_row() {
        for (line, columns, row) in [
            ("abc", 4, "abc"),
            ("abcd", 4, "abc"),
            ("日本語", 6, "日本"),
            ("日本語", 7, "日本語"),
            ("日本語", 5, "日本"),
            ("e\u{301}x", 3, "e\u{301}"),
            ("abc", 1, ""),
            ("abc", 0, ""),
        ] {
            assert_eq!(cut(line, columns), row, "{line} {columns}");
        }
    }

    #[test]
    fn each_kind_has_its_sign_and_further_lines_are_indented() {
        let two = || vec![Line::from("one"), Line::from("two")];
        let shown = [Shown::Notice(two()), Shown::Error(two()), Shown::Faint(vec!["one".into()])];
        assert_eq!(plain().text(&shown, NOON, 80), "* one\n  two\n! one\n  two\n· one\n");
    }

    #[test]
    fn a_command_to_be_copied_is_left_in_one_piece_and_a_message_that_begins_so_is_not() {
        let command = "papo --tracker 10.0.0.1:6060";
        let notice = Shown::Notice(vec!["others reach it with".into(), command.into()]);
        assert_eq!(plain().text(&[notice], NOON, 24), format!("* others reach it with\n  {command}\n"));
        assert_eq!(plain().text(&[message(None, None, command)], NOON, 24).lines().count(), 3);
    }

    #[test]
    fn colour_surrounds_what_is_shown_and_changes_none_of_it() {
        let painted = Renderer { theme: Theme::Dark, ..plain() };
        let shown = painted.text(&[message(Some("sala"), None, "a\u{1b}[0m")], NOON, 80);
        assert!(shown.starts_with("\u{1b}[2m12:34\u{1b}[0m ") && shown.ends_with(": a\\u{1b}[0m\n"), "{shown:?}");
    }
}

//! What is seen → lines of a terminal.
//!
//! A message begins with its time; everything else with a sign of its own, and every further line of the same thing is
//! indented. So nothing that is inside a message can look like another one.

use std::fmt::Write as _;

use jiff::{Timestamp, tz::TimeZone};
use papo_proto::{escape, time::Wall};
use unicode_width::UnicodeWidthStr as _;

use super::colour::Theme;
use crate::frontend::lines::{Message, Shown};

/// Before each further line of a message.
const FURTHER: &str = "      │ ";
/// A message that is older than this is shown with its date.
const DATED_AFTER_MS: u64 = 18 * 3_600_000;

/// How things are written.
#[derive(Debug, Clone)]
pub(crate) struct Renderer {
    /// In which colours.
    pub(crate) theme: Theme,
    /// In which time.
    pub(crate) zone: TimeZone,
}

impl Renderer {
    /// The lines, each with its line break.
    pub(crate) fn text(&self, shown: &[Shown], now: Wall) -> String {
        let mut text = String::new();
        for one in shown {
            match one {
                Shown::Message(message) => self.message(message, now, &mut text),
                Shown::Notice(lines) => block("* ", lines, str::to_owned, &mut text),
                Shown::Faint(lines) => block("· ", lines, |line| self.theme.faint(line), &mut text),
                Shown::Error(lines) => block("! ", lines, |line| self.theme.error(line), &mut text),
                Shown::Table { rows, empty, .. } if rows.is_empty() => {
                    block("* ", &[(*empty).to_owned()], str::to_owned, &mut text);
                }
                Shown::Table { columns, rows, .. } => self.table(columns, rows, &mut text),
            }
        }
        text
    }

    fn message(&self, message: &Message, now: Wall, text: &mut String) {
        let room = message.room.as_ref().map_or_else(String::new, |room| self.theme.faint(&format!("#{room} ")));
        let to = message.to.as_ref().map_or_else(String::new, |to| format!(" → {}", self.theme.name(to)));
        let time = self.theme.faint(&self.time(message.at, now));
        let _ = write!(text, "{time} {room}{}{to}: ", self.theme.name(&message.from));
        for (number, line) in escape::lines(&message.text).enumerate() {
            if number > 0 {
                text.push_str(FURTHER);
            }
            text.push_str(&line);
            text.push('\n');
        }
    }

    /// `HH:MM`, with the date where it is not of today or yesterday.
    fn time(&self, at: Wall, now: Wall) -> String {
        let time = i64::try_from(at.0).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
        let Some(time) = time else { return "--:--".to_owned() };
        let old = at.0.abs_diff(now.0) > DATED_AFTER_MS;
        time.to_zoned(self.zone.clone()).strftime(if old { "%Y-%m-%d %H:%M" } else { "%H:%M" }).to_string()
    }

    fn table(&self, columns: &[&str; 5], rows: &[[String; 5]], text: &mut String) {
        let mut widths = columns.map(str::width);
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
        let _ = writeln!(text, "{}", self.theme.faint(&line(*columns)));
        for row in rows {
            let _ = writeln!(text, "{}", line(std::array::from_fn(|at| row[at].as_str())));
        }
    }
}

/// Lines under one sign.
fn block(sign: &str, lines: &[String], paint: impl Fn(&str) -> String, text: &mut String) {
    for (number, line) in lines.iter().enumerate() {
        let sign = if number == 0 { sign } else { "  " };
        let _ = writeln!(text, "{}", paint(&format!("{sign}{line}")));
    }
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
        Renderer { theme: Theme::None, zone: TimeZone::UTC }
    }

    fn message(room: Option<&str>, to: Option<&str>, text: &str) -> Shown {
        let (room, to) = (room.map(name), to.map(name));
        Shown::Message(Message { at: NOON, room, from: name("bia"), to, text: text.to_owned() })
    }

    #[test]
    fn a_message_has_time_place_author_and_receiver() {
        let text = |shown| plain().text(&[shown], NOON);
        assert_eq!(text(message(Some("sala"), None, "olá")), "12:34 #sala bia: olá\n");
        assert_eq!(text(message(None, Some("ana"), "psst")), "12:34 bia → ana: psst\n");
        assert_eq!(text(message(None, None, "")), "12:34 bia: \n");
    }

    #[test]
    fn a_line_break_inside_a_message_can_not_look_like_another_message() {
        let shown = plain().text(&[message(None, None, "one\n12:34 ana: forged\r\n\u{1b}[1A\u{202e}x\n")], NOON);
        let expected = "12:34 bia: one\n      │ 12:34 ana: forged\n      │ \\u{1b}[1A\\u{202e}x\n";
        assert_eq!(shown, expected);
    }

    #[test]
    fn another_day_is_dated_and_an_impossible_time_is_none() {
        let at = |at| {
            let text = "x".to_owned();
            let message = Message { at, room: None, from: name("bia"), to: None, text };
            plain().text(&[Shown::Message(message)], NOON)
        };
        assert_eq!(at(Wall(NOON.0 - 2 * DATED_AFTER_MS)), "2026-12-30 00:34 bia: x\n");
        assert_eq!(at(Wall(u64::MAX)), "--:-- bia: x\n");
    }

    #[test]
    fn local_time_is_what_is_shown() {
        let zone = TimeZone::fixed(jiff::tz::offset(-3));
        let shown = Renderer { zone, ..plain() }.text(&[message(None, None, "x")], NOON);
        assert_eq!(shown, "09:34 bia: x\n");
    }

    #[test]
    fn tables_stand_in_columns_whatever_the_width_of_the_letters() {
        let row = |user: &str, status: &str| [user, status, "-", "-", ""].map(str::to_owned);
        let rows = vec![row("日本", "online"), row("ana", "away")];
        let table = Shown::Table { columns: ["user", "status", "room", "address", ""], rows, empty: "nobody" };
        let expected = "  user  status  room  address\n  日本  online  -     -\n  ana   away    -     -\n";
        assert_eq!(plain().text(&[table], NOON), expected);
        let empty = Shown::Table { columns: ["user", "", "", "", ""], rows: vec![], empty: "nobody" };
        assert_eq!(plain().text(&[empty], NOON), "* nobody\n");
    }

    #[test]
    fn each_kind_has_its_sign_and_further_lines_are_indented() {
        let two = || vec!["one".to_owned(), "two".to_owned()];
        let shown = [Shown::Notice(two()), Shown::Error(two()), Shown::Faint(vec!["one".to_owned()])];
        assert_eq!(plain().text(&shown, NOON), "* one\n  two\n! one\n  two\n· one\n");
    }

    #[test]
    fn colour_surrounds_what_is_shown_and_changes_none_of_it() {
        let painted = Renderer { theme: Theme::Dark, ..plain() };
        let shown = painted.text(&[message(Some("sala"), None, "a\u{1b}[0m")], NOON);
        assert!(shown.starts_with("\u{1b}[2m12:34\u{1b}[0m ") && shown.ends_with(": a\\u{1b}[0m\n"), "{shown:?}");
    }
}

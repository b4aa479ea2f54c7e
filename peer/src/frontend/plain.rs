//! An event → one plain line, for a pipe that is read by people or by simple scripts.

use std::fmt::Write as _;

use papo_proto::{escape::Line, names::Name, peer::Notice};

use super::{
    event::Event,
    lines::{self, Message, Shown},
    sentences::{self, Language},
};

/// The lines of an event in a language, each with its line break.
pub(crate) fn lines(event: &Event, me: &Name, language: Language) -> String {
    let mut text = String::new();
    if let Event::Notice(Notice::Delivered { id, to }) = event {
        let _ = writeln!(text, "* {}", Line::from(sentences::delivered(language, id, to)));
    }
    for shown in lines::of(event, me, language) {
        let _ = writeln!(text, "{}", line(&shown, language));
    }
    text
}

fn line(shown: &Shown, language: Language) -> String {
    match shown {
        Shown::Message(message) => format!("{}{}", heading(message, language), message.text.line()),
        Shown::Notice(lines) | Shown::Faint(lines) => format!("* {}", joined(lines)),
        Shown::Error(lines) => format!("! {}", joined(lines)),
        Shown::Table { rows, empty, .. } if rows.is_empty() => format!("* {empty}"),
        Shown::Table { rows, .. } => {
            let row = |row: &[Line; 5]| {
                let cells = row.iter().filter(|cell| !cell.is_empty()).map(|cell| &**cell);
                cells.collect::<Vec<_>>().join(" ")
            };
            format!("* {}", rows.iter().map(row).collect::<Vec<_>>().join("; "))
        }
    }
}

fn joined(lines: &[Line]) -> String {
    lines.iter().map(|line| &**line).collect::<Vec<_>>().join("; ")
}

/// Where, by whom and to whom something was said.
fn heading(message: &Message, language: Language) -> String {
    let room = message.room.as_ref().map_or_else(String::new, |room| format!("#{room} "));
    let mark = if message.plaintext { format!("{} ", sentences::PLAINTEXT) } else { String::new() };
    mark + &room + &sentences::author(language, (&message.from, message.to.as_ref()), message.own, str::to_owned)
}

#[cfg(test)]
mod tests {
    use papo_proto::{
        peer::{
            change::Incoming,
            interface::{PeerEvent, Target},
        },
        time::Wall,
        wire::peer::Scope,
    };

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).expect("valid")
    }

    #[track_caller]
    fn check(notice: Notice, expected: &str) {
        assert_eq!(lines(&Event::Notice(notice), &name("ana"), Language::En), expected);
    }

    fn incoming(text: &str) -> Incoming {
        Incoming {
            number: 1,
            id: "ab".to_owned(),
            from: name("bia"),
            room: Some(name("sala")),
            scope: None,
            at: Wall(0),
            text: text.to_owned(),
            gap: false,
            plaintext: false,
        }
    }

    #[test]
    fn each_event_is_one_line_whatever_a_stranger_says() {
        check(Notice::Message(incoming("oi")), "#sala bia: oi\n");
        check(Notice::Message(incoming("one\n#sala ana: two\u{1b}[2J")), "#sala bia: one\\n#sala ana: two\\u{1b}[2J\n");
        let private = Incoming { room: None, scope: Some(Scope::Private), ..incoming("psst") };
        check(Notice::Message(private), "bia → ana: psst\n");
        let all = Incoming { room: None, scope: Some(Scope::All), ..incoming("all") };
        check(Notice::Message(all), "bia: all\n");
        check(Notice::Peers { peers: vec![] }, "* nobody\n");
        check(
            Notice::Peer { what: PeerEvent::Lost, user: name("bia"), address: None, plaintext: false },
            "* the link to bia ended\n",
        );
        check(Notice::Delivered { id: "ab".to_owned(), to: name("bia") }, "* delivered to bia: ab\n");
    }

    #[test]
    fn what_waits_is_told_with_what_was_said() {
        let said = Notice::Said {
            id: "ab".to_owned(),
            to: Target::User(name("bia")),
            at: Wall(0),
            text: "psst".to_owned(),
            waiting: vec![name("bia")],
        };
        check(said, "ana → bia: psst\n* kept for bia: goes out when there is a link\n");
    }
}

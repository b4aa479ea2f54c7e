//! What `/help` says: how each command is typed, and what it does.

use super::commands::Verb;

/// The width of the column of commands. A longer one stands out, so that the others leave room for what they do.
const USAGE_CHARS: usize = 23;

/// All about a command, or a line about each.
pub(crate) fn lines(topic: Option<Verb>) -> Vec<String> {
    match topic {
        Some(verb) => {
            let mut lines = vec![usage(verb).to_owned(), summary(verb).to_owned()];
            if !verb.aliases().is_empty() {
                lines.push(format!("also: /{}", verb.aliases().join(", /")));
            }
            lines
        }
        None => {
            let row = |&verb: &Verb| format!("{:USAGE_CHARS$}  {}", usage(verb), summary(verb));
            let rest =
                ["Everything else is said to whom the prompt names; //text says a text that begins with a slash."
                    .to_owned()];
            Verb::ALL.iter().map(row).chain(rest).collect()
        }
    }
}

/// How a command is typed.
pub(crate) const fn usage(verb: Verb) -> &'static str {
    match verb {
        Verb::Register => "/register [NAME]",
        Verb::Login => "/login [NAME]",
        Verb::Logout => "/logout",
        Verb::Plaintext => "/plaintext on|off",
        Verb::Peers => "/peers [START]",
        Verb::Users => "/users [ROOM]",
        Verb::Rooms => "/rooms [START]",
        Verb::Whois => "/whois USER",
        Verb::Help => "/help [COMMAND]",
        Verb::Create => "/create ROOM [CAPACITY] [--plaintext]",
        Verb::Join => "/join ROOM",
        Verb::Leave => "/leave [ROOM]",
        Verb::Delete => "/delete [ROOM]",
        Verb::Msg => "/msg USER TEXT",
        Verb::All => "/all [TEXT]",
        Verb::Chat => "/chat [USER|#ROOM]",
        Verb::Tracker => "/tracker [HOST:PORT[#FINGERPRINT]]",
        Verb::Connect => "/connect IP:PORT",
        Verb::Disconnect => "/disconnect USER",
        Verb::Block => "/block USER",
        Verb::Unblock => "/unblock USER",
        Verb::Verify => "/verify USER",
        Verb::Trust => "/trust USER",
        Verb::Ping => "/ping USER",
        Verb::Status => "/status [online|away|busy [TEXT]]",
        Verb::Profile => "/profile [TEXT]",
        Verb::Send => "/send USER|#ROOM|all PATH",
        Verb::Accept => "/accept NUMBER",
        Verb::Reject => "/reject NUMBER",
        Verb::Pause => "/pause NUMBER",
        Verb::Resume => "/resume NUMBER",
        Verb::Cancel => "/cancel NUMBER",
        Verb::Transfers => "/transfers",
        Verb::Quit => "/quit",
        Verb::Sair => "/sair",
    }
}

/// What a command does.
pub(crate) const fn summary(verb: Verb) -> &'static str {
    match verb {
        Verb::Register => "make an account on the tracker, and log in",
        Verb::Login => "log in to the tracker",
        Verb::Logout => "end the session with the tracker",
        Verb::Plaintext => "let old clients log in to your account, or not",
        Verb::Peers => "who is connected",
        Verb::Users => "who is in the room; outside of rooms, who is online",
        Verb::Rooms => "which rooms there are",
        Verb::Whois => "about someone: status, address, key, profile",
        Verb::Help => "this list, or about one command",
        Verb::Create => "make a room and go in",
        Verb::Join => "go into a room and talk to it",
        Verb::Leave => "leave the room for good, or the chat",
        Verb::Delete => "delete a room of yours",
        Verb::Msg => "say something to one person",
        Verb::All => "say it to all who are linked; alone: talk to them",
        Verb::Chat => "talk to them from now on; alone: to everyone",
        Verb::Tracker => "use this one; alone: which are offered",
        Verb::Connect => "link to a papo at an address",
        Verb::Disconnect => "end the link to someone",
        Verb::Block => "hear and say nothing more to someone",
        Verb::Unblock => "take that back",
        Verb::Verify => "digits to compare with someone, against impostors",
        Verb::Trust => "accept someone's changed key",
        Verb::Ping => "how quickly someone answers",
        Verb::Status => "what you are to others; alone: tells it",
        Verb::Profile => "what /whois tells about you; alone: nothing",
        Verb::Send => "offer a file or a directory; spaces are fine",
        Verb::Accept => "take what is offered under that number",
        Verb::Reject => "refuse what is offered under that number",
        Verb::Pause => "hold a transfer, at either end",
        Verb::Resume => "let it go on",
        Verb::Cancel => "end a transfer, at either end",
        Verb::Transfers => "what is offered, waits, or is on its way",
        Verb::Quit => "say goodbye and end papo",
        Verb::Sair => "leave the room or the chat, or else end papo",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_has_one_row_of_a_usual_terminal() {
        let rows = lines(None);
        for (row, &verb) in rows.iter().zip(Verb::ALL) {
            // Two columns are for the sign before it.
            assert!(row.chars().count() <= 78, "{row}");
            assert!(
                row.starts_with(&format!("/{}", verb.word())) && usage(verb).starts_with(&format!("/{}", verb.word()))
            );
        }
    }
}

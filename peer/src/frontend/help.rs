//! What `/help` says: how each command is typed, and what it does.

use super::commands::Verb;

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
            let width = Verb::ALL.iter().map(|&verb| usage(verb).chars().count()).max().unwrap_or(0);
            let row = |&verb: &Verb| format!("{:width$}  {}", usage(verb), summary(verb));
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
        Verb::Create => "/create ROOM [CAPACITY]",
        Verb::Join => "/join ROOM",
        Verb::Leave => "/leave [ROOM]",
        Verb::Delete => "/delete [ROOM]",
        Verb::Msg => "/msg USER TEXT",
        Verb::All => "/all [TEXT]",
        Verb::Chat => "/chat [USER|#ROOM]",
        Verb::Connect => "/connect IP:PORT",
        Verb::Disconnect => "/disconnect USER",
        Verb::Block => "/block USER",
        Verb::Unblock => "/unblock USER",
        Verb::Verify => "/verify USER",
        Verb::Trust => "/trust USER",
        Verb::Ping => "/ping USER",
        Verb::Status => "/status [online|away|busy [TEXT]]",
        Verb::Profile => "/profile [TEXT]",
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
        Verb::Plaintext => "open or close your account to old clients without encryption",
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
        Verb::All => "say something to everyone you are linked to; alone: talk to them from now on",
        Verb::Chat => "talk to someone, or to a room, from now on; alone: to everyone",
        Verb::Connect => "link to a papo at an address",
        Verb::Disconnect => "end the link to someone",
        Verb::Block => "hear and say nothing more to someone",
        Verb::Unblock => "take that back",
        Verb::Verify => "digits to compare with someone, against impostors",
        Verb::Trust => "accept someone's changed key",
        Verb::Ping => "how quickly someone answers",
        Verb::Status => "what you are to others; alone: tells it",
        Verb::Profile => "what /whois tells about you; alone: nothing",
        Verb::Quit => "say goodbye and end papo",
        Verb::Sair => "leave the room or the chat; where there is none, end papo",
    }
}

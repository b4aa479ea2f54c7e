//! Everything that papo says to a person, in English.
//!
//! Functions from what happened to a sentence, and nothing else: no layout, no colour, no decision. A sentence is
//! escaped as a whole when it becomes a line of an output. Here is seen to it only that a stranger's words in it can't
//! look like its own: a [`Name`] has no spaces, a status is [`quoted`], and each line of a profile begins with a rule.

use std::{net::SocketAddr, path::Path};

use papo_proto::{
    error::{Counters, Fault},
    escape::{self, quoted},
    identity::Key,
    machine::Refusal,
    names::{BadName, Name},
    peer::{
        Note, Problem,
        interface::{PeerEvent, PeerSeen, RoomSeen, Target},
    },
    wire::{
        tracker::{RoomEvent, Status},
        transfer::Reason,
    },
};
use papo_runtime_mio::Stats;

use super::{
    commands::Mistake,
    event::{Info, Trouble},
    files,
    help::{self, usage},
    reasons::{CAPACITIES, failure, fault, refusal},
};

/// More names than these are counted instead.
const NAMES_SHOWN_MAX: usize = 8;

/// The target, as it stands in a prompt.
pub(crate) fn target(target: &Target) -> String {
    match target {
        Target::All => "everyone".to_owned(),
        Target::Room(room) => format!("#{room}"),
        Target::User(user) => format!("@{user}"),
    }
}

/// The prompt that asks for a password.
pub(crate) fn password_prompt(user: &Name, register: bool, again: bool) -> String {
    match (register, again) {
        (_, true) => "the same again: ".to_owned(),
        (true, false) => format!("new password for {user}: "),
        (false, false) => format!("password of {user}: "),
    }
}

/// The prompt that asks yes or no.
pub(crate) const YES_OR_NO_PROMPT: &str = "yes or no? ";

/// What an answer to that means.
pub(crate) fn yes_or_no(answer: &str) -> Option<bool> {
    match answer.trim().to_lowercase().as_str() {
        "yes" | "y" | "sim" | "s" => Some(true),
        "no" | "n" | "não" | "nao" => Some(false),
        _ => None,
    }
}

/// This program is there.
pub(crate) fn ready(user: &Name, listen: &str, key: &Key) -> String {
    format!("you are {user}, listening on {listen}; your fingerprint begins with {}", key.short())
}

/// It can't listen; another address is given by `option`.
pub(crate) fn listen_refused(listen: &str, reason: Refusal, option: &str) -> String {
    match reason {
        Refusal::AddressInUse => {
            format!("{listen} is taken by another program: give another address with {option}")
        }
        Refusal::AddressNotAvailable => {
            format!("this machine has no such address as {listen}: give another one with {option}")
        }
        Refusal::Denied => format!("papo may not listen on {listen}: give a port above 1023 with {option}"),
        Refusal::Refused | Refusal::Unreachable | Refusal::TimedOut | Refusal::Exhausted | Refusal::Other => {
            format!("papo can't listen on {listen}: {}", refusal(reason))
        }
    }
}

/// An account is to be made, and there is nobody to ask for its password.
pub(crate) const REGISTER_NEEDS_PASSWORD: &str =
    "a new account needs a password: give it with --password-file or PAPO_PASSWORD";

/// Something broke in the program itself.
pub(crate) const FRONTEND_FAILED: &str = "papo broke off because of a fault of its own";

/// The terminal can't be used.
pub(crate) fn terminal_refused(why: &str) -> String {
    format!("the terminal can't be used: {why}")
}

/// A recording would hold an identity that is in use.
pub(crate) fn record_secrets(data: &Path) -> String {
    format!(
        "{} has an identity already, and a recording holds its secret key: add --record-secrets if that is what you \
         want, or give another --data",
        data.display()
    )
}

/// A recording can't be begun.
pub(crate) fn record_refused(path: &Path, error: &std::io::Error) -> String {
    format!("the recording {} can't be made: {error}", path.display())
}

/// A tracker can't be hosted.
pub(crate) fn host_refused(why: &str) -> String {
    format!("the tracker can't start: {why}")
}

/// A session stands.
pub(crate) fn logged_in(user: &Name, tracker: &str) -> String {
    format!("logged in at {tracker} as {user}")
}

/// A session ended.
pub(crate) const LOGGED_OUT: &str = "logged out";

/// The digits to compare.
pub(crate) fn digits(user: &Name, digits: &str) -> Vec<String> {
    vec![
        format!("compare these digits with {user} by voice or in person; on both sides they must be the same:"),
        digits.to_owned(),
    ]
}

/// What someone is to others.
pub(crate) const fn status(status: Status) -> &'static str {
    match status {
        Status::Online => "online",
        Status::Away => "away",
        Status::Busy => "busy",
        Status::Offline => "offline",
    }
}

/// What happened in a room. `me` is this peer's own name.
pub(crate) fn room_event(room: &Name, what: RoomEvent, user: &Name, members: &[Name], me: &Name) -> String {
    let mine = user == me;
    match what {
        RoomEvent::Created if mine => format!("you made #{room}; others come in with /join {room}"),
        RoomEvent::Created => format!("{user} made #{room}"),
        RoomEvent::Joined if mine => format!("you are in #{room} with {}", others(members, me)),
        RoomEvent::Joined => format!("{user} came into #{room}"),
        RoomEvent::Left if mine => format!("you left #{room}"),
        RoomEvent::Left => format!("{user} left #{room}"),
        RoomEvent::Evicted if mine => format!("you were taken out of #{room}"),
        RoomEvent::Evicted => format!("{user} was taken out of #{room}"),
        RoomEvent::Deleted if mine => format!("you deleted #{room}"),
        RoomEvent::Deleted => format!("{user} deleted #{room}"),
        RoomEvent::Owner if mine => format!("#{room} is yours now"),
        RoomEvent::Owner => format!("{user} owns #{room} now"),
    }
}

fn others(members: &[Name], me: &Name) -> String {
    let others = members.iter().filter(|member| *member != me).cloned().collect::<Vec<_>>();
    if others.is_empty() { "nobody else yet".to_owned() } else { names(&others) }
}

/// Names in a row; of many, the first and how many more.
pub(crate) fn names(names: &[Name]) -> String {
    let shown = names.iter().take(NAMES_SHOWN_MAX).map(Name::as_str).collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(NAMES_SHOWN_MAX) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// What happened to a link.
pub(crate) fn peer_event(what: PeerEvent, user: &Name, address: Option<&str>) -> String {
    let at = address.map_or_else(String::new, |address| format!(" at {address}"));
    match what {
        PeerEvent::Found => format!("{user} is there{at}"),
        PeerEvent::Linked => format!("linked to {user}{at}"),
        PeerEvent::Lost => format!("the link to {user} ended"),
    }
}

/// What was said waits for someone.
pub(crate) fn waiting(users: &[Name]) -> String {
    format!("kept for {}: goes out when there is a link", names(users))
}

/// A receiver has it.
pub(crate) fn delivered(id: &str, to: &Name) -> String {
    format!("delivered to {to}: {id}")
}

/// Why it stopped, in what waits.
pub(crate) fn stopped(unacknowledged: usize) -> Option<String> {
    match unacknowledged {
        0 => None,
        1 => Some("one message is not delivered yet; it goes out at the next start".to_owned()),
        many => Some(format!("{many} messages are not delivered yet; they go out at the next start")),
    }
}

/// How things stand.
pub(crate) fn counters(counters: &Counters, links: usize, unacknowledged: usize, stats: Stats) -> Vec<String> {
    let mishaps = stats.mishaps().map(|(count, mishap)| format!("{count} times: {mishap}"));
    let faults = counters.iter().map(|(fault, count)| format!("{count} times: {fault}"));
    let faults = faults.chain(mishaps).collect::<Vec<_>>();
    let head = format!("links: {links}; messages that wait for someone: {unacknowledged}; refused or cut");
    if faults.is_empty() { vec![format!("{head}: nothing")] } else { [vec![head + ":"], faults].concat() }
}

/// Which tracker is used, and which are offered.
pub(crate) fn trackers(taken: Option<&str>, offered: &[SocketAddr]) -> Vec<String> {
    let used = match taken {
        Some(tracker) => format!("the tracker at {tracker} is used"),
        None => "no tracker is used: /tracker HOST:PORT takes one".to_owned(),
    };
    std::iter::once(used).chain(offered.iter().map(|address| format!("{address} offers one"))).collect()
}

/// The heads of the list of peers.
pub(crate) const PEER_COLUMNS: [&str; 5] = ["user", "status", "room", "address", ""];

/// A row of the list of peers.
pub(crate) fn peer_row(peer: &PeerSeen) -> [String; 5] {
    let mut remarks = Vec::new();
    if peer.linked {
        remarks.push("linked".to_owned());
    }
    if peer.blocked {
        remarks.push("blocked".to_owned());
    }
    if !peer.status_text.as_str().is_empty() {
        remarks.push(quoted(peer.status_text.as_str()));
    }
    [
        peer.user.to_string(),
        status(peer.status).to_owned(),
        peer.room.as_ref().map_or_else(|| "-".to_owned(), |room| format!("#{room}")),
        peer.address.map_or_else(|| "-".to_owned(), |address| address.to_string()),
        remarks.join(", "),
    ]
}

/// Nobody is in the list.
pub(crate) const NO_PEERS: &str = "nobody";

/// The heads of the list of rooms.
pub(crate) const ROOM_COLUMNS: [&str; 5] = ["room", "owner", "people", "", ""];

/// A row of the list of rooms.
pub(crate) fn room_row(room: &RoomSeen) -> [String; 5] {
    [
        format!("#{}", room.room),
        room.owner.to_string(),
        format!("{}/{}", room.members.len(), room.capacity),
        if room.joined { "you are in".to_owned() } else { String::new() },
        names(&room.members),
    ]
}

/// No room is in the list.
pub(crate) const NO_ROOMS: &str = "no rooms yet: /create ROOM makes one";

/// Before each line of a profile, which could look like what the tracker says of someone.
const PROFILE: &str = "│ ";

/// About someone.
pub(crate) fn whois(
    peer: &PeerSeen,
    me: &Name,
    key: Option<&Key>,
    pinned: Option<&Key>,
    verified: bool,
    profile: &str,
    plaintext: bool,
) -> Vec<String> {
    let [user, status, room, address, remarks] = peer_row(peer);
    let mut lines = vec![format!("{user}: {status}, room {room}, address {address}")];
    if !remarks.is_empty() {
        lines.push(remarks);
    }
    lines.push(match key {
        Some(key) if peer.user == *me => format!("fingerprint {key} (this is you)"),
        Some(key) if verified => format!("fingerprint {key} (verified)"),
        Some(key) => format!("fingerprint {key} (not verified: /verify {user})"),
        None => "no key: an old client, in plaintext".to_owned(),
    });
    if let Some(pinned) = pinned {
        lines.push(format!("THE KEY CHANGED: {pinned} was accepted before; /trust {user} accepts the new one"));
    }
    if plaintext {
        lines.push("the account is open to plaintext clients".to_owned());
    }
    if !profile.is_empty() {
        lines.extend(escape::lines(profile).map(|line| format!("{PROFILE}{line}")));
    }
    lines
}

/// Something that the person should know.
pub(crate) fn note(note: &Note) -> String {
    match note {
        Note::TrackerLost { tracker, retry_ms } => {
            format!("no connection to {}; trying again in {} s", tracker, retry_ms.div_ceil(1000))
        }
        Note::Replaced => "your account logged in elsewhere, so this session ended; /login takes it back".to_owned(),
        Note::TrackerQuit => "the tracker was shut down; papo comes back by itself when it does".to_owned(),
        Note::TrackerPinned { tracker, key } => {
            format!("the tracker at {tracker} is known from now on by its fingerprint {key}")
        }
        Note::KeyChanged { user, old, new } => format!(
            "THE KEY OF {user} CHANGED, from {} to {}: nothing is exchanged until you accept it. It may be a new \
             device, or somebody else. Ask {user} by another way, then /trust {user}",
            old.short(),
            new.short()
        ),
        Note::Waiting { user, count: 1 } => format!("one message waits for {user}"),
        Note::Waiting { user, count } => format!("{count} messages wait for {user}"),
        Note::Dropped { user, count: 1 } => format!("one message will not reach {user}"),
        Note::Dropped { user, count } => format!("{count} messages will not reach {user}"),
        Note::LinkFault { user, fault: why, .. } => format!("the link to {user} was cut: {}", fault(*why)),
        Note::Refused { user } => {
            format!("{user} wants no link at present; what you say to {user} is kept until there is one")
        }
        Note::Strangers { count: 1, fault: why, address } => {
            format!("a connection from {address} was refused: {}", fault(*why))
        }
        Note::Strangers { count, fault: why, address } => {
            format!("{count} connections of strangers were refused, the last one from {address}: {}", fault(*why))
        }
        Note::LanRefused { port, reason } => {
            format!(
                "others on this network are not found, because UDP port {port} can't be used: {}; /connect IP:PORT works, \
                 and so does another port that all of you give as --lan-port",
                refusal(*reason)
            )
        }
        Note::TrackerOffered { address } => format!(
            "{address} hosts a tracker; nothing is sent to it unless you say /tracker {address} and then /register or \
             /login"
        ),
        Note::OtherPort { wanted } => format!("port {wanted} is taken, so papo listens on another one"),
        Note::Trusted { user, key } => format!("the key {} of {user} is accepted", key.short()),
        Note::Blocked { user, blocked: true } => format!("{user} is blocked; /unblock {user} takes it back"),
        Note::Blocked { user, blocked: false } => format!("{user} is no longer blocked"),
        Note::Skipped { name, skipped } => files::skipped(name, skipped),
        Note::TransferPaused { transfer, user, paused: true } => format!("{user} holds transfer {transfer}"),
        Note::TransferPaused { transfer, user, paused: false } => format!("{user} lets transfer {transfer} go on"),
        Note::OffersRefused { user, reason: Reason::Busy } => {
            format!("{user} offers too much at once; some of it was refused")
        }
        Note::OffersRefused { user, .. } => format!("{user} offers what is not allowed; it was refused"),
    }
}

/// The word for a note in scripts.
pub(crate) const fn note_code(note: &Note) -> &'static str {
    match note {
        Note::TrackerLost { .. } => "tracker_lost",
        Note::Replaced => "replaced",
        Note::TrackerQuit => "tracker_quit",
        Note::TrackerPinned { .. } => "tracker_pinned",
        Note::KeyChanged { .. } => "key_changed",
        Note::Waiting { .. } => "waiting",
        Note::Dropped { .. } => "dropped",
        Note::LinkFault { .. } => "link_fault",
        Note::Refused { .. } => "refused",
        Note::Strangers { .. } => "strangers",
        Note::LanRefused { .. } => "lan_refused",
        Note::TrackerOffered { .. } => "tracker_offered",
        Note::OtherPort { .. } => "other_port",
        Note::Trusted { .. } => "trusted",
        Note::Blocked { blocked: true, .. } => "blocked",
        Note::Blocked { blocked: false, .. } => "unblocked",
        Note::Skipped { .. } => "skipped",
        Note::TransferPaused { paused: true, .. } => "paused",
        Note::TransferPaused { paused: false, .. } => "resumed",
        Note::OffersRefused { .. } => "offers_refused",
    }
}

/// Why something could not be done, and what to do about it.
pub(crate) fn problem(problem: &Problem) -> String {
    match problem {
        Problem::Tracker { failure: why } => failure(*why).to_owned(),
        Problem::TrackerUnreachable { tracker, reason } => unreachable_tracker(tracker, *reason),
        Problem::TrackerUnknownHost { host } => {
            format!("there is no host called {host}: is the name right, and is there a network?")
        }
        Problem::TrackerFault { tracker, fault: why } => format!(
            "what answers at {} is no tracker that papo can talk to ({}): are address and port right?",
            tracker,
            fault(*why)
        ),
        Problem::TrackerKeyChanged { tracker, expected, shown } => {
            format!(
                "THE KEY OF THE TRACKER AT {tracker} CHANGED: {expected} was expected, {shown} is shown. Nothing was \
                 sent to it. If its owner confirms the new one, start papo with --tracker {tracker}#{shown}"
            )
        }
        Problem::TrackerNotTrusted { tracker, key } => {
            format!("the tracker at {tracker} with the fingerprint {key} was not accepted")
        }
        Problem::NoTracker => "that needs a tracker: /tracker HOST:PORT takes one, and papo --host runs one".to_owned(),
        Problem::TrackerInUse { tracker } => {
            format!("papo uses the tracker at {tracker}: /logout first")
        }
        Problem::NotLoggedIn => "log in first: /login, or /register for a new account".to_owned(),
        Problem::TrackerAway => {
            "there is no connection to the tracker just now; papo keeps trying, so try again in a while".to_owned()
        }
        Problem::TrackerSilent => "the tracker was lost before it answered: try again when it is back".to_owned(),
        Problem::PasswordMissing => "an account needs a password".to_owned(),
        Problem::NotInRoom { room } => format!("you are not in #{room}: /join {room}"),
        Problem::UnknownUser { user } => format!("nobody by the name of {user} is known here"),
        Problem::Oneself => "that is you".to_owned(),
        Problem::AlreadyLinked { user } => format!("you are linked to {user} already"),
        Problem::NotLinked { user } => format!("there is no link to {user}"),
        Problem::Unreachable { address, reason } => {
            format!("nobody can be reached at {address}: {}", refusal(*reason))
        }
        Problem::LinkFault { address, fault: Fault::Refused } => {
            format!("whoever answers at {address} takes no link from you at present")
        }
        Problem::LinkFault { address, fault: why } => {
            format!("what answers at {address} is no papo that can be talked to: {}", fault(*why))
        }
        Problem::Blocked { user } => format!("you have blocked {user}: /unblock {user}"),
        Problem::KeyChanged { user } => {
            format!("the key of {user} changed: ask {user} by another way, then /trust {user}")
        }
        Problem::NothingToTrust { user } => format!("{user} has shown no other key than the accepted one"),
        Problem::TextEmpty => "there is nothing to say".to_owned(),
        Problem::TextTooLong { bytes, max } => {
            format!("that is too long for one message ({bytes} bytes; {max} fit): say it in parts")
        }
        Problem::TooMuchWaiting { user } => {
            format!("too much waits for {user} already; nothing more is kept until some of it is delivered")
        }
        Problem::NobodyLinked => {
            "nobody is linked to you, so nobody would hear it: /join a room, /msg USER TEXT, or /connect IP:PORT"
                .to_owned()
        }
        Problem::TimedOut => "it took too long".to_owned(),
        Problem::TooManyRequests => "too much is under way: wait for an answer first".to_owned(),
        Problem::OutOfRange => CAPACITIES.to_owned(),
        Problem::UnknownTransfer { transfer } => format!("there is no transfer {transfer}: /transfers lists them"),
        Problem::NotAnOffer { transfer } => format!("transfer {transfer} is no offer to you that waits for an answer"),
        Problem::NotAccepted { transfer } => format!("transfer {transfer} is not accepted yet: /accept {transfer}"),
        Problem::TooManyTransfers { max } => {
            format!("there would be more than {max} transfers: wait until some have ended, or /cancel them")
        }
        Problem::File { path, error } => format!("{} can't be sent: {}", quoted(path), files::not_read(*error)),
        Problem::ReceivedFiles { transfer, error } => {
            format!("transfer {transfer} can't be received: {}", files::not_written(*error))
        }
        Problem::NoSpace { transfer, needed, free } => {
            let (needed, free) = (files::bytes(*needed), files::bytes(*free));
            format!("transfer {transfer} needs {needed}, and {free} are free: make room, then /accept {transfer}")
        }
        Problem::Stopping => "papo is about to end".to_owned(),
    }
}

fn unreachable_tracker(tracker: &str, reason: Refusal) -> String {
    match reason {
        Refusal::Refused => format!("nothing answers at {tracker}: is papo-tracker running there?"),
        Refusal::TimedOut => {
            format!("nothing answers at {tracker}: is papo-tracker running there, and does a firewall let it through?")
        }
        Refusal::Unreachable => format!("no way leads to {tracker}: is this machine on the network?"),
        Refusal::AddressInUse
        | Refusal::AddressNotAvailable
        | Refusal::Denied
        | Refusal::Exhausted
        | Refusal::Other => format!("{tracker} can't be reached: {}", refusal(reason)),
    }
}

/// Why a line was not understood.
pub(crate) fn mistake(mistake: &Mistake) -> String {
    match mistake {
        Mistake::UnknownCommand { typed, nearest } => {
            let hint = match nearest {
                Some(verb) => format!("did you mean /{}?", verb.word()),
                None => "/help lists the commands".to_owned(),
            };
            format!("there is no command /{typed}: {hint} (// says a literal slash)")
        }
        Mistake::Usage(verb) => format!("it goes {}", usage(*verb)),
        Mistake::Name { typed, why } => format!("{} can't be a name: {}", quoted(typed), bad_name(*why)),
        Mistake::Capacity(typed) => format!("{CAPACITIES}, not {}", quoted(typed)),
        Mistake::Address(typed) => {
            format!("{} is not an address with a port, such as 10.0.0.2:6061", quoted(typed))
        }
        Mistake::Tracker(why) => format!("that is not the address of a tracker: {why}"),
        Mistake::Transfer(typed) => {
            format!("{} is not the number of a transfer: /transfers lists them", quoted(typed))
        }
        Mistake::NoRoom(verb) => format!("you talk to no room at present: /{} ROOM", verb.word()),
        Mistake::TooLong { max } => format!("that is too long: {max} bytes fit"),
    }
}

fn bad_name(why: BadName) -> String {
    match why {
        BadName::Empty => "it has no letters".to_owned(),
        BadName::TooLong => format!("it has more than {} characters", papo_proto::names::NAME_CHARS_MAX),
        BadName::Character(' ') => "it has a space in it".to_owned(),
        BadName::Character(character) if character.is_ascii_graphic() => format!("it has {character} in it"),
        BadName::Character(character) => format!("it has the character U+{:04X} in it", u32::from(character)),
    }
}

/// What went wrong outside of the peer.
pub(crate) fn trouble(trouble: &Trouble) -> String {
    match trouble {
        Trouble::BadJson(why) => {
            format!("an object must be {{\"say\":TEXT}} or {{\"do\":\"/command\"}}: {why}")
        }
        Trouble::LineTooLong { max } => format!("a line of input is longer than {max} bytes; it is not sent"),
        Trouble::NotUtf8 => "a line of input is not UTF-8; it is not sent".to_owned(),
        Trouble::PasswordMissing { user, tracker } => format!(
            "the tracker at {} asks for the password of {user}: give it with --password-file or PAPO_PASSWORD; for a \
             new account add --register",
            tracker
        ),
        Trouble::NoPassword => "that needs a password: give it with --password-file or PAPO_PASSWORD".to_owned(),
        Trouble::UnknownTracker { tracker, key } => {
            format!(
                "the tracker at {tracker} is not known here. If its fingerprint is {key}, give it with --tracker \
                 {tracker}#{key}; to accept whatever key it has, add --trust-new"
            )
        }
        Trouble::PasswordsDiffer => "the two are not the same: once more from the start".to_owned(),
        Trouble::YesOrNo => "please answer yes or no".to_owned(),
        Trouble::NotReached { user, seconds } => {
            format!("{user} was not there for {seconds} s: is papo running there, and does a firewall let it through?")
        }
        Trouble::HostRefused(why) => host_refused(why),
        Trouble::NotShown(count) => {
            format!("{count} notices are not shown, because the output was full; no message is among them")
        }
    }
}

/// What is worth knowing, in lines.
pub(crate) fn info(info: &Info) -> Vec<String> {
    let line = match info {
        Info::Talking(Target::All) => "you talk to everyone now".to_owned(),
        Info::Talking(to) => format!("you talk to {} now", target(to)),
        Info::RoomGone(room) => format!("#{room} is not there for you any more; you talk to everyone now"),
        Info::LateDelivery { to, text } => format!("{to} has now: {text}"),
        Info::FirstSteps { tracker: true } => {
            "/help lists the commands, /rooms the rooms; /join ROOM goes into one".to_owned()
        }
        Info::FirstSteps { tracker: false } => {
            "/help lists the commands; who runs papo on this network is found by itself. Rooms need --tracker or --host"
                .to_owned()
        }
        Info::StatusSet { status: set, text } if text.is_empty() => format!("you are {} to others now", status(*set)),
        Info::StatusSet { status: set, text } => {
            format!("you are {} to others now: {}", status(*set), quoted(text))
        }
        Info::ProfileSet { empty: true } => "your profile is empty now".to_owned(),
        Info::ProfileSet { empty: false } => "your profile stands; others see it with /whois".to_owned(),
        Info::PlaintextSet { open: true } => {
            "your account is open to old clients now, which log in without encryption".to_owned()
        }
        Info::PlaintextSet { open: false } => "your account is closed to old clients without encryption now".to_owned(),
        Info::Sending { to, seconds } => format!("looking for {to}, for {seconds} s at most; Ctrl-C ends it"),
        Info::Receiving { from: Some(user) } => format!("waiting for what {user} sends; Ctrl-C ends it"),
        Info::Receiving { from: None } => "waiting for what others send; Ctrl-C ends it".to_owned(),
        Info::NotForThis { from, name } => {
            format!("what {from} offers, {}, is left for papo or another papo receive", quoted(name))
        }
        Info::GoesOn => "what has not arrived yet goes on when the same is started again".to_owned(),
        Info::Accepted(transfer) => format!("transfer {transfer} is accepted; /transfers tells how far it is"),
        Info::Held { transfer, held: true } => format!("transfer {transfer} is held: /resume {transfer}"),
        Info::Held { transfer, held: false } => format!("transfer {transfer} goes on"),
        Info::KeepsTrying => "papo keeps trying; what you can do without the tracker goes on".to_owned(),
        Info::HowToQuit => "Ctrl-C again, Ctrl-D or /quit ends papo".to_owned(),
        Info::Help(topic) => return help::lines(*topic),
        Info::ConfirmTracker { tracker, key } => {
            return vec![
                format!("the tracker at {tracker} is not known here yet. Its fingerprint is"),
                key.to_string(),
                "Is that what its owner told you? Your name and password go there only after a yes.".to_owned(),
            ];
        }
        Info::PasswordWanted { register: true, .. } => "choose a password; it is not shown while you type".to_owned(),
        Info::PasswordWanted { user, register: false } => format!(
            "this device is not tied to the account {user} yet. Its password, please (not shown while you type); \
             without an account, press Enter and type /register"
        ),
        Info::PasswordSkipped => "no password: /login or /register when you like".to_owned(),
        Info::Hosting { addresses, key } => {
            let reached = addresses.iter().map(|address| format!("papo --tracker {address}#{key}"));
            return std::iter::once("a tracker runs in this papo; others reach it with".to_owned())
                .chain(reached)
                .collect();
        }
        Info::Recording(path) => format!(
            "everything is written down in {}, keys, texts and files among it: keep that file to yourself",
            path.display()
        ),
    };
    vec![line]
}

#[cfg(test)]
#[path = "sentences_tests.rs"]
pub(super) mod tests;

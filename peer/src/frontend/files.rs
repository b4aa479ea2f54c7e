//! What papo says to a person about files, in English, as [`super::sentences`] does about the rest. Names of files are
//! a stranger's words: they are quoted.

use papo_proto::{
    disk::{DiskError, Skipped},
    escape::quoted,
    names::Name,
    peer::interface::{Phase, TransferSeen},
    wire::transfer::Reason,
};

/// What the columns of the list of transfers are called.
pub(crate) const COLUMNS: [&str; 5] = ["number", "with", "name", "arrived", "state"];
/// There are none.
pub(crate) const NONE: &str = "no transfers";

fn what(name: &str, tree: bool, size: u64, files: u32) -> String {
    let name = quoted(name);
    if tree { format!("the directory {name} ({files} files, {size} bytes)") } else { format!("{name} ({size} bytes)") }
}

/// Someone offers something.
pub(crate) fn offer(
    transfer: u64,
    from: &Name,
    (name, tree, size, files): (&str, bool, u64, u32),
    accepted: bool,
) -> String {
    let what = what(name, tree, size, files);
    if accepted {
        format!("{from} sends {what}; it is accepted as {transfer}")
    } else {
        format!("{from} offers {what}: /accept {transfer} or /reject {transfer}")
    }
}

/// Something is offered to someone.
pub(crate) fn offered(
    transfer: u64,
    to: &Name,
    (name, tree, size, files): (&str, bool, u64, u32),
    waiting: bool,
) -> String {
    let what = what(name, tree, size, files);
    let waits = if waiting { "; it waits until there is a link" } else { "" };
    format!("{what} is offered to {to} as {transfer}{waits}")
}

/// Something arrived.
pub(crate) fn received(from: &Name, path: &str, renamed: u64) -> String {
    let path = quoted(path);
    match renamed {
        0 => format!("received {path} from {from}"),
        1 => format!("received {path} from {from}; one name in it was changed"),
        _ => format!("received {path} from {from}; {renamed} names in it were changed"),
    }
}

/// Something was received elsewhere.
pub(crate) fn sent(to: &Name, name: &str) -> String {
    format!("{to} has {}", quoted(name))
}

/// A transfer ended early.
pub(crate) fn ended(transfer: u64, incoming: bool, user: &Name, name: &str, reason: Reason, by_us: bool) -> String {
    let (name, preposition) = (quoted(name), if incoming { "from" } else { "to" });
    format!("transfer {transfer} of {name} {preposition} {user} ended: {}", why(user, reason, incoming, by_us))
}

fn why(user: &Name, reason: Reason, incoming: bool, by_us: bool) -> String {
    match (reason, by_us) {
        (Reason::Rejected, true) => "you rejected it".to_owned(),
        (Reason::Rejected, false) => format!("{user} rejected it"),
        (Reason::Cancelled, true) => "you cancelled it".to_owned(),
        (Reason::Cancelled, false) => format!("{user} cancelled it"),
        (Reason::Busy, _) if incoming => "too much is offered already".to_owned(),
        (Reason::Busy, _) => format!("too much is offered to {user} already"),
        (Reason::Full, _) if incoming => "this disk is full".to_owned(),
        (Reason::Full, _) => format!("the disk of {user} is full"),
        (Reason::Changed, _) => "what was sent has changed since it was offered, or is gone".to_owned(),
        (Reason::Failed, true) => "this disk failed".to_owned(),
        (Reason::Failed, false) => format!("the disk of {user} failed"),
        (Reason::Invalid, true) => format!("what {user} sent is not what was promised, or not allowed"),
        (Reason::Invalid, false) => format!("{user} does not take something like that"),
        (Reason::Mismatch, _) => "what arrived is not what was sent".to_owned(),
    }
}

/// A row of the list of transfers.
pub(crate) fn row(seen: &TransferSeen) -> [String; 5] {
    let phase = match seen.phase {
        Phase::Offered => "offered",
        Phase::Waiting => "waiting",
        Phase::Running => "running",
        Phase::Paused { here: true, .. } => "paused",
        Phase::Paused { here: false, .. } => "paused there",
        Phase::Checking => "checking",
    };
    [
        seen.transfer.to_string(),
        format!("{} {}", if seen.incoming { "from" } else { "to" }, seen.user),
        quoted(&seen.name),
        format!("{} of {} bytes", seen.done, seen.total),
        phase.to_owned(),
    ]
}

/// What was passed over.
pub(crate) fn skipped(name: &str, skipped: &Skipped) -> String {
    let named = skipped.named.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
    let more = if skipped.count > skipped.named.len() as u64 { " and others" } else { "" };
    format!("of {} {} entries are not sent, for they are no plain files: {named}{more}", quoted(name), skipped.count)
}

/// Why the disk did not do it.
pub(crate) const fn disk(error: DiskError) -> &'static str {
    match error {
        DiskError::NotFound => "there is no such file or directory",
        DiskError::Denied => "it may not be read",
        DiskError::Full => "the disk is full",
        DiskError::Changed => "it changed meanwhile",
        DiskError::NotAFile => "it is neither a file nor a directory",
        DiskError::TooMany => "it has too many entries, or too long names, for one transfer",
        DiskError::Tampered => "something changed what had arrived",
        DiskError::Other => "the disk failed",
    }
}

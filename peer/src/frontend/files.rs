//! What papo says to a person about files, in English, as [`super::sentences`] does about the rest. Names of files are
//! a stranger's words: they are quoted.

use std::{path::Path, time::Duration};

use papo_proto::{
    disk::{DiskError, Skipped},
    escape::quoted,
    names::Name,
    peer::interface::{Phase, TransferSeen},
    wire::transfer::Reason,
};

use super::progress::{Moving, Summary, rate};
use crate::args::Transfer;

/// What the columns of the list of transfers are called.
pub(crate) const COLUMNS: [&str; 5] = ["number", "with", "name", "arrived", "state"];
/// There are none.
pub(crate) const NONE: &str = "no transfers";

fn what(name: &str, tree: bool, size: u64, files: u32) -> String {
    let (name, size) = (quoted(name), bytes(size));
    match (tree, files) {
        (false, _) => format!("{name} ({size})"),
        (true, 1) => format!("the directory {name} (one file, {size})"),
        (true, _) => format!("the directory {name} ({files} files, {size})"),
    }
}

/// A size, with as many digits as tell something.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    }
    let mut scale = 1000_u64;
    let mut unit = 0;
    while count / scale >= 1000 {
        (scale, unit) = (scale * 1000, unit + 1);
    }
    let (whole, tenths) = (count / scale, count % scale / (scale / 10));
    if whole < 10 { format!("{whole}.{tenths} {}", UNITS[unit]) } else { format!("{whole} {}", UNITS[unit]) }
}

/// A time: `M:SS` or `H:MM:SS`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How far something is, how quickly it moves, and how long that takes.
fn far(moving: &Moving) -> String {
    let mut far = format!("{} % of {}", moving.percent(), bytes(moving.total));
    if let Some(left) = moving.left().filter(|left| !left.is_zero()) {
        far += &format!(", {}/s, {} left", bytes(moving.rate), clock(left));
    }
    far
}

/// How far a transfer is.
pub(crate) fn progress(moving: &Moving) -> String {
    match &moving.label {
        Some(label) => {
            let preposition = if label.incoming { "from" } else { "to" };
            format!("{} {preposition} {}: {}", quoted(&label.name), label.user, far(moving))
        }
        None => format!("transfer {}: {}", moving.transfer, far(moving)),
    }
}

/// How far all that moves is, in one line; none where nothing does.
pub(crate) fn progress_of_all(moving: &[Moving]) -> Option<String> {
    match moving {
        [] => None,
        [one] => Some(progress(one)),
        all => {
            let sum = |part: fn(&Moving) -> u64| all.iter().map(part).fold(0, u64::saturating_add);
            let (done, total, rate) = (sum(|one| one.done), sum(|one| one.total), sum(|one| one.rate));
            let together = Moving { transfer: 0, label: None, done, total, rate };
            Some(format!("{} transfers: {}", all.len(), far(&together)))
        }
    }
}

/// What a transfer was like.
fn like(summary: &Summary) -> String {
    let mut like = bytes(summary.bytes);
    // Of what took a moment only, a rate tells nothing.
    if let Some((moved, time)) = summary.moved.filter(|(_, time)| time.as_secs() > 0) {
        like += &format!(" in {}, {}/s", clock(time), bytes(rate(moved, time)));
    }
    like
}

/// Another papo has the directory of one that was to do a thing from a shell.
pub(crate) fn busy(data: &Path, task: &Transfer) -> String {
    let data = data.display();
    match task {
        Transfer::Send { to, .. } => format!(
            "another papo uses {data}: type /send {to} PATH there. (Or give this one its own with --data: it has another \
             key then, and is a stranger to {to}.)"
        ),
        Transfer::Receive { .. } => format!(
            "another papo uses {data}, and files come to that one: type /accept there. (Or give this one its own with \
             --data: it has another key then, and is a stranger to all.)"
        ),
    }
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
pub(crate) fn received(from: &Name, path: &str, renamed: u64, summary: &Summary) -> String {
    let received = format!("received {} from {from} ({})", quoted(path), like(summary));
    match renamed {
        0 => received,
        1 => format!("{received}; one name was changed, for it was not safe"),
        _ => format!("{received}; {renamed} names were changed, for they were not safe"),
    }
}

/// Something was received elsewhere.
pub(crate) fn sent(to: &Name, name: &str, skipped: u64, summary: &Summary) -> String {
    let sent = format!("{to} has {} ({})", quoted(name), like(summary));
    match skipped {
        0 => sent,
        1 => format!("{sent}; one link or special file was left out"),
        count => format!("{sent}; {count} links or special files were left out"),
    }
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
        (Reason::OtherKey, true) if incoming => format!("it came from a key that {user} has no longer"),
        (Reason::OtherKey, true) => format!("{user} has another key now, and is offered it anew"),
        (Reason::OtherKey, false) => format!("{user} has accepted another key for you"),
    }
}

/// How far a transfer has come, in a word; for scripts, too.
pub(crate) const fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Offered => "offered",
        Phase::Waiting => "waiting",
        Phase::Running => "running",
        Phase::Paused { here: true, .. } => "paused",
        Phase::Paused { here: false, .. } => "paused there",
        Phase::Checking => "checking",
    }
}

/// A row of the list of transfers.
pub(crate) fn row(seen: &TransferSeen) -> [String; 5] {
    [
        seen.transfer.to_string(),
        format!("{} {}", if seen.incoming { "from" } else { "to" }, seen.user),
        quoted(&seen.name),
        format!("{} of {}", bytes(seen.done), bytes(seen.total)),
        phase(seen.phase).to_owned(),
    ]
}

/// What was passed over.
pub(crate) fn skipped(name: &str, skipped: &Skipped) -> String {
    let named = skipped.named.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
    let more = match skipped.count.saturating_sub(skipped.named.len() as u64) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("left out of {}: {named}{more} (links, special files, and what may not be read)", quoted(name))
}

/// Why something can't be received.
pub(crate) const fn not_written(error: DiskError) -> &'static str {
    match error {
        DiskError::Full => "the disk is full",
        DiskError::Denied => "papo may not write where received files go, or another papo is receiving the same",
        DiskError::TooMany => "a name in it is too long for the disk, or a file too large",
        DiskError::Tampered => "something changed what had arrived of it",
        DiskError::NotFound | DiskError::Changed | DiskError::NotAFile | DiskError::Other => "the disk failed",
    }
}

/// Why something can't be sent.
pub(crate) const fn not_read(error: DiskError) -> &'static str {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::progress::Label;

    #[test]
    fn sizes_and_times_have_as_many_digits_as_tell_something() {
        for (count, text) in [
            (0, "0 bytes"),
            (1, "1 byte"),
            (999, "999 bytes"),
            (1000, "1.0 kB"),
            (9_999, "9.9 kB"),
            (10_000, "10 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (20_000_000_000, "20 GB"),
            (u64::MAX, "18 EB"),
        ] {
            assert_eq!(bytes(count), text);
        }
        let times = [0, 59, 60, 3599, 3600, 36_061].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(times, ["0:00", "0:59", "1:00", "59:59", "1:00:00", "10:01:01"]);
    }

    fn moving(transfer: u64, rate: u64) -> Moving {
        Moving { transfer, label: None, done: 450_000_000, total: 1_000_000_000, rate }
    }

    #[test]
    fn one_line_tells_of_one_transfer_or_of_all_together() {
        assert_eq!(progress_of_all(&[]), None);
        let label =
            Some(Label { incoming: true, user: Name::new("bia").expect("valid"), name: "film\n.mkv".to_owned() });
        let named = Moving { label, ..moving(7, 10_000_000) };
        let one = "“film\\n.mkv” from bia: 45 % of 1.0 GB, 10 MB/s, 0:55 left";
        assert_eq!(progress_of_all(&[named]).as_deref(), Some(one));
        assert_eq!(progress(&moving(7, 0)), "transfer 7: 45 % of 1.0 GB");
        let whole = Moving { done: 1_000_000_000, ..moving(7, 10) };
        assert_eq!(progress(&whole), "transfer 7: 100 % of 1.0 GB");
        let all = progress_of_all(&[moving(1, 10_000_000), moving(2, 1_000_000)]);
        assert_eq!(all.as_deref(), Some("2 transfers: 45 % of 2.0 GB, 11 MB/s, 1:40 left"));
    }

    #[test]
    fn a_summary_tells_size_time_rate_and_what_is_not_as_it_was() {
        let bia = Name::new("bia").expect("valid");
        let moved = Some((4_000_000, Duration::from_secs(2)));
        let summary = Summary { bytes: 5_000_000, moved };
        assert_eq!(received(&bia, "/r/x", 0, &summary), "received “/r/x” from bia (5.0 MB in 0:02, 2.0 MB/s)");
        let quick = Summary { moved: Some((5, Duration::from_millis(999))), bytes: 5 };
        assert_eq!(received(&bia, "/r/x", 0, &quick), "received “/r/x” from bia (5 bytes)");
        let unknown = Summary { bytes: 5, ..Summary::default() };
        let renamed = received(&bia, "/r/x", 2, &unknown);
        assert_eq!(renamed, "received “/r/x” from bia (5 bytes); 2 names were changed, for they were not safe");
        assert_eq!(sent(&bia, "x", 0, &unknown), "bia has “x” (5 bytes)");
        assert_eq!(sent(&bia, "x", 1, &unknown), "bia has “x” (5 bytes); one link or special file was left out");
    }
}

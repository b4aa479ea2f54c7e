//! What is said about files. Names of files are a stranger's words: they are quoted.

use std::{path::Path, time::Duration};

use papo_proto::{
    disk::{DiskError, Skipped},
    escape::quoted,
    names::Name,
    peer::interface::{Phase, TransferSeen},
    wire::transfer::Reason,
};

use super::{Language, say};
use crate::{
    args::Transfer,
    frontend::progress::{Moving, Summary, rate},
};

/// What the columns of the list of transfers are called.
pub(crate) const fn columns(language: Language) -> [&'static str; 5] {
    language.either(["number", "with", "name", "arrived", "state"], ["número", "com", "nome", "chegou", "estado"])
}

/// There are none.
pub(crate) const fn none(language: Language) -> &'static str {
    language.either("no transfers", "nenhuma transferência")
}

fn what(language: Language, name: &str, tree: bool, size: u64, files: u32) -> String {
    let (name, size) = (quoted(name), bytes(language, size));
    match (tree, files) {
        (false, _) => format!("{name} ({size})"),
        (true, 1) => {
            say!(language, "the directory {name} (one file, {size})", "o diretório {name} (um arquivo, {size})")
        }
        (true, _) => say!(
            language,
            "the directory {name} ({files} files, {size})",
            "o diretório {name} ({files} arquivos, {size})"
        ),
    }
}

/// A size, with as many digits as tell something, and the language's sign before the decimals.
pub(crate) fn bytes(language: Language, count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return if count == 1 { "1 byte".to_owned() } else { format!("{count} bytes") };
    }
    let mut scale = 1000_u64;
    let mut unit = 0;
    while count / scale >= 1000 {
        (scale, unit) = (scale * 1000, unit + 1);
    }
    let (whole, tenths, unit) = (count / scale, count % scale / (scale / 10), UNITS[unit]);
    if whole < 10 {
        say!(language, "{whole}.{tenths} {unit}", "{whole},{tenths} {unit}")
    } else {
        format!("{whole} {unit}")
    }
}

/// A time: `M:SS` or `H:MM:SS`.
fn clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// How far something is, how quickly it moves, and how long that takes.
fn far(language: Language, moving: &Moving) -> String {
    let mut far = say!(language, "{} % of {}", "{} % de {}", moving.percent(), bytes(language, moving.total));
    if let Some(left) = moving.left().filter(|left| !left.is_zero()) {
        far += &say!(
            language,
            ", {rate}/s, {left} left",
            ", {rate}/s, faltam {left}",
            rate = bytes(language, moving.rate),
            left = clock(left)
        );
    }
    far
}

const fn preposition(language: Language, incoming: bool) -> &'static str {
    if incoming { language.either("from", "de") } else { language.either("to", "para") }
}

/// How far a transfer is.
pub(crate) fn progress(language: Language, moving: &Moving) -> String {
    let far = far(language, moving);
    match &moving.label {
        Some(label) => {
            let preposition = preposition(language, label.incoming);
            format!("{} {preposition} {}: {far}", quoted(&label.name), label.user)
        }
        None => say!(language, "transfer {}: {far}", "transferência {}: {far}", moving.transfer),
    }
}

/// How far all that moves is, in one line; none where nothing does.
pub(crate) fn progress_of_all(language: Language, moving: &[Moving]) -> Option<String> {
    match moving {
        [] => None,
        [one] => Some(progress(language, one)),
        all => {
            let sum = |part: fn(&Moving) -> u64| all.iter().map(part).fold(0, u64::saturating_add);
            let (done, total, rate) = (sum(|one| one.done), sum(|one| one.total), sum(|one| one.rate));
            let together = Moving { transfer: 0, label: None, done, total, rate };
            let far = far(language, &together);
            Some(say!(language, "{} transfers: {far}", "{} transferências: {far}", all.len()))
        }
    }
}

/// What a transfer was like.
fn like(language: Language, summary: &Summary) -> String {
    let mut like = bytes(language, summary.bytes);
    // Of what took a moment only, a rate tells nothing.
    if let Some((moved, time)) = summary.moved.filter(|(_, time)| time.as_secs() > 0) {
        let rate = bytes(language, rate(moved, time));
        like += &say!(language, " in {}, {rate}/s", " em {}, {rate}/s", clock(time));
    }
    like
}

/// Another papo has the directory of one that was to do a thing from a shell.
pub(crate) fn busy(language: Language, data: &Path, task: &Transfer) -> String {
    let data = data.display();
    match task {
        Transfer::Send { to, .. } => say!(
            language,
            "another papo uses {data}: type /send {to} PATH there. (Or give this one its own with --data: it has another \
             key then, and is a stranger to {to}.)",
            "Outro papo usa {data}: digite /send {to} CAMINHO nele. (Ou dê a este o seu próprio com --data: ele terá \
             outra chave, e será um estranho para {to}.)"
        ),
        Transfer::Receive { .. } => say!(
            language,
            "another papo uses {data}, and files come to that one: type /accept there. (Or give this one its own with \
             --data: it has another key then, and is a stranger to all.)",
            "Outro papo usa {data}, e os arquivos vão para ele: digite /accept nele. (Ou dê a este o seu próprio com \
             --data: ele terá outra chave, e será um estranho para todos.)"
        ),
    }
}

/// Someone offers something.
pub(crate) fn offer(
    language: Language,
    transfer: u64,
    from: &Name,
    (name, tree, size, files): (&str, bool, u64, u32),
    accepted: bool,
) -> String {
    let what = what(language, name, tree, size, files);
    if accepted {
        say!(
            language,
            "{from} sends {what}; it is accepted as {transfer}",
            "{from} envia {what}; foi aceito como {transfer}"
        )
    } else {
        say!(
            language,
            "{from} offers {what}: /accept {transfer} or /reject {transfer}",
            "{from} oferece {what}: /accept {transfer} ou /reject {transfer}"
        )
    }
}

/// Something is offered to someone.
pub(crate) fn offered(
    language: Language,
    transfer: u64,
    to: &Name,
    (name, tree, size, files): (&str, bool, u64, u32),
    waiting: bool,
) -> String {
    let what = what(language, name, tree, size, files);
    let waits = if waiting {
        language.either("; it waits until there is a link", "; espera até haver uma conexão")
    } else {
        ""
    };
    say!(language, "{what} is offered to {to} as {transfer}{waits}", "{what}: oferecido a {to} como {transfer}{waits}")
}

/// Something arrived.
pub(crate) fn received(language: Language, from: &Name, path: &str, renamed: u64, summary: &Summary) -> String {
    let received = say!(
        language,
        "received {} from {from} ({})",
        "Recebido {} de {from} ({})",
        quoted(path),
        like(language, summary)
    );
    match renamed {
        0 => received,
        1 => say!(
            language,
            "{received}; one name was changed, for it was not safe",
            "{received}; um nome foi mudado, porque não era seguro."
        ),
        _ => say!(
            language,
            "{received}; {renamed} names were changed, for they were not safe",
            "{received}; {renamed} nomes foram mudados, porque não eram seguros."
        ),
    }
}

/// Something was received elsewhere.
pub(crate) fn sent(language: Language, to: &Name, name: &str, skipped: u64, summary: &Summary) -> String {
    let sent = say!(language, "{to} has {} ({})", "{to} recebeu {} ({})", quoted(name), like(language, summary));
    match skipped {
        0 => sent,
        1 => say!(
            language,
            "{sent}; one link or special file was left out",
            "{sent}; um link ou arquivo especial ficou de fora."
        ),
        count => say!(
            language,
            "{sent}; {count} links or special files were left out",
            "{sent}; {count} links ou arquivos especiais ficaram de fora."
        ),
    }
}

/// A transfer ended early.
pub(crate) fn ended(
    language: Language,
    transfer: u64,
    incoming: bool,
    user: &Name,
    name: &str,
    reason: Reason,
    by_us: bool,
) -> String {
    say!(
        language,
        "transfer {transfer} of {name} {preposition} {user} ended: {why}",
        "A transferência {transfer} de {name} {preposition} {user} terminou: {why}.",
        name = quoted(name),
        preposition = preposition(language, incoming),
        why = why(language, user, reason, incoming, by_us)
    )
}

fn why(language: Language, user: &Name, reason: Reason, incoming: bool, by_us: bool) -> String {
    let either = |en: &str, pt: &str| language.either(en, pt).to_owned();
    match (reason, by_us) {
        (Reason::Rejected, true) => either("you rejected it", "você rejeitou"),
        (Reason::Rejected, false) => say!(language, "{user} rejected it", "{user} rejeitou"),
        (Reason::Cancelled, true) => either("you cancelled it", "você cancelou"),
        (Reason::Cancelled, false) => say!(language, "{user} cancelled it", "{user} cancelou"),
        (Reason::Busy, _) if incoming => either("too much is offered already", "já há ofertas demais"),
        (Reason::Busy, _) => say!(language, "too much is offered to {user} already", "já há ofertas demais a {user}"),
        (Reason::Full, _) if incoming => either("this disk is full", "este disco está cheio"),
        (Reason::Full, _) => say!(language, "the disk of {user} is full", "o disco de {user} está cheio"),
        (Reason::Changed, _) => either(
            "what was sent has changed since it was offered, or is gone",
            "o que se enviava mudou desde a oferta, ou não existe mais",
        ),
        (Reason::Failed, true) => either("this disk failed", "este disco falhou"),
        (Reason::Failed, false) => say!(language, "the disk of {user} failed", "o disco de {user} falhou"),
        (Reason::Invalid, true) => say!(
            language,
            "what {user} sent is not what was promised, or not allowed",
            "o que {user} enviou não é o prometido, ou não é permitido"
        ),
        (Reason::Invalid, false) => {
            say!(language, "{user} does not take something like that", "{user} não aceita algo assim")
        }
        (Reason::Mismatch, _) => either("what arrived is not what was sent", "o que chegou não é o que foi enviado"),
        (Reason::OtherKey, true) if incoming => {
            say!(language, "it came from a key that {user} has no longer", "veio de uma chave que {user} não tem mais")
        }
        (Reason::OtherKey, true) => say!(
            language,
            "{user} has another key now, and is offered it anew",
            "{user} agora tem outra chave, e recebe a oferta de novo"
        ),
        (Reason::OtherKey, false) => {
            say!(language, "{user} has accepted another key for you", "{user} aceitou outra chave sua")
        }
    }
}

/// How far a transfer has come, in a word.
const fn phase(language: Language, phase: Phase) -> &'static str {
    match phase {
        Phase::Offered => language.either("offered", "oferecida"),
        Phase::Waiting => language.either("waiting", "esperando"),
        Phase::Running => language.either("running", "em curso"),
        Phase::Paused { here: true, .. } => language.either("paused", "pausada"),
        Phase::Paused { here: false, .. } => language.either("paused there", "pausada lá"),
        Phase::Checking => language.either("checking", "conferindo"),
    }
}

/// A row of the list of transfers.
pub(crate) fn row(language: Language, seen: &TransferSeen) -> [String; 5] {
    [
        seen.transfer.to_string(),
        format!("{} {}", preposition(language, seen.incoming), seen.user),
        quoted(&seen.name),
        say!(language, "{} of {}", "{} de {}", bytes(language, seen.done), bytes(language, seen.total)),
        phase(language, seen.phase).to_owned(),
    ]
}

/// What was passed over.
pub(crate) fn skipped(language: Language, name: &str, skipped: &Skipped) -> String {
    let named = skipped.named.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(", ");
    let more = match skipped.count.saturating_sub(skipped.named.len() as u64) {
        0 => String::new(),
        more => say!(language, " and {more} more", " e mais {more}"),
    };
    say!(
        language,
        "left out of {}: {named}{more} (links, special files, and what may not be read)",
        "Ficou de fora de {}: {named}{more} (links, arquivos especiais e o que não pode ser lido).",
        quoted(name)
    )
}

/// Why something can't be received.
pub(super) const fn not_written(language: Language, error: DiskError) -> &'static str {
    match error {
        DiskError::Full => language.either("the disk is full", "o disco está cheio"),
        DiskError::Denied => language.either(
            "papo may not write where received files go, or another papo is receiving the same",
            "o papo não pode escrever onde ficam os arquivos recebidos, ou outro papo está recebendo o mesmo",
        ),
        DiskError::TooMany => language.either(
            "a name in it is too long for the disk, or a file too large",
            "um nome nela é longo demais para o disco, ou um arquivo é grande demais",
        ),
        DiskError::Tampered => {
            language.either("something changed what had arrived of it", "algo mudou o que tinha chegado dela")
        }
        DiskError::NotFound | DiskError::Changed | DiskError::NotAFile | DiskError::Other => {
            language.either("the disk failed", "o disco falhou")
        }
    }
}

/// Why something can't be sent.
pub(super) const fn not_read(language: Language, error: DiskError) -> &'static str {
    match error {
        DiskError::NotFound => {
            language.either("there is no such file or directory", "não há um arquivo ou diretório assim")
        }
        DiskError::Denied => language.either("it may not be read", "não há permissão de leitura"),
        DiskError::Full => language.either("the disk is full", "o disco está cheio"),
        DiskError::Changed => language.either("it changed meanwhile", "mudou enquanto isso"),
        DiskError::NotAFile => {
            language.either("it is neither a file nor a directory", "não é um arquivo nem um diretório")
        }
        DiskError::TooMany => language.either(
            "it has too many entries, or too long names, for one transfer",
            "tem entradas demais, ou nomes longos demais, para uma transferência",
        ),
        DiskError::Tampered => language.either("something changed what had arrived", "algo mudou o que tinha chegado"),
        DiskError::Other => language.either("the disk failed", "o disco falhou"),
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
            assert_eq!(bytes(Language::En, count), text);
        }
        let times = [0, 59, 60, 3599, 3600, 36_061].map(|seconds| clock(Duration::from_secs(seconds)));
        assert_eq!(times, ["0:00", "0:59", "1:00", "59:59", "1:00:00", "10:01:01"]);
    }

    fn moving(transfer: u64, rate: u64) -> Moving {
        Moving { transfer, label: None, done: 450_000_000, total: 1_000_000_000, rate }
    }

    #[test]
    fn one_line_tells_of_one_transfer_or_of_all_together() {
        assert_eq!(progress_of_all(Language::En, &[]), None);
        let label =
            Some(Label { incoming: true, user: Name::new("bia").expect("valid"), name: "film\n.mkv".to_owned() });
        let named = Moving { label, ..moving(7, 10_000_000) };
        let one = "“film\\n.mkv” from bia: 45 % of 1.0 GB, 10 MB/s, 0:55 left";
        assert_eq!(progress_of_all(Language::En, &[named]).as_deref(), Some(one));
        assert_eq!(progress(Language::En, &moving(7, 0)), "transfer 7: 45 % of 1.0 GB");
        let whole = Moving { done: 1_000_000_000, ..moving(7, 10) };
        assert_eq!(progress(Language::En, &whole), "transfer 7: 100 % of 1.0 GB");
        let all = progress_of_all(Language::En, &[moving(1, 10_000_000), moving(2, 1_000_000)]);
        assert_eq!(all.as_deref(), Some("2 transfers: 45 % of 2.0 GB, 11 MB/s, 1:40 left"));
    }

    #[test]
    fn a_summary_tells_size_time_rate_and_what_is_not_as_it_was() {
        let bia = Name::new("bia").expect("valid");
        let moved = Some((4_000_000, Duration::from_secs(2)));
        let summary = Summary { bytes: 5_000_000, moved };
        assert_eq!(
            received(Language::En, &bia, "/r/x", 0, &summary),
            "received “/r/x” from bia (5.0 MB in 0:02, 2.0 MB/s)"
        );
        let quick = Summary { moved: Some((5, Duration::from_millis(999))), bytes: 5 };
        assert_eq!(received(Language::En, &bia, "/r/x", 0, &quick), "received “/r/x” from bia (5 bytes)");
        let unknown = Summary { bytes: 5, ..Summary::default() };
        let renamed = received(Language::En, &bia, "/r/x", 2, &unknown);
        assert_eq!(renamed, "received “/r/x” from bia (5 bytes); 2 names were changed, for they were not safe");
        assert_eq!(sent(Language::En, &bia, "x", 0, &unknown), "bia has “x” (5 bytes)");
        assert_eq!(
            sent(Language::En, &bia, "x", 1, &unknown),
            "bia has “x” (5 bytes); one link or special file was left out"
        );
    }
}

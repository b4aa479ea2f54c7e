//! What a directory that is sent consists of, as a stranger says it.
//!
//! What is taken has names that are ordinary ones everywhere, told apart by nothing but themselves, each behind its
//! directory; it is exactly what was offered; and what is harmless is taken as it is.

use std::collections::{BTreeMap, BTreeSet};

use papo_proto::{
    disk::{Scan, Skipped, Stamp},
    escape,
    limits::Limits,
    peer::transfer::manifest::{Manifest, Plan, is_fair, plan},
    wire::{
        codec::{Malformed, Reader, Text, Wire as _},
        transfer::{Audience, Entry, EntryKind, FILE_NAME_BYTES_MAX, Offer, PATH_BYTES_MAX},
    },
};

use super::cursor::Cursor;

/// Decodes a manifest, under an offer that promises what is in it.
pub fn manifest(data: &[u8]) {
    let mut choices = Cursor::new(data);
    let tight = Limits { entries_max: 3, manifest_bytes_max: 64, ..Limits::DEFAULT };
    let limits = choices.pick(&[Limits::DEFAULT, tight]);
    let executable = choices.flag();
    let bytes = choices.rest();
    let offer = offer_of(bytes);
    let Ok(taken) = plan(&offer, bytes, executable, &limits) else { return };
    check(&taken, &offer, executable);
    assert!(taken.entries.len() <= limits.entries_max, "more entries than may be");
    for other in others(&offer) {
        assert!(plan(&other, bytes, executable, &limits).is_err(), "something else was promised: {other:?}");
    }
    // Whoever has what was received may send it on, and it stays as it is.
    let entries = taken.entries.iter().map(|entry| (entry.clone(), Stamp(0))).collect();
    let scan = Scan { name: "x".to_owned(), tree: true, entries, skipped: Skipped::default() };
    let Some(again) = Manifest::of_scan(&scan, &limits) else { return };
    let offer = offer_of(&again.bytes);
    assert!(is_fair(&offer, &limits) && (offer.size, offer.files) == (again.size, again.files));
    let again = plan(&offer, &again.bytes, executable, &limits).expect("what was taken once");
    assert_eq!(again, Plan { renamed: 0, ..taken }, "what is harmless stays as it is");
}

/// An offer of what the manifest says, as far as it says anything.
fn offer_of(manifest: &[u8]) -> Offer {
    let (mut size, mut files) = (0_u64, 0);
    let mut reader = Reader::new(manifest);
    let mut next = || {
        let kind = u8::decode(&mut reader)?;
        Text::<PATH_BYTES_MAX>::decode(&mut reader)?;
        Ok::<_, Malformed>(if kind == 0 { None } else { Some(u64::decode(&mut reader)?) })
    };
    while let Ok(file) = next() {
        size = size.saturating_add(file.unwrap_or(0));
        files += u32::from(file.is_some());
    }
    Offer {
        name: Text::new("x").expect("short"),
        tree: true,
        executable: false,
        size,
        files,
        manifest: u32::try_from(manifest.len()).expect("no fuzzer writes so much"),
        audience: Audience::Private,
    }
}

/// Offers that the same manifest does not keep.
fn others(offer: &Offer) -> [Offer; 3] {
    [
        Offer { size: offer.size + 1, ..offer.clone() },
        Offer { files: offer.files + 1, ..offer.clone() },
        Offer { manifest: offer.manifest + 1, ..offer.clone() },
    ]
}

fn check(taken: &Plan, offer: &Offer, executable: bool) {
    let (mut directories, mut looks) = (BTreeSet::from([""]), BTreeSet::new());
    let mut sizes = BTreeMap::new();
    for Entry { path, kind } in &taken.entries {
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        assert!(directories.contains(parent), "{path:?} comes before its directory");
        assert!(is_ordinary(name), "{name:?} is no ordinary name");
        assert!(looks.insert(path.to_lowercase()), "{path:?} looks like another");
        match kind {
            EntryKind::Directory => {
                directories.insert(path);
            }
            EntryKind::File { size, executable: may } => {
                assert!(executable || !may, "{path:?} can be executed");
                sizes.insert(path, *size);
            }
        }
    }
    assert_eq!((sizes.values().sum::<u64>(), sizes.len()), (offer.size, offer.files as usize), "all that was offered");
}

/// Said apart from the function under test.
fn is_ordinary(name: &str) -> bool {
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_lowercase();
    let is_device = matches!(&*stem, "con" | "prn" | "aux" | "nul")
        || ["com", "lpt"].iter().any(|port| {
            stem.strip_prefix(port).is_some_and(|number| number.len() == 1 && number.bytes().all(|one| one > b'0'))
        });
    !name.is_empty()
        && name.len() <= FILE_NAME_BYTES_MAX
        && !name.starts_with(['.', '-'])
        && !name.ends_with(['.', ' '])
        && !name.contains(['/', '\\', '\0'])
        && !name.get(1..).is_some_and(|rest| rest.starts_with(':') && name.as_bytes()[0].is_ascii_alphabetic())
        && !name.chars().any(escape::is_hostile)
        && !is_device
}

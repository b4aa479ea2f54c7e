//! What stands before the contents of a directory's files: which there are (PROTOCOL.md, "What is transferred").
//!
//! The sender makes it of what a scan found. The receiver checks all of it before anything is created, and makes the
//! names in it [harmless](super::paths).

use std::collections::BTreeSet;

use sha2::{Digest as _, Sha256};

use super::paths::Names;
use crate::{
    disk::Scan,
    limits::Limits,
    wire::{
        codec::{Reader, Text, Wire as _},
        transfer::{Entry, EntryKind, FILE_NAME_BYTES_MAX, Hash, Offer, PATH_BYTES_MAX, SIZE_MAX},
    },
};

/// What one entry takes at least: its kind, and a path of one byte.
const ENTRY_BYTES_MIN: usize = 4;

/// What is offered of a scan.
#[derive(Debug, PartialEq, Eq)]
pub struct Manifest {
    /// The bytes; none for a single file.
    pub bytes: Vec<u8>,
    /// All files together.
    pub size: u64,
    /// How many there are.
    pub files: u32,
}

impl Manifest {
    /// Of what was scanned; `None` where that is more than a transfer can have.
    #[must_use]
    pub fn of_scan(scan: &Scan, limits: &Limits) -> Option<Self> {
        let mut manifest = Self { bytes: Vec::new(), size: 0, files: 0 };
        for (entry, _) in &scan.entries {
            if let EntryKind::File { size, .. } = entry.kind {
                manifest.size = manifest.size.checked_add(size).filter(|sum| *sum <= SIZE_MAX)?;
                manifest.files = manifest.files.checked_add(1)?;
            }
            if scan.tree {
                if entry.path.split('/').any(|component| component.len() > FILE_NAME_BYTES_MAX) {
                    return None;
                }
                encode_entry(entry, &mut manifest.bytes)?;
            }
        }
        let fits = scan.entries.len() <= limits.entries_max && manifest.bytes.len() <= limits.manifest_bytes_max;
        fits.then_some(manifest)
    }
}

fn encode_entry(entry: &Entry, out: &mut Vec<u8>) -> Option<()> {
    let path = Text::<PATH_BYTES_MAX>::new(entry.path.as_str()).ok()?;
    let (kind, size) = match entry.kind {
        EntryKind::Directory => (0, None),
        EntryKind::File { size, executable: false } => (1, Some(size)),
        EntryKind::File { size, executable: true } => (2, Some(size)),
    };
    out.push(kind);
    path.encode(out);
    if let Some(size) = size {
        size.encode(out);
    }
    Some(())
}

/// Tells whether another scan gave the same: SHA-256 over all of it, the times of change too.
#[must_use]
pub fn fingerprint(scan: &Scan) -> Hash {
    let mut hash = Sha256::new();
    hash.update(b"papo/1 scan\n");
    hash.update([u8::from(scan.tree)]);
    let mut bytes = Vec::new();
    for (entry, stamp) in &scan.entries {
        bytes.clear();
        (entry.path.len() as u64).encode(&mut bytes);
        bytes.extend_from_slice(entry.path.as_bytes());
        match entry.kind {
            EntryKind::Directory => bytes.push(0),
            EntryKind::File { size, executable } => {
                bytes.push(1 + u8::from(executable));
                size.encode(&mut bytes);
            }
        }
        stamp.0.encode(&mut bytes);
        hash.update(&bytes);
    }
    Hash(hash.finalize().into())
}

/// What is received: entries with harmless names.
#[derive(Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order of the stream.
    pub entries: Vec<Entry>,
    /// How many names were changed.
    pub renamed: u64,
}

/// An offer or a manifest breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadManifest;

/// Whether an offer is one that can be kept.
#[must_use]
pub fn is_fair(offer: &Offer, limits: &Limits) -> bool {
    let (manifest, files) = (offer.manifest as usize, offer.files as usize);
    super::paths::harmless(offer.name.as_str()).is_ok()
        && offer.size <= SIZE_MAX
        && if offer.tree {
            !offer.executable && manifest <= limits.manifest_bytes_max && files <= manifest / ENTRY_BYTES_MIN
        } else {
            manifest == 0 && files == 1
        }
}

/// What is received of an offer with a whole manifest; what is executable there is so here only where that is said.
///
/// # Errors
/// When the manifest breaks a rule, or the offer promised something else.
pub fn plan(offer: &Offer, manifest: &[u8], executable: bool, limits: &Limits) -> Result<Plan, BadManifest> {
    if !offer.tree {
        let kind = EntryKind::File { size: offer.size, executable: offer.executable && executable };
        return Ok(Plan { entries: vec![Entry { path: String::new(), kind }], renamed: 0 });
    }
    let mut reader = Reader::new(manifest);
    let mut names = Names::default();
    let mut seen = BTreeSet::new();
    let mut entries = Vec::new();
    let (mut size, mut files) = (0_u64, 0_u32);
    while reader.finish().is_err() {
        let entry = decode_entry(&mut reader)?;
        if entries.len() >= limits.entries_max {
            return Err(BadManifest);
        }
        let kind = match entry.kind {
            EntryKind::Directory => EntryKind::Directory,
            EntryKind::File { size: bytes, executable: wanted } => {
                size = size.checked_add(bytes).filter(|sum| *sum <= offer.size.min(SIZE_MAX)).ok_or(BadManifest)?;
                files += 1;
                EntryKind::File { size: bytes, executable: wanted && executable }
            }
        };
        let path = names.next(&entry.path, kind == EntryKind::Directory).map_err(|_| BadManifest)?;
        if !seen.insert(entry.path) {
            return Err(BadManifest);
        }
        entries.push(Entry { path, kind });
    }
    let kept = manifest.len() == offer.manifest as usize && (size, files) == (offer.size, offer.files);
    if kept { Ok(Plan { entries, renamed: names.renamed() }) } else { Err(BadManifest) }
}

fn decode_entry(reader: &mut Reader<'_>) -> Result<Entry, BadManifest> {
    let mut decode = || {
        let kind = u8::decode(reader)?;
        let path = Text::<PATH_BYTES_MAX>::decode(reader)?.into_string();
        let kind = match kind {
            0 => EntryKind::Directory,
            1 | 2 => EntryKind::File { size: u64::decode(reader)?, executable: kind == 2 },
            other => return Err(crate::wire::codec::Malformed::Kind(other)),
        };
        Ok(Entry { path, kind })
    };
    decode().map_err(|_| BadManifest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        disk::{Skipped, Stamp},
        wire::transfer::Audience,
    };

    fn directory(path: &str) -> Entry {
        Entry { path: path.to_owned(), kind: EntryKind::Directory }
    }

    fn file(path: &str, size: u64, executable: bool) -> Entry {
        Entry { path: path.to_owned(), kind: EntryKind::File { size, executable } }
    }

    fn scan(entries: Vec<Entry>) -> Scan {
        let entries = entries.into_iter().map(|entry| (entry, Stamp(7))).collect();
        Scan { name: "fotos".to_owned(), tree: true, entries, skipped: Skipped::default() }
    }

    fn offer_of(manifest: &Manifest) -> Offer {
        Offer {
            name: Text::new("fotos").expect("short"),
            tree: true,
            executable: false,
            size: manifest.size,
            files: manifest.files,
            manifest: u32::try_from(manifest.bytes.len()).expect("short"),
            audience: Audience::Private,
        }
    }

    fn made(entries: Vec<Entry>) -> (Manifest, Offer) {
        let manifest = Manifest::of_scan(&scan(entries), &Limits::DEFAULT).expect("within bounds");
        let offer = offer_of(&manifest);
        (manifest, offer)
    }

    fn some() -> Vec<Entry> {
        vec![directory("a"), file("a/run", 3, true), directory("empty"), file("z", 4, false)]
    }

    #[test]
    fn what_was_scanned_is_what_is_received() {
        let (manifest, offer) = made(some());
        assert_eq!(crate::hex::encode(&manifest.bytes[..14]), "0000016102000561".to_owned() + "2f72756e0000");
        assert_eq!((manifest.size, manifest.files), (7, 2));
        assert!(is_fair(&offer, &Limits::DEFAULT));
        let plan_with = |executable| plan(&offer, &manifest.bytes, executable, &Limits::DEFAULT);
        assert_eq!(plan_with(true), Ok(Plan { entries: some(), renamed: 0 }));
        let mut without = some();
        without[1] = file("a/run", 3, false);
        assert_eq!(plan_with(false), Ok(Plan { entries: without, renamed: 0 }));
    }

    #[test]
    fn an_empty_directory_has_an_empty_manifest() {
        let (manifest, offer) = made(vec![]);
        assert!(manifest.bytes.is_empty() && is_fair(&offer, &Limits::DEFAULT));
        assert_eq!(plan(&offer, &[], true, &Limits::DEFAULT), Ok(Plan { entries: vec![], renamed: 0 }));
    }

    #[test]
    fn a_manifest_that_is_not_what_the_offer_promised_is_refused() {
        let (manifest, offer) = made(some());
        let check = |offer: &Offer, bytes: &[u8]| plan(offer, bytes, true, &Limits::DEFAULT);
        for changed in [
            Offer { size: 8, ..offer.clone() },
            Offer { size: 6, ..offer.clone() },
            Offer { files: 3, ..offer.clone() },
            Offer { manifest: offer.manifest + 1, ..offer.clone() },
        ] {
            assert_eq!(check(&changed, &manifest.bytes), Err(BadManifest), "{changed:?}");
        }
        for cut in 0..manifest.bytes.len() {
            let promised = Offer { manifest: u32::try_from(cut).expect("short"), ..offer.clone() };
            assert_eq!(check(&promised, &manifest.bytes[..cut]), Err(BadManifest), "cut at {cut}");
        }
    }

    #[test]
    fn a_manifest_that_breaks_a_rule_is_refused() {
        for entries in [
            vec![directory("a"), directory("a")],
            vec![file("a", 1, false), file("a", 1, false)],
            vec![file("a", 1, false), file("a/b", 1, false)],
            vec![file("a/b", 1, false), directory("a")],
            vec![file("../x", 1, false)],
            vec![file("/x", 1, false)],
            vec![directory("..")],
            vec![file("", 1, false)],
            vec![file("a", 1 << 62, false), file("b", 1 << 62, false)],
            vec![file("a", u64::MAX, false), file("b", 2, false)],
        ] {
            let mut bytes = Vec::new();
            let (mut size, mut files) = (0_u64, 0);
            for entry in &entries {
                encode_entry(entry, &mut bytes).expect("short paths");
                if let EntryKind::File { size: own, .. } = entry.kind {
                    size = size.wrapping_add(own);
                    files += 1;
                }
            }
            let offer = offer_of(&Manifest { bytes: bytes.clone(), size, files });
            assert_eq!(plan(&offer, &bytes, true, &Limits::DEFAULT), Err(BadManifest), "{entries:?}");
        }
        let (_, offer) = made(some());
        assert_eq!(plan(&offer, &[3, 0, 1, b'x'], true, &Limits::DEFAULT), Err(BadManifest), "an unknown kind");
    }

    #[test]
    fn entries_and_bytes_are_bounded_at_both_ends() {
        let limits = Limits { entries_max: 4, ..Limits::DEFAULT };
        let (manifest, offer) = made(some());
        assert!(Manifest::of_scan(&scan(some()), &limits).is_some());
        assert!(plan(&offer, &manifest.bytes, true, &limits).is_ok());
        let limits = Limits { entries_max: 3, ..Limits::DEFAULT };
        assert_eq!(Manifest::of_scan(&scan(some()), &limits), None);
        assert_eq!(plan(&offer, &manifest.bytes, true, &limits), Err(BadManifest));
        let exact = Limits { manifest_bytes_max: manifest.bytes.len(), ..Limits::DEFAULT };
        assert!(Manifest::of_scan(&scan(some()), &exact).is_some() && is_fair(&offer, &exact));
        let short = Limits { manifest_bytes_max: manifest.bytes.len() - 1, ..Limits::DEFAULT };
        assert!(Manifest::of_scan(&scan(some()), &short).is_none() && !is_fair(&offer, &short));
        let at = |size| Manifest::of_scan(&scan(vec![file("a", size, false)]), &Limits::DEFAULT);
        assert!(at(SIZE_MAX).is_some() && at(SIZE_MAX + 1).is_none());
        let long = |count| file(&"x".repeat(count), 1, false);
        let scanned = |count| Manifest::of_scan(&scan(vec![long(count)]), &Limits::DEFAULT);
        assert!(scanned(FILE_NAME_BYTES_MAX).is_some() && scanned(FILE_NAME_BYTES_MAX + 1).is_none());
    }

    #[test]
    fn unfair_offers_are_known_before_anything_is_kept() {
        let (_, tree) = made(some());
        let single = Offer {
            tree: false,
            manifest: 0,
            files: 1,
            executable: true,
            name: Text::new("x").expect("short"),
            ..tree
        };
        let (_, tree) = made(some());
        let fair = |offer: &Offer| is_fair(offer, &Limits::DEFAULT);
        let named = |name: &str| Offer { name: Text::new(name).expect("short"), ..single.clone() };
        assert!(fair(&single) && fair(&named(".x")) && fair(&named("C:")) && fair(&named("CON")));
        assert!(fair(&Offer { size: SIZE_MAX, ..single.clone() }));
        for unfair in [
            Offer { size: SIZE_MAX + 1, ..single.clone() },
            Offer { size: 1 << 63, ..single.clone() },
            Offer { size: u64::MAX, ..tree.clone() },
            Offer { manifest: 1, ..single.clone() },
            Offer { files: 2, ..single.clone() },
            Offer { files: 0, ..single.clone() },
            Offer { executable: true, ..tree.clone() },
            Offer { files: u32::MAX, ..tree.clone() },
            Offer { manifest: u32::MAX, ..tree.clone() },
            named("../x"),
            named("/etc/passwd"),
            named(".."),
            named("."),
            named(""),
        ] {
            assert!(!fair(&unfair), "{unfair:?}");
        }
    }

    #[test]
    fn a_fingerprint_tells_every_difference() {
        let one = scan(some());
        let mut others = vec![scan(some()), scan(some()), scan(some()), scan(some()), scan(some())];
        others[0].entries[3].1 = Stamp(8);
        others[1].entries[3].0 = file("z", 5, false);
        others[2].entries[3].0 = file("y", 4, false);
        others[3].entries[1].0 = file("a/run", 3, false);
        others[4].entries.pop();
        assert_eq!(fingerprint(&one), fingerprint(&scan(some())));
        for other in &others {
            assert_ne!(fingerprint(&one), fingerprint(other), "{other:?}");
        }
    }
}

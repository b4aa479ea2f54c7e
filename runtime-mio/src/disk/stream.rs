//! A list of entries as one stream of bytes: which part of which file a range of it is.

use std::{collections::BTreeSet, ops::Range};

use papo_proto::{
    disk::DiskError,
    wire::transfer::{Entry, EntryKind},
};

/// No path is longer: what systems take.
const PATH_BYTES_MAX: usize = 4095;

/// The entries, and where in the stream each begins.
#[derive(Debug)]
pub(super) struct Stream {
    entries: Vec<Entry>,
    starts: Vec<u64>,
    total: u64,
}

/// What of a range is in one entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part {
    /// Of the entry.
    pub(super) index: usize,
    /// Where in the file.
    pub(super) at: u64,
    /// Where in the range.
    pub(super) range: Range<usize>,
}

impl Stream {
    /// Of entries that are what they should be: a single file with an empty path, or things beneath a directory, each
    /// once and after what it is in.
    pub(super) fn new(entries: Vec<Entry>) -> Result<Self, DiskError> {
        if !is_one_file(&entries) && !is_tree(&entries) {
            return Err(DiskError::Tampered);
        }
        let mut total = 0_u64;
        let starts = entries
            .iter()
            .map(|entry| {
                let start = total;
                total = total.checked_add(size(entry)).ok_or(DiskError::TooMany)?;
                Ok(start)
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { entries, starts, total })
    }

    /// Whether it is of a single file.
    pub(super) fn is_one_file(&self) -> bool {
        is_one_file(&self.entries)
    }

    pub(super) const fn total(&self) -> u64 {
        self.total
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    pub(super) fn size(&self, index: usize) -> u64 {
        size(&self.entries[index])
    }

    pub(super) fn start(&self, index: usize) -> u64 {
        self.starts[index]
    }

    /// The first entry that does not begin before `offset`.
    pub(super) fn first_at(&self, offset: u64) -> usize {
        self.starts.partition_point(|start| *start < offset)
    }

    /// What a range consists of, in order. An entry without bytes belongs to the range that begins where it stands; at
    /// the end of the stream, also to the one that ends there.
    pub(super) fn parts(&self, offset: u64, length: usize) -> Result<impl Iterator<Item = Part> + use<>, DiskError> {
        let end = offset.checked_add(length as u64).filter(|end| *end <= self.total).ok_or(DiskError::TooMany)?;
        let mut first = self.first_at(offset);
        // The one before begins earlier, and may reach into the range.
        if first > 0 && self.starts[first - 1] + self.size(first - 1) > offset {
            first -= 1;
        }
        let last = if end == self.total { self.entries.len() } else { self.first_at(end) };
        let within = |position: u64| {
            usize::try_from(position.clamp(offset, end) - offset).expect("a range of the stream is as long as a block")
        };
        let parts = (first..last).map(|index| {
            let start = self.starts[index];
            let at = offset.saturating_sub(start);
            Part { index, at, range: within(start)..within(start + self.size(index)) }
        });
        Ok(parts.collect::<Vec<_>>().into_iter())
    }
}

const fn size(entry: &Entry) -> u64 {
    match entry.kind {
        EntryKind::Directory => 0,
        EntryKind::File { size, .. } => size,
    }
}

fn is_one_file(entries: &[Entry]) -> bool {
    matches!(entries, [Entry { path, kind: EntryKind::File { .. } }] if path.is_empty())
}

fn is_tree(entries: &[Entry]) -> bool {
    let (mut seen, mut directories) = (BTreeSet::new(), BTreeSet::from([""]));
    entries.iter().all(|entry| {
        let path = entry.path.as_str();
        if entry.kind == EntryKind::Directory {
            directories.insert(path);
        }
        is_clean(path) && directories.contains(split(path).0) && seen.insert(path)
    })
}

/// Whether a path has components and each of them is a name.
fn is_clean(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX && path.split('/').all(is_name)
}

/// Whether a text can be the name of something in a directory.
pub(super) fn is_name(text: &str) -> bool {
    !text.is_empty() && text != "." && text != ".." && !text.contains(['/', '\0'])
}

/// What a path is in, and its name there.
pub(super) fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, size: u64) -> Entry {
        Entry { path: path.to_owned(), kind: EntryKind::File { size, executable: false } }
    }

    fn directory(path: &str) -> Entry {
        Entry { path: path.to_owned(), kind: EntryKind::Directory }
    }

    #[test]
    fn a_range_is_in_the_files_that_it_touches_and_passes_what_is_empty_once() {
        let entries =
            vec![directory("d"), file("d/a", 3), file("d/b", 0), file("d/c", 4), directory("e"), file("f", 0)];
        let stream = Stream::new(entries).expect("it is a tree");
        assert_eq!(stream.total(), 7);
        let parts = |offset, length| {
            let parts = stream.parts(offset, length).expect("it is within");
            parts.map(|part| (part.index, part.at, part.range)).collect::<Vec<_>>()
        };
        assert_eq!(parts(0, 2), [(0, 0, 0..0), (1, 0, 0..2)]);
        assert_eq!(parts(2, 1), [(1, 2, 0..1)]);
        assert_eq!(parts(2, 3), [(1, 2, 0..1), (2, 0, 1..1), (3, 0, 1..3)]);
        assert_eq!(parts(3, 2), [(2, 0, 0..0), (3, 0, 0..2)]);
        assert_eq!(parts(5, 2), [(3, 2, 0..2), (4, 0, 2..2), (5, 0, 2..2)]);
        assert_eq!(parts(7, 0), [(4, 0, 0..0), (5, 0, 0..0)]);
        assert!(stream.parts(7, 1).is_err() && stream.parts(u64::MAX, 1).is_err());
    }

    #[test]
    fn a_stream_of_nothing_has_no_parts() {
        let stream = Stream::new(vec![]).expect("an empty directory");
        assert_eq!((stream.total(), stream.parts(0, 0).expect("it is within").count()), (0, 0));
        let stream = Stream::new(vec![file("", 0)]).expect("an empty file");
        assert!(stream.is_one_file());
        assert_eq!(stream.parts(0, 0).expect("it is within").count(), 1);
    }

    #[test]
    fn entries_that_are_no_tree_are_refused() {
        let long = "a".repeat(PATH_BYTES_MAX);
        Stream::new(vec![file(&long, 1)]).expect("it is as long as can be");
        for entries in [
            vec![file("../x", 1)],
            vec![file("/etc/x", 1)],
            vec![file("a//b", 1)],
            vec![directory("a"), file("a/./b", 1)],
            vec![directory("a/")],
            vec![file("a\0b", 1)],
            vec![directory("")],
            vec![file("", 1), file("a", 1)],
            vec![file("a", 1), file("", 1)],
            vec![file("a", 1), file("a", 1)],
            vec![directory("a"), directory("a")],
            vec![file("a/b", 1), directory("a")],
            vec![file("a", 1), file("a/b", 1)],
            vec![file(&format!("{long}a"), 1)],
        ] {
            assert_eq!(Stream::new(entries.clone()).expect_err("it is none"), DiskError::Tampered, "{entries:?}");
        }
        let endless = vec![file("a", u64::MAX), file("b", 1)];
        assert_eq!(Stream::new(endless).expect_err("it is too long"), DiskError::TooMany);
    }
}

//! A disk in memory that answers as a real one must: for tests and simulators, as [`State`](crate::peer::State) is their
//! store.
//!
//! It has what its person has (files, directories and links by absolute paths), what was received, and what is kept
//! under keys. Faults are asked for: less room, a question that fails, the end of the process, a loss of power.
//!
//! Invariant: the same calls give the same answers.

use std::collections::BTreeMap;

use super::{Answer, Ask, DiskError, SKIPPED_NAMED_MAX, Scan, Skipped, Stamp};
use crate::{
    machine::FileId,
    wire::transfer::{Entry, EntryKind},
};

/// Names that are tried for what is published.
const NAMES_MAX: usize = 1000;

/// Something that has a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory; what is in it has paths of its own.
    Directory,
    /// A file.
    File {
        /// What is in it.
        bytes: Vec<u8>,
        /// Whether its owner may execute it.
        executable: bool,
    },
    /// A link, or something else that is neither.
    Other,
}

/// What is read.
#[derive(Debug, Clone)]
struct Source {
    path: String,
    entries: Vec<(Entry, Stamp)>,
    key: String,
}

/// What is kept of a stage.
#[derive(Debug, Clone, Default)]
struct Stage {
    entries: Vec<Entry>,
    /// The stream, as far as it was written.
    content: Vec<u8>,
    note: Vec<u8>,
    /// How much of it was synced, and the note of then.
    synced: (usize, Vec<u8>),
    /// The name that it got.
    published: Option<String>,
}

#[derive(Debug, Clone)]
enum Open {
    Source(Source),
    Stage(String),
}

/// See the [module](self).
#[derive(Debug, Clone)]
pub struct MemoryDisk {
    /// What its person has, with how often each was changed.
    files: BTreeMap<String, (Node, u64)>,
    received: BTreeMap<String, Node>,
    stages: BTreeMap<String, Stage>,
    notes: BTreeMap<String, Vec<u8>>,
    open: BTreeMap<FileId, Open>,
    changes: u64,
    free: u64,
    fails: Option<DiskError>,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self {
            files: BTreeMap::new(),
            received: BTreeMap::new(),
            stages: BTreeMap::new(),
            notes: BTreeMap::new(),
            open: BTreeMap::new(),
            changes: 0,
            free: 1 << 40,
            fails: None,
        }
    }
}

impl MemoryDisk {
    /// Puts a file where its person has it, in place of what was there.
    pub fn put_file(&mut self, path: &str, bytes: &[u8], executable: bool) {
        self.put(path, Node::File { bytes: bytes.to_vec(), executable });
    }

    /// Makes a directory where its person has it.
    pub fn put_directory(&mut self, path: &str) {
        self.put(path, Node::Directory);
    }

    /// Puts something there that is neither a file nor a directory.
    pub fn put_other(&mut self, path: &str) {
        self.put(path, Node::Other);
    }

    /// Removes what its person has there, and all beneath it.
    pub fn remove(&mut self, path: &str) {
        let beneath = format!("{path}/");
        self.files.retain(|of, _| of != path && !of.starts_with(&beneath));
    }

    fn put(&mut self, path: &str, node: Node) {
        self.changes += 1;
        self.files.insert(path.to_owned(), (node, self.changes));
    }

    /// What was received and has its name, by paths relative to the received files.
    #[must_use]
    pub const fn received(&self) -> &BTreeMap<String, Node> {
        &self.received
    }

    /// What its person has there and beneath it, by paths relative to that; links and the like left out.
    #[must_use]
    pub fn beneath(&self, top: &str) -> Vec<(String, Node)> {
        beneath(self.files.iter().map(|(path, (node, _))| (path, node)), top)
    }

    /// What was received under a name, by paths relative to that.
    #[must_use]
    pub fn received_as(&self, name: &str) -> Vec<(String, Node)> {
        beneath(self.received.iter(), name)
    }

    /// The keys under which something is kept.
    pub fn kept(&self) -> impl Iterator<Item = &str> {
        self.stages.keys().chain(self.notes.keys()).map(String::as_str)
    }

    /// How many ids are open.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// From now on there is so much room, in bytes.
    pub const fn set_free(&mut self, bytes: u64) {
        self.free = bytes;
    }

    /// The next question fails.
    pub const fn fail_next(&mut self, error: DiskError) {
        self.fails = Some(error);
    }

    /// The process ended, in whatever way: nothing is open, and what was written is there.
    pub fn restart(&mut self) {
        self.open.clear();
        self.fails = None;
    }

    /// The power failed: what was not synced is lost, the newest first.
    pub fn lose_power(&mut self) {
        self.restart();
        self.notes.clear();
        for stage in self.stages.values_mut() {
            let (length, note) = stage.synced.clone();
            self.free += (stage.content.len() - length) as u64;
            stage.content.truncate(length);
            stage.note = note;
        }
    }

    /// Closes an id.
    pub fn close(&mut self, file: FileId) {
        self.open.remove(&file);
    }

    /// Answers a question.
    ///
    /// # Errors
    /// As a real disk would, and where a fault was asked for.
    pub fn answer(&mut self, ask: Ask) -> Result<Answer, DiskError> {
        if let Some(error) = self.fails.take() {
            if let Ask::Publish { file, .. } = ask {
                self.open.remove(&file);
            }
            return Err(error);
        }
        match ask {
            Ask::Scan { path, entries_max, paths_bytes_max } => {
                self.scan(&path, entries_max, paths_bytes_max).map(Answer::Scanned)
            }
            Ask::OpenSource { file, path, entries, key } => {
                let note = self.notes.get(&key).cloned().unwrap_or_default();
                for (entry, stamp) in &entries {
                    self.check_source(&path, entry, *stamp)?;
                }
                self.open.insert(file, Open::Source(Source { path, entries, key }));
                Ok(Answer::Opened { note })
            }
            Ask::Read { file, offset, bytes } => self.read(file, offset, bytes).map(Answer::Read),
            Ask::Note { file, note } => {
                let Some(Open::Source(source)) = self.open.get(&file) else { return Err(DiskError::Tampered) };
                self.notes.insert(source.key.clone(), note);
                Ok(Answer::Done)
            }
            Ask::Space => Ok(Answer::Space { free: self.free }),
            Ask::OpenStage { file, key, entries } => {
                check_entries(&entries)?;
                if self.open.values().any(|open| matches!(open, Open::Stage(of) if *of == key)) {
                    return Err(DiskError::Denied);
                }
                let stage = self.stages.entry(key.clone()).or_default();
                stage.entries = entries;
                let note = stage.note.clone();
                self.open.insert(file, Open::Stage(key));
                Ok(Answer::Opened { note })
            }
            Ask::Write { file, offset, bytes, note } => self.write(file, offset, bytes, note),
            Ask::Sync { file } => {
                let stage = self.stage(file)?;
                stage.synced = (stage.content.len(), stage.note.clone());
                Ok(Answer::Done)
            }
            Ask::Publish { file, name } => {
                let published = self.publish(file, &name);
                self.open.remove(&file);
                published.map(|name| Answer::Published { path: format!("received_files/{name}") })
            }
            Ask::Discard { key } => {
                self.open.retain(|_, open| match open {
                    Open::Source(source) => source.key != key,
                    Open::Stage(of) => *of != key,
                });
                self.notes.remove(&key);
                if let Some(stage) = self.stages.remove(&key)
                    && stage.published.is_none()
                {
                    self.free += stage.content.len() as u64;
                }
                Ok(Answer::Done)
            }
        }
    }

    fn scan(&self, path: &str, entries_max: usize, paths_bytes_max: usize) -> Result<Scan, DiskError> {
        let name = path.rsplit('/').next().unwrap_or_default().to_owned();
        let mut scan = Scan { name, tree: false, entries: Vec::new(), skipped: Skipped::default() };
        match self.files.get(path).ok_or(DiskError::NotFound)? {
            (Node::Other, _) => return Err(DiskError::NotAFile),
            (Node::File { bytes, executable }, changed) => {
                let kind = EntryKind::File { size: bytes.len() as u64, executable: *executable };
                scan.entries.push((Entry { path: String::new(), kind }, Stamp(*changed)));
                return Ok(scan);
            }
            (Node::Directory, _) => scan.tree = true,
        }
        let top = format!("{path}/");
        let mut paths_bytes = 0;
        // Paths in order have a directory before what is in it.
        for (path, (node, changed)) in self.files.range(top.clone()..).take_while(|(path, _)| path.starts_with(&top)) {
            let path = path[top.len()..].to_owned();
            let kind = match node {
                Node::Directory => EntryKind::Directory,
                Node::File { bytes, executable } => {
                    EntryKind::File { size: bytes.len() as u64, executable: *executable }
                }
                Node::Other => {
                    scan.skipped.count += 1;
                    if scan.skipped.named.len() < SKIPPED_NAMED_MAX {
                        scan.skipped.named.push(path);
                    }
                    continue;
                }
            };
            paths_bytes += path.len();
            if scan.entries.len() == entries_max || paths_bytes > paths_bytes_max {
                return Err(DiskError::TooMany);
            }
            scan.entries.push((Entry { path, kind }, Stamp(*changed)));
        }
        Ok(scan)
    }

    /// What a source's entry has, if it is still as it was scanned.
    fn check_source(&self, top: &str, entry: &Entry, stamp: Stamp) -> Result<&[u8], DiskError> {
        let path = if entry.path.is_empty() { top.to_owned() } else { format!("{top}/{}", entry.path) };
        match (self.files.get(&path), entry.kind) {
            (Some((Node::Directory, _)), EntryKind::Directory) => Ok(&[]),
            (Some((Node::File { bytes, .. }, changed)), EntryKind::File { .. }) if Stamp(*changed) == stamp => {
                Ok(bytes)
            }
            _ => Err(DiskError::Changed),
        }
    }

    fn read(&self, file: FileId, offset: u64, count: usize) -> Result<Vec<u8>, DiskError> {
        let Some(Open::Source(source)) = self.open.get(&file) else { return Err(DiskError::Tampered) };
        let end = offset.checked_add(count as u64).ok_or(DiskError::TooMany)?;
        let mut read = Vec::with_capacity(count);
        let mut start = 0;
        for (entry, stamp) in &source.entries {
            let size = size(entry);
            let (from, to) = (offset.clamp(start, start + size), end.clamp(start, start + size));
            if from < to {
                let bytes = self.check_source(&source.path, entry, *stamp)?;
                let within = |at: u64| usize::try_from(at - start).map_err(|_| DiskError::TooMany);
                read.extend_from_slice(&bytes[within(from)?..within(to)?]);
            }
            start += size;
        }
        if read.len() == count { Ok(read) } else { Err(DiskError::TooMany) }
    }

    fn stage(&mut self, file: FileId) -> Result<&mut Stage, DiskError> {
        let Some(Open::Stage(key)) = self.open.get(&file) else { return Err(DiskError::Tampered) };
        self.stages.get_mut(key).ok_or(DiskError::Tampered)
    }

    fn write(&mut self, file: FileId, offset: u64, mut bytes: Vec<u8>, note: Vec<u8>) -> Result<Answer, DiskError> {
        let free = self.free;
        let stage = self.stage(file)?;
        let offset = usize::try_from(offset).map_err(|_| DiskError::TooMany)?;
        let end = offset + bytes.len();
        if stage.published.is_some() {
            return Err(DiskError::Tampered);
        }
        if end as u64 > stage.entries.iter().map(size).sum() {
            return Err(DiskError::TooMany);
        }
        if offset > stage.content.len() {
            return Err(DiskError::Tampered);
        }
        let grows = end.saturating_sub(stage.content.len()) as u64;
        if grows > free {
            return Err(DiskError::Full);
        }
        stage.content.resize(end.max(stage.content.len()), 0);
        stage.content[offset..end].copy_from_slice(&bytes);
        stage.note = note;
        self.free -= grows;
        bytes.clear();
        Ok(Answer::Written { block: bytes })
    }

    fn publish(&mut self, file: FileId, name: &str) -> Result<String, DiskError> {
        let is_name = !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\0']);
        let taken = self.received.clone();
        let stage = self.stage(file)?;
        if let Some(name) = &stage.published {
            return Ok(name.clone());
        }
        if !is_name || stage.content.len() as u64 != stage.entries.iter().map(size).sum::<u64>() {
            return Err(DiskError::Tampered);
        }
        let tree = !matches!(stage.entries.as_slice(), [one] if one.path.is_empty());
        let name = names(name, tree).find(|name| !taken.contains_key(name)).ok_or(DiskError::TooMany)?;
        let mut nodes = Vec::new();
        if tree {
            nodes.push((name.clone(), Node::Directory));
        }
        let mut rest = stage.content.as_slice();
        for entry in &stage.entries {
            let path = if tree { format!("{name}/{}", entry.path) } else { name.clone() };
            let node = match entry.kind {
                EntryKind::Directory => Node::Directory,
                EntryKind::File { size, executable } => {
                    let size = usize::try_from(size).map_err(|_| DiskError::TooMany)?;
                    let (bytes, others) = rest.split_at(size);
                    rest = others;
                    Node::File { bytes: bytes.to_vec(), executable }
                }
            };
            nodes.push((path, node));
        }
        stage.published = Some(name.clone());
        stage.synced = (stage.content.len(), stage.note.clone());
        self.received.extend(nodes);
        Ok(name)
    }
}

fn beneath<'a>(nodes: impl Iterator<Item = (&'a String, &'a Node)>, top: &str) -> Vec<(String, Node)> {
    let inside = nodes.filter(|(_, node)| **node != Node::Other).filter_map(|(path, node)| {
        let rest = path.strip_prefix(top)?;
        Some((rest.strip_prefix('/').or_else(|| rest.is_empty().then_some(""))?.to_owned(), node.clone()))
    });
    inside.collect()
}

const fn size(entry: &Entry) -> u64 {
    match entry.kind {
        EntryKind::Directory => 0,
        EntryKind::File { size, .. } => size,
    }
}

/// A single file with an empty path, or things beneath a directory, each once and after what it is in.
fn check_entries(entries: &[Entry]) -> Result<(), DiskError> {
    if matches!(entries, [Entry { path, kind: EntryKind::File { .. } }] if path.is_empty()) {
        return Ok(());
    }
    let mut kinds = BTreeMap::from([("", EntryKind::Directory)]);
    for entry in entries {
        let plain = |name: &str| !name.is_empty() && name != "." && name != ".." && !name.contains('\0');
        let parent = entry.path.rsplit_once('/').map_or("", |(parent, _)| parent);
        let is_beneath = kinds.get(parent) == Some(&EntryKind::Directory);
        if !entry.path.split('/').all(plain) || !is_beneath || kinds.insert(&entry.path, entry.kind).is_some() {
            return Err(DiskError::Tampered);
        }
    }
    Ok(())
}

/// `name`, `name (1)` and so on; of a file, before what follows its last dot.
fn names(name: &str, tree: bool) -> impl Iterator<Item = String> {
    let dot = name.rfind('.').filter(|dot| !tree && *dot > 0).unwrap_or(name.len());
    let (stem, extension) = name.split_at(dot);
    (0..NAMES_MAX).map(move |number| match number {
        0 => format!("{stem}{extension}"),
        number => format!("{stem} ({number}){extension}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(size: u64) -> Entry {
        Entry { path: String::new(), kind: EntryKind::File { size, executable: false } }
    }

    fn entry(path: &str, size: Option<u64>) -> Entry {
        let kind = size.map_or(EntryKind::Directory, |size| EntryKind::File { size, executable: true });
        Entry { path: path.to_owned(), kind }
    }

    fn open_stage(disk: &mut MemoryDisk, id: u64, entries: Vec<Entry>) -> Result<Answer, DiskError> {
        disk.answer(Ask::OpenStage { file: FileId(id), key: "k".to_owned(), entries })
    }

    const WRITTEN: Result<Answer, DiskError> = Ok(Answer::Written { block: Vec::new() });

    fn write(disk: &mut MemoryDisk, id: u64, offset: u64, bytes: &[u8]) -> Result<Answer, DiskError> {
        disk.answer(Ask::Write { file: FileId(id), offset, bytes: bytes.to_vec(), note: vec![bytes.len() as u8] })
    }

    fn publish(disk: &mut MemoryDisk, id: u64, name: &str) -> Result<Answer, DiskError> {
        disk.answer(Ask::Publish { file: FileId(id), name: name.to_owned() })
    }

    fn scan(disk: &mut MemoryDisk, path: &str) -> Result<Scan, DiskError> {
        let ask = Ask::Scan { path: path.to_owned(), entries_max: 3, paths_bytes_max: 100 };
        disk.answer(ask).map(|answer| match answer {
            Answer::Scanned(scan) => scan,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn a_directory_is_scanned_and_read_as_one_stream_until_it_changes() {
        let mut disk = MemoryDisk::default();
        disk.put_directory("/d");
        disk.put_file("/d/a", b"one", false);
        disk.put_directory("/d/b");
        disk.put_file("/d/b/c", b"two", true);
        disk.put_other("/d/link");
        disk.put_file("/d2", b"another", false);
        let found = scan(&mut disk, "/d").expect("it is there");
        let paths = found.entries.iter().map(|(entry, _)| entry.path.as_str()).collect::<Vec<_>>();
        assert_eq!((paths, found.tree, found.skipped.named), (vec!["a", "b", "b/c"], true, vec!["link".to_owned()]));
        let open =
            Ask::OpenSource { file: FileId(1), path: "/d".to_owned(), entries: found.entries, key: "s".to_owned() };
        assert_eq!(disk.answer(open.clone()), Ok(Answer::Opened { note: Vec::new() }));
        let read = |offset, bytes| Ask::Read { file: FileId(1), offset, bytes };
        assert_eq!(disk.answer(read(2, 3)), Ok(Answer::Read(b"etw".to_vec())));
        assert_eq!(disk.answer(read(2, 5)), Err(DiskError::TooMany));
        assert_eq!(disk.answer(Ask::Note { file: FileId(1), note: vec![7] }), Ok(Answer::Done));
        disk.restart();
        assert_eq!(disk.answer(read(0, 1)), Err(DiskError::Tampered), "nothing is open any more");
        assert_eq!(disk.answer(open.clone()), Ok(Answer::Opened { note: vec![7] }));
        disk.put_file("/d/b/c", b"two", true);
        assert_eq!(disk.answer(read(0, 3)), Ok(Answer::Read(b"one".to_vec())), "that part is as it was");
        assert_eq!(disk.answer(read(3, 1)), Err(DiskError::Changed));
        assert_eq!(disk.answer(open), Err(DiskError::Changed));
        disk.put_file("/d/e", b"", false);
        assert_eq!(scan(&mut disk, "/d"), Err(DiskError::TooMany));
        assert_eq!(scan(&mut disk, "/d/link"), Err(DiskError::NotAFile));
        disk.remove("/d");
        assert_eq!(scan(&mut disk, "/d"), Err(DiskError::NotFound));
        assert!(scan(&mut disk, "/d2").is_ok());
    }

    #[test]
    fn a_stage_is_written_without_gaps_and_published_beside_what_is_there() {
        let mut disk = MemoryDisk::default();
        for id in [1, 3] {
            assert_eq!(open_stage(&mut disk, id, vec![file(4)]), Ok(Answer::Opened { note: Vec::new() }));
            assert_eq!(open_stage(&mut disk, 99, vec![file(4)]), Err(DiskError::Denied), "it is open already");
            assert_eq!(write(&mut disk, id, 1, b"x"), Err(DiskError::Tampered));
            assert_eq!(write(&mut disk, id, 0, b"abc"), WRITTEN);
            assert_eq!(write(&mut disk, id, 2, b"cde"), Err(DiskError::TooMany));
            assert_eq!(write(&mut disk, id, 2, b"cd"), WRITTEN);
            let path = if id == 1 { "received_files/a.txt" } else { "received_files/a (1).txt" };
            assert_eq!(publish(&mut disk, id, "a.txt"), Ok(Answer::Published { path: path.to_owned() }));
            // Whoever did not hear the answer asks again.
            assert_eq!(open_stage(&mut disk, id + 10, vec![file(4)]), Ok(Answer::Opened { note: vec![2] }));
            assert_eq!(publish(&mut disk, id + 10, "a.txt"), Ok(Answer::Published { path: path.to_owned() }));
            assert_eq!(disk.answer(Ask::Discard { key: "k".to_owned() }), Ok(Answer::Done));
        }
        assert_eq!((disk.received().len(), disk.kept().count(), disk.open()), (2, 0, 0));
        assert_eq!(disk.received()["a (1).txt"], Node::File { bytes: b"abcd".to_vec(), executable: false });
    }

    #[test]
    fn a_tree_has_every_directory_before_what_is_in_it_and_stays_inside() {
        let mut disk = MemoryDisk::default();
        for wrong in [
            vec![entry("../x", Some(1))],
            vec![entry("/x", Some(1))],
            vec![entry("a/b", Some(1))],
            vec![entry("a", Some(1)), entry("a", Some(1))],
            vec![entry("a", Some(1)), entry("a/b", Some(1))],
        ] {
            assert_eq!(open_stage(&mut disk, 1, wrong.clone()), Err(DiskError::Tampered), "{wrong:?}");
        }
        let tree = vec![entry("a", None), entry("a/b", Some(2)), entry("c", Some(0))];
        assert!(open_stage(&mut disk, 1, tree).is_ok());
        assert_eq!(publish(&mut disk, 1, "t"), Err(DiskError::Tampered), "it is not whole");
        assert!(open_stage(&mut disk, 3, vec![entry("a", None), entry("a/b", Some(2)), entry("c", Some(0))]).is_ok());
        assert_eq!(write(&mut disk, 3, 0, b"hi"), WRITTEN);
        assert_eq!(publish(&mut disk, 3, "../t"), Err(DiskError::Tampered));
        assert!(open_stage(&mut disk, 5, vec![entry("a", None), entry("a/b", Some(2)), entry("c", Some(0))]).is_ok());
        assert!(publish(&mut disk, 5, "t.d").is_ok());
        assert_eq!(disk.received().keys().collect::<Vec<_>>(), ["t.d", "t.d/a", "t.d/a/b", "t.d/c"]);
    }

    #[test]
    fn a_full_disk_a_failed_question_and_a_loss_of_power_take_what_they_may() {
        let mut disk = MemoryDisk::default();
        disk.set_free(3);
        assert!(open_stage(&mut disk, 1, vec![file(9)]).is_ok());
        assert_eq!(write(&mut disk, 1, 0, b"ab"), WRITTEN);
        assert_eq!(disk.answer(Ask::Sync { file: FileId(1) }), Ok(Answer::Done));
        assert_eq!(write(&mut disk, 1, 2, b"cd"), Err(DiskError::Full));
        assert_eq!(write(&mut disk, 1, 2, b"c"), WRITTEN);
        assert_eq!(disk.answer(Ask::Space), Ok(Answer::Space { free: 0 }));
        disk.fail_next(DiskError::Other);
        assert_eq!(disk.answer(Ask::Space), Err(DiskError::Other));
        disk.lose_power();
        assert_eq!(open_stage(&mut disk, 3, vec![file(9)]), Ok(Answer::Opened { note: vec![2] }));
        assert_eq!(write(&mut disk, 3, 3, b""), Err(DiskError::Tampered), "what was not synced is lost");
        assert_eq!(disk.answer(Ask::Space), Ok(Answer::Space { free: 1 }), "and its room is free");
    }
}

//! The files that people have, and may send: of the sizes at which something could go wrong.
//!
//! Everyone has the same paths with other contents, and all of it is secret.

use papo_proto::{
    disk::memory::{MemoryDisk, Node},
    wire::transfer::CHUNK_BYTES_MAX,
};

use super::cast::{MARK, PersonId};
use crate::luck::Luck;

/// A single file: its path, and its size.
const FILES: &[(&str, usize)] = &[
    ("/papagaio-vazio", 0),
    ("/papagaio-um", 1),
    ("/papagaio-curto.txt", 300),
    ("/papagaio-pedaço", CHUNK_BYTES_MAX),
    ("/papagaio-pedaço-e-um", CHUNK_BYTES_MAX + 1),
    ("/papagaio-longo", 70_000),
    ("/papagaio-bloco", papo_proto::disk::BLOCK_BYTES_MAX + 1),
];
/// A directory, and one with nothing in it.
const TREES: &[&str] = &["/papagaio-pasta", "/papagaio-oca"];
/// What is in the first directory.
const INSIDE: &[(&str, usize)] =
    &[("a", 3), ("b/c", 20_000), ("b/d", 0), ("b/vazia/e", 1), ("f", CHUNK_BYTES_MAX), ("z", 2)];

/// A path that somebody sends: mostly of something that is there.
pub(crate) fn draw_path(luck: &mut Luck) -> String {
    match luck.below(12) {
        0 => format!("/{MARK}-nada"),
        1 => "/papagaio-pasta/elo".to_owned(),
        2..=4 => luck.pick(TREES).to_string(),
        _ => luck.pick(FILES).0.to_owned(),
    }
}

/// Gives somebody what it has at first.
pub(crate) fn endow(disk: &mut MemoryDisk, who: PersonId) {
    for (path, size) in FILES {
        disk.put_file(path, &content(who, path, 0, *size), false);
    }
    for tree in TREES {
        disk.put_directory(tree);
    }
    for directory in ["b", "b/vazia"] {
        disk.put_directory(&format!("{}/{directory}", TREES[0]));
    }
    for (path, size) in INSIDE {
        let path = format!("{}/{path}", TREES[0]);
        disk.put_file(&path, &content(who, &path, 0, *size), *size == 2);
    }
    disk.put_other(&format!("{}/elo", TREES[0]));
}

/// Changes one of the files of somebody; what it is now has a number that none had before.
pub(crate) fn change(disk: &mut MemoryDisk, who: PersonId, grade: f64, number: u64) {
    let at = (grade * FILES.len() as f64) as usize;
    let (path, size) = match FILES.get(at) {
        Some((path, size)) if !number.is_multiple_of(3) => ((*path).to_owned(), *size),
        _ => (format!("{}/{}", TREES[0], INSIDE[at % INSIDE.len()].0), INSIDE[at % INSIDE.len()].1),
    };
    disk.put_file(&path, &content(who, &path, number, size), false);
}

/// Every single thing that can be sent, with its name and what is in it now.
pub(crate) fn sendable(disk: &MemoryDisk) -> Vec<(String, Vec<(String, Node)>)> {
    let tops = FILES.iter().map(|(path, _)| *path).chain(TREES.iter().copied());
    tops.map(|top| (top[1..].to_owned(), disk.beneath(top))).collect()
}

fn content(who: PersonId, path: &str, number: u64, size: usize) -> Vec<u8> {
    let line = format!("{MARK} {who} {path} {number}\n");
    line.bytes().cycle().take(size).collect()
}

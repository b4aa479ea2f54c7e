//! Giving what was received its name: the one that it should have, or the next that is free, never in place of anything.

use papo_proto::disk::DiskError;
use rustix::{
    fs::{AtFlags, Mode},
    io::Errno,
};

use super::{
    Failed,
    beneath::{Dir, Means},
    system,
};

/// No more names are tried.
const NAMES_MAX: usize = 1000;
/// No name is longer: what file systems take.
const NAME_BYTES_MAX: usize = 255;

/// What is to be given a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unnamed<'a> {
    /// Where it is.
    pub(super) dir: &'a Dir,
    /// As what.
    pub(super) as_name: &'a str,
    /// Whether it is a directory.
    pub(super) tree: bool,
}

/// Moves it into a directory under the first of its names that is free there, and returns that.
pub(super) fn publish(from: Unnamed<'_>, to: &Dir, name: &str) -> Result<String, Failed> {
    for name in names(name, from.tree) {
        match give(from, to, &name) {
            Ok(()) => return Ok(name),
            Err(Errno::EXIST | Errno::NOTEMPTY) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(DiskError::TooMany.into())
}

/// Under which of its names the thing of that number was published.
pub(super) fn find(to: &Dir, name: &str, tree: bool, inode: u64) -> Option<String> {
    names(name, tree).find(|name| to.stat(name).is_ok_and(|stat| stat.st_ino == inode))
}

/// `name`, `name (1)`, `name (2)` and so on; of a file, before what follows its last dot.
fn names(name: &str, tree: bool) -> impl Iterator<Item = String> {
    let dot = name.rfind('.').filter(|dot| !tree && *dot > 0).unwrap_or(name.len());
    let (stem, extension) = name.split_at(dot);
    (0..NAMES_MAX).map(move |number| {
        let number = if number == 0 { String::new() } else { format!(" ({number})") };
        let room = NAME_BYTES_MAX.saturating_sub(number.len() + extension.len());
        format!("{}{number}{extension}", &stem[..stem.floor_char_boundary(room)])
    })
}

fn give(from: Unnamed<'_>, to: &Dir, name: &str) -> Result<(), Errno> {
    match from.dir.means() {
        Means::Best => match system::rename_exclusively(from.dir, from.as_name.as_ref(), to, name.as_ref()) {
            // Not every file system can.
            Err(Errno::NOSYS | Errno::INVAL | Errno::OPNOTSUPP) => {}
            other => return other,
        },
        Means::Portable => {}
    }
    if from.tree { replace_own(from, to, name) } else { link(from, to, name) }
}

/// A link is never made in place of anything.
fn link(from: Unnamed<'_>, to: &Dir, name: &str) -> Result<(), Errno> {
    rustix::fs::linkat(from.dir, from.as_name, to, name, AtFlags::empty())?;
    rustix::fs::unlinkat(from.dir, from.as_name, AtFlags::empty())
}

/// A directory takes the place of an empty one, and of nothing else: so the name is taken by an empty one.
fn replace_own(from: Unnamed<'_>, to: &Dir, name: &str) -> Result<(), Errno> {
    rustix::fs::mkdirat(to, name, Mode::RWXU)?;
    rustix::fs::renameat(from.dir, from.as_name, to, name).inspect_err(|_| {
        // Whatever somebody has put into it meanwhile stays.
        let _ = rustix::fs::unlinkat(to, name, AtFlags::REMOVEDIR);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn the_number_stands_before_the_extension_of_a_file_and_at_the_end_of_a_directory() {
        let second = |name, tree| names(name, tree).nth(1).expect("there is one");
        assert_eq!(second("a.txt", false), "a (1).txt");
        assert_eq!(second("a.tar.gz", false), "a.tar (1).gz");
        assert_eq!(second("a", false), "a (1)");
        assert_eq!(second(".a", false), ".a (1)");
        assert_eq!(second("a.txt", true), "a.txt (1)");
        assert_eq!(names("a", false).last().expect("there is one"), "a (999)");
    }

    #[test]
    fn a_long_name_makes_room_for_the_number_between_two_characters() {
        let long = format!("{}.txt", "é".repeat(125));
        let names = names(&long, false).take(12).collect::<Vec<_>>();
        assert_eq!((&names[0], names[0].len()), (&long, 254));
        assert_eq!(names[1], format!("{} (1).txt", "é".repeat(123)));
        assert_eq!(names[11], format!("{} (11).txt", "é".repeat(123)));
        assert!(names.iter().all(|name| name.len() <= NAME_BYTES_MAX));
    }

    fn check(means: Means, tree: bool) {
        let temp = tempfile::tempdir().expect("a temporary directory");
        let to = Dir::named(temp.path(), means).expect("it is there");
        let place = |number: u8| {
            let path = temp.path().join("content");
            if tree {
                fs::create_dir(&path).expect("it is made");
                fs::write(path.join("in it"), [number]).expect("it is written");
            } else {
                fs::write(&path, [number]).expect("it is written");
            }
            Unnamed { dir: &to, as_name: "content", tree }
        };
        // What is there already: a file, a directory, a link that leads nowhere.
        fs::write(temp.path().join("x"), "old").expect("it is written");
        fs::create_dir(temp.path().join("x (1)")).expect("it is made");
        fs::write(temp.path().join("x (1)/old"), "old").expect("it is written");
        std::os::unix::fs::symlink("nowhere", temp.path().join("x (2)")).expect("it is made");
        for number in 3..6 {
            let from = place(number);
            let inode = to.stat("content").expect("it is there").st_ino;
            let name = publish(from, &to, "x").expect("there is a name");
            assert_eq!(name, format!("x ({number})"));
            assert_eq!(find(&to, "x", tree, inode), Some(name.clone()));
            let path = temp.path().join(name);
            let path = if tree { path.join("in it") } else { path };
            assert_eq!(fs::read(path).expect("it is there"), [number]);
            assert!(to.stat("content").is_err(), "it is not there any more");
        }
        assert_eq!(fs::read(temp.path().join("x")).expect("it is there"), b"old");
        assert_eq!(fs::read(temp.path().join("x (1)/old")).expect("it is there"), b"old");
        assert!(!temp.path().join("nowhere").exists());
        for number in 6..NAMES_MAX {
            fs::write(temp.path().join(format!("x ({number})")), "old").expect("it is written");
        }
        let error = publish(place(0), &to, "x").expect_err("no name is left");
        assert!(matches!(error, Failed::As(DiskError::TooMany)), "{error:?}");
        assert_eq!(find(&to, "x", tree, 0), None);
    }

    #[test]
    fn a_name_that_is_taken_is_never_replaced() {
        for means in [Means::Best, Means::Portable] {
            check(means, false);
            check(means, true);
        }
    }
}

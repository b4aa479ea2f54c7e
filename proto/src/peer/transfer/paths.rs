//! Names of files that a stranger chose, made harmless (PROTOCOL.md, "Rules of transfers").
//!
//! A name is either refused, because no honest sender has one like it, or made into one that is an ordinary name on any
//! file system, shows on a terminal as what it is, and collides with no other name of its directory, whether or not the
//! file system tells `A` from `a`. What is harmless already stays as it is.
//!
//! Invariant: what comes out has one component for each that went in, none of them special anywhere.

use std::collections::BTreeMap;

use unicode_normalization::UnicodeNormalization as _;

use crate::{
    escape::{self, Piece},
    wire::transfer::FILE_NAME_BYTES_MAX,
};

/// A name or path that no honest sender has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadPath;

/// Names that DOS reserves for devices, with any extension.
const RESERVED: [&str; 22] = [
    "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9", "lpt1", "lpt2",
    "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9",
];

/// One component, made harmless.
///
/// # Errors
/// When no honest sender has it.
pub fn harmless(component: &str) -> Result<String, BadPath> {
    if matches!(component, "" | "." | "..") || component.len() > FILE_NAME_BYTES_MAX || component.contains(['/', '\0'])
    {
        return Err(BadPath);
    }
    let mut name = String::with_capacity(component.len() + 1);
    for piece in escape::pieces(component) {
        match piece {
            Piece::Plain(plain) => name.extend(plain.chars().map(|one| if one == '\\' { '_' } else { one })),
            Piece::Hostile(_) => name.push('_'),
        }
    }
    // A drive letter.
    if name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic() {
        name.replace_range(1..2, "_");
    }
    let kept = name.trim_end_matches(['.', ' ']).len();
    let ending = "_".repeat(name.len() - kept);
    name.replace_range(kept.., &ending);
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    if name.starts_with(['.', '-']) || RESERVED.contains(&stem.as_str()) {
        name.insert(0, '_');
    }
    cut(&mut name, FILE_NAME_BYTES_MAX);
    Ok(name)
}

fn cut(name: &mut String, bytes_max: usize) {
    name.truncate(name.floor_char_boundary(bytes_max));
}

/// The names of one directory after the other, told apart.
#[derive(Debug, Default)]
pub struct Names {
    /// For each directory (as it came) and each look: how many names have it.
    looks: BTreeMap<(String, String), u64>,
    /// Directories as they came, and as they are called.
    directories: BTreeMap<String, String>,
    /// How many components are called otherwise than they came.
    renamed: u64,
}

impl Names {
    /// What the entry with this path is called: its directory has come before it.
    ///
    /// # Errors
    /// When no honest sender has such a path, or its directory did not come.
    pub fn next(&mut self, path: &str, directory: bool) -> Result<String, BadPath> {
        let (parent, component) = path.rsplit_once('/').unwrap_or(("", path));
        let above = match parent {
            "" if path.starts_with('/') => return Err(BadPath),
            "" => "",
            parent => self.directories.get(parent).ok_or(BadPath)?.as_str(),
        };
        let mut name = harmless(component)?;
        // Both ways, for file systems compare some letters by the one and some by the other: `ς` with `Σ`, `ß` with `SS`.
        let folded =
            |name: &str| name.nfkc().flat_map(char::to_uppercase).flat_map(char::to_lowercase).collect::<String>();
        let look = |name: &str| folded(name).nfkc().collect::<String>();
        let mut key = (parent.to_owned(), look(&name));
        if self.looks.contains_key(&key) {
            // Numbers of one look rise, so that many names with one look take no longer than others.
            let (start, extension) = split(&name);
            let (start, extension) = (start.to_owned(), extension.to_owned());
            let first = key.clone();
            loop {
                let count = self.looks.entry(first.clone()).or_default();
                *count += 1;
                let ending = format!(" ({count}){extension}");
                let mut start = start.clone();
                cut(&mut start, FILE_NAME_BYTES_MAX.saturating_sub(ending.len()));
                name = start + &ending;
                key.1 = look(&name);
                if !self.looks.contains_key(&key) {
                    break;
                }
            }
        }
        self.looks.insert(key, 0);
        self.renamed += u64::from(name != component);
        let called = if above.is_empty() { name } else { format!("{above}/{name}") };
        if directory {
            self.directories.insert(path.to_owned(), called.clone());
        }
        Ok(called)
    }

    /// How many components are called otherwise than they came.
    #[must_use]
    pub const fn renamed(&self) -> u64 {
        self.renamed
    }
}

/// A name without its extension, and the extension with its dot, where it is a short one.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= 16 => name.split_at(dot),
        Some(_) | None => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(component: &str, expected: &str) {
        assert_eq!(harmless(component).as_deref(), Ok(expected), "{component:?}");
        assert_eq!(harmless(expected).as_deref(), Ok(expected), "what is harmless stays");
    }

    #[test]
    fn names_that_no_honest_sender_has_are_refused() {
        let long = "x".repeat(FILE_NAME_BYTES_MAX + 1);
        for bad in ["", ".", "..", "a/b", "/", "a\0b", &long] {
            assert_eq!(harmless(bad), Err(BadPath), "{bad:?}");
        }
        assert!(harmless(&"x".repeat(FILE_NAME_BYTES_MAX)).is_ok());
    }

    #[test]
    fn names_are_made_harmless_and_ordinary_ones_stay() {
        for same in
            ["a", "notas.txt", "olá mundo.tar.gz", "a-b", "a.b", "日本", "con-fim", "com10", "a (1)", "👩‍👩‍👧.png", "12:30"]
        {
            check(same, same);
        }
        check(".bashrc", "_.bashrc");
        check("-rf", "_-rf");
        check("...", "___");
        check("a. .", "a___");
        check("C:", "C_");
        check("c:evil", "c_evil");
        check("..\\..\\evil", "_.._.._evil");
        check("a\\b", "a_b");
        check("CON", "_CON");
        check("nul.txt", "_nul.txt");
        check("Com1 .tar.gz", "_Com1 .tar.gz");
        check("a\nb\u{1b}[2J", "a_b_[2J");
        check("gpj.\u{202e}exe", "gpj._exe");
        check("a\u{200b}", "a_");
        check("a\u{7f}", "a_");
        let long = format!(".{}é", "x".repeat(FILE_NAME_BYTES_MAX - 3));
        check(&long, &format!("_.{}", "x".repeat(FILE_NAME_BYTES_MAX - 3)));
    }

    #[track_caller]
    fn check_tree(paths: &[(&str, bool)], expected: &[&str], renamed: u64) {
        let mut names = Names::default();
        let called = paths.iter().map(|(path, directory)| names.next(path, *directory).expect("an honest path"));
        assert_eq!(called.collect::<Vec<_>>(), expected);
        assert_eq!(names.renamed(), renamed);
    }

    #[test]
    fn what_is_in_a_directory_goes_where_that_went() {
        check_tree(&[("a", true), ("a/b", true), ("a/b/c", false)], &["a", "a/b", "a/b/c"], 0);
        check_tree(&[(".a", true), (".a/.b", true), (".a/.b/c", false)], &["_.a", "_.a/_.b", "_.a/_.b/c"], 2);
        check_tree(&[("A", true), ("a", true), ("a/x", false), ("A/x", false)], &["A", "a (1)", "a (1)/x", "A/x"], 1);
    }

    #[test]
    fn names_that_look_alike_are_told_apart_within_their_directory() {
        check_tree(
            &[
                ("a.txt", false),
                ("A.TXT", false),
                ("a (1).txt", false),
                ("ａ.txt", false),
                ("d", true),
                ("d/a.txt", false),
            ],
            &["a.txt", "A (1).TXT", "a (1) (1).txt", "ａ (2).txt", "d", "d/a.txt"],
            3,
        );
        check_tree(&[("é", false), ("e\u{301}", false)], &["é", "e\u{301} (1)"], 1);
        check_tree(&[("Σς", false), ("σσ", false)], &["Σς", "σσ (1)"], 1);
        check_tree(&[("groß", true), ("GROSS", false), ("groß/x", false)], &["groß", "GROSS (1)", "groß/x"], 1);
        check_tree(&[("a?", false), ("a\u{1b}", false), ("a_", false)], &["a?", "a_", "a_ (1)"], 2);
        let long = "x".repeat(FILE_NAME_BYTES_MAX);
        let upper = long.to_uppercase();
        check_tree(&[(&long, false), (&upper, false)], &[&long, &format!("{} (1)", &upper[4..])], 1);
    }

    #[test]
    fn paths_that_lead_out_or_from_nowhere_are_refused() {
        for bad in ["../x", "/etc/passwd", "a/../b", "a//b", "a/", "nowhere/x", "f/x", "", "./x"] {
            let mut names = Names::default();
            names.next("a", true).expect("an honest path");
            names.next("f", false).expect("an honest path");
            assert_eq!(names.next(bad, false), Err(BadPath), "{bad:?}");
        }
    }

    #[test]
    fn many_names_with_one_look_take_no_longer_than_others() {
        let mut names = Names::default();
        for number in 0..20_000_u32 {
            // Each in a case of its own.
            let name = (0..16).map(|bit| if number >> bit & 1 == 0 { 'a' } else { 'A' }).collect::<String>();
            names.next(&name, false).expect("an honest path");
        }
        assert_eq!(names.renamed(), 19_999);
    }
}

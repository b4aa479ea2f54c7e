//! What is typed as a path: what is meant by it, and what it may become.
//!
//! A path is the rest of its line, with all spaces in it. It may stand in quotes, and those need not be closed; a file
//! whose own name begins with one is typed `./"…`. `~` at the beginning is the person's home.

use std::{
    env, fs, io,
    path::{Component, MAIN_SEPARATOR, Path, PathBuf},
};

use papo_proto::escape::Line;

/// No more names are offered to complete one.
const CANDIDATES_MAX: usize = 1000;

/// Where typed paths begin.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    /// Where the program was started.
    pub(crate) start: PathBuf,
    /// The person's home.
    pub(crate) home: Option<PathBuf>,
}

impl Paths {
    /// Those of this process.
    ///
    /// # Errors
    /// When the directory in which it was started is gone.
    pub(crate) fn of_process() -> io::Result<Self> {
        let home = env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        Ok(Self { start: env::current_dir()?, home })
    }

    /// The absolute path of one that was given relative to the start, without detours.
    pub(crate) fn of(&self, path: &Path) -> PathBuf {
        let mut absolute = PathBuf::new();
        for component in self.start.join(path).components() {
            match component {
                Component::CurDir => {}
                Component::ParentDir => drop(absolute.pop()),
                Component::RootDir | Component::Prefix(_) | Component::Normal(_) => absolute.push(component),
            }
        }
        absolute
    }

    /// The absolute path that is meant by what was typed.
    pub(crate) fn typed(&self, typed: &str) -> PathBuf {
        let (quote, path) = unquoted(typed.trim());
        self.of(&self.at_home(quote.and_then(|quote| path.strip_suffix(quote)).unwrap_or(path)))
    }

    fn at_home(&self, path: &str) -> PathBuf {
        let rest = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with(MAIN_SEPARATOR));
        match (&self.home, rest) {
            (Some(home), Some(rest)) => home.join(rest.trim_start_matches(MAIN_SEPARATOR)),
            _ => path.into(),
        }
    }

    /// Where the last component of what was typed so far begins, and what it may become. Names that can't be shown as
    /// they are, are left out.
    pub(crate) fn candidates(&self, typed: &str) -> (usize, Vec<String>) {
        let path = unquoted(typed).1;
        let start = path.rfind(MAIN_SEPARATOR).map_or(0, |at| at + 1);
        let (directory, begun) = path.split_at(start);
        let mut names = names(&self.of(&self.at_home(directory)), begun);
        names.sort();
        (typed.len() - begun.len(), names)
    }
}

/// A quote at the beginning, and what follows it.
fn unquoted(typed: &str) -> (Option<char>, &str) {
    let quote = typed.chars().next().filter(|first| ['"', '\''].contains(first));
    (quote, quote.and_then(|quote| typed.strip_prefix(quote)).unwrap_or(typed))
}

/// What is in a directory and begins so; a directory with a separator behind it. Hidden ones only where asked for.
fn names(directory: &Path, begun: &str) -> Vec<String> {
    let entries = fs::read_dir(directory).into_iter().flatten().filter_map(Result::ok);
    let fitting = entries.filter_map(|entry| {
        let mut name = entry.file_name().into_string().ok()?;
        let hidden = name.starts_with('.') && !begun.starts_with('.');
        if hidden || !name.starts_with(begun) || *Line::from(name.as_str()) != name {
            return None;
        }
        if entry.path().is_dir() {
            name.push(MAIN_SEPARATOR);
        }
        Some(name)
    });
    fitting.take(CANDIDATES_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths() -> Paths {
        Paths { start: "/srv/here".into(), home: Some("/home/ana".into()) }
    }

    #[test]
    fn a_path_is_what_was_typed_from_the_start_or_from_home_with_or_without_quotes() {
        for (typed, meant) in [
            ("film.mkv", "/srv/here/film.mkv"),
            ("  two  words.txt ", "/srv/here/two  words.txt"),
            ("\"two words\"", "/srv/here/two words"),
            ("'it''s'", "/srv/here/it''s"),
            ("\"not closed", "/srv/here/not closed"),
            ("./\"quoted\"", "/srv/here/\"quoted\""),
            ("~", "/home/ana"),
            ("~/a b", "/home/ana/a b"),
            ("'~/a'", "/home/ana/a"),
            ("~bia/a", "/srv/here/~bia/a"),
            ("a/~", "/srv/here/a/~"),
            ("/etc/hosts", "/etc/hosts"),
            ("../x/./y/", "/srv/x/y"),
            (".", "/srv/here"),
            ("/../..", "/"),
        ] {
            assert_eq!(paths().typed(typed), Path::new(meant), "{typed}");
        }
        assert_eq!(Paths { home: None, ..paths() }.typed("~/a"), Path::new("/srv/here/~/a"));
    }

    #[test]
    fn a_path_is_completed_by_what_is_there_and_can_be_shown() {
        let place = tempfile::tempdir().expect("a directory");
        fs::create_dir(place.path().join("two words")).expect("made");
        for name in ["two.txt", ".twohidden", "one", "two\u{1b}[2J", "two words/inside"] {
            fs::write(place.path().join(name), "").expect("written");
        }
        let paths = Paths { start: place.path().to_owned(), home: Some(place.path().join("two words")) };
        let check = |typed: &str, start: usize, expected: &[&str]| {
            let expected = expected.iter().map(|one| (*one).to_owned()).collect();
            assert_eq!(paths.candidates(typed), (start, expected), "{typed}");
        };
        check("", 0, &["one", "two words/", "two.txt"]);
        check("tw", 0, &["two words/", "two.txt"]);
        check("\"tw", 1, &["two words/", "two.txt"]);
        check("two words/", 10, &["inside"]);
        check("./two words/in", 12, &["inside"]);
        check("~/", 2, &["inside"]);
        check(".t", 0, &[".twohidden"]);
        check("nowhere/x", 8, &[]);
    }

    #[test]
    fn of_a_heap_of_names_only_so_many_are_offered() {
        let place = tempfile::tempdir().expect("a directory");
        for number in 0..=CANDIDATES_MAX {
            fs::write(place.path().join(number.to_string()), "").expect("written");
        }
        let paths = Paths { start: place.path().to_owned(), home: None };
        assert_eq!(paths.candidates("").1.len(), CANDIDATES_MAX);
        fs::remove_file(place.path().join("0")).expect("removed");
        assert_eq!(paths.candidates("").1.len(), CANDIDATES_MAX);
    }
}

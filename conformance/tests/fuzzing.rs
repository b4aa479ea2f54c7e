//! The fuzz targets without a fuzzer: what was found once holds for ever, and nothing is forgotten.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use papo_conformance::fuzz::TARGETS;

/// Committed corpora stay small: what a fuzzer finds beyond them, it finds again.
const CORPORA_BYTES_MAX: u64 = 1_500_000;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz")
}

/// The files of a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files = entries.map(|entry| entry.expect("a readable directory").path()).collect::<Vec<_>>();
    files.sort();
    files
}

fn stems(directory: &Path) -> BTreeSet<String> {
    let stem = |path: PathBuf| path.file_stem().expect("a file has a name").to_string_lossy().into_owned();
    files(directory).into_iter().map(stem).collect()
}

#[test]
fn everything_in_the_committed_corpora_holds() {
    for target in TARGETS {
        for file in files(&fuzz().join("corpus").join(target.name)) {
            let data = fs::read(&file).expect("a committed file can be read");
            let result = std::panic::catch_unwind(|| (target.run)(&data));
            assert!(result.is_ok(), "{} does not hold for {}", target.name, file.display());
        }
    }
}

#[test]
fn each_target_has_its_name_its_binary_and_its_corpus() {
    let names = TARGETS.iter().map(|target| target.name.to_owned()).collect::<BTreeSet<_>>();
    assert_eq!(names.len(), TARGETS.len(), "two targets of one name");
    assert_eq!(stems(&fuzz().join("corpus")), names, "a folder of corpus/ for each target");
    assert_eq!(stems(&fuzz().join("targets")), names, "a file of targets/ for each target");
    let manifest = fs::read_to_string(fuzz().join("Cargo.toml")).expect("a manifest");
    let named = |key: &str| {
        let values = manifest.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
        values.map(|value| value.trim_end_matches('"').to_owned()).collect::<BTreeSet<_>>()
    };
    let mut expected = names.clone();
    expected.insert("papo-fuzz".to_owned());
    assert_eq!(named("name"), expected, "a [[bin]] for each target");
    let paths = names.iter().map(|name| format!("targets/{name}.rs")).collect::<BTreeSet<_>>();
    assert_eq!(named("path"), paths);
    for name in &names {
        let source = fs::read_to_string(fuzz().join("targets").join(format!("{name}.rs"))).expect("a readable file");
        assert!(source.contains(&format!("::{name}(data)")), "{name}.rs runs another target");
    }
}

#[test]
fn committed_corpora_are_small_and_there() {
    let mut bytes = 0;
    for target in TARGETS {
        let corpus = files(&fuzz().join("corpus").join(target.name));
        assert!(corpus.len() >= 10, "{}: {} files", target.name, corpus.len());
        bytes += corpus.iter().map(|file| fs::metadata(file).map_or(0, |file| file.len())).sum::<u64>();
    }
    assert!(bytes <= CORPORA_BYTES_MAX, "{bytes} bytes of corpora");
}

//! Builds the programs, once. Cargo builds another package's programs for no test, so this does, into the very
//! directory that this test was built into, and waits for whoever does the same at the same time.
//!
//! `PAPO_PROGRAMS=DIR` tests the programs that stand there instead, such as those of an optimised build.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// How the variables begin that cargo sets for this package's tests alone.
const OF_THIS_PACKAGE: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// The path of `papo-tracker`.
pub(crate) fn tracker() -> PathBuf {
    built().join("papo-tracker")
}

/// The path of `papo`.
pub(crate) fn papo() -> PathBuf {
    built().join("papo")
}

/// The path of `papo-conformance`, which cargo builds for its own tests.
pub(crate) fn conformance() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_papo-conformance"))
}

/// The directory of the finished programs.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        if let Some(directory) = env::var_os("PAPO_PROGRAMS") {
            return directory.into();
        }
        // target/PROFILE/deps/programs-HASH
        let exe = env::current_exe().expect("a running test has a path");
        let profile_dir = exe.ancestors().nth(2).expect("tests stand in target/PROFILE/deps").to_owned();
        let target_dir = profile_dir.parent().expect("profiles stand in a target directory");
        let profile = match profile_dir.file_name().and_then(|name| name.to_str()) {
            Some("debug") | None => "dev",
            Some(other) => other,
        };
        // Cargo has a lock of its own; this one also keeps a second build from replacing a program that a test of
        // another binary is just starting.
        let lock = fs::File::create(target_dir.join("programs.lock")).expect("the target directory can be written");
        lock.lock().expect("the lock can be taken");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").join("Cargo.toml");
        let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        // What cargo tells a test about its package would make some build scripts run again.
        for (variable, _) in env::vars_os() {
            let name = variable.to_string_lossy();
            if OF_THIS_PACKAGE.iter().any(|start| name.starts_with(start)) {
                cargo.env_remove(&variable);
            }
        }
        let build = cargo
            .args(["build", "--quiet", "--bins", "-p", "papo-tracker", "-p", "papo-peer"])
            .args(["--profile", profile, "--manifest-path"])
            .arg(manifest)
            .arg("--target-dir")
            .arg(target_dir)
            .output()
            .expect("cargo starts");
        assert!(build.status.success(), "the programs do not build:\n{}", String::from_utf8_lossy(&build.stderr));
        profile_dir
    })
}

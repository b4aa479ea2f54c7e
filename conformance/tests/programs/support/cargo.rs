//! Builds what cargo builds for no test of this package, into the very directory that the test was built into, and
//! waits for whoever does the same at the same time.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

/// How the variables begin that cargo sets for this package's tests alone.
const OF_THIS_PACKAGE: [&str; 5] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_", "CARGO_PRIMARY_"];

/// Calls `cargo build` with these arguments, in the profile of this test; where the result stands.
pub(crate) fn build(arguments: &[&str]) -> PathBuf {
    // target/PROFILE/deps/TEST-HASH
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
        .args(["build", "--quiet", "--profile", profile, "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(target_dir)
        .args(arguments)
        .output()
        .expect("cargo starts");
    assert!(build.status.success(), "it does not build:\n{}", String::from_utf8_lossy(&build.stderr));
    profile_dir
}

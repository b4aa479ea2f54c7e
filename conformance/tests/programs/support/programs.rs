//! The programs, built once: cargo builds another package's programs for no test, so this does.
//!
//! `PAPO_PROGRAMS=DIR` tests the programs that stand there instead, such as those of an optimised build.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use super::cargo;

/// The path of `papo-tracker`.
pub(crate) fn tracker() -> PathBuf {
    built().join("papo-tracker")
}

/// `papo`, in an environment that asks for nothing: no password, no language, no colour, no log.
pub(crate) fn papo() -> Command {
    let mut command = Command::new(built().join("papo"));
    for variable in [
        "PAPO_PASSWORD",
        "PAPO_REGISTRATION_TOKEN",
        "PAPO_SMTP_PASSWORD",
        "LC_ALL",
        "LC_MESSAGES",
        "LANG",
        "NO_COLOR",
        "RUST_LOG",
    ] {
        command.env_remove(variable);
    }
    command
}

/// The path of `papo-conformance`, which cargo builds for its own tests.
pub(crate) fn conformance() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_papo-conformance"))
}

/// The directory of the finished programs.
fn built() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| match env::var_os("PAPO_PROGRAMS") {
        Some(directory) => directory.into(),
        None => cargo::build(&["--bins", "--package", "papo-tracker", "--package", "papo-peer"]),
    })
}

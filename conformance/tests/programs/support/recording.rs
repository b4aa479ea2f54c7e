//! Recordings that programs wrote.

use std::{path::Path, process::Command};

use super::programs;

/// Replays a recording: exit code and everything that was printed.
pub(crate) fn replay(recording: &Path) -> (i32, String) {
    let output = Command::new(programs::conformance()).arg("replay").arg(recording).output().expect("it starts");
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code().unwrap_or(-1), String::from_utf8_lossy(&printed).into_owned())
}

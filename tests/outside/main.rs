//! Programs nobody here wrote judge what lianshi writes. Python comes from `.venv`, which
//! `tests/run` makes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod aics;
mod go_tools;
mod laid;
mod ledger;
mod log;
mod served;
mod shown;
mod verify;

#[path = "../../registry/tests/specifications/specimen.rs"]
mod specimen;
#[path = "../../registry/tests/specifications/tampering.rs"]
mod tampering;

use std::{
    path::{Path, PathBuf},
    process::Command,
};

/// A program that `tests/run` put into `target/outside`.
fn tool(path: &str) -> PathBuf {
    let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/outside").join(path);
    assert!(tool.exists(), "{} is missing; run tests/run aics go", tool.display());
    tool
}

/// Runs a script of this folder; what it printed, or what it complained about.
fn python(script: &str, arguments: &[&str]) -> Result<String, String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let program = root.join(".venv/bin/python");
    assert!(program.exists(), "{} is missing; run tests/run outside", program.display());
    let output = Command::new(program)
        .arg(root.join("tests/outside").join(script))
        .args(arguments)
        .output()
        .expect("Python starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

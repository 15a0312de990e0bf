//! The first minute of somebody who has just cloned this: two commands, and the first of them says
//! what is missing in the caller's language. `demo` runs here among stand-ins that write down how
//! they were called, never the real package manager or compiler.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use crate::sources::root;

/// What the script uses beside what it looks for.
const ALWAYS: [&str; 8] = ["bash", "env", "dirname", "sed", "sort", "head", "cat", "printf"];

/// A machine made of stand-ins.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    /// With a compiler, `make`, a whole `perl`, and a new cargo.
    fn whole() -> Self {
        let machine = Self { folder: tempfile::tempdir().expect("a folder") };
        for tool in ALWAYS {
            let real = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH"))
                .map(|folder| folder.join(tool))
                .find(|path| path.is_file());
            let real = real.unwrap_or_else(|| panic!("no {tool} here"));
            std::os::unix::fs::symlink(real, machine.path(tool)).expect("linked");
        }
        for tool in ["cc", "make", "perl"] {
            machine.stand_in(tool, "exit 0");
        }
        machine.user(1000);
        machine.cargo("1.99.0");
        machine
    }

    fn path(&self, tool: &str) -> PathBuf {
        self.folder.path().join(tool)
    }

    /// A program of this name that does what `body` says.
    fn stand_in(&self, tool: &str, body: &str) {
        self.without(tool);
        fs::write(self.path(tool), format!("#!/bin/sh\n{body}\n")).expect("written");
        fs::set_permissions(self.path(tool), fs::Permissions::from_mode(0o755)).expect("allowed");
    }

    fn without(&self, tool: &str) {
        // It may not be there.
        let _ = fs::remove_file(self.path(tool));
    }

    fn user(&self, id: u32) {
        self.stand_in("id", &format!("echo {id}"));
    }

    fn cargo(&self, version: &str) {
        self.stand_in(
            "cargo",
            &format!(
                "[ \"$1\" = --version ] && echo 'cargo {version} (0123456 2026-01-01)' && exit 0\n\
                 echo \"cargo $*\""
            ),
        );
    }

    fn demo(&self, language: &str, arguments: &[&str]) -> (i32, String) {
        let output: Output = Command::new(root().join("demo"))
            .args(arguments)
            .env_clear()
            .env("PATH", self.folder.path())
            .env("HOME", self.folder.path())
            .env("LANG", language)
            .output()
            .expect("the script runs");
        let text = [output.stdout, output.stderr].concat();
        let code = output.status.code().expect("it ended by itself");
        (code, String::from_utf8(text).expect("UTF-8"))
    }
}

fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
}

#[test]
fn with_everything_there_the_demo_is_built_and_gets_the_arguments() {
    let machine = Machine::whole();
    let (code, text) = machine.demo("en_US.UTF-8", &["--base-port", "9000", "--fresh"]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("cargo run --release --locked"), "{text}");
    assert!(text.contains("-- demo --base-port 9000 --fresh\n"), "{text}");
}

#[test]
fn root_on_debian_gets_what_is_missing_installed() {
    let machine = Machine::whole();
    machine.without("cc");
    machine.without("make");
    machine.stand_in("perl", "exit 2");
    machine.user(0);
    machine.stand_in("apt-get", "echo \"apt-get $*\"");
    let (code, text) = machine.demo("en_US.UTF-8", &[]);
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("apt-get install -yq build-essential make perl"), "{text}");
    assert!(text.contains("-- demo"), "and then the demo starts: {text}");

    machine.stand_in("apt-get", "echo no network; exit 100");
    let (code, text) = machine.demo("en_US.UTF-8", &[]);
    assert_eq!(code, 2, "{text}");
    assert!(text.contains("could not be installed") && text.contains("no network"), "{text}");
}

#[test]
fn everybody_else_is_told_what_to_install_in_their_language() {
    let machine = Machine::whole();
    machine.without("cc");
    machine.stand_in("apt-get", "echo \"apt-get $*\"");
    let (code, text) = machine.demo("en_US.UTF-8", &[]);
    assert!(code == 2 && text.contains("sudo apt-get install build-essential"), "{text}");
    assert!(!is_chinese(&text), "{text}");
    let (code, text) = machine.demo("zh_CN.UTF-8", &[]);
    assert!(code == 2 && text.contains("sudo apt-get install build-essential"), "{text}");
    assert!(is_chinese(&text) && !text.contains("Install what"), "{text}");
    let (_, text) = machine.demo("zh_CN.UTF-8", &["--language", "en"]);
    assert!(!is_chinese(&text), "an option outweighs the shell: {text}");

    machine.without("apt-get");
    let (code, text) = machine.demo("C", &[]);
    assert!(code == 2 && text.contains("C compiler, make and perl"), "{text}");
}

#[test]
fn a_missing_or_old_compiler_is_told_with_what_to_do() {
    let machine = Machine::whole();
    machine.without("cargo");
    let (code, text) = machine.demo("en_US.UTF-8", &[]);
    assert!(code == 2 && text.contains("https://rustup.rs"), "{text}");
    for (version, fits) in [("1.94.1", false), ("1.9.0", false), ("1.95.0", true), ("2.0.0", true)]
    {
        machine.cargo(version);
        let (code, text) = machine.demo("en_US.UTF-8", &[]);
        assert_eq!(code == 0, fits, "{version}: {text}");
        assert!(fits || text.contains("rustup update stable"), "{version}: {text}");
    }
}

#[test]
fn a_cargo_that_the_shell_does_not_know_yet_is_found() {
    let machine = Machine::whole();
    let folder = machine.path(".cargo/bin");
    fs::create_dir_all(&folder).expect("a folder");
    fs::rename(machine.path("cargo"), folder.join("cargo")).expect("moved");
    let (code, text) = machine.demo("en_US.UTF-8", &[]);
    assert!(code == 0 && text.contains("-- demo"), "{text}");
}

/// Commands of a document: lines of its shell blocks.
fn commands(document: &Path) -> Vec<String> {
    let text = fs::read_to_string(document).expect("the document");
    let blocks = text.split("```sh\n").skip(1);
    let lines = blocks.flat_map(|block| block.split("```").next().unwrap_or_default().lines());
    lines.map(str::to_owned).collect()
}

#[test]
fn the_readme_has_exactly_two_commands_in_both_languages() {
    for name in ["README.md", "README.zh-CN.md"] {
        let document = root().join(name);
        assert_eq!(commands(&document), ["./demo", "tests/run"], "{name}");
        let text = fs::read_to_string(document).expect("the document");
        for word in ["cargo ", "apt-get", "```bash", "```shell", "```console"] {
            assert!(!text.contains(word), "{name} tells a third command: {word}");
        }
    }
    for script in ["demo", "tests/run"] {
        let mode = fs::metadata(root().join(script)).expect("a script").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} can be run");
    }
}

//! A disk of a few MiB, to be filled: memory mounted in a namespace of its own, so that no right of
//! the machine is needed and nothing stays behind.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use tempfile::TempDir;

use crate::{Process, program};

/// A small disk; gone when dropped.
pub struct SmallDisk {
    keeper: Child,
    folder: TempDir,
}

impl SmallDisk {
    /// Makes one.
    pub fn of_mib(size: u32) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let script = format!("mount -t tmpfs -o size={size}m tmpfs \"$0\" && echo ready && cat");
        let mut keeper = Command::new("unshare")
            .args(["-Urm", "sh", "-c", &script])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare, which every Linux has");
        let mut said = String::new();
        let out = keeper.stdout.as_mut().expect("piped");
        BufReader::new(out).read_line(&mut said).expect("a line");
        assert_eq!(said, "ready\n", "a namespace of one's own is not to be had here");
        Self { keeper, folder }
    }

    /// Where it is, for what runs on it.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Runs a shell script on it, in its folder; gives what it printed.
    pub fn sh(&self, script: &str) -> Output {
        let mut command = self.enter();
        command.args(["sh", "-c", &format!("cd \"$0\" && {{ {script}\n}}")]).arg(self.path());
        command.output().expect("sh runs")
    }

    /// Runs the program on a folder of it.
    pub fn run(&self, data: &str, arguments: &[&str]) -> Output {
        let mut command = self.enter();
        command.arg(program()).args(arguments).arg("--data").arg(self.path().join(data));
        command.output().expect("the program runs")
    }

    /// Starts the program on a folder of it; its log goes elsewhere.
    pub fn start(&self, data: &str, arguments: &[&str], log: &Path) -> Process {
        let data = self.path().join(data).display().to_string();
        let program = program().display().to_string();
        let mut all = Self::words(self.keeper.id());
        all.push(program);
        all.extend(arguments.iter().map(|&word| word.to_owned()));
        all.extend(["--data".to_owned(), data]);
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        Process::start_program(&PathBuf::from("nsenter"), &all, log)
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(Self::words(self.keeper.id())).stdin(Stdio::null());
        command
    }

    fn words(keeper: u32) -> Vec<String> {
        let words = ["-t", &keeper.to_string(), "-U", "-m", "--preserve-credentials", "--"];
        words.map(str::to_owned).to_vec()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Already gone is as good.
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

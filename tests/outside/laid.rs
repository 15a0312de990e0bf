//! Logs laid out in folders for programs that read files: sound ones of every awkward size, and one
//! that is tampered with and mended again.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use tempfile::TempDir;

use crate::{
    specimen::{Specimen, log_vkey, policy},
    tampering::{self, Tampering},
};

/// Sizes at which tiles fill, begin and rise a level.
pub const SIZES: [u64; 11] = [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 70_000];

/// A log in a folder, with its key and policy beside.
pub struct Laid {
    /// Where the files are.
    pub files: PathBuf,
    /// A file with the log's key.
    pub vkey: PathBuf,
    /// A file with the policy.
    pub policy: PathBuf,
    written: BTreeMap<String, Vec<u8>>,
    // Removed with the test.
    _folder: TempDir,
}

impl Laid {
    pub fn new(log: &Specimen) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let at = |name: &str| folder.path().join(name);
        let (files, vkey, policy_file) = (at("log"), at("log.vkey"), at("policy"));
        fs::create_dir(&files).expect("made");
        fs::write(&vkey, format!("{}\n", log_vkey())).expect("written");
        fs::write(&policy_file, policy().to_string()).expect("written");
        let mut laid =
            Self { files, vkey, policy: policy_file, written: BTreeMap::new(), _folder: folder };
        laid.become_like(log);
        laid
    }

    /// Makes the folder hold exactly the files of a log, touching only those that differ.
    pub fn become_like(&mut self, log: &Specimen) {
        for path in self.written.keys().filter(|path| !log.files.contains_key(*path)) {
            fs::remove_file(self.files.join(path)).expect("removed");
        }
        for (path, bytes) in &log.files {
            if self.written.get(path) != Some(bytes) {
                let file = self.files.join(path);
                fs::create_dir_all(file.parent().expect("below the folder")).expect("made");
                fs::write(file, bytes).expect("written");
            }
        }
        self.written.clone_from(&log.files);
    }
}

/// The kinds of tampering a program should see and does not.
pub fn unseen(
    should: impl Fn(&Tampering) -> bool,
    mut rejects: impl FnMut(&Specimen) -> bool,
) -> Vec<&'static str> {
    let sound = Specimen::new(tampering::SIZE);
    let mut rejected = |kind: &Tampering| {
        let mut tampered = sound.clone();
        (kind.apply)(&mut tampered);
        rejects(&tampered)
    };
    let mut kinds = tampering::all();
    kinds.retain(should);
    assert!(!kinds.is_empty());
    kinds.iter().filter(|kind| !rejected(kind)).map(|kind| kind.name).collect()
}

/// A path as programs take it.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

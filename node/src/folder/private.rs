//! Files and folders for their owner alone. A node's folder holds passwords' hashes, contracts and
//! the data behind products; the program makes its files 0600 and its folders 0700 whatever the
//! shell's mask is, and works with none that others may look into.

use std::{
    fs,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, bail};
use rustix::{fs::Mode, process::umask};

/// Mode of every file.
const FILE_MODE: u32 = 0o600;
/// Mode of every folder.
const FOLDER_MODE: u32 = 0o700;
/// Rights of others: a file or folder with any of them is not worked with.
const OTHERS: u32 = 0o077;
/// Files of a data folder beside keys and database; not all of them are there at all times.
const FILES: [&str; 12] = [
    "node.toml",
    "charter.toml",
    "application.toml",
    "signed-head",
    "signed-head.next",
    "signed-head.lock",
    "database-beat",
    "database-beat.next",
    "serve.lock",
    "close.lock",
    "shown-to",
    "mail",
];

/// Takes all rights of others from everything the process makes from now on: also from what a
/// library makes, such as the files of SQLite. Called first of all.
pub fn mask() {
    umask(Mode::from_raw_mode(OTHERS));
}

/// Makes a folder, and those above it that are missing. An empty one that is there is closed to
/// others; one that others may look into and that holds something is refused.
pub fn make_folder(path: &Path) -> anyhow::Result<()> {
    let failed = || format!("cannot make {}", path.display());
    if !path.exists() {
        let mut builder = fs::DirBuilder::new();
        return builder.recursive(true).mode(FOLDER_MODE).create(path).with_context(failed);
    }
    let is_empty = fs::read_dir(path).with_context(failed)?.next().is_none();
    if is_empty && is_open(path) {
        let closed = fs::set_permissions(path, fs::Permissions::from_mode(FOLDER_MODE));
        return closed.with_context(|| format!("cannot close {} to others", path.display()));
    }
    demand([path.to_owned()])
}

/// Writes a whole file. One that is there is closed to others before the first byte.
pub fn write(path: &Path, bytes: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let mut file = create(path)?;
    file.write_all(bytes.as_ref()).with_context(|| format!("cannot write {}", path.display()))
}

/// Begins a file anew, closed to others.
pub fn create(path: &Path) -> anyhow::Result<fs::File> {
    let made = || {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(path)?;
        // A terminal or a pipe keeps its rights.
        if file.metadata()?.is_file() {
            file.set_permissions(fs::Permissions::from_mode(FILE_MODE))?;
        }
        Ok::<_, std::io::Error>(file)
    };
    made().with_context(|| format!("cannot write {}", path.display()))
}

/// Everything in a data folder that is the owner's alone: the folder, its files, its keys. The
/// database may be elsewhere.
pub fn of_folder(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let keys = folder.join("keys");
    let mut all = vec![folder.to_owned(), keys.clone()];
    all.extend(FILES.iter().map(|name| folder.join(name)));
    if keys.is_dir() {
        for entry in fs::read_dir(&keys)? {
            all.push(entry?.path());
        }
    }
    Ok(all)
}

/// What SQLite keeps of a database: the file, and those beside it while it is open.
pub fn database_files(path: &Path) -> Vec<PathBuf> {
    let beside = |end| PathBuf::from(format!("{}{end}", path.display()));
    ["", "-wal", "-shm", "-journal"].map(beside).into()
}

/// Refuses files and folders that others may look into, with the command that closes them. What is
/// not there is passed over.
pub fn demand(paths: impl IntoIterator<Item = PathBuf>) -> anyhow::Result<()> {
    let open: Vec<PathBuf> = paths.into_iter().filter(|path| is_open(path)).collect();
    let (folders, files): (Vec<_>, Vec<_>) = open.iter().partition(|path| path.is_dir());
    let close = |mode: &str, paths: &[&PathBuf]| {
        let quoted: Vec<String> = paths.iter().map(|path| quote(path)).collect();
        (!paths.is_empty()).then(|| format!("chmod {mode} {}", quoted.join(" ")))
    };
    let commands: Vec<String> =
        [close("700", &folders), close("600", &files)].into_iter().flatten().collect();
    if let Some(first) = open.first() {
        bail!(
            "others on this machine may look into {} ({} in all); close it and try again: {}",
            first.display(),
            open.len(),
            commands.join(" && ")
        );
    }
    Ok(())
}

/// Whether anybody but the owner has any right to what is there.
fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.permissions().mode() & OTHERS != 0)
}

/// A path as one word of a shell's command.
fn quote(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("there").permissions().mode() & 0o777
    }

    fn set(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("set");
    }

    #[test]
    fn what_is_made_is_the_owners_alone_whatever_was_there() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = base.path().join("above/data");
        make_folder(&folder).expect("made");
        assert_eq!((mode(&folder), mode(&base.path().join("above"))), (0o700, 0o700));
        let file = folder.join("node.toml");
        fs::write(&file, "older").expect("written");
        set(&file, 0o644);
        write(&file, "new").expect("written");
        assert_eq!((mode(&file), fs::read_to_string(&file).expect("read")), (0o600, "new".into()));
    }

    #[test]
    fn an_empty_folder_is_closed_and_one_that_holds_something_is_refused() {
        let base = tempfile::tempdir().expect("a folder");
        let folder = base.path().join("it's mine");
        fs::create_dir(&folder).expect("made");
        set(&folder, 0o755);
        make_folder(&folder).expect("closed");
        assert_eq!(mode(&folder), 0o700);
        fs::write(folder.join("something"), "").expect("written");
        set(&folder, 0o750);
        let refused = make_folder(&folder).expect_err("others may look in").to_string();
        assert!(refused.ends_with(&format!("chmod 700 {}", quote(&folder))), "{refused}");
        assert!(refused.contains(r"it'\''s mine'"), "{refused}");
    }

    #[test]
    fn the_refusal_names_the_command_that_mends_everything() {
        let base = tempfile::tempdir().expect("a folder");
        let data = base.path().join("data");
        let (keys, key) = (data.join("keys"), data.join("keys/log.key"));
        let head = data.join("signed-head");
        make_folder(&keys).expect("made");
        for file in [&key, &head] {
            write(file, "secret").expect("written");
        }
        let all = || of_folder(&data).expect("listed");
        demand(all()).expect("closed");
        set(&keys, 0o710);
        set(&key, 0o604);
        set(&head, 0o640);
        let refused = demand(all()).expect_err("open").to_string();
        let (_, command) = refused.split_once("try again: ").expect("a command");
        let mended = std::process::Command::new("sh").args(["-c", command]).status();
        assert!(mended.expect("sh").success(), "{command}");
        demand(all()).expect("closed by the command");
    }
}

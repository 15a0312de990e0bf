//! The four secret keys as files: 64 hexadecimal digits, readable by their owner alone.

use std::{fs, io::Write as _, os::unix::fs::OpenOptionsExt as _, path::Path};

use anyhow::Context as _;
use lianshi_registry::key::{KeyPair, NodeKeys};

use super::private;

/// Makes four fresh keys in a folder.
pub(super) fn make(folder: &Path) -> anyhow::Result<NodeKeys> {
    each(|role| make_key(folder, role))
}

/// Reads the four keys of a folder.
pub(super) fn read(folder: &Path) -> anyhow::Result<NodeKeys> {
    each(|role| read_key(folder, role))
}

/// Writes these keys into a folder that has none.
pub(super) fn write(folder: &Path, keys: &NodeKeys) -> anyhow::Result<()> {
    write_key(folder, "identity", &keys.identity)?;
    write_key(folder, "log", &keys.log)?;
    write_key(folder, "witness", &keys.witness)?;
    write_key(folder, "seal", &keys.seal)
}

fn each(key: impl Fn(&str) -> anyhow::Result<KeyPair>) -> anyhow::Result<NodeKeys> {
    Ok(NodeKeys {
        identity: key("identity")?,
        log: key("log")?,
        witness: key("witness")?,
        seal: key("seal")?,
    })
}

pub(super) fn make_key(folder: &Path, role: &str) -> anyhow::Result<KeyPair> {
    let mut seed = [0_u8; 32];
    getrandom::fill(&mut seed).map_err(|error| anyhow::anyhow!("no randomness: {error}"))?;
    let key = KeyPair::from_seed(seed);
    write_key(folder, role, &key)?;
    Ok(key)
}

fn write_key(folder: &Path, role: &str, key: &KeyPair) -> anyhow::Result<()> {
    let file = folder.join(format!("{role}.key"));
    let mut out = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file)
        .with_context(|| format!("cannot make {}", file.display()))?;
    out.write_all(key.to_hex().as_bytes())?;
    out.sync_all()?;
    Ok(())
}

pub(super) fn read_key(folder: &Path, role: &str) -> anyhow::Result<KeyPair> {
    let file = folder.join(format!("{role}.key"));
    let unread =
        || format!("cannot read {}; bring it back from the backup of the keys", file.display());
    private::demand([file.clone()])?;
    let text = fs::read_to_string(&file).with_context(unread)?;
    KeyPair::from_hex(&text).with_context(|| {
        let file = file.display();
        format!(
            "{file} does not hold a key, which is 64 hexadecimal digits; bring it back from the \
             backup of the keys"
        )
    })
}

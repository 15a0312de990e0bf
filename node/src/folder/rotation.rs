//! Replacing a key: the next one waits beside the one in use, in `keys/<role>.next.key`, until the
//! root authority has admitted the node with it; then it takes its place, and the old one is gone.
//! The log key is not replaced: with it the log itself ends, and the next generation begins.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context as _, ensure};
use lianshi_registry::{
    entry::Admission,
    key::{KeyPair, NodeKeys, PublicKey},
    member::KeyRole,
};

use super::{Folder, keys};

/// The keys that can be replaced.
pub const ROTATED: [KeyRole; 3] = [KeyRole::Identity, KeyRole::Witness, KeyRole::Seal];

impl Folder {
    /// Makes the next key of a role, unless it waits already, and gives what the root authority
    /// needs to admit the node with all that wait.
    pub fn prepare_key(&self, role: KeyRole) -> anyhow::Result<Admission> {
        if self.next_key(role)?.is_none() {
            keys::make_key(&self.path.join("keys"), &next_name(role))?;
        }
        self.application_with_next_keys()
    }

    /// What the root authority needs to admit the node with the keys that wait.
    pub fn application_with_next_keys(&self) -> anyhow::Result<Admission> {
        let mut keys = self.keys.clone();
        for role in ROTATED {
            if let Some(next) = self.next_key(role)? {
                *key_of(&mut keys, role) = next;
            }
        }
        Ok(self.application().proved(&keys))
    }

    /// The key of a role that waits to be admitted.
    pub fn next_key(&self, role: KeyRole) -> anyhow::Result<Option<KeyPair>> {
        let waits = self.next_path(role).exists();
        let read = || keys::read_key(&self.path.join("keys"), &next_name(role));
        waits.then(read).transpose()
    }

    /// Puts the waiting key of a role into use. The old secret key is gone; what it signed stays
    /// signed.
    pub fn take_key(&mut self, role: KeyRole) -> anyhow::Result<()> {
        let next = self.next_key(role)?;
        let next = next.with_context(|| {
            let role = role.as_str();
            format!("no {role} key waits; make one with `lianshi keys rotate {role}`")
        })?;
        let folder = self.path.join("keys");
        let path = folder.join(format!("{}.key", role.as_str()));
        fs::rename(self.next_path(role), &path)
            .and_then(|()| File::open(&folder)?.sync_all())
            .with_context(|| format!("cannot put {} into use", path.display()))?;
        *key_of(&mut self.keys, role) = next;
        Ok(())
    }

    /// Puts into use every waiting key that the node is admitted with. Gives their roles.
    pub fn take_admitted_keys(&mut self, admission: &Admission) -> anyhow::Result<Vec<KeyRole>> {
        let admitted = [admission.identity_key, admission.witness_key, admission.seal_key];
        self.take_keys(admitted)
    }

    /// The same for a root authority, whose keys stand in the charter.
    pub fn take_charter_keys(&mut self) -> anyhow::Result<Vec<KeyRole>> {
        let origin = self.origin();
        let named = self.charter.root.iter().find(|root| root.origin == origin);
        let named = named.map(|root| [root.identity_key, root.witness_key, root.seal_key]);
        named.map_or(Ok(Vec::new()), |named| self.take_keys(named))
    }

    /// Takes the waiting keys that these are, in the order of [`ROTATED`].
    fn take_keys(&mut self, named: [PublicKey; 3]) -> anyhow::Result<Vec<KeyRole>> {
        let mut taken = Vec::new();
        for (role, named) in ROTATED.into_iter().zip(named) {
            if self.next_key(role)?.is_some_and(|next| next.public() == named) {
                self.take_key(role)?;
                taken.push(role);
            }
        }
        Ok(taken)
    }

    fn next_path(&self, role: KeyRole) -> PathBuf {
        self.path.join("keys").join(format!("{}.key", next_name(role)))
    }
}

fn next_name(role: KeyRole) -> String {
    format!("{}.next", role.as_str())
}

fn key_of(keys: &mut NodeKeys, role: KeyRole) -> &mut KeyPair {
    match role {
        KeyRole::Identity => &mut keys.identity,
        KeyRole::Log => &mut keys.log,
        KeyRole::Witness => &mut keys.witness,
        KeyRole::Seal => &mut keys.seal,
    }
}

/// Reads the name of a role whose key can be replaced.
pub fn parse_role(text: &str) -> anyhow::Result<KeyRole> {
    ensure!(
        text != KeyRole::Log.as_str(),
        "the log key is not replaced: the log ends with it. Let the root authority withdraw this \
         node, and join with `lianshi init --generation`"
    );
    let role = ROTATED.into_iter().find(|role| role.as_str() == text);
    role.with_context(|| format!("`{text}` is no key; use identity, witness or seal"))
}

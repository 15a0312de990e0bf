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
    key::{KeyPair, PublicKey},
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
        let mut application = self.application();
        for role in ROTATED {
            if let Some(next) = self.next_key(role)? {
                *place(&mut application, role) = next.public();
            }
        }
        Ok(application)
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
        match role {
            KeyRole::Identity => self.keys.identity = next,
            KeyRole::Log => self.keys.log = next,
            KeyRole::Witness => self.keys.witness = next,
            KeyRole::Seal => self.keys.seal = next,
        }
        Ok(())
    }

    /// Puts into use every waiting key that the node is admitted with. Gives their roles.
    pub fn take_admitted_keys(&mut self, admission: &Admission) -> anyhow::Result<Vec<KeyRole>> {
        let mut taken = Vec::new();
        for role in ROTATED {
            let admitted = *place(&mut admission.clone(), role);
            if self.next_key(role)?.is_some_and(|next| next.public() == admitted) {
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

fn place(admission: &mut Admission, role: KeyRole) -> &mut PublicKey {
    match role {
        KeyRole::Identity => &mut admission.identity_key,
        KeyRole::Log => &mut admission.log_key,
        KeyRole::Witness => &mut admission.witness_key,
        KeyRole::Seal => &mut admission.seal_key,
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

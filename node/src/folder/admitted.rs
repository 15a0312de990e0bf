//! What `node.toml` says and what the federation was told. Others go by the admission; a change
//! here is known to nobody until the root authority admits the node with it.

use lianshi_registry::entry::Admission;

use super::Folder;

/// One thing that is not as admitted.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Its name in `node.toml`.
    pub what: &'static str,
    /// What everybody goes by.
    pub admitted: String,
    /// What `node.toml` says.
    pub here: String,
}

impl Folder {
    /// Where `node.toml` differs from the admission.
    pub fn differences(&self, admission: &Admission) -> Vec<Difference> {
        let here = self.application();
        let name = |admission: &Admission| format!("{} / {}", admission.name.zh, admission.name.en);
        let rows = [
            ("name", name(admission), name(&here)),
            ("division", admission.division.to_string(), here.division.to_string()),
            ("level", admission.level.clone(), here.level.clone()),
            ("public_url", admission.public_url.clone(), here.public_url.clone()),
            ("peer_addresses", admission.addresses.join(" "), here.addresses.join(" ")),
        ];
        let differ = rows.into_iter().filter(|(_, admitted, here)| admitted != here);
        differ.map(|(what, admitted, here)| Difference { what, admitted, here }).collect()
    }

    /// The application of a node that is a member already: as `node.toml` says now, with the keys
    /// that wait to be admitted, and what the root authority alone decides unchanged.
    pub fn renewal(&self, admission: &Admission) -> anyhow::Result<Admission> {
        let mut application = self.application_with_next_keys()?;
        application.quota_bytes = admission.quota_bytes;
        Ok(application)
    }
}

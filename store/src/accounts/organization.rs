//! Organizations in the books: whom a user acts for. Public facts about organizations are log
//! entries; this table also holds enterprises, which never appear in a log.

use diesel::prelude::*;
use lianshi_registry::{
    entry::Texts,
    id::DivisionCode,
    text::{Kind, TextRefusal},
    uscc::Uscc,
};

use super::refusal::AccountRefusal;
use crate::{
    Failure, Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    schema::organizations,
};

/// The kind of an organization that only buys.
pub const ENTERPRISE: &str = "enterprise";

/// An organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationRecord {
    /// Its unified social credit code.
    pub uscc: Uscc,
    /// Its name.
    pub name: Texts,
    /// Its division.
    pub division: DivisionCode,
    /// [`ENTERPRISE`], or the role it has in the chain, such as `operator`.
    pub kind: String,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = organizations)]
struct Row {
    uscc: String,
    name_zh: String,
    name_en: String,
    division: String,
    kind: String,
    created_at: i64,
}

impl Row {
    fn into_record(self) -> Result<OrganizationRecord, Fault> {
        let bad = |what: &dyn ToString| Fault::corrupt("organizations", what.to_string());
        Ok(OrganizationRecord {
            uscc: Uscc::known(&self.uscc).map_err(|error| bad(&error))?,
            name: Texts { zh: self.name_zh, en: self.name_en },
            division: DivisionCode::parse(&self.division).map_err(|error| bad(&error))?,
            kind: self.kind,
        })
    }
}

/// Adds an organization. The same facts again change nothing; other facts for the same code are
/// refused.
pub fn add_organization(
    site: &Site,
    actor: &Actor,
    new: &OrganizationRecord,
) -> Result<(), Failure<AccountRefusal>> {
    let read = |name: &str| match Kind::Name.read(name) {
        Ok(name) => Ok(name),
        Err(TextRefusal::Empty) => Err(Failure::Refused(AccountRefusal::OrganizationNameless)),
        Err(refusal) => Err(Failure::Refused(AccountRefusal::Name(refusal))),
    };
    let name = Texts { zh: read(&new.name.zh)?, en: read(&new.name.en)? };
    let new = &OrganizationRecord { name, ..new.clone() };
    let now = site.now();
    site.db.write(|write| match organization(&mut write.as_read(), &new.uscc)? {
        Some(known) if known == *new => Ok(()),
        Some(_) => Err(Failure::Refused(AccountRefusal::OrganizationExists(new.uscc.to_string()))),
        None => {
            let row = Row {
                uscc: new.uscc.to_string(),
                name_zh: new.name.zh.clone(),
                name_en: new.name.en.clone(),
                division: new.division.to_string(),
                kind: new.kind.clone(),
                created_at: now.millis(),
            };
            diesel::insert_into(organizations::table).values(&row).execute(&mut **write)?;
            let act = Act {
                at: now,
                actor,
                action: "organization.add",
                object: new.uscc.as_str(),
                outcome: "done",
                before: "",
                after: &new.kind,
            };
            Ok(audit::record(write, &act)?)
        }
    })
}

/// One organization.
pub fn organization(read: &mut Read<'_>, uscc: &Uscc) -> Result<Option<OrganizationRecord>, Fault> {
    let row: Option<Row> = organizations::table
        .find(uscc.as_str())
        .select(Row::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(Row::into_record).transpose()
}

/// All organizations by code.
pub fn organizations(read: &mut Read<'_>) -> Result<Vec<OrganizationRecord>, Fault> {
    let rows: Vec<Row> = organizations::table
        .order(organizations::uscc.asc())
        .select(Row::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(Row::into_record).collect()
}

/// The same inside a write transaction, for the rooms that need a known organization.
pub(super) fn demand_organization(
    write: &mut Write<'_>,
    uscc: &Uscc,
) -> Result<OrganizationRecord, Failure<AccountRefusal>> {
    organization(&mut write.as_read(), uscc)?
        .ok_or_else(|| Failure::Refused(AccountRefusal::OrganizationUnknown(uscc.to_string())))
}

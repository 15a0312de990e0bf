//! Organizations in this node's books: those whose people sign in here, and buyers. The registry's
//! organizations are another thing: they are public and never buyers.

use diesel::prelude::*;
use lianshi_registry::{
    entry::{Organization, Texts},
    id::DivisionCode,
    time::Timestamp,
    uscc::Uscc,
};

use crate::{
    db::{Read, Write},
    fault::Fault,
    schema::organizations,
};

/// An organization of the books.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BookedOrganization {
    /// Its unified social credit code.
    pub uscc: Uscc,
    /// Its name.
    pub name: Texts,
    /// Its division.
    pub division: DivisionCode,
    /// `enterprise` for buyers, else a registry kind such as `operator`.
    pub kind: String,
    /// When it was added.
    pub created_at: Timestamp,
}

type Row = (String, String, String, String, String, i64);

/// Adds an organization, or describes it anew.
pub fn put(write: &mut Write<'_>, organization: &BookedOrganization) -> Result<(), Fault> {
    let values = (
        organizations::name_zh.eq(&organization.name.zh),
        organizations::name_en.eq(&organization.name.en),
        organizations::division.eq(organization.division.as_str()),
        organizations::kind.eq(&organization.kind),
    );
    let filter = organizations::uscc.eq(organization.uscc.as_str());
    let updated =
        diesel::update(organizations::table.filter(filter)).set(values).execute(&mut **write)?;
    if updated == 0 {
        diesel::insert_into(organizations::table)
            .values((
                organizations::uscc.eq(organization.uscc.as_str()),
                values,
                organizations::created_at.eq(organization.created_at.millis()),
            ))
            .execute(&mut **write)?;
    }
    Ok(())
}

/// The organization with this code.
pub fn by_uscc(read: &mut Read<'_>, uscc: &Uscc) -> Result<Option<BookedOrganization>, Fault> {
    let row: Option<Row> = organizations::table
        .filter(organizations::uscc.eq(uscc.as_str()))
        .first(&mut **read)
        .optional()?;
    row.map(parse).transpose()
}

/// All organizations, by code.
pub fn all(read: &mut Read<'_>) -> Result<Vec<BookedOrganization>, Fault> {
    let mut rows: Vec<Row> = organizations::table.load(&mut **read)?;
    rows.sort();
    rows.into_iter().map(parse).collect()
}

/// An organization the logs held here speak of; of several descriptions, the one of the first
/// origin by name.
pub fn public(read: &mut Read<'_>, uscc: &Uscc) -> Result<Option<Organization>, Fault> {
    crate::catalog::organization(read, uscc)
}

fn parse((uscc, zh, en, division, kind, created_at): Row) -> Result<BookedOrganization, Fault> {
    let corrupt = |what: &dyn std::fmt::Display| Fault::corrupt("organizations", what);
    Ok(BookedOrganization {
        uscc: Uscc::parse(&uscc).map_err(|e| corrupt(&e))?,
        name: Texts { zh, en },
        division: DivisionCode::parse(&division).map_err(|e| corrupt(&e))?,
        kind,
        created_at: Timestamp::from_millis(created_at),
    })
}

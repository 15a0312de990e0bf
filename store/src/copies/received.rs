//! What other nodes say of a party's lines, at its word there. It is shown as what they say, and
//! counts for nothing here: no ledger, no sum, no division knows of it.

use diesel::prelude::*;
use lianshi_market::close::CopyDocument;
use lianshi_registry::{id::NodeName, time::Timestamp, uscc::Uscc};

use crate::{Fault, Read, schema::received_copies};

/// Copies on one page.
pub const COPIES_MAX: i64 = 50;

/// A line of a party as another node says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopiedLine {
    /// The node that says so.
    pub from: NodeName,
    /// What it says.
    pub document: CopyDocument,
    /// When it came.
    pub received_at: Timestamp,
}

/// One page of what other nodes say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CopyPage {
    /// How many there are in all.
    pub total: u64,
    /// Which page, from 1.
    pub page: u32,
    /// The lines, newest period first.
    pub items: Vec<CopiedLine>,
}

/// What other nodes say of a party's lines, newest period first. `page` counts from 1; 0 is read as
/// 1.
pub fn received(read: &mut Read<'_>, party: &Uscc, page: u32) -> Result<CopyPage, Fault> {
    let said = received_copies::table.filter(received_copies::party_uscc.eq(party.as_str()));
    let total: i64 = said.count().get_result(&mut **read)?;
    let page = page.max(1);
    let rows: Vec<(String, String, i64)> = said
        .order((
            received_copies::period.desc(),
            received_copies::product.asc(),
            received_copies::from_node.asc(),
        ))
        .limit(COPIES_MAX)
        .offset(COPIES_MAX.saturating_mul(i64::from(page) - 1))
        .select((
            received_copies::from_node,
            received_copies::document,
            received_copies::received_at,
        ))
        .load(&mut **read)?;
    let line = |(from, text, at): (String, String, i64)| {
        Ok(CopiedLine {
            from: parsed(NodeName::parse(&from))?,
            document: parsed(CopyDocument::read(text.as_bytes()))?,
            received_at: Timestamp::from_millis(at),
        })
    };
    let items = rows.into_iter().map(line).collect::<Result<_, Fault>>()?;
    Ok(CopyPage { total: parsed(u64::try_from(total))?, page, items })
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("received_copies", error))
}

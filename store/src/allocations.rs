//! Divisions: how the revenue of each product was divided in each period, and what each party was
//! given. Read at the provider's node by finance and at the contributors' nodes by each party.

use std::collections::BTreeSet;

use diesel::prelude::*;
use lianshi_market::{close::DivisionDocument, money::Amount, split::ShareExplanation};
use lianshi_registry::{
    entry::{ShareRole, Texts},
    id::{NodeName, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::Uscc,
    word::Word,
};

use crate::{
    Fault, Read,
    schema::{allocations, split_documents, split_receipts},
};

/// Lines of a party on one page: three products a month for almost three years.
pub const PARTY_LINES_MAX: i64 = 100;

/// Which copy of a division a node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DivisionSide {
    /// Of the node that made it; it holds the lines of all parties.
    Provider,
    /// Of a contributor's node; it holds the lines of its own parties.
    Party,
}

impl DivisionSide {
    /// As stored: `provider`, `party`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Provider => "provider",
            Self::Party => "party",
        }
    }
}

/// What one party was given of one product in one period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AllocationLine {
    /// The period.
    pub period: Period,
    /// The product; its name is in the catalog.
    pub product: RegistrationNumber,
    /// The agreement version, such as `330212-P-2026-0000001-X/split/1`.
    pub agreement: String,
    /// The party.
    pub party: Uscc,
    /// Its name.
    pub party_name: Texts,
    /// What it earns for.
    pub role: ShareRole,
    /// The node that divided.
    pub provider: NodeName,
    /// What was divided.
    pub base: Amount,
    /// What the party was given.
    pub amount: Amount,
    /// How it came about.
    pub explanation: ShareExplanation,
}

/// One page of a party's lines.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LinePage {
    /// How many there are in all.
    pub total: u64,
    /// Which page, from 1.
    pub page: u32,
    /// The lines, newest period first.
    pub items: Vec<AllocationLine>,
}

/// A division with everything its page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DivisionView {
    /// The document with all parts and their explanations.
    pub document: DivisionDocument,
    /// SHA-256 of the document, in hexadecimal.
    pub hash: String,
    /// When it was made.
    pub issued_at: Timestamp,
    /// The provider's seal over the hash, JSON.
    pub sealed: Vec<u8>,
    /// The close that made it, where that was a later one than its period's.
    pub made_in: Option<Period>,
    /// The other nodes whose parties take part.
    pub nodes: BTreeSet<NodeName>,
    /// Those of them that confirmed it.
    pub confirmed_by: BTreeSet<NodeName>,
}

/// What a party was given, newest period first: of this node's products and of those whose nodes
/// sent what they divided. `page` counts from 1; 0 is read as 1.
pub fn for_party(read: &mut Read<'_>, party: &Uscc, page: u32) -> Result<LinePage, Fault> {
    let given = allocations::table.filter(allocations::party_uscc.eq(party.as_str()));
    let total: i64 = given.count().get_result(&mut **read)?;
    let page = page.max(1);
    let rows: Vec<AllocationRow> = given
        .order((allocations::period.desc(), allocations::product.asc()))
        .limit(PARTY_LINES_MAX)
        .offset(PARTY_LINES_MAX.saturating_mul(i64::from(page) - 1))
        .select(AllocationRow::as_select())
        .load(&mut **read)?;
    let items = rows.into_iter().map(AllocationRow::into_line).collect::<Result<_, _>>()?;
    Ok(LinePage { total: parsed(u64::try_from(total))?, page, items })
}

/// One line of a party, for its page.
pub fn of_party(
    read: &mut Read<'_>,
    party: &Uscc,
    at: (Period, &RegistrationNumber),
) -> Result<Option<AllocationLine>, Fault> {
    let row: Option<AllocationRow> = allocations::table
        .filter(allocations::party_uscc.eq(party.as_str()))
        .filter(allocations::period.eq(at.0.to_string()))
        .filter(allocations::product.eq(at.1.as_str()))
        .select(AllocationRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(AllocationRow::into_line).transpose()
}

/// All divisions this node made for a period, by product.
pub fn in_period(read: &mut Read<'_>, period: Period) -> Result<Vec<DivisionView>, Fault> {
    let rows: Vec<DivisionRow> = split_documents::table
        .filter(split_documents::side.eq(DivisionSide::Provider.as_str()))
        .filter(split_documents::period.eq(period.to_string()))
        .order((split_documents::product.asc(), split_documents::agreement.asc()))
        .select(DivisionRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(|row| row.into_view(read)).collect()
}

/// One division, whichever copy this node holds. The caller checks that whoever asks is a party of
/// it or finance.
pub fn division(
    read: &mut Read<'_>,
    period: Period,
    product: &RegistrationNumber,
) -> Result<Option<DivisionView>, Fault> {
    let row: Option<DivisionRow> = split_documents::table
        .filter(split_documents::period.eq(period.to_string()))
        .filter(split_documents::product.eq(product.as_str()))
        .order(split_documents::side.desc())
        .select(DivisionRow::as_select())
        .first(&mut **read)
        .optional()?;
    row.map(|row| row.into_view(read)).transpose()
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("allocations", error))
}

/// One line, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = allocations)]
pub(crate) struct AllocationRow {
    pub side: String,
    pub period: String,
    pub product: String,
    pub agreement: String,
    pub party_uscc: String,
    pub party_name: String,
    pub role: String,
    pub provider_node: String,
    pub base_fen: i64,
    pub amount_fen: i64,
    pub explanation: String,
}

impl AllocationRow {
    /// The rows of a division; of the parties that `keep` names.
    pub(crate) fn of(
        document: &DivisionDocument,
        side: DivisionSide,
        keep: impl Fn(&NodeName) -> bool,
    ) -> Result<Vec<Self>, Fault> {
        let parts = document.parts.iter().filter(|part| keep(&part.party.node));
        parts
            .map(|part| {
                Ok(Self {
                    side: side.as_str().to_owned(),
                    period: document.period.to_string(),
                    product: document.product.to_string(),
                    agreement: document.agreement.clone(),
                    party_uscc: part.party.uscc.to_string(),
                    party_name: parsed(serde_json::to_string(&part.party.name))?,
                    role: part.party.role.to_string(),
                    provider_node: document.provider_node.to_string(),
                    base_fen: document.base.fen(),
                    amount_fen: part.amount.fen(),
                    explanation: parsed(serde_json::to_string(&part.explanation))?,
                })
            })
            .collect()
    }

    fn into_line(self) -> Result<AllocationLine, Fault> {
        Ok(AllocationLine {
            period: parsed(Period::parse(&self.period))?,
            product: parsed(RegistrationNumber::parse(&self.product))?,
            party: parsed(Uscc::known(&self.party_uscc))?,
            party_name: parsed(serde_json::from_str(&self.party_name))?,
            provider: parsed(NodeName::parse(&self.provider_node))?,
            explanation: parsed(serde_json::from_str(&self.explanation))?,
            base: Amount::from_fen(self.base_fen),
            amount: Amount::from_fen(self.amount_fen),
            agreement: self.agreement,
            role: ShareRole::read(&self.role)
                .ok_or_else(|| Fault::corrupt("allocations", &self.role))?,
        })
    }
}

/// A division, as stored.
#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = split_documents)]
pub(crate) struct DivisionRow {
    pub side: String,
    pub period: String,
    pub product: String,
    pub agreement: String,
    pub provider_node: String,
    pub base_fen: i64,
    pub issued_at: i64,
    pub document_hash: Vec<u8>,
    pub document: String,
    pub sealed: Vec<u8>,
    /// The cumulative base before; absent where fractions of a fen were carried instead.
    pub base_from_fen: Option<i64>,
    /// The cumulative base with it.
    pub base_to_fen: Option<i64>,
    /// The close that made it, where that was a later one than its period's.
    pub made_in: Option<String>,
}

/// A division as it was sealed.
pub(crate) struct Sealed<'a> {
    pub issued_at: Timestamp,
    pub hash: [u8; 32],
    pub text: &'a str,
    pub seal: Vec<u8>,
    pub made_in: Option<Period>,
}

impl DivisionRow {
    /// The row of a sealed division.
    pub(crate) fn of(document: &DivisionDocument, side: DivisionSide, sealed: Sealed<'_>) -> Self {
        let stretch = document.stretch();
        Self {
            side: side.as_str().to_owned(),
            period: document.period.to_string(),
            product: document.product.to_string(),
            agreement: document.agreement.clone(),
            provider_node: document.provider_node.to_string(),
            base_fen: document.base.fen(),
            issued_at: sealed.issued_at.millis(),
            document_hash: sealed.hash.to_vec(),
            document: sealed.text.to_owned(),
            sealed: sealed.seal,
            base_from_fen: stretch.map(|(from, _)| from.fen()),
            base_to_fen: stretch.map(|(_, to)| to.fen()),
            made_in: sealed.made_in.map(|period| period.to_string()),
        }
    }

    /// The document.
    pub(crate) fn read(&self) -> Result<DivisionDocument, Fault> {
        DivisionDocument::read(self.document.as_bytes())
            .map_err(|error| Fault::corrupt("split_documents", error))
    }

    fn into_view(self, read: &mut Read<'_>) -> Result<DivisionView, Fault> {
        let confirmed: Vec<String> = split_receipts::table
            .filter(split_receipts::side.eq(&self.side))
            .filter(split_receipts::period.eq(&self.period))
            .filter(split_receipts::product.eq(&self.product))
            .order(split_receipts::node.asc())
            .select(split_receipts::node)
            .load(&mut **read)?;
        let document = self.read()?;
        let nodes = document
            .parts
            .iter()
            .map(|part| part.party.node.clone())
            .filter(|node| *node != document.provider_node)
            .collect();
        Ok(DivisionView {
            document,
            hash: hex::encode(self.document_hash),
            issued_at: Timestamp::from_millis(self.issued_at),
            sealed: self.sealed,
            made_in: self.made_in.map(|text| parsed(Period::parse(&text))).transpose()?,
            nodes,
            confirmed_by: confirmed
                .iter()
                .map(|node| parsed(NodeName::parse(node)))
                .collect::<Result<_, _>>()?,
        })
    }
}

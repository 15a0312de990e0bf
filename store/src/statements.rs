//! Statements: what a subscription costs in a period, as the provider's books issued it and as the
//! home node holds it. Pages and the API read them here; `receive` takes the sealed letters that
//! carry them between nodes.

mod agreed;
mod copy;
mod decision;
mod division;
mod divisions;
mod letter;
mod objection;
mod papers;
mod receive;
mod refusal;
mod revenue;
mod state;
mod waiting;

use diesel::prelude::*;
use lianshi_market::{
    close::StatementDocument,
    money::{Amount, Currency},
    subscription::Side,
};
use lianshi_registry::{
    id::{NodeName, RegistrationNumber},
    time::{Period, Timestamp},
    uscc::Uscc,
};

pub use decision::{DecisionRefusal, Verdict, decide};
pub(crate) use division::division_id;
pub(crate) use divisions::divisions;
pub use divisions::{send_divisions_again, take_divisions};
pub use letter::{Claim, KIND, LETTER_VERSION, Letter, LetterKind};
pub use objection::Objection;
pub use papers::{compare_months, take_papers};
pub(crate) use papers::{months, papers};
pub(crate) use receive::letter_row;
pub(crate) use receive::receive;
pub use refusal::LetterRefusal;
pub use revenue::{Revenue, revenue};
pub use state::StatementState;
pub(crate) use waiting::look_again;
pub use waiting::{Decision, WAITING_MAX, WaitingStatement, decided_of, waiting, waiting_count};

use crate::{Fault, Read, schema::statements};

/// Statements on one page: as many as a person reads through.
pub const PAGE_ITEMS_MAX: i64 = 50;

/// A statement in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementItem {
    /// Its number, such as `ST-330212-202610-0000001`.
    pub number: String,
    /// Whose copy this is.
    pub side: Side,
    /// The period.
    pub period: Period,
    /// The subscription.
    pub subscription: String,
    /// The product; its name is in the catalog.
    pub product: RegistrationNumber,
    /// Code of the plan.
    pub plan: String,
    /// The enterprise's node.
    pub home: NodeName,
    /// The product's node.
    pub provider: NodeName,
    /// The enterprise.
    pub buyer: Uscc,
    /// Its name.
    pub buyer_name: String,
    /// Who is paid.
    pub operator: Uscc,
    /// What it costs.
    pub total: Amount,
    /// In which currency.
    pub currency: Currency,
    /// Where it stands.
    pub state: StatementState,
    /// When the provider issued it.
    pub issued_at: Timestamp,
}

/// A statement with everything its page shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementView {
    /// As in lists.
    pub item: StatementItem,
    /// The document with its lines and their explanations.
    pub document: StatementDocument,
    /// SHA-256 of the document, in hexadecimal: what both nodes sealed.
    pub hash: String,
    /// The provider's seal over the hash, JSON.
    pub sealed: Vec<u8>,
    /// The home node's seal over the same hash, JSON, once it checked it.
    pub countersigned: Option<Vec<u8>>,
    /// What the home node said against it, where it did; at the provider only.
    pub objection: Option<Objection>,
}

/// One page of a list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementPage {
    /// How many there are in all.
    pub total: u64,
    /// What they sum to.
    pub sum: Amount,
    /// Which page, from 1.
    pub page: u32,
    /// The statements, newest period first, then by number.
    pub items: Vec<StatementItem>,
}

/// Which statements to list.
#[derive(Debug, Clone, Default)]
pub struct StatementQuery {
    /// Only those of this period.
    pub period: Option<Period>,
    /// Only those of this product.
    pub product: Option<RegistrationNumber>,
    /// Only those that stand so.
    pub state: Option<StatementState>,
    /// Which page, from 1; 0 is read as 1.
    pub page: u32,
}

/// The bills of an enterprise, as its home node holds them.
pub fn for_buyer(
    read: &mut Read<'_>,
    buyer: &Uscc,
    query: &StatementQuery,
) -> Result<StatementPage, Fault> {
    page(read, Side::Home, Party::Buyer(buyer), query)
}

/// The statements issued for an operator's products, as the provider's books hold them.
pub fn for_provider(
    read: &mut Read<'_>,
    operator: &Uscc,
    query: &StatementQuery,
) -> Result<StatementPage, Fault> {
    page(read, Side::Provider, Party::Operator(operator), query)
}

/// All statements this node issued, for its finance staff.
pub fn issued(read: &mut Read<'_>, query: &StatementQuery) -> Result<StatementPage, Fault> {
    page(read, Side::Provider, Party::Any, query)
}

/// One statement by its number. The caller checks that whoever asks is its buyer, its operator or
/// finance.
pub fn by_number(
    read: &mut Read<'_>,
    number: &str,
    side: Side,
) -> Result<Option<StatementView>, Fault> {
    let row: Option<WholeRow> = statements::table
        .filter(statements::number.eq(number))
        .filter(statements::side.eq(side.as_str()))
        .select(WholeRow::as_select())
        .first(&mut **read)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let WholeRow { row, statement_hash: hash, document: text, sealed, countersigned } = row;
    let document = StatementDocument::read(text.as_bytes())
        .map_err(|error| Fault::corrupt("statements", format!("{number}: {error}")))?;
    let hash = hex::encode(hash);
    let item = row.into_item()?;
    let objection = if side == Side::Provider { objection::of(read, number)? } else { None };
    Ok(Some(StatementView { item, document, hash, sealed, countersigned, objection }))
}

/// The statement this node made of a subscription for a period.
pub(crate) fn stated(
    read: &mut Read<'_>,
    (period, subscription): (Period, &str),
) -> Result<Option<StatementDocument>, Fault> {
    let text: Option<String> = statements::table
        .filter(statements::side.eq(Side::Provider.as_str()))
        .filter(statements::period.eq(period.to_string()))
        .filter(statements::subscription.eq(subscription))
        .select(statements::document)
        .first(&mut **read)
        .optional()?;
    Ok(text.and_then(|text| StatementDocument::read(text.as_bytes()).ok()))
}

/// The statements of a subscription, newest first.
pub fn of_subscription(
    read: &mut Read<'_>,
    subscription: &str,
    side: Side,
) -> Result<Vec<StatementItem>, Fault> {
    let rows: Vec<StatementRow> = statements::table
        .filter(statements::subscription.eq(subscription))
        .filter(statements::side.eq(side.as_str()))
        .order(statements::period.desc())
        .limit(PAGE_ITEMS_MAX)
        .select(StatementRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(StatementRow::into_item).collect()
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("statements", error))
}

enum Party<'a> {
    Any,
    Buyer(&'a Uscc),
    Operator(&'a Uscc),
}

fn page(
    read: &mut Read<'_>,
    side: Side,
    party: Party<'_>,
    query: &StatementQuery,
) -> Result<StatementPage, Fault> {
    use diesel::{dsl::sql, sql_types::BigInt};
    let filtered = || {
        let mut rows = statements::table.filter(statements::side.eq(side.as_str())).into_boxed();
        match party {
            Party::Any => {}
            Party::Buyer(buyer) => rows = rows.filter(statements::buyer_uscc.eq(buyer.as_str())),
            Party::Operator(operator) => {
                rows = rows.filter(statements::provider_uscc.eq(operator.as_str()));
            }
        }
        if let Some(period) = query.period {
            rows = rows.filter(statements::period.eq(period.to_string()));
        }
        if let Some(product) = &query.product {
            rows = rows.filter(statements::product.eq(product.to_string()));
        }
        if let Some(state) = query.state {
            rows = rows.filter(statements::state.eq(state.as_str()));
        }
        rows
    };
    let (count, sum): (i64, i64) = filtered()
        .select((
            sql::<BigInt>("COUNT(*)"),
            sql::<BigInt>("CAST(COALESCE(SUM(total_fen), 0) AS BIGINT)"),
        ))
        .first(&mut **read)?;
    let page = query.page.max(1);
    let rows: Vec<StatementRow> = filtered()
        .order((statements::period.desc(), statements::number.asc()))
        .limit(PAGE_ITEMS_MAX)
        .offset(PAGE_ITEMS_MAX.saturating_mul(i64::from(page) - 1))
        .select(StatementRow::as_select())
        .load(&mut **read)?;
    Ok(StatementPage {
        total: parsed(u64::try_from(count))?,
        sum: Amount::from_fen(sum),
        page,
        items: rows.into_iter().map(StatementRow::into_item).collect::<Result<_, _>>()?,
    })
}

/// The columns of a list.
#[derive(Queryable, Selectable)]
#[diesel(table_name = statements)]
struct StatementRow {
    number: String,
    side: String,
    period: String,
    subscription: String,
    product: String,
    plan: String,
    home_node: String,
    provider_node: String,
    buyer_uscc: String,
    buyer_name: String,
    provider_uscc: String,
    currency: String,
    total_fen: i64,
    state: String,
    issued_at: i64,
}

/// The columns of a page.
#[derive(Queryable, Selectable)]
#[diesel(table_name = statements)]
struct WholeRow {
    #[diesel(embed)]
    row: StatementRow,
    statement_hash: Vec<u8>,
    document: String,
    sealed: Vec<u8>,
    countersigned: Option<Vec<u8>>,
}

impl StatementRow {
    fn into_item(self) -> Result<StatementItem, Fault> {
        Ok(StatementItem {
            side: parsed(Side::parse(&self.side).ok_or("side"))?,
            period: parsed(Period::parse(&self.period))?,
            product: parsed(RegistrationNumber::parse(&self.product))?,
            home: parsed(NodeName::parse(&self.home_node))?,
            provider: parsed(NodeName::parse(&self.provider_node))?,
            buyer: parsed(Uscc::known(&self.buyer_uscc))?,
            operator: parsed(Uscc::known(&self.provider_uscc))?,
            currency: parsed(Currency::parse(&self.currency))?,
            state: parsed(StatementState::parse(&self.state).ok_or("state"))?,
            total: Amount::from_fen(self.total_fen),
            issued_at: Timestamp::from_millis(self.issued_at),
            number: self.number,
            subscription: self.subscription,
            plan: self.plan,
            buyer_name: self.buyer_name,
        })
    }
}

/// A whole row, as written.
#[derive(Insertable)]
#[diesel(table_name = statements)]
pub(crate) struct NewStatement<'a> {
    pub number: &'a str,
    pub side: &'a str,
    pub period: String,
    pub subscription: &'a str,
    pub product: String,
    pub plan: &'a str,
    pub home_node: String,
    pub provider_node: String,
    pub buyer_uscc: &'a str,
    pub buyer_name: &'a str,
    pub provider_uscc: &'a str,
    pub currency: &'a str,
    pub total_fen: i64,
    pub state: &'a str,
    pub issued_at: i64,
    pub statement_hash: Vec<u8>,
    pub document: &'a str,
    pub sealed: Vec<u8>,
    pub countersigned: Option<Vec<u8>>,
}

/// A statement as it is written down: which copy, the document with its text and hash, and the
/// seals.
pub(crate) struct Copy<'a> {
    pub side: Side,
    pub state: StatementState,
    pub document: &'a StatementDocument,
    pub text: &'a str,
    pub hash: [u8; 32],
    pub issued_at: Timestamp,
    pub sealed: Vec<u8>,
    pub countersigned: Option<Vec<u8>>,
}

impl<'a> Copy<'a> {
    /// The row of this copy.
    pub(crate) fn into_row(self) -> NewStatement<'a> {
        NewStatement {
            number: &self.document.number,
            side: self.side.as_str(),
            period: self.document.period.to_string(),
            subscription: &self.document.subscription,
            product: self.document.product.to_string(),
            plan: &self.document.plan,
            home_node: self.document.home_node.to_string(),
            provider_node: self.document.provider_node.to_string(),
            buyer_uscc: self.document.buyer.as_str(),
            buyer_name: &self.document.buyer_name,
            provider_uscc: self.document.operator.as_str(),
            currency: self.document.currency.code(),
            total_fen: self.document.total.fen(),
            state: self.state.as_str(),
            issued_at: self.issued_at.millis(),
            statement_hash: self.hash.to_vec(),
            document: self.text,
            sealed: self.sealed,
            countersigned: self.countersigned,
        }
    }
}

//! `lianshi period`: settlement periods, their close and their statements.

use std::fmt::Write as _;

use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};
use lianshi_registry::time::Period;
use lianshi_store::{
    Failure, Fault, Site,
    allocations::{self, DivisionView},
    close::{self, CloseRefusal, CloseResult, Missing, ParkedView, PeriodState, PeriodView, Step},
    statements::{self, StatementItem, StatementQuery},
};
use serde_json::{Value, json};

use super::At;

/// What `lianshi period` can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Close a month: rate its usage, issue statements, divide the revenue and seal the result.
    /// Closing it again changes nothing and prints what it came to.
    Close {
        /// The month, such as 2026-10.
        #[arg(value_parser = Period::parse)]
        period: Period,
    },
    /// Put together again a month that this node's log says was closed and its books, restored from
    /// before, do not have: from the statements that the enterprises' nodes hold.
    Recover {
        /// The month, such as 2026-10.
        #[arg(value_parser = Period::parse)]
        period: Period,
        /// Give up statements that have not come back: the next close states their months anew, as
        /// far as the meter has them.
        #[arg(long)]
        without_missing: bool,
    },
    /// List the periods of these books.
    List,
    /// Show a period with its statements and divisions.
    Show {
        /// The month, such as 2026-10.
        #[arg(value_parser = Period::parse)]
        period: Period,
        /// Which page of statements, from 1.
        #[arg(long, default_value_t = 1)]
        page: u32,
    },
}

impl Command {
    /// Runs it.
    pub fn run(&self, at: &At) -> anyhow::Result<()> {
        let site = at.folder()?.command_site()?;
        match self {
            Self::Close { period } => close(at, &site, *period, &|step| {
                close::close_with(&site, &At::actor(), *period, step)
            }),
            Self::Recover { period, without_missing } => close(at, &site, *period, &|step| {
                let missing = if *without_missing { Missing::GivenUp } else { Missing::Awaited };
                close::recover_period(&site, &At::actor(), (*period, missing), step)
            }),
            Self::List => list(at, &site),
            Self::Show { period, page } => show(at, &site, (*period, *page)),
        }
    }
}

/// Closes a period, or puts its close together again.
type Close<'a> = &'a dyn Fn(
    &mut dyn FnMut(Step) -> Result<(), Fault>,
) -> Result<CloseResult, Failure<CloseRefusal>>;

fn close(at: &At, site: &Site, period: Period, run: Close<'_>) -> anyhow::Result<()> {
    let bar = ProgressBar::new(0).with_style(ProgressStyle::with_template(
        "closing {prefix} {bar:40} {pos}/{len} subscriptions {msg} {elapsed}",
    )?);
    bar.set_prefix(period.to_string());
    let result = run(&mut |step| {
        match step {
            Step::Rated { subscriptions, of } => {
                bar.set_length(of);
                bar.set_position(subscriptions);
            }
            Step::Carried { left, .. } => bar.set_message(format!("{left} to write")),
            Step::Divided | Step::Sealed => {}
        }
        Ok(())
    });
    bar.finish_and_clear();
    let CloseResult { period: view, repeated } = result?;
    let parked = site.db.read(|read| close::parked_in(read, period))?;
    let mut value = period_json(&view);
    insert(&mut value, "repeated", json!(repeated));
    insert(&mut value, "parked", parked.iter().map(parked_json).collect());
    let what = if repeated { "was closed before" } else { "is closed" };
    let mut text = format!("{period} {what}\n{}", period_text(&view));
    for view in &parked {
        text.push_str(&parked_text(view));
    }
    at.print(&value, text)
}

fn list(at: &At, site: &Site) -> anyhow::Result<()> {
    let views = site.db.read(|read| close::periods(read, site, site.now()))?;
    let waiting = site.db.read(close::waiting)?;
    let values: Vec<Value> = views.iter().map(period_json).collect();
    let mut text = views.iter().map(period_text).collect::<Vec<_>>().join("\n");
    for view in &waiting {
        text.push_str(&parked_text(view));
    }
    at.print(&values, text)
}

fn show(at: &At, site: &Site, (period, page): (Period, u32)) -> anyhow::Result<()> {
    let query = StatementQuery { period: Some(period), page, ..StatementQuery::default() };
    let (view, statements, divisions, parked) = site.db.read(|read| {
        Ok::<_, lianshi_store::Fault>((
            close::period(read, site, period, site.now())?,
            statements::issued(read, &query)?,
            allocations::in_period(read, period)?,
            close::parked_in(read, period)?,
        ))
    })?;
    let mut value = period_json(&view);
    insert(&mut value, "page", json!(statements.page));
    insert(&mut value, "statements_total", json!(statements.total));
    insert(&mut value, "statements", statements.items.iter().map(statement_json).collect());
    insert(&mut value, "divisions", divisions.iter().map(division_json).collect());
    insert(&mut value, "parked", parked.iter().map(parked_json).collect());
    let mut text = period_text(&view);
    for view in &parked {
        text.push_str(&parked_text(view));
    }
    for item in &statements.items {
        let StatementItem { number, buyer_name, product, total, currency, state, .. } = item;
        let state = state.as_str();
        write!(text, "\n  {number}  {total:>12} {currency}  {state:<10}  {product}  {buyer_name}")?;
    }
    if statements.total > u64::try_from(statements.items.len())? {
        let pages = statements.total.div_ceil(u64::try_from(statements::PAGE_ITEMS_MAX)?);
        write!(text, "\n  page {page} of {pages}; --page N shows another")?;
    }
    for division in &divisions {
        let document = &division.document;
        write!(
            text,
            "\n  {}  {:>12} divided by {}",
            document.product, document.base, document.agreement
        )?;
        for part in &document.parts {
            write!(text, "\n    {}  {:>12}  {}", part.party.uscc, part.amount, part.party.name.zh)?;
        }
    }
    at.print(&value, text)
}

fn insert(value: &mut Value, name: &str, member: Value) {
    if let Some(object) = value.as_object_mut() {
        object.insert(name.to_owned(), member);
    }
}

fn period_json(view: &PeriodView) -> Value {
    let mut value = json!({
        "period": view.period,
        "state": view.state.as_str(),
        "calls": view.calls,
    });
    if let Some(closed) = &view.closed {
        insert(&mut value, "closed_at", json!(closed.at));
        insert(&mut value, "closed_by", json!(closed.by));
        insert(&mut value, "event_to", json!(closed.event_to));
        insert(&mut value, "ingest_to", json!(closed.ingest_to));
        insert(&mut value, "statement_count", json!(closed.statements));
        insert(&mut value, "total", json!(closed.total));
        insert(&mut value, "result_hash", json!(closed.result_hash));
        insert(&mut value, "log_index", json!(closed.log_index));
        insert(&mut value, "to_carry", json!(closed.to_carry));
        insert(&mut value, "recovered", json!(closed.recovered));
    }
    if let Some(underway) = &view.underway {
        insert(&mut value, "underway_since", json!(underway.since));
        insert(&mut value, "underway_by", json!(underway.by));
        insert(&mut value, "underway_done", json!(underway.done));
        insert(&mut value, "underway_total", json!(underway.total));
    }
    value
}

fn period_text(view: &PeriodView) -> String {
    let PeriodView { period, state, calls, closed, underway } = view;
    let mut text = match closed {
        None => format!("{period}  {}  {calls} calls", state.as_str()),
        Some(closed) => format!(
            "{period}  closed {}  {calls} calls  {} statements  {} CNY  {}",
            closed.at, closed.statements, closed.total, closed.result_hash
        ),
    };
    if *state == PeriodState::Forgotten {
        let hint = "closed as this node's log says, and forgotten here: `lianshi period recover`";
        text.push_str(&format!("\n  {hint} {period}"));
    }
    if closed.as_ref().is_some_and(|closed| closed.recovered) {
        text.push_str("\n  put together again from what the enterprises' nodes hold");
    }
    if let Some(underway) = underway {
        text.push_str(&format!("\n  {underway}"));
    }
    if let Some(closed) = closed.as_ref().filter(|closed| closed.to_carry > 0) {
        text.push_str(&format!("\n  {} documents are still to be written", closed.to_carry));
    }
    text
}

/// What was set aside, on a line of its own.
fn parked_text(view: &ParkedView) -> String {
    let ParkedView { parked, resolved_in, .. } = view;
    let state = match resolved_in {
        Some(close) => format!("settled in the close of {close}"),
        None => "waits for the next close".to_owned(),
    };
    format!(
        "\n  set aside: {} of {} for {}, {state}: {} ({})",
        parked.kind.as_str(),
        parked.period,
        parked.subject,
        parked.detail,
        parked.reason
    )
}

fn parked_json(view: &ParkedView) -> Value {
    let ParkedView { parked, parked_in, resolved_in } = view;
    json!({
        "period": parked.period,
        "kind": parked.kind,
        "subject": parked.subject,
        "reason": parked.reason,
        "detail": parked.detail,
        "base": parked.base,
        "parked_in": parked_in,
        "resolved_in": resolved_in,
    })
}

fn statement_json(item: &StatementItem) -> Value {
    json!({
        "number": item.number,
        "subscription": item.subscription,
        "product": item.product,
        "plan": item.plan,
        "home": item.home,
        "buyer": item.buyer,
        "buyer_name": item.buyer_name,
        "operator": item.operator,
        "total": item.total,
        "currency": item.currency,
        "state": item.state.as_str(),
        "issued_at": item.issued_at,
    })
}

fn division_json(view: &DivisionView) -> Value {
    json!({
        "document": view.document,
        "hash": view.hash,
        "nodes": view.nodes,
        "confirmed_by": view.confirmed_by,
    })
}

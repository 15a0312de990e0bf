//! Lines of statements and divisions in words: every amount says how it came about.

use lianshi_market::{
    close::StatementDocument,
    money::Amount,
    rating::{LineExplanation, RatedLine},
    split::ShareExplanation,
};

use lianshi_store::statements::{PAGE_ITEMS_MAX, StatementPage};

use crate::{figures, names::Operations, page::Page, text::Value};

/// Whether there are statements beyond this page.
pub fn has_more(list: &StatementPage) -> bool {
    let shown = i64::from(list.page.max(1)).saturating_mul(PAGE_ITEMS_MAX);
    u64::try_from(shown).is_ok_and(|shown| shown < list.total)
}

/// A line as the page shows it.
pub struct Explained {
    /// What it is for.
    pub what: String,
    /// How many.
    pub quantity: u64,
    /// Price of one, printed; empty where nothing is charged by the piece.
    pub price: String,
    /// What it costs.
    pub amount: Amount,
    /// How that was computed.
    pub how: String,
}

/// The lines of a statement in words.
pub fn explain(
    page: &Page,
    document: &StatementDocument,
    operations: &Operations,
) -> Vec<Explained> {
    document.lines.iter().map(|line| explain_line(page, line, operations)).collect()
}

fn explain_line(page: &Page, line: &RatedLine, operations: &Operations) -> Explained {
    let kind = page.word("line", line.kind.as_str());
    let what = if line.operation.is_empty() {
        kind
    } else {
        let operation = operations.get(page, &line.operation);
        page.t2("line-operation", &("kind", kind), &("operation", operation))
    };
    Explained {
        what,
        // Quantity times price is the amount wherever there is a price.
        quantity: match &line.explanation {
            LineExplanation::PerCall { charged, .. } => *charged,
            _ => line.quantity,
        },
        price: figures::price(line.price),
        amount: line.amount,
        how: how(page, line),
    }
}

fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

fn how(page: &Page, line: &RatedLine) -> String {
    match &line.explanation {
        LineExplanation::Free { count } => page.tn("how-free", count.calls),
        LineExplanation::InsideMonthlyFee { count } => page.tn("how-inside", count.calls),
        LineExplanation::MonthlyFee { .. } => page.t("how-monthly"),
        LineExplanation::PerCall { count, included, charged, .. } => page.lang.text(
            "how-call",
            &[
                ("units", number(count.units)),
                ("included", number(*included)),
                ("charged", number(*charged)),
                ("price", Value::Text(figures::price(line.price))),
            ],
        ),
        LineExplanation::Late { period, amount_before, amount_now, .. } => page.lang.text(
            "how-late",
            &[
                ("period", Value::Text(period.to_string())),
                ("before", Value::Text(figures::yuan(amount_before.fen()))),
                ("now", Value::Text(figures::yuan(amount_now.fen()))),
            ],
        ),
    }
}

/// How a party's amount came about: of everything divided so far, what its share of it is, what it
/// had and what it gets.
pub fn split_words(page: &Page, share: &ShareExplanation, amount: &Amount) -> String {
    match share {
        ShareExplanation::Cumulative(said) => page.lang.text(
            "how-split",
            &[
                ("base", Value::Text(figures::grouped(said.base_to.fen()))),
                ("percent", Value::Text(figures::percent(said.share_ppm))),
                ("exact", Value::Text(figures::fen_exact(said.exact_ppm()))),
                ("received", Value::Text(figures::grouped(said.received.fen()))),
                ("amount", Value::Text(figures::grouped(amount.fen()))),
            ],
        ),
        ShareExplanation::Carried(said) => page.lang.text(
            "how-split-carried",
            &[
                ("base", Value::Text(figures::yuan(said.base.fen()))),
                ("percent", Value::Text(figures::percent(said.share_ppm))),
                ("before", Value::Text(micro(said.carry_before))),
                ("after", Value::Text(micro(said.carry_after))),
                ("amount", Value::Text(figures::yuan(amount.fen()))),
            ],
        ),
    }
}

/// An amount in yuan.
pub fn yuan(amount: &Amount) -> String {
    figures::yuan(amount.fen())
}

/// Parts per million as percent.
pub fn percent(ppm: &u32) -> String {
    figures::percent(*ppm)
}

/// Millionths of a fen as fen with six places.
fn micro(carry: i64) -> String {
    let sign = if carry < 0 { "-" } else { "" };
    let all = carry.unsigned_abs();
    format!("{sign}{}.{:06}", all / 1_000_000, all % 1_000_000)
}

//! Lines of statements and divisions in words: every amount says how it came about.

use lianshi_market::{
    close::StatementDocument,
    money::Amount,
    rating::{LineExplanation, RatedLine},
    split::ShareExplanation,
};

use lianshi_store::statements::{PAGE_ITEMS_MAX, StatementPage, StatementState};

use crate::{
    figures,
    names::Operations,
    page::Page,
    text::{Lang, Value},
};

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
        LineExplanation::LateFee { period, .. } => page.t1("how-late-fee", "period", period),
        LineExplanation::PerCall { count, included, charged, .. } => page.lang.text(
            "how-call",
            &[
                ("units", number(count.calls)),
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
    share_words(page.lang, share, *amount)
}

fn share_words(lang: Lang, share: &ShareExplanation, amount: Amount) -> String {
    match share {
        ShareExplanation::Cumulative(said) => lang.text(
            "how-split",
            &[
                ("base", Value::Text(figures::grouped(said.base_to.fen()))),
                ("percent", Value::Text(figures::percent(said.share_ppm))),
                ("exact", Value::Text(figures::fen_exact(said.exact_ppm()))),
                ("received", Value::Text(figures::grouped(said.received.fen()))),
                ("amount", Value::Text(figures::grouped(amount.fen()))),
            ],
        ),
        ShareExplanation::Carried(said) => lang.text(
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

/// The look of a statement's tag; the word in it says the same.
pub fn class_of(state: &StatementState) -> &'static str {
    match state {
        StatementState::Issued => "line",
        StatementState::Questioned => "warn",
        StatementState::Declined => "stop",
        StatementState::Checked | StatementState::Accepted => "ok",
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

#[cfg(test)]
mod tests {
    use lianshi_market::split::{CarriedShare, CumulativeShare};

    use super::*;

    #[test]
    fn a_part_is_explained_by_everything_so_far_in_both_languages() {
        let said = ShareExplanation::Cumulative(CumulativeShare {
            split_version: Some(1),
            share_ppm: 250_000,
            base_from: Amount::from_fen(12_200),
            base_to: Amount::from_fen(12_345),
            received: Amount::from_fen(3_050),
        });
        let words = |lang| share_words(lang, &said, Amount::from_fen(36));
        assert_eq!(
            words(Lang::En),
            "Of 12,345 fen so far 25 % are 3,086.25; 3,050 were given before and 36 are given now"
        );
        assert_eq!(
            words(Lang::Zh),
            "累计 12,345 分，按 25% 应得 3,086.25 分；此前已得 3,050 分，本期得 36 分"
        );
    }

    #[test]
    fn a_part_of_before_keeps_its_own_explanation() {
        let said = ShareExplanation::Carried(CarriedShare {
            split_version: Some(1),
            base: Amount::from_fen(550),
            share_ppm: 333_300,
            carry_before: 250_000,
            floor: Amount::from_fen(183),
            remainder_fen: 0,
            carry_after: 565_000,
        });
        for lang in Lang::ALL {
            let words = share_words(lang, &said, Amount::from_fen(183));
            for part in ["5.50", "33.33", "0.250000", "1.83", "0.565000"] {
                assert!(words.contains(part), "{words}");
            }
        }
    }
}

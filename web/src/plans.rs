//! Price plans as a buyer reads them: every limit in a column, and one example computed by the same
//! function that makes the bills, so that the page never promises another amount.

use std::collections::BTreeMap;

use lianshi_market::{
    money::Amount,
    rating::{Count, Usage, rate},
    term,
};
use lianshi_registry::{
    entry::{Charge, Plan, Purpose},
    time::Date,
};
use lianshi_store::catalog::Offer;

use crate::{entered, figures, form::Errors, page::Page, text::Value};

/// Calls a month of the example when nothing is asked for.
const EXAMPLE_CALLS: u64 = 10_000;
/// The field they are asked in.
const CALLS: &str = "calls";
/// Most calls a month anyone may ask about: more than any plan allows.
const EXAMPLE_CALLS_MAX: u64 = 1_000_000_000;

/// One plan of a table.
#[derive(Debug, Clone)]
pub struct PlanRow {
    /// Its code.
    pub code: String,
    /// Its name.
    pub name: String,
    /// The purpose it serves.
    pub purpose: String,
    /// What it charges, in words.
    pub charge: String,
    /// The same without what is included.
    pub short: String,
    /// Quota of a month and of a minute.
    pub quota: String,
    /// Longest term.
    pub term: String,
    /// Decided at once or by a person.
    pub approval: String,
    /// The example in words; empty without one.
    pub example: String,
    /// What the example costs in a month; `None` without one, or when the plan does not allow so
    /// many calls.
    pub amount: Option<String>,
}

/// The number of calls a month the reader asks about.
#[derive(Debug, Clone)]
pub struct Asked {
    /// As it was typed.
    pub typed: String,
    /// The number; none where what was typed is no number that can be asked about.
    pub calls: Option<u64>,
    /// What is wrong with it.
    pub errors: Errors,
}

impl Asked {
    /// From an address. Where nothing is asked, an example stands.
    pub fn of(page: &Page, parameters: &BTreeMap<String, String>) -> Self {
        let Some(typed) = parameters.get(CALLS) else {
            let typed = EXAMPLE_CALLS.to_string();
            return Self { typed, calls: Some(EXAMPLE_CALLS), errors: Errors::default() };
        };
        let calls = entered::whole_number(typed, EXAMPLE_CALLS_MAX);
        let errors = match calls {
            Some(_) => Errors::default(),
            None => Errors::one(CALLS, page.tn("estimate-wrong", EXAMPLE_CALLS_MAX)),
        };
        Self { typed: typed.clone(), calls, errors }
    }

    /// What the column of costs is headed with.
    pub fn heading(&self, page: &Page) -> String {
        match self.calls {
            Some(calls) => page.tn("plan-example", calls),
            None => page.t("plan-example-none"),
        }
    }
}

impl PlanRow {
    /// With an example of `calls` calls a month, where there is one.
    pub fn new(page: &Page, plan: &Plan, calls: Option<u64>) -> Self {
        let (example, amount) =
            calls.map_or_else(|| (String::new(), None), |calls| example(page, plan, calls));
        Self {
            code: plan.code.clone(),
            name: page.of_texts(&plan.name).to_owned(),
            purpose: page.word("purpose", plan.purpose),
            charge: charge_words(page, &plan.charge),
            short: short_words(page, &plan.charge),
            quota: page.lang.text(
                "plan-quota-text",
                &[
                    ("month", number(plan.calls_per_month_max)),
                    ("minute", number(u64::from(plan.calls_per_minute_max))),
                ],
            ),
            term: page.tn("plan-term-text", plan.term_months_max),
            approval: approval_words(page, plan),
            example,
            amount: amount.map(|amount| figures::yuan(amount.fen())),
        }
    }
}

/// What an enterprise commits itself to by a request, were it agreed now.
pub struct Commitment {
    /// The last day of the term.
    pub last_day: Date,
    /// The authorization ends before the months asked for do.
    pub cut: bool,
    /// What the whole term costs, or how its cost comes about, in words.
    pub total: String,
    /// The amount in yuan where it is known beforehand.
    pub amount: Option<String>,
}

impl Commitment {
    /// Of so many months of a plan.
    pub fn new(page: &Page, (offer, plan): (&Offer, &Plan), months: u32) -> Self {
        let full = term::end(page.now, months);
        let valid_until = offer.product.valid_until.start();
        let ends_by = offer.authorized_until().map_or(valid_until, |u| u.start().min(valid_until));
        let ends_at = full.min(ends_by);
        let fees = term::fees(page.now, ends_at);
        let (total, amount) = total(page, plan, fees);
        Self { last_day: page.last_day(&ends_at), cut: full > ends_by, total, amount }
    }
}

/// What so many months cost: the same function that makes the bills, once for each.
fn total(page: &Page, plan: &Plan, months: u32) -> (String, Option<String>) {
    let fee = rate(&plan.charge, true, &Usage::new())
        .and_then(|lines| Amount::sum(lines.iter().map(|line| line.amount)));
    let sum = fee.and_then(|fee| Amount::sum((0..months).map(|_| fee)));
    let amount = sum.ok().map(|sum| figures::yuan(sum.fen()));
    match &plan.charge {
        Charge::Free => (page.t("total-free"), Some(figures::yuan(0))),
        Charge::FlatMonthly { price } => {
            let how = [
                ("n", Value::Number(i64::from(months))),
                ("price", Value::Text(figures::price(*price))),
            ];
            (page.lang.text("total-flat", &how), amount)
        }
        Charge::PerCall { .. } => {
            let (_, most) = example(page, plan, plan.calls_per_month_max);
            let most = most.map_or_else(|| "–".to_owned(), |most| figures::yuan(most.fen()));
            (page.t1("total-call", "most", most), None)
        }
    }
}

fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
}

/// Who decides a request, in words.
pub fn approval_words(page: &Page, plan: &Plan) -> String {
    page.t(match (plan.automatic_approval, plan.purpose) {
        (true, Purpose::PublicGood) => "plan-approval-kinds",
        (true, Purpose::Industry) => "plan-approval-automatic",
        (false, _) => "plan-approval-person",
    })
}

/// What a plan charges, in words.
pub fn charge_words(page: &Page, charge: &Charge) -> String {
    match charge {
        Charge::Free => page.t("price-free"),
        Charge::FlatMonthly { price } => {
            page.t1("charge-flat-text", "price", figures::price(*price))
        }
        Charge::PerCall { price, included_calls: 0 } => {
            page.t1("charge-call-text", "price", figures::price(*price))
        }
        Charge::PerCall { price, included_calls } => page.lang.text(
            "charge-call-included-text",
            &[
                ("price", Value::Text(figures::price(*price))),
                ("included", number(*included_calls)),
            ],
        ),
    }
}

fn short_words(page: &Page, charge: &Charge) -> String {
    match charge {
        Charge::PerCall { price, .. } => {
            page.t1("charge-call-text", "price", figures::price(*price))
        }
        other => charge_words(page, other),
    }
}

fn example(page: &Page, plan: &Plan, calls: u64) -> (String, Option<Amount>) {
    if calls > plan.calls_per_month_max {
        return (page.tn("example-above", plan.calls_per_month_max), None);
    }
    let usage = Usage::from([("example".to_owned(), Count::of_month(&plan.charge, calls))]);
    let lines = rate(&plan.charge, true, &usage).unwrap_or_default();
    let amount = Amount::sum(lines.iter().map(|line| line.amount)).ok();
    let words = match &plan.charge {
        Charge::Free => page.t("example-free"),
        Charge::FlatMonthly { .. } => page.t("example-flat"),
        Charge::PerCall { price, included_calls } => page.lang.text(
            "example-call",
            &[
                ("calls", number(calls)),
                ("included", number((*included_calls).min(calls))),
                ("price", Value::Text(figures::price(*price))),
            ],
        ),
    };
    (words, amount)
}

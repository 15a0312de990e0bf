//! Price plans as a buyer reads them: every limit in a column, and one example computed by the same
//! function that makes the bills, so that the page never promises another amount.

use std::collections::BTreeMap;

use lianshi_market::{
    money::Amount,
    rating::{Count, Usage, rate},
};
use lianshi_registry::entry::{Charge, FieldType, Grade, Plan, ProductForm, Purpose};

use crate::{figures, page::Page, text::Value};

/// Calls a month of the example when nothing is asked for.
const EXAMPLE_CALLS: u64 = 10_000;
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
    /// The example in words.
    pub example: String,
    /// What the example costs in a month; `None` when the plan does not allow so many calls.
    pub amount: Option<String>,
}

/// The number of calls the reader asks about.
pub fn asked_calls(parameters: &BTreeMap<String, String>) -> u64 {
    let digits = |text: &String| text.trim().replace([',', '，', ' '], "");
    let asked = parameters.get("calls").and_then(|text| digits(text).parse::<u64>().ok());
    asked.unwrap_or(EXAMPLE_CALLS).min(EXAMPLE_CALLS_MAX)
}

impl PlanRow {
    /// With an example of `calls` calls a month.
    pub fn new(page: &Page, plan: &Plan, calls: u64) -> Self {
        let (example, amount) = example(page, plan, calls);
        Self {
            code: plan.code.clone(),
            name: page.of_texts(&plan.name).to_owned(),
            purpose: page.word("purpose", purpose_code(&plan.purpose)),
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
            approval: page.t(if plan.automatic_approval {
                "plan-approval-automatic"
            } else {
                "plan-approval-person"
            }),
            example,
            amount: amount.map(|amount| figures::yuan(amount.fen())),
        }
    }
}

fn number(value: u64) -> Value {
    Value::Number(i64::try_from(value).unwrap_or(i64::MAX))
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
    let usage = Usage::from([("example".to_owned(), Count { calls, units: calls })]);
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

/// The code of a purpose in texts and in the API.
pub fn purpose_code(purpose: &Purpose) -> &'static str {
    match purpose {
        Purpose::PublicGood => "public_good",
        Purpose::Industry => "industry",
    }
}

/// The code of a form.
pub fn form_code(form: &ProductForm) -> &'static str {
    match form {
        ProductForm::Verification => "verification",
        ProductForm::Index => "index",
        ProductForm::Model => "model",
        ProductForm::Report => "report",
        ProductForm::Application => "application",
    }
}

/// The code of a grade.
pub fn grade_code(grade: &Grade) -> &'static str {
    match grade {
        Grade::L1 => "l1",
        Grade::L2 => "l2",
        Grade::L3 => "l3",
        Grade::L4 => "l4",
        Grade::Important => "important",
        Grade::Core => "core",
    }
}

/// The code of a field's type.
pub fn type_code(field_type: &FieldType) -> &'static str {
    match field_type {
        FieldType::Text => "text",
        FieldType::Integer => "integer",
        FieldType::Decimal => "decimal",
        FieldType::Date => "date",
        FieldType::Boolean => "boolean",
    }
}

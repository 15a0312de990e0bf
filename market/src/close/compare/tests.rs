//! Statements against what a home node holds itself: true ones pass, and each thing that a provider
//! could change is named.

use lianshi_registry::{
    entry::{Charge, Guard},
    id::{NumberKind, RegistrationNumber},
    price::Price,
};

use super::*;
use crate::{
    agreement::{AGREEMENT_VERSION, Terms},
    close::{
        Subject,
        tests::{close, node, per_call, period, subject, texts},
    },
    subscription::{SUBSCRIPTION_ID_BYTES, SubscriptionId},
};

/// A contract in force since August about which a home node is asked in November.
struct Case {
    agreement: Agreement,
    hash: String,
    ends_at: Timestamp,
    subject: Subject,
    confirmed: Vec<StatementDocument>,
    shares: bool,
    reported: BTreeMap<Period, Usage>,
    now: Timestamp,
}

fn month(text: &str) -> Period {
    Period::parse(text).expect("a month")
}

fn usage(calls: u64, units: u64) -> Usage {
    Usage::from([("verify".to_owned(), Count { calls, units })])
}

fn terms(subject: &Subject) -> Terms {
    let authorization =
        RegistrationNumber::new(&subject.product.division(), NumberKind::Authorization, 2026, 1);
    Terms {
        product_version: "1".to_owned(),
        plan: subject.plan.clone(),
        purpose: subject.purpose,
        purpose_note: String::new(),
        forbidden_uses: texts("转售"),
        months: 4,
        ends_by: month("2026-12").end(),
        guard: Guard { smallest_cell: 1, distinct_subjects_max: 100 },
        authorization: authorization.expect("a number"),
        ruleset: "330200-2026".to_owned(),
        split_version: 0,
        split_hash: String::new(),
    }
}

impl Case {
    fn of(charge: Charge, calls: u64) -> Self {
        let mut subject = subject(1, charge, calls);
        let id = SubscriptionId::from_random([7; SUBSCRIPTION_ID_BYTES]);
        subject.subscription = id.to_string();
        subject.starts_at = month("2026-08").start().plus_millis(1);
        subject.ends_at = month("2026-11").end();
        let agreement = Agreement {
            v: AGREEMENT_VERSION,
            subscription: id,
            home: subject.home.clone(),
            provider: node("yinzhou"),
            buyer: subject.buyer.clone(),
            buyer_name: subject.buyer_name.clone(),
            operator: subject.operator.clone(),
            product: subject.product.clone(),
            terms: terms(&subject),
            starts_at: subject.starts_at,
            ends_at: subject.ends_at,
        };
        let hash = agreement.hash();
        subject.agreement_hash.clone_from(&hash);
        let reported =
            BTreeMap::from([(month("2026-09"), usage(40, 30)), (period(), subject.usage.clone())]);
        Self {
            ends_at: agreement.ends_at,
            agreement,
            hash,
            subject,
            confirmed: Vec::new(),
            shares: false,
            reported,
            now: period().end().plus_millis(1),
        }
    }

    /// The statement a provider makes of the subject.
    fn statement(&self) -> StatementDocument {
        close(std::slice::from_ref(&self.subject)).0[0].document.clone()
    }

    fn found(&self, document: &StatementDocument) -> Result<(), Difference> {
        document.compare(&Held {
            agreement: &self.agreement,
            agreement_hash: &self.hash,
            ends_at: self.ends_at,
            confirmed: &self.confirmed,
            shares: self.shares,
            reported: &self.reported,
            now: self.now,
        })
    }

    fn code(&self, document: &StatementDocument) -> &'static str {
        self.found(document).map_or_else(|difference| difference.code(), |()| "fits")
    }

    /// September was stated with 40 calls of which 10 were included; 5 more came late.
    fn with_september(mut self) -> Self {
        let mut september = self.statement();
        september.period = month("2026-09");
        september.lines = rate(&self.subject.plan.charge, false, &usage(40, 30)).expect("rated");
        self.confirmed = vec![september];
        self.reported.insert(month("2026-09"), usage(45, 35));
        self.subject.late = vec![LateUsage {
            period: month("2026-09"),
            fee_due: false,
            before: usage(40, 30),
            now: usage(45, 35),
        }];
        self
    }
}

fn flat() -> Charge {
    Charge::FlatMonthly { price: Price::parse("100").expect("a price") }
}

#[test]
fn true_statements_of_every_plan_fit() {
    for charge in [per_call(500_000), flat(), Charge::Free] {
        let case = Case::of(charge.clone(), 31);
        assert_eq!(case.found(&case.statement()), Ok(()), "{charge:?}");
        let mut late = Case::of(charge, 31);
        late.subject.late = vec![LateUsage {
            period: month("2026-09"),
            fee_due: false,
            before: Usage::new(),
            now: late.reported[&month("2026-09")].clone(),
        }];
        if matches!(late.subject.plan.charge, Charge::PerCall { .. }) {
            assert_eq!(late.found(&late.statement()), Ok(()));
        }
    }
    let case = Case::of(per_call(500_000), 31).with_september();
    assert_eq!(case.found(&case.statement()), Ok(()));
}

#[test]
fn what_the_agreement_says_is_no_providers_to_change() {
    type Change = fn(&mut StatementDocument);
    let case = Case::of(per_call(500_000), 31);
    let changes: [(&str, Change); 11] = [
        ("subscription", |said| "S-other".clone_into(&mut said.subscription)),
        ("agreement_hash", |said| said.agreement_hash = "00".repeat(32)),
        ("provider_node", |said| said.provider_node = node("beilun")),
        ("home_node", |said| said.home_node = node("beilun")),
        ("buyer", |said| said.buyer = said.operator.clone()),
        ("buyer_name", |said| "别人".clone_into(&mut said.buyer_name)),
        ("operator", |said| said.operator = said.buyer.clone()),
        ("product", |said| said.product = crate::close::tests::product(9)),
        ("plan", |said| "greedy".clone_into(&mut said.plan)),
        ("plan_name", |said| said.plan_name = texts("别的")),
        ("purpose", |said| said.purpose = lianshi_registry::entry::Purpose::PublicGood),
    ];
    for (name, change) in changes {
        let mut said = case.statement();
        change(&mut said);
        let Err(Difference::Terms { field, .. }) = case.found(&said) else { panic!("{name}") };
        assert_eq!(field, name);
    }
}

#[test]
fn nothing_is_stated_before_its_month_is_over_or_after_the_term() {
    let mut case = Case::of(per_call(500_000), 31);
    let said = case.statement();
    case.now = period().end().plus_millis(-CLOCK_SKEW_MS);
    assert_eq!(case.code(&said), "fits", "the provider's clock may be ahead a little");
    case.now = case.now.plus_millis(-1);
    assert_eq!(case.code(&said), "statement.period_ahead");
    let mut case = Case::of(per_call(500_000), 31);
    case.ends_at = period().start();
    assert_eq!(case.code(&said.clone_for(&case)), "statement.outside_term");
    let mut case = Case::of(flat(), 31);
    case.ends_at = period().start();
    assert_eq!(case.code(&case.statement()), "statement.fee_not_due");
}

impl StatementDocument {
    /// The same statement under another agreement.
    fn clone_for(&self, case: &Case) -> Self {
        let mut said = self.clone();
        said.subscription = case.agreement.subscription.to_string();
        said.agreement_hash.clone_from(&case.hash);
        said
    }
}

#[test]
fn a_free_plan_costs_nothing_whatever_its_lines_are_called() {
    let dear = Case::of(flat(), 31);
    let case = Case::of(Charge::Free, 31);
    let fee = dear.statement().lines[0].clone();
    let mut said = case.statement();
    said.lines.insert(0, fee.clone());
    assert_eq!(case.code(&said), "statement.other_lines");
    let mut late = Case::of(Charge::Free, 31);
    late.subject.plan.charge = flat();
    late.subject.owed = vec![LateUsage {
        period: month("2026-09"),
        fee_due: true,
        before: Usage::new(),
        now: Usage::new(),
    }];
    let mut said = case.statement();
    let fee = late.statement().lines.into_iter().find(|line| line.kind == LineKind::LateFee);
    said.lines.push(fee.expect("a late fee"));
    assert_eq!(case.code(&said), "statement.other_lines");
    // A million for a late call.
    let mut said = Case::of(per_call(500_000), 31).with_september().statement().clone_for(&case);
    let last = said.lines.last_mut().expect("a line");
    last.amount = Amount::from_fen(100_000_000);
    said.lines = vec![last.clone()];
    assert_eq!(case.code(&said), "statement.late_base");
}

#[test]
fn counts_are_the_reported_ones_and_included_calls_were_free() {
    let mut case = Case::of(per_call(500_000), 31);
    let said = case.statement();
    case.reported.insert(period(), usage(30, 20));
    assert_eq!(case.code(&said), "statement.more_than_reported");
    case.reported.clear();
    assert_eq!(case.code(&said), "statement.more_than_reported");
    let mut greedy = Case::of(per_call(500_000), 31);
    greedy.subject.usage = usage(31, 28);
    greedy.reported.insert(period(), usage(31, 31));
    assert_eq!(greedy.code(&greedy.statement()), "statement.included_calls");
    greedy.shares = true;
    assert_eq!(greedy.code(&greedy.statement()), "fits", "another contract had some of the ten");
    greedy.subject.usage = usage(31, 20);
    assert_eq!(greedy.code(&greedy.statement()), "statement.included_calls", "eleven were free");
    let changes: [fn(&mut RatedLine); 5] = [
        |line| line.amount = Amount::from_fen(line.amount.fen() + 1),
        |line| line.quantity += 1,
        |line| line.price = Price::parse("0.6").expect("a price"),
        |line| "other".clone_into(&mut line.operation),
        |line| line.kind = LineKind::LateCalls,
    ];
    for change in changes {
        let case = Case::of(per_call(500_000), 31);
        let mut said = case.statement();
        change(&mut said.lines[0]);
        assert_ne!(case.code(&said), "fits");
    }
    let mut units = Case::of(per_call(500_000), 31);
    units.subject.usage = usage(31, 32);
    units.reported.insert(period(), usage(31, 32));
    assert_eq!(units.code(&units.statement()), "statement.more_than_reported");
    let case = Case::of(per_call(500_000), 31);
    let mut twice = case.statement();
    twice.lines.push(twice.lines[0].clone());
    assert_eq!(case.code(&twice), "statement.other_lines");
}

#[test]
fn a_late_line_begins_where_the_statements_held_end() {
    let case = Case::of(per_call(500_000), 31).with_september();
    let mut from_zero = Case::of(per_call(500_000), 31).with_september();
    from_zero.subject.late[0].before = Usage::new();
    assert_eq!(case.code(&from_zero.statement().clone_for(&case)), "statement.late_base");
    let mut more = Case::of(per_call(500_000), 31).with_september();
    more.subject.late[0].now = usage(46, 36);
    assert_eq!(case.code(&more.statement().clone_for(&case)), "statement.more_than_reported");
    // What was stated late once is the beginning of the next time.
    let mut again = Case::of(per_call(500_000), 31).with_september();
    let first = again.statement();
    assert_eq!(again.code(&first), "fits");
    again.confirmed.push(first.clone());
    let mut second = first;
    second.period = period().next();
    again.now = second.period.end();
    again.reported.insert(second.period, again.subject.usage.clone());
    assert_eq!(again.code(&second), "statement.late_base", "the same calls are billed twice");
    let changes: [fn(&mut RatedLine); 2] =
        [|line| line.amount = Amount::from_fen(line.amount.fen() + 1), |line| line.quantity += 1];
    for change in changes {
        let mut said = case.statement();
        change(said.lines.last_mut().expect("the late line"));
        assert_eq!(case.code(&said), "statement.other_lines");
    }
    let mut ahead = case.statement();
    ahead.period = month("2026-09");
    ahead.lines.retain(|line| line.kind == LineKind::LateCalls);
    assert_eq!(case.code(&ahead), "statement.not_earlier");
}

#[test]
fn what_was_stated_late_is_not_stated_again_with_its_month() {
    for charge in [per_call(500_000), flat()] {
        // September is held back, and stated late with October.
        let mut case = Case::of(charge.clone(), 31);
        let fee_due = matches!(charge, Charge::FlatMonthly { .. });
        let now = if fee_due { usage(40, 40) } else { usage(40, 30) };
        case.reported.insert(month("2026-09"), now.clone());
        let late = LateUsage { period: month("2026-09"), fee_due, before: Usage::new(), now };
        case.subject.owed = vec![late.clone()];
        let october = case.statement();
        assert_eq!(case.code(&october), "fits");
        let mut september = Case::of(charge, 40);
        september.subject.usage = late.now;
        let mut september = september.statement().clone_for(&case);
        september.period = month("2026-09");
        assert_eq!(case.code(&september), "fits", "by itself");
        case.confirmed = vec![october];
        assert_eq!(case.code(&september), "statement.billed_before");
    }
}

#[test]
fn the_fee_of_an_earlier_month_is_charged_once_and_only_where_one_was_due() {
    let mut case = Case::of(flat(), 3);
    let owed =
        |period| LateUsage { period, fee_due: true, before: Usage::new(), now: Usage::new() };
    case.subject.owed = vec![owed(month("2026-09"))];
    let said = case.statement();
    assert_eq!(case.code(&said), "fits");
    let mut twice = said.clone();
    let fee = twice.lines.iter().find(|line| line.kind == LineKind::LateFee).cloned();
    twice.lines.push(fee.expect("a fee"));
    assert_eq!(case.code(&twice), "statement.other_lines");
    let mut dearer = said.clone();
    let fee = dearer.lines.iter_mut().find(|line| line.kind == LineKind::LateFee);
    fee.expect("a fee").amount = Amount::from_fen(10_001);
    assert_eq!(case.code(&dearer), "statement.other_lines");
    // A month before the term, and one that a statement was taken for.
    case.subject.owed = vec![owed(month("2026-07"))];
    assert_eq!(case.code(&case.statement()), "statement.fee_not_due");
    for confirmed in [month("2026-09"), period()] {
        let mut case = Case::of(flat(), 3);
        case.subject.owed = vec![owed(month("2026-09"))];
        let mut earlier = case.statement();
        if confirmed == month("2026-09") {
            earlier.lines.truncate(1);
        }
        earlier.period = confirmed;
        let mut later = case.statement();
        later.period = period().next();
        later.lines.retain(|line| line.kind == LineKind::LateFee);
        case.now = later.period.end();
        case.confirmed = vec![earlier];
        assert_eq!(case.code(&later), "statement.billed_before", "by {confirmed}");
    }
}

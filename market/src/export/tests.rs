//! Exports read as the foreign programs want them. Those programs themselves judge whole ledgers in
//! `tests/outside`.

use lianshi_registry::uscc::Uscc;

use super::*;
use crate::ledger::{Purpose, Reason};

fn buyer() -> Account {
    Account::Receivable(Uscc::parse("91330200MA2TEQT175").expect("valid"))
}

fn operator() -> Account {
    Account::Fees(Uscc::parse("11640100MB1TEQT358").expect("valid"))
}

fn fee(period: &str, n: u32, fen: i64) -> Transfer {
    let period = Period::parse(period).expect("month");
    let reference = format!("ST-{n}");
    let purpose = Purpose { period, reason: Reason::Fee, reference };
    Transfer::new(purpose, buyer(), operator(), Amount::from_fen(fen)).expect("a transfer")
}

fn export(format: Format) -> String {
    let mut writer = Writer::new(format);
    let accounts = [(buyer(), "甲 \"示例\"\n公司".to_owned()), (operator(), String::new())];
    let from = Date::parse("2026-09-01").expect("day");
    let mut out = writer.head("Lianshi yinzhou", from, &accounts);
    out += &writer.transfer(1, &fee("2026-09", 1, 5001)).expect("small");
    out += &writer.transfer(2, &fee("2026-10", 2, 99)).expect("small");
    out += &writer.end(&[(buyer(), Amount::from_fen(5100)), (operator(), Amount::from_fen(-5100))]);
    out
}

#[test]
fn beancount_asserts_each_period_to_the_fen() {
    assert_eq!(
        export(Format::Beancount),
        r#"option "title" "Lianshi yinzhou"
option "operating_currency" "CNY"
plugin "beancount.plugins.noduplicates"
plugin "beancount.plugins.leafonly"
plugin "beancount.plugins.onecommodity"

2026-09-01 commodity CNY

2026-09-01 open Assets:Receivable:91330200MA2TEQT175 CNY
  name: "甲 \"示例\" 公司"
2026-09-01 open Income:Fees:11640100MB1TEQT358 CNY

2026-09-30 * "fee" "ST-1" ^fee/ST-1
  Assets:Receivable:91330200MA2TEQT175  50.01 CNY
  Income:Fees:11640100MB1TEQT358  -50.01 CNY

2026-10-01 balance Assets:Receivable:91330200MA2TEQT175  50.01 ~ 0.00 CNY
2026-10-01 balance Income:Fees:11640100MB1TEQT358  -50.01 ~ 0.00 CNY

2026-10-31 * "fee" "ST-2" ^fee/ST-2
  Assets:Receivable:91330200MA2TEQT175  0.99 CNY
  Income:Fees:11640100MB1TEQT358  -0.99 CNY

2026-11-01 balance Assets:Receivable:91330200MA2TEQT175  51.00 ~ 0.00 CNY
2026-11-01 balance Income:Fees:11640100MB1TEQT358  -51.00 ~ 0.00 CNY
"#
    );
}

#[test]
fn hledger_declares_accounts_and_asserts_exactly() {
    let text = export(Format::Hledger);
    for expected in [
        "commodity 1000.00 CNY\n",
        "account Assets:Receivable:91330200MA2TEQT175\n    ; name: 甲 \"示例\" 公司\n",
        "2026-09-30 * (fee/ST-1) fee | ST-1\n    Assets:Receivable:91330200MA2TEQT175  50.01 CNY\n",
        "2026-10-31 * balance\n    Income:Fees:11640100MB1TEQT358  0.00 CNY = -51.00 CNY\n",
    ] {
        assert!(text.contains(expected), "{expected}\nin\n{text}");
    }
}

#[test]
fn a_name_is_one_tag_however_it_is_written() {
    let writer = Writer::new(Format::Hledger);
    let accounts = [(buyer(), "甲, party: 乙 100%".to_owned())];
    let head = writer.head("t", Date::parse("2026-09-01").expect("day"), &accounts);
    assert!(head.contains("    ; name: 甲%2C party: 乙 100%25\n"), "{head}");
}

#[test]
fn csv_has_one_row_a_transfer() {
    assert_eq!(
        export(Format::Csv),
        "seq,date,period,id,debit_account,credit_account,amount,currency,reason,reference\n\
         1,2026-09-30,2026-09,fee/ST-1,Assets:Receivable:91330200MA2TEQT175,\
         Income:Fees:11640100MB1TEQT358,50.01,CNY,fee,ST-1\n\
         2,2026-10-31,2026-10,fee/ST-2,Assets:Receivable:91330200MA2TEQT175,\
         Income:Fees:11640100MB1TEQT358,0.99,CNY,fee,ST-2\n"
    );
}

#[test]
fn an_empty_ledger_exports_its_head_only() {
    assert_eq!(Writer::new(Format::Beancount).end(&[]), "");
    for (name, format) in
        [("beancount", Format::Beancount), ("hledger", Format::Hledger), ("csv", Format::Csv)]
    {
        assert_eq!(Format::parse(name), Some(format));
        assert!(!format.extension().is_empty());
    }
    assert_eq!(Format::parse("xlsx"), None);
}

//! The ledger for other programs: Beancount, hledger and CSV, so that two accountants nobody here
//! wrote recompute every balance. Text only; the store streams transfers through it. Amounts always
//! have two places and every assertion is exact (`~ 0.00`), since Beancount otherwise forgives a
//! fen.

use std::{collections::BTreeMap, fmt::Write as _};

use lianshi_registry::time::{Date, Period};

use crate::{
    ledger::{Account, Transfer},
    money::{Amount, Currency, MoneyError},
};

/// A format of export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Beancount 3.
    Beancount,
    /// hledger 1.25 and later.
    Hledger,
    /// Comma-separated values, one transfer a row.
    Csv,
}

impl Format {
    /// Parses `beancount`, `hledger` or `csv`.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "beancount" => Some(Self::Beancount),
            "hledger" => Some(Self::Hledger),
            "csv" => Some(Self::Csv),
            _ => None,
        }
    }

    /// The usual ending of a file of this format.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Beancount => "beancount",
            Self::Hledger => "journal",
            Self::Csv => "csv",
        }
    }
}

/// Writes one export, piece by piece: the head with the accounts, then every transfer in order,
/// then the end with the balances the books claim. The balances of a period are asserted when the
/// next one begins.
#[derive(Debug)]
pub struct Writer {
    format: Format,
    period: Option<Period>,
    touched: BTreeMap<Account, Amount>,
    balances: BTreeMap<Account, Amount>,
}

impl Writer {
    /// A writer of `format`.
    pub const fn new(format: Format) -> Self {
        Self { format, period: None, touched: BTreeMap::new(), balances: BTreeMap::new() }
    }

    /// The head: title, currency and accounts with their names. `from` is a day no later than the
    /// first transfer.
    pub fn head(&self, title: &str, from: Date, accounts: &[(Account, String)]) -> String {
        let mut out = String::new();
        let cny = Currency::Cny;
        match self.format {
            Format::Beancount => {
                let _ = writeln!(out, "option \"title\" {}", quoted(title));
                let _ = writeln!(out, "option \"operating_currency\" \"{cny}\"");
                for plugin in ["noduplicates", "leafonly", "onecommodity"] {
                    let _ = writeln!(out, "plugin \"beancount.plugins.{plugin}\"");
                }
                let _ = writeln!(out, "\n{from} commodity {cny}\n");
                for (account, name) in accounts {
                    let _ = writeln!(out, "{from} open {account} {cny}");
                    if !name.is_empty() {
                        let _ = writeln!(out, "  name: {}", quoted(name));
                    }
                }
                out.push('\n');
            }
            Format::Hledger => {
                let _ = writeln!(out, "; {}", one_line(title));
                let _ = writeln!(out, "commodity 1000.00 {cny}\n");
                for (account, name) in accounts {
                    let _ = writeln!(out, "account {account}");
                    if !name.is_empty() {
                        let _ = writeln!(out, "    ; name: {}", tag_value(name));
                    }
                }
                out.push('\n');
            }
            Format::Csv => {
                out.push_str(
                    "seq,date,period,id,debit_account,credit_account,amount,currency,reason,\
                     reference\n",
                );
            }
        }
        out
    }

    /// One transfer, dated the last day of its period; before it the assertions of the period it
    /// follows, if it is the first of its own. Transfers come in the order of the ledger.
    pub fn transfer(&mut self, seq: i64, transfer: &Transfer) -> Result<String, MoneyError> {
        let mut out = String::new();
        if self.period != Some(transfer.period()) {
            self.end_period(&mut out);
            self.period = Some(transfer.period());
        }
        self.count(transfer.debit(), transfer.amount())?;
        self.count(transfer.credit(), Amount::ZERO.minus(transfer.amount())?)?;
        let date = transfer.period().last_day();
        let (debit, credit) = (transfer.debit(), transfer.credit());
        let (id, amount) = (transfer.id(), transfer.amount());
        let currency = transfer.currency();
        let reason = transfer.reason().as_str();
        match self.format {
            Format::Beancount => {
                let _ = writeln!(out, "{date} * \"{reason}\" \"{}\" ^{id}", transfer.reference());
                let _ = writeln!(out, "  {debit}  {amount} {currency}");
                let _ = writeln!(out, "  {credit}  -{amount} {currency}\n");
            }
            Format::Hledger => {
                let _ = writeln!(out, "{date} * ({id}) {reason} | {}", transfer.reference());
                let _ = writeln!(out, "    {debit}  {amount} {currency}");
                let _ = writeln!(out, "    {credit}  -{amount} {currency}\n");
            }
            Format::Csv => {
                let _ = writeln!(
                    out,
                    "{seq},{date},{},{id},{debit},{credit},{amount},{currency},{reason},{}",
                    transfer.period(),
                    transfer.reference()
                );
            }
        }
        Ok(out)
    }

    /// The end: instead of what this writer summed, the last period asserts the balance the books
    /// themselves keep for every account, debits above zero.
    pub fn end(self, stored: &[(Account, Amount)]) -> String {
        let mut out = String::new();
        let Some(last) = self.period else { return out };
        for (account, balance) in stored {
            self.assert_balance(&mut out, last, account, *balance);
        }
        out
    }

    fn count(&mut self, account: &Account, amount: Amount) -> Result<(), MoneyError> {
        let balance = self.balances.entry(account.clone()).or_insert(Amount::ZERO);
        *balance = balance.plus(amount)?;
        self.touched.insert(account.clone(), *balance);
        Ok(())
    }

    fn end_period(&mut self, out: &mut String) {
        let touched = std::mem::take(&mut self.touched);
        let Some(period) = self.period else { return };
        for (account, balance) in touched {
            self.assert_balance(out, period, &account, balance);
        }
        if self.format != Format::Csv {
            out.push('\n');
        }
    }

    fn assert_balance(&self, out: &mut String, period: Period, account: &Account, balance: Amount) {
        let currency = Currency::Cny;
        match self.format {
            // Beancount asserts as a day begins, hledger after the entries above on the same day.
            Format::Beancount => {
                let date = period.next().first_day();
                let _ = writeln!(out, "{date} balance {account}  {balance} ~ 0.00 {currency}");
            }
            Format::Hledger => {
                let date = period.last_day();
                let _ = writeln!(out, "{date} * balance");
                let _ = writeln!(out, "    {account}  0.00 {currency} = {balance} {currency}\n");
            }
            Format::Csv => {}
        }
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text as the value of an hledger tag, which ends at a comma: commas, and the sign that stands
/// for them, are percent-encoded, so that the tag's reader finds all of it and nothing else.
fn tag_value(text: &str) -> String {
    one_line(text).replace('%', "%25").replace(',', "%2C")
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", one_line(text).replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests;

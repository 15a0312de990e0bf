//! The ledger: accounts and transfers. A transfer names a debit account, a different credit account
//! and an amount above zero, so an entry that does not balance cannot be written. Corrections are
//! new transfers; nothing is changed.
//!
//! The chart, as posted by a close (`docs/ledger.md` walks through one):
//!
//! ```text
//! Assets:Receivable:<buyer>          what a buyer owes
//! Income:Fees:<operator>             what was invoiced for an operator's products
//! Expenses:Shares:<operator>         what of it was divided among the parties
//! Liabilities:Clearing:Split         between the two; zero after every close
//! Liabilities:Payable:<party>        what a party is owed
//! ```

use std::fmt;

use lianshi_registry::{time::Period, uscc::Uscc};

use crate::money::{Amount, Currency};

/// Why something cannot be posted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// Debit and credit are the same account.
    #[error("a transfer from `{0}` to itself is none")]
    SameAccount(String),
    /// Zero or less.
    #[error(
        "a transfer of {0} is none; the other direction is written with the accounts exchanged"
    )]
    NotPositive(Amount),
    /// Not an account of the chart.
    #[error("`{0}` is not an account of the chart")]
    Account(String),
}

/// What kind of account, which decides the side its balance is shown on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AccountKind {
    /// What the node has or is owed.
    Asset,
    /// What the node owes.
    Liability,
    /// What was earned.
    Income,
    /// What it cost.
    Expense,
}

impl AccountKind {
    /// The name in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }
}

/// An account of the chart. Prints as both export formats want it: ASCII, parts joined by `:`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Account {
    /// What a buyer owes.
    Receivable(Uscc),
    /// What was invoiced for an operator's products.
    Fees(Uscc),
    /// What of an operator's fees was divided.
    Shares(Uscc),
    /// Between fees and parties; zero after every close.
    SplitClearing,
    /// What a party is owed.
    Payable(Uscc),
}

impl Account {
    /// Parses the printed form.
    pub fn parse(text: &str) -> Result<Self, LedgerError> {
        let bad = || LedgerError::Account(text.to_owned());
        if text == "Liabilities:Clearing:Split" {
            return Ok(Self::SplitClearing);
        }
        let (class, code) = text.rsplit_once(':').ok_or_else(bad)?;
        let uscc = Uscc::known(code).map_err(|_| bad())?;
        let account = match class {
            "Assets:Receivable" => Self::Receivable(uscc),
            "Income:Fees" => Self::Fees(uscc),
            "Expenses:Shares" => Self::Shares(uscc),
            "Liabilities:Payable" => Self::Payable(uscc),
            _ => return Err(bad()),
        };
        if account.to_string() == text { Ok(account) } else { Err(bad()) }
    }

    /// Its kind.
    pub const fn kind(&self) -> AccountKind {
        match self {
            Self::Receivable(_) => AccountKind::Asset,
            Self::Fees(_) => AccountKind::Income,
            Self::Shares(_) => AccountKind::Expense,
            Self::SplitClearing | Self::Payable(_) => AccountKind::Liability,
        }
    }

    /// Whose account it is; `None` for the clearing account.
    pub const fn party(&self) -> Option<&Uscc> {
        match self {
            Self::Receivable(uscc)
            | Self::Fees(uscc)
            | Self::Shares(uscc)
            | Self::Payable(uscc) => Some(uscc),
            Self::SplitClearing => None,
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Receivable(uscc) => write!(f, "Assets:Receivable:{uscc}"),
            Self::Fees(uscc) => write!(f, "Income:Fees:{uscc}"),
            Self::Shares(uscc) => write!(f, "Expenses:Shares:{uscc}"),
            Self::SplitClearing => f.write_str("Liabilities:Clearing:Split"),
            Self::Payable(uscc) => write!(f, "Liabilities:Payable:{uscc}"),
        }
    }
}

/// Why a transfer was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A statement was issued.
    Fee,
    /// A product's revenue was set aside to be divided.
    SplitBase,
    /// A party's part.
    SplitPart,
}

impl Reason {
    /// The name in tables and exports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fee => "fee",
            Self::SplitBase => "split_base",
            Self::SplitPart => "split_part",
        }
    }

    /// Parses the name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Fee, Self::SplitBase, Self::SplitPart]
            .into_iter()
            .find(|reason| reason.as_str() == text)
    }
}

/// Money moves between two accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    id: String,
    period: Period,
    debit: Account,
    credit: Account,
    amount: Amount,
    reason: Reason,
    reference: String,
}

/// What a transfer is about, apart from its money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// The period it belongs to.
    pub period: Period,
    /// Why.
    pub reason: Reason,
    /// The document it posts, such as a statement's number.
    pub reference: String,
}

impl Transfer {
    /// A transfer; refused between equal accounts and of nothing. The id follows from what it
    /// posts, so that posting the same twice is found out.
    pub fn new(
        purpose: Purpose,
        debit: Account,
        credit: Account,
        amount: Amount,
    ) -> Result<Self, LedgerError> {
        if debit == credit {
            return Err(LedgerError::SameAccount(debit.to_string()));
        }
        if amount <= Amount::ZERO {
            return Err(LedgerError::NotPositive(amount));
        }
        let Purpose { period, reason, reference } = purpose;
        let id = match reason {
            Reason::Fee => format!("fee/{reference}"),
            Reason::SplitBase => {
                let operator = debit.party().map_or("", Uscc::as_str);
                format!("split/{period}/{reference}/base/{operator}")
            }
            Reason::SplitPart => {
                let party = credit.party().map_or("", Uscc::as_str);
                format!("split/{period}/{reference}/{party}")
            }
        };
        Ok(Self { id, period, debit, credit, amount, reason, reference })
    }

    /// Its id, unique for ever.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The period it belongs to.
    pub const fn period(&self) -> Period {
        self.period
    }

    /// The account debited.
    pub const fn debit(&self) -> &Account {
        &self.debit
    }

    /// The account credited.
    pub const fn credit(&self) -> &Account {
        &self.credit
    }

    /// How much, above zero.
    pub const fn amount(&self) -> Amount {
        self.amount
    }

    /// The currency.
    pub const fn currency(&self) -> Currency {
        Currency::Cny
    }

    /// Why.
    pub const fn reason(&self) -> Reason {
        self.reason
    }

    /// The document it posts.
    pub fn reference(&self) -> &str {
        &self.reference
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> Uscc {
        Uscc::parse(text).expect("valid")
    }

    fn purpose(reason: Reason) -> Purpose {
        let period = Period::parse("2026-10").expect("month");
        Purpose { period, reason, reference: "R".to_owned() }
    }

    #[test]
    fn accounts_print_and_parse_back() {
        let party = code("91330200MA2TEQT175");
        for account in [
            Account::Receivable(party.clone()),
            Account::Fees(party.clone()),
            Account::Shares(party.clone()),
            Account::SplitClearing,
            Account::Payable(party),
        ] {
            assert_eq!(Account::parse(&account.to_string()), Ok(account));
        }
        for bad in ["", "Assets", "Assets:Receivable:91330200MA2TEQT176", "Equity:X:Y"] {
            assert_eq!(Account::parse(bad), Err(LedgerError::Account(bad.to_owned())));
        }
    }

    #[test]
    fn a_transfer_needs_two_accounts_and_an_amount() {
        let payable = Account::Payable(code("91330200MA2TEQT175"));
        let clearing = Account::SplitClearing;
        let one = Amount::from_fen(1);
        let new = |debit: &Account, credit: &Account, amount| {
            Transfer::new(purpose(Reason::SplitPart), debit.clone(), credit.clone(), amount)
        };
        assert_eq!(
            new(&payable, &payable, one),
            Err(LedgerError::SameAccount(payable.to_string()))
        );
        for fen in [0, -1] {
            let amount = Amount::from_fen(fen);
            assert_eq!(new(&clearing, &payable, amount), Err(LedgerError::NotPositive(amount)));
        }
        let transfer = new(&clearing, &payable, one).expect("a transfer");
        assert_eq!(transfer.id(), "split/2026-10/R/91330200MA2TEQT175");
    }

    #[test]
    fn reasons_parse_back() {
        for reason in [Reason::Fee, Reason::SplitBase, Reason::SplitPart] {
            assert_eq!(Reason::parse(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::parse("gift"), None);
    }
}

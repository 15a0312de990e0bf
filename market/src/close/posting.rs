//! What the documents of a close post: a function of the document, so that whoever holds one that
//! was sealed can post it, at once or after a crash.

use lianshi_registry::time::Period;

use super::{DivisionDocument, StatementDocument};
use crate::{
    ledger::{Account, LedgerError, Purpose, Reason, Transfer},
    money::Amount,
};

impl StatementDocument {
    /// What the buyer owes to the operator; nothing for a statement of nothing.
    pub fn transfer(&self) -> Result<Option<Transfer>, LedgerError> {
        if self.total <= Amount::ZERO {
            return Ok(None);
        }
        let reference = self.number.clone();
        Transfer::new(
            Purpose { period: self.period, reason: Reason::Fee, reference },
            Account::Receivable(self.buyer.clone()),
            Account::Fees(self.operator.clone()),
            self.total,
        )
        .map(Some)
    }
}

impl DivisionDocument {
    /// What it posts in the close that made it: first the base, by operator, then the parts above
    /// zero.
    pub fn transfers(&self, close: Period) -> Result<Vec<Transfer>, LedgerError> {
        let reference = if self.period == close {
            self.product.to_string()
        } else {
            format!("{}/{}", self.period, self.product)
        };
        let purpose = |reason| Purpose { period: close, reason, reference: reference.clone() };
        let above_zero = |amount: Amount| amount > Amount::ZERO;
        let bases = self.by_operator.iter().filter(|(_, amount)| above_zero(**amount));
        let bases = bases.map(|(operator, amount)| {
            let from = Account::Shares(operator.clone());
            Transfer::new(purpose(Reason::SplitBase), from, Account::SplitClearing, *amount)
        });
        let parts = self.parts.iter().filter(|part| above_zero(part.amount)).map(|part| {
            let to = Account::Payable(part.party.uscc.clone());
            Transfer::new(purpose(Reason::SplitPart), Account::SplitClearing, to, part.amount)
        });
        bases.chain(parts).collect()
    }
}

//! Which requests need no person. A plan for the public good is free, so it is agreed to at once
//! only for kinds of organization that the plan names, and never when what they write sounds like
//! trade: then a person reads it.

use lianshi_registry::{
    entry::{BuyerKind, Plan, Purpose},
    uscc::Uscc,
};

use super::Request;

/// Words of trade: a note with one of them may still be fine, which is for a person to say.
const WORDS_OF_TRADE: [&str; 16] = [
    "商业",
    "营利",
    "盈利",
    "转售",
    "转卖",
    "倒卖",
    "出售",
    "销售",
    "牟利",
    "广告",
    "commercial",
    "resale",
    "resell",
    "profit",
    "sell",
    "advertis",
];

/// What is looked at of a request, sent or not yet.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Who asks.
    pub buyer: &'a Uscc,
    /// What it will be used for, in the buyer's words.
    pub purpose_note: &'a str,
    /// Why another subscription is needed; empty for a first one.
    pub second_reason: &'a str,
}

impl<'a> From<&'a Request> for Asked<'a> {
    fn from(request: &'a Request) -> Self {
        Self {
            buyer: &request.buyer,
            purpose_note: &request.purpose_note,
            second_reason: &request.second_reason,
        }
    }
}

/// Whether what is asked for is agreed to without a person. A second subscription to a product
/// never is: its reason wants to be read.
pub fn is_automatic<'a>(plan: &Plan, asked: impl Into<Asked<'a>>) -> bool {
    let asked = asked.into();
    let is_reviewed = match plan.purpose {
        Purpose::Industry => false,
        Purpose::PublicGood => {
            let kind = BuyerKind::of(asked.buyer);
            kind.may_trade()
                || !plan.qualifies.contains(&kind)
                || sounds_like_trade(asked.purpose_note)
        }
    };
    plan.automatic_approval && asked.second_reason.is_empty() && !is_reviewed
}

fn sounds_like_trade(note: &str) -> bool {
    let note = note.to_lowercase();
    WORDS_OF_TRADE.iter().any(|word| note.contains(word))
}

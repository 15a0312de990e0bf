//! Which requests need no person. A plan for the public good is free, so it is agreed to at once
//! only for kinds of organization that the plan names, and never when what they write sounds like
//! trade: then a person reads it.

use lianshi_registry::entry::{BuyerKind, Plan, Purpose};

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

/// Whether a request is agreed to without a person. A second subscription to a product never is:
/// its reason wants to be read.
pub fn is_automatic(plan: &Plan, request: &Request) -> bool {
    let is_reviewed = match plan.purpose {
        Purpose::Industry => false,
        Purpose::PublicGood => {
            let kind = BuyerKind::of(&request.buyer);
            kind.may_trade()
                || !plan.qualifies.contains(&kind)
                || sounds_like_trade(&request.purpose_note)
        }
    };
    plan.automatic_approval && request.second_reason.is_empty() && !is_reviewed
}

fn sounds_like_trade(note: &str) -> bool {
    let note = note.to_lowercase();
    WORDS_OF_TRADE.iter().any(|word| note.contains(word))
}

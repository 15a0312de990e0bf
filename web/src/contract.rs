//! A subscription as both parties' pages need it: found only for its own parties, its state and its
//! reasons in words, its history line by line.

mod dossier;
pub mod ending;

use lianshi_market::subscription::{Ending, HeldUp, Side, State, SubscriptionId, SubscriptionView};
use lianshi_registry::time::Timestamp;
use lianshi_store::{
    Fault, Read,
    accounts::User,
    subscriptions::{self, HistoryLine},
};

pub use dossier::Dossier;

use crate::{WebState, page::Page, problem::Problem, refusal};

/// The page of a copy, on the side it belongs to.
pub fn address(view: &SubscriptionView) -> String {
    match view.side {
        Side::Home => format!("/subscriptions/{}", view.id),
        Side::Provider => format!("/provider/subscriptions/{}", view.id),
    }
}

/// The copy of `side` with this id, if the user's organization is that party. Somebody else's
/// subscription, an absent one and a text that is no id get the same answer.
pub async fn of_party(
    state: &WebState,
    user: &User,
    (id, side): (&str, Side),
) -> Result<SubscriptionView, Problem> {
    let id = SubscriptionId::parse(id).map_err(|_| Problem::NotFound)?;
    let found = state.read(move |read| subscriptions::by_id(read, &id, side)).await?;
    found.filter(|view| is_party(view, user)).ok_or(Problem::NotFound)
}

/// The same inside a transaction.
pub fn find(
    read: &mut Read<'_>,
    user: &User,
    (id, side): (&SubscriptionId, Side),
) -> Result<Option<SubscriptionView>, Fault> {
    Ok(subscriptions::by_id(read, id, side)?.filter(|view| is_party(view, user)))
}

fn is_party(view: &SubscriptionView, user: &User) -> bool {
    let party = match view.side {
        Side::Home => &view.buyer,
        Side::Provider => &view.operator,
    };
    *party == user.organization
}

/// The word for where a subscription stands now; a term that ran out has a word of its own.
pub fn state_word(page: &Page, view: &SubscriptionView) -> String {
    page.word("state", state_code(view, page.now))
}

/// The code of the same, as the API gives it: the state, or `expired` once the term is over.
pub fn state_code(view: &SubscriptionView, now: Timestamp) -> &'static str {
    let over = view.ends_at.is_some_and(|end| now >= end);
    if view.state == State::Finalized && over { "expired" } else { view.state.as_str() }
}

/// Whether calls are served now, as far as the contract is concerned.
pub fn is_active(page: &Page, view: &SubscriptionView) -> bool {
    view.is_active(page.now)
}

/// What holds a copy up, in words, and what differs where it is that.
pub fn held_up(page: &Page, view: &SubscriptionView) -> Option<(String, String)> {
    match view.held_up.as_ref()? {
        HeldUp::Awaited => Some((page.t("subscription-awaited"), String::new())),
        HeldUp::Unlike { what } => Some((page.t("subscription-unlike"), what.clone())),
    }
}

/// The look of the state's tag; the word beside it says the same.
pub fn state_class(page: &Page, view: &SubscriptionView) -> &'static str {
    match view.state {
        State::Finalized if view.is_active(page.now) => "ok",
        State::Finalized | State::Terminated | State::Ended => "stop",
        _ => "line",
    }
}

/// Why a subscription is over, in words: the text for its code and what people wrote.
pub fn reason(page: &Page, ending: &Ending) -> String {
    reason_words(page, &ending.code, &ending.text)
}

/// Words for a code and a text beside it; the text alone where the code has no words.
pub fn reason_words(page: &Page, code: &str, text: &str) -> String {
    let reason = format!("reason-{}", code.replace(['.', '_'], "-"));
    let words = page.lang.find(&reason).or_else(|| page.lang.find(&refusal::key(code)));
    let a_person_wrote = code.starts_with("provider.") || code.starts_with("buyer.");
    match words {
        Some(words) if a_person_wrote && !text.is_empty() => {
            page.t2("reason-with-text", &("reason", words), &("text", text))
        }
        Some(words) => words,
        None => text.to_owned(),
    }
}

/// One line of the timeline.
pub struct Moment {
    /// When.
    pub at: Timestamp,
    /// What happened, in words.
    pub what: String,
    /// Which party did it, in words.
    pub by: String,
    /// The reason, where there is one.
    pub why: String,
}

/// The history of a subscription in words, oldest first.
pub fn timeline(page: &Page, view: &SubscriptionView, history: &[HistoryLine]) -> Vec<Moment> {
    let why = |kind: &str| match kind {
        "request" => view.purpose_note.clone(),
        "termination" | "end" => {
            view.ending.as_ref().map(|ending| reason(page, ending)).unwrap_or_default()
        }
        "cut" => view
            .notice
            .as_ref()
            .map(|cut| reason_words(page, &cut.code, &cut.text))
            .unwrap_or_default(),
        _ => String::new(),
    };
    history
        .iter()
        .map(|line| Moment {
            at: line.at,
            what: page.word("moment", &line.kind),
            by: page.word("side", line.by),
            why: why(&line.kind),
        })
        .collect()
}

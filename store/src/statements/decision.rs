//! What a person of finance decides of a statement that differs.

use diesel::prelude::*;
use lianshi_market::close::WaitingState;
use lianshi_registry::{
    refusal::Refusal,
    text::{Kind, TextRefusal},
};

use super::{
    LetterKind, LetterRefusal, StatementState, objection,
    receive::{answer, stand_by},
    waiting::{is_taken, look_again, row},
};
use crate::{
    Failure, Fault, Site,
    audit::{self, Act, Actor},
    schema::waiting_statements,
};

/// What a person decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Stands by the statement although it differs.
    Accept,
    /// Does not.
    Decline,
}

/// Why a decision is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecisionRefusal {
    /// No statement of this number waits: somebody decided, or what was missing arrived.
    #[error("no statement `{0}` waits for a decision")]
    NotWaiting(String),
    /// The reason is missing, or nothing anybody may read.
    #[error("`note` {0}")]
    Note(TextRefusal),
    /// Another statement of the subscription was taken for its period meanwhile.
    #[error("another statement of the subscription was taken for the period")]
    Taken,
}

impl Refusal for DecisionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::NotWaiting(_) => "statement.not_waiting",
            Self::Note(_) => "statement.note",
            Self::Taken => "statement.period_taken",
        }
    }
}

/// A person of finance stands by a statement that differs, or declines it, and says why.
pub fn decide(
    site: &Site,
    actor: &Actor,
    number: &str,
    (verdict, note): (Verdict, &str),
) -> Result<(), Failure<DecisionRefusal>> {
    let note = Kind::Note
        .read(note)
        .map_err(|refusal| Failure::Refused(DecisionRefusal::Note(refusal)))?;
    site.db.write(|write| {
        let missing = || Failure::Refused(DecisionRefusal::NotWaiting(number.to_owned()));
        let held = row(&mut write.as_read(), number)?.ok_or_else(missing)?;
        if held.state()? != WaitingState::Waiting {
            return Err(missing());
        }
        let (opened, stated) = held.letter()?;
        let (state, action) = match verdict {
            Verdict::Accept => (WaitingState::Accepted, "statement.accept"),
            Verdict::Decline => (WaitingState::Declined, "statement.decline"),
        };
        if verdict == Verdict::Accept {
            if is_taken(write, &stated.document)? {
                return Err(Failure::Refused(DecisionRefusal::Taken));
            }
            let sealed = stand_by(write, site, &opened, (&stated, StatementState::Accepted))
                .and_then(|()| answer(write, site, &opened, LetterKind::StatementReceipt));
            sealed.map_err(fault)?;
        }
        diesel::update(waiting_statements::table.find(number))
            .set((
                waiting_statements::state.eq(state.as_str()),
                waiting_statements::decided_at.eq(Some(site.now().millis())),
                waiting_statements::decided_by.eq(Some(&actor.name)),
                waiting_statements::note.eq(Some(note.clone())),
            ))
            .execute(&mut **write)?;
        audit::record(
            write,
            &Act {
                at: site.now(),
                actor,
                action,
                object: number,
                outcome: "done",
                before: WaitingState::Waiting.as_str(),
                after: &note,
            },
        )?;
        objection::raise(write, site, number)?;
        if verdict == Verdict::Accept {
            look_again(write, site, &stated.document.subscription)?;
        }
        Ok(())
    })?;
    site.nudge();
    Ok(())
}

/// Keeping what was judged refuses nothing.
fn fault(failure: Failure<LetterRefusal>) -> Failure<DecisionRefusal> {
    match failure {
        Failure::Fault(fault) => Failure::Fault(fault),
        Failure::Refused(refusal) => Failure::Fault(Fault::corrupt("waiting_statements", refusal)),
    }
}

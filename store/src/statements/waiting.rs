//! Statements that differ from what this node derives. Each waits with its difference, for what may
//! still be on its way (an earlier statement, a usage report) or for a person of finance, who
//! stands by it or declines it. Nothing of it is countersigned or shown as a bill before.

use diesel::prelude::*;
use lianshi_market::{
    close::{Difference, StatementDocument, WaitingState},
    subscription::Side,
};
use lianshi_registry::{id::NodeName, refusal::Refusal, time::Timestamp};

use super::{
    Claim, LetterKind, LetterRefusal, StatementState, agreed,
    letter::LETTER_VERSION,
    objection,
    receive::{Opened, Outcome, Stated, answer, record, refuse, stand_by},
};
use crate::{
    Failure, Fault, Read, Site, Write,
    schema::{statements, waiting_statements},
};

/// Waiting statements listed at once: more than an office reads through before it asks why.
pub const WAITING_MAX: i64 = 200;

/// A statement that differed, as finance sees it.
#[derive(Debug, Clone)]
pub struct WaitingStatement {
    /// The statement as the provider sealed it.
    pub document: StatementDocument,
    /// Where it differs from what this node derives.
    pub difference: Difference,
    /// Where it stands.
    pub state: WaitingState,
    /// When it came.
    pub received_at: Timestamp,
    /// Who decided, when and why; `None` while it waits.
    pub decision: Option<Decision>,
}

/// What a person decided of a statement that differed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: String,
    /// Why, in that person's words.
    pub note: String,
}

fn parsed<T, E: std::fmt::Display>(outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|error| Fault::corrupt("waiting_statements", error))
}

/// The columns of a waiting statement.
#[derive(Queryable, Selectable)]
#[diesel(table_name = waiting_statements)]
pub(super) struct WaitingRow {
    state: String,
    provider_node: String,
    document: String,
    statement_hash: Vec<u8>,
    sealed: Vec<u8>,
    sealed_at: i64,
    received_at: i64,
    difference: String,
    decided_at: Option<i64>,
    decided_by: Option<String>,
    note: Option<String>,
}

impl WaitingRow {
    pub(super) fn state(&self) -> Result<WaitingState, Fault> {
        WaitingState::parse(&self.state)
            .ok_or_else(|| Fault::corrupt("waiting_statements", &self.state))
    }

    fn view(self) -> Result<WaitingStatement, Fault> {
        let decision = match (self.decided_at, self.decided_by.clone(), self.note.clone()) {
            (Some(at), Some(by), Some(note)) => {
                Some(Decision { at: Timestamp::from_millis(at), by, note })
            }
            _ => None,
        };
        Ok(WaitingStatement {
            state: self.state()?,
            received_at: Timestamp::from_millis(self.received_at),
            difference: parsed(serde_json::from_str(&self.difference))?,
            document: parsed(StatementDocument::read(self.document.as_bytes()))?,
            decision,
        })
    }

    /// The letter it came by, whose seal was checked then.
    pub(super) fn letter(self) -> Result<(Opened, Stated), Fault> {
        let document = parsed(StatementDocument::read(self.document.as_bytes()))?;
        let hash = document.seal_text().1;
        if self.statement_hash != hash {
            return Err(Fault::corrupt("waiting_statements", &document.number));
        }
        let claim = Claim {
            v: LETTER_VERSION,
            id: document.number.clone(),
            hash: hex::encode(hash),
            at: Timestamp::from_millis(self.sealed_at),
        };
        let opened = Opened {
            from: parsed(NodeName::parse(&self.provider_node))?,
            kind: LetterKind::Statement,
            claim,
            document: self.document,
            sealed: self.sealed,
        };
        Ok((opened, Stated { document, hash }))
    }
}

/// Statements that wait for a person, those that wait longest first.
pub fn waiting(read: &mut Read<'_>) -> Result<Vec<WaitingStatement>, Fault> {
    let rows: Vec<WaitingRow> = waiting_statements::table
        .filter(waiting_statements::state.eq(WaitingState::Waiting.as_str()))
        .order((waiting_statements::received_at.asc(), waiting_statements::number.asc()))
        .limit(WAITING_MAX)
        .select(WaitingRow::as_select())
        .load(&mut **read)?;
    rows.into_iter().map(WaitingRow::view).collect()
}

/// How many wait.
pub fn waiting_count(read: &mut Read<'_>) -> Result<i64, Fault> {
    Ok(waiting_statements::table
        .filter(waiting_statements::state.eq(WaitingState::Waiting.as_str()))
        .count()
        .get_result(&mut **read)?)
}

/// How a statement of this number differed and what was decided; `None` where it never did.
pub fn decided_of(read: &mut Read<'_>, number: &str) -> Result<Option<WaitingStatement>, Fault> {
    row(read, number)?.map(WaitingRow::view).transpose()
}

pub(super) fn row(read: &mut Read<'_>, number: &str) -> Result<Option<WaitingRow>, Fault> {
    Ok(waiting_statements::table
        .find(number)
        .select(WaitingRow::as_select())
        .first(&mut **read)
        .optional()?)
}

/// What comes of holding a statement against what is held here.
pub(super) enum Judged {
    /// It is what this node derives.
    Fits,
    /// It differs and waits, or a person declined it.
    Differs {
        /// In another way than was told before.
        anew: bool,
    },
}

/// Whether this node stands by a statement that came. One that differs is kept to wait; one that
/// contradicts the agreement is refused.
pub(super) fn judge(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    stated: &Stated,
) -> Outcome<Judged> {
    let number = &stated.document.number;
    if is_taken(write, &stated.document)? || waits_another(write, &stated.document)? {
        return refuse(LetterRefusal::Conflict(number.clone()));
    }
    if let Some(known) = row(&mut write.as_read(), number)? {
        if known.statement_hash != stated.hash {
            return refuse(LetterRefusal::Conflict(number.clone()));
        }
        if known.state()? == WaitingState::Declined {
            return Ok(Judged::Differs { anew: false });
        }
    }
    match agreed::compare(write, site, &stated.document)? {
        Ok(()) => {
            forget(write, number)?;
            record(write, site, "statement.receive", number, &opened.claim.hash)?;
            Ok(Judged::Fits)
        }
        Err(difference) if difference.is_for_a_person() => {
            let anew = wait(write, site, opened, (stated, &difference))?;
            Ok(Judged::Differs { anew })
        }
        Err(difference) => refuse(LetterRefusal::Differs { number: number.clone(), difference }),
    }
}

/// This node stood by a statement and forgot it: it is taken as it was.
pub(super) fn recall(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    stated: &Stated,
) -> Outcome<()> {
    let number = &stated.document.number;
    if is_taken(write, &stated.document)? {
        return refuse(LetterRefusal::Conflict(number.clone()));
    }
    forget(write, number)?;
    record(write, site, "statement.recall", number, &opened.claim.hash)
}

/// A statement of the subscription was taken for the period.
pub(super) fn is_taken(write: &mut Write<'_>, document: &StatementDocument) -> Result<bool, Fault> {
    let taken: i64 = statements::table
        .filter(statements::side.eq(Side::Home.as_str()))
        .filter(statements::period.eq(document.period.to_string()))
        .filter(statements::subscription.eq(&document.subscription))
        .count()
        .get_result(&mut **write)?;
    Ok(taken > 0)
}

/// Another statement of the subscription waits for the period: one is enough to decide about.
fn waits_another(write: &mut Write<'_>, document: &StatementDocument) -> Result<bool, Fault> {
    let others: i64 = waiting_statements::table
        .filter(waiting_statements::subscription.eq(&document.subscription))
        .filter(waiting_statements::state.eq(WaitingState::Waiting.as_str()))
        .filter(waiting_statements::period.eq(document.period.to_string()))
        .filter(waiting_statements::number.ne(&document.number))
        .count()
        .get_result(&mut **write)?;
    Ok(others > 0)
}

fn forget(write: &mut Write<'_>, number: &str) -> Result<(), Fault> {
    diesel::delete(waiting_statements::table.find(number)).execute(&mut **write)?;
    Ok(())
}

/// Keeps a statement to wait. Gives whether it differs otherwise than was known.
fn wait(
    write: &mut Write<'_>,
    site: &Site,
    opened: &Opened,
    (stated, difference): (&Stated, &Difference),
) -> Outcome<bool> {
    let document = &stated.document;
    let told = parsed(serde_json::to_string(difference))?;
    let before = row(&mut write.as_read(), &document.number)?;
    if let Some(before) = before {
        let anew = before.difference != told;
        if anew {
            diesel::update(waiting_statements::table.find(&document.number))
                .set(waiting_statements::difference.eq(told))
                .execute(&mut **write)?;
        }
        return Ok(anew);
    }
    diesel::insert_into(waiting_statements::table)
        .values((
            waiting_statements::number.eq(&document.number),
            waiting_statements::state.eq(WaitingState::Waiting.as_str()),
            waiting_statements::subscription.eq(&document.subscription),
            waiting_statements::period.eq(document.period.to_string()),
            waiting_statements::provider_node.eq(opened.from.as_str()),
            waiting_statements::document.eq(&opened.document),
            waiting_statements::statement_hash.eq(stated.hash.to_vec()),
            waiting_statements::sealed.eq(&opened.sealed),
            waiting_statements::sealed_at.eq(opened.claim.at.millis()),
            waiting_statements::received_at.eq(site.now().millis()),
            waiting_statements::difference.eq(told),
        ))
        .execute(&mut **write)?;
    record(write, site, "statement.wait", &document.number, difference.code())?;
    Ok(true)
}

/// Something that bears on a subscription arrived: its waiting statements are compared again, the
/// oldest month first, and those that fit now are taken.
pub(crate) fn look_again(
    write: &mut Write<'_>,
    site: &Site,
    subscription: &str,
) -> Result<(), Fault> {
    let rows: Vec<WaitingRow> = waiting_statements::table
        .filter(waiting_statements::subscription.eq(subscription))
        .filter(waiting_statements::state.eq(WaitingState::Waiting.as_str()))
        .order((waiting_statements::period.asc(), waiting_statements::number.asc()))
        .select(WaitingRow::as_select())
        .load(&mut **write)?;
    for row in rows {
        let (opened, stated) = row.letter()?;
        let number = stated.document.number.clone();
        let taken = judge(write, site, &opened, &stated).and_then(|judged| match judged {
            Judged::Fits => {
                stand_by(write, site, &opened, (&stated, StatementState::Checked))?;
                answer(write, site, &opened, LetterKind::StatementReceipt)
            }
            Judged::Differs { anew: true } => Ok(objection::raise(write, site, &number)?),
            Judged::Differs { anew: false } => Ok(()),
        });
        match taken {
            Ok(()) | Err(Failure::Refused(_)) => {}
            Err(Failure::Fault(fault)) => return Err(fault),
        }
    }
    Ok(())
}

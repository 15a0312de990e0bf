//! Terms that ran out. Nobody ended such a contract and no letter says that it is over, for both
//! sides know when; so its copy stays as the letters made it, which is what a restored side plays
//! again, a late letter meets and a late statement is rated by. Whoever asks for contracts in force
//! asks with the time and finds them by an index, and the audit trail is told once of each. A term
//! that is cut to a day in the past is told of by what cut it.

use diesel::prelude::*;
use lianshi_market::subscription::{Side, State};
use lianshi_registry::time::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    Fault, Read, Site, Write,
    audit::{self, Act, Actor},
    schema::subscriptions,
    setting,
};

/// Contracts told of in one transaction: a small part of a second, also on a day on which every
/// contract of an authorization ends.
const AT_ONCE: i64 = 200;

/// How far one side's contracts were told of: by the end of the term, and of those that end
/// together by their ids.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Told {
    ends_at: Timestamp,
    id: String,
}

/// Row of `node_state` for a side.
const fn row(side: Side) -> &'static str {
    match side {
        Side::Home => "terms.told.home",
        Side::Provider => "terms.told.provider",
    }
}

/// Tells the audit trail of contracts whose term ran out since it was asked last; a job calls it
/// now and then. Terms that ran out before the first time are not told of. Gives how many were.
pub fn tell_ended(site: &Site) -> Result<usize, Fault> {
    let mut told = 0;
    for side in [Side::Home, Side::Provider] {
        loop {
            let some = site.db.write(|write| tell_some(write, site, side))?;
            told += some;
            if some == 0 {
                break;
            }
        }
    }
    Ok(told)
}

fn tell_some(write: &mut Write<'_>, site: &Site, side: Side) -> Result<usize, Fault> {
    let now = site.now();
    let told: Option<Told> = setting::read(&mut write.as_read(), row(side))?;
    let Some(told) = told else {
        let first = Told { ends_at: now, id: String::new() };
        return setting::write(write, row(side), &first).map(|()| 0);
    };
    let ended = ended_after(&mut write.as_read(), (side, &told), now)?;
    let Some(last) = ended.last() else { return Ok(0) };
    for Told { id, .. } in &ended {
        audit::record(
            write,
            &Act {
                at: now,
                actor: &Actor::node(),
                action: "subscription.term_ended",
                object: id,
                outcome: "done",
                before: State::Finalized.as_str(),
                after: "expired",
            },
        )?;
    }
    setting::write(write, row(side), last)?;
    Ok(ended.len())
}

/// The next contracts whose term is over.
fn ended_after(
    read: &mut Read<'_>,
    (side, told): (Side, &Told),
    now: Timestamp,
) -> Result<Vec<Told>, Fault> {
    let finalized = subscriptions::table
        .filter(subscriptions::side.eq(side.as_str()))
        .filter(subscriptions::state.eq(State::Finalized.as_str()))
        .order((subscriptions::ends_at.asc(), subscriptions::id.asc()))
        .limit(AT_ONCE)
        .select((subscriptions::ends_at.assume_not_null(), subscriptions::id));
    let at = told.ends_at.millis();
    let together = finalized
        .filter(subscriptions::ends_at.eq(at).and(subscriptions::ends_at.le(now.millis())))
        .filter(subscriptions::id.gt(&told.id));
    let mut ended: Vec<(i64, String)> = together.load(&mut **read)?;
    if ended.is_empty() {
        let later = subscriptions::ends_at.gt(at).and(subscriptions::ends_at.le(now.millis()));
        ended = finalized.filter(later).load(&mut **read)?;
    }
    let told = |(ends_at, id)| Told { ends_at: Timestamp::from_millis(ends_at), id };
    Ok(ended.into_iter().map(told).collect())
}

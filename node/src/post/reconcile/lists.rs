//! Lists that are asked for part by part and may be long: how often this node said that it was
//! called, and what another divided with its parties. What was told stays taken, so a later attempt
//! goes on behind it. A node of an older program refuses such a question and cannot tell, which
//! holds nobody up.

use lianshi_market::{
    correspondence::{Divisions, Question, Reports},
    subscription::SubscriptionId,
};
use lianshi_registry::id::NodeName;
use lianshi_store::{
    Site, statements,
    subscriptions::correspondence::{self, NotTaken, Told},
    usage,
};
use serde::de::DeserializeOwned;

use super::{Unasked, on_site, question};
use crate::net::{NetError, NetHandle};

/// How often a part is asked for again that cannot be judged yet: with the pauses between, about
/// ten minutes, in which a catalog that was behind has come.
const PUT_OFF_MAX: u32 = 20;

/// How far a node has told its lists.
#[derive(Default)]
pub(super) struct Far {
    counted: Option<SubscriptionId>,
    counts_told: bool,
    divided: Option<(i64, u64)>,
    divisions_told: bool,
    put_off: u32,
}

impl Far {
    /// Documents cannot be judged yet: which of them are asked for again for which reason, unless
    /// it was often enough.
    pub(super) fn ask_again(&mut self, not_yet: &NotTaken) -> Result<(), Unasked> {
        let Some((object, code)) = not_yet.first() else { return Ok(()) };
        self.put_off += 1;
        if self.put_off < PUT_OFF_MAX {
            return Err(Unasked::NotYet(format!("{object}: {code}")));
        }
        Ok(())
    }
}

/// What could not be judged in time is listed for a person.
pub(super) async fn leave_out(
    site: &Site,
    node: &NodeName,
    (told, not_taken): (Told, NotTaken),
) -> Result<(), Unasked> {
    let node = node.clone();
    Ok(on_site(site, move |site| correspondence::leave_out(site, &node, (told, &not_taken)))
        .await?)
}

/// Asks a question that a node of an older program does not know; `None` where it does not.
async fn newer_question<T: DeserializeOwned>(
    net: &NetHandle,
    node: &NodeName,
    asked: &Question,
) -> Result<Option<T>, Unasked> {
    match question::<T>(net, node, asked).await {
        Err(Unasked::Net(NetError::Refused(reason)))
            if correspondence::is_unknown_question(&reason) =>
        {
            tracing::warn!(%node, ?asked, "it runs an older program and cannot tell");
            Ok(None)
        }
        told => told.map(Some),
    }
}

/// Asks how often this node said that it was called, and counts again what it forgot. Whether it
/// could be told is written down.
pub(super) async fn counts(
    site: &Site,
    net: &NetHandle,
    (node, far): (&NodeName, &mut Far),
) -> Result<(), Unasked> {
    while !far.counts_told {
        let asked = Question::Counts { after: far.counted.clone() };
        let Some(told) = newer_question::<Reports>(net, node, &asked).await? else {
            return counted(site, node, false).await;
        };
        let ids = far.counted.iter().chain(told.reports.iter().map(|one| &one.process));
        let is_onward = ids.is_sorted_by(|one, next| one < next);
        if !is_onward || told.more && told.reports.is_empty() {
            return Err(Unasked::Unread("its list of usage reports does not go on".to_owned()));
        }
        let (to, last) = (node.clone(), told.reports.last().map(|last| last.process.clone()));
        let more = told.more;
        on_site(site, move |site| usage::take_reports(site, &to, &told)).await?;
        far.counted = last.or(far.counted.take());
        far.counts_told = !more;
    }
    counted(site, node, true).await
}

async fn counted(site: &Site, node: &NodeName, could_tell: bool) -> Result<(), Unasked> {
    let node = node.clone();
    let written = on_site(site, move |site| {
        site.db.write(|write| correspondence::counted(write, site, (&node, could_tell)))
    });
    Ok(written.await?)
}

/// Asks what a node divided with parties of this one, takes what was forgotten, and sends it again
/// what this node divided and has no receipt for.
pub(super) async fn divisions(
    site: &Site,
    net: &NetHandle,
    (node, far): (&NodeName, &mut Far),
) -> Result<(), Unasked> {
    while !far.divisions_told {
        let place = far.divided.unwrap_or((i64::MIN, 0));
        let asked = Question::Divisions { since_ms: place.0, skip: place.1 };
        let Some(told) = newer_question::<Divisions>(net, node, &asked).await? else { break };
        let made = told.divisions.iter().map(|one| one.made_ms);
        let is_onward = [place.0].into_iter().chain(made).is_sorted();
        if !is_onward || told.next.is_some_and(|next| next <= place) {
            return Err(Unasked::Unread("its list of divisions does not go on".to_owned()));
        }
        let (to, next) = (node.clone(), told.next);
        let taken = on_site(site, move |site| statements::take_divisions(site, &to, &told));
        let not_yet = taken.await?;
        far.ask_again(&not_yet)?;
        leave_out(site, node, (Told::Division, not_yet)).await?;
        far.divided = next;
        far.divisions_told = next.is_none();
    }
    let to = node.clone();
    Ok(on_site(site, move |site| statements::send_divisions_again(site, &to)).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_judged_is_asked_for_again_a_bounded_number_of_times() {
        let (mut far, none) = (Far::default(), NotTaken::new());
        let late = vec![("ST-1".to_owned(), "statement.unknown_subscription")];
        for _ in 1..PUT_OFF_MAX {
            assert!(far.ask_again(&none).is_ok());
            let again = far.ask_again(&late);
            let why = "ST-1: statement.unknown_subscription";
            assert!(matches!(again, Err(Unasked::NotYet(said)) if said == why));
        }
        assert!(far.ask_again(&late).is_ok(), "it holds nobody up for ever");
    }
}

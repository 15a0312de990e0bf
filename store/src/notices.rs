//! Notices: what people and programs outside the federation hear of, by e-mail and webhook. A
//! notice is an outbox row written in the transaction that decides what it tells; the serving node
//! takes it apart into one row for each mailbox and webhook, each of which is tried until it is
//! taken, or set aside where a person sees it.

use diesel::prelude::*;
use lianshi_market::{
    negotiation::Process,
    subscription::{Side, State},
};
use lianshi_registry::{
    entry::Texts,
    id::{NodeName, RegistrationNumber},
    time::Timestamp,
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    Fault, Site, Write,
    accounts::{Audience, Mailbox, Role, mailboxes_of},
    outbox::{self, OutboxRow},
    schema::{outbox as outbox_rows, parked_letters},
    setting,
};

/// The target of rows that nobody has taken apart yet. No node is called so.
pub const NOTICES: &str = "@notices";
/// The target of e-mail: one for all mailboxes, for they are reached by one server.
pub const MAIL: &str = "@mail";
/// The targets of all notices, as a pattern. No node is called so.
pub(crate) const OUTSIDE: &str = "@%";
/// The targets of webhooks begin so; the name of one follows.
const WEBHOOK: &str = "@webhook/";
/// Kind of the outbox rows of this room.
pub const KIND: &str = "notice";
/// How long an e-mail or a call of a webhook is tried, in milliseconds: a long weekend, after which
/// whoever is responsible decides.
pub const LIFE_MS: i64 = 4 * 86_400_000;
/// The code of a notice that nobody took in time.
pub const UNDELIVERED: &str = "notice.undelivered";
/// The code of an address or a webhook that will never take one.
pub const REFUSED: &str = "notice.refused";
/// Notices of parked letters are at least so far apart for each node: a thousand refused at once
/// are one piece of news.
const PARKED_PAUSE_MS: i64 = 3_600_000;
/// Whom a test is for: an address that is nobody's.
const NOBODY: &str = "test";
/// Version of what is told to programs.
pub const NOTICE_VERSION: u32 = 1;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "data")]
pub enum Notice {
    /// The other side of a subscription did something: asked, offered, agreed, refused, ended.
    #[serde(rename = "subscription.changed")]
    SubscriptionChanged {
        /// The subscription.
        subscription: String,
        /// Whose copy changed: `home` for the enterprise's node, `provider` for the product's.
        side: String,
        /// `requested`, `offered`, `finalized`, `terminated` or `ended`.
        state: String,
        /// The product.
        product: RegistrationNumber,
        /// Its name.
        product_name: Texts,
        /// Unified social credit code of the organization it is told to.
        organization: String,
    },
    /// Another node refused a letter for good; a person has to look.
    #[serde(rename = "letter.parked")]
    LetterParked {
        /// What the letter is about: `statement`, ….
        kind: String,
        /// The node that refused it.
        node: NodeName,
        /// Its code.
        code: String,
    },
    /// Somebody tries whether notices arrive.
    #[serde(rename = "notice.test")]
    Test {
        /// The node that sends it.
        node: NodeName,
    },
}

/// A notice with its id and time, as it waits and as programs get it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dated {
    /// [`NOTICE_VERSION`].
    pub v: u32,
    /// The same for every repeat.
    pub id: String,
    /// When what it tells happened.
    pub timestamp: Timestamp,
    /// What is told.
    #[serde(flatten)]
    pub notice: Notice,
}

/// An e-mail that waits: to whom, and what is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mail {
    /// The address.
    pub to: String,
    /// What is told.
    pub notice: Dated,
}

/// The target of a webhook.
pub fn webhook_target(name: &str) -> String {
    format!("{WEBHOOK}{name}")
}

/// The name of the webhook that a target is; `None` where it is none.
pub fn webhook_of(target: &str) -> Option<&str> {
    target.strip_prefix(WEBHOOK)
}

/// Whether an outbox row is for somebody outside the federation.
pub fn is_outside(target: &str) -> bool {
    target.starts_with('@')
}

fn row(
    id: &str,
    target: &str,
    payload: &impl Serialize,
    now: Timestamp,
) -> Result<OutboxRow, Fault> {
    let payload = serde_json::to_vec(payload).map_err(|e| Fault::corrupt("outbox", e))?;
    Ok(OutboxRow::new(KIND, (id, id), target, (payload, now)))
}

/// Writes a notice down. One of the same key and second stands for both.
fn announce(write: &mut Write<'_>, site: &Site, key: &str, notice: Notice) -> Result<Dated, Fault> {
    let timestamp = site.now();
    let digest = hex::encode(Sha256::digest(format!("{}/{key}/{timestamp}", site.node)));
    let id = format!("msg_{}", digest.get(..32).unwrap_or(&digest));
    let dated = Dated { v: NOTICE_VERSION, id, timestamp, notice };
    let waiting = row(&format!("notice/{}", dated.id), NOTICES, &dated, timestamp)?;
    outbox::enqueue(write, &waiting)?;
    Ok(dated)
}

/// The other side of a subscription brought it from one state into another.
pub(crate) fn subscription_changed(
    write: &mut Write<'_>,
    site: &Site,
    (process, before): (&Process, Option<State>),
) -> Result<(), Fault> {
    let is_told = match process.state {
        State::Requested => process.side == Side::Provider,
        State::Offered | State::Finalized => process.side == Side::Home,
        State::Terminated | State::Ended => true,
        State::Accepted | State::Agreed | State::Verified => false,
    };
    if !is_told || before == Some(process.state) {
        return Ok(());
    }
    let request = &process.request;
    let organization = match process.side {
        Side::Home => request.buyer.to_string(),
        Side::Provider => request.operator.to_string(),
    };
    let (id, side, state) = (process.id.as_str(), process.side.as_str(), process.state.as_str());
    let notice = Notice::SubscriptionChanged {
        subscription: id.to_owned(),
        side: side.to_owned(),
        state: state.to_owned(),
        product: request.product.clone(),
        product_name: request.product_name.clone(),
        organization,
    };
    announce(write, site, &format!("subscription/{id}/{side}/{state}"), notice).map(drop)
}

/// A letter was set aside.
pub(crate) fn letter_parked(
    write: &mut Write<'_>,
    site: &Site,
    letter: &OutboxRow,
    code: &str,
) -> Result<(), Fault> {
    // Whoever hears by these ways would not hear that they fail.
    let Ok(node) = NodeName::parse(&letter.target) else { return Ok(()) };
    let (now, told) = (site.now(), format!("notice.parked.{node}"));
    let last: Option<Timestamp> = setting::read(&mut write.as_read(), &told)?;
    // A clock that was set back must not keep it quiet.
    let is_news = last.is_none_or(|last| {
        let since = now.millis().saturating_sub(last.millis());
        !(0..PARKED_PAUSE_MS).contains(&since)
    });
    if !is_news {
        return Ok(());
    }
    setting::write(write, &told, &now)?;
    let key = format!("parked/{node}");
    let notice = Notice::LetterParked { kind: letter.kind.clone(), node, code: code.to_owned() };
    announce(write, site, &key, notice).map(drop)
}

/// Tries whether notices arrive: at every webhook, and at a mailbox.
pub fn try_out(site: &Site, mailbox: Option<&Mailbox>) -> Result<(), Fault> {
    site.db.write(|write| {
        let now = site.now();
        let notice = Notice::Test { node: site.node.clone() };
        let dated = announce(write, site, &format!("test/{}", now.millis()), notice)?;
        mailbox.map_or(Ok(()), |mailbox| send_mail(write, (&dated, NOBODY, mailbox), now))
    })?;
    site.nudge();
    Ok(())
}

/// Takes back what has not left for a person who took an address back.
pub(crate) fn withdraw(write: &mut Write<'_>, user_id: &str) -> Result<(), Fault> {
    let ending = format!("%/{user_id}");
    let waits = outbox_rows::target.eq(MAIL).and(outbox_rows::id.like(&ending));
    diesel::delete(outbox_rows::table.filter(waits)).execute(&mut **write)?;
    let is_parked = parked_letters::target.eq(MAIL).and(parked_letters::id.like(&ending));
    diesel::delete(parked_letters::table.filter(is_parked)).execute(&mut **write)?;
    Ok(())
}

/// Puts one e-mail on its way. Its id says whom it is for by the person's id and not by the
/// address, for ids are logged.
fn send_mail(
    write: &mut Write<'_>,
    (notice, person, to): (&Dated, &str, &Mailbox),
    now: Timestamp,
) -> Result<(), Fault> {
    let id = format!("mail/{}/{person}", notice.id);
    let mail = Mail { to: to.to_string(), notice: notice.clone() };
    outbox::enqueue(write, &row(&id, MAIL, &mail, now)?)?;
    Ok(())
}

/// Takes a waiting notice apart: one row for each mailbox that is told and for each of these
/// webhooks, in the transaction that takes the notice away.
pub fn spread(site: &Site, waiting: &OutboxRow, webhooks: &[String]) -> Result<(), Fault> {
    let notice: Dated = serde_json::from_slice(&waiting.payload)
        .map_err(|error| Fault::corrupt("outbox", format!("{}: {error}", waiting.id)))?;
    site.db.write(|write| {
        let now = site.now();
        for (person, mailbox) in told(write, &notice.notice)? {
            send_mail(write, (&notice, &person, &mailbox), now)?;
        }
        for name in webhooks {
            let id = format!("webhook/{}/{name}", notice.id);
            outbox::enqueue(write, &row(&id, &webhook_target(name), &notice, now)?)?;
        }
        outbox::done(write, &waiting.id)
    })
}

/// Those who are told, by their ids, and their mailboxes.
fn told(write: &mut Write<'_>, notice: &Notice) -> Result<Vec<(String, Mailbox)>, Fault> {
    let read = &mut write.as_read();
    match notice {
        Notice::SubscriptionChanged { side, organization, .. } => {
            let organization =
                Uscc::known(organization).map_err(|error| Fault::corrupt("outbox", error))?;
            let role = if side == Side::Home.as_str() { Role::Buyer } else { Role::Provider };
            mailboxes_of(read, Audience::Organization(&organization, role))
        }
        // Whoever the list of parked letters is for.
        Notice::LetterParked { .. } => {
            mailboxes_of(read, Audience::Node(&[Role::NodeAdmin, Role::Finance]))
        }
        Notice::Test { .. } => Ok(Vec::new()),
    }
}

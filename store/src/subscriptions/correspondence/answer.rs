//! What another node is told when it asks: of the processes, statements and usage it is a party of,
//! and of no others.

use std::collections::BTreeMap;

use diesel::prelude::*;
use lianshi_market::{
    correspondence::{
        LETTERS_BYTES, Letters, Question, STANDINGS_MAX, Standing, Standings, digest,
    },
    subscription::{Side, SubscriptionId},
};
use lianshi_registry::{id::NodeName, json, refusal::Refusal};
use serde::Serialize;

use crate::{
    Failure, Fault, Read, Site,
    schema::{sealed_messages, subscriptions},
    statements,
    subscriptions::post::{IN, OUT},
    usage,
};

/// Messages looked at together for one answer: of the largest ones, sixteen MiB.
const LETTERS_AT_ONCE: i64 = 32;

/// Greater than every id of a subscription, whatever a database thinks of punctuation: their last
/// letter, once more than they have.
const PAST_EVERY_ID: &str = "S-zzzzzzzzzzzzzzzzzzzzzzzzzzz";

/// Why a question is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QuestionRefusal {
    /// Not the JSON of a question.
    #[error("{UNREAD}: {0}")]
    Malformed(String),
}

/// How the refusal of a question begins that the node asked cannot read. On the link it is all
/// there is of it.
const UNREAD: &str = "the question does not read";

/// Whether what a node refused a question with says that it does not know the question, as an older
/// program does not.
pub fn is_unknown_question(reason: &str) -> bool {
    reason.starts_with(UNREAD)
}

impl Refusal for QuestionRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::Malformed(_) => "correspondence.malformed",
        }
    }
}

/// Answers a question of a node, as JSON.
pub fn answer(
    site: &Site,
    from: &NodeName,
    question: &[u8],
) -> Result<Vec<u8>, Failure<QuestionRefusal>> {
    let question: Question = json::read(question)
        .map_err(|error| Failure::Refused(QuestionRefusal::Malformed(error.to_string())))?;
    let told = site.db.read(|read| match &question {
        Question::Standings { after } => to_bytes(&standings(read, from, after.as_ref())?),
        Question::Letters { process, skip } => to_bytes(&letters(read, from, (process, *skip))?),
        Question::Months => to_bytes(&statements::months(read, from)?),
        Question::Papers { of, period, after } => {
            to_bytes(&statements::papers(read, from, (*of, *period, after.as_deref()))?)
        }
        Question::Divisions { since_ms, skip } => {
            to_bytes(&statements::divisions(read, from, (*since_ms, *skip))?)
        }
        Question::Counts { after } => to_bytes(&usage::reports(read, from, after.as_ref())?),
    })?;
    if matches!(question, Question::Standings { after: None }) {
        // Who begins to ask was restored, and may have forgotten what it was reported. A node that
        // cannot write now can answer all the same.
        let noted = site.db.write(|write| usage::report_anew_asked(write, site, from));
        if let Err(error) = noted {
            tracing::warn!(%from, %error, "counts are not reported again yet");
        }
    }
    Ok(told)
}

fn to_bytes(answer: &impl Serialize) -> Result<Vec<u8>, Fault> {
    serde_json::to_vec(answer).map_err(|error| Fault::corrupt("sealed_messages", error))
}

/// One copy's process, side and counters.
pub(super) type Copy = (String, String, i64, i64);

/// Copies of processes with a node, in their order: those after one, up to another.
pub(super) fn copies(
    read: &mut Read<'_>,
    node: &NodeName,
    ((after, until), limit): ((&str, Option<&str>), i64),
) -> Result<Vec<Copy>, Fault> {
    let until = until.unwrap_or(PAST_EVERY_ID);
    let with_provider = subscriptions::table
        .filter(subscriptions::side.eq(Side::Home.as_str()))
        .filter(subscriptions::provider_node.eq(node.as_str()))
        .filter(subscriptions::id.gt(after))
        .filter(subscriptions::id.le(until))
        .order(subscriptions::id.asc())
        .limit(limit);
    let with_home = subscriptions::table
        .filter(subscriptions::side.eq(Side::Provider.as_str()))
        .filter(subscriptions::home_node.eq(node.as_str()))
        .filter(subscriptions::id.gt(after))
        .filter(subscriptions::id.le(until))
        .order(subscriptions::id.asc())
        .limit(limit);
    let columns = (
        subscriptions::id,
        subscriptions::side,
        subscriptions::sent_seq,
        subscriptions::received_seq,
    );
    let mut copies: Vec<Copy> = with_provider.select(columns).load(&mut **read)?;
    copies.extend(with_home.select(columns).load::<Copy>(&mut **read)?);
    copies.sort();
    copies.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    Ok(copies)
}

/// The hashes of the messages of some processes, in the order of their sequence.
pub(super) struct Hashes(BTreeMap<[String; 3], Vec<String>>);

impl Hashes {
    pub(super) fn of(read: &mut Read<'_>, copies: &[Copy]) -> Result<Self, Fault> {
        let processes = copies.iter().map(|(process, ..)| process);
        let rows: Vec<(String, String, String, String)> = sealed_messages::table
            .filter(sealed_messages::process.eq_any(processes))
            .filter(sealed_messages::direction.eq_any([OUT, IN]))
            .order(sealed_messages::seq.asc())
            .select((
                sealed_messages::process,
                sealed_messages::side,
                sealed_messages::direction,
                sealed_messages::id,
            ))
            .load(&mut **read)?;
        let mut hashes: BTreeMap<_, Vec<String>> = BTreeMap::new();
        for (process, side, direction, id) in rows {
            let hash = id.rsplit('/').next().unwrap_or_default().to_owned();
            hashes.entry([process, side, direction]).or_default().push(hash);
        }
        Ok(Self(hashes))
    }

    /// Digest of the first messages that a copy said ([`OUT`]) or heard ([`IN`]).
    pub(super) fn digest(&self, copy: &Copy, direction: &str, first: u64) -> String {
        let key = [&copy.0, &copy.1, direction].map(str::to_owned);
        let hashes = self.0.get(&key).map(Vec::as_slice).unwrap_or_default();
        let first = usize::try_from(first).unwrap_or(usize::MAX);
        digest(hashes.iter().take(first).map(String::as_str))
    }
}

fn standings(
    read: &mut Read<'_>,
    from: &NodeName,
    after: Option<&SubscriptionId>,
) -> Result<Standings, Fault> {
    let limit = i64::try_from(STANDINGS_MAX).unwrap_or(i64::MAX);
    let after = after.map(SubscriptionId::as_str).unwrap_or_default();
    let mut found = copies(read, from, ((after, None), limit.saturating_add(1)))?;
    let more = found.len() > STANDINGS_MAX;
    found.truncate(STANDINGS_MAX);
    let hashes = Hashes::of(read, &found)?;
    let corrupt = |what: String| Fault::corrupt("subscriptions", what);
    let standings = found.iter().map(|copy| {
        let (process, side, sent, received) = copy;
        let count = |count: i64| u64::try_from(count).map_err(|e| corrupt(e.to_string()));
        let (sent, received) = (count(*sent)?, count(*received)?);
        Ok(Standing {
            process: SubscriptionId::parse(process).map_err(|e| corrupt(e.to_string()))?,
            side: Side::parse(side).ok_or_else(|| corrupt(side.clone()))?,
            sent,
            received,
            said: hashes.digest(copy, OUT, sent),
            heard: hashes.digest(copy, IN, received),
        })
    });
    Ok(Standings { standings: standings.collect::<Result<_, Fault>>()?, more })
}

fn letters(
    read: &mut Read<'_>,
    from: &NodeName,
    (process, skip): (&SubscriptionId, u64),
) -> Result<Letters, Fault> {
    let side: Option<String> = subscriptions::table
        .filter(subscriptions::id.eq(process.as_str()))
        .filter(
            (subscriptions::side.eq(Side::Home.as_str()))
                .and(subscriptions::provider_node.eq(from.as_str()))
                .or((subscriptions::side.eq(Side::Provider.as_str()))
                    .and(subscriptions::home_node.eq(from.as_str()))),
        )
        .select(subscriptions::side)
        .first(&mut **read)
        .optional()?;
    let mut told = Letters { letters: Vec::new(), more: false };
    let Some(side) = side else { return Ok(told) };
    let mut at = i64::try_from(skip).unwrap_or(i64::MAX);
    let mut size_bytes = 0;
    loop {
        let some: Vec<Vec<u8>> = sealed_messages::table
            .filter(sealed_messages::process.eq(process.as_str()))
            .filter(sealed_messages::side.eq(&side))
            .filter(sealed_messages::direction.eq_any([OUT, IN]))
            .order(sealed_messages::place.asc())
            .offset(at)
            .limit(LETTERS_AT_ONCE)
            .select(sealed_messages::bytes)
            .load(&mut **read)?;
        if some.is_empty() {
            return Ok(told);
        }
        for bytes in some {
            if size_bytes >= LETTERS_BYTES {
                told.more = true;
                return Ok(told);
            }
            size_bytes += bytes.len();
            at = at.saturating_add(1);
            let text = String::from_utf8(bytes);
            told.letters.push(text.map_err(|error| Fault::corrupt("sealed_messages", error))?);
        }
    }
}

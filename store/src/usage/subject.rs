//! What was asked about. A subject is kept as a hash under a secret of the month, so that nobody
//! who holds the rows can try names and numbers against them; secret and rows go together when the
//! month is over.

use std::collections::BTreeMap;

use diesel::prelude::*;
use hmac::{Hmac, KeyInit as _, Mac as _};
use lianshi_registry::time::{Period, Timestamp};
use sha2::Sha256;

use super::{FORGOTTEN_AT_ONCE, buyer::BuyerKey, meter::SubjectClaim};
use crate::{
    db::Write,
    fault::Fault,
    schema::{asked_subjects, subject_secrets},
};

/// Bytes of a month's secret: the block a hash of 256 bits cannot be searched through.
const SECRET_BYTES: usize = 32;
/// How long after its end a month's subjects are kept: calls that were under way find them.
pub const SUBJECTS_KEPT_MS: i64 = 60_000;

/// The secrets a batch has met.
#[derive(Default)]
pub(super) struct Secrets(BTreeMap<Period, Vec<u8>>);

/// A subject one buyer asked about, as it is kept.
pub(super) struct Subject {
    hash: Vec<u8>,
    /// Failed comparisons of the month; `None` where it was not asked about before.
    pub known: Option<i64>,
}

impl Secrets {
    /// What is known of a subject; its hash is made with the secret of the month, which is made
    /// with the first subject of it.
    pub(super) fn subject(
        &mut self,
        write: &mut Write<'_>,
        key: &BuyerKey,
        claim: &SubjectClaim,
    ) -> Result<Subject, Fault> {
        let secret = match self.0.get(&key.period) {
            Some(secret) => secret.clone(),
            None => self.of_month(write, key.period)?,
        };
        let mut keyed = Hmac::<Sha256>::new_from_slice(&secret)
            .map_err(|error| Fault::corrupt("subject_secrets", error))?;
        keyed.update(&claim.hash);
        let hash = keyed.finalize().into_bytes().to_vec();
        let known = asked_subjects::table
            .filter(asked_subjects::period.eq(key.period.to_string()))
            .filter(asked_subjects::buyer.eq(&key.buyer))
            .filter(asked_subjects::product.eq(&key.product))
            .filter(asked_subjects::subject_hash.eq(&hash))
            .select(asked_subjects::mismatches)
            .first(&mut **write)
            .optional()?;
        Ok(Subject { hash, known })
    }

    fn of_month(&mut self, write: &mut Write<'_>, period: Period) -> Result<Vec<u8>, Fault> {
        let kept: Option<Vec<u8>> = subject_secrets::table
            .filter(subject_secrets::period.eq(period.to_string()))
            .select(subject_secrets::secret)
            .first(&mut **write)
            .optional()?;
        let secret = match kept {
            Some(secret) if secret.len() == SECRET_BYTES => secret,
            Some(_) => return Err(Fault::corrupt("subject_secrets", "a secret of another length")),
            None => make_secret(write, period)?,
        };
        self.0.insert(period, secret.clone());
        Ok(secret)
    }
}

fn make_secret(write: &mut Write<'_>, period: Period) -> Result<Vec<u8>, Fault> {
    let mut secret = vec![0; SECRET_BYTES];
    getrandom::fill(&mut secret).map_err(|error| Fault::Randomness(error.to_string()))?;
    diesel::insert_into(subject_secrets::table)
        .values((
            subject_secrets::period.eq(period.to_string()),
            subject_secrets::secret.eq(&secret),
        ))
        .execute(&mut **write)?;
    Ok(secret)
}

impl Subject {
    /// Keeps it, with one more failed comparison where there was one.
    pub(super) fn keep(
        &self,
        write: &mut Write<'_>,
        key: &BuyerKey,
        has_failed: bool,
    ) -> Result<(), Fault> {
        let failed = i64::from(has_failed);
        let Some(known) = self.known else {
            diesel::insert_into(asked_subjects::table)
                .values((
                    asked_subjects::period.eq(key.period.to_string()),
                    asked_subjects::buyer.eq(&key.buyer),
                    asked_subjects::product.eq(&key.product),
                    asked_subjects::subject_hash.eq(&self.hash),
                    asked_subjects::mismatches.eq(failed),
                ))
                .execute(&mut **write)?;
            return Ok(());
        };
        if has_failed {
            diesel::update(asked_subjects::table)
                .filter(asked_subjects::period.eq(key.period.to_string()))
                .filter(asked_subjects::buyer.eq(&key.buyer))
                .filter(asked_subjects::product.eq(&key.product))
                .filter(asked_subjects::subject_hash.eq(&self.hash))
                .set(asked_subjects::mismatches.eq(known.saturating_add(failed)))
                .execute(&mut **write)?;
        }
        Ok(())
    }
}

/// Forgets subjects of months that are over, at most [`FORGOTTEN_AT_ONCE`], and the secrets they
/// were kept under, which go first ([`in_parts`](super::in_parts)). A secret is overwritten before
/// its row goes, so that no free page of the file still holds it. Gives how many subjects went.
pub fn forget_subjects(write: &mut Write<'_>, now: Timestamp) -> Result<usize, Fault> {
    let first = now.plus_millis(-SUBJECTS_KEPT_MS).period().to_string();
    let over = subject_secrets::table.filter(subject_secrets::period.lt(&first));
    diesel::update(over)
        .set(subject_secrets::secret.eq(vec![0_u8; SECRET_BYTES]))
        .execute(&mut **write)?;
    diesel::delete(over).execute(&mut **write)?;
    let mut gone = 0;
    while gone < FORGOTTEN_AT_ONCE {
        match forget_some(write, &first, FORGOTTEN_AT_ONCE - gone)? {
            0 => break,
            some => gone += some,
        }
    }
    Ok(gone)
}

/// Forgets what one buyer asked of one product in the first month before `first`.
fn forget_some(write: &mut Write<'_>, first: &str, limit: usize) -> Result<usize, Fault> {
    let oldest: Option<(String, String, String)> = asked_subjects::table
        .filter(asked_subjects::period.lt(first))
        .order((
            asked_subjects::period.asc(),
            asked_subjects::buyer.asc(),
            asked_subjects::product.asc(),
        ))
        .select((asked_subjects::period, asked_subjects::buyer, asked_subjects::product))
        .first(&mut **write)
        .optional()?;
    let Some((period, buyer, product)) = oldest else { return Ok(0) };
    let of_buyer = asked_subjects::period
        .eq(period)
        .and(asked_subjects::buyer.eq(buyer))
        .and(asked_subjects::product.eq(product));
    let last: Option<Vec<u8>> = asked_subjects::table
        .filter(of_buyer.clone())
        .order(asked_subjects::subject_hash.asc())
        .offset(i64::try_from(limit.saturating_sub(1)).unwrap_or(i64::MAX))
        .select(asked_subjects::subject_hash)
        .first(&mut **write)
        .optional()?;
    let rows = asked_subjects::table.filter(of_buyer);
    Ok(match last {
        Some(last) => {
            diesel::delete(rows.filter(asked_subjects::subject_hash.le(last))).execute(&mut **write)
        }
        None => diesel::delete(rows).execute(&mut **write),
    }?)
}

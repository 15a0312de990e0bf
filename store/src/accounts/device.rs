//! Browsers that signed in before. Each has a secret for each person who did; with it that person
//! is let through while strangers guess at their login, from whatever address (OWASP's device
//! cookies). It opens nothing: the password is asked for, and guessing with it is slowed as well.

use diesel::prelude::*;
use lianshi_registry::time::Timestamp;

use super::secret::{hash_of, random_hex};
use crate::{Fault, Read, Write, schema::known_devices as table};

/// Days a browser is known without signing in again.
pub const DEVICE_DAYS: i64 = 180;
/// Browsers known of one person; the one not used for longest is forgotten.
pub const DEVICES_MAX: i64 = 10;

const DAY_MS: i64 = 86_400_000;

/// Whom the throttle slows when this browser guesses; `None` for one this person never signed in
/// from.
pub(super) fn subject(
    read: &mut Read<'_>,
    (secret, user_id): (&str, &str),
    now: Timestamp,
) -> Result<Option<String>, Fault> {
    let id_hash = hash_of(secret);
    let known: i64 = table::table
        .find(&id_hash)
        .filter(table::user_id.eq(user_id))
        .filter(table::seen_at.gt(now.plus_millis(-DEVICE_DAYS * DAY_MS).millis()))
        .count()
        .get_result(&mut **read)?;
    Ok((known > 0).then(|| format!("device:{}", hex::encode(id_hash))))
}

/// Makes a browser known and gives its new secret, for the cookie; the one it had is over.
pub(super) fn know(
    write: &mut Write<'_>,
    (old, user_id): (Option<&str>, &str),
    now: Timestamp,
) -> Result<String, Fault> {
    if let Some(old) = old {
        let own = table::table.find(hash_of(old)).filter(table::user_id.eq(user_id));
        diesel::delete(own).execute(&mut **write)?;
    }
    let secret = random_hex::<32>()?;
    diesel::insert_into(table::table)
        .values((
            table::id_hash.eq(hash_of(&secret)),
            table::user_id.eq(user_id),
            table::seen_at.eq(now.millis()),
        ))
        .execute(&mut **write)?;
    let over: Vec<Vec<u8>> = table::table
        .filter(table::user_id.eq(user_id))
        .order((table::seen_at.desc(), table::id_hash.asc()))
        .offset(DEVICES_MAX)
        .limit(DEVICES_MAX)
        .select(table::id_hash)
        .load(&mut **write)?;
    for id_hash in over {
        diesel::delete(table::table.find(id_hash)).execute(&mut **write)?;
    }
    Ok(secret)
}

/// Forgets those that were not used for long.
pub(super) fn sweep(write: &mut Write<'_>, now: Timestamp) -> Result<(), Fault> {
    let old = now.plus_millis(-DEVICE_DAYS * DAY_MS).millis();
    diesel::delete(table::table.filter(table::seen_at.le(old))).execute(&mut **write)?;
    Ok(())
}

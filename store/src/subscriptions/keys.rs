//! Access keys: made at the home node, told to the provider by hash, taken back by message. Both
//! sides keep the same rows; only the provider's open calls.

use diesel::prelude::*;
use lianshi_market::{
    agreement::Agreement,
    eligibility::SubscriptionRefusal,
    entitlement::{Entitlement, Standing},
    key::{KeyGrant, KeyHash, KeyState, KeyView, NEW_KEY_BYTES},
    message::KeyRevoked,
    negotiation::{Command, Effect, KeyOrder, Process, whole_seconds},
    subscription::{Contract, HeldUp, Side, State, SubscriptionId},
};
use lianshi_registry::time::Timestamp;

use super::{
    NewKey,
    act::{Done, finish, of_actor},
    correspondence, rows,
};
use crate::{
    Site,
    audit::Actor,
    db::{Failure, Read, Write},
    dialect::insert_if_absent,
    fault::Fault,
    schema::access_keys,
};

type Refused = Failure<SubscriptionRefusal>;

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = access_keys)]
struct KeyRow {
    id: String,
    side: String,
    subscription: String,
    label: String,
    prefix: String,
    key_hash: Vec<u8>,
    state: String,
    created_at: i64,
    expires_at: i64,
    revoked_at: Option<i64>,
}

impl KeyRow {
    fn of(process: &Process, grant: &KeyGrant) -> Self {
        Self {
            id: grant.id.clone(),
            side: process.side.as_str().to_owned(),
            subscription: process.id.to_string(),
            label: grant.label.clone(),
            prefix: grant.prefix.clone(),
            key_hash: grant.hash.0.to_vec(),
            state: KeyState::Active.as_str().to_owned(),
            created_at: grant.created_at.millis(),
            expires_at: grant.expires_at.millis(),
            revoked_at: None,
        }
    }

    fn into_view(self) -> Result<KeyView, Fault> {
        let state = KeyState::parse(&self.state)
            .ok_or_else(|| Fault::corrupt("access_keys", &self.state))?;
        Ok(KeyView {
            id: self.id,
            label: self.label,
            prefix: self.prefix,
            state,
            created_at: Timestamp::from_millis(self.created_at),
            expires_at: Timestamp::from_millis(self.expires_at),
            revoked_at: self.revoked_at.map(Timestamp::from_millis),
        })
    }
}

/// Makes a key for a subscription in force. The secret is in the answer and nowhere else.
pub fn create_key(
    site: &Site,
    actor: &Actor,
    id: &SubscriptionId,
    label: &str,
) -> Result<NewKey, Refused> {
    let mut random = [0; NEW_KEY_BYTES];
    getrandom::fill(&mut random).map_err(|error| Fault::Randomness(error.to_string()))?;
    let made = site.db.write(|write| {
        let now = site.now();
        let process = of_actor(&mut write.as_read(), actor, id, Some(Side::Home))?;
        let expires_at = process.ends_at.unwrap_or(now);
        let (secret, grant) = KeyGrant::new(random, label, whole_seconds(now), expires_at);
        let made = NewKey { id: grant.id.clone(), secret, expires_at };
        let views = keys(&mut write.as_read(), id, Side::Home)?;
        let active = views.iter().filter(|key| key.state == KeyState::Active).count();
        let command = Command::IssueKey(KeyOrder { grant, active });
        let step = process.command(command, None, now).map_err(Failure::Refused)?;
        let done = Done { actor, action: "key.create", before: process.state.as_str() };
        finish(write, site, &done, &step)?;
        Ok::<_, Refused>(made)
    })?;
    site.nudge();
    Ok(made)
}

/// Takes a key back; the provider stops accepting it as soon as it hears.
pub fn revoke_key(
    site: &Site,
    actor: &Actor,
    id: &SubscriptionId,
    key_id: &str,
) -> Result<(), Refused> {
    site.db.write(|write| {
        let process = of_actor(&mut write.as_read(), actor, id, Some(Side::Home))?;
        let held = keys(&mut write.as_read(), id, Side::Home)?;
        if !held.iter().any(|key| key.id == key_id && key.state == KeyState::Active) {
            return Err(Failure::Refused(SubscriptionRefusal::KeyUnknown));
        }
        let at = whole_seconds(site.now());
        let command = Command::RevokeKey(KeyRevoked { id: key_id.to_owned(), at });
        let step = process.command(command, None, site.now()).map_err(Failure::Refused)?;
        let done = Done { actor, action: "key.revoke", before: process.state.as_str() };
        Ok::<_, Refused>(finish(write, site, &done, &step)?)
    })?;
    site.nudge();
    Ok(())
}

/// Makes the change that a message of keys tells, on the side it is carried out on.
pub(super) fn apply(
    write: &mut Write<'_>,
    process: &Process,
    effect: &Effect,
) -> Result<(), Fault> {
    match effect {
        Effect::KeyIssued(grant) => {
            // A hash that is there already belongs to whoever brought it first.
            insert_if_absent!(write, access_keys::table, &KeyRow::of(process, grant))?;
        }
        Effect::KeyRevoked(revoked) => {
            diesel::update(
                access_keys::table
                    .filter(access_keys::id.eq(&revoked.id))
                    .filter(access_keys::side.eq(process.side.as_str()))
                    .filter(access_keys::subscription.eq(process.id.as_str())),
            )
            .set((
                access_keys::state.eq(KeyState::Revoked.as_str()),
                access_keys::revoked_at.eq(Some(revoked.at.millis())),
            ))
            .execute(&mut **write)?;
        }
    }
    Ok(())
}

/// The keys of a subscription as one side holds them, oldest first.
pub fn keys(read: &mut Read<'_>, id: &SubscriptionId, side: Side) -> Result<Vec<KeyView>, Fault> {
    let held: Vec<KeyRow> = access_keys::table
        .filter(access_keys::subscription.eq(id.as_str()))
        .filter(access_keys::side.eq(side.as_str()))
        .order((access_keys::created_at.asc(), access_keys::id.asc()))
        .select(KeyRow::as_select())
        .load(&mut **read)?;
    held.into_iter().map(KeyRow::into_view).collect()
}

/// The contract behind a presented key, on the provider's side, whatever its state: `None` only
/// when nobody was given such a key.
pub fn entitlement_by_key(read: &mut Read<'_>, hash: &KeyHash) -> Result<Option<Contract>, Fault> {
    let row: Option<KeyRow> = access_keys::table
        .filter(access_keys::side.eq(Side::Provider.as_str()))
        .filter(access_keys::key_hash.eq(hash.0.to_vec()))
        .select(KeyRow::as_select())
        .first(&mut **read)
        .optional()?;
    let Some(row) = row else { return Ok(None) };
    let id = SubscriptionId::parse(&row.subscription)
        .map_err(|error| Fault::corrupt("access_keys", error))?;
    let process = rows::load(read, &id, Side::Provider)?
        .ok_or_else(|| Fault::corrupt("access_keys", format!("{id} has no subscription")))?;
    let Some(agreement) = process.agreement.clone() else {
        return Err(Fault::corrupt("access_keys", format!("{id} has no agreement")));
    };
    let standing = match (process.state, correspondence::what_holds_up(read, &process)?) {
        (State::Terminated | State::Ended, _) => Standing::Ended,
        (_, Some(HeldUp::Awaited)) => Standing::Awaited,
        (_, Some(HeldUp::Unlike { .. })) => Standing::Suspended,
        (State::Finalized, None) => Standing::InForce,
        _ => Standing::NotAgreed,
    };
    Ok(Some(contract((&process, standing), agreement, row.into_view()?)))
}

fn contract(
    (process, standing): (&Process, Standing),
    agreement: Agreement,
    key: KeyView,
) -> Contract {
    let ends_at = process.ends_at.unwrap_or(agreement.ends_at);
    let terms = agreement.terms;
    Contract {
        entitlement: Entitlement {
            subscription: process.id.to_string(),
            key_id: key.id,
            product: agreement.product,
            purpose: terms.purpose,
            standing,
            from: agreement.starts_at,
            until: ends_at,
            key_until: key.expires_at,
            key_revoked: key.state == KeyState::Revoked,
            calls_per_month_max: terms.plan.calls_per_month_max,
            calls_per_minute_max: terms.plan.calls_per_minute_max,
        },
        plan: terms.plan,
        guard: terms.guard,
        buyer: agreement.buyer,
        home: agreement.home,
    }
}

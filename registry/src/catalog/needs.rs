//! What a decision looks at and changes: so that a store loads these objects and no others, and
//! knows which of them are new.

use super::{ObjectKey, rule::SPLIT_VERSIONS_MAX};
use crate::{
    entry::{ChargeUnit, Fact, Split},
    id::Origin,
};

/// The objects [`super::decide`] looks at or changes for this fact, all in the same log.
pub fn needs(fact: &Fact, origin: &Origin) -> Vec<ObjectKey> {
    let authorization = |number| ObjectKey::authorization(number, origin);
    match fact {
        Fact::OrganizationListed(body)
        | Fact::OrganizationRevised(body)
        | Fact::OrganizationWithdrawn(body) => vec![ObjectKey::organization(&body.uscc, origin)],
        #[cfg(feature = "next")]
        Fact::OrganizationRenamed(body) => vec![ObjectKey::organization(&body.uscc, origin)],
        Fact::ResourceCataloged(body) | Fact::ResourceRevised(body) => vec![
            ObjectKey::resource(&body.number, origin),
            ObjectKey::organization(&body.provider, origin),
        ],
        Fact::ResourceWithdrawn(body) => vec![ObjectKey::resource(&body.number, origin)],
        Fact::AuthorizationGranted(body) => {
            let mut keys = vec![
                authorization(&body.number),
                ObjectKey::organization(&body.grantor, origin),
                ObjectKey::organization(&body.operator, origin),
            ];
            keys.extend(body.resources.iter().map(|number| ObjectKey::resource(number, origin)));
            keys
        }
        Fact::AuthorizationSuspended(body) | Fact::AuthorizationResumed(body) => {
            vec![authorization(&body.number)]
        }
        Fact::AuthorizationEnded(body) => vec![authorization(&body.number)],
        Fact::ProductRegistered(body) | Fact::ProductRevised(body) => {
            let mut keys =
                vec![ObjectKey::product(&body.number, origin), authorization(&body.authorization)];
            keys.extend(body.resources.iter().map(|number| ObjectKey::resource(number, origin)));
            keys
        }
        Fact::ProductListed(body)
        | Fact::ProductPaused(body)
        | Fact::ProductResumed(body)
        | Fact::ProductDelisted(body) => vec![ObjectKey::product(&body.number, origin)],
        Fact::PlanPublished(body) => vec![
            ObjectKey::plan(&body.product, &body.code, origin),
            ObjectKey::product(&body.product, origin),
            ObjectKey::ceiling(&body.product, ChargeUnit::Call, origin),
            ObjectKey::ceiling(&body.product, ChargeUnit::Month, origin),
        ],
        Fact::PlanRetired(body) => vec![ObjectKey::plan(&body.product, &body.code, origin)],
        Fact::CeilingFiled(body) => vec![
            ObjectKey::ceiling(&body.product, body.unit, origin),
            ObjectKey::product(&body.product, origin),
        ],
        Fact::SplitAgreed(body) => split(body, origin),
        Fact::StatementSealed(body) => vec![ObjectKey::statement(body.period, origin)],
        Fact::MemberAdmitted(_)
        | Fact::MemberSuspended(_)
        | Fact::MemberReinstated(_)
        | Fact::MemberWithdrawn(_)
        | Fact::AuditSealed(_)
        | Fact::ForkWitnessed(_) => Vec::new(),
    }
}

/// A split is judged against every version before it and the close of its first period.
fn split(body: &Split, origin: &Origin) -> Vec<ObjectKey> {
    let versions = 1..=body.version.min(SPLIT_VERSIONS_MAX);
    let mut keys =
        vec![ObjectKey::product(&body.product, origin), ObjectKey::statement(body.from, origin)];
    keys.extend(versions.map(|version| ObjectKey::split(&body.product, version, origin)));
    keys
}

//! What is offered: products, plans, ceilings and splits against their authorization and resources.

use super::{
    AuthorizationStatus, Change, Fold, Object, ObjectKey, PlanState, ProductState, ProductStatus,
    Quarantine, rule, unknown,
};
use crate::{
    catalog::rule::CeilingCheck,
    entry::{Ceiling, ChargeUnit, Plan, PlanRetired, Product, ProductNotice, Split},
    id::{NumberKind, RegistrationNumber},
    word::Word,
};

impl Fold<'_> {
    pub(super) fn product_registered(&self, body: &Product) -> Result<Change, Quarantine> {
        let key = ObjectKey::product(&body.number, self.located.origin);
        self.absent(&key, &body.number)?;
        self.product_fits(body)?;
        let state = ProductState {
            product: body.clone(),
            status: ProductStatus::Registered,
            reason: String::new(),
            registered_at: self.entry.at,
            registered_index: self.located.index,
            updated_at: self.entry.at,
            described_index: self.located.index,
        };
        Ok(Change { key, object: Object::Product(Box::new(state)) })
    }

    pub(super) fn product_revised(&self, body: &Product) -> Result<Change, Quarantine> {
        let old = self.known_product(&body.number)?;
        if old.status == ProductStatus::Delisted {
            return Err(Quarantine::WrongState {
                what: body.number.to_string(),
                state: "delisted",
            });
        }
        self.product_fits(body)?;
        let mut state = old.clone();
        state.product = body.clone();
        state.updated_at = self.entry.at;
        state.described_index = self.located.index;
        let key = ObjectKey::product(&body.number, self.located.origin);
        Ok(Change { key, object: Object::Product(Box::new(state)) })
    }

    /// Scope, operator, purposes, resources and grade against the authorization.
    pub(super) fn product_fits(&self, body: &Product) -> Result<(), Quarantine> {
        self.numbered(&body.number, NumberKind::Product)?;
        if let Some(what) = rule::named_twice(body) {
            return Err(Quarantine::NamedTwice { what });
        }
        let granted = self.known_authorization(&body.authorization)?;
        if granted.status == AuthorizationStatus::Ended {
            let what = body.authorization.to_string();
            return Err(Quarantine::WrongState { what, state: granted.status.word() });
        }
        let granted = &granted.authorization;
        let beyond = |what: String| Quarantine::BeyondAuthorization {
            what,
            authorization: granted.number.clone(),
        };
        if body.operator != granted.operator {
            return Err(beyond(format!("operator {}", body.operator)));
        }
        if let Some(purpose) = body.purposes.iter().find(|p| !granted.purposes.contains(p)) {
            return Err(beyond(format!("purpose {purpose}")));
        }
        let mut inputs = Vec::new();
        for number in &body.resources {
            if !granted.resources.contains(number) {
                return Err(beyond(format!("resource {number}")));
            }
            inputs.push(self.usable_resource(number)?);
        }
        let grade = |why: String| Quarantine::Grade { number: body.number.clone(), why };
        if !rule::may_be_offered(body.grade) {
            return Err(grade("core and important data are not offered".to_owned()));
        }
        if let Some(input) = rule::input_above(body, inputs) {
            return Err(grade(format!("resource {} is graded higher", input.number)));
        }
        Ok(())
    }

    pub(super) fn known_product(
        &self,
        number: &RegistrationNumber,
    ) -> Result<&ProductState, Quarantine> {
        match self.known.get(&ObjectKey::product(number, self.located.origin)) {
            Some(Object::Product(state)) => Ok(state),
            _ => Err(unknown(number)),
        }
    }

    pub(super) fn product_moved(
        &self,
        body: &ProductNotice,
        from: &[ProductStatus],
        to: ProductStatus,
    ) -> Result<Change, Quarantine> {
        let old = self.known_product(&body.number)?;
        if !from.contains(&old.status) {
            let what = body.number.to_string();
            return Err(Quarantine::WrongState { what, state: old.status.word() });
        }
        let mut state = old.clone();
        state.status = to;
        state.reason.clone_from(&body.reason);
        state.updated_at = self.entry.at;
        let key = ObjectKey::product(&body.number, self.located.origin);
        Ok(Change { key, object: Object::Product(Box::new(state)) })
    }

    pub(super) fn plan(&self, body: &Plan) -> Result<Change, Quarantine> {
        let origin = self.located.origin;
        let key = ObjectKey::plan(&body.product, &body.code, origin);
        self.absent(&key, format!("plan {}", body.code))?;
        let product = &self.known_product(&body.product)?.product;
        if !product.purposes.contains(&body.purpose) {
            return Err(Quarantine::BeyondAuthorization {
                what: format!("purpose {} of plan {}", body.purpose, body.code),
                authorization: product.authorization.clone(),
            });
        }
        if let Some(what) = rule::nothing_allowed(body) {
            return Err(Quarantine::NothingAllowed { code: body.code.clone(), what });
        }
        if !rule::public_good_is_free(body) {
            return Err(Quarantine::PublicGoodPriced { code: body.code.clone() });
        }
        let ceilings: Vec<&Ceiling> = [ChargeUnit::Call, ChargeUnit::Month]
            .into_iter()
            .filter_map(|unit| {
                match self.known.get(&ObjectKey::ceiling(&body.product, unit, origin)) {
                    Some(Object::Ceiling(ceiling)) => Some(ceiling),
                    _ => None,
                }
            })
            .collect();
        let code = body.code.clone();
        match rule::check_ceiling(body, &ceilings) {
            CeilingCheck::Within => {}
            CeilingCheck::Missing { unit } => {
                return Err(Quarantine::CeilingMissing { code, unit });
            }
            CeilingCheck::Above { unit, price_max } => {
                return Err(Quarantine::AboveCeiling { code, unit, price_max });
            }
        }
        let state = PlanState { plan: body.clone(), retired: None };
        Ok(Change { key, object: Object::Plan(state) })
    }

    pub(super) fn plan_retired(&self, body: &PlanRetired) -> Result<Change, Quarantine> {
        let key = ObjectKey::plan(&body.product, &body.code, self.located.origin);
        let what = || format!("plan {}", body.code);
        match self.known.get(&key) {
            Some(Object::Plan(state)) if state.retired.is_none() => {
                let retired = Some(body.reason.clone());
                let state = PlanState { plan: state.plan.clone(), retired };
                Ok(Change { key, object: Object::Plan(state) })
            }
            Some(_) => Err(Quarantine::WrongState { what: what(), state: "retired" }),
            None => Err(unknown(what())),
        }
    }

    pub(super) fn ceiling(&self, body: &Ceiling) -> Result<Change, Quarantine> {
        self.known_product(&body.product)?;
        let key = ObjectKey::ceiling(&body.product, body.unit, self.located.origin);
        Ok(Change { key, object: Object::Ceiling(body.clone()) })
    }

    pub(super) fn split(&self, body: &Split) -> Result<Change, Quarantine> {
        let origin = self.located.origin;
        let product = self.known_product(&body.product)?;
        let key = ObjectKey::split(&body.product, body.version, origin);
        self.absent(&key, format!("split version {}", body.version))?;
        if body.version > rule::SPLIT_VERSIONS_MAX {
            let what = format!("version {} of a split", body.version);
            return Err(Quarantine::Malformed { what });
        }
        let earlier: Vec<&Split> = (1..body.version)
            .filter_map(|version| {
                match self.known.get(&ObjectKey::split(&body.product, version, origin)) {
                    Some(Object::Split(split)) => Some(split),
                    _ => None,
                }
            })
            .collect();
        let before = body.version.checked_sub(1);
        if before.is_none_or(|before| earlier.last().map_or(0, |last| last.version) != before) {
            return Err(unknown(format!("the split before version {}", body.version)));
        }
        if !rule::shares_are_whole(body) {
            return Err(Quarantine::SharesNotWhole);
        }
        // A first version takes from nobody but the operator, who publishes it.
        if body.version > 1 {
            self.consented(body, &earlier, &product.product)?;
        }
        Ok(Change { key, object: Object::Split(body.clone()) })
    }

    /// A split that begins before the month of its entry, or in one whose close this log sealed,
    /// has the consent of everybody it takes from.
    fn consented(
        &self,
        body: &Split,
        earlier: &[&Split],
        product: &Product,
    ) -> Result<(), Quarantine> {
        let sealed = ObjectKey::statement(body.from, self.located.origin);
        let mut until = self.entry.at.period();
        if self.known.contains_key(&sealed) {
            until = until.max(body.from.next());
        }
        let missing = rule::consents_missing(body, earlier, (&product.operator, until));
        match missing.into_iter().next() {
            None => Ok(()),
            Some(party) => Err(Quarantine::ConsentMissing { from: body.from, party }),
        }
    }
}

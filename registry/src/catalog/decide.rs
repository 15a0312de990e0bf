//! One entry against what its log said before: the changes it makes, or why it is quarantined. A
//! quarantined entry changes nothing and stays in the log, shown with its reason.

mod offer;

use super::{
    AuthorizationState, AuthorizationStatus, Known, Object, ObjectKey, OrganizationState,
    PlanState, ProductState, ProductStatus, Quarantine, ResourceState, rule,
};
use crate::{
    entry::{Authorization, AuthorizationEnd, Entry, Fact, Organization, Resource, writing},
    id::{DivisionCode, NumberKind, Origin, RegistrationNumber},
    word::Word,
};

/// Where an entry stands: its log, its index and what the log's node may speak for.
#[derive(Debug, Clone, Copy)]
pub struct Located<'a> {
    /// The log.
    pub origin: &'a Origin,
    /// The index in the log.
    pub index: u64,
    /// The division of the log's node.
    pub division: &'a DivisionCode,
}

/// An object's new state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which object.
    pub key: ObjectKey,
    /// Its state from now on.
    pub object: Object,
}

/// The changes an entry makes to the catalog. `known` holds at least what [`super::needs`] asks
/// for. Entries about members, audit trails and forks change nothing here.
pub fn decide(
    entry: &Entry,
    located: &Located<'_>,
    known: &Known,
) -> Result<Vec<Change>, Quarantine> {
    writing::check(entry)?;
    let fold = Fold { entry, located, known };
    let change = match &entry.fact {
        Fact::OrganizationListed(body) => fold.organization(body, Existing::Absent, false)?,
        Fact::OrganizationRevised(body) => fold.organization(body, Existing::Present, false)?,
        Fact::OrganizationWithdrawn(body) => fold.organization(body, Existing::Present, true)?,
        #[cfg(feature = "next")]
        Fact::OrganizationRenamed(body) => fold.organization_renamed(body)?,
        Fact::ResourceCataloged(body) => fold.resource(body, Existing::Absent)?,
        Fact::ResourceRevised(body) => fold.resource(body, Existing::Present)?,
        Fact::ResourceWithdrawn(body) => fold.resource_withdrawn(&body.number, &body.reason)?,
        Fact::AuthorizationGranted(body) => fold.authorization(body)?,
        Fact::AuthorizationSuspended(body) => {
            let to = (AuthorizationStatus::Suspended, body.reason.as_str());
            fold.authorization_moved(&body.number, AuthorizationStatus::Active, to)?
        }
        Fact::AuthorizationResumed(body) => {
            let to = (AuthorizationStatus::Active, "");
            fold.authorization_moved(&body.number, AuthorizationStatus::Suspended, to)?
        }
        Fact::AuthorizationEnded(body) => fold.authorization_ended(body)?,
        Fact::ProductRegistered(body) => fold.product_registered(body)?,
        Fact::ProductRevised(body) => fold.product_revised(body)?,
        Fact::ProductListed(body) => {
            fold.product_moved(body, &[ProductStatus::Registered], ProductStatus::Listed)?
        }
        Fact::ProductPaused(body) => {
            fold.product_moved(body, &[ProductStatus::Listed], ProductStatus::Paused)?
        }
        Fact::ProductResumed(body) => {
            fold.product_moved(body, &[ProductStatus::Paused], ProductStatus::Listed)?
        }
        Fact::ProductDelisted(body) => {
            let from = [ProductStatus::Registered, ProductStatus::Listed, ProductStatus::Paused];
            fold.product_moved(body, &from, ProductStatus::Delisted)?
        }
        Fact::PlanPublished(body) => fold.plan(body)?,
        Fact::PlanRetired(body) => fold.plan_retired(body)?,
        Fact::CeilingFiled(body) => fold.ceiling(body)?,
        Fact::SplitAgreed(body) => fold.split(body)?,
        Fact::StatementSealed(body) => {
            let key = ObjectKey::statement(body.period, located.origin);
            fold.absent(&key, body.period)?;
            Change { key, object: Object::Statement(body.clone()) }
        }
        Fact::MemberAdmitted(_)
        | Fact::MemberSuspended(_)
        | Fact::MemberReinstated(_)
        | Fact::MemberWithdrawn(_)
        | Fact::AuditSealed(_)
        | Fact::ForkWitnessed(_) => return Ok(Vec::new()),
    };
    Ok(vec![change])
}

/// Whether the object must be new or known.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Existing {
    Absent,
    Present,
}

/// An entry being folded.
struct Fold<'a> {
    entry: &'a Entry,
    located: &'a Located<'a>,
    known: &'a Known,
}

impl Fold<'_> {
    fn absent(&self, key: &ObjectKey, what: impl ToString) -> Result<(), Quarantine> {
        if self.known.contains_key(key) {
            return Err(Quarantine::Duplicate { what: what.to_string() });
        }
        Ok(())
    }

    fn check(
        &self,
        key: &ObjectKey,
        what: impl ToString,
        existing: Existing,
    ) -> Result<(), Quarantine> {
        match existing {
            Existing::Absent => self.absent(key, what),
            Existing::Present if self.known.contains_key(key) => Ok(()),
            Existing::Present => Err(unknown(what)),
        }
    }

    fn in_scope(&self, what: impl ToString, found: DivisionCode) -> Result<(), Quarantine> {
        let division = self.located.division;
        if division.covers(&found) {
            return Ok(());
        }
        Err(Quarantine::OutOfScope { what: what.to_string(), found, division: division.clone() })
    }

    fn numbered(&self, number: &RegistrationNumber, kind: NumberKind) -> Result<(), Quarantine> {
        if number.kind() != kind {
            return Err(Quarantine::NumberKind { number: number.clone() });
        }
        self.in_scope(number, number.division())
    }

    fn organization(
        &self,
        body: &Organization,
        existing: Existing,
        withdrawn: bool,
    ) -> Result<Change, Quarantine> {
        // An organization may work across divisions: a provincial operator serves districts. Only
        // its own node's log relies on this record, so its division is shown and not limited.
        let key = ObjectKey::organization(&body.uscc, self.located.origin);
        self.check(&key, &body.uscc, existing)?;
        if let Some(Object::Organization(OrganizationState { withdrawn: true, .. })) =
            self.known.get(&key)
        {
            return Err(Quarantine::WrongState { what: body.uscc.to_string(), state: "withdrawn" });
        }
        let state = OrganizationState { organization: body.clone(), withdrawn };
        Ok(Change { key, object: Object::Organization(state) })
    }

    #[cfg(feature = "next")]
    fn organization_renamed(
        &self,
        body: &crate::entry::OrganizationRenamed,
    ) -> Result<Change, Quarantine> {
        let key = ObjectKey::organization(&body.uscc, self.located.origin);
        let Some(Object::Organization(state)) = self.known.get(&key) else {
            return Err(unknown(&body.uscc));
        };
        let mut state = state.clone();
        state.organization.name = body.name.clone();
        Ok(Change { key, object: Object::Organization(state) })
    }

    fn known_organization(&self, uscc: &crate::uscc::Uscc) -> Result<(), Quarantine> {
        match self.known.get(&ObjectKey::organization(uscc, self.located.origin)) {
            Some(Object::Organization(state)) if !state.withdrawn => Ok(()),
            Some(_) => Err(Quarantine::WrongState { what: uscc.to_string(), state: "withdrawn" }),
            None => Err(unknown(uscc)),
        }
    }

    fn resource(&self, body: &Resource, existing: Existing) -> Result<Change, Quarantine> {
        self.numbered(&body.number, NumberKind::Resource)?;
        let key = ObjectKey::resource(&body.number, self.located.origin);
        self.check(&key, &body.number, existing)?;
        if let Some(name) = rule::twice(body.fields.iter().map(|field| field.name.as_str())) {
            return Err(Quarantine::NamedTwice { what: format!("field {name}") });
        }
        self.known_organization(&body.provider)?;
        if let Some(Object::Resource(ResourceState { withdrawn: Some(_), .. })) =
            self.known.get(&key)
        {
            let what = body.number.to_string();
            return Err(Quarantine::WrongState { what, state: "withdrawn" });
        }
        let state = ResourceState { resource: body.clone(), withdrawn: None };
        Ok(Change { key, object: Object::Resource(state) })
    }

    fn known_resource(&self, number: &RegistrationNumber) -> Result<&ResourceState, Quarantine> {
        match self.known.get(&ObjectKey::resource(number, self.located.origin)) {
            Some(Object::Resource(state)) => Ok(state),
            _ => Err(unknown(number)),
        }
    }

    fn resource_withdrawn(
        &self,
        number: &RegistrationNumber,
        reason: &str,
    ) -> Result<Change, Quarantine> {
        let state = self.known_resource(number)?;
        if state.withdrawn.is_some() {
            return Err(Quarantine::WrongState { what: number.to_string(), state: "withdrawn" });
        }
        let mut state = state.clone();
        state.withdrawn = Some(reason.to_owned());
        let key = ObjectKey::resource(number, self.located.origin);
        Ok(Change { key, object: Object::Resource(state) })
    }

    fn authorization(&self, body: &Authorization) -> Result<Change, Quarantine> {
        self.numbered(&body.number, NumberKind::Authorization)?;
        let key = ObjectKey::authorization(&body.number, self.located.origin);
        self.absent(&key, &body.number)?;
        self.known_organization(&body.grantor)?;
        self.known_organization(&body.operator)?;
        for number in &body.resources {
            self.usable_resource(number)?;
        }
        let state = AuthorizationState {
            authorization: body.clone(),
            status: AuthorizationStatus::Active,
            reason: String::new(),
        };
        Ok(Change { key, object: Object::Authorization(state) })
    }

    fn usable_resource(&self, number: &RegistrationNumber) -> Result<&Resource, Quarantine> {
        let held = self.known_resource(number)?;
        if held.resource.forbidden {
            return Err(Quarantine::ResourceForbidden { number: number.clone() });
        }
        if held.withdrawn.is_some() {
            return Err(Quarantine::WrongState { what: number.to_string(), state: "withdrawn" });
        }
        if let Some(field) = rule::unconfirmed(&held.resource).next() {
            let (number, field) = (number.clone(), field.name.clone());
            return Err(Quarantine::FieldNotConfirmed { number, field });
        }
        Ok(&held.resource)
    }

    fn known_authorization(
        &self,
        number: &RegistrationNumber,
    ) -> Result<&AuthorizationState, Quarantine> {
        match self.known.get(&ObjectKey::authorization(number, self.located.origin)) {
            Some(Object::Authorization(state)) => Ok(state),
            _ => Err(unknown(number)),
        }
    }

    fn authorization_moved(
        &self,
        number: &RegistrationNumber,
        from: AuthorizationStatus,
        (to, reason): (AuthorizationStatus, &str),
    ) -> Result<Change, Quarantine> {
        let state = self.known_authorization(number)?;
        if state.status != from {
            let what = number.to_string();
            return Err(Quarantine::WrongState { what, state: state.status.word() });
        }
        let mut state = state.clone();
        state.status = to;
        reason.clone_into(&mut state.reason);
        let key = ObjectKey::authorization(number, self.located.origin);
        Ok(Change { key, object: Object::Authorization(state) })
    }

    fn authorization_ended(&self, body: &AuthorizationEnd) -> Result<Change, Quarantine> {
        let from = self.known_authorization(&body.number)?.status;
        if from == AuthorizationStatus::Ended {
            let what = body.number.to_string();
            return Err(Quarantine::WrongState { what, state: from.word() });
        }
        let to = (AuthorizationStatus::Ended, body.reason.as_str());
        self.authorization_moved(&body.number, from, to)
    }
}

fn unknown(what: impl ToString) -> Quarantine {
    Quarantine::Unknown { what: what.to_string() }
}

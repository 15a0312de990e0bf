//! The decision over a whole publishing file: reads every table, asks the guards, and lets the
//! catalog's own fold judge each entry, so that what is published here is folded everywhere.

mod act;
mod product;

use std::collections::BTreeMap;

use lianshi_registry::{
    catalog::{self, AuthorizationState, Known, Located, Object, ObjectKey, ResourceState},
    entry::{Entry, Fact, Texts},
    id::{NumberKind, RegistrationNumber},
    json,
    refusal::Refusal,
    uscc::Uscc,
};

use super::{
    Decision, FreshNumbers, PublishRefusal, Published, Publisher, may_grant, read,
    read::Names,
    section::Section,
    source::{Findings, Source},
};
use crate::{
    guard::{self, GuardRefusal},
    ruleset::{Rulebook, RulesInForce},
};

/// Decides a publishing file. `known` holds what the log already says about everything the file
/// mentions; `numbers` are taken in order for what is new.
pub fn decide(
    text: &str,
    publisher: &Publisher<'_>,
    known: Known,
    numbers: &FreshNumbers,
) -> Result<Decision, PublishRefusal> {
    let source = Source::parse(text)?;
    let findings = Findings::default();
    let today = publisher.now.date();
    let rules = Rulebook::shipped().in_force(publisher.division, today);
    let lawless = rules.rulesets().next().is_none();
    let mut desk = Desk {
        publisher,
        rules,
        known,
        names: Names::default(),
        decision: Decision { entries: Vec::new(), published: Vec::new() },
        findings: &findings,
    };
    let root = source.root(&findings);
    if lawless {
        let message = format!("no ruleset is in force on {today}; set the clock right");
        root.refuse("publish.no_rules", message);
    }
    let mut fresh = numbers.clone();
    desk.organizations(&root);
    let resources = desk.number(&root, ("resource", NumberKind::Resource), &mut fresh);
    let authorizations =
        desk.number(&root, ("authorization", NumberKind::Authorization), &mut fresh);
    let products = desk.number(&root, ("product", NumberKind::Product), &mut fresh);
    for (section, numbered) in &resources {
        desk.resource(section, numbered);
    }
    for (section, numbered) in &authorizations {
        desk.authorization(section, numbered);
    }
    for (section, numbered) in &products {
        desk.product(section, numbered);
    }
    for section in root.sections("act") {
        desk.act(&section);
    }
    root.finish();
    let decision = desk.decision;
    if findings.count() == 0 && decision.entries.is_empty() {
        root.refuse("publish.nothing", "the file publishes nothing");
    }
    let findings = findings.into_sorted();
    if findings.is_empty() { Ok(decision) } else { Err(PublishRefusal::new(findings)) }
}

/// A number of the file with its name.
struct Numbered {
    number: RegistrationNumber,
    key: String,
    /// It stands in the log already.
    given: bool,
}

/// The decision in progress.
struct Desk<'a> {
    publisher: &'a Publisher<'a>,
    rules: RulesInForce<'a>,
    known: Known,
    names: Names,
    decision: Decision,
    findings: &'a Findings,
}

impl Desk<'_> {
    /// Numbers the tables of one kind.
    fn number<'s>(
        &mut self,
        root: &Section<'s>,
        (name, kind): (&str, NumberKind),
        fresh: &mut FreshNumbers,
    ) -> Vec<(Section<'s>, Numbered)> {
        let mut numbered = Vec::new();
        let mut next: BTreeMap<NumberKind, std::vec::IntoIter<RegistrationNumber>> =
            BTreeMap::from([(kind, fresh.remove(&kind).unwrap_or_default().into_iter())]);
        for section in root.sections(name) {
            let given = section.has("number");
            let number = if given {
                let number = section.parsed("number", RegistrationNumber::parse);
                number.filter(|number| {
                    let fits = number.kind() == kind;
                    if !fits {
                        let message = format!("{number} is not the number of a {name}");
                        section.refuse_at(section.line_of("number"), "entry.number_kind", message);
                    }
                    fits
                })
            } else {
                next.get_mut(&kind).and_then(Iterator::next)
            };
            let key = if section.has("key") { section.code("key") } else { Some(String::new()) };
            let (Some(number), Some(key)) = (number, key) else { continue };
            if !key.is_empty() && !self.names.give(&key, &number) {
                let message = format!("another {name} of this file is called `{key}`");
                section.refuse_at(section.line_of("key"), "publish.key_twice", message);
            }
            numbered.push((section, Numbered { number, key, given }));
        }
        numbered
    }

    fn organizations(&mut self, root: &Section<'_>) {
        let today = self.publisher.now.date();
        for section in root.sections("organization") {
            let before = self.findings.count();
            let Some(body) = read::organization(&section, today) else { continue };
            if self.findings.count() > before {
                continue;
            }
            let key = ObjectKey::organization(&body.uscc, self.publisher.origin);
            let fact = match self.known.get(&key) {
                Some(Object::Organization(state))
                    if !state.withdrawn && state.organization == body =>
                {
                    continue;
                }
                Some(_) => Fact::OrganizationRevised(body.clone()),
                None => Fact::OrganizationListed(body.clone()),
            };
            self.say(&section, fact, (body.uscc.as_str(), "", &body.name));
        }
    }

    fn resource(&mut self, section: &Section<'_>, numbered: &Numbered) {
        let before = self.findings.count();
        let Some(body) = read::resource(section, &numbered.number, self.publisher.now.date())
        else {
            return;
        };
        if self.findings.count() > before {
            return;
        }
        let name = body.name.clone();
        let fact = if numbered.given {
            Fact::ResourceRevised(body)
        } else {
            Fact::ResourceCataloged(body)
        };
        self.say(section, fact, (numbered.number.as_str(), &numbered.key, &name));
    }

    fn authorization(&mut self, section: &Section<'_>, numbered: &Numbered) {
        let before = self.findings.count();
        if numbered.given {
            let message = "a granted authorization is not revised; end it and grant another";
            section.refuse_at(section.line_of("number"), "publish.not_revisable", message);
        }
        let ruleset = self.rules.id();
        let body = read::authorization(section, &numbered.number, &self.names, ruleset);
        let Some(body) = body else { return };
        let held = self.resources(&body.resources);
        for refusal in guard::authorization(&body, &held, &self.rules) {
            section.refuse_guard(&refusal, authorization_field(&refusal));
        }
        if let Some(Object::Organization(state)) =
            self.known.get(&ObjectKey::organization(&body.grantor, self.publisher.origin))
            && !may_grant(state.organization.kind)
        {
            let message = format!("{} is not a data department and cannot grant", body.grantor);
            section.refuse_at(section.line_of("grantor"), "publish.grantor", message);
        }
        if self.findings.count() > before {
            self.assume(Object::Authorization(AuthorizationState {
                authorization: body,
                status: catalog::AuthorizationStatus::Active,
                reason: String::new(),
            }));
            return;
        }
        let scenario = body.scenario.clone();
        let fact = Fact::AuthorizationGranted(body);
        self.say(section, fact, (numbered.number.as_str(), &numbered.key, &scenario));
    }

    /// Keeps what a refused table would have recorded, so that tables below it are judged by
    /// themselves.
    fn assume(&mut self, object: Object) {
        let origin = self.publisher.origin;
        let key = match &object {
            Object::Authorization(state) => {
                ObjectKey::authorization(&state.authorization.number, origin)
            }
            Object::Product(state) => ObjectKey::product(&state.product.number, origin),
            Object::Ceiling(ceiling) => ObjectKey::ceiling(&ceiling.product, ceiling.unit, origin),
            _ => return,
        };
        self.known.entry(key).or_insert(object);
    }

    fn resources(&self, numbers: &[RegistrationNumber]) -> Vec<ResourceState> {
        numbers
            .iter()
            .filter_map(|number| {
                match self.known.get(&ObjectKey::resource(number, self.publisher.origin)) {
                    Some(Object::Resource(state)) => Some(state.clone()),
                    _ => None,
                }
            })
            .collect()
    }

    fn authorized(&self, number: &RegistrationNumber) -> Option<&AuthorizationState> {
        match self.known.get(&ObjectKey::authorization(number, self.publisher.origin)) {
            Some(Object::Authorization(state)) => Some(state),
            _ => None,
        }
    }

    fn operator_of(&self, number: &RegistrationNumber) -> Option<Uscc> {
        self.authorized(number).map(|state| state.authorization.operator.clone())
    }

    /// Adds an entry when the fold accepts it; tells why not otherwise.
    fn say(&mut self, section: &Section<'_>, fact: Fact, (id, key, name): (&str, &str, &Texts)) {
        let entry = Entry { at: self.publisher.now, by: self.publisher.by.to_owned(), fact };
        if let Err(refusal) = json::encode_entry(&entry) {
            section.refuse(refusal.code(), refusal);
            return;
        }
        let count = u64::try_from(self.decision.entries.len()).unwrap_or(u64::MAX);
        let located = Located {
            origin: self.publisher.origin,
            index: self.publisher.next_index.saturating_add(count),
            division: self.publisher.division,
        };
        match catalog::decide(&entry, &located, &self.known) {
            Ok(changes) => {
                for change in changes {
                    self.known.insert(change.key, change.object);
                }
                self.decision.published.push(Published {
                    kind: entry.fact.kind().to_owned(),
                    id: id.to_owned(),
                    key: key.to_owned(),
                    name: name.zh.clone(),
                });
                self.decision.entries.push(entry);
            }
            Err(quarantine) => section.refuse(quarantine.code(), quarantine),
        }
    }
}

/// The field of `[[authorization]]` that a refusal concerns.
fn authorization_field(refusal: &GuardRefusal) -> &'static str {
    match refusal.code() {
        "guard.term_empty" | "guard.term_too_long" => "until",
        "guard.agreement_missing" => "agreement",
        "guard.emergency_plan_missing" => "emergency_plan",
        _ => "resources",
    }
}

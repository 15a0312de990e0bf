//! Products with what hangs below them: ceilings, split, plans, listing.

use lianshi_registry::{
    catalog::{Object, ObjectKey, ProductState, ProductStatus},
    entry::{Ceiling, Fact, Product, ProductNotice, Purpose, Split, Texts},
    id::RegistrationNumber,
    refusal::Refusal as _,
    time::Period,
};

use super::{Desk, Numbered};
use crate::{
    guard::{self, Foundation, GuardRefusal},
    publish::{of_product, read, section::Section},
};

impl Desk<'_> {
    pub(super) fn product(&mut self, section: &Section<'_>, numbered: &Numbered) {
        // A number alone adds plans, ceilings or a split to what is described already.
        let described = !numbered.given || section.has("name");
        let list = section.flag("list", true).unwrap_or(true);
        if described {
            self.description(section, numbered);
        }
        let number = &numbered.number;
        let (name, purposes) = match self.described(number) {
            Some(state) => (state.product.name.clone(), state.product.purposes.clone()),
            None if numbered.given => {
                let message = format!("{number} is not recorded in this log");
                section.refuse_at(section.line_of("number"), "catalog.unknown", message);
                (untitled(), Vec::new())
            }
            // Its own mistakes are told; what hangs below is judged for any purpose.
            None => (untitled(), vec![Purpose::PublicGood, Purpose::Industry]),
        };
        self.ceilings(section, numbered, &name);
        self.split(section, numbered, &name);
        let plans = self.plans(section, numbered, (&name, &purposes));
        section.finish();
        if list && !numbered.given {
            if plans == 0 {
                section.refuse("publish.no_plan", "a product is listed with at least one plan");
            }
            let notice = ProductNotice { number: number.clone(), reason: String::new() };
            if self.described(number).is_some() {
                self.hang(section, Fact::ProductListed(notice), numbered, &name);
            }
        }
    }

    fn described(&self, number: &RegistrationNumber) -> Option<&ProductState> {
        match self.known.get(&ObjectKey::product(number, self.publisher.origin)) {
            Some(Object::Product(state)) => Some(state),
            _ => None,
        }
    }

    fn description(&mut self, section: &Section<'_>, numbered: &Numbered) {
        let before = self.findings.count();
        let body = read::product(section, &numbered.number, &self.names, |number| {
            self.operator_of(number)
        });
        let Some(body) = body else { return };
        let resources = self.resources(&body.resources);
        let foundation = Foundation {
            authorization: self.authorized(&body.authorization),
            resources: &resources,
            today: self.publisher.now.date(),
        };
        for refusal in guard::product(&body, &foundation, &self.rules) {
            section.refuse_guard(&refusal, product_field(&refusal));
        }
        if self.findings.count() > before {
            self.assume_product(body);
            return;
        }
        let name = body.name.clone();
        let fact = if numbered.given {
            Fact::ProductRevised(Box::new(body))
        } else {
            Fact::ProductRegistered(Box::new(body))
        };
        self.hang(section, fact, numbered, &name);
    }

    fn assume_product(&mut self, product: Product) {
        let at = self.publisher.now;
        self.assume(Object::Product(Box::new(ProductState {
            product,
            status: ProductStatus::Registered,
            reason: String::new(),
            registered_at: at,
            registered_index: 0,
            updated_at: at,
            described_index: 0,
        })));
    }

    fn ceilings(&mut self, section: &Section<'_>, numbered: &Numbered, name: &Texts) {
        for inner in section.sections("ceiling") {
            if let Some(body) = read::ceiling(&inner, &numbered.number) {
                if self.described(&numbered.number).is_some() {
                    self.hang(&inner, Fact::CeilingFiled(body), numbered, name);
                } else {
                    self.assume(Object::Ceiling(body));
                }
            }
        }
    }

    fn split(&mut self, section: &Section<'_>, numbered: &Numbered, name: &Texts) {
        let Some(inner) = section.section("split") else { return };
        let held: Vec<&Split> = of_product(&self.known, &numbered.number)
            .filter_map(|object| match object {
                Object::Split(split) => Some(split),
                _ => None,
            })
            .collect();
        let next = held.iter().map(|split| split.version).max().unwrap_or(0).saturating_add(1);
        let Some(body) = read::split(&inner, &numbered.number, next) else { return };
        let mut refused = false;
        if let Some(refusal) = guard::split(&body) {
            inner.refuse_guard(&refusal, "share");
            refused = true;
        }
        if let Some(state) = self.described(&numbered.number) {
            let first = self.publisher.now.period();
            let open = self.publisher.closed_to.map(Period::next);
            let until = open.map_or(first, |open| open.max(first));
            let wanted = (&state.product.operator, until);
            for refusal in guard::split_reaches_back(&body, &held, wanted) {
                inner.refuse_guard(&refusal, "from");
                refused = true;
            }
        }
        if !refused && self.described(&numbered.number).is_some() {
            self.hang(&inner, Fact::SplitAgreed(body), numbered, name);
        }
    }

    /// Gives how many plans the file has for the product.
    fn plans(
        &mut self,
        section: &Section<'_>,
        numbered: &Numbered,
        (name, purposes): (&Texts, &[Purpose]),
    ) -> usize {
        let sections = section.sections("plan");
        for inner in &sections {
            let Some(body) = read::plan(inner, &numbered.number) else { continue };
            let ceilings: Vec<&Ceiling> = of_product(&self.known, &numbered.number)
                .filter_map(|object| match object {
                    Object::Ceiling(ceiling) => Some(ceiling),
                    _ => None,
                })
                .collect();
            let refusals = guard::plan(&body, purposes, &ceilings, &self.rules);
            for refusal in &refusals {
                inner.refuse_guard(refusal, plan_field(refusal));
            }
            if refusals.is_empty() && self.described(&numbered.number).is_some() {
                self.hang(inner, Fact::PlanPublished(body), numbered, name);
            }
        }
        sections.len()
    }

    fn hang(&mut self, section: &Section<'_>, fact: Fact, numbered: &Numbered, name: &Texts) {
        self.say(section, fact, (numbered.number.as_str(), &numbered.key, name));
    }
}

fn untitled() -> Texts {
    Texts { zh: String::new(), en: String::new() }
}

/// The field of `[[product]]` that a refusal concerns.
fn product_field(refusal: &GuardRefusal) -> &'static str {
    match refusal.code() {
        "guard.grade_too_high" | "guard.grade_below_input" => "grade",
        "guard.form_not_allowed" | "guard.form_too_open" => "form",
        "guard.security_assessment_missing" => "security_assessment",
        "guard.export_review_missing" => "export_review",
        "guard.validity_too_long" => "valid_until",
        "guard.authorization_absent"
        | "guard.authorization_not_active"
        | "guard.authorization_ended" => "authorization",
        _ => "resources",
    }
}

fn plan_field(refusal: &GuardRefusal) -> &'static str {
    match refusal.code() {
        "guard.plan_purpose" => "purpose",
        "guard.public_good_unreviewed" => "automatic_approval",
        "guard.qualifies_trade" => "qualifies",
        _ => "charge",
    }
}

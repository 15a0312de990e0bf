//! What stands in the registry of a rehearsal: an authority, an operator and three contributors,
//! all made up, one resource, one authorization, and products with a plan and a split each.

use lianshi_registry::{
    entry::{
        Admission, Authorization, Charge, Confirmation, Entry, Fact, FieldType, Grade, Guard,
        Organization, OrganizationKind, Plan, Possession, Product, ProductForm, ProductNotice,
        Purpose, Resource, ResourceField, Share, ShareRole, Split, SplitBase, Texts, UpdateCycle,
    },
    id::{NumberKind, RegistrationNumber},
    key::{KeyPair, NodeKeys},
    member::Root,
    price::Price,
    time::Date,
    uscc::{Uscc, complete},
};

use super::product_number;
use crate::{Fault, Site, log, members};

/// Made-up codes; the seventeen characters are fixed, so the eighteenth exists.
fn code(seventeen: &str) -> Uscc {
    #[expect(clippy::expect_used, reason = "the texts below are seventeen allowed characters")]
    complete(seventeen).expect("seventeen allowed characters")
}

/// The operator of every product.
pub(super) fn operator() -> Uscc {
    code("91330212MA2TEQT01")
}

fn authority() -> Uscc {
    code("11330212MB2TEQT02")
}

/// The contributors with their shares: thirds that do not come out even.
fn contributors() -> [(Uscc, u32); 3] {
    [
        (authority(), 333_300),
        (code("12330212MB2TEQT03"), 333_300),
        (code("12330212MB2TEQT04"), 166_700),
    ]
}

/// The number of the one resource or authorization.
pub(super) fn number(site: &Site, kind: NumberKind) -> RegistrationNumber {
    #[expect(clippy::expect_used, reason = "2026 and 1 fit")]
    RegistrationNumber::new(&site.division, kind, 2026, 1).expect("2026 and 1 fit")
}

fn texts(zh: &str, en: &str) -> Texts {
    Texts { zh: zh.to_owned(), en: en.to_owned() }
}

/// Publishes products. A root authority that has not admitted itself does so first; a database
/// without a charter founds a federation of this one node.
pub fn stage(site: &Site, products: u32) -> Result<(), Fault> {
    let mut facts = vec![
        organization(site, operator(), OrganizationKind::Operator),
        organization(site, authority(), OrganizationKind::Authority),
        Fact::ResourceCataloged(resource(site)?),
        Fact::AuthorizationGranted(authorization(site)?),
    ];
    for n in 1..=products {
        let product = product_number(site, n)?;
        facts.push(Fact::ProductRegistered(Box::new(described(site, &product)?)));
        facts.push(Fact::PlanPublished(plan(&product)));
        facts.push(Fact::SplitAgreed(split(site, &product)?));
        facts.push(Fact::ProductListed(ProductNotice { number: product, reason: String::new() }));
    }
    let own = Root::of(&admission(site));
    let mut roots = site.db.read(members::roots)?;
    if roots.is_empty() {
        members::set_roots(&site.db, std::slice::from_ref(&own))?;
        roots.push(own.clone());
    }
    let admitted = site.db.read(|read| members::by_node(read, &site.node))?.is_some();
    if !admitted && roots.contains(&own) {
        facts.insert(0, Fact::MemberAdmitted(admission(site)));
    }
    let now = site.now();
    let by = site.node.to_string();
    let entries: Vec<Entry> =
        facts.into_iter().map(|fact| Entry { at: now, by: by.clone(), fact }).collect();
    site.db.write(|write| {
        if log::head(&mut write.as_read(), &site.origin)?.is_none() {
            log::create_own(write, site)?;
        }
        log::append(write, &site.origin, &entries, now).map(|_| ())
    })
}

fn admission(site: &Site) -> Admission {
    let key = |seed| KeyPair::from_seed([seed; 32]);
    let keys = NodeKeys {
        identity: key(201),
        log: site.log_key.clone(),
        witness: key(202),
        seal: site.seal_key.clone(),
    };
    Admission {
        node: site.node.clone(),
        name: site.name.clone(),
        division: site.division.clone(),
        level: "district".to_owned(),
        origin: site.origin.clone(),
        identity_key: keys.identity.public(),
        log_key: keys.log.public(),
        witness_key: keys.witness.public(),
        seal_key: keys.seal.public(),
        addresses: Vec::new(),
        public_url: site.public_url.clone(),
        quota_bytes: lianshi_registry::entry::QUOTA_BYTES,
        possession: Possession::default(),
    }
    .proved(&keys)
}

fn organization(site: &Site, uscc: Uscc, kind: OrganizationKind) -> Fact {
    let name = texts("演练单位", "Rehearsal organization");
    Fact::OrganizationListed(Organization { uscc, name, kind, division: site.division.clone() })
}

fn resource(site: &Site) -> Result<Resource, Fault> {
    Ok(Resource {
        number: number(site, NumberKind::Resource),
        name: texts("演练资源", "Rehearsal resource"),
        provider: authority(),
        platform_id: "rehearsal".to_owned(),
        grade: Grade::L1,
        forbidden: false,
        fields: vec![ResourceField {
            name: "code".to_owned(),
            label: texts("代码", "Code"),
            field_type: FieldType::Text,
            confirmed: Some(Confirmation {
                by: authority(),
                on: day("2026-01-01")?,
                document: "C-1".to_owned(),
            }),
        }],
        row_count: 1,
        update_cycle: UpdateCycle::Yearly,
    })
}

fn day(text: &str) -> Result<Date, Fault> {
    Date::parse(text).map_err(|error| Fault::corrupt("rehearsal", error))
}

fn authorization(site: &Site) -> Result<Authorization, Fault> {
    Ok(Authorization {
        number: number(site, NumberKind::Authorization),
        scenario: texts("演练", "Rehearsal"),
        grantor: authority(),
        operator: operator(),
        resources: vec![number(site, NumberKind::Resource)],
        purposes: vec![Purpose::Industry],
        from: day("2026-01-01")?,
        until: day("2028-01-01")?,
        agreement: "rehearsal".to_owned(),
        emergency_plan: "rehearsal".to_owned(),
        ruleset: "330200-2023".to_owned(),
    })
}

fn described(site: &Site, product: &RegistrationNumber) -> Result<Product, Fault> {
    let text = || texts("演练产品", "Rehearsal product");
    Ok(Product {
        number: product.clone(),
        name: text(),
        summary: text(),
        description: text(),
        form: ProductForm::Verification,
        version: "1.0".to_owned(),
        sector: "finance".to_owned(),
        field: "economy".to_owned(),
        operator: operator(),
        authorization: number(site, NumberKind::Authorization),
        resources: vec![number(site, NumberKind::Resource)],
        grade: Grade::L1,
        regrade: None,
        purposes: vec![Purpose::Industry],
        forbidden_uses: text(),
        update_cycle: UpdateCycle::Yearly,
        coverage: text(),
        technique: "lookup".to_owned(),
        operations: Vec::new(),
        guard: Guard { smallest_cell: 0, distinct_subjects_max: 100 },
        security_assessment: "rehearsal".to_owned(),
        export_review: "rehearsal".to_owned(),
        service_level: text(),
        contact: "rehearsal".to_owned(),
        valid_until: day("2029-01-01")?,
        synthetic: true,
    })
}

fn plan(product: &RegistrationNumber) -> Plan {
    Plan {
        product: product.clone(),
        code: "rehearsal".to_owned(),
        name: texts("演练", "Rehearsal"),
        purpose: Purpose::Industry,
        charge: Charge::PerCall {
            price: Price::from_micro(500_000).unwrap_or_default(),
            included_calls: 2,
        },
        calls_per_month_max: 1_000_000,
        calls_per_minute_max: 6_000,
        term_months_max: 12,
        automatic_approval: true,
        qualifies: Vec::new(),
    }
}

/// The operator keeps what the contributors leave.
fn split(site: &Site, product: &RegistrationNumber) -> Result<Split, Fault> {
    let mut left = 1_000_000;
    let mut shares = Vec::new();
    for (party, share_ppm) in contributors() {
        left -= share_ppm;
        shares.push(Share {
            party,
            name: texts("演练贡献方", "Rehearsal contributor"),
            role: ShareRole::Provider,
            node: site.node.clone(),
            share_ppm,
        });
    }
    shares.push(Share {
        party: operator(),
        name: texts("演练运营方", "Rehearsal operator"),
        role: ShareRole::Operator,
        node: site.node.clone(),
        share_ppm: left,
    });
    Ok(Split {
        product: product.clone(),
        version: 1,
        from: day("2026-01-01")?.period(),
        base: SplitBase::Invoiced,
        consents: Vec::new(),
        shares,
    })
}

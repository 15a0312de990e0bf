//! The publishing file: resources, authorization, product, plans and split in one readable TOML
//! file. It is decided whole: either every entry it makes, or every error in it with its line and
//! rule. `docs/publishing.md` describes the format; the log decides again when it folds the
//! entries.

mod decide;
mod field;
mod operation;
mod read;
mod section;
mod source;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt};

use lianshi_registry::{
    catalog::{Known, Object, ObjectKey, ObjectKind},
    entry::{Entry, OrganizationKind},
    id::{DivisionCode, NumberKind, Origin, RegistrationNumber},
    refusal::Refusal,
    time::{Period, Timestamp},
    uscc::Uscc,
};
use serde::{Deserialize, Serialize};

use self::source::Source;
pub use decide::decide;

/// Largest publishing file in bytes: some hundred products; larger ones are split.
pub const FILE_BYTES_MAX: usize = 1024 * 1024;

/// Findings told at once: what is wrong in fifty places is better mended at its source.
pub const FINDINGS_MAX: usize = 50;

/// Sectors a product may name; the pages have a word for each.
pub const SECTORS: [&str; 17] = [
    "port_shipping",
    "health",
    "finance_insurance",
    "transport",
    "governance",
    "trade",
    "environment",
    "housing",
    "culture_tourism",
    "credit",
    "education",
    "manufacturing",
    "employment",
    "agriculture",
    "energy",
    "science",
    "livelihood",
];
/// Fields a product may name.
pub const FIELDS: [&str; 4] = ["governance", "government_service", "public_service", "economy"];
/// How a product may be delivered, with its privacy technique.
pub const TECHNIQUES: [&str; 8] = [
    "lookup",
    "aggregation",
    "series",
    "masking",
    "sandbox",
    "privacy_computing",
    "model",
    "report",
];

/// One thing wrong with a publishing file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// Where in the file, such as `product.plan`.
    pub place: String,
    /// Stable code.
    pub code: String,
    /// What is wrong, in words.
    pub message: String,
    /// The rule behind it, where a document says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, {}: {} [{}]", self.line, self.place, self.message, self.code)?;
        match &self.rule {
            Some(rule) => write!(f, "\n    rule: {rule}"),
            None => Ok(()),
        }
    }
}

/// Why a publishing file was refused: everything wrong with it, by line.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct PublishRefusal {
    /// At least one finding, the first [`FINDINGS_MAX`].
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: usize,
}

impl PublishRefusal {
    /// Refuses a file for what was found wrong with it.
    pub fn new(mut findings: Vec<Finding>) -> Self {
        let more = findings.len().saturating_sub(FINDINGS_MAX);
        findings.truncate(FINDINGS_MAX);
        Self { findings, more }
    }
}

impl fmt::Display for PublishRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.findings.len().saturating_add(self.more);
        writeln!(f, "the file was not published, {count} to correct:")?;
        for finding in &self.findings {
            writeln!(f, "  {finding}")?;
        }
        if self.more > 0 { writeln!(f, "  … and {} more", self.more) } else { Ok(()) }
    }
}

impl Refusal for PublishRefusal {
    fn code(&self) -> &'static str {
        "publish.not_lawful"
    }

    fn rule(&self) -> Option<String> {
        self.findings.iter().find_map(|finding| finding.rule.clone())
    }
}

/// Who publishes, where and when.
#[derive(Debug, Clone)]
pub struct Publisher<'a> {
    /// The log that will hold the entries.
    pub origin: &'a Origin,
    /// The division its node speaks for.
    pub division: &'a DivisionCode,
    /// Index the first entry will have.
    pub next_index: u64,
    /// The office that acts, as entries name it.
    pub by: &'a str,
    /// The time.
    pub now: Timestamp,
    /// The latest period whose books are closed.
    pub closed_to: Option<Period>,
}

/// What a file needs before it can be decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// How many new numbers of each kind.
    pub numbers: BTreeMap<NumberKind, u32>,
    /// Numbers and codes it mentions: what is known of them must be at hand.
    pub mentioned: Vec<ObjectKey>,
}

/// New numbers, in the order they are given out.
pub type FreshNumbers = BTreeMap<NumberKind, Vec<RegistrationNumber>>;

/// Reads a file as far as needed to say what it wants. A file that is no TOML is refused here.
pub fn wanted(text: &str, origin: &Origin) -> Result<Wanted, PublishRefusal> {
    if text.len() > FILE_BYTES_MAX {
        let message = format!("the file is larger than {FILE_BYTES_MAX} bytes; split it");
        let finding = Finding {
            line: 1,
            place: "file".to_owned(),
            code: "publish.too_large".to_owned(),
            message,
            rule: None,
        };
        return Err(PublishRefusal::new(vec![finding]));
    }
    let source = Source::parse(text)?;
    let mut wanted = Wanted::default();
    let kinds = [
        ("resource", NumberKind::Resource),
        ("authorization", NumberKind::Authorization),
        ("product", NumberKind::Product),
    ];
    for (name, kind) in kinds {
        let new = source.tables(name).filter(|table| !table.contains_key("number")).count();
        wanted.numbers.insert(kind, u32::try_from(new).unwrap_or(u32::MAX));
    }
    for text in source.texts() {
        if let Ok(number) = RegistrationNumber::parse(&text) {
            wanted.mentioned.push(key_of(&number, origin));
        } else if let Ok(uscc) = Uscc::parse(&text) {
            wanted.mentioned.push(ObjectKey::organization(&uscc, origin));
        }
    }
    wanted.mentioned.sort();
    wanted.mentioned.dedup();
    Ok(wanted)
}

fn key_of(number: &RegistrationNumber, origin: &Origin) -> ObjectKey {
    match number.kind() {
        NumberKind::Resource => ObjectKey::resource(number, origin),
        NumberKind::Authorization => ObjectKey::authorization(number, origin),
        NumberKind::Product => ObjectKey::product(number, origin),
    }
}

/// The objects a known object stands on, to be loaded as well.
pub fn stands_on(object: &Object, origin: &Origin) -> Vec<ObjectKey> {
    match object {
        Object::Resource(state) => {
            vec![ObjectKey::organization(&state.resource.provider, origin)]
        }
        Object::Authorization(state) => {
            let granted = &state.authorization;
            let mut keys = vec![
                ObjectKey::organization(&granted.operator, origin),
                ObjectKey::organization(&granted.grantor, origin),
            ];
            keys.extend(granted.resources.iter().map(|r| ObjectKey::resource(r, origin)));
            keys
        }
        Object::Product(state) => {
            vec![ObjectKey::authorization(&state.product.authorization, origin)]
        }
        _ => Vec::new(),
    }
}

/// What a file publishes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The entries, in order.
    pub entries: Vec<Entry>,
    /// What they register or change, for people: kind, number or code, name.
    pub published: Vec<Published>,
}

/// One thing that was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Published {
    /// The entry's kind, such as `product.registered`.
    pub kind: String,
    /// Number, or code of an organization.
    pub id: String,
    /// The name in the file (`key`), empty where there is none.
    pub key: String,
    /// Name in Chinese, where there is one.
    pub name: String,
}

/// Everything known of a product's offer in one log.
pub(crate) fn of_product<'k>(
    known: &'k Known,
    number: &'k RegistrationNumber,
) -> impl Iterator<Item = &'k Object> {
    known.iter().filter_map(move |(key, object)| {
        let hangs = !matches!(key.kind, ObjectKind::Product);
        (hangs && object.product_number() == Some(number)).then_some(object)
    })
}

/// Kinds of organizations that may grant.
pub(crate) fn may_grant(kind: OrganizationKind) -> bool {
    kind == OrganizationKind::Authority
}

//! From the tables of a publishing file to the bodies of entries.

mod offer;

use std::collections::BTreeMap;

use lianshi_registry::{
    entry::{Authorization, Guard, Organization, Product, Regrade, Resource},
    id::{DivisionCode, NumberKind, RegistrationNumber},
    text::Kind,
    time::Date,
    uscc::Uscc,
};

pub(super) use offer::{ceiling, plan, split};

use super::{FIELDS, SECTORS, TECHNIQUES, field, operation, section::Section};
use crate::division::{DivisionStanding, Divisions};

/// Names given in the file (`key`) and the numbers they stand for.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeMap<(NumberKind, String), RegistrationNumber>);

impl Names {
    /// Gives a name; tells when it is taken.
    pub(super) fn give(&mut self, name: &str, number: &RegistrationNumber) -> bool {
        let key = (number.kind(), name.to_owned());
        self.0.insert(key, number.clone()).is_none()
    }

    /// The number behind a name of the file, or written out.
    fn find(
        &self,
        section: &Section<'_>,
        kind: NumberKind,
        (text, line): (&str, usize),
    ) -> Option<RegistrationNumber> {
        if let Some(number) = self.0.get(&(kind, text.to_owned())) {
            return Some(number.clone());
        }
        match RegistrationNumber::parse(text) {
            Ok(number) if number.kind() == kind => Some(number),
            _ => {
                let message =
                    format!("`{text}` is neither a key of this file nor a number of this kind");
                section.refuse_at(line, "publish.unknown_reference", message);
                None
            }
        }
    }

    fn one(
        &self,
        section: &Section<'_>,
        kind: NumberKind,
        field: &str,
    ) -> Option<RegistrationNumber> {
        let text = section.text(field)?;
        self.find(section, kind, (&text, section.line_of(field)))
    }

    fn list(
        &self,
        section: &Section<'_>,
        kind: NumberKind,
        field: &str,
    ) -> Option<Vec<RegistrationNumber>> {
        let texts = section.list(field)?;
        let found: Vec<Option<RegistrationNumber>> =
            texts.iter().map(|(text, line)| self.find(section, kind, (text, *line))).collect();
        found.into_iter().collect()
    }
}

/// `[[organization]]`. Its division must be listed on the day.
pub(super) fn organization(section: &Section<'_>, today: Date) -> Option<Organization> {
    let uscc = section.parsed("uscc", Uscc::parse);
    let name = section.texts("name", Kind::Name);
    let kind = section.word("kind");
    let division = section.parsed("division", DivisionCode::parse);
    section.finish();
    let division = division?;
    check_division(section, &division, today);
    Some(Organization { uscc: uscc?, name: name?, kind: kind?, division })
}

fn check_division(section: &Section<'_>, division: &DivisionCode, today: Date) {
    let message = match Divisions::shipped().standing(division, today) {
        DivisionStanding::Listed(_) => return,
        DivisionStanding::Gone { last, successors } => {
            let after: Vec<String> =
                successors.iter().map(|d| format!("{} {}", d.code, d.name)).collect();
            let after = if after.is_empty() { "not known".to_owned() } else { after.join(", ") };
            format!("{division} {} is listed no more; its successor: {after}", last.name)
        }
        DivisionStanding::NotYet(_) | DivisionStanding::Unknown => {
            format!("{division} is not a division on {today}")
        }
    };
    section.refuse_at(section.line_of("division"), "publish.division_not_listed", message);
}

/// `[[resource]]`.
pub(super) fn resource(
    section: &Section<'_>,
    number: &RegistrationNumber,
    today: Date,
) -> Option<Resource> {
    let name = section.texts("name", Kind::Name);
    let provider = section.parsed("provider", Uscc::parse);
    let platform_id = section.text("platform_id");
    let grade = section.word("grade");
    let forbidden = section.flag("forbidden", false);
    let row_count = section.number("row_count");
    let update_cycle = section.word("update_cycle");
    let fields = field::of_resource(section, provider.as_ref(), today);
    section.finish();
    Some(Resource {
        number: number.clone(),
        name: name?,
        provider: provider?,
        platform_id: platform_id?,
        grade: grade?,
        forbidden: forbidden?,
        fields: fields?,
        row_count: row_count?,
        update_cycle: update_cycle?,
    })
}

/// `[[authorization]]`.
pub(super) fn authorization(
    section: &Section<'_>,
    number: &RegistrationNumber,
    names: &Names,
    ruleset: String,
) -> Option<Authorization> {
    let scenario = section.texts("scenario", Kind::Sentence);
    let grantor = section.parsed("grantor", Uscc::parse);
    let operator = section.parsed("operator", Uscc::parse);
    let resources = names.list(section, NumberKind::Resource, "resources");
    let purposes = section.words("purposes");
    let from = section.date("from");
    let until = section.date("until");
    let [agreement, emergency_plan] =
        ["agreement", "emergency_plan"].map(|field| section.text_or(field, Kind::Reference, ""));
    section.finish();
    Some(Authorization {
        number: number.clone(),
        scenario: scenario?,
        grantor: grantor?,
        operator: operator?,
        resources: resources?,
        purposes: purposes?,
        from: from?,
        until: until?,
        agreement: agreement?,
        emergency_plan: emergency_plan?,
        ruleset,
    })
}

/// The description in `[[product]]`, without what hangs below it. `operator` gives the operator of
/// an authorization.
pub(super) fn product(
    section: &Section<'_>,
    number: &RegistrationNumber,
    names: &Names,
    operator: impl Fn(&RegistrationNumber) -> Option<Uscc>,
) -> Option<Product> {
    let authorization = names.one(section, NumberKind::Authorization, "authorization");
    let resources = names.list(section, NumberKind::Resource, "resources");
    let regrade = if section.has("regrade") { regrade(section).map(Some) } else { Some(None) };
    let operations = operation::all(section);
    let (name, summary) =
        (section.texts("name", Kind::Name), section.texts("summary", Kind::Sentence));
    let texts = ["description", "forbidden_uses", "coverage", "service_level"]
        .map(|field| section.texts(field, Kind::Description));
    let (form, grade) = (section.word("form"), section.word("grade"));
    let version = section.text_or("version", Kind::Label, "1.0");
    let (sector, field) = (section.one_of("sector", &SECTORS), section.one_of("field", &FIELDS));
    let purposes = section.words("purposes");
    let update_cycle = section.word("update_cycle");
    let (technique, guard) = (section.one_of("technique", &TECHNIQUES), guard(section));
    let [security_assessment, export_review] = ["security_assessment", "export_review"]
        .map(|field| section.text_or(field, Kind::Reference, ""));
    let (contact, valid_until) = (section.text("contact"), section.date("valid_until"));
    let synthetic = section.flag("synthetic", false);
    let [description, forbidden_uses, coverage, service_level] = texts;
    let authorization = authorization?;
    let operator = operator(&authorization);
    if operator.is_none() {
        let message = format!("authorization {authorization} is not recorded in this log");
        section.refuse("guard.authorization_absent", message);
    }
    Some(Product {
        number: number.clone(),
        name: name?,
        summary: summary?,
        description: description?,
        form: form?,
        version: version?,
        sector: sector?,
        field: field?,
        operator: operator?,
        authorization,
        resources: resources?,
        grade: grade?,
        regrade: regrade?,
        purposes: purposes?,
        forbidden_uses: forbidden_uses?,
        update_cycle: update_cycle?,
        coverage: coverage?,
        technique: technique?,
        operations: operations?,
        guard: guard?,
        security_assessment: security_assessment?,
        export_review: export_review?,
        service_level: service_level?,
        contact: contact?,
        valid_until: valid_until?,
        synthetic: synthetic?,
    })
}

fn regrade(section: &Section<'_>) -> Option<Regrade> {
    let section = section.section("regrade")?;
    let method = section.word("method");
    let reviewer = section.parsed("reviewer", Uscc::parse);
    let evidence = section.text("evidence");
    section.finish();
    Some(Regrade { method: method?, reviewer: reviewer?, evidence: evidence? })
}

fn guard(section: &Section<'_>) -> Option<Guard> {
    let Some(section) = section.section("guard") else {
        section.refuse("publish.missing", "the table [product.guard] is missing");
        return None;
    };
    let smallest_cell = section.number("smallest_cell");
    let distinct_subjects_max = section.limit("distinct_subjects_max");
    section.finish();
    Some(Guard { smallest_cell: smallest_cell?, distinct_subjects_max: distinct_subjects_max? })
}

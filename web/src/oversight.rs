//! The audit trail: who did what, and whether the chain of its rows is whole. Rows hold codes, so
//! that they say the same for ever; the page puts words to them.

mod seals;

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_registry::{entry::Texts, time::Timestamp};
use lianshi_store::{
    accounts,
    audit::{self, AuditRow},
};
use serde::Deserialize;

use crate::{
    WebState, actor,
    page::{Page, render},
    problem::Problem,
    refusal,
};
use seals::Told;

/// Rows of one page.
const ROWS_MAX: usize = 50;
/// Characters shown of a hash: enough to compare by eye.
const HASH_SHOWN: usize = 16;
/// Lists a word of a state may come from.
const STATES: [&str; 3] = ["state", "role", "entry"];

/// Which part of the trail.
#[derive(Debug, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    before: Option<String>,
    #[serde(default)]
    verify: Option<String>,
}

#[derive(Template)]
#[template(path = "oversight/audit.html")]
struct AuditPage {
    page: Page,
    rows: Vec<AuditRow>,
    organizations: BTreeMap<String, Texts>,
    addresses: BTreeMap<String, String>,
    told: Option<Told>,
    newest: bool,
    older: Option<i64>,
}

impl AuditPage {
    fn at(&self, row: &AuditRow) -> String {
        self.page.time(&Timestamp::from_millis(row.at))
    }

    fn actor(&self, row: &AuditRow) -> String {
        actor::shown(&self.page, &row.actor, &row.organization)
    }

    fn organization(&self, row: &AuditRow) -> String {
        let known = self.organizations.get(&row.organization);
        known.map_or_else(|| row.organization.clone(), |name| self.page.of_texts(name).to_owned())
    }

    /// What was done; what a root authority does to members is called like the entry it writes.
    fn act(&self, row: &AuditRow) -> String {
        // What was called a confirmation was a program's comparison then, too.
        let action = match row.action.as_str() {
            "statement.confirm" => "statement.check",
            "division.confirm" => "division.check",
            action => action,
        };
        let code = action.replace(['_', '.'], "-");
        let lang = self.page.lang;
        lang.find(&format!("act-{code}"))
            .or_else(|| lang.find(&format!("entry-{code}")))
            .unwrap_or_else(|| row.action.clone())
    }

    fn outcome(&self, row: &AuditRow) -> String {
        let lang = self.page.lang;
        let code = row.outcome.replace(['_', '.'], "-");
        lang.find(&format!("outcome-{code}"))
            .or_else(|| lang.find(&format!("moment-{code}")))
            .or_else(|| lang.find(&refusal::key(&row.outcome)))
            .unwrap_or_else(|| row.outcome.clone())
    }

    /// States and roles in words, the beginning of a hash, the rest as it is.
    fn change(&self, text: &str) -> String {
        let word = |code: &str| {
            let code = code.replace(['_', '.'], "-");
            STATES.iter().find_map(|list| self.page.lang.find(&format!("{list}-{code}")))
        };
        let short = |code: &str| match code.get(..HASH_SHOWN) {
            Some(head) if code.len() == 64 => format!("{head}…"),
            _ => code.to_owned(),
        };
        let address = |code: &str| {
            let is_mark = code.starts_with(audit::MARK_PREFIX);
            let gone = || format!("{code} ({})", self.page.t("audit-address-gone"));
            is_mark.then(|| self.addresses.get(code).cloned().unwrap_or_else(gone))
        };
        let shown = |code| address(code).or_else(|| word(code)).unwrap_or_else(|| short(code));
        text.split(' ').map(shown).collect::<Vec<_>>().join(" ")
    }
}

/// `GET /audit`: the newest rows, with an alarm when they contradict the last seal; with
/// `?verify=1` the whole chain is recomputed and compared with every seal.
pub async fn show(
    page: Page,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let before = wanted.before.as_deref().and_then(|text| text.parse().ok());
    let (rows, addresses, alarm, organizations) = state
        .read(move |read| {
            let limit = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
            let rows = audit::newest(read, before, limit)?;
            let addresses = audit::addresses_in(read, rows.iter().map(|row| row.after.as_str()))?;
            Ok((rows, addresses, audit::contradiction(read)?, accounts::organizations(read)?))
        })
        .await?;
    let origin = &state.site.origin;
    let told = if wanted.verify.is_some() {
        let report = state.run(|site| Ok(audit::check(site)?)).await?;
        Some(seals::tell(&page, origin, &report))
    } else {
        alarm.map(|refusal| seals::alarm(&page, origin, &refusal))
    };
    let older = if rows.len() == ROWS_MAX { rows.last().map(|row| row.seq) } else { None };
    let named = |one: accounts::OrganizationRecord| (one.uscc.to_string(), one.name);
    let organizations = organizations.into_iter().map(named).collect();
    let newest = before.is_none();
    render(&AuditPage { page, rows, organizations, addresses, told, newest, older })
}

//! The audit trail: who did what, and whether the chain of its rows is whole. Rows hold codes, so
//! that they say the same for ever; the page puts words to them.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, web};
use askama::Template;
use lianshi_registry::{entry::Texts, time::Timestamp};
use lianshi_store::{
    accounts,
    audit::{self, AuditRow, Verdict},
};
use serde::Deserialize;

use crate::{
    WebState,
    page::{Page, render},
    problem::Problem,
    refusal,
};

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
    verdict: Option<Verdict>,
    newest: bool,
    older: Option<i64>,
}

impl AuditPage {
    fn at(&self, row: &AuditRow) -> String {
        self.page.time(&Timestamp::from_millis(row.at))
    }

    /// Who acted: a login, the node itself, or another node by its message.
    fn actor(&self, row: &AuditRow) -> String {
        match row.actor.strip_prefix("node") {
            Some("") if row.organization.is_empty() => self.page.t("audit-node"),
            Some(other) if other.starts_with(' ') => {
                self.page.t1("audit-other-node", "node", other.trim())
            }
            _ => row.actor.clone(),
        }
    }

    fn organization(&self, row: &AuditRow) -> String {
        let known = self.organizations.get(&row.organization);
        known.map_or_else(|| row.organization.clone(), |name| self.page.of_texts(name).to_owned())
    }

    /// What was done; what a root authority does to members is called like the entry it writes.
    fn act(&self, row: &AuditRow) -> String {
        let code = row.action.replace(['_', '.'], "-");
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
        let words = text.split(' ').map(|code| word(code).unwrap_or_else(|| short(code)));
        words.collect::<Vec<_>>().join(" ")
    }

    #[expect(clippy::unused_self, reason = "templates call methods of their page")]
    fn head(&self, hash: &[u8]) -> String {
        hex::encode(hash)
    }
}

/// `GET /audit`: the newest rows; with `?verify=1` the whole chain is recomputed.
pub async fn show(
    page: Page,
    state: web::Data<WebState>,
    wanted: web::Query<Wanted>,
) -> Result<HttpResponse, Problem> {
    let before = wanted.before.as_deref().and_then(|text| text.parse().ok());
    let verify = wanted.verify.is_some();
    let (rows, verdict, organizations) = state
        .read(move |read| {
            let limit = i64::try_from(ROWS_MAX).unwrap_or(i64::MAX);
            let rows = audit::newest(read, before, limit)?;
            let verdict = if verify { Some(audit::verify(read)?) } else { None };
            Ok((rows, verdict, accounts::organizations(read)?))
        })
        .await?;
    let older = if rows.len() == ROWS_MAX { rows.last().map(|row| row.seq) } else { None };
    let named = |one: accounts::OrganizationRecord| (one.uscc.to_string(), one.name);
    let organizations = organizations.into_iter().map(named).collect();
    render(&AuditPage { page, rows, organizations, verdict, newest: before.is_none(), older })
}

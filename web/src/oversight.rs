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
/// Characters of a whole one.
const HASH_CHARS: usize = 64;
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

    /// From what to what, in words; a dash where nothing changed.
    fn change(&self, row: &AuditRow) -> String {
        if row.before == row.after {
            return "–".to_owned();
        }
        let after =
            if row.after.is_empty() { "–".to_owned() } else { self.words(row, &row.after) };
        if row.before.is_empty() {
            after
        } else {
            format!("{} → {after}", self.words(row, &row.before))
        }
    }

    /// What a row says of a state: counts and places in a sentence, codes in words.
    fn words(&self, row: &AuditRow, text: &str) -> String {
        if let Some(count) = text.strip_prefix("tokens ended: ").and_then(|n| n.parse::<u64>().ok())
        {
            return self.page.tn("change-tokens-ended", count);
        }
        let parts = text.split(", ").map(|part| match part.split_once(' ') {
            Some(("entry", index)) => self.page.t1("change-entry", "index", index),
            Some(("version", version)) => self.page.t1("change-version", "version", version),
            Some((count, "rows")) => self.page.t1("change-rows", "count", count),
            _ => {
                let shown = part.split(' ').map(|code| self.code(row, code));
                shown.collect::<Vec<_>>().join(" ")
            }
        });
        parts.collect::<Vec<_>>().join(&self.page.t("list-comma"))
    }

    /// One code in words, an address said to be one, the beginning of a hash, the rest as it is.
    fn code(&self, row: &AuditRow, code: &str) -> String {
        if code.starts_with(audit::MARK_PREFIX) {
            let gone = || format!("{code} ({})", self.page.t("audit-address-gone"));
            let address = self.addresses.get(code).cloned().unwrap_or_else(gone);
            return self.page.t1("change-from", "address", address);
        }
        match code.get(..HASH_SHOWN) {
            Some(head) if code.len() == HASH_CHARS => format!("{head}…"),
            _ => word(&self.page, &row.action, code),
        }
    }
}

/// The word for a state, from the list of what was acted on.
fn word(page: &Page, action: &str, code: &str) -> String {
    match action {
        "catalog.publish" => page.word("entry", code),
        "organization.add" => page.word("organization-kind", code),
        "period.close" | "period.recover" => page.word("period-state", code),
        "period.park" => page.word("parked-reason", code),
        "token.create" | "user.add" | "user.roles" => page.word("role", code),
        "user.recovery_codes" | "user.second_factor" => page.word("second-state", code),
        _ => page.word("state", code),
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Kinds of organizations and the states of second steps once stood there as codes.
    #[test]
    fn every_state_of_the_trail_has_a_word() {
        let page = Page::of(&actix_web::test::TestRequest::default().to_http_request());
        let kinds = [
            "enterprise",
            "authority",
            "provider",
            "operator",
            "partner",
            "platform_operator",
            "regulator",
        ];
        let kinds = kinds.map(|kind| ("organization.add", kind));
        let others = [
            ("user.second_factor", "on"),
            ("user.second_factor", "off"),
            ("user.recovery_codes", "renewed"),
            ("user.disable", "disabled"),
            ("user.roles", "node_admin"),
            ("key.create", "finalized"),
            ("catalog.publish", "product.listed"),
            ("period.close", "open"),
            ("period.park", "no_contract"),
        ];
        for (action, code) in kinds.into_iter().chain(others) {
            assert_ne!(word(&page, action, code), code, "{action}");
        }
    }
}

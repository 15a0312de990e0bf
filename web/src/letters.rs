//! Letters between nodes that somebody has to see: what other nodes refused for good, and whom
//! letters wait for in vain.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_store::{
    notices,
    outbox::{self, PARKED_MAX, ParkedLetter, Unreached},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    problem::Problem,
    refusal,
};

#[derive(Template)]
#[template(path = "oversight/letters.html")]
struct ListPage {
    page: Page,
    parked: Vec<ParkedLetter>,
    unreached: Vec<Unreached>,
    /// Further ones are not listed.
    more: bool,
    errors: Errors,
}

impl ListPage {
    /// Who was written to.
    fn receiver(&self, target: &str) -> String {
        match notices::webhook_of(target) {
            Some(name) => self.page.t1("letter-to-webhook", "name", name),
            None if target == notices::MAIL => self.page.t("letter-to-mail"),
            None => target.to_owned(),
        }
    }

    /// What the receiver's code means, where it is known here; else its own words.
    fn reason(&self, letter: &ParkedLetter) -> String {
        let known = self.page.lang.find(&refusal::key(&letter.code));
        known.unwrap_or_else(|| letter.text.clone())
    }
}

async fn listed(page: Page, state: &WebState) -> Result<ListPage, Problem> {
    let (parked, unreached, count) = state
        .read(|read| {
            let count = outbox::parked_count(read)?;
            Ok((outbox::parked(read)?, outbox::unreached(read)?, count))
        })
        .await?;
    let (more, errors) = (count > PARKED_MAX, Errors::default());
    Ok(ListPage { page, parked, unreached, more, errors })
}

/// `GET /letters`
pub async fn list(page: Page, state: web::Data<WebState>) -> Result<HttpResponse, Problem> {
    render(&listed(page, &state).await?)
}

/// What is done with a letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Decided {
    id: String,
    act: String,
    #[serde(default)]
    why: String,
}

/// `POST /letters`
pub async fn decide(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    Posted(decided): Posted<Decided>,
) -> Result<HttpResponse, Problem> {
    let Decided { id, act, why } = decided;
    let sends = match act.as_str() {
        "send" => true,
        "give-up" => false,
        other => return Err(Problem::Malformed(format!("act `{other}`"))),
    };
    let actor = caller.actor();
    let outcome = state
        .run(move |site| {
            settle(if sends {
                outbox::send_again(site, &actor, &id)
            } else {
                outbox::give_up(site, &actor, (&id, &why))
            })
        })
        .await?;
    match outcome {
        Ok(()) => Ok(HttpResponse::SeeOther().insert_header((LOCATION, "/letters")).finish()),
        Err(refused) => {
            let shown = listed(page, &state).await?;
            let (status, errors) = Errors::refused(&shown.page, &refused, "list");
            render_as(status, &ListPage { errors, ..shown })
        }
    }
}

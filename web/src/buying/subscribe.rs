//! Subscribing in steps: plan, purpose and term, check, sent. Each step is a page whose answers
//! travel in the address, so that going back loses nothing; only the last one changes something.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{eligibility::NOTE_CHARS_MAX, subscription::Side};
use lianshi_registry::{entry::Plan, id::RegistrationNumber};
use lianshi_store::{
    catalog::{self, Offer},
    subscriptions::{self, RequestSubscription},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    contract::{self, Dossier},
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    plans,
    preferences::encode,
    problem::Problem,
};

/// The answers so far.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Answers {
    #[serde(default)]
    plan: String,
    #[serde(default)]
    months: String,
    #[serde(default)]
    note: String,
}

impl Answers {
    /// The answers as the query of a link back to a step.
    fn query(&self) -> String {
        format!(
            "plan={}&months={}&note={}",
            encode(&self.plan),
            encode(&self.months),
            encode(&self.note)
        )
    }
}

#[derive(Template)]
#[template(path = "buying/plan.html")]
struct PlanPage {
    page: Page,
    offer: Offer,
    answers: Answers,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "buying/terms.html")]
struct TermsPage {
    page: Page,
    offer: Offer,
    plan: Plan,
    answers: Answers,
    errors: Errors,
}

#[derive(Template)]
#[template(path = "buying/check.html")]
struct CheckPage {
    page: Page,
    offer: Offer,
    plan: Plan,
    answers: Answers,
    errors: Errors,
}

impl TermsPage {
    /// The longest term, and the end of the authorization where one is known.
    fn months_hint(&self) -> String {
        let longest = self.page.tn("subscribe-months-hint", self.plan.term_months_max);
        match self.offer.authorized_until() {
            Some(until) => {
                let last = self.page.day_before(&until);
                format!("{longest} {}", self.page.t1("subscribe-authorized", "until", last))
            }
            None => longest,
        }
    }
}

async fn offer_of(state: &WebState, number: &str) -> Result<Offer, Problem> {
    let number = RegistrationNumber::parse(number).map_err(|_| Problem::NotFound)?;
    let offer = state.read(move |read| catalog::product(read, &number)).await?;
    offer.ok_or(Problem::NotFound)
}

/// `GET /products/{number}/subscribe`: choose a plan.
pub async fn choose_plan(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
    answers: web::Query<Answers>,
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let answers = answers.into_inner();
    render(&PlanPage { page, offer, answers, errors: Errors::default() })
}

/// `GET /products/{number}/subscribe/terms`: purpose and term.
pub async fn choose_terms(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
    answers: web::Query<Answers>,
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let mut answers = answers.into_inner();
    let Some(plan) = offer.plan(&answers.plan).cloned() else {
        return plan_missing(page, offer, answers);
    };
    if answers.months.is_empty() {
        answers.months = plan.term_months_max.min(12).to_string();
    }
    render(&TermsPage { page, offer, plan, answers, errors: Errors::default() })
}

fn plan_missing(page: Page, offer: Offer, answers: Answers) -> Result<HttpResponse, Problem> {
    let errors = Errors::one("plan-0", page.t("subscribe-choose-plan"));
    render_as(StatusCode::UNPROCESSABLE_ENTITY, &PlanPage { page, offer, answers, errors })
}

/// `GET /products/{number}/subscribe/check`: look at the answers once more.
pub async fn check(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
    answers: web::Query<Answers>,
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let answers = answers.into_inner();
    let Some(plan) = offer.plan(&answers.plan).cloned() else {
        return plan_missing(page, offer, answers);
    };
    let errors = look_over(&page, &plan, &answers);
    if errors.is_empty() {
        return render(&CheckPage { page, offer, plan, answers, errors });
    }
    let template = TermsPage { page, offer, plan, answers, errors };
    render_as(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

/// What can be told about the answers before the request is made; the rules themselves decide then.
fn look_over(page: &Page, plan: &Plan, answers: &Answers) -> Errors {
    let mut errors = Errors::default();
    if answers.note.trim().is_empty() {
        errors.add("note", page.t("subscribe-note-missing"));
    } else if answers.note.chars().count() > NOTE_CHARS_MAX {
        errors.add("note", page.tn("subscribe-note-long", NOTE_CHARS_MAX));
    }
    let months = answers.months.trim().parse::<u32>().unwrap_or(0);
    if months == 0 || months > plan.term_months_max {
        errors.add("months", page.tn("subscribe-months-range", plan.term_months_max));
    }
    errors
}

/// `POST /products/{number}/subscribe`: ask for it.
pub async fn request(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (number, form): (web::Path<String>, Posted<Answers>),
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let (answers, user) = (form.0, caller.user);
    let Some(plan) = offer.plan(&answers.plan).cloned() else {
        return plan_missing(page, offer, answers);
    };
    let wanted = RequestSubscription {
        product: offer.product.number.clone(),
        plan: plan.code.clone(),
        purpose: plan.purpose,
        purpose_note: answers.note.clone(),
        months: answers.months.trim().parse().unwrap_or(0),
        buyer: user.organization.clone(),
        buyer_name: user.organization_name.zh.clone(),
    };
    let outcome =
        state.run(move |site| settle(subscriptions::request(site, &user.actor(), wanted))).await?;
    match outcome {
        Ok(id) => {
            let location = format!("/subscriptions/{id}/requested");
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "send");
            render_as(status, &CheckPage { page, offer, plan, answers, errors })
        }
    }
}

#[derive(Template)]
#[template(path = "buying/requested.html")]
struct RequestedPage {
    page: Page,
    dossier: Dossier,
}

/// `GET /subscriptions/{id}/requested`: it was sent; what comes next.
pub async fn requested(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let dossier = Dossier::load(&page, &state, &caller.user, (&id, Side::Home)).await?;
    render(&RequestedPage { page, dossier })
}

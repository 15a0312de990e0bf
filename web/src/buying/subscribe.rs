//! Subscribing in steps: plan, purpose and term, check, sent. The answers travel from page to page
//! as a form, forth and back, so that nothing is lost; only the last step changes something. What
//! the enterprise says about its purpose is nobody else's: it never stands in an address, which
//! histories and logs of proxies keep.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{
    eligibility::{Asked, SubscriptionRefusal, is_automatic},
    subscription::Side,
};
use lianshi_registry::{
    entry::Plan,
    id::RegistrationNumber,
    text::{Kind, TextRefusal},
    uscc::Uscc,
};
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
    entered,
    form::Errors,
    page::{Page, render, render_as},
    plans::{self, Commitment},
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
    #[serde(default)]
    reason: String,
}

impl Answers {
    /// The term in months; 0, which no plan offers, where what was typed is no number.
    fn term(&self) -> u32 {
        let months = entered::whole_number(&self.months, u64::from(u32::MAX));
        months.and_then(|months| u32::try_from(months).ok()).unwrap_or(0)
    }

    /// Whether no person reads what the visitor answered so far.
    fn agreed_at_once(&self, page: &Page, plan: &Plan) -> bool {
        let buyer = page.visitor.0.as_ref().map(|visitor| Uscc::known(&visitor.organization));
        let Some(Ok(buyer)) = buyer else { return false };
        let (purpose_note, second_reason) = (self.note.as_str(), self.reason.trim());
        is_automatic(plan, Asked { buyer: &buyer, purpose_note, second_reason })
    }
}

/// The answers an address may bring: a plan somebody was pointed to, and a term.
#[derive(Debug, Deserialize)]
pub struct Chosen {
    #[serde(default)]
    plan: String,
    #[serde(default)]
    months: String,
}

impl From<Chosen> for Answers {
    fn from(Chosen { plan, months }: Chosen) -> Self {
        Self { plan, months, ..Self::default() }
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

impl CheckPage {
    /// Whether the term begins with the request.
    fn begins_now(&self) -> bool {
        self.answers.agreed_at_once(&self.page, &self.plan)
    }

    /// What is promised by sending, as it would begin now.
    fn commitment(&self) -> Commitment {
        Commitment::new(&self.page, (&self.offer, &self.plan), self.answers.term())
    }
}

impl TermsPage {
    /// Who reads the purpose: of an automatic plan nobody before the agreement is made.
    fn note_hint(&self) -> String {
        let automatic = self.answers.agreed_at_once(&self.page, &self.plan);
        self.page.t(if automatic { "subscribe-note-kept" } else { "subscribe-note-hint" })
    }

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
    chosen: web::Query<Chosen>,
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let answers = chosen.into_inner().into();
    render(&PlanPage { page, offer, answers, errors: Errors::default() })
}

/// `POST /products/{number}/subscribe/plan`: back to the plan with the answers given.
pub async fn change_plan(
    page: Page,
    state: web::Data<WebState>,
    (number, answers): (web::Path<String>, Posted<Answers>),
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    render(&PlanPage { page, offer, answers: answers.0, errors: Errors::default() })
}

/// `GET` of a step that needs answers, such as a page that is loaded again: begins anew.
pub async fn begin_anew(number: web::Path<String>) -> Result<HttpResponse, Problem> {
    let number = RegistrationNumber::parse(&number).map_err(|_| Problem::NotFound)?;
    let location = format!("/products/{number}/subscribe");
    Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
}

/// `GET /products/{number}/subscribe/terms`: purpose and term for a plan somebody was pointed to.
pub async fn choose_terms(
    page: Page,
    state: web::Data<WebState>,
    number: web::Path<String>,
    chosen: web::Query<Chosen>,
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    show_terms(page, offer, chosen.into_inner().into())
}

/// `POST /products/{number}/subscribe/terms`: purpose and term, forth or back.
pub async fn change_terms(
    page: Page,
    state: web::Data<WebState>,
    (number, answers): (web::Path<String>, Posted<Answers>),
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    show_terms(page, offer, answers.0)
}

fn show_terms(page: Page, offer: Offer, mut answers: Answers) -> Result<HttpResponse, Problem> {
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

/// `POST /products/{number}/subscribe/check`: look at the answers once more.
pub async fn check(
    page: Page,
    state: web::Data<WebState>,
    (number, answers): (web::Path<String>, Posted<Answers>),
) -> Result<HttpResponse, Problem> {
    let offer = offer_of(&state, &number).await?;
    let mut answers = answers.0;
    let Some(plan) = offer.plan(&answers.plan).cloned() else {
        return plan_missing(page, offer, answers);
    };
    let errors = look_over(&page, &plan, &mut answers);
    if errors.is_empty() {
        return render(&CheckPage { page, offer, plan, answers, errors });
    }
    let template = TermsPage { page, offer, plan, answers, errors };
    render_as(StatusCode::UNPROCESSABLE_ENTITY, &template)
}

/// What can be told about the answers before the request is made; the rules themselves decide then.
/// The note takes the form in which it will be sent.
fn look_over(page: &Page, plan: &Plan, answers: &mut Answers) -> Errors {
    let mut errors = Errors::default();
    match Kind::Note.read(&answers.note) {
        Ok(note) => answers.note = note,
        Err(TextRefusal::Empty) => errors.add("note", page.t("subscribe-note-missing")),
        Err(TextRefusal::TooLong { max, .. }) => {
            errors.add("note", page.tn("subscribe-note-long", max));
        }
        Err(_) => errors.add("note", page.t("refusal-subscription-text")),
    }
    if !(1..=plan.term_months_max).contains(&answers.term()) {
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
        months: answers.term(),
        buyer: user.organization.clone(),
        buyer_name: user.organization_name.zh.clone(),
        second_reason: answers.reason.clone(),
    };
    let outcome =
        state.run(move |site| settle(subscriptions::request(site, &user.actor(), wanted))).await?;
    match outcome {
        Ok(id) => {
            let location = format!("/subscriptions/{id}/requested");
            Ok(HttpResponse::SeeOther().insert_header((LOCATION, location)).finish())
        }
        Err(refused @ SubscriptionRefusal::SecondNeedsReason(_)) => {
            let (status, errors) = Errors::refused(&page, &refused, "reason");
            render_as(status, &TermsPage { page, offer, plan, answers, errors })
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

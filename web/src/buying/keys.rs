//! Keys of a subscription: the list, a new one shown once with a call to try, revoking.

use actix_web::{HttpResponse, http::StatusCode, http::header::LOCATION, web};
use askama::Template;
use lianshi_market::{
    key::{KeyState, KeyView},
    subscription::{Side, SubscriptionView},
};
use lianshi_registry::entry::Operation;
use lianshi_store::{
    catalog,
    subscriptions::{self, NewKey},
};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    account::settle,
    contract,
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    problem::Problem,
    session::Nothing,
    shell::quote,
};

#[derive(Template)]
#[template(path = "buying/keys.html")]
struct KeysPage {
    page: Page,
    view: SubscriptionView,
    keys: Vec<KeyView>,
    made: Option<Made>,
    typed: String,
    errors: Errors,
}

/// A new key and how to use it.
struct Made {
    secret: String,
    curl: String,
}

/// `GET /subscriptions/{id}/keys`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    id: web::Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let keys = keys_of(&state, &view).await?;
    render(&KeysPage {
        page,
        view,
        keys,
        made: None,
        typed: String::new(),
        errors: Errors::default(),
    })
}

async fn keys_of(state: &WebState, view: &SubscriptionView) -> Result<Vec<KeyView>, Problem> {
    let id = view.id.clone();
    state.read(move |read| subscriptions::keys(read, &id, Side::Home)).await
}

/// A key to be made.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyForm {
    #[serde(default)]
    label: String,
}

/// `POST /subscriptions/{id}/keys`: the answering page is the only place that ever shows the key.
pub async fn create(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    (id, form): (web::Path<String>, Posted<KeyForm>),
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let (key, actor, typed) = (view.id.clone(), caller.actor(), form.0.label);
    let wanted = typed.clone();
    let outcome = state
        .run(move |site| settle(subscriptions::create_key(site, &actor, &key, &wanted)))
        .await?;
    let keys = keys_of(&state, &view).await?;
    match outcome {
        Ok(new) => {
            let made = Some(explain(&state, &view, &new).await?);
            render(&KeysPage {
                page,
                view,
                keys,
                made,
                typed: String::new(),
                errors: Errors::default(),
            })
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "label");
            render_as(status, &KeysPage { page, view, keys, made: None, typed, errors })
        }
    }
}

async fn explain(state: &WebState, view: &SubscriptionView, new: &NewKey) -> Result<Made, Problem> {
    let number = view.product.clone();
    let offer = state.read(move |read| catalog::product(read, &number)).await?;
    let secret = new.secret.reveal().to_owned();
    let curl = offer.map_or_else(String::new, |offer| {
        let operation = offer.product.operations.first();
        operation.map_or_else(String::new, |operation| {
            let url = call_url(&offer.public_url, view, operation);
            format!(
                "curl -X POST {} \\\n  -H {} \\\n  -H 'Content-Type: application/json' \\\n  -d {}",
                quote(&url),
                quote(&format!("Authorization: Bearer {secret}")),
                quote(&example_body(operation))
            )
        })
    });
    Ok(Made { secret, curl })
}

/// Where an operation is called.
pub fn call_url(public_url: &str, view: &SubscriptionView, operation: &Operation) -> String {
    format!("{public_url}/call/{}/{}", view.product, operation.name)
}

/// The operation's registered example, which its data answer.
fn example_body(operation: &Operation) -> String {
    let example = operation.example.clone().unwrap_or_default();
    serde_json::Value::Object(example).to_string()
}

#[derive(Template)]
#[template(path = "buying/revoke.html")]
struct RevokePage {
    page: Page,
    view: SubscriptionView,
    key: KeyView,
}

/// `GET /subscriptions/{id}/keys/{key}/revoke`
pub async fn ask_revoke(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    path: web::Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (id, wanted) = path.into_inner();
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let keys = keys_of(&state, &view).await?;
    let key = keys.into_iter().find(|key| key.id == wanted && key.state == KeyState::Active);
    render(&RevokePage { page, view, key: key.ok_or(Problem::NotFound)? })
}

/// `POST /subscriptions/{id}/keys/{key}/revoke`
pub async fn revoke(
    caller: Caller,
    state: web::Data<WebState>,
    path: web::Path<(String, String)>,
    _: Posted<Nothing>,
) -> Result<HttpResponse, Problem> {
    let (id, key) = path.into_inner();
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let (actor, back) = (caller.actor(), format!("/subscriptions/{}/keys", view.id));
    state.run(move |site| Ok(subscriptions::revoke_key(site, &actor, &view.id, &key)?)).await?;
    Ok(HttpResponse::build(StatusCode::SEE_OTHER).insert_header((LOCATION, back)).finish())
}

//! Keys and usage of a subscription.

use actix_web::{
    HttpResponse,
    web::{Data, Path},
};
use lianshi_market::{
    subscription::Side,
    usage::{DayCount, total_calls},
};
use lianshi_registry::time::Date;
use lianshi_store::{catalog, subscriptions, usage};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::subscriptions::find;
use crate::{
    WebState,
    access::Caller,
    body::Body,
    buying::keys::call_url,
    contract,
    problem::{Problem, ProblemDetails},
};

/// A key to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyWanted {
    /// What it is called, 1 to 60 characters.
    label: String,
}

/// A new key, told this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct NewKey {
    /// `K-…`.
    id: String,
    /// The key.
    key: String,
    /// UTC, first instant it is no longer valid.
    expires_at: String,
    /// Where the first operation of the product is called.
    call_url: String,
}

/// Makes a key for a subscription in force.
#[utoipa::path(post, path = "/api/v1/subscriptions/{id}/keys", tag = "contracts",
    params(("id" = String, Path)), request_body = KeyWanted,
    responses((status = 201, body = NewKey), (status = 404, body = ProblemDetails),
        (status = 422, body = ProblemDetails)))]
pub async fn create_key(
    caller: Caller,
    state: Data<WebState>,
    (id, wanted): (Path<String>, Body<KeyWanted>),
) -> Result<HttpResponse, Problem> {
    let view = contract::of_party(&state, &caller.user, (&id, Side::Home)).await?;
    let (actor, key, label) = (caller.actor(), view.id.clone(), wanted.0.label);
    let made =
        state.run(move |site| Ok(subscriptions::create_key(site, &actor, &key, &label)?)).await?;
    let number = view.product.clone();
    let offer = state.read(move |read| catalog::product(read, &number)).await?;
    let url = offer.and_then(|offer| {
        let operation = offer.product.operations.first()?;
        Some(call_url(&offer.public_url, &view, operation))
    });
    Ok(HttpResponse::Created().json(NewKey {
        id: made.id,
        key: made.secret.reveal().to_owned(),
        expires_at: made.expires_at.to_string(),
        call_url: url.unwrap_or_default(),
    }))
}

/// Usage of a subscription.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    /// Calls so far.
    total: u64,
    /// By day and operation, oldest first.
    by_day: Vec<UsedDay>,
    /// UTC, when the serving node counted; absent before its first report.
    as_of: Option<String>,
    /// How old the count is here.
    age_seconds: Option<i64>,
    /// The last time the count fell, as after the serving node was restored from a backup; absent
    /// where it never did.
    recounted: Option<Recounted>,
}

/// A count that fell.
#[derive(Debug, Serialize, ToSchema)]
pub struct Recounted {
    /// UTC, when that was heard here.
    at: String,
    /// Calls reported before, over the days the new count speaks of.
    calls_before: u64,
    /// Calls of the new count.
    calls_now: u64,
}

/// One day of one operation.
#[derive(Debug, Serialize, ToSchema)]
pub struct UsedDay {
    /// `YYYY-MM-DD` in Asia/Shanghai.
    #[schema(value_type = String)]
    day: Date,
    /// The operation.
    operation: String,
    /// Calls answered.
    calls: u64,
    /// Units charged for.
    units: u64,
}

/// Usage as the serving node last reported it, or as it counted where this is that node.
#[utoipa::path(get, path = "/api/v1/subscriptions/{id}/usage", tag = "contracts",
    params(("id" = String, Path)),
    responses((status = 200, body = Usage), (status = 404, body = ProblemDetails)))]
pub async fn read_usage(
    caller: Caller,
    state: Data<WebState>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let view = find(&state, &caller.user, &id).await?;
    let now = state.site.now();
    let (days, as_of, recounted) = state
        .read(move |read| match view.side {
            Side::Provider => Ok((usage::usage_days(read, view.id.as_str())?, Some(now), None)),
            Side::Home => Ok(usage::reported_usage(read, view.id.as_str())?.map_or_else(
                || (Vec::new(), None, None),
                |known| (known.days, Some(known.as_of), known.recounted),
            )),
        })
        .await?;
    let total = total_calls(&days);
    let day = |day: DayCount| UsedDay {
        day: day.day,
        operation: day.operation,
        calls: day.calls,
        units: day.units,
    };
    Ok(HttpResponse::Ok().json(Usage {
        total,
        by_day: days.into_iter().map(day).collect(),
        as_of: as_of.map(|at| at.to_string()),
        age_seconds: as_of.map(|at| (now.seconds() - at.seconds()).max(0)),
        recounted: recounted.map(|(at, fell)| Recounted {
            at: at.to_string(),
            calls_before: fell.before,
            calls_now: fell.now,
        }),
    }))
}

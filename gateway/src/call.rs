//! One call, from its headers to its answer. The order is the contract: key, subscription,
//! entitlement, rate, engine, guard, meter; an answer leaves only after its record is durable.

use std::{sync::Arc, time::Duration};

use actix_web::{
    HttpRequest, HttpResponse,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE},
    },
    web::{self, Data, Payload},
};
use lianshi_market::{
    dataset::DefinitionRefusal,
    entitlement::EntitlementRefusal,
    guard::{self, Request},
    subscription::Contract,
};
use lianshi_registry::{
    entry::{Guard, Operation},
    id::RegistrationNumber,
    json,
};
use lianshi_store::{
    Fault,
    datasets::Dataset,
    usage::{self, Comparison, Idempotency, MeterRefusal, Metered, Metering, SubjectClaim},
};
use serde_json::json;

use crate::{
    Gateway, denial,
    engine::{self, Task},
    headers::{self, Caller},
    limits::PlanLimits,
    problem::{self, Context},
    refusal::CallRefusal,
    terms::{Pair, ProductTerms},
};

/// Largest request body: a request names one subject in a few short fields.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Seconds a body may take to arrive.
const BODY_S_MAX: u64 = 10;
/// Bodies held in memory at once, 64 MiB of them.
pub(crate) const BODIES_MAX: usize = 1024;
/// Seconds a call waits for an engine's place and for its answer.
const ENGINE_S_MAX: u64 = 10;

/// `POST /call/<product>/<operation>`.
pub(crate) async fn call(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    body: Payload,
    gateway: Data<Gateway>,
) -> HttpResponse {
    let context = context(&gateway, &request);
    let (product, operation) = path.into_inner();
    let admitted = match admit(&gateway, &request, (&product, &operation), &context).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            denial::tell(&gateway, &request, &refusal).await;
            return problem::response(&refusal, &context);
        }
    };
    let plan = PlanLimits::of(&admitted.contract);
    let answered = admitted.answer(&gateway, body, &context).await;
    let calls_this_month = match &answered {
        Ok(answer) => answer.calls_this_month,
        Err(CallRefusal::Meter(MeterRefusal::QuotaUsed { max, .. })) => Some(*max),
        Err(_) => None,
    };
    let mut response = match answered {
        Ok(answer) => answer.response(&context),
        Err(refusal) => problem::response(&refusal, &context),
    };
    plan.left(&gateway, calls_this_month).tell(response.headers_mut());
    response
}

/// Any other method.
pub(crate) fn wrong_method(request: &HttpRequest) -> HttpResponse {
    let Some(gateway) = request.app_data::<Data<Gateway>>() else {
        return HttpResponse::new(StatusCode::METHOD_NOT_ALLOWED);
    };
    problem::response(&CallRefusal::MethodNotAllowed, &context(gateway, request))
}

/// Any other path below `/call`.
pub(crate) async fn no_such_path(request: HttpRequest, gateway: Data<Gateway>) -> HttpResponse {
    problem::response(&CallRefusal::OperationUnknown, &context(&gateway, &request))
}

fn context(gateway: &Gateway, request: &HttpRequest) -> Context {
    Context {
        request_id: headers::request_id(request.headers()),
        english: headers::prefers_english(request.headers()),
        now: gateway.0.site.now(),
    }
}

/// A call that may go to an engine.
struct Admitted {
    contract: Arc<Contract>,
    product: Arc<ProductTerms>,
    operation: Operation,
    idempotency_key: Option<String>,
}

/// Key, subscription, entitlement, product and rate.
async fn admit(
    gateway: &Data<Gateway>,
    request: &HttpRequest,
    (product, operation): (&str, &str),
    context: &Context,
) -> Result<Admitted, CallRefusal> {
    let caller = Caller::read(request.headers())?;
    let number = RegistrationNumber::parse(product).map_err(|_| CallRefusal::ProductUnknown)?;
    let pair = terms(gateway, &caller, &number, context).await?;
    let contract = pair.contract.ok_or(CallRefusal::KeyUnknown)?;
    contract.entitlement.admit(&number, caller.purpose, context.now)?;
    let product = pair.product.ok_or(CallRefusal::ProductUnknown)?;
    if let Some((code, reason)) = product.not_offered.clone() {
        return Err(CallRefusal::ProductNotOffered { code, reason });
    }
    if !product.product.purposes.contains(&contract.entitlement.purpose) {
        return Err(EntitlementRefusal::WrongPurpose.into());
    }
    let operation = product.product.operations.iter().find(|known| known.name == operation);
    let operation = operation.cloned().ok_or(CallRefusal::OperationUnknown)?;
    let max = contract.entitlement.calls_per_minute_max;
    let taken = gateway.0.rates.take(&contract.share(), max, context.now);
    taken.map_err(|wait_ms| CallRefusal::RateExceeded {
        max,
        retry_after_s: u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000).max(1),
    })?;
    Ok(Admitted { contract, product, operation, idempotency_key: caller.idempotency_key })
}

async fn terms(
    gateway: &Data<Gateway>,
    caller: &Caller,
    number: &RegistrationNumber,
    context: &Context,
) -> Result<Pair, CallRefusal> {
    let key = caller.key.hash();
    let now = context.now;
    if let Some(pair) = gateway.0.terms.remembered(&key, number, now) {
        return Ok(pair);
    }
    let (shared, number) = (Data::clone(gateway), number.clone());
    let read = web::block(move || {
        let inner = &shared.0;
        inner.site.db.read(|read| inner.terms.read(read, (&key, &number), now))
    });
    settle(read.await, context)
}

impl Admitted {
    async fn answer(
        self,
        gateway: &Data<Gateway>,
        body: Payload,
        context: &Context,
    ) -> Result<Answered, CallRefusal> {
        let body = read_body(gateway, body).await?;
        let value =
            json::read_value(&body).map_err(|error| CallRefusal::BodyNotJson(error.to_string()))?;
        let request = guard::read_request(&value, &self.operation.input)?;
        let product = self.product.product.number.to_string();
        let idempotency = self.idempotency_key.clone().map(|key| Idempotency {
            key,
            body_hash: headers::body_hash(&product, &self.operation.name, &body),
        });
        let prepared = self.prepare(gateway, request, idempotency, context).await?;
        let call = match prepared {
            Prepared::Known(metered) => return settled(metered, Vec::new()),
            Prepared::New(call) => *call,
        };
        let answer = call.answer.clone();
        match gateway.0.meter.record(call).await {
            Ok(metered) => settled(metered, answer),
            Err(refusal) => Err(refusal),
        }
    }

    /// Runs the engine and the guard on a thread that may wait for the database.
    async fn prepare(
        self,
        gateway: &Data<Gateway>,
        request: Request,
        idempotency: Option<Idempotency>,
        context: &Context,
    ) -> Result<Prepared, CallRefusal> {
        let limit = Duration::from_secs(ENGINE_S_MAX);
        let share = self.contract.share();
        let taken = gateway.0.slots.take(&share);
        let permits = tokio::time::timeout(limit, taken).await.ok().flatten();
        let permits = permits.ok_or(CallRefusal::Busy)?;
        let work = Work {
            gateway: Data::clone(gateway),
            admitted: self,
            request,
            idempotency,
            request_id: context.request_id.clone(),
            now: context.now,
        };
        let run = web::block(move || {
            // Kept until the engine is done, even when the caller has been told to come back.
            let _permits = permits;
            work.run()
        });
        let done = tokio::time::timeout(limit, run).await.map_err(|_| CallRefusal::Busy)?;
        settle(done, context)?
    }
}

/// The result of work on another thread: a fault is logged once, here, with the id the caller sees.
fn settle<T>(
    done: Result<Result<T, Fault>, actix_web::error::BlockingError>,
    context: &Context,
) -> Result<T, CallRefusal> {
    let request_id = context.request_id.as_str();
    match done {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(fault)) => {
            let source: &dyn std::error::Error = &fault;
            tracing::error!(request_id, fault = source, "a call could not be answered");
            Err(CallRefusal::of_fault(&fault))
        }
        Err(error) => {
            tracing::error!(request_id, %error, "the thread of a call was lost");
            Err(CallRefusal::Failed)
        }
    }
}

async fn read_body(gateway: &Data<Gateway>, body: Payload) -> Result<web::Bytes, CallRefusal> {
    let _place = gateway.0.bodies.try_acquire().map_err(|_| CallRefusal::Busy)?;
    let limit = Duration::from_secs(BODY_S_MAX);
    let read = tokio::time::timeout(limit, body.to_bytes_limited(BODY_BYTES_MAX)).await;
    read.map_err(|_| CallRefusal::BodyTooSlow(BODY_S_MAX))?
        .map_err(|_| CallRefusal::BodyTooLarge(BODY_BYTES_MAX))?
        .map_err(|_| CallRefusal::BodyUnreadable)
}

/// What the engine's thread found.
enum Prepared {
    /// The idempotency key is known.
    Known(Metered),
    /// An answer that is still to be recorded.
    New(Box<Metering>),
}

struct Work {
    gateway: Data<Gateway>,
    admitted: Admitted,
    request: Request,
    idempotency: Option<Idempotency>,
    request_id: String,
    now: lianshi_registry::time::Timestamp,
}

impl Work {
    fn run(self) -> Result<Result<Prepared, CallRefusal>, Fault> {
        let inner = &self.gateway.0;
        let product = &self.admitted.product.product;
        let operation = &self.admitted.operation;
        let subscription = &self.admitted.contract.entitlement.subscription;
        let guard = stricter(&product.guard, &self.admitted.contract.guard);
        inner.site.db.read(|read| {
            if let Some(idempotency) = &self.idempotency
                && let Some(known) = usage::answer_of(read, subscription, idempotency)?
            {
                return Ok(Ok(Prepared::Known(known)));
            }
            let number = product.number.as_str();
            let Some(dataset) = inner.terms.dataset(read, number, &operation.name)? else {
                return Ok(Err(CallRefusal::NoDataset));
            };
            if let Err(refusal) = self.check(&dataset, guard.smallest_cell) {
                return Ok(Err(refusal));
            }
            let today = self.now.date();
            let request = &self.request;
            let task = Task { dataset: &dataset, operation, guard: &guard, request, today };
            let answer = engine::answer(read, &task)?;
            Ok(answer.map(|answer| self.metering(&dataset, &guard, answer)))
        })
    }

    /// Whether the data serve the operation under the guard, and the request has the form they ask
    /// for.
    fn check(&self, dataset: &Dataset, smallest_cell: u64) -> Result<(), CallRefusal> {
        let definition = &dataset.definition;
        let fits = definition.check_operation(&self.admitted.operation, smallest_cell);
        fits.map_err(CallRefusal::DatasetUnfit)?;
        if definition.series.is_some() && dataset.smallest_cell < smallest_cell {
            let loaded = dataset.smallest_cell;
            let unfit = DefinitionRefusal::SmallestCell { loaded, demanded: smallest_cell };
            return Err(CallRefusal::DatasetUnfit(unfit));
        }
        Ok(definition.check_request(&self.request)?)
    }

    fn metering(&self, dataset: &Dataset, guard: &Guard, answer: engine::Answer) -> Prepared {
        let contract = &self.admitted.contract;
        let entitlement = &contract.entitlement;
        let product = &self.admitted.product.product;
        let body = json!({
            "product": product.number,
            "operation": self.admitted.operation.name,
            "data": answer.data,
            "dataset_version": dataset.version,
            "synthetic": product.synthetic || dataset.definition.synthetic,
        });
        Prepared::New(Box::new(Metering {
            subscription: entitlement.subscription.clone(),
            buyer: contract.buyer.to_string(),
            product: product.number.to_string(),
            operation: self.admitted.operation.name.clone(),
            at: self.now,
            request_id: self.request_id.clone(),
            key_id: entitlement.key_id.clone(),
            outcome: usage::OUTCOME_ANSWERED.to_owned(),
            units: 1,
            included_calls: contract.plan.charge.included_calls(),
            calls_per_month_max: entitlement.calls_per_month_max,
            subject: Some(SubjectClaim {
                hash: answer.subject,
                per_month_max: guard.distinct_subjects_max,
                comparison: answer.has_failed.map(|has_failed| Comparison {
                    has_failed,
                    per_subject_max: guard::MISMATCHES_PER_SUBJECT_MAX,
                    per_buyer_max: guard::mismatches_max(guard.distinct_subjects_max),
                }),
            }),
            idempotency: self.idempotency.clone(),
            status: StatusCode::OK.as_u16(),
            answer: body.to_string().into_bytes(),
        }))
    }
}

/// A product may tighten its guard after a contract was made, never loosen it for that contract.
fn stricter(product: &Guard, contract: &Guard) -> Guard {
    Guard {
        smallest_cell: product.smallest_cell.max(contract.smallest_cell),
        distinct_subjects_max: product.distinct_subjects_max.min(contract.distinct_subjects_max),
    }
}

/// An answer that was recorded.
struct Answered {
    status: StatusCode,
    body: Vec<u8>,
    calls_this_month: Option<u64>,
}

fn settled(metered: Metered, answer: Vec<u8>) -> Result<Answered, CallRefusal> {
    match metered {
        Metered::Recorded { calls_this_month, .. } => Ok(Answered {
            status: StatusCode::OK,
            body: answer,
            calls_this_month: Some(calls_this_month),
        }),
        Metered::Repeated { status, answer } => Ok(Answered {
            status: StatusCode::from_u16(status).unwrap_or(StatusCode::OK),
            body: answer,
            calls_this_month: None,
        }),
        Metered::Refused(refusal) => Err(refusal.into()),
    }
}

impl Answered {
    fn response(self, context: &Context) -> HttpResponse {
        let mut response = HttpResponse::build(self.status);
        response
            .insert_header((CONTENT_TYPE, "application/json"))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((headers::REQUEST_ID, context.request_id.as_str()));
        if let Some(calls) = self.calls_this_month {
            metrics::counter!("gateway_calls_total").increment(1);
            response.insert_header((headers::CALLS_THIS_MONTH, calls));
        } else {
            response.insert_header((headers::REPLAYED, "true"));
        }
        response.body(self.body)
    }
}

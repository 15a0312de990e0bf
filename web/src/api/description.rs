//! The whole description of a node's HTTP interfaces, as OpenAPI 3.1. The API's operations are
//! described beside their handlers; what is true of all of them is added here: who needs a token,
//! which errors occur, what a status means. Calls, logs and the witness follow from protocols of
//! their own and stand in `services.json`.

use lianshi_routes::{Access, Declared};
use serde_json::{Map, Value, json};

use super::texts;

/// The services beside the API.
const SERVICES: &str = include_str!("services.json");
/// What kind of body errors have.
const PROBLEM: &str = "application/problem+json";
/// The methods of an item of paths that this program answers.
const METHODS: [&str; 2] = ["get", "post"];

/// What a status means, wherever an operation does not say more.
const MEANINGS: [(&str, &str); 12] = [
    ("200", "Found or done."),
    ("201", "Made; `Location` says where it is, where it can be asked for."),
    ("400", "The request does not parse; `detail` says where."),
    ("401", "There is no token, or it does not work."),
    ("403", "The token's owner has not the role."),
    ("404", "There is no such thing, or none that the token's owner may know of."),
    ("409", "It lost against another state of the same thing."),
    ("413", "The body is too large."),
    ("422", "The rules say no; `code` says which."),
    ("429", "Too many requests; `Retry-After` says when to come back."),
    ("500", "The node failed; `reference` finds it in its log."),
    ("503", "The node is busy or its disk is full; `Retry-After` says when to come back."),
];

/// Completes what the handlers' descriptions say. `public_url` is where others reach the node.
pub fn complete(described: Value, declared: &[Declared], public_url: &str) -> Value {
    let mut whole = described;
    for (path, item) in members(&mut whole, &["paths"]) {
        for method in METHODS {
            let Some(operation) = item.get_mut(method) else { continue };
            let open = declared.iter().any(|route| {
                route.pattern == path
                    && route.method.eq_ignore_ascii_case(method)
                    && route.access == Access::Everyone
            });
            complete_operation(operation, path, open);
        }
    }
    texts::describe(&mut whole);
    add_services(&mut whole);
    if let Some(members) = whole.as_object_mut() {
        let server = json!({ "url": public_url, "description": "This node" });
        members.insert("servers".to_owned(), json!([server]));
    }
    let schemes = json!({
        "token": { "type": "http", "scheme": "bearer",
            "description": "An API token, made on the page of one's own account." },
        "key": { "type": "http", "scheme": "bearer",
            "description": "The access key of a subscription." },
    });
    put(&mut whole, &["components", "securitySchemes"], schemes);
    whole
}

fn complete_operation(operation: &mut Value, path: &str, open: bool) {
    let has_body = operation.get("requestBody").is_some();
    let parameters = operation.get("parameters").and_then(Value::as_array);
    let has_query =
        parameters.is_some_and(|all| all.iter().any(|parameter| parameter["in"] == "query"));
    let errors = [
        ("400", has_body || has_query),
        ("401", !open),
        ("403", !open),
        ("404", path.contains('{') || has_body),
        ("409", has_body),
        ("413", has_body),
        ("422", has_body),
        ("429", has_body),
        ("500", true),
        ("503", true),
    ];
    let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) else {
        return;
    };
    for (status, _) in errors.into_iter().filter(|(_, occurs)| *occurs) {
        responses.entry(status).or_insert_with(|| json!({}));
    }
    for (status, response) in responses {
        complete_response(status, response);
    }
    if !open && let Some(members) = operation.as_object_mut() {
        members.insert("security".to_owned(), json!([{ "token": [] }]));
    }
}

fn complete_response(status: &str, response: &mut Value) {
    let Some(members) = response.as_object_mut() else { return };
    let said = members.get("description").and_then(Value::as_str).unwrap_or_default();
    if said.is_empty() {
        let meaning = MEANINGS.iter().find(|(known, _)| *known == status);
        let meaning = meaning.map_or("As its code says.", |(_, meaning)| *meaning);
        members.insert("description".to_owned(), meaning.into());
    }
    if status.starts_with('4') || status.starts_with('5') {
        let schema = json!({ "schema": { "$ref": "#/components/schemas/ProblemDetails" } });
        members.insert("content".to_owned(), json!({ PROBLEM: schema }));
    }
    if status == "429" || status == "503" {
        let header = json!({ "Retry-After": { "$ref": "#/components/headers/RetryAfter" } });
        members.insert("headers".to_owned(), header);
    }
}

/// Adds the services beside the API. A name that is there already stays.
#[expect(clippy::expect_used, reason = "a constant of this program, read by every test of it")]
fn add_services(whole: &mut Value) {
    let services: Value = serde_json::from_str(SERVICES).expect("services.json is JSON");
    merge(whole, services);
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (name, value) in from {
                match into.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => drop(into.insert(name, value)),
                }
            }
        }
        (Value::Array(into), Value::Array(from)) => into.extend(from),
        _ => {}
    }
}

/// The members of an object inside the description; none where it is not there.
fn members<'v>(
    whole: &'v mut Value,
    path: &[&str],
) -> impl Iterator<Item = (&'v String, &'v mut Value)> {
    let found = path.iter().try_fold(whole, |value, name| value.get_mut(*name));
    found.and_then(Value::as_object_mut).into_iter().flat_map(Map::iter_mut)
}

fn put(whole: &mut Value, path: &[&str], value: Value) {
    let Some((last, parents)) = path.split_last() else { return };
    let mut place = whole;
    for name in parents {
        let Some(members) = place.as_object_mut() else { return };
        place = members.entry(*name).or_insert_with(|| json!({}));
    }
    if let Some(members) = place.as_object_mut() {
        members.insert((*last).to_owned(), value);
    }
}

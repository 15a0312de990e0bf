//! The one place that says what a refusal is over HTTP: its status by its code, and the key of its
//! text.

use actix_web::{
    HttpResponse,
    http::{
        StatusCode,
        header::{HeaderValue, RETRY_AFTER},
    },
};
use lianshi_registry::refusal::Refusal;

use crate::page::Page;

/// Status of a refusal code such as `subscription.plan_retired`. What is absent, and what belongs
/// to somebody else, is 404; what lost against another state of the same object is 409; whatever
/// else the rules forbid is 422.
pub fn status(code: &str) -> StatusCode {
    let (_, what) = code.split_once('.').unwrap_or(("", code));
    let has = |words: &[&str]| words.iter().any(|word| what.contains(word));
    if has(&["not_found", "unknown", "absent", "no_such"]) {
        StatusCode::NOT_FOUND
    } else if has(&["throttled", "too_many", "quota"]) {
        StatusCode::TOO_MANY_REQUESTS
    } else if has(&["conflict", "underway", "already", "not_open", "wrong_state", "illegal_state"])
    {
        StatusCode::CONFLICT
    } else if has(&["forbidden_to", "not_allowed", "role_reserved", "node_role"]) {
        StatusCode::FORBIDDEN
    } else {
        StatusCode::UNPROCESSABLE_ENTITY
    }
}

/// Status and words of a refusal, for a form that is shown again with its error.
pub fn explain(page: &Page, refused: &impl Refusal) -> (StatusCode, String) {
    let words = page.lang.find(&key(refused.code())).unwrap_or_else(|| refused.to_string());
    (status(refused.code()), words)
}

/// Tells with an answer when to come back, where that is known.
pub fn come_back(mut answer: HttpResponse, seconds: Option<i64>) -> HttpResponse {
    if let Some(seconds) = seconds {
        answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
    }
    answer
}

/// Key of the text shown for a refusal code.
pub fn key(code: &str) -> String {
    format!("refusal-{}", code.replace(['.', '_'], "-"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_map_to_statuses() {
        for (code, expected) in [
            ("subscription.plan_retired", 422),
            ("subscription.unknown_product", 404),
            ("subscription.already_decided", 409),
            ("login.throttled", 429),
            ("account.role_reserved", 403),
            ("account.role_missing", 422),
        ] {
            assert_eq!(status(code).as_u16(), expected, "{code}");
        }
        assert_eq!(key("subscription.plan_retired"), "refusal-subscription-plan-retired");
    }
}

//! Headers of a call, parsed once: the bearer key, the idempotency key, the stated purpose, the
//! request id and the language of error texts.

use actix_web::http::header::{ACCEPT_LANGUAGE, AUTHORIZATION, HeaderMap, HeaderName};
use lianshi_market::key::AccessKey;
use lianshi_registry::entry::Purpose;
use sha2::{Digest as _, Sha256};

use crate::refusal::CallRefusal;

/// Returned with every answer; a caller may bring its own.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Equal keys mean the same call.
pub(crate) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Tells that an answer was given before and nothing was charged.
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
/// The purpose of the call, where the caller states it: `public_good` or `industry`.
pub(crate) const PURPOSE: HeaderName = HeaderName::from_static("lianshi-purpose");
/// Calls answered this month, this one included.
pub(crate) const CALLS_THIS_MONTH: HeaderName = HeaderName::from_static("lianshi-calls-this-month");
/// Longest idempotency key and request id: a UUID has 36 characters.
pub(crate) const TOKEN_CHARS_MAX: usize = 128;

/// What the headers say.
pub(crate) struct Caller {
    pub key: AccessKey,
    pub purpose: Option<Purpose>,
    pub idempotency_key: Option<String>,
}

impl Caller {
    pub(crate) fn read(headers: &HeaderMap) -> Result<Self, CallRefusal> {
        let authorization = text(headers, &AUTHORIZATION).ok_or(CallRefusal::KeyMissing)?;
        let bearer = authorization
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, key)| key.trim())
            .ok_or(CallRefusal::KeyMissing)?;
        let key = AccessKey::parse(bearer).map_err(CallRefusal::KeyMalformed)?;
        let idempotency_key = match headers.get(&IDEMPOTENCY_KEY) {
            None => None,
            Some(value) => {
                let token = value.to_str().ok().filter(|token| is_token(token));
                Some(token.ok_or(CallRefusal::IdempotencyKeyMalformed)?.to_owned())
            }
        };
        let purpose = match text(headers, &PURPOSE) {
            None => None,
            Some("public_good") => Some(Purpose::PublicGood),
            Some("industry") => Some(Purpose::Industry),
            Some(_) => return Err(CallRefusal::PurposeUnknown),
        };
        Ok(Self { key, purpose, idempotency_key })
    }
}

/// The caller's request id when it is a plain token, else a fresh random one.
pub(crate) fn request_id(headers: &HeaderMap) -> String {
    if let Some(given) = text(headers, &REQUEST_ID).filter(|token| is_token(token)) {
        return given.to_owned();
    }
    let mut bytes = [0_u8; 16];
    // Without randomness the id is not unique; it only serves to find a call in the log.
    if getrandom::fill(&mut bytes).is_err() {
        tracing::warn!("no randomness for request ids");
    }
    hex::encode(bytes)
}

/// Whether the caller would rather read English; Chinese is the first language.
pub(crate) fn prefers_english(headers: &HeaderMap) -> bool {
    let languages = text(headers, &ACCEPT_LANGUAGE).unwrap_or_default().to_ascii_lowercase();
    let english = languages.find("en");
    english.is_some_and(|at| languages.find("zh").is_none_or(|chinese| at < chinese))
}

/// What a repeated call must repeat: product, operation and body.
pub(crate) fn body_hash(product: &str, operation: &str, body: &[u8]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(format!("lianshi/call/v1\n{product}\n{operation}\n"));
    hasher.update(body);
    hasher.finalize().into()
}

fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn is_token(text: &str) -> bool {
    (1..=TOKEN_CHARS_MAX).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    #[test]
    fn the_first_named_language_decides() {
        for (accept, english) in
            [("", false), ("zh-CN,zh;q=0.9,en;q=0.8", false), ("en-US,en;q=0.9,zh;q=0.5", true)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT_LANGUAGE, HeaderValue::from_static(accept));
            assert_eq!(prefers_english(&headers), english, "{accept}");
        }
    }

    #[test]
    fn request_ids_are_taken_when_plain_and_made_otherwise() {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_static("order-17"));
        assert_eq!(request_id(&headers), "order-17");
        headers.insert(REQUEST_ID, HeaderValue::from_static("with space"));
        assert_eq!(request_id(&headers).len(), 32);
    }
}

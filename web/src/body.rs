//! The JSON body of a request to the API: read once, strictly. A member given twice and a text that
//! could not be kept or shown are refused before anybody looks at what is asked.

use std::{future::Future, pin::Pin};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, dev::Payload, error::ErrorPayloadTooLarge, web,
};
use lianshi_registry::json;
use serde::de::DeserializeOwned;

use crate::{BODY_BYTES_MAX, problem::Problem};

/// A body of type `application/json`, at most [`BODY_BYTES_MAX`] long.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Body<T> {
    type Error = actix_web::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, actix_web::Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = request.content_type().eq_ignore_ascii_case("application/json");
        let bytes = web::Payload::from_request(request, payload);
        Box::pin(async move {
            if !is_json {
                return Err(Problem::Malformed("send application/json".to_owned()).into());
            }
            let read = bytes.await?.to_bytes_limited(BODY_BYTES_MAX).await;
            let bytes = read.map_err(|_| ErrorPayloadTooLarge("the body is too large"))??;
            let value = json::read(&bytes);
            Ok(Self(value.map_err(|refusal| Problem::Malformed(refusal.to_string()))?))
        })
    }
}

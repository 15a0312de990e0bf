//! What an address may bring: no control characters in its path or its parameters, however they are
//! written. Nothing of ours has them, and what a database makes of them differs.

use actix_web::{
    Error,
    body::{BoxBody, MessageBody},
    dev::{ServiceRequest, ServiceResponse},
    middleware::Next,
};

use crate::problem::Problem;

/// Middleware: answers an address with control characters before anybody looks at it.
pub async fn admit(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let uri = request.uri();
    // No page is called so, whoever asks.
    if has_control(uri.path()) {
        return Ok(request.error_response(Problem::NotFound));
    }
    if uri.query().is_some_and(has_control) {
        let problem = Problem::Malformed("a parameter has control characters".to_owned());
        return Ok(request.error_response(problem));
    }
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// Whether a part of an address has control characters once its escapes are read.
fn has_control(part: &str) -> bool {
    let mut bytes = Vec::with_capacity(part.len());
    let mut rest = part.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let escaped =
            (*first == b'%').then(|| after.first_chunk::<2>().copied().and_then(unescape));
        if let Some(byte) = escaped.flatten() {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.push(*first);
            rest = after;
        }
    }
    String::from_utf8_lossy(&bytes).chars().any(char::is_control)
}

fn unescape(digits: [u8; 2]) -> Option<u8> {
    let digits = std::str::from_utf8(&digits).ok()?;
    let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_hex.then(|| u8::from_str_radix(digits, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use actix_web::{
        App, HttpResponse,
        middleware::from_fn,
        test::{TestRequest, call_service, init_service},
        web,
    };

    use super::*;

    #[test]
    fn control_characters_are_found_however_they_are_written() {
        for part in ["q=%00", "/users/a%0a", "q=%C2%9b", "q=a%7F", "q=%1B[2J", "a%0D%0Ab", "\u{7f}"]
        {
            assert!(has_control(part), "{part}");
        }
        for part in ["", "q=%E9%84%9E", "q=a+b%20c", "100%", "%", "%2", "%zz", "%2500", "q=%C3%A9"]
        {
            assert!(!has_control(part), "{part}");
        }
    }

    #[actix_web::test]
    async fn nobody_is_asked_about_an_address_with_control_characters() {
        let anything = web::to(async || HttpResponse::Ok());
        let app = App::new().wrap(from_fn(admit)).default_service(anything);
        let app = init_service(app).await;
        for (path, status) in
            [("/a%20b?q=c", 200), ("/a%00", 404), ("/a%0A/b", 404), ("/?q=%1B", 400)]
        {
            let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            assert_eq!(answer.status().as_u16(), status, "{path}");
        }
    }
}

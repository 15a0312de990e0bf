//! Whether a request that changes something came from our own pages: `Sec-Fetch-Site` first,
//! `Origin` against `Host` where a browser is too old for it. Programs with a bearer token send
//! neither and are let through by their token instead.

use actix_web::{
    HttpRequest,
    http::header::{HOST, ORIGIN},
};

use crate::problem::Problem;

/// Refuses a request another site made.
pub fn demand_own(request: &HttpRequest) -> Result<(), Problem> {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let own = match header("sec-fetch-site") {
        Some(site) => site == "same-origin" || site == "none",
        None => match header(ORIGIN.as_str()) {
            Some(origin) => {
                let host = header(HOST.as_str()).unwrap_or_default();
                origin.split_once("://").is_some_and(|(_, rest)| !host.is_empty() && rest == host)
            }
            None => true,
        },
    };
    if own { Ok(()) } else { Err(Problem::CrossSite) }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    #[test]
    fn another_sites_form_is_refused() {
        let check = |headers: &[(&'static str, &'static str)]| {
            let request = headers.iter().fold(TestRequest::post(), |r, h| r.insert_header(*h));
            demand_own(&request.to_http_request()).is_ok()
        };
        assert!(check(&[("sec-fetch-site", "same-origin")]));
        assert!(!check(&[("sec-fetch-site", "cross-site")]));
        assert!(!check(&[("sec-fetch-site", "same-site")]));
        assert!(check(&[("origin", "http://n.example:8800"), ("host", "n.example:8800")]));
        assert!(!check(&[("origin", "http://evil.example"), ("host", "n.example:8800")]));
        assert!(!check(&[("origin", "null"), ("host", "n.example:8800")]));
    }
}

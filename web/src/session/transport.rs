//! Whether a browser will keep the sign-in cookie. It is for trustworthy connections only: HTTPS,
//! or the machine itself. Over plain HTTP from elsewhere the browser throws it away without a word,
//! so the sign-in page says so instead of asking for a password in clear.

use actix_web::{HttpRequest, http::header::HOST};

/// Whether the request surely came over plain HTTP from another machine. A browser that sends
/// `Sec-Fetch-Site` trusts the connection; a TLS proxy says what it took off, or stands at the
/// node's public address. What is said falsely here deceives only whoever says it.
pub(super) fn loses_cookies(request: &HttpRequest, public_url: &str) -> bool {
    let header = |name: &str| {
        let value = request.headers().get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_ascii_lowercase()
    };
    let host = header(HOST.as_str());
    let is_public = public_url.strip_prefix("https://").is_some_and(|rest| {
        rest.split('/').next().is_some_and(|authority| authority.eq_ignore_ascii_case(&host))
    });
    let is_trusted = request.headers().contains_key("sec-fetch-site")
        || header("x-forwarded-proto") == "https"
        || header("forwarded").contains("proto=https");
    !(host.is_empty() || is_trusted || is_public || is_loopback(&host))
}

/// A name or address of the machine itself.
fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let is_address = name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    is_address || name == "localhost" || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn loses(headers: &[(&'static str, &'static str)]) -> bool {
        let mut request = TestRequest::default();
        for header in headers {
            request = request.insert_header(*header);
        }
        loses_cookies(&request.to_http_request(), "https://yinzhou.example")
    }

    #[test]
    fn only_plain_http_from_elsewhere_loses_the_cookie() {
        for host in ["192.0.2.10:8800", "yinzhou.lan", "[2001:db8::1]:8800", "localhost.example"] {
            assert!(loses(&[("host", host)]), "{host}");
            assert!(loses(&[("host", host), ("x-forwarded-proto", "http")]), "{host}");
        }
        for host in ["127.0.0.1:8800", "127.8.9.10", "[::1]:8800", "localhost:8800", "a.localhost"]
        {
            assert!(!loses(&[("host", host)]), "{host}");
        }
        assert!(!loses(&[("host", "yinzhou.example")]), "behind the proxy at the public address");
        let elsewhere = ("host", "192.0.2.10");
        for trusted in [
            ("sec-fetch-site", "none"),
            ("x-forwarded-proto", "https"),
            ("forwarded", "for=192.0.2.1;proto=https"),
        ] {
            assert!(!loses(&[elsewhere, trusted]), "{trusted:?}");
        }
        assert!(!loses(&[]), "no host, nothing known");
    }
}

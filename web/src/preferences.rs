//! Language, theme and care mode: one form at the top of every page, kept in cookies, working
//! without a script.

use actix_web::{
    HttpRequest, HttpResponse,
    cookie::{Cookie, SameSite, time::Duration},
    http::header::LOCATION,
    web,
};
use lianshi_routes::Declared;
use serde::Deserialize;

use crate::{
    origin,
    page::{CARE_COOKIE, LANG_COOKIE, THEME_COOKIE, Theme},
    problem::Problem,
    text::Lang,
};

/// How long a browser keeps a setting: a year, then it asks its own defaults again.
const KEEP_DAYS: i64 = 365;

/// What the form sends: the pressed button and where to return.
#[derive(Debug, Deserialize)]
pub struct Preferences {
    lang: Option<String>,
    theme: Option<String>,
    care: Option<String>,
    #[serde(default)]
    back: String,
}

/// Which addresses can be gone back to. A page may be the answer to a `POST`; where nothing answers
/// a `GET` at its address, the reader is led to the nearest page above it.
#[derive(Debug, Clone)]
pub struct Ways {
    gets: Vec<&'static str>,
    posts: Vec<&'static str>,
}

impl Ways {
    /// Of all routes there are.
    pub fn of(declared: &[Declared]) -> Self {
        let by = |method: &str| {
            let these = declared.iter().filter(|route| route.method == method);
            these.map(|route| route.pattern).collect()
        };
        Self { gets: by("GET"), posts: by("POST") }
    }

    /// The address itself, or the page above it where the address takes a `POST` alone.
    pub fn back(&self, address: &str) -> String {
        let path = address.split(['?', '#']).next().unwrap_or_default();
        let shown = |path: &str| self.gets.iter().any(|pattern| fits(pattern, path));
        if shown(path) || !self.posts.iter().any(|pattern| fits(pattern, path)) {
            return address.to_owned();
        }
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            if shown(parent) {
                return parent.to_owned();
            }
            above = parent;
        }
        "/".to_owned()
    }
}

/// Whether a path is one of a pattern with `{parameters}`.
fn fits(pattern: &str, path: &str) -> bool {
    let same =
        |(part, given): (&str, &str)| part == given || (part.starts_with('{') && !given.is_empty());
    pattern.split('/').count() == path.split('/').count()
        && pattern.split('/').zip(path.split('/')).all(same)
}

/// `POST /preferences`
pub async fn keep(
    request: HttpRequest,
    ways: web::Data<Ways>,
    form: web::Form<Preferences>,
) -> Result<HttpResponse, Problem> {
    origin::demand_own(&request)?;
    let mut response = HttpResponse::SeeOther();
    response.insert_header((LOCATION, ways.back(&own_path(&form.back))));
    if let Some(lang) = form.lang.as_deref().and_then(Lang::from_tag) {
        response.cookie(cookie(LANG_COOKIE, lang.tag()));
    }
    if let Some(theme) = form.theme.as_deref().and_then(Theme::from_name) {
        response.cookie(cookie(THEME_COOKIE, theme.name()));
    }
    if let Some(care) = form.care.as_deref() {
        response.cookie(cookie(CARE_COOKIE, if care == "on" { "on" } else { "off" }));
    }
    Ok(response.finish())
}

/// A setting holds nothing secret, so it also works over plain HTTP inside a closed network.
fn cookie(name: &'static str, value: &'static str) -> Cookie<'static> {
    Cookie::build(name, value)
        .path("/")
        .http_only(true)
        .same_site(SameSite::Lax)
        .max_age(Duration::days(KEEP_DAYS))
        .finish()
}

/// A path on this site to go to after a form, whatever was sent; `/` for anything that could lead
/// elsewhere.
pub fn own_path(text: &str) -> String {
    let plain = text.bytes().all(|byte| (0x21..0x7f).contains(&byte) && byte != b'\\');
    if plain && text.starts_with('/') && !text.starts_with("//") {
        text.to_owned()
    } else {
        "/".to_owned()
    }
}

/// Percent-encodes a text for use as the value of a query parameter.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push_str(&hex::encode_upper([byte]));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_paths_are_returned_to() {
        assert_eq!(own_path("/catalog?q=%E5%8C%BA"), "/catalog?q=%E5%8C%BA");
        for bad in ["", "//evil.example", "https://evil.example", "/\\evil.example", "/a\r\nb"] {
            assert_eq!(own_path(bad), "/", "{bad}");
        }
    }

    #[test]
    fn what_takes_a_post_alone_leads_to_the_page_above() {
        let route = |(method, pattern)| {
            let access = lianshi_routes::Access::Everyone;
            Declared { method, pattern, access }
        };
        let routes = [
            ("GET", "/"),
            ("GET", "/users/{login}"),
            ("POST", "/users/{login}/second-factor/reset"),
            ("GET", "/bills"),
            ("POST", "/bills"),
            ("POST", "/logout"),
        ];
        let ways = Ways::of(&routes.map(route));
        for (address, back) in [
            ("/users/wang/second-factor/reset", "/users/wang"),
            ("/logout", "/"),
            ("/bills?page=2", "/bills?page=2"),
            ("/nowhere", "/nowhere"),
            ("/", "/"),
        ] {
            assert_eq!(ways.back(address), back, "{address}");
        }
    }

    #[test]
    fn texts_are_encoded_for_queries() {
        assert_eq!(encode("/a b?c=区"), "%2Fa%20b%3Fc%3D%E5%8C%BA");
    }
}

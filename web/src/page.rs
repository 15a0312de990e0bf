//! What every template is given: the language and its texts, the visitor, the settings of the look,
//! and where the reader is. A handler asks for a [`Page`] as an argument, puts it into its template
//! struct as `page`, and calls [`render`].

use std::{
    fmt::Display,
    future::{Ready, ready},
};

use actix_web::{
    FromRequest, HttpMessage as _, HttpRequest, HttpResponse, dev::Payload, http::StatusCode,
    http::header::ACCEPT_LANGUAGE, web::Data,
};
use askama::Template;
use lianshi_registry::{
    entry::Texts,
    price::Price,
    time::{Date, Timestamp},
};

use crate::{
    WebState, assets, figures, foreign, icon,
    navigation::{self, Shown},
    problem::Problem,
    text::{Count, Lang, Value},
    visitor::{SignedIn, Visitor},
};

/// Cookie that keeps the language.
pub const LANG_COOKIE: &str = "lianshi_lang";
/// Cookie that keeps the theme.
pub const THEME_COOKIE: &str = "lianshi_theme";
/// Cookie that keeps the care mode.
pub const CARE_COOKIE: &str = "lianshi_care";

/// Light, dark, or as the browser says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Theme {
    /// As the browser says.
    #[default]
    Auto,
    /// Light.
    Light,
    /// Dark.
    Dark,
}

impl Theme {
    /// The value of the `data-theme` attribute and of the cookie.
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Light => "light",
            Self::Dark => "dark",
        }
    }

    /// From the value of the cookie.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Auto, Self::Light, Self::Dark].into_iter().find(|theme| theme.name() == name)
    }
}

/// The context of a page.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its language.
    pub lang: Lang,
    /// Care mode 关怀版: large type, large targets, one column, high contrast.
    pub care: bool,
    /// Light or dark.
    pub theme: Theme,
    /// Who looks.
    pub visitor: Visitor,
    /// Path and query, to come back to.
    pub path: String,
    /// What people call this node.
    pub node_name: Texts,
    /// Its short name.
    pub node: String,
    /// The federation's domain name.
    pub federation: String,
    /// When the page was asked for.
    pub now: Timestamp,
}

impl Page {
    /// From a request; anything not said is the default.
    pub fn of(request: &HttpRequest) -> Self {
        let cookie = |name: &str| request.cookie(name).map(|cookie| cookie.value().to_owned());
        let accepted = || {
            let header = request.headers().get(ACCEPT_LANGUAGE);
            header.and_then(|value| value.to_str().ok()).map_or_else(Lang::default, Lang::accepted)
        };
        let site = request.app_data::<Data<WebState>>().map(|state| &state.site);
        let visitor = request.extensions().get::<Visitor>().cloned().unwrap_or_default();
        Self {
            lang: cookie(LANG_COOKIE).and_then(|tag| Lang::from_tag(&tag)).unwrap_or_else(accepted),
            care: cookie(CARE_COOKIE).is_some_and(|value| value == "on"),
            theme: cookie(THEME_COOKIE)
                .and_then(|name| Theme::from_name(&name))
                .unwrap_or_default(),
            visitor,
            path: request
                .uri()
                .path_and_query()
                .map_or_else(|| "/".to_owned(), ToString::to_string),
            node_name: site
                .map_or_else(|| Texts { zh: String::new(), en: String::new() }, |s| s.name.clone()),
            node: site.map(|site| site.node.to_string()).unwrap_or_default(),
            federation: site.map(|site| site.origin.domain().to_string()).unwrap_or_default(),
            now: site.map(lianshi_store::Site::now).unwrap_or_default(),
        }
    }

    /// The text of a key.
    pub fn t(&self, key: &str) -> String {
        self.lang.text(key, &[])
    }

    /// Bytes as mebibytes.
    pub fn mebibytes(&self, bytes: impl Count) -> String {
        figures::mebibytes(bytes.count().unsigned_abs())
    }

    /// The text of a key with one variable that is text.
    pub fn t1(&self, key: &str, name: &'static str, value: impl Display) -> String {
        self.lang.text(key, &[(name, Value::Text(value.to_string()))])
    }

    /// The text of a key with two variables that are text.
    pub fn t2<A: Display, B: Display>(
        &self,
        key: &str,
        first: &(&'static str, A),
        second: &(&'static str, B),
    ) -> String {
        let first = (first.0, Value::Text(first.1.to_string()));
        let second = (second.0, Value::Text(second.1.to_string()));
        self.lang.text(key, &[first, second])
    }

    /// The text of a key with the number `n`, which decides plural forms.
    pub fn tn(&self, key: &str, n: impl Count) -> String {
        self.lang.text(key, &[("n", Value::Number(n.count()))])
    }

    /// The word for a code of a closed list: key `<list>-<code>`; the code itself where there is no
    /// word.
    pub fn word(&self, list: &str, code: impl Display) -> String {
        let code = code.to_string();
        let key = format!("{list}-{}", code.replace(['_', '.'], "-"));
        self.lang.find(&key).unwrap_or(code)
    }

    /// The side of a bilingual text in the page's language.
    pub fn of_texts<'a>(&self, texts: &'a Texts) -> &'a str {
        self.lang.pick(texts)
    }

    /// The one of two texts in the page's language, Chinese first.
    pub fn either<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        match self.lang {
            Lang::Zh if !zh.is_empty() => zh,
            Lang::En if en.is_empty() => zh,
            _ => en,
        }
    }

    /// A whole number with thousands separators.
    pub fn number(&self, number: impl Count) -> String {
        figures::grouped(number.count())
    }

    /// A unit price in yuan.
    pub fn price(&self, price: &Price) -> String {
        figures::price(*price)
    }

    /// An amount in fen as yuan.
    pub fn yuan(&self, fen: &i64) -> String {
        figures::yuan(*fen)
    }

    /// An instant, `2026-11-21 11:00:05` in Asia/Shanghai.
    pub fn time(&self, at: &Timestamp) -> String {
        figures::local_time(*at)
    }

    /// How long ago an instant was. What another clock wrote ahead of this one is zero seconds old.
    pub fn age_seconds(&self, at: Timestamp) -> i64 {
        self.now.seconds().saturating_sub(at.seconds()).max(0)
    }

    /// The last day of a term, of which the first instant after it is known: what people mean by
    /// "until".
    pub fn last_day(&self, end: &Timestamp) -> Date {
        end.plus_millis(-1).date()
    }

    /// The same for a term of which the first day after it is known.
    pub fn day_before(&self, end: &Date) -> Date {
        end.plus_days(-1)
    }

    /// Whole seconds until an instant; none when it is over.
    pub fn seconds_until(&self, at: &Timestamp) -> i64 {
        at.seconds().saturating_sub(self.now.seconds()).max(0)
    }

    /// How long ago an instant was, in words: "3 minutes ago".
    pub fn ago(&self, at: &Timestamp) -> String {
        let seconds = self.age_seconds(*at);
        let (key, count) = match seconds {
            0..60 => ("ago-seconds", seconds),
            60..3600 => ("ago-minutes", seconds / 60),
            3600..86_400 => ("ago-hours", seconds / 3600),
            _ => ("ago-days", seconds / 86_400),
        };
        self.tn(key, count)
    }

    /// The public path of an asset.
    pub fn asset(&self, name: &str) -> &'static str {
        assets::path(name)
    }

    /// An icon as SVG text; use with `|safe`.
    pub fn icon(&self, name: &str) -> &'static str {
        icon::svg(name)
    }

    /// The signed-in person.
    pub fn person(&self) -> Option<&SignedIn> {
        self.visitor.signed_in()
    }

    /// The same page with another token for its forms: the session of its reader began anew.
    #[must_use]
    pub fn with_csrf(mut self, token: String) -> Self {
        if let Some(person) = &mut self.visitor.0 {
            person.csrf = token;
        }
        self
    }

    /// The token for forms; empty for an anonymous visitor, whose forms need none.
    pub fn csrf(&self) -> &str {
        self.visitor.signed_in().map_or("", |person| person.csrf.as_str())
    }

    /// Links everybody sees.
    pub fn public_links(&self) -> Vec<Shown> {
        navigation::public(&self.path)
    }

    /// Links of the visitor's work.
    pub fn work_links(&self) -> Vec<Shown> {
        navigation::work(&self.visitor, &self.path)
    }
}

impl FromRequest for Page {
    type Error = actix_web::Error;
    type Future = Ready<Result<Self, Self::Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Ok(Self::of(request)))
    }
}

/// A page with status 200.
pub fn render(template: &impl Template) -> Result<HttpResponse, Problem> {
    render_as(StatusCode::OK, template)
}

/// A page with another status: a form with errors is 422.
pub fn render_as(status: StatusCode, template: &impl Template) -> Result<HttpResponse, Problem> {
    let html = template.render().map_err(|error| Problem::Template(error.to_string()))?;
    Ok(HttpResponse::build(status)
        .content_type("text/html; charset=utf-8")
        .body(foreign::mark(html)))
}

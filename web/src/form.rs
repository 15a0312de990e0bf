//! What is wrong with a form that was sent: each field with its words, shown in a summary at the
//! top of the page that links to the field, and again at the field.

use std::fmt::Display;

use actix_web::http::StatusCode;
use lianshi_registry::refusal::Refusal;

use crate::{page::Page, refusal};

/// One thing wrong.
#[derive(Debug, Clone)]
pub struct Wrong {
    /// Id of the field.
    pub field: &'static str,
    /// What is wrong, in words that say what to do.
    pub words: String,
}

/// Everything wrong with a form; nothing for one that is shown for the first time.
#[derive(Debug, Clone, Default)]
pub struct Errors(Vec<Wrong>);

impl Errors {
    /// One thing.
    pub fn one(field: &'static str, words: String) -> Self {
        Self(vec![Wrong { field, words }])
    }

    /// What a refusal says, at the field it is about, with the status of the answer.
    pub fn refused(page: &Page, refused: &impl Refusal, field: &'static str) -> (StatusCode, Self) {
        let (status, words) = refusal::explain(page, refused);
        (status, Self::one(field, words))
    }

    /// Adds one thing.
    pub fn add(&mut self, field: &'static str, words: String) {
        self.0.push(Wrong { field, words });
    }

    /// The status of the page that shows the form: 422 where something is wrong.
    pub fn status(&self) -> StatusCode {
        if self.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY }
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of it, in the order of the form.
    pub fn all(&self) -> &[Wrong] {
        &self.0
    }

    /// The words at a field; empty where nothing is wrong with it.
    pub fn at(&self, field: &str) -> &str {
        self.0.iter().find(|wrong| wrong.field == field).map_or("", |wrong| wrong.words.as_str())
    }

    /// The title of the page: it begins with the word for an error where there is one.
    pub fn title(&self, page: &Page, title: impl Display) -> String {
        if self.is_empty() { title.to_string() } else { page.t1("error-title", "title", title) }
    }
}

//! The texts of the pages in two languages, from one set of `.ftl` files. The language is an
//! argument of every lookup; nothing about it is global.

use std::{borrow::Cow, collections::HashMap};

use fluent_templates::{
    LanguageIdentifier, Loader as _, fluent_bundle::FluentValue, static_loader,
};
use lianshi_registry::entry::Texts;
use unic_langid::langid;

use crate::figures;

static_loader! {
    static LOCALES = {
        locales: "./locales",
        fallback_language: "zh-CN",
        customise: |bundle| {
            // Isolating marks would end up in copied numbers and in titles.
            bundle.set_use_isolating(false);
            bundle.set_formatter(Some(group_digits));
        },
    };
}

/// Whole numbers are printed with thousands separators; what must not be (years, codes) is passed
/// as text.
fn group_digits<M>(value: &FluentValue<'_>, _: &M) -> Option<String> {
    match value {
        FluentValue::Number(number) => number.as_string().parse().ok().map(figures::grouped),
        _ => None,
    }
}

static ZH: LanguageIdentifier = langid!("zh-CN");
static EN: LanguageIdentifier = langid!("en");

/// A language of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// Chinese, simplified: the first language.
    #[default]
    Zh,
    /// English.
    En,
}

impl Lang {
    /// Every language.
    pub const ALL: [Self; 2] = [Self::Zh, Self::En];

    /// The tag for the `lang` attribute.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh-CN",
            Self::En => "en",
        }
    }

    /// From the tag kept in the cookie.
    pub fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|lang| lang.tag() == tag)
    }

    /// The first language of an `Accept-Language` header that is one of ours.
    pub fn accepted(header: &str) -> Self {
        header
            .split(',')
            .map(|part| part.trim().to_ascii_lowercase())
            .find_map(|part| {
                if part.starts_with("zh") {
                    Some(Self::Zh)
                } else if part.starts_with("en") {
                    Some(Self::En)
                } else {
                    None
                }
            })
            .unwrap_or_default()
    }

    /// The text of a key, or `None` when no locale has it.
    pub fn find(self, key: &str) -> Option<String> {
        LOCALES.try_lookup(self.identifier(), key)
    }

    /// The text of a key with its variables.
    pub fn text(self, key: &str, variables: &[(&'static str, Value)]) -> String {
        let arguments: HashMap<Cow<'static, str>, FluentValue<'_>> =
            variables.iter().map(|(name, value)| (Cow::Borrowed(*name), value.fluent())).collect();
        LOCALES
            .try_lookup_with_args(self.identifier(), key, &arguments)
            .unwrap_or_else(|| key.to_owned())
    }

    /// The side of a bilingual text in this language; the other one where this one was left empty.
    pub fn pick(self, texts: &Texts) -> &str {
        let (first, second) = match self {
            Self::Zh => (&texts.zh, &texts.en),
            Self::En => (&texts.en, &texts.zh),
        };
        if first.is_empty() { second } else { first }
    }

    fn identifier(self) -> &'static LanguageIdentifier {
        match self {
            Self::Zh => &ZH,
            Self::En => &EN,
        }
    }
}

/// The value of a variable in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A whole number: decides plural forms, printed with separators.
    Number(i64),
    /// Anything else, printed as it is.
    Text(String),
}

impl Value {
    fn fluent(&self) -> FluentValue<'_> {
        match self {
            Self::Number(number) => FluentValue::from(*number),
            Self::Text(text) => FluentValue::from(text.as_str()),
        }
    }
}

/// Whole numbers of any width, and references to them, as templates hand them over.
pub trait Count {
    /// As a signed number, saturating.
    fn count(&self) -> i64;
}

macro_rules! count {
    ($($name:ty),*) => {$(
        impl Count for $name {
            fn count(&self) -> i64 {
                i64::try_from(*self).unwrap_or(i64::MAX)
            }
        }
    )*};
}
count!(i64, u64, usize, u32, i32);

impl<T: Count + ?Sized> Count for &T {
    fn count(&self) -> i64 {
        (**self).count()
    }
}

#[cfg(test)]
mod tests;

//! The language of the person who started the demo: every line it prints is in it. The words stand
//! where they are said, Chinese beside English, so that neither can be forgotten.

use clap::ValueEnum;
use lianshi_registry::entry::Texts;

/// A language the demo speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Language {
    /// Chinese.
    Zh,
    /// English.
    En,
}

/// Where a shell says its language, the strongest first (POSIX, 8.2).
const VARIABLES: [&str; 3] = ["LC_ALL", "LC_MESSAGES", "LANG"];

impl Language {
    /// As the environment says: the first of its variables that is not empty. A shell that says
    /// nothing speaks English, as the C locale does.
    pub fn of_shell(variable: impl Fn(&str) -> Option<String>) -> Self {
        let said = VARIABLES.iter().filter_map(|name| variable(name)).find(|text| !text.is_empty());
        let chinese = said.is_some_and(|text| text.to_ascii_lowercase().starts_with("zh"));
        if chinese { Self::Zh } else { Self::En }
    }

    /// The one of two texts in this language.
    pub fn pick<T>(self, zh: T, en: T) -> T {
        match self {
            Self::Zh => zh,
            Self::En => en,
        }
    }

    /// The side of a bilingual text in this language.
    pub fn of(self, texts: &Texts) -> &str {
        self.pick(texts.zh.as_str(), texts.en.as_str())
    }

    /// What a role is called.
    pub fn role(self, code: &str) -> &str {
        let (zh, en) = match code {
            "node_admin" => ("节点管理员", "node administration"),
            "org_admin" => ("单位管理员", "organization administration"),
            "buyer" => ("采购", "buyer"),
            "provider" => ("提供方", "provider"),
            "reviewer" => ("审核", "reviewer"),
            "finance" => ("财务", "finance"),
            "contributor" => ("贡献方", "contributor"),
            "regulator" => ("监管", "regulator"),
            other => (other, other),
        };
        self.pick(zh, en)
    }
}

/// A text followed by spaces up to a width in columns of a terminal, where Chinese takes two.
pub fn padded(text: &str, columns: usize) -> String {
    let wide = text.chars().filter(|c| !c.is_ascii()).count();
    let width = text.chars().count() + wide;
    format!("{text}{}", " ".repeat(columns.saturating_sub(width)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_variable_that_says_something_decides() {
        let shell = |set: &'static [(&str, &str)]| {
            Language::of_shell(|name| {
                set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(shell(&[("LANG", "zh_CN.UTF-8")]), Language::Zh);
        assert_eq!(shell(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "en_US.UTF-8")]), Language::En);
        assert_eq!(shell(&[("LC_ALL", ""), ("LANG", "zh_TW.UTF-8")]), Language::Zh);
        assert_eq!(shell(&[("LC_MESSAGES", "ZH-cn"), ("LANG", "C.UTF-8")]), Language::Zh);
        assert_eq!(shell(&[]), Language::En);
        assert_eq!(shell(&[("LANG", "C.UTF-8")]), Language::En);
    }

    #[test]
    fn every_role_has_a_word_in_both_languages() {
        for role in lianshi_store::accounts::Role::ALL {
            let code = role.to_string();
            let (zh, en) = (Language::Zh.role(&code), Language::En.role(&code));
            assert!(!zh.is_ascii() && en.is_ascii(), "{code}: {zh}, {en}");
        }
    }

    #[test]
    fn columns_line_up_in_both_languages() {
        assert_eq!(padded("财务", 6), "财务  ");
        assert_eq!(padded("finance", 8), "finance ");
        assert_eq!(padded("finance", 2), "finance");
    }
}

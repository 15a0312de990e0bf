//! The state of the catalog page, which lives in its address: words, filters, order and page. Every
//! link on the page is this state with one thing changed, so a view can be sent to a colleague and
//! works without a script.

use std::collections::BTreeMap;

use lianshi_registry::time::Timestamp;
use lianshi_store::catalog::{Facets, Query, Sort};

use crate::{page::Page, preferences::encode};

/// Parameters that filter, in the order of the page.
const FILTERS: [&str; 7] = ["kind", "charge", "field", "sector", "node", "division", "status"];
/// Longest question looked at, in characters.
const QUESTION_CHARS_MAX: usize = 100;
/// Values of a facet shown before "more".
const FACET_VALUES: usize = 6;

/// What the address says.
#[derive(Debug, Clone, Default)]
pub struct Filters {
    question: String,
    values: BTreeMap<&'static str, String>,
    newest: bool,
    page: u32,
}

impl Filters {
    /// From the parameters of the address; what means nothing is left out.
    pub fn parse(parameters: &BTreeMap<String, String>) -> Self {
        let get = |name: &str| parameters.get(name).map(|value| value.trim()).unwrap_or_default();
        Self {
            question: get("q").chars().take(QUESTION_CHARS_MAX).collect(),
            values: FILTERS
                .into_iter()
                .filter(|name| !get(name).is_empty() && get(name).len() <= QUESTION_CHARS_MAX)
                .map(|name| (name, get(name).to_owned()))
                .collect(),
            newest: get("sort") == "newest",
            page: get("page").parse().unwrap_or(1).max(1),
        }
    }

    /// What was asked.
    pub fn question(&self) -> &str {
        &self.question
    }

    /// The same on the first page.
    #[must_use]
    pub fn first_page(&self) -> Self {
        Self { page: 1, ..self.clone() }
    }

    /// For the store.
    pub fn query(&self, now: Timestamp) -> Query {
        let value = |name: &str| self.values.get(name).cloned().unwrap_or_default();
        Query {
            q: self.question.clone(),
            kind: value("kind"),
            sector: value("sector"),
            division: value("division"),
            node: value("node"),
            field: value("field"),
            charge: value("charge"),
            status: value("status"),
            page: self.page,
            size: 0,
            sort: if self.newest { Sort::Newest } else { Sort::Relevance },
            after: None,
            now,
        }
    }

    /// Parameters the search form keeps.
    pub fn kept(&self) -> Vec<(&'static str, String)> {
        self.values.iter().map(|(name, value)| (*name, value.clone())).collect()
    }

    /// The address of this state.
    pub fn href(&self) -> String {
        let mut pairs = Vec::new();
        let mut add = |name: &str, value: &str| pairs.push(format!("{name}={}", encode(value)));
        if !self.question.is_empty() {
            add("q", &self.question);
        }
        for name in FILTERS {
            if let Some(value) = self.values.get(name) {
                add(name, value);
            }
        }
        if self.newest {
            add("sort", "newest");
        }
        if self.page > 1 {
            add("page", &self.page.to_string());
        }
        if pairs.is_empty() {
            "/catalog".to_owned()
        } else {
            format!("/catalog?{}", pairs.join("&"))
        }
    }

    fn with(&self, name: &'static str, value: Option<&str>) -> Self {
        let mut changed = self.first_page();
        match value {
            Some(value) => changed.values.insert(name, value.to_owned()),
            None => changed.values.remove(name),
        };
        changed
    }

    fn chosen(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Links to the two orders; none without words, where both are the same.
    pub fn sorts(&self, page: &Page) -> Vec<Choice> {
        if self.question.is_empty() {
            return Vec::new();
        }
        [(false, "sort-relevance"), (true, "sort-newest")]
            .into_iter()
            .map(|(newest, key)| Choice {
                label: page.t(key),
                href: Self { newest, ..self.first_page() }.href(),
                chosen: self.newest == newest,
                count: 0,
            })
            .collect()
    }

    /// The words and filters in use, each with the address without it.
    pub fn chips(&self, words: &Words<'_>) -> Vec<Choice> {
        let mut chips = Vec::new();
        if !self.question.is_empty() {
            let without = Self { question: String::new(), ..self.first_page() };
            chips.push(Choice::chip(format!("“{}”", self.question), without.href()));
        }
        for name in FILTERS {
            if let Some(value) = self.chosen(name) {
                let label = words.label(name, value);
                chips.push(Choice::chip(label, self.with(name, None).href()));
            }
        }
        chips
    }

    /// The facets with their counts.
    pub fn facets(&self, words: &Words<'_>, facets: &Facets) -> Vec<Facet> {
        let of = |name: &str| match name {
            "kind" => &facets.kind,
            "charge" => &facets.charge,
            "field" => &facets.field,
            "sector" => &facets.sector,
            "node" => &facets.node,
            "division" => &facets.division,
            _ => &facets.status,
        };
        FILTERS
            .into_iter()
            .filter(|name| !of(name).is_empty())
            .map(|name| Facet {
                name,
                title: words.page.t(&format!("facet-{name}")),
                choices: of(name)
                    .iter()
                    .map(|value| {
                        let chosen = self.chosen(name) == Some(&value.value);
                        let next = (!chosen).then_some(value.value.as_str());
                        Choice {
                            label: words.label(name, &value.value),
                            href: self.with(name, next).href(),
                            chosen,
                            count: value.count,
                        }
                    })
                    .collect(),
            })
            .collect()
    }

    /// Links to the pages of a list of `last` pages.
    pub fn pages(&self, current: u32, last: u32) -> Pages {
        let href = |page: u32| Self { page, ..self.clone() }.href();
        let near = |page: &u32| *page == 1 || *page == last || page.abs_diff(current) <= 2;
        let mut links: Vec<PageLink> = Vec::new();
        for number in (1..=last).filter(near) {
            let gap = links.last().is_some_and(|before| before.number + 1 < number);
            links.push(PageLink { number, href: href(number), current: number == current, gap });
        }
        Pages {
            current,
            last,
            previous: (current > 1).then(|| href(current - 1)),
            next: (current < last).then(|| href(current + 1)),
            links,
        }
    }
}

/// How codes are called on the page.
pub struct Words<'a> {
    /// The page.
    pub page: &'a Page,
    /// What people call each node.
    pub nodes: &'a BTreeMap<String, String>,
    /// What each division is called.
    pub divisions: &'a BTreeMap<String, String>,
}

impl Words<'_> {
    /// The word for a value of a filter.
    pub fn label(&self, name: &str, value: &str) -> String {
        let known = match name {
            "node" => self.nodes.get(value),
            "division" => self.divisions.get(value),
            "kind" => return self.page.word("form", value),
            _ => return self.page.word(name, value),
        };
        known.cloned().unwrap_or_else(|| value.to_owned())
    }
}

/// One link of a facet, an order or a chip.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What it is called.
    pub label: String,
    /// The address with it changed.
    pub href: String,
    /// It is in use.
    pub chosen: bool,
    /// How many listings it leads to.
    pub count: u64,
}

impl Choice {
    fn chip(label: String, href: String) -> Self {
        Self { label, href, chosen: true, count: 0 }
    }
}

/// A facet.
#[derive(Debug, Clone)]
pub struct Facet {
    /// Parameter.
    pub name: &'static str,
    /// Heading.
    pub title: String,
    choices: Vec<Choice>,
}

impl Facet {
    /// The choices always shown.
    pub fn first(&self) -> &[Choice] {
        self.choices.get(..FACET_VALUES).unwrap_or(&self.choices)
    }

    /// The choices behind "more".
    pub fn rest(&self) -> &[Choice] {
        self.choices.get(FACET_VALUES..).unwrap_or_default()
    }
}

/// Links to pages.
#[derive(Debug, Clone)]
pub struct Pages {
    /// This page, from 1.
    pub current: u32,
    /// The last page.
    pub last: u32,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
    /// The numbers.
    pub links: Vec<PageLink>,
}

/// A link to one page.
#[derive(Debug, Clone)]
pub struct PageLink {
    /// Its number.
    pub number: u32,
    /// Its address.
    pub href: String,
    /// It is being looked at.
    pub current: bool,
    /// Pages were left out before it.
    pub gap: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filters(parameters: &[(&str, &str)]) -> Filters {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        Filters::parse(&parameters.iter().map(owned).collect())
    }

    #[test]
    fn the_address_keeps_the_state_and_a_changed_filter_begins_at_page_one() {
        let state = filters(&[("q", " 区划 "), ("kind", "index"), ("page", "3"), ("junk", "x")]);
        assert_eq!(state.href(), "/catalog?q=%E5%8C%BA%E5%88%92&kind=index&page=3");
        assert_eq!(state.with("kind", None).href(), "/catalog?q=%E5%8C%BA%E5%88%92");
        assert_eq!(filters(&[("page", "-1"), ("kind", "")]).href(), "/catalog");
    }

    #[test]
    fn page_links_leave_gaps_and_have_ends() {
        let shape = |current, last| -> String {
            let pages = filters(&[]).pages(current, last);
            let text = |link: &PageLink| {
                let gap = if link.gap { "…" } else { "" };
                if link.current {
                    format!("{gap}[{}]", link.number)
                } else {
                    format!("{gap}{}", link.number)
                }
            };
            pages.links.iter().map(text).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shape(1, 1), "[1]");
        assert_eq!(shape(1, 9), "[1] 2 3 …9");
        assert_eq!(shape(5, 9), "1 …3 4 [5] 6 7 …9");
    }
}

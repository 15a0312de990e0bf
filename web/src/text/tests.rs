//! Both languages say the same things: same keys, same variables; every key the code asks for
//! exists, and no key exists that nothing asks for.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use lianshi_registry::{entry::ChargeUnit, word::Word as _};

use super::*;

/// Messages of a language: key to the sorted variables of its text.
fn messages(lang: Lang) -> BTreeMap<String, Vec<String>> {
    let mut found = BTreeMap::new();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("locales").join(lang.tag());
    for file in fs::read_dir(folder).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        let mut key = String::new();
        for line in text.lines() {
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            if !line.starts_with([' ', '}', '*', '[']) {
                key = line.split_once('=').expect(line).0.trim().to_owned();
                assert!(found.insert(key.clone(), Vec::new()).is_none(), "{key} twice");
            }
            let variables: &mut Vec<String> = found.get_mut(&key).unwrap();
            for part in line.split('$').skip(1) {
                let name: String =
                    part.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
                if !variables.contains(&name) {
                    variables.push(name);
                }
            }
            variables.sort();
        }
    }
    found
}

#[test]
fn both_languages_have_the_same_keys_and_variables() {
    let (zh, en) = (messages(Lang::Zh), messages(Lang::En));
    for (key, variables) in &zh {
        assert_eq!(Some(variables), en.get(key), "`{key}` differs between zh-CN and en");
    }
    for key in en.keys() {
        assert!(zh.contains_key(key), "`{key}` is missing in zh-CN");
    }
}

#[test]
fn every_key_parses_and_none_is_empty() {
    for lang in Lang::ALL {
        for (key, variables) in messages(lang) {
            let variables: Vec<(&'static str, Value)> =
                variables.into_iter().map(|name| (&*name.leak(), Value::Number(2))).collect();
            let text = lang.text(&key, &variables);
            assert_ne!(text, key, "does not load");
            // English counts things without a measure word.
            assert!(key.starts_with("unit-") || !text.trim().is_empty(), "{key} is empty");
        }
    }
}

fn files_under(folder: &Path, extension: &str, out: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, extension, out);
        } else if path.extension().is_some_and(|e| e == extension) {
            out.push(path);
        }
    }
}

/// Every file of this crate that may ask for a text.
fn askers() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    files_under(&root.join("templates"), "html", &mut files);
    files_under(&root.join("src"), "rs", &mut files);
    let read =
        |path: &std::path::PathBuf| (path.display().to_string(), fs::read_to_string(path).unwrap());
    files.iter().map(read).collect()
}

#[test]
fn every_key_the_pages_ask_for_exists() {
    let known = messages(Lang::Zh);
    for (file, text) in askers() {
        for call in ["page.t(\"", "page.t1(\"", "page.tn(\"", "page.t2(\""] {
            for part in text.split(call).skip(1) {
                let key = part.split('"').next().unwrap();
                assert!(known.contains_key(key), "{file}: no text `{key}`");
            }
        }
    }
}

/// What stands in double quotes, `.` and `_` read as `-`, as keys are made from codes.
fn quoted(text: &str) -> BTreeSet<String> {
    let fits = |word: &&str| {
        !word.is_empty() && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    text.split('"').filter(fits).map(|word| word.replace(['.', '_'], "-")).collect()
}

/// Lists whose words are looked up by code: the first argument of `page.word` and the head of
/// `format!("list-{…}")`.
fn lists(askers: &[(String, String)]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in askers {
        for part in text.split("word(\"").skip(1) {
            found.insert(part.split('"').next().unwrap().to_owned());
        }
        for part in text.split("format!(\"").skip(1) {
            if let Some((head, _)) = part.split_once("-{") {
                found.insert(head.to_owned());
            }
        }
    }
    // The catalog looks the words of its filters up by the filter's name.
    found.extend(["charge", "field", "sector", "status"].map(str::to_owned));
    found
}

#[test]
fn nothing_is_translated_that_no_page_asks_for() {
    let askers = askers();
    let named = quoted(&askers.iter().map(|(_, text)| text.as_str()).collect::<String>());
    let mut rooms = Vec::new();
    for room in ["registry", "governance", "market", "store", "gateway", "web"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src");
        files_under(&folder, "rs", &mut rooms);
    }
    let mut codes = BTreeSet::new();
    for room in rooms {
        codes.extend(quoted(&fs::read_to_string(room).unwrap()));
    }
    let words = closed_lists().into_iter().flat_map(|(_, words)| words).chain(ChargeUnit::words());
    codes.extend(words.map(|word| word.replace('_', "-")));
    let lists = lists(&askers);
    let is_a_word = |key: &str| {
        let code_in = |list: &String| key.strip_prefix(list.as_str())?.strip_prefix('-');
        lists.iter().filter_map(code_in).any(|code| codes.contains(code))
    };
    let keys = messages(Lang::Zh).into_keys();
    let idle: Vec<String> = keys.filter(|key| !named.contains(key) && !is_a_word(key)).collect();
    assert!(idle.is_empty(), "no page asks for {idle:?}");
}

/// The closed lists of entries whose words have texts, by the list of those texts.
fn closed_lists() -> [(&'static str, &'static [&'static str]); 8] {
    use lianshi_registry::{catalog::ProductStatus, entry::*};
    [
        ("cycle", UpdateCycle::words()),
        ("form", ProductForm::words()),
        ("grade", Grade::words()),
        ("party", ShareRole::words()),
        ("regrade", RegradeMethod::words()),
        ("share-base", SplitBase::words()),
        ("status", ProductStatus::words()),
        ("type", FieldType::words()),
    ]
}

#[test]
fn the_words_of_a_closed_list_are_exactly_its_codes() {
    use lianshi_governance::publish::{FIELDS, SECTORS, TECHNIQUES};
    let roles = lianshi_store::accounts::Role::ALL.map(lianshi_store::accounts::Role::as_str);
    let open: [(&str, &[&str]); 4] =
        [("sector", &SECTORS), ("field", &FIELDS), ("technique", &TECHNIQUES), ("role", &roles)];
    let known = messages(Lang::Zh);
    for (list, codes) in open.into_iter().chain(closed_lists()) {
        let wanted: BTreeSet<String> =
            codes.iter().map(|code| format!("{list}-{}", code.replace('_', "-"))).collect();
        let head = format!("{list}-");
        // `field-…` also begins the columns of a product's operations.
        let columns =
            ["caption", "direction", "name", "label", "type", "required", "input", "output"];
        let is_word = |key: &&String| {
            key.strip_prefix(&head)
                .is_some_and(|code| !(list == "field" && columns.contains(&code)))
        };
        let found: BTreeSet<String> = known.keys().filter(is_word).cloned().collect();
        assert_eq!(found, wanted, "{list}");
    }
}

#[test]
fn numbers_are_grouped_and_plural_forms_follow_them() {
    assert_eq!(Lang::En.text("ago-minutes", &[("n", Value::Number(1))]), "1 minute ago");
    assert_eq!(Lang::En.text("ago-days", &[("n", Value::Number(1200))]), "1,200 days ago");
    assert_eq!(Lang::Zh.text("ago-minutes", &[("n", Value::Number(3))]), "3 分钟前");
}

#[test]
fn the_first_language_we_have_is_taken() {
    assert_eq!(Lang::accepted("fr, en-GB;q=0.8, zh;q=0.5"), Lang::En);
    assert_eq!(Lang::accepted("zh-TW,en"), Lang::Zh);
    assert_eq!(Lang::accepted("fr"), Lang::Zh);
}

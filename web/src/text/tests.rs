//! Both languages say the same things: same keys, same variables, and every key the code asks for
//! exists.

use std::{collections::BTreeMap, fs, path::Path};

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

#[test]
fn every_key_the_pages_ask_for_exists() {
    let known = messages(Lang::Zh);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    files_under(&root.join("templates"), "html", &mut files);
    files_under(&root.join("src"), "rs", &mut files);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for call in ["page.t(\"", "page.t1(\"", "page.tn(\"", "page.t2(\""] {
            for part in text.split(call).skip(1) {
                let key = part.split('"').next().unwrap();
                assert!(known.contains_key(key), "{}: no text `{key}`", file.display());
            }
        }
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

//! The words people see, read from the same files the pages are made from: one test walks both
//! languages.

use std::{collections::BTreeMap, fs, path::Path};

/// The texts of one language.
pub struct Words(BTreeMap<String, String>);

impl Words {
    /// Reads `web/locales/<language>/*.ftl`; texts of more than one line are left out.
    pub fn read(language: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../web/locales").join(language);
        let mut words = BTreeMap::new();
        for file in fs::read_dir(folder).expect("the texts") {
            let text = fs::read_to_string(file.expect("a file").path()).expect("a text");
            for line in text.lines() {
                if let Some((key, value)) = line.split_once(" = ") {
                    words.insert(key.to_owned(), value.to_owned());
                }
            }
        }
        Self(words)
    }

    /// The text with a key.
    pub fn get(&self, key: &str) -> &str {
        self.0.get(key).unwrap_or_else(|| panic!("no text `{key}`"))
    }
}

//! The kinds a reader may choose from.

#[cfg(test)]
mod tests {
    use lianshi_registry::entry::Fact;

    use crate::text::Lang;

    #[test]
    fn every_kind_has_its_words() {
        for kind in Fact::kinds() {
            let key = format!("entry-{}", kind.replace('.', "-"));
            for lang in Lang::ALL {
                assert!(lang.find(&key).is_some(), "no word for {kind}");
            }
        }
    }
}

//! The kinds a reader may choose from, grouped as the registry names them.

/// Every kind of entry this program knows.
pub const KINDS: [&str; 27] = [
    "member.admitted",
    "member.suspended",
    "member.reinstated",
    "member.withdrawn",
    "organization.listed",
    "organization.revised",
    "organization.withdrawn",
    "resource.cataloged",
    "resource.revised",
    "resource.withdrawn",
    "authorization.granted",
    "authorization.suspended",
    "authorization.resumed",
    "authorization.ended",
    "product.registered",
    "product.revised",
    "product.listed",
    "product.paused",
    "product.resumed",
    "product.delisted",
    "plan.published",
    "plan.retired",
    "ceiling.filed",
    "split.agreed",
    "statement.sealed",
    "audit.sealed",
    "fork.witnessed",
];

#[cfg(test)]
mod tests {
    use lianshi_registry::entry::Fact;

    use super::KINDS;

    #[test]
    fn the_kinds_are_those_of_the_registry() {
        // Whoever reads an unknown kind is told every known one.
        let unknown = serde_json::json!({ "kind": "?", "body": {} });
        let told = serde_json::from_value::<Fact>(unknown).expect_err("unknown").to_string();
        let known: Vec<&str> = told.split('`').skip(3).step_by(2).collect();
        assert_eq!(known, KINDS, "{told}");
        for kind in KINDS {
            let key = format!("entry-{}", kind.replace('.', "-"));
            for lang in crate::text::Lang::ALL {
                assert!(lang.find(&key).is_some(), "no word for {kind}");
            }
        }
    }
}

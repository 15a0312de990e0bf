//! The links at the top of every page: the public ones for everybody, the others for whoever has
//! the role. Hiding a link protects nothing; every route checks the role again.

use crate::visitor::Visitor;

/// One link.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// Where it leads.
    pub href: &'static str,
    /// Key of its text.
    pub key: &'static str,
    /// Roles that see it; none for everybody.
    roles: &'static [&'static str],
}

const fn link(href: &'static str, key: &'static str, roles: &'static [&'static str]) -> Link {
    Link { href, key, roles }
}

/// What everybody sees.
const PUBLIC: [Link; 3] = [
    link("/", "nav-home", &[]),
    link("/catalog", "nav-catalog", &[]),
    link("/federation", "nav-federation", &[]),
];

/// What people see when they are signed in, by role.
const WORK: [Link; 12] = [
    link("/subscriptions", "nav-subscriptions", &["buyer", "org_admin"]),
    link("/bills", "nav-bills", &["buyer", "org_admin"]),
    link("/provider/requests", "nav-requests", &["provider"]),
    link("/provider/subscriptions", "nav-provided", &["provider"]),
    link("/provider/revenue", "nav-revenue", &["provider"]),
    link("/contributor/lines", "nav-lines", &["contributor"]),
    link("/finance/periods", "nav-periods", &["finance"]),
    link("/finance/statements", "nav-statements", &["finance", "regulator"]),
    link("/finance/differences", "nav-differences", &["finance"]),
    link("/letters", "nav-letters", &["node_admin", "finance"]),
    link("/audit", "nav-audit", &["node_admin", "regulator"]),
    link("/users", "nav-users", &["node_admin", "org_admin"]),
];

/// A link as a page shows it.
#[derive(Debug, Clone, Copy)]
pub struct Shown {
    /// Where it leads.
    pub href: &'static str,
    /// Key of its text.
    pub key: &'static str,
    /// The page being looked at lies under it.
    pub current: bool,
}

/// The public links.
pub fn public(path: &str) -> Vec<Shown> {
    PUBLIC.iter().map(|link| shown(link, path)).collect()
}

/// The links of the visitor's work.
pub fn work(visitor: &Visitor, path: &str) -> Vec<Shown> {
    WORK.iter().filter(|link| visitor.has_any(link.roles)).map(|link| shown(link, path)).collect()
}

fn shown(link: &Link, path: &str) -> Shown {
    let path = path.split('?').next().unwrap_or_default();
    let product_under_catalog = link.href == "/catalog" && path.starts_with("/products/");
    let of_federation = link.href == "/federation"
        && ["/node/", "/registry/", "/verify"].iter().any(|part| path.starts_with(part));
    let under =
        path.strip_prefix(link.href).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let current = if link.href == "/" {
        path == "/"
    } else {
        under || product_under_catalog || of_federation
    };
    Shown { href: link.href, key: link.key, current }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_current_on_its_own_pages_only() {
        let current = |path: &str| -> Vec<&str> {
            public(path).iter().filter(|link| link.current).map(|link| link.href).collect()
        };
        assert_eq!(current("/"), ["/"]);
        assert_eq!(current("/catalog?q=1"), ["/catalog"]);
        assert_eq!(current("/products/330212-P-2026-0000001-X"), ["/catalog"]);
        for path in ["/node/yinzhou", "/registry/yinzhou/1/7", "/verify"] {
            assert_eq!(current(path), ["/federation"]);
        }
        assert_eq!(current("/federations"), Vec::<&str>::new());
    }

    #[test]
    fn an_anonymous_visitor_sees_no_work() {
        assert!(work(&Visitor::default(), "/").is_empty());
    }
}

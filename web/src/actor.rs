//! Who acted, in words: what a program did is never shown as done by a person, nor the other way
//! round. The names are those of [`lianshi_store::audit::Actor`].

use crate::page::Page;

/// The words for the name of an actor and the organization acted for, which is empty for everyone
/// but people.
pub fn shown(page: &Page, name: &str, organization: &str) -> String {
    match name.split_once(' ') {
        Some(("node", other)) => page.t1("audit-other-node", "node", other),
        Some(("command", account)) => page.t1("audit-command", "account", account),
        Some(("token", login)) => page.t1("audit-token", "login", login),
        None if organization.is_empty() && name == "node" => page.t("audit-node"),
        None if organization.is_empty() && name == "stranger" => page.t("audit-stranger"),
        _ => name.to_owned(),
    }
}

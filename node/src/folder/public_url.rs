//! The base URL of a node. Every link begins with it, and other nodes verify logs below it.

use anyhow::{bail, ensure};
use lianshi_registry::address::PublicUrl;
use reqwest::Url;

/// Refuses what no links can be made from: pages stand at the root of their host, so a path would
/// make every one of them a dead link.
pub fn check(text: &str) -> anyhow::Result<()> {
    let Ok(url) = Url::parse(text) else {
        bail!(
            "public_url `{text}` is no address such as https://node.example; change it in node.toml"
        );
    };
    ensure!(
        url.path() == "/" && url.query().is_none() && url.fragment().is_none(),
        "public_url `{text}` has more than a host: the pages of a node stand at the root of a host \
         of its own. Give it one, such as https://lianshi.node.example, and let the proxy pass all \
         of it on; change public_url in node.toml to that"
    );
    ensure!(
        url.username().is_empty() && url.password().is_none(),
        "public_url `{text}` names a user, whom everybody would see; take that out in node.toml"
    );
    if let Err(error) = PublicUrl::parse(text) {
        bail!("public_url `{text}` {error}; change it in node.toml");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_host_and_nothing_else() {
        for good in ["https://node.example", "http://127.0.0.1:8800", "http://[::1]:8800/"] {
            assert!(check(good).is_ok(), "{good}");
        }
        for (bad, advice) in [
            ("https://node.example/lianshi", "host of its own"),
            ("https://node.example/?a=b", "host of its own"),
            ("https://me:secret@node.example", "names a user"),
            ("node.example", "no address"),
            ("ftp://node.example", "no public address"),
            ("http://node..example", "no public address"),
            ("", "no address"),
        ] {
            let said = check(bad).expect_err(bad).to_string();
            assert!(said.contains(advice), "{said}");
        }
    }
}

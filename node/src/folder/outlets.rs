//! Where notices leave the federation, as `node.toml` says: the mail server and the webhooks.

use std::net::IpAddr;

use anyhow::{Context as _, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use lettre::message::Mailbox;
use reqwest::Url;
use serde::{Deserialize, Serialize};

/// Prefix of a webhook's secret (Standard Webhooks).
const SECRET_PREFIX: &str = "whsec_";
/// Fewest bytes of a secret: what the Standard Webhooks specification asks for.
const SECRET_BYTES_MIN: usize = 24;
/// Most bytes of a secret, by the same.
const SECRET_BYTES_MAX: usize = 64;
/// Most webhooks: each gets every notice.
const WEBHOOKS_MAX: usize = 16;
/// Longest name of a webhook.
const NAME_CHARS_MAX: usize = 32;

/// `[mail]` of `node.toml`. Without it e-mail is written into the folder `mail`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// `smtps://user:password@host:465`, or `smtp://…:587?tls=required`. Without encryption only on
    /// this machine.
    pub server: String,
    /// Whom mail is from, such as `数据流通平台 <notice@data.example>`.
    pub from: String,
}

/// One of `[[webhooks]]` of `node.toml`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// What it is called on pages and in the log.
    pub name: String,
    /// Where notices are posted. Without encryption only on this machine.
    pub url: String,
    /// `whsec_` and 24 to 64 bytes in base64, known to both sides.
    pub secret: String,
}

// Neither server address nor secret is ever printed: both open something.
impl std::fmt::Debug for MailConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MailConfig").field("from", &self.from).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for WebhookConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WebhookConfig").field("name", &self.name).finish_non_exhaustive()
    }
}

fn is_this_machine(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    address.map_or(host == "localhost", |address| address.is_loopback())
}

impl MailConfig {
    /// Whom mail is from. Refused: a server that is reached without encryption, a sender that is no
    /// address.
    pub fn sender(&self) -> anyhow::Result<Mailbox> {
        let url = Url::parse(&self.server).context("`server` of [mail] is no address")?;
        let demands_tls =
            url.query_pairs().any(|(name, value)| name == "tls" && value == "required");
        let is_encrypted = match url.scheme() {
            "smtps" => true,
            "smtp" => demands_tls,
            _ => anyhow::bail!("`server` of [mail] begins with smtps:// or smtp://"),
        };
        ensure!(
            is_encrypted || is_this_machine(&url),
            "`server` of [mail] is reached without encryption; use smtps://, or add ?tls=required"
        );
        self.from.parse().with_context(|| format!("`from` of [mail] is no mailbox: {}", self.from))
    }
}

impl WebhookConfig {
    /// The secret's bytes. Refused: a name that is no code, an address without encryption, a secret
    /// of another form.
    fn check(&self) -> anyhow::Result<Vec<u8>> {
        let is_code = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        ensure!(
            (1..=NAME_CHARS_MAX).contains(&self.name.len()) && self.name.chars().all(is_code),
            "the name of a webhook is 1 to {NAME_CHARS_MAX} of a–z, 0–9 and -, not `{}`",
            self.name
        );
        let name = &self.name;
        let url = Url::parse(&self.url).with_context(|| format!("`url` of the webhook {name}"))?;
        let is_encrypted = url.scheme() == "https";
        ensure!(
            is_encrypted || (url.scheme() == "http" && is_this_machine(&url)),
            "the webhook {name} is reached without encryption; use https://"
        );
        let wrong = || {
            format!(
                "`secret` of the webhook {name} is `{SECRET_PREFIX}` and {SECRET_BYTES_MIN} to \
                 {SECRET_BYTES_MAX} random bytes in base64; `openssl rand -base64 32` makes some"
            )
        };
        let encoded = self.secret.strip_prefix(SECRET_PREFIX).with_context(wrong)?;
        let secret = BASE64_STANDARD.decode(encoded).with_context(wrong)?;
        ensure!((SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&secret.len()), wrong());
        Ok(secret)
    }
}

/// The webhooks with the bytes of their secrets. Refused: what [`WebhookConfig`] says, two of one
/// name, too many.
pub fn secrets(webhooks: &[WebhookConfig]) -> anyhow::Result<Vec<(&WebhookConfig, Vec<u8>)>> {
    ensure!(webhooks.len() <= WEBHOOKS_MAX, "at most {WEBHOOKS_MAX} webhooks");
    let mut checked: Vec<(&WebhookConfig, Vec<u8>)> = Vec::new();
    for webhook in webhooks {
        let is_new = checked.iter().all(|(other, _)| other.name != webhook.name);
        ensure!(is_new, "two webhooks are called `{}`", webhook.name);
        checked.push((webhook, webhook.check()?));
    }
    Ok(checked)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_leaves_encrypted_or_not_at_all() {
        let check = |server: &str| {
            let from = "平台 <notice@data.example>".to_owned();
            MailConfig { server: server.to_owned(), from }.sender().is_ok()
        };
        assert!(check("smtps://user:secret@mail.example:465"));
        assert!(check("smtp://mail.example:587?tls=required"));
        assert!(check("smtp://127.0.0.1:2525"));
        assert!(!check("smtp://mail.example:25"));
        assert!(!check("smtp://mail.example:25?tls=opportunistic"));
        assert!(!check("https://mail.example"));
        assert!(!check("mail.example"));
    }

    #[test]
    fn a_webhook_that_anybody_could_read_or_forge_is_refused() {
        let good = WebhookConfig {
            name: "oa".to_owned(),
            url: "https://oa.example/lianshi".to_owned(),
            secret: format!("whsec_{}", BASE64_STANDARD.encode([7; 32])),
        };
        let check = |change: &dyn Fn(&mut WebhookConfig)| {
            let mut changed = good.clone();
            change(&mut changed);
            secrets(&[changed]).map(|all| all.first().map(|(_, secret)| secret.len()))
        };
        assert_eq!(check(&|_| {}).expect("taken"), Some(32));
        assert!(check(&|hook| hook.url = "http://oa.example/".to_owned()).is_err());
        assert!(check(&|hook| hook.url = "http://127.0.0.1:9/".to_owned()).is_ok());
        assert!(check(&|hook| hook.secret = "whsec_c2hvcnQ=".to_owned()).is_err());
        assert!(check(&|hook| hook.secret = BASE64_STANDARD.encode([7; 32])).is_err());
        assert!(check(&|hook| hook.name = "O A".to_owned()).is_err());
        assert!(secrets(&[good.clone(), good.clone()]).is_err(), "two of one name");
        assert!(!format!("{good:?}").contains("whsec"), "never printed");
    }
}

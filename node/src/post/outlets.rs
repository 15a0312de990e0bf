//! How notices leave the federation: e-mail by a server or into a folder, and webhooks as the
//! Standard Webhooks specification signs them. What is not taken is tried again like a letter; what
//! is refused for good, or was tried for days, waits for a person among the parked letters.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit as _, Mac as _};
use lettre::{
    Message, SmtpTransport, Transport as _,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::Error as SmtpError,
};
use lianshi_registry::{entry::Texts, time::Timestamp, wire::Receipt};
use lianshi_store::{
    Site,
    letters::Answer,
    notices::{self, Dated, MAIL, Mail, NOTICES, REFUSED},
    outbox::OutboxRow,
};
use lianshi_web::notice;
use reqwest::StatusCode;
use sha2::Sha256;

use super::on_site;
use crate::folder::{
    outlets::{MailConfig, WebhookConfig, secrets},
    private,
};

/// How long a mail server or a webhook may take to answer.
const ANSWER_MS: u64 = 15_000;
/// E-mail kept in the folder; the oldest goes first. More than a year of a busy office.
const MAIL_FILES_MAX: usize = 10_000;

/// Answers of a webhook that takes nothing now, whatever is sent.
const IS_BUSY: [StatusCode; 3] =
    [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_EARLY, StatusCode::TOO_MANY_REQUESTS];

/// Where notices of this node go.
pub struct Outlets {
    mail: Post,
    webhooks: Vec<Webhook>,
    client: reqwest::Client,
    /// Who speaks in e-mail, and where its pages are.
    node: Texts,
    public_url: String,
}

struct Webhook {
    name: String,
    url: String,
    secret: Vec<u8>,
}

/// How e-mail leaves.
struct Post {
    from: Mailbox,
    by: Way,
}

enum Way {
    Server(Box<SmtpTransport>),
    Folder(PathBuf),
}

impl Outlets {
    /// As `node.toml` says: e-mail by a server or into the node's folder, and these webhooks.
    /// Refuses what cannot be sent safely.
    pub fn new(
        site: &Site,
        mail: Option<&MailConfig>,
        webhooks: &[WebhookConfig],
    ) -> anyhow::Result<Self> {
        let mail = if let Some(mail) = mail {
            let server = SmtpTransport::from_url(&mail.server)
                .context("`server` of [mail] is not one")?
                .timeout(Some(Duration::from_millis(ANSWER_MS)))
                .build();
            Post { from: mail.sender()?, by: Way::Server(Box::new(server)) }
        } else {
            let from = format!("lianshi@{}", site.origin.domain().as_str());
            let from = Mailbox::new(None, from.parse()?);
            Post { from, by: Way::Folder(site.folder.join("mail")) }
        };
        let webhooks = secrets(webhooks)?.into_iter().map(|(hook, secret)| Webhook {
            name: hook.name.clone(),
            url: hook.url.clone(),
            secret,
        });
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(ANSWER_MS))
            // The secret is for one address alone.
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            mail,
            webhooks: webhooks.collect(),
            client,
            node: site.name.clone(),
            public_url: site.public_url.clone(),
        })
    }

    /// Brings one notice where it belongs.
    pub(super) async fn carry(&self, site: &Site, row: &OutboxRow) -> Answer {
        let brought = match row.target.as_str() {
            NOTICES => self.spread(site, row).await,
            MAIL => self.send_mail(site, row).await,
            target => match notices::webhook_of(target) {
                Some(name) => self.call(site, (name, row)).await,
                None => Err(Answer::Silent(format!("nothing is called `{target}`"))),
            },
        };
        brought.map_or_else(|not| not, Answer::Receipt)
    }

    async fn spread(&self, site: &Site, row: &OutboxRow) -> Result<Receipt, Answer> {
        let names: Vec<String> = self.webhooks.iter().map(|hook| hook.name.clone()).collect();
        let row = row.clone();
        on_site(site, move |site| notices::spread(site, &row, &names))
            .await
            .map_err(|fault| Answer::Unread(fault.to_string()))?;
        Ok(Receipt::Taken)
    }

    async fn send_mail(&self, site: &Site, row: &OutboxRow) -> Result<Receipt, Answer> {
        let unread = |error: &dyn std::fmt::Display| Answer::Unread(error.to_string());
        let mail: Mail = serde_json::from_slice(&row.payload).map_err(|error| unread(&error))?;
        let message = self.compose(&mail).map_err(|error| unread(&error))?;
        match &self.mail.by {
            Way::Folder(folder) => {
                let (folder, notice) = (folder.clone(), mail.notice);
                let name = file_name(&notice, &row.id);
                let written = move |_: &Site| Ok(keep(&folder, &name, &message.formatted()));
                on_site(site, written)
                    .await
                    .map_err(|fault| unread(&fault))?
                    .map_err(|error| Answer::Silent(format!("{error:#}")))?;
            }
            Way::Server(server) => {
                let server = server.clone();
                let sent = on_site(site, move |_| Ok(server.send(&message))).await;
                let sent = sent.map_err(|fault| unread(&fault))?;
                if let Err(error) = sent {
                    return refused_by(&error);
                }
            }
        }
        tracing::info!(notice = %row.id, attempts = row.attempts, "e-mail left");
        Ok(Receipt::Taken)
    }

    fn compose(&self, mail: &Mail) -> anyhow::Result<Message> {
        let words = notice::words(&mail.notice.notice, (&self.node, &self.public_url));
        let at = u64::try_from(mail.notice.timestamp.millis()).unwrap_or_default();
        let domain = self.mail.from.email.domain().to_owned();
        // Answered by nobody, and by no program (RFC 3834).
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Ok(Message::builder()
            .from(self.mail.from.clone())
            .to(Mailbox::new(None, mail.to.parse()?))
            .subject(words.subject)
            .date(std::time::UNIX_EPOCH + Duration::from_millis(at))
            .message_id(Some(format!("<{}@{domain}>", mail.notice.id)))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(words.body)?)
    }

    async fn call(&self, site: &Site, (name, row): (&str, &OutboxRow)) -> Result<Receipt, Answer> {
        let Some(hook) = self.webhooks.iter().find(|hook| hook.name == name) else {
            let why = format!("node.toml has no webhook `{name}` any more");
            return Ok(Receipt::refused(REFUSED, &why, false));
        };
        let notice: Dated = serde_json::from_slice(&row.payload)
            .map_err(|error| Answer::Unread(error.to_string()))?;
        let now = site.now();
        let request = self
            .client
            .post(&hook.url)
            .header("content-type", "application/json")
            .header("webhook-id", &notice.id)
            .header("webhook-timestamp", seconds(now).to_string())
            .header("webhook-signature", hook.signature((&notice.id, now), &row.payload))
            .body(row.payload.clone());
        let status = match request.send().await {
            Ok(answer) => answer.status(),
            // Without the address: it may hold a secret.
            Err(error) => return Err(Answer::Silent(error.without_url().to_string())),
        };
        tracing::info!(webhook = name, id = %notice.id, %status, "a webhook was called");
        if status.is_success() {
            Ok(Receipt::Taken)
        } else if status == StatusCode::GONE {
            Ok(Receipt::refused(REFUSED, "410: it takes no notices any more", false))
        } else if status.is_client_error() && !IS_BUSY.contains(&status) {
            Err(Answer::Unread(format!("it answered {status}")))
        } else {
            Err(Answer::Silent(format!("it answered {status}")))
        }
    }
}

impl Webhook {
    /// `v1,` and HMAC-SHA-256 over id, time and body, joined by dots (Standard Webhooks,
    /// "Signature scheme").
    fn signature(&self, (id, at): (&str, Timestamp), body: &[u8]) -> String {
        // A key of any length fits.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else {
            return String::new();
        };
        mac.update(format!("{id}.{}.", seconds(at)).as_bytes());
        mac.update(body);
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

fn seconds(at: Timestamp) -> i64 {
    at.millis().div_euclid(1000)
}

/// What a mail server's no means: an address that is refused for good stays refused, a mail that is
/// not taken now is tried again, and a server that takes nobody's is left alone for a while. Its
/// words name the address, which is nobody else's; so the code alone is told.
fn refused_by(error: &SmtpError) -> Result<Receipt, Answer> {
    let Some(code) = error.status() else {
        let what = if error.is_timeout() { "it did not answer in time" } else { "no connection" };
        return Err(Answer::Silent(format!("the mail server: {what}")));
    };
    let why = format!("the mail server answered {code}");
    match u16::from(code) {
        550 | 551 | 553 => Ok(Receipt::refused(REFUSED, &why, false)),
        // It closes, or wants other credentials.
        421 | 454 | 530 | 534 | 535 => Err(Answer::Silent(why)),
        _ => Err(Answer::Unread(why)),
    }
}

/// Sorts by time, and is the same for a repeat.
fn file_name(notice: &Dated, row: &str) -> String {
    let address = row.rsplit('/').next().unwrap_or_default();
    format!("{:014}-{}-{address}.eml", notice.timestamp.millis(), notice.id)
}

/// Writes an e-mail into the folder, and lets go of the oldest where there are too many.
fn keep(folder: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
    private::make_folder(folder)?;
    private::write(&folder.join(name), bytes)?;
    let mut names: Vec<_> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .map(|entry| entry.file_name())
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "eml"))
        .collect();
    names.sort();
    let surplus = names.len().saturating_sub(MAIL_FILES_MAX);
    for old in names.iter().take(surplus) {
        fs::remove_file(folder.join(old))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;

//! Notices at a mail server, in a folder and at a webhook, each answering as they do.

use std::sync::{Arc, Mutex};

use lianshi_registry::{entry::Texts, id::NodeName};
use lianshi_store::{
    accounts::Mailbox,
    notices::{LIFE_MS, Notice, UNDELIVERED, webhook_target},
    outbox::{self, ParkedLetter},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpListener,
};

use super::*;
use crate::post::{
    delivery::{Carrier, Outcome, deliver},
    tests::site,
};

const ADDRESS: &str = "buyer@office.example";

async fn listen() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}

/// Lines and bodies that were heard, whole requests one after the other.
type Heard = Arc<Mutex<Vec<String>>>;

/// A program that answers with these statuses, one after the other.
async fn program(answers: &'static [&'static str]) -> (u16, Heard) {
    let (listener, port) = listen().await;
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.expect("a caller");
            let mut stream = BufReader::new(stream);
            let (mut head, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                stream.read_line(&mut line).await.expect("a line");
                if let Some(size) = line.to_ascii_lowercase().strip_prefix("content-length: ") {
                    length = size.trim().parse().expect("a length");
                }
                head.push_str(&line);
                if line == "\r\n" {
                    break;
                }
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).await.expect("the body");
            head.push_str(&String::from_utf8(body).expect("text"));
            kept.lock().expect("kept").push(head);
            let answer =
                format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.expect("answered");
        }
    });
    (port, heard)
}

/// A mail server that answers RCPT with these lines, one for each connection.
async fn server(answers: &'static [&'static str]) -> (u16, Heard) {
    let (listener, port) = listen().await;
    let heard = Heard::default();
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        for answer in answers {
            let (stream, _) = listener.accept().await.expect("a caller");
            let mut stream = BufReader::new(stream);
            stream.write_all(b"220 mail.example\r\n").await.expect("greeted");
            let mut mail = String::new();
            loop {
                let mut line = String::new();
                if stream.read_line(&mut line).await.expect("a line") == 0 {
                    break;
                }
                let said = match line.split([' ', '\r']).next() {
                    Some("RCPT") => answer,
                    Some("DATA") => {
                        stream.write_all(b"354 go on\r\n").await.expect("answered");
                        while !mail.ends_with("\r\n.\r\n") {
                            stream.read_line(&mut mail).await.expect("a line");
                        }
                        "250 taken"
                    }
                    Some("QUIT") => "221 bye",
                    _ => "250 fine",
                };
                stream.write_all(format!("{said}\r\n").as_bytes()).await.expect("answered");
            }
            kept.lock().expect("kept").push(mail);
        }
    });
    (port, heard)
}

fn mail_by(port: u16) -> MailConfig {
    MailConfig {
        server: format!("smtp://127.0.0.1:{port}"),
        from: "数据流通平台 <notice@data.example>".to_owned(),
    }
}

fn hook(port: u16) -> WebhookConfig {
    WebhookConfig {
        name: "oa".to_owned(),
        url: format!("http://127.0.0.1:{port}/lianshi"),
        secret: format!("whsec_{}", BASE64_STANDARD.encode([7; 32])),
    }
}

async fn bring(site: &Site, outlets: &Outlets, target: &str) -> Outcome {
    deliver(site, &Carrier::Outside(outlets), target).await.expect("tried")
}

/// Puts a test notice into the outbox and takes it apart.
async fn begin(site: &Site, outlets: &Outlets) {
    let mailbox = Mailbox::parse(ADDRESS).expect("an address");
    notices::try_out(site, Some(&mailbox)).expect("on its way");
    assert_eq!(bring(site, outlets, NOTICES).await, Outcome::Answered);
}

fn waiting(site: &Site) -> i64 {
    site.db.read(outbox::waiting).expect("read").counted()
}

fn parked(site: &Site) -> Vec<ParkedLetter> {
    site.db.read(outbox::parked).expect("read")
}

/// Everything that waits is due.
fn due(site: &Site, target: &str) {
    site.db.write(|write| outbox::wake(write, target, site.now())).expect("woken");
}

#[tokio::test]
async fn mail_without_a_server_is_written_into_the_folder_in_both_languages() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let outlets = Outlets::new(&site, None, &[]).expect("into the folder");
    begin(&site, &outlets).await;
    assert_eq!(bring(&site, &outlets, MAIL).await, Outcome::Answered);
    assert_eq!(waiting(&site), 0);
    let files: Vec<_> = fs::read_dir(folder.path().join("mail"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").path())
        .collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    private::demand([folder.path().join("mail"), file.clone()]).expect("nobody else's");
    let text = fs::read_to_string(file).expect("read");
    for part in [
        "To: buyer@office.example",
        "From: lianshi@ningbo.example",
        "Auto-Submitted: auto-generated",
        "Message-ID: <msg_",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let body = text.split("\r\n\r\n").nth(1).expect("a body").replace("\r\n", "");
    let body = String::from_utf8(BASE64_STANDARD.decode(body).expect("base64")).expect("text");
    for part in ["测试通知", "test of notices"] {
        assert!(body.contains(part), "{part}: {body}");
    }
}

#[tokio::test]
async fn a_folder_of_mail_keeps_the_newest() {
    let folder = tempfile::tempdir().expect("a folder");
    let mail = folder.path().join("mail");
    for number in 0..MAIL_FILES_MAX + 2 {
        if number < MAIL_FILES_MAX {
            private::make_folder(&mail).expect("made");
            private::write(&mail.join(format!("{number:014}.eml")), "").expect("written");
        } else {
            keep(&mail, &format!("{number:014}.eml"), b"new").expect("kept");
        }
    }
    assert_eq!(fs::read_dir(&mail).expect("read").count(), MAIL_FILES_MAX);
    assert!(!mail.join("00000000000001.eml").exists() && mail.join("00000000010001.eml").exists());
}

#[tokio::test]
async fn a_mail_server_is_tried_again_until_it_takes_a_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let (port, heard) = server(&["451 come again", "250 fine"]).await;
    let outlets = Outlets::new(&site, Some(&mail_by(port)), &[]).expect("a server");
    begin(&site, &outlets).await;
    // Of this mail alone: others go on.
    assert_eq!(bring(&site, &outlets, MAIL).await, Outcome::Answered);
    let unreached = site.db.read(outbox::unreached).expect("read");
    assert!(unreached[0].last_error.contains("451"), "{unreached:?}");
    assert!(parked(&site).is_empty());
    due(&site, MAIL);
    assert_eq!(bring(&site, &outlets, MAIL).await, Outcome::Answered);
    assert_eq!(waiting(&site), 0);
    drop(outlets);
    let heard = heard.lock().expect("heard");
    assert!(heard.iter().any(|mail| mail.contains("To: buyer@office.example")), "{heard:?}");
}

#[tokio::test]
async fn an_address_that_is_refused_for_good_waits_for_a_person_and_is_told_to_nobody_by_mail() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let (port, _) = server(&["550 <buyer@office.example>: nobody of that name"]).await;
    let outlets = Outlets::new(&site, Some(&mail_by(port)), &[]).expect("a server");
    begin(&site, &outlets).await;
    assert_eq!(bring(&site, &outlets, MAIL).await, Outcome::Answered);
    let set_aside = parked(&site);
    assert_eq!(set_aside.len(), 1);
    assert_eq!((set_aside[0].code.as_str(), set_aside[0].target.as_str()), (REFUSED, MAIL));
    assert!(!set_aside[0].text.contains("office.example"), "{set_aside:?}");
    assert_eq!(waiting(&site), 0, "no notice about a notice");
}

#[tokio::test]
async fn what_is_tried_for_days_waits_for_a_person() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let (listener, port) = listen().await;
    drop(listener);
    let outlets = Outlets::new(&site, None, &[hook(port)]).expect("a webhook");
    begin(&site, &outlets).await;
    let target = webhook_target("oa");
    assert_eq!(bring(&site, &outlets, &target).await, Outcome::Silent);
    assert!(parked(&site).is_empty());
    let later = Site {
        clock: || Timestamp::from_millis(crate::clock::now().millis() + LIFE_MS + 1),
        ..site.clone()
    };
    assert_eq!(bring(&later, &outlets, &target).await, Outcome::Silent);
    assert_eq!(parked(&site)[0].code, UNDELIVERED);
    let gone = Outlets::new(&site, None, &[]).expect("no webhook");
    outbox::send_again(&site, &lianshi_store::audit::Actor::command("clerk"), &parked(&site)[0].id)
        .expect("again");
    assert_eq!(bring(&site, &gone, &target).await, Outcome::Answered);
    assert_eq!(parked(&site)[0].code, REFUSED, "no webhook is called so any more");
}

#[tokio::test]
async fn a_webhook_is_called_signed_until_it_takes_a_notice() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let (port, heard) = program(&["500 Oh", "302 Found", "204 No Content", "410 Gone"]).await;
    let outlets = Outlets::new(&site, None, &[hook(port)]).expect("a webhook");
    let target = webhook_target("oa");
    begin(&site, &outlets).await;
    for _ in 0..2 {
        assert_eq!(bring(&site, &outlets, &target).await, Outcome::Silent);
        due(&site, &target);
    }
    assert_eq!(bring(&site, &outlets, &target).await, Outcome::Answered);
    assert!(parked(&site).is_empty());
    begin(&site, &outlets).await;
    assert_eq!(bring(&site, &outlets, &target).await, Outcome::Answered);
    assert_eq!(parked(&site)[0].code, REFUSED, "410");
    let heard = heard.lock().expect("heard").clone();
    assert_eq!(heard.len(), 4);
    let mut ids = Vec::new();
    for request in &heard {
        let (head, body) = request.split_once("\r\n\r\n").expect("head and body");
        let header = |name: &str| {
            let line = head.lines().find(|line| line.to_ascii_lowercase().starts_with(name));
            line.expect(name).split_once(": ").expect("a value").1.to_owned()
        };
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let mut mac = Hmac::<Sha256>::new_from_slice(&[7; 32]).expect("a key");
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        assert_eq!(header("webhook-signature"), signature);
        let notice: Dated = serde_json::from_str(body).expect("a notice");
        assert_eq!(notice.id, id);
        let node = NodeName::parse("yinzhou").expect("a name");
        assert_eq!(notice.notice, Notice::Test { node });
        let value: serde_json::Value = serde_json::from_str(body).expect("JSON");
        assert_eq!(value["type"], "notice.test");
        ids.push(id);
    }
    assert!(ids[0] == ids[1] && ids[1] == ids[2], "the same for a repeat");
    assert_ne!(ids[2], ids[3]);
}

#[test]
fn a_name_in_a_notice_breaks_no_header() {
    let folder = tempfile::tempdir().expect("a folder");
    let site = site(folder.path());
    let outlets = Outlets::new(&site, None, &[]).expect("into the folder");
    let notice = Dated {
        v: 1,
        id: "msg_1".to_owned(),
        timestamp: site.now(),
        notice: Notice::SubscriptionChanged {
            subscription: "s".to_owned(),
            side: "home".to_owned(),
            state: "finalized".to_owned(),
            product: lianshi_registry::id::RegistrationNumber::new(
                &site.division,
                lianshi_registry::id::NumberKind::Product,
                2026,
                1,
            )
            .expect("a number"),
            product_name: Texts {
                zh: "a\r\nBcc: all@office.example".to_owned(),
                en: String::new(),
            },
            organization: String::new(),
        },
    };
    let mail = Mail { to: ADDRESS.to_owned(), notice };
    let formatted = outlets.compose(&mail).expect("composed").formatted();
    let text = String::from_utf8(formatted).expect("text");
    assert!(!text.contains("\nBcc:"), "{text}");
}

//! Where a person hears of what was decided: an e-mail address of their own, or none.

use actix_web::{HttpResponse, http::header::LOCATION, web};
use askama::Template;
use lianshi_store::accounts::{self, Mailbox};
use serde::Deserialize;

use crate::{
    WebState,
    access::Caller,
    csrf::Posted,
    form::Errors,
    page::{Page, render, render_as},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "account/mailbox.html")]
struct MailboxPage {
    page: Page,
    /// As it is kept, or as it was typed.
    mailbox: String,
    errors: Errors,
}

/// `GET /account/mailbox`
pub async fn show(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
) -> Result<HttpResponse, Problem> {
    let kept = state.read(move |read| accounts::mailbox(read, &caller.user)).await?;
    let mailbox = kept.map(|mailbox| mailbox.to_string()).unwrap_or_default();
    render(&MailboxPage { page, mailbox, errors: Errors::default() })
}

/// The form.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailboxForm {
    #[serde(default)]
    mailbox: String,
}

/// `POST /account/mailbox`: an empty field takes the address back.
pub async fn change(
    page: Page,
    caller: Caller,
    state: web::Data<WebState>,
    Posted(MailboxForm { mailbox }): Posted<MailboxForm>,
) -> Result<HttpResponse, Problem> {
    let wanted = match mailbox.trim() {
        "" => Ok(None),
        typed => Mailbox::parse(typed).map(Some),
    };
    match wanted {
        Ok(wanted) => {
            let user = caller.user;
            let set = move |site: &lianshi_store::Site| {
                Ok(accounts::set_own_mailbox(site, &user, wanted.as_ref())?)
            };
            state.run(set).await?;
            let location = (LOCATION, "/account?done=mailbox");
            Ok(HttpResponse::SeeOther().insert_header(location).finish())
        }
        Err(refused) => {
            let (status, errors) = Errors::refused(&page, &refused, "mailbox");
            render_as(status, &MailboxPage { page, mailbox, errors })
        }
    }
}

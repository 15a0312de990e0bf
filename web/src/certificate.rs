//! The public check of a certificate by its number: in force, suspended, expired, revoked or
//! unknown, today and without signing in. One page that prints as the certificate itself; the paper
//! carries the address of the current state.

use actix_web::{
    HttpResponse,
    http::{StatusCode, header},
    web::{Data, Path},
};
use askama::Template;
use lianshi_registry::{
    catalog::{ProductStatus, Standing},
    entry::Organization,
    id::RegistrationNumber,
    merkle,
};
use lianshi_store::{
    Fault, Read,
    catalog::{self, Offer},
    certificate, log, members,
};

use crate::{
    WebState, code,
    page::{Page, render, render_as},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    number: String,
    certified: Certified,
    standing: Standing,
    state: &'static str,
    /// The address of the current state.
    address: String,
    /// The same as a QR code.
    code: String,
    page: Page,
}

#[derive(Template)]
#[template(path = "certificate_unknown.html")]
struct UnknownPage {
    asked: String,
    page: Page,
}

/// What a certificate says and who signed it.
struct Certified {
    offer: Offer,
    holder: Option<Organization>,
    log_key: String,
    entry_hash: String,
    reach: &'static str,
}

fn find(read: &mut Read<'_>, number: &RegistrationNumber) -> Result<Option<Certified>, Fault> {
    let Some(offer) = catalog::product(read, number)? else { return Ok(None) };
    let entry = log::entry(read, &offer.origin, offer.origin_index)?;
    let member = members::by_origin(read, &offer.origin)?;
    let reach = certificate::reach(read, &offer)?.as_str();
    Ok(Some(Certified {
        holder: offer.operator.clone(),
        log_key: member.map(|m| m.admission.log_key.to_string()).unwrap_or_default(),
        entry_hash: entry.map(|e| merkle::leaf_hash(&e).to_string()).unwrap_or_default(),
        reach,
        offer,
    }))
}

/// `GET /certificate/{number}`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    asked: Path<String>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.into_inner();
    let found = match RegistrationNumber::parse(&asked) {
        Ok(number) => state.read(move |read| find(read, &number)).await?,
        Err(_) => None,
    };
    let Some(certified) = found else {
        return render_as(StatusCode::NOT_FOUND, &UnknownPage { asked, page });
    };
    let standing = certified.offer.standing(page.now);
    let number = certified.offer.product.number.to_string();
    let address = format!("{}/certificate/{number}", certified.offer.public_url);
    render(&CertificatePage {
        code: code::draw(&page.t("certificate-code"), &address),
        address,
        number,
        state: certificate_state(standing.status),
        standing,
        certified,
        page,
    })
}

/// `GET /certificate/{number}/proof`: the file that anyone with the log's policy can judge offline.
pub async fn proof(state: Data<WebState>, asked: Path<String>) -> Result<HttpResponse, Problem> {
    let number = RegistrationNumber::parse(&asked).map_err(|_| Problem::NotFound)?;
    let name = format!("attachment; filename=\"{number}.tlog-proof\"");
    let found = state.read(move |read| match catalog::product(read, &number)? {
        Some(offer) => certificate::file(read, &offer),
        None => Ok(None),
    });
    let file = found.await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(file.bytes))
}

/// A product may rest while its certificate stays in force; a broken link above suspends it.
fn certificate_state(status: ProductStatus) -> &'static str {
    match status {
        ProductStatus::Registered | ProductStatus::Listed | ProductStatus::Paused => "valid",
        ProductStatus::Stopped | ProductStatus::Frozen => "suspended",
        ProductStatus::Expired => "expired",
        ProductStatus::Delisted => "revoked",
    }
}

//! One entry: what it says, its hash, its proof up to the checkpoint, and whether it counts.

use actix_web::{
    HttpResponse,
    http::header,
    web::{Data, Path},
};
use askama::Template;
use lianshi_registry::{entry::Organization, merkle, text, uscc::Uscc};
use lianshi_store::{
    Fault, Read,
    catalog::{self, Unfolded},
    certificate::{self, EntryProof},
    log,
};

use super::{LogHead, label::Label};
use crate::{
    WebState,
    page::{Page, render},
    problem::Problem,
};

#[derive(Template)]
#[template(path = "registry/entry.html")]
struct EntryPage {
    log: LogHead,
    index: u64,
    label: Label,
    /// The office, where the catalog knows it.
    office: Option<Organization>,
    /// The entry with line breaks, for reading.
    readable: String,
    size_bytes: usize,
    leaf: merkle::Hash,
    proof: Option<EntryProof>,
    unfolded: Option<Unfolded>,
    page: Page,
}

/// What the store holds about one entry.
struct Found {
    log: LogHead,
    bytes: Vec<u8>,
    office: Option<Organization>,
    proof: Option<EntryProof>,
    unfolded: Option<Unfolded>,
}

type Address = (String, String, String);

/// The log and index of an address; a number has one form.
fn place(
    read: &mut Read<'_>,
    (node, generation, index): &Address,
) -> Result<Option<(LogHead, u64)>, Fault> {
    let number = index.parse::<u64>().ok().filter(|number| number.to_string() == *index);
    let Some(number) = number else { return Ok(None) };
    let log = LogHead::at(read, (node, generation))?;
    Ok(log.filter(|log| number < log.head.size).map(|log| (log, number)))
}

fn find(read: &mut Read<'_>, address: &Address) -> Result<Option<Found>, Fault> {
    let Some((log, index)) = place(read, address)? else { return Ok(None) };
    let Some(bytes) = log::entry(read, &log.origin, index)? else { return Ok(None) };
    let office = match Uscc::known(&Label::of(&bytes).by) {
        Ok(uscc) => catalog::organization(read, &uscc)?,
        Err(_) => None,
    };
    let place = (index, index.saturating_add(1));
    let unfolded = catalog::unfolded_between(read, &log.origin, place, 1)?.pop();
    let proof = certificate::proof(read, &log.origin, index)?;
    Ok(Some(Found { log, bytes, office, proof, unfolded }))
}

/// `GET /registry/{node}/{generation}/{index}`
pub async fn show(
    page: Page,
    state: Data<WebState>,
    address: Path<Address>,
) -> Result<HttpResponse, Problem> {
    let address = address.into_inner();
    let index = address.2.parse().map_err(|_| Problem::NotFound)?;
    let found = state.read(move |read| find(read, &address)).await?.ok_or(Problem::NotFound)?;
    render(&EntryPage {
        index,
        label: Label::of(&found.bytes),
        office: found.office,
        readable: readable(&found.bytes),
        size_bytes: found.bytes.len(),
        leaf: merkle::leaf_hash(&found.bytes),
        log: found.log,
        proof: found.proof,
        unfolded: found.unfolded,
        page,
    })
}

/// `GET …/entry`: the bytes, exactly as they are stored and hashed. What a node signed may be no
/// JSON at all, so a browser is told to keep it and not to show it.
pub async fn bytes(state: Data<WebState>, address: Path<Address>) -> Result<HttpResponse, Problem> {
    let address = address.into_inner();
    let name = file_name(&address, "json");
    let found = state.read(move |read| match place(read, &address)? {
        Some((log, index)) => log::entry(read, &log.origin, index),
        None => Ok(None),
    });
    let bytes = found.await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("application/json")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(bytes))
}

/// `GET …/proof`: the tlog-proof, the entry inside.
pub async fn proof(state: Data<WebState>, address: Path<Address>) -> Result<HttpResponse, Problem> {
    let address = address.into_inner();
    let name = file_name(&address, "tlog-proof");
    let found = state.read(move |read| match place(read, &address)? {
        Some((log, index)) => certificate::proof(read, &log.origin, index),
        None => Ok(None),
    });
    let proof = found.await?.ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, name))
        .body(proof.file().encode()))
}

/// Letters, digits and hyphens of the address alone: the header must not be bent.
fn file_name((node, generation, index): &Address, extension: &str) -> String {
    let name: String = format!("{node}-{generation}-{index}")
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .collect();
    format!("attachment; filename=\"{name}.{extension}\"")
}

/// The entry over many lines. Bytes that are no JSON are shown as text; what turns its
/// direction and what nobody sees is written out.
fn readable(bytes: &[u8]) -> String {
    let text = serde_json::from_slice::<serde_json::Value>(bytes)
        .and_then(|value| serde_json::to_string_pretty(&value))
        .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned());
    text::exposed(&text).into_owned()
}

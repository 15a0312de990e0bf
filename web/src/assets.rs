//! The style sheet, the script and the mark, inside the binary. A file is served under a name that
//! carries its hash, so that a browser may keep it for ever and still never sees an old one.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web,
};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

struct Asset {
    bytes: Vec<u8>,
    content_type: &'static str,
}

/// Public path by plain name, and file by public path.
struct Shelf {
    paths: BTreeMap<String, String>,
    files: BTreeMap<String, Asset>,
}

static SHELF: LazyLock<Shelf> = LazyLock::new(|| {
    let mut shelf = Shelf { paths: BTreeMap::new(), files: BTreeMap::new() };
    let mut style = Vec::new();
    // The parts of the style sheet are numbered: their order is their cascade.
    let names: BTreeSet<String> = Files::iter().map(|name| name.to_string()).collect();
    for name in names {
        let Some(file) = Files::get(&name) else { continue };
        if name.starts_with("style/") {
            style.extend_from_slice(&file.data);
        } else {
            shelf.place(&name, file.data.into_owned());
        }
    }
    shelf.place("app.css", style);
    shelf
});

impl Shelf {
    fn place(&mut self, name: &str, bytes: Vec<u8>) {
        let hash: String = hex::encode(Sha256::digest(&bytes)).chars().take(16).collect();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
        let path = format!("/assets/{stem}.{hash}.{extension}");
        let content_type = content_type(extension);
        self.paths.insert(name.to_owned(), path.clone());
        self.files.insert(path, Asset { bytes, content_type });
    }
}

fn content_type(extension: &str) -> &'static str {
    match extension {
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}

/// The public path of a file by its plain name, such as `app.css`.
pub fn path(name: &str) -> &'static str {
    SHELF.paths.get(name).map_or("", String::as_str)
}

/// Every public path.
pub fn paths() -> impl Iterator<Item = &'static str> {
    SHELF.files.keys().map(String::as_str)
}

/// `GET /assets/{name}`
pub async fn serve(name: web::Path<String>) -> Result<HttpResponse, Problem> {
    let asset = SHELF.files.get(&format!("/assets/{name}")).ok_or(Problem::NotFound)?;
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, asset.content_type))
        .insert_header((CACHE_CONTROL, "public, max-age=31536000, immutable"))
        .body(asset.bytes.as_slice()))
}

//! The style sheet, the script and the mark, inside the binary. A file is served under a name that carries its hash, so
//! that a browser may keep it for ever and still never sees an old one.

use std::{collections::BTreeMap, sync::LazyLock};

use actix_web::{
    HttpResponse,
    http::header::{CACHE_CONTROL, CONTENT_TYPE},
    web,
};
use rust_embed::RustEmbed;

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
    for name in Files::iter() {
        let Some(file) = Files::get(&name) else { continue };
        let hash: String = hex::encode(file.metadata.sha256_hash()).chars().take(16).collect();
        let (stem, extension) = name.rsplit_once('.').unwrap_or((&name, ""));
        let path = format!("/assets/{stem}.{hash}.{extension}");
        let content_type = content_type(extension);
        shelf.paths.insert(name.to_string(), path.clone());
        shelf.files.insert(path, Asset { bytes: file.data.into_owned(), content_type });
    }
    shelf
});

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

//! The grouped writer of the node's own log: appends of many callers become one bundle rewrite, one
//! fold and one commit.

use lianshi_registry::{
    entry::Entry,
    json::{self, EntryRefusal},
};

use super::append::append_bytes;
use crate::{Fault, Site, Write, group::Group};

/// Appends entries and answers, once they are durable, with their indexes; or with the refusal of
/// an entry outside the profile, in which case nothing of that request is appended.
pub type Writer = Group<Vec<Entry>, Result<Vec<u64>, EntryRefusal>>;

/// Starts the writer. Whoever hears its answer nudges the jobs, which sign the new head.
pub fn writer(site: &Site) -> Result<Writer, Fault> {
    let of_writer = site.clone();
    let run = move |write: &mut Write<'_>, requests: &[Vec<Entry>]| {
        let encoded: Vec<Result<Vec<Vec<u8>>, EntryRefusal>> = requests
            .iter()
            .map(|entries| entries.iter().map(json::encode_entry).collect())
            .collect();
        let bytes: Vec<Vec<u8>> = encoded.iter().flatten().flatten().cloned().collect();
        let site = &of_writer;
        let mut indexes = append_bytes(write, &site.origin, &bytes, site.now())?.into_iter();
        let answer = |entries: Result<Vec<Vec<u8>>, EntryRefusal>| {
            entries.map(|entries| indexes.by_ref().take(entries.len()).collect())
        };
        Ok(encoded.into_iter().map(answer).collect())
    };
    Group::start(site.db.clone(), "log-writer", run)
        .map_err(|error| Fault::file(&site.folder, error))
}

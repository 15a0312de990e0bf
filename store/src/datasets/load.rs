//! Loading a data set, streaming: a claim, many small transactions with rows of a new version, one
//! that switches, and a sweep. Calls are answered from the old version until the switch; a load
//! that fails or is killed leaves it in service, and the next load sweeps what was left.

use std::io;

use diesel::prelude::*;
use lianshi_market::dataset::Definition;
use lianshi_registry::{entry::Engine, id::RegistrationNumber, time::Timestamp};

use super::{
    contradiction,
    refusal::{LoadRefusal, ROW_ERRORS_MAX},
    source::{Line, Source, SourceRow},
    sweep,
    text::Encoding,
    watch::{Decided, Watch},
};
use crate::{
    audit::{self, Act, Actor},
    db::{Failure, Write},
    dialect::{BULK_ROWS_MAX, insert_all},
    fault::Fault,
    room,
    schema::{dataset_rows, datasets, node_state},
    site::Site,
};

/// Rows written in one transaction: a few milliseconds of the one writer SQLite has.
const ROWS_PER_WRITE: usize = 2_000;

/// Where a file belongs.
#[derive(Debug, Clone)]
pub struct Target {
    /// The product.
    pub product: RegistrationNumber,
    /// Its operation.
    pub operation: String,
    /// How the file is read; it must serve the operation, where the product is known here.
    pub definition: Definition,
    /// How the file is written.
    pub encoding: Encoding,
}

/// How far a load is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file read.
    pub bytes: u64,
    /// Rows written.
    pub rows: u64,
}

/// What a load did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// The version now in service.
    pub version: i64,
    /// Its rows.
    pub rows: u64,
    /// Points whose figures are withheld.
    pub withheld: usize,
    /// SHA-256 of the file.
    pub source_hash: Vec<u8>,
}

/// Loads a file. `progress` is called every few thousand rows.
pub fn load(
    site: &Site,
    actor: &Actor,
    target: &Target,
    file: impl io::Read,
    mut progress: impl FnMut(Progress),
) -> Result<Loaded, Failure<LoadRefusal>> {
    let usable = target.definition.check().and_then(|()| target.definition.check_names());
    usable.map_err(|refusal| Failure::Refused(refusal.into()))?;
    room::demand(&site.db, 0)?;
    let of = (target.product.as_str(), target.operation.as_str());
    let claim = site.db.write(|write| Claim::take(write, site, of))?;
    let outcome = fill(site, actor, target, &claim, file, &mut progress);
    let kept = if outcome.is_ok() { claim.version } else { claim.version_before };
    // A claim that stays tells that rows are to be taken back later.
    let swept = sweep::sweep(site, &claim, kept);
    let swept = swept.and_then(|()| site.db.write(|write| claim.give_up(write)));
    let loaded = outcome?;
    swept?;
    Ok(loaded)
}

/// The right to switch: a mark in `node_state` that a later load of the same operation overwrites.
/// Behind the mark stands when the load was last heard of.
pub(super) struct Claim {
    pub(super) product: String,
    pub(super) operation: String,
    pub(super) version_before: i64,
    version: i64,
    name: String,
    mark: String,
}

impl Claim {
    /// How the names of claims begin.
    pub(super) const PREFIX: &str = "dataset.load/";

    pub(super) fn take(
        write: &mut Write<'_>,
        site: &Site,
        (product, operation): (&str, &str),
    ) -> Result<Self, Fault> {
        let before = super::version(&mut write.as_read(), product, operation)?.unwrap_or(0);
        let highest: Option<i64> = dataset_rows::table
            .filter(dataset_rows::product.eq(product))
            .filter(dataset_rows::operation.eq(operation))
            .order(dataset_rows::version.desc())
            .select(dataset_rows::version)
            .first(&mut **write)
            .optional()?;
        let version = before.max(highest.unwrap_or(0)) + 1;
        let claim = Self {
            product: product.to_owned(),
            operation: operation.to_owned(),
            version_before: before,
            version,
            name: format!("{}{product}/{operation}", Self::PREFIX),
            mark: format!("{version}/{}", random_mark()?),
        };
        let earlier = node_state::table.filter(node_state::name.eq(&claim.name));
        diesel::delete(earlier).execute(&mut **write)?;
        diesel::insert_into(node_state::table)
            .values((
                node_state::name.eq(&claim.name),
                node_state::value.eq(claim.heard_of(site.now())),
            ))
            .execute(&mut **write)?;
        tracing::debug!(node = %site.node, product, operation, version, "load begins");
        Ok(claim)
    }

    fn heard_of(&self, now: Timestamp) -> String {
        format!("{}/{}", self.mark, now.millis())
    }

    /// Nothing is left to do under it. That of a later load stays.
    pub(super) fn give_up(&self, write: &mut Write<'_>) -> Result<(), Fault> {
        if !self.is_held(write)? {
            return Ok(());
        }
        let named = node_state::table.filter(node_state::name.eq(&self.name));
        diesel::delete(named).execute(&mut **write)?;
        Ok(())
    }

    pub(super) fn is_held(&self, write: &mut Write<'_>) -> Result<bool, Fault> {
        let mark: Option<String> = node_state::table
            .filter(node_state::name.eq(&self.name))
            .select(node_state::value)
            .first(&mut **write)
            .optional()?;
        let held = mark.as_deref().and_then(|mark| mark.rsplit_once('/'));
        Ok(held.is_some_and(|(mark, _)| mark == self.mark))
    }

    /// Refuses when another load took over; else it is heard of.
    fn renew(&self, write: &mut Write<'_>, now: Timestamp) -> Result<(), Failure<LoadRefusal>> {
        if !self.is_held(write)? {
            return Err(Failure::Refused(LoadRefusal::Overtaken));
        }
        let named = node_state::table.filter(node_state::name.eq(&self.name));
        diesel::update(named)
            .set(node_state::value.eq(self.heard_of(now)))
            .execute(&mut **write)?;
        Ok(())
    }
}

/// Tells two loads apart that chose the same version, one after the other's rows were swept.
fn random_mark() -> Result<String, Fault> {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes)
        .map_err(|error| Fault::corrupt("node_state", format!("no randomness: {error}")))?;
    Ok(hex::encode(bytes))
}

fn fill(
    site: &Site,
    actor: &Actor,
    target: &Target,
    claim: &Claim,
    file: impl io::Read,
    progress: &mut impl FnMut(Progress),
) -> Result<Loaded, Failure<LoadRefusal>> {
    let mut watch = site.db.read(|read| Watch::begin(read, target))?;
    let mut source =
        Source::open(&target.definition, file, target.encoding).map_err(Failure::Refused)?;
    let mut errors = Vec::new();
    let mut waiting = Vec::new();
    let mut rows: u64 = 0;
    loop {
        match source.next().map_err(Failure::Refused)? {
            Line::End => break,
            Line::Bad(bad) => errors.extend(bad),
            // After the first error only errors are looked for.
            Line::Row(_) if !errors.is_empty() => {}
            Line::Row(row) => {
                watch.take(&row);
                waiting.push(row);
            }
        }
        if errors.len() > ROW_ERRORS_MAX {
            break;
        }
        if waiting.len() >= ROWS_PER_WRITE {
            rows = keep_rows(site, target, claim, rows, &mut waiting)?;
            progress(Progress { bytes: source.bytes(), rows });
        }
    }
    LoadRefusal::of_rows(errors).map_err(Failure::Refused)?;
    rows = keep_rows(site, target, claim, rows, &mut waiting)?;
    if rows == 0 {
        return Err(Failure::Refused(LoadRefusal::Empty));
    }
    progress(Progress { bytes: source.bytes(), rows });
    let (product, operation) = (target.product.as_str(), target.operation.as_str());
    let version = contradiction::Version { product, operation, number: claim.version };
    let errors = contradiction::find(&site.db, &target.definition, &version)?;
    LoadRefusal::of_rows(errors).map_err(Failure::Refused)?;
    let decided = watch.settle(site.now()).map_err(Failure::Refused)?;
    let withheld = decided.withheld.len();
    let loaded = Loaded { version: claim.version, rows, withheld, source_hash: source.hash() };
    switch(site, actor, target, (claim, &loaded, &decided))?;
    Ok(loaded)
}

#[derive(Insertable)]
#[diesel(table_name = dataset_rows)]
struct DatasetRowRow {
    product: String,
    operation: String,
    version: i64,
    row_key: String,
    row_number: i64,
    cells: String,
}

fn keep_rows(
    site: &Site,
    target: &Target,
    claim: &Claim,
    before: u64,
    waiting: &mut Vec<SourceRow>,
) -> Result<u64, Failure<LoadRefusal>> {
    let mut number = before;
    let mut rows = Vec::with_capacity(waiting.len());
    for row in waiting.drain(..) {
        number += 1;
        rows.push(DatasetRowRow {
            product: target.product.to_string(),
            operation: target.operation.clone(),
            version: claim.version,
            row_key: row.key,
            row_number: i64::try_from(row.line).unwrap_or(i64::MAX),
            cells: serde_json::to_string(&row.cells)
                .map_err(|error| Fault::corrupt("dataset_rows", error))?,
        });
    }
    let mut batches = Vec::new();
    while !rows.is_empty() {
        let rest = rows.split_off(rows.len().min(BULK_ROWS_MAX));
        batches.push(rows);
        rows = rest;
    }
    // Before each step: what is loaded must leave room to take it back.
    room::demand(&site.db, 0)?;
    site.db.write(|write| {
        claim.renew(write, site.now())?;
        for batch in &batches {
            insert_all!(write, dataset_rows::table, batch)?;
        }
        Ok::<_, Failure<LoadRefusal>>(())
    })?;
    Ok(number)
}

fn switch(
    site: &Site,
    actor: &Actor,
    target: &Target,
    (claim, loaded, decided): (&Claim, &Loaded, &Decided),
) -> Result<(), Failure<LoadRefusal>> {
    let smallest_cell = i64::try_from(decided.smallest_cell).unwrap_or(i64::MAX);
    let definition = serde_json::to_string(&target.definition)
        .map_err(|error| Fault::corrupt("datasets", error))?;
    let now = site.now();
    let product = target.product.as_str();
    let operation = target.operation.as_str();
    let engine = match target.definition.engine() {
        Engine::Lookup => "lookup",
        Engine::Series => "series",
    };
    site.db.write(|write| {
        claim.renew(write, now)?;
        let old = datasets::table
            .filter(datasets::product.eq(product))
            .filter(datasets::operation.eq(operation));
        diesel::delete(old).execute(&mut **write)?;
        diesel::insert_into(datasets::table)
            .values((
                datasets::product.eq(product),
                datasets::operation.eq(operation),
                datasets::engine.eq(engine),
                datasets::definition.eq(&definition),
                datasets::version.eq(loaded.version),
                datasets::row_count.eq(i64::try_from(loaded.rows).unwrap_or(i64::MAX)),
                datasets::synthetic.eq(target.definition.synthetic),
                datasets::source_hash.eq(&loaded.source_hash),
                datasets::loaded_at.eq(now.millis()),
                datasets::smallest_cell.eq(smallest_cell),
            ))
            .execute(&mut **write)?;
        decided.keep(write, target, loaded.version)?;
        audit::record(
            write,
            &Act {
                at: now,
                actor,
                action: "dataset.load",
                object: &format!("{product}/{operation}"),
                outcome: "done",
                before: &format!("version {}", claim.version_before),
                after: &format!(
                    "version {}, {} rows, sha256 {}",
                    loaded.version,
                    loaded.rows,
                    hex::encode(&loaded.source_hash)
                ),
            },
        )?;
        Ok(())
    })
}

//! The words products are found by. Cutting texts into words and writing a row for each costs more
//! than all else that an entry changes, so it is not done where entries are taken: a product whose
//! words changed is marked there, and indexed afterwards, a few in one transaction. Until then it
//! is listed, and found by its old words.

use diesel::prelude::*;
use lianshi_registry::id::RegistrationNumber;

use super::{
    parties,
    project::{ProductRow, speaker},
    words,
};
use crate::{
    Db, Fault, Read, Write,
    dialect::{BULK_ROWS_MAX, insert_all, insert_if_absent},
    schema::{catalog_products, catalog_terms, catalog_unindexed},
};

/// Words of one product, those of most weight: what texts of this length need, and a bound on the
/// rows that one entry makes.
pub const TERMS_MAX: usize = 256;
/// Products indexed in one transaction: at most eight thousand rows, a fraction of a second.
const INDEXED_AT_ONCE: i64 = 32;
/// A product's own number comes before anything that mentions it.
const NUMBER_WEIGHT: i64 = 100;

#[derive(Insertable)]
#[diesel(table_name = catalog_terms)]
struct TermRow {
    term: String,
    number: String,
    weight: i64,
}

/// Notes that a product's words changed.
pub(super) fn mark(write: &mut Write<'_>, number: &str) -> Result<(), Fault> {
    let row = catalog_unindexed::number.eq(number);
    insert_if_absent!(write, catalog_unindexed::table, row)?;
    Ok(())
}

/// Notes that the words of every product are to be written anew.
pub(super) fn mark_all(write: &mut Write<'_>) -> Result<(), Fault> {
    diesel::delete(catalog_unindexed::table).execute(&mut **write)?;
    let numbers = catalog_products::table.select(catalog_products::number);
    diesel::insert_into(catalog_unindexed::table)
        .values(numbers)
        .into_columns(catalog_unindexed::number)
        .execute(&mut **write)?;
    Ok(())
}

/// Forgets a product's words.
fn forget(write: &mut Write<'_>, number: &str) -> Result<(), Fault> {
    diesel::delete(catalog_terms::table.filter(catalog_terms::number.eq(number)))
        .execute(&mut **write)?;
    diesel::delete(catalog_unindexed::table.find(number)).execute(&mut **write)?;
    Ok(())
}

/// Indexes every product whose words changed, and lists the parties of those that an older program
/// left out. Cheap when there is none; safe beside others that do
/// the same, and after a crash at any moment. Gives how many there were.
pub fn index(db: &Db) -> Result<u64, Fault> {
    parties::list_rest(db)?;
    let mut indexed = 0;
    loop {
        let some = index_some(db)?;
        if some == 0 {
            return Ok(indexed);
        }
        indexed += some;
    }
}

/// Indexes some of them, unless somebody in this process does: for whoever must not wait for what
/// others published. Gives how many; none also where all of them changed again meanwhile.
pub(crate) fn index_some(db: &Db) -> Result<u64, Fault> {
    let Some(_turn) = db.turn_to_index() else { return Ok(0) };
    let waiting = db.read(waiting)?;
    if waiting.is_empty() {
        return Ok(0);
    }
    let mut cut = Vec::with_capacity(waiting.len());
    for number in waiting {
        let described = db.read(|read| described(read, &number))?;
        cut.push((number, described.map(|described| (terms(&described), described.row))));
    }
    db.write(|write| {
        let mut stored = 0;
        for (number, described) in &cut {
            stored += u64::from(store(write, number, described.as_ref())?);
        }
        Ok(stored)
    })
}

fn waiting(read: &mut Read<'_>) -> Result<Vec<String>, Fault> {
    let numbers = catalog_unindexed::table
        .order(catalog_unindexed::number.asc())
        .limit(INDEXED_AT_ONCE)
        .select(catalog_unindexed::number)
        .load(&mut **read)?;
    Ok(numbers)
}

/// A product as its texts are cut.
struct Described {
    row: ProductRow,
    description: [String; 3],
}

fn described(read: &mut Read<'_>, number: &str) -> Result<Option<Described>, Fault> {
    let parsed = RegistrationNumber::parse(number)
        .map_err(|error| Fault::corrupt("catalog_unindexed", error))?;
    let (Some(row), Some((_, state))) = (row(read, number)?, speaker(read, &parsed)?) else {
        return Ok(None);
    };
    let product = state.product;
    let description = [product.description.zh, product.description.en, product.coverage.zh];
    Ok(Some(Described { row, description }))
}

fn row(read: &mut Read<'_>, number: &str) -> Result<Option<ProductRow>, Fault> {
    let row = catalog_products::table
        .filter(catalog_products::number.eq(number))
        .select(ProductRow::as_select())
        .first(&mut **read)
        .optional()?;
    Ok(row)
}

fn terms(Described { row, description }: &Described) -> Vec<TermRow> {
    let mut texts = vec![
        (row.name_zh.as_str(), 10),
        (row.name_en.as_str(), 10),
        (row.summary_zh.as_str(), 4),
        (row.summary_en.as_str(), 4),
        (row.operator_name_zh.as_str(), 2),
        (row.operator_name_en.as_str(), 2),
    ];
    texts.extend(description.iter().map(|text| (text.as_str(), 1)));
    let mut terms = words::terms(&texts);
    terms.insert(row.number.to_lowercase(), NUMBER_WEIGHT);
    let mut terms = Vec::from_iter(terms);
    // Of equal weight those that come first as texts, so that every node keeps the same.
    terms.sort_by(|(one, weight), (other, than)| than.cmp(weight).then(one.cmp(other)));
    terms.truncate(TERMS_MAX);
    let row = |(term, weight)| TermRow { term, number: row.number.clone(), weight };
    terms.into_iter().map(row).collect()
}

/// Puts a product's words in the place of the old ones, unless it changed again meanwhile.
fn store(
    write: &mut Write<'_>,
    number: &str,
    described: Option<&(Vec<TermRow>, ProductRow)>,
) -> Result<bool, Fault> {
    let now = row(&mut write.as_read(), number)?;
    if now.as_ref() != described.map(|(_, row)| row) {
        return Ok(false);
    }
    forget(write, number)?;
    for rows in described.iter().flat_map(|(terms, _)| terms.chunks(BULK_ROWS_MAX)) {
        insert_all!(write, catalog_terms::table, rows)?;
    }
    Ok(true)
}

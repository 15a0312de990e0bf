//! The file of a load: CSV in UTF-8 read as a stream, each row checked cell by cell, each error
//! told with its line and column as an editor shows them.

use std::io;

use lianshi_market::dataset::{Column, Definition, KEY_BYTES_MAX};
use sha2::{Digest as _, Sha256};

use super::load::{LoadRefusal, RowError};

/// Reads through to the file and hashes what it reads.
pub(super) struct Hashing<R> {
    inner: R,
    hasher: Sha256,
    bytes: u64,
}

impl<R: io::Read> io::Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        self.bytes = self.bytes.saturating_add(u64::try_from(count).unwrap_or_default());
        Ok(count)
    }
}

/// The rows of a file.
pub(super) struct Source<'d, R: io::Read> {
    definition: &'d Definition,
    reader: csv::Reader<Hashing<R>>,
    /// For each column of the file, where it stands in the definition.
    places: Vec<usize>,
    record: csv::StringRecord,
}

/// A row as it is kept.
pub(super) struct SourceRow {
    pub key: String,
    pub cells: Vec<String>,
}

/// What the next line of a file gave.
pub(super) enum Line {
    Row(SourceRow),
    Bad(Vec<RowError>),
    End,
}

impl<'d, R: io::Read> Source<'d, R> {
    /// Reads the first line, which must name every column of the definition once and nothing else.
    pub(super) fn open(definition: &'d Definition, file: R) -> Result<Self, LoadRefusal> {
        let hashing = Hashing { inner: file, hasher: Sha256::new(), bytes: 0 };
        let mut reader = csv::ReaderBuilder::new().from_reader(hashing);
        let header = reader.headers().map_err(|error| unreadable(&error))?.clone();
        let mut places = Vec::new();
        let mut errors = Vec::new();
        for name in &header {
            let name = name.trim_start_matches('\u{feff}').trim();
            let place = definition.column(name).map(|(place, _)| place);
            match place {
                Some(place) if !places.contains(&place) => places.push(place),
                Some(_) => errors.push(RowError::new(1, name, "is named twice")),
                None => errors.push(RowError::new(1, name, "is not a column of the definition")),
            }
        }
        for (place, column) in definition.columns.iter().enumerate() {
            if !places.contains(&place) {
                errors.push(RowError::new(1, &column.name, "is missing from the first line"));
            }
        }
        if !errors.is_empty() {
            return Err(LoadRefusal::Rows { errors, more: false });
        }
        Ok(Self { definition, reader, places, record: csv::StringRecord::new() })
    }

    /// The next row, or what is wrong with it.
    pub(super) fn next(&mut self) -> Result<Line, LoadRefusal> {
        match self.reader.read_record(&mut self.record) {
            Ok(false) => return Ok(Line::End),
            Ok(true) => {}
            Err(error) => return row_error(&error).map(|bad| Line::Bad(vec![bad])),
        }
        let line = self.record.position().map_or(0, csv::Position::line);
        let mut cells = vec![String::new(); self.definition.columns.len()];
        let mut errors = Vec::new();
        for (place, cell) in self.places.iter().zip(&self.record) {
            let Some(column) = self.definition.columns.get(*place) else { continue };
            match read_cell(column, cell) {
                Ok(kept) => {
                    if let Some(slot) = cells.get_mut(*place) {
                        *slot = kept;
                    }
                }
                Err(why) => errors.push(RowError::new(line, &column.name, &why)),
            }
        }
        if !errors.is_empty() {
            return Ok(Line::Bad(errors));
        }
        let value = |name: &str| {
            self.definition.column(name).and_then(|(place, _)| cells.get(place)).map(String::as_str)
        };
        let Some(key) = self.definition.row_key(value) else {
            let why = format!("is part of a key longer than {KEY_BYTES_MAX} bytes");
            let column = self.definition.key().first().map_or("", String::as_str);
            return Ok(Line::Bad(vec![RowError::new(line, column, &why)]));
        };
        Ok(Line::Row(SourceRow { key, cells }))
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.reader.get_ref().bytes
    }

    /// SHA-256 of the whole file; call it after the end.
    pub(super) fn hash(self) -> Vec<u8> {
        self.reader.into_inner().hasher.finalize().to_vec()
    }
}

fn read_cell(column: &Column, cell: &str) -> Result<String, String> {
    column.read(cell).map_err(|error| error.to_string())
}

/// An error of one row is told with its line; an error of the file ends the load.
fn row_error(error: &csv::Error) -> Result<RowError, LoadRefusal> {
    let line = error.position().map_or(0, csv::Position::line);
    match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            let why = format!("has {len} cells, the first line has {expected_len}");
            Ok(RowError::new(line, "", &why))
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            let why = format!("is not UTF-8 in cell {}", err.field().saturating_add(1));
            Ok(RowError::new(line, "", &why))
        }
        _ => Err(unreadable(error)),
    }
}

fn unreadable(error: &csv::Error) -> LoadRefusal {
    LoadRefusal::Unreadable(error.to_string())
}

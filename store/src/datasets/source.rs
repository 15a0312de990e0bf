//! The file of a load: CSV read as a stream, each row checked cell by cell, each error told with
//! its line and column as an editor shows them.

use std::io;

use lianshi_market::dataset::{Column, Definition, KEY_BYTES_MAX};

use super::{
    refusal::{LoadRefusal, RowError},
    text::{Encoding, Text, is_gb18030},
};

/// The rows of a file.
pub(super) struct Source<'d, R: io::Read> {
    definition: &'d Definition,
    reader: csv::Reader<Text<R>>,
    /// For each column of the file, where it stands in the definition.
    places: Vec<usize>,
    record: csv::ByteRecord,
}

/// A row as it is kept.
pub(super) struct SourceRow {
    /// The line it begins on.
    pub line: u64,
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
    pub(super) fn open(
        definition: &'d Definition,
        file: R,
        encoding: Encoding,
    ) -> Result<Self, LoadRefusal> {
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .from_reader(Text::new(file, encoding));
        let record = csv::ByteRecord::new();
        let mut source = Self { definition, reader, places: Vec::new(), record };
        source.read_record()?;
        let line = source.line();
        let mut errors = Vec::new();
        let names = source.texts(line)?.unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        LoadRefusal::of_rows(std::mem::take(&mut errors))?;
        for name in &names {
            let name = name.trim_start_matches('\u{feff}').trim();
            let place = definition.column(name).map(|(place, _)| place);
            match place {
                Some(place) if !source.places.contains(&place) => source.places.push(place),
                Some(_) => errors.push(RowError::new(line, name, "is named twice")),
                None => errors.push(RowError::new(line, name, "is not a column of the definition")),
            }
        }
        for (place, column) in definition.columns.iter().enumerate() {
            if !source.places.contains(&place) {
                let why = "is missing from the first line";
                errors.push(RowError::new(line, &column.name, why));
            }
        }
        LoadRefusal::of_rows(errors)?;
        Ok(source)
    }

    /// The next row, or what is wrong with it.
    pub(super) fn next(&mut self) -> Result<Line, LoadRefusal> {
        if !self.read_record()? {
            return Ok(Line::End);
        }
        let line = self.line();
        let texts = match self.texts(line)? {
            Ok(texts) => texts,
            Err(error) => return Ok(Line::Bad(vec![error])),
        };
        if texts.len() != self.places.len() {
            let (len, expected) = (texts.len(), self.places.len());
            let why = format!("has {len} cells, the first line has {expected}");
            return Ok(Line::Bad(vec![RowError::new(line, "", &why)]));
        }
        let mut cells = vec![String::new(); self.definition.columns.len()];
        let mut errors = Vec::new();
        for (place, text) in self.places.iter().zip(&texts) {
            let Some(column) = self.definition.columns.get(*place) else { continue };
            match read_cell(column, text) {
                Ok(kept) => {
                    if let Some(slot) = cells.get_mut(*place) {
                        *slot = kept;
                    }
                }
                Err(why) => errors.push(RowError::new(line, &column.name, &why)),
            }
        }
        if errors.is_empty()
            && let Err(wrong) = self.definition.check_row(&cells)
        {
            errors.extend(wrong.iter().map(|(column, why)| RowError::new(line, column, why)));
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
        Ok(Line::Row(SourceRow { line, key, cells }))
    }

    fn read_record(&mut self) -> Result<bool, LoadRefusal> {
        let read = self.reader.read_byte_record(&mut self.record);
        read.map_err(|error| LoadRefusal::Unreadable(error.to_string()))
    }

    /// The line the record just read begins on. Counted back from where it ends, since blank lines
    /// before it are skipped; every line ends with a line feed.
    fn line(&self) -> u64 {
        let inside = self.record.iter().flatten().filter(|byte| **byte == b'\n').count();
        let inside = u64::try_from(inside).unwrap_or_default();
        self.reader.position().line().saturating_sub(inside).saturating_sub(1).max(1)
    }

    /// The cells as texts, or what is wrong with the line. A file that is no UTF-8 at its first
    /// such line and reads as GB18030 is refused with that advice.
    fn texts(&self, line: u64) -> Result<Result<Vec<String>, RowError>, LoadRefusal> {
        let mut texts = Vec::with_capacity(self.record.len());
        for (place, cell) in self.record.iter().enumerate() {
            match std::str::from_utf8(cell) {
                Ok(text) => texts.push(text.to_owned()),
                Err(_) if is_gb18030(self.record.as_slice()) => {
                    return Err(LoadRefusal::Gb18030 { line });
                }
                Err(_) => {
                    let why = format!("is not UTF-8 in cell {}", place.saturating_add(1));
                    return Ok(Err(RowError::new(line, "", &why)));
                }
            }
        }
        Ok(Ok(texts))
    }

    /// Bytes read so far.
    pub(super) fn bytes(&self) -> u64 {
        self.reader.get_ref().bytes()
    }

    /// SHA-256 of the whole file; call it after the end.
    pub(super) fn hash(self) -> Vec<u8> {
        self.reader.into_inner().hash()
    }
}

fn read_cell(column: &Column, cell: &str) -> Result<String, String> {
    let cell = Definition::read_cell(cell)?;
    column.read(&cell).map_err(|error| error.to_string())
}

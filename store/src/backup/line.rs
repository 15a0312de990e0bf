//! One row as one line of JSON: numbers, texts, and bytes as `{"base64":"…"}`.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value};

use crate::dialect::Cell;

/// The member that tells bytes from texts.
const BASE64: &str = "base64";

/// Writes a row with its line feed.
pub(super) fn write(row: Vec<Cell>) -> String {
    let cells = row.into_iter().map(|cell| match cell {
        Cell::Null => Value::Null,
        Cell::Integer(number) => Value::from(number),
        Cell::Text(text) => Value::String(text),
        Cell::Binary(bytes) => {
            let text = Value::String(STANDARD.encode(bytes));
            Value::Object(Map::from_iter([(BASE64.to_owned(), text)]))
        }
    });
    format!("{}\n", Value::Array(cells.collect()))
}

/// Reads what [`write`] wrote: a row of so many cells.
pub(super) fn read(line: &str, columns: usize) -> Result<Vec<Cell>, String> {
    let cells: Vec<Value> = serde_json::from_str(line).map_err(|error| error.to_string())?;
    if cells.len() != columns {
        return Err(format!("a row of {} cells, not {columns}", cells.len()));
    }
    cells.into_iter().map(cell).collect()
}

fn cell(value: Value) -> Result<Cell, String> {
    match value {
        Value::Null => Ok(Cell::Null),
        Value::Number(number) => {
            number.as_i64().map(Cell::Integer).ok_or_else(|| format!("{number} is no whole number"))
        }
        Value::String(text) => Ok(Cell::Text(text)),
        Value::Object(object) => {
            let text = object.get(BASE64).and_then(Value::as_str).ok_or("an object")?;
            STANDARD.decode(text).map(Cell::Binary).map_err(|error| error.to_string())
        }
        other => Err(format!("{other} is no cell")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_reads_back_and_what_is_none_is_refused() {
        let row = vec![
            Cell::Null,
            Cell::Integer(i64::MIN),
            Cell::Integer(i64::MAX),
            Cell::Text("甬\n\"\u{7f}".to_owned()),
            Cell::Binary(vec![0, 255, 10]),
            Cell::Binary(Vec::new()),
        ];
        let line = write(row.clone());
        assert_eq!(line.matches('\n').count(), 1, "{line}");
        assert_eq!(read(&line, 6), Ok(row));
        for bad in
            ["", "[", "{}", "[1.5]", "[true]", "[[]]", "[{}]", r#"[{"base64":"?"}]"#, "[1,2]"]
        {
            assert!(read(bad, 1).is_err(), "{bad}");
        }
    }
}

//! How a measurement is printed: a table for people, then one JSON object for programs.

use serde_json::{Map, Value, json};

/// One measurement with its rows; every row has the same columns.
pub struct Report {
    /// Its name, such as `append`.
    pub name: &'static str,
    /// What was measured, in a sentence.
    pub what: String,
    /// Sync latency of the disk, from [`crate::disk::fdatasync`].
    pub fdatasync: Value,
    /// Figures by name, in the order of the table.
    pub rows: Vec<Vec<(&'static str, Value)>>,
}

impl Report {
    /// Prints it.
    #[expect(clippy::print_stdout, reason = "printing is what a measurement is for")]
    pub fn print(&self) -> anyhow::Result<()> {
        println!("{}\n", self.what);
        let titles: Vec<String> = self
            .rows
            .first()
            .map(|row| row.iter().map(|(title, _)| (*title).to_owned()).collect())
            .unwrap_or_default();
        let cells = self.rows.iter().map(|row| row.iter().map(|(_, value)| cell(value)).collect());
        let lines: Vec<Vec<String>> = std::iter::once(titles).chain(cells).collect();
        let columns = lines.first().map_or(0, Vec::len);
        let widths: Vec<usize> = (0..columns)
            .map(|column| {
                let width = |line: &Vec<String>| line.get(column).map_or(0, |c| c.chars().count());
                lines.iter().map(width).max().unwrap_or(0)
            })
            .collect();
        for line in &lines {
            let padded: Vec<String> =
                line.iter().zip(&widths).map(|(cell, width)| format!("{cell:>width$}")).collect();
            println!("{}", padded.join("  "));
        }
        let rows: Vec<Map<String, Value>> = self
            .rows
            .iter()
            .map(|row| {
                row.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
            })
            .collect();
        let whole = json!({
            "bench": self.name,
            "what": self.what,
            "machine": machine(),
            "fdatasync": self.fdatasync,
            "rows": rows,
        });
        println!("\n{}", serde_json::to_string(&whole)?);
        Ok(())
    }
}

fn cell(value: &Value) -> String {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(fraction) => format!("{fraction:.2}"),
            None => number.to_string(),
        },
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Processor and cores, as Linux names them.
fn machine() -> Value {
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    json!({ "cores": cores, "processor": model.map_or("unknown", |(_, name)| name) })
}

//! The rows of statement lines: the same lines the document has, one by one, for sums and searches
//! in SQL.

use diesel::prelude::*;
use lianshi_market::{close::StatementDocument, subscription::Side};

use crate::{Fault, schema::statement_lines};

/// A line, as stored.
#[derive(Insertable)]
#[diesel(table_name = statement_lines)]
pub(crate) struct LineRow {
    statement: String,
    side: &'static str,
    line: i64,
    kind: &'static str,
    operation: String,
    quantity: i64,
    price_micro: i64,
    amount_fen: i64,
    explanation: String,
}

impl LineRow {
    /// The rows of a statement, numbered from 1.
    pub(crate) fn of(document: &StatementDocument, side: Side) -> Result<Vec<Self>, Fault> {
        (1_i64..)
            .zip(&document.lines)
            .map(|(number, line)| {
                Ok(Self {
                    statement: document.number.clone(),
                    side: side.as_str(),
                    line: number,
                    kind: line.kind.as_str(),
                    operation: line.operation.clone(),
                    quantity: i64::try_from(line.quantity)
                        .map_err(|error| Fault::corrupt("statement_lines", error))?,
                    price_micro: line.price.micro(),
                    amount_fen: line.amount.fen(),
                    explanation: serde_json::to_string(&line.explanation)
                        .map_err(|error| Fault::corrupt("statement_lines", error))?,
                })
            })
            .collect()
    }
}

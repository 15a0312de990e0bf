//! Rows of any table: cells of the four kinds of columns this program has, read and bound without
//! knowing the table.

use diesel::{
    backend::Backend,
    deserialize::{self, FromSql, QueryableByName},
    pg::{Pg, PgValue},
    query_builder::{BoxedSqlQuery, SqlQuery},
    row::{Field as _, NamedRow},
    sql_types::{BigInt, Binary, Bool, Nullable, Text},
    sqlite::{Sqlite, SqliteType},
};

use crate::Fault;

/// One value of one row. A truth value is a number here, as SQLite keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Binary(Vec<u8>),
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ColumnKind {
    Integer,
    Bool,
    Text,
    Binary,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: ColumnKind,
}

impl Column {
    /// Reads a name and the type either database gives it.
    pub(super) fn parse(table: &str, line: &str) -> Result<Self, Fault> {
        let unknown = || Fault::Migration(format!("{table} has a column of another kind: {line}"));
        let (name, kind) = line.split_once(' ').ok_or_else(unknown)?;
        let kind = match kind {
            "integer" | "bigint" => ColumnKind::Integer,
            "boolean" => ColumnKind::Bool,
            "text" => ColumnKind::Text,
            "blob" | "bytea" => ColumnKind::Binary,
            _ => return Err(unknown()),
        };
        Ok(Self { name: name.to_owned(), kind })
    }
}

/// A row.
pub(super) struct Cells(pub(super) Vec<Cell>);

impl QueryableByName<Sqlite> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Sqlite>) -> deserialize::Result<Self> {
        read(row, |value| match value.value_type() {
            None => Ok(Cell::Null),
            Some(SqliteType::SmallInt | SqliteType::Integer | SqliteType::Long) => {
                FromSql::<BigInt, Sqlite>::from_sql(value).map(Cell::Integer)
            }
            Some(SqliteType::Text) => FromSql::<Text, Sqlite>::from_sql(value).map(Cell::Text),
            Some(SqliteType::Binary) => {
                FromSql::<Binary, Sqlite>::from_sql(value).map(Cell::Binary)
            }
            Some(SqliteType::Float | SqliteType::Double) => Err("a number with a fraction".into()),
        })
    }
}

/// As PostgreSQL numbers its types.
const OID_BOOL: u32 = 16;
const OID_BYTEA: u32 = 17;
const OID_INT8: u32 = 20;
const OID_TEXT: u32 = 25;

impl QueryableByName<Pg> for Cells {
    fn build<'a>(row: &impl NamedRow<'a, Pg>) -> deserialize::Result<Self> {
        read(row, |value: PgValue<'_>| match value.get_oid().get() {
            OID_INT8 => FromSql::<BigInt, Pg>::from_sql(value).map(Cell::Integer),
            OID_TEXT => FromSql::<Text, Pg>::from_sql(value).map(Cell::Text),
            OID_BYTEA => FromSql::<Binary, Pg>::from_sql(value).map(Cell::Binary),
            OID_BOOL => {
                let truth: bool = FromSql::<Bool, Pg>::from_sql(value)?;
                Ok(Cell::Integer(i64::from(truth)))
            }
            other => Err(format!("a column of type {other}").into()),
        })
    }
}

fn read<'a, DB: Backend>(
    row: &impl NamedRow<'a, DB>,
    cell: impl for<'v> Fn(DB::RawValue<'v>) -> deserialize::Result<Cell>,
) -> deserialize::Result<Cells> {
    let cells = (0..row.field_count()).map(|place| {
        let field = diesel::row::Row::get(row, place).ok_or("a row is shorter than it says")?;
        field.value().map_or(Ok(Cell::Null), &cell)
    });
    cells.collect::<Result<_, _>>().map(Cells)
}

/// The `VALUES` of so many rows; `place` writes the n-th parameter, from 1.
pub(super) fn values(rows: usize, columns: usize, place: impl Fn(usize) -> String) -> String {
    let row = |row: usize| {
        let cells: Vec<String> =
            (1..=columns).map(|column| place(row * columns + column)).collect();
        format!("({})", cells.join(", "))
    };
    (0..rows).map(row).collect::<Vec<String>>().join(", ")
}

type Query<DB> = BoxedSqlQuery<'static, DB, SqlQuery>;

/// Binds the next cell.
pub(super) fn bind_sqlite(query: Query<Sqlite>, cell: Cell) -> Query<Sqlite> {
    match cell {
        Cell::Null => query.bind::<Nullable<BigInt>, _>(None::<i64>),
        Cell::Integer(number) => query.bind::<BigInt, _>(number),
        Cell::Text(text) => query.bind::<Text, _>(text),
        Cell::Binary(bytes) => query.bind::<Binary, _>(bytes),
    }
}

/// Binds the next cell as its column has it.
pub(super) fn bind_postgres(query: Query<Pg>, (cell, column): (Cell, &Column)) -> Query<Pg> {
    match (cell, column.kind) {
        (Cell::Null, ColumnKind::Integer) => query.bind::<Nullable<BigInt>, _>(None::<i64>),
        (Cell::Null, ColumnKind::Bool) => query.bind::<Nullable<Bool>, _>(None::<bool>),
        (Cell::Null, ColumnKind::Text) => query.bind::<Nullable<Text>, _>(None::<String>),
        (Cell::Null, ColumnKind::Binary) => query.bind::<Nullable<Binary>, _>(None::<Vec<u8>>),
        (Cell::Integer(number), ColumnKind::Bool) => query.bind::<Bool, _>(number != 0),
        (Cell::Integer(number), _) => query.bind::<BigInt, _>(number),
        (Cell::Text(text), _) => query.bind::<Text, _>(text),
        (Cell::Binary(bytes), _) => query.bind::<Binary, _>(bytes),
    }
}

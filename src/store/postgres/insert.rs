//! Many rows in one statement, a column an array.

use sqlx::{AssertSqlSafe, PgConnection, Postgres, postgres::PgArguments, query::Query};

use super::Text;
use crate::store::{
    StoreError,
    ledger::booked::{Kind, Value},
};

/// The values of one column.
enum Column {
    Ints(Vec<Option<i64>>),
    Texts(Vec<Option<Text>>),
    Bytes(Vec<Option<Vec<u8>>>),
}

impl Column {
    fn new(kind: Kind) -> Self {
        match kind {
            Kind::Int => Self::Ints(Vec::new()),
            Kind::Text => Self::Texts(Vec::new()),
            Kind::Bytes => Self::Bytes(Vec::new()),
        }
    }

    /// A value of another kind is none: callers give the kinds that they have.
    fn push(&mut self, value: Value) {
        match self {
            Self::Ints(column) => column.push(if let Value::Int(value) = value { Some(value) } else { None }),
            Self::Texts(column) => {
                column.push(if let Value::Text(value) = value { Some(Text::from(&*value)) } else { None });
            }
            Self::Bytes(column) => column.push(if let Value::Bytes(value) = value { Some(value) } else { None }),
        }
    }

    const fn array(&self) -> &'static str {
        match self {
            Self::Ints(_) => "bigint[]",
            Self::Texts(_) => "text[]",
            Self::Bytes(_) => "bytea[]",
        }
    }

    fn bind(self, query: Query<'_, Postgres, PgArguments>) -> Query<'_, Postgres, PgArguments> {
        match self {
            Self::Ints(column) => query.bind(column),
            Self::Texts(column) => query.bind(column),
            Self::Bytes(column) => query.bind(column),
        }
    }
}

/// Inserts rows that lie in `values` one after the other, each with values of these kinds, into as many columns of a
/// table.
pub async fn insert(
    connection: &mut PgConnection,
    (table, names): (&'static str, &'static str),
    kinds: &[Kind],
    values: Vec<Value>,
) -> Result<(), StoreError> {
    if values.is_empty() {
        return Ok(());
    }
    let mut columns: Vec<Column> = kinds.iter().copied().map(Column::new).collect();
    for (nth, value) in values.into_iter().enumerate() {
        columns[nth % kinds.len()].push(value);
    }
    let arrays: Vec<String> =
        columns.iter().enumerate().map(|(nth, column)| format!("${}::{}", nth + 1, column.array())).collect();
    let sql = AssertSqlSafe(format!("INSERT INTO {table} ({names}) SELECT * FROM unnest({})", arrays.join(", ")));
    columns.into_iter().fold(sqlx::query(sql), |query, column| column.bind(query)).execute(connection).await?;
    Ok(())
}

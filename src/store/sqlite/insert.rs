//! Many rows in one statement: a statement a row costs more than the row.

use sqlx::{Arguments, AssertSqlSafe, SqliteConnection, sqlite::SqliteArguments};

use crate::store::{StoreError, ledger::booked::Value};

/// Rows in a statement. Few sizes, so that each is prepared once.
const SIZES: [usize; 3] = [64, 8, 1];

/// Inserts rows that lie in `values` one after the other, each `width` values wide. `into` is the statement up to
/// VALUES, with as many columns.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    into: &'static str,
    width: usize,
    values: Vec<Value>,
) -> Result<(), StoreError> {
    let mut left = values.len() / width;
    let mut values = values.into_iter();
    for size in SIZES {
        while left >= size {
            let sql = AssertSqlSafe(format!("{into}{}", marks(size, width)));
            let row = arguments(values.by_ref().take(size * width))?;
            sqlx::query_with(sql, row).execute(&mut *connection).await?;
            left -= size;
        }
    }
    Ok(())
}

/// `(?,?),(?,?)`: anonymous marks, because looking numbered ones up takes time that grows with their square.
fn marks(rows: usize, width: usize) -> String {
    let row = format!("({})", vec!["?"; width].join(","));
    vec![row; rows].join(",")
}

fn arguments(values: impl Iterator<Item = Value>) -> Result<SqliteArguments, StoreError> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.size_hint().0, 0);
    for value in values {
        let added = match value {
            Value::Null => Arguments::add(&mut arguments, None::<i64>),
            Value::Int(value) => Arguments::add(&mut arguments, value),
            Value::Text(value) => Arguments::add(&mut arguments, value),
            Value::Bytes(value) => Arguments::add(&mut arguments, value),
        };
        added.map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

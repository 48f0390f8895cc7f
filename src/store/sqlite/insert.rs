//! Many rows in one statement: a statement a row costs more than the row.

use sqlx::{
    Arguments, AssertSqlSafe, SqliteConnection,
    sqlite::{SqliteArguments, SqliteRow},
};

use crate::store::{StoreError, ledger::booked::Value};

/// Rows in a statement. Few sizes, so that each is prepared once; steps of four, so that few statements do: handing a
/// statement to the connection's thread costs more than most statements.
const SIZES: [usize; 6] = [512, 128, 32, 8, 2, 1];

/// An insert into columns of a table.
pub(super) struct Insert {
    table: &'static str,
    columns: &'static str,
    width: usize,
    /// What follows the values.
    then: &'static str,
}

impl Insert {
    /// Into so many columns.
    pub const fn new(table: &'static str, columns: &'static str, width: usize) -> Self {
        Self { table, columns, width, then: "" }
    }

    /// With an end of the statement.
    pub const fn then(mut self, then: &'static str) -> Self {
        self.then = then;
        self
    }

    /// Inserts rows that lie in `values` one after the other. Gives what the statement returns.
    pub async fn run(
        &self,
        connection: &mut SqliteConnection,
        values: Vec<Value>,
    ) -> Result<Vec<SqliteRow>, StoreError> {
        let mut left = values.len() / self.width;
        let mut values = values.into_iter();
        let mut returned = Vec::new();
        for size in SIZES {
            while left >= size {
                let Self { table, columns, width, then } = self;
                let marks = marks(size, *width);
                let sql = AssertSqlSafe(format!("INSERT INTO {table} ({columns}) VALUES {marks}{then}"));
                let row = arguments(values.by_ref().take(size * self.width))?;
                returned.extend(sqlx::query_with(sql, row).fetch_all(&mut *connection).await?);
                left -= size;
            }
        }
        Ok(returned)
    }
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

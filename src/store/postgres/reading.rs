//! Reading rows back, with what other tables say of them.

use std::{collections::HashMap, sync::Arc};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row, postgres::PgRow};

use super::Text;
use crate::{
    exchange::{Attempt, Charge, Measure},
    model::Timestamp,
    store::{
        StoreError,
        decode::time,
        ledger::{
            batch::charges_of,
            booked::{Booked, FACTS, Kind, Value, began, measure},
            series::{Series, SeriesId},
        },
    },
};

/// The columns of [`RawRow`].
pub(super) const COLUMNS: &str = "chain, link, code, series, charges, request_id, time, client_request_id, end_user, \
     metadata, outcome, status, error, asked_model, asked_stream, streamed, cache, certainty, estimated_input, \
     input_tokens, cached_input_tokens, cache_write_tokens, audio_input_tokens, image_input_tokens, output_tokens, \
     reasoning_tokens, audio_output_tokens, cost_nanos, price_version, saved_tokens, saved_nanos, ttft_nanos, \
     duration_nanos, bytes_in, bytes_out";

/// A row of `usage_rows` alone.
pub(super) struct RawRow {
    pub chain: i64,
    pub link: i64,
    pub code: Vec<u8>,
    pub series: SeriesId,
    charges: Option<String>,
    facts: Vec<Value>,
}

impl RawRow {
    pub fn new(row: &PgRow) -> Result<Self, sqlx::Error> {
        let fact = |(nth, (_, kind)): (usize, &(&str, Kind))| value(row, 5 + nth, *kind);
        Ok(Self {
            chain: row.try_get(0)?,
            link: row.try_get(1)?,
            code: row.try_get(2)?,
            series: row.try_get(3)?,
            charges: row.try_get(4)?,
            facts: FACTS.iter().enumerate().map(fact).collect::<Result<_, _>>()?,
        })
    }
}

impl RawRow {
    /// When the request began, in nanoseconds.
    pub fn began(&self) -> i64 {
        began(&self.facts)
    }
}

fn value(row: &PgRow, nth: usize, kind: Kind) -> Result<Value, sqlx::Error> {
    let value = match kind {
        Kind::Int => row.try_get::<Option<i64>, _>(nth)?.map(Value::Int),
        Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(nth)?.map(Value::Bytes),
        Kind::Text => row.try_get::<Option<Text>, _>(nth)?.map(|text| Value::Text(String::from(text).into())),
    };
    Ok(value.unwrap_or(Value::Null))
}

/// Rows of usage by a condition on `usage_rows` and an order; `$1` to `$3` are `bound`.
pub(super) async fn raw_rows(
    connection: &mut PgConnection,
    rest: &'static str,
    bound: [i64; 3],
) -> Result<Vec<RawRow>, StoreError> {
    let [one, two, three] = bound;
    let sql = AssertSqlSafe(format!("SELECT {COLUMNS} FROM usage_rows WHERE {rest}"));
    let mut found = sqlx::query(sql).bind(one).bind(two).bind(three).fetch(connection);
    let mut rows = Vec::new();
    while let Some(row) = found.try_next().await? {
        rows.push(RawRow::new(&row)?);
    }
    Ok(rows)
}

/// Adds attempts, charges and series. What other tables do not know is left empty: codes then do not fit.
pub(super) async fn booked(
    connection: &mut PgConnection,
    rows: Vec<RawRow>,
    series: &(dyn Fn(SeriesId) -> Option<Series> + Sync),
) -> Result<Vec<(RawRow, Booked)>, StoreError> {
    let mut attempts = attempts_of(connection, &rows).await?;
    let balances = balances_of(connection, &rows).await?;
    let book = |mut row: RawRow| {
        let booked = Booked {
            facts: std::mem::take(&mut row.facts),
            series: series(row.series).unwrap_or_default(),
            charges: charges(row.charges.as_deref(), &balances),
            attempts: attempts.remove(&(row.chain, row.link)).unwrap_or_default(),
        };
        (row, booked)
    };
    Ok(rows.into_iter().map(book).collect())
}

type Tries = HashMap<(i64, i64), Vec<Attempt>>;
type RawAttempt = (i64, i64, Text, Option<i64>, Option<Text>, i64, i64);

async fn attempts_of(connection: &mut PgConnection, rows: &[RawRow]) -> Result<Tries, StoreError> {
    let (chains, links): (Vec<i64>, Vec<i64>) = rows.iter().map(|row| (row.chain, row.link)).unzip();
    let found: Vec<RawAttempt> = sqlx::query_as(
        "SELECT chain, link, backend, status, fault, began, took
         FROM unnest($1::bigint[], $2::bigint[]) AS place (chain, link) JOIN attempts USING (chain, link)
         ORDER BY chain, link, k",
    )
    .bind(chains)
    .bind(links)
    .fetch_all(connection)
    .await?;
    let mut attempts = Tries::new();
    for (chain, link, backend, status, fault, began, took) in found {
        attempts.entry((chain, link)).or_default().push(Attempt {
            backend: String::from(backend).into(),
            status: status.map(|status| u16::try_from(status).unwrap_or(u16::MAX)),
            fault: fault.map(|fault| String::from(fault).into()),
            began_nanos: u64::try_from(began).unwrap_or(u64::MAX),
            took_nanos: u64::try_from(took).unwrap_or(u64::MAX),
        });
    }
    Ok(attempts)
}

struct Window {
    account: Arc<str>,
    measure: Measure,
    from: Timestamp,
    until: Timestamp,
}

type RawWindow = (i64, Text, String, i64, i64);

async fn balances_of(connection: &mut PgConnection, rows: &[RawRow]) -> Result<HashMap<i64, Window>, StoreError> {
    let mut ids: Vec<_> =
        rows.iter().flat_map(|row| charges_of(row.charges.as_deref()).unwrap_or_default()).map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    let found: Vec<RawWindow> =
        sqlx::query_as("SELECT id, account, measure, window_start, window_end FROM balances WHERE id = ANY($1)")
            .bind(ids)
            .fetch_all(connection)
            .await?;
    let window = |(id, account, word, from, until): RawWindow| {
        let account = String::from(account).into();
        let window = Window { account, measure: measure(&word)?, from: time(from), until: time(until) };
        Ok((id, window))
    };
    found.into_iter().map(window).collect()
}

/// A charge of an unknown balance is of an account without a name, which no row was booked with.
fn charges(column: Option<&str>, balances: &HashMap<i64, Window>) -> Vec<Charge> {
    let nowhere = || Charge {
        account: "".into(),
        window: Timestamp::default(),
        until: Timestamp::default(),
        measure: Measure::Requests,
        amount: 0,
    };
    let charge = |(id, amount): (i64, i64)| {
        balances.get(&id).map_or_else(nowhere, |window| Charge {
            account: window.account.clone(),
            window: window.from,
            until: window.until,
            measure: window.measure,
            amount,
        })
    };
    charges_of(column).map_or_else(|| vec![nowhere()], |charges| charges.into_iter().map(charge).collect())
}

//! Taking a shipment over: rows, their attempts, balances, rollups, the chain, open requests and the journal's
//! position, in one transaction.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use sqlx::{Row, SqliteConnection, sqlite::SqliteTransaction};
use uuid::Uuid;

use super::{Sqlite, insert::Insert};
use crate::{
    exchange::UsageRow,
    store::{
        OpenRequest, Position, Shipment, Shipped, StoreError, Taken,
        ledger::{
            batch::{BalanceKey, Gain, balance_columns, fresh, gains},
            booked::{Value, measure},
            booking::{self, ATTEMPT, ATTEMPT_KINDS, ROW, ROW_WIDTH},
            chain::{ChainTotals, HEAD, Head},
            rollup::{PageKey, Rollups},
            series::{COLUMNS, Numbered, Numbering, Series, SeriesId},
            tables::head,
        },
        sums::clamped,
    },
};

/// Whether rows of a shipment may be there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trust {
    /// They cannot: its position is beyond what was shipped. Should they be nevertheless, the insert fails.
    News,
    /// They may: looked up first.
    Repeated,
}

/// A chain as it is stored.
pub(super) struct Chain {
    pub id: i64,
    pub position: u64,
    pub head: Head,
}

impl Sqlite {
    /// Rows of a shipment that goes on where the last one ended are not looked up: their insert fails if they are
    /// there, and then all of it is done again with care.
    pub(super) async fn write_shipment(&self, shipment: &Shipment) -> Result<Taken, StoreError> {
        match self.try_shipment(shipment, Trust::News).await {
            Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => {
                self.try_shipment(shipment, Trust::Repeated).await
            }
            done => done,
        }
    }

    async fn try_shipment(&self, shipment: &Shipment, trust: Trust) -> Result<Taken, StoreError> {
        let (mut shipping, _turn) = self.shipping().await?;
        let mut chain = chain_of(&mut shipping, &shipment.replica, self.secret.chain().id()).await?;
        let is_news = trust == Trust::News && shipment.position.sequence > chain.position;
        let known = if is_news { HashSet::new() } else { known_rows(&mut shipping, shipment).await? };
        let rows = fresh(shipment, &known);
        let (series, news) = self.series_of(&mut shipping, &rows).await?;
        let unreadable = self.book(&mut shipping, &mut chain, &rows, &series).await?;
        self.seal_head(&mut shipping, &shipment.replica, &chain, shipment.position.sequence).await?;
        if shipment.position.sequence >= chain.position {
            write_open(&mut shipping, shipment).await?;
        }
        shipping.commit().await?;
        self.series.learn(news.into_iter().map(|(series, id)| (id, series)));
        Ok(Taken { rows: rows.len() as u64, unreadable })
    }

    /// Writes rows with all that they add to. Gives how many pages of rollups cannot be read.
    async fn book(
        &self,
        shipping: &mut SqliteTransaction<'_>,
        chain: &mut Chain,
        rows: &[&UsageRow],
        series: &[Numbered],
    ) -> Result<u64, StoreError> {
        let balances = add_to_balances(shipping, gains(rows)).await?;
        let place = (chain.id, &mut chain.head);
        let booking = booking::book(self.secret.chain(), place, rows, series, &balances).await;
        Insert::new("usage_rows", ROW, ROW_WIDTH).run(shipping, booking.rows).await?;
        Insert::new("attempts", ATTEMPT, ATTEMPT_KINDS.len()).run(shipping, booking.attempts).await?;
        grow(shipping, chain.id, booking.rollups.with_days()).await
    }

    /// The series of rows with their numbers; new ones are given in this transaction.
    async fn series_of(
        &self,
        shipping: &mut SqliteTransaction<'_>,
        rows: &[&UsageRow],
    ) -> Result<(Vec<Numbered>, HashMap<Arc<Series>, SeriesId>), StoreError> {
        let numbering = Numbering::new(&self.series, rows);
        let mut news = HashMap::new();
        for series in numbering.news() {
            let id = series_id(shipping, &series).await?;
            news.insert(series, id);
        }
        Ok((numbering.with(&news)?, news))
    }

    async fn seal_head(
        &self,
        shipping: &mut SqliteTransaction<'_>,
        replica: &str,
        chain: &Chain,
        position: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE chains SET position = max(position, $1), length = $2, head = $3, totals = $4, seal = $5
             WHERE id = $6",
        )
        .bind(clamped(position))
        .bind(clamped(chain.head.length))
        .bind(&chain.head.code[..])
        .bind(chain.head.totals.to_json())
        .bind(&self.secret.chain().seal(HEAD, replica, &chain.head)[..])
        .bind(chain.id)
        .execute(&mut **shipping)
        .await?;
        Ok(())
    }

    pub(super) async fn read_shipped(&self, replica: Arc<str>) -> Result<Shipped, StoreError> {
        let mut reading = self.read.begin().await?;
        let position: i64 = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM chains WHERE replica = $1")
            .bind(&*replica)
            .fetch_one(&mut *reading)
            .await?;
        let open: Vec<(Vec<u8>, Vec<u8>)> =
            sqlx::query_as("SELECT request_id, state FROM ledger_open WHERE replica = $1 ORDER BY request_id")
                .bind(&*replica)
                .fetch_all(&mut *reading)
                .await?;
        reading.commit().await?;
        let open = open.into_iter().map(|(id, state)| Ok(OpenRequest { id: request_id(&id)?, state }));
        Ok(Shipped {
            position: Position { sequence: position.unsigned_abs() },
            open: open.collect::<Result<_, StoreError>>()?,
        })
    }
}

const SERIES: &str =
    "subscription, product, \"user\", api, operation, workspace, model, upstream_model, backend, currency";

const BALANCE: &str = "account, measure, window_start, window_end, charged, adjusted";

/// The sum stays within what `batch::MOST` says.
const ADD_TO_BALANCE: &str = " ON CONFLICT (account, measure, window_start) DO UPDATE SET charged = \
     max(min(charged + excluded.charged, 9000000000000000000), -9000000000000000000) \
     RETURNING account, measure, window_start, id";

const PUT_PAGE: &str = " ON CONFLICT (span, start, shard, chain) DO UPDATE SET body = excluded.body";

/// The chain of a replica under this key, made when it is the first. A replica's journal goes on where any of its
/// chains ended: another key begins another chain.
async fn chain_of(shipping: &mut SqliteTransaction<'_>, replica: &str, key: &str) -> Result<Chain, StoreError> {
    if let Some(chain) = find_chain(shipping, replica, key).await? {
        return Ok(chain);
    }
    sqlx::query(
        "INSERT INTO chains (replica, key_id, position, length, head, totals, seal)
         SELECT $1, $2, coalesce((SELECT max(position) FROM chains WHERE replica = $1), 0), 0, $3, $4, x''",
    )
    .bind(replica)
    .bind(key)
    .bind(&Head::default().code[..])
    .bind(ChainTotals::default().to_json())
    .execute(&mut **shipping)
    .await?;
    find_chain(shipping, replica, key).await?.ok_or_else(|| StoreError::Corrupt(format!("no chain of {replica}")))
}

async fn find_chain(
    shipping: &mut SqliteTransaction<'_>,
    replica: &str,
    key: &str,
) -> Result<Option<Chain>, StoreError> {
    let found: Option<(i64, i64, i64, Vec<u8>, String)> =
        sqlx::query_as("SELECT id, position, length, head, totals FROM chains WHERE replica = $1 AND key_id = $2")
            .bind(replica)
            .bind(key)
            .fetch_optional(&mut **shipping)
            .await?;
    let Some((id, position, length, code, totals)) = found else { return Ok(None) };
    Ok(Some(Chain { id, position: position.unsigned_abs(), head: head(length, &code, &totals)? }))
}

/// Which of a shipment's requests have rows.
async fn known_rows(shipping: &mut SqliteTransaction<'_>, shipment: &Shipment) -> Result<HashSet<Uuid>, StoreError> {
    let mut known = HashSet::new();
    for row in &shipment.rows {
        let there: Option<(i64,)> = sqlx::query_as("SELECT 1 FROM usage_rows WHERE request_id = $1")
            .bind(&row.intent.id.as_bytes()[..])
            .fetch_optional(&mut **shipping)
            .await?;
        known.extend(there.map(|_| row.intent.id));
    }
    Ok(known)
}

async fn series_id(shipping: &mut SqliteTransaction<'_>, series: &Series) -> Result<SeriesId, StoreError> {
    let columns = series.0.iter().cloned().map(Value::Text).collect();
    Insert::new("series", SERIES, COLUMNS).then(" ON CONFLICT DO NOTHING").run(shipping, columns).await?;
    let mut query = sqlx::query_scalar(
        "SELECT id FROM series WHERE subscription = $1 AND product = $2 AND \"user\" = $3 AND api = $4 AND \
         operation = $5 AND workspace = $6 AND model = $7 AND upstream_model = $8 AND backend = $9 AND currency = $10",
    );
    for value in &series.0 {
        query = query.bind(value.clone());
    }
    Ok(query.fetch_one(&mut **shipping).await?)
}

/// Adds to balances, makes those that are missing, and gives the numbers of all.
async fn add_to_balances(
    shipping: &mut SqliteTransaction<'_>,
    gains: BTreeMap<BalanceKey, Gain>,
) -> Result<BTreeMap<BalanceKey, i64>, StoreError> {
    let columns = gains.iter().flat_map(|(key, gain)| {
        let (account, measure, window) = balance_columns(key);
        [
            Value::Text(account),
            Value::Text(measure.into()),
            Value::Int(window),
            Value::Int(gain.until),
            Value::Int(gain.amount),
            Value::Int(0),
        ]
    });
    let mut ids = BTreeMap::new();
    let balances = Insert::new("balances", BALANCE, 6).then(ADD_TO_BALANCE);
    for row in balances.run(shipping, columns.collect()).await? {
        let (account, word): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        let key = BalanceKey { account: account.into(), measure: measure(&word)?, window: row.try_get(2)? };
        ids.insert(key, row.try_get(3)?);
    }
    Ok(ids)
}

/// Adds to pages of rollups, all of them read at once and written at once. Gives how many cannot be read.
async fn grow(connection: &mut SqliteConnection, chain: i64, rollups: Rollups) -> Result<u64, StoreError> {
    let keys: Vec<_> = rollups.0.keys().map(|key| (key.span.as_str(), key.start, key.shard)).collect();
    let found: Vec<(String, i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT r.span, r.start, r.shard, r.body FROM json_each($1) k CROSS JOIN rollups r
         ON r.span = k.value ->> 0 AND r.start = k.value ->> 1 AND r.shard = k.value ->> 2 WHERE r.chain = $2",
    )
    .bind(serde_json::json!(keys).to_string())
    .bind(chain)
    .fetch_all(&mut *connection)
    .await?;
    let old = found.into_iter().filter_map(PageKey::keyed).collect();
    let (pages, unreadable) = booking::grow(rollups, old).await;
    write_pages(connection, chain, pages).await?;
    Ok(unreadable)
}

/// Puts pages in the place of those that are there.
pub(super) async fn write_pages(
    connection: &mut SqliteConnection,
    chain: i64,
    pages: Vec<(PageKey, Vec<u8>)>,
) -> Result<(), StoreError> {
    let mut columns = Vec::new();
    for (key, page) in pages {
        columns.extend([Value::Text(key.span.as_str().into()), Value::Int(key.start), Value::Int(key.shard)]);
        columns.extend([Value::Int(chain), Value::Bytes(page)]);
    }
    let pages = Insert::new("rollups", "span, start, shard, chain, body", 5).then(PUT_PAGE);
    pages.run(connection, columns).await.map(drop)
}

/// Requests that stay open, and those that no longer are.
async fn write_open(shipping: &mut SqliteTransaction<'_>, shipment: &Shipment) -> Result<(), StoreError> {
    for open in &shipment.opened {
        sqlx::query(
            "INSERT INTO ledger_open (replica, request_id, state) VALUES ($1, $2, $3)
             ON CONFLICT (replica, request_id) DO UPDATE SET state = excluded.state",
        )
        .bind(&*shipment.replica)
        .bind(&open.id.as_bytes()[..])
        .bind(&open.state)
        .execute(&mut **shipping)
        .await?;
    }
    for closed in &shipment.closed {
        sqlx::query("DELETE FROM ledger_open WHERE replica = $1 AND request_id = $2")
            .bind(&*shipment.replica)
            .bind(&closed.as_bytes()[..])
            .execute(&mut **shipping)
            .await?;
    }
    Ok(())
}

pub(super) fn request_id(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Corrupt("a request id that is none".to_owned()))
}

//! Taking a shipment over: rows, their attempts, balances and leases, rollups, the chain, open requests and the
//! journal's position, in one transaction.
//!
//! Locks are taken in one order (chain, series, balances by their keys), so that gateways that ship at the same time
//! wait for each other, if at all, in one direction.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use sqlx::{Connection, PgConnection, PgTransaction};
use uuid::Uuid;

use super::{Postgres, Text, bad_page, balances, insert::insert};
use crate::{
    exchange::{Attempt, UsageRow},
    store::{
        LeasedWindow, OpenRequest, Position, Shipment, Shipped, StoreError,
        decode::{nanos, time},
        ledger::{
            batch::{BalanceKey, Gain, charges_column, fresh, gains},
            booked::{FACTS, Kind, Value, facts},
            chain::{ChainTotals, Code, HEAD, Head},
            rollup::{Growth, PageKey, Rollups, grown},
            series::{Series, SeriesId},
        },
        sums::clamped,
    },
};

/// Whether rows of a shipment may be there already.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// They cannot: its position is beyond what was shipped. Should they be nevertheless, the insert fails.
    News,
    /// They may: looked up first.
    Repeated,
}

/// A chain as it is stored, its row locked.
struct Chain {
    id: i64,
    position: u64,
    head: Head,
}

impl Postgres {
    /// Rows of a shipment that goes on where the last one ended are not looked up: their insert fails if they are
    /// there, and then all of it is done again with care.
    pub(super) async fn write_shipment(&self, shipment: Arc<Shipment>) -> Result<u64, StoreError> {
        match self.try_shipment(shipment.clone(), Trust::News).await {
            Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => {
                self.try_shipment(shipment, Trust::Repeated).await
            }
            done => done,
        }
    }

    async fn try_shipment(&self, shipment: Arc<Shipment>, trust: Trust) -> Result<u64, StoreError> {
        let me = self.clone();
        self.with(move |connection| Box::pin(async move { me.take_over(connection, &shipment, trust).await })).await
    }

    async fn take_over(
        &self,
        connection: &mut PgConnection,
        shipment: &Shipment,
        trust: Trust,
    ) -> Result<u64, StoreError> {
        let mut shipping = connection.begin().await?;
        let mut chain = chain_of(&mut shipping, &shipment.replica, self.secret.chain().id()).await?;
        let is_news = trust == Trust::News && shipment.position.sequence > chain.position;
        let known = if is_news { HashSet::new() } else { known_rows(&mut shipping, shipment).await? };
        let rows = fresh(shipment, &known);
        let series = self.series_of(&mut shipping, &rows).await?;
        self.book(&mut shipping, &mut chain, (&shipment.replica, &rows), &series).await?;
        self.seal_head(&mut shipping, &shipment.replica, &chain, shipment.position.sequence).await?;
        if shipment.position.sequence >= chain.position {
            write_open(&mut shipping, shipment).await?;
        }
        shipping.commit().await?;
        self.series.learn(series.into_iter().map(|(series, id)| (id, series)));
        Ok(rows.len() as u64)
    }

    /// Writes rows with all that they add to.
    async fn book(
        &self,
        shipping: &mut PgTransaction<'_>,
        chain: &mut Chain,
        (replica, rows): (&str, &[&UsageRow]),
        series: &HashMap<Series, SeriesId>,
    ) -> Result<(), StoreError> {
        let balances = add_to_balances(shipping, replica, gains(rows)).await?;
        let mut rollups = Rollups::default();
        let (mut columns, mut attempts, mut scratch) = (Vec::new(), Vec::new(), Vec::new());
        for row in rows {
            let its = Series::of(row);
            let id = series.get(&its).copied().unwrap_or_default();
            let facts = facts(row);
            let tries = &row.settle.attempts;
            let code = chain.head.append(self.secret.chain(), (&facts, &its, &row.intent.charges, tries), &mut scratch);
            let place = [Value::Int(chain.id), Value::Int(clamped(chain.head.length))];
            rollups.count(id, nanos(row.intent.time), row);
            columns.extend(place.clone());
            columns.extend([
                Value::Bytes(code.to_vec()),
                Value::Int(id),
                charges_column(&row.intent.charges, &balances),
            ]);
            columns.extend(facts);
            attempts.extend(tries.iter().enumerate().flat_map(|(k, tried)| attempt_columns(&place, k, tried)));
        }
        let kinds: Vec<Kind> = PLACE.into_iter().chain(FACTS.map(|(_, kind)| kind)).collect();
        insert(shipping, INSERT_ROW, &kinds, columns).await?;
        insert(shipping, INSERT_ATTEMPT, &ATTEMPT, attempts).await?;
        for (key, growth) in rollups.with_days().0 {
            grow(shipping, chain.id, key, &growth).await?;
        }
        Ok(())
    }

    async fn seal_head(
        &self,
        shipping: &mut PgTransaction<'_>,
        replica: &str,
        chain: &Chain,
        position: u64,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE chains SET position = greatest(position, $1), length = $2, head = $3, totals = $4, seal = $5
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
}

pub(super) async fn read_shipped(connection: &mut PgConnection, replica: Arc<str>) -> Result<Shipped, StoreError> {
    let mut reading = connection.begin_with(super::ONE_MOMENT).await?;
    let position: i64 = sqlx::query_scalar("SELECT coalesce(max(position), 0) FROM chains WHERE replica = $1")
        .bind(Text::from(&*replica))
        .fetch_one(&mut *reading)
        .await?;
    let open: Vec<(Vec<u8>, Vec<u8>)> =
        sqlx::query_as("SELECT request_id, state FROM ledger_open WHERE replica = $1 ORDER BY request_id")
            .bind(Text::from(&*replica))
            .fetch_all(&mut *reading)
            .await?;
    reading.commit().await?;
    let open = open.into_iter().map(|(id, state)| Ok(OpenRequest { id: request_id(&id)?, state }));
    Ok(Shipped {
        position: Position { sequence: position.unsigned_abs() },
        open: open.collect::<Result<_, StoreError>>()?,
    })
}

const INSERT_ROW: &str = "INSERT INTO usage_rows (chain, link, code, series, charges, request_id, time, \
     client_request_id, end_user, metadata, outcome, status, error, asked_model, asked_stream, streamed, cache, \
     certainty, estimated_input, input_tokens, cached_input_tokens, cache_write_tokens, audio_input_tokens, \
     image_input_tokens, output_tokens, reasoning_tokens, audio_output_tokens, cost_nanos, price_version, \
     saved_tokens, saved_nanos, ttft_nanos, duration_nanos, bytes_in, bytes_out)";

/// Chain, link, code, series, charges: what stands before the facts.
const PLACE: [Kind; 5] = [Kind::Int, Kind::Int, Kind::Bytes, Kind::Int, Kind::Text];

const INSERT_ATTEMPT: &str = "INSERT INTO attempts (chain, link, k, backend, status, fault, began, took)";

const ATTEMPT: [Kind; 8] = [Kind::Int, Kind::Int, Kind::Int, Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Int];

fn attempt_columns(place: &[Value; 2], k: usize, tried: &Attempt) -> [Value; 8] {
    let [chain, link] = place.clone();
    [
        chain,
        link,
        Value::Int(clamped(k as u64)),
        Value::Text(tried.backend.as_str().into()),
        tried.status.map_or(Value::Null, |status| Value::Int(i64::from(status))),
        tried.fault.clone().map_or(Value::Null, Value::Text),
        Value::Int(clamped(tried.began_nanos)),
        Value::Int(clamped(tried.took_nanos)),
    ]
}

/// The chain of a replica under this key, made when it is the first. A replica's journal goes on where any of its
/// chains ended: another key begins another chain.
async fn chain_of(shipping: &mut PgTransaction<'_>, replica: &str, key: &str) -> Result<Chain, StoreError> {
    sqlx::query(
        "INSERT INTO chains (replica, key_id, position, length, head, totals, seal)
         SELECT $1, $2, coalesce((SELECT max(position) FROM chains WHERE replica = $1), 0), 0, $3, $4, ''
         WHERE NOT EXISTS (SELECT 1 FROM chains WHERE replica = $1 AND key_id = $2)
         ON CONFLICT (replica, key_id) DO NOTHING",
    )
    .bind(Text::from(replica))
    .bind(key)
    .bind(&Head::default().code[..])
    .bind(ChainTotals::default().to_json())
    .execute(&mut **shipping)
    .await?;
    let (id, position, length, code, totals): (i64, i64, i64, Vec<u8>, String) = sqlx::query_as(
        "SELECT id, position, length, head, totals FROM chains WHERE replica = $1 AND key_id = $2 FOR UPDATE",
    )
    .bind(Text::from(replica))
    .bind(key)
    .fetch_one(&mut **shipping)
    .await?;
    Ok(Chain { id, position: position.unsigned_abs(), head: head(length, &code, &totals)? })
}

/// A head from its columns.
pub(super) fn head(length: i64, code: &[u8], totals: &str) -> Result<Head, StoreError> {
    let code = Code::try_from(code).map_err(|_| StoreError::Corrupt("a code of a chain that is none".to_owned()))?;
    Ok(Head { length: length.unsigned_abs(), code, totals: ChainTotals::from_json(totals)? })
}

/// Which of a shipment's requests have rows.
async fn known_rows(shipping: &mut PgTransaction<'_>, shipment: &Shipment) -> Result<HashSet<Uuid>, StoreError> {
    let ids: Vec<Vec<u8>> = shipment.rows.iter().map(|row| row.intent.id.as_bytes().to_vec()).collect();
    let known: Vec<Vec<u8>> = sqlx::query_scalar("SELECT request_id FROM usage_rows WHERE request_id = ANY($1)")
        .bind(ids)
        .fetch_all(&mut **shipping)
        .await?;
    known.iter().map(|id| request_id(id)).collect()
}

/// Adds to balances, takes that off what the gateway holds open, and gives the numbers of all.
async fn add_to_balances(
    shipping: &mut PgTransaction<'_>,
    replica: &str,
    gains: BTreeMap<BalanceKey, Gain>,
) -> Result<BTreeMap<BalanceKey, i64>, StoreError> {
    let column = |(key, gain): (&BalanceKey, &Gain)| balances::Gain {
        of: LeasedWindow {
            account: key.account.clone(),
            measure: key.measure,
            window: time(key.window),
            until: time(gain.until),
        },
        amount: gain.amount,
    };
    let columns: Vec<_> = gains.iter().map(column).collect();
    let ids = balances::charge(shipping, replica, &columns).await?;
    Ok(gains.into_keys().zip(ids).collect())
}

async fn grow(connection: &mut PgConnection, chain: i64, key: PageKey, growth: &Growth) -> Result<(), StoreError> {
    let old: Option<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM rollups WHERE span = $1 AND start = $2 AND shard = $3 AND chain = $4")
            .bind(key.span.as_str())
            .bind(key.start)
            .bind(key.shard)
            .bind(chain)
            .fetch_optional(&mut *connection)
            .await?;
    let page = grown(&old.unwrap_or_default(), growth).ok_or_else(|| bad_page(key.span, key.start))?;
    sqlx::query(
        "INSERT INTO rollups (span, start, shard, chain, body) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (span, start, shard, chain) DO UPDATE SET body = excluded.body",
    )
    .bind(key.span.as_str())
    .bind(key.start)
    .bind(key.shard)
    .bind(chain)
    .bind(page)
    .execute(connection)
    .await?;
    Ok(())
}

/// Requests that stay open, and those that no longer are.
async fn write_open(shipping: &mut PgTransaction<'_>, shipment: &Shipment) -> Result<(), StoreError> {
    let replica = Text::from(&*shipment.replica);
    // One request may be announced anew in a batch; the last word counts.
    let opened: HashMap<Uuid, &[u8]> = shipment.opened.iter().map(|open| (open.id, &open.state[..])).collect();
    let (ids, states): (Vec<Vec<u8>>, Vec<Vec<u8>>) =
        opened.into_iter().map(|(id, state)| (id.as_bytes().to_vec(), state.to_vec())).unzip();
    sqlx::query(
        "INSERT INTO ledger_open (replica, request_id, state) SELECT $1, * FROM unnest($2::bytea[], $3::bytea[])
         ON CONFLICT (replica, request_id) DO UPDATE SET state = excluded.state",
    )
    .bind(&replica)
    .bind(ids)
    .bind(states)
    .execute(&mut **shipping)
    .await?;
    let closed: Vec<Vec<u8>> = shipment.closed.iter().map(|id| id.as_bytes().to_vec()).collect();
    sqlx::query("DELETE FROM ledger_open WHERE replica = $1 AND request_id = ANY($2)")
        .bind(&replica)
        .bind(closed)
        .execute(&mut **shipping)
        .await?;
    Ok(())
}

pub(super) fn request_id(bytes: &[u8]) -> Result<Uuid, StoreError> {
    Uuid::from_slice(bytes).map_err(|_| StoreError::Corrupt("a request id that is none".to_owned()))
}

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

use super::{Postgres, Text, balances, insert::insert};
use crate::{
    exchange::UsageRow,
    store::{
        LeasedWindow, OpenRequest, Position, Shipment, Shipped, StoreError, Taken,
        decode::time,
        ledger::{
            batch::{BalanceKey, Gain, fresh, gains},
            booked::{FACTS, Kind},
            booking::{self, ATTEMPT, ATTEMPT_KINDS, PLACE, ROW},
            chain::{ChainTotals, HEAD, Head},
            rollup::{PageKey, Rollups},
            series::Numbered,
            tables::head,
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
    pub(super) async fn write_shipment(&self, shipment: Arc<Shipment>) -> Result<Taken, StoreError> {
        match self.try_shipment(shipment.clone(), Trust::News).await {
            Err(StoreError::Database(sqlx::Error::Database(error))) if error.is_unique_violation() => {
                self.try_shipment(shipment, Trust::Repeated).await
            }
            done => done,
        }
    }

    async fn try_shipment(&self, shipment: Arc<Shipment>, trust: Trust) -> Result<Taken, StoreError> {
        let me = self.clone();
        self.with(move |connection| Box::pin(async move { me.take_over(connection, &shipment, trust).await })).await
    }

    async fn take_over(
        &self,
        connection: &mut PgConnection,
        shipment: &Shipment,
        trust: Trust,
    ) -> Result<Taken, StoreError> {
        let mut shipping = connection.begin().await?;
        let mut chain = chain_of(&mut shipping, &shipment.replica, self.secret.chain().id()).await?;
        let is_news = trust == Trust::News && shipment.position.sequence > chain.position;
        let known = if is_news { HashSet::new() } else { known_rows(&mut shipping, shipment).await? };
        let rows = fresh(shipment, &known);
        let (series, news) = self.series_of(&mut shipping, &rows).await?;
        let unreadable = self.book(&mut shipping, &mut chain, (&shipment.replica, &rows), &series).await?;
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
        shipping: &mut PgTransaction<'_>,
        chain: &mut Chain,
        (replica, rows): (&str, &[&UsageRow]),
        series: &[Numbered],
    ) -> Result<u64, StoreError> {
        let balances = add_to_balances(shipping, replica, gains(rows)).await?;
        let place = (chain.id, &mut chain.head);
        let booking = booking::book(self.secret.chain(), place, rows, series, &balances).await;
        let kinds: Vec<Kind> = PLACE.into_iter().chain(FACTS.map(|(_, kind)| kind)).collect();
        insert(shipping, ("usage_rows", ROW), &kinds, booking.rows).await?;
        insert(shipping, ("attempts", ATTEMPT), &ATTEMPT_KINDS, booking.attempts).await?;
        grow(shipping, chain.id, booking.rollups.with_days()).await
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

/// Adds to pages of rollups, all of them read at once and written at once. Gives how many cannot be read.
async fn grow(connection: &mut PgConnection, chain: i64, rollups: Rollups) -> Result<u64, StoreError> {
    let keys = rollups.0.keys().copied();
    let (spans, (starts, shards)): (Vec<&str>, (Vec<i64>, Vec<i64>)) =
        keys.map(|key| (key.span.as_str(), (key.start, key.shard))).unzip();
    let found: Vec<(String, i64, i64, Vec<u8>)> = sqlx::query_as(
        "SELECT span, start, shard, body
         FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS page (span, start, shard)
         JOIN rollups USING (span, start, shard) WHERE chain = $4",
    )
    .bind(spans)
    .bind(starts)
    .bind(shards)
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
    connection: &mut PgConnection,
    chain: i64,
    pages: Vec<(PageKey, Vec<u8>)>,
) -> Result<(), StoreError> {
    let (keys, bodies): (Vec<PageKey>, Vec<Vec<u8>>) = pages.into_iter().unzip();
    sqlx::query(
        "INSERT INTO rollups (span, start, shard, chain, body)
         SELECT span, start, shard, $4, body
         FROM unnest($1::text[], $2::bigint[], $3::bigint[], $5::bytea[]) AS page (span, start, shard, body)
         ON CONFLICT (span, start, shard, chain) DO UPDATE SET body = excluded.body",
    )
    .bind(keys.iter().map(|key| key.span.as_str()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.start).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.shard).collect::<Vec<_>>())
    .bind(chain)
    .bind(bodies)
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

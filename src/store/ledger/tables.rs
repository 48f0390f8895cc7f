//! What an adapter reads of the ledger's tables, on one connection: no more than what SQL must do. What it means
//! (proof, reports, the request log, what may be pruned) is made of it beside, once for every database.

use std::{collections::HashMap, sync::Arc};

use futures_util::future::BoxFuture;
use uuid::Uuid;

use super::{
    super::{Balance, RowQuery, StoreError, decode::time},
    batch::charges_of,
    booked::{Booked, Value, began, measure},
    chain::{CHECKPOINT, ChainKey, ChainTotals, Code, Head},
    corrections::Corrections,
    plan::Period,
    rollup::{PageKey, Span},
    series::{Series, SeriesId},
};
use crate::{
    exchange::{Attempt, Charge, Measure},
    model::Timestamp,
};

/// A pending answer of a connection.
pub type Reading<'a, T> = BoxFuture<'a, Result<T, StoreError>>;

/// What is done with a page of rollups: its start and its bytes. `None` when they are no page.
pub type TakePage<'a> = &'a mut (dyn FnMut(i64, &[u8]) -> Option<()> + Send);

/// The tables as one connection sees them. Who needs them as of one moment gives the connection of a transaction.
pub trait Tables: Send {
    /// All chains.
    fn chains(&mut self) -> Reading<'_, Vec<StoredChain>>;

    /// The newest checkpoint of a chain.
    fn checkpoint(&mut self, chain: i64) -> Reading<'_, Option<Checkpoint>>;

    /// Rows that began before this may have been removed; 0: none was.
    fn pruned(&mut self) -> Reading<'_, i64>;

    /// Series with a number above `after`.
    fn series_after(&mut self, after: SeriesId) -> Reading<'_, Vec<(SeriesId, Arc<Series>)>>;

    /// Rows of usage.
    fn raw_rows(&mut self, which: Which) -> Reading<'_, Vec<RawRow>>;

    /// The row of a request.
    fn raw_row(&mut self, request: Uuid) -> Reading<'_, Option<RawRow>>;

    /// A page of the request log: rows of `search` that began in `period`, in its order.
    fn search<'a>(&'a mut self, search: &'a Search<'a>, period: Period, at_most: i64) -> Reading<'a, Vec<RawRow>>;

    /// The attempts of rows, in their order, by chain and link.
    fn attempts<'a>(&'a mut self, rows: &'a [RawRow]) -> Reading<'a, Tries>;

    /// The counters and windows of balances.
    fn windows(&mut self, balances: Vec<i64>) -> Reading<'_, HashMap<i64, Window>>;

    /// All balances, by number.
    fn balances(&mut self) -> Reading<'_, Vec<(i64, Balance)>>;

    /// What the audit log says that balances were corrected by.
    fn corrections(&mut self) -> Reading<'_, Corrections>;

    /// Chain, link and column `charges` of rows after such a place, in its order, at most so many.
    fn charges(&mut self, after: (i64, i64), at_most: i64) -> Reading<'_, Vec<(i64, i64, Option<String>)>>;

    /// The first row of a chain that lies outside its length, as that is now: its link and request.
    fn outside(&mut self, chain: i64) -> Reading<'_, Option<(i64, Vec<u8>)>>;

    /// The smallest number of a chain above `after` that rows carry, whether there is such a chain or not.
    fn next_chain(&mut self, after: i64) -> Reading<'_, Option<i64>>;

    /// When the first and the last row began.
    fn row_times(&mut self) -> Reading<'_, (Option<i64>, Option<i64>)>;

    /// Starts of the first and the last page of a span.
    fn page_times(&mut self, span: Span) -> Reading<'_, (Option<i64>, Option<i64>)>;

    /// Gives `take` the pages that start in a period, by their start; `shards`: only these.
    fn pages<'a>(&'a mut self, run: super::plan::Run, shards: Option<&'a [i64]>, take: TakePage<'a>)
    -> Reading<'a, ()>;
}

/// The tables in a transaction in which nobody else changes rollups.
pub trait Pages: Tables {
    /// The pages of a span that start in a period, by shard and chain.
    fn stored_pages(&mut self, span: Span, period: Period) -> Reading<'_, Vec<(PageKey, i64, Vec<u8>)>>;

    /// Puts pages of a chain in the place of those that are there.
    fn put_pages(&mut self, chain: i64, pages: Vec<(PageKey, Vec<u8>)>) -> Reading<'_, ()>;

    /// Removes pages of a chain.
    fn remove_pages(&mut self, chain: i64, pages: Vec<PageKey>) -> Reading<'_, ()>;
}

/// After so many pages others get a turn on the thread.
pub const PAGES_AT_A_TIME: usize = 16;

/// Which rows of usage.
#[derive(Clone, Copy, Debug)]
pub enum Which {
    /// The next of a chain after a link, in order.
    Chain {
        /// The chain.
        id: i64,
        /// The link before.
        after: i64,
        /// At most so many.
        at_most: i64,
    },
    /// Those that began in a period, in no order.
    Began {
        /// When.
        period: Period,
        /// At most so many.
        at_most: i64,
    },
    /// The next by time, chain and link after such a place, at most [`PAGE`].
    Time {
        /// Time, chain and link of the row before.
        after: [i64; 3],
    },
}

/// Rows read at a time.
pub const PAGE: i64 = 500;

impl Which {
    /// Condition, order and limit on `usage_rows`, with what `$1` to `$3` are.
    pub const fn sql(self) -> (&'static str, [i64; 3]) {
        match self {
            Self::Chain { id, after, at_most } => {
                ("chain = $1 AND link > $2 ORDER BY link LIMIT $3", [id, after, at_most])
            }
            Self::Began { period, at_most } => ("time >= $1 AND time < $2 LIMIT $3", [period.from, period.to, at_most]),
            Self::Time { after } => ("(time, chain, link) > ($1, $2, $3) ORDER BY time, chain, link LIMIT 500", after),
        }
    }
}

/// The rest of a query of the request log, in the terms of the database.
pub struct Search<'a> {
    /// The query.
    pub query: &'a RowQuery,
    /// Numbers of series; `None`: all.
    pub series: Option<Vec<SeriesId>>,
    /// Time and place of the last row of the page before.
    pub after: Option<(i64, i64, i64)>,
}

/// A row of `usage_rows` alone.
pub struct RawRow {
    /// Its chain.
    pub chain: i64,
    /// Its place in it.
    pub link: i64,
    /// What it carries of its code.
    pub code: Vec<u8>,
    /// Its series.
    pub series: SeriesId,
    /// The column `charges`.
    pub charges: Option<String>,
    /// The columns of `FACTS`.
    pub facts: Vec<Value>,
}

impl RawRow {
    /// When the request began, in nanoseconds.
    pub fn began(&self) -> i64 {
        began(&self.facts)
    }
}

/// Attempts by chain and link.
pub type Tries = HashMap<(i64, i64), Vec<Attempt>>;

/// The columns of an attempt: chain, link, backend, status, fault, began, took.
pub type RawAttempt<T> = (i64, i64, T, Option<i64>, Option<T>, i64, i64);

/// Attempts as they were read, in the order of their rows and of themselves.
pub fn tries<T: Into<String>>(found: Vec<RawAttempt<T>>) -> Tries {
    let mut tries = Tries::new();
    for (chain, link, backend, status, fault, began, took) in found {
        tries.entry((chain, link)).or_default().push(Attempt {
            backend: backend.into().into(),
            status: status.map(|status| u16::try_from(status).unwrap_or(u16::MAX)),
            fault: fault.map(|fault| fault.into().into()),
            began_nanos: u64::try_from(began).unwrap_or(u64::MAX),
            took_nanos: u64::try_from(took).unwrap_or(u64::MAX),
        });
    }
    tries
}

/// What a balance counts, and when.
pub struct Window {
    account: Arc<str>,
    measure: Measure,
    from: Timestamp,
    until: Timestamp,
}

/// The columns of a window: number, account, measure, start, end.
pub type RawWindow<T> = (i64, T, String, i64, i64);

/// Windows as they were read.
///
/// # Errors
/// A measure is unknown.
pub fn windows<T: Into<String>>(found: Vec<RawWindow<T>>) -> Result<HashMap<i64, Window>, StoreError> {
    let window = |(id, account, word, from, until): RawWindow<T>| {
        let account: String = account.into();
        let (from, until) = (time(from), time(until));
        Ok((id, Window { account: account.into(), measure: measure(&word)?, from, until }))
    };
    found.into_iter().map(window).collect()
}

/// The columns of a balance: number, account, measure, start and end of the window, charged, adjusted.
pub type RawBalance<T> = (i64, T, String, i64, i64, i64, i64);

/// Balances as they were read.
///
/// # Errors
/// A measure is unknown.
pub fn balances<T: Into<String>>(found: Vec<RawBalance<T>>) -> Result<Vec<(i64, Balance)>, StoreError> {
    let balance = |(id, account, word, window, until, charged, adjusted): RawBalance<T>| {
        let account: String = account.into();
        let (window, until) = (time(window), time(until));
        Ok((id, Balance { account: account.into(), window, until, measure: measure(&word)?, charged, adjusted }))
    };
    found.into_iter().map(balance).collect()
}

/// A chain's row of `chains`.
pub struct StoredChain {
    /// Its number.
    pub id: i64,
    /// Whose rows.
    pub replica: Arc<str>,
    /// The key that its codes are made with.
    pub key: String,
    /// Its last row.
    pub head: Head,
    /// The code of this row.
    pub seal: Vec<u8>,
}

/// The columns of a chain: number, replica, key, length, code, totals, seal.
pub type RawChain<T> = (i64, T, String, i64, Vec<u8>, String, Vec<u8>);

/// Chains as they were read.
///
/// # Errors
/// A head is none.
pub fn chains<T: Into<String>>(found: Vec<RawChain<T>>) -> Result<Vec<StoredChain>, StoreError> {
    let stored = |(id, replica, key, length, code, totals, seal): RawChain<T>| {
        let replica: String = replica.into();
        Ok(StoredChain { id, replica: replica.into(), key, head: head(length, &code, &totals)?, seal })
    };
    found.into_iter().map(stored).collect()
}

/// A head from its columns.
///
/// # Errors
/// The code or the totals are none.
pub fn head(length: i64, code: &[u8], totals: &str) -> Result<Head, StoreError> {
    let code = Code::try_from(code).map_err(|_| StoreError::Corrupt("a code of a chain that is none".to_owned()))?;
    Ok(Head { length: length.unsigned_abs(), code, totals: ChainTotals::from_json(totals)? })
}

/// Where pruning has cut a chain.
pub struct Checkpoint {
    /// The last row that was removed.
    pub head: Head,
    /// The code of this checkpoint.
    pub seal: Vec<u8>,
    /// Rows that began before this were removed.
    pub before: i64,
}

/// The columns of a checkpoint: link, code, totals, seal, before.
pub type RawCheckpoint = (i64, Vec<u8>, String, Vec<u8>, i64);

impl Checkpoint {
    /// As it was read.
    ///
    /// # Errors
    /// Its head is none.
    pub fn new((link, code, totals, seal, before): RawCheckpoint) -> Result<Self, StoreError> {
        Ok(Self { head: head(link, &code, &totals)?, seal, before })
    }

    /// Whether nobody changed it.
    pub fn is_sealed(&self, key: &ChainKey, replica: &str) -> bool {
        key.seal(CHECKPOINT, replica, &self.head)[..] == self.seal
    }
}

/// Adds attempts, charges and series. What other tables do not know is left empty: codes then do not fit.
///
/// # Errors
/// The database cannot be read.
pub async fn booked(
    tables: &mut dyn Tables,
    rows: Vec<RawRow>,
    series: &(dyn Fn(SeriesId) -> Option<Arc<Series>> + Sync),
) -> Result<Vec<(RawRow, Booked)>, StoreError> {
    let mut attempts = tables.attempts(&rows).await?;
    let balances = |row: &RawRow| charges_of(row.charges.as_deref()).unwrap_or_default();
    let mut ids: Vec<_> = rows.iter().flat_map(balances).map(|(id, _)| id).collect();
    ids.sort_unstable();
    ids.dedup();
    let windows = tables.windows(ids).await?;
    let book = |mut row: RawRow| {
        let booked = Booked {
            facts: std::mem::take(&mut row.facts),
            series: series(row.series).unwrap_or_default(),
            charges: charges(row.charges.as_deref(), &windows),
            attempts: attempts.remove(&(row.chain, row.link)).unwrap_or_default(),
        };
        (row, booked)
    };
    Ok(rows.into_iter().map(book).collect())
}

/// A charge of an unknown balance is of an account without a name, which no row was booked with.
fn charges(column: Option<&str>, windows: &HashMap<i64, Window>) -> Vec<Charge> {
    let nowhere = || Charge {
        account: "".into(),
        window: Timestamp::default(),
        until: Timestamp::default(),
        measure: Measure::Requests,
        amount: 0,
    };
    let charge = |(id, amount): (i64, i64)| {
        windows.get(&id).map_or_else(nowhere, |window| Charge {
            account: window.account.clone(),
            window: window.from,
            until: window.until,
            measure: window.measure,
            amount,
        })
    };
    charges_of(column).map_or_else(|| vec![nowhere()], |charges| charges.into_iter().map(charge).collect())
}

/// A page of rollups that is none, with what helps.
pub fn bad_page(span: Span, start: i64) -> StoreError {
    StoreError::BadPage { span: span.as_str(), start: time(start) }
}

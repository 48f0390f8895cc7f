//! What a batch of rows writes, worked out in memory once for every database: values for the tables of rows and
//! attempts, and what rollups gain.

use std::collections::{BTreeMap, HashMap};

use super::{
    super::{decode::nanos, sums::clamped},
    batch::{BalanceKey, charges_column},
    booked::{FACTS, Kind, Value, facts},
    chain::{ChainKey, Head},
    rollup::{PageKey, Rollups, grown},
    series::Numbered,
};
use crate::exchange::{Attempt, UsageRow};

/// The columns of `usage_rows`, in the order in which they are written and read.
pub const ROW: &str = "chain, link, code, series, charges, request_id, time, client_request_id, end_user, metadata, \
     outcome, status, error, asked_model, asked_stream, streamed, cache, certainty, estimated_input, input_tokens, \
     cached_input_tokens, cache_write_tokens, audio_input_tokens, image_input_tokens, output_tokens, \
     reasoning_tokens, audio_output_tokens, cost_nanos, price_version, saved_tokens, saved_nanos, ttft_nanos, \
     duration_nanos, bytes_in, bytes_out";

/// Chain, link, code, series, charges: what stands before the facts.
pub const PLACE: [Kind; 5] = [Kind::Int, Kind::Int, Kind::Bytes, Kind::Int, Kind::Text];

/// How many columns [`ROW`] has.
pub const ROW_WIDTH: usize = PLACE.len() + FACTS.len();

/// The columns of `attempts`.
pub const ATTEMPT: &str = "chain, link, k, backend, status, fault, began, took";

/// Their kinds.
pub const ATTEMPT_KINDS: [Kind; 8] =
    [Kind::Int, Kind::Int, Kind::Int, Kind::Text, Kind::Int, Kind::Text, Kind::Int, Kind::Int];

/// After so many rows others get a turn on the thread.
const ROWS_AT_A_TIME: usize = 64;

/// The same, of pages.
const PAGES_AT_A_TIME: usize = 8;

/// What a batch writes.
#[derive(Default)]
pub struct Booking {
    /// Rows of `usage_rows`, one after the other, in the columns of [`ROW`].
    pub rows: Vec<Value>,
    /// Rows of `attempts`, in the columns of [`ATTEMPT`].
    pub attempts: Vec<Value>,
    /// What rollups gain.
    pub rollups: Rollups,
}

/// Puts rows at the end of a chain. `series` are those of the rows, in their order, `balances` the numbers of all
/// balances that they charge.
pub async fn book(
    key: &ChainKey,
    (chain, head): (i64, &mut Head),
    rows: &[&UsageRow],
    series: &[Numbered],
    balances: &BTreeMap<BalanceKey, i64>,
) -> Booking {
    let (mut booking, mut scratch) = (Booking::default(), Vec::new());
    booking.rows.reserve(rows.len() * ROW_WIDTH);
    for (nth, (row, (id, its))) in rows.iter().zip(series).enumerate() {
        if nth % ROWS_AT_A_TIME == ROWS_AT_A_TIME - 1 {
            tokio::task::yield_now().await;
        }
        let facts = facts(row);
        let (charges, tries) = (&row.intent.charges, &row.settle.attempts);
        let code = head.append(key, (&facts, its, charges, tries), &mut scratch);
        let place = [Value::Int(chain), Value::Int(clamped(head.length))];
        booking.rollups.count(*id, nanos(row.intent.time), row);
        booking.attempts.extend(tries.iter().enumerate().flat_map(|(k, tried)| attempt(&place, k, tried)));
        booking.rows.extend(place);
        booking.rows.extend([Value::Bytes(code.to_vec()), Value::Int(*id), charges_column(charges, balances)]);
        booking.rows.extend(facts);
    }
    booking
}

fn attempt(place: &[Value; 2], k: usize, tried: &Attempt) -> [Value; 8] {
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

/// The pages of rollups (those of days included) that a batch changes, as they are after it, and how many of them
/// cannot be read. Such a page is left as it is: the rows are in the ledger all the same, and `ledger rebuild-reports`
/// makes it anew from them. Neither a report nor pruning passes over it in silence.
pub async fn grow(rollups: Rollups, mut old: HashMap<PageKey, Vec<u8>>) -> (Vec<(PageKey, Vec<u8>)>, u64) {
    let (mut pages, mut unreadable) = (Vec::new(), 0);
    for (nth, (key, growth)) in rollups.0.into_iter().enumerate() {
        if nth % PAGES_AT_A_TIME == PAGES_AT_A_TIME - 1 {
            tokio::task::yield_now().await;
        }
        match grown(&old.remove(&key).unwrap_or_default(), &growth) {
            Some(page) => pages.push((key, page)),
            None => unreadable += 1,
        }
    }
    (pages, unreadable)
}

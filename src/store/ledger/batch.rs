//! What a shipment comes to, worked out in memory before anything is written: which rows are new, what each balance
//! gains.

use std::{
    collections::{BTreeMap, HashSet},
    fmt::Write as _,
    sync::Arc,
};

use uuid::Uuid;

use super::{
    super::{Shipment, decode::nanos},
    booked::{Value, measure_word},
};
use crate::exchange::{Charge, Measure, UsageRow};

/// Balances never grow beyond this, in either direction: two backends that lie cannot overflow one.
pub const MOST: i64 = 9_000_000_000_000_000_000;

/// Which balance: the counter and the window.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BalanceKey {
    /// The counter.
    pub account: Arc<str>,
    /// What it counts.
    pub measure: Measure,
    /// Start of the window, in nanoseconds.
    pub window: i64,
}

impl BalanceKey {
    /// The balance that a charge goes to.
    pub fn of(charge: &Charge) -> Self {
        Self { account: charge.account.clone(), measure: charge.measure, window: nanos(charge.window) }
    }
}

/// What a balance gains, and the end of its window in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gain {
    /// Sum of charges.
    pub amount: i64,
    /// End of the window, in nanoseconds.
    pub until: i64,
}

/// The rows of a shipment that are not in `known`, each once, in order.
pub fn fresh<'a>(shipment: &'a Shipment, known: &HashSet<Uuid>) -> Vec<&'a UsageRow> {
    let mut seen = HashSet::with_capacity(shipment.rows.len());
    let is_fresh = |row: &&UsageRow| !known.contains(&row.intent.id) && seen.insert(row.intent.id);
    shipment.rows.iter().filter(is_fresh).collect()
}

/// What each balance gains by these rows.
pub fn gains(rows: &[&UsageRow]) -> BTreeMap<BalanceKey, Gain> {
    let mut gains = BTreeMap::<BalanceKey, Gain>::new();
    for charge in rows.iter().flat_map(|row| &row.intent.charges) {
        let until = nanos(charge.until);
        let gain = gains.entry(BalanceKey::of(charge)).or_insert(Gain { amount: 0, until });
        gain.amount = gain.amount.saturating_add(charge.amount).clamp(-MOST, MOST);
    }
    gains
}

/// The column `charges` of a row: numbers of balances, and amounts.
pub fn charges_column(charges: &[Charge], ids: &BTreeMap<BalanceKey, i64>) -> Value {
    if charges.is_empty() {
        return Value::Null;
    }
    let mut text = String::from("[");
    for (nth, charge) in charges.iter().enumerate() {
        let id = ids.get(&BalanceKey::of(charge)).copied().unwrap_or_default();
        let comma = if nth == 0 { "" } else { "," };
        write!(text, "{comma}[{id},{}]", charge.amount).expect("a string takes everything");
    }
    text.push(']');
    Value::Text(text.into())
}

/// What [`charges_column`] wrote: numbers of balances, and amounts; `None` when it is something else.
pub fn charges_of(column: Option<&str>) -> Option<Vec<(i64, i64)>> {
    column.map_or(Some(Vec::new()), |text| serde_json::from_str(text).ok())
}

/// The key of a balance in the columns of the database: counter, measure, start.
pub fn balance_columns(key: &BalanceKey) -> (Arc<str>, &'static str, i64) {
    (key.account.clone(), measure_word(key.measure), key.window)
}

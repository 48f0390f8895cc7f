//! Series: the combinations of who, what and where that usage is told apart by. Each has a number in the database,
//! so that rows and rollups carry one integer in place of ten texts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{super::Dimension, booked::storable};
use crate::{
    exchange::UsageRow,
    model::{ApiId, BackendId, OperationId, ProductId, SubscriptionId, UserId, WorkspaceId},
};

/// The number of a series in the database.
pub type SeriesId = i64;

/// How many columns identify a series: the dimensions and the currency.
pub const COLUMNS: usize = Dimension::ALL.len() + 1;

/// Dimensions in the order of [`Dimension::ALL`], then the currency; empty: without.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Series(pub [Arc<str>; COLUMNS]);

impl Default for Series {
    fn default() -> Self {
        Self(std::array::from_fn(|_| "".into()))
    }
}

impl Series {
    /// The series that a row belongs to.
    pub fn of(row: &UsageRow) -> Self {
        let (intent, settle) = (&row.intent, &row.settle);
        Self([
            text(intent.subscription.as_ref().map(SubscriptionId::as_str)),
            text(intent.product.as_ref().map(ProductId::as_str)),
            text(intent.user.as_ref().map(UserId::as_str)),
            text(intent.api.as_ref().map(ApiId::as_str)),
            text(intent.operation.as_ref().map(OperationId::as_str)),
            text(intent.workspace.as_ref().map(WorkspaceId::as_str)),
            text(row.model().map(|model| &**model)),
            text(settle.upstream_model.as_deref()),
            text(settle.backend.as_ref().map(BackendId::as_str)),
            text(settle.cost.as_ref().map(|cost| &*cost.currency)),
        ])
    }

    /// The value of a dimension; empty: without.
    pub fn get(&self, dimension: Dimension) -> &Arc<str> {
        &self.0[dimension.index()]
    }

    /// The currency of its costs; empty: nothing of it has a price.
    pub fn currency(&self) -> &Arc<str> {
        &self.0[COLUMNS - 1]
    }

    /// Whether it has all of these values.
    pub fn matches(&self, filters: &[(Dimension, Arc<str>)]) -> bool {
        filters.iter().all(|(dimension, value)| self.get(*dimension) == value)
    }
}

fn text(value: Option<&str>) -> Arc<str> {
    storable(value.unwrap_or_default())
}

/// The numbers of series that are known to be committed. Shared by the connections of a process; the database may
/// know more.
#[derive(Debug, Default)]
pub struct Known(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    by_series: HashMap<Series, SeriesId>,
    by_id: HashMap<SeriesId, Series>,
}

impl Known {
    /// The number of a series.
    pub fn id(&self, series: &Series) -> Option<SeriesId> {
        self.lock().by_series.get(series).copied()
    }

    /// The series of a number.
    pub fn series(&self, id: SeriesId) -> Option<Series> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The largest known number: those above are news.
    pub fn newest(&self) -> SeriesId {
        self.lock().by_id.keys().copied().max().unwrap_or(0)
    }

    /// All that are known and have all of these values.
    pub fn matching(&self, filters: &[(Dimension, Arc<str>)]) -> HashMap<SeriesId, Series> {
        let known = self.lock();
        known.by_id.iter().filter(|(_, series)| series.matches(filters)).map(|(id, s)| (*id, s.clone())).collect()
    }

    /// Remembers committed numbers.
    pub fn learn(&self, found: impl IntoIterator<Item = (SeriesId, Series)>) {
        let mut known = self.lock();
        for (id, series) in found {
            known.by_series.insert(series.clone(), id);
            known.by_id.insert(id, series);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

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
        Texts::of(row).series()
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

/// The texts of a row that its series is told by, without copies.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Texts<'a>([&'a str; COLUMNS]);

impl<'a> Texts<'a> {
    /// Those of a row.
    pub fn of(row: &'a UsageRow) -> Self {
        let (intent, settle) = (&row.intent, &row.settle);
        let texts = [
            intent.subscription.as_ref().map(SubscriptionId::as_str),
            intent.product.as_ref().map(ProductId::as_str),
            intent.user.as_ref().map(UserId::as_str),
            intent.api.as_ref().map(ApiId::as_str),
            intent.operation.as_ref().map(OperationId::as_str),
            intent.workspace.as_ref().map(WorkspaceId::as_str),
            row.model().map(|model| &**model),
            settle.upstream_model.as_deref(),
            settle.backend.as_ref().map(BackendId::as_str),
            settle.cost.as_ref().map(|cost| &*cost.currency),
        ];
        Self(texts.map(Option::unwrap_or_default))
    }

    /// The series itself.
    pub fn series(self) -> Series {
        Series(self.0.map(storable))
    }
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

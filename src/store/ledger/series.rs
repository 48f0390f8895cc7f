//! Series: the combinations of who, what and where that usage is told apart by. Each has a number in the database,
//! so that rows and rollups carry one integer in place of ten texts.

use std::{
    collections::{HashMap, HashSet, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::{
    super::{Dimension, StoreError},
    booked::storable,
};
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

    /// Those of a series.
    fn in_series(series: &'a Series) -> Self {
        Self(series.0.each_ref().map(|text| &**text))
    }

    /// The series itself.
    pub fn series(self) -> Series {
        Series(self.0.map(storable))
    }
}

/// A series with its number.
pub type Numbered = (SeriesId, Arc<Series>);

/// The series of some rows, in their order: numbered, or not known yet.
pub struct Numbering(Vec<Result<Numbered, Arc<Series>>>);

impl Numbering {
    /// What is known of the rows' series.
    pub fn new(known: &Known, rows: &[&UsageRow]) -> Self {
        let number = |row: &&UsageRow| {
            let texts = Texts::of(row);
            // Most texts are stored as they are: nothing is copied then.
            known.find(&texts).map_or_else(|| known.number(Arc::new(texts.series())), Ok)
        };
        Self(rows.iter().map(number).collect())
    }

    /// Those that are to be given a number, each once, in the order of the rows.
    pub fn news(&self) -> Vec<Arc<Series>> {
        let mut seen = HashSet::new();
        let news = self.0.iter().filter_map(|found| found.as_ref().err());
        news.filter(|series| seen.insert(Arc::clone(series))).cloned().collect()
    }

    /// All of them, with the numbers of the news.
    ///
    /// # Errors
    /// One is missing, which cannot be.
    pub fn with(self, news: &HashMap<Arc<Series>, SeriesId>) -> Result<Vec<Numbered>, StoreError> {
        let number = |series: Arc<Series>| match news.get(&series) {
            Some(id) => Ok((*id, series)),
            None => Err(StoreError::Corrupt("no number for a series of usage".to_owned())),
        };
        self.0.into_iter().map(|found| found.or_else(number)).collect()
    }
}

/// The numbers of series that are known to be committed. Shared by the connections of a process; the database may
/// know more.
#[derive(Debug, Default)]
pub struct Known(Mutex<Numbers>);

#[derive(Debug, Default)]
struct Numbers {
    /// By a hash of their texts, so that a row is looked up without copies of them.
    by_hash: HashMap<u64, Vec<SeriesId>>,
    by_id: HashMap<SeriesId, Arc<Series>>,
    hasher: RandomState,
}

impl Known {
    /// The series that has these texts.
    pub fn find(&self, texts: &Texts<'_>) -> Option<Numbered> {
        let known = self.lock();
        let candidates = known.by_hash.get(&known.hasher.hash_one(texts))?;
        candidates.iter().find_map(|id| {
            let series = known.by_id.get(id)?;
            (Texts::in_series(series) == *texts).then(|| (*id, Arc::clone(series)))
        })
    }

    /// The number of a series, or the series.
    fn number(&self, series: Arc<Series>) -> Result<Numbered, Arc<Series>> {
        self.find(&Texts::in_series(&series)).ok_or(series)
    }

    /// The series of a number.
    pub fn series(&self, id: SeriesId) -> Option<Arc<Series>> {
        self.lock().by_id.get(&id).cloned()
    }

    /// The largest known number: those above are news.
    pub fn newest(&self) -> SeriesId {
        self.lock().by_id.keys().copied().max().unwrap_or(0)
    }

    /// All that are known and have all of these values.
    pub fn matching(&self, filters: &[(Dimension, Arc<str>)]) -> HashMap<SeriesId, Arc<Series>> {
        let known = self.lock();
        let matching = known.by_id.iter().filter(|(_, series)| series.matches(filters));
        matching.map(|(id, series)| (*id, Arc::clone(series))).collect()
    }

    /// Remembers committed numbers.
    pub fn learn(&self, found: impl IntoIterator<Item = Numbered>) {
        let mut known = self.lock();
        for (id, series) in found {
            let hash = known.hasher.hash_one(Texts::in_series(&series));
            let candidates = known.by_hash.entry(hash).or_default();
            if !candidates.contains(&id) {
                candidates.push(id);
            }
            known.by_id.insert(id, series);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Numbers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

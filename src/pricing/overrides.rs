//! Prices of the configuration: which of them is a call's, at a moment.

use std::{cmp::Reverse, collections::HashMap, sync::Arc};

use tollgate_providers::Kind;

use super::{sheet::Steps, table::digest};
use crate::{
    model::{BackendId, Timestamp},
    settings::{Price, Rates, Settings},
};

/// A price with its version, for calls of a batch and for others.
#[derive(Debug)]
pub(super) struct Own {
    /// As usage rows name it.
    pub(super) version: Arc<str>,
    single: Steps,
    batch: Steps,
}

impl Own {
    fn new(id: &str, rates: &Rates) -> Self {
        let text = serde_json::to_string(rates).expect("rates have text keys only and no failing Serialize");
        let version = format!("override:{id}@{}", digest(&text)).into();
        Self { version, single: Steps::of(rates, false), batch: Steps::of(rates, true) }
    }

    /// The prices.
    pub(super) fn steps(&self, batch: bool) -> &Steps {
        if batch { &self.batch } else { &self.single }
    }
}

/// An entry of `prices`.
#[derive(Debug)]
struct Dated {
    backend: Option<BackendId>,
    kind: Option<Kind>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    own: Arc<Own>,
}

impl Dated {
    fn new(price: &Price) -> Self {
        Self {
            backend: price.backend.clone(),
            kind: price.kind,
            from: price.valid_from.as_ref().map(|moment| timestamp(moment.at())),
            to: price.valid_to.as_ref().map(|moment| timestamp(moment.at())),
            own: Arc::new(Own::new(price.id.as_str(), &price.rates)),
        }
    }

    fn is_for(&self, subject: &Subject<'_>) -> bool {
        self.backend.as_ref().is_none_or(|backend| backend.as_str() == subject.backend)
            && self.kind.is_none_or(|kind| kind == subject.kind)
            && self.from.is_none_or(|from| from <= subject.at)
            && self.to.is_none_or(|to| subject.at < to)
    }

    /// What is more particular comes first, then what is newer.
    fn rank(&self) -> (Reverse<bool>, Reverse<bool>, Reverse<Option<Timestamp>>) {
        (Reverse(self.backend.is_some()), Reverse(self.kind.is_some()), Reverse(self.from))
    }
}

/// Times before 1970 count as the first that there is.
fn timestamp(time: jiff::Timestamp) -> Timestamp {
    Timestamp::from_nanos(u64::try_from(time.as_nanosecond().max(0)).unwrap_or(u64::MAX))
}

/// The call that a price is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    /// The callers' name of the model.
    pub(super) model: Option<&'a str>,
    /// Its name at the backend.
    pub(super) upstream_model: Option<&'a str>,
    /// Who answers.
    pub(super) backend: &'a str,
    /// What speaks there.
    pub(super) kind: Kind,
    /// When.
    pub(super) at: Timestamp,
}

/// All prices of a configuration, the most particular first.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    by_model: HashMap<String, Vec<Dated>>,
    for_all: Vec<Dated>,
    of_models: HashMap<String, Arc<Own>>,
    of_backends: HashMap<String, Arc<Own>>,
}

impl Overrides {
    pub(super) fn of(settings: &Settings) -> Self {
        let mut all = Self::default();
        for price in settings.prices.iter().filter(|price| !price.is_table()) {
            match &price.model {
                Some(model) => all.by_model.entry(model.clone()).or_default().push(Dated::new(price)),
                None => all.for_all.push(Dated::new(price)),
            }
        }
        all.by_model.values_mut().for_each(|prices| prices.sort_by_key(Dated::rank));
        all.for_all.sort_by_key(Dated::rank);
        let own = |of: &str, rates: &Rates| (of.to_owned(), Arc::new(Own::new(of, rates)));
        let models = settings.models.iter();
        all.of_models = models.filter_map(|model| Some(own(&model.name, model.price.as_ref()?))).collect();
        let backends = settings.backends.iter();
        all.of_backends = backends.filter_map(|one| Some(own(one.id.as_str(), one.price.as_ref()?))).collect();
        all
    }

    /// The price that counts before the table: of `prices` for the model, of `prices` for its backend or kind, of the
    /// model, of the backend.
    pub(super) fn find(&self, subject: &Subject<'_>) -> Option<&Arc<Own>> {
        let names = [subject.model, subject.upstream_model.filter(|name| subject.model != Some(name))];
        let named = names.into_iter().flatten().filter_map(|name| first(self.by_model.get(name)?, subject));
        let dated = named.min_by_key(|dated| dated.rank()).or_else(|| first(&self.for_all, subject));
        let of_model = || subject.model.and_then(|model| self.of_models.get(model));
        dated.map(|dated| &dated.own).or_else(of_model).or_else(|| self.of_backends.get(subject.backend))
    }
}

fn first<'a>(prices: &'a [Dated], subject: &Subject<'_>) -> Option<&'a Dated> {
    prices.iter().find(|price| price.is_for(subject))
}

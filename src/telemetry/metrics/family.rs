//! One metric with its labelled children, found without allocating and bounded in number.
//!
//! The `prometheus` crate's own vectors are not used: they hash label values without a separator, so that
//! `("team1", "1")` and `("team", "11")` share one counter. Children here are separate metrics with constant labels,
//! whose identity the registry computes with separators.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use prometheus::{Gauge, Histogram, HistogramOpts, IntCounter, IntGauge, Opts, Registry, core::Collector};

use super::names::Spec;

/// The value of a label whose bound is reached.
pub(super) const OTHER: &str = "other";

/// Children of one family; beyond it new label sets go to one child that says `other` throughout.
const MOST_CHILDREN: usize = 10_000;

/// How many distinct values each label may take in this process.
#[derive(Debug)]
pub(super) struct Bounds {
    subscriptions: usize,
    others: usize,
    seen: Mutex<HashMap<&'static str, HashSet<Box<str>>>>,
}

impl Bounds {
    /// `subscriptions`: for the label `subscription`, zero leaves it empty; `others`: for every other label.
    pub(super) fn new(subscriptions: usize, others: usize) -> Self {
        Self { subscriptions, others, seen: Mutex::default() }
    }

    fn admit<'a>(&self, label: &'static str, value: &'a str) -> &'a str {
        let most = if label == "subscription" { self.subscriptions } else { self.others };
        if value.is_empty() || most == 0 {
            return "";
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let values = seen.entry(label).or_default();
        if values.contains(value) {
            return value;
        }
        if values.len() >= most {
            return OTHER;
        }
        values.insert(value.into());
        value
    }
}

/// What a family's child can be.
pub(super) trait Child: Collector + Clone + 'static {
    fn create(spec: &Spec, labels: HashMap<String, String>) -> prometheus::Result<Self>;
}

impl Child for IntCounter {
    fn create(spec: &Spec, labels: HashMap<String, String>) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(spec.name, spec.help).const_labels(labels))
    }
}

impl Child for IntGauge {
    fn create(spec: &Spec, labels: HashMap<String, String>) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(spec.name, spec.help).const_labels(labels))
    }
}

impl Child for Gauge {
    fn create(spec: &Spec, labels: HashMap<String, String>) -> prometheus::Result<Self> {
        Self::with_opts(Opts::new(spec.name, spec.help).const_labels(labels))
    }
}

impl Child for Histogram {
    fn create(spec: &Spec, labels: HashMap<String, String>) -> prometheus::Result<Self> {
        Self::with_opts(HistogramOpts::new(spec.name, spec.help).const_labels(labels).buckets(spec.buckets.to_vec()))
    }
}

type Values = Box<[Box<str>]>;

/// One metric with its labelled children.
#[derive(Debug)]
pub(super) struct Family<C> {
    spec: &'static Spec,
    registry: Registry,
    bounds: Arc<Bounds>,
    hasher: RandomState,
    children: RwLock<HashMap<u64, Vec<(Values, C)>>>,
}

impl<C: Child> Family<C> {
    pub(super) fn new(spec: &'static Spec, registry: &Registry, bounds: &Arc<Bounds>) -> Self {
        let (registry, bounds) = (registry.clone(), Arc::clone(bounds));
        Self { spec, registry, bounds, hasher: RandomState::new(), children: RwLock::default() }
    }

    /// The child with these values, in the order of the specification's labels.
    pub(super) fn with(&self, values: &[&str]) -> C {
        self.find(values).unwrap_or_else(|| {
            let bounded = self.bounded(values);
            self.find(&bounded).unwrap_or_else(|| self.add(&bounded))
        })
    }

    fn find(&self, values: &[&str]) -> Option<C> {
        let children = self.children.read().unwrap_or_else(PoisonError::into_inner);
        pick(children.get(&self.hasher.hash_one(values))?, values)
    }

    fn bounded<'a>(&self, values: &[&'a str]) -> Vec<&'a str> {
        let full = self.children.read().unwrap_or_else(PoisonError::into_inner).len() >= MOST_CHILDREN;
        let admit = |(label, value): (&&'static str, &&'a str)| {
            if full && !value.is_empty() { OTHER } else { self.bounds.admit(label, value) }
        };
        self.spec.labels.iter().zip(values).map(admit).collect()
    }

    fn add(&self, values: &[&str]) -> C {
        let mut children = self.children.write().unwrap_or_else(PoisonError::into_inner);
        let bucket = children.entry(self.hasher.hash_one(values)).or_default();
        if let Some(child) = pick(bucket, values) {
            return child;
        }
        let labels = self.spec.labels.iter().zip(values).map(|(label, value)| (label.to_string(), value.to_string()));
        let child =
            C::create(self.spec, labels.collect()).expect("names and help in `names` are valid; tests make all");
        if let Err(error) = self.registry.register(Box::new(child.clone())) {
            tracing::warn!(metric = self.spec.name, %error, "a metric's child is not shown");
        }
        bucket.push((values.iter().map(|value| (*value).into()).collect(), child.clone()));
        child
    }
}

fn pick<C: Clone>(bucket: &[(Values, C)], values: &[&str]) -> Option<C> {
    bucket.iter().find(|(known, _)| same(known, values)).map(|(_, child)| child.clone())
}

/// Whether the texts are equal. Empty ones are told apart first: comparing them calls `memcmp` with dangling pointers,
/// and its AVX-512 form takes hundreds of cycles for a masked load from a page that is not there.
pub(super) fn same(known: &[Box<str>], values: &[&str]) -> bool {
    known.len() == values.len()
        && known.iter().zip(values).all(|(known, value)| {
            known.len() == value.len() && (value.is_empty() || known.as_bytes() == value.as_bytes())
        })
}

#[cfg(test)]
mod tests {
    use super::{super::names, *};

    fn attempts(others: usize) -> (Registry, Family<IntCounter>) {
        let registry = Registry::new();
        let family = Family::new(&names::ATTEMPTS, &registry, &Arc::new(Bounds::new(2, others)));
        (registry, family)
    }

    #[test]
    fn values_that_read_alike_when_joined_are_counted_apart() {
        let (_, family) = attempts(10);
        family.with(&["team1", "1"]).inc();
        family.with(&["team", "11"]).inc_by(5);
        assert_eq!(family.with(&["team1", "1"]).get(), 1);
        assert_eq!(family.with(&["team", "11"]).get(), 5);
    }

    #[test]
    fn values_beyond_the_bound_are_counted_as_other() {
        let (registry, family) = attempts(3);
        for number in 0..100 {
            family.with(&[&format!("backend-{number}"), "ok"]).inc();
        }
        assert_eq!(family.with(&["backend-1", "ok"]).get(), 1);
        assert_eq!(family.with(&[OTHER, "ok"]).get(), 97);
        assert_eq!(registry.gather()[0].get_metric().len(), 4);
    }

    #[test]
    fn a_bound_of_zero_switches_the_label_off() {
        let registry = Registry::new();
        let family: Family<IntCounter> = Family::new(&names::TOKENS, &registry, &Arc::new(Bounds::new(0, 10)));
        family.with(&["a", "p", "s1", "m", "b", "input"]).inc();
        family.with(&["a", "p", "s2", "m", "b", "input"]).inc();
        assert_eq!(family.with(&["a", "p", "", "m", "b", "input"]).get(), 2);
    }
}

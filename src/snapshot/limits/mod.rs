//! Limits of the configuration as counters: which rules a request falls under, and which counter of each is its.
//!
//! Rules are named `{kind}:{id}/{limit}`, such as `product:team/tokens_per_month`; `?per=…` and `?models=…` follow
//! where they differ from the default, `?n=2` for a second rule that is the same in all that. A name is stable over
//! changes of amounts, so that counters live on; it never holds `#`, which begins the counter's key. Whatever has a
//! known key is named at compile time: a request only clones it.

#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    sync::Arc,
    time::Duration,
};

use jiff::tz::TimeZone;

use crate::{
    limits::{self, Counted, Rule, Scope, Style, Window},
    model::{BackendId, SubscriptionId, UserId},
    settings::{
        self, LimitSet, Limits, ObjectKind, Settings,
        objects::{Per, Period, Quantity, Reserve, Unpriced},
    },
};

use super::{ApiEntry, ModelTarget, ProductEntry, SubscriptionEntry};

/// The key of calls that have none of their own kind: without a subscription, product or model. No identifier looks
/// like it.
const NOBODY: &str = "-";

/// One compiled limit of an object.
#[derive(Clone, Debug)]
pub struct Limited {
    /// The rule.
    pub rule: Arc<Rule>,
    /// By what its counters are told apart.
    pub per: Per,
}

/// The limits of an object: those whose counter is known, and those whose counter depends on the request.
#[derive(Clone, Debug, Default)]
pub struct Held {
    fixed: Arc<[Scope]>,
    open: Arc<[Limited]>,
}

/// Who takes part in a request.
#[derive(Clone, Copy)]
pub struct Parties<'a> {
    /// The API.
    pub api: &'a ApiEntry,
    /// Whose key; `None`: a call without.
    pub subscription: Option<&'a SubscriptionEntry>,
    /// Through which product: the subscription's, or the open one.
    pub product: Option<&'a ProductEntry>,
    /// The model that is to answer; `None`: a plain API.
    pub model: Option<&'a ModelTarget>,
    /// The backend that is to answer and its limits, where it has any.
    pub backend: Option<(&'a BackendId, &'a Held)>,
}

impl Parties<'_> {
    /// The counters of the request, product's first, then subscription's, user's, API's, model's and
    /// backend's. After a failover to another model or backend they are asked for again.
    #[must_use]
    pub fn scopes(&self) -> Vec<Scope> {
        let model = self.model.map(|model| &*model.name);
        let mut all = Vec::new();
        // What a subscription holds covers its product and user; a call without one falls under the product alone.
        match self.subscription {
            Some(subscription) => self.take(&subscription.limits, model, &mut all),
            None => self.product.into_iter().for_each(|product| self.take(&product.limits, model, &mut all)),
        }
        self.take(&self.api.limits, model, &mut all);
        self.model.into_iter().for_each(|target| self.take(&target.limits, model, &mut all));
        self.backend.into_iter().for_each(|(_, limits)| self.take(limits, model, &mut all));
        all
    }

    fn take(&self, held: &Held, model: Option<&str>, all: &mut Vec<Scope>) {
        all.extend(held.fixed.iter().filter(|scope| scope.rule().holds_for(model)).cloned());
        let open = held.open.iter().filter(|limited| limited.rule.holds_for(model));
        all.extend(open.filter_map(|limited| Some(Scope::new(limited.rule.clone(), self.key(limited.per)?))));
    }

    /// By what a counter is told apart; `None`: the limit is not about this request.
    fn key(&self, per: Per) -> Option<&str> {
        match per {
            Per::Subscription => Some(self.subscription.map_or(NOBODY, |subscription| subscription.id.as_str())),
            Per::Product => Some(self.product.map_or(NOBODY, |product| product.id.as_str())),
            Per::User => Some(self.subscription.map_or(NOBODY, |subscription| &subscription.payer)),
            Per::Api => Some(self.api.id.as_str()),
            Per::Model => self.model.map(|model| &*model.name),
            Per::Backend => self.backend.map(|(id, _)| id.as_str()),
        }
    }
}

/// Who pays for a subscription: its user, or itself. The second cannot be mistaken for a user's identifier.
pub(super) fn payer(id: &SubscriptionId, user: Option<&UserId>) -> Box<str> {
    user.map_or_else(|| format!("subscription:{id}").into(), |user| user.as_str().into())
}

impl Held {
    /// Splits limits by whether `known` gives the key of their counter.
    fn new(all: impl IntoIterator<Item = Limited>, known: impl Fn(Per) -> Option<String>) -> Self {
        let (mut fixed, mut open) = (Vec::new(), Vec::new());
        for limited in all {
            match known(limited.per) {
                Some(key) => fixed.push(Scope::new(limited.rule, &key)),
                None => open.push(limited),
            }
        }
        Self { fixed: fixed.into(), open: open.into() }
    }

    /// Counters that are known without a request.
    pub fn known(&self) -> impl Iterator<Item = &Scope> {
        self.fixed.iter()
    }

    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fixed.is_empty() && self.open.is_empty()
    }
}

/// The counters of all these that are known without a request, each once.
pub(super) fn distinct<'a>(held: impl Iterator<Item = &'a Held>) -> Vec<Scope> {
    let mut seen = HashSet::new();
    let known = held.flat_map(Held::known);
    known.filter(|scope| seen.insert(scope.account().clone())).cloned().collect()
}

/// Compiled limits of products and users, which subscriptions take over; made once per configuration.
pub(super) struct Compiled {
    products: HashMap<String, (Vec<Limited>, TimeZone)>,
    users: HashMap<UserId, Vec<Limited>>,
}

impl Compiled {
    pub(super) fn of(settings: &Settings) -> Self {
        let products = settings.products.iter().map(|product| {
            let zone = zone(product.time_zone.as_deref(), &TimeZone::UTC);
            let limited = limited(ObjectKind::Product, product.id.as_str(), &product.limits, &zone);
            (product.id.to_string(), (limited, zone))
        });
        let users = settings
            .users
            .iter()
            .map(|user| (user.id.clone(), limited(ObjectKind::User, user.id.as_str(), &user.limits, &TimeZone::UTC)));
        Self { products: products.collect(), users: users.collect() }
    }

    /// What calls through a product without a subscription fall under.
    pub(super) fn product(&self, product: &settings::Product) -> Held {
        let all = self.products.get(product.id.as_str()).map(|(limited, _)| limited.clone()).unwrap_or_default();
        Held::new(all, |per| match per {
            Per::Product => Some(product.id.to_string()),
            Per::Subscription | Per::User => Some(NOBODY.to_owned()),
            Per::Api | Per::Model | Per::Backend => None,
        })
    }

    /// What calls of a subscription fall under: the limits of its product, its own, those of its user.
    pub(super) fn subscription(&self, subscription: &settings::Subscription, product: Option<&str>) -> Held {
        let through = product.and_then(|product| self.products.get(product));
        let zone = through.map_or(TimeZone::UTC, |(_, zone)| zone.clone());
        let own = limited(ObjectKind::Subscription, subscription.id.as_str(), &subscription.limits, &zone);
        let user = subscription.user.as_ref().and_then(|user| self.users.get(user));
        let all = through.into_iter().flat_map(|(limited, _)| limited).cloned();
        let all = all.chain(own).chain(user.into_iter().flatten().cloned());
        Held::new(all, |per| match per {
            Per::Subscription => Some(subscription.id.to_string()),
            Per::Product => Some(product.unwrap_or(NOBODY).to_owned()),
            Per::User => Some(payer(&subscription.id, subscription.user.as_ref()).into()),
            Per::Api | Per::Model | Per::Backend => None,
        })
    }
}

/// What calls of an API fall under, whoever calls.
pub(super) fn of_api(api: &settings::Api) -> Held {
    let all = limited(ObjectKind::Api, api.id.as_str(), &api.limits, &TimeZone::UTC);
    Held::new(all, |per| (per == Per::Api).then(|| api.id.to_string()))
}

/// What calls of a model fall under, whoever calls.
pub(super) fn of_model(model: &settings::Model) -> Held {
    let all = limited(ObjectKind::Model, &model.name, &model.limits, &TimeZone::UTC);
    Held::new(all, |per| (per == Per::Model).then(|| model.name.clone()))
}

/// What calls at a backend fall under, whoever calls.
pub(super) fn of_backend(backend: &settings::Backend) -> Held {
    let all = limited(ObjectKind::Backend, backend.id.as_str(), &backend.limits, &TimeZone::UTC);
    Held::new(all, |per| (per == Per::Backend).then(|| backend.id.to_string()))
}

/// The limits of one object as rules, each with a name of its own.
fn limited(kind: ObjectKind, id: &str, limits: &Limits, zone: &TimeZone) -> Vec<Limited> {
    let mut names = HashSet::new();
    let mut all = Vec::new();
    for set in &limits.0 {
        let per = set.per.unwrap_or(settings::check::counters(kind)[0]);
        let shared = Shared::of(kind, id, set, per, zone);
        for (limit, counted, window, amount) in quantities(set, &shared.zone) {
            let name = unused(&mut names, |n| shared.name(&limit, n));
            all.push(Limited { rule: Arc::new(shared.rule(name, counted, window, amount)), per });
        }
    }
    all
}

/// The first name that is not taken.
fn unused(taken: &mut HashSet<String>, name: impl Fn(usize) -> String) -> String {
    let mut nth = 1;
    while !taken.insert(name(nth)) {
        nth += 1;
    }
    name(nth)
}

/// What the rules of a set have in common.
struct Shared<'a> {
    set: &'a LimitSet,
    prefix: String,
    query: Vec<String>,
    models: Option<Arc<[Arc<str>]>>,
    zone: TimeZone,
}

impl<'a> Shared<'a> {
    fn of(kind: ObjectKind, id: &str, set: &'a LimitSet, per: Per, product: &TimeZone) -> Self {
        let mut query = Vec::new();
        if per != settings::check::counters(kind)[0] {
            query.push(format!("per={per}"));
        }
        if let Some(models) = &set.models {
            let names: Vec<_> = models.iter().map(|model| escaped(model)).collect();
            query.push(format!("models={}", names.join(",")));
        }
        Self {
            set,
            prefix: format!("{}:{}", word(kind), escaped(id)),
            query,
            models: set.models.as_ref().map(|models| models.iter().map(|model| Arc::from(model.as_str())).collect()),
            zone: zone(set.time_zone.as_deref(), product),
        }
    }

    fn name(&self, limit: &str, nth: usize) -> String {
        let mut query = self.query.clone();
        if nth > 1 {
            query.push(format!("n={nth}"));
        }
        let mark = if query.is_empty() { "" } else { "?" };
        format!("{}/{limit}{mark}{}", self.prefix, query.join("&"))
    }

    fn rule(&self, name: String, counted: Counted, window: Window, limit: i64) -> Rule {
        let is_quota = matches!(window, Window::Calendar { .. });
        let alerts = if is_quota { self.set.alerts_for(counted == Counted::Nanos) } else { Vec::new() };
        Rule {
            reserve: match self.set.reserve {
                Reserve::Strict => limits::Reserve::Strict,
                Reserve::Adaptive => limits::Reserve::Adaptive,
                Reserve::After => limits::Reserve::After,
            },
            shadow: self.set.shadow || self.set.soft,
            models: self.models.clone(),
            min_output: u64::from(self.set.min_output),
            refuses_unpriced: self.set.unpriced == Unpriced::Refuse,
            refusal: Style::Limits,
            alerts: alerts.into(),
            ..Rule::new(name, counted, window, limit)
        }
    }
}

/// Each limit of a set with its name in the configuration.
fn quantities(set: &LimitSet, zone: &TimeZone) -> Vec<(String, Counted, Window, i64)> {
    let open = set.concurrency.map(|most| ("concurrency".to_owned(), Counted::Concurrency, Window::Open, most.into()));
    let amounts = set
        .amounts
        .0
        .iter()
        .map(|(key, amount)| (key.to_string(), counted(key.quantity), window(key.period, zone), *amount));
    amounts.chain(open).collect()
}

const fn counted(quantity: Quantity) -> Counted {
    match quantity {
        Quantity::Requests => Counted::Requests,
        Quantity::Tokens => Counted::Tokens,
        Quantity::InputTokens => Counted::InputTokens,
        Quantity::OutputTokens => Counted::OutputTokens,
        Quantity::Bandwidth => Counted::Bytes,
        Quantity::Budget => Counted::Nanos,
    }
}

fn window(period: Period, zone: &TimeZone) -> Window {
    let calendar = |period| Window::Calendar { period, zone: zone.clone() };
    match period {
        Period::Second => Window::Rolling(Duration::from_secs(1)),
        Period::Minute => Window::Rolling(Duration::from_mins(1)),
        Period::Hour => calendar(limits::Period::Hour),
        Period::Day => calendar(limits::Period::Day),
        Period::Week => calendar(limits::Period::Week),
        Period::Month => calendar(limits::Period::Month),
        Period::Year => calendar(limits::Period::Year),
    }
}

/// The zone of that name; settings were read with the same table of zones, so that it is known.
fn zone(name: Option<&str>, otherwise: &TimeZone) -> TimeZone {
    name.and_then(|name| TimeZone::get(name).ok()).unwrap_or_else(|| otherwise.clone())
}

const fn word(kind: ObjectKind) -> &'static str {
    match kind {
        ObjectKind::Api => "api",
        other => other.singular(),
    }
}

/// A name of the configuration inside a rule's name: what has a meaning there is written as `%` and two digits.
fn escaped(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '%' | '#' | '?' | '&' | ',') {
            write!(out, "%{:02X}", u32::from(c)).expect("writing to a string does not fail");
        } else {
            out.push(c);
        }
    }
    out
}

//! Rules of limits: amounts that let something through, counters that their object can have, models that exist.

use super::{Index, Report};
use crate::{
    model::WorkspaceId,
    settings::{
        LimitSet, Limits, ObjectKind, Settings,
        objects::{Per, Quantity},
    },
};

/// Checks the limits of all objects.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    let mut of = |kind: ObjectKind, at: usize, home: Option<&WorkspaceId>, limits: &Limits| {
        for (path, set) in sets(&format!("{}[{at}].limits", kind.plural()), limits) {
            self::set(kind, set, &path, report);
            models(kind, set, &path, home, (index, report));
        }
    };
    for (at, product) in settings.products.iter().enumerate() {
        of(ObjectKind::Product, at, product.workspace.as_ref(), &product.limits);
    }
    for (at, subscription) in settings.subscriptions.iter().enumerate() {
        of(ObjectKind::Subscription, at, subscription.workspace.as_ref(), &subscription.limits);
    }
    for (at, user) in settings.users.iter().enumerate() {
        of(ObjectKind::User, at, None, &user.limits);
    }
    for (at, api) in settings.apis.iter().enumerate() {
        of(ObjectKind::Api, at, api.workspace.as_ref(), &api.limits);
    }
    for (at, model) in settings.models.iter().enumerate() {
        of(ObjectKind::Model, at, model.workspace.as_ref(), &model.limits);
    }
    for (at, backend) in settings.backends.iter().enumerate() {
        of(ObjectKind::Backend, at, backend.workspace.as_ref(), &backend.limits);
    }
}

/// Each set with its path; the only one of a mapping has none of its own.
fn sets<'a>(path: &str, limits: &'a Limits) -> Vec<(String, &'a LimitSet)> {
    match limits.0.as_slice() {
        [one] => vec![(path.to_owned(), one)],
        many => many.iter().enumerate().map(|(at, set)| (format!("{path}[{at}]"), set)).collect(),
    }
}

/// Who can have a counter of their own under the limits of an object; the first is the default.
#[must_use]
pub fn counters(of: ObjectKind) -> &'static [Per] {
    match of {
        ObjectKind::Product => &[Per::Subscription, Per::Product, Per::User, Per::Api, Per::Model],
        ObjectKind::User => &[Per::User, Per::Subscription, Per::Api, Per::Model],
        ObjectKind::Api => &[Per::Api, Per::Subscription, Per::Product, Per::User, Per::Model],
        ObjectKind::Model => &[Per::Model, Per::Subscription, Per::Product, Per::User, Per::Api],
        ObjectKind::Backend => &[Per::Backend, Per::Subscription, Per::Product, Per::User, Per::Api, Per::Model],
        _ => &[Per::Subscription, Per::Api, Per::Model],
    }
}

fn set(kind: ObjectKind, set: &LimitSet, path: &str, report: &mut Report<'_>) {
    if set.amounts.0.is_empty() && set.concurrency.is_none() {
        report.error(path, "limits nothing; write a limit such as `tokens_per_month: 5M`, or remove it");
    }
    for (key, amount) in &set.amounts.0 {
        if *amount < 1 {
            let message = "0 would refuse every call; write a larger amount, or suspend the subscription";
            report.error(&format!("{path}.{key}"), message);
        } else if counts_answers(key.quantity) && *amount <= i64::from(set.min_output) {
            let message = format!("{amount} is not more than `min_output` ({}): every call is refused", set.min_output);
            report.warn(&format!("{path}.{key}"), message);
        }
    }
    if let Some(per) = set.per.filter(|per| !counters(kind).contains(per)) {
        let words: Vec<_> = counters(kind).iter().map(|per| per.word()).collect();
        let message = format!("`{per}` makes no sense on a {}; use {}", kind.singular(), words.join(", "));
        report.error(&format!("{path}.per"), message);
    }
    if set.soft && set.shadow {
        report.error(path, "either `soft` or `shadow`: both let pass, `soft` tells of it by `alerts`");
    }
    let told = set.alerts.as_ref().is_some_and(|alerts| !alerts.is_empty());
    if told && !set.amounts.0.keys().any(|key| !key.period.is_rolling()) {
        report.error(&format!("{path}.alerts"), "rates have no alerts; add a quota or budget of an hour or longer");
    }
}

fn counts_answers(quantity: Quantity) -> bool {
    matches!(quantity, Quantity::Tokens | Quantity::OutputTokens)
}

fn models(
    kind: ObjectKind,
    set: &LimitSet,
    path: &str,
    home: Option<&WorkspaceId>,
    (index, report): (&Index<'_>, &mut Report<'_>),
) {
    let Some(models) = &set.models else { return };
    let path = format!("{path}.models");
    if kind == ObjectKind::Model {
        report.error(&path, "the limits of a model are for that model; remove `models`");
        return;
    }
    if models.is_empty() {
        report.error(&path, "the list is empty: the limits would hold for no call; leave it out for all models");
    }
    for (at, model) in models.iter().enumerate() {
        index.refer(report, &format!("{path}[{at}]"), home, (ObjectKind::Model, model));
        if models[..at].contains(model) {
            report.error(&format!("{path}[{at}]"), format!("`{model}` is listed twice"));
        }
    }
}

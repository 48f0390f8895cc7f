//! Rules of subscriptions: one scope, keys that are good enough and nobody else's.

use std::collections::HashMap;

use super::{Index, Report};
use crate::{
    model::{Secret, SubscriptionKey},
    settings::{ObjectKind, Scope, Settings, Subscription},
};

/// Shortest key that a file may give, in characters.
const SHORTEST_KEY: usize = 16;
/// Longest key, in characters: no real one comes near, and it must fit a header.
const LONGEST_KEY: usize = 1024;

/// Checks all subscriptions.
pub fn check(settings: &Settings, index: &Index<'_>, report: &mut Report<'_>) {
    let mut owners = HashMap::new();
    for (at, subscription) in settings.subscriptions.iter().enumerate() {
        let path = format!("subscriptions[{at}]");
        index.workspace(report, &path, subscription.workspace.as_ref());
        scope(subscription, &path, index, report);
        people(subscription, &path, index, report);
        let declared = settings.origins.contains_key(&(ObjectKind::Subscription, subscription.id.to_string()));
        if declared && subscription.key.is_none() {
            let message = "`key` is missing: a subscription in a file has the key that the file gives it; \
                           to have one generated, run `tollgate keys create`";
            report.error(&path, message);
        }
        for (name, key) in [("key", &subscription.key), ("secondary_key", &subscription.secondary_key)] {
            let Some(key) = key else { continue };
            let at = format!("{path}.{name}");
            if let Some(message) = weakness(key) {
                report.error(&at, message);
            } else if let Some(first) = owners.insert(key.expose(), at.clone()) {
                let first = report.place(&first);
                report
                    .error(&at, format!("this key's value is used twice: first at {first}; every key must be its own"));
            }
        }
    }
}

fn scope(subscription: &Subscription, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    let home = subscription.workspace.as_ref();
    match (&subscription.product, &subscription.scope) {
        (Some(_), Some(_)) => report.error(path, "either `product` or `scope`, not both"),
        (None, None) => report.error(path, "what does it give access to? Write `product`, or `scope: api:ID` or `all`"),
        (Some(id), None) => {
            index.refer(report, &format!("{path}.product"), home, (ObjectKind::Product, id.as_str()));
        }
        (None, Some(Scope::Product(id))) => {
            index.refer(report, &format!("{path}.scope"), home, (ObjectKind::Product, id.as_str()));
        }
        (None, Some(Scope::Api(id))) => {
            index.refer(report, &format!("{path}.scope"), home, (ObjectKind::Api, id.as_str()));
        }
        (None, Some(Scope::All)) => {}
    }
}

fn people(subscription: &Subscription, path: &str, index: &Index<'_>, report: &mut Report<'_>) {
    let home = subscription.workspace.as_ref();
    if let Some(user) = &subscription.user {
        index.refer(report, &format!("{path}.user"), home, (ObjectKind::User, user.as_str()));
    }
    for (at, model) in subscription.models.iter().flatten().enumerate() {
        index.refer(report, &format!("{path}.models[{at}]"), home, (ObjectKind::Model, model));
    }
}

/// Why a key cannot be used; never repeats it.
fn weakness(key: &Secret) -> Option<String> {
    let text = key.expose();
    if !(SHORTEST_KEY..=LONGEST_KEY).contains(&text.len()) {
        return Some(format!("the key has {} characters; {SHORTEST_KEY} to {LONGEST_KEY} are needed", text.len()));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some(
            "the key contains spaces or characters that are not plain ASCII; a header could not carry it".into(),
        );
    }
    let plausible = SubscriptionKey::is_plausible(text);
    (!plausible).then(|| "the key begins with `tg_` but its checksum is wrong: was a character lost?".into())
}

//! What settings mean together: references, exclusive choices, rules of each kind of backend.
//!
//! Each file checks its nouns; the shapes of single values are `settings::read`'s matter.

mod api;
mod backend;
mod cache;
mod caching;
mod ledger;
mod limits;
mod outside;
mod pool;
mod price;
mod product;
mod references;
mod server;
mod subscription;
mod text;

#[cfg(test)]
mod metering_tests;

use std::collections::HashSet;

use super::{
    Object, ObjectKind, Origin, Problem, Settings,
    load::split,
    read::{Reader, Rules, shape},
};
use crate::document::Node;
pub use ledger::signing_key;
pub use limits::counters;
use references::Index;

/// Everything that is wrong with settings that were read well: references to nothing, choices that exclude each
/// other, rules of each kind. Positions come from [`Settings::origins`]; objects without one are named by id.
#[must_use]
pub fn check(settings: &Settings) -> Vec<Problem> {
    let unread = HashSet::new();
    let mut report = Report::new(&unread, Box::new(|path| locate(settings, path)));
    run(settings, &mut report);
    report.problems
}

/// Reads one object as the admin API receives it. Texts are taken literally: nothing is expanded, and files of the
/// machine may not be named.
///
/// # Errors
/// Every problem found: unknown fields with the likely one, wrong types, values out of range. What the object
/// means among the others is checked by [`check`] on the settings that contain it.
pub fn object_from_json(kind: ObjectKind, value: &serde_json::Value) -> Result<Object, Vec<Problem>> {
    let mut reader = Reader::new(Rules::Request);
    let read = reader.read(&Node::from_json(value), shape::object(kind), "");
    match read.map(|value| Object::decode(kind, value)) {
        Some(Ok(object)) => Ok(object),
        Some(Err(error)) => Err(vec![Problem::new("", error.to_string())]),
        None => Err(reader.found.into_iter().map(|found| Problem::new(found.path, found.message)).collect()),
    }
}

type Locate<'a> = Box<dyn Fn(&str) -> (Option<Origin>, String) + 'a>;

/// Collects what the checks find.
pub struct Report<'a> {
    /// What is wrong.
    pub problems: Vec<Problem>,
    /// What is odd but allowed.
    pub warnings: Vec<Problem>,
    unread: &'a HashSet<(ObjectKind, String)>,
    locate: Locate<'a>,
}

impl<'a> Report<'a> {
    /// An empty report. `unread` are objects that exist but could not be read; `locate` gives a setting's origin
    /// and the path to show.
    pub fn new(unread: &'a HashSet<(ObjectKind, String)>, locate: Locate<'a>) -> Self {
        Self { problems: Vec::new(), warnings: Vec::new(), unread, locate }
    }

    fn error(&mut self, path: &str, message: impl Into<String>) {
        let problem = self.problem(path, message);
        self.problems.push(problem);
    }

    fn warn(&mut self, path: &str, message: impl Into<String>) {
        let problem = self.problem(path, message);
        self.warnings.push(problem);
    }

    fn problem(&self, path: &str, message: impl Into<String>) -> Problem {
        let (origin, path) = (self.locate)(path);
        Problem::new(path, message).at(origin)
    }

    /// Where a setting stands, for messages: file, line and column, or its path.
    fn place(&self, path: &str) -> String {
        let (origin, path) = (self.locate)(path);
        origin.map_or(path, |origin| origin.to_string())
    }

    fn is_unread(&self, kind: ObjectKind, id: &str) -> bool {
        self.unread.iter().any(|(unread, name)| *unread == kind && name == id)
    }
}

/// Runs all checks.
pub fn run(settings: &Settings, report: &mut Report<'_>) {
    let index = Index::of(settings);
    references::duplicates(settings, report);
    server::check(&settings.server, report);
    backend::check(settings, &index, report);
    pool::check(settings, &index, report);
    api::check(settings, &index, report);
    product::check(settings, &index, report);
    subscription::check(settings, &index, report);
    limits::check(settings, &index, report);
    price::check(settings, &index, report);
    outside::check(settings, report);
    ledger::check(&settings.server, report);
    caching::check(settings, report);
}

/// Without a file's tree, the object is the nearest thing whose place is known.
fn locate(settings: &Settings, path: &str) -> (Option<Origin>, String) {
    let Some((kind, index, rest)) = split(path) else { return (None, path.to_owned()) };
    let Some(id) = settings.id_at(kind, index) else { return (None, path.to_owned()) };
    match settings.origins.get(&(kind, id.to_owned())) {
        Some(origin) => (Some(origin.clone()), path.to_owned()),
        None => (None, format!("{}[{id}]{rest}", kind.plural())),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::settings::{Settings, quick_start};

    #[test]
    fn every_object_reads_back_what_was_stored() {
        let mut settings = quick_start();
        let rows = [
            (ObjectKind::Workspace, json!({"id": "w"})),
            (ObjectKind::Group, json!({"id": "g", "title": "G"})),
            (ObjectKind::User, json!({"id": "u", "groups": ["g"]})),
            (
                ObjectKind::Backend,
                json!({
                    "id": "b", "kind": "openai", "key": "${NOT_EXPANDED}", "http": "1.1",
                    "circuit_breaker": [{"percentage": 5, "interval": "1m", "open_for": "30s", "on": [429, "5xx"]}],
                    "health": {"path": "/h"}, "headers": {"x-a": "b"},
                }),
            ),
            (ObjectKind::Pool, json!({"id": "p", "members": [{"backend": "b"}], "session_affinity": "header:x-user"})),
            (
                ObjectKind::Model,
                json!({"name": "m", "pool": "p", "max_output_tokens": 4096, "limits": {"concurrency": 1},
                       "price": {"input": "1 USD", "output": "2 USD per 1M"}}),
            ),
            (
                ObjectKind::Api,
                json!({"id": "a", "kind": "http", "path": "/a", "pool": "p", "key_names": {"header": "x"},
                       "operations": [{"id": "o", "method": "GET", "path": "/{id}"}]}),
            ),
            (
                ObjectKind::Product,
                json!({"id": "d", "apis": ["a"], "approval": "required", "time_zone": "Europe/Berlin",
                       "limits": [{"tokens_per_month": "5M", "per": "product"}, {"budget_per_day": "1 USD", "soft": true}]}),
            ),
            (
                ObjectKind::Subscription,
                json!({"id": "s", "scope": "product:d", "expires": "2027-01-31T23:59:59Z", "state": "suspended",
                       "metadata": {"cost_centre": "1"}, "user": "u",
                       "limits": {"requests_per_minute": 5, "models": ["m"], "min_output": 1, "alerts": []}}),
            ),
            (
                ObjectKind::Price,
                json!({"id": "p", "model": "m", "valid_from": "2026-01-01", "input": "1 USD", "output": "2 USD",
                       "long_prompt": {"above": "200k", "input": "2 USD"}, "batch_discount": 50}),
            ),
            (ObjectKind::Certificate, json!({"id": "c", "pem": "text", "key": "text"})),
            (
                ObjectKind::TokenSource,
                json!({"id": "t", "resources": ["https://a.test"], "token_url": "https://b.test/token", "client_id": "c",
                       "client_secret": "s", "client_auth": "basic", "scope": "{resource}/.default",
                       "parameters": {"audience": "x"}, "margin": "2m"}),
            ),
            (ObjectKind::Logger, json!({"id": "l", "url": "https://c.test", "headers": {"x-key": "k"}, "batch": 5})),
        ];
        for (kind, value) in rows {
            let object = object_from_json(kind, &value).unwrap_or_else(|problems| panic!("{value}: {problems:?}"));
            assert_eq!(object_from_json(kind, &object.to_json()), Ok(object.clone()), "{value}");
            settings.insert(object);
        }
        assert_eq!(check(&settings), []);
        assert_eq!(check(&Settings::default()), []);
    }

    #[test]
    fn bad_objects_of_the_admin_api_are_refused_with_all_reasons() {
        let rows = [
            (ObjectKind::Group, json!([]), vec!["expected a mapping, found a list"]),
            (
                ObjectKind::Backend,
                json!({"id": "a b", "kind": "http", "timeout": 1, "tls": {"ca": "/etc/passwd"}, "limit": {}}),
                vec![
                    "id: `a b` is not an identifier: up to 80 letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
                    "limit: unknown field `limit`; did you mean `limits`?",
                    "timeout: unknown field `timeout`; did you mean `timeouts`?",
                    "tls.ca: a file of this machine can only be named in its configuration file",
                ],
            ),
            (
                ObjectKind::Product,
                json!({"id": "p", "apis": "a", "limits": {"token_per_month": 1, "reserve": "lazy"}}),
                vec![
                    "apis: expected a list, found text",
                    "limits.reserve: `lazy` is not one of strict, adaptive, after",
                    "limits.token_per_month: unknown field `token_per_month`; did you mean `tokens_per_month`?",
                ],
            ),
        ];
        for (kind, value, wanted) in rows {
            let problems = object_from_json(kind, &value).expect_err("bad");
            let mut lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
            lines.sort();
            assert_eq!(lines, wanted, "{value}");
        }
    }
}

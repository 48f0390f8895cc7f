//! For whom and for what an answer is asked: what tells answers apart, as keys of bounded length.

use http::{HeaderMap, HeaderName, header};
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::Rules;

/// A key.
pub type Digest = [u8; 32];

/// Headers by which a request may tell a backend that it is another one than it looks: they always tell answers apart,
/// so that nobody can have an answer kept under a wrong name (web cache poisoning).
const IN_DISGUISE: [HeaderName; 7] = [
    HeaderName::from_static("x-http-method-override"),
    HeaderName::from_static("x-http-method"),
    HeaderName::from_static("x-method-override"),
    HeaderName::from_static("x-original-url"),
    HeaderName::from_static("x-rewrite-url"),
    HeaderName::from_static("x-forwarded-prefix"),
    HeaderName::from_static("forwarded"),
];

/// Headers of the caller's own credentials.
pub const CREDENTIALS: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// What is asked for.
pub struct Asked {
    /// The path of an API: all its answers are forgotten together.
    pub resource: Digest,
    /// What tells its answers apart, but for what they themselves say they vary by.
    pub base: Digest,
    /// Headers of the request, for what answers vary by.
    pub headers: HeaderMap,
}

/// What a request is told apart by.
pub struct Parts<'a> {
    /// The API.
    pub api: &'a str,
    /// Who answers, and how it is spoken to.
    pub target: &'a str,
    /// Scheme and authority that the caller used: backends make links of them.
    pub origin: &'a str,
    /// Path as the backend gets it.
    pub path: &'a str,
    /// Query as the backend gets it.
    pub query: &'a str,
    /// Whose answers they are.
    pub partition: &'a str,
    /// Headers as the backend gets them.
    pub headers: &'a HeaderMap,
}

impl Asked {
    /// What is asked for, by these rules.
    #[must_use]
    pub fn new(parts: &Parts<'_>, rules: &Rules) -> Self {
        let mut key = Key::new("answer");
        for part in [parts.target, parts.origin, parts.partition] {
            key.add(part.as_bytes());
        }
        match &rules.query {
            None => key.add(parts.query.as_bytes()),
            Some(names) => key.add(selected(parts.query, names).as_bytes()),
        }
        let credentials = CREDENTIALS.iter().filter(|_| rules.allow_authorization);
        for name in rules.headers.iter().chain(&IN_DISGUISE).chain(credentials) {
            key.header(name, parts.headers);
        }
        Self { resource: resource(parts.api, parts.path), base: key.finish(), headers: parts.headers.clone() }
    }
}

/// The key of a path of an API.
#[must_use]
pub fn resource(api: &str, path: &str) -> Digest {
    let mut key = Key::new("resource");
    key.add(api.as_bytes());
    key.add(path.as_bytes());
    key.finish()
}

/// The key of one answer among those of a resource: `generation` changes when all of them are forgotten.
#[must_use]
pub fn variant<'n>(asked: &Asked, generation: u64, varies_by: impl IntoIterator<Item = &'n HeaderName>) -> Digest {
    let mut key = Key::new("variant");
    key.add(&asked.resource);
    key.add(&asked.base);
    key.add(&generation.to_le_bytes());
    for name in varies_by {
        key.header(name, &asked.headers);
    }
    key.finish()
}

/// The parameters of a query that count, in the order in which they stand.
fn selected(query: &str, names: &[String]) -> String {
    let mut selected = form_urlencoded::Serializer::new(String::new());
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        if names.iter().any(|known| *known == name) {
            selected.append_pair(&name, &value);
        }
    }
    selected.finish()
}

/// A key under construction: each part with its length, so that no two lists of parts read the same.
struct Key(Sha256);

impl Key {
    fn new(purpose: &str) -> Self {
        let mut key = Self(Sha256::new());
        key.add(purpose.as_bytes());
        key
    }

    fn add(&mut self, part: &[u8]) {
        self.0.update(part.len().to_le_bytes());
        self.0.update(part);
    }

    /// All values of a header with how many there are; none is told apart from an empty one.
    fn header(&mut self, name: &HeaderName, headers: &HeaderMap) {
        self.add(name.as_str().as_bytes());
        let values = headers.get_all(name);
        self.0.update(values.iter().count().to_le_bytes());
        for value in values {
            self.add(value.as_bytes());
        }
    }

    fn finish(self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::settings::HttpCache;

    fn rules(change: impl FnOnce(&mut HttpCache)) -> Rules {
        let mut settings = HttpCache::default();
        change(&mut settings);
        Rules::of(&settings).expect("enabled")
    }

    fn key(rules: &Rules, query: &str, lines: &[(&'static str, &'static str)]) -> Digest {
        let pair = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        let headers = lines.iter().map(pair).collect();
        let (target, origin, partition) = ("svc", "http://a", "team-a");
        let parts = Parts { api: "a", target, origin, path: "/x", query, partition, headers: &headers };
        Asked::new(&parts, rules).base
    }

    #[test]
    fn what_tells_answers_apart() {
        let usual = rules(|_| {});
        let is_same = |rules: &Rules, one: &[(&'static str, &'static str)], other: &[(&'static str, &'static str)]| {
            key(rules, "", one) == key(rules, "", other)
        };
        assert!(is_same(&usual, &[("x-any", "1")], &[("x-any", "2")]));
        assert!(!is_same(&usual, &[("accept", "a")], &[("accept", "b")]));
        assert!(!is_same(&usual, &[("accept", "")], &[]), "none and an empty one");
        assert!(!is_same(&usual, &[("x-http-method-override", "DELETE")], &[]));
        assert!(is_same(&usual, &[("authorization", "a")], &[("authorization", "b")]));
        let personal = rules(|cache| cache.allow_authorization = true);
        assert!(!is_same(&personal, &[("authorization", "a")], &[("authorization", "b")]));
        assert!(!is_same(&personal, &[("cookie", "a")], &[]));
        assert_ne!(key(&usual, "a=1&b=2", &[]), key(&usual, "b=2&a=1", &[]), "as it is written");
        let by_query = rules(|cache| cache.vary_by.query = Some(vec!["a".to_owned()]));
        assert_eq!(key(&by_query, "a=1&b=2", &[]), key(&by_query, "b=3&%61=1", &[]));
        assert_ne!(key(&by_query, "a=1", &[]), key(&by_query, "a=2", &[]));
        assert_ne!(resource("a", "b/c"), resource("a/b", "c"));
    }
}

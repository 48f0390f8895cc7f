//! Host, path and version to API and operation.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, Method};

use crate::{
    cache::http::Rules,
    model::{ApiId, OperationId, WorkspaceId},
    openapi::{Match, Templates},
    outbound::Pool,
    settings::{
        ApiKind,
        objects::{KeyNames, VersionScheme},
    },
};

use super::{Held, ProductEntry};

/// A compiled API.
pub struct ApiEntry {
    /// Identifier.
    pub id: ApiId,
    /// Model surfaces or any HTTP.
    pub kind: ApiKind,
    /// Path prefix without a slash at its end; empty for `/`. Includes the version of scheme `path`.
    pub prefix: String,
    /// Hosts it answers to, lower case; empty: all.
    pub hosts: Vec<String>,
    /// The version asked for in a header or query parameter.
    pub version: Option<VersionAsked>,
    /// Its operations; `None`: everything passes.
    pub operations: Option<Templates>,
    /// Who answers an http API.
    pub pool: Option<Arc<Pool>>,
    /// Whether calls without a key pass, and through which open product.
    pub open: Option<OpenAccess>,
    /// Own names of the key's places.
    pub key_names: Option<KeyNames>,
    /// What its calls fall under, whoever calls.
    pub limits: Held,
    /// Its owner; `None`: shared.
    pub workspace: Option<WorkspaceId>,
    /// By which rules answers are kept; `None`: none are.
    pub cache: Option<Arc<Rules>>,
    /// The same for operations that have rules of their own.
    pub operation_caches: HashMap<OperationId, Option<Arc<Rules>>>,
}

/// How calls without a key pass.
#[derive(Clone, Debug)]
pub struct OpenAccess {
    /// Through this product; `None`: the API itself is open.
    pub product: Option<Arc<ProductEntry>>,
}

/// A version that a request must ask for.
pub struct VersionAsked {
    /// Header or query.
    pub scheme: VersionScheme,
    /// Name of the header or query parameter.
    pub name: String,
    /// The version.
    pub version: String,
}

impl VersionAsked {
    fn is_asked(&self, query: Option<&str>, headers: &HeaderMap) -> bool {
        match self.scheme {
            VersionScheme::Header => headers.get(&self.name).is_some_and(|v| v.as_bytes() == self.version.as_bytes()),
            VersionScheme::Query => query.is_some_and(|query| {
                url::form_urlencoded::parse(query.as_bytes()).any(|(k, v)| k == self.name && v == self.version)
            }),
            VersionScheme::Path => true,
        }
    }
}

impl ApiEntry {
    fn answers(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|own| own.eq_ignore_ascii_case(host))
    }

    fn rank(&self, host: &str, query: Option<&str>, headers: &HeaderMap) -> Option<u8> {
        if !self.answers(host) {
            return None;
        }
        let versioned = match &self.version {
            Some(version) if !version.is_asked(query, headers) => return None,
            Some(_) => 1,
            None => 0,
        };
        Some(versioned + if self.hosts.is_empty() { 0 } else { 2 })
    }

    /// By which rules answers of an operation are kept; `None`: none are.
    #[must_use]
    pub fn cache_rules(&self, operation: Option<&OperationId>) -> Option<Arc<Rules>> {
        let own = operation.and_then(|operation| self.operation_caches.get(operation));
        own.unwrap_or(&self.cache).clone()
    }

    /// Which operation a call of this API is; `None`: the API names no operations, everything passes.
    #[must_use]
    pub fn operation(&self, method: &Method, below: &str) -> Option<Match<'_>> {
        self.operations.as_ref().map(|templates| templates.lookup(method.as_str(), below))
    }
}

/// What a request's host and path lead to.
pub struct Matched {
    /// The API.
    pub api: Arc<ApiEntry>,
    /// How many bytes of the path are the API's prefix.
    pub prefix_len: usize,
}

/// All APIs of a snapshot, by path prefix.
#[derive(Default)]
pub struct ApiTable {
    by_prefix: HashMap<String, Vec<Arc<ApiEntry>>>,
}

impl ApiTable {
    /// Builds the table.
    #[must_use]
    pub fn new(entries: Vec<Arc<ApiEntry>>) -> Self {
        let mut by_prefix: HashMap<String, Vec<_>> = HashMap::new();
        for entry in entries {
            by_prefix.entry(entry.prefix.clone()).or_default().push(entry);
        }
        Self { by_prefix }
    }

    /// The API with the longest prefix of whole path segments that answers to `host` (without port) and the
    /// version asked for; one that names its host or version goes before one that does not.
    #[must_use]
    pub fn find(&self, host: &str, path: &str, query: Option<&str>, headers: &HeaderMap) -> Option<Matched> {
        prefixes(path).find_map(|prefix| {
            let candidates = self.by_prefix.get(prefix)?;
            let ranked = candidates.iter().filter_map(|api| Some((api.rank(host, query, headers)?, api)));
            let (_, api) = ranked.max_by_key(|(rank, _)| *rank)?;
            Some(Matched { api: api.clone(), prefix_len: prefix.len() })
        })
    }

    /// All APIs.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<ApiEntry>> {
        self.by_prefix.values().flatten()
    }
}

/// The path itself and then every shorter prefix that ends before a slash, down to the empty one.
fn prefixes(path: &str) -> impl Iterator<Item = &str> {
    let whole = path.strip_suffix('/').unwrap_or(path);
    let mut next = Some(whole);
    std::iter::from_fn(move || {
        let current = next?;
        next = current.rfind('/').map(|slash| &current[..slash]);
        Some(current)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_shrink_by_whole_segments() {
        let all = |path| prefixes(path).collect::<Vec<_>>();
        assert_eq!(all("/a/b/c"), ["/a/b/c", "/a/b", "/a", ""]);
        assert_eq!(all("/a/"), ["/a", ""]);
        assert_eq!(all("/"), [""]);
    }

    fn entry(id: &str, prefix: &str, hosts: &[&str], version: Option<(&str, VersionScheme)>) -> Arc<ApiEntry> {
        Arc::new(ApiEntry {
            id: id.into(),
            kind: ApiKind::Http,
            prefix: prefix.to_owned(),
            hosts: hosts.iter().map(ToString::to_string).collect(),
            version: version.map(|(version, scheme)| VersionAsked {
                scheme,
                name: "api-version".into(),
                version: version.into(),
            }),
            operations: None,
            pool: None,
            open: None,
            key_names: None,
            limits: Held::default(),
            workspace: None,
            cache: None,
            operation_caches: HashMap::new(),
        })
    }

    #[test]
    fn the_longest_prefix_then_the_most_specific_wins() {
        let table = ApiTable::new(vec![
            entry("root", "", &[], None),
            entry("orders", "/orders", &[], None),
            entry("orders-v2", "/orders", &[], Some(("v2", VersionScheme::Query))),
            entry("orders-v3", "/orders", &[], Some(("v3", VersionScheme::Header))),
            entry("orders-host", "/orders", &["b.example.org"], None),
            entry("deep", "/orders/archive", &["a.example.org"], None),
        ]);
        let mut v3 = HeaderMap::new();
        v3.insert("api-version", "v3".parse().expect("value"));
        let none = HeaderMap::new();
        let cases: [(&str, &str, Option<&str>, &HeaderMap, &str); 9] = [
            ("x", "/", None, &none, "root"),
            ("x", "/ordersx", None, &none, "root"),
            ("x", "/orders", None, &none, "orders"),
            ("x", "/orders/1", None, &none, "orders"),
            ("x", "/orders/1", Some("api-version=v2"), &none, "orders-v2"),
            ("x", "/orders/1", Some("api-version=v9"), &none, "orders"),
            ("x", "/orders/1", None, &v3, "orders-v3"),
            ("B.example.org", "/orders/1", None, &none, "orders-host"),
            ("x", "/orders/archive/1", None, &none, "orders"),
        ];
        for (host, path, query, headers, wanted) in cases {
            let found = table.find(host, path, query, headers).expect(path);
            assert_eq!(found.api.id.as_str(), wanted, "{host} {path} {query:?}");
        }
    }
}

//! Configurations with policy documents.

use std::fmt::Write as _;

/// A plain API `orders` at `/orders`, on backend `svc`, that needs no product of its own; `policy` is its document.
pub fn orders(policy: &str) -> String {
    format!("backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\n{}", api("orders", "backend: svc", policy))
}

/// The `apis` section with one plain API `id` at `/id`; `more` are further fields of it.
pub fn api(id: &str, more: &str, policy: &str) -> String {
    format!("apis:\n  - id: {id}\n    kind: http\n    path: /{id}\n    {more}\n    policy: {}\n", block(6, policy))
}

/// The models API at `/`, with a document.
pub fn models(policy: &str) -> String {
    format!("apis:\n  - id: models\n    kind: models\n    path: /\n    policy: {}\n", block(6, policy))
}

/// The document for all of the gateway.
pub fn global(policy: &str) -> String {
    format!("policies:\n  global: {}\n", block(4, policy))
}

/// Text as a block scalar, its lines indented by so many spaces.
pub fn block(indent: usize, text: &str) -> String {
    let mut block = "|".to_owned();
    for line in text.trim_end().lines() {
        write!(block, "\n{:indent$}{line}", "").expect("memory");
    }
    block
}

/// A document with these sections.
pub fn document(inbound: &str, backend: &str, outbound: &str, on_error: &str) -> String {
    format!(
        "<policies>\n<inbound>{inbound}</inbound>\n<backend>{backend}</backend>\n<outbound>{outbound}</outbound>\n\
         <on-error>{on_error}</on-error>\n</policies>"
    )
}

/// A document with this inbound section, all else inherited.
pub fn inbound(inbound: &str) -> String {
    format!("<policies>\n<inbound>\n<base />\n{inbound}\n</inbound>\n</policies>")
}

/// A document with this outbound section, all else inherited.
pub fn outbound(outbound: &str) -> String {
    format!("<policies>\n<outbound>\n<base />\n{outbound}\n</outbound>\n</policies>")
}

/// A document with this backend section, all else inherited.
pub fn backend(backend: &str) -> String {
    format!("<policies>\n<backend>\n{backend}\n</backend>\n</policies>")
}

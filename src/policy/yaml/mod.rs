//! The YAML spelling of policy documents: the same elements as in XML, in both directions.
//!
//! ```yaml
//! inbound:
//!   - base                                  # an element alone is a word
//!   - set-method: POST                      # an element with text only
//!   - set-header:                           # attributes are keys with one value,
//!       name: x-team
//!       exists-action: override
//!       value: [a, b]                       # child elements are keys with lists (or mappings)
//!   - choose:                               # elements in an order are a list,
//!       - when:
//!           condition: '@(context.Request.Method == "GET")'
//!           do:                             # under `do` beside attributes
//!             - return-response:
//!   - set-body:
//!       template: liquid
//!       text: "..."                         # text beside attributes
//!   - <set-status code="200" reason="OK" /> # any statement may be XML
//! ```
//!
//! Lives here: the tables of words that both directions share. Comments of XML become comments of YAML; comments of
//! YAML are lost, because the reader of documents does not keep them.

mod quote;
mod read;
mod spans;
mod write;

pub(super) use read::{Reader, parse};
pub(super) use write::write;

/// The children of an element that has attributes too, in order.
const DO: &str = "do";
/// The text of an element that has attributes too.
const TEXT: &str = "text";
/// The content of an element as XML.
const XML: &str = "xml";

/// Elements whose children are statements, in an order that counts.
const CONTAINERS: &[&str] = &[
    "policies",
    "fragment",
    "inbound",
    "backend",
    "outbound",
    "on-error",
    "choose",
    "when",
    "otherwise",
    "retry",
    "wait",
    "limit-concurrency",
    "return-response",
];

/// Child elements that hold text only and are no attributes of these elements, so that one of them may be written as a
/// key with one value, `set-url: https://...`, where a list would have to stand otherwise.
const PARTS: &[(&str, &[&str])] = &[
    ("allowed-headers", &["header"]),
    ("allowed-methods", &["method"]),
    ("allowed-origins", &["origin"]),
    ("audiences", &["audience"]),
    ("backend-application-ids", &["application-id"]),
    ("blocklists", &["id"]),
    ("cache-lookup", &["vary-by-header", "vary-by-query-parameter"]),
    ("check-header", &["value"]),
    ("claim", &["value"]),
    ("client-application-ids", &["application-id"]),
    ("decryption-keys", &["key"]),
    ("expose-headers", &["header"]),
    ("ip-filter", &["address"]),
    ("issuer-signing-keys", &["key"]),
    ("issuers", &["issuer"]),
    ("llm-semantic-cache-lookup", &["vary-by"]),
    ("azure-openai-semantic-cache-lookup", &["vary-by"]),
    ("send-one-way-request", &["set-url", "set-method", "set-body"]),
    ("send-request", &["set-url", "set-method", "set-body"]),
    ("set-header", &["value"]),
    ("set-query-parameter", &["value"]),
    ("trace", &["message"]),
];

/// Whether a key with one value is a child element of this one, and not an attribute.
fn is_part(element: &str, key: &str) -> bool {
    PARTS.iter().any(|(name, parts)| *name == element && parts.contains(&key))
}

#[cfg(test)]
mod tests;

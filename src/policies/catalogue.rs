//! Every policy there is: one line each. The table of its attributes and children drives the check at load, the
//! manual page and the compliance suite; what it means is in the policy's own file.

use super::{
    Policy, Reading, authentication_basic, authentication_certificate, authentication_managed_identity, cache_lookup,
    cache_lookup_value, cache_remove_value, cache_store, cache_store_value, cache_value, check_header, choose,
    content_safety, cors, cross_domain, emit_metric, find_and_replace, forward_request, get_authorization_context,
    include_fragment, ip_filter, json_to_xml, jsonp, limit_concurrency, llm_semantic_cache_lookup,
    llm_semantic_cache_store, log_to_eventhub, mock_response, proxy, quota, rate_limit, redirect_content_urls, retry,
    return_response, rewrite_uri, send_one_way_request, send_request, send_service_bus_message, set_backend_service,
    set_body, set_header, set_method, set_query_parameter, set_status, set_variable, token_limit, token_metric, trace,
    validate_azure_ad_token, validate_client_certificate, validate_content, validate_headers, validate_jwt,
    validate_odata_request, validate_parameters, validate_status_code, wait, xml_to_json, xsl_transform,
};
use crate::policy::Section;

/// A policy as the catalogue knows it.
pub struct Entry {
    /// The element's name.
    pub name: &'static str,
    /// Other names of the same element, such as `azure-openai-token-limit`.
    pub aliases: &'static [&'static str],
    /// Sections where it may stand.
    pub sections: Sections,
    /// Its attributes; `id` goes without saying.
    pub attributes: &'static [AttributeEntry],
    /// Its children.
    pub children: &'static [ElementEntry],
    /// What else is inside it.
    pub content: Content,
    /// What it does, for the manual page: Markdown.
    pub manual: &'static str,
    /// A complete example: compiles, and round-trips.
    pub example: &'static str,
    /// Makes the policy of an element that fits the table; `None` when a trouble was noted.
    pub build: fn(&mut Reading<'_, '_>) -> Option<Box<dyn Policy>>,
}

/// Sections where a policy may stand.
pub type Sections = &'static [Section];

/// Any section.
pub const ANYWHERE: Sections = &Section::ALL;
/// Before the backend.
pub const INBOUND: Sections = &[Section::Inbound];
/// Where the request can still be changed.
pub const REQUEST: Sections = &[Section::Inbound, Section::Backend];
/// After the backend.
pub const OUTBOUND: Sections = &[Section::Outbound];
/// Where there is an answer.
pub const ANSWER: Sections = &[Section::Outbound, Section::OnError];
/// Everywhere but around sending.
pub const AROUND: Sections = &[Section::Inbound, Section::Outbound, Section::OnError];

/// An attribute.
pub struct AttributeEntry {
    /// Name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Value when it is not there; for the manual.
    pub default: Option<&'static str>,
    /// Whether an expression may stand for the value.
    pub dynamic: bool,
    /// The values that there are; empty: any.
    pub values: &'static [&'static str],
    /// What it says, for the manual.
    pub text: &'static str,
}

impl AttributeEntry {
    /// One that must be there.
    #[must_use]
    pub const fn required(name: &'static str, text: &'static str) -> Self {
        Self { name, required: true, default: None, dynamic: false, values: &[], text }
    }

    /// One that may be left out.
    #[must_use]
    pub const fn optional(name: &'static str, default: &'static str, text: &'static str) -> Self {
        Self { name, required: false, default: Some(default), dynamic: false, values: &[], text }
    }

    /// One that may be left out, without a default.
    #[must_use]
    pub const fn absent(name: &'static str, text: &'static str) -> Self {
        Self { name, required: false, default: None, dynamic: false, values: &[], text }
    }

    /// Which may be an expression.
    #[must_use]
    pub const fn dynamic(mut self) -> Self {
        self.dynamic = true;
        self
    }

    /// With these values only.
    #[must_use]
    pub const fn one_of(mut self, values: &'static [&'static str]) -> Self {
        self.values = values;
        self
    }
}

/// A child element.
pub struct ElementEntry {
    /// Name.
    pub name: &'static str,
    /// Whether it must be there.
    pub required: bool,
    /// Whether there may be several.
    pub many: bool,
    /// Its attributes.
    pub attributes: &'static [AttributeEntry],
    /// Its children.
    pub children: &'static [ElementEntry],
    /// What else is inside it.
    pub content: Content,
    /// What it says, for the manual.
    pub text: &'static str,
}

/// What is inside an element beside the children of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Nothing,
    /// Text: a value or an expression.
    Text,
    /// Statements: policies of their own.
    Statements,
    /// Any XML: it is data (`xsl-transform`, literal bodies).
    Anything,
}

/// Every policy, in the order of the manual.
pub const CATALOGUE: &[&Entry] = &[
    &authentication_basic::ENTRY,
    &authentication_certificate::ENTRY,
    &authentication_managed_identity::ENTRY,
    &cache_lookup::ENTRY,
    &cache_lookup_value::ENTRY,
    &cache_remove_value::ENTRY,
    &cache_store::ENTRY,
    &cache_store_value::ENTRY,
    &cache_value::ENTRY,
    &check_header::ENTRY,
    &choose::ENTRY,
    &content_safety::ENTRY,
    &cors::ENTRY,
    &cross_domain::ENTRY,
    &emit_metric::ENTRY,
    &find_and_replace::ENTRY,
    &forward_request::ENTRY,
    &get_authorization_context::ENTRY,
    &include_fragment::ENTRY,
    &ip_filter::ENTRY,
    &json_to_xml::ENTRY,
    &jsonp::ENTRY,
    &limit_concurrency::ENTRY,
    &llm_semantic_cache_lookup::ENTRY,
    &llm_semantic_cache_store::ENTRY,
    &log_to_eventhub::ENTRY,
    &mock_response::ENTRY,
    &proxy::ENTRY,
    &quota::BY_KEY,
    &quota::ENTRY,
    &rate_limit::BY_KEY,
    &rate_limit::ENTRY,
    &redirect_content_urls::ENTRY,
    &retry::ENTRY,
    &return_response::ENTRY,
    &rewrite_uri::ENTRY,
    &send_one_way_request::ENTRY,
    &send_request::ENTRY,
    &send_service_bus_message::ENTRY,
    &set_backend_service::ENTRY,
    &set_body::ENTRY,
    &set_header::ENTRY,
    &set_method::ENTRY,
    &set_query_parameter::ENTRY,
    &set_status::ENTRY,
    &set_variable::ENTRY,
    &token_limit::ENTRY,
    &token_metric::ENTRY,
    &trace::ENTRY,
    &validate_azure_ad_token::ENTRY,
    &validate_client_certificate::ENTRY,
    &validate_content::ENTRY,
    &validate_headers::ENTRY,
    &validate_jwt::ENTRY,
    &validate_odata_request::ENTRY,
    &validate_parameters::ENTRY,
    &validate_status_code::ENTRY,
    &wait::ENTRY,
    &xml_to_json::ENTRY,
    &xsl_transform::ENTRY,
];

/// The entry of that name.
#[must_use]
pub fn entry(name: &str) -> Option<&'static Entry> {
    CATALOGUE.iter().copied().find(|entry| entry.name == name || entry.aliases.contains(&name))
}

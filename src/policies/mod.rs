//! The policies: what the elements of a policy document do to an exchange.
//!
//! A document (`crate::policy`) is compiled once, each element by the [`Entry`] of its name in the [`CATALOGUE`], to a
//! [`Statement`] in a [`Block`]. An exchange runs the blocks of up to five scopes as one [`Pipeline`]. One file per
//! policy: its manual text, its compilation, its work, its table of tests.
//!
//! Reading order: [`flow`] (what a policy sees), [`policy`] (the trait), [`block`] and [`pipeline`] (how they run),
//! [`catalogue`] and [`reading`] (how they are compiled).
//! Deliberately not here: HTTP on the wire and backends (`gateway` lends them through [`Link`]), counters (`limits`).

pub mod authentication_basic;
pub mod authentication_certificate;
pub mod authentication_managed_identity;
pub mod block;
pub mod body_text;
pub mod cache_lookup;
pub mod cache_lookup_value;
pub mod cache_remove_value;
pub mod cache_store;
pub mod cache_store_value;
pub mod cache_value;
pub mod cache_values;
pub mod catalogue;
pub mod check_header;
pub mod choose;
pub mod compile;
#[cfg(test)]
mod compliance;
pub mod content_safety;
pub mod cors;
pub mod cross_domain;
pub mod debugging;
pub mod decryption_keys;
pub mod definition;
pub mod dimensions;
pub mod distinguished_name;
pub mod dynamic;
pub mod emit_metric;
pub mod facts;
pub mod failure;
pub mod find_and_replace;
pub mod flow;
pub mod fork;
pub mod forward_request;
pub mod get_authorization_context;
mod host;
pub mod include_fragment;
pub mod ip_filter;
pub mod json_to_xml;
pub mod jsonp;
pub mod jwt;
pub mod kept_answers;
pub mod limit_concurrency;
pub mod link;
pub mod llm_semantic_cache_lookup;
pub mod llm_semantic_cache_store;
pub mod log_to_eventhub;
pub mod manual;
pub mod mock_response;
pub mod outside;
pub mod parts;
pub mod pipeline;
pub mod policy;
pub mod proxy;
pub mod query;
pub mod quota;
pub mod rate_limit;
pub mod reading;
pub mod redirect_content_urls;
pub mod retry;
pub mod return_response;
pub mod rewrite_uri;
pub mod sample;
pub mod schemas;
pub mod send_one_way_request;
pub mod send_request;
pub mod send_service_bus_message;
pub mod services;
pub mod set_backend_service;
pub mod set_body;
pub mod set_header;
pub mod set_method;
pub mod set_query_parameter;
pub mod set_status;
pub mod set_variable;
pub mod side_message;
pub mod slots;
#[cfg(test)]
pub mod testing;
pub mod token_limit;
pub mod token_metric;
pub mod trace;
pub mod tracing;
pub mod validate_azure_ad_token;
pub mod validate_client_certificate;
pub mod validate_content;
pub mod validate_headers;
pub mod validate_jwt;
pub mod validate_odata_request;
pub mod validate_parameters;
pub mod validate_status_code;
pub mod validation;
pub mod values;
pub mod wait;
pub mod xml_to_json;
pub mod xsl_transform;

pub use block::{Block, Statement};
pub use catalogue::{AttributeEntry, CATALOGUE, ElementEntry, Entry, Sections};
pub use compile::{Compiler, Trouble, compile};
pub use dynamic::{Dynamic, FromValue};
pub use facts::Facts;
pub use failure::{Failure, LastError};
pub use flow::{Body, Flow, Request, Response};
pub use link::{Forwarding, Link, Route};
pub use outside::{Named, Outside};
pub use pipeline::{Compiled, Ended, Pipeline};
pub use policy::{Needs, Policy, Step, Verdict};
pub use reading::Reading;
pub use services::Services;
pub use slots::Slots;

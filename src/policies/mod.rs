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
pub mod cache_lookup_value;
pub mod cache_remove_value;
pub mod cache_store_value;
pub mod cache_values;
pub mod catalogue;
pub mod choose;
pub mod compile;
pub mod dynamic;
pub mod facts;
pub mod failure;
pub mod flow;
pub mod forward_request;
pub mod get_authorization_context;
mod host;
pub mod jwt;
pub mod link;
pub mod outside;
pub mod pipeline;
pub mod policy;
pub mod query;
pub mod reading;
pub mod send_one_way_request;
pub mod send_request;
pub mod services;
pub mod set_header;
pub mod set_method;
pub mod set_query_parameter;
pub mod set_status;
pub mod set_variable;
pub mod side_message;
#[cfg(test)]
pub mod testing;
pub mod tracing;
pub mod validate_azure_ad_token;
pub mod validate_jwt;
pub mod values;

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

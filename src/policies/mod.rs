//! The policies: what the elements of a policy document do to an exchange.
//!
//! A document (`crate::policy`) is compiled once, each element by the [`Entry`] of its name in the [`CATALOGUE`], to a
//! [`Statement`] in a [`Block`]. An exchange runs the blocks of up to five scopes as one [`Pipeline`]. One file per
//! policy: its manual text, its compilation, its work, its table of tests.
//!
//! Reading order: [`flow`] (what a policy sees), [`policy`] (the trait), [`block`] and [`pipeline`] (how they run),
//! [`catalogue`] and [`reading`] (how they are compiled).
//! Deliberately not here: HTTP on the wire and backends (`gateway` lends them through [`Link`]), counters (`limits`).

pub mod block;
pub mod catalogue;
pub mod compile;
pub mod dynamic;
pub mod facts;
pub mod failure;
pub mod flow;
pub mod forward_request;
mod host;
pub mod link;
pub mod pipeline;
pub mod policy;
pub mod quota;
pub mod rate_limit;
pub mod reading;
pub mod services;
pub mod set_header;
#[cfg(test)]
pub mod testing;
pub mod tracing;

pub use block::{Block, Statement};
pub use catalogue::{AttributeEntry, CATALOGUE, ElementEntry, Entry, Sections};
pub use compile::{Compiler, Trouble, compile};
pub use dynamic::{Dynamic, FromValue};
pub use facts::Facts;
pub use failure::{Failure, LastError};
pub use flow::{Body, Flow, Request, Response};
pub use link::{Forwarding, Link, Route};
pub use pipeline::{Compiled, Ended, Pipeline};
pub use policy::{Needs, Policy, Step, Verdict};
pub use reading::Reading;
pub use services::Services;

//! Tollgate: a self-hosted API gateway for HTTP services and AI models.
//!
//! Start with ARCHITECTURE.md; the one function to read is `gateway::handle`.

pub mod admin;
pub mod app;
pub mod cli;
pub mod document;
pub mod exchange;
pub mod expression;
pub mod gateway;
pub mod journal;
pub mod limits;
pub mod model;
pub mod openapi;
pub mod outbound;
pub mod portal;
pub mod pricing;
pub mod settings;
pub mod snapshot;
pub mod store;
pub mod telemetry;
pub mod tokens;
pub mod usage;

//! The integration tests: every behaviour through the front door of a real gateway, with scripted fake backends.
//!
//! `world` starts a gateway, `vendor` the backends, `client` sends exact bytes. One module a theme; a new case is a
//! new test or a new line of a table there. With `TOLLGATE_TEST_DATABASE=postgres` every world keeps its data in
//! PostgreSQL instead of SQLite; `tests/run` does both.

mod admin;
mod admission;
mod alerts;
mod backend_limits;
mod blame;
mod client;
mod coalescing;
mod database;
mod deploy;
mod first_run;
mod full_disk;
mod http2;
mod http_cache;
mod http_cache_flights;
mod http_cache_purge;
mod http_cache_shared;
mod keys;
mod ledger;
mod live_traces;
mod lying_backends;
mod model_cache;
mod model_cache_meaning;
mod model_cache_minds;
mod model_cache_replicas;
mod models_surfaces;
mod observability;
mod open_streams;
mod outbound_proxy;
mod plain_http;
mod policies_answers;
mod policies_backends;
mod policies_limits;
mod policies_models;
mod policies_outside;
mod policies_refused;
mod policies_scopes;
mod policies_semantic_cache;
mod policies_tokens;
mod policies_transforms;
mod pools;
#[path = "../ports.rs"]
mod ports;
#[path = "../postgres/mod.rs"]
mod postgres;
mod prices;
mod quotas;
mod quotas_shared;
mod realtime;
mod recordings;
#[path = "../redis/mod.rs"]
mod redis;
mod reload;
mod settlements;
mod shared_store;
mod shutdown;
mod sim;
mod stored_objects;
mod streaming;
mod tls;
mod traces;
mod usage_reports;
mod vendor;
mod vendors;
mod workspaces;
mod world;

//! A whole gateway in one value: [`start()`] wires settings, database, planes and background tasks, and hands back
//! [`Running`], which tests and the `serve` command use alike.
//!
//! Nothing here decides about a request: that is `gateway`. Nothing here parses arguments: that is `cli`.

pub mod administrator;
mod alerts;
mod backend_events;
mod book;
pub mod configuration;
mod console;
pub mod database;
mod kept;
mod lessons;
pub mod limits;
pub mod local;
mod metering;
mod observe;
mod options;
mod planes;
pub mod private_file;
mod problem;
mod readiness;
mod reload;
mod replicas;
mod running;
pub mod signals;
mod start;
mod tasks;
pub mod transcript;
mod watch;
mod welcome;

pub use local::LocalServer;
pub use options::{Env, Options, Output};
pub use problem::StartProblem;
pub use running::Running;
pub use start::start;

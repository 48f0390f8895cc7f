//! A whole gateway in one value: [`start`] wires settings, database, planes and background tasks, and hands back
//! a [`Running`] process part that tests and the `serve` command use alike.
//!
//! Nothing here decides about a request: that is `gateway`. Nothing here parses arguments: that is `cli`.

pub mod local;
mod options;
pub mod private_file;
mod problem;
pub mod transcript;

pub use local::LocalServer;
pub use options::{Env, Options, Output};
pub use problem::StartProblem;

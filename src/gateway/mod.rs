//! (module gateway)

pub mod admission;
pub mod headers;
pub mod health;
pub mod listener;
mod path;
pub mod peer;
pub mod upgrade;

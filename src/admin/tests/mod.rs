//! The admin API through its router, on a real database: tables of (method, path, headers, body) and status.

mod access;
mod debugging;
mod description;
mod metering;
mod objects;
mod subscriptions;
mod world;

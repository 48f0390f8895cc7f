//! The way to backends: choosing one, connecting, sending, waiting, and learning from how it went.
//!
//! The only place that builds HTTP clients. Start with [`Pool::choose`] and [`Choice::send`]. State that outlives a
//! configuration (breakers, latency, credentials, connections) lives in the [`Fleet`], keyed by backend id.
//! Deliberately not here: what a request means, what to try after a failure (`gateway`), what an answer says
//! (`tollgate_providers`).

mod backend;
mod breaker;
mod breaker_rules;
mod checks;
mod choice;
mod core;
mod credential;
mod cut;
pub mod egress;
mod endpoint;
mod fault;
pub mod fetch;
mod fleet;
mod health;
mod incoming;
mod latency;
mod outgoing;
mod pool;
mod rendezvous;
mod shared;
pub mod side;
mod sim;
mod status;
mod survey;
#[cfg(test)]
mod tests;
mod transport;
mod tried;
mod turns;
mod window;

pub use self::{
    backend::Backend,
    choice::{Choice, Failure},
    core::Flight,
    cut::Cut,
    fault::{SendFault, SendFaultKind},
    fleet::Fleet,
    incoming::Incoming,
    outgoing::{BoxError, Outgoing},
    pool::{Pool, Wish},
    shared::{LARGEST, Shared},
    status::{BackendStatus, Change, CredentialStatus, Listener, State},
    survey::{NoneLeft, Why},
    transport::{Resolve, SystemResolver},
    tried::Tried,
};

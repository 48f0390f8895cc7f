//! Limits: who may use how much, decided in memory before a request is sent, settled when it has ended.
//!
//! The shape of one request: an [`Ask`] names its counters ([`Scope`]s) and what it may use; [`Limits::reserve`] holds
//! that on all of them or on none; the [`Reservation`] grows, moves and is settled, or gives everything back when it
//! is dropped. Everything here is arithmetic under an injected clock: no I/O, no waiting. Writing down what is held
//! and used (journal, database) is `usage`; the protocol is ACCOUNTING, whose section 6 the tests here hold.
//!
//! Reading order: `rule` and `ask` (the words), `plan` (the decision), `reserve` and `reservation` (the steps),
//! `windows` and `rolling` (the counting). [`WrongAttempts`] stands apart: it limits by itself, without settlement.

mod ask;
mod counter;
mod hold;
mod lease;
#[expect(clippy::module_inception, reason = "the file is named after the type that it holds")]
mod limits;
mod manage;
mod moment;
mod moving;
mod need;
mod period;
mod plan;
mod refusal;
mod registry;
mod reservation;
mod reserve;
mod rolling;
mod rule;
mod settled;
mod standing;
#[cfg(test)]
mod tests;
mod windows;
mod wrong_attempts;

pub use ask::{Ask, Output, PRIOR_OUTPUT, Prompt, Rates, UNKNOWN_MAX_OUTPUT, Used};
pub use counter::Raise;
pub use lease::Lease;
pub use limits::Limits;
pub use manage::{Corrected, CounterView};
pub use period::Period;
pub use refusal::{Refusal, RefusalKind};
pub use reservation::Reservation;
pub use rule::{Counted, MIN_OUTPUT, Reserve, Rule, Scope, Style, Window};
pub use settled::{Crossed, Overrun, Settled};
pub use standing::{Allowance, Standing};
pub use wrong_attempts::WrongAttempts;

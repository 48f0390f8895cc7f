//! Limits: who may use how much, decided in memory before a request is sent, settled when it has ended.
//!
//! The shape of one request: an [`Ask`] names its counters ([`Scope`]s) and what it may use; [`Limits::reserve`] holds
//! that on all of them or on none; the [`Reservation`] grows, moves and is settled, or gives everything back when it
//! is dropped. Everything here is arithmetic under an injected clock: no I/O, no waiting. Writing down what is held
//! and used (journal, database) is `usage`; the protocol is ACCOUNTING, whose section 6 the tests here hold.
//!
//! Also here: [`WrongAttempts`], which limits by itself, without settlement.

mod ask;
mod period;
mod refusal;
mod rule;
mod standing;
mod wrong_attempts;

pub use ask::{Ask, Output, PRIOR_OUTPUT, Prompt, Rates, UNKNOWN_MAX_OUTPUT, Used};
pub use period::Period;
pub use refusal::{Refusal, RefusalKind};
pub use rule::{Counted, MIN_OUTPUT, Reserve, Rule, Scope, Style, Window};
pub use standing::{Allowance, Standing};
pub use wrong_attempts::WrongAttempts;

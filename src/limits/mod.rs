//! Limits that decide by themselves, without settlement: for now only wrong sign-in attempts.

mod wrong_attempts;

pub use wrong_attempts::WrongAttempts;

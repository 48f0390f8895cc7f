//! The expression language of policies: the subset of C# that APIM documents use, compiled once, evaluated within bounds.
//!
//! `text -> lex -> parse -> check -> Expression`, then `Expression::evaluate(host, bounds)`. What an expression sees of
//! the exchange it sees through [`Host`]; what it makes are [`Value`]s; what goes wrong is a [`Thrown`].
//! One table of types and members (`library`) drives checking, evaluation and the manual page.
//! Deliberately not here: I/O, clocks, randomness of its own, and finding `@(...)` inside a document (`policy`).

mod bounds;
mod check;
mod compile;
mod enumerations;
mod eval;
pub mod fixture;
pub mod host;
mod library;
mod parse;
#[cfg(test)]
mod tests;
mod types;
pub mod value;

pub use bounds::Bounds;
pub use compile::{Expression, Needs, Source, Trouble, compile};
pub use fixture::Fixture;
pub use host::{Certificate, Fact, Headers, Host, Part, Side, UrlParts, Which};
pub use library::catalogue;
pub use types::{Kind, Type};
pub use value::{Thrown, Value};

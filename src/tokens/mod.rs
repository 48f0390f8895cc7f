//! Counting tokens: the cheap estimate for every request, the exact count where it matters, and what both learn from
//! what providers report.
//!
//! [`Learned`] answers on the hot path in constant time; [`count_request`] and [`count_prompt`] read and count a
//! whole prompt, near a limit, when a backend reports no usage and when somebody asks for a count; [`counter`] is what
//! a tap counts a running stream with. Deliberately not here: what a body makes a model read
//! (`tollgate_providers::prompt`), limits and reservations, prices.

mod chat;
mod encoding;
mod images;
mod learned;
mod quantile;
mod request;
mod tools;

#[cfg(test)]
mod tests;

pub use self::{
    encoding::{Encoding, Tokenizer, counter},
    learned::{Learned, ModelError},
    request::{Count, count_prompt, count_request, count_text, count_words, upper_bound},
};

//! The semantic cache's judgement: whether the answer to one prompt may be given to another.
//!
//! A prompt becomes an [`Embedding`] (whose near neighbours an [`Index`] finds, exactly and within one partition), each
//! neighbour's text is held against the prompt's by deterministic guards, and what passes is scored. Everything here is a
//! pure function of its arguments. Deliberately not here: partitions, answers, their storage and their lifetime
//! (`cache::model`), the wire, and time.

mod align;
pub mod builtin;
pub mod eligible;
pub mod embedding;
pub mod encoder;
mod form;
mod guard;
pub mod index;
mod lexicon;
pub mod mode;
mod normalise;
mod phrases;
#[cfg(test)]
mod quality;
mod spelling;
mod stem;
mod synonyms;
mod token;
mod turns;
mod wordpiece;

pub use self::{
    builtin::{Builtin, builtin},
    eligible::{is_personal, is_time_dependent},
    embedding::{Embedder, Embedding},
    encoder::{Encoder, NoEncoder},
    index::{Index, Match},
    mode::Mode,
    normalise::normalise,
};

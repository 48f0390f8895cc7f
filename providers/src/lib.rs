//! Dialects of model APIs, as pure functions and state machines over bytes.
//!
//! Lives here: which path is which surface, what routing must know of a body, byte-preserving edits, the
//! incremental reader of event streams, usage in disjoint buckets, error envelopes, the catalogue of backend
//! kinds, and the simulated models' answers. Deliberately not here: sockets, clocks, randomness, async.

mod batch;
mod cap;
pub mod classify;
mod conversation;
mod counts;
pub mod cutoff;
pub mod envelope;
pub mod facts;
pub mod head;
mod image_size;
mod json;
pub mod kind;
pub mod labels;
mod marks;
pub mod models;
mod multipart;
pub mod prompt;
pub mod realtime;
pub mod replay;
pub mod retry_after;
mod rewrite;
pub mod sim;
pub mod sse;
pub mod stored;
pub mod surface;
pub mod tap;
pub mod upstream;
pub mod usage;

pub use cap::Cap;
pub use classify::{Class, classify};
pub use envelope::{ErrorText, ModelEntry, error_body, model_object, models_list, plain_error_body, stream_error};
pub use head::{BadBody, Head, conversation_key, read};
pub use kind::Kind;
pub use retry_after::{retry_after, retry_after_in_body};
pub use stored::{StoredKind, StoredRef};
pub use surface::{Call, Family, Style, Surface, recognise};
pub use tap::{Counter, Delivered, OutputCount, StreamError, Tap};
pub use upstream::{Target, realtime_model};
pub use usage::{Certainty, Usage};

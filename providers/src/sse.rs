//! The incremental reader of event streams.

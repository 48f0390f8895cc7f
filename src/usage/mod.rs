//! (module usage)

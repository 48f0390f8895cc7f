//! (module gateway)

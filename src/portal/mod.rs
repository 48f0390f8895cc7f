//! (module portal)

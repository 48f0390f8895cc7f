//! (module openapi)

//! Tokens against a fake issuer.

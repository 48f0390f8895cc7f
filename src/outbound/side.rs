//! The client for side calls (exports, keys, tokens, webhooks): everything but the proxied path.
//!
//! It follows no redirects: each hop would have to pass the egress rules and lose the credential of the one before.

use std::time::Duration;

use super::transport::public_tls;

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(5);
/// A whole call may take this long; callers that know better set their own on the request.
const TOTAL: Duration = Duration::from_secs(30);

/// A client for calls to addresses that the operator wrote into the configuration. It trusts the machine's
/// authorities; where the machine has none (a bare container), the public ones that are built in.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    builder().build().or_else(|_| builder().tls_backend_preconfigured(public_tls()).build())
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(TOTAL)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_to_trust_make_a_client() {
        assert!(client().is_ok());
        assert!(builder().tls_backend_preconfigured(public_tls()).build().is_ok());
    }
}

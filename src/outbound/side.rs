//! The client for side calls (exports, keys, tokens, webhooks): everything but the proxied path.
//!
//! It follows no redirects: each hop would have to pass the egress rules and lose the credential of the one before.

use std::time::Duration;

/// Connecting may take this long.
const CONNECT: Duration = Duration::from_secs(5);
/// A whole call may take this long; callers that know better set their own on the request.
const TOTAL: Duration = Duration::from_secs(30);

/// A client for calls to addresses that the operator wrote into the configuration.
pub fn client() -> Result<reqwest::Client, reqwest::Error> {
    reqwest::Client::builder()
        .connect_timeout(CONNECT)
        .timeout(TOTAL)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
        .build()
}

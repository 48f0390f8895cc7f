//! How names of headers read when an expression goes over them.
//!
//! The gateway keeps names in lower case, as HTTP/2 sends them. Documents compare what they enumerate with the usual
//! spelling (`h.Key != "Authorization"`), so that the names everybody knows get it back: those of RFC 9110 and its
//! siblings, and those of API Management. Other names stay in lower case; looking one up never minds the case.

use std::sync::Arc;

/// Sorted by the name in lower case.
const KNOWN: &[&str] = &[
    "Accept",
    "Accept-Charset",
    "Accept-Encoding",
    "Accept-Language",
    "Accept-Ranges",
    "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers",
    "Access-Control-Allow-Methods",
    "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers",
    "Access-Control-Max-Age",
    "Access-Control-Request-Headers",
    "Access-Control-Request-Method",
    "Age",
    "Allow",
    "Apim-Debug-Authorization",
    "Authorization",
    "Cache-Control",
    "Connection",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
    "Content-Location",
    "Content-MD5",
    "Content-Range",
    "Content-Security-Policy",
    "Content-Type",
    "Cookie",
    "Date",
    "ETag",
    "Expect",
    "Expires",
    "Forwarded",
    "From",
    "Host",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "If-Range",
    "If-Unmodified-Since",
    "Keep-Alive",
    "Last-Modified",
    "Link",
    "Location",
    "Max-Forwards",
    "Ocp-Apim-Subscription-Key",
    "Ocp-Apim-Trace",
    "Origin",
    "Pragma",
    "Proxy-Authenticate",
    "Proxy-Authorization",
    "Range",
    "Referer",
    "Retry-After",
    "Server",
    "Set-Cookie",
    "SOAPAction",
    "Strict-Transport-Security",
    "TE",
    "Trailer",
    "Transfer-Encoding",
    "Upgrade",
    "User-Agent",
    "Vary",
    "Via",
    "Warning",
    "WWW-Authenticate",
    "X-Content-Type-Options",
    "X-Correlation-Id",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Proto",
    "X-Frame-Options",
    "X-Powered-By",
    "X-Requested-With",
];

/// A name as it is usually written.
pub(crate) fn usual(name: &Arc<str>) -> Arc<str> {
    let order = |known: &&str| known.bytes().map(|byte| byte.to_ascii_lowercase()).cmp(name.bytes());
    KNOWN
        .binary_search_by(order)
        .ok()
        .and_then(|at| KNOWN.get(at))
        .map_or_else(|| name.clone(), |known| (*known).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order() {
        assert!(KNOWN.is_sorted_by_key(|name| name.to_ascii_lowercase()));
        assert!(KNOWN.iter().all(|name| *usual(&name.to_ascii_lowercase().into()) == **name));
    }

    #[test]
    fn names_that_nobody_knows_stay() {
        assert_eq!(&*usual(&"x-team".into()), "x-team");
    }
}

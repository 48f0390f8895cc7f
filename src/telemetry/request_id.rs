//! Identifiers of requests: ours, and which of the callers' are kept.

use uuid::Uuid;

use crate::model::{Entropy, Timestamp};

/// Longest `x-request-id` of a caller that is kept.
const LONGEST: usize = 128;

/// A new request id: a version-7 UUID (RFC 9562), so that ids sort by time.
#[must_use]
pub fn new_request_id(now: Timestamp, entropy: &Entropy) -> Uuid {
    let mut random = [0; 10];
    entropy.fill(&mut random);
    uuid::Builder::from_unix_timestamp_millis(now.as_millis(), &random).into_uuid()
}

/// Whether a caller's `x-request-id` is kept: 1 to 128 characters of an HTTP token (RFC 9110, section 5.6.2), so
/// that it can be written to headers and lines as it is.
#[must_use]
pub fn valid_request_id(text: &str) -> bool {
    (1..=LONGEST).contains(&text.len()) && text.bytes().all(is_token)
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_version_7_and_sort_by_time() {
        let entropy = Entropy::seeded(1);
        let ids: Vec<_> =
            (1..50).map(|second| new_request_id(Timestamp::from_secs(1_700_000_000 + second), &entropy)).collect();
        assert!(ids.is_sorted());
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
    }

    #[test]
    fn only_tokens_are_kept() {
        for kept in ["a", "req_01H-x.y~z", &"x".repeat(128)] {
            assert!(valid_request_id(kept), "{kept}");
        }
        for refused in ["", "a b", "a\r\nx: y", "é", "a,b", "\"q\"", &"x".repeat(129)] {
            assert!(!valid_request_id(refused), "{refused}");
        }
    }
}

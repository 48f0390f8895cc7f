//! The six `x-ratelimit-*` headers of OpenAI, for the tightest limit of each kind.

use std::{fmt::Write as _, time::Duration};

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::limits::{Allowance, Standing};

/// Limit, remaining and reset of one kind.
type Names = [HeaderName; 3];

const REQUESTS: Names = [
    HeaderName::from_static("x-ratelimit-limit-requests"),
    HeaderName::from_static("x-ratelimit-remaining-requests"),
    HeaderName::from_static("x-ratelimit-reset-requests"),
];
const TOKENS: Names = [
    HeaderName::from_static("x-ratelimit-limit-tokens"),
    HeaderName::from_static("x-ratelimit-remaining-tokens"),
    HeaderName::from_static("x-ratelimit-reset-tokens"),
];

/// Puts them on an answer. A provider's own are about its account with us: where a limit of ours is told, they go.
pub fn tell(headers: &mut HeaderMap, standing: &Standing) {
    if standing.requests.is_none() && standing.tokens.is_none() {
        return;
    }
    for (names, allowance) in [(REQUESTS, standing.requests), (TOKENS, standing.tokens)] {
        for (name, value) in names.into_iter().zip(values(allowance)) {
            match value {
                Some(value) => headers.insert(name, value),
                None => headers.remove(name),
            };
        }
    }
}

fn values(allowance: Option<Allowance>) -> [Option<HeaderValue>; 3] {
    let Some(Allowance { limit, remaining, reset }) = allowance else { return [const { None }; 3] };
    let reset = HeaderValue::from_str(&duration(reset)).expect("digits and letters");
    [Some(limit.into()), Some(remaining.into()), Some(reset)]
}

/// As OpenAI writes it: `17ms`, `1s`, `6m0s`, `1h30m5s`. What is longer than a second is rounded up to seconds.
fn duration(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{}ms", time.as_millis());
    }
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    let mut text = String::new();
    if hours > 0 {
        write!(text, "{hours}h").expect("memory");
    }
    if hours > 0 || minutes > 0 {
        write!(text, "{minutes}m").expect("memory");
    }
    write!(text, "{seconds}s").expect("memory");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_openai_writes_them() {
        let table = [(0, "0ms"), (17, "17ms"), (1_000, "1s"), (1_001, "2s"), (360_000, "6m0s"), (5_405_000, "1h30m5s")];
        for (millis, text) in table {
            assert_eq!(duration(Duration::from_millis(millis)), text);
        }
    }

    #[test]
    fn a_providers_own_figures_go_where_ours_are_told() {
        let mut headers = HeaderMap::new();
        headers.insert("x-ratelimit-limit-requests", HeaderValue::from_static("9"));
        tell(&mut headers, &Standing::default());
        assert_eq!(headers["x-ratelimit-limit-requests"], "9");
        let tokens = Allowance { limit: 100, remaining: 7, reset: Duration::from_secs(61) };
        tell(&mut headers, &Standing { requests: None, tokens: Some(tokens) });
        assert!(!headers.contains_key("x-ratelimit-limit-requests"));
        assert_eq!(headers["x-ratelimit-remaining-tokens"], "7");
        assert_eq!(headers["x-ratelimit-reset-tokens"], "1m1s");
    }
}

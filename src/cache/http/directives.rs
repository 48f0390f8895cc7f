//! `Cache-Control` of requests and answers (RFC 9111, section 5.2), read generously: unknown directives are passed
//! over, names are told apart without regard to case, and a time that is no number is the shortest (section 4.2.1).

use std::time::Duration;

use http::{HeaderMap, header};

/// Longest time of a directive: 2^31 seconds, as section 1.2.2 of the RFC asks of implementations.
const LONGEST: u64 = 1 << 31;

/// The directives of a message that caches know. Of a directive that is there twice the stricter one counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directives {
    /// Whether there was any `Cache-Control` at all.
    pub is_said: bool,
    /// `no-store`
    pub no_store: bool,
    /// `no-cache`, with or without names of fields; of a request also `Pragma: no-cache` without `Cache-Control`.
    pub no_cache: bool,
    /// `private`, with or without names of fields.
    pub private: bool,
    /// `public`
    pub public: bool,
    /// `must-revalidate`
    pub must_revalidate: bool,
    /// `proxy-revalidate`
    pub proxy_revalidate: bool,
    /// `only-if-cached`
    pub only_if_cached: bool,
    /// `max-age`
    pub max_age: Option<Duration>,
    /// `s-maxage`
    pub s_maxage: Option<Duration>,
    /// `min-fresh`
    pub min_fresh: Option<Duration>,
    /// `max-stale`; without a time: [`Duration::MAX`].
    pub max_stale: Option<Duration>,
    /// `stale-while-revalidate` (RFC 5861, section 3).
    pub stale_while_revalidate: Option<Duration>,
    /// `stale-if-error` (RFC 5861, section 4).
    pub stale_if_error: Option<Duration>,
}

impl Directives {
    /// Those of an answer.
    #[must_use]
    pub fn of_answer(headers: &HeaderMap) -> Self {
        let mut all = Self::default();
        for line in headers.get_all(header::CACHE_CONTROL) {
            all.is_said = true;
            match line.to_str() {
                Ok(line) => split(line).for_each(|(name, value)| all.take(&name, value)),
                // What cannot be read may be anything.
                Err(_) => all.no_store = true,
            }
        }
        all
    }

    /// Those of a request.
    #[must_use]
    pub fn of_request(headers: &HeaderMap) -> Self {
        let mut all = Self::of_answer(headers);
        if !all.is_said {
            let mut lines = headers.get_all(header::PRAGMA).iter().filter_map(|line| line.to_str().ok());
            all.no_cache = lines.any(|line| split(line).any(|(name, _)| name == "no-cache"));
        }
        all
    }

    fn take(&mut self, name: &str, value: Option<&str>) {
        match name {
            "no-store" => self.no_store = true,
            "no-cache" => self.no_cache = true,
            "private" => self.private = true,
            "public" => self.public = true,
            "must-revalidate" => self.must_revalidate = true,
            "proxy-revalidate" => self.proxy_revalidate = true,
            "only-if-cached" => self.only_if_cached = true,
            "max-age" => shorter(&mut self.max_age, seconds(value)),
            "s-maxage" => shorter(&mut self.s_maxage, seconds(value)),
            "min-fresh" => longer(&mut self.min_fresh, seconds(value)),
            "max-stale" => shorter(&mut self.max_stale, value.map_or(Duration::MAX, |value| seconds(Some(value)))),
            "stale-while-revalidate" => shorter(&mut self.stale_while_revalidate, seconds(value)),
            "stale-if-error" => shorter(&mut self.stale_if_error, seconds(value)),
            _ => {}
        }
    }
}

fn shorter(known: &mut Option<Duration>, new: Duration) {
    *known = Some(known.map_or(new, |known| known.min(new)));
}

fn longer(known: &mut Option<Duration>, new: Duration) {
    *known = Some(known.map_or(new, |known| known.max(new)));
}

fn seconds(value: Option<&str>) -> Duration {
    let digits = value.unwrap_or_default();
    let all_digits = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    // More digits than fit are more than the longest time.
    let seconds = if all_digits { digits.parse::<u64>().unwrap_or(LONGEST) } else { 0 };
    Duration::from_secs(seconds.min(LONGEST))
}

/// Directives of a line: names in small letters, values without their quotes. Commas in quotes separate nothing.
fn split(line: &str) -> impl Iterator<Item = (String, Option<&str>)> {
    let mut is_quoted = false;
    let pieces = line.split(move |c: char| {
        is_quoted ^= c == '"';
        c == ',' && !is_quoted
    });
    pieces.map(|piece| match piece.split_once('=') {
        Some((name, value)) => (name.trim().to_ascii_lowercase(), Some(value.trim().trim_matches('"'))),
        None => (piece.trim().to_ascii_lowercase(), None),
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn answer(lines: &[&str]) -> Directives {
        let line = |line: &&str| (header::CACHE_CONTROL, HeaderValue::from_str(line).expect("a value"));
        Directives::of_answer(&lines.iter().map(line).collect())
    }

    #[expect(clippy::unnecessary_wraps, reason = "the rows below read better")]
    const fn secs(seconds: u64) -> Option<Duration> {
        Some(Duration::from_secs(seconds))
    }

    #[test]
    fn directives_are_read_generously() {
        let said = || Directives { is_said: true, ..Directives::default() };
        let rows: [(&[&str], Directives); 12] = [
            (&[], Directives::default()),
            (&[""], said()),
            (&["No-Store , PRIVATE"], Directives { no_store: true, private: true, ..said() }),
            (&["max-age=5"], Directives { max_age: secs(5), ..said() }),
            (&["max-age=\"5\", s-maxage=7"], Directives { max_age: secs(5), s_maxage: secs(7), ..said() }),
            (&["max-age=60", "max-age=9"], Directives { max_age: secs(9), ..said() }),
            (&["max-age=-1"], Directives { max_age: secs(0), ..said() }),
            (&["max-age=1.5, max-age"], Directives { max_age: secs(0), ..said() }),
            (&["max-age=99999999999999999999999"], Directives { max_age: secs(LONGEST), ..said() }),
            (&["private=\"a, no-store\""], Directives { private: true, ..said() }),
            (&["no-cache=\"Set-Cookie\", community=\"x\""], Directives { no_cache: true, ..said() }),
            (
                &["stale-while-revalidate=3,stale-if-error=4,max-stale"],
                Directives {
                    stale_while_revalidate: secs(3),
                    stale_if_error: secs(4),
                    max_stale: Some(Duration::MAX),
                    ..said()
                },
            ),
        ];
        for (lines, wanted) in rows {
            assert_eq!(answer(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_not_kept() {
        let value = HeaderValue::from_bytes(b"max-age=5, \xff").expect("a value");
        assert!(Directives::of_answer(&HeaderMap::from_iter([(header::CACHE_CONTROL, value)])).no_store);
    }

    #[test]
    fn pragma_counts_where_cache_control_says_nothing() {
        let pragma = || (header::PRAGMA, HeaderValue::from_static("No-Cache"));
        let control = (header::CACHE_CONTROL, HeaderValue::from_static("max-age=3"));
        assert!(Directives::of_request(&HeaderMap::from_iter([pragma()])).no_cache);
        assert!(!Directives::of_request(&HeaderMap::from_iter([pragma(), control])).no_cache);
    }
}

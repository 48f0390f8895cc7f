//! Texts with a grammar: which `pattern` or `format` of the schema is checked by which parser.
//!
//! The parsers are those that decoding uses, so that a value that passes here cannot fail later without a place.

use std::net::SocketAddr;

use ipnet::IpNet;

use crate::{
    model::{
        HumanCount, HumanDuration, HumanMoney, HumanRate, HumanSize,
        money::{MONEY_PATTERN, MONEY_WANTED, RATE_PATTERN, RATE_WANTED},
    },
    settings::objects::{Affinity, Moment, Scope},
};

/// A grammar.
#[derive(Debug)]
pub struct Leaf {
    /// The `pattern` or `format` of the schema that names it.
    pub named: &'static str,
    /// What to write, for messages.
    pub expected: &'static str,
    /// Whether a text follows it.
    pub fits: fn(&str) -> bool,
}

/// The `format` of files that are opened: relative to the configuration file, and watched.
pub const FILE: &str = "file";

const LEAVES: &[Leaf] = &[
    Leaf {
        named: r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$",
        expected: "an identifier: up to 80 letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
        fits: is_id,
    },
    Leaf {
        named: r"^[0-9]+(ms|s|m|h|d)$",
        expected: "a duration such as 250ms, 30s, 10m or 1h",
        fits: |text| text.parse::<HumanDuration>().is_ok(),
    },
    Leaf {
        named: r"^[0-9]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$",
        expected: "a size such as 65536, 64KiB or 8MB",
        fits: |text| text.parse::<HumanSize>().is_ok(),
    },
    Leaf {
        named: r"^([1-5]xx|[1-5][0-9][0-9](-[1-5][0-9][0-9])?|connect|timeout)$",
        expected: "a status (429), a class (5xx), a range (500-504), `connect` or `timeout`",
        fits: is_failure,
    },
    Leaf {
        named: "address-and-port",
        expected: "an address and port such as 127.0.0.1:8080 or [::1]:8080",
        fits: |text| text.parse::<SocketAddr>().is_ok(),
    },
    Leaf {
        named: "network",
        expected: "a network such as 10.0.0.0/8 or 192.0.2.1/32",
        fits: |text| text.parse::<IpNet>().is_ok(),
    },
    Leaf {
        named: "date-time",
        expected: "a moment such as 2027-01-31T23:59:59Z",
        fits: |text| text.parse::<jiff::Timestamp>().is_ok(),
    },
    Leaf {
        named: "session-affinity",
        expected: "none, subscription, user, conversation, cookie or header:NAME",
        fits: |text| Affinity::try_from(text.to_owned()).is_ok(),
    },
    Leaf {
        named: "scope",
        expected: "product:ID, api:ID or all",
        fits: |text| Scope::try_from(text.to_owned()).is_ok(),
    },
    Leaf {
        named: HumanCount::PATTERN,
        expected: "a count such as 20000, 20k or 5M",
        fits: |text| text.parse::<HumanCount>().is_ok(),
    },
    Leaf { named: MONEY_PATTERN, expected: MONEY_WANTED, fits: |text| text.parse::<HumanMoney>().is_ok() },
    Leaf { named: RATE_PATTERN, expected: RATE_WANTED, fits: |text| text.parse::<HumanRate>().is_ok() },
    Leaf {
        named: "time-zone",
        expected: "a time zone such as Europe/Berlin or UTC",
        fits: |text| jiff::tz::TimeZone::get(text).is_ok(),
    },
    Leaf {
        named: "date-or-moment",
        expected: "a date such as 2027-01-31 or a moment such as 2027-01-31T23:59:59Z",
        fits: |text| Moment::try_from(text.to_owned()).is_ok(),
    },
    Leaf { named: FILE, expected: "the path of a file", fits: |text| !text.is_empty() },
];

/// The grammar that a schema's `pattern` or `format` names.
pub fn find(named: &str) -> Option<&'static Leaf> {
    LEAVES.iter().find(|leaf| leaf.named == named)
}

fn is_id(text: &str) -> bool {
    text.len() <= 80
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

fn is_failure(text: &str) -> bool {
    let status = |text: &str| text.len() == 3 && text.parse().is_ok_and(|status: u16| (100..600).contains(&status));
    match text.split_once('-') {
        Some((low, high)) => status(low) && status(high),
        None if text.len() == 3 && text.ends_with("xx") => (b'1'..=b'5').contains(&text.as_bytes()[0]),
        None => status(text) || text == "connect" || text == "timeout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grammars_accept_and_refuse() {
        let rows: [(&str, &[&str], &[&str]); 4] = [
            (LEAVES[0].named, &["a", "A-1.b_c", "9"], &["", "-a", "a b", "ä", "a/b"]),
            (LEAVES[3].named, &["429", "5xx", "500-504", "connect"], &["", "6xx", "600", "xx", "500-", "5XX", "+42"]),
            ("network", &["10.0.0.0/8", "::1/128"], &["10.0.0.1", "x/8", "10.0.0.0/33"]),
            ("date-time", &["2027-01-31T23:59:59Z", "2027-01-31T23:59:59+02:00"], &["2027-01-31", "tomorrow"]),
        ];
        for (named, good, bad) in rows {
            let leaf = find(named).expect(named);
            for text in good {
                assert!((leaf.fits)(text), "{named}: {text}");
            }
            for text in bad {
                assert!(!(leaf.fits)(text), "{named}: {text}");
            }
        }
    }
}

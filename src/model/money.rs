//! Money and prices as people write them (`200 USD`, `2.50 USD per 1M`), kept in whole 10⁻⁹ of a dollar: sums of
//! money never pass through floating point.
//!
//! USD is the only currency: vendors' price lists are in it, and converting is not a gateway's business.

use std::{fmt, str::FromStr};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

/// Nano-units in one unit of money.
pub const NANOS: i64 = 1_000_000_000;
/// The currency that all prices and budgets are in (ISO 4217).
pub const CURRENCY: &str = "USD";

/// How money is written, for messages.
pub const MONEY_WANTED: &str =
    "an amount such as 200 USD or 0.50 USD; USD is the only currency that there are prices in";
/// How a price is written, for messages.
pub const RATE_WANTED: &str = "a price per million tokens such as 2.50 USD (or 2.50 USD per 1M, 0.0025 USD per 1k); \
                               USD is the only currency that there are prices in";

/// Why money or a price could not be read; the text says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{seen}` is not {wanted}")]
pub struct BadMoney {
    seen: String,
    wanted: &'static str,
}

/// An amount of money in 10⁻⁹ USD: `200 USD`, `0.50 USD`. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanMoney(pub i64);

/// A price in 10⁻⁹ USD for a million tokens: `2.50 USD`, `2.50 USD per 1M`, `0.0025 USD per 1k`. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanRate(pub i64);

/// The pattern of [`HumanMoney`] in the schema.
pub const MONEY_PATTERN: &str = r"^[0-9]+(\.[0-9]{1,9})? ?USD$";
/// The pattern of [`HumanRate`] in the schema.
pub const RATE_PATTERN: &str = r"^[0-9]+(\.[0-9]{1,9})? ?USD( ?(per|/) ?1[kKM])?$";

/// Nano-units of a decimal such as `200` or `0.50`: at most nine decimals, no sign, no exponent.
fn nanos(text: &str) -> Option<i64> {
    let (whole, decimals) = text.split_once('.').map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || decimals.is_some_and(|decimals| !digits(decimals) || decimals.len() > 9) {
        return None;
    }
    let decimals: i64 = format!("{:0<9}", decimals.unwrap_or_default()).parse().ok()?;
    whole.parse::<i64>().ok()?.checked_mul(NANOS)?.checked_add(decimals)
}

fn amount(text: &str) -> Option<i64> {
    let number = text.strip_suffix(CURRENCY)?;
    nanos(number.strip_suffix(' ').unwrap_or(number))
}

fn rate(text: &str) -> Option<i64> {
    let (money, unit) = match text.split_once("per").or_else(|| text.split_once('/')) {
        Some((money, unit)) => (money.strip_suffix(' ').unwrap_or(money), unit.strip_prefix(' ').unwrap_or(unit)),
        None => (text, "1M"),
    };
    let scale = match unit {
        "1M" => 1,
        "1k" | "1K" => 1_000,
        _ => return None,
    };
    amount(money)?.checked_mul(scale)
}

impl FromStr for HumanMoney {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Self, BadMoney> {
        amount(text).map(Self).ok_or_else(|| BadMoney { seen: text.to_owned(), wanted: MONEY_WANTED })
    }
}

impl FromStr for HumanRate {
    type Err = BadMoney;

    fn from_str(text: &str) -> Result<Self, BadMoney> {
        rate(text).map(Self).ok_or_else(|| BadMoney { seen: text.to_owned(), wanted: RATE_WANTED })
    }
}

/// Nano-units as an exact decimal with at least two decimals, such as `200.00` or `0.000150`; a minus sign where it
/// is negative. Meant for people and for CSV: never through floating point.
#[must_use]
pub fn decimal(nanos: i64) -> String {
    let (sign, all) = (if nanos < 0 { "-" } else { "" }, nanos.unsigned_abs());
    let unit = NANOS.unsigned_abs();
    let decimals = format!("{:09}", all % unit);
    let shown = decimals.trim_end_matches('0').len().max(2);
    format!("{sign}{}.{}", all / unit, &decimals[..shown])
}

impl fmt::Display for HumanMoney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {CURRENCY}", decimal(self.0))
    }
}

impl fmt::Display for HumanRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {CURRENCY} per 1M", decimal(self.0))
    }
}

macro_rules! as_text {
    ($($name:ident($pattern:ident)),*) => {$(
        impl TryFrom<String> for $name {
            type Error = BadMoney;

            fn try_from(text: String) -> Result<Self, BadMoney> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.to_string()
            }
        }

        impl JsonSchema for $name {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!({ "type": "string", "pattern": $pattern })
            }
        }
    )*};
}

as_text!(HumanMoney(MONEY_PATTERN), HumanRate(RATE_PATTERN));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_read_exactly_or_not_at_all() {
        let rows = [
            ("200 USD", Some(200 * NANOS)),
            ("200USD", Some(200 * NANOS)),
            ("0.50 USD", Some(500_000_000)),
            ("0.000000001 USD", Some(1)),
            ("9223372036.854775807 USD", Some(i64::MAX)),
            ("9223372036.854775808 USD", None),
            ("0 USD", Some(0)),
            ("200", None),
            ("200 EUR", None),
            ("200 usd", None),
            ("-1 USD", None),
            ("1e3 USD", None),
            ("1,000 USD", None),
            (".5 USD", None),
            ("5. USD", None),
            ("0.0000000001 USD", None),
            ("USD", None),
            ("", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(text.parse::<HumanMoney>().ok(), wanted.map(HumanMoney), "{text}");
        }
    }

    #[test]
    fn prices_are_per_million_tokens_unless_they_say_otherwise() {
        let rows = [
            ("2.50 USD", Some(2_500_000_000)),
            ("2.50 USD per 1M", Some(2_500_000_000)),
            ("2.50 USD/1M", Some(2_500_000_000)),
            ("0.0025 USD per 1k", Some(2_500_000_000)),
            ("0.15 USD / 1M", Some(150_000_000)),
            ("2.50 USD per", None),
            ("2.50 USD per 1", None),
            ("2.50 per 1M", None),
            ("2.50 EUR per 1M", None),
            ("9223372036 USD per 1k", None),
        ];
        for (text, wanted) in rows {
            assert_eq!(text.parse::<HumanRate>().ok(), wanted.map(HumanRate), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_read_back() {
        for nanos in [0, 1, 150, 500_000_000, 2_500_000_000, 123_456_789_012, i64::MAX] {
            assert_eq!(HumanMoney(nanos).to_string().parse(), Ok(HumanMoney(nanos)));
            assert_eq!(HumanRate(nanos).to_string().parse(), Ok(HumanRate(nanos)));
        }
        let rows = [(0, "0.00"), (1, "0.000000001"), (-1_500_000_000, "-1.50"), (i64::MIN, "-9223372036.854775808")];
        for (nanos, shown) in rows {
            assert_eq!(decimal(nanos), shown);
        }
    }
}

//! The names of limits: a quantity and a window, such as `tokens_per_month`, and how their amounts are written.

use std::{collections::BTreeMap, fmt};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{self, MapAccess, Visitor},
};
use serde_json::{Map, Value, json};

use crate::model::{HumanCount, HumanMoney, HumanSize, money::MONEY_PATTERN};

/// What a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// Calls.
    Requests,
    /// Tokens of prompts and answers.
    Tokens,
    /// Tokens of prompts, cached ones included.
    InputTokens,
    /// Tokens of answers, reasoning included.
    OutputTokens,
    /// Body bytes, both ways.
    Bandwidth,
    /// Money.
    Budget,
}

/// The window of a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Period {
    /// Any second: a rate.
    Second,
    /// Any 60 seconds: a rate.
    Minute,
    /// The hour of the clock.
    Hour,
    /// The day of the calendar.
    Day,
    /// The week of the calendar, from Monday.
    Week,
    /// The month of the calendar.
    Month,
    /// The year of the calendar.
    Year,
}

impl Period {
    /// All, from short to long.
    pub const ALL: [Self; 7] = [Self::Second, Self::Minute, Self::Hour, Self::Day, Self::Week, Self::Month, Self::Year];

    const fn word(self) -> &'static str {
        match self {
            Self::Second => "second",
            Self::Minute => "minute",
            Self::Hour => "hour",
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// Whether the window rolls (a rate) rather than follows the calendar (a quota).
    #[must_use]
    pub const fn is_rolling(self) -> bool {
        matches!(self, Self::Second | Self::Minute)
    }
}

impl Quantity {
    const ALL: [Self; 6] =
        [Self::Requests, Self::Tokens, Self::InputTokens, Self::OutputTokens, Self::Bandwidth, Self::Budget];

    const fn word(self) -> &'static str {
        match self {
            Self::Requests => "requests",
            Self::Tokens => "tokens",
            Self::InputTokens => "input_tokens",
            Self::OutputTokens => "output_tokens",
            Self::Bandwidth => "bandwidth",
            Self::Budget => "budget",
        }
    }

    const fn described(self) -> &'static str {
        match self {
            Self::Requests => "Calls",
            Self::Tokens => "Tokens of prompts and answers together, as `20000`, `20k` or `5M`,",
            Self::InputTokens => "Tokens of prompts, cached ones included,",
            Self::OutputTokens => "Tokens of answers, reasoning included,",
            Self::Bandwidth => "Body bytes of requests and answers, as `500MB` or `10GiB`,",
            Self::Budget => "Money, as `200 USD`, by the prices of `prices` and of the built-in table,",
        }
    }

    /// Bytes and money are known too late for a rate.
    const fn has_rates(self) -> bool {
        !matches!(self, Self::Bandwidth | Self::Budget)
    }

    const fn pattern(self) -> &'static str {
        match self {
            Self::Bandwidth => HumanSize::PATTERN,
            Self::Budget => MONEY_PATTERN,
            _ => HumanCount::PATTERN,
        }
    }

    fn read(self, text: &str) -> Result<i64, String> {
        let count = match self {
            Self::Budget => return text.parse().map(|HumanMoney(nanos)| nanos).map_err(|error| error.to_string()),
            Self::Bandwidth => text.parse().map(|HumanSize(bytes)| bytes).map_err(|error| error.to_string())?,
            _ => text.parse().map(|HumanCount(count)| count).map_err(|error| error.to_string())?,
        };
        i64::try_from(count).map_err(|_| format!("`{text}` is more than can be counted ({})", i64::MAX))
    }

    fn write(self, amount: i64) -> String {
        match self {
            Self::Budget => HumanMoney(amount).to_string(),
            Self::Bandwidth => HumanSize(amount.unsigned_abs()).to_string(),
            _ => HumanCount(amount.unsigned_abs()).to_string(),
        }
    }
}

/// The name of a limit, such as `tokens_per_month`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AmountKey {
    /// What it counts.
    pub quantity: Quantity,
    /// In which window.
    pub period: Period,
}

impl AmountKey {
    /// All limits that there are.
    pub fn all() -> impl Iterator<Item = Self> {
        let of = |quantity: Quantity| Period::ALL.into_iter().map(move |period| Self { quantity, period });
        Quantity::ALL.into_iter().flat_map(of).filter(|key| key.quantity.has_rates() || !key.period.is_rolling())
    }

    /// The limit of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let (quantity, period) = name.split_once("_per_")?;
        Self::all().find(|key| key.quantity.word() == quantity && key.period.word() == period)
    }

    fn described(self) -> String {
        let window = if self.period.is_rolling() { "in any" } else { "in each calendar" };
        format!("{} {window} {}.", self.quantity.described(), self.period.word())
    }
}

impl fmt::Display for AmountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_per_{}", self.quantity.word(), self.period.word())
    }
}

/// What may be consumed, by limit: counts, bytes, or money in 10⁻⁹ USD.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Amounts(pub BTreeMap<AmountKey, i64>);

impl Serialize for Amounts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, amount)| (key.to_string(), key.quantity.write(*amount))))
    }
}

impl<'de> Deserialize<'de> for Amounts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(AmountsVisitor)
    }
}

struct AmountsVisitor;

impl<'de> Visitor<'de> for AmountsVisitor {
    type Value = Amounts;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limits such as `tokens_per_month: 5M`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Amounts, A::Error> {
        let mut amounts = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            let key =
                AmountKey::named(&name).ok_or_else(|| de::Error::custom(format!("there is no limit `{name}`")))?;
            let text = match value {
                Value::String(text) => text,
                Value::Null => continue,
                other => other.to_string(),
            };
            amounts.insert(key, key.quantity.read(&text).map_err(de::Error::custom)?);
        }
        Ok(Amounts(amounts))
    }
}

impl JsonSchema for Amounts {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Amounts".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let property = |key: AmountKey| {
            let mut schema = json!({
                "description": key.described(), "pattern": key.quantity.pattern(), "default": null,
                "type": ["string", "integer"],
            });
            if key.quantity == Quantity::Budget {
                schema["type"] = json!("string");
            }
            (key.to_string(), schema)
        };
        let properties: Map<String, Value> = AmountKey::all().map(property).collect();
        json_schema!({ "type": "object", "properties": properties })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_found_by_its_name() {
        let names: Vec<_> = AmountKey::all().map(|key| key.to_string()).collect();
        assert_eq!(names.len(), 4 * 7 + 2 * 5);
        for (key, name) in AmountKey::all().zip(&names) {
            assert_eq!(AmountKey::named(name), Some(key), "{name}");
        }
        for name in ["tokens_per_fortnight", "bandwidth_per_minute", "budget_per_second", "tokens", "per_month", ""] {
            assert_eq!(AmountKey::named(name), None, "{name}");
        }
    }

    #[test]
    fn amounts_are_read_by_what_they_count() {
        let rows = [
            ("tokens_per_month", json!("5M"), Ok(5_000_000)),
            ("tokens_per_minute", json!(20_000), Ok(20_000)),
            ("bandwidth_per_day", json!("10MiB"), Ok(10 << 20)),
            ("budget_per_month", json!("200 USD"), Ok(200_000_000_000)),
            ("budget_per_month", json!("200 EUR"), Err("USD is the only currency")),
            ("tokens_per_month", json!(-1), Err("is not a count")),
            ("tokens_per_month", json!(1.5), Err("is not a count")),
            ("tokens_per_month", json!("99999999999G"), Err("is not a count")),
            ("tokens_per_month", json!(9_300_000_000_000_000_000_u64), Err("more than can be counted")),
            ("tokens_per_eon", json!(1), Err("there is no limit")),
        ];
        for (name, value, wanted) in rows {
            let read = serde_json::from_value::<Amounts>(json!({ name: value }));
            match (read, wanted) {
                (Ok(read), Ok(amount)) => assert_eq!(read.0.into_values().collect::<Vec<_>>(), [amount], "{name}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{name}: {error}"),
                (read, wanted) => panic!("{name}: {read:?}, {wanted:?}"),
            }
        }
    }
}

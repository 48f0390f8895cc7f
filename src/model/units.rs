//! Quantities as people write them: `250ms 30s 10m 1h`, `64KiB 8MB`, `20000` or `5M`.

use std::{fmt, str::FromStr, time::Duration};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Why a quantity could not be read; the text says what would be right.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{seen}` is not {wanted}")]
pub struct BadUnit {
    seen: String,
    wanted: &'static str,
}

macro_rules! human {
    ($(#[$doc:meta])* $name:ident($inner:ty), $wanted:literal, $pattern:literal, $units:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// Its pattern in the schema.
            pub const PATTERN: &'static str = $pattern;
            const WANTED: &'static str = $wanted;
            const UNITS: &'static [(&'static str, u64)] = $units;

            fn bad(text: &str) -> BadUnit {
                BadUnit { seen: text.to_owned(), wanted: Self::WANTED }
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                #[derive(Deserialize)]
                #[serde(untagged)]
                enum Raw {
                    Number(u64),
                    Text(String),
                }
                let text = match Raw::deserialize(deserializer).map_err(|_| de::Error::custom(concat!("expected ", $wanted)))? {
                    Raw::Number(number) => number.to_string(),
                    Raw::Text(text) => text,
                };
                text.parse().map_err(de::Error::custom)
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
                json_schema!({ "type": ["string", "integer"], "pattern": $pattern, "x-expected": $wanted })
            }
        }
    };
}

human!(
    /// A length of time: `250ms`, `30s`, `10m`, `1h`, `7d`. A unit is required.
    HumanDuration(Duration), "a duration such as 250ms, 30s, 10m or 1h", r"^[0-9]+(ms|s|m|h|d)$",
    &[("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
);
human!(
    /// A size in bytes: `65536`, `64KiB`, `8MB`.
    HumanSize(u64), "a size such as 65536, 64KiB or 8MB", r"^[0-9]+ ?(B|kB|KB|MB|GB|KiB|MiB|GiB)?$",
    &[("", 1), ("B", 1), ("kB", 1_000), ("KB", 1_000), ("MB", 1_000_000), ("GB", 1_000_000_000),
      ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)]
);
human!(
    /// A count: `20000`, `20k`, `5M`.
    HumanCount(u64), "a count such as 20000, 20k or 5M", r"^[0-9]+ ?(k|K|M|G)?$",
    &[("", 1), ("k", 1_000), ("K", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)]
);

fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let unit = text[digits..].trim_start();
    let (_, scale) = units.iter().find(|(name, _)| *name == unit)?;
    text[..digits].parse::<u64>().ok()?.checked_mul(*scale)
}

impl FromStr for HumanDuration {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        let millis = scaled(text, Self::UNITS).ok_or_else(|| Self::bad(text))?;
        Ok(Self(Duration::from_millis(millis)))
    }
}

impl FromStr for HumanSize {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        scaled(text, Self::UNITS).map(Self).ok_or_else(|| Self::bad(text))
    }
}

impl FromStr for HumanCount {
    type Err = BadUnit;

    fn from_str(text: &str) -> Result<Self, BadUnit> {
        scaled(text, Self::UNITS).map(Self).ok_or_else(|| Self::bad(text))
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let millis = self.0.as_millis();
        let (scale, unit) = [(86_400_000, "d"), (3_600_000, "h"), (60_000, "m"), (1_000, "s")]
            .into_iter()
            .find(|(scale, _)| millis > 0 && millis.is_multiple_of(*scale))
            .unwrap_or((1, "ms"));
        write!(f, "{}{unit}", millis / scale)
    }
}

impl fmt::Display for HumanSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scale, unit) = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")]
            .into_iter()
            .find(|(scale, _)| self.0 > 0 && self.0.is_multiple_of(*scale))
            .unwrap_or((1_u64, ""));
        write!(f, "{}{unit}", self.0 / scale)
    }
}

impl fmt::Display for HumanCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_print_alike() {
        for text in ["250ms", "30s", "10m", "1h", "7d", "0ms"] {
            assert_eq!(text.parse::<HumanDuration>().expect(text).to_string(), text);
        }
        for text in ["", "30", "s", "1.5s", "-1s", "99999999999999999999s", "1 fortnight"] {
            assert!(text.parse::<HumanDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_and_counts_scale() {
        assert_eq!("64KiB".parse(), Ok(HumanSize(65536)));
        assert_eq!("8MB".parse(), Ok(HumanSize(8_000_000)));
        assert_eq!("5M".parse(), Ok(HumanCount(5_000_000)));
        assert!("99999999999G".parse::<HumanCount>().is_err());
    }
}

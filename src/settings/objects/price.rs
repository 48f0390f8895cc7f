//! Prices: what tokens cost, where the built-in table does not know or a contract says otherwise.
//!
//! Which price is used for a call, and how its cost is computed, is in `pricing`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tollgate_providers::Kind;

use crate::model::{BackendId, HumanMoney, HumanRate, PriceId};

use super::limits::Percent;

/// Prices of a model or a backend for a time, or a whole table of prices.
///
/// The most particular price that is valid at the call's time counts: one with model and backend before one with model
/// and kind, model, backend, kind; among equals the one valid from the latest moment. Then `price` of the model, `price`
/// of the backend, and the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct Price {
    /// Identifier: usage rows name the price that they were computed with.
    pub id: PriceId,
    /// The model, by the callers' name or by its name at the backend. Left out: every model of the backend or kind.
    #[serde(default)]
    pub model: Option<String>,
    /// Only for this backend.
    #[serde(default)]
    pub backend: Option<BackendId>,
    /// Only for backends of this kind.
    #[serde(default)]
    pub kind: Option<Kind>,
    /// Valid from this date (midnight UTC) or moment. Left out: always was.
    #[serde(default)]
    pub valid_from: Option<Moment>,
    /// No longer valid from this date (midnight UTC) or moment. Left out: until further notice.
    #[serde(default)]
    pub valid_to: Option<Moment>,
    /// A whole table of prices in the format of genai-prices (v2), in place of the built-in one: a file. An entry with
    /// a table names nothing else.
    #[serde(default)]
    #[schemars(extend("format" = "file"))]
    pub table_file: Option<PathBuf>,
    /// The same as text, for the admin API (`tollgate models prices --from FILE` sends it).
    #[serde(default)]
    pub table: Option<String>,
    /// What is charged.
    #[serde(flatten)]
    pub rates: Rates,
}

impl Price {
    /// A price with nothing but an identifier.
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self {
            id: id.into(),
            model: None,
            backend: None,
            kind: None,
            valid_from: None,
            valid_to: None,
            table_file: None,
            table: None,
            rates: Rates::default(),
        }
    }

    /// Whether it is a whole table.
    #[must_use]
    pub fn is_table(&self) -> bool {
        self.table.is_some() || self.table_file.is_some()
    }
}

/// What is charged: prices for a million tokens of each kind. What is left out costs as much as its nearest relative.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
#[schemars(extend("additionalProperties" = false))]
pub struct Rates {
    /// Prompt tokens.
    pub input: Option<HumanRate>,
    /// Prompt tokens that the backend had in its cache. Left out: as `input`.
    pub cached_input: Option<HumanRate>,
    /// Prompt tokens that the backend put into its cache. Left out: as `input`.
    pub cache_write: Option<HumanRate>,
    /// Audio tokens of prompts. Left out: as `input`.
    pub audio_input: Option<HumanRate>,
    /// Image tokens of prompts. Left out: as `input`.
    pub image_input: Option<HumanRate>,
    /// Tokens of answers. Always beside `input`; `0 USD` for embeddings.
    pub output: Option<HumanRate>,
    /// Reasoning tokens. Left out: as `output`.
    pub reasoning: Option<HumanRate>,
    /// Audio tokens of answers. Left out: as `output`.
    pub audio_output: Option<HumanRate>,
    /// Each call, beside its tokens.
    pub per_request: Option<HumanMoney>,
    /// What calls of a batch cost less, in percent.
    pub batch_discount: Option<Percent>,
    /// Other prices for long prompts: they hold for the whole call.
    pub long_prompt: Option<LongPrompt>,
}

impl Rates {
    /// Whether nothing is said of what anything costs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Prices of calls with a long prompt. What is left out costs as in short ones.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LongPrompt {
    /// Prompts of more tokens than this.
    pub above: crate::model::HumanCount,
    /// Prompt tokens.
    #[serde(default)]
    pub input: Option<HumanRate>,
    /// Prompt tokens that the backend had in its cache.
    #[serde(default)]
    pub cached_input: Option<HumanRate>,
    /// Tokens of answers, reasoning included.
    #[serde(default)]
    pub output: Option<HumanRate>,
}

/// A date (its midnight in UTC) or a moment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(inline, with = "String", extend("format" = "date-or-moment"))]
pub struct Moment {
    text: String,
    at: jiff::Timestamp,
}

impl Moment {
    /// The moment.
    #[must_use]
    pub fn at(&self) -> jiff::Timestamp {
        self.at
    }
}

impl TryFrom<String> for Moment {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let date = |text: &str| text.parse::<jiff::civil::Date>().ok()?.to_zoned(jiff::tz::TimeZone::UTC).ok();
        let is_date = text.len() == 10;
        let at = if is_date { date(&text).map(|zoned| zoned.timestamp()) } else { text.parse().ok() };
        let at = at.ok_or_else(|| format!("`{text}` is not a date such as 2027-01-31 or a moment"))?;
        Ok(Self { text, at })
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_begin_at_midnight_utc_and_moments_are_themselves() {
        let rows = [
            ("2026-01-01", Some("2026-01-01T00:00:00Z")),
            ("2026-01-01T12:00:00+02:00", Some("2026-01-01T10:00:00Z")),
            ("2026-02-30", None),
            ("2026-1-1", None),
            ("tomorrow", None),
            ("2026-01-01T12:00:00", None),
        ];
        for (text, wanted) in rows {
            let read = Moment::try_from(text.to_owned()).ok();
            assert_eq!(read.as_ref().map(|moment| moment.at().to_string()), wanted.map(str::to_owned), "{text}");
            assert_eq!(read.map(String::from), wanted.map(|_| text.to_owned()), "{text}");
        }
    }
}

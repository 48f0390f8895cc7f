//! Limits: what a product, subscription, user, API or model may consume, and in which window.
//!
//! One mapping, or a list of them where parts differ in models, counters or severity. Which counters they become is
//! decided in `snapshot`, how counters count in `limits`.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::amounts::Amounts;

/// Sets of limits. All of them hold at once.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Limits(pub Vec<LimitSet>);

impl Limits {
    /// Whether nothing is limited.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Limits that share what they apply to and how strictly they hold.
///
/// `..._per_second` and `..._per_minute` are rates over a rolling window; an hour or longer is a quota of the calendar
/// (hour, day, week from Monday, month, year) in `time_zone`, kept in the database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[schemars(extend("additionalProperties" = false))]
pub struct LimitSet {
    /// What may be consumed in a window, by quantity and window.
    #[serde(flatten)]
    pub amounts: Amounts,
    /// Requests open at once. Lower it where a backend suffers from many at a time.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub concurrency: Option<u32>,
    /// Who has a counter of their own. Left out: each `subscription` for the limits of products and subscriptions,
    /// and the object itself for the limits of users, APIs, models and backends. `product` on a product is one counter that all
    /// its subscriptions share.
    #[serde(default)]
    pub per: Option<Per>,
    /// Only calls of these models count and are limited. Left out: all calls.
    #[serde(default)]
    pub models: Option<Vec<String>>,
    /// What is held for an answer until its real size is known. `strict` never lets a quota be passed and may ask
    /// callers for `max_tokens`; `adaptive` holds what answers usually need once the quota runs low; `after` counts
    /// only what was used, so that calls at the same moment may pass it together.
    #[serde(default)]
    pub reserve: Reserve,
    /// Decide and report, but let pass: to see what a limit would do before it does.
    #[serde(default)]
    pub shadow: bool,
    /// Let pass what exceeds these limits, and tell of it by `alerts`: a budget that warns.
    #[serde(default)]
    pub soft: bool,
    /// Time zone of the calendar windows (IANA), such as `Europe/Berlin`. Left out: the product's `time_zone`, else
    /// UTC.
    #[serde(default)]
    #[schemars(extend("format" = "time-zone"))]
    pub time_zone: Option<String>,
    /// Least number of output tokens that an answer is worth sending for: a call that has less left is refused rather
    /// than cut off.
    #[serde(default = "sixteen")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_output: u32,
    /// Calls of models without a price, under a budget: `pass` lets them through uncounted and reports them as
    /// unpriced; `refuse` answers 400 until the model has a price. `reserve: strict` always refuses them.
    #[serde(default)]
    pub unpriced: Unpriced,
    /// Percentages of a quota that `server.alerts` is told of, once a window. Left out: 50, 80 and 100 for budgets and
    /// soft limits, none for others.
    #[serde(default)]
    pub alerts: Option<Vec<Percent>>,
}

impl Default for LimitSet {
    fn default() -> Self {
        Self {
            amounts: Amounts::default(),
            concurrency: None,
            per: None,
            models: None,
            reserve: Reserve::default(),
            shadow: false,
            soft: false,
            time_zone: None,
            min_output: sixteen(),
            unpriced: Unpriced::default(),
            alerts: None,
        }
    }
}

impl LimitSet {
    /// The percentages that are told of: those written, or the default for what the set limits.
    #[must_use]
    pub fn alerts_for(&self, is_budget: bool) -> Vec<u8> {
        match &self.alerts {
            Some(written) => written.iter().map(|percent| percent.0).collect(),
            None if is_budget || self.soft => vec![50, 80, 100],
            None => Vec::new(),
        }
    }
}

/// Least output of an answer, in tokens, where nothing else is said (ACCOUNTING, section 2).
fn sixteen() -> u32 {
    16
}

/// A percentage of a limit, 1 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
#[schemars(inline)]
pub struct Percent(#[schemars(range(min = 1, max = 100))] pub u8);

/// Who has a counter of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Per {
    /// Each subscription.
    Subscription,
    /// Each product.
    Product,
    /// Each user; subscriptions without a user count for themselves.
    User,
    /// Each API.
    Api,
    /// Each model, following the one that really answers after a failover.
    Model,
    /// The backend that really answers: for the limits of backends only.
    Backend,
}

impl Per {
    /// The word in the configuration.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Product => "product",
            Self::User => "user",
            Self::Api => "api",
            Self::Model => "model",
            Self::Backend => "backend",
        }
    }
}

impl fmt::Display for Per {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// What is held for an answer until its real size is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Reserve {
    /// The worst case, always: the quota is never passed.
    Strict,
    /// The worst case while there is room, what answers usually need when there is little.
    #[default]
    Adaptive,
    /// Nothing: only what was used is counted, afterwards.
    After,
}

/// What becomes of calls under a budget whose model has no price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Unpriced {
    /// They pass uncounted, and are listed as unpriced.
    #[default]
    Pass,
    /// They are refused.
    Refuse,
}

impl Serialize for Limits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.as_slice() {
            [one] => one.serialize(serializer),
            many => many.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Limits {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Many(Vec<LimitSet>),
            One(Box<LimitSet>),
        }
        Ok(Self(match Raw::deserialize(deserializer)? {
            Raw::Many(many) => many,
            Raw::One(one) => vec![*one],
        }))
    }
}

impl JsonSchema for Limits {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let set = generator.subschema_for::<LimitSet>();
        json_schema!({ "anyOf": [set, { "type": "array", "items": set }] })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_set_or_several_are_read_and_written_as_they_were() {
        let one = json!({"tokens_per_month": "5000000", "budget_per_month": "200.00 USD"});
        let limits: Limits = serde_json::from_value(one).expect("good");
        assert_eq!(limits.0.len(), 1);
        let back = serde_json::to_value(&limits).expect("writes");
        assert_eq!((&back["tokens_per_month"], &back["budget_per_month"]), (&json!("5000000"), &json!("200.00 USD")));
        assert_eq!(serde_json::from_value::<Limits>(back).expect("good"), limits);

        let two = Limits(vec![limits.0[0].clone(), LimitSet { min_output: 1, ..limits.0[0].clone() }]);
        let back = serde_json::to_value(&two).expect("writes");
        assert_eq!(serde_json::from_value::<Limits>(back).expect("good"), two);
    }

    #[test]
    fn budgets_and_soft_limits_alert_unless_told_otherwise() {
        let set = LimitSet::default();
        assert_eq!((set.alerts_for(true), set.alerts_for(false)), (vec![50, 80, 100], vec![]));
        let soft = LimitSet { soft: true, ..LimitSet::default() };
        assert_eq!(soft.alerts_for(false), [50, 80, 100]);
        let own = LimitSet { alerts: Some(vec![Percent(90)]), ..LimitSet::default() };
        assert_eq!((own.alerts_for(true), own.alerts_for(false)), (vec![90], vec![90]));
    }
}

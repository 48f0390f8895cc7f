//! A usage row as the database keeps it: the columns of `usage_rows` in one place for every adapter, with the form of
//! them that the chain's codes are made of.
//!
//! [`facts`] makes columns of a row, [`Booked::row`] a row of columns. Codes cover the columns as they are stored, so
//! that whatever is changed in the database is noticed, and nothing else is.

use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use tollgate_providers::{Certainty, Usage};
use uuid::Uuid;

use super::{
    super::{
        StoreError,
        decode::nanos,
        sums::{buckets, clamped},
    },
    series::Series,
};
use crate::{
    exchange::{Attempt, Charge, Cost, Intent, Measure, Outcome, Settle, UsageRow},
    model::{Timestamp, varint},
};

/// A value of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// An integer, a truth value (0 or 1), a time or a duration.
    Int(i64),
    /// A text.
    Text(Arc<str>),
    /// Bytes.
    Bytes(Vec<u8>),
}

/// What kind of values a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// [`Value::Int`].
    Int,
    /// [`Value::Text`].
    Text,
    /// [`Value::Bytes`].
    Bytes,
}

/// The columns that a row's facts are in, in the order of [`facts`]. The place of a row (chain, link, code), its
/// series and its charges are columns too, but their values are numbers of other tables.
pub const FACTS: [(&str, Kind); 30] = [
    ("request_id", Kind::Bytes),
    ("time", Kind::Int),
    ("client_request_id", Kind::Text),
    ("end_user", Kind::Text),
    ("metadata", Kind::Text),
    ("outcome", Kind::Text),
    ("status", Kind::Int),
    ("error", Kind::Text),
    ("asked_model", Kind::Text),
    ("asked_stream", Kind::Int),
    ("streamed", Kind::Int),
    ("cache", Kind::Text),
    ("certainty", Kind::Text),
    ("estimated_input", Kind::Int),
    ("input_tokens", Kind::Int),
    ("cached_input_tokens", Kind::Int),
    ("cache_write_tokens", Kind::Int),
    ("audio_input_tokens", Kind::Int),
    ("image_input_tokens", Kind::Int),
    ("output_tokens", Kind::Int),
    ("reasoning_tokens", Kind::Int),
    ("audio_output_tokens", Kind::Int),
    ("cost_nanos", Kind::Int),
    ("price_version", Kind::Text),
    ("saved_tokens", Kind::Int),
    ("saved_nanos", Kind::Int),
    ("ttft_nanos", Kind::Int),
    ("duration_nanos", Kind::Int),
    ("bytes_in", Kind::Int),
    ("bytes_out", Kind::Int),
];

/// When a request of these facts began, in nanoseconds.
pub fn began(facts: &[Value]) -> i64 {
    match facts[1] {
        Value::Int(time) => time,
        _ => 0,
    }
}

/// Where the buckets of tokens are in [`FACTS`].
pub const TOKENS: std::ops::Range<usize> = 14..22;

/// Where the cost is in [`FACTS`].
pub const COST: usize = 22;

/// The columns of a row.
pub fn facts(row: &UsageRow) -> Vec<Value> {
    let UsageRow { intent, settle } = row;
    let asked = settle.model.as_ref().and(intent.model.as_deref());
    let mut facts = Vec::with_capacity(FACTS.len());
    facts.extend([
        Value::Bytes(intent.id.as_bytes().to_vec()),
        int(intent.time.as_nanos()),
        text(intent.client_request_id.as_deref()),
        text(intent.end_user.as_deref()),
        labels(&intent.metadata),
        text(Some(settle.outcome.as_str())),
        int(u64::from(settle.status)),
        text(settle.error.as_deref()),
        text(asked),
        int(u64::from(intent.streamed)),
        int(u64::from(settle.streamed)),
        text(settle.cache.as_deref()),
        text(Some(certainty_word(settle.certainty))),
        int(intent.input_tokens),
    ]);
    facts.extend(buckets(&settle.usage).map(|tokens| tokens.map_or(Value::Null, int)));
    facts.extend([
        settle.cost.as_ref().map_or(Value::Null, |cost| Value::Int(cost.nanos)),
        text(settle.cost.as_ref().map(|cost| &*cost.price_version)),
        int(settle.saved_tokens),
        Value::Int(settle.saved_nanos),
        settle.ttft_nanos.map_or(Value::Null, int),
        int(settle.duration_nanos),
        int(settle.bytes_in),
        int(settle.bytes_out),
    ]);
    facts
}

fn int(value: u64) -> Value {
    Value::Int(clamped(value))
}

/// Empty texts are not kept apart from none.
fn text(value: Option<&str>) -> Value {
    value.filter(|text| !text.is_empty()).map_or(Value::Null, |text| Value::Text(storable(text)))
}

/// A text without the character U+0000, which not every database takes: no caller can make a row that cannot be
/// written.
pub fn storable(text: &str) -> Arc<str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

fn labels(metadata: &[(Arc<str>, Arc<str>)]) -> Value {
    if metadata.is_empty() {
        return Value::Null;
    }
    Value::Text(serde_json::to_string(&Labels(metadata.to_vec())).expect("texts are JSON").into())
}

const fn certainty_word(certainty: Certainty) -> &'static str {
    match certainty {
        Certainty::Unknown => "unknown",
        Certainty::LowerBound => "lower_bound",
        Certainty::Estimated => "estimated",
        Certainty::Exact => "exact",
    }
}

/// Appends the form of a row that its code is made of: every value with its kind and length, so that no two rows have
/// one form.
pub fn canonical(to: &mut Vec<u8>, facts: &[Value], series: &Series, charges: &[Charge], attempts: &[Attempt]) {
    for value in facts {
        put(to, value);
    }
    for value in &series.0 {
        put_bytes(to, value.as_bytes());
    }
    varint::put(to, charges.len() as u64);
    for charge in charges {
        put_bytes(to, charge.account.as_bytes());
        put_bytes(to, measure_word(charge.measure).as_bytes());
        varint::put_signed(to, nanos(charge.window));
        varint::put_signed(to, nanos(charge.until));
        varint::put_signed(to, charge.amount);
    }
    varint::put(to, attempts.len() as u64);
    for attempt in attempts {
        put_bytes(to, attempt.backend.as_str().as_bytes());
        varint::put_signed(to, attempt.status.map_or(-1, i64::from));
        put(to, &text(attempt.fault.as_deref()));
        varint::put_signed(to, clamped(attempt.began_nanos));
        varint::put_signed(to, clamped(attempt.took_nanos));
    }
}

fn put(to: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => to.push(0),
        Value::Int(value) => {
            to.push(1);
            varint::put_signed(to, *value);
        }
        Value::Text(value) => {
            to.push(2);
            put_bytes(to, value.as_bytes());
        }
        Value::Bytes(value) => {
            to.push(3);
            put_bytes(to, value);
        }
    }
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    varint::put(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

/// The word of a measure in the database.
pub const fn measure_word(measure: Measure) -> &'static str {
    match measure {
        Measure::Requests => "requests",
        Measure::Tokens => "tokens",
        Measure::InputTokens => "input_tokens",
        Measure::OutputTokens => "output_tokens",
        Measure::Bytes => "bytes",
        Measure::Nanos => "nanos",
    }
}

/// The measure of a word.
///
/// # Errors
/// There is none.
pub fn measure(word: &str) -> Result<Measure, StoreError> {
    const ALL: [Measure; 6] = [
        Measure::Requests,
        Measure::Tokens,
        Measure::InputTokens,
        Measure::OutputTokens,
        Measure::Bytes,
        Measure::Nanos,
    ];
    let found = ALL.into_iter().find(|measure| measure_word(*measure) == word);
    found.ok_or_else(|| StoreError::Corrupt(format!("a balance of the unknown measure `{word}`")))
}

/// A row as it was read, with what other tables say of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Booked {
    /// Its columns, in the order of [`FACTS`].
    pub facts: Vec<Value>,
    /// Its series.
    pub series: Arc<Series>,
    /// Its charges.
    pub charges: Vec<Charge>,
    /// Its attempts.
    pub attempts: Vec<Attempt>,
}

impl Booked {
    /// The request's id; nil when the column does not hold one.
    pub fn id(&self) -> Uuid {
        match &self.facts[0] {
            Value::Bytes(bytes) => Uuid::from_slice(bytes).unwrap_or_default(),
            _ => Uuid::nil(),
        }
    }

    /// When the request began, in nanoseconds.
    pub fn began(&self) -> i64 {
        began(&self.facts)
    }

    /// The row that was booked.
    ///
    /// # Errors
    /// A column does not hold what this version writes.
    pub fn row(self) -> Result<UsageRow, StoreError> {
        let id = self.id();
        self.try_row().ok_or_else(|| StoreError::Corrupt(format!("a usage row that is none, of request {id}")))
    }

    fn try_row(self) -> Option<UsageRow> {
        let mut facts = Reader(self.facts.iter());
        let [subscription, product, user, api, operation, workspace, model, upstream_model, backend, currency] =
            self.series.0.clone();
        let amounts = self.charges.iter().map(|charge| charge.amount).collect();
        let mut intent = Intent {
            id: facts.id()?,
            time: Timestamp::from_nanos(facts.count()?),
            client_request_id: facts.text()?,
            subscription: some(&subscription),
            product: some(&product),
            user: some(&user),
            api: some(&api),
            operation: some(&operation),
            workspace: some(&workspace),
            model: Some(model.clone()).filter(|model| !model.is_empty()),
            end_user: facts.text()?,
            metadata: facts.labels()?,
            streamed: false,
            input_tokens: 0,
            charges: self.charges,
        };
        let (outcome, status, error) = (facts.outcome()?, u16::try_from(facts.count()?).ok()?, facts.text()?);
        let asked = facts.text()?;
        let settled_model = asked.is_some().then_some(model);
        intent.model = asked.or(intent.model);
        intent.streamed = facts.count()? != 0;
        let (streamed, cache, certainty) = (facts.count()? != 0, facts.text()?, facts.certainty()?);
        intent.input_tokens = facts.count()?;
        Some(UsageRow {
            settle: Settle {
                id: intent.id,
                outcome,
                status,
                error,
                streamed,
                model: settled_model,
                upstream_model: Some(upstream_model).filter(|model| !model.is_empty()),
                backend: some(&backend),
                usage: facts.usage()?,
                certainty,
                cost: facts.cost(currency)?,
                saved_tokens: facts.count()?,
                saved_nanos: facts.int()??,
                cache,
                amounts,
                attempts: self.attempts,
                ttft_nanos: facts.optional()?,
                duration_nanos: facts.count()?,
                bytes_in: facts.count()?,
                bytes_out: facts.count()?,
            },
            intent,
        })
    }
}

fn some<T: for<'a> From<&'a str>>(text: &str) -> Option<T> {
    (!text.is_empty()).then(|| text.into())
}

/// Takes values off, in order; `None` where the value is of another kind, `Some(None)` where there is none.
struct Reader<'a>(std::slice::Iter<'a, Value>);

#[expect(clippy::option_option, reason = "a wrong value and a missing one are two things")]
impl Reader<'_> {
    fn id(&mut self) -> Option<Uuid> {
        match self.0.next()? {
            Value::Bytes(bytes) => Uuid::from_slice(bytes).ok(),
            _ => None,
        }
    }

    fn int(&mut self) -> Option<Option<i64>> {
        match self.0.next()? {
            Value::Int(value) => Some(Some(*value)),
            Value::Null => Some(None),
            _ => None,
        }
    }

    fn optional(&mut self) -> Option<Option<u64>> {
        self.int()?.map(u64::try_from).transpose().ok()
    }

    fn count(&mut self) -> Option<u64> {
        self.optional()?
    }

    fn text(&mut self) -> Option<Option<Arc<str>>> {
        match self.0.next()? {
            Value::Text(value) => Some(Some(value.clone())),
            Value::Null => Some(None),
            _ => None,
        }
    }

    fn labels(&mut self) -> Option<Vec<(Arc<str>, Arc<str>)>> {
        match self.text()? {
            None => Some(Vec::new()),
            Some(text) => serde_json::from_str::<Labels>(&text).ok().map(|labels| labels.0),
        }
    }

    fn outcome(&mut self) -> Option<Outcome> {
        const ALL: [Outcome; 8] = [
            Outcome::Complete,
            Outcome::Refused,
            Outcome::UpstreamError,
            Outcome::UpstreamCut,
            Outcome::ClientGone,
            Outcome::Ended,
            Outcome::Abandoned,
            Outcome::LimitReached,
        ];
        let word = self.text()??;
        ALL.into_iter().find(|outcome| outcome.as_str() == &*word)
    }

    fn certainty(&mut self) -> Option<Certainty> {
        let word = self.text()??;
        [Certainty::Unknown, Certainty::LowerBound, Certainty::Estimated, Certainty::Exact]
            .into_iter()
            .find(|certainty| certainty_word(*certainty) == &*word)
    }

    fn usage(&mut self) -> Option<Usage> {
        Some(Usage {
            input: self.optional()?,
            cached_input: self.optional()?,
            cache_write: self.optional()?,
            audio_input: self.optional()?,
            image_input: self.optional()?,
            output: self.optional()?,
            reasoning: self.optional()?,
            audio_output: self.optional()?,
        })
    }

    fn cost(&mut self, currency: Arc<str>) -> Option<Option<Cost>> {
        let (nanos, version) = (self.int()?, self.text()?);
        Some(nanos.map(|nanos| Cost { nanos, currency, price_version: version.unwrap_or_default() }))
    }
}

/// Labels as a JSON object that keeps their order, and several of one name.
struct Labels(Vec<(Arc<str>, Arc<str>)>);

impl Serialize for Labels {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, value)| (&**name, &**value)))
    }
}

impl<'de> Deserialize<'de> for Labels {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> de::Visitor<'de> for Pairs {
            type Value = Labels;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<Labels, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, String>()? {
                    pairs.push((name.into(), value.into()));
                }
                Ok(Labels(pairs))
            }
        }
        from.deserialize_map(Pairs)
    }
}

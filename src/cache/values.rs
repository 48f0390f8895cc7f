//! Values of policies in the store that several gateways share, with the memory of this process in front.
//!
//! A value here is believed for a second, then asked for there; while the store is away the memory is all there is.
//! Plain values and JSON are shared; values of other types (XML, collections) stay in the gateway that made them.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{Cache, Found, Purpose, shared::Shared};
use crate::{
    expression::{Value, value::Json},
    model::Timestamp,
};

/// How long a value is believed without asking.
const BELIEVED: Duration = Duration::from_secs(1);

/// A value as bytes.
#[derive(Serialize, Deserialize)]
struct Packed {
    /// Its own key: a store that gives another one's bytes is not believed.
    key: String,
    value: Plain,
    until: Timestamp,
    stale: Option<Timestamp>,
}

#[derive(Serialize, Deserialize)]
enum Plain {
    Null,
    Bool(bool),
    Char(char),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(String),
    Bytes(Vec<u8>),
    Json(String),
}

impl Plain {
    /// `None`: a value that is not shared.
    fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Char(value) => Self::Char(*value),
            Value::Int(value) => Self::Int(*value),
            Value::Long(value) => Self::Long(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Text(text) => Self::Text(text.to_string()),
            Value::Bytes(bytes) => Self::Bytes(bytes.to_vec()),
            Value::Json(_) => Self::Json(value.to_text().to_string()),
            _ => return None,
        })
    }

    fn value(self) -> Option<Value> {
        Some(match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(value),
            Self::Char(value) => Value::Char(value),
            Self::Int(value) => Value::Int(value),
            Self::Long(value) => Value::Long(value),
            Self::Double(value) => Value::Double(value),
            Self::Text(text) => Value::from(&*text),
            Self::Bytes(bytes) => Value::Bytes(bytes.into()),
            Self::Json(text) => Value::Json(Json::parse(&text).ok()?),
        })
    }
}

impl Cache {
    /// Whether there is a store beside the process.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.shared.is_some()
    }

    /// The value of a key, here or there.
    pub async fn shared_value(&self, key: &str) -> Option<Found> {
        let Some(store) = &self.shared else { return self.value(key) };
        let now = self.clock.ticks();
        if self.get(Purpose::Value, key).is_some_and(|entry| now.since(entry.put) < BELIEVED) {
            return self.value(key);
        }
        match store.get(&name(key)).await {
            // Away: what is here is all there is.
            None => {}
            Some(None) => self.drop_unless_own(key),
            Some(Some(bytes)) => self.adopt(key, &bytes),
        }
        self.value(key)
    }

    /// Keeps a value, here and there; false when it is too large for the whole cache. Nobody waits for the other store.
    pub fn share_value(&self, key: &str, value: Value, lasts: Duration, stale_after: Option<Duration>) -> bool {
        let now = self.clock.now();
        let plain = self.shared.as_ref().and_then(|_| Plain::of(&value));
        let is_kept = self.store_value(key, value, lasts, stale_after);
        let packed = plain.map(|value| Packed {
            key: key.to_owned(),
            value,
            until: now.plus(lasts),
            stale: stale_after.map(|after| now.plus(after)),
        });
        let bytes = packed.filter(|_| is_kept).and_then(|packed| postcard::to_stdvec(&packed).ok());
        if let (Some(store), Some(bytes), Ok(runtime)) = (&self.shared, bytes, tokio::runtime::Handle::try_current()) {
            runtime.spawn(keep(store.clone(), name(key), bytes, lasts));
        }
        is_kept
    }

    /// Forgets a value, here and there; false: the other store could not be asked.
    pub async fn forget_value(&self, key: &str) -> bool {
        let told = match &self.shared {
            None => true,
            Some(store) => store.remove(&name(key)).await,
        };
        self.remove_value(key);
        told
    }

    /// Forgets a value, or only looks whether there is one: how many there were here, and whether the shared store was
    /// told (`None`: there is none).
    pub async fn purge_value(&self, key: &str, is_dry_run: bool) -> (u64, Option<bool>) {
        let count = u64::from(self.shared_value(key).await.is_some());
        if is_dry_run {
            return (count, None);
        }
        let is_told = self.forget_value(key).await;
        (count, self.is_shared().then_some(is_told))
    }

    /// What is not there any more was removed by another gateway; what is not shared is only here.
    fn drop_unless_own(&self, key: &str) {
        if self.value(key).is_some_and(|found| Plain::of(&found.value).is_some()) {
            self.remove_value(key);
        }
    }

    fn adopt(&self, key: &str, bytes: &[u8]) {
        let Ok(packed) = postcard::from_bytes::<Packed>(bytes) else { return };
        if packed.key != key {
            return;
        }
        let now = self.clock.now();
        let (lasts, stale) = (packed.until.since(now), packed.stale.map(|stale| stale.since(now)));
        if let Some(value) = packed.value.value() {
            self.store_value(key, value, lasts, stale);
        }
    }
}

async fn keep(store: Arc<Shared>, name: String, bytes: Vec<u8>, lasts: Duration) {
    // It has told of its failure itself, and nobody depends on it.
    store.set_behind(&name, &bytes, lasts).await;
}

fn name(key: &str) -> String {
    format!("value2:{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_values_keep_their_type() {
        let json = Json::parse(r#"{"a":[1,null]}"#).expect("JSON");
        let rows = [
            Value::Null,
            Value::Bool(true),
            Value::Char('ä'),
            Value::Int(-1),
            Value::Long(1 << 40),
            Value::Double(0.5),
            Value::from("text"),
            Value::Bytes([0, 255].as_slice().into()),
            Value::Json(json),
        ];
        for value in rows {
            let bytes = postcard::to_stdvec(&Plain::of(&value).expect("is shared")).expect("packs");
            let back: Plain = postcard::from_bytes(&bytes).expect("unpacks");
            let back = back.value().expect("a value");
            assert_eq!(back.to_text(), value.to_text());
            assert_eq!(std::mem::discriminant(&back), std::mem::discriminant(&value));
        }
    }
}

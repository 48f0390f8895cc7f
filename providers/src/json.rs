//! Reading a JSON object's top level without building a tree: borrowed keys, raw values, spans by offset.
//!
//! Deliberately not here: any meaning of the fields.

use std::{borrow::Cow, fmt, ops::Range};

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, SeqAccess, Visitor},
};
use serde_json::value::RawValue;

use crate::stored::{StoredKind, StoredRef};

/// A JSON object's key, borrowed unless it was spelled with escapes.
pub(crate) struct Key<'a>(pub Cow<'a, str>);

impl<'de> Deserialize<'de> for Key<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Key<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a key")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Borrowed(text)))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Key(Cow::Owned(text.to_owned())))
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// The members of a JSON object in their order, values unread.
pub(crate) struct Members<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::with_capacity(16);
                while let Some((Key(key), value)) = map.next_entry::<Key<'de>, &'de RawValue>()? {
                    members.push((key, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

impl<'a> Members<'a> {
    /// The value of the last member of that name, as JSON readers usually take it.
    pub(crate) fn get(&self, name: &str) -> Option<&'a RawValue> {
        self.0.iter().rev().find(|(key, _)| key == name).map(|(_, value)| *value)
    }

    /// A key that occurs twice, also when one of them is spelled with escapes.
    pub(crate) fn duplicate(&self) -> Option<&str> {
        let mut keys: Vec<&str> = self.0.iter().map(|(key, _)| &**key).collect();
        keys.sort_unstable();
        keys.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0])
    }
}

/// The elements of a JSON array, unread.
pub(crate) struct Elements<'a>(pub Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::<&'de RawValue>::deserialize(deserializer).map(Elements)
    }
}

/// Where a text tells of objects and gives no access to them: what an earlier answer cites, what a search found. They may
/// be the provider's own, such as the files of a container or a vector store.
fn is_told(key: &str) -> bool {
    matches!(key, "annotations" | "citations" | "results")
}

/// Every string that stands under one of the wanted keys, or in an array under it, at any depth.
pub(crate) struct Collect<'c> {
    /// Decides by key.
    wanted: fn(&str) -> Option<StoredKind>,
    /// Keys under which an object has a meaning of its own and is not entered.
    foreign: fn(&str) -> bool,
    /// Where the strings go.
    found: &'c mut Vec<StoredRef>,
    /// What this very value refers to, when it stands under a wanted key.
    here: Option<StoredKind>,
    /// Whether this very value stands under a foreign key.
    outside: bool,
}

impl<'c> Collect<'c> {
    /// Collects from a whole document.
    pub(crate) fn new(
        wanted: fn(&str) -> Option<StoredKind>,
        foreign: fn(&str) -> bool,
        found: &'c mut Vec<StoredRef>,
    ) -> Self {
        Self { wanted, foreign, found, here: None, outside: false }
    }

    fn below(&mut self, here: Option<StoredKind>, outside: bool) -> Collect<'_> {
        Collect { wanted: self.wanted, foreign: self.foreign, found: &mut *self.found, here, outside }
    }
}

impl<'de> serde::de::DeserializeSeed<'de> for Collect<'_> {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Collect<'_> {
    type Value = ();
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if let Some(kind) = self.here {
            self.found.push(StoredRef { kind, id: text.to_owned() });
        }
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(mut self, mut seq: A) -> Result<(), A::Error> {
        let here = self.here;
        while seq.next_element_seed(self.below(here, false))?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        if self.outside {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(());
        }
        while let Some(Key(key)) = map.next_key::<Key<'de>>()? {
            if is_told(&key) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let (here, outside) = ((self.wanted)(&key), (self.foreign)(&key));
            map.next_value_seed(self.below(here, outside))?;
        }
        Ok(())
    }
}

/// A name as readers take it that match names without regard to case (Go folds U+017F and U+212A into ASCII too).
pub(crate) fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
        return Cow::Borrowed(name);
    }
    let fold = |c: char| match c {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other.to_ascii_lowercase(),
    };
    Cow::Owned(name.chars().map(fold).collect())
}

/// Where `part`, a slice of `whole`, lies in it.
pub(crate) fn span(whole: &str, part: &str) -> Range<usize> {
    let start = part.as_ptr() as usize - whole.as_ptr() as usize;
    start..start + part.len()
}

/// A value of the wanted type, or nothing: for fields that must not make the whole fail.
pub(crate) fn lenient<'a, T: Deserialize<'a>>(raw: Option<&'a RawValue>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// More tokens than any answer has: larger figures are junk.
const MOST_TOKENS: u64 = 1_000_000_000_000;

/// A count of tokens as a provider may be trusted with it: a whole number from 0 to 10^12, else nothing.
pub(crate) fn count(raw: Option<&RawValue>) -> Option<u64> {
    raw?.get().parse().ok().filter(|count| *count <= MOST_TOKENS)
}

/// A member's value that is an object, taken apart.
pub(crate) fn object(raw: Option<&RawValue>) -> Option<Members<'_>> {
    raw.filter(|raw| raw.get().starts_with('{')).and_then(|raw| lenient(Some(raw)))
}

/// Whether a value says anything: not null, nor an empty string, array or object.
pub(crate) fn says_something(raw: Option<&RawValue>) -> bool {
    let Some(text) = raw.map(RawValue::get) else { return false };
    let inside = || text[1..text.len() - 1].trim_ascii();
    match text.as_bytes().first() {
        Some(b'"') => text.len() > 2,
        Some(b'[' | b'{') => !inside().is_empty(),
        _ => text != "null",
    }
}

//! Labels for chargeback out of a request's body: what the operator has named, and nothing else.

use serde_json::value::RawValue;

use crate::json::{Members, lenient, object};

/// Longest value that is kept, in characters.
const LONGEST: usize = 256;

/// The scalars that `body` has under these names: top-level ones, or inside `metadata` written `metadata.NAME`. What
/// is missing, no scalar or no JSON gives none.
#[must_use]
pub fn labels(body: &[u8], names: &[String]) -> Vec<(String, String)> {
    let Ok(members) = serde_json::from_slice::<Members<'_>>(body) else { return Vec::new() };
    let metadata = object(members.get("metadata"));
    let value = |name: &String| match name.strip_prefix("metadata.") {
        Some(inner) => metadata.as_ref()?.get(inner),
        None => members.get(name),
    };
    names.iter().filter_map(|name| Some((name.clone(), scalar(value(name)?)?))).collect()
}

fn scalar(raw: &RawValue) -> Option<String> {
    let text: Option<String> = lenient(Some(raw));
    let plain = || Some(raw.get().to_owned()).filter(|raw| !raw.starts_with(['{', '[', 'n', '"']));
    text.or_else(plain).map(|text| cleaned(&text))
}

/// A value as it is kept: no control characters, not endless.
#[must_use]
pub fn cleaned(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_scalars_are_taken_and_nothing_else() {
        let body =
            br#"{"model":"m","project":"p\u0007x","metadata":{"team":"a","deep":{"x":1}},"n":3,"no":null,"ok":true}"#;
        let names: Vec<String> =
            ["project", "metadata.team", "metadata.deep", "metadata.none", "n", "no", "ok"].map(str::to_owned).into();
        let expected = [("project", "px"), ("metadata.team", "a"), ("n", "3"), ("ok", "true")];
        let found = labels(body, &names);
        let found: Vec<(&str, &str)> = found.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(found, expected);
        assert!(labels(b"not json", &names).is_empty());
    }
}

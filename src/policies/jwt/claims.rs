//! What a token has to claim: time, issuer, audience, and the claims that a document asks for. Each claim has the type that
//! the standard gives it (RFC 7519, section 4.1), or the token is none.

use std::time::Duration;

use serde_json::{Map, Value};

use super::Refusal;
use crate::model::Timestamp;

type Claims = Map<String, Value>;

/// A claim that a document asks for, with the values of this exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Name.
    pub name: String,
    /// Whether every value must be there, rather than one.
    pub all: bool,
    /// What the claim's text is split by.
    pub separator: Option<String>,
    /// Values; none: it must be there.
    pub values: Vec<String>,
}

/// Checks the time: `exp`, `nbf`, `iat`.
pub fn time(claims: &Claims, needs_end: bool, skew: Duration, now: Timestamp) -> Result<(), Refusal> {
    #[expect(clippy::cast_precision_loss, reason = "seconds since 1970 fit into 52 bits for a very long time")]
    let now = now.as_secs() as f64;
    let (end, start) = (moment(claims, "exp")?, moment(claims, "nbf")?);
    moment(claims, "iat")?;
    let skew = skew.as_secs_f64();
    match end {
        None if needs_end => Err(Refusal::new("JwtInvalid", "The token has no expiration time (`exp`).")),
        Some(end) if now >= end + skew => Err(Refusal::new("TokenExpired", "The token is expired.")),
        _ if start.is_some_and(|start| start > now + skew) => {
            Err(Refusal::new("JwtInvalid", "The token is not valid yet (`nbf`)."))
        }
        _ => Ok(()),
    }
}

/// A `NumericDate`: a number of seconds since 1970.
fn moment(claims: &Claims, name: &str) -> Result<Option<f64>, Refusal> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => match value.as_f64().filter(|number| number.is_finite()) {
            Some(number) => Ok(Some(number)),
            None => Err(mistyped(name, "a number")),
        },
    }
}

fn mistyped(name: &str, wanted: &str) -> Refusal {
    Refusal::new("JwtInvalid", format!("The claim `{name}` of the token is not {wanted}."))
}

/// `iss`.
pub fn issuer(claims: &Claims) -> Result<Option<&str>, Refusal> {
    match claims.get("iss") {
        None => Ok(None),
        Some(Value::String(issuer)) => Ok(Some(issuer)),
        Some(_) => Err(mistyped("iss", "text")),
    }
}

/// Checks that one of `allowed` is the issuer; an issuer `{tenantid}` of a shared discovery document stands for the
/// token's own tenant.
pub fn issued(claims: &Claims, allowed: &[String]) -> Result<(), Refusal> {
    let issuer = issuer(claims)?;
    let tenant = claims.get("tid").and_then(Value::as_str).filter(|tenant| is_word(tenant)).unwrap_or_default();
    let fits = |found: &str| {
        allowed.iter().any(|one| one == found || (!tenant.is_empty() && one.replace("{tenantid}", tenant) == found))
    };
    match issuer {
        Some(issuer) if fits(issuer) => Ok(()),
        Some(_) => Err(Refusal::new("TokenIssuerNotAllowed", "The issuer of the token is not allowed.")),
        None => Err(Refusal::new("TokenIssuerNotAllowed", "The token has no issuer (`iss`).")),
    }
}

/// Whether it is made of letters, digits and `-` only: it goes into a URL that is compared.
fn is_word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Checks that one of `allowed` is an audience.
pub fn audience(claims: &Claims, allowed: &[String]) -> Result<(), Refusal> {
    let found = match claims.get("aud") {
        None => Vec::new(),
        Some(Value::String(one)) => vec![one.as_str()],
        Some(Value::Array(many)) => {
            let texts: Option<Vec<_>> = many.iter().map(Value::as_str).collect();
            texts.ok_or_else(|| mistyped("aud", "text or a list of texts"))?
        }
        Some(_) => return Err(mistyped("aud", "text or a list of texts")),
    };
    if allowed.is_empty() || found.iter().any(|audience| allowed.iter().any(|one| one == audience)) {
        return Ok(());
    }
    Err(Refusal::new("TokenAudienceNotAllowed", "The audience of the token is not allowed."))
}

/// Checks the claims that a document asks for.
pub fn wanted(claims: &Claims, wanted: &[Wanted]) -> Result<(), Refusal> {
    let missing: Vec<_> =
        wanted.iter().filter(|one| claims.get(&one.name).is_none_or(Value::is_null)).map(|one| &*one.name).collect();
    if !missing.is_empty() {
        let message = format!("JWT token is missing the following claims: {}.", missing.join(", "));
        return Err(Refusal::new("TokenClaimNotFound", message));
    }
    for one in wanted.iter().filter(|one| !one.values.is_empty()) {
        let found = texts(&claims[&one.name], one.separator.as_deref());
        let has = |value: &String| found.iter().any(|text| text == value);
        let fits = if one.all { one.values.iter().all(has) } else { one.values.iter().any(has) };
        if !fits {
            let message = format!("The value of the claim `{}` is not allowed.", one.name);
            return Err(Refusal::new("TokenClaimValueNotAllowed", message));
        }
    }
    Ok(())
}

/// The texts of a claim: of a list each item's; each split where there is a separator.
fn texts(claim: &Value, separator: Option<&str>) -> Vec<String> {
    let whole: Vec<String> = match claim {
        Value::Array(items) => items.iter().map(text).collect(),
        one => vec![text(one)],
    };
    match separator.filter(|separator| !separator.is_empty()) {
        None => whole,
        Some(separator) => whole.iter().flat_map(|text| text.split(separator)).map(str::to_owned).collect(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(value: &Value) -> Claims {
        value.as_object().expect("claims").clone()
    }

    fn reason<T>(result: Result<T, Refusal>) -> &'static str {
        result.err().map_or("", |refusal| refusal.reason)
    }

    #[test]
    fn times_are_numbers_and_checked_with_skew() {
        let rows = [
            (json!({"exp": 1001}), true, 0, ""),
            (json!({"exp": 1000}), true, 0, "TokenExpired"),
            (json!({"exp": 1000}), true, 1, ""),
            (json!({"exp": 1000.5}), true, 0, ""),
            (json!({"exp": "2000"}), true, 0, "JwtInvalid"),
            (json!({"exp": null}), false, 0, "JwtInvalid"),
            (json!({}), true, 0, "JwtInvalid"),
            (json!({}), false, 0, ""),
            (json!({"exp": 2000, "nbf": 1001}), true, 0, "JwtInvalid"),
            (json!({"exp": 2000, "nbf": 1001}), true, 1, ""),
            (json!({"exp": 2000, "nbf": {}}), true, 0, "JwtInvalid"),
            (json!({"exp": 2000, "iat": "now"}), true, 0, "JwtInvalid"),
            (json!({"exp": -1}), true, 0, "TokenExpired"),
        ];
        for (value, needs_end, skew, expected) in rows {
            let found = time(&claims(&value), needs_end, Duration::from_secs(skew), Timestamp::from_secs(1000));
            assert_eq!(reason(found), expected, "{value}");
        }
    }

    #[test]
    fn audiences_and_issuers_are_exact() {
        let list = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let rows = [
            (json!({"aud": "a"}), ""),
            (json!({"aud": ["x", "b"]}), ""),
            (json!({"aud": "A"}), "TokenAudienceNotAllowed"),
            (json!({"aud": []}), "TokenAudienceNotAllowed"),
            (json!({}), "TokenAudienceNotAllowed"),
            (json!({"aud": ["a", 1]}), "JwtInvalid"),
            (json!({"aud": {"a": 1}}), "JwtInvalid"),
        ];
        for (value, expected) in rows {
            assert_eq!(reason(audience(&claims(&value), &list(&["a", "b"]))), expected, "{value}");
        }
        let rows = [
            (json!({"iss": "https://i.test/"}), ""),
            (json!({"iss": "https://i.test"}), "TokenIssuerNotAllowed"),
            (json!({"iss": "https://t.test/x-1/v2.0", "tid": "x-1"}), ""),
            (json!({"iss": "https://t.test/x-1/v2.0", "tid": "x-2"}), "TokenIssuerNotAllowed"),
            (json!({"iss": "https://t.test/{tenantid}/v2.0x", "tid": "a/b"}), "TokenIssuerNotAllowed"),
            (json!({"iss": ["https://i.test/"]}), "JwtInvalid"),
            (json!({}), "TokenIssuerNotAllowed"),
        ];
        for (value, expected) in rows {
            let allowed = list(&["https://i.test/", "https://t.test/{tenantid}/v2.0"]);
            assert_eq!(reason(issued(&claims(&value), &allowed)), expected, "{value}");
        }
    }

    #[test]
    fn claims_match_all_or_any_also_within_a_text() {
        let one = |all: bool, separator: Option<&str>, values: &[&str]| {
            vec![Wanted {
                name: "c".to_owned(),
                all,
                separator: separator.map(str::to_owned),
                values: values.iter().map(|value| (*value).to_owned()).collect(),
            }]
        };
        let rows = [
            (json!({"c": ["a", "b"]}), one(true, None, &["a", "b"]), ""),
            (json!({"c": ["a"]}), one(true, None, &["a", "b"]), "TokenClaimValueNotAllowed"),
            (json!({"c": ["a"]}), one(false, None, &["a", "b"]), ""),
            (json!({"c": "a b"}), one(false, None, &["a"]), "TokenClaimValueNotAllowed"),
            (json!({"c": "a b"}), one(true, Some(" "), &["b", "a"]), ""),
            (json!({"c": true}), one(true, None, &["true"]), ""),
            (json!({"c": 5}), one(true, None, &["5"]), ""),
            (json!({"c": ""}), one(true, None, &[]), ""),
            (json!({"c": null}), one(true, None, &[]), "TokenClaimNotFound"),
            (json!({}), one(false, None, &["a"]), "TokenClaimNotFound"),
        ];
        for (value, wants, expected) in rows {
            assert_eq!(reason(wanted(&claims(&value), &wants)), expected, "{value}");
        }
    }
}

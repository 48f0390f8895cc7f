//! Tokens and basic credentials that are read from text; nothing is verified here.

use std::sync::Arc;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};

use super::{Call, Row, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        Basic, DateTime, Dict, Json, Jwt, Object, TimeKind,
        time::{EPOCH, SECOND},
    },
};

type Outcome = Result<Value, Thrown>;

const J: Kind = Kind::Jwt;

pub(super) const ROWS: &[Row] = &[
    member(Kind::String, "AsJwt(): Jwt", |c| {
        Ok(jwt(&c.this_text()?).map_or(Value::Null, |jwt| Value::object(Object::Jwt(jwt))))
    }),
    member(Kind::String, "TryParseJwt(out): bool", |c| {
        c.out = jwt(&c.this_text()?).map_or(Value::Null, |jwt| Value::object(Object::Jwt(jwt)));
        Ok(Value::Bool(!c.out.is_null()))
    }),
    member(Kind::String, "AsBasic(): BasicAuthCredentials", |c| Ok(basic(&c.this_text()?))),
    member(Kind::String, "TryParseBasic(out): bool", |c| {
        c.out = basic(&c.this_text()?);
        Ok(Value::Bool(!c.out.is_null()))
    }),
    member(J, "Algorithm: string", |c| header(c, "alg")),
    member(J, "Type: string", |c| header(c, "typ")),
    member(J, "Id: string", |c| claim(c, "jti")),
    member(J, "Issuer: string", |c| claim(c, "iss")),
    member(J, "Subject: string", |c| claim(c, "sub")),
    member(J, "Audiences: IEnumerable<string>", |c| Ok(Value::sequence(texts(claim_json(c, "aud")?)))),
    member(J, "Claims: IReadOnlyDictionary", claims),
    member(J, "ExpirationTime: DateTime", |c| time(c, "exp")),
    member(J, "NotBefore: DateTime", |c| time(c, "nbf")),
    member(J, "IssuedAt: DateTime", |c| time(c, "iat")),
    member(Kind::Authorization, "AccessToken: string", |c| match &c.this {
        Value::Object(object) => match &**object {
            Object::Authorization(token) => Ok(Value::Text(token.clone())),
            _ => Ok(Value::Null),
        },
        _ => Ok(Value::Null),
    }),
    member(Kind::Basic, "UserId: string", |c| credentials(c, true)),
    member(Kind::Basic, "Username: string", |c| credentials(c, true)),
    member(Kind::Basic, "Password: string", |c| credentials(c, false)),
];

/// Reads a token, with or without its scheme.
fn jwt(text: &str) -> Option<Jwt> {
    let raw = text.trim();
    let raw = raw
        .split_once(' ')
        .map_or(raw, |(scheme, rest)| if scheme.eq_ignore_ascii_case("bearer") { rest.trim() } else { raw });
    let mut parts = raw.split('.');
    let (header, claims) = (parts.next()?, parts.next()?);
    let read = |part: &str| -> Option<Vec<(Arc<str>, Json)>> {
        let bytes = URL_SAFE_NO_PAD.decode(part.trim_end_matches('=')).ok()?;
        match Json::parse_plain(std::str::from_utf8(&bytes).ok()?).ok()? {
            Json::Object(object) => Some(object.rows()),
            _ => None,
        }
    };
    Some(Jwt { header: read(header)?, claims: read(claims)?, raw: raw.into() })
}

fn basic(text: &str) -> Value {
    let read = || {
        let encoded = text.trim();
        let encoded = encoded
            .split_once(' ')
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("basic"))
            .map(|(_, rest)| rest.trim())?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (user, password) = decoded.split_once(':')?;
        Some(Basic { user: user.into(), password: password.into() })
    };
    read().map_or(Value::Null, |basic| Value::object(Object::Basic(basic)))
}

fn token<'c>(c: &'c Call<'_, '_>) -> Result<&'c Jwt, Thrown> {
    match &c.this {
        Value::Object(object) => match &**object {
            Object::Jwt(jwt) => Ok(jwt),
            _ => Err(Thrown::cast(c.this.kind().full_name(), "Jwt")),
        },
        other => Err(Thrown::cast(other.kind().full_name(), "Jwt")),
    }
}

fn text_of(json: Option<&Json>) -> Value {
    match json {
        None => Value::Null,
        // As the token spells it.
        Some(Json::Bool(value)) => Value::from(if *value { "true" } else { "false" }),
        Some(json) => Value::Text(json.scalar().to_text()),
    }
}

fn header(c: &mut Call<'_, '_>, name: &str) -> Outcome {
    Ok(text_of(token(c)?.header.iter().find(|row| &*row.0 == name).map(|row| &row.1)))
}

fn claim_json(c: &Call<'_, '_>, name: &str) -> Result<Option<Json>, Thrown> {
    Ok(token(c)?.claims.iter().find(|row| &*row.0 == name).map(|row| row.1.clone()))
}

fn claim(c: &mut Call<'_, '_>, name: &str) -> Outcome {
    Ok(text_of(claim_json(c, name)?.as_ref()))
}

fn texts(json: Option<Json>) -> Vec<Value> {
    match json {
        None => Vec::new(),
        Some(Json::Array(array)) => array.items().iter().map(|item| text_of(Some(item))).collect(),
        Some(one) => vec![match &one {
            Json::Object(_) => Value::from(Value::Json(one).to_json().unwrap_or_default()),
            scalar => text_of(Some(scalar)),
        }],
    }
}

fn claims(c: &mut Call<'_, '_>) -> Outcome {
    let rows = token(c)?
        .claims
        .iter()
        .map(|(name, value)| (Value::Text(name.clone()), Value::array(texts(Some(value.clone())))));
    Ok(Value::Dict(Dict::of(false, rows).into()))
}

fn time(c: &mut Call<'_, '_>, name: &str) -> Outcome {
    let seconds = claim_json(c, name)?.and_then(|json| json.scalar().as_double());
    #[expect(clippy::cast_possible_truncation, reason = "beyond the range is cut to it")]
    let ticks = seconds.map(|seconds| (seconds as i64).saturating_mul(SECOND).saturating_add(EPOCH));
    let ticks = ticks.filter(|ticks| (0..=crate::expression::value::time::MAX_TICKS).contains(ticks));
    Ok(ticks.map_or(Value::Null, |ticks| Value::DateTime(DateTime { ticks, kind: TimeKind::Utc })))
}

fn credentials(c: &mut Call<'_, '_>, user: bool) -> Outcome {
    match &c.this {
        Value::Object(object) => match &**object {
            Object::Basic(basic) => Ok(Value::Text(if user { basic.user.clone() } else { basic.password.clone() })),
            _ => Ok(Value::Null),
        },
        _ => Ok(Value::Null),
    }
}

//! Finding the caller's key in every place it may be, authenticating it, and taking it out of the request.
//!
//! Places and their order: CONTRACT section 3. Junk with our prefix is refused by its checksum, without a
//! lookup. On model APIs every place is emptied before the backend; elsewhere only places that hold a key of ours.

use std::{
    borrow::Cow,
    sync::{Arc, LazyLock, atomic::Ordering::Relaxed},
};

use http::{HeaderMap, HeaderName, HeaderValue, Uri, header};

use crate::{
    exchange::{Fault, FaultKind},
    model::{KeyHash, Secret, SubscriptionKey, Timestamp},
    settings::ApiKind,
    snapshot::{ApiEntry, KeyRing, SubscriptionEntry},
};

/// Headers that may carry a key as their whole value, in order of precedence after `Authorization: Bearer`.
const KEY_HEADERS: [&str; 4] = ["api-key", "x-api-key", "x-goog-api-key", "ocp-apim-subscription-key"];
/// Query parameters that may carry a key, in order of precedence.
const KEY_PARAMETERS: [&str; 2] = ["subscription-key", "key"];
/// Query parameters by which Google takes a bearer token: beside our credential they would have it refused.
const TOKEN_PARAMETERS: [&str; 2] = ["access_token", "oauth_token"];
/// Prefix of the WebSocket subprotocol by which browsers send a key to OpenAI's realtime API.
const KEY_SUBPROTOCOL: &str = "openai-insecure-api-key.";

/// A place of a request that may carry a key.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Bearer,
    Header(HeaderName),
    Parameter(String),
    Subprotocol,
}

/// The caller as the key says.
pub enum Caller {
    /// A valid key of this subscription.
    Known(Arc<SubscriptionEntry>),
    /// No key, at an API that needs none.
    Anonymous,
}

/// Authenticates the request for `api` and removes the key from `headers` and `uri`.
pub fn authenticate(
    ring: &KeyRing,
    api: &ApiEntry,
    now: Timestamp,
    headers: &mut HeaderMap,
    uri: &mut Uri,
) -> Result<Caller, Fault> {
    let places = places(api);
    let found = find(ring, api.kind, &places, headers, uri);
    let others: &[Place] = if api.key_names.is_some() { &USUAL } else { &[] };
    for place in places.iter().chain(others) {
        if api.kind == ApiKind::Models || holds_ours(ring, place, headers, uri) {
            clear(place, headers, uri);
        }
    }
    match found {
        Found::Recognised(entry) if entry.is_valid(now) && entry.reaches(api) => {
            entry.last_used.store(now.as_millis(), Relaxed);
            Ok(Caller::Known(entry))
        }
        Found::Nothing | Found::Foreign if api.open.is_some() => Ok(Caller::Anonymous),
        Found::Nothing => Err(missing()),
        Found::Recognised(_) | Found::Ours | Found::Foreign => Err(invalid()),
    }
}

/// The key that the request shows, where it is one of ours: for policies that ask for it.
pub fn shown(ring: &KeyRing, api: &ApiEntry, headers: &HeaderMap, uri: &Uri) -> Option<Secret> {
    let places = places(api);
    let mut all = places.iter().flat_map(|place| values(place, headers, uri));
    all.find(|value| recognised(ring, value).is_some()).map(|value| Secret::from(value.into_owned()))
}

enum Found {
    Recognised(Arc<SubscriptionEntry>),
    /// Something that can only be meant as a key of ours, but is nobody's.
    Ours,
    /// Something that SDKs send whether a key is needed or not.
    Foreign,
    Nothing,
}

/// The places of an API that names none.
static USUAL: LazyLock<Vec<Place>> = LazyLock::new(usual_places);

fn places(api: &ApiEntry) -> Cow<'static, [Place]> {
    let Some(names) = &api.key_names else { return Cow::Borrowed(&USUAL) };
    let header = names.header.as_deref().and_then(|name| HeaderName::try_from(name).ok()).map(Place::Header);
    let parameter = names.query.clone().map(Place::Parameter);
    header.into_iter().chain(parameter).collect()
}

fn usual_places() -> Vec<Place> {
    let headers = KEY_HEADERS.into_iter().map(|name| Place::Header(HeaderName::from_static(name)));
    let parameters = KEY_PARAMETERS.into_iter().map(|name| Place::Parameter(name.to_owned()));
    let mut all = vec![Place::Bearer];
    all.extend(headers);
    all.extend(parameters);
    all.push(Place::Subprotocol);
    all
}

fn find(ring: &KeyRing, kind: ApiKind, places: &[Place], headers: &HeaderMap, uri: &Uri) -> Found {
    let mut seen = Found::Nothing;
    for place in places {
        for value in values(place, headers, uri) {
            if let Some(entry) = recognised(ring, &value) {
                return Found::Recognised(entry.clone());
            }
            seen = match (seen, meant(kind, place, &value)) {
                (Found::Nothing, now) | (Found::Foreign, now @ Found::Ours) => now,
                (before, _) => before,
            };
        }
    }
    seen
}

fn recognised<'a>(ring: &'a KeyRing, value: &str) -> Option<&'a Arc<SubscriptionEntry>> {
    SubscriptionKey::is_plausible(value).then(|| ring.find(&KeyHash::of(value))).flatten()
}

/// Whether a place holds what only we may see: anybody's key, or what looks like one.
fn holds_ours(ring: &KeyRing, place: &Place, headers: &HeaderMap, uri: &Uri) -> bool {
    let values = values(place, headers, uri);
    values.iter().any(|value| value.starts_with("tg_") || recognised(ring, value).is_some())
}

/// What an unrecognised value was meant as. On a plain API `Authorization` and `key` may be the application's
/// own: there only our prefix makes it a wrong key rather than no key.
fn meant(kind: ApiKind, place: &Place, value: &str) -> Found {
    let own_place = match place {
        Place::Header(name) => name.as_str() == "ocp-apim-subscription-key",
        Place::Parameter(name) => name == "subscription-key",
        Place::Bearer | Place::Subprotocol => false,
    };
    let shared = kind == ApiKind::Http && (*place == Place::Bearer || *place == Place::Parameter("key".to_owned()));
    match value {
        "" => Found::Nothing,
        ours if own_place || ours.starts_with("tg_") => Found::Ours,
        _ if shared => Found::Nothing,
        _ => Found::Foreign,
    }
}

fn values<'a>(place: &'a Place, headers: &'a HeaderMap, uri: &'a Uri) -> Vec<Cow<'a, str>> {
    match place {
        Place::Bearer => texts(headers, &header::AUTHORIZATION).filter_map(bearer).map(Cow::Borrowed).collect(),
        Place::Header(name) => texts(headers, name).map(str::trim).map(Cow::Borrowed).collect(),
        Place::Parameter(name) => {
            let Some(query) = uri.query() else { return Vec::new() };
            let pairs = url::form_urlencoded::parse(query.as_bytes());
            pairs.filter(|(key, _)| key == name).map(|(_, value)| value).collect()
        }
        Place::Subprotocol => {
            let all = texts(headers, &header::SEC_WEBSOCKET_PROTOCOL).flat_map(|list| list.split(','));
            all.filter_map(|item| item.trim().strip_prefix(KEY_SUBPROTOCOL)).map(Cow::Borrowed).collect()
        }
    }
}

fn texts<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok())
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, rest) = value.trim().split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim())
}

fn clear(place: &Place, headers: &mut HeaderMap, uri: &mut Uri) {
    match place {
        Place::Bearer => {
            headers.remove(header::AUTHORIZATION);
        }
        Place::Header(name) => {
            headers.remove(name);
        }
        Place::Parameter(name) => without_parameter(uri, name),
        Place::Subprotocol => without_subprotocol(headers),
    }
}

/// Takes out of the query the tokens by which a caller would name another account of a provider.
pub fn without_foreign_tokens(uri: &mut Uri) {
    for name in TOKEN_PARAMETERS {
        without_parameter(uri, name);
    }
}

/// Takes every `name` parameter out of the query; all other bytes of it stay as they were.
fn without_parameter(uri: &mut Uri, name: &str) {
    let Some(query) = uri.query() else { return };
    let is_it = |pair: &&str| url::form_urlencoded::parse(pair.as_bytes()).any(|(key, _)| key == name);
    if !query.split('&').any(|pair| is_it(&pair)) {
        return;
    }
    let kept: Vec<&str> = query.split('&').filter(|pair| !is_it(pair)).collect();
    let path_and_query =
        if kept.is_empty() { uri.path().to_owned() } else { format!("{}?{}", uri.path(), kept.join("&")) };
    let mut parts = std::mem::take(uri).into_parts();
    parts.path_and_query = Some(path_and_query.parse().expect("part of a valid path and query is one"));
    *uri = Uri::from_parts(parts).expect("only the query became shorter");
}

fn without_subprotocol(headers: &mut HeaderMap) {
    let kept: Vec<String> = texts(headers, &header::SEC_WEBSOCKET_PROTOCOL)
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .filter(|item| !item.starts_with(KEY_SUBPROTOCOL))
        .map(ToOwned::to_owned)
        .collect();
    if headers.remove(header::SEC_WEBSOCKET_PROTOCOL).is_some()
        && !kept.is_empty()
        && let Ok(value) = HeaderValue::try_from(kept.join(", "))
    {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
    }
}

/// APIM's text for a request without a key.
fn missing() -> Fault {
    Fault::new(
        FaultKind::MissingKey,
        "Access denied due to missing subscription key. Make sure to include subscription key when making requests \
         to an API.",
    )
}

/// APIM's text for a key that does not open this API.
fn invalid() -> Fault {
    Fault::new(
        FaultKind::InvalidKey,
        "Access denied due to invalid subscription key. Make sure to provide a valid key for an active subscription.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removing_a_parameter_keeps_every_other_byte() {
        for (before, after) in [
            ("/a?key=k", "/a"),
            ("/a?x=%20+y&key=k&z", "/a?x=%20+y&z"),
            ("/a?%6bey=k&b=1", "/a?b=1"),
            ("/a?keys=k", "/a?keys=k"),
            ("/a?key=1&key=2", "/a"),
            ("/a", "/a"),
        ] {
            let mut uri: Uri = before.parse().expect(before);
            without_parameter(&mut uri, "key");
            assert_eq!(uri.to_string(), after, "{before}");
        }
    }

    #[test]
    fn the_key_subprotocol_is_taken_out_and_the_others_stay() {
        let mut headers = HeaderMap::new();
        let value = "realtime, openai-insecure-api-key.tg_x, openai-beta.realtime-v1";
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value.parse().expect("value"));
        without_subprotocol(&mut headers);
        assert_eq!(headers[header::SEC_WEBSOCKET_PROTOCOL], "realtime, openai-beta.realtime-v1");
    }

    #[test]
    fn bearer_is_case_insensitive_and_trimmed() {
        assert_eq!(bearer("Bearer abc"), Some("abc"));
        assert_eq!(bearer("bearer   abc "), Some("abc"));
        assert_eq!(bearer("Basic abc"), None);
        assert_eq!(bearer("abc"), None);
    }
}

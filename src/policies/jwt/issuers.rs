//! Issuers and their keys: discovery document and key set, fetched once for all, renewed in the background, used while the
//! issuer is down, asked again for a key that is not known, but not for every token that names one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http::Method;
use serde_json::Value;

use super::{key::Key, token::Token};
use crate::{
    model::{Clock, clock::Ticks},
    outbound::{
        egress::Rules,
        fetch::{Call, SideCalls},
    },
    policies::outside::fresh::{Fetched, Fetching, Fresh},
};

/// Keys are renewed after an hour, as Azure API Management renews them.
const FRESH: Duration = Duration::from_secs(3_600);
/// And used for two days when the issuer cannot be reached: longer than a weekend's outage is worse than refusing.
const USABLE: Duration = Duration::from_secs(48 * 3_600);
/// An unknown key is asked for once in this time.
const AGAIN: Duration = Duration::from_secs(60);
/// Unknown keys that an issuer is asked for within [`AGAIN`]: names of keys come from callers.
const UNKNOWN: usize = 5;
/// An issuer may take this long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Keys of one issuer.
const MOST_KEYS: usize = 200;
/// Issuers that are kept: their URLs may be computed.
const MOST: usize = 500;

/// What an issuer publishes.
#[derive(Debug)]
pub struct Published {
    /// `issuer` of the discovery document.
    pub issuer: Option<String>,
    /// Its keys.
    pub keys: Vec<Key>,
}

/// One issuer.
struct Issuer {
    published: Arc<Fresh<Published>>,
    /// Unknown keys that were asked for, and when.
    asked: Mutex<Vec<(String, Ticks)>>,
}

/// All issuers of the process, by the URL of their discovery document.
pub struct Issuers {
    calls: Arc<dyn SideCalls>,
    clock: Clock,
    known: Mutex<HashMap<String, Arc<Issuer>>>,
}

impl Issuers {
    /// None yet.
    #[must_use]
    pub fn new(calls: Arc<dyn SideCalls>, clock: Clock) -> Self {
        Self { calls, clock, known: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Issuer>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn issuer(&self, url: &str) -> Arc<Issuer> {
        let mut known = self.lock();
        if known.len() >= MOST && !known.contains_key(url) {
            known.clear();
        }
        let make = || Arc::new(Issuer { published: Fresh::new(self.clock.clone()), asked: Mutex::default() });
        known.entry(url.to_owned()).or_insert_with(make).clone()
    }

    /// What the issuer with that discovery document publishes.
    ///
    /// # Errors
    /// Why nothing is known of it.
    pub async fn published(&self, url: &str, rules: &Rules) -> Result<Arc<Published>, String> {
        self.issuer(url).published.get(|| self.fetching(url, rules)).await
    }

    /// The same, asked anew if the token names a key that is not in it.
    ///
    /// # Errors
    /// Why nothing is known of it.
    pub async fn published_for(&self, url: &str, rules: &Rules, token: &Token<'_>) -> Result<Arc<Published>, String> {
        let published = self.published(url, rules).await?;
        let Some(name) = token.key_id().or_else(|| token.thumbprint()) else { return Ok(published) };
        if published.keys.iter().any(|key| key.is_named(token) == Some(true)) {
            return Ok(published);
        }
        let issuer = self.issuer(url);
        if !issuer.may_ask(name, self.clock.ticks()) {
            return Ok(published);
        }
        issuer.published.renew(|| self.fetching(url, rules)).await
    }

    fn fetching(&self, url: &str, rules: &Rules) -> Fetching<Published> {
        let (calls, url, rules) = (self.calls.clone(), url.to_owned(), rules.clone());
        Box::pin(async move {
            let value = fetch(&*calls, &url, &rules).await.map_err(|why| format!("the issuer at {url}: {why}"))?;
            Ok(Fetched { value, fresh: FRESH, usable: USABLE })
        })
    }
}

impl Issuer {
    /// Whether an unknown key may be asked for now; if so, that is noted.
    fn may_ask(&self, name: &str, now: Ticks) -> bool {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain(|(_, at)| now.since(*at) < AGAIN);
        if asked.len() >= UNKNOWN || asked.iter().any(|(known, _)| known == name) {
            return false;
        }
        asked.push((name.chars().take(200).collect(), now));
        true
    }
}

/// Discovery document (OpenID Connect Discovery 1.0, section 4) and key set; a document that is a key set will do.
async fn fetch(calls: &dyn SideCalls, url: &str, rules: &Rules) -> Result<Published, String> {
    let document = get(calls, url, rules).await?;
    let issuer = document["issuer"].as_str().map(str::to_owned);
    if document["keys"].is_array() {
        return Ok(Published { issuer, keys: keys(&document) });
    }
    let at = document["jwks_uri"].as_str().ok_or("its discovery document has no `jwks_uri`")?;
    let set = get(calls, at, rules).await.map_err(|why| format!("its keys: {why}"))?;
    let keys = keys(&set);
    if keys.is_empty() {
        Err("it publishes no key that tokens can be signed with".to_owned())
    } else {
        Ok(Published { issuer, keys })
    }
}

fn keys(set: &Value) -> Vec<Key> {
    let all = set["keys"].as_array().map(Vec::as_slice).unwrap_or_default();
    all.iter().take(MOST_KEYS).filter_map(Key::of_jwk).collect()
}

async fn get(calls: &dyn SideCalls, url: &str, rules: &Rules) -> Result<Value, String> {
    let mut call = Call::new(Method::GET, url, rules.clone());
    call.timeout = TIMEOUT;
    call.redirects = 3;
    call.largest = 1 << 20;
    call.headers.insert(http::header::ACCEPT, http::HeaderValue::from_static("application/json"));
    let answer = calls.call(call).await.map_err(|fault| fault.to_string())?;
    if !answer.status.is_success() {
        return Err(format!("answered {}", answer.status.as_u16()));
    }
    serde_json::from_slice(&answer.body).map_err(|error| format!("answered with no JSON ({error})"))
}

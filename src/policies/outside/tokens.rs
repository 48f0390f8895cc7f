//! Tokens of token sources: asked for once, by one caller for all, kept until shortly before their end.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use http::{HeaderValue, Method, header};
use serde_json::Value as Json;
use url::form_urlencoded;

use super::{
    fresh::{Fetched, Fetching, Fresh},
    named::{Source, TokenService, Way},
};
use crate::{
    model::{Clock, Secret},
    outbound::fetch::{Answer, Call, SideCalls},
    settings::objects::ClientAuth,
};

/// How long a token is kept whose service does not say (`expires_in` is only recommended: RFC 6749, section 5.1).
const UNSAID: Duration = Duration::from_secs(300);
/// A token is not used in its last moments: it has to arrive before they are over.
const LAST: Duration = Duration::from_secs(5);
/// A token service may take this long.
const TIMEOUT: Duration = Duration::from_secs(15);
/// Tokens that are kept. Resources may be computed, so the number is bounded.
const MOST: usize = 1_000;

/// A token under its source and resource.
type Kept = (Arc<Source>, Arc<Fresh<Secret>>);

/// All tokens of the process.
pub struct Tokens {
    calls: Arc<dyn SideCalls>,
    clock: Clock,
    kept: Mutex<HashMap<(String, String), Kept>>,
}

impl Tokens {
    /// None yet.
    #[must_use]
    pub fn new(calls: Arc<dyn SideCalls>, clock: Clock) -> Self {
        Self { calls, clock, kept: Mutex::default() }
    }

    /// A token of a source for a resource.
    ///
    /// # Errors
    /// Why there is none; never with a secret.
    pub async fn get(&self, source: &Arc<Source>, resource: &str) -> Result<Arc<Secret>, String> {
        let service = match &source.way {
            Way::Fixed(token) => return Ok(Arc::new(token.clone())),
            Way::Asked(service) => service,
        };
        let call = request(service, resource);
        let (calls, margin, id) = (self.calls.clone(), service.margin, source.id.clone());
        let fetch = move || -> Fetching<Secret> {
            let (answering, id) = (calls.call(call.clone()), id.clone());
            Box::pin(async move {
                let answer = answering.await.map_err(|fault| format!("the token source `{id}`: {fault}"))?;
                read(&answer, margin).map_err(|why| format!("the token source `{id}`: {why}"))
            })
        };
        self.fresh(source, resource).get(fetch).await
    }

    /// The place of a token; a source that has changed begins anew.
    fn fresh(&self, source: &Arc<Source>, resource: &str) -> Arc<Fresh<Secret>> {
        let mut kept = self.lock();
        let key = (source.id.clone(), resource.to_owned());
        if let Some((of, fresh)) = kept.get(&key)
            && (Arc::ptr_eq(of, source) || of == source)
        {
            return fresh.clone();
        }
        if kept.len() >= MOST {
            kept.clear();
        }
        let fresh = Fresh::new(self.clock.clone());
        kept.insert(key, (source.clone(), fresh.clone()));
        fresh
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(String, String), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The token request: client credentials as a form (RFC 6749, section 4.4.2).
fn request(service: &TokenService, resource: &str) -> Call {
    let filled = |text: &str| text.replace("{resource}", resource.trim_end_matches('/'));
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("grant_type", "client_credentials");
    if service.auth == ClientAuth::Body {
        form.append_pair("client_id", &service.client_id);
        if let Some(secret) = &service.secret {
            form.append_pair("client_secret", secret.expose());
        }
    }
    if let Some(scope) = &service.scope {
        form.append_pair("scope", &filled(scope));
    }
    for (name, value) in &service.parameters {
        form.append_pair(name, &filled(value.expose()));
    }
    let mut call = Call::new(Method::POST, service.url.clone(), service.rules.clone());
    call.body = Bytes::from(form.finish());
    call.timeout = TIMEOUT;
    call.largest = 1 << 20;
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
    call.headers.insert(header::CONTENT_TYPE, form_type);
    call.headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    if service.auth == ClientAuth::Basic {
        call.headers.insert(header::AUTHORIZATION, basic(&service.client_id, service.secret.as_ref()));
    }
    call
}

/// Both parts are form-encoded before they are joined (RFC 6749, section 2.3.1).
fn basic(client: &str, secret: Option<&Secret>) -> HeaderValue {
    let encoded = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let pair = format!("{}:{}", encoded(client), encoded(secret.map_or("", Secret::expose)));
    let mut value = HeaderValue::try_from(format!("Basic {}", STANDARD.encode(pair)))
        .expect("base64 has only characters that headers may have");
    value.set_sensitive(true);
    value
}

/// The token in an answer (RFC 6749, section 5), and how long it is good.
fn read(answer: &Answer, margin: Duration) -> Result<Fetched<Secret>, String> {
    let body: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
    if !answer.status.is_success() {
        // `error` is one of a few words; its description may repeat what was sent.
        let word = body["error"].as_str().map(|word| format!(" ({word:.40})")).unwrap_or_default();
        return Err(format!("answered {}{word}", answer.status.as_u16()));
    }
    let token = body["access_token"].as_str().filter(|token| !token.is_empty());
    let token = token.ok_or("its answer has no `access_token`")?;
    let seconds = &body["expires_in"];
    let seconds = seconds.as_u64().or_else(|| seconds.as_str()?.trim().parse().ok());
    let good = seconds.map_or(UNSAID, Duration::from_secs);
    let fresh = if good > margin { good.saturating_sub(margin) } else { good / 2 };
    Ok(Fetched { value: Secret::from(token), fresh, usable: good.saturating_sub(LAST) })
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};
    use serde_json::json;

    use super::*;
    use crate::{
        model::Timestamp,
        outbound::{egress::Rules, fetch::CallFault},
    };
    use futures_util::future::BoxFuture;

    /// A token service that numbers its tokens.
    #[derive(Default)]
    struct Service {
        asked: Mutex<Vec<String>>,
    }

    impl SideCalls for Service {
        fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, CallFault>> {
            let mut asked = self.asked.lock().expect("no panic");
            let authorization = call.headers.get("authorization").map(|value| value.to_str().expect("text").to_owned());
            asked.push(format!("{} {}", String::from_utf8_lossy(&call.body), authorization.unwrap_or_default()));
            let body = json!({"access_token": format!("t{}", asked.len()), "expires_in": "600"}).to_string();
            let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into() };
            Box::pin(async move { Ok(answer) })
        }
    }

    fn source(auth: ClientAuth) -> Arc<Source> {
        Arc::new(Source {
            id: "s".into(),
            resources: vec![],
            default: true,
            client_id: Some("me".into()),
            way: Way::Asked(Box::new(TokenService {
                url: "https://tokens.test/".into(),
                client_id: "me".into(),
                secret: Some(Secret::from("s&s")),
                auth,
                scope: Some("{resource}/.default".into()),
                parameters: vec![("audience".into(), Secret::from("{resource}"))],
                margin: Duration::from_secs(60),
                rules: Rules::default(),
            })),
        })
    }

    #[tokio::test]
    async fn a_token_is_asked_for_once_and_again_before_its_end() {
        let clock = Clock::manual(Timestamp::from_secs(1));
        let service = Arc::new(Service::default());
        let tokens = Tokens::new(service.clone(), clock.clone());
        let source = source(ClientAuth::Body);
        let get = async |resource: &str| tokens.get(&source, resource).await.expect("a token").expose().to_owned();
        assert_eq!((get("https://a.test/").await, get("https://a.test/").await), ("t1".into(), "t1".into()));
        assert_eq!(get("https://b.test").await, "t2");
        let asked = service.asked.lock().expect("no panic")[0].clone();
        assert_eq!(
            asked.trim(),
            "grant_type=client_credentials&client_id=me&client_secret=s%26s&scope=https%3A%2F%2Fa.test%2F.default\
             &audience=https%3A%2F%2Fa.test"
        );
        clock.advance(Duration::from_secs(596));
        assert_eq!(get("https://a.test/").await, "t3", "five seconds before its end it is no longer used");
    }

    #[tokio::test]
    async fn basic_authentication_encodes_both_parts() {
        let service = Arc::new(Service::default());
        let tokens = Tokens::new(service.clone(), Clock::manual(Timestamp::from_secs(1)));
        tokens.get(&source(ClientAuth::Basic), "r").await.expect("a token");
        let asked = service.asked.lock().expect("no panic")[0].clone();
        assert!(asked.ends_with(&format!("Basic {}", STANDARD.encode("me:s%26s"))), "{asked}");
        assert!(!asked.contains("client_secret"), "{asked}");
    }

    #[test]
    fn answers_are_read_with_care() {
        let answer = |status: u16, body: &str| Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        };
        let margin = Duration::from_secs(60);
        let rows = [
            (200, r#"{"access_token":"a","expires_in":3600}"#, Ok(3540)),
            (200, r#"{"access_token":"a","expires_in":60}"#, Ok(30)),
            (200, r#"{"access_token":"a"}"#, Ok(240)),
            (200, r#"{"access_token":""}"#, Err("no `access_token`")),
            (200, "<html>", Err("no `access_token`")),
            (401, r#"{"error":"invalid_client","error_description":"canary"}"#, Err("answered 401 (invalid_client)")),
        ];
        for (status, body, wanted) in rows {
            match (read(&answer(status, body), margin), wanted) {
                (Ok(found), Ok(fresh)) => assert_eq!(found.fresh.as_secs(), fresh, "{body}"),
                (Err(why), Err(said)) => assert!(why.contains(said) && !why.contains("canary"), "{why}"),
                (found, _) => panic!("{body}: {:?}", found.map(|found| found.fresh)),
            }
        }
    }
}

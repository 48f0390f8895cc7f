//! An admin API on a database in a temporary folder, a clock that stands still, and calls against it.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use axum::{Router, body::Body, extract::ConnectInfo};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower_service::Service;

use crate::{
    admin::{AdminState, router},
    cache::{
        Cache,
        http::Answers,
        model::{Kept, NoShelf},
    },
    limits::{Limits, WrongAttempts},
    model::{Clock, Entropy, KeyHash, Timestamp},
    policies::debugging::Debugging,
    pricing::{Book, Tables},
    settings::{ObjectKind, Origin, Problem, Settings, object_from_json, quick_start},
    snapshot::control::{Compiler, Control, Declared, Ready, Refused},
    store::{Books, KeyRow, SecretKey, Sqlite, Store, access},
};

pub(super) const TOKEN: &str = "the-administrators-token-of-this-test";

pub(super) struct World {
    _folder: TempDir,
    pub(super) store: Arc<dyn Store>,
    pub(super) books: Arc<dyn Books>,
    pub(super) limits: Limits,
    pub(super) clock: Clock,
    /// What the data plane would have.
    pub(super) in_use: Arc<Mutex<(Arc<Settings>, Vec<KeyRow>)>>,
    router: Router,
}

#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) text: String,
}

impl Answer {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("text"))
    }
}

struct Recorder(Arc<Mutex<(Arc<Settings>, Vec<KeyRow>)>>);

impl Compiler for Recorder {
    fn compile(&self, settings: &Arc<Settings>, keys: &[KeyRow]) -> Result<Ready, Vec<Problem>> {
        let (in_use, next) = (self.0.clone(), (settings.clone(), keys.to_vec()));
        Ok(Ready::new(move || *in_use.lock().expect("lock") = next))
    }
}

/// The quick start's objects, and some of a file (line 7): backend `filed`, subscription `team-f`, API `orders`.
fn declared() -> Declared {
    let mut settings = quick_start();
    for (kind, value) in [
        (ObjectKind::Backend, json!({"id": "filed", "kind": "openai", "key": "canary-backend-key"})),
        (ObjectKind::Subscription, json!({"id": "team-f", "product": "team", "key": "canary-file-key-1"})),
        (ObjectKind::Product, json!({"id": "team", "approval": "required"})),
        (ObjectKind::User, json!({"id": "ann"})),
        (
            ObjectKind::Api,
            json!({"id": "orders", "kind": "http", "path": "/orders", "backend": "sim", "operations": [
                {"id": "read", "method": "GET", "path": "/{id}"},
                {"id": "make", "method": "POST", "path": "/"},
                {"id": "drop", "method": "DELETE", "path": "/{id}"},
            ]}),
        ),
    ] {
        let object = object_from_json(kind, &value).expect("an object");
        let origin = Origin { file: Arc::new("tollgate.yaml".into()), line: 7, column: 3 };
        settings.origins.insert((kind, object.id().to_owned()), origin);
        settings.insert(object);
    }
    Declared { settings, configured: false }
}

impl World {
    pub(super) async fn new() -> Self {
        Self::bound(true).await
    }

    pub(super) async fn bound(loopback: bool) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let (clock, entropy) = (Clock::manual(Timestamp::from_secs(1_800_000_000)), Entropy::seeded(7));
        let secret = SecretKey::load(folder.path(), None, &entropy).expect("key");
        let store: Arc<dyn Store> = Arc::new(Sqlite::open(&folder.path().join("t.db"), secret).await.expect("opens"));
        let books: Arc<dyn Books> = store.clone();
        let limits = Limits::new(clock.clone());
        let in_use = Arc::default();
        let compiler = Arc::new(Recorder(Arc::clone(&in_use)));
        let control = Control::start(declared(), store.clone(), compiler, clock.clone(), entropy.clone());
        let control = control.await.expect("starts");
        let state = AdminState {
            control,
            store: store.clone(),
            books: books.clone(),
            limits: limits.clone(),
            leases: None,
            statuses: Arc::new(|| vec![json!({"id": "sim", "state": "open", "since": 1_800_000_000_000_000_001_u64})]),
            reload: Arc::new(|| Box::pin(async { Err(Refused::Invalid(vec![Problem::new("models[0]", "is wrong")])) })),
            prices: Arc::new(|| Arc::new(Book::empty(&Tables::new()))),
            tokens: vec![KeyHash::of(TOKEN)],
            attempts: Arc::new(WrongAttempts::new(clock.clone())),
            answers: Arc::new(Answers::new(1 << 20, clock.clone(), entropy.clone(), None)),
            values: Cache::new(1 << 20, clock.clone()),
            debugging: Arc::new(Debugging::new(clock.clone(), entropy.clone())),
            kept: Kept::new(1 << 20, Arc::new(NoShelf), clock.clone()),
            loopback,
            clock: clock.clone(),
            entropy,
        };
        Self { _folder: folder, store, books, limits, clock, in_use, router: router(state) }
    }

    /// With the administrator's token.
    pub(super) async fn call(&self, method: &str, path: &str, body: impl Into<Option<Value>>) -> Answer {
        self.call_with(method, path, &[], body).await
    }

    /// With the administrator's token and further headers.
    pub(super) async fn call_with(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Option<Value>>,
    ) -> Answer {
        let bearer = format!("Bearer {TOKEN}");
        let mut all = vec![("host", "localhost:8081"), ("authorization", &bearer)];
        let body = body.into().map(|body| body.to_string());
        if body.is_some() {
            all.push(("content-type", "application/json"));
        }
        all.extend(headers);
        self.raw(method, path, &all, body.unwrap_or_default()).await
    }

    /// Exactly this request.
    pub(super) async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: String) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).expect("method");
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::from(body)).expect("request");
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 5))));
        let response = self.router.clone().call(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("body").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("text");
        Answer { status: parts.status, headers: parts.headers, text }
    }

    /// A console session: its cookie header and CSRF token.
    pub(super) async fn session(&self) -> (String, String) {
        let entropy = Entropy::seeded(9);
        let link = access::new_link(&*self.store, &self.clock, &entropy).await.expect("link");
        let session = access::sign_in(&*self.store, link.expose(), &self.clock, &entropy).await.expect("asks");
        let token = session.expect("works").token;
        (format!("{}={}", access::SESSION_COOKIE, token.expose()), access::csrf_token(token.expose()))
    }

    pub(super) fn keys_in_use(&self) -> Vec<KeyHash> {
        self.in_use.lock().expect("lock").1.iter().map(|row| row.hash).collect()
    }
}

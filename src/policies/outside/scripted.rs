//! The world outside, scripted, for tests of policies.

use std::{
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value as Json;

use super::Named;
use crate::{
    model::Secret,
    outbound::fetch::{Answer, Call, CallFault, CallFaultKind, Identity, SideCalls},
    settings::{ObjectKind, Settings, object_from_json},
};

/// What a URL answers.
type Line = (String, Result<Answer, CallFault>, Duration);

/// Answers side calls by the longest beginning of their URL, and keeps them.
#[derive(Default)]
pub struct Script {
    lines: Mutex<Vec<Line>>,
    /// What was asked, in order.
    pub asked: Mutex<Vec<Call>>,
}

impl Script {
    /// URLs that begin so are answered so; a later line goes before an earlier one.
    pub fn on(&self, url: &str, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) {
        let named = headers.iter().map(|(name, value)| {
            (HeaderName::try_from(*name).expect("a name"), HeaderValue::from_str(value).expect("a value"))
        });
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: named.collect::<HeaderMap>(), body: body.into() };
        self.lines.lock().expect("no panic").push((url.to_owned(), Ok(answer), Duration::ZERO));
    }

    /// URLs that begin so have no answer.
    pub fn fails(&self, url: &str, kind: CallFaultKind) {
        let fault = CallFault::new(kind, "scripted");
        self.lines.lock().expect("no panic").push((url.to_owned(), Err(fault), Duration::ZERO));
    }

    /// URLs that begin so take so long.
    pub fn takes(&self, url: &str, time: Duration) {
        for line in self.lines.lock().expect("no panic").iter_mut().filter(|(known, ..)| known == url) {
            line.2 = time;
        }
    }

    /// How many calls there were.
    pub fn count(&self) -> usize {
        self.asked.lock().expect("no panic").len()
    }

    /// The call at that place, from 0.
    pub fn call(&self, at: usize) -> Call {
        self.asked.lock().expect("no panic")[at].clone()
    }
}

impl SideCalls for Script {
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Answer, CallFault>> {
        let found = {
            let lines = self.lines.lock().expect("no panic");
            lines.iter().filter(|(url, ..)| call.url.starts_with(url)).max_by_key(|(url, ..)| url.len()).cloned()
        };
        let timeout = call.timeout;
        self.asked.lock().expect("no panic").push(call);
        Box::pin(async move {
            let nobody = || Err(CallFault::new(CallFaultKind::Connect, "nobody there"));
            let (_, outcome, time) = found.unwrap_or_else(|| (String::new(), nobody(), Duration::ZERO));
            if timeout < time {
                tokio::time::sleep(timeout).await;
                return Err(CallFault::new(CallFaultKind::Timeout, "too late"));
            }
            tokio::time::sleep(time).await;
            outcome
        })
    }
}

/// What a configuration with these objects names; each says its `kind`.
pub fn configured(objects: &[&str]) -> Named {
    let mut settings = Settings::default();
    for text in objects {
        let mut value: Json = serde_json::from_str(text).expect("JSON");
        let kind = value.as_object_mut().and_then(|fields| fields.remove("kind_of").or_else(|| fields.remove("kind")));
        let kind = kind.and_then(|kind| ObjectKind::of_plural(kind.as_str()?)).expect("a kind");
        settings.insert(object_from_json(kind, &value).expect("an object"));
    }
    Named::compile(&settings, Path::new("/nowhere")).expect("good")
}

/// A certificate of its own with a key.
pub fn certificate(name: &str) -> Identity {
    let made = rcgen::generate_simple_self_signed(vec![name.to_owned()]).expect("a certificate");
    let key = Secret::from(made.signing_key.serialize_pem());
    Identity::from_pem(&made.cert.pem(), Some(&key)).expect("an identity")
}

/// A script that the scene and the test share.
pub fn script() -> Arc<Script> {
    Arc::default()
}

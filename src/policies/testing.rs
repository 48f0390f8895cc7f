//! A scene for tests of policies: documents, one exchange, a scripted backend, a clock that stands still.
//!
//! `Scene::new().section("inbound", "<set-header …/>").request("GET", "/a?b=1").run()` gives the exchange as it ended.
//! Waiting costs nothing: the runtime's time moves by itself, and [`Sent::at`] tells when something was sent.

mod backend;

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use bytes::Bytes;

use http::{HeaderMap, HeaderName, HeaderValue, Method};
use tokio::time::Instant;

use super::{
    Block, Body, Compiled, Ended, Facts, Failure, Flow, LastError, Pipeline, Request, Response, Route, Services,
    Statement, compile,
    compile::{Known, OnUnsupported},
    debugging::Debugging,
    facts::{ApiFacts, OperationFacts},
    flow::{Cached, Variables},
    forward_request::ForwardRequest,
    link::{Screening, Target},
    outside::{
        Named, Outside,
        scripted::{Script, script},
    },
    slots::Slots,
    tracing::Trace,
};
use crate::{
    exchange::{Record, Watcher},
    expression::Value,
    limits::{Limits, Scope as Counter},
    model::{Clock, Entropy, Timestamp, clock::Ticks},
    policy::{Document, Place, Scope, Section},
};

use backend::Wire;
pub use backend::{Reply, Sent};

/// Wall-clock time of every scene: 2026-03-01T12:00:00Z, in seconds since 1970.
pub const NOW: u64 = 1_772_366_400;

/// What is played.
pub struct Scene {
    /// What is known of the exchange.
    pub facts: Facts,
    /// What all exchanges share; its clock stands at [`NOW`].
    pub services: Services,
    /// The request.
    pub request: Request,
    /// Parts that cannot be done here.
    pub on_unsupported: OnUnsupported,
    named: Arc<Named>,
    sections: HashMap<&'static str, String>,
    documents: Vec<(Scope, String)>,
    variables: Vec<(&'static str, Value)>,
    backends: Vec<(&'static str, Target)>,
    body: Bytes,
    replies: VecDeque<Reply>,
    traced: bool,
    is_preflight: bool,
    drains: bool,
}

/// The exchange as it ended.
pub struct Played {
    /// The request as policies left it.
    pub request: Request,
    /// The answer.
    pub response: Option<Response>,
    /// Variables.
    pub variables: Variables,
    /// The route.
    pub route: Route,
    /// How the journey ended.
    pub ended: Ended,
    /// What `context.LastError` shows at the end.
    pub last_error: Option<LastError>,
    /// What the backend saw.
    pub sent: Vec<Sent>,
    /// Counters that policies let the exchange fall under.
    pub counters: Vec<Counter>,
    /// As what some of them count the exchange, whatever it uses: account and units.
    pub corrected: Vec<(Arc<str>, u64)>,
    /// Steps, where [`Scene::traced`].
    pub trace: Option<Box<Trace>>,
    /// How long it took, by the runtime's time.
    pub took: Duration,
    /// `x-tollgate-cache`.
    pub cache_status: Option<&'static str>,
    /// How the events of a streamed answer are checked.
    pub screenings: Vec<Screening>,
    passing: Bytes,
    settled: Vec<Watcher>,
}

impl Default for Scene {
    fn default() -> Self {
        Self::new()
    }
}

impl Scene {
    /// A GET of `/` without documents, at a backend that answers 200 with `{"ok":true}`.
    #[must_use]
    pub fn new() -> Self {
        let clock = Clock::manual(Timestamp::from_secs(NOW));
        let limits = Arc::new(Limits::new(clock.clone()));
        Self {
            facts: Facts { request_id: "00000000-0000-4000-8000-000000000001".to_owned(), ..Facts::default() },
            services: Services {
                outside: Outside::with_calls(&clock, script()),
                debugging: Arc::new(Debugging::new(clock.clone(), Entropy::seeded(2))),
                clock,
                entropy: Entropy::seeded(1),
                limits,
                slots: Slots::default(),
            },
            request: request(),
            on_unsupported: OnUnsupported::Refuse,
            named: Arc::default(),
            sections: HashMap::new(),
            documents: Vec::new(),
            variables: Vec::new(),
            backends: Vec::new(),
            body: Bytes::new(),
            replies: VecDeque::new(),
            traced: false,
            is_preflight: false,
            drains: false,
        }
    }

    /// Statements of a section of the API's document.
    #[must_use]
    pub fn section(mut self, name: &'static str, statements: &str) -> Self {
        assert!(Section::named(name).is_some(), "`{name}` is no section");
        self.sections.entry(name).or_default().push_str(statements);
        self
    }

    /// A whole document beside that of the sections.
    #[must_use]
    pub fn document(mut self, scope: Scope, text: &str) -> Self {
        self.documents.push((scope, text.to_owned()));
        self
    }

    /// Method, and path with query or a whole URL.
    #[must_use]
    pub fn request(mut self, method: &str, target: &str) -> Self {
        let url = url::Url::parse("https://gateway.test").expect("a URL").join(target).expect("a target");
        self.request.method = method.parse().expect("a method");
        self.request.scheme = url.scheme().into();
        self.request.host = url.host_str().unwrap_or_default().into();
        self.request.port = url.port().unwrap_or_default();
        url.path().clone_into(&mut self.request.path);
        url.query().unwrap_or_default().clone_into(&mut self.request.query);
        self.request.original = (url.path().into(), url.query().unwrap_or_default().into());
        self
    }

    /// A header of the request.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request.headers.append(header(name), HeaderValue::from_str(value).expect("a value"));
        self
    }

    /// The request's body, on the wire.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// The caller's address.
    #[must_use]
    pub fn ip(mut self, ip: &str) -> Self {
        self.request.ip = Some(ip.parse().expect("an address"));
        self
    }

    /// A parameter of the operation's template.
    #[must_use]
    pub fn matched(mut self, name: &str, value: &str) -> Self {
        self.request.matched.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A variable from before.
    #[must_use]
    pub fn variable(mut self, name: &'static str, value: Value) -> Self {
        self.variables.push((name, value));
        self
    }

    /// A backend that documents may name.
    #[must_use]
    pub fn backend(mut self, id: &'static str, target: Target) -> Self {
        self.backends.push((id, target));
        self
    }

    /// Certificates, token sources, loggers and services that documents may name.
    #[must_use]
    pub fn named(mut self, named: Named) -> Self {
        self.named = Arc::new(named);
        self
    }

    /// Who answers side calls.
    #[must_use]
    pub fn calls(mut self, calls: &Arc<Script>) -> Self {
        self.services.outside = Outside::with_calls(&self.services.clock, calls.clone());
        self
    }

    /// What the backend does with the next request; the last goes for all further ones.
    #[must_use]
    pub fn reply(mut self, reply: Reply) -> Self {
        self.replies.push_back(reply);
        self
    }

    /// Keeps the steps.
    #[must_use]
    pub const fn traced(mut self) -> Self {
        self.traced = true;
        self
    }

    /// Ends as a gateway does that goes down: what policies sent and wrote is on its way before the scene is over.
    #[must_use]
    pub const fn drained(mut self) -> Self {
        self.drains = true;
        self
    }

    /// As the gateway asks the documents first when a browser asks whether it may send.
    #[must_use]
    pub const fn preflight(mut self) -> Self {
        self.is_preflight = true;
        self
    }

    /// What is wrong with the documents, in words.
    #[must_use]
    pub fn troubles(&self) -> Vec<String> {
        match self.compiled() {
            Ok(_) => Vec::new(),
            Err(troubles) => troubles.into_iter().map(|trouble| trouble.message).collect(),
        }
    }

    /// Plays it to its end.
    #[must_use]
    pub fn run(mut self) -> Played {
        let pipeline = match self.compiled() {
            Ok(pipeline) => pipeline,
            Err(troubles) => panic!("the documents do not compile: {troubles:#?}"),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.expect("a runtime").block_on(self.play(&pipeline))
    }

    async fn play(&mut self, pipeline: &Pipeline) -> Played {
        let began = Instant::now();
        let mut wire = Wire { began, replies: self.replies.clone(), ..Wire::new(self.body.clone()) };
        let mut variables = Variables::default();
        for (name, value) in &self.variables {
            variables.set(&Arc::from(*name), value.clone());
        }
        let clock = &self.services.clock;
        let mut flow = Flow {
            facts: &self.facts,
            services: &self.services,
            request: std::mem::replace(&mut self.request, request()),
            response: None,
            variables,
            route: Route::default(),
            section: Section::Inbound,
            last_error: None,
            pipeline,
            depth: 0,
            began: (clock.now(), clock.ticks()),
            link: &mut wire,
            after: Vec::new(),
            trace: self.traced.then(Box::default),
            is_preflight: self.is_preflight,
            cached: Cached::Unasked,
        };
        let ended = if flow.is_preflight {
            Pipeline::preflight(&mut flow).await.map_or_else(Ended::Failed, |_| Ended::Answered)
        } else {
            Pipeline::run(&mut flow).await
        };
        let Flow { request, response, variables, route, last_error, trace, .. } = flow;
        let Wire { sent, counters, corrected, settled, keeps, screenings, cache_status, answer: passing, .. } = wire;
        for keep in keeps.into_iter().filter(|keep| passing.len() <= keep.largest) {
            (keep.to)(passing.clone(), false);
        }
        if self.drains {
            self.services.outside.drain(Duration::from_secs(60)).await;
        }
        Played {
            request,
            response,
            variables,
            route,
            ended,
            last_error,
            sent,
            counters,
            corrected,
            trace,
            took: began.elapsed(),
            passing,
            settled,
            cache_status,
            screenings,
        }
    }

    /// The documents, the narrowest first, and the built-in one, which forwards.
    fn compiled(&self) -> Result<Pipeline, Vec<super::Trouble>> {
        let mut documents = self.documents.clone();
        if !self.sections.is_empty() {
            documents.push((Scope::Api, self.own()));
        }
        documents.sort_by_key(|(scope, _)| std::cmp::Reverse(*scope));
        let known = Backends(&self.backends, &self.named);
        let compiled = documents.iter().map(|(scope, text)| {
            let document = read(text);
            compile(&document, *scope, &known, self.on_unsupported).map(|(compiled, _)| Arc::new(compiled))
        });
        let mut compiled = compiled.collect::<Result<Vec<_>, _>>()?;
        compiled.push(Arc::new(built_in()));
        Ok(Pipeline::new(compiled))
    }

    fn own(&self) -> String {
        let sections = Section::ALL.map(|section| {
            let name = section.name();
            let written = self.sections.get(name);
            written.map(|statements| format!("<{name}>{statements}</{name}>")).unwrap_or_default()
        });
        format!("<policies>{}</policies>", sections.concat())
    }
}

impl Played {
    /// Status of the answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.response.as_ref().expect("an answer").status.as_u16()
    }

    /// The answer's body: from memory, or as it would pass.
    #[must_use]
    pub fn body(&self) -> String {
        let bytes = match &self.response.as_ref().expect("an answer").body {
            Body::Held(bytes) => bytes,
            Body::Passing => &self.passing,
            Body::Consumed => &Bytes::new(),
        };
        String::from_utf8(bytes.to_vec()).expect("UTF-8")
    }

    /// All lines of a header of the answer, joined by `, `; `None`: not there.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<String> {
        joined(&self.response.as_ref().expect("an answer").headers, name)
    }

    /// A variable's text.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).map(|value| value.to_text().to_string())
    }

    /// Settles the exchange with a record that `fill` has filled.
    pub fn settle(self, fill: impl FnOnce(&mut Record)) {
        let (id, now) = (uuid::Uuid::nil(), Timestamp::from_secs(NOW));
        let mut record = Record::open(id, now, Ticks::default(), Method::GET, "/");
        fill(&mut record);
        self.settled.into_iter().for_each(|work| work(&record));
    }

    /// The failure that ended the journey, whether or not `on-error` made another answer of it.
    #[must_use]
    pub fn failure(&self) -> Option<&Failure> {
        match &self.ended {
            Ended::Answered => None,
            Ended::Failed(failure) | Ended::Recovered(failure) => Some(failure),
        }
    }
}

/// What the documents of a scene may name.
struct Backends<'s>(&'s [(&'static str, Target)], &'s Arc<Named>);

impl Known for Backends<'_> {
    fn backend(&self, id: &str) -> Option<Target> {
        self.0.iter().find(|(name, _)| *name == id).map(|(_, target)| target.clone())
    }

    fn names(&self, kind: &str) -> Vec<String> {
        if kind == "backend" { self.0.iter().map(|(name, _)| (*name).to_owned()).collect() } else { Vec::new() }
    }

    fn named(&self) -> Arc<Named> {
        self.1.clone()
    }
}

/// Makes an OpenAPI document the API's, and an operation of it the one under way.
pub fn openapi(scene: &mut Scene, method: &str, url_template: &str, document: serde_json::Value) {
    let (method, url_template) = (method.into(), url_template.into());
    scene.facts.api = Some(Arc::new(ApiFacts { openapi: Some(Arc::new(document)), ..ApiFacts::default() }));
    scene.facts.operation = Some(Arc::new(OperationFacts { method, url_template, ..OperationFacts::default() }));
}

fn read(text: &str) -> Document {
    Document::from_xml("test.xml", text).unwrap_or_else(|problems| panic!("{problems:#?}"))
}

fn built_in() -> Compiled {
    let forward = Box::<ForwardRequest>::default();
    let statement = Statement::new("forward-request", None, Place::unknown(), "forward-request[1]", forward);
    let backend = Some(Block::new(vec![statement]));
    Compiled { scope: Scope::Global, inbound: None, backend, outbound: None, on_error: None }
}

fn request() -> Request {
    Request {
        method: Method::GET,
        scheme: "https".into(),
        host: "gateway.test".into(),
        port: 0,
        path: "/".to_owned(),
        query: String::new(),
        headers: HeaderMap::new(),
        body: Body::Passing,
        original: ("/".into(), "".into()),
        matched: Vec::new(),
        ip: None,
        certificate: None,
    }
}

fn header(name: &str) -> HeaderName {
    HeaderName::try_from(name).expect("a header's name")
}

fn joined(headers: &HeaderMap, name: &str) -> Option<String> {
    let lines: Vec<_> = headers.get_all(name).iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
    (!lines.is_empty()).then(|| lines.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_plays_a_journey() {
        let played = Scene::new()
            .section("inbound", r#"<set-header name="x-a"><value>1</value></set-header><base />"#)
            .section("outbound", r#"<base /><set-header name="x-b"><value>2</value></set-header>"#)
            .request("POST", "/a?b=c")
            .body("hello")
            .reply(Reply::new(201, "made").after(Duration::from_secs(5)))
            .run();
        assert_eq!((played.status(), played.body().as_str(), played.took), (201, "made", Duration::from_secs(5)));
        let sent = &played.sent[0];
        assert_eq!(
            (sent.target.as_str(), &sent.body[..], sent.header("x-a").as_deref()),
            ("/a?b=c", &b"hello"[..], Some("1"))
        );
        assert_eq!(played.header("x-b").as_deref(), Some("2"));
        assert!(played.failure().is_none());
    }

    #[test]
    fn a_backend_without_time_fails() {
        let played = Scene::new()
            .section("backend", r#"<forward-request timeout="2" />"#)
            .reply(Reply::new(200, "late").after(Duration::from_secs(3)))
            .run();
        assert_eq!((played.status(), played.took), (504, Duration::from_secs(2)));
        assert_eq!(played.failure().map(|failure| &*failure.reason), Some("Timeout"));
        assert_eq!(played.last_error.expect("an error").path.as_deref(), Some("forward-request[1]"));
    }
}

//! A request and a backend that cost nothing of their own.

use std::{net::Ipv4Addr, sync::Arc};

use bytes::Bytes;
use futures_util::{
    FutureExt,
    future::{BoxFuture, ready},
};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use tollgate::{
    exchange::Watcher,
    limits::{Limits, Scope as Counter},
    model::{Clock, Entropy},
    policies::{
        Body, Ended, Facts, Failure, Flow, Forwarding, Link, Outside, Pipeline, Request, Response, Route, Services,
        Slots,
        compile::Known,
        debugging::Debugging,
        facts::{ApiFacts, SubscriptionFacts},
        flow::{Cached, Variables},
        link::Target,
    },
    policy::Section,
};

/// Nothing to refer to.
pub struct World;

impl Known for World {
    fn backend(&self, _: &str) -> Option<Target> {
        None
    }

    fn names(&self, _: &str) -> Vec<String> {
        Vec::new()
    }
}

/// Everything around a pipeline.
pub struct Stage {
    facts: Facts,
    services: Services,
    request: Request,
}

impl Stage {
    pub fn new() -> Self {
        let clock = Clock::system();
        let services = Services {
            outside: Outside::new(&clock),
            debugging: Arc::new(Debugging::new(clock.clone(), Entropy::seeded(2))),
            slots: Slots::default(),
            limits: Arc::new(Limits::new(clock.clone())),
            entropy: Entropy::seeded(1),
            clock,
        };
        let facts = Facts {
            request_id: "00000000-0000-4000-8000-000000000001".to_owned(),
            api: Some(Arc::new(ApiFacts { id: "orders".into(), name: "Orders".into(), ..ApiFacts::default() })),
            subscription: Some(Arc::new(SubscriptionFacts { id: "team-a".into(), ..SubscriptionFacts::default() })),
            ..Facts::default()
        };
        Self { facts, services, request: request() }
    }

    /// Plays one request.
    pub fn play(&self, pipeline: &Pipeline) {
        let mut wire = Wire;
        let mut flow = Flow {
            facts: &self.facts,
            services: &self.services,
            request: self.request.clone(),
            response: None,
            variables: Variables::default(),
            route: Route::default(),
            section: Section::Inbound,
            last_error: None,
            pipeline,
            depth: 0,
            began: (self.services.clock.now(), self.services.clock.ticks()),
            link: &mut wire,
            after: Vec::new(),
            trace: None,
            is_preflight: false,
            cached: Cached::Unasked,
        };
        let ended = Pipeline::run(&mut flow).now_or_never().expect("nothing waits here");
        assert!(matches!(ended, Ended::Answered), "{ended:?}");
        assert_eq!(flow.response.map(|response| response.status), Some(StatusCode::OK));
    }
}

fn request() -> Request {
    let mut headers = HeaderMap::new();
    for (name, value) in [("host", "gateway"), ("accept", "*/*"), ("x-tenant", "blue"), ("user-agent", "bench")] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    Request {
        method: Method::GET,
        scheme: "https".into(),
        host: "gateway".into(),
        port: 0,
        path: "/orders/7".to_owned(),
        query: "full=true".to_owned(),
        headers,
        body: Body::Held(Bytes::new()),
        original: ("/shop/orders/7".into(), "full=true".into()),
        matched: Vec::new(),
        ip: Some(Ipv4Addr::new(10, 1, 2, 3).into()),
        certificate: None,
    }
}

struct Wire;

impl Link for Wire {
    fn read_request(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        ready(Ok(Bytes::new())).boxed()
    }

    fn read_response(&mut self) -> BoxFuture<'_, Result<Bytes, Failure>> {
        ready(Ok(Bytes::new())).boxed()
    }

    fn forward<'f>(
        &'f mut self,
        _: &'f mut Request,
        _: &'f Route,
        _: &'f Forwarding,
    ) -> BoxFuture<'f, Result<Response, Failure>> {
        let mut response = Response::new(StatusCode::OK);
        response.headers.insert("x-powered-by", HeaderValue::from_static("bench"));
        ready(Ok(response)).boxed()
    }

    fn rendered(&mut self, failure: &Failure) -> Response {
        panic!("{failure:?}")
    }

    fn limit(&mut self, _: Counter) {}

    fn count_as(&mut self, _: &str, _: u64) {}

    fn tokens(&mut self) -> u64 {
        0
    }

    fn backend(&self) -> Option<Arc<str>> {
        None
    }

    fn when_settled(&mut self, _: Watcher) {}
}

//! Plays a case: the documents as the gateway compiles and runs them, everything around them scripted.
//!
//! Waiting is played, not waited for: the runtime's clock stands still and jumps.

use std::{collections::BTreeMap, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, header};
use serde_json::Value as Json;
use url::Url;

use super::{
    case::{self, Case},
    script::{Others, Sent, Wire, headers},
    world::World,
};
use crate::{
    expression::Value,
    limits::Limits,
    model::{Clock, Entropy, Secret, Timestamp},
    policies::{
        Body, Compiled, Ended, Facts, Flow, LastError, Outside, Pipeline, Request, Response, Route, Services, Slots,
        Trouble, compile,
        compile::OnUnsupported,
        debugging::Debugging,
        facts::{ApiFacts, DeploymentFacts, OperationFacts, ProductFacts, SubscriptionFacts, UserFacts},
        flow::{Cached, Variables},
        tracing::Trace,
    },
    policy::{Document, Scope, Section},
};

/// When a case is played unless it says otherwise: 2026-03-01T12:00:00Z.
const NOW: u64 = 1_772_366_400;

/// How long what a case puts into the cache is kept.
const KEPT: Duration = Duration::from_hours(1);

/// How a case ended.
pub struct Played {
    /// The answer.
    pub response: Option<Response>,
    /// The answer's body, also one that would have passed.
    pub body: Bytes,
    /// Variables at the end.
    pub variables: Variables,
    /// What is in the cache at the end, of what the case asks for, as text.
    pub cached: BTreeMap<String, String>,
    /// How the journey ended.
    pub ended: Ended,
    /// What `context.LastError` shows.
    pub last_error: Option<LastError>,
    /// What the backend saw.
    pub sent: Vec<Sent>,
    /// What others were asked.
    pub called: Vec<Sent>,
    /// Steps.
    pub trace: Box<Trace>,
    /// What is odd about the documents.
    pub warnings: Vec<String>,
}

/// Documents of up to five scopes, compiled, the narrowest first; the built-in one is last. With what is odd about them.
///
/// # Errors
/// Everything that is wrong with them.
pub fn compiled(
    documents: &[(Scope, Document)],
    world: &World,
    how: OnUnsupported,
) -> Result<(Pipeline, Vec<Trouble>), Vec<Trouble>> {
    let built_in = Document::built_in();
    let own = documents.iter().map(|(scope, document)| (*scope, document));
    let (mut good, mut bad, mut odd) = (Vec::new(), Vec::new(), Vec::new());
    for (scope, document) in own.chain(std::iter::once((Scope::Global, &built_in))) {
        match compile(document, scope, world, how) {
            Ok((compiled, warnings)) => {
                good.push(Arc::<Compiled>::new(compiled));
                odd.extend(warnings);
            }
            Err(troubles) => bad.extend(troubles),
        }
    }
    if bad.is_empty() { Ok((Pipeline::new(good), odd)) } else { Err(bad) }
}

/// Plays a case.
///
/// # Errors
/// What is wrong with the case itself.
pub fn play(pipeline: &Pipeline, case: &Case) -> Result<Played, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    runtime.block_on(on_stage(pipeline, case))
}

async fn on_stage(pipeline: &Pipeline, case: &Case) -> Result<Played, String> {
    let now = case.now.map_or(Timestamp::from_secs(NOW), |at| {
        Timestamp::from_secs(u64::try_from(at.as_second()).unwrap_or_default())
    });
    let clock = Clock::manual(now);
    let others = Arc::new(Others::new(&case.calls));
    let services = Services {
        outside: Outside::with_calls(&clock, others.clone()),
        debugging: Arc::new(Debugging::new(clock.clone(), Entropy::seeded(2))),
        slots: Slots::default(),
        limits: Arc::new(Limits::new(clock.clone())),
        entropy: Entropy::seeded(1),
        clock,
    };
    for (key, value) in &case.cached {
        services.outside.cache.store_value(key, value_of(value), KEPT, None);
    }
    let mut wire = Wire::new(case::bytes(case.request.body.as_ref()), &case.answers);
    let facts = facts(case);
    let mut flow = Flow {
        facts: &facts,
        services: &services,
        request: request(case)?,
        response: None,
        variables: variables(case),
        route: Route::default(),
        section: Section::Inbound,
        last_error: None,
        pipeline,
        depth: 0,
        began: (services.clock.now(), services.clock.ticks()),
        link: &mut wire,
        after: Vec::new(),
        trace: Some(Box::default()),
        is_preflight: false,
        cached: Cached::Unasked,
    };
    let clock = services.clock.clone();
    let ended = in_played_time(&clock, run(&mut flow)).await;
    let Flow { response, variables, last_error, trace, .. } = flow;
    services.outside.drain(Duration::from_secs(1)).await;
    let asked = case.expect.iter().flat_map(|expect| expect.cached.keys());
    let found = |key: &String| Some((key.clone(), services.outside.cache.value(key)?.value.to_text().to_string()));
    let cached = asked.filter_map(found).collect();
    let body = match response.as_ref().map(|response| &response.body) {
        Some(Body::Held(bytes)) => bytes.clone(),
        Some(Body::Passing) => wire.passing().clone(),
        Some(Body::Consumed) | None => Bytes::new(),
    };
    let (sent, called) = (wire.sent, others.asked());
    Ok(Played {
        response,
        body,
        variables,
        cached,
        ended,
        last_error,
        sent,
        called,
        trace: trace.unwrap_or_default(),
        warnings: Vec::new(),
    })
}

/// The pipeline, and before it what a browser's question gets from the first `cors`, as on a gateway.
async fn run(flow: &mut Flow<'_>) -> Ended {
    if asks(&flow.request) {
        flow.is_preflight = true;
        let answered = Pipeline::preflight(flow).await;
        flow.is_preflight = false;
        match answered {
            Ok(true) => return Ended::Answered,
            Ok(false) => {}
            Err(failure) => return Ended::Failed(failure),
        }
    }
    Pipeline::run(flow).await
}

/// Whether a browser asks whether it may send (Fetch, "CORS-preflight request").
fn asks(request: &Request) -> bool {
    request.method == Method::OPTIONS
        && request.headers.contains_key(header::ORIGIN)
        && request.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// Runs with a clock that goes with the runtime's: whatever is waited for moves both.
async fn in_played_time<T>(clock: &Clock, running: impl Future<Output = T>) -> T {
    let mut running = pin!(running);
    let began = tokio::time::Instant::now();
    let mut told = Duration::ZERO;
    std::future::poll_fn(|context| {
        let elapsed = began.elapsed();
        clock.advance(elapsed.saturating_sub(told));
        told = elapsed;
        running.as_mut().poll(context)
    })
    .await
}

fn request(case: &Case) -> Result<Request, String> {
    let given = &case.request;
    let base = Url::parse("https://gateway.test").map_err(|error| error.to_string())?;
    let url = base.join(&given.url).map_err(|error| format!("request.url `{}`: {error}", given.url))?;
    let method = given.method.parse().map_err(|_| format!("request.method `{}` is no method", given.method))?;
    let query = url.query().unwrap_or_default();
    Ok(Request {
        method,
        scheme: url.scheme().into(),
        host: url.host_str().unwrap_or_default().into(),
        port: url.port().unwrap_or_default(),
        path: url.path().to_owned(),
        query: query.to_owned(),
        headers: headers(&given.headers),
        body: Body::Passing,
        original: (url.path().into(), query.into()),
        matched: given.matched.clone().into_iter().collect(),
        ip: Some(given.ip.unwrap_or(std::net::Ipv4Addr::LOCALHOST.into())),
        certificate: None,
    })
}

fn variables(case: &Case) -> Variables {
    let mut variables = Variables::default();
    for (name, value) in &case.variables {
        variables.set(&Arc::from(name.as_str()), value_of(value));
    }
    variables
}

/// A value of a case as expressions see it.
fn value_of(value: &Json) -> Value {
    match value {
        Json::Null => Value::Null,
        Json::Bool(on) => Value::Bool(*on),
        Json::String(text) => Value::from(text.as_str()),
        Json::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => i32::try_from(number).map_or(Value::Long(number), Value::Int),
            (None, number) => number.map_or(Value::Null, Value::Double),
        },
        Json::Array(_) | Json::Object(_) => Value::Json(value.into()),
    }
}

fn facts(case: &Case) -> Facts {
    let context = &case.context;
    let get = |of: &BTreeMap<String, String>, name: &str| of.get(name).map(|text| Arc::<str>::from(text.as_str()));
    let text = |of: &_, name: &str, other: &str| get(of, name).unwrap_or_else(|| other.into());
    let api = ApiFacts {
        id: text(&context.api, "id", "api"),
        name: text(&context.api, "name", "API"),
        path: text(&context.api, "path", ""),
        version: get(&context.api, "version"),
        revision: "1".into(),
        is_current: true,
        service_url: Some(text(&context.api, "service_url", "https://backend.test")),
        key_names: ("Ocp-Apim-Subscription-Key".into(), "subscription-key".into()),
        ..ApiFacts::default()
    };
    let operation = OperationFacts {
        id: text(&context.operation, "id", "operation"),
        name: text(&context.operation, "name", "Operation"),
        method: text(&context.operation, "method", &case.request.method),
        url_template: text(&context.operation, "url_template", "/*"),
    };
    let is_there = |of: &BTreeMap<String, String>| !of.is_empty();
    let product = is_there(&context.product).then(|| ProductFacts {
        id: text(&context.product, "id", "product"),
        name: text(&context.product, "name", "Product"),
        subscription_required: true,
        ..ProductFacts::default()
    });
    let subscription = is_there(&context.subscription).then(|| SubscriptionFacts {
        id: text(&context.subscription, "id", "subscription"),
        name: text(&context.subscription, "name", "Subscription"),
        ..SubscriptionFacts::default()
    });
    let user = is_there(&context.user).then(|| UserFacts {
        id: text(&context.user, "id", "user"),
        email: get(&context.user, "email"),
        name: get(&context.user, "name"),
        groups: context.groups.iter().map(|group| group.as_str().into()).collect(),
    });
    Facts {
        request_id: context.request_id.clone().unwrap_or_else(|| "00000000-0000-4000-8000-000000000001".to_owned()),
        api: Some(Arc::new(api)),
        operation: Some(Arc::new(operation)),
        product: product.map(Arc::new),
        subscription: subscription.map(Arc::new),
        key: context.subscription.get("key").map(|key| Secret::from(key.clone())),
        user: user.map(Arc::new),
        deployment: Arc::new(DeploymentFacts {
            region: text(&context.deployment, "region", ""),
            service_name: text(&context.deployment, "service_name", "tollgate"),
            gateway_id: text(&context.deployment, "gateway_id", "managed"),
            ..DeploymentFacts::default()
        }),
    }
}

//! What expressions cost: compiling one, and evaluating it for an exchange.
//!
//! `cargo bench --bench expressions` prints nanoseconds per evaluation, the fastest of several rounds. The exchange
//! answers from memory, as the gateway's does; what is measured is the interpreter. It measures, and asserts nothing.

use std::{collections::HashMap, hint::black_box, sync::Arc, time::Duration};

use bytes::Bytes;
use tollgate::{
    expression::{
        Bounds, Certificate, Expression, Fact, Headers, Host, Part, Side, Source, Thrown, UrlParts, Value, Which,
        compile,
    },
    model::{Clock, Timestamp},
};

const ROUNDS: u32 = 7;
const AT_LEAST: Duration = Duration::from_millis(60);

/// Name, whether it is a block, and code.
const CASES: &[(&str, bool, &str)] = &[
    ("a fact", false, "context.Subscription.Id"),
    ("header compared", false, r#"context.Request.Headers.GetValueOrDefault("X-Tenant", "") == "contoso""#),
    ("variable cast and compared", false, r#"(string)context.Variables["tenant"] == "contoso""#),
    ("text joined", false, r#""Bearer " + (string)context.Variables["tenant"] + "/" + context.Api.Id"#),
    ("text interpolated", false, r#"$"{context.Api.Id}-{context.Subscription.Id}:{context.Variables["tenant"]}""#),
    (
        "status in a range",
        false,
        "context.Response != null && context.Response.StatusCode >= 500 && context.Response.StatusCode < 600",
    ),
    ("member of a 200 byte body", false, r#"(string)context.Request.Body.As<JObject>(preserveContent: true)["model"]"#),
    (
        "query over a body",
        false,
        r#"context.Request.Body.As<JObject>(true)["messages"].Where(m => (string)m["role"] == "user").Count()"#,
    ),
    ("JSON built", false, r#"new JObject(new JProperty("id", context.Api.Id), new JProperty("ok", true)).ToString()"#),
    (
        "regular expression",
        false,
        r#"Regex.IsMatch(context.Request.Headers.GetValueOrDefault("X-Tenant", ""), "^[a-z]+$")"#,
    ),
    ("loop of 100", true, "var sum = 0; for (var i = 0; i < 100; i++) { sum += i; } return sum;"),
    ("20 lines", true, TWENTY),
];

const TWENTY: &str = r#"
    var tenant = context.Request.Headers.GetValueOrDefault("X-Tenant", "");
    if (string.IsNullOrEmpty(tenant)) {
        return "none";
    }
    var parts = tenant.Split('-');
    var name = parts[0].ToLower();
    var region = parts.Length > 1 ? parts[1] : "weu";
    var suffix = "";
    foreach (var letter in region) {
        suffix = letter + suffix;
    }
    if (name == "contoso") {
        suffix += "1";
    } else if (name == "fabrikam") {
        suffix += "2";
    } else {
        suffix += "3";
    }
    var number = name.Length * 10 + 5;
    return $"{name}-{suffix}-{number}";
"#;

/// An exchange that is all in memory.
struct Exchange {
    headers: HashMap<&'static str, Arc<str>>,
    facts: HashMap<Fact, Value>,
    tenant: Value,
    body: Bytes,
}

impl Exchange {
    fn new() -> Self {
        let body = r#"{"model":"gpt-4o","stream":false,"temperature":0.2,"messages":[{"role":"system","content":"You are terse."},{"role":"user","content":"Say hello to the people in the room."}],"max_tokens":100}"#;
        Self {
            headers: HashMap::from([("X-Tenant", "contoso".into())]),
            facts: HashMap::from([
                (Fact::ApiId, Value::from("orders")),
                (Fact::SubscriptionId, Value::from("team-a")),
                (Fact::ResponseStatusCode, Value::Int(503)),
            ]),
            tenant: Value::from("contoso"),
            body: Bytes::from_static(body.as_bytes()),
        }
    }
}

impl Host for Exchange {
    fn fact(&mut self, fact: Fact) -> Value {
        self.facts.get(&fact).cloned().unwrap_or_default()
    }

    fn has(&mut self, _: Part) -> bool {
        true
    }

    fn header(&mut self, _: Side, name: &str) -> Option<Arc<str>> {
        self.headers.get(name).cloned()
    }

    fn headers(&mut self, _: Side) -> Headers {
        self.headers.iter().map(|(name, value)| ((*name).into(), vec![value.clone()])).collect()
    }

    fn url(&mut self, _: Which) -> UrlParts {
        UrlParts::default()
    }

    fn matched_parameters(&mut self) -> Vec<(Arc<str>, Arc<str>)> {
        Vec::new()
    }

    fn variable(&mut self, name: &str) -> Option<Value> {
        (name == "tenant").then(|| self.tenant.clone())
    }

    fn variables(&mut self) -> Vec<(Arc<str>, Value)> {
        vec![("tenant".into(), self.tenant.clone())]
    }

    fn body(&mut self, _: Side, _: bool) -> Result<Option<Bytes>, Thrown> {
        Ok(Some(self.body.clone()))
    }

    fn trace(&mut self, message: &str) {
        black_box(message);
    }

    fn now(&mut self) -> Timestamp {
        Timestamp::from_secs(1_700_000_000)
    }

    fn random(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }

    fn client_certificate(&mut self) -> Option<Certificate> {
        None
    }

    fn certificates(&mut self) -> Vec<(Arc<str>, Certificate)> {
        Vec::new()
    }
}

fn main() {
    let clock = Clock::system();
    let mut exchange = Exchange::new();
    println!("{:<28} {:>12} {:>12}", "expression", "compiling", "evaluating");
    for (name, is_block, text) in CASES {
        let source = Source { text, is_block: *is_block };
        let compiling = fastest(&clock, || _ = black_box(compile(source).is_ok()));
        let expression = compile(source).unwrap_or_else(|troubles| panic!("{name}: {troubles:?}"));
        once(&expression, &mut exchange, name);
        let evaluating = fastest(&clock, || drop(black_box(expression.evaluate(&mut exchange, &Bounds::DEFAULT))));
        println!("{name:<28} {compiling:>9.0} ns {evaluating:>9.0} ns");
    }
}

/// A case that throws measures nothing.
fn once(expression: &Expression, exchange: &mut Exchange, name: &str) {
    if let Err(thrown) = expression.evaluate(exchange, &Bounds::DEFAULT) {
        panic!("{name}: {thrown}");
    }
}

/// Nanoseconds of one call, in the fastest round.
#[expect(clippy::cast_precision_loss, reason = "counts and times of a bench are small")]
fn fastest(clock: &Clock, mut run: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let began = clock.ticks();
        let mut count = 0_u32;
        while !count.is_multiple_of(64) || count == 0 || clock.ticks().since(began) < AT_LEAST {
            run();
            count += 1;
        }
        best = best.min(clock.ticks().since(began).as_nanos() as f64 / f64::from(count));
    }
    best
}

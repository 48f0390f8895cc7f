//! What policy documents add to a request: a pipeline of twelve ordinary policies beside the built-in one.
//!
//! `cargo bench --bench policies`. Prints a Markdown table; both pipelines are measured in turns, in the same run.
//! Deliberately not here: the backend and the wire, which are the same with and without documents.

#![expect(clippy::disallowed_methods, reason = "a bench measures real time")]

mod stage;

use std::{sync::Arc, time::Instant};

use tollgate::{
    policies::{Compiled, Pipeline, compile, compile::OnUnsupported},
    policy::{Document, Scope},
};

use self::stage::{Stage, World};

/// Requests of a round, and rounds; the first is not counted.
const REQUESTS: u32 = 20_000;
const ROUNDS: usize = 11;

/// The policies that documents most often have (by the count of published documents), three of them with expressions.
const TWELVE: &str = r#"<policies>
  <inbound>
    <base />
    <set-variable name="team" value="@(context.Subscription.Id)" />
    <check-header name="x-tenant" failed-check-httpcode="400" failed-check-error-message="x-tenant is missing" ignore-case="true" />
    <rate-limit-by-key calls="1000000000" renewal-period="60" counter-key="@(context.Subscription.Id)" />
    <set-header name="x-team" exists-action="override"><value>@((string)context.Variables["team"])</value></set-header>
    <set-header name="x-request-id" exists-action="override"><value>@(context.RequestId.ToString())</value></set-header>
    <set-query-parameter name="api-version" exists-action="override"><value>2024-10-21</value></set-query-parameter>
    <choose>
      <when condition="@(context.Request.Headers.GetValueOrDefault(&quot;x-tenant&quot;, &quot;&quot;) == &quot;blue&quot;)">
        <set-header name="x-blue" exists-action="override"><value>yes</value></set-header>
      </when>
    </choose>
    <ip-filter action="allow"><address-range from="10.0.0.0" to="10.255.255.255" /></ip-filter>
  </inbound>
  <backend><forward-request timeout="60" /></backend>
  <outbound>
    <base />
    <set-header name="x-powered-by" exists-action="delete" />
    <set-header name="x-served-for" exists-action="override"><value>@(context.Api.Name)</value></set-header>
  </outbound>
</policies>"#;

fn main() {
    let (none, twelve) = (pipeline(&[]), pipeline(&[TWELVE]));
    let stage = Stage::new();
    let mut of = [Vec::new(), Vec::new()];
    for round in 0..ROUNDS {
        for (times, pipeline) in of.iter_mut().zip([&none, &twelve]) {
            let took = measured(&stage, pipeline);
            if round > 0 {
                times.push(took);
            }
        }
    }
    let [none, twelve] = of.map(median);
    println!("| pipeline | us a request |\n| --- | --- |");
    println!("| built in | {none:.2} |\n| twelve policies | {twelve:.2} |\n| added | {:.2} |", twelve - none);
}

/// Microseconds that a request takes.
fn measured(stage: &Stage, pipeline: &Pipeline) -> f64 {
    let begun = Instant::now();
    for _ in 0..REQUESTS {
        stage.play(pipeline);
    }
    begun.elapsed().as_secs_f64() * 1e6 / f64::from(REQUESTS)
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn pipeline(documents: &[&str]) -> Pipeline {
    let read = |text: &&str| Document::from_xml("bench.xml", text).expect("a document");
    let own = documents.iter().map(read).map(|document| (Scope::Api, document));
    let all = own.chain(std::iter::once((Scope::Global, Document::built_in())));
    let compiled = all.map(|(scope, document)| match compile(&document, scope, &World, OnUnsupported::Refuse) {
        Ok((compiled, _)) => Arc::<Compiled>::new(compiled),
        Err(troubles) => panic!("{troubles:#?}"),
    });
    Pipeline::new(compiled.collect())
}

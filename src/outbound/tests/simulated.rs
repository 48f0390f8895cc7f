//! Simulated backends and health checks, through the same front door as real ones.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering::SeqCst},
};

use super::{
    fake::{Fake, Line, OK},
    *,
};
use crate::settings::objects::HealthCheck;

#[tokio::test]
async fn a_simulated_backend_answers_without_a_network() {
    let bench = Bench::new();
    let backend = bench.backend(&settings::Backend::new("sim", Kind::Sim));
    let answer = get(&bench, &backend, "/echo?x=1").await.expect("an answer");
    let declared = answer.headers().get("content-length").and_then(|value| value.to_str().ok()?.parse().ok());
    let whole = text(answer).await.expect("whole");
    assert!(whole.contains("/echo"), "{whole}");
    assert_eq!(declared, Some(whole.len()));
}

#[tokio::test]
async fn a_request_for_a_count_gets_a_real_one() {
    let bench = Bench::new();
    let backend = bench.backend(&settings::Backend::new("sim", Kind::Sim));
    let long = "word ".repeat(3_000);
    let cases = [
        (
            "/v1/messages/count_tokens",
            r#"{"model":"sim-echo","messages":[{"role":"user","content":"hello world"}]}"#,
            9,
        ),
        (
            "/v1beta/models/sim-echo:countTokens",
            r#"{"contents":[{"role":"user","parts":[{"text":"hello world"}]}]}"#,
            9,
        ),
        (
            "/v1beta/models/sim-echo:countTokens",
            &format!(r#"{{"contents":[{{"parts":[{{"text":"{long}"}}]}}]}}"#),
            3_007,
        ),
    ];
    for (path, body, tokens) in cases {
        let body = Outgoing::Full(body.to_owned().into());
        let answer = text(send(&bench, &backend, Method::POST, path, body).await.expect("an answer")).await;
        let answer: serde_json::Value = serde_json::from_str(&answer.expect("whole")).expect("JSON");
        let counted = answer.get("input_tokens").or_else(|| answer.get("totalTokens"));
        assert_eq!(counted, Some(&tokens.into()), "{path}");
    }
}

#[tokio::test]
async fn health_checks_take_a_backend_out_and_bring_it_back() {
    let well = Arc::new(AtomicBool::new(true));
    let state = well.clone();
    let fake = Fake::start(move |mut line: Line| {
        let state = state.clone();
        async move {
            while line.head().await.starts_with("GET /healthz?deep=1 HTTP/1.1\r\n") {
                let sick = "HTTP/1.1 500 Sick\r\ncontent-length: 0\r\n\r\n";
                line.send(if state.load(SeqCst) { OK } else { sick }).await;
            }
        }
    })
    .await;
    let bench = Bench::new();
    let ten = HumanDuration(Duration::from_millis(10));
    let check = HealthCheck {
        path: "/healthz?deep=1".into(),
        interval: ten,
        timeout: HumanDuration(Duration::from_secs(1)),
        unhealthy_after: 2,
        healthy_after: 2,
    };
    let checked = settings::Backend { health: Some(check), ..setting("x", &format!("{}/v1", fake.url())) };
    let backends = [bench.backend(&checked), bench.backend(&settings::Backend::new("sim", Kind::Sim))];
    let pool = bench.pool_around(Balance::RoundRobin, &[(1, 1), (2, 1)], &backends, |_| {});
    bench.fleet.retain(&["x", "sim"].map(BackendId::from).into());
    let fleet = bench.fleet.clone();
    let checks = tokio::spawn(async move { fleet.run_health_checks(std::future::pending()).await });
    let reaches = async |wanted: &str| {
        for _ in 0..500 {
            if name(&choose(&pool).expect("one")) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never chose {wanted}: {:?}", bench.fleet.statuses());
    };
    reaches("x").await;
    well.store(false, SeqCst);
    reaches("sim").await;
    assert_eq!(bench.fleet.statuses()[1].state, crate::outbound::State::Unhealthy);
    well.store(true, SeqCst);
    reaches("x").await;
    checks.abort();
}

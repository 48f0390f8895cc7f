//! Breakers, last members, health and status, seen through pools.

use std::sync::Mutex;

use super::*;
use crate::{
    model::HumanDuration,
    outbound::{Change, Failure, Listener, State, Why},
    settings::{BreakerRule, objects::FailureCondition},
};

const DOWN: Failure<'static> = Failure::Status { status: 503, retry_after: None };

fn fragile(id: &str) -> settings::Backend {
    let rule = BreakerRule {
        failures: Some(2),
        percentage: None,
        interval: HumanDuration(Duration::from_secs(60)),
        open_for: HumanDuration(Duration::from_secs(30)),
        on: vec![FailureCondition::Named("5xx".into()), FailureCondition::Named("connect".into())],
        accept_retry_after: true,
    };
    settings::Backend { circuit_breaker: Some(vec![rule]), ..settings::Backend::new(id, Kind::Sim) }
}

fn pair(bench: &Bench, eject_last: bool) -> Arc<Pool> {
    let backends = [bench.backend(&fragile("a")), bench.backend(&fragile("b"))];
    let pool = bench.pool_around(Balance::RoundRobin, &[(1, 1), (2, 1)], &backends, |pool| {
        pool.eject_last = eject_last;
    });
    bench.fleet.retain(&["a", "b"].map(BackendId::from).into());
    pool
}

fn fail(pool: &Pool, times: usize) {
    for _ in 0..times {
        choose(pool).expect("one").failed(&DOWN);
    }
}

fn states(bench: &Bench) -> Vec<&'static str> {
    bench.fleet.statuses().iter().map(|status| status.state.as_str()).collect()
}

#[test]
fn an_open_breaker_sends_traffic_on_and_one_probe_brings_it_back() {
    let bench = Bench::new();
    let pool = pair(&bench, false);
    fail(&pool, 2);
    assert_eq!(states(&bench), ["open", "closed"]);
    assert_eq!(name(&choose(&pool).expect("one")), "b");
    bench.wait(34);
    assert_eq!(states(&bench), ["half_open", "closed"]);
    let mut probe = choose(&pool).expect("the probe");
    let others: Vec<_> = (0..5).map(|_| choose(&pool).expect("one")).collect();
    assert_eq!(name(&probe), "a");
    assert!(others.iter().all(|choice| name(choice) == "b"));
    probe.succeeded(200, Duration::from_millis(5));
    assert_eq!(states(&bench), ["closed", "closed"]);
    assert_eq!(name(&choose(&pool).expect("one")), "a");
}

#[test]
fn a_probe_whose_client_left_frees_its_place() {
    let bench = Bench::new();
    let pool = pair(&bench, false);
    fail(&pool, 2);
    bench.wait(34);
    let probe = choose(&pool).expect("the probe");
    assert_eq!(name(&probe), "a");
    drop(probe.into_flight());
    assert_eq!(name(&choose(&pool).expect("the next probe")), "a");
}

#[test]
fn the_last_member_stays_unless_told_otherwise() {
    let bench = Bench::new();
    let pool = pair(&bench, false);
    fail(&pool, 2);
    bench.wait(1);
    fail(&pool, 2);
    assert_eq!(states(&bench), ["open", "open"]);
    let mut last = choose(&pool).expect("the last member");
    assert_eq!(name(&last), "b");
    let mut tried = Tried::default();
    last.mark_tried(&mut tried);
    assert_eq!(choose_after(&pool, &tried).expect_err("tried").why, Why::Tried);
    last.succeeded(200, Duration::from_millis(5));
    assert_eq!(states(&bench), ["open", "closed"]);
}

#[test]
fn with_eject_last_nothing_passes_and_the_soonest_return_is_told() {
    let bench = Bench::new();
    let pool = pair(&bench, true);
    fail(&pool, 2);
    bench.wait(10);
    fail(&pool, 2);
    let left = choose(&pool).expect_err("all open");
    assert_eq!(left.why, Why::Open);
    let wait = left.retry_after.expect("known").as_secs();
    assert!((19..=23).contains(&wait), "{wait}");
}

#[test]
fn the_callers_own_faults_never_count() {
    let bench = Bench::new();
    let pool = pair(&bench, false);
    for status in [400, 404, 409, 413, 422] {
        choose(&pool).expect("one").succeeded(status, Duration::from_millis(1));
    }
    let body = SendFault::sent(crate::outbound::SendFaultKind::RequestBody, "gone");
    for _ in 0..5 {
        choose(&pool).expect("one").failed(&Failure::Send(&body));
    }
    choose(&pool).expect("one").failed(&Failure::Credential(401));
    assert_eq!(bench.fleet.statuses()[0].failures, 0);
    assert_eq!(states(&bench), ["closed", "closed"]);
}

#[test]
fn state_survives_a_new_configuration_and_a_refused_one_changes_nothing() {
    let bench = Bench::new();
    let pool = pair(&bench, false);
    fail(&pool, 2);
    let changed = settings::Backend { drain_on_disconnect: true, ..fragile("a") };
    drop(bench.backend(&changed));
    assert_eq!(states(&bench), ["open", "closed"], "a configuration that never went live");
    let again = bench.fleet.single(bench.backend(&changed));
    bench.fleet.retain(&[BackendId::from("a")].into());
    assert_eq!(states(&bench), ["open"]);
    assert!(again.members().all(Backend::drain_on_disconnect));
    bench.fleet.retain(&std::collections::HashSet::new());
    let reborn = bench.fleet.single(bench.backend(&fragile("a")));
    bench.fleet.retain(&[BackendId::from("a")].into());
    assert_eq!(states(&bench), ["closed"], "removed and declared anew");
    drop(reborn);
}

#[derive(Default)]
struct Heard(Mutex<Vec<(String, Change)>>);

impl Listener for Heard {
    fn changed(&self, backend: &BackendId, change: Change) {
        self.0.lock().expect("not poisoned").push((backend.to_string(), change));
    }
}

#[test]
fn changes_are_told_once_each() {
    let bench = Bench::new();
    let heard = Arc::new(Heard::default());
    assert!(bench.fleet.listen(heard.clone()));
    let pool = pair(&bench, false);
    fail(&pool, 2);
    bench.wait(34);
    choose(&pool).expect("the probe").succeeded(200, Duration::from_millis(1));
    let changes = heard.0.lock().expect("not poisoned");
    assert!(
        matches!(&changes[..], [(_, Change::Opened(_)), (_, Change::HalfOpened), (a, Change::Closed)] if a == "a"),
        "{changes:?}"
    );
}

#[test]
fn statuses_tell_state_and_credentials_but_no_secret() {
    let bench = Bench::new();
    let backend = bench.backend(&with_keys(fragile("a"), &["canary-1", "canary-2"]));
    bench.fleet.retain(&[BackendId::from("a")].into());
    let pool = bench.fleet.single(backend.clone());
    let mut held = choose(&pool).expect("one");
    held.failed(&Failure::Credential(401));
    let mut other = choose(&pool).expect("one");
    other.succeeded(200, Duration::from_millis(250));
    let json = serde_json::to_value(bench.fleet.statuses()).expect("json");
    assert_eq!(json[0]["id"], "a");
    assert_eq!(json[0]["state"], "closed");
    assert_eq!(json[0]["in_flight"], 2);
    assert_eq!(json[0]["ewma_ms"], 250.0);
    assert!(json[0]["credentials"][0]["benched_until"].is_u64());
    assert_eq!(json[0]["credentials"][1], serde_json::json!({}));
    assert!(!format!("{json}{backend:?}{held:?}").contains("canary"));
    assert_eq!(State::ALL.map(State::as_str), ["closed", "open", "half_open", "unhealthy"]);
}

#[test]
fn every_problem_of_a_backend_and_of_a_pool_is_told() {
    let bench = Bench::new();
    let mut bad = setting("x", "ftp://example.org");
    bad.key = Some("line\nbreak".into());
    bad.headers.insert("host".into(), "x".into());
    bad.timeouts.idle = HumanDuration(Duration::ZERO);
    bad.tls.ca = Some("missing.pem".into());
    bad.tls.certificate = Some("missing.pem".into());
    bad.proxy = Some("socks5://x".into());
    bad.circuit_breaker =
        Some(vec![BreakerRule { on: vec![], ..fragile("x").circuit_breaker.expect("rules")[0].clone() }]);
    let problems =
        bench.fleet.backend(&bad, false, &Egress::default(), Path::new("/nowhere")).expect_err("many problems");
    for field in [
        "url:",
        "credential 1:",
        "headers:",
        "timeouts.idle:",
        "tls.ca:",
        "tls.certificate:",
        "tls:",
        "proxy:",
        "circuit_breaker[0]:",
    ] {
        assert!(problems.iter().any(|problem| problem.starts_with(field)), "{field} in {problems:#?}");
    }
    let loopback = setting("x", "http://localhost.:1/");
    assert!(bench.fleet.backend(&loopback, false, &Egress::default(), Path::new(".")).is_ok(), "checked when dialled");
    let literal = setting("x", "http://2130706433:1/");
    let problems = bench.fleet.backend(&literal, false, &Egress::default(), Path::new(".")).expect_err("loopback");
    assert!(problems[0].contains("127.0.0.1 is a loopback address"), "{problems:?}");

    let empty = settings::Pool {
        id: "p".into(),
        balance: Balance::Weighted,
        session_affinity: Affinity::None,
        members: Vec::new(),
        retry: Retry::default(),
        eject_last: false,
        workspace: None,
    };
    assert!(bench.fleet.pool(&empty, &|_| None).is_err());
}

//! Who is chosen: shares, groups, affinity, overflow.

use std::{collections::HashMap, sync::Arc, time::Duration};

use tollgate_providers::Kind;

use super::*;
use crate::outbound::{Failure, Why};

fn shares(pool: &Pool, calls: usize) -> HashMap<String, usize> {
    let mut shares = HashMap::new();
    for _ in 0..calls {
        *shares.entry(name(&choose(pool).expect("one")).to_owned()).or_default() += 1;
    }
    shares
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn three_to_one_holds_over_a_thousand_concurrent_calls() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::Weighted, &[(1, 3), (1, 1)]);
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move {
                let choice = choose(&pool).expect("one");
                tokio::task::yield_now().await;
                name(&choice).to_owned()
            })
        })
        .collect();
    let mut first = 0;
    for call in calls {
        first += usize::from(call.await.expect("no panic") == "a");
    }
    assert_eq!(first, 750);
}

#[test]
fn round_robin_takes_turns_whatever_the_weights() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::RoundRobin, &[(1, 9), (1, 1), (1, 1)]);
    assert!(shares(&pool, 300).values().all(|share| *share == 100));
}

#[test]
fn the_second_group_gets_only_what_the_first_cannot_take() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::Weighted, &[(2, 1), (1, 1), (1, 1)]);
    assert_eq!(shares(&pool, 100).get("a"), None);
    let mut tried = Tried::default();
    let mut order = String::new();
    for _ in 0..3 {
        let choice = choose_after(&pool, &tried).expect("one");
        choice.mark_tried(&mut tried);
        order.push_str(name(&choice));
    }
    assert_eq!(order, "bca");
    let left = choose_after(&pool, &tried).expect_err("all were tried");
    assert_eq!(left, NoneLeft { why: Why::Tried, retry_after: None });
}

#[test]
fn least_busy_goes_where_there_is_room_for_the_weight() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::LeastBusy, &[(1, 2), (1, 1)]);
    let held: Vec<_> = (0..6).map(|_| choose(&pool).expect("one")).collect();
    assert_eq!(held.iter().filter(|choice| name(choice) == "a").count(), 4);
    let flights: Vec<_> = held.into_iter().map(Choice::into_flight).collect();
    assert_eq!(pool.members().map(Backend::in_flight).sum::<usize>(), 6, "a flight counts like its choice");
    drop(flights);
    assert_eq!(pool.members().map(Backend::in_flight).sum::<usize>(), 0);
}

#[test]
fn least_latency_leaves_the_one_that_turned_slow_and_comes_back() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::LeastLatency, &[(1, 1), (1, 1)]);
    let answer = |slow: &str| {
        let mut choice = choose(&pool).expect("one");
        let took = if name(&choice) == slow { 900 } else { 20 };
        choice.succeeded(200, Duration::from_millis(took));
        name(&choice).to_owned()
    };
    let before: Vec<_> = (0..20).map(|_| answer("none")).collect();
    assert!(before.contains(&"a".to_owned()) && before.contains(&"b".to_owned()));
    let during: Vec<_> = (0..20).map(|_| answer("a")).collect();
    assert!(during.iter().filter(|name| *name == "a").count() <= 1, "{during:?}");
    bench.wait(120);
    let after: Vec<_> = (0..20).map(|_| answer("none")).collect();
    assert!(after.contains(&"a".to_owned()), "{after:?}");
}

#[test]
fn affinity_holds_a_key_at_one_member_while_it_is_there() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::RoundRobin, &[(1, 1), (1, 1), (1, 1), (2, 1)]);
    let tried = Tried::default();
    let at = |key: u64, usable: &dyn Fn(&Backend) -> bool| {
        let choice = pool.choose(&Wish { tried: &tried, affinity: Some(key), prefer: None, usable }).expect("one");
        name(&choice).to_owned()
    };
    let home: Vec<_> = (0..100).map(|key| at(key, &|_| true)).collect();
    assert!(!home.contains(&"d".to_owned()));
    for (key, home) in (0..100).zip(&home) {
        assert_eq!(&at(key, &|_| true), home);
        let without_b = at(key, &|backend| backend.id().as_str() != "b");
        assert!(home == "b" || &without_b == home);
    }
}

#[test]
fn a_stored_object_has_one_home() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::RoundRobin, &[(1, 1), (2, 1)]);
    let home = BackendId::from("b");
    let mut tried = Tried::default();
    let choice =
        pool.choose(&Wish { tried: &tried, affinity: Some(1), prefer: Some(&home), usable: &|_| true }).expect("home");
    assert_eq!(name(&choice), "b");
    choice.mark_tried(&mut tried);
    let again = pool.choose(&Wish { tried: &tried, affinity: None, prefer: Some(&home), usable: &|_| true });
    assert_eq!(again.expect_err("tried").why, Why::Tried);
    let gone = BackendId::from("zz");
    let lost = pool.choose(&Wish { tried: &Tried::default(), affinity: None, prefer: Some(&gone), usable: &|_| true });
    assert_eq!(lost.expect_err("gone").why, Why::NoneUsable);
}

#[test]
fn nothing_usable_is_said_so() {
    let bench = Bench::new();
    let pool = bench.pool(Balance::RoundRobin, &[(1, 1)]);
    let left = pool.choose(&Wish { tried: &Tried::default(), affinity: None, prefer: None, usable: &|_| false });
    assert_eq!(left.expect_err("none"), NoneLeft { why: Why::NoneUsable, retry_after: None });
}

/// A pool whose first group is one backend with these keys, and whose second is another with one key.
fn keyed(bench: &Bench, keys: &[&str]) -> Arc<Pool> {
    let first = bench.backend(&with_keys(settings::Backend::new("a", Kind::Sim), keys));
    let second = bench.backend(&with_keys(settings::Backend::new("b", Kind::Sim), &["other"]));
    bench.pool_around(Balance::Weighted, &[(1, 1), (2, 1)], &[first, second], |_| {})
}

#[test]
fn a_throttled_member_overflows_until_its_retry_after_and_is_not_ejected() {
    let bench = Bench::new();
    let pool = keyed(&bench, &["one"]);
    let mut choice = choose(&pool).expect("one");
    choice.failed(&Failure::Throttled { retry_after: Some(Duration::from_secs(20)) });
    drop(choice);
    assert_eq!(shares(&pool, 50)["b"], 50);
    assert!(bench.fleet.statuses().iter().all(|status| status.failures == 0));
    bench.wait(21);
    assert_eq!(shares(&pool, 50)["a"], 50);
}

#[test]
fn a_throttle_without_a_wait_overflows_only_that_request() {
    let bench = Bench::new();
    let pool = keyed(&bench, &["one"]);
    let mut tried = Tried::default();
    let mut choice = choose(&pool).expect("one");
    choice.mark_tried(&mut tried);
    choice.failed(&Failure::Throttled { retry_after: None });
    drop(choice);
    assert_eq!(name(&choose_after(&pool, &tried).expect("overflow")), "b");
    assert_eq!(name(&choose(&pool).expect("another request")), "a");
}

#[test]
fn another_credential_of_the_same_backend_goes_before_the_next_group() {
    for failure in [Failure::Credential(401), Failure::Throttled { retry_after: None }] {
        let bench = Bench::new();
        let pool = keyed(&bench, &["one", "two"]);
        let mut tried = Tried::default();
        let mut places = String::new();
        for _ in 0..3 {
            let mut choice = choose_after(&pool, &tried).expect("one");
            choice.mark_tried(&mut tried);
            places.push_str(name(&choice));
            choice.failed(&failure);
        }
        assert_eq!(places, "aab", "{failure:?}");
    }
}

#[test]
fn a_server_error_is_not_tried_again_with_another_credential() {
    let bench = Bench::new();
    let pool = keyed(&bench, &["one", "two"]);
    let mut tried = Tried::default();
    let mut choice = choose(&pool).expect("one");
    choice.mark_tried(&mut tried);
    choice.failed(&Failure::Status { status: 503, retry_after: None });
    assert_eq!(name(&choose_after(&pool, &tried).expect("the next group")), "b");
}

#[test]
fn all_throttled_and_all_refused_are_told_apart_with_the_soonest_return() {
    let bench = Bench::new();
    let pool = keyed(&bench, &["one"]);
    for seconds in [30, 10] {
        let wait = Some(Duration::from_secs(seconds));
        choose(&pool).expect("one").failed(&Failure::Throttled { retry_after: wait });
    }
    let left = choose(&pool).expect_err("all throttled");
    assert_eq!(left, NoneLeft { why: Why::Throttled, retry_after: Some(Duration::from_secs(10)) });

    let pool = keyed(&Bench::new(), &["one"]);
    for _ in 0..2 {
        choose(&pool).expect("one").failed(&Failure::Credential(403));
    }
    let left = choose(&pool).expect_err("all refused");
    assert_eq!(left, NoneLeft { why: Why::CredentialRefused, retry_after: Some(Duration::from_secs(60)) });
}

//! The breaker moved by hand through every phase, and by chance through thousands of histories.

use proptest::prelude::*;

use super::*;
use crate::{
    model::HumanDuration,
    settings::{BreakerRule, objects::FailureCondition},
};

const FAILURE: Ending = Ending { sign: Some(Sign::Status(503)), retry_after: None, counted: false };
const SUCCESS: Ending = Ending { sign: None, retry_after: None, counted: false };

struct Bench {
    breaker: Breaker,
    rules: Rules,
    now: Ticks,
    entropy: Entropy,
}

impl Bench {
    fn new(rule: BreakerRule) -> Self {
        let rules = Rules::compile(Some(&[rule])).expect("valid rule");
        Self { breaker: Breaker::new(Ticks::default()), rules, now: Ticks::default(), entropy: Entropy::seeded(1) }
    }

    fn wait(&mut self, millis: u64) {
        self.now = self.now.plus(Duration::from_millis(millis));
    }

    fn take(&mut self) -> Option<Pass> {
        self.breaker.take(self.now).map(|(pass, _)| pass)
    }

    fn end(&mut self, pass: Pass, ending: Ending) -> Option<Change> {
        self.breaker.report(&self.rules, pass, ending, self.now, &self.entropy)
    }

    fn fail(&mut self) -> Option<Change> {
        let pass = self.take().expect("let through");
        self.end(pass, FAILURE)
    }
}

fn rule(failures: u32) -> BreakerRule {
    BreakerRule {
        failures: Some(failures),
        percentage: None,
        interval: HumanDuration(Duration::from_secs(60)),
        open_for: HumanDuration(Duration::from_secs(30)),
        on: vec![FailureCondition::Named("5xx".into()), FailureCondition::Named("timeout".into())],
        accept_retry_after: true,
    }
}

fn opened(change: Option<Change>) -> f64 {
    match change {
        Some(Change::Opened(open_for)) => open_for.as_secs_f64(),
        other => panic!("not opened: {other:?}"),
    }
}

#[test]
fn the_third_failure_in_the_interval_opens_it() {
    let mut bench = Bench::new(rule(3));
    assert_eq!(bench.fail(), None);
    assert_eq!(bench.fail(), None);
    let open_for = opened(bench.fail());
    assert!((30.0..=33.0).contains(&open_for), "{open_for}");
    assert_eq!(bench.take(), None);
}

#[test]
fn failures_that_are_old_or_of_another_sort_do_not_count() {
    let mut bench = Bench::new(rule(2));
    assert_eq!(bench.fail(), None);
    bench.wait(61_000);
    assert_eq!(bench.fail(), None);
    for sign in [Sign::Status(400), Sign::Status(429), Sign::Connect] {
        assert_eq!(bench.end(Pass::Free, Ending { sign: Some(sign), ..SUCCESS }), None);
    }
    assert_eq!(bench.breaker.standing(bench.now), Standing::Closed);
}

#[test]
fn one_probe_decides() {
    let mut bench = Bench::new(rule(1));
    opened(bench.fail());
    bench.wait(29_000);
    assert_eq!(bench.take(), None);
    bench.wait(5_000);
    let probe = bench.take().expect("the probe");
    assert!(matches!(probe, Pass::Probe(_)));
    assert_eq!(bench.take(), None, "a second probe");
    assert_eq!(bench.end(probe, SUCCESS), Some(Change::Closed));
    assert_eq!(bench.take(), Some(Pass::Free));
}

#[test]
fn each_failed_probe_doubles_the_cooldown_up_to_sixteen_times() {
    let mut bench = Bench::new(rule(1));
    for factor in [1.0, 2.0, 4.0, 8.0, 16.0, 16.0, 16.0] {
        let open_for = opened(bench.fail());
        assert!((30.0 * factor..=33.0 * factor).contains(&open_for), "{factor}: {open_for}");
        bench.wait(600_000);
    }
    let probe = bench.take().expect("the probe");
    bench.end(probe, SUCCESS);
    assert!(opened(bench.fail()) <= 33.0, "a success forgets");
}

#[test]
fn a_probe_that_was_never_judged_leaves_room_for_the_next() {
    let mut bench = Bench::new(rule(1));
    opened(bench.fail());
    bench.wait(40_000);
    let first = bench.take().expect("the probe");
    bench.breaker.put_back(first);
    assert!(bench.take().is_some(), "put back");
    bench.wait(31_000);
    let third = bench.take().expect("a hanging probe is replaced after a cooldown");
    assert_eq!(bench.end(first, FAILURE), None, "an outdated probe has no say");
    assert_eq!(bench.end(third, SUCCESS), Some(Change::Closed));
}

#[test]
fn results_of_requests_from_before_change_nothing() {
    let mut bench = Bench::new(rule(1));
    opened(bench.fail());
    assert_eq!(bench.end(Pass::Free, SUCCESS), None);
    assert_eq!(bench.end(Pass::Free, FAILURE), None);
    assert_eq!(bench.take(), None);
    bench.wait(40_000);
    let probe = bench.take().expect("the probe");
    assert_eq!(bench.end(Pass::Free, SUCCESS), None);
    assert_eq!(bench.end(Pass::Free, FAILURE), None);
    assert_eq!(bench.end(probe, SUCCESS), Some(Change::Closed));
}

#[test]
fn a_forced_success_closes_it_and_a_forced_failure_does_not_lengthen_it() {
    let mut bench = Bench::new(rule(1));
    opened(bench.fail());
    let before = bench.breaker.standing(bench.now);
    assert_eq!(bench.end(Pass::Forced, FAILURE), None);
    assert_eq!(bench.breaker.standing(bench.now), before);
    assert_eq!(bench.end(Pass::Forced, SUCCESS), Some(Change::Closed));
}

#[test]
fn it_stays_open_as_long_as_the_backend_asks() {
    let asked = Ending { retry_after: Some(Duration::from_secs(100)), ..FAILURE };
    let mut bench = Bench::new(rule(1));
    assert!(opened(bench.end(Pass::Free, asked)) >= 100.0);
    let later = Ending { retry_after: Some(Duration::from_secs(500)), ..FAILURE };
    assert_eq!(bench.end(Pass::Free, later), None);
    assert!(
        matches!(bench.breaker.standing(bench.now), Standing::Open(until) if until >= bench.now.plus(Duration::from_secs(500)))
    );

    let mut deaf = Bench::new(BreakerRule { accept_retry_after: false, ..rule(1) });
    assert!(opened(deaf.end(Pass::Free, asked)) <= 33.0);
}

#[test]
fn a_share_of_requests_opens_it_and_a_broken_stream_is_one_request() {
    let mut bench = Bench::new(BreakerRule { failures: None, percentage: Some(50), ..rule(1) });
    for _ in 0..5 {
        assert_eq!(bench.end(Pass::Free, SUCCESS), None);
    }
    for _ in 0..4 {
        assert_eq!(bench.fail(), None);
    }
    assert_eq!(bench.end(Pass::Free, SUCCESS), None);
    opened(bench.end(Pass::Free, Ending { counted: true, ..FAILURE }));
}

#[test]
fn counts_survive_a_reload_that_leaves_the_rule_alone() {
    let mut bench = Bench::new(rule(2));
    assert_eq!(bench.fail(), None);
    bench.rules = Rules::compile(Some(&[BreakerRule { failures: Some(99), ..rule(2) }, rule(2)])).expect("valid");
    opened(bench.fail());
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Take,
    Succeed(usize),
    Fail(usize),
    Leave(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0_u64..50_000).prop_map(Step::Wait),
        Just(Step::Take),
        (0_usize..8).prop_map(Step::Succeed),
        (0_usize..8).prop_map(Step::Fail),
        (0_usize..8).prop_map(Step::Leave),
    ]
}

proptest! {
    #[test]
    fn no_history_sends_two_probes_at_once_or_shortens_a_cooldown(steps in prop::collection::vec(step(), 1..200)) {
        let mut bench = Bench::new(rule(2));
        let mut flying: Vec<Pass> = Vec::new();
        let mut not_before = Ticks::default();
        let mut last_probe: Option<Ticks> = None;
        for step in steps {
            match step {
                Step::Wait(millis) => bench.wait(millis),
                Step::Take => if let Some(pass) = bench.take() {
                    prop_assert!(bench.now >= not_before, "passed while open");
                    if let Pass::Probe(_) = pass {
                        let free = last_probe.is_none_or(|sent| bench.now.since(sent) >= Duration::from_secs(30));
                        prop_assert!(free, "two probes at once");
                        last_probe = Some(bench.now);
                    }
                    flying.push(pass);
                },
                Step::Succeed(at) | Step::Fail(at) | Step::Leave(at) if at < flying.len() => {
                    let pass = flying.swap_remove(at);
                    let change = match step {
                        Step::Leave(_) => { bench.breaker.put_back(pass); None }
                        Step::Succeed(_) => bench.end(pass, SUCCESS),
                        _ => bench.end(pass, FAILURE),
                    };
                    if let Pass::Probe(_) = pass { last_probe = None; }
                    if let Some(Change::Opened(open_for)) = change {
                        prop_assert!((30.0..=16.0 * 33.0).contains(&open_for.as_secs_f64()));
                        not_before = bench.now.plus(open_for);
                        last_probe = None;
                    }
                    if change == Some(Change::Closed) { not_before = bench.now; last_probe = None; }
                }
                _ => {}
            }
        }
    }
}

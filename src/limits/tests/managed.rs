//! What administrators, the ledger and leases do to counters.

use super::{
    super::{Lease, Raise, registry::MOST_KEYS},
    *,
};
use crate::exchange::{Charge, Measure};

fn balance(window: &str, until: &str, amount: i64) -> Charge {
    let account = "q#k".into();
    Charge { account, window: at(window), until: at(until), measure: Measure::Tokens, amount }
}

#[test]
fn restored_balances_count_and_so_does_the_debt_of_the_month_before() {
    let world = World::new();
    world.limits.restore([
        balance("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", 700),
        balance("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", 1_100),
        balance("2026-04-01T00:00:00Z", "2026-05-01T00:00:00Z", 900),
    ]);
    assert!(world.limits.view("q#k").is_none(), "no rule yet: nothing to tell");
    let scopes = [quota(Reserve::Strict, 1_000)];
    world.limits.know(&scopes);
    assert_eq!(world.counts("q#k"), (800, 0));
    let granted = world.limits.reserve(&ask(&scopes)).expect("100 + 100 are left");
    assert_eq!(granted.cap(), Some(100));
}

#[test]
fn a_reset_gives_everything_back_and_says_what_the_ledger_has_to_add() {
    let world = World::new();
    world.limits.restore([
        balance("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", 1_100),
        balance("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", 700),
    ]);
    let scopes = [quota(Reserve::Strict, 1_000)];
    let open = world.limits.reserve(&Ask { prompt: Prompt::exact(50), ..ask(&scopes) }).expect("room");
    let corrected = world.limits.reset("q#k").expect("the counter");
    assert_eq!((corrected.before.used, corrected.before.reserved), (800, 200));
    let correction = corrected.correction.expect("a quota");
    assert_eq!((correction.window, correction.amount), (at("2026-06-01T00:00:00Z"), -800));
    assert_eq!(world.counts("q#k"), (0, 200), "what is open stays held");
    drop(open.settle(&used(50, 50)));
    assert_eq!(world.counts("q#k"), (100, 0));

    let again = World::new();
    again.limits.restore([
        balance("2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", 1_100),
        balance("2026-06-01T00:00:00Z", "2026-07-01T00:00:00Z", 700 + 100 + correction.amount),
    ]);
    again.limits.know(&scopes);
    assert_eq!(again.counts("q#k"), (100, 0), "the same after a restart");
    assert_eq!(world.limits.adjust("q#k", 25).and_then(|done| done.correction).map(|charge| charge.amount), Some(25));
    assert_eq!(world.counts("q#k"), (125, 0));
    assert!(world.limits.reset("nobody#k").is_none() && world.limits.adjust("nobody#k", 1).is_none());
}

#[test]
fn a_reset_rate_starts_again() {
    let world = World::new();
    let scopes = [scope(Rule::new("rpm", Counted::Requests, minute(), 1))];
    let open = world.limits.reserve(&ask(&scopes)).expect("room");
    assert!(world.limits.reset("rpm#k").expect("the counter").correction.is_none());
    let next = world.limits.reserve(&ask(&scopes)).expect("room again");
    drop((open, next));
    assert_eq!(world.counts("rpm#k"), (0, 0));
}

#[test]
fn a_raise_holds_until_it_ends_and_what_it_allowed_is_no_debt() {
    let world = World::new();
    let scopes = [quota(Reserve::Strict, 1_100)];
    drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&used(100, 1_000)));
    assert!(kind(&world.limits, &ask(&scopes)).is_some());
    let until = at("2026-06-30T13:00:00Z");
    world.limits.raise(&"q#k".into(), Raise { amount: 1_100, until, reason: "launch day".into() });
    assert_eq!(world.view("q#k").limit, 2_200);
    drop(world.limits.reserve(&ask(&scopes)).expect("raised").settle(&used(100, 1_000)));
    world.advance(3_600);
    let view = world.view("q#k");
    assert_eq!((view.limit, view.raise, view.remaining), (1_100, None, 0));
    world.advance(12 * 3_600);
    assert_eq!(world.counts("q#k"), (0, 0), "July owes nothing");
    let until = at("2026-12-30T13:00:00Z");
    world.limits.raise(&"q#k".into(), Raise { amount: 5, until, reason: "x".into() });
    assert_eq!(world.limits.unraise("q#k").map(|raise| raise.amount), Some(5));
    assert_eq!(world.view("q#k").limit, 1_100);
}

#[test]
fn thresholds_are_told_when_they_are_crossed() {
    let world = World::new();
    let rule = Rule { alerts: [50, 80, 100].into(), ..Rule::new("q", Counted::Tokens, month(), 1_000) };
    let scopes = [scope(rule)];
    let steps: [(u64, &[u8]); 5] = [(499, &[]), (1, &[50]), (100, &[]), (400, &[80, 100]), (0, &[])];
    for (tokens, expected) in steps {
        let plain = Ask { output: Output { caller_cap: Some(0), ..Output::default() }, ..ask(&scopes) };
        let granted = world.limits.reserve(&Ask { prompt: Prompt::exact(0), ..plain });
        let Ok(granted) = granted else { break };
        let crossed: Vec<_> = granted.settle(&used(tokens, 0)).crossed.iter().map(|one| one.percent).collect();
        assert_eq!(crossed, expected, "after {tokens} more");
    }
    assert_eq!(world.counts("q#k"), (1_000, 0));
}

#[test]
fn under_leases_only_what_is_leased_is_spent() {
    let clock = Clock::manual(at(START));
    let world = World { limits: Limits::with_leases(clock.clone()), clock };
    let scopes = [quota(Reserve::Strict, 10_000)];
    let account = "q#k".into();
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Unleased));
    let (window, until) = (at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
    world.limits.lease(&account, Lease { window, until, ceiling: 1_500, beside: 0, is_final: false });
    let open = world.limits.reserve(&ask(&scopes)).expect("leased");
    assert_eq!(world.view("q#k").leased, Some(400));
    let capped = world.limits.reserve(&ask(&scopes)).expect("leased");
    assert_eq!(capped.cap(), Some(300));
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Unleased));
    world.limits.lease(&account, Lease { window, until, ceiling: 1_500, beside: 0, is_final: true });
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Held));
    drop((open.settle(&used(100, 1_000)), capped.settle(&used(100, 300))));
    assert!(matches!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Quota { .. })));
    let rates = [scope(Rule::new("rpm", Counted::Requests, minute(), 3))];
    assert_eq!(kind(&world.limits, &ask(&rates)), None, "rates need no lease");
}

/// What others used counts, and a reset takes it all off, while the ceiling stays what was leased.
#[test]
fn what_counts_beside_a_lease_is_shown_and_may_be_taken_off() {
    let clock = Clock::manual(at(START));
    let world = World { limits: Limits::with_leases(clock.clone()), clock };
    let scopes = [quota(Reserve::Strict, 10_000)];
    let (window, until) = (at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z"));
    let lease = |beside, ceiling, is_final| {
        world.limits.know(&scopes);
        world.limits.lease(&"q#k".into(), Lease { window, until, ceiling, beside, is_final });
        let view = world.view("q#k");
        (view.used, view.remaining, view.leased)
    };
    assert_eq!(lease(8_000, 1_500, false), (8_000, 2_000, Some(1_500)));
    drop(world.limits.reserve(&ask(&scopes)).expect("leased").settle(&used(100, 1_000)));
    assert_eq!(lease(8_900, 1_100, false), (10_000, 0, Some(0)));
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Unleased), "others may give something back");
    assert_eq!(lease(8_900, 1_100, true).2, Some(0));
    assert!(matches!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Quota { .. })));
    assert_eq!(lease(-1_100, 1_100, false), (0, 10_000, Some(0)), "reset: nothing is used, and nothing is leased yet");
    assert_eq!(lease(-1_100, 6_000, false), (0, 10_000, Some(4_900)));
}

#[test]
fn rules_that_are_gone_are_out_of_sight_and_come_back_as_they_were() {
    let world = World::new();
    let scopes = [quota(Reserve::Strict, 1_200)];
    drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&used(100, 900)));
    world.limits.keep_rules(|rule| &*rule.id != "q");
    assert!(world.limits.views().is_empty());
    world.limits.know(&scopes);
    assert_eq!(world.counts("q#k"), (1_000, 0));
}

#[test]
fn keys_that_a_caller_makes_up_do_not_eat_the_memory() {
    let world = World::new();
    let rule = Arc::new(Rule::new("rpm", Counted::Requests, minute(), 5));
    for nth in 0..20_000 {
        let scopes = [Scope::new(rule.clone(), &format!("192.0.2.1:{nth}"))];
        drop(world.limits.reserve(&ask(&scopes)).expect("its own counter").settle(&used(1, 1)));
        world.clock.advance(Duration::from_millis(100));
    }
    assert!(world.limits.views().len() < 6_000, "{} counters of 600 that count", world.limits.views().len());

    let rule = Arc::new(Rule::new("quota", Counted::Requests, month(), 5));
    for nth in 0..MOST_KEYS + 5 {
        let scopes = [Scope::new(rule.clone(), &nth.to_string())];
        drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&used(1, 1)));
    }
    let scopes = [Scope::new(rule.clone(), "one more")];
    assert!(matches!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Quota { .. })), "they share one");
    let known = [Scope::new(rule, "7")];
    assert_eq!(kind(&world.limits, &ask(&known)), None, "who was there before keeps its own");
}

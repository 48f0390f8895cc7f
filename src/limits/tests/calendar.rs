//! Month ends, clock jumps, debt.

use super::*;

#[test]
fn a_stream_over_the_end_of_the_month_settles_where_it_was_reserved() {
    let world = World::new();
    let scopes = [quota(Reserve::Adaptive, 10_000)];
    let mut stream = world.limits.reserve(&ask(&scopes)).expect("room");
    let june = stream.charges()[0].clone();
    assert_eq!((june.window, june.until), (at("2026-06-01T00:00:00Z"), at("2026-07-01T00:00:00Z")));
    world.advance(24 * 3_600);
    assert_eq!(world.counts("q#k"), (0, 0), "July knows nothing of it");
    assert!(stream.top_up(5_000).expect("June has room"));
    assert_eq!(stream.charges()[0].window, june.window);
    let july = world.limits.reserve(&ask(&scopes)).expect("room");
    assert_eq!(stream.settle(&used(100, 4_900)).amounts, [5_000]);
    assert_eq!(world.counts("q#k"), (0, 1_100));
    drop(july.settle(&used(1, 2)));
    assert_eq!(world.counts("q#k"), (3, 0));
}

#[test]
fn a_clock_that_jumps_ahead_and_back_finds_the_count_again() {
    let world = World::new();
    let scopes = [quota(Reserve::Strict, 2_000)];
    drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&used(100, 900)));
    let open = world.limits.reserve(&Ask { prompt: Prompt::exact(0), ..ask(&scopes) }).expect("room");
    world.clock.set_wall(at("2026-08-10T00:00:00Z"));
    drop(world.limits.reserve(&ask(&scopes)).expect("August is new").settle(&used(1, 1)));
    world.clock.set_wall(at(START));
    assert_eq!(world.counts("q#k"), (1_000, 1_000));
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Held));
    world.clock.set_wall(at("2025-01-01T00:00:00Z"));
    assert_eq!(world.counts("q#k"), (0, 0), "the clock was wrong the other way: a window of its own");
    world.clock.set_wall(at(START));
    drop(open.settle(&used(0, 1)));
    assert_eq!(world.counts("q#k"), (1_001, 0));
}

#[test]
fn an_excess_is_reported_and_taken_from_the_next_windows() {
    let world = World::new();
    let rule = Rule::new("q", Counted::Tokens, Window::Calendar { period: Period::Hour, zone: TimeZone::UTC }, 1_000);
    let scopes = [scope(rule)];
    let granted = world.limits.reserve(&ask(&scopes)).expect("room");
    assert_eq!(granted.cap(), Some(900));
    let settled = granted.settle(&used(100, 2_600));
    assert_eq!((settled.amounts, settled.overruns[0].amount), (vec![2_700], 1_700), "a vendor that ignores its cap");
    assert!(matches!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Quota { .. })));
    for (used, left) in [(1_700, None), (700, Some(200)), (0, Some(900))] {
        world.advance(3_600);
        assert_eq!(world.counts("q#k"), (used, 0));
        let granted = world.limits.reserve(&ask(&scopes));
        assert_eq!(granted.as_ref().ok().map(super::super::Reservation::allowed_output), left, "{used} owed");
    }
}

#[test]
fn a_lowered_limit_holds_at_once_and_leaves_no_debt() {
    let world = World::new();
    let (high, low) = ([quota(Reserve::Strict, 10_000)], [quota(Reserve::Strict, 3_000)]);
    let mut stream = world.limits.reserve(&ask(&high)).expect("room");
    drop(world.limits.reserve(&ask(&high)).expect("room").settle(&used(4_000, 0)));
    assert!(matches!(kind(&world.limits, &ask(&low)), Some(RefusalKind::Quota { .. })));
    assert_eq!(world.view("q#k").limit, 3_000);
    let refusal = stream.top_up(1_001).expect_err("the running one is bound by it too");
    assert!(matches!(refusal.kind, RefusalKind::Quota { .. }), "{refusal}");
    drop(stream);
    world.advance(24 * 3_600);
    assert_eq!(kind(&world.limits, &ask(&low)), None, "what was allowed is no debt");
}

#[test]
fn a_changed_time_zone_does_not_give_the_quota_twice() {
    let world = World::new();
    let rule = |zone: &str| {
        let window = Window::Calendar { period: Period::Day, zone: TimeZone::posix(zone).expect("zone") };
        [scope(Rule { reserve: Reserve::Strict, ..Rule::new("q", Counted::Tokens, window, 1_200) })]
    };
    drop(world.limits.reserve(&ask(&rule("UTC0"))).expect("room").settle(&used(100, 1_000)));
    assert!(matches!(kind(&world.limits, &ask(&rule("CET-2"))), Some(RefusalKind::Quota { .. })));
}

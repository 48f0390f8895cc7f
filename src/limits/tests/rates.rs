//! Rolling limits under a clock that is moved by hand, and slots for open requests.

use super::*;

fn wait(limits: &Limits, ask: &Ask<'_>) -> Option<f64> {
    match kind(limits, ask)? {
        RefusalKind::Rate { wait } | RefusalKind::TokenRate { wait } => Some(wait.as_secs_f64()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn requests_per_minute_wait_exactly_until_one_has_left() {
    let world = World::new();
    let scopes = [scope(Rule::new("rpm", Counted::Requests, minute(), 3))];
    for _ in 0..3 {
        drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&used(1, 1)));
        world.advance(10);
    }
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(30.0));
    world.clock.advance(Duration::from_millis(29_999));
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(0.001));
    world.clock.advance(Duration::from_millis(1));
    drop(world.limits.reserve(&ask(&scopes)).expect("the first has left").settle(&used(1, 1)));
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(10.0));
}

#[test]
fn what_was_never_sent_does_not_count() {
    let world = World::new();
    let scopes = [scope(Rule::new("rpm", Counted::Requests, minute(), 1))];
    for _ in 0..5 {
        drop(world.limits.reserve(&ask(&scopes)).expect("room"));
        drop(world.limits.reserve(&ask(&scopes)).expect("room").settle(&Used::default()));
    }
    assert_eq!(world.counts("rpm#k"), (0, 0));
}

#[test]
fn token_rates_hold_what_is_likely_and_carry_the_excess() {
    let world = World::new();
    let scopes = [scope(Rule::new("tpm", Counted::Tokens, minute(), 1_000))];
    let mut running = world.limits.reserve(&ask(&scopes)).expect("room");
    assert_eq!(world.counts("tpm#k"), (0, 300), "prompt and likely output");
    assert_eq!((running.cap(), running.allowed_output()), (None, u64::MAX));
    assert!(!running.top_up(1_000_000).expect("a rate never ends an answer"));
    world.advance(20);
    drop(running.settle(&used(100, 1_400)));
    assert_eq!(world.counts("tpm#k"), (1_500, 0));
    // 300 leave at 60 s, the excess of 1,200 at 80 s.
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(60.0));
    world.advance(59);
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(1.0));
    world.advance(1);
    assert_eq!(wait(&world.limits, &ask(&scopes)), None);
}

#[test]
fn rates_of_documents_that_do_not_estimate_hold_nothing_and_pass_while_anything_is_left() {
    let world = World::new();
    let rule = Rule::new("tpm", Counted::Tokens, minute(), 100);
    let scopes = [scope(Rule { reserve: Reserve::After, refusal: Style::Policy, ..rule })];
    let open = [0, 1].map(|_| world.limits.reserve(&ask(&scopes)).expect("nothing is held"));
    assert_eq!(world.counts("tpm#k"), (0, 0));
    for (running, output) in open.into_iter().zip([99, 1]) {
        assert_eq!(wait(&world.limits, &ask(&scopes)), None, "{output}");
        drop(running.settle(&used(0, output)));
    }
    assert_eq!((world.counts("tpm#k"), wait(&world.limits, &ask(&scopes))), ((100, 0), Some(60.0)));
}

#[test]
fn a_refund_makes_room_at_once() {
    let world = World::new();
    let scopes = [scope(Rule::new("tpm", Counted::Tokens, minute(), 300))];
    let first = world.limits.reserve(&ask(&scopes)).expect("room");
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(60.0));
    world.advance(5);
    drop(first.settle(&used(10, 0)));
    assert_eq!(world.counts("tpm#k"), (10, 0));
    assert_eq!(wait(&world.limits, &ask(&scopes)), Some(55.0));
    let small = Ask { prompt: Prompt::exact(90), ..ask(&scopes) };
    assert_eq!(wait(&world.limits, &small), None);
}

#[test]
fn a_rate_smaller_than_a_usual_request_still_lets_it_pass() {
    let world = World::new();
    let scopes = [scope(Rule::new("tpm", Counted::Tokens, minute(), 150))];
    let granted = world.limits.reserve(&ask(&scopes)).expect("100 + 16 fit in 150");
    assert_eq!(world.counts("tpm#k"), (0, 150), "never more than the whole limit");
    drop(granted);
    let large = |prompt| Ask { prompt, ..ask(&scopes) };
    assert_eq!(kind(&world.limits, &large(Prompt::exact(135))), Some(RefusalKind::TooLarge));
    assert_eq!(kind(&world.limits, &large(Prompt::estimate(135, 500))), Some(RefusalKind::NeedsExactInput));
    assert_eq!(kind(&world.limits, &large(Prompt::exact(134))), None);
}

#[test]
fn slots_are_for_open_requests() {
    let world = World::new();
    let scopes = [scope(Rule::new("c", Counted::Concurrency, Window::Open, 2))];
    let (one, two) = (world.limits.reserve(&ask(&scopes)), world.limits.reserve(&ask(&scopes)));
    assert_eq!(kind(&world.limits, &ask(&scopes)), Some(RefusalKind::Concurrency));
    drop(one.expect("a slot").settle(&used(1, 1)));
    assert_eq!(kind(&world.limits, &ask(&scopes)), None);
    drop(two);
    assert_eq!(world.counts("c#k"), (0, 0));
}

#[test]
fn headers_tell_the_tightest() {
    let world = World::new();
    let rule = |id: &str, counted, window, limit| scope(Rule::new(id, counted, window, limit));
    let scopes = [
        rule("rpm", Counted::Requests, minute(), 600),
        rule("rpd", Counted::Requests, month(), 10),
        rule("tpm", Counted::Tokens, minute(), 20_000),
        rule("tpq", Counted::Tokens, month(), 50_000),
    ];
    let standing = world.limits.reserve(&ask(&scopes)).expect("room").standing();
    let requests = standing.requests.expect("a limit on requests");
    assert_eq!((requests.limit, requests.remaining, requests.reset.as_secs()), (10, 9, 12 * 3_600));
    let tokens = standing.tokens.expect("a limit on tokens");
    assert_eq!((tokens.limit, tokens.remaining, tokens.reset.as_secs()), (20_000, 19_700, 60));
}

#[test]
fn the_refusal_that_lasts_longest_is_told() {
    let world = World::new();
    let rule = |id: &str, counted, window, limit| scope(Rule::new(id, counted, window, limit));
    let scopes = [
        rule("c", Counted::Concurrency, Window::Open, 1),
        rule("rpm", Counted::Requests, minute(), 1),
        rule("rps", Counted::Requests, Window::Rolling(Duration::from_secs(1)), 1),
        rule("rph", Counted::Requests, month(), 1),
    ];
    for (nth, expected) in [
        RefusalKind::Concurrency,
        RefusalKind::Rate { wait: Duration::from_secs(60) },
        RefusalKind::Rate { wait: Duration::from_secs(60) },
        RefusalKind::Quota { resets_in: Duration::from_secs(12 * 3_600) },
    ]
    .into_iter()
    .enumerate()
    {
        let scopes = &scopes[..=nth];
        let world = World { limits: Limits::new(world.clock.clone()), clock: world.clock.clone() };
        let open = world.limits.reserve(&ask(scopes)).expect("the first");
        let mut open = Some(open);
        if nth == 3
            && let Some(open) = open.take()
        {
            drop(open.settle(&used(1, 1)));
        }
        assert_eq!(kind(&world.limits, &ask(scopes)), Some(expected), "{nth}");
        drop(open);
    }
}

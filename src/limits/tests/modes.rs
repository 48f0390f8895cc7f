//! How much is reserved, and what is sent as a cap: ACCOUNTING section 2, case by case.

use super::*;

const MONTHS_REST: Duration = Duration::from_secs(12 * 3_600);

/// What is asked, with so much settled already and so much held by another request; what comes of it.
struct Case {
    reserve: Reserve,
    limit: i64,
    settled: u64,
    held: u64,
    output: Output,
    streamed: bool,
    /// Output held and cap sent.
    expect: Result<(u64, Option<u64>), RefusalKind>,
}

const MODEL: Output = Output {
    caller_cap: None,
    choices: 1,
    model_max: Some(1_000),
    likely: Some(200),
    least_cap: 1,
    is_reasoning: false,
    is_boundable: true,
};

impl Case {
    const fn new(
        reserve: Reserve,
        limit: i64,
        output: Output,
        expect: Result<(u64, Option<u64>), RefusalKind>,
    ) -> Self {
        Self { reserve, limit, settled: 0, held: 0, output, streamed: true, expect }
    }

    const fn after(self, settled: u64, held: u64) -> Self {
        Self { settled, held, ..self }
    }

    const fn unstreamed(self) -> Self {
        Self { streamed: false, ..self }
    }

    fn outcome(&self) -> Result<(u64, Option<u64>), RefusalKind> {
        let world = World::new();
        let scopes = [quota(self.reserve, self.limit)];
        let plain = Output { caller_cap: Some(0), ..MODEL };
        let earlier = |tokens| Ask { prompt: Prompt::exact(tokens), output: plain, ..ask(&scopes) };
        let settled = world.limits.reserve(&earlier(0)).expect("an empty request fits");
        drop(settled.settle(&used(self.settled, 0)));
        let open = (self.held > 0).then(|| world.limits.reserve(&earlier(self.held)).expect("what is held fits"));
        let ask = Ask { output: self.output, streamed: self.streamed, ..ask(&scopes) };
        let outcome = world.limits.reserve(&ask).map(|granted| (granted.allowed_output(), granted.cap()));
        drop(open);
        let settled = i64::try_from(self.settled).expect("small");
        assert_eq!(world.counts("q#k"), (settled, 0), "nothing stays held");
        outcome.map_err(|refusal| refusal.kind)
    }
}

#[test]
fn strict_reserves_the_worst_case_or_caps_what_is_left() {
    use Reserve::Strict;
    let unknown = Output { model_max: None, ..MODEL };
    let quota = RefusalKind::Quota { resets_in: MONTHS_REST };
    let table = [
        ("the model's maximum", Case::new(Strict, 5_000, MODEL, Ok((1_000, None)))),
        ("the caller's cap", Case::new(Strict, 5_000, Output { caller_cap: Some(30), ..MODEL }, Ok((30, None)))),
        (
            "times the answers",
            Case::new(Strict, 5_000, Output { caller_cap: Some(30), choices: 4, ..MODEL }, Ok((120, None))),
        ),
        ("exactly the worst case", Case::new(Strict, 1_100, MODEL, Ok((1_000, None)))),
        ("what is left is the cap", Case::new(Strict, 1_099, MODEL, Ok((999, Some(999))))),
        ("settled use counts", Case::new(Strict, 1_100, MODEL, Ok((500, Some(500)))).after(500, 0)),
        ("held use counts", Case::new(Strict, 1_100, MODEL, Ok((500, Some(500)))).after(0, 500)),
        ("shared by the answers", Case::new(Strict, 1_100, Output { choices: 3, ..MODEL }, Ok((999, Some(333))))),
        ("unknown models are capped", Case::new(Strict, 99_999, unknown, Ok((16_384, Some(16_384))))),
        ("the least output", Case::new(Strict, 116, MODEL, Ok((16, Some(16))))),
        (
            "a smaller wish than the least",
            Case::new(Strict, 105, Output { caller_cap: Some(5), ..MODEL }, Ok((5, None))),
        ),
        ("less than the least", Case::new(Strict, 115, MODEL, Err(RefusalKind::TooLarge))),
        ("held by others", Case::new(Strict, 1_000, MODEL, Err(RefusalKind::Held)).after(0, 900)),
        ("used up", Case::new(Strict, 1_000, MODEL, Err(quota)).after(900, 0)),
        ("used up and held", Case::new(Strict, 1_000, MODEL, Err(quota)).after(885, 50)),
        (
            "hidden reasoning without a bound",
            Case::new(Strict, 5_000, Output { is_boundable: false, ..MODEL }, Err(RefusalKind::NotBoundable)),
        ),
        ("no output at all", Case::new(Strict, 100, Output { caller_cap: Some(0), ..MODEL }, Ok((0, None)))),
    ];
    for (name, case) in table {
        assert_eq!(case.outcome(), case.expect, "{name}");
    }
}

#[test]
fn adaptive_reserves_what_is_likely_once_the_worst_case_is_not_affordable() {
    use Reserve::Adaptive;
    let long = Output { model_max: Some(100_000), ..MODEL };
    let table = [
        ("room for the worst case", Case::new(Adaptive, 5_000, MODEL, Ok((1_000, None)))),
        ("plenty: a stream grows", Case::new(Adaptive, 50_000, long, Ok((200, None)))),
        ("plenty: the rest is capped", Case::new(Adaptive, 50_100, long, Ok((12_500, Some(12_500)))).unstreamed()),
        (
            "plenty: reasoning is capped",
            Case::new(Adaptive, 50_100, Output { is_reasoning: true, ..long }, Ok((12_500, Some(12_500)))),
        ),
        ("nothing learned", Case::new(Adaptive, 50_100, Output { likely: None, ..long }, Ok((1_024, None)))),
        ("scarce and alone: all of it", Case::new(Adaptive, 1_000, MODEL, Ok((900, Some(900))))),
        ("scarce among others: half", Case::new(Adaptive, 2_000, long, Ok((800, Some(800)))).after(0, 300)),
        ("scarce: what is likely", Case::new(Adaptive, 900, long, Ok((200, Some(200)))).after(0, 500)),
        ("scarce: what is left", Case::new(Adaptive, 900, long, Ok((150, Some(150)))).after(0, 650)),
        ("held by others", Case::new(Adaptive, 900, long, Err(RefusalKind::Held)).after(0, 785)),
        ("the last bit", Case::new(Adaptive, 900, long, Ok((16, Some(16)))).after(784, 0)),
        ("used up", Case::new(Adaptive, 900, long, Err(RefusalKind::Quota { resets_in: MONTHS_REST })).after(785, 0)),
        (
            "no bound is no reason",
            Case::new(Adaptive, 5_000, Output { is_boundable: false, ..MODEL }, Ok((1_000, None))),
        ),
    ];
    for (name, case) in table {
        assert_eq!(case.outcome(), case.expect, "{name}");
    }
}

#[test]
fn after_passes_while_anything_is_left() {
    let world = World::new();
    let scopes = [quota(Reserve::After, 150)];
    let open: Vec<_> = (0..5).map(|_| world.limits.reserve(&ask(&scopes)).expect("149 would be left")).collect();
    assert_eq!(world.counts("q#k"), (0, 0));
    for reservation in open {
        assert_eq!((reservation.cap(), reservation.allowed_output()), (None, u64::MAX));
        let settled = reservation.settle(&used(100, 49));
        assert_eq!((settled.amounts, settled.overruns.len()), (vec![149], 0), "going over is how this mode works");
    }
    let refusal = world.limits.reserve(&ask(&scopes)).expect_err("745 of 150 used");
    assert_eq!((refusal.kind, refusal.used), (RefusalKind::Quota { resets_in: MONTHS_REST }, 745));
}

#[test]
fn the_strictest_enforced_quota_decides_the_cap() {
    let world = World::new();
    let rule = |id: &str, reserve, limit| scope(Rule { reserve, ..Rule::new(id, Counted::Tokens, month(), limit) });
    let output = Output { model_max: Some(100_000), ..MODEL };
    let scopes =
        [rule("a", Reserve::Adaptive, 50_000), rule("s", Reserve::Strict, 90_000), rule("x", Reserve::After, 1)];
    let granted = world.limits.reserve(&Ask { output, ..ask(&scopes) }).expect("fits");
    assert_eq!((granted.allowed_output(), granted.cap()), (49_900, Some(49_900)));
    let reserved: Vec<_> = granted.charges().iter().map(|charge| (charge.account.to_string(), charge.amount)).collect();
    let expected = [("a#k", 50_000), ("s#k", 50_000), ("x#k", 0)].map(|(name, amount)| (name.to_owned(), amount));
    assert_eq!(reserved, expected);
}

#[test]
fn every_unit_has_its_own_worst_case() {
    let world = World::new();
    let rule = |counted, limit| scope(Rule::new(format!("{counted:?}"), counted, month(), limit));
    let scopes = [
        rule(Counted::Requests, 5),
        rule(Counted::Tokens, 5_000),
        rule(Counted::InputTokens, 5_000),
        rule(Counted::OutputTokens, 5_000),
        rule(Counted::Bytes, 5_000),
        rule(Counted::Nanos, 5_000),
        rule(Counted::Concurrency, 5),
    ];
    let granted = world.limits.reserve(&ask(&scopes)).expect("fits");
    let amounts =
        |charges: Vec<crate::exchange::Charge>| charges.iter().map(|charge| charge.amount).collect::<Vec<_>>();
    assert_eq!(amounts(granted.charges()), [1, 1_100, 100, 1_000, 400, 2_100]);
    assert_eq!(granted.settle(&used(90, 10)).amounts, [1, 100, 90, 10, 400, 110]);
    assert_eq!(world.counts("Nanos#k"), (110, 0));
    assert_eq!(world.counts("Concurrency#k"), (0, 0));
}

#[test]
fn money_without_a_price_is_refused_when_strict_and_free_models_outlive_the_budget() {
    let world = World::new();
    let budget = |reserve| scope(Rule { reserve, ..Rule::new("b", Counted::Nanos, month(), 1_000) });
    let (strict, adaptive) = ([budget(Reserve::Strict)], [budget(Reserve::Adaptive)]);
    let unpriced = |scopes| Ask { rates: None, ..ask(scopes) };
    assert_eq!(kind(&world.limits, &unpriced(&strict)), Some(RefusalKind::NotBoundable));
    assert_eq!(kind(&world.limits, &unpriced(&adaptive)), None);
    let priced_only = [scope(Rule { refuses_unpriced: true, ..Rule::new("p", Counted::Nanos, month(), 1_000_000) })];
    assert_eq!(kind(&world.limits, &unpriced(&priced_only)), Some(RefusalKind::NotBoundable));
    let granted = world.limits.reserve(&ask(&adaptive)).expect("fits");
    drop(granted.settle(&used(0, 500)));
    let exhausted = Some(RefusalKind::Budget { resets_in: MONTHS_REST });
    assert_eq!(kind(&world.limits, &ask(&adaptive)), exhausted);
    assert_eq!(kind(&world.limits, &unpriced(&adaptive)), exhausted, "nobody knows what it costs");
    assert_eq!(kind(&world.limits, &Ask { rates: Some(Rates::default()), ..ask(&adaptive) }), None);
}

/// A provider that takes no cap below 1,025 would answer 400 to a smaller one: the quota answers instead.
#[test]
fn a_cap_that_the_provider_would_not_take_is_refused_here() {
    for reserve in [Reserve::Strict, Reserve::Adaptive] {
        let world = World::new();
        let scopes = [quota(reserve, 2_000)];
        let thinking = |least_cap| Ask { output: Output { least_cap, ..MODEL }, ..ask(&scopes) };
        drop(world.limits.reserve(&thinking(1)).expect("room").settle(&used(100, 900)));
        assert!(matches!(kind(&world.limits, &thinking(1_025)), Some(RefusalKind::Quota { .. })), "{reserve:?}");
        let sent = world.limits.reserve(&thinking(900)).expect("900 are left beside the prompt");
        assert_eq!(sent.cap(), Some(900), "{reserve:?}");
    }
}

#[test]
fn an_estimate_is_good_enough_until_its_bound_does_not_fit() {
    let world = World::new();
    let scopes = [quota(Reserve::Adaptive, 3_000)];
    let estimate = Ask { prompt: Prompt::estimate(100, 400), ..ask(&scopes) };
    let first = world.limits.reserve(&estimate).expect("1,400 of 3,000 at worst");
    assert_eq!(world.counts("q#k"), (0, 1_100), "held at the estimate");
    let second = world.limits.reserve(&estimate).expect("2,800 of 3,000 at worst");
    assert_eq!(kind(&world.limits, &estimate), Some(RefusalKind::NeedsExactInput));
    let counted = world.limits.reserve(&ask(&scopes)).expect("200 are left beside both bounds");
    assert_eq!((counted.cap(), counted.allowed_output()), (Some(100), 100));
    assert_eq!(kind(&world.limits, &estimate), Some(RefusalKind::Held), "however short its prompt is");
    drop((first, second));
    let bounded = Ask { prompt: Prompt::bounded(100, 400), ..ask(&scopes) };
    let bounded = world.limits.reserve(&bounded).expect("fits");
    assert_eq!(bounded.charges()[0].amount, 1_400, "where no count can be had, the bound is held");
}

#[test]
fn shadow_rules_tell_what_they_would_refuse_and_let_pass() {
    let world = World::new();
    let rule = Rule { shadow: true, ..Rule::new("q", Counted::Tokens, month(), 1_000) };
    let scopes = [scope(rule), scope(Rule { shadow: true, ..Rule::new("c", Counted::Concurrency, Window::Open, 1) })];
    let first = world.limits.reserve(&ask(&scopes)).expect("shadow");
    assert!(first.shadowed().is_empty());
    assert_eq!((first.cap(), first.allowed_output()), (None, u64::MAX), "no cap of a shadow");
    let second = world.limits.reserve(&ask(&scopes)).expect("shadow");
    let kinds: Vec<_> = second.shadowed().iter().map(|refusal| refusal.kind).collect();
    assert_eq!(kinds, [RefusalKind::Held, RefusalKind::Concurrency]);
    assert_eq!(second.settle(&used(100, 5_000)).overruns.len(), 0);
    drop(first);
    assert_eq!(world.counts("q#k"), (5_100, 0));
    world.advance(24 * 3_600);
    assert_eq!(world.counts("q#k"), (0, 0), "what nobody enforced is no debt");
}

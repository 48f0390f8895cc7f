//! Invariants 1, 3, 4, 6 and 7 of ACCOUNTING section 6, over interleavings that a generator makes up: whatever is
//! asked, grown, moved, settled, dropped and waited for, in whatever order of scopes.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{super::Reservation, *};
use crate::model::Timestamp;

/// The most that a model answers.
const MODEL_MAX: u64 = 400;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Asks with a prompt whose real length is somewhere within its bound; scopes by a bit mask.
    Ask {
        mask: usize,
        is_reversed: bool,
        tokens: u64,
        real: u64,
        choices: u64,
        streamed: bool,
    },
    /// Delivers up to so much more of a stream.
    Deliver {
        which: usize,
        tokens: u64,
    },
    Move {
        which: usize,
        mask: usize,
    },
    Settle {
        which: usize,
        share: u64,
    },
    Drop {
        which: usize,
    },
    Wait {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..64_usize, any::<bool>(), 0..150_u64, 0..4_u64, 1..3_u64, any::<bool>()).prop_map(
            |(mask, is_reversed, tokens, factor, choices, streamed)| {
                let real = tokens * factor;
                Step::Ask { mask, is_reversed, tokens, real, choices, streamed }
            }
        ),
        6 => (0..8_usize, 1..200_u64).prop_map(|(which, tokens)| Step::Deliver { which, tokens }),
        2 => (0..8_usize, 1..64_usize).prop_map(|(which, mask)| Step::Move { which, mask }),
        4 => (0..8_usize, 0..101_u64).prop_map(|(which, share)| Step::Settle { which, share }),
        1 => (0..8_usize).prop_map(|which| Step::Drop { which }),
        1 => (0..90_000_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

fn rules() -> Vec<Scope> {
    let day = || Window::Calendar { period: Period::Day, zone: TimeZone::UTC };
    let rule =
        |id: &str, counted, reserve, window, limit| scope(Rule { reserve, ..Rule::new(id, counted, window, limit) });
    vec![
        rule("strict", Counted::Tokens, Reserve::Strict, day(), 3_000),
        rule("adaptive", Counted::Tokens, Reserve::Adaptive, day(), 4_000),
        rule("output", Counted::OutputTokens, Reserve::Adaptive, month(), 2_500),
        rule("budget", Counted::Nanos, Reserve::Adaptive, month(), 6_000),
        rule("calls", Counted::Requests, Reserve::Adaptive, day(), 12),
        rule("tpm", Counted::Tokens, Reserve::Adaptive, minute(), 5_000),
    ]
}

struct Open {
    reservation: Reservation,
    prompt: Prompt,
    real: u64,
    choices: u64,
    streamed: bool,
    delivered: u64,
}

impl Open {
    /// The vendor keeps to the cap that it is sent, and to its model's maximum.
    fn most(&self) -> u64 {
        self.reservation.cap().unwrap_or(MODEL_MAX).min(MODEL_MAX) * self.choices
    }

    fn deliver(&mut self, tokens: u64) {
        let next = (self.delivered + tokens).min(self.most());
        if !self.streamed || self.reservation.top_up(next).is_ok() {
            self.delivered = next;
        }
    }
}

/// The module, and beside it a book of what was really used, by counter and window.
struct Play {
    world: World,
    rules: Vec<Scope>,
    open: Vec<Open>,
    book: BTreeMap<(String, Timestamp), i64>,
}

impl Play {
    fn scopes(&self, mask: usize, is_reversed: bool) -> Vec<Scope> {
        let chosen = self.rules.iter().enumerate().filter(|(nth, _)| mask & (1 << nth) != 0);
        let mut scopes: Vec<_> = chosen.map(|(_, scope)| scope.clone()).collect();
        if is_reversed {
            scopes.reverse();
        }
        scopes
    }

    fn ask(scopes: &[Scope], prompt: Prompt, choices: u64, streamed: bool) -> Ask<'_> {
        let output = Output { model_max: Some(MODEL_MAX), likely: Some(60), choices, ..Output::default() };
        Ask { prompt, output, streamed, ..ask(scopes) }
    }

    fn play(&mut self, step: Step) {
        match step {
            Step::Ask { mask, is_reversed, tokens, real, choices, streamed } => {
                let scopes = self.scopes(mask, is_reversed);
                let mut prompt = Prompt::estimate(tokens, tokens * 4);
                let mut asked = self.world.limits.reserve(&Self::ask(&scopes, prompt, choices, streamed));
                if asked.as_ref().is_err_and(|refusal| refusal.kind == RefusalKind::NeedsExactInput) {
                    prompt = Prompt::exact(real);
                    asked = self.world.limits.reserve(&Self::ask(&scopes, prompt, choices, streamed));
                    assert!(asked.as_ref().err().is_none_or(|refusal| refusal.kind != RefusalKind::NeedsExactInput));
                }
                if let Ok(reservation) = asked {
                    self.open.push(Open { reservation, prompt, real, choices, streamed, delivered: 0 });
                }
            }
            Step::Deliver { which, tokens } => self.with(which, |open, _| open.deliver(tokens)),
            Step::Move { which, mask } => self.with(which, |open, scopes_of| {
                // Before the first content only.
                if open.delivered == 0 {
                    let scopes = scopes_of(mask);
                    let before = open.reservation.charges();
                    let moved = open.reservation.move_to(&Self::ask(&scopes, open.prompt, open.choices, open.streamed));
                    assert!(moved.is_ok() || open.reservation.charges() == before);
                }
            }),
            Step::Settle { which, share } => self.settle(which, share),
            Step::Drop { which } if which < self.open.len() => drop(self.open.swap_remove(which)),
            Step::Drop { .. } => {}
            Step::Wait { seconds } => self.world.advance(seconds),
        }
    }

    fn with(&mut self, which: usize, act: impl FnOnce(&mut Open, &dyn Fn(usize) -> Vec<Scope>)) {
        let rules = self.rules.clone();
        let scopes_of = |mask: usize| {
            let chosen = rules.iter().enumerate().filter(|(nth, _)| mask & (1 << nth) != 0);
            chosen.map(|(_, scope)| scope.clone()).collect()
        };
        if let Some(open) = self.open.get_mut(which) {
            act(open, &scopes_of);
        }
    }

    /// A stream has used what it delivered, another answer any share of what it may be.
    fn settle(&mut self, which: usize, share: u64) {
        if which >= self.open.len() {
            return;
        }
        let open = self.open.swap_remove(which);
        let output = if open.streamed { open.delivered } else { open.most() * share / 100 };
        let charges = open.reservation.charges();
        let settled = open.reservation.settle(&used(open.real, output));
        assert!(settled.overruns.is_empty(), "{:?}", settled.overruns);
        assert_eq!(charges.len(), settled.amounts.len());
        for (charge, amount) in charges.iter().zip(settled.amounts) {
            *self.book.entry((charge.account.to_string(), charge.window)).or_default() += amount;
        }
    }

    fn check(&self) {
        for view in self.world.limits.views().iter().filter(|view| view.rule.is_quota()) {
            assert!(view.used + view.reserved <= view.limit, "{}: {} + {}", view.account, view.used, view.reserved);
            let key = (view.account.to_string(), view.window.expect("a quota").0);
            assert_eq!(view.used, self.book.get(&key).copied().unwrap_or(0), "{}", view.account);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn whatever_happens_the_books_hold(steps in prop::collection::vec(step(), 1..120)) {
        let mut play = Play { world: World::new(), rules: rules(), open: Vec::new(), book: BTreeMap::new() };
        for step in steps {
            play.play(step);
            play.check();
        }
        play.open.clear();
        play.check();
        for view in play.world.limits.views() {
            prop_assert_eq!((view.reserved, view.open), (0, 0), "{} leaks", view.account);
        }
    }

    #[test]
    fn junk_is_refused_or_counted_and_never_breaks_a_balance(
        tokens in any::<u64>(), upper in any::<u64>(), choices in any::<u64>(), cap in any::<Option<u64>>(),
        rate in any::<i64>(), input in any::<u64>(), output in any::<u64>(), nanos in any::<i64>(), limit in any::<i64>(),
    ) {
        let world = World::new();
        let rule = |id: &str, counted, reserve| scope(Rule { reserve, ..Rule::new(id, counted, month(), limit) });
        let scopes = [
            rule("a", Counted::Tokens, Reserve::Adaptive),
            rule("s", Counted::Nanos, Reserve::Strict),
            rule("x", Counted::Tokens, Reserve::After),
            scope(Rule::new("r", Counted::Tokens, minute(), limit)),
        ];
        for nth in 0..4 {
            let rates = Some(Rates { input_per_million: rate, output_per_million: rate, request: rate });
            let wish = Output { caller_cap: cap, choices, ..Output::default() };
            let junk = Ask { prompt: Prompt::bounded(tokens, upper), output: wish, rates, ..ask(&scopes[nth..]) };
            if let Ok(mut granted) = world.limits.reserve(&junk) {
                let grown = granted.top_up(output);
                prop_assert!(grown.is_ok() || !granted.covers(output));
                let settled = granted.settle(&Used { requests: 1, input, output, bytes: input, nanos });
                prop_assert!(settled.amounts.iter().all(|amount| *amount >= 0));
            }
        }
        for view in world.limits.views() {
            prop_assert!(view.used >= 0 && view.reserved == 0 && view.remaining >= 0, "{:?}", view);
        }
    }
}

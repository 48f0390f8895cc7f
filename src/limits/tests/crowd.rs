//! Many at once, on real threads: what is granted never exceeds the limit, and nothing leaks.

use std::sync::{
    Barrier,
    atomic::{AtomicI64, Ordering::Relaxed},
};

use super::*;

/// A vendor that uses all that it may: what it really used is counted apart.
fn serve(world: &World, scopes: &[Scope], vendor: &AtomicI64, streamed: bool) -> Option<RefusalKind> {
    let output = Output { model_max: Some(700), likely: Some(50), ..Output::default() };
    let ask = Ask { output, streamed, ..ask(scopes) };
    let mut granted = match world.limits.reserve(&ask) {
        Ok(granted) => granted,
        Err(refusal) => return Some(refusal.kind),
    };
    let most = granted.cap().unwrap_or(700);
    let mut delivered = 0;
    while delivered < most {
        let next = most.min(delivered + 40);
        if streamed && granted.top_up(next).is_err() {
            break;
        }
        delivered = next;
    }
    let settled = granted.settle(&used(100, delivered));
    assert!(settled.overruns.is_empty(), "{:?}", settled.overruns);
    vendor.fetch_add(settled.amounts[0], Relaxed);
    None
}

#[test]
fn two_hundred_at_once_on_a_quota_for_a_few_never_exceed_it() {
    for (reserve, streamed) in
        [(Reserve::Strict, false), (Reserve::Strict, true), (Reserve::Adaptive, false), (Reserve::Adaptive, true)]
    {
        let world = World::new();
        let team = scope(Rule { reserve, ..Rule::new("team", Counted::Tokens, month(), 3_000) });
        let user = |nth: &str| Scope::new(Arc::new(Rule::new("user", Counted::Tokens, month(), 1_000_000)), nth);
        let (vendor, served, gate) = (AtomicI64::new(0), AtomicI64::new(0), Barrier::new(200));
        std::thread::scope(|threads| {
            for nth in 0..200 {
                let (world, vendor, served, gate, team) = (&world, &vendor, &served, &gate, team.clone());
                let user = user(&nth.to_string());
                threads.spawn(move || {
                    let scopes = if nth % 2 == 0 { [team, user] } else { [user, team] };
                    gate.wait();
                    let refused = serve(world, &scopes, vendor, streamed);
                    if refused.is_none() {
                        served.fetch_add(1, Relaxed);
                    }
                    let is_known = |kind| matches!(kind, RefusalKind::Held | RefusalKind::Quota { .. });
                    assert!(refused.is_none_or(is_known), "{refused:?}");
                });
            }
        });
        let vendor = vendor.into_inner();
        assert!(vendor <= 3_000, "{reserve:?}, streamed: {streamed}: {vendor} of 3,000");
        assert!(served.into_inner() >= 3, "{reserve:?}, streamed: {streamed}");
        assert_eq!(world.counts("team#k"), (vendor, 0));
    }
}

#[test]
fn requests_are_granted_exactly_as_often_as_the_limit_says() {
    let world = World::new();
    let scopes = [
        scope(Rule::new("rpm", Counted::Requests, minute(), 37)),
        scope(Rule::new("calls", Counted::Requests, month(), 1_000)),
    ];
    let granted = AtomicI64::new(0);
    std::thread::scope(|threads| {
        for _ in 0..8 {
            threads.spawn(|| {
                for _ in 0..50 {
                    if let Ok(reservation) = world.limits.reserve(&ask(&scopes)) {
                        drop(reservation.settle(&used(1, 1)));
                        granted.fetch_add(1, Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(granted.into_inner(), 37);
    assert_eq!((world.counts("rpm#k"), world.counts("calls#k")), ((37, 0), (37, 0)));
}

//! Failover to another model or backend, and streams that grow.

use super::{super::Reservation, *};

fn rule(id: &str, counted: Counted, window: Window, limit: i64) -> Scope {
    scope(Rule::new(id, counted, window, limit))
}

fn amounts(reservation: &Reservation) -> Vec<(String, i64)> {
    reservation.charges().iter().map(|charge| (charge.account.to_string(), charge.amount)).collect()
}

#[test]
fn a_move_takes_the_scopes_of_the_new_model_and_counts_the_request_once() {
    let world = World::new();
    let shared = rule("team", Counted::Tokens, month(), 10_000);
    let rpm = rule("rpm", Counted::Requests, minute(), 1);
    let [old, new] = ["old", "new"].map(|id| rule(id, Counted::Tokens, month(), 5_000));
    let [old_rpm, new_rpm] = ["old rpm", "new rpm"].map(|id| rule(id, Counted::Requests, minute(), 1));
    let first = [shared.clone(), rpm.clone(), old, old_rpm];
    let second = [shared, rpm, new, new_rpm];
    let mut reservation = world.limits.reserve(&ask(&first)).expect("room");
    world.advance(20);
    let output = Output { model_max: Some(500), ..Output::default() };
    reservation.move_to(&Ask { output, ..ask(&second) }).expect("room");
    assert_eq!(amounts(&reservation), [("team#k".to_owned(), 600), ("new#k".to_owned(), 600)]);
    let counts = ["team#k", "rpm#k", "old#k", "old rpm#k", "new#k", "new rpm#k"].map(|name| world.counts(name).1);
    assert_eq!(counts, [600, 1, 0, 0, 600, 1]);
    assert_eq!(reservation.standing().requests.map(|requests| requests.remaining), Some(0));
    assert_eq!(reservation.settle(&used(100, 50)).amounts, [150, 150]);
    let counts = ["team#k", "old#k", "new#k"].map(|name| world.counts(name));
    assert_eq!(counts, [(150, 0), (0, 0), (150, 0)]);
    world.advance(40);
    assert_eq!(world.counts("rpm#k"), (0, 0), "counted when it came, not when it moved");
    assert_eq!(world.counts("new rpm#k"), (1, 0));
}

#[test]
fn a_refused_move_leaves_everything_as_it_was() {
    let world = World::new();
    let shared = rule("team", Counted::Tokens, month(), 1_500);
    let [old, new] = ["old", "new"].map(|id| rule(id, Counted::Tokens, month(), 1_200));
    let (first, second) = ([shared.clone(), old], [new.clone(), shared]);
    drop(world.limits.reserve(&ask(&[new])).expect("room").settle(&used(1_150, 0)));
    let mut reservation = world.limits.reserve(&ask(&first)).expect("room");
    let before = (amounts(&reservation), reservation.cap());
    let refusal = reservation.move_to(&ask(&second)).expect_err("the new model's quota is used up");
    assert_eq!(&*refusal.account, "new#k");
    assert_eq!((amounts(&reservation), reservation.cap()), before);
    assert_eq!((world.counts("team#k"), world.counts("old#k")), ((0, 1_100), (0, 1_100)));
    drop(reservation);
    assert_eq!((world.counts("team#k"), world.counts("old#k")), ((0, 0), (0, 0)));
}

#[test]
fn a_move_may_use_what_it_held_itself() {
    let world = World::new();
    let scopes = [quota(Reserve::Strict, 1_100)];
    let mut reservation = world.limits.reserve(&ask(&scopes)).expect("all of it");
    reservation.move_to(&ask(&scopes)).expect("all of it again");
    assert_eq!(world.counts("q#k"), (0, 1_100));
}

#[test]
fn a_stream_grows_ahead_of_itself_until_the_quota_is_used_up() {
    let world = World::new();
    let scopes = [quota(Reserve::Adaptive, 6_000)];
    let output = Output { model_max: Some(100_000), likely: Some(200), ..Output::default() };
    let mut stream = world.limits.reserve(&Ask { output, ..ask(&scopes) }).expect("room");
    assert_eq!((stream.cap(), stream.allowed_output()), (None, 200));
    assert!(!stream.top_up(100).expect("ahead already"));
    assert!(stream.top_up(101).expect("room"));
    assert_eq!((stream.allowed_output(), world.counts("q#k")), (301, (0, 401)));
    let mut delivered = 101;
    let refusal = loop {
        match stream.top_up(delivered + 7) {
            Ok(_) => delivered += 7,
            Err(refusal) => break refusal,
        }
        assert!(stream.covers(delivered));
    };
    assert!(matches!(refusal.kind, RefusalKind::Quota { .. }), "{refusal}");
    assert_eq!(stream.allowed_output(), 5_900, "everything that there was");
    assert!(delivered <= 5_900 && delivered + 7 > 5_900, "{delivered}");
    let settled = stream.settle(&used(100, delivered));
    assert!(settled.overruns.is_empty());
}

#[test]
fn a_stream_that_others_stand_in_the_way_of_is_told_so() {
    let world = World::new();
    let scopes = [quota(Reserve::Adaptive, 6_000)];
    let output = Output { model_max: Some(100_000), likely: Some(200), ..Output::default() };
    let mut stream = world.limits.reserve(&Ask { output, ..ask(&scopes) }).expect("room");
    let other = world.limits.reserve(&Ask { output: Output { caller_cap: Some(5_000), ..output }, ..ask(&scopes) });
    let other = other.expect("room");
    assert_eq!(stream.top_up(801).expect_err("600 are left").kind, RefusalKind::Held);
    drop(other);
    assert!(stream.top_up(801).expect("room again"));
}

#[test]
fn what_is_capped_holds_no_more_than_its_cap() {
    let world = World::new();
    let scopes = [quota(Reserve::Strict, 50_000)];
    let mut stream = world.limits.reserve(&ask(&scopes)).expect("room");
    assert!(!stream.top_up(1_000).expect("covered"));
    assert_eq!(world.counts("q#k"), (0, 1_100));
    assert!(stream.top_up(1_001).expect("a vendor that ignores it is held to the quota"));
    assert_eq!(world.counts("q#k"), (0, 1_101));
}

//! Which counters requests fall under, and how rules are named.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use super::Parties;
use crate::{
    limits::{Counted, Rule, Scope, Window},
    model::{BackendId, Clock, Entropy, KeyHash, Timestamp},
    outbound::Fleet,
    pricing::Tables,
    settings::{ObjectKind, Settings, check, object_from_json},
    snapshot::{
        Snapshot,
        compile::{Surroundings, compile},
    },
};

fn snapshot(objects: &[(ObjectKind, Value)]) -> Snapshot {
    let mut settings = Settings::default();
    let usual = [
        (ObjectKind::Backend, json!({"id": "sim", "kind": "sim"})),
        (ObjectKind::Model, json!({"name": "m", "backend": "sim"})),
        (ObjectKind::Api, json!({"id": "openai", "kind": "models", "path": "/"})),
        (ObjectKind::User, json!({"id": "ada"})),
        (ObjectKind::Product, json!({"id": "team"})),
        (
            ObjectKind::Subscription,
            json!({"id": "a", "product": "team", "key": "key-of-subscription-a", "user": "ada"}),
        ),
        (ObjectKind::Subscription, json!({"id": "b", "product": "team", "key": "key-of-subscription-b"})),
    ];
    for (kind, value) in usual.iter().chain(objects) {
        settings.insert(object_from_json(*kind, value).unwrap_or_else(|problems| panic!("{value}: {problems:?}")));
    }
    assert_eq!(check(&settings), []);
    let around = Surroundings {
        fleet: &Fleet::new(Clock::manual(Timestamp::from_secs(1)), Entropy::seeded(1)),
        keys: &[],
        base_dir: Path::new("."),
        last_used: &|_| Arc::default(),
        tables: &Tables::new(),
        encoders: &crate::cache::model::Encoders::default(),
    };
    compile(1, Arc::new(settings), &around).unwrap_or_else(|problems| panic!("{problems:?}"))
}

/// The counters of a call with the key of subscription `who` (none: without a key, through product `team`).
fn scopes(snapshot: &Snapshot, who: Option<&str>, model: Option<&str>) -> Vec<Scope> {
    scopes_at(snapshot, who, model, None)
}

/// The same once that backend is to answer.
fn scopes_at(snapshot: &Snapshot, who: Option<&str>, model: Option<&str>, backend: Option<&str>) -> Vec<Scope> {
    let backend = backend.map(BackendId::from);
    let key = who.map(|id| KeyHash::of(&format!("key-of-subscription-{id}")));
    let subscription = key.map(|hash| snapshot.keys.find(&hash).expect("known").clone());
    let product = snapshot.keys.find(&KeyHash::of("key-of-subscription-a")).and_then(|a| a.product().cloned());
    let model = model.map(|name| snapshot.models.get(name).expect("there"));
    let parties = Parties {
        api: snapshot.apis.iter().next().expect("one"),
        subscription: subscription.as_deref(),
        product: product.as_deref(),
        model: model.map(|model| &**model),
        backend: backend.as_ref().and_then(|id| Some((id, snapshot.backend_limits.get(id)?))),
    };
    parties.scopes()
}

fn accounts(snapshot: &Snapshot, who: Option<&str>, model: Option<&str>) -> Vec<String> {
    scopes(snapshot, who, model).iter().map(|scope| scope.account().to_string()).collect()
}

fn product(limits: &Value) -> (ObjectKind, Value) {
    (ObjectKind::Product, json!({"id": "team", "limits": limits}))
}

#[test]
fn each_subscription_of_a_product_counts_for_itself_unless_told_otherwise() {
    let snapshot = snapshot(&[product(&json!([
        {"tokens_per_month": 5},
        {"tokens_per_month": 50, "per": "product"},
        {"tokens_per_month": 20, "per": "user"},
    ]))]);
    let shared = "product:team/tokens_per_month?per=product#team";
    let user = "product:team/tokens_per_month?per=user#";
    let rows = [
        (Some("a"), ["product:team/tokens_per_month#a", shared, &format!("{user}ada")]),
        (Some("b"), ["product:team/tokens_per_month#b", shared, &format!("{user}subscription:b")]),
        (None, ["product:team/tokens_per_month#-", shared, &format!("{user}-")]),
    ];
    for (who, wanted) in rows {
        assert_eq!(accounts(&snapshot, who, Some("m")), wanted, "{who:?}");
    }
}

#[test]
fn limits_of_a_backend_hold_once_it_is_to_answer() {
    let limited = json!({"id": "own", "kind": "sim", "limits": [
        {"budget_per_month": "5 USD"}, {"requests_per_minute": 6, "per": "subscription"}, {"concurrency": 1, "models": ["n"]}]});
    let snapshot =
        snapshot(&[(ObjectKind::Backend, limited), (ObjectKind::Model, json!({"name": "n", "backend": "own"}))]);
    let known: Vec<_> = snapshot.counters.iter().map(|scope| scope.account().to_string()).collect();
    assert_eq!(known, ["backend:own/budget_per_month#own", "backend:own/concurrency?models=n#own"]);
    let at = |model, backend| -> Vec<String> {
        let scopes = scopes_at(&snapshot, Some("b"), model, backend);
        scopes.iter().map(|scope| scope.account().to_string()).collect()
    };
    assert_eq!(at(Some("m"), None), [""; 0]);
    assert_eq!(at(Some("m"), Some("sim")), [""; 0]);
    let own = ["backend:own/budget_per_month#own", "backend:own/requests_per_minute?per=subscription#b"];
    assert_eq!(at(Some("m"), Some("own")), own);
    assert_eq!(at(None, Some("own")), own);
    assert_eq!(at(Some("n"), Some("own")), [own[0], "backend:own/concurrency?models=n#own", own[1]]);
}

#[test]
fn limits_of_all_kinds_of_objects_hold_together() {
    let snapshot = snapshot(&[
        product(&json!({"requests_per_minute": 1, "concurrency": 2})),
        (
            ObjectKind::Subscription,
            json!({"id": "a", "product": "team", "key": "key-of-subscription-a", "user": "ada",
                   "limits": {"tokens_per_day": 3, "models": ["m"]}}),
        ),
        (ObjectKind::User, json!({"id": "ada", "limits": {"budget_per_month": "4 USD"}})),
        (
            ObjectKind::Api,
            json!({"id": "openai", "kind": "models", "path": "/", "limits": [
            {"requests_per_second": 5}, {"requests_per_day": 6, "per": "subscription"}]}),
        ),
        (ObjectKind::Model, json!({"name": "m", "backend": "sim", "limits": {"tokens_per_minute": 7}})),
        (ObjectKind::Model, json!({"name": "n", "backend": "sim"})),
    ]);
    let common = ["product:team/requests_per_minute#a", "product:team/concurrency#a"];
    let user = "user:ada/budget_per_month#ada";
    let api = ["api:openai/requests_per_second#openai", "api:openai/requests_per_day?per=subscription#a"];
    let of_m = [
        common[0],
        common[1],
        "subscription:a/tokens_per_day?models=m#a",
        user,
        api[0],
        api[1],
        "model:m/tokens_per_minute#m",
    ];
    let mut seen = accounts(&snapshot, Some("a"), Some("m"));
    seen.sort();
    let mut wanted: Vec<_> = of_m.to_vec();
    wanted.sort_unstable();
    assert_eq!(seen, wanted);

    let mut seen = accounts(&snapshot, Some("a"), Some("n"));
    seen.sort();
    let mut wanted = vec![common[0], common[1], user, api[0], api[1]];
    wanted.sort_unstable();
    assert_eq!(seen, wanted, "limits for a model do not hold for another");
    assert_eq!(accounts(&snapshot, Some("b"), Some("n")).len(), 4, "the user's are the user's");
}

#[test]
fn counters_per_model_follow_the_model_and_plain_calls_have_none() {
    let snapshot = snapshot(&[
        product(&json!({"tokens_per_month": 5, "per": "model"})),
        (ObjectKind::Model, json!({"name": "a/b#c?d", "backend": "sim"})),
    ]);
    assert_eq!(accounts(&snapshot, Some("a"), Some("m")), ["product:team/tokens_per_month?per=model#m"]);
    assert_eq!(accounts(&snapshot, Some("b"), Some("a/b#c?d")), ["product:team/tokens_per_month?per=model#a/b#c?d"]);
    assert_eq!(accounts(&snapshot, Some("a"), None), [""; 0]);
}

#[test]
fn no_two_rules_share_a_name_and_names_do_not_depend_on_amounts() {
    let names = |limits: Value| {
        let odd = (ObjectKind::Model, json!({"name": "x,y#&%?", "backend": "sim"}));
        let snapshot = snapshot(&[odd, product(&limits)]);
        scopes(&snapshot, Some("a"), Some("x,y#&%?"))
            .iter()
            .map(|scope| scope.rule().id.to_string())
            .collect::<Vec<_>>()
    };
    let twice = json!([{"tokens_per_day": 1}, {"tokens_per_day": 2, "shadow": true}, {"tokens_per_day": 3, "time_zone": "Asia/Tokyo"}]);
    let first = "product:team/tokens_per_day";
    assert_eq!(names(twice), [first, &format!("{first}?n=2"), &format!("{first}?n=3")]);
    assert_eq!(names(json!({"tokens_per_day": 1})), names(json!({"tokens_per_day": 99, "reserve": "strict"})));
    let odd = json!({"tokens_per_day": 1, "models": ["x,y#&%?", "m"], "per": "api"});
    assert_eq!(names(odd), [format!("{first}?per=api&models=x%2Cy%23%26%25%3F,m")]);
}

#[test]
fn rules_say_what_the_settings_said() {
    let snapshot = snapshot(&[(
        ObjectKind::Product,
        json!({"id": "team", "time_zone": "Europe/Berlin", "limits": [
            {"budget_per_month": "200 USD", "reserve": "strict", "min_output": 32, "tokens_per_minute": 9},
            {"bandwidth_per_day": "1kB", "soft": true, "time_zone": "UTC"},
            {"concurrency": 3},
        ]}),
    )]);
    let rules: Vec<Arc<Rule>> = scopes(&snapshot, Some("a"), None).iter().map(|scope| scope.rule().clone()).collect();
    let find = |counted: Counted| rules.iter().find(|rule| rule.counted == counted).expect("there");

    let budget = find(Counted::Nanos);
    assert_eq!((budget.limit, budget.min_output, &*budget.alerts), (200_000_000_000, 32, &[50, 80, 100][..]));
    assert_eq!((budget.reserve, budget.shadow), (crate::limits::Reserve::Strict, false));
    let Window::Calendar { period, zone } = &budget.window else { panic!("{:?}", budget.window) };
    assert_eq!((*period, zone.iana_name()), (crate::limits::Period::Month, Some("Europe/Berlin")));

    let rate = find(Counted::Tokens);
    assert!(matches!(rate.window, Window::Rolling(time) if time.as_secs() == 60), "{:?}", rate.window);
    assert!(rate.alerts.is_empty());

    let soft = find(Counted::Bytes);
    assert_eq!((soft.limit, soft.shadow, &*soft.alerts), (1_000, true, &[50, 80, 100][..]));
    assert!(matches!(&soft.window, Window::Calendar { zone, .. } if zone.iana_name() == Some("UTC")));
    assert!(matches!(find(Counted::Concurrency).window, Window::Open));
}

#[test]
fn the_longest_answer_of_a_model_or_its_backend_is_known() {
    let snapshot = snapshot(&[
        (ObjectKind::Backend, json!({"id": "big", "kind": "sim", "max_output_tokens": 100})),
        (ObjectKind::Model, json!({"name": "own", "backend": "big", "max_output_tokens": 7})),
        (ObjectKind::Model, json!({"name": "its", "backend": "big"})),
    ]);
    let of = |model: &str, backend: &str| {
        snapshot.max_output_tokens(snapshot.models.get(model).expect("there"), &backend.into())
    };
    assert_eq!([of("own", "big"), of("its", "big"), of("m", "sim")], [Some(7), Some(100), None]);
}

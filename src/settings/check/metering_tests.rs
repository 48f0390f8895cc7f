//! What is refused in limits, prices, ledger and alerts, and where the message points.

use serde_json::{Value, json};

use crate::{
    document::Format,
    settings::{ObjectKind, Settings, Source, check, load, object_from_json},
};

fn problems(text: &str) -> Vec<String> {
    let source = Source::Text { name: "t".into(), format: Format::Yaml, text: format!("version: 1\n{text}") };
    match load(&source, &|_| None) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

/// A configuration with a model, whose product has these limits.
fn limited(limits: &str) -> String {
    format!(
        "backends: [{{ id: sim, kind: sim }}]\nmodels: [{{ name: m, backend: sim }}]\nproducts:\n  - id: p\n    limits: {limits}\n"
    )
}

#[test]
fn limits_are_refused_with_place_and_reason() {
    let rows = [
        ("{ tokens_per_month: 5M, budget_per_month: 200 USD, concurrency: 50, reserve: strict }", None),
        (
            "[{ tokens_per_day: 1M, time_zone: Europe/Berlin, shadow: true }, { models: [m], output_tokens_per_month: 1k }]",
            None,
        ),
        ("[]", None),
        ("{ tokens_per_month: 0 }", Some("t:6:33: products[0].limits.tokens_per_month: 0 would refuse every call")),
        (
            "{ tokens_per_month: -5 }",
            Some("products[0].limits.tokens_per_month: `-5` is not a count such as 20000, 20k or 5M"),
        ),
        ("{ tokens_per_month: 5 parsecs }", Some("`5 parsecs` is not a count")),
        ("{ bandwidth_per_day: 1 }", None),
        ("{ bandwidth_per_day: 1 mile }", Some("`1 mile` is not a size such as 65536, 64KiB or 8MB")),
        ("{ bandwidth_per_minute: 1 }", Some("unknown field `bandwidth_per_minute`")),
        (
            "{ budget_per_month: 200 EUR }",
            Some("`200 EUR` is not an amount such as 200 USD or 0.50 USD; USD is the only currency"),
        ),
        ("{ budget_per_month: 200 }", Some("`200` is not an amount such as 200 USD")),
        ("{ token_per_month: 1 }", Some("unknown field `token_per_month`; did you mean `tokens_per_month`?")),
        ("{ concurrency: 0 }", Some("products[0].limits.concurrency: `0` is not a whole number from 1 to 1000000")),
        ("{}", Some("products[0].limits: limits nothing; write a limit such as `tokens_per_month: 5M`")),
        ("[{ concurrency: 1 }, { shadow: true }]", Some("products[0].limits[1]: limits nothing")),
        ("5M", Some("products[0].limits: expected a mapping or a list of mappings")),
        (
            "{ tokens_per_day: 1k, time_zone: Europe/Atlantis }",
            Some("`Europe/Atlantis` is not a time zone such as Europe/Berlin"),
        ),
        (
            "{ tokens_per_day: 1k, models: [n] }",
            Some("products[0].limits.models[0]: there is no model `n`; did you mean `m`?"),
        ),
        ("{ tokens_per_day: 1k, models: [] }", Some("products[0].limits.models: the list is empty")),
        ("{ tokens_per_day: 1k, models: [m, m] }", Some("products[0].limits.models[1]: `m` is listed twice")),
        ("{ tokens_per_day: 1k, per: group }", Some("`group` is not one of subscription, product, user, api, model")),
        ("{ tokens_per_day: 1k, soft: true, shadow: true }", Some("either `soft` or `shadow`")),
        ("{ tokens_per_minute: 1k, alerts: [50] }", Some("products[0].limits.alerts: rates have no alerts")),
        (
            "{ tokens_per_day: 1k, alerts: [0] }",
            Some("products[0].limits.alerts[0]: `0` is not a whole number from 1 to 100"),
        ),
    ];
    for (limits, wanted) in rows {
        let found = problems(&limited(limits));
        match wanted {
            None => assert_eq!(found, [""; 0], "{limits}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{limits}: {found:?}"),
        }
    }
}

#[test]
fn counters_that_make_no_sense_on_their_object_are_refused() {
    let limits = json!({"tokens_per_day": 1000, "per": "product"});
    let rows = [
        (
            ObjectKind::Subscription,
            json!({"id": "s", "scope": "all", "limits": limits}),
            "use subscription, api, model",
        ),
        (ObjectKind::User, json!({"id": "u", "limits": limits}), "use user, subscription, api, model"),
        (
            ObjectKind::Product,
            json!({"id": "p", "limits": {"requests_per_day": 1, "per": "backend"}}),
            "use subscription, product, user, api, model",
        ),
        (
            ObjectKind::Backend,
            json!({"id": "b", "kind": "sim", "limits": {"tokens_per_day": 0}}),
            "0 would refuse every call",
        ),
    ];
    for (kind, value, part) in rows {
        let mut settings = Settings::default();
        settings.insert(object_from_json(kind, &value).expect("reads"));
        let found = check(&settings);
        assert!(found.len() == 1 && found[0].message.contains(part), "{found:?}");
    }
    let mut settings = Settings::default();
    settings.insert(object_from_json(ObjectKind::Backend, &json!({"id": "b", "kind": "sim"})).expect("reads"));
    let model = json!({"name": "m", "backend": "b", "limits": {"concurrency": 1, "models": ["m"]}});
    settings.insert(object_from_json(ObjectKind::Model, &model).expect("reads"));
    assert!(check(&settings)[0].message.contains("remove `models`"));
}

#[test]
fn prices_are_refused_with_place_and_reason() {
    let rows = [
        ("{ id: a, model: m, input: 2.50 USD, output: 10 USD per 1M }", None),
        ("{ id: a, model: m, per_request: 0.01 USD }", None),
        ("{ id: a, model: m, input: 2.50 USD }", Some("prices[0]: `input` and `output` belong together")),
        (
            "{ id: a, model: m, input: 2.50 EUR, output: 1 USD }",
            Some("prices[0].input: `2.50 EUR` is not a price per million tokens"),
        ),
        (
            "{ id: a, model: m, input: 2.5, output: 1 USD }",
            Some("`2.5` is not a price per million tokens such as 2.50 USD"),
        ),
        ("{ id: a, model: m }", Some("prices[0]: what does it cost?")),
        ("{ id: a, input: 1 USD, output: 1 USD }", Some("prices[0]: the price of what?")),
        ("{ id: a, backend: b, input: 1 USD, output: 1 USD }", Some("prices[0].backend: there is no backend `b`")),
        (
            "{ id: a, model: m, input: 1 USD, output: 1 USD, valid_from: 2026-02-01, valid_to: 2026-01-01 }",
            Some("prices[0].valid_to: is not after `valid_from`"),
        ),
        (
            "{ id: a, model: m, input: 1 USD, output: 1 USD, valid_from: soon }",
            Some("`soon` is not a date such as 2027-01-31"),
        ),
        ("{ id: a, model: m, table_file: x.json }", Some("prices[0]: an entry with `table_file`")),
        (
            "{ id: a, model: m, input: 1 USD, output: 1 USD }, { id: b, model: m, input: 2 USD, output: 2 USD }",
            Some("prices[1]: prices the same calls from the same moment as"),
        ),
        (
            "{ id: a, table_file: x.json }, { id: b, table_file: y.json }",
            Some("prices[1]: there can be one table of prices only"),
        ),
    ];
    for (prices, wanted) in rows {
        let found = problems(&format!("prices: [{prices}]\n"));
        match wanted {
            None => assert_eq!(found, [""; 0], "{prices}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{prices}: {found:?}"),
        }
    }
}

#[test]
fn ledger_and_alerts_are_refused_with_place_and_reason() {
    let good = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    let alerts = |url: &str, secret: &str| format!("alerts: {{ webhook: {{ url: \"{url}\", secret: \"{secret}\" }} }}");
    let rows = [
        (alerts("https://hooks.example.com/x?y=z", good), None),
        (alerts("hooks.example.com", good), Some("server.alerts.webhook.url: the URL cannot be read")),
        (alerts("ftp://hooks.example.com", good), Some("must begin with http:// or https://")),
        (alerts("https://a:b@hooks.example.com", good), Some("contains credentials")),
        (alerts("https://hooks.example.com", "canary-secret"), Some("server.alerts.webhook.secret: expected `whsec_`")),
        (alerts("https://hooks.example.com", "whsec_c2hvcnQ="), Some("these are 5 bytes")),
        ("ledger: { keep_rows: 1h }".to_owned(), Some("server.ledger.keep_rows: shorter than a day")),
        ("ledger: { keep_rows: 90d, keep_rollups: 30d }".to_owned(), Some("server.ledger.keep_rollups: shorter than")),
        ("ledger: { sync: sometimes }".to_owned(), Some("`sometimes` is not one of interval, always, off")),
        ("ledger: { metadata_headers: [Authorization] }".to_owned(), Some("carries keys, which are never kept")),
        ("ledger: { metadata_headers: [\"a b\"] }".to_owned(), Some("is not the name of a header")),
        ("ledger: { metadata_body: [a.b.c] }".to_owned(), Some("server.ledger.metadata_body[0]")),
        ("ledger: { metadata_body: [user, metadata.team] }".to_owned(), None),
    ];
    for (server, wanted) in rows {
        let found = problems(&format!("server: {{ {server} }}\n"));
        assert!(!found.concat().contains("canary"), "{found:?}");
        match wanted {
            None => assert_eq!(found, [""; 0], "{server}"),
            Some(part) => assert!(found.len() == 1 && found[0].contains(part), "{server}: {found:?}"),
        }
    }
}

#[test]
fn limits_too_small_for_any_answer_are_warned_of() {
    let text = limited("{ tokens_per_month: 10 }");
    let source = Source::Text { name: "t".into(), format: Format::Yaml, text };
    let loaded = load(&source, &|_| None).expect("loads");
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| warning.message.clone()).collect();
    assert_eq!(warnings, ["10 is not more than `min_output` (16): every call is refused"]);
}

#[test]
fn the_admin_api_takes_the_same_limits() {
    let value = json!({"id": "p", "limits": {"tokens_per_month": 5_000_000, "budget_per_month": "200 USD"}});
    let object = object_from_json(ObjectKind::Product, &value).expect("good");
    let shown: Value = object.to_json()["limits"].clone();
    assert_eq!((&shown["tokens_per_month"], &shown["budget_per_month"]), (&json!("5000000"), &json!("200.00 USD")));
}

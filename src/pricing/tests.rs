//! What calls cost: precedence of prices, the table's figures against published ones, and what has no price.

use std::path::Path;

use serde_json::{Value, json};
use tollgate_providers::Usage;

use super::{Asked, BUILT_IN_VERSION, Book, Tables};
use crate::{
    exchange::Cost,
    model::{BackendId, Timestamp},
    settings::{ObjectKind, Settings, check, object_from_json},
};

/// 2026-11-23.
const NOW: Timestamp = Timestamp::from_secs(1_795_392_000);

fn settings(objects: &[(ObjectKind, Value)]) -> Settings {
    let mut settings = Settings::default();
    let vendors = [
        json!({"id": "openai", "kind": "openai"}),
        json!({"id": "azure", "kind": "azure-openai", "url": "https://x.openai.azure.com"}),
        json!({"id": "claude", "kind": "anthropic"}),
        json!({"id": "google", "kind": "gemini"}),
        json!({"id": "groq", "kind": "openai-compatible", "url": "https://api.groq.com/openai/v1"}),
        json!({"id": "own", "kind": "openai-compatible", "url": "http://10.0.0.1/v1"}),
        json!({"id": "sim", "kind": "sim"}),
    ];
    let vendors = vendors.into_iter().map(|backend| (ObjectKind::Backend, backend));
    for (kind, value) in vendors.chain(objects.iter().cloned()) {
        let object = object_from_json(kind, &value).unwrap_or_else(|problems| panic!("{value}: {problems:?}"));
        settings.insert(object);
    }
    settings
}

fn book(objects: &[(ObjectKind, Value)]) -> Book {
    let settings = settings(objects);
    assert_eq!(check(&settings), []);
    Book::new(&settings, &Tables::new(), Path::new(".")).unwrap_or_else(|error| panic!("{error:?}"))
}

fn price(value: Value) -> (ObjectKind, Value) {
    (ObjectKind::Price, value)
}

fn tokens(input: u64, output: u64) -> Usage {
    Usage { input: Some(input), output: Some(output), ..Usage::default() }
}

fn cost_at(book: &Book, backend: &str, model: &str, usage: &Usage, at: Timestamp) -> Option<Cost> {
    let backend = BackendId::from(backend);
    let asked = Asked {
        model: Some(model),
        upstream_model: Some(model),
        backend: &backend,
        at,
        batch: false,
        service_tier: None,
    };
    book.price(&asked, usage)
}

fn nanos(book: &Book, backend: &str, model: &str, usage: &Usage) -> Option<i64> {
    cost_at(book, backend, model, usage, NOW).map(|cost| cost.nanos)
}

#[test]
fn the_table_is_the_version_that_is_built_in() {
    let lock = include_str!("../../Cargo.lock");
    let (_, entry) = lock.split_once("name = \"genai-prices\"\nversion = \"").expect("locked");
    let (version, _) = entry.split_once('"').expect("quoted");
    assert_eq!(BUILT_IN_VERSION, format!("genai-prices-{version}"));
}

#[test]
fn published_prices_come_out_to_the_last_unit() {
    let book = book(&[]);
    let cached = Usage { cached_input: Some(400_000), ..tokens(600_000, 100_000) };
    let written = Usage { cache_write: Some(1_000_000), ..Usage::default() };
    let reasoned = Usage { reasoning: Some(1_000), ..tokens(0, 1_000) };
    let rows = [
        // gpt-4o: 2.50 in, 1.25 cached, 10.00 out.
        ("openai", "gpt-4o", tokens(1_000_000, 0), Some(2_500_000_000)),
        ("openai", "gpt-4o", cached, Some(1_500_000_000 + 500_000_000 + 1_000_000_000)),
        ("openai", "gpt-4o", tokens(1, 1), Some(12_500)),
        ("azure", "gpt-4o", tokens(1_000_000, 0), Some(2_500_000_000)),
        // gpt-4o-mini: 0.15 in, 0.60 out: 150 nano-dollars a token.
        ("openai", "gpt-4o-mini", tokens(7, 3), Some(7 * 150 + 3 * 600)),
        // o3: reasoning costs as output, 8.00.
        ("openai", "o3", reasoned, Some(16_000_000)),
        // Claude 3 Opus: cache writes 18.75.
        ("claude", "claude-3-opus-20240229", written, Some(18_750_000_000)),
        ("google", "gemini-2.5-pro", tokens(200_000, 1_000), Some(250_000_000 + 10_000_000)),
        // Above 200k tokens the whole call costs 2.50 and 15.00.
        ("google", "gemini-2.5-pro", tokens(200_001, 1_000), Some(500_002_500 + 15_000_000)),
        ("sim", "sim-echo", tokens(1_000, 1_000), Some(0)),
        ("own", "gpt-4o", tokens(1, 1), None),
        ("openai", "gpt-99", tokens(1, 1), None),
        // Charged by the hour of audio, which is not known here: unpriced rather than free.
        ("groq", "whisper-large-v3", tokens(1, 1), None),
        ("nowhere", "gpt-4o", tokens(1, 1), None),
    ];
    for (backend, model, usage, wanted) in rows {
        assert_eq!(nanos(&book, backend, model, &usage), wanted, "{backend} {model} {usage:?}");
    }
    assert!(nanos(&book, "groq", "llama-3.3-70b-versatile", &tokens(1_000_000, 0)).is_some_and(|nanos| nanos > 0));
}

#[test]
fn every_model_of_the_table_costs_what_the_table_says() {
    // The table computes in floating point; here it is asked per request, as a second opinion.
    let book = book(&[]);
    let calculator = genai_prices::Calculator::bundled();
    let mut compared = 0;
    for (backend, provider) in [("openai", "openai"), ("claude", "anthropic"), ("google", "google")] {
        let provider = calculator.find_provider(Some(provider), None).expect("data").expect("there");
        for model in provider.models() {
            for (input, cached, output) in [(1_000, 0, 500), (150_000, 50_000, 2_000), (400_000, 0, 8_000)] {
                let usage = Usage { cached_input: Some(cached), ..tokens(input, output) };
                let Some(ours) = nanos(&book, backend, model.id(), &usage) else { continue };
                #[expect(clippy::cast_precision_loss, reason = "small figures")]
                let theirs = genai_prices::Usage::from([
                    ("input_tokens", (input + cached) as f64),
                    ("cache_read_tokens", cached as f64),
                    ("output_tokens", output as f64),
                ]);
                let request = genai_prices::PriceRequest::new(model.id(), &theirs)
                    .with_provider_id(provider.id())
                    .with_timestamp(std::time::UNIX_EPOCH + std::time::Duration::from_nanos(NOW.as_nanos()));
                let theirs = calculator.calculate(&request).expect("priced").total_price * 1e9;
                #[expect(clippy::cast_precision_loss, reason = "small figures")]
                let apart = (ours as f64 - theirs).abs();
                assert!(apart <= 1.0, "{} {usage:?}: {ours}, {theirs}", model.id());
                compared += 1;
            }
        }
    }
    assert!(compared > 400, "{compared}");
}

#[test]
fn batches_and_service_tiers_have_their_prices() {
    let book = book(&[]);
    let backend = BackendId::from("openai");
    let asked = |batch, service_tier| Asked {
        model: Some("o3"),
        upstream_model: Some("o3"),
        backend: &backend,
        at: NOW,
        batch,
        service_tier,
    };
    let cost = |batch, tier| book.price(&asked(batch, tier), &tokens(1_000_000, 0)).map(|cost| cost.nanos);
    assert_eq!(cost(false, None), Some(2_000_000_000));
    assert_eq!(cost(true, None), Some(1_000_000_000));
    assert_eq!(cost(false, Some("flex")), Some(1_000_000_000));
    assert_eq!(cost(false, Some("default")), Some(2_000_000_000));
    assert_eq!(cost(false, Some("made up")), Some(2_000_000_000));
}

#[test]
fn the_most_particular_price_that_is_valid_counts() {
    let book = book(&[
        price(json!({"id": "all-own", "backend": "own", "input": "1 USD", "output": "1 USD"})),
        price(json!({"id": "kind", "kind": "openai-compatible", "input": "2 USD", "output": "2 USD"})),
        price(json!({"id": "m", "model": "m", "input": "3 USD", "output": "3 USD"})),
        price(json!({"id": "m-groq", "model": "m", "backend": "groq", "input": "4 USD", "output": "4 USD"})),
        price(json!({"id": "m-new", "model": "m", "valid_from": "2026-12-01", "input": "5 USD", "output": "5 USD"})),
        price(json!({"id": "m-old", "model": "m", "valid_to": "2020-01-01", "valid_from": "2019-01-01",
                     "input": "6 USD", "output": "6 USD"})),
        (ObjectKind::Model, json!({"name": "n", "backend": "sim", "price": {"input": "7 USD", "output": "7 USD"}})),
        (ObjectKind::Backend, json!({"id": "mine", "kind": "openai", "price": {"input": "8 USD", "output": "8 USD"}})),
    ]);
    let december = Timestamp::from_secs(1_796_083_200);
    let rows = [
        ("own", "x", NOW, Some((1, "override:all-own@"))),
        ("groq", "x", NOW, Some((2, "override:kind@"))),
        ("groq", "m", NOW, Some((4, "override:m-groq@"))),
        ("openai", "m", NOW, Some((3, "override:m@"))),
        ("openai", "m", december, Some((5, "override:m-new@"))),
        ("groq", "m", december, Some((4, "override:m-groq@"))),
        ("openai", "m", Timestamp::from_secs(1_560_000_000), Some((6, "override:m-old@"))),
        ("sim", "n", NOW, Some((7, "override:n@"))),
        ("mine", "gpt-4o", NOW, Some((8, "override:mine@"))),
        ("openai", "x", NOW, None),
    ];
    for (backend, model, at, wanted) in rows {
        let cost = cost_at(&book, backend, model, &tokens(1_000_000, 0), at);
        let seen = cost.as_ref().map(|cost| (cost.nanos / 1_000_000_000, &*cost.price_version));
        match (seen, wanted) {
            (Some((dollars, version)), Some((wanted, prefix))) => {
                assert_eq!(dollars, wanted, "{backend} {model}");
                assert!(version.starts_with(prefix) && version.len() == prefix.len() + 8, "{version}");
            }
            (seen, wanted) => assert_eq!(seen, wanted, "{backend} {model}"),
        }
    }
}

#[test]
fn the_name_at_the_backend_counts_and_azure_falls_back_to_the_callers() {
    let book = book(&[]);
    let cost = |backend: &str, model: &str, upstream: &str| {
        let backend = BackendId::from(backend);
        let asked = Asked {
            model: Some(model),
            upstream_model: Some(upstream),
            backend: &backend,
            at: NOW,
            batch: false,
            service_tier: None,
        };
        book.price(&asked, &tokens(1_000_000, 0)).map(|cost| cost.nanos)
    };
    assert_eq!(cost("openai", "fast", "gpt-4o-mini"), Some(150_000_000));
    assert_eq!(cost("azure", "gpt-4o", "our-deployment"), Some(2_500_000_000));
    assert_eq!(cost("openai", "gpt-4o", "our-deployment"), None);
}

#[test]
fn unpriced_models_are_listed_until_they_have_a_price() {
    let tables = Tables::new();
    let with = |objects: &[(ObjectKind, Value)]| {
        Book::new(&settings(objects), &tables, Path::new(".")).unwrap_or_else(|error| panic!("{error:?}"))
    };
    let before = with(&[]);
    for _ in 0..3 {
        assert_eq!(nanos(&before, "own", "llama", &tokens(1, 1)), None);
    }
    let listed: Vec<_> = before.unpriced().into_iter().map(|one| (one.model, one.backend, one.calls)).collect();
    assert_eq!(listed, [("llama".to_owned(), BackendId::from("own"), 3)]);

    let after = with(&[price(json!({"id": "llama", "model": "llama", "input": "0 USD", "output": "0 USD"}))]);
    assert_eq!(nanos(&after, "own", "llama", &tokens(1, 1)), Some(0));
    assert_eq!(after.unpriced(), []);
}

#[test]
fn the_worst_case_covers_what_a_call_can_cost() {
    let book = book(&[]);
    let backend = BackendId::from("google");
    let asked = Asked {
        model: None,
        upstream_model: Some("gemini-2.5-pro"),
        backend: &backend,
        at: NOW,
        batch: false,
        service_tier: None,
    };
    let short = book.rates(&asked, 200_000, false).expect("priced");
    let long = book.rates(&asked, 200_001, false).expect("priced");
    assert_eq!((short.input_per_million, short.output_per_million), (1_250_000_000, 10_000_000_000));
    assert_eq!((long.input_per_million, long.output_per_million), (2_500_000_000, 15_000_000_000));
}

#[test]
fn a_given_table_takes_the_place_of_the_built_in_one_or_is_refused() {
    let table = json!([{
        "id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com",
        "models": [{"id": "gpt-4o", "match": {"equals": "gpt-4o"}, "prices": {"input_mtok": 9, "output_mtok": 18}}],
    }]);
    let with = |table: String| {
        let settings = settings(&[price(json!({"id": "list", "table": table}))]);
        Book::new(&settings, &Tables::new(), Path::new("."))
    };
    let book = with(table.to_string()).unwrap_or_else(|error| panic!("{error:?}"));
    let cost = cost_at(&book, "openai", "gpt-4o", &tokens(1_000_000, 0), NOW).expect("priced");
    assert_eq!(cost.nanos, 9_000_000_000);
    assert!(cost.price_version.starts_with("list@"), "{}", cost.price_version);
    assert_eq!(nanos(&book, "openai", "gpt-4o-mini", &tokens(1, 1)), None);
    for bad in ["", "{}", "[]", "[{\"id\": 1}]", "[{\"id\":\"x\",\"name\":\"X\",\"api_pattern\":\"x\",\"models\":[]}]"]
    {
        assert!(with(bad.to_owned()).is_err(), "{bad}");
    }
}

#[test]
fn prices_by_length_stay_right_when_they_are_asked_for_again_later() {
    let book = book(&[]);
    for minutes in [0, 1, 2, 60 * 24] {
        let at = NOW.plus(std::time::Duration::from_secs(60 * minutes));
        for (input, wanted) in [(200_000, 250_000_000), (200_001, 500_002_500)] {
            let cost = cost_at(&book, "google", "gemini-2.5-pro", &tokens(input, 0), at);
            assert_eq!(cost.map(|cost| cost.nanos), Some(wanted), "{minutes} {input}");
        }
    }
}

#[test]
fn prices_by_time_of_day_and_date_are_those_of_the_call() {
    let table = json!([{
        "id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com",
        "models": [
            {"id": "dated", "match": {"equals": "dated"}, "prices": [
                {"prices": {"input_mtok": 1, "output_mtok": 1}},
                {"constraint": {"start_date": "2026-12-01"}, "prices": {"input_mtok": 2, "output_mtok": 2}},
            ]},
            {"id": "night", "match": {"equals": "night"}, "prices": [
                {"prices": {"input_mtok": 4, "output_mtok": 4}},
                {"constraint": {"start_time": "00:30:00Z", "end_time": "16:30:00Z"},
                 "prices": {"input_mtok": 3, "output_mtok": 3}},
            ]},
        ],
    }]);
    let book = book(&[price(json!({"id": "list", "table": table.to_string()}))]);
    let rows = [
        ("dated", "2026-11-30T23:59:59Z", 1),
        ("dated", "2026-12-01T00:00:00Z", 2),
        ("dated", "2026-11-30T23:59:00Z", 1),
        ("night", "2026-11-30T00:29:59Z", 4),
        ("night", "2026-11-30T00:30:00Z", 3),
        ("night", "2026-11-30T16:30:00Z", 4),
    ];
    for (model, at, wanted) in rows {
        let seconds = at.parse::<jiff::Timestamp>().expect("time").as_second();
        let at = Timestamp::from_secs(seconds.unsigned_abs());
        let cost = cost_at(&book, "openai", model, &tokens(1_000_000, 0), at).expect("priced");
        assert_eq!(cost.nanos / 1_000_000_000, wanted, "{model} {at}");
    }
}

//! Prices through the admin API and the command line: which price each model has, and newer tables.

use serde_json::{Value, json};

use crate::{
    client::Call,
    world::{World, binary::Binary},
};

const CONFIG: &str = "backends:
  - { id: openai, kind: openai, key: key-of-the-vendor }
  - { id: own, kind: openai-compatible, url: \"http://127.0.0.1:9/v1\" }
  - { id: sim, kind: sim }
models:
  - { name: fast, backend: openai, upstream_model: gpt-4o-mini }
  - { name: llama, backend: own }
  - { name: sim-echo, backend: sim }
prices:
  - { id: filed, model: filed, input: 1 USD, output: 2 USD }
";

async fn world() -> World {
    World::builder().config(CONFIG).start().await
}

fn put(path: &str, body: &Value) -> Call {
    Call::new("PUT", path).header("content-type", "application/json").body(body.to_string())
}

async fn list(world: &World) -> Value {
    world.admin(Call::get("/admin/v1/price-list")).await.expect_whole(200).json()
}

fn row<'a>(list: &'a Value, model: &str) -> &'a Value {
    let rows = list["items"].as_array().expect("a list");
    rows.iter().find(|row| row["model"] == model).unwrap_or_else(|| panic!("{model}: {list}"))
}

#[tokio::test]
async fn each_model_has_the_price_of_the_table_its_own_or_none() {
    let world = world().await;
    let before = list(&world).await;
    let fast = row(&before, "fast");
    assert_eq!((&fast["input"], &fast["output"]), (&json!("0.15"), &json!("0.60")));
    assert!(fast["price_version"].as_str().is_some_and(|version| version.starts_with("genai-prices-")), "{fast}");
    assert_eq!(row(&before, "sim-echo")["price_version"], "sim");
    assert_eq!(row(&before, "llama")["is_priced"], false);

    let price = json!({"id": "llama", "model": "llama", "input": "0.10 USD", "output": "0.40 USD per 1M"});
    world.admin(Call::post("/admin/v1/prices", &price)).await.expect_whole(201);
    let after = list(&world).await;
    assert_eq!(row(&after, "llama")["output"], "0.40");
    let read = world.admin(Call::get("/admin/v1/prices/llama")).await.expect_whole(200).json();
    assert_eq!(read["input"], "0.10 USD per 1M");
}

#[tokio::test]
async fn prices_of_the_file_are_the_files_and_wrong_ones_are_refused_with_every_reason() {
    let world = world().await;
    let filed = json!({"id": "filed", "model": "filed", "input": "3 USD", "output": "4 USD"});
    let answer = world.admin(put("/admin/v1/prices/filed", &filed)).await;
    assert_eq!(answer.status, 409, "{}", answer.text());
    for (price, part) in [
        (json!({"id": "x", "model": "m", "input": "3 EUR", "output": "1 USD"}), "USD is the only currency"),
        (json!({"id": "x", "model": "m", "input": "3 USD"}), "belong together"),
        (json!({"id": "x", "table": "[]"}), "prices no model"),
        (json!({"id": "x", "table_file": "/etc/passwd"}), "can only be named in its configuration file"),
    ] {
        let answer = world.admin(Call::post("/admin/v1/prices", &price)).await;
        assert_eq!(answer.status, 400, "{}", answer.text());
        assert!(answer.text().contains(part), "{part}: {}", answer.text());
    }
}

#[tokio::test]
async fn limits_are_set_by_the_admin_api_in_the_files_words() {
    let world = world().await;
    let limits =
        json!([{"tokens_per_month": "5M", "budget_per_month": "200 USD"}, {"concurrency": 2, "per": "product"}]);
    let product = json!({"id": "team", "limits": limits, "time_zone": "Europe/Berlin"});
    let created = world.admin(Call::post("/admin/v1/products", &product)).await.expect_whole(201).json();
    assert_eq!(created["limits"][0]["budget_per_month"], "200.00 USD");
    let wrong = json!({"id": "other", "limits": {"tokens_per_month": "0", "token_per_day": 1}});
    let answer = world.admin(Call::post("/admin/v1/products", &wrong)).await;
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("did you mean `tokens_per_day`?"), "{}", answer.text());
}

#[tokio::test]
async fn the_command_line_shows_prices_and_takes_over_a_table() {
    let binary = Binary::start(CONFIG, "").await;
    let table = json!([{
        "id": "openai", "name": "OpenAI", "api_pattern": "https://api\\.openai\\.com", "description": "long",
        "models": [{"id": "gpt-4o-mini", "match": {"equals": "gpt-4o-mini"}, "description": "long",
                    "prices": {"input_mtok": 7, "output_mtok": 14}}],
    }]);
    std::fs::write(binary.folder().join("table.json"), table.to_string()).expect("a writable folder");
    let shown = |line: &str| -> Value { serde_json::from_str(&binary.command(line)).expect("JSON") };
    let input = |rows: &Value| rows[0]["input"].clone();

    assert_eq!(input(&shown("models prices --model fast -o json")), "0.15");
    assert_eq!(input(&shown("models prices --model fast -o json --from table.json")), "7.00");
    assert_eq!(input(&shown("models prices --model fast -o json --offline")), "7.00");
    assert_eq!(input(&shown("models prices --model fast -o json --built-in")), "0.15");
    let columns = binary.command("models prices");
    assert!(columns.starts_with("MODEL") && columns.contains("gpt-4o-mini"), "{columns}");
}

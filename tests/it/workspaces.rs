//! Workspaces: teams on one gateway that do not see each other's models, and share what belongs to nobody.

use serde_json::json;

use crate::{
    client::Call,
    vendor::{Vendor, dialect},
    world::{BACKEND_KEY, PROMPT, World},
};

const RED: &str = "key-of-red-canary-0101";
const BLUE: &str = "key-of-blue-canary-0102";
const NOBODYS: &str = "key-of-nobody-canary-0103";

async fn world() -> World {
    let config = format!(
        "workspaces: [{{ id: red }}, {{ id: blue }}]
backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}]
models:
  - {{ name: shared, backend: one }}
  - {{ name: of-red, backend: one, workspace: red }}
  - {{ name: of-blue, backend: one, workspace: blue }}
apis:
  - {{ id: models, kind: models, path: / }}
  - {{ id: red-models, kind: models, path: /red, workspace: red }}
  - {{ id: blue-models, kind: models, path: /blue, workspace: blue }}
products: [{{ id: all }}, {{ id: red-all, workspace: red }}, {{ id: blue-all, workspace: blue }}]
subscriptions:
  - {{ id: red-team, product: red-all, workspace: red, key: {RED} }}
  - {{ id: blue-team, product: blue-all, workspace: blue, key: {BLUE} }}
  - {{ id: nobodys, product: all, key: {NOBODYS} }}
"
    );
    World::builder().config(&config).vendor("one", Vendor::always(dialect::chat("hi")).await).start().await
}

#[tokio::test]
async fn each_sees_its_own_models_and_the_shared_ones() {
    let world = world().await;
    for (path, key, visible) in [
        ("", NOBODYS, vec!["shared"]),
        ("/red", RED, vec!["of-red", "shared"]),
        ("/blue", BLUE, vec!["of-blue", "shared"]),
    ] {
        let list = world.send(&Call::get(&format!("{path}/v1/models")).key(key)).await.expect_whole(200).json();
        let mut names: Vec<String> = list["data"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|model| model["id"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        assert_eq!(names, visible, "{path}");
        for model in ["shared", "of-red", "of-blue"] {
            let body = json!({"model": model, "messages": [{"role": "user", "content": PROMPT}]});
            let answer = world.send(&Call::post(&format!("{path}/v1/chat/completions"), &body).key(key)).await;
            let expected = if visible.contains(&model) { 200 } else { 404 };
            assert_eq!(answer.status, expected, "{path} {model}: {}", answer.text());
        }
    }
    assert_eq!(world.vendor("one").count(), 5, "a refused call reaches nobody");
}

#[tokio::test]
async fn a_model_of_another_workspace_is_told_from_none_by_nothing() {
    let world = world().await;
    let mut texts = Vec::new();
    for model in ["of-blue", "of-none"] {
        let body = json!({"model": model, "messages": [{"role": "user", "content": PROMPT}]});
        let answer = world.send(&Call::post("/red/v1/chat/completions", &body).key(RED)).await.expect_whole(404);
        texts.push(answer.text().replace(model, "X"));
    }
    let without_ids = |text: &str| serde_json::from_str::<serde_json::Value>(text).expect("JSON")["error"].clone();
    let (hidden, missing) = (without_ids(&texts[0]), without_ids(&texts[1]));
    for field in ["type", "code", "param", "message"] {
        assert_eq!(hidden[field], missing[field], "{field}");
    }
}

#[tokio::test]
async fn a_key_opens_only_its_own_workspaces_apis() {
    let world = world().await;
    for (path, key) in [("/blue", RED), ("/red", BLUE), ("/red", NOBODYS), ("", RED)] {
        let answer = world.send(&Call::get(&format!("{path}/v1/models")).key(key)).await;
        assert!(matches!(answer.status, 401 | 403), "{path}: {} {}", answer.status, answer.text());
    }
}

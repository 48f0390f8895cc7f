//! Keys, states, approval, expiry, last use.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::World;
use crate::model::{KeyHash, SubscriptionKey};

const A: &str = "/admin/v1/subscriptions/a";

async fn create(world: &World, body: Value) -> Value {
    let made = world.call("POST", "/admin/v1/subscriptions", body).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()
}

fn hash(answer: &Value, field: &str) -> KeyHash {
    let key = answer[field].as_str().expect("a key");
    assert!(SubscriptionKey::is_plausible(key) && key.starts_with("tg_"));
    KeyHash::of(key)
}

#[tokio::test]
async fn keys_are_shown_by_the_calls_that_make_them_only() {
    let world = World::new().await;
    let made = create(&world, json!({"id": "a", "product": "starter"})).await;
    assert_eq!(world.keys_in_use(), [hash(&made, "key"), hash(&made, "secondary_key")]);
    assert_eq!(made["state"], "active");
    for (slot, field) in [("primary", "key"), ("secondary", "secondary_key")] {
        let renewed = world.call("POST", &format!("{A}/regenerate-{slot}"), None).await;
        assert_eq!(renewed.status, 200, "{}", renewed.text);
        assert!(world.keys_in_use().contains(&hash(&renewed.json(), field)));
        assert!(!world.keys_in_use().contains(&hash(&made, field)), "the old one ends at once");
        assert_eq!(renewed.text.matches("tg_").count(), 1);
        let stale = world.call_with("POST", &format!("{A}/regenerate-{slot}"), &[("if-match", "\"1\"")], None).await;
        assert_eq!(stale.status, 412);
    }
    assert!(!world.call("GET", A, None).await.text.contains("tg_"));
    assert!(!world.call("GET", "/admin/v1/subscriptions", None).await.text.contains("tg_"));
    let before = world.keys_in_use();
    let dry = world.call("POST", &format!("{A}/regenerate-primary?dry_run=true"), None).await;
    assert!(dry.status == 200 && !dry.text.contains("tg_"));
    let dry = json!({"id": "b", "product": "starter"});
    let dry = world.call("POST", "/admin/v1/subscriptions?dry_run=true", dry).await;
    assert!(dry.status == 200 && !dry.text.contains("tg_"));
    assert_eq!(world.keys_in_use(), before);
    assert_eq!(world.call("POST", "/admin/v1/subscriptions/team-f/regenerate-primary", None).await.status, 409);
    assert_eq!(world.call("POST", "/admin/v1/subscriptions/none/regenerate-primary", None).await.status, 404);
}

#[tokio::test]
async fn what_was_read_may_be_sent_back_and_keeps_the_keys() {
    let world = World::new().await;
    create(&world, json!({"id": "a", "product": "starter", "expires": "2030-01-01T00:00:00Z"})).await;
    let before = world.keys_in_use();
    let read = world.call("GET", A, None).await;
    let back = world.call_with("PUT", A, &[("if-match", read.header("etag"))], read.json()).await;
    assert_eq!((back.status.as_u16(), world.keys_in_use()), (200, before.clone()), "{}", back.text);
    world.clock.advance(Duration::from_secs(4 * 366 * 86_400));
    let read = world.call("GET", A, None).await;
    assert_eq!(read.json()["state"], "expired");
    let longer = world.call_with("PATCH", A, &[("if-match", read.header("etag"))], json!({"expires": null})).await;
    assert_eq!((longer.status.as_u16(), &longer.json()["state"]), (200, &json!("active")), "{}", longer.text);
    assert_eq!(world.keys_in_use(), before);
}

#[tokio::test]
async fn states_move_by_the_table() {
    let world = World::new().await;
    let waits = create(&world, json!({"id": "a", "product": "team"})).await;
    assert_eq!(waits["state"], "submitted", "the product asks for approval");
    for (body, status) in [
        (json!({"state": "suspended"}), 409),
        (json!({"state": "asleep"}), 400),
        (json!({}), 400),
        (json!({"state": "active"}), 200),
        (json!({"state": "active"}), 200),
        (json!({"state": "expired"}), 409),
        (json!({"state": "suspended"}), 200),
        (json!({"state": "cancelled"}), 200),
        (json!({"state": "active"}), 409),
    ] {
        let answer = world.call("POST", &format!("{A}/state"), body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
    }
    let answer = world.call_with("PATCH", A, &[("if-match", "*")], json!({"state": "active"})).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (409, &json!("no_such_step")), "no way round");
    let named = create(&world, json!({"id": "b", "product": "team", "state": "active"})).await;
    assert_eq!(named["state"], "active", "an administrator may decide at once");
}

#[tokio::test]
async fn scopes_products_and_users_must_exist() {
    let world = World::new().await;
    for (body, status) in [
        (json!({"id": "a", "product": "none"}), 400),
        (json!({"id": "a", "scope": "api:none"}), 400),
        (json!({"id": "a", "scope": "everything"}), 400),
        (json!({"id": "a"}), 400),
        (json!({"id": "a", "product": "starter", "scope": "all"}), 400),
        (json!({"id": "a", "product": "starter", "user": "bob"}), 400),
        (json!({"id": "not an id", "product": "starter"}), 400),
        (json!({"id": "a", "product": "starter", "key": "short"}), 400),
        (json!({"id": "a", "product": "starter", "expires": "tomorrow"}), 400),
        (json!({"id": "a", "scope": "api:orders", "user": "ann"}), 201),
        (json!({"id": "b", "scope": "all"}), 201),
        (json!({"id": "c", "product": "starter", "key": "brought-along-0001"}), 201),
        (json!({"id": "d", "product": "starter", "key": "brought-along-0001"}), 409),
        (json!({"id": "e", "product": "starter", "key": "canary-file-key-1"}), 400),
    ] {
        let answer = world.call("POST", "/admin/v1/subscriptions", body.clone()).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text);
        assert!(!answer.text.contains("brought-along") && !answer.text.contains("canary"), "{}", answer.text);
    }
}

#[tokio::test]
async fn last_use_is_shown() {
    let world = World::new().await;
    create(&world, json!({"id": "a", "product": "starter"})).await;
    assert_eq!(world.call("GET", A, None).await.json()["meta"]["last_used"], Value::Null);
    let etag = world.call("GET", A, None).await.header("etag").to_owned();
    let batch = ["a", "team-f"].map(|id| (id.into(), world.clock.now())).to_vec();
    world.store.touch_last_used(batch).await.expect("touches");
    for id in ["a", "team-f"] {
        let read = world.call("GET", &format!("/admin/v1/subscriptions/{id}"), None).await;
        assert_eq!(read.json()["meta"]["last_used"], "2027-01-15T08:00:00.000Z");
    }
    assert_eq!(world.call("GET", A, None).await.header("etag"), etag, "using a key does not change the object");
}

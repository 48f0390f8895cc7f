//! Tokens for traces, and traces that are not there.

use http::StatusCode;
use serde_json::json;

use super::world::World;

#[tokio::test]
async fn a_token_is_for_one_api_and_an_hour() {
    let world = World::new().await;
    let answer = world.call("POST", "/admin/v1/debug-tokens", json!({"api": "orders", "minutes": 10})).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text);
    let body = answer.json();
    assert!(body["token"].as_str().is_some_and(|token| token.starts_with("tgd_")), "{body}");
    assert_eq!(body["expires"], "2027-01-15T08:10:00.000Z");
}

#[tokio::test]
async fn bad_requests_are_refused() {
    let world = World::new().await;
    let rows = [
        (json!({}), "api"),
        (json!({"api": "none"}), "there is no API `none`"),
        (json!({"api": "orders", "minutes": 61}), "`61` is not a number from 1 to 60"),
        (json!({"api": "orders", "minutes": "5"}), "minutes"),
    ];
    for (body, wanted) in rows {
        let answer = world.call("POST", "/admin/v1/debug-tokens", body.clone()).await;
        assert!(answer.status.is_client_error() && answer.text.contains(wanted), "{body}: {}", answer.text);
    }
    let answer = world.call("GET", "/admin/v1/traces/none", None).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", answer.text);
}

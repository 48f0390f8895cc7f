//! Who gets in, and who does not.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::{TOKEN, World};

const LOCAL: (&str, &str) = ("host", "localhost:8081");

/// Name, method, headers, status.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], u16);

#[tokio::test]
async fn only_tokens_and_sessions_get_in() {
    let world = World::new().await;
    let (cookie, csrf) = world.session().await;
    let right = format!("Bearer {TOKEN}");
    let lower = format!("bearer {TOKEN}");
    let basic = format!("Basic {TOKEN}");
    let longer = format!("Bearer {TOKEN}x");
    let json = ("content-type", "application/json");
    let wrong_cookie = "tollgate_session=guess";
    let table: &[Case<'_>] = &[
        ("no credential", "GET", &[], 401),
        ("right token", "GET", &[("authorization", &right)], 200),
        ("scheme in any case", "GET", &[("authorization", &lower)], 200),
        ("another scheme", "GET", &[("authorization", &basic)], 401),
        ("no scheme", "GET", &[("authorization", TOKEN)], 401),
        ("a longer token", "GET", &[("authorization", &longer)], 401),
        ("an empty token", "GET", &[("authorization", "Bearer ")], 401),
        ("token as a key header", "GET", &[("api-key", TOKEN)], 401),
        ("session", "GET", &[("cookie", &cookie)], 200),
        ("unknown session", "GET", &[("cookie", wrong_cookie)], 401),
        ("wrong token beside a right session", "GET", &[("authorization", &longer), ("cookie", &cookie)], 401),
        ("change without CSRF token", "POST", &[("cookie", &cookie), json], 403),
        ("change with a wrong CSRF token", "POST", &[("cookie", &cookie), json, ("x-csrf-token", "x")], 403),
        ("change with the CSRF token", "POST", &[("cookie", &cookie), json, ("x-csrf-token", &csrf)], 201),
        ("change with a token needs none", "POST", &[("authorization", &right), json], 201),
    ];
    for (nth, (name, method, headers, status)) in table.iter().enumerate() {
        let headers: Vec<(&str, &str)> = [&[LOCAL][..], headers].concat();
        let body = if *method == "POST" { format!(r#"{{"id":"group-{nth}"}}"#) } else { String::new() };
        let answer = world.raw(method, "/admin/v1/products", &headers, body).await;
        assert_eq!(answer.status.as_u16(), *status, "{name}: {}", answer.text);
        if *status == 401 {
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{name}");
        }
        if *status > 400 {
            assert_eq!(answer.header("content-type"), "application/problem+json", "{name}");
        }
        assert_eq!(answer.header("cache-control"), "no-store", "{name}");
        assert_eq!(answer.header("access-control-allow-origin"), "", "{name}");
        assert!(!answer.text.contains(TOKEN), "{name}");
    }
}

#[tokio::test]
async fn every_endpoint_asks_who_calls() {
    let world = World::new().await;
    for endpoint in crate::admin::v1::endpoints() {
        let path = format!("/admin/v1{}", endpoint.path.replace("{id}", "x"));
        let answer = world.raw(endpoint.method.as_str(), &path, &[LOCAL], String::new()).await;
        assert_eq!(answer.status, 401, "{} {path}", endpoint.method);
    }
    assert_eq!(world.raw("GET", "/admin/v1/nothing", &[LOCAL], String::new()).await.status, 401);
}

#[tokio::test]
async fn names_rebound_to_loopback_are_refused() {
    let right = format!("Bearer {TOKEN}");
    for (loopback, host, status) in [
        (true, "localhost:8081", 200),
        (true, "127.0.0.1:8081", 200),
        (true, "[::1]:8081", 200),
        (true, "evil.example", 403),
        (true, "localhost.evil.example:8081", 403),
        (true, "127.0.0.1.nip.io", 403),
        (false, "gateway.example.org", 200),
    ] {
        let world = World::bound(loopback).await;
        for path in ["/admin/v1/status", "/admin/openapi.json"] {
            let answer = world.raw("GET", path, &[("host", host), ("authorization", &right)], String::new()).await;
            assert_eq!(answer.status, status, "{host} {path}");
        }
    }
    let world = World::new().await;
    let twice = [LOCAL, ("host", "evil.example"), ("authorization", right.as_str())];
    assert_eq!(world.raw("GET", "/admin/v1/status", &twice, String::new()).await.status, 403);
    assert_eq!(world.raw("GET", "/admin/v1/status", &twice[2..], String::new()).await.status, 403);
}

#[tokio::test]
async fn guessing_is_slowed_down() {
    let world = World::new().await;
    let wrong = [LOCAL, ("authorization", "Bearer guess")];
    for nth in 1..=10 {
        assert_eq!(world.raw("GET", "/admin/v1/status", &wrong, String::new()).await.status, 401, "guess {nth}");
    }
    let answer = world.raw("GET", "/admin/v1/status", &wrong, String::new()).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (429, "6"));
    assert_eq!(world.call("GET", "/admin/v1/status", None).await.status, 429, "the right one has to wait too");
    world.clock.advance(Duration::from_secs(6));
    assert_eq!(world.call("GET", "/admin/v1/status", None).await.status, 200);
    for _ in 0..30 {
        assert_eq!(world.raw("GET", "/admin/v1/status", &[LOCAL], String::new()).await.status, 401, "guesses nothing");
    }
}

#[tokio::test]
async fn sessions_end_by_signing_out_and_by_time() {
    let world = World::new().await;
    let (cookie, csrf) = world.session().await;
    let with = [LOCAL, ("cookie", cookie.as_str()), ("x-csrf-token", csrf.as_str())];
    let answer = world.raw("GET", "/admin/v1/session", &with[..2], String::new()).await;
    assert_eq!((answer.json()["via"].as_str(), answer.json()["csrf_token"].as_str()), (Some("session"), Some(&*csrf)));
    let out = world.raw("DELETE", "/admin/v1/session", &with, String::new()).await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").starts_with("tollgate_session=; Path=/; Max-Age=0"));
    assert_eq!(world.raw("GET", "/admin/v1/session", &with, String::new()).await.status, 401);

    let (cookie, _) = world.session().await;
    world.clock.advance(Duration::from_hours(12));
    let answer = world.raw("GET", "/admin/v1/session", &[LOCAL, ("cookie", &cookie)], String::new()).await;
    assert_eq!(answer.status, 401);
}

#[tokio::test]
async fn tokens_are_made_shown_once_and_revoked() {
    let world = World::new().await;
    let made = world.call("POST", "/admin/v1/tokens", json!({"name": "ci"})).await;
    assert_eq!(made.status, 201);
    let token = made.json()["token"].as_str().expect("token").to_owned();
    let bearer = format!("Bearer {token}");
    let with = [LOCAL, ("authorization", bearer.as_str())];
    assert_eq!(world.raw("GET", "/admin/v1/status", &with, String::new()).await.status, 200);
    let listed = world.call("GET", "/admin/v1/tokens", None).await;
    assert!(listed.text.contains("\"ci\"") && !listed.text.contains(&token));
    assert_eq!(world.call("POST", "/admin/v1/tokens", json!({"name": "ci"})).await.status, 409);
    for bad in [json!({}), json!({"name": ""}), json!({"name": 1}), json!({"name": "x".repeat(81)})] {
        assert_eq!(world.call("POST", "/admin/v1/tokens", bad).await.status, 400);
    }
    assert_eq!(world.call("DELETE", "/admin/v1/tokens/ci", None).await.status, 204);
    assert_eq!(world.call("DELETE", "/admin/v1/tokens/ci", None).await.status, 404);
    assert_eq!(world.raw("GET", "/admin/v1/status", &with, String::new()).await.status, 401);
}

#[tokio::test]
async fn a_link_from_the_api_signs_in() {
    let world = World::new().await;
    let link = world.call("POST", "/admin/v1/login-links", None).await;
    let json: Value = link.json();
    assert_eq!((link.status.as_u16(), json["expires"].as_str()), (201, Some("2027-01-15T08:30:00.000Z")));
    assert!(json["path"].as_str().is_some_and(|path| path.starts_with("/login/") && path.len() > 40));
}

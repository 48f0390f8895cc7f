//! The uniform endpoints: preconditions, ownership, problems, paging, secrets.

use serde_json::{Value, json};

use super::world::World;

/// Method, path, headers, body, status.
type Case<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)], Option<Value>, u16);

#[tokio::test]
async fn a_table_of_calls() {
    let world = World::new().await;
    let product = || Some(json!({"id": "p", "title": "P"}));
    let (none, star) = (&[][..], &[("if-match", "*")][..]);
    let (stale, create) = (&[("if-match", "\"0\"")][..], &[("if-none-match", "*")][..]);
    let title = || Some(json!({"title": "T"}));
    #[rustfmt::skip]
    let table: Vec<Case<'_>> = vec![
        ("GET",    "/products/p", none, None, 404),
        ("PUT",    "/products/p", star, product(), 412),
        ("PUT",    "/products/p?dry_run=true", none, product(), 200),
        ("GET",    "/products/p", none, None, 404),
        ("POST",   "/products", none, product(), 201),
        ("POST",   "/products", none, product(), 409),
        ("PUT",    "/products/p", create, product(), 412),
        ("PUT",    "/products/p", stale, product(), 412),
        ("PUT",    "/products/p", none, product(), 200),
        ("PUT",    "/products/q", create, title(), 201),
        ("PUT",    "/products/p", none, Some(json!({"id": "other"})), 400),
        ("PATCH",  "/products/p", none, title(), 428),
        ("PATCH",  "/products/p", stale, title(), 412),
        ("PATCH",  "/products/p", star, title(), 200),
        ("PATCH",  "/products/p", star, Some(json!({"titel": "T"})), 400),
        ("PATCH",  "/products/none", star, title(), 404),
        ("DELETE", "/products/p", none, None, 428),
        ("DELETE", "/products/p", stale, None, 412),
        ("DELETE", "/products/p?dry_run=true", star, None, 204),
        ("DELETE", "/products/p", star, None, 204),
        ("DELETE", "/products/p", star, None, 404),
        ("POST",   "/products", none, Some(json!({"title": "no id"})), 400),
        ("POST",   "/products", none, Some(json!(["not", "an", "object"])), 400),
        ("POST",   "/products?dry_run=perhaps", none, product(), 400),
        ("GET",    "/products?limit=0", none, None, 400),
        ("GET",    "/products?limit=1001", none, None, 400),
        ("GET",    "/products?limit=ten", none, None, 400),
        ("GET",    "/products/%FF", none, None, 400),
        ("PUT",    "/users/ann", none, Some(json!({"id": "ann"})), 405),
        ("GET",    "/users/ann", none, None, 200),
        ("GET",    "/groups", none, None, 200),
        ("GET",    "/workspaces", none, None, 200),
        ("GET",    "/nothing", none, None, 404),
        ("POST",   "/status", none, None, 405),
        ("POST",   "/models", none, Some(json!({"name": "meta/llama", "backend": "sim"})), 201),
        ("GET",    "/models/meta%2Fllama", none, None, 200),
        ("DELETE", "/models/meta%2Fllama", star, None, 204),
        ("POST",   "/pools", none, Some(json!({"id": "p", "members": [{"backend": "nowhere"}]})), 400),
        ("DELETE", "/backends/sim", star, None, 409),
        ("DELETE", "/backends/filed", star, None, 409),
        ("PATCH",  "/backends/filed", star, Some(json!({"url": "https://x.example"})), 409),
        ("POST",   "/reload", none, None, 400),
        ("HEAD",   "/products", none, None, 200),
    ];
    for case in table {
        answers(&world, case).await;
    }
}

async fn answers(world: &World, (method, path, headers, body, status): Case<'_>) {
    let answer = world.call_with(method, &format!("/admin/v1{path}"), headers, body).await;
    assert_eq!(answer.status.as_u16(), status, "{method} {path} {headers:?}: {}", answer.text);
    if status >= 400 && method != "HEAD" {
        let problem = answer.json();
        assert_eq!(answer.header("content-type"), "application/problem+json", "{method} {path}");
        assert_eq!(problem["status"], status, "{method} {path}");
        assert!(problem["detail"].is_string() && problem["title"].is_string(), "{method} {path}: {problem}");
    }
}

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let world = World::new().await;
    let bearer = format!("Bearer {}", super::world::TOKEN);
    let (host, auth) = (("host", "localhost"), ("authorization", bearer.as_str()));
    let json = ("content-type", "application/json; charset=utf-8");
    for (headers, body, status) in [
        (vec![host, auth, json], "{".to_owned(), 400),
        (vec![host, auth], r#"{"id":"p"}"#.to_owned(), 415),
        (vec![host, auth, ("content-type", "text/plain")], r#"{"id":"p"}"#.to_owned(), 415),
        (vec![host, auth, json], format!(r#"{{"id":"p","title":"{}"}}"#, "x".repeat(1 << 20)), 413),
        (vec![host, auth, json], "[".repeat(100_000), 400),
        (vec![host, auth, json], r#"{"id":"p"}"#.to_owned(), 201),
    ] {
        let answer = world.raw("POST", "/admin/v1/products", &headers, body).await;
        assert_eq!(answer.status.as_u16(), status, "{}", answer.text);
    }
}

#[tokio::test]
async fn every_problem_is_listed_with_its_path() {
    let world = World::new().await;
    let pool = json!({"id": "p", "balanse": "weighted", "members": [{"backend": "sim", "weight": 0}]});
    let answer = world.call("POST", "/admin/v1/pools", pool).await;
    let problems = answer.json()["problems"].as_array().expect("problems").clone();
    let paths: Vec<&str> = problems.iter().filter_map(|problem| problem["path"].as_str()).collect();
    assert_eq!(paths, ["balanse", "members[0].weight"], "{}", answer.text);
    assert!(problems[0]["message"].as_str().is_some_and(|text| text.contains("balance")), "{}", answer.text);

    let pool = json!({"id": "p", "members": [{"backend": "nowhere"}, {"backend": "sim"}, {"backend": "none"}]});
    let problems = world.call("POST", "/admin/v1/pools", pool).await.json()["problems"].clone();
    let paths: Vec<&str> =
        problems.as_array().expect("problems").iter().filter_map(|problem| problem["path"].as_str()).collect();
    assert_eq!(paths, ["members[0].backend", "members[2].backend"]);
}

#[tokio::test]
async fn what_others_need_cannot_be_removed() {
    let world = World::new().await;
    world.call("PUT", "/admin/v1/backends/b", json!({"id": "b", "kind": "sim"})).await;
    world.call("PUT", "/admin/v1/models/m", json!({"name": "m", "backend": "b"})).await;
    let answer = world.call_with("DELETE", "/admin/v1/backends/b", &[("if-match", "*")], None).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    assert_eq!(answer.json()["problems"][0]["path"], "models[m].backend");
}

#[tokio::test]
async fn file_owned_objects_answer_with_file_and_line() {
    let world = World::new().await;
    let answer = world.call("PUT", "/admin/v1/backends/filed", json!({"id": "filed", "kind": "sim"})).await;
    let problem = answer.json();
    assert_eq!(answer.status, 409);
    let expected = (&json!("tollgate.yaml"), &json!(7), &json!("file_owned"));
    assert_eq!((&problem["file"], &problem["line"], &problem["code"]), expected);
    let shown = world.call("GET", "/admin/v1/backends/filed", None).await.json();
    assert_eq!((&shown["meta"]["owner"], &shown["meta"]["line"]), (&json!("file"), &json!(7)));
}

#[tokio::test]
async fn etags_follow_the_object() {
    let world = World::new().await;
    let made = world.call("POST", "/admin/v1/products", json!({"id": "p"})).await;
    let first = made.header("etag").to_owned();
    assert_eq!(made.header("location"), "/admin/v1/products/p");
    let path = "/admin/v1/products/p";
    let read = world.call_with("GET", path, &[("if-none-match", &first)], None).await;
    assert_eq!((read.status.as_u16(), read.text.as_str(), read.header("etag")), (304, "", &*first));
    let other = world.call("POST", "/admin/v1/products", json!({"id": "other"})).await;
    assert_eq!(other.status, 201);
    let patched = world.call_with("PATCH", path, &[("if-match", &first)], json!({"title": "T"})).await;
    assert_eq!(patched.status, 200, "what others change does not matter: {}", patched.text);
    let second = patched.header("etag").to_owned();
    assert_ne!(second, first);
    let both = format!("\"7777\", {second}");
    let weak = format!("W/{second}");
    for (tag, status) in [(first.as_str(), 412), (weak.as_str(), 412), (both.as_str(), 200)] {
        let answer = world.call_with("PATCH", path, &[("if-match", tag)], json!({"title": null})).await;
        assert_eq!(answer.status, status, "{tag}");
    }
    assert!(!world.call("GET", path, None).await.text.contains("title"));
}

#[tokio::test]
async fn pages_follow_each_other_without_gaps() {
    let world = World::new().await;
    for nth in 0..25 {
        world.call("POST", "/admin/v1/products", json!({"id": format!("p{nth:02}")})).await;
    }
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let page = world.call("GET", &format!("/admin/v1/products?limit=10&after={after}"), None).await.json();
        let items = page["items"].as_array().expect("items").clone();
        seen.extend(items.iter().map(|item| item["id"].as_str().expect("id").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(seen.len(), 27, "25, `starter` and `team`");
    assert!(seen.is_sorted());
    let page = world.call("GET", "/admin/v1/apis/orders/operations?limit=2", None).await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("drop"), &json!("make")));
    let page = world.call("GET", "/admin/v1/apis/orders/operations?limit=2&after=make", None).await.json();
    assert_eq!((&page["items"][0]["id"], &page["next"]), (&json!("read"), &Value::Null));
    assert_eq!(world.call("GET", "/admin/v1/apis/none/operations", None).await.status, 404);
}

#[tokio::test]
async fn secrets_are_kept_by_reading_and_sending_back_and_never_shown() {
    let world = World::new().await;
    let backend = json!({
        "id": "b", "kind": "openai", "key": "canary-key", "headers": {"x-tenant": "canary-header"},
    });
    let several = json!({"id": "c", "kind": "openai", "credentials": [{"key": "canary-one"}, {"key": "canary-two"}]});
    for (path, body) in [("/admin/v1/backends/b", backend), ("/admin/v1/backends/c", several)] {
        assert_eq!(world.call("PUT", path, body).await.status, 201);
        let before = world.in_use.lock().expect("lock").0.clone();
        let read = world.call("GET", path, None).await;
        let back = world.call_with("PUT", path, &[("if-match", read.header("etag"))], read.json()).await;
        assert_eq!(back.status, 200, "{}", back.text);
        assert_eq!(world.in_use.lock().expect("lock").0.backends, before.backends, "nothing was lost");
        assert_eq!(world.call_with("PATCH", path, &[("if-match", "*")], json!({"http": "2"})).await.status, 200);
    }
    for path in ["/status", "/backends", "/subscriptions", "/backends/b", "/backends/filed", "/subscriptions/team-f"] {
        let answer = world.call("GET", &format!("/admin/v1{path}"), None).await;
        assert!(answer.status == 200 && !answer.text.contains("canary"), "{path}: {}", answer.text);
    }
    let shown = world.call("GET", "/admin/v1/backends/b", None).await.json();
    assert_eq!((&shown["key_set"], &shown["headers_set"]), (&json!(true), &json!(["x-tenant"])));
    let gone = world.call_with("PATCH", "/admin/v1/backends/b", &[("if-match", "*")], json!({"key": null})).await;
    assert_eq!((gone.status.as_u16(), &gone.json()["key_set"]), (200, &Value::Null));
    let live = world.call("GET", "/admin/v1/backends/sim", None).await.json();
    let status = json!({"id": "sim", "state": "open", "since": "2027-01-15T08:00:00.000Z"});
    assert_eq!(live["meta"]["status"], status);
    assert_eq!(world.call("GET", "/admin/v1/status", None).await.json()["backends"], json!([status]));
}

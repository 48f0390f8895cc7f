//! Responses, files and batches belong to the subscription that created them, and stay where they are stored.

use serde_json::{Value, json};

use crate::{
    client::{Call, End},
    vendor::{Reply, Seen, Vendor, dialect},
    world::{BACKEND_KEY, KEY, OTHER_KEY, World},
};

/// A provider that numbers what it creates with its own name, and knows only its own objects.
async fn provider(name: &'static str) -> Vendor {
    Vendor::start(move |seen, number| answer(name, seen, number)).await
}

fn answer(name: &str, seen: &Seen, number: usize) -> Reply {
    let path = seen.target.split('?').next().unwrap_or_default();
    let id = |kind: &str| format!("{kind}_{name}{number}");
    match (seen.method.as_str(), path) {
        ("POST", "/v1/responses") => dialect::response(&id("resp")),
        ("POST", "/v1/files") => Reply::json(200, &json!({"id": id("file"), "object": "file"})),
        ("POST", "/v1/batches") => Reply::json(200, &json!({"id": id("batch"), "object": "batch"})),
        ("GET", "/v1/files" | "/v1/batches") => {
            let kind = if path.ends_with("files") { "file" } else { "batch" };
            let data: Vec<Value> =
                (0..40).map(|n| json!({"id": format!("{kind}_{name}{n}"), "object": kind})).collect();
            Reply::json(200, &json!({"object": "list", "data": data, "has_more": false}))
        }
        _ if path.contains(name) => {
            Reply::json(200, &json!({"id": path.rsplit('/').next(), "object": "stored", "at": name}))
        }
        _ => dialect::openai_error(404, "not_found"),
    }
}

fn both() -> String {
    format!(
        "backends: [{{ id: a, kind: openai, url: \"vendor://a/v1\", key: {BACKEND_KEY} }}, {{ id: b, kind: openai, url: \"vendor://b/v1\", key: {BACKEND_KEY} }}]
pools: [{{ id: both, members: [{{ backend: a }}, {{ backend: b }}] }}]
models: [{{ name: m, pool: both }}]
"
    )
}

async fn world() -> World {
    let (a, b) = (provider("a").await, provider("b").await);
    World::builder().config(&both()).vendor("a", a).vendor("b", b).start().await
}

fn upload() -> Call {
    let body = "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nuser_data\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{}\r\n--x--\r\n";
    Call::new("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=x").body(body)
}

async fn created(world: &World, call: Call, key: &str) -> String {
    let answer = world.send(&call.key(key)).await.expect_whole(200);
    answer.json()["id"].as_str().expect("an id").to_owned()
}

fn total(world: &World) -> usize {
    world.vendor("a").count() + world.vendor("b").count()
}

#[tokio::test]
async fn others_get_404_and_the_owner_reaches_the_backend_that_stores_it() {
    let world = world().await;
    for _ in 0..4 {
        let response = created(&world, Call::post("/v1/responses", &json!({"model": "m", "input": "x"})), KEY).await;
        let file = created(&world, upload(), KEY).await;
        let batch = Call::post(
            "/v1/batches",
            &json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"}),
        );
        let batch = created(&world, batch, KEY).await;
        for (method, path) in [
            ("GET", format!("/v1/responses/{response}")),
            ("GET", format!("/v1/responses/{response}/input_items")),
            ("POST", format!("/v1/responses/{response}/cancel")),
            ("GET", format!("/v1/files/{file}")),
            ("GET", format!("/v1/files/{file}/content")),
            ("GET", format!("/v1/batches/{batch}")),
            ("POST", format!("/v1/batches/{batch}/cancel")),
            ("GET", format!("/openai/v1/responses/{response}")),
            ("DELETE", format!("/v1/responses/{response}")),
            ("DELETE", format!("/v1/files/{file}")),
        ] {
            let before = total(&world);
            let foreign = world.send(&Call::new(method, &path).key(OTHER_KEY)).await.expect_whole(404);
            assert!(foreign.json()["error"]["message"].is_string(), "{method} {path}");
            assert_eq!(total(&world), before, "{method} {path}: nothing was asked of a backend");
            let own = world.send(&Call::new(method, &path).key(KEY)).await;
            assert_eq!(own.status, 200, "{method} {path}: {}", own.text());
        }
    }
    assert!(world.vendor("a").count() > 0 && world.vendor("b").count() > 0, "both backends store something");
}

#[tokio::test]
async fn objects_that_nobody_created_here_are_404() {
    let world = world().await;
    for path in ["/v1/responses/resp_a1", "/v1/files/file_a1", "/v1/files/file_a1/content", "/v1/batches/batch_a1"] {
        world.send(&Call::get(path).key(KEY)).await.expect_whole(404);
    }
    assert_eq!(total(&world), 0);
}

#[tokio::test]
async fn lists_show_the_callers_own_objects_only() {
    let world = World::one("openai", provider("a").await).await;
    let own = [created(&world, upload(), KEY).await, created(&world, upload(), KEY).await];
    let foreign = created(&world, upload(), OTHER_KEY).await;
    for (key, mut expected) in [(KEY, own.to_vec()), (OTHER_KEY, vec![foreign])] {
        let list = world.send(&Call::get("/v1/files").key(key)).await.expect_whole(200).json();
        let data = list["data"].as_array().expect("a list");
        let mut listed: Vec<String> = data.iter().map(|file| file["id"].as_str().expect("an id").to_owned()).collect();
        listed.sort();
        expected.sort();
        assert_eq!(listed, expected);
    }
    let none = world.send(&Call::get("/v1/batches").key(KEY)).await.expect_whole(200).json();
    assert_eq!(none["data"], json!([]));
}

#[tokio::test]
async fn references_to_objects_of_others_are_404_before_anything_is_sent() {
    let world = world().await;
    let response = created(&world, Call::post("/v1/responses", &json!({"model": "m", "input": "x"})), KEY).await;
    let file = created(&world, upload(), KEY).await;
    let before = total(&world);
    for (path, body) in [
        ("/v1/responses", json!({"model": "m", "input": "x", "previous_response_id": response})),
        ("/v1/batches", json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h"})),
        (
            "/v1/responses",
            json!({"model": "m", "input": [{"role": "user", "content": [{"type": "input_file", "file_id": file}]}]}),
        ),
    ] {
        let answer = world.send(&Call::post(path, &body).key(OTHER_KEY)).await;
        assert_eq!(answer.status, 404, "{path} {body}: {}", answer.text());
    }
    assert_eq!(total(&world), before);
}

#[tokio::test]
async fn a_conversation_stays_where_its_responses_are() {
    let world = world().await;
    for _ in 0..4 {
        let first = created(&world, Call::post("/v1/responses", &json!({"model": "m", "input": "x"})), KEY).await;
        let home = first.trim_start_matches("resp_")[..1].to_owned();
        let mut previous = first;
        for _ in 0..3 {
            let body = json!({"model": "m", "input": "y", "previous_response_id": previous});
            previous = created(&world, Call::post("/v1/responses", &body), KEY).await;
            assert_eq!(previous.trim_start_matches("resp_")[..1], home, "{previous}");
        }
    }
}

#[tokio::test]
async fn the_content_of_an_own_file_makes_nobody_the_owner_of_what_it_names() {
    let vendor = Vendor::start(|seen, number| match (seen.method.as_str(), seen.target.as_str()) {
        ("POST", "/v1/files") => Reply::json(200, &json!({"id": "file_own", "output_file_id": "resp_victim"})),
        ("GET", "/v1/files/file_own/content") if number % 2 == 0 => {
            Reply::json(200, &json!({"output_file_id": "resp_victim", "id": "resp_victim"}))
        }
        ("GET", "/v1/files/file_own/content") => {
            Reply::events([r#"data: {"id":"resp_victim","output_file_id":"resp_victim"}"#])
        }
        _ => Reply::json(200, &json!({"id": "resp_victim"})),
    })
    .await;
    let world = World::one("openai", vendor).await;
    created(&world, upload(), KEY).await;
    for _ in 0..2 {
        world.send(&Call::get("/v1/files/file_own/content").key(KEY)).await.expect_whole(200);
    }
    let before = world.vendor("one").count();
    for path in ["/v1/responses/resp_victim", "/v1/files/resp_victim/content", "/v1/responses/file_own"] {
        world.send(&Call::get(path).key(KEY)).await.expect_whole(404);
    }
    assert_eq!(world.vendor("one").count(), before);
}

#[tokio::test]
async fn conversations_of_nobody_are_404_and_the_accounts_vector_stores_pass() {
    let world = world().await;
    for conversation in [json!("conv_1"), json!({"id": "conv_1"})] {
        let body = json!({"model": "m", "input": "x", "conversation": conversation});
        world.send(&Call::post("/v1/responses", &body).key(KEY)).await.expect_whole(404);
    }
    assert_eq!(total(&world), 0);
    let tools = json!([{"type": "file_search", "vector_store_ids": ["vs_1"]}]);
    let body = json!({"model": "m", "input": "x", "tools": tools});
    world.send(&Call::post("/v1/responses", &body).key(KEY)).await.expect_whole(200);
}

/// A provider with forty files of which most are others', listed in pages of five.
async fn paging(name: &'static str) -> Vendor {
    Vendor::start(move |seen, number| {
        let (path, query) = seen.target.split_once('?').unwrap_or((&seen.target, ""));
        if (seen.method.as_str(), path) != ("GET", "/v1/files") {
            return answer(name, seen, number);
        }
        let ids: Vec<String> = (0..40).map(|n| format!("file_{name}{n}")).collect();
        let after = query.split('&').find_map(|pair| pair.strip_prefix("after="));
        let start = after.map_or(0, |after| ids.iter().position(|id| id == after).expect("an own file") + 1);
        let data: Vec<Value> = ids[start..].iter().take(5).map(|id| json!({"id": id, "object": "file"})).collect();
        Reply::json(200, &json!({"object": "list", "data": data, "has_more": start + 5 < ids.len()}))
    })
    .await
}

fn listed(list: &Value) -> Vec<String> {
    let data = list["data"].as_array().expect("a list");
    data.iter().map(|file| file["id"].as_str().expect("an id").to_owned()).collect()
}

#[tokio::test]
async fn lists_go_on_past_others_objects_and_over_all_backends() {
    let (a, b) = (paging("a").await, paging("b").await);
    let world = World::builder().config(&both()).vendor("a", a).vendor("b", b).start().await;
    let foreign = created(&world, upload(), OTHER_KEY).await;
    let mut own = Vec::new();
    for round in 0..20 {
        let file = upload().header("x-round", &round.to_string());
        if round % 5 == 0 {
            own.push(created(&world, file, KEY).await);
        } else {
            created(&world, file, OTHER_KEY).await;
        }
    }
    let homes = |ids: &[String]| ["file_a", "file_b"].map(|home| ids.iter().any(|id| id.starts_with(home)));
    assert_eq!(homes(&own), [true, true], "{own:?}");
    let list = world.send(&Call::get("/v1/files").key(KEY)).await.expect_whole(200).json();
    let mut all = listed(&list);
    assert_eq!(list["has_more"], false);
    let mut paged = Vec::new();
    loop {
        let after = paged.last().map(|id| format!("&after={id}")).unwrap_or_default();
        let page = world.send(&Call::get(&format!("/v1/files?limit=1{after}")).key(KEY)).await.expect_whole(200).json();
        assert!(listed(&page).len() <= 1);
        paged.extend(listed(&page));
        if page["has_more"] == false {
            break;
        }
    }
    assert_eq!(paged, all);
    all.sort();
    own.sort();
    assert_eq!(all, own);
    world.send(&Call::get(&format!("/v1/files?after={foreign}")).key(KEY)).await.expect_whole(404);
}

#[tokio::test]
async fn lines_of_batch_files_are_checked_like_requests() {
    let config = format!(
        "backends: [{{ id: one, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}, {{ id: two, kind: openai, url: \"vendor://one/v1\", key: {BACKEND_KEY} }}]
models: [{{ name: m, backend: one }}, {{ name: n, backend: one }}, {{ name: alias, backend: one, upstream_model: named }}, {{ name: far, backend: two }}]
products: [{{ id: some, models: [m, alias, far] }}]
subscriptions:
  - {{ id: team-a, product: some, key: {KEY} }}
  - {{ id: team-b, product: some, key: {OTHER_KEY} }}
"
    );
    let world = World::builder().config(&config).vendor("one", provider("a").await).start().await;
    let response = json!({"model": "m", "input": "x"});
    let foreign = created(&world, Call::post("/v1/responses", &response), OTHER_KEY).await;
    let own = created(&world, Call::post("/v1/responses", &response), KEY).await;
    let before = world.vendor("one").count();
    for (bodies, status, word) in [
        (vec![json!({"model": "m"}), json!({"model": "n"})], 403, "`n`"),
        (vec![json!({"model": "unknown"})], 404, "`unknown`"),
        (vec![json!({"model": "alias"})], 400, "Name it as the backend does"),
        (vec![json!({"model": "m"}), json!({"model": "far"})], 400, "different backends"),
        (vec![json!({"model": "m", "previous_response_id": foreign})], 404, "stored object"),
        (vec![json!({"model": "m", "input": [{"file_id": "file_of_nobody"}]})], 404, "stored object"),
        (vec![json!("text")], 400, "line 1 "),
    ] {
        let answer = world.send(&batch_file(&bodies).key(KEY)).await.expect_whole(status);
        assert!(answer.text().contains(word), "{bodies:?}: {}", answer.text());
    }
    assert_eq!(world.vendor("one").count(), before, "nothing was sent");
    let good = [json!({"model": "m"}), json!({"model": "named"}), json!({"model": "m", "previous_response_id": own})];
    created(&world, batch_file(&good), KEY).await;
}

fn batch_file(bodies: &[Value]) -> Call {
    let line =
        |body: &Value| json!({"custom_id": "1", "method": "POST", "url": "/v1/responses", "body": body}).to_string();
    let lines: Vec<String> = bodies.iter().map(line).collect();
    let body = format!(
        "--x\r\ncontent-disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--x\r\ncontent-disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\n{}\r\n--x--\r\n",
        lines.join("\n")
    );
    Call::new("POST", "/v1/files").header("content-type", "multipart/form-data; boundary=x").body(body)
}

#[tokio::test]
async fn a_streamed_response_is_owned_too() {
    let vendor = Vendor::start(|seen, _| {
        if seen.method == "POST" {
            Reply::events(dialect::response_events(&["x"]))
        } else {
            dialect::response("resp_1")
        }
    })
    .await;
    let world = World::one("openai", vendor).await;
    let body = json!({"model": "m", "input": "x", "stream": true});
    world.send(&Call::post("/v1/responses", &body).key(KEY)).await.expect_whole(200);
    world.send(&Call::get("/v1/responses/resp_1").key(OTHER_KEY)).await.expect_whole(404);
    world.send(&Call::get("/v1/responses/resp_1").key(KEY)).await.expect_whole(200);
}

/// A response whose parts carry its number; a stream of it, when that is asked for.
fn with_parts(seen: &Seen, number: usize) -> Reply {
    let path = seen.target.split('?').next().unwrap_or_default();
    let output = match path {
        // Made in the background: what it came to is told when it is asked for.
        "/v1/responses" if seen.contains("\"background\":true") => json!([]),
        _ => json!([
            {"type": "reasoning", "id": format!("rs_{number}"), "summary": []},
            {"type": "code_interpreter_call", "id": format!("ci_{number}"), "container_id": format!("cntr_{number}")},
        ]),
    };
    let response = json!({
        "id": format!("resp_{number}"), "object": "response", "status": "completed", "model": "up", "output": output,
        "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
    });
    if seen.contains("\"stream\":true") {
        let event = json!({"type": "response.completed", "sequence_number": 0, "response": response});
        let whole = format!("event: response.completed\ndata: {event}\n\n");
        return if seen.contains("\"cut\"") { cut_short(&response).broken(4) } else { Reply::events([whole]) };
    }
    Reply::json(200, &response)
}

/// A stream of a response as far as its items, without its end.
fn cut_short(response: &Value) -> Reply {
    let created = json!({"type": "response.created", "response": {"id": response["id"], "output": []}});
    let word = json!({"type": "response.output_text.delta", "delta": "a"});
    let items = response["output"].as_array().expect("items").iter();
    let items = items.map(|item| json!({"type": "response.output_item.done", "item": item}));
    Reply::events([created, word].into_iter().chain(items).map(|event| format!("data: {event}\n\n")))
}

#[tokio::test]
async fn items_and_containers_of_another_subscriptions_response_are_404() {
    let world = World::one("openai", Vendor::start(with_parts).await).await;
    let ask = |more: Value| {
        let mut body = json!({"model": "m", "input": "x"});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Call::post("/v1/responses", &body)
    };
    let asked = || world.vendor("one").count();
    world.send(&ask(json!({})).key(KEY)).await.expect_whole(200);
    world.send(&ask(json!({"stream": true})).key(KEY)).await.expect_whole(200);
    world.send(&ask(json!({"background": true})).key(KEY)).await.expect_whole(200);
    world.send(&Call::get("/v1/responses/resp_3").key(KEY)).await.expect_whole(200);
    let cut = world.send(&ask(json!({"stream": true, "input": "cut"})).key(KEY)).await;
    assert!(cut.status == 200 && cut.end == End::Cut, "{}", cut.text());
    for (number, is_made) in [(1, true), (2, true), (3, false), (4, true), (5, true), (900, false)] {
        let (item, container) = (format!("rs_{number}"), format!("cntr_{number}"));
        for more in [
            json!({"input": [{"type": "item_reference", "id": item}]}),
            json!({"input": [{"role": "user", "content": "x"}, {"id": item}]}),
            json!({"input": [{"type": "code_interpreter_call", "id": "ci", "container_id": container}]}),
            json!({"tools": [{"type": "code_interpreter", "container": container}]}),
        ] {
            let before = asked();
            world.send(&ask(more.clone()).key(OTHER_KEY)).await.expect_whole(404);
            assert_eq!(asked(), before, "{more}: nothing was asked of the backend");
            let own = world.send(&ask(more.clone()).key(KEY)).await;
            assert_eq!(own.status, if is_made { 200 } else { 404 }, "{more}: {}", own.text());
        }
    }
}

/// A message whose code ran in the container that the request names, or in a new one with its number.
fn with_container(seen: &Seen, number: usize) -> Reply {
    let asked = seen.json();
    let named = asked["container"].as_str().or_else(|| asked["container"]["id"].as_str());
    let id = named.map_or_else(|| format!("container_{number}"), ToOwned::to_owned);
    let container = json!({"id": id, "expires_at": "2030-01-01T00:00:00Z"});
    if asked["stream"] == json!(true) {
        let told = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn", "container": container}, "usage": {"output_tokens": 1}});
        let mut events = dialect::message_events(&["x"]);
        events.insert(events.len() - 2, format!("event: message_delta\ndata: {told}\n\n").into_bytes());
        return Reply::events(events);
    }
    let usage = json!({"input_tokens": 1, "output_tokens": 1});
    let content = json!([{"type": "text", "text": "x"}]);
    Reply::json(
        200,
        &json!({"id": "msg_1", "type": "message", "role": "assistant", "model": "up", "content": content, "stop_reason": "end_turn", "container": container, "usage": usage}),
    )
}

#[tokio::test]
async fn the_container_of_another_subscriptions_message_is_404() {
    let world = World::one("anthropic", Vendor::start(with_container).await).await;
    let ask = |more: Value| {
        let mut body = json!({"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]});
        body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        Call::post("/v1/messages", &body)
    };
    let asked = || world.vendor("one").count();
    world.send(&ask(json!({})).key(KEY)).await.expect_whole(200);
    world.send(&ask(json!({"stream": true})).key(KEY)).await.expect_whole(200);
    for (id, is_made) in [("container_1", true), ("container_2", true), ("container_of_nobody", false)] {
        for more in [json!({"container": id}), json!({"container": {"id": id, "skills": []}})] {
            let before = asked();
            world.send(&ask(more.clone()).key(OTHER_KEY)).await.expect_whole(404);
            assert_eq!(asked(), before, "{more}: nothing was asked of the backend");
            let own = world.send(&ask(more.clone()).key(KEY)).await;
            assert_eq!(own.status, if is_made { 200 } else { 404 }, "{more}: {}", own.text());
        }
    }
    world.send(&ask(json!({"container": {"skills": []}})).key(OTHER_KEY)).await.expect_whole(200);
}

//! Two gateways with one Redis, and what becomes of requests when it goes away.

use std::time::Duration;

use serde_json::json;

use crate::{
    client::{Answer, Call, PATIENCE},
    redis::Redis,
    vendor::{Reply, Vendor},
    world::{KEY, OTHER_KEY, World},
};

const CONFIG: &str = "
backends: [{ id: svc, kind: http, url: \"vendor://svc\" }]
apis:
  - { id: orders, kind: http, path: /orders, backend: svc, cache: { ttl: 1h } }
  - id: old
    kind: http
    path: /old
    backend: svc
    policy: |
      <policies><inbound><base />
        <choose>
          <when condition=\"@(context.Request.Method == &quot;PUT&quot;)\"><cache-store-value key=\"k\" value=\"@(7)\" duration=\"600\" /></when>
          <when condition=\"@(context.Request.Method == &quot;DELETE&quot;)\"><cache-remove-value key=\"k\" /></when>
        </choose>
        <cache-lookup-value key=\"k\" variable-name=\"v\" default-value=\"none\" />
        <return-response><set-body>@(context.Variables[\"v\"].GetType().Name + &quot; &quot; + context.Variables[\"v\"])</set-body></return-response>
      </inbound></policies>
  - id: kept
    kind: http
    path: /kept
    backend: svc
    policy: |
      <policies><inbound><base /><cache-lookup vary-by-developer=\"true\" vary-by-developer-groups=\"false\" />
      </inbound><outbound><base /><cache-store duration=\"600\" /></outbound></policies>
  - id: own
    kind: http
    path: /own
    backend: svc
    policy: |
      <policies><inbound><base />
        <cache-lookup caching-type=\"internal\" vary-by-developer=\"false\" vary-by-developer-groups=\"false\" />
      </inbound><outbound><base /><cache-store duration=\"600\" /></outbound></policies>
";

/// A replica whose backend answers with its name.
async fn replica(redis: &Redis, name: &'static str) -> World {
    let vendor = Vendor::start(move |seen, number| {
        let reply = Reply::text(200, "text/plain", format!("{name} {number}")).header("vary", "accept-language");
        if seen.method == "GET" { reply } else { Reply::status(204) }
    })
    .await;
    let shared = format!("shared_state: {}", redis.url());
    World::builder().config(CONFIG).server(&shared).vendor("svc", vendor).start().await
}

/// By one name, as behind a load balancer: answers are told apart by the name that callers use.
fn to(method: &str, target: &str) -> Call {
    Call::new(method, target).key(KEY).header("host", "api.test")
}

async fn get(world: &World) -> Answer {
    of(world, "/orders/1").await
}

async fn of(world: &World, path: &str) -> Answer {
    world.send(&to("GET", path)).await.expect_whole(200)
}

fn seen(answer: &Answer) -> (String, &str) {
    (answer.text(), answer.header("x-tollgate-cache").unwrap_or("nothing"))
}

/// Asks until the answer is as wanted: what is shared is written behind the caller.
async fn until(world: &World, wanted: (&str, &str)) {
    let asking = async {
        loop {
            let answer = get(world).await;
            let (text, cache) = seen(&answer);
            if (text.as_str(), cache) == wanted {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never {wanted:?}"));
}

/// Waits until the shared store has what `world` has just kept.
async fn settled() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::test]
async fn replicas_answer_from_what_one_of_them_has_fetched() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (replica(&redis, "one").await, replica(&redis, "two").await);
    assert_eq!(seen(&get(&one).await), ("one 1".to_owned(), "miss"));
    settled().await;
    assert_eq!(seen(&get(&two).await), ("one 1".to_owned(), "hit"));
    assert_eq!(two.vendor("svc").count(), 0);
}

#[tokio::test]
async fn what_one_replica_forgets_the_others_forget() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (replica(&redis, "one").await, replica(&redis, "two").await);
    get(&one).await;
    settled().await;
    assert_eq!(seen(&get(&two).await).1, "hit");
    one.send(&to("PUT", "/orders/1")).await.expect_whole(204);
    two.advance(Duration::from_secs(1));
    assert_eq!(seen(&get(&two).await), ("two 1".to_owned(), "miss"), "its note is compared after a second");
    settled().await;
    one.advance(Duration::from_secs(1));
    assert_eq!(seen(&get(&one).await), ("two 1".to_owned(), "hit"));

    let purged = one.admin(Call::post("/admin/v1/cache/purge", &json!({"api": "orders"}))).await.expect_whole(200);
    assert_eq!(purged.json()["replicas"], "told");
    for world in [&one, &two] {
        world.advance(Duration::from_secs(10));
    }
    until(&two, ("two 2", "miss")).await;
}

#[tokio::test]
async fn a_store_that_goes_away_fails_nothing() {
    let Some(mut redis) = Redis::start() else { return };
    let world = replica(&redis, "one").await;
    assert_eq!(seen(&get(&world).await), ("one 1".to_owned(), "miss"));
    redis.stop();
    world.advance(Duration::from_secs(1));
    assert_eq!(seen(&get(&world).await), ("one 1".to_owned(), "hit"), "the memory is in front");
    let other = to("GET", "/orders/2");
    assert_eq!(seen(&world.send(&other).await.expect_whole(200)), ("one 2".to_owned(), "miss"));
    assert_eq!(seen(&world.send(&other).await.expect_whole(200)), ("one 2".to_owned(), "hit"));
    world.send(&to("PUT", "/orders/2")).await.expect_whole(204);
    assert_eq!(seen(&world.send(&other).await.expect_whole(200)).1, "miss");
    let purged = world.admin(Call::post("/admin/v1/cache/purge", &json!({"all": true}))).await.expect_whole(200);
    assert_eq!(purged.json()["replicas"], "not reached");
    redis.start_again();
    let two = replica(&redis, "two").await;
    are_shared_again(&world, &two).await;
}

/// Asks `one` for ever new paths until `two` has what `one` has fetched.
async fn are_shared_again(one: &World, two: &World) {
    let asking = async {
        for number in 0.. {
            let path = format!("/orders/new-{number}");
            one.advance(Duration::from_secs(1));
            let fetched = of(one, &path).await;
            settled().await;
            if seen(&of(two, &path).await) == (fetched.text(), "hit") {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.expect("the store is used again");
}

#[tokio::test]
async fn what_was_forgotten_while_the_store_was_away_does_not_come_back_with_it() {
    let Some(redis) = Redis::start() else { return };
    let (one, two) = (replica(&redis, "one").await, replica(&redis, "two").await);
    for path in ["/orders/1", "/orders/2", "/kept/1"] {
        of(&one, path).await;
    }
    settled().await;
    redis.freeze();
    one.send(&to("PUT", "/orders/1")).await.expect_whole(204);
    let purge = |path: &str| Call::post("/admin/v1/cache/purge", &json!({ "path": path }));
    for path in ["/orders/2", "/kept/1"] {
        let purged = one.admin(purge(path)).await.expect_whole(200);
        assert_eq!(purged.json()["replicas"], "not reached");
    }
    redis.thaw();
    are_shared_again(&one, &two).await;
    settled().await;
    two.advance(Duration::from_secs(10));
    settled().await;
    for path in ["/orders/1", "/orders/2", "/kept/1"] {
        let answer = of(&two, path).await;
        assert!(answer.text().starts_with("two "), "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn answers_of_policies_are_shared_by_those_for_whom_they_are() {
    let Some(mut redis) = Redis::start() else { return };
    let (one, two) = (replica(&redis, "one").await, replica(&redis, "two").await);
    let ask = async |world: &World, path: &str, key: &str, language: &str| {
        let call = Call::get(path).header("host", "api.test").key(key).header("accept-language", language);
        let answer = world.send(&call).await.expect_whole(200);
        let (text, cache) = seen(&answer);
        format!("{text} {cache}")
    };
    assert_eq!(ask(&one, "/kept/1", KEY, "de").await, "one 1 miss");
    assert_eq!(ask(&one, "/own/1", KEY, "de").await, "one 2 miss");
    settled().await;
    one.advance(Duration::from_secs(30));
    two.advance(Duration::from_secs(30));
    for (path, key, language, wanted) in [
        ("/kept/1", KEY, "de", "one 1 hit"),
        ("/kept/1", KEY, "fr", "two 1 miss"),
        ("/kept/1", OTHER_KEY, "de", "two 2 miss"),
        ("/kept/2", KEY, "de", "two 3 miss"),
        ("/own/1", KEY, "de", "two 4 miss"),
        ("/kept/1", KEY, "de", "one 1 hit"),
    ] {
        assert_eq!(ask(&two, path, key, language).await, wanted, "{path} {key} {language}");
    }
    settled().await;
    assert_eq!(ask(&one, "/kept/1", KEY, "fr").await, "two 1 hit");
    assert_eq!(ask(&one, "/kept/1", OTHER_KEY, "de").await, "two 2 hit");
    let call = to("GET", "/kept/1").header("accept-language", "de");
    assert_eq!(two.send(&call).await.header("age"), Some("30"), "since it was fetched, by whomever");

    let purged = one.admin(Call::post("/admin/v1/cache/purge", &json!({"api": "kept"}))).await.expect_whole(200);
    assert_eq!(purged.json()["replicas"], "told");
    settled().await;
    settled().await;
    for world in [&one, &two] {
        world.advance(Duration::from_secs(10));
    }
    assert_eq!(ask(&two, "/kept/1", KEY, "de").await, "two 5 miss", "nor does the shared one come back");
    redis.stop();
    assert_eq!(ask(&two, "/kept/1", KEY, "de").await, "two 5 hit", "the memory is in front");
    assert_eq!(ask(&two, "/kept/3", KEY, "de").await, "two 6 miss");
    assert_eq!(ask(&two, "/kept/3", KEY, "de").await, "two 6 hit");
}

#[tokio::test]
async fn values_of_policies_are_shared() {
    let Some(mut redis) = Redis::start() else { return };
    let (one, two) = (replica(&redis, "one").await, replica(&redis, "two").await);
    let ask = async |world: &World, method: &str| {
        world.send(&Call::new(method, "/old").key(KEY)).await.expect_whole(200).text()
    };
    assert_eq!(ask(&two, "GET").await, "String none");
    assert_eq!(ask(&one, "PUT").await, "Int32 7");
    settled().await;
    assert_eq!(ask(&two, "GET").await, "Int32 7");
    assert_eq!(ask(&one, "DELETE").await, "String none");
    two.advance(Duration::from_secs(1));
    assert_eq!(ask(&two, "GET").await, "String none");
    redis.stop();
    assert_eq!(ask(&two, "PUT").await, "Int32 7");
    two.advance(Duration::from_secs(5));
    assert_eq!(ask(&two, "GET").await, "Int32 7", "without the store the memory is all there is");
}

//! Quotas that several gateways share through PostgreSQL: what is done to a counter at one of them holds at all.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::Call,
    postgres::Server,
    vendor::{Vendor, dialect},
    world::{KEY, World, one_backend},
};

const QUOTA: usize = 40;

async fn replica(database: &str) -> World {
    let config = one_backend("openai")
        + &format!("products: [{{ id: all, limits: {{ requests_per_year: {QUOTA}, requests_per_minute: 5k }} }}]\n")
        + &format!("subscriptions: [{{ id: team-a, product: all, key: {KEY} }}]\n");
    let vendor = Vendor::always(dialect::chat("hi")).await;
    World::builder().config(&config).vendor("one", vendor).database(database.to_owned()).start().await
}

/// Spends what there is at all gateways in turn; how many calls were let through.
async fn spend_all(worlds: &[World]) -> usize {
    let ask = json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]});
    let (mut good, mut refused) = (0, 0);
    while refused < 8 * worlds.len() {
        for world in worlds {
            match world.send(&Call::post("/v1/chat/completions", &ask).key(KEY)).await.status {
                200 => (good, refused) = (good + 1, 0),
                503 | 429 => {
                    refused += 1;
                    // Who had nothing left asks again after a rest, once its leases have been looked at (each 250 ms):
                    // a quota that was final is not asked for by requests.
                    world.advance(Duration::from_secs(11));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                other => panic!("{other}"),
            }
        }
    }
    good
}

/// The counter of the quota as one gateway shows it.
async fn counter(world: &World) -> Value {
    let all = world.admin(Call::get("/admin/v1/quotas")).await.expect(200).json();
    let items = all["items"].as_array().expect("a list");
    let quota = items.iter().find(|item| item["id"].as_str().is_some_and(|id| id.contains("requests_per_year")));
    quota.expect("the quota").clone()
}

async fn change(world: &World, what: &str, body: &Value) {
    let id = counter(world).await["id"].as_str().expect("an id").replace('#', "%23");
    world.admin(Call::post(&format!("/admin/v1/quotas/{id}/{what}"), body)).await.expect(200);
}

async fn until(world: &World, what: &str, wanted: &Value) {
    for _ in 0..2_400 {
        if counter(world).await[what] == *wanted {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("{what} is not {wanted} after 60 s: {}", counter(world).await);
}

/// Waits until the rows of so many good calls of all gateways are in the database: what is on its way counts on.
async fn until_shipped(world: &World, rows: usize) {
    for _ in 0..2_400 {
        let listed = world.admin(Call::get("/admin/v1/requests?limit=500")).await.expect(200).json();
        let items = listed["items"].as_array().expect("a list");
        if items.iter().filter(|row| row["status"] == json!(200)).count() >= rows {
            return;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    panic!("not {rows} rows after 60 s");
}

#[tokio::test]
async fn a_reset_or_raise_at_one_gateway_is_that_of_all() {
    let database = Server::shared().database();
    let worlds = [replica(&database).await, replica(&database).await];
    assert_eq!(spend_all(&worlds).await, QUOTA);
    until_shipped(&worlds[0], QUOTA).await;
    until(&replica(&database).await, "used", &json!(QUOTA)).await;
    change(&worlds[0], "reset", &json!({"reason": "test"})).await;
    assert_eq!(counter(&worlds[0]).await["used"], json!(0));
    until(&worlds[1], "used", &json!(0)).await;
    assert_eq!(spend_all(&worlds).await, QUOTA, "once more, and not one beyond");

    change(&worlds[1], "raise", &json!({"amount": 10, "until": "+24h", "reason": "launch"})).await;
    until(&worlds[0], "limit", &json!(QUOTA + 10)).await;
    assert_eq!(spend_all(&worlds).await, 10);
}

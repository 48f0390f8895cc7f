//! Kept answers of models at two gateways with one PostgreSQL database: what one keeps the other gives while both run,
//! what one forgets the other forgets.

use std::time::Duration;

use serde_json::{Value, json};

use crate::{
    client::{Call, PATIENCE},
    model_cache::{ask, body, cache},
    postgres::Server,
    vendor::{Vendor, dialect},
    world::{World, one_backend},
};

/// 32 bytes in base64: both open what the other sealed.
const SECRET: &str = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";

async fn replica(database: &str, name: &'static str) -> World {
    let vendor = Vendor::start(move |_, number| dialect::chat(&format!("{name} {number}"))).await;
    answering(database, "{ semantic: { mode: strict } }", vendor).await
}

async fn answering(database: &str, cache: &str, vendor: Vendor) -> World {
    let config = one_backend("openai") + &format!("cache: {cache}\n");
    let builder = World::builder().config(&config).vendor("one", vendor).database(database.to_owned());
    builder.file("data/secret.key", SECRET).start().await
}

/// Waits until `world` keeps so many answers, without asking for any.
async fn keeps(world: &World, wanted: u64) {
    let asking = async {
        while held(world).await != wanted {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asking).await.unwrap_or_else(|_| panic!("never {wanted} answers"));
}

async fn held(world: &World) -> u64 {
    let call = Call::post("/admin/v1/cache/models/purge?dry_run=true", &json!({"all": true}));
    world.admin(call).await.expect(200).json()["purged"].as_u64().expect("a number")
}

/// How many answers a gateway has that starts now.
async fn held_by_a_new_one(database: &str) -> u64 {
    let world = replica(database, "new").await;
    let mut before = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let now = held(&world).await;
        if now > 0 && now == before {
            return now;
        }
        before = now;
    }
}

async fn purge(world: &World, body: &Value) {
    world.admin(Call::post("/admin/v1/cache/models/purge", body)).await.expect(200);
}

#[tokio::test]
async fn what_one_gateway_keeps_the_others_give_and_what_it_forgets_they_forget() {
    let database = Server::shared().database();
    let (one, two) = (replica(&database, "one").await, replica(&database, "two").await);
    ask(&one, &body("How do I reset my password?")).await;
    keeps(&two, 1).await;
    let given = ask(&two, &body("How do I reset my password?")).await;
    let reworded = ask(&two, &body("How can I reset my password?")).await;
    assert_eq!((cache(&given), cache(&reworded).split(';').next()), ("hit", Some("semantic")));
    for answer in [&given, &reworded] {
        assert_eq!(answer.json()["choices"][0]["message"]["content"], "one 1");
    }
    purge(&two, &json!({"all": true})).await;
    keeps(&one, 0).await;
    for world in [&one, &two] {
        world.advance(Duration::from_secs(1));
    }
    assert_eq!(cache(&ask(&one, &body("How do I reset my password?")).await), "miss");
    keeps(&two, 1).await;
    let again = ask(&two, &body("How do I reset my password?")).await;
    assert_eq!((cache(&again), &again.json()["choices"][0]["message"]["content"]), ("hit", &json!("one 2")));
}

#[tokio::test]
async fn what_one_gateway_has_no_room_for_the_others_keep() {
    const ANSWERS: u64 = 20;
    let database = Server::shared().database();
    let long = "so ".repeat(40_000);
    let vendor = Vendor::start(move |_, number| dialect::chat(&format!("{number} {long}"))).await;
    let small = answering(&database, "{ max_size: 1MiB }", vendor).await;
    for number in 0..ANSWERS {
        assert_eq!(cache(&ask(&small, &body(&format!("Tell me about number {number}."))).await), "miss");
    }
    let crowded = async {
        while held(&small).await >= ANSWERS {
            ask(&small, &body("Tell me about number 1.")).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, crowded).await.expect("there is no room for all");
    let stored = async {
        // What is written behind the callers may not be there yet when a gateway starts.
        while held_by_a_new_one(&database).await < ANSWERS {}
    };
    tokio::time::timeout(3 * PATIENCE, stored).await.expect("the database has them still");
}

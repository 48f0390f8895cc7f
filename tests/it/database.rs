//! A gateway on PostgreSQL: shared by replicas and commands, away while requests come, missing at the start.

use std::{
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use serde_json::json;

use crate::{
    client::Call,
    ports::Port,
    postgres::{PASSWORD, Server},
    vendor::{Vendor, dialect},
    world::{ADMIN_TOKEN, KEY, World, binary::Binary, one_backend},
};

const SIM: &str = "
products: [{ id: all }]
subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]
";

async fn replica(database: &str) -> World {
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let builder = World::builder().config(&one_backend("openai")).vendor("one", vendor);
    builder.database(database.to_owned()).start().await
}

fn ask(key: &str) -> Call {
    Call::post("/v1/chat/completions", &json!({"model": "m", "messages": [{"role": "user", "content": "hello"}]}))
        .key(key)
}

/// Asks until the answer has that status: what another process wrote is in use within a second.
async fn until(world: &World, key: &str, status: u16) {
    for _ in 0..1_200 {
        if world.send(&ask(key)).await.status == status {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {status} after 60 s");
}

#[tokio::test]
async fn what_one_replica_is_told_all_do() {
    let database = Server::shared().database();
    let (one, other) = (replica(&database).await, replica(&database).await);
    let subscription = json!({"id": "new", "product": "all"});
    let created = one.admin(Call::post("/admin/v1/subscriptions", &subscription)).await.expect_whole(201).json();
    let key = created["key"].as_str().expect("shown once");
    one.send(&ask(key)).await.expect_whole(200);
    until(&other, key, 200).await;
    let state = Call::post("/admin/v1/subscriptions/new/state", &json!({"state": "suspended"}));
    other.admin(state).await.expect_whole(200);
    other.send(&ask(key)).await.expect_whole(401);
    until(&one, key, 401).await;
}

#[tokio::test]
async fn requests_go_on_while_the_database_is_away() {
    let server = Server::start_one();
    let world = replica(&server.database()).await;
    let subscription = json!({"id": "new", "product": "all"});
    let created = world.admin(Call::post("/admin/v1/subscriptions", &subscription)).await.expect_whole(201).json();
    let key = created["key"].as_str().expect("shown once");
    server.stop();
    for key in [KEY, key] {
        world.send(&ask(key)).await.expect_whole(200);
    }
    world.send(&ask("tg_unknown")).await.expect_whole(401);
    world.send(&Call::get("/readyz")).await.expect_whole(200);
    let refused = world.admin(Call::post("/admin/v1/products", &json!({"id": "p"}))).await.expect_whole(503);
    assert!(refused.header("retry-after").is_some(), "{}", refused.text());
    assert!(!refused.text().contains("127.0.0.1"), "{}", refused.text());
    world.admin(Call::get("/admin/v1/products/all")).await.expect_whole(200);
    server.start();
    world.admin(Call::post("/admin/v1/products", &json!({"id": "p"}))).await.expect_whole(201);
    world.send(&ask(key)).await.expect_whole(200);
}

#[tokio::test]
async fn commands_work_on_the_database_beside_a_running_server() {
    let database = Server::shared().database();
    let binary = Binary::start(SIM, &format!("  database: {database}\n")).await;
    let key = binary.command("keys create new --product all --offline -q").trim().to_owned();
    let call = Call::post("/v1/chat/completions", &json!({"model": "sim-echo", "messages": []})).key(&key);
    let mut status = 0;
    for _ in 0..1_200 {
        status = call.send(binary.gateway).await.status;
        if status != 401 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_ne!(status, 401, "the key is not in use");
    assert!(binary.command("admin token ops -q").starts_with("tga_"));
    assert!(binary.command("admin tokens").contains("ops"));
    assert!(binary.command("doctor").contains("has this version's schema"));
    assert!(!binary.output().contains(PASSWORD), "{}", binary.output());
}

#[tokio::test]
async fn a_database_that_is_away_ends_the_start_with_exit_code_5() {
    let port = Port::keep();
    let nobody = port.address();
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("password.txt"), format!("{PASSWORD}\n")).expect("written");
    for url in [
        format!("postgres://tollgate:{PASSWORD}@{nobody}/d"),
        format!("\"postgres://tollgate:${{file:password.txt}}@{nobody}/d\""),
    ] {
        let config = format!("version: 1\nserver: {{ database: {url} }}\n");
        std::fs::write(folder.path().join("tollgate.yaml"), config).expect("written");
        for line in ["serve", "admin tokens", "keys list --offline"] {
            let output = tollgate(folder.path(), line);
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(5), "{line}: {text}");
            let expected = format!("cannot use the database postgres://tollgate@{nobody}/d: ");
            assert!(text.contains(&expected) && text.contains("is the server running there?"), "{line}: {text}");
            assert!(!text.contains(PASSWORD), "{line}: {text}");
        }
    }
    for line in ["admin backup x.db", "admin restore tollgate.yaml"] {
        let output = tollgate(folder.path(), line);
        assert!(!output.status.success(), "{line}");
    }
}

#[tokio::test]
async fn backups_are_left_to_the_databases_own_tools() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = format!("version: 1\nserver: {{ database: \"{}\" }}\n", Server::shared().database());
    std::fs::write(folder.path().join("tollgate.yaml"), config).expect("written");
    for (line, tool) in [("admin backup x.db", "pg_dump"), ("admin restore tollgate.yaml", "pg_restore")] {
        let output = tollgate(folder.path(), line);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}: {text}");
        assert!(text.contains(tool) && !text.contains(PASSWORD), "{line}: {text}");
    }
    assert!(!folder.path().join("x.db").exists());
}

#[expect(clippy::disallowed_methods, reason = "a test of the binary needs the binary")]
fn tollgate(folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tollgate"))
        .args(["--config", "tollgate.yaml"])
        .args(line.split_whitespace())
        .current_dir(folder)
        .env("TOLLGATE_ADMIN_TOKEN", ADMIN_TOKEN)
        .env_remove("PGPASSWORD")
        .stdin(Stdio::null())
        .output()
        .expect("the binary starts")
}

/// The first requests of a shared quota may have to wait for a lease: they are sent again.
async fn spend(world: &World, most: u32) -> u32 {
    let (mut good, mut patience) = (0, 0);
    while good < most && patience < 100 {
        match world.send(&ask(KEY)).await.status {
            200 => good += 1,
            503 => patience += 1,
            429 => return good,
            other => panic!("{other}"),
        }
    }
    good
}

#[tokio::test]
async fn a_reset_gives_a_shared_quota_back_once() {
    // Each answer of the vendor uses 18 tokens: 55 fit.
    let config = one_backend("openai")
        + "products: [{ id: all, limits: { tokens_per_year: 1000, reserve: after } }]\n"
        + "subscriptions: [{ id: team-a, product: all, key: key-of-team-a-canary-0001 }]\n";
    let vendor = Vendor::always(dialect::chat("hi")).await;
    let world = World::builder().config(&config).vendor("one", vendor).on_postgres().start().await;
    assert_eq!(spend(&world, 20).await, 20);
    let quota = world.admin(Call::get("/admin/v1/quotas")).await.expect(200).json()["items"][0].clone();
    let id = quota["id"].as_str().expect("an id").replace('#', "%23");
    until_shipped(&world, 20).await;
    world.admin(Call::post(&format!("/admin/v1/quotas/{id}/reset"), &json!({"reason": "test"}))).await.expect(200);
    let after = spend(&world, 200).await;
    assert!((50..=56).contains(&after), "{after} of 18 tokens in a quota of 1000");
}

async fn until_shipped(world: &World, rows: usize) {
    for _ in 0..1_200 {
        let listed = world.admin(Call::get("/admin/v1/requests?limit=100")).await.expect(200).json();
        if listed["items"].as_array().is_some_and(|items| items.len() >= rows) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("not {rows} rows after 60 s");
}

//! What only a server has: it goes away and comes back, refuses to let in, is shared, and shows statements.

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    model::{Entropy, KeyHash, Timestamp},
    settings::{Database, ObjectKind},
    store::{Commit, Objects, Revision, Write, conformance::postgres::Server},
};

fn url(text: &str) -> PostgresUrl {
    match Database::parse(text).expect("a URL") {
        Database::Postgres(url) => url,
        Database::Sqlite(path) => panic!("{}", path.display()),
    }
}

fn secret() -> SecretKey {
    let key = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
    SecretKey::load(Path::new("/nowhere"), Some(key), &Entropy::system()).expect("a key")
}

/// Opens a database as a gateway does.
pub async fn open(text: &str) -> Result<Postgres, StoreError> {
    Postgres::open(url(text), None, secret()).await
}

/// Charges a balance as shipping does.
pub async fn charge(store: &Postgres, replica: &str, charge: &crate::exchange::Charge) -> Result<(), StoreError> {
    let (account, measure) = (charge.account.clone(), charge.measure);
    let of = super::super::LeasedWindow { account, measure, window: charge.window, until: charge.until };
    let gains = [balances::Gain { of, amount: charge.amount }];
    let mut writing = store.pool.begin().await?;
    balances::charge(&mut writing, replica, &gains).await?;
    Ok(writing.commit().await?)
}

mod ledger;

fn backend(based_on: Revision, id: &str) -> Commit {
    let body = json!({"id": id, "kind": "openai", "key": "canary-secret"});
    let writes = vec![Write::Put { kind: ObjectKind::Backend, id: id.to_owned(), body }];
    Commit { based_on, writes, now: Timestamp::from_secs(1) }
}

#[tokio::test]
async fn of_two_gateways_that_commit_at_once_one_must_read_again() {
    let database = Server::shared().database();
    // Both open at once, too: one migrates.
    let (one, other) = tokio::join!(open(&database), open(&database));
    let (one, other) = (one.expect("opens"), other.expect("opens"));
    let mut based_on = one.revision().await.expect("revision");
    for round in 0..20 {
        let ids = [format!("a{round}"), format!("b{round}")];
        let (a, b) = tokio::join!(one.commit(backend(based_on, &ids[0])), other.commit(backend(based_on, &ids[1])));
        let won = [a, b].into_iter().filter_map(Result::ok).collect::<Vec<_>>();
        assert_eq!(won, [Revision(based_on.0 + 1)]);
        based_on = won[0];
    }
    let picture = other.picture().await.expect("picture");
    assert_eq!((picture.revision, picture.objects.len()), (based_on, 20));
}

#[tokio::test]
async fn a_server_that_goes_and_comes_back_is_used_again() {
    let server = Server::start_one();
    let store = open(&server.database()).await.expect("opens");
    let revision = store.revision().await.expect("revision");
    server.stop();
    let away = store.revision().await.expect_err("the server is down");
    assert!(matches!(away, StoreError::Away | StoreError::Database(_)), "{away}");
    server.start();
    assert_eq!(store.revision().await.expect("the server is back"), revision);
    store.commit(backend(revision, "a")).await.expect("commits");
    store.close().await;
}

#[tokio::test]
async fn why_it_cannot_be_used_is_said_with_the_fix_and_without_the_password() {
    let server = Server::shared();
    let good = server.database();
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port");
    let host = good.split_once('@').map(|(_, rest)| rest.split_once('/').expect("a path").0).expect("a host");
    for (bad, part) in [
        (format!("postgres://tollgate:canary@{host}/test_0"), "check user and password"),
        (format!("postgres://tollgate@{host}/test_0"), "password"),
        (good.replace("/test_", "/no_such_"), "createdb no_such_"),
        (format!("postgres://u:canary@{nobody}/d"), "is the server running there?"),
        (format!("{good}?sslmode=require"), "TLS failed"),
        ("postgres://u:canary@no-such-host.invalid/d".to_owned(), "no-such-host.invalid"),
    ] {
        let refused = open(&bad).await.expect_err(&bad);
        let text = refused.to_string();
        assert!(matches!(refused, StoreError::Unreachable { .. }), "{text}");
        assert!(text.contains(part) && !text.contains("canary"), "{text}");
    }
    let (before, after) = good.split_once(&format!(":{}", crate::store::conformance::postgres::PASSWORD)).expect("one");
    let password = Secret::from(crate::store::conformance::postgres::PASSWORD);
    let opened = Postgres::open(url(&format!("{before}{after}")), Some(password), secret()).await;
    opened.expect("the password comes from the environment too").close().await;
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let database = Server::shared().database();
    let store = open(&database).await.expect("opens");
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', true, '', 0)")
        .execute(&store.pool)
        .await
        .expect("inserts");
    store.close().await;
    let refused = open(&database).await.expect_err("newer");
    assert!(matches!(refused, StoreError::Newer(_)), "{refused}");
}

#[tokio::test]
async fn secrets_are_sealed_in_the_tables() {
    let database = Server::shared().database();
    let store = open(&database).await.expect("opens");
    store.commit(backend(store.revision().await.expect("revision"), "a")).await.expect("commits");
    let bodies: Vec<Vec<u8>> =
        sqlx::query_scalar("SELECT body FROM objects").fetch_all(&store.pool).await.expect("reads");
    assert_eq!(bodies.len(), 1);
    assert!(!bodies[0].windows(6).any(|part| part == b"canary"));
    let refused = store.backup(Path::new("/tmp/x")).await.expect_err("its own tools");
    assert!(refused.to_string().contains("pg_dump"), "{refused}");
}

/// A statement that hangs costs its caller [`PATIENCE`] at most, and the pool no connection.
#[tokio::test(start_paused = true)]
async fn a_silent_server_is_given_up_in_time() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = silent.local_addr().expect("bound");
    let refused = open(&format!("postgres://u:p@{address}/d")).await.expect_err("nobody speaks");
    assert!(refused.to_string().contains("no answer within 10 s"), "{refused}");
    drop(silent);
    let pool = sqlx::postgres::PgPoolOptions::new()
        .acquire_timeout(Duration::from_secs(1))
        .connect_lazy(&format!("postgres://u:p@{address}/d"))
        .expect("a URL");
    let store = Postgres { pool, series: Arc::default(), secret: Arc::new(secret()) };
    let away = store.admin_tokens_of_nobody().await.expect_err("nobody there");
    assert!(matches!(away, StoreError::Away | StoreError::Database(_)), "{away}");
}

impl Postgres {
    async fn admin_tokens_of_nobody(&self) -> Result<bool, StoreError> {
        let hash = KeyHash::of("nobody");
        Ok(crate::store::Access::admin_token(self, hash).await?.is_some())
    }
}

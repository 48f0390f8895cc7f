//! What only files have: modes, sealing on disk, two processes, a database of a newer version.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use serde_json::json;

use super::*;
use crate::{
    model::{Entropy, KeyHash, Timestamp},
    settings::ObjectKind,
    store::{Commit, KeyRow, KeySlot, Objects, Write},
};

async fn open(folder: &Path) -> Sqlite {
    let secret = SecretKey::load(folder, None, &Entropy::system()).expect("key");
    Sqlite::open(&folder.join("tollgate.db"), secret).await.expect("opens")
}

async fn put_backend(store: &Sqlite, id: &str) {
    let body = json!({"id": id, "kind": "openai", "key": "canary-secret"});
    let key =
        KeyRow { subscription: id.into(), slot: KeySlot::Primary, hash: KeyHash::of(&format!("canary-key-{id}")) };
    let writes = vec![Write::Put { kind: ObjectKind::Backend, id: id.to_owned(), body }, Write::Key(key)];
    let based_on = store.revision().await.expect("revision");
    store.commit(Commit { based_on, writes, now: Timestamp::from_secs(1) }).await.expect("commits");
}

#[tokio::test]
async fn no_secret_is_readable_in_any_file_and_only_the_owner_reads_them() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    put_backend(&store, "a").await;
    let copy = folder.path().join("copy.db");
    store.backup(&copy).await.expect("copies");
    let mut files = 0;
    for file in fs::read_dir(folder.path()).expect("folder") {
        let path = file.expect("file").path();
        let bytes = fs::read(&path).expect("bytes");
        assert!(!bytes.windows(6).any(|part| part == b"canary"), "{}", path.display());
        assert_eq!(fs::metadata(&path).expect("file").permissions().mode() & 0o077, 0, "{}", path.display());
        files += 1;
    }
    assert!(files >= 4, "database, log, key, copy");
    let refused = store.backup(&copy).await;
    assert!(refused.is_err(), "a backup never overwrites another");
}

/// A database that may have no more pages is a full disk to SQLite, one that may only be asked a read-only one.
#[tokio::test]
async fn a_start_on_a_disk_that_is_full_or_read_only_names_the_path_and_the_fix() {
    for (name, value, fix) in [("max_page_count", "3", "free some space"), ("query_only", "ON", "mount it writable")] {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().join("tollgate.db");
        let secret = SecretKey::load(folder.path(), None, &Entropy::system()).expect("key");
        let options = options(&path).create_if_missing(true).pragma(name, value);
        let refused = Sqlite::with(&path, options, secret).await.expect_err(name).to_string();
        assert!(refused.contains(&path.display().to_string()), "{refused}");
        assert!(refused.contains(fix) && refused.contains("--data-dir"), "{refused}");
    }
    let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
    let refused = StoreError::File { path: "/data/tollgate.db".into(), source }.to_string();
    assert!(refused.starts_with("/data/tollgate.db: ") && refused.contains("free some space"), "{refused}");
}

#[tokio::test]
async fn another_process_sees_commits_at_once_and_they_survive() {
    let folder = tempfile::tempdir().expect("folder");
    let [one, other] = [open(folder.path()).await, open(folder.path()).await];
    put_backend(&one, "a").await;
    assert_eq!(other.picture().await.expect("picture"), one.picture().await.expect("picture"));
    put_backend(&other, "b").await;
    let picture = one.picture().await.expect("picture");
    assert_eq!(picture.objects.len(), 2);
    one.close().await;
    other.close().await;
    assert_eq!(open(folder.path()).await.picture().await.expect("picture"), picture);
}

#[tokio::test]
async fn a_lost_secret_key_is_named_with_the_fix() {
    let folder = tempfile::tempdir().expect("folder");
    let store = open(folder.path()).await;
    put_backend(&store, "a").await;
    store.close().await;
    fs::remove_file(folder.path().join("secret.key")).expect("removes");
    let refused = open(folder.path()).await.picture().await.expect_err("another key");
    assert!(refused.to_string().starts_with("backends/a in the database cannot be opened"), "{refused}");
}

#[tokio::test]
async fn what_is_no_database_or_of_a_newer_version_is_refused() {
    let folder = tempfile::tempdir().expect("folder");
    let secret = || SecretKey::load(folder.path(), None, &Entropy::system()).expect("key");
    let garbage = folder.path().join("garbage.db");
    fs::write(&garbage, "not a database, but long enough to be looked at ".repeat(40)).expect("writes");
    assert!(Sqlite::open(&garbage, secret()).await.is_err());

    let store = open(folder.path()).await;
    sqlx::query("INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) VALUES (9999, 'later', 1, x'00', 0)")
        .execute(&store.write)
        .await
        .expect("inserts");
    store.close().await;
    let refused = Sqlite::open(&folder.path().join("tollgate.db"), secret()).await.expect_err("newer");
    assert!(matches!(refused, StoreError::Newer(_)), "{refused}");
}

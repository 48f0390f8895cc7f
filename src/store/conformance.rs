//! What every adapter must do. A second adapter adds one call of [`everything`].

use std::time::Duration;

use serde_json::json;

use super::*;
use crate::{
    model::{Clock, Entropy, KeyHash, SubscriptionKey, Timestamp},
    settings::ObjectKind::{Backend, Product, Subscription},
};

#[path = "../../tests/ports.rs"]
mod ports;
#[path = "../../tests/postgres/mod.rs"]
pub(crate) mod postgres;

pub(super) mod books;
pub(super) mod hands;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const LATER: Timestamp = Timestamp::from_secs(1_800_000_060);

#[tokio::test]
async fn sqlite_conforms() {
    let folder = tempfile::tempdir().expect("folder");
    let secret = SecretKey::load(folder.path(), None, &Entropy::system()).expect("key");
    let store = Sqlite::open(&folder.path().join("data/tollgate.db"), secret).await.expect("opens");
    everything(&store).await;
    books::everything(&store).await;
}

#[tokio::test]
async fn postgres_conforms() {
    let store = super::postgres::tests::open(&postgres::Server::shared().database()).await.expect("opens");
    everything(&store).await;
    books::everything(&store).await;
    store.close().await;
}

async fn everything(store: &dyn Store) {
    commits_are_whole_and_move_the_revision(store).await;
    a_commit_on_an_old_revision_changes_nothing(store).await;
    a_key_is_one_subscriptions_only(store).await;
    deleting_a_subscription_takes_its_keys_along(store).await;
    last_use_never_goes_back(store).await;
    an_owner_cannot_be_replaced(store).await;
    a_link_works_once_and_in_time(store).await;
    tokens_and_sessions_are_known_by_hash(store).await;
    any_text_may_be_asked_for(store).await;
    answers_of_models_come_back_whole_and_end(store).await;
    changed_answers_are_told_once(store).await;
}

async fn changed_answers_are_told_once(store: &dyn Store) {
    let Some(shared) = store.shared_answers() else { return };
    let begin = shared.told_answers(None).await.expect("read");
    assert!(begin.keys.is_empty());
    let kept = ModelAnswer { key: [5; 32], created: NOW, expires: LATER, clear: b"five".to_vec() };
    store.write_model_answers(vec![kept.clone()], Vec::new()).await.expect("written");
    shared.tell_answers(vec![[5; 32], [6; 32]], NOW, NOW).await.expect("told");
    // Another transaction that is open, as of a test beside this one, holds the news back; it does not lose them.
    let mut told = shared.told_answers(Some(begin.upto)).await.expect("read");
    for _ in 0..500 {
        if !told.keys.is_empty() {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        told = shared.told_answers(Some(told.upto)).await.expect("read");
    }
    told.keys.sort_unstable();
    assert_eq!(told.keys, [([5; 32], NOW), ([6; 32], NOW)]);
    assert!(shared.told_answers(Some(told.upto)).await.expect("read").keys.is_empty());
    let named = shared.named_answers(vec![[5; 32], [6; 32]]).await.expect("read");
    assert_eq!(named, [kept]);
    store.write_model_answers(Vec::new(), vec![[5; 32]]).await.expect("written");
}

async fn answers_of_models_come_back_whole_and_end(store: &dyn Store) {
    let answer = |name: u8, expires, clear: &str| ModelAnswer {
        key: [name; 32],
        created: NOW,
        expires,
        clear: clear.as_bytes().to_vec(),
    };
    let kept = vec![answer(3, LATER, "three"), answer(1, NOW, "one"), answer(2, LATER, "two\0")];
    store.write_model_answers(kept, vec![[9; 32]]).await.expect("written");
    store.write_model_answers(vec![answer(3, LATER, "another")], Vec::new()).await.expect("written");
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let (page, next) = store.model_answers(after, 2).await.expect("read");
        found.extend(page);
        if next.is_none() {
            break;
        }
        after = next;
    }
    assert_eq!(found, [answer(1, NOW, "one"), answer(2, LATER, "two\0"), answer(3, LATER, "another")]);
    assert_eq!(store.sweep_model_answers(NOW).await.expect("swept"), 1);
    store.write_model_answers(Vec::new(), vec![[2; 32]]).await.expect("written");
    let (left, _) = store.model_answers(None, 10).await.expect("read");
    assert_eq!(left, [answer(3, LATER, "another")]);
    store.write_model_answers(Vec::new(), vec![[3; 32]]).await.expect("written");
    the_oldest_answers_of_models_make_room(store).await;
}

async fn the_oldest_answers_of_models_make_room(store: &dyn Store) {
    let answer = |name: u8, age: u64| ModelAnswer {
        key: [name; 32],
        created: Timestamp::from_nanos(NOW.as_nanos() - age),
        expires: LATER,
        clear: vec![name; 1_000],
    };
    let kept = vec![answer(1, 1), answer(2, 3), answer(3, 0), answer(4, 2)];
    store.write_model_answers(kept, Vec::new()).await.expect("written");
    assert_eq!(store.bound_model_answers(8_000).await.expect("bounded"), 0);
    assert_eq!(store.bound_model_answers(2_500).await.expect("bounded"), 2);
    let (left, _) = store.model_answers(None, 10).await.expect("read");
    assert_eq!(left, [answer(1, 1), answer(3, 0)]);
    assert_eq!(store.bound_model_answers(0).await.expect("bounded"), 2);
}

async fn commit(store: &dyn Store, writes: Vec<Write>) -> Result<Revision, StoreError> {
    let based_on = store.revision().await?;
    store.commit(Commit { based_on, writes, now: NOW }).await
}

fn put(kind: crate::settings::ObjectKind, id: &str, body: serde_json::Value) -> Write {
    Write::Put { kind, id: id.to_owned(), body }
}

fn key(subscription: &str, slot: KeySlot, text: &str) -> Write {
    Write::Key(KeyRow { subscription: subscription.into(), slot, hash: KeyHash::of(text) })
}

async fn commits_are_whole_and_move_the_revision(store: &dyn Store) {
    let before = store.revision().await.expect("revision");
    let body = json!({"id": "b", "kind": "openai", "key": "canary-secret"});
    let writes = vec![put(Backend, "b", body.clone()), put(Product, "p", json!({"id": "p"}))];
    let after = commit(store, writes).await.expect("commits");
    assert_eq!(after.0, before.0 + 1);
    let picture = store.picture().await.expect("picture");
    assert_eq!((picture.revision, picture.objects.len()), (after, 2));
    assert_eq!((&picture.objects[0].body, picture.objects[0].version), (&body, after.0));
    let again =
        Commit { based_on: after, writes: vec![put(Product, "p", json!({"id": "p", "title": "x"}))], now: LATER };
    store.commit(again).await.expect("commits");
    let row = &store.picture().await.expect("picture").objects[1];
    assert_eq!((row.created, row.updated, row.version), (NOW, LATER, after.0 + 1));
}

async fn a_commit_on_an_old_revision_changes_nothing(store: &dyn Store) {
    let now = store.picture().await.expect("picture");
    let old = Revision(now.revision.0 - 1);
    let refused = store.commit(Commit { based_on: old, writes: vec![put(Product, "q", json!({}))], now: NOW }).await;
    assert!(matches!(refused, Err(StoreError::Moved)));
    assert_eq!(store.picture().await.expect("picture"), now);
}

async fn a_key_is_one_subscriptions_only(store: &dyn Store) {
    let both = vec![
        put(Subscription, "a", json!({"id": "a"})),
        key("a", KeySlot::Primary, "key-1"),
        key("a", KeySlot::Secondary, "key-2"),
    ];
    commit(store, both).await.expect("commits");
    let before = store.picture().await.expect("picture");
    for taken in [key("b", KeySlot::Primary, "key-2"), key("a", KeySlot::Primary, "key-2")] {
        let refused = commit(store, vec![put(Product, "half", json!({})), taken]).await;
        assert!(matches!(refused, Err(StoreError::DuplicateKey)), "{refused:?}");
        assert_eq!(store.picture().await.expect("picture"), before, "all or nothing");
    }
    commit(store, vec![key("a", KeySlot::Primary, "key-3")]).await.expect("a new key takes the slot");
    let keys = store.picture().await.expect("picture").keys;
    assert_eq!(keys.iter().map(|row| row.hash).collect::<Vec<_>>(), [KeyHash::of("key-3"), KeyHash::of("key-2")]);
}

async fn deleting_a_subscription_takes_its_keys_along(store: &dyn Store) {
    store.touch_last_used(vec![("a".into(), NOW)]).await.expect("touches");
    let delete = |id: &str| Write::Delete { kind: Subscription, id: id.to_owned() };
    commit(store, vec![delete("a"), delete("never-was")]).await.expect("commits");
    assert_eq!(store.picture().await.expect("picture").keys, []);
    assert!(store.last_used().await.expect("reads").is_empty());
}

async fn last_use_never_goes_back(store: &dyn Store) {
    let before = store.revision().await.expect("revision");
    store.touch_last_used(vec![("f".into(), LATER), ("g".into(), NOW)]).await.expect("touches");
    store.touch_last_used(vec![("f".into(), NOW)]).await.expect("touches");
    let used = store.last_used().await.expect("reads");
    assert_eq!((used["f"], used["g"]), (LATER, NOW));
    assert_eq!(store.revision().await.expect("revision"), before);
}

async fn an_owner_cannot_be_replaced(store: &dyn Store) {
    let owner = |object: &str, subscription: &str| Owner {
        object: object.to_owned(),
        kind: "response".to_owned(),
        subscription: subscription.into(),
        backend: "b".into(),
        created: NOW,
    };
    let batch = vec![owner("resp_1", "a"), owner("resp_2", "a"), owner("resp_3", "a")];
    store.insert_owners(batch).await.expect("inserts");
    store.insert_owners(vec![owner("resp_1", "thief")]).await.expect("inserts");
    assert_eq!(store.owner("resp_1".into()).await.expect("reads"), Some(owner("resp_1", "a")));
    let listed =
        |after: Option<&str>, limit| store.owned("a".into(), "response".into(), after.map(str::to_owned), limit);
    assert_eq!(listed(None, 2).await.expect("lists"), [owner("resp_1", "a"), owner("resp_2", "a")]);
    assert_eq!(listed(Some("resp_2"), 2).await.expect("lists"), [owner("resp_3", "a")]);
    assert_eq!(store.owned("thief".into(), "response".into(), None, 9).await.expect("lists"), []);
    assert!(store.delete_owner("resp_1".into()).await.expect("deletes"));
    assert!(!store.delete_owner("resp_1".into()).await.expect("deletes"));
    assert_eq!(store.owner("resp_1".into()).await.expect("reads"), None);
}

async fn a_link_works_once_and_in_time(store: &dyn Store) {
    let (clock, entropy) = (Clock::manual(NOW), Entropy::seeded(1));
    let link = access::new_link(store, &clock, &entropy).await.expect("makes");
    let hash = KeyHash::of(link.expose());
    assert!(store.link_is_valid(hash, clock.now()).await.expect("reads"));
    assert!(access::sign_in(store, link.expose(), &clock, &entropy).await.expect("asks").is_some());
    assert!(access::sign_in(store, link.expose(), &clock, &entropy).await.expect("asks").is_none());
    let late = access::new_link(store, &clock, &entropy).await.expect("makes");
    clock.advance(access::LINK_LIFE);
    assert!(!store.link_is_valid(KeyHash::of(late.expose()), clock.now()).await.expect("reads"));
    assert!(access::sign_in(store, late.expose(), &clock, &entropy).await.expect("asks").is_none());
}

async fn tokens_and_sessions_are_known_by_hash(store: &dyn Store) {
    let (clock, entropy) = (Clock::manual(NOW), Entropy::seeded(2));
    let token = access::new_admin_token(store, "ops", &clock, &entropy).await.expect("makes");
    let found = store.admin_token(KeyHash::of(token.expose())).await.expect("reads").expect("there");
    assert_eq!((found.name.as_str(), found.created), ("ops", NOW));
    assert!(store.admin_token(KeyHash::of("other")).await.expect("reads").is_none());
    let taken = access::new_admin_token(store, "ops", &clock, &entropy).await;
    assert!(matches!(taken, Err(StoreError::DuplicateName)));
    assert_eq!(store.admin_tokens().await.expect("lists").len(), 1);
    assert!(store.delete_admin_token("ops".into()).await.expect("deletes"));
    assert!(!store.delete_admin_token("ops".into()).await.expect("deletes"));

    let session = KeyHash::of("session");
    store.add_session(session, NOW.plus(Duration::from_secs(9))).await.expect("adds");
    assert_eq!(store.session(session, NOW).await.expect("reads"), Some(NOW.plus(Duration::from_secs(9))));
    assert_eq!(store.session(session, LATER).await.expect("reads"), None);
    store.sweep(LATER).await.expect("sweeps");
    assert_eq!(store.session(session, NOW).await.expect("reads"), None);
}

/// Keys and ids are bound, never spliced: no text makes the database fail.
async fn any_text_may_be_asked_for(store: &dyn Store) {
    let entropy = Entropy::seeded(3);
    let alphabet: Vec<char> = "'\";-- \\%_\0\u{1}\u{feff}é漢😀(){}$1?:@\n\r\tabcDROP TABLE tg_".chars().collect();
    for nth in 0..10_000 {
        let draw = |_| alphabet[usize::try_from(entropy.below(alphabet.len() as u64)).expect("small")];
        let mut text: String = (0..entropy.below(60)).map(draw).collect();
        if nth % 3 == 0 {
            text.insert_str(0, SubscriptionKey::generate(&entropy).expose());
        }
        assert!(store.admin_token(KeyHash::of(&text)).await.expect("a text").is_none());
        if nth % 20 == 0 {
            assert!(store.owner(text.clone()).await.expect("a text").is_none());
            assert_eq!(
                store.owned(text.as_str().into(), text.clone(), Some(text.clone()), 1).await.expect("a text"),
                []
            );
            assert!(!store.delete_admin_token(text).await.expect("a text"));
        }
    }
}

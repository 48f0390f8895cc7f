//! What the one writer promises: whole or not at all, one owner per object, nobody overwritten unseen.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::{
    model::{KeyHash, SubscriptionKey, Timestamp},
    settings::{Object, ObjectKind, Origin, State, Subscription, object_from_json, quick_start, with_defaults},
    store::{KeySlot, SecretKey, Sqlite},
};

/// Keeps what was swapped in, and refuses models that are called so.
#[derive(Default)]
struct Recorder {
    in_use: Arc<Mutex<(Arc<Settings>, Vec<KeyRow>)>>,
    compiled: Mutex<usize>,
}

impl Compiler for Recorder {
    fn compile(&self, settings: &Arc<Settings>, keys: &[KeyRow]) -> Result<Ready, Vec<Problem>> {
        *self.compiled.lock().expect("lock") += 1;
        let bad = |(at, model): (usize, &crate::settings::Model)| {
            model.name.starts_with("bad").then(|| Problem::new(format!("models[{at}].name"), "is bad"))
        };
        let problems: Vec<Problem> = settings.models.iter().enumerate().filter_map(bad).collect();
        let (in_use, next) = (self.in_use.clone(), (settings.clone(), keys.to_vec()));
        let ready = Ready::new(move || *in_use.lock().expect("lock") = next);
        if problems.is_empty() { Ok(ready) } else { Err(problems) }
    }
}

struct World {
    _folder: TempDir,
    path: PathBuf,
    clock: Clock,
    recorder: Arc<Recorder>,
    control: Arc<Control>,
}

impl World {
    async fn new(declared: Declared) -> Self {
        let folder = tempfile::tempdir().expect("folder");
        let path = folder.path().to_owned();
        let (clock, recorder) = (Clock::manual(Timestamp::from_secs(1_800_000_000)), Arc::new(Recorder::default()));
        let control = start(&path, declared, recorder.clone(), &clock).await.expect("starts");
        Self { _folder: folder, path, clock, recorder, control }
    }

    /// Another process on the same database.
    async fn other(&self, declared: Declared) -> Arc<Control> {
        start(&self.path, declared, Arc::new(Recorder::default()), &self.clock).await.expect("starts")
    }

    fn keys_in_use(&self) -> Vec<KeyHash> {
        self.recorder.in_use.lock().expect("lock").1.iter().map(|row| row.hash).collect()
    }

    fn models_in_use(&self) -> Vec<String> {
        let in_use = self.recorder.in_use.lock().expect("lock");
        in_use.0.models.iter().map(|model| model.name.clone()).collect()
    }
}

async fn start(
    folder: &std::path::Path,
    declared: Declared,
    recorder: Arc<Recorder>,
    clock: &Clock,
) -> Result<Arc<Control>, Refused> {
    let secret = SecretKey::load(folder, None, &Entropy::system()).expect("key");
    let store = Arc::new(Sqlite::open(&folder.join("t.db"), secret).await.expect("opens"));
    Control::start(declared, store, recorder, clock.clone(), Entropy::seeded(1)).await
}

fn first_run() -> Declared {
    Declared { settings: quick_start(), configured: false }
}

/// A file with one backend, one model and one subscription, all on line 7.
fn file() -> Declared {
    let mut settings = Settings::default();
    for (kind, value) in [
        (ObjectKind::Backend, json!({"id": "sim", "kind": "sim"})),
        (ObjectKind::Model, json!({"name": "gpt", "backend": "sim"})),
        (ObjectKind::Product, json!({"id": "team", "approval": "required"})),
        (ObjectKind::Subscription, json!({"id": "filed", "product": "team", "key": "a-key-of-the-file"})),
    ] {
        let object = object(kind, &value);
        let origin = Origin { file: Arc::new("tollgate.yaml".into()), line: 7, column: 3 };
        settings.origins.insert((kind, object.id().to_owned()), origin);
        settings.insert(object);
    }
    Declared { settings: with_defaults(settings), configured: true }
}

fn object(kind: ObjectKind, value: &Value) -> Object {
    object_from_json(kind, value).expect("an object")
}

fn subscription(value: &Value) -> Subscription {
    match object(ObjectKind::Subscription, value) {
        Object::Subscription(subscription) => *subscription,
        other => panic!("{other:?}"),
    }
}

fn model(name: &str) -> Change {
    Change::Put {
        object: object(ObjectKind::Model, &json!({"name": name, "backend": "sim"})),
        expect: Expect::Anything,
    }
}

fn delete(kind: ObjectKind, id: &str) -> Change {
    Change::Delete { kind, id: id.to_owned(), expect: Expect::Anything }
}

#[tokio::test]
async fn changes_are_stored_and_in_use_together_or_not_at_all() {
    let world = World::new(file()).await;
    world.control.apply(vec![model("one"), model("two")], Run::Real).await.expect("applies");
    assert_eq!(world.models_in_use(), ["gpt", "one", "two"]);

    let refused = world.control.apply(vec![model("three"), model("bad-1"), model("bad-2")], Run::Real).await;
    let Err(Refused::Invalid(problems)) = refused else { panic!("refused with problems") };
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(lines, ["models[bad-1].name: is bad", "models[bad-2].name: is bad"]);
    assert_eq!(world.models_in_use(), ["gpt", "one", "two"]);
    let again = world.other(file()).await.view();
    assert_eq!(again.settings.models.len(), 3, "nothing of it was stored");
}

#[tokio::test]
async fn a_dry_run_decides_everything_and_changes_nothing() {
    let world = World::new(file()).await;
    let before = world.control.view().revision;
    let would = world.control.apply(vec![model("one")], Run::Dry).await.expect("would");
    assert!(would.get(ObjectKind::Model, "one").is_some());
    assert!(world.control.apply(vec![model("bad")], Run::Dry).await.is_err());
    assert_eq!((world.models_in_use(), world.control.view().revision), (vec!["gpt".to_owned()], before));
}

#[tokio::test]
async fn what_the_file_declares_is_refused_with_its_place() {
    let world = World::new(file()).await;
    for change in [model("gpt"), delete(ObjectKind::Backend, "sim"), delete(ObjectKind::Subscription, "filed")] {
        let refused = world.control.apply(vec![model("x"), change], Run::Real).await.expect_err("file-owned");
        assert!(refused.to_string().ends_with("change it there: tollgate.yaml:7:3"), "{refused}");
    }
    let refused = world.control.regenerate("filed", KeySlot::Primary, Expect::Anything, Run::Real).await;
    assert!(matches!(refused, Err(Refused::FileOwned { .. })));
    assert_eq!(world.models_in_use(), ["gpt"]);
}

#[tokio::test]
async fn preconditions_hold_or_nothing_happens() {
    let world = World::new(file()).await;
    let put = |title: &str, expect| Change::Put {
        object: object(ObjectKind::Product, &json!({"id": "p", "title": title})),
        expect,
    };
    let apply = |change| world.control.apply(vec![change], Run::Real);
    let etag = || world.control.view().get(ObjectKind::Product, "p").expect("there").etag.clone();
    assert!(matches!(apply(put("a", Expect::Present)).await, Err(Refused::NotFound { .. })));
    apply(put("a", Expect::Absent)).await.expect("creates");
    assert!(matches!(apply(put("b", Expect::Absent)).await, Err(Refused::Exists { .. })));
    let first = etag();
    apply(put("b", Expect::Unchanged(vec![first.clone()]))).await.expect("as read");
    assert!(matches!(apply(put("c", Expect::Unchanged(vec![first.clone()]))).await, Err(Refused::Stale { .. })));
    apply(delete(ObjectKind::Product, "p")).await.expect("deletes");
    assert!(matches!(apply(delete(ObjectKind::Product, "p")).await, Err(Refused::NotFound { .. })));
    apply(put("a", Expect::Absent)).await.expect("creates anew");
    assert_ne!(etag(), first, "a version never repeats");
}

#[tokio::test]
async fn defaults_can_be_replaced_and_come_back() {
    let world = World::new(first_run()).await;
    let starter = object(ObjectKind::Product, &json!({"id": "starter", "title": "Mine"}));
    let title = || match &world.control.view().get(ObjectKind::Product, "starter").expect("there").object {
        Object::Product(product) => product.title.clone(),
        other => panic!("{other:?}"),
    };
    let refused = world.control.apply(vec![delete(ObjectKind::Product, "starter")], Run::Real).await;
    assert!(matches!(refused, Err(Refused::BuiltIn { .. })));
    world
        .control
        .apply(vec![Change::Put { object: starter, expect: Expect::Anything }], Run::Real)
        .await
        .expect("puts");
    assert_eq!(title().as_deref(), Some("Mine"));
    world.control.apply(vec![delete(ObjectKind::Product, "starter")], Run::Real).await.expect("deletes");
    assert_eq!(title().as_deref(), Some("Starter"));
}

#[tokio::test]
async fn keys_are_shown_once_hashed_and_replaced_at_once() {
    let world = World::new(first_run()).await;
    let wanted = subscription(&json!({"id": "team-a", "product": "starter"}));
    let (view, issued) = world.control.create_subscription(wanted.clone(), Run::Real).await.expect("creates");
    let [primary, secondary] = [issued.primary, issued.secondary].map(|key| key.expect("made"));
    assert!(SubscriptionKey::is_plausible(primary.expose()));
    assert_eq!(world.keys_in_use(), [KeyHash::of(primary.expose()), KeyHash::of(secondary.expose())]);
    let Object::Subscription(stored) = &view.get(ObjectKind::Subscription, "team-a").expect("there").object else {
        panic!("a subscription")
    };
    assert_eq!((&stored.key, &stored.secondary_key), (&None, &None));
    assert!(matches!(world.control.create_subscription(wanted, Run::Real).await, Err(Refused::Exists { .. })));

    let etag = view.get(ObjectKind::Subscription, "team-a").expect("there").etag.clone();
    let regenerate = |expect, run| world.control.regenerate("team-a", KeySlot::Primary, expect, run);
    regenerate(Expect::Anything, Run::Dry).await.expect("would");
    assert!(world.keys_in_use().contains(&KeyHash::of(primary.expose())));
    let (_, renewed) = regenerate(Expect::Unchanged(vec![etag.clone()]), Run::Real).await.expect("renews");
    let mut hashes = world.keys_in_use();
    hashes.sort_by_key(|hash| *hash.as_bytes());
    let mut wanted = [&renewed, &secondary].map(|key| KeyHash::of(key.expose()));
    wanted.sort_by_key(|hash| *hash.as_bytes());
    assert_eq!(hashes, wanted);
    assert!(matches!(regenerate(Expect::Unchanged(vec![etag]), Run::Real).await, Err(Refused::Stale { .. })));
    world.control.apply(vec![delete(ObjectKind::Subscription, "team-a")], Run::Real).await.expect("deletes");
    assert!(world.keys_in_use().is_empty());
}

#[tokio::test]
async fn keys_that_could_not_work_are_refused_without_being_shown() {
    let world = World::new(file()).await;
    let create = |key: &str| {
        let wanted = json!({"id": "x", "product": "team", "key": key});
        world.control.create_subscription(subscription(&wanted), Run::Real)
    };
    let spoilt = format!("tg_{}", "x".repeat(36));
    for key in ["with a blank in it....", spoilt.as_str(), "a-key-of-the-file"] {
        let refused = create(key).await.expect_err(key);
        assert!(!refused.to_string().contains(key), "{refused}");
    }
    create("brought-along-0001").await.expect("a foreign key is fine");
    let other = json!({"id": "y", "product": "team", "key": "brought-along-0001"});
    let refused = world.control.create_subscription(subscription(&other), Run::Real).await;
    assert!(matches!(refused, Err(Refused::Store(StoreError::DuplicateKey))));
}

#[tokio::test]
async fn states_follow_the_table_and_approval() {
    let world = World::new(file()).await;
    let mut wanted = subscription(&json!({"id": "s", "product": "team"}));
    wanted.state = world.control.first_state(&wanted);
    assert_eq!(wanted.state, State::Submitted, "the product asks for approval");
    world.control.create_subscription(wanted, Run::Real).await.expect("creates");
    for (to, allowed) in [
        (State::Suspended, false),
        (State::Active, true),
        (State::Expired, false),
        (State::Suspended, true),
        (State::Cancelled, true),
        (State::Active, false),
    ] {
        let step = world.control.set_state("s", to, Expect::Anything, Run::Real).await;
        assert_eq!(step.is_ok(), allowed, "{to:?}: {:?}", step.err().map(|refused| refused.to_string()));
    }
}

#[test]
fn a_subscription_past_its_end_is_expired() {
    let ends = subscription(&json!({"id": "s", "product": "p", "expires": "2030-01-01T00:00:00Z"}));
    let end = Timestamp::from_secs(1_893_456_000);
    assert_eq!(states::at(&ends, Timestamp::from_nanos(end.as_nanos() - 1)), State::Active);
    assert_eq!(states::at(&ends, end), State::Expired);
}

#[tokio::test]
async fn a_reload_is_whole_or_refused() {
    let world = World::new(file()).await;
    world.control.apply(vec![model("mine")], Run::Real).await.expect("applies");
    let mut changed = file();
    changed.settings.insert(object(ObjectKind::Model, &json!({"name": "new", "backend": "sim"})));
    world.control.reload(changed.clone()).await.expect("reloads");
    assert_eq!(world.models_in_use(), ["gpt", "new", "mine"]);

    changed.settings.insert(object(ObjectKind::Model, &json!({"name": "bad", "backend": "sim"})));
    assert!(matches!(world.control.reload(changed).await, Err(Refused::Invalid(_))));
    assert_eq!(world.models_in_use(), ["gpt", "new", "mine"]);

    let mut takes = file();
    let origin = Origin { file: Arc::new("tollgate.yaml".into()), line: 9, column: 3 };
    takes.settings.origins.insert((ObjectKind::Model, "mine".to_owned()), origin);
    takes.settings.insert(object(ObjectKind::Model, &json!({"name": "mine", "backend": "sim"})));
    let refused = world.control.reload(takes).await.expect_err("two owners").to_string();
    assert!(refused.starts_with("tollgate.yaml:9:3: models[mine]: is in the database and now in"), "{refused}");
}

#[tokio::test]
async fn concurrent_changes_all_happen_in_one_process_and_in_two() {
    let world = World::new(file()).await;
    let other = world.other(file()).await;
    let tasks: Vec<_> = (0..20)
        .map(|nth| {
            let control = if nth % 2 == 0 { world.control.clone() } else { other.clone() };
            tokio::spawn(async move { control.apply(vec![model(&format!("m{nth:02}"))], Run::Real).await })
        })
        .collect();
    for task in tasks {
        task.await.expect("no panic").expect("applies");
    }
    for control in [&world.control, &other] {
        control.refresh().await.expect("refreshes");
        assert_eq!(control.view().after(ObjectKind::Model, "").count(), 21);
    }
    assert_eq!(world.models_in_use().len(), 21);
}

#[tokio::test]
async fn a_key_revoked_elsewhere_is_gone_with_the_next_poll() {
    let world = World::new(file()).await;
    let wanted = subscription(&json!({"id": "s", "product": "team"}));
    world.control.create_subscription(wanted, Run::Real).await.expect("creates");
    assert_eq!(world.keys_in_use().len(), 2);
    assert!(!world.control.refresh().await.expect("nothing new"));
    let other = world.other(file()).await;
    other.apply(vec![delete(ObjectKind::Subscription, "s")], Run::Real).await.expect("deletes");
    assert!(world.control.refresh().await.expect("something new"));
    assert!(world.keys_in_use().is_empty());
}

#[tokio::test]
async fn what_does_not_compile_here_is_told_once_and_the_old_state_stays() {
    let world = World::new(file()).await;
    let secret = SecretKey::load(&world.path, None, &Entropy::system()).expect("key");
    let store = Sqlite::open(&world.path.join("t.db"), secret).await.expect("opens");
    let other = Control::start(file(), Arc::new(store), Arc::new(NoDataPlane), world.clock.clone(), Entropy::seeded(2));
    let other = other.await.expect("starts");
    for id in ["gone", "suspended", "renewed"] {
        let wanted = subscription(&json!({"id": id, "product": "team"}));
        other.create_subscription(wanted, Run::Real).await.expect("creates");
    }
    assert!(world.control.refresh().await.expect("takes it"));
    other.apply(vec![model("bad")], Run::Real).await.expect("it does not know better");
    assert!(matches!(world.control.refresh().await, Err(Refused::Invalid(_))));
    assert!(!world.control.refresh().await.expect("told already"));
    assert_eq!(world.models_in_use(), ["gpt"]);

    other.apply(vec![delete(ObjectKind::Subscription, "gone")], Run::Real).await.expect("deletes");
    let scoped = subscription(&json!({"id": "renewed", "scope": "all"}));
    let change = Change::Put { object: scoped.into(), expect: Expect::Anything };
    other.apply(vec![change], Run::Real).await.expect("changes");
    other.set_state("suspended", State::Suspended, Expect::Anything, Run::Real).await.expect("suspends");
    let (_, key) = other.regenerate("renewed", KeySlot::Primary, Expect::Anything, Run::Real).await.expect("renews");
    assert!(matches!(world.control.refresh().await, Err(Refused::Invalid(_))));
    let view = world.control.view();
    assert!(view.get(ObjectKind::Subscription, "gone").is_none(), "what was revoked is, whatever else is broken");
    assert_eq!(
        view.settings.subscriptions.iter().filter(|one| one.state == State::Active).count(),
        2,
        "filed, renewed"
    );
    assert!(world.keys_in_use().contains(&KeyHash::of(key.expose())) && world.keys_in_use().len() == 4);
    assert!(matches!(world.control.apply(vec![model("x")], Run::Real).await, Err(Refused::Invalid(_))));
    other.apply(vec![delete(ObjectKind::Model, "bad")], Run::Real).await.expect("mends it");
    assert!(world.control.refresh().await.expect("takes it"));
    let view = world.control.view();
    let Object::Subscription(renewed) = &view.get(ObjectKind::Subscription, "renewed").expect("there").object else {
        panic!("a subscription")
    };
    assert_eq!(renewed.product, None, "the whole of it is in use in the end");
}

#[tokio::test]
async fn objects_of_the_quick_start_sleep_while_there_is_a_configuration() {
    let world = World::new(first_run()).await;
    for id in ["quickstart", "tried"] {
        let wanted = subscription(&json!({"id": id, "product": "starter"}));
        world.control.create_subscription(wanted, Run::Real).await.expect("creates");
    }
    let configured = start(&world.path, file(), Arc::new(Recorder::default()), &world.clock).await.expect("starts");
    let view = configured.view();
    let dormant: HashMap<&str, bool> =
        view.after(ObjectKind::Subscription, "").map(|(id, entry)| (id, entry.dormant)).collect();
    assert_eq!(dormant, HashMap::from([("filed", false), ("quickstart", true), ("tried", true)]));
    assert_eq!(view.settings.subscriptions.len(), 1);
    world.control.reload(file()).await.expect("reloads");
    assert!(world.keys_in_use().is_empty());
    world.control.reload(first_run()).await.expect("reloads");
    assert_eq!(world.keys_in_use().len(), 4);
}

#[tokio::test]
async fn ten_thousand_subscriptions_stay_manageable() {
    let world = World::new(file()).await;
    let put = |nth: usize| Change::Put {
        object: object(ObjectKind::Subscription, &json!({"id": format!("s{nth:05}"), "product": "team"})),
        expect: Expect::Absent,
    };
    world.control.apply((0..10_000).map(put).collect(), Run::Real).await.expect("applies");
    let before = *world.recorder.compiled.lock().expect("lock");
    world.clock.advance(Duration::from_secs(1));
    world.control.set_state("s05000", State::Suspended, Expect::Anything, Run::Real).await.expect("suspends");
    assert_eq!(*world.recorder.compiled.lock().expect("lock"), before + 1);
    assert_eq!(world.control.view().after(ObjectKind::Subscription, "s05000").count(), 4_999);
}

//! One picture out of file and database.
//!
//! Each object has one owner: what the file declares the file owns, the database may only add, or stand in for a
//! default that nobody wrote. Objects of the quick start are left out while there is a configuration file.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::{Declared, Entry, Etag, Ownership, Refused, View, view::Entries};
use crate::{
    model::{KeyHash, Timestamp},
    settings::{Object, ObjectKind, Problem, Scope, Settings, Subscription, object_from_json},
    store::{KeyRow, ObjectRow, Picture, Write},
};

const STARTER: &str = "starter";
const QUICK_START: &str = "quickstart";

pub(super) struct Merged {
    pub(super) settings: Settings,
    pub(super) entries: Entries,
    pub(super) keys: Vec<KeyRow>,
}

/// `known` is what was merged before: objects that have not changed since are not decoded again.
pub(super) fn merge(declared: &Declared, picture: &Picture, known: Option<&View>) -> Result<Merged, Refused> {
    let mut settings = declared.settings.clone();
    let mut entries = of_file(&settings);
    let mut problems = Vec::new();
    for row in &picture.objects {
        let added = decode(row, known).and_then(|object| add(declared, row, object, (&mut settings, &mut entries)));
        problems.extend(added.err().unwrap_or_default());
    }
    let keys = live_keys(&picture.keys, &entries);
    problems.extend(shared_keys(&declared.settings, &keys));
    if problems.is_empty() { Ok(Merged { settings, entries, keys }) } else { Err(Refused::Invalid(problems)) }
}

fn of_file(settings: &Settings) -> Entries {
    let mut entries = BTreeMap::new();
    for object in ObjectKind::ALL.into_iter().flat_map(|kind| settings.objects(kind)) {
        let at = (object.kind(), object.id().to_owned());
        let ownership = settings.origins.get(&at).cloned().map_or(Ownership::BuiltIn, Ownership::File);
        let etag = Etag::of_content(&object);
        entries.insert(at, Entry { object, ownership, etag, created: None, updated: None, dormant: false });
    }
    entries
}

fn decode(row: &ObjectRow, known: Option<&View>) -> Result<Object, Vec<Problem>> {
    let etag = Etag::of_version(row.version);
    match known.and_then(|view| view.get(row.kind, &row.id)).filter(|entry| entry.etag == etag) {
        Some(entry) => Ok(entry.object.clone()),
        None => object_from_json(row.kind, &row.body).map_err(|found| in_row(row, found)),
    }
}

fn add(
    declared: &Declared,
    row: &ObjectRow,
    object: Object,
    (settings, entries): (&mut Settings, &mut Entries),
) -> Result<(), Vec<Problem>> {
    let at = (row.kind, row.id.clone());
    let dormant = is_dormant(declared, &object);
    if let Some(Ownership::File(origin)) = entries.get(&at).map(|entry| &entry.ownership) {
        if dormant {
            return Ok(());
        }
        let why = "is in the database and now in the configuration file too; remove one of the two".to_owned();
        let path = path_of(row.kind, &row.id);
        return Err(vec![Problem::new(path, why).at(Some(origin.clone()))]);
    }
    if !dormant {
        put(settings, entries.contains_key(&at), object.clone());
    }
    let entry = Entry {
        object,
        ownership: Ownership::Database,
        etag: Etag::of_version(row.version),
        created: Some(row.created),
        updated: Some(row.updated),
        dormant,
    };
    entries.insert(at, entry);
    Ok(())
}

/// `Settings::insert` looks for an object to replace: too slow ten thousand times when there is none.
fn put(settings: &mut Settings, replaces: bool, object: Object) {
    if replaces {
        settings.insert(object);
        return;
    }
    match object {
        Object::Backend(object) => settings.backends.push(*object),
        Object::Pool(object) => settings.pools.push(*object),
        Object::Model(object) => settings.models.push(*object),
        Object::Product(object) => settings.products.push(*object),
        Object::Subscription(object) => settings.subscriptions.push(*object),
        Object::Api(object) => settings.apis.push(*object),
        Object::Workspace(object) => settings.workspaces.push(*object),
        Object::User(object) => settings.users.push(*object),
        Object::Group(object) => settings.groups.push(*object),
        Object::Price(object) => settings.prices.push(*object),
        Object::NamedValue(object) => settings.named_values.push(*object),
        Object::PolicyFragment(object) => settings.policy_fragments.push(*object),
        Object::Certificate(object) => settings.certificates.push(*object),
        Object::TokenSource(object) => settings.token_sources.push(*object),
        Object::Logger(object) => settings.loggers.push(*object),
    }
}

fn in_row(row: &ObjectRow, problems: Vec<Problem>) -> Vec<Problem> {
    let of = path_of(row.kind, &row.id);
    let named = |problem: Problem| Problem { path: join(&of, &problem.path), ..problem };
    problems.into_iter().map(named).collect()
}

/// An object as paths of problems name it when it has no place in a file.
pub(super) fn path_of(kind: ObjectKind, id: &str) -> String {
    format!("{}[{id}]", kind.plural())
}

fn join(object: &str, field: &str) -> String {
    if field.is_empty() { object.to_owned() } else { format!("{object}.{field}") }
}

/// `starter`, `quickstart` and whatever else was subscribed to `starter` exist only while there is no configuration.
fn is_dormant(declared: &Declared, object: &Object) -> bool {
    declared.configured
        && match object {
            Object::Product(product) => product.id.as_str() == STARTER,
            Object::Subscription(subscription) => {
                let starts = product_of(subscription) == Some(STARTER);
                let own = declared.settings.products.iter().any(|product| product.id.as_str() == STARTER);
                starts && (subscription.id.as_str() == QUICK_START || !own)
            }
            _ => false,
        }
}

pub(super) fn product_of(subscription: &Subscription) -> Option<&str> {
    match (&subscription.product, &subscription.scope) {
        (Some(product), _) | (None, Some(Scope::Product(product))) => Some(product.as_str()),
        _ => None,
    }
}

fn live_keys(keys: &[KeyRow], entries: &Entries) -> Vec<KeyRow> {
    let live = |row: &&KeyRow| {
        entries
            .get(&(ObjectKind::Subscription, row.subscription.to_string()))
            .is_some_and(|entry| !entry.dormant && entry.ownership == Ownership::Database)
    };
    keys.iter().filter(live).cloned().collect()
}

/// A key must lead to one subscription; the database sees to that among its own.
fn shared_keys(file: &Settings, keys: &[KeyRow]) -> Vec<Problem> {
    let stored: HashSet<KeyHash> = keys.iter().map(|row| row.hash).collect();
    let mut problems = Vec::new();
    for subscription in &file.subscriptions {
        for key in [&subscription.key, &subscription.secondary_key].into_iter().flatten() {
            if stored.contains(&KeyHash::of(key.expose())) {
                let at = (ObjectKind::Subscription, subscription.id.to_string());
                let why = "its key is in use by a subscription of the database; choose another";
                let problem = Problem::new(path_of(ObjectKind::Subscription, subscription.id.as_str()), why);
                problems.push(problem.at(file.origins.get(&at).cloned()));
            }
        }
    }
    problems
}

/// The picture that the writes would lead to: one revision on.
pub(super) fn after(picture: &Picture, writes: &[Write], now: Timestamp) -> Picture {
    let mut next = picture.clone();
    next.revision.0 += 1;
    for write in writes {
        match write {
            Write::Put { kind, id, body } => {
                let created = next
                    .objects
                    .iter()
                    .position(|row| row.kind == *kind && row.id == *id)
                    .map_or(now, |at| next.objects.swap_remove(at).created);
                let (id, body, version) = (id.clone(), body.clone(), next.revision.0);
                next.objects.push(ObjectRow { kind: *kind, id, body, version, created, updated: now });
            }
            Write::Delete { kind, id } => {
                next.objects.retain(|row| row.kind != *kind || row.id != *id);
                if *kind == ObjectKind::Subscription {
                    next.keys.retain(|row| row.subscription.as_str() != id);
                }
            }
            Write::Key(key) => {
                next.keys.retain(|row| row.subscription != key.subscription || row.slot != key.slot);
                next.keys.push(key.clone());
            }
        }
    }
    next
}

/// What of a new picture can always be taken over, even when the whole of it does not compile: keys and
/// subscriptions that are gone, suspended or ended, and new keys of subscriptions that were there. A key that was
/// revoked must not stay valid because something else in the database is broken.
pub(super) fn revocations(old: &Picture, new: &Picture) -> Picture {
    let of_subscription = |row: &&ObjectRow| row.kind == ObjectKind::Subscription;
    let stored: HashMap<&str, &ObjectRow> =
        new.objects.iter().filter(of_subscription).map(|row| (row.id.as_str(), row)).collect();
    let mut next = old.clone();
    next.objects.retain_mut(|row| {
        let now = stored.get(row.id.as_str());
        row.kind != ObjectKind::Subscription || now.is_some_and(|now| take_end(row, now))
    });
    let left: HashSet<&str> = next.objects.iter().filter(of_subscription).map(|row| row.id.as_str()).collect();
    next.keys = new.keys.iter().filter(|key| left.contains(key.subscription.as_str())).cloned().collect();
    next
}

/// Takes over what decides whether a subscription is valid; always true. The version stays: this is not the row that
/// the new one belongs to.
fn take_end(row: &mut ObjectRow, now: &ObjectRow) -> bool {
    for field in ["state", "expires"] {
        row.body[field] = now.body[field].clone();
    }
    true
}

/// Positions in lists mean nothing to somebody who works with objects: `models[3].pool` of an object that no file
/// declares becomes `models[fast].pool`, as `settings::check` says it.
pub(super) fn name_objects(problems: Vec<Problem>, settings: &Settings, declared: &Declared) -> Vec<Problem> {
    let named = |problem: Problem| match name(&problem.path, settings, declared) {
        Some(path) => Problem { path, ..problem },
        None => problem,
    };
    problems.into_iter().map(named).collect()
}

fn name(path: &str, settings: &Settings, declared: &Declared) -> Option<String> {
    let (list, rest) = path.split_once('[')?;
    let (index, field) = rest.split_once(']')?;
    let kind = ObjectKind::ALL.into_iter().find(|kind| kind.plural() == list)?;
    let objects = settings.objects(kind);
    let object = objects.get(index.parse::<usize>().ok()?)?;
    let from_file = declared.settings.origins.contains_key(&(kind, object.id().to_owned()));
    (!from_file).then(|| join(&path_of(kind, object.id()), field.trim_start_matches('.')))
}

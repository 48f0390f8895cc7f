//! Managing without a server: the same one writer of configuration, on this machine's database. A running server
//! sees the database's revision move and takes the change up within a second.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use serde_json::{Value, json};

use super::{
    admin,
    args::{Global, Which},
    client::Only,
    exit::{Exit, Failure},
    place,
};
use crate::{
    app::database::Place,
    model::{Clock, Entropy, Timestamp},
    pricing::{Book, Tables, listing},
    settings::{self, Object, ObjectKind, Problem, Settings, State, redacted},
    snapshot::control::{Change, Control, Declared, Entry, Expect, NoDataPlane, Ownership, Refused, Run, View, states},
    store::{Books, KeySlot, Store, StoreError},
};

/// The database with the configuration that it belongs to.
pub struct Offline {
    control: Arc<Control>,
    store: Arc<dyn Store>,
    clock: Clock,
}

impl Offline {
    /// Opens the data folder's database.
    pub async fn open(global: &Global) -> Result<Self, Failure> {
        let declared = declared(global)?;
        let place = Place::of(&declared.settings.server, global.data_dir.as_deref());
        let store = admin::open(&place).await?;
        let (clock, entropy) = (Clock::system(), Entropy::system());
        let control = Control::start(declared, store.clone(), Arc::new(NoDataPlane), clock.clone(), entropy).await?;
        Ok(Self { control, store, clock })
    }

    /// Folds the database's log into its file.
    pub async fn close(self) {
        self.store.close().await;
    }

    /// The ledger.
    pub fn books(&self) -> Arc<dyn Books> {
        self.store.clone()
    }

    /// What time it is.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The labels of a subscription.
    pub fn labels(&self, subscription: &str) -> BTreeMap<String, String> {
        self.control.view().labels(subscription)
    }

    /// All objects of a kind.
    pub fn list(&self, kind: ObjectKind) -> Vec<Value> {
        self.control.view().after(kind, "").map(|(_, entry)| self.shown(entry)).collect()
    }

    /// One object.
    pub fn get(&self, kind: ObjectKind, id: &str) -> Result<Value, Failure> {
        self.seen(&self.control.view(), kind, id)
    }

    /// Creates or replaces an object.
    pub async fn put(
        &self,
        kind: ObjectKind,
        id: &str,
        object: &Value,
        only: Only,
        dry: bool,
    ) -> Result<Value, Failure> {
        let object = decoded(kind, object)?;
        let expect = if only == Only::IfNew { Expect::Absent } else { Expect::Anything };
        let run = if dry { Run::Dry } else { Run::Real };
        let view = self.control.apply(vec![Change::Put { object, expect }], run).await?;
        self.seen(&view, kind, id)
    }

    /// What each model costs at each backend. Which models were used without a price only a server knows.
    pub fn price_list(&self) -> Result<Value, Failure> {
        let settings = &self.control.view().settings;
        // Files that settings name were made absolute when the configuration was read.
        let book = Book::new(settings, &Tables::new(), Path::new("."));
        let book =
            book.map_err(|(id, message)| Failure::new(Exit::Configuration, format!("prices[{id}]: {message}")))?;
        Ok(json!({ "table": book.table_version(), "items": listing(&book.list(settings, self.clock.now())) }))
    }

    /// Deletes an object.
    pub async fn delete(&self, kind: ObjectKind, id: &str) -> Result<(), Failure> {
        let change = Change::Delete { kind, id: id.to_owned(), expect: Expect::Present };
        self.control.apply(vec![change], Run::Real).await?;
        Ok(())
    }

    /// Creates a subscription; the answer has its keys.
    pub async fn create_subscription(&self, wanted: &Value) -> Result<Value, Failure> {
        let Object::Subscription(mut subscription) = decoded(ObjectKind::Subscription, wanted)? else {
            return Err(Failure::failed("this is not a subscription"));
        };
        subscription.state = self.control.first_state(&subscription);
        let id = subscription.id.clone();
        let (view, issued) = self.control.create_subscription(*subscription, Run::Real).await?;
        let mut answer = self.seen(&view, ObjectKind::Subscription, id.as_str())?;
        for (name, key) in [("key", issued.primary), ("secondary_key", issued.secondary)] {
            if let Some(key) = key {
                answer[name] = key.expose().into();
            }
        }
        Ok(answer)
    }

    /// Replaces a key.
    pub async fn regenerate(&self, id: &str, which: Which) -> Result<Value, Failure> {
        let (slot, name) = match which {
            Which::Primary => (KeySlot::Primary, "key"),
            Which::Secondary => (KeySlot::Secondary, "secondary_key"),
        };
        let (view, key) = self.control.regenerate(id, slot, Expect::Present, Run::Real).await?;
        let mut answer = self.seen(&view, ObjectKind::Subscription, id)?;
        answer[name] = key.expose().into();
        Ok(answer)
    }

    /// Moves a subscription to another state.
    pub async fn set_state(&self, id: &str, state: State) -> Result<Value, Failure> {
        let view = self.control.set_state(id, state, Expect::Present, Run::Real).await?;
        self.seen(&view, ObjectKind::Subscription, id)
    }

    fn seen(&self, view: &View, kind: ObjectKind, id: &str) -> Result<Value, Failure> {
        match view.get(kind, id) {
            Some(entry) => Ok(self.shown(entry)),
            None => Err(Refused::NotFound { kind, id: id.to_owned() }.into()),
        }
    }

    fn shown(&self, entry: &Entry) -> Value {
        let mut value = redacted(&entry.object);
        if let Object::Subscription(subscription) = &entry.object {
            value["state"] = states::word(states::at(subscription, self.clock.now())).into();
        }
        value["meta"] = match &entry.ownership {
            Ownership::File(origin) => {
                json!({ "owner": "file", "file": origin.file.display().to_string(), "line": origin.line })
            }
            Ownership::BuiltIn => json!({ "owner": "default" }),
            Ownership::Database => json!({ "owner": "database" }),
        };
        value
    }
}

/// What is declared outside the database: the configuration, or the quick start.
fn declared(global: &Global) -> Result<Declared, Failure> {
    let Some(source) = place::configuration(global)? else {
        return Ok(Declared { settings: settings::quick_start(), configured: false });
    };
    let loaded = place::load(&source).map_err(|problems| invalid(&problems))?;
    let settings: Settings = settings::with_defaults(loaded.settings);
    Ok(Declared { settings, configured: true })
}

fn decoded(kind: ObjectKind, value: &Value) -> Result<Object, Failure> {
    settings::object_from_json(kind, value).map_err(|problems| invalid(&problems))
}

fn invalid(problems: &[Problem]) -> Failure {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    Failure::new(Exit::Configuration, lines.join("\n"))
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Invalid(problems) => invalid(&problems),
            Refused::Store(error) => Self::from(error),
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        crate::app::StartProblem::from(error).into()
    }
}

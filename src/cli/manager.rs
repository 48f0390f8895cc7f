//! The two ways in which commands manage objects: the admin API of a running server, or this machine's database.

use serde_json::{Value, json};

use super::{
    args::{Global, Which},
    client::{Client, Only, segment},
    exit::Failure,
    offline::Offline,
};
use crate::{
    settings::{ObjectKind, State},
    snapshot::control::states,
};

/// One of the two ways.
pub enum Manager {
    /// Through a running server.
    Server(Client),
    /// Through the database.
    Database(Offline),
}

impl Manager {
    /// The way that the flags ask for.
    pub async fn open(global: &Global) -> Result<Self, Failure> {
        if global.offline {
            Ok(Self::Database(Offline::open(global).await?))
        } else {
            Ok(Self::Server(Client::connect(global)?))
        }
    }

    /// Ends it; the database's log is folded into its file.
    pub async fn close(self) {
        if let Self::Database(offline) = self {
            offline.close().await;
        }
    }

    /// All objects of a kind.
    pub async fn list(&self, kind: ObjectKind) -> Result<Vec<Value>, Failure> {
        match self {
            Self::Server(client) => client.list(kind.path()).await,
            Self::Database(offline) => Ok(offline.list(kind)),
        }
    }

    /// One object.
    pub async fn get(&self, kind: ObjectKind, id: &str) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => client.get(&path(kind, id)).await,
            Self::Database(offline) => offline.get(kind, id),
        }
    }

    /// Creates or replaces an object and gives what is stored then.
    pub async fn put(
        &self,
        kind: ObjectKind,
        id: &str,
        object: &Value,
        only: Only,
        dry: bool,
    ) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => {
                let dry = if dry { "?dry_run=true" } else { "" };
                client.put(&format!("{}{dry}", path(kind, id)), object, only).await
            }
            Self::Database(offline) => offline.put(kind, id, object, only, dry).await,
        }
    }

    /// Deletes an object.
    pub async fn delete(&self, kind: ObjectKind, id: &str) -> Result<(), Failure> {
        match self {
            Self::Server(client) => client.delete(&path(kind, id)).await,
            Self::Database(offline) => offline.delete(kind, id).await,
        }
    }

    /// What each model costs at each backend.
    pub async fn price_list(&self) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => client.get("price-list").await,
            Self::Database(offline) => offline.price_list(),
        }
    }

    /// Creates a subscription; the answer has its keys.
    pub async fn create_subscription(&self, subscription: &Value) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => client.post("subscriptions", subscription).await,
            Self::Database(offline) => offline.create_subscription(subscription).await,
        }
    }

    /// Replaces a key; the answer has the new one under `key` or `secondary_key`.
    pub async fn regenerate(&self, id: &str, which: Which) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => {
                let action = if which == Which::Primary { "regenerate-primary" } else { "regenerate-secondary" };
                client.post(&format!("{}/{action}", path(ObjectKind::Subscription, id)), &json!({})).await
            }
            Self::Database(offline) => offline.regenerate(id, which).await,
        }
    }

    /// Moves a subscription to another state.
    pub async fn set_state(&self, id: &str, state: State) -> Result<Value, Failure> {
        match self {
            Self::Server(client) => {
                let body = json!({ "state": states::word(state) });
                client.post(&format!("{}/state", path(ObjectKind::Subscription, id)), &body).await
            }
            Self::Database(offline) => offline.set_state(id, state).await,
        }
    }
}

fn path(kind: ObjectKind, id: &str) -> String {
    format!("{}/{}", kind.path(), segment(id))
}

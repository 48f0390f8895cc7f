//! The port of the audit log and of the delivery log of alerts: who changed what and why, and what was told to whom.
//! Both only grow until they are pruned by age.

use std::sync::Arc;

use super::Answer;
use crate::model::Timestamp;

/// A line of the audit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditLine {
    /// Counts the lines, from 1; 0 for a line that is to be written.
    pub number: u64,
    /// When.
    pub time: Timestamp,
    /// Who: the name of an administrator's token, `session`, `file`, `offline`.
    pub actor: String,
    /// What was done, such as `quota.reset`.
    pub action: String,
    /// To what, such as the account of a counter.
    pub object: String,
    /// How it was before, as JSON; never a secret.
    pub before: Option<String>,
    /// How it is now, as JSON; never a secret.
    pub after: Option<String>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
}

/// Which lines of the audit log.
#[derive(Clone, Debug, Default)]
pub struct AuditQuery {
    /// Lines at or after this.
    pub from: Timestamp,
    /// Lines before this; `None`: to the newest.
    pub to: Option<Timestamp>,
    /// Only of this actor.
    pub actor: Option<String>,
    /// Only this action.
    pub action: Option<String>,
    /// Only about this object.
    pub object: Option<String>,
    /// At most so many, newest first.
    pub limit: u32,
    /// Lines older than the line of this number.
    pub after: Option<u64>,
    /// Lines newer than the line of this number.
    pub beyond: Option<u64>,
}

/// The audit log.
pub trait Audit: Send + Sync {
    /// Adds a line and gives its number; the line's own number is ignored.
    fn note(&self, line: AuditLine) -> Answer<'_, u64>;

    /// Lines, newest first.
    fn audit(&self, query: AuditQuery) -> Answer<'_, Vec<AuditLine>>;
}

/// An alert that a counter has crossed a threshold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// The `webhook-id`, unique: the same for every try.
    pub id: Arc<str>,
    /// The counter.
    pub account: Arc<str>,
    /// Start of the window in which it was crossed.
    pub window: Timestamp,
    /// The threshold, in percent.
    pub percent: u32,
    /// The body to send.
    pub payload: String,
    /// When it was crossed.
    pub created: Timestamp,
}

/// How far the delivery of an alert is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertState {
    /// Tries so far.
    pub attempts: u32,
    /// When it was taken by the receiver.
    pub delivered: Option<Timestamp>,
    /// When to try next; `None`: delivered or given up.
    pub next: Option<Timestamp>,
    /// What the last try came to, such as `503` or `connection refused`.
    pub last_result: Option<String>,
}

/// An alert and its delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertDelivery {
    /// What.
    pub alert: Alert,
    /// How far.
    pub state: AlertState,
}

/// The delivery log of alerts.
pub trait Alerts: Send + Sync {
    /// Remembers an alert, due at once; `false` when this threshold of this account and window was raised before,
    /// by whichever process.
    fn raise_alert(&self, alert: Alert) -> Answer<'_, bool>;

    /// Undelivered alerts whose next try is at or before `now`, the oldest first, at most `limit`.
    fn due_alerts(&self, now: Timestamp, limit: u32) -> Answer<'_, Vec<AlertDelivery>>;

    /// Writes down what a try came to.
    fn alert_tried(&self, id: Arc<str>, state: AlertState) -> Answer<'_, ()>;

    /// Alerts, the newest first, at most `limit`.
    fn alerts(&self, limit: u32) -> Answer<'_, Vec<AlertDelivery>>;
}

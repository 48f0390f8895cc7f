//! Settings of the process that concern metering: how the ledger is kept, and who is told when a budget runs low.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{HumanDuration, Secret};

/// The ledger: the durable record of what was used.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Ledger {
    /// When the journal is forced to the disk. A killed process loses nothing in any mode; this is about power cuts.
    pub sync: LedgerSync,
    /// How long usage rows are kept: one for each call.
    pub keep_rows: HumanDuration,
    /// How long hourly and daily sums are kept: reports go back this far.
    pub keep_rollups: HumanDuration,
    /// Request headers whose values are kept with each usage row as `metadata`, for chargeback, such as
    /// `x-cost-centre`. Headers that carry keys cannot be named.
    pub metadata_headers: Vec<String>,
    /// Fields of request bodies that are kept in the same way: top-level names, or names inside `metadata` written as
    /// `metadata.NAME`.
    pub metadata_body: Vec<String>,
}

impl Default for Ledger {
    fn default() -> Self {
        Self {
            sync: LedgerSync::Interval,
            keep_rows: HumanDuration(days(90)),
            keep_rollups: HumanDuration(days(1_096)),
            metadata_headers: Vec::new(),
            metadata_body: Vec::new(),
        }
    }
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 86_400)
}

/// When the journal is forced to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LedgerSync {
    /// Every 10 ms: a power cut loses at most that.
    #[default]
    Interval,
    /// Before each request goes on: a power cut loses nothing, each request waits for the disk.
    Always,
    /// When the operating system does it.
    Off,
}

/// Who is told when quotas and budgets run low.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Alerts {
    /// Where alerts are sent. Left out: nowhere but the log.
    pub webhook: Option<Webhook>,
}

/// A receiver of signed messages (Standard Webhooks).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// Where messages are sent with POST.
    pub url: String,
    /// What messages are signed with: `whsec_` and 24 to 64 random bytes in base64. The receiver has the same.
    pub secret: Secret,
}

//! The port of reports: what the ledger's rollups say, and single rows for the request log.
//!
//! Reports come from rollups only (whole hours), except that an hour which a period cuts is counted from its rows
//! while those are kept and few enough; otherwise the period is widened to whole hours and says so.

use std::{collections::BTreeMap, sync::Arc};

use jiff::tz::TimeZone;
use uuid::Uuid;

use super::{Answer, sums::Totals};
use crate::{exchange::UsageRow, model::Timestamp};

/// What usage is told apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    /// Whose key.
    Subscription,
    /// Through which product.
    Product,
    /// Whose subscription.
    User,
    /// Which API.
    Api,
    /// Which operation of an API.
    Operation,
    /// The API's workspace.
    Workspace,
    /// The configured model that answered or was asked for.
    Model,
    /// The model as the backend was asked for it.
    UpstreamModel,
    /// Who answered.
    Backend,
}

impl Dimension {
    /// All of them, in the order of [`Self::index`].
    pub const ALL: [Self; 9] = [
        Self::Subscription,
        Self::Product,
        Self::User,
        Self::Api,
        Self::Operation,
        Self::Workspace,
        Self::Model,
        Self::UpstreamModel,
        Self::Backend,
    ];

    /// The word in commands, the admin API and the database.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subscription => "subscription",
            Self::Product => "product",
            Self::User => "user",
            Self::Api => "api",
            Self::Operation => "operation",
            Self::Workspace => "workspace",
            Self::Model => "model",
            Self::UpstreamModel => "upstream_model",
            Self::Backend => "backend",
        }
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

/// The steps of time that a report shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Bucket {
    /// Hours of UTC.
    Hour,
    /// Days of the query's time zone.
    Day,
    /// Months of the query's time zone.
    Month,
}

/// What a report is asked for.
#[derive(Clone, Debug)]
pub struct ReportQuery {
    /// One line per value of this; `None`: one line for everything.
    pub by: Option<Dimension>,
    /// And of these, each combination a line.
    pub also: Vec<Dimension>,
    /// One line per step of time as well.
    pub bucket: Option<Bucket>,
    /// Requests that began at or after this.
    pub from: Timestamp,
    /// Requests that began before this.
    pub to: Timestamp,
    /// Where days and months begin. Rollups are hours of UTC: in a zone that is half an hour off, the hour in which
    /// a day begins is counted to the day before.
    pub zone: TimeZone,
    /// Only usage with all of these values. The empty text stands for usage without that value, such as requests
    /// without a subscription.
    pub filters: Vec<(Dimension, Arc<str>)>,
    /// At most so many lines.
    pub limit: usize,
    /// Lines after this one.
    pub after: Option<ReportKey>,
}

/// What a report's line is about. Lines are in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReportKey {
    /// Start of the step of time; `None`: the whole period.
    pub start: Option<Timestamp>,
    /// Of operations: their API, as two APIs may have operations of one name.
    pub api: Option<Arc<str>>,
    /// The dimension's value; empty: usage without one. `None`: the report has no dimension.
    pub value: Option<Arc<str>>,
    /// Values of [`ReportQuery::also`], in their order; empty texts likewise.
    pub also: Vec<Arc<str>>,
}

/// A line of a report.
#[derive(Clone, Debug, PartialEq)]
pub struct ReportRow {
    /// What it is about.
    pub key: ReportKey,
    /// All sums and distributions.
    pub totals: Totals,
    /// Cost by currency, in 10⁻⁹ of its unit: currencies are never added up.
    pub cost: BTreeMap<Arc<str>, i64>,
    /// What caches saved, likewise.
    pub saved: BTreeMap<Arc<str>, i64>,
}

/// A report.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The lines, by key.
    pub rows: Vec<ReportRow>,
    /// Begin of the period that was really counted: earlier than asked for when the rows of its first hour are gone
    /// or too many to be counted one by one.
    pub from: Timestamp,
    /// Its end, likewise later.
    pub to: Timestamp,
    /// Whether there are lines after the last.
    pub more: bool,
}

/// Which rows of the request log.
#[derive(Clone, Debug)]
pub struct RowQuery {
    /// Requests that began at or after this.
    pub from: Timestamp,
    /// Requests that began before this.
    pub to: Timestamp,
    /// Only rows with all of these values (as in [`ReportQuery::filters`]).
    pub filters: Vec<(Dimension, Arc<str>)>,
    /// Only rows with this outcome, in its word.
    pub outcome: Option<Arc<str>>,
    /// Only rows with a status in this range, such as 500..=599.
    pub status: Option<std::ops::RangeInclusive<u16>>,
    /// Only rows of this end user.
    pub end_user: Option<Arc<str>>,
    /// Only the row of this `x-request-id` of a caller.
    pub client_request_id: Option<Arc<str>>,
    /// Newest first, or oldest first.
    pub newest_first: bool,
    /// At most so many.
    pub limit: u32,
    /// Rows after this one, which is the last of the page before.
    pub after: Option<RowCursor>,
}

/// Where a page of rows ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RowCursor {
    /// The last row's time.
    pub time: Timestamp,
    /// The last row's id.
    pub id: Uuid,
}

impl RowCursor {
    /// Where a page that ends with `row` ended.
    #[must_use]
    pub fn of(row: &UsageRow) -> Self {
        Self { time: row.intent.time, id: row.intent.id }
    }
}

/// Reading usage.
pub trait Reports: Send + Sync {
    /// Sums of rollups. A month's statement is a report over its days, filtered by product or subscription.
    fn report(&self, query: ReportQuery) -> Answer<'_, Report>;

    /// Rows by time. Intents come back without their estimate's reservation: charges hold what was used.
    fn rows(&self, query: RowQuery) -> Answer<'_, Vec<UsageRow>>;

    /// One row, with its attempts and charges.
    fn row(&self, id: Uuid) -> Answer<'_, Option<UsageRow>>;
}

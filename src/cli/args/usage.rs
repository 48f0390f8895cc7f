//! The commands of the ledger: usage, request log, quotas, verification.

use clap::{Args, Subcommand, ValueEnum};

use crate::usage::report::Params;

/// A range of time.
#[derive(Clone, Debug, Default, Args)]
pub struct Range {
    /// Requests that began at or after this [default: this-month]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Requests that began before this [default: the end of this hour]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// Where days and months begin, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
}

/// Which usage is meant; `-` stands for usage without that value.
#[derive(Clone, Debug, Default, Args)]
pub struct Filters {
    /// Only of this subscription
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub subscription: Option<String>,
    /// Only of this product
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub product: Option<String>,
    /// Only of this user
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub user: Option<String>,
    /// Only of this API
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub api: Option<String>,
    /// Only of this operation
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub operation: Option<String>,
    /// Only of this model
    #[arg(long, value_name = "NAME", allow_hyphen_values = true, help_heading = "Filters")]
    pub model: Option<String>,
    /// Only of this backend
    #[arg(long, value_name = "ID", allow_hyphen_values = true, help_heading = "Filters")]
    pub backend: Option<String>,
}

/// What a report is by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// Whose key
    #[default]
    Subscription,
    /// Through which product
    Product,
    /// Whose subscription
    User,
    /// Which API
    Api,
    /// Which operation
    Operation,
    /// The API's workspace
    Workspace,
    /// Which model
    Model,
    /// The model as backends know it
    UpstreamModel,
    /// Who answered
    Backend,
    /// Steps of time alone: days unless --bucket says otherwise
    Time,
}

/// Steps of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Step {
    /// Hours of UTC
    Hour,
    /// Days of --tz
    Day,
    /// Months of --tz
    Month,
}

/// `usage`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Usage {
    /// Something else than a report.
    #[command(subcommand)]
    pub view: Option<UsageView>,
    /// The report.
    #[command(flatten)]
    pub report: Report,
}

/// `usage` without a further word: a report.
#[derive(Clone, Debug, Args)]
pub struct Report {
    /// One line per what
    #[arg(long, value_enum, default_value_t)]
    pub by: By,
    /// One line per step of time as well
    #[arg(long, value_enum)]
    pub bucket: Option<Step>,
    /// When.
    #[command(flatten)]
    pub range: Range,
    /// Whose.
    #[command(flatten)]
    pub filters: Filters,
}

/// Views of usage beside reports.
#[derive(Debug, Subcommand)]
pub enum UsageView {
    /// Single usage rows, the oldest first; JSON is one object a line
    #[command(after_help = "\
Examples:
  tollgate usage rows --from today -o json
  tollgate usage rows --from 2026-10-01 --to 2026-11-01 --product team -o csv > october.csv")]
    Rows(Rows),
    /// A month of one product or subscription: in all, by model, by subscription, by day
    #[command(after_help = "\
Examples:
  tollgate usage statement --month 2026-10 --product team
  tollgate usage statement --month last-month --subscription team-a --tz Europe/Berlin -o csv")]
    Statement(Statement),
    /// What usage cost, as FOCUS 1.2 (CSV unless another format is asked for)
    #[command(after_help = "\
Examples:
  tollgate usage focus --from last-month --to this-month > focus.csv
  tollgate usage focus --from 2026-10-01 --to 2026-11-01 --account acme")]
    Focus(Focus),
}

/// `usage rows` and `logs`
#[derive(Clone, Debug, Default, Args)]
pub struct Rows {
    /// When.
    #[command(flatten)]
    pub range: Range,
    /// Whose.
    #[command(flatten)]
    pub filters: Filters,
    /// Only requests that ended so, such as complete or client_gone
    #[arg(long, value_name = "WORD", help_heading = "Filters")]
    pub outcome: Option<String>,
    /// Only with this status: 429, 5xx, 400-499
    #[arg(long, value_name = "STATUS", help_heading = "Filters")]
    pub status: Option<String>,
    /// Only of this end user of a caller
    #[arg(long, value_name = "TEXT", help_heading = "Filters")]
    pub end_user: Option<String>,
    /// Only with this x-request-id of a caller
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    pub client_request_id: Option<String>,
}

/// `usage statement`
#[derive(Clone, Debug, Args)]
pub struct Statement {
    /// Such as 2026-10, this-month or last-month
    #[arg(long, default_value = "this-month")]
    pub month: String,
    /// Where the month begins, such as Europe/Berlin [default: UTC]
    #[arg(long, value_name = "ZONE")]
    pub tz: Option<String>,
    /// The statement of this product
    #[arg(long, value_name = "ID", required_unless_present = "subscription", conflicts_with = "subscription")]
    pub product: Option<String>,
    /// The statement of this subscription
    #[arg(long, value_name = "ID")]
    pub subscription: Option<String>,
}

/// `usage focus`
#[derive(Clone, Debug, Args)]
pub struct Focus {
    /// First day (UTC) [default: this-month]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// The day after the last one [default: the end of this hour]
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub to: Option<String>,
    /// The BillingAccountId of all lines [default: tollgate]
    #[arg(long, value_name = "ID")]
    pub account: Option<String>,
    /// Whose.
    #[command(flatten)]
    pub filters: Filters,
}

/// `logs`
#[derive(Clone, Debug, Args)]
pub struct Logs {
    /// How many of the newest
    #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub lines: u32,
    /// Go on with new ones until interrupted
    #[arg(short, long)]
    pub follow: bool,
    /// Which.
    #[command(flatten)]
    pub rows: Rows,
}

/// `quotas`
#[derive(Debug, Subcommand)]
pub enum Quotas {
    /// List counters; with --offline the balances of the database
    #[command(after_help = "\
Examples:
  tollgate quotas list
  tollgate quotas list subscription:team-a -o json")]
    List {
        /// Only counters whose account begins so
        account: Option<String>,
    },
    /// Set what is used to nothing; it stands in the audit log
    #[command(after_help = "\
Examples:
  tollgate quotas reset 'subscription:team-a/tokens_per_month#team-a' --reason 'test traffic'")]
    Reset {
        /// The counter's account, as `list` shows it
        account: String,
        /// Why, for the audit log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Show what would be, change nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Raise a limit for a while
    #[command(after_help = "\
Examples:
  tollgate quotas raise 'subscription:team-a/tokens_per_month#team-a' --by 1M --until +24h --reason launch
  tollgate quotas raise 'product:team/budget_per_month#team' --to '500 USD' --until 2026-12-01 --reason 'approved'")]
    Raise(RaiseQuota),
    /// End a raise
    #[command(after_help = "Examples:\n  tollgate quotas unraise 'subscription:team-a/tokens_per_month#team-a'")]
    Unraise {
        /// The counter's account, as `list` shows it
        account: String,
    },
}

/// `quotas raise`
#[derive(Clone, Debug, Args)]
pub struct RaiseQuota {
    /// The counter's account, as `list` shows it
    pub account: String,
    /// By how much: 20000, 5M, 64MiB, 200 USD
    #[arg(long, value_name = "AMOUNT", required_unless_present = "to", conflicts_with = "to")]
    pub by: Option<String>,
    /// To how much
    #[arg(long, value_name = "LIMIT")]
    pub to: Option<String>,
    /// Until when: +24h, +7d, 2026-12-01, 2026-12-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub until: String,
    /// Why, for the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Show what would be, change nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// `ledger`
#[derive(Debug, Subcommand)]
pub enum Ledger {
    /// Prove that no usage row was changed or removed, and that balances and reports are the sums of rows
    #[command(after_help = "\
Examples:
  tollgate ledger verify
  tollgate ledger verify -o json

Works on the database, beside a running server or without one. Exit codes: 0 sound, 4 differences found.")]
    Verify,
    /// Make the sums that reports are made of anew from the rows of the ledger
    #[command(after_help = "\
Examples:
  tollgate ledger rebuild-reports
  tollgate ledger rebuild-reports -o json

Needed when a report or `ledger verify` says that sums are damaged. Works on the database, beside a running server or
without one. Sums of hours whose rows are past their age can only be kept as they are; when one of those cannot be
read, it is removed, and what is missing with it is said. Exit codes: 0 everything is there, 4 sums are lost.")]
    RebuildReports,
}

impl Range {
    /// As parameters of a question.
    pub fn put(&self, params: &mut Params) {
        put(params, &[("from", &self.from), ("to", &self.to), ("tz", &self.tz)]);
    }
}

impl Filters {
    /// As parameters of a question.
    pub fn put(&self, params: &mut Params) {
        put(
            params,
            &[
                ("subscription", &self.subscription),
                ("product", &self.product),
                ("user", &self.user),
                ("api", &self.api),
                ("operation", &self.operation),
                ("model", &self.model),
                ("backend", &self.backend),
            ],
        );
    }
}

/// Sets those that were given.
pub fn put(params: &mut Params, given: &[(&str, &Option<String>)]) {
    for (name, text) in given {
        if let Some(text) = text {
            params.set(name, text);
        }
    }
}

/// The word of a flag's value.
pub fn word(value: &impl ValueEnum) -> String {
    value.to_possible_value().map(|value| value.get_name().to_owned()).unwrap_or_default()
}

//! `tollgate cache`.

use clap::{Args, Subcommand};

/// `cache`
#[derive(Debug, Subcommand)]
pub enum Cache {
    /// Forget kept answers; it stands in the audit log
    #[command(after_help = "\
Examples:
  tollgate cache purge --api orders
  tollgate cache purge --path '/orders/*' --dry-run
  tollgate cache purge --tag prices --product team
  tollgate cache purge --key token
  tollgate cache purge --model gpt-4o --subscription team-a
  tollgate cache purge --entry 5f2b...
  tollgate cache purge --all

Several flags together mean the answers to which all of them apply. Answers that are on their way count too.")]
    Purge(Purge),
}

/// `cache purge`
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true).multiple(true).args(["api", "product", "tag", "path", "key", "model", "subscription", "entry", "all"]))]
pub struct Purge {
    /// Answers of this API
    #[arg(long, value_name = "ID")]
    pub api: Option<String>,
    /// Answers fetched for callers of this product
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
    /// Answers with this tag of a `cache:` setting
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Answers of this path, as callers write it; with `*` at its end: all that begin so
    #[arg(long, value_name = "PATH")]
    pub path: Option<String>,
    /// One value of cache-store-value
    #[arg(long, value_name = "KEY", conflicts_with_all = ["api", "product", "tag", "path", "all"])]
    pub key: Option<String>,
    /// Answers of this model; of no other cache
    #[arg(long, value_name = "NAME", conflicts_with_all = ["tag", "path", "key"])]
    pub model: Option<String>,
    /// Answers of models that this subscription asked for; of no other cache
    #[arg(long, value_name = "ID", conflicts_with_all = ["tag", "path", "key"])]
    pub subscription: Option<String>,
    /// The one answer of a model that `x-tollgate-cache-entry` named
    #[arg(long, value_name = "ENTRY", conflicts_with_all = ["api", "product", "tag", "path", "key", "model", "subscription", "all"])]
    pub entry: Option<String>,
    /// All answers, those of models too
    #[arg(long, conflicts_with_all = ["api", "product", "tag", "path", "model", "subscription"])]
    pub all: bool,
    /// Count what would be forgotten, forget nothing
    #[arg(long)]
    pub dry_run: bool,
}

//! `policy`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

/// The commands on policy documents; none needs a server.
#[derive(Debug, Subcommand)]
pub enum Policy {
    /// Format a document, as XML or YAML
    #[command(after_help = "\
Examples:
  tollgate policy fmt policies/orders.xml
  tollgate policy fmt policies/orders.xml --write
  tollgate policy fmt policies/orders.xml --to yaml > orders.yaml
  tollgate policy fmt policies/orders.xml --check")]
    Fmt(PolicyFmt),
    /// Show the effective policy: each line with its scope, and which policies hold bodies in memory
    #[command(after_help = "\
Examples:
  tollgate policy explain policies/orders.xml
  tollgate policy explain --config tollgate.yaml --api orders --operation list --product team")]
    Explain(PolicyExplain),
    /// Run a document against a scripted backend, step by step
    #[command(after_help = "\
Examples:
  tollgate policy test policies/orders.xml --request request.json
  tollgate policy test policies/orders.xml --request request.yaml -o json

The request file holds request, context, variables, cached, named_values, fragments, answers (of
the backend), calls (of others) and expect; the exit code is 1 when what came out is not what is
expected. Waiting is played, not waited for. Nothing is sent anywhere.")]
    Test(PolicyTest),
}

/// `policy fmt`
#[derive(Debug, Args)]
pub struct PolicyFmt {
    /// The document or fragment; `-` reads standard input
    pub file: PathBuf,
    /// The spelling to write [default: that of the document]
    #[arg(long, value_enum, value_name = "SPELLING")]
    pub to: Option<Spelled>,
    /// Write the file instead of printing; another spelling goes beside it
    #[arg(long, conflicts_with = "check")]
    pub write: bool,
    /// Print nothing; exit code 4 when the file is not formatted
    #[arg(long)]
    pub check: bool,
}

/// How a document is spelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Spelled {
    /// As Azure API Management writes it
    Xml,
    /// The same elements in YAML
    Yaml,
}

/// `policy explain`
#[derive(Debug, Args)]
pub struct PolicyExplain {
    /// A document by itself; what it refers to is taken as there
    #[arg(conflicts_with_all = ["api", "operation", "product"])]
    pub file: Option<PathBuf>,
    /// An API of the configuration
    #[arg(long, value_name = "ID")]
    pub api: Option<String>,
    /// One of its operations
    #[arg(long, value_name = "ID", requires = "api")]
    pub operation: Option<String>,
    /// The product that the caller's key belongs to
    #[arg(long, value_name = "ID")]
    pub product: Option<String>,
}

/// `policy test`
#[derive(Debug, Args)]
pub struct PolicyTest {
    /// The document or fragment
    pub file: PathBuf,
    /// The request, what is answered to it, and what is expected: JSON or YAML
    #[arg(long, value_name = "FILE")]
    pub request: PathBuf,
}

//! The command line as data: every command, every flag, every help text with its examples.
//!
//! What the commands do is in the file named after each.

pub mod cache;
mod import;
mod keys;
mod models;
mod policy;
pub mod usage;
#[cfg(test)]
mod whole_tests;

use std::{net::SocketAddr, path::PathBuf};

use clap::{
    Args, Parser, Subcommand,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::print::Format;

pub use self::import::{Apim, Import};
pub use self::keys::{CreateKey, Keys, Which};
pub use self::models::{CountTokens, Models, Prices};
pub use self::policy::{Policy, PolicyExplain, PolicyFmt, PolicyTest, Spelled};

/// Self-hosted API gateway for HTTP services and AI models.
#[derive(Debug, Parser)]
#[command(name = "tollgate", version, propagate_version = true, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do; left out: `serve`.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Flags that every command takes.
    #[command(flatten)]
    pub global: Global,
    /// Flags of `serve`, for when it is left out.
    #[command(flatten)]
    pub serve: Serve,
}

const EXAMPLES: &str = "\
Examples:
  tollgate                                    start; without a configuration: simulated models, a key, a curl
  tollgate init                               write a commented tollgate.yaml
  tollgate check                              every problem of the configuration at once
  tollgate serve --config tollgate.yaml       start with it
  tollgate keys create team-a --product team  issue a key

Exit codes: 0 done, 1 failed, 2 usage, 3 configuration invalid or unsafe, 4 differences found,
5 cannot bind or reach, 6 not allowed, 7 done in part.";

const USAGE_EXAMPLES: &str = "\
Examples:
  tollgate usage                                                      this month by subscription
  tollgate usage --by model --from last-month --to this-month
  tollgate usage --by product --bucket day --from -7d -o csv
  tollgate usage --by time --bucket hour --from today --tz Europe/Berlin
  tollgate usage rows --from today -o json
  tollgate usage statement --month 2026-10 --product team
  tollgate usage focus --from last-month --to this-month > focus.csv

Times: 2026-10-01, 2026-10, 2026-10-01T12:00:00Z, -24h, -7d, now, today, yesterday, this-week, last-week, this-month,
last-month, this-year, last-year; each names the beginning of what it names, and --to is left out.";

/// Flags that every command takes.
#[derive(Clone, Debug, Default, Args)]
pub struct Global {
    /// Configuration: a file or a folder of files [default: ./tollgate.yaml when it exists]
    #[arg(long, global = true, env = "TOLLGATE_CONFIG", value_name = "PATH", value_parser = path(), help_heading = "Where")]
    pub config: Option<PathBuf>,
    /// Data folder [default: the configuration's, or ./tollgate-data]
    #[arg(long, global = true, env = "TOLLGATE_DATA_DIR", value_name = "DIR", value_parser = path(), help_heading = "Where")]
    pub data_dir: Option<PathBuf>,
    /// Console URL of the running server [default: found in the data folder]
    #[arg(long, global = true, env = "TOLLGATE_SERVER", value_name = "URL", help_heading = "Where")]
    pub server: Option<String>,
    /// Go to the database instead of a running server; a running one takes the change up within a second
    #[arg(long, global = true, conflicts_with = "server", help_heading = "Where")]
    pub offline: bool,
    /// How data is printed on standard output
    #[arg(short, long, global = true, value_enum, default_value_t, help_heading = "Output")]
    pub output: Format,
    /// Print the essential value alone (a new key, ids)
    #[arg(short, long, global = true, help_heading = "Output")]
    pub quiet: bool,
}

impl Global {
    /// Without what was set to nothing, as container files do with variables that have no value.
    #[must_use]
    pub fn without_blanks(mut self) -> Self {
        self.config = self.config.filter(|path| !path.as_os_str().is_empty());
        self.data_dir = self.data_dir.filter(|path| !path.as_os_str().is_empty());
        self.server = self.server.filter(|url| !url.is_empty());
        self
    }
}

/// A path that may be empty, unlike clap's own.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    OsStringValueParser::new().map(PathBuf::from)
}

/// What `bench` measures.
#[derive(Debug, Args)]
pub struct Bench {
    /// Arrivals a second
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub rate: u32,
    /// How long each of the nine runs takes
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=600))]
    pub seconds: u64,
    /// Size of the prompt in bytes
    #[arg(long, default_value_t = 1024)]
    pub prompt_bytes: usize,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Start the gateway
    #[command(after_help = "\
Examples:
  tollgate serve
  tollgate serve --config /etc/tollgate/
  TOLLGATE_ADMIN_TOKEN=... tollgate serve --config tollgate.yaml

Without --config, TOLLGATE_CONFIG and ./tollgate.yaml: quick start on 127.0.0.1 with simulated models.")]
    Serve(Serve),
    /// Start with simulated models in a temporary folder that is removed at the end
    #[command(after_help = "\
Examples:
  tollgate demo
  tollgate demo --gateway-listen 127.0.0.1:9080 --console-listen 127.0.0.1:9081")]
    Demo(Listen),
    /// Write a commented configuration to start from
    #[command(after_help = "\
Examples:
  tollgate init
  tollgate init config/tollgate.yaml
  tollgate init --stdout")]
    Init(Init),
    /// Check the configuration: all problems at once, with file and line
    #[command(after_help = "\
Examples:
  tollgate check
  tollgate check --config tollgate.yaml -o json")]
    Check,
    /// Look for what is wrong on this machine: configuration, folder, ports, server, backends
    #[command(after_help = "\
Examples:
  tollgate doctor
  tollgate doctor -o json")]
    Doctor,
    /// Print the JSON schema of the configuration
    #[command(after_help = "\
Examples:
  tollgate schema > tollgate.schema.json")]
    Schema,
    /// Subscriptions and their keys
    #[command(
        subcommand,
        after_help = "Examples:\n  tollgate keys create team-a --product team -q\n  tollgate keys list -o json"
    )]
    Keys(Keys),
    /// Products: bundles of APIs and models
    #[command(subcommand, after_help = "Examples:\n  tollgate products list\n  tollgate products create -f team.yaml")]
    Products(Objects),
    /// APIs offered on the gateway port
    #[command(subcommand, after_help = "Examples:\n  tollgate apis list\n  tollgate apis show orders -o yaml")]
    Apis(Objects),
    /// Backends, with their live state
    #[command(subcommand, after_help = "Examples:\n  tollgate backends list\n  tollgate backends show openai -o yaml")]
    Backends(Objects),
    /// Pools of backends
    #[command(subcommand, after_help = "Examples:\n  tollgate pools list\n  tollgate pools put -f chat.yaml")]
    Pools(Objects),
    /// Models: what callers write in "model"
    #[command(
        subcommand,
        after_help = "Examples:\n  tollgate models list\n  tollgate models prices\n  tollgate models count --help"
    )]
    Models(Models),
    /// Users, as declared in the configuration
    #[command(subcommand, after_help = "Examples:\n  tollgate users list\n  tollgate users show ada -o yaml")]
    Users(ReadOnly),
    /// Who used how much: tokens, money, latency, errors; single rows, statements, FOCUS
    #[command(after_help = USAGE_EXAMPLES)]
    Usage(Box<usage::Usage>),
    /// The newest requests
    #[command(after_help = "\
Examples:
  tollgate logs
  tollgate logs --status 5xx -n 10
  tollgate logs --follow --subscription team-a")]
    Logs(Box<usage::Logs>),
    /// Counters of limits: list, reset, raise
    #[command(subcommand, after_help = "Examples:\n  tollgate quotas list\n  tollgate quotas --help")]
    Quotas(usage::Quotas),
    /// What caches keep: forget it
    #[command(subcommand, after_help = "Examples:\n  tollgate cache purge --api orders\n  tollgate cache purge --all")]
    Cache(cache::Cache),
    /// The ledger itself
    #[command(subcommand, after_help = "Examples:\n  tollgate ledger verify\n  tollgate ledger rebuild-reports")]
    Ledger(usage::Ledger),
    /// Administrators, backup, database
    #[command(
        subcommand,
        after_help = "Examples:\n  tollgate admin login-link\n  tollgate admin token deploy\n  tollgate admin backup tollgate.backup"
    )]
    Admin(Admin),
    /// Policy documents: format, explain, test
    #[command(
        subcommand,
        after_help = "Examples:\n  tollgate policy fmt policy.xml\n  tollgate policy explain --help\n  tollgate policy test --help"
    )]
    Policy(Policy),
    /// Take over the configuration of another gateway
    #[command(subcommand, after_help = "Examples:\n  tollgate import apim ./apiops --stats")]
    Import(Import),
    /// Tell the running server to read its configuration again
    #[command(after_help = "\
Examples:
  tollgate reload

All or nothing: an invalid configuration is refused with every problem, and the old one stays.")]
    Reload,
    /// Measure what the gateway itself costs on this machine: latency added to a mock provider's
    #[command(after_help = "\
Examples:
  tollgate bench
  tollgate bench --rate 1000 --seconds 5 --prompt-bytes 32768")]
    Bench(Bench),
    /// Print a completion script
    #[command(after_help = "\
Examples:
  tollgate completions bash > /etc/bash_completion.d/tollgate
  tollgate completions zsh > \"${fpath[1]}/_tollgate\"")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the version
    #[command(after_help = "\
Examples:
  tollgate version -o json")]
    Version,
}

/// Addresses instead of the configured ones.
#[derive(Clone, Debug, Default, Args)]
pub struct Listen {
    /// Gateway address instead of the configured one, such as 127.0.0.1:9080
    #[arg(long, env = "TOLLGATE_GATEWAY_LISTEN", value_name = "ADDRESS:PORT")]
    pub gateway_listen: Option<SocketAddr>,
    /// Console address instead of the configured one, such as 127.0.0.1:9081
    #[arg(long, env = "TOLLGATE_CONSOLE_LISTEN", value_name = "ADDRESS:PORT")]
    pub console_listen: Option<SocketAddr>,
}

/// `serve`
#[derive(Clone, Debug, Default, Args)]
pub struct Serve {
    /// Addresses.
    #[command(flatten)]
    pub listen: Listen,
    /// Do not watch the configuration's files for changes (SIGHUP and `tollgate reload` still work)
    #[arg(long)]
    pub no_watch: bool,
    /// Start although records of the ledger's journal are damaged or missing, and go on without them
    #[arg(long)]
    pub accept_ledger_loss: bool,
}

impl Listen {
    /// These addresses, and `before` where there is none: flags may stand in front of the command too.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            gateway_listen: self.gateway_listen.or(before.gateway_listen),
            console_listen: self.console_listen.or(before.console_listen),
        }
    }
}

impl Serve {
    /// These flags and those of `before`, which stood in front of the command.
    #[must_use]
    pub fn or(self, before: &Self) -> Self {
        Self {
            listen: self.listen.or(&before.listen),
            no_watch: self.no_watch || before.no_watch,
            accept_ledger_loss: self.accept_ledger_loss || before.accept_ledger_loss,
        }
    }
}

/// `init`
#[derive(Debug, Args)]
pub struct Init {
    /// The file to write; an existing one is left alone
    #[arg(default_value = "tollgate.yaml")]
    pub path: PathBuf,
    /// Print it instead
    #[arg(long)]
    pub stdout: bool,
}

/// The commands of a kind of objects that can be managed.
#[derive(Debug, Subcommand)]
pub enum Objects {
    /// List them
    #[command(after_help = "Examples:\n  tollgate backends list\n  tollgate models list -o json")]
    List,
    /// Show one
    #[command(after_help = "Examples:\n  tollgate backends show openai -o yaml")]
    Show {
        /// Its id (a model's name)
        id: String,
    },
    /// Create one from a JSON or YAML file, in the configuration file's words
    #[command(after_help = "\
Examples:
  tollgate backends create -f openai.yaml
  echo '{\"id\":\"extra\",\"apis\":[\"openai\"]}' | tollgate products create -f -
  tollgate models create -f model.json --dry-run")]
    Create(Write),
    /// Create one or replace it by a JSON or YAML file
    #[command(after_help = "Examples:\n  tollgate pools put -f chat.yaml")]
    Put(Write),
    /// Delete one
    #[command(after_help = "Examples:\n  tollgate models delete fast")]
    Delete {
        /// Its id (a model's name)
        id: String,
    },
}

/// Where an object's new state is read.
#[derive(Clone, Debug, Args)]
pub struct Write {
    /// JSON or YAML file; `-` reads standard input
    #[arg(short, long, value_name = "FILE")]
    pub file: PathBuf,
    /// Check everything, store nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// The commands of a kind of objects that only the configuration file declares.
#[derive(Debug, Subcommand)]
pub enum ReadOnly {
    /// List them
    #[command(after_help = "Examples:\n  tollgate users list")]
    List,
    /// Show one
    #[command(after_help = "Examples:\n  tollgate users show ada")]
    Show {
        /// Its id
        id: String,
    },
}

/// `admin`: all of them work on this machine's database, whether the server runs or not.
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// Print a link that signs in to the console once, within 30 minutes
    #[command(after_help = "Examples:\n  tollgate admin login-link -q")]
    LoginLink,
    /// Create an administrator's token and print it, once
    #[command(after_help = "\
Examples:
  tollgate admin token ci
  export TOLLGATE_TOKEN=$(tollgate admin token ci -q)")]
    Token {
        /// A name to recognise it by
        name: String,
    },
    /// List administrators' tokens, without the tokens
    #[command(after_help = "Examples:\n  tollgate admin tokens -o csv")]
    Tokens,
    /// Revoke an administrator's token; it is refused at once
    #[command(after_help = "Examples:\n  tollgate admin revoke ci")]
    Revoke {
        /// The token's name
        name: String,
    },
    /// Copy the database to a file, while the server runs
    #[command(after_help = "Examples:\n  tollgate admin backup tollgate-backup.db")]
    Backup {
        /// The file to write; must not exist
        file: PathBuf,
    },
    /// Put a backup in the database's place; the server must be stopped
    #[command(after_help = "Examples:\n  tollgate admin restore tollgate-backup.db")]
    Restore {
        /// The backup
        file: PathBuf,
    },
    /// Bring the database to this version's schema (serve does it too)
    #[command(after_help = "Examples:\n  tollgate admin migrate")]
    Migrate,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(line: &str) -> Result<Cli, clap::Error> {
        Cli::try_parse_from(line.split_whitespace())
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn good_lines_parse() {
        for line in [
            "tollgate",
            "tollgate --gateway-listen 127.0.0.1:0",
            "tollgate serve --config x.yaml --gateway-listen 127.0.0.1:0 --no-watch",
            "tollgate --config x.yaml check -o json",
            "tollgate keys create team-a --product starter -q",
            "tollgate keys create team-a --scope api:orders --metadata a=b --metadata c=d=e",
            "tollgate keys regenerate team-a --which secondary",
            "tollgate backends create -f - --dry-run",
            "tollgate users list -o csv",
            "tollgate admin login-link --offline",
            "tollgate usage",
            "tollgate usage --by model --from -24h --to now --bucket hour -o csv",
            "tollgate usage rows --from today --status 5xx -o json",
            "tollgate usage statement --month 2026-10 --product team",
            "tollgate usage focus --from last-month --to this-month",
            "tollgate logs -f -n 10",
            "tollgate quotas raise a#b --by 5M --until +24h --reason launch",
            "tollgate ledger verify",
            "tollgate policy fmt a.xml --to yaml",
            "tollgate policy explain --api orders --operation list --product team",
            "tollgate policy test a.xml --request r.json -o json",
            "tollgate import apim dir --out x --strict",
            "tollgate import apim dir --stats -o json --var-file v.tfvars",
            "tollgate completions bash",
        ] {
            assert!(parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_set_to_nothing_is_not_set() {
        let line = ["tollgate", "--config", "", "--data-dir", "", "--server", "", "version"];
        let global = Cli::try_parse_from(line).expect("parses").global.without_blanks();
        assert!(global.config.is_none() && global.data_dir.is_none() && global.server.is_none());
    }

    #[test]
    fn bad_lines_are_refused_with_code_2() {
        for line in [
            "tollgate nonsense",
            "tollgate keys create team-a",
            "tollgate keys create team-a --product a --scope all",
            "tollgate keys create team-a --product a --metadata nothing",
            "tollgate keys create team-a --product a --expires tomorrow",
            "tollgate serve --gateway-listen nowhere",
            "tollgate users delete ada",
            "tollgate usage --by planet",
            "tollgate usage statement --month 2026-10",
            "tollgate quotas raise a#b --until +24h --reason launch",
            "tollgate quotas raise a#b --by 1 --to 2 --until +24h --reason launch",
            "tollgate keys list -o xml",
            "tollgate keys list --offline --server http://127.0.0.1:8081",
        ] {
            let error = parse(line).expect_err(line);
            assert_eq!(error.exit_code(), 2, "{line}");
        }
    }
}

//! The command line: parses, runs one command, turns its failure into one sentence and an exit code.
//!
//! Commands are thin: what they do is done by `app`, `settings`, and the admin API or `snapshot::control`.

mod admin;
mod args;
pub mod bench;
mod cache;
mod check;
mod client;
mod doctor;
mod exit;
mod import;
mod init;
mod keys;
mod ledger;
mod logs;
mod manager;
mod models;
mod models_count;
mod objects;
mod offline;
mod place;
mod policy;
mod print;
mod questions;
mod quotas;
mod reload;
mod serve;
mod table;
mod usage;
mod yaml;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use serde_json::json;

use args::{Cli, Command};
use exit::Failure;

use crate::settings::ObjectKind;

/// Runs the command line of this process.
#[must_use]
pub fn main() -> ExitCode {
    // clap prints its own help and usage errors, and exits with 0 or 2.
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::say(&failure.to_string());
            failure.exit.into()
        }
    }
}

fn run(cli: Cli) -> Result<(), Failure> {
    let global = &cli.global.without_blanks();
    let before = cli.serve;
    match cli.command.unwrap_or_else(|| Command::Serve(before.clone())) {
        Command::Serve(serve) => serve::run(global, &serve.or(&before)),
        Command::Demo(listen) => serve::demo(global, &listen.or(&before.listen)),
        Command::Init(init) => init::run(&init),
        Command::Check => check::run(global),
        Command::Doctor => wait_for(doctor::run(global)),
        Command::Schema => Ok(print::data(&format!("{:#}\n", crate::settings::schema()))?),
        Command::Keys(keys) => wait_for(keys::run(global, keys)),
        Command::Products(products) => wait_for(objects::run(global, ObjectKind::Product, products)),
        Command::Apis(apis) => wait_for(objects::run(global, ObjectKind::Api, apis)),
        Command::Backends(backends) => wait_for(objects::run(global, ObjectKind::Backend, backends)),
        Command::Pools(pools) => wait_for(objects::run(global, ObjectKind::Pool, pools)),
        Command::Models(models) => wait_for(models::run(global, models)),
        Command::Users(users) => wait_for(objects::read(global, ObjectKind::User, users)),
        Command::Usage(usage) => wait_for(usage::run(global, *usage)),
        Command::Logs(logs) => wait_for(logs::run(global, &logs)),
        Command::Quotas(quotas) => wait_for(quotas::run(global, quotas)),
        Command::Cache(cache) => wait_for(cache::run(global, cache)),
        Command::Ledger(ledger) => wait_for(ledger::run(global, ledger)),
        Command::Policy(policy) => policy::run(global, policy),
        Command::Import(import) => import::run(global, &import),
        Command::Admin(admin) => wait_for(admin::run(global, admin)),
        Command::Reload => wait_for(reload::run(global)),
        Command::Bench(asked) => wait_for(bench::run(&asked)),
        Command::Completions { shell } => completions(shell),
        Command::Version => version(global.output),
    }
}

fn wait_for<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(work)
}

fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "tollgate", &mut script);
    Ok(print::data(&String::from_utf8_lossy(&script))?)
}

fn version(format: print::Format) -> Result<(), Failure> {
    let version = env!("CARGO_PKG_VERSION");
    let text = match format {
        print::Format::Table => format!("tollgate {version}\n"),
        other => print::render_one(other, &json!({ "name": "tollgate", "version": version })),
    };
    Ok(print::data(&text)?)
}

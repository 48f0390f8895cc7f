//! `tollgate ledger verify`: proves on the database, beside a running server or without one, that the ledger is whole.

use serde_json::{Value, json};

use super::{
    args::{Global, usage::Ledger},
    exit::{Exit, Failure},
    offline::Offline,
    print::{self, Format},
};
use crate::{
    store::{ChainReport, StoreError},
    usage::verify::{Verdict, verify},
};

/// Runs the command.
pub async fn run(global: &Global, command: Ledger) -> Result<(), Failure> {
    let Ledger::Verify = command;
    let offline = Offline::open(global).await?;
    let verdict = proven(&offline).await;
    offline.close().await;
    told(global, &verdict?)
}

async fn proven(offline: &Offline) -> Result<Verdict, StoreError> {
    verify(&*offline.books()).await
}

fn told(global: &Global, verdict: &Verdict) -> Result<(), Failure> {
    let findings: Vec<String> = verdict.findings().map(|finding| finding.to_string()).collect();
    match global.output {
        Format::Table => print::data(&print::lines(&findings))?,
        Format::Csv => {
            let rows: Vec<Value> = findings.iter().map(|finding| json!({ "finding": finding })).collect();
            print::data(&print::render(Format::Csv, &rows, &["finding"]))?;
        }
        format => {
            let whole = json!({
                "sound": verdict.is_sound(),
                "rows": verdict.rows(),
                "chains": verdict.chains.iter().map(chain).collect::<Vec<_>>(),
                "findings": findings,
            });
            print::data(&print::render_one(format, &whole))?;
        }
    }
    if verdict.is_sound() {
        print::say(&format!(
            "The ledger is whole: {} rows, each where it was written, and all sums agree.",
            verdict.rows()
        ));
        return Ok(());
    }
    let count = findings.len();
    Err(Failure::new(
        Exit::Differences,
        format!("the ledger is not whole: {count} findings; keep a backup as evidence"),
    ))
}

fn chain(chain: &ChainReport) -> Value {
    json!({ "replica": &*chain.replica, "pruned": chain.pruned, "verified": chain.verified, "head": chain.head })
}

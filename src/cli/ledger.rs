//! `tollgate ledger`: proves that the ledger is whole, or makes the sums of reports anew; on the database, beside a
//! running server or without one.

use serde_json::{Value, json};

use super::{
    args::{Global, usage::Ledger},
    exit::{Exit, Failure},
    offline::Offline,
    print::{self, Format},
};
use crate::{
    store::{ChainReport, Rebuilt, StoreError},
    usage::verify::{Verdict, verify},
};

/// Runs the command.
pub async fn run(global: &Global, command: Ledger) -> Result<(), Failure> {
    let offline = Offline::open(global).await?;
    let done = match command {
        Ledger::Verify => proven(&offline).await.map(Done::Verified),
        Ledger::RebuildReports => offline.books().rebuild_rollups().await.map(Done::Rebuilt),
    };
    offline.close().await;
    match done? {
        Done::Verified(verdict) => told(global, &verdict),
        Done::Rebuilt(rebuilt) => mended(global, &rebuilt),
    }
}

enum Done {
    Verified(Verdict),
    Rebuilt(Rebuilt),
}

fn mended(global: &Global, rebuilt: &Rebuilt) -> Result<(), Failure> {
    let Rebuilt { hours, pages, lost, tokens_missing } = rebuilt;
    let lost: Vec<Value> = lost
        .iter()
        .map(|(start, day)| json!({ "start": start.to_string(), "span": if *day { "day" } else { "hour" } }))
        .collect();
    match global.output {
        Format::Table => {}
        Format::Csv => print::data(&print::render(Format::Csv, &lost, &["start", "span"]))?,
        format => {
            let whole = json!({ "hours": hours, "pages": pages, "lost": lost, "tokens_missing": tokens_missing });
            print::data(&print::render_one(format, &whole))?;
        }
    }
    print::say(&format!("{hours} hours were compared with their rows; {pages} pages of sums were written anew."));
    if lost.is_empty() {
        return Ok(());
    }
    let count = lost.len();
    Err(Failure::new(
        Exit::Differences,
        format!(
            "the sums of {count} hours and days are lost: they were damaged, and their rows are past their age. Reports \
             lack {tokens_missing} tokens of all that were ever booked; a backup of the database may have them"
        ),
    ))
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

//! `tollgate logs`: the newest requests, and those to come.

use std::{collections::VecDeque, time::Duration};

use serde_json::Value;

use super::{
    args::{Global, usage::Logs},
    exit::Failure,
    manager::Manager,
    print::{self, Format},
    questions::{Question, items},
    usage::row_params,
};
use crate::{document::csv, usage::report};

/// How often new rows are looked for.
const EVERY: Duration = Duration::from_secs(1);
/// Rows are written a moment after their requests, in the order in which those ended: that far back is looked again.
const OVERLAP: &str = "-15m";
/// Rows of that time that are remembered as shown.
const REMEMBERED: usize = 20_000;

/// Runs the command.
pub async fn run(global: &Global, asked: &Logs) -> Result<(), Failure> {
    let manager = Manager::open(global).await?;
    let done = tokio::select! {
        done = print_log(global, &manager, asked) => done,
        interrupted = tokio::signal::ctrl_c() => interrupted.map_err(Failure::from),
    };
    manager.close().await;
    done
}

async fn print_log(global: &Global, manager: &Manager, asked: &Logs) -> Result<(), Failure> {
    let mut params = row_params(&asked.rows);
    if asked.rows.range.from.is_none() {
        params.set("from", "-24h");
    }
    params.set("limit", asked.lines.to_string());
    let mut newest = items(&mut manager.ask(&Question::Requests, &params).await?);
    newest.reverse();
    print_rows(global, &newest, true)?;
    if !asked.follow {
        return Ok(());
    }
    let mut seen: VecDeque<Value> = newest.iter().map(|row| row["request_id"].clone()).collect();
    params.set("limit", "1000");
    params.set("from", OVERLAP);
    loop {
        tokio::time::sleep(EVERY).await;
        let mut rows = items(&mut manager.ask(&Question::Requests, &params).await?);
        rows.retain(|row| !seen.contains(&row["request_id"]));
        rows.reverse();
        print_rows(global, &rows, false)?;
        seen.extend(rows.into_iter().map(|mut row| row["request_id"].take()));
        seen.drain(..seen.len().saturating_sub(REMEMBERED));
    }
}

fn print_rows(global: &Global, rows: &[Value], first: bool) -> Result<(), Failure> {
    let (columns, shown) = report::columns();
    let text = match global.output {
        Format::Json => print::lines(rows),
        Format::Csv if !first => rows.iter().map(|row| csv::line(row, columns)).collect(),
        Format::Csv => csv::write(rows, columns),
        Format::Yaml => print::render(Format::Yaml, rows, columns),
        Format::Table => {
            let table = print::render(Format::Table, rows, shown);
            if first { table } else { table.split_once('\n').map_or_else(String::new, |(_, rest)| rest.to_owned()) }
        }
    };
    Ok(print::data(&text)?)
}

//! `tollgate usage`: reports, single rows, statements, the FOCUS export.

use serde_json::Value;

use super::{
    args::{
        Global,
        usage::{Focus, Report, Rows, Statement, Usage, UsageView, put, word},
    },
    exit::Failure,
    manager::Manager,
    print::{self, Format},
    questions::{Question, items},
};
use crate::{
    document::csv,
    usage::report::{self, Params, focus, statement},
};

/// Runs the command.
pub async fn run(global: &Global, command: Usage) -> Result<(), Failure> {
    let manager = Manager::open(global).await?;
    let done = match &command.view {
        None => summed_up(global, &manager, &command.report).await,
        Some(UsageView::Rows(rows)) => single(global, &manager, rows).await,
        Some(UsageView::Statement(statement)) => of_a_month(global, &manager, statement).await,
        Some(UsageView::Focus(focus)) => exported(global, &manager, focus).await,
    };
    manager.close().await;
    done
}

async fn summed_up(global: &Global, manager: &Manager, asked: &Report) -> Result<(), Failure> {
    let mut params = Params::default();
    asked.range.put(&mut params);
    asked.filters.put(&mut params);
    if let Some(step) = &asked.bucket {
        params.set("bucket", word(step));
    }
    let by = word(&asked.by);
    let about = report::about(&by, &params)?;
    let table = global.output == Format::Table && !global.quiet;
    if table {
        params.set("total", "true");
    }
    let (mut lines, head) = manager.ask_all(&Question::Report(by.clone()), params).await?;
    let period = format!("{} to {}", text(&head["from"]), text(&head["to"]));
    if lines.is_empty() {
        print::say(&format!("No usage from {period}."));
    } else if table {
        let mut total = head["total"].clone();
        total[about.shown()[0]] = "TOTAL".into();
        lines.push(total);
        print::say(&format!("From {period}."));
    }
    unpriced(&head["total"]);
    show(global, &lines, &about.columns(), &about.shown())
}

async fn single(global: &Global, manager: &Manager, asked: &Rows) -> Result<(), Failure> {
    let mut params = row_params(asked);
    params.set("order", "oldest");
    params.set("limit", "1000");
    let (columns, shown) = report::columns();
    if global.quiet || matches!(global.output, Format::Table | Format::Yaml) {
        let (lines, _) = manager.ask_all(&Question::Requests, params).await?;
        return show(global, &lines, columns, shown);
    }
    // Page by page: there may be millions.
    if global.output == Format::Csv {
        print::data(&csv::header(columns))?;
    }
    loop {
        let mut page = manager.ask(&Question::Requests, &params).await?;
        let lines = items(&mut page);
        let line =
            |row: &Value| if global.output == Format::Csv { csv::line(row, columns) } else { format!("{row}\n") };
        print::data(&lines.iter().map(line).collect::<String>())?;
        match page["next"].as_str() {
            Some(next) => params.set("after", next),
            None => return Ok(()),
        }
    }
}

/// The flags of rows as parameters.
pub fn row_params(asked: &Rows) -> Params {
    let mut params = Params::default();
    asked.range.put(&mut params);
    asked.filters.put(&mut params);
    let own = [
        ("outcome", &asked.outcome),
        ("status", &asked.status),
        ("end_user", &asked.end_user),
        ("client_request_id", &asked.client_request_id),
    ];
    put(&mut params, &own);
    params
}

async fn of_a_month(global: &Global, manager: &Manager, asked: &Statement) -> Result<(), Failure> {
    let mut params = Params::default();
    params.set("month", &asked.month);
    put(&mut params, &[("tz", &asked.tz), ("product", &asked.product), ("subscription", &asked.subscription)]);
    let (lines, head) = manager.ask_all(&Question::Statement, params).await?;
    if head["final"] == false {
        print::say(&format!("{} is not over: this statement will grow.", text(&head["month"])));
    }
    let total = lines.iter().find(|line| line["section"] == "total").cloned().unwrap_or_default();
    unpriced(&total);
    show(global, &lines, &statement::columns(), &statement::shown())
}

async fn exported(global: &Global, manager: &Manager, asked: &Focus) -> Result<(), Failure> {
    let mut params = Params::default();
    put(&mut params, &[("from", &asked.from), ("to", &asked.to), ("account", &asked.account)]);
    asked.filters.put(&mut params);
    // A file for finance systems: a table of it is nothing that anybody imports.
    let format = if global.output == Format::Table { Format::Csv } else { global.output };
    let unpriced = if format == Format::Csv {
        print::data(&csv::header(focus::COLUMNS))?;
        page_by_page(manager, params).await?
    } else {
        let (lines, _) = manager.ask_all(&Question::Focus, params).await?;
        print::data(&print::render(format, &lines, focus::COLUMNS))?;
        unpriced_in(&lines)
    };
    if unpriced > 0 {
        print::say(&format!("{unpriced} requests have no price and stand with 0.00; x_UnpricedRequests says where."));
    }
    Ok(())
}

/// There may be years of it. Gives how many requests have no price.
async fn page_by_page(manager: &Manager, mut params: Params) -> Result<i64, Failure> {
    let mut unpriced = 0;
    loop {
        let mut page = manager.ask(&Question::Focus, &params).await?;
        let lines = items(&mut page);
        unpriced += unpriced_in(&lines);
        print::data(&lines.iter().map(|line| csv::line(line, focus::COLUMNS)).collect::<String>())?;
        match page["next"].as_str() {
            Some(next) => params.set("after", next),
            None => return Ok(unpriced),
        }
    }
}

fn unpriced_in(lines: &[Value]) -> i64 {
    lines.iter().filter_map(|line| line["x_UnpricedRequests"].as_i64()).sum()
}

/// A table shows some fields; everything else shows all of them. `-q`: what each line is about alone.
pub fn show(global: &Global, lines: &[Value], columns: &[&str], shown: &[&str]) -> Result<(), Failure> {
    if global.quiet {
        let id = ["request_id", "account"].into_iter().find(|name| columns.contains(name)).unwrap_or(shown[0]);
        let ids = lines.iter().map(|line| format!("{}\n", line[id].as_str().unwrap_or("-")));
        return Ok(print::data(&ids.collect::<String>())?);
    }
    let columns = if global.output == Format::Table { shown } else { columns };
    Ok(print::data(&print::render(global.output, lines, columns))?)
}

fn unpriced(total: &Value) {
    if let Some(count @ 1..) = total["unpriced_calls"].as_i64() {
        print::say(&format!(
            "{count} calls used tokens of models without a price: their cost is not in the sums. `tollgate models prices` \
             shows which models have none."
        ));
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or("?")
}

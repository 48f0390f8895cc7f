//! `tollgate check`: every problem of the configuration at once.

use serde_json::{Value, json};

use super::{
    args::Global,
    exit::{Exit, Failure},
    place, print, wait_for,
};
use crate::{
    app::{Env, configuration::Configuration},
    model::{Clock, Entropy},
    settings::Problem,
};

/// The fields of a problem, in a table's order.
pub const COLUMNS: [&str; 5] = ["file", "line", "column", "path", "message"];

/// Runs the command.
pub fn run(global: &Global) -> Result<(), Failure> {
    let Some(source) = place::configuration(global)? else {
        return Err(Failure::new(
            Exit::Configuration,
            "there is no configuration to check: name it with --config, or write one with `tollgate init`",
        ));
    };
    // Inside a runtime because compiled backends hold connectors.
    let checked = wait_for(async {
        let configuration = Configuration::from_source(source, Env::process());
        Ok(configuration.check(Clock::system(), Entropy::system()))
    });
    match checked? {
        Ok(reading) => report_good(global, &reading.warnings),
        Err(problems) => report_bad(global, &problems),
    }
}

fn report_good(global: &Global, warnings: &[Problem]) -> Result<(), Failure> {
    if global.output != print::Format::Table {
        print::data(&print::render_one(
            global.output,
            &json!({ "valid": true, "problems": [], "warnings": rows(warnings) }),
        ))?;
    }
    for warning in warnings {
        print::say(&format!("warning: {warning}"));
    }
    print::say("The configuration is valid.");
    Ok(())
}

fn report_bad(global: &Global, problems: &[Problem]) -> Result<(), Failure> {
    match global.output {
        print::Format::Table => problems.iter().for_each(|problem| print::say(&problem.to_string())),
        print::Format::Csv => print::data(&print::render(global.output, &rows(problems), &COLUMNS))?,
        other => print::data(&print::render_one(other, &json!({ "valid": false, "problems": rows(problems) })))?,
    }
    let count = problems.len();
    let noun = if count == 1 { "problem" } else { "problems" };
    Err(Failure::new(
        Exit::Configuration,
        format!("the configuration has {count} {noun}; nothing was started or changed"),
    ))
}

/// Problems as data.
pub fn rows(problems: &[Problem]) -> Vec<Value> {
    problems.iter().map(row).collect()
}

fn row(problem: &Problem) -> Value {
    let origin = problem.origin.as_ref();
    json!({
        "file": origin.map(|origin| origin.file.display().to_string()),
        "line": origin.map(|origin| origin.line),
        "column": origin.map(|origin| origin.column),
        "path": problem.path,
        "message": problem.message,
    })
}

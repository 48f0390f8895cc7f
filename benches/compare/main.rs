//! What Tollgate costs, beside nginx as a plain reverse proxy and a minimal hyper pass-through, in one run.
//!
//! `cargo bench --bench compare` prints one Markdown table; `-- --write` also puts it into README.md. Every process
//! (mock provider, each gateway, load driver) is a process of its own, so that CPU time is told apart by
//! `/proc/PID/stat`; targets take turns and the medians of all rounds are shown. `-- --rounds 7 --seconds 3`.
#![expect(clippy::disallowed_methods, reason = "a bench measures real time and starts the processes it compares")]
#![expect(clippy::cast_precision_loss, reason = "figures for people need no 53rd bit")]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints its figures")]

mod floor;
mod process;
mod report;
mod roles;
mod scenario;
mod targets;

use std::time::Duration;

use tollgate::cli::bench::load::AnyError;

/// What the command line asks for.
struct Asked {
    rounds: usize,
    seconds: f64,
    write: bool,
    only: Option<String>,
}

fn main() -> Result<(), AnyError> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("role-mock") => roles::mock(),
        Some("role-floor") => floor::run(&arguments[1], arguments[2].parse()?),
        Some("role-load") => roles::load(&arguments[1]),
        _ => compare(&asked(&arguments)?),
    }
}

fn asked(arguments: &[String]) -> Result<Asked, AnyError> {
    let mut asked = Asked { rounds: 5, seconds: 3.0, write: false, only: None };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let mut value = || rest.next().ok_or_else(|| format!("{argument} needs a value"));
        match argument.as_str() {
            "--rounds" => asked.rounds = value()?.parse()?,
            "--seconds" => asked.seconds = value()?.parse()?,
            "--only" => asked.only = Some(value()?.clone()),
            "--write" => asked.write = true,
            "--help" => {
                println!("--rounds N  --seconds S  --only SCENARIO  --write");
                std::process::exit(0);
            }
            other => return Err(format!("unknown argument {other}").into()),
        }
    }
    Ok(asked)
}

fn compare(asked: &Asked) -> Result<(), AnyError> {
    let stage = targets::Stage::set()?;
    std::thread::sleep(Duration::from_secs(1));
    let mut report = report::Report::default();
    for round in 0..asked.rounds {
        for scenario in scenario::ALL.iter().filter(|s| asked.only.as_ref().is_none_or(|only| s.name == only)) {
            if round >= scenario.most_rounds {
                continue;
            }
            for target in stage.in_turn(round, scenario) {
                let result = scenario.run(target, asked.seconds)?;
                eprintln!("round {round}: {} {}: {result:?}", scenario.name, target.label);
                report.add(scenario.name, target.label, result);
            }
        }
    }
    let text = report.markdown();
    println!("{text}");
    if asked.write {
        report::write_to_readme(&text)?;
    }
    Ok(())
}

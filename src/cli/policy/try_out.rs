//! `tollgate policy test`: runs a document against a scripted backend, and shows each step with before and after.

use serde_json::{Value as Json, json};

use super::{
    case::Case,
    expectation,
    script::Sent,
    stage::{self, Played},
    world::{self, World},
};
use crate::{
    cli::{
        args::{Global, PolicyTest},
        exit::{Exit, Failure},
        print,
    },
    document::{self, Format},
    policies::{Ended, Pipeline, Response, Trouble, compile::OnUnsupported, tracing::TraceStep},
    policy::{Document, Fragment, Scope, Section},
};

/// Runs the command. Not async by itself: the case has a runtime of its own, whose clock stands still.
pub async fn run(global: &Global, asked: PolicyTest) -> Result<(), Failure> {
    let output = global.output;
    let task = tokio::task::spawn_blocking(move || tried(&asked));
    let (case, played) = task.await.map_err(|error| Failure::failed(error.to_string()))??;
    let differences = case.expect.as_ref().map_or_else(Vec::new, |expect| expectation::differences(expect, &played));
    match output {
        print::Format::Table => print::data(&told(&played))?,
        other => print::data(&print::render_one(other, &to_json(&played, &differences)))?,
    }
    if differences.is_empty() {
        let what =
            if case.expect.is_some() { "As expected." } else { "Nothing was expected (`expect` in the request file)." };
        print::say(what);
        return Ok(());
    }
    Err(Failure::new(Exit::Failed, format!("not as expected:\n  {}", differences.join("\n  "))))
}

fn tried(asked: &PolicyTest) -> Result<(Case, Played), Failure> {
    let name = asked.request.display().to_string();
    let case = case(&name, &super::read(&asked.request)?)?;
    let file = asked.file.display().to_string();
    let text = super::read(&asked.file)?;
    let played = play(&file, &text, &case, OnUnsupported::FailWhenReached)?;
    Ok((case, played))
}

/// Reads a case: JSON, or YAML by the file's ending.
pub fn case(name: &str, text: &str) -> Result<Case, Failure> {
    let format = Format::of(std::path::Path::new(name)).unwrap_or(Format::Json);
    let usage = |message: String| Failure::usage(format!("{name}: {message}"));
    let root = document::read(text, format)
        .map_err(|broken| usage(broken.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")))?;
    serde_json::from_value(root.to_json()).map_err(|error| usage(error.to_string()))
}

/// Plays a document, or a fragment as the only thing in a section: the first that it can stand in.
pub fn play(file: &str, text: &str, case: &Case, how: OnUnsupported) -> Result<Played, Failure> {
    let mut world = World::open();
    for (name, value) in &case.named_values {
        world = world.with_value(name, value);
    }
    for (id, text) in &case.fragments {
        let fragment = Fragment::read(&format!("fragment {id}"), text).map_err(|problems| super::refused(&problems))?;
        world.fragments.insert(id.clone(), fragment);
    }
    let compiled = |document: &Document| compiled(document, &world, how);
    let pipeline = if super::fmt::is_fragment(text) {
        standing(file, text, case.section.as_deref(), compiled)?
    } else {
        compiled(&Document::read(file, text).map_err(|problems| super::refused(&problems))?)?
    };
    let (pipeline, warnings) = pipeline;
    let played = stage::play(&pipeline, case).map_err(Failure::usage)?;
    Ok(Played { warnings: warnings.iter().map(super::told).collect(), ..played })
}

/// A pipeline, and what is odd about its documents.
type Made = (Pipeline, Vec<Trouble>);

fn compiled(document: &Document, world: &World, how: OnUnsupported) -> Result<Made, Failure> {
    let (world, document) = world.fitting(document).map_err(|problems| super::refused(&problems))?;
    stage::compiled(&[(Scope::Api, document)], &world, how).map_err(|troubles| super::not_compiled(&troubles))
}

/// A fragment in the section that was asked for, or in the first that it can stand in; if there is none, what `inbound`
/// says of it.
fn standing(
    file: &str,
    text: &str,
    section: Option<&str>,
    compiled: impl Fn(&Document) -> Result<Made, Failure>,
) -> Result<Made, Failure> {
    let fragment = Fragment::read(file, text).map_err(|problems| super::refused(&problems))?;
    if let Some(name) = section {
        let section = Section::ALL.into_iter().find(|section| section.name() == name);
        let section = section.ok_or_else(|| {
            let names: Vec<&str> = Section::ALL.into_iter().map(Section::name).collect();
            Failure::usage(format!("section `{name}` is none of {}", names.join(", ")))
        })?;
        return compiled(&world::including(file, &fragment, section).map_err(|problems| super::refused(&problems))?);
    }
    let mut first = None;
    for section in Section::ALL {
        let document = world::including(file, &fragment, section).map_err(|problems| super::refused(&problems))?;
        match compiled(&document) {
            Ok(pipeline) => return Ok(pipeline),
            Err(failure) => first = first.or(Some(failure)),
        }
    }
    Err(first.unwrap_or_else(|| Failure::failed("there is no section")))
}

fn to_json(played: &Played, differences: &[String]) -> Json {
    let response = played.response.as_ref();
    json!({
        "steps": played.trace.steps.iter().map(step_json).collect::<Vec<_>>(),
        "sent": played.sent.iter().map(sent_json).collect::<Vec<_>>(),
        "status": response.map(|response| response.status.as_u16()),
        "reason": response.map(Response::reason),
        "headers": response.map(|response| headers_json(&response.headers)),
        "body": String::from_utf8_lossy(&played.body),
        "failure": failure(played),
        "called": played.called.iter().map(sent_json).collect::<Vec<_>>(),
        "warnings": played.warnings,
        "differences": differences,
    })
}

fn sent_json(sent: &Sent) -> Json {
    json!({
        "method": sent.method, "url": sent.url, "backend": sent.backend, "headers": headers_json(&sent.headers),
        "body": String::from_utf8_lossy(&sent.body),
    })
}

/// Lines of the same name joined by `, `.
fn headers_json(headers: &http::HeaderMap) -> Json {
    let joined = |name: &http::HeaderName| {
        let lines: Vec<_> = headers.get_all(name).iter().map(|line| String::from_utf8_lossy(line.as_bytes())).collect();
        (name.to_string(), Json::from(lines.join(", ")))
    };
    Json::Object(headers.keys().map(joined).collect())
}

fn step_json(step: &TraceStep) -> Json {
    json!({
        "policy": step.policy, "scope": step.scope, "section": step.section, "path": step.path, "place": step.place,
        "changes": step.changes, "said": step.said, "result": step.result, "took_us": step.took.as_micros(),
    })
}

/// Why it failed, and where: also where `on-error` made an answer of it.
fn failure(played: &Played) -> Option<String> {
    let (Ended::Failed(failure) | Ended::Recovered(failure)) = &played.ended else { return None };
    let told = format!("{}: {} ({})", failure.source, failure.message, failure.reason);
    let path = played.last_error.as_ref().and_then(|error| error.path.clone());
    Some(path.map_or_else(|| told.clone(), |path| format!("{told} at {path}")))
}

/// The journey for people: a line a step, what it changed below it.
fn told(played: &Played) -> String {
    let mut lines = Vec::new();
    for step in &played.trace.steps {
        let place = step.place.rsplit_once('/').map_or(step.place.as_str(), |(_, name)| name);
        let took = if step.took.is_zero() { String::new() } else { format!(", {:?}", step.took) };
        lines.push(format!("{:<9} {}  ({place})  {}{took}", step.section, step.path, step.result));
        lines.extend(step.said.iter().map(|said| format!("            said {said}")));
        for (name, change) in &step.changes {
            lines.push(format!("            {name}: {} -> {}", change[0], change[1]));
        }
    }
    for sent in &played.sent {
        lines.push(format!("sent      {} {} {}", sent.method, sent.backend, sent.url));
    }
    for called in &played.called {
        lines.push(format!("called    {} {}", called.method, called.url));
    }
    if let Some(response) = &played.response {
        lines.push(format!("answered  {} {}", response.status.as_u16(), response.reason()));
    }
    if let Some(failure) = failure(played) {
        lines.push(format!("failed    {failure}"));
    }
    lines.extend(played.warnings.iter().map(|warning| format!("note      {warning}")));
    lines.push(String::new());
    lines.join("\n")
}

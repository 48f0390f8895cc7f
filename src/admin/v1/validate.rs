//! `POST /admin/v1/validate`: every problem of a configuration text, which is then forgotten.
//!
//! The text may use the server's environment, as the file will, but its values are not repeated: where a message
//! would show one, it shows the variable's name. Files of the server are neither read nor probed.

use std::cell::RefCell;

use axum::response::Response;
use http::StatusCode;
use serde_json::json;

use crate::{
    admin::{
        answer,
        call::Call,
        refusal::{Refusal, describe},
    },
    document::Format,
    settings::{Problem, Source, load},
};

/// Values shorter than this are hidden nowhere: they are no secrets, and every message would be full of names.
const SHORTEST_SECRET: usize = 4;

pub(super) async fn post(call: Call) -> Result<Response, Refusal> {
    let format = match call.content_type().as_deref() {
        Some("application/json") => Format::Json,
        Some("application/toml") => Format::Toml,
        _ => Format::Yaml,
    };
    let (problems, warnings) = judge(format, call.text()?.to_owned(), &|name| std::env::var(name).ok());
    let body = json!({
        "valid": problems.is_empty(),
        "problems": problems.iter().map(describe).collect::<Vec<_>>(),
        "warnings": warnings.iter().map(describe).collect::<Vec<_>>(),
    });
    Ok(answer::json(StatusCode::OK, &body))
}

fn judge(format: Format, text: String, env: &dyn Fn(&str) -> Option<String>) -> (Vec<Problem>, Vec<Problem>) {
    let used = RefCell::new(Vec::new());
    let noting = |name: &str| {
        let value = env(name)?;
        used.borrow_mut().push((name.to_owned(), value.clone()));
        Some(value)
    };
    let (problems, warnings) = match load(&Source::Text { name: "body".to_owned(), format, text }, &noting) {
        Ok(loaded) => (Vec::new(), loaded.warnings),
        Err(problems) => (problems, Vec::new()),
    };
    let used = used.into_inner();
    let hidden = |problems: Vec<Problem>| problems.into_iter().map(|problem| hide(problem, &used)).collect();
    (hidden(problems), hidden(warnings))
}

fn hide(mut problem: Problem, used: &[(String, String)]) -> Problem {
    for (name, value) in used.iter().filter(|(_, value)| value.len() >= SHORTEST_SECRET) {
        let shown = format!("${{{name}}}");
        problem.message = problem.message.replace(value, &shown);
        problem.path = problem.path.replace(value, &shown);
    }
    problem
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(text: &str) -> Vec<String> {
        let env = |name: &str| (name == "SECRET").then(|| "canary-value".to_owned());
        judge(Format::Yaml, text.to_owned(), &env).0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn values_of_the_environment_are_used_and_never_shown() {
        let fine = "version: 1\nbackends: [{id: a, kind: openai, key: '${SECRET}'}]\n";
        assert_eq!(judged(fine), Vec::<String>::new());
        for place in
            ["models: [{name: m, backend: '${SECRET}'}]", "pools: [{id: p, members: [{backend: '${SECRET}'}]}]"]
        {
            let problems = judged(&format!("version: 1\n{place}\n"));
            assert!(!problems.is_empty(), "{place}");
            assert!(!problems.join("\n").contains("canary"), "{problems:?}");
        }
    }

    #[test]
    fn files_are_neither_read_nor_probed() {
        for path in ["/etc/hostname", "/nowhere/at/all"] {
            let named = format!("version: 1\nbackends: [{{id: a, kind: openai, tls: {{ca: {path}}}}}]\n");
            assert_eq!(judged(&named), Vec::<String>::new(), "named, not opened");
            for read in [format!("'${{file:{path}}}'"), format!("\"\\u0024{{file:{path}}}\"")] {
                let problems = judged(&format!("version: 1\nmodels: [{{name: m, backend: {read}}}]\n")).join("\n");
                assert!(problems.contains("is read in configuration files only"), "{read}: {problems}");
            }
        }
    }
}

//! The configurations that ship with Tollgate: defaults, template, examples. All of them load.

use std::{fs, path::Path};

use super::{INIT_TEMPLATE, Loaded, Settings, Source, load, schema, with_defaults};
use crate::document::Format;

/// Every variable is set, to a value that no two share; addresses are left at their defaults.
fn env(name: &str) -> Option<String> {
    (!name.ends_with("_ENDPOINT")).then(|| format!("value-of-the-variable-{name}"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn loaded(source: &Source) -> Loaded {
    load(source, &env).unwrap_or_else(|problems| {
        panic!("{source:?}: {:?}", problems.iter().map(ToString::to_string).collect::<Vec<_>>())
    })
}

/// `# - id: x` becomes `- id: x`, prose stays a comment: an example begins with `name:`, goes on indented, and ends
/// at a line that is no comment.
fn uncommented(text: &str) -> String {
    let empty = |line: &str| line.ends_with(": []");
    let lines: Vec<_> = text.lines().collect();
    let mut out = String::new();
    for (at, line) in lines.iter().enumerate() {
        let example = line.strip_prefix("# ").filter(|rest| {
            rest.starts_with("  ")
                || rest.split_once(':').is_some_and(|(name, rest)| rest.is_empty() && !name.contains(' '))
        });
        let replaced = empty(line) && lines.get(at + 1).is_some_and(|next| next.starts_with("# "));
        if !replaced {
            out.push_str(example.unwrap_or(line));
            out.push('\n');
        }
    }
    out
}

#[test]
fn the_default_configuration_is_the_defaults() {
    let loaded = loaded(&Source::File(root().join("config/tollgate.yaml")));
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!(loaded.warnings, []);
}

#[test]
fn the_default_configuration_mentions_every_setting() {
    let text = fs::read_to_string(root().join("config/tollgate.yaml")).expect("there");
    let schema = schema();
    let tables = schema["$defs"].as_object().expect("definitions").values().chain([&schema]);
    let names = tables.flat_map(|table| table["properties"].as_object().into_iter().flatten().map(|(name, _)| name));
    let missing: Vec<_> = names.filter(|name| !text.contains(&format!("{name}:"))).collect();
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_examples_in_the_default_configuration_are_right() {
    let text = uncommented(&fs::read_to_string(root().join("config/tollgate.yaml")).expect("there"));
    let text = text + "x: y\n";
    let source = Source::Text { name: "examples".into(), format: Format::Yaml, text };
    let problems = load(&source, &env).expect_err("it names files and backends that are not there");
    let lines: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    backends[1].tls.ca: cannot open `./ca.pem`: No such file or directory (os error 2)
    backends[1].tls.certificate: cannot open `./client.crt`: No such file or directory (os error 2)
    backends[1].tls.key: cannot open `./client.key`: No such file or directory (os error 2)
    pools[0].members[1].backend: there is no backend `openai`
    pools[0].members[2].backend: there is no backend `standby`
    models[0].larger_context: there is no model `gpt-4.1`; did you mean `gpt-4o`?
    models[1].backend: there is no backend `openai`
    apis[1].openapi: cannot open `./orders.openapi.yaml`: No such file or directory (os error 2)
    x: unknown field `x`; known here: apis, backends, groups, models, pools, products, server, subscriptions, users, version, workspaces
    ");
}

#[test]
fn the_template_of_init_loads() {
    let source = Source::Text { name: "init".into(), format: Format::Yaml, text: INIT_TEMPLATE.into() };
    let loaded = loaded(&source);
    assert_eq!((loaded.settings.models.len(), loaded.warnings.len()), (1, 0));
    assert_eq!(with_defaults(loaded.settings).apis.len(), 1);
}

#[test]
fn every_example_loads() {
    let folders = fs::read_dir(root().join("examples")).expect("there");
    let files: Vec<_> = folders
        .map(|entry| entry.expect("readable").path().join("tollgate.yaml"))
        .filter(|path| path.exists())
        .collect();
    assert!(files.len() >= 2, "{files:?}");
    for file in files {
        assert_eq!(loaded(&Source::File(file.clone())).warnings, [], "{}", file.display());
    }
}

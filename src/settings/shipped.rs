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
    let empty = |line: &str| line.ends_with(": []") || line.ends_with(": {}");
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
    let problems = load(&source, &env).expect_err("it names backends that are not there");
    let lines: Vec<_> = problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    pools[0].members[1].backend: there is no backend `openai`
    pools[0].members[2].backend: there is no backend `standby`
    models[0].larger_context: there is no model `gpt-4.1`; did you mean `gpt-4o`?
    models[1].backend: there is no backend `openai`
    models[2].backend: there is no backend `openai`
    x: unknown field `x`; known here: apis, backends, cache, certificates, groups, loggers, models, named_values, policies, policy_fragments, pools, prices, products, server, subscriptions, token_sources, users, version, workspaces
    ");
}

/// The example of the contract; `# later` marks what this version refuses.
const CONTRACT: &str = r#"
version: 1
server:
  gateway: { listen: 127.0.0.1:8080 }
  console: { listen: 127.0.0.1:8081 }
  data_dir: ./tollgate-data
  database: sqlite://tollgate-data/tollgate.db
  shared_state: redis://127.0.0.1:6379
backends:
  - id: azure-weu
    kind: azure-openai
    url: https://example.openai.azure.com
    key: ${AZURE_WEU_KEY}
    timeouts: { connect: 2s, first_byte: 60s, idle: 60s, total: 10m }
    circuit_breaker:
      - { failures: 3, interval: 60s, open_for: 30s, on: [429, 5xx, connect, timeout], accept_retry_after: true }
    auth: entra # later
  - { id: openai, kind: openai, credentials: [{ key: "${A}" }, { key: "${B}" }] }
  - { id: standby, kind: openai-compatible, url: "http://127.0.0.1:9000/v1" }
  - { id: orders-svc, kind: http, url: http://127.0.0.1:9001 }
pools:
  - id: chat
    balance: weighted
    session_affinity: none
    members:
      - { backend: azure-weu, priority: 1, weight: 70 }
      - { backend: openai, priority: 1, weight: 30 }
      - { backend: standby, priority: 2 }
models:
  - { name: gpt-4o, pool: chat }
  - { name: fast, backend: openai, upstream_model: gpt-4o-mini }
products:
  - id: team
    title: Team access
    approval: none
    apis: [openai, orders]
    models: [gpt-4o, fast]
    limits: { requests_per_minute: 600, tokens_per_minute: 20000, tokens_per_month: 5M, budget_per_month: 200 USD, concurrency: 50, reserve: adaptive }
subscriptions:
  - { id: team-a, product: team, key: ${TEAM_A_KEY} }
apis:
  - id: openai
    kind: models
    path: /
  - id: orders
    kind: http
    path: /orders
    backend: orders-svc
    openapi: ./orders.openapi.yaml
    versioning: { scheme: path, version: v1 }
    policy: <policies />
policies: { global: <policies /> }
named_values: [{ id: contact, value: ops@example.org }]
cache: { semantic: { mode: strict, embeddings: builtin } }
"#;

#[test]
fn the_example_of_the_contract_is_understood_and_what_comes_later_is_refused() {
    let text = |text: String| Source::Text { name: "contract".into(), format: Format::Yaml, text };
    let now: String =
        CONTRACT.lines().filter(|line| !line.ends_with("# later")).flat_map(|line| [line, "\n"]).collect();
    assert_eq!(loaded(&text(now)).settings.backends.len(), 4);

    let problems = load(&text(CONTRACT.to_owned()), &env).expect_err("later settings");
    let lines: Vec<_> =
        problems.iter().map(|problem| problem.origin.as_ref().map_or(0, |origin| origin.line)).collect();
    let later = CONTRACT.lines().enumerate().filter(|(_, line)| line.ends_with("# later")).map(|(at, _)| at + 1);
    assert_eq!(lines, later.collect::<Vec<_>>());
    assert!(
        problems.iter().all(|problem| problem.message.contains("is not available in this version")),
        "{problems:?}"
    );
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

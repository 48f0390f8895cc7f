//! Whole folders of our own, in each layout, converted with a judge that finds every document good or bad by its name.

use std::path::{Path, PathBuf};

use super::{
    convert::{Converted, Judge, World, convert},
    found::{Found, Place},
    report::{Became, Judged, Standing},
    variables::{self, Variables},
};

/// Refuses what says `broken`, finds what says `unknown` good in part.
struct ByName;

impl Judge for ByName {
    fn judge(&self, place: &Place, _: &str, _: bool, _: &World) -> Judged {
        let (standing, reason) = match &*place.file {
            file if file.contains("broken") => (Standing::Refused, "broken"),
            file if file.contains("unknown") => (Standing::Partial, "unknown"),
            _ => (Standing::Full, ""),
        };
        let troubles = if reason.is_empty() { Vec::new() } else { vec![(place.clone(), reason.to_owned())] };
        Judged { standing, place: place.clone(), troubles }
    }
}

pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/apim").join(name)
}

fn found(name: &str) -> Found {
    let mut found = Found::default();
    let (path, files) = (fixture(name), super::folder::files(&fixture(name)).expect("a folder"));
    super::read_folder(&path, &files, &mut found);
    found
}

fn converted(name: &str) -> Converted {
    convert(&found(name), &Variables::new(), &ByName)
}

fn lines(converted: &Converted, became: Became) -> Vec<String> {
    let items = converted.report.items.iter().filter(|item| item.became == became);
    items.map(|item| format!("{} {}: {}", item.what, item.name, item.reason)).collect()
}

const SETTINGS: &str = r#"version: 1
groups:
  - id: partners
    title: Partners
backends:
  - id: orders-a
    kind: http
    url: "https://a.orders.example/api"
    headers:
      x-api-key: "${ORDERS_KEY}"
    circuit_breaker:
      - failures: 3
        interval: "60s"
        open_for: "30s"
        "on":
          - 429
          - "5xx"
        accept_retry_after: true
  - id: orders-b
    kind: http
    url: "https://b.orders.example/api"
pools:
  - id: orders-pool
    balance: weighted
    members:
      - backend: orders-a
        priority: 1
        weight: 80
      - backend: orders-b
        priority: 2
        weight: 20
apis:
  - id: orders
    title: Orders
    kind: http
    path: "/orders"
    backend: orders-a
    versioning:
      scheme: path
      version: v1
    key_names:
      header: api-key
      query: subscription-key
    policy: "./policies/apis/orders.xml"
    openapi: "./apis/orders.openapi.yaml"
    operation_policies:
      ListOrders: "./policies/apis/orders/ListOrders.xml"
  - id: pooled
    title: Pooled
    kind: http
    path: "/pooled"
    pool: orders-pool
    subscription_required: false
    policy: "./policies/apis/pooled.xml"
products:
  - id: starter
    title: Starter
    description: "To begin with"
    approval: required
    apis:
      - orders
    groups:
      - partners
    policy: "./policies/products/starter.xml"
subscriptions:
  - id: acme
    title: Acme
    scope: "product:starter"
    key: "${ACME_KEY}"
named_values:
  - id: contact
    value: "ops@example.org"
    tags:
      - people
  - id: orders-key
    value: "${ORDERS_KEY}"
    secret: true
policy_fragments:
  - id: stamp
    description: "Stamps requests"
    policy: "./policies/fragments/stamp.xml"
policies:
  global: "./policies/global.xml"
"#;

#[test]
fn an_apiops_folder_becomes_our_files() {
    let result = converted("apiops");
    let (_, settings) = result.settings.split_once('\n').expect("a first line");
    assert_eq!(settings, SETTINGS);
    let files: Vec<&str> = result.files.keys().map(String::as_str).collect();
    let wanted = [
        "apis/orders.openapi.yaml",
        "policies/apis/orders.xml",
        "policies/apis/orders/ListOrders.xml",
        "policies/apis/pooled.xml",
        "policies/fragments/stamp.xml",
        "policies/global.xml",
        "policies/products/starter.xml",
    ];
    assert_eq!(files, wanted);
    let original = std::fs::read_to_string(fixture("apiops/apimartifacts/apis/orders/policy.xml")).expect("read");
    assert_eq!(result.files["policies/apis/orders.xml"], original, "documents stay as they are, byte for byte");
    let skipped = [
        "policy Gone: the specification of `orders` has no operation `Gone`",
        "API orders;rev=1: it is a revision that is not current",
        "loggers insights: logs and metrics go out by configuration of the process",
        "tags blue: tags are labels without effect",
    ];
    assert_eq!(lines(&result, Became::Skipped), skipped);
    let changed = [
        "named value orders-key: it was read from the key vault at https://v.example/secrets/orders",
        "backend orders-b: `validateCertificateChain: false` is not taken over: certificates are always checked here",
        "API pooled: it has no operations here: every method and path passes, where Azure answers 404",
        "product starter: its API `missing` is not among the files",
        "product starter: the number of subscriptions a user may have is not limited here",
        "subscription acme: keys are no part of an export",
        "subscription acme: its owner `1` is not taken over",
    ];
    let mut seen = lines(&result, Became::Changed);
    seen.sort();
    let mut changed = changed.map(str::to_owned).to_vec();
    changed.sort();
    assert_eq!(seen, changed);
    let supplies: Vec<_> = result.report.supplies.iter().map(|one| (one.variable.as_str(), one.secret)).collect();
    assert_eq!(supplies, [("ACME_KEY", true), ("ORDERS_KEY", true)]);
}

#[test]
fn the_newer_layout_gives_the_same_and_workspaces() {
    let result = converted("apiops-cli");
    for line in SETTINGS.lines().filter(|line| line.contains("id:") || line.contains("policy:")) {
        assert!(result.settings.contains(line), "{line}\n{}", result.settings);
    }
    assert!(result.settings.contains("workspaces:\n  - id: team\n    policy: \"./policies/workspaces/team.xml\"\n"));
    assert!(
        result.settings.contains("    path: \"/team\"\n    backend: team-svc\n    workspace: team\n"),
        "{}",
        result.settings
    );
}

#[test]
fn templates_give_names_values_and_linked_policies() {
    let result = converted("arm");
    let wanted = r#"apis:
  - id: echo
    title: Echo
    kind: http
    path: "/echo"
    backend: echo
    subscription_required: false
    policy: "./policies/apis/echo.xml"
    operations:
      - id: get-it
        method: GET
        path: "/it/{id}"
        title: "Get it"
        policy: "./policies/apis/echo/get-it.xml"
      - id: post-it
        method: POST
        path: "/it"
        title: "Post it"
products:
  - id: unlimited
    title: Unlimited
    apis:
      - echo
    subscription_required: false
named_values:
  - id: site
    value: "https://site.example"
"#;
    assert!(result.settings.ends_with(wanted), "{}", result.settings);
    assert!(result.settings.contains("    url: \"${SERVICEURL_ECHO}\"\n"), "{}", result.settings);
    assert_eq!(
        lines(&result, Became::Skipped),
        ["file arm/apis.template.json: ".replace("arm/", "")
            + "the policy is in `gone.xml`, which is not among the files; put it beside the template"]
    );
    let gone = result.report.items.iter().find(|item| item.became == Became::Skipped).expect("an item");
    assert!(gone.place.line > 10, "{:?}", gone.place);
}

#[test]
fn what_a_template_leaves_open_has_to_be_supplied() {
    let folder = tempfile::tempdir().expect("a folder");
    let template = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "parameters": {"svc": {"type": "string"}, "env": {"defaultValue": "dev"}, "url": {"type": "string"}},
        "resources": [
            {"type": "Microsoft.ApiManagement/service/apis", "apiVersion": "2022-08-01", "name": "[concat(parameters('svc'), '/a')]",
             "properties": {"displayName": "A", "path": "[if(equals(parameters('env'), 'prod'), 'a', 'dev/a')]", "serviceUrl": "[parameters('url')]"}}]}"#;
    std::fs::write(folder.path().join("a.json"), template).expect("written");
    let mut found = Found::default();
    let files = super::folder::files(folder.path()).expect("a folder");
    super::read_folder(folder.path(), &files, &mut found);
    let result = convert(&found, &Variables::new(), &ByName);
    assert!(result.settings.contains(r#"path: "/dev/a""#), "{}", result.settings);
    let supplies: Vec<_> = result.report.supplies.iter().map(|one| one.variable.as_str()).collect();
    assert_eq!(supplies, ["URL"]);
}

#[test]
fn plain_files_are_judged_and_the_bad_ones_closed() {
    let variables = variables::read("v.tfvars", "host = \"a.example\"").expect("variables");
    let result = convert(&found("files"), &variables, &ByName);
    let standings: Vec<_> = result.report.judged.iter().map(|one| (&*one.place.file, one.standing.word())).collect();
    let wanted =
        [("broken.xml", "refused"), ("good.xml", "full"), ("terraform.xml.tpl", "full"), ("unknown.xml", "partial")];
    assert_eq!(standings, wanted);
    let terraform = &result.files["policies/terraform.xml"];
    assert!(terraform.contains("<value>a.example</value>") && terraform.contains("<value>{{stage}}</value>"));
    assert!(result.settings.contains("  - id: stage\n    value: \"${STAGE}\"\n"));
    assert!(result.settings.contains("on_unsupported: fail-when-reached"));
    assert!(result.files["policies/broken.xml"].contains("return-response"), "what cannot be loaded lets nothing pass");
    assert!(result.files.contains_key("policies/broken.xml.refused"));
    let stats = result.report.stats();
    assert_eq!((&stats["documents"], &stats["full"], &stats["refused"]), (&4.into(), &2.into(), &1.into()));
    assert_eq!(stats["items"][0]["status"], "refused");
    assert!(result.report.has_findings());
}

#[test]
fn reports_are_tables_that_hold_together() {
    let markdown = converted("apiops").report.to_markdown();
    assert!(markdown.contains("## To supply"), "{markdown}");
    for line in markdown.lines().filter(|line| line.starts_with('|')) {
        assert!(line.ends_with('|'), "{line}");
    }
}

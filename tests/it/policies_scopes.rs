//! Documents of all scopes at work: what runs in which order, in which spelling, with which values and fragments.

use crate::{
    client::{Answer, Call},
    vendor::{Reply, Seen, Vendor},
    world::{
        KEY, World,
        policies::{block, document, inbound, orders},
    },
};

async fn fine() -> Vendor {
    Vendor::always(Reply::text(200, "text/plain", "fine")).await
}

/// Appends `step` to a header.
fn step(header: &str, step: &str) -> String {
    format!(r#"<set-header name="{header}" exists-action="append"><value>{step}</value></set-header>"#)
}

/// A step, what is wider, and a step.
fn around(header: &str, letter: &str) -> String {
    format!("{}<base />{}", step(header, &format!("{letter}1")), step(header, &format!("{letter}2")))
}

fn scoped(letter: &str) -> String {
    let backend = match letter {
        "g" => format!("{}<forward-request />", step("x-backend", "g")),
        _ => around("x-backend", letter),
    };
    document(&around("x-inbound", letter), &backend, &around("x-outbound", letter), &around("x-error", letter))
}

/// An API with one operation and a document at each of the five scopes.
fn five() -> String {
    let fails = format!(r#"{}<check-header name="x-never" /><base />"#, step("x-inbound", "o1"));
    format!(
        "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]
policies:
  global: {global}
workspaces:
  - id: w
    policy: {workspace}
products:
  - id: all
    workspace: w
    policy: {product}
subscriptions: [{{ id: team-a, product: all, key: {KEY}, workspace: w }}]
apis:
  - id: orders
    kind: http
    path: /orders
    backend: svc
    workspace: w
    policy: {api}
    operations:
      - id: read
        method: GET
        path: /{{id}}
        policy: {operation}
      - id: fails
        method: DELETE
        path: /{{id}}
        policy: {fails}
      - {{ id: bare, method: PUT, path: \"/{{id}}\" }}
",
        global = block(4, &scoped("g")),
        workspace = block(6, &scoped("w")),
        product = block(6, &scoped("p")),
        api = block(6, &scoped("a")),
        operation = block(10, &scoped("o")),
        fails = block(10, &document(&fails, "<base />", "<base />", &around("x-error", "o"))),
    )
}

fn steps(values: &[&str]) -> String {
    values.join(",").replace([',', ' '], " ").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn sent(seen: &Seen, header: &str) -> String {
    steps(&seen.all(header))
}

fn told(answer: &Answer, header: &str) -> String {
    let lines = answer.headers.iter().filter(|(name, _)| name == header);
    steps(&lines.map(|(_, value)| value.as_str()).collect::<Vec<_>>())
}

#[tokio::test]
async fn five_scopes_run_in_the_order_of_their_bases_in_all_four_sections() {
    let world = World::builder().config(&five()).vendor("svc", fine().await).start().await;
    let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(sent(&seen, "x-inbound"), "o1 a1 p1 w1 g1 g2 w2 p2 a2 o2");
    assert_eq!(sent(&seen, "x-backend"), "o1 a1 p1 w1 g");
    assert_eq!(told(&answer, "x-outbound"), "o1 a1 p1 w1 g1 g2 w2 p2 a2 o2");
    assert_eq!(told(&answer, "x-error"), "");
    let refused = world.send(&Call::new("DELETE", "/orders/1").key(KEY)).await.expect_whole(401);
    assert_eq!(told(&refused, "x-error"), "o1 a1 p1 w1 g1 g2 w2 p2 a2 o2");
    assert_eq!(told(&refused, "x-outbound"), "");
    world.send(&Call::new("PUT", "/orders/1").key(KEY)).await.expect_whole(200);
    assert_eq!(sent(&world.vendor("svc").seen()[1], "x-inbound"), "a1 p1 w1 g1 g2 w2 p2 a2");
    assert_eq!(world.vendor("svc").count(), 2);
}

#[tokio::test]
async fn a_section_without_base_inherits_nothing_and_a_missing_one_everything() {
    let rows = [
        ("<inbound><base /></inbound>", "g", "fine", "g"),
        ("<inbound />", "", "fine", "g"),
        ("<outbound />", "g", "fine", ""),
        ("<outbound><base /><base /></outbound>", "g", "fine", "g g"),
        ("<backend />", "", "", "g"),
        ("<backend><base /></backend>", "g", "fine", "g"),
        (
            r#"<inbound><choose><when condition="@(context.Request.Headers.ContainsKey("x-no"))"><base /></when></choose></inbound>"#,
            "",
            "fine",
            "g",
        ),
    ];
    for (sections, wanted, body, outbound) in rows {
        let global = document(&step("x-inbound", "g"), "<forward-request />", &step("x-outbound", "g"), "");
        let config = format!(
            "{}policies:\n  global: {}\n",
            orders(&format!("<policies>{sections}</policies>")),
            block(4, &global)
        );
        let world = World::builder().config(&config).vendor("svc", fine().await).start().await;
        let answer = world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
        assert_eq!((answer.text().as_str(), told(&answer, "x-outbound").as_str()), (body, outbound), "{sections}");
        let seen = world.vendor("svc").seen();
        assert_eq!(seen.first().map(|seen| sent(seen, "x-inbound")).unwrap_or_default(), wanted, "{sections}");
    }
}

const XML: &str = r#"<policies>
    <inbound>
        <base />
        <set-header name="x-team" exists-action="override"><value>@(context.Subscription.Id)</value></set-header>
        <choose>
            <when condition="@(context.Request.Method == "GET")">
                <set-query-parameter name="version" exists-action="skip"><value>1.10</value></set-query-parameter>
            </when>
        </choose>
    </inbound>
</policies>"#;

const YAML: &str = r#"inbound:
  - base
  - set-header:
      name: x-team
      exists-action: override
      value: '@(context.Subscription.Id)'
  - choose:
      - when:
          condition: '@(context.Request.Method == "GET")'
          do:
            - set-query-parameter:
                name: version
                exists-action: skip
                value: 1.10
"#;

#[tokio::test]
async fn every_spelling_does_the_same() {
    let indented = format!("\n      {}", YAML.replace('\n', "\n      "));
    let spellings = [
        ("an XML file", "./orders.xml".to_owned()),
        ("a YAML file", "./orders.yaml".to_owned()),
        ("XML in the configuration", block(6, XML)),
        ("YAML in the configuration", indented),
    ];
    for (spelling, policy) in spellings {
        let config = format!(
            "backends: [{{ id: svc, kind: http, url: \"vendor://svc\" }}]\napis:\n  - id: orders\n    kind: http\n    path: /orders\n    backend: svc\n    policy: {policy}\n"
        );
        let builder = World::builder().config(&config).vendor("svc", fine().await);
        let world = builder.file("orders.xml", XML).file("orders.yaml", YAML).start().await;
        world.send(&Call::get("/orders/1?a=b").key(KEY)).await.expect_whole(200);
        let seen = world.vendor("svc").only();
        assert_eq!(
            (seen.target.as_str(), seen.header("x-team")),
            ("/1?a=b&version=1.10", Some("team-a")),
            "{spelling}"
        );
    }
}

#[tokio::test]
async fn fragments_and_named_values_are_put_in() {
    let fragment = r#"<fragment>
    <set-header name="x-{{colour}}" exists-action="override"><value>{{shade}} {{plain}}</value></set-header>
</fragment>"#;
    let uses = inbound(
        r#"<include-fragment fragment-id="paint"><parameter name="shade" value="dark" /></include-fragment>
           <include-fragment fragment-id="steps" />
           <set-header name="x-values" exists-action="override"><value>{{environment}} {{file}} {{expression}}</value></set-header>
           <set-header name="x-secret" exists-action="override"><value>@("{{secret}}".Length.ToString())</value></set-header>"#,
    );
    let config = format!(
        "{}named_values:
  - {{ id: colour, value: red }}
  - {{ id: shade, value: light }}
  - {{ id: plain, value: \"a < b & c\" }}
  - {{ id: environment, value: \"${{TOLLGATE_TEST_VALUE}}\" }}
  - {{ id: file, value: \"${{file:value.txt}}\" }}
  - {{ id: expression, value: \"@(1 + 2)\" }}
  - {{ id: secret, value: {KEY}, secret: true }}
policy_fragments:
  - id: paint
    policy: {}
  - id: steps
    policy: ./steps.yaml
",
        orders(&uses).replace("{{expression}}</value>", "</value>"),
        block(6, fragment)
    );
    let steps = "- set-header: { name: x-yaml, exists-action: override, value: '{{expression}}' }\n";
    let builder = World::builder().config(&config).vendor("svc", fine().await);
    let world = builder.file("value.txt", "from-file\n").file("steps.yaml", steps).start().await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    for (header, wanted) in [
        ("x-red", "dark a < b & c"),
        ("x-yaml", "3"),
        ("x-values", "from-environment from-file"),
        ("x-secret", &KEY.len().to_string()),
    ] {
        assert_eq!(seen.header(header).map(str::trim), Some(wanted), "{header}");
    }
}

#[tokio::test]
async fn what_context_tells_is_what_was_asked() {
    let policy = inbound(
        r#"<set-header name="x-told" exists-action="override"><value>@{
            var parameters = context.Request.MatchedParameters;
            return string.Join("|", new[] {
                context.Api.Id, context.Operation.Id, context.Operation.UrlTemplate, context.Product.Id,
                context.Subscription.Id, parameters["id"], context.Request.Url.Path, context.Request.OriginalUrl.Path,
                context.Request.OriginalUrl.QueryString, context.Request.Url.Query.GetValueOrDefault("q", "none"),
                context.Request.IpAddress, (context.Subscription.Key.Length > 0).ToString(),
                (context.RequestId != Guid.Empty).ToString()
            });
        }</value></set-header>"#,
    );
    let config = orders(&policy).replace(
        "    backend: svc\n",
        "    backend: svc\n    operations: [{ id: read, method: GET, path: \"/{id}/lines\" }]\n",
    );
    let world = World::builder().config(&config).vendor("svc", fine().await).start().await;
    let call = Call::get(&format!("/orders/a%20b/lines?q=1&subscription-key={KEY}"));
    world.send(&call).await.expect_whole(200);
    let seen = world.vendor("svc").only();
    assert_eq!(
        seen.header("x-told").expect("set"),
        "orders|read|/{id}/lines|all|team-a|a b|/a%20b/lines|/orders/a%20b/lines|?q=1|1|127.0.0.1|True|True"
    );
    assert!(!seen.contains(KEY));
}

#[tokio::test]
async fn apis_beside_documents_are_as_they_were() {
    let config = format!(
        "{}  - {{ id: plain, kind: http, path: /plain, backend: svc }}\n",
        orders(&inbound(r#"<return-response><set-status code="418" /></return-response>"#))
    );
    let world = World::builder().config(&config).vendor("svc", fine().await).start().await;
    world.send(&Call::get("/orders/1").key(KEY)).await.expect_whole(418);
    let answer = world.send(&Call::get("/plain/1?q").key(KEY)).await.expect_whole(200);
    assert_eq!(answer.text(), "fine");
    assert_eq!(world.vendor("svc").only().line(), "GET /1?q");
    world.send(&Call::get("/plain/1")).await.expect_whole(401);
}

//! Bad files and the lines that are printed about them.

use super::*;
use crate::document::Format;

fn env(name: &str) -> Option<String> {
    match name {
        "KEY" => Some("sk-0123456789abcdef".into()),
        "PORT" => Some("100".into()),
        "YES" => Some("true".into()),
        "EMPTY" => Some(String::new()),
        "INJECTED" => Some("x, kind: sim }\nserver: { listen: 1 }".into()),
        _ => None,
    }
}

fn text(format: Format, text: &str) -> Source {
    Source::Text { name: "t".into(), format, text: text.into() }
}

fn lines(source: &Source) -> Vec<String> {
    match load(source, &env) {
        Ok(_) => Vec::new(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    }
}

fn yaml(input: &str) -> Vec<String> {
    lines(&text(Format::Yaml, input))
}

fn good(input: &str) -> Loaded {
    load(&text(Format::Yaml, input), &env).unwrap_or_else(|problems| panic!("{input}: {problems:?}"))
}

/// A file, and what is printed about it.
const BAD: &[(&str, &[&str])] = &[
    ("- a\n", &["t:1:1: expected a mapping, found a list"]),
    ("backned: []\n", &["t:1:1: backned: unknown field `backned`; did you mean `backends`?"]),
    ("version: 2\n", &["t:1:10: version: version 2 of the format is not known here; write 1"]),
    (
        "version: \"1\"\n",
        &["t:1:10: version: expected a whole number from 0 to 4294967295, found text; remove the quotes around `1`"],
    ),
    (
        "server: { gateway: { listen: localhost:80 } }\n",
        &[
            "t:1:30: server.gateway.listen: `localhost:80` is not an address and port such as 127.0.0.1:8080 or [::1]:8080",
        ],
    ),
    (
        "server:\n  shutdown_grace: 30\n  trusted_proxies: [10.0.0.1]\n  expose_backend: \"yes\"\n",
        &[
            "t:2:19: server.shutdown_grace: `30` is not a duration such as 250ms, 30s, 10m or 1h",
            "t:3:21: server.trusted_proxies[0]: `10.0.0.1` is not a network such as 10.0.0.0/8 or 192.0.2.1/32",
            "t:4:19: server.expose_backend: `yes` is not true or false",
        ],
    ),
    (
        "server: { gateway: { listen: 0.0.0.0:80 }, console: { listen: 127.0.0.1:80 } }\n",
        &["t:1:63: server.console.listen: gateway and console both listen on port 80; give them two ports"],
    ),
    (
        "server: { shared_state: \"rediss://:canary@x#insecure\", database: postgres://u@h/d }\n",
        &[
            "t:1:25: server.shared_state: what stands behind `#` is not known; certificates are always checked: name your own authority with `?ca=FILE`",
        ],
    ),
    (
        "server: { database: postgres://u:canary@h }\n",
        &["t:1:21: server.database: the URL names no database; write postgres://user@host/db"],
    ),
    (
        "backends:\n  - id: a\n    kind: opnai\n    api_key: x\n  - kind: sim\n",
        &[
            "t:3:11: backends[0].kind: `opnai` is not one of openai, azure-openai, anthropic, gemini, ollama, openai-compatible, http, sim; did you mean `openai`?",
            "t:4:5: backends[0].api_key: unknown field `api_key`; did you mean `key`?",
            "t:5:5: backends[1]: `id` is missing; expected an identifier: up to 80 letters, digits, `.`, `_` and `-`, beginning with a letter or digit",
        ],
    ),
    (
        "backends:\n  - { id: b, kind: bedrock }\n  - { id: e, kind: azure-openai, auth: entra }\n",
        &[
            "t:2:20: backends[0].kind: `bedrock` is not available in this version of Tollgate; remove it (see CHANGELOG)",
            "t:3:34: backends[1].auth: `auth` is not available in this version of Tollgate; remove it (see CHANGELOG)",
        ],
    ),
    (
        "backends:\n  - { id: h, kind: http }\n  - { id: u, kind: http, url: example.com }\n  - { id: p, kind: http, url: \"https://u:hunter2@x\" }\n  - { id: q, kind: openai, url: \"https://x/?a#b\" }\n",
        &[
            "t:2:5: backends[0]: `url` is missing: kind http has no address of its own",
            "t:3:31: backends[1].url: the URL must begin with http:// or https://",
            "t:4:31: backends[2].url: the URL contains credentials; write them as `key`, so that they are kept secret",
            "t:5:33: backends[3].url: the URL contains a query (`?`); write the base URL only",
        ],
    ),
    (
        "backends:\n  - id: a\n    kind: openai\n    key: ${EMPTY}\n    api_version: \"2024-10-21\"\n    timeouts: { connect: 0s }\n    circuit_breaker:\n      - { interval: 60s, open_for: 30s, on: [600, 504-500] }\n    health: { path: x }\n",
        &[
            "t:8:46: backends[0].circuit_breaker[0].on[0]: `600` is not a status (429), a class (5xx), a range (500-504), `connect` or `timeout`",
        ],
    ),
    (
        "backends:\n  - id: a\n    kind: openai\n    key: ${EMPTY}\n    api_version: \"2024-10-21\"\n    timeouts: { connect: 0s }\n    circuit_breaker:\n      - { interval: 60s, open_for: 30s, on: [504-500] }\n    health: { path: x }\n",
        &[
            "t:4:10: backends[0].key: the key is empty; is its variable set?",
            "t:5:18: backends[0].api_version: only kind azure-openai has an `api_version`; remove it",
            "t:6:26: backends[0].timeouts.connect: 0 would fail every request; write a longer time",
            "t:8:9: backends[0].circuit_breaker[0]: write `failures` (a number) or `percentage` (1 to 100)",
            "t:8:46: backends[0].circuit_breaker[0].on[0]: the range `504-500` is empty: the lower status goes first",
            "t:9:21: backends[0].health.path: `x` must start with `/`",
        ],
    ),
    (
        "backends: [{ id: a, kind: sim }, { id: a, kind: sim }]\n",
        &["t:1:34: backends[1]: the backend `a` is declared twice: first at t:1:12"],
    ),
    (
        "backends: [{ id: a, kind: smi }, { id: a, kind: sim }]\n",
        &[
            "t:1:27: backends[0].kind: `smi` is not one of openai, azure-openai, anthropic, gemini, ollama, openai-compatible, http, sim; did you mean `sim`?",
            "t:1:34: backends[1]: the backend `a` is declared twice: first at t:1:12",
        ],
    ),
    (
        "backends: [{ id: azure, kind: sim }]\npools:\n  - { id: p, members: [{ backend: azre }, { backend: azure }, { backend: azure, weight: 0 }] }\nmodels:\n  - { name: m, pool: p, backend: azure }\n  - { name: n }\n  - { name: o, pool: q }\n",
        &[
            "t:3:89: pools[0].members[2].weight: `0` is not a whole number from 1 to 1000",
            "t:5:5: models[0]: either `pool` or `backend`, not both",
            "t:6:5: models[1]: who answers for `n`? Write `pool` or `backend`",
            "t:7:22: models[2].pool: there is no pool `q`",
        ],
    ),
    (
        "backends: [{ id: azure, kind: sim }]\npools: [{ id: p, members: [{ backend: azre }, { backend: azure }, { backend: azure }] }]\n",
        &[
            "t:2:39: pools[0].members[0].backend: there is no backend `azre`; did you mean `azure`?",
            "t:2:67: pools[0].members[2]: the backend `azure` is a member twice; raise its `weight` instead",
        ],
    ),
    ("pools: [{ id: p, members: [] }]\n", &["t:1:27: pools[0].members: the list is empty; at least 1 is needed"]),
    (
        "subscriptions:\n  - { id: a, product: default, key: short }\n  - { id: b, product: default, scope: all, key: ${KEY} }\n  - { id: c, scope: \"api:none\", secondary_key: ${KEY}, key: 0123456789abcdef0 }\n  - { id: d, scope: api, key: tg_0123456789012345 }\n",
        &[
            "t:2:37: subscriptions[0].key: the key has 5 characters; 16 to 1024 are needed",
            "t:3:5: subscriptions[1]: either `product` or `scope`, not both",
            "t:4:21: subscriptions[2].scope: there is no API `none`",
            "t:4:48: subscriptions[2].secondary_key: this key's value is used twice: first at t:3:49; every key must be its own",
            "t:5:21: subscriptions[3].scope: `api` is not product:ID, api:ID or all",
        ],
    ),
    (
        "subscriptions: [{ id: a, product: default, expires: 2027-01-01, limits: { x: 1 } }]\nlimits: {}\npolicies: { global: x }\n",
        &[
            "t:1:53: subscriptions[0].expires: `2027-01-01` is not a moment such as 2027-01-31T23:59:59Z",
            "t:1:75: subscriptions[0].limits.x: unknown field `x`; known here: alerts, concurrency, min_output, models, per, reserve, shadow, soft, time_zone, unpriced, and limits such as `tokens_per_month`: requests, tokens, input_tokens, output_tokens, bandwidth or budget _per_ second, minute, hour, day, week, month or year",
            "t:2:1: limits: `limits` is not available in this version of Tollgate; remove it (see CHANGELOG)",
            "t:3:21: policies.global: a file of this machine can only be named in its configuration file; send the XML itself",
        ],
    ),
    (
        "subscriptions: [{ id: a, product: default }]\n",
        &[
            "t:1:17: subscriptions[0]: `key` is missing: a subscription in a file has the key that the file gives it; to have one generated, run `tollgate keys create`",
        ],
    ),
    (
        "backends: [{ id: b, kind: sim }]\napis:\n  - { id: a, kind: http, path: orders, backend: b }\n  - { id: c, kind: http, path: /x/ }\n  - { id: d, kind: http, path: /x, backend: b, pool: p }\n  - { id: e, kind: models, path: /, backend: b }\n  - { id: f, kind: http, path: /livez, backend: b, hosts: [\"http://x\"] }\n",
        &[
            "t:3:32: apis[0].path: `orders` must start with `/`",
            "t:4:5: apis[1]: who answers for `c`? Write `backend` or `pool`",
            "t:5:5: apis[2]: either `backend` or `pool`, not both",
            "t:5:32: apis[2].path: the API `d` has the same path as `c` at t:4:5; change one of them",
            "t:5:54: apis[2].pool: there is no pool `p`",
            "t:6:46: apis[3].backend: an API of kind models is answered by what each of `models` names; remove it here",
            "t:7:32: apis[4].path: `/livez` is a health path of the gateway itself; choose another",
            "t:7:60: apis[4].hosts[0]: `http://x` is not a host name such as api.example.com (no scheme, no port)",
        ],
    ),
    (
        "backends: [{ id: b, kind: sim }]\napis:\n  - id: a\n    kind: http\n    path: /a\n    backend: b\n    operations:\n      - { id: x, method: get, path: /x }\n      - { id: y, method: GET, path: \"/{a}/b\" }\n      - { id: y, method: GET, path: \"/{c}/b\" }\n      - { id: z, method: GET, path: \"/a{b}{c}\" }\n      - { id: w, method: GET, path: \"/*/b\" }\n      - { id: v, method: GET, path: \"/{c}.json\" }\n",
        &[
            "t:8:26: apis[0].operations[0].method: `get` is not an HTTP method such as GET",
            "t:10:9: apis[0].operations[2]: the operation `y` is declared twice: first at t:9:9",
            "t:10:9: apis[0].operations[2]: GET /{c}/b is declared twice: first at t:9:9",
            "t:11:37: apis[0].operations[3].path: `a{b}{c}`: write parameters as {name}, with text between two of them",
            "t:12:37: apis[0].operations[4].path: `/*/b`: `*` can only stand alone at the end",
        ],
    ),
    (
        "products: [{ id: p, apis: [openai, orders], models: [gpt], groups: [g], workspace: w }]\nusers: [{ id: u, email: x, groups: [h] }]\n",
        &[
            "t:1:36: products[0].apis[1]: there is no API `orders`",
            "t:1:54: products[0].models[0]: there is no model `gpt`",
            "t:1:69: products[0].groups[0]: there is no group `g`",
            "t:1:84: products[0].workspace: there is no workspace `w`",
            "t:2:25: users[0].email: not an e-mail address",
            "t:2:37: users[0].groups[0]: there is no group `h`",
        ],
    ),
    (
        "backends: [{ id: a, kind: openai, key: ${NO_SUCH} }]\nmodels: [{ name: m, backend: a }]\n",
        &[
            "t:1:40: backends[0].key: the environment variable `NO_SUCH` is not set; set it, or write `${NO_SUCH:-default}`",
        ],
    ),
    (
        "models: [{ name: m, backend: a, larger_context: n }, { name: n, backend: a, larger_context: m }]\nbackends: [{ id: a, kind: http, url: http://x }]\n",
        &[
            "t:1:30: models[0].backend: `a` is of kind http: it does not speak a model API (kind openai-compatible does)",
            "t:1:49: models[0].larger_context: leads back to `m` itself",
            "t:1:74: models[1].backend: `a` is of kind http: it does not speak a model API (kind openai-compatible does)",
            "t:1:93: models[1].larger_context: leads back to `n` itself",
        ],
    ),
    (
        "a: 1\n b: 2\n",
        &[
            "t:2:3: mapping values are not allowed in this context (check the indentation; a value that contains `: ` needs quotes)",
        ],
    ),
];

#[test]
fn bad_files_say_where_what_and_how_to_fix_it() {
    for (input, wanted) in BAD {
        assert_eq!(yaml(input), *wanted, "{input}");
    }
}

#[test]
fn nothing_and_comments_mean_the_defaults() {
    for input in ["", "# nothing\n", "version: 1\n", "pools:\n#  - id: a\n", "x-anything: { a: 1 }\n"] {
        assert_eq!(good(input).settings, Settings::default(), "{input}");
    }
}

#[test]
fn secrets_are_never_repeated() {
    let rows = [
        "backends: [{ id: a, kind: openai, key: 'sk-canary ' }]\n",
        "backends: [{ id: a, kind: \"sk-canary${EMPTY}\" }]\n",
        "subscriptions: [{ id: a, scope: all, key: sk-canary }]\n",
        "backends: [{ id: a, kind: openai, key: [sk-canary] }]\n",
        "backends: [{ id: a, kind: openai, credentials: [sk-canary] }]\n",
        "backends: [{ id: a, kind: openai, headers: { x: \"sk-canary\\n\" } }]\n",
    ];
    for input in rows {
        let lines = yaml(input);
        assert!(!lines.is_empty(), "{input}");
        assert!(!lines.concat().contains("canary"), "{lines:?}");
    }
}

#[test]
fn expansions_may_be_numbers_and_switches_but_never_structure() {
    let loaded = good(
        "server: { expose_backend: ${YES}, gateway: { max_connections: ${PORT}, listen: 127.0.0.1:${PORT} } }\n\
         users: [{ id: a, name: ${INJECTED} }, { id: b, name: ${PORT} }]\n",
    );
    assert_eq!(loaded.settings.server.gateway.max_connections, 100);
    assert_eq!(loaded.settings.users[0].name, env("INJECTED"));
    assert_eq!(loaded.settings.users[1].name.as_deref(), Some("100"));
    let quoted = "server: { gateway: { max_connections: \"${PORT}\" } }\n";
    let wanted =
        "t:1:39: server.gateway.max_connections: the expanded value is not a whole number from 0 to 4294967295";
    assert_eq!(yaml(quoted), [wanted]);
    let json = text(Format::Json, r#"{"server": {"gateway": {"max_connections": "${PORT}"}}}"#);
    assert_eq!(lines(&json), [""; 0]);
}

#[test]
fn the_three_formats_say_the_same() {
    let yaml = good(
        "backends: [{ id: a, kind: openai, key: ${KEY}, timeouts: { connect: 1s }, http: 1.1 }]\n\
         models: [{ name: m, backend: a }]\n",
    );
    let json = r#"{"backends": [{"id": "a", "kind": "openai", "key": "${KEY}", "timeouts": {"connect": "1s"}, "http": "1.1"}],
                   "models": [{"name": "m", "backend": "a"}]}"#;
    let toml = "[[backends]]\nid = \"a\"\nkind = \"openai\"\nkey = \"${KEY}\"\ntimeouts.connect = \"1s\"\nhttp = \"1.1\"\n\
                [[models]]\nname = \"m\"\nbackend = \"a\"\n";
    for (format, input) in [(Format::Json, json), (Format::Toml, toml)] {
        let other = load(&text(format, input), &env).expect(input).settings;
        assert_eq!((&other.backends, &other.models), (&yaml.settings.backends, &yaml.settings.models));
    }
    assert_eq!(
        lines(&text(Format::Toml, "[[backends]]\nid = \"a\"\nkind = \"openai\"\nkex = 1\n")),
        ["t:4:1: backends[0].kex: unknown field `kex`; did you mean `key`?"]
    );
    assert_eq!(
        lines(&text(Format::Json, "{\"backends\": [\n  {\"id\": \"a\", \"kind\": \"openai\", \"kex\": 1}]}")),
        ["t:2:33: backends[0].kex: unknown field `kex`; did you mean `key`?"]
    );
}

#[test]
fn folders_merge_in_the_order_of_names_and_duplicates_name_both_places() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("10-backends.yaml", "server: { expose_backend: false }\nbackends: [{ id: a, kind: sim }]\n");
    write("20-more.toml", "[[backends]]\nid = \"b\"\nkind = \"sim\"\n[[models]]\nname = \"m\"\nbackend = \"a\"\n");
    write("orders.openapi.json", "{\"openapi\": \"3.1.0\", \"paths\": {}}");
    write(".hidden.yaml", "nonsense: 1\n");
    write("notes.txt", "nonsense\n");
    let source = Source::File(folder.path().to_owned());
    let loaded = load(&source, &env).expect("good");
    assert_eq!(loaded.settings.backends.iter().map(|backend| backend.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(loaded.files.len(), 3);
    let origin = &loaded.settings.origins[&(crate::settings::ObjectKind::Backend, "b".to_owned())];
    assert_eq!((origin.line, origin.file.file_name().and_then(|name| name.to_str())), (1, Some("20-more.toml")));

    write("30-bad.yml", "server: {}\nbackends: [{ id: c, kind: http }, { id: a, kind: sim }]\n");
    let place = |name: &str| folder.path().join(name).display().to_string();
    assert_eq!(
        lines(&source),
        [
            format!(
                "{}:1:9: server: `server` is described twice: first at {}:1:9; write it in one file",
                place("30-bad.yml"),
                place("10-backends.yaml")
            ),
            format!("{}:2:12: backends[0]: `url` is missing: kind http has no address of its own", place("30-bad.yml")),
            format!(
                "{}:2:35: backends[1]: the backend `a` is declared twice: first at {}:2:12",
                place("30-bad.yml"),
                place("10-backends.yaml")
            ),
        ]
    );
}

#[test]
fn files_are_relative_to_the_file_that_names_them_and_all_are_watched() {
    let folder = tempfile::tempdir().expect("folder");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).expect("written");
    write("key", "sk-0123456789abcdef\n");
    write("orders.yaml", "openapi: 3.1.0\n");
    write(
        "t.yaml",
        "backends: [{ id: a, kind: http, url: http://x, key: ${file:key} }]\napis: [{ id: o, kind: http, path: /o, backend: a, openapi: ./orders.yaml }]\n",
    );
    let loaded = load(&Source::File(folder.path().join("t.yaml")), &env).expect("good");
    assert_eq!(loaded.settings.backends[0].key.as_ref().map(crate::model::Secret::expose), Some("sk-0123456789abcdef"));
    assert_eq!(loaded.settings.apis[0].openapi, Some(folder.path().join("./orders.yaml")));
    let names: Vec<_> = loaded.files.iter().map(|path| path.file_name().expect("name").to_owned()).collect();
    assert_eq!(names, ["t.yaml", "orders.yaml", "key"]);
}

#[test]
fn what_cannot_be_read_at_all_is_said_in_one_line() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("t.conf"), "").expect("written");
    std::fs::write(path("bytes.yaml"), b"a: \xff\n").expect("written");
    let names = "backends: [{ id: b, kind: sim }]\napis:\n  - id: a\n    kind: http\n    path: /a\n    backend: b\n    openapi: ./none.yaml\n";
    std::fs::write(path("names.yaml"), names).expect("written");
    let rows = [
        (Source::File(path("none.yaml")), "cannot read"),
        (Source::File(path("t.conf")), "must end in .yaml, .yml, .json or .toml"),
        (Source::File(path("bytes.yaml")), "is not UTF-8 text: see byte 3"),
        (Source::Folder(path("none")), "cannot read"),
        (Source::File(path("names.yaml")), "7:14: apis[0].openapi: cannot open"),
    ];
    for (source, wanted) in rows {
        assert!(lines(&source)[0].contains(wanted), "{source:?}: {:?}", lines(&source));
    }
}

#[test]
fn policy_documents_are_read_as_windows_writes_them() {
    let folder = tempfile::tempdir().expect("folder");
    let path = |name: &str| folder.path().join(name);
    let wide: Vec<u8> = "\u{feff}<policies />".encode_utf16().flat_map(u16::to_le_bytes).collect();
    std::fs::write(path("wide.xml"), wide).expect("written");
    std::fs::write(path("latin.xml"), b"<a>\n\xe9</a>").expect("written");
    let written = |name: &str| {
        std::fs::write(path("t.yaml"), format!("policies: {{ global: ./{name} }}\n")).expect("written");
        load(&Source::File(path("t.yaml")), &env)
    };
    let loaded = written("wide.xml").expect("good");
    let source = loaded.settings.policies.global.expect("a document");
    assert_eq!(source.xml.as_deref(), Some("<policies />"));
    let problems = written("latin.xml").expect_err("no text");
    assert!(problems[0].to_string().contains("latin.xml:2:1: the byte 0xE9 is no UTF-8"), "{problems:?}");
}

#[test]
fn a_text_that_was_sent_opens_no_file() {
    let input = "apis: [{ id: a, kind: http, path: /a, backend: b, openapi: /etc/hostname }]\nbackends: [{ id: b, kind: sim }]\n";
    assert_eq!(good(input).files, [""; 0].map(PathBuf::from));
    let wanted = "t:1:24: users[0].name: `${file:/etc/hostname}` is read in configuration files only, not in a text that was sent";
    assert_eq!(yaml("users: [{ id: a, name: ${file:/etc/hostname} }]\n"), [wanted]);
}

#[test]
fn odd_base_urls_are_warned_about() {
    let loaded = good(
        "backends:\n  - { id: a, kind: anthropic, url: https://x/v1 }\n  - { id: b, kind: openai-compatible, url: http://x:1 }\n  - { id: c, kind: openai-compatible, url: http://x:1/v1/ }\n",
    );
    let warnings: Vec<_> = loaded.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(
        warnings,
        [
            "t:2:36: backends[0].url: kind anthropic adds `/v1` itself; the `url` usually ends before it",
            "t:3:44: backends[1].url: the `url` of kind openai-compatible usually ends in /v1",
        ]
    );
}

#[test]
fn ten_thousand_lines_are_read() {
    let mut input = "models:\n".to_owned();
    let rows = (0..5_000).map(|at| format!("  - name: m{at}\n    backend: a\n"));
    input.extend(rows);
    input.push_str("backends: [{ id: a, kind: sim }]\n");
    assert_eq!(good(&input).settings.models.len(), 5_000);
}

proptest::proptest! {
    #[test]
    fn no_value_of_a_variable_changes_anything_but_its_own_field(value in "\\PC{0,40}|[ \\n:{}\\[\\]#'\"$&*!|>%@,-]{0,20}") {
        let env = |name: &str| (name == "V").then(|| value.clone());
        let input = "groups:\n  - { id: a, title: ${V} }\n  - id: b\n    title: ${V}\n  - id: c\n    title: \"${V}\"\n";
        let loaded = load(&text(Format::Yaml, input), &env).expect("good");
        let titles: Vec<_> = loaded.settings.groups.iter().map(|group| group.title.as_deref()).collect();
        proptest::prop_assert_eq!(titles, [Some(value.as_str()); 3]);
        proptest::prop_assert_eq!(Settings { groups: Vec::new(), origins: std::collections::HashMap::default(), ..loaded.settings }, Settings::default());
    }
}

//! `SelectToken` and `SelectTokens`.

use super::check_with;

#[test]
fn paths_lead_where_newtonsoft_leads() {
    let document = serde_json::json!({ "variables": { "o": {
        "store": { "name": "s", "books": [
            { "title": "A", "price": 5, "tags": ["x"] }, { "title": "B", "price": 12.5 }, { "title": "C", "price": 20, "isbn": "1" }] },
        "odd.key": 1, "it's": 2, "a,b": 3 } } });
    let with = |path: &str| format!(r#"((JObject)context.Variables["o"]).SelectTokens("{path}").ToList()"#);
    let rows = [
        ("store.name", r#"[json:"s"]"#),
        ("$.store.name", r#"[json:"s"]"#),
        ("$", "1"),
        ("store.books[0].title", r#"[json:"A"]"#),
        ("store.books[*].title", r#"[json:"A", json:"B", json:"C"]"#),
        ("$..title", r#"[json:"A", json:"B", json:"C"]"#),
        ("$..books[1].title", r#"[json:"B"]"#),
        ("store.books[0,2].title", r#"[json:"A", json:"C"]"#),
        ("store.books[1:].title", r#"[json:"B", json:"C"]"#),
        ("store.books[:1].title", r#"[json:"A"]"#),
        ("store.books[-1:].title", r#"[json:"C"]"#),
        ("store.books[::2].title", r#"[json:"A", json:"C"]"#),
        ("store.books[?(@.price > 10)].title", r#"[json:"B", json:"C"]"#),
        ("store.books[?(@.price > 10 && @.isbn)].title", r#"[json:"C"]"#),
        ("store.books[?(@.title == 'A' || @.title == 'B')].price", "[json:5, json:12.5]"),
        ("store.books[?(@.isbn)].title", r#"[json:"C"]"#),
        ("store.books[?(@.title =~ /^[ab]$/i)].title", r#"[json:"A", json:"B"]"#),
        ("store.books[?(@.title != 'A')].title", r#"[json:"B", json:"C"]"#),
        ("['odd.key']", "[json:1]"),
        ("['a,b']", "[json:3]"),
        ("['odd.key','a,b']", "[json:1, json:3]"),
        ("missing.deep[3]", "[]"),
        ("store.*.title", "[]"),
        ("$.store.books[*].tags[0]", r#"[json:"x"]"#),
    ];
    let rows: Vec<_> = rows.iter().filter(|row| row.0 != "$").map(|row| (with(row.0), row.1)).collect();
    let rows: Vec<_> = rows.iter().map(|row| (row.0.as_str(), row.1)).collect();
    check_with(&document, &rows);
    check_with(
        &document,
        &[
            (r#"((JObject)context.Variables["o"]).SelectToken("store.name").ToString()"#, "'s'"),
            (r#"((JObject)context.Variables["o"]).SelectToken("nope")"#, "null"),
            (r#"((JObject)context.Variables["o"]).SelectToken("nope", true)"#, "!JsonException"),
            (r#"((JObject)context.Variables["o"]).SelectToken("store[")"#, "!JsonException"),
            (r#"((JObject)context.Variables["o"]).SelectToken("store..")"#, "!JsonException"),
            (r#"((JObject)context.Variables["o"]).SelectToken("$").Type"#, "Object"),
            (r#"(string)((JObject)context.Variables["o"]).SelectToken("store.books[1].title") ?? "none""#, "'B'"),
        ],
    );
}

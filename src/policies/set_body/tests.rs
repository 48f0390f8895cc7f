//! Bodies by Liquid: what templates see, what they give, and what they are refused.

use crate::policies::testing::{Reply, Scene};

fn answered(template: &str, content_type: &str, body: &str) -> String {
    let text = format!(r#"<set-body template="liquid">{template}</set-body>"#);
    let reply = Reply::new(200, body.to_owned()).header("content-type", content_type);
    let played = Scene::new().section("outbound", &text).reply(reply).run();
    assert!(played.failure().is_none(), "{template}: {:?}", played.failure());
    played.body()
}

#[test]
fn literals_replace_the_body_of_the_section_s_message() {
    let played = Scene::new()
        .section("inbound", "<set-body>asked</set-body>")
        .section("outbound", "<set-body><a b=\"1\">told</a></set-body>")
        .body("before")
        .run();
    assert_eq!((&played.sent[0].body[..], played.body().as_str()), (&b"asked"[..], "<a b=\"1\">told</a>"));
}

#[test]
fn dates_are_written_as_dotnet_writes_them() {
    let body = r#"{"at":"2024-03-01T10:05:06Z","east":"2024-03-01T01:00:00+02:00","none":"soon"}"#;
    for (template, wanted) in [
        ("{{body.at | Date: 'yyyy/MM/dd HH:mm'}}", "2024/03/01 10:05"),
        ("{{body.at | Date: 'dddd, d MMM yyyy'}}", "Friday, 1 Mar 2024"),
        ("{{body.at | date: '%d.%m.%Y %H:%M:%S'}}", "01.03.2024 10:05:06"),
        ("{{body.east | Date: 'yyyy-MM-ddTHH:mm:ssK'}}", "2024-02-29T23:00:00Z"),
        ("{{body.none | Date: 'yyyy'}}{{body.missing | Date: 'yyyy'}}", "soon"),
        ("{{'now' | Date: 'yyyy'}}", "2026"),
    ] {
        assert_eq!(answered(template, "application/json", body), wanted, "{template}");
    }
}

#[test]
fn templates_see_json() {
    let body = r#"{"user":{"name":"ada","tags":["x","y"]},"n":2}"#;
    let rows = [
        ("{{body.user.name | Upcase}}", "ADA"),
        ("{{Body.User.NAME}}", "ada"),
        ("{{body.user.missing.deeper}}!", "!"),
        ("{{nothing}}{% if body.nothing %}a{% else %}b{% endif %}", "b"),
        ("{% for t in body.user.tags %}{{forloop.index}}{{t}}{% endfor %}", "1x2y"),
        ("[{% JSONArrayFor t in body.user.tags %}\"{{t}}\"{% endJSONArrayFor %}]", r#"["x","y"]"#),
        ("{% assign m = body.n | Plus: 1 %}{{m}}", "3"),
        ("{{body.user.tags.size}}{{body.user.tags[1]}}{{body.user.tags.first}}", "2yx"),
        ("{{body.user.name | Replace: 'a(.)', '$1A'}}", "dAa"),
        ("{{context.Request.Method}} {{context.Response.StatusCode}}", "GET 200"),
        ("{% for i in (1..9) reversed limit: 2 %}{{i}}{% endfor %}", "21"),
    ];
    for (template, wanted) in rows {
        assert_eq!(answered(template, "application/json", body), wanted, "{template}");
    }
}

#[test]
fn templates_see_xml() {
    let body = r#"<soap:Envelope xmlns:soap="s" xmlns:xsi="i"><soap:Body><m:List><m:Result>
        <m:c><m:code>A &amp; B</m:code><m:none xsi:nil="true"/></m:c><m:c><m:code>C</m:code></m:c>
        </m:Result></m:List></soap:Body></soap:Envelope>"#;
    let rows = [
        (
            "{% JSONArrayFor item in body.envelope.body.List.Result -%}\"{{item.code}}\"{% endJSONArrayFor -%}",
            "\"A & B\",\"C\"",
        ),
        ("{% for c in body.envelope.body.list.result.c %}{{c.code}};{% endfor %}", "A & B;C;"),
        ("{{body.envelope.body.list.result.c.first.none}}|", "|"),
    ];
    for (template, wanted) in rows {
        assert_eq!(answered(template, "text/xml; charset=utf-8", body), wanted, "{template}");
    }
}

#[test]
fn dot_liquid_s_replacements_escape_for_json() {
    // The common idiom of generated SOAP-to-REST documents: a regular expression, and a replacement that is kept as it is.
    let filter = r#"{{body.s | Replace: '\r', '\r' | Replace: '\n', '\n' | Replace: '([^\\](\\\\)*)"', '$1\"'}}"#;
    let rows = [(r#"{"s":"a\nb"}"#, r"a\nb"), (r#"{"s":"say \"x\""}"#, r#"say \"x\""#)];
    for (body, wanted) in rows {
        assert_eq!(answered(filter, "application/json", body), wanted, "{body}");
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let text = r#"<set-body template="liquid">{% for %}</set-body>"#;
    let troubles = Scene::new().section("inbound", text).troubles();
    assert!(troubles[0].starts_with("the Liquid template cannot be read"), "{troubles:?}");
    let text = r#"<set-body template="liquid">{{body.a}}</set-body>"#;
    let played = Scene::new().section("inbound", text).header("content-type", "application/json").body("{broken").run();
    assert_eq!(played.failure().map(|failure| failure.status), Some(500));
}

//! Hostile code and hostile input: all of it ends soon, with an error, on the stack of a worker thread.

use super::{compiled, fixture, source};
use crate::expression::{Bounds, Thrown, Value, compile, value::Json};

/// Runs on a stack as large as a tokio worker's.
fn on_a_worker<T: Send + 'static>(run: impl FnOnce() -> T + Send + 'static) -> T {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(run).expect("a thread");
    thread.join().expect("no panic and no overflow")
}

/// What evaluating leads to. That it ends at all is half of what is shown here.
fn ended(text: String, document: serde_json::Value) -> Result<Value, Thrown> {
    on_a_worker(move || {
        let expression = compiled(&text);
        let mut host = fixture(document);
        expression.evaluate(&mut host, &Bounds::DEFAULT)
    })
}

const LIMIT: &str = "LimitExceededException";

#[test]
fn loops_and_doubling_run_out_of_their_bounds() {
    for text in [
        "{ while (true) { } }",
        "{ for (;;) { } }",
        "{ var i = 0; do { i++; } while (i > 0); return i; }",
        "{ while (true) { try { throw new Exception(\"x\"); } catch { } } }",
        "{ try { while (true) { } } catch { return 1; } }",
        "{ var s = \"x\"; while (true) { s = s + s; } }",
        "{ var s = \"x\"; while (true) { s += s; } }",
        "{ var s = \"x\"; while (true) { s = $\"{s}{s}\"; } }",
        "{ var s = \"xx\"; while (true) { s = s.Replace(\"x\", \"xx\"); } }",
        "{ var s = \"x\"; while (true) { s = string.Concat(s, s, s, s); } }",
        "{ var s = \"x\"; while (true) { s = string.Join(s, s, s, s); } }",
        "{ var s = \"x\"; while (true) { s = string.Format(\"{0}{0}{0}{0}\", s); } }",
        "{ var s = \"x\"; while (true) { s = s.Insert(0, s); } }",
        "{ var b = new StringBuilder(\"x\"); while (true) { b.Append(b.ToString()); } }",
        "{ var l = new List<int> { 1 }; while (true) { l.AddRange(l); } }",
        "{ var a = new JArray(1); while (true) { a.Merge(a); } }",
        "{ var o = new JObject(); while (true) { o[Guid.NewGuid().ToString()] = 1; } }",
        "{ var d = new Dictionary<int, int>(); var i = 0; while (true) { d[i++] = 1; } }",
        "new string('x', 2000000000)",
        "\"x\".PadLeft(2000000000)",
        "new int[2000000000]",
        "Enumerable.Range(0, 2000000000).Count()",
        "Enumerable.Repeat(\"x\", 2000000000).Count()",
        "new StringBuilder().Append('x', 2000000000)",
        "string.Format(\"{0,2000000000}\", 1)",
        "$\"{1,2000000000}\"",
        "{ int F(int n) { return F(n + 1); } return F(0); }",
        "{ Func<int, int> f = null; f = n => f(n) + 1; return f(0); }",
        "{ var s = new string('x', 20000000); return s + s + s + s; }",
        "{ var e = new XElement(\"a\"); while (true) { e.Add(new XElement(\"b\")); } }",
    ] {
        let thrown = ended(text.to_owned(), serde_json::json!({})).expect_err(text);
        assert_eq!(thrown.class, LIMIT, "{text}: {thrown}");
    }
}

#[test]
fn deep_structures_are_dropped_without_recursion() {
    for text in [
        "{ var l = new List<object>(); for (var i = 0; i < 20000; i++) { l = new List<object> { l }; } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new KeyValuePair<int, object>(i, p); } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new { P = p }; } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = (p, i); } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new Dictionary<string, object> { { \"p\", p } }; } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new[] { p }.Select(x => x); } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new[] { p }.GroupBy(x => 1).First(); } return 1; }",
        "{ var o = new JObject(); for (var i = 0; i < 20000; i++) { o = new JObject(new JProperty(\"o\", o)); } return 1; }",
        "{ var o = new JArray(); for (var i = 0; i < 20000; i++) { var n = new JArray(); n.Add(o); o = n; } return 1; }",
        "{ var e = new XElement(\"a\"); for (var i = 0; i < 20000; i++) { e = new XElement(\"a\", e); } return 1; }",
        "{ object p = 1; for (var i = 0; i < 20000; i++) { p = new List<object> { new { P = new Dictionary<int, object> { { 1, p } } } }; } return 1; }",
    ] {
        let value = ended(text.to_owned(), serde_json::json!({})).unwrap_or_else(|thrown| panic!("{text}: {thrown}"));
        assert_eq!(value.as_long(), Some(1), "{text}");
    }
}

#[test]
fn deep_structures_cannot_be_written() {
    for text in [
        "{ var o = new JObject(); for (var i = 0; i < 500; i++) { o = new JObject(new JProperty(\"o\", o)); } return o.ToString(); }",
        "{ var o = new JObject(); for (var i = 0; i < 500; i++) { o = new JObject(new JProperty(\"o\", o)); } return \"x\" + o; }",
        "{ var o = new JObject(); for (var i = 0; i < 500; i++) { o = new JObject(new JProperty(\"o\", o)); } return $\"{o}\"; }",
        "{ var l = new List<object>(); for (var i = 0; i < 500; i++) { l = new List<object> { l }; } return JsonConvert.SerializeObject(l); }",
    ] {
        let thrown = ended(text.to_owned(), serde_json::json!({})).expect_err(text);
        assert_eq!(thrown.class, LIMIT, "{text}: {thrown}");
    }
}

#[test]
fn deep_code_is_refused() {
    let many = 10_000;
    for text in [
        format!("{}1{}", "(".repeat(many), ")".repeat(many)),
        format!("{}1", "-".repeat(many)),
        format!("{}true", "!".repeat(many)),
        format!("{}1", "(int)".repeat(many)),
        format!("a{}", "[0]".repeat(many)),
        format!("a{}", ".b".repeat(many)),
        format!("a{}", "?.b".repeat(many)),
        format!("a{}", "()".repeat(many)),
        format!("{}1{}", "f(".repeat(many), ")".repeat(many)),
        format!("{}1{}", "new[]{".repeat(many), "}".repeat(many)),
        format!("{}1", "true ? 1 : ".repeat(many)),
        format!("{}1", "null ?? ".repeat(many)),
        format!("{}1", "x => ".repeat(many)),
        format!("{}1", "x = ".repeat(many)),
        format!("1{}", " is int && 1".repeat(many)),
        format!("1 is {} 1", "not ".repeat(many)),
        format!("1 is 1{}", " or 1".repeat(many)),
        format!("{{{}return 1;{}}}", "{".repeat(many), "}".repeat(many)),
        format!("{{{}return 1;}}", "if (true) ".repeat(many)),
        format!("{{{}return 1;}}", "while (true) ".repeat(many)),
        format!("new {}int{}()", "List<".repeat(many), ">".repeat(many)),
        format!("(int{})null", "[]".repeat(many)),
        format!("{}1{}", "$\"{".repeat(many), "}\"".repeat(many)),
        "\"".repeat(many),
        "(".repeat(many),
        "{".repeat(many),
        "a<".repeat(many),
        "(a".repeat(many),
        "(a,".repeat(many),
        "$\"{".repeat(many),
        "@(".repeat(many),
        "/*".repeat(many),
    ] {
        let start: String = text.chars().take(20).collect();
        let refused = on_a_worker(move || compile(source(&text)).is_err());
        let long_but_flat = start.starts_with("1 is int") || start.starts_with("1 is 1");
        assert!(refused || long_but_flat, "{start} compiled");
    }
}

#[test]
fn code_that_is_just_not_too_deep_runs_or_is_refused() {
    for (before, middle, after) in [
        ("(", "1", ")"),
        ("-", "1", ""),
        ("(int)", "1", ""),
        ("Math.Abs(", "1", ")"),
        ("", "\"a\"", ".ToString()"),
        ("", "\"a\"", "?.ToString()"),
        ("", "context.Variables[\"o\"]", "[\"o\"]"),
        ("new JObject(new JProperty(\"o\", ", "1", "))"),
        ("new[] { ", "1", " }"),
        ("$\"{", "1", "}\""),
        ("true ? ", "1", " : 0"),
        ("null ?? ", "1", ""),
        ("1 + (", "1", ")"),
        ("true && (", "true", ")"),
        ("new { A = ", "1", " }"),
        ("new[] { 1 }.Select(x => ", "1", ").First()"),
        ("((Func<int, int>)(x => ", "1", "))(1)"),
        ("new StringBuilder(", "\"\"", ".ToString())"),
    ] {
        for count in (1..40).chain((40..300).step_by(10)) {
            let text = format!("{}{middle}{}", before.repeat(count), after.repeat(count));
            on_a_worker(move || {
                if let Ok(expression) = compile(source(&text)) {
                    drop(
                        expression
                            .evaluate(&mut fixture(serde_json::json!({ "variables": { "o": {} } })), &Bounds::DEFAULT),
                    );
                }
            });
        }
    }
    for (before, after) in [
        ("if (true) { ", " }"),
        ("while (true) { ", " break; }"),
        ("foreach (var x in new[] { 1 }) { ", " }"),
        ("try { ", " } finally { }"),
        ("switch (1) { case 1: ", " break; }"),
        ("{ ", " }"),
    ] {
        for count in (1..90).step_by(4) {
            let text = format!("{{ {} context.Trace(\"\"); {} return 1; }}", before.repeat(count), after.repeat(count));
            on_a_worker(move || {
                if let Ok(expression) = compile(source(&text)) {
                    drop(expression.evaluate(&mut fixture(serde_json::json!({})), &Bounds::DEFAULT));
                }
            });
        }
    }
}

#[test]
fn long_code_that_is_flat_runs() {
    for (text, expected) in [
        (format!("0{}", " + 1".repeat(5_000)), "5000"),
        (format!("\"\"{}", " + \"a\"".repeat(5_000)), ""),
        (format!("true{}", " && true".repeat(5_000)), "True"),
        (format!("{{ var i = 0; {} return i; }}", "i++; ".repeat(5_000)), "5000"),
        (format!("new[] {{ {} }}.Length", "1, ".repeat(5_000)), "5000"),
        (format!("new StringBuilder(){}.Length", ".Append(1)".repeat(60)), "60"),
        (
            format!(
                "{{ var i = 70; {} return -1; }}",
                (0..80).map(|n| format!("if (i == {n}) {{ return {n}; }} else ")).collect::<Vec<_>>().concat()
                    + "{ i = 0; }"
            ),
            "70",
        ),
    ] {
        let value = ended(text.clone(), serde_json::json!({})).unwrap_or_else(|thrown| panic!("{text}: {thrown}"));
        assert!(value.to_text().starts_with(expected), "{}", value.to_text());
    }
}

#[test]
fn hostile_patterns_stop() {
    let input = format!("{}!", "a".repeat(40));
    for text in [
        r#"Regex.IsMatch((string)context.Variables["t"], @"^(a+)+$")"#,
        r#"Regex.IsMatch((string)context.Variables["t"], @"^(?:(?=a)a+)+$")"#,
        r#"Regex.IsMatch((string)context.Variables["t"], @"^(a|a)*\1$")"#,
        r#"{ for (var i = 0; i < 1000; i++) { try { Regex.IsMatch((string)context.Variables["t"], @"^(?:(?=a)a+)+$"); } catch { } } return 1; }"#,
        r#"{ for (var i = 0; i < 1000; i++) { Regex.IsMatch((string)context.Variables["t"], @"^(?:(?=a)a+)+$" + i); } return 1; }"#,
        r#"Regex.IsMatch("x", "(((((a{1,999}){1,999}){1,999}){1,999}){1,999})")"#,
        r#"JArray.Parse("[1,2,3]").SelectTokens("$[?(@ =~ /^(?:(?=a)a+)+$/)]").Count()"#,
    ] {
        let document = serde_json::json!({ "variables": { "t": input } });
        // Linear where the engine can be; else an exception or the end of the bounds.
        let found = ended(text.to_owned(), document);
        if let Err(thrown) = &found {
            assert!(
                ["RegexMatchTimeoutException", "RegexParseException", LIMIT].contains(&thrown.class),
                "{text}: {thrown}"
            );
        }
    }
}

#[test]
fn hostile_documents_stop() {
    let deep = 100_000;
    for body in [
        "[".repeat(deep),
        "{\"a\":".repeat(deep),
        format!("{}1{}", "[".repeat(deep), "]".repeat(deep)),
        "\"".to_owned() + &"\\".repeat(deep),
        "/*".repeat(deep),
        "-".repeat(deep),
        "1".repeat(deep),
        "\u{0}".repeat(deep),
    ] {
        on_a_worker(move || drop(Json::parse(&body)));
    }
    let wide = format!("[{}1]", "[[1,2],{\"a\":[3]}],".repeat(20_000));
    let document = serde_json::json!({ "request": { "body": wide } });
    for text in [
        "context.Request.Body.As<JArray>(true).SelectTokens(\"$..*\").Count()",
        "context.Request.Body.As<JArray>(true).SelectTokens(\"$..[?(@..[?(@..[?(@..a)])])]\").Count()",
        "{ var a = context.Request.Body.As<JArray>(true); var n = 0; foreach (var x in a) { foreach (var y in a) { n++; } } return n; }",
        "context.Request.Body.As<JArray>(true).Select(x => x.ToString()).Distinct().Count()",
    ] {
        if let Err(thrown) = ended(text.to_owned(), document.clone()) {
            assert_eq!(thrown.class, LIMIT, "{text}: {thrown}");
        }
    }
    for text in [
        format!("XElement.Parse(\"{}\")", "<a>".repeat(3_000)),
        format!("XElement.Parse(\"{}{}\")", "<a>".repeat(3_000), "</a>".repeat(3_000)),
        format!("new JObject().SelectToken(\"{}\")", "[?(@".repeat(3_000)),
        format!("JArray.Parse(\"[1]\").SelectToken(\"{}@{}\")", "[?(".repeat(3_000), ")]".repeat(3_000)),
    ] {
        let thrown = ended(text, serde_json::json!({})).expect_err("refused");
        assert!(["XmlException", "JsonException", LIMIT].contains(&thrown.class), "{thrown}");
    }
}

#[test]
fn bounds_are_the_callers_to_choose() {
    let text = "{ var n = 0; for (var i = 0; i < 100; i++) { n += i; } return n; }";
    let run = |bounds: &Bounds| {
        compiled(text).evaluate(&mut fixture(serde_json::json!({})), bounds).map(|value| value.as_long())
    };
    assert_eq!(run(&Bounds::DEFAULT), Ok(Some(4950)));
    assert_eq!(run(&Bounds { steps: 100, ..Bounds::DEFAULT }).expect_err("too few").class, LIMIT);
    assert_eq!(run(&Bounds { depth: 2, ..Bounds::DEFAULT }).expect_err("too shallow").class, LIMIT);
}

#[test]
fn a_body_is_read_once_whatever_its_size() {
    let large = serde_json::json!({ "request": { "body": { "a": vec!["x".repeat(100); 100], "n": 1 } } });
    let bounds = Bounds { steps: 600, memory: 8_000, depth: 220 };
    let run = |text: &str| {
        compiled(text).evaluate(&mut fixture(large.clone()), &bounds).map(|value| value.to_text().to_string())
    };
    assert_eq!(run("context.Request.Body.As<JObject>(true)[\"n\"]").as_deref(), Ok("1"));
    assert_eq!(run("context.Request.Body.As<string>(true).Length > 9000").as_deref(), Ok("True"));
    let again = run("{ for (var i = 0; i < 9; i++) { context.Request.Body.As<JObject>(true); } return 1; }");
    assert_eq!(again.expect_err("read over and over").class, LIMIT);
}

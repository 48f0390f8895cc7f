//! The lexical traps, as tables.

use super::*;

fn whole(text: &str, within: Within) -> Result<String, Unclosed> {
    find(text, 0, within).map(|code| {
        let mut decoded = String::new();
        let mut at = 0;
        for (offset, entity) in &code.entities {
            decoded.push_str(&text[at..*offset]);
            decoded.push(entity.stands_for);
            at = offset + entity.length;
        }
        decoded + &text[at..code.end]
    })
}

const ATTRIBUTE: Within = Within::Attribute(b'"');

#[test]
fn the_end_is_found_through_every_sort_of_literal() {
    let rows = [
        r"@(1)",
        r"@((1 + (2)))",
        r#"@{ if (a) { b(); } return "}"; }"#,
        r#"@(")")"#,
        r#"@("a\")")"#,
        r#"@("\\")"#,
        r#"@(@"\")"#,
        r#"@(@"a "")"" b")"#,
        "@(@\"two\n)\nlines\")",
        r#"@($"a{b})")"#,
        r#"@($"a{{)}}")"#,
        r#"@($"a{b["x)"]}c)")"#,
        r#"@($"a{$"b{c + ")"})"})")"#,
        r#"@($"{(x ? ")" : "(")}")"#,
        r#"@($"{d:yyyy'T'HH:mm}")"#,
        r#"@($"{n,5:N0}")"#,
        r#"@($"{global::System.Math.Abs(x)}")"#,
        r#"@($@"a ""{b(")")}"" \")"#,
        r#"@(@$"\{b}")"#,
        r"@(x == ')')",
        r#"@(x == '\'' || y == '"')"#,
        r"@(x == '\u0029')",
        "@{ // don't }\n return 1; }",
        "@{ // don't }\r return 1; }",
        "@{ /* don't } */ return 1; }",
        "@{\n #region don't }\n return 1;\n#endregion\n}",
        r#"@("http://example.com/")"#,
        r"@{ return new { a = new[] { 1 } }; }",
        r"@(a.Select(@class => @class.b))",
        r"@(a < b && c > d)",
        r"@({{named-value}} + 1)",
        r#"@("{{a}}" + $"{{b}}")"#,
        "@(\"ü)😀\")",
    ];
    for row in rows {
        for within in [ATTRIBUTE, Within::Attribute(b'\''), Within::Content] {
            let text = format!("{row}\" ) }} behind");
            assert_eq!(whole(&text, within), Ok(row.to_owned()), "{within:?}");
        }
    }
}

#[test]
fn references_are_decoded_as_they_were_meant() {
    let rows = [
        // Properly escaped: everywhere.
        ("@(&quot;)&quot;)", ATTRIBUTE, "@(\")\")"),
        ("@(a &amp;&amp; b)", ATTRIBUTE, "@(a && b)"),
        ("@(x.As&lt;JObject&gt;())", Within::Content, "@(x.As<JObject>())"),
        ("@(\"&lt;b&gt;\")", Within::Content, "@(\"<b>\")"),
        ("@('&amp;')", ATTRIBUTE, "@('&')"),
        ("@{ // a&#10; return 1; }", ATTRIBUTE, "@{ // a\n return 1; }"),
        ("@(&quot;a&amp;quot;)&quot;)", ATTRIBUTE, "@(\"a&quot;)\")"),
        // As it is: not in the strings of raw quotes.
        ("@(a && \"&quot;)&quot;\" == b)", ATTRIBUTE, "@(a && \"&quot;)&quot;\" == b)"),
        ("@(x.Replace(\"&amp;\", \"&\"))", Within::Content, "@(x.Replace(\"&amp;\", \"&\"))"),
        // Both at once: no C# has a reference outside strings.
        ("@(a &amp;&amp; b[\"x\"] &lt; 3)", ATTRIBUTE, "@(a && b[\"x\"] < 3)"),
        ("@(a[\"x\"] == &quot;)&lt;&quot;)", ATTRIBUTE, "@(a[\"x\"] == \")<\")"),
        // No reference at all.
        ("@(a &b; c)", ATTRIBUTE, "@(a &b; c)"),
        ("@(\"&nbsp;\")", Within::Content, "@(\"&nbsp;\")"),
    ];
    for (text, within, wanted) in rows {
        assert_eq!(whole(text, within).as_deref(), Ok(wanted), "{text}");
    }
}

#[test]
fn what_is_not_closed_is_named() {
    let rows = [
        ("@(1", 0, Open::Expression),
        ("@{ if (a) { }", 0, Open::Expression),
        ("@(\"a)\n)", 2, Open::Line),
        ("@(@\"a)", 2, Open::String),
        ("@('a", 2, Open::Character),
        ("@(1 /* )", 4, Open::Comment),
        ("@(", 0, Open::Expression),
    ];
    for (text, at, what) in rows {
        assert_eq!(find(text, 0, Within::Content), Err(Unclosed { at, what }), "{text}");
    }
    let nested = format!("@({})", "$\"{".repeat(40));
    assert!(find(&nested, 0, Within::Content).is_err_and(|unclosed| unclosed.what == Open::TooDeep));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_search_panic_or_leave_the_text(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..40)
    ) {
        for start in ["@(", "@{"] {
            let text = format!("{start}{}", pieces.concat());
            for within in [ATTRIBUTE, Within::Content] {
                match find(&text, 0, within) {
                    Ok(code) => proptest::prop_assert!(text.is_char_boundary(code.end) && code.end > 2),
                    Err(unclosed) => proptest::prop_assert!(unclosed.at <= text.len()),
                }
            }
        }
    }
}

const PIECES: &[&str] = &[
    "(", ")", "{", "}", "[", "]", "\"", "\"\"", "'", "\\", "$", "@", "$\"", "@\"", "$@\"", "{{", "}}", ":", "::", "//",
    "/*", "*/", "\n", "#", "&quot;", "&lt;", "&amp;", "&#10;", "&", "<", "a", " ", "ü",
];

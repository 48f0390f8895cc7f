//! What is refused at load: the place, the words and the hint.

use super::refused;

/// The first trouble's text begins at the marked place (`«`) and its message has these words.
#[track_caller]
fn check(rows: &[(&str, &str)]) {
    let mut wrong = Vec::new();
    for (marked, words) in rows {
        let offset = marked.find('«').expect("a mark");
        let text = marked.replace('«', "");
        // Blocks are compiled without their braces.
        let skipped = usize::from(text.starts_with('{'));
        let troubles = refused(&text);
        match troubles.first() {
            None => wrong.push(format!("{text}\n    compiles")),
            Some(first) if first.offset + skipped != offset || !first.message.contains(words) => wrong.push(format!(
                "{text}\n    expected {offset}: {words}\n    found    {}: {}",
                first.offset + skipped,
                first.message
            )),
            Some(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unknown_names_have_a_place_and_a_hint() {
    check(&[
        ("context.«Requst.Method", "`IProxyRequestContext` has no member `Requst`; did you mean `Request`?"),
        ("context.Request.«Metod", "`IRequest` has no member `Metod`; did you mean `Method`?"),
        ("context.Request.Headers.«GetValueOrDefualt(\"a\")", "did you mean `GetValueOrDefault`?"),
        ("\"a\".«ToLowr()", "`string` has no member `ToLowr`; did you mean `ToLower`?"),
        ("string.«IsNulOrEmpty(\"\")", "`string` has no method `IsNulOrEmpty`; did you mean `IsNullOrEmpty`?"),
        ("«contxt.Api.Id", "unknown name `contxt`; did you mean `context`?"),
        ("new «JObjct()", "unknown type `JObjct`; did you mean `JObject`?"),
        ("(«Jobject2)context.Variables[\"a\"]", "unknown type `Jobject2`"),
        ("{ var count = 1; return «cuont; }", "unknown name `cuont`; did you mean `count`?"),
        ("StringComparison.«OrdinalIgnorCase", "did you mean `OrdinalIgnoreCase`?"),
        ("context.Api.«id", "did you mean `Id`?"),
        ("context.Request.«MatchedParameters(\"a\")", "is a property"),
        ("context.Request.Body.«As", "is a method: call it with `()`"),
        ("\"a\".«Length()", "is a property"),
        ("\"a\".«Trim", "is a method: call it with `()`"),
    ]);
}

#[test]
fn syntax_says_what_was_expected() {
    check(&[
        ("1 +«", "expected an expression, found the end"),
        ("(1 + 2«", "expected `)`, found the end"),
        ("{ return 1 «}", "expected `;`"),
        ("{ if «1 == 1) return 1; return 2; }", "expected `(`"),
        ("«\"abc", "the string does not end"),
        ("«'abc'", "a character literal holds exactly one character"),
        ("\"a«\\q\"", "unknown escape"),
        ("1 «# 2", "the character `#` does not belong"),
        ("1 «2", "expected the end of the expression"),
        ("{ var a = 1; «}", "not all code paths return a value"),
        ("{ if (true) return 1; «}", "not all code paths return a value"),
        ("{ «goto x; }", "not supported"),
        ("«await Task.Run()", "expressions cannot wait"),
        ("$\"«{1\"", "does not close"),
        ("«/* comment", "the comment does not end"),
        ("«", "expected an expression"),
        ("{ «break; return 1; }", "outside a loop"),
        ("{ «continue; return 1; }", "outside a loop"),
        ("{ «throw; }", "outside a `catch`"),
    ]);
}

#[test]
fn types_that_are_known_are_checked() {
    check(&[
        ("context.Response.StatusCode == «\"200\"", "`==` does not apply to `int` and `string`"),
        ("context.Request.Method == «5", "does not apply to `string` and `int`"),
        ("\"a\" - «1", "does not apply"),
        ("\"a\" > «\"b\"", "does not apply"),
        ("«!5", "needs a bool"),
        ("«5 ? 1 : 2", "needs a bool, this is `int`"),
        ("{ if (context.Request.«Method) return 1; return 2; }", "needs a bool, this is `string`"),
        ("{ while («1) { return 1; } return 2; }", "needs a bool"),
        ("true && «\"x\"", "needs a bool"),
        ("{ int x = «\"a\"; return x; }", "a `string` cannot become a `int`"),
        ("{ string s = «5; return s; }", "a `int` cannot become a `string`"),
        ("{ bool b = «1; return b; }", "a `int` cannot become a `bool`"),
        ("{ int x = «2.5; return x; }", "a `double` cannot become a `int`"),
        ("{ var x = 1; x = «\"a\"; return x; }", "a `string` cannot become a `int`"),
        ("\"a\"[«\"b\"]", "indexed by a number"),
        ("5[«0]", "cannot be indexed"),
        ("\"a\".«Substring()", "`Substring` takes 1 to 2 arguments, not 0"),
        ("new «Dictionary<string, string>(1, 2, 3)", "takes 3 arguments"),
        ("{ var a = 1; «var a = 2; return a; }", "already declared"),
        ("«5 = 6", "only a variable or an indexer can be assigned to"),
        ("context.Api.«Id = \"x\"", "cannot be set by an expression"),
        ("(int)«\"5\"", "a `string` cannot become a `int`; use `int.Parse`"),
        ("(string)«5", "a `int` cannot become a `string`; use `.ToString()`"),
    ]);
}

#[test]
fn every_problem_is_listed() {
    let troubles = refused("context.Foo + context.Bar + \"a\".Baz()");
    let places: Vec<_> = troubles.iter().map(|trouble| trouble.offset).collect();
    assert_eq!(places, [8, 22, 32], "{troubles:?}");
}

#[test]
fn unsupported_constructs_say_so() {
    check(&[
        ("«File.ReadAllText(\"/etc/passwd\")", "unknown name `File`"),
        ("«Environment.GetEnvironmentVariable(\"X\")", "unknown name `Environment`"),
        ("new «HttpClient()", "unknown type `HttpClient`"),
        ("new «System.Net.WebClient()", "unknown type `WebClient`"),
        ("«System.Diagnostics.Process.Start(\"sh\")", "unknown name"),
        ("\"a\".GetType().«Assembly", "no type has a member `Assembly`"),
        ("«checked(1 + 1)", "unknown name `checked`"),
    ]);
}

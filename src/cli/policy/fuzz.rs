//! Documents and expressions that nobody would write: the reader, the parser of expressions and the interpreter answer
//! with a problem or a value, and never panic or hang. The same ones each time in `cargo test`; `tests/run fuzz` tries
//! others for `TOLLGATE_FUZZ_SECONDS`.

use std::path::Path;

use proptest::{
    collection::vec,
    prelude::*,
    sample::{Index, select},
    test_runner::RngSeed,
};

use super::{fmt, trials, try_out};
use crate::{
    expression::{self, Source},
    policies::compile::OnUnsupported,
    policy::{Document, Spelling},
};

/// What documents are made of, whole and broken.
const MARKUP: &[&str] = &[
    "<policies>",
    "</policies>",
    "<inbound>",
    "</inbound>",
    "<inbound/>",
    "<base />",
    "<outbound>",
    "</outbound>",
    "<fragment>",
    "</fragment>",
    "<set-header name=\"a\" exists-action=\"override\">",
    "</set-header>",
    "<value>",
    "</value>",
    "<value/>",
    "@(",
    "@{",
    ")",
    "}",
    "\"",
    "'",
    "&",
    "&amp;",
    "&#x41;",
    "&#0;",
    "<![CDATA[",
    "]]>",
    "<!--",
    "-->",
    "<?xml",
    "?>",
    "<!DOCTYPE a>",
    "{{",
    "}}",
    "{{a}}",
    "$\"{",
    "@\"",
    "\\",
    "//",
    "/*",
    "*/",
    "\r\n",
    "\t",
    " ",
    "\u{feff}",
    "\u{0}",
    "ü",
    "😀",
    "=",
    "<",
    ">",
    "/>",
    "return \"<a>\";",
    "context.Request",
    "if (a && b < c) {",
];

/// What expressions are made of.
const CODE: &[&str] = &[
    "context",
    ".",
    "Request",
    "Response",
    "Body",
    "Headers",
    "Variables",
    "User",
    "Groups",
    "Url",
    "As<string>()",
    "As<JObject>(true)",
    "GetValueOrDefault(",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ";",
    "\"a\"",
    "'c'",
    "$\"x{1}y\"",
    "@\"v\"\"w\"",
    "1",
    "0",
    "-1",
    "2147483647",
    "9223372036854775807",
    "1.5",
    "1e308",
    "true",
    "null",
    "+",
    "-",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    ">",
    "<=",
    ">=",
    "&&",
    "||",
    "!",
    "?",
    ":",
    "??",
    "?.",
    "=>",
    "=",
    "+=",
    "++",
    "x",
    "y",
    "var x = ",
    "string s = ",
    "int i = ",
    "return ",
    "if (",
    "else ",
    "foreach (var x in ",
    "for (",
    "while (",
    "switch (",
    "case 1:",
    "default:",
    "break;",
    "try {",
    "} catch {",
    "throw ",
    "new ",
    "JObject",
    "JArray.Parse(",
    "Dictionary<string, string>",
    "List<int>",
    "DateTime.UtcNow",
    "TimeSpan.FromSeconds(",
    "Guid.NewGuid()",
    "Regex.Replace(",
    "Convert.ToBase64String(",
    "Encoding.UTF8.GetBytes(",
    "string.Join(",
    ".Select(",
    ".Where(",
    ".ToString(",
    ".Split(",
    ".Substring(",
    ".Length",
    ".Count()",
    "as ",
    "is ",
    "(int)",
    "(string)",
    "typeof(",
    "// c\n",
    "/* c */",
    " ",
];

fn document(inside: &str) -> String {
    let attribute = inside.replace('\n', " ");
    format!(
        "<policies><inbound><set-variable name=\"v\" value=\"{attribute}\" /><set-body>{inside}</set-body></inbound>\
         <outbound><base /></outbound></policies>"
    )
}

/// Reads, and plays what can be read; nothing else is asked than to end.
fn read_and_play(text: &str) {
    if let Ok(document) = Document::read("fuzz", text) {
        let printed = document.to_pretty_xml();
        let again = fmt::formatted("fuzz", &printed, Spelling::Xml);
        assert!(again.is_ok(), "what was printed can be read: {printed}");
    }
    let case = try_out::case("case.yaml", "request: { method: POST, body: { a: [1, x, null] } }\n");
    let case = case.unwrap_or_else(|failure| panic!("{failure}"));
    // Refused, failed or answered: all are ends.
    drop(try_out::play("fuzz", text, &case, OnUnsupported::FailWhenReached));
}

/// The same rows each time, unless others are asked for.
fn config() -> ProptestConfig {
    let is_fuzzing = std::env::var_os("PROPTEST_CASES").is_some();
    let rng_seed = if is_fuzzing { RngSeed::Random } else { RngSeed::Fixed(0x7011_9a7e) };
    ProptestConfig { rng_seed, ..ProptestConfig::default() }
}

/// Our own documents.
fn documents() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/policies/own");
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    paths.sort();
    paths.iter().map(|path| trials::file(path)).collect()
}

/// A document with pieces in the place of others.
fn mutants() -> impl Strategy<Value = String> {
    let piece = prop_oneof![select(MARKUP), select(CODE)];
    let edits = vec((any::<Index>(), 0..12_usize, piece), 1..5);
    (select(documents()), edits).prop_map(|(mut text, edits)| {
        for (at, length, piece) in edits {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            let end = text.floor_char_boundary(at + length).max(at);
            text.replace_range(at..end, piece);
        }
        text
    })
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn mutants_of_documents_are_played_to_an_end(text in mutants()) {
        read_and_play(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}") {
        read_and_play(&text);
    }

    #[test]
    fn pieces_of_documents_are_read_or_refused(pieces in vec(select(MARKUP), 0..60)) {
        read_and_play(&pieces.concat());
    }

    #[test]
    fn pieces_of_code_are_compiled_or_refused(pieces in vec(select(CODE), 0..40)) {
        let code = pieces.concat();
        drop(expression::compile(Source::inline(&code)));
        drop(expression::compile(Source::block(&code)));
    }

    #[test]
    fn pieces_of_code_are_run_to_an_end(pieces in vec(select(CODE), 1..12)) {
        let code = pieces.concat();
        read_and_play(&document(&format!("@({code})")));
        read_and_play(&document(&format!("@{{ return {code}; }}")));
    }
}

/// Nesting beyond every stack, sizes beyond every budget: told, not suffered.
#[test]
fn depth_and_size_have_their_limits() {
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    let elements = [
        deep("<choose><when condition=\"true\">", "</when></choose>"),
        deep("<retry condition=\"false\" count=\"1\" interval=\"0\">", "</retry>"),
        deep("<a>", "</a>"),
    ];
    for inside in &elements {
        read_and_play(&format!("<policies><inbound>{inside}</inbound></policies>"));
    }
    let expressions = [
        format!("@({})", deep("(", ")")),
        format!("@({}true)", "!".repeat(10_000)),
        format!("@(1{})", "+1".repeat(20_000)),
        format!("@(context{})", ".Request".repeat(10_000)),
        format!("@{{ {} return 1; {} }}", "if (true) {".repeat(5_000), "}".repeat(5_000)),
        "@{ while (true) { } return 1; }".to_owned(),
        "@{ var s = \"ab\"; while (true) { s = s + s; } return s; }".to_owned(),
        "@{ var l = new List<string>(); while (true) { l.Add(\"aaaaaaaaaaaaaaaa\"); } return l.Count; }".to_owned(),
        "@(Regex.IsMatch(new string('a', 5000) + \"b\", \"^(a+)+$\"))".to_owned(),
        "@(string.Join(\",\", Enumerable.Range(0, 2000000000)))".to_owned(),
    ];
    for expression in &expressions {
        read_and_play(&document(expression));
    }
}

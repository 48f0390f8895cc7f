//! Documents and expressions that nobody would write: the reader, the parser of expressions and the interpreter answer
//! with a problem or a value, and never panic or hang. `tests/run fuzz` runs these for `TOLLGATE_FUZZ_SECONDS`.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{fmt, try_out};
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

proptest! {
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

//! Nothing that is written makes the compiler or the evaluator panic; reading back what was written gives the same.

use proptest::prelude::*;

use super::fixture;
use crate::expression::{
    Bounds, Source, compile,
    value::{DateTime, Json, TimeKind, TimeSpan, Value, time_format, time_parse},
};

/// Words that code is made of, so that many soups parse.
const WORDS: &[&str] = &[
    "context",
    ".",
    "Request",
    "Headers",
    "[",
    "]",
    "(",
    ")",
    "\"a\"",
    "1",
    "2.5",
    "+",
    "-",
    "*",
    "/",
    "==",
    "&&",
    "||",
    "?",
    ":",
    "??",
    "?.",
    "new",
    "JObject",
    "{",
    "}",
    ",",
    ";",
    "return",
    "var",
    "x",
    "=",
    "=>",
    "if",
    "else",
    "for",
    "foreach",
    "in",
    "while",
    "try",
    "catch",
    "throw",
    "(int)",
    "(string)",
    "is",
    "as",
    "null",
    "true",
    "switch",
    "case",
    "default",
    "break",
    "$\"{x}\"",
    "@\"\"",
    "'c'",
    "Variables",
    "Body",
    "As",
    "<",
    ">",
    "List",
    "int",
    "string",
    "Select",
    "ToString",
    "Value",
    "out",
    "not",
    "_",
    "!",
    "++",
    "--",
    "??=",
    "Math",
    "Max",
    "Convert",
    "ToInt32",
    "Dictionary",
    "Length",
    "Where",
    "First",
    "Regex",
    "Match",
    "DateTime",
    "UtcNow",
    "typeof",
    "nameof",
    "using",
    "finally",
    "do",
    "continue",
    "const",
    "dynamic",
    "%",
    "^",
    "~",
    "|",
    "&",
    "<<",
    ">>",
];

/// Whole expressions to nest in one another.
fn expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("1".to_owned()),
        Just("-7".to_owned()),
        Just("2147483647".to_owned()),
        Just("9223372036854775807L".to_owned()),
        Just("0.5".to_owned()),
        Just("1.5m".to_owned()),
        Just("\"text\"".to_owned()),
        Just("\"\"".to_owned()),
        Just("'c'".to_owned()),
        Just("true".to_owned()),
        Just("null".to_owned()),
        Just("context.Variables[\"x\"]".to_owned()),
        Just("context.Request.Url".to_owned()),
        Just("new JObject(new JProperty(\"a\", 1))".to_owned()),
        Just("new JArray(1, 2)".to_owned()),
        Just("new[] { 1, 2 }".to_owned()),
        Just("new List<object>()".to_owned()),
        Just("DateTime.UtcNow".to_owned()),
        Just("TimeSpan.MaxValue".to_owned()),
        Just("DateTime.MaxValue".to_owned()),
        Just("Guid.Empty".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", ">", "<=", ">=", "&&", "||", "&", "|", "^", "<<", ">>", "??",
        ]);
        let method = prop::sample::select(vec![
            "ToString()",
            "Length",
            "Count()",
            "First()",
            "Substring(1)",
            "Split(',')",
            "Select(x => x)",
            "Value",
            "Equals(1)",
            "GetHashCode()",
            "GetType().Name",
            "Trim()",
            "AddDays(1e9)",
            "AddMonths(2000000000)",
            "Ticks",
            "ToString(\"N2\")",
            "ToString(\"yyyy\")",
            "OrderBy(x => x).ToList()",
            "Sum()",
            "Max()",
            "Reverse()",
            "SelectToken(\"a\")",
            "PadLeft(5)",
            "IndexOf(\"t\")",
            "Remove(0)",
            "Insert(0, \"é\")",
            "CompareTo(1)",
            "TotalDays",
            "ToUnixTimeSeconds()",
            "Year",
            "Negate()",
            "Take(-1)",
            "ElementAt(5)",
            "ToDictionary(x => x)",
            "Aggregate((a, b) => a + b)",
            "GroupBy(x => x)",
            "Zip(\"ab\")",
        ]);
        let call = prop::sample::select(vec![
            "Convert.ToInt32",
            "Convert.ToString",
            "Convert.ToDateTime",
            "Math.Abs",
            "Math.Round",
            "int.Parse",
            "string.Concat",
            "string.IsNullOrEmpty",
            "JToken.FromObject",
            "JsonConvert.SerializeObject",
            "Convert.ToBase64String",
            "Uri.EscapeDataString",
            "TimeSpan.FromDays",
            "DateTimeOffset.FromUnixTimeSeconds",
            "Encoding.UTF8.GetBytes",
            "Regex.Escape",
            "Math.Sqrt",
            "Convert.ToBoolean",
            "(int)",
            "(long)",
            "(string)",
            "(double)",
            "(decimal)",
            "(char)",
            "(byte)",
            "(JObject)",
            "(DateTime)",
            "-",
            "!",
            "~",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            (inner.clone(), method).prop_map(|(of, method)| format!("({of}).{method}")),
            (call, inner.clone()).prop_map(|(call, of)| format!("{call}({of})")),
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            (inner.clone(), inner.clone()).prop_map(|(of, key)| format!("({of})[{key}]")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("$\"{{({a})}}|{{({b}):N1}}\"").replace("\\\"", "\"")),
        ]
    })
}

fn run(text: &str, is_block: bool) {
    if let Ok(expression) = compile(Source { text, is_block }) {
        let mut host = fixture(serde_json::json!({ "variables": { "x": { "a": [1, "b", null] } } }));
        let bounds = Bounds { steps: 20_000, memory: 1 << 20, depth: 100 };
        if let Ok(value) = expression.evaluate(&mut host, &bounds) {
            assert!(value.to_text().len() <= 1 << 22);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 600 } else { 20_000 }))]

    #[test]
    fn any_text_is_refused_or_runs(text in "\\PC{0,80}", is_block in any::<bool>()) {
        run(&text, is_block);
    }

    #[test]
    fn any_bytes_are_refused_or_run(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
        run(&String::from_utf8_lossy(&bytes), false);
    }

    #[test]
    fn any_words_are_refused_or_run(words in prop::collection::vec(prop::sample::select(WORDS), 0..30), is_block in any::<bool>()) {
        run(&words.join(" "), is_block);
    }

    #[test]
    fn any_expression_is_refused_or_runs(text in expression()) {
        run(&text, false);
    }

    #[test]
    fn any_format_of_a_date_is_refused_or_written(ticks in 0_i64..3_155_378_975_999_999_999, format in "\\PC{0,12}") {
        let time = DateTime { ticks, kind: TimeKind::Utc };
        if let Ok(text) = time_format::date(time, 0, &format) {
            assert!(text.len() < 400);
        }
        assert!(time_format::span(TimeSpan { ticks }, &format).len() < 400);
        // What it reads is not the question here, only that it ends.
        assert!(time_parse::parse_exact(&format, &format).is_none_or(|found| found.0.ticks >= 0));
        assert!(time_parse::parse(&format).is_none_or(|found| found.0.ticks >= 0));
    }

    #[test]
    fn a_date_reads_back_as_it_was_written(ticks in 0_i64..3_155_378_975_999_999_999) {
        let time = DateTime { ticks, kind: TimeKind::Utc };
        let text = time_format::date(time, 0, "o").expect("a standard format");
        let read = time_parse::parse(&text).expect("ISO 8601").0;
        prop_assert_eq!(read.ticks, ticks, "{}", text);
        let span = TimeSpan { ticks: ticks / 1_000 };
        prop_assert_eq!(time_parse::span(&span.to_string()), Some(span));
    }

    #[test]
    fn json_reads_back_as_it_was_written(text in "\\PC{0,40}", number in any::<i64>(), real in -1e15..1e15_f64) {
        let json = Json::object([("t".into(), Json::string(text.as_str())), ("n".into(), Json::Int(number)), ("r".into(), Json::Float(real))]);
        let written = Value::Json(json).to_json().expect("flat");
        let again = Value::Json(Json::parse(&written).expect("JSON")).to_json().expect("flat");
        prop_assert_eq!(written, again);
    }

    #[test]
    fn any_text_is_json_or_is_refused(text in "[\\[\\]{}:,\"'0-9a-z\\\\/*+.eE \\-]{0,40}") {
        if let Ok(json) = Json::parse(&text) {
            let written = Value::Json(json).to_json().expect("not deep");
            prop_assert!(Json::parse(&written).is_ok(), "{}", written);
        }
    }
}

//! Operators: precedence, promotion, overflow, null, equality, casts, patterns.

use super::check;

#[test]
fn precedence_and_associativity() {
    check(&[
        ("1 + 2 * 3", "7"),
        ("(1 + 2) * 3", "9"),
        ("10 - 4 - 3", "3"),
        ("100 / 10 / 5", "2"),
        ("10 % 4 * 2", "4"),
        ("2 + 3 << 1", "10"),
        ("1 << 2 + 1", "8"),
        ("true || false && false", "true"),
        ("!true || true", "true"),
        ("1 < 2 == true", "true"),
        ("1 | 2 ^ 3 & 1", "3"),
        ("6 & 3 | 8", "10"),
        ("-2 * -3", "6"),
        ("- -2", "2"),
        ("~5", "-6"),
        ("true ? 1 : false ? 2 : 3", "1"),
        ("false ? 1 : false ? 2 : 3", "3"),
        (r#"null ?? null ?? "c""#, "'c'"),
        (r#"(string)null ?? "a" + "b""#, "'ab'"),
        ("8 >> 1 >> 1", "2"),
        ("3 >= 3 && 3 <= 3 && 4 > 3", "true"),
        (r#"1 + 2 + "a" + 1 + 2"#, "'3a12'"),
        (r#""a" + 1 + 2"#, "'a12'"),
        (r#""a" + (1 + 2)"#, "'a3'"),
        (r#"1 + 'a' + "b""#, "'98b'"),
        (r#""x" + 'a' + 'b'"#, "'xab'"),
        (r#""a" + null + "b""#, "'ab'"),
        (r#""a" + true + 1.0 + 2.5m"#, "'aTrue12.5'"),
    ]);
}

#[test]
fn whole_numbers_divide_wrap_and_promote() {
    check(&[
        ("7 / 2", "3"),
        ("-7 / 2", "-3"),
        ("-7 % 3", "-1"),
        ("7 / 2.0", "3.5d"),
        ("7 / 2m", "3.5m"),
        ("1 / 3m", "0.3333333333333333333333333333m"),
        ("{ int a = 2147483647; a = a + 1; return a; }", "-2147483648"),
        ("{ int a = 2147483647; return a + 1L; }", "2147483648L"),
        ("{ int a = 65536; return a * a; }", "0"),
        ("{ long a = 9223372036854775807; return a + 1; }", "-9223372036854775808L"),
        ("{ int a = -2147483648; return -a; }", "-2147483648"),
        ("{ int zero = 0; return 1 / zero; }", "!DivideByZeroException"),
        ("{ int zero = 0; return 1 % zero; }", "!DivideByZeroException"),
        ("{ decimal zero = 0; return 1 / zero; }", "!DivideByZeroException"),
        ("1 / 0.0", "Infinityd"),
        ("5 + 5L", "10L"),
        ("5 + 5.0", "10d"),
        ("5 + 5m", "10m"),
        ("'a' + 1", "98"),
        ("(char)('a' + 1)", "c'b'"),
        ("(char)98", "c'b'"),
        ("(int)'a'", "97"),
        ("1 << 33", "2"),
        ("0.1m + 0.2m", "0.3m"),
        ("1.10m * 2", "2.20m"),
        ("10 % 3.5", "3d"),
        ("{ double d = 5; return d; }", "5d"),
        ("{ long l = 5; return l; }", "5L"),
        ("{ decimal m = 5; return m; }", "5m"),
        ("{ int i = 5; i += 2; i -= 1; i *= 3; i /= 2; i %= 5; return i; }", "4"),
        ("{ int i = 5; return i++ + ++i; }", "12"),
        ("{ int i = 6; i <<= 1; i |= 1; i &= 9; i ^= 1; return i; }", "8"),
        (r#"{ string s = "a"; s += 1; s += 'c'; return s; }"#, "'a1c'"),
        (r#"{ string s = null; s += "x"; return s; }"#, "'x'"),
        (r#"{ string s = null; s ??= "d"; return s; }"#, "'d'"),
    ]);
}

#[test]
fn equality_is_by_value_for_text_and_numbers() {
    check(&[
        (r#""a" == "a""#, "true"),
        (r#""a" == "A""#, "false"),
        (r#""a" != "b""#, "true"),
        ("1 == 1.0", "true"),
        ("1L == 1", "true"),
        ("1m == 1", "true"),
        ("'a' == 97", "true"),
        ("null == null", "true"),
        (r#""" == null"#, "false"),
        (r#"(string)null == null"#, "true"),
        (r#""a".Equals("A", StringComparison.OrdinalIgnoreCase)"#, "true"),
        (r#""a".Equals("A")"#, "false"),
        (r#"string.Equals("a", "A", StringComparison.OrdinalIgnoreCase)"#, "true"),
        (r#"string.Equals(null, null)"#, "true"),
        ("new int[0] == new int[0]", "false"),
        ("{ var a = new List<int>(); var b = a; return a == b; }", "true"),
        ("DayOfWeek.Monday == DayOfWeek.Monday", "true"),
        ("(int)DayOfWeek.Friday", "5"),
        ("DayOfWeek.Friday.ToString()", "'Friday'"),
        (r#"Guid.Parse("00000000-0000-0000-0000-000000000000") == Guid.Empty"#, "true"),
    ]);
}

#[test]
fn null_stops_where_it_is_told_to() {
    let document =
        serde_json::json!({ "variables": { "null": null, "text": "abc", "json": { "a": { "b": 1 }, "n": null } } });
    super::check_with(
        &document,
        &[
            (r#"((string)context.Variables["null"])?.Length"#, "null"),
            (r#"((string)context.Variables["text"])?.Length"#, "3"),
            (r#"((string)context.Variables["null"]).Length"#, "!NullReferenceException"),
            (r#"((string)context.Variables["null"])?.Trim().ToUpper()"#, "null"),
            (r#"((string)context.Variables["null"])?.Length ?? -1"#, "-1"),
            (r#"((JObject)context.Variables["json"])["x"]?["y"]"#, "null"),
            (r#"((JObject)context.Variables["json"])["x"]?["y"]?.ToString() ?? "none""#, "'none'"),
            (r#"((JObject)context.Variables["json"])["a"]?["b"]"#, "json:1"),
            (r#"((JObject)context.Variables["json"])["x"]["y"]"#, "!NullReferenceException"),
            (r#"(string)((JObject)context.Variables["json"])["n"]"#, "null"),
            (r#"((JObject)context.Variables["json"])["n"] == null"#, "false"),
            (r#"((JObject)context.Variables["json"])["n"].Type == JTokenType.Null"#, "true"),
            (r#"context.Subscription?.Id ?? "anonymous""#, "'anonymous'"),
            (r#"context.Subscription.Id"#, "!NullReferenceException"),
            (r#"context.User == null"#, "true"),
            (r#"context.User?.Groups?.Select(g => g.Id).ToList()"#, "null"),
            (r#"(int)context.Variables["null"]"#, "!NullReferenceException"),
            (r#"(int?)context.Variables["null"] ?? 7"#, "7"),
            (r#"{ int? a = null; return a.HasValue; }"#, "false"),
            (r#"{ int? a = 3; return a.HasValue && a.Value == 3; }"#, "true"),
            (r#"{ int? a = null; return a.GetValueOrDefault(4); }"#, "4"),
            (r#"{ int? a = null; return a > 3; }"#, "false"),
            (r#"{ int? a = null; return (a + 3) == null; }"#, "true"),
            (r#"{ bool? b = null; return b ?? true; }"#, "true"),
            (r#"{ bool? b = null; return b == true; }"#, "false"),
            (r#"{ string s = null; return s?[0]; }"#, "null"),
            (r#"{ string s = null; return s ?? throw new ArgumentException("none"); }"#, "!ArgumentException"),
        ],
    );
}

#[test]
fn casts_and_tests_of_type() {
    let document =
        serde_json::json!({ "variables": { "text": "abc", "number": 5, "real": 2.9, "long": 5_000_000_000_i64 } });
    super::check_with(
        &document,
        &[
            (r#"(string)context.Variables["text"]"#, "'abc'"),
            (r#"(string)context.Variables["number"]"#, "!InvalidCastException"),
            (r#"(int)context.Variables["text"]"#, "!InvalidCastException"),
            (r#"(bool)context.Variables["text"]"#, "!InvalidCastException"),
            (r#"(JObject)context.Variables["text"]"#, "!InvalidCastException"),
            (r#"context.Variables["text"] as JObject"#, "null"),
            (r#"context.Variables["number"] as string"#, "null"),
            (r#"(context.Variables["text"] as string).Length"#, "3"),
            (r#"context.Variables["number"] as int?"#, "5"),
            (r#"context.Variables["text"] is string"#, "true"),
            (r#"context.Variables["text"] is int"#, "false"),
            (r#"context.Variables["number"] is int n ? n + 1 : 0"#, "6"),
            (r#"context.Variables["text"] is string s && s.Length == 3"#, "true"),
            (r#"context.Variables["number"] is > 3 and < 9"#, "true"),
            (r#"context.Variables["number"] is 4 or 5"#, "true"),
            (r#"context.Variables["text"] is not null"#, "true"),
            (r#"context.Variables["text"] is null"#, "false"),
            ("(int)2.9", "2"),
            ("(int)-2.9", "-2"),
            ("(int)2.9m", "2"),
            ("(long)2.9", "2L"),
            ("(double)5", "5d"),
            ("(decimal)1.5", "1.5m"),
            ("(int)5000000000L", "705032704"),
            ("(byte)300", "44"),
            ("(bool)true", "true"),
            ("(object)5", "5"),
            ("(int)(double)7", "7"),
            ("(DayOfWeek)3", "Wednesday"),
            ("5 is int", "true"),
            ("typeof(string).Name", "'String'"),
            (r#""a".GetType().Name"#, "'String'"),
            ("5.GetType().FullName", "'System.Int32'"),
        ],
    );
}

#[test]
fn conditionals_and_switch_expressions() {
    check(&[
        (r#"5 > 3 ? "yes" : "no""#, "'yes'"),
        ("true ? 1 : 2.5", "1d"),
        ("true ? (int?)null : 5", "null"),
        (r#"5 switch { 1 => "one", 5 => "five", _ => "many" }"#, "'five'"),
        (r#"5 switch { < 0 => "negative", 0 => "zero", > 0 => "positive" }"#, "'positive'"),
        (r#""b" switch { "a" or "b" => 1, _ => 2 }"#, "1"),
        (r#"7 switch { int n when n > 5 => n * 2, _ => 0 }"#, "14"),
        (r#"7 switch { 1 => 1 }"#, "!InvalidOperationException"),
        ("(1, \"a\").Item2", "'a'"),
        ("new { A = 1, B = \"x\" }.B", "'x'"),
        ("new { A = 1, B = \"x\" }.ToString()", "'{ A = 1, B = x }'"),
    ]);
}

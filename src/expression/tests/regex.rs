//! `Regex` and its matches.

use super::check;

#[test]
fn patterns_match_as_in_dotnet() {
    check(&[
        (r#"Regex.IsMatch("abc-123", @"\d+")"#, "true"),
        (r#"Regex.IsMatch("ABC", "abc")"#, "false"),
        (r#"Regex.IsMatch("ABC", "abc", RegexOptions.IgnoreCase)"#, "true"),
        (r#"Regex.IsMatch("ABC", "(?i)abc")"#, "true"),
        (r#"System.Text.RegularExpressions.Regex.Match("a1b22", @"\d+").Value"#, "'1'"),
        (r#"Regex.Match("a1b22", @"\d+").NextMatch().Value"#, "'22'"),
        (r#"Regex.Match("abc", @"\d").Success"#, "false"),
        (r#"Regex.Match("abc", @"\d").Value"#, "''"),
        (r#"Regex.Match("user@host", @"(\w+)@(\w+)").Groups[2].Value"#, "'host'"),
        (r#"Regex.Match("user@host", @"(?<name>\w+)@").Groups["name"].Value"#, "'user'"),
        (r#"Regex.Match("x", @"(a)?x").Groups[1].Success"#, "false"),
        (r#"Regex.Match("x", "x").Groups[9].Value"#, "''"),
        (r#"Regex.Match("aéb1", @"\d").Index"#, "3"),
        (r#"Regex.Matches("a1b22c333", @"\d+").Count"#, "3"),
        (r#"Regex.Matches("a1b22", @"\d+").Cast<Match>().Select(m => m.Value)"#, "['1', '22']"),
        (r#"{ var t = ""; foreach (Match m in Regex.Matches("a1b2", @"\d")) { t += m.Value; } return t; }"#, "'12'"),
        (r##"Regex.Replace("a1b22", @"\d+", "#")"##, "'a#b#'"),
        (r#"Regex.Replace("john smith", @"(\w+) (\w+)", "$2 $1")"#, "'smith john'"),
        (r#"Regex.Replace("john smith", @"(?<f>\w+) (?<l>\w+)", "${l}, ${f}")"#, "'smith, john'"),
        (r#"Regex.Replace("a1b2", @"\d", m => "<" + m.Value + ">")"#, "'a<1>b<2>'"),
        (r#"Regex.Replace("cost 5", @"\d", "$$5")"#, "'cost $5'"),
        (r#"Regex.Replace("abc", "b", "$0$0")"#, "'abbc'"),
        (r#"Regex.Split("a1b22c", @"\d+")"#, "['a', 'b', 'c']"),
        (r#"Regex.Escape("a.b*c")"#, r"'a\.b\*c'"),
        (r#"new Regex(@"^(\d{3})-").IsMatch("123-4")"#, "true"),
        (r#"new Regex("a").Replace("aaa", "b", 1)"#, "'baa'"),
        (r#"new Regex("A", RegexOptions.IgnoreCase | RegexOptions.Compiled).IsMatch("a")"#, "true"),
        (r#"Regex.IsMatch("a\nb", "^b$", RegexOptions.Multiline)"#, "true"),
        (r#"Regex.IsMatch("foobar", "foo(?=bar)")"#, "true"),
        (r#"Regex.IsMatch("abab", @"(ab)\1")"#, "true"),
        (r#"Regex.IsMatch("x", "(")"#, "!RegexParseException"),
        (r#"Regex.Match("2024-03", @"(\d+)-(\d+)").Result("$2/$1")"#, "'03/2024'"),
        (r#"Regex.Match("abc", "b").Length"#, "1"),
        (r#"Regex.IsMatch(null, "x")"#, "!ArgumentNullException"),
        (r#"Regex.Match("its 'q'", "'(?<q>.*)'").Groups["q"].Value"#, "'q'"),
        (r#"Regex.IsMatch("a'>b", "a'>b")"#, "true"),
    ]);
}

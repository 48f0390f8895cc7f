//! Members of `string`, `char`, `StringBuilder`, and what `string` itself offers.

use super::check;

#[test]
fn searching_and_cutting() {
    check(&[
        (r#""abc".Length"#, "3"),
        (r#""a\uD83D\uDE00b".Length"#, "4"),
        (r#""abc".Contains("b")"#, "true"),
        (r#""abc".Contains("B")"#, "false"),
        (r#""abc".Contains("B", StringComparison.OrdinalIgnoreCase)"#, "true"),
        (r#""abc".Contains('c')"#, "true"),
        (r#""abc".StartsWith("ab")"#, "true"),
        (r#""abc".StartsWith("AB", StringComparison.OrdinalIgnoreCase)"#, "true"),
        (r#""abc".EndsWith("bc")"#, "true"),
        (r#""abcabc".IndexOf("c")"#, "2"),
        (r#""abcabc".IndexOf("c", 3)"#, "5"),
        (r#""abcabc".IndexOf('x')"#, "-1"),
        (r#""abc".IndexOf("C", StringComparison.OrdinalIgnoreCase)"#, "2"),
        (r#""abcabc".LastIndexOf("b")"#, "4"),
        (r#""a/b?c".IndexOfAny(new[] { '?', '/' })"#, "1"),
        (r#""abcdef".Substring(2)"#, "'cdef'"),
        (r#""abcdef".Substring(2, 3)"#, "'cde'"),
        (r#""abc".Substring(3)"#, "''"),
        (r#""abc".Substring(4)"#, "!ArgumentOutOfRangeException"),
        (r#""abc".Substring(-1)"#, "!ArgumentOutOfRangeException"),
        (r#""abc".Substring(1, 3)"#, "!ArgumentOutOfRangeException"),
        (r#""abc".Remove(1)"#, "'a'"),
        (r#""abc".Remove(1, 1)"#, "'ac'"),
        (r#""abc".Insert(1, "XY")"#, "'aXYbc'"),
        (r#""abc"[1]"#, "c'b'"),
        (r#""abc"[3]"#, "!IndexOutOfRangeException"),
        (r#""abc"[-1]"#, "!IndexOutOfRangeException"),
        (r#""äöü".Substring(1, 1)"#, "'ö'"),
    ]);
}

#[test]
fn changing() {
    check(&[
        (r#""a-b-c".Replace("-", "+")"#, "'a+b+c'"),
        (r#""aaa".Replace("a", "")"#, "''"),
        (r#""abc".Replace('b', 'x')"#, "'axc'"),
        (r#""abc".Replace("", "x")"#, "!ArgumentException"),
        (r#""aBc".Replace("b", "$1", StringComparison.OrdinalIgnoreCase)"#, "'a$1c'"),
        (r#""Abc".ToLower() + "Abc".ToUpperInvariant()"#, "'abcABC'"),
        (r#""  a b ".Trim()"#, "'a b'"),
        (r#""  a ".TrimStart() + "|""#, "'a |'"),
        (r#""  a ".TrimEnd() + "|""#, "'  a|'"),
        (r#""/path/".Trim('/')"#, "'path'"),
        (r#""xxaxx".TrimEnd('x')"#, "'xxa'"),
        (r#""7".PadLeft(3, '0')"#, "'007'"),
        (r#""7".PadRight(3) + "|""#, "'7  |'"),
        (r#""abc".ToCharArray().Length"#, "3"),
        (r#"new string('x', 3)"#, "'xxx'"),
        (r#"new string("abc".Reverse().ToArray())"#, "'cba'"),
    ]);
}

#[test]
fn splitting_and_joining() {
    check(&[
        (r#""a,b,c".Split(',')"#, "['a', 'b', 'c']"),
        (r#""a,b;c".Split(',', ';')"#, "['a', 'b', 'c']"),
        (r#""a,b;c".Split(new[] { ',', ';' })"#, "['a', 'b', 'c']"),
        (r#""a,,b".Split(',')"#, "['a', '', 'b']"),
        (r#""a,,b".Split(new[] { ',' }, StringSplitOptions.RemoveEmptyEntries)"#, "['a', 'b']"),
        (r#""a::b".Split(new string[] { "::" }, StringSplitOptions.None)"#, "['a', 'b']"),
        (r#""a b\tc".Split()"#, "['a', 'b', 'c']"),
        (r#""a,b,c".Split(new[] { ',' }, 2)"#, "['a', 'b,c']"),
        (r#""".Split(',')"#, "['']"),
        (r#""a, b".Split(',', StringSplitOptions.TrimEntries)"#, "['a', 'b']"),
        (r#""a.b.c".Split('.')[1]"#, "'b'"),
        (r#""a.b".Split('.')[5]"#, "!IndexOutOfRangeException"),
        (r#""Bearer abc".Split(' ').Last()"#, "'abc'"),
        (r#"string.Join(",", new[] { "a", "b" })"#, "'a,b'"),
        (r#"string.Join("-", 1, 2, 3)"#, "'1-2-3'"),
        (r#"string.Join("", new List<string>())"#, "''"),
        (r#"string.Join(",", new int[] { 1, 2 })"#, "'1,2'"),
        (r#"string.Join("|", "a,b".Split(',').Select(x => x + "!"))"#, "'a!|b!'"),
        (r#"string.Concat("a", 1, true)"#, "'a1True'"),
        (r#"string.Concat(new[] { "a", "b" })"#, "'ab'"),
    ]);
}

#[test]
fn statics_of_string_and_char() {
    check(&[
        (r#"string.IsNullOrEmpty("")"#, "true"),
        (r#"String.IsNullOrEmpty(" ")"#, "false"),
        (r#"System.String.IsNullOrWhiteSpace(" \t")"#, "true"),
        (r#"string.IsNullOrEmpty(null)"#, "true"),
        (r#"string.Format("{0} of {1}", 1, "two")"#, "'1 of two'"),
        (r#"string.Format("{0:X2}-{1,5}|{{}}", 10, "a")"#, "'0A-    a|{}'"),
        (r#"string.Format("{0}-{0}", 5)"#, "'5-5'"),
        (r#"string.Format("{1}", 5)"#, "!FormatException"),
        (r#"string.Format("{0", 5)"#, "!FormatException"),
        (r#"string.Format("{0:yyyy}", new DateTime(2024, 1, 1))"#, "'2024'"),
        (r#"string.Compare("a", "b")"#, "-1"),
        (r#"string.Compare("a", "A", true)"#, "0"),
        (r#"string.CompareOrdinal("a", "b") < 0"#, "true"),
        (r#""a".CompareTo("b")"#, "-1"),
        ("char.IsDigit('5')", "true"),
        ("char.IsLetter('5')", "false"),
        ("char.IsLetterOrDigit('_')", "false"),
        ("char.IsWhiteSpace(' ')", "true"),
        ("char.ToUpper('a')", "c'A'"),
        (r#""abc".All(char.IsLetter)"#, "true"),
        (r#""a1b2".Where(c => char.IsDigit(c)).Count()"#, "2"),
        ("string.Empty.Length", "0"),
        (r#"Convert.ToInt32("42") + int.Parse("8")"#, "50"),
    ]);
}

#[test]
fn builders() {
    check(&[
        (r#"new StringBuilder().Append("a").Append(1).Append('c').ToString()"#, "'a1c'"),
        (r#"new StringBuilder("x").AppendLine("y").Length"#, "4"),
        (r#"new StringBuilder("abc").Insert(1, "-").Replace("c", "d").ToString()"#, "'a-bd'"),
        (r#"new StringBuilder().AppendFormat("{0}:{1}", 1, 2).ToString()"#, "'1:2'"),
        (
            r#"{ var b = new StringBuilder(); foreach (var x in new[] { 1, 2 }) { b.Append(x); } return b.ToString(); }"#,
            "'12'",
        ),
        (r#"new StringBuilder("abc").Clear().Length"#, "0"),
        (r#"new StringBuilder().Append('-', 3).ToString()"#, "'---'"),
    ]);
}

#[test]
fn encodings() {
    check(&[
        (r#"Convert.ToBase64String(Encoding.UTF8.GetBytes("user:pass"))"#, "'dXNlcjpwYXNz'"),
        (r#"Encoding.UTF8.GetString(Convert.FromBase64String("dXNlcjpwYXNz"))"#, "'user:pass'"),
        (r#"System.Text.Encoding.ASCII.GetString(new byte[] { 72, 105 })"#, "'Hi'"),
        (r#"Encoding.UTF8.GetBytes("é").Length"#, "2"),
        (r#"Encoding.Unicode.GetBytes("a").Length"#, "2"),
        (r#"Encoding.GetEncoding("iso-8859-1").GetBytes("é")[0]"#, "233"),
        (r#"Convert.FromBase64String("not base64!")"#, "!FormatException"),
        (r#"BitConverter.ToString(new byte[] { 1, 171 })"#, "'01-AB'"),
        (r#"BitConverter.ToInt32(new byte[] { 1, 1, 0, 0 }, 0)"#, "257"),
        (r#"System.Net.WebUtility.UrlEncode("a b&c/ü")"#, "'a+b%26c%2F%C3%BC'"),
        (r#"System.Net.WebUtility.UrlDecode("a+b%26")"#, "'a b&'"),
        (r#"Uri.EscapeDataString("a b&c/ü")"#, "'a%20b%26c%2F%C3%BC'"),
        (r#"Uri.EscapeUriString("a b/c?d=e")"#, "'a%20b/c?d=e'"),
        (r#"Uri.UnescapeDataString("a%20b%2F+")"#, "'a b/+'"),
        (r#"System.Net.WebUtility.HtmlEncode("<a href='x'>&\"")"#, "'&lt;a href=&#39;x&#39;&gt;&amp;&quot;'"),
        (r#"System.Net.WebUtility.HtmlDecode("&lt;&#65;&amp;")"#, "'<A&'"),
    ]);
}

//! Query syntax, joins, and the smaller types of `System`.

use super::check;

#[test]
fn queries_are_the_calls_that_they_stand_for() {
    check(&[
        ("string.Join(\",\", from i in new[] { 1, 2, 3 } where i > 1 select i * 2)", "'4,6'"),
        ("(from i in new[] { 2, 3, 1 } orderby i descending select i).First()", "3"),
        (
            "string.Join(\",\", from s in new[] { \"bb\", \"a\", \"cc\" } orderby s.Length, s descending select s)",
            "'a,cc,bb'",
        ),
        ("(from a in new[] { 1, 2 } from b in new[] { 3, 4 } let s = a + b where s > 4 select s).Sum()", "16"),
        (
            "string.Join(\",\", from s in new[] { \"aa\", \"ab\", \"b\" } group s by s[0] into g orderby g.Key select g.Key + g.Count().ToString())",
            "'a2,b1'",
        ),
        ("(from a in new[] { 1, 2 } join b in new[] { 2, 3 } on a equals b select a + b).First()", "4"),
        (
            "string.Join(\",\", from a in new[] { 1, 2 } join b in new[] { 2, 2 } on a equals b into found select found.Count())",
            "'0,2'",
        ),
        ("(from string s in new object[] { \"x\" } select s.Length).First()", "1"),
        ("(from g in (from i in new[] { 1, 2 } select i + 1) where g > 2 select g).Single()", "3"),
        ("{ var from = \"x\"; var select = from + \"y\"; return select; }", "'xy'"),
        (
            "from i in new[] { 1 } where i > 0",
            "?expected `where`, `orderby`, `select` or `group` of a query, found the end",
        ),
    ]);
}

#[test]
fn sequences_meet() {
    check(&[
        ("new[] { 1, 2 }.Join(new[] { 2, 3 }, a => a, b => b, (a, b) => a * b)", "[4]"),
        ("new[] { 1, 2 }.GroupJoin(new[] { 2, 2 }, a => a, b => b, (a, bs) => a + bs.Count())", "[1, 4]"),
        ("new[] { \"a\", \"bb\", \"c\" }.DistinctBy(x => x.Length)", "['a', 'bb']"),
        ("new[] { \"a\", \"bb\" }.MaxBy(x => x.Length)", "'bb'"),
        ("new[] { 1, 2, 3 }.Chunk(2).Last()", "[3]"),
        (
            "new JArray(JArray.Parse(\"[3,1,2]\").OrderBy(x => (int)x)).ToString(Newtonsoft.Json.Formatting.None)",
            "'[1,2,3]'",
        ),
        ("string.Join(\"|\", \"a,b,c\".Split(','), 1, 2)", "'b|c'"),
    ]);
}

#[test]
fn arrays_are_searched_and_copied() {
    check(&[
        ("Array.Find(new[] { 1, 2, 3 }, x => x > 1)", "2"),
        ("Array.FindIndex(new[] { 1, 2, 3 }, x => x > 5)", "-1"),
        ("Array.Exists(new[] { \"a\" }, x => x == \"a\")", "true"),
        ("Array.ConvertAll(\"1,2\".Split(','), int.Parse).Sum()", "3"),
        (
            "{ var to = new byte[4]; Array.Copy(new byte[] { 1, 2 }, 0, to, 1, 2); return BitConverter.ToString(to); }",
            "'00-01-02-00'",
        ),
        ("{ var to = new byte[4]; new byte[] { 1, 2 }.CopyTo(to, 2); return to[3]; }", "2"),
        ("{ var to = new byte[1]; new byte[] { 1, 2 }.CopyTo(to, 0); return 0; }", "!ArgumentException"),
        ("new List<int> { 1, 2, 3 }.ConvertAll(x => x.ToString())", "['1', '2', '3']"),
    ]);
}

#[test]
fn small_types_have_their_members() {
    check(&[
        ("Tuple.Create(\"a\", 2, true).Item3", "true"),
        ("{ Tuple<string, int> t = new Tuple<string, int>(\"a\", 2); return t.Item1 + t.Item2; }", "'a2'"),
        ("System.Net.IPAddress.Parse(\"10.0.0.1\").GetAddressBytes()[0]", "10"),
        ("IPAddress.TryParse(\"nope\", out var ip)", "false"),
        ("IPAddress.IsLoopback(IPAddress.Parse(\"::1\"))", "true"),
        (
            "{ var b = new byte[8]; using (var rng = new RNGCryptoServiceProvider()) { rng.GetBytes(b); } return Convert.ToBase64String(b).Length; }",
            "12",
        ),
        (
            "{ var s = new StringBuilder(\"abc,\"); s.Length--; return s.Remove(0, 1).AppendJoin(\"-\", new[] { 1, 2 }).ToString(); }",
            "'bc1-2'",
        ),
        ("Math.Clamp(12, 1, 10)", "10"),
        ("Math.DivRem(7, 2, out var rest) * 10 + rest", "31"),
        ("BitConverter.ToInt16(new byte[] { 1, 2 }, 0)", "513"),
        ("HashAlgorithm.Create(\"SHA256\").ComputeHash(Encoding.UTF8.GetBytes(\"abc\"), 0, 1).Length", "32"),
        ("\"Hello\".StartsWith(\"HE\", true, CultureInfo.InvariantCulture)", "true"),
        ("new Uri(\"https://x.y:8443/a/b?c=d#e\").GetLeftPart(UriPartial.Authority)", "'https://x.y:8443'"),
        ("new Uri(\"https://x.y/a/b?c=d#e\").GetLeftPart(UriPartial.Path)", "'https://x.y/a/b'"),
        ("Regex.Match(\"a1\", @\"([a-z])(\\d)\").Groups[2].Captures.Count()", "1"),
        ("unchecked(int.MaxValue + 1) < 0", "true"),
        ("DateTimeOffset.FromUnixTimeSeconds(1704157445).ToString(\"o\")", "'2024-01-02T01:04:05.0000000+00:00'"),
        (
            "new DateTimeOffset(2024, 1, 2, 3, 4, 5, TimeSpan.FromHours(2)).ToOffset(TimeSpan.Zero).ToString(\"HH:mm\")",
            "'01:04'",
        ),
        ("DateTime.ParseExact(\"20240102\", new[] { \"yyyy\", \"yyyyMMdd\" }, null, DateTimeStyles.None).Day", "2"),
        ("new DateTime(2024, 1, 2).ToFileTimeUtc()", "133486272000000000L"),
        (
            "TimeZoneInfo.ConvertTimeToUtc(new DateTime(2024, 7, 1, 12, 0, 0), TimeZoneInfo.FindSystemTimeZoneById(\"Eastern Standard Time\")).Hour",
            "16",
        ),
        (
            "TimeZoneInfo.FindSystemTimeZoneById(\"AUS Eastern Standard Time\").GetUtcOffset(new DateTime(2024, 1, 1)).TotalHours",
            "11d",
        ),
        ("TimeZoneInfo.FindSystemTimeZoneById(\"AUS Eastern Standard Time\").BaseUtcOffset.TotalHours", "10d"),
        (
            "TimeZoneInfo.FindSystemTimeZoneById(\"W. Europe Standard Time\").IsDaylightSavingTime(new DateTime(2024, 7, 1))",
            "true",
        ),
    ]);
}

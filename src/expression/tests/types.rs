//! Collections, `Convert`, `Parse`, `Guid`, `Random`, `Math`, `Uri`.

use super::check;

#[test]
fn lists_and_arrays() {
    check(&[
        ("new int[] { 1, 2, 3 }", "[1, 2, 3]"),
        ("new[] { 1, 2 }.Length", "2"),
        ("new int[3]", "[0, 0, 0]"),
        ("new string[2]", "[null, null]"),
        ("new List<int> { 1, 2 }", "[1, 2]"),
        ("new List<string>(new[] { \"a\" }).Count", "1"),
        ("new[] { 1, 2 }[1]", "2"),
        ("new[] { 1, 2 }[2]", "!IndexOutOfRangeException"),
        ("new List<int> { 1 }[1]", "!ArgumentOutOfRangeException"),
        (
            "{ var l = new List<int>(); l.Add(3); l.AddRange(new[] { 4, 5 }); l.Insert(0, 2); return l; }",
            "[2, 3, 4, 5]",
        ),
        ("{ var l = new List<int> { 1, 2, 3 }; l.Remove(2); l.RemoveAt(0); return l; }", "[3]"),
        ("{ var l = new List<int> { 1, 2, 3 }; l[1] = 9; return l.IndexOf(9); }", "1"),
        ("{ var l = new List<int> { 3, 1, 2 }; l.Sort(); return l; }", "[1, 2, 3]"),
        ("{ var l = new List<int> { 3, 1, 2 }; l.Reverse(); return l; }", "[2, 1, 3]"),
        ("{ var l = new List<int> { 1, 2, 3, 4 }; return l.RemoveAll(x => x % 2 == 0); }", "2"),
        ("{ var l = new List<int> { 1, 2 }; l.Clear(); return l.Count; }", "0"),
        ("{ var a = new string[2]; a[0] = \"x\"; return a; }", "['x', null]"),
        ("new List<int> { 1, 2, 3 }.Find(x => x > 1)", "2"),
        ("new List<int> { 1, 2, 3 }.Exists(x => x > 5)", "false"),
        ("Array.IndexOf(new[] { \"a\", \"b\" }, \"b\")", "1"),
        ("new List<int> { 1 }.Contains(1)", "true"),
        ("{ int[] a = { 1, 2 }; return a; }", "[1, 2]"),
        ("{ var a = new[] { 3, 1, 2 }; Array.Sort(a); return a; }", "[1, 2, 3]"),
        ("{ var a = new[] { 3, 1, 2 }; Array.Reverse(a); return a; }", "[2, 1, 3]"),
        ("{ var b = new byte[2]; b[0] = 255; return BitConverter.ToString(b); }", "'FF-00'"),
        (
            "{ var s = new HashSet<string>(); return s.Add(\"a\") + \"|\" + s.Add(\"a\") + \"|\" + s.Count; }",
            "'True|False|1'",
        ),
        ("{ var s = new HashSet<int> { 1, 1, 2 }; return s; }", "[1, 2]"),
        ("new HashSet<string>(new[] { \"a\", \"a\" }).Count", "1"),
        ("new HashSet<string>(StringComparer.OrdinalIgnoreCase) { \"a\" }.Contains(\"A\")", "true"),
        ("new[] { 1, 1, 2 }.ToHashSet().Count", "2"),
        ("{ var q = new Queue<int>(); q.Enqueue(1); q.Enqueue(2); return q.Dequeue(); }", "1"),
        ("{ var s = new Stack<int>(); s.Push(1); s.Push(2); return s.Pop(); }", "2"),
        ("new[] { new[] { 1 }, new[] { 2, 3 } }[1][0]", "2"),
    ]);
}

#[test]
fn dictionaries() {
    check(&[
        (r#"new Dictionary<string, int> { { "a", 1 }, { "b", 2 } }"#, "{a: 1, b: 2}"),
        (r#"new Dictionary<string, string> { ["a"] = "x" }["a"]"#, "'x'"),
        (r#"new Dictionary<string, int>()["a"]"#, "!KeyNotFoundException"),
        (r#"{ var d = new Dictionary<string, int>(); d["a"] = 1; d["a"] += 5; return d["a"]; }"#, "6"),
        (r#"{ var d = new Dictionary<string, int>(); d.Add("a", 1); d.Add("a", 2); return d; }"#, "!ArgumentException"),
        (
            r#"{ var d = new Dictionary<string, int> { { "a", 1 } }; int v; return d.TryGetValue("a", out v) ? v : -1; }"#,
            "1",
        ),
        (r#"new Dictionary<string, int> { { "a", 1 } }.TryGetValue("b", out var v) ? v : -1"#, "-1"),
        (r#"{ var d = new Dictionary<string, int>(); d.TryGetValue("b", out int v); return v; }"#, "0"),
        (r#"new Dictionary<string, int> { { "a", 1 } }.ContainsKey("A")"#, "false"),
        (r#"new Dictionary<string, int>(StringComparer.OrdinalIgnoreCase) { { "a", 1 } }.ContainsKey("A")"#, "true"),
        (r#"new Dictionary<string, int> { { "a", 1 } }.Keys.First()"#, "'a'"),
        (r#"new Dictionary<string, int> { { "a", 1 } }.Values.Sum()"#, "1"),
        (r#"{ var d = new Dictionary<string, int> { { "a", 1 } }; d.Remove("a"); return d.Count; }"#, "0"),
        (
            r#"string.Join(";", new Dictionary<string, int> { { "a", 1 }, { "b", 2 } }.Select(p => p.Key + "=" + p.Value))"#,
            "'a=1;b=2'",
        ),
        (
            r#"{ var t = ""; foreach (var p in new Dictionary<string, int> { { "a", 1 } }) { t += p.Key + p.Value; } return t; }"#,
            "'a1'",
        ),
        (
            r#"{ var t = ""; foreach (KeyValuePair<string, int> p in new Dictionary<string, int> { { "a", 1 } }) { t += p.Key; } return t; }"#,
            "'a'",
        ),
        (r#"new Dictionary<int, string> { { 1, "a" } }[1]"#, "'a'"),
        (r#"new Dictionary<string, string> { { "a", "x" } }.GetValueOrDefault("b", "none")"#, "'none'"),
        (r#"new Dictionary<string, string> { { "a", "x y" } }.ToQueryString()"#, "'a=x%20y'"),
    ]);
}

#[test]
fn conversions() {
    check(&[
        (r#"Convert.ToInt32("42")"#, "42"),
        (r#"Convert.ToInt32("4x")"#, "!FormatException"),
        (r#"Convert.ToInt32("99999999999")"#, "!OverflowException"),
        ("Convert.ToInt32(2.5)", "2"),
        ("Convert.ToInt32(3.5)", "4"),
        ("Convert.ToInt32(null)", "0"),
        ("Convert.ToInt32(true)", "1"),
        (r#"Convert.ToInt32("FF", 16)"#, "255"),
        (r#"Convert.ToInt64("5000000000")"#, "5000000000L"),
        (r#"Convert.ToDouble("1.5")"#, "1.5d"),
        (r#"Convert.ToDecimal("1.50")"#, "1.50m"),
        (r#"Convert.ToBoolean("True")"#, "true"),
        (r#"Convert.ToBoolean("yes")"#, "!FormatException"),
        ("Convert.ToBoolean(1)", "true"),
        ("Convert.ToString(5)", "'5'"),
        ("Convert.ToString(255, 16)", "'ff'"),
        ("Convert.ToString(5, 2)", "'101'"),
        ("Convert.ToString(true)", "'True'"),
        ("Convert.ToChar(65)", "c'A'"),
        (r#"int.Parse(" 42 ")"#, "42"),
        (r#"int.Parse("-42")"#, "-42"),
        (r#"int.Parse("")"#, "!FormatException"),
        ("int.Parse(null)", "!ArgumentNullException"),
        (r#"int.Parse("4.2")"#, "!FormatException"),
        (r#"int.Parse("2147483648")"#, "!OverflowException"),
        (r#"int.TryParse("42", out var n) ? n : -1"#, "42"),
        (r#"{ int n = 7; int.TryParse("x", out n); return n; }"#, "0"),
        (r#"Int32.TryParse("7", out int n) && n == 7"#, "true"),
        (r#"long.Parse("5")"#, "5L"),
        (r#"double.Parse("1.5e3", CultureInfo.InvariantCulture)"#, "1500d"),
        (r#"double.TryParse("abc", out var d)"#, "false"),
        (r#"decimal.Parse("1,234.5")"#, "1234.5m"),
        (r#"bool.Parse("TRUE")"#, "true"),
        (r#"bool.TryParse("x", out var b) || b"#, "false"),
        (r#"int.Parse("ff", System.Globalization.NumberStyles.HexNumber)"#, "255"),
        ("int.MaxValue", "2147483647"),
        (r#"Guid.TryParse("x", out var g)"#, "false"),
        (r#"Guid.Parse("D3B07384-D9A0-4C9B-8F3E-000000000001").ToString()"#, "'d3b07384-d9a0-4c9b-8f3e-000000000001'"),
        (r#"Guid.Parse("{d3b07384-d9a0-4c9b-8f3e-000000000001}").ToString("N")"#, "'d3b07384d9a04c9b8f3e000000000001'"),
        ("Guid.NewGuid().ToString().Length", "36"),
        ("Guid.NewGuid() == Guid.NewGuid()", "false"),
        ("new Guid(\"00000000-0000-0000-0000-000000000001\").ToByteArray()[15]", "1"),
    ]);
}

#[test]
fn arithmetic_of_the_library() {
    check(&[
        ("Math.Abs(-5)", "5"),
        ("Math.Abs(-5.5)", "5.5d"),
        ("Math.Max(1, 2)", "2"),
        ("Math.Max(1, 2.5)", "2.5d"),
        ("Math.Min(1L, 2)", "1L"),
        ("Math.Ceiling(1.2)", "2d"),
        ("Math.Floor(-1.2)", "-2d"),
        ("Math.Round(2.5)", "2d"),
        ("Math.Round(3.5)", "4d"),
        ("Math.Round(2.345, 2)", "2.34d"),
        ("Math.Round(2.5, MidpointRounding.AwayFromZero)", "3d"),
        ("Math.Pow(2, 10)", "1024d"),
        ("(int)Math.Pow(2, 3)", "8"),
        ("Math.Sqrt(9)", "3d"),
        ("Math.Truncate(-1.9)", "-1d"),
        ("Math.Sign(-3)", "-1"),
        ("Math.Ceiling(1.5m)", "2m"),
        ("Math.Floor(1.5m)", "1m"),
        ("new Random(1).Next(5, 6)", "5"),
        ("new Random().Next(10) < 10", "true"),
        ("new Random().NextDouble() < 1.0", "true"),
        ("new Random().Next(5, 1)", "!ArgumentOutOfRangeException"),
        ("{ var r = new Random(7); var s = new Random(7); return r.Next(1000) == s.Next(1000); }", "true"),
    ]);
}

#[test]
fn addresses() {
    check(&[
        (r#"new Uri("https://host.example:8443/a/b?x=1#f").Host"#, "'host.example'"),
        (r#"new Uri("https://host.example:8443/a/b?x=1#f").Port"#, "8443"),
        (r#"new Uri("https://host.example/a/b?x=1").AbsolutePath"#, "'/a/b'"),
        (r#"new Uri("https://host.example/a/b?x=1").PathAndQuery"#, "'/a/b?x=1'"),
        (r#"new Uri("https://host.example/a/b?x=1").Query"#, "'?x=1'"),
        (r#"new Uri("https://host.example/a/b/").Segments"#, "['/', 'a/', 'b/']"),
        (r#"new Uri("https://host.example:8443/a").Authority"#, "'host.example:8443'"),
        (r#"new Uri("https://host.example/").Scheme"#, "'https'"),
        (r#"new Uri("nonsense")"#, "!UriFormatException"),
        (r#"new Uri(new Uri("https://h.example/a/"), "b").ToString()"#, "'https://h.example/a/b'"),
        (r#"Uri.IsWellFormedUriString("https://h.example/", UriKind.Absolute)"#, "true"),
        (r#"Uri.TryCreate("https://h.example/x", UriKind.Absolute, out var u) ? u.Host : "none""#, "'h.example'"),
        (r#"new UriBuilder("https://h.example/x") { Port = 81 }.Uri.ToString()"#, "?unknown type `UriBuilder`"),
    ]);
}

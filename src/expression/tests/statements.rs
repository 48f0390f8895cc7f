//! Blocks: declarations, branches, loops, exceptions, local functions.

use super::check;

#[test]
fn branches() {
    check(&[
        ("{ if (1 < 2) return 1; return 2; }", "1"),
        ("{ if (1 > 2) { return 1; } else if (2 > 3) { return 2; } else { return 3; } }", "3"),
        ("{ var a = 5; { var b = a + 1; a = b; } return a; }", "6"),
        ("{ int a = 1, b = 2; return a + b; }", "3"),
        ("{ const int a = 4; return a; }", "4"),
        ("{ string a; a = \"x\"; return a; }", "'x'"),
        ("{ ; return 1; }", "1"),
        ("{ var a = 1; var b = 2; var c = a = b; return a + c; }", "4"),
        (r#"{ switch ("b") { case "a": return 1; case "b": case "c": return 2; default: return 3; } }"#, "2"),
        (r#"{ var r = 0; switch (5) { default: r = 9; break; case 5: r = 1; break; } return r; }"#, "1"),
        (
            r#"{ switch ((object)7) { case string s: return s; case int n when n > 5: return n * 2; default: return 0; } }"#,
            "14",
        ),
        (r#"{ switch (1) { case 1: { var x = 5; return x; } } return 0; }"#, "5"),
    ]);
}

#[test]
fn loops() {
    check(&[
        ("{ var s = 0; for (var i = 0; i < 5; i++) { s += i; } return s; }", "10"),
        ("{ var s = 0; for (int i = 10, j = 0; i > j; i--, j++) s++; return s; }", "5"),
        ("{ var s = 0; foreach (var x in new[] { 1, 2, 3 }) { if (x == 2) continue; s += x; } return s; }", "4"),
        ("{ foreach (var x in new[] { 1, 2, 3 }) { if (x == 2) return x; } return 0; }", "2"),
        ("{ var i = 0; while (true) { if (++i > 4) break; } return i; }", "5"),
        ("{ var i = 0; do { i++; } while (i < 3); return i; }", "3"),
        (
            "{ var n = 0; for (var i = 0; i < 3; i++) { for (var j = 0; j < 3; j++) { if (j == 1) break; n++; } } return n; }",
            "3",
        ),
        ("{ var t = \"\"; foreach (char c in \"abc\") { t = c + t; } return t; }", "'cba'"),
        ("{ var l = new List<int> { 1, 2 }; foreach (int x in l.ToList()) { l.Add(x); } return l.Count; }", "4"),
        ("{ foreach (var x in (string[])null) { } return 1; }", "!NullReferenceException"),
        ("{ var i = 0; for (;;) { if (i++ == 3) return i; } }", "4"),
        (
            "{ var f = new List<Func<int>>(); for (var i = 0; i < 2; i++) { var j = i; f.Add(() => j * 10); } return f.Count; }",
            "2",
        ),
        (
            "{ switch (1) { case 1: for (var i = 0; i < 3; i++) { if (i == 1) break; } return 5; default: return 0; } }",
            "5",
        ),
        (
            "{ var s = 0; foreach (var x in new[] { 1, 2, 3 }) { switch (x) { case 2: continue; } s += x; } return s; }",
            "4",
        ),
    ]);
}

#[test]
fn exceptions() {
    check(&[
        ("{ try { return int.Parse(\"x\"); } catch { return -1; } }", "-1"),
        (
            "{ try { return int.Parse(\"x\"); } catch (FormatException) { return -2; } catch (Exception) { return -3; } }",
            "-2",
        ),
        (
            "{ try { return int.Parse(\"x\"); } catch (ArgumentException) { return -2; } catch (Exception e) { return e.Message; } }",
            "'Input string was not in a correct format.'",
        ),
        (
            "{ var t = \"\"; try { t += \"a\"; throw new InvalidOperationException(\"no\"); } catch (InvalidOperationException e) { t += e.Message; } finally { t += \"z\"; } return t; }",
            "'anoz'",
        ),
        ("{ try { throw new Exception(\"boom\"); } finally { } }", "!Exception"),
        (
            "{ try { try { throw new Exception(\"boom\"); } catch { throw; } } catch (Exception e) { return e.Message; } }",
            "'boom'",
        ),
        (
            "{ try { try { int.Parse(\"x\"); } catch { throw new InvalidOperationException(\"there is no exception to throw again\"); } } catch (Exception e) { return e.GetType().Name; } return 0; }",
            "'InvalidOperationException'",
        ),
        (
            "{ try { throw new ArgumentException(\"a\"); } catch (Exception e) when (e.Message == \"b\") { return 1; } catch (Exception e) when (e is ArgumentException) { return 2; } }",
            "2",
        ),
        ("{ var x = 0; try { x = 1; return x; } finally { x = 2; } }", "1"),
        ("{ var x = 1; try { return x / (x - 1); } catch (DivideByZeroException) { return 0; } }", "0"),
        ("{ try { return new int[0][1]; } catch (IndexOutOfRangeException) { return -1; } }", "-1"),
        (
            "{ try { return (string)null + ((string)null).Length; } catch (NullReferenceException) { return \"null\"; } }",
            "'null'",
        ),
        (
            "{ try { return JObject.Parse(\"{\"); } catch (Newtonsoft.Json.JsonReaderException) { return \"bad\"; } }",
            "'bad'",
        ),
        ("{ try { return context.Variables[\"x\"]; } catch (KeyNotFoundException) { return \"none\"; } }", "'none'"),
        (
            "{ foreach (var i in new[] { 1, 2 }) { try { continue; } finally { context.Trace(\"x\"); } } return 1; }",
            "1",
        ),
        ("{ using (var h = SHA256.Create()) { return h.ComputeHash(new byte[0]).Length; } }", "32"),
        ("{ using var h = SHA256.Create(); return h.HashSize; }", "256"),
        ("{ throw new CustomException(\"x\"); }", "!Exception"),
    ]);
}

#[test]
fn functions_and_lambdas() {
    check(&[
        ("{ int Twice(int x) { return x * 2; } return Twice(4); }", "8"),
        ("{ int Twice(int x) => x * 2; return Twice(Twice(1)); }", "4"),
        ("{ return Later(2); int Later(int x) => x + 1; }", "3"),
        ("{ int Factorial(int n) { return n <= 1 ? 1 : n * Factorial(n - 1); } return Factorial(10); }", "3628800"),
        ("{ int Fib(int n) => n < 2 ? n : Fib(n - 1) + Fib(n - 2); return Fib(12); }", "144"),
        ("{ Func<int, int> f = x => x + 1; return f(2); }", "3"),
        ("{ Func<int, int, int> f = (a, b) => { var c = a * b; return c; }; return f.Invoke(3, 4); }", "12"),
        ("{ var k = 10; Func<int, int> f = x => x + k; k = 20; return f(1); }", "21"),
        ("{ var n = 0; Action<int> add = x => { n += x; }; add(2); add(3); return n; }", "5"),
        ("{ void Add(List<int> l, int x) { l.Add(x); } var l = new List<int>(); Add(l, 1); return l; }", "[1]"),
        ("{ var total = 0; new List<int> { 1, 2 }.ForEach(x => total += x); return total; }", "3"),
        ("((Func<int, int>)(x => x * x))(5)", "25"),
    ]);
}

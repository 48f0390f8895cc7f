//! Tuples, taking apart, and what local functions take and give.

use super::check;

#[test]
fn tuples_have_items_by_number_and_by_name() {
    check(&[
        ("{ var t = (id: 1, name: \"a\"); return t.name + t.id + t.Item1; }", "'a11'"),
        ("{ var x = 1; var y = \"k\"; var t = (x, y); return t.x + t.y; }", "'1k'"),
        ("{ (int Id, string Name) t = (3, \"z\"); return t.Name + t.Id; }", "'z3'"),
        (
            "{ (string, int) a = (\"s\", 1); var b = a; b.Item2 = 9; b.Item2++; b.Item2 += 2; return a.Item2 + \",\" + b.Item2; }",
            "'1,12'",
        ),
        ("{ (double a, long b) t = (1, 2); return t.a / 4; }", "0.25d"),
        ("{ var t = (1, \"a\"); return t.ToString() + t; }", "'(1, a)(1, a)'"),
        ("(1, 2) == (1, 2)", "true"),
        ("{ ValueTuple<int, int> t = (1, 2); return t.Item2; }", "2"),
        ("{ var l = new List<(string n, int v)>(); l.Add((\"a\", 1)); return l[0].n + l.Sum(x => x.v); }", "'a1'"),
        (
            "{ var d = new Dictionary<string, (int a, string b)>(); d[\"x\"] = (1, \"y\"); return d[\"x\"].b + d[\"x\"].a; }",
            "'y1'",
        ),
        (
            "{ var q = new[] { \"a\", \"b\" }.Select((v, i) => (v, i)); return string.Join(\";\", q.Select(p => p.v + p.i)); }",
            "'a0;b1'",
        ),
        ("{ var l = new List<object>(); l.Add((a: 1, b: 2)); foreach (var x in l) { return x.b; } return 0; }", "2"),
        // The declared names count, whatever the values are called.
        ("{ (int a, int b) F() { var b = 1; var a = 2; return (b, a); } return F().a; }", "1"),
        (
            "{ var s = (a: 1, b: 2); var t = (b: 1, a: 2); object o = s; return o.a; }",
            "?`a` is not the same item of all tuples here; write `Item1`, `Item2`",
        ),
        ("{ var t = (1, 2); return t.Item3; }", "?the tuple has 2 items, and none of them is `Item3`"),
        ("{ var t = (a: 1, b: 2); return t.c; }", "?the tuple has 2 items, and none of them is `c`"),
    ]);
}

#[test]
fn values_are_taken_apart() {
    check(&[
        ("{ var (a, b) = (1, 2); return a + b; }", "3"),
        ("{ (int id, string name) = (1, \"x\"); return name + id; }", "'x1'"),
        ("{ int a = 1, b = 2; (a, b) = (b, a); return a * 10 + b; }", "21"),
        ("{ var (a, _) = (1, 2); (_, a) = (5, 6); return a; }", "6"),
        (
            "{ var r = \"\"; foreach (var (k, v) in new Dictionary<string, int> { { \"a\", 1 }, { \"b\", 2 } }) { if (v == 2) continue; r += k + v; } return r; }",
            "'a1'",
        ),
        ("{ foreach ((string k, int v) in new[] { (\"a\", 1) }) { return k + v; } return \"\"; }", "'a1'"),
        ("{ int a = 1, b = 1; for (int i = 0; i < 5; i++, (a, b) = (b, a + b)) { } return a; }", "8"),
        ("{ var (q, r) = (Math.DivRem(7, 2, out int rem), rem); return q * 10 + r; }", "31"),
        ("{ (double d, var s) = (1, \"x\"); return d / 2; }", "0.5d"),
        ("{ var (a, b) = (1, 2, 3); return a; }", "?a `anonymous<int, int, int>` cannot be taken apart into 2"),
        ("{ var (a, b) = 5; return a; }", "?a `int` cannot be taken apart into 2"),
        ("{ var a = 1; var (a, b) = (1, 2); return a; }", "?a variable `a` is already declared in this scope"),
        ("{ object o = \"x\"; var (a, b) = o; return a; }", "!RuntimeBinderException"),
    ]);
}

#[test]
fn tuples_are_matched() {
    check(&[
        (
            "{ var m = \"GET\"; var ok = true; return (m, ok) switch { (\"GET\", false) => 1, (\"GET\", _) => 2, _ => 3 }; }",
            "2",
        ),
        (
            "{ object o = (1, \"a\"); switch (o) { case (int n, string s): return s + n; default: return \"no\"; } }",
            "'a1'",
        ),
        ("{ object o = (1, 2, 3); return o is (1, 2); }", "false"),
    ]);
}

#[test]
fn a_question_mark_after_a_tested_type_begins_a_conditional() {
    check(&[
        ("{ var t = JToken.Parse(\"{}\"); return t is JObject ? \"o\" : \"a\"; }", "'o'"),
        ("{ object o = 1; return o is string ? 1 : o is int n ? n + 1 : 0; }", "2"),
        ("{ int? x = null; object o = x; return (o is null ? \"n\" : \"v\"); }", "'n'"),
    ]);
}

#[test]
fn local_functions_convert_what_they_take_and_give() {
    check(&[
        ("{ double Half(int x) { return x; } return Half(1) / 2; }", "0.5d"),
        ("{ double Half(double x) => x / 2; return Half(1); }", "0.5d"),
        ("{ string F(int x) { return x; } return F(1); }", "?a `int` cannot become a `string`; use `.ToString()`"),
        ("{ (int, string) Get() { return (5, \"q\"); } var (n, s) = Get(); return s + n; }", "'q5'"),
        ("{ (int x, int y) Get(int a) => (a, a * 2); var r = Get(4); return r.x + r.y; }", "12"),
        (
            "{ string F(string a, string b = \"z\") { return a + b; } return F(\"a\") + F(b: \"y\", a: \"x\"); }",
            "'azxy'",
        ),
        ("{ string F(string a) { return a; } return F(); }", "?the function needs an argument for `a`"),
        (
            "{ string F(string a) { return a; } return F(\"a\", \"b\"); }",
            "?the function takes 1 arguments, and not this one",
        ),
        ("{ int F(int n) { Func<int, string> g = x => \"s\" + x; return g(n).Length; } return F(10); }", "3"),
    ]);
}

#[test]
fn small_gaps_are_closed() {
    check(&[
        ("{ var x = 5; x >>= 1; x <<= 2; return x; }", "8"),
        ("{ int x = default; bool b = default; return b ? 1 : x; }", "0"),
        ("(1 >> 0) >= 1", "true"),
        (
            "TimeSpan.FromDays(1.5).ToString(\"g\") + \" \" + TimeSpan.FromSeconds(3661.5).ToString(\"g\")",
            "'1:12:00:00 1:01:01.5'",
        ),
        ("TimeSpan.FromSeconds(-61).ToString(\"G\")", "'-0:00:01:01.0000000'"),
        ("new Dictionary<string, int> { [\"a\"] = 1 }.ContainsValue(1)", "true"),
    ]);
}

#[test]
fn queues_stacks_and_sorted_collections_have_their_order() {
    check(&[
        ("{ var s = new Stack<int>(); s.Push(1); s.Push(2); s.Push(3); return string.Join(\",\", s); }", "'3,2,1'"),
        (
            "{ var s = new Stack<string>(new[] { \"a\", \"b\" }); return s.First() + s.Pop() + s.Peek() + s.Count; }",
            "'bba1'",
        ),
        ("{ var r = \"\"; foreach (var x in new Stack<int>(new[] { 1, 2 })) r += x; return r; }", "'21'"),
        (
            "{ var q = new Queue<int>(); q.Enqueue(1); q.Enqueue(2); return q.Dequeue() * 100 + q.Peek() * 10 + q.Count; }",
            "121",
        ),
        ("{ var q = new Queue<int>(new[] { 1 }); return q.TryDequeue(out var x) && !q.TryPeek(out _) ? x : 0; }", "1"),
        ("new Stack<int>().Pop()", "!InvalidOperationException"),
        ("{ var s = new Stack<int>(); s.Push(1); return s[0]; }", "?`Stack<int>` cannot be indexed"),
        ("string.Join(\",\", new SortedDictionary<string, int> { { \"b\", 2 }, { \"a\", 1 } }.Keys)", "'a,b'"),
        ("string.Join(\",\", new SortedSet<int> { 3, 1, 2, 1 })", "'1,2,3'"),
        ("string.Join(\",\", new SortedSet<int>(new[] { 3, 1 }))", "'1,3'"),
    ]);
}

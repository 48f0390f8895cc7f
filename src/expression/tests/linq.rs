//! Queries over collections, JSON and text.

use super::check;

#[test]
fn filters_and_maps() {
    check(&[
        ("new[] { 1, 2, 3 }.Select(x => x * 2)", "[2, 4, 6]"),
        ("new[] { 5, 6 }.Select((x, i) => x * i)", "[0, 6]"),
        ("new[] { 1, 2, 3 }.Where(x => x > 1).ToList()", "[2, 3]"),
        ("new[] { 1, 2, 3 }.Where((x, i) => i != 1).ToArray()", "[1, 3]"),
        ("new[] { \"a,b\", \"c\" }.SelectMany(x => x.Split(','))", "['a', 'b', 'c']"),
        ("new[] { 1, 2, 3 }.First()", "1"),
        ("new[] { 1, 2, 3 }.First(x => x > 1)", "2"),
        ("new int[0].First()", "!InvalidOperationException"),
        ("new string[0].FirstOrDefault()", "null"),
        ("new int[0].FirstOrDefault()", "0"),
        ("new List<int>().FirstOrDefault(x => x > 1)", "0"),
        ("new[] { 1, 2, 3 }.Last()", "3"),
        ("new[] { 1, 2 }.Single()", "!InvalidOperationException"),
        ("new[] { 1, 2 }.SingleOrDefault(x => x == 2)", "2"),
        ("new[] { 1, 2, 3 }.ElementAt(1)", "2"),
        ("new[] { \"a\" }.ElementAtOrDefault(5)", "null"),
        ("new[] { 1, 2, 3 }.Any()", "true"),
        ("new[] { 1, 2, 3 }.Any(x => x > 5)", "false"),
        ("new[] { 1, 2, 3 }.All(x => x > 0)", "true"),
        ("new[] { 1, 2, 3 }.Count(x => x > 1)", "2"),
        ("new[] { 1, 2, 3 }.Contains(2)", "true"),
        ("new[] { \"a\" }.Contains(\"A\", StringComparer.OrdinalIgnoreCase)", "true"),
        ("new[] { 1, 2, 3 }.Skip(1).Take(1)", "[2]"),
        ("new[] { 1, 2, 3 }.TakeWhile(x => x < 3)", "[1, 2]"),
        ("new[] { 1, 2, 3 }.SkipWhile(x => x < 2)", "[2, 3]"),
        ("new[] { 1, 2, 3 }.TakeLast(2)", "[2, 3]"),
        ("new[] { 1, 2, 3 }.SkipLast(1)", "[1, 2]"),
        ("new[] { 1 }.Concat(new[] { 2 }).Append(3).Prepend(0)", "[0, 1, 2, 3]"),
        ("new[] { 1, 2 }.Zip(new[] { 3, 4 }, (a, b) => a * b)", "[3, 8]"),
        ("new object[] { 1, \"a\" }.OfType<string>()", "['a']"),
        ("new object[] { 1, \"a\" }.Cast<string>()", "!InvalidCastException"),
        ("new string[0].DefaultIfEmpty(\"x\")", "['x']"),
        ("Enumerable.Range(1, 3)", "[1, 2, 3]"),
        ("Enumerable.Repeat(\"x\", 2)", "['x', 'x']"),
        ("Enumerable.Empty<string>().Any()", "false"),
        ("new[] { 1, 2 }.SequenceEqual(new List<int> { 1, 2 })", "true"),
        ("new[] { \"1\", \"2\" }.Select(int.Parse).Sum()", "3"),
    ]);
}

#[test]
fn orders_groups_and_sums() {
    check(&[
        ("new[] { 3, 1, 2 }.OrderBy(x => x)", "[1, 2, 3]"),
        ("new[] { 3, 1, 2 }.OrderByDescending(x => x).First()", "3"),
        ("new[] { \"bb\", \"a\", \"cc\" }.OrderBy(x => x.Length).ThenByDescending(x => x)", "['a', 'cc', 'bb']"),
        ("new[] { \"b\", \"A\", \"a\" }.OrderBy(x => x)", "['a', 'A', 'b']"),
        ("new[] { 1, 2, 3 }.Reverse()", "[3, 2, 1]"),
        ("new[] { 1, 2, 1 }.Distinct()", "[1, 2]"),
        ("new[] { \"a\", \"A\" }.Distinct(StringComparer.OrdinalIgnoreCase).Count()", "1"),
        ("new[] { 1, 2 }.Union(new[] { 2, 3 })", "[1, 2, 3]"),
        ("new[] { 1, 2 }.Except(new[] { 2 })", "[1]"),
        ("new[] { 1, 2 }.Intersect(new[] { 2, 3 })", "[2]"),
        ("new[] { 1, 2, 3 }.Sum()", "6"),
        ("new[] { \"a\", \"bb\" }.Sum(x => x.Length)", "3"),
        ("new[] { 1, 2 }.Average()", "1.5d"),
        ("new int[0].Average()", "!InvalidOperationException"),
        ("new int[0].Sum()", "0"),
        ("new[] { 1, 5, 2 }.Max()", "5"),
        ("new[] { \"a\", \"bbb\" }.Min(x => x.Length)", "1"),
        ("new int[0].Max()", "!InvalidOperationException"),
        ("new[] { 1, 2, 3 }.Aggregate((a, b) => a * b)", "6"),
        ("new[] { 1, 2, 3 }.Aggregate(\"\", (a, b) => a + b)", "'123'"),
        ("new[] { 1, 2, 3 }.Aggregate(10, (a, b) => a + b, r => r * 2)", "32"),
        (
            "string.Join(\";\", new[] { \"a1\", \"b1\", \"a2\" }.GroupBy(x => x[0]).Select(g => g.Key + \":\" + g.Count()))",
            "'a:2;b:1'",
        ),
        ("new[] { \"a\", \"bb\" }.ToDictionary(x => x, x => x.Length)[\"bb\"]", "2"),
        ("new[] { \"a\", \"a\" }.ToDictionary(x => x)", "!ArgumentException"),
        ("new[] { \"a\", \"bb\", \"cc\" }.ToLookup(x => x.Length)[2].Count()", "2"),
        ("new[] { 1, 2, 3, 4 }.GroupBy(x => x % 2).Select(g => new { g.Key, Sum = g.Sum() }).First().Sum", "4"),
        (
            "new[] { new { N = 2, S = \"b\" }, new { N = 1, S = \"a\" } }.OrderBy(x => x.N).Select(x => x.S)",
            "['a', 'b']",
        ),
    ]);
}

#[test]
fn queries_over_json_and_text() {
    let document = serde_json::json!({ "variables": { "body": {
        "messages": [{ "role": "system", "content": "be kind" }, { "role": "user", "content": "hello" }],
        "routes": [{ "name": "a", "priority": 2, "up": true }, { "name": "b", "priority": 1, "up": false }, { "name": "c", "priority": 1, "up": true }] } } });
    super::check_with(
        &document,
        &[
            (
                r#"((JObject)context.Variables["body"])["messages"].Select(m => (string)m["role"])"#,
                "['system', 'user']",
            ),
            (
                r#"((JArray)((JObject)context.Variables["body"])["messages"]).Where(m => m["role"].ToString() == "user").Select(m => m["content"].ToString()).FirstOrDefault()"#,
                "'hello'",
            ),
            (r#"((JObject)context.Variables["body"])["messages"].Any(m => (string)m["role"] == "tool")"#, "false"),
            (
                r#"((JObject)context.Variables["body"])["routes"].Where(r => (bool)r["up"]).OrderBy(r => (int)r["priority"]).First()["name"]"#,
                "json:\"c\"",
            ),
            (r#"((JObject)context.Variables["body"])["routes"].Min(r => (int)r["priority"])"#, "1"),
            (r#"((JObject)context.Variables["body"])["routes"].Count()"#, "3"),
            (r#"((JObject)context.Variables["body"])["routes"].Sum(r => r.Value<int>("priority"))"#, "4"),
            (r#"((JObject)context.Variables["body"]).Properties().Select(p => p.Name)"#, "['messages', 'routes']"),
            (
                r#"((JObject)context.Variables["body"])["routes"].GroupBy(r => (int)r["priority"]).Select(g => g.Count())"#,
                "[1, 2]",
            ),
            (
                r#"((JArray)((JObject)context.Variables["body"])["routes"]).Children<JObject>().Select(r => r["name"].ToString())"#,
                "['a', 'b', 'c']",
            ),
            (r#"((JObject)context.Variables["body"])["routes"].Values<string>("name")"#, "['a', 'b', 'c']"),
            (r#"((JObject)context.Variables["body"])["routes"].Children().OfType<JObject>().Count()"#, "3"),
            (r#"new JArray(((JObject)context.Variables["body"])["routes"].Where(r => (bool)r["up"])).Count"#, "2"),
            (
                r#"((JObject)context.Variables["body"])["routes"].ToList().FindIndex(r => (string)r["name"] == "b")"#,
                "1",
            ),
            (r#""hello".Where(c => c == 'l').Count()"#, "2"),
            (r#""cab".OrderBy(c => c).ToArray()"#, "[c'a', c'b', c'c']"),
            (r#""abc".Select(c => (int)c).Sum()"#, "294"),
        ],
    );
}

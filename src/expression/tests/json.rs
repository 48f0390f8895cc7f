//! `JObject`, `JArray`, `JProperty`, `JToken`, `JValue`, `JsonConvert`.

use super::{check, check_with};

fn body() -> serde_json::Value {
    serde_json::json!({ "variables": { "o": {
        "text": "abc", "int": 5, "real": 1.5, "yes": true, "none": null, "list": [1, 2, 3],
        "inner": { "deep": { "x": "y" } }, "numeric": "42", "date": "2024-03-09T10:20:30Z" } } })
}

#[test]
fn reading() {
    check_with(
        &body(),
        &[
            (r#"((JObject)context.Variables["o"])["text"]"#, r#"json:"abc""#),
            (r#"(string)((JObject)context.Variables["o"])["text"]"#, "'abc'"),
            (r#"((JObject)context.Variables["o"])["text"].ToString()"#, "'abc'"),
            (r#"(int)((JObject)context.Variables["o"])["int"]"#, "5"),
            (r#"(int)((JObject)context.Variables["o"])["numeric"]"#, "42"),
            (r#"(int)((JObject)context.Variables["o"])["text"]"#, "!FormatException"),
            (r#"(int)((JObject)context.Variables["o"])["none"]"#, "!ArgumentException"),
            (r#"(int?)((JObject)context.Variables["o"])["none"]"#, "null"),
            (r#"(int?)((JObject)context.Variables["o"])["missing"]"#, "null"),
            (r#"(int)((JObject)context.Variables["o"])["missing"]"#, "!ArgumentNullException"),
            (r#"(string)((JObject)context.Variables["o"])["int"]"#, "'5'"),
            (r#"(string)((JObject)context.Variables["o"])["yes"]"#, "'True'"),
            (r#"(bool)((JObject)context.Variables["o"])["yes"]"#, "true"),
            (r#"(double)((JObject)context.Variables["o"])["real"]"#, "1.5d"),
            (r#"(int)((JObject)context.Variables["o"])["real"]"#, "2"),
            (r#"(long)((JObject)context.Variables["o"])["int"]"#, "5L"),
            (r#"(string)((JObject)context.Variables["o"])["inner"]"#, "!ArgumentException"),
            (r#"(JObject)((JObject)context.Variables["o"])["text"]"#, "!InvalidCastException"),
            (r#"((JObject)context.Variables["o"])["inner"]["deep"]["x"].Value<string>()"#, "'y'"),
            (r#"((JObject)context.Variables["o"]).Value<string>("text")"#, "'abc'"),
            (r#"((JObject)context.Variables["o"]).Value<int>("missing")"#, "0"),
            (r#"((JObject)context.Variables["o"]).Value<int?>("missing") ?? 3"#, "3"),
            (r#"((JObject)context.Variables["o"]).Value<bool>("missing")"#, "false"),
            (
                r#"((JObject)context.Variables["o"]).GetValue("TEXT", StringComparison.OrdinalIgnoreCase).ToString()"#,
                "'abc'",
            ),
            (r#"((JObject)context.Variables["o"]).TryGetValue("text", out JToken t) ? t.ToString() : "none""#, "'abc'"),
            (r#"((JObject)context.Variables["o"]).ContainsKey("nope")"#, "false"),
            (r#"((JObject)context.Variables["o"]).Count"#, "9"),
        ],
    );
}

#[test]
fn reading_arrays_and_types() {
    check_with(
        &body(),
        &[
            (r#"((JObject)context.Variables["o"])["list"][1]"#, "json:2"),
            (r#"((JObject)context.Variables["o"])["list"][9]"#, "!ArgumentOutOfRangeException"),
            (r#"((JObject)context.Variables["o"])["list"]["x"]"#, "!ArgumentException"),
            (r#"((JObject)context.Variables["o"])["text"]["x"]"#, "!InvalidOperationException"),
            (r#"((JArray)((JObject)context.Variables["o"])["list"]).Count"#, "3"),
            (r#"((JObject)context.Variables["o"])["list"].First"#, "json:1"),
            (r#"((JObject)context.Variables["o"])["list"].Last.Value<int>()"#, "3"),
            (r#"((JObject)context.Variables["o"])["list"].HasValues"#, "true"),
            (r#"((JObject)context.Variables["o"])["int"].Type.ToString()"#, "'Integer'"),
            (r#"((JObject)context.Variables["o"])["text"].Type == JTokenType.String"#, "true"),
            (r#"((JObject)context.Variables["o"])["date"].Type"#, "Date"),
            (r#"((JObject)context.Variables["o"])["date"].ToString()"#, "'03/09/2024 10:20:30'"),
            (r#"(DateTime)((JObject)context.Variables["o"])["date"] < DateTime.UtcNow"#, "false"),
            (r#"((JObject)context.Variables["o"])["list"].ToObject<List<int>>().Sum()"#, "6"),
            (r#"((JObject)context.Variables["o"])["list"].ToObject<string[]>()[0]"#, "'1'"),
            (
                r#"((JObject)context.Variables["o"])["inner"].ToObject<Dictionary<string, object>>().Keys.First()"#,
                "'deep'",
            ),
            (r#"((JValue)((JObject)context.Variables["o"])["int"]).Value"#, "5L"),
            (r#"((JObject)context.Variables["o"])["text"] == null"#, "false"),
            (r#"((JObject)context.Variables["o"])["missing"] == null"#, "true"),
            (r#"((JObject)context.Variables["o"]).Property("int").Value"#, "json:5"),
            (r#"((JObject)context.Variables["o"])["inner"] is JObject"#, "true"),
            (r#"((JObject)context.Variables["o"])["inner"] as JArray"#, "null"),
            (r#"((dynamic)context.Variables["o"]).inner.deep.x"#, r#"json:"y""#),
            (r#"JToken.DeepEquals(JObject.Parse("{'a':1}"), JObject.Parse("{\"a\": 1}"))"#, "true"),
        ],
    );
}

#[test]
fn building() {
    check(&[
        (r#"new JObject(new JProperty("a", 1), new JProperty("b", "x"))"#, r#"json:{"a":1,"b":"x"}"#),
        (r#"new JObject { { "a", 1 }, { "b", new JArray(1, 2) } }"#, r#"json:{"a":1,"b":[1,2]}"#),
        (r#"new JObject { ["a"] = 1, ["b"] = null }"#, r#"json:{"a":1,"b":null}"#),
        (r#"new JObject(new JProperty("a", new JObject(new JProperty("b", true))))"#, r#"json:{"a":{"b":true}}"#),
        (r#"new JArray { 1, "a", null }"#, r#"json:[1,"a",null]"#),
        (r#"new JArray("a", "b").ToString(Newtonsoft.Json.Formatting.None)"#, r#"'["a","b"]'"#),
        ("new JArray(new[] { 1, 2 })", "json:[1,2]"),
        (r#"new JProperty("a", 1, 2).Value"#, "json:[1,2]"),
        (r#"new JValue("x").ToString()"#, "'x'"),
        (r#"new JObject(new JProperty("a", 1)).ToString()"#, "'{\r\n  \"a\": 1\r\n}'"),
        ("new JObject().ToString()", "'{}'"),
        ("new JArray().ToString()", "'[]'"),
        (r#"new JObject(new JProperty("a", new JArray(1))).ToString()"#, "'{\r\n  \"a\": [\r\n    1\r\n  ]\r\n}'"),
        (r#"new JProperty("a", 1).ToString()"#, "'\"a\": 1'"),
        (
            r#"new JObject(new JProperty("d", 1.0), new JProperty("m", 1.50m)).ToString(Formatting.None)"#,
            r#"'{"d":1.0,"m":1.50}'"#,
        ),
        (
            r#"new JObject(new JProperty("q", "a\"b\\c\n\u0001é")).ToString(Formatting.None)"#,
            "'{\"q\":\"a\\\"b\\\\c\\n\\u0001é\"}'",
        ),
        (r#"JObject.FromObject(new { a = 1, b = new[] { "x" } })"#, r#"json:{"a":1,"b":["x"]}"#),
        ("JToken.FromObject(5)", "json:5"),
        (r#"JArray.FromObject(new List<string> { "a" })"#, r#"json:["a"]"#),
        (r#"JObject.FromObject(new Dictionary<string, int> { { "k", 1 } })"#, r#"json:{"k":1}"#),
        (
            r#"JsonConvert.SerializeObject(new { a = 1, b = "x", c = new DateTime(2024, 1, 2, 3, 4, 5, DateTimeKind.Utc) })"#,
            r#"'{"a":1,"b":"x","c":"2024-01-02T03:04:05Z"}'"#,
        ),
        (r#"JsonConvert.SerializeObject("a\"b")"#, r#"'"a\"b"'"#),
        ("JsonConvert.SerializeObject(null)", "'null'"),
        ("JsonConvert.SerializeObject(new[] { 1, 2 }, Formatting.Indented)", "'[\r\n  1,\r\n  2\r\n]'"),
        (r#"JsonConvert.DeserializeObject<JObject>("{\"a\":1}")["a"]"#, "json:1"),
        (r#"JsonConvert.DeserializeObject<Dictionary<string, string>>("{\"a\":\"b\"}")["a"]"#, "'b'"),
        (r#"JsonConvert.DeserializeObject<List<string>>("[\"a\"]").Count"#, "1"),
        (r#"JsonConvert.DeserializeObject<string[]>("[\"a\"]")[0]"#, "'a'"),
        (r#"new JObject(new JProperty("a", 1), new JProperty("a", 2))"#, "!ArgumentException"),
        (r#"2 != new JObject(new JProperty("a", 1)).First()"#, "true"),
        (r#"new JObject(new JProperty("a", 1)).First() == new JObject(new JProperty("a", 1)).First()"#, "false"),
        (r#"new JArray(new JProperty("a", 1))"#, "!ArgumentException"),
        (r#"new JProperty("a", new JProperty("b", 1))"#, "!ArgumentException"),
        ("new JObject(new JArray(1))", "!ArgumentException"),
    ]);
}

#[test]
fn parsing() {
    check(&[
        (r#"JObject.Parse("{\"a\":[1,2.5,\"x\",null,true]}")"#, r#"json:{"a":[1,2.5,"x",null,true]}"#),
        (r#"JObject.Parse("{'a':'b'}")["a"]"#, r#"json:"b""#),
        (r#"JObject.Parse("{a:1,}")["a"]"#, "json:1"),
        (r#"JObject.Parse("/* c */ {\"a\":1} // end")["a"]"#, "json:1"),
        (r#"JArray.Parse("[1,2]").Count"#, "2"),
        (r#"JToken.Parse("5")"#, "json:5"),
        (r#"JToken.Parse("\"x\"").ToString()"#, "'x'"),
        (r#"JObject.Parse("[1]")"#, "!JsonReaderException"),
        (r#"JObject.Parse("{\"a\":}")"#, "!JsonReaderException"),
        (r#"JObject.Parse("{\"a\":1} x")"#, "!JsonReaderException"),
        (r#"JObject.Parse("")"#, "!JsonReaderException"),
        ("JObject.Parse(null)", "!ArgumentNullException"),
        (r#"JObject.Parse("{\"a\":1,\"a\":2}")["a"]"#, "json:2"),
        (r#"JObject.Parse("{\"a\":\"\\u00e9\\uD83D\\uDE00\"}")["a"].ToString()"#, "'é\u{1f600}'"),
        (r#"JObject.Parse("{\"d\":\"2024-01-02T03:04:05Z\"}")["d"].Type"#, "Date"),
        (
            r#"JObject.Parse("{\"d\":\"2024-01-02T03:04:05Z\"}").ToString(Formatting.None)"#,
            r#"'{"d":"2024-01-02T03:04:05Z"}'"#,
        ),
        (r#"JObject.Parse("{\"d\":\"2024-01-02\"}")["d"].Type"#, "String"),
        (
            r#"JObject.Parse("{\"n\":18446744073709551615}").ToString(Formatting.None)"#,
            r#"'{"n":18446744073709551615}'"#,
        ),
        (r#"JObject.Parse("{\"n\":1e3}").ToString(Formatting.None)"#, r#"'{"n":1000.0}'"#),
        (r#"JObject.Parse("{\"n\":-0.5}").ToString(Formatting.None)"#, r#"'{"n":-0.5}'"#),
    ]);
}

#[test]
fn changing() {
    check(&[
        (r#"{ var o = JObject.Parse("{'a':1}"); o["b"] = 2; o["a"] = "x"; return o; }"#, r#"json:{"a":"x","b":2}"#),
        (
            r#"{ var o = new JObject(); o.Add("a", 1); o.Add(new JProperty("b", 2)); return o; }"#,
            r#"json:{"a":1,"b":2}"#,
        ),
        (r#"{ var o = new JObject(); o.Add("a", 1); o.Add("a", 2); return o; }"#, "!ArgumentException"),
        (r#"{ var o = JObject.Parse("{'a':1,'b':2}"); o.Remove("a"); return o; }"#, r#"json:{"b":2}"#),
        (r#"{ var o = JObject.Parse("{'a':1,'b':2}"); o.Property("a").Remove(); return o; }"#, r#"json:{"b":2}"#),
        (r#"{ var o = JObject.Parse("{'a':1}"); o.Property("a").Value = 5; return o; }"#, r#"json:{"a":5}"#),
        (
            r#"{ var o = JObject.Parse("{'a':{'x':1}}"); o["a"]["x"] = 2; o["a"]["y"] = new JArray(); return o; }"#,
            r#"json:{"a":{"x":2,"y":[]}}"#,
        ),
        (
            r#"{ var a = JArray.Parse("[1,2,3]"); a[0] = 9; a.RemoveAt(1); a.Insert(0, "f"); a.Add(null); return a; }"#,
            r#"json:["f",9,3,null]"#,
        ),
        (r#"{ var a = JArray.Parse("[1]"); a[3] = 1; return a; }"#, "!ArgumentOutOfRangeException"),
        (
            r#"{ var o = JObject.Parse("{'m':[]}"); ((JArray)o["m"]).Add(new JObject(new JProperty("r", "u"))); return o; }"#,
            r#"json:{"m":[{"r":"u"}]}"#,
        ),
        (
            r#"{ var o = JObject.Parse("{'a':1,'l':[1]}"); o.Merge(JObject.Parse("{'b':2,'l':[2]}")); return o; }"#,
            r#"json:{"a":1,"l":[1,2],"b":2}"#,
        ),
        (
            r#"{ var o = JObject.Parse("{'a':{'b':1}}"); var c = (JObject)o.DeepClone(); c["a"]["b"] = 2; return o; }"#,
            r#"json:{"a":{"b":1}}"#,
        ),
        (
            r#"{ var o = JObject.Parse("{'a':{'b':1}}"); var inner = (JObject)o["a"]; inner["b"] = 2; return o; }"#,
            r#"json:{"a":{"b":2}}"#,
        ),
        (
            r#"{ var o = JObject.Parse("{'a':{'b':1}}"); o["c"] = o["a"]; o["a"]["b"] = 2; return o; }"#,
            r#"json:{"a":{"b":2},"c":{"b":1}}"#,
        ),
    ]);
}

#[test]
fn trees_stay_trees_and_loops_see_what_is_there() {
    check(&[
        (r#"{ var o = new JObject(); o["self"] = o; return o; }"#, r#"json:{"self":{}}"#),
        (r#"{ var o = JObject.Parse("{'a':{}}"); o["a"]["up"] = o; return o; }"#, r#"json:{"a":{"up":{"a":{}}}}"#),
        ("{ var a = new JArray(1); a[0] = a; return a; }", "json:[[1]]"),
        ("{ var a = new JArray(1); a.Insert(0, a); return a; }", "json:[[1],1]"),
        (r#"{ foreach (var p in JObject.Parse("{'a':1}")) { return p.Key + p.Value; } return ""; }"#, "'a1'"),
        (
            r#"{ foreach (JProperty p in JObject.Parse("{'a':1}").Properties()) { return p.Name + p.Value; } return ""; }"#,
            "'a1'",
        ),
        (
            r#"{ foreach (KeyValuePair<string, JToken> p in JObject.Parse("{'a':1}")) { return p.Key; } return ""; }"#,
            "'a'",
        ),
        (r#"{ foreach (JObject m in JArray.Parse("[{'x':1}]")) { return m["x"]; } return null; }"#, "json:1"),
        (r#"{ var o = JObject.Parse("{'a':1}"); var n = (int)o["a"]; o["a"] = n + 1; return o["a"]; }"#, "json:2"),
        (
            r#"{ var o = JObject.Parse("{'a':[{'k':'v'}]}"); foreach (var i in o["a"]) { i["k"] = "w"; } return o; }"#,
            r#"json:{"a":[{"k":"w"}]}"#,
        ),
        (
            r#"{ var o = JObject.Parse("{'a':1,'b':2}"); o.Properties().Where(p => p.Name == "a").ToList().ForEach(p => p.Remove()); return o; }"#,
            r#"json:{"b":2}"#,
        ),
        (
            r#"{ dynamic o = JObject.Parse("{'a':[{'b':1}]}"); foreach (var x in o.a) { return x.b; } return 0; }"#,
            "json:1",
        ),
        (r#"{ dynamic o = JObject.Parse("{'a':1}"); o.b = "x"; return o; }"#, r#"json:{"a":1,"b":"x"}"#),
    ]);
}

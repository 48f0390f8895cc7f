//! Tokens of JSON and nodes of XML that go up and sideways, and change the tree around them.

use super::check;

#[test]
fn tokens_know_where_they_are() {
    let order =
        r#"var o = JObject.Parse("{\"a\":{\"b\":[1,2]},\"items\":[{\"id\":1,\"n\":\"x\"},{\"id\":2,\"n\":\"y\"}]}");"#;
    let rows = [
        ("return o[\"items\"][0][\"id\"].Path;", "'items[0].id'"),
        ("return o[\"a\"][\"b\"][1].Path + o.Path;", "'a.b[1]'"),
        ("return o.SelectToken(\"$..n\").Path;", "'items[0].n'"),
        (
            "return string.Join(\"|\", o.DescendantsAndSelf().OfType<JProperty>().Select(p => p.Path).Take(3));",
            "'a|a.b|items'",
        ),
        ("return ((JProperty)o[\"a\"].Parent).Name;", "'a'"),
        ("return ((JArray)o[\"a\"][\"b\"][0].Parent).Count;", "2"),
        ("return o[\"items\"][0].Parent.Type.ToString() + (o.Parent == null);", "'ArrayTrue'"),
        ("return string.Join(\",\", o[\"items\"][0].Ancestors().Select(a => a.Type));", "'Array,Property,Object'"),
        ("return (int)o[\"items\"][1][\"id\"].Root[\"a\"][\"b\"][0];", "1"),
        ("return (string)o[\"items\"].First.Next[\"n\"] + (o[\"items\"].Last.Next == null);", "'yTrue'"),
        ("return (string)o[\"items\"].Last.Previous[\"n\"];", "'x'"),
        ("return o.Descendants().OfType<JValue>().Count();", "6"),
        ("var b = (JArray)o[\"a\"][\"b\"]; return b.IndexOf(b[1]);", "1"),
    ];
    for (code, wanted) in rows {
        check(&[(&format!("{{ {order} {code} }}"), wanted)]);
    }
}

#[test]
fn a_token_with_a_place_is_still_its_value() {
    check(&[(
        r#"{ var o = JObject.Parse("{\"s\":\"str\",\"n\":null,\"i\":2,\"t\":true}"); var s = o["s"]; if (s.Path != "s") return 0;
            if (s.Type != JTokenType.String || (string)s != "str" || s.Value<string>().Length != 3 || s.ToString() != "str") return 1;
            if (s != "str" || !s.Equals("str") || $"{s}" != "str" || "str" != (string)s) return 2;
            if (o["n"].Type != JTokenType.Null || (string)o["n"] != null || (int?)o["n"] != null) return 3;
            if ((int)o["i"] + 1 != 3 || o["i"].ToObject<int>() * 2 != 4 || (bool)o["t"] != true || !(bool)o["t"]) return 4;
            var copy = new JObject(new JProperty("s", s)); copy["i"] = o["i"]; var list = new JArray(o["i"], s);
            if (copy["s"].Path != "s" || list[1].Path != "[1]" || !JToken.DeepEquals(copy["s"], s)) return 5;
            if (new[] { s, o["i"] }.Distinct().Count() != 2 || o.Value<int>("i") != 2) return 6;
            return 9; }"#,
        "9",
    )]);
}

#[test]
fn tokens_change_the_tree_around_them() {
    let order = r#"var o = JObject.Parse("{\"a\":1,\"b\":{\"c\":\"x\"},\"l\":[{\"n\":\"p\"},{\"n\":\"q\"}]}");"#;
    let rows = [
        (
            "foreach (var t in o.SelectTokens(\"$..n\").ToList()) { t.Replace(\"*\"); } return o[\"l\"].ToString(Formatting.None);",
            r#"'[{"n":"*"},{"n":"*"}]'"#,
        ),
        (
            "foreach (JToken t in o.SelectTokens(\"$.l[*].n\")) { t.Parent.Remove(); } return o[\"l\"].ToString(Formatting.None);",
            "'[{},{}]'",
        ),
        ("o[\"b\"][\"c\"].Replace(new JArray(1, 2)); return o[\"b\"].ToString(Formatting.None);", r#"'{"c":[1,2]}'"#),
        (
            "o.Property(\"a\").Replace(new JProperty(\"z\", o[\"a\"])); return string.Join(\",\", o.Properties().Select(p => p.Name));",
            "'z,b,l'",
        ),
        (
            "o.Property(\"a\").AddAfterSelf(new JProperty(\"m\", 2)); o.AddFirst(new JProperty(\"f\", 0)); return string.Join(\",\", o.Properties().Select(p => p.Name));",
            "'f,a,m,b,l'",
        ),
        ("o[\"l\"][0].AddBeforeSelf(1); o[\"l\"].Last.AddAfterSelf(2); return o[\"l\"].Count();", "4"),
        (
            "foreach (var i in o[\"l\"].Where(x => (string)x[\"n\"] == \"p\").ToList()) { i.Remove(); } return o[\"l\"].Count();",
            "1",
        ),
        (
            "o.Descendants().OfType<JProperty>().Where(p => p.Name == \"n\").ToList().ForEach(p => p.Remove()); return o[\"l\"].ToString(Formatting.None);",
            "'[{},{}]'",
        ),
        ("o[\"a\"].Remove(); return 0;", "!JsonException"),
        ("o.Replace(1); return 0;", "!InvalidOperationException"),
        ("o.AddFirst(1); return 0;", "!ArgumentException"),
        ("o.Property(\"a\").AddAfterSelf(new JProperty(\"b\", 2)); return 0;", "!ArgumentException"),
    ];
    for (code, wanted) in rows {
        check(&[(&format!("{{ {order} {code} }}"), wanted)]);
    }
}

#[test]
fn objects_merge_as_the_settings_say() {
    let merge = |settings: &str| {
        format!(
            r#"{{ var o = JObject.Parse("{{\"a\":[1,{{\"x\":1}}],\"n\":1}}"); o.Merge(JObject.Parse("{{\"a\":[1,{{\"y\":2}}],\"n\":null}}"){settings}); return o.ToString(Formatting.None); }}"#
        )
    };
    let with = |how: &str| merge(&format!(", new JsonMergeSettings {{ {how} }}"));
    check(&[
        (&merge(""), r#"'{"a":[1,{"x":1},1,{"y":2}],"n":1}'"#),
        (&with("MergeArrayHandling = MergeArrayHandling.Concat"), r#"'{"a":[1,{"x":1},1,{"y":2}],"n":1}'"#),
        (&with("MergeArrayHandling = MergeArrayHandling.Union"), r#"'{"a":[1,{"x":1},{"y":2}],"n":1}'"#),
        (&with("MergeArrayHandling = MergeArrayHandling.Replace"), r#"'{"a":[1,{"y":2}],"n":1}'"#),
        (&with("MergeArrayHandling = MergeArrayHandling.Merge"), r#"'{"a":[1,{"x":1,"y":2}],"n":1}'"#),
        (&with("MergeNullValueHandling = MergeNullValueHandling.Merge"), r#"'{"a":[1,{"x":1},1,{"y":2}],"n":null}'"#),
    ]);
}

#[test]
fn elements_change_the_tree_around_them() {
    let rows = [
        ("x.Element(\"b\").ReplaceWith(new XElement(\"c\", 2));", "<a><c>2</c></a>"),
        (
            "x.Element(\"b\").AddAfterSelf(new XElement(\"c\")); x.AddFirst(new XElement(\"z\"));",
            "<a><z /><b>1</b><c /></a>",
        ),
        ("x.Element(\"b\").AddBeforeSelf(\"t\");", "<a>t<b>1</b></a>"),
        ("x.SetElementValue(\"b\", 2); x.SetElementValue(\"c\", \"n\");", "<a><b>2</b><c>n</c></a>"),
        ("x.SetElementValue(\"b\", null);", "<a />"),
        ("x.Descendants(\"b\").Remove(); x.Add(new XText(\"t\"));", "<a>t</a>"),
        ("x.ReplaceNodes(new XCData(\"<n>\"));", "<a><![CDATA[<n>]]></a>"),
        (
            "x.Element(\"b\").Add(new XAttribute(\"k\", 1)); x.Descendants().Attributes(\"k\").Remove();",
            "<a><b>1</b></a>",
        ),
        ("foreach (var e in x.DescendantsAndSelf()) { e.Name = e.Name.LocalName + \"x\"; }", "<ax><bx>1</bx></ax>"),
        (
            "x.Element(\"b\").SetAttributeValue(\"k\", 1); x.Element(\"b\").SetAttributeValue(\"k\", 2);",
            "<a><b k=\"2\">1</b></a>",
        ),
    ];
    for (code, wanted) in rows {
        let code = format!(
            "{{ var x = XElement.Parse(\"<a><b>1</b></a>\"); {code} return x.ToString(SaveOptions.DisableFormatting); }}"
        );
        check(&[(&code, &format!("'{wanted}'"))]);
    }
    check(&[
        (
            r#"{ var x = XDocument.Parse("<a xmlns='urn:x'><b>1</b></a>"); foreach (var e in x.Descendants()) { e.Name = e.Name.LocalName; } x.Descendants().Attributes().Where(a => a.IsNamespaceDeclaration).Remove(); return x.ToString(SaveOptions.DisableFormatting); }"#,
            "'<a><b>1</b></a>'",
        ),
        (
            r#"{ var x = XElement.Parse("<a><b/><c/><d/></a>"); var c = x.Element("c"); return c.ElementsAfterSelf().Count() + ((XElement)c.NextNode).Name.LocalName + ((XElement)c.PreviousNode).Name.LocalName + c.Ancestors().Count() + x.DescendantNodes().Count(); }"#,
            "'1db13'",
        ),
        (r#"XElement.Parse("<a xmlns='urn:x'><b>1</b></a>").Descendants(XName.Get("b", "urn:x")).Count()"#, "1"),
        (r#"new XDocument(new XDeclaration("1.0", "utf-8", "yes"), new XElement("r")).ToString()"#, "'<r />'"),
        (
            r#"JsonConvert.SerializeObject(XElement.Parse("<a x='1'><b>1</b><b>2</b><c/></a>"))"#,
            r#"'{"a":{"@x":"1","b":["1","2"],"c":null}}'"#,
        ),
    ]);
}

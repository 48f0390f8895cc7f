//! `XElement`, `XDocument` and their relatives.

use super::{check, check_with};

#[test]
fn reading() {
    let text =
        r#"<root xmlns:p="urn:p"><item id="1">one</item><item id="2">two<b>!</b></item><p:x>q</p:x><empty/></root>"#;
    let document = serde_json::json!({ "variables": { "x": text }, "request": { "body": text } });
    check_with(
        &document,
        &[
            (r#"XElement.Parse((string)context.Variables["x"]).Name.LocalName"#, "'root'"),
            (r#"XDocument.Parse((string)context.Variables["x"]).Root.Elements("item").Count()"#, "2"),
            (r#"XElement.Parse((string)context.Variables["x"]).Element("item").Value"#, "'one'"),
            (r#"XElement.Parse((string)context.Variables["x"]).Element("nope")?.Value ?? "none""#, "'none'"),
            (r#"XElement.Parse((string)context.Variables["x"]).Elements("item").Last().Value"#, "'two!'"),
            (r#"XElement.Parse((string)context.Variables["x"]).Descendants("b").First().Value"#, "'!'"),
            (
                r#"XElement.Parse((string)context.Variables["x"]).Descendants("item").Select(e => (string)e.Attribute("id"))"#,
                "['1', '2']",
            ),
            (r#"(int)XElement.Parse((string)context.Variables["x"]).Element("item").Attribute("id") + 1"#, "2"),
            (r#"(string)XElement.Parse((string)context.Variables["x"]).Element("item")"#, "'one'"),
            (
                r#"{ XNamespace p = "urn:p"; return XElement.Parse((string)context.Variables["x"]).Element(p + "x").Value; }"#,
                "'q'",
            ),
            (r#"XElement.Parse((string)context.Variables["x"]).Element("{urn:p}x").Name.NamespaceName"#, "'urn:p'"),
            (
                r#"XElement.Parse((string)context.Variables["x"]).Descendants().Where(e => e.Name.LocalName == "x").Single().Value"#,
                "'q'",
            ),
            (r#"XElement.Parse((string)context.Variables["x"]).HasElements"#, "true"),
            (r#"XElement.Parse((string)context.Variables["x"]).Element("empty").IsEmpty"#, "true"),
            ("context.Request.Body.As<XElement>(preserveContent: true).Name.ToString()", "'root'"),
            (r#"context.Request.Body.As<XDocument>().Root.Element("item").Attribute("id").Value"#, "'1'"),
            (r#"context.Request.Body.As<XNode>().ToString().StartsWith("<root")"#, "true"),
            (r#"XElement.Parse("<a>")"#, "!XmlException"),
            (r#"XElement.Parse("<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>")"#, "!XmlException"),
            (r#"XElement.Parse("<a>&lt;&#65;<![CDATA[<b>]]></a>").Value"#, "'<A<b>'"),
        ],
    );
}

#[test]
fn building_and_changing() {
    check(&[
        (
            r#"new XElement("a", new XAttribute("k", "v"), new XElement("b", 1), "text").ToString(SaveOptions.DisableFormatting)"#,
            r#"'<a k="v"><b>1</b>text</a>'"#,
        ),
        (r#"new XElement("a", "x<y&z").ToString()"#, "'<a>x&lt;y&amp;z</a>'"),
        (
            r#"new XElement("a", new[] { 1, 2 }.Select(i => new XElement("i", i))).ToString(SaveOptions.DisableFormatting)"#,
            "'<a><i>1</i><i>2</i></a>'",
        ),
        (r#"new XElement("a", new XElement("b")).ToString()"#, "'<a>\r\n  <b />\r\n</a>'"),
        (
            r#"{ var e = XElement.Parse("<a><b>1</b></a>"); e.Element("b").Value = "2"; return e.ToString(SaveOptions.DisableFormatting); }"#,
            "'<a><b>2</b></a>'",
        ),
        (
            r#"{ var e = new XElement("a"); e.Add(new XElement("b")); e.SetAttributeValue("k", 1); return e.ToString(SaveOptions.DisableFormatting); }"#,
            r#"'<a k="1"><b /></a>'"#,
        ),
        (
            r#"{ var e = XElement.Parse("<a><b/><c/></a>"); e.Element("b").Remove(); return e.ToString(SaveOptions.DisableFormatting); }"#,
            "'<a><c /></a>'",
        ),
        (r#"{ XNamespace n = "urn:n"; return new XElement(n + "a").ToString(); }"#, r#"'<a xmlns="urn:n" />'"#),
        (r#"new XDocument(new XElement("a")).ToString()"#, "'<a />'"),
        (
            r#"{ var e = new XElement("a", new XElement("b", "1"), new XElement("b", "2")); return string.Join(",", e.Elements().Select(x => x.Value)); }"#,
            "'1,2'",
        ),
    ]);
}

#[test]
fn readers() {
    let make = |rest: &str| {
        let text = "<a x='1'><p:b xmlns:p='urn:p'>one</p:b><b>two<c/></b></a>";
        format!("{{ using (XmlReader r = XmlReader.Create(new StringReader(\"{text}\"))) {{ {rest} }} }}")
    };
    let rows = [
        ("r.MoveToContent(); return r.Name + r.GetAttribute(\"x\");", "'a1'"),
        ("r.MoveToContent(); r.Read(); return r.Name + r.LocalName;", "'p:bb'"),
        ("r.ReadToFollowing(\"b\"); return (XNode.ReadFrom(r) as XElement).Value + r.Name;", "'twoa'"),
        ("return r.ReadToFollowing(\"none\").ToString() + r.EOF;", "'FalseTrue'"),
        ("r.ReadToFollowing(\"p:b\"); return r.ReadElementContentAsString() + r.Name;", "'oneb'"),
        ("int n = 0; while (r.Read()) { n++; } return n;", "9"),
        ("r.Read(); r.Read(); r.Read(); return r.Value;", "'one'"),
        ("return XNode.ReadFrom(r).ToString();", "!InvalidOperationException"),
    ];
    for (rest, wanted) in rows {
        check(&[(&make(rest), wanted)]);
    }
}

#[test]
fn a_part_of_a_tree_declares_what_it_needs() {
    check(&[
        (
            r#"{ XNamespace s = "u"; var e = new XElement(s + "E", new XAttribute(XNamespace.Xmlns + "s", "u"), new XElement(s + "B", new XElement("a"))); return e.ToString(SaveOptions.DisableFormatting); }"#,
            r#"'<s:E xmlns:s="u"><s:B><a /></s:B></s:E>'"#,
        ),
        (
            r#"{ XNamespace x = "u"; var e = XElement.Parse("<a xmlns:x='u'><x:b/></a>"); e.Add(new XElement(x + "c")); return e.ToString(SaveOptions.DisableFormatting); }"#,
            r#"'<a xmlns:x="u"><x:b /><x:c /></a>'"#,
        ),
        (r#"JsonConvert.SerializeXNode(XElement.Parse("<a><b>1</b></a>"))"#, r#"'{"a":{"b":"1"}}'"#),
        // Unprefixed inside prefixed: nothing to take back.
        (
            r#"XElement.Parse("<s:E xmlns:s='u'><p><q/></p></s:E>").ToString(SaveOptions.DisableFormatting)"#,
            r#"'<s:E xmlns:s="u"><p><q /></p></s:E>'"#,
        ),
        (
            r#"XElement.Parse("<s:E xmlns:s='u'><s:B a='1'><s:C/></s:B></s:E>").Elements().First().ToString(SaveOptions.DisableFormatting)"#,
            r#"'<s:B a="1" xmlns:s="u"><s:C /></s:B>'"#,
        ),
        (
            r#"XElement.Parse("<E xmlns='u' xmlns:x='v'><B x:a='1'/></E>").Elements().First().ToString()"#,
            r#"'<B x:a="1" xmlns="u" xmlns:x="v" />'"#,
        ),
        (
            r#"XElement.Parse("<E xmlns='u'><B xmlns=''><C/></B></E>").ToString(SaveOptions.DisableFormatting)"#,
            r#"'<E xmlns="u"><B xmlns=""><C /></B></E>'"#,
        ),
        (
            r#"{ var e = XElement.Parse("<E xmlns='u'/>"); e.Add(new XElement("B", new XElement("C"))); return e.ToString(SaveOptions.DisableFormatting); }"#,
            r#"'<E xmlns="u"><B xmlns=""><C /></B></E>'"#,
        ),
    ]);
}

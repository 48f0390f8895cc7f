//! The XML reader and its two writers, as tables.

use crate::policy::{Document, Fragment, Kind, shape::shape};

fn problems(text: &str) -> Vec<String> {
    Document::from_xml("p", text).expect_err(text).iter().map(ToString::to_string).collect()
}

fn within(inner: &str) -> String {
    format!("<policies><inbound>{inner}</inbound></policies>")
}

/// The attribute `v` of the only policy, and its text.
fn values(inner: &str) -> (String, String) {
    let document = Document::from_xml("p", &within(inner)).unwrap_or_else(|problems| panic!("{inner}: {problems:?}"));
    let policy = document.root.elements().next().and_then(|section| section.elements().next()).expect("a policy");
    let value = policy.attribute("v").map(|text| text.value.clone()).unwrap_or_default();
    (value, policy.text().value.clone())
}

#[test]
fn values_are_decoded() {
    let rows = [
        (r#"<a v="x &lt; &#65;&#x42; 'q'">y &amp; "z" ></a>"#, "x < AB 'q'", "y & \"z\" >"),
        ("<a v=\"a\r\n\tb\nc&#10;d\">a\r\n\tb\rc</a>", "a  b c\nd", "a\n\tb\nc"),
        ("<a v='\"'>x<![CDATA[<y>&amp;\r\n]]>z</a>", "\"", "x<y>&amp;\nz"),
        ("<a v=\"\">1<!-- - -->2<?p i?>3</a>", "", "123"),
        (
            r#"<a v="@(b["c"] < 1 && d)">@{ return "<e>" + '&'; }</a>"#,
            "@(b[\"c\"] < 1 && d)",
            "@{ return \"<e>\" + '&'; }",
        ),
        (
            r#"<a v="@(b[&quot;c&quot;] &lt; 1 &amp;&amp; d)">@(x.As&lt;string&gt;())</a>"#,
            "@(b[\"c\"] < 1 && d)",
            "@(x.As<string>())",
        ),
        ("<a v=\" @{\r\n  return\t1; // don't\r\n} \">\n  @(1)\n</a>", " @{\n  return\t1; // don't\n} ", "\n  @(1)\n"),
        ("<a v='@(b == \"'\" + 'c')'>@(b[c[0]]>1)</a>", "@(b == \"'\" + 'c')", "@(b[c[0]]>1)"),
        ("<a v=\"user@example.com\">@ (x) a@(b</a>", "user@example.com", "@ (x) a@(b"),
        ("<a><![CDATA[@(a < b)]]></a>", "", "@(a < b)"),
        ("<a v=\"{{x}} ${y}\">@(\"<![CDATA[\")</a>", "{{x}} ${y}", "@(\"<![CDATA[\")"),
        ("<a v='ü😀'>ü&#x1F600;</a>", "ü😀", "ü😀"),
    ];
    for (inner, value, text) in rows {
        assert_eq!(values(inner), (value.to_owned(), text.to_owned()), "{inner}");
    }
}

#[test]
fn everything_wrong_is_told_with_its_place() {
    let root = "`<policies>`";
    let rows = [
        ("", vec!["p:1:1: there is no element: policy documents are `<policies>...</policies>`".to_owned()]),
        ("just text", vec![
            "p:1:1: text stands outside the root element: is a tag missing or closed too early?".to_owned(),
            "p:1:1: there is no element: policy documents are `<policies>...</policies>`".to_owned(),
        ]),
        ("<a/>", vec![format!("p:1:1: the root element is `<a>` where {root} is expected: put its content inside that element")]),
        ("<inbound/>", vec![format!("p:1:1: the root element is `<inbound>` where {root} is expected: sections stand inside `<policies>...</policies>`")]),
        ("<fragment/>", vec![format!("p:1:1: the root element is `<fragment>` where {root} is expected: this is a policy fragment: include it with `<include-fragment fragment-id=\"...\" />`")]),
        ("<policies/><policies/>", vec!["p:1:12: `<policies>` is a second root element: a document has one".to_owned()]),
        ("<policies>\n <inbound>\n</policies>", vec!["p:2:2: `<inbound>` is not closed before `</policies>` on line 3: write `</inbound>`".to_owned()]),
        ("<policies>\n <inbound>", vec![
            "p:1:1: `<policies>` is not closed before the end of the document: write `</policies>`".to_owned(),
            "p:2:2: `<inbound>` is not closed before the end of the document: write `</inbound>`".to_owned(),
        ]),
        ("<policies></x></policies>", vec!["p:1:11: `</x>` closes nothing; `<policies>` of line 1 is open".to_owned()]),
        ("<policies><inbound></inbound><inbound/></policies>", vec!["p:1:30: `<inbound>` stands on line 1 already: a document has each section once, so join the two".to_owned()]),
        ("<policies>x<outbond/></policies>", vec![
            format!("p:1:11: text stands between the elements of {root}: remove it, or make it a comment"),
            "p:1:12: `<outbond>` is no section (`<inbound>`, `<backend>`, `<outbound>`, `<on-error>`): did you mean `<outbound>`?".to_owned(),
        ]),
        ("<policies a='b'/>", vec![format!("p:1:11: {root} has no attributes, but `a` is given: remove it")]),
        ("<!DOCTYPE x [<!ENTITY y 'z'>]><policies/>", vec!["p:1:1: a DOCTYPE is not taken: remove it, and write characters instead of entities of your own".to_owned()]),
        ("<policies", vec!["p:1:1: this tag has no `>`: is a quote missing in it?".to_owned()]),
        ("<policies><!-- x", vec!["p:1:11: this comment has no `-->`".to_owned()]),
        ("<policies><![CDATA[x", vec!["p:1:11: this CDATA section has no `]]>`".to_owned()]),
    ];
    for (text, wanted) in rows {
        assert_eq!(problems(text), wanted, "{text}");
    }
}

/// Policies with something wrong in them, and all that is said about it.
const WRONG: &[(&str, &[&str])] = &[
    (
        "<a v=\"x < y & z &nbsp;\"/>",
        &[
            "p:1:28: `<` cannot stand in a value outside expressions: write `&lt;`",
            "p:1:32: `&` cannot stand alone outside expressions: write `&amp;`",
            "p:1:36: `&nbsp;` is not known: write the character itself, its number as in `&#160;`, or one of `&lt;` `&gt;` `&amp;` `&quot;` `&apos;`",
        ],
    ),
    (
        "<a>a & b; &#0; </a>",
        &[
            "p:1:25: `&` cannot stand alone outside expressions: write `&amp;`",
            "p:1:30: `&#0;` is not known: write the character itself, its number as in `&#160;`, or one of `&lt;` `&gt;` `&amp;` `&quot;` `&apos;`",
        ],
    ),
    (
        "<a b c=d e=“f” g='1'h='2' b='3' 9='x'/>",
        &[
            "p:1:24: the attribute `b` has no value: write `b=\"...\"`",
            "p:1:27: the value of `c` needs straight quotes: `c=\"...\"`",
            "p:1:31: the value of `e` needs straight quotes: `e=\"...\"`",
            "p:1:40: a space is missing between two attributes",
            "p:1:52: `9` is no name of an attribute: attributes are written `name=\"value\"`",
        ],
    ),
    ("<a b='1' b='2'/>", &["p:1:29: the attribute `b` was given before, on line 1"]),
    (
        "<a>x < y</a>",
        &[
            "p:1:25: `<` begins no element: if it is text, write `&lt;`",
            "p:1:20: `<a>` is not closed before `</inbound>` on line 1: write `</a>`",
        ],
    ),
    ("<a>\u{1}</a>", &["p:1:23: the control character U+0001 cannot stand in XML: remove it"]),
    (
        "<a v=\"@(b\"/>",
        &[
            "p:1:29: in the expression that begins at 1:26, this string is never closed: check the quotes and brackets before and behind it",
        ],
    ),
    (
        "<a v=\"@(b) + c\"/>",
        &[
            "p:1:26: an expression must be the whole value, but this one ends at 1:30 and more follows: check its brackets and quotes, or take what follows into the expression",
        ],
    ),
    (
        "<a>@{ return 'x; }</a>",
        &[
            "p:1:33: in the expression that begins at 1:23, this `'` begins a character that is not closed: check the quotes and brackets before and behind it",
        ],
    ),
    ("<a>@(1</a>", &["p:1:23: this expression is never closed: check the quotes and brackets before and behind it"]),
];

#[test]
fn wrong_values_and_attributes_are_told_with_their_place() {
    for (inner, wanted) in WRONG {
        let mut wanted: Vec<_> = wanted.iter().map(ToString::to_string).collect();
        let mut found = problems(&within(inner));
        found.sort();
        wanted.sort();
        assert_eq!(found, wanted, "{inner}");
    }
}

#[test]
fn base_stands_alone_and_not_in_fragments() {
    let text = within("<base x='1'/><choose><base><a/></base></choose>");
    assert_eq!(
        problems(&text),
        [
            "p:1:20: `<base />` takes no attributes and no content: write it alone",
            "p:1:41: `<base />` takes no attributes and no content: write it alone",
        ]
    );
    let fragment =
        Fragment::from_xml("f", "<fragment><inbound/><choose><base/></choose></fragment>").expect_err("wrong");
    assert_eq!(fragment.len(), 2, "{fragment:?}");
}

#[test]
fn places_are_those_of_the_file() {
    let text = "\u{feff}<?xml version='1.0'?>\r\n<policies>\r\n  <inbound>\r\n    <set-body\r\n      v=\"@(&quot;é&quot; + X)\">\r\n      @{\r\n        return Y;\r\n      }</set-body>\r\n  </inbound>\r\n</policies>";
    let document = Document::from_xml("p", text).expect("a document");
    let body = document.root.child("inbound").and_then(|section| section.child("set-body")).expect("a body");
    let value = body.attribute("v").expect("a value");
    let text = body.text();
    assert_eq!(body.place.to_string(), "p:4:5");
    assert_eq!(body.attributes[0].place.to_string(), "p:5:7");
    assert_eq!(value.place.to_string(), "p:5:10");
    assert_eq!(value.place_at(value.value.find('X').expect("X")).to_string(), "p:5:28");
    assert_eq!(text.place.to_string(), "p:6:7");
    let Kind::Block(code) = text.kind() else { panic!("a block") };
    assert_eq!(text.place_in_code(code.find('Y').expect("Y")).to_string(), "p:7:16");
}

#[test]
fn what_is_nested_too_deeply_or_too_large_is_refused() {
    let deep = within(&format!("{}{}", "<a>".repeat(200), "</a>".repeat(200)));
    assert_eq!(problems(&deep), ["p:1:317: elements are nested deeper than 100 levels"]);
    let long = within(&"<!-- -->".repeat(3 << 20));
    assert!(problems(&long)[0].contains("at most 16777216 are read"));
}

#[test]
fn only_a_hundred_problems_are_told() {
    let found = problems(&within(&"<a b/>".repeat(1000)));
    assert_eq!(found.len(), 100);
    assert!(found[99].ends_with("(and 900 more problems)"), "{}", found[99]);
}

#[test]
fn what_was_read_is_written_again() {
    let rows = [
        "<policies/>",
        "\u{feff}<?xml version=\"1.0\"?>\r\n<!-- a -->\n<policies  ><inbound\n></inbound ></policies>\r\n<!-- b -->\n",
        "<policies><inbound><a  b = 'c\"d'\tf=\"&#65;&gt;\" /><a\n/>&#32;<![CDATA[ ]]><!----><?x y?></inbound></policies>",
        "<policies><inbound><a b='@(c == \"d\" &amp;&amp; e)'>@{ return \"<x>\"; }</a></inbound></policies>",
    ];
    for text in rows {
        assert_eq!(Document::from_xml("p", text).expect(text).to_xml(), text);
    }
}

#[test]
fn what_was_changed_is_written_anew_and_the_rest_as_it_was() {
    let text = "<policies><inbound><a  b = 'c' d='e'/></inbound></policies>";
    let mut document = Document::from_xml("p", text).expect(text);
    let crate::policy::Child::Element(section) = &mut document.root.children[0] else { panic!("a section") };
    let crate::policy::Child::Element(policy) = &mut section.children[0] else { panic!("a policy") };
    policy.attributes[0].value.value = "@(x < \"y\")".to_owned();
    let wanted = "<policies><inbound><a  b = \"@(x < \"y\")\" d='e'/></inbound></policies>";
    assert_eq!(document.to_xml(), wanted);
}

#[test]
fn formatting_has_one_spelling() {
    let rows = [
        ("<base/>", "<base />"),
        ("<a  b='c\"d'   e = \"f\"></a>", "<a b=\"c&quot;d\" e=\"f\" />"),
        (
            "<a>\n\n\n<b/>\n\n\n\n<c/><!-- d --></a>",
            "<a>\n            <b />\n\n            <c /> <!-- d -->\n        </a>",
        ),
        (
            "<a><value> x </value><value>\n @(y)\n</value></a>",
            "<a>\n            <value> x </value>\n            <value>@(y)</value>\n        </a>",
        ),
        ("<set-body>\n <x>1</x>\n</set-body>", "<set-body>\n <x>1</x>\n</set-body>"),
        ("<set-body><![CDATA[<x>]]></set-body>", "<set-body><![CDATA[<x>]]></set-body>"),
        ("<a b='@(c[&quot;d&quot;] &lt; 1)'/>", "<a b=\"@(c[\"d\"] < 1)\" />"),
        ("<a b='@(\"&amp;amp;\")'/>", "<a b=\"@(\"&amp;\")\" />"),
        ("<a><!-- b\n  c --></a>", "<a>\n            <!-- b\n  c -->\n        </a>"),
    ];
    for (inner, wanted) in rows {
        let document = Document::from_xml("p", &within(inner)).expect(inner);
        let pretty = document.to_pretty_xml();
        assert_eq!(pretty, format!("<policies>\n    <inbound>\n        {wanted}\n    </inbound>\n</policies>\n"));
        let again = Document::from_xml("p", &pretty).expect(&pretty);
        assert_eq!((again.to_pretty_xml(), shape(&again.root)), (pretty, shape(&document.root)));
    }
}

//! The YAML spelling against XML, as tables.

use crate::policy::{Document, Fragment, shape::shape};

/// XML and YAML of the content of `<inbound>`, which say the same and are written as each other.
const PAIRS: &[(&str, &str)] = &[
    ("<base />", "  - base\n"),
    ("<set-method>POST</set-method>", "  - set-method: POST\n"),
    (
        r#"<set-variable name="a" value="@(1 + &quot;x&quot;)" />"#,
        "  - set-variable:\n      name: a\n      value: '@(1 + \"x\")'\n",
    ),
    (
        r#"<set-header name="A"><value>a</value><value>b</value></set-header><set-header name="B"><value>10</value></set-header>"#,
        "  - set-header:\n      name: A\n      value:\n        - a\n        - b\n  - set-header:\n      name: B\n      value: 10\n",
    ),
    (
        r#"<choose><when condition="@(true)"><base /></when><otherwise><a /><b c="d" /></otherwise></choose>"#,
        "  - choose:\n      - when:\n          condition: '@(true)'\n          do:\n            - base\n      - otherwise:\n          - a\n          - b:\n              c: d\n",
    ),
    (
        r#"<set-body template="liquid">{{ body }}</set-body><set-body>@{
    return "x";
}</set-body>"#,
        "  - set-body:\n      template: liquid\n      text: '{{ body }}'\n  - set-body: |-\n      @{\n          return \"x\";\n      }\n",
    ),
    (
        r#"<validate-jwt header-name="A"><openid-config url="u" /><audiences><audience>x</audience></audiences><required-claims><claim name="c" match="all"><value>1</value></claim><claim name="d" /></required-claims></validate-jwt>"#,
        "  - validate-jwt:\n      header-name: A\n      openid-config:\n        url: u\n      audiences:\n        audience: x\n      required-claims:\n        claim:\n          - name: c\n            match: all\n            value: 1\n          - name: d\n",
    ),
    ("<set-body>\n <a>{{x}}</a> tail</set-body>", "  - set-body:\n      xml: |2-\n\n         <a>{{x}}</a> tail\n"),
    ("<x><a /><b /><a /></x>", "  - x:\n      - a\n      - b\n      - a\n"),
    ("<x><a /></x>", "  - x:\n      a:\n        -\n"),
    (r#"<x do="1"><a /></x>"#, "  - |-\n    <x do=\"1\">\n        <a />\n    </x>\n"),
];

#[test]
fn both_spellings_say_the_same() {
    for (xml, yaml) in PAIRS {
        let from_xml = Document::read("p", &format!("<policies><inbound>{xml}</inbound></policies>")).expect(xml);
        let yaml = format!("inbound:\n{yaml}");
        assert_eq!(from_xml.to_yaml(), yaml, "{xml}");
        let from_yaml = Document::read("p", &yaml).unwrap_or_else(|problems| panic!("{problems:?}\n{yaml}"));
        assert_eq!(shape(&from_yaml.root), shape(&from_xml.root), "{yaml}");
        assert_eq!(from_yaml.to_yaml(), yaml);
    }
}

#[test]
fn yaml_takes_what_people_write() {
    let rows = [
        ("inbound: [base, {set-method: GET}]", "<inbound><base /><set-method>GET</set-method></inbound>"),
        ("policies:\n  inbound:\n    - base", "<inbound><base /></inbound>"),
        ("inbound:\n- <base /> <a b='c'/>", "<inbound><base /> <a b='c'/></inbound>"),
        ("inbound:\n- base:\noutbound:\nbackend: []", "<inbound><base /></inbound><outbound /><backend />"),
        (
            "inbound:\n- cors:\n    allowed-origins: {origin: ['*']}",
            "<inbound><cors><allowed-origins><origin>*</origin></allowed-origins></cors></inbound>",
        ),
        (
            "inbound:\n- retry: {count: 3, first-fast-retry: true, do: [forward-request]}",
            "<inbound><retry count=\"3\" first-fast-retry=\"true\"><forward-request /></retry></inbound>",
        ),
        (
            "inbound:\n- check-header: {name: a, value: 1.10}",
            "<inbound><check-header name=\"a\"><value>1.10</value></check-header></inbound>",
        ),
    ];
    for (yaml, xml) in rows {
        let from_yaml = Document::read("p", yaml).unwrap_or_else(|problems| panic!("{problems:?}\n{yaml}"));
        assert_eq!(from_yaml.to_xml(), format!("<policies>{xml}</policies>"));
    }
    let fragments = ["- a\n- b: {c: d}", "fragment:\n- a\n- b:\n    c: d"];
    for yaml in fragments {
        assert_eq!(Fragment::read("f", yaml).expect(yaml).to_xml(), "<fragment><a /><b c=\"d\" /></fragment>");
    }
}

#[test]
fn what_is_wrong_has_its_place() {
    let rows = [
        (
            "inbund:\n- base",
            "p:1:1: `<inbund>` is no section (`<inbound>`, `<backend>`, `<outbound>`, `<on-error>`): did you mean `<inbound>`?",
        ),
        ("inbound:\n- a: 1\n  b: 2", "p:3:3: a statement is one key; indent `b` further if it belongs to `a`"),
        ("inbound:\n- [a]", "p:2:3: a list is no statement: write `name`, or `name:` with attributes below"),
        ("inbound:\n- a b", "p:2:3: `a b` is no name of an element"),
        ("inbound:\n- when: {do: x}", "p:2:14: `do` takes a list of statements"),
        ("inbound:\n- a: {text: [x]}", "p:2:13: `text` takes text, not a list"),
        ("inbound:\n- a: {xml: [x]}", "p:2:12: `xml` takes XML as text, not a list"),
        (
            "inbound:\n- <a b='&nbsp;'/>",
            "p:2:9: `&nbsp;` is not known: write the character itself, its number as in `&#160;`, or one of `&lt;` `&gt;` `&amp;` `&quot;` `&apos;`",
        ),
        ("inbound:\n- |\n  <a>\n    <b></a>", "p:4:5: `<b>` is not closed before `</a>` on line 4: write `</b>`"),
        ("inbound:\n- base: {x: y}", "p:2:3: `<base />` takes no attributes and no content: write it alone"),
        ("inbound:\n- a: \"b\\u0001\"", "p:2:8: the control character U+0001 cannot stand in a policy: remove it"),
        (
            "inbound:\n- a: '@(b'",
            "p:2:7: this expression is never closed: check the quotes and brackets before and behind it",
        ),
        (
            "inbound:\n- a: '@(b) c'",
            "p:2:7: an expression must be the whole value, but this one ends at 2:11 and more follows: check its brackets and quotes, or take what follows into the expression",
        ),
        ("inbound: x", "p:1:10: text stands between the elements of `<inbound>`: remove it, or make it a comment"),
        ("a: 1\na: 2", "p:2:1: `a` is set twice: first at 1:1"),
    ];
    for (yaml, wanted) in rows {
        let problems = Document::read("p", yaml).expect_err(yaml);
        assert_eq!(problems[0].to_string(), wanted, "{yaml}");
    }
}

#[test]
fn places_inside_of_values_are_found() {
    let rows = [
        ("inbound:\n- set-body: |\n    @{\n      return X;\n    }\n", "p:4:14"),
        ("inbound:\n- set-body: '@(a + X)'\n", "p:2:20"),
        ("inbound:\n- set-body: \"@(a + X)\"\n", "p:2:20"),
        ("inbound:\n- set-body: \"@(\\\"b\\\" + X)\"\n", "p:2:16"),
        ("inbound:\n- set-body: a X\n", "p:2:15"),
        ("inbound:\n- set-body: >-\n    a\n    X\n", "p:3:5"),
        ("inbound:\n- |\n  <set-body>\n    @(X)</set-body>\n", "p:4:7"),
    ];
    for (yaml, wanted) in rows {
        let document = Document::read("p", yaml).expect(yaml);
        let body = document.root.child("inbound").and_then(|section| section.child("set-body")).expect("a body");
        let text = body.text();
        let offset = text.value.find('X').expect("an X");
        assert_eq!(text.place_at(offset).to_string(), wanted, "{yaml}");
    }
}

#[test]
fn comments_become_comments() {
    let xml = "<!-- top\n two --><policies><!--sections--><inbound><!-- one\n\n * two --><base /><a><!-- in a --><b /></a></inbound></policies>";
    let yaml = Document::read("p", xml).expect(xml).to_yaml();
    let wanted = "# top\n# two\n# sections\ninbound:\n  # one\n  #\n  # * two\n  - base\n  - a:\n      # in a\n      b:\n        -\n";
    assert_eq!(yaml, wanted);
    assert!(Document::read("p", &yaml).is_ok());
}

#[test]
fn deep_documents_become_xml_where_yaml_ends() {
    let deep = format!("<policies><inbound>{}<x />{}</inbound></policies>", "<a>".repeat(60), "</a>".repeat(60));
    let document = Document::read("p", &deep).expect("deep");
    let again = Document::read("p", &document.to_yaml()).unwrap_or_else(|problems| panic!("{problems:?}"));
    assert_eq!(shape(&again.root), shape(&document.root));
}

/// Every block of the manual that is a whole document, in either spelling.
#[test]
fn the_manual_shows_documents_that_are_read() {
    let manual = include_str!("../../../docs/policies/documents.md");
    let blocks: Vec<_> = manual.split("```").skip(1).step_by(2).collect();
    let mut read = 0;
    for (language, text) in blocks.iter().filter_map(|block| block.split_once('\n')) {
        let document = match () {
            () if text.starts_with("<fragment>") => Fragment::read(language, text).map(|one| one.to_yaml()),
            () if text.starts_with("<policies>") || text.starts_with("inbound:") => {
                Document::read(language, text).map(|one| one.to_yaml())
            }
            () => continue,
        };
        read += 1;
        assert!(document.is_ok(), "{text}: {document:?}");
    }
    assert_eq!(read, 3);
}

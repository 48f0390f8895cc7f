//! No text makes anything here panic, and what is read keeps its meaning in every spelling.

use proptest::strategy::{Just, Strategy};

use super::{Document, NamedValues, Scope, Section, effective, references, shape::shape, substitute};

/// Pieces that mean something to one of the readers.
const PIECES: &[&str] = &[
    "<policies>",
    "</policies>",
    "<inbound>",
    "</inbound>",
    "<inbound/>",
    "<base/>",
    "<a ",
    "<a>",
    "</a>",
    "/>",
    ">",
    "<",
    "</",
    "b=",
    "\"",
    "'",
    "@(",
    "@{",
    ")",
    "}",
    "$\"",
    "@\"",
    "\\",
    "//",
    "/*",
    "*/",
    "<!--",
    "-->",
    "<![CDATA[",
    "]]>",
    "<?",
    "?>",
    "<!",
    "&",
    "&lt;",
    "&quot;",
    "&#10;",
    ";",
    "{{",
    "}}",
    "{{x}}",
    "\n",
    "\r\n",
    "\r",
    "\t",
    " ",
    "x",
    "ü",
    "\u{feff}",
    "\0",
    "inbound:\n",
    "- ",
    "- a:\n",
    "    b: ",
    "|\n",
    "do:",
];

const DOCUMENT: &str = r#"<!-- c --><policies>
  <inbound>
    <base />
    <set-header name="A" exists-action='override'>
      <value>@(context.Request.Headers.GetValueOrDefault("x", "y") + $"{a["b"]}")</value>
    </set-header>
    <choose>
      <when condition="@(a &lt; 1 && b == &quot;c&quot;)">
        <set-body template="liquid"><![CDATA[{{x}}]]> <e f="g">{{h}}</e></set-body>
      </when>
      <otherwise><return-response><set-body>@{
        // don't
        return "<x>" + '"';
      }</set-body></return-response></otherwise>
    </choose>
  </inbound>
</policies>
"#;

fn soups() -> impl Strategy<Value = String> {
    proptest::collection::vec(proptest::sample::select(PIECES), 0..40).prop_map(|pieces| pieces.concat())
}

/// The document with some pieces put in place of others.
fn mutants() -> impl Strategy<Value = String> {
    let edit = (0..DOCUMENT.len(), 0..6_usize, proptest::sample::select(PIECES));
    (Just(DOCUMENT), proptest::collection::vec(edit, 0..4)).prop_map(|(text, edits)| {
        let mut text = text.to_owned();
        for (at, length, piece) in edits {
            let at = text.floor_char_boundary(at);
            let end = text.floor_char_boundary(at + length).max(at);
            text.replace_range(at..end, piece);
        }
        text
    })
}

/// Everything that can be done with a text; the documents that it is in other spellings.
fn exercise(text: &str) -> Result<(), proptest::test_runner::TestCaseError> {
    let mut document = match Document::read("p", text) {
        Ok(document) => document,
        Err(problems) => {
            proptest::prop_assert!(!problems.is_empty());
            for problem in problems {
                proptest::prop_assert!(problem.place.line >= 1 && !problem.message.is_empty());
            }
            return Ok(());
        }
    };
    let meaning = shape(&document.root);
    if text.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        proptest::prop_assert_eq!(document.to_xml(), text);
    }
    for spelled in [document.to_xml(), document.to_pretty_xml(), document.to_yaml()] {
        let again = Document::read("p", &spelled);
        let told = again.as_ref().map(|again| shape(&again.root));
        proptest::prop_assert_eq!(told.as_ref(), Ok(&meaning), "{}\n{}", text, spelled);
        if let (Ok(again), true) = (again, spelled == document.to_pretty_xml()) {
            proptest::prop_assert_eq!(again.to_pretty_xml(), spelled);
        }
    }
    for reference in references(&document.root) {
        proptest::prop_assert!(reference.place.line >= 1);
    }
    let scopes = Scope::ALL.map(|scope| (scope, Some(&document)));
    proptest::prop_assert!(effective(Section::Inbound, &scopes).is_ok());
    substitute(&mut document.root, &NamedValues::new());
    Ok(())
}

proptest::proptest! {
    #[test]
    fn no_soup_makes_anything_panic(text in soups()) {
        exercise(&text)?;
    }

    #[test]
    fn no_mutant_makes_anything_panic(text in mutants()) {
        exercise(&text)?;
    }

    #[test]
    fn no_bytes_make_anything_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        if let Ok(text) = crate::document::decoded(&bytes) {
            exercise(&text)?;
        }
    }
}

//! Named values: `{{name}}` in attributes and text stands for a configured value, also inside expressions, and may stand
//! for a whole expression.
//!
//! Liquid templates use the same braces. As in Azure, named values come first: a name that is known is replaced inside
//! templates too, and one that is not is left to Liquid there. Everywhere else an unknown name is a problem.

use std::{collections::BTreeMap, fmt, ops::Range};

use super::{Child, Element, Kind, Place, Problem, Text, expressions, text::Step};

/// A configured value.
#[derive(Clone, PartialEq, Eq)]
pub struct NamedValue {
    /// The value, which may be an expression.
    pub value: String,
    /// Shown to nobody: texts that hold it show its name.
    pub secret: bool,
}

impl fmt::Debug for NamedValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamedValue(secret: {})", self.secret)
    }
}

/// All named values, by name.
pub type NamedValues = BTreeMap<String, NamedValue>;

/// A use of a named value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// The name.
    pub name: String,
    /// The place of its `{{`.
    pub place: Place,
    /// It stands in a Liquid template, so it may be Liquid's.
    pub maybe_liquid: bool,
}

/// Every `{{name}}` in an element, in order.
#[must_use]
pub fn references(element: &Element) -> Vec<Reference> {
    let mut found = Vec::new();
    visit(element, false, &mut |text, liquid| {
        found.extend(uses(&text.value).into_iter().map(|one| Reference {
            name: one.name.to_owned(),
            place: text.place_at(one.range.start),
            maybe_liquid: liquid,
        }));
    });
    found
}

/// Replaces every `{{name}}` in an element by its value, and returns a problem for each name that is not known.
pub fn substitute(element: &mut Element, values: &NamedValues) -> Vec<Problem> {
    let mut problems = Vec::new();
    replace_in(element, false, &mut |text, liquid| match replaced(text, values, liquid) {
        Ok(Some(new)) => {
            problems.extend(expressions::check_text(&new));
            *text = new;
        }
        Ok(None) => {}
        Err(found) => problems.extend(found),
    });
    problems
}

/// What an unknown name could have meant.
pub(super) fn near<'a>(name: &str, known: impl Iterator<Item = &'a String>) -> Option<&'a str> {
    let distance = |known: &&String| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    let nearest = known.min_by_key(distance)?;
    (distance(&nearest) <= 1 + name.len() / 4).then_some(nearest.as_str())
}

fn is_liquid(element: &Element) -> bool {
    element.attribute("template").is_some_and(|template| template.value.trim().eq_ignore_ascii_case("liquid"))
}

fn visit(element: &Element, liquid: bool, seen: &mut impl FnMut(&Text, bool)) {
    let liquid = liquid || is_liquid(element);
    element.attributes.iter().for_each(|attribute| seen(&attribute.value, liquid));
    for child in &element.children {
        match child {
            Child::Element(element) => visit(element, liquid, seen),
            Child::Text(text) => seen(text, liquid),
            Child::Comment(_) | Child::Instruction(_) => {}
        }
    }
}

fn replace_in(element: &mut Element, liquid: bool, replace: &mut impl FnMut(&mut Text, bool)) {
    let liquid = liquid || is_liquid(element);
    element.attributes.iter_mut().for_each(|attribute| replace(&mut attribute.value, liquid));
    for child in &mut element.children {
        match child {
            Child::Element(element) => replace_in(element, liquid, replace),
            Child::Text(text) => replace(text, liquid),
            Child::Comment(_) | Child::Instruction(_) => {}
        }
    }
}

/// A `{{name}}` in a text.
struct Use<'a> {
    name: &'a str,
    range: Range<usize>,
}

/// Names are letters, digits, `-`, `.` and `_`; space around them is no part of them.
fn uses(text: &str) -> Vec<Use<'_>> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = text.get(at..).and_then(|rest| rest.find("{{")).map(|found| at + found) {
        // Of more than two braces the last two are meant: `$"{{{name}}}"` has a brace on either side.
        let more = text[start + 2..].bytes().take_while(|byte| *byte == b'{').count();
        let start = start + more;
        let inner = start + 2;
        at = inner;
        let end = text[inner..].find(|character: char| !is_in_name(character)).map(|end| inner + end);
        if let Some(end) = end.filter(|end| text[*end..].starts_with("}}"))
            && !text[inner..end].trim().is_empty()
            && !text[inner..end].trim().contains(' ')
        {
            found.push(Use { name: text[inner..end].trim(), range: start..end + 2 });
            at = end + 2;
        }
    }
    found
}

fn is_in_name(character: char) -> bool {
    character.is_alphanumeric() || "-._ ".contains(character)
}

/// The text with its named values replaced; `None`: there are none.
fn replaced(text: &Text, values: &NamedValues, liquid: bool) -> Result<Option<Text>, Vec<Problem>> {
    let mut problems = Vec::new();
    let mut parts = Vec::new();
    for one in uses(&text.value) {
        match values.get(one.name) {
            Some(value) => parts.push((one, value)),
            None if liquid || is_csharp(text, &one) => {}
            None => problems.push(unknown(text, &one, values)),
        }
    }
    match (problems.is_empty(), parts.is_empty()) {
        (false, _) => Err(problems),
        (true, true) => Ok(None),
        (true, false) => Ok(Some(joined(text, &parts))),
    }
}

/// `{{{name}}}` in an interpolated string is a brace, a value and a brace.
fn is_csharp(text: &Text, one: &Use<'_>) -> bool {
    let braced = text.value[..one.range.start].ends_with('{') && text.value[one.range.end..].starts_with('}');
    braced && text.kind() != Kind::Literal
}

fn unknown(text: &Text, one: &Use<'_>, values: &NamedValues) -> Problem {
    let advice = near(one.name, values.keys()).map_or_else(
        || "define it under `named_values`".to_owned(),
        |known| format!("did you mean `{{{{{known}}}}}`?"),
    );
    Problem::new(
        text.place_at(one.range.start),
        format!("the named value `{{{{{}}}}}` is not known: {advice}", one.name),
    )
}

fn joined(text: &Text, parts: &[(Use<'_>, &NamedValue)]) -> Text {
    let mut joiner = Joiner { text, value: String::new(), shown: String::new(), steps: Vec::new() };
    let mut at = 0;
    for (one, value) in parts {
        joiner.keep(at..one.range.start);
        joiner.put(one, value);
        at = one.range.end;
    }
    joiner.keep(at..text.value.len());
    let secret = text.is_secret() || parts.iter().any(|(_, value)| value.secret);
    Text {
        value: joiner.value,
        masked: secret.then(|| joiner.shown.into()),
        steps: joiner.steps.into(),
        ..text.clone()
    }
}

/// Puts a text together again, remembering where each part was written.
struct Joiner<'a> {
    text: &'a Text,
    value: String,
    shown: String,
    steps: Vec<Step>,
}

impl Joiner<'_> {
    fn keep(&mut self, range: Range<usize>) {
        let Some(kept) = self.text.value.get(range.clone()).filter(|kept| !kept.is_empty()) else { return };
        let at = self.value.len();
        self.steps.push(Step { at, ..self.text.step(range.start) });
        let inner = self.text.steps.iter().filter(|step| step.at > range.start && step.at < range.end);
        self.steps.extend(inner.map(|step| Step { at: step.at - range.start + at, ..*step }));
        self.value.push_str(kept);
        self.shown.push_str(kept);
    }

    fn put(&mut self, one: &Use<'_>, value: &NamedValue) {
        self.steps.push(Step { at: self.value.len(), mark: self.text.mark(one.range.start), fixed: true });
        self.value.push_str(&value.value);
        self.shown.push_str(if value.secret { &self.text.value[one.range.clone()] } else { &value.value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Document;

    fn values() -> NamedValues {
        let value = |value: &str, secret| NamedValue { value: value.to_owned(), secret };
        let pairs = [
            ("host", value("example.com", false)),
            ("api.key-1_x", value("s3cret", true)),
            ("limit", value("@(5)", false)),
            ("quote", value("a\"b", false)),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn read(inner: &str) -> Document {
        Document::from_xml("p.xml", &format!("<policies><inbound>{inner}</inbound></policies>")).expect("a document")
    }

    /// The value of the attribute `v`, or the text, of the only policy; or the problems.
    fn value_of(inner: &str) -> Result<Text, Vec<String>> {
        let mut document = read(inner);
        let problems = substitute(&mut document.root, &values());
        if !problems.is_empty() {
            return Err(problems.iter().map(ToString::to_string).collect());
        }
        let policy = document.root.elements().next().and_then(|section| section.elements().next()).expect("a policy");
        Ok(policy.attribute("v").cloned().unwrap_or_else(|| policy.text().into_owned()))
    }

    #[test]
    fn names_are_replaced_wherever_values_stand() {
        let rows = [
            (r#"<a v="https://{{host}}/{{ host }}"/>"#, "https://example.com/example.com"),
            (r#"<a v="{{limit}}"/>"#, "@(5)"),
            (r#"<a v="@("{{host}}" + x)"/>"#, "@(\"example.com\" + x)"),
            (r#"<a v="@($"{{{host}}}{{{a}}}")"/>"#, "@($\"{example.com}{{{a}}}\")"),
            (r#"<a v="@{{ return 1; }}"/>"#, "@{{ return 1; }}"),
            ("<a>{{host}}</a>", "example.com"),
            (
                r#"<a template="liquid">{{body.x}} {{host}} {{ item.y | upcase }}</a>"#,
                "{{body.x}} example.com {{ item.y | upcase }}",
            ),
            ("<a>{{}} {{ }} { {host} } {{a b}}</a>", "{{}} {{ }} { {host} } {{a b}}"),
            ("<a>${host} {{quote}}</a>", "${host} a\"b"),
        ];
        for (inner, wanted) in rows {
            assert_eq!(value_of(inner).expect(inner).value, wanted, "{inner}");
        }
    }

    #[test]
    fn unknown_names_are_problems_with_their_place() {
        let problems = value_of("<a v=\"{{hots}} and {{zzzzzz}}\"/>").expect_err("unknown");
        assert_eq!(
            problems,
            [
                "p.xml:1:26: the named value `{{hots}}` is not known: did you mean `{{host}}`?",
                "p.xml:1:39: the named value `{{zzzzzz}}` is not known: define it under `named_values`",
            ]
        );
    }

    #[test]
    fn a_value_that_is_an_expression_must_be_the_whole_value() {
        let problems = value_of("<a v=\"{{limit}}0\"/>").expect_err("more follows");
        assert!(problems[0].starts_with("p.xml:1:26: an expression must be the whole value"), "{problems:?}");
    }

    #[test]
    fn secrets_are_not_shown() {
        let text = value_of("<a v=\"Bearer {{api.key-1_x}} {{host}}\"/>").expect("known");
        assert_eq!((&*text.value, text.shown()), ("Bearer s3cret example.com", "Bearer {{api.key-1_x}} example.com"));
        assert!(text.is_secret() && !format!("{text:?} {:?}", values()).contains("s3cret"));
        let mut document = read("<a v='{{api.key-1_x}}'>{{api.key-1_x}}</a>");
        assert!(substitute(&mut document.root, &values()).is_empty());
        assert!(!document.to_xml().contains("s3cret"), "{}", document.to_xml());
    }

    #[test]
    fn places_behind_a_replacement_stay_right() {
        let text = value_of("<a v=\"@(\n&quot;{{host}}&quot;\n+ x)\"/>").expect("known");
        let place = |part: &str| text.place_at(text.value.find(part).expect("inside")).to_string();
        assert_eq!(
            (place("example"), place("ample"), place("x)")),
            ("p.xml:2:7".into(), "p.xml:2:7".into(), "p.xml:3:3".into())
        );
    }

    #[test]
    fn uses_are_listed() {
        let document = read("<a v='{{x}}'><set-body template='liquid'>{{y}}</set-body></a>");
        let found: Vec<_> = references(&document.root).into_iter().map(|one| (one.name, one.maybe_liquid)).collect();
        assert_eq!(found, [("x".to_owned(), false), ("y".to_owned(), true)]);
    }
}

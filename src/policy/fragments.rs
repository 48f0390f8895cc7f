//! Fragments: `<include-fragment fragment-id="..." />` stands for the statements of a fragment.
//!
//! A fragment may include others, which Azure does not allow, but not itself. Azure has no parameters; here
//! `<parameter name="..." value="..." />` inside `include-fragment` sets `{{name}}` within that fragment, before named
//! values. `fragment-id` is a plain name: which policies run is known when they are loaded.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Child, Document, Element, Fragment, Kind, NamedValue, NamedValues, Place, Problem,
    named_values::{near, substitute},
};

/// All fragments, by id.
pub type Fragments = BTreeMap<String, Fragment>;

/// Fragments in fragments in fragments: no one nests deeper.
const DEEPEST: usize = 16;
/// Elements that one document may grow to: a few fragments that include each other twice would otherwise fill the memory.
pub(super) const MOST_ELEMENTS: usize = 100_000;

/// The ids of the fragments that an element includes, each with the place, in order; not those that these include.
#[must_use]
pub fn included(element: &Element) -> Vec<(Arc<str>, Place)> {
    let mut found = Vec::new();
    for child in element.elements() {
        match child.attribute(ID).filter(|_| is_include(child)) {
            Some(id) => found.push((id.value.trim().into(), child.place.clone())),
            None => found.extend(included(child)),
        }
    }
    found
}

/// A document with its named values and fragments put in.
///
/// # Errors
/// Unknown names, unknown fragments, fragments that include themselves: all of them, each with its place.
pub fn resolve(document: &Document, values: &NamedValues, fragments: &Fragments) -> Result<Document, Vec<Problem>> {
    let mut resolved = document.clone();
    let problems = substitute(&mut resolved.root, values);
    let mut expander = Expander { values, fragments, open: Vec::new(), elements: 0, problems };
    expander.expand(&mut resolved.root);
    if expander.problems.is_empty() { Ok(resolved) } else { Err(expander.problems) }
}

const ID: &str = "fragment-id";

fn is_include(element: &Element) -> bool {
    &*element.name == "include-fragment"
}

struct Expander<'a> {
    values: &'a NamedValues,
    fragments: &'a Fragments,
    /// The fragments that are being put in, the outermost first.
    open: Vec<Arc<str>>,
    elements: usize,
    problems: Vec<Problem>,
}

impl<'a> Expander<'a> {
    fn report(&mut self, place: &Place, message: impl Into<String>) {
        self.problems.push(Problem::new(place.clone(), message));
    }

    /// Replaces every inclusion below an element.
    fn expand(&mut self, element: &mut Element) {
        let children = std::mem::take(&mut element.children);
        for child in children {
            match child {
                Child::Element(include) if is_include(&include) => element.children.extend(self.included(&include)),
                Child::Element(mut inner) => {
                    self.expand(&mut inner);
                    element.children.push(Child::Element(inner));
                }
                other => element.children.push(other),
            }
        }
    }

    /// What an inclusion stands for; nothing, and a problem, if it is wrong.
    fn included(&mut self, include: &Element) -> Vec<Child> {
        let Some((id, fragment)) = self.find(include) else { return Vec::new() };
        let mut root = fragment.root.clone();
        let size = count(&root);
        self.elements += size;
        if self.elements > MOST_ELEMENTS {
            // Said once, by the inclusion that goes over the top.
            if self.elements - size <= MOST_ELEMENTS {
                self.report(
                    &include.place,
                    format!("fragments make this document larger than {MOST_ELEMENTS} elements"),
                );
            }
            return Vec::new();
        }
        let values = self.parameters(include);
        let problems = substitute(&mut root, values.as_ref().unwrap_or(self.values));
        self.problems.extend(problems);
        mark(&mut root, &id);
        self.open.push(id);
        self.expand(&mut root);
        self.open.pop();
        root.children
    }

    fn find(&mut self, include: &Element) -> Option<(Arc<str>, &'a Fragment)> {
        let Some(id) = include.attribute(ID).filter(|id| !id.value.trim().is_empty()) else {
            self.report(&include.place, "`<include-fragment>` needs the id of a fragment: `fragment-id=\"...\"`");
            return None;
        };
        if id.kind() != Kind::Literal {
            self.report(&id.place, "`fragment-id` cannot be an expression: fragments are put in before any request");
            return None;
        }
        let name: Arc<str> = id.value.trim().into();
        if self.open.contains(&name) || self.open.len() >= DEEPEST {
            let path = self.open.join("`, `");
            let message = if self.open.contains(&name) { "includes itself" } else { "is nested too deeply" };
            self.report(&include.place, format!("the fragment `{name}` {message}: it is included by `{path}`"));
            return None;
        }
        let Some(fragment) = self.fragments.get(&*name) else {
            let advice = near(&name, self.fragments.keys()).map_or_else(
                || "define it under `policy_fragments`".to_owned(),
                |known| format!("did you mean `{known}`?"),
            );
            self.report(&id.place, format!("the fragment `{name}` is not known: {advice}"));
            return None;
        };
        Some((name, fragment))
    }

    /// Named values with an inclusion's parameters over them; `None`: it has none.
    fn parameters(&mut self, include: &Element) -> Option<NamedValues> {
        let mut parameters = NamedValues::new();
        for child in include.elements() {
            match (&*child.name, child.attribute("name"), child.attribute("value")) {
                ("parameter", Some(name), Some(value)) => {
                    let named = NamedValue { value: value.value.clone(), secret: value.is_secret() };
                    parameters.insert(name.value.trim().to_owned(), named);
                }
                _ => self.report(
                    &child.place,
                    format!(
                        "`<{}>` cannot stand here: `<include-fragment>` takes `<parameter name=\"...\" value=\"...\" />` only",
                        child.name
                    ),
                ),
            }
        }
        if parameters.is_empty() {
            return None;
        }
        let mut values = self.values.clone();
        values.extend(parameters);
        Some(values)
    }
}

/// The number of elements in a tree.
pub(super) fn count(element: &Element) -> usize {
    1 + element.elements().map(count).sum::<usize>()
}

/// Notes on everything in a fragment that it comes from there.
fn mark(element: &mut Element, id: &Arc<str>) {
    element.fragment = Some(Arc::clone(id));
    for child in &mut element.children {
        if let Child::Element(child) = child {
            mark(child, id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fragments(pairs: &[(&str, &str)]) -> Fragments {
        let read = |(id, inner): &(&str, &str)| {
            let text = format!("<fragment>{inner}</fragment>");
            ((*id).to_owned(), Fragment::from_xml(id, &text).expect("a fragment"))
        };
        pairs.iter().map(read).collect()
    }

    fn document(inner: &str) -> Document {
        Document::from_xml("p", &format!("<policies><inbound>{inner}</inbound></policies>")).expect("a document")
    }

    fn resolved(inner: &str, pairs: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let value = NamedValue { value: "global".into(), secret: false };
        let values = NamedValues::from([("x".to_owned(), value)]);
        resolve(&document(inner), &values, &fragments(pairs))
            .map(|document| document.to_xml().replace("<policies><inbound>", "").replace("</inbound></policies>", ""))
            .map_err(|problems| problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn inclusions_are_replaced_at_any_depth() {
        let pairs = [("a", "<b/><c v=\"{{x}}\"/>"), ("n", "<when><include-fragment fragment-id=\"a\"/></when>")];
        let rows = [
            ("<z/><include-fragment fragment-id=\"a\"/>", "<z/><b/><c v=\"global\"/>"),
            (
                "<choose><include-fragment fragment-id=\"n\"/></choose>",
                "<choose><when><b/><c v=\"global\"/></when></choose>",
            ),
            (
                "<include-fragment fragment-id=\"a\"><parameter name=\"x\" value=\"own\"/></include-fragment>",
                "<b/><c v=\"own\"/>",
            ),
        ];
        for (inner, wanted) in rows {
            assert_eq!(resolved(inner, &pairs), Ok(wanted.to_owned()), "{inner}");
        }
    }

    #[test]
    fn wrong_inclusions_are_problems() {
        let pairs = [
            ("loop-1", "<include-fragment fragment-id=\"loop-2\"/>"),
            ("loop-2", "\n<include-fragment fragment-id=\"loop-1\"/>"),
        ];
        let rows = [
            ("<include-fragment/>", "p:1:20: `<include-fragment>` needs the id of a fragment: `fragment-id=\"...\"`"),
            (
                "<include-fragment fragment-id=\"loop1\"/>",
                "p:1:51: the fragment `loop1` is not known: did you mean `loop-1`?",
            ),
            (
                "<include-fragment fragment-id=\"other\"/>",
                "p:1:51: the fragment `other` is not known: define it under `policy_fragments`",
            ),
            (
                "<include-fragment fragment-id=\"@(a)\"/>",
                "p:1:51: `fragment-id` cannot be an expression: fragments are put in before any request",
            ),
            (
                "<include-fragment fragment-id=\"loop-1\"/>",
                "loop-2:2:1: the fragment `loop-1` includes itself: it is included by `loop-1`, `loop-2`",
            ),
        ];
        for (inner, wanted) in rows {
            assert_eq!(resolved(inner, &pairs), Err(vec![wanted.to_owned()]), "{inner}");
        }
    }

    #[test]
    fn fragments_cannot_multiply_without_end() {
        let twice = |id: &str| format!("<include-fragment fragment-id=\"{id}\"/>").repeat(40);
        let names = ["a", "b", "c", "d", "e"];
        let texts: Vec<_> = names.iter().skip(1).map(|next| twice(next)).chain(["<x/>".to_owned()]).collect();
        let pairs: Vec<_> = names.into_iter().zip(texts.iter().map(String::as_str)).collect();
        let problems = resolved("<include-fragment fragment-id=\"a\"/>", &pairs).expect_err("too large");
        assert_eq!(problems.len(), 1, "{problems:?}");
    }

    #[test]
    fn elements_remember_their_fragment() {
        let pairs = [("a", "<b><c/></b>")];
        let document = document("<include-fragment fragment-id=\"a\"/>");
        assert_eq!(included(&document.root).len(), 1);
        let resolved = resolve(&document, &NamedValues::new(), &fragments(&pairs)).expect("known");
        let inner = resolved.root.child("inbound").and_then(|section| section.child("b")?.child("c")).expect("there");
        assert_eq!(inner.fragment.as_deref(), Some("a"));
    }
}

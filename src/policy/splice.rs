//! One section over all scopes: each document says with `<base />` where the wider scope's section goes.

use super::{
    Child, Document, Element, Place, Problem, Scope, Section,
    fragments::{MOST_ELEMENTS, count},
    structure::is_base,
};

/// What runs in a section, given the documents of the scopes; a scope left out, or without a document, adds nothing.
///
/// * `<base />`, at any depth and as often as it stands there, becomes the wider scope's section. A section without it
///   inherits nothing.
/// * A section that a document does not have at all is inherited, as if it were `<base />` alone: dropping a rule has to
///   be written down.
/// * `<base />` in the global document becomes nothing. Without a global document, or without that section in it, the
///   [built-in one](Document::built_in) holds: forward the request, nothing else.
///
/// # Errors
/// The result would be larger than 100,000 elements, because `<base />` stands too often.
pub fn effective(section: Section, scopes: &[(Scope, Option<&Document>)]) -> Result<Vec<Element>, Problem> {
    let mut layers: Vec<_> = scopes.iter().filter_map(|(scope, document)| Some((*scope, (*document)?))).collect();
    layers.sort_by_key(|(scope, _)| *scope);
    let mut parent = None;
    for (scope, document) in layers {
        let Some(own) = document.section(section) else { continue };
        let wider = match (scope, parent) {
            (Scope::Global, _) => Vec::new(),
            (_, Some(wider)) => wider,
            (_, None) => built_in(section),
        };
        let mut splicer = Splicer { scope, wider: &wider, size: wider.iter().map(count).sum(), elements: 0 };
        parent = Some(splicer.children(own).map_err(too_large)?);
    }
    Ok(parent.unwrap_or_else(|| built_in(section)))
}

fn built_in(section: Section) -> Vec<Element> {
    let document = Document::built_in();
    let mut elements: Vec<_> = document.section(section).into_iter().flat_map(Element::elements).cloned().collect();
    for element in &mut elements {
        element.scope = Some(Scope::Global);
    }
    elements
}

fn too_large(place: Place) -> Problem {
    let message = format!(
        "with what it inherits this section is larger than {MOST_ELEMENTS} elements: write `<base />` less often"
    );
    Problem::new(place, message)
}

struct Splicer<'a> {
    scope: Scope,
    wider: &'a [Element],
    /// The number of elements in the wider section.
    size: usize,
    elements: usize,
}

impl Splicer<'_> {
    /// The elements of a section, each `<base />` replaced; or the place that goes over the top.
    fn children(&mut self, section: &Element) -> Result<Vec<Element>, Place> {
        let spliced = self.splice(section)?;
        Ok(spliced.children.into_iter().filter_map(Child::into_element).collect())
    }

    fn splice(&mut self, element: &Element) -> Result<Element, Place> {
        self.grow(1, element)?;
        let mut spliced = Element { scope: Some(self.scope), ..element.shallow() };
        for child in &element.children {
            match child {
                Child::Element(base) if is_base(base) => {
                    self.grow(self.size, base)?;
                    spliced.children.extend(self.wider.iter().cloned().map(Child::Element));
                }
                Child::Element(child) => spliced.children.push(Child::Element(self.splice(child)?)),
                other => spliced.children.push(other.clone()),
            }
        }
        Ok(spliced)
    }

    fn grow(&mut self, by: usize, at: &Element) -> Result<(), Place> {
        self.elements += by;
        if self.elements > MOST_ELEMENTS { Err(at.place.clone()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(inner: &str) -> Document {
        Document::from_xml("p", &format!("<policies>{inner}</policies>")).expect("a document")
    }

    /// The names of what runs, with the scope's first letter: `g:a`.
    fn told(elements: &[Element]) -> String {
        let one = |element: &Element| {
            let scope = element.scope.map_or('-', |scope| scope.name().chars().next().unwrap_or('-'));
            let inner: Vec<_> = element.elements().cloned().collect();
            let inner = if inner.is_empty() { String::new() } else { format!("({})", told(&inner)) };
            format!("{scope}:{}{inner}", element.name)
        };
        elements.iter().map(one).collect::<Vec<_>>().join(" ")
    }

    fn run(section: Section, layers: &[(Scope, &str)]) -> String {
        let documents: Vec<_> = layers.iter().map(|(scope, inner)| (*scope, document(inner))).collect();
        let scopes: Vec<_> = documents.iter().map(|(scope, document)| (*scope, Some(document))).collect();
        told(&effective(section, &scopes).expect("small"))
    }

    #[test]
    fn the_wider_section_goes_where_base_stands() {
        use Scope::{Api, Global, Operation, Product, Workspace};
        let all = [
            (Operation, "<inbound><o1/><base/><o2/></inbound>"),
            (Global, "<inbound><g/><base/></inbound>"),
            (Api, "<inbound><a1/><base/><a2/></inbound>"),
            (Workspace, "<inbound><w1/><base/><w2/></inbound>"),
            (Product, "<inbound><p1/><base/><p2/></inbound>"),
        ];
        let rows: [(&[(Scope, &str)], &str); 8] = [
            (&all, "o:o1 a:a1 p:p1 w:w1 g:g w:w2 p:p2 a:a2 o:o2"),
            (&[], ""),
            (&[(Global, "<inbound><g/></inbound>"), (Api, "<inbound><a/></inbound>")], "a:a"),
            (&[(Global, "<inbound><g/></inbound>"), (Api, "<inbound/>")], ""),
            (&[(Global, "<inbound><g/></inbound>"), (Api, "<outbound/>")], "g:g"),
            (&[(Global, "<inbound><g/></inbound>"), (Api, "<inbound><base/><a/><base/></inbound>")], "g:g a:a g:g"),
            (
                &[
                    (Global, "<inbound><g/></inbound>"),
                    (Api, "<inbound><choose><when><base/></when></choose></inbound>"),
                    (Operation, "<inbound><base/><o/></inbound>"),
                ],
                "a:choose(a:when(g:g)) o:o",
            ),
            (&[(Api, "<inbound><base/><a/></inbound>")], "a:a"),
        ];
        for (layers, wanted) in rows {
            assert_eq!(run(Section::Inbound, layers), wanted, "{layers:?}");
        }
    }

    #[test]
    fn requests_are_forwarded_unless_a_document_says_otherwise() {
        use Scope::{Api, Global};
        let rows: [(&[(Scope, &str)], &str); 6] = [
            (&[], "g:forward-request"),
            (&[(Global, "<inbound/>")], "g:forward-request"),
            (&[(Global, "<backend/>")], ""),
            (&[(Global, "<backend><base/></backend>")], ""),
            (&[(Api, "<backend><retry><base/></retry></backend>")], "a:retry(g:forward-request)"),
            (&[(Global, "<inbound/>"), (Api, "<backend><base/></backend>")], "g:forward-request"),
        ];
        for (layers, wanted) in rows {
            assert_eq!(run(Section::Backend, layers), wanted, "{layers:?}");
        }
    }

    #[test]
    fn sections_cannot_multiply_without_end() {
        let many = document(&format!("<inbound><x/>{}</inbound>", "<base/>".repeat(400)));
        let scopes = Scope::ALL.map(|scope| (scope, Some(&many)));
        let problem = effective(Section::Inbound, &scopes).expect_err("too large");
        assert!(problem.message.contains("less often"), "{problem}");
    }
}

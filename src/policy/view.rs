//! The effective policy as a document to look at: what runs in each section, between comments that say which scope's
//! document or which fragment each part comes from.

use std::sync::Arc;

use super::{Child, Comment, Document, Element, Place, Problem, Scope, Section, document::Around, effective, xml};

/// All sections over all scopes, as XML with comments. Secrets are masked. It reads back as a document that does the same
/// in place of all.
///
/// # Errors
/// As [`effective`]: the first section that grows too large.
pub fn view(scopes: &[(Scope, Option<&Document>)]) -> Result<String, Problem> {
    let mut root = made("policies");
    for section in Section::ALL {
        let mut element = made(section.name());
        let children = effective(section, scopes)?.into_iter().map(Child::Element).collect();
        element.children = annotated(children, &Source::default());
        root.children.push(Child::Element(element));
    }
    Ok(xml::around(&Around::default(), &xml::pretty(&root)))
}

fn made(name: &str) -> Element {
    Element {
        name: name.into(),
        place: Place::unknown(),
        attributes: Vec::new(),
        children: Vec::new(),
        scope: None,
        fragment: None,
        spelling: None,
    }
}

/// Where an element comes from.
#[derive(Clone, Default, PartialEq, Eq)]
struct Source {
    scope: Option<Scope>,
    fragment: Option<Arc<str>>,
}

impl Source {
    fn of(element: &Element) -> Self {
        Self { scope: element.scope, fragment: element.fragment.clone() }
    }

    /// What to call it for someone who knows where the elements around it come from.
    fn name(&self, around: &Self) -> String {
        let scope = self.scope.filter(|scope| around.scope != Some(*scope)).map(|scope| format!("{scope} policy"));
        let fragment = self.fragment.as_ref().filter(|id| around.fragment.as_ref() != Some(id));
        let fragment = fragment.map(|id| format!("fragment {}", id.replace("--", "- -")));
        [scope, fragment].into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The children with a comment before and behind each run of elements that comes from elsewhere than what is around it.
fn annotated(children: Vec<Child>, around: &Source) -> Vec<Child> {
    let mut out = Vec::new();
    let mut open = around.clone();
    for child in children {
        let Child::Element(mut element) = child else {
            out.push(child);
            continue;
        };
        let source = Source::of(&element);
        if source != open {
            note(&mut out, "end", &open, around);
            note(&mut out, "begin", &source, around);
            open = source.clone();
        }
        element.children = annotated(element.children, &source);
        out.push(Child::Element(element));
    }
    note(&mut out, "end", &open, around);
    out
}

fn note(out: &mut Vec<Child>, what: &str, source: &Source, around: &Source) {
    let name = source.name(around);
    if name.is_empty() {
        return;
    }
    // On a line of its own.
    let space = super::Text::new("\n", Place::unknown());
    out.push(Child::Text(space));
    out.push(Child::Comment(Comment { text: format!(" {what}: {name} "), place: Place::unknown() }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Fragment, Fragments, NamedValue, NamedValues, resolve};

    #[test]
    fn every_part_says_where_it_comes_from() {
        let read = |text: &str| Document::read("p", text).expect(text);
        let global = read("<policies><inbound><g /></inbound></policies>");
        let api = read(
            "<policies><inbound><a /><choose><when><base /><include-fragment fragment-id=\"f\" /></when></choose><b />\
             <base /></inbound><backend><base /></backend></policies>",
        );
        let fragment = Fragment::read("f", "<fragment><f v=\"{{key}}\" /></fragment>").expect("a fragment");
        let fragments = Fragments::from([("f".to_owned(), fragment)]);
        let secret = NamedValue { value: "hunter2".into(), secret: true };
        let values = NamedValues::from([("key".to_owned(), secret)]);
        let api = resolve(&api, &values, &fragments).expect("known");
        let told = view(&[(Scope::Api, Some(&api)), (Scope::Global, Some(&global))]).expect("small");
        assert_eq!(
            told,
            r#"<policies>
    <inbound>
        <!-- begin: api policy -->
        <a />
        <choose>
            <when>
                <!-- begin: global policy -->
                <g />
                <!-- end: global policy -->
                <!-- begin: fragment f -->
                <f v="{{key}}" />
                <!-- end: fragment f -->
            </when>
        </choose>
        <b />
        <!-- end: api policy -->
        <!-- begin: global policy -->
        <g />
        <!-- end: global policy -->
    </inbound>
    <backend>
        <!-- begin: global policy -->
        <forward-request />
        <!-- end: global policy -->
    </backend>
    <outbound />
    <on-error />
</policies>
"#
        );
        assert!(Document::read("view", &told).is_ok());
    }
}

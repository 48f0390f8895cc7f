//! What holds for every policy of the catalogue.

use std::sync::Arc;

use super::{
    AttributeEntry, CATALOGUE, Compiled, Entry, Trouble,
    catalogue::ElementEntry,
    compile,
    compile::{Known, OnUnsupported},
    link::Target,
    outside::{Named, scripted::configured},
};
use crate::policy::{Child, Document, Element, Place, Scope, Section, Text};

/// Policies whose example is refused, and what is said then: they stand in the catalogue to say it.
const REFUSED: &[(&str, &str)] =
    &[("include-fragment", "there is no fragment"), ("xsl-transform", "no XSLT processor")];

/// Everything has a name, so that examples may refer to backends, certificates and the like.
struct Everything;

impl Known for Everything {
    fn backend(&self, id: &str) -> Option<Target> {
        Some(Target::Named(id.into()))
    }

    fn names(&self, _: &str) -> Vec<String> {
        Vec::new()
    }

    fn named(&self) -> Arc<Named> {
        let backend = |id| format!(r#"{{"kind_of":"backends","id":"{id}","kind":"http","url":"https://{id}.test"}}"#);
        let logger = r#"{"kind_of":"loggers","id":"audit","url":"https://logs.test"}"#;
        Arc::new(configured(&[&backend("content-safety"), logger]))
    }
}

fn document(section: Section, statements: &str) -> Document {
    let name = section.name();
    let text = format!("<policies><{name}>{statements}</{name}></policies>");
    Document::from_xml("example.xml", &text).unwrap_or_else(|problems| panic!("{statements}: {problems:#?}"))
}

fn compiled(document: &Document) -> Result<Compiled, Vec<Trouble>> {
    compile(document, Scope::Product, &Everything, OnUnsupported::Refuse).map(|(compiled, _)| compiled)
}

fn troubles(document: &Document) -> Vec<String> {
    let troubles = compiled(document).err().unwrap_or_default().into_iter().map(|trouble| trouble.message);
    // Until expressions are there, every one of them is a trouble that says so.
    troubles.filter(|message| !message.ends_with("`: not yet")).collect()
}

/// The first section where the policy may stand, with what its example contains.
fn home(entry: &Entry) -> Section {
    let fits = |section: &&Section| {
        let found = troubles(&document(**section, entry.example));
        !found.iter().any(|trouble| trouble.contains("cannot stand in"))
    };
    *entry.sections.iter().find(fits).unwrap_or_else(|| panic!("{}: its example stands nowhere", entry.name))
}

/// The example where it may stand, after a change to the policy's own element.
fn changed(entry: &Entry, change: impl FnOnce(&mut Element)) -> Vec<String> {
    let mut document = document(home(entry), entry.example);
    change(statement(&mut document));
    troubles(&document)
}

fn statement(document: &mut Document) -> &mut Element {
    first(first(&mut document.root))
}

fn first(element: &mut Element) -> &mut Element {
    let elements = element.children.iter_mut().filter_map(|child| match child {
        Child::Element(element) => Some(element),
        _ => None,
    });
    elements.into_iter().next().expect("an element")
}

fn set(element: &mut Element, name: &str, value: &str) {
    if let Some(attribute) = element.attributes.iter_mut().find(|attribute| &*attribute.name == name) {
        attribute.value = Text::new(value, Place::unknown());
        return;
    }
    let text = format!("<policies><inbound><a {name}=\"{value}\" /></inbound></policies>");
    let mut other = Document::from_xml("other.xml", &text).expect("a document");
    element.attributes.push(first(first(&mut other.root)).attributes.remove(0));
}

#[test]
fn a_name_stands_for_one_policy() {
    let mut all: Vec<_> = CATALOGUE.iter().flat_map(|entry| [&[entry.name], entry.aliases].concat()).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn examples_compile_and_round_trip() {
    for entry in CATALOGUE {
        let document = document(home(entry), entry.example);
        let wanted = REFUSED.iter().find(|(name, _)| *name == entry.name).map(|(_, said)| *said);
        let found = troubles(&document);
        match wanted {
            None => assert_eq!(found, Vec::<String>::new(), "{}: its example", entry.name),
            Some(said) => assert!(found.len() == 1 && found[0].contains(said), "{}: {found:?}", entry.name),
        }
        let written = document.to_xml();
        let again = Document::from_xml("again.xml", &written).expect("what was written");
        assert_eq!(again.to_xml(), written, "{}", entry.name);
        assert!(written.contains(entry.example), "{}: its example is written as it was read", entry.name);
    }
}

#[test]
fn aliases_are_the_same_policy() {
    for entry in CATALOGUE.iter().filter(|entry| REFUSED.iter().all(|(name, _)| *name != entry.name)) {
        for alias in entry.aliases {
            let found = changed(entry, |element| element.name = (*alias).into());
            assert_eq!(found, Vec::<String>::new(), "{alias}");
        }
    }
}

#[test]
fn unknown_attributes_are_refused_with_a_hint() {
    for entry in CATALOGUE {
        let near = entry.attributes.iter().map(|attribute| attribute.name).find(|name| name.len() > 3);
        let wrong = near.map_or_else(|| "bogus".to_owned(), |name| format!("{name}s"));
        let found = changed(entry, |element| set(element, &wrong, "1"));
        let told = found.iter().find(|trouble| trouble.contains(&format!("has no attribute `{wrong}`")));
        let told = told.unwrap_or_else(|| panic!("{}: {found:?}", entry.name));
        assert!(near.is_none() || told.contains("did you mean `"), "{}: {told}", entry.name);
    }
}

#[test]
fn what_is_required_is_asked_for() {
    for entry in CATALOGUE {
        for attribute in entry.attributes.iter().filter(|attribute| attribute.required) {
            let name = attribute.name;
            let found = changed(entry, |element| element.attributes.retain(|one| &*one.name != name));
            let wanted = format!("`{}` needs the attribute `{name}`", entry.name);
            assert!(found.contains(&wanted), "{}: {found:?}", entry.name);
        }
        for child in entry.children.iter().filter(|child| child.required) {
            let found = changed(entry, |element| {
                element.children.retain(|one| one.as_element().is_none_or(|one| &*one.name != child.name));
            });
            let wanted = format!("`{}` needs a child `{}`", entry.name, child.name);
            assert!(found.contains(&wanted), "{}: {found:?}", entry.name);
        }
    }
}

#[test]
fn values_are_those_of_the_table() {
    for entry in CATALOGUE {
        for attribute in entry.attributes.iter().filter(|attribute| !attribute.values.is_empty()) {
            let found = changed(entry, |element| set(element, attribute.name, "no such value"));
            assert!(found.iter().any(|trouble| trouble.contains("it must be one of")), "{}: {found:?}", entry.name);
        }
        for attribute in entry.attributes.iter().filter(|attribute| !attribute.dynamic) {
            let found = changed(entry, |element| set(element, attribute.name, "@(1)"));
            let wanted = format!("`{}` of `{}` cannot be an expression", attribute.name, entry.name);
            assert!(found.contains(&wanted), "{}: {found:?}", entry.name);
        }
    }
}

#[test]
fn other_sections_are_refused() {
    for entry in CATALOGUE {
        for section in Section::ALL.into_iter().filter(|section| !entry.sections.contains(section)) {
            let found = troubles(&document(section, entry.example));
            let wanted = format!("`{}` cannot stand in `{section}`", entry.name);
            assert!(found.iter().any(|trouble| trouble.starts_with(&wanted)), "{}: {found:?}", entry.name);
        }
    }
}

#[test]
fn unknown_children_are_refused() {
    let takes_anything = |entry: &Entry| entry.content == super::catalogue::Content::Anything;
    for entry in CATALOGUE.iter().filter(|entry| !takes_anything(entry)) {
        let found = changed(entry, |element| {
            let mut other = document(Section::Inbound, "<no-such-child />");
            element.children.push(Child::Element(first(first(&mut other.root)).clone()));
        });
        let is_told = |trouble: &String| {
            trouble.contains("no child `no-such-child`")
                || trouble.contains("no policy `no-such-child`")
                || trouble.contains("cannot contain `no-such-child`")
        };
        assert!(found.iter().any(is_told), "{}: {found:?}", entry.name);
    }
}

#[test]
fn everything_is_documented() {
    for entry in CATALOGUE {
        assert!(entry.manual.len() > 20 && entry.manual.ends_with(['.', '"']), "{}: its manual text", entry.name);
        assert!(!entry.sections.is_empty(), "{}: its sections", entry.name);
        documented(entry.name, entry.attributes, entry.children);
    }
}

fn documented(of: &str, attributes: &[AttributeEntry], children: &[ElementEntry]) {
    for attribute in attributes {
        assert!(attribute.text.ends_with('.'), "{of}: the text of `{}` is a sentence", attribute.name);
    }
    for child in children {
        assert!(child.text.ends_with('.'), "{of}: the text of `{}` is a sentence", child.name);
        documented(child.name, child.attributes, child.children);
    }
}

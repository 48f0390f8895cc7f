//! Which elements may stand at the top of a document.
//!
//! Deliberately not here: what may stand inside sections, which is the policies' business.

use super::{Child, Element, Problem, Section};

/// What a document's root element may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Root {
    /// `policies`, with sections.
    Policies,
    /// `fragment`, with statements.
    Fragment,
}

impl Root {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Policies => "policies",
            Self::Fragment => "fragment",
        }
    }
}

/// Everything wrong at the top of a document.
pub(super) fn check(root: &Element, wanted: Root) -> Vec<Problem> {
    let mut problems = Vec::new();
    if &*root.name != wanted.name() {
        problems.push(Problem::new(root.place.clone(), wrong_root(&root.name, wanted)));
        return problems;
    }
    bare(root, &mut problems);
    match wanted {
        Root::Policies => sections(root, &mut problems),
        Root::Fragment => bases_in_fragment(root, &mut problems),
    }
    problems
}

fn wrong_root(seen: &str, wanted: Root) -> String {
    let name = wanted.name();
    let advice = match (wanted, seen) {
        (Root::Policies, "fragment") => {
            "this is a policy fragment: include it with `<include-fragment fragment-id=\"...\" />`"
        }
        (Root::Fragment, "policies") => {
            "this is a policy document: a fragment has its statements directly inside `<fragment>`"
        }
        (Root::Policies, _) if Section::named(seen).is_some() => "sections stand inside `<policies>...</policies>`",
        _ => "put its content inside that element",
    };
    format!("the root element is `<{seen}>` where `<{name}>` is expected: {advice}")
}

/// Roots and sections hold elements and comments only, and have no attributes.
fn bare(element: &Element, problems: &mut Vec<Problem>) {
    for attribute in &element.attributes {
        let message = format!("`<{}>` has no attributes, but `{}` is given: remove it", element.name, attribute.name);
        problems.push(Problem::new(attribute.place.clone(), message));
    }
    for text in element.children.iter().filter_map(Child::as_text) {
        if !text.value.trim().is_empty() {
            let message =
                format!("text stands between the elements of `<{}>`: remove it, or make it a comment", element.name);
            problems.push(Problem::new(text.place.clone(), message));
        }
    }
}

fn sections(root: &Element, problems: &mut Vec<Problem>) {
    let mut seen: Vec<&Element> = Vec::new();
    for element in root.elements() {
        if Section::named(&element.name).is_none() {
            problems.push(Problem::new(element.place.clone(), no_section(&element.name)));
            continue;
        }
        if let Some(first) = seen.iter().find(|before| before.name == element.name) {
            let message = format!(
                "`<{}>` stands on line {} already: a document has each section once, so join the two",
                element.name, first.place.line
            );
            problems.push(Problem::new(element.place.clone(), message));
        }
        seen.push(element);
        bare(element, problems);
        bases(element, problems);
    }
}

fn no_section(seen: &str) -> String {
    let known = Section::ALL.map(|section| format!("`<{section}>`")).join(", ");
    let near = Section::ALL.into_iter().find(|section| strsim::damerau_levenshtein(section.name(), seen) <= 2);
    let advice = near.map_or_else(
        || "put it into the section in which it is to run".to_owned(),
        |section| format!("did you mean `<{section}>`?"),
    );
    format!("`<{seen}>` is no section ({known}): {advice}")
}

/// `<base />` is a place, not a thing with content.
fn bases(element: &Element, problems: &mut Vec<Problem>) {
    for child in element.elements() {
        if is_base(child) && (!child.attributes.is_empty() || child.elements().next().is_some()) {
            let message = "`<base />` takes no attributes and no content: write it alone";
            problems.push(Problem::new(child.place.clone(), message));
        }
        bases(child, problems);
    }
}

fn bases_in_fragment(element: &Element, problems: &mut Vec<Problem>) {
    for child in element.elements() {
        if is_base(child) || (&*element.name == Root::Fragment.name() && Section::named(&child.name).is_some()) {
            let message =
                format!("a fragment cannot hold `<{}>`: it belongs into the document that includes it", child.name);
            problems.push(Problem::new(child.place.clone(), message));
        }
        bases_in_fragment(child, problems);
    }
}

/// The place where the wider scope's section goes.
pub(super) fn is_base(element: &Element) -> bool {
    &*element.name == "base"
}

//! What a tree means, for comparing trees in tests: names, attributes, texts and order, without places, spelling, space
//! between elements and space around expressions.

use std::fmt::{Display, Write};

use super::{Child, Element, Kind, Text};

pub(super) fn shape(element: &Element) -> String {
    let mut out = String::new();
    describe(element, 0, &mut out);
    out
}

fn describe(element: &Element, depth: usize, out: &mut String) {
    let attributes: Vec<_> =
        element.attributes.iter().map(|one| format!("{}={:?}", one.name, value(&one.value))).collect();
    let has_elements = element.elements().next().is_some();
    let told = |text: &Text| !text.value.trim().is_empty();
    let mixed = has_elements && element.children.iter().filter_map(Child::as_text).any(told);
    line(out, depth, format_args!("{} {}", element.name, attributes.join(" ")));
    if !has_elements {
        let text: String = element.children.iter().filter_map(Child::as_text).map(value).collect();
        if !text.trim().is_empty() || &*element.name == "value" {
            line(out, depth + 1, format_args!("{text:?}"));
        }
    }
    for child in &element.children {
        match child {
            Child::Element(child) => describe(child, depth + 1, out),
            Child::Text(text) if mixed => line(out, depth + 1, format_args!("{:?}", text.value)),
            _ => {}
        }
    }
}

fn line(out: &mut String, depth: usize, what: impl Display) {
    writeln!(out, "{}{what}", "  ".repeat(depth)).expect("writing to a string cannot fail");
}

fn value(text: &Text) -> &str {
    if text.kind() == Kind::Literal { &text.value } else { text.value.trim() }
}

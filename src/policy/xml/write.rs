//! Writes a tree as it was read, byte for byte; what was changed or made since is written anew.

use std::fmt::Write;

use super::escape;
use crate::policy::{Attribute, Child, Element, Text, document::Around};

/// The document as it was read.
pub(in crate::policy) fn document(root: &Element, around: &Around) -> String {
    let mut out = String::from(&*around.before);
    element(&mut out, root);
    out + &around.after
}

/// What an element contains, as XML.
pub(in crate::policy) fn inner(element: &Element) -> String {
    let mut out = String::new();
    children(&mut out, element);
    out
}

fn element(out: &mut String, element: &Element) {
    out.push('<');
    out.push_str(&element.name);
    for one in &element.attributes {
        attribute(out, one);
    }
    out.push_str(&element.spelling.end_of_start);
    if element.spelling.empty && element.children.is_empty() {
        out.push_str("/>");
        return;
    }
    out.push('>');
    children(out, element);
    append(out, format_args!("</{}{}>", element.name, element.spelling.end));
}

fn append(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("writing to a string cannot fail");
}

fn children(out: &mut String, element: &Element) {
    for child in &element.children {
        match child {
            Child::Element(child) => self::element(out, child),
            Child::Text(text) => {
                out.push_str(&written(text).map_or_else(|| escape::content(&text.value), str::to_owned))
            }
            Child::Comment(comment) => append(out, format_args!("<!--{}-->", comment.text)),
            Child::Instruction(text) => append(out, format_args!("<?{text}?>")),
        }
    }
}

fn attribute(out: &mut String, attribute: &Attribute) {
    let (before, joint) = if attribute.joint.is_empty() { (" ", "=") } else { (&*attribute.before, &*attribute.joint) };
    append(out, format_args!("{before}{}{joint}", attribute.name));
    match written(&attribute.value) {
        Some(written) => {
            // What was read between single quotes may hold double ones, also inside an expression.
            let quote = if attribute.single_quoted { '\'' } else { '"' };
            append(out, format_args!("{quote}{written}{quote}"));
        }
        None => append(out, format_args!("\"{}\"", escape::attribute(&attribute.value.value))),
    }
}

/// The text as it was read, unless its value was changed since.
fn written(text: &Text) -> Option<&str> {
    text.raw.as_ref().filter(|raw| *raw.value == text.value).map(|raw| &*raw.written)
}

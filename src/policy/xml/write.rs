//! Writes a tree as it was read, byte for byte; what was changed or made since is written anew.

use std::fmt::Write;

use super::escape;
use crate::policy::{Attribute, Child, Element, Text, document::Around};

/// Whether secrets are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::policy) enum Secrets {
    /// For a policy that needs them.
    Told,
    /// For anyone else: `{{name}}`.
    Masked,
}

/// The document as it was read.
pub(in crate::policy) fn document(root: &Element, around: &Around) -> String {
    let mut writer = Writer { out: String::from(&*around.before), secrets: Secrets::Masked };
    writer.element(root);
    writer.out + &around.after
}

/// What an element contains, as XML.
pub(in crate::policy) fn inner(element: &Element, secrets: Secrets) -> String {
    let mut writer = Writer { out: String::new(), secrets };
    writer.children(element);
    writer.out
}

struct Writer {
    out: String,
    secrets: Secrets,
}

impl Writer {
    fn element(&mut self, element: &Element) {
        self.out.push('<');
        self.out.push_str(&element.name);
        for attribute in &element.attributes {
            self.attribute(attribute);
        }
        let (end_of_start, empty, end) = match &element.spelling {
            Some(spelling) => (&*spelling.end_of_start, spelling.empty, &*spelling.end),
            None if element.children.is_empty() => (" ", true, ""),
            None => ("", false, ""),
        };
        self.out.push_str(end_of_start);
        if empty && element.children.is_empty() {
            self.out.push_str("/>");
            return;
        }
        self.out.push('>');
        self.children(element);
        self.append(format_args!("</{}{end}>", element.name));
    }

    fn append(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("writing to a string cannot fail");
    }

    fn children(&mut self, element: &Element) {
        for child in &element.children {
            match child {
                Child::Element(child) => self.element(child),
                Child::Text(text) => match written(text) {
                    Some(written) => self.out.push_str(written),
                    None => self.out.push_str(&escape::content(self.value(text))),
                },
                Child::Comment(comment) => self.append(format_args!("<!--{}-->", comment.text)),
                Child::Instruction(text) => self.append(format_args!("<?{text}?>")),
            }
        }
    }

    fn attribute(&mut self, attribute: &Attribute) {
        let new = attribute.joint.is_empty();
        let (before, joint) = if new { (" ", "=") } else { (&*attribute.before, &*attribute.joint) };
        self.append(format_args!("{before}{}{joint}", attribute.name));
        if let Some(written) = written(&attribute.value) {
            // What was read between single quotes may hold double ones, also inside an expression.
            let quote = if attribute.single_quoted { '\'' } else { '"' };
            self.append(format_args!("{quote}{written}{quote}"));
        } else {
            let value = escape::attribute(self.value(&attribute.value));
            self.append(format_args!("\"{value}\""));
        }
    }

    fn value<'a>(&self, text: &'a Text) -> &'a str {
        if self.secrets == Secrets::Told { &text.value } else { text.shown() }
    }
}

/// The text as it was read, unless its value was changed since.
fn written(text: &Text) -> Option<&str> {
    text.raw.as_ref().filter(|raw| *raw.value == *text.value).map(|raw| &*raw.written)
}

//! Writes a tree in one spelling: four spaces an indentation, double quotes, `<a />`, expressions readable.
//!
//! What is text to a policy keeps its every character, so that formatting never changes what runs; only space around a
//! whole-value expression goes, which is no part of it. Between elements at most one empty line stays.

use std::fmt::Write;

use super::{
    escape,
    write::{Secrets, inner},
};
use crate::policy::{Child, Element, Kind, Text, document::Around};

/// Elements whose content is sent or served as it is, or given to another language: its space counts.
const KEPT: &[&str] = &["set-body", "xsl-transform", "cross-domain"];

const INDENT: &str = "    ";

/// An element on lines of its own, without the last line's end.
pub(in crate::policy) fn pretty(element: &Element) -> String {
    let mut printer = Printer { out: String::new(), depth: 0 };
    printer.element(element);
    printer.out
}

/// A root with what stands around it, each part on lines of its own.
pub(in crate::policy) fn around(around: &Around, root: &str) -> String {
    let plain = |text: &str| text.trim_start_matches('\u{feff}').replace("\r\n", "\n").trim().to_owned();
    let parts = [plain(&around.before), root.to_owned(), plain(&around.after)];
    parts.iter().filter(|part| !part.is_empty()).fold(String::new(), |all, part| all + part + "\n")
}

struct Printer {
    out: String,
    depth: usize,
}

impl Printer {
    fn line(&mut self) {
        self.out.push('\n');
        self.out.push_str(&INDENT.repeat(self.depth));
    }

    fn put(&mut self, arguments: std::fmt::Arguments<'_>) {
        self.out.write_fmt(arguments).expect("writing to a string cannot fail");
    }

    fn element(&mut self, element: &Element) {
        self.out.push('<');
        self.out.push_str(&element.name);
        for attribute in &element.attributes {
            let value = escape::attribute(trimmed(&attribute.value));
            self.put(format_args!(" {}=\"{value}\"", attribute.name));
        }
        let inside = inside(element);
        if inside == Inside::Nothing {
            self.out.push_str(" />");
            return;
        }
        self.out.push('>');
        match inside {
            Inside::Lines => self.lines(element),
            Inside::Text => self.texts(element),
            Inside::Nothing | Inside::AsItIs => {
                self.out.push_str(&inner(element, Secrets::Masked).replace("\r\n", "\n"));
            }
        }
        self.put(format_args!("</{}>", element.name));
    }

    fn texts(&mut self, element: &Element) {
        for text in element.children.iter().filter_map(Child::as_text) {
            let cdata = text.raw.as_ref().filter(|raw| *raw.value == *text.value && raw.written.contains("<![CDATA["));
            match cdata {
                Some(raw) => self.out.push_str(&raw.written.replace("\r\n", "\n")),
                None => self.out.push_str(&escape::content(trimmed(text))),
            }
        }
    }

    fn lines(&mut self, element: &Element) {
        self.depth += 1;
        let mut space = "";
        let mut first = true;
        for child in &element.children {
            match child {
                Child::Text(text) => {
                    space = &text.value;
                    continue;
                }
                Child::Comment(_) if !first && !space.contains('\n') => self.out.push(' '),
                _ => {
                    if !first && space.matches('\n').count() > 1 {
                        self.out.push('\n');
                    }
                    self.line();
                }
            }
            self.child(child);
            (space, first) = ("", false);
        }
        self.depth -= 1;
        self.line();
    }

    fn child(&mut self, child: &Child) {
        match child {
            Child::Element(element) => self.element(element),
            Child::Comment(comment) => self.put(format_args!("<!--{}-->", comment.text.replace("\r\n", "\n"))),
            Child::Instruction(text) => self.put(format_args!("<?{text}?>")),
            Child::Text(_) => {}
        }
    }
}

/// What an element contains, as far as its layout goes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Inside {
    Nothing,
    Text,
    Lines,
    AsItIs,
}

fn inside(element: &Element) -> Inside {
    let told = |child: &&Child| !matches!(child, Child::Text(text) if text.value.trim().is_empty());
    let mut told = element.children.iter().filter(told).peekable();
    let only_space = told.peek().is_none();
    let has_text = element.children.iter().filter_map(Child::as_text).any(|text| !text.value.trim().is_empty());
    let all_text = element.children.iter().all(|child| child.as_text().is_some());
    match () {
        () if element.children.is_empty() => Inside::Nothing,
        () if all_text && has_text => Inside::Text,
        () if only_space && &*element.name == "value" => Inside::Text,
        () if has_text || KEPT.contains(&&*element.name) => Inside::AsItIs,
        () if only_space => Inside::Nothing,
        () => Inside::Lines,
    }
}

/// Space around an expression is no part of it.
fn trimmed(text: &Text) -> &str {
    if text.kind() == Kind::Literal { text.shown() } else { text.shown().trim() }
}

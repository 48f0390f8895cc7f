//! From elements to YAML.

use std::fmt::{Display, Write};

use super::{CONTAINERS, DO, TEXT, XML, is_part, quote};
use crate::policy::{
    Child, Comment, Element, Kind, Text,
    xml::{self, Secrets},
};

/// Levels of elements that are written as YAML, which nests three of its own for each; what is deeper is written as XML.
const DEEPEST: usize = 14;

/// A document: the content of its root.
pub(in crate::policy) fn write(root: &Element, before: &str) -> String {
    let mut writer = Writer { out: String::new() };
    for comment in before.split("<!--").skip(1).filter_map(|rest| rest.split("-->").next()) {
        writer.comment(comment, 0);
    }
    if &*root.name == "policies" {
        writer.sections(root);
    } else {
        writer.line(0, format_args!("{}:", root.name));
        writer.body(root, 2);
    }
    writer.out
}

struct Writer {
    out: String,
}

impl Writer {
    fn line(&mut self, indent: usize, text: impl Display) {
        write!(self.out, "{:indent$}{text}", "").expect("writing to a string cannot fail");
    }

    fn comment(&mut self, text: &str, indent: usize) {
        for line in text.trim().lines().map(str::trim) {
            let space = if line.is_empty() { "" } else { " " };
            self.line(indent, format_args!("#{space}{}\n", line.replace(char::is_control, " ")));
        }
    }

    fn sections(&mut self, root: &Element) {
        for child in &root.children {
            match child {
                Child::Element(section) => {
                    self.line(0, format_args!("{}:", section.name));
                    self.body(section, 2);
                }
                Child::Comment(comment) => self.comment(&comment.text, 0),
                Child::Text(_) | Child::Instruction(_) => {}
            }
        }
    }

    /// What stands behind `name:`; lines of its own are indented by `indent` spaces.
    fn body(&mut self, element: &Element, indent: usize) {
        match form(element) {
            Form::Nothing if element.attributes.is_empty() => self.out.push('\n'),
            Form::Text(text) if element.attributes.is_empty() => self.out.push_str(&quote::scalar(&text, indent)),
            Form::Statements if element.attributes.is_empty() => {
                self.out.push('\n');
                self.statements(element, indent);
            }
            form => {
                self.out.push('\n');
                self.mapping(element, &form, indent);
            }
        }
    }

    fn mapping(&mut self, element: &Element, form: &Form, indent: usize) {
        for attribute in &element.attributes {
            let value = quote::scalar(value(&attribute.value), indent + 2);
            self.line(indent, format_args!("{}:{value}", key(&attribute.name)));
        }
        match form {
            Form::Nothing => {}
            Form::Text(text) => self.line(indent, format_args!("{TEXT}:{}", quote::scalar(text, indent + 2))),
            Form::Xml => {
                let content = xml::inner(element, Secrets::Masked).replace("\r\n", "\n");
                self.line(indent, format_args!("{XML}:{}", quote::scalar(&content, indent + 2)));
            }
            Form::Statements => {
                self.line(indent, format_args!("{DO}:\n"));
                self.statements(element, indent + 2);
            }
            Form::Keys => self.keys(element, indent),
        }
    }

    /// Children as keys, those of one name together.
    fn keys(&mut self, element: &Element, indent: usize) {
        comments(element).for_each(|comment| self.comment(&comment.text, indent));
        for children in runs(element) {
            let name = &children[0].name;
            self.line(indent, format_args!("{}:", key(name)));
            match children.as_slice() {
                [only] if is_part(&element.name, name) || is_container(only) || is_mapping(only) => {
                    self.body(only, indent + 2);
                }
                _ => {
                    self.out.push('\n');
                    for child in children {
                        self.item(child, indent + 2);
                    }
                }
            }
        }
    }

    /// An element without its name, in a list.
    fn item(&mut self, element: &Element, indent: usize) {
        self.line(indent, "-");
        if is_mapping(element) && comments(element).next().is_none() {
            let start = self.out.len();
            self.mapping(element, &form(element), indent + 2);
            // The first key stands beside the dash.
            self.out.replace_range(start..start + indent + 2, " ");
        } else {
            self.body(element, indent + 2);
        }
    }

    fn statements(&mut self, element: &Element, indent: usize) {
        for child in &element.children {
            match child {
                Child::Element(statement) => self.statement(statement, indent),
                Child::Comment(comment) => self.comment(&comment.text, indent),
                Child::Text(_) | Child::Instruction(_) => {}
            }
        }
    }

    fn statement(&mut self, element: &Element, indent: usize) {
        if !is_expressible(element, DEEPEST.saturating_sub(indent / 6)) {
            let text = xml::pretty(element);
            self.line(indent, format_args!("-{}", quote::scalar(&text, indent + 2)));
            return;
        }
        let form = form(element);
        if !matches!(form, Form::Statements | Form::Keys) {
            comments(element).for_each(|comment| self.comment(&comment.text, indent));
        }
        if element.attributes.is_empty() && matches!(form, Form::Nothing) && key(&element.name) == *element.name {
            self.line(indent, format_args!("- {}\n", element.name));
            return;
        }
        self.line(indent, format_args!("- {}:", key(&element.name)));
        self.body(element, indent + 4);
    }
}

/// How the content of an element is written.
enum Form {
    Nothing,
    Text(String),
    /// A list.
    Statements,
    /// Children under their names.
    Keys,
    /// Text and elements, in XML.
    Xml,
}

/// Whether the body of an element is a mapping.
fn is_mapping(element: &Element) -> bool {
    !element.attributes.is_empty() || matches!(form(element), Form::Keys | Form::Xml)
}

fn is_container(element: &Element) -> bool {
    CONTAINERS.contains(&&*element.name)
}

fn form(element: &Element) -> Form {
    let texts = || element.children.iter().filter_map(Child::as_text);
    let has_text = texts().any(|text| !text.value.trim().is_empty());
    let has_elements = element.elements().next().is_some();
    match (has_text, has_elements) {
        (true, true) => Form::Xml,
        (true, false) => Form::Text(texts().map(value).collect()),
        (false, true) if is_container(element) || !is_keyed(element) => Form::Statements,
        (false, true) => Form::Keys,
        (false, false) if &*element.name == "value" && texts().next().is_some() => {
            Form::Text(texts().map(value).collect())
        }
        (false, false) if element.children.iter().any(|child| matches!(child, Child::Instruction(_))) => Form::Xml,
        (false, false) => Form::Nothing,
    }
}

/// Children of one name that follow each other.
fn runs(element: &Element) -> Vec<Vec<&Element>> {
    let mut runs: Vec<Vec<&Element>> = Vec::new();
    for child in element.elements() {
        match runs.last_mut().filter(|run| run[0].name == child.name) {
            Some(run) => run.push(child),
            None => runs.push(vec![child]),
        }
    }
    runs
}

/// Whether children can stand under their names: those of one name follow each other, and no name means something else.
fn is_keyed(element: &Element) -> bool {
    let runs = runs(element);
    let names: Vec<_> = runs.iter().map(|run| &*run[0].name).collect();
    let twice = |(at, name): (usize, &&str)| names[..at].contains(name);
    let taken = |name: &&str| [DO, TEXT, XML].contains(name) || element.attribute(name).is_some();
    // A list under a container's name is its content, and a text would be an attribute.
    let unlisted = |run: &Vec<&Element>| {
        is_container(run[0])
            && (run.len() > 1 || (run[0].attributes.is_empty() && matches!(form(run[0]), Form::Text(_))))
    };
    !names.iter().enumerate().any(twice) && !names.iter().any(taken) && !runs.iter().any(unlisted)
}

/// Whether the YAML of an element reads back as the same element.
fn is_expressible(element: &Element, levels: usize) -> bool {
    let misread = |name: &str| [DO, TEXT, XML].contains(&name) || is_part(&element.name, name);
    levels > 0
        && !element.attributes.iter().any(|attribute| misread(&attribute.name))
        && element.elements().all(|child| is_expressible(child, levels - 1))
}

fn comments(element: &Element) -> impl Iterator<Item = &Comment> {
    element.children.iter().filter_map(|child| match child {
        Child::Comment(comment) => Some(comment),
        _ => None,
    })
}

/// Space around an expression is no part of it.
fn value(text: &Text) -> &str {
    if text.kind() == Kind::Literal { text.shown() } else { text.shown().trim() }
}

fn key(name: &str) -> String {
    let plain = name.chars().all(|character| character.is_ascii_alphanumeric() || "-_.".contains(character));
    let words = ["null", "true", "false", "~"].contains(&name.to_ascii_lowercase().as_str());
    if plain && !words { name.to_owned() } else { format!("'{}'", name.replace('\'', "''")) }
}

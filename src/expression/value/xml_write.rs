//! Writing XML nodes: indentation, escapes, and the namespaces that a part of a tree needs outside of it.

#![expect(clippy::format_push_string, reason = "`write!` into a `String` has an error that cannot happen")]

use std::{collections::HashMap, sync::Arc};

use super::{
    Xml,
    xml::{Element, MAX_DEPTH, XName},
};

impl Element {
    /// Writes its start tag, and the namespaces that are not in scope but needed for it; the name as it was written.
    fn write_tag(&self, out: &mut String, scope: &mut Scope) -> Arc<str> {
        let attributes = self.attributes();
        for attribute in &attributes {
            if let Some(prefix) = attribute.declares() {
                scope.add(prefix, attribute.value());
            }
        }
        let written = scope.spelled(&self.name(), self.tag());
        out.push('<');
        out.push_str(&written);
        for attribute in &attributes {
            out.push_str(&format!(" {}=\"{}\"", attribute.written, escape(&attribute.value(), true)));
        }
        let own = prefix_of(&written).unwrap_or_default();
        let declared = own.is_empty() && attributes.iter().any(|attribute| attribute.declares() == Some(""));
        if !declared {
            declare(out, scope, own, &self.name().space);
        }
        for attribute in attributes.iter().filter(|attribute| attribute.declares().is_none()) {
            if let Some(prefix) = prefix_of(&attribute.written).filter(|prefix| *prefix != "xml") {
                declare(out, scope, prefix, &attribute.name.space);
            }
        }
        written
    }

    pub(super) fn write(&self, out: &mut String, indent: bool, depth: usize, scope: &mut Scope) {
        if depth > MAX_DEPTH {
            return;
        }
        let outer = scope.order.len();
        let written = self.write_tag(out, scope);
        let nodes = self.nodes();
        if nodes.is_empty() {
            out.push_str(" />");
            scope.leave(outer);
            return;
        }
        out.push('>');
        let pretty = indent && nodes.iter().all(|node| matches!(node, Xml::Element(_)));
        for node in &nodes {
            if pretty {
                new_line(out, depth + 1);
            }
            match node {
                Xml::Element(element) => element.write(out, pretty, depth + 1, scope),
                other => out.push_str(&other.to_text(false)),
            }
        }
        if pretty {
            new_line(out, depth);
        }
        out.push_str(&format!("</{written}>"));
        scope.leave(outer);
    }
}

/// So many declarations are looked through for a prefix: real documents have a dozen.
const MOST_PREFIXES: usize = 64;

/// Prefixes and what they stand for where something is written.
#[derive(Default)]
pub(super) struct Scope {
    /// The innermost last.
    spaces: HashMap<Arc<str>, Vec<Arc<str>>>,
    order: Vec<Arc<str>>,
}

impl Scope {
    fn add(&mut self, prefix: &str, space: Arc<str>) {
        let prefix: Arc<str> = prefix.into();
        self.spaces.entry(prefix.clone()).or_default().push(space);
        self.order.push(prefix);
    }

    /// Forgets what was declared since there were `outer` declarations.
    fn leave(&mut self, outer: usize) {
        for prefix in self.order.drain(outer..) {
            if let Some(spaces) = self.spaces.get_mut(&prefix) {
                spaces.pop();
            }
        }
    }

    /// A name with the prefix that it was written with, or else with the nearest one that stands for its namespace.
    fn spelled(&self, name: &XName, written: Arc<str>) -> Arc<str> {
        let own = prefix_of(&written).unwrap_or_default();
        if name.space.is_empty() || self.stands_for(own) == &*name.space {
            return written;
        }
        let near = self.order.iter().rev().take(MOST_PREFIXES);
        match near.filter(|prefix| !prefix.is_empty()).find(|prefix| self.stands_for(prefix) == &*name.space) {
            Some(prefix) => format!("{prefix}:{}", name.local).into(),
            None => written,
        }
    }

    fn stands_for(&self, prefix: &str) -> &str {
        self.spaces.get(prefix).and_then(|spaces| spaces.last()).map_or("", |space| space)
    }
}

fn prefix_of(written: &str) -> Option<&str> {
    written.split_once(':').map(|(prefix, _)| prefix)
}

/// Declares a prefix unless it stands for this namespace here.
fn declare(out: &mut String, scope: &mut Scope, prefix: &str, space: &Arc<str>) {
    if scope.stands_for(prefix) == &**space {
        return;
    }
    let colon = if prefix.is_empty() { "" } else { ":" };
    out.push_str(&format!(" xmlns{colon}{prefix}=\"{}\"", escape(space, true)));
    scope.add(prefix, space.clone());
}

fn new_line(out: &mut String, depth: usize) {
    out.push_str("\r\n");
    (0..depth).for_each(|_| out.push_str("  "));
}

/// Text with the characters that XML reserves written as entities.
pub(crate) fn escape(text: &str, attribute: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' if attribute => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

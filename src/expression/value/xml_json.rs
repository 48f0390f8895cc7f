//! XML as JSON, by Newtonsoft's rules: `@name` for attributes, `#text` beside them, lists of elements of one name.
//!
//! Deliberately not here: the policy `xml-to-json`, which reads text of any size.

use std::sync::Arc;

use super::{
    Json, Xml,
    xml::{Element, MAX_DEPTH},
};

/// The object that a document or its root is: one member, the root's name.
pub(super) fn of(root: &Element) -> Json {
    Json::object([(root.tag(), content(root, 0))])
}

fn content(element: &Element, depth: usize) -> Json {
    let attributes = element.attributes();
    let nodes = element.nodes();
    let has_elements = nodes.iter().any(|node| matches!(node, Xml::Element(_)));
    if attributes.is_empty() && !has_elements && !nodes.iter().any(|node| matches!(node, Xml::Data(_))) {
        let mut text = String::new();
        element.text(&mut text, 0);
        return if nodes.is_empty() { Json::Null } else { Json::string(text) };
    }
    let mut rows: Vec<(Arc<str>, Vec<Json>)> = Vec::new();
    for attribute in attributes {
        put(&mut rows, format!("@{}", attribute.written).into(), Json::String(attribute.value()));
    }
    for node in nodes {
        match &node {
            Xml::Element(child) if depth < MAX_DEPTH => put(&mut rows, child.tag(), content(child, depth + 1)),
            Xml::Text(text) => put(&mut rows, "#text".into(), Json::String(text.clone())),
            Xml::Data(text) => put(&mut rows, "#cdata-section".into(), Json::String(text.clone())),
            _ => {}
        }
    }
    let value = |mut values: Vec<Json>| if values.len() == 1 { values.remove(0) } else { Json::array(values) };
    Json::object(rows.into_iter().map(|(name, values)| (name, value(values))))
}

fn put(rows: &mut Vec<(Arc<str>, Vec<Json>)>, name: Arc<str>, value: Json) {
    match rows.iter_mut().find(|row| row.0 == name) {
        Some(row) => row.1.push(value),
        None => rows.push((name, vec![value])),
    }
}

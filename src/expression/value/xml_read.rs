//! Reading XML into shared nodes. No document type declarations: they are where XML attacks live.

use std::sync::{Arc, Mutex};

use quick_xml::{
    Reader, XmlVersion,
    events::{BytesStart, Event},
};

use super::{
    Thrown,
    xml::{Attribute, Element, MAX_DEPTH, XName, Xml},
};

struct Open {
    element: Element,
    spaces: Vec<(String, Arc<str>)>,
}

/// Reads a document and gives its root.
///
/// # Errors
/// `XmlException` for what is not well-formed, has a document type, or nests beyond 128.
pub(crate) fn read(text: &str) -> Result<Arc<Element>, Thrown> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut stack: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| broken(&error.to_string()))? {
            Event::Start(start) => {
                if stack.len() >= MAX_DEPTH || root.is_some() {
                    return Err(broken("the elements nest too deeply, or there is a second root element"));
                }
                let open = open(&start, &stack)?;
                stack.push(open);
            }
            Event::Empty(start) => {
                let open = open(&start, &stack)?;
                close(open, &mut stack, &mut root)?;
            }
            Event::End(_) => {
                let open = stack.pop().ok_or_else(|| broken("an end tag without a start tag"))?;
                close(open, &mut stack, &mut root)?;
            }
            Event::Text(text) => {
                let text = text.xml_content(XmlVersion::Implicit1_0);
                add_text(&mut stack, &text)?;
            }
            Event::CData(text) => {
                let text = text.xml_content(XmlVersion::Implicit1_0);
                add_text(&mut stack, &text)?;
            }
            Event::GeneralRef(name) => {
                let name = name.xml_content(XmlVersion::Implicit1_0);
                let text = entity(&name).ok_or_else(|| broken(&format!("unknown entity &{name};")))?;
                add_text(&mut stack, &text)?;
            }
            Event::DocType(_) => return Err(broken("a document type declaration is not allowed")),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    if !stack.is_empty() {
        return Err(broken("the document ends inside an element"));
    }
    let root: Arc<Element> = root.ok_or_else(|| broken("Root element is missing"))?;
    root.adopt();
    Ok(root)
}

fn broken(what: &str) -> Thrown {
    Thrown::new("XmlException", what.to_owned())
}

fn entity(name: &str) -> Option<String> {
    let text = match name {
        "amp" => "&",
        "lt" => "<",
        "gt" => ">",
        "quot" => "\"",
        "apos" => "'",
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            return char::from_u32(code).map(String::from);
        }
    };
    Some(text.to_owned())
}

fn add_text(stack: &mut [Open], text: &str) -> Result<(), Thrown> {
    let Some(open) = stack.last_mut() else {
        let blank = text.trim().is_empty();
        return if blank { Ok(()) } else { Err(broken("text outside the root element")) };
    };
    let mut nodes = super::guard(&open.element.nodes);
    if let Some(Xml::Text(last)) = nodes.last_mut() {
        *last = format!("{last}{text}").into();
    } else {
        nodes.push(Xml::Text(text.into()));
    }
    Ok(())
}

fn close(open: Open, stack: &mut [Open], root: &mut Option<Arc<Element>>) -> Result<(), Thrown> {
    drop_layout(&open.element);
    let element = Arc::new(open.element);
    match stack.last() {
        Some(parent) => super::guard(&parent.element.nodes).push(Xml::Element(element)),
        None if root.is_none() => *root = Some(element),
        None => return Err(broken("there is a second root element")),
    }
    Ok(())
}

/// Blank text beside elements is layout, which `Parse` drops.
fn drop_layout(element: &Element) {
    let mut nodes = super::guard(&element.nodes);
    if nodes.iter().any(|node| matches!(node, Xml::Element(_))) {
        nodes.retain(|node| !matches!(node, Xml::Text(text) if text.trim().is_empty()));
    }
}

fn open(start: &BytesStart<'_>, stack: &[Open]) -> Result<Open, Thrown> {
    let written = start.name().as_ref().to_owned();
    let (mut rows, mut spaces) = (Vec::new(), Vec::new());
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|error| broken(&error.to_string()))?;
        let name = attribute.key.as_ref().to_owned();
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|error| broken(&error.to_string()))?;
        let value: Arc<str> = value.as_ref().into();
        if name == "xmlns" {
            spaces.push((String::new(), value.clone()));
        } else if let Some(prefix) = name.strip_prefix("xmlns:") {
            spaces.push((prefix.to_owned(), value.clone()));
        }
        rows.push((name, value));
    }
    let mut element = Element::written(resolve(&written, true, &spaces, stack), written.as_str().into());
    let attributes = rows.into_iter().map(|(name, value)| {
        let resolved = resolve(&name, false, &spaces, stack);
        Arc::new(Attribute::new(resolved, name.into(), value))
    });
    element.attributes = Mutex::new(attributes.collect());
    Ok(Open { element, spaces })
}

fn resolve(written: &str, element: bool, spaces: &[(String, Arc<str>)], stack: &[Open]) -> XName {
    let (prefix, local) = written.split_once(':').unwrap_or(("", written));
    let found = || {
        let all = stack.iter().flat_map(|open| open.spaces.iter()).chain(spaces.iter());
        all.rev().find(|(name, _)| name == prefix).map(|(_, space)| space.clone())
    };
    let space = if prefix.is_empty() && !element { None } else { found() };
    XName { space: space.unwrap_or_default(), local: local.into() }
}

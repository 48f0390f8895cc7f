//! Documents for tests out of well-formed XML, until the reader of documents is there.

use std::sync::Arc;

use quick_xml::{
    Reader,
    events::{BytesStart, Event},
};

use super::{Attribute, Child, Document, Element, Place, Text, document::Around, tree::Spelling};

/// A document of well-formed XML. All places are the beginning.
#[must_use]
pub fn document(text: &str) -> Document {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().expect("well-formed XML") {
            Event::Start(start) => open.push(element(&start)),
            Event::Empty(start) => {
                let element = element(&start);
                open.last_mut().expect("a root").children.push(Child::Element(element));
            }
            Event::End(_) => {
                let closed = open.pop().expect("balanced");
                let Some(parent) = open.last_mut() else {
                    return Document { root: closed, around: Around::default() };
                };
                parent.children.push(Child::Element(closed));
            }
            Event::Text(text) => add(&mut open, &text),
            Event::CData(text) => add(&mut open, &text),
            Event::GeneralRef(name) => {
                let text = format!("&{};", &*name);
                add(&mut open, &quick_xml::escape::unescape(&text).expect("an entity"));
            }
            Event::Eof => panic!("the root does not end"),
            _ => {}
        }
    }
}

fn add(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        if let Some(Child::Text(last)) = element.children.last_mut() {
            last.value.push_str(text);
        } else {
            element.children.push(Child::Text(Text::new(text, start())));
        }
    }
}

fn element(tag: &BytesStart<'_>) -> Element {
    let attributes = tag.attributes().map(|attribute| {
        let attribute = attribute.expect("an attribute");
        let value = quick_xml::escape::unescape(&attribute.value).expect("entities").into_owned();
        Attribute {
            name: attribute.key.as_ref().into(),
            place: start(),
            value: Text::new(value, start()),
            before: " ".into(),
            joint: "=\"".into(),
        }
    });
    Element {
        name: tag.name().as_ref().into(),
        place: start(),
        attributes: attributes.collect(),
        children: Vec::new(),
        scope: None,
        fragment: None,
        spelling: Spelling::default(),
    }
}

fn start() -> Place {
    Place { file: Arc::from("test.xml"), line: 1, column: 1 }
}

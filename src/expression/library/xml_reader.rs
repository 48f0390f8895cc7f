//! `XmlReader`, forward only, and the `StringReader` that it is made from.
//!
//! The text is read whole first: what the reader then walks is the tree, so that it costs what `XElement.Parse` does.

use std::sync::{Arc, Mutex};

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{Inner, Xml, guard, xml::Element, xml_read},
};

type Outcome = Result<Value, Thrown>;

const R: Kind = Kind::XmlReader;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::StringReader, "new(text): StringReader", |c| Ok(Value::library(Inner::TextReader(c.text(0)?)))),
    member(Kind::StringReader, "ReadToEnd(): string", |c| Ok(Value::Text(c.this.to_text()))),
    fixed(R, "Create(input): XmlReader", create),
    member(R, "Read(): bool", |c| walk(c, |walk| Value::Bool(walk.step()))),
    member(R, "MoveToContent(): void", |c| {
        walk(c, |walk| {
            walk.at.get_or_insert(0);
            Value::Null
        })
    }),
    member(R, "ReadToFollowing(name): bool", |c| {
        let name = c.text(0)?;
        walk(c, |walk| {
            while walk.step() {
                if walk.element().is_some_and(|element| *element.tag() == *name) {
                    return Value::Bool(true);
                }
            }
            Value::Bool(false)
        })
    }),
    member(R, "IsStartElement([name]): bool", |c| {
        let name = if c.count() > 0 { Some(c.text(0)?) } else { None };
        walk(c, |walk| {
            walk.at.get_or_insert(0);
            let is_it = |element: Arc<Element>| name.as_ref().is_none_or(|name| element.tag() == *name);
            Value::Bool(walk.element().is_some_and(is_it))
        })
    }),
    member(R, "GetAttribute(name): string", |c| {
        let name = c.text(0)?;
        walk(c, |walk| {
            let attributes = walk.element().map(|element| element.attributes()).unwrap_or_default();
            let found = attributes.into_iter().find(|attribute| attribute.written == name);
            found.map_or(Value::Null, |attribute| Value::Text(attribute.value()))
        })
    }),
    member(R, "ReadElementContentAsString(): string", |c| walk(c, Walk::content)),
    member(R, "ReadInnerXml(): string", |c| {
        walk(c, |walk| {
            let nodes = walk.element().map(|element| element.nodes()).unwrap_or_default();
            walk.skip();
            Value::from(nodes.iter().map(|node| node.to_text(false)).collect::<String>())
        })
    }),
    member(R, "Skip(): void", |c| {
        walk(c, |walk| {
            walk.skip();
            Value::Null
        })
    }),
    member(R, "EOF: bool", |c| walk(c, |walk| Value::Bool(walk.at.is_some_and(|at| at >= walk.places.len())))),
    member(R, "Name: string", |c| walk(c, |walk| Value::from(&*walk.name()))),
    member(R, "LocalName: string", |c| {
        walk(c, |walk| {
            let name = walk.name();
            Value::from(name.rsplit_once(':').map_or(&*name, |(_, local)| local))
        })
    }),
    member(R, "Value: string", |c| walk(c, |walk| Value::from(&*walk.text()))),
    fixed(Kind::XNode, "ReadFrom(reader): XNode", read_from),
];

/// A reader's way through a document.
pub(crate) struct Walk {
    places: Vec<Place>,
    /// `None` before the first `Read`; behind the last place at the end.
    at: Option<usize>,
}

/// A node that the reader stands on.
enum Place {
    /// Start of an element, with the place behind its end.
    Start(Arc<Element>, usize),
    Text(Arc<str>),
    End(Arc<str>),
}

impl Walk {
    fn new(root: &Arc<Element>) -> Self {
        let mut walk = Self { places: Vec::new(), at: None };
        walk.note(root);
        walk
    }

    /// Notes an element and all that is in it; the depth is what can be read (`MAX_DEPTH`).
    fn note(&mut self, element: &Arc<Element>) {
        let start = self.places.len();
        self.places.push(Place::Start(element.clone(), 0));
        let nodes = element.nodes();
        for node in &nodes {
            match node {
                Xml::Element(child) => self.note(child),
                Xml::Text(text) => self.places.push(Place::Text(text.clone())),
                _ => {}
            }
        }
        // An empty element has no end of its own, as in .NET.
        if !nodes.is_empty() {
            self.places.push(Place::End(element.tag()));
        }
        self.places[start] = Place::Start(element.clone(), self.places.len());
    }

    fn here(&self) -> Option<&Place> {
        self.places.get(self.at?)
    }

    fn step(&mut self) -> bool {
        let next = self.at.map_or(0, |at| (at + 1).min(self.places.len()));
        self.at = Some(next);
        next < self.places.len()
    }

    fn element(&self) -> Option<Arc<Element>> {
        match self.here()? {
            Place::Start(element, _) => Some(element.clone()),
            Place::Text(_) | Place::End(_) => None,
        }
    }

    fn name(&self) -> Arc<str> {
        match self.here() {
            Some(Place::Start(element, _)) => element.tag(),
            Some(Place::End(name)) => name.clone(),
            Some(Place::Text(_)) | None => "".into(),
        }
    }

    fn text(&self) -> Arc<str> {
        match self.here() {
            Some(Place::Text(text)) => text.clone(),
            _ => "".into(),
        }
    }

    /// Goes behind the node that it stands on, with all that is in it.
    fn skip(&mut self) {
        match self.here() {
            Some(Place::Start(_, behind)) => self.at = Some(*behind),
            Some(_) => drop(self.step()),
            None => {}
        }
    }

    fn content(&mut self) -> Value {
        let mut text = String::new();
        if let Some(element) = self.element() {
            element.text(&mut text, 0);
        }
        self.skip();
        Value::from(text)
    }
}

fn create(c: &mut Call<'_, '_>) -> Outcome {
    let text = c.arg(0).to_text();
    c.machine.budget.grow(text.len().saturating_mul(6))?;
    let root = xml_read::read(&text)?;
    Ok(Value::library(Inner::XmlReader(Mutex::new(Walk::new(&root)))))
}

fn walk(c: &mut Call<'_, '_>, act: impl FnOnce(&mut Walk) -> Value) -> Outcome {
    match c.this.inner() {
        Some(Inner::XmlReader(walk)) => Ok(act(&mut guard(walk))),
        _ => Err(Thrown::cast(c.this.kind().full_name(), R.full_name())),
    }
}

fn read_from(c: &mut Call<'_, '_>) -> Outcome {
    let reader = c.arg(0);
    let Some(Inner::XmlReader(walk)) = reader.inner() else {
        return Err(Thrown::cast(reader.kind().full_name(), R.full_name()));
    };
    let mut walk = guard(walk);
    let node = match walk.here() {
        Some(Place::Start(element, _)) => Xml::Element(element.clone()),
        Some(Place::Text(text)) => Xml::Text(text.clone()),
        Some(Place::End(_)) | None => {
            return Err(Thrown::operation("The XmlReader must be on a node that can be read."));
        }
    };
    walk.skip();
    Ok(Value::Xml(node))
}

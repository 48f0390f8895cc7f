//! `XElement`, `XDocument`, `XAttribute`, `XName`, `XNamespace`.

use std::sync::Arc;

use super::{Call, Row, fixed, member};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        Inner, Xml, guard,
        xml::{Attribute, Element, XName},
        xml_read,
    },
};

type Outcome = Result<Value, Thrown>;

const C: Kind = Kind::XContainer;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::XElement, "Parse(text, [options]): XElement", |c| parse(c).map(|root| Value::Xml(Xml::Element(root)))),
    fixed(Kind::XDocument, "Parse(text, [options]): XDocument", |c| {
        parse(c).map(|root| Value::Xml(Xml::Document(root)))
    }),
    fixed(Kind::XElement, "new(name, ...): XElement", new_element),
    fixed(Kind::XAttribute, "new(name, value): XAttribute", new_attribute),
    fixed(Kind::XDocument, "new(root, ...): XDocument", |c| Ok(Value::Xml(Xml::Document(root_of(c)?)))),
    fixed(Kind::XNamespace, "Get(name): XNamespace", space),
    fixed(Kind::XNamespace, "Xmlns: XNamespace", |_| Ok(Value::library(Inner::Namespace(XMLNS.into())))),
    fixed(Kind::XNamespace, "None: XNamespace", |_| Ok(Value::library(Inner::Namespace("".into())))),
    fixed(Kind::XName, "Get(name, [namespace]): XName", |c| {
        let mut name = name(&c.arg(0));
        if c.count() > 1 {
            name.space = c.arg(1).to_text();
        }
        Ok(Value::Xml(Xml::Name(name.into())))
    }),
    member(Kind::XNamespace, "GetName(local): XName", |c| {
        let (space, local) = (c.this.to_text(), c.arg(0).to_text());
        Ok(Value::Xml(Xml::Name(XName { space, local }.into())))
    }),
    member(Kind::XNamespace, "NamespaceName: string", |c| Ok(Value::Text(c.this.to_text()))),
    member(Kind::XName, "LocalName: string", |c| Ok(Value::Text(name(&c.this).local))),
    member(Kind::XName, "NamespaceName: string", |c| Ok(Value::Text(name(&c.this).space))),
    member(Kind::XName, "Namespace: XNamespace", |c| Ok(Value::library(Inner::Namespace(name(&c.this).space)))),
    member(C, "Element(name): XElement", |c| Ok(children(c)?.into_iter().next().unwrap_or_default())),
    member(C, "Elements([name]): IEnumerable<XElement>", |c| children(c).map(Value::sequence)),
    member(C, "Descendants([name]): IEnumerable<XElement>", descendants),
    member(C, "Nodes(): IEnumerable<XNode>", |c| {
        let nodes = element(&c.this)?.nodes();
        Ok(Value::sequence(nodes.into_iter().map(Value::Xml).collect()))
    }),
    member(C, "Add(...): void", |c| {
        let target = element(&c.this)?;
        add_to(c, &target, 0)?;
        Ok(Value::Null)
    }),
    member(C, "FirstNode: XNode", |c| Ok(element(&c.this)?.nodes().into_iter().next().map_or(Value::Null, Value::Xml))),
    member(Kind::XDocument, "Root: XElement", |c| Ok(Value::Xml(Xml::Element(element(&c.this)?)))),
    member(Kind::XObject, "Name: XName", |c| Ok(Value::Xml(Xml::Name(name(&c.this).into())))),
    member(Kind::XObject, "Value: string", |c| match &c.this {
        Value::Xml(xml) => Ok(Value::Text(xml.value())),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Xml.Linq.XObject")),
    }),
    member(Kind::XElement, "Attribute(name): XAttribute", attribute),
    member(Kind::XElement, "Attributes([name]): IEnumerable<XAttribute>", |c| {
        let wanted = (c.count() > 0).then(|| name(&c.arg(0)));
        let all = element(&c.this)?.attributes();
        let found = all.into_iter().filter(|attribute| wanted.as_ref().is_none_or(|wanted| attribute.name == *wanted));
        Ok(Value::sequence(found.map(|attribute| Value::Xml(Xml::Attribute(attribute))).collect()))
    }),
    member(Kind::XElement, "Parent: XElement", |c| {
        let parent = element(&c.this)?.parent();
        Ok(parent.map_or(Value::Null, |parent| Value::Xml(Xml::Element(parent))))
    }),
    member(Kind::XElement, "Remove(): void", |c| {
        if element(&c.this)?.detach() { Ok(Value::Null) } else { Err(Thrown::operation("The parent is missing.")) }
    }),
    member(Kind::XElement, "HasElements: bool", |c| Ok(Value::Bool(!element(&c.this)?.elements().is_empty()))),
    member(Kind::XElement, "HasAttributes: bool", |c| Ok(Value::Bool(!element(&c.this)?.attributes().is_empty()))),
    member(Kind::XElement, "IsEmpty: bool", |c| Ok(Value::Bool(element(&c.this)?.nodes().is_empty()))),
    member(Kind::XElement, "SetValue(value): void", |c| {
        let this = c.this.clone();
        if let Value::Xml(xml) = &this {
            set_xml_value(xml, &c.arg(0).to_text());
        }
        Ok(Value::Null)
    }),
    member(Kind::XElement, "SetAttributeValue(name, value): void", set_attribute),
];

/// Replaces the content of an element or attribute by text.
pub(in crate::expression) fn set_xml_value(xml: &Xml, text: &str) {
    match xml {
        Xml::Element(element) | Xml::Document(element) => *guard(&element.nodes) = vec![Xml::Text(text.into())],
        Xml::Attribute(attribute) => *guard(&attribute.value) = text.into(),
        _ => {}
    }
}

fn parse(c: &mut Call<'_, '_>) -> Result<Arc<Element>, Thrown> {
    let text = c.text(0)?;
    c.machine.budget.grow(text.len().saturating_mul(4))?;
    xml_read::read(&text)
}

pub(super) fn element(value: &Value) -> Result<Arc<Element>, Thrown> {
    match value {
        Value::Xml(Xml::Element(element) | Xml::Document(element)) => Ok(element.clone()),
        Value::Null => Err(Thrown::null("the element")),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Xml.Linq.XElement")),
    }
}

pub(super) fn name(value: &Value) -> XName {
    match value {
        Value::Xml(Xml::Name(name)) => (**name).clone(),
        Value::Xml(Xml::Element(element) | Xml::Document(element)) => element.name(),
        Value::Xml(Xml::Attribute(attribute)) => attribute.name.clone(),
        other => XName::parse(&other.to_text()),
    }
}

/// The nodes of an element, or a document's root.
pub(super) fn nodes_of(value: &Value) -> Result<Vec<Xml>, Thrown> {
    let owner = element(value)?;
    Ok(if value.kind() == Kind::XDocument { vec![Xml::Element(owner)] } else { owner.nodes() })
}

/// The element among the arguments of `new XDocument(…)`.
fn root_of(c: &Call<'_, '_>) -> Result<Arc<Element>, Thrown> {
    let root = c.args.iter().find_map(|arg| element(arg).ok());
    root.ok_or_else(|| Thrown::argument("an XDocument is made of its root element here"))
}

fn space(c: &mut Call<'_, '_>) -> Outcome {
    let name = c.text(0)?;
    Ok(Value::library(Inner::Namespace(name)))
}

fn children(c: &mut Call<'_, '_>) -> Result<Vec<Value>, Thrown> {
    let owner = element(&c.this)?;
    let elements = if c.this.kind() == Kind::XDocument { vec![owner] } else { owner.elements() };
    c.machine.budget.grow(elements.len() * 32)?;
    let wanted = (c.count() > 0).then(|| name(&c.arg(0)));
    let kept = elements.into_iter().filter(|element| wanted.as_ref().is_none_or(|wanted| element.name() == *wanted));
    Ok(kept.map(|element| Value::Xml(Xml::Element(element))).collect())
}

fn descendants(c: &mut Call<'_, '_>) -> Outcome {
    let owner = element(&c.this)?;
    let mut all = Vec::new();
    if c.this.kind() == Kind::XDocument {
        all.push(owner.clone());
    }
    owner.descendants(&mut all, 0);
    c.machine.budget.grow(all.len() * 32)?;
    let wanted = (c.count() > 0).then(|| name(&c.arg(0)));
    let kept = all.into_iter().filter(|element| wanted.as_ref().is_none_or(|wanted| element.name() == *wanted));
    Ok(Value::sequence(kept.map(|element| Value::Xml(Xml::Element(element))).collect()))
}

fn attribute(c: &mut Call<'_, '_>) -> Outcome {
    let wanted = name(&c.arg(0));
    let found = element(&c.this)?.attributes().into_iter().find(|attribute| attribute.name == wanted);
    Ok(found.map_or(Value::Null, |attribute| Value::Xml(Xml::Attribute(attribute))))
}

fn made_attribute(name: XName, value: &Value) -> Arc<Attribute> {
    let written = match &*name.space {
        XMLNS => format!("xmlns:{}", name.local).into(),
        _ => name.local.clone(),
    };
    Arc::new(Attribute::new(name, written, value.to_text()))
}

/// The namespace of declarations of prefixes (Namespaces in XML 1.0, section 3).
const XMLNS: &str = "http://www.w3.org/2000/xmlns/";

fn new_attribute(c: &mut Call<'_, '_>) -> Outcome {
    Ok(Value::Xml(Xml::Attribute(made_attribute(name(&c.arg(0)), &c.arg(1)))))
}

fn set_attribute(c: &mut Call<'_, '_>) -> Outcome {
    let (owner, name, value) = (element(&c.this)?, name(&c.arg(0)), c.arg(1));
    c.machine.budget.grow(64)?;
    let found = owner.attributes().into_iter().find(|attribute| attribute.name == name);
    match (found, value.is_null()) {
        (Some(attribute), false) => *guard(&attribute.value) = value.to_text(),
        (Some(_), true) => guard(&owner.attributes).retain(|attribute| attribute.name != name),
        (None, true) => {}
        (None, false) => owner.put_attribute(made_attribute(name, &value)),
    }
    Ok(Value::Null)
}

fn new_element(c: &mut Call<'_, '_>) -> Outcome {
    let made = Arc::new(Element::new(name(&c.arg(0))));
    add_to(c, &made, 1)?;
    Ok(Value::Xml(Xml::Element(made)))
}

/// Adds the arguments from `from` on: attributes, elements, text, and collections of these.
pub(super) fn add_to(c: &mut Call<'_, '_>, target: &Arc<Element>, from: usize) -> Result<(), Thrown> {
    for value in c.args.get(from..).unwrap_or_default().to_vec() {
        let items = if matches!(value, Value::List(_)) { c.machine.items(&value)? } else { vec![value] };
        for item in items {
            c.machine.budget.grow(64)?;
            match item {
                Value::Xml(Xml::Attribute(attribute)) => target.put_attribute(attribute),
                Value::Xml(Xml::Element(child) | Xml::Document(child)) if Arc::ptr_eq(&child, target) => {
                    return Err(Thrown::operation("an element cannot hold itself"));
                }
                Value::Xml(Xml::Element(child) | Xml::Document(child)) => {
                    target.push(Xml::Element(child));
                }
                Value::Xml(text @ (Xml::Text(_) | Xml::Data(_))) => target.push(text),
                Value::Null => {}
                other => target.push(Xml::Text(other.to_text())),
            }
        }
    }
    Ok(())
}

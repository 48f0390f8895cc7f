//! What changes XML around a node, and goes up and sideways from it.

use std::sync::Arc;

use super::{
    Call, Row, fixed, member,
    xml::{add_to, element, name, nodes_of},
};
use crate::expression::{
    Kind, Thrown, Value,
    value::{
        Xml, guard,
        xml::{Attribute, Element},
    },
};

type Outcome = Result<Value, Thrown>;

const C: Kind = Kind::XContainer;
const X: Kind = Kind::XElement;
const A: Kind = Kind::XAttribute;

pub(super) const ROWS: &[Row] = &[
    fixed(Kind::XText, "new(text): XText", |c| Ok(Value::Xml(Xml::Text(c.arg(0).to_text())))),
    fixed(Kind::XCData, "new(text): XCData", |c| Ok(Value::Xml(Xml::Data(c.arg(0).to_text())))),
    // Text of a document never shows its declaration, as in .NET.
    fixed(Kind::XDeclaration, "new(version, encoding, standalone): XDeclaration", |_| Ok(Value::Null)),
    member(C, "AddFirst(...): void", |c| {
        let owner = element(&c.this)?;
        put(c, &owner, 0)
    }),
    member(C, "LastNode: XNode", |c| Ok(element(&c.this)?.nodes().pop().map_or(Value::Null, Value::Xml))),
    member(C, "RemoveNodes(): void", |c| {
        guard(&element(&c.this)?.nodes).clear();
        Ok(Value::Null)
    }),
    member(C, "ReplaceNodes(...): void", |c| {
        let owner = element(&c.this)?;
        guard(&owner.nodes).clear();
        add_to(c, &owner, 0)?;
        Ok(Value::Null)
    }),
    member(C, "DescendantNodes(): IEnumerable<XNode>", descendant_nodes),
    member(X, "DescendantsAndSelf([name]): IEnumerable<XElement>", |c| {
        let this = element(&c.this)?;
        let mut all = vec![this.clone()];
        this.descendants(&mut all, 0);
        named(c, all)
    }),
    member(X, "Ancestors([name]): IEnumerable<XElement>", |c| {
        let above = ancestors(c)?;
        named(c, above)
    }),
    member(X, "AncestorsAndSelf([name]): IEnumerable<XElement>", |c| {
        let mut all = vec![element(&c.this)?];
        all.extend(ancestors(c)?);
        named(c, all)
    }),
    member(X, "ElementsAfterSelf([name]): IEnumerable<XElement>", |c| siblings(c, true)),
    member(X, "ElementsBeforeSelf([name]): IEnumerable<XElement>", |c| siblings(c, false)),
    member(X, "NextNode: XNode", |c| beside(c, 1)),
    member(X, "PreviousNode: XNode", |c| beside(c, -1)),
    member(X, "AddAfterSelf(...): void", |c| {
        let (owner, at) = place(c)?;
        put(c, &owner, at + 1)
    }),
    member(X, "AddBeforeSelf(...): void", |c| {
        let (owner, at) = place(c)?;
        put(c, &owner, at)
    }),
    member(X, "ReplaceWith(...): void", |c| {
        let (owner, at) = place(c)?;
        element(&c.this)?.detach();
        put(c, &owner, at)
    }),
    member(X, "ReplaceAll(...): void", |c| {
        let owner = element(&c.this)?;
        guard(&owner.nodes).clear();
        guard(&owner.attributes).clear();
        add_to(c, &owner, 0)?;
        Ok(Value::Null)
    }),
    member(X, "RemoveAll(): void", |c| {
        let owner = element(&c.this)?;
        guard(&owner.nodes).clear();
        guard(&owner.attributes).clear();
        Ok(Value::Null)
    }),
    member(X, "RemoveAttributes(): void", |c| {
        guard(&element(&c.this)?.attributes).clear();
        Ok(Value::Null)
    }),
    member(X, "SetElementValue(name, value): void", set_element),
    member(X, "FirstAttribute: XAttribute", |c| {
        let first = element(&c.this)?.attributes().into_iter().next();
        Ok(first.map_or(Value::Null, |attribute| Value::Xml(Xml::Attribute(attribute))))
    }),
    member(X, "GetDefaultNamespace(): XNamespace", |c| {
        let space = element(&c.this)?.name().space;
        Ok(Value::library(crate::expression::value::Inner::Namespace(space)))
    }),
    member(A, "IsNamespaceDeclaration: bool", |c| {
        let written = attribute(&c.this)?.written.clone();
        Ok(Value::Bool(&*written == "xmlns" || written.starts_with("xmlns:")))
    }),
    member(A, "Parent: XElement", |c| {
        let owner = attribute(&c.this)?.owner();
        Ok(owner.map_or(Value::Null, |owner| Value::Xml(Xml::Element(owner))))
    }),
    member(A, "Remove(): void", |c| {
        let this = c.this.clone();
        take_out(&this)
    }),
    member(A, "SetValue(value): void", |c| {
        *guard(&attribute(&c.this)?.value) = c.arg(0).to_text();
        Ok(Value::Null)
    }),
    member(Kind::Enumerable, "Attributes([name]): IEnumerable<XAttribute>", |c| {
        each(c, |element| element.attributes().into_iter().map(Xml::Attribute).collect())
    }),
    member(Kind::Enumerable, "Elements([name]): IEnumerable<XElement>", |c| {
        each(c, |element| element.elements().into_iter().map(Xml::Element).collect())
    }),
    member(Kind::Enumerable, "Descendants([name]): IEnumerable<XElement>", |c| {
        each(c, |element| {
            let mut all = Vec::new();
            element.descendants(&mut all, 0);
            all.into_iter().map(Xml::Element).collect()
        })
    }),
    member(Kind::Enumerable, "Remove(): void", |c| {
        for item in c.this_items()? {
            take_out(&item)?;
        }
        Ok(Value::Null)
    }),
];

fn attribute(value: &Value) -> Result<&Arc<Attribute>, Thrown> {
    match value {
        Value::Xml(Xml::Attribute(attribute)) => Ok(attribute),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Xml.Linq.XAttribute")),
    }
}

/// What each element of a sequence has of the name that is the first argument, if there is one.
fn each(c: &mut Call<'_, '_>, of: impl Fn(&Element) -> Vec<Xml>) -> Outcome {
    let wanted = (c.count() > 0).then(|| name(&c.arg(0)));
    let mut found = Vec::new();
    for item in c.this_items()? {
        let all = of(&*element(&item)?);
        c.machine.budget.grow(all.len() * 32)?;
        let all = all.into_iter().map(Value::Xml);
        found.extend(all.filter(|one| wanted.as_ref().is_none_or(|wanted| name(one) == *wanted)));
    }
    Ok(Value::sequence(found))
}

/// Takes an element or attribute out of what it is in.
fn take_out(item: &Value) -> Outcome {
    let is_out = match item {
        Value::Xml(Xml::Attribute(attribute)) => attribute.owner().is_some_and(|owner| {
            guard(&owner.attributes).retain(|other| !Arc::ptr_eq(other, attribute));
            true
        }),
        other => element(other)?.detach(),
    };
    if is_out { Ok(Value::Null) } else { Err(Thrown::operation("The parent is missing.")) }
}

/// The elements that have the name that is the first argument, if there is one.
fn named(c: &mut Call<'_, '_>, all: Vec<Arc<Element>>) -> Outcome {
    c.machine.budget.grow(all.len() * 32)?;
    let wanted = (c.count() > 0).then(|| name(&c.arg(0)));
    let kept = all.into_iter().filter(|element| wanted.as_ref().is_none_or(|wanted| element.name() == *wanted));
    Ok(Value::sequence(kept.map(|element| Value::Xml(Xml::Element(element))).collect()))
}

fn ancestors(c: &mut Call<'_, '_>) -> Result<Vec<Arc<Element>>, Thrown> {
    let mut all = Vec::new();
    let mut next = element(&c.this)?.parent();
    while let Some(parent) = next {
        c.machine.budget.step(1)?;
        next = parent.parent();
        all.push(parent);
    }
    Ok(all)
}

/// The parent, and the place of the element among its nodes.
fn place(c: &Call<'_, '_>) -> Result<(Arc<Element>, usize), Thrown> {
    let this = element(&c.this)?;
    let owner = this.parent().ok_or_else(|| Thrown::operation("The parent is missing."))?;
    let is_it = |node: &Xml| matches!(node, Xml::Element(other) if Arc::ptr_eq(other, &this));
    let at = owner.nodes().iter().position(is_it);
    at.map(|at| (owner, at)).ok_or_else(|| Thrown::operation("The parent is missing."))
}

/// Puts the arguments among the nodes of an element; attributes go to its attributes.
fn put(c: &mut Call<'_, '_>, owner: &Arc<Element>, at: usize) -> Outcome {
    let before = owner.nodes().len();
    add_to(c, owner, 0)?;
    c.machine.budget.step(before)?;
    let mut nodes = guard(&owner.nodes);
    let at = at.min(before);
    let count = nodes.len();
    nodes[at..count].rotate_left(before - at);
    Ok(Value::Null)
}

fn siblings(c: &mut Call<'_, '_>, after: bool) -> Outcome {
    let (owner, at) = place(c)?;
    let nodes = owner.nodes();
    let side = if after { &nodes[at + 1..] } else { &nodes[..at] };
    let elements = side.iter().filter_map(|node| match node {
        Xml::Element(element) => Some(element.clone()),
        _ => None,
    });
    named(c, elements.collect())
}

fn beside(c: &mut Call<'_, '_>, by: isize) -> Outcome {
    let Ok((owner, at)) = place(c) else { return Ok(Value::Null) };
    let found = at.checked_add_signed(by).and_then(|at| owner.nodes().into_iter().nth(at));
    Ok(found.map_or(Value::Null, Value::Xml))
}

fn descendant_nodes(c: &mut Call<'_, '_>) -> Outcome {
    let mut pending = nodes_of(&c.this)?;
    pending.reverse();
    let mut all = Vec::new();
    while let Some(node) = pending.pop() {
        c.machine.budget.grow(32)?;
        if let Xml::Element(element) = &node {
            pending.extend(element.nodes().into_iter().rev());
        }
        all.push(Value::Xml(node));
    }
    Ok(Value::sequence(all))
}

/// Sets the text of the child of that name; null takes it out.
fn set_element(c: &mut Call<'_, '_>) -> Outcome {
    let (owner, name, value) = (element(&c.this)?, name(&c.arg(0)), c.arg(1));
    c.machine.budget.grow(64)?;
    let found = owner.elements().into_iter().find(|child| child.name() == name);
    match (found, value.is_null()) {
        (Some(child), true) => drop(child.detach()),
        (None, true) => {}
        (Some(child), false) => super::set_xml_value(&Xml::Element(child), &value.to_text()),
        (None, false) => {
            let child = Arc::new(Element::new(name));
            super::set_xml_value(&Xml::Element(child.clone()), &value.to_text());
            owner.push(Xml::Element(child));
        }
    }
    Ok(Value::Null)
}

//! An element on its way to a policy: typed access to its attributes, children and text. What is wrong is noted with
//! its place, all of it.

use std::{str::FromStr, sync::Arc, time::Duration};

use super::{
    Block, Compiler, Dynamic, FromValue, Policy,
    catalogue::{AttributeEntry, Content, ElementEntry},
};
use crate::{
    expression::{Expression, Value},
    policy::{Element, Kind, Place, Text},
};

/// An element that is being compiled.
pub struct Reading<'c, 's> {
    /// The element.
    pub element: &'c Element,
    /// The name of the policy that it belongs to: the source of its failures.
    pub policy: &'static str,
    /// Where troubles go, and what there is to refer to.
    pub compiler: &'c mut Compiler<'s>,
}

impl<'c, 's> Reading<'c, 's> {
    /// Something is wrong at a place.
    pub fn trouble(&mut self, place: &Place, message: impl Into<String>) {
        self.compiler.trouble(place, message);
    }

    /// Something is wrong with the element itself; gives `None` so that it can end a build.
    pub fn refuse<T>(&mut self, message: impl Into<String>) -> Option<T> {
        let place = self.element.place.clone();
        self.trouble(&place, message);
        None
    }

    /// What cannot be done here, with the reason: refused, or a policy that fails when it is reached
    /// (`on_unsupported`).
    pub fn unsupported(&mut self, reason: impl Into<String>) -> Option<Box<dyn Policy>> {
        let (place, policy) = (self.element.place.clone(), self.policy);
        self.compiler.unsupported(&place, policy, reason.into())
    }

    /// An attribute as it is written.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'c Text> {
        self.element.attribute(name)
    }

    /// An attribute's literal text.
    #[must_use]
    pub fn literal(&self, name: &str) -> Option<Arc<str>> {
        self.attribute(name).map(|text| text.value.as_str().into())
    }

    /// An attribute that is parsed, or `default`.
    pub fn parsed<T: FromStr>(&mut self, name: &str, what: &str, default: T) -> T {
        let Some(text) = self.attribute(name) else { return default };
        text.value.trim().parse().unwrap_or_else(|_| {
            let message = format!("`{name}` of `{}` is `{}`; it must be {what}", self.element.name, &text.value);
            self.trouble(&text.place, message);
            default
        })
    }

    /// A switch: `true` or `false`, in any case as .NET reads them.
    pub fn switch(&mut self, name: &str, default: bool) -> bool {
        let Some(text) = self.attribute(name) else { return default };
        match text.value.trim().to_ascii_lowercase().as_str() {
            "true" => true,
            "false" => false,
            _ => {
                let message =
                    format!("`{name}` of `{}` is `{}`; it must be true or false", self.element.name, &text.value);
                self.trouble(&text.place, message);
                default
            }
        }
    }

    /// Whole seconds.
    pub fn seconds(&mut self, name: &str, default: u64) -> Duration {
        Duration::from_secs(self.parsed(name, "a number of seconds", default))
    }

    /// An attribute that may be an expression; `None` when it is not there.
    pub fn dynamic<T: FromValue>(&mut self, name: &str) -> Option<Dynamic<T>> {
        let text = self.attribute(name)?;
        self.of_text(text)
    }

    /// The element's text, which may be an expression.
    pub fn text<T: FromValue>(&mut self) -> Option<Dynamic<T>> {
        let text = self.element.text();
        self.of_text(&text)
    }

    /// The texts of all children of that name.
    pub fn texts<T: FromValue>(&mut self, child: &str) -> Vec<Dynamic<T>> {
        let children = self.element.elements().filter(|element| &*element.name == child);
        children.filter_map(|element| self.of_text(&element.text())).collect()
    }

    /// Text as a value or an expression.
    pub fn of_text<T: FromValue>(&mut self, text: &Text) -> Option<Dynamic<T>> {
        match text.kind() {
            Kind::Literal => {
                let value = Value::from(&*text.value);
                let fixed = T::from_value(&value).map_err(|why| self.trouble(&text.place, why)).ok()?;
                Some(Dynamic::Fixed(fixed))
            }
            Kind::Inline(_) | Kind::Block(_) => {
                let expression = Box::new(self.expression(text)?);
                Some(Dynamic::Computed { of: self.policy, expression })
            }
        }
    }

    /// Text as an expression.
    pub fn expression(&mut self, text: &Text) -> Option<Expression> {
        self.compiler.expression(text)
    }

    /// The reading of a child.
    pub fn child<'r>(&'r mut self, element: &'r Element) -> Reading<'r, 's> {
        Reading { element, policy: self.policy, compiler: self.compiler }
    }

    /// The statements inside an element.
    pub fn block(&mut self, element: &Element) -> Block {
        self.compiler.block(element.elements())
    }
}

/// Whether an element fits its table; what does not is noted.
pub fn fits(
    element: &Element,
    attributes: &[AttributeEntry],
    children: &[ElementEntry],
    content: Content,
    compiler: &mut Compiler<'_>,
) -> bool {
    let before = compiler.troubles.len();
    attributes_fit(element, attributes, compiler);
    children_fit(element, children, content, compiler);
    compiler.troubles.len() == before
}

fn attributes_fit(element: &Element, known: &[AttributeEntry], compiler: &mut Compiler<'_>) {
    for attribute in &element.attributes {
        if &*attribute.name == "id" && known.iter().all(|entry| entry.name != "id") {
            continue;
        }
        if let Some(entry) = known.iter().find(|entry| entry.name == &*attribute.name) {
            value_fits(element, entry, &attribute.value, compiler);
        } else {
            let names = known.iter().map(|entry| entry.name);
            let hint = compiler.hint(&attribute.name, names);
            let message = format!("`{}` has no attribute `{}`{hint}", element.name, attribute.name);
            compiler.trouble(&attribute.value.place, message);
        }
    }
    for entry in known.iter().filter(|entry| entry.required && element.attribute(entry.name).is_none()) {
        compiler.trouble(&element.place, format!("`{}` needs the attribute `{}`", element.name, entry.name));
    }
}

fn value_fits(element: &Element, entry: &AttributeEntry, text: &Text, compiler: &mut Compiler<'_>) {
    let is_literal = matches!(text.kind(), Kind::Literal);
    if !is_literal && !entry.dynamic {
        let message = format!("`{}` of `{}` cannot be an expression", entry.name, element.name);
        compiler.trouble(&text.place, message);
    } else if is_literal && !entry.values.is_empty() && !entry.values.contains(&text.value.trim()) {
        let hint = entry.values.join(", ");
        let message = format!("`{}` of `{}` is `{}`; it must be one of: {hint}", entry.name, element.name, &text.value);
        compiler.trouble(&text.place, message);
    }
}

fn children_fit(element: &Element, known: &[ElementEntry], content: Content, compiler: &mut Compiler<'_>) {
    if content == Content::Anything {
        return;
    }
    for child in element.elements() {
        match known.iter().find(|entry| entry.name == &*child.name) {
            Some(entry) => {
                fits(child, entry.attributes, entry.children, entry.content, compiler);
            }
            None if content == Content::Statements => {}
            None => {
                let hint = compiler.hint(&child.name, known.iter().map(|entry| entry.name));
                let message = format!("`{}` has no child `{}`{hint}", element.name, child.name);
                compiler.trouble(&child.place, message);
            }
        }
    }
    for entry in known {
        let count = element.elements().filter(|child| &*child.name == entry.name).count();
        if count == 0 && entry.required {
            compiler.trouble(&element.place, format!("`{}` needs a child `{}`", element.name, entry.name));
        } else if count > 1 && !entry.many {
            compiler.trouble(
                &element.place,
                format!("`{}` may have one child `{}`, not {count}", element.name, entry.name),
            );
        }
    }
    if matches!(content, Content::Nothing | Content::Statements)
        && let text = element.text()
        && !text.value.trim().is_empty()
    {
        compiler.trouble(&text.place, format!("`{}` has no text; found `{}`", element.name, short(&text.value)));
    }
}

fn short(text: &str) -> String {
    text.trim().chars().take(40).collect()
}

//! Tuples: names of items become numbers here; an evaluation knows `Item1` and its siblings only.

use super::{Checker, Type, Typed, conversion, expression::nothing, member};
use crate::expression::{
    Kind, Value,
    eval::{Node, Target},
    parse::syntax::{Expr, ExprKind, Place, TypeRef},
};

/// What a part of a value goes into.
pub(super) enum Part<'p> {
    New(Option<&'p TypeRef>, &'p str),
    Old(&'p Expr),
}

impl<'p> From<&'p Place> for Part<'p> {
    fn from(place: &'p Place) -> Self {
        match place {
            Place::New(of, name) => Self::New(of.as_ref(), name),
            Place::Old(target) => Self::Old(target),
        }
    }
}

impl Checker {
    /// `(a, name: b)`.
    pub(super) fn tuple(&mut self, items: &[(Option<String>, Expr)]) -> Typed {
        let names = names(items);
        let (mut nodes, mut types) = (Vec::new(), Vec::new());
        for (at, (_, value)) in items.iter().enumerate() {
            let (node, of) = self.expr(value);
            nodes.push((item_name(at).into(), node));
            types.push(of);
        }
        self.note_items(&names);
        (Node::Record(nodes), Type::tuple(types, &names))
    }

    /// Remembers which item goes by a name, for values whose type is only known later.
    pub(super) fn note_items(&mut self, names: &[String]) {
        for (at, name) in names.iter().enumerate().filter(|(_, name)| !name.is_empty()) {
            self.fields.insert(name.clone());
            self.items.entry(name.clone()).or_default().insert(at);
        }
    }

    /// The one item that goes by this name in all tuples here.
    pub(super) fn item_called(&self, name: &str) -> Option<usize> {
        let places = self.items.get(name).filter(|places| places.len() == 1)?;
        places.first().copied()
    }

    /// Whether different items go by this name.
    pub(super) fn is_ambiguous(&self, name: &str) -> bool {
        self.items.get(name).is_some_and(|places| places.len() > 1)
    }

    /// `tuple.name` of a value that is known to be a tuple.
    pub(super) fn item(&mut self, at: usize, node: Node, of: &Type, name: &str) -> Option<Typed> {
        let count = of.items()?;
        let Some(number) = number(of, name).filter(|number| *number < count) else {
            self.trouble(at, format!("the tuple has {count} items, and none of them is `{name}`"));
            return Some(nothing());
        };
        Some((member::dynamic(&item_name(number), node, Vec::new(), Vec::new()), of.arg(number)))
    }

    /// `tuple.name = …`: the tuple is a variable.
    pub(super) fn item_target(&self, owner: &Expr, name: &str) -> Option<(Target, Type)> {
        let ExprKind::Name(owner) = &owner.kind else { return None };
        let (slot, of) = self.scope.find(owner)?;
        let at = number(of, name).filter(|at| of.items().is_some_and(|count| *at < count))?;
        Some((Target::Item(slot, at), of.arg(at)))
    }

    /// `var (a, b) = value` and `(a, b) = value`.
    pub(super) fn deconstruct(&mut self, at: usize, places: &[Part<'_>], value: &Expr) -> Typed {
        let (node, of) = self.expr(value);
        let types = self.parts(at, places.len(), &of);
        let whole = self.scope.hidden();
        let mut assigned = Vec::new();
        for (number, (place, from)) in places.iter().zip(types).enumerate() {
            let index = Node::Const(Value::Int(i32::try_from(number).unwrap_or(i32::MAX)));
            let item = (Node::Index(Box::new(Node::Local(whole)), Box::new(index)), from);
            assigned.extend(self.place(at, place, item));
        }
        (Node::Deconstruct(Box::new(node), whole, assigned), of)
    }

    /// The types of what a value is taken apart into.
    fn parts(&mut self, at: usize, count: usize, of: &Type) -> Vec<Type> {
        let has = if of.kind == Kind::KeyValuePair { Some(2) } else { of.items() };
        if has.is_some_and(|has| has != count) || has.is_none() && !of.kind.is_open() {
            self.trouble(at, format!("a `{of}` cannot be taken apart into {count}"));
        }
        (0..count).map(|number| of.arg(number)).collect()
    }

    fn place(&mut self, at: usize, place: &Part<'_>, (item, from): Typed) -> Option<Node> {
        let (target, node) = match place {
            Part::New(_, "_") => return None,
            Part::Old(Expr { kind: ExprKind::Name(name), .. }) if name == "_" && self.scope.find(name).is_none() => {
                return None;
            }
            Part::Old(target) => {
                let (target, of) = self.target(target);
                (target, self.assigned(at, (item, from), &of, true))
            }
            Part::New(of, name) => {
                self.undeclared(at, name);
                let declared = of.map(|of| (self.resolve(of), of.nullable));
                let (node, of) = match declared {
                    Some((of, nullable)) => (self.assigned(at, (item, from), &of, nullable), of),
                    None => (item, from),
                };
                (Target::Local(self.scope.declare(name, of)), node)
            }
        };
        Some(Node::Assign(Box::new((None, target, node))))
    }

    /// Refuses a second variable of one name.
    pub(super) fn undeclared(&mut self, at: usize, name: &str) {
        if self.scope.find(name).is_some() {
            self.trouble(at, format!("a variable `{name}` is already declared in this scope"));
        }
    }
}

/// A tuple that is written out, each item on its way into its declared type.
pub(super) fn convert_items(node: Node, from: &Type, to: &Type) -> Node {
    match node {
        Node::Record(fields) if to.items() == Some(fields.len()) => {
            let item = |(at, (name, node))| (name, conversion::convert(node, &from.arg(at), &to.arg(at), true));
            Node::Record(fields.into_iter().enumerate().map(item).collect())
        }
        other => other,
    }
}

fn item_name(at: usize) -> String {
    format!("Item{}", at + 1)
}

/// The item that a name means: its own, or `ItemN`.
fn number(of: &Type, name: &str) -> Option<usize> {
    let own = of.names.iter().flat_map(|names| names.iter()).position(|known| &**known == name);
    own.or_else(|| name.strip_prefix("Item")?.parse::<usize>().ok()?.checked_sub(1))
}

/// Given names, and those that C# takes from the values.
fn names(items: &[(Option<String>, Expr)]) -> Vec<String> {
    let inferred = |value: &Expr| match &value.kind {
        ExprKind::Name(name) | ExprKind::Member(_, name) if !name.starts_with("Item") => name.clone(),
        _ => String::new(),
    };
    let all: Vec<_> = items.iter().map(|(name, value)| name.clone().unwrap_or_else(|| inferred(value))).collect();
    let twice = |name: &String| all.iter().filter(|other| *other == name).count() > 1;
    all.iter().map(|name| if twice(name) { String::new() } else { name.clone() }).collect()
}

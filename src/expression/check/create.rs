//! `new`: objects, arrays, initializers, qualified XML names.

use super::{Checker, Type, Typed, conversion, expression::nothing, member, suggest};
use crate::expression::{
    Kind, Value,
    eval::{InitialNode, Node},
    library,
    parse::syntax::{Expr, Initial, TypeRef},
};

impl Checker {
    pub(super) fn creation(&mut self, name: &TypeRef, args: &[Expr], initial: &[Initial]) -> Typed {
        let of =
            if matches!(name.name.as_str(), "Tuple" | "ValueTuple") { Kind::Tuple.into() } else { self.resolve(name) };
        if of.kind == Kind::Unknown {
            return nothing();
        }
        let Some(found) = library::method(of.kind, true, "new").filter(|found| found.owner == of.kind) else {
            let hint = suggest::near(&name.name, ["JObject", "JArray", "List", "Dictionary", "Uri"].into_iter());
            self.trouble(name.at, format!("`{}` cannot be created by an expression{hint}", name.name));
            return nothing();
        };
        let nodes: Vec<_> = args.iter().map(|arg| self.expr(arg).0).collect();
        if !(found.least..=found.most).contains(&nodes.len()) {
            self.trouble(name.at, format!("no constructor of `{}` takes {} arguments", name.name, nodes.len()));
        }
        let mut nodes = nodes;
        if of.kind == Kind::Exception {
            nodes.insert(0, Node::Const(Value::from(name.name.as_str())));
        }
        if name.name.starts_with("Sorted") {
            nodes.push(Node::Const(Value::from(library::SORTED)));
        }
        let node = member::native(found, None, nodes, of.kind);
        let of = if of.kind == Kind::Tuple { self.resolve(name) } else { of };
        if initial.is_empty() {
            return (node, of);
        }
        let initial = initial.iter().map(|entry| self.initial(entry, &of)).collect();
        (Node::Initial(Box::new(node), initial), of)
    }

    fn initial(&mut self, entry: &Initial, of: &Type) -> InitialNode {
        match entry {
            Initial::Add(values) => InitialNode::Add(values.iter().map(|value| self.expr(value).0).collect()),
            Initial::Index(key, value) => InitialNode::Set(self.expr(key).0, self.expr(value).0),
            Initial::Member(at, name, value) => {
                if of.kind.is_a(Kind::HashAlgorithm) && name == "Key" {
                    return InitialNode::Member(name.as_str().into(), self.expr(value).0);
                }
                if !of.kind.is_a(Kind::JToken) && !matches!(of.kind, Kind::Dynamic | Kind::MergeSettings) {
                    self.trouble(*at, format!("`{name}` of `{of}` cannot be set by an initializer"));
                }
                InitialNode::Set(Node::Const(Value::from(name.as_str())), self.expr(value).0)
            }
        }
    }

    pub(super) fn array(&mut self, name: Option<&TypeRef>, size: Option<&Expr>, items: &[Expr]) -> Typed {
        let declared = name.map(|name| self.resolve(name));
        let typed: Vec<_> = items.iter().map(|item| self.expr(item)).collect();
        let types: Vec<_> = typed.iter().map(|typed| typed.1.clone()).collect();
        let element = declared.unwrap_or_else(|| super::common(&types));
        let nodes: Vec<_> =
            typed.into_iter().map(|(node, of)| conversion::convert(node, &of, &element, true)).collect();
        let of = Type::of(Kind::Array, vec![element.clone()]);
        if let (Some(size), true) = (size, nodes.is_empty()) {
            let size = self.expr(size).0;
            return (Node::Sized(Box::new(size), conversion::initial(&element)), of);
        }
        (Node::Array(nodes), of)
    }

    /// `ns + "local"`.
    pub(super) fn qualified(space: Node, local: Node) -> Typed {
        match library::method(Kind::XNamespace, false, "GetName") {
            Some(found) => (member::native(found, Some(space), vec![local], Kind::Unknown), Kind::XName.into()),
            None => nothing(),
        }
    }
}

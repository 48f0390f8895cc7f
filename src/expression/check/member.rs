//! Names and members: locals, `context`, statics, properties, indexers.

use std::sync::Arc;

use super::{Checker, Type, Typed, expression::nothing, suggest};
use crate::expression::{
    Fact, Kind, Part, Side, Value, Which,
    eval::{CallNode, Node},
    library::{self, Member},
    parse::syntax::{Expr, ExprKind},
    value::Handle,
};

/// Members of `context` that are objects.
pub(in crate::expression) const PARTS: &[(Kind, &str, Handle)] = &[
    (Kind::Context, "Api", Handle::Part(Part::Api)),
    (Kind::Context, "Deployment", Handle::Part(Part::Deployment)),
    (Kind::Context, "Gateway", Handle::Part(Part::Gateway)),
    (Kind::Deployment, "Gateway", Handle::Part(Part::Gateway)),
    (Kind::Context, "LastError", Handle::Part(Part::LastError)),
    (Kind::Context, "Operation", Handle::Part(Part::Operation)),
    (Kind::Context, "Product", Handle::Part(Part::Product)),
    (Kind::Context, "Request", Handle::Part(Part::Request)),
    (Kind::Context, "Response", Handle::Part(Part::Response)),
    (Kind::Context, "Subscription", Handle::Part(Part::Subscription)),
    (Kind::Context, "User", Handle::Part(Part::User)),
    (Kind::Context, "Workspace", Handle::Part(Part::Workspace)),
    (Kind::Context, "Variables", Handle::Variables),
    (Kind::Api, "SubscriptionKeyParameterNames", Handle::Part(Part::KeyNames)),
    (Kind::Deployment, "Certificates", Handle::Certificates),
    (Kind::Request, "Headers", Handle::Headers(Side::Request)),
    (Kind::Request, "Body", Handle::Body(Side::Request)),
    (Kind::Request, "Url", Handle::Url(Which::Url)),
    (Kind::Request, "OriginalUrl", Handle::Url(Which::OriginalUrl)),
    (Kind::Request, "MatchedParameters", Handle::Matched),
];

/// The namespaces that documents write out.
const NAMESPACES: &[&str] = &["System", "Newtonsoft", "Microsoft"];

impl Checker {
    pub(super) fn name(&mut self, at: usize, name: &str) -> Typed {
        if let Some((slot, of)) = self.scope.find(name) {
            return (Node::Local(slot), of.clone());
        }
        if name == "context" {
            return (Node::Handle(Handle::Part(Part::Context)), Kind::Context.into());
        }
        self.unknown_name(at, name);
        nothing()
    }

    pub(super) fn unknown_name(&mut self, at: usize, name: &str) {
        let hint = suggest::near(name, self.scope.names().chain(["context", "true", "false", "null"]));
        let hint = if hint.is_empty() { suggest::type_name(name) } else { hint };
        self.trouble(at, format!("unknown name `{name}`{hint}"));
    }

    /// The type that an expression names, if it is a type and no value: `string`, `System.Text.Encoding`.
    pub(super) fn static_kind(&self, expr: &Expr) -> Option<Kind> {
        match &expr.kind {
            ExprKind::Name(name) if self.scope.find(name).is_none() => Kind::by_name(name),
            ExprKind::Member(owner, name) if self.is_namespace(owner) => Kind::by_name(name),
            _ => None,
        }
    }

    fn is_namespace(&self, expr: &Expr) -> bool {
        match &expr.kind {
            ExprKind::Name(name) => self.scope.find(name).is_none() && NAMESPACES.contains(&name.as_str()),
            ExprKind::Member(owner, name) => {
                self.is_namespace(owner) && (Kind::by_name(name).is_none() || matches!(name.as_str(), "Convert"))
            }
            _ => false,
        }
    }

    /// `owner.name`, not called.
    pub(super) fn member(&mut self, at: usize, owner: &Expr, name: &str) -> Typed {
        if let Some(kind) = self.static_kind(owner) {
            return self.static_member(at, kind, name);
        }
        let (node, of) = self.expr(owner);
        if of.kind == Kind::Dynamic && library::property(Kind::JToken, false, name).is_none() {
            let key = Node::Const(Value::from(name));
            return (Node::Index(Box::new(node), Box::new(key)), Kind::Dynamic.into());
        }
        if let Some(found) = self.context_member(&node, &of, name) {
            return found;
        }
        self.property(at, (node, of), name)
    }

    fn context_member(&mut self, node: &Node, of: &Type, name: &str) -> Option<Typed> {
        // A response from a variable has the same type but is no view.
        let Node::Handle(Handle::Part(_)) = node else {
            return None;
        };
        let response = match (of.kind, name) {
            (Kind::Response, "Headers") => Some(Handle::Headers(Side::Response)),
            (Kind::Response, "Body") => Some(Handle::Body(Side::Response)),
            _ => None,
        };
        let part = PARTS.iter().find(|part| part.0 == of.kind && part.1 == name).map(|part| part.2);
        if let Some(handle) = response.or(part) {
            self.needs.request_body |= handle == Handle::Body(Side::Request);
            self.needs.response_body |= handle == Handle::Body(Side::Response);
            let kind = handle.kind();
            let args = if kind == Kind::Dictionary { vec![Kind::String.into(), Type::UNKNOWN] } else { Vec::new() };
            let args = if handle == Handle::Matched { vec![Kind::String.into(), Kind::String.into()] } else { args };
            let plain =
                matches!(handle, Handle::Part(_)) || !matches!(node, Node::Handle(Handle::Part(Part::Response)));
            let node = if plain { Node::Handle(handle) } else { self.guarded(handle) };
            return Some((node, Type::of(kind, args)));
        }
        let fact = Fact::ALL.iter().copied().find(|fact| {
            let (part, member, _) = fact.declaration();
            Kind::of_part(part) == of.kind && member == name
        })?;
        let spec = fact.declaration().2;
        if fact == Fact::ApiServiceUrl {
            return None;
        }
        Some((Node::Fact(fact), library::result_type(spec, &Type::UNKNOWN, &Type::UNKNOWN, &Type::UNKNOWN)))
    }

    /// A view of a message that may not be there: its absence throws, as it does for the facts.
    fn guarded(&mut self, handle: Handle) -> Node {
        let slot = self.scope.hidden();
        let whole = Node::Handle(Handle::Part(Part::Response));
        let safe = Node::NullSafe(Box::new(whole), slot, Box::new(Node::Handle(handle)));
        Node::Coalesce(Box::new((safe, Node::Throw(Box::new(Node::Const(Value::Null))))))
    }

    fn static_member(&mut self, at: usize, kind: Kind, name: &str) -> Typed {
        if let Some((_, number)) = kind.members().iter().find(|member| member.0 == name) {
            return (Node::Const(Value::Enum(kind, *number)), kind.into());
        }
        match (library::property(kind, true, name), library::method(kind, true, name)) {
            (Some(member), _) => {
                let of = library::result_type(member.result, &kind.into(), &Type::UNKNOWN, &Type::UNKNOWN);
                (native(member, None, Vec::new(), Kind::Unknown), of)
            }
            (None, Some(_)) => {
                self.trouble(at, format!("`{}.{name}` is a method: call it with `()`", kind.name()));
                nothing()
            }
            (None, None) => {
                let known = library::names_of(kind, true);
                let known = known.into_iter().chain(kind.members().iter().map(|member| member.0));
                let hint = suggest::near(name, known);
                self.trouble(at, format!("`{}` has no member `{name}`{hint}", kind.name()));
                nothing()
            }
        }
    }

    fn property(&mut self, at: usize, (node, of): Typed, name: &str) -> Typed {
        self.note_place(&of, name, 0);
        if of.items().is_some() {
            return self.item(at, node, &of, name).unwrap_or_else(nothing);
        }
        if let Some(member) = library::property(of.kind, false, name)
            && (!of.kind.is_open() || member.owner != Kind::Object)
        {
            let result = library::result_type(member.result, &of, &Type::UNKNOWN, &Type::UNKNOWN);
            if of.kind.is_open() {
                let candidates = library::candidates(name, true);
                return (dynamic(name, node, Vec::new(), candidates), result);
            }
            return (native(member, Some(node), Vec::new(), Kind::Unknown), result);
        }
        let candidates = library::candidates(name, true);
        if of.kind.is_open() || matches!(of.kind, Kind::Enumerable) {
            let maybe_record = !of.kind.is_a(Kind::JToken);
            if !candidates.is_empty() || maybe_record && matches!(of.kind, Kind::Unknown | Kind::Record | Kind::Object)
            {
                if candidates.is_empty() {
                    self.loose.push((at, name.to_owned()));
                }
                if candidates.is_empty() && self.is_ambiguous(name) {
                    self.trouble(
                        at,
                        format!("`{name}` is not the same item of all tuples here; write `Item1`, `Item2`"),
                    );
                }
                let item = if maybe_record { self.item_called(name) } else { None };
                if item.is_some() {
                    return (with_item(dynamic(name, node, Vec::new(), candidates), item), Type::UNKNOWN);
                }
                let result = if candidates.len() == 1 {
                    library::result_type(candidates[0].result, &of, &Type::UNKNOWN, &Type::UNKNOWN)
                } else {
                    Type::UNKNOWN
                };
                return (dynamic(name, node, Vec::new(), candidates), result);
            }
        }
        self.no_member(at, &of, name);
        nothing()
    }

    /// Notes that the expression asks where a token is.
    pub(super) fn note_place(&mut self, of: &Type, name: &str, args: usize) {
        let asks = match name {
            "Parent" | "Path" | "Root" | "Next" | "Previous" | "Ancestors" | "AncestorsAndSelf" => true,
            "Remove" => args == 0,
            "Replace" | "AddAfterSelf" | "AddBeforeSelf" => args == 1,
            _ => false,
        };
        self.places |= asks && (of.kind.is_open() || of.kind.is_a(Kind::JToken) || of.kind == Kind::Enumerable);
    }

    pub(super) fn no_member(&mut self, at: usize, of: &Type, name: &str) {
        let known: Vec<&str> = library::names_of(of.kind, false)
            .into_iter()
            .chain(PARTS.iter().filter(|part| part.0 == of.kind).map(|part| part.1))
            .chain(
                Fact::ALL
                    .iter()
                    .map(|fact| fact.declaration())
                    .filter(|fact| Kind::of_part(fact.0) == of.kind)
                    .map(|fact| fact.1),
            )
            .collect();
        let is_method = library::method(of.kind, false, name).is_some();
        if is_method || known.contains(&name) {
            let (is, hint) =
                if is_method { ("method", "call it with `()`") } else { ("property", "leave out the `()`") };
            self.trouble(at, format!("`{name}` of `{of}` is a {is}: {hint}"));
            return;
        }
        let hint = suggest::near(name, known.into_iter());
        self.trouble(at, format!("`{of}` has no member `{name}`{hint}"));
    }

    pub(super) fn index(&mut self, owner: &Expr, key: &Expr) -> Typed {
        let (node, of) = self.expr(owner);
        let (key_node, key_type) = self.expr(key);
        let result = match of.kind {
            Kind::Variables => return (Node::Variable(Box::new(key_node)), Type::UNKNOWN),
            Kind::Headers => Type::plain(Kind::String).array(),
            Kind::Dictionary => of.arg(1),
            Kind::String => Kind::Char.into(),
            Kind::Bytes => Kind::Int.into(),
            Kind::Array | Kind::List | Kind::HashSet | Kind::Enumerable => of.arg(0),
            Kind::Dynamic => Kind::Dynamic.into(),
            Kind::Match => Kind::Group.into(),
            Kind::Lookup => Kind::Enumerable.into(),
            kind if kind.is_a(Kind::JToken) => Kind::JToken.into(),
            kind if kind.is_open() => Type::UNKNOWN,
            _ => {
                self.trouble(key.at, format!("`{of}` cannot be indexed"));
                Type::UNKNOWN
            }
        };
        if matches!(of.kind, Kind::String | Kind::Array | Kind::List | Kind::Bytes) && key_type.kind == Kind::String {
            self.trouble(key.at, format!("`{of}` is indexed by a number, this is text"));
        }
        (Node::Index(Box::new(node), Box::new(key_node)), result)
    }
}

/// A call of a function that is known now.
pub(super) fn native(member: &'static Member, this: Option<Node>, args: Vec<Node>, generic: Kind) -> Node {
    Node::Native(Box::new(CallNode {
        this,
        args,
        generic,
        element: Kind::Unknown,
        nullable: false,
        out: None,
        item: None,
        native: Some(member.native),
        candidates: vec![member],
        name: Arc::from(member.name),
    }))
}

/// A call of a function that depends on the value.
pub(super) fn dynamic(name: &str, this: Node, args: Vec<Node>, candidates: Vec<&'static Member>) -> Node {
    Node::Dynamic(Box::new(CallNode {
        this: Some(this),
        args,
        generic: Kind::Unknown,
        element: Kind::Unknown,
        nullable: false,
        out: None,
        item: None,
        native: None,
        candidates,
        name: Arc::from(name),
    }))
}

fn with_item(mut node: Node, item: Option<usize>) -> Node {
    if let Node::Dynamic(call) = &mut node {
        call.item = item;
    }
    node
}

//! Calls: of members, statics, local functions and lambdas.

use super::{Checker, Type, Typed, expression::nothing, member, suggest};
use crate::expression::{
    Kind, Value,
    eval::Node,
    library::{self, Member},
    parse::syntax::{Expr, ExprKind, TypeRef},
};

/// Arguments, resolved.
pub(super) struct Args {
    pub(super) nodes: Vec<Node>,
    /// The result of the last lambda among them.
    lambda: Type,
    out: Option<usize>,
}

impl Checker {
    pub(super) fn call(&mut self, at: usize, callee: &Expr, generics: &[TypeRef], args: &[Expr]) -> Typed {
        let nullable = generics.first().is_some_and(|generic| generic.nullable);
        let of = generics.first().map_or(Type::UNKNOWN, |generic| self.resolve(generic));
        let generic = Generic { of, nullable };
        match &callee.kind {
            ExprKind::Name(name) => self.call_name(at, callee, name, args),
            ExprKind::Member(owner, name) => match self.static_kind(owner) {
                Some(kind) => self.call_static((callee.at, kind, name), &generic, args),
                None => self.call_member((callee.at, owner, name), &generic, args),
            },
            _ => {
                let callee = self.expr(callee).0;
                let args = self.args(args, &Type::UNKNOWN);
                (Node::Invoke(Box::new(callee), args.nodes), Type::UNKNOWN)
            }
        }
    }

    fn call_name(&mut self, at: usize, callee: &Expr, name: &str, args: &[Expr]) -> Typed {
        let (node, of) = self.expr(callee);
        if let Some(taken) = self.scope.find(name).and_then(|(slot, _)| self.taken_by(slot)) {
            return self.call_function(at, (node, of), &taken, args);
        }
        if !matches!(of.kind, Kind::Func | Kind::Unknown | Kind::Dynamic) {
            self.trouble(at, format!("`{name}` is a value of type `{of}`, not a function"));
        }
        let args = self.args(args, &Type::UNKNOWN);
        (Node::Invoke(Box::new(node), args.nodes), of.arg(0))
    }

    fn call_static(&mut self, (at, kind, name): (usize, Kind, &str), generic: &Generic, args: &[Expr]) -> Typed {
        let Some(found) = library::method(kind, true, name) else {
            let hint = suggest::near(name, library::names_of(kind, true).into_iter());
            self.trouble(at, format!("`{}` has no method `{name}`{hint}", kind.name()));
            return nothing();
        };
        // `Enumerable.Select(xs, f)`: the first argument is the receiver.
        let checked = self.args(args, &Type::UNKNOWN);
        self.arity(at, found, args.len());
        let result = library::result_type(found.result, &kind.into(), &generic.of, &checked.lambda);
        let mut node = member::native(found, None, checked.nodes, kind);
        if generic.of.kind != Kind::Unknown && !kind.is_enum() {
            node = with_generic(node, &generic.of, generic.nullable);
        }
        (with_out(node, checked.out), result)
    }

    fn call_member(&mut self, (at, owner, name): (usize, &Expr, &str), generic: &Generic, args: &[Expr]) -> Typed {
        let (node, of) = self.expr(owner);
        self.note_body(&node, &of, name, args);
        self.note_place(&of, name, args.len());
        let checked = self.args(args, &of);
        let candidates = fitting(library::candidates(name, false), args.len());
        let found = library::method(of.kind, false, name);
        // `Remove()` of a `JObject` is that of `JToken`: it takes other arguments than its own.
        let found =
            found.filter(|found| fits(found, args.len())).or_else(|| library::pick(&candidates, of.kind)).or(found);
        let open = of.kind.is_open();
        if let Some(found) = found
            && (!open || of.kind.is_a(Kind::JToken) && found.owner != Kind::Object)
        {
            self.arity(at, found, args.len());
            let result = Self::result_of(found, &of, &generic.of, &checked, args);
            let wanted = implied(found, &of, &generic.of, &result);
            let node = if open {
                member::dynamic(name, node, checked.nodes, candidates)
            } else {
                member::native(found, Some(node), checked.nodes, Kind::Unknown)
            };
            return (with_out(with_generic(node, &wanted, generic.nullable), checked.out), result);
        }
        if candidates.is_empty() || !open {
            if of.kind == Kind::Record || open && matches!(of.kind, Kind::Unknown | Kind::Dynamic) && name == "Invoke" {
                return (Node::Invoke(Box::new(node), checked.nodes), Type::UNKNOWN);
            }
            if of.kind == Kind::Func && name == "Invoke" {
                return (Node::Invoke(Box::new(node), checked.nodes), of.arg(0));
            }
            self.no_member(at, &of, name);
            return nothing();
        }
        if !candidates.iter().any(|member| fits(member, args.len())) {
            self.trouble(at, format!("no `{name}` takes {} arguments", args.len()));
        }
        let results: Vec<_> = candidates.iter().map(|member| member.result).collect();
        let same = results.iter().all(|result| *result == results[0]);
        let result =
            if same { library::result_type(results[0], &of, &generic.of, &checked.lambda) } else { Type::UNKNOWN };
        let result = if name == "GetValueOrDefault" { generic.of.clone() } else { result };
        let node = member::dynamic(name, node, checked.nodes, candidates);
        (with_out(with_generic(node, &generic.of, generic.nullable), checked.out), result)
    }

    /// `GetValueOrDefault` without a generic argument has the type of what it looks in, or of its default.
    fn result_of(found: &Member, of: &Type, generic: &Type, checked: &Args, args: &[Expr]) -> Type {
        if found.name == "GetValueOrDefault" && generic.kind == Kind::Unknown {
            return match of.kind {
                Kind::Headers => Kind::String.into(),
                Kind::Variables if args.len() == 2 => match checked.nodes.get(1) {
                    Some(Node::Const(value)) if !value.is_null() => value.kind().into(),
                    _ => Type::UNKNOWN,
                },
                Kind::Dictionary => of.arg(1),
                _ => Type::UNKNOWN,
            };
        }
        library::result_type(found.result, of, generic, &checked.lambda)
    }

    fn arity(&mut self, at: usize, member: &Member, count: usize) {
        if (member.least..=member.most).contains(&count) {
            return;
        }
        let wanted = match (member.least, member.most) {
            (least, usize::MAX) => format!("at least {least}"),
            (least, most) if least == most => least.to_string(),
            (least, most) => format!("{least} to {most}"),
        };
        self.trouble(at, format!("`{}` takes {wanted} arguments, not {count}", member.name));
    }

    pub(super) fn args(&mut self, args: &[Expr], receiver: &Type) -> Args {
        let mut checked = Args { nodes: Vec::new(), lambda: Type::UNKNOWN, out: None };
        for arg in args.iter().map(Expr::unnamed) {
            let node = match &arg.kind {
                ExprKind::Lambda(parameters, body) => {
                    let types = if parameters.len() == 1 { vec![receiver.element()] } else { Vec::new() };
                    let (node, of) = self.lambda(parameters, body, &types);
                    checked.lambda = of.arg(0);
                    node
                }
                ExprKind::Out(declared, name) => {
                    checked.out = Some(self.out(arg.at, declared.as_ref(), name, receiver));
                    Node::Const(Value::Null)
                }
                ExprKind::Member(owner, name) if self.method_group(owner, name) => {
                    self.group(owner, name, &mut checked)
                }
                _ => self.expr(arg).0,
            };
            checked.nodes.push(node);
        }
        checked
    }

    /// A method named without calling it, as in `Select(int.Parse)`.
    fn method_group(&self, owner: &Expr, name: &str) -> bool {
        self.static_kind(owner).is_some_and(|kind| library::method(kind, true, name).is_some())
    }

    fn group(&mut self, owner: &Expr, name: &str, checked: &mut Args) -> Node {
        let at = owner.at;
        let call = Expr::new(at, ExprKind::Name("item".to_owned()));
        let mark = self.scope.mark();
        let start = self.scope.slots();
        let slot = self.scope.declare("item", Type::UNKNOWN);
        let kind = self.static_kind(owner).unwrap_or(Kind::Unknown);
        let (node, of) = self.call_static((at, kind, name), &Generic::NONE, std::slice::from_ref(&call));
        self.scope.leave(mark);
        checked.lambda = of;
        let code = crate::expression::eval::Code::Expr(node);
        let lambda =
            crate::expression::eval::LambdaNode { parameters: vec![slot], slots: start..self.scope.slots(), code };
        Node::Lambda(lambda.into())
    }

    fn out(&mut self, at: usize, declared: Option<&TypeRef>, name: &str, receiver: &Type) -> usize {
        if name == "_" {
            return self.scope.hidden();
        }
        match declared {
            Some(declared) if declared.name == "var" => {
                let of = if receiver.kind == Kind::Dictionary { receiver.arg(1) } else { Type::UNKNOWN };
                self.scope.declare(name, of)
            }
            Some(declared) => {
                let of = self.resolve(declared);
                self.scope.declare(name, of)
            }
            None => {
                if let Some((slot, _)) = self.scope.find(name) {
                    return slot;
                }
                self.unknown_name(at, name);
                0
            }
        }
    }

    /// Notes which bodies are read, and whether they are consumed.
    fn note_body(&mut self, node: &Node, of: &Type, name: &str, args: &[Expr]) {
        if of.kind != Kind::Body || !matches!(name, "As" | "AsFormUrlEncodedContent") {
            return;
        }
        // The body of an answer in a variable has no part in this exchange.
        let preserve =
            args.first().is_some_and(|arg| !matches!(&arg.unnamed().kind, ExprKind::Literal(Value::Bool(false))));
        let of_response = matches!(node, Node::Native(_) | Node::Dynamic(_));
        self.needs.consumes |= !preserve && !of_response;
    }
}

/// Whether a member takes that many arguments.
fn fits(member: &Member, count: usize) -> bool {
    (member.least..=member.most).contains(&count)
}

/// Those that take that many arguments; all, when none does.
fn fitting(all: Vec<&'static Member>, count: usize) -> Vec<&'static Member> {
    let fitting: Vec<_> = all.iter().copied().filter(|member| fits(member, count)).collect();
    if fitting.is_empty() { all } else { fitting }
}

/// The generic argument of a call.
struct Generic {
    of: Type,
    nullable: bool,
}

impl Generic {
    const NONE: Self = Self { of: Type::UNKNOWN, nullable: false };
}

/// The type that a call without generic argument falls back on: what `OrDefault` gives when there is nothing.
fn implied(found: &Member, of: &Type, generic: &Type, result: &Type) -> Type {
    match found.name {
        _ if generic.kind != Kind::Unknown => generic.clone(),
        "TryGetValue" => of.arg(1),
        "GetValueOrDefault" if found.owner == Kind::Object => of.clone(),
        "FirstOrDefault" | "LastOrDefault" | "SingleOrDefault" | "ElementAtOrDefault" | "DefaultIfEmpty" | "Find" => {
            if found.name == "DefaultIfEmpty" {
                of.element()
            } else {
                result.clone()
            }
        }
        _ => generic.clone(),
    }
}

fn with_out(mut node: Node, out: Option<usize>) -> Node {
    if let Node::Native(call) | Node::Dynamic(call) = &mut node {
        call.out = out;
    }
    node
}

fn with_generic(mut node: Node, generic: &Type, nullable: bool) -> Node {
    if let Node::Native(call) | Node::Dynamic(call) = &mut node {
        call.generic = generic.kind;
        call.element = if generic.kind == Kind::Dictionary { generic.arg(1).kind } else { generic.arg(0).kind };
        call.nullable = nullable;
    }
    node
}

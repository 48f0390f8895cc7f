//! Local functions: what they take and give, and which argument goes where.

use super::{Checker, Type, Typed, conversion};
use crate::expression::{
    Kind, Value,
    eval::{Code, LambdaNode, Node, Statement},
    parse::syntax::{Body, Expr, ExprKind, Parameter, Stmt, StmtKind, TypeRef},
};

/// A parameter, and what it is when it is left out.
pub(super) type Taken = (String, Option<Value>);

impl Checker {
    /// Local functions can be called before they are declared.
    pub(super) fn hoist(&mut self, statements: &[Stmt]) {
        for statement in statements {
            let StmtKind::Function(of, name, parameters, _) = &statement.kind else { continue };
            let of = self.given(of).unwrap_or(Type::plain(Kind::Void));
            let slot = self.scope.declare(name, Type::of(Kind::Func, vec![of]));
            let taken = parameters.iter().map(|parameter| self.taken(parameter)).collect();
            self.functions.push((slot, taken));
        }
    }

    fn taken(&mut self, parameter: &Parameter) -> Taken {
        let default = parameter.default.as_ref().and_then(|default| {
            let of = self.resolve(&parameter.of);
            match (&default.kind, self.expr(default)) {
                (ExprKind::Default(None), _) => Some(conversion::initial(&of)),
                (_, (Node::Const(value), _)) => Some(value),
                _ => {
                    self.trouble(default.at, "the default of a parameter is a constant");
                    None
                }
            }
        });
        (parameter.name.clone(), default)
    }

    /// What a function gives, unless nothing.
    fn given(&mut self, of: &TypeRef) -> Option<Type> {
        if of.name == "void" { None } else { Some(self.resolve(of)) }
    }

    pub(super) fn function(&mut self, of: &TypeRef, name: &str, parameters: &[Parameter], body: &Body) -> Statement {
        let slot = self.scope.find(name).map_or(0, |found| found.0);
        let result = self.given(of).map(|given| (given, of.nullable));
        let mark = self.scope.mark();
        let start = self.scope.slots();
        let (mut slots, mut first) = (Vec::new(), Vec::new());
        for parameter in parameters {
            let of = self.resolve(&parameter.of);
            let slot = self.scope.declare(&parameter.name, of.clone());
            slots.push(slot);
            if matches!(of.kind, Kind::Long | Kind::Double | Kind::Decimal) {
                first.push(Statement::Local(slot, conversion::convert(Node::Local(slot), &Type::UNKNOWN, &of, true)));
            }
        }
        let outer = (std::mem::take(&mut self.inside), std::mem::replace(&mut self.result, result.clone()));
        let code = match body {
            Body::Expr(value) => {
                let (node, from) = self.expr(value);
                Code::Expr(match &result {
                    Some((of, nullable)) => self.assigned(value.at, (node, from), of, *nullable),
                    None => node,
                })
            }
            Body::Block(_) => self.body(body).0,
        };
        (self.inside, self.result) = outer;
        let code = if first.is_empty() { code } else { after(first, code) };
        let node = LambdaNode { parameters: slots, slots: start..self.scope.slots(), code };
        self.scope.leave(mark);
        Statement::Local(slot, Node::Lambda(node.into()))
    }

    /// The parameters of the local function in a slot.
    pub(super) fn taken_by(&self, slot: usize) -> Option<Vec<Taken>> {
        self.functions.iter().find(|known| known.0 == slot).map(|known| known.1.clone())
    }

    /// `function(a, name: b)`: every parameter gets its argument or its default.
    pub(super) fn call_function(&mut self, at: usize, (node, of): Typed, taken: &[Taken], args: &[Expr]) -> Typed {
        let places: Vec<_> = args
            .iter()
            .enumerate()
            .map(|(at, arg)| match &arg.kind {
                ExprKind::Named(name, _) => taken.iter().position(|parameter| parameter.0 == *name),
                _ => Some(at).filter(|at| *at < taken.len()),
            })
            .collect();
        let mut filled: Vec<Option<Node>> = taken.iter().map(|(_, default)| default.clone().map(Node::Const)).collect();
        let nodes = self.args(args, &Type::UNKNOWN).nodes;
        for (place, node) in places.iter().zip(nodes) {
            match place.and_then(|place| filled.get_mut(place)) {
                Some(slot) => *slot = Some(node),
                None => self.trouble(at, format!("the function takes {} arguments, and not this one", taken.len())),
            }
        }
        if let Some(missing) = filled.iter().position(Option::is_none) {
            self.trouble(at, format!("the function needs an argument for `{}`", taken[missing].0));
        }
        (Node::Invoke(Box::new(node), filled.into_iter().flatten().collect()), of.arg(0))
    }
}

/// Code that runs after statements.
fn after(mut first: Vec<Statement>, code: Code) -> Code {
    match code {
        Code::Expr(node) => first.push(Statement::Return(Some(node))),
        Code::Block(statements) => first.extend(statements),
    }
    Code::Block(first)
}

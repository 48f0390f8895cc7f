//! Expressions: every kind of node, patterns, assignment, lambdas.

use std::sync::Arc;

use super::{Checker, Type, Typed, common, conversion, operator::widest, tuple::Part};
use crate::expression::{
    Kind, Value,
    eval::{ArmNode, LambdaNode, Node, NodePiece, PatternNode, Target},
    parse::syntax::{Arm, Body, Expr, ExprKind, Pattern, Piece},
};

impl Checker {
    /// A node and its type; problems go to the list and leave a null behind.
    pub(super) fn expr(&mut self, expr: &Expr) -> Typed {
        match &expr.kind {
            ExprKind::Literal(value) => (Node::Const(value.clone()), Type::plain(value.kind())),
            ExprKind::Text(pieces) => self.text(pieces),
            ExprKind::Name(name) => self.name(expr.at, name),
            ExprKind::Hole => self.hole(),
            ExprKind::Member(owner, name) => self.member(expr.at, owner, name),
            ExprKind::Call(callee, generics, args) => self.call(expr.at, callee, generics, args),
            ExprKind::Index(owner, key) => self.index(owner, key),
            ExprKind::NullSafe(owner, rest) => self.null_safe(owner, rest),
            ExprKind::New(of, args, initial) => self.creation(of, args, initial),
            ExprKind::NewArray(of, size, items) => self.array(of.as_ref(), size.as_deref(), items),
            ExprKind::Record(fields) => self.record(fields),
            ExprKind::Tuple(items) => self.tuple(items),
            ExprKind::Named(_, value) => self.expr(value),
            ExprKind::Cast(of, value) => {
                let nullable = of.nullable;
                let of = self.resolve(of);
                self.cast(value, of, nullable)
            }
            ExprKind::As(value, of) => {
                let value = self.expr(value).0;
                let of = self.resolve(of);
                (Node::As(of.kind, Box::new(value)), of)
            }
            ExprKind::Is(value, pattern) => {
                let (value, of) = self.expr(value);
                let pattern = self.pattern(pattern, &of);
                (Node::Is(Box::new(value), Box::new(pattern)), Kind::Bool.into())
            }
            ExprKind::Switch(value, arms) => self.switch(value, arms),
            ExprKind::Default(None) => (Node::Const(Value::Null), Kind::Null.into()),
            ExprKind::Default(Some(of)) => {
                let of = self.resolve(of);
                (Node::Const(conversion::initial(&of)), of)
            }
            ExprKind::TypeOf(of) => {
                let of = self.resolve(of);
                (Node::Const(Value::from(of.kind.full_name())), Kind::String.into())
            }
            ExprKind::Unary(operator, value) => self.unary(expr.at, operator, value),
            ExprKind::Step(by, before, target) => {
                let (target, of) = self.target(target);
                (Node::Step(i32::from(*by), *before, Box::new(target)), of)
            }
            ExprKind::Binary(operator, left, right) => self.binary(operator, left, right),
            ExprKind::Chain(first, rest) => self.chain(first, rest),
            ExprKind::Conditional(condition, yes, no) => self.conditional(condition, yes, no),
            ExprKind::Assign(operator, target, value) => self.assign(operator, target, value),
            ExprKind::Lambda(parameters, body) => self.lambda(parameters, body, &[]),
            ExprKind::Throw(value) => (Node::Throw(Box::new(self.expr(value).0)), Kind::Null.into()),
            ExprKind::Out(..) => {
                self.trouble(expr.at, "`out` is only allowed as an argument");
                nothing()
            }
        }
    }

    /// What stands for the receiver of `?.`.
    fn hole(&self) -> Typed {
        match self.holes.last() {
            Some((_, of, Some(handle))) => (Node::Handle(*handle), of.clone()),
            Some((slot, of, None)) => (Node::Local(*slot), of.clone()),
            None => nothing(),
        }
    }

    fn record(&mut self, fields: &[(String, Expr)]) -> Typed {
        self.fields.extend(fields.iter().map(|field| field.0.clone()));
        let fields = fields.iter().map(|(name, value)| (Arc::from(name.as_str()), self.expr(value).0)).collect();
        (Node::Record(fields), Type::plain(Kind::Record))
    }

    fn text(&mut self, pieces: &[Piece]) -> Typed {
        let pieces = pieces.iter().map(|piece| match piece {
            Piece::Text(text) => NodePiece::Text(text.as_str().into()),
            Piece::Value { value, width, format } => NodePiece::Value {
                value: self.expr(value).0,
                width: width.as_ref().map(|width| self.expr(width).0),
                format: format.clone().unwrap_or_default(),
            },
        });
        (Node::Interpolate(pieces.collect()), Kind::String.into())
    }

    fn null_safe(&mut self, owner: &Expr, rest: &Expr) -> Typed {
        let (owner, of) = self.expr(owner);
        let slot = self.scope.hidden();
        let handle = match &owner {
            Node::Handle(handle) => Some(*handle),
            _ => None,
        };
        self.holes.push((slot, of, handle));
        let (rest, of) = self.expr(rest);
        self.holes.pop();
        (Node::NullSafe(Box::new(owner), slot, Box::new(rest)), of)
    }

    fn conditional(&mut self, condition: &Expr, yes: &Expr, no: &Expr) -> Typed {
        let condition = self.condition(condition);
        let (yes, first) = self.expr(yes);
        let (no, second) = self.expr(no);
        let of = widest(&first, &second);
        let yes = conversion::convert(yes, &first, &of, true);
        let no = conversion::convert(no, &second, &of, true);
        (Node::Conditional(Box::new((condition, yes, no))), of)
    }

    fn assign(&mut self, operator: &str, target: &Expr, value: &Expr) -> Typed {
        let at = target.at;
        if let (true, ExprKind::Tuple(items)) = (operator.is_empty(), &target.kind) {
            return self.deconstruct(at, &items.iter().map(|item| Part::Old(&item.1)).collect::<Vec<_>>(), value);
        }
        let (target, of) = self.target(target);
        let (node, from) = self.expr(value);
        let node = if operator.is_empty() { self.assigned(value.at, (node, from.clone()), &of, true) } else { node };
        let operator = (!operator.is_empty()).then(|| self.operator(at, operator));
        (Node::Assign(Box::new((operator, target, node))), if of.kind == Kind::Unknown { from } else { of })
    }

    pub(super) fn target(&mut self, target: &Expr) -> (Target, Type) {
        match &target.kind {
            ExprKind::Name(name) => {
                if let Some((slot, of)) = self.scope.find(name) {
                    return (Target::Local(slot), of.clone());
                }
                self.unknown_name(target.at, name);
                (Target::Local(0), Type::UNKNOWN)
            }
            ExprKind::Index(owner, key) => {
                let (owner, of) = self.expr(owner);
                let key = self.expr(key).0;
                if matches!(of.kind, Kind::Variables | Kind::Headers | Kind::String) {
                    self.trouble(
                        target.at,
                        "this cannot be changed by an expression; use `set-variable` or `set-header`",
                    );
                }
                let element = match of.kind {
                    Kind::Dictionary => of.arg(1),
                    Kind::List | Kind::Array => of.arg(0),
                    _ => Type::UNKNOWN,
                };
                (Target::Index(owner, key), element)
            }
            ExprKind::Member(owner, name) => {
                if let Some(item) = self.item_target(owner, name) {
                    return item;
                }
                let (owner, of) = self.expr(owner);
                let dynamic = of.kind == Kind::Dynamic;
                if dynamic {
                    return (Target::Index(owner, Node::Const(Value::from(name.as_str()))), Type::UNKNOWN);
                }
                let settable = name == "Value"
                    && (of.kind.is_a(Kind::XObject) || of.kind == Kind::JProperty || of.kind.is_open())
                    || name == "Key" && of.kind.is_a(Kind::HashAlgorithm)
                    || name == "Name" && of.kind.is_a(Kind::XElement)
                    || name == "Length" && of.kind == Kind::StringBuilder;
                if !settable {
                    self.trouble(target.at, format!("`{name}` of `{of}` cannot be set by an expression"));
                }
                (Target::Member(owner, name.as_str().into()), Type::UNKNOWN)
            }
            _ => {
                self.trouble(target.at, "only a variable or an indexer can be assigned to");
                (Target::Local(0), Type::UNKNOWN)
            }
        }
    }

    /// A lambda whose parameters have these types, as far as they are known.
    pub(super) fn lambda(&mut self, parameters: &[String], body: &Body, types: &[Type]) -> Typed {
        let mark = self.scope.mark();
        let start = self.scope.slots();
        let slots = parameters
            .iter()
            .enumerate()
            .map(|(at, name)| self.scope.declare(name, types.get(at).cloned().unwrap_or(Type::UNKNOWN)));
        let slots = slots.collect();
        let outer = (std::mem::take(&mut self.inside), self.result.take());
        let (code, of) = self.body(body);
        (self.inside, self.result) = outer;
        self.scope.leave(mark);
        let node = LambdaNode { parameters: slots, slots: start..self.scope.slots(), code };
        (Node::Lambda(node.into()), Type::of(Kind::Func, vec![of]))
    }

    /// A pattern against a value of a type.
    pub(super) fn pattern(&mut self, pattern: &Pattern, of: &Type) -> PatternNode {
        match pattern {
            Pattern::Any => PatternNode::Any,
            Pattern::Var(name) => PatternNode::Bind(self.scope.declare(name, of.clone())),
            Pattern::Type(name, variable) => {
                let of = self.resolve(name);
                let slot = variable.as_ref().map(|variable| self.scope.declare(variable, of.clone()));
                PatternNode::Type(of.kind, slot)
            }
            Pattern::Value(value) => PatternNode::Value(self.expr(value).0),
            Pattern::Compare(operator, value) => {
                let operator = self.operator(value.at, operator);
                PatternNode::Compare(operator, self.expr(value).0)
            }
            Pattern::Items(items) => {
                let items = items.iter().enumerate().map(|(at, item)| self.pattern(item, &of.arg(at)));
                PatternNode::Items(items.collect())
            }
            Pattern::Not(inner) => PatternNode::Not(Box::new(self.pattern(inner, of))),
            Pattern::Or(left, right) => {
                PatternNode::Or(Box::new(self.pattern(left, of)), Box::new(self.pattern(right, of)))
            }
            Pattern::And(left, right) => {
                PatternNode::And(Box::new(self.pattern(left, of)), Box::new(self.pattern(right, of)))
            }
        }
    }

    fn switch(&mut self, value: &Expr, arms: &[Arm]) -> Typed {
        let (value, of) = self.expr(value);
        let mut types = Vec::new();
        let mut checked = Vec::new();
        for arm in arms {
            let mark = self.scope.mark();
            let pattern = self.pattern(&arm.pattern, &of);
            let guard = arm.guard.as_ref().map(|guard| self.condition(guard));
            let (value, of) = self.expr(&arm.value);
            self.scope.leave(mark);
            types.push(of);
            checked.push(ArmNode { pattern, guard, value });
        }
        (Node::Switch(Box::new(value), checked), common(&types))
    }
}

/// What stands for something that could not be resolved.
pub(super) fn nothing() -> Typed {
    (Node::Const(Value::Null), Type::UNKNOWN)
}

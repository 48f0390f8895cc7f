//! Expressions: operators, patterns, assignment, lambdas.

use std::sync::Arc;

use super::{Checker, Type, Typed, common, statement};
use crate::expression::{
    Kind, Value,
    eval::{ArmNode, LambdaNode, Node, NodePiece, Operator, PatternNode, Target},
    parse::syntax::{Arm, Body, Expr, ExprKind, Pattern, Piece},
};

impl Checker {
    /// A node and its type; problems go to the list and leave a null behind.
    pub(super) fn expr(&mut self, expr: &Expr) -> Typed {
        match &expr.kind {
            ExprKind::Literal(value) => (Node::Const(value.clone()), Type::plain(value.kind())),
            ExprKind::Text(pieces) => self.text(pieces),
            ExprKind::Name(name) => self.name(expr.at, name),
            ExprKind::Hole => match self.holes.last() {
                Some((_, of, Some(handle))) => (Node::Handle(*handle), of.clone()),
                Some((slot, of, None)) => (Node::Local(*slot), of.clone()),
                None => nothing(),
            },
            ExprKind::Member(owner, name) => self.member(expr.at, owner, name),
            ExprKind::Call(callee, generics, args) => self.call(expr.at, callee, generics, args),
            ExprKind::Index(owner, key) => self.index(owner, key),
            ExprKind::NullSafe(owner, rest) => self.null_safe(owner, rest),
            ExprKind::New(of, args, initial) => self.creation(of, args, initial),
            ExprKind::NewArray(of, size, items) => self.array(of.as_ref(), size.as_deref(), items),
            ExprKind::Record(fields) => {
                let fields =
                    fields.iter().map(|(name, value)| (Arc::from(name.as_str()), self.expr(value).0)).collect();
                (Node::Record(fields), Type::plain(Kind::Record))
            }
            ExprKind::Cast(of, value) => {
                let nullable = of.nullable;
                let of = self.resolve(of);
                let value = self.expr(value).0;
                (Node::Cast(of.kind, nullable, Box::new(value)), of)
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
                (Node::Const(statement::initial(&of)), of)
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
        let condition = self.expr(condition).0;
        let (yes, first) = self.expr(yes);
        let (no, second) = self.expr(no);
        let of = widest(&first, &second);
        let yes = statement::convert(yes, &first, &of, true);
        let no = statement::convert(no, &second, &of, true);
        (Node::Conditional(Box::new((condition, yes, no))), of)
    }

    fn unary(&mut self, at: usize, operator: &str, value: &Expr) -> Typed {
        let (value, of) = self.expr(value);
        let operator = match operator {
            "!" => Operator::Not,
            "-" => Operator::Negate,
            "~" => Operator::Complement,
            "+" => Operator::Plus,
            _ => {
                self.trouble(at, "an index from the end (`^1`) is not supported; count from the start");
                Operator::Plus
            }
        };
        if operator == Operator::Not && !of.kind.is_open() && !matches!(of.kind, Kind::Bool | Kind::JValue) {
            self.trouble(at, format!("`!` needs a bool, this is `{of}`"));
        }
        if let (Operator::Negate, Node::Const(constant)) = (operator, &value)
            && let Some(negative) = negated(constant)
        {
            return (Node::Const(negative), of);
        }
        (Node::Unary(operator, Box::new(value)), of)
    }

    fn binary(&mut self, operator: &str, left: &Expr, right: &Expr) -> Typed {
        let at = right.at;
        let (left, first) = self.expr(left);
        let (right, second) = self.expr(right);
        match operator {
            "&&" => return (Node::And(vec![left, right]), Kind::Bool.into()),
            "||" => return (Node::Or(vec![left, right]), Kind::Bool.into()),
            "??" => return (Node::Coalesce(Box::new((left, right))), widest(&first, &second)),
            "+" if first.kind == Kind::String || second.kind == Kind::String => {
                return (Node::Concat(vec![left, right]), Kind::String.into());
            }
            "+" if first.kind == Kind::XNamespace => return Self::qualified(left, right),
            _ => {}
        }
        let found = self.operator(at, operator);
        let of = self.result(at, found, &first, &second);
        (Node::Binary(found, Box::new((left, right))), of)
    }

    fn chain(&mut self, first: &Expr, rest: &[(&'static str, Expr)]) -> Typed {
        let (first, mut of) = self.expr(first);
        let mut parts = Vec::new();
        let all = rest[0].0;
        let mut text = of.kind == Kind::String;
        for (operator, value) in rest {
            let (node, next) = self.expr(value);
            let found = self.operator(value.at, operator);
            if *operator == "+" && (of.kind == Kind::String || next.kind == Kind::String) {
                of = Kind::String.into();
            } else if !matches!(all, "&&" | "||") {
                of = self.result(value.at, found, &of, &next);
            }
            text = text || (parts.is_empty() && of.kind == Kind::String);
            parts.push((found, node));
        }
        if matches!(all, "&&" | "||") {
            let nodes = std::iter::once(first).chain(parts.into_iter().map(|part| part.1)).collect();
            return (if all == "&&" { Node::And(nodes) } else { Node::Or(nodes) }, Kind::Bool.into());
        }
        if text && rest.iter().all(|(operator, _)| *operator == "+") {
            let nodes = std::iter::once(first).chain(parts.into_iter().map(|part| part.1)).collect();
            return (Node::Concat(nodes), Kind::String.into());
        }
        (Node::Chain(Box::new(first), parts), of)
    }

    fn operator(&mut self, at: usize, operator: &str) -> Operator {
        match operator {
            "+" => Operator::Add,
            "-" => Operator::Subtract,
            "*" => Operator::Multiply,
            "/" => Operator::Divide,
            "%" => Operator::Remainder,
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterEqual,
            "&" | "&&" => Operator::And,
            "|" | "||" => Operator::Or,
            "^" => Operator::Xor,
            "<<" => Operator::ShiftLeft,
            ">>" => Operator::ShiftRight,
            "??" => Operator::Coalesce,
            other => {
                self.trouble(at, format!("unknown operator `{other}`"));
                Operator::Add
            }
        }
    }

    fn result(&mut self, at: usize, operator: Operator, left: &Type, right: &Type) -> Type {
        let comparison = !matches!(
            operator,
            Operator::Add
                | Operator::Subtract
                | Operator::Multiply
                | Operator::Divide
                | Operator::Remainder
                | Operator::And
                | Operator::Or
                | Operator::Xor
                | Operator::ShiftLeft
                | Operator::ShiftRight
        );
        let ordered =
            matches!(operator, Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual);
        let wrong = |of: &Type| matches!(of.kind, Kind::String | Kind::Bool);
        let arithmetic = ordered || !comparison && !matches!(operator, Operator::And | Operator::Or | Operator::Xor);
        if arithmetic && operator != Operator::Add && (wrong(left) || wrong(right)) {
            self.trouble(at, format!("this operator does not apply to `{left}` and `{right}`"));
        }
        if comparison {
            return Kind::Bool.into();
        }
        match (left.kind, right.kind, operator) {
            (Kind::DateTime | Kind::DateTimeOffset, Kind::DateTime | Kind::DateTimeOffset, _) => Kind::TimeSpan.into(),
            (Kind::DateTime | Kind::DateTimeOffset | Kind::TimeSpan, ..) => left.clone(),
            (Kind::Bool, Kind::Bool, _) => Kind::Bool.into(),
            _ => widest_number(left, right),
        }
    }

    fn assign(&mut self, operator: &str, target: &Expr, value: &Expr) -> Typed {
        let at = target.at;
        let (target, of) = self.target(target);
        let (node, from) = self.expr(value);
        let node = if operator.is_empty() { statement::convert(node, &from, &of, true) } else { node };
        let operator = (!operator.is_empty()).then(|| self.operator(at, operator));
        (Node::Assign(Box::new((operator, target, node))), if of.kind == Kind::Unknown { from } else { of })
    }

    fn target(&mut self, target: &Expr) -> (Target, Type) {
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
                let (owner, of) = self.expr(owner);
                let dynamic = of.kind == Kind::Dynamic;
                if dynamic {
                    return (Target::Index(owner, Node::Const(Value::from(name.as_str()))), Type::UNKNOWN);
                }
                let settable = name == "Value"
                    && (of.kind.is_a(Kind::XObject) || of.kind == Kind::JProperty || of.kind.is_open())
                    || name == "Key" && of.kind.is_a(Kind::HashAlgorithm);
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
        let (code, of) = self.body(body);
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
            let guard = arm.guard.as_ref().map(|guard| self.expr(guard).0);
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

fn negated(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Int(value) => Value::Int(value.checked_neg()?),
        Value::Long(2_147_483_648) => Value::Int(i32::MIN),
        Value::Long(value) => Value::Long(value.checked_neg()?),
        Value::Double(value) => Value::Double(-value),
        _ => return None,
    })
}

fn rank(kind: Kind) -> u8 {
    match kind {
        Kind::Char | Kind::Int | Kind::Byte => 1,
        Kind::Long => 2,
        Kind::Decimal => 3,
        Kind::Double => 4,
        _ => 0,
    }
}

fn widest_number(left: &Type, right: &Type) -> Type {
    match (rank(left.kind), rank(right.kind)) {
        (0, _) | (_, 0) => Type::UNKNOWN,
        (1, 1) => Kind::Int.into(),
        (a, b) => {
            if a >= b {
                left.clone()
            } else {
                right.clone()
            }
        }
    }
}

fn widest(first: &Type, second: &Type) -> Type {
    match (first.kind, second.kind) {
        (Kind::Null, _) => second.clone(),
        (_, Kind::Null) => first.clone(),
        (a, b) if a == b => first.clone(),
        (a, b) if rank(a) > 0 && rank(b) > 0 => widest_number(first, second),
        (a, b) if a.is_a(Kind::JToken) && b.is_a(Kind::JToken) => Kind::JToken.into(),
        _ => Type::UNKNOWN,
    }
}

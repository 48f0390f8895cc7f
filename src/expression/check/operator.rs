//! Operators: which they are, what they apply to, what comes out.

use super::{Checker, Type, Typed, conversion::are_strangers};
use crate::expression::{
    Kind, Value,
    eval::{Node, Operator},
    parse::syntax::Expr,
};

impl Checker {
    pub(super) fn unary(&mut self, at: usize, operator: &str, value: &Expr) -> Typed {
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
            let of = Type::plain(negative.kind());
            return (Node::Const(negative), of);
        }
        (Node::Unary(operator, Box::new(value)), of)
    }

    pub(super) fn binary(&mut self, operator: &str, left: &Expr, right: &Expr) -> Typed {
        if matches!(operator, "&&" | "||") {
            let nodes = vec![self.condition(left), self.condition(right)];
            return (if operator == "&&" { Node::And(nodes) } else { Node::Or(nodes) }, Kind::Bool.into());
        }
        let at = right.at;
        let (left, first) = self.expr(left);
        let (right, second) = self.expr(right);
        match operator {
            "??" => return (Node::Coalesce(Box::new((left, right))), widest(&first, &second)),
            "+" if first.kind == Kind::XNamespace => return Self::qualified(left, right),
            "+" if first.kind == Kind::String || second.kind == Kind::String => {
                return (Node::Concat(vec![left, right]), Kind::String.into());
            }
            _ => {}
        }
        let found = self.operator(at, operator);
        let of = self.result(at, found, &first, &second);
        (Node::Binary(found, Box::new((left, right))), of)
    }

    pub(super) fn chain(&mut self, first: &Expr, rest: &[(&'static str, Expr)]) -> Typed {
        let all = rest[0].0;
        if matches!(all, "&&" | "||") {
            let nodes = std::iter::once(first).chain(rest.iter().map(|part| &part.1));
            let nodes = nodes.map(|part| self.condition(part)).collect();
            return (if all == "&&" { Node::And(nodes) } else { Node::Or(nodes) }, Kind::Bool.into());
        }
        let (first, mut of) = self.expr(first);
        let mut parts = Vec::new();
        let mut text = of.kind == Kind::String;
        for (operator, value) in rest {
            let (node, next) = self.expr(value);
            let found = self.operator(value.at, operator);
            if *operator == "+" && (of.kind == Kind::String || next.kind == Kind::String) {
                of = Kind::String.into();
            } else {
                of = self.result(value.at, found, &of, &next);
            }
            text = text || (parts.is_empty() && of.kind == Kind::String);
            parts.push((found, node));
        }
        if text && rest.iter().all(|(operator, _)| *operator == "+") {
            let nodes = std::iter::once(first).chain(parts.into_iter().map(|part| part.1)).collect();
            return (Node::Concat(nodes), Kind::String.into());
        }
        (Node::Chain(Box::new(first), parts), of)
    }

    pub(super) fn operator(&mut self, at: usize, operator: &str) -> Operator {
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
        if matches!(operator, Operator::Equal | Operator::NotEqual) && are_strangers(left, right) {
            let word = if operator == Operator::Equal { "==" } else { "!=" };
            self.trouble(at, format!("`{word}` does not apply to `{left}` and `{right}`"));
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

pub(super) fn widest(first: &Type, second: &Type) -> Type {
    match (first.kind, second.kind) {
        (Kind::Null, _) => second.clone(),
        (_, Kind::Null) => first.clone(),
        (a, b) if a == b => first.clone(),
        (a, b) if rank(a) > 0 && rank(b) > 0 => widest_number(first, second),
        (a, b) if a.is_a(Kind::JToken) && b.is_a(Kind::JToken) => Kind::JToken.into(),
        _ => Type::UNKNOWN,
    }
}

//! Which types become which: implicitly, by a cast, in a comparison. Only what is certainly wrong is refused.

use super::{Checker, Type, Typed};
use crate::expression::{
    Kind, Value,
    eval::{Node, Nulls},
    parse::syntax::Expr,
};

/// Types that no conversion joins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sort {
    Text,
    Bool,
    Number,
    Time,
    Span,
    Guid,
}

fn sort(of: &Type) -> Option<Sort> {
    Some(match of.kind {
        Kind::String => Sort::Text,
        Kind::Bool => Sort::Bool,
        Kind::Char | Kind::Byte | Kind::Int | Kind::Long | Kind::Double | Kind::Decimal => Sort::Number,
        Kind::DateTime | Kind::DateTimeOffset => Sort::Time,
        Kind::TimeSpan => Sort::Span,
        Kind::Guid => Sort::Guid,
        _ => return None,
    })
}

/// Whether both are known and have nothing in common.
pub(super) fn are_strangers(left: &Type, right: &Type) -> bool {
    matches!((sort(left), sort(right)), (Some(left), Some(right)) if left != right)
}

/// Whether a number loses something on the way.
fn narrows(from: Kind, to: Kind) -> bool {
    matches!(
        (from, to),
        (Kind::Double, Kind::Int | Kind::Long | Kind::Byte | Kind::Char | Kind::Decimal)
            | (Kind::Decimal, Kind::Int | Kind::Long | Kind::Byte | Kind::Char | Kind::Double)
            | (Kind::Long, Kind::Int | Kind::Byte | Kind::Char)
    )
}

fn hint(from: &Type, to: &Type) -> String {
    match (sort(from), sort(to)) {
        (Some(Sort::Text), Some(Sort::Text)) | (_, None) => String::new(),
        (_, Some(Sort::Text)) => "; use `.ToString()`".to_owned(),
        (Some(Sort::Text), _) => format!("; use `{}.Parse`", to.kind.name()),
        (Some(Sort::Number), Some(Sort::Number)) => format!("; write the cast `({})`", to.kind.name()),
        _ => String::new(),
    }
}

impl Checker {
    /// What must be true or false.
    pub(super) fn condition(&mut self, expr: &Expr) -> Node {
        let (node, of) = self.expr(expr);
        if sort(&of).is_some_and(|found| found != Sort::Bool) {
            self.trouble(expr.at, format!("this needs a bool, this is `{of}`"));
        }
        node
    }

    /// A value on its way into a variable of a type.
    pub(super) fn assigned(&mut self, at: usize, (node, from): Typed, to: &Type, nullable: bool) -> Node {
        if are_strangers(&from, to) || narrows(from.kind, to.kind) {
            self.trouble(at, format!("a `{from}` cannot become a `{to}`{}", hint(&from, to)));
        }
        convert(node, &from, to, nullable)
    }

    /// `(to)value`.
    pub(super) fn cast(&mut self, value: &Expr, to: Type, nullable: bool) -> Typed {
        let (node, from) = self.expr(value);
        if are_strangers(&from, &to) {
            self.trouble(value.at, format!("a `{from}` cannot become a `{to}`{}", hint(&from, &to)));
        }
        let nulls = match nullable {
            true => Nulls::Keep,
            false if from.kind.is_a(Kind::JToken) => Nulls::Argument,
            false => Nulls::Refuse,
        };
        (Node::Cast(to.kind, nulls, Box::new(node)), to)
    }
}

/// The implicit conversion of a value to the declared type, where the value changes by it.
pub(super) fn convert(node: Node, from: &Type, to: &Type, nullable: bool) -> Node {
    let numeric = |kind| matches!(kind, Kind::Long | Kind::Double | Kind::Decimal | Kind::Int);
    let changes = numeric(to.kind) && from.kind != to.kind
        || matches!(to.kind, Kind::JToken | Kind::JValue) && !from.kind.is_a(Kind::JToken) && from.kind != Kind::Null
        || to.kind == Kind::DateTimeOffset && from.kind == Kind::DateTime
        || matches!(to.kind, Kind::XName | Kind::XNamespace) && from.kind == Kind::String;
    if to.items().is_some() {
        return super::tuple::convert_items(node, from, to);
    }
    if !changes {
        return node;
    }
    Node::Cast(to.kind, if nullable { Nulls::Keep } else { Nulls::Refuse }, Box::new(node))
}

/// `default(type)`.
pub(super) fn initial(of: &Type) -> Value {
    Value::initial(of.kind)
}

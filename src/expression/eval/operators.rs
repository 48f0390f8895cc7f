//! Arithmetic and comparison with C#'s promotions: `int` wraps, `int` with `long` is `long`, text is joined.

use std::{cmp::Ordering, sync::Arc};

use super::{Machine, Node, Operator, Outcome};
use crate::expression::{
    Thrown, Value,
    value::{DateTime, DateTimeOffset, Decimal, Json, TimeSpan},
};

impl Machine<'_> {
    pub(super) fn binary(&mut self, operator: Operator, left: &Node, right: &Node) -> Outcome {
        let left = self.eval(left)?;
        let right = self.eval(right)?;
        self.operate(operator, &left, &right)
    }

    pub(super) fn chain(&mut self, first: &Node, rest: &[(Operator, Node)]) -> Outcome {
        let mut value = self.eval(first)?;
        for (operator, node) in rest {
            let right = self.eval(node)?;
            value = self.operate(*operator, &value, &right)?;
        }
        Ok(value)
    }

    #[inline]
    pub(super) fn operate(&mut self, operator: Operator, left: &Value, right: &Value) -> Outcome {
        // What loops and status checks do.
        if let (Value::Int(left), Value::Int(right)) = (left, right)
            && let Some(value) = small(operator, *left, *right)
        {
            return Ok(value);
        }
        self.operate_any(operator, left, right)
    }

    fn operate_any(&mut self, operator: Operator, left: &Value, right: &Value) -> Outcome {
        match operator {
            Operator::Equal => Ok(Value::Bool(left.equals(right))),
            Operator::NotEqual => Ok(Value::Bool(!left.equals(right))),
            Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
                Ok(Value::Bool(compare(operator, left, right)))
            }
            Operator::Coalesce => Ok(if left.is_null() { right.clone() } else { left.clone() }),
            Operator::Add if matches!(left, Value::Text(_)) || matches!(right, Value::Text(_)) => {
                let (left, right) = (self.text_of(left)?, self.text_of(right)?);
                self.budget.grow(left.len() + right.len())?;
                Ok(Value::text(format!("{left}{right}")))
            }
            _ => arithmetic(operator, left, right),
        }
    }
}

/// Operators of two `int`s that cannot fail.
#[inline]
fn small(operator: Operator, left: i32, right: i32) -> Option<Value> {
    Some(match operator {
        Operator::Add => Value::Int(left.wrapping_add(right)),
        Operator::Subtract => Value::Int(left.wrapping_sub(right)),
        Operator::Equal => Value::Bool(left == right),
        Operator::NotEqual => Value::Bool(left != right),
        Operator::Less => Value::Bool(left < right),
        Operator::LessEqual => Value::Bool(left <= right),
        Operator::Greater => Value::Bool(left > right),
        Operator::GreaterEqual => Value::Bool(left >= right),
        _ => return None,
    })
}

/// `<` and its siblings; false when there is no order, as with null.
pub(super) fn compare(operator: Operator, left: &Value, right: &Value) -> bool {
    if left.is_null() || right.is_null() {
        return false;
    }
    let order = left.compare(right);
    match operator {
        Operator::Less => order == Some(Ordering::Less),
        Operator::LessEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Operator::Greater => order == Some(Ordering::Greater),
        _ => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// Prefix operators.
pub(super) fn unary(operator: Operator, value: &Value) -> Outcome {
    let bare = scalar(value);
    Ok(match (operator, &bare) {
        (Operator::Not, Value::Bool(value)) => Value::Bool(!value),
        (Operator::Negate, Value::Int(value)) => Value::Int(value.wrapping_neg()),
        (Operator::Negate, Value::Long(value)) => Value::Long(value.wrapping_neg()),
        (Operator::Negate, Value::Double(value)) => Value::Double(-value),
        (Operator::Negate, Value::Decimal(value)) => Value::Decimal(Arc::new(value.negated())),
        (Operator::Negate, Value::TimeSpan(span)) => Value::TimeSpan(TimeSpan { ticks: span.ticks.wrapping_neg() }),
        (Operator::Complement, Value::Int(value)) => Value::Int(!value),
        (Operator::Complement, Value::Long(value)) => Value::Long(!value),
        (Operator::Plus, value) => value.clone(),
        (_, Value::Null) => return Err(Thrown::null("the operand")),
        _ => return Err(Thrown::cast(value.kind().full_name(), "a number or bool")),
    })
}

fn scalar(value: &Value) -> Value {
    match value {
        Value::Json(
            json @ (Json::Int(_) | Json::Float(_) | Json::Decimal(_) | Json::Bool(_) | Json::String(_) | Json::Date(_)),
        ) => json.scalar(),
        Value::Json(Json::Leaf(_)) if !value.is_json_null() => value.unplaced().as_scalar(),
        other => other.clone(),
    }
}

fn arithmetic(operator: Operator, left: &Value, right: &Value) -> Outcome {
    let (left, right) = (scalar(left), scalar(right));
    match (&left, &right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(Value::Null),
        (Value::Int(_) | Value::Char(_), Value::Int(_) | Value::Char(_)) => {
            let number =
                |value: &Value| value.as_long().and_then(|value| i32::try_from(value).ok()).unwrap_or_default();
            return ints(operator, number(&left), number(&right));
        }
        (Value::Bool(left), Value::Bool(right)) => return bools(operator, *left, *right),
        (Value::Enum(kind, left), Value::Enum(_, right)) => {
            return ints(operator, *left, *right)
                .map(|value| Value::Enum(*kind, i32::try_from(value.as_long().unwrap_or(0)).unwrap_or(0)));
        }
        _ => {}
    }
    if let (Some(left), Some(right)) = (left.as_long(), right.as_long()) {
        return longs(operator, left, right);
    }
    if let Some(result) = times(operator, &left, &right) {
        return result;
    }
    if (matches!(left, Value::Decimal(_)) || matches!(right, Value::Decimal(_)))
        && let (Some(left), Some(right)) = (left.to_decimal(), right.to_decimal())
    {
        return decimals(operator, left, right);
    }
    match (left.as_double(), right.as_double()) {
        (Some(left), Some(right)) => doubles(operator, left, right),
        _ if operator == Operator::Add => Ok(text_sum(&left, &right)),
        _ => Err(Thrown::cast(left.kind().full_name(), right.kind().full_name())),
    }
}

fn text_sum(left: &Value, right: &Value) -> Value {
    Value::text(format!("{}{}", left.to_text(), right.to_text()))
}

fn zero() -> Thrown {
    Thrown::new("DivideByZeroException", "Attempted to divide by zero.")
}

#[expect(clippy::cast_sign_loss, reason = "shifts count modulo the width")]
fn ints(operator: Operator, left: i32, right: i32) -> Outcome {
    Ok(Value::Int(match operator {
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => return Err(zero()),
        Operator::Divide => left.wrapping_div(right),
        Operator::Remainder => left.wrapping_rem(right),
        Operator::And => left & right,
        Operator::Or => left | right,
        Operator::Xor => left ^ right,
        Operator::ShiftLeft => left.wrapping_shl(right as u32),
        _ => left.wrapping_shr(right as u32),
    }))
}

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "shifts count modulo the width")]
fn longs(operator: Operator, left: i64, right: i64) -> Outcome {
    Ok(Value::Long(match operator {
        Operator::Add => left.wrapping_add(right),
        Operator::Subtract => left.wrapping_sub(right),
        Operator::Multiply => left.wrapping_mul(right),
        Operator::Divide | Operator::Remainder if right == 0 => return Err(zero()),
        Operator::Divide => left.wrapping_div(right),
        Operator::Remainder => left.wrapping_rem(right),
        Operator::And => left & right,
        Operator::Or => left | right,
        Operator::Xor => left ^ right,
        Operator::ShiftLeft => left.wrapping_shl(right as u32),
        _ => left.wrapping_shr(right as u32),
    }))
}

fn bools(operator: Operator, left: bool, right: bool) -> Outcome {
    Ok(Value::Bool(match operator {
        Operator::And => left & right,
        Operator::Or => left | right,
        Operator::Xor => left ^ right,
        _ => return Err(Thrown::cast("System.Boolean", "a number")),
    }))
}

fn doubles(operator: Operator, left: f64, right: f64) -> Outcome {
    Ok(Value::Double(match operator {
        Operator::Add => left + right,
        Operator::Subtract => left - right,
        Operator::Multiply => left * right,
        Operator::Divide => left / right,
        Operator::Remainder => left % right,
        _ => return Err(Thrown::cast("System.Double", "System.Int64")),
    }))
}

fn decimals(operator: Operator, left: Decimal, right: Decimal) -> Outcome {
    let result = match operator {
        Operator::Add => left.plus(right),
        Operator::Subtract => left.minus(right),
        Operator::Multiply => left.times(right),
        Operator::Divide | Operator::Remainder if right.is_zero() => return Err(zero()),
        Operator::Divide => left.over(right),
        Operator::Remainder => left.modulo(right),
        _ => return Err(Thrown::cast("System.Decimal", "System.Int64")),
    };
    result.map(|value| Value::Decimal(Arc::new(value))).ok_or_else(|| Thrown::overflow("a Decimal"))
}

/// Dates and spans of time.
fn times(operator: Operator, left: &Value, right: &Value) -> Option<Outcome> {
    let span = |ticks: Option<i64>| {
        ticks.map(|ticks| Value::TimeSpan(TimeSpan { ticks })).ok_or_else(|| Thrown::overflow("a TimeSpan"))
    };
    let sign = match operator {
        Operator::Add => 1,
        Operator::Subtract => -1,
        _ => return None,
    };
    Some(match (left, right) {
        (Value::DateTime(left), Value::TimeSpan(right)) => {
            left.plus(right.ticks.saturating_mul(sign)).map(Value::DateTime)
        }
        (Value::DateTimeOffset(left), Value::TimeSpan(right)) => {
            left.plus(right.ticks.saturating_mul(sign)).map(Value::DateTimeOffset)
        }
        (Value::TimeSpan(left), Value::TimeSpan(right)) => {
            span(left.ticks.checked_add(right.ticks.saturating_mul(sign)))
        }
        _ if sign < 0 => span(utc(left)?.checked_sub(utc(right)?)),
        _ => return None,
    })
}

fn utc(value: &Value) -> Option<i64> {
    match value {
        Value::DateTime(DateTime { ticks, .. }) => Some(*ticks),
        Value::DateTimeOffset(DateTimeOffset { utc, .. }) => Some(*utc),
        _ => None,
    }
}

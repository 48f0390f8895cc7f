//! Patterns of `is` and `switch`.

use super::{ArmNode, Machine, Node, Outcome, PatternNode, operators};
use crate::expression::{Thrown, Value};

impl Machine<'_> {
    /// Whether a value has the shape, binding its variables.
    pub(super) fn matches(&mut self, pattern: &PatternNode, value: &Value) -> Result<bool, Thrown> {
        match pattern {
            PatternNode::Any => Ok(true),
            PatternNode::Bind(slot) => {
                self.set_slot(*slot, value.clone());
                Ok(true)
            }
            PatternNode::Type(kind, slot) => {
                let is = value.is(*kind);
                if let (true, Some(slot)) = (is, slot) {
                    self.set_slot(*slot, value.clone());
                }
                Ok(is)
            }
            PatternNode::Value(node) => {
                let wanted = self.eval(node)?;
                Ok(value.equals(&wanted))
            }
            PatternNode::Compare(operator, node) => {
                let limit = self.eval(node)?;
                Ok(operators::compare(*operator, value, &limit))
            }
            PatternNode::Items(items) => self.matches_items(items, value),
            PatternNode::Not(inner) => Ok(!self.matches(inner, value)?),
            PatternNode::Or(left, right) => Ok(self.matches(left, value)? || self.matches(right, value)?),
            PatternNode::And(left, right) => Ok(self.matches(left, value)? && self.matches(right, value)?),
        }
    }

    /// A switch expression.
    pub(super) fn switch(&mut self, value: &Node, arms: &[ArmNode]) -> Outcome {
        let value = self.eval(value)?;
        for arm in arms {
            if !self.matches(&arm.pattern, &value)? {
                continue;
            }
            let holds = match &arm.guard {
                Some(guard) => self.truth(guard)?,
                None => true,
            };
            if holds {
                return self.eval(&arm.value);
            }
        }
        Err(Thrown::operation("No arm of the switch expression matches the value."))
    }
}

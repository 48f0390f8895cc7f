//! An exchange as expressions see it.

use super::{Failure, Flow, Needs};
use crate::expression::{Expression, Value};

/// Bodies that an expression reads.
pub(super) const fn needs(_: &Expression) -> Needs {
    Needs::NONE
}

impl Flow<'_> {
    /// Evaluates an expression for this exchange; `of` is the element that it belongs to.
    pub fn evaluate(&mut self, of: &'static str, _: &Expression) -> Result<Value, Failure> {
        Err(Failure::thrown(of, "not yet"))
    }
}

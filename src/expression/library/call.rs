//! A call on its way into the library: its arguments as the functions want them, and what they cost.

use std::sync::Arc;

use super::Call;
use crate::expression::{Kind, Thrown, Value, value::Inner};

/// What the constructor of a sorted collection gets as its last argument.
pub(in crate::expression) const SORTED: &str = "\0sorted";

impl Call<'_, '_> {
    /// Whether a sorted collection is made; takes the argument that says so.
    pub(super) fn take_sorted(&mut self) -> bool {
        let found = matches!(self.args.last(), Some(Value::Text(text)) if &**text == SORTED);
        if found {
            self.args.pop();
        }
        found
    }

    /// The argument at `index`; null when it is not given.
    pub(super) fn arg(&self, index: usize) -> Value {
        self.args.get(index).cloned().unwrap_or_default()
    }

    pub(super) fn count(&self) -> usize {
        self.args.len()
    }

    /// An argument as text; null throws.
    pub(super) fn text(&self, index: usize) -> Result<Arc<str>, Thrown> {
        text_of(&self.arg(index)).ok_or_else(|| Thrown::argument_null("value"))
    }

    /// An argument as text, if it is.
    pub(super) fn text_or_null(&self, index: usize) -> Option<Arc<str>> {
        text_of(&self.arg(index))
    }

    pub(super) fn int(&self, index: usize) -> Result<i64, Thrown> {
        let value = self.arg(index);
        value.as_long().ok_or_else(|| Thrown::cast(value.kind().full_name(), "System.Int32"))
    }

    pub(super) fn double(&self, index: usize) -> Result<f64, Thrown> {
        let value = self.arg(index);
        value.as_double().ok_or_else(|| Thrown::cast(value.kind().full_name(), "System.Double"))
    }

    pub(super) fn bytes(&self, index: usize) -> Result<Arc<[u8]>, Thrown> {
        bytes_of(&self.arg(index))
    }

    /// The receiver as text.
    pub(super) fn this_text(&self) -> Result<Arc<str>, Thrown> {
        text_of(&self.this).ok_or_else(|| Thrown::null("the text"))
    }

    /// New text, paid for.
    pub(super) fn new_text(&mut self, text: impl Into<Arc<str>>) -> Result<Value, Thrown> {
        let text = text.into();
        self.machine.budget.grow(text.len())?;
        Ok(Value::Text(text))
    }

    pub(super) fn items(&mut self, index: usize) -> Result<Vec<Value>, Thrown> {
        let value = self.arg(index);
        self.machine.items(&value)
    }

    pub(super) fn this_items(&mut self) -> Result<Vec<Value>, Thrown> {
        let this = self.this.clone();
        self.machine.items(&this)
    }

    /// Calls the lambda that is the argument at `index`.
    pub(super) fn invoke(&mut self, index: usize, args: &[Value]) -> Result<Value, Thrown> {
        let lambda = self.arg(index);
        self.machine.invoke(&lambda, args)
    }

    /// Whether the argument at `index` asks to ignore case.
    pub(super) fn ignores_case(&self, index: usize) -> bool {
        match self.arg(index) {
            Value::Enum(Kind::StringComparison, number) => number % 2 == 1,
            Value::Bool(ignore) => ignore,
            other => matches!(other.inner(), Some(Inner::Comparer(true))),
        }
    }
}

/// Text of a string, a character or what converts to text implicitly.
pub(super) fn text_of(value: &Value) -> Option<Arc<str>> {
    match value {
        Value::Null => None,
        other if other.is_json_null() => None,
        other => Some(other.to_text()),
    }
}

pub(in crate::expression) fn bytes_of(value: &Value) -> Result<Arc<[u8]>, Thrown> {
    match value {
        Value::Bytes(bytes) => Ok(bytes.clone()),
        Value::List(list) => {
            let byte = |item: &Value| item.as_long().and_then(|byte| u8::try_from(byte & 0xff).ok());
            let bytes: Option<Vec<u8>> = list.items().iter().map(byte).collect();
            bytes.map(Into::into).ok_or_else(|| Thrown::cast("System.Object[]", "System.Byte[]"))
        }
        Value::Null => Err(Thrown::argument_null("buffer")),
        other => Err(Thrown::cast(other.kind().full_name(), "System.Byte[]")),
    }
}

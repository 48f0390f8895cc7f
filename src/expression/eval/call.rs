//! Calls: of the library, of lambdas and local functions.

use super::{CallNode, Machine, Node, Outcome};
use crate::expression::{
    Kind, Thrown, Value,
    library::{self, Call, Native},
};

impl Machine<'_> {
    pub(super) fn native(&mut self, node: &CallNode) -> Outcome {
        let this = match &node.this {
            None => Value::Null,
            Some(this) => {
                let this = self.eval(this)?;
                if this.is_null() {
                    return self.on_null(node);
                }
                this
            }
        };
        let Some(native) = node.native else {
            return Err(Thrown::operation(format!("{} cannot be called", node.name)));
        };
        self.call(native, this, node)
    }

    pub(super) fn dynamic(&mut self, node: &CallNode) -> Outcome {
        let this = match &node.this {
            Some(this) => self.eval(this)?,
            None => Value::Null,
        };
        if this.is_null() {
            return self.on_null(node);
        }
        if let Some(field) = super::items::field(&this, &node.name) {
            return Ok(field);
        }
        if let Some(at) = node.item
            && super::tuple::is_tuple(&this)
        {
            return super::tuple::item(&this, at);
        }
        let kind = this.kind();
        let Some(member) = library::pick(&node.candidates, kind) else {
            let message = format!("'{}' does not contain a definition for '{}'", kind.full_name(), node.name);
            return Err(Thrown::new("RuntimeBinderException", message));
        };
        self.call(member.native, this, node)
    }

    /// Members of null: the extension methods that allow it answer, all else throws.
    fn on_null(&mut self, node: &CallNode) -> Outcome {
        match &*node.name {
            "AsJwt" | "AsBasic" => Ok(Value::Null),
            "TryParseJwt" | "TryParseBasic" | "HasValue" => Ok(Value::Bool(false)),
            "GetValueOrDefault" if node.candidates.iter().any(|member| member.owner == Kind::Object) => {
                let args = self.values(&node.args)?;
                Ok(args.first().cloned().unwrap_or_else(|| Value::initial(node.generic)))
            }
            name => Err(Thrown::null(&format!("the object before .{name}"))),
        }
    }

    fn call(&mut self, native: Native, this: Value, node: &CallNode) -> Outcome {
        let args = if node.args.is_empty() { Vec::new() } else { self.values(&node.args)? };
        let (generic, element, nullable) = (node.generic, node.element, node.nullable);
        let mut call = Call { machine: self, this, args, generic, element, nullable, out: Value::Null };
        let result = native(&mut call)?;
        let out = call.out;
        if let Some(slot) = node.out {
            self.set_slot(slot, out);
        }
        Ok(result)
    }

    pub(super) fn invoke_node(&mut self, callee: &Node, args: &[Node]) -> Outcome {
        let callee = self.eval(callee)?;
        let args = self.values(args)?;
        self.invoke(&callee, &args)
    }

    /// Calls a lambda. Its own slots are put back afterwards, so that it may call itself.
    pub(in crate::expression) fn invoke(&mut self, lambda: &Value, args: &[Value]) -> Outcome {
        let Value::Lambda(lambda) = lambda else {
            return Err(Thrown::null("the function"));
        };
        self.budget.enter()?;
        let node = lambda.0.clone();
        let range = node.slots.start.min(self.slots.len())..node.slots.end.min(self.slots.len());
        self.budget.step(range.len())?;
        let saved = self.slots[range.clone()].to_vec();
        for (at, slot) in node.parameters.iter().enumerate() {
            self.set_slot(*slot, args.get(at).cloned().unwrap_or_default());
        }
        let result = self.run(&node.code);
        for (slot, value) in range.zip(saved) {
            self.set_slot(slot, value);
        }
        self.budget.leave();
        result
    }

    /// Calls a library function from within the library.
    pub(in crate::expression) fn call_native(&mut self, native: Native, this: Value, args: Vec<Value>) -> Outcome {
        let (generic, element, nullable) = (Kind::Unknown, Kind::Unknown, false);
        native(&mut Call { machine: self, this, args, generic, element, nullable, out: Value::Null })
    }
}

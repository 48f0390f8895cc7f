//! Running a compiled expression: a walk over a tree whose names are already resolved.

mod assign;
mod call;
mod items;
mod node;
mod operators;
mod pattern;
mod statement;
mod tuple;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};

pub(super) use node::{
    ArmNode, CallNode, CatchNode, Code, InitialNode, LabelNode, Lambda, LambdaNode, Node, NodePiece, Nulls, Operator,
    PatternNode, SectionNode, Statement, Target,
};

use super::{
    Bounds, Host, Thrown, Value,
    bounds::Budget,
    library::format_value,
    value::{Handle, Json, Places},
};

/// Compiled regular expressions by pattern and options, kept with the expression.
#[derive(Default)]
pub(super) struct Regexes(pub(super) HashMap<(Arc<str>, i32), Value>);

/// One evaluation.
pub(super) struct Machine<'h> {
    pub(super) host: &'h mut dyn Host,
    pub(super) budget: Budget,
    pub(super) regexes: &'h Mutex<Regexes>,
    /// Where tokens were found, if the expression asks.
    pub(super) places: Places,
    slots: Vec<Value>,
    /// The exceptions whose `catch` runs, for `throw;`.
    caught: Vec<Thrown>,
}

type Outcome = Result<Value, Thrown>;

impl<'h> Machine<'h> {
    pub(super) fn new(host: &'h mut dyn Host, bounds: &Bounds, slots: usize, regexes: &'h Mutex<Regexes>) -> Self {
        let (budget, places) = (Budget::new(bounds), Places::default());
        Self { host, budget, regexes, places, slots: vec![Value::Null; slots], caught: Vec::new() }
    }

    pub(super) fn run(&mut self, code: &Code) -> Outcome {
        match code {
            Code::Expr(node) => self.eval(node),
            Code::Block(statements) => self.block_value(statements),
        }
    }

    fn slot(&self, at: usize) -> Value {
        self.slots.get(at).cloned().unwrap_or_default()
    }

    fn set_slot(&mut self, at: usize, value: Value) {
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = value;
        }
    }

    /// The value of a node. Leaves are answered here, all else one level deeper.
    #[inline]
    pub(super) fn eval(&mut self, node: &Node) -> Outcome {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Local(slot) => Ok(self.slot(*slot)),
            Node::Fact(fact) => self.fact(*fact),
            _ => {
                self.budget.enter()?;
                let result = self.eval_inner(node);
                self.budget.leave();
                result
            }
        }
    }

    fn fact(&mut self, fact: super::Fact) -> Outcome {
        let value = self.host.fact(fact);
        if value.is_null() {
            let (part, name, _) = fact.declaration();
            if !self.host.has(part) {
                return Err(Thrown::null(&format!("the object before .{name}")));
            }
        }
        Ok(value)
    }

    #[inline(never)]
    fn eval_inner(&mut self, node: &Node) -> Outcome {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Local(slot) => Ok(self.slot(*slot)),
            Node::Fact(fact) => self.fact(*fact),
            Node::Handle(handle) => Ok(self.handle(*handle)),
            Node::Variable(key) => self.variable(key),
            Node::Native(call) => self.native(call),
            Node::Dynamic(call) => self.dynamic(call),
            Node::Invoke(callee, args) => self.invoke_node(callee, args),
            Node::Index(value, key) => self.index_node(value, key),
            Node::NullSafe(value, slot, rest) => self.null_safe(value, *slot, rest),
            Node::Concat(parts) => self.concat(parts),
            Node::Interpolate(pieces) => self.interpolate(pieces),
            Node::Binary(operator, sides) => self.binary(*operator, &sides.0, &sides.1),
            Node::Chain(first, rest) => self.chain(first, rest),
            Node::And(parts) => self.every(parts, false),
            Node::Or(parts) => self.every(parts, true),
            Node::Coalesce(sides) => self.coalesce(&sides.0, &sides.1),
            Node::Conditional(parts) => {
                let yes = self.truth(&parts.0)?;
                self.eval(if yes { &parts.1 } else { &parts.2 })
            }
            Node::Unary(operator, value) => {
                let value = self.eval(value)?;
                operators::unary(*operator, &value)
            }
            Node::Cast(kind, nulls, value) => {
                let value = self.eval(value)?;
                let is_null = || matches!(&value, Value::Json(json) if matches!(json.plain(), Json::Null));
                match (nulls, &value) {
                    (Nulls::Keep, _) if kind.is_value_type() && (value.is_null() || is_null()) => Ok(Value::Null),
                    (Nulls::Argument, Value::Null) if kind.is_value_type() => Err(Thrown::argument_null("value")),
                    _ => value.cast(*kind),
                }
            }
            Node::As(kind, value) => {
                let value = self.eval(value)?;
                Ok(if value.is(*kind) { value } else { Value::Null })
            }
            Node::Is(value, pattern) => {
                let value = self.eval(value)?;
                self.matches(pattern, &value).map(Value::Bool)
            }
            Node::Switch(value, arms) => self.switch(value, arms),
            Node::Assign(parts) => self.assign(parts),
            Node::Deconstruct(value, slot, assigned) => self.deconstruct(value, *slot, assigned),
            Node::Step(by, before, target) => self.step(*by, *before, target),
            Node::Array(items) => self.values(items).map(Value::array),
            Node::Sized(count, item) => self.sized(count, item),
            Node::Record(fields) => self.record(fields),
            Node::Initial(value, initial) => self.initialize(value, initial),
            Node::Lambda(lambda) => Ok(Value::Lambda(Lambda(lambda.clone()))),
            Node::Throw(value) => {
                let value = self.eval(value)?;
                Err(statement::thrown_of(&value))
            }
        }
    }

    fn handle(&mut self, handle: Handle) -> Value {
        match handle {
            Handle::Part(part) if !self.host.has(part) => Value::Null,
            handle => Value::Handle(handle),
        }
    }

    fn variable(&mut self, key: &Node) -> Outcome {
        let key = self.eval(key)?.to_text();
        self.host.variable(&key).ok_or_else(|| {
            Thrown::new("KeyNotFoundException", format!("The given key '{key}' was not present in context.Variables."))
        })
    }

    fn null_safe(&mut self, value: &Node, slot: usize, rest: &Node) -> Outcome {
        let value = self.eval(value)?;
        if value.is_null() {
            return Ok(Value::Null);
        }
        self.set_slot(slot, value);
        self.eval(rest)
    }

    fn coalesce(&mut self, left: &Node, right: &Node) -> Outcome {
        let value = self.eval(left)?;
        if value.is_null() { self.eval(right) } else { Ok(value) }
    }

    /// A condition's value.
    fn truth(&mut self, node: &Node) -> Result<bool, Thrown> {
        let value = self.eval(node)?;
        match &value {
            Value::Bool(value) => Ok(*value),
            Value::Null => Err(Thrown::operation("Nullable object must have a value.")),
            other => match other.cast(super::Kind::Bool)? {
                Value::Bool(value) => Ok(value),
                _ => Err(Thrown::cast(other.kind().full_name(), "System.Boolean")),
            },
        }
    }

    fn every(&mut self, parts: &[Node], stop_at: bool) -> Outcome {
        for part in parts {
            if self.truth(part)? == stop_at {
                return Ok(Value::Bool(stop_at));
            }
        }
        Ok(Value::Bool(!stop_at))
    }

    fn values(&mut self, nodes: &[Node]) -> Result<Vec<Value>, Thrown> {
        self.budget.grow(nodes.len() * 32)?;
        let mut values = Vec::with_capacity(nodes.len());
        for node in nodes {
            values.push(self.eval(node)?);
        }
        Ok(values)
    }

    fn concat(&mut self, parts: &[Node]) -> Outcome {
        let mut text = String::new();
        for part in parts {
            let part = self.eval(part)?;
            let part = self.text_of(&part)?;
            // Paid before it is copied: the parts may be large and many.
            self.budget.grow(part.len())?;
            text.push_str(&part);
        }
        Ok(Value::text(text))
    }

    /// `ToString()`, and an exception for what is too deep to be written.
    fn text_of(&mut self, value: &Value) -> Result<Arc<str>, Thrown> {
        match value {
            Value::Json(Json::Object(_) | Json::Array(_)) => value.json_text(true).map(Into::into),
            Value::Handle(Handle::Url(_)) => Ok(self.settled(value).to_text()),
            other => Ok(other.to_text()),
        }
    }

    fn interpolate(&mut self, pieces: &[NodePiece]) -> Outcome {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                NodePiece::Text(part) => text.push_str(part),
                NodePiece::Value { value, width, format } => {
                    let value = self.eval(value)?;
                    let width = match width {
                        Some(width) => self.eval(width)?.as_long().unwrap_or(0),
                        None => 0,
                    };
                    let part =
                        if format.is_empty() { self.text_of(&value)? } else { format_value(&value, format)?.into() };
                    self.budget.grow(part.len())?;
                    self.budget.grow(pad(&mut text, &part, width)?)?;
                }
            }
        }
        self.budget.grow(text.len())?;
        Ok(Value::text(text))
    }

    fn record(&mut self, fields: &[(Arc<str>, Node)]) -> Outcome {
        let mut values = Vec::with_capacity(fields.len());
        for (name, node) in fields {
            values.push((name.clone(), self.eval(node)?));
        }
        self.budget.grow(values.len() * 48)?;
        Ok(Value::object(super::value::Object::Record(values)))
    }

    fn sized(&mut self, count: &Node, item: &Value) -> Outcome {
        let count = self.eval(count)?.as_long().and_then(|count| usize::try_from(count).ok());
        let count = count.ok_or_else(|| Thrown::new("OverflowException", "An array cannot have that size."))?;
        self.budget.grow(count.saturating_mul(32))?;
        Ok(Value::array(vec![item.clone(); count]))
    }
}

/// Appends `part`, at least `width` wide; negative aligns left. Says how long it became.
pub(super) fn pad(out: &mut String, part: &str, width: i64) -> Result<usize, Thrown> {
    let wanted = usize::try_from(width.unsigned_abs()).unwrap_or(usize::MAX);
    if wanted > 1 << 20 {
        return Err(Thrown::limit("the alignment is too wide"));
    }
    let blanks = wanted.saturating_sub(part.chars().count());
    if width > 0 {
        (0..blanks).for_each(|_| out.push(' '));
    }
    out.push_str(part);
    if width < 0 {
        (0..blanks).for_each(|_| out.push(' '));
    }
    Ok(part.len() + blanks)
}

//! Statements: loops, branches, exceptions.

use super::{CatchNode, LabelNode, Machine, Node, Outcome, PatternNode, SectionNode, Statement};
use crate::expression::{Thrown, Value, types::Kind, value::Inner};

/// How a statement ended.
pub(super) enum Flow {
    Next,
    Break,
    Continue,
    Return(Value),
}

type Ran = Result<Flow, Thrown>;

/// The exception that a thrown value is.
pub(super) fn thrown_of(value: &Value) -> Thrown {
    match value.inner() {
        Some(Inner::Exception(thrown)) => thrown.clone(),
        _ => Thrown::null("the exception that is thrown"),
    }
}

impl Machine<'_> {
    /// The value that a block returns.
    pub(super) fn block_value(&mut self, statements: &[Statement]) -> Outcome {
        match self.block(statements)? {
            Flow::Return(value) => Ok(value),
            _ => Ok(Value::Null),
        }
    }

    fn block(&mut self, statements: &[Statement]) -> Ran {
        for statement in statements {
            match self.execute(statement)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    fn execute(&mut self, statement: &Statement) -> Ran {
        self.budget.enter()?;
        let result = self.execute_inner(statement);
        self.budget.leave();
        result
    }

    #[inline(never)]
    fn execute_inner(&mut self, statement: &Statement) -> Ran {
        match statement {
            Statement::Expr(node) => self.eval(node).map(|_| Flow::Next),
            Statement::Local(slot, node) => {
                let value = self.eval(node)?;
                self.set_slot(*slot, value);
                Ok(Flow::Next)
            }
            Statement::Block(statements) => self.block(statements),
            Statement::If(branches, last) => self.branch(branches, last.as_deref()),
            Statement::While(condition, body) => self.looping(None, Some(condition), &[], body),
            Statement::Do(body, condition) => self.do_loop(body, condition),
            Statement::For(first, condition, step, body) => self.looping(Some(first), condition.as_ref(), step, body),
            Statement::ForEach(slot, kind, items, body) => self.for_each(*slot, *kind, items, body),
            Statement::Switch(value, sections) => self.switch_statement(value, sections),
            Statement::Try(body, catches, finally) => self.trying(body, catches, finally.as_deref()),
            Statement::Return(None) => Ok(Flow::Return(Value::Null)),
            Statement::Return(Some(node)) => self.eval(node).map(Flow::Return),
            Statement::Throw(Some(node)) => {
                let value = self.eval(node)?;
                Err(thrown_of(&value))
            }
            Statement::Throw(None) => {
                Err(self.caught.last().cloned().unwrap_or_else(|| Thrown::operation("there is nothing to throw again")))
            }
            Statement::Break => Ok(Flow::Break),
            Statement::Continue => Ok(Flow::Continue),
        }
    }

    fn branch(&mut self, branches: &[(Node, Statement)], last: Option<&Statement>) -> Ran {
        for (condition, then) in branches {
            if self.truth(condition)? {
                return self.execute(then);
            }
        }
        last.map_or(Ok(Flow::Next), |last| self.execute(last))
    }

    fn looping(&mut self, first: Option<&[Statement]>, while_: Option<&Node>, step: &[Node], body: &Statement) -> Ran {
        self.block(first.unwrap_or(&[]))?;
        loop {
            self.budget.step(1)?;
            if let Some(condition) = while_
                && !self.truth(condition)?
            {
                return Ok(Flow::Next);
            }
            match self.execute(body)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
            for node in step {
                self.eval(node)?;
            }
        }
    }

    fn do_loop(&mut self, body: &Statement, condition: &Node) -> Ran {
        loop {
            self.budget.step(1)?;
            match self.execute(body)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
            if !self.truth(condition)? {
                return Ok(Flow::Next);
            }
        }
    }

    fn for_each(&mut self, slot: usize, kind: Kind, items: &Node, body: &Statement) -> Ran {
        let items = self.eval(items)?;
        if items.is_null() {
            return Err(Thrown::null("what foreach goes over"));
        }
        for item in self.items(&items)? {
            self.budget.step(1)?;
            let item = if kind.is_open() { item } else { item.cast(kind)? };
            self.set_slot(slot, item);
            match self.execute(body)? {
                Flow::Break => return Ok(Flow::Next),
                Flow::Return(value) => return Ok(Flow::Return(value)),
                Flow::Next | Flow::Continue => {}
            }
        }
        Ok(Flow::Next)
    }

    fn switch_statement(&mut self, value: &Node, sections: &[SectionNode]) -> Ran {
        let value = self.eval(value)?;
        // `default` matches anything but only when nothing else does, wherever it stands.
        for default in [false, true] {
            for (labels, body) in sections {
                if self.any_label(labels, &value, default)? {
                    return Ok(match self.block(body)? {
                        Flow::Break => Flow::Next,
                        other => other,
                    });
                }
            }
        }
        Ok(Flow::Next)
    }

    fn any_label(&mut self, labels: &[LabelNode], value: &Value, default: bool) -> Result<bool, Thrown> {
        for (pattern, guard) in labels {
            let is_default = matches!(pattern, PatternNode::Any) && guard.is_none();
            if is_default == default && self.matches(pattern, value)? {
                let holds = match guard {
                    Some(guard) => self.truth(guard)?,
                    None => true,
                };
                if holds {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn trying(&mut self, body: &[Statement], catches: &[CatchNode], finally: Option<&[Statement]>) -> Ran {
        let mut result = self.block(body);
        if let Err(thrown) = &result {
            let thrown = thrown.clone();
            if let Some(caught) = self.catching(&thrown, catches) {
                result = caught;
            }
        }
        if let Some(finally) = finally {
            self.block(finally)?;
        }
        result
    }

    fn catching(&mut self, thrown: &Thrown, catches: &[CatchNode]) -> Option<Ran> {
        for catch in catches.iter().filter(|catch| thrown.is_a(&catch.class)) {
            if let Some(slot) = catch.slot {
                self.set_slot(slot, Value::library(Inner::Exception(thrown.clone())));
            }
            let holds = catch.when.as_ref().is_none_or(|when| self.truth(when).unwrap_or(false));
            if holds {
                self.caught.push(thrown.clone());
                let result = self.block(&catch.body);
                self.caught.pop();
                return Some(result);
            }
        }
        None
    }
}

//! Statements.

use super::{Checker, Inside, Type, conversion::initial};
use crate::expression::{
    Kind, Value,
    eval::{CatchNode, LabelNode, Node, Statement},
    parse::syntax::{Catch, Expr, ExprKind, Label, Section, Stmt, StmtKind, TypeRef},
};

impl Checker {
    /// A block with a scope of its own.
    pub(super) fn block(&mut self, statements: &[Stmt]) -> Vec<Statement> {
        let mark = self.scope.mark();
        self.hoist(statements);
        let checked = statements.iter().map(|statement| (is_function(statement), self.statement(statement)));
        let (functions, rest): (Vec<_>, Vec<_>) = checked.partition(|(is_function, _)| *is_function);
        self.scope.leave(mark);
        functions.into_iter().chain(rest).map(|(_, statement)| statement).collect()
    }

    /// A statement with a scope of its own.
    fn scoped(&mut self, statement: &Stmt) -> Statement {
        let mark = self.scope.mark();
        let checked = self.statement(statement);
        self.scope.leave(mark);
        checked
    }

    fn looped(&mut self, body: &Stmt) -> Statement {
        let outer = self.inside;
        self.inside = Inside { loops: true, breaks: true, ..outer };
        let checked = self.scoped(body);
        self.inside = outer;
        checked
    }

    fn while_loop(&mut self, condition: &Expr, body: &Stmt) -> Statement {
        let condition = self.condition(condition);
        Statement::While(condition, Box::new(self.looped(body)))
    }

    fn statement(&mut self, statement: &Stmt) -> Statement {
        match &statement.kind {
            StmtKind::Empty => Statement::Block(Vec::new()),
            StmtKind::Expr(value) => Statement::Expr(self.expr(value).0),
            StmtKind::Local(of, names) => self.locals(statement.at, of.as_ref(), names),
            StmtKind::Function(of, name, parameters, body) => self.function(of, name, parameters, body),
            StmtKind::Deconstruct(places, value) => {
                let places: Vec<_> = places.iter().map(Into::into).collect();
                Statement::Expr(self.deconstruct(statement.at, &places, value).0)
            }
            StmtKind::Block(statements) => Statement::Block(self.block(statements)),
            StmtKind::If(branches, last) => {
                let branches = branches.iter().map(|(condition, then)| (self.condition(condition), self.scoped(then)));
                Statement::If(branches.collect(), last.as_ref().map(|last| Box::new(self.scoped(last))))
            }
            StmtKind::While(condition, body) => self.while_loop(condition, body),
            StmtKind::Do(body, condition) => {
                let body = Box::new(self.looped(body));
                Statement::Do(body, self.condition(condition))
            }
            StmtKind::For(first, condition, step, body) => self.for_loop(first, condition.as_ref(), step, body),
            StmtKind::ForEach(of, name, items, body) => self.for_each(of.as_ref(), name, items, body),
            StmtKind::Switch(value, sections) => self.switch_statement(value, sections),
            StmtKind::Try(body, catches, finally) => {
                let body = self.block(body);
                let catches = catches.iter().map(|catch| self.catch(catch)).collect();
                Statement::Try(body, catches, finally.as_ref().map(|finally| self.block(finally)))
            }
            StmtKind::Using(first, body) => {
                let mark = self.scope.mark();
                let statements = vec![self.statement(first), self.statement(body)];
                self.scope.leave(mark);
                Statement::Block(statements)
            }
            StmtKind::Return(value) => {
                let node = value.as_ref().map(|value| self.returned(value));
                Statement::Return(node)
            }
            StmtKind::Throw(value) => {
                self.placed(statement.at, value.is_some() || self.inside.catches, "`throw;` outside a `catch`");
                Statement::Throw(value.as_ref().map(|value| self.expr(value).0))
            }
            StmtKind::Break => {
                self.placed(statement.at, self.inside.breaks, "`break` outside a loop or `switch`");
                Statement::Break
            }
            StmtKind::Continue => {
                self.placed(statement.at, self.inside.loops, "`continue` outside a loop");
                Statement::Continue
            }
        }
    }

    /// The value of a `return`, as the local function around it gives it.
    fn returned(&mut self, value: &Expr) -> Node {
        let (node, of) = self.expr(value);
        let (node, of) = match self.result.clone() {
            Some((result, nullable)) => (self.assigned(value.at, (node, of), &result, nullable), result),
            None => (node, of),
        };
        self.returns.push(of);
        node
    }

    fn placed(&mut self, at: usize, is_placed: bool, message: &str) {
        if !is_placed {
            self.trouble(at, message);
        }
    }

    fn locals(&mut self, at: usize, of: Option<&TypeRef>, names: &[(String, Option<Expr>)]) -> Statement {
        let declared = of.map(|of| (self.resolve(of), of.nullable));
        let mut statements = Vec::new();
        for (name, value) in names {
            self.undeclared(at, name);
            let (node, inferred) = match value {
                Some(value) => self.expr(value),
                None => (Node::Const(Value::Null), Type::UNKNOWN),
            };
            let (node, of) = match &declared {
                None => (node, inferred),
                Some((of, nullable)) => match value {
                    Some(Expr { kind: ExprKind::Default(None), .. }) if !nullable => {
                        (Node::Const(initial(of)), of.clone())
                    }
                    Some(value) => (self.assigned(value.at, (node, inferred), of, *nullable), of.clone()),
                    None => (Node::Const(if *nullable { Value::Null } else { initial(of) }), of.clone()),
                },
            };
            let slot = self.scope.declare(name, of);
            statements.push(Statement::Local(slot, node));
        }
        if statements.len() == 1 { statements.remove(0) } else { Statement::Block(statements) }
    }

    fn for_loop(&mut self, first: &[Stmt], condition: Option<&Expr>, step: &[Expr], body: &Stmt) -> Statement {
        let mark = self.scope.mark();
        let first = first.iter().map(|statement| self.statement(statement)).collect();
        let condition = condition.map(|condition| self.condition(condition));
        let step = step.iter().map(|step| self.expr(step).0).collect();
        let body = Box::new(self.looped(body));
        self.scope.leave(mark);
        Statement::For(first, condition, step, body)
    }

    fn for_each(&mut self, of: Option<&TypeRef>, name: &str, items: &Expr, body: &Stmt) -> Statement {
        let (items, collection) = self.expr(items);
        let declared = of.map(|of| self.resolve(of));
        let element = match collection.kind {
            Kind::JObject => Type::of(Kind::KeyValuePair, vec![Type::plain(Kind::String), Type::plain(Kind::JToken)]),
            _ => collection.element(),
        };
        // `foreach (var x in jobject)` gives pairs; as a `JProperty` it gives properties, which have both faces.
        let kind = declared.as_ref().map_or(Kind::Unknown, |of| of.kind);
        let kind = if kind == Kind::KeyValuePair { Kind::Unknown } else { kind };
        let of = declared.unwrap_or(if collection.kind == Kind::JObject { Type::UNKNOWN } else { element });
        let mark = self.scope.mark();
        let slot = self.scope.declare(name, of);
        let body = Box::new(self.looped(body));
        self.scope.leave(mark);
        Statement::ForEach(slot, kind, items, body)
    }

    fn switch_statement(&mut self, value: &Expr, sections: &[Section]) -> Statement {
        let (value, of) = self.expr(value);
        let mark = self.scope.mark();
        let outer = self.inside;
        self.inside = Inside { breaks: true, ..outer };
        let mut checked = Vec::new();
        for (labels, body) in sections {
            let labels = labels.iter().map(|label| self.label(label, &of)).collect();
            checked.push((labels, body.iter().map(|statement| self.statement(statement)).collect()));
        }
        self.inside = outer;
        self.scope.leave(mark);
        Statement::Switch(value, checked)
    }

    fn label(&mut self, (pattern, guard): &Label, of: &Type) -> LabelNode {
        let pattern = self.pattern(pattern, of);
        (pattern, guard.as_ref().map(|guard| self.condition(guard)))
    }

    fn catch(&mut self, catch: &Catch) -> CatchNode {
        let class = catch.class.as_ref().map_or("Exception", |class| class.name.as_str()).to_owned();
        if let Some(named) = &catch.class {
            self.resolve(named);
        }
        let mark = self.scope.mark();
        let slot = catch.name.as_ref().map(|name| self.scope.declare(name, Type::plain(Kind::Exception)));
        let when = catch.when.as_ref().map(|when| self.condition(when));
        let outer = self.inside;
        self.inside = Inside { catches: true, ..outer };
        let body = self.block(&catch.body);
        self.inside = outer;
        self.scope.leave(mark);
        CatchNode { class, slot, when, body }
    }
}

/// Local functions are there before the first statement runs.
fn is_function(statement: &Stmt) -> bool {
    matches!(statement.kind, StmtKind::Function(..))
}

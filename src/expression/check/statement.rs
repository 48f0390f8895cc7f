//! Statements.

use super::{Checker, Type};
use crate::expression::{
    Kind, Value,
    eval::{CatchNode, LabelNode, LambdaNode, Node, Statement},
    parse::syntax::{Body, Catch, Expr, Label, Section, Stmt, StmtKind, TypeRef},
};

impl Checker {
    /// A block with a scope of its own.
    pub(super) fn block(&mut self, statements: &[Stmt]) -> Vec<Statement> {
        let mark = self.scope.mark();
        self.hoist(statements);
        let checked = statements.iter().map(|statement| self.statement(statement)).collect();
        self.scope.leave(mark);
        checked
    }

    /// Local functions can be called before they are declared.
    fn hoist(&mut self, statements: &[Stmt]) {
        for statement in statements {
            if let StmtKind::Function(of, name, ..) = &statement.kind {
                let of = if of.name == "void" { Type::plain(Kind::Void) } else { self.resolve(of) };
                self.scope.declare(name, Type::of(Kind::Func, vec![of]));
            }
        }
    }

    fn boxed(&mut self, statement: &Stmt) -> Box<Statement> {
        let mark = self.scope.mark();
        let checked = self.statement(statement);
        self.scope.leave(mark);
        Box::new(checked)
    }

    fn statement(&mut self, statement: &Stmt) -> Statement {
        match &statement.kind {
            StmtKind::Empty => Statement::Block(Vec::new()),
            StmtKind::Expr(value) => Statement::Expr(self.expr(value).0),
            StmtKind::Local(of, names) => self.locals(statement.at, of.as_ref(), names),
            StmtKind::Function(_, name, parameters, body) => self.function(name, parameters, body),
            StmtKind::Block(statements) => Statement::Block(self.block(statements)),
            StmtKind::If(condition, yes, no) => {
                let condition = self.expr(condition).0;
                let yes = self.boxed(yes);
                Statement::If(condition, yes, no.as_ref().map(|no| self.boxed(no)))
            }
            StmtKind::While(condition, body) => Statement::While(self.expr(condition).0, self.boxed(body)),
            StmtKind::Do(body, condition) => Statement::Do(self.boxed(body), self.expr(condition).0),
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
                let typed = value.as_ref().map(|value| self.expr(value));
                self.returns.extend(typed.as_ref().map(|typed| typed.1.clone()));
                Statement::Return(typed.map(|typed| typed.0))
            }
            StmtKind::Throw(value) => Statement::Throw(value.as_ref().map(|value| self.expr(value).0)),
            StmtKind::Break => Statement::Break,
            StmtKind::Continue => Statement::Continue,
        }
    }

    fn locals(&mut self, at: usize, of: Option<&TypeRef>, names: &[(String, Option<Expr>)]) -> Statement {
        let declared = of.map(|of| (self.resolve(of), of.nullable));
        let mut statements = Vec::new();
        for (name, value) in names {
            if self.scope.find(name).is_some() {
                self.trouble(at, format!("a variable `{name}` is already declared in this scope"));
            }
            let (node, inferred) = match value {
                Some(value) => self.expr(value),
                None => (Node::Const(Value::Null), Type::UNKNOWN),
            };
            let (node, of) = match &declared {
                None => (node, inferred),
                Some((of, nullable)) if value.is_some() => (convert(node, &inferred, of, *nullable), of.clone()),
                Some((of, nullable)) => (Node::Const(if *nullable { Value::Null } else { initial(of) }), of.clone()),
            };
            let slot = self.scope.declare(name, of);
            statements.push(Statement::Local(slot, node));
        }
        if statements.len() == 1 { statements.remove(0) } else { Statement::Block(statements) }
    }

    fn function(&mut self, name: &str, parameters: &[(TypeRef, String)], body: &Body) -> Statement {
        let slot = self.scope.find(name).map_or(0, |found| found.0);
        let mark = self.scope.mark();
        let start = self.scope.slots();
        let mut slots = Vec::new();
        for (of, name) in parameters {
            let of = self.resolve(of);
            slots.push(self.scope.declare(name, of));
        }
        let code = self.body(body).0;
        let node = LambdaNode { parameters: slots, slots: start..self.scope.slots(), code };
        self.scope.leave(mark);
        Statement::Local(slot, Node::Lambda(node.into()))
    }

    fn for_loop(&mut self, first: &[Stmt], condition: Option<&Expr>, step: &[Expr], body: &Stmt) -> Statement {
        let mark = self.scope.mark();
        let first = first.iter().map(|statement| self.statement(statement)).collect();
        let condition = condition.map(|condition| self.expr(condition).0);
        let step = step.iter().map(|step| self.expr(step).0).collect();
        let body = self.boxed(body);
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
        let body = self.boxed(body);
        self.scope.leave(mark);
        Statement::ForEach(slot, kind, items, body)
    }

    fn switch_statement(&mut self, value: &Expr, sections: &[Section]) -> Statement {
        let (value, of) = self.expr(value);
        let mark = self.scope.mark();
        let mut checked = Vec::new();
        for (labels, body) in sections {
            let labels = labels.iter().map(|label| self.label(label, &of)).collect();
            checked.push((labels, body.iter().map(|statement| self.statement(statement)).collect()));
        }
        self.scope.leave(mark);
        Statement::Switch(value, checked)
    }

    fn label(&mut self, (pattern, guard): &Label, of: &Type) -> LabelNode {
        let pattern = self.pattern(pattern, of);
        (pattern, guard.as_ref().map(|guard| self.expr(guard).0))
    }

    fn catch(&mut self, catch: &Catch) -> CatchNode {
        let class = catch.class.as_ref().map_or("Exception", |class| class.name.as_str()).to_owned();
        if let Some(named) = &catch.class {
            self.resolve(named);
        }
        let mark = self.scope.mark();
        let slot = catch.name.as_ref().map(|name| self.scope.declare(name, Type::plain(Kind::Exception)));
        let when = catch.when.as_ref().map(|when| self.expr(when).0);
        let body = self.block(&catch.body);
        self.scope.leave(mark);
        CatchNode { class, slot, when, body }
    }
}

/// The implicit conversion of an initial value to the declared type, where the value changes by it.
pub(super) fn convert(node: Node, from: &Type, to: &Type, nullable: bool) -> Node {
    let numeric = |kind| matches!(kind, Kind::Long | Kind::Double | Kind::Decimal | Kind::Int);
    let changes = numeric(to.kind) && from.kind != to.kind
        || matches!(to.kind, Kind::JToken | Kind::JValue) && !from.kind.is_a(Kind::JToken) && from.kind != Kind::Null
        || to.kind == Kind::DateTimeOffset && from.kind == Kind::DateTime
        || to.kind == Kind::XName && from.kind == Kind::String;
    if to.kind == Kind::XName || !changes {
        return node;
    }
    Node::Cast(to.kind, nullable, Box::new(node))
}

/// `default(type)`.
pub(super) fn initial(of: &Type) -> Value {
    match of.kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int | Kind::Byte => Value::Int(0),
        Kind::Long => Value::Long(0),
        Kind::Double => Value::Double(0.0),
        Kind::Char => Value::Char('\0'),
        Kind::Guid => Value::Guid([0; 16]),
        Kind::TimeSpan => Value::TimeSpan(crate::expression::value::TimeSpan { ticks: 0 }),
        Kind::DateTime => Value::DateTime(crate::expression::value::DateTime {
            ticks: 0,
            kind: crate::expression::value::TimeKind::Unspecified,
        }),
        kind if kind.is_enum() => Value::Enum(kind, 0),
        _ => Value::Null,
    }
}

//! How high a tree is: what walks it later does so on the stack.

use super::syntax::{Body, Expr, ExprKind, Initial, Pattern, Piece, Place, Stmt, StmtKind};

impl Expr {
    /// An expression of what was parsed before.
    pub(in crate::expression) fn new(at: usize, kind: ExprKind) -> Self {
        let height = 1 + below(&kind);
        Self { at, kind, height }
    }
}

fn highest<'a>(all: impl IntoIterator<Item = &'a Expr>) -> u32 {
    all.into_iter().map(|expr| expr.height).max().unwrap_or(0)
}

fn below(kind: &ExprKind) -> u32 {
    match kind {
        ExprKind::Literal(_)
        | ExprKind::Name(_)
        | ExprKind::Hole
        | ExprKind::Default(_)
        | ExprKind::TypeOf(_)
        | ExprKind::Out(..) => 0,
        ExprKind::Text(pieces) => pieces.iter().map(piece).max().unwrap_or(0),
        ExprKind::Member(of, _)
        | ExprKind::Cast(_, of)
        | ExprKind::As(of, _)
        | ExprKind::Unary(_, of)
        | ExprKind::Step(_, _, of)
        | ExprKind::Throw(of)
        | ExprKind::Named(_, of) => of.height,
        ExprKind::Call(of, _, args) => of.height.max(highest(args)),
        ExprKind::Index(left, right)
        | ExprKind::NullSafe(left, right)
        | ExprKind::Binary(_, left, right)
        | ExprKind::Assign(_, left, right) => left.height.max(right.height),
        ExprKind::New(_, args, initial) => highest(args).max(initial.iter().map(entry).max().unwrap_or(0)),
        ExprKind::NewArray(_, size, items) => highest(items).max(size.as_ref().map_or(0, |size| size.height)),
        ExprKind::Record(fields) => highest(fields.iter().map(|field| &field.1)),
        ExprKind::Tuple(items) => highest(items.iter().map(|item| &item.1)),
        ExprKind::Is(of, pattern) => of.height.max(shape(pattern)),
        ExprKind::Switch(of, arms) => {
            let arm = arms.iter().map(|arm| arm.value.height.max(shape(&arm.pattern)).max(highest(&arm.guard)));
            of.height.max(arm.max().unwrap_or(0))
        }
        ExprKind::Chain(first, rest) => first.height.max(highest(rest.iter().map(|part| &part.1))),
        ExprKind::Conditional(a, b, c) => a.height.max(b.height).max(c.height),
        ExprKind::Lambda(_, body) => inside(body),
    }
}

fn piece(piece: &Piece) -> u32 {
    match piece {
        Piece::Text(_) => 0,
        Piece::Value { value, width, .. } => value.height.max(width.as_ref().map_or(0, |width| width.height)),
    }
}

fn entry(entry: &Initial) -> u32 {
    match entry {
        Initial::Add(values) => highest(values),
        Initial::Index(key, value) => key.height.max(value.height),
        Initial::Member(_, _, value) => value.height,
    }
}

fn shape(pattern: &Pattern) -> u32 {
    match pattern {
        Pattern::Type(..) | Pattern::Var(_) | Pattern::Any => 0,
        Pattern::Value(value) | Pattern::Compare(_, value) => value.height,
        Pattern::Not(of) => 1 + shape(of),
        Pattern::Items(items) => 1 + items.iter().map(shape).max().unwrap_or(0),
        Pattern::Or(left, right) | Pattern::And(left, right) => 1 + shape(left).max(shape(right)),
    }
}

fn inside(body: &Body) -> u32 {
    match body {
        Body::Expr(value) => value.height,
        Body::Block(statements) => block(statements),
    }
}

fn block(statements: &[Stmt]) -> u32 {
    statements.iter().map(statement).max().unwrap_or(0)
}

fn statement(statement: &Stmt) -> u32 {
    let own = |inner: &Stmt| self::statement(inner);
    1 + match &statement.kind {
        StmtKind::Expr(value) => value.height,
        StmtKind::Local(_, names) => highest(names.iter().filter_map(|name| name.1.as_ref())),
        StmtKind::Deconstruct(places, value) => {
            let old = places.iter().filter_map(|place| if let Place::Old(of) = place { Some(of) } else { None });
            value.height.max(highest(old))
        }
        StmtKind::Function(_, _, parameters, body) => {
            inside(body).max(highest(parameters.iter().filter_map(|parameter| parameter.default.as_ref())))
        }
        StmtKind::Block(statements) => block(statements),
        StmtKind::If(branches, last) => {
            let branch = branches.iter().map(|(condition, then)| condition.height.max(own(then)));
            branch.max().unwrap_or(0).max(last.as_ref().map_or(0, |last| own(last)))
        }
        StmtKind::While(condition, body) | StmtKind::Do(body, condition) => condition.height.max(own(body)),
        StmtKind::For(first, condition, step, body) => {
            block(first).max(highest(condition)).max(highest(step)).max(own(body))
        }
        StmtKind::ForEach(_, _, items, body) => items.height.max(own(body)),
        StmtKind::Switch(value, sections) => {
            let section = sections.iter().map(|(labels, body)| {
                let label = labels.iter().map(|(pattern, guard)| shape(pattern).max(highest(guard)));
                label.max().unwrap_or(0).max(block(body))
            });
            value.height.max(section.max().unwrap_or(0))
        }
        StmtKind::Try(body, catches, last) => {
            let caught = catches.iter().map(|catch| block(&catch.body).max(highest(&catch.when)));
            block(body).max(caught.max().unwrap_or(0)).max(last.as_ref().map_or(0, |last| block(last)))
        }
        StmtKind::Using(first, body) => own(first).max(own(body)),
        StmtKind::Return(value) | StmtKind::Throw(value) => highest(value),
        StmtKind::Break | StmtKind::Continue | StmtKind::Empty => 0,
    }
}

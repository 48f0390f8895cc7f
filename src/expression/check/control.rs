//! Whether every path of a block returns.

use crate::expression::parse::syntax::{Expr, ExprKind, Pattern, Stmt, StmtKind};

/// Whether control never reaches the end.
pub(super) fn always_leaves(statements: &[Stmt]) -> bool {
    statements.iter().any(leaves)
}

fn leaves(statement: &Stmt) -> bool {
    match &statement.kind {
        StmtKind::Return(_) | StmtKind::Throw(_) => true,
        StmtKind::Block(inner) => always_leaves(inner),
        StmtKind::If(branches, Some(last)) => branches.iter().all(|branch| leaves(&branch.1)) && leaves(last),
        StmtKind::Using(_, body) | StmtKind::Do(body, _) => leaves(body),
        StmtKind::While(condition, body) => is_true(condition) && !breaks(body),
        StmtKind::For(_, None, _, body) => !breaks(body),
        StmtKind::Try(body, catches, finally) => {
            finally.as_deref().is_some_and(always_leaves)
                || always_leaves(body) && catches.iter().all(|catch| always_leaves(&catch.body))
        }
        StmtKind::Switch(_, sections) => {
            let default = sections.iter().flat_map(|section| &section.0);
            let has_default = default.into_iter().any(|label| matches!(label, (Pattern::Any, None)));
            has_default && sections.iter().all(|section| always_leaves(&section.1))
        }
        _ => false,
    }
}

fn is_true(condition: &Expr) -> bool {
    matches!(&condition.kind, ExprKind::Literal(value) if value.as_bool() == Some(true))
}

fn breaks(statement: &Stmt) -> bool {
    match &statement.kind {
        StmtKind::Break => true,
        StmtKind::Block(inner) => inner.iter().any(breaks),
        StmtKind::If(branches, last) => {
            branches.iter().any(|branch| breaks(&branch.1)) || last.as_ref().is_some_and(|last| breaks(last))
        }
        StmtKind::Using(_, body) => breaks(body),
        StmtKind::Try(body, catches, finally) => {
            body.iter().any(breaks)
                || catches.iter().any(|catch| catch.body.iter().any(breaks))
                || finally.as_ref().is_some_and(|finally| finally.iter().any(breaks))
        }
        _ => false,
    }
}

//! The syntax tree.

use crate::expression::Value;

/// A type as written: its last name, generic arguments, array ranks.
#[derive(Clone, Debug)]
pub(in crate::expression) struct TypeRef {
    pub(in crate::expression) at: usize,
    pub(in crate::expression) name: String,
    pub(in crate::expression) args: Vec<TypeRef>,
    /// Of the items of a tuple; empty where there is none.
    pub(in crate::expression) names: Vec<String>,
    pub(in crate::expression) ranks: usize,
    pub(in crate::expression) nullable: bool,
}

/// An expression and where it starts, in bytes.
#[derive(Debug)]
pub(in crate::expression) struct Expr {
    pub(in crate::expression) at: usize,
    pub(in crate::expression) kind: ExprKind,
    /// Levels of the tree, itself included.
    pub(in crate::expression) height: u32,
}

impl Expr {
    /// An argument without the name that it is given with.
    pub(in crate::expression) fn unnamed(&self) -> &Self {
        match &self.kind {
            ExprKind::Named(_, value) => value,
            _ => self,
        }
    }
}

#[derive(Debug)]
pub(in crate::expression) enum ExprKind {
    Literal(Value),
    Text(Vec<Piece>),
    Name(String),
    Member(Box<Expr>, String),
    Call(Box<Expr>, Vec<TypeRef>, Vec<Expr>),
    Index(Box<Expr>, Box<Expr>),
    /// The receiver and what follows `?.`, in which [`ExprKind::Hole`] stands for it.
    NullSafe(Box<Expr>, Box<Expr>),
    Hole,
    New(TypeRef, Vec<Expr>, Vec<Initial>),
    NewArray(Option<TypeRef>, Option<Box<Expr>>, Vec<Expr>),
    Record(Vec<(String, Expr)>),
    Tuple(Vec<(Option<String>, Expr)>),
    Cast(TypeRef, Box<Expr>),
    As(Box<Expr>, TypeRef),
    Is(Box<Expr>, Box<Pattern>),
    Switch(Box<Expr>, Vec<Arm>),
    Default(Option<TypeRef>),
    TypeOf(TypeRef),
    Unary(&'static str, Box<Expr>),
    /// `++` and `--`; whether the value is the one before.
    Step(i8, bool, Box<Expr>),
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// A chain of operators of one rank, so that long sums do not nest.
    Chain(Box<Expr>, Vec<(&'static str, Expr)>),
    Conditional(Box<Expr>, Box<Expr>, Box<Expr>),
    /// `=` has the empty operator, `+=` has `+`.
    Assign(&'static str, Box<Expr>, Box<Expr>),
    Lambda(Vec<String>, Box<Body>),
    Throw(Box<Expr>),
    Out(Option<TypeRef>, String),
    /// `name: value` among arguments.
    Named(String, Box<Expr>),
}

#[derive(Debug)]
pub(in crate::expression) enum Piece {
    Text(String),
    Value { value: Box<Expr>, width: Option<Box<Expr>>, format: Option<String> },
}

#[derive(Debug)]
pub(in crate::expression) enum Initial {
    /// `{ x, y }` or `{ { k, v } }`: arguments of `Add`.
    Add(Vec<Expr>),
    /// `[k] = v`.
    Index(Expr, Expr),
    /// `Name = v`.
    Member(usize, String, Expr),
}

#[derive(Debug)]
pub(in crate::expression) enum Pattern {
    Type(TypeRef, Option<String>),
    Value(Expr),
    Compare(&'static str, Expr),
    Not(Box<Pattern>),
    Or(Box<Pattern>, Box<Pattern>),
    And(Box<Pattern>, Box<Pattern>),
    Var(String),
    /// `(a, b)` of a tuple.
    Items(Vec<Pattern>),
    Any,
}

/// What an item of a tuple goes into.
#[derive(Debug)]
pub(in crate::expression) enum Place {
    /// A new variable; `_` is none.
    New(Option<TypeRef>, String),
    Old(Expr),
}

/// A parameter of a local function, and what it is when it is left out.
#[derive(Debug)]
pub(in crate::expression) struct Parameter {
    pub(in crate::expression) of: TypeRef,
    pub(in crate::expression) name: String,
    pub(in crate::expression) default: Option<Expr>,
}

/// An arm of a switch: patterns, a guard, and what follows.
#[derive(Debug)]
pub(in crate::expression) struct Arm {
    pub(in crate::expression) pattern: Pattern,
    pub(in crate::expression) guard: Option<Expr>,
    pub(in crate::expression) value: Expr,
}

/// A label of a switch statement and its guard.
pub(in crate::expression) type Label = (Pattern, Option<Expr>);
/// The labels of a section and what follows them.
pub(in crate::expression) type Section = (Vec<Label>, Vec<Stmt>);

/// The inside of an expression or lambda.
#[derive(Debug)]
pub(in crate::expression) enum Body {
    Expr(Box<Expr>),
    Block(Vec<Stmt>),
}

#[derive(Debug)]
pub(in crate::expression) struct Stmt {
    pub(in crate::expression) at: usize,
    pub(in crate::expression) kind: StmtKind,
}

#[derive(Debug)]
pub(in crate::expression) struct Catch {
    pub(in crate::expression) class: Option<TypeRef>,
    pub(in crate::expression) name: Option<String>,
    pub(in crate::expression) when: Option<Expr>,
    pub(in crate::expression) body: Vec<Stmt>,
}

#[derive(Debug)]
pub(in crate::expression) enum StmtKind {
    Expr(Expr),
    Local(Option<TypeRef>, Vec<(String, Option<Expr>)>),
    Deconstruct(Vec<Place>, Expr),
    Function(TypeRef, String, Vec<Parameter>, Body),
    Block(Vec<Stmt>),
    /// `if`, every `else if`, and `else`.
    If(Vec<(Expr, Stmt)>, Option<Box<Stmt>>),
    While(Expr, Box<Stmt>),
    Do(Box<Stmt>, Expr),
    For(Vec<Stmt>, Option<Expr>, Vec<Expr>, Box<Stmt>),
    ForEach(Option<TypeRef>, String, Expr, Box<Stmt>),
    Switch(Expr, Vec<Section>),
    Try(Vec<Stmt>, Vec<Catch>, Option<Vec<Stmt>>),
    Using(Box<Stmt>, Box<Stmt>),
    Return(Option<Expr>),
    Throw(Option<Expr>),
    Break,
    Continue,
    Empty,
}

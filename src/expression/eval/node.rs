//! The resolved tree.

use std::sync::Arc;

use crate::expression::{
    Fact, Value,
    library::{Member, Native},
    types::Kind,
    value::Handle,
};

/// A compiled body.
pub(in crate::expression) enum Code {
    Expr(Node),
    Block(Vec<Statement>),
}

impl Code {
    pub(in crate::expression) fn constant(&self) -> Option<&Value> {
        match self {
            Self::Expr(Node::Const(value)) => Some(value),
            _ => None,
        }
    }
}

/// A lambda as a value: good in the evaluation that made it.
#[derive(Clone)]
pub struct Lambda(pub(in crate::expression) Arc<LambdaNode>);

/// Parameters and body; `slots` are its own, saved around recursive calls.
pub(in crate::expression) struct LambdaNode {
    pub(in crate::expression) parameters: Vec<usize>,
    pub(in crate::expression) slots: std::ops::Range<usize>,
    pub(in crate::expression) code: Code,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expression) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Xor,
    ShiftLeft,
    ShiftRight,
    Not,
    Negate,
    Plus,
    Complement,
    Coalesce,
}

/// What a cast to a value type makes of null.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::expression) enum Nulls {
    /// `NullReferenceException`.
    Refuse,
    /// `ArgumentNullException`, as the conversions of `JToken` do.
    Argument,
    /// Null: the type is nullable.
    Keep,
}

/// A call of the library.
pub(in crate::expression) struct CallNode {
    /// The receiver; absent for statics.
    pub(in crate::expression) this: Option<Node>,
    pub(in crate::expression) args: Vec<Node>,
    pub(in crate::expression) generic: Kind,
    /// The generic argument of the generic argument: items of a list, values of a dictionary.
    pub(in crate::expression) element: Kind,
    /// Whether the generic argument is nullable.
    pub(in crate::expression) nullable: bool,
    /// Where an `out` argument goes.
    pub(in crate::expression) out: Option<usize>,
    /// The item that the name means where the receiver is a tuple.
    pub(in crate::expression) item: Option<usize>,
    /// The function, when the receiver's type is known.
    pub(in crate::expression) native: Option<Native>,
    /// Those it may be, when it is not.
    pub(in crate::expression) candidates: Vec<&'static Member>,
    pub(in crate::expression) name: Arc<str>,
}

pub(in crate::expression) enum NodePiece {
    Text(Arc<str>),
    Value { value: Node, width: Option<Node>, format: String },
}

/// What can be assigned to.
pub(in crate::expression) enum Target {
    Local(usize),
    Index(Node, Node),
    /// `element.Value`.
    Member(Node, Arc<str>),
    /// An item of the tuple in a variable.
    Item(usize, usize),
}

pub(in crate::expression) enum InitialNode {
    Add(Vec<Node>),
    Set(Node, Node),
    /// `Key = v` of a keyed hash.
    Member(Arc<str>, Node),
}

pub(in crate::expression) enum PatternNode {
    Any,
    Bind(usize),
    Type(Kind, Option<usize>),
    Value(Node),
    Compare(Operator, Node),
    Items(Vec<PatternNode>),
    Not(Box<PatternNode>),
    Or(Box<PatternNode>, Box<PatternNode>),
    And(Box<PatternNode>, Box<PatternNode>),
}

pub(in crate::expression) struct ArmNode {
    pub(in crate::expression) pattern: PatternNode,
    pub(in crate::expression) guard: Option<Node>,
    pub(in crate::expression) value: Node,
}

pub(in crate::expression) enum Node {
    Const(Value),
    Local(usize),
    Fact(Fact),
    Handle(Handle),
    Variable(Box<Node>),
    Native(Box<CallNode>),
    Dynamic(Box<CallNode>),
    Invoke(Box<Node>, Vec<Node>),
    Index(Box<Node>, Box<Node>),
    NullSafe(Box<Node>, usize, Box<Node>),
    Concat(Vec<Node>),
    Interpolate(Vec<NodePiece>),
    Binary(Operator, Box<(Node, Node)>),
    Chain(Box<Node>, Vec<(Operator, Node)>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Coalesce(Box<(Node, Node)>),
    Conditional(Box<(Node, Node, Node)>),
    Unary(Operator, Box<Node>),
    Cast(Kind, Nulls, Box<Node>),
    As(Kind, Box<Node>),
    Is(Box<Node>, Box<PatternNode>),
    Switch(Box<Node>, Vec<ArmNode>),
    Assign(Box<(Option<Operator>, Target, Node)>),
    /// A value, the slot where its parts are, and the assignments of these.
    Deconstruct(Box<Node>, usize, Vec<Node>),
    Step(i32, bool, Box<Target>),
    Array(Vec<Node>),
    Sized(Box<Node>, Value),
    Record(Vec<(Arc<str>, Node)>),
    Initial(Box<Node>, Vec<InitialNode>),
    Lambda(Arc<LambdaNode>),
    Throw(Box<Node>),
}

/// A label of a switch statement and its guard.
pub(in crate::expression) type LabelNode = (PatternNode, Option<Node>);
/// The labels of a section and what follows them.
pub(in crate::expression) type SectionNode = (Vec<LabelNode>, Vec<Statement>);

pub(in crate::expression) struct CatchNode {
    pub(in crate::expression) class: String,
    pub(in crate::expression) slot: Option<usize>,
    pub(in crate::expression) when: Option<Node>,
    pub(in crate::expression) body: Vec<Statement>,
}

pub(in crate::expression) enum Statement {
    Expr(Node),
    Local(usize, Node),
    Block(Vec<Statement>),
    If(Vec<(Node, Statement)>, Option<Box<Statement>>),
    While(Node, Box<Statement>),
    Do(Box<Statement>, Node),
    For(Vec<Statement>, Option<Node>, Vec<Node>, Box<Statement>),
    ForEach(usize, Kind, Node, Box<Statement>),
    Switch(Node, Vec<SectionNode>),
    Try(Vec<Statement>, Vec<CatchNode>, Option<Vec<Statement>>),
    Return(Option<Node>),
    Throw(Option<Node>),
    Break,
    Continue,
}

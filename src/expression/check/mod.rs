//! From the syntax tree to the resolved one: names become slots, members become functions, types flow.
//!
//! Strict where a type is known, lenient where C# itself would only know at run time (`object`, `dynamic`, `JToken`).

mod call;
mod control;
mod conversion;
mod create;
mod expression;
mod function;
mod member;
mod operator;
mod scope;
mod statement;
mod suggest;
mod tuple;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::{
    Trouble, Type,
    compile::Needs,
    eval::{Code, Node},
    library,
    parse::syntax::{Body, TypeRef},
    types::Kind,
    value::Handle,
};
pub(super) use member::PARTS;
use scope::Scope;

/// What checking gives.
pub(super) struct Checked {
    pub(super) code: Code,
    pub(super) slots: usize,
    pub(super) needs: Needs,
    /// Whether it asks where tokens of JSON are.
    pub(super) places: bool,
    pub(super) result: Type,
}

/// A node and its type.
type Typed = (Node, Type);

/// What surrounds a statement, for those that only make sense there.
#[derive(Clone, Copy, Default)]
struct Inside {
    loops: bool,
    breaks: bool,
    catches: bool,
}

/// Members of groups, identities, tuples and types, which are known when they are there.
const ALWAYS: &[&str] = &[
    "Id", "Name", "FullName", "Provider", "Email", "Type", "State", "Item1", "Item2", "Item3", "Item4", "Item5",
    "Item6", "Item7",
];

struct Checker {
    inside: Inside,
    /// Members of values of unknown type that only an anonymous object could have.
    loose: Vec<(usize, String)>,
    /// The members of the anonymous objects.
    fields: HashSet<String>,
    /// The places of items of tuples that go by a name.
    items: HashMap<String, BTreeSet<usize>>,
    /// What local functions take, by their slots.
    functions: Vec<(usize, Vec<function::Taken>)>,
    /// What the function that is being checked gives, and whether that may be null.
    result: Option<(Type, bool)>,
    troubles: Vec<Trouble>,
    scope: Scope,
    needs: Needs,
    places: bool,
    /// The slots that stand for the receivers of `?.`, innermost last.
    holes: Vec<(usize, Type, Option<Handle>)>,
    /// Types of the values returned, of the body being checked.
    returns: Vec<Type>,
}

/// Resolves a parsed body of `length` bytes.
pub(super) fn check(body: &Body, length: usize) -> Result<Checked, Vec<Trouble>> {
    let mut checker = Checker {
        inside: Inside::default(),
        loose: Vec::new(),
        fields: HashSet::new(),
        items: HashMap::new(),
        functions: Vec::new(),
        result: None,
        troubles: Vec::new(),
        scope: Scope::new(),
        needs: Needs::default(),
        places: false,
        holes: Vec::new(),
        returns: Vec::new(),
    };
    let (code, result) = checker.body(body);
    checker.settle_loose();
    if let (Body::Block(statements), true) = (body, checker.troubles.is_empty())
        && !control::always_leaves(statements)
    {
        checker.trouble(length, "not all code paths return a value");
    }
    if !checker.troubles.is_empty() {
        checker.troubles.sort_by_key(|trouble| trouble.offset);
        return Err(checker.troubles);
    }
    Ok(Checked { code, slots: checker.scope.slots(), needs: checker.needs, places: checker.places, result })
}

impl Checker {
    /// A member that nothing has, neither a type nor an anonymous object here, is a mistake.
    fn settle_loose(&mut self) {
        for (at, name) in std::mem::take(&mut self.loose) {
            if !self.fields.contains(&name) && !ALWAYS.contains(&&*name) {
                let hint = suggest::near(&name, library::all_names());
                self.trouble(at, format!("no type has a member `{name}`{hint}"));
            }
        }
    }

    fn trouble(&mut self, offset: usize, message: impl Into<String>) {
        self.troubles.push(Trouble { offset, message: message.into() });
    }

    /// A body's code and the type of its value.
    fn body(&mut self, body: &Body) -> (Code, Type) {
        match body {
            Body::Expr(value) => {
                let (node, of) = self.expr(value);
                (Code::Expr(node), of)
            }
            Body::Block(statements) => {
                let outer = std::mem::take(&mut self.returns);
                let statements = self.block(statements);
                let returns = std::mem::replace(&mut self.returns, outer);
                (Code::Block(statements), common(&returns))
            }
        }
    }

    /// The type that a reference names.
    fn resolve(&mut self, name: &TypeRef) -> Type {
        let args: Vec<_> = name.args.iter().map(|arg| self.resolve(arg)).collect();
        let base = match Kind::by_name(&name.name) {
            Some(Kind::Tuple) => {
                self.note_items(&name.names);
                if args.is_empty() { Type::plain(Kind::Record) } else { Type::tuple(args, &name.names) }
            }
            Some(Kind::Func) => {
                // What it gives is the last of `Func`, and goes without saying of the others.
                let given = match name.name.as_str() {
                    "Action" => Kind::Void.into(),
                    "Predicate" => Kind::Bool.into(),
                    _ => args.last().cloned().unwrap_or(Type::UNKNOWN),
                };
                Type::of(Kind::Func, vec![given])
            }
            Some(kind) => Type::of(kind, args),
            None => {
                let hint = suggest::type_name(&name.name);
                self.trouble(name.at, format!("unknown type `{}`{hint}", name.name));
                Type::UNKNOWN
            }
        };
        (0..name.ranks).fold(base, |of, _| of.array())
    }
}

/// The type that all of them are, if there is one.
fn common(types: &[Type]) -> Type {
    let mut known = types.iter().filter(|of| of.kind != Kind::Null);
    let Some(first) = known.next() else { return Type::UNKNOWN };
    if known.all(|of| of.kind == first.kind) { first.clone() } else { Type::UNKNOWN }
}

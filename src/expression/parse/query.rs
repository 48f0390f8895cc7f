//! Query syntax, `from x in xs where … select …`: written as the calls of methods that it stands for.
//!
//! After a second `from`, a `let` or a `join` there are several range variables; they travel together as an anonymous
//! object, and what follows begins by taking them out of it again. Deliberately not here: what the methods do.

use super::{
    Parsed, Parser,
    lexer::TokenKind,
    syntax::{Body, Expr, ExprKind, Stmt, StmtKind},
};

/// The parameter that stands for several range variables.
const ROW: &str = "row of the query";

/// A query as far as it is read: the sequence, and the range variables of each of its items.
struct Query {
    items: Expr,
    names: Vec<String>,
}

impl Query {
    /// `items.method(args)`.
    fn then(self, method: &str, args: Vec<Expr>) -> Expr {
        let at = self.items.at;
        let member = Expr::new(at, ExprKind::Member(Box::new(self.items), method.to_owned()));
        Expr::new(at, ExprKind::Call(Box::new(member), Vec::new(), args))
    }

    /// A function of the range variables.
    fn function(&self, body: Expr) -> Expr {
        lambda(&self.names, Vec::new(), body)
    }
}

/// A lambda over one item of the query, and further parameters.
fn lambda(names: &[String], mut more: Vec<String>, body: Expr) -> Expr {
    let at = body.at;
    if let [name] = names {
        more.insert(0, name.clone());
        return Expr::new(at, ExprKind::Lambda(more, Box::new(Body::Expr(Box::new(body)))));
    }
    let row = || Box::new(Expr::new(at, ExprKind::Name(ROW.to_owned())));
    let field = |name: &String| {
        let value = Expr::new(at, ExprKind::Member(row(), name.clone()));
        Stmt { at, kind: StmtKind::Local(None, vec![(name.clone(), Some(value))]) }
    };
    let mut statements: Vec<_> = names.iter().map(field).collect();
    statements.push(Stmt { at, kind: StmtKind::Return(Some(body)) });
    more.insert(0, ROW.to_owned());
    Expr::new(at, ExprKind::Lambda(more, Box::new(Body::Block(statements))))
}

/// `new { a, b }` of range variables, the last with a value of its own.
fn row(at: usize, names: &[String], last: Option<(String, Expr)>) -> Expr {
    let name = |name: &String| (name.clone(), Expr::new(at, ExprKind::Name(name.clone())));
    let fields = names.iter().map(name).chain(last).collect();
    Expr::new(at, ExprKind::Record(fields))
}

/// The names with one more, and the function that puts an item and a value of that name into one row.
fn with(names: &[String], name: String, at: usize) -> (Vec<String>, Expr) {
    let wider = [names, std::slice::from_ref(&name)].concat();
    let combined = lambda(names, vec![name], row(at, &wider, None));
    (wider, combined)
}

impl Parser {
    /// Whether a query begins here: `from x in`, `from Type x in`.
    pub(super) fn is_query(&self) -> bool {
        let is_name = |ahead| matches!(self.look(ahead), TokenKind::Name(_));
        let is_in = |ahead| matches!(self.look(ahead), TokenKind::Name(word) if word == "in");
        self.is_word("from") && is_name(1) && (is_in(2) || is_name(2) && is_in(3))
    }

    /// A whole query.
    pub(super) fn query(&mut self) -> Parsed<Expr> {
        let (name, items) = self.range()?;
        let mut query = Query { items, names: vec![name] };
        loop {
            query = match self.clause() {
                "from" => self.second_from(query)?,
                "let" => self.let_clause(query)?,
                "join" => self.join(query)?,
                "where" => {
                    self.advance();
                    let test = self.expression()?;
                    let test = query.function(test);
                    let names = query.names.clone();
                    Query { items: query.then("Where", vec![test]), names }
                }
                "orderby" => self.order(query)?,
                "select" | "group" => {
                    let (items, name) = self.last(query)?;
                    match name {
                        Some(name) => Query { items, names: vec![name] },
                        None => return Ok(items),
                    }
                }
                _ => return Err(self.trouble("expected `where`, `orderby`, `select` or `group` of a query")),
            };
        }
    }

    fn clause(&self) -> &'static str {
        const CLAUSES: [&str; 7] = ["from", "let", "join", "where", "orderby", "select", "group"];
        CLAUSES.into_iter().find(|word| self.is_word(word)).unwrap_or("")
    }

    /// `from x in xs`, `join x in xs`: the type that may stand before the variable casts.
    fn range(&mut self) -> Parsed<(String, Expr)> {
        self.advance();
        let of = self.attempt(|parser| {
            let of = parser.type_ref()?;
            if matches!(parser.peek(), TokenKind::Name(word) if word != "in") {
                Ok(of)
            } else {
                Err(parser.trouble(""))
            }
        });
        let name = self.name()?;
        self.expect_word("in")?;
        let items = self.expression()?;
        let Some(of) = of else { return Ok((name, items)) };
        let at = items.at;
        let cast = Expr::new(at, ExprKind::Member(Box::new(items), "Cast".to_owned()));
        Ok((name, Expr::new(at, ExprKind::Call(Box::new(cast), vec![of], Vec::new()))))
    }

    fn expect_word(&mut self, word: &str) -> Parsed<()> {
        if self.eat_word(word) { Ok(()) } else { Err(self.trouble(&format!("expected `{word}`"))) }
    }

    fn second_from(&mut self, query: Query) -> Parsed<Query> {
        let (name, inner) = self.range()?;
        let at = inner.at;
        let inner = query.function(inner);
        let (names, combined) = with(&query.names, name, at);
        Ok(Query { items: query.then("SelectMany", vec![inner, combined]), names })
    }

    fn let_clause(&mut self, query: Query) -> Parsed<Query> {
        self.advance();
        let name = self.name()?;
        self.expect("=")?;
        let value = self.expression()?;
        let at = value.at;
        let mut names = query.names.clone();
        let map = query.function(row(at, &names, Some((name.clone(), value))));
        names.push(name);
        Ok(Query { items: query.then("Select", vec![map]), names })
    }

    fn join(&mut self, query: Query) -> Parsed<Query> {
        let (name, others) = self.range()?;
        self.expect_word("on")?;
        let mine = self.conditional()?;
        self.expect_word("equals")?;
        let theirs = self.conditional()?;
        let at = theirs.at;
        let (mine, theirs) = (query.function(mine), lambda(std::slice::from_ref(&name), Vec::new(), theirs));
        let (method, name) = if self.eat_word("into") { ("GroupJoin", self.name()?) } else { ("Join", name) };
        let (names, combined) = with(&query.names, name, at);
        Ok(Query { items: query.then(method, vec![others, mine, theirs, combined]), names })
    }

    fn order(&mut self, mut query: Query) -> Parsed<Query> {
        self.advance();
        let mut is_first = true;
        loop {
            let by = self.expression()?;
            let by = query.function(by);
            let falls = self.eat_word("descending");
            if !falls {
                self.eat_word("ascending");
            }
            let method = match (is_first, falls) {
                (true, false) => "OrderBy",
                (true, true) => "OrderByDescending",
                (false, false) => "ThenBy",
                (false, true) => "ThenByDescending",
            };
            let names = query.names.clone();
            query = Query { items: query.then(method, vec![by]), names };
            is_first = false;
            if !self.eat(",") {
                return Ok(query);
            }
        }
    }

    /// `select` or `group … by`, and the name of the query that goes on with it.
    fn last(&mut self, query: Query) -> Parsed<(Expr, Option<String>)> {
        let groups = self.is_word("group");
        self.advance();
        let value = self.expression()?;
        let map = query.function(value);
        let items = if groups {
            self.expect_word("by")?;
            let by = self.expression()?;
            let by = query.function(by);
            query.then("GroupBy", vec![by, map])
        } else {
            query.then("Select", vec![map])
        };
        let name = if self.eat_word("into") { Some(self.name()?) } else { None };
        Ok((items, name))
    }
}

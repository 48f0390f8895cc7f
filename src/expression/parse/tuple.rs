//! Tuples: values `(a, b)`, types `(int x, string y)`, taking apart `var (a, b) = …`, patterns `(1, _)`.
//!
//! Deliberately not here: `Tuple.Create`, which is a call like any other (`library/tuple.rs`).

use super::{
    Parsed, Parser,
    lexer::TokenKind,
    syntax::{Expr, ExprKind, Pattern, Place, Stmt, StmtKind, TypeRef},
};

impl Parser {
    /// `(a)` or `(a, name: b)`, after the parenthesis.
    pub(super) fn grouped(&mut self, at: usize) -> Parsed<Expr> {
        let first = self.tuple_item()?;
        if first.0.is_none() && self.eat(")") {
            return Ok(first.1);
        }
        let mut items = vec![first];
        while self.eat(",") {
            items.push(self.tuple_item()?);
        }
        self.expect(")")?;
        if items.len() == 1 {
            return Err(self.trouble("expected a second item of the tuple"));
        }
        Ok(Expr::new(at, ExprKind::Tuple(items)))
    }

    fn tuple_item(&mut self) -> Parsed<(Option<String>, Expr)> {
        let name = if self.looks(1, ":") { self.attempt(Self::name) } else { None };
        self.at += usize::from(name.is_some());
        Ok((name, self.expression()?))
    }

    /// `(int x, string y)` as a type.
    pub(super) fn tuple_type(&mut self) -> Parsed<TypeRef> {
        let at = self.offset();
        self.expect("(")?;
        let (mut args, mut names) = (Vec::new(), Vec::new());
        loop {
            args.push(self.type_ref()?);
            names.push(self.attempt(Self::name).unwrap_or_default());
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        if args.len() < 2 {
            return Err(self.trouble("expected a second item of the tuple"));
        }
        Ok(TypeRef { at, name: "ValueTuple".to_owned(), args, names, ranks: 0, nullable: false })
    }

    /// `var (a, b) = value`, `(int a, var b) = value`; what only assigns is an expression.
    pub(super) fn deconstruction(&mut self) -> Option<Parsed<StmtKind>> {
        // Nothing is parsed twice but what is about to be taken apart.
        if !self.closes_before("=") {
            return None;
        }
        let places = self.attempt(|parser| {
            let places = parser.places()?;
            if parser.eat("=") { Ok(places) } else { Err(parser.trouble("expected `=`")) }
        })?;
        Some(self.expression().map(|value| StmtKind::Deconstruct(places, value)))
    }

    /// Whether the parenthesis that opens here, or after `var`, is followed by a symbol.
    fn closes_before(&self, symbol: &str) -> bool {
        let from = usize::from(self.is_word("var"));
        if !self.looks(from, "(") {
            return false;
        }
        let mut depth = 0_u32;
        for ahead in from.. {
            match self.look(ahead) {
                TokenKind::Symbol("(") => depth += 1,
                TokenKind::Symbol(")") if depth == 1 => return self.looks(ahead + 1, symbol),
                TokenKind::Symbol(")") => depth -= 1,
                TokenKind::End => return false,
                _ => {}
            }
        }
        false
    }

    /// What a tuple is taken apart into, where at least one variable is new.
    pub(super) fn places(&mut self) -> Parsed<Vec<Place>> {
        let all_new = self.is_word("var") && self.looks(1, "(");
        self.at += usize::from(all_new);
        self.expect("(")?;
        let mut places = Vec::new();
        loop {
            places.push(if all_new { self.name().map(|name| Place::New(None, name))? } else { self.place()? });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        if places.len() < 2 || places.iter().all(|place| matches!(place, Place::Old(_))) {
            return Err(self.trouble("expected variables"));
        }
        Ok(places)
    }

    fn place(&mut self) -> Parsed<Place> {
        let declared = self.attempt(|parser| {
            let of = parser.type_ref()?;
            Ok((of, parser.name()?))
        });
        Ok(match declared {
            Some((of, name)) => Place::New((of.name != "var").then_some(of), name),
            None => Place::Old(self.conditional()?),
        })
    }

    /// The rest of `foreach (var (a, b) in items) …`, after the parenthesis.
    pub(super) fn foreach_parts(&mut self) -> Option<Parsed<StmtKind>> {
        let at = self.offset();
        let places = self.attempt(|parser| {
            let places = parser.places()?;
            if parser.eat_word("in") { Ok(places) } else { Err(parser.trouble("expected `in`")) }
        })?;
        Some(self.foreach_apart(at, places))
    }

    fn foreach_apart(&mut self, at: usize, places: Vec<Place>) -> Parsed<StmtKind> {
        let items = self.expression()?;
        self.expect(")")?;
        let body = self.boxed()?;
        // No name of a document has a blank in it.
        let whole = "foreach item".to_owned();
        let item = Expr::new(at, ExprKind::Name(whole.clone()));
        let apart = Stmt { at, kind: StmtKind::Deconstruct(places, item) };
        let body = Stmt { at, kind: StmtKind::Block(vec![apart, *body]) };
        Ok(StmtKind::ForEach(None, whole, items, Box::new(body)))
    }

    /// `(pattern, pattern)`.
    pub(super) fn tuple_pattern(&mut self) -> Option<Pattern> {
        if !self.is("(") || matches!(self.look(1), TokenKind::Symbol(")")) {
            return None;
        }
        self.attempt(|parser| {
            parser.expect("(")?;
            let mut items = vec![parser.deeper(Self::pattern)?];
            while parser.eat(",") {
                items.push(parser.deeper(Self::pattern)?);
            }
            parser.expect(")")?;
            if items.len() < 2 { Err(parser.trouble("expected a second item")) } else { Ok(Pattern::Items(items)) }
        })
    }
}

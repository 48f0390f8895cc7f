//! `new`: objects and their initializers, arrays, anonymous objects.

use super::{
    Exprs, Parsed, Parser,
    lexer::TokenKind,
    primary::last_name,
    syntax::{Expr, ExprKind, Initial, TypeRef},
};

impl Parser {
    /// What follows `new`.
    pub(super) fn creation(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        self.advance();
        if self.eat("[") {
            self.expect("]")?;
            let items = self.braced_list()?;
            return Ok(Expr::new(at, ExprKind::NewArray(None, None, items)));
        }
        if self.is("{") {
            return self.record(at);
        }
        let name = self.plain_type()?;
        if self.is("[") {
            return self.array(at, name);
        }
        let args = if self.is("(") { self.arguments()? } else { Vec::new() };
        let initial = if self.is("{") { self.initializers()? } else { Vec::new() };
        Ok(Expr::new(at, ExprKind::New(name, args, initial)))
    }

    fn array(&mut self, at: usize, mut name: TypeRef) -> Parsed<Expr> {
        self.expect("[")?;
        let size = if self.is("]") { None } else { Some(Box::new(self.expression()?)) };
        self.expect("]")?;
        while self.is("[") && self.looks(1, "]") {
            self.at += 2;
            name.ranks += 1;
        }
        if name.ranks > super::types::MAX_RANKS {
            return Err(self.trouble("expected fewer dimensions"));
        }
        let items = if self.is("{") { self.braced_list()? } else { Vec::new() };
        Ok(Expr::new(at, ExprKind::NewArray(Some(name), size, items)))
    }

    fn record(&mut self, at: usize) -> Parsed<Expr> {
        self.expect("{")?;
        let mut fields = Vec::new();
        while !self.is("}") {
            let named = matches!(self.peek(), TokenKind::Name(_)) && self.looks(1, "=");
            let name = if named { Some(self.name()?) } else { None };
            self.at += usize::from(named);
            let value = self.expression()?;
            fields.push((name.unwrap_or_else(|| last_name(&value)), value));
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(Expr::new(at, ExprKind::Record(fields)))
    }

    /// `{ a, b }`.
    pub(super) fn braced_list(&mut self) -> Parsed<Exprs> {
        self.expect("{")?;
        let mut items = Vec::new();
        while !self.is("}") {
            items.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(items)
    }

    fn initializers(&mut self) -> Parsed<Vec<Initial>> {
        self.expect("{")?;
        let mut initial = Vec::new();
        while !self.is("}") {
            initial.push(self.initializer()?);
            if !self.eat(",") {
                break;
            }
        }
        self.expect("}")?;
        Ok(initial)
    }

    fn initializer(&mut self) -> Parsed<Initial> {
        if self.is("{") {
            return self.braced_list().map(Initial::Add);
        }
        if self.eat("[") {
            let key = self.expression()?;
            self.expect("]")?;
            self.expect("=")?;
            return Ok(Initial::Index(key, self.expression()?));
        }
        if matches!(self.peek(), TokenKind::Name(_)) && self.looks(1, "=") {
            let at = self.offset();
            let name = self.name()?;
            self.at += 1;
            return Ok(Initial::Member(at, name, self.expression()?));
        }
        Ok(Initial::Add(vec![self.expression()?]))
    }
}

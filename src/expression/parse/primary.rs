//! Unary operators, literals, names, calls, members.

use super::{
    Exprs, Parsed, Parser, Types,
    lexer::{TokenKind, lex},
    strings::{self, Part},
    syntax::{Expr, ExprKind, Piece, TypeRef},
};
use crate::expression::Value;

impl Parser {
    /// Prefix operators and casts.
    pub(super) fn unary(&mut self) -> Parsed<Expr> {
        if ["++", "--", "-", "+", "!", "~", "^"].iter().any(|symbol| self.is(symbol)) {
            return self.prefix();
        }
        if self.is_word("await") {
            return Err(self.trouble("expected an expression: expressions cannot wait"));
        }
        if self.is("(")
            && let Some(name) = self.cast_head()
        {
            return self.cast(name);
        }
        self.primary().and_then(|value| self.postfix(value)).and_then(|value| self.switch(value))
    }

    fn prefix(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        let TokenKind::Symbol(symbol) = self.advance() else { return Err(self.trouble("expected an operator")) };
        let value = self.deeper(Self::unary).map(Box::new)?;
        Ok(Expr::new(
            at,
            match symbol {
                "++" => ExprKind::Step(1, false, value),
                "--" => ExprKind::Step(-1, false, value),
                operator => ExprKind::Unary(operator, value),
            },
        ))
    }

    fn cast(&mut self, name: TypeRef) -> Parsed<Expr> {
        let at = name.at.saturating_sub(1);
        self.deeper(Self::unary).map(|value| Expr::new(at, ExprKind::Cast(name, Box::new(value))))
    }

    fn switch(&mut self, value: Expr) -> Parsed<Expr> {
        if !(self.is_word("switch") && self.looks(1, "{")) {
            return Ok(value);
        }
        let at = value.at;
        self.at += 2;
        self.switch_arms().map(|arms| Expr::new(at, ExprKind::Switch(Box::new(value), arms)))
    }

    fn primary(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        let kind = match self.peek().clone() {
            TokenKind::Literal(value) => {
                self.advance();
                ExprKind::Literal(value)
            }
            token @ TokenKind::Interpolated(_) => {
                self.advance();
                ExprKind::Text(self.pieces(&token)?)
            }
            TokenKind::Symbol("(") => return self.parenthesis(),
            TokenKind::Name(name) => return self.named(at, &name),
            _ => return Err(self.trouble("expected an expression")),
        };
        Ok(Expr::new(at, kind))
    }

    fn parenthesis(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        self.expect("(")?;
        self.grouped(at)
    }

    fn named(&mut self, at: usize, name: &str) -> Parsed<Expr> {
        let kind = match name {
            "true" | "false" => {
                self.advance();
                ExprKind::Literal(Value::Bool(name == "true"))
            }
            "null" => {
                self.advance();
                ExprKind::Literal(Value::Null)
            }
            "new" => return self.creation(),
            "typeof" | "default" if self.looks(1, "(") => {
                self.at += 2;
                let of = self.type_ref()?;
                self.expect(")")?;
                if name == "typeof" { ExprKind::TypeOf(of) } else { ExprKind::Default(Some(of)) }
            }
            "default" => {
                self.advance();
                ExprKind::Default(None)
            }
            // Arithmetic wraps around unless `checked` says otherwise, which nothing here does.
            "unchecked" if self.looks(1, "(") => {
                self.advance();
                return self.parenthesis();
            }
            "nameof" if self.looks(1, "(") => {
                self.at += 2;
                let inner = self.expression()?;
                self.expect(")")?;
                ExprKind::Literal(Value::from(last_name(&inner)))
            }
            _ => ExprKind::Name(self.name()?),
        };
        Ok(Expr::new(at, kind))
    }

    fn postfix(&mut self, mut value: Expr) -> Parsed<Expr> {
        loop {
            value = self.bounded(value)?;
            let TokenKind::Symbol(symbol) = self.peek() else { return Ok(value) };
            value = match *symbol {
                "?." | "?[" => self.null_safe(value)?,
                "." => {
                    self.advance();
                    self.member(value)?
                }
                "[" => self.index(value)?,
                "(" => self.call(value, Vec::new())?,
                "<" => match self.call_generics(&value) {
                    Some(generics) => self.call(value, generics)?,
                    None => return Ok(value),
                },
                "++" | "--" => self.counted(value),
                "!" if self.is_forgiving() => {
                    self.advance();
                    value
                }
                _ => return Ok(value),
            };
        }
    }

    fn null_safe(&mut self, value: Expr) -> Parsed<Expr> {
        let at = value.at;
        let member = self.eat("?.");
        let hole = Expr::new(self.offset(), ExprKind::Hole);
        let first = if member { self.member(hole)? } else { self.null_index(hole)? };
        let rest = self.deeper(|parser| parser.postfix(first))?;
        Ok(Expr::new(at, ExprKind::NullSafe(Box::new(value), Box::new(rest))))
    }

    fn index(&mut self, value: Expr) -> Parsed<Expr> {
        let at = value.at;
        self.expect("[")?;
        let index = self.expression().map(Box::new)?;
        self.expect("]")?;
        Ok(Expr::new(at, ExprKind::Index(Box::new(value), index)))
    }

    fn call(&mut self, value: Expr, generics: Types) -> Parsed<Expr> {
        let at = value.at;
        self.arguments().map(|args| Expr::new(at, ExprKind::Call(Box::new(value), generics, args)))
    }

    fn counted(&mut self, value: Expr) -> Expr {
        let by = if self.is("++") { 1 } else { -1 };
        self.advance();
        Expr::new(value.at, ExprKind::Step(by, true, Box::new(value)))
    }

    /// The null-forgiving operator, which says nothing at run time.
    fn is_forgiving(&self) -> bool {
        !self.looks(1, "=") && matches!(self.look(1), TokenKind::Symbol("." | "[" | ")" | ";" | ","))
    }

    fn null_index(&mut self, hole: Expr) -> Parsed<Expr> {
        self.expect("?[")?;
        let index = self.expression()?;
        self.expect("]")?;
        Ok(Expr::new(hole.at, ExprKind::Index(Box::new(hole), Box::new(index))))
    }

    fn member(&mut self, value: Expr) -> Parsed<Expr> {
        let at = self.offset();
        let name = self.name()?;
        Ok(Expr::new(at, ExprKind::Member(Box::new(value), name)))
    }

    fn call_generics(&mut self, value: &Expr) -> Option<Types> {
        if !self.is("<") || !matches!(value.kind, ExprKind::Member(..) | ExprKind::Name(_)) {
            return None;
        }
        self.attempt(|parser| {
            let generics = parser.generic_arguments()?;
            if parser.is("(") { Ok(generics) } else { Err(parser.trouble("expected `(`")) }
        })
    }

    /// `(a, name: b, out var c)`.
    pub(super) fn arguments(&mut self) -> Parsed<Exprs> {
        self.expect("(")?;
        let mut args = Vec::new();
        while !self.is(")") {
            let at = self.offset();
            let name = if self.looks(1, ":") { self.attempt(Self::name) } else { None };
            self.at += usize::from(name.is_some());
            let value = self.argument()?;
            args.push(match name {
                Some(name) => Expr::new(at, ExprKind::Named(name, Box::new(value))),
                None => value,
            });
            if !self.eat(",") {
                break;
            }
        }
        self.expect(")")?;
        Ok(args)
    }

    fn argument(&mut self) -> Parsed<Expr> {
        let at = self.offset();
        if !self.eat_word("out") {
            self.eat_word("ref");
            return self.expression();
        }
        let declared = self.attempt(|parser| {
            let name = parser.type_ref()?;
            Ok((name, parser.name()?))
        });
        let kind = match declared {
            Some((name, variable)) => ExprKind::Out(Some(name), variable),
            None => ExprKind::Out(None, self.name()?),
        };
        Ok(Expr::new(at, kind))
    }

    fn pieces(&mut self, token: &TokenKind) -> Parsed<Vec<Piece>> {
        let mut pieces = Vec::new();
        for part in strings::parts(token).iter() {
            match part {
                Part::Text(text) if text.is_empty() => {}
                Part::Text(text) => pieces.push(Piece::Text(text.clone())),
                Part::Code(code, at) => pieces.push(self.hole(code, *at)?),
            }
        }
        Ok(pieces)
    }

    /// The inside of `{value,width:format}`.
    fn hole(&mut self, code: &str, at: usize) -> Parsed<Piece> {
        let (code, format) = split_format(code);
        let tokens = lex(code, at)?;
        let mut inner = Parser { tokens, at: 0, height: self.height + 1, tests: false };
        let value = inner.expression()?;
        let width = if inner.eat(",") { Some(Box::new(inner.expression()?)) } else { None };
        inner.end()?;
        Ok(Piece::Value { value: Box::new(value), width, format: format.map(str::to_owned) })
    }
}

/// Splits at the colon outside parentheses and strings that starts a format.
fn split_format(code: &str) -> (&str, Option<&str>) {
    let mut depth = 0_i32;
    let mut at = 0;
    while let Some(next) = code[at..].chars().next() {
        if matches!(next, '"' | '\'' | '$' | '@')
            && let Ok(Some((_, length))) = strings::literal(&code[at..], 0)
        {
            at += length;
            continue;
        }
        match next {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            ':' if depth == 0 => return (&code[..at], Some(&code[at + 1..])),
            _ => {}
        }
        at += next.len_utf8();
    }
    (code, None)
}

pub(super) fn last_name(value: &Expr) -> String {
    match &value.kind {
        ExprKind::Name(name) | ExprKind::Member(_, name) => name.clone(),
        ExprKind::NullSafe(_, rest) => last_name(rest),
        ExprKind::Call(callee, ..) => last_name(callee),
        _ => String::new(),
    }
}
